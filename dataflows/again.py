"""A start that was overtaken by one which it has fenced since: nobody is left to go on unless the same command runs again."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def again() -> NoReturn:
    """Run this command anew, in this process but with nothing of it left."""
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - what is running
