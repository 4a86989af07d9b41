"""Columns that hold two limits in one cell, or limits whose names are bare numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from forecasting.imported_forecasts.names import read_name
from forecasting.series import Finding
from forecasting.sources.files.grid import Grid
from forecasting.sources.files.numbers import read_numbers

_NUMBER = r"[-+]?\d[\d.]*(?:[eE][-+]?\d+)?"
#: ``[98.1, 103.4]80`` of fable, ``(98.1, 103.4)`` of Python, ``98.1 - 103.4`` of people.
_INTERVAL = re.compile(
    rf"^\s*(?:[\[(]\s*(?P<a>{_NUMBER})\s*[,;]\s*(?P<b>{_NUMBER})\s*[\])]\s*(?P<level>\d{{1,2}})?"
    rf"|(?P<c>{_NUMBER})\s+(?:-|–|to|\.\.)\s+(?P<d>{_NUMBER}))\s*$"
)
_LEVEL = re.compile(r"(?<![\d.])(\d{1,2}(?:\.\d+)?|0?\.\d+)(?![\d.])")
#: Name of a limit: that of the forecast and a number that may be a percentile.
_NUMBERED = re.compile(r"^(?P<stem>.*?\D)[\s_.-]+(?P<level>\d{1,2}(?:\.\d+)?)$")
_SAMPLE = 50


def with_limits(grid: Grid) -> Grid:
    """Return a table with a column for each limit, and with names that say which one it is."""
    return _numbered(_split(grid))


def _split(grid: Grid) -> Grid:
    """Give both limits of an interval in one cell a column of their own."""
    import pyarrow as pa

    names: list[str] = []
    columns: list[Any] = []
    found: list[str] = []
    for name, column in zip(grid.names, grid.columns, strict=True):
        limits = _limits(column)
        if limits is None:
            names.append(name)
            columns.append(column)
            continue
        low, high, level = limits
        stated = level or _level_in(name)
        model = _LEVEL.sub("", name).strip(" _.-%") if stated else name
        model = "" if model.casefold() in _BAND_WORDS else model
        for side, values in (("lo", low), ("hi", high)):
            word = f"{side}-{stated:g}" if stated else {"lo": "lower", "hi": "upper"}[side]
            names.append(f"{model} {word}".strip())
            columns.append(pa.array(values))
        found.append(name)
    if not found:
        return grid
    message = f"Cells that hold both limits of a band are read as two columns: {', '.join(found)}."
    finding = Finding("interval_cells", message, len(found), "info", "assumed")
    return replace(
        grid, columns=tuple(columns), header=(tuple(names),), findings=(*grid.findings, finding)
    )


_BAND_WORDS = frozenset(
    ("interval", "ci", "pi", "band", "conf int", "conf_int", "confidence interval", "range", "hilo")
)


def _limits(column: Any) -> tuple[Any, Any, float] | None:
    """Return lower and upper limits of a column of intervals, and the level that its cells
    state; None for any other column.
    """
    import pyarrow as pa

    if not pa.types.is_string(column.type):
        return None
    sample = [cell for cell in column.slice(0, _SAMPLE).to_pylist() if cell]
    if not sample or not all(_INTERVAL.match(cell) for cell in sample):
        return None
    cells = [_INTERVAL.match(cell) if cell else None for cell in column.to_pylist()]
    low = np.array([_side(cell, "a", "c") for cell in cells])
    high = np.array([_side(cell, "b", "d") for cell in cells])
    known = np.isfinite(low) & np.isfinite(high)
    if not known.any() or (low[known] > high[known]).any():
        return None
    levels = {cell["level"] for cell in cells if cell is not None}
    level = next(iter(levels)) if len(levels) == 1 else None
    return low, high, float(level) if level else 0.0


def _side(cell: re.Match[str] | None, *groups: str) -> float:
    if cell is None:
        return float("nan")
    text = next(cell[group] for group in groups if cell[group])
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _level_in(name: str) -> float:
    """Return the level that the name of a column of intervals states, in percent; 0 for none."""
    found = _LEVEL.search(name)
    if not found:
        return 0.0
    level = float(found[1])
    return 100 * level if 0 < level < 1 else level


def _numbered(grid: Grid) -> Grid:
    """Say of ``prediction_5`` and ``prediction_95`` beside ``prediction`` that they are
    percentiles: levels that mirror each other around the middle.
    """
    names = list(grid.names)
    found: dict[str, dict[int, float]] = {}
    for index, name in enumerate(names):
        found_name = _NUMBERED.match(name.strip())
        if found_name and read_name(name).kind in ("point", "mean", "unknown"):
            found.setdefault(found_name["stem"].strip(" _.-"), {})[index] = float(
                found_name["level"]
            )
    renamed: list[str] = []
    for stem, levels in found.items():
        center = stem in names and read_name(stem).kind in ("point", "mean", "unknown")
        if not center or not _mirrored(levels) or not _ordered(grid, stem, levels):
            continue
        for index, level in levels.items():
            renamed.append(names[index])
            names[index] = f"{stem} q{level / 100:g}"
    if not renamed:
        return grid
    message = f"Numbers in names are read as percentiles: {', '.join(renamed)}."
    finding = Finding("numbered_limits", message, len(renamed), "info", "assumed")
    return replace(grid, header=(tuple(names),), findings=(*grid.findings, finding))


def _mirrored(levels: Mapping[int, float]) -> bool:
    values = sorted(levels.values())
    return len(values) >= 2 and all(
        abs(low + high - 100) < 1e-9 for low, high in zip(values, reversed(values), strict=True)
    )


def _ordered(grid: Grid, stem: str, levels: Mapping[int, float]) -> bool:
    """Tell whether the values lie around the middle in the order of their levels."""
    center = list(grid.names).index(stem)
    indices = [*sorted(levels, key=lambda index: levels[index])]
    half = sum(levels[index] < 50 for index in indices)
    ordered = [*indices[:half], center, *indices[half:]]
    values = np.stack([read_numbers(grid.columns[index]).values for index in ordered])
    known = np.isfinite(values).all(axis=0)
    return bool(known.any() and (np.diff(values[:, known], axis=0) >= 0).all())
