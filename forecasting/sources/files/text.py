"""Text files: from bytes to cells, whatever the encoding, the delimiter and the damage."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from forecasting.errors import SourceError
from forecasting.series import Finding
from forecasting.sources.files.container import Opened, unpacked
from forecasting.sources.files.grid import (
    Frame,
    Grid,
    cell_kind,
    find_frame,
    fit_header,
    most_rows,
    pad,
    too_many,
)
from forecasting.sources.files.plain_text import split_plain
from forecasting.sources.files.vocabulary import months, plain, role_ranks

#: Longest line that is read, in characters.
MAX_LINE = 1 << 20

#: Delimiters by their names.
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}

_DELIMITERS = tuple(DELIMITERS.values())
_BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Encodings of files that are not Unicode, the most usual ones first.
_LEGACY = (
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1254",
    "cp1253",
    "gb18030",
    "shift_jis",
    "euc_kr",
    "big5",
    "cp1255",
    "cp1256",
    "koi8_r",
    "cp850",
)

_CHUNK = 20_000
#: Letters of a cell beyond which the csv module of Python takes no line apart.
_LONGEST_CELL = 100_000
#: Cells of a row by which a way of splitting is judged.
_SCORED = 20
#: Encodings of Python that no text file is written in; letters of a name that are shown.
_NO_FILE = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"})
_LONGEST_NAME = 40
#: Lines from the top among which a title may run over its line end.
_TOP = 30
_YEAR = re.compile(r"(?:1[89]|20|21)\d{2}")


@dataclass(frozen=True)
class Splitter:
    """How a line is split into cells.

    Attributes
    ----------
    delimiter : str
    wrapped : bool
        Whole lines stand in quotes.
    joined : int
        Cell that belongs together with the next one, since a date holds the delimiter
        (``Dec 24, 2020``); -1 for none.
    edges : tuple of int
        Where the cells of a printed table end, by which the names above them are told apart; empty
        for any other file.
    """

    delimiter: str
    wrapped: bool = False
    joined: int = -1
    edges: tuple[int, ...] = ()

    def cells(self, line: str) -> list[str]:
        """Return the cells of a line, none for a blank one; a broken quote spoils its own line
        only.
        """
        if not line.strip():
            return []
        if self.edges and (placed := self._placed(line)):
            return placed
        if self._is_simple(line):
            return line.split(self.delimiter)
        try:
            cells = next(csv.reader((line,), delimiter=self.delimiter, skipinitialspace=True), [])
            if self.wrapped and len(cells) == 1:
                cells = next(
                    csv.reader((cells[0],), delimiter=self.delimiter, skipinitialspace=True), []
                )
        except csv.Error:
            cells = line.split(self.delimiter)
        if '"' in line:
            cells = [cell.strip().strip('"') for cell in cells]
        index = self.joined
        if 0 <= index < len(cells) - 1 and _YEAR.fullmatch(cells[index + 1].strip()):
            cells[index : index + 2] = [f"{cells[index]}, {cells[index + 1].strip()}"]
        return cells

    def _is_simple(self, line: str) -> bool:
        """Tell whether cells are what stands between the delimiters: neither quotes, nor blanks
        before cells, nor dates that hold the delimiter.
        """
        simple = self.joined < 0 and '"' not in line and len(line) <= _LONGEST_CELL
        return simple and line[0] != " " and f"{self.delimiter} " not in line

    def _placed(self, line: str) -> list[str]:
        """Return the cells of a line that has fewer than the table, each above the column that
        it ends or begins with.
        """
        spans = [(found.start(), found.end(), found[0]) for found in re.finditer(r"\S+", line)]
        if len(spans) >= len(self.edges):
            return []
        cells = [""] * len(self.edges)
        for start, end, text in spans:
            if end not in self.edges and start > 0:
                return []
            cells[self.edges.index(end) if end in self.edges else 0] = text
        return cells

    def rows(self, lines: Iterable[str]) -> list[list[str]]:
        """Return the cells of some lines."""
        return [self.cells(line) for line in lines]


@dataclass(frozen=True)
class Dialect:
    """How a text file is written: encoding (perhaps a guess), how lines are split, and where the
    parts of the table stand.
    """

    encoding: str
    splitter: Splitter
    frame: Frame
    guessed: bool = False

    @property
    def delimiter(self) -> str:
        """Return what stands between cells."""
        return self.splitter.delimiter


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
        raise SourceError(
            "The file is not text: it contains NUL bytes.", "Choose a CSV, Excel or Parquet file."
        )
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError:
        return _guess_encoding(head), True
    return "utf-8", False


def _guess_encoding(head: bytes) -> str:
    """Return the legacy encoding in which most words are names of columns; where none are, what
    charset-normalizer thinks.
    """
    from charset_normalizer import from_bytes

    known = {name: _known_words(head[:8000], name) for name in _LEGACY}
    if max(known.values()) > _known_words(head[:8000], "ascii"):
        return max(_LEGACY, key=lambda name: known[name])
    start = max(0, next(index for index, byte in enumerate(head) if byte > 127) - 2000)
    best = from_bytes(head[start : start + 20_000]).best()
    return best.encoding if best is not None and best.encoding in _LEGACY else "cp1252"


def _known_words(head: bytes, encoding: str) -> int:
    """Return how many cells of the first lines are names of columns, read in an encoding; -1
    where it cannot be.
    """
    decoder = codecs.getincrementaldecoder(encoding)("ignore" if encoding == "ascii" else "strict")
    try:
        lines = decoder.decode(head).splitlines()[:20]
    except UnicodeDecodeError:
        return -1
    return sum(
        plain(cell) in role_ranks()
        for line in lines
        for cell in re.split(r"[,;\t|\"]", line)
        if cell
    )


def read_dialect(
    head: bytes, encoding: str = "", form: str = "", delimiter: str = "", header: str = ""
) -> tuple[Dialect, list[list[str]]]:
    """Find out how a text file is written.

    Parameters
    ----------
    head : bytes
        The first 256 KiB or all of the file.
    encoding : str
        Known encoding; "" finds it.
    form : str
        Known strptime pattern of the dates, or "".
    delimiter, header : str
        Known delimiter, a sign or its name, and known lines of the header, as of
        :func:`forecasting.sources.files.grid.header_lines`.

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
    name, guessed, lines = first_lines(head, encoding)
    splitter = _splitter(lines, form, _known_delimiter(delimiter))
    rows = splitter.rows(lines)
    if splitter.delimiter == " " and any(
        len(row) > 1 and set(row) <= {"...", "..", ""} for row in rows
    ):
        raise SourceError(
            "The table was printed shortened: rows are left out where '...' stands.",
            "Write it with to_csv, and load that.",
        )
    try:
        frame = find_frame(rows, form, header)
    except SourceError as error:
        tried = ", ".join(
            repr(mark) for mark in ((splitter.delimiter,) if delimiter else _DELIMITERS)
        )
        raise SourceError(
            f"{error.message} {shown(lines)}",
            error.hint or f"Tried {name} text with the delimiters {tried}.",
        ) from error
    return Dialect(name, splitter, frame, guessed), rows


def first_lines(head: bytes, encoding: str = "") -> tuple[str, bool, list[str]]:
    """Return the encoding of text, whether it is a guess, and the first few hundred whole lines;
    errors as :func:`read_dialect`.
    """
    name, guessed = (_known_encoding(encoding), False) if encoding else detect_encoding(head)
    try:
        text = codecs.getincrementaldecoder(name)(errors="replace").decode(head, final=False)
    except UnicodeError as error:
        raise SourceError(f"The text is not {name}: {error}.", "Name another encoding.") from error
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(head) >= 1 << 18 and len(lines) > 1:
        lines = lines[:-1]
    lines = list(_whole_lines(lines[:400]))
    if max(map(len, lines)) > MAX_LINE:
        raise SourceError(
            f"A line has more than {MAX_LINE:,} characters.",
            "This is hardly a price table; check how it was exported.",
        )
    return name, guessed, lines


def _whole_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines, those of a title that runs over its line end in quotes joined to one; only
    near the top are there titles.
    """
    pending = ""
    for index, line in enumerate(lines):
        odd = index < _TOP and line.count('"') % 2 == 1
        if pending:
            yield from (f"{pending} {line}",) if odd else (pending, line)
            pending = ""
        elif odd:
            pending = line
        else:
            yield line
    if pending:
        yield pending


def shown(lines: Iterable[str], count: int = 4) -> str:
    """Return the first filled lines, shortened, for an error message."""
    filled = [line.strip() for line in lines if line.strip()][:count]
    return "The file begins:\n" + "\n".join(
        "  " + (line if len(line) <= 100 else line[:97] + "...") for line in filled
    )


def _known_encoding(name: str) -> str:
    """Return a name that a user gives, as Python spells it; refuse what is none, and encodings
    that no text file is written in.
    """
    try:
        "1".encode(name).decode(name)
        found = codecs.lookup(name).name
    except (LookupError, UnicodeError, ValueError) as error:
        raise _no_encoding(name) from error
    if found.replace("_", "-") in _NO_FILE or not name.isprintable():
        raise _no_encoding(name)
    return name


def _no_encoding(name: str) -> SourceError:
    shown = (
        name if name.isprintable() and len(name) <= _LONGEST_NAME else ascii(name[:_LONGEST_NAME])
    )
    return SourceError(
        f"There is no encoding of text files called {shown}.",
        "Use a name such as utf-8, cp1252 or utf-16.",
    )


def _known_delimiter(text: str) -> str:
    """Return the sign that a user names, "" for none."""
    mark = DELIMITERS.get(text.strip().lower(), text)
    if len(mark) > 1 or mark in ('"', "\n", "\r"):
        raise SourceError(
            f"The delimiter is given as {text!r}.",
            f"Give one sign, or one of {', '.join(DELIMITERS)}.",
        )
    return mark


def _splitter(lines: list[str], form: str, known: str = "") -> Splitter:
    """Return the way of splitting under which most cells are dates or numbers; ``known`` is the
    delimiter where that is settled.
    """
    marks = (known,) if known else _DELIMITERS
    if not known and lines[0].lower().startswith("sep=") and len(lines[0]) > 4:
        return Splitter(lines[0][4])
    sample = [line for line in lines if line.strip()][:120]
    scores = {
        mark: _score(Splitter(mark).rows(sample), form) - 0.1 * (mark == " ")
        for mark in marks
        if any(mark in line for line in sample[:20])
    }
    best = Splitter(max(scores, key=lambda mark: scores[mark], default=marks[0]))
    if sum(line.startswith('"') and line.endswith('"') for line in sample) > 0.8 * len(sample):
        wrapped = {
            mark: _score(Splitter(mark, True).rows(sample), form) for mark in marks if mark != " "
        } or {marks[0]: 0.0}
        better = max(wrapped, key=lambda mark: wrapped[mark])
        if wrapped[better] > scores.get(best.delimiter, 0.0) + 0.2:
            return Splitter(better, True)
    rows = [row for row in best.rows(sample[:100]) if len(row) > 1]
    torn = Counter(
        index
        for row in rows
        for index in range(len(row) - 1)
        if _is_torn(row[index], row[index + 1])
    )
    if best.delimiter == " ":
        return Splitter(" ", edges=_edges(sample))
    index, count = torn.most_common(1)[0] if torn else (-1, 0)
    return Splitter(best.delimiter, joined=index) if count > 0.8 * len(rows) - 3 and count else best


def _edges(lines: list[str]) -> tuple[int, ...]:
    """Return where the cells of a table end that is printed in columns, none where its lines do
    not agree.
    """
    ends = Counter(tuple(found.end() for found in re.finditer(r"\S+", line)) for line in lines)
    edges, count = max(ends.items(), key=lambda pair: (pair[1], len(pair[0])))
    return edges if count > 0.8 * len(lines) - 3 and len(edges) > 2 else ()


def _is_torn(cell: str, other: str) -> bool:
    """Tell whether two cells are one date: ``Dec 24`` and ``2020``."""
    if not _YEAR.fullmatch(other.strip()):
        return False
    day = re.fullmatch(r"\s*(?:[^\W\d]+\s+)?([^\W\d]{3,})\.?\s+\d{1,2}\s*", cell)
    return bool(day and plain(day[1]) in months())


def _score(rows: list[list[str]], form: str) -> float:
    """Return how much a way of splitting makes a table: share of typed cells in rows of the
    commonest width.
    """
    widths = Counter(len(row) for row in rows if len(row) > 1)
    if not widths:
        return 0.0
    width, count = widths.most_common(1)[0]
    typed, dated, size = 0.0, 0, 0
    for row in [row for row in rows if len(row) > 1][:100]:
        kinds = [cell_kind(cell, form) for cell in row[:_SCORED]]
        if "D" in kinds or "N" in kinds:
            size += 1
            typed += (kinds.count("D") + kinds.count("N")) / (len(kinds) - kinds.count("E"))
            dated += "D" in kinds and ("N" in kinds or kinds.count("D") > 1)
    return count / len(rows) * typed / max(1, size) + dated / max(1, size) + 0.002 * min(width, 20)


def read_text(opened: Opened, dialect: Dialect, errors: str = "strict") -> tuple[Grid, str]:
    """Split a whole text file into cells.

    Parameters
    ----------
    opened, dialect
        The file and how it is written.
    errors : str
        ``replace`` reads bytes that are not of the encoding as question marks.

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
    frame = dialect.frame
    chunks: list[list[Any]] = []
    odd = {"wide": 0, "short": 0}
    if dialect.splitter == Splitter(dialect.delimiter) and dialect.delimiter != " ":
        cells = split_plain(
            opened, dialect.encoding, dialect.delimiter, frame.first_row, frame.width, MAX_LINE
        )
        if cells is not None:
            top, columns, digest = cells
            return _grid(top, [columns], dialect, odd), digest
    with unpacked(opened) as stream:
        lines = _lines(
            iter(lambda: stream.read(1 << 20), b""),
            codecs.getincrementaldecoder(dialect.encoding)(errors),
        )
        rows = _split(_whole_lines(lines), dialect)
        top = list(islice(rows, frame.first_row))
        width = frame.width
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
    """Yield the cells of each line."""
    splitter, delimiter = dialect.splitter, dialect.delimiter
    simple = delimiter != " " and splitter.joined < 0
    for line in lines:
        if simple and '"' not in line:
            yield line.split(delimiter) if line.strip() else []
        else:
            yield splitter.cells(line)


def _lines(blocks: Iterable[bytes], decode: codecs.IncrementalDecoder) -> Iterator[str]:
    """Yield lines without their ends; SourceError for a line or a file too long."""
    decoder = io.IncrementalNewlineDecoder(decode, translate=True)
    rest, count = "", 0
    for block in blocks:
        *full, rest = (rest + decoder.decode(block)).split("\n")
        count += len(full)
        if len(rest) > MAX_LINE or too_many(count):
            what = (
                f"a line has more than {MAX_LINE:,} characters"
                if len(rest) > MAX_LINE
                else f"there are more than {most_rows():,} lines"
            )
            raise SourceError(
                f"The file is too large: {what}.", "Split the file by symbol or by year."
            )
        yield from full
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest


def _fit(row: list[str], width: int, odd: dict[str, int]) -> tuple[str, ...]:
    """Return a row as wide as the table; rows with too many filled cells are emptied, since no
    cell can be trusted.
    """
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


def _grid(
    top: list[list[str]], chunks: list[list[Any]], dialect: Dialect, odd: dict[str, int]
) -> Grid:
    import pyarrow as pa
    import pyarrow.compute as pc

    frame = dialect.frame
    columns = tuple(pa.concat_arrays(parts) for parts in zip(*chunks, strict=True))
    last_filled = bool(pc.any(pc.not_equal(columns[-1], "")).as_py())
    above_rows = [top[index] for index in frame.header_rows if index < len(top)]
    first = columns[0][0].as_py() if len(columns[0]) else ""
    header = fit_header(above_rows, frame.width, last_filled, first)
    above = tuple(
        tuple(cell.strip() for cell in row)
        for row in top[: min((*frame.header_rows, frame.first_row))]
        if row
    )
    findings = []
    if odd["wide"]:
        message = (
            f"{odd['wide']} rows have more cells than the table has columns "
            f"({frame.width}); they cannot be read."
        )
        findings.append(Finding("uneven_rows", message, odd["wide"], "warning", "dropped"))
    if odd["short"]:
        message = (
            f"Rows with fewer cells than the table has columns ({frame.width}): "
            f"{odd['short']}; the missing ones at their end are empty."
        )
        findings.append(Finding("short_rows", message, odd["short"], "info", "kept"))
    return Grid(columns, header, above, frame.header_rows, frame.first_row, tuple(findings))
