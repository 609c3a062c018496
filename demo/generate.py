"""Run the demo company by hand: `python -m demo.generate --seconds 30 --rate 100 --accounts 1000 --seed 1`.

Prints one JSON object at the end. Exit code 0: done; 1: a database or thread failed; 2: wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import psycopg

from dataflows.settings import SettingsError, load_settings
from demo.company import Company, CompanyError, reset
from demo.integration import IntegrationError
from demo.traffic import Traffic, TrafficSettings
from demo.writer import WriterError


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m demo.generate", description="the demo company at work")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long acts go on")
    parser.add_argument("--rate", type=float, default=50.0, help="acts per second")
    parser.add_argument("--accounts", type=int, default=1000, help="accounts to load first; 0 loads none")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same acts")
    parser.add_argument("--drift", type=float, default=0.0, help="share of carries that the old integration gets wrong")
    parser.add_argument("--preload-drifts", type=int, default=0, help="objects that are wrong from the beginning")
    parser.add_argument("--settle", type=float, default=4.0, help="settle time of the ownership rules in seconds")
    parser.add_argument(
        "--reset", action="store_true", help="make the three databases anew first (no connector may run)"
    )
    return parser


def run(options: argparse.Namespace) -> dict[str, object]:
    """Load, work, drain; returns the summary with the ledger's verdicts counted."""
    company = Company(load_settings().postgres)
    if options.reset:
        reset(company)
    settings = TrafficSettings(
        options.seed, options.accounts, options.rate, options.drift, options.preload_drifts, options.settle
    )
    traffic = Traffic(company, settings)
    preload_s = traffic.preload()
    traffic.start()
    time.sleep(options.seconds)
    traffic.stop()
    receipts = traffic.close()
    entries = traffic.ledger.entries(time.time())
    verdicts = {verdict: sum(entry.verdict == verdict for entry in entries) for verdict in ("must", "may", "never")}
    return {
        **traffic.summary(),
        "preload_seconds": round(preload_s, 3),
        "receipts_left": receipts,
        "differences": verdicts,
    }


def main() -> int:
    """Entry point; returns the exit code."""
    options = arguments().parse_args()
    try:
        print(json.dumps(run(options), indent=2))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except (psycopg.Error, CompanyError, IntegrationError, WriterError) as error:
        print(f"{type(error).__name__}: {str(error).strip()}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
