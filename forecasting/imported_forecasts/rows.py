"""Forecasts as rows: one for each model, series, cutoff and date, with its quantiles; the actual
values beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.errors import SourceError
from forecasting.imported_forecasts.columns import ForecastColumn, ForecastColumns, Role
from forecasting.series import Dates, Finding, Floats, Ints
from forecasting.sources.files.dates import NO_ZONE, ORDERS, read_dates
from forecasting.sources.files.grid import Grid
from forecasting.sources.files.numbers import read_numbers

Texts = npt.NDArray[np.str_]

#: Levels that are drawn and described beside those that are scored.
DRAWN = (0.025, 0.1, 0.5, 0.9, 0.975)
#: Most numbers of the forecasts of one file.
MOST_VALUES = 20_000_000
#: Most sample paths that are scored one by one; of more, evenly spaced quantiles.
MOST_PATHS = 500
_THINNED = tuple((k + 0.5) / 200 for k in range(200))
_NAT = np.datetime64("NaT", "us")


@dataclass(frozen=True, eq=False)
class RowKeys:
    """What rows are about; all arrays have one entry a row, R of them.

    Attributes
    ----------
    symbol : ndarray of str
        "" where the file names no series.
    cutoff : ndarray of datetime64[us]
        NaT where the file names none.
    start : ndarray of datetime64[us]
        Date of the first bar that was forecast, where a file tells that instead; NaT otherwise.
    ds : ndarray of datetime64[us]
        NaT where the file has steps ahead only.
    step : ndarray of int64
        Bars ahead from 1; 0 where the file does not say.
    """

    symbol: Texts
    cutoff: Dates
    start: Dates
    ds: Dates
    step: Ints

    def __len__(self) -> int:
        """Return the number of rows R."""
        return int(self.ds.size)

    def take(self, rows: npt.NDArray[Any]) -> RowKeys:
        """Return some rows, by mask or index."""
        return RowKeys(
            self.symbol[rows], self.cutoff[rows], self.start[rows], self.ds[rows], self.step[rows]
        )


@dataclass(frozen=True, eq=False)
class ForecastRows:
    """The forecasts of one model.

    Attributes
    ----------
    model : str
    keys : RowKeys
    levels : tuple of float, length Q
        Increasing, with 0.5 among them.
    values : ndarray of float64, shape [R, Q]
    scored : tuple of float
        Levels that the file holds, over which CRPS is averaged.
    mean : ndarray of float64, shape [R] or empty
        The point forecast, where it is not the median.
    points : bool
        Whether there is a point forecast alone.
    paths : int
        Sample paths that the quantiles are made of; 0 for none.
    """

    model: str
    keys: RowKeys
    levels: tuple[float, ...]
    values: Floats
    scored: tuple[float, ...]
    mean: Floats
    points: bool
    paths: int = 0

    def take(self, rows: npt.NDArray[Any]) -> ForecastRows:
        """Return some rows, by mask or index."""
        mean = self.mean[rows] if self.mean.size else self.mean
        return replace(self, keys=self.keys.take(rows), values=self.values[rows], mean=mean)


@dataclass(frozen=True, eq=False)
class Truth:
    """Actual values that a file of forecasts holds itself, one a row; also of rows without a
    forecast.
    """

    symbol: Texts
    ds: Dates
    y: Floats


@dataclass(frozen=True, eq=False)
class TableRows:
    """All that a table of forecasts holds: rows by model, actual values, and what was noticed."""

    models: tuple[ForecastRows, ...]
    truth: Truth
    last: Truth
    utc: bool = False
    dated: bool = True
    findings: tuple[Finding, ...] = ()


def read_rows(grid: Grid, columns: ForecastColumns, form: str, name: str) -> TableRows:
    """Read the rows of a table.

    Parameters
    ----------
    grid : Grid
    columns : ForecastColumns
    form : str
        Date format, or "" where the dates tell.
    name : str
        Of a model that no column names.

    Raises
    ------
    SourceError
        Dates that cannot be read or may be read in two ways, numbers that are none, or a forecast
        twice.
    """
    findings: list[Finding] = []
    keys, utc, dated = _keys(grid, columns, form, findings)
    y = _numbers(grid, columns, columns.index("y"))
    truth = Truth(keys.symbol, keys.ds, y)
    last = Truth(keys.symbol, keys.cutoff, _numbers(grid, columns, columns.index("y0")))
    read = _long if columns.of("value") else _wide
    models = tuple(read(grid, columns, keys, name, findings))
    if not models:
        raise SourceError(
            "No row has a forecast.",
            "Choose a file with forecasts, or say which column is one: --columns MODEL=NAME.",
        )
    return TableRows(models, truth, last, utc, dated, tuple(findings))


# Keys


def _keys(
    grid: Grid, columns: ForecastColumns, form: str, findings: list[Finding]
) -> tuple[RowKeys, bool, bool]:
    rows, utc = grid.rows, False
    dates: dict[str, Dates] = {}
    for role in ("ds", "cutoff", "start"):
        index = columns.index(role)
        dates[role] = np.full(rows, _NAT)
        if index is not None:
            dates[role], zoned = _dates(grid, index, form, role, findings)
            utc |= zoned
    symbol = columns.index("unique_id")
    names = _texts(grid, symbol) if symbol is not None else np.full(rows, grid.symbol or "")
    keys = RowKeys(
        names, dates["cutoff"], dates["start"], dates["ds"], _steps(grid, columns, findings)
    )
    dated = columns.index("ds") is not None
    if not dated and not (keys.step > 0).any() and np.isnat(keys.cutoff).all():
        day = np.datetime64("2000-01-03", "us") + np.arange(rows) * np.timedelta64(1, "D").astype(
            "timedelta64[us]"
        )
        message = "The file has no dates: its rows are taken as one bar after the other."
        findings.append(Finding("no_dates", message, rows, "warning", "assumed"))
        keys = replace(keys, ds=day)
    return keys, utc, dated


def _dates(
    grid: Grid, index: int, form: str, role: str, findings: list[Finding]
) -> tuple[Dates, bool]:
    """Return a column of dates, and whether they are in UTC."""
    found = read_dates(grid.columns[index], form)
    name = grid.names[index]
    unread = int(np.isnat(found.ds).sum())
    if found.readable < 0.5:
        raise SourceError(
            f"The dates in {name} cannot be read.",
            "Say how they are written: --date-format dmy, or %d.%m.%Y.",
        )
    if found.alternative and found.alternative in ORDERS and not form:
        raise SourceError(
            f"Every date in {name} fits two orders: {found.order} and {found.alternative}.",
            f"Say which: --date-format {found.order}, or --date-format {found.alternative}.",
        )
    if unread and role == "ds":
        message = f"Rows without a date in {name}, which are left out: {unread}."
        findings.append(Finding("undated", message, unread, "warning", "dropped"))
    midnight = (found.ds == found.ds.astype("datetime64[D]")) | np.isnat(found.ds)
    if found.offset is None or midnight.all():
        return found.ds, found.zone == "UTC" and not midnight.all()
    offset = np.where(found.offset == NO_ZONE, 0, found.offset)
    return found.ds - offset.astype("timedelta64[m]"), True


def _steps(grid: Grid, columns: ForecastColumns, findings: list[Finding]) -> Ints:
    """Return the steps ahead, counted from 1; 0 where there are none."""
    index = columns.index("step")
    if index is None:
        return np.zeros(grid.rows, np.int64)
    steps = _counted(grid, index)
    if not np.isfinite(steps).any():
        return np.zeros(grid.rows, np.int64)
    if np.nanmin(steps) == 0:
        message = (
            f"Steps ahead in {grid.names[index]} are counted from 0; the first bar ahead is "
            "taken as step 1."
        )
        findings.append(Finding("steps_from_zero", message, 1, "info", "assumed"))
        steps = steps + 1
    if np.nanmin(steps) < 1 or np.nanmax(steps) > 1000:
        raise SourceError(
            f"{grid.names[index]} holds steps ahead from {np.nanmin(steps):g} to "
            f"{np.nanmax(steps):g}; 1 to 1000 are possible.",
            f"If it is something else: --columns unused={grid.names[index]}.",
        )
    return np.where(np.isfinite(steps), steps, 0).astype(np.int64)


def _counted(grid: Grid, index: int) -> Floats:
    """Return whole numbers; of texts such as ``3 days`` the number in front."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = grid.columns[index]
    if pa.types.is_string(column.type):
        found = pc.extract_regex(pc.utf8_trim_whitespace(column), r"^(?P<n>[-+]?\d+)\b")
        column = pc.struct_field(found, "n")
    numbers = read_numbers(column).values
    return np.where(numbers == np.round(numbers), numbers, np.nan)


def _texts(grid: Grid, index: int) -> Texts:
    cells = grid.columns[index].to_pylist()
    return np.array(
        ["" if cell is None or cell != cell else _text(cell) for cell in cells], dtype=str
    )


def _text(cell: Any) -> str:
    return (
        str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()[:100]
    )


def _numbers(grid: Grid, columns: ForecastColumns, index: int | None) -> Floats:
    """Return a column of numbers, NaN where a cell is none or not finite."""
    if index is None:
        return np.full(grid.rows, np.nan)
    values = read_numbers(grid.columns[index], columns.decimal).values
    return np.where(np.isfinite(values), values, np.nan)


# A column for each model and quantile


def _wide(
    grid: Grid, columns: ForecastColumns, keys: RowKeys, name: str, findings: list[Finding]
) -> Iterator[ForecastRows]:
    """Yield the rows of each model of a table with a column for each forecast."""
    groups = _by_model(grid, columns)
    forecasts = columns.of("point", "mean", "quantile", "path")
    if grid.rows * len(forecasts) > MOST_VALUES:
        raise SourceError(
            f"The file holds {grid.rows * len(forecasts):,} forecasts; at most {MOST_VALUES:,} "
            "are read.",
            "Split it by series.",
        )
    named = dict.fromkeys(column.model for column in forecasts)
    for group, rows in groups:
        for model in named:
            mine = [column for column in forecasts if column.model == model]
            label = (
                " ".join(
                    part for part in (group, model if len(named) > 1 or not group else "") if part
                )
                or name
            )
            found = _model(
                grid.taken(rows) if group else grid, columns, keys.take(rows), label, mine, findings
            )
            if len(found.keys):
                yield found


def _by_model(grid: Grid, columns: ForecastColumns) -> list[tuple[str, Ints]]:
    """Return the rows of each model that a column names, all rows under "" where there is none."""
    position = columns.index("model")
    if position is None:
        return [("", np.arange(grid.rows))]
    models = _texts(grid, position)
    names, index = np.unique(models, return_inverse=True)
    if names.size > 100:
        raise SourceError(
            f"{grid.names[position]} names {names.size:,} models; at most 100 are judged at once.",
            "Split the file.",
        )
    return [
        (str(label) or "unnamed", np.flatnonzero(index == at)) for at, label in enumerate(names)
    ]


def _model(
    grid: Grid,
    columns: ForecastColumns,
    keys: RowKeys,
    model: str,
    mine: Sequence[ForecastColumn],
    findings: list[Finding],
) -> ForecastRows:
    """Return the rows of one model: of its quantiles, its paths, or its points."""
    read = {column: _numbers(grid, columns, column.index) for column in mine}
    paths = [values for column, values in read.items() if column.role == "path"]
    quantiles = {
        column.level: values for column, values in read.items() if column.role == "quantile"
    }
    center: dict[Role, Floats] = {
        column.role: values for column, values in read.items() if column.role in ("point", "mean")
    }
    if len(paths) > 1:
        samples = np.stack(paths, axis=1)
        known = _complete(samples)
        return from_paths(model, keys.take(known), samples[known])
    if paths and not center:
        center = {"point": paths[0]}
    return _from_quantiles(model, keys, quantiles, center, findings)


def _from_quantiles(
    model: str,
    keys: RowKeys,
    quantiles: dict[float, Floats],
    center: dict[Role, Floats],
    findings: list[Finding],
) -> ForecastRows:
    """Return rows of quantiles and a point forecast, which is the median where there is none."""
    point = center.get("point", center.get("mean"))
    mean = np.empty(0)
    if not quantiles:
        assert point is not None
        known = np.isfinite(point)
        return ForecastRows(
            model, keys.take(known), (0.5,), point[known][:, None], (0.5,), mean, points=True
        )
    if 0.5 not in quantiles and point is not None:
        quantiles = {**quantiles, 0.5: point}
        message = (
            f"{model}: its point forecast is taken as the median of its distribution, since "
            "no column is called that."
        )
        findings.append(Finding("median", message, 1, "info", "assumed"))
    elif point is not None:
        mean = center.get("mean", point)
    scored = tuple(sorted(quantiles))
    if 0.5 not in quantiles:
        quantiles = {**quantiles, 0.5: _middle(quantiles)}
        message = (
            f"{model} has no median: the middle between its innermost quantiles stands for "
            "it, and is not scored."
        )
        findings.append(Finding("median", message, 1, "warning", "assumed"))
    levels = tuple(sorted(quantiles))
    values = np.stack([quantiles[level] for level in levels], axis=1)
    known = _complete(values)
    partly = int((np.isfinite(values).any(axis=1) & ~known).sum())
    if partly:
        message = f"{model}: rows that lack some of its quantiles, and are left out: {partly}."
        findings.append(Finding("incomplete", message, partly, "warning", "dropped"))
    values = _in_order(model, values[known], findings)
    return ForecastRows(
        model,
        keys.take(known),
        levels,
        values,
        scored,
        mean[known] if mean.size else mean,
        points=False,
    )


def _complete(values: Floats) -> npt.NDArray[np.bool_]:
    """Tell which rows hold numbers only."""
    return np.asarray(np.isfinite(values).all(axis=1))


def _middle(quantiles: dict[float, Floats]) -> Floats:
    """Return what lies between the innermost quantiles, by their distances from the median."""
    below, above = (
        max((q for q in quantiles if q < 0.5), default=None),
        min((q for q in quantiles if q > 0.5), default=None),
    )
    if below is None or above is None:
        return next(iter(quantiles.values()))
    weight = (0.5 - below) / (above - below)
    return (1 - weight) * quantiles[below] + weight * quantiles[above]


def _in_order(model: str, values: Floats, findings: list[Finding]) -> Floats:
    """Return quantiles that do not cross, sorted where they do."""
    crossed = int((np.diff(values, axis=1) < 0).any(axis=1).sum())
    if not crossed:
        return values
    message = f"{model}: quantiles cross in {crossed} of {len(values)} rows; they are sorted."
    findings.append(Finding("crossing", message, crossed, "warning", "sorted"))
    return np.sort(values, axis=1)


def from_paths(model: str, keys: RowKeys, samples: Floats) -> ForecastRows:
    """Return rows of sample paths [R, M]: their order statistics as quantiles of the levels (i -
    0.5) / M.

    The mean pinball loss over these levels, doubled, is the CRPS of the ensemble: E|X - y| - E|X -
    X'| / 2 (Bracher et al. 2021; "quantile decomposition").
    """
    count = samples.shape[1]
    ordered = np.sort(samples, axis=1)
    scored = tuple(round((k + 0.5) / count, 12) for k in range(count))
    if count > MOST_PATHS:
        scored, ordered = _THINNED, np.quantile(ordered, _THINNED, axis=1, method="inverted_cdf").T
    extra = [level for level in DRAWN if not any(abs(level - q) < 1e-9 for q in scored)]
    drawn = (
        np.quantile(samples, extra, axis=1, method="hazen").T
        if extra
        else np.empty((len(samples), 0))
    )
    levels = np.array([*scored, *extra])
    order = np.argsort(levels)
    values = np.concatenate([ordered, drawn], axis=1)[:, order]
    mean = samples.mean(axis=1)
    return ForecastRows(
        model, keys, tuple(levels[order].tolist()), values, scored, mean, points=False, paths=count
    )


# A row for each path or quantile


def _long(
    grid: Grid, columns: ForecastColumns, keys: RowKeys, name: str, findings: list[Finding]
) -> Iterator[ForecastRows]:
    """Yield the rows of each model of a table with a row for each sample path or quantile."""
    values = _numbers(grid, columns, columns.index("value"))
    level, sample = columns.index("level"), columns.index("sample")
    marks = _numbers(grid, columns, level if level is not None else sample)
    for group, rows in _by_model(grid, columns):
        mine = rows[np.isfinite(values[rows])]
        points = mine[~np.isfinite(marks[mine])] if level is not None else mine[:0]
        mine = mine[np.isfinite(marks[mine])]
        if not mine.size:
            continue
        pivoted, firsts, found = _pivot(keys, mine, marks, values)
        known = _complete(pivoted)
        lost = int((~known).sum())
        if lost:
            message = (
                f"{group or name}: forecasts that lack some of their "
                f"{'paths' if level is None else 'quantiles'}, and are left out: {lost}."
            )
            findings.append(Finding("incomplete", message, lost, "warning", "dropped"))
        at = keys.take(mine[firsts][known])
        if level is None:
            yield from_paths(group or name, at, pivoted[known])
            continue
        levels = found / 100 if found.max() > 1 else found
        if levels.min() <= 0 or levels.max() >= 1:
            raise SourceError(
                f"Quantile levels from {found.min():g} to {found.max():g} are none.",
                "They lie between 0 and 1.",
            )
        quantiles = {round(float(q), 9): pivoted[known][:, index] for index, q in enumerate(levels)}
        center: dict[Role, Floats] = {}
        if points.size == known.sum():
            center = {"mean": values[points]}
        yield _from_quantiles(
            group or name, at, quantiles, center if 0.5 in quantiles else {}, findings
        )


def _pivot(keys: RowKeys, rows: Ints, marks: Floats, values: Floats) -> tuple[Floats, Ints, Floats]:
    """Return values [G, M] by forecast and mark, the first of ``rows`` of each forecast [G], and
    the marks [M].

    Raises
    ------
    SourceError
        Two rows for the same forecast and mark.
    """
    at = keys.take(rows)
    parts = [
        np.unique(part, return_inverse=True)[1]
        for part in (at.symbol, at.cutoff, at.start, at.ds, at.step)
    ]
    code = np.zeros(rows.size, np.int64)
    for part in parts:
        code = np.unique(code * (int(part.max()) + 1) + part, return_inverse=True)[1].astype(
            np.int64
        )
    _, firsts, group = np.unique(code, return_index=True, return_inverse=True)
    found, index = np.unique(marks[rows], return_inverse=True)
    if firsts.size * found.size > MOST_VALUES:
        raise SourceError(
            f"{firsts.size:,} forecasts of {found.size:,} paths or quantiles are more than are "
            "read.",
            "Split the file.",
        )
    cell = group * found.size + index
    if np.unique(cell).size < cell.size:
        double = (
            int(np.flatnonzero(np.bincount(cell, minlength=1) > 1)[0])
            if cell.max() < 10**8
            else int(cell[0])
        )
        row = int(np.flatnonzero(cell == double)[1])
        raise SourceError(
            f"Two rows are of the same forecast and path or quantile: {at.symbol[row]} "
            f"{at.ds[row]} {found[index[row]]:g}.",
            "Say which column tells them apart: --columns cutoff=NAME, model=NAME or "
            "unique_id=NAME.",
        )
    pivoted = np.full(firsts.size * found.size, np.nan)
    pivoted[cell] = values[rows]
    return pivoted.reshape(firsts.size, found.size), firsts, found
