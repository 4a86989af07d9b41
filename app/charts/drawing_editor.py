"""Draw with mouse and keyboard: tools, handles, selection and keys over a layer of drawings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from PySide6.QtCore import QObject, QPointF, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QPainter

from app.charts.attached import Drag, bar_at, index_at
from app.charts.axis import Timeline
from app.charts.canvas import Frame
from app.charts.drawing import (
    KINDS,
    LARGEST_PRICE,
    Anchor,
    Drawing,
    Kind,
    date_at,
    positions,
)
from app.charts.drawing_layer import WHOLE, DrawingGrip, DrawingLayer

#: Pixels between press and release from which on it is a drag.
_DRAG = 5.0
#: Type of a drawing on the clipboard.
DRAWING_MIME = "application/x-candlecast-drawing"
_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}
#: Pixels that an arrow key moves a price.
_STEP = 2.0


@dataclass(frozen=True)
class _Hold:
    """What a drag moves: a grip of a drawing, and where the drag began."""

    grip: DrawingGrip
    drawing: Drawing
    bar: int
    index: float


#: Returns the bar and the position on the price axis for a pixel; True to do without the magnet.
Snap = Callable[[QPointF, bool], tuple[int, float]]


class DrawingEditor(QObject):
    """Changes the drawings of one series; an :class:`~app.charts.attached.Attached`.

    Parameters
    ----------
    snap : callable
        Finds bar and price for a pixel, with the magnet of the chart.
    parent : QObject

    Attributes
    ----------
    layer : DrawingLayer
        Paints them.
    changed : Signal
        All drawings of the series as a tuple, and whether the change is complete: a drag reports
        every step.
    tool_changed : Signal
        Kind that is drawn next, "" for none.
    selection_changed : Signal
    text_requested : Signal
        The text of a drawing is to be asked for; its number.
    copy_requested : Signal
        A drawing is to go onto the clipboard; its number.
    paste_requested : Signal
        The drawing of the clipboard is to be added.
    """

    changed = Signal(object, bool)
    tool_changed = Signal(str)
    selection_changed = Signal()
    text_requested = Signal(int)
    copy_requested = Signal(int)
    paste_requested = Signal()

    def __init__(self, snap: Snap, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.layer = DrawingLayer()
        self.tool: Kind | None = None
        self.color = 0
        self._snap = snap
        self._symbol = ""
        self._timeline = Timeline()
        self._hold: _Hold | None = None

    # What is shown

    def show(self, symbol: str, drawings: tuple[Drawing, ...]) -> None:
        """Draw these for a series; a draft and the selection of another one are left."""
        if symbol != self._symbol:
            self._symbol = symbol
            self.cancel()
        self.layer.show(drawings, self._timeline)

    def set_timeline(self, timeline: Timeline) -> None:
        """Take other dates of the bars."""
        self._timeline = timeline
        self.layer.show(self.layer.drawings, timeline)

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        """The drawings of the shown series."""
        return self.layer.drawings

    @property
    def selected(self) -> Drawing | None:
        """The selected drawing."""
        index = self.layer.selected
        return None if index is None else self.layer.drawings[index]

    @property
    def chosen(self) -> bool:
        """Whether a tool is chosen."""
        return self.tool is not None

    @property
    def busy(self) -> bool:
        """Whether a tool is chosen or a drawing is selected: Escape leaves both."""
        return self.tool is not None or self.layer.selected is not None

    def select(self, index: int | None) -> None:
        """Select a drawing, or none."""
        if index != self.layer.selected:
            self.layer.selected = index
            self.selection_changed.emit()

    def set_tool(self, kind: Kind | None) -> None:
        """Draw this kind next; None puts the tool away."""
        self.layer.draft = None
        if kind != self.tool:
            self.tool = kind
            self.tool_changed.emit(kind or "")
        if kind is not None:
            self.select(None)

    def cancel(self) -> None:
        """Put the tool away and select nothing."""
        self.set_tool(None)
        self.select(None)
        self._hold = None

    # Changes

    def add(self, drawing: Drawing) -> None:
        """Add a drawing and select it; a note asks for its text."""
        self._emit((*self.drawings, drawing), done=True)
        if drawing in self.drawings:
            self.select(len(self.drawings) - 1)
            if drawing.kind == "note" and not drawing.text:
                self.text_requested.emit(len(self.drawings) - 1)

    def remove(self, index: int) -> None:
        """Remove a drawing."""
        rest = (*self.drawings[:index], *self.drawings[index + 1 :])
        self.select(None)
        self._emit(rest, done=True)

    def update(self, index: int, **changes: object) -> None:
        """Change fields of a drawing, such as its text."""
        self._replace(index, self.drawings[index].model_copy(update=changes), done=True)

    def duplicate(self, index: int) -> None:
        """Add a copy of a drawing beside it."""
        drawing = self.drawings[index]
        bars = round(0.02 * max(len(self._timeline), 100))
        self.add(self._shifted(drawing, min(bars, 5), 0.0, log=False))

    def at(self, kind: Kind, bar: int, price: float) -> None:
        """Begin a drawing at a bar and a price; one with a single point is complete."""
        anchor = self._anchor(bar, price)
        self.set_tool(kind)
        self._begin(anchor)
        if KINDS[kind].anchors == 1:
            self._complete()

    def click_at(self, bar: int, price: float) -> None:
        """Set the next point of the chosen tool at a bar and a price."""
        if self.tool is not None:
            self._point(self._anchor(bar, price))

    def _emit(self, drawings: tuple[Drawing, ...], done: bool) -> None:
        self.changed.emit(drawings, done)

    def _replace(self, index: int, drawing: Drawing, done: bool) -> None:
        before = self.drawings
        self._emit((*before[:index], drawing, *before[index + 1 :]), done)

    def price_at(self, index: int, position: float) -> float | None:
        """Return the price of a line at a position in bars, beyond its ends too; None for what is
        no line over all bars.
        """
        drawing = self.drawings[index]
        first, last = drawing.anchors[0], drawing.anchors[-1]
        if drawing.kind == "horizontal":
            return first.price
        start, end = positions(self._timeline, np.array([first.ds, last.ds], "datetime64[us]"))
        if drawing.kind not in ("trend", "ray") or start == end:
            return None
        share = (position - float(start)) / float(end - start)
        return first.price + share * (last.price - first.price)

    # Drawing

    def date_at(self, bar: int) -> datetime:
        """Return the date of a bar, also beyond the last one."""
        return date_at(self._timeline, bar)

    def _anchor(self, bar: int, price: float) -> Anchor:
        return Anchor(
            ds=date_at(self._timeline, bar), price=min(max(price, -LARGEST_PRICE), LARGEST_PRICE)
        )

    def _anchor_at(self, frame: Frame, point: QPointF, free: bool) -> Anchor:
        bar, index = self._snap(point, free)
        return self._anchor(bar, 10**index if frame.log else index)

    def _begin(self, anchor: Anchor) -> None:
        assert self.tool is not None
        count = KINDS[self.tool].anchors
        self.layer.draft = Drawing(
            symbol=self._symbol, kind=self.tool, anchors=(anchor,) * count, color=self.color
        )

    def _follow(self, anchor: Anchor) -> None:
        """Move the last point of the draft."""
        draft = self.layer.draft
        if draft is not None:
            anchors = (*draft.anchors[:-1], anchor)
            self.layer.draft = draft.model_copy(update={"anchors": anchors})

    def _complete(self) -> None:
        draft = self.layer.draft
        self.set_tool(None)
        if draft is not None and (len(draft.anchors) == 1 or draft.anchors[0] != draft.anchors[1]):
            self.add(draft)

    def hover(self, frame: Frame, point: QPointF, free: bool) -> bool:
        """Let the draft follow the pointer; True where there is one."""
        if self.layer.draft is None:
            return False
        self._follow(self._anchor_at(frame, point, free))
        return True

    def click(self, frame: Frame, point: QPointF, free: bool) -> bool:
        """Set a point of the draft, or select what lies there; False where nothing does."""
        if self.tool is not None:
            self._point(self._anchor_at(frame, point, free))
            return True
        grip = self.layer.grip(frame, point)
        self.select(None if grip is None else grip.index)
        return grip is not None

    def _point(self, anchor: Anchor) -> None:
        """Take the next point of the draft."""
        begins = self.layer.draft is None
        if begins:
            self._begin(anchor)
        if begins and self.tool is not None and KINDS[self.tool].anchors > 1:
            return
        self._follow(anchor)
        self._complete()

    def double_click(self, frame: Frame, point: QPointF) -> bool:
        """Ask for the text of the drawing there; False where there is none."""
        grip = self.layer.grip(frame, point)
        if grip is None or self.tool is not None:
            return False
        self.text_requested.emit(grip.index)
        return True

    # The mouse, as an attached part

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the drawings."""
        self.layer.paint(painter, frame)

    def cursor(self, frame: Frame, point: QPointF) -> Qt.CursorShape | None:
        """Return a cross while drawing, a hand over a drawing."""
        if self.tool is not None:
            return Qt.CursorShape.CrossCursor
        grip = self.layer.grip(frame, point)
        if grip is None:
            return None
        return (
            Qt.CursorShape.PointingHandCursor
            if grip.handle == WHOLE
            else Qt.CursorShape.SizeAllCursor
        )

    def drag(self, frame: Frame, drag: Drag) -> bool:
        """Draw where a tool is chosen, move a drawing or its handle where one lies."""
        if self.tool is not None:
            return self._drag_draft(frame, drag)
        if drag.begins:
            grip = self.layer.grip(frame, drag.start)
            self._hold = None
            if grip is not None:
                self.select(grip.index)
                bar, index = bar_at(frame, drag.start.x()), index_at(frame, drag.start.y())
                self._hold = _Hold(grip, self.drawings[grip.index], bar, index)
        hold = self._hold
        if hold is None or hold.grip.index >= len(self.drawings):
            return False
        moved = self._moved(frame, hold, drag)
        if drag.ends:
            self._hold = None
        self._replace(hold.grip.index, moved, drag.ends)
        return True

    def _drag_draft(self, frame: Frame, drag: Drag) -> bool:
        if drag.begins and self.layer.draft is None:
            self._begin(self._anchor_at(frame, drag.start, drag.control))
        self._follow(self._anchor_at(frame, drag.now, drag.control))
        way = drag.now - drag.start
        if drag.ends and abs(way.x()) + abs(way.y()) >= _DRAG:
            self._complete()
        return True

    def _moved(self, frame: Frame, hold: _Hold, drag: Drag) -> Drawing:
        if hold.grip.handle == WHOLE:
            bars = bar_at(frame, drag.now.x()) - hold.bar
            change = index_at(frame, drag.now.y()) - hold.index
            return self._shifted(hold.drawing, bars, change, frame.log)
        return self._stretched(
            hold.drawing, hold.grip.handle, self._anchor_at(frame, drag.now, drag.control)
        )

    @staticmethod
    def _stretched(drawing: Drawing, handle: int, anchor: Anchor) -> Drawing:
        """Return a drawing with one of its handles at a point; handles 2 and 3 of a rectangle are
        the corners with the date of one anchor and the price of the other.
        """
        anchors = list(drawing.anchors)
        if handle < len(anchors):
            anchors[handle] = anchor
        else:
            dated = handle - 2
            anchors[dated] = anchors[dated].model_copy(update={"ds": anchor.ds})
            anchors[1 - dated] = anchors[1 - dated].model_copy(update={"price": anchor.price})
        return drawing.model_copy(update={"anchors": tuple(anchors)})

    def _shifted(self, drawing: Drawing, bars: int, change: float, log: bool) -> Drawing:
        """Return a drawing moved by bars and along the price axis."""
        dates = np.array([anchor.ds for anchor in drawing.anchors], "datetime64[us]")
        before = positions(self._timeline, dates)
        anchors = []
        for anchor, position in zip(drawing.anchors, before, strict=True):
            moved = anchor.price * 10**change if log else anchor.price + change
            if bars:
                anchors.append(self._anchor(round(float(position)) + bars, moved))
            else:
                anchors.append(anchor.model_copy(update={"price": moved}))
        return drawing.model_copy(update={"anchors": tuple(anchors)})

    # The keyboard

    def key(self, event: QKeyEvent, frame: Frame, crosshair: tuple[int, float] | None) -> bool:
        """Take a key; False where it means nothing here.

        Parameters
        ----------
        event : QKeyEvent
        frame : Frame
        crosshair : tuple of int and float, or None
            Bar and price at the crosshair: Return draws there.
        """
        key = event.key()
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if key == Qt.Key.Key_Escape and self.busy:
            self.cancel()
        elif self.tool is not None:
            return self._key_of_tool(key, crosshair)
        elif event.matches(QKeySequence.StandardKey.Paste):
            self.paste_requested.emit()
        elif key == Qt.Key.Key_D and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._select_next(-1 if shift else 1)
        elif self.layer.selected is not None and event.matches(QKeySequence.StandardKey.Copy):
            self.copy_requested.emit(self.layer.selected)
        elif self.layer.selected is not None:
            return self._key_of_selected(key, shift, frame)
        else:
            return False
        return True

    def _key_of_tool(self, key: int, crosshair: tuple[int, float] | None) -> bool:
        if key not in (Qt.Key.Key_Return, Qt.Key.Key_Enter) or crosshair is None:
            return False
        self.click_at(*crosshair)
        return True

    def follow_crosshair(self, bar: int, price: float) -> None:
        """Let the draft follow the crosshair of the keyboard."""
        if self.layer.draft is not None:
            self._follow(self._anchor(bar, price))

    def _select_next(self, step: int) -> None:
        count = len(self.drawings)
        if count:
            here = self.layer.selected
            start = -1 if here is None and step > 0 else 0 if here is None else here
            self.select((start + step) % count)

    def _key_of_selected(self, key: int, shift: bool, frame: Frame) -> bool:
        index = self.layer.selected
        assert index is not None
        if key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove(index)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.text_requested.emit(index)
        elif Qt.Key(key) in _ARROWS:
            bars, up = _ARROWS[Qt.Key(key)]
            change = up * _STEP * (frame.y[1] - frame.y[0]) / max(frame.height, 1.0)
            drawing = self.drawings[index]
            moved = self._shifted(drawing, bars, change, frame.log)
            if shift and len(drawing.anchors) > 1:
                moved = drawing.model_copy(
                    update={"anchors": (drawing.anchors[0], moved.anchors[1])}
                )
            self._replace(index, moved, done=True)
        else:
            return False
        return True


def holds_drawing() -> bool:
    """Tell whether a drawing is on the clipboard."""
    return bool(QGuiApplication.clipboard().mimeData().hasFormat(DRAWING_MIME))


def described(drawings: Sequence[Drawing]) -> str:
    """Return how many drawings there are, and what each is, for those who cannot see them."""
    if not drawings:
        return ""
    shown = [
        f"{item.title} at {item.anchors[0].price:g} ({item.anchors[0].ds:%Y-%m-%d})"
        for item in drawings[:5]
    ]
    more = f" and {len(drawings) - 5} more" if len(drawings) > 5 else ""
    return f"Drawings: {'; '.join(shown)}{more}."
