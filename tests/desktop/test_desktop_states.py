"""The states of the window in both themes and at three sizes: nothing clipped, nothing covered,
nothing outside its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hands import assert_alive, painted, picture, resized, settled, started
from PySide6.QtWidgets import QApplication, QDockWidget
from run_bench import finished
from soundness import faults
from window_bench import price_file

from app.widgets.form_builder import SettingsForm
from app.window.workbench import Workbench
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError
from forecasting.events import TrainingKept

SIZES = ((900, 600), (1024, 700), (1920, 1080))
THEMES = ("light", "dark")
#: A name as vendors give it to their files, and so to the series.
LONG = "04_alphavantage_daily_adjusted_2002-2020"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """Return one window with a forecast for all states."""
    folder = tmp_path_factory.mktemp("states")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANDLECAST_HOME", str(folder))
        QApplication.instance() or QApplication([])
        with started(
            folder / "home",
            price_file(folder / f"{LONG}.csv", 400),
            price_file(folder / "BBB.csv", 300, seed=2),
        ) as bench:
            bench.session.check_only(0)
            bench.session.select(0)
            settled(bench)
            finished(bench)
            yield bench
            bench.session.unsaved = False


def unfold(bench: Workbench, shown: bool) -> None:
    for form in bench.window.findChildren(SettingsForm):
        form.show_advanced(shown)


def say(bench: Workbench) -> None:
    bench.report(
        CandlecastError(
            "The file prices.csv has bars of no distance that could be told.",
            "Choose another file.",
        )
    )


def offer(bench: Workbench) -> None:
    kept = TrainingKept(Path("x"), RunConfig(), ("AAA.csv",), ("AAA",), 12, "2026-11-29T12:00:00Z")
    bench.layout.resume.show_offer(kept)


def step_back(bench: Workbench) -> None:
    bench.past_forecasts.show_past()
    bench.past_forecasts.step(-1)
    assert bench.layout.stepper.isVisible()


def raised(name: str) -> tuple[Callable[[Workbench], None], Callable[[Workbench], None]]:
    return (lambda bench: bench.layout.docks[name].raise_()), lambda bench: bench.layout.docks[
        "results"
    ].raise_()


#: What brings the window into a state, and what brings it back.
STATES: dict[str, tuple[Callable[[Workbench], None], Callable[[Workbench], None]]] = {
    **{
        name: raised(name)
        for name in (
            "training",
            "results",
            "backtest",
            "journal",
            "runs",
            "search",
            "odds",
            "portfolio",
        )
    },
    "advanced": (lambda bench: unfold(bench, True), lambda bench: unfold(bench, False)),
    "message": (say, lambda bench: bench.banner.set_active(False)),
    "resume": (offer, lambda bench: bench.layout.resume.set_active(False)),
    "recovery": (
        lambda bench: bench.layout.recovery.show_offer(
            "work.candleproject", "2026-11-29T12:00:00Z"
        ),
        lambda bench: bench.layout.recovery.set_active(False),
    ),
    "past-forecast": (step_back, lambda bench: bench.past_forecasts.leave()),
    "tour": (
        lambda bench: bench.help_controller.tour.begin(),
        lambda bench: bench.help_controller.tour.end(),
    ),
}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_every_state_is_sound(bench: Workbench, size: tuple[int, int], theme: str) -> None:
    bench.set_theme(theme)
    resized(bench, *size)
    wrong = []
    for name, (enter, leave) in STATES.items():
        enter(bench)
        painted(bench.window)
        path = picture(bench, f"{name}-{size[0]}x{size[1]}-{theme}")
        wrong += [f"{path.name}: {told}" for told in faults(bench.window)]
        leave(bench)
    painted(bench.window)
    assert not wrong, "\n".join(wrong)
    assert_alive(bench)


@pytest.mark.parametrize("name", ["data", "model", "results"])
def test_a_floating_panel_is_sound_and_comes_back(bench: Workbench, name: str) -> None:
    resized(bench, 1280, 820)
    dock: QDockWidget = bench.layout.docks[name]
    dock.raise_()
    dock.setFloating(True)
    painted(dock)
    picture(dock, f"floating-{name}")
    assert faults(dock) == []
    assert_alive(bench)
    dock.setFloating(False)
    painted(bench.window)
    assert faults(bench.window) == []
    assert_alive(bench)
