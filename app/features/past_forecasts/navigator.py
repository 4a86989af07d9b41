"""The line below the header of the chart while past forecasts are looked at one by one: which
one, and how it fared.
"""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QLocale, Signal
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from app.theme import Theme, icon
from app.widgets.chart_header import ElidedLabel, price
from forecasting.series import Floats, Forecast, within


class PastForecastNavigator(QWidget):
    """Buttons back and on, and what became of the forecast.

    Attributes
    ----------
    step_requested : Signal
        -1 for the forecast before, 1 for the next.
    close_requested : Signal
    """

    step_requested = Signal(int)
    close_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._words = ElidedLabel()
        self._buttons: dict[str, QToolButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 8, 4)
        row.setSpacing(4)
        tips = {
            "previous": self.tr("Previous past forecast (Alt+Left)"),
            "next": self.tr("Next past forecast (Alt+Right)"),
            "cancel": self.tr("Show all past forecasts again"),
        }
        for name, tip in tips.items():
            button = QToolButton()
            button.setToolTip(tip)
            button.setAccessibleName(tip)
            self._buttons[name] = button
        row.addWidget(self._buttons["previous"])
        row.addWidget(self._buttons["next"])
        row.addWidget(self._words)
        row.addStretch(1)
        row.addWidget(self._buttons["cancel"])
        self._buttons["previous"].clicked.connect(lambda: self.step_requested.emit(-1))
        self._buttons["next"].clicked.connect(lambda: self.step_requested.emit(1))
        self._buttons["cancel"].clicked.connect(self.close_requested)
        self.hide()

    @property
    def text(self) -> str:
        """What is said."""
        return self._words.text()

    def show_origin(self, forecast: Forecast, y: Floats, place: int, count: int) -> None:
        """Tell of one forecast.

        Parameters
        ----------
        forecast : Forecast
        y : ndarray, shape [H]
            What happened, NaN where that is not known.
        place, count : int
            Which one it is, counted from 0, and of how many; of one alone nothing is said.
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
                [text.format(date=date, n=place + 1, all=count), *self._fared(forecast, y)]
            )
        )
        self._buttons["previous"].setEnabled(place > 0)
        self._buttons["next"].setEnabled(place < count - 1)
        self.show()

    def set_theme(self, theme: Theme) -> None:
        """Draw the icons in the colours of a theme."""
        for name, button in self._buttons.items():
            button.setIcon(icon(name, theme))

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
