"""What can be undone and redone in the window, in the order in which it was done: settings,
drawings, lines of odds, series off the list, deleted runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal

#: Changes that can be undone.
_MOST = 200


@dataclass(frozen=True, eq=False)
class Change:
    """A change that was made.

    Attributes
    ----------
    topic : str
        What was changed: changes of a topic can be forgotten together.
    undo, redo : callable
        Take it back, and make it again.
    allowed : callable
        Whether that can be done now.
    """

    topic: str
    undo: Callable[[], object]
    redo: Callable[[], object]
    allowed: Callable[[], bool] = lambda: True


class UndoHistory(QObject):
    """The changes of a window.

    Attributes
    ----------
    changed : Signal
        Other changes can be undone or redone than before.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._done: list[Change] = []
        self._undone: list[Change] = []
        self._applying = False

    @property
    def can_undo(self) -> bool:
        """Whether the last change can be taken back now."""
        return bool(self._done) and self._done[-1].allowed()

    @property
    def can_redo(self) -> bool:
        """Whether the change that was taken back last can be made again now."""
        return bool(self._undone) and self._undone[-1].allowed()

    def record(self, change: Change, *, continues: bool = False) -> None:
        """Take a change that was made; what follows from undoing or redoing another is none.

        ``continues`` makes it one with the last change, where that is of the same topic.
        """
        if self._applying:
            return
        if continues and self._done and self._done[-1].topic == change.topic:
            change = replace(change, undo=self._done.pop().undo)
        self._done = [*self._done[-_MOST + 1 :], change]
        self._undone.clear()
        self.changed.emit()

    def undo(self) -> None:
        """Take the last change back."""
        if self.can_undo:
            self.undo_change(self._done[-1])

    def redo(self) -> None:
        """Make the change again that was taken back last."""
        if self.can_redo:
            change = self._undone.pop()
            self._done.append(change)
            with self._apply():
                change.redo()

    def undo_change(self, change: Change | None) -> bool:
        """Take one of the changes back, also where others came after it; False where it was taken
        back already, or is forgotten.
        """
        if change is None or change not in self._done:
            return False
        self._done.remove(change)
        self._undone.append(change)
        with self._apply():
            change.undo()
        return True

    def forget(self, topic: str) -> None:
        """Forget all changes of a topic."""
        self._done = [change for change in self._done if change.topic != topic]
        self._undone = [change for change in self._undone if change.topic != topic]
        self.changed.emit()

    @contextmanager
    def _apply(self) -> Iterator[None]:
        self._applying = True
        try:
            yield
        finally:
            self._applying = False
            self.changed.emit()
