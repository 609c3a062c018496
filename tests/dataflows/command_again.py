"""A command that runs itself anew once: `python -m tests.dataflows.command_again <file> ...`; then it prints pid and arguments."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from dataflows.again import again

if __name__ == "__main__":
    first = Path(sys.argv[1])
    if not first.exists():
        first.write_text(str(os.getpid()))
        again()
    json.dump({"pid": os.getpid(), "arguments": sys.argv[1:]}, sys.stdout)
