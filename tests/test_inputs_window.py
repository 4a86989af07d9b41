"""The list of inputs in the window, and why a forecast is what it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QWidget
from window_bench import idle, price_file, restored, wait, window

from app.features.inputs.dialog import InputsDialog
from app.features.inputs.explanation import ExplanationDialog
from app.theme import DARK, LIGHT
from app.widgets.input_table import InputChoice
from app.window.workbench import Workbench
from forecasting import jobs
from forecasting.attribution import Ablated, Explained, Explanation, GroupGain
from forecasting.config import RunConfig
from forecasting.errors import ExportError
from forecasting.events import EngineReady
from forecasting.exog import parse_exog
from forecasting.series import ExogColumn


def columns(count: int = 3) -> list[ExogColumn]:
    ds = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]").astype("datetime64[us]")
    draw = np.random.default_rng(0)
    return [ExogColumn(f"column {k}", ds, draw.normal(size=len(ds))) for k in range(count)]


def field(dialog: InputsDialog, row: int, place: int) -> QWidget:
    found = dialog.table.cellWidget(row, place)
    assert found is not None
    return found


def choose(dialog: InputsDialog, row: int, place: int, value: str) -> None:
    combo = field(dialog, row, place)
    assert isinstance(combo, QComboBox)
    combo.setCurrentIndex(combo.findData(value))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, qapp: object) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("window")
    with window(folder, price_file(folder / "AAA.csv", 260)) as shown:
        yield shown


@pytest.fixture
def bench(opened: Workbench) -> Iterator[Workbench]:
    """The window with one series and the usual settings."""
    yield from restored(opened)


def test_the_list_makes_the_settings_and_shows_them_again(qapp: object) -> None:
    parent = QWidget()
    dialog = InputsDialog(parent)
    dialog.set_theme(LIGHT)
    specs = parse_exog("column 1:delay=30d:zscore=20,gone", "hist")
    dialog.show_columns(columns(), specs)
    assert dialog.table.rowCount() == 4, "an input that is not there any more is listed, too"
    choose(dialog, 0, 1, "futr")
    delay = field(dialog, 1, 2)
    assert isinstance(delay, QLineEdit)
    assert delay.text() == "30d"
    delay.setText("2")
    choose(dialog, 3, 1, "")
    wanted = InputChoice("column 1:delay=2:zscore=20", "column 0", "")
    assert dialog.choice() == wanted
    dialog.show_columns(columns(40), (), keep=True)
    assert dialog.choice() == wanted, "a further file leaves what was chosen"
    delay = field(dialog, 1, 2)
    assert isinstance(delay, QLineEdit)
    delay.setText("soon")
    dialog.buttons.accepted.emit()
    assert dialog.result() == 0
    assert any("soon" in label.text() for label in dialog.findChildren(QLabel))
    parent.deleteLater()


def test_the_model_form_reads_what_was_chosen(bench: Workbench, tmp_path: Path) -> None:
    days = pd.bdate_range("2024-01-01", periods=80)
    frame = pd.DataFrame({"date": days, "close": np.linspace(10, 20, 80), "plan": 1.0})
    frame["mood"] = np.arange(80.0)
    frame.to_csv(tmp_path / "MINE.csv", index=False)
    bench.load([str(tmp_path / "MINE.csv")])
    idle(bench)
    controller = bench.features["inputs"]
    controller.choose()
    wait(lambda: controller.dialog.table.rowCount() > 1)
    names = [
        controller.dialog.table.item(row, 0).text()
        for row in range(controller.dialog.table.rowCount())
    ]
    choose(controller.dialog, names.index("mood"), 1, "hist")
    controller.dialog.accept()
    assert bench.model.config().inputs.hist_exog == "mood"


def test_an_explanation_is_shown_copied_and_saved(qapp: object, tmp_path: Path) -> None:
    parent = QWidget()
    dialog = ExplanationDialog(parent)
    ds = np.arange("2024-01-01", "2024-01-11", dtype="datetime64[D]").astype("datetime64[us]")
    median = np.zeros((10, 2))
    median[3, 1] = 0.5
    none = np.zeros((2, 0))
    numbers = (0.0, 0.0, 0.5, 0.0, 3.0)
    found = Explanation(
        "A", "GRU", ds[-1], 2, 0.01, ds, ("move", "vix"), median, median, (), none, none, *numbers
    )
    for theme in (LIGHT, DARK):
        dialog.set_theme(theme)
        dialog.show_explanations([found])
        assert not dialog.grab().isNull()
    dialog.show()
    dialog.show_gains(Ablated((GroupGain("vix", ("vix",), 0.25, 0.01),), 0.8))
    assert dialog.gains.isVisible()
    assert "vix\t0.25\t0.01" in dialog.table()
    dialog.show_gains(Ablated((GroupGain("vix", ("vix",), 0.0, np.nan),), 0.0))
    assert not dialog.gains.isVisible()
    picture, table = tmp_path / "why.png", tmp_path / "why.csv"
    dialog.save(picture)
    dialog.save(table)
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert table.read_text().startswith("input,median,width\nvix,0.5")
    dialog.save(tmp_path / "why.svg")
    drawing = (tmp_path / "why.svg").read_text()
    assert drawing.startswith("<?xml")
    assert ">vix<" in drawing, "text stays text"
    with pytest.raises(ExportError, match="no picture"):
        dialog.save(tmp_path / "why.txt")
    dialog.hide()
    lines = dialog.table().splitlines()
    assert lines[1].startswith("vix\t0.5")
    assert any(line.startswith("2024-01-04") for line in lines)
    parent.deleteLater()


def test_inputs_are_chosen_while_a_file_of_many_columns_is_imported(
    bench: Workbench, tmp_path: Path
) -> None:
    days = pd.bdate_range("2024-01-01", periods=80)
    frame = pd.DataFrame({"date": days, "close": np.linspace(10, 20, 80)})
    for number in range(40):
        frame[f"factor {number}"] = np.sin(np.arange(80.0) * number)
    frame.loc[:39, "factor 3"] = np.nan
    frame.to_csv(tmp_path / "WIDE.csv", index=False)
    bench.importer.open(str(tmp_path / "WIDE.csv"))
    dialog = bench.importer.dialog
    assert dialog is not None
    wait(dialog.load.isEnabled)
    assert dialog.tabs.tabText(1) == "&Inputs (40)"
    dialog.tabs.setCurrentWidget(dialog.inputs)
    table = dialog.inputs.table
    assert table.rowCount() == 40
    names = [table.item(row, 0).text() for row in range(40)]
    assert table.item(names.index("factor 3"), 4).text() == "50 %"
    dialog.inputs.search.setText("R 3")
    shown = [name for row, name in enumerate(names) if not table.isRowHidden(row)]
    assert shown == ["factor 3", *(f"factor {number}" for number in range(30, 40))]
    row = names.index("factor 3")
    kind, delay = table.cellWidget(row, 1), table.cellWidget(row, 2)
    assert isinstance(kind, QComboBox)
    assert isinstance(delay, QLineEdit)
    assert kind.accessibleName() == "Kind of factor 3"
    kind.setCurrentIndex(kind.findData("hist"))
    delay.setText("late")
    dialog.load.click()
    assert bench.importer.dialog is dialog, "a delay that cannot be read is said first"
    delay.setText("2")
    dialog.load.click()
    idle(bench)
    assert bench.model.config().inputs.hist_exog == "factor 3:delay=2"
    assert bench.session.panel.symbols == ("WIDE",)


def test_a_strip_shows_what_moved_the_forecast_as_it_trains(bench: Workbench) -> None:
    settings = {"epochs": 3, "patience": 3, "hidden_size": 4, "heads": 2, "layers": 1}
    config = RunConfig().changed(
        model="transformer",
        hist_exog="volume",
        input_size=12,
        horizon=2,
        baselines="drift",
        batch_size=256,
        **settings,
    )
    bench.session.engine = next(e for e in jobs.warm_up() if isinstance(e, EngineReady))
    chart = bench.chart
    bench.model.show_config(config)
    seen: list[Explained] = []
    bench.session.event_received.connect(
        lambda event: seen.append(event) if isinstance(event, Explained) else None
    )
    assert not bench.actions["why_strip"].isChecked(), "off by default"
    bench.actions["why_strip"].trigger()
    bench.actions["train"].trigger()
    wait(lambda: bench.session.finished is not None, 60)
    wait(lambda: chart.why.explanation is not None)
    idle(bench)
    assert seen, "explained while it trained"
    assert not any(event.final for event in seen)
    chart.refresh()
    assert chart.why.visible
    assert chart.why.row.pane.isVisible()
    last = len(chart.series) - 1
    assert "usual moves" in chart.why.read(last)
    assert chart.why.read(last - 12) == ""
    assert "lookback" in chart.summary()
    assert bench.session.shown_is_trained, "its inputs do not make it another series"
    assert chart.forecasts.fan.fan is not None
    found = chart.why.explanation
    assert found.attention.shape == (1, 12, 12)
    dialog = bench.features["inputs"].explanation
    dialog.show_explanations([found])
    assert not dialog.attention.isHidden()
    assert "Most attention" in dialog.attention.summary()
    bench.actions["why_strip"].trigger()
    chart.refresh()
    assert not chart.why.visible
