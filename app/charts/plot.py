"""What every plot offers, whoever draws it: painting into any rectangle, the drawn numbers as a
table, and a summary in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy.typing as npt

if TYPE_CHECKING:
    from PySide6.QtCore import QRectF
    from PySide6.QtGui import QPainter

    from app.theme import Theme

#: A table by columns of one length: numbers (NaN where unknown), datetime64, or text.
Columns = Mapping[str, "npt.NDArray[Any] | Sequence[str]"]


class Plot(Protocol):
    """What can be copied, exported and given as a table.

    :class:`app.charts.canvas.Chart` is one; any other widget may be.
    """

    def paint_plot(self, painter: QPainter, rect: QRectF, theme: Theme, font_px: int = 0) -> None:
        """Paint into a rectangle (logical pixels) in a theme, without a ground of its own,
        leaving the screen as it is.
        """
        ...

    def table(self) -> Columns:
        """Return the numbers that are drawn; empty while nothing is."""
        ...

    def summary(self) -> str:
        """Return what is drawn in one or two sentences."""
        ...
