"""Every dialog, opened and closed by mouse and by keyboard; after each of them the window takes
clicks and letters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hands import (
    activated,
    answered,
    assert_alive,
    assert_sound,
    button_of,
    click,
    gone,
    press_keys,
    started,
    type_text,
    wait_until,
)
from PySide6.QtWidgets import QApplication, QDialog, QWidget
from run_bench import finished
from window_bench import price_file

from app import dialogs
from app.features.runs.difference_dialog import DifferenceDialog
from app.window.workbench import Workbench
from forecasting.errors import CandlecastError
from forecasting.events import LearningRatesTried
from forecasting.indicators import Indicator

CLOSE = ("Close", "Cancel", "OK")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """Return one window with a forecast for all dialogs."""
    folder = tmp_path_factory.mktemp("dialogs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANDLECAST_HOME", str(folder))
        QApplication.instance() or QApplication([])
        with started(folder / "home", price_file(folder / "AAA.csv", 400)) as bench:
            finished(bench)
            yield bench
            bench.session.unsaved = False


def rates(bench: Workbench) -> object:
    tried = np.geomspace(1e-5, 1, 40)
    return bench.training_controller._show_rates(
        LearningRatesTried(tried, 1 - 0.1 * np.exp(-((np.log10(tried) + 2) ** 2)), 3e-3)
    )


def differences(bench: Workbench) -> object:
    dialog = DifferenceDialog(("Monday", "Tuesday"), [("Horizon", "4", "6")], bench.window)
    dialog.show()
    return dialog


OPENED: dict[str, Callable[[Workbench], object]] = {
    "shortcuts": lambda _bench: press_keys("F1"),
    "export": lambda _bench: press_keys("ctrl+e"),
    "about": lambda bench: bench.actions["about"].trigger(),
    "import": lambda bench: bench.importer.open(bench.session.watchlist[0].request.reference),
    "tickers": lambda bench: bench.tickers.add(),
    "indicator": lambda bench: bench.view_controller.indicator_controller.ask(
        Indicator("bollinger")
    ),
    "audit": lambda bench: bench.features["audit"].dialog.show(),
    "rates": rates,
    "differences": differences,
    "fault": lambda bench: bench.report(ValueError("a fault that nobody expected")),
}
ASKED: dict[str, Callable[[QWidget], object]] = {
    "close-training": dialogs.ask_close_while_training,
    "close-testing": dialogs.ask_close_while_testing,
    "save": dialogs.ask_save,
    "save-project": lambda window: dialogs.ask_save_project(window, "work.candleproject"),
    "overwrite": lambda window: dialogs.ask_overwrite(window, "work.candleproject"),
}
FILES = {
    "open": "ctrl+o",
    "import": "ctrl+i",
    "use-model": "ctrl+shift+f",
    "save-project": "ctrl+shift+s",
}


def shown_dialog() -> QDialog:
    """Wait for the one dialog that is open."""

    def found() -> list[QDialog]:
        return [
            item
            for item in QApplication.topLevelWidgets()
            if isinstance(item, QDialog) and item.isVisible()
        ]

    wait_until(found, "a dialog opens")
    (dialog,) = found()
    activated(dialog)
    return dialog


@pytest.mark.parametrize("name", OPENED)
def test_a_dialog_opens_and_closes_by_mouse_and_keyboard(bench: Workbench, name: str) -> None:
    for way in ("mouse", "keyboard"):
        activated(bench.window)
        OPENED[name](bench)
        dialog = shown_dialog()
        wait_until(lambda: not bench.session.threads, "what it reads is read")
        if way == "mouse":
            assert_sound(dialog, f"dialog-{name}")
            click(button_of(dialog, *CLOSE))
        else:
            press_keys("Escape")
        wait_until(gone(dialog), f"{name} closes by {way}")
        assert_alive(bench)
    bench.banner.set_active(False)


@pytest.mark.parametrize("name", ASKED)
def test_a_question_is_answered_by_mouse_and_keyboard(bench: Workbench, name: str) -> None:
    def by_mouse(box: QWidget) -> None:
        assert_sound(box, f"question-{name}")
        click(button_of(box, "Continue training", "Continue testing", "Cancel"))

    def by_keyboard(_box: QWidget) -> None:
        press_keys("Escape")

    for answer in (by_mouse, by_keyboard):
        answered(lambda: ASKED[name](bench.window), answer)
        assert_alive(bench)


@pytest.mark.parametrize("name", FILES)
def test_a_choice_of_files_is_left_by_mouse_and_keyboard(bench: Workbench, name: str) -> None:
    answers: tuple[Callable[[QWidget], None], ...] = (
        lambda dialog: click(button_of(dialog, "Cancel")),
        lambda _dialog: press_keys("Escape"),
    )
    for answer in answers:
        activated(bench.window)
        answered(lambda: press_keys(FILES[name]), answer)
        assert_alive(bench)


def test_a_file_is_chosen_by_typing_its_name(bench: Workbench, tmp_path: Path) -> None:
    other = price_file(tmp_path / "CCC.csv", 100, seed=3)

    def choose(_dialog: QWidget) -> None:
        type_text(other)
        press_keys("Return")

    answered(lambda: press_keys("ctrl+o"), choose)
    wait_until(
        lambda: bench.session.series is not None and bench.session.series.symbol == "CCC",
        "the file is loaded",
    )
    assert_alive(bench)


def test_a_message_above_the_chart_is_dismissed_by_its_button(bench: Workbench) -> None:
    bench.report(
        CandlecastError(
            "A fault of a file that has quite a long name and says what is wrong with it.",
            "Choose another one.",
        )
    )
    assert_sound(bench.window, "message")
    click(bench.banner._dismiss)
    wait_until(gone(bench.banner), "the message goes")
    assert_alive(bench)
