"""What was understood of a file, as a value that a dialog can show and a user can correct."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from forecasting.series import ExogColumn, Finding
from forecasting.sources.files.assign_columns import ColumnReading
from forecasting.sources.options import ReadOptions


@dataclass(frozen=True)
class Reading:
    """How a file is read.

    Attributes
    ----------
    path : str
    kind : str
        ``text``, ``excel``, ``parquet``, ``arrow``, ``sqlite`` or ``json``.
    packing : str
        ``gzip``, ``bzip2``, ``xz``, ``zip`` or "".
    encoding, delimiter : str
        Of a text file, else "".
    decimal : str
        Decimal mark of most columns.
    date_format : str
        How dates are written, such as ``%d.%m.%Y`` or ``epoch-ms``.
    date_order : str
        ``dmy``, ``mdy``, ``ymd`` or ``ydm`` where dates are all digits, else "".
    timezone : str
        IANA zone, or "" where the file names none.
    layout : str
        ``single``, ``long`` (a symbol column) or ``wide`` (columns by symbol).
    sheet : str
        The sheet, table or archive member taken; ``sheets`` are all of a workbook, a database or a
        JSON document.
    header_rows : tuple of int
        Rows that name the columns, counted from 0; empty where there is none.
    first_row : int
        First row with data, counted from 0.
    rows : int
        Rows from there on, blank ones not counted.
    columns : tuple of ColumnReading
        Each column with its name and role.
    first, last : tuple of tuple of str
        Raw cells of the first and last data rows.
    first_read, last_read : tuple of tuple of str
        The same cells as understood: dates and numbers in one form, "" where none could be read.
    symbols : tuple of str
        The series found; ``bars`` and ``spans`` (first and last date) go with them.
    findings : tuple of Finding
        What was noticed in the file as a whole.
    options : ReadOptions
        What the user had settled.
    sampled : bool
        Only the beginning and the end of the file were looked at: ``rows`` and ``bars`` are
        estimates, of a packed file the number looked at.
    inputs : tuple of ExogColumn
        Further columns that may be chosen as inputs, each as the first series that has it.
    """

    path: str
    kind: Literal["text", "excel", "parquet", "arrow", "sqlite", "json"]
    packing: str
    encoding: str
    delimiter: str
    decimal: str
    date_format: str
    date_order: str
    timezone: str
    layout: Literal["single", "long", "wide"]
    sheet: str
    sheets: tuple[str, ...]
    header_rows: tuple[int, ...]
    first_row: int
    rows: int
    columns: tuple[ColumnReading, ...]
    first: tuple[tuple[str, ...], ...]
    last: tuple[tuple[str, ...], ...]
    symbols: tuple[str, ...]
    findings: tuple[Finding, ...]
    options: ReadOptions
    first_read: tuple[tuple[str, ...], ...] = ()
    last_read: tuple[tuple[str, ...], ...] = ()
    bars: tuple[int, ...] = ()
    spans: tuple[tuple[str, str], ...] = ()
    sampled: bool = False
    inputs: tuple[ExogColumn, ...] = ()

    def names(self, role: str) -> tuple[str, ...]:
        """Return the names of the columns that have a role."""
        return tuple(column.name for column in self.columns if column.role == role)
