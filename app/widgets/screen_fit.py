"""Sizes of windows beside the main one."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

#: Pixels at the sides and above a window that its frame may take.
_FRAME = QSize(8, 40)


def resize_on_screen(window: QWidget, width: int, height: int) -> None:
    """Resize a window, no farther than its frame fits on the screen."""
    window.resize(QSize(width, height).boundedTo(window.screen().availableSize() - _FRAME))
