"""Folders of weights that a user names: what is in them is checked before anything is loaded."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

from forecasting.errors import ModelFileError

#: Most files, most bytes of all, of a file of settings and of the header of a file of weights.
MOST_FILES, MOST_BYTES, MOST_JSON, MOST_HEADER = 60, 8 * 2**30, 2 * 2**20, 64 * 2**20
_DEEPEST = 40
#: Files that a folder of weights may hold beside them; nothing else, and no code.
_HARMLESS = re.compile(
    r"(?i).*\.(?:json|safetensors|md|txt|model|jinja|gitattributes)|\.gitattributes|license|notice"
)
_CODE_KEYS = ("auto_map", "custom_pipelines", "trust_remote_code")


def checked_folder(name: str) -> tuple[Path, dict[str, Any]]:
    """Return a folder of weights and its settings, once it is sure that it holds no code.

    Parameters
    ----------
    name : str
        Path of the folder.

    Raises
    ------
    ModelFileError
        No such folder; pickles, Python files or links in it; settings that name code; no weights as
        safetensors, or damaged ones.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise ModelFileError(
            f"There is no folder {folder}.", "Name a folder with config.json and weights."
        )
    weights = _weights_in(folder)
    config = _settings(folder / "config.json")
    for path in sorted(folder.glob("*.json")):
        _refuse_code(_settings(path), path.name)
    if not weights:
        raise ModelFileError(
            f"{folder.name} holds no weights as .safetensors.",
            "Save the model with save_pretrained, which writes them so.",
        )
    for path in weights:
        _check_weights(path)
    return folder, config


def _weights_in(folder: Path) -> list[Path]:
    """Return the files of weights; ModelFileError where anything but harmless files is there."""
    found, size = [], 0
    for count, path in enumerate(sorted(folder.iterdir())):
        if count >= MOST_FILES:
            raise ModelFileError(
                f"{folder.name} holds more than {MOST_FILES} files.",
                "Name the folder of one model.",
            )
        if path.is_dir() and path.name in (".cache", ".git"):
            continue
        if path.is_symlink() or not path.is_file():
            raise ModelFileError(
                f"{folder.name} holds {path.name}, which is no ordinary file.",
                "Copy the model's files themselves.",
            )
        if not _HARMLESS.fullmatch(path.name):
            raise ModelFileError(
                f"{folder.name} holds {path.name}: only settings and weights as .safetensors are "
                "loaded, never pickles or code.",
                "Use a folder that holds config.json and model.safetensors alone.",
            )
        size += path.stat().st_size
        found += [path] if path.suffix == ".safetensors" else []
    if size > MOST_BYTES:
        raise ModelFileError(
            f"{folder.name} holds {size >> 20:,} MB; at most {MOST_BYTES >> 20:,} MB are loaded.",
            "Use a smaller model.",
        )
    return found


def _settings(path: Path) -> dict[str, Any]:
    """Return a file of settings as an object; ModelFileError where it is none."""
    if not path.is_file():
        raise ModelFileError(
            f"{path.parent.name} holds no {path.name}.", "Name the folder that holds it."
        )
    if path.stat().st_size > MOST_JSON:
        if path.name != "config.json":
            return {}
        raise ModelFileError(
            f"{path.name} has more than {MOST_JSON >> 20} MB.", "That is no file of settings."
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise ModelFileError(
            f"{path.name} is no JSON that can be read: {error}.", "Fetch the model again."
        ) from error
    if not isinstance(found, dict):
        if path.name != "config.json":
            return {}
        raise ModelFileError(f"{path.name} holds no settings.", "Fetch the model again.")
    return found


def _refuse_code(settings: Any, name: str, depth: int = 0) -> None:
    """Refuse settings that name code to be run."""
    if depth > _DEEPEST:
        raise ModelFileError(f"{name} is nested too deeply.", "That is no file of settings.")
    if isinstance(settings, dict):
        bad = next((key for key in _CODE_KEYS if settings.get(key)), None)
        if bad is not None:
            raise ModelFileError(
                f"{name} names code to be run ({bad}), which is never done.",
                "Use a model that its own package can load.",
            )
        for value in settings.values():
            _refuse_code(value, name, depth + 1)
    elif isinstance(settings, list):
        for value in settings[:1000]:
            _refuse_code(value, name, depth + 1)


def _check_weights(path: Path) -> None:
    """Check the header of a file of weights against its size."""
    with path.open("rb") as file:
        first = file.read(8)
        length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
        if not 2 <= length <= min(MOST_HEADER, path.stat().st_size - 8):
            raise ModelFileError(
                f"{path.name} is no file of weights, or is cut short.", "Fetch the model again."
            )
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError) as error:
            raise ModelFileError(
                f"{path.name} has a damaged header.", "Fetch the model again."
            ) from error
    ends = (
        [item["data_offsets"][1] for name, item in header.items() if name != "__metadata__"]
        if isinstance(header, dict)
        else []
    )
    if not ends or max(ends) != path.stat().st_size - 8 - length:
        raise ModelFileError(
            f"{path.name} is cut short, or longer than its header says.", "Fetch the model again."
        )
