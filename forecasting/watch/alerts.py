"""What the watch tells of, from the prices and from the journal.

Alerts are computed from what is stored, never from what a pass remembers: a pass that is killed is
simply done again.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forecasting.calendars import future_sessions
from forecasting.errors import CandlecastError
from forecasting.events import Alert
from forecasting.sequential import MOST_REFERENCE, PAUSE, Alarm
from forecasting.series import Dates, Floats, PriceSeries
from forecasting.store import SeenBar
from forecasting.watch.record import NetworkRecord, Outcome
from forecasting.watch.subject import Network

_DAY_US = 86_400_000_000
#: Past prices that changed by more than this factor were rescaled as after a split.
_RESCALED = 1.2
#: Sessions without a bar after which a series is said to have stopped.
_SILENT = 5
#: Bars since the first forecast after which a network is to be trained anew.
_YEAR = 250
#: Ratios of two closes that a split leaves: 2 for 1 up to 20 for 1, 3 for 2, 5 for 4.
_SPLITS = (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 1.5)
_NEAR = 0.06
#: Band beyond which a close is said to be far outside.
_WIDE = 95.0
_TRAIN = "Train it again on the prices that are there now, and watch with the new file."


def price_alerts(series: PriceSeries, seen: SeenBar | None, now: np.datetime64) -> Iterator[Alert]:
    """Yield what the prices of a series tell since the pass before."""
    if seen is not None:
        yield from _rescaled(series, seen)
        yield from _jumped(series, seen)
    yield from _stopped(series, now)


def network_alerts(
    series: PriceSeries,
    network: Network,
    record: NetworkRecord,
    level: float,
    since: np.datetime64,
) -> Iterator[Alert]:
    """Yield what the forecasts of a network tell: closes outside their bands since a bar, changes
    that the sequential test found, and whether it is to be trained anew.
    """
    yield from _outside(series, network, record, level, since)
    alarms = tuple(_alarms(series, network, record, since))
    yield from (alert for alert, _ in alarms)
    yield from _aged(series, network, record)
    topic = f"retrain:{network.identity}:{series.symbol}"
    for alert, alarm in alarms:
        why = (
            "prices move more than those that it learned from"
            if alarm.change == "volatility"
            else "its forecasts no longer suit the prices"
        )
        yield Alert(
            f"{topic}:{_stamp(alert.ds)}",
            "retrain",
            series.symbol,
            alert.ds,
            f"{network.path.name} should be trained anew for {series.symbol}: since "
            f"{_day(alert.ds)} {why}.",
            _TRAIN,
            topic=topic,
            apart_us=PAUSE * _DAY_US,
        )
    yield from _worse(series, network, record, since, topic)


def missed_alert(series: PriceSeries, network: Network, record: NetworkRecord) -> Alert | None:
    """Return an alert for bars from which nothing was forecast, because nothing watched when they
    came; None where there are none.
    """
    if not record.entries:
        return None
    after = int(np.searchsorted(series.ds, record.cutoffs.max(), side="right"))
    missed = series.ds[after:-1]
    if not missed.size:
        return None
    closes = "close" if missed.size == 1 else "closes"
    span = _day(missed[0]) if missed.size == 1 else f"{_day(missed[0])} to {_day(missed[-1])}"
    return Alert(
        f"missed:{network.identity}:{series.symbol}:{_stamp(series.ds[-1])}",
        "missed",
        series.symbol,
        series.ds[-1],
        f"{missed.size} {closes} of {series.symbol} came while nothing watched ({span}): nothing "
        "was forecast from there, and nothing is made up afterwards.",
        "Let the watch run at least once a session.",
    )


def _outside(
    series: PriceSeries,
    network: Network,
    record: NetworkRecord,
    level: float,
    since: np.datetime64,
) -> Iterator[Alert]:
    for item in record.outcomes():
        if item.ds > since and item.is_outside(level):
            yield Alert(
                f"outside:{network.identity}:{series.symbol}:{_stamp(item.ds)}",
                "outside",
                series.symbol,
                item.ds,
                _outside_words(series.symbol, item, level),
                f"One close in {round(100 / (100 - level))} does by chance.",
            )


def _outside_words(symbol: str, item: Outcome, level: float) -> str:
    shown = _WIDE if level < _WIDE and item.is_outside(_WIDE) else level
    low, high = (float(limit[item.step]) for limit in item.entry.forecast.band(shown))
    side = "below" if item.y < low else "above"
    cutoff = _day(item.entry.forecast.cutoff)
    return (
        f"{symbol} closed at {item.y:.6g} on {_day(item.ds)}, {side} the {shown:g} % band from "
        f"{low:.6g} to {high:.6g} that was forecast on {cutoff}."
    )


def _alarms(
    series: PriceSeries, network: Network, record: NetworkRecord, since: np.datetime64
) -> Iterator[tuple[Alert, Alarm]]:
    ds, found = record.drift(series)
    for alarm in found.alarms:
        when = ds[alarm.step]
        if when <= since:
            continue
        topic = f"drift:{network.identity}:{series.symbol}"
        alert = Alert(
            f"{topic}:{_stamp(when)}",
            "drift",
            series.symbol,
            when,
            _drift_words(series, record, ds, alarm),
            "The test gives less than one false alarm a year where nothing has changed.",
            topic=topic,
            apart_us=PAUSE * _DAY_US,
        )
        yield alert, alarm


def _drift_words(series: PriceSeries, record: NetworkRecord, ds: Dates, alarm: Alarm) -> str:
    when = ds[alarm.step]
    start = ds[alarm.since]
    if alarm.change == "volatility":
        moves = np.diff(np.log(np.maximum(series.y, 1e-300)))
        bars = np.searchsorted(series.ds, np.array([ds[0], start, when])) - 1
        before = moves[max(0, bars[0] - MOST_REFERENCE) : bars[0]]
        ratio = _spread(moves[bars[1] : bars[2] + 1]) / _spread(before)
        return (
            f"{series.symbol} moves {ratio:.1f} times as much as before it was watched "
            f"({bars[2] - bars[1] + 1} bars from {_day(start)} to {_day(when)})."
        )
    recent = [item for item in record.outcomes() if start <= item.ds <= when]
    inside = sum(not item.is_outside(80) for item in recent)
    words = "too narrow" if alarm.change == "narrow" else "too wide"
    return (
        f"The bands of {series.symbol} have become {words}: {inside} of {len(recent)} "
        f"closes from {_day(start)} to {_day(when)} lay in the 80 % band."
    )


def _aged(series: PriceSeries, network: Network, record: NetworkRecord) -> Iterator[Alert]:
    if not record.entries:
        return
    first = record.cutoffs.min()
    since = int((series.ds > first).sum())
    years = since // _YEAR
    if years:
        index = int(np.searchsorted(series.ds, first, side="right")) + years * _YEAR - 1
        yield Alert(
            f"aged:{network.identity}:{series.symbol}:{years}",
            "retrain",
            series.symbol,
            series.ds[index],
            f"{network.path.name} has forecast {series.symbol} since {_day(first)}, {since} bars, "
            f"and learned from none of them.",
            _TRAIN,
        )


def _worse(
    series: PriceSeries,
    network: Network,
    record: NetworkRecord,
    since: np.datetime64,
    topic: str,
) -> Iterator[Alert]:
    """Yield that a network has become worse than a random walk."""
    ds, (ours, walk), found = record.losses(series)
    for alarm in found.alarms:
        when = ds[alarm.step]
        if when <= since:
            continue
        part = slice(alarm.since, alarm.step + 1)
        more = 100 * (float(ours[part].sum() / walk[part].sum()) - 1)
        yield Alert(
            f"worse:{network.identity}:{series.symbol}:{_stamp(when)}",
            "retrain",
            series.symbol,
            when,
            f"{network.path.name} should be trained anew for {series.symbol}: from "
            f"{_day(ds[alarm.since])} to {_day(when)} ({alarm.step - alarm.since + 1} closes) the "
            f"error of its forecasts was {more:.0f} % larger than a random walk's.",
            _TRAIN,
            topic=topic,
            apart_us=PAUSE * _DAY_US,
        )


def _rescaled(series: PriceSeries, seen: SeenBar) -> Iterator[Alert]:
    index = int(np.searchsorted(series.ds, seen.ds))
    if index >= len(series) or series.ds[index] != seen.ds or seen.y <= 0 or series.y[index] <= 0:
        return
    factor = float(series.y[index]) / seen.y
    if abs(np.log(factor)) > np.log(_RESCALED):
        yield Alert(
            f"split:{series.symbol}:{_stamp(seen.ds)}:{factor:.3g}",
            "split",
            series.symbol,
            series.ds[-1],
            f"The past prices of {series.symbol} were multiplied by {factor:.4g}, as after a "
            f"{_ratio(factor)} split. Forecasts made before are compared in their own prices.",
        )


def _jumped(series: PriceSeries, seen: SeenBar) -> Iterator[Alert]:
    for index in range(max(1, int(np.searchsorted(series.ds, seen.ds, "right"))), len(series)):
        before, after = float(series.y[index - 1]), float(series.y[index])
        if before <= 0 or after <= 0:
            continue
        ratio = max(before / after, after / before)
        if ratio > 1.4 and any(abs(ratio / split - 1) < _NEAR for split in _SPLITS):
            yield Alert(
                f"jump:{series.symbol}:{_stamp(series.ds[index])}",
                "jump",
                series.symbol,
                series.ds[index],
                f"{series.symbol} closed at {after:.6g} on {_day(series.ds[index])} after "
                f"{before:.6g}: this looks like a {_ratio(after / before)} split that its source "
                "has not carried back into the past.",
                "Load it adjusted, or look whether the source corrects it.",
            )


def _stopped(series: PriceSeries, now: np.datetime64) -> Iterator[Alert]:
    try:
        coming = future_sessions(series, _SILENT + 1)
    except CandlecastError:
        return
    if coming[_SILENT - 1] + np.timedelta64(1, "D") > now:
        return
    yield Alert(
        f"stopped:{series.symbol}:{_stamp(series.ds[-1])}",
        "stopped",
        series.symbol,
        series.ds[-1],
        f"{series.symbol} has had no new bar since {_day(series.ds[-1])}, more than {_SILENT} "
        "sessions: it was delisted, or its source has stopped.",
        "Its open forecasts stay open. Take it off the watch, or load it from elsewhere.",
    )


def _ratio(factor: float) -> str:
    """Return a factor of prices as people name a split: ``4-for-1``, ``1-for-10``, ``3-for-2``."""
    shares = 1 / factor
    for old in (1, 2, 4):
        new = shares * old
        if shares >= 1 and abs(new / max(round(new), 1) - 1) < _NEAR / 2:
            return f"{round(new)}-for-{old}"
    if shares < 1 and abs(factor / max(round(factor), 1) - 1) < _NEAR / 2:
        return f"1-for-{round(factor)}"
    return f"{shares:.3g}-for-1"


def _spread(values: Floats) -> float:
    """Return the root mean square of returns; NaN where there are none."""
    return float(np.sqrt(np.mean(values**2))) if values.size else float("nan")


def _stamp(ds: np.datetime64) -> str:
    return str(ds.astype("datetime64[s]"))


def _day(ds: np.datetime64) -> str:
    text = str(ds.astype("datetime64[m]"))
    return text.removesuffix("T00:00").replace("T", " ")
