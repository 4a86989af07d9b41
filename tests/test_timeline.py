"""The dates on which bars are due: known ahead, whichever bars turned out to be missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from forecasting.calendars import future_sessions, timeline
from forecasting.calendars.exchange import sessions_between
from forecasting.calendars.week import WORKDAYS
from forecasting.series import PriceSeries


def _bars(ds: Any, freq: str, calendar: str, tz: str = "") -> PriceSeries:
    ds = np.asarray(ds, "datetime64[us]")
    return PriceSeries("S", ds, ("close",), np.ones((len(ds), 1)), freq, tz=tz, calendar=calendar)


def _dated() -> dict[str, PriceSeries]:
    hours = np.arange(10, 16) * np.timedelta64(1, "h")
    sessions = np.busday_offset("2024-01-02", np.arange(70), roll="forward").astype(
        "datetime64[us]"
    )
    return {
        "exchange": _bars(
            sessions_between(
                "XNYS", np.datetime64("2023-11-01"), np.datetime64("2024-05-01"), WORKDAYS
            ),
            "1D",
            "XNYS",
        ),
        "weekdays": _bars(
            np.busday_offset("2024-01-02", np.arange(90), roll="forward"), "1D", "weekdays"
        ),
        "every day": _bars(
            np.arange("2024-01-01", "2024-04-01", dtype="datetime64[D]"), "1D", "24/7"
        ),
        "weeks": _bars(
            np.arange("2022-01-07", "2024-01-07", 7, dtype="datetime64[D]"), "1W", "XNYS"
        ),
        "months": _bars(np.arange("2019-01", "2024-01", dtype="datetime64[M]"), "1M", "weekdays"),
        "hours of a session": _bars((sessions[:, None] + hours).ravel(), "1h", "weekdays"),
        "all hours": _bars(
            np.arange("2024-01-01T00", "2024-01-20T00", dtype="datetime64[h]"), "1h", "24/7", "UTC"
        ),
    }


@pytest.mark.parametrize("kind", _dated())
def test_the_timeline_agrees_with_future_sessions_whichever_bars_are_missing(kind: str) -> None:
    series, horizon = _dated()[kind], 7
    line = timeline(series, horizon)
    assert np.array_equal(
        line.ahead(np.array([len(series) - 1]), horizon)[0], future_sessions(series, horizon)
    )
    past = np.arange(len(series) - horizon)
    here = series.ds[past[:, None] + np.arange(1, horizon + 1)]
    assert np.array_equal(line.ahead(past, horizon), here), (
        "where no bar is missing, bars come when they are due"
    )

    kept = np.delete(np.arange(len(series)), [40, 41, 50])
    gappy = replace(series, ds=series.ds[kept], values=series.values[kept])
    seen = np.arange(40)
    assert np.array_equal(timeline(gappy, horizon).ahead(seen, horizon), here[:40]), (
        "nobody knew that bars would be missing"
    )


def test_irregular_bars_are_due_at_their_usual_distance() -> None:
    days = np.datetime64("2024-01-01", "us") + np.cumsum([0, 3, 3, 4, 3, 3, 2, 3]) * np.timedelta64(
        1, "D"
    )
    series = _bars(days, "", "24/7")
    ahead = timeline(series, 2).ahead(np.arange(8), 2)
    assert (np.diff(ahead, axis=1) == np.timedelta64(3, "D")).all()
    assert (ahead[:, 0] > series.ds).all()
