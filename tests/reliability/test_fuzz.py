"""Damaged price files without number: each ends in series that are fit for training or in a
clear refusal, within bounds of time.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from price_files import DAYS, FAMILIES, put, xlsx

from forecasting.config import RunConfig
from forecasting.errors import CandlecastError, SourceError
from forecasting.series import Panel, PriceSeries
from forecasting.sources.files import read, rows
from forecasting.windows import Scaling, Windows, split_panel

_CONFIG = RunConfig().changed(input_size=8, horizon=3)
#: Seconds of the processor after which a file has run away: a small one of 355 columns takes 1.5 on
#: a machine that is shared with others.
_MOST_S = 10.0
_CELLS = (
    "", "nan", "NaN", "inf", "-inf", "null", "-5", "0", "0.0", "-0", "1e308", "1e309", "-1e308",
    "5e-324", "1e-400", "1,234.50", "1.234,50", "1 234,5", "1'234.5",
    "$5", "(5)", "5-", "5%", "1.2M", "12.5K", "٣٤", "１２", "−5", "=1+1", "#N/A", "#DIV/0!", "true",
    "2020-02-30", "99/99/9999", "31.02.2020", "13/13/2013", "0000-00-00",
    "9999-12-31", "1e18", "253402300800", "9" * 30, "9" * 400, "0x10", "1_000", "1..5", "--5", "+5",
    "5e", "\x00", "\ufeff5", "“5”", "a" * 300, '"', '""5', "5;5", "5,5", "\t", "\u2028",
)  # fmt: skip
_PIECES = (
    b'"',
    b",",
    b";",
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xfe\xff",
    b"9" * 40,
    b"-",
    b"1e999",
    b"nan",
    b"\t",
    b"\xef\xbb\xbf",
    b"(",
    b"%",
    b"\x1a",
    b"|",
    b"'",
    b"\\",
    b"\x85",
    b" ",
)
_ENCODINGS = (
    "utf-16",
    "utf-16-be",
    "utf-32",
    "utf-8-sig",
    "latin-1",
    "cp1252",
    "cp1251",
    "gb18030",
    "shift_jis",
    "cp500",
)
_PACKERS: tuple[Callable[[bytes], bytes], ...] = (gzip.compress, bz2.compress, lzma.compress)
Rng = random.Random


@cache
def originals() -> tuple[bytes, ...]:
    """Return price files that nothing is wrong with: as vendors write them, as workbooks and as
    Parquet.
    """
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = [
        family.content if isinstance(family.content, bytes) else family.content.encode()
        for family in FAMILIES.values()
    ]
    book = xlsx(
        {
            "Prices": [
                ["Date", "Open", "High", "Low", "Close"],
                *([b.ds, b.open, b.high, b.low, b.close] for b in DAYS),
            ]
        }
    )
    out = io.BytesIO()
    pq.write_table(
        pa.table(
            {
                "date": [b.ds for b in DAYS],
                "close": [b.close for b in DAYS],
                "volume": [b.volume for b in DAYS],
            }
        ),
        out,
    )
    return (*texts, book, out.getvalue())


def _bytes(rng: Rng, data: bytes) -> bytes:
    """Break bytes anywhere."""
    broken = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5, 30))):
        index, piece = rng.randrange(len(broken) + 1), rng.choice(_PIECES)
        match rng.randrange(6):
            case 0:
                broken[index : index + 1] = bytes([rng.randrange(256)])
            case 1:
                broken[index : index + len(piece)] = piece
            case 2:
                del broken[index : index + rng.randint(1, 60)]
            case 3:
                broken[index:index] = piece * rng.randint(1, 3)
            case 4:
                broken[index:index] = broken[index : index + rng.randint(1, 300)]
            case _:
                broken[index : index + 8] = broken[index : index + 8][::-1]
    return bytes(broken)


def _cut(rng: Rng, data: bytes) -> bytes:
    first, last = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
    return (
        rng.choice((data[:last], data[first:], data[:first] + data[last:], data[first:last]))
        or b","
    )


def _rows(rng: Rng, data: bytes) -> bytes:
    """Double, drop, exchange, turn, mix or fill rows."""
    lines = data.split(b"\n")
    item, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(9):
        case 0:
            lines[item:item] = [lines[item]] * rng.choice((1, 1, 2, 50))
        case 1:
            del lines[item : item + rng.choice((1, 1, 5, 40))]
        case 2:
            lines[item], lines[other] = lines[other], lines[item]
        case 3:
            lines = lines[:1] + lines[:0:-1]
        case 4:
            rng.shuffle(lines)
        case 5:
            lines[item:item] = [b""] * rng.choice((1, 3, 30))
        case 6:
            lines.insert(item, lines[0])
        case 7:
            lines += lines[1:]
        case _:
            lines[item:item] = [
                rng.choice(
                    (
                        b"Total;1;2",
                        b"# a note",
                        b"-----",
                        b"<b>x</b>",
                        b",,,,,,",
                        b"Source: somebody, 2020",
                    )
                )
            ]
    return b"\n".join(lines) or b","


def _columns(rng: Rng, data: bytes) -> bytes:
    """Exchange, drop, double or empty columns, or change the delimiter."""
    marks = {mark: data.count(mark) for mark in (b",", b";", b"\t", b"|")}
    mark = max(marks, key=lambda item: marks[item])
    table = [line.split(mark) for line in data.split(b"\n")]
    width = max(map(len, table))
    item, other, kind = rng.randrange(width), rng.randrange(width), rng.randrange(6)
    for row in table[rng.choice((0, 0, 1, 5)) :]:
        if max(item, other) < len(row):
            if kind == 0:
                row[item], row[other] = row[other], row[item]
            elif kind == 1:
                del row[item]
            elif kind == 2:
                row.insert(item, row[other])
            elif kind == 3:
                row[item] = b""
            elif kind == 4:
                row[item] = rng.choice((b"-", b"", b" ")) + row[item]
    other_mark = rng.choice((b",", b";", b"\t", b"|", b"  ")) if kind == 5 else mark
    return b"\n".join(other_mark.join(row) for row in table)


def _values(rng: Rng, data: bytes) -> bytes:
    """Put odd values where numbers and dates stand."""
    lines = data.split(b"\n")
    value, often = rng.choice(_CELLS).encode(), rng.choice((1, 1, 3, len(lines)))
    mark = (
        b";"
        if data.count(b";") > data.count(b",")
        else b"\t"
        if data.count(b"\t") > data.count(b",")
        else b","
    )
    column = rng.randrange(max(1, lines[len(lines) // 2].count(mark) + 1))
    for index in rng.sample(range(len(lines)), min(often, len(lines))):
        cells = lines[index].split(mark)
        if column < len(cells):
            cells[column] = value
        lines[index] = mark.join(cells)
    return b"\n".join(lines)


def _encoded(rng: Rng, data: bytes) -> bytes:
    """Write the text, or a part of it, in another encoding."""
    text, encoding = data.decode("utf-8", "replace"), rng.choice(_ENCODINGS)
    if rng.random() < 0.3:
        half = rng.randrange(len(text) + 1)
        return text[:half].encode() + text[half:].encode(encoding, "replace")
    return text.encode(encoding, "replace")


def _numbers(rng: Rng, data: bytes) -> bytes:
    """Write numbers as another country does, or line ends as another system."""
    return rng.choice(
        (
            data.translate(bytes.maketrans(b".,", b",;")), data.translate(bytes.maketrans(b".,",
            b",.")), data.replace(b".", b","), data.replace(b".", b""), data.replace(b"-", b"/"),
            data.replace(b"-", b"."), data.replace(b"\n", b"\r"), data.replace(b"\n", b"\r\n"),
            data.replace(b"\n", b"\n\r"), data.replace(b"\n", b"\n\n"), data.replace(b",", b'","'),
            data.replace(b" ", b"\xc2\xa0"), data.replace(b"\n", b",\n"), b'"' + data.replace(b"\n",
            b'"\n"') + b'"', data.replace(b"0", "०".encode()), data.replace(b":", b""),
                data.upper(),
        )
    )  # fmt: skip


def _packed(rng: Rng, data: bytes) -> bytes:
    return rng.choice(_PACKERS)(data)


DAMAGES: tuple[Callable[[Rng, bytes], bytes], ...] = (
    _bytes,
    _bytes,
    _cut,
    _rows,
    _columns,
    _values,
    _values,
    _encoded,
    _numbers,
)


def damaged(seed: int) -> bytes:
    """Return a damaged file; the same seed gives the same file."""
    rng = Rng(seed)
    data = rng.choice(originals())
    binary = data[:2] == b"PK" or data[:4] == b"PAR1"
    for _ in range(rng.choice((1, 1, 2, 3))):
        data = (_bytes if binary else rng.choice(DAMAGES))(rng, data) or b","
    if rng.random() < 0.03:
        data = _packed(rng, data)
        data = _bytes(rng, data) if rng.random() < 0.5 else data
    return data


def opened(data: bytes, folder: Path) -> tuple[PriceSeries, ...] | SourceError:
    """Read a file; any other fault than our own is one of the program."""
    path = put(folder, data)
    try:
        return read(path)
    except SourceError as error:
        return error


def assert_fit(series: PriceSeries, deeply: bool) -> None:
    """Check that nothing of a series can poison a training: finite closes, dates in order, and
    windows of finite numbers.
    """
    assert np.isfinite(series.y).all()
    assert (np.diff(series.ds) > np.timedelta64(0, "us")).all()
    assert not np.isinf(series.values).any()
    if not deeply or len(series) < 40:
        return
    panel = Panel((series,))
    try:
        split = split_panel(panel, _CONFIG.task)
        with np.errstate(all="ignore"):
            scaling = Scaling.fit(panel, split.insample, _CONFIG.task, _CONFIG.inputs)
            import torch

            windows = Windows(panel, scaling, _CONFIG.task, torch.device("cpu"))
            if scaling.target == "log-return":
                assert (series.y > 0).all(), "logs of what is not positive"
            rows = windows.rows(split.train)
            for tensor in (
                windows.table,
                windows.regressors,
                windows.move,
                windows.scale(rows),
                windows.target(rows),
            ):
                assert tensor.isfinite().all(), "windows that are not finite"
    except CandlecastError:
        return


def fuzzed(seeds: range, folder: Path) -> Iterator[tuple[int, str, float]]:
    """Read damaged files; yield the seed of each, how it ended, and how long it took."""
    for seed in seeds:
        data = damaged(seed)
        started = time.process_time()
        found = opened(data, folder)
        spent = time.process_time() - started
        if isinstance(found, SourceError):
            assert "prices.csv" in found.message
            assert found.hint
            assert len(found.message) < 2000
            yield seed, "refused", spent
            continue
        odd = any(
            (item.y <= 0).any() or np.abs(item.y).max() > 1e12 or np.abs(item.y).min() < 1e-9
            for item in found
        )
        for item in found[:5]:
            assert_fit(item, deeply=odd or seed % 50 == 0)
        yield seed, "read", spent


def run_all(seeds: range, folder: Path) -> None:
    """Read damaged files and print what became of them; a fault names the seed."""
    ends: Counter[str] = Counter()
    longest, slowest, total = 0.0, 0, 0.0
    seed = seeds.start - 1
    files = fuzzed(seeds, folder)
    while True:
        try:
            seed, end, spent = next(files)
        except StopIteration:
            break
        except Exception as error:
            error.add_note(f"after seed {seed}")
            raise
        ends[end] += 1
        total += spent
        if spent > longest:
            longest, slowest = spent, seed
        assert spent < _MOST_S, f"seed {seed} took {spent:.1f} s"
    print(
        f"\n{ends.total():,} damaged files: {ends['read']:,} read, {ends['refused']:,} "
        f"refused; mean {1000 * total / max(1, ends.total()):.1f} ms, longest {longest:.2f} s "
        f"(seed {slowest})"
    )


@pytest.mark.slow
def test_some_damaged_files(tmp_path: Path) -> None:
    run_all(range(10**6, 10**6 + 30), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("half", [0, 1])
def test_many_damaged_files(half: int, times: Callable[[int], int], tmp_path: Path) -> None:
    """Two halves, so that ``-n 2`` shares them out among two cores."""
    count = times(20_000)
    run_all(range(count)[half * count // 2 : (half + 1) * count // 2], tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_without_the_guard_of_closes_the_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "Date,Close\n" + "\n".join(
        f"2020-01-{day:02},{'inf' if day == 9 else day}" for day in range(1, 29)
    )
    found = opened(content.encode(), tmp_path)
    assert isinstance(found, tuple)
    assert_fit(found[0], deeply=True)
    monkeypatch.setattr(rows, "np", _Trusting())
    monkeypatch.setattr(PriceSeries, "__post_init__", lambda self: None)
    numbers = opened(content.replace("inf", "1e999").encode(), tmp_path)
    assert isinstance(numbers, tuple)
    with pytest.raises(AssertionError):
        assert_fit(numbers[0], deeply=True)


class _Trusting:
    """NumPy, to which every number is finite."""

    def __getattr__(self, name: str) -> Any:
        return (
            (lambda values: np.ones(np.shape(values), bool))
            if name == "isfinite"
            else getattr(np, name)
        )
