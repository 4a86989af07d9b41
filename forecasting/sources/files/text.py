"""Text files: from bytes to cells, whatever the encoding, the delimiter and the damage."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from forecasting.errors import SourceError
from forecasting.series import Finding
from forecasting.sources.files.grid import MAX_ROWS, Frame, Grid, cell_kind, find_frame, fit_header, pad
from forecasting.sources.files.opening import Opened, unpacked

#: Longest line that is read, in characters.
MAX_LINE = 1 << 20

_DELIMITERS = (",", ";", "\t", "|", " ")
_BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK = 20_000


@dataclass(frozen=True)
class Dialect:
    """How a text file is written: encoding, delimiter, whether whole lines stand in quotes, and where its parts are."""

    encoding: str
    delimiter: str
    wrapped: bool
    frame: Frame
    skip: int = 0
    guessed: bool = False


def detect_encoding(head: bytes, whole: bool = False) -> tuple[str, bool]:
    """Return the encoding of text and whether it is a guess.

    Raises
    ------
    SourceError
        Bytes that are no text.
    """
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name, False
    nuls = head[:4096].count(0)
    if nuls:
        even, odd = head[0:4096:2].count(0), head[1:4096:2].count(0)
        if nuls > 0.3 * len(head[:4096]) and min(even, odd) < 0.1 * nuls:
            return ("utf-16-le" if odd > even else "utf-16-be"), True
        raise SourceError("The file is not text: it contains NUL bytes.", "Choose a CSV, Excel or Parquet file.")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError:
        return _guess_encoding(head), True
    return "utf-8", False


def _guess_encoding(head: bytes) -> str:
    """Return the likeliest legacy encoding by charset-normalizer, cp1252 where it has no opinion."""
    from charset_normalizer import from_bytes

    places = [place for place, byte in enumerate(head) if byte > 127]
    start = max(0, places[0] - 2000)
    best = from_bytes(head[start : start + 20_000]).best()
    name = best.encoding if best is not None else "cp1252"
    return "cp1252" if name in ("ascii", "latin_1", "iso8859_1") or name.startswith("cp0") else name


def read_dialect(head: bytes, encoding: str = "") -> tuple[Dialect, list[list[str]]]:
    """Find out how a text file is written.

    Parameters
    ----------
    head : bytes
        The first 256 KiB or all of the file.
    encoding : str
        Known encoding; "" finds it.

    Returns
    -------
    dialect : Dialect
    rows : list of list of str
        The first rows as cells.

    Raises
    ------
    SourceError
        No delimiter makes a table with dates and numbers; the message shows the first lines.
    """
    name, guessed = (encoding, False) if encoding else detect_encoding(head)
    try:
        text = codecs.getincrementaldecoder(name)(errors="replace").decode(head, final=False)
    except LookupError as error:
        raise SourceError(f"There is no encoding called {name}.", "Use a name such as utf-8, cp1252 or utf-16.") from error
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(head) >= 1 << 18 and len(lines) > 1:
        lines = lines[:-1]
    lines = lines[:400]
    if max(map(len, lines)) > MAX_LINE:
        raise SourceError(f"A line has more than {MAX_LINE:,} characters.", "This is hardly a price table; check how it was exported.")
    skip = 1 if lines[0].lower().startswith("sep=") else 0
    known = lines[0][4:5] if skip else ""
    delimiter, wrapped = _delimiter(lines[skip:], known)
    rows = [_cells(line, delimiter, wrapped) for line in lines]
    try:
        frame = find_frame(rows)
    except SourceError as error:
        tried = ", ".join(repr(mark) for mark in _DELIMITERS)
        raise SourceError(f"{error.message} {shown(lines)}", error.hint or f"Tried {name} text with the delimiters {tried}.") from error
    return Dialect(name, delimiter, wrapped, frame, skip, guessed), rows


def shown(lines: Iterable[str], count: int = 4) -> str:
    """Return the first filled lines, shortened, for an error message."""
    filled = [line.strip() for line in lines if line.strip()][:count]
    return "The file begins:\n" + "\n".join("  " + (line if len(line) <= 100 else line[:97] + "...") for line in filled)


def _delimiter(lines: list[str], known: str) -> tuple[str, bool]:
    """Return the delimiter under which most cells are dates or numbers, and whether whole lines stand in quotes."""
    if known:
        return known, False
    sample = [line for line in lines if line.strip()][:200]
    scores = {mark: _score(_rows(sample, mark)) for mark in _DELIMITERS if any(mark in line for line in sample[:20])}
    best = max(scores, key=lambda mark: scores[mark], default=",")
    inner = [row[0] for row in _rows(sample, "\x1f") if len(row) == 1]
    if len(inner) == len(sample) and sum(line.startswith('"') and line.endswith('"') for line in sample) > 0.8 * len(sample):
        unwrapped = {mark: _score(_rows(inner, mark)) for mark in _DELIMITERS[:-1]}
        better = max(unwrapped, key=lambda mark: unwrapped[mark])
        if unwrapped[better] > scores.get(best, 0.0) + 0.2:
            return better, True
    return best, False


def _score(rows: list[list[str]]) -> float:
    """Return how much a way of splitting makes a table: share of typed cells in rows of the commonest width."""
    widths = Counter(len(row) for row in rows if len(row) > 1)
    if not widths:
        return 0.0
    width, count = widths.most_common(1)[0]
    typed, dated = 0.0, 0
    body = [row for row in rows if len(row) > 1]
    for row in body[:100]:
        kinds = [cell_kind(cell) for cell in row[:40]]
        filled = max(1, len(kinds) - kinds.count("E"))
        typed += (kinds.count("D") + kinds.count("N")) / filled
        dated += "D" in kinds and ("N" in kinds or kinds.count("D") > 1)
    size = min(len(body), 100)
    return (count / len(rows)) * (typed / size) + (dated / size) + 0.002 * min(width, 20)


def _rows(lines: Iterable[str], delimiter: str) -> list[list[str]]:
    """Split lines into cells, each line by itself: a broken quote spoils one line only."""
    return [_cells(line, delimiter, False) for line in lines]


def _cells(line: str, delimiter: str, wrapped: bool) -> list[str]:
    if not line.strip():
        return []
    try:
        cells = next(csv.reader((line,), delimiter=delimiter, skipinitialspace=True), [])
        if wrapped and len(cells) == 1:
            cells = next(csv.reader((cells[0],), delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return line.replace('"', "").split(delimiter)
    return cells


def read_text(opened: Opened, dialect: Dialect) -> tuple[Grid, str]:
    """Split a whole text file into cells.

    Returns
    -------
    grid : Grid
    digest : str
        SHA-256 (hex) of the file.

    Raises
    ------
    UnicodeDecodeError
        The encoding that fits the beginning does not fit the rest.
    SourceError
        More rows or longer lines than are read.
    """
    chunks: list[list[Any]] = []
    odd = {"wide": 0, "short": 0}
    with unpacked(opened) as stream:
        lines = _lines(iter(lambda: stream.read(1 << 20), b""), dialect.encoding)
        rows = _split(lines, dialect)
        top = list(islice(rows, dialect.frame.first_row))
        width = dialect.frame.width
        block: list[tuple[str, ...]] = []
        for row in rows:
            if not row:
                continue
            block.append(tuple(row) if len(row) == width else _fit(row, width, odd))
            if len(block) == _CHUNK:
                chunks.append(_columns(block))
                block = []
        if block or not chunks:
            chunks.append(_columns(block or [("",) * width]))
        digest = stream.hexdigest()
    return _grid(top, chunks, dialect, odd), digest


def _split(lines: Iterator[str], dialect: Dialect) -> Iterator[list[str]]:
    """Yield the cells of each line; lines whose quotes run over the end are split by themselves."""
    for line in lines:
        if '"' not in line and dialect.delimiter != " ":
            yield line.split(dialect.delimiter) if line.strip() else []
        else:
            yield _cells(line, dialect.delimiter, dialect.wrapped)


def _lines(blocks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """Yield lines without their ends; SourceError for a line or a file too long."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    rest, count = "", 0
    for block in blocks:
        *full, rest = (rest + decoder.decode(block)).split("\n")
        count += len(full)
        if len(rest) > MAX_LINE or count > MAX_ROWS:
            what = f"a line has more than {MAX_LINE:,} characters" if len(rest) > MAX_LINE else f"there are more than {MAX_ROWS:,} lines"
            raise SourceError(f"The file is too large: {what}.", "Split the file by symbol or by year.")
        yield from full
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest


def _fit(row: list[str], width: int, odd: dict[str, int]) -> tuple[str, ...]:
    """Return a row as wide as the table; rows with too many filled cells are emptied, since no cell can be trusted."""
    if len(row) < width:
        odd["short"] += any(cell.strip() for cell in row)
        return pad(row, width)
    if any(cell.strip() for cell in row[width:]):
        odd["wide"] += 1
        return ("",) * width
    return tuple(row[:width])


def _columns(block: list[tuple[str, ...]]) -> list[Any]:
    import pyarrow as pa

    return [pa.array(cells, pa.string()) for cells in zip(*block, strict=True)]


def _grid(top: list[list[str]], chunks: list[list[Any]], dialect: Dialect, odd: dict[str, int]) -> Grid:
    import pyarrow as pa
    import pyarrow.compute as pc

    frame = dialect.frame
    columns = tuple(pa.concat_arrays(parts) for parts in zip(*chunks, strict=True))
    last_filled = bool(pc.any(pc.not_equal(columns[-1], "")).as_py())
    header = fit_header([top[place] for place in frame.header_rows if place < len(top)], frame.width, last_filled)
    above = tuple(tuple(cell.strip() for cell in row) for row in top[: min((*frame.header_rows, frame.first_row))] if row)
    findings = []
    if odd["wide"]:
        message = f"{odd['wide']} rows have more cells than the table has columns ({frame.width}); they cannot be read."
        findings.append(Finding("uneven_rows", message, odd["wide"], "warning", "dropped"))
    if odd["short"]:
        message = (
            f"{odd['short']} rows have fewer cells than the table has columns ({frame.width}); the missing ones at their end are empty."
        )
        findings.append(Finding("short_rows", message, odd["short"], "info", "kept"))
    return Grid(columns, header, above, frame.header_rows, frame.first_row, tuple(findings))
