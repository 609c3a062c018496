"""Logging: one line of JSON per event where a machine reads, coloured text on a terminal.

Events about a record carry `account`, `topic`, `partition` and `offset` where they are known, under exactly these names.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import FilteringBoundLogger, Processor


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Set structlog up for this process: JSON when `stream` (standard error) is not a terminal, else text.

    Raises ValueError for a level other than debug, info, warning, error.
    """
    numbers = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
    if level not in numbers:
        raise ValueError(f"log level {level!r} is not one of {', '.join(numbers)}")
    out = stream or sys.stderr
    ending: list[Processor]
    if out.isatty():
        ending = [structlog.dev.ConsoleRenderer()]
    else:
        ending = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *ending,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numbers[level]),
        logger_factory=structlog.WriteLoggerFactory(out),  # a line is one write: processes may share a file
        cache_logger_on_first_use=False,
    )


def logger(flow: str) -> FilteringBoundLogger:
    """A logger whose events all carry the flow's name."""
    bound: FilteringBoundLogger = structlog.get_logger(flow=flow)
    return bound
