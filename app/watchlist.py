"""The list of series that the user keeps: what each is loaded from, whether it is trained, and
what to show before it is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from forecasting.config import Settings
from forecasting.errors import CandlecastError
from forecasting.files.bounded_read import read_regular_file
from forecasting.series import Panel, PriceSeries
from forecasting.source_registry import split_reference
from forecasting.sources.options import Request

#: Closes that are drawn beside the name of a series.
SPARK = 60
#: Rows that are kept between two starts, far more than anybody watches.
MOST_ROWS = 5000
#: Most bytes of the file of a list.
MOST_BYTES = 32 * 2**20

#: What loading does to the choice of what is trained: only the new series, the new ones too, or no
#: change.
Choice = Literal["only", "also", "as_before"]


class WatchlistError(CandlecastError):
    """A list that cannot be read: ``damaged``, or of another version."""

    def __init__(self, message: str, hint: str = "", *, damaged: bool = True) -> None:
        super().__init__(message, hint)
        self.damaged = damaged


class SeriesPreview(Settings):
    """What a row shows of its series, also before that is loaded again: the last closes, and the
    day of the last one.
    """

    closes: tuple[float, ...] = Field(min_length=1, max_length=SPARK)
    bars: int = Field(ge=1)
    freq: str = ""
    day: str = Field(max_length=40)

    @classmethod
    def of(cls, series: PriceSeries) -> SeriesPreview:
        """Return the glimpse of a series."""
        closes = tuple(float(f"{close:.7g}") for close in series.y[-SPARK:])
        return cls(
            closes=closes,
            bars=len(series),
            freq=series.freq,
            day=str(series.ds[-1].astype("datetime64[D]")),
        )

    @property
    def change(self) -> float | None:
        """Relative change of the last bar; None where there is nothing to compare with."""
        if len(self.closes) < 2 or self.closes[-2] <= 0:
            return None
        return self.closes[-1] / self.closes[-2] - 1


class RowJudgement(Settings):
    """What the last run said of one series.

    Attributes
    ----------
    outcome : str
        ``beats``, ``ties`` or ``loses``; ``few`` where there are too few origins to tell.
    skill : float or None
        Against the baseline that was the best over all series, in percent.
    held : float or None
        Share of outcomes inside the 80 % band, in percent.
    model, reference : str
        The network and the baseline.
    """

    outcome: Literal["beats", "ties", "loses", "few"]
    skill: float | None = None
    held: float | None = None
    model: str = Field("", max_length=100)
    reference: str = Field("", max_length=100)


@dataclass(frozen=True)
class Row:
    """One line of the list.

    Attributes
    ----------
    request : Request
        What loads it; a file of several series makes several rows with one request.
    symbol : str
    checked : bool
        Whether it is part of the panel that is trained.
    series : PriceSeries or None
        None until it is loaded.
    glimpse : SeriesPreview or None
        What is known of it, perhaps from the last time.
    problem, hint : str
        Why it could not be loaded, and what to do.
    group : str
        The user's name for the rows that it belongs to; "" for none.
    judgement : RowJudgement or None
        What the last run said of it.
    """

    request: Request
    symbol: str
    checked: bool = False
    series: PriceSeries | None = None
    glimpse: SeriesPreview | None = None
    problem: str = ""
    hint: str = ""
    group: str = ""
    judgement: RowJudgement | None = None


@dataclass(frozen=True)
class Watchlist:
    """All rows, in the order of the user. Every change makes a new list."""

    rows: tuple[Row, ...] = ()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __getitem__(self, place: int) -> Row:
        """Return one row."""
        return self.rows[place]

    @cached_property
    def panel(self) -> Panel | None:
        """The series that are trained together: checked and loaded; None where there are none."""
        series = tuple(row.series for row in self.rows if row.checked and row.series is not None)
        return Panel(series) if series else None

    @property
    def requests(self) -> tuple[Request, ...]:
        """What loads the rows, each once."""
        return _once(row.request for row in self.rows)

    def places(self, request: Request) -> list[int]:
        """Return the rows that a request loads."""
        return [index for index, row in enumerate(self.rows) if row.request == request]

    def request_for(self, reference: str) -> Request | None:
        """Return how a reference was loaded before, so that what was settled about it holds
        again.
        """
        return next((row.request for row in self.rows if row.request.reference == reference), None)

    def with_series(
        self,
        requests: Sequence[Request],
        series: Sequence[tuple[int, PriceSeries]],
        choice: Choice,
        instead: Sequence[Request | None] = (),
    ) -> Watchlist:
        """Return the list with series that were loaded: in the place of what the same request made
        before, else at the end.

        Parameters
        ----------
        requests : sequence of Request
            What was asked for.
        series : sequence of (int, PriceSeries)
            What came, each with the place of its request.
        choice : Choice
            What is trained from now on.
        instead : sequence of Request or None
            For each of the first requests the one whose place it takes, where that asked for
            something else.
        """
        rows, new = list(self.rows), {id(item) for _place, item in series}
        for index, request in enumerate(requests):
            before = instead[index] if index < len(instead) else None
            loaded = [item for number, item in series if number == index]
            old = [
                row
                for row in rows
                if same(row.request, request) or (before is not None and row.request == before)
            ]
            if not loaded:
                continue
            chosen = {row.symbol: row.checked for row in old}
            known = {row.symbol: row for row in old}
            usual, order = any(chosen.values()), list(chosen)
            loaded = _in_order(loaded, order)
            fresh = [
                Row(
                    request,
                    item.symbol,
                    chosen.get(item.symbol, usual) if choice == "as_before" else True,
                    item,
                    SeriesPreview.of(item),
                    group=known[item.symbol].group if item.symbol in known else "",
                    judgement=known[item.symbol].judgement if item.symbol in known else None,
                )
                for item in loaded
            ]
            gone = {id(row) for row in old}
            start = next((number for number, row in enumerate(rows) if id(row) in gone), len(rows))
            rows = [*rows[:start], *fresh, *(row for row in rows[start:] if id(row) not in gone)]
        if choice == "only":
            rows = [row if id(row.series) in new else replace(row, checked=False) for row in rows]
        return Watchlist(_without_doubles(rows, new))

    def with_problem(self, request: Request, problem: str, hint: str, *, add: bool) -> Watchlist:
        """Return the list in which the rows of a request say why they could not be loaded;
        ``add`` lists one that is not there yet.
        """
        rows = [
            replace(row, problem=problem, hint=hint) if same(row.request, request) else row
            for row in self.rows
        ]
        if add and not any(same(row.request, request) for row in rows):
            rows.append(Row(request, name_of(request), problem=problem, hint=hint))
        return Watchlist(tuple(rows))

    def with_check(self, places: Iterable[int], checked: bool) -> Watchlist:
        """Return the list with some rows in or out of what is trained; of two series of one name
        only one can be in.
        """
        chosen: dict[str, int] = {}
        for index in places:
            chosen.setdefault(self.rows[index].symbol, index)
        marked = set(chosen.values()) if checked else set(places)
        found = []
        for index, row in enumerate(self.rows):
            rival = checked and row.symbol in chosen and index not in marked
            found.append(
                replace(row, checked=checked and not rival) if index in marked or rival else row
            )
        return Watchlist(tuple(found))

    def with_group(self, indices: Iterable[int], group: str) -> Watchlist:
        """Return the list with some rows in a group; "" takes them out of theirs."""
        chosen = set(indices)
        return Watchlist(
            tuple(
                replace(row, group=group) if index in chosen else row
                for index, row in enumerate(self.rows)
            )
        )

    def with_judgements(self, judgements: Mapping[str, RowJudgement]) -> Watchlist:
        """Return the list with what a run said of the series that are trained, by symbol."""
        return Watchlist(
            tuple(
                replace(row, judgement=judgements[row.symbol])
                if row.checked and row.symbol in judgements
                else row
                for row in self.rows
            )
        )

    def with_rows(self, rows: Sequence[Row]) -> Watchlist:
        """Return the list with rows at its end that are not there yet; those that are there take
        their group, where they have one.
        """
        groups = {named(row): row.group for row in rows if row.group}
        have = {named(row) for row in self.rows}
        old = (replace(row, group=groups.get(named(row), row.group)) for row in self.rows)
        new = (row for row in rows if named(row) not in have)
        return Watchlist((*old, *new)[:MOST_ROWS])

    def without(self, places: Iterable[int]) -> Watchlist:
        """Return the list without some rows."""
        gone = set(places)
        return Watchlist(tuple(row for index, row in enumerate(self.rows) if index not in gone))

    def with_back(self, removed: Sequence[tuple[int, Row]]) -> Watchlist:
        """Return the list with rows put back at their places; what is on the list again
        meanwhile is left out.
        """
        rows = list(self.rows)
        have = {named(row) for row in rows}
        for index, row in sorted(removed, key=lambda item: item[0]):
            if named(row) not in have:
                rows.insert(min(index, len(rows)), row)
        return Watchlist(_without_doubles(rows, set()))

    def moved(self, source: int, target: int) -> Watchlist:
        """Return the list with a row brought to another place."""
        rows = list(self.rows)
        rows.insert(target, rows.pop(source))
        return Watchlist(tuple(rows))

    def merged(self, before: Watchlist, theirs: Watchlist) -> Watchlist:
        """Return the list with what another window has added to and taken out of the list that both
        began with.

        Parameters
        ----------
        before : Watchlist
            As this window read or wrote it last.
        theirs : Watchlist
            As it is in the file.
        """
        known, there = {named(row) for row in before.rows}, {named(row) for row in theirs.rows}
        kept = [row for row in self.rows if named(row) in there or named(row) not in known]
        have = {named(row) for row in kept}
        added = [
            replace(row, checked=False)
            for row in theirs.rows
            if named(row) not in known and named(row) not in have
        ]
        return Watchlist((*kept, *added))

    def to_json(self, selected: int = 0) -> str:
        """Return what the next start needs: requests and glimpses, no series."""
        rows = [
            _SavedRow(
                request=row.request,
                symbol=row.symbol,
                checked=row.checked,
                glimpse=row.glimpse,
                group=row.group,
                judgement=row.judgement,
            )
            for row in self.rows[:MOST_ROWS]
        ]
        return _Saved(version=VERSION, selected=selected, rows=tuple(rows)).model_dump_json(
            exclude_defaults=True, indent=1
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> tuple[Watchlist, int]:
        """Read a list and the place of its selected row; nothing of it is loaded yet.

        Raises
        ------
        WatchlistError
            Text that is no such list, or one of a newer version.
        """
        try:
            saved = _Saved.model_validate_json(text)
        except ValidationError as error:
            newer = error.errors()[0]["loc"] == ("version",)
            message = "was written by another version of Candlecast" if newer else "is damaged"
            raise WatchlistError(
                f"The watchlist {message}.",
                "Update Candlecast." if newer else "It is set aside; a new one is begun.",
                damaged=not newer,
            ) from error
        rows = tuple(
            Row(
                item.request,
                item.symbol,
                item.checked,
                glimpse=item.glimpse,
                group=item.group,
                judgement=item.judgement,
            )
            for item in saved.rows
        )
        return cls(rows), min(max(saved.selected, 0), max(len(rows) - 1, 0))


def read_watchlist(path: Path) -> tuple[Watchlist, int]:
    """Read a list from its file; errors as :meth:`Watchlist.from_json`, and OSError where it
    cannot be read.
    """
    return Watchlist.from_json(read_regular_file(path, MOST_BYTES))


#: Version of the file; another one is refused, and never overwritten.
VERSION = 1


class _SavedRow(Settings):
    request: Request
    symbol: str = Field(min_length=1, max_length=400)
    checked: bool = False
    glimpse: SeriesPreview | None = None
    group: str = Field("", max_length=80)
    judgement: RowJudgement | None = None


class _Saved(Settings):
    version: Literal[1]
    selected: int = 0
    rows: tuple[_SavedRow, ...] = Field(max_length=MOST_ROWS)


def named(row: Row) -> tuple[str, str]:
    """Return what a row is known by: its reference and its symbol."""
    return row.request.reference, row.symbol


def _in_order(loaded: Iterable[PriceSeries], order: Sequence[str]) -> list[PriceSeries]:
    """Sort series by the place of their symbols in an order; new ones come last."""
    ranks = {symbol: rank for rank, symbol in enumerate(order)}
    return sorted(loaded, key=lambda series: ranks.get(series.symbol, len(ranks)))


def same(one: Request, other: Request) -> bool:
    """Tell whether two requests ask for the same thing, perhaps in another form: the later one
    takes the place of the earlier.
    """
    return one.reference == other.reference and one.read.symbol == other.read.symbol


def name_of(request: Request) -> str:
    """Return what to call a request of which nothing is loaded: its ticker, its sample or its
    file without suffix.
    """
    spec, rest = split_reference(request.reference)
    settled = "" if spec.remote else request.read.symbol
    return settled or spec.name_of(rest) or request.reference


def _once(requests: Iterable[Request]) -> tuple[Request, ...]:
    found: list[Request] = []
    for request in requests:
        if request not in found:
            found.append(request)
    return tuple(found)


def _without_doubles(rows: Sequence[Row], new: set[int]) -> tuple[Row, ...]:
    """Take the check from older rows whose name a new checked one has: a panel holds each name
    once.
    """
    fresh = {row.symbol for row in rows if row.checked and id(row.series) in new}
    taken: set[str] = set()
    found: list[Row] = []
    for row in rows:
        double = row.checked and (
            row.symbol in taken or (row.symbol in fresh and id(row.series) not in new)
        )
        found.append(replace(row, checked=False) if double else row)
        if row.checked and not double:
            taken.add(row.symbol)
    return tuple(found)
