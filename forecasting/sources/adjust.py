"""Prices as traded, corrected for splits and dividends."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from forecasting.errors import SourceError
from forecasting.series import Floats


def adjusted_prices(values: Mapping[str, Floats]) -> dict[str, Floats]:
    """Scale prices by the ratio of adjusted to traded close of their bar, as Yahoo's own charts do.

    Parameters
    ----------
    values : mapping of str to ndarray, shape [T]
        Columns by role. Open, high, low and close are scaled; others stay as they are.

    Returns
    -------
    dict of str to ndarray, shape [T]
        Without ``adj_close``. NaN where a ratio is not known.

    Raises
    ------
    SourceError
        There is no adjusted close.
    """
    if "adj_close" not in values:
        raise SourceError(
            "There is no adjusted close to scale the prices by.",
            "Name its column: columns adj_close=NAME; or read the prices as they stand.",
        )
    adjusted = values["adj_close"]
    with np.errstate(all="ignore"):
        ratio = adjusted / values["close"]
        scaled = {
            role: column * ratio if role in ("open", "high", "low") else column
            for role, column in values.items()
            if role != "adj_close"
        }
    return {**scaled, "close": adjusted}
