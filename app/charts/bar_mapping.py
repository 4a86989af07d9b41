"""Where the bars of a series as loaded lie on a chart, which may have joined them."""

from __future__ import annotations

import numpy as np

from forecasting.series import Floats, Ints


class BarMapping:
    """Bar indices of a chart for those of the bars as they were loaded, and the way back.

    A joined bar stands where the last bar that it is made of does; the others lie evenly between
    it and the one before.

    Parameters
    ----------
    ends : ndarray of int64, shape [G], optional
        The last loaded bar of each bar of the chart, bars to come included; None where none are
        joined.
    """

    def __init__(self, ends: Ints | None = None) -> None:
        self._ends = None
        if ends is not None:
            self._ends = np.concatenate([[-1.0], ends.astype(np.float64)])

    def position(self, bars: Floats | Ints) -> Floats:
        """Return the place on the chart of loaded bars, shape of ``bars``; beyond the last one as
        far apart as in the last bar of the chart.
        """
        index = np.asarray(bars, np.float64)
        ends = self._ends
        if ends is None:
            return index
        beyond = np.maximum(index - ends[-1], 0.0) / (ends[-1] - ends[-2])
        before = np.minimum(index + 1.0, 0.0)
        return np.asarray(np.interp(index, ends, np.arange(ends.size) - 1.0) + beyond + before)

    def bar(self, position: float) -> int:
        """Return the loaded bar that is nearest to a place on the chart."""
        ends = self._ends
        if ends is None:
            return round(position)
        beyond = max(position - (ends.size - 2), 0.0) * (ends[-1] - ends[-2])
        inside = np.interp(position, np.arange(ends.size) - 1.0, ends)
        return round(float(inside + beyond + min(position + 1.0, 0.0)))
