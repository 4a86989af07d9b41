"""A watchlist of hundreds: found, sorted, grouped, judged row by row, and as a CSV file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fabricated import outcomes, walk
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QInputDialog
from window_bench import idle, price_file, texts, wait, window

from app.cli import main
from app.features.watchlist.row_judgement import judgements_of
from app.features.watchlist.row_order import shown_rows
from app.watchlist import Row, RowJudgement, SeriesPreview, Watchlist
from app.watchlist_csv import COLUMNS, read_list, write_list
from app.window.workbench import Workbench
from forecasting.errors import CandlecastError
from forecasting.sources.options import Request


def row(symbol: str, change: float = 0.0, skill: float | None = None, group: str = "") -> Row:
    closes = SeriesPreview(closes=(100.0, 100 * (1 + change)), bars=2, freq="1D", day="2024-01-02")
    judged = RowJudgement(outcome="ties", skill=skill, held=80.0, model="LSTM", reference="garch-t")
    return Row(
        Request(reference=f"yahoo:{symbol}"),
        symbol,
        glimpse=closes,
        group=group,
        judgement=None if skill is None else judged,
    )


ROWS = (
    row("MSFT", 0.01, 3.0, "Tech"),
    row("SAP", -0.02, None, "Tech"),
    row("AAPL", 0.03, -1.0),
    row("XOM", 0.0, 5.0, "Energy"),
)


@pytest.mark.parametrize(
    ("search", "order", "reverse", "expected"),
    [
        ("", "", False, "MSFT SAP AAPL XOM"),
        ("", "name", False, "AAPL MSFT SAP XOM"),
        ("", "name", True, "XOM SAP MSFT AAPL"),
        ("", "change", False, "AAPL MSFT XOM SAP"),
        ("", "change", True, "SAP XOM MSFT AAPL"),
        ("", "skill", False, "XOM MSFT AAPL SAP"),
        ("", "skill", True, "AAPL MSFT XOM SAP"),
        ("", "group", False, "XOM MSFT SAP AAPL"),
        ("tech", "name", False, "MSFT SAP"),
        ("yahoo:a", "", False, "AAPL"),
        ("te s", "", False, "MSFT SAP"),
        ("nothing", "skill", False, ""),
    ],
)
def test_rows_are_found_and_sorted(search: str, order: str, reverse: bool, expected: str) -> None:
    found = shown_rows(ROWS, search, order, reverse=reverse)
    assert " ".join(ROWS[index].symbol for index in found) == expected


def test_group_and_judgement_are_saved_and_survive_a_reload() -> None:
    saved, _ = Watchlist.from_json(Watchlist(ROWS).to_json())
    assert [item.group for item in saved.rows] == ["Tech", "Tech", "", "Energy"]
    assert saved[0].judgement == ROWS[0].judgement
    again = saved.with_series([saved[0].request], [(0, walk("MSFT"))], "as_before")
    assert (again[0].group, again[0].judgement) == ("Tech", ROWS[0].judgement)
    assert again[0].series is not None


def test_a_run_judges_each_series_against_one_baseline() -> None:
    sharp = outcomes(walk("A", seed=1), "LSTM", 0.02)
    vague = outcomes(walk("A", seed=1), "random-walk", 0.2)
    found = judgements_of({"LSTM": sharp, "random-walk": vague}, "random-walk")
    assert found["A"].skill is not None
    assert found["A"].skill > 0
    assert found["A"].outcome in ("beats", "ties", "few")
    assert judgements_of({"LSTM": sharp}, "random-walk") == {}


def test_the_list_goes_to_a_file_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    write_list(ROWS, path)
    assert path.read_text().splitlines()[0] == ",".join(COLUMNS)
    found = read_list(path)
    assert [(item.request.reference, item.symbol, item.group) for item in found] == [
        (item.request.reference, item.symbol, item.group) for item in ROWS
    ]
    assert all(item.series is None and not item.checked for item in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AAPL\nmsft\nAAPL\n", ["yahoo:AAPL", "yahoo:MSFT"]),
        ("Ticker;Sector\nSAP.DE;Tech\n\n", ["yahoo:SAP.DE"]),
        ("\ufeffSymbol,Name\nBRK-B,Berkshire\n", ["yahoo:BRK-B"]),
        ("source\nsample:sp500\nyahoo:^GSPC\n", ["sample:sp500", "yahoo:^GSPC"]),
    ],
)
def test_lists_of_other_programs_are_read(tmp_path: Path, text: str, expected: list[str]) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    assert [item.request.reference for item in read_list(path)] == expected


def test_files_are_looked_for_beside_the_list_and_bad_lists_are_refused(tmp_path: Path) -> None:
    price_file(tmp_path / "mine.csv")
    path = tmp_path / "list.csv"
    path.write_text("mine.csv\n")
    assert read_list(path)[0].request.reference == str(tmp_path / "mine.csv")
    path.write_text("\n\n")
    with pytest.raises(CandlecastError, match="names no series"):
        read_list(path)
    path.write_text("\n".join(f"S{number}" for number in range(5001)))
    with pytest.raises(CandlecastError, match="5,001 series"):
        read_list(path)
    with pytest.raises(CandlecastError, match="cannot be read"):
        read_list(tmp_path / "none.csv")


@pytest.fixture(scope="module")
def bench(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A window with a list of 300 series that are not loaded."""
    with window(tmp_path_factory.mktemp("many")) as opened:
        many = tuple(
            replace(
                row(f"S{number:03d}", number / 1000),
                request=Request(reference=f"/nowhere/S{number:03d}.csv"),
            )
            for number in range(300)
        )
        opened.session.relist(Watchlist(many), 0)
        idle(opened)
        yield opened


def shown(bench: Workbench) -> list[str]:
    model = bench.data.list.model()
    return [model.index(position, 0).data() for position in range(model.rowCount())]


def test_typing_finds_rows_and_keys_lead_on(qtbot: Any, bench: Workbench) -> None:
    bench.actions["find_series"].trigger()
    box = bench.data.finder.box
    qtbot.keyClicks(box, "s29")
    assert shown(bench) == [f"S{number}" for number in range(290, 300)]
    assert "10 of 300" in texts(bench.data)
    assert bench.session.row is not None
    assert bench.session.row.symbol == "S000", "what is shown stays"
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert len(shown(bench)) == 300


def test_sorted_rows_are_chosen_removed_and_put_back_as_themselves(
    qtbot: Any, bench: Workbench
) -> None:
    menu = bench.data.buttons["list"].menu()
    change = next(item for item in menu._orders.values() if item.text() == "Change")
    change.trigger()
    assert shown(bench)[:2] == ["S299", "S298"]
    view = bench.data.list
    view.selectionModel().clearSelection()
    view.setCurrentIndex(view.model().index(1, 0))
    idle(bench)
    assert bench.session.row is not None
    assert bench.session.row.symbol == "S298"
    assert not bench.data.buttons["up"].isEnabled(), "sorted rows have no place of their own"
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert len(bench.session.watchlist) == 299
    assert "S298" not in shown(bench)
    assert bench.watchlist_controller.put_back()
    assert shown(bench)[:2] == ["S299", "S298"]
    assert bench.session.watchlist[298].symbol == "S298"
    menu._orders[""].trigger()
    assert shown(bench)[0] == "S000"


def test_groups_columns_and_lists_are_made_in_the_window(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, menu = bench.data.list, bench.data.buttons["list"].menu()
    view.setCurrentIndex(view.model().index(5, 0))
    idle(bench)
    monkeypatch.setattr(QInputDialog, "getItem", lambda *_args: ("Mine", True))
    menu.group_requested.emit()
    assert bench.session.watchlist[5].group == "Mine"
    menu._orders["group"].trigger()
    assert shown(bench)[0] == "S005"
    menu._columns["skill"].trigger()
    assert "skill" in view.columns
    path = tmp_path / "list.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: (str(path), ""))
    menu.export_requested.emit()
    assert len(read_list(path)) == 300
    path.write_text("source,group\nyahoo:NEW,Mine\n/nowhere/S000.csv,Mine\n")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_args: (str(path), ""))
    menu.import_requested.emit()
    wait(lambda: len(bench.session.watchlist) == 301)
    assert shown(bench)[:3] == ["NEW", "S000", "S005"]
    assert bench.session.watchlist[300].series is None
    menu._orders[""].trigger()


def test_groups_fold_by_keys_and_clicks_and_stay_folded(qtbot: Any, bench: Workbench) -> None:
    view, menu = bench.data.list, bench.data.buttons["list"].menu()
    bench.session.relist(bench.session.watchlist.with_group(range(10, 14), "Four"))
    menu._orders["group"].trigger()
    (start,) = (at for at, name in enumerate(shown(bench)) if name == "S010")
    view.setCurrentIndex(view.model().index(start + 2, 0))
    before = bench.session.row
    qtbot.keyClick(view, Qt.Key.Key_Left)
    assert shown(bench)[start] == "Four · 4 series, folded"
    assert "S011" not in shown(bench)
    assert view.currentIndex().row() == start
    assert bench.session.row == before, "a heading is no series"
    assert view.places == [10, 11, 12, 13]
    assert view.model().index(start, 0).data(Qt.ItemDataRole.AccessibleTextRole).endswith("folded")
    assert bench.preferences.list_folded == ("group:Four",)
    bench.data.finder.box.setText("s011")
    assert shown(bench) == ["S011"], "what is looked for is never folded away"
    bench.data.finder.box.clear()
    qtbot.keyClick(view, Qt.Key.Key_Space)
    assert [bench.session.watchlist[index].checked for index in view.places] == [True] * 4
    qtbot.keyClick(view, Qt.Key.Key_Space)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert shown(bench)[start : start + 4] == ["S010", "S011", "S012", "S013"]
    heading = view.visualRect(view.model().index(start, 0)).topLeft() + QPoint(20, 4)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=heading)
    assert view.is_natural is False
    assert shown(bench)[start].startswith("Four")
    menu.fold_requested.emit(False)
    assert bench.preferences.list_folded == ()
    menu._orders[""].trigger()


def test_a_list_is_watched_from_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "list.csv"
    path.write_text("none-of-this.csv\n")
    model = Path(__file__).parent / "golden" / "first" / "model.candlecast"
    words = ["watch", "--list", str(path), "--model-file", str(model), "--now", "2018-11-05T22:00"]
    assert main(words) == 2
    assert "none-of-this.csv" in capsys.readouterr().err
