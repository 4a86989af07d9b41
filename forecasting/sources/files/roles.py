"""Which column is what: by its name where that tells, by its content where it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations
from typing import Any, Literal

import numpy as np

from forecasting.errors import SourceError
from forecasting.series import Finding, Floats
from forecasting.sources.files.dates import DateColumn, read_dates, read_times
from forecasting.sources.files.grid import Grid
from forecasting.sources.files.labels import PRICE_ROLES, Label, read_label
from forecasting.sources.files.numbers import MISSING, mark_evidence, read_numbers
from forecasting.sources.files.serials import strangeness
from forecasting.sources.files.vocabulary import english_names, plain
from forecasting.sources.options import ReadOptions

#: Every role that a user may give to a column.
ROLES = ("date", "time", "symbol", *PRICE_ROLES)

#: What a user calls columns that are to play no role; several are told apart by ``|``.
UNUSED = "unused"

_ANY_ROLE = (*ROLES, *(f"{side}_{role}" for side in ("bid", "ask") for role in PRICE_ROLES[:4]))


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """One column as understood: where it stands, its name, its role ("" where it is not used) and, in a wide panel, its symbol."""

    index: int
    name: str
    role: str = ""
    symbol: str = ""


@dataclass(frozen=True)
class Roles:
    """The roles of all columns.

    Attributes
    ----------
    columns : tuple of ColumnReading
    layout : str
        ``single``, ``long`` (a symbol column) or ``wide`` (one or several columns a symbol).
    foreign : bool
        Names are not English, which makes day before month and decimal commas likelier.
    findings : tuple of Finding
        What was decided by content or left out.
    """

    columns: tuple[ColumnReading, ...]
    layout: Literal["single", "long", "wide"]
    foreign: bool = False
    findings: tuple[Finding, ...] = ()

    def index(self, role: str) -> int | None:
        """Return where the first column of a role stands, None where there is none."""
        return next((column.index for column in self.columns if column.role == role), None)


@dataclass
class _Column:
    """A column of the sample with what its name and content say, the latter worked out when asked for."""

    index: int
    cells: Any
    texts: tuple[str, ...]
    label: Label
    name: str
    role: str = ""
    symbol: str = ""
    form: str = ""

    @cached_property
    def filled(self) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        cells = self.cells.drop_null()
        if not pa.types.is_string(cells.type):
            return cells
        text = pc.utf8_trim_whitespace(cells)
        return text.filter(pc.invert(pc.is_in(pc.utf8_lower(text), value_set=pa.array(MISSING))))

    @cached_property
    def typed(self) -> bool:
        import pyarrow as pa

        return not pa.types.is_string(self.cells.type)

    @cached_property
    def dates(self) -> DateColumn:
        return read_dates(self.filled, self.form)

    @cached_property
    def numeric(self) -> float:
        """Share of the filled cells that are numbers; 1 for a column without any filled cell."""
        import pyarrow as pa

        if pa.types.is_temporal(self.cells.type):
            return 0.0
        point = read_numbers(self.filled, ".").readable
        return point if point == 1.0 else max(point, read_numbers(self.filled, ",").readable)

    @cached_property
    def values(self) -> Floats:
        evidence = mark_evidence(self.filled)
        return read_numbers(self.cells, "," if evidence.comma > evidence.dot else ".").values

    @cached_property
    def counter(self) -> bool:
        """Whether the column only counts rows."""
        ends = {str(self.filled[place].as_py()).removesuffix(".0") for place in (0, -1)} if len(self.filled) > 2 else set()
        if self.label.role in PRICE_ROLES or not ends & {"0", "1"}:
            return False
        values = self.values[np.isfinite(self.values)]
        if values.size < 3 or values.min() > 1 or np.any(values % 1):
            return False
        return bool(np.mean(np.abs(np.diff(values)) == 1) > 0.7)


def assign_roles(sample: Grid, options: ReadOptions) -> Roles:
    """Find the role of each column.

    Parameters
    ----------
    sample : Grid
        Header and some hundred data rows in file order.
    options : ReadOptions
        ``columns`` settles roles beforehand.

    Returns
    -------
    Roles
        With a date and a close, a bid and an ask, or one column a symbol.

    Raises
    ------
    SourceError
        No column holds dates, none holds prices, or ``columns`` names one that is not there.
    """
    columns = _described(sample, options.date_format)
    _force(columns, options.columns)
    findings: list[Finding] = []
    _assign_dates(columns)
    _assign_symbol(columns, bool(sample.header))
    layout: Literal["single", "long", "wide"] = _assign_prices(columns, bool(sample.header), findings)
    telling = [plain(c.name) for c in columns if c.role in ("date", "open", "high", "low", "close") and c.label.role == c.role]
    foreign = any(not set(name.split()) & english_names() for name in telling if len(name) > 1)
    unused = [c.name for c in columns if not c.role and c.filled.null_count != len(c.cells) and not c.counter and len(c.filled)]
    if unused:
        names = ", ".join(unused[:8]) + (", ..." if len(unused) > 8 else "")
        findings.append(Finding("columns_unused", f"Columns that are not used: {names}.", len(unused), "info", "dropped"))
    if layout == "single" and any(c.role == "symbol" for c in columns):
        layout = "long"
    readings = tuple(ColumnReading(c.index, c.name, "" if c.role == UNUSED else c.role, c.symbol) for c in columns)
    return Roles(readings, layout, foreign, tuple(findings))


def _described(sample: Grid, form: str) -> list[_Column]:
    texts = list(zip(*sample.header, strict=True)) if sample.header else [()] * len(sample.columns)
    described = [
        _Column(place, cells, texts[place], read_label(texts[place]), name, form=form if "%" in form else "")
        for place, (cells, name) in enumerate(zip(sample.columns, sample.names, strict=True))
    ]
    letters = {plain(c.name) for c in described}
    if len(letters & set("ohlc")) < 3:
        for column in described:
            if column.label.role in PRICE_ROLES and plain(column.name) in tuple("ohlcv"):
                column.label = Label()
    return described


def _force(columns: Sequence[_Column], wanted: Mapping[str, str | int]) -> None:
    """Give the roles that the user settled."""
    unused = [(UNUSED, part.strip()) for part in str(wanted.get(UNUSED, "")).split("|") if part.strip()]
    for role, place in [*((role, place) for role, place in wanted.items() if role != UNUSED), *unused]:
        if role not in (*_ANY_ROLE, UNUSED):
            raise SourceError(f"There is no role '{role}'.", f"Roles are: {', '.join((*ROLES, UNUSED))}.")
        found = [c for c in columns if c.index == place] if isinstance(place, int) else [c for c in columns if c.name == place]
        if not found and isinstance(place, str):
            found = [c for c in columns if plain(c.name) == plain(place) or place in c.texts]
        if not found and isinstance(place, str) and place.isdigit():
            found = [c for c in columns if c.index == int(place)]
        if not found:
            raise SourceError(f"There is no column {place!r} for {role}.", f"Columns are: {', '.join(c.name for c in columns[:40])}.")
        found[0].role = role


def _free(columns: Sequence[_Column]) -> list[_Column]:
    return [c for c in columns if not c.role]


def _has(columns: Sequence[_Column], role: str) -> bool:
    return any(c.role == role for c in columns)


def _assign_dates(columns: Sequence[_Column]) -> None:
    """Find the date column, and a time column beside it."""
    if not _has(columns, "date"):
        named = sorted((rank, c.index) for c in _free(columns) if (rank := c.label.rank_as("date")) is not None)
        chosen = next((columns[i] for _, i in named if len(columns[i].filled) and columns[i].dates.readable >= 0.6), None)
        chosen = chosen or next((c for c in _free(columns)[:16] if _looks_dated(c)), None)
        if chosen is None:
            like = f" like {columns[0].form}" if columns[0].form else ""
            names = ", ".join(c.name for c in columns[:12])
            raise SourceError(f"No column holds dates{like}. Columns are: {names}.", "Name the date column, or give its format.")
        chosen.role = "date"
    if _has(columns, "time"):
        return
    date = next(c for c in columns if c.role == "date")
    known = date.dates.ds[~np.isnat(date.dates.ds)]
    whole_days = bool(np.all(known.astype("datetime64[D]") == known))
    for column in _free(columns) if whole_days else []:
        named_time = column.label.rank_as("time") is not None
        if (named_time or (not column.label.role and column.index == date.index + 1)) and len(column.filled):
            clock = read_times(column.filled)
            spread = column.typed or any(":" in cell for cell in column.filled.to_pylist()[:5])
            if np.mean(~np.isnat(clock)) >= 0.8 and (named_time or spread) and not (column.typed and not named_time):
                column.role = "time"
                return


def _looks_dated(column: _Column) -> bool:
    """Tell whether a column holds dates, going by its content alone."""
    if len(column.filled) == 0 or column.dates.readable < 0.8:
        return False
    if column.typed or column.numeric > 0.9:
        serial = column.dates.form.startswith(("epoch", "yyyymmdd")) or column.dates.form == "time stamps"
        ds = column.dates.ds[~np.isnat(column.dates.ds)]
        steps = np.diff(ds.astype(np.int64))
        ordered = steps.size == 0 or max(np.mean(steps >= 0), np.mean(steps <= 0)) > 0.95
        return bool(ordered) and (serial or (column.dates.form == "excel" and strangeness(ds) < 2 and bool(np.all(column.values % 1 == 0))))
    return True


def _assign_symbol(columns: Sequence[_Column], header: bool) -> None:
    """Find the column that tells whose bar a row is."""
    if _has(columns, "symbol"):
        return
    date = next(c for c in columns if c.role == "date")
    named = sorted((rank, c.index) for c in _free(columns) if (rank := c.label.rank_as("symbol")) is not None)
    for _, place in named:
        if len(columns[place].filled) and not columns[place].counter and (columns[place].numeric < 0.5 or _repeats(columns[place])):
            columns[place].role = "symbol"
            return
    for column in _free(columns):
        if column.typed or column.label.role or column.numeric > 0.1 or len(column.filled) < 0.9 * len(column.cells):
            continue
        kinds = len(set(column.filled.to_pylist()))
        if kinds > max(1, 0.5 * len(column.cells)):
            continue
        pairs = set(zip(date.cells.to_pylist(), column.cells.to_pylist(), strict=True))
        repeated = len(set(date.cells.to_pylist())) < len(date.cells) == len(pairs)
        if (repeated and kinds > 1) or (not header and kinds == 1):
            column.role = "symbol"
            return


def _repeats(column: _Column) -> bool:
    distinct = len(set(column.filled.to_pylist()))
    return distinct == 1 or distinct <= 0.5 * len(column.filled)


def _assign_prices(columns: Sequence[_Column], header: bool, findings: list[Finding]) -> Literal["single", "wide"]:
    """Find prices and volume, or the columns of a wide panel."""
    usable = [c for c in _free(columns) if c.numeric >= 0.5 and not c.counter]
    labelled = [c for c in usable if c.label.role in _ANY_ROLE and c.label.role not in ("date", "time", "symbol")]
    nameless = [c for c in usable if len(c.filled) and (not c.label.role or _misnamed(c))]
    forced_close = _has(columns, "close")
    ds = next(c.dates.ds for c in columns if c.role == "date")
    backwards = bool(np.mean(np.diff(ds) < np.timedelta64(0)) > 0.5) if ds.size > 1 else False
    if header and not forced_close and _is_wide_ohlc(labelled):
        return _wide_ohlc(labelled)
    exact = {c.label.role for c in labelled if c.label.rank < 100}
    bars = "close" in exact and exact & {"open", "high", "low"}
    if header and not forced_close and not bars and not _has(columns, "symbol") and len(nameless) >= max(2, 1.5 * len(labelled)):
        ranked = [c for c in labelled if c.label.role == "close" and c.label.rank < 3]
        if not ranked and not (len(nameless) <= 8 and _by_content(nameless, findings, header, backwards)):
            return _wide_values([c for c in usable if c.label.role != "ignored"])
    _by_names(columns, labelled)
    if not _complete(columns) and nameless:
        _by_content([c for c in nameless if not c.role], findings, header, backwards)
    if not _complete(columns):
        _last_resort(columns, nameless, findings)
    return "single"


def _misnamed(column: _Column) -> bool:
    """Tell whether a column has the name of a date or a symbol, but holds plain numbers."""
    return column.label.role in ("date", "time", "symbol") and column.dates.form in ("", "year", "excel", "yymmdd")


def _complete(columns: Sequence[_Column]) -> bool:
    roles = {c.role for c in columns}
    return bool(roles & {"close", "adj_close"} or {"bid", "ask"} <= roles or {"bid_close", "ask_close"} <= roles)


def _is_wide_ohlc(labelled: Sequence[_Column]) -> bool:
    """Tell whether the same roles come several times, each time with another symbol beside them."""
    closes = {c.label.symbol for c in labelled if c.label.role in ("close", "adj_close")}
    return len(closes - {""}) >= 2


def _wide_ohlc(labelled: Sequence[_Column]) -> Literal["wide"]:
    taken: set[tuple[str, str]] = set()
    for column in labelled:
        key = (column.label.role, column.label.symbol)
        if column.label.symbol and key not in taken:
            column.role, column.symbol = key
            taken.add(key)
    return "wide"


def _wide_values(columns: Sequence[_Column]) -> Literal["wide"]:
    seen: dict[str, int] = {}
    for column in columns:
        seen[column.name] = seen.get(column.name, 0) + 1
        column.role = "close"
        column.symbol = column.name if seen[column.name] == 1 else f"{column.name} ({seen[column.name]})"
    return "wide"


def _by_names(columns: Sequence[_Column], labelled: Sequence[_Column]) -> None:
    """Give each role to the column whose name says it best; of several volumes, to the first that is not all zero."""
    for role in _ANY_ROLE:
        if role in ("date", "time", "symbol") or _has(columns, role):
            continue
        ranked = sorted((c.label.rank, c.index) for c in labelled if c.label.role == role and not c.role)
        if role == "volume" and len(ranked) > 1:
            lively = [(rank, i) for rank, i in ranked if np.nansum(np.abs(columns[i].values)) > 0]
            ranked = lively or ranked
        if ranked:
            columns[ranked[0][1]].role = role
    symbols = {c.label.symbol for c in columns if c.role in PRICE_ROLES and c.label.symbol}
    if len(symbols) == 1:
        for column in columns:
            if column.role in PRICE_ROLES and column.texts[1:]:
                column.symbol = next(iter(symbols))


def _by_content(free: Sequence[_Column], findings: list[Finding], header: bool, backwards: bool) -> bool:
    """Find open, high, low and close among nameless columns by low <= open, close <= high, and the volume after them."""
    if len(free) < 4:
        return False
    for four in combinations(free[:8], 4):
        roles, sure = _ohlc([c.values[::-1] if backwards else c.values for c in four])
        if not roles:
            continue
        for column, role in zip(four, roles, strict=True):
            column.role = role
        after = [
            c for c in free if not c.role and c.index > four[-1].index and not np.any(c.values < 0) and not c.dates.form.startswith("epoch")
        ]
        if after:
            after[0].role = "volume"
        shown = ", ".join(f"{c.role} = {c.name}" for c in (*four, *after[:1]))
        message = f"The names do not tell the columns apart; by low <= open, close <= high they are {shown}."
        usual = roles == PRICE_ROLES[:4] and not header
        findings.append(Finding("columns_by_content", message, 4, "info" if usual and sure else "warning", "read as OHLC"))
        return True
    return False


def _ohlc(values: Sequence[Floats]) -> tuple[tuple[str, ...], bool]:
    """Return the roles of four columns, none where no two of them are always the highest and the lowest, and whether that is sure.

    Which of the other two is the open is told by time: an open is near the close before. The rows must be oldest first.
    """
    rows = np.column_stack(values)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if rows.shape[0] == 0 or rows.max() <= 0 or np.ptp(rows) == 0:
        return (), False
    slack = 1e-9 * np.abs(rows).max(axis=1, keepdims=True)
    top = (rows >= rows.max(axis=1, keepdims=True) - slack).mean(axis=0)
    bottom = (rows <= rows.min(axis=1, keepdims=True) + slack).mean(axis=0)
    pairs = ((1, 2), *permutations(range(4), 2))
    high, low = next(((one, other) for one, other in pairs if top[one] >= 0.98 and bottom[other] >= 0.98), (-1, -1))
    usual = np.median(rows, axis=0)
    if high < 0 or usual[low] <= 0 or usual[high] > 2 * usual[low]:
        return (), False
    first, second = (place for place in range(4) if place not in (high, low))
    straight = float(np.abs(rows[1:, first] - rows[:-1, second]).sum())
    crossed = float(np.abs(rows[1:, second] - rows[:-1, first]).sum())
    roles = ["", "", "", ""]
    roles[high], roles[low] = "high", "low"
    roles[first], roles[second] = ("open", "close") if straight <= crossed else ("close", "open")
    return tuple(roles), max(straight, crossed) > 1.2 * min(straight, crossed)


def _is_bid_and_ask(first: Floats, second: Floats) -> bool:
    """Tell whether the second is never below the first, and close to it."""
    known = np.isfinite(first) & np.isfinite(second) & (first > 0)
    if not known.any() or np.mean(second[known] >= first[known]) < 0.98:
        return False
    return bool(np.median(second[known] / first[known]) < 1.05)


def _last_resort(columns: Sequence[_Column], nameless: Sequence[_Column], findings: list[Finding]) -> None:
    """Take the one column of numbers that is there, a bid and an ask, or a price and a volume; refuse a choice among more."""
    free = [c for c in nameless if not c.role]
    if len(free) == 1:
        free[0].role = "close"
        return
    if len(free) in (2, 3):
        first, second = free[0].values, free[1].values
        if _is_bid_and_ask(first, second):
            free[0].role, free[1].role = "bid", "ask"
            message = f"Two nameless prices, the second never below the first, are read as bid ({free[0].name}) and ask ({free[1].name})."
            findings.append(Finding("columns_by_content", message, 2, "warning", "read as bid and ask"))
            return
        if bool(np.all(second[np.isfinite(second)] % 1 == 0)):
            free[0].role, free[1].role = "close", "volume"
            message = f"Nameless columns are read as close ({free[0].name}) and volume ({free[1].name})."
            findings.append(Finding("columns_by_content", message, 2, "warning", "read as close and volume"))
            return
    names = ", ".join(c.name for c in columns[:12])
    raise SourceError(
        f"No column can be told to be the close. Columns are: {names}.", "Say which: columns close=NAME, or close=3 for the fourth column."
    )
