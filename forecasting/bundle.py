"""Serialize models and checkpoints: a size-limited zip of JSON and safetensors, so that opening a
stranger's file executes nothing.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from forecasting.config import RunConfig
from forecasting.errors import RETRY, ConfigError, ModelFileError
from forecasting.files.atomic import atomic_write
from forecasting.files.bounded_read import open_zip, regular_file

Tensors = dict[str, npt.NDArray[np.generic]]

#: Version of the layout, written as ``schema`` into the manifest; a reader refuses a newer one.
SCHEMA = 1

_MANIFEST, _WEIGHTS, _METRICS = "manifest.json", "model.safetensors", "metrics.json"
_MAX_ENTRIES = 16
_MAX_BYTES = 64 * 2**20
_MAX_RATIO = 100
#: Most bytes of JSON: reading it takes far longer than copying weights.
_MAX_JSON = 16 * 2**20
_NAME_LENGTH = 200
_CHUNK = 2**16
_DTYPES = ("float32", "float64", "float16", "int64", "int32", "bool")
_STAMP = (1980, 1, 1, 0, 0, 0)
_HINT = "Choose a model file that Candlecast saved, or train and save the model again."


def write_bundle(
    path: str | Path,
    manifest: Mapping[str, Any],
    tensors: Mapping[str, npt.NDArray[Any]],
    metrics: Mapping[str, Any] | None = None,
) -> None:
    """Write a model file in one step: a reader sees the old file or the whole new one, never a
    part.

    Parameters
    ----------
    path : str or Path
        Target; an existing file is replaced only when all has been written to disk.
    manifest : mapping
        What is needed to build the model again, of plain JSON values; ``schema`` is added.
    tensors : mapping of str to ndarray
        Weights by name; finite, of the types float16/32/64, int32/64 or bool.
    metrics : mapping, optional
        Scores for people to read.

    Raises
    ------
    ModelFileError
        Contents that :func:`read_bundle` would refuse.
    ExportError
        The file cannot be written (folder missing, disk full, no permission).
    """
    from safetensors.numpy import save

    path = Path(path)
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    for name, array in arrays.items():
        _check_tensor(path, name, array)
    entries = {_MANIFEST: _to_json(path, {**manifest, "schema": SCHEMA}), _WEIGHTS: save(arrays)}
    if metrics is not None:
        entries[_METRICS] = _to_json(path, dict(metrics))
    large = next((name for name, data in entries.items() if len(data) > _most(name)), None)
    if large is not None:
        raise ModelFileError(
            f"{path.name}: {large} has {len(entries[large]):,} bytes; at most {_most(large):,} "
            "are allowed.",
            "Train a smaller network.",
        )
    atomic_write(path, _zipped(entries))


def read_bundle(path: str | Path) -> tuple[dict[str, Any], Tensors]:
    """Read a model file; nothing in it is executed, and no more than 64 MB a part is unpacked.

    Returns
    -------
    manifest : dict
    tensors : dict of str to ndarray
        All finite. Names and shapes still have to be compared with the network they are meant for.

    Raises
    ------
    ModelFileError
        The file is missing, damaged, foreign, larger than allowed, or of a newer version.
    """
    path = Path(path)
    try:
        with regular_file(path).open("rb") as file, open_zip(file) as archive:
            _check_entries(path, archive)
            manifest = _manifest(path, _read(path, archive, _MANIFEST))
            weights = _read(path, archive, _WEIGHTS)
    except FileNotFoundError as error:
        raise ModelFileError(f"There is no file {path}.", "Check the path.") from error
    except zipfile.BadZipFile as error:
        raise _bad(path, f"is not a model file, or it is damaged ({error})") from error
    except (NotImplementedError, RuntimeError, zlib.error, EOFError) as error:
        raise _bad(path, f"cannot be unpacked ({error})") from error
    except OSError as error:
        hint = "Check the path and your permissions."
        raise ModelFileError(
            f"{path} cannot be read: {error.strerror or error}.", hint, remedies=(RETRY,)
        ) from error
    return manifest, _tensors(path, weights)


def settings_in(path: str | Path, manifest: Mapping[str, Any]) -> RunConfig:
    """Return the settings that a manifest holds.

    Raises
    ------
    ModelFileError
        Settings or values of settings that this version does not know: names the first.
    """
    name = Path(path).name
    kept = manifest.get("config")
    if not isinstance(kept, Mapping):
        raise ModelFileError(f"{name} does not hold its settings.", _HINT)
    try:
        return RunConfig.model_validate(kept)
    except ValidationError as error:
        first = error.errors()[0]
        setting = ".".join(str(part) for part in first["loc"]) or "config"
        value = repr(first.get("input"))[:_NAME_LENGTH]
        saved_by = manifest.get("candlecast")
        by = f" It was saved by Candlecast {saved_by}." if isinstance(saved_by, str) else ""
        text = (
            "which this version does not know"
            if first["type"] == "extra_forbidden"
            else f"which is not possible here: {first['msg']}"
        )
        raise ModelFileError(
            f"{name} has the setting {setting} = {value}, {text}.{by}",
            "Open it with the version that saved it, or update Candlecast.",
        ) from error
    except ConfigError as error:
        raise ModelFileError(
            f"{name} has settings that do not go together: {error.message}", _HINT
        ) from error


def _bad(path: Path, words: str) -> ModelFileError:
    return ModelFileError(f"{path.name} {words}.", _HINT)


def _check_entries(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse an archive that lies about its size or holds what a model file never holds; nothing
    is unpacked yet.
    """
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if len(infos) > _MAX_ENTRIES:
        raise _bad(path, f"has {len(infos)} parts; a model file has at most {_MAX_ENTRIES}")
    odd = sorted(set(names) - {_MANIFEST, _WEIGHTS, _METRICS})
    if odd:
        raise _bad(path, f"holds {odd[0][:_NAME_LENGTH]!r}, which is no part of a model file")
    if len(set(names)) != len(names):
        raise _bad(path, "holds the same part twice")
    missing = {_MANIFEST, _WEIGHTS} - set(names)
    if missing:
        raise _bad(path, f"lacks {min(missing)}")
    for info in infos:
        most = _most(info.filename)
        if info.file_size > most:
            raise _bad(
                path,
                f"claims {info.file_size:,} bytes for {info.filename}; at most {most:,} are "
                "allowed",
            )
        if info.file_size > _MAX_RATIO * max(info.compress_size, 1):
            raise _bad(
                path, f"packs {info.filename} more than {_MAX_RATIO}-fold, which no model file does"
            )


def _most(name: str) -> int:
    return min(_MAX_BYTES, _MAX_BYTES if name == _WEIGHTS else _MAX_JSON)


def _read(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    """Unpack one part, counting, because the stated size may be a lie."""
    data = bytearray()
    with archive.open(name) as stream:
        while chunk := stream.read(_CHUNK):
            data += chunk
            if len(data) > _MAX_BYTES:
                raise _bad(path, f"unpacks to more than {_MAX_BYTES:,} bytes in {name}")
    return bytes(data)


def _manifest(path: Path, data: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _bad(path, f"has a manifest that is not JSON ({error})") from error
    schema = manifest.get("schema") if isinstance(manifest, dict) else None
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise _bad(path, "has a manifest without a schema version")
    if schema > SCHEMA:
        raise ModelFileError(
            f"{path.name} was saved by a newer Candlecast (schema {schema}; this one reads up "
            f"to {SCHEMA}).",
            "Update Candlecast, then load it again.",
        )
    return {str(name): value for name, value in manifest.items()}


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _tensors(path: Path, data: bytes) -> Tensors:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors: Tensors = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _bad(path, f"has damaged weights ({error})") from error
    for name, array in tensors.items():
        _check_tensor(path, name, array)
    return tensors


def _check_tensor(path: Path, name: str, array: npt.NDArray[Any]) -> None:
    if (
        not name
        or len(name) > _NAME_LENGTH
        or not name.replace(".", "").replace("_", "").isalnum()
        or not name.isascii()
    ):
        raise _bad(path, f"has a weight with the odd name {name[:_NAME_LENGTH]!r}")
    if array.dtype.name not in _DTYPES:
        raise _bad(
            path,
            f"has the weight {name} of type {array.dtype.name}; allowed are {', '.join(_DTYPES)}",
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise _bad(
            path,
            f"has the weight {name} with {int((~np.isfinite(array)).sum())} values that are "
            "not finite",
        )


def _to_json(path: Path, value: dict[str, Any]) -> bytes:
    try:
        return json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise _bad(
            path, f"cannot be written: the manifest or the scores are not plain JSON ({error})"
        ) from error


def _zipped(entries: Mapping[str, bytes]) -> bytes:
    """Return the zip, uncompressed (weights hardly shrink) and with a fixed time, so that equal
    models are equal files.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name, _STAMP), data)
    return buffer.getvalue()
