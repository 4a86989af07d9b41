"""Hostile JSON documents, Arrow files and databases, for :mod:`hostile_files`."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from hostile_files import Hostile, broken

_DAYS = [f"2020-{1 + day // 28:02d}-{1 + day % 28:02d}" for day in range(60)]
_PRICES = [100.0 + day % 7 for day in range(60)]
_RECORDS = [{"date": day, "close": price} for day, price in zip(_DAYS, _PRICES, strict=True)]


def documents() -> Iterator[Hostile]:
    """Yield documents in JSON."""
    wide = {f"k{n}": 1 for n in range(200_000)}
    nested: Any = _RECORDS
    for level in range(500):
        nested = {f"a{level}": nested}
    deep = {
        name: f"{mark * 200_000}"
        for name, mark in (("lists", "["), ("objects", '{"a":'), ("lists of objects", '[{"a":'))
    }
    for name, text in deep.items():
        yield _json(f"{name} without end", text)
    yield _json("empty lists", "[" + ",".join(["[]"] * 290_000) + "]")
    yield _json("empty objects", "[" + ",".join(["{}"] * 290_000) + "]")
    yield _json("small objects", "[" + ",".join(['{"a":1}'] * 290_000) + "]")
    yield _json("too many lists", "[" + ",".join(["[]"] * 500_000) + "]")
    yield _json("numbers", "[" + ",".join(["1"] * 3_900_000) + "]")
    yield _json("digits", '[{"date": "2020-01-02", "close": ' + "9" * 1_000_000 + "}]")
    yield _json("exponents", json.dumps(_RECORDS).replace("100.0", "1e999"), refused=False)
    yield _json("names", json.dumps([wide] * 3))
    yield _json("a table 500 levels down", json.dumps(nested))
    yield _json(
        "records of other keys each",
        json.dumps([{f"k{n}": n, "date": "2020-01-02"} for n in range(20_000)]),
    )
    yield _json(
        "pairs of pairs",
        json.dumps({f"s{n}": [[n, 1.5]] * 3 for n in range(20_000)}),
        refused=False,
    )
    yield _json(
        "many tables alike", json.dumps({f"s{n}": _RECORDS[:3] for n in range(500)}), refused=False
    )
    yield _json(
        "markup as names",
        json.dumps([{**item, "<script>": 1, "\x1b[2J": 2} for item in _RECORDS]),
        refused=False,
    )
    yield _json(
        "lone surrogates",
        json.dumps([{**item, "symbol": "\ud800"} for item in _RECORDS]),
        refused=False,
    )
    yield _json("half a document", json.dumps(_RECORDS)[:-40])
    yield _json("one bad line of many", "\n".join([*map(json.dumps, _RECORDS), "{"]))
    yield Hostile(
        "prices",
        "json bomb",
        gzip.compress(b"[" + b"[1,2]," * 20_000_000 + b"[1,2]]", 1),
        "f.json.gz",
    )


def _json(name: str, text: str, refused: bool = True) -> Hostile:
    return Hostile(
        "prices", f"json: {name}", text.encode("utf-8", "surrogatepass"), "f.json", refused
    )


def feather_files() -> Iterator[Hostile]:
    """Yield Arrow files: packed a thousandfold, damaged at many places, and of types that are no
    numbers.
    """
    good = _feather({"date": _DAYS, "close": _PRICES}, "uncompressed")
    for compression in ("lz4", "zstd"):
        zeros = {"date": np.zeros(30_000_000, np.int64), "close": np.zeros(30_000_000)}
        yield Hostile(
            "prices", f"arrow: {compression} bomb", _feather(zeros, compression), "f.feather"
        )
        for name, data in broken(
            _feather({"date": _DAYS * 20, "close": _PRICES * 20}, compression), 7, 12
        ):
            yield Hostile(
                "prices", f"arrow: {compression} {name}", data, "f.feather", refused=False
            )
    for name, data in broken(good, 11, 30):
        yield Hostile("prices", f"arrow: {name}", data, "f.feather", refused=False)
    yield Hostile(
        "prices",
        "arrow: bytes",
        _feather({"date": _DAYS, "close": [b"\x80\x04."] * 60}, "uncompressed"),
        "f.feather",
    )
    yield Hostile(
        "prices",
        "arrow: lists",
        _feather({"date": _DAYS, "close": [[1.5]] * 60}, "uncompressed"),
        "f.feather",
    )
    yield Hostile(
        "prices",
        "arrow: a stream of nothing",
        b"\xff\xff\xff\xff\x10\x00\x00\x00" + bytes(64),
        "f.arrows",
    )


def _feather(columns: dict[str, Any], compression: str) -> bytes:
    from pyarrow import feather

    out = io.BytesIO()
    feather.write_feather(pa.table(columns), out, compression=compression, chunksize=40_000_000)
    return out.getvalue()


def databases() -> Iterator[Hostile]:
    """Yield databases that would run code, never end, or are damaged at many places."""
    good = _database("CREATE TABLE prices (date TEXT, close REAL)", fill=True)
    traps = {
        "a view that loads an extension": "CREATE VIEW evil AS SELECT load_extension('/tmp/evil') "
        "AS close, '2020-01-02' AS date",
        "a view without end": "CREATE VIEW evil AS WITH RECURSIVE n(x) AS (SELECT 1 UNION SELECT "
        "x + 1 FROM n) SELECT x FROM n",
        "a trigger": "CREATE TRIGGER evil AFTER INSERT ON prices BEGIN SELECT writefile('canary', "
        "'x'); END",
        "a generated column": "CREATE TABLE evil (date TEXT, close REAL AS "
        "(length(zeroblob(900000000))) VIRTUAL)",
        "an index with a function": "CREATE INDEX evil ON prices (abs(close))",
        "a name of quotes": 'CREATE TABLE """; DROP TABLE prices; --" (date TEXT, close REAL)',
    }
    for name, statement in traps.items():
        yield Hostile(
            "prices",
            f"sqlite: {name}",
            _database("CREATE TABLE prices (date TEXT, close REAL)", statement, fill=True),
            "f.db",
            False,
        )
    many = [f"CREATE TABLE t{n} (a)" for n in range(3_000)]
    yield Hostile("prices", "sqlite: many tables", _database(*many), "f.db")
    long = _database(
        "CREATE TABLE prices (date TEXT, close TEXT)",
        "INSERT INTO prices VALUES ('2020-01-02', hex(zeroblob(900000)))",
    )
    yield Hostile("prices", "sqlite: a long text", long, "f.db")
    yield Hostile(
        "prices", "sqlite: no tables", _database("CREATE TABLE t (a)", "DROP TABLE t"), "f.db"
    )
    for name, data in broken(good, 5, 40):
        yield Hostile("prices", f"sqlite: {name}", data, "f.db", refused=False)


def _database(*statements: str, fill: bool = False) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "f.db"
        base = sqlite3.connect(path)
        for index, statement in enumerate(statements):
            base.execute(statement)
            if fill and index == 0:
                base.executemany(
                    "INSERT INTO prices VALUES (?, ?)", zip(_DAYS, _PRICES, strict=True)
                )
        base.commit()
        base.close()
        return path.read_bytes()
