"""Trading days that a series shows by itself: the trading week of each period, and holidays that
come back every year.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from forecasting.calendars.remembered import remembered
from forecasting.series import Dates, Floats, Ints

Mask = npt.NDArray[np.bool_]

DAY = np.timedelta64(1, "D")
WORKWEEK = np.array([True] * 5 + [False] * 2)

#: Fewest days with bars from which a trading week is told; Monday to Friday are assumed below.
_FEWEST_DAYS = 20
#: Share of a period's weeks in which a weekday must have bars.
_SEEN = 0.25
#: Share of its weeks below which a weekday counts as not traded beside a period in which it is.
_SELDOM = 0.1
#: Gain in log-likelihood at which a weekday's share of weeks with bars counts as changed.
_CHANGE = 12.0
#: Years before the last bar from which yearly holidays are learned.
_YEARS = 8
#: Missing days in a row that are a hole in the data, not holidays.
_HOLE = 12
#: Highest expected number of rules that chance alone would fit.
_CHANCE = 0.05

_USUAL_DATES = (
    (1, 1),
    (1, 6),
    (5, 1),
    (8, 15),
    (10, 1),
    (11, 1),
    (12, 24),
    (12, 25),
    (12, 26),
    (12, 31),
)
#: Holidays of many exchanges by kind and numbers of their rule: one missing day is enough evidence
#: for them.
_USUAL = {("easter", (-2,)), ("easter", (1,)), *(("date", one) for one in _USUAL_DATES)}
#: Holidays by their distance in days from Easter Sunday.
_EASTER_NAMES = {
    -48: "Carnival Monday", -47: "Carnival Tuesday", -3: "Maundy Thursday", -2: "Good Friday",
    1: "Easter Monday",
    39: "Ascension Day", 50: "Whit Monday", 60: "Corpus Christi",
}  # fmt: skip
_ORTHODOX_NAMES = {
    -48: "Clean Monday",
    -2: "Orthodox Good Friday",
    1: "Orthodox Easter Monday",
    50: "Orthodox Whit Monday",
}
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def weekday_of(days: Dates | np.datetime64) -> Ints:
    """Return 0 for Monday ... 6 for Sunday."""
    return (np.asarray(days).astype("datetime64[D]").astype(np.int64) + 3) % 7


def days_between(first: np.datetime64, last: np.datetime64, mask: Mask) -> Dates:
    """Return the days from ``first`` to ``last``, both included, whose weekday is in ``mask``
    [7].
    """
    days: Dates = np.arange(first, last + DAY, dtype="datetime64[D]")
    return days[mask[weekday_of(days)]]


def easter(years: Ints) -> Dates:
    """Return Easter Sunday of Gregorian years [N] (anonymous Gregorian computus, Meeus 1991,
    chapter 8).
    """
    golden, century, rest = years % 19, years // 100, years % 100
    skipped = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - century // 4 - skipped + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    number = epact + weekday - 7 * late + 114
    return _date(years, number // 31, number % 31 + 1)


def orthodox_easter(years: Ints) -> Dates:
    """Return Orthodox Easter Sunday as Gregorian dates [N] (Meeus' Julian computus, moved to the
    Gregorian calendar).
    """
    moon = (19 * (years % 19) + 15) % 30
    weekday = (2 * (years % 4) + 4 * (years % 7) - moon + 34) % 7
    number = moon + weekday + 114
    gregorian: Dates = (
        _date(years, number // 31, number % 31 + 1) + (years // 100 - years // 400 - 2) * DAY
    )
    return gregorian


def _date(years: Ints, months: Ints | int, days: Ints | int) -> Dates:
    first = (years - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (
        np.asarray(months) - 1
    ).astype("timedelta64[M]")
    dates: Dates = first.astype("datetime64[D]") + (np.asarray(days) - 1) * DAY
    return dates


@dataclass(frozen=True)
class Rule:
    """A holiday that comes back every year.

    Attributes
    ----------
    kind : str
        ``date`` (month, day), ``nth`` (month, weekday, nth; 5 is the last), ``easter`` or
        ``orthodox`` (days from Easter Sunday).
    numbers : tuple of int
    """

    kind: str
    numbers: tuple[int, ...]

    @property
    def name(self) -> str:
        """What people call it: ``25 December``, ``Good Friday``, ``last Monday of May``."""
        if self.kind == "easter":
            return _EASTER_NAMES[self.numbers[0]]
        if self.kind == "orthodox":
            return _ORTHODOX_NAMES[self.numbers[0]]
        if self.kind == "date":
            return f"{self.numbers[1]} {_MONTHS[self.numbers[0] - 1]}"
        month, weekday, nth = self.numbers
        return (
            f"{('first', 'second', 'third', 'fourth', 'last')[nth - 1]} {WEEKDAYS[weekday]} "
            f"of {_MONTHS[month - 1]}"
        )

    def days(self, first_year: int, last_year: int) -> Dates:
        """Return the day of each year from ``first_year`` to ``last_year``; 29 February only
        where there is one.
        """
        years = np.arange(first_year, last_year + 1)
        if self.kind in ("easter", "orthodox"):
            sunday = easter(years) if self.kind == "easter" else orthodox_easter(years)
            feast: Dates = sunday + self.numbers[0] * DAY
            return feast
        if self.kind == "date":
            month, day = self.numbers
            dates = _date(years, month, day)
            real: Dates = dates[dates.astype("datetime64[M]").astype(np.int64) % 12 + 1 == month]
            return real
        month, weekday, nth = self.numbers
        start = _date(years, month, 1)
        found: Dates = start + ((weekday - weekday_of(start)) % 7 + 7 * (min(nth, 4) - 1)) * DAY
        if nth == 5:
            later = found + 7 * DAY
            inside = later.astype("datetime64[M]") == start.astype("datetime64[M]")
            found[inside] = later[inside]
        return found


@dataclass(frozen=True)
class Holidays:
    """Yearly holidays that a series shows, and where those go that fall on a Saturday or Sunday.

    Attributes
    ----------
    rules : tuple of Rule
    moves : tuple of two int
        Days by which a fixed date on a Saturday, and on a Sunday, is moved to a day without
        trading; 0 where it is not.
    """

    rules: tuple[Rule, ...] = ()
    moves: tuple[int, int] = (0, 0)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the rules, in the order of the year, each once."""
        ordered = sorted(self.rules, key=lambda rule: str(rule.days(2026, 2026)[:1]))
        return tuple(dict.fromkeys(rule.name for rule in ordered))

    def days(self, first: np.datetime64, last: np.datetime64) -> Dates:
        """Return the holidays from ``first`` to ``last``, both included, increasing."""
        years = [int(str(day.astype("datetime64[Y]"))) for day in (first, last)]
        found = [rule.days(years[0] - 1, years[1] + 1) for rule in self.rules]
        moved = [
            _moved(days, self.moves)
            for rule, days in zip(self.rules, found, strict=True)
            if rule.kind == "date"
        ]
        every = np.unique(np.concatenate([*found, *moved, np.empty(0, "datetime64[D]")]))
        return every[(every >= first) & (every <= last)]


def _moved(days: Dates, moves: tuple[int, int]) -> Dates:
    """Return the days on which fixed dates that fall on a weekend are kept instead."""
    weekday = weekday_of(days)
    parts = [days[weekday == 5 + index] + move * DAY for index, move in enumerate(moves) if move]
    return np.concatenate([*parts, days[:0]])


@dataclass(frozen=True, eq=False)
class TradingWeek:
    """The days on which a series trades, told from the days that have bars; only dates are looked
    at.

    The trading week may change within a series (Dubai left Sunday to Thursday in 2022): each period
    has its own, and the last one holds for the future. Holidays that come back every year are no
    sessions, unless they have a bar.

    Attributes
    ----------
    seen : ndarray of datetime64[D], shape [N]
        Days with bars, increasing, each once.
    """

    seen: Dates = field(default_factory=lambda: np.empty(0, "datetime64[D]"))

    @cached_property
    def periods(self) -> tuple[tuple[np.datetime64, Mask], ...]:
        """First day and weekdays [7] of each period, oldest first."""
        if self.seen.size < _FEWEST_DAYS:
            mask = WORKWEEK.copy()
            mask[weekday_of(self.seen)] = True
            return ((np.datetime64("0001-01-01"), mask),)
        return tuple(_periods(self.seen))

    @cached_property
    def holidays(self) -> Holidays:
        """Holidays that the series shows."""
        return learned_holidays(self.seen, self) if self.seen.size >= _FEWEST_DAYS else Holidays()

    @cached_property
    def missing(self) -> Dates:
        """Days of the trading week without a bar, between the first and the last bar."""
        return (
            np.setdiff1d(self.weekdays(self.seen[0], self.seen[-1]), self.seen)
            if self.seen.size
            else self.seen
        )

    def weekdays(self, first: np.datetime64, last: np.datetime64) -> Dates:
        """Return the days of the trading week from ``first`` to ``last``, both included,
        holidays among them.
        """
        days: Dates = np.arange(first, last + DAY, dtype="datetime64[D]")
        starts = np.array([start for start, _ in self.periods])
        masks = np.stack([mask for _, mask in self.periods])
        index = np.maximum(np.searchsorted(starts, days, side="right") - 1, 0)
        return days[masks[index, weekday_of(days)]]

    def sessions(self, first: np.datetime64, last: np.datetime64) -> Dates:
        """Return the assumed sessions from ``first`` to ``last``: weekdays without the yearly
        holidays; days with bars are sessions.
        """
        days = self.weekdays(first, last)
        if not self.holidays.rules or last < first:
            return days
        closed = np.setdiff1d(self.holidays.days(first, last), self.seen, assume_unique=True)
        return np.setdiff1d(days, closed, assume_unique=True)


#: Monday to Friday, without holidays.
WORKDAYS = TradingWeek()


def trading_week(seen: Dates) -> TradingWeek:
    """Return the trading week of days with bars, increasing, each once: the same object for the
    same days, which the series of a panel share.
    """
    days = seen.astype("datetime64[D]")
    return remembered(days, ("week",), lambda: TradingWeek(days))


def _periods(seen: Dates) -> Iterator[tuple[np.datetime64, Mask]]:
    """Yield first day and weekdays of each period: where a weekday's share of the weeks with
    bars changes for good.
    """
    week = (seen.astype(np.int64) + 3) // 7
    weeks, index = np.unique(week, return_inverse=True)
    traded = np.zeros((weeks.size, 7), bool)
    traded[index, weekday_of(seen)] = True
    inner = traded[1:-1] if weeks.size > 3 else traded  # the first and the last week may be cut
    cuts = sorted({0, *(cut for day in range(7) for cut in _changes(inner[:, day]))})
    start = np.datetime64("0001-01-01")
    for cut, end in zip(cuts, [*cuts[1:], len(inner)], strict=True):
        if cut:
            start = np.datetime64(int(weeks[1 + cut]) * 7 - 3, "D")  # a Monday
        yield start, inner[cut:end].mean(axis=0) >= _SEEN


def _changes(traded: Mask, offset: int = 0) -> list[int]:
    """Return where a share changes between seldom and usual, by binary segmentation with Bernoulli
    likelihoods.

    A change counts where one side has the weekday in less than a tenth of its weeks and the other
    in half or more: holidays and gaps move a share, but do not take a weekday away.
    """
    size = traded.size
    if size < 4 or traded.all() or not traded.any():
        return []
    total = np.cumsum(traded.astype(np.int64))
    count = np.arange(1, size)
    left, right = total[:-1], total[-1] - total[:-1]
    gain = (
        _likelihood(left, count)
        + _likelihood(right, size - count)
        - _likelihood(total[-1:], np.array([size]))
    )
    cut = int(gain.argmax()) + 1
    if gain[cut - 1] < _CHANGE:
        return []
    before, after = _changes(traded[:cut], offset), _changes(traded[cut:], offset + cut)
    shares = sorted((traded[:cut].mean(), traded[cut:].mean()))
    own = [offset + cut] if (shares[0] < _SELDOM and shares[1] >= 0.5) or before or after else []
    return [*before, *own, *after]


def _likelihood(hits: Ints, count: Ints) -> Floats:
    """Return the log-likelihood of ``hits`` of ``count`` at the share that fits best."""
    share = np.clip(hits / count, 1e-12, 1 - 1e-12)
    return np.asarray(hits * np.log(share) + (count - hits) * np.log(1 - share), np.float64)


def learned_holidays(seen: Dates, week: TradingWeek) -> Holidays:
    """Return the holidays that come back every year among the days of the trading week that have no
    bar.

    Parameters
    ----------
    seen : ndarray of datetime64[D], shape [N]
        Days with bars, increasing. The last eight years are looked at.
    week : TradingWeek
        Its weekdays tell which days were due.

    Returns
    -------
    Holidays
        Rules under which the newest days were all missing, as often as chance would hardly make
        them. Holes in the data of more than twelve days in a row do not count. Rules are tried in
        the order Easter, fixed dates, n-th weekdays of a month; each explains days that those
        before it do not.
    """
    first = max(seen[0], seen[-1] - np.timedelta64(366 * _YEARS, "D"))
    due = week.weekdays(first, seen[-1])
    gone = ~np.isin(due, seen)
    due, gone = without_holes(due, gone)
    if not gone.any():
        return Holidays()
    years = range(int(str(due[0])[:4]), int(str(due[-1])[:4]) + 1)
    rate = float(gone.mean())
    rules: list[Rule] = []
    for candidates in (_easter_rules(), _date_rules(due[gone]), _nth_rules(due[gone])):
        found = [rule for rule in candidates if _holds(rule, years, due, gone, rate)]
        chosen = _without_doubles(found)
        rules += chosen
        for rule in chosen:
            still = ~np.isin(due, rule.days(years[0], years[-1]))
            due, gone = due[still], gone[still]
    return Holidays(tuple(rules), _learned_moves(rules, seen, week, first))


def without_holes(due: Dates, gone: Mask) -> tuple[Dates, Mask]:
    """Leave out the days of holes in the data."""
    edges = np.flatnonzero(np.diff(gone.astype(np.int8), prepend=0, append=0))
    keep = np.ones(due.size, bool)
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start > _HOLE:
            keep[start:end] = False
    return due[keep], gone[keep]


def _easter_rules() -> list[Rule]:
    western = [Rule("easter", (offset,)) for offset in _EASTER_NAMES]
    return western + [Rule("orthodox", (offset,)) for offset in _ORTHODOX_NAMES]


def _date_rules(gone: Dates) -> list[Rule]:
    months = gone.astype("datetime64[M]")
    pairs = zip(
        (months.astype(np.int64) % 12 + 1).tolist(),
        ((gone - months).astype(np.int64) + 1).tolist(),
        strict=True,
    )
    return [Rule("date", pair) for pair in sorted(set(pairs))]


def _nth_rules(gone: Dates) -> list[Rule]:
    months = gone.astype("datetime64[M]")
    days = (gone - months).astype(np.int64)
    number = (months.astype(np.int64) % 12 + 1).tolist()
    nth = (days // 7 + 1).tolist()
    last = (gone + 7 * DAY).astype("datetime64[M]") > months
    found = set(zip(number, weekday_of(gone).tolist(), nth, strict=True))
    found |= {
        (month, day, 5)
        for month, day, end in zip(number, weekday_of(gone).tolist(), last.tolist(), strict=True)
        if end
    }
    return [Rule("nth", item) for item in sorted(found)]


def _holds(rule: Rule, years: range, due: Dates, gone: Mask, rate: float) -> bool:
    """Tell whether the newest days of a rule were missing as often as chance would hardly make
    them.
    """
    days = rule.days(years[0], years[-1])
    index = np.searchsorted(due, days)
    there = index < due.size
    there[there] = due[index[there]] == days[there]
    missing = gone[index[there]]
    if not missing.size or not missing[-1]:
        return False
    present = np.flatnonzero(~missing)
    run = missing.size if not present.size else missing.size - 1 - int(present[-1])
    if (rule.kind, rule.numbers) in _USUAL:
        return rate**run <= 0.06 and (run >= 2 or run == missing.size)
    everything = {"date": 260, "nth": 300}.get(rule.kind, 12)
    return run >= (2 if rule.kind == "date" else 3) and rate**run * everything <= _CHANCE


def _without_doubles(rules: list[Rule]) -> list[Rule]:
    """Return the rules, each weekday of a month once: of a fourth and a last one the last in May
    and August, else the fourth.
    """
    numbers = {rule.numbers for rule in rules if rule.kind == "nth"}
    both = [(month, day) for month, day, nth in numbers if nth == 5 and (month, day, 4) in numbers]
    dropped = {(month, day, 4 if (month, day) in ((5, 0), (8, 0)) else 5) for month, day in both}
    return [rule for rule in rules if rule.kind != "nth" or rule.numbers not in dropped]


def _learned_moves(
    rules: list[Rule], seen: Dates, week: TradingWeek, first: np.datetime64
) -> tuple[int, int]:
    """Tell whether fixed dates on a Saturday are kept on Friday or Monday, and those on a Sunday
    on Monday.
    """
    years = (int(str(first)[:4]), int(str(seen[-1])[:4]))
    dates = [
        rule.days(*years)
        for rule in rules
        if rule.kind == "date" and rule.numbers not in ((12, 24), (12, 31))
    ]
    fixed = np.concatenate([*dates, seen[:0]])
    found = [0, 0]
    for index, options in ((0, (-1, 2)), (1, (1,))):
        ends = fixed[weekday_of(fixed) == 5 + index]
        for move in options:
            days = ends + move * DAY
            days = np.intersect1d(days, week.weekdays(first, seen[-1]))
            if days.size >= 2 and not np.isin(days, seen).any():
                found[index] = move
                break
    return found[0], found[1]
