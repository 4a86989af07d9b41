"""What is checked before any work begins: too short or ended series, mixed distances of bars,
sizes of the parts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.config import RunConfig, TaskConfig
from forecasting.errors import ConfigError, DataError, Remedy
from forecasting.series import Finding, Panel, PriceSeries

_SECOND_US = 1_000_000
#: Microseconds of a day.
DAY_US = 86_400 * _SECOND_US
#: Microseconds of the units of a frequency; months count 30 days.
_UNITS_US = {
    "s": _SECOND_US,
    "min": 60 * _SECOND_US,
    "h": 3600 * _SECOND_US,
    "D": DAY_US,
    "W": 7 * DAY_US,
    "M": 30 * DAY_US,
}
_WORDS = {
    "1D": "daily",
    "1W": "weekly",
    "1M": "monthly",
    "3M": "quarterly",
    "12M": "yearly",
    "1h": "hourly",
}
#: Irregular bars have the distance of others where their usual ones differ by less than this
#: factor.
_ALIKE = 2.5
#: A series has ended where it lags behind the latest bar of its panel by more than so many days,
#: and so many bars.
_ENDED_DAYS, _ENDED_INTRADAY_DAYS, _ENDED_BARS = 14, 7, 3
#: Names that one message lists.
_MOST_NAMES = 5


class MixedDistancesError(DataError):
    """Bars of different distances: ``groups`` has the symbols of each, the finest first,
    ``common`` what all can be joined to.
    """

    def __init__(
        self, message: str, hint: str, groups: Sequence[tuple[Frequency, list[str]]], common: str
    ) -> None:
        super().__init__(message, hint)
        self.groups = groups
        self.common = common


class UnacceptedFindingsError(DataError):
    """Data with errors that nobody has accepted: ``symbol`` has the first."""

    def __init__(self, message: str, hint: str, symbol: str) -> None:
        super().__init__(message, hint)
        self.symbol = symbol


def cautions(config: RunConfig) -> tuple[str, ...]:
    """Return what is allowed of a network but does nothing: a memory, or a convolution, longer
    than the lookback.
    """
    lookback, model = config.task.input_size, config.model
    bars = f"the lookback of {lookback} {'bar' if lookback == 1 else 'bars'}"
    found = []
    if model.spec.gated and model.memory > lookback:
        found.append(
            f"The initial memory of {model.memory} bars is longer than {bars}: what lies "
            "before it is not read."
        )
    if model.conv_kernel > lookback:
        found.append(
            f"The convolution over {model.conv_kernel} bars is longer than {bars}: it reads "
            "zeros before it."
        )
    return tuple(found)


@dataclass(frozen=True)
class Frequency:
    """How far apart the bars of a series are, and on which days of the week they come.

    Attributes
    ----------
    freq : str
        As of :class:`PriceSeries`; "" for irregular bars.
    distance : int
        Usual distance of two bars in microseconds, 0 where that is unknown.
    weekends : bool
        Whether bars come on all seven days of the week.
    """

    freq: str
    distance: int
    weekends: bool = False

    @classmethod
    def of(cls, series: PriceSeries) -> Frequency:
        """Return the frequency of a series."""
        distance = usual_distance(series)
        return cls(series.freq, distance, 0 < distance <= DAY_US and series.calendar == "24/7")

    @property
    def words(self) -> str:
        """The frequency for people: ``daily``, ``5min``, ``irregular (one in about 2 days)``."""
        if self.freq:
            return _WORDS.get(self.freq, self.freq)
        return f"irregular (one in about {_span(self.distance)})" if self.distance else "irregular"

    def matches(self, other: Frequency) -> bool:
        """Tell whether bars are equally far apart; irregular ones up to a factor, and a single
        bar matches all.
        """
        if self.freq and other.freq:
            return self.freq == other.freq
        if not self.distance or not other.distance:
            return True
        low, high = sorted((self.distance, other.distance))
        return high < _ALIKE * low


def usual_distance(series: PriceSeries) -> int:
    """Return the usual distance of two bars in microseconds, 0 for a single bar."""
    if series.freq:
        return distance_of(series.freq)
    return int(np.median(np.diff(series.ds).astype(np.int64))) if len(series) > 1 else 0


def distance_of(freq: str) -> int:
    """Return the distance that a frequency names, in microseconds."""
    unit = freq.lstrip("0123456789")
    return int(freq.removesuffix(unit) or 1) * _UNITS_US[unit]


def some_names(names: Sequence[str]) -> str:
    """Write the first few names, and how many more there are."""
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown} and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else shown


def drop_short_series(
    panel: Panel, lookback: int, what: str = "the lookback"
) -> tuple[Panel, dict[str, str]]:
    """Leave out the series that are shorter than the lookback; all are kept where none is long
    enough, to be refused.

    Parameters
    ----------
    panel : Panel
    lookback : int
        Bars that a forecast reads.
    what : str
        What needs so many bars, in words.

    Returns
    -------
    panel : Panel
    left_out : dict of str to str
        Why, by symbol.
    """
    usable = tuple(series for series in panel if len(series) >= lookback)
    if not usable or len(usable) == len(panel):
        return panel, {}
    short = (series for series in panel if len(series) < lookback)
    why = {
        series.symbol: (
            f"{series.symbol} has {len(series):,} bars; {what} needs {lookback:,}. It is left out."
        )
        for series in short
    }
    return replace(panel, series=usable), why


def ended(panel: Panel) -> dict[str, str]:
    """Tell which series ended long before the others, so that a forecast of them would be one of
    the past.

    Returns
    -------
    dict of str to str
        A sentence for each such series, by symbol.
    """
    last = max(series.ds[-1] for series in panel)
    found = {}
    for series in panel:
        lag = int((last - series.ds[-1]).astype(np.int64))
        if lag > _most_lag(series):
            day, others = (str(ds.astype("datetime64[D]")) for ds in (series.ds[-1], last))
            found[series.symbol] = (
                f"{series.symbol} ends on {day}, others on {others}: its next bars would be in "
                "the past, so it is not forecast."
            )
    return found


def not_judged(panel: Panel, symbols: Collection[str]) -> dict[str, str]:
    """Tell which series of a panel are not among the symbols that were judged.

    Returns
    -------
    dict of str to str
        A sentence for each such series, by symbol.
    """
    return {
        series.symbol: f"{series.symbol} has no bars to judge in the test part, it ends on "
        f"{series.ds[-1].astype('datetime64[D]')}: it is learned from, but not judged."
        for series in panel
        if series.symbol not in symbols
    }


def living(panel: Panel) -> Panel:
    """Return the panel without the series that ended before the others."""
    gone = ended(panel)
    return (
        replace(panel, series=tuple(item for item in panel if item.symbol not in gone))
        if gone
        else panel
    )


def _most_lag(series: PriceSeries) -> int:
    distance = usual_distance(series)
    days = _ENDED_INTRADAY_DAYS if 0 < distance < DAY_US else _ENDED_DAYS
    return max(days * DAY_US, _ENDED_BARS * distance)


def check_distances(panel: Panel) -> None:
    """Refuse a panel whose bars are of different distances.

    Raises
    ------
    MixedDistancesError
        Names the distances, the series of each, and the distance to which all can be joined.
    """
    groups = by_distance(panel)
    if len(groups) < 2:
        return
    text = "; ".join(f"{frequency.words}: {some_names(symbols)}" for frequency, symbols in groups)
    common = common_distance(frequency for frequency, _ in groups)
    raise MixedDistancesError(
        f"Bars of different distances cannot be learned together ({text}).",
        _way_out(common),
        groups,
        common,
    )


def by_distance(panel: Panel) -> list[tuple[Frequency, list[str]]]:
    """Group the symbols of a panel by the distance of their bars, the finest first."""
    groups: list[tuple[Frequency, list[str]]] = []
    known = sorted((Frequency.of(series) for series in panel), key=lambda item: not item.freq)
    for frequency in known:
        if not any(frequency.matches(item) for item, _ in groups):
            groups.append((frequency, []))
    for series in panel:
        mine = Frequency.of(series)
        next(symbols for frequency, symbols in groups if mine.matches(frequency)).append(
            series.symbol
        )
    return sorted((group for group in groups if group[1]), key=lambda group: group[0].distance)


def common_distance(frequencies: Iterable[Frequency]) -> str:
    """Return the distance to which bars of all these distances can be joined; "" where there is
    none.
    """
    known = list(frequencies)
    coarsest = max(known, key=lambda item: item.distance)
    if not coarsest.freq or coarsest.freq not in ("1h", "2h", "4h", "1D", "1W", "1M"):
        return ""
    return coarsest.freq if all(_joins(item, coarsest) for item in known) else ""


def _joins(fine: Frequency, coarse: Frequency) -> bool:
    """Tell whether whole fine bars make a coarse one; weeks do not fill months."""
    if fine.freq == coarse.freq:
        return True
    if coarse.freq == "1M" and fine.freq.endswith("W"):
        return False
    return coarse.distance >= DAY_US or (
        bool(fine.distance) and coarse.distance % fine.distance == 0
    )


def _way_out(common: str) -> str:
    if not common:
        return "Train them one distance at a time."
    return f"Train them one distance at a time, or join the finer bars: --resample {common}."


def check_sizes(task: TaskConfig) -> None:
    """Refuse a validation or test part that is shorter than the horizon.

    Raises
    ------
    ConfigError
    """
    parts = (("val_size", "validation", task.val_size), ("test_size", "test", task.test_size))
    for field, name, size in parts:
        if 0 < size < task.horizon:
            raise ConfigError(
                f"{size} {name} bars are fewer than the horizon of {task.horizon}: no forecast "
                f"fits into the {name} part.",
                f"Set the {name} size to {task.horizon} or more, to 0 for the usual share, or "
                "lower the horizon.",
                remedies=(Remedy("settings", ((field, task.horizon),)),),
            )


def weekend_note(panel: Panel) -> str:
    """Say that some series trade on seven days of the week and others on five; "" where they do
    not.
    """
    frequencies = [(series.symbol, Frequency.of(series)) for series in panel]
    seven = [symbol for symbol, item in frequencies if item.weekends]
    five = [
        symbol for symbol, item in frequencies if not item.weekends and 0 < item.distance <= DAY_US
    ]
    if not seven or not five:
        return ""
    return (
        f"Bars come on seven days of the week for {some_names(seven)}, on five for "
        f"{some_names(five)}: "
        "the same number of bars ahead is not the same number of days."
    )


def grave(panel: Panel) -> list[tuple[str, Finding]]:
    """Return the findings of severity *error*, each with the symbol of its series."""
    return [
        (series.symbol, finding)
        for series in panel
        for finding in series.findings
        if finding.severity == "error"
    ]


def serious(panel: Panel) -> list[tuple[str, Finding]]:
    """Return errors and warnings of all series with their symbols, errors first."""
    found = [
        (series.symbol, finding)
        for series in panel
        for finding in series.findings
        if finding.severity != "info"
    ]
    return sorted(found, key=lambda item: item[1].severity != "error")


def check_findings(panel: Panel, way: str, accepted: Collection[tuple[str, Finding]] = ()) -> None:
    """Refuse data with errors.

    Parameters
    ----------
    panel : Panel
    way : str
        How to go on nevertheless, for the hint.
    accepted : collection of (str, Finding)
        Errors that were accepted, as of :func:`grave`.

    Raises
    ------
    UnacceptedFindingsError
    """
    found = [item for item in grave(panel) if item not in accepted]
    if not found:
        return
    symbol, first = found[0]
    others = len(found) - 1
    more = f" And {others:,} more {'error' if others == 1 else 'errors'}." if others else ""
    raise UnacceptedFindingsError(
        f"The data of {symbol} has an error. {first.message}{more}", way, symbol
    )


def _span(distance: int) -> str:
    """Write a distance with its largest unit."""
    for unit, name in (("D", "days"), ("h", "hours"), ("min", "minutes")):
        if distance >= _UNITS_US[unit]:
            return f"{distance / _UNITS_US[unit]:.3g} {name}"
    return f"{distance / _SECOND_US:.3g} seconds"


def read_frequency(text: str) -> bool:
    """Tell whether a text is a frequency such as ``5min``, ``1D`` or "" (irregular)."""
    return text == "" or re.fullmatch(r"[1-9]\d{0,3}(s|min|h|D|W|M)", text) is not None
