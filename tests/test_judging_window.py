"""Judging forecasts of others from the window: dropped, read, settled, judged, saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication
from window_bench import idle, rested, wait, window

from app.features.evaluation.days import day_of
from app.features.judge.dialog import JudgeDialog
from app.window.workbench import Workbench
from forecasting.imported_forecasts.recognition import holds_forecasts, names_say_forecasts

BARS = 300
DS = np.busday_offset("2019-01-01", np.arange(BARS), roll="forward")
Y = 50 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.01, BARS)))


@pytest.fixture(scope="module")
def bench(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("judging")
    prices = folder / "AAA.csv"
    pd.DataFrame({"Date": DS.astype(str), "Close": Y}).to_csv(prices, index=False)
    with window(folder, str(prices)) as shown:
        yield shown
        rested(shown)


def forecasts(folder: Path, **more: object) -> Path:
    path = folder / "forecasts.csv"
    table = {"Date": DS[1:].astype(str), "Actual": Y[1:], "Predicted": Y[:-1] * 1.02}
    pd.DataFrame({**table, **more}).to_csv(path, index=False)
    return path


def opened(bench: Workbench, path: Path) -> JudgeDialog:
    """Drop a file on the window, and wait until it is read."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    drop = QDropEvent(
        QPointF(300, 200),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    bench.window.dropEvent(drop)
    dialog = bench.features["judge"].dialog
    assert dialog is not None
    wait(lambda: bool(dialog.text))
    return dialog


def judged(bench: Workbench, dialog: JudgeDialog) -> None:
    dialog.judge.click()
    wait(
        lambda: bench.features["judge"].shown.isVisible() and bench.features["judge"].dialog is None
    )
    idle(bench)


def test_a_dropped_file_of_forecasts_is_judged(bench: Workbench, tmp_path: Path) -> None:
    dialog = opened(bench, forecasts(tmp_path))
    assert "299 forecasts of forecasts" in dialog.text
    assert [dialog.table.role(row) for row in range(3)] == ["ds", "y", "forecast"]
    dialog.truth.setCurrentIndex(dialog.truth.findData("prices"))
    assert dialog.uses_prices
    judged(bench, dialog)
    shown = bench.features["judge"].shown
    assert "loses to" in shown.found.models["forecasts"].verdict.sentence  # type: ignore[union-attr]
    assert "on points only" in shown.findings
    report, table = tmp_path / "r.html", tmp_path / "f.csv"
    assert bench.features["judge"].save_report(report)
    assert "loses to" in report.read_text()
    assert bench.features["judge"].export(table)
    assert pd.read_csv(table)["model"].nunique() > 2
    assert not bench.features["judge"].export(tmp_path / "f.docx")
    shown.close()


def test_what_is_open_is_settled_in_the_dialog(bench: Workbench, tmp_path: Path) -> None:
    path = forecasts(tmp_path, lower=Y[:-1] * 0.98, upper=Y[:-1] * 1.06)
    dialog = opened(bench, path)
    wait(lambda: "Level of bands without one" in dialog.text)
    assert not dialog.judge.isEnabled()
    dialog.level.setValue(90)
    wait(dialog.judge.isEnabled)
    assert dialog.table.role(3) == "forecast:q0.05"
    dialog.table.choose(3, "unused")
    dialog.table.choose(4, "unused")
    dialog.table.choose(2, "GRU")
    wait(lambda: "299 forecasts of GRU" in dialog.text)
    dialog.baselines.setText("random-walk, drift")
    judged(bench, dialog)
    found = bench.features["judge"].shown.found
    assert found is not None
    assert list(found.models["GRU"].outcomes) == ["GRU", "random-walk", "drift"]
    bench.features["judge"].shown.close()


def test_what_cannot_be_judged_is_said_and_the_dialog_stays(
    bench: Workbench, tmp_path: Path
) -> None:
    path = tmp_path / "other.csv"
    table = {"ds": DS[1:].astype(str), "y": 7 * Y[1:], "yhat": 7 * Y[:-1], "cutoff": DS[:-1]}
    pd.DataFrame(table).to_csv(path, index=False)
    dialog = opened(bench, path)
    wait(dialog.judge.isEnabled)
    dialog.truth.setCurrentIndex(dialog.truth.findData("prices"))
    dialog.judge.click()
    wait(lambda: "not the prices" in dialog.text)
    assert dialog.judge.isEnabled()
    dialog.close()
    idle(bench)


def test_prices_are_no_forecasts(tmp_path: Path) -> None:
    assert not names_say_forecasts(["Date", "Open", "High", "Low", "Close", "Volume"])
    assert not names_say_forecasts(["ds", "y"])
    assert not names_say_forecasts(["Date", "Close", "52w high", "52w low", "Prediction"])
    assert names_say_forecasts(["unique_id", "ds", "cutoff", "y", "LSTM"])
    assert not names_say_forecasts(["Date", "Close", "Upper", "Middle", "Lower"])
    assert names_say_forecasts(["timestamp", "0.1", "0.5", "0.9"])
    assert names_say_forecasts(["Date", "Actual", "Model A", "lower", "upper"])
    assert names_say_forecasts(["Date", "Close", "LSTM"])
    path = tmp_path / "prices.csv"
    pd.DataFrame({"Date": DS.astype(str), "Close": Y}).to_csv(path, index=False)
    assert not holds_forecasts(path)
    assert not holds_forecasts(tmp_path / "none.csv")


def test_a_day_of_the_judgement_leads_to_the_chart(bench: Workbench, tmp_path: Path) -> None:
    path = forecasts(tmp_path)
    dialog = opened(bench, path)
    wait(dialog.judge.isEnabled)
    judged(bench, dialog)
    shown = bench.features["judge"].shown
    own = shown.found.models["forecasts"].own
    assert "AAA" not in own.symbol, "the actual values in the file have judged"
    day = day_of(own, 40)
    shown.late.content.day_chosen.emit(day)
    wait(lambda: bench.chart.forecasts.origin.forecast is not None)
    origin = bench.chart.forecasts.origin.forecast
    assert (origin.cutoff, origin.model) == (day.cutoff, "forecasts")
    assert bench.session.series.symbol == day.symbol
    assert bench.session.panel.symbols == ("AAA",), "what is trained stays"
    idle(bench)
    assert bench.chart.series.symbol == day.symbol
    assert not bench.layout.stepper.isHidden()
    bench.layout.stepper.close_requested.emit()
    assert bench.chart.forecasts.origin.forecast is None
    bench.actions["judgement"].trigger()
    assert shown.isVisible()
    shown.close()
    bench.session.select(0)


def test_a_day_is_shown_on_the_prices_of_the_watchlist(bench: Workbench, tmp_path: Path) -> None:
    dialog = opened(bench, forecasts(tmp_path))
    wait(dialog.judge.isEnabled)
    dialog.truth.setCurrentIndex(dialog.truth.findData("prices"))
    judged(bench, dialog)
    shown = bench.features["judge"].shown
    rows = len(bench.session.watchlist)
    day = day_of(shown.found.models["forecasts"].own, 7)
    shown.late.content.page.day_chosen.emit(day)
    assert bench.session.series.symbol == "AAA"
    assert bench.chart.forecasts.origin.forecast.cutoff == day.cutoff
    assert len(bench.session.watchlist) == rows
    shown.close()
