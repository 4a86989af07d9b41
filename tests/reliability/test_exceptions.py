"""A fault in a slot, in a beat of the pulse or in a worker is told to the user, stands in the
log, and leaves the window alive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtWidgets import QApplication, QDialog
from window_bench import idle, price_file, wait, window

from app import log
from app.window.workbench import Workbench


@pytest.fixture(scope="module")
def bench(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("faults")
    with window(folder, price_file(folder / "walk.csv")) as bench:
        yield bench


def planted(*_args: object) -> None:
    raise ZeroDivisionError("planted")


def close_dialogs() -> None:
    for item in QApplication.topLevelWidgets():
        if isinstance(item, QDialog) and item.isVisible():
            item.close()


#: What each feature does in the background, by where it is done, and how it is begun.
BACKGROUND: dict[str, Callable[[Workbench], object]] = {
    "app.features.journal.controller._read": lambda bench: bench.journal_controller.read(),
    "app.features.runs.controller._read_runs": lambda bench: bench.runs.start(),
    "app.features.tickers.controller.jobs.cached_tickers": lambda bench: (
        bench.actions.ticker_field.recent_requested.emit()
    ),
    "app.features.training.controller.jobs.unfinished": lambda bench: (
        bench.training_controller.start()
    ),
    "app.features.evaluation.details.detail_of": lambda bench: (
        bench.results.judged.detail_requested.emit({})
    ),
}


@pytest.mark.parametrize("target", BACKGROUND)
def test_a_fault_in_the_background_is_told_and_logged_once(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(log, "fault", logged.append)
    monkeypatch.setattr(target, planted)
    bench.banner.set_active(False)
    BACKGROUND[target](bench)
    wait(lambda: bench.banner.text != "")
    idle(bench)
    assert "planted" in bench.banner.text
    assert len(logged) == 1
    assert "ZeroDivisionError" in logged[0]
    close_dialogs()
    bench.actions["style-line"].trigger()
    assert bench.session.state == "idle"


def test_a_fault_that_nobody_handles_is_shown(bench: Workbench) -> None:
    bench.banner.set_active(False)
    bench.session.background.call(planted)
    wait(lambda: bench.banner.text != "")
    assert "planted" in bench.banner.text
    close_dialogs()


def test_a_fault_that_is_handled_is_left_to_its_handler(bench: Workbench) -> None:
    bench.banner.set_active(False)
    handled: list[str] = []
    task = bench.session.background.call(planted)
    task.failed.connect(lambda failure: handled.append(failure.message))
    wait(lambda: bool(handled))
    assert handled == ["ZeroDivisionError: planted"]
    assert bench.banner.text == ""
