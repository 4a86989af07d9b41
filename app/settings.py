"""What the window remembers between two starts; every value is checked, as a damaged file reads as anything at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, TypeVar, get_args

import platformdirs
from PySide6.QtCore import QByteArray, QSettings

from app.theme import THEME_NAMES

Style = Literal["candles", "bars", "line", "area"]
Scale = Literal["linear", "log", "percent"]

STYLES: tuple[Style, ...] = get_args(Style)
SCALES: tuple[Scale, ...] = get_args(Scale)
#: Spans of the price chart, as they are written on its buttons.
SPANS: tuple[str, ...] = ("1M", "3M", "6M", "YTD", "1Y", "5Y", "All")

NameT = TypeVar("NameT", bound=str)

RECENT = 10
#: Most indicators on the price chart: as many as can be told apart.
MOST_INDICATORS = 6
_MOST_HIDDEN = 100
_LONGEST = 4096
_LARGEST = 1 << 20


def settings_file() -> Path:
    """Return where the settings are kept: in ``$CANDLECAST_HOME`` where that is set, else where the system wants them."""
    home = os.environ.get("CANDLECAST_HOME")
    folder = Path(home) if home else platformdirs.user_config_path("candlecast", appauthor=False)
    return folder / "window.ini"


class Preferences:
    """Typed, range-checked access to the settings of the window; a value that makes no sense reads as its default.

    Parameters
    ----------
    path : Path, optional
        The file; :func:`settings_file` where left out.
    safe : bool
        Whether the program was started in safe mode, and is to say so.
    """

    def __init__(self, path: Path | None = None, *, safe: bool = False) -> None:
        self._given, self.safe = path, safe
        self._store = QSettings(str(path or settings_file()), QSettings.Format.IniFormat)

    def data_file(self, name: str) -> Path:
        """Return where to keep a file of the user's data: beside settings that were given a place, else where the system wants it."""
        if self._given:
            return self._given.with_name(name)
        home = os.environ.get("CANDLECAST_HOME")
        return (Path(home) if home else platformdirs.user_data_path("candlecast", appauthor=False)) / name

    @property
    def theme(self) -> str:
        """``system``, ``light`` or ``dark``."""
        return self._choice("theme", THEME_NAMES)

    @theme.setter
    def theme(self, name: str) -> None:
        self._store.setValue("theme", name)

    @property
    def style(self) -> Style:
        """How bars are drawn, one of :data:`STYLES`."""
        return self._choice("chart/style", STYLES)

    @style.setter
    def style(self, name: str) -> None:
        self._store.setValue("chart/style", name)

    @property
    def scale(self) -> Scale:
        """Price axis, one of :data:`SCALES`."""
        return self._choice("chart/scale", SCALES)

    @scale.setter
    def scale(self, name: str) -> None:
        self._store.setValue("chart/scale", name)

    @property
    def indicators(self) -> tuple[str, ...]:
        """Indicators on the price chart, as their ``text`` writes them: whoever reads them validates them."""
        return self._texts("chart/indicators")[:MOST_INDICATORS]

    @indicators.setter
    def indicators(self, texts: tuple[str, ...]) -> None:
        self._store.setValue("chart/indicators", list(texts))

    @property
    def hidden(self) -> frozenset[str]:
        """Keys of what the legend of the price chart has hidden."""
        return frozenset(self._texts("chart/hidden")[:_MOST_HIDDEN])

    @hidden.setter
    def hidden(self, keys: frozenset[str]) -> None:
        self._store.setValue("chart/hidden", sorted(keys))

    @property
    def span(self) -> str:
        """How much history is shown, one of :data:`SPANS`."""
        return self._choice("chart/span", SPANS, "1Y")

    @span.setter
    def span(self, name: str) -> None:
        self._store.setValue("chart/span", name)

    @property
    def run(self) -> str:
        """The settings of the last run as JSON, or "": whoever reads it validates it."""
        return self._text("run")

    @run.setter
    def run(self, text: str) -> None:
        self._store.setValue("run", text)

    @property
    def plan(self) -> str:
        """How the last backtest moved, as JSON, or "": whoever reads it validates it."""
        return self._text("plan")

    @plan.setter
    def plan(self, text: str) -> None:
        self._store.setValue("plan", text)

    @property
    def folder(self) -> str:
        """The folder of the last file dialog, if it is still there, else the home folder."""
        folder = Path(self._text("folder") or Path.home())
        return str(folder if folder.is_dir() else Path.home())

    @folder.setter
    def folder(self, path: str | Path) -> None:
        self._store.setValue("folder", str(path))

    @property
    def offline(self) -> bool:
        """Whether tickers come from the price cache only."""
        return self._text("offline") == "yes"

    @offline.setter
    def offline(self, offline: bool) -> None:
        self._store.setValue("offline", "yes" if offline else "no")

    @property
    def autosave(self) -> bool:
        """Whether a project is written to its file whenever something changes."""
        return self._text("autosave") == "yes"

    @autosave.setter
    def autosave(self, wanted: bool) -> None:
        self._store.setValue("autosave", "yes" if wanted else "no")

    @property
    def toured(self) -> bool:
        """Whether the tour was seen, or left."""
        return self._text("toured") == "yes"

    @toured.setter
    def toured(self, toured: bool) -> None:
        self._store.setValue("toured", "yes" if toured else "no")

    @property
    def ticker(self) -> str:
        """How much of a ticker is fetched, as JSON, or "": whoever reads it validates it."""
        return self._text("ticker")

    @ticker.setter
    def ticker(self, text: str) -> None:
        self._store.setValue("ticker", text)

    @property
    def recent(self) -> tuple[str, ...]:
        """References that were loaded, the latest first."""
        return self._texts("recent")[:RECENT]

    def remember(self, reference: str) -> None:
        """Put a reference in front of the recent ones."""
        rest = [one for one in self.recent if one != reference]
        self._store.setValue("recent", [reference, *rest][:RECENT])

    def bytes(self, key: str) -> QByteArray:
        """Return geometry or state of a window under a key, empty where there is none; Qt checks its content."""
        value = self._store.value(f"window/{key}")
        return value if isinstance(value, QByteArray) and value.size() <= _LARGEST else QByteArray()

    def keep_bytes(self, key: str, value: QByteArray) -> None:
        """Keep geometry or state of a window."""
        self._store.setValue(f"window/{key}", value)

    def clear(self) -> None:
        """Forget everything."""
        self._store.clear()
        self._store.sync()

    def save(self) -> bool:
        """Write the file; False where that was not possible (a full disk, a read-only folder)."""
        self._store.sync()
        return self._store.status() is QSettings.Status.NoError

    def _choice(self, key: str, allowed: tuple[NameT, ...], default: NameT | None = None) -> NameT:
        value = self._store.value(key)
        return next((name for name in allowed if name == value), default or allowed[0])

    def _text(self, key: str) -> str:
        value = self._store.value(key)
        return value if isinstance(value, str) and len(value) <= _LONGEST else ""

    def _texts(self, key: str) -> tuple[str, ...]:
        value = self._store.value(key)
        values = value if isinstance(value, list) else [value]
        return tuple(one for one in values if isinstance(one, str) and 0 < len(one) <= _LONGEST)
