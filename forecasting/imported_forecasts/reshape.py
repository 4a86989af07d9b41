"""Tables in other shapes made long: a row for each name and date, or a column for each step."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forecasting.errors import SourceError
from forecasting.imported_forecasts.cells import with_limits
from forecasting.imported_forecasts.date_headers import with_dates_in_rows
from forecasting.imported_forecasts.names import read_name
from forecasting.series import Finding
from forecasting.sources.files.dates import read_dates
from forecasting.sources.files.grid import Grid
from forecasting.sources.files.numbers import read_numbers
from forecasting.sources.files.vocabulary import plain

#: Most names in a column of names, and most cells of the table that is made.
_MOST_NAMES, _MOST_CELLS = 60, 20_000_000
#: What follows a step ahead in the name of a column: ``_q0.1``, `` 90.0%``, ``_lower_80``.
_PART = r"(?:[\s_.-]+(?P<part>\D*\d[\d.]*\s?%?|lower|upper))?$"
#: Columns for steps ahead from the date of the row: ``t+1``, ``h1``, ``step_1``, ``pred_1``.
_FROM_ORIGIN = re.compile(
    r"(?i)^(?P<model>.*?)[\s_.-]*(?:t\s?\+\s?|\+|(?<![a-z])(?:h|f|step|lead|day|pred|prediction|forecast|fcst|y_pred|horizon)[\s_=.-]*)"
    r"(?P<step>\d{1,3})" + _PART
)
#: Columns for some bars ahead: ``Forecast 5d``, ``Prognose 2 Tage``, ``pred 1-day ahead``.
_BARS_AHEAD = re.compile(
    r"(?i)^(?P<model>.*?)[\s_.-]*(?<!\d)(?P<step>\d{1,3})[\s_-]?(?:d|days?|tage?|bars?|steps?)"
    r"(?:[\s_-](?:ahead|out))?" + _PART
)
#: Columns of NeuralProphet: the forecast of the row's own date, made so many bars before.
_TO_DATE = re.compile(r"^(?P<model>)yhat(?P<step>\d{1,3})" + _PART)
_ACTUAL_STEP = re.compile(
    r"(?i)^(?:actual|true|real|y|y_true|observed)[\s_.-]*(?:t\s?\+\s?|\+)?(?P<step>\d{1,3})$"
)
#: Names of columns that are of the bar after their row's, as plain text and as it stands.
_NEXT = re.compile(r"\b(?:next|tomorrow|tomorrows|t 1|t1|morgen|naechste|demain|manana|domani)\b")
_NEXT_WORDS = re.compile(r"(?i)(?:next|tomorrow'?s?|t\s?\+\s?1|morgen|demain|domani)[\s_.-]*")
_PARTS = ("quantile", "lower", "upper")
_OF_A_MODEL = ("point", "mean", *_PARTS)
_VALUES = ("value", "values", "price", "close", "y", "forecast", "prediction")


@dataclass(frozen=True)
class _Step:
    """A column that holds forecasts of one step ahead."""

    index: int
    model: str
    step: int
    part: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Model, and which quantile or limit of its forecast; "" for the point."""
        return self.model, self.part


def reshaped(grid: Grid, cutoff: str = "") -> Grid:
    """Return a table with a row for each forecast, whichever shape it has.

    Parameters
    ----------
    grid : Grid
    cutoff : str
        Date of the last bar that all forecasts saw, where the user says so.

    Raises
    ------
    SourceError
        Steps ahead whose origin neither a column of dates nor the user tells, or columns of dates
        that may be read in two ways.
    """
    long = _by_name(with_limits(with_dates_in_rows(grid)))
    return _by_step(_of_next_bar(long), cutoff)


def _by_name(grid: Grid) -> Grid:
    """Give a table that has a row for each name and date a column for each name."""
    texts = [place for place, column in enumerate(grid.columns) if _is_text(column)]
    values = [
        place
        for place, name in enumerate(grid.names)
        if plain(name) in _VALUES and place not in texts
    ]
    if len(values) != 1:
        return grid
    found: dict[int, list[str]] = {}
    for index in texts:
        names = [str(cell) for cell in dict.fromkeys(grid.columns[index].to_pylist()) if cell]
        kinds = {read_name(name).kind for name in names}
        if 2 <= len(names) <= _MOST_NAMES and "y" in kinds and len(kinds) > 1:
            found[index] = names
            if "point" in kinds:  # actual and predicted, rather than actual and a model
                return _spread(grid, index, values[0], names)
    return next((_spread(grid, index, values[0], found[index]) for index in found), grid)


def _is_text(column: Any) -> bool:
    import pyarrow as pa

    if not pa.types.is_string(column.type):
        return False
    sample = column.slice(0, 200)
    dated = read_dates(sample).readable > 0.5
    return not dated and bool(read_numbers(sample).readable < 0.5)


def _spread(grid: Grid, place: int, value: int, names: Sequence[str]) -> Grid:
    """Return the table with the values of each name in a column of its own."""
    import pyarrow as pa

    others = [index for index in range(len(grid.columns)) if index not in (place, value)]
    rows = list(zip(*(grid.columns[index].to_pylist() for index in others), strict=True))
    keys = {key: number for number, key in enumerate(dict.fromkeys(rows))}
    if len(keys) * len(names) > _MOST_CELLS:
        raise SourceError(
            f"The table holds {len(rows):,} rows of {len(names)} names.", "Split it by name."
        )
    cells: dict[str, list[Any]] = {name: [None] * len(keys) for name in names}
    told = zip(rows, grid.columns[place].to_pylist(), grid.columns[value].to_pylist(), strict=True)
    for key, name, cell in told:
        if name:
            cells[str(name)][keys[key]] = cell
    firsts = {key: number for number, key in reversed(list(enumerate(rows)))}
    kept = pa.array([firsts[key] for key in keys])
    columns = [grid.columns[index].take(kept) for index in others]
    columns += [pa.array(cells[name], grid.columns[value].type) for name in names]
    header = ((*(grid.names[index] for index in others), *names),)
    message = f"{grid.names[place]} names what {grid.names[value]} holds: {', '.join(names[:8])}."
    finding = Finding("names_in_rows", message, len(names), "info", "assumed")
    return replace(grid, columns=tuple(columns), header=header, findings=(*grid.findings, finding))


def _of_next_bar(grid: Grid) -> Grid:
    """Give a table whose forecasts say that they are of the bar after their row's the cutoffs: the
    dates of the rows, with the actual values of these dates as the last ones known.
    """
    import pyarrow as pa

    ahead = [_NEXT.search(plain(name)) is not None for name in grid.names]
    bare = [_NEXT_WORDS.sub("", name).strip(" _.-") or name for name in grid.names]
    kinds = [read_name(name).kind for name in bare]
    forecast = [n for n, kind in enumerate(kinds) if kind in _OF_A_MODEL and ahead[n]]
    others = [n for n, kind in enumerate(kinds) if kind in _OF_A_MODEL and not ahead[n]]
    if not forecast or others or {"cutoff", "step", "target_ds"} & set(kinds):
        return grid
    names = list(grid.names)
    for index, kind in enumerate(kinds):
        if kind == "ds":
            names[index] = "cutoff"
        elif kind in ("y", "price"):
            names[index] = "y" if ahead[index] else "y0"
        elif index in forecast:
            names[index] = bare[index]
    if names.count("cutoff") != 1 or names.count("y0") > 1 or names.count("y") > 1:
        return grid
    step = pa.array(np.ones(grid.rows, np.int64))
    listed = ", ".join(grid.names[index] for index in forecast[:4])
    message = (
        f"{listed} forecast the bar after their row's: each row's date is taken as the cutoff."
    )
    finding = Finding("next_bar", message, len(forecast), "warning", "assumed")
    return replace(
        grid,
        columns=(*grid.columns, step),
        header=((*names, "step"),),
        findings=(*grid.findings, finding),
        block=None,
    )


def _by_step(grid: Grid, cutoff: str) -> Grid:
    """Give a table that has a column for each step ahead a row for each of them."""
    for pattern, to_date in ((_TO_DATE, True), (_FROM_ORIGIN, False), (_BARS_AHEAD, False)):
        steps = _steps(grid, pattern)
        if steps:
            return _stacked(_counted_from(grid, cutoff, to_date), steps, to_date)
    return grid


def _counted_from(grid: Grid, cutoff: str, to_date: bool) -> Grid:
    """Return the table with the cutoff that the user names as a column, where it has no dates."""
    import pyarrow as pa

    kinds = {read_name(name).kind for name in grid.names}
    if not cutoff or to_date or kinds & {"ds", "cutoff", "issued"}:
        return grid
    column = pa.array([cutoff] * grid.rows)
    return replace(grid, columns=(*grid.columns, column), header=((*grid.names, "cutoff"),))


def _steps(grid: Grid, pattern: re.Pattern[str]) -> list[_Step]:
    """Return the columns of steps ahead, 1, 2, ... of each model, some bars ahead of a forecast;
    none where they are not.
    """
    found = []
    for place, name in enumerate(grid.names):
        told = pattern.match(name.strip())
        actual = _ACTUAL_STEP.match(name.strip())
        if not told or actual or _is_text(grid.columns[place]):
            continue
        model, part = told["model"].strip(" _.-"), told["part"] or ""
        if pattern is _BARS_AHEAD and read_name(model).kind != "point":
            continue
        kind = read_name(f"forecast {part}" if part else name)
        if kind.kind in _PARTS if part else not kind.level:
            found.append(_Step(place, model, int(told["step"]), part))
    by_key = [[step.step for step in found if step.key == key] for key in {s.key for s in found}]
    if pattern is _BARS_AHEAD:
        whole = all(len(set(steps)) == len(steps) and 0 not in steps for steps in by_key)
    else:
        whole = all(sorted(steps) in _runs(len(found)) for steps in by_key)
    return found if whole and max(map(len, by_key), default=0) > 1 else []


def _runs(most: int) -> list[list[int]]:
    """Return 1, 2, ... n and 0, 1, ... n - 1 for each length up to ``most``."""
    return [list(range(first, first + length)) for length in range(2, most + 1) for first in (0, 1)]


def _stacked(grid: Grid, steps: Sequence[_Step], to_date: bool) -> Grid:
    """Return one row for each row and step, the other columns repeated."""
    import pyarrow as pa

    first = int(any(step.step == 0 for step in steps))
    ahead = sorted({step.step for step in steps})
    keys = list(dict.fromkeys(step.key for step in steps))
    gone = {step.index for step in steps}
    gone |= {place for place, name in enumerate(grid.names) if _ACTUAL_STEP.match(name.strip())}
    others = [place for place in range(len(grid.columns)) if place not in gone]
    if len(ahead) * grid.rows * len(keys) > _MOST_CELLS:
        raise SourceError(f"The table holds {grid.rows:,} rows of {len(ahead)} steps.", "Split it.")
    names, columns = _origin_names(grid, others, to_date), []
    columns += [pa.concat_arrays([grid.columns[place]] * len(ahead)) for place in others]
    by_key = {(step.key, step.step): grid.columns[step.index] for step in steps}
    for key in keys:
        parts = [by_key.get((key, step)) for step in ahead]
        empty = pa.nulls(grid.rows, pa.float64())
        read = [empty if part is None else pa.array(read_numbers(part).values) for part in parts]
        columns.append(pa.concat_arrays(read))
    columns.append(pa.array(np.repeat([step + first for step in ahead], grid.rows)))
    header = ((*names, *(_column_name(model, part) for model, part in keys), "step"),)
    where = (
        "of the date of their row, made so many bars before"
        if to_date
        else "made at the date of their row"
    )
    named = ", ".join(grid.names[step.index] for step in steps[:6])
    message = f"Columns for steps ahead 1 to {ahead[-1] + first}, {where}: {named}."
    finding = Finding("steps_in_columns", message, len(steps), "warning", "assumed")
    return replace(grid, columns=tuple(columns), header=header, findings=(*grid.findings, finding))


def _column_name(model: str, part: str) -> str:
    """Return the name of a column of all steps, from what stood before and after their numbers."""
    if read_name(model).kind in _PARTS:
        return model
    return " ".join((model, "forecast", part)).strip()


def _origin_names(grid: Grid, others: Sequence[int], to_date: bool) -> list[str]:
    """Return the names of the other columns; the date of a row is the cutoff where steps are
    counted from it.

    Raises
    ------
    SourceError
        No column of dates.
    """
    names = [grid.names[place] for place in others]
    kinds = [read_name(name).kind for name in names]
    if to_date or {"cutoff", "issued"} & set(kinds):
        return names
    if "ds" not in kinds:
        raise SourceError(
            "Columns for steps ahead have no date to be counted from.",
            "Say which bar was the last that they saw: --cutoff 2024-01-31, or a column of such "
            "dates.",
        )
    return ["cutoff" if kind == "ds" else name for name, kind in zip(names, kinds, strict=True)]
