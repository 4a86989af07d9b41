"""The model file: round trip, and a clear refusal of everything that is not one."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from forecasting import bundle
from forecasting.bundle import read_bundle, write_bundle
from forecasting.errors import CandlecastError, ExportError, ModelFileError

WEIGHTS = {
    "cell.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "scale": np.array(2.5),
    "step": np.array([7]),
}
MANIFEST = {"model": {"hidden_size": 16}, "symbols": ["AAPL", "Škoda"]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.candlecast"


def pack(path: Path, *, compression: int = zipfile.ZIP_STORED, **parts: bytes) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in parts.items():
            archive.writestr(name.replace("__", "."), data)
    return path


def manifest(**values: Any) -> bytes:
    return json.dumps({"schema": 1, **values}).encode()


def refused(path: Path, *words: str) -> None:
    with pytest.raises(ModelFileError) as caught:
        read_bundle(path)
    for word in words:
        assert word in caught.value.message
    assert caught.value.hint


def test_round_trip(path: Path) -> None:
    write_bundle(path, MANIFEST, WEIGHTS, {"crps": 1.5})
    found, tensors = read_bundle(path)
    assert found == {**MANIFEST, "schema": bundle.SCHEMA}
    assert tensors.keys() == WEIGHTS.keys()
    for name, array in WEIGHTS.items():
        np.testing.assert_array_equal(tensors[name], array)
        assert tensors[name].dtype == array.dtype
    assert zipfile.ZipFile(path).namelist() == [
        "manifest.json",
        "model.safetensors",
        "metrics.json",
    ]
    first = path.read_bytes()
    write_bundle(path, MANIFEST, WEIGHTS, {"crps": 1.5})
    assert path.read_bytes() == first, "equal models are equal files"


def test_strided_weights_survive(path: Path) -> None:
    write_bundle(path, {}, {"w": np.arange(12.0).reshape(3, 4).T[::2]})
    np.testing.assert_array_equal(read_bundle(path)[1]["w"], np.arange(12.0).reshape(3, 4).T[::2])


def test_files_that_are_no_model(path: Path) -> None:
    refused(path, "no file")
    path.write_bytes(b"")
    refused(path, "not a model file")
    path.write_bytes(b"date,close\n2024-01-01,5\n")
    refused(path, "not a model file")
    refused(path.parent, "cannot be read")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"manifest__json": manifest()}, "lacks model.safetensors"),
        ({"model__safetensors": save(WEIGHTS)}, "lacks manifest.json"),
        ({"manifest__json": b"{", "model__safetensors": save(WEIGHTS)}, "not JSON"),
        ({"manifest__json": b"\xff\xfe", "model__safetensors": save(WEIGHTS)}, "not JSON"),
        ({"manifest__json": b"[" * 100_000, "model__safetensors": save(WEIGHTS)}, "not JSON"),
        ({"manifest__json": b'{"schema": NaN}', "model__safetensors": save(WEIGHTS)}, "NaN"),
        ({"manifest__json": b"[1]", "model__safetensors": save(WEIGHTS)}, "schema"),
        ({"manifest__json": b'{"schema": "1"}', "model__safetensors": save(WEIGHTS)}, "schema"),
        ({"manifest__json": b'{"schema": true}', "model__safetensors": save(WEIGHTS)}, "schema"),
        (
            {"manifest__json": manifest(schema=2), "model__safetensors": save(WEIGHTS)},
            "newer Candlecast",
        ),
        (
            {
                "manifest__json": manifest(),
                "model__safetensors": save(WEIGHTS),
                "..__/evil__py": b"",
            },
            "evil.py",
        ),
        ({"manifest__json": manifest(), "model__safetensors": b""}, "damaged weights"),
        (
            {"manifest__json": manifest(), "model__safetensors": save(WEIGHTS)[:-1]},
            "damaged weights",
        ),
        (
            {"manifest__json": manifest(), "model__safetensors": struct.pack("<Q", 2**60) + b"{}"},
            "damaged weights",
        ),
        (
            {"manifest__json": manifest(), "model__safetensors": save({"a b": np.ones(2)})},
            "odd name",
        ),
        (
            {"manifest__json": manifest(), "model__safetensors": save({"../../x": np.ones(2)})},
            "odd name",
        ),
        (
            {
                "manifest__json": manifest(),
                "model__safetensors": save({"w": np.array([1, np.nan])}),
            },
            "w with 1 values that are not finite",
        ),
        (
            {"manifest__json": manifest(), "model__safetensors": save({"w": np.array([np.inf])})},
            "not finite",
        ),
        (
            {"manifest__json": manifest(), "model__safetensors": save({"w": np.ones(2, np.uint8)})},
            "uint8",
        ),
    ],
)
def test_damage_is_named(path: Path, parts: dict[str, bytes], words: str) -> None:
    refused(pack(path, **parts), words)


def test_weights_of_an_unknown_type(path: Path) -> None:
    header = json.dumps({"w": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    weights = struct.pack("<Q", len(header)) + header + b"\0\0"
    refused(pack(path, manifest__json=manifest(), model__safetensors=weights), "weight")


def test_bombs_are_not_unpacked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(
        path,
        compression=zipfile.ZIP_DEFLATED,
        manifest__json=manifest(),
        model__safetensors=bytes(2**20),
    )
    refused(path, "100-fold")
    monkeypatch.setattr(bundle, "_MAX_BYTES", 1000)
    pack(path, manifest__json=manifest(), model__safetensors=bytes(2000))
    refused(path, "claims 2,000 bytes")
    with pytest.raises(ModelFileError, match="Train a smaller network"):
        write_bundle(path, {}, {"w": np.ones(500)})


def test_a_lying_size_is_caught(path: Path) -> None:
    pack(path, manifest__json=manifest(), model__safetensors=bytes(5000))
    raw = bytearray(path.read_bytes())
    entry = raw.rindex(
        b"PK\x01\x02"
    )  # the weights' entry in the directory: sizes stand 20 and 24 bytes into it
    raw[entry + 24 : entry + 28] = struct.pack("<I", 10)
    path.write_bytes(raw)
    refused(path)


def test_doubled_and_many_parts(path: Path) -> None:
    double = pack(
        path, manifest__json=manifest(), manifest__jsom=manifest(), model__safetensors=save(WEIGHTS)
    )
    double.write_bytes(double.read_bytes().replace(b"manifest.jsom", b"manifest.json"))
    refused(path, "twice")
    pack(path, **{f"part{n}": b"" for n in range(17)})
    refused(path, "17 parts")


def test_encrypted_part(path: Path) -> None:
    write_bundle(path, {}, WEIGHTS)
    raw = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        index = raw.index(mark)
        raw[index + offset] |= 1
    path.write_bytes(raw)
    refused(path)


@pytest.mark.slow
@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_random_damage_never_escapes(path: Path, data: st.DataObject) -> None:
    write_bundle(path, MANIFEST, WEIGHTS)
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        raw = raw[: data.draw(st.integers(0, len(raw)))]
    path.write_bytes(raw)
    try:
        found, tensors = read_bundle(path)
    except ModelFileError:
        return
    assert isinstance(found, dict)
    assert all(np.isfinite(t).all() for t in tensors.values())


@pytest.mark.parametrize(
    ("contents", "weights"),
    [
        ({"a": float("nan")}, WEIGHTS),
        ({"a": object()}, WEIGHTS),
        ({}, {"w": np.array([np.nan])}),
        ({}, {"w": np.array(["x"])}),
        ({}, {"": np.ones(1)}),
    ],
)
def test_the_writer_refuses_what_the_reader_would(
    path: Path, contents: dict[str, Any], weights: dict[str, Any]
) -> None:
    with pytest.raises(ModelFileError):
        write_bundle(path, contents, weights)
    assert not path.exists()


@pytest.mark.parametrize("fault", ["fsync", "replace"])
def test_a_failed_write_keeps_the_old_file(
    path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bundle(path, {"old": 1}, WEIGHTS)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, fault, full)
    with pytest.raises(ExportError, match="No space left on device"):
        write_bundle(path, {"new": 1}, WEIGHTS)
    assert [p.name for p in path.parent.iterdir()] == [path.name], "no temporary file stays behind"
    assert read_bundle(path)[0]["old"] == 1


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(CandlecastError, match="cannot be written"):
        write_bundle(tmp_path / "no" / "a.candlecast", {}, WEIGHTS)


def test_no_torch_is_needed(path: Path) -> None:
    write_bundle(path, {}, WEIGHTS)
    code = (
        f"import sys; from forecasting.bundle import read_bundle; read_bundle({str(path)!r}); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unpacking_counts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "_MAX_BYTES", 1000)
    with (
        zipfile.ZipFile(io.BytesIO(pack(path, a=bytes(2000)).read_bytes())) as archive,
        pytest.raises(ModelFileError, match="unpacks to more"),
    ):
        bundle._read(path, archive, "a")
