"""Tables in JSON: records, columns, rows, answers of data services and one object a line."""

from __future__ import annotations

import gc
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from forecasting.errors import SourceError
from forecasting.sources.files.container import Opened, whole_file
from forecasting.sources.files.grid import MAX_COLUMNS, MAX_ROWS, Grid, cell_kind
from forecasting.sources.files.text import detect_encoding
from forecasting.sources.files.typed import column_of

#: Most bytes of a document, and most objects, lists and values in it: Python's take many times the
#: room of their text.
MAX_JSON_BYTES = 64 * 2**20
MAX_NESTED, MAX_VALUES = 300_000, 4_000_000
#: How deep tables are looked for, and in how many members of a list or an object.
_DEEPEST, _WIDEST = 10, 5000
#: Most members of an object that tells what a table is about.
_MOST_FACTS = 200
#: What holds other values, of the types that a document is read as.
_NESTING = frozenset((dict, list))
#: A table of more cells than this has to be filled in part.
_FREE_CELLS, _FILLED = 500_000, 0.1
#: Half of a letter that takes two escapes, without the other half.
_LONE_HALF = re.compile(
    r"\\u[dD][89abAB]\w\w(?!\\u[dD][c-fC-F]\w\w)|(?<!\\u[dD][89abAB]\w\w)\\u[dD][c-fC-F]\w\w"
)

#: Where documents name what their table is about, and the zone of its times, likeliest first.
_SYMBOL_KEYS = ("symbol", "ticker", "2 symbol", "instrument", "pair", "dataset code", "series id")
_ZONE_KEYS = (
    "exchangetimezonename",
    "exchange timezone",
    "5 time zone",
    "6 time zone",
    "time zone",
    "timezone",
    "tz",
)
_ZONES = {
    "US/Eastern": "America/New_York",
    "US/Central": "America/Chicago",
    "EST": "America/New_York",
    "ET": "America/New_York",
}
_NAMES_KEYS = ("columns", "column names", "fields", "headers", "header", "names")
_ROWS_KEYS = ("data", "rows", "values", "items", "records")

Path = tuple[str, ...]
_Place = tuple[Path, Path, tuple[str, ...]]


@dataclass(frozen=True)
class JsonTable:
    """A table in a document: where it stands, the names of its columns ("" where they have none)
    and their cells.
    """

    path: Path
    names: tuple[str, ...]
    columns: tuple[list[Any], ...]
    symbol: str = ""
    zone: str = ""

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.columns[0])

    @property
    def name(self) -> str:
        """Where the table stands, as people write it."""
        return "/".join(self.path)

    def grid(self) -> Grid:
        """Return the table as cells with types.

        Raises
        ------
        SourceError
            More rows or columns than are read.
        """
        if self.rows > MAX_ROWS or len(self.columns) > MAX_COLUMNS:
            raise SourceError(
                f"The table has {self.rows:,} rows and {len(self.columns):,} columns.",
                f"At most {MAX_ROWS:,} and {MAX_COLUMNS:,} are read.",
            )
        header = (self.names,) if any(self.names) else ()
        return Grid(
            tuple(column_of(cells) for cells in self.columns),
            header,
            zone=self.zone,
            symbol=self.symbol,
        )


def read_json(opened: Opened) -> tuple[list[JsonTable], str]:
    """Find the tables of a JSON document.

    Parameters
    ----------
    opened : Opened

    Returns
    -------
    tables : list of JsonTable
        The largest first.
    digest : str
        SHA-256 (hex) of the file.

    Raises
    ------
    SourceError
        A damaged or too large document, or one without a table.
    """
    name = opened.path.name
    document, digest = parsed_document(opened)
    tables = _merged(list(_tables(document, (), 0)))
    tables = sorted(
        (table for table in tables if len(table.columns) > 1),
        key=lambda table: -table.rows * min(len(table.columns), 4),
    )
    if not tables:
        begin = " ".join(opened.head[:120].decode("utf-8", "replace").split())
        raise SourceError(
            f"{name} is JSON without a table of prices: {begin}",
            "If that is an answer of a data service, it says what went wrong.",
        )
    symbol, zone = _find_text(document, _SYMBOL_KEYS), _find_text(document, _ZONE_KEYS)
    zone = _ZONES.get(zone, zone)
    return [replace(table, symbol=table.symbol or symbol, zone=zone) for table in tables], digest


def parsed_document(opened: Opened) -> tuple[Any, str]:
    """Return a document, a list where it is one object a line, and the SHA-256 (hex) of its
    file; errors as of :func:`read_json`.
    """
    if not opened.packing and opened.path.stat().st_size > MAX_JSON_BYTES:
        raise _too_large(opened.path.name)
    data, digest = whole_file(opened)
    return _parsed(data, opened.path.name), digest


def _too_large(name: str) -> SourceError:
    return SourceError(
        f"{name} is JSON of more than {MAX_JSON_BYTES >> 20} MB.",
        "Save the prices as CSV or Parquet.",
    )


def _parsed(data: bytes, name: str) -> Any:
    """Return the document, a list where it is one object a line.

    Raises
    ------
    SourceError
        It is no JSON, or has more parts than are read.
    """
    if len(data) > MAX_JSON_BYTES:
        raise _too_large(name)
    if data.count(b"[") + data.count(b"{") > MAX_NESTED or data.count(b",") > MAX_VALUES:
        raise SourceError(
            f"{name} is JSON of more than {MAX_NESTED:,} objects and lists, or {MAX_VALUES:,} "
            "values.",
            "Save the prices as CSV or Parquet.",
        )
    encoding, _ = detect_encoding(data, whole=True)
    text = data.decode(encoding, "replace").strip().lstrip("\ufeff")
    if "\\u" in text:
        text = _LONE_HALF.sub(r"\\ufffd", text)
    try:
        with _uncollected():
            return json.loads(text, object_pairs_hook=_object)
    except _RepeatedKeyError as error:
        raise error.refusal(name) from error
    except RecursionError as error:
        raise SourceError(
            f"{name} is JSON that is nested too deeply.", "Save the prices as CSV."
        ) from error
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2 or not lines[0].rstrip().endswith(("}", "]")):
            raise _damaged(name, error) from error
        return _by_lines(lines, name)


class _RepeatedKeyError(Exception):
    """Report an object that has a key twice, with two values."""

    def __init__(self, key: str, first: Any, second: Any) -> None:
        super().__init__(key)
        self.key, self.first, self.second = key, first, second

    def refusal(self, name: str) -> SourceError:
        """Return the error of a file."""
        return SourceError(
            f"{name} has the key {self.key!r:.60} twice in one object, with "
            f"{json.dumps(self.first):.40} and {json.dumps(self.second):.40}.",
            "Remove the wrong one; where both are bars of one date, write them as a list.",
        )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object.

    Raises
    ------
    _RepeatedKeyError
        A key stands for two values; JSON itself would let the last one win.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        first: dict[str, Any] = {}
        for key, value in pairs:
            if first.setdefault(key, value) != value:
                raise _RepeatedKeyError(key, first[key], value)
    return found


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let nothing look for garbage while a document is built: it would walk all its parts, time
    and again, and find none.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _by_lines(lines: Sequence[str], name: str) -> list[Any]:
    try:
        with _uncollected():
            return [json.loads(line, object_pairs_hook=_object) for line in lines]
    except _RepeatedKeyError as error:
        raise error.refusal(name) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(name, error) from error


def _damaged(name: str, error: Exception) -> SourceError:
    return SourceError(
        f"{name} begins like JSON, but is damaged: {error}.",
        "Fetch the file again, or save the prices as CSV.",
    )


# Where the tables are


def _tables(node: Any, path: Path, depth: int) -> Iterator[JsonTable]:
    """Yield the tables in a part of a document; none is looked for inside a table."""
    if isinstance(node, list):
        node = [item for item in node if item is not None]
    if depth > _DEEPEST or not isinstance(node, (dict, list)) or not node:
        return
    found = _as_table(node, path)
    if found is not None:
        yield (
            replace(found, symbol=_find_text(node, _SYMBOL_KEYS))
            if isinstance(node, dict)
            else found
        )
        return
    inside = list(_inside(node, path, depth))
    if inside or not isinstance(node, list) or not _all_objects(node):
        yield from inside
    elif len(node[0]) <= MAX_COLUMNS and not all(map(_is_record, node)):
        records = _from_records(node, path)
        if records is not None:
            yield records


def _inside(node: Any, path: Path, depth: int) -> Iterator[JsonTable]:
    members = node.items() if isinstance(node, dict) else enumerate(node)
    own = _text_of(node, _SYMBOL_KEYS) if isinstance(node, dict) else ""
    for index, (key, member) in enumerate(members):
        if index >= _WIDEST:
            return
        for table in _tables(member, (*path, str(key)), depth + 1):
            yield replace(table, symbol=table.symbol or own)


def _as_table(node: Any, path: Path) -> JsonTable | None:
    """Return a node as a table, None where it is none."""
    if isinstance(node, list):
        if not _all_objects(node):
            return _from_rows(node, path)
        narrow = max(map(len, node)) <= MAX_COLUMNS
        return _from_records(node, path) if narrow and all(map(_is_record, node)) else None
    if len(node) > MAX_COLUMNS:
        return _from_dated(node, path)
    makers = (_from_names_and_rows, _from_dated, _from_indexed, _from_pairs, _from_lists)
    return next((table for make in makers if (table := make(node, path)) is not None), None)


def _all_objects(items: Sequence[Any]) -> bool:
    return set(map(type, items)) == {dict}


def _is_record(item: Mapping[str, Any]) -> bool:
    """Tell whether an object is one row: it has single values, and no lists that could be
    columns.
    """
    if _NESTING.isdisjoint(map(type, item.values())):
        return True
    values = [
        inner
        for value in item.values()
        for inner in (value.values() if isinstance(value, dict) else (value,))
    ]
    return not any(
        isinstance(value, dict) or (isinstance(value, list) and len(value) > 1) for value in values
    )


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _all_scalars(values: Iterable[Any]) -> bool:
    return _NESTING.isdisjoint(map(type, values))


def _from_records(records: Sequence[Mapping[str, Any]], path: Path) -> JsonTable | None:
    """Make a table of objects with the same keys; an object inside a record gives columns of its
    own.
    """
    flat = [_flat(record) for record in records]
    names = list(dict.fromkeys(chain.from_iterable(flat)))
    cells = len(names) * len(records)
    if not 1 < len(names) <= MAX_COLUMNS or (
        cells > _FREE_CELLS and sum(map(len, flat)) < _FILLED * cells
    ):
        return None
    return JsonTable(
        path, tuple(names), tuple([record.get(name) for record in flat] for name in names)
    )


def _flat(record: Mapping[str, Any]) -> Mapping[str, Any]:
    if _NESTING.isdisjoint(map(type, record.values())):
        return record
    found: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            found.update(
                {f"{key} {inner}": item for inner, item in value.items() if _is_scalar(item)}
            )
        elif _is_scalar(value):
            found[str(key)] = value
    return found


def _from_rows(rows: Sequence[Any], path: Path, names: Sequence[str] = ()) -> JsonTable | None:
    """Make a table of lists of values, all equally long; a first list of names is the header."""
    if set(map(type, rows)) != {list}:
        return None
    widths = set(map(len, rows))
    width = max(widths)
    if len(widths) > 1 or width < 2 or (names and len(names) != width):
        return None
    if not all(map(_all_scalars, rows)):
        return None
    if (
        not names
        and len(rows) > 1
        and all(isinstance(cell, str) and cell_kind(cell) == "T" for cell in rows[0])
    ):
        names, rows = rows[0], rows[1:]
    if not names and width == 2 and path:
        names = ("date", path[-1])
    return JsonTable(
        path,
        tuple(names) or ("",) * width,
        tuple(list(column) for column in zip(*rows, strict=True)),
    )


def _from_names_and_rows(node: Mapping[str, Any], path: Path) -> JsonTable | None:
    """Make a table of names of columns beside rows, with an index where there is one."""
    names = next(
        (
            value
            for key, value in node.items()
            if _key(key) in _NAMES_KEYS and isinstance(value, list)
        ),
        None,
    )
    rows = next(
        (
            value
            for key, value in node.items()
            if _key(key) in _ROWS_KEYS and isinstance(value, list)
        ),
        None,
    )
    if not names or not rows or not isinstance(rows[0], list):
        return None
    texts = [str(name.get("name", "")) if isinstance(name, dict) else str(name) for name in names]
    index = node.get("index")
    if isinstance(index, list) and len(index) == len(rows) and _all_scalars(index):
        rows = [
            [at, *row] if isinstance(row, list) else row
            for at, row in zip(index, rows, strict=True)
        ]
        texts = ["index", *texts]
    return _from_rows(rows, path, texts)


def _from_dated(node: Mapping[str, Any], path: Path) -> JsonTable | None:
    """Make a table of an object whose keys are dates: their values are rows, or single numbers."""
    if not _are_dates(node):
        return None
    values = list(node.values())
    if all(isinstance(value, dict) for value in values):
        return _from_records([{"date": key, **value} for key, value in node.items()], path)
    if _all_scalars(values):
        return JsonTable(path, ("date", path[-1] if path else "value"), (list(node), values))
    return _from_rows(
        [[key, *value] if isinstance(value, list) else value for key, value in node.items()], path
    )


def _are_dates(keys: Mapping[str, Any]) -> bool:
    some = list(keys)[:50]
    return len(keys) > 1 and sum(cell_kind(key) == "D" for key in some) > 0.9 * len(some)


def _from_indexed(node: Mapping[str, Any], path: Path) -> JsonTable | None:
    """Make a table of columns that are objects themselves: by row number, or by date."""
    columns = {
        name: value
        for name, value in node.items()
        if isinstance(value, dict) and value and _all_scalars(value.values())
    }
    if not columns or len(columns) != len(node):
        return None
    first = next(iter(columns.values()))
    numbered = all(key.isdigit() and len(key) < 9 for key in list(first)[:50])
    if not (numbered and len(columns) > 1) and not _are_dates(first):
        return None
    index = list(dict.fromkeys(key for column in columns.values() for key in column))
    names = tuple(columns) if numbered else ("date", *columns)
    cells = [[column.get(key) for key in index] for column in columns.values()]
    return JsonTable(path, names, tuple(cells if numbered else [index, *cells]))


def _from_pairs(node: Mapping[str, Any], path: Path) -> JsonTable | None:
    """Make a table of several lists of pairs, each a time with a value, whose times are the
    same.
    """
    lists = {
        name: value for name, value in node.items() if isinstance(value, list) and _are_pairs(value)
    }
    if len(lists) < 2:
        return None
    times = [pair[0] for pair in next(iter(lists.values()))]
    same = {
        name: value
        for name, value in lists.items()
        if len(value) == len(times) and all(p[0] == t for p, t in zip(value, times, strict=True))
    }
    return JsonTable(
        path, ("time", *same), (times, *([pair[1] for pair in value] for value in same.values()))
    )


def _are_pairs(value: Sequence[Any]) -> bool:
    return bool(value) and all(
        isinstance(item, list) and len(item) == 2 and _all_scalars(item) for item in value
    )


def _from_lists(node: Mapping[str, Any], path: Path) -> JsonTable | None:
    """Make a table of lists of equal length, which may stand some levels down, as in Yahoo's
    answers.
    """
    lists = list(_value_lists(node, 0))
    if len(lists) < 2:
        return None
    length = max(
        Counter(len(cells) for _, cells in lists).items(), key=lambda pair: (pair[1], pair[0])
    )[0]
    chosen = [(name, cells) for name, cells in lists if len(cells) == length]
    if len(chosen) < 2 or length < 2:
        return None
    names = [name[-1] for name, _ in chosen]
    names = [
        " ".join(full) if names.count(name) > 1 and full[0] != name else name
        for name, (full, _) in zip(names, chosen, strict=True)
    ]
    return JsonTable(path, tuple(names), tuple(cells for _, cells in chosen))


def _value_lists(node: Any, depth: int, name: Path = ()) -> Iterator[tuple[Path, list[Any]]]:
    """Yield the lists of single values in an object, each under its name, through objects and
    through lists of one member.
    """
    if depth > _DEEPEST or (isinstance(node, dict) and len(node) > MAX_COLUMNS):
        return
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _value_lists(value, depth + 1, (*name, str(key)))
    elif isinstance(node, list) and len(node) == 1 and isinstance(node[0], dict):
        yield from _value_lists(node[0], depth + 1, name)
    elif isinstance(node, list) and len(node) > 1 and name and _all_scalars(node):
        yield name, node


# Several tables alike, and what is said beside them


def _merged(tables: list[JsonTable]) -> list[JsonTable]:
    """Join tables of the same columns that stand side by side: each is of another symbol."""
    indices = Counter(key for table in tables for key in _places(table))
    groups: dict[_Place, list[tuple[str, JsonTable]]] = {}
    for table in tables:
        shared = next(
            ((at, key) for at, key in enumerate(_places(table)) if indices[key] > 1), None
        )
        if shared is None:
            groups[(table.path, (), table.names)] = [("", table)]
        else:
            groups.setdefault(shared[1], []).append((table.path[shared[0]], table))
    return [_joined(members) for members in groups.values()]


def _places(table: JsonTable) -> list[_Place]:
    """Return where a table stands with one part of its path left open at a time, and the names
    of its columns.
    """
    return [(table.path[:at], table.path[at + 1 :], table.names) for at in range(len(table.path))]


def _joined(members: list[tuple[str, JsonTable]]) -> JsonTable:
    """Return several tables as one with a column of symbols; a single one as it is, its symbol
    told by where it stands.
    """
    key, first = members[0]
    if len(members) == 1:
        own = next(
            (
                part
                for part in reversed(first.path)
                if re.fullmatch(r"[A-Z0-9][A-Z0-9.^=:/-]{0,14}", part) and not part.isdigit()
            ),
            "",
        )
        return replace(first, symbol=first.symbol or own)
    symbols = [item.symbol or part for part, item in members]
    column = [
        symbol for symbol, (_, item) in zip(symbols, members, strict=True) for _ in range(item.rows)
    ]
    cells = [
        [cell for _, item in members for cell in item.columns[index]]
        for index in range(len(first.columns))
    ]
    at = first.path.index(key)
    return JsonTable(
        (*first.path[:at], *first.path[at + 1 :]), ("symbol", *first.names), (column, *cells)
    )


def _key(key: object) -> str:
    return " ".join(re.sub(r"[\W_]+", " ", str(key)).lower().split())


def _text_of(node: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return the text under one of some keys of an object or of the objects right below it, ""
    where there is none.
    """
    if len(node) > _MOST_FACTS:
        return ""
    levels = [
        node,
        *(
            value
            for key, value in node.items()
            if isinstance(value, dict) and _key(key) in ("meta", "metadata", "meta data")
        ),
    ]
    named = {
        _key(key): value
        for level in reversed(levels)
        for key, value in level.items()
        if isinstance(value, str)
    }
    return next((named[key] for key in keys if named.get(key)), "")


def _find_text(node: Any, keys: Sequence[str], depth: int = 0) -> str:
    """Return the text under one of some keys, looked for through objects and through lists of
    one member.
    """
    if isinstance(node, list) and len(node) == 1:
        node = node[0]
    if not isinstance(node, dict) or depth > 4 or len(node) > _MOST_FACTS:
        return ""
    own = _text_of(node, keys)
    return own or next(
        (found for value in node.values() if (found := _find_text(value, keys, depth + 1))), ""
    )
