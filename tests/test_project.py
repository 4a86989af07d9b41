"""Projects: what they hold comes back, what changed is told, what is hostile is refused, and a
crash costs two seconds at most.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from run_bench import finished
from window_bench import idle, price_file, texts, wait, window

from app import dialogs
from app.features.project.project_file import (
    MOST_BYTES,
    Project,
    ProjectError,
    ProjectRow,
    ProjectView,
    is_project,
    read_project,
    write_project,
)
from app.window.workbench import Workbench
from forecasting.config import RunConfig
from forecasting.sources.options import ReadOptions, Request

ROOT = Path(__file__).resolve().parents[1]


def project(*references: str, **more: Any) -> Project:
    rows = tuple(
        ProjectRow(request=Request(reference=item), symbol=Path(item).stem) for item in references
    )
    return Project(candleproject=1, rows=rows, **more)


def test_files_beside_a_project_are_named_from_there(tmp_path: Path) -> None:
    inside, outside = tmp_path / "mine" / "prices" / "a.csv", tmp_path / "b.csv"
    inside.parent.mkdir(parents=True)
    path = tmp_path / "mine" / "p.candleproject"
    write_project(path, project(str(inside), str(outside), "sample:sp500", "yahoo:AAPL"))
    text = path.read_text()
    assert "./prices/a.csv" in text
    assert str(inside) not in text
    path.parent.rename(tmp_path / "moved")
    found = [
        row.request.reference for row in read_project(tmp_path / "moved" / "p.candleproject").rows
    ]
    assert found == [
        str(tmp_path / "moved" / "prices" / "a.csv"),
        str(outside),
        "sample:sp500",
        "yahoo:AAPL",
    ]


def test_everything_in_a_project_comes_back(tmp_path: Path) -> None:
    config = RunConfig().changed(model="gru", horizon=7).model_dump(mode="json")
    view = ProjectView(
        style="line",
        scale="log",
        span="3M",
        theme="dark",
        bars=(1.5, 80.0),
        prices=(-1.0, 3.0),
        layout="QUJD",
    )
    request = Request(reference=str(tmp_path / "x.csv"), read=ReadOptions(decimal=","))
    row = ProjectRow(request=request, symbol="=x", checked=True, fingerprint="9 bars")
    made = Project(candleproject=1, rows=(row,), config=config, compared=("ab", "cd"), view=view)
    write_project(tmp_path / "a.candleproject", made)
    back = read_project(tmp_path / "a.candleproject")
    assert back.model_copy(update={"saved_at": ""}) == made
    assert back.run_config.task.horizon == 7
    assert back.watchlist[0].request.read.decimal == ","


DAMAGED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "no project"),
    "not JSON": (b"\x89PNG\r\n\x1a\n" + bytes(64), "no project"),
    "a part": (b'{"candleproject": 1, "rows": [', "no project"),
    "a list": (b"[]", "damaged at its beginning"),
    "no version": (b"{}", "damaged at candleproject"),
    "newer": (b'{"candleproject": 99}', "newer Candlecast"),
    "wrong type": (b'{"candleproject": 1, "rows": 3}', "damaged at rows"),
    "wrong row": (b'{"candleproject": 1, "rows": [{"symbol": "a"}]}', "damaged at rows.0.request"),
    "unknown": (b'{"candleproject": 1, "run": "rm -rf"}', "damaged at run"),
    "range": (b'{"candleproject": 1, "view": {"bars": [5, 5]}}', "a range has to rise"),
    "infinite": (
        b'{"candleproject": 1, "view": {"bars": [0, Infinity]}}',
        "damaged at view.bars.1",
    ),
    "deep": (
        b'{"candleproject": 1, "config": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
        "no project",
    ),
    "many": (
        b'{"candleproject": 1, "compared": [' + b'"a",' * 1000 + b'"a"]}',
        "damaged at compared",
    ),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_hostile_file_says_what_is_wrong(what: str, tmp_path: Path) -> None:
    data, words = DAMAGED[what]
    path = tmp_path / "bad.candleproject"
    path.write_bytes(data)
    with pytest.raises(ProjectError) as told:
        read_project(path)
    assert words in told.value.message
    assert len(told.value.message) < 400
    assert told.value.hint


def test_missing_and_huge_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no project"):
        read_project(tmp_path / "nothing.candleproject")
    huge = tmp_path / "huge.candleproject"
    with huge.open("wb") as file:
        file.truncate(MOST_BYTES * 1000)
    with pytest.raises(ProjectError, match="larger"):
        read_project(huge)
    escaping = tmp_path / "e.candleproject"
    escaping.write_text(
        '{"candleproject": 1, "rows": [{"request": {"reference": "./../../etc/passwd"}, '
        '"symbol": "p"}]}'
    )
    assert read_project(escaping).rows[0].request.reference == "./../../etc/passwd", (
        "no path is made of it"
    )
    assert is_project("a/B.CandleProject")
    assert not is_project("a.candlecast")


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return [
        price_file(tmp_path / f"{name}.csv", seed=seed) for seed, name in enumerate(("AAA", "BBB"))
    ]


@pytest.fixture
def bench(tmp_path: Path, files: list[str], qapp: object) -> Iterator[Workbench]:
    (tmp_path / "settings").mkdir()
    with window(tmp_path / "settings", *files, recovery=True) as bench:
        yield bench
        bench.project_controller._clean = None  # the window is closed without questions
        bench.session.unsaved = False


def painted(bench: Workbench) -> None:
    bench.chart.refresh()
    idle(bench)


def test_a_project_opens_as_it_was_saved(tmp_path: Path, bench: Workbench) -> None:
    finished(bench)
    key = next(iter(bench.runs._runs))
    bench.runs.compare([key])
    idle(bench)
    bench.model.show_config(bench.model.config().changed(model="gru", horizon=9))
    bench.view_controller.set_style("line")
    bench.session.check([1], False)
    bench.chart.refresh()
    bench.chart.show_view((20.0, 45.0))
    painted(bench)
    path = tmp_path / "mine.candleproject"
    assert bench.project_controller.save_to(path)
    assert "mine.candleproject[*]" in bench.window.windowTitle()
    before, picture = (bench.chart.view, bench.model.config()), bench.chart.grab().toImage()
    bench.project_controller.new()
    idle(bench)
    assert len(bench.session.watchlist) == 0
    assert bench.session.result is None
    bench.load([str(path)])
    idle(bench)
    assert [(row.symbol, row.checked) for row in bench.session.watchlist.rows] == [
        ("AAA", True),
        ("BBB", False),
    ]
    painted(bench)
    assert (bench.chart.view, bench.model.config()) == before
    assert bench.session.result is not None
    assert "range was as good as the best simple method" in texts(bench.results)
    assert bench.runs.compared == (key,)
    wait(lambda: bench.chart.grab().toImage() == picture)
    assert not bench.window.isWindowModified()
    assert str(path) in [action.text() for action in bench.actions.submenus["Recent"].actions()]


@pytest.mark.slow
def test_what_has_changed_or_gone_is_told_and_nothing_is_lost(
    tmp_path: Path, bench: Workbench, files: list[str]
) -> None:
    path = tmp_path / "mine.candleproject"
    bench.project_controller.save_to(path)
    saved = path.read_bytes()
    price_file(Path(files[0]), bars=61)
    Path(files[1]).unlink()
    bench.project_controller.new()
    idle(bench)
    bench.load([str(path)])
    idle(bench)
    told = bench.banner.text
    assert "AAA have changed" in told
    assert "BBB could not be loaded" in told
    assert [row.symbol for row in bench.session.watchlist.rows] == ["AAA", "BBB"]
    assert path.read_bytes() == saved


@pytest.mark.slow
def test_a_saved_project_has_no_star_though_the_network_is_in_no_file(
    tmp_path: Path, bench: Workbench
) -> None:
    finished(bench)
    bench.session.unsaved = True
    bench.project_controller.save_to(tmp_path / "mine.candleproject")
    bench._title()
    assert not bench.window.isWindowModified(), "the star is about the project"


@pytest.mark.slow
def test_a_change_is_marked_kept_aside_and_asked_about(
    tmp_path: Path, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, recovery = tmp_path / "mine.candleproject", bench.project_controller._recovery.file
    bench.project_controller.save_to(path)
    saved = path.read_bytes()
    bench.session.check([1], False)
    assert bench.window.isWindowModified()
    wait(recovery.is_file)
    assert path.read_bytes() == saved, "his file is written when he saves, and only then"
    answers = iter(["cancel", "save"])
    monkeypatch.setattr(dialogs, "ask_save_project", lambda *_: next(answers))
    assert not bench.may_close()
    assert bench.project_controller.may_close()
    assert not bench.window.isWindowModified()
    assert path.read_bytes() != saved
    assert not recovery.exists()
    bench.actions["autosave"].trigger()
    saved = path.read_bytes()
    bench.session.check([1], True)
    wait(lambda: path.read_bytes() != saved)
    idle(bench)
    assert not bench.window.isWindowModified()


@pytest.mark.slow
def test_a_dropped_project_opens_and_a_bad_one_changes_nothing(
    tmp_path: Path, bench: Workbench
) -> None:
    path = tmp_path / "bad.candleproject"
    path.write_text('{"candleproject": 1, "rows": [{"symbol": "=cmd()"}]}')
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    keys, buttons = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    bench.window.dropEvent(QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, data, buttons, keys))
    assert "damaged at rows.0.request" in bench.banner.text
    assert len(bench.session.watchlist) == 2
    write_project(path, project("sample:sp500"))
    bench.window.dropEvent(QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, data, buttons, keys))
    idle(bench)
    assert [row.request.reference for row in bench.session.watchlist.rows] == ["sample:sp500"]
    assert json.loads(path.read_text())["rows"][0]["symbol"] == "sample:sp500"


_CRASHING = """
import sys, time
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/tests"]
from PySide6.QtWidgets import QApplication
app = QApplication([])
from window_bench import idle, window
with window(Path(sys.argv[2]), *sys.argv[3:], recovery=True) as bench:
    bench.session.check([1], False)
    bench.model.show_config(bench.model.config().changed(horizon=7))
    bench.model.config_changed.emit()
    print("edited", flush=True)
    while True:
        app.processEvents()
        time.sleep(0.005)
"""


@pytest.mark.slow
def test_a_kill_costs_two_seconds_at_most(tmp_path: Path, files: list[str], qapp: object) -> None:
    home = tmp_path / "settings"
    home.mkdir()
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    crashing = [sys.executable, "-c", _CRASHING, str(ROOT), str(home), *files]
    with subprocess.Popen(crashing, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "edited\n"
        time.sleep(2)
        process.send_signal(signal.SIGKILL)
    with window(home, files[0], recovery=True) as bench:
        assert "not closed properly" in bench.layout.recovery.text
        bench.layout.recovery.accept.click()
        idle(bench)
        assert [(row.symbol, row.checked) for row in bench.session.watchlist.rows] == [
            ("AAA", True),
            ("BBB", False),
        ]
        assert bench.model.config().task.horizon == 7
        assert not bench.layout.recovery.isVisible()
        assert bench.project_controller._recovery.file.is_file()
    assert list((home / "recovery").iterdir()) == [], "a proper end leaves nothing to offer"
    with window(home, recovery=True) as bench:
        assert not bench.layout.recovery.text


@pytest.mark.slow
def test_a_recovered_project_is_unsaved_until_it_is_saved(
    tmp_path: Path, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, recovery = tmp_path / "mine.candleproject", bench.project_controller._recovery.file
    bench.project_controller.save_to(path)
    saved = path.read_bytes()
    bench.session.check([1], False)
    wait(recovery.is_file)
    recovery.with_name("left.candleproject").write_bytes(recovery.read_bytes())
    bench.project_controller.save_to(path)
    path.write_bytes(saved)
    bench.project_controller._offer()
    assert "mine.candleproject" in bench.layout.recovery.text
    bench.layout.recovery.accept.click()
    idle(bench)
    assert [row.checked for row in bench.session.watchlist.rows] == [True, False]
    assert bench.project_controller.path == path
    assert bench.window.isWindowModified()
    assert path.read_bytes() == saved
    assert not recovery.with_name("left.candleproject").exists()
    assert recovery.is_file(), "nothing is let go before it is kept again"
    path.write_text("{}")
    answers = iter([False, True])
    monkeypatch.setattr(dialogs, "ask_overwrite", lambda *_: next(answers))
    assert not bench.project_controller.save()
    assert path.read_text() == "{}"
    assert bench.project_controller.save()
    assert not bench.window.isWindowModified()
    bench.project_controller._recovery.remove()


@pytest.mark.slow
def test_a_copy_that_was_offered_in_vain_is_kept_and_not_offered_again(
    tmp_path: Path, files: list[str], qapp: object
) -> None:
    home = tmp_path / "settings"
    (home / "recovery").mkdir(parents=True)
    write_project(
        home / "recovery" / "left.candleproject", Project(candleproject=1, view=ProjectView())
    )
    with window(home, files[0], recovery=True) as bench:
        assert "not closed properly" in bench.layout.recovery.text
        bench.banner.show_notice("Something else.")
        assert bench.layout.recovery.isVisible()
        assert not bench.banner.isVisible(), "one bar at a time"
        bench.banner.show_fault("Something went wrong.")
        assert not bench.layout.recovery.isVisible(), "what went wrong comes first"
        assert bench.banner.isVisible()
        bench.banner.pass_on()
        assert bench.layout.recovery.isVisible()
        bench.session.unsaved = False
    with window(home, recovery=True) as bench:
        assert bench.layout.recovery.text == ""
        (kept,) = (home / "recovery" / "kept").iterdir()
        assert str(kept) in [action.text() for action in bench.actions.submenus["Recent"].actions()]
