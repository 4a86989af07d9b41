"""Price files of every family that strangers bring: what was written is what is read, or a
finding or an error says why not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from price_files import DAYS, FAMILIES, MINUTES, assert_bars, put, rows

from forecasting.errors import SourceError
from forecasting.sources import ReadOptions, source
from forecasting.sources.files import read, understand

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FORMATS = DATA / "formats"
EXPECTED: dict[str, dict[str, Any]] = (
    json.loads((FORMATS / "expected.json").read_text()) if FORMATS.is_dir() else {}
)

PLAIN = "Date,Open,High,Low,Close,Volume"


@pytest.mark.skipif(not EXPECTED, reason="the folder shared/data/formats is not here")
@pytest.mark.parametrize("key", EXPECTED)
def test_real_file(key: str) -> None:
    want = EXPECTED[key]
    (series,) = source(str(FORMATS / want["file"])).load()
    assert len(series) == want["bars"]
    stamps = [
        np.datetime64(want[name].removesuffix("+00:00"), "us") for name in ("first_ds", "last_ds")
    ]
    assert series.ds[[0, -1]].tolist() == [stamp.item() for stamp in stamps]
    assert (series.tz == "UTC") == want["first_ds"].endswith("+00:00")
    assert (series.y[0], series.y[-1]) == (want["first_close"], want["last_close"])
    for column in ("open", "volume"):
        assert (series[column][-1] if column in series else None) == want.get(f"last_{column}")
    assert (
        sum(finding.count for finding in series.findings if finding.code == "duplicates")
        == want["duplicates"]
    )


@pytest.mark.skipif(not DATA.is_dir(), reason="the folder shared/data is not here")
@pytest.mark.slow
def test_real_panels() -> None:
    wide = read(DATA / "nn5_wide.csv.gz")
    assert (len(wide), wide[0].symbol, wide[0].columns) == (111, "NN5-001", ("close",))
    empty = sum(finding.count for finding in wide[0].findings if finding.code == "missing_close")
    assert (len(wide[0]), empty) == (775, 16)
    long = read(DATA / "panel_2013_2017.csv.gz")
    assert (len(long), long[0].symbol, long[0].columns) == (
        100,
        "A",
        ("open", "high", "low", "close", "volume"),
    )
    assert str(long[0].ds[-1])[:10] == "2017-12-29"


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, 6))]
)
def test_families(part: int, tmp_path: Path) -> None:
    wrong = {}
    for name in list(FAMILIES)[part::6]:
        family = FAMILIES[name]
        try:
            (series,) = source(str(put(tmp_path, family.content, family.name))).load()
            assert_bars(series, family.bars, family.columns, family.tolerance)
            assert series.symbol == (family.symbol or "prices")
            assert series.tz == family.tz
            assert family.codes <= {finding.code for finding in series.findings}
            assert not [finding for finding in series.findings if finding.severity == "error"]
            assert family.adjusted in ("", series.provenance.adjusted)
        except (AssertionError, SourceError) as error:
            wrong[name] = str(error)[:300]
    assert not wrong


# What is ambiguous is told, and can be settled.


def settled(tmp_path: Path, content: str, code: str, **options: Any) -> tuple[Any, Any]:
    """Return the series read by itself, which must carry the finding, and the one read with
    options, which must not.
    """
    path = put(tmp_path, content)
    (found,) = read(path)
    assert [
        finding
        for finding in found.findings
        if finding.code == code and finding.severity == "warning"
    ]
    (told,) = read(path, ReadOptions(**options))
    assert not [finding for finding in told.findings if finding.code == code]
    return found, told


def test_day_and_month_are_told_from_the_whole_column(tmp_path: Path) -> None:
    head, tail = "".join(f"0{n}/02/2020,{n}\n" for n in range(3, 8)), "28/02/2020,9\n"
    (series,) = read(put(tmp_path, "Date,Close\n" + head + tail))
    assert str(series.ds[0])[:10] == "2020-02-03"
    assert "date_order" not in {finding.code for finding in series.findings}


def test_ambiguous_day_and_month(tmp_path: Path) -> None:
    content = "Date,Close\n" + "".join(f"0{n}/02/2020,{n}\n" for n in range(3, 8))
    found, told = settled(tmp_path, content, "date_order", date_format="mdy")
    assert str(found.ds[0])[:10] == "2020-02-03"
    assert str(told.ds[0])[:10] == "2020-03-02"
    note = next(finding for finding in found.findings if finding.code == "date_order")
    assert "day/month/year" in note.message
    assert "mdy" in note.message


def test_foreign_names_make_day_before_month_likelier(tmp_path: Path) -> None:
    (english,) = read(put(tmp_path, "Date,Close\n05/02/2020,1\n"))
    (german,) = read(put(tmp_path, "Datum,Schluss\n05/02/2020,1\n"))
    assert (str(english.ds[0])[:10], str(german.ds[0])[:10]) == ("2020-05-02", "2020-02-05")


def test_ambiguous_decimal_mark(tmp_path: Path) -> None:
    content = "Date;Close\n" + "".join(f"2020-01-{n + 10};101,{n}23\n" for n in range(1, 10))
    found, told = settled(tmp_path, content, "decimal_mark", decimal=".")
    assert (found.y[0], told.y[0]) == (101.123, 101_123.0)


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        ((" 998 ", "1,002", "1,010"), 1010.0),  # a thousand is passed: continuity tells the mark
        (("1.234,5", "1.234", "1.235"), 1235.0),
        (("0,998", "1,002", "1,010"), 1.010),
        (("1'234.5", "1'235.25"), 1235.25),
        (("1 234,5", "1 235,25"), 1235.25),
        (("1_234.5", "1_235.25"), 1235.25),
        (("€ 12,5", "12,75 €"), 12.75),
        (("USD 12.5", "12.75 USD"), 12.75),
        (("R$ 1.012,5", "R$ 1.013,75"), 1013.75),
        (("12,34,567.5", "12,34,568.5"), 1234568.5),
        (("1.5K", "1.6K"), 1600.0),
        (("(1.5)", "(2.5)"), -2.5),
        (("−1.5", "−2.5"), -2.5),
        (("+1.5", "+2.5"), 2.5),
        (("1.5e3", "1.6E+03"), 1600.0),
        (("１２.5", "１３.5"), 13.5),
        (("٣٤", "٣٥"), 35.0),
    ],
)
def test_ways_to_write_numbers(cells: tuple[str, ...], value: float, tmp_path: Path) -> None:
    content = "Date;Close\n" + "".join(f"2020-01-{n + 10};{cell}\n" for n, cell in enumerate(cells))
    (series,) = read(put(tmp_path, content))
    assert len(series) == len(cells)
    assert series.y[-1] == pytest.approx(value)


def test_percentages_tell_the_mark(tmp_path: Path) -> None:
    content = "Date,Price,Change %\n" + "".join(
        f'01/{n}/2020,"132,{n}5","0.42%"\n' for n in range(13, 20)
    )
    (series,) = read(put(tmp_path, content))
    assert series.y[0] == 132_135.0
    assert "decimal_mark" not in {finding.code for finding in series.findings}


def test_columns_can_be_given(tmp_path: Path) -> None:
    path = put(tmp_path, rows(DAYS, "{o},{d:%Y-%m-%d},{h},{l}", "a,b,c,d"))
    (series,) = read(path, ReadOptions(columns={"close": "a", "date": 1}))
    assert series.columns == ("close",)
    np.testing.assert_array_equal(series.y, [bar.open for bar in DAYS])
    (series,) = read(path, ReadOptions(columns={"close": "3"}))
    np.testing.assert_array_equal(series.y, [bar.low for bar in DAYS])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"columns": {"close": "nope"}}, "nope"),
        ({"columns": {"shut": "a"}}, "shut"),
        ({"columns": {"close": 99}}, "99"),
        ({"date_format": "%d/%m/%Y"}, "%d/%m/%Y"),
        ({"date_format": "epoch-s"}, "epoch-s"),
        ({"date_format": "yesterday"}, "yesterday"),
        ({"decimal": ";"}, "';'"),
        ({"encoding": "klingon"}, "klingon"),
        ({"encoding": "base64"}, "base64"),
        ({"encoding": "\0"}, r"'\x00'"),
        ({"encoding": "utf\n8"}, "'utf"),
        ({"encoding": "\udc80"}, r"'\udc80'"),
        ({"encoding": "a" * 5000}, "'aaaaaaaaaa"),
        ({"encoding": "unicode_escape"}, "unicode_escape"),
        ({"encoding": "punycode"}, "punycode"),
        ({"encoding": "utf-16"}, "utf-16"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = put(tmp_path, rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v}", PLAIN))
    with pytest.raises(SourceError) as error:
        read(path, ReadOptions(**options))
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("form", "cells"),
    [
        ("%d~%m~%Y", "{d:%d~%m~%Y}"), ("%Y%m%d", "{d:%Y%m%d}"), ("ddmmyyyy", "{d:%d%m%Y}"),
        ("yymmdd", "{d:%y%m%d}"), ("epoch-s", "{e}"),
        ("epoch-ms", "{e}000"), ("ydm", "{d:%Y-%d-%m}"), ("dmy", "{d:%d/%m/%y}"), ("ymd",
        "{d:%y/%m/%d}"),
    ],
)  # fmt: skip
def test_date_formats_can_be_given(form: str, cells: str, tmp_path: Path) -> None:
    path = put(tmp_path, rows(DAYS, f"{cells};{{c}}", "Date;Close"))
    (series,) = read(path, ReadOptions(date_format=form))
    assert_bars(series, DAYS, ("close",))


def test_symbol_names_a_single_series(tmp_path: Path) -> None:
    (series,) = read(
        put(tmp_path, rows(DAYS, "{d:%Y-%m-%d},{c}", "Date,Close")), ReadOptions(symbol="ACME")
    )
    assert series.symbol == "ACME"


def test_repairs_can_be_switched_off(tmp_path: Path) -> None:
    good = rows(DAYS, "{d:%Y-%m-%d},{c}", "Date,Close")
    damage = {
        "unsorted": good + "2019-01-02,1\n", "duplicates": good + f"{DAYS[-1].ds:%Y-%m-%d},7\n",
            "missing_close": good + "2021-01-04,\n"
    }  # fmt: skip
    for code, content in damage.items():
        path = put(tmp_path, content)
        (series,) = read(path)
        assert code in {finding.code for finding in series.findings}
        with pytest.raises(SourceError, match="Repairs are switched off"):
            read(path, ReadOptions(repair=False))
    newest_first = put(tmp_path, rows(DAYS, "{d:%Y-%m-%d},{c}", "Date,Close", newest_first=True))
    assert_bars(read(newest_first, ReadOptions(repair=False))[0], DAYS, ("close",))


def test_duplicates_keep_the_last_row_and_tell_which_differ(tmp_path: Path) -> None:
    path = put(
        tmp_path,
        "Date,Close\n2020-01-02,1\n2020-01-03,2\n2020-01-03,3\n2020-01-06,4\n2020-01-06,4\n",
    )
    (series,) = read(path)
    assert series.y.tolist() == [1, 3, 4]
    (note,) = [finding for finding in series.findings if finding.code == "duplicates"]
    assert (note.count, note.severity, note.action, note.dates) == (
        2,
        "warning",
        "dropped",
        ("2020-01-03", "2020-01-06"),
    )
    assert "1 of them with other values" in note.message


def test_stacked_series_are_noticed(tmp_path: Path) -> None:
    text = rows(DAYS, "{d:%Y-%m-%d},{c}", "Date,Close") + rows(DAYS, "{d:%Y-%m-%d},{o}")
    (series,) = read(put(tmp_path, text))
    (note,) = [finding for finding in series.findings if finding.code == "duplicates"]
    assert note.severity == "error"
    assert "several series" in note.message


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("wrong", ["0", "0.00", "-{}"])
def test_a_lone_zero_or_sign_flip_is_a_missing_close(
    wrong: str, newest_first: bool, tmp_path: Path
) -> None:
    lines = [f"{bar.ds:%Y-%m-%d},{100 + 0.1 * n}" for n, bar in enumerate(DAYS[:40])]
    lines[20] = f"{DAYS[20].ds:%Y-%m-%d},{wrong.format(102.1)}"
    content = "\n".join(["Date,Close", *(reversed(lines) if newest_first else lines)]) + "\n"
    (series,) = source(str(put(tmp_path, content, "x.csv"))).load()
    assert len(series) == 39
    assert series.y.min() == 100
    [finding] = [found for found in series.findings if found.code == "missing_close"]
    assert (finding.count, finding.action, finding.dates) == (
        1,
        "dropped",
        (f"{DAYS[20].ds:%Y-%m-%d}",),
    )
    with pytest.raises(SourceError, match="taken as missing"):
        read(put(tmp_path, content, "x.csv"), ReadOptions(repair=False))


@pytest.mark.parametrize("newest_first", [False, True])
def test_open_and_close_are_told_apart_by_time(newest_first: bool, tmp_path: Path) -> None:
    for form in (
        "{d:%Y-%m-%d},{o},{h},{l},{c},{v}",
        "{d:%Y-%m-%d},{c},{l},{h},{o},{v}",
        "{d:%Y-%m-%d},{h},{c},{o},{l},{v}",
    ):
        for head in ("", "dat,p1,p2,p3,p4,p5"):
            (series,) = read(put(tmp_path, rows(DAYS, form, head, newest_first)))
            assert_bars(series, DAYS)
            (note,) = [
                finding for finding in series.findings if finding.code == "columns_by_content"
            ]
            assert note.severity == (
                "info" if "{o},{h},{l},{c}" in form and not head else "warning"
            )


def test_years_of_two_digits_are_not_in_the_future(tmp_path: Path) -> None:
    (series,) = read(put(tmp_path, "Date,Close\n28-Dec-62,1\n31-Dec-62,2\n03-Jan-63,3\n"))
    assert str(series.ds[0])[:10] == "1962-12-28"
    (series,) = read(put(tmp_path, "Date,Close\n12/30/99,1\n12/31/99,2\n01/03/00,3\n"))
    assert [str(ds)[:10] for ds in series.ds] == ["1999-12-30", "1999-12-31", "2000-01-03"]


def test_epochs_that_gain_a_digit_lose_no_rows(tmp_path: Path) -> None:
    stamps = [999_475_200 + 86_400 * n for n in range(12)]
    for head in ("Date,Close\n", ""):
        (series,) = read(
            put(tmp_path, head + "".join(f"{stamp},{n}.5\n" for n, stamp in enumerate(stamps)))
        )
        assert (len(series), str(series.ds[0])[:10]) == (12, "2001-09-03")


def test_nothing_is_filled(tmp_path: Path) -> None:
    content = "Date,Open,High,Low,Close\n2020-01-02,1,2,0.5,1.5\n2020-01-03,,,,1.6\n2020-01-06,1,2,0.5,\n2020-01-07,1,2,0.5,inf\n"
    (series,) = read(put(tmp_path, content))
    assert series.y.tolist() == [1.5, 1.6]
    assert np.isnan(series["open"][1])
    assert [finding.count for finding in series.findings if finding.code == "missing_close"] == [2]


def test_dates_of_another_kind_are_not_dropped_in_silence(tmp_path: Path) -> None:
    (series,) = read(
        put(tmp_path, "Date,Close\n13/01/2020,1\n14/01/2020,2\n01/15/2020,3\n16/01/2020,4\n")
    )
    (note,) = [finding for finding in series.findings if finding.code == "unreadable_dates"]
    assert (note.count, note.severity) == (1, "warning")
    assert "01/15/2020" in note.message


def test_text_in_a_price_is_told(tmp_path: Path) -> None:
    content = rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v}", PLAIN).replace(
        f",{DAYS[5].high},", ",oops,", 1
    )
    (series,) = read(put(tmp_path, content))
    assert len(series) == len(DAYS)
    assert np.isnan(series["high"][5])
    assert "unreadable_cells" in {finding.code for finding in series.findings}


def test_a_broken_quote_spoils_one_line_only(tmp_path: Path) -> None:
    lines = rows(DAYS, '"{d:%Y-%m-%d}","{o}","{h}","{l}","{c}","{v}"', PLAIN).splitlines()
    lines[10] = lines[10].replace('"', "", 1)
    lines[20] = lines[20].rstrip('"')
    (series,) = read(put(tmp_path, "\n".join(lines)))
    assert len(series) == len(DAYS)


# Time zones.


def test_offsets_of_an_exchange_give_its_zone(tmp_path: Path) -> None:
    winter, summer = "2020-01-02 09:30:00-05:00", "2020-07-02 09:30:00-04:00"
    (series,) = read(put(tmp_path, f"Datetime,Close\n{winter},1\n{summer},2\n"))
    assert series.tz == "America/New_York"
    assert [str(ds)[11:16] for ds in series.ds] == ["09:30", "09:30"]


def test_the_hour_that_comes_twice_is_told_apart_in_utc(tmp_path: Path) -> None:
    stamps = [
        "2020-11-01 00:30:00-04:00",
        "2020-11-01 01:30:00-04:00",
        "2020-11-01 01:30:00-05:00",
        "2020-11-01 02:30:00-05:00",
    ]
    (series,) = read(
        put(
            tmp_path,
            "Datetime,Close\n" + "".join(f"{stamp},{n}\n" for n, stamp in enumerate(stamps, 1)),
        )
    )
    assert (series.tz, len(series)) == ("UTC", 4)
    assert [str(ds)[11:16] for ds in series.ds] == ["04:30", "05:30", "06:30", "07:30"]
    assert "time_zone" in {finding.code for finding in series.findings}


# Errors say what was found and what was tried.


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("hello world\nthis is no table\n", "hello world"),
        ("Date,Close\n", "Date,Close"),
        ("a,b\n1,2\n3,4\n", "No column holds dates"),
        ('{"a": 1}', "JSON"),
        ("<!DOCTYPE html><table>", "web page"),
        (bytes(range(256)) * 20, "NUL"),
        (b"%PDF-1.4 ...", "PDF"),
        (b"SQLite format 3\0...", "SQLite"),
        (b"\x80\x04\x95pickle", "pickle"),
        (b"PK\x03\x04 broken", "damaged"),
        (b"PAR1 broken PAR1", "Parquet"),
        (b"\xd0\xcf\x11\xe0 broken", "workbook"),
        (b"\x1f\x8b broken gzip", "damaged"),
        ("Date,Open,Close\n2020-01-02,1,23,1,25\n2020-01-03,1,24,1,26\n", "header names 3"),
        ("Date,Close\n2020-01-02,\n2020-01-03,\n", "close"),
        ("Date,Close\nyesterday,1\ntoday,2\n", "yesterday,1"),
        ("2020-01-02,3.5,1.5,2.5\n2020-01-03,3.5,9.5,1.5\n", "No column can be told"),
    ],
)
def test_what_cannot_be_read_is_refused_clearly(
    content: str | bytes, words: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError) as error:
        read(put(tmp_path, content))
    assert words in str(error.value)
    assert "prices.csv" in error.value.message


@pytest.mark.parametrize(
    "reference",
    [
        "https://host/prices.csv",
        "ftp://host/a.csv",
        "file:///etc/passwd",
        "s3://bucket/key.parquet",
    ],
)
def test_addresses_are_refused(reference: str) -> None:
    with pytest.raises(SourceError, match="address"):
        source(reference).load()
    with pytest.raises(SourceError, match="address"):
        read(reference)


def test_missing_files_folders_and_tickers(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no file"):
        read(tmp_path / "nope.csv")
    with pytest.raises(SourceError, match="folder"):
        read(tmp_path)
    with pytest.raises(SourceError, match="yahoo:AAPL"):
        source("AAPL").load()
    with pytest.raises(SourceError, match="No source"):
        source("  ")


# The account of a reading.


def test_understand_tells_how_a_file_is_read(tmp_path: Path) -> None:
    path = put(tmp_path, FAMILIES["ariva"].content)
    reading = understand(path)
    assert (reading.kind, reading.delimiter, reading.decimal, reading.encoding) == (
        "text",
        ";",
        ",",
        "utf-8",
    )
    assert (reading.date_format, reading.date_order, reading.layout) == (
        "%Y-%m-%d",
        "ymd",
        "single",
    )
    assert (reading.header_rows, reading.first_row, reading.rows) == ((0,), 1, len(DAYS))
    assert reading.names("volume") == ("Stuecke",)
    assert reading.first[0][0] == f"{DAYS[-1].ds:%Y-%m-%d}"
    assert reading.last[-1][0] == f"{DAYS[0].ds:%Y-%m-%d}"
    assert reading.symbols == ("prices",)


def test_what_was_understood_can_be_given_back(tmp_path: Path) -> None:
    for name in (
        "ariva",
        "metatrader 5",
        "binance klines ms",
        "bloomberg",
        "investing german",
        "no header",
        "am and pm",
        "excel serial dates",
    ):
        family = FAMILIES[name]
        path = put(tmp_path, family.content)
        reading = understand(path)
        roles = {column.role: column.index for column in reading.columns if column.role}
        form = reading.date_order or (reading.date_format if "%" not in reading.date_format else "")
        (again,) = read(path, ReadOptions(columns=roles, decimal=reading.decimal, date_format=form))
        assert_bars(again, family.bars, family.columns, family.tolerance)


def test_provenance(tmp_path: Path) -> None:
    import hashlib

    path = put(
        tmp_path, rows(MINUTES, "{e},{o},{h},{l},{c},{v}", "time,open,high,low,close,volume")
    )
    (series,) = read(path)
    assert series.provenance.source == str(path)
    assert series.provenance.content_hash == hashlib.sha256(path.read_bytes()).hexdigest()
    assert series.provenance.retrieved_at.endswith("Z")
    assert (series.freq, series.provenance.adjusted) == ("1min", "unknown")


def test_prices_can_be_read_adjusted(tmp_path: Path) -> None:
    lines = ["Date,Open,High,Low,Close,Adj Close,Volume"]
    for index in range(60):
        split = 2 if index < 40 else 1
        close = split * (50 + index % 7)
        prices = (close - split, close + split, close - 2 * split, close)
        lines.append(
            f"{np.datetime64('2024-01-01') + index},"
            + ",".join(map(str, (*prices, "" if index == 5 else close / split / 2, 1000)))
        )
    path = put(tmp_path, "\n".join(lines))
    (raw,) = read(path)
    (found,) = [item for item in raw.findings if item.code == "split_like"]
    assert "read adjusted prices" in found.message
    assert found.dates == ("2024-02-10",)
    assert raw.provenance.adjusted == "raw"

    (series,) = read(path, ReadOptions().settled(*found.remedy))
    assert series.provenance.adjusted == "adjusted"
    assert series.columns == ("open", "high", "low", "close", "volume")
    assert "split_like" not in {item.code for item in series.findings}
    assert len(series) == 59
    np.testing.assert_allclose(series.y[:5], raw["adj_close"][:5])
    np.testing.assert_allclose(series["high"], series.y + 0.5)
    assert set(series["volume"]) == {1000.0}


def test_adjusted_prices_want_an_adjusted_close(tmp_path: Path) -> None:
    path = put(tmp_path, PLAIN + "\n2024-01-01,1,2,1,2,9\n2024-01-02,1,2,1,2,9\n")
    with pytest.raises(SourceError, match="There is no adjusted close") as error:
        read(path, ReadOptions(adjusted=True))
    assert "adj_close=NAME" in error.value.hint
