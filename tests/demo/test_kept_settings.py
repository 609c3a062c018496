"""What a demo leaves up can be looked at with one line of the shell: its file sets what its commands need."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

from demo.kept import keep
from stack.layout import layout_from

_READ = (
    "import json; from dataflows.settings import load_settings, stack_dir; s = load_settings();"
    "print(json.dumps([list(s.sources), s.crm_url, s.erp_password.get_secret_value(), str(stack_dir())]))"
)


def test_a_shell_that_reads_the_file_has_the_settings(tmp_path: Path) -> None:
    """Sources, addresses and a password with every sign that a shell knows; readable by its owner alone."""
    layout = layout_from({"CONCORD_STACK_DIR": str(tmp_path / "my stack"), "CONCORD_PORT_BASE": "23000"})
    layout.run.mkdir(parents=True)
    told = {
        "CONCORD_SOURCES": json.dumps(["billing", "crm"]),
        "CONCORD_CRM_URL": "http://127.0.0.1:23055",
        "CONCORD_ERP_PASSWORD": 'it\'s $HOME "quoted" `x`',
    }
    path = keep(layout, "demo", told)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    script = f". '{path}' && exec '{sys.executable}' -c '{_READ}'"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [
        ["billing", "crm"],
        told["CONCORD_CRM_URL"],
        told["CONCORD_ERP_PASSWORD"],
        str(tmp_path / "my stack"),
    ]
