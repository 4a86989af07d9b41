"""What is attached to a price chart: parts that paint on it and take the mouse before it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from PySide6.QtCore import QPointF, Qt

from app.charts.canvas import Frame


@dataclass(frozen=True)
class Drag:
    """A step of a drag with the left button, in pixels of the pane.

    Attributes
    ----------
    start, now : QPointF
        Where the button went down, and where the pointer is.
    begins, ends : bool
        Whether it is the first step, and the last.
    shift, control : bool
        Whether these keys are held.
    """

    start: QPointF
    now: QPointF
    begins: bool
    ends: bool
    shift: bool = False
    control: bool = False

    @classmethod
    def of(cls, event: Any) -> Drag:
        """Return the step of a drag event of pyqtgraph."""
        keys = event.modifiers()
        return cls(
            event.buttonDownPos(),
            event.pos(),
            bool(event.isStart()),
            bool(event.isFinish()),
            bool(keys & Qt.KeyboardModifier.ShiftModifier),
            bool(keys & Qt.KeyboardModifier.ControlModifier),
        )


class Attached(Protocol):
    """A part of a chart that takes drags.

    Attributes
    ----------
    chosen : bool
        Whether its tool is chosen: it takes every drag then.
    """

    @property
    def chosen(self) -> bool:
        """Whether its tool is chosen."""
        ...

    def paint(self, painter: Any, frame: Frame) -> None:
        """Paint the part."""
        ...

    def drag(self, frame: Frame, drag: Drag) -> bool:
        """Take a step of a drag; False where it does not begin here."""
        ...

    def cursor(self, frame: Frame, point: QPointF) -> Qt.CursorShape | None:
        """Return the shape of the pointer over the part, None beside it."""
        ...


class AttachedParts:
    """The attached parts of a chart, in the order in which they are asked; a chosen tool first.

    Parameters
    ----------
    parts : sequence of Attached
    """

    def __init__(self, parts: Sequence[Attached]) -> None:
        self._parts = tuple(parts)
        self._holder: Attached | None = None

    def drag(self, frame: Frame, drag: Drag) -> bool:
        """Let the part that a drag began on take it; False where it began on none."""
        if drag.begins:
            self._holder = next((part for part in self._ordered() if part.drag(frame, drag)), None)
        elif self._holder is not None:
            self._holder.drag(frame, drag)
        taken = self._holder is not None
        if drag.ends:
            self._holder = None
        return taken

    def cursor(self, frame: Frame, point: QPointF) -> Qt.CursorShape:
        """Return the shape of the pointer over the part at a pixel, an arrow beside all."""
        shapes = (part.cursor(frame, point) for part in self._ordered())
        return next((shape for shape in shapes if shape is not None), Qt.CursorShape.ArrowCursor)

    def _ordered(self) -> list[Attached]:
        return sorted(self._parts, key=lambda part: not part.chosen)


def bar_at(frame: Frame, column: float) -> int:
    """Return the bar nearest to a pixel column."""
    return round(frame.x[0] + column / frame.bar_width)


def index_at(frame: Frame, row: float) -> float:
    """Return the position on the price axis of a pixel row; a logarithm where ``frame.log``."""
    return frame.y[1] - row / max(frame.height, 1.0) * (frame.y[1] - frame.y[0])


def price_at(frame: Frame, row: float) -> float:
    """Return the price at a pixel row."""
    index = index_at(frame, row)
    return float(10**index) if frame.log else float(index)
