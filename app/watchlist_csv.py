"""The watchlist as a CSV file: what each row is loaded from, its group, and what is known of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from app.watchlist import MOST_ROWS, Row, name_of
from forecasting.errors import SourceError
from forecasting.files.atomic import atomic_write
from forecasting.files.bounded_read import read_regular_file
from forecasting.source_registry import split_reference
from forecasting.sources.options import Request

#: Columns of a file, in this order; to be read, the first one that a file has is enough.
COLUMNS = (
    "source", "symbol", "group", "trained", "last", "day", "change_percent", "verdict",
    "skill_percent", "held_80_percent",
)  # fmt: skip
#: Headings of other programs that mean the source.
_SOURCES = ("source", "reference", "ticker", "symbol", "name", "file", "path")
_GROUPS = ("group", "sector", "category", "list")
_MOST_BYTES = 16 * 2**20
_HINT = "Needed are rows with a ticker, a file or a sample, best below a heading named source."


def write_list(rows: Sequence[Row], path: Path) -> None:
    """Write rows to a file, whole or not at all.

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(_cells(row) for row in rows)
    atomic_write(path, text.getvalue().encode("utf-8"))


def read_list(path: Path) -> tuple[Row, ...]:
    """Read rows from a file; nothing is loaded yet.

    A line without a scheme such as ``yahoo:`` that is no file is a ticker. Files are looked for
    from the folder of the list.

    Raises
    ------
    SourceError
        The file cannot be read, or a line names nothing that can be loaded.
    """
    try:
        data = read_regular_file(path, _MOST_BYTES)
    except OSError as error:
        raise SourceError(
            f"{path.name} cannot be read: {error.strerror or error}.", "Check the path."
        ) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    found: dict[tuple[str, str], Row] = {}
    for row in _rows(path, text):
        found.setdefault((row.request.reference, row.symbol), row)
    if not found:
        raise SourceError(f"{path.name} names no series.", _HINT)
    if len(found) > MOST_ROWS:
        raise SourceError(
            f"{path.name} names {len(found):,} series; at most {MOST_ROWS:,} are possible.",
            "Divide it into several lists.",
        )
    return tuple(found.values())


def _cells(row: Row) -> list[str]:
    seen, judged = row.glimpse, row.judgement
    change = seen.change if seen else None
    return [
        row.request.reference,
        row.symbol,
        row.group,
        "yes" if row.checked else "no",
        f"{seen.closes[-1]:g}" if seen else "",
        seen.day if seen else "",
        f"{100 * change:.4f}" if change is not None else "",
        judged.outcome if judged else "",
        f"{judged.skill:.4f}" if judged and judged.skill is not None else "",
        f"{judged.held:.4f}" if judged and judged.held is not None else "",
    ]


def _rows(path: Path, text: str) -> Iterator[Row]:
    """Yield the rows of a text, with or without a heading."""
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text[:4096], ",;\t")
    except csv.Error:
        dialect = csv.excel
    lines = list(csv.reader(io.StringIO(text), dialect))
    if not lines:
        return
    heads = [cell.strip().casefold() for cell in lines[0]]
    source = next((heads.index(name) for name in _SOURCES if name in heads), None)
    group = next((heads.index(name) for name in _GROUPS if name in heads), None)
    symbol = heads.index("symbol") if "symbol" in heads else None
    first = 0 if source is None else 1
    for number, cells in enumerate(lines[first:], first + 1):
        reference = _cell(cells, source or 0)
        if reference and not reference.startswith("#"):
            name = _cell(cells, symbol) if symbol != source else ""
            yield _row(path, number, reference, name, _cell(cells, group))


def _row(path: Path, number: int, reference: str, symbol: str, group: str) -> Row:
    spec, _ = split_reference(reference)
    file = path.parent / reference
    if spec.is_path and file.is_file():
        reference = str(file.resolve())
    elif spec.is_path and not ("/" in reference or "\\" in reference or _is_file(reference)):
        reference = f"yahoo:{reference.upper()}"
    try:
        request = Request(reference=reference)
    except ValidationError as error:
        raise SourceError(
            f"Line {number} of {path.name} is no source: {reference[:60]!r}.", _HINT
        ) from error
    return Row(request, symbol[:400] or name_of(request)[:400], group=group[:80])


def _is_file(reference: str) -> bool:
    return Path(reference).suffix.lower() in (".csv", ".txt", ".xlsx", ".parquet", ".zip", ".tsv")


def _cell(cells: Sequence[str], index: int | None) -> str:
    return cells[index].strip() if index is not None and index < len(cells) else ""
