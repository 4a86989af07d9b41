"""Exports as people ask for them: the dialog, the menu of every plot, the clipboard, tables,
sizes and flags.
"""

from __future__ import annotations

import csv
import io
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from fabricated import run, walk
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction, QContextMenuEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu, QWidget
from window_bench import wait, window

from app.background import Failure
from app.charts.loss import LossChart
from app.charts.price import PriceChart
from app.charts.registry import PLOTS
from app.cli.exporting import export, options_from
from app.export import EXPORTERS, PICTURES, Figure, Look
from app.export.figure import read_size
from app.export.page import drawn
from app.export.pictures import image
from app.export.tables import clipboard_text, write_table
from app.features.export.dialog import ExportDialog
from app.features.export.plot_menu import PlotMenu, plots_in
from app.theme import DARK, LIGHT, contrast, see_through
from forecasting.errors import ExportError
from forecasting.events import Prediction, RunResult
from forecasting.files.atomic import atomic_write

FORMATS = {suffix: exporter.label for suffix, exporter in EXPORTERS.items()}


@pytest.fixture(scope="module")
def result() -> RunResult:
    return run(walk("ACME"), walk("OTHER", seed=1))


@pytest.fixture
def loss(qapp: QApplication, result: RunResult) -> Iterator[LossChart]:
    chart = LossChart()
    chart.resize(420, 260)
    chart.show_history(result.history)
    chart.refresh()
    yield chart
    chart.close()
    chart.deleteLater()


# The dialog


@pytest.fixture
def dialog(qapp: QApplication, result: RunResult) -> Iterator[ExportDialog]:
    parent = QWidget()
    shown = ExportDialog(parent, Figure(result, "ACME"), LIGHT, FORMATS)
    shown.open()
    yield shown
    shown._soon.stop()
    shown.close()
    parent.deleteLater()


def choose(field: Any, value: object) -> None:
    index = field.findData(value)
    assert index >= 0
    field.setCurrentIndex(index)


def test_the_dialog_hands_out_what_was_chosen(dialog: ExportDialog) -> None:
    asked: list[tuple[str, Figure]] = []
    dialog.export_requested.connect(lambda suffix, figure: asked.append((suffix, figure)))
    choose(dialog.plot, "calibration")
    choose(dialog.colors, "dark")
    choose(dialog.dpi, 150)
    dialog.wide.setValue(1200)
    dialog.high.setValue(600)
    dialog.transparent.setChecked(True)
    dialog.footer.setChecked(False)
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    ((suffix, figure),) = asked
    assert suffix == ".png"
    assert (figure.kind, figure.symbol) == ("calibration", "ACME")
    assert figure.look == Look((8.0, 4.0), 150, "dark", True, False)


def test_a_dialog_that_is_open_takes_what_a_training_has_brought(
    qapp: QApplication, result: RunResult
) -> None:
    """It was opened while the network learned; what is written has title, verdict and source all
    the same.
    """
    parent = QWidget()
    chart = PriceChart(parent)
    pictures = {suffix: label for suffix, label in FORMATS.items() if suffix in PICTURES}
    dialog = ExportDialog(parent, Figure(None, "ACME", chart), LIGHT, pictures, ".svg")
    assert (dialog.suffix, dialog.plot.count(), dialog.format.count()) == (".svg", 1, 3)
    dialog.transparent.setChecked(True)
    dialog.show_figure(Figure(result, "ACME", chart), FORMATS)
    assert (dialog.suffix, dialog.format.count()) == (".svg", len(FORMATS))
    assert dialog.plot.isEnabled()
    assert dialog.figure.footer()[0] == result.verdict.sentence
    assert dialog.figure.heading()[0] == "ACME – GRU forecast"
    assert dialog.figure.look.transparent
    dialog._soon.stop()
    parent.deleteLater()


def test_a_look_is_remembered_and_what_is_damaged_is_the_usual_one() -> None:
    look, usual = Look((8.0, 4.0), 150, "dark", True, False), Look()
    assert Look.from_json(look.to_json(), usual) == look
    for text in (
        "",
        "[]",
        "{}",
        look.to_json().replace("dark", "red"),
        look.to_json().replace("150", "1e9"),
        look.to_json()[:-2],
    ):
        assert Look.from_json(text, usual) == usual


def test_a_dark_picture_without_ground_can_be_read_on_white(
    qapp: QApplication, result: RunResult
) -> None:
    """Shaded parts are tints, and no text or mark vanishes on white or on a dark page."""
    with drawn(Figure(result, "ACME", look=Look((8.0, 4.8), 96, "dark", transparent=True))) as page:
        made = image(page)
    alphas = np.frombuffer(made.constBits(), np.uint8).reshape(
        made.height(), made.bytesPerLine() // 4, 4
    )[..., 3]
    assert (alphas > 200).mean() < 0.2, "no block is opaque"
    assert ((alphas > 10) & (alphas < 80)).mean() > 0.2, (
        "the validation and the test part are tinted"
    )
    theme = see_through(DARK)
    for name in ("text", "muted", "price", "forecast", "baseline", "train_loss", "val_loss"):
        color = getattr(theme, name)
        assert contrast(color, "#FFFFFF") >= 4.0
        assert contrast(color, DARK.surface) >= 3.0
    assert see_through(LIGHT).text == LIGHT.text


def test_density_keeps_the_size_on_paper(dialog: ExportDialog) -> None:
    assert (dialog.wide.value(), dialog.high.value()) == (3000, 1800)
    choose(dialog.dpi, 600)
    assert (dialog.wide.value(), dialog.high.value()) == (6000, 3600)
    choose(dialog.format, ".pdf")
    assert (dialog.wide.value(), dialog.high.value()) == (960, 576)
    assert not dialog.dpi.isEnabled()
    assert dialog.figure.look.size == (10.0, 6.0)


def test_the_preview_shows_what_will_be_written_or_why_not(dialog: ExportDialog) -> None:
    dialog._show_preview()
    first = dialog.preview.image
    assert first is not None
    assert first.width() / first.height() == pytest.approx(10 / 6, rel=0.02)
    choose(dialog.colors, "dark")
    dialog._show_preview()
    assert dialog.preview.image is not None
    assert dialog.preview.image != first
    dialog.wide.setValue(100)
    dialog._show_preview()
    assert dialog.preview.image is None
    assert "cannot be drawn" in dialog.preview.accessibleDescription()
    assert not dialog.go.isEnabled()
    choose(dialog.format, ".html")
    dialog._show_preview()
    assert "any browser" in dialog.preview.accessibleDescription()
    assert not dialog.plot.isEnabled()
    assert dialog.go.isEnabled()


def test_copy_puts_the_picture_on_the_clipboard(dialog: ExportDialog) -> None:
    choose(dialog.dpi, 96)
    dialog.copy.click()
    assert QApplication.clipboard().image().size().toTuple() == (960, 576)


def test_all_fields_have_names(dialog: ExportDialog) -> None:
    fields = (
        dialog.plot,
        dialog.format,
        dialog.wide,
        dialog.high,
        dialog.dpi,
        dialog.colors,
        dialog.transparent,
        dialog.footer,
        dialog.preview,
    )
    assert all(field.accessibleName() for field in fields)


# The menu of a plot


@pytest.fixture
def popped(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[QMenu]]:
    menus: list[QMenu] = []
    monkeypatch.setattr(
        QMenu, "popup", lambda self, _place: menus.append(self)
    )  # the platform of tests can grab no keyboard
    yield menus
    for menu in menus:
        menu.deleteLater()


def ask(plot: QWidget, reason: QContextMenuEvent.Reason) -> None:
    index = QPoint(50, 50)
    QApplication.sendEvent(plot, QContextMenuEvent(reason, index, plot.mapToGlobal(index)))


@pytest.mark.parametrize(
    "reason", [QContextMenuEvent.Reason.Mouse, QContextMenuEvent.Reason.Keyboard]
)
def test_every_way_to_ask_opens_the_menu(
    loss: LossChart, popped: list[QMenu], reason: QContextMenuEvent.Reason
) -> None:
    PlotMenu(loss, DARK)
    own = QAction("Log scale", loss)
    loss.addAction(own)
    ask(loss._view.viewport() if reason is QContextMenuEvent.Reason.Mouse else loss, reason)
    (menu,) = popped
    words = [action.text().replace("&", "") for action in menu.actions() if action.text()]
    assert words == ["Log scale", "Copy image", "Save image…", "Copy data", "Save data…"]


def test_an_empty_plot_has_nothing_to_copy(loss: LossChart, popped: list[QMenu]) -> None:
    PlotMenu(loss, LIGHT)
    loss.show_history(())
    loss.refresh()
    ask(loss, QContextMenuEvent.Reason.Keyboard)
    assert not any(action.isEnabled() for action in popped[0].actions())


def test_copies_are_the_picture_and_the_numbers(loss: LossChart, result: RunResult) -> None:
    menu, told = PlotMenu(loss, DARK), []
    menu.notified.connect(told.append)
    menu.copy_image()
    copied: QImage = QApplication.clipboard().image()
    assert copied.size().toTuple() == (840, 520)
    assert copied.pixelColor(2, 2).name().upper() == DARK.surface
    assert loss.theme is LIGHT
    menu.copy_data()
    rows = list(csv.reader(io.StringIO(QApplication.clipboard().text()), delimiter="\t"))
    assert len(rows) == 1 + len(result.history)
    assert float(rows[3][rows[0].index("val_loss")]) == result.history[2].val_loss
    assert told == ["Copied as an image", f"Copied {len(result.history)} rows"]


@pytest.mark.slow
def test_the_window_gives_every_plot_a_menu_and_writes_what_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with window(tmp_path / "home", "sample:wti") as bench:
        plots = plots_in(bench.window)
        assert bench.chart in plots
        assert all(
            plot.findChildren(PlotMenu, options=Qt.FindChildOption.FindDirectChildrenOnly)
            for plot in plots
        )
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "saved"), "")
        )
        bench.actions["export"].trigger()
        dialog = bench.export_controller.dialog
        assert dialog is not None
        assert [dialog.format.itemData(n) for n in range(dialog.format.count())] == [
            ".png",
            ".svg",
            ".pdf",
        ]
        dialog.go.click()
        assert not dialog.go.isEnabled(), "one file at a time"
        wait(lambda: not bench.export_controller.writing)
        assert QImage(str(tmp_path / "saved.png")).width() == 3000
        assert bench.export_controller.dialog is None
        # What was chosen is there again, and the suffix of the name decides on the format.
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "typed.pdf"), "")
        )
        bench.actions["export"].trigger()
        choose(bench.export_controller.dialog.colors, "dark")
        bench.export_controller.dialog.transparent.setChecked(True)
        bench.export_controller.dialog.go.click()
        wait(lambda: not bench.export_controller.writing)
        assert (tmp_path / "typed.pdf").read_bytes().startswith(b"%PDF")
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "typed.jpg"), "")
        )
        bench.actions["export"].trigger()
        assert (
            bench.export_controller.dialog.colors.currentData(),
            bench.export_controller.dialog.transparent.isChecked(),
        ) == ("dark", True)
        bench.export_controller.dialog.go.click()
        wait(lambda: not bench.export_controller.writing)
        assert "there is no format '.jpg'" in bench.banner.text
        bench.export_controller.dialog.reject()
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "saved"), "")
        )
        bench.export_controller._ask_data(bench.chart)
        wait(lambda: not bench.export_controller.writing)
        assert (tmp_path / "saved.csv").read_text().startswith("unique_id,ds,")
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "saved.svg"), "")
        )
        bench.actions["export"].trigger()
        dialog = bench.export_controller.dialog
        dialog.go.click()
        wait(lambda: not bench.export_controller.writing)
        assert "cannot be written" in bench.banner.text
        assert (
            bench.export_controller.dialog is dialog
        )  # it stays, so that another place can be chosen
        assert dialog.go.isEnabled()
        dialog.reject()


@pytest.mark.slow
def test_what_is_being_written_is_whole_when_the_window_closes_and_a_fault_keeps_it_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with window(tmp_path / "home", "sample:wti") as bench:
        started = threading.Event()

        def slowly(path: Path, data: bytes) -> None:
            started.set()
            time.sleep(0.05)
            atomic_write(path, data)

        monkeypatch.setattr("app.export.atomic_write", slowly)
        for name in ("first.png", "second.svg"):
            bench.export(tmp_path / name)
        wait(started.is_set)
        bench.export(tmp_path / "no" / "third.svg")
        assert not bench.window.close(), "it could not be written"
        assert "third.svg cannot be written" in bench.banner.text
        assert QImage(str(tmp_path / "first.png")).width() == 3000
        assert (tmp_path / "second.svg").read_bytes().endswith(b"</svg>\n")
        assert not bench.export_controller.writing
        bench.export(tmp_path / "last.png")
        assert bench.window.close()
        assert QImage(str(tmp_path / "last.png")).width() == 3000


@pytest.mark.slow
def test_a_fault_in_a_drawing_is_told_and_the_next_file_is_written(tmp_path: Path) -> None:
    def broken() -> Generator[None, None, Callable[[], None]]:
        yield
        raise ZeroDivisionError("drawn badly")

    with window(tmp_path / "home", "sample:wti") as bench:
        told: list[Failure] = []
        bench.export_controller.refused.disconnect()
        bench.export_controller.refused.connect(told.append)
        bench.export_controller._begin(tmp_path / "x.svg", broken())
        bench.export(tmp_path / "y.svg")
        wait(lambda: not bench.export_controller.writing)
        assert [item.message for item in told] == ["ZeroDivisionError: drawn badly"]
        assert (tmp_path / "y.svg").is_file()


# Tables


def test_tables_keep_numbers_and_make_no_formulas(tmp_path: Path) -> None:
    columns = {
        "=head": ["=1+1", "plain", "-x", "+1", "@a"],
        "number": np.array([-1.5, np.nan, 0.1, 1e-9, 3.0]),
        "count": np.array([-1, 2, 3, 4, 5]),
        "ds": np.array(
            ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"], "datetime64[us]"
        ),
    }
    write_table(tmp_path / "t.csv", columns)
    rows = list(csv.reader(io.StringIO((tmp_path / "t.csv").read_text())))
    assert rows[0] == ["'=head", "number", "count", "ds"]
    assert [row[0] for row in rows[1:]] == ["'=1+1", "plain", "'-x", "'+1", "'@a"]
    assert [row[1] for row in rows[1:]] == ["-1.5", "", "0.1", "1e-09", "3.0"]
    assert [row[2:] for row in rows[1:3]] == [["-1", "2024-01-01"], ["2", "2024-01-02"]]
    assert clipboard_text(columns).splitlines()[1] == "'=1+1\t-1.5\t-1\t2024-01-01"
    write_table(tmp_path / "t.parquet", columns)
    table = pq.read_table(tmp_path / "t.parquet")
    assert [str(field.type) for field in table.schema] == [
        "string",
        "double",
        "int64",
        "timestamp[us]",
    ]
    assert table["=head"].to_pylist() == columns["=head"]  # no spreadsheet reads these
    assert table["count"].to_pylist() == [-1, 2, 3, 4, 5]
    with pytest.raises(ExportError, match="no data"):
        write_table(tmp_path / "u.csv", {})
    with pytest.raises(ExportError, match=r"\.xls"):
        write_table(tmp_path / "u.xls", columns)


# Sizes and flags


@pytest.mark.parametrize(
    ("text", "dpi", "size", "density"),
    [
        ("10x6in", None, (10, 6), 300),
        ("1920x1080", None, (20, 11.25), 96),
        ("1920x1080", 192, (10, 5.625), 192),
        (" 25.4 × 12.7 cm ", 150, (10, 5), 150),
        ("254x127MM", None, (10, 5), 300),
    ],
)
def test_sizes_are_read_in_pixels_and_in_units(
    text: str, dpi: int | None, size: tuple[float, float], density: int
) -> None:
    found, pixels = read_size(text, dpi)
    assert found == pytest.approx(size)
    assert pixels == density


@pytest.mark.parametrize("text", ["", "10", "10x", "x6in", "10x6ft", "-10x6", "nanxnan"])
def test_other_sizes_are_refused_with_examples(text: str) -> None:
    with pytest.raises(ExportError, match="not a size") as caught:
        read_size(text)
    assert "1920x1080" in caught.value.hint


def test_flags_are_checked_before_the_work() -> None:
    target = [Path("f.png")]
    for settings, said in (
        ({"plot": "foo"}, "foo"),
        ({"size": "big"}, "big"),
        ({"size": "10x1in"}, "cannot be drawn"),
    ):
        with pytest.raises(ExportError, match=said):
            options_from(settings, target)
    with pytest.raises(ExportError, match="--dpi"):
        options_from({"dpi": 96}, [])
    with pytest.raises(ExportError, match=r"\.docx"):
        options_from({}, [Path("f.docx")])
    chosen = options_from(
        {"size": "960x480", "theme": "dark", "transparent": True, "footer": False}, target
    )
    assert chosen.look() == Look((10.0, 5.0), 96, "dark", True, False)


def test_plots_and_series_each_get_a_file(
    qapp: QApplication, result: RunResult, tmp_path: Path
) -> None:
    options = options_from({"plot": "price,loss", "size": "400x300"}, [tmp_path / "f.svg"])
    export([tmp_path / "f.svg", tmp_path / "f.csv"], result, options)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "f-OTHER.svg",
        "f-loss.svg",
        "f.csv",
        "f.svg",
    ]
    saved = Prediction(result.config, result.panel, result.forecasts)
    with pytest.raises(ExportError, match="nothing to draw"):
        export([tmp_path / "g.svg"], saved, options)
    assert sorted(path.name for path in tmp_path.glob("g*")) == ["g-OTHER.svg", "g.svg"]
    export(
        [tmp_path / "h.svg"],
        saved,
        options_from({"plot": "all", "size": "400x300"}, [tmp_path / "h.svg"]),
    )
    assert sorted(path.name for path in tmp_path.glob("h*")) == [
        "h-OTHER.svg",
        "h-candles-OTHER.svg",
        "h-candles.svg",
        "h.svg",
    ]


def test_all_plots_have_titles_of_their_own() -> None:
    assert len({kind.title for kind in PLOTS.values()}) == len(PLOTS)
