"""What the window remembers between two starts, as JSON; every value is checked, as a damaged file
reads as anything at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast, get_args

import platformdirs
from PySide6.QtCore import QByteArray, QCoreApplication, QTimer

from app.theme import THEME_NAMES
from forecasting.errors import CandlecastError, ExportError
from forecasting.files.atomic import FileLock, atomic_write, next_step, quarantine
from forecasting.files.bounded_read import read_regular_file

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Style = Literal["candles", "bars", "line", "area"]
Scale = Literal["linear", "log", "percent"]

STYLES: tuple[Style, ...] = get_args(Style)
SCALES: tuple[Scale, ...] = get_args(Scale)
#: Spans of the price chart, as they are written on its buttons.
SPANS: tuple[str, ...] = ("1M", "3M", "6M", "YTD", "1Y", "5Y", "All")

ValueT = TypeVar("ValueT")

RECENT = 10
#: Most indicators that are remembered.
MOST_INDICATORS = 50
_MOST_HIDDEN = 100
#: Most letters of a text.
_LONGEST = 4096
#: Most bytes of geometry or state of a window.
_LARGEST = 1 << 20
#: Most bytes of the file.
_MOST_BYTES = 16 * 2**20
#: Seconds that another window which is writing the file is waited for.
_PATIENCE_S = 0.5
#: The file that earlier versions wrote, read once where the one of today is missing.
_OLD_NAME = "window.ini"
_OLD_KEYS = {"suffix": "export_suffix", "look": "export_look"}
_OLD_LISTS = ("hidden", "indicators", "recent")


def preferences_file() -> Path:
    """Return where the preferences are kept: in ``$CANDLECAST_HOME`` where that is set, else where
    the system wants them.
    """
    home = os.environ.get("CANDLECAST_HOME")
    folder = Path(home) if home else platformdirs.user_config_path("candlecast", appauthor=False)
    return folder / "preferences.json"


def reset_preferences() -> Path | None:
    """Set the preferences aside, those of earlier versions too; None where there are none.

    Returns
    -------
    Path or None
        The name that the file was given.

    Raises
    ------
    OSError
        The system does not allow it.
    """
    file = preferences_file()
    aside = None
    for old in (file.with_name(_OLD_NAME), file):
        if old.exists():
            aside = old.replace(old.with_name(f"{old.stem}.before-reset{old.suffix}"))
    return aside


class _Value(Generic[ValueT]):
    """One value of the file; one that is missing or makes no sense reads as its default.

    Its key is the name of the attribute, without a leading underscore.

    Parameters
    ----------
    kind : type
        What pydantic checks the value by.
    default : object
    """

    def __init__(self, kind: object, default: ValueT) -> None:
        self._kind = kind
        self._default = default
        self._key = ""

    def __set_name__(self, owner: type, name: str) -> None:
        """Take the key from the name of the attribute."""
        self._key = name.removeprefix("_")

    def __get__(self, preferences: Preferences, owner: type) -> ValueT:
        """Return the checked value."""
        value = preferences.stored(self._key)
        return self._default if value is None else self._checked(value)

    def __set__(self, preferences: Preferences, value: ValueT) -> None:
        """Keep a value, and write it soon."""
        preferences.store(self._key, value)

    def _checked(self, value: object) -> ValueT:
        return cast(ValueT, _check(self._kind, value, self._default))


class _Choice(_Value[ValueT]):
    """One of some values; read without pydantic, as the first paint needs it.

    Parameters
    ----------
    allowed : tuple
    default : object
    """

    def __init__(self, allowed: tuple[ValueT, ...], default: ValueT) -> None:
        super().__init__(None, default)
        self._allowed = allowed

    def _checked(self, value: object) -> ValueT:
        return next((item for item in self._allowed if item == value), self._default)


def _check(kind: object, value: object, default: object) -> object:
    """Return a value as of a type, or the default."""
    try:
        return _adapter(kind).validate_python(value)
    except ValueError:
        return default


@cache
def _adapter(kind: Any) -> TypeAdapter[object]:
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(kind, config=ConfigDict(str_max_length=_LONGEST))


class Preferences:
    """Typed, checked access to the preferences; a value that makes no sense reads as its default.

    Parameters
    ----------
    path : Path, optional
        The file; :func:`preferences_file` where left out. Where it is missing, ``window.ini`` of
        earlier versions beside it is read instead, until the first value is written.
    safe : bool
        Whether the program was started in safe mode, and is to say so.

    Attributes
    ----------
    told : callable or None
        Takes message and hint where the file cannot be written (told once), or was damaged and set
        aside.
    """

    theme = _Choice(THEME_NAMES, "system")
    style = _Choice(STYLES, "candles")
    #: Price axis.
    scale = _Choice(SCALES, "linear")
    #: How much history is shown, one of :data:`SPANS`.
    span = _Choice(SPANS, "1Y")
    #: Whether tickers come from the price cache only.
    offline = _Value(bool, False)
    #: Whether a project is written to its file whenever something changes.
    autosave = _Value(bool, False)
    #: Whether prices near the pointer catch it, and whether the tools that draw are shown.
    magnet = _Value(bool, True)
    drawing_tools = _Value(bool, True)
    #: Whether a strip shows what moved the forecast.
    why_strip = _Value(bool, False)
    #: Whether the forecast is drawn as candles, too.
    whole_candles = _Value(bool, False)
    #: Charts that are shown at once.
    charts = _Choice((1, 2, 4), 1)
    #: Language of the lessons' texts, by its code.
    lesson_language = _Value(str, "en")
    #: Whether the tour was seen, or left.
    toured = _Value(bool, False)
    # The texts are "" at first, and whoever reads them validates them.
    #: The settings of the last run, as JSON.
    run = _Value(str, "")
    #: How the last backtest moved, as JSON.
    plan = _Value(str, "")
    #: How much of a ticker is fetched, as JSON.
    ticker = _Value(str, "")
    #: How the watchlist is sorted, and what is shown of its rows.
    list_order = _Value(str, "")
    list_columns = _Value[tuple[str, ...]](tuple[str, ...], ("line", "price", "verdict"))
    #: Keys of the headings of the watchlist that are folded.
    list_folded = _Value[tuple[str, ...]](tuple[str, ...], ())
    #: Sizes of the docks, as JSON.
    docks = _Value(str, "")
    #: Preset of the layout, and the docks it holds back.
    preset = _Value(str, "")
    _export_suffix = _Value(str, "")
    _export_look = _Value(str, "")
    _folder = _Value(str, "")
    _indicators = _Value[tuple[str, ...]](tuple[str, ...], ())
    #: Keys of the columns of the table of runs; () for the usual ones.
    run_columns = _Value[tuple[str, ...]](tuple[str, ...], ())
    _hidden = _Value[tuple[str, ...]](tuple[str, ...], ())
    _recent = _Value[tuple[str, ...]](tuple[str, ...], ())

    def __init__(self, path: Path | None = None, *, safe: bool = False) -> None:
        self._given, self.safe = path, safe
        self._file = path or preferences_file()
        self._values, _ = _read(self._file)
        self._changed: set[str] = set()
        self._asked = self._refused = False
        self.told: Callable[[str, str], None] | None = None

    def data_file(self, name: str) -> Path:
        """Return where to keep a file of the user's data: beside preferences that were given a
        path, else where the system wants it.
        """
        if self._given:
            return self._given.with_name(name)
        home = os.environ.get("CANDLECAST_HOME")
        return (
            Path(home) if home else platformdirs.user_data_path("candlecast", appauthor=False)
        ) / name

    @property
    def indicators(self) -> tuple[str, ...]:
        """Indicators on the price chart, as their ``text`` writes them: whoever reads them
        validates them.
        """
        return self._indicators[:MOST_INDICATORS]

    @indicators.setter
    def indicators(self, texts: tuple[str, ...]) -> None:
        self._indicators = texts

    @property
    def hidden(self) -> frozenset[str]:
        """Keys of what the legend of the price chart has hidden."""
        return frozenset(self._hidden[:_MOST_HIDDEN])

    @hidden.setter
    def hidden(self, keys: frozenset[str]) -> None:
        self._hidden = tuple(sorted(keys))

    @property
    def export(self) -> tuple[str, str]:
        """Suffix and look (JSON) of the last picture that was exported, each "" at first:
        whoever reads them validates them.
        """
        return self._export_suffix, self._export_look

    @export.setter
    def export(self, chosen: tuple[str, str]) -> None:
        self._export_suffix, self._export_look = chosen

    @property
    def folder(self) -> str:
        """The folder of the last file dialog, if it is still there, else the home folder."""
        folder = Path(self._folder or Path.home())
        return str(folder if folder.is_dir() else Path.home())

    @folder.setter
    def folder(self, path: str | Path) -> None:
        self._folder = str(path)

    @property
    def recent(self) -> tuple[str, ...]:
        """References that were loaded, the latest first."""
        return self._recent[:RECENT]

    def remember(self, reference: str) -> None:
        """Put a reference in front of the recent ones."""
        self._recent = tuple(dict.fromkeys((reference, *self.recent)))[:RECENT]

    def bytes(self, key: str) -> QByteArray:
        """Return geometry or state of a window under a key, empty where there is none; Qt checks
        its content.
        """
        text = self._values.get(key)
        if not isinstance(text, str):
            return QByteArray()
        value = QByteArray.fromBase64(QByteArray(text.encode("ascii", "ignore")))
        return value if value.size() <= _LARGEST else QByteArray()

    def keep_bytes(self, key: str, value: QByteArray) -> None:
        """Keep geometry or state of a window."""
        self.store(key, value.toBase64().toStdString())

    def stored(self, key: str) -> object:
        """Return a value as it is in the file, unchecked; None where it is missing."""
        return self._values.get(key)

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
                others = cast(tuple[str, ...], _check(tuple[str, ...], there.get("recent"), ()))
                changed["recent"] = list(dict.fromkeys((*self.recent, *others)))[:RECENT]
            text = json.dumps({**there, **changed}, indent=1, ensure_ascii=False)
            atomic_write(self._file, text.encode("utf-8", "replace"))
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

    def store(self, key: str, value: object) -> None:
        """Take a value, and write it as soon as nothing else is to be done."""
        if isinstance(value, tuple):
            value = list(value)
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


def _read(file: Path) -> tuple[dict[str, object], bool]:
    """Return the values of the file, and whether it is damaged."""
    try:
        values = json.loads(read_regular_file(file, _MOST_BYTES))
    except FileNotFoundError:
        return _read_ini(file.with_name(_OLD_NAME)), False
    except (OSError, ValueError, RecursionError):
        return {}, True
    return (values, False) if isinstance(values, dict) else ({}, True)


def _read_ini(file: Path) -> dict[str, object]:
    """Return the values of the file that earlier versions wrote: ``name="text", "text"`` a line,
    escaped as in JSON, an ``@`` in front doubled.
    """
    try:
        text = read_regular_file(file, _MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return {}
    values: dict[str, object] = {}
    for line in text.split("\n"):
        name, equals, written = line.strip().partition("=")
        if not equals or written.startswith("@"):
            continue
        try:
            items = json.loads(f"[{written}]")
        except (ValueError, RecursionError):
            items = [item.strip() for item in written.split(",")]
        items = [_old_text(item) for item in items if isinstance(item, str)]
        if items:
            values[_OLD_KEYS.get(name, name)] = items if name in _OLD_LISTS else items[0]
    return values


def _old_text(text: str) -> str:
    return text.removeprefix("base64:").removeprefix("@")
