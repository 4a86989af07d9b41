"""Pretrained models as baselines: zero-shot, from the same origins as everything else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from pydantic import Field

from forecasting.baselines.baseline import Baseline, by_series
from forecasting.baselines.challengers import challenger_title
from forecasting.baselines.challengers.levels import at_levels
from forecasting.baselines.challengers.loaders import Pretrained, load_pretrained
from forecasting.cancellation import check_cancelled
from forecasting.errors import DataError
from forecasting.events import Predictor
from forecasting.series import Floats, Ints, Origins, Panel

#: Origins that are asked about at once, and least bars of a past.
BATCH, _LEAST = 32, 16


class ZeroShot(Baseline):
    """A model that was trained elsewhere; nothing is fitted to the series."""

    name: ClassVar[str] = "zero-shot"
    label: ClassVar[str] = "a pretrained model"
    title: ClassVar[str] = "Zero-shot"
    source: str = Field(description="fracast, or folder:PATH.")

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Load the model.

        Raises
        ------
        ModelFileError
            It cannot be loaded.
        DataError
            A horizon that it does not reach.
        """
        model = load_pretrained(self.source)
        if horizon > model.horizon:
            raise DataError(
                f"{challenger_title(self.source)} forecasts {model.horizon} bars at most; "
                f"{horizon} are asked for.",
                "Choose a shorter horizon, or leave it out of the baselines.",
            )
        return ZeroShotPredictor(self.source, horizon, model)


@dataclass(eq=False)
class ZeroShotPredictor:
    """Asks a pretrained model about the bars up to each cutoff; what it said is kept.

    Attributes
    ----------
    name : str
        As users write it.
    horizon : int
    model : Pretrained
    seconds : float
        Time that the model has taken so far.
    """

    name: str
    horizon: int
    model: Pretrained
    seconds: float = 0.0
    _told: dict[tuple[int, int], Floats] = field(default_factory=dict)

    def predict(self, panel: Panel, origins: Origins, quantiles: tuple[float, ...]) -> Floats:
        """Return values in price units, shape [N, H, Q]; for each origin bars up to its cutoff
        are looked at.
        """
        values = np.empty((len(origins), self.horizon, len(quantiles)))
        for index, position, bars in by_series(origins):
            text = self._asked(panel, index, bars)
            values[position] = at_levels(text, self.model.levels, quantiles)
        return values

    def _asked(self, panel: Panel, index: int, bars: Ints) -> Floats:
        new = np.array(
            [bar for bar in np.unique(bars) if (index, int(bar)) not in self._told], np.int64
        )
        y = panel[index].y
        if new.size and new.min() + 1 < _LEAST:
            raise DataError(
                f"{panel[index].symbol} has {int(new.min()) + 1} bars before a forecast; "
                f"{challenger_title(self.name)} needs {_LEAST}.",
                "Load more history.",
            )
        for first in range(0, new.size, BATCH):
            check_cancelled()
            some = new[first : first + BATCH]
            started = time.perf_counter()
            text = self._answer(_pasts(y, some, self.model.context))
            self.seconds += time.perf_counter() - started
            if (
                text.shape != (some.size, self.horizon, len(self.model.levels))
                or not np.isfinite(text).all()
            ):
                raise DataError(
                    f"{challenger_title(self.name)} returned no numbers, or too few: {text.shape}.",
                    "Leave it out.",
                )
            self._told |= {(index, int(bar)): item for bar, item in zip(some, text, strict=True)}
        return np.stack([self._told[index, int(bar)] for bar in bars])

    def _answer(self, past: Floats) -> Floats:
        """Ask the model; whatever its library raises costs this challenger alone."""
        try:
            return self.model.ask(past, self.horizon)
        except Exception as error:
            raise DataError(
                f"{challenger_title(self.name)} failed: {type(error).__name__}: {str(error)[:300]}",
                "Leave it out of the baselines.",
            ) from error


def _pasts(y: Floats, bars: Ints, context: int) -> Floats:
    """Return the last bars up to each cutoff [n, L], NaN before the first one."""
    length = min(context, int(bars.max()) + 1)
    rows = np.full((bars.size, length), np.nan)
    for row, bar in enumerate(bars):
        past = y[max(0, bar + 1 - length) : bar + 1]
        rows[row, length - past.size :] = past
    return rows


def introduction(source: str, horizon: int) -> str:
    """Load a pretrained model, ask it once, and return what it is and takes, in a sentence.

    Raises
    ------
    ModelFileError
        It cannot be loaded.
    """
    model = load_pretrained(source)
    past = 100 + np.sin(np.arange(256.0))[None]
    model.ask(past, min(horizon, model.horizon))
    started = time.perf_counter()
    model.ask(past, min(horizon, model.horizon))
    seconds = time.perf_counter() - started
    return (
        f"{challenger_title(source)}: pretrained, of {model.weights:,} weights, judged as it "
        f"is; about {1000 * seconds:.0f} ms for each forecast."
    )
