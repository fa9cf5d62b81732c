"""What `breakpoint()` does in a component that runs in a terminal: pdb, without its own idea of Ctrl-C.

After a `continue`, pdb would have Ctrl-C open its prompt again; there it is to end the component, as before.
"""

from __future__ import annotations

import sys

HOOK = f"{__name__}.stop"


def stop() -> None:
    """Named in PYTHONBREAKPOINT, unless somebody has named another."""
    import pdb  # noqa: T100 - this is the debugger

    pdb.Pdb(nosigint=True).set_trace(sys._getframe().f_back)
