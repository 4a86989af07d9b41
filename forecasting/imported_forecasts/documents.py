"""Forecasts in JSON documents that are no plain table: predictions beside actual data, quantile
lists, our own forecasts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from forecasting.sources.files.container import Opened
from forecasting.sources.files.grid import Grid
from forecasting.sources.files.json_tables import parsed_document
from forecasting.sources.files.typed import column_of
from forecasting.sources.files.vocabulary import plain, words_of

#: Most forecasts, and most steps and paths of one, that a document may hold.
_MOST, _LONGEST, _MOST_PATHS = 100_000, 1000, 1000
_PREDICTED = words_of("prediction predictions predicted forecast forecasts prognosis pred preds")
_ACTUAL = words_of("actual actuals truth observed real observation observations")
_DATES = ("timestamp", "timestamps", "date", "ds", "datetime", "time")
_IDS = ("item_id", "unique_id", "symbol", "ticker", "series_id", "id")
_STARTS = ("forecast_start", "start_date", "start", "first_date")
#: Names of the list of forecasts in a document.
_LISTS = ("predictions", "forecasts", "results")

_LEVEL_LISTS = ("quantile_levels", "levels", "taus", "quantile_level")
_MATRICES = ("forecast", "forecasts", "quantile_forecast", "predictions", "quantiles", "values")
_CLOSES = ("close", "value", "price", "y", "prediction", "yhat")

Table = dict[str, list[Any]]


def document_grid(opened: Opened) -> Grid | None:
    """Return the forecasts of a JSON document as a table, None where it has none of the known
    shapes.

    Parameters
    ----------
    opened : Opened
        A JSON file.

    Raises
    ------
    SourceError
        A damaged or too large document.
    """
    document, _ = parsed_document(opened)
    for read in (_own, _beside_actual, _quantile_lists):
        table = read(document)
        if table and len(next(iter(table.values()))):
            return Grid(tuple(column_of(cells) for cells in table.values()), (tuple(table),))
    return None


def _own(document: Any) -> Table | None:
    """Read what ``candlecast forecast --json`` prints."""
    parts = document if isinstance(document, list) else [document]
    if not parts or not all(
        isinstance(item, dict) and {"cutoff", "forecast"} <= item.keys() for item in parts[:_MOST]
    ):
        return None
    rows: list[dict[str, Any]] = []
    for item in parts[:_MOST]:
        if not _are_records(item["forecast"]):
            return None
        about = {
            "unique_id": item.get("symbol", ""),
            "model": item.get("model", "forecast"),
            "cutoff": item["cutoff"],
        }
        rows += [about | dict(row) for row in item["forecast"]]
    return _columns(rows)


def _beside_actual(document: Any) -> Table | None:
    """Read lists of predicted bars with actual ones beside them, as Kronos' web page stores them;
    one document, or several in a list.
    """
    documents = document if isinstance(document, list) else [document]
    tables = [_predicted(item) for item in documents[:_MOST]]
    found = [table for table in tables if table is not None]
    if not found or len(found) < len(tables):
        return None
    return {name: [cell for table in found for cell in table[name]] for name in found[0]}


def _predicted(document: Any) -> Table | None:
    """Read one forecast: predicted bars, and actual ones and a history where they are there."""
    if not isinstance(document, dict):
        return None
    lists = {key: value for key, value in document.items() if _are_records(value)}
    predicted = _named(lists, _PREDICTED)
    if not predicted or (date := _key(predicted[0], _DATES)) is None:
        return None
    actual = _named(lists, _ACTUAL)
    close = next((key for key in predicted[0] if plain(key) in _CLOSES), None)
    if close is None:
        return None
    known = {str(row.get(date)): row.get(close) for row in actual}
    rest = [value for value in lists.values() if value is not predicted and value is not actual]
    history = rest[0] if rest else []
    past = [row for row in history if row.get(date) is not None and row.get(close) is not None]
    dates = [row.get(date) for row in predicted]
    count = len(past) + len(dates)
    return {
        "unique_id": [str(next((document[key] for key in _IDS if key in document), ""))] * count,
        "ds": [*(row[date] for row in past), *dates],
        "start": [dates[0]] * count,
        "predicted close": [*([None] * len(past)), *(row.get(close) for row in predicted)],
        "actual close": [*(row[close] for row in past), *(known.get(str(item)) for item in dates)],
    }


def _named(lists: Mapping[str, list[Any]], words: frozenset[str]) -> list[Any]:
    """Return the first list whose name has one of some words."""
    return next((value for key, value in lists.items() if set(plain(key).split()) & words), [])


def _quantile_lists(document: Any) -> Table | None:
    """Read forecasts that hold lists: quantiles by level, a mean, sample paths, as GluonTS and
    DeepAR write them.
    """
    parts = document
    if isinstance(document, dict):
        parts = next((document[key] for key in _LISTS if _are_records(document.get(key))), document)
    parts = parts if isinstance(parts, list) else [parts]
    if not parts or not all(isinstance(item, dict) and _lists_of(item) for item in parts[:_MOST]):
        return None
    rows: list[dict[str, Any]] = []
    for number, item in enumerate(parts[:_MOST]):
        lists = _lists_of(item)
        about: dict[str, Any] = {
            "unique_id": str(
                next((item[key] for key in _IDS if key in item), number if len(parts) > 1 else "")
            )
        }
        about |= {"model": str(item["model"])} if isinstance(item.get("model"), str) else {}
        about |= {"cutoff": item["cutoff"]} if isinstance(item.get("cutoff"), str) else {}
        start = next((item[key] for key in _STARTS if isinstance(item.get(key), str)), None)
        about |= {"start": start} if start else {}
        steps = min(len(next(iter(lists.values()))), _LONGEST)
        rows += [
            about | {"step": step + 1, **{name: cells[step] for name, cells in lists.items()}}
            for step in range(steps)
        ]
    return _columns(rows)


def _lists_of(item: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the lists of one forecast by the names of their columns, all equally long; none
    where it has none.
    """
    quantiles = item.get("quantiles", {})
    found: dict[str, list[Any]] = {}
    if isinstance(quantiles, dict):
        found = {
            f"q{float(level):g}": cells
            for level, cells in quantiles.items()
            if _is_level(level) and _are_numbers(cells)
        }
    found |= _by_level(item)
    for name in ("mean", "median"):
        if _are_numbers(item.get(name)):
            found[name] = item[name]
    samples = item.get("samples")
    if (
        isinstance(samples, list)
        and 1 < len(samples) <= _MOST_PATHS
        and all(_are_numbers(path) for path in samples)
    ):
        found |= {f"sample_{number}": path for number, path in enumerate(samples)}
    lengths = {len(cells) for cells in found.values()}
    if not found or (quantiles == {} and not isinstance(samples, list) and "mean" in found):
        return {}
    return found if len(lengths) == 1 and 0 not in lengths else {}


def _by_level(item: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Read a list of steps, each with a number for each level, beside the list of levels; or the
    other way round.
    """
    levels: list[Any] = next((item[key] for key in _LEVEL_LISTS if _are_numbers(item.get(key))), [])
    rows: list[Any] = next((item[key] for key in _MATRICES if _are_lists(item.get(key))), [])
    if not levels or not rows or not all(_is_level(str(level)) for level in levels):
        return {}
    if all(len(row) == len(levels) for row in rows) and len(rows) != len(levels):
        rows = [list(column) for column in zip(*rows, strict=True)]
    elif len(rows) != len(levels) or any(len(row) == len(levels) for row in rows):
        return {}
    return {f"q{level:g}": row for level, row in zip(levels, rows, strict=True)}


def _are_lists(rows: Any) -> bool:
    return isinstance(rows, list) and bool(rows) and all(_are_numbers(row) for row in rows)


def _is_level(text: str) -> bool:
    try:
        return 0 < float(text) < 1
    except ValueError:
        return False


def _are_numbers(cells: Any) -> bool:
    return isinstance(cells, list) and all(
        cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool))
        for cell in cells
    )


def _are_records(rows: Any) -> bool:
    return (
        isinstance(rows, list) and bool(rows) and all(isinstance(row, dict) for row in rows[:_MOST])
    )


def _key(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    return next((key for key in row if key.lower() in names), None)


def _columns(rows: Sequence[Mapping[str, Any]]) -> Table:
    names = dict.fromkeys(name for row in rows for name in row)
    return {
        name: [
            row.get(name) if not isinstance(row.get(name), dict | list) else None for row in rows
        ]
        for name in names
    }
