"""Zeros at the beginning or the end of a series that stand for a value not known."""

from __future__ import annotations

import numpy as np

from forecasting.series import Dates, Finding, Floats
from forecasting.sources.quality import shown

#: A step to or from zero has to be this many times as large as the largest of the others.
_LEAP = 5.0
#: Fewest values that tell what the steps of a series are.
_FEWEST = 10


def without_zero_ends(ds: Dates, close: Floats) -> tuple[Floats, list[Finding]]:
    """Empty the zeros at the ends of a series that is far above zero everywhere else.

    Parameters
    ----------
    ds : ndarray of datetime64[us], shape [T]
    close : ndarray of float64, shape [T]
        In file order.

    Returns
    -------
    close : ndarray of float64, shape [T]
        NaN where a zero stood for nothing; the same array where none did. A rate that falls to zero
        step by step is kept, and so is a series that has zeros inside.
    findings : list of Finding
        What was emptied.
    """
    if close.size < _FEWEST or (close[0] != 0 and close[-1] != 0):
        return close, []
    filled = np.flatnonzero(np.isfinite(close) & (close != 0))
    if filled.size < _FEWEST:
        return close, []
    first, last = int(filled[0]), int(filled[-1])
    inside = close[first : last + 1]
    inside = inside[np.isfinite(inside)]
    if inside.min() <= 0:
        return close, []
    largest = float(np.abs(np.diff(inside)).max())
    ends = np.zeros(close.size, bool)
    ends[:first] = close[first] > _LEAP * largest
    ends[last + 1 :] = close[last] > _LEAP * largest
    ends &= close == 0
    count = int(ends.sum())
    if count == 0:
        return close, []
    message = (
        "Zeros at the beginning or the end of the series, where the value is not known: "
        f"{count}. They are no prices."
    )
    finding = Finding("zero_ends", message, count, "warning", "emptied", shown(ds[ends]))
    return np.where(ends, np.nan, close), [finding]
