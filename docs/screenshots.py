"""Make the pictures of the documents: drives the real window on a sample, without a display.

Run it from the top of a checkout: ``python docs/screenshots.py [FOLDER [documents] [networks]
[judge] [gallery] [inputs] [search] [candles]]`` (``docs/images`` and all by default).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["CANDLECAST_HOME"] = tempfile.mkdtemp(prefix="candlecast-pictures-")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from PySide6.QtCore import QLocale, QRect, Qt
from PySide6.QtGui import QImage, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QGridLayout, QLabel, QWidget

from app import theme
from app.charts.picture_view import PictureView
from app.charts.shapes import ShapePicture
from app.lessons.lesson import read_lesson
from app.lessons.pictures import PICTURES
from app.lessons.run import run_lesson
from app.preferences import Preferences
from app.window import MainWindow
from app.window.workbench import Workbench
from forecasting.config import SHAPES, RunConfig
from forecasting.generators import run_to_end
from forecasting.shapes import describe
from forecasting.sources.samples import SampleSource

SIZE = (1280, 820)
SMALL = (1024, 700)
SETTINGS = {"model": "lstm", "epochs": 12, "horizon": 20, "patience": 12}


def wait(condition: Callable[[], object], seconds: float = 300) -> None:
    """Let the program run until a condition holds, and a moment more for it to be painted."""
    end = time.monotonic() + seconds
    settled = 0
    while settled < 20:
        if time.monotonic() > end:
            raise TimeoutError("the window did not get there")
        QApplication.processEvents()
        time.sleep(0.01)
        settled = settled + 1 if settled or condition() else 0


def opened(name: str, size: tuple[int, int]) -> Workbench:
    """Open a window of a size in a theme, with the sample in it and the engine ready."""
    preferences = Preferences(
        Path(tempfile.mkdtemp(prefix="candlecast-settings-")) / "preferences.json"
    )
    preferences.theme, preferences.toured = name, True
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.apply(app, theme.current(name))
    window = MainWindow(preferences, ["sample:sp500"])
    window.resize(*size)
    window.show()
    bench = window.furnish()
    wait(lambda: bench.session.panel and bench.session.engine and not bench.session.busy)
    bench.model.show_config(bench.model.config().changed(**SETTINGS))
    return bench


def compared(bench: Workbench) -> QPixmap:
    """Train two more networks and return a picture of all three on one chart: two selected in
    the table of runs, and the one that is shown.
    """
    for other in ({"model": "gru", "horizon": 30}, {"model": "rnn", "horizon": 40}):
        bench.model.show_config(bench.model.config().changed(**other, epochs=3))
        bench.train()
        wait(lambda: not bench.session.busy and bench.session.threads == 0)
    bench.runs.compare([run.key for run in bench.layout.runs.model.runs[:3]])
    bench.layout.docks["runs"].raise_()
    bench.banner.hide()
    wait(lambda: len(bench.chart.forecasts.compare.fans) == 2)
    return bench.window.grab()


def pictures(folder: Path) -> None:
    """Write all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size, suffix in (
        ("light", SIZE, ""),
        ("dark", SIZE, "-dark"),
        ("light", SMALL, "-small"),
    ):
        bench = opened(name, size)
        session = bench.session
        bench.train()
        wait(lambda session=session: len(session.history) > 5 or not session.busy)
        if name == "light" and not suffix:
            bench.window.grab().save(str(folder / "window-training.png"))
        wait(lambda session=session: not session.busy)
        if session.finished is None:
            raise RuntimeError(f"the training failed: {bench.banner.text}")
        bench.window.grab().save(str(folder / f"window{suffix}.png"))
        if name == "light" and not suffix:
            compared(bench).save(str(folder / "runs.png"))
        closed(bench)


#: Pictures of docs/networks.md: number of the lesson, step from 0, and name.
LESSONS = (
    (3, 0, "gates"),
    (4, 0, "exploding"),
    (5, 0, "memory"),
    (6, 2, "attention"),
    (7, 0, "yesterday"),
)


def closed(bench: Workbench) -> None:
    """Close a window and wait for all of it to be gone."""
    bench.session.unsaved = False
    bench.window.close()
    bench.session.close()
    bench.window.deleteLater()


def pictures_of_networks(folder: Path) -> None:
    """Write the pictures that explain the networks: those of the lessons, computed on the spot."""
    for number, index, name in LESSONS:
        run = run_to_end(run_lesson(read_lesson(number)))
        step = run.lesson.steps[index]
        view = PictureView()
        view.show_picture(PICTURES[step.picture](run.shown(step)))
        view.resize(920, 330 * view.picture.rows)
        kept(view, folder / f"networks-{name}.png")
        view.deleteLater()
    shapes(folder / "networks-shapes.png")


def shapes(path: Path) -> None:
    """Draw every shape beside its sentence."""
    sheet = QWidget()
    sheet.setStyleSheet(f"background: {theme.LIGHT.surface}")
    rows = QGridLayout(sheet)
    rows.setContentsMargins(20, 16, 20, 16)
    rows.setHorizontalSpacing(24)
    rows.setVerticalSpacing(18)
    for row, name in enumerate(SHAPES):
        diagram = describe(RunConfig().changed(shape=name))
        picture, words = ShapePicture(), QLabel(f"<b>{name}</b><br>{diagram.sentence}")
        picture.show_diagram(diagram)
        picture.setFixedSize(400, 120)
        words.setWordWrap(True)
        words.setFixedWidth(320)
        rows.addWidget(picture, row, 0)
        rows.addWidget(words, row, 1)
    sheet.adjustSize()
    sheet.grab().save(str(path))


#: Size of the gallery's windows, and that of a 4K screen that is set to 150 %.
GALLERY_SIZE, FOUR_K = (1440, 900), (2560, 1440)


def kept(widget: QWidget, path: Path, *, width: int = 0) -> None:
    """Write a picture of a widget with no more colours than it needs, scaled down to a width
    where one is given.
    """
    wait(lambda: True)
    image = widget.grab().toImage()
    if width:
        image.scaledToWidth(width, Qt.TransformationMode.SmoothTransformation).save(
            str(path), "PNG", 0
        )
        return
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    colors, counts = np.unique(np.frombuffer(image.constBits(), np.uint32), return_counts=True)
    most = [int(color) for color in colors[np.argsort(-counts)][:256]]
    few = image.convertToFormat(
        QImage.Format.Format_Indexed8, most, Qt.ImageConversionFlag.ThresholdDither
    )
    few.save(str(path), "PNG", 0)


def front(bench: Workbench, name: str) -> None:
    """Bring a panel to the front, without a message above the chart."""
    bench.layout.docks[name].raise_()
    bench.banner.hide()
    wait(lambda: True)


def loaded(bench: Workbench) -> None:
    """Put all real samples on the list, and train on the first."""
    bench.load(["sample:sp500"])
    wait(lambda: not bench.session.busy)
    for name in ("nasdaq", "wti"):
        bench.watchlist_controller.load((f"sample:{name}",), "also")
        wait(lambda: not bench.session.busy)
    bench.watchlist_controller.select(0)
    bench.session.check_only(0)
    wait(lambda: not bench.session.busy)


def price_file(folder: Path) -> str:
    """Write part of a sample as such files come: another dialect, the day first, a decimal
    comma.
    """
    (series,) = SampleSource("sp500").load()
    rows = ["Datum;Eröffnung;Hoch;Tief;Schluss;Umsatz"]
    chosen = [series.columns.index(name) for name in ("open", "high", "low", "close", "volume")]
    for day, bar in zip(series.ds[-400:], series.values[-400:, chosen], strict=True):
        year, month, date = str(day)[:10].split("-")
        rows.append(
            f"{date}.{month}.{year};" + ";".join(f"{value:.2f}".replace(".", ",") for value in bar)
        )
    path = folder / "Kurse 2018.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    return str(path)


def gallery(folder: Path) -> None:
    """Write the pictures of docs/gallery.md."""
    folder.mkdir(parents=True, exist_ok=True)
    bench = opened("light", GALLERY_SIZE)
    bench.help_controller.tour.begin()
    kept(bench.window, folder / "gallery-tour.png")
    bench.help_controller.tour.end()
    loaded(bench)
    bench.train()
    wait(lambda: len(bench.session.history) > 4 or not bench.session.busy)
    wait(lambda: not bench.session.busy)
    front(bench, "results")
    kept(bench.window, folder / "gallery-results.png")
    bench.results.judged.unfold()
    bench.results.judged.tabs.setCurrentIndex(2)
    front(bench, "results")
    kept(bench.window, folder / "gallery-calibration.png")
    bench.results.judged.tabs.setCurrentIndex(0)
    bench.results.judged.unfold(on=False)
    bench.window.resize(*SMALL)
    kept(bench.window, folder / "gallery-small.png")
    bench.window.resize(*GALLERY_SIZE)
    front(bench, "training")
    bench.training.show_view(2)
    kept(bench.window, folder / "gallery-memory.png")
    compared(bench)
    kept(bench.window, folder / "gallery-runs.png")
    bench.runs.compare([])
    backtested(bench)
    bench.past_forecasts.step(-6)
    front(bench, "backtest")
    kept(bench.window, folder / "gallery-backtest.png")
    bench.past_forecasts.leave()
    front(bench, "journal")
    kept(bench.window, folder / "gallery-journal.png")
    palette = bench.help_controller.find()
    palette.field.setText("sc")
    over(bench, palette, folder / "gallery-palette.png")
    palette.close()
    bench.export_controller.ask_export()
    assert bench.export_controller.dialog is not None
    over(bench, bench.export_controller.dialog, folder / "gallery-export.png")
    bench.export_controller.dialog.close()
    with tempfile.TemporaryDirectory() as index:
        os.chdir(index)
        bench.importer.open(price_file(Path()))
        wait(lambda: not bench.session.busy and bench.session.threads == 0)
        assert bench.importer.dialog is not None
        kept(bench.importer.dialog, folder / "gallery-import.png")
        bench.importer.dialog.close()
    bench.set_theme("dark")
    front(bench, "results")
    kept(bench.window, folder / "gallery-dark.png")
    bench.window.resize(*FOUR_K)
    front(bench, "training")
    bench.training.show_view(0)
    kept(bench.window, folder / "gallery-4k.png", width=1600)
    closed(bench)


def over(bench: Workbench, dialog: QWidget, path: Path) -> None:
    """Write a picture of a dialog over its window, as both are seen on a screen."""
    wait(lambda: True)
    sheet = QLabel(bench.window)
    sheet.setPixmap(bench.window.grab())
    sheet.resize(bench.window.size())
    painter = QPainter(picture := sheet.pixmap())
    corner = bench.window.rect().center() - dialog.rect().center()
    painter.drawPixmap(corner, dialog.grab())
    painter.setPen(theme.LIGHT.control)
    painter.drawRect(QRect(corner, dialog.size()))
    painter.end()
    sheet.setPixmap(picture)
    kept(sheet, path)
    sheet.deleteLater()


def forecasts_file(folder: Path) -> str:
    """Write forecasts of a sample as a notebook leaves them: yesterday's close with a little
    noise, under the names of two models.
    """
    (series,) = SampleSource("sp500").load()
    y, random = series.y[-500:], np.random.default_rng(0)
    rows = ["Date,Actual,LSTM,LSTM-lo-80,LSTM-hi-80,GRU"]
    for day, before, now in zip(series.ds[-499:], y[:-1], y[1:], strict=True):
        lstm, gru = before * np.exp(random.normal(0, 0.003, 2))
        rows.append(
            f"{str(day)[:10]},{now:.2f},{lstm:.2f},{lstm * 0.988:.2f},{lstm * 1.012:.2f},{gru:.2f}"
        )
    path = folder / "notebook.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    return str(path)


def judged(folder: Path) -> None:
    """Write the pictures of docs/judge.md: the dialog, and the judgement."""
    bench = opened("light", SIZE)
    with tempfile.TemporaryDirectory() as place:
        feature = bench.features["judge"]
        feature.open(forecasts_file(Path(place)))
        wait(lambda: feature.dialog is not None and feature.dialog.judge.isEnabled())
        kept(feature.dialog, folder / "judge-dialog.png")
        feature.dialog.judge.click()
        wait(lambda: feature.dialog is None and feature.shown.isVisible())
        wait(lambda: bench.session.threads == 0)
        kept(feature.shown, folder / "judge-window.png")
        feature.shown.close()
    closed(bench)


def inputs_file(folder: Path) -> str:
    """Write a made series whose next move is partly announced by a column, among columns of
    noise, with dividends, a split and reports.
    """
    random, n, ahead = np.random.default_rng(3), 1600, 10
    plan = random.normal(size=n + ahead)
    move = 0.01 * plan + 0.004 * random.normal(size=n + ahead)
    close = 40 * np.exp(np.cumsum(move))
    days = np.busday_offset("2018-01-01", np.arange(n + ahead), roll="forward")
    names = [f"factor {number}" for number in range(1, 39)]
    rows = [",".join(["Date", "Close", "Dividends", "Stock Splits", "Earnings", "plan", *names])]
    for index, day in enumerate(days):
        price = f"{close[index]:.2f}" if index < n else ""
        events = (0.24 * (index % 63 == 40), 2.0 * (index == 1450), 1 * (index % 63 == 20))
        cells = [f"{value:g}" for value in (*events, plan[index], *random.normal(size=38))]
        rows.append(",".join([str(day), price, *cells]))
    path = folder / "MADE.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    return str(path)


#: A network that learns in seconds what the made series has to tell.
ANNOUNCED = {
    "model": "transformer", "hidden_size": 16, "epochs": 12, "input_size": 40, "horizon": 5,
    "baselines": "drift", "hist_exog": "factor 1", "futr_exog": "plan,Earnings",
}  # fmt: skip


def inputs(folder: Path) -> None:
    """Write the pictures of docs/inputs.md, light and dark."""
    with tempfile.TemporaryDirectory() as place:
        path = inputs_file(Path(place))
        for name in ("light", "dark"):
            inputs_in(name, path, folder)


def inputs_in(name: str, path: str, folder: Path) -> None:
    """Write the pictures of inputs in a theme: import, list, form, strip, and why."""
    suffix = "" if name == "light" else f"-{name}"
    bench = opened(name, SMALL)
    bench.importer.open(path)
    dialog = bench.importer.dialog
    assert dialog is not None
    wait(dialog.load.isEnabled)
    dialog.tabs.setCurrentWidget(dialog.inputs)
    kept(dialog, folder / f"inputs-import{suffix}.png")
    dialog.load.click()
    wait(lambda: not bench.session.busy and bench.session.threads == 0)
    bench.model.show_config(RunConfig().changed(**ANNOUNCED))
    feature = bench.features["inputs"]
    feature.choose()
    wait(lambda: feature.dialog.table.rowCount() > 40)
    kept(feature.dialog, folder / f"inputs-dialog{suffix}.png")
    feature.dialog.close()
    if not bench.actions["why_strip"].isChecked():
        bench.actions["why_strip"].trigger()
    bench.train()
    wait(lambda: bench.session.finished is not None and not bench.session.busy)
    wait(lambda: bench.chart.why.visible)
    front(bench, "model")
    kept(bench.window, folder / f"inputs-strip{suffix}.png")
    feature.explain()
    why = feature.explanation
    wait(lambda: why.isVisible() and why.gains.isVisible())
    kept(why.content, folder / f"inputs-why{suffix}.png")
    why.close()
    closed(bench)


def planted_file(folder: Path) -> str:
    """Write a made series whose next return is higher after a large move of either sign five bars
    ago, and lower after a small one.
    """
    random, n = np.random.default_rng(1), 1200
    returns = 0.01 * random.normal(size=n)
    for bar in range(5, n):
        returns[bar] += 0.012 if abs(returns[bar - 5]) > 0.009 else -0.012
    days = np.busday_offset("2020-01-01", np.arange(n), roll="forward")
    values = 100 * np.exp(np.cumsum(returns))
    rows = [f"{day},{value:.4f}" for day, value in zip(days, values, strict=True)]
    path = folder / "MADE.csv"
    path.write_text("\n".join(["Date,Close", *rows]), encoding="utf-8")
    return str(path)


#: Settings that read one bar too few of the made series.
BLIND = {
    "horizon": 1, "input_size": 4, "epochs": 15, "hidden_size": 16, "dropout": 0.0,
    "learning_rate": 5e-3,
}  # fmt: skip


def searches(folder: Path) -> None:
    """Write the pictures of docs/search.md, light and dark."""
    with tempfile.TemporaryDirectory() as place:
        path = planted_file(Path(place))
        for name in ("light", "dark"):
            searched_in(name, path, folder)


def searched_in(name: str, path: str, folder: Path) -> None:
    """Write the pictures of a search in a theme: trials as they come, then best loss so far,
    parallel coordinates and the importance of settings.
    """
    from app.features.search.choice import SearchBudget, SearchScope

    suffix = "" if name == "light" else f"-{name}"
    bench = opened(name, SIZE)
    bench.load([path])
    wait(lambda: not bench.session.busy and bench.session.panel[0].symbol == "MADE")
    bench.model.show_config(RunConfig().changed(**BLIND))
    panel, found = bench.layout.panels["search"], bench.features["search"]
    panel.show_choice(
        SearchBudget(minutes=0, trials=24), SearchScope(inputs=False, target=False, dropout=False)
    )
    bench.actions["search"].trigger()
    wait(lambda: len(found.trials) > 12 or not found.live)
    front(bench, "search")
    kept(bench.window, folder / f"search-trials{suffix}.png")
    wait(lambda: found.result is not None and not bench.session.busy)
    bench.window.resize(1440, 1000)
    for index, view in ((1, "best"), (3, "parallel"), (4, "importance")):
        panel.view.setCurrentIndex(index)
        front(bench, "search")
        kept(panel, folder / f"search-{view}{suffix}.png")


def candles(folder: Path) -> None:
    """Write the pictures of whole candles in docs/odds.md, light and dark."""
    for name in ("light", "dark"):
        candles_in(name, folder)


def candles_in(name: str, folder: Path) -> None:
    """Write the picture of whole candles in a theme."""
    suffix = "" if name == "light" else f"-{name}"
    bench = opened(name, SIZE)
    bench.actions["whole_candles"].setChecked(True)
    bench.train()
    wait(lambda: bench.chart.forecasts.candles.known and not bench.session.busy)
    bench.actions["span-1M"].trigger()
    front(bench, "model")
    kept(bench.window, folder / f"whole-candles{suffix}.png")
    closed(bench)


def backtested(bench: Workbench) -> None:
    """Test the settings through history."""
    bench.actions["backtest"].trigger()
    wait(lambda: not bench.session.busy)


if __name__ == "__main__":
    application = QApplication(sys.argv[:1])
    QLocale.setDefault(QLocale(QLocale.Language.English))
    images = (
        Path(sys.argv[1]).resolve()
        if len(sys.argv) > 1
        else Path(__file__).resolve().parent / "images"
    )
    makers = {
        "documents": pictures,
        "networks": pictures_of_networks,
        "judge": judged,
        "gallery": gallery,
        "inputs": inputs,
        "search": searches,
        "candles": candles,
    }
    for wanted in sys.argv[2:] or makers:
        makers[wanted](images)
