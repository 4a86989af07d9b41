"""Which column of a table of forecasts is what: dates, the actual value, and the forecasts of
each model.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from forecasting.errors import SourceError
from forecasting.imported_forecasts.dates import DateRoles, date_roles
from forecasting.imported_forecasts.names import ColumnName, read_name
from forecasting.imported_forecasts.options import ForecastOptions
from forecasting.series import Finding, Floats
from forecasting.sources.files.grid import Grid
from forecasting.sources.files.numbers import MarkEvidence, mark_evidence, read_numbers
from forecasting.sources.files.vocabulary import plain

Role = Literal[
    "ds",
    "cutoff",
    "start",
    "unique_id",
    "model",
    "step",
    "sample",
    "level",
    "y",
    "y0",
    "point",
    "mean",
    "quantile",
    "path",
    "value",
    "unused",
]

#: Roles of which a table has one column.
SINGLE: tuple[Role, ...] = (
    "ds",
    "cutoff",
    "start",
    "unique_id",
    "model",
    "step",
    "sample",
    "level",
    "y",
    "y0",
    "value",
)
#: Roles of a forecast.
FORECAST: tuple[Role, ...] = ("point", "mean", "quantile", "path")
_FORECAST_KINDS: dict[str, Role] = {role: role for role in FORECAST}
_SAMPLE = 400
#: Roles as users write them.
_WRITTEN: dict[str, Role] = {
    **{role: role for role in SINGLE},
    "quantile": "level",
    "unused": "unused",
}
#: Bands whose columns have these names are of the level that their library makes if it is not told
#: another.
_USUAL_LEVELS = {"yhat": (80.0, "Prophet"), "mean ci": (95.0, "statsmodels")}
#: Names of columns that state the level of a band in each row.
_LEVEL_COLUMNS = ("confidence level", "conf level", "coverage", "interval width", "band level")
#: Words in the names of columns that number groups of rows, and most rows of a group.
_FOLDS, _LONGEST_FOLD = frozenset({"fold", "split", "window", "block", "refit"}), 60
#: Levels this close to the middle are of a point forecast.
_NEAR_MEDIAN = 0.02
#: Medians of forecast and actual values differ by less than this factor.
_ALIKE = 3.0


@dataclass(frozen=True)
class ForecastColumn:
    """A column and what it is.

    Attributes
    ----------
    index : int
        From 0.
    name : str
        As it stands in the file.
    role : str
    model : str
        Of a forecast: its model, "" where the column names none.
    level : float
        Of a ``quantile``: its level, 0 to 1.
    """

    index: int
    name: str
    role: Role = "unused"
    model: str = ""
    level: float = 0.0

    @property
    def label(self) -> str:
        """The role as users write it: ``y``, ``LSTM``, ``LSTM:q0.1``."""
        if self.role == "level":
            return "quantile"
        if self.role not in FORECAST:
            return self.role
        kind = {"point": "", "mean": ":mean", "path": ":sample", "quantile": f":q{self.level:g}"}[
            self.role
        ]
        return f"{self.model or 'forecast'}{kind}"


@dataclass(frozen=True)
class ForecastColumns:
    """The columns of a table with their roles.

    Attributes
    ----------
    columns : tuple of ForecastColumn
        All of the table, in its order.
    decimal : str
        Decimal mark of the numbers.
    findings : tuple of Finding
        What was assumed.
    """

    columns: tuple[ForecastColumn, ...]
    decimal: str = "."
    findings: tuple[Finding, ...] = ()

    def index(self, role: Role) -> int | None:
        """Return the index of the column of a role, None where there is none."""
        return next((column.index for column in self.columns if column.role == role), None)

    def of(self, *roles: Role) -> tuple[ForecastColumn, ...]:
        """Return the columns of some roles."""
        return tuple(column for column in self.columns if column.role in roles)


@dataclass
class _Table:
    """A table while its roles are found."""

    grid: Grid
    sample: Grid
    names: tuple[ColumnName, ...]
    options: ForecastOptions
    decimal: str
    roles: list[ForecastColumn]
    findings: list[Finding] = field(default_factory=list)
    settled: set[int] = field(default_factory=set)

    def free(self, *kinds: str) -> list[int]:
        """Return columns of some kinds of names that have no role yet."""
        return [
            index
            for index, name in enumerate(self.names)
            if name.kind in kinds
            and index not in self.settled
            and self.roles[index].role == "unused"
        ]

    def give(self, place: int, role: Role, model: str = "", level: float = 0.0) -> None:
        """Give a column its role."""
        self.roles[place] = replace(self.roles[place], role=role, model=model, level=level)

    def has(self, *roles: str) -> bool:
        """Tell whether some column has one of the roles."""
        return any(column.role in roles for column in self.roles)

    def numbers(self, place: int) -> Floats:
        """Return the numbers of some rows; NaN where a cell is none."""
        return read_numbers(self.sample.columns[place], self.decimal).values

    def numeric(self, place: int) -> bool:
        """Tell whether a column holds numbers."""
        read = read_numbers(self.sample.columns[place], self.decimal)
        return bool(read.readable > 0.9 and np.isfinite(read.values).any())

    def called(self, places: Sequence[int]) -> str:
        """Return the names of columns."""
        return ", ".join(self.roles[index].name for index in places)

    def note(self, code: str, message: str, action: str, remedy: tuple[str, ...] = ()) -> None:
        """Tell what was assumed."""
        self.findings.append(Finding(code, message, 1, "info", action, remedy=remedy))


def assign_columns(grid: Grid, options: ForecastOptions) -> ForecastColumns:
    """Find out which column is what.

    Parameters
    ----------
    grid : Grid
    options : ForecastOptions
        ``columns``, ``band_level`` and ``decimal`` settle what they name.

    Raises
    ------
    SourceError
        No column is a forecast, or several may be the same thing: the message names them, the hint
        the flag.
    """
    table = _begun(grid, options)
    for assign in _STAGES:
        assign(table)
    return ForecastColumns(tuple(table.roles), table.decimal, tuple(table.findings))


def suggest_columns(grid: Grid, options: ForecastOptions) -> tuple[ForecastColumn, ...]:
    """Return the columns with the roles that are not in doubt, of a table whose other ones are."""
    table = _begun(grid, options)
    for assign in _STAGES:
        with contextlib.suppress(SourceError):
            assign(table)
    return tuple(table.roles)


def _begun(grid: Grid, options: ForecastOptions) -> _Table:
    rows = np.unique(np.linspace(0, grid.rows - 1, min(grid.rows, _SAMPLE)).astype(np.int64))
    sample = grid.taken(rows)
    names = tuple(read_name(name) for name in grid.names)
    roles = [ForecastColumn(index, name) for index, name in enumerate(grid.names)]
    return _Table(grid, sample, names, options, _decimal(sample, options), roles)


def _decimal(sample: Grid, options: ForecastOptions) -> str:
    """Return the decimal mark of the file's numbers."""
    if options.decimal:
        return options.decimal
    total = sum((mark_evidence(column) for column in sample.columns), MarkEvidence())
    return "," if total.comma > total.dot else "."


# What the user said


def _settle(table: _Table) -> None:
    """Give the roles that the user named."""
    names = list(table.grid.names)
    for written, column in table.options.columns.items():
        for item in str(column).split("|") if isinstance(column, str) else [column]:
            index = _place(item, names)
            table.settled.add(index)
            table.give(index, *_written_role(written))


def _place(column: str | int, names: Sequence[str]) -> int:
    """Return the index of a column that the user names."""
    if isinstance(column, str) and column in names:
        return list(names).index(column)
    folded = [name.strip().casefold() for name in names]
    if isinstance(column, str) and folded.count(column.strip().casefold()) == 1:
        return folded.index(column.strip().casefold())
    if str(column).isdecimal() and int(column) < len(names):
        return int(column)
    raise SourceError(f"There is no column {column!r}.", f"The file has: {', '.join(names[:30])}.")


def _written_role(written: str) -> tuple[Role, str, float]:
    """Return role, model and level that a user writes as ``cutoff``, ``LSTM``, ``LSTM:q0.1`` or
    ``LSTM:lo-80``.
    """
    if written in _WRITTEN:
        return _WRITTEN[written], "", 0.0
    model, colon, kind = written.rpartition(":")
    if not colon:
        return "point", "" if written in ("point", "forecast") else written, 0.0
    model = "" if model in ("point", "forecast") else model
    if kind in ("mean", "sample"):
        return "mean" if kind == "mean" else "path", model, 0.0
    found = read_name(kind)
    if found.kind == "quantile":
        return "quantile", model, found.level
    if found.kind in ("lower", "upper") and found.level:
        return "quantile", model, _tail(found)
    raise SourceError(
        f"There is no role {written!r}.",
        "Write ds, cutoff, y, ..., or MODEL, MODEL:q0.1, MODEL:lo-80, MODEL:hi-80.",
    )


def _tail(name: ColumnName, level: float = 0.0) -> float:
    """Return the quantile level of one limit of a central band."""
    tail = (1 - (name.level or level) / 100) / 2
    return round(tail if name.kind == "lower" else 1 - tail, 9)


# Dates and keys


def _pass_over_counters(table: _Table) -> None:
    """Leave columns without a name out that number the rows."""
    for index, column in enumerate(table.roles):
        if index in table.settled or not re.fullmatch(
            r"column \d+|(?i:unnamed: ?\d+|index|level_0|row)", column.name
        ):
            continue
        numbers = table.numbers(index)
        if (
            np.isfinite(numbers).all()
            and (np.diff(numbers) > 0).all()
            and (numbers == np.round(numbers)).all()
            and numbers[0] < 10**7
        ):
            table.settled.add(index)


def _pass_over_components(table: _Table) -> None:
    """Leave the components of a Prophet forecast out: they are parts of it and no models."""
    names = [plain(column.name) for column in table.roles]
    if "yhat" not in names or "trend" not in names:
        return
    stems = {name.rsplit(" ", 1)[0] for name in names if name.endswith((" lower", " upper"))}
    parts = stems - {"yhat"}
    if not table.options.cutoff and "cutoff" not in names and "cutoff" not in table.options.columns:
        raise SourceError(
            "This is Prophet's table of a forecast: its rows up to the last bar that it saw are "
            "fitted values, no forecasts.",
            "Say which bar that was: --cutoff 2024-01-31.",
        )
    for index, name in enumerate(names):
        if name in parts or name.rsplit(" ", 1)[0] in parts:
            table.settled.add(index)


def _assign_dates(table: _Table) -> None:
    kinds = {index: name.kind for index, name in enumerate(table.names)}
    taken: set[str] = {column.role for column in table.roles}
    free = [index for index in range(len(table.roles)) if index not in table.settled]
    found: DateRoles = date_roles(table.sample, kinds, free, taken, table.options.date_format)
    for index, role in found.roles.items():
        table.give(index, role)
    for message in found.notes:
        table.note("dates", message, "assumed", ("columns",))


def _assign_keys(table: _Table) -> None:
    """Find the columns that say whose forecast a row is, and which part of it."""
    for role in ("unique_id", "model", "step", "sample", "level"):
        indices = [
            index
            for index in table.free(role)
            if table.grid.columns[index].null_count < table.grid.rows
        ]
        if table.has(role) or not indices:
            continue
        if role in ("step", "sample", "level"):
            indices = [index for index in indices if role == "step" or table.numeric(index)]
        if role == "unique_id":
            indices = _identifying(table, indices)
        if role == "model":  # a name rather than a number
            indices = sorted(indices, key=table.numeric)
        if indices:
            table.give(indices[0], role)


def _identifying(table: _Table, indices: list[int]) -> list[int]:
    """Return columns that name a series: not those that number the rows; the one called
    unique_id or item_id first.
    """
    kept = []
    for index in indices:
        cells = table.sample.columns[index].to_pylist()
        numbers = table.numbers(index)
        counted = np.isfinite(numbers).all() and len(set(cells)) == len(cells) > 2
        if not counted:
            kept.append(index)
    return sorted(
        kept,
        key=lambda index: (
            plain(table.roles[index].name) not in ("unique id", "item id", "symbol", "ticker")
        ),
    )


# Forecasts and truth


def _assign_forecasts(table: _Table) -> None:
    """Give the columns whose names say that they are forecasts their roles."""
    long = table.has("sample", "level")
    named = table.free("point", "mean", "quantile", "path")
    for index in table.free("point", "mean", "quantile", "path", "value"):
        name = table.names[index]
        if not table.numeric(index):
            continue
        if name.kind == "value" and named and not long:
            continue
        if long and name.kind in ("value", "point"):
            table.give(index, "value")
        else:
            table.give(index, _FORECAST_KINDS.get(name.kind, "point"), name.model, name.level)
    _refuse_quartiles(table)
    if long and not table.has("value"):
        _value_of_long(table)


def _refuse_quartiles(table: _Table) -> None:
    named = [
        column
        for column in table.roles
        if re.fullmatch(r"(?i).*?(?<![a-z])q[\s_.-]?[123]", column.name)
    ]
    if {column.level for column in named} >= {0.01, 0.03} and len(named) == 3:
        raise SourceError(
            f"The columns {', '.join(column.name for column in named)} may be quartiles or "
            "percentiles.",
            f"Say which: --columns {named[0].model or 'forecast'}:q0.25={named[0].name},...",
        )


def _value_of_long(table: _Table) -> None:
    """Find the column of values in a table with a row for each sample path or quantile."""
    indices = [index for index in table.free("unknown", "price") if table.numeric(index)]
    if len(indices) != 1:
        raise SourceError(
            "The table has rows for each sample or quantile, but its values may be any of: "
            f"{table.called(indices) or 'none'}.",
            "Say which: --columns value=NAME.",
        )
    table.give(indices[0], "value")


def _assign_truth(table: _Table) -> None:
    """Find the actual value, and the last value before the forecast."""
    for index in table.free("y0")[:1]:
        if not table.has("y0") and table.numeric(index):
            table.give(index, "y0")
    if table.has("y"):
        return
    indices = [index for index in table.free("y", "value") if table.numeric(index)]
    if not indices and table.has(*FORECAST, "value"):
        indices = [index for index in table.free("price") if table.numeric(index)]
    if len(indices) > 1 and not _same(table, indices):
        raise SourceError(
            f"Several columns may be the actual value: {table.called(indices)}.",
            f"Say which: --columns y={table.roles[indices[0]].name}.",
        )
    if indices:
        table.give(indices[0], "y")


def _same(table: _Table, indices: Sequence[int]) -> bool:
    first = table.numbers(indices[0])
    return all(
        np.allclose(first, table.numbers(index), rtol=1e-9, equal_nan=True) for index in indices[1:]
    )


def _assign_models(table: _Table) -> None:
    """Find the columns named after their model: those with bands, all of a cross-validation, and
    what looks like the truth.
    """
    indices = [index for index in table.free("unknown") if table.numeric(index)]
    banded = {
        name.model
        for name in table.names
        if name.kind in ("quantile", "lower", "upper", "path") and name.model
    }
    named = [index for index in indices if table.roles[index].name in banded]
    rest = [index for index in indices if index not in named]
    _refuse_bare_levels(table, rest)
    frame = table.has("cutoff") or [plain(column.name) for column in table.roles[:2]] == [
        "unique id",
        "ds",
    ]
    alike = [index for index in rest if _looks_like_truth(table, index)]
    chosen = rest if frame else alike if not table.has(*FORECAST, "value") else []
    for index in [*named, *chosen]:
        table.give(index, "point", table.roles[index].name)
    if chosen and not frame:
        table.note(
            "models",
            f"Columns that are taken as forecasts, each of a model: {table.called(chosen)}.",
            "assumed",
            ("columns",),
        )
    if not table.has(*FORECAST, "value"):
        _only_prices(table)


def _refuse_bare_levels(table: _Table, indices: Sequence[int]) -> None:
    named = [
        index
        for index in indices
        if re.fullmatch(r"\d{1,2}(\.0)?", table.roles[index].name.strip())
    ]
    if len(named) > 1:
        first = table.roles[named[0]].name
        raise SourceError(
            f"The columns {table.called(named)} may be percentiles or steps ahead.",
            "If they are percentiles, say so: --columns "
            f"forecast:q{int(float(first)) / 100:g}={first},...",
        )


def _looks_like_truth(table: _Table, index: int) -> bool:
    """Tell whether a column has values of the size of the actual ones; True where there are none
    to compare with.
    """
    truth = next((column.index for column in table.roles if column.role == "y"), None)
    if truth is None:
        return True
    y, values = table.numbers(truth), table.numbers(index)
    both = np.isfinite(y) & np.isfinite(values)
    if both.sum() < 2 or np.ptp(values[both]) == 0:
        return False
    size, other = np.median(np.abs(y[both])), np.median(np.abs(values[both]))
    return bool(0 < size < _ALIKE * other and other < _ALIKE * size)


def _only_prices(table: _Table) -> None:
    """Take the close of a table of bars alone as the forecast, as Kronos writes them."""
    changes = [index for index in table.free("changes") if table.numeric(index)]
    prices = [index for index in table.free("price") if table.numeric(index)]
    if changes:
        raise SourceError(
            f"The only forecasts are of changes: {table.called(changes)}.",
            "Add them to the last price and give the forecast prices.",
        )
    if len(prices) == 1 and not table.has("y"):
        table.give(prices[0], "point")
        table.note(
            "bars",
            f"The file holds bars and no actual values: {table.called(prices)} is taken as the "
            "forecast.",
            "assumed",
            ("columns",),
        )


# Bands


def _assign_bands(table: _Table) -> None:
    """Turn lower and upper limits into quantiles of their model."""
    centers = {column.model for column in table.roles if column.role in FORECAST}
    indices = [index for index in table.free("lower", "upper") if table.numeric(index)]
    for index in [index for index in indices if table.names[index].level]:
        table.give(index, "quantile", _owner(table, index, centers), _tail(table.names[index]))
    open_ones = [index for index in indices if not table.names[index].level]
    kept = [
        index
        for index in open_ones
        if table.names[index].model in centers | {"", "obs", "interval"}
    ]
    if not kept:
        return
    level = table.options.band_level or _level_column(table) or _usual_level(table, kept)
    for index in kept:
        table.give(
            index, "quantile", _owner(table, index, centers), _tail(table.names[index], level)
        )


def _level_column(table: _Table) -> float:
    """Return the level of the bands that a column states, the same in each row; 0 for none."""
    for index, column in enumerate(table.roles):
        if plain(column.name) not in _LEVEL_COLUMNS or not table.numeric(index):
            continue
        numbers = table.numbers(index)
        stated = numbers[np.isfinite(numbers)]
        level = float(stated[0]) * (100 if 0 < stated[0] < 1 else 1)
        if np.ptp(stated) == 0 and 0 < level < 100:
            table.settled.add(index)
            message = f"{column.name} is read as what the band holds: {level:g} %."
            table.note("band_level", message, "assumed", ("band_level", f"{level:g}"))
            return level
    return 0.0


def _owner(table: _Table, index: int, centers: set[str]) -> str:
    """Return the model whose band a column limits."""
    model = table.names[index].model
    if model in centers or not centers:
        return model
    if model in ("", "obs", "interval") and len(centers) == 1:
        return next(iter(centers))
    if model in ("", "obs", "interval"):
        raise SourceError(
            f"The band {table.roles[index].name} may be of any of the models "
            f"{', '.join(sorted(centers))}.",
            f"Say of which: --columns {min(centers)}:lo-80={table.roles[index].name}.",
        )
    return model


def _usual_level(table: _Table, indices: Sequence[int]) -> float:
    """Return the level of bands that do not state it, where their library is known by the names."""
    for stem, (level, library) in _USUAL_LEVELS.items():
        if all(plain(table.roles[index].name).startswith(stem) for index in indices):
            message = (
                f"{table.called(indices)} are taken as limits of the {level:g} % band, as "
                f"{library} makes them."
            )
            table.note(
                "band_level",
                f"{message} If it was told another level, say so.",
                "assumed",
                ("band_level", f"{level:g}"),
            )
            return level
    raise SourceError(
        f"The columns {table.called(indices)} are limits of a band, but do not say of which.",
        "Say how much it should hold: --band-level 95.",
    )


def _pass_over_copies(table: _Table) -> None:
    """Leave a limit or quantile out that stands in the table twice, number for number, under two
    names, as BigQuery ML writes confidence beside prediction intervals.
    """
    known: dict[tuple[str, float], int] = {}
    for column in table.roles:
        if column.role != "quantile" or column.index in table.settled:
            continue
        first = known.setdefault((column.model, column.level), column.index)
        if first != column.index and _same(table, [first, column.index]):
            table.give(column.index, "unused")


def _ask_about_folds(table: _Table) -> None:
    """Refuse a table whose rows are numbered by folds of one length, where nothing else tells from
    which bars they were made: a fold may be one forecast, or many of one bar each.
    """
    if table.has("cutoff", "start", "step") or table.options.cutoff or table.options.horizon:
        return
    keys = [c.index for c in table.roles if c.role in ("unique_id", "model", "sample", "level")]
    for column in table.roles:
        words = set(plain(column.name).split())
        if column.role != "unused" or column.index in table.settled or not words & _FOLDS:
            continue
        cells = (table.grid.columns[index].to_pylist() for index in (*keys, column.index))
        sizes = Counter(zip(*cells, strict=True)).values()
        length = max(sizes)
        if 1 < length <= _LONGEST_FOLD and 2 * list(sizes).count(length) > len(sizes):
            raise SourceError(
                f"{column.name} numbers groups of {length} rows: each may be one forecast of "
                f"{length} bars, or {length} forecasts of one bar each.",
                f"Say how they were made: --horizon {length} (each group at once), or --horizon 1 "
                "(each row from the bar before).",
            )


def _check(table: _Table) -> None:
    """Refuse a table without forecasts, or with two columns for the same thing; tell which
    columns are not used.
    """
    used = [column for column in table.roles if column.role != "unused"]
    if not table.has(*FORECAST, "value"):
        names = ", ".join(table.grid.names[:30])
        raise SourceError(
            f"No column is a forecast. The file has: {names}.",
            "Say which is one: --columns MODEL=NAME,y=NAME,ds=NAME.",
        )
    keys = Counter(
        (column.role, column.model, column.level) for column in used if column.role != "path"
    )
    double = next((key for key, count in keys.items() if count > 1), None)
    if double is not None:
        same = [column for column in used if (column.role, column.model, column.level) == double]
        raise SourceError(
            f"Several columns may be {same[0].label}: {', '.join(column.name for column in same)}.",
            f"Say which: --columns {same[0].label}={same[0].name},unused={same[1].name}.",
        )
    _refuse_lone_quantiles(table, used)
    left = [column.name for column in table.roles if column.role == "unused"]
    if left:
        shown = ", ".join(left[:12]) + (", ..." if len(left) > 12 else "")
        table.note(
            "unused_columns", f"Columns that are not used: {shown}.", "left out", ("columns",)
        )


def _refuse_lone_quantiles(table: _Table, used: Sequence[ForecastColumn]) -> None:
    """Refuse a model that would be one quantile away from the median and nothing else."""
    by_model: dict[str, list[ForecastColumn]] = {}
    for column in used:
        if column.role in FORECAST:
            by_model.setdefault(column.model, []).append(column)
    for model, columns in by_model.items():
        (first, *more) = columns
        lone = not more and first.role == "quantile" and abs(first.level - 0.5) > _NEAR_MEDIAN
        if lone and first.index not in table.settled:
            raise SourceError(
                f"The column {first.name} would be the {100 * first.level:g} % quantile of a "
                f"model '{model}' of which there is nothing else.",
                f"Say what it is: --columns MODEL:lo-80={first.name}, or unused={first.name}.",
            )


#: What finds the roles, in its order.
_STAGES = (
    _settle,
    _pass_over_counters,
    _pass_over_components,
    _assign_dates,
    _assign_keys,
    _assign_forecasts,
    _assign_truth,
    _assign_models,
    _assign_bands,
    _pass_over_copies,
    _ask_about_folds,
    _check,
)
