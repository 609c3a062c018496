"""connectors room. Whoever imports it before `state/` gets the compiled `state/`, where there is one."""

from connectors.compiled_state import use

use()
