"""Four steps that show a newcomer the way: load, train, judge, save the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QChildEvent, QEvent, QObject, QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.theme import Theme
from app.widgets.labels import text_label
from app.widgets.layouts import STRETCH, fill

#: Width of the card, its distance from what it is about, and how far the mark stands off, in
#: pixels.
_WIDTH, _GAP, _OFF = 340, 14, 4


@dataclass(frozen=True)
class Step:
    """One step: a heading, what to do, and what it is about.

    ``text`` is asked again whenever something has changed; ``target`` brings what the step is about
    into view and returns it.
    """

    heading: str
    text: Callable[[], str]
    target: Callable[[], QWidget]


class Card(QFrame):
    """What a step says, with a way on, a way back and a way out; Esc is the way out, too.

    Attributes
    ----------
    moved : Signal
        1 for the next step, -1 for the one before.
    left : Signal
        The user has seen enough.
    learn_requested : Signal
        The lessons are wanted instead.
    """

    moved = Signal(int)
    left = Signal()
    learn_requested = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("tour")
        self.setProperty("role", "card")
        self.setFixedWidth(_WIDTH)
        self._count = text_label(role="muted", wrap=False)
        self._heading, self._text = text_label(role="title"), text_label()
        self.learn = QPushButton(self.tr("I want to learn"))
        self.learn.setToolTip(self.tr("End the tour and open the lessons on recurrent networks"))
        self.learn.clicked.connect(self.learn_requested)
        self.skip, self.back, self.next = (
            QPushButton(self.tr("Skip")),
            QPushButton(self.tr("Back")),
            QPushButton(self.tr("Next")),
        )
        self.next.setProperty("primary", True)
        self.skip.setToolTip(self.tr("End the tour (Esc); Help > Tour shows it again"))
        self.skip.clicked.connect(self.left)
        self.back.clicked.connect(lambda: self.moved.emit(-1))
        self.next.clicked.connect(lambda: self.moved.emit(1))
        buttons = fill(QHBoxLayout(), self._count, STRETCH)
        for button in (self.learn, self.skip, self.back, self.next):
            button.setAutoDefault(True)
            buttons.addWidget(button)
        rows = fill(QVBoxLayout(self), margins=(18, 16, 18, 14), spacing=8)
        for part in (self._heading, self._text):
            rows.addWidget(part)
        fill(rows, 4, buttons)
        self.hide()

    def show_step(self, step: Step, place: int, count: int) -> None:
        """Show a step; the first has no way back, and the last no way out but its end."""
        last = place == count - 1
        self._count.setText(self.tr("{n} of {all}").format(n=place + 1, all=count))
        text = step.text()
        self._heading.setText(step.heading)
        self._text.setText(text)
        self.setAccessibleName(f"{self.tr('Tour')}, {self._count.text()}: {step.heading}")
        self.setAccessibleDescription(text)
        self.next.setAccessibleDescription(f"{step.heading}. {text}")
        self.back.setVisible(place > 0)
        self.learn.setVisible(place == 0)
        self.skip.setVisible(not last)
        self.next.setText(self.tr("Done") if last else self.tr("Next"))
        # What a label that breaks its lines needs in height follows from the width alone.
        inner = _WIDTH - 36
        for label in (self._heading, self._text):
            label.ensurePolished()  # the style sheet sets the size of the font
            label.setFixedHeight(label.heightForWidth(inner))
        self.adjustSize()

    def event(self, event: QEvent) -> bool:
        """Keep Esc from the command of the window that has it, and end the tour with it."""
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                self.left.emit()
                return True
        return super().event(event)


class OnTop(QObject):
    """Keeps widgets above their siblings, also above those that are raised or added later.

    Parameters
    ----------
    parent : QWidget
        Parent of all of them. Laying out its docks anew raises its central widget, for one.
    widgets : sequence of QWidget
        From the lowest to the highest.
    """

    def __init__(self, parent: QWidget, widgets: Sequence[QWidget]) -> None:
        super().__init__(parent)
        self._widgets = tuple(widgets)
        for widget in widgets:
            widget.setProperty("overlay", True)
        parent.installEventFilter(self)
        for child in parent.children():
            self._watch(child)

    def lift(self) -> None:
        """Raise those of the widgets that are shown above all siblings."""
        for widget in self._widgets:
            if widget.isVisible():
                widget.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Lift once a sibling was raised or has come; not at once, as a dock looks whether it is
        the topmost when it is raised.
        """
        raised = event.type() == QEvent.Type.ZOrderChange
        added = isinstance(event, QChildEvent) and event.added() and self._watch(event.child())
        if raised or added:
            QTimer.singleShot(0, self, self.lift)
        return super().eventFilter(watched, event)

    def _watch(self, child: QObject) -> bool:
        """Watch a sibling of the widgets; return whether it is one."""
        sibling = isinstance(child, QWidget) and not child.isWindow() and child not in self._widgets
        if sibling:
            child.installEventFilter(self)
        return sibling


class Tour(QObject):
    """Goes through steps, each beside what it is about; everything else can be used meanwhile.

    Parameters
    ----------
    window : QMainWindow
    steps : sequence of Step
    message : callable
        Returns the message bar that is seen, None where there is none; the card does not cover it.

    Attributes
    ----------
    ended : Signal
        It was seen to its end, or left.
    learn_requested : Signal
        The lessons are wanted instead.
    """

    ended = Signal()
    learn_requested = Signal()

    def __init__(
        self, window: QMainWindow, steps: Sequence[Step], message: Callable[[], QWidget | None]
    ) -> None:
        super().__init__(window)
        self._window, self._steps, self._at = window, tuple(steps), 0
        self._message = message
        self._mark = QFrame(window)
        self._mark.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._mark.hide()
        self.card = Card(window)
        self.card.moved.connect(self._move)
        self.card.left.connect(self.end)
        self.card.learn_requested.connect(self._learn)
        self._on_top = OnTop(window, (self._mark, self.card))
        window.installEventFilter(self)

    @property
    def shown(self) -> bool:
        """Whether it is under way."""
        return not self.card.isHidden()

    def begin(self) -> None:
        """Show the first step."""
        self._at = 0
        self._show()

    def reach(self, number: int) -> None:
        """Go to a step, counted from 0, once what comes before it is done; never back, and the
        keyboard stays where it is.
        """
        if self.shown and self._at < number:
            self._at = number
            if number < len(self._steps):
                self._show(take_focus=False)
            else:
                self.end()

    def refresh(self) -> None:
        """Tell what holds now."""
        if self.shown:
            self.card.show_step(self._steps[self._at], self._at, len(self._steps))
            self._place()

    def end(self) -> None:
        """Take everything of it away."""
        self._mark.hide()
        self.card.hide()
        self.ended.emit()

    def set_theme(self, theme: Theme) -> None:
        """Draw the marks in the colours of a theme."""
        self._mark.setStyleSheet(
            f"background: transparent; border: 2px solid {theme.accent}; border-radius: 8px;"
        )
        self.card.setStyleSheet(
            f"QFrame#tour {{ background: {theme.raised}; border: 1px solid {theme.accent}; "
            f"border-radius: 10px; }}"
        )

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the window as it changes its size."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest) and self.shown:
            self._place()
        return super().eventFilter(watched, event)

    def _learn(self) -> None:
        """End the tour for the lessons."""
        self.end()
        self.learn_requested.emit()

    def _move(self, steps: int) -> None:
        self._at += steps
        if self._at >= len(self._steps):
            self.end()
        else:
            self._show()

    def _show(self, *, take_focus: bool = True) -> None:
        self._steps[self._at].target()
        self.card.show_step(self._steps[self._at], self._at, len(self._steps))
        for part in (self._mark, self.card):
            part.show()
        self._on_top.lift()
        self._place()
        if take_focus:
            self.card.next.setFocus()

    def _place(self) -> None:
        """Put the mark around what the step is about, and the card beside it where there is most
        room.
        """
        target = self._steps[self._at].target()
        whole = self._window.rect()
        about = self._area(target).intersected(whole)
        self._mark.setGeometry(about.adjusted(-_OFF, -_OFF, _OFF, _OFF).intersected(whole))
        corner = _beside(about, self.card.size(), whole)
        message = self._message()
        if message is not None and self._area(message).intersects(QRect(corner, self.card.size())):
            under = self._area(message).bottom() + _GAP
            corner.setY(min(under, whole.bottom() - self.card.height()))
        self.card.move(corner)

    def _area(self, widget: QWidget) -> QRect:
        return QRect(widget.mapTo(self._window, QPoint(0, 0)), widget.size())


def _beside(about: QRect, size: QSize, whole: QRect) -> QPoint:
    """Return the corner of a card below, right of, above or left of something: the first place
    that has room, inside the whole.
    """
    room = whole.adjusted(8, 8, -8, -8)
    indices = (
        QPoint(about.left(), about.bottom() + _GAP),
        QPoint(about.right() + _GAP, about.bottom() - size.height()),
        QPoint(about.center().x() - size.width() // 2, about.top() - _GAP - size.height()),
        QPoint(about.left() - _GAP - size.width(), about.top()),
    )
    fitting = next((item for item in indices if room.contains(QRect(item, size))), indices[1])
    x = min(max(fitting.x(), room.left()), room.right() - size.width())
    y = min(max(fitting.y(), room.top()), room.bottom() - size.height())
    return QPoint(x, y)
