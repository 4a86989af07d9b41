"""The words of the field: rooms are documented, and terms stand where a reader looks for them."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("app", "forecasting")

#: Identifiers that hold a private word and wait for the field's: file -> name -> how often it is
#: defined. Shorten it; ``python tests/test_house_words.py`` writes it anew after names have gone.
ALLOWED = Path(__file__).with_name("private_words.json")
#: Words that no new identifier may hold: text, index, item, requested, stored, ... are the field's.
PRIVATE = frozenset(
    re.findall(
        r"\w+",
        "told said foretell place places placed aside one ones taught begun wanted kept brought "
        "hired lessons slower pulsed nudge swift sweep",
    )
)
_PRIVATE_WORD = re.compile(rf"(?<![a-z])(?:{'|'.join(sorted(PRIVATE))})(?![a-z])", re.IGNORECASE)
#: Documentation, comments and texts of one line.
_PROSE = re.compile(r'"""[\s\S]*?"""|#.*|"[^"\n]*"')

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


def defined(path: Path) -> Counter[str]:
    """The names with a private word that a file defines: functions, classes, arguments, variables
    and attributes.
    """
    found: Counter[str] = Counter()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                pass
            case ast.ClassDef(name=name) | ast.arg(arg=name):
                pass
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                pass
            case _:
                continue
        words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)
        if PRIVATE & {word.lower() for word in words}:
            found[name] += 1
    return found


def _may_define(path: Path) -> bool:
    """Whether a private word stands in the code of a file: a glance that spares most of them the
    parser.
    """
    code = _PROSE.sub("", path.read_text(encoding="utf-8"))
    return _PRIVATE_WORD.search(code) is not None


def private_names() -> dict[str, Counter[str]]:
    """All of these names, by file."""
    files = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    files = [path for path in files if _may_define(path)]
    names = {path.relative_to(ROOT).as_posix(): defined(path) for path in files}
    return {path: found for path, found in names.items() if found}


def test_no_new_identifier_holds_a_private_word() -> None:
    allowed = json.loads(ALLOWED.read_text(encoding="utf-8"))
    more = [
        f"{path}: {name} {count} times, {allowed.get(path, {}).get(name, 0)} allowed"
        for path, found in private_names().items()
        for name, count in found.items()
        if count > allowed.get(path, {}).get(name, 0)
    ]
    assert more == [], "use the field's word (text, index, item, requested, stored, ...)"


def test_the_private_words_are_found_in_every_kind_of_definition(tmp_path: Path) -> None:
    file = tmp_path / "some.py"
    file.write_text(
        "class ToldText:\n    def set_aside(self, places, other):\n"
        "        self._wanted = kept = other\n        return self.told, phone\n",
        encoding="utf-8",
    )
    expected = {"ToldText": 1, "set_aside": 1, "places": 1, "_wanted": 1, "kept": 1}
    assert defined(file) == expected


if __name__ == "__main__":
    listed = {path: dict(sorted(found.items())) for path, found in private_names().items()}
    ALLOWED.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
