"""A fault in a slot, in a beat of the pulse or in a worker is told to the user, stands in the
log, and leaves the window alive.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

import pytest
from PySide6.QtWidgets import QApplication, QDialog
from window_bench import idle, price_file, wait, window

from app import log
from app.window.workbench import SWEEP, Workbench
from forecasting.events import Event

#: What runs aside, by the name it runs under; each has somebody who tells of its faults.
ASIDES = ("cost", "unfinished", SWEEP, "runs")


@pytest.fixture(scope="module")
def bench(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("faults")
    with window(folder, price_file(folder / "walk.csv")) as bench:
        yield bench


def planted(_should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
    yield from ()
    raise ZeroDivisionError("planted")


@pytest.mark.parametrize("name", ASIDES)
def test_a_fault_of_what_runs_aside_is_told_and_logged_once(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(log, "fault", logged.append)
    bench.banner.set_wanted(False)
    bench.session.aside(name, planted)
    wait(lambda: bench.banner.text != "")
    idle(bench)
    assert "planted" in bench.banner.text
    assert len(logged) == 1
    assert "ZeroDivisionError" in logged[0]
    for item in QApplication.topLevelWidgets():
        if isinstance(item, QDialog) and item.isVisible():
            item.close()
    bench.actions["style-line"].trigger()
    assert bench.session.state == "idle"


def test_a_fault_that_nobody_listens_to_is_caught(bench: Workbench) -> None:
    bench.banner.set_wanted(False)
    bench.session.background_failed.disconnect()
    bench.session.aside(SWEEP, planted)
    idle(bench)
    with pytest.raises(AssertionError, match="waited in vain"):
        wait(lambda: bench.banner.text != "", 0.2)
