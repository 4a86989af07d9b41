"""Kinds of price files that were once read wrongly, refused without need, or taken for something
else.
"""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from price_files import DAYS, MINUTES, OHLCV, Bar, assert_bars, epoch, make_bars, put, rows, xlsx

from forecasting.errors import SourceError
from forecasting.series import PriceSeries
from forecasting.sources.files import read, understand
from forecasting.sources.options import ReadOptions

PLAIN = "Date,Open,High,Low,Close,Volume"
FORM = "{d:%Y-%m-%d},{o},{h},{l},{c},{v}"


def one(
    tmp_path: Path, content: str | bytes, name: str = "prices.csv", **options: Any
) -> PriceSeries:
    (series,) = read(put(tmp_path, content, name), ReadOptions(**options))
    return series


def codes(series: PriceSeries) -> dict[str, str]:
    return {finding.code: finding.severity for finding in series.findings}


# A plain close is the series, whatever stands beside it.


@pytest.mark.parametrize(
    "extra",
    [
        "Close_lag1,Close_lag2",
        "SPY_close,QQQ_close",
        "Close Gain,Close Loss",
        "Prev Close,close_ma20",
        "AAPL Close,AAPL Open,AAPL High,MSFT Close",
        "Close(t-1),Close(t-2)",
        "VIX_Close,SMA_10,RSI,MACD,BB_upper",
    ],
)
def test_a_plain_close_is_the_series(extra: str, tmp_path: Path) -> None:
    cells = ",1.5" * len(extra.split(","))
    series = one(tmp_path, rows(DAYS, FORM + cells, f"{PLAIN},{extra}"))
    assert_bars(series, DAYS)
    first = one(
        tmp_path, rows(DAYS, "{d:%Y-%m-%d}" + cells + ",{c},{v}", f"Date,{extra},Close,Volume")
    )
    assert_bars(first, DAYS, ("close", "volume"))


def test_a_price_beside_indicators_is_one_series(tmp_path: Path) -> None:
    series = one(
        tmp_path, rows(DAYS, "{d:%Y-%m-%d},{c},1,2,3", "Date,Value,SMA_10,RSI14,log_return")
    )
    assert_bars(series, DAYS, ("close",))
    prophet = one(tmp_path, rows(DAYS, "{d:%Y-%m-%d},{c},20.5,1", "ds,y,temperature,promotion"))
    assert_bars(prophet, DAYS, ("close",))


def test_closes_of_several_symbols_without_a_plain_one_are_a_panel(tmp_path: Path) -> None:
    panel = read(put(tmp_path, rows(DAYS, "{d:%Y-%m-%d},{c},{o}", "Date,SPY_close,QQQ_close")))
    assert [series.symbol for series in panel] == ["SPY", "QQQ"]


# Order of columns


def test_open_high_low_close_is_the_order_of_files_without_a_header(tmp_path: Path) -> None:
    """Bars whose moves would fit close, high, low, open better are read in the usual order, with
    a warning.
    """
    flipped = [Bar(b.ds, b.close, b.high, b.low, b.open, b.volume) for b in DAYS]
    series = one(tmp_path, rows(flipped, "{d:%Y.%m.%d},00:00,{o},{h},{l},{c},{v}"))
    assert_bars(series, flipped)
    (note,) = [finding for finding in series.findings if finding.code == "columns_by_content"]
    assert note.severity == "warning"
    assert "open=5,close=2" in note.message
    asked = one(
        tmp_path,
        rows(flipped, "{d:%Y.%m.%d},00:00,{o},{h},{l},{c},{v}"),
        columns={"close": 2, "open": 5, "high": 3, "low": 4},
    )
    assert_bars(asked, DAYS, ("open", "high", "low", "close"))


@pytest.mark.parametrize(
    "names", ["1 Mo,2 Mo,6 Mo,10 Yr", "M1,M2,M3,M4", "Jan,Mar,May,Jul", "front,second,third,fourth"]
)
def test_columns_that_lie_one_above_the_other_are_a_panel(names: str, tmp_path: Path) -> None:
    panel = read(
        put(
            tmp_path, rows(DAYS, "{d:%m/%d/%Y},{h},{c},{o},{l}", f"Date,{names}", newest_first=True)
        )
    )
    assert len(panel) in (1, 4)
    rng = np.random.default_rng(3)
    level = 4 + np.cumsum(rng.normal(0, 0.05, len(DAYS)))
    lines = [
        f"{b.ds:%Y-%m-%d},{y + 0.9:.2f},{y + 0.5:.2f},{y + 0.45 + 0.1 * (i % 2):.2f},{y:.2f}"
        for i, (b, y) in enumerate(zip(DAYS, level, strict=True))
    ]
    curve = read(put(tmp_path, "\n".join([f"Date,{names}", *lines]), "curve.csv"))
    assert [series.symbol for series in curve] == names.split(",")


def test_heavy_volumes_and_adjusted_closes_without_a_header(tmp_path: Path) -> None:
    heavy = [Bar(b.ds, b.open, b.high, b.low, b.close, b.volume * 17) for b in DAYS]
    assert_bars(one(tmp_path, rows(heavy, FORM)), heavy)
    lines = [
        f"{b.ds:%Y-%m-%d},{b.open},{b.high},{b.low},{b.close},{b.close * 0.97:.6f},{b.volume}"
        for b in heavy
    ]
    series = one(tmp_path, "\n".join(lines))
    assert series.columns == ("open", "high", "low", "close", "adj_close", "volume")
    np.testing.assert_allclose(series["adj_close"], series.y * 0.97, atol=1e-6)


# Stamps


@pytest.mark.parametrize(
    ("form", "head"),
    [
        (
            "{d:%Y%m%d}  {d:%H:%M:%S},{o},{h},{l},{c},{v},{c},12,False",
            "Date,Open,High,Low,Close,Volume,WAP,Count,HasGaps",
        ),
        (
            "{d:%Y%m%d} {d:%H:%M:%S},{o},{h},{l},{c},{v},NIFTY 50",
            "date,open,high,low,close,volume,symbol",
        ),
        (
            "NIFTY BANK,{d:%Y%m%d-%H:%M:%S},{o},{h},{l},{c},{v}",
            "symbol,time,open,high,low,close,volume",
        ),
        ("{d:%Y%m%d} {d:%H:%M};{o};{h};{l};{c};{v};a b c", "time;open;high;low;close;volume;note"),
    ],
)
def test_a_blank_inside_a_stamp_is_no_delimiter(form: str, head: str, tmp_path: Path) -> None:
    assert_bars(one(tmp_path, rows(MINUTES, form, head)), MINUTES)


@pytest.mark.parametrize(
    ("cells", "first", "second"),
    [
        (["1990 Q1", "1990 Q2"], "1990-01-01", "1990-04-01"),
        (["1990Q3", "1990Q4"], "1990-07-01", "1990-10-01"),
        (["Q4 1990", "Q1 1991"], "1990-10-01", "1991-01-01"),
        (["2010-Q1", "2010-Q2"], "2010-01-01", "2010-04-01"),
        (["1Q10", "2Q10"], "2010-01-01", "2010-04-01"),
        (["2010-T1", "2010-T2"], "2010-01-01", "2010-04-01"),
        (["2010M01", "2010M02"], "2010-01-01", "2010-02-01"),
        (["2020-W53", "2021-W01"], "2020-12-28", "2021-01-04"),
        (["1749-01", "1749-02"], "1749-01-01", "1749-02-01"),
        (["1209", "1210"], "1209-01-01", "1210-01-01"),
        (["17490131", "17490228"], "1749-01-31", "1749-02-28"),
        (["112/03/01", "112/03/02"], "2023-03-01", "2023-03-02"),
        (["99/12/31", "100/01/04"], "2010-12-31", "2011-01-04"),
        (["112年03月01日", "112年03月02日"], "2023-03-01", "2023-03-02"),
        (["2566-03-01", "2566-03-02"], "2023-03-01", "2023-03-02"),
        (["25660301", "25660302"], "2023-03-01", "2023-03-02"),
        (["1402/01/31", "1402/02/01"], "2023-04-20", "2023-04-21"),
        (["R5.3.1", "R5.3.2"], "2023-03-01", "2023-03-02"),
        (["平成31年4月30日", "令和元年5月1日"], "2019-04-30", "2019-05-01"),
    ],
)
def test_periods_old_years_and_other_calendars(
    cells: list[str], first: str, second: str, tmp_path: Path
) -> None:
    series = one(tmp_path, f"Date,Close\n{cells[0]},1.5\n{cells[1]},2.5\n")
    assert [str(stamp)[:10] for stamp in series.ds] == [first, second]
    other = not cells[0].startswith(("19", "20", "17", "12", "Q", "1Q"))
    assert ("other_calendar" in codes(series)) == other


def test_years_that_fit_two_calendars_are_asked(tmp_path: Path) -> None:
    text = "Date,Close\n1444/08/09,1.5\n1444/08/10,2.5\n"
    with pytest.raises(SourceError, match="Islamic or the Persian") as error:
        one(tmp_path, text)
    assert "persian" in error.value.hint
    assert str(one(tmp_path, text, date_format="persian").ds[0])[:10] == "2065-10-30"


def test_years_of_two_digits_in_taiwan_and_thailand(tmp_path: Path) -> None:
    taiwan = one(tmp_path, "日期,收盤價\n99/03/01,1.5\n99/03/02,2.5\n")
    assert str(taiwan.ds[0])[:10] == "2010-03-01"
    thailand = one(tmp_path, "วันที่,ราคา\n28/02/66,1.5\n01/03/66,2.5\n")
    assert str(thailand.ds[0])[:10] == "2023-02-28"


def test_a_year_with_a_month_behind_the_point(tmp_path: Path) -> None:
    lines = [
        f"{year}.{str(month).zfill(2).rstrip('0') if month == 10 else f'{month:02d}'},{year / month:.2f}"
        for year in (1990, 1991)
        for month in range(1, 13)
    ]
    series = one(tmp_path, "Date,P\n" + "\n".join(lines))
    assert [str(stamp)[:7] for stamp in series.ds[[0, 9, 23]]] == ["1990-01", "1990-10", "1991-12"]
    fraction = one(
        tmp_path, "Date,P\n" + "\n".join(f"{1990 + n / 12:.3f},{n % 7 + 0.5}" for n in range(1, 30))
    )
    assert [str(stamp)[:7] for stamp in fraction.ds[[0, 28]]] == ["1990-02", "1992-06"]


# Dates in several columns


@pytest.mark.parametrize(
    ("head", "form", "first"),
    [
        (
            "year,month,day,hour,pm2.5,TEMP,cbwd,station",
            "{d:%Y},{d.month},{d.day},{d.hour},{c},20,NW,Gucheng",
            "2024-01-02 09:00",
        ),
        (
            "Year,Month,Day,Hour,Minute,Open,High,Low,Close",
            "{d:%Y},{d.month},{d.day},{d.hour},{d.minute},{o},{h},{l},{c}",
            "2024-01-02 09:30",
        ),
    ],
)
def test_year_month_day_columns(head: str, form: str, first: str, tmp_path: Path) -> None:
    step = (
        make_bars(60, MINUTES[1].ds - MINUTES[0].ds, MINUTES[0].ds)
        if "Minute" in head
        else make_bars(60, 60 * (MINUTES[1].ds - MINUTES[0].ds), MINUTES[0].ds)
    )
    panel = read(put(tmp_path, rows(step, form, head)))
    series = panel[0]
    assert str(series.ds[0]).replace("T", " ").startswith(first)
    np.testing.assert_array_equal(series.y, [bar.close for bar in step])
    assert not {"year", "month", "day", "hour", "No"} & {one.symbol for one in panel}


def test_months_by_name_quarters_and_weeks_in_columns(tmp_path: Path) -> None:
    named = one(
        tmp_path, "Year,Month,Passengers\n1949,January,112\n1949,February,118\n1949,March,132\n"
    )
    assert [str(stamp)[:10] for stamp in named.ds] == ["1949-01-01", "1949-02-01", "1949-03-01"]
    quarter = one(tmp_path, "year,quarter,realgdp\n1959.0,1.0,2710.3\n1959.0,2.0,2778.8\n")
    assert [str(stamp)[:10] for stamp in quarter.ds] == ["1959-01-01", "1959-04-01"]
    week = one(tmp_path, "year,week,sales\n2020,53,10.5\n2021,1,11.5\n")
    assert [str(stamp)[:10] for stamp in week.ds] == ["2020-12-28", "2021-01-04"]
    forced = one(
        tmp_path,
        "A,B,C\n2020,11,10.5\n2020,12,11.5\n",
        columns={"year": "A", "month": "B", "close": "C"},
    )
    assert [str(stamp)[:10] for stamp in forced.ds] == ["2020-11-01", "2020-12-01"]


def test_hours_beside_a_date(tmp_path: Path) -> None:
    text = "Date,Hour,Price\n" + "".join(
        f"2024-03-0{day},{hour},{day * 100 + hour}\n" for day in (1, 2) for hour in range(24)
    )
    series = one(tmp_path, text)
    assert str(series.ds[13])[:16] == "2024-03-01T13:00"


# What is no series of prices


@pytest.mark.parametrize(
    ("head", "row"),
    [
        (
            "Action,Time,ISIN,Ticker,No. of shares,Price / share,Exchange rate,Result,Total",
            "Market buy,{d},US0,AAPL,1.5,{c},1.07,,22.5",
        ),
        ("Date(UTC),Pair,Side,Price,Executed,Amount,Fee", "{d},BTCUSDT,BUY,{c},0.5,55.5,0.01"),
        (
            "Datum,Typ,Wertpapier,Stück,Kurs,Betrag,Gebühren,Steuern",
            "{d:%d.%m.%Y},Kauf,SAP,10,{c},500.5,9.9,0",
        ),
        (
            "Timestamp,Transaction Type,Asset,Quantity Transacted,Spot Price at "
            "Transaction,Subtotal,Total,Fees,Notes",
            "{d},Buy,BTC,1.5,{c},2.5,3.5,0.1,x",
        ),
        (
            "Size,EntryBar,ExitBar,EntryPrice,ExitPrice,PnL,ReturnPct,EntryTime,ExitTime",
            "1,2,3,{c},{o},0.5,0.1,{d},{d}",
        ),
        (
            "Datum,Tijd,Product,ISIN,Beurs,Aantal,Koers,Wisselkoers,Transactiekosten,Totaal,Order "
            "ID",
            "{d:%d-%m-%Y},10:00,ASML,NL0,EAM,2,{c},1.1,-2.5,-99.5,abc",
        ),
    ],
)
def test_own_trades_are_refused(head: str, row: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="list of orders or trades"):
        one(tmp_path, rows(DAYS[:24], row, head))


def test_trades_of_a_market_are_no_own_trades(tmp_path: Path) -> None:
    series = one(
        tmp_path,
        rows(
            MINUTES,
            "{d},XBTUSD,Buy,{v},{c},PlusTick",
            "timestamp,symbol,side,size,price,tickDirection",
        ),
    )
    np.testing.assert_array_equal(series.y, [bar.close for bar in MINUTES])


def test_raw_bytes_and_time_stamps_are_no_prices(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    stamps = [epoch(bar.ds) * 10**9 for bar in DAYS]
    raw = pa.table(
        {
            "close": pa.array([b"12345678"] * len(DAYS), pa.binary(8)),
            "ts_event": stamps,
            "ts_init": [s + 7 for s in stamps],
        }
    )
    buffer = io.BytesIO()
    pq.write_table(raw, buffer)
    with pytest.raises(SourceError, match="raw bytes"):
        one(tmp_path, buffer.getvalue(), "bars.parquet")
    with pytest.raises(SourceError, match=r"No column can be told|No row has both"):
        one(
            tmp_path,
            rows(DAYS, "{e}000000000,{e}000000009,note", "ts_event,ts_init,text"),
            name="ticks.csv",
        )


@pytest.mark.parametrize(
    "cells",
    [
        "914.087.600.000.000;916.915.934.560.000",
        "91311.15;916.915.934.560.000",
        "12.5;12. Mai",
        "12.5;Jan 25",
    ],
)
def test_damaged_numbers_are_refused(cells: str, tmp_path: Path) -> None:
    first, second = cells.split(";")
    text = "Date;Close;Volume\n" + "".join(
        f"2024-01-{day:02d};{first if day % 2 else second};5\n" for day in range(1, 20)
    )
    with pytest.raises(SourceError, match="damaged"):
        one(tmp_path, text)


# Keys


def test_two_keys_make_a_series_of_each_combination(tmp_path: Path) -> None:
    head = "id,date,store_nbr,family,sales,onpromotion"
    lines = [
        f"{n * 4 + k},{bar.ds:%Y-%m-%d},{1 + k // 2},{('AUTO', 'BABY CARE')[k % 2]},{bar.close + k:.2f},{k}"
        for n, bar in enumerate(DAYS)
        for k in range(4)
    ]
    path = put(tmp_path, "\n".join([head, *lines]))
    panel = read(path)
    assert [series.symbol for series in panel] == [
        "1 / AUTO",
        "1 / BABY CARE",
        "2 / AUTO",
        "2 / BABY CARE",
    ]
    np.testing.assert_allclose(panel[3].y, [bar.close + 3 for bar in DAYS], atol=1e-9)
    assert "keys" in codes(panel[0])
    settled = read(path, ReadOptions(columns={"symbol": "store_nbr|family", "close": "sales"}))
    assert [series.symbol for series in settled] == [series.symbol for series in panel]


def test_keys_that_are_numbers_and_the_value_that_is_asked(tmp_path: Path) -> None:
    lines = [
        f"{bar.ds:%Y-%m-%d},{store},{item},{bar.volume % 97}"
        for bar in DAYS
        for store in (1, 2)
        for item in (1, 2, 3)
    ]
    panel = read(put(tmp_path, "\n".join(["date,store,item,sales", *lines])))
    assert len(panel) == 6
    lines = [
        f"{bar.ds:%Y-%m-%d},{city},{bar.close},{bar.open}"
        for bar in DAYS
        for city in ("Rome", "Oslo")
    ]
    with pytest.raises(SourceError, match="No column can be told"):
        read(put(tmp_path, "\n".join(["date,city,humidity,pressure", *lines])))


# Findings


def test_a_table_of_different_things_and_zeros_that_stand_for_nothing(tmp_path: Path) -> None:
    lines = [
        f"{bar.ds:%Y-%m-%d},{bar.close * 30:.2f},{0 if n > 60 else 3 + n / 50:.2f},{max(0, 60 - n) / 40:.2f}"
        for n, bar in enumerate(DAYS)
    ]
    index, rate, falling = read(
        put(tmp_path, "\n".join(["Date,Index A,Long Interest Rate,Policy Rate", *lines]))
    )
    assert (len(index), len(rate), len(falling)) == (len(DAYS), 61, len(DAYS))
    assert codes(index)["different_things"] == "warning"
    assert codes(rate)["zero_ends"] == "warning"
    assert "zero_ends" not in codes(falling)


def test_ticks_of_one_second_are_joined(tmp_path: Path) -> None:
    head = "<TICKER>;<PER>;<DATE>;<TIME>;<LAST>;<VOL>"
    lines = [f"SBER;0;20240304;1000{n // 3:02d};{150 + n / 100:.2f};{n + 1}" for n in range(60)]
    series = one(tmp_path, "\n".join([head, *lines]))
    assert len(series) == 20
    assert series.y[0] == 150.02
    assert series["volume"].tolist() == [9 * n + 6 for n in range(20)]
    assert codes(series)["ticks"] == "info"
    assert "duplicates" not in codes(series)


def test_sheets_are_named(tmp_path: Path) -> None:
    def sheet(bars: list[Bar]) -> list[list[Any]]:
        return [PLAIN.split(","), *([b.ds, b.open, b.high, b.low, b.close, b.volume] for b in bars)]

    book = {
        "Empty": [],
        "Notes": [["No guarantee."]],
        "Corn": sheet(DAYS),
        "Wheat": sheet(DAYS[::-1]),
        "Blank": [],
    }
    path = put(tmp_path, xlsx(book), "agri.xlsx")
    (series,) = read(path)
    (note,) = [finding for finding in series.findings if finding.code == "tables_left"]
    assert "Corn is read. Not read: Wheat." in note.message
    with pytest.raises(SourceError, match="has no sheet 'Oats'") as error:
        read(path, ReadOptions(sheet="Oats"))
    assert "Wheat" in error.value.hint


def test_formulas_without_results_are_named(tmp_path: Path) -> None:
    table = [["Date", "Close"], *([bar.ds, f"=C{row}/100"] for row, bar in enumerate(DAYS, 2))]
    with pytest.raises(SourceError, match=f"About {len(DAYS)} formulas") as raised:
        one(tmp_path, xlsx({"Prices": table}), "book.xlsx")
    assert "spreadsheet program" in raised.value.hint


def test_a_printed_data_frame(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {
            "open": [b.open for b in DAYS],
            "close": [b.close for b in DAYS],
            "high": [b.high for b in DAYS],
            "low": [b.low for b in DAYS],
        },
        index=pd.Index([b.ds for b in DAYS], name="begin"),
    )
    frame["end"] = frame.index + pd.Timedelta("23:59:59")
    assert_bars(
        one(tmp_path, frame.to_string(), "frame.txt"), DAYS, ("open", "high", "low", "close")
    )
    assert_bars(
        one(tmp_path, frame.reset_index().to_string(), "frame.txt"),
        DAYS,
        ("open", "high", "low", "close"),
    )
    with pytest.raises(SourceError, match="shortened"):
        one(tmp_path, str(frame), "frame.txt")


# JSON


def _records(bars: list[Bar]) -> list[dict[str, Any]]:
    return [
        {
            "date": f"{b.ds:%Y-%m-%d}",
            "open": b.open,
            "high": b.high,
            "low": b.low,
            "close": b.close,
            "volume": b.volume,
        }
        for b in bars
    ]


def _columns(bars: list[Bar]) -> dict[str, list[Any]]:
    return {key: [record[key] for record in _records(bars)] for key in _records(bars)[0]}


def _yahoo(bars: list[Bar]) -> dict[str, Any]:
    columns = _columns(bars)
    stamps = [epoch(b.ds) + 14 * 3600 + 1800 for b in bars]
    quote = {key: columns[key] for key in ("high", "open", "volume", "close", "low")}
    meta = {
        "symbol": "XYZ",
        "currency": "USD",
        "exchangeTimezoneName": "America/New_York",
        "validRanges": ["1d", "5d"],
    }
    result = {
        "meta": meta,
        "timestamp": stamps,
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": columns["close"]}]},
    }
    return {"chart": {"result": [result], "error": None}}


def _documents() -> dict[str, Any]:
    records, columns = _records(DAYS), _columns(DAYS)
    alpha = {
        r["date"]: {
            f"{n}. {k}": str(r[k])
            for n, k in enumerate(("open", "high", "low", "close", "volume"), 1)
        }
        for r in records[::-1]
    }
    letters = {
        "t": [epoch(b.ds) for b in DAYS],
        "s": "ok",
        **{k[0]: columns[k] for k in ("open", "high", "low", "close", "volume")},
    }
    klines = [
        [
            epoch(b.ds) * 1000,
            *(str(x) for x in (b.open, b.high, b.low, b.close, b.volume)),
            epoch(b.ds) * 1000 + 86399999,
            "1",
            5,
            "2",
            "3",
            "0",
        ]
        for b in DAYS
    ]
    return {
        "records": records,
        "columns": columns,
        "index orient": {r["date"]: {k: r[k] for k in r if k != "date"} for r in records},
        "column orient": {key: {str(n): cell for n, cell in enumerate(cells)} for key,
        cells in columns.items()},
        "column orient by date": {k: {str(epoch(b.ds) * 1000): cell for b, cell in zip(DAYS,
        columns[k], strict=True)} for k in columns if k != "date"},
        "split": {"columns": list(columns)[1:], "index": columns["date"],
        "data": [list(r.values())[1:] for r in records]},
        "table": {"schema": {"fields": [{"name": k, "type": "x"} for k in columns]},
        "data": records},
        "alpha": {"Meta Data": {"1. Information": "Daily", "2. Symbol": "XYZ"},
        "Time Series (Daily)": alpha},
        "yahoo": _yahoo(DAYS),
        "binance": klines,
        "finnhub": letters,
        "polygon": {"ticker": "XYZ", "results": [{"o": b.open, "h": b.high, "l": b.low,
        "c": b.close, "v": b.volume, "vw": 1.5, "t": epoch(b.ds) * 1000, "n": 3} for b in DAYS]},
        "twelve": {"meta": {"symbol": "XYZ", "interval": "1day"}, "values": [{k: str(v) for k,
        v in r.items()} for r in records[::-1]], "status": "ok"},
        "kraken": {"error": [], "result": {"XXBTZUSD": [[epoch(b.ds), str(b.open), str(b.high),
        str(b.low), str(b.close), str((b.open + b.close) / 2), str(b.volume), 9] for b in DAYS],
            "last": 5}},
        "nested deep": {"data": {"history": [{"records": records}]}},
        "moex": {"history": {"metadata": {"date": {"type": "date"}},
        "columns": [k.upper() for k in columns], "data": [list(r.values()) for r in records]}},
    }  # fmt: skip


@pytest.mark.parametrize("kind", list(_documents()))
def test_json(kind: str, tmp_path: Path) -> None:
    text = json.dumps(_documents()[kind], indent=1 if kind in ("records", "alpha") else None)
    series = one(tmp_path, text, "prices.json")
    assert_bars(series, DAYS, (*OHLCV[:4], "adj_close", "volume") if kind == "yahoo" else OHLCV)
    assert series.symbol == {
        "alpha": "XYZ",
        "yahoo": "XYZ",
        "polygon": "XYZ",
        "twelve": "XYZ",
        "kraken": "XXBTZUSD",
    }.get(kind, "prices")


def test_json_one_object_a_line_packed(tmp_path: Path) -> None:
    import gzip

    text = "\n".join(json.dumps(record) for record in _records(DAYS))
    assert_bars(one(tmp_path, text, "prices.jsonl"), DAYS)
    assert_bars(one(tmp_path, gzip.compress(text.encode("utf-16")), "prices.jsonl.gz"), DAYS)


def test_json_of_pairs_and_of_several_symbols(tmp_path: Path) -> None:
    pairs = {name: [[epoch(b.ds) * 1000, value] for b, value in zip(DAYS, cells,
        strict=True)] for name, cells in
             {"prices": _columns(DAYS)["close"], "market_caps": [1e9] * len(DAYS),
                 "total_volumes": _columns(DAYS)["volume"]}.items()}  # fmt: skip
    assert_bars(one(tmp_path, json.dumps(pairs), "coin.json"), DAYS, ("close", "volume"))
    bars = {"AAPL": _records(DAYS), "MSFT": _records(DAYS[5:])}
    panel = read(put(tmp_path, json.dumps({"bars": bars, "next_page_token": None}), "alpaca.json"))
    assert [(series.symbol, len(series)) for series in panel] == [
        ("AAPL", len(DAYS)),
        ("MSFT", len(DAYS) - 5),
    ]
    rates = {f"{b.ds:%Y-%m-%d}": {"USD": b.close, "GBP": b.open} for b in DAYS}
    panel = read(put(tmp_path, json.dumps({"base": "EUR", "rates": rates}), "rates.json"))
    assert [series.symbol for series in panel] == ["USD", "GBP"]


def test_tables_of_json_can_be_chosen(tmp_path: Path) -> None:
    path = put(
        tmp_path,
        json.dumps(
            {"daily": _records(DAYS), "weekly": [dict(r, extra=1) for r in _records(DAYS[::5])]}
        ),
        "two.json",
    )
    reading = understand(path)
    assert (reading.kind, reading.sheet, reading.sheets) == ("json", "daily", ("daily", "weekly"))
    (series,) = read(path, ReadOptions(sheet="weekly"))
    assert len(series) == len(DAYS[::5])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"Error Message": "Invalid API call."}', "JSON without a table"),
        ('[{"date": "2020-01-02", "close": 1.5},', "damaged"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("[" + ",".join(["[]"] * 500_000) + "]", "objects and lists"),
        ('{"a": [1, 2, 3], "b": [4, 5, 6]}', "No column holds dates"),
        ('[{"date": "2020-01-02", "close": 1.5}, "end"]', "JSON without a table"),
        (
            '{"2020-01-02": 1.5, "2020-01-03": 1.6, "2020-01-03": 2.6}',
            "'2020-01-03' twice in one object, with 1.6 and 2.6",
        ),
        (
            '{"date": "2020-01-02", "close": 1.5}\n{"date": "2020-01-03", "close": 1, "close": 2}',
            "'close' twice",
        ),
    ],
)
def test_json_that_is_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=words):
        one(tmp_path, text, "answer.json")


def test_a_record_of_json_that_is_null_is_none(tmp_path: Path) -> None:
    records = [None, *_records(DAYS), None]
    assert_bars(one(tmp_path, json.dumps(records), "answer.json"), DAYS)


def test_a_key_of_json_that_is_repeated_with_its_value_changes_nothing(tmp_path: Path) -> None:
    text = json.dumps(_records(DAYS)).replace('{"', '{"note": "a", "note": "a", "', 1)
    assert_bars(one(tmp_path, text, "answer.json"), DAYS)


# Arrow and SQLite


@pytest.mark.parametrize(("unit", "second"), [("D", "1990-01-02"), ("M", "1990-02-01")])
def test_periods_of_pandas(unit: str, second: str, tmp_path: Path) -> None:
    import pandas as pd

    index = pd.period_range("1990-01-01", periods=30, freq=unit)
    path = tmp_path / "prices.parquet"
    pd.DataFrame({"close": np.arange(30) + 0.5}, index=index).to_parquet(path)
    (series,) = read(path)
    assert (str(series.ds[1])[:10], series.y[1]) == (second, 1.5)


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_feather(compression: str, tmp_path: Path) -> None:
    from pyarrow import feather

    path = tmp_path / "prices.feather"
    feather.write_feather(
        pa.table({**_columns(DAYS), "date": [b.ds for b in DAYS]}), path, compression=compression
    )
    (series,) = read(path)
    assert_bars(series, DAYS)
    assert (series.symbol, understand(path).kind) == ("prices", "arrow")


def test_an_arrow_stream_and_damaged_ones(tmp_path: Path) -> None:
    table = pa.table(_columns(DAYS))
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=20)
    data = sink.getvalue()
    assert_bars(one(tmp_path, data, "prices.arrows"), DAYS)
    for cut in (200, len(data) // 2, len(data) - 700):
        with pytest.raises(SourceError, match=r"no Arrow file|rows and"):
            one(tmp_path, data[:cut] + b"\x07" * 40 + data[cut + 40 : -30], "prices.arrows")


def test_a_packed_arrow_bomb_is_refused(tmp_path: Path) -> None:
    from pyarrow import feather

    path = tmp_path / "bomb.feather"
    zeros = pa.table(
        {"date": pa.array(np.zeros(20_000_000, np.int64)), "close": pa.array(np.zeros(20_000_000))}
    )
    feather.write_feather(zeros, path, compression="zstd", chunksize=20_000_000)
    assert path.stat().st_size < 4e6
    with pytest.raises(SourceError, match="more than 30-fold"):
        read(path)


def database(folder: Path, *statements: str, name: str = "prices.db") -> Path:
    path = folder / name
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE about (name TEXT, value TEXT)")
    base.execute("INSERT INTO about VALUES ('made by', 'a test')")
    base.execute(
        "CREATE TABLE 'daily bars' (symbol TEXT, date TEXT, open REAL, high REAL, low REAL, "
        "close REAL, volume INTEGER)"
    )
    base.executemany(
        "INSERT INTO 'daily bars' VALUES ('XYZ', ?, ?, ?, ?, ?, ?)",
        [tuple(record.values()) for record in _records(DAYS)],
    )
    for statement in statements:
        base.execute(statement)
    base.commit()
    base.close()
    return path


def test_sqlite(tmp_path: Path) -> None:
    path = database(
        tmp_path, "CREATE TABLE weekly AS SELECT date, close FROM 'daily bars' WHERE rowid % 5 = 0"
    )
    before = path.read_bytes(), sorted(entry.name for entry in tmp_path.iterdir())
    (series,) = read(path)
    assert_bars(series, DAYS)
    assert series.symbol == "XYZ"
    (note,) = [finding for finding in series.findings if finding.code == "tables_left"]
    assert "daily bars is read. Not read: weekly." in note.message
    (weekly,) = read(path, ReadOptions(sheet="weekly"))
    assert len(weekly) == len(DAYS) // 5
    assert (path.read_bytes(), sorted(entry.name for entry in tmp_path.iterdir())) == before


def test_nothing_in_a_database_runs(tmp_path: Path) -> None:
    path = database(
        tmp_path,
        "CREATE VIEW prices AS SELECT date, load_extension('evil') AS close FROM 'daily bars'",
        "CREATE TABLE made (date TEXT, close REAL, more REAL GENERATED ALWAYS AS (abs(close)) "
        "VIRTUAL)",
        "CREATE VIRTUAL TABLE found USING fts5(date, close)",
    )
    assert understand(path).sheets[:3] == ("about", "daily bars", "made")
    with pytest.raises(SourceError, match="has no table 'prices'"):
        read(path, ReadOptions(sheet="prices"))
    raw = database(
        tmp_path,
        "CREATE TABLE raw (date TEXT, close BLOB)",
        "INSERT INTO raw VALUES ('2020-01-02', x'0102')",
        name="raw.db",
    )
    with pytest.raises(SourceError, match="raw bytes"):
        read(raw, ReadOptions(sheet="raw"))


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    data = bytearray(database(tmp_path).read_bytes())
    data[100:4000] = bytes(range(256)) * 15 + bytes(60)
    with pytest.raises(SourceError, match="SQLite"):
        one(tmp_path, bytes(data), "damaged.db")


def test_half_a_letter_in_json(tmp_path: Path) -> None:
    records = [{**record, "symbol": "\U0001f600\ud83d"} for record in _records(DAYS)]
    series = one(tmp_path, json.dumps(records), "letters.json")
    assert series.symbol == "\U0001f600\ufffd"


# More of the same kinds


_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_GERMAN = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"


def _by_year(head: str, years: range = range(1950, 1960), last: str = "", mark: str = ".") -> str:
    """Return a table whose value is the year and the month in hundredths."""
    lines = [
        ";".join([str(year), *(f"{year}{mark}{month:02d}" for month in range(1, 13)), last])
        for year in years
    ]
    return "\n".join([head, *(line.rstrip(";") for line in lines)])


@pytest.mark.parametrize(
    "content",
    [
        _by_year(";".join(["Year", *_MONTHS])),
        _by_year(";".join(["YEAR", *map(str.upper, _MONTHS), "ANNUAL"]), last="5"),
        _by_year(";".join(["Jahr", *_GERMAN.split()]), mark=","),
        _by_year(";".join(["Year", *map(str, range(1, 13))])),
        _by_year(";".join(["", *_MONTHS])),
        _by_year("").lstrip().replace(";", "  "),
        "1950 1959\n" + _by_year("").lstrip().replace(";", "  ") + "\n -99.9\nNINO34",
        _by_year(";".join(["Year", *_MONTHS]), range(1959, 1949, -1)),
        "\n".join(
            [
                ";".join(["Month", *map(str, range(1950, 1960)), "Mean"]),
                *(
                    ";".join([name, *(f"{year}.{n:02d}" for year in range(1950, 1960)), "3"])
                    for n, name in enumerate(_MONTHS, 1)
                ),
                ";".join(["Total", *["7"] * 11]),
            ]
        ),
    ],
    ids=("plain", "annual", "german", "numbers", "unnamed", "bare", "psl", "descending", "turned"),
)
def test_years_by_months_are_one_monthly_series(content: str, tmp_path: Path) -> None:
    series = one(tmp_path, content)
    assert len(series) == 120
    assert (str(series.ds[16])[:7], series.y[16]) == ("1951-05", 1951.05)
    assert codes(series).get("months_in_columns") == "info"
    assert not {"unsorted", "duplicates", "missing_close"} & set(codes(series))


def test_hostile_tables_of_years_and_months(tmp_path: Path) -> None:
    head = ";".join(["Year", *_MONTHS])
    holes = _by_year(head).replace("1953.07", "-99.9").replace("1959.12", "-99.9")
    series = one(tmp_path, holes)
    assert len(series) == 118
    assert series.y.min() > 0
    assert codes(series)["missing_close"] == "warning"
    twice = one(tmp_path, _by_year(head) + "\n1955" + ";5" * 12)
    assert len(twice) == 120
    assert codes(twice)["duplicates"] == "warning"
    eleven = one(
        tmp_path, "\n".join(line.rpartition(";")[0] for line in _by_year(head).split("\n"))
    )
    assert {str(ds)[5:7] for ds in eleven.ds} == {f"{month:02d}" for month in range(1, 12)}
    quarters = [f"{year};1;2;3;4" for year in range(1950, 1990)]
    quarterly = one(tmp_path, "\n".join(["Year;Q1;Q2;Q3;Q4", *quarters]))
    assert (len(quarterly), quarterly.freq) == (160, "3M")
    regions = [
        ";".join([name, str(year), *[str(value)] * 12])
        for name, value in (("East", 5), ("West", 6))
        for year in range(1950, 1960)
    ]
    table = "\n".join([";".join(["Region", "Year", *_MONTHS]), *regions])
    both = read(put(tmp_path, table), ReadOptions())
    assert [(item.symbol, len(item)) for item in both] == [("East", 120), ("West", 120)]


@pytest.mark.parametrize(
    "head",
    [
        "strike,bid,ask,expiry,type",
        "Strike,Bid,Ask,Implied Volatility,Contract Name",
        "[STRIKE],[C_BID],[C_ASK],[EXPIRE_DATE],[P_IV]",
    ],
)
def test_an_option_chain_is_refused_in_words(head: str, tmp_path: Path) -> None:
    lines = [f"{strike},1.5,1.6,2024-02-16,C" for strike in range(80, 120)]
    with pytest.raises(SourceError, match="option chain") as caught:
        one(tmp_path, "\n".join([head, *lines]))
    assert "one contract" in caught.value.hint
    chosen = [f"{day:%Y-%m-%d},100,{day.day}.5,C" for day in (bar.ds for bar in DAYS)]
    history = one(tmp_path, "\n".join(["Date,Strike,Close,Type", *chosen]))
    assert len(history) == len(DAYS)


def test_what_a_header_does_not_name_is_not_taken_for_the_close(tmp_path: Path) -> None:
    for form in ("{d:%Y-%m-%d},{c},{v}", "{d:%Y-%m-%d},{v},5"):
        with pytest.raises(SourceError, match="Rows have 3 cells, but the header names 2"):
            one(tmp_path, rows(DAYS, form, "Date,Close"))
    numbered = [f"{n},{b.ds:%Y-%m-%d},{b.close}" for n, b in enumerate(DAYS, 1)]
    assert_bars(one(tmp_path, "\n".join(["Date,Close", *numbered])), DAYS, ("close",))


def test_bars_of_hours_are_of_days_that_follow_each_other(tmp_path: Path) -> None:
    hours = make_bars(120, timedelta(hours=1), datetime(2023, 3, 1, 9))
    series = one(tmp_path, rows(hours, "{d:%m/%d/%Y %H:%M},{c}", "Date,Close"))
    assert_bars(series, hours, ("close",))
    assert codes(series)["date_order"] == "warning"


def test_two_tables_in_one_file_are_refused(tmp_path: Path) -> None:
    first = rows(DAYS, "{d:%Y-%m-%d},{c}", "Date,Close")
    with pytest.raises(SourceError, match="A second table begins"):
        one(tmp_path, first + "\n" + rows(DAYS, "{d:%Y-%m-%d},{v}", "Date,Volume"))
    assert_bars(one(tmp_path, first + "\nDate,Close\n"), DAYS, ("close",))


_WINDOWS, _DOT_NET = 11_644_473_600, 62_135_596_800


@pytest.mark.parametrize(
    ("count", "code"),
    [
        (lambda bar: epoch(bar.ds) // 86_400, "date_order"),
        (lambda bar: (epoch(bar.ds) + _WINDOWS) * 10**7, ""),
        (lambda bar: (epoch(bar.ds) + _DOT_NET) * 10**7, ""),
        (lambda bar: epoch(bar.ds) * 10**9, "time_zone"),
    ],
    ids=["days since 1970", "since 1601", "since year 1", "nanoseconds"],
)
def test_days_counted_from_other_days(
    count: Callable[[Bar], int], code: str, tmp_path: Path
) -> None:
    lines = [f"{count(bar)},{bar.close}" for bar in DAYS]
    series = one(tmp_path, "\n".join(["time,close", *lines]))
    assert_bars(series, DAYS, ("close",))
    assert {"date_order", "time_zone"} & set(codes(series)) == ({code} if code else set())


def test_prices_of_the_future_are_found(tmp_path: Path) -> None:
    coming = [replace(b, ds=b.ds.replace(year=b.ds.year + 100)) for b in DAYS]
    assert codes(one(tmp_path, rows(coming, FORM, PLAIN)))["future"] == "warning"
    assert "future" not in codes(one(tmp_path, rows(DAYS, FORM, PLAIN)))


def test_times_of_digits_without_a_header(tmp_path: Path) -> None:
    assert_bars(one(tmp_path, rows(MINUTES, "{d:%Y%m%d},{d:%H%M%S},{o},{h},{l},{c},{v}")), MINUTES)


def test_several_answers_in_one_document(tmp_path: Path) -> None:
    results = [
        {
            "symbol": name,
            "response": [
                {"timestamp": [epoch(b.ds) for b in DAYS], "close": [b.close for b in DAYS]}
            ],
        }
        for name in ("AA", "BB")
    ]
    panel = read(put(tmp_path, json.dumps({"spark": {"result": results}}), "spark.json"))
    assert [series.symbol for series in panel] == ["AA", "BB"]


def test_a_dollar_beside_other_currencies_is_one_of_a_panel(tmp_path: Path) -> None:
    panel = read(put(tmp_path, rows(DAYS, "{d:%Y-%m-%d},{c},{o}", "Date,USD,GBP")))
    assert [series.symbol for series in panel] == ["USD", "GBP"]


@pytest.mark.parametrize(
    ("head", "names", "dates"),
    [
        ("Country Name,Country Code", ["Germany,DEU", "France,FRA"], range(1960, 2020)),
        ("Name,Code", ["Germany,DEU", "France,FRA"], [f"{y} [YR{y}]" for y in range(1960, 2020)]),
        ("Id,Country", ["11,Germany", "12,France"], range(1960, 2020)),
        ("Province,Country", [",Germany", "Paris,France"], [f"1/{d}/20" for d in range(1, 32)]),
        (
            "Country",
            ["Germany", "France"],
            [f"{y}-Q{q}" for y in range(2000, 2015) for q in (1, 2, 3, 4)],
        ),
    ],
)
def test_dates_in_the_header_are_turned(
    tmp_path: Path, head: str, names: list[str], dates: Any
) -> None:
    days = [str(day) for day in dates]
    lines = ["Source,World,,", "", f"{head},{','.join(days)},Source"] + [
        f"{name},{','.join(str(100 + step * at) for at in range(len(days)))},World"
        for step, name in enumerate(names, 1)
    ]
    first, second = read(put(tmp_path, "\n".join([*lines, "", "Note: revised."])))
    assert [first.symbol, second.symbol[-6:]] == ["Germany", "France"]
    assert first.ds[0] == np.datetime64(f"{days[0][:4]}-01-01" if len(days) > 31 else "2020-01-01")
    assert list(second.y[-2:]) == [100 + 2 * (len(days) - 2), 100 + 2 * (len(days) - 1)]
    assert codes(first)["dates_in_columns"] == "info"


def test_letters_of_eurostat_behind_values_are_no_scale(tmp_path: Path) -> None:
    months = [f"{year}-{month:02d}" for year in range(2010, 2020) for month in range(1, 13)]
    cells = [": c", *(f"{100 + at} b" for at in range(1, len(months)))]
    lines = ["freq,unit,geo\\TIME_PERIOD\t" + "\t".join(months)] + [
        f"M,I15,{geo}\t" + "\t".join(cells) for geo in ("DE", "FR")
    ]
    first, second = read(put(tmp_path, "\n".join(lines)))
    assert [first.symbol, second.symbol] == ["DE", "FR"]
    assert (first.y[0], first.y[-1], len(first)) == (101, 219, 119)


def test_columns_named_like_years_beside_dates_are_a_panel(tmp_path: Path) -> None:
    lines = ["Date," + ",".join(map(str, range(2000, 2006)))] + [
        f"{bar.ds:%Y-%m-%d}," + ",".join(f"{bar.close + 10 * at:.2f}" for at in range(6))
        for bar in DAYS
    ]
    first = read(put(tmp_path, "\n".join(lines)))[0]
    assert len(first) == len(DAYS)
    assert "dates_in_columns" not in codes(first)


def test_last_columns_that_are_mostly_empty_cost_no_rows(tmp_path: Path) -> None:
    lines = [
        f"{bar.ds:%Y-%m-%d},{bar.close},{'p' if at == 50 else ''}," for at, bar in enumerate(DAYS)
    ]
    series = one(tmp_path, "\n".join(["Date,Value,Flag,Note", *lines]))
    assert len(series) == len(DAYS)
    assert "uneven_rows" not in codes(series)


@pytest.mark.parametrize(
    "form",
    [
        "{d:%d.%m.%Y %H:%M} - {e:%d.%m.%Y %H:%M},{c}",
        "{d:%Y/%m/%d %H:%M:%S} - {e:%Y/%m/%d %H:%M:%S},{c}",
        "{d:%Y-%m-%d %H:%M} - {e:%H:%M},{c}",
        "{d:%Y%m%dT%H%M%SZ},{c}",
        '"{d:%Y%m%d;%H%M%S}","{c}"',
        "{d:%Y%m%dT%H%M%S+00:00},{c}",
    ],
)
def test_periods_are_dated_by_their_beginning_and_short_stamps_may_name_a_zone(
    tmp_path: Path, form: str
) -> None:
    lines = [form.format(d=b.ds, e=b.ds + timedelta(minutes=1), c=b.close) for b in MINUTES]
    series = one(tmp_path, "\n".join(["Time,Price", *lines]))
    assert list(series.ds) == [np.datetime64(b.ds) for b in MINUTES]


def test_weeks_as_pandas_writes_them_and_the_rule_of_a_markdown_table(tmp_path: Path) -> None:
    starts = [datetime(2024, 1, 1) + timedelta(weeks=at) for at in range(120)]
    lines = [
        f"| {d:%Y-%m-%d}/{d + timedelta(6):%Y-%m-%d} | {at + 50.25} |"
        for at, d in enumerate(starts)
    ]
    series = one(tmp_path, "\n".join(["| Date | Close |", "|:---|---:|", *lines]))
    assert (series.ds[0], series.freq) == (np.datetime64("2024-01-01"), "1W")
    assert "columns_by_content" not in codes(series)


def test_middle_prices_by_the_letters_of_their_columns(tmp_path: Path) -> None:
    head = "time,complete,volume,mid_o,mid_h,mid_l,mid_c"
    form = "{d:%Y-%m-%dT%H:%M:%SZ},True,{v},{o},{h},{l},{c}"
    assert_bars(one(tmp_path, rows(MINUTES, form, head)), MINUTES)
