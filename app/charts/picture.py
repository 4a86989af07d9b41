"""Pictures of numbers for lessons and comparisons: panels side by side, without Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from forecasting.series import Floats
from forecasting.shapes import Diagram

#: Colours of a theme that lines take, by the order in which they are named.
COLORS: tuple[str, ...] = ("price", "val_loss", "forecast", "baseline", "down", "volume")
Kind = Literal["line", "dots", "bars", "band", "steps"]


@dataclass(frozen=True, eq=False)
class Line:
    """One set of numbers in a panel.

    Attributes
    ----------
    label : str
        Its name in the legend; "" for none.
    x, y : ndarray of float64, shape [N]
        What is not finite leaves a gap; an infinite value is marked at the upper edge.
    kind : str
        ``band`` lies between ``low`` and ``y``.
    low : ndarray of float64, shape [N]
    color : int
        Place in :data:`COLORS`.
    dashed : bool
    """

    label: str
    x: Floats
    y: Floats
    kind: Kind = "line"
    low: Floats = field(default_factory=lambda: np.empty(0))
    color: int = 0
    dashed: bool = False


@dataclass(frozen=True, eq=False)
class Panel:
    """One plot of a picture.

    Attributes
    ----------
    title : str
    lines : tuple of Line
    x_label, y_label : str
    log : bool
        Powers of ten on the upright axis; values of zero or below leave gaps.
    limits : tuple of (str, float)
        Level lines and their names.
    y_range : tuple of float, optional
        Lowest and highest value; else what the lines need.
    names : tuple of str
        Names of whole numbers on the x axis, from 0: of bars.
    grid : ndarray of float64, shape [rows, columns], optional
        A map of shares from 0 to 1 instead of lines.
    diagram : Diagram, optional
        An unrolled network instead of lines.
    text : str
        Words instead of lines.
    """

    title: str
    lines: tuple[Line, ...] = ()
    x_label: str = ""
    y_label: str = ""
    log: bool = False
    limits: tuple[tuple[str, float], ...] = ()
    y_range: tuple[float, float] | None = None
    names: tuple[str, ...] = ()
    grid: Floats | None = None
    diagram: Diagram | None = None
    text: str = ""


@dataclass(frozen=True, eq=False)
class Picture:
    """Panels side by side, in rows of ``columns``.

    Attributes
    ----------
    title : str
    panels : tuple of Panel
    columns : int
    summary : str
        What is to be seen, in one or two sentences, for those who cannot see it.
    """

    title: str
    panels: tuple[Panel, ...]
    columns: int = 2
    summary: str = ""

    @property
    def rows(self) -> int:
        """Rows of panels."""
        return -(-len(self.panels) // max(1, min(self.columns, len(self.panels))))

    def table(self) -> Mapping[str, Sequence[str] | Floats]:
        """Return all numbers that are drawn: panel, line, x and y, one row a point."""
        lines = [(panel.title, line) for panel in self.panels for line in panel.lines]
        if not lines:
            return {}
        return {
            "panel": [title for title, line in lines for _ in line.x],
            "line": [line.label for _, line in lines for _ in line.x],
            "x": np.concatenate([line.x for _, line in lines]),
            "y": np.concatenate([line.y for _, line in lines]),
        }


def shared_range(panels: Sequence[Panel]) -> tuple[float, float] | None:
    """Return the range that holds the finite values of all panels, so that they compare."""
    values = [
        part[np.isfinite(part) & ((part > 0) | (not panel.log))]
        for panel in panels
        for line in panel.lines
        for part in (line.y, line.low)
    ]
    found = np.concatenate(values) if values else np.empty(0)
    limits = [value for panel in panels for _, value in panel.limits if np.isfinite(value)]
    found = np.concatenate([found, np.array(limits, np.float64)])
    return (float(found.min()), float(found.max())) if found.size else None
