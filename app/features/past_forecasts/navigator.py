"""The bar below the header of the chart while past forecasts are looked at one by one: replay,
jumps, which one it is, and how it fared.
"""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QLocale, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.theme import Theme, icon
from app.widgets.chart_header import ElidedLabel, price
from app.widgets.layouts import fill
from forecasting.series import Floats, Forecast, within

#: Milliseconds from one day to the next while playing, by what the button says.
_PACES = {"1×": 800, "2×": 400, "5×": 160, "20×": 40}


class PastForecastNavigator(QWidget):
    """Buttons back and on, play, a slider over all days, what to jump to, and what became of the
    forecast.

    Attributes
    ----------
    step_requested : Signal
        -1 for the forecast before, 1 for the next.
    index_requested : Signal
        Which of the days that are gone through, counted from 0.
    jump_requested : Signal
        "" for all days, or which of them: ``worst``, ``best``, ``outside``.
    future_hidden : Signal
        Whether what came after a forecast is to be hidden.
    close_requested : Signal
    """

    step_requested = Signal(int)
    index_requested = Signal(int)
    jump_requested = Signal(str)
    future_hidden = Signal(bool)
    close_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._theme: Theme | None = None
        self._words = ElidedLabel()
        self.buttons: dict[str, QToolButton] = {}
        self._timer = QTimer(self)
        self._timer.timeout.connect(lambda: self.step_requested.emit(1))
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName(self.tr("Past forecast"))
        self.slider.setToolTip(self.tr("Move through the past forecasts"))
        self.slider.setMinimumWidth(70)
        self.slider.valueChanged.connect(self.index_requested)
        self.jumps = QComboBox()
        self.jumps.setAccessibleName(self.tr("Days to go through"))
        self.jumps.setToolTip(self.tr("Go through all days, or jump from one of these to the next"))
        for text, name in (
            (self.tr("All days"), ""),
            (self.tr("Worst misses"), "worst"),
            (self.tr("Best days"), "best"),
            (self.tr("Outside the 80 % band"), "outside"),
        ):
            self.jumps.addItem(text, name)
        self.jumps.activated.connect(
            lambda _index: self.jump_requested.emit(self.jumps.currentData())
        )
        self.pace = QToolButton()
        self.pace.setText(next(iter(_PACES)))
        self.pace.setToolTip(self.tr("How fast to play"))
        self.pace.clicked.connect(self._next_pace)
        self._lay_out()
        self.hide()

    @property
    def text(self) -> str:
        """What is said."""
        return self._words.text()

    @property
    def playing(self) -> bool:
        """Whether the days are being played."""
        return self._timer.isActive()

    def play(self, *, on: bool) -> None:
        """Go on from day to day by itself, or wait."""
        button = self.buttons["train"]
        if on:
            self._timer.start(_PACES[self.pace.text()])
        else:
            self._timer.stop()
        tip = self.tr("Wait (Ctrl+Shift+Space)") if on else self.tr("Play (Ctrl+Shift+Space)")
        button.setChecked(on)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        self._draw_icons()

    def show_origin(
        self, forecast: Forecast, y: Floats, index: int, count: int, jump: str = ""
    ) -> None:
        """Tell of one forecast.

        Parameters
        ----------
        forecast : Forecast
        y : ndarray, shape [H]
            What happened, NaN where that is not known.
        index, count : int
            Which one it is, counted from 0, and of how many; of one alone nothing is said.
        jump : str
            What is gone through: "" for all days.
        """
        date = QLocale().toString(
            forecast.cutoff.astype("datetime64[s]").item().date(), "ddd d MMM yyyy"
        )
        text = (
            self.tr("Forecast of {date} ({n} of {all})")
            if count > 1
            else self.tr("Forecast of {date}")
        )
        self._words.setText(
            "   ·   ".join(
                [text.format(date=date, n=index + 1, all=count), *self._fared(forecast, y)]
            )
        )
        self.buttons["previous"].setEnabled(index > 0)
        self.buttons["next"].setEnabled(index < count - 1)
        self.slider.blockSignals(True)
        self.slider.setMaximum(max(count - 1, 0))
        self.slider.setPageStep(max(count // 20, 1))
        self.slider.setValue(index)
        self.slider.blockSignals(False)
        self.jumps.setCurrentIndex(max(0, self.jumps.findData(jump)))
        for part in (self.slider, self.jumps, self.pace, self.buttons["train"]):
            part.setVisible(count > 1 or bool(jump))
        self.show()

    def set_theme(self, theme: Theme) -> None:
        """Draw the icons in the colours of a theme."""
        self._theme = theme
        self._draw_icons()

    def _draw_icons(self) -> None:
        if self._theme is not None:
            for name, button in self.buttons.items():
                shown = "pause" if name == "train" and self.playing else name
                button.setIcon(icon(shown, self._theme))

    def _lay_out(self) -> None:
        rows = fill(QVBoxLayout(self), margins=(8, 0, 8, 4), spacing=0)
        row = fill(QHBoxLayout(), spacing=4)
        fill(rows, row, self._words)
        tips = {
            "previous": self.tr("Previous past forecast (Alt+Left)"),
            "train": self.tr("Play (Ctrl+Shift+Space)"),
            "next": self.tr("Next past forecast (Alt+Right)"),
            "draw-hide": self.tr("Hide what came after the forecast"),
            "cancel": self.tr("Show all past forecasts again"),
        }
        for name, tip in tips.items():
            button = QToolButton()
            button.setToolTip(tip)
            button.setAccessibleName(tip)
            self.buttons[name] = button
        for part in (*(self.buttons[name] for name in ("previous", "train", "next")), self.pace):
            row.addWidget(part)
        fill(row, (self.slider, 1), self.jumps, self.buttons["draw-hide"], self.buttons["cancel"])
        self.buttons["previous"].clicked.connect(lambda: self.step_requested.emit(-1))
        self.buttons["next"].clicked.connect(lambda: self.step_requested.emit(1))
        self.buttons["cancel"].clicked.connect(self.close_requested)
        self.buttons["train"].setCheckable(True)
        self.buttons["train"].clicked.connect(lambda on: self.play(on=on))
        self.buttons["draw-hide"].setCheckable(True)
        self.buttons["draw-hide"].toggled.connect(self.future_hidden)

    def _next_pace(self) -> None:
        names = list(_PACES)
        self.pace.setText(names[(names.index(self.pace.text()) + 1) % len(names)])
        if self.playing:
            self.play(on=True)

    def _fared(self, forecast: Forecast, y: Floats) -> list[str]:
        """Return in words what became of a forecast."""
        known = np.isfinite(y)
        if not known.any():
            return [self.tr("nothing of it is known yet")]
        texts = []
        for level in (80, 95):
            try:
                low, high = forecast.band(level)
            except KeyError:
                continue
            inside = int(within(low, y, high)[known].sum())
            texts.append(
                self.tr("{n} of {all} in the {level} % band").format(
                    n=inside, all=int(known.sum()), level=level
                )
            )
        last = int(np.flatnonzero(known)[-1])
        miss = y[last] - forecast.point[last]
        share = f" ({abs(miss) / forecast.y0:.1%})" if forecast.y0 > 0 else ""
        by = f"{'+' if miss >= 0 else '−'}{price(abs(miss), forecast.y0)}{share}"
        return [
            *texts,
            self.tr("{miss} off the {point}").format(miss=by, point=forecast.point_name),
        ]
