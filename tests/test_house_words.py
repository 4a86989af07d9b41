"""The words of the field: rooms are documented, and terms stand where a reader looks for them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("app", "forecasting")

#: Terms, and the file in which a search must find each.
TERMS = {
    "early stopping": "forecasting/training/trainer.py",
    "checkpoint": "forecasting/training/checkpoint.py",
    "out of memory": "forecasting/training/device_fallback.py",
    "debounce": "app/features/training/controller.py",
    "throttle": "app/features/training/run_view.py",
    "controller": "app/features/training/controller.py",
    "atomic": "forecasting/files/atomic.py",
    "file lock": "forecasting/files/atomic.py",
    "autoregressive": "forecasting/models/decoding.py",
    "teacher forcing": "forecasting/training/objective.py",
    "hidden state": "forecasting/models/recurrent.py",
    "downsampling": "app/charts/downsampling.py",
    "prediction interval": "forecasting/conformal.py",
    "serialize": "forecasting/bundle.py",
    "serialize projects": "app/features/project/project_file.py",
    "unrolled network": "app/charts/shapes.py",
    "hyperparameter": "forecasting/config.py",
    "data leak": "forecasting/audit.py",
    "look-ahead": "forecasting/windows.py",
}


def rooms() -> set[str]:
    """The rooms that a tree names: top-level modules, packages, and the features one by one."""
    found = {f"{package}/" for package in PACKAGES}
    for package in PACKAGES:
        for path in (ROOT / package).glob("*.py"):
            found.add(path.relative_to(ROOT).as_posix())
        for path in (ROOT / package).glob("*/**/*.py"):
            parts = path.relative_to(ROOT).parts[:-1]
            depth = 3 if parts[1] == "features" else 2
            found.add("".join(f"{part}/" for part in parts[:depth]))
    return {room for room in found if not room.endswith("__init__.py")}


def tree_of(document: str) -> set[str]:
    """The paths that the tree of a document names, by indentation."""
    block = (ROOT / document).read_text(encoding="utf-8").split("```text\n", 1)[1].split("```")[0]
    stack: list[str] = []
    found = set()
    for line in block.splitlines():
        name = line.split()[0]
        if not line.startswith(" ") and name not in ("app/", "forecasting/"):
            continue
        del stack[(len(line) - len(line.lstrip())) // 2 :]
        found.add("".join(stack) + name)
        stack.append(name)
    return found


@pytest.mark.parametrize("document", ["README.md", "docs/architecture.md"])
def test_the_tree_names_every_room_and_no_other(document: str) -> None:
    named, there = tree_of(document), rooms()
    assert named - there == set(), "no such room"
    assert there - named == set(), "a room that the tree does not name"


def test_every_file_and_function_that_the_architecture_names_exists() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    text = text.split("## How to add ...")[0]
    paths = set(re.findall(r"`((?:app|forecasting|tests|docs)/[\w/.]+)`", text))
    missing = sorted(path for path in paths if not (ROOT / path).exists())
    assert missing == []
    for row in text.splitlines():
        files = [path for path in re.findall(r"`([\w/]+\.py)`", row) if (ROOT / path).is_file()]
        if not row.startswith("| ") or not files:
            continue
        sources = "".join((ROOT / path).read_text(encoding="utf-8") for path in files)
        for name in re.findall(r"`(?:\w+\.)*(\w+)`", row):
            assert re.search(rf"\b{name}\b", sources), f"{name} is not in {files}"


@pytest.mark.parametrize(("term", "path"), TERMS.items())
def test_a_search_finds_the_term_where_it_belongs(term: str, path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8").lower()
    assert term in re.sub(r"[\s#:*]+", " ", text)
    assert any(term.split()[0] in line for line in text.splitlines()), (
        "the first word stands in one line, as grep reads"
    )
