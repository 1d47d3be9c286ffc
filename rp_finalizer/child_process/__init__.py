"""Running a command as if nobody stood between it and its caller, and hearing what it prints.

Linux and macOS. `Supervision` is where to begin.
"""

from rp_finalizer.child_process.program import CannotStartError
from rp_finalizer.child_process.supervision import Ending, Supervision

__all__ = ["CannotStartError", "Ending", "Supervision"]
