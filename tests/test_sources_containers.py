"""Panels, workbooks, Parquet and packed files; the limits against hostile input; and the short
cut for large files.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from price_files import DAYS, MINUTES, OHLCV, assert_bars, make_bars, multi_header, put, rows, xlsx

from forecasting import memory
from forecasting.errors import SourceError
from forecasting.series import PriceSeries
from forecasting.sources import ReadOptions
from forecasting.sources.files import container, fast_csv, grid, read, reader, understand

PLAIN = "Date,Open,High,Low,Close,Volume"
OTHER = make_bars(seed=7)


# Panels.


def by_symbol(series: tuple[PriceSeries, ...]) -> dict[str, PriceSeries]:
    return {item.symbol: item for item in series}


def test_a_long_panel_by_the_name_of_its_symbol_column(tmp_path: Path) -> None:
    content = rows(
        DAYS, "AAA,{d:%Y-%m-%d},{o},{h},{l},{c},{v}", "symbol,date,open,high,low,close,volume"
    ) + rows(OTHER, "BBB,{d:%Y-%m-%d},{o},{h},{l},{c},{v}")
    panel = by_symbol(read(put(tmp_path, content)))
    assert list(panel) == ["AAA", "BBB"]
    assert_bars(panel["AAA"], DAYS)
    assert_bars(panel["BBB"], OTHER)
    (item,) = read(put(tmp_path, content), ReadOptions(symbol="bbb"))
    assert_bars(item, OTHER)
    with pytest.raises(SourceError, match="AAA, BBB"):
        read(put(tmp_path, content), ReadOptions(symbol="CCC"))


def test_a_long_panel_by_the_content_of_a_column_of_unknown_name(tmp_path: Path) -> None:
    lines = (
        rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v},AAA").splitlines()
        + rows(OTHER, "{d:%Y-%m-%d},{o},{h},{l},{c},{v},BBB").splitlines()
    )
    for content in (lines, sorted(lines)):
        panel = by_symbol(
            read(put(tmp_path, "\n".join(["Date,Open,High,Low,Close,Volume,Wertpapier", *content])))
        )
        assert_bars(panel["AAA"], DAYS)
        assert_bars(panel["BBB"], OTHER)


def test_codes_and_missing_symbols(tmp_path: Path) -> None:
    content = rows(DAYS, "600000,{d:%Y-%m-%d},{c}", "code,date,close") + rows(
        OTHER, "NA,{d:%Y-%m-%d},{c}"
    )
    panel = by_symbol(read(put(tmp_path, content)))
    assert list(panel) == ["600000", "NA"]


def test_two_spellings_of_one_symbol(tmp_path: Path) -> None:
    content = rows(DAYS[:30], "BTC/USD,{d:%Y-%m-%d},{c}", "symbol,date,close") + rows(
        DAYS[30:], "BTCUSD,{d:%Y-%m-%d},{c}"
    )
    (series,) = read(put(tmp_path, content))
    assert_bars(series, DAYS, ("close",))
    three = (
        rows(DAYS, "BRK.B,{d:%Y-%m-%d},{c}", "symbol,date,close")
        + rows(DAYS, "BRKB,{d:%Y-%m-%d},{c}")
        + rows(DAYS, "A,{d:%Y-%m-%d},{c}")
    )
    assert [item.symbol for item in read(put(tmp_path, three))] == ["BRK.B", "BRKB", "A"]


def test_a_wide_panel_of_values(tmp_path: Path) -> None:
    content = "Date,AAPL,MSFT,LOW,T\n" + "".join(
        f"{a.ds:%Y-%m-%d},{a.close},{b.close if n > 9 else ''},{a.open},{b.open}\n"
        for n, (a, b) in enumerate(zip(DAYS, OTHER, strict=True))
    )
    panel = by_symbol(read(put(tmp_path, content)))
    assert list(panel) == ["AAPL", "MSFT", "LOW", "T"]
    assert_bars(panel["AAPL"], DAYS, ("close",))
    assert_bars(panel["MSFT"], OTHER[10:], ("close",))
    assert "missing_close" not in {finding.code for finding in panel["MSFT"].findings}


@pytest.mark.parametrize("new", [True, False])
def test_a_wide_panel_of_yfinance(new: bool, tmp_path: Path) -> None:
    path = put(tmp_path, multi_header(("AAPL", "MSFT", "^GSPC"), new))
    panel = read(path)
    assert [item.symbol for item in panel] == ["AAPL", "MSFT", "^GSPC"]
    for item in panel:
        assert_bars(item, DAYS)
    assert understand(path).layout == "wide"


@pytest.mark.parametrize(
    "head",
    [
        "Date,AAPL_Open,AAPL_Close,MSFT_Open,MSFT_Close",
        "Date,Open AAPL,Close AAPL,Open MSFT,Close MSFT",
        "Date,AAPL.Open,AAPL.Close,MSFT.Open,MSFT.Close",
        "Date,\"('Open', 'AAPL')\",\"('Close', 'AAPL')\",\"('Open', 'MSFT')\",\"('Close', "
        "'MSFT')\"",
    ],
)
def test_a_wide_panel_with_symbols_in_its_names(head: str, tmp_path: Path) -> None:
    panel = read(put(tmp_path, rows(DAYS, "{d:%Y-%m-%d},{o},{c},{h},{l}", head)))
    assert [(item.symbol, item.columns) for item in panel] == [
        ("AAPL", ("open", "close")),
        ("MSFT", ("open", "close")),
    ]
    np.testing.assert_array_equal(panel[1].y, [bar.low for bar in DAYS])


def test_a_wide_panel_with_merged_symbols(tmp_path: Path) -> None:
    head = ",AAPL,,MSFT,\nDate,Open,Close,Open,Close"
    panel = read(put(tmp_path, rows(DAYS, "{d:%Y-%m-%d},{o},{c},{h},{l}", head)))
    assert [(item.symbol, item.columns) for item in panel] == [
        ("AAPL", ("open", "close")),
        ("MSFT", ("open", "close")),
    ]


def test_a_wide_panel_that_pandas_wrote_anew(tmp_path: Path) -> None:
    head = "Price,Close,Close.1,Open,Open.1\nTicker,AAPL,MSFT,AAPL,MSFT\nDate,,,,"
    panel = read(put(tmp_path, rows(DAYS, "{d:%Y-%m-%d},{c},{l},{o},{h}", head)))
    assert [(item.symbol, item.columns) for item in panel] == [
        ("AAPL", ("open", "close")),
        ("MSFT", ("open", "close")),
    ]
    np.testing.assert_array_equal(panel[1].y, [bar.low for bar in DAYS])


def test_exchange_rates_of_a_central_bank(tmp_path: Path) -> None:
    path = put(
        tmp_path,
        rows(DAYS, "{d:%Y-%m-%d},{c},{o},N/A,{h},", "Date,USD,JPY,BGN,CZK,", newest_first=True),
    )
    panel = read(path)
    assert [item.symbol for item in panel] == ["USD", "JPY", "CZK"]
    assert_bars(panel[0], DAYS, ("close",))


def test_features_beside_prices_are_no_panel(tmp_path: Path) -> None:
    extra = ",".join(f"feature{n}" for n in range(12))
    (series,) = read(
        put(
            tmp_path,
            rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v}" + ",1.5" * 12, f"{PLAIN},{extra}"),
        )
    )
    assert_bars(series, DAYS)
    assert "columns_unused" in {finding.code for finding in series.findings}


# Workbooks.


def table(bars: list[Any]) -> list[list[Any]]:
    return [
        ["Date", "Open", "High", "Low", "Close", "Volume"],
        *([b.ds, b.open, b.high, b.low, b.close, b.volume] for b in bars),
    ]


def test_a_workbook(tmp_path: Path) -> None:
    path = put(
        tmp_path,
        xlsx({"Notes": [["nothing", "here"]], "Prices": table(DAYS), "Other": table(OTHER)}),
        "book.bin",
    )
    (series,) = read(path)
    assert_bars(series, DAYS)
    (series,) = read(path, ReadOptions(sheet="Other"))
    assert_bars(series, OTHER)
    reading = understand(path)
    assert (reading.kind, reading.sheet, reading.sheets) == (
        "excel",
        "Prices",
        ("Notes", "Prices", "Other"),
    )
    with pytest.raises(SourceError, match="Notes, Prices, Other"):
        read(path, ReadOptions(sheet="Nope"))
    with pytest.raises(SourceError, match="no price table"):
        read(put(tmp_path, xlsx({"Notes": [["nothing", "here"]]}), "book.xlsx"))


def test_a_workbook_with_a_title_text_dates_and_a_footer(tmp_path: Path) -> None:
    sheet = [
        ["ACME prices"],
        [],
        ["Datum", "Schlusskurs", "Stück"],
        *([f"{b.ds:%d.%m.%Y}", b.close, b.volume] for b in DAYS),
        ["Quelle: Börse"],
    ]
    (series,) = read(put(tmp_path, xlsx({"S": sheet}), "book.xlsx"))
    assert_bars(series, DAYS, ("close", "volume"))
    assert "not_bars" in {finding.code for finding in series.findings}


def test_a_workbook_with_merged_symbols(tmp_path: Path) -> None:
    sheet = [
        ["", "AAPL", None, "MSFT", None],
        ["Date", "Open", "Close", "Open", "Close"],
        *([b.ds, b.open, b.close, b.high, b.low] for b in DAYS),
    ]
    panel = read(put(tmp_path, xlsx({"S": sheet}), "book.xlsx"))
    assert [item.symbol for item in panel] == ["AAPL", "MSFT"]


def test_a_workbook_that_claims_the_whole_sheet_is_refused(tmp_path: Path) -> None:
    book = xlsx({"S": table(DAYS)})
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if "worksheets" in info.filename:
                data = data.replace(
                    b"</sheetData>",
                    b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>',
                )
            new.writestr(info.filename, data)
    with pytest.raises(SourceError, match="1,048,576 rows and 16,384 columns"):
        read(put(tmp_path, out.getvalue(), "book.xlsx"))


# Parquet.


def test_parquet(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {name.capitalize(): [getattr(b, name) for b in DAYS] for name in OHLCV},
        index=pd.DatetimeIndex([b.ds for b in DAYS]),
    )
    frame.to_parquet(tmp_path / "unnamed.parquet")
    assert_bars(read(tmp_path / "unnamed.parquet")[0], DAYS)
    frame.index.name = "Date"
    frame.tz_localize("America/New_York").to_parquet(tmp_path / "zone.parquet")
    (series,) = read(tmp_path / "zone.parquet")
    assert_bars(series, DAYS)
    assert series.tz == "America/New_York"
    frame.reset_index().astype({"Close": "float32"}).to_parquet(
        tmp_path / "column.csv", index=False
    )
    (series,) = read(tmp_path / "column.csv")
    assert len(series) == len(DAYS)
    wide = pd.concat({"AAPL": frame, "MSFT": frame * 2}, axis=1).swaplevel(axis=1)
    wide.to_parquet(tmp_path / "wide.parquet")
    panel = read(tmp_path / "wide.parquet")
    assert [item.symbol for item in panel] == ["AAPL", "MSFT"]
    assert_bars(panel[0], DAYS)
    long = pd.concat([frame.assign(ticker="AAPL"), frame.assign(ticker="MSFT")]).astype(
        {"ticker": "category"}
    )
    long.to_parquet(tmp_path / "long.parquet")
    assert [item.symbol for item in read(tmp_path / "long.parquet")] == ["AAPL", "MSFT"]


def test_parquet_without_rows_or_prices(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    pd.DataFrame({"a": [], "b": []}).to_parquet(tmp_path / "empty.parquet")
    pd.DataFrame({"a": [[1], [2]], "b": ["x", "y"]}).to_parquet(tmp_path / "nested.parquet")
    for name in ("empty.parquet", "nested.parquet"):
        with pytest.raises(SourceError, match=name):
            read(tmp_path / name)


# Packed files and limits.


def zipped(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_zip(tmp_path: Path) -> None:
    item, other = (
        rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v}", PLAIN),
        rows(OTHER, "{d:%Y-%m-%d},{o},{h},{l},{c},{v}", PLAIN),
    )
    assert_bars(
        read(put(tmp_path, zipped({"a.csv": item, "__MACOSX/._a.csv": "x"}), "a.zip"))[0], DAYS
    )
    both = put(tmp_path, zipped({"a.csv": item, "b.csv": other}), "both.zip")
    with pytest.raises(SourceError, match=r"a\.csv, b\.csv"):
        read(both)
    assert_bars(read(both, ReadOptions(sheet="b.csv"))[0], OTHER)


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: zipped({"a.csv": data.decode()})])
def test_a_bomb_is_refused(pack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(container, "available_bytes", lambda: 0)
    bomb = pack(b"Date,Close\n" + b"2020-01-02,1\n" * 200_000)
    assert len(bomb) < 1 << 17
    with pytest.raises(SourceError, match="unpacks to more than 1 MB"):
        read(put(tmp_path, bomb, "bomb.csv"))


def test_a_truncated_gzip_file_is_refused(tmp_path: Path) -> None:
    data = gzip.compress(rows(DAYS * 300, "{d:%Y-%m-%d},{o},{h},{l},{c},{v}", PLAIN).encode())
    with pytest.raises(SourceError, match="damaged"):
        read(put(tmp_path, data[: len(data) // 2], "a.csv.gz"))


def test_limits_follow_the_memory_that_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = rows(DAYS, "{d:%Y-%m-%d};{o};{h};{l};{c};{v}", PLAIN.replace(",", ";"))
    for module, limit in ((container, "MAX_BYTES"), (grid, "MAX_ROWS")):
        monkeypatch.setattr(module, limit, 10)
        monkeypatch.setattr(module, "available_bytes", lambda: 0)
        with pytest.raises(SourceError, match=r"memory that is free now|more than 10 lines"):
            read(put(tmp_path, content))
        monkeypatch.setattr(module, "available_bytes", lambda: 1 << 30)
        assert_bars(read(put(tmp_path, content))[0], DAYS)
    assert 0 < memory.available_bytes() <= psutil.virtual_memory().total


def test_lines_and_tables_have_a_greatest_width(tmp_path: Path) -> None:
    content = rows(DAYS, "{d:%Y-%m-%d};{o};{h};{l};{c};{v}", PLAIN.replace(",", ";"))
    with pytest.raises(SourceError, match="characters"):
        read(put(tmp_path, content + "x" * (2 << 20)))
    with pytest.raises(SourceError, match="6,001 columns"):
        read(put(tmp_path, "Date" + ",A" * 6000 + "\n" + "2020-01-02" + ",1" * 6000 + "\n"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    with pytest.raises(SourceError, match="ordinary file"):
        read(tmp_path / "pipe")


# The short cut for large plain files reads what the careful way reads.

FORM = "{d:%Y-%m-%d %H:%M:%S},{o},{h},{l},{c},{v}"
LARGE = make_bars(1200, timedelta(minutes=1), datetime(2024, 1, 2, 9, 30))


def both_ways(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[tuple[PriceSeries, ...], tuple[PriceSeries, ...], bool]:
    """Return what the short cut and the careful way read, and whether the short cut was taken to
    its end.
    """
    taken: list[bool] = []
    original = fast_csv.read_swiftly

    def noted(*args: Any) -> Any:
        result = original(*args)
        taken.append(result is not None)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(reader, "SMALL", 0)
        patch.setattr(fast_csv, "_BLOCK", 4000)
        patch.setattr(reader, "read_swiftly", noted)
        quick = reader.read(path)
    return quick, reader.read(path), taken == [True]


@pytest.mark.parametrize(
    ("form", "head"),
    [
        ("{d:%Y-%m-%d %H:%M:%S},{o},{h},{l},{c},{v}", PLAIN),
        ("{d:%Y-%m-%dT%H:%M},{o},{h},{l},{c},{v}", PLAIN),
        ("{e}000,{o},{h},{l},{c},{v}", "time,open,high,low,close,volume"),
        ("{d:%d.%m.%Y %H:%M};{o};{h};{l};{c};{v}", "Datum;Open;High;Low;Close;Volume"),
        ("{d:%Y.%m.%d},{d:%H:%M},{o},{h},{l},{c},{v}", ""),
        ("{d:%Y-%m-%dT%H:%M:%S}Z,{o},{h},{l},{c},{v}", PLAIN),
        ('"{d:%Y-%m-%d %H:%M:%S}","{o}","{h}","{l}","{c}","{v}"', PLAIN),
        ("XYZ,{d:%Y-%m-%d %H:%M:%S},{o},{h},{l},{c},{v}", "symbol,date,open,high,low,close,volume"),
        ("{d:%Y-%m-%d %H:%M:%S},{o},{h},{l},{c},{v},,0.5", f"{PLAIN},note,rsi"),
    ],
)
def test_the_short_cut_agrees(
    form: str, head: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, rows(LARGE, form, head))
    quick, careful, taken = both_ways(path, monkeypatch)
    assert taken
    assert_bars(quick[0], LARGE)
    assert_same(quick, careful)


@pytest.mark.parametrize("mixed", [False, True])
def test_series_that_stand_one_below_the_other_share_what_they_have_in_common(
    mixed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        line
        for name in ("AAA", "BBB", "CCC")
        for line in rows(LARGE[: 900 if name == "CCC" else 1200], f"{name},{FORM}").splitlines()
    ]
    content = "\n".join(
        [f"symbol,{PLAIN}", *(sorted(lines, key=str.lower)[::-1] if mixed else lines)]
    )
    path = put(tmp_path, content)
    quick, careful, taken = both_ways(path, monkeypatch)
    assert taken
    assert_same(quick, careful)
    first, second, third = sorted(quick, key=lambda item: item.symbol)
    assert np.shares_memory(first.ds, second.ds)
    assert not np.shares_memory(first.ds, third.ds)
    assert mixed != np.shares_memory(first.values.base, second.values.base)
    monkeypatch.setattr(reader, "SMALL", 0)
    (alone,) = read(path, ReadOptions(symbol="CCC"))
    assert_same((alone,), (third,))
    assert alone.values.base.size == alone.values.size  # the memory of the others is given back


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("\n2024-01-03", '\n"2024-01-03'),
        (f",{LARGE[1000].close},", ",oops,"),
        (f",{LARGE[1000].close},", ",,"),
        (f",{LARGE[1000].close},", ",null,"),
        (f",{LARGE[1000].close},", ',"1,234.5",'),
        (f",{LARGE[1000].close},", ",$5,"),
        (f",{LARGE[1000].close},", ",1e400,"),
        (f"{LARGE[1000].ds}", "yesterday"),
        (f"{LARGE[1000].ds}", "2024-01-03"),
        (f"{LARGE[1000].ds}", ""),
        (f"{LARGE[1000].ds}", "2019-01-02 00:00:00"),
        (f"{LARGE[1000].ds}", f"{LARGE[999].ds}"),
        (f"\n{LARGE[1000].ds}", f"\n\n{PLAIN}\n{LARGE[1000].ds}"),
        (f"\n{LARGE[1000].ds}", f"\nDividend 0.5\n{LARGE[1000].ds}"),
        (f"\n{LARGE[1000].ds},", f"\n{LARGE[1000].ds},1,"),
        (f"\n{LARGE[1000].ds}", "\n\u00a9 2024 Börse\n" + f"{LARGE[1000].ds}"),
        (f",{LARGE[1000].volume}\n", "\n"),
    ],
)
def test_any_surprise_is_read_carefully(
    old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = rows(LARGE, "{d},{o},{h},{l},{c},{v}", PLAIN)
    assert old in content
    path = put(tmp_path, content.replace(old, new) if old else content)
    quick, careful, _ = both_ways(path, monkeypatch)
    assert_same(quick, careful)


def test_a_large_latin_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = rows(LARGE, "{d},{o},{h},{l},{c},{v}", PLAIN) + "Quelle: Börse München\n"
    quick, careful, taken = both_ways(put(tmp_path, content.encode("cp1252")), monkeypatch)
    assert not taken
    assert "encoding" in {finding.code for finding in quick[0].findings}
    assert_same(quick, careful)


def assert_same(quick: tuple[PriceSeries, ...], careful: tuple[PriceSeries, ...]) -> None:
    assert [item.symbol for item in quick] == [item.symbol for item in careful]
    for item, other in zip(quick, careful, strict=True):
        assert (item.columns, item.freq, item.tz, item.calendar) == (
            other.columns,
            other.freq,
            other.tz,
            other.calendar,
        )
        np.testing.assert_array_equal(item.ds, other.ds)
        np.testing.assert_array_equal(item.values, other.values)
        assert item.provenance.content_hash == other.provenance.content_hash
        told = [
            {(f.code, f.count, f.severity, f.action) for f in series.findings}
            for series in (item, other)
        ]
        assert told[0] == told[1]


def test_minutes_are_used(tmp_path: Path) -> None:
    (series,) = read(put(tmp_path, rows(MINUTES, "{d},{c}", "Date,Close")))
    assert series.freq == "1min"


def test_a_zip_archive_damaged_anywhere_is_refused_in_words_or_read(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "a.csv", "Date,Close\n" + "".join(f"2020-01-{day:02},{day}\n" for day in range(1, 29))
        )
    whole, path, refused = packed.getvalue(), tmp_path / "a.zip", 0
    directory = whole.index(b"PK\1\2")
    for index in [*range(4, 60), *range(directory, len(whole))]:
        for value in (0, 255):
            path.write_bytes(whole[:index] + bytes([value]) + whole[index + 1 :])
            try:
                container.whole_file(container.inspect_file(path))
            except SourceError:
                refused += 1
    assert refused > 50
