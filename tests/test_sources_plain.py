"""Small plain files are read in a short way: the same series as the careful way, or none."""

from __future__ import annotations

import dataclasses
import gzip
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from forecasting.series import DeferredColumns, PriceSeries
from forecasting.sources.files import reader
from forecasting.sources.files.plain_csv import read_plain
from forecasting.sources.options import AS_FOUND, ReadOptions

_HEADS = (
    "Date,Open,High,Low,Close",
    "date,open,high,low,close,volume",
    "Date,Open,High,Low,Close,Adj Close",
    "Date,Open,High,Low,Close,Adj Close,Volume",
)


def made(seed: int) -> list[str]:
    """Return the lines of a plain file of some sort."""
    rng = np.random.default_rng(seed)
    head = _HEADS[seed % len(_HEADS)]
    bars = int(rng.integers(30, 400))
    step = (1, 1, 7, 30)[seed // 4 % 4]
    days = np.datetime64(("2001-01-01", "2015-06-30", "2060-01-04")[seed % 3]) + step * np.arange(
        bars
    )
    if step == 1 and seed % 5:
        days = days[np.is_busday(days)]
    digits = (0, 2, 4, 6)[seed // 2 % 4]
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, days.size)))
    if seed % 7 == 0:
        close[close.size // 2 :] /= 2  # as a split that was not undone
    if seed % 11 == 0:
        close[:] = close[0]
    spread = np.abs(rng.normal(0, 1, days.size))
    lines = [head]
    for index, day in enumerate(days):
        low, high = close[index] - spread[index], close[index] + spread[index]
        cells = [f"{value:.{digits}f}" for value in (close[index], high, low, close[index])]
        cells += [f"{close[index] * 0.9:.{digits}f}"] * ("Adj" in head)
        cells += [str(int(rng.integers(0, 10**6)))] * ("olume" in head)
        lines.append(",".join((str(day), *cells)))
    return lines


def same(mine: PriceSeries, careful: PriceSeries) -> None:
    """Assert that two readings of a file are one."""
    for field in dataclasses.fields(PriceSeries):
        ours, theirs = getattr(mine, field.name), getattr(careful, field.name)
        if isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, theirs)
            assert ours.dtype == theirs.dtype
        elif field.name == "provenance":
            assert dataclasses.replace(ours, retrieved_at="") == dataclasses.replace(
                theirs, retrieved_at=""
            )
        elif field.name == "extras":
            assert [item.digest() for item in ours] == [item.digest() for item in theirs]
        else:
            assert ours == theirs, field.name


@pytest.mark.parametrize("seed", range(24))
def test_the_short_way_reads_what_the_careful_way_reads(seed: int, tmp_path: Path) -> None:
    lines = made(seed)
    if seed % 4 == 3:  # the close before the others
        lines = [",".join((c[0], c[4], *c[1:4], *c[5:])) for c in (x.split(",") for x in lines)]
    text = ("\r\n" if seed % 3 == 1 else "\n").join(lines) + "\n" * (seed % 2)
    path = tmp_path / ("prices.csv.gz" if seed % 6 == 5 else "prices.csv")
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    options = ReadOptions(symbol="X" * (seed % 2), date_format=("", "ymd")[seed % 2])
    found = read_plain(path, options)
    assert found is not None
    same(found[0], reader.read(path, options)[0])


def made_of_times(seed: int) -> list[str]:
    """Return the lines of a plain file of bars that are shorter than a day."""
    step = np.timedelta64((60, 300, 1, 3600)[seed % 4], "s")
    start = np.datetime64(("2024-03-08T09:30:00", "2023-10-27T22:00:00")[seed // 2 % 2])
    ds = start + np.arange(900) * step
    if seed % 3 == 0:  # the hours of an exchange
        clock = ds - ds.astype("datetime64[D]")
        open_then = (clock >= np.timedelta64(570, "m")) & (clock < np.timedelta64(16, "h"))
        ds = ds[np.is_busday(ds.astype("datetime64[D]")) & open_then]
    if seed % 3 == 1:
        ds = ds[np.random.default_rng(seed).random(ds.size) < 0.8]
    length = 19 if seed % 4 == 2 or seed > 5 else 16
    texts = (str(item)[:length].replace("T", "T "[seed % 2]) for item in ds)
    head = ("Date", "Datetime", "timestamp")[seed % 3] + ",Open,High,Low,Close,Volume"
    return [head] + [
        f"{text},{100 + item},{101 + item},{99 + item},{100.25 + item},{item}"
        for item, text in enumerate(texts)
    ]


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5, 7])
def test_bars_within_a_day_are_read_as_the_careful_way_reads_them(
    seed: int, tmp_path: Path
) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("\n".join(made_of_times(seed)))
    found = read_plain(path)
    assert found is not None
    same(found[0], reader.read(path)[0])


@pytest.mark.parametrize(
    ("old", "new"), [(":00,", ":00Z,"), ("T09:30:00", "T09:30"), ("T09:31:00", "T25:31:00")]
)
def test_times_of_another_form_are_left_to_the_careful_way(
    old: str, new: str, tmp_path: Path
) -> None:
    lines = made_of_times(8)
    assert old in "\n".join(lines)
    path = tmp_path / "prices.csv"
    path.write_text("\n".join(lines).replace(old, new, 1))
    assert read_plain(path) is None


def with_columns(lines: list[str], seed: int, **more: str) -> str:
    """Return a plain file with further columns: figures, gaps, flags, words, yes and no, and a
    counter of the rows; ``more`` names others with the cell of all rows.
    """
    rng = np.random.default_rng(seed)
    rows = [
        f"{lines[0]},vix,cpi,earnings,rows,sector,holiday{''.join(f',{name}' for name in more)},gold"
    ]
    for index, line in enumerate(lines[1:]):
        cells = [f"{rng.normal():.4f}", "" if index % 20 else f"{index / 8}", str(index % 60 // 59)]
        cells += [str(index), ("Tech", "Food", "NA")[index % 3]]
        cells += ["no" if index % 9 else "yes", *more.values(), "-" if index % 3 else "1.5"]
        rows.append(",".join((line, *cells)))
    return "\n".join(rows)


@pytest.mark.parametrize("seed", [1, 2, 7, 12])
def test_further_columns_are_read_when_they_are_asked_for(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(with_columns(made(seed), seed))
    found = read_plain(path)
    assert found is not None
    assert isinstance(found[0].extras, DeferredColumns)
    names = "vix,cpi,earnings,rows,sector,holiday,gold"
    assert ",".join(found[0].extra_names) == names
    same(found[0], reader.read(path)[0])
    assert pickle.loads(pickle.dumps(found[0])).extras[0].name == "vix"


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("close", "3"),
        ("Ticker", "3"),
        ("Time", "930"),
        ("Year", "2020"),
        ("VIX", "1"),
        ("note", "a b"),
        ("note", "a;b"),
        ("Currency", "USD"),
        ("x", '"1"'),
    ],
)
def test_columns_that_may_mean_something_are_left_to_the_careful_way(
    name: str, cell: str, tmp_path: Path
) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(with_columns(made(1), 1, **{name: cell}))
    assert read_plain(path) is None


def test_rows_of_another_number_of_cells_are_left_to_the_careful_way(tmp_path: Path) -> None:
    text = with_columns(made(1), 1)
    path = tmp_path / "prices.csv"
    path.write_text(f"{text},7")
    assert read_plain(path) is None
    path.write_text(text.rpartition(",")[0])
    assert read_plain(path) is None


def test_days_of_a_form_that_is_settled(tmp_path: Path) -> None:
    lines = made(1)
    for index, line in enumerate(lines[1:], start=1):
        day, *cells = line.split(",")
        year, month, date = day.split("-")
        lines[index] = ",".join((f"{int(month)}/{int(date)}/{year}", *cells))
    path = tmp_path / "american.csv"
    path.write_text("\n".join(lines))
    assert read_plain(path) is None  # the careful way tells that another order is meant, too
    settled = ReadOptions(date_format="mdy")
    found = read_plain(path, settled)
    assert found is not None
    same(found[0], reader.read(path, settled)[0])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "2001-02-30,1.5,2.5,1.25,2.0,7",
        "1999-12-31,1.5,2.5,1.25,2.0,7",
        "2050-01-01,1.5,2.5,1.25,,7",
        "2050-01-01,1.5,2.5,1.25,nan,7",
        '2050-01-01,"1.5",2.5,1.25,2.0,7',
        "2050-01-01,1.5,2.5,1.25,2.0",
        "2050-01-01,1.5,1.25,2.5,2.0,7",
        "2050-01-01,0,2.5,0,2.0,7",
        "2050-01-01,-1.5,2.5,-2,2.0,7",
        "2050-01-01,1.5,2.5,1e0,2.0,7",
        "2050-01-01 16:00,1.5,2.5,1.25,2.0,7",
        "Date,Open,High,Low,Close,Volume",
        "2050-01-01,1.5,2.5,1.25,2.0,7é",
    ],
)
def test_what_is_not_plain_is_left_to_the_careful_way(line: str, tmp_path: Path) -> None:
    lines = made(1)
    path = tmp_path / "prices.csv"
    path.write_text("\n".join((*lines, line, "2050-01-02,1.5,2.5,1.25,2.0,7")))
    assert read_plain(path) is None


def test_points_that_may_mark_thousands_are_left_to_the_careful_way(tmp_path: Path) -> None:
    lines = [
        f"2020-{1 + index // 28:02}-{1 + index % 28:02},1.100,1.200,1.100,1.150"
        for index in range(60)
    ]
    path = tmp_path / "prices.csv"
    path.write_text("\n".join((_HEADS[0], *lines)))
    assert read_plain(path) is None


def test_other_settings_and_files_are_left_to_the_careful_way(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("\n".join(made(1)))
    assert read_plain(path) is not None
    assert read_plain(path, ReadOptions(columns={"close": "open"})) is None
    assert read_plain(path, ReadOptions(timezone="UTC")) is None
    assert read_plain(tmp_path, AS_FOUND) is None
    assert read_plain(tmp_path / "absent.csv", AS_FOUND) is None
    path.write_text("\n".join(made(1)[:20]))
    assert read_plain(path) is None


def test_a_plain_file_is_loaded_without_pandas_and_pyarrow() -> None:
    code = (
        "import sys; from forecasting import events, jobs; "
        "next(e for e in jobs.load(['sample:sp500']) if isinstance(e, events.SeriesLoaded)); "
        "print([m for m in ('exchange_calendars', 'pandas', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
