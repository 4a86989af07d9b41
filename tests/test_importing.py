"""The import dialog: what it shows is what is read, all of it can be settled, and nothing is
loaded that was not seen.
"""

from __future__ import annotations

import gzip
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QLocale, Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QWidget
from shiboken6 import isValid
from window_bench import idle, price_file, texts, wait, window

from app.background import Failure
from app.features.importing.dialog import ImportDialog
from app.theme import DARK, LIGHT
from app.window.workbench import Workbench
from forecasting.errors import SourceError
from forecasting.sources import ReadOptions, source
from forecasting.sources.files.preview import preview

FORMATS = Path(__file__).resolve().parents[2] / "shared" / "data" / "formats"
EXPECTED: dict[str, dict[str, Any]] = (
    json.loads((FORMATS / "expected.json").read_text()) if FORMATS.is_dir() else {}
)

#: Columns without names that tell nothing apart.
NAMELESS = "\n".join(f"2024-01-{n:02d},{n * 1.5},{n * 7.3},{n * 2.2}" for n in range(1, 20))
#: Every date fits two orders, and every number two decimal marks.
AMBIGUOUS = "when;part;close\n" + "\n".join(
    f"{day:02d}/{day % 12 + 1:02d}/2020;{day},125;{2 * day},250" for day in range(1, 13)
)


def put(folder: Path, text: str, name: str = "prices.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


# What the engine tells of a file


def test_delimiter_header_and_unused_columns_can_be_settled(tmp_path: Path) -> None:
    text = "made|by|somebody|else\nd|c|e|x\n" + "\n".join(
        f"2024-01-{day:02d}|{day},5|{day}|7" for day in range(1, 29)
    )
    path = put(tmp_path, text)
    options = ReadOptions(
        delimiter="pipe", header="2", decimal=",", columns={"close": "c", "unused": "e|3"}
    )
    reading = preview(path, options).reading
    assert [column.name for column in reading.columns] == ["d", "c", "e", "x"]
    assert [column.role for column in reading.columns] == ["date", "close", "", ""]
    assert reading.first_read[0][:2] == ("2024-01-01", "1.5")
    (series,) = source(str(path), options).load()
    assert (series.columns, series.y[-1]) == (("close",), 28.5)
    assert preview(path, ReadOptions(header="none", columns={"close": 2})).reading.header_rows == ()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (ReadOptions(delimiter="semikolon"), "delimiter"),
        (ReadOptions(header="third"), "header"),
        (ReadOptions(columns={"unused": "nothing"}), "nothing"),
        (ReadOptions(columns={"price": "a"}), "price"),
    ],
)
def test_what_cannot_be_settled_like_that_is_said(
    tmp_path: Path, options: ReadOptions, told: str
) -> None:
    assert told in preview(put(tmp_path, AMBIGUOUS), options).problem


def test_a_large_file_is_looked_at_in_no_time_and_nothing_is_made_up(tmp_path: Path) -> None:
    days = np.datetime64("1990-01-01T00:00") + np.arange(150_000)
    half = len(days) // 2
    lines = [
        f"{day};{100 + (index > half) * 900},5"
        for index, day in enumerate(days.astype(str).tolist())
    ]
    path = put(tmp_path, "Date;Close\n" + "\n".join(lines))
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    started = time.perf_counter()
    found = preview(path).reading
    assert time.perf_counter() - started < 1.5
    assert found.sampled
    assert abs(found.bars[0] - len(days)) < 0.1 * len(days)
    assert found.spans == ((str(days[0])[:10], str(days[-1]).replace("T", " ") + ":00"),)
    assert [item.code for item in found.findings] == [], (
        "the step between beginning and end is no split"
    )
    assert found.last_read[-1][1] == "1000.5"
    small = preview(packed).reading
    assert small.sampled
    assert small.bars[0] < len(days)
    assert (small.packing, small.decimal) == ("gzip", ",")


def test_an_archive_of_several_files_offers_them(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.csv", "Date,Close\n2024-01-01,1\n2024-01-02,2\n")
        archive.writestr("two.csv", "Date,Close\n2024-01-01,3\n2024-01-02,4\n")
    asked = preview(path)
    assert (asked.reading.sheets, asked.problem) == (
        ("one.csv", "two.csv"),
        "many.zip holds 2 files.",
    )
    assert preview(path, ReadOptions(sheet="two.csv")).reading.first_read[0] == ("2024-01-01", "3")


def test_a_file_that_cannot_be_read_still_shows_its_cells(tmp_path: Path) -> None:
    found = preview(put(tmp_path, "no,prices\nat,all\n"))
    assert "No row has both a date and a number" in found.problem
    assert found.reading.first == (("no", "prices"), ("at", "all"))
    nameless = preview(put(tmp_path, NAMELESS))
    assert "close" in nameless.problem
    assert nameless.reading.first[0][1] == "1.5"
    with pytest.raises(SourceError, match="PDF"):
        preview(put(tmp_path, "%PDF-1.4 and so on", "a.pdf"))


# The dialog by itself


@pytest.fixture
def opened(qtbot: Any) -> Iterator[Callable[..., ImportDialog]]:
    """Open a dialog that is answered at once, as by a worker that takes no time."""
    made: list[ImportDialog] = []

    def open_dialog(path: Path, options: ReadOptions | None = None) -> ImportDialog:
        dialog = ImportDialog(str(path), options or ReadOptions())

        def answer(asked: str, wanted: ReadOptions) -> None:
            try:
                dialog.show_reading(preview(asked, wanted))
            except SourceError as error:
                dialog.show_failure(Failure.of(error))

        dialog.reading_requested.connect(answer)
        dialog.set_theme(LIGHT)
        dialog.show()
        dialog.start()
        made.append(dialog)
        return dialog

    yield open_dialog
    for dialog in made:
        if isValid(dialog):
            dialog.close()


def choose(field: QComboBox, value: str) -> None:
    """Choose a value as the mouse does."""
    field.setCurrentIndex(field.findData(value))
    field.activated.emit(field.currentIndex())


def settled(dialog: ImportDialog) -> None:
    wait(lambda: not dialog._rest.isActive())


@pytest.mark.skipif(not EXPECTED, reason="the folder shared/data/formats is not here")
@pytest.mark.slow
def test_the_real_files_are_shown_as_they_are(opened: Callable[..., ImportDialog]) -> None:
    for want in EXPECTED.values():
        dialog = opened(FORMATS / want["file"])
        said = dialog._summary.text()
        assert f"{QLocale().toString(want['bars'])} bars" in said, want["file"]
        for name in ("first_ds", "last_ds"):
            assert want[name][:10] in said
        assert dialog.load.isEnabled()
        closes = [
            float(cell) for cell in column(dialog, "close") if cell.replace(".", "").isdigit()
        ]
        assert sorted((closes[0], closes[-1])) == pytest.approx(
            sorted((want["first_close"], want["last_close"]))
        ), want["file"]
        dialog.close()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def column(dialog: ImportDialog, role: str) -> list[str]:
    """Return the cells of the column that has a role."""
    index = next(
        number for number, box in enumerate(dialog.table.roles) if box.currentData() == role
    )
    return [dialog.table.item(row, index).text() for row in range(1, dialog.table.rowCount())]


def test_everything_found_can_be_overruled_live(
    qtbot: Any, opened: Callable[..., ImportDialog], tmp_path: Path
) -> None:
    dialog = opened(put(tmp_path, AMBIGUOUS))
    fields = dialog.fields
    assert column(dialog, "date")[1] == "2020-02-03"
    assert dialog.fields["date_format"].currentText() == "Found: as 03/14/2021"
    assert "Every date fits" in texts(dialog)
    choose(fields["date_format"], "dmy")
    assert not dialog.load.isEnabled()
    assert dialog.load.toolTip() == "Reading…"
    settled(dialog)
    assert column(dialog, "date")[1] == "2020-03-02"
    assert "Every date fits" not in texts(dialog)
    assert dialog.load.isEnabled()
    choose(fields["decimal"], ".")
    settled(dialog)
    assert column(dialog, "close")[0] == "2250"
    choose(dialog.table.roles[1], "close")
    settled(dialog)
    assert [box.currentData() for box in dialog.table.roles] == ["date", "close", ""]
    choose(dialog.table.roles[2], "volume")
    choose(dialog.table.roles[1], "")
    choose(dialog.table.roles[2], "close")
    settled(dialog)
    assert [box.currentData() for box in dialog.table.roles] == ["date", "", "close"]
    assert dialog.options == ReadOptions(
        date_format="dmy", decimal=".", columns={"close": 2, "unused": "1"}
    )
    name = fields["symbol"].lineEdit()
    name.setFocus()
    name.selectAll()
    qtbot.keyClicks(name, "GOLD")
    settled(dialog)
    assert "GOLD · 12 bars" in dialog._summary.text()
    assert name.text() == "GOLD", "what is being typed stays"
    qtbot.mouseClick(
        next(item for item in dialog.findChildren(QAbstractButton) if item.text() == "As found"),
        Qt.MouseButton.LeftButton,
    )
    assert dialog.options == ReadOptions()
    assert column(dialog, "date")[1] == "2020-02-03"


@pytest.mark.slow
def test_a_pattern_can_be_typed_and_a_wrong_one_is_told(
    qtbot: Any, opened: Callable[..., ImportDialog], tmp_path: Path
) -> None:
    dialog = opened(put(tmp_path, AMBIGUOUS))
    line = dialog.fields["date_format"].lineEdit()
    wait(dialog.isActiveWindow)
    qtbot.mouseClick(line, Qt.MouseButton.LeftButton)
    wait(line.hasSelectedText)
    for typed, ready in (("%Y nonsense", False), ("%d/%m/%Y", True)):
        qtbot.keyClicks(line, typed)
        line.selectAll()
        settled(dialog)
        assert dialog.load.isEnabled() == ready
        assert ready or dialog.load.toolTip() == dialog._summary.text() != ""
    assert dialog.options.date_format == "%d/%m/%Y"


def test_cells_can_be_seen_as_they_stand_in_the_file(
    qtbot: Any, opened: Callable[..., ImportDialog], tmp_path: Path
) -> None:
    dialog = opened(put(tmp_path, AMBIGUOUS + "\n13/01/2020;oops;9,5"))
    raw = next(
        item for item in dialog.findChildren(QAbstractButton) if "stand in the file" in item.text()
    )
    assert column(dialog, "date")[0] == "2020-02-01"
    qtbot.keyClick(raw, Qt.Key.Key_Space)
    assert column(dialog, "date")[0] == "01/02/2020"
    dialog.set_theme(DARK)
    assert not dialog.grab().isNull()


def test_what_cannot_be_read_can_be_made_readable(
    opened: Callable[..., ImportDialog], tmp_path: Path
) -> None:
    dialog = opened(put(tmp_path, NAMELESS))
    assert not dialog.load.isEnabled()
    assert "close" in dialog.load.toolTip()
    choose(dialog.table.roles[2], "close")
    settled(dialog)
    assert dialog.load.isEnabled()
    assert "19 bars" in dialog._summary.text()


def test_a_file_without_any_table_is_refused_in_words(
    opened: Callable[..., ImportDialog], tmp_path: Path
) -> None:
    dialog = opened(put(tmp_path, "%PDF-1.4", "a.pdf"))
    assert "PDF" in dialog._summary.text()
    assert not dialog.load.isEnabled()


def test_an_answer_to_what_is_no_longer_asked_is_left_alone(qtbot: Any, tmp_path: Path) -> None:
    path = put(tmp_path, AMBIGUOUS)
    dialog = ImportDialog(str(path))
    qtbot.addWidget(dialog)
    dialog.start()
    choose(dialog.fields["date_format"], "dmy")
    settled(dialog)
    dialog.show_reading(preview(path, ReadOptions()))
    assert not dialog.load.isEnabled()
    dialog.show_reading(preview(path, ReadOptions(date_format="dmy")))
    assert dialog.load.isEnabled()


@pytest.mark.parametrize("early", [False, True])
def test_enter_loads_wherever_the_focus_is(
    qtbot: Any, opened: Callable[..., ImportDialog], tmp_path: Path, early: bool
) -> None:
    dialog = opened(put(tmp_path, AMBIGUOUS))
    accepted: list[bool] = []
    dialog.accepted.connect(lambda: accepted.append(True))
    if early:
        choose(dialog.fields["date_format"], "mdy")
        assert not dialog.load.isEnabled()
    qtbot.keyClick(dialog.table if early else dialog.fields["decimal"], Qt.Key.Key_Return)
    wait(lambda: bool(accepted))


def test_a_finding_of_two_likely_readings_has_a_button_that_settles_it(
    qtbot: Any, opened: Callable[..., ImportDialog], tmp_path: Path
) -> None:
    dialog = opened(put(tmp_path, AMBIGUOUS))
    button = next(
        item for item in dialog.findChildren(QAbstractButton) if item.text() == "Read as day/month"
    )
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    settled(dialog)
    assert dialog.options.date_format == "dmy"
    assert dialog.fields["date_format"].value == "dmy"


def test_a_file_with_splits_can_be_read_adjusted(
    qtbot: Any, opened: Callable[..., ImportDialog], tmp_path: Path
) -> None:
    lines = ["Date,Close,Adj Close"]
    for index in range(60):
        close = 50 + index % 7
        day = np.datetime64("2024-01-01") + index
        lines.append(f"{day},{close * (3 if index < 40 else 1)},{close}")
    dialog = opened(put(tmp_path, "\n".join(lines)))
    buttons = dialog.findChildren(QAbstractButton)
    button = next(item for item in buttons if item.text() == "Read adjusted prices")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    settled(dialog)
    assert dialog.options.adjusted
    assert dialog.adjusted.isChecked()
    dialog.adjusted.click()
    settled(dialog)
    assert not dialog.options.adjusted


def test_all_that_can_be_pressed_has_a_name(
    opened: Callable[..., ImportDialog], tmp_path: Path
) -> None:
    dialog = opened(put(tmp_path, AMBIGUOUS))
    QApplication.processEvents()
    for item in dialog.findChildren(QWidget):
        if (
            isinstance(item, QAbstractButton | QComboBox)
            and item.isVisible()
            and not item.objectName().startswith("qt_")
        ):
            assert item.accessibleName() or (isinstance(item, QAbstractButton) and item.text()), (
                item
            )
    assert all(
        item.accessibleName() or item.parent().accessibleName()
        for item in dialog.findChildren(QLineEdit)
    )


# The dialog in the window


@pytest.fixture(scope="module")
def shared(qapp: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("kept")
    with window(folder, price_file(folder / "start.csv")) as bench:
        yield bench


@pytest.fixture
def bench(shared: Workbench) -> Iterator[Workbench]:
    yield shared
    if shared.importer.dialog is not None:
        shared.importer.dialog.close()
    idle(shared)


def shown(bench: Workbench) -> ImportDialog:
    """Return the open dialog once it says what it read."""
    dialog = bench.importer.dialog
    assert dialog is not None
    wait(lambda: not dialog._rest.isActive() and dialog._summary.text() != "Reading…")
    return dialog


@pytest.mark.slow
def test_the_banner_leads_to_the_dialog_and_what_was_settled_is_remembered(
    qtbot: Any, bench: Workbench, tmp_path: Path
) -> None:
    path = put(tmp_path, NAMELESS)
    bench.load([str(path)])
    idle(bench)
    button = next(
        item
        for item in bench.banner.findChildren(QAbstractButton)
        if item.text() == "Import with options…"
    )
    assert button.isVisible()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    dialog = shown(bench)
    choose(dialog.table.roles[2], "close")
    wait(dialog.load.isEnabled)
    qtbot.mouseClick(dialog.load, Qt.MouseButton.LeftButton)
    idle(bench)
    assert bench.importer.dialog is None
    assert bench.session.series is not None
    assert bench.session.series.y[0] == pytest.approx(7.3)
    assert bench.banner.text == ""
    bench.actions["reload"].trigger()
    idle(bench)
    assert bench.session.series.y[0] == pytest.approx(7.3)
    bench.load([str(path)])
    idle(bench)
    assert bench.session.series.y[0] == pytest.approx(7.3), (
        "opened once more, the file is read as was settled"
    )
    bench.data.options_requested.emit(bench.session.selected)
    again = shown(bench)
    assert again.options.columns == {"close": 2}
    choose(again.table.roles[1], "close")
    wait(again.load.isEnabled)
    again.accept()
    idle(bench)
    assert bench.session.series.y[0] == pytest.approx(1.5)
    assert [row.symbol for row in bench.session.watchlist.rows].count("prices") == 1


def test_dates_that_fit_two_orders_are_told_when_opened_with_a_button(
    qtbot: Any, bench: Workbench, tmp_path: Path
) -> None:
    bench.load([str(put(tmp_path, AMBIGUOUS, "either.csv"))])
    idle(bench)
    assert "Every date fits" in bench.banner.text
    assert bench.session.series is not None
    before = bench.session.series.ds[1]
    button = next(
        item
        for item in bench.banner.findChildren(QAbstractButton)
        if item.text() == "Read as day/month"
    )
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    idle(bench)
    assert bench.session.series.ds[1] != before
    assert bench.session.row is not None
    assert bench.session.row.request.read.date_format == "dmy"
    assert bench.banner.text == ""


def test_splits_are_told_when_opened_with_a_button_that_adjusts(
    qtbot: Any, bench: Workbench, tmp_path: Path
) -> None:
    (sample,) = source("sample:sp500").load()
    lines = ["Date,Close,Adj Close"]
    for index, (day, close) in enumerate(zip(sample.ds[-400:], sample.y[-400:], strict=True)):
        lines.append(f"{str(day)[:10]},{close * (4 if index < 200 else 1)},{close}")
    bench.load([str(put(tmp_path, "\n".join(lines), "split.csv"))])
    idle(bench)
    assert "splits that are not adjusted: 1" in bench.banner.text
    buttons = bench.banner.findChildren(QAbstractButton)
    button = next(item for item in buttons if item.text() == "Read adjusted prices")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    idle(bench)
    assert bench.session.series is not None
    assert bench.session.series.provenance.adjusted == "adjusted"
    assert bench.banner.text == ""


def test_a_file_is_imported_from_the_menu(
    qtbot: Any, bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, AMBIGUOUS, "menu.csv")
    monkeypatch.setattr(
        "PySide6.QtWidgets.QFileDialog.getOpenFileName", lambda *_args: (str(path), "")
    )
    bench.actions["import"].trigger()
    dialog = shown(bench)
    assert dialog.isModal()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert bench.importer.dialog is None
    assert "menu" not in [row.symbol for row in bench.session.watchlist.rows]
    bench.actions["import"].trigger()
    shown(bench).accept()
    idle(bench)
    assert bench.session.series is not None
    assert bench.session.series.symbol == "menu"
    assert bench.session.panel is not None
    assert bench.session.panel.symbols == ("menu",)


def test_the_window_goes_on_while_a_file_is_read(
    qtbot: Any, bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, AMBIGUOUS, "slow.csv")

    def slow(asked: Path, options: ReadOptions) -> Any:
        time.sleep(0.3)
        return preview(asked, options)

    monkeypatch.setattr("forecasting.sources.files.preview.preview", slow)
    started = time.perf_counter()
    bench.importer.open(str(path))
    assert time.perf_counter() - started < 0.25
    dialog = bench.importer.dialog
    assert dialog is not None
    assert "Reading…" in texts(dialog)
    assert not dialog.load.isEnabled()
    dialog.close()
    idle(bench)
