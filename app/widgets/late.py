"""Parts of the window that are built when they are first looked at or filled: the start does not
wait for what is hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar, cast

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.theme import Theme
from app.widgets.layouts import fill


class Themed(Protocol):
    """A widget that takes the colours of a theme."""

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        ...


ContentT = TypeVar("ContentT", bound=Themed)


class Late(QWidget, Generic[ContentT]):
    """A frame around a widget that is built once it is shown or asked for.

    Parameters
    ----------
    build : callable
        Returns the widget.

    Attributes
    ----------
    built : Signal
        The widget is there, and has its colours (the widget).
    """

    built = Signal(QWidget)

    def __init__(self, build: Callable[[], ContentT]) -> None:
        super().__init__()
        self._build = build
        self._content: ContentT | None = None
        self._theme: Theme | None = None
        self._room = fill(QVBoxLayout(self), margins=(0, 0, 0, 0))

    @property
    def content(self) -> ContentT:
        """The widget, which is built if it is not there yet."""
        if self._content is None:
            self._content = self._build()
            widget = cast(QWidget, self._content)
            if self._theme is not None:
                self._content.set_theme(self._theme)
            self._room.addWidget(widget)
            widget.show()
            self.built.emit(widget)
        return self._content

    @property
    def is_built(self) -> bool:
        """Whether the widget is there."""
        return self._content is not None

    def once_built(self, do: Callable[[ContentT], object]) -> None:
        """Call a function with the widget: now if it is there, otherwise once it is."""
        if self._content is not None:
            do(self._content)
        else:
            self.built.connect(do)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme, now or once the widget is built."""
        self._theme = theme
        if self._content is not None:
            self._content.set_theme(theme)

    def showEvent(self, event: QShowEvent) -> None:
        """Build the widget before it is seen."""
        _content = self.content
        super().showEvent(event)


class LatePanels(Mapping[str, Any]):
    """Panels by name; one that stands in a :class:`Late` is built when it is asked for.

    Parameters
    ----------
    frames : mapping of str to QWidget
        Panels, and frames of those that are built late.
    """

    def __init__(self, frames: Mapping[str, QWidget]) -> None:
        self._frames = frames

    def __getitem__(self, name: str) -> Any:
        """Return a panel, which is built if it is not there yet."""
        frame = self._frames[name]
        return frame.content if isinstance(frame, Late) else frame

    def __iter__(self) -> Iterator[str]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)
