"""Files on their way out: drawn in the window's thread, a piece at a time, encoded and written
in a worker, one after another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer

from app.background import Failure, Task
from app.session import Session

#: Draws, with pauses; ends with what writes the file, in any thread.
Pieces = Generator[None, None, Callable[[], None]]
#: Milliseconds that a window which closes waits for a file to be written.
_WAIT_MS = 10_000


@dataclass
class _Order:
    """A file to be written: what is still to be drawn, then what writes it, once that is
    ``begun``; ``tell`` gets the fault, or None.
    """

    pieces: Pieces
    tell: Callable[[Failure | None], None]
    write: Callable[[], None] | None = None
    begun: bool = False

    def draw(self) -> None:
        """Draw a piece more."""
        try:
            next(self.pieces)
        except StopIteration as end:
            self.write = end.value


class FileWriteQueue(QObject):
    """Writes files in the order they were asked for, while the window goes on.

    Parameters
    ----------
    parent : QObject
    session : Session
        Runs the worker.
    """

    def __init__(self, parent: QObject, session: Session) -> None:
        super().__init__(parent)
        self._session = session
        self._orders: deque[_Order] = deque()
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._next)
        self._task: Task | None = None

    @property
    def busy(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._orders)

    def begin(self, pieces: Pieces, tell: Callable[[Failure | None], None]) -> None:
        """Draw the first piece at once, as it is on screen now, and the rest and the file as
        soon as it is its turn.
        """
        order = _Order(pieces, tell)
        self._orders.append(order)
        self._draw(order)
        self._timer.start(0)

    def settle(self) -> bool:
        """Draw and write all that is left now; False where something failed, or takes too long."""
        failed: list[Failure] = []
        for order in self._orders:
            order.tell = _noting(order.tell, failed)
        while self._orders:
            order = self._orders[0]
            self._timer.stop()
            if not order.begun:
                self._go_on(order)
            elif self._task is not None and not self._task.wait(_WAIT_MS):
                return False
            elif self._orders and self._orders[0] is order:
                self._orders.popleft()  # given up with the session
        return not failed

    def _draw(self, order: _Order) -> None:
        """Draw a piece; a fault ends the order."""
        try:
            order.draw()
        except Exception as error:  # told, as those of the worker are
            self._orders.remove(order)
            order.tell(Failure.of(error))

    def _next(self) -> None:
        if self._orders and not self._orders[0].begun:
            self._go_on(self._orders[0])
            self._timer.start(0)

    def _go_on(self, order: _Order) -> None:
        """Take the next step: another piece, or the file."""
        if order.write is None:
            self._draw(order)
        else:
            order.begun = True
            self._task = self._session.background.call(order.write, key="write")
            self._task.returned.connect(self._end)
            self._task.failed.connect(self._end)

    def _end(self, failure: Failure | None) -> None:
        self._task = None
        order = self._orders.popleft()
        self._timer.start(0)
        order.tell(failure)


def _noting(
    tell: Callable[[Failure | None], None], failed: list[Failure]
) -> Callable[[Failure | None], None]:
    def both(failure: Failure | None) -> None:
        failed.extend([failure] if failure else [])
        tell(failure)

    return both
