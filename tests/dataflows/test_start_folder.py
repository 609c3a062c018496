"""What the processes of one start tell one another in their folder is read whole, and no engine calls one that is not there.

Planted breaks, seen to fail: each is named at its test.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dataflows import start_folder
from dataflows.start import Start
from dataflows.start_folder import StartFolder
from tests.connectors.valkey import free_port
from tests.dataflows.engine_process import REFUSED

WITHIN_S = 60.0


def test_half_a_start_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks all the time sees none or the whole. Planted: written under its own name."""
    monkeypatch.setattr(start_folder, "LOOK_SECONDS", 0.0)
    whole = Start({(f"topic-{n}", 0): n for n in range(20_000)}, {})
    with ThreadPoolExecutor(1) as pool:
        for round_number in range(10):
            path = tmp_path / str(round_number)
            path.mkdir()
            reading = pool.submit(StartFolder(path).start, lambda: False)
            StartFolder(path).give(whole)
            assert reading.result(WITHIN_S) == whole


def test_an_engine_begins_after_those_it_calls(tmp_path: Path) -> None:
    """Process 2 calls 1 as well as 0, and 1 may be slower than both. Planted: all wait for process 0 alone."""
    folder, now = StartFolder(tmp_path), lambda: True
    assert not folder.in_turn(1, now)
    assert folder.in_turn(0, now)
    assert not folder.in_turn(2, now)
    assert folder.in_turn(1, now) and folder.in_turn(2, now)


def engines(folder: Path, first: Callable[[subprocess.Popen[str]], object]) -> str:
    """What process 1 of an engine says, which is there earlier than process 0; both end by themselves."""
    ports = [str(free_port()), str(free_port())]
    command = [sys.executable, "-m", "tests.dataflows.engine_process", str(folder), *ports]
    with subprocess.Popen([*command, "1"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as one:
        try:
            first(one)
            subprocess.run([*command, "0"], timeout=WITHIN_S, check=True)
            said = one.communicate(timeout=WITHIN_S)[0]
        finally:
            one.kill()
    assert one.returncode == 0, said
    return said


def test_no_engine_has_to_ask_again(tmp_path: Path) -> None:
    """It would a second later. One of a few tries must do: a busy machine may hold up the one that is to listen.

    Planted: process 1 does not wait for its turn, so it always asks before process 0 listens.
    """
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()

        def waits(one: subprocess.Popen[str], there: Path = folder / "one") -> None:
            while not there.exists():
                assert one.poll() is None
                time.sleep(0.01)

        if REFUSED not in engines(folder, waits):
            return
    pytest.fail("each time process 1 asked before process 0 listened")
