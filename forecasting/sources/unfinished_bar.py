"""The bar of a week, month or quarter that is not over, with which vendors' files end: its close
is not final.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from forecasting.calendars.future import month_convention, most_frequent, parsed
from forecasting.calendars.week import DAY, Rule, weekday_of
from forecasting.series import Dates, Finding, PriceSeries

#: Days by which holidays move the date of a weekly or monthly bar at most.
_MOVED = 4
_HOLIDAYS = (
    Rule("date", (1, 1)), Rule("date", (12, 24)), Rule("date", (12, 25)), Rule("date", (12, 26)),
    Rule("date", (12, 31)),
    Rule("easter", (-2,)), Rule("easter", (1,)),
)  # fmt: skip


def without_running_bar(series: PriceSeries, now: np.datetime64 | None = None) -> PriceSeries:
    """Return a weekly, monthly or quarterly series without a last bar that is not over, with a
    finding that says so.

    A last bar counts as running where its date is not one on which bars of the series stand:
    Yahoo's weekly files are dated on Mondays and end with the running week, dated on the day of the
    download. The same holds for bars with a range (open, high, low) that stand on their date but
    whose week or month ends after ``now``.

    Parameters
    ----------
    series : PriceSeries
    now : datetime64, optional
        The present in UTC.
    """
    count, unit = parsed(series.freq)
    if unit not in ("W", "M") or len(series) < 8:
        return series
    moment = np.datetime64(datetime.now(UTC).replace(tzinfo=None), "us") if now is None else now
    days = series.ds.astype("datetime64[D]")
    judge = _running_week if unit == "W" else _running_month
    if not judge(series, days, count, moment.astype("datetime64[D]")):
        return series
    what = {("W", 1): "week", ("M", 1): "month", ("M", 3): "quarter", ("M", 12): "year"}.get(
        (unit, count), "period"
    )
    message = (
        f"The last bar, of {days[-1]}, belongs to a {what} that is not over; its close is "
        "not final."
    )
    finding = Finding("unfinished", message, 1, "warning", "dropped", (str(days[-1]),))
    kept = replace(series, ds=series.ds[:-1], values=series.values[:-1])
    return replace(kept, findings=(*series.findings, finding))


def _running_week(series: PriceSeries, days: Dates, count: int, today: np.datetime64) -> bool:
    """Tell whether the last weekly bar is running.

    Bars dated on Sunday or Monday name the first day of their week, those dated on Friday or
    Saturday the last one.
    """
    usual = int(most_frequent(weekday_of(days[-54:-1])))
    gap = int((days[-1] - days[-2]).astype(np.int64))
    since = int((weekday_of(days[-1]) - usual) % 7)
    if usual in (6, 0):
        started = days[-1] - since * DAY
        if gap <= since or since >= _MOVED - 1:
            return True
        return series.has_range and bool(today < started + 5 * DAY + 7 * (count - 1) * DAY)
    until = 6 - (since - 1) % 7
    if usual in (4, 5):
        rest = np.arange(days[-1] + DAY, days[-1] + (until + 1) * DAY)
        rest = rest[weekday_of(rest) < 5]
        left = rest[~_is_holiday(rest)]
        return gap < 7 * count and (left.size >= 2 or bool(left.size and today <= left[-1]))
    return gap <= min(_MOVED, until)


def _is_holiday(days: Dates) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    if not days.size:
        return np.zeros(0, bool)
    years = (int(str(days[0])[:4]), int(str(days[-1])[:4]))
    return np.isin(days, np.concatenate([rule.days(*years) for rule in _HOLIDAYS]))


def _running_month(series: PriceSeries, days: Dates, count: int, today: np.datetime64) -> bool:
    """Tell whether the last monthly or quarterly bar is running."""
    months = days.astype("datetime64[M]")
    if (months[-1] - months[-2]).astype(np.int64) < count:
        return True
    past = days[-25:-1]
    dated = month_convention(series.calendar, past)
    away = np.abs((past - dated(past.astype("datetime64[M]"))).astype(np.int64))
    if np.mean(away <= _MOVED) < 0.8:
        return False
    if abs(int((days[-1] - dated(months[-1:])[0]).astype(np.int64))) > _MOVED:
        return True
    start = (
        int((dated(months[-1:])[0] - months[-1].astype("datetime64[D]")).astype(np.int64)) <= _MOVED
    )
    ends = (months[-1] + np.timedelta64(count, "M")).astype("datetime64[D]")
    return start and series.has_range and bool(today < ends)
