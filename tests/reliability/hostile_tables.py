"""Hostile Parquet files and workbooks, for :mod:`hostile_files`."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hostile_files import Canary, Hostile, broken, zip_bomb
from price_files import xlsx

DAYS = [datetime(2020, 1, 1) + timedelta(day) for day in range(60)]
PRICES = [100.0 + day % 7 for day in range(60)]
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def parquet(
    columns: dict[str, Any], metadata: dict[bytes, bytes] | None = None, **more: Any
) -> bytes:
    out = io.BytesIO()
    table = pa.table(columns)
    pq.write_table(table.replace_schema_metadata(metadata) if metadata else table, out, **more)
    return out.getvalue()


def parquet_files() -> Iterator[Hostile]:
    def hostile(name: str, data: bytes, refused: bool = True) -> Hostile:
        return Hostile("prices", f"Parquet: {name}", data, "f.parquet", refused)

    good = parquet({"date": DAYS, "close": PRICES})
    for share in (0.3, 0.6, 0.9):
        cut = good[: int(len(good) * share)]
        yield hostile(f"cut at {share:.0%}", cut)
        yield hostile(f"cut at {share:.0%} between its marks", cut + b"PAR1")
    for length in (0, 2**31 - 1, 2**32 - 1, len(good)):
        yield hostile(
            f"a footer of {length} bytes", good[:-8] + length.to_bytes(4, "little") + b"PAR1"
        )
    for name, data in broken(good, 1, 25):
        yield hostile(name, b"PAR1" + data[4:-4] + b"PAR1", refused=False)
    rows = 15_000_000
    item = pa.chunked_array([pa.array([1.0] * 1_000_000)] * (rows // 1_000_000))
    yield hostile(
        "15 million rows of 12 columns in one value",
        parquet({"date": item, **{f"c{n}": item for n in range(12)}}),
    )
    long = pa.DictionaryArray.from_arrays(
        pa.array([0] * 100_000, pa.int32()), pa.array(["x" * 1_000_000])
    )
    yield hostile(
        "100,000 cells of one text of 1 MB", parquet({"date": long, "close": [1.0] * 100_000})
    )
    yield hostile("20,000 columns", parquet({f"c{n}": [1.0] for n in range(20_000)}))
    yield hostile(
        "columns called like deep tuples",
        parquet({"(" * 5000 + ")" * 5000: DAYS, "(" + "-" * 100_000 + "1,)": PRICES}),
        refused=False,
    )
    yield hostile(
        "a column name of 1 MB",
        parquet({"date": DAYS, "close": PRICES, "x" * 10**6: PRICES}),
        refused=False,
    )
    nested: Any = pa.array([1.0] * 60)
    for _ in range(60):
        nested = pa.StructArray.from_arrays([nested], ["a"])
    yield hostile("nested sixty deep", parquet({"date": DAYS, "close": nested}))
    yield hostile("lists", parquet({"date": DAYS, "close": [[1.0] * 9] * 60}))
    yield hostile("binaries", parquet({"date": [pickle.dumps(Canary())] * 60, "close": PRICES}))
    yield hostile(
        "no rows",
        parquet({"date": pa.array([], pa.timestamp("us")), "close": pa.array([], pa.float64())}),
    )
    yield hostile("no columns", parquet({}))
    yield hostile("two columns of one name", _doubled(), refused=False)
    extension = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickle.dumps(Canary()),
    }
    field = pa.field("close", pa.float64(), metadata=extension)
    out = io.BytesIO()
    pq.write_table(
        pa.table(
            [pa.array(DAYS), pa.array(PRICES)],
            schema=pa.schema([pa.field("date", pa.timestamp("us")), field]),
        ),
        out,
    )
    yield hostile("a column type that is a pickle", out.getvalue(), refused=False)
    for name, text in {
        "deep": "[" * 100_000,
        "a pickle": pickle.dumps(Canary(), 0).decode(),
        "wrong": json.dumps({"index_columns": 5}),
    }.items():
        yield hostile(
            f"metadata of pandas that is {name}",
            parquet({"date": DAYS, "close": PRICES}, {b"pandas": text.encode()}),
            refused=False,
        )
    for name, values in {
        "NaN": [float("nan")] * 60,
        "inf": [float("inf")] * 60,
        "1e308": [1e308] * 60,
        "denormal": [5e-324] * 60,
        "negative": [-1.0] * 60,
    }.items():
        yield hostile(
            f"closes that are {name}",
            parquet({"date": DAYS, "close": values}),
            refused=name in ("NaN", "inf"),
        )
    for unit, stamp in (
        ("s", 2**62),
        ("ms", 2**62),
        ("us", 2**62),
        ("ns", 2**63 - 1),
        ("s", -(2**62)),
    ):
        column = pa.array([stamp + n for n in range(-60, 0)], pa.int64()).cast(pa.timestamp(unit))
        data = b"" if unit == "s" else parquet({"date": column, "close": PRICES})
        yield hostile(
            f"dates at the end of time in {unit} {stamp > 0}",
            data or _as_seconds(stamp),
            refused=False,
        )


def _as_seconds(stamp: int) -> bytes:
    """Return a file of whole numbers: Parquet has no seconds."""
    return parquet(
        {
            "date": pa.array(
                [stamp + n for n in range(-60, 0)] if stamp > 0 else [stamp + n for n in range(60)],
                pa.int64(),
            ),
            "close": PRICES,
        }
    )


def _doubled() -> bytes:
    out = io.BytesIO()
    pq.write_table(
        pa.Table.from_arrays(
            [pa.array(DAYS), pa.array(PRICES), pa.array(PRICES)], names=["date", "close", "close"]
        ),
        out,
    )
    return out.getvalue()


def workbook(
    sheet: str,
    strings: str = "",
    extra: tuple[tuple[str, bytes], ...] = (),
    name: str = "xl/worksheets/s0.xml",
) -> bytes:
    """Return a workbook with a sheet of raw XML, and parts of its own."""
    good = xlsx({"Sheet": [["Date", "Close"]]})
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(good)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for info in old.infolist():
            data = old.read(info)
            if info.filename == "xl/worksheets/s0.xml":
                new.writestr(name, sheet)
                continue
            if info.filename == "[Content_Types].xml" and strings:
                part = (
                    '<Override PartName="/xl/sharedStrings.xml" '
                    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
                )
                data = data.replace(b"</Types>", part.encode() + b"</Types>")
            if info.filename == "xl/_rels/workbook.xml.rels":
                data = data.replace(b"worksheets/s0.xml", name.removeprefix("xl/").encode())
                if strings:
                    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
                    data = data.replace(
                        b"</Relationships>",
                        f'<Relationship Id="ss" Type="{kind}" '
                        'Target="sharedStrings.xml"/></Relationships>'.encode(),
                    )
            new.writestr(info.filename, data)
        if strings:
            new.writestr("xl/sharedStrings.xml", strings)
        for part, content in extra:
            new.writestr(part, content)
    return out.getvalue()


def sheet(rows: str, before: str = "", doctype: str = "") -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{doctype}<worksheet '
        f'xmlns="{_MAIN}">{before}<sheetData>{rows}</sheetData></worksheet>'
    )


def filled(value: str = "", count: int = 60) -> str:
    return (
        "<row r='1'><c r='A1' t='inlineStr'><is><t>Date</t></is></c><c r='B1' "
        "t='inlineStr'><is><t>Close</t></is></c></row>"
    ) + "".join(
        (
            f"<row r='{n + 2}'><c r='A{n + 2}' "
            f"s='1'><v>{43831 + n}</v></c>{value or f'<c r=%B{n + 2}%><v>{100 + n % 7}</v></c>'.replace('%', chr(39))}</row>"
        )
        for n in range(count)
    )


def workbooks() -> Iterator[Hostile]:
    def hostile(name: str, data: bytes, refused: bool = True) -> Hostile:
        return Hostile("prices", f"workbook: {name}", data, "f.xlsx", refused)

    good = workbook(sheet(filled()))
    yield hostile(
        "a good one with a lie about its size",
        workbook(sheet(filled(), '<dimension ref="A1:XFD1048576"/>')),
        refused=False,
    )
    yield hostile(
        "one cell at the far end",
        workbook(sheet(filled() + "<row r='1048576'><c r='XFD1048576'><v>1</v></c></row>")),
    )
    yield hostile(
        "one cell a fifth of the way",
        workbook(sheet(filled() + "<row r='19000'><c r='ALL19000'><v>1</v></c></row>")),
    )
    wide = "<row r='1'><c r='XFD1'><v>1</v></c></row>"
    yield hostile(
        "a million rows that do not say where they are",
        workbook(sheet(wide + "<row><c><v>1</v></c></row>" * 1_000_000)),
    )
    yield hostile(
        "rows that go on from a far one",
        workbook(sheet(wide + "<row r='900000'/>" + "<row><c><v>1</v></c></row>" * 1000)),
    )
    yield hostile(
        "a row of a million cells without places",
        workbook(
            sheet(
                "<row>"
                + "<c><v>1</v></c>" * 1_000_000
                + "</row>"
                + "<row><c><v>1</v></c></row>" * 900
            )
        ),
    )
    cells = "".join(
        f"<row r='{n}'><c r='A{n}' t='s'><v>0</v></c><c r='B{n}'><v>1</v></c></row>"
        for n in range(1, 20_001)
    )
    strings = f'<sst xmlns="{_MAIN}"><si><t>{"x" * 1_000_000}</t></si></sst>'
    yield hostile("20,000 cells of one text of 1 MB", workbook(sheet(cells), strings))
    rich = f'<sst xmlns="{_MAIN}"><si>' + "<r><t>" + "x" * 1000 + "</t></r>" * 1
    rich += ("<r><t>" + "x" * 1000 + "</t></r>") * 1000 + "</si></sst>"
    yield hostile("20,000 cells of one text in 1,000 pieces", workbook(sheet(cells), rich))
    yield hostile(
        "a sheet elsewhere with a cell at the far end",
        workbook(
            sheet(filled() + "<row r='1048576'><c r='XFD1048576'><v>1</v></c></row>"),
            name="xl/other/x.bin",
        ),
    )
    laughs = (
        "<!DOCTYPE x [<!ENTITY a0 'lol'>"
        + "".join(f"<!ENTITY a{n + 1} '{f'&a{n};' * 10}'>" for n in range(9))
        + "]>"
    )
    yield hostile(
        "a billion laughs",
        workbook(sheet(filled("<c t='inlineStr'><is><t>&a9;</t></is></c>"), doctype=laughs)),
    )
    outside = "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"
    yield hostile(
        "an entity that is a file",
        workbook(sheet(filled("<c t='inlineStr'><is><t>&e;</t></is></c>"), doctype=outside)),
    )
    yield hostile("nested elements", workbook(sheet("<row>" * 200_000)), refused=True)
    yield hostile(
        "a bomb for a sheet",
        zip_bomb("xl/worksheets/s1.xml", b"<row></row>" * 90_000, 500, _parts(good)),
    )
    yield hostile(
        "a bomb for its texts", zip_bomb("xl/sharedStrings.xml", b" " * 2**20, 600, _parts(good))
    )
    yield hostile(
        "a bomb for a picture",
        zip_bomb("xl/media/a.png", bytes(2**20), 480, _parts(good)),
        refused=False,
    )
    for part in (
        "xl/vbaProject.bin",
        "../../x",
        "/etc/cron.d/x",
        "xl/externalLinks/e.xml",
        "xl/embeddings/x.exe",
    ):
        yield hostile(
            f"with {part}", workbook(sheet(filled()), extra=((part, b"MZ" * 99),)), refused=False
        )
    for formula in (
        "cmd|'/C calc'!A0",
        "WEBSERVICE('http://h/x')",
        "HYPERLINK('http://h')",
        "1/0",
        "DDE('a','b','c')",
    ):
        cell = f"<c t='str'><f>{formula.replace(chr(39), '&quot;')}</f><v>5</v></c>"
        yield hostile(f"the formula {formula[:12]}", workbook(sheet(filled(cell))), refused=False)
    for value in ("1e999", "nan", "-1", "x", "9" * 400, "1e308"):
        yield hostile(
            f"numbers {value[:9]}", workbook(sheet(filled(f"<c><v>{value}</v></c>"))), refused=False
        )
        yield hostile(
            f"dates {value[:9]}",
            workbook(sheet(filled().replace("<v>43", f"<v>{value}<!-- --></v><x>"))),
            refused=False,
        )
    for kind in ("b", "e", "d", "s", "n", "?"):
        yield hostile(
            f"cells of type {kind}",
            workbook(sheet(filled(f"<c t='{kind}'><v>999999999</v></c>"))),
            refused=False,
        )
    for name, _data in _parts(good):
        kept = tuple(part for part in _parts(good) if part[0] != name)
        yield hostile(f"without {name}", _packed(kept), refused=False)
        yield hostile(f"with an empty {name}", _packed((*kept, (name, b""))), refused=False)
    for name, data in broken(good, 2, 20):
        yield hostile(name, b"PK\3\4" + data[4:], refused=False)
    for name, data in broken(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + b"\x3e\0\x03\0\xfe\xff\x09\0\x06\0"
        + bytes(2000),
        3,
        12,
    ):
        yield Hostile(
            "prices",
            f"old workbook: {name}",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + data[8:],
            "f.xls",
        )


def _parts(data: bytes) -> tuple[tuple[str, bytes], ...]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return tuple((name, archive.read(name)) for name in archive.namelist())


def _packed(parts: tuple[tuple[str, bytes], ...]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts:
            archive.writestr(name, data)
    return out.getvalue()
