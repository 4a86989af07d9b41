"""The watchlist: what it keeps, what it trains, how it is driven by mouse and keys, and how it
comes back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QModelIndex, QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QPushButton
from window_bench import idle, price_file, texts, wait, window

from app.features.watchlist.panel import _where_from
from app.features.watchlist.sections import sections_of
from app.features.watchlist.series_list import SeriesList
from app.theme import DARK, LIGHT
from app.watchlist import SPARK, Row, SeriesPreview, Watchlist, name_of
from app.window.workbench import Workbench
from forecasting.errors import CandlecastError
from forecasting.events import Event, Progress, SeriesLoaded
from forecasting.series import Panel, PriceSeries, Provenance
from forecasting.sources import ReadOptions, Request, TickerOptions


def series(symbol: str, bars: int = 100, last: float = 110.0) -> PriceSeries:
    ds = np.datetime64("2020-01-01", "us") + np.arange(bars) * np.timedelta64(1, "D")
    return PriceSeries(symbol, ds, ("close",), np.linspace(100, last, bars)[:, None])


def asked(*names: str) -> list[Request]:
    return [Request(reference=name) for name in names]


def listed(*names: str) -> Watchlist:
    return Watchlist().with_series(
        asked(*names), [(index, series(name)) for index, name in enumerate(names)], "only"
    )


def symbols(watchlist: Watchlist, *, checked: bool = False) -> str:
    return " ".join(row.symbol for row in watchlist.rows if row.checked or not checked)


def test_what_was_just_loaded_is_trained_and_what_was_there_stays() -> None:
    first = listed("A", "B")
    second = first.with_series(asked("C"), [(0, series("C"))], "only")
    assert (symbols(second), symbols(second, checked=True)) == ("A B C", "C")
    third = second.with_series(asked("D"), [(0, series("D"))], "also")
    assert symbols(third, checked=True) == "C D"
    assert third.panel is not None
    assert third.panel.symbols == ("C", "D")
    again = third.with_series(asked("A"), [(0, series("A", 50))], "as_before")
    assert (symbols(again), symbols(again, checked=True)) == ("A B C D", "C D")
    assert again[0].glimpse is not None
    assert again[0].glimpse.bars == 50


def test_a_file_of_many_series_keeps_the_order_and_the_checks_of_the_user() -> None:
    names = ["A", "B", "C"]
    many = Watchlist().with_series(asked("panel"), [(0, series(name)) for name in names], "only")
    mine = many.moved(2, 0).with_check([1], False)
    assert (symbols(mine), symbols(mine, checked=True)) == ("C A B", "C B")
    again = mine.with_series(
        asked("panel"), [(0, series(name)) for name in ("A", "B", "C", "D")], "as_before"
    )
    assert (symbols(again), symbols(again, checked=True)) == ("C A B D", "C B D")
    assert len(again.requests) == 1


def test_other_options_take_the_place_of_what_they_change() -> None:
    before = asked("A")[0]
    after = Request(reference="A", read=ReadOptions(symbol="renamed"))
    found = listed("A", "B").with_series(
        [after], [(0, series("renamed"))], "as_before", instead=(before,)
    )
    assert symbols(found) == "renamed B"
    assert found.request_for("A") == after


def test_two_series_of_one_name_are_never_trained_together() -> None:
    other = [Request(reference="folder/A.csv")]
    found = listed("A").with_series(other, [(0, series("A"))], "also")
    assert [row.checked for row in found.rows] == [False, True]
    assert found.with_check([0], True).panel is not None
    assert [row.checked for row in found.with_check([0], True).rows] == [True, False]


def test_what_cannot_be_loaded_says_why_and_what_is_new_is_listed_only_if_requested() -> None:
    found = (
        listed("A")
        .with_problem(asked("A")[0], "gone", "look", add=False)
        .with_problem(asked("yahoo:zzz")[0], "unknown", "", add=True)
    )
    assert [(row.symbol, row.problem, row.checked) for row in found.rows] == [
        ("A", "gone", True),
        ("ZZZ", "unknown", False),
    ]
    assert found.with_problem(asked("B")[0], "no", "", add=False) == found
    assert found.with_series(asked("A"), [(0, series("A"))], "as_before")[0].problem == ""


def test_names_of_what_is_not_loaded() -> None:
    requests = ["yahoo: aapl", "sample:wti", "/data/prices.2024.csv"]
    assert [name_of(Request(reference=item)) for item in requests] == ["AAPL", "wti", "prices.2024"]


def test_the_list_survives_json_with_all_that_was_settled() -> None:
    request = Request(
        reference="a.csv",
        read=ReadOptions(columns={"close": 3, "unused": "4|5"}, resample="1W"),
        ticker=TickerOptions(period="5y", raw=True),
    )
    kept = Watchlist().with_series([request], [(0, series("A", 400, 0.123456789))], "only")
    text = kept.to_json(0)
    assert json.loads(text)["version"] == 1
    back, selected = Watchlist.from_json(text)
    assert (back[0].request, back[0].symbol, back[0].checked, selected) == (request, "A", True, 0)
    assert back[0].series is None
    assert back[0].glimpse == kept[0].glimpse
    assert kept[0].glimpse is not None
    assert len(kept[0].glimpse.closes) == SPARK


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"version": 2, "rows": []}', "another version"),
        ('{"rows": []}', "another version"),
        ('{"version": 1, "rows": [{"symbol": "A"}]}', "damaged"),
        ("{", "damaged"),
        (
            '{"version": 1, "rows": [{"symbol": "A", "request": {"reference": "a", "evil": 1}}]}',
            "damaged",
        ),
    ],
)
def test_a_damaged_list_is_refused(text: str, told: str) -> None:
    with pytest.raises(CandlecastError, match=told):
        Watchlist.from_json(text)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("files")
    return [
        price_file(folder / f"{name}.csv", 120 + index, seed=index)
        for index, name in enumerate(("one", "two", "three"))
    ]


@pytest.fixture(scope="module")
def shared(
    qapp: Any, files: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workbench]:
    with window(tmp_path_factory.mktemp("kept"), files[0]) as bench:
        yield bench


@pytest.fixture
def bench(shared: Workbench, files: list[str]) -> Iterator[Workbench]:
    """The shared window with three series, all of them trained, the first one shown."""
    shared.session.remove(range(len(shared.session.watchlist)))
    shared.load(files)
    idle(shared)
    shared.data.list.setFocus()
    yield shared
    idle(shared)


def rows(bench: Workbench) -> str:
    return " ".join(
        f"{row.symbol}{'*' if row.checked else ''}" for row in bench.session.watchlist.rows
    )


@pytest.mark.slow
def test_the_keyboard_does_it_all(qtbot: Any, bench: Workbench) -> None:
    view, alt = bench.data.list, Qt.KeyboardModifier.AltModifier
    assert rows(bench) == "one* two* three*"
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert bench.session.series is not None
    assert bench.session.series.symbol == "two"
    assert bench.window.windowTitle().startswith("two")
    qtbot.keyClick(view, Qt.Key.Key_Space)
    assert rows(bench) == "one* two three*"
    assert "Training takes 2 of 3 together. two is only shown." in texts(bench.data)
    assert bench.session.panel is not None
    assert bench.session.panel.symbols == ("one", "three")
    qtbot.keyClick(view, Qt.Key.Key_Down, alt)
    assert rows(bench) == "one* three* two"
    assert (bench.session.selected, view.current) == (2, 2)
    qtbot.keyClick(view, Qt.Key.Key_Down, alt)
    qtbot.keyClick(view, Qt.Key.Key_Up, alt)
    qtbot.keyClick(view, Qt.Key.Key_Up, alt)
    assert rows(bench) == "two one* three*"
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert rows(bench) == "one* three*"
    assert bench.session.series.symbol == "one"


def test_the_mouse_checks_drags_and_removes(qtbot: Any, bench: Workbench) -> None:
    view, model = bench.data.list, bench.data.list.model()
    box = view.visualRect(model.index(1, 0)).topLeft() + QPoint(15, 22)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=box)
    assert rows(bench) == "one* two three*"
    assert bench.session.selected == 0, "a click on the box shows nothing else"
    data = model.mimeData([model.index(0, 0)])
    assert not model.dropMimeData(data, Qt.DropAction.MoveAction, 3, 0, QModelIndex())
    assert rows(bench) == "two three* one*"
    assert not model.dropMimeData(QMimeData(), Qt.DropAction.MoveAction, 0, 0, QModelIndex())
    for name in ("Move up", "Remove"):
        qtbot.mouseClick(
            next(item for item in bench.data.buttons.values() if item.accessibleName() == name),
            Qt.MouseButton.LeftButton,
        )
    assert rows(bench) == "two three*"


def test_several_rows_are_checked_at_once_and_one_alone(qtbot: Any, bench: Workbench) -> None:
    view = bench.data.list
    view.selectAll()
    qtbot.keyClick(view, Qt.Key.Key_Space)
    assert rows(bench) == "one two three"
    assert bench.session.panel is None
    assert not bench.actions["train"].isEnabled()
    assert "Check at least one series" in texts(bench.data)
    only = next(action for action in view.actions() if "only" in action.text())
    view.setCurrentIndex(view.model().index(1, 0))
    only.trigger()
    assert rows(bench) == "one two* three"
    assert bench.actions["train"].isEnabled()


def test_a_loading_that_is_stopped_keeps_what_is_there(
    qtbot: Any, bench: Workbench, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from forecasting import jobs

    def slow(requests: Any, should_stop: Any = None, refresh: str = "auto") -> Iterator[Event]:
        yield Progress(0, 2, "Loading")
        while not should_stop():
            time.sleep(0.01)
        yield SeriesLoaded(Panel((series("kept"),)), (0,))

    monkeypatch.setattr(jobs, "load", slow)
    bench.watchlist_controller.load(["kept", "never"], "also")
    wait(lambda: bench.session.progress is not None)
    bench.actions["stop"].trigger()
    idle(bench)
    assert rows(bench) == "one* two* three* kept*"


def test_rows_speak(qtbot: Any, bench: Workbench) -> None:
    told = bench.data.list.model().index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    for part in ("one, trained", "last ", "120 bars, daily, up to 2024-06-14"):
        assert part in told
    assert (
        QAccessible.queryAccessibleInterface(bench.data.list).text(QAccessible.Text.Name)
        == "Watchlist"
    )
    for theme in (DARK, LIGHT):
        bench.data.set_theme(theme)
        assert not bench.data.list.grab().isNull()


@pytest.mark.slow
def test_calendar_and_distance_of_bars_are_a_choice_for_each_series(
    qtbot: Any, bench: Workbench
) -> None:
    field = bench.data.resample
    assert field.currentText() == "Found: daily"
    field.setFocus()
    field.setCurrentIndex(field.findData("1W"))
    field.activated.emit(field.currentIndex())
    idle(bench)
    assert bench.session.series is not None
    assert (bench.session.series.freq, rows(bench)) == ("1W", "one* two* three*")
    assert "joined into" in texts(bench.data)
    calendar = bench.data.calendar
    calendar.setCurrentIndex(calendar.findData("XNYS"))
    calendar.activated.emit(calendar.currentIndex())
    idle(bench)
    assert (bench.session.series.calendar, bench.session.series.freq) == ("XNYS", "1W")
    bench.actions["reload"].trigger()
    idle(bench)
    assert (bench.session.series.calendar, bench.session.series.freq) == ("XNYS", "1W"), (
        "a reload keeps what was settled"
    )
    field.setCurrentIndex(field.findData("1h"))
    field.activated.emit(field.currentIndex())
    idle(bench)
    assert "cannot be joined" in bench.banner.text
    assert bench.session.series.freq == "1W"
    qtbot.keyClick(bench.data.list, Qt.Key.Key_Down)
    assert bench.data.resample.currentText() == "Found: daily"


def test_one_file_that_fails_does_not_lose_the_others(
    qtbot: Any, bench: Workbench, tmp_path: Path
) -> None:
    missing = tmp_path / "gone.csv"
    bench.watchlist_controller.load(
        [str(missing), price_file(tmp_path / "four.csv", seed=9)], "also"
    )
    idle(bench)
    assert rows(bench) == "one* two* three* four* gone"
    assert "gone.csv" in bench.banner.text
    view = bench.data.list
    view.setCurrentIndex(view.model().index(4, 0))
    assert "gone.csv" in texts(bench.data)
    assert "Retry" in texts(bench.data)
    price_file(missing)
    qtbot.mouseClick(bench.data._trouble.retry, Qt.MouseButton.LeftButton)
    idle(bench)
    assert bench.session.series is not None
    assert bench.session.series.symbol == "gone"
    assert "Retry" not in texts(bench.data)


@pytest.mark.slow
def test_samples_and_files_are_added_from_the_panel(
    qtbot: Any, bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = price_file(tmp_path / "added.csv")
    monkeypatch.setattr(
        "PySide6.QtWidgets.QFileDialog.getOpenFileNames", lambda *_args: ([chosen], "")
    )
    file, _ticker, samples = bench.data.buttons["add"].menu().actions()
    file.trigger()
    idle(bench)
    samples.menu().actions()[0].trigger()
    idle(bench)
    assert rows(bench) == "one* two* three* added* sp500*"


@pytest.mark.slow
def test_the_list_comes_back_and_loads_only_what_is_trained(
    qtbot: Any, files: list[str], tmp_path: Path
) -> None:
    with window(tmp_path, *files) as bench:
        bench.session.check([1], False)
        bench.watchlist_controller.select(2)
    kept = tmp_path / "watchlist.json"
    assert kept.is_file()
    assert not list(tmp_path.glob("*.candlecast-part"))
    Path(files[2]).rename(f"{files[2]}.away")
    try:
        with window(tmp_path) as bench:
            assert rows(bench) == "one* two three*"
            loaded = [row.series is not None for row in bench.session.watchlist.rows]
            assert loaded == [True, False, False], "two rests, three is gone"
            assert bench.session.selected == 2
            assert "three.csv" in texts(bench.data)
            view = bench.data.list
            assert "as of the last time" in view.model().index(1, 0).data(
                Qt.ItemDataRole.ToolTipRole
            )
            view.setCurrentIndex(view.model().index(1, 0))
            idle(bench)
            assert bench.session.series is not None
            assert bench.session.series.symbol == "two"
            assert rows(bench) == "one* two three*", "looking at a series does not train it"
            bench.session.remove([0, 1, 2])
            assert bench.data.currentIndex() == 0, "the empty state"
            assert bench.session.panel is None
    finally:
        Path(f"{files[2]}.away").rename(files[2])


@pytest.mark.slow
def test_the_list_is_written_some_time_after_a_change_and_only_once(
    qtbot: Any, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    monkeypatch.setattr(
        "app.features.watchlist.controller.atomic_write", lambda path, _data: written.append(path)
    )
    monkeypatch.setattr("app.features.watchlist.controller._SAVE_MS", 50)
    for index in (0, 1, 0, 1):
        bench.session.check([index], False)
    assert written == []
    wait(lambda: len(written) == 1, 5)
    bench.watchlist_controller.save()
    assert len(written) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "left"),
    [("{broken", "watchlist.damaged-*.json"), ('{"version": 9, "rows": []}', "watchlist.json")],
)
def test_a_list_that_cannot_be_read_is_never_lost(
    qtbot: Any, files: list[str], tmp_path: Path, text: str, left: str
) -> None:
    (tmp_path / "watchlist.json").write_text(text)
    with window(tmp_path, files[0]) as bench:
        assert rows(bench) == "one*"
    (kept,) = tmp_path.glob(left)
    assert kept.read_text() == text


def test_a_glimpse_tells_changes_only_where_there_are_some() -> None:
    assert SeriesPreview.of(series("A", 1)).change is None
    assert Row(asked("a")[0], "a").glimpse is None
    change = SeriesPreview.of(series("A", 2, 110.0)).change
    assert change == pytest.approx(0.1)


def test_the_source_of_a_resampled_file_is_still_named() -> None:
    assert (
        _where_from(Provenance("/data/prices.csv", note="resampled from 1D to 1W"))
        == "prices.csv; resampled from 1D to 1W"
    )
    assert _where_from(Provenance("/data/prices.csv")) == "prices.csv"
    assert _where_from(Provenance("sample:sp500", note="S&P 500 index")) == "S&P 500 index"


def test_rows_are_as_high_as_two_lines_of_their_font(qapp: object) -> None:
    rows = SeriesList()
    usual, font = rows.row_height, rows.font()
    font.setPixelSize(24)
    rows.setFont(font)
    assert rows.row_height > usual
    assert rows.row_height >= 2 * rows.fontMetrics().height()
    rows.deleteLater()


def test_what_was_removed_comes_back_by_undo(qtbot: Any, bench: Workbench) -> None:
    rows = bench.session.watchlist.rows
    before = [(row.symbol, row.checked) for row in rows]
    bench.window.activateWindow()
    bench.data.list.setFocus()
    for undo in ("key", "window", "button"):
        bench.data.list.selectAll()
        qtbot.keyClick(bench.data.list, Qt.Key.Key_Delete)
        assert not bench.session.watchlist.rows
        assert "series removed." in texts(bench.data)
        if undo == "key":
            qtbot.keyClick(bench.data.list, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        elif undo == "window":
            bench.actions["undo"].trigger()
        else:
            next(
                item for item in bench.data.findChildren(QPushButton) if item.text() == "Undo"
            ).click()
        assert [(row.symbol, row.checked) for row in bench.session.watchlist.rows] == before
        assert "series removed." not in texts(bench.data)
        bench.actions["redo"].trigger()
        assert not bench.session.watchlist.rows
        bench.actions["undo"].trigger()
        assert [(row.symbol, row.checked) for row in bench.session.watchlist.rows] == before


def test_a_file_of_several_series_has_a_heading_and_is_removed_at_once(
    bench: Workbench, tmp_path: Path
) -> None:
    days = [f"2024-01-{day:02d}" for day in range(1, 31)]
    wide = "Date,one,two,three\n" + "\n".join(
        f"{day},{n + 10},{n + 20},{n + 30}" for n, day in enumerate(days)
    )
    (tmp_path / "wide.csv").write_text(wide)
    before = [row.symbol for row in bench.session.watchlist.rows]
    bench.watchlist_controller.load([str(tmp_path / "wide.csv")], "also")
    idle(bench)
    rows = bench.session.watchlist.rows
    assert [(item.start, item.text) for item in sections_of(rows)] == [
        (len(before), "wide.csv · 3 series")
    ]
    bench.watchlist_controller.select(len(rows) - 1)
    bench.data.list.name_file()
    assert bench.data.list.remove_file.text() == "Remove all 3 series of wide.csv"
    bench.data.list.remove_file.trigger()
    assert [row.symbol for row in bench.session.watchlist.rows] == before
