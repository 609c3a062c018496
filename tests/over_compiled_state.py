"""`python -m tests.over_compiled_state FOLDER MODULE ...`: runs a module of ours, or pytest, over the `state/` compiled there.

Ends with 9 if `state/` was not the compiled one after all.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

NOT_COMPILED = 9

if __name__ == "__main__":
    folder, module, *arguments = sys.argv[1:]
    # nothing by itself: the build is that of this run, and the codec has tests of its own
    os.environ["CONCORD_COMPILED"] = "0"
    from connectors import compiled_state

    sys.meta_path.insert(0, compiled_state.Compiled(Path(folder)))
    sys.argv = [module, *arguments]
    code: int | str | None = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    import state.shard

    sys.exit(code if Path(state.shard.__file__).parent == Path(folder) else NOT_COMPILED)
