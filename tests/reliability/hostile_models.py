"""Hostile models, trainings, folds, projects, watchlists, settings and stores, for
:mod:`hostile_files`.
"""

from __future__ import annotations

import copy
import io
import json
import pickle
import sqlite3
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hostile_files import TINY, Canary, Hostile, broken, npy, panel, pickles, zip_bomb, zipped
from safetensors.numpy import save

from forecasting.bundle import read_bundle

_DEEP = 200_000
#: What may be anything in a model or a training: it is told or not looked at, and decides nothing.
_HARMLESS = (
    "torch",
    "saved_at",
    "sources",
    "target",
    "val_start",
    "schema",
    "facts.rollbacks",
    "facts.slower",
)


@cache
def good_model() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return manifest and weights of a model that nothing is wrong with."""
    import torch

    from forecasting.training.trainer import untrained
    from forecasting.windows import split_panel

    _, forecaster = untrained(panel(), split_panel(panel(), TINY.task), TINY, torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        forecaster.save(Path(folder) / "m")
        return read_bundle(Path(folder) / "m")


@cache
def good_training() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return manifest and arrays of a training that was left after its first epoch."""
    from forecasting import jobs

    with tempfile.TemporaryDirectory() as folder:
        for _ in jobs.train(panel(), TINY, keep=Path(folder) / "t"):
            pass
        return read_bundle(Path(folder) / "t")


def bundle(manifest: Any, tensors: Any, *more: tuple[str, bytes]) -> bytes:
    """Return a model file of any content: values that are no JSON or no arrays are taken as
    bytes.
    """
    about = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    weights = (
        tensors
        if isinstance(tensors, bytes)
        else save({name: np.ascontiguousarray(array) for name, array in tensors.items()})
    )
    return zipped(
        ("manifest.json", about), ("model.safetensors", weights), *more, kind=zipfile.ZIP_STORED
    )


def changed(manifest: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """Return a manifest with one value, named by dots, another."""
    found = copy.deepcopy(manifest)
    *way, last = place.split(".")
    inner = found
    for name in way:
        inner = inner[name]
    inner[last] = value
    return found


def model_files() -> Iterator[Hostile]:
    for kind, good, suffix in (
        ("model", good_model(), "candlecast"),
        ("training", good_training(), "training"),
    ):
        yield from bundles(kind, *good, f"f.{suffix}")
    manifest, tensors = good_model()

    def hostile(name: str, manifest: Any, tensors: Any = tensors, refused: bool = True) -> Hostile:
        return Hostile("model", name, bundle(manifest, tensors), "f.candlecast", refused)

    huge = {"model.hidden_size": 2048, "model.layers": 8, "model.members": 50}
    for indices in (
        {"model.members": 50, **huge},
        {"model.hidden_size": 2048, "model.layers": 8},
        {"model.conv_kernel": 512, "model.conv_channels": 1024},
    ):
        big = manifest
        for index, value in indices.items():
            big = changed(big, f"config.{index}", value)
        yield hostile(f"a network of {indices}", big)
    for index, value in {
        "trust": float(10**300), "val_start": "NaT", "target": "seasonal", "scale.feedback": 1e300,
        "scale.symbols": ["x"] * 100_000, "scale.lookback": 10**18,
        "scale.season": "x", "scale.inputs": {"dates": True}, "config.task.horizon": 1000,
        "config.task.input_size": 5000, "config.train.device": "cuda:99999",
        "config.model.embedding": 256, "config.model.shape": "x", "config.version": 2,
        "config": None, "scale": [], "config.task.extra": 1,
    }.items():  # fmt: skip
        yield hostile(
            f"{index} = {str(value)[:30]}",
            changed(manifest, index, value),
            refused=index
            not in (
                "target",
                "scale.symbols",
                "scale.lookback",
                "config.train.device",
                "config.model.embedding",
            ),
        )
    for value in (-1, "1e999", None, [], "x", -1e308):
        yield hostile(f"trust = {value!r}", changed(manifest, "trust", value))
    yield hostile(
        "trust beyond all numbers",
        json.dumps(manifest).replace('"trust": 1.0', '"trust": 1e999').encode(),
    )
    for name in ("scaling.mean", "scaling.sd", "scaling.har", "scaling.quantiles"):
        shape = tensors[name].shape
        for what, array in {
            "scalar": np.array(1.0), "empty": np.zeros((0, *shape[1:])), "flat": np.zeros(7),
            "huge numbers": np.full(shape, 1e300), "longer": np.zeros((shape[0] + 1, *shape[1:])),
            "whole numbers": np.ones(shape, np.int64), "booleans": np.ones(shape, bool),
            "zeros": np.zeros(shape), "negative": np.full(shape, -1.0),
        }.items():  # fmt: skip
            yield hostile(
                f"{name}: {what}",
                manifest,
                {**tensors, name: array},
                refused=what in ("scalar", "empty", "flat", "longer"),
            )
    weight = next(name for name in tensors if name.endswith("weight_hh_l0"))
    for what, array in {
        "huge": np.full(tensors[weight].shape, 3e38, np.float32),
        "turned": tensors[weight].T,
        "double": tensors[weight].astype(np.float64),
    }.items():
        yield hostile(
            f"weights: {what}", manifest, {**tensors, weight: array}, refused=what == "turned"
        )
    yield hostile("a weight too many", manifest, {**tensors, "network.extra": np.ones(3)})
    yield hostile(
        "a weight too few",
        manifest,
        {name: item for name, item in tensors.items() if name != weight},
    )


def bundles(
    kind: str, manifest: dict[str, Any], tensors: dict[str, Any], file: str
) -> Iterator[Hostile]:
    """Yield what is wrong with the container of a model or a training."""

    def hostile(name: str, data: bytes, refused: bool = True) -> Hostile:
        return Hostile(kind, name, data, file, refused)

    raw = save({name: np.ascontiguousarray(array) for name, array in tensors.items()})
    for what, data in pickles():
        yield hostile(what, data)
        yield hostile(f"{what} for weights", bundle(manifest, data))
        yield hostile(f"{what} beside", bundle(manifest, tensors, ("data.pkl", data)))
        yield hostile(
            f"{what} as torch keeps it",
            zipped(("archive/data.pkl", data), ("archive/version", b"3")),
        )
    for name in ("../../x", "/etc/cron.d/x", "..\\x", "model.safetensors/../x", "metrics.json/"):
        yield hostile(f"zip slip {name}", bundle(manifest, tensors, (name, b"x")))
    yield hostile(
        "a part twice",
        bundle(manifest, tensors, ("metrics.jso2", b"{}"), ("metrics.jso3", b"{}")).replace(
            b"metrics.jso2", b"manifest.json"[:12]
        ),
    )
    yield hostile(
        "a bomb for weights",
        zip_bomb(
            "model.safetensors",
            bytes(2**20),
            600,
            (("manifest.json", json.dumps(manifest).encode()),),
        ),
    )
    yield hostile(
        "a bomb that states little",
        zip_bomb(
            "model.safetensors",
            bytes(2**20),
            600,
            (("manifest.json", json.dumps(manifest).encode()),),
            lie=5000,
        ),
    )
    yield hostile(
        "a bomb for a manifest",
        zip_bomb("manifest.json", b" " * 2**20, 600, (("model.safetensors", raw),)),
    )
    for size in (2**60, 2**63 - 1, 2**64 - 1, 10**8, len(raw)):
        yield hostile(
            f"a header of {size} bytes", bundle(manifest, struct.pack("<Q", size) + raw[8:])
        )
    for what, entry in {
        "shape lie": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4]},
        "shape overflow": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 4]},
        "backwards": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]},
        "outside": {"dtype": "F32", "shape": [1], "data_offsets": [0, 2**40]},
        "negative": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
        "unknown type": {"dtype": "PICKLE", "shape": [1], "data_offsets": [0, 4]},
        "half precision of a brain": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]},
        "eight bits": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]},
        "many dimensions": {"dtype": "F32", "shape": [1] * 1000, "data_offsets": [0, 4]},
        "strides": {"dtype": "F32", "shape": [1], "strides": [0], "data_offsets": [0, 4]},
    }.items():  # fmt: skip
        header = json.dumps({"w": entry}).encode()
        yield hostile(
            f"weights: {what}",
            bundle(manifest, struct.pack("<Q", len(header)) + header + b"\0\0\0\0"),
        )
    for name in ("../../x", "a b", "", "x" * 10_000, "__class__", "network.\u202e", "a\0b"):
        yield hostile(
            f"a weight called {name[:20]!r}",
            bundle(manifest, {**tensors, name: np.ones(2)}),
            refused=name != "__class__",
        )
    for value in (np.nan, np.inf, -np.inf):
        yield hostile(
            f"weights of {value}",
            bundle(
                manifest, {name: np.full(array.shape, value) for name, array in tensors.items()}
            ),
        )
    for what, about in {
        "deep": b'{"schema": 1, "a": ' + b"[" * _DEEP, "deep objects": b'{"a":' * _DEEP,
            "not UTF-8": b"\xff\xfe", "empty": b"", "a number": b"1", "NaN": b'{"schema": NaN}',
        "a number of a million digits": b'{"schema": ' + b"9" * 10**6 + b"}",
        "newer": b'{"schema": 99}', "no schema": b"{}", "schema of text": b'{"schema": "1"}',
        "only a schema": b'{"schema": 1}',
        "kind only": b'{"schema": 1, "kind": "candlecast-forecaster"}',
        "kind of training only": b'{"schema": 1, "kind": "candlecast-training"}',
        "kind that is a list": b'{"schema": 1, "kind": ["candlecast-forecaster"]}',
        "settings that are code": b'{"schema": 1, "kind": "candlecast-forecaster", "config": "__import__(\'os\')"}',
        "doubled keys": b'{"schema": 1, "schema": 2}',
        "two million keys": b'{"schema": 1,' + b",".join(b'"%d":1' % n for n in range(2 * 10**6)) + b"}",
    }.items():  # fmt: skip
        yield hostile(f"a manifest: {what}", bundle(about, tensors))
    for index in [*manifest, *(f"facts.{name}" for name in manifest.get("facts", {}))]:
        for value in (None, [], {}, "x", -1, 10**30):
            name = f"{index} = {value!r}"
            yield hostile(
                name,
                bundle(changed(manifest, index, value), tensors),
                refused=index not in _HARMLESS and "seconds" not in index,
            )
    for name, data in broken(bundle(manifest, tensors), 4, 15):
        yield hostile(name, data, refused=False)


def kept_files() -> Iterator[Hostile]:
    """Yield files that the program keeps for itself, or that are passed on."""
    yield from projects()
    yield from fold_files()
    yield from settings_files()
    for name, data in _texts().items():
        yield Hostile("watchlist", name, data, "watchlist.json")
        yield Hostile("config", name, data, "run.json", refused=name != "no version")
        yield Hostile("resumed", f"the plan is {name}", lambda folder, d=data: _plan(folder, d))
    rows = b'{"version": 1, "rows": [%s]}'
    row = b'{"request": {"reference": "a.csv"}, "symbol": "A"}'
    yield Hostile("watchlist", "a million rows", rows % b",".join([row] * 10**6), "watchlist.json")
    yield Hostile("watchlist", "rows of another kind", rows % b"1,2", "watchlist.json")
    yield Hostile(
        "watchlist",
        "a symbol of a megabyte",
        rows % row.replace(b'"A"', b'"' + b"A" * 2**20 + b'"'),
        "watchlist.json",
    )
    for value in ("1e999", '"x"', "-1", "null", '{"__class__": "os.system"}', "[" * 1000):
        yield Hostile(
            "config",
            f"a learning rate of {value[:12]}",
            b'{"train": {"learning_rate": %s}}' % value.encode(),
            "run.json",
        )
    yield Hostile(
        "resumed", "a folder of something else", lambda folder: _beside(folder, "x.txt", b"x")
    )
    for name, statements in _schemas().items():
        yield Hostile(
            "store",
            name,
            lambda folder, s=statements: _database(folder, s),
            "s.sqlite",
            refused=False,
        )
    for name, data in broken(_good_store(), 5, 15):
        yield Hostile("store", name, data, "s.sqlite", refused=False)
    for what, data in (
        ("no database", b"x" * 5000),
        ("only a head", b"SQLite format 3\0"),
        *pickles(),
    ):
        yield Hostile("store", what, data, "s.sqlite", refused=False)


def _texts() -> dict[str, bytes]:
    return {
        "empty": b"", "not JSON": b"\x89PNG\r\n", "cut": b'{"version": 1, "rows": [',
            "a list": b"[]", "deep": b"[" * _DEEP, "deep objects": b'{"rows":' * _DEEP,
        "NaN": b'{"version": NaN}', "newer": b'{"version": 99, "rows": []}',
        "not UTF-8": b'{"version": "\xff"}', "64 MB": b" " * 2**26 + b"{}",
        "a pickle": pickle.dumps(Canary()),
        "a lone surrogate": b'{"version": 1, "x": "\\ud800"}',
        "unknown": b'{"version": 1, "rows": [], "run": "rm"}',
        "a million digits": b'{"version": ' + b"9" * 10**6 + b"}",
    }  # fmt: skip


def projects() -> Iterator[Hostile]:
    def hostile(name: str, data: bytes, refused: bool = True) -> Hostile:
        return Hostile("project", name, data, "f.candleproject", refused)

    for name, data in _texts().items():
        yield hostile(name, data.replace(b'"version"', b'"candleproject"'))
    for reference in (
        "\\\\\\\\h\\\\s\\\\x.csv",
        "http://h/x.csv",
        "file:///etc/passwd",
        "./../../x",
        "/dev/zero",
        "a" * 5000,
        "",
        "yahoo:" + "A" * 4000,
    ):
        row = b'{"request": {"reference": "%s"}, "symbol": "A"}' % reference.encode()
        yield hostile(
            f"a row of {reference[:30]!r}",
            b'{"candleproject": 1, "rows": [%s]}' % row,
            refused=len(reference) in (0, 5000),
        )
    row = b'{"request": {"reference": "a"}, "symbol": "A"}'
    yield hostile("6,000 rows", b'{"candleproject": 1, "rows": [%s]}' % b",".join([row] * 6000))
    for index, value in {
        "selected": "-1", "config": "[1]", "view": '{"bars": [0, Infinity]}',
        "view2": '{"bars": [5, 4]}', "view3": '{"style": "x"}',
        "view4": '{"layout": "' + "x" * 2**21 + '"}',
        "compared": '["' + "x" * 200 + '"]', "shown": "{}", "config2": '{"train": {"epochs": 0}}',
        "config3": '{"model": {"members": 1e9}}', "path": '"' + "x" * 9999 + '"',
    }.items():  # fmt: skip
        yield hostile(
            f"{index} = {value[:30]}",
            b'{"candleproject": 1, "%s": %s}'
            % (index.rstrip("0123456789").encode(), value.encode()),
        )
    yield from shown_runs(hostile)


def shown_runs(hostile: Callable[[str, bytes], Hostile]) -> Iterator[Hostile]:
    """Yield projects whose last run is a trap."""
    from fabricated import run, walk

    from app.features.project.project_file import Project, ProjectRun
    from forecasting.store.runs import StoredRun, recorded, unpacked

    record, curves = recorded(run(walk("AAA")))[:2]
    kept = ProjectRun.of(StoredRun("k", record), unpacked(record, curves))
    good = json.loads(Project(candleproject=1, shown=kept).model_dump_json(exclude_defaults=True))
    for index, value in {
        "curves": "!!!", "curves2": "", "curves3": "eJwrSczLTAEABjACCg==", "record.history": 10**6,
            "record.config": "{}[", "record.forecasts": [], "record.columns": ["x"] * 65,
        "record.epochs": -1, "record.val_start": "x", "record.test_start": "NaT",
        "record.scores": {"x": {"y": "z"}}, "record.seconds": 1e400, "record.series": [],
        "record.version": 9, "record.verdict.outcome": "wins", "key": "k" * 200,
        "notes": "n" * 9999,
    }.items():  # fmt: skip
        text = json.dumps(changed(good, f"shown.{index.rstrip('0123456789')}", value))
        yield hostile(f"shown.{index} = {str(value)[:30]}", text.encode())
    many = {"symbol": "A", "model": "M", "steps": 1000, "quantiles": [0.5] * 1000}
    yield hostile(
        "a thousand forecasts of a million numbers",
        json.dumps(changed(good, "shown.record.forecasts", [many] * 1000)).encode(),
    )
    import base64
    import zlib

    bomb = base64.b64encode(zlib.compress(bytes(200 * 2**20))).decode()
    yield hostile(
        "curves that are a bomb", json.dumps(changed(good, "shown.curves", bomb)).encode()
    )


def fold_files() -> Iterator[Hostile]:
    def hostile(name: str, data: bytes) -> Hostile:
        return Hostile("folds", name, data, "fold-00000.npz")

    facts = npy(np.array(json.dumps({"quantiles": {"M": [0.5]}, "number": 0})))
    for what, data in pickles():
        yield hostile(what, data)
        yield hostile(f"{what} for facts", zipped(("facts.npy", data)))
    yield hostile("an array of objects", zipped(("facts.npy", npy(np.array([Canary()], object)))))
    yield hostile("facts that are deep", zipped(("facts.npy", npy(np.array("[" * _DEEP)))))
    for what, header in {
        "10^15 numbers": "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }",
            "10^10 numbers": "{'descr': '<f8', 'fortran_order': False, 'shape': "
        "(10000000000,), }",
        "code": "__import__('os').system('x')", "deep": "(" * 5000,
            "a negative shape": "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
        "an object type": "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "long": " " * 60_000,
    }.items():  # fmt: skip
        raw = header.encode().ljust(118) + b"\n"
        array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(raw) % 65536) + raw
        yield hostile(f"facts: {what}", zipped(("facts.npy", array)))
        yield hostile(f"an array: {what}", zipped(("facts.npy", facts), ("0.symbol.npy", array)))
    yield hostile("a bomb", zip_bomb("0.symbol.npy", bytes(2**20), 900, (("facts.npy", facts),)))
    zeros = (
        b"\x93NUMPY\x01\x00\x76\x00"
        + b"{'descr': '|u1', 'fortran_order': False, 'shape': (943718400,), }".ljust(117)
        + b"\n"
    )
    yield hostile(
        "a bomb that is an array",
        zip_bomb("0.symbol.npy", zeros + bytes(2**20 - 128), 900, (("facts.npy", facts),)),
    )
    yield hostile(
        "a bomb that is the facts", zip_bomb("facts.npy", zeros + bytes(2**20 - 128), 900)
    )


def settings_files() -> Iterator[Hostile]:
    """Yield preferences, and those of earlier versions as Qt would read them: ``@Variant`` holds
    anything, a Python object too, which PySide takes from a pickle.
    """

    def hostile(name: str, text: str) -> Hostile:
        return Hostile(
            "settings",
            name,
            f"[General]\n{text}\n".encode("utf-8", "surrogatepass"),
            "window.ini",
            refused=False,
        )

    name = b"PySide::PyObjectWrapper\0"
    for what, data in pickles():
        raw = (
            b"\0\0\0\x7f"
            + struct.pack(">I", len(name))
            + name
            + struct.pack(">I", len(data))
            + data
        )
        escaped = _escaped(raw)
        for key in ("theme", "run", "recent", "plan"):
            yield hostile(f"{key} is a {what}", f"{key}=@Variant({escaped})")
        yield hostile(f"a {what} behind an escape", f"theme=\\x40Variant({escaped})")
        yield hostile(f"a {what} behind a long escape", f"theme=\\x10040Variant({escaped})")
        yield hostile(f"a {what} behind an octal escape", f"theme=\\100Variant({escaped})")
        yield hostile(f"a {what} in quotes", f'theme="@Var"iant({escaped})')
        yield hostile(f"a {what} in a list", f"recent=a, @Variant({escaped})")
        yield hostile(f"a {what} over two lines", f"theme=@Vari\\\nant({escaped})")
    for text in ("theme=" + "x" * 10**6, "theme=\\x", "theme=@ByteArray(" + "x" * 10**7 + ")",
        "theme=@Rect(1)", "theme=@", "theme=@Invalid()", "=", "[", "theme=@Variant(", "%=%",
                 "geometry=@ByteArray(\\x1\\xd9\\xd0\\xcb" + "\\xff" * 99 + ")",
                     "recent=" + ", ".join("x" * 10**5), "theme=\ud800",
                         "theme=@DateTime(\\0\\0)"):  # fmt: skip
        yield hostile(f"settings {text[:30]!r}", text)
        yield Hostile(
            "settings",
            f"in a window, {text[:30]!r}",
            f"[window]\n{text}\n[chart]\n{text}\n".encode("utf-8", "surrogatepass"),
            "window.ini",
            refused=False,
        )
    for text in ("[" * 10**5, "7", "null", '{"theme": NaN}', '{"recent": [[[]]]}', '{"run": ' + "9" * 10**5 + "}",
                 '{"recent": ["' + "x" * 10**7 + '"]}', '{"geometry": "' + "A" * 10**7 + '"}',
                 '{"style": {"$ref": "/"}, "folder": "\\u0000", "toured": 1e999}'):  # fmt: skip
        yield Hostile(
            "settings", f"json {text[:30]!r}", text.encode(), "preferences.json", refused=False
        )


def _escaped(raw: bytes) -> str:
    """Write bytes as Qt does: a hexadecimal escape, and after one every digit that would be
    taken for its part escaped as well.
    """
    text, after = "", False
    for byte in raw:
        sign = chr(byte)
        if (
            32 < byte < 127
            and sign not in '\\",;=%'
            and not (after and sign in "0123456789abcdefABCDEF")
        ):
            text, after = text + sign, False
        elif byte == 0:
            text, after = text + "\\0", True
        else:
            text, after = f"{text}\\x{byte:x}", True
    return text


def _plan(folder: Path, data: bytes) -> Path:
    return _beside(folder, "backtest.json", data)


def _beside(folder: Path, name: str, data: bytes) -> Path:
    (folder / "folds").mkdir()
    (folder / "folds" / name).write_bytes(data)
    return folder / "folds"


def _database(folder: Path, statements: tuple[str, ...]) -> Path:
    path = folder / "s.sqlite"
    with sqlite3.connect(path) as db:
        for statement in statements:
            db.execute(statement)
    db.close()
    return path


def _good_store() -> bytes:
    from forecasting.store import RunStore

    with tempfile.TemporaryDirectory() as folder:
        RunStore(Path(folder) / "s").close()
        return (Path(folder) / "s").read_bytes()


def _schemas() -> dict[str, tuple[str, ...]]:
    columns = "key, made_at, record, curves, notes, checksum"
    return {
        "a newer version": ("PRAGMA user_version = 99",),
        "tables of another kind": ("CREATE TABLE run (x)", "CREATE TABLE journal_entry (x)",
        "CREATE TABLE price_series (x)", "PRAGMA user_version = 4"),
        "no tables": ("PRAGMA user_version = 4",),
        "tables before their time": ("CREATE TABLE price_series (x)",),
        "a run of zeros": (f"CREATE TABLE run (id, {columns})", "INSERT INTO run VALUES (1, 0, 0, "
        "0, 0, 0, 0)", "PRAGMA user_version = 4"),
        "a run of text": (f"CREATE TABLE run (id, {columns})", "INSERT INTO run VALUES (1, 'k', "
        "'x', '{}', 'x', 'x', 0)", "PRAGMA user_version = 4"),
        "a run that is not UTF-8": (f"CREATE TABLE run (id, {columns})", "INSERT INTO run VALUES "
        "(1, CAST(x'ff' AS TEXT), 'x', '{}', x'00', 'x', 0)", "PRAGMA user_version = 4"),
    }  # fmt: skip


def npz(**arrays: Any) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()
