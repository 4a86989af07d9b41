"""The program of the bundle: what PyInstaller's bootloader runs in place of ``python -m app``."""

from __future__ import annotations

import os
import sys

from app.interrupts import end_at_signals

end_at_signals()


def _leave_children_alone() -> None:
    """Take the bundle's libraries out of the environment that other programs inherit.

    The bootloader has put its folder first: a browser or a mail program that is started from here
    would load our libraries. This process has read the variable already.
    """
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if before is not None:
        os.environ["LD_LIBRARY_PATH"] = before
    elif sys.platform == "linux":
        os.environ.pop("LD_LIBRARY_PATH", None)


def _is_helper(words: list[str]) -> bool:
    """Whether this is a process of a pool, or the tracker of its semaphores."""
    return "--multiprocessing-fork" in words or "-c" in words


def _add_plugins() -> None:
    """Let plugins be found that a user has put into the folder of the program's data: nothing can
    be installed into the bundle itself.
    """
    from forecasting.files.atomic import data_folder

    folder = data_folder() / "plugins"
    if folder.is_dir():
        sys.path.append(str(folder))


_leave_children_alone()
_add_plugins()
if _is_helper(sys.argv[1:]):
    import multiprocessing

    multiprocessing.freeze_support()

from app.__main__ import main  # noqa: E402 - helpers never come here

sys.exit(main())
