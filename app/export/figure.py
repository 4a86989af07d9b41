"""What an exported file shows and how it looks, in words that need no Qt."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from app.charts.plot import Plot
from app.charts.registry import PLOTS, build
from app.export.tables import iso
from app.number_format import plain_number, price_decimals
from forecasting.errors import ExportError
from forecasting.events import Prediction, RunResult
from forecasting.series import Forecast, PriceSeries

if TYPE_CHECKING:
    from app.theme import Theme

#: Logical pixels of an inch: at this density charts are laid out, whatever the density of the file.
LOGICAL_DPI = 96
#: Pixels an inch that a picture has unless told otherwise: what printers want.
PRINT_DPI = 300
_MOST_PIXELS = 200_000_000
_UNITS = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4}
_SIZE = re.compile(
    r"\s*(\d+(?:\.\d+)?)\s*[x×]\s*(\d+(?:\.\d+)?)\s*(px|in|cm|mm)?\s*", re.IGNORECASE
)


@dataclass(frozen=True)
class Look:
    """How a picture looks, whatever it shows.

    Attributes
    ----------
    size : tuple of float
        Width and height in inches.
    dpi : int
        Pixels an inch of raster pictures; text and lines are drawn at this density, not enlarged.
    theme : str
        ``light`` or ``dark``.
    transparent : bool
        Leave the ground out.
    footer : bool
        Write the verdict, source, dates, model and seed at the bottom.

    Raises
    ------
    ExportError
        A size or density that cannot be drawn.
    """

    size: tuple[float, float] = (10.0, 6.0)
    dpi: int = PRINT_DPI
    theme: Literal["light", "dark"] = "light"
    transparent: bool = False
    footer: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        if min(self.size) < 2 or max(self.size) > 200 or not 10 <= self.dpi <= 2400:
            raise ExportError(
                f"A picture of {self.size[0]:g} x {self.size[1]:g} inches at {self.dpi} dpi "
                "cannot be drawn.",
                "Sides of 2 to 200 inches and 10 to 2400 dpi are possible.",
            )
        width, height = self.pixels
        if width * height > _MOST_PIXELS:
            raise ExportError(
                f"A picture of {width} x {height} pixels cannot be made.",
                f"At most {_MOST_PIXELS // 1_000_000} million are possible.",
            )

    def to_json(self) -> str:
        """Return the look as JSON, for :meth:`from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str, usual: Look) -> Look:
        """Read a look; where the text is none that can be drawn, return the ``usual`` one."""
        try:
            message = json.loads(text)
            wide, high = map(float, message["size"])
            look = cls(
                (wide, high),
                int(message["dpi"]),
                message["theme"],
                message["transparent"] is True,
                message["footer"] is True,
            )
            return look if look.theme in ("light", "dark") else usual
        except (ExportError, KeyError, TypeError, ValueError, OverflowError):
            return usual

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height of a raster picture."""
        return round(self.size[0] * self.dpi), round(self.size[1] * self.dpi)

    @property
    def logical(self) -> tuple[float, float]:
        """Width and height in the pixels in which charts are laid out."""
        return self.size[0] * LOGICAL_DPI, self.size[1] * LOGICAL_DPI

    @property
    def colors(self) -> Theme:
        """The theme to draw in."""
        from app.theme import DARK, LIGHT

        return DARK if self.theme == "dark" else LIGHT


def read_size(text: str, dpi: int | None = None) -> tuple[tuple[float, float], int]:
    """Read ``1920x1080`` (pixels), ``10x6in``, ``25x15cm`` or ``250x150mm``.

    Parameters
    ----------
    text : str
    dpi : int, optional
        Pixels an inch. Without it, a size in pixels is one of screen pixels (96 an inch), any other
        is for print (300).

    Returns
    -------
    tuple
        Width and height in inches, and the pixels an inch.

    Raises
    ------
    ExportError
        Anything else.
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ExportError(
            f"'{text}' is not a size.", "Write 1920x1080 for pixels, or 10x6in, 25x15cm, 250x150mm."
        )
    sides, unit = (float(found[1]), float(found[2])), (found[3] or "px").lower()
    density = dpi or (LOGICAL_DPI if unit == "px" else PRINT_DPI)
    inch = 1 / density if unit == "px" else _UNITS[unit]
    return (sides[0] * inch, sides[1] * inch), density


@dataclass(frozen=True)
class Figure:
    """What a file shows.

    Attributes
    ----------
    result : RunResult, Prediction or None
        The run, or what a saved network says; without one the picture shows what ``chart`` shows.
    symbol : str or None
        Which series of the panel; None takes the first.
    chart : Plot or None
        A plot on screen that is to be drawn as it is.
    kind : str
        Without ``chart``: which plot of the run, a key of :data:`app.charts.registry.PLOTS`.
    title : str
        Heading of ``chart`` where it shows something else than prices and forecast.
    look : Look
    """

    result: RunResult | Prediction | None
    symbol: str | None = None
    chart: Plot | None = None
    kind: str = "price"
    title: str = ""
    look: Look = Look()

    def plot(self) -> Plot:
        """Return the chart on screen, or a new one of the kind asked for.

        Raises
        ------
        ExportError
            Nothing to draw, no such series or kind, or a run that has nothing of the kind.
        """
        if self.chart is not None:
            return self.chart
        if self.result is None:
            raise ExportError("There is nothing to draw.", "Train a network first.")
        if self.kind not in PLOTS:
            raise ExportError(f"There is no plot '{self.kind}'.", f"Plots are {', '.join(PLOTS)}.")
        series, _ = self.chosen()
        built = build(self.kind, self.result, series.symbol)
        if built is None:
            raise ExportError(
                f"{PLOTS[self.kind].title}: this run has nothing to draw.", "Choose another plot."
            )
        return built

    def chosen(self) -> tuple[PriceSeries, Forecast | None]:
        """Return the series of the figure and its forecast; only with a result."""
        assert self.result is not None
        panel = self.result.panel
        series = next((s for s in panel if self.symbol in (None, s.symbol)), None)
        if series is None:
            raise ExportError(
                f"There is no series '{self.symbol}' in this run.",
                f"It has {', '.join(panel.symbols)}.",
            )
        return series, next((f for f in self.result.forecasts if f.symbol == series.symbol), None)

    def heading(self) -> tuple[str, str]:
        """Return title and subtitle."""
        if self.result is None:
            return self.title or (
                self.chart.summary().partition(":")[0] if self.chart is not None else "Candlecast"
            ), ""
        series, forecast = self.chosen()
        title = self.title or (PLOTS[self.kind].title if self.kind != "price" else "")
        if title:
            return title, "  ·  ".join(
                (series.symbol, forecast.model)
            ) if forecast else series.symbol
        if forecast is None:
            return series.symbol, ""
        return f"{series.symbol} – {forecast.model} forecast", "  ·  ".join(
            horizon_words(series, forecast)
        )

    def footer(self) -> tuple[str, str]:
        """Return the verdict and the line on where all comes from."""
        if self.result is None:
            return "", "Candlecast  ·  Not financial advice"
        result, (series, forecast) = self.result, self.chosen()
        parts = [
            f"Source: {source_name(series)}{adjusted(series)}",
            f"{day(series.ds[0])} to {day(series.ds[-1])}",
            f"{forecast.model if forecast else result.config.model.title}, lookback "
            f"{result.config.task.input_size}",
        ]
        sentence = "Forecast by a saved network; it was not judged on these prices."
        if isinstance(result, RunResult):
            sentence = result.verdict.sentence
            parts += [
                f"seed {result.info.seed}",
                f"best epoch {result.info.best_epoch} of {result.info.epochs}",
            ]
        else:
            parts.append(f"seed {result.config.train.seed}")
        return sentence, "  ·  ".join([*parts, "Candlecast", "Not financial advice"])


def horizon_words(series: PriceSeries, forecast: Forecast) -> tuple[str, ...]:
    """Say from when to when a forecast reaches, and where its line ends."""
    unit = {"1D": "sessions", "1W": "weeks", "1M": "months"}.get(series.freq, "bars")
    unit = unit.removesuffix("s") if len(forecast) == 1 else unit
    end, name = forecast.point[-1], forecast.point_name
    return (
        f"Cutoff {day(forecast.cutoff)}",
        f"horizon {len(forecast)} {unit} to {day(forecast.ds[-1])}",
        f"{name} {plain_number(end, price_decimals(end))}",
    )


def source_name(series: PriceSeries) -> str:
    """Name the source without the folders of this computer."""
    source = series.provenance.source
    return source if ":" in source[2:] and not Path(source).exists() else Path(source).name


def adjusted(series: PriceSeries) -> str:
    """Say in brackets whether closes are adjusted, where it is known."""
    return {"adjusted": " (adjusted)", "raw": " (not adjusted)"}.get(series.provenance.adjusted, "")


def day(date: np.datetime64) -> str:
    """Return one date, with the time where there is one."""
    return iso(np.array([date]))[0].replace("T", " ").removesuffix(":00")
