"""A corpus of hostile files, each opened as the program opens it in a child that is watched:
nothing runs, nothing leaks, all is told.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import select
import subprocess
import sys
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from fabricated import run, walk
from hostile_files import Hostile, corpus, good_csv, pipe, put
from hostile_opener import OPENERS
from PySide6.QtGui import Qt

from app.accessibility import literal
from app.cli.outcomes import write_outcomes
from app.export import write
from app.export.tables import clipboard_text, csv_bytes, forecasts
from forecasting.errors import CandlecastError, presentable

pytestmark = [
    pytest.mark.skipif(
        not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is read from Linux"
    )
]

#: Memory, and seconds of the processor, that one file may take.
_MOST_BYTES, _MOST_S = 256 * 2**20, 1.0
#: Seconds on the wall after which a child hangs: a machine that is busy with other things gives it
#: little of the processor for long.
_PATIENCE_S = 120.0
_HERE = Path(__file__).parent


class Opener:
    """A child that opens files, with a home, a folder for temporary files and a place for files
    of the enemy, all below one folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.canary = folder, folder / "here/canary"
        for name in ("home", "tmp", "a/b/c", "here"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        homes = dict.fromkeys(
            ("HOME", "CANDLECAST_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"),
            str(folder / "home"),
        )
        more = {
            "TMPDIR": str(folder / "tmp"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
        }
        paths = os.pathsep.join((str(_HERE), str(_HERE.parent), str(_HERE.parent.parent)))
        environment = {
            **os.environ,
            **homes,
            **more,
            "QT_QPA_PLATFORM": "offscreen",
            "PYTHONPATH": paths,
        }
        with (folder / "stderr").open("w") as errors:
            self._child = subprocess.Popen(
                [sys.executable, str(_HERE / "hostile_opener.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=folder / "here",
                env=environment,
                text=True,
            )

    def close(self) -> None:
        self._child.kill()
        self._child.communicate()

    def ask(self, patience: float = _PATIENCE_S, **question: str) -> dict[str, Any]:
        """Return the child's answer; one that hangs or ends has crashed."""
        stdin, stdout = self._child.stdin, self._child.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(json.dumps(question) + "\n")
            stdin.flush()
            answered = bool(select.select([stdout], [], [], patience)[0])
            line = stdout.readline() if answered else ""
        except OSError:
            answered, line = True, ""
        if line:
            found: dict[str, Any] = json.loads(line)
            return found
        what = (
            f"the process ended with {self._child.wait(5)}"
            if answered
            else f"no answer in {patience:g} s"
        )
        return {
            "outcome": "crashed",
            "message": what,
            "hint": "",
            "seconds": patience,
            "bytes": 0,
            "broken": [],
        }

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    def open(
        self, hostile: Hostile, patience: float = _PATIENCE_S
    ) -> tuple[dict[str, Any], list[str]]:
        """Let the child open a file; return its answer and what is wrong with it."""
        index = self.folder / "a/b/c"
        path = hostile.put(index)
        before = self.seen()
        answer = self.ask(patience, kind=hostile.kind, path=path)
        wrong = judged(hostile, answer, path)
        kept = () if hostile.kind in ("store", "training") else sorted(self.seen() - before)
        wrong += [f"made {name}" for name in kept]
        wrong += ["ran the code of a pickle"] * self.canary.exists()
        self.remove_stale(index)
        return answer, wrong

    def seen(self) -> set[str]:
        """Return all files but those where the program may write."""
        found = {str(item.relative_to(self.folder)) for item in self.folder.rglob("*")}
        return {name for name in found if name.split("/")[0] not in ("home", "tmp")}

    def remove_stale(self, place: Path) -> None:
        import shutil

        self.canary.unlink(missing_ok=True)
        shutil.rmtree(place)
        place.mkdir()
        for item in (self.folder / "home", self.folder / "tmp"):
            shutil.rmtree(item, ignore_errors=True)
            item.mkdir()


def judged(hostile: Hostile, answer: dict[str, Any], path: str) -> list[str]:
    """Return what is wrong with the answer of the child."""
    wrong = [f"did what is forbidden: {item}" for item in answer["broken"]]
    if answer["outcome"] == "crashed":
        return [*wrong, f"crashed: {answer['message']}\n{answer['hint']}"]
    if answer["bytes"] > _MOST_BYTES:
        wrong.append(f"took {answer['bytes'] >> 20} MB")
    if answer["seconds"] > _MOST_S:
        wrong.append(f"took {answer['seconds']:.1f} s")
    if hostile.refused and answer["outcome"] != "refused":
        wrong.append(f"was opened: {answer['message'][:200]}")
    if answer["outcome"] == "refused":
        wrong += told(answer, path)
    return wrong


def told(answer: dict[str, Any], path: str) -> list[str]:
    """Return what is wrong with a complaint: it names the file or the value, has a next step, is
    short and can be shown anywhere.
    """
    message, hint = answer["message"], answer["hint"]
    wrong = []
    if not hint.strip():
        wrong.append(f"gives no hint: {message}")
    if len(message) > 2000 or len(hint) > 2000:
        wrong.append(f"says {len(message)} letters: {message[:200]}")
    odd = {
        sign
        for sign in message + hint
        if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp") and sign != "\n"
    }
    if odd:
        wrong.append(f"says {sorted(odd)!r}: {message[:200]!r}")
    if not re.search(r"\w", message) or message.strip() in ("None.", "None"):
        wrong.append(f"says nothing: {message!r}")
    return wrong


@contextmanager
def opener(folder: Path, kinds: Collection[str], *without: str) -> Iterator[Opener]:
    """Hand out a child that has imported what files of some kinds need, with some protections
    taken out.
    """
    child = Opener(folder)
    try:
        for hostile in _warm():
            if hostile.kind in kinds:
                answer = child.open(hostile)[0]
                assert child.alive, (
                    f"{hostile.kind}: {answer['message']}: "
                    f"{(folder / 'stderr').read_text()[-2000:]}"
                )
        for name in without:
            child.ask(without=name)
        yield child
    finally:
        child.close()


def _warm() -> Iterator[Hostile]:
    """Files that nothing is wrong with, so that what is measured later is not the import of a
    library.
    """
    from hostile_models import bundle, good_model, good_training
    from hostile_tables import DAYS, PRICES, filled, parquet, sheet, workbook

    yield Hostile("prices", "good", good_csv())
    yield Hostile("prices", "good", parquet({"date": DAYS, "close": PRICES}), "f.parquet")
    yield Hostile("prices", "good", workbook(sheet(filled())), "f.xlsx")
    yield Hostile(
        "model", "good", lambda folder: put(folder / "f.candlecast", bundle(*good_model()))
    )
    yield Hostile(
        "training", "good", lambda folder: put(folder / "f.training", bundle(*good_training()))
    )
    yield Hostile(
        "prices", "latin", "Datum;Schluß\n".encode("latin-1") + b"01.02.2020;5\n02.02.2020;6\n" * 9
    )
    for kind in ("project", "watchlist", "config", "settings", "folds"):
        yield Hostile(kind, "empty", b"{}")
    yield Hostile("resumed", "none", b"{}")
    yield Hostile("store", "none", b"")


def open_all(folder: Path, files: Iterable[Hostile]) -> tuple[list[str], list[dict[str, Any]]]:
    """Open files one after the other; return what went wrong, and the answers."""
    wrong, answers = [], []
    waiting = list(files)
    while waiting:
        with opener(folder, {item.kind for item in waiting}) as child:
            while waiting and child.alive:
                hostile = waiting.pop(0)
                answer, faults = child.open(hostile)
                if os.environ.get("HOSTILE_LIVE"):
                    print(
                        (
                            f"{answer['seconds']:.2f} {answer['bytes'] >> 20} {hostile.kind}: "
                            f"{hostile.name} {answer['outcome']} {faults}"
                        )[:300],
                        flush=True,
                    )
                answers.append(answer | {"name": f"{hostile.kind}: {hostile.name}"})
                wrong += [f"{hostile.kind}: {hostile.name}: {fault}" for fault in faults]
                if answer["outcome"] == "crashed" and "no answer" in answer["message"]:
                    break
    return wrong, answers


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_file_of_an_enemy_does_anything(tmp_path: Path) -> None:
    files = corpus()
    assert len(files) >= 300
    wrong, answers = open_all(tmp_path, files)
    slow = [item for item in answers if item["seconds"] > _MOST_S]
    longest, largest = (
        max(answers, key=lambda item: item["seconds"]),
        max(answers, key=lambda item: item["bytes"]),
    )
    refused = sum(item["outcome"] == "refused" for item in answers)
    print(
        f"\n{len(answers)} hostile files: {refused} refused, {len(answers) - refused} opened "
        f"harmlessly, {len(wrong)} faults"
    )
    print(
        f"longest {longest['seconds']:.2f} s ({longest['name']}), {len(slow)} over {_MOST_S:g} "
        f"s; most memory {largest['bytes'] >> 20} MB ({largest['name']})"
    )
    assert not wrong, "\n".join(wrong)


_TRAPS: dict[str, tuple[str, str, str]] = {
    "bundle": ("model", "pickle protocol 4", "ran the code"),
    "limits": ("prices", "gz bomb of one bar", "crashed|took"),
    "ordinary files": ("project", "a named pipe", "no answer"),
}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("protection", _TRAPS)
def test_without_a_protection_its_files_do_harm(protection: str, tmp_path: Path) -> None:
    kind, name, harm = _TRAPS[protection]
    hostile = next(item for item in corpus() if item.kind == kind and item.name == name)
    with opener(tmp_path, {kind}) as child:
        assert not child.open(hostile)[1]
    with opener(tmp_path, {kind}, protection) as child:
        assert re.search(harm, "\n".join(child.open(hostile, patience=6)[1]))


@pytest.mark.parametrize("kind", ["config", "watchlist", "settings", "project"])
def test_small_files_in_this_process(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slice of the corpus without a child, so that a mistake is seen before the long test is
    run.
    """
    from hostile_models import projects, settings_files

    files = {"project": projects, "settings": settings_files}.get(
        kind, lambda: (Hostile(kind, "deep", b"[" * 10**5), Hostile(kind, "a pipe", pipe))
    )()
    for hostile in islice(files, 14):
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        monkeypatch.chdir(folder)
        path = hostile.put(folder)
        complaint: CandlecastError | None = None
        try:
            OPENERS[kind](path)
        except CandlecastError as error:
            complaint = error
        assert complaint or not hostile.refused, hostile.name
        assert complaint is None or not told(
            {"message": complaint.message, "hint": complaint.hint}, path
        ), hostile.name
        assert not (folder / "canary").exists()


_NAMES = (
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "<img src=file:///etc/passwd>",
    "<script>alert(1)</script>",
    '"onload="x',
    "A&lt;b&gt;",
    "\x1b[2J",
)


_ADDRESSES = ("src", "href", "xlink:href", "action", "data", "srcset", "background")


def assert_nothing_loads(page: str) -> None:
    """Check that a page holds no element or address that its own writer did not put there."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            found.extend(
                [tag]
                if tag in ("script", "img", "iframe", "object", "embed", "link", "form", "base")
                else []
            )
            found.extend(
                name
                for name, value in attributes
                if name.startswith("on")
                or (name in _ADDRESSES and not (value or "").startswith("#"))
            )

    Reader().feed(page)
    assert not found


def test_names_of_an_enemy_do_nothing_in_what_leaves_the_program(
    tmp_path: Path, qapp: object
) -> None:
    result = run(
        *(walk(name, 200, seed) for seed, name in enumerate((*_NAMES[:1], *_NAMES[4:7]))),
        sentence="<script>alert(1)</script>",
    )
    write(tmp_path / "o.html", result, symbol=_NAMES[4])
    page = (tmp_path / "o.html").read_text()
    assert_nothing_loads(page)
    with pytest.raises(AssertionError):
        assert_nothing_loads(page.replace("&lt;", "<"))
    write_outcomes(tmp_path / "o.csv", result.outcomes, (0.5,))
    for text in (
        csv_bytes(forecasts(result)).decode(),
        clipboard_text(forecasts(result)),
        (tmp_path / "o.csv").read_text(),
    ):
        cells = [
            cell
            for row in csv.reader(
                io.StringIO(text), delimiter="\t" if "\t" in text.splitlines()[0] else ","
            )
            for cell in row
        ]
        assert any(cell.lstrip("'").startswith("=cmd") for cell in cells)
        assert not [
            cell for cell in cells if cell[:1] in "=+@\t\r\0" and cell and not _is_number(cell)
        ]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_names_of_an_enemy_are_taken_literally_in_tool_tips() -> None:
    for name in _NAMES:
        tip = literal(f"in the file: {name}")
        assert not Qt.mightBeRichText(f"in the file: {name}") or (
            tip.startswith("<qt>") and "<" not in tip[4:].replace("</qt>", "")
        )
    assert Qt.mightBeRichText(f"in the file: {_NAMES[4]}"), (
        "without the guard Qt would load the picture"
    )
    assert presentable("a\x1b[2J\ud800\u202e\n") == "a\ufffd[2J\ufffd\ufffd\n"


_LOADS_CODE = re.compile(
    r"import "
    r"pickle|pickle\.loads?\(|torch\.load\(|allow_pickle=True|weights_only=False|(?<![.\w])(?:eval|exec)\(|yaml\.load\(|joblib|marshal|shelve"
)


def loading_code(text: str) -> list[str]:
    """Return what in a source could make code of data."""
    return _LOADS_CODE.findall(text)


def test_nothing_in_the_tree_makes_code_of_data() -> None:
    """Beside ruff's rules S102, S301, S302 and S307, which are on for the program and nowhere
    switched off.
    """
    root = _HERE.parent.parent
    sources = [
        *root.glob("app/**/*.py"),
        *root.glob("forecasting/**/*.py"),
        root / "run",
        root / "test",
    ]
    assert len(sources) > 150
    found = {
        str(item): loads
        for item in sources
        if (loads := loading_code(item.read_text(encoding="utf-8")))
    }
    assert not found
    assert not [
        item for item in sources if re.search(r"noqa: ?S(?!608)", item.read_text(encoding="utf-8"))
    ]
    assert loading_code("x = torch.load(path, weights_only=False)"), (
        "the search finds what it is for"
    )
