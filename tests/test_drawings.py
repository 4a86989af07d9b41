"""Drawings on the price chart: anchored at dates, drawn and moved by hands, undone and stored."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from window_bench import idle, price_file, rested, window

from app import dialogs
from app.charts.axis import Timeline
from app.charts.drawing import KINDS, Anchor, Drawing, Drawings, date_at, positions
from app.charts.drawing_layer import clipped
from app.charts.marks import Mark, MarksArtist
from app.charts.measure import measured
from app.features.drawings.dates_file import read_dates
from app.features.project.project_file import read_project
from app.window.workbench import Workbench
from forecasting.errors import DataError


def weekdays(count: int) -> Timeline:
    days = np.busday_offset("2024-01-01", np.arange(count), roll="forward")
    return Timeline(days.astype("datetime64[us]"))


def test_a_date_stays_where_it_is_when_bars_are_joined_or_added() -> None:
    daily = weekdays(300)
    for bar in (-20, 0, 7, 299, 320):
        found = positions(daily, np.array([date_at(daily, bar)], "datetime64[us]"))
        assert found[0] == pytest.approx(bar, abs=1e-6)
    weekly = Timeline(daily.ds[4::5])
    day = np.array([daily.ds[100], daily.ds[104]], "datetime64[us]")
    first, last = positions(weekly, day)
    assert last == 20
    assert 19 < first < 20
    longer = weekdays(340)
    ahead = np.array([date_at(daily, 320)], "datetime64[us]")
    assert positions(longer, ahead)[0] == pytest.approx(320, abs=2)


def test_a_ray_goes_on_and_a_segment_does_not() -> None:
    start, end = QPointF(10, 10), QPointF(20, 20)
    ray = clipped(start, end, 100, 50, (0.0, math.inf))
    segment = clipped(start, end, 100, 50, (0.0, 1.0))
    assert ray is not None
    assert segment is not None
    assert (ray[1].x(), ray[1].y()) == (50, 50)
    assert segment[1] == end
    assert clipped(QPointF(-9, 60), QPointF(200, 70), 100, 50, (0.0, 1.0)) is None
    far = clipped(QPointF(-1e9, -1e9), QPointF(1e9, 1e9), 100, 50, (0.0, 1.0))
    assert far is not None
    assert (far[0].x(), far[1].x()) == pytest.approx((0, 50), abs=1e-4)


def test_a_measure_tells_change_percent_bars_and_days() -> None:
    timeline = weekdays(100)
    assert measured(timeline, (10, 80.0), (15, 100.0)) == (
        "+20.00 (+25.00 %)  ·  5 bars  ·  7 days"
    )
    assert measured(timeline, (15, 100.0), (14, 90.0)).startswith("−10.00 (−10.00 %)  ·  -1 bar ")
    minutes = Timeline(np.datetime64("2024-01-02T09:30", "us") + np.arange(300) * 60_000_000)
    assert measured(minutes, (0, 1.0), (90, 1.0)).endswith("90 bars  ·  1 h 30 min")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "trend", "anchors": [{"ds": "2024-01-01", "price": 1}]},
        {"kind": "note", "anchors": [{"ds": "2024-01-01", "price": math.inf}]},
        {"kind": "spiral", "anchors": [{"ds": "2024-01-01", "price": 1}]},
        {"kind": "note", "anchors": [{"ds": "2024-01-01T00:00:00Z", "price": 1}]},
    ],
)
def test_a_drawing_that_makes_no_sense_is_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Drawing.model_validate({"symbol": "A", **fault})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-01,Split\n2024-03-05", [("2024-02-01", "Split", ""), ("2024-03-05", "", "")]),
        ("Event;Day;Ticker\nSplit;1.2.2024;AAA", [("2024-02-01", "Split", "AAA")]),
        ("Date,What\n13/02/2024,x\n1/3/2024,y", [("2024-02-13", "x", ""), ("2024-03-01", "y", "")]),
        ("date\n2024-02-01T14:30", [("2024-02-01T14:30", "", "")]),
    ],
)
def test_dates_are_read_from_files(
    tmp_path: Path, text: str, expected: list[tuple[str, str, str]]
) -> None:
    path = tmp_path / "dates.csv"
    path.write_text(text)
    found = [(item.ds, item.text, item.symbol) for item in read_dates(path)]
    assert found == [(datetime.fromisoformat(day), *rest) for day, *rest in expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1/2/2024,x", "line 1: 1/2/2024 has its day and month in an unknown order"),
        ("Date,What\n2024-02-30,x", "line 2: '2024-02-30' is no date"),
        ("2024-02-01T10:00+01:00", "names a time zone"),
        ("\n\n", "holds no dates"),
    ],
)
def test_dates_that_cannot_be_read_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "dates.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_dates(path)


def test_marks_stand_at_the_next_bar_and_join_where_they_would_overlap() -> None:
    artist = MarksArtist()
    artist.set_timeline(weekdays(100))
    days = ("2024-01-06", "2024-01-08", "2024-02-01")
    artist.show("dates", [Mark(np.datetime64(day, "us"), "•", day) for day in days])
    assert artist.read(5) == "2024-01-06; 2024-01-08"
    assert artist.read(4) == ""
    assert artist.at(23)[0].text == "2024-02-01"


@pytest.fixture(scope="module")
def opened(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialogs, "ask_save_project", lambda *_: "discard")
        with window(tmp_path_factory.mktemp("drawings")) as bench:
            yield bench


@pytest.fixture
def bench(opened: Workbench, tmp_path: Path) -> Iterator[Workbench]:
    """The window on a series of 300 bars without drawings."""
    opened.session.remove(range(len(opened.session.watchlist)))
    opened.features["drawings"].take(Drawings())
    opened.watchlist_controller.load([price_file(tmp_path / "one.csv", bars=300)])
    idle(opened)
    opened.chart.refresh()
    QApplication.processEvents()
    yield opened
    opened.chart.drawings.cancel()
    opened.chart.measure.clear()
    opened.chart.hide_entries(frozenset())
    rested(opened)


def pixel(bench: Workbench, bar: int, price: float) -> QPoint:
    """Return where a bar and a price are in the viewport of the chart."""
    pane = bench.chart.price_pane
    point = pane.mapToScene(pane.frame().at(bar, price))
    return bench.chart._view.mapFromScene(point)


def press(bench: Workbench, *points: QPoint, keys: Qt.KeyboardModifier) -> None:
    """Drag over points of the chart."""
    port = bench.chart._view.viewport()
    QTest.mousePress(port, Qt.MouseButton.LeftButton, keys, points[0])
    for point in points[1:]:
        left = Qt.MouseButton.LeftButton
        where = (QPointF(point), QPointF(port.mapToGlobal(point)))
        move = QMouseEvent(QEvent.Type.MouseMove, *where, Qt.MouseButton.NoButton, left, keys)
        QApplication.sendEvent(port, move)
        QApplication.processEvents()
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, keys, points[-1])
    QApplication.processEvents()


def drawn(bench: Workbench) -> tuple[Drawing, ...]:
    series = bench.session.series
    assert series is not None
    return bench.features["drawings"].drawings.of(series.symbol)


def horizontal(bench: Workbench, price: float) -> Drawing:
    """Return a horizontal line at the last bar of the shown series."""
    series = bench.session.series
    assert series is not None
    anchor = Anchor(ds=series.ds[-1].item(), price=price)
    return Drawing(symbol=series.symbol, kind="horizontal", anchors=(anchor,))


@pytest.mark.parametrize("kind", KINDS)
def test_clicks_draw_each_kind_and_undo_takes_it_back(bench: Workbench, kind: str) -> None:
    bench.actions[f"draw-{kind}"].trigger()
    series, port = bench.chart.series, bench.chart._view.viewport()
    assert series is not None
    points = [pixel(bench, bar, float(series["high"][bar])) for bar in (260, 290)]
    for point in points[: KINDS[kind].anchors]:
        QTest.mouseClick(port, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)
        QApplication.processEvents()
    dialog = bench.features["drawings"].dialog
    if kind == "note":
        assert dialog is not None
        dialog.text.setPlainText("Look again")
        dialog.accept_button.click()
    (drawing,) = drawn(bench)
    assert drawing.kind == kind
    assert drawing.text == ("Look again" if kind == "note" else "")
    assert drawing.anchors[0].price == pytest.approx(float(series["high"][260]))  # the magnet
    assert drawing.anchors[0].ds == series.ds[260].item()
    assert not bench.actions[f"draw-{kind}"].isChecked()
    while drawn(bench):
        bench.actions["undo"].trigger()


def test_a_drag_moves_a_line_as_one_change(bench: Workbench) -> None:
    series = bench.chart.series
    assert series is not None
    line = horizontal(bench, float(series.y[-20:].mean()))
    bench.chart.drawings.add(line)
    bench.chart.drawings.select(None)
    bench.chart.refresh()
    QApplication.processEvents()
    price = line.anchors[0].price
    start, end = (pixel(bench, 280, value) for value in (price, price * 1.02))
    between = QPoint(start.x(), (start.y() + end.y()) // 2)
    view = bench.chart.shown_bars
    press(bench, start, between, end, keys=Qt.KeyboardModifier.NoModifier)
    (moved,) = drawn(bench)
    assert moved.anchors[0].price > price
    assert bench.chart.shown_bars == view
    settings = bench.model.config()
    bench.model.show_config(settings.changed(epochs=settings.train.epochs + 1))
    for _ in range(2):
        bench.actions["undo"].trigger()
    assert (drawn(bench), bench.model.config()) == ((line,), settings)
    for _ in range(2):
        bench.actions["redo"].trigger()
    assert drawn(bench) == (moved,)
    assert bench.model.config() != settings
    assert not bench.actions["redo"].isEnabled()
    for _ in range(2):
        bench.actions["undo"].trigger()
    assert drawn(bench) == (line,)


def test_keys_choose_move_copy_and_delete(bench: Workbench) -> None:
    chart, series = bench.chart, bench.chart.series
    assert series is not None
    bench.actions["draw-trend"].trigger()
    for _ in range(3):
        QTest.keyClick(chart, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(chart, Qt.Key.Key_Return)
    for _ in range(5):
        QTest.keyClick(chart, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(chart, Qt.Key.Key_Return)
    (line,) = drawn(bench)
    assert line.anchors[0].price == pytest.approx(float(series.y[-4]))
    assert line.anchors[1].ds == series.ds[-9].item()
    QTest.keyClick(chart, Qt.Key.Key_Escape)
    assert chart.drawings.selected is None
    QTest.keyClick(chart, Qt.Key.Key_D)
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert drawn(bench)[0].anchors[0].ds == series.ds[-5].item()
    QTest.keyClick(chart, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(chart, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert len(drawn(bench)) == 2
    QTest.keyClick(chart, Qt.Key.Key_Delete)
    assert len(drawn(bench)) == 1
    assert "Trend line" in chart.summary()


def test_shift_and_drag_measures(bench: Workbench) -> None:
    series = bench.chart.series
    assert series is not None
    points = [pixel(bench, bar, float(series.y[bar])) for bar in (250, 260, 280)]
    view = bench.chart.shown_bars
    press(bench, *points, keys=Qt.KeyboardModifier.ShiftModifier)
    assert "30 bars" in bench.chart.measure.text(log=False)
    assert bench.chart.shown_bars == view
    QTest.keyClick(bench.chart, Qt.Key.Key_Escape)
    assert not bench.chart.measure.shown


def test_a_project_holds_the_drawings_and_older_projects_open(
    bench: Workbench, tmp_path: Path
) -> None:
    bench.chart.drawings.add(horizontal(bench, 99.5))
    path = tmp_path / "own.candleproject"
    assert bench.project_controller.save_to(path)
    assert [item.anchors[0].price for item in read_project(path).drawings.items] == [99.5]
    older = json.loads(path.read_text())
    del older["drawings"]
    other = tmp_path / "older.candleproject"
    other.write_text(json.dumps(older))
    bench.project_controller.open(other)
    idle(bench)
    assert drawn(bench) == ()
    bench.project_controller.open(path)
    idle(bench)
    assert len(drawn(bench)) == 1
    bench.project_controller.new()
    idle(bench)


def test_drawings_without_a_project_come_back(bench: Workbench) -> None:
    bench.chart.drawings.add(horizontal(bench, 98.0))
    bench.features["drawings"].save()
    bench.features["drawings"].take(Drawings())
    bench.features["drawings"].restore()
    assert [item.anchors[0].price for item in drawn(bench)] == [98.0]
    bench.features["drawings"].take(Drawings())
    bench.features["drawings"].save()


def test_the_menu_of_the_chart_draws_copies_and_measures_there(bench: Workbench) -> None:
    series = bench.chart.series
    assert series is not None
    menu = QMenu()
    spot = pixel(bench, 270, float(series.y[270]))
    bench.chart.fill_menu(menu, bench.chart._view.viewport().mapToGlobal(spot))
    texts = {action.text(): action for action in menu.actions()}
    copy = next(action for text, action in texts.items() if text.startswith("Copy &price"))
    copy.trigger()
    assert float(QApplication.clipboard().text()) == pytest.approx(series.y[270], rel=0.05)
    below = texts["Add &line"].menu()
    assert isinstance(below, QMenu)
    below.actions()[0].trigger()
    assert drawn(bench)[0].kind == "horizontal"
    texts["&Measure from here\tM"].trigger()
    assert bench.chart.measure.shown


def test_marked_dates_are_told_undone_and_stored(bench: Workbench, tmp_path: Path) -> None:
    series = bench.chart.series
    assert series is not None
    path = tmp_path / "dates.csv"
    path.write_text(f"{str(series.ds[280])[:10]},Annual report\n2030-01-01,Far ahead\n")
    bench.features["dates"].open(path)
    bench.chart.refresh()
    said: list[str] = []
    bench.chart.readout.connect(said.append)
    QTest.mouseMove(bench.chart._view.viewport(), pixel(bench, 280, float(series.y[280])))
    QApplication.processEvents()
    assert any("Annual report" in text for text in said)
    menu = QMenu()
    bench.features["drawings"].menu_filled.emit(bench.chart, menu, datetime(2030, 1, 1), 280)
    assert [action.text() for action in menu.actions()] == [
        "Mar&k this date…",
        "Re&move the mark",
    ]
    menu.actions()[1].trigger()
    assert len(bench.features["drawings"].drawings.dates) == 1
    bench.actions["undo"].trigger()
    project = tmp_path / "dates.candleproject"
    assert bench.project_controller.save_to(project)
    assert len(read_project(project).drawings.dates) == 2
    bench.project_controller.new()
    idle(bench)


def test_a_click_with_shift_in_the_legend_shows_one_alone(bench: Workbench) -> None:
    from forecasting.indicators import Indicator

    chart = bench.chart
    indicators = tuple(Indicator("sma", (float(bars),)) for bars in (5, 10, 20))
    bench.view_controller.indicator_controller.show(indicators)
    chart.refresh()
    chart.solo("sma:10")
    assert chart.hidden == {"sma:5", "sma:20"}
    chart.solo("sma:10")
    assert chart.hidden == frozenset()
    bench.view_controller.indicator_controller.show(())
