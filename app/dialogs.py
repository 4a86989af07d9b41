"""The few questions and messages that do stop the user: closing in the middle of work, an
unexpected fault, help.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QCoreApplication, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QFontDatabase
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QInputDialog,
    QLabel,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.background import Failure, versions
from app.preferences import Preferences
from app.widgets.form_scroll import FormScroll
from app.widgets.labels import text_label
from app.widgets.layouts import fill
from app.widgets.screen_fit import resize_on_screen
from forecasting import __version__

Answer = Literal["keep", "later", "discard", "continue"]


#: Names that files of prices usually have; they are told by their content, and any other name is
#: behind "All files".
_PRICES = (
    "*.csv *.tsv *.txt *.dat *.data *.xlsx *.xlsm *.xls *.parquet *.pq *.feather *.arrow "
    "*.json *.jsonl *.ndjson *.sqlite *.sqlite3 "
    "*.db *.gz *.bz2 *.xz *.zip"
)


def _tr(text: str) -> str:
    return QCoreApplication.translate("dialogs", text)


def _box(
    parent: QWidget, text: str, more: str = "", icon: QMessageBox.Icon = QMessageBox.Icon.Question
) -> QMessageBox:
    """Return a box with a question and what hangs on the answer, still without buttons."""
    box = QMessageBox(parent)
    box.setIcon(icon)
    box.setWindowTitle("Candlecast")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(text)
    box.setInformativeText(more)
    return box


def _save_or_not(box: QMessageBox) -> Literal["save", "discard", "cancel"]:
    """Ask with the buttons Save, Discard and Cancel."""
    buttons = QMessageBox.StandardButton
    box.setStandardButtons(buttons.Save | buttons.Discard | buttons.Cancel)
    box.setDefaultButton(buttons.Save)
    answer = box.exec()
    box.deleteLater()
    return (
        "save" if answer == buttons.Save else "discard" if answer == buttons.Discard else "cancel"
    )


def _clicked(box: QMessageBox, stay: QPushButton) -> QAbstractButton:
    """Ask, and return the button that was pressed; Return and Escape press the one that changes
    nothing.
    """
    box.setDefaultButton(stay)
    box.setEscapeButton(stay)
    box.exec()
    clicked = box.clickedButton()
    box.deleteLater()
    return clicked


def ask_close_while_training(parent: QWidget) -> Answer:
    """Ask what becomes of a run when the window is closed in the middle of it."""
    return _ask_close(parent, _tr("The network is still being trained."), _tr("Continue training"))


def ask_close_while_paused(parent: QWidget) -> Answer:
    """Ask what becomes of a run that is paused when the window is closed."""
    return _ask_close(parent, _tr("The training is paused."), _tr("Cancel"))


def _ask_close(parent: QWidget, text: str, stays: str) -> Answer:
    more = _tr(
        "Resuming goes on with this training at the next start. Stopping keeps the best "
        "network so far; you can then save it."
    )
    box = _box(parent, text, more)
    later = box.addButton(_tr("Close and resume next time"), QMessageBox.ButtonRole.AcceptRole)
    keep = box.addButton(_tr("Stop and keep"), QMessageBox.ButtonRole.AcceptRole)
    discard = box.addButton(_tr("Discard and close"), QMessageBox.ButtonRole.DestructiveRole)
    stay = box.addButton(stays, QMessageBox.ButtonRole.RejectRole)
    clicked = _clicked(box, stay)
    answers: dict[QAbstractButton, Answer] = {later: "later", keep: "keep", discard: "discard"}
    return answers.get(clicked, "continue")


def ask_close_while_testing(parent: QWidget) -> bool:
    """Ask whether a backtest may be interrupted by closing the window."""
    more = _tr("Folds that are done are kept: the same test goes on from there another time.")
    box = _box(parent, _tr("The backtest is still running."), more)
    leave = box.addButton(_tr("Interrupt and close"), QMessageBox.ButtonRole.AcceptRole)
    stay = box.addButton(_tr("Continue testing"), QMessageBox.ButtonRole.RejectRole)
    return _clicked(box, stay) is leave


def ask_save(parent: QWidget) -> Literal["save", "discard", "cancel"]:
    """Ask whether the trained network is to be saved before the window closes."""
    return _save_or_not(_box(parent, _tr("The trained network is not saved.")))


def ask_save_project(parent: QWidget, name: str) -> Literal["save", "discard", "cancel"]:
    """Ask whether the changes of a project are to be saved; ``name`` is that of its file, ""
    where it has none.
    """
    text = (
        _tr("Save the changes to {name}?").format(name=name)
        if name
        else _tr("Save what is on the list as a project?")
    )
    more = (
        _tr("Without saving they are lost.")
        if name
        else _tr("Without a project the list begins anew.")
    )
    return _save_or_not(_box(parent, text, more))


def ask_overwrite(parent: QWidget, name: str) -> bool:
    """Ask whether a project is to be written over a file that something else has changed."""
    text = _tr("{name} was changed by another program since it was opened.").format(name=name)
    box = _box(
        parent,
        text,
        _tr("Overwriting loses those changes; Save as keeps both."),
        QMessageBox.Icon.Warning,
    )
    over = box.addButton(_tr("Overwrite"), QMessageBox.ButtonRole.DestructiveRole)
    return _clicked(box, box.addButton(QMessageBox.StandardButton.Cancel)) is over


def ask_seeds(parent: QWidget) -> int:
    """Ask with how many seeds a run is to be repeated; 0 for none."""
    count, chosen = QInputDialog.getInt(
        parent, _tr("Repeat a run"), _tr("Seeds, from that of the run on:"), 5, 1, 100
    )
    return count if chosen else 0


def ask_file(parent: QWidget, preferences: Preferences, title: str, kinds: str = "") -> str:
    """Ask for a file to read; "" when the user thinks better of it.

    ``kinds`` are the kinds that are offered before all files, as "Dates (*.csv *.txt)"; its
    folder is where the next question begins.
    """
    offered = f"{kinds};;{_tr('All files')} (*)" if kinds else ""
    path, _kind = QFileDialog.getOpenFileName(parent, title, preferences.folder, offered)
    if path:
        preferences.folder = str(Path(path).parent)
    return path


def ask_open(parent: QWidget, preferences: Preferences, *, one: bool = False) -> list[str]:
    """Ask for whatever can be opened, or for one file of prices; empty when the user thinks
    better of it.
    """
    prices = f"{_tr('Prices')} ({_PRICES})"
    if one:
        file = ask_file(parent, preferences, _tr("Import prices"), prices)
        return [file] if file else []
    projects = f"{_tr('Projects')} (*.candleproject)"
    networks = f"{_tr('Candlecast networks')} (*.candlecast)"
    known = f"{_tr('Prices, projects and networks')} ({_PRICES} *.candleproject *.candlecast)"
    kinds = ";;".join((known, prices, projects, networks, f"{_tr('All files')} (*)"))
    files, _kind = QFileDialog.getOpenFileNames(
        parent,
        _tr("Open prices, a project or a network"),
        preferences.folder,
        kinds,
        "",
        QFileDialog.Option.HideNameFilterDetails,  # the patterns are longer than the dialog
    )
    if files:
        preferences.folder = str(Path(files[0]).parent)
    return files


def ask_network(parent: QWidget, preferences: Preferences) -> str:
    """Ask for the file of a saved network; "" when the user thinks better of it."""
    kinds = _tr("Candlecast networks (*.candlecast)")
    return ask_file(parent, preferences, _tr("Forecast with a saved network"), kinds)


def ask_save_path(
    parent: QWidget,
    preferences: Preferences,
    title: str,
    stem: str,
    kinds: Mapping[str, str],
    known: Collection[str] = (),
) -> str:
    """Ask where to write a file; "" when the user thinks better of it.

    ``kinds`` maps each possible suffix to its name, the usual one first. A path without one of
    them, or of those that are ``known`` beside them, gets that of the chosen kind.
    """
    filters = {f"{name} (*{suffix})": suffix for suffix, name in kinds.items()}
    first = next(iter(kinds))
    path, kind = QFileDialog.getSaveFileName(
        parent, title, str(Path(preferences.folder) / f"{stem}{first}"), ";;".join(filters)
    )
    if not path:
        return ""
    preferences.folder = str(Path(path).parent)
    return (
        path
        if Path(path).suffix.lower() in (*kinds, *known)
        else f"{path}{filters.get(kind, first)}"
    )


def show_fault(parent: QWidget, failure: Failure) -> QDialog:
    """Show an unexpected fault with everything that a report needs; does not block."""
    dialog = _dialog(parent, _tr("Something went wrong"))
    title = text_label(
        _tr("Candlecast met a fault it did not expect. Your data is unharmed and you can go on."),
        "heading",
    )
    message = text_label(failure.message, plain=True)
    details = QPlainTextEdit(failure.details)
    details.setReadOnly(True)
    details.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    details.setAccessibleName(_tr("Details of the fault"))
    details.setMinimumSize(640, 300)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    copy = buttons.addButton(_tr("Copy details"), QDialogButtonBox.ButtonRole.ActionRole)
    copy.clicked.connect(
        lambda: QApplication.clipboard().setText(f"{failure.message}\n\n{failure.details}")
    )
    return _opened(dialog, [title, message, details], buttons)


def show_shortcuts(parent: QWidget, shortcuts: Sequence[tuple[str, str]]) -> QDialog:
    """List all shortcuts; does not block."""
    dialog = _dialog(parent, _tr("Shortcuts"))
    half = (len(shortcuts) + 1) // 2
    columns = "".join(
        f"<td valign='top' style='padding-right: 32px'>{_rows(part)}</td>"
        for part in (shortcuts[:half], shortcuts[half:])
    )
    table = QLabel(f"<table><tr>{columns}</tr></table>")
    table.setTextFormat(Qt.TextFormat.RichText)
    scroll = FormScroll(table)
    scroll.setAccessibleName(dialog.windowTitle())
    chart = text_label(
        _tr(
            "In the chart: wheel zooms, drag pans, drag on an axis scales it, double click fits.\n"
            "In the watchlist: Space chooses what is trained, Delete removes, Alt+Up and "
            "Alt+Down move."
        ),
        "muted",
    )
    _opened(dialog, [scroll, chart], QDialogButtonBox(QDialogButtonBox.StandardButton.Close))
    frame = dialog.height() - scroll.height() + 4
    resize_on_screen(dialog, dialog.width(), table.sizeHint().height() + frame)
    return dialog


def show_folder(parent: QWidget, folder: Path) -> None:
    """Open a folder in the file manager; where none can be started, tell where the folder is."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
        return
    dialog = _dialog(parent, _tr("Log folder"))
    path = text_label(str(folder), wrap=False, plain=True, selectable=True)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    copy = buttons.addButton(_tr("Copy"), QDialogButtonBox.ButtonRole.ActionRole)
    copy.clicked.connect(lambda: QApplication.clipboard().setText(str(folder)))
    _opened(dialog, [QLabel(_tr("The log is in this folder:")), path], buttons)


def show_about(parent: QWidget) -> QDialog:
    """Tell what the program is, and what it is not; does not block."""
    dialog = _dialog(parent, _tr("About Candlecast"))
    title = text_label(f"Candlecast {__version__}", "title", wrap=False)
    text = text_label(
        _tr(
            "Forecasts of price series with recurrent networks, each with dates, an "
            "uncertainty band and a verdict "
            "against the random walk.\n\nFor research and teaching. Not financial advice: most "
            "forecasts of prices do not "
            "beat the random walk, and this program says so when yours does not.\n\nMIT "
            "licence. Data from Yahoo Finance is "
            "for personal use."
        )
    )
    text.setMinimumWidth(440)
    about = text_label(versions(), "muted", wrap=False, selectable=True)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    copy = buttons.addButton(_tr("Copy versions"), QDialogButtonBox.ButtonRole.ActionRole)
    copy.clicked.connect(lambda: QApplication.clipboard().setText(versions()))
    return _opened(dialog, [title, text, about], buttons)


def _rows(shortcuts: Sequence[tuple[str, str]]) -> str:
    rows = (
        (
            f"<tr><td style='padding: 3px 14px 3px 0'>{escape(text)}</td><td style='padding: 3px "
            f"0'><b>{escape(keys)}</b></td></tr>"
        )
        for text, keys in shortcuts
    )
    return f"<table>{''.join(rows)}</table>"


def _dialog(parent: QWidget, title: str) -> QDialog:
    dialog = QDialog(parent)
    dialog.setWindowTitle(title)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return dialog


def _opened(dialog: QDialog, parts: Sequence[QWidget], buttons: QDialogButtonBox) -> QDialog:
    buttons.rejected.connect(dialog.reject)
    rows = fill(QVBoxLayout(dialog), margins=(20, 18, 20, 16), spacing=12)
    for part in (*parts, buttons):
        rows.addWidget(part)
    dialog.show()
    return dialog
