"""The status bar: what goes on, and what the program works with."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QLocale, QObject
from PySide6.QtWidgets import QLabel, QProgressBar, QStatusBar

from app.widgets.steady_label import TimeLeftLabel
from forecasting.events import EngineReady, Progress
from forecasting.series import PriceSeries

if TYPE_CHECKING:
    import psutil

#: Seconds between two looks at the memory.
_MEMORY_S = 2.0


class StatusLine(QObject):
    """Fills a status bar.

    Parameters
    ----------
    bar : QStatusBar
        The bar of the window.
    """

    def __init__(self, bar: QStatusBar) -> None:
        super().__init__(bar)
        self._bar = bar
        self._message, self._series, self._engine, self._memory = (
            QLabel(),
            QLabel(),
            QLabel(),
            QLabel(),
        )
        self._left = TimeLeftLabel()
        self._asked_at = -math.inf
        self._process: psutil.Process | None = None
        self._progress = QProgressBar(textVisible=False)
        self._progress.setFixedWidth(120)
        self._progress.setAccessibleName(self.tr("Progress"))
        self._series.setAccessibleName(self.tr("Shown series"))
        self._engine.setAccessibleName(self.tr("Engine"))
        self._memory.setToolTip(self.tr("Memory that the program holds"))
        bar.setSizeGripEnabled(False)
        bar.addWidget(self._message, 1)
        for part in (self._progress, self._left, self._series, self._memory, self._engine):
            bar.addPermanentWidget(part)
        self.rest("")

    def rest(self, message: str) -> None:
        """Say something, with nothing going on."""
        self._message.setText(message)
        self._progress.hide()
        self._left.clear()

    def show_progress(self, progress: Progress) -> None:
        """Show how far the work is; without a known total the bar moves to and fro."""
        self._message.setText(progress.message)
        self._progress.setRange(0, progress.total)
        self._progress.setValue(progress.done)
        self._progress.show()
        self._left.show_left(progress.eta_s)

    def show_readout(self, text: str) -> None:
        """Show what lies under the cursor, in the place of what goes on; "" brings that back."""
        self._bar.showMessage(text)

    def show_series(self, series: PriceSeries | None) -> None:
        """Name the series in view."""
        bars = self.tr("{symbol} · {n} bars")
        self._series.setText(
            bars.format(symbol=series.symbol, n=QLocale().toString(len(series))) if series else ""
        )

    def show_engine(self, engine: EngineReady | None, *, warming: bool) -> None:
        """Tell whether the engine is there, and what it computes on."""
        if engine:
            self._engine.setText(
                self.tr("Engine ready: {device}").format(device=next(iter(engine.devices.values())))
            )
        else:
            self._engine.setText(
                self.tr("Preparing the engine…") if warming else self.tr("Engine not loaded")
            )

    def show_memory(self) -> None:
        """Show how much memory the program holds; asked for as often as one likes, it looks
        every two seconds.
        """
        now = time.monotonic()
        if now - self._asked_at < _MEMORY_S:
            return
        if self._process is None:  # making one reads the system's start, once
            import psutil

            self._process = psutil.Process()
        self._asked_at = now
        size = QLocale().formattedDataSize(
            self._process.memory_info().rss, 0, QLocale.DataSizeFormat.DataSizeTraditionalFormat
        )
        self._memory.setText(size)
        self._memory.setAccessibleName(self.tr("Memory: {size}").format(size=size))
