"""What the window remembers between two starts; every value is checked, as a damaged file reads
as anything at all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TypeVar, get_args

import platformdirs
from PySide6.QtCore import QByteArray, QCoreApplication, QSettings, QTimer

from app.theme import THEME_NAMES
from forecasting.errors import CandlecastError, ExportError
from forecasting.files.atomic import FileLock, atomic_write, next_step, quarantine
from forecasting.files.bounded_read import read_regular_file

Style = Literal["candles", "bars", "line", "area"]
Scale = Literal["linear", "log", "percent"]

STYLES: tuple[Style, ...] = get_args(Style)
SCALES: tuple[Scale, ...] = get_args(Scale)
#: Spans of the price chart, as they are written on its buttons.
SPANS: tuple[str, ...] = ("1M", "3M", "6M", "YTD", "1Y", "5Y", "All")

NameT = TypeVar("NameT", bound=str)

RECENT = 10
#: Most indicators that are remembered.
MOST_INDICATORS = 50
_MOST_HIDDEN = 100
_LONGEST = 4096
_LARGEST = 1 << 20
#: What geometry and state of a window begin with in the file.
_BYTES = "base64:"
#: Seconds that another window which is writing the file is waited for.
_PATIENCE_S = 0.5
_KEY = re.compile(r"\w+(/\w+)?", re.ASCII)
#: Most bytes of the file.
_MOST_BYTES = 16 * 2**20
_ESCAPE = re.compile(r"\\x([0-9a-fA-F]+)|\\([0-7]+)|\\\r?\n|\\(.)")
_OBJECT = re.compile(r"(?<!@)@(?:Variant|DateTime)\(")
_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def settings_file() -> Path:
    """Return where the settings are kept: in ``$CANDLECAST_HOME`` where that is set, else where
    the system wants them.
    """
    home = os.environ.get("CANDLECAST_HOME")
    folder = Path(home) if home else platformdirs.user_config_path("candlecast", appauthor=False)
    return folder / "window.ini"


class Preferences:
    """Typed, range-checked access to the settings of the window; a value that makes no sense reads
    as its default.

    Parameters
    ----------
    path : Path, optional
        The file; :func:`settings_file` where left out.
    safe : bool
        Whether the program was started in safe mode, and is to say so.

    Attributes
    ----------
    told : callable or None
        Takes message and hint where the file cannot be written (told once), or was damaged and set
        aside.
    """

    def __init__(self, path: Path | None = None, *, safe: bool = False) -> None:
        self._given, self.safe = path, safe
        self._file = path or settings_file()
        self._values, _ = _read(self._file)
        self._changed: set[str] = set()
        self._asked = self._refused = False
        self.told: Callable[[str, str], None] | None = None

    def data_file(self, name: str) -> Path:
        """Return where to keep a file of the user's data: beside settings that were given a
        place, else where the system wants it.
        """
        if self._given:
            return self._given.with_name(name)
        home = os.environ.get("CANDLECAST_HOME")
        return (
            Path(home) if home else platformdirs.user_data_path("candlecast", appauthor=False)
        ) / name

    @property
    def theme(self) -> str:
        """``system``, ``light`` or ``dark``."""
        return self._choice("theme", THEME_NAMES)

    @theme.setter
    def theme(self, name: str) -> None:
        self._set("theme", name)

    @property
    def style(self) -> Style:
        """How bars are drawn, one of :data:`STYLES`."""
        return self._choice("chart/style", STYLES)

    @style.setter
    def style(self, name: str) -> None:
        self._set("chart/style", name)

    @property
    def scale(self) -> Scale:
        """Price axis, one of :data:`SCALES`."""
        return self._choice("chart/scale", SCALES)

    @scale.setter
    def scale(self, name: str) -> None:
        self._set("chart/scale", name)

    @property
    def indicators(self) -> tuple[str, ...]:
        """Indicators on the price chart, as their ``text`` writes them: whoever reads them
        validates them.
        """
        return self._texts("chart/indicators")[:MOST_INDICATORS]

    @indicators.setter
    def indicators(self, texts: tuple[str, ...]) -> None:
        self._set("chart/indicators", list(texts))

    @property
    def hidden(self) -> frozenset[str]:
        """Keys of what the legend of the price chart has hidden."""
        return frozenset(self._texts("chart/hidden")[:_MOST_HIDDEN])

    @hidden.setter
    def hidden(self, keys: frozenset[str]) -> None:
        self._set("chart/hidden", sorted(keys))

    @property
    def span(self) -> str:
        """How much history is shown, one of :data:`SPANS`."""
        return self._choice("chart/span", SPANS, "1Y")

    @span.setter
    def span(self, name: str) -> None:
        self._set("chart/span", name)

    @property
    def run(self) -> str:
        """The settings of the last run as JSON, or "": whoever reads it validates it."""
        return self._text("run")

    @run.setter
    def run(self, text: str) -> None:
        self._set("run", text)

    @property
    def plan(self) -> str:
        """How the last backtest moved, as JSON, or "": whoever reads it validates it."""
        return self._text("plan")

    @plan.setter
    def plan(self, text: str) -> None:
        self._set("plan", text)

    @property
    def export(self) -> tuple[str, str]:
        """Suffix and look (JSON) of the last picture that was exported, each "" at first:
        whoever reads them validates them.
        """
        return self._text("export/suffix"), self._text("export/look")

    @export.setter
    def export(self, chosen: tuple[str, str]) -> None:
        for key, text in zip(("export/suffix", "export/look"), chosen, strict=True):
            self._set(key, text)

    @property
    def folder(self) -> str:
        """The folder of the last file dialog, if it is still there, else the home folder."""
        folder = Path(self._text("folder") or Path.home())
        return str(folder if folder.is_dir() else Path.home())

    @folder.setter
    def folder(self, path: str | Path) -> None:
        self._set("folder", str(path))

    @property
    def offline(self) -> bool:
        """Whether tickers come from the price cache only."""
        return self._text("offline") == "yes"

    @offline.setter
    def offline(self, offline: bool) -> None:
        self._set("offline", "yes" if offline else "no")

    @property
    def autosave(self) -> bool:
        """Whether a project is written to its file whenever something changes."""
        return self._text("autosave") == "yes"

    @autosave.setter
    def autosave(self, wanted: bool) -> None:
        self._set("autosave", "yes" if wanted else "no")

    @property
    def toured(self) -> bool:
        """Whether the tour was seen, or left."""
        return self._text("toured") == "yes"

    @toured.setter
    def toured(self, toured: bool) -> None:
        self._set("toured", "yes" if toured else "no")

    @property
    def docks(self) -> str:
        """Sizes of the docks as JSON, or "": whoever reads them validates them."""
        return self._text("window/docks")

    @docks.setter
    def docks(self, text: str) -> None:
        self._set("window/docks", text)

    @property
    def preset(self) -> str:
        """Preset of the layout, and the docks it holds back, or "": whoever reads it validates
        it.
        """
        return self._text("window/preset")

    @preset.setter
    def preset(self, text: str) -> None:
        self._set("window/preset", text)

    @property
    def ticker(self) -> str:
        """How much of a ticker is fetched, as JSON, or "": whoever reads it validates it."""
        return self._text("ticker")

    @ticker.setter
    def ticker(self, text: str) -> None:
        self._set("ticker", text)

    @property
    def recent(self) -> tuple[str, ...]:
        """References that were loaded, the latest first."""
        return self._texts("recent")[:RECENT]

    def remember(self, reference: str) -> None:
        """Put a reference in front of the recent ones."""
        rest = [item for item in self.recent if item != reference]
        self._set("recent", [reference, *rest][:RECENT])

    def bytes(self, key: str) -> QByteArray:
        """Return geometry or state of a window under a key, empty where there is none; Qt checks
        its content.
        """
        value = self._values.get(f"window/{key}")
        if isinstance(value, str) and value.startswith(_BYTES):
            value = QByteArray.fromBase64(
                QByteArray(value.removeprefix(_BYTES).encode("ascii", "ignore"))
            )
        return value if isinstance(value, QByteArray) and value.size() <= _LARGEST else QByteArray()

    def keep_bytes(self, key: str, value: QByteArray) -> None:
        """Keep geometry or state of a window."""
        self._set(f"window/{key}", _BYTES + value.toBase64().toStdString())

    def save(self) -> bool:
        """Write what has changed into the file, beside what other windows have written there;
        False where that was not possible.
        """
        self._asked = False
        if not self._changed:
            return True
        claim = FileLock(self._file)
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            claim.take(_PATIENCE_S)
            there, damaged = _read(self._file)
            if damaged:
                self._tell(
                    f"The settings {self._file} were damaged and were set aside as "
                    f"{quarantine(self._file).name}.",
                    "",
                )
            changed = {key: self._values[key] for key in self._changed}
            if "recent" in changed:
                changed["recent"] = list(
                    dict.fromkeys([*self.recent, *_texts(there.get("recent"))])
                )[:RECENT]
            atomic_write(self._file, _written({**there, **changed}))
        except (OSError, CandlecastError) as error:
            self._refuse(error)
            return False
        finally:
            claim.release()
        self._changed.clear()
        self._refused = False
        return True

    def _refuse(self, error: OSError | CandlecastError) -> None:
        if isinstance(error, OSError):
            error = ExportError(
                f"{self._file} cannot be written: {error.strerror or error}.", next_step(error)
            )
        if not self._refused:
            self._refused = True
            self._tell(f"The settings are not kept for the next start: {error.message}", error.hint)

    def _tell(self, message: str, hint: str) -> None:
        if self.told is not None:
            self.told(message, hint)

    def _set(self, key: str, value: object) -> None:
        """Take a value, and write it as soon as nothing else is to be done."""
        if self._values.get(key) == value:
            return
        self._values[key] = value
        self._changed.add(key)
        if not self._asked and QCoreApplication.instance() is not None:
            self._asked = True
            QTimer.singleShot(0, self._save_if_asked)

    def _save_if_asked(self) -> None:
        if self._asked:
            self.save()

    def _choice(self, key: str, allowed: tuple[NameT, ...], default: NameT | None = None) -> NameT:
        value = self._values.get(key)
        return next((name for name in allowed if name == value), default or allowed[0])

    def _text(self, key: str) -> str:
        value = self._values.get(key)
        return value if isinstance(value, str) and len(value) <= _LONGEST else ""

    def _texts(self, key: str) -> tuple[str, ...]:
        return _texts(self._values.get(key))


def _texts(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(item for item in values if isinstance(item, str) and 0 < len(item) <= _LONGEST)


def is_harmless(file: Path) -> bool:
    """Whether a file of settings holds text and bytes only; one that is not there does.

    Qt makes of ``@Variant`` and ``@DateTime`` whatever they describe, and PySide takes Python
    objects in them out of a pickle, which runs code. They are looked for as Qt will see them:
    without escapes, quotes and line ends that are continued.
    """
    try:
        text = read_regular_file(file, _MOST_BYTES).decode("latin-1")
    except FileNotFoundError:
        return True
    except OSError:
        return False
    text = _ESCAPE.sub(_meant, text).replace('"', "")
    return not _OBJECT.search(text)


def _meant(escape: re.Match[str]) -> str:
    """Return what an escape stands for; Qt keeps the last 16 bits of a number."""
    number = (
        int(escape[1][-4:], 16)
        if escape[1]
        else int(escape[2][-12:], 8) & 0xFFFF
        if escape[2]
        else 0
    )
    return chr(number) if number else escape[3] or ""


def _read(file: Path) -> tuple[dict[str, object], bool]:
    """Return the values of the file, and whether it is damaged.

    QSettings reads anything; what it writes on a full disk is lost unsaid.
    """
    if not is_harmless(file):
        return {}, True
    store = QSettings(str(file), QSettings.Format.IniFormat)
    values = {key: store.value(key) for key in store.allKeys() if _KEY.fullmatch(key)}
    return values, store.status() is QSettings.Status.FormatError


def _written(values: Mapping[str, object]) -> bytes:
    """Return the file, as QSettings reads it."""
    groups: dict[str, list[str]] = {}
    for key, value in sorted(values.items()):
        group, _, name = key.rpartition("/")
        if isinstance(value, QByteArray):
            value = _BYTES + value.toBase64().toStdString()
        if isinstance(value, (str, list)):
            words = (
                [value]
                if isinstance(value, str)
                else [item for item in value if isinstance(item, str)]
            )
            groups.setdefault(group or "General", []).append(
                f"{name}={', '.join(map(_quoted, words)) or '@Invalid()'}"
            )
    lines = [line for group, entries in groups.items() for line in (f"[{group}]", *entries, "")]
    return "\n".join(lines).encode("utf-8", "replace")


def _quoted(text: str) -> str:
    plain = "".join(item for item in text if item >= " " or item in _ESCAPED)
    escaped = "".join(_ESCAPED.get(item, item) for item in plain)
    return f'"{"@" * text.startswith("@")}{escaped}"'
