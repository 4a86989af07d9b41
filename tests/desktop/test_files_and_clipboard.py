"""Prices that come from the clipboard, and files that grow, move away and come back while they
are open.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hands import (
    assert_alive,
    assert_sound,
    dialog_shown,
    gone,
    press_keys,
    settled,
    started,
    type_text,
    wait_until,
)
from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtGui import QGuiApplication
from stage import DISPLAYS
from window_bench import price_file

from app.widgets.form_builder import SettingsForm
from app.window.workbench import Workbench

GERMAN = "de_DE.UTF-8"


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """Return a file of 400 daily bars."""
    return Path(price_file(tmp_path / "AAA.csv", 400))


@pytest.fixture
def bench(tmp_path: Path, qapp: object, prices: Path) -> Iterator[Workbench]:
    """Return a window with that file."""
    with started(tmp_path / "home", str(prices)) as bench:
        yield bench


def bars(bench: Workbench) -> int:
    return len(bench.session.series) if bench.session.series is not None else 0


def test_cells_of_a_spreadsheet_are_pasted(bench: Workbench, prices: Path) -> None:
    QGuiApplication.clipboard().setText(prices.read_text().replace(",", "\t"))
    bench.actions.ticker_field.setFocus()
    press_keys("ctrl+v")
    dialog = dialog_shown()
    wait_until(lambda: not bench.session.threads, "the table is read")
    assert_sound(dialog, "pasted-table")
    press_keys("Return")
    wait_until(gone(dialog), "it is accepted")
    wait_until(
        lambda: (
            bench.session.series is not None and bench.session.series.symbol.startswith("pasted")
        ),
        "and loaded",
    )
    assert bars(bench) == 400
    settled(bench)
    assert_alive(bench)


def test_copied_files_are_pasted(bench: Workbench, tmp_path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(price_file(tmp_path / "BBB.csv", 200, seed=3))])
    QGuiApplication.clipboard().setMimeData(data)
    press_keys("ctrl+v")
    wait_until(
        lambda: bench.session.series is not None and bench.session.series.symbol == "BBB",
        "the copied file is loaded",
    )
    settled(bench)
    assert_alive(bench)


def test_what_is_no_table_is_pasted_as_a_ticker_or_refused(bench: Workbench) -> None:
    QGuiApplication.clipboard().setText("AAPL")
    bench.actions.ticker_field.setFocus()
    press_keys("ctrl+v")
    wait_until(lambda: bench.actions.ticker_field.text() == "AAPL", "a ticker goes into its box")
    bench.actions.ticker_field.clear()
    bench.chart.setFocus()
    press_keys("ctrl+v")
    wait_until(
        lambda: bench.banner.isVisible() and "no table" in bench.banner.text,
        "elsewhere it is said what is needed",
    )
    assert_sound(bench.window, "pasted-nothing")
    bench.banner.set_active(False)
    assert bars(bench) == 400
    assert_alive(bench)


def test_a_file_grows_moves_away_and_comes_back(bench: Workbench, prices: Path) -> None:
    price_file(prices, 420)
    press_keys("F5")
    wait_until(lambda: bars(bench) == 420, "F5 reads the bars that have come")
    settled(bench)
    away = prices.rename(prices.with_name("away.csv"))
    press_keys("F5")
    wait_until(lambda: bench.banner.isVisible(), "it is said that the file is gone")
    settled(bench)
    assert prices.name in bench.banner.text
    assert_sound(bench.window, "file-moved-away")
    away.rename(prices)
    press_keys("F5")
    wait_until(
        lambda: (
            bars(bench) == 420 and bench.session.row is not None and not bench.session.row.problem
        ),
        "F5 finds it again",
    )
    settled(bench)
    assert_alive(bench)


def type_number(bench: Workbench, field: str, text: str, value: float) -> None:
    """Type a number into a field of the settings, and see what it is read as."""
    form = next(item for item in bench.model.findChildren(SettingsForm) if field in item.fields)
    box = form.fields[field]
    box.setFocus()
    wait_until(box.hasFocus, f"{field} has the keyboard")
    press_keys("ctrl+a")
    type_text(text)
    press_keys("Return")
    wait_until(lambda: box.value() == pytest.approx(value), f"{text!r} is read as {value}")


def test_numbers_are_typed_with_a_comma_or_a_point(bench: Workbench) -> None:
    press_keys("ctrl+2")
    for text, value in (("0,005", 0.005), ("0.02", 0.02), ("1e-3", 0.001)):
        type_number(bench, "learning_rate", text, value)
    for text, value in (("1,200", 1200), ("40", 40)):
        type_number(bench, "epochs", text, value)
    assert bench.model.config().train.learning_rate == pytest.approx(0.001)
    assert_sound(bench.window, "numbers-typed")
    assert_alive(bench)


@pytest.mark.skipif(
    os.environ.get("LC_NUMERIC") == GERMAN, reason="runs these tests in German itself"
)
def test_a_german_desktop_changes_no_number() -> None:
    environment = {
        **os.environ,
        "LC_CTYPE": "C.UTF-8",
        "LC_NUMERIC": GERMAN,
        "LC_TIME": GERMAN,
        "LANGUAGE": "de",
    }
    for name in (
        "LC_ALL",
        DISPLAYS,
        "PYTEST_XDIST_WORKER",
    ):  # this process has one screen, and the other one has to take the same
        environment.pop(name, None)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "typed_with or moves_away",
        __file__,
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "2 passed" in done.stdout, done.stdout[-400:]
