"""Ctrl-C and SIGTERM: the program ends at once and quietly, unless a job listens for them itself.

Nothing but the standard library's smallest modules is imported: this comes before everything else.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

#: Signals by which a user or the system asks the program to end.
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def end_at_signals() -> None:
    """Let a signal end the process with status 130 or 143, also while modules are imported.

    ``run`` blocks both signals before it becomes this program, so that none is lost between the
    two; here they are let in again.
    """
    for signum in SIGNALS:
        signal.signal(signum, end)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def end(signum: int, _frame: FrameType | None = None) -> None:
    """End the process: temporary files are removed, nothing else is waited for.

    Raising an exception instead would print a traceback where an import, a callback or a library's
    C code is interrupted.
    """
    writing = sys.modules.get("forecasting.files.atomic")
    abandon = getattr(writing, "abandon", None)
    try:
        if abandon is not None:
            abandon()
    finally:
        os._exit(128 + signum)
