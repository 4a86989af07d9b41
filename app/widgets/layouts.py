"""Rows and columns of widgets, filled in one call."""

from __future__ import annotations

from typing import Final, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QLayout, QWidget


class _Stretch:
    """Space that takes what the other parts leave."""


STRETCH: Final = _Stretch()

Part = QWidget | QLayout
LayoutT = TypeVar("LayoutT", bound=QBoxLayout)


def fill(
    layout: LayoutT,
    *parts: Part | tuple[Part, int] | tuple[Part, int, Qt.AlignmentFlag] | int | _Stretch,
    margins: tuple[int, int, int, int] | None = None,
    spacing: int | None = None,
) -> LayoutT:
    """Add parts to a row or column, and return it.

    Parameters
    ----------
    layout : QBoxLayout
    *parts
        Widgets and layouts, alone or with their stretch and alignment; pixels of space;
        :data:`STRETCH`.
    margins : tuple of int, optional
        Left, top, right and bottom.
    spacing : int, optional
        Pixels between parts.
    """
    if margins is not None:
        layout.setContentsMargins(*margins)
    if spacing is not None:
        layout.setSpacing(spacing)
    for part in parts:
        if isinstance(part, int):
            layout.addSpacing(part)
        elif isinstance(part, _Stretch):
            layout.addStretch(1)
        else:
            _add(layout, *(part if isinstance(part, tuple) else (part,)))
    return layout


def _add(layout: QBoxLayout, part: Part, stretch: int = 0, *alignment: Qt.AlignmentFlag) -> None:
    if isinstance(part, QLayout):
        layout.addLayout(part, stretch)
    else:
        layout.addWidget(part, stretch, *alignment)
