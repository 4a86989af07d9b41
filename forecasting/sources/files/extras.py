"""The columns of a table that are no prices: kept beside the bars, so that they can be inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.errors import presentable
from forecasting.series import Dates, DeferredColumns, ExogColumn, ExogForm, Floats
from forecasting.sources.files.assign_columns import Roles
from forecasting.sources.files.convert import Converted
from forecasting.sources.files.dates import read_dates
from forecasting.sources.files.grid import Grid
from forecasting.sources.files.numbers import MISSING, mark_evidence, read_numbers

#: Most further columns that are kept, and most different texts of one.
MAX_EXTRAS = 500
MAX_LABELS = 1000
_LONGEST_NAME = 200
#: Most bytes of cells that are kept to be read later.
_MOST_DEFERRED = 16 << 20
#: Share of the cells that have to be of a kind.
_MOSTLY = 0.95
_YES = ("yes", "y", "true", "t", "x", "ja", "oui", "si", "sí", "da", "on", "✓", "1", "1.0")
_NO = ("no", "n", "false", "f", "nein", "non", "off", "0", "0.0")


@dataclass(frozen=True, eq=False)
class Extra:
    """A further column as read: one value a row of the file."""

    name: str
    values: Floats
    form: ExogForm
    labels: tuple[str, ...] = ()

    def at(self, ds: Dates, rows: npt.NDArray[np.int64]) -> ExogColumn:
        """Return the observations of some rows whose dates ``ds`` are known, oldest first; of
        equal dates the last one of the file.
        """
        values = self.values[rows]
        if not (ds[1:] > ds[:-1]).all():
            order = np.argsort(ds, kind="stable")
            ds, values = ds[order], values[order]
            last = np.append(ds[1:] != ds[:-1], True)
            ds, values = ds[last], values[last]
        return ExogColumn(self.name, ds, values, self.form, self.labels)


@dataclass(eq=False)
class Extras:
    """The further columns of a file, read when one is first asked for.

    Attributes
    ----------
    names : tuple of (int, str)
        Place in the file and name of each.
    cells : function
        Return the cells of each, one entry a row of the file.
    decimal : str
        Decimal mark of the prices, "" where they do not tell.
    """

    names: tuple[tuple[int, str], ...]
    cells: Callable[[], Sequence[Any]]
    decimal: str

    @cached_property
    def columns(self) -> tuple[Extra, ...]:
        """Those that hold numbers, yes and no, texts or dates; columns without any value and
        texts that nearly all differ are left out.
        """
        found: dict[str, Extra] = {}
        for (index, given), cells in zip(self.names, self.cells(), strict=True):
            name = presentable(given, _LONGEST_NAME).replace("\n", " ")
            if name in found:
                name = f"{name} ({index + 1})"
            extra = _extra(name, cells, self.decimal)
            if extra is not None:
                found[name] = extra
        return tuple(found.values())

    def of_rows(self, ds: Dates, rows: npt.NDArray[np.int64]) -> DeferredColumns:
        """Return the columns in some rows, of which each has a date; those without any value
        there are left out.
        """
        names = tuple(name for _, name in self.names)
        return DeferredColumns(names, lambda: tuple(extras_at(self.columns, ds, rows)))


def extras_of(grid: Grid, roles: Roles, read: Converted) -> Extras:
    """Return the columns of a table that have no role."""
    unused = [
        c
        for c in roles.columns
        if not c.role and not c.symbol and len(grid.columns[c.index]) == grid.rows
    ][:MAX_EXTRAS]
    marks = list(read.marks.values())
    usual = max(marks, key=marks.count) if marks else ""
    cells = tuple(grid.columns[c.index] for c in unused)
    extras = Extras(tuple((c.index, c.name) for c in unused), lambda: cells, usual)
    if sum(column.nbytes for column in cells) > _MOST_DEFERRED:
        _ = extras.columns
        extras.cells = tuple
    return extras


def _extra(name: str, cells: Any, decimal: str) -> Extra | None:
    import pyarrow as pa

    kind = cells.type
    if pa.types.is_boolean(kind):
        return Extra(
            name,
            np.array([np.nan if item is None else float(item) for item in cells.to_pylist()]),
            "flag",
        )
    if pa.types.is_temporal(kind):
        return _moments(name, cells)
    if not pa.types.is_string(kind) and not pa.types.is_large_string(kind):
        return _numbers(name, cells, ".")
    sample = cells.slice(0, 2000)
    return _numbers(name, cells, decimal or _mark(sample)) or _of_text(name, cells)


def _mark(cells: Any) -> str:
    evidence = mark_evidence(cells.drop_null())
    return "," if evidence.comma > evidence.dot else "."


def _numbers(name: str, cells: Any, decimal: str) -> Extra | None:
    numbers = read_numbers(cells, decimal)
    values = np.where(np.isfinite(numbers.values), numbers.values, np.nan)
    known = np.isfinite(values)
    if not known.any() or (
        numbers.readable < 1.0 and known.sum() < _MOSTLY * (known.sum() + numbers.bad.sum())
    ):
        return None
    flag = bool((~known | (values == 0) | (values == 1)).all())
    if flag and not (values[known] == 0).any() and not known.all():
        values = np.where(known, values, 0.0)  # only the days with it are marked
    return Extra(name, values, "flag" if flag else "number")


def _moments(name: str, cells: Any) -> Extra | None:
    ds = read_dates(cells).ds
    return None if np.isnat(ds).all() else Extra(name, _as_numbers(ds), "date")


def _as_numbers(ds: Dates) -> Floats:
    return np.where(
        np.isnat(ds), np.nan, ds.astype("datetime64[us]").astype(np.int64).astype(np.float64)
    )


def _of_text(name: str, cells: Any) -> Extra | None:
    """Read texts as yes and no, as dates, or as categories."""
    texts = [str(item).strip() if item is not None else "" for item in cells.to_pylist()]
    texts = ["" if item.lower() in MISSING else item for item in texts]
    filled = {item for item in texts if item}
    if not filled:
        return None
    low = {item.lower() for item in filled}
    if low <= {*_YES, *_NO}:
        blank = np.nan if low & {*_NO} else 0.0  # only the days with it are marked
        return Extra(
            name,
            np.array([blank if not item else float(item.lower() in _YES) for item in texts]),
            "flag",
        )
    if len(filled) > 2:
        dates = read_dates(cells.drop_null())
        if dates.readable >= _MOSTLY:
            return _moments(name, cells)
    if len(filled) > min(MAX_LABELS, max(2.0, 0.5 * len(texts))):
        return None
    labels = tuple(sorted(filled))
    indices = {label: float(index) for index, label in enumerate(labels)}
    return Extra(name, np.array([indices.get(item, np.nan) for item in texts]), "category", labels)


def extras_at(
    extras: tuple[Extra, ...], ds: Dates, rows: npt.NDArray[np.int64]
) -> Iterator[ExogColumn]:
    """Yield the further columns in some rows, of which each has a date; those without any value
    there are left out.
    """
    for extra in extras:
        if np.isfinite(extra.values[rows]).any():
            yield extra.at(ds, rows)
