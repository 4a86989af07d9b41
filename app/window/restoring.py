"""What was remembered is put back part by part: one that cannot be is left at its default, and
the rest of the window is built.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QCoreApplication

from app import log
from app.background import Failure

_Value = TypeVar("_Value")


class StateRestorer:
    """Puts parts of the window back.

    Attributes
    ----------
    failed : list of str
        What could not be put back.
    """

    def __init__(self) -> None:
        self.failed: list[str] = []

    def attempt(self, what: str, restore: Callable[[], _Value]) -> _Value | None:
        """Put one part back, and return what that returns; None where it failed, whatever the
        reason, which is in the log then.
        """
        try:
            return restore()
        except Exception as error:  # a damaged file can hold anything
            log.fault(Failure.of(error).details)
            self.failed.append(what)
            return None

    def tell(self, show: Callable[[str, str], None]) -> None:
        """Say what is at its default, if anything is."""
        if self.failed:
            message = QCoreApplication.translate(
                "Restoring", "Could not be restored and is at its default: {parts}."
            )
            hint = QCoreApplication.translate(
                "Restoring", "The log says why. What you choose now replaces it."
            )
            show(message.format(parts=", ".join(self.failed)), hint)
