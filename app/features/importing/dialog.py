"""The import dialog: how a file is understood, shown on its own rows, and every part of that can
be changed before it is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLocale, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.accessibility import complete, literal, take_literally
from app.background import Failure
from app.features.importing.preview_table import PreviewTable
from app.theme import Theme
from app.widgets.auto_combo import AutoCombo
from app.widgets.input_table import InputChoice, InputTable, listed
from app.widgets.labels import text_label
from app.widgets.layouts import STRETCH, fill
from app.widgets.quality_list import QualityList
from app.widgets.screen_fit import resize_on_screen
from forecasting.errors import CandlecastError
from forecasting.exog import ExogSpec
from forecasting.series import ExogColumn
from forecasting.sources.files import Reading
from forecasting.sources.files.assign_columns import SHARED, UNUSED
from forecasting.sources.files.preview import FileUnderstood
from forecasting.sources.options import AS_FOUND, ReadOptions

#: Milliseconds of rest after a change before the file is read again.
REST_MS = 250
#: Symbols that are offered; a panel may have thousands.
_MOST_SYMBOLS = 2000
_SIZE, _SIDE = (1000, 640), 310

ENCODINGS = {
    name: name for name in ("utf-8", "utf-16", "cp1252", "cp1250", "iso8859-2", "cp1251",
        "shift_jis", "gb18030", "big5", "euc_kr")
}  # fmt: skip
#: Date by which a format is shown: its day is no month.
_EXAMPLE = datetime(2021, 3, 14, 15, 9, 26, 535897)
DELIMITERS = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Pipe", " ": "Space"}
DECIMALS = {".": "Point: 1234.5", ",": "Comma: 1234,5"}
DATE_FORMATS = {
    "dmy": "Day, month, year", "mdy": "Month, day, year", "ymd": "Year, month, day",
    "ydm": "Year, day, month",
    "epoch-s": "Seconds since 1970", "epoch-ms": "Milliseconds since 1970",
    "epoch-us": "Microseconds since 1970",
    "epoch-ns": "Nanoseconds since 1970", "unix-days": "Days since 1970", "excel": "Days of Excel",
    "filetime": "Time stamps of Windows", "ticks": "Ticks of .NET",
    "yyyy.mm": "Years and months: 1990.01",
    "decimal-year": "Years with a fraction: 1990.083", "year": "Years",
    "roc": "Years of Taiwan (112 is 2023)",
    "buddhist": "Buddhist years (2566 is 2023)", "persian": "Persian calendar (1402 begins in "
        "2023)",
}  # fmt: skip
HEADERS = {
    "none": "None",
    **{str(line): f"Line {line}" for line in range(1, 6)},
    "1-2": "Lines 1 and 2",
    "2-3": "Lines 2 and 3",
}
#: Zones that are offered; any other can be typed.
_ZONES = (
    "UTC",
    "America/New_York",
    "America/Chicago",
    "Europe/London",
    "Europe/Berlin",
    "Asia/Tokyo",
    "Asia/Hong_Kong",
    "Australia/Sydney",
)
#: What changes which cells belong to which column: roles given to columns do not outlive it.
_CUTS = ("delimiter", "sheet", "header")


def _tr(text: str) -> str:
    return QCoreApplication.translate("ImportDialog", text)


class ImportDialog(QDialog):
    """Shows how a file is read and lets everything be settled; it reads nothing itself.

    Parameters
    ----------
    path : str
    options : ReadOptions
        What is settled already.
    parent : QWidget, optional
    specs : sequence of ExogSpec
        Inputs that the settings read already.

    Attributes
    ----------
    reading_requested : Signal
        Path and options: the answer goes to :meth:`show_reading` or :meth:`show_failure`.
    path : str
    inputs : InputTable
        The columns that may be inputs.
    tabs : QTabWidget
        The rows, and the columns that may be inputs.
    """

    reading_requested = Signal(str, object)

    def __init__(
        self,
        path: str,
        options: ReadOptions = AS_FOUND,
        parent: QWidget | None = None,
        specs: Sequence[ExogSpec] = (),
    ) -> None:
        super().__init__(parent)
        self.path = path
        self._specs = tuple(specs)
        self._listed: tuple[str, ...] | None = None
        self._settled = options
        self._asked: ReadOptions | None = None
        self._good: ReadOptions | None = None
        self._waiting = self._load_when_read = False
        self._candidates: list[ExogColumn] = []
        self._first_choice = InputChoice()
        self._columns: tuple[str, ...] = ()
        self._roles: tuple[str, ...] = ()
        self.setWindowTitle(_tr("Import {name}").format(name=Path(path).name))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._ask)
        self.table = PreviewTable()
        self.table.role_chosen.connect(self._role_chosen)
        self.tabs = QTabWidget()
        self.inputs = InputTable(_tr("This file has no columns beside dates and prices."))
        self._summary = text_label(plain=True, selectable=True)
        self._hint = text_label(role="muted", plain=True, selectable=True)
        self._raw = QCheckBox(_tr("Show cells as they stand in the file"))
        self._raw.toggled.connect(self.table.show_raw)
        self.fields = self._make_fields()
        self.repair = QCheckBox(_tr("Repair"))
        self.repair.setToolTip(
            _tr("Sort bars, drop duplicates and rows without a close; when off, these are errors")
        )
        self.repair.toggled.connect(lambda on: self._settle(repair=on))
        self.adjusted = QCheckBox(_tr("Adjusted prices"))
        self.adjusted.setToolTip(
            _tr("Scale open, high, low and close by the adjusted close of the file")
        )
        self.adjusted.toggled.connect(lambda on: self._settle(adjusted=on))
        self._noticed, self._findings = QLabel(_tr("Noticed")), QualityList()
        self._findings.remedy_requested.connect(self._remedy)
        self._noticed.setProperty("role", "heading")
        self.buttons = QDialogButtonBox()
        self.load = QPushButton(_tr("Load"))
        self._lay_out()
        complete(self)
        take_literally(self)
        resize_on_screen(self, *_SIZE)
        self._show_settled()
        self._wait()

    @property
    def options(self) -> ReadOptions:
        """What is settled: all that the user chose and nothing that was only found."""
        return self._settled

    @property
    def input_choice(self) -> InputChoice | None:
        """The settings that name the chosen inputs, None where nothing was changed about them."""
        if self._listed is None:
            return None
        choice = self.inputs.choice()
        return choice if choice != self._first_choice else None

    def start(self) -> None:
        """Ask for the first reading."""
        self._ask()

    def show_reading(self, found: FileUnderstood) -> None:
        """Show how the file is read, or why it is not; an answer to what is no longer asked is
        left alone.
        """
        if self._asked is not None and found.reading.options != self._asked:
            return
        self._columns = tuple(column.name for column in found.reading.columns)
        self._roles = tuple(column.role for column in found.reading.columns)
        self._good = None if found.problem else found.reading.options
        self.table.show_reading(found.reading)
        self._show_facts(found.reading)
        self._show_inputs(found.reading)
        if found.problem:
            self._say(found.problem, found.hint, "danger")
        else:
            partly = (
                _tr("Only the beginning and the end of this large file were looked at.")
                if found.reading.sampled
                else ""
            )
            self._say(_summary(found.reading), partly)
        self._noticed.setVisible(bool(found.reading.findings))
        self._findings.show_findings(found.reading.findings)
        self._waiting = False
        if self._load_when_read and self.load.isEnabled():
            self.accept()
        self._load_when_read = False

    def show_failure(self, failure: Failure) -> None:
        """Say why nothing of the file can be shown."""
        self._good, self._waiting, self._load_when_read = None, False, False
        self._say(failure.message, failure.hint, "danger")

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.table.set_theme(theme)
        self.inputs.set_theme(theme)
        self._findings.set_theme(theme)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Load by Enter wherever the focus is, except on a button; while the file is still read,
        as soon as that is done.
        """
        focus = self.focusWidget()
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter) or isinstance(
            focus, QPushButton
        ):
            super().keyPressEvent(event)
        elif self.load.isEnabled():
            self.accept()
        else:
            self._load_when_read = self._waiting

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask for nothing any more."""
        self._rest.stop()
        super().closeEvent(event)

    def done(self, result: int) -> None:
        """Ask for nothing any more, whichever way the dialog ends."""
        self._rest.stop()
        super().done(result)

    # What the user settles

    def _make_fields(self) -> dict[str, AutoCombo]:
        made = {
            "symbol": AutoCombo(_tr("Symbol"), {}, typed=_tr("all, or a name")),
            "date_format": AutoCombo(_tr("Dates"), _words(DATE_FORMATS), typed="%d.%m.%Y"),
            "timezone": AutoCombo(
                _tr("Time zone"), {name: name for name in _ZONES}, typed="America/New_York"
            ),
            "decimal": AutoCombo(_tr("Decimal mark"), _words(DECIMALS)),
            "header": AutoCombo(_tr("Header"), _words(HEADERS)),
            "delimiter": AutoCombo(_tr("Delimiter"), _words(DELIMITERS)),
            "encoding": AutoCombo(_tr("Encoding"), ENCODINGS, typed=_tr("name of an encoding")),
            "sheet": AutoCombo(_tr("Sheet or table"), {}),
        }
        for name, field in made.items():
            field.settled.connect(lambda name=name: self._field_settled(name))
        return made

    def _remedy(self, name: str, value: str) -> None:
        """Settle what a finding asks about."""
        self._settle(**{name: getattr(self._settled.settled(name, value), name)})
        self._show_settled()

    def _field_settled(self, name: str) -> None:
        value = self.fields[name].value
        if value != getattr(self._settled, name):
            self._settle(**{name: value}, **({"columns": {}} if name in _CUTS else {}))

    def _role_chosen(self, place: int, role: str) -> None:
        """Give a column a role.

        What this column was given before is free again, and so is another column of the role,
        unless several may have it: several symbol columns name a series together.
        """
        given = {known: self._indexes(where) for known, where in self._settled.columns.items()}
        if role in SHARED and role not in given:
            given[role] = [index for index, found in enumerate(self._roles) if found == role]
        columns: dict[str, str | int] = {}
        for known, indexes in given.items():
            kept = sorted({index for index in indexes if index not in (place, -1)})
            if kept and (known != role or known in SHARED):
                columns[known] = "|".join(map(str, kept)) if known in SHARED else kept[0]
        chosen = role or UNUSED
        shared = (
            [part for part in str(columns.get(chosen, "")).split("|") if part]
            if chosen in SHARED
            else []
        )
        columns[chosen] = "|".join([*shared, str(place)]) if chosen in SHARED else place
        self._settle(columns=columns)

    def _indexes(self, where: str | int) -> list[int]:
        """Return the places of the columns that are given for a role."""
        whole = self._index(where)
        return (
            [whole] if whole >= 0 else [self._index(part) for part in str(where).split("|") if part]
        )

    def _index(self, where: str | int) -> int:
        """Return the place of a column that is given by place or by name; -1 where there is
        none.
        """
        if isinstance(where, int) or where.isdecimal():
            return int(where)
        return self._columns.index(where) if where in self._columns else -1

    def _settle(self, **values: object) -> None:
        self._settled = self._settled.model_copy(update=values)
        self._wait()
        self._rest.start()

    def _restore(self) -> None:
        """Settle nothing but what does not belong to the file."""
        kept = {
            "trading_calendar": self._settled.trading_calendar,
            "resample": self._settled.resample,
        }
        self._settled = AS_FOUND.model_copy(update=kept)
        self._show_settled()
        self._ask()

    def _ask(self) -> None:
        self._asked = self._settled
        self._wait()
        self.reading_requested.emit(self.path, self._settled)

    # What is shown

    def _wait(self) -> None:
        """Refuse to load before the answer to the present choice is there."""
        self._waiting = True
        self._say(_tr("Reading…"), "", "muted")

    def _say(self, summary: str, hint: str, role: str = "heading") -> None:
        ready = self._good is not None and self._good == self._settled
        self._summary.setText(summary)
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))
        if self._summary.property("role") != role:
            self._summary.setProperty("role", role)
            self._summary.style().unpolish(self._summary)
            self._summary.style().polish(self._summary)
        self.load.setEnabled(ready)
        self.load.setToolTip("" if ready else literal(summary))
        self.load.setAccessibleDescription("" if ready else summary)

    def _show_settled(self) -> None:
        with QSignalBlocker(self.repair):
            self.repair.setChecked(self._settled.repair)
        with QSignalBlocker(self.adjusted):
            self.adjusted.setChecked(self._settled.adjusted)
        for name, field in self.fields.items():
            field.show_found("", getattr(self._settled, name))

    def _show_facts(self, reading: Reading) -> None:
        """Show beside each choice what was found."""
        header = ", ".join(str(line + 1) for line in reading.header_rows)
        found = {
            "encoding": reading.encoding,
            "delimiter": _tr(DELIMITERS.get(reading.delimiter, reading.delimiter)),
            "decimal": _tr(DECIMALS.get(reading.decimal, "")),
            "date_format": _date_words(reading.date_format),
            "timezone": reading.timezone or _tr("as the dates tell"),
            "header": (
                _tr("line {n}") if len(reading.header_rows) == 1 else _tr("lines {n}")
            ).format(n=header)
            if header
            else _tr("none"),
            "sheet": reading.sheet,
            "symbol": reading.symbols[0]
            if len(reading.symbols) == 1
            else _tr("{n} series").format(n=len(reading.symbols)),
        }
        choices: dict[str, Mapping[str, str]] = {"sheet": {name: name for name in reading.sheets}}
        if not self._settled.symbol:
            many = reading.symbols[:_MOST_SYMBOLS] if len(reading.symbols) > 1 else ()
            choices["symbol"] = {name: name for name in many}
        for name, field in self.fields.items():
            settled = getattr(self._settled, name)
            field.show_found(
                "" if settled or not reading.symbols else found[name], settled, choices.get(name)
            )
        shown = {
            "delimiter": reading.kind == "text",
            "encoding": reading.kind == "text",
            "sheet": len(reading.sheets) > 1 or reading.kind == "excel",
        }
        for name, visible in {**shown, "header": reading.kind in ("text", "excel")}.items():
            self._form.setRowVisible(self.fields[name], visible)

    def _show_inputs(self, reading: Reading) -> None:
        """Tell how many columns may be inputs; they are listed once they are looked at."""
        self._candidates = listed({column.name: column for column in reading.inputs})
        text = _tr("&Inputs ({n})") if self._candidates else _tr("&Inputs")
        self.tabs.setTabText(1, text.format(n=len(self._candidates)))
        self._list_inputs()

    def _list_inputs(self) -> None:
        """List the columns that may be inputs; what was chosen here before stays."""
        names = tuple(column.name for column in self._candidates)
        if names == self._listed or self.tabs.currentWidget() is not self.inputs:
            return
        self.inputs.show_columns(self._candidates, self._specs, keep=self._listed is not None)
        if self._listed is None:
            self._first_choice = self.inputs.choice()
        self._listed = names

    def accept(self) -> None:
        """Load, unless a delay of an input cannot be read: that is then said."""
        try:
            self.inputs.choice()
        except CandlecastError as error:
            self.tabs.setCurrentWidget(self.inputs)
            self._say(error.message, error.hint, "danger")
            return
        super().accept()

    def _lay_out(self) -> None:
        path = Path(self.path)
        name = text_label(path.name, "title", plain=True, selectable=True)
        folder = text_label(str(path.resolve().parent), "muted", plain=True, selectable=True)
        self._summary.setAccessibleName(_tr("How the file is understood"))
        page = QWidget()
        fill(QVBoxLayout(page), (self.table, 1), self._raw, margins=(0, 6, 0, 0), spacing=8)
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(page, _tr("&Rows"))
        self.tabs.addTab(self.inputs, _tr("&Inputs"))
        self.tabs.currentChanged.connect(self._list_inputs)
        self.tabs.setTabToolTip(1, _tr("Columns that the network may read beside the prices"))
        both = fill(QHBoxLayout(), (self.tabs, 1), self._side(), spacing=16)
        rows = fill(QVBoxLayout(self), margins=(18, 14, 18, 14), spacing=6)
        for label in (name, folder, self._summary, self._hint):
            rows.addWidget(label)
        fill(rows, 4, (both, 1), 4, self._button_row())

    def _side(self) -> QWidget:
        """Return the choices with the findings below them."""
        inside = QWidget()
        rows = fill(QVBoxLayout(inside), margins=(0, 0, 10, 0), spacing=8)
        self._form = QFormLayout()
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form.setHorizontalSpacing(12)
        self._form.setVerticalSpacing(6)
        for field in self.fields.values():
            label = QLabel(field.accessibleName())
            label.setBuddy(field)
            label.setMinimumHeight(field.sizeHint().height())
            self._form.addRow(label, field)
        fill(
            rows, self._form, self.repair, self.adjusted, 4, self._noticed, self._findings, STRETCH
        )
        self._noticed.hide()
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(inside)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFixedWidth(_SIDE)
        scroll.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        return scroll

    def _button_row(self) -> QDialogButtonBox:
        role = QDialogButtonBox.ButtonRole
        self.load.setProperty("primary", True)
        self.load.setDefault(True)
        self.buttons.addButton(self.load, role.AcceptRole)
        self.buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        restore = self.buttons.addButton(_tr("As found"), role.ResetRole)
        restore.setToolTip(_tr("Settle nothing: read the file as it seems to be"))
        restore.clicked.connect(self._restore)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        return self.buttons


def _date_words(form: str) -> str:
    """Return what a date format is called, or an example of it."""
    if "%" in form:
        return _tr("as {example}").format(example=_EXAMPLE.strftime(form))
    return _tr(DATE_FORMATS.get(form, form))


def _words(choices: Mapping[str, str]) -> dict[str, str]:
    return {code: _tr(text) for code, text in choices.items()}


def _summary(reading: Reading) -> str:
    """Say in one line what would be loaded."""
    number = QLocale().toString
    count = sum(reading.bars)
    begins, ends = min(span[0] for span in reading.spans), max(span[1] for span in reading.spans)
    about = "" if not reading.sampled else _tr("more than ") if reading.packing else _tr("about ")
    many = _tr("{n} or more series") if reading.sampled else _tr("{n} series")
    name = (
        reading.symbols[0]
        if len(reading.symbols) == 1
        else many.format(n=number(len(reading.symbols)))
    )
    return _tr("{name} · {about}{n} bars · {begins} – {ends}").format(
        name=name, about=about, n=number(count), begins=begins, ends=ends
    )
