"""Trades one by one: those of one moment become one bar."""

from __future__ import annotations

import numpy as np

from forecasting.series import Dates, Finding, Floats
from forecasting.sources.quality import shown

#: Distance of bars from which on a repeated row is a bar written twice, where most rows keep it.
_BAR = np.timedelta64(60, "s")
#: Share of the rows that have to repeat the time of a neighbour: bars do so by accident only.
_OFTEN = 0.05


def join_ticks(
    ds: Dates, columns: dict[str, Floats]
) -> tuple[Dates, dict[str, Floats], list[Finding]]:
    """Join the trades of one moment: the last price, and the sum of the volumes.

    Parameters
    ----------
    ds : ndarray of datetime64[us], shape [T]
        In file order.
    columns : dict of str to ndarray of float64, shape [T]

    Returns
    -------
    ds, columns
        As they were, unless the rows are trades: prices without open, high and low at times of day
        that come again and again, each time right below each other.
    findings : list of Finding
        How many rows were joined.
    """
    if set(columns) & {"open", "high", "low", "adj_close"} or ds.size < 3:
        return ds, columns, []
    again = ds[1:] == ds[:-1]
    count = int(np.count_nonzero(again))
    if count < _OFTEN * ds.size or bool(np.all(ds.astype("datetime64[D]") == ds)):
        return ds, columns, []
    moments = np.flatnonzero(np.concatenate(([True], ~again)))
    if np.unique(ds[moments]).size < moments.size or _is_regular(ds[moments]):
        return ds, columns, []
    backwards = bool(ds[0] > ds[-1])
    ends = np.append(moments[1:], ds.size) - 1
    last = moments if backwards else ends
    joined = {name: column[last] for name, column in columns.items()}
    if "volume" in columns:
        joined["volume"] = np.add.reduceat(np.nan_to_num(columns["volume"]), moments)
    message = (
        f"The rows are trades, several at one moment: {count} are joined with the one "
        "beside them (last price, sum of the volumes)."
    )
    return (
        ds[moments],
        joined,
        [Finding("ticks", message, count, "info", "joined", shown(ds[1:][again]))],
    )


def _is_regular(moments: Dates) -> bool:
    """Tell whether most moments are the same distance apart, as bars of a minute or more are;
    trades are not.
    """
    distances = np.abs(np.diff(moments))
    if distances.size == 0:
        return False
    lengths, counts = np.unique(distances, return_counts=True)
    usual = int(counts.argmax())
    return bool(counts[usual] > 0.5 * distances.size and lengths[usual] >= _BAR)
