"""Indicators of the price chart: what traders draw over and under prices, each value from bars
up to its own only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from forecasting.errors import ConfigError
from forecasting.series import Floats

#: Most bars that an indicator may look back.
_LONGEST = 5000


@dataclass(frozen=True)
class Parameter:
    """One number that a kind of indicator wants; whole where ``decimals`` is 0."""

    name: str
    default: float
    low: float = 1
    high: float = _LONGEST
    decimals: int = 0


@dataclass(frozen=True)
class Kind:
    """One kind of indicator.

    Attributes
    ----------
    title, short : str
        Its name in menus and in a legend.
    parameters : tuple of Parameter
    lines : callable
        Closes [T] and the parameters to lines by name, each [T], NaN until enough bars are known.
    scale : tuple of float or None
        Limits of an indicator with a scale of its own, which cannot lie over prices; (nan, nan)
        where they follow the values.
    guides : tuple of float
        Levels that are marked on its own scale.
    """

    title: str
    short: str
    parameters: tuple[Parameter, ...]
    lines: Callable[..., dict[str, Floats]]
    scale: tuple[float, float] | None = None
    guides: tuple[float, ...] = ()


def _mean(values: Floats, bars: float) -> Floats:
    import pandas as pd

    return np.asarray(pd.Series(values).rolling(int(bars)).mean(), np.float64)


def _smoothed(values: Floats, bars: int, share: float) -> Floats:
    """Return values smoothed exponentially from the mean of the first ``bars`` known ones on, as J.

    Welles Wilder began (1978).
    """
    import pandas as pd

    known = np.flatnonzero(np.isfinite(values))
    seeded = values.copy()
    if known.size < bars:
        return np.full(values.size, np.nan)
    first = int(known[0])
    seeded[first : first + bars - 1] = np.nan
    seeded[first + bars - 1] = values[first : first + bars].mean()
    return np.asarray(pd.Series(seeded).ewm(alpha=share, adjust=False).mean(), np.float64)


def _exponential(values: Floats, bars: float) -> Floats:
    return _smoothed(values, int(bars), 2 / (bars + 1))


def _bollinger(close: Floats, bars: float, width: float) -> dict[str, Floats]:
    import pandas as pd

    middle = _mean(close, bars)
    spread = width * np.asarray(pd.Series(close).rolling(int(bars)).std(ddof=0), np.float64)
    return {"upper": middle + spread, "middle": middle, "lower": middle - spread}


def _rsi(close: Floats, bars: float) -> dict[str, Floats]:
    move = np.diff(close, prepend=np.nan)
    up, down = (
        _smoothed(
            np.where(np.isnan(move), np.nan, np.maximum(sign * move, 0.0)), int(bars), 1 / bars
        )
        for sign in (1, -1)
    )
    total = up + down
    with np.errstate(divide="ignore", invalid="ignore"):
        return {"rsi": np.where(total == 0, 50.0, 100 * up / total)}


def _macd(close: Floats, fast: float, slow: float, signal: float) -> dict[str, Floats]:
    macd = _exponential(close, fast) - _exponential(close, slow)
    line = _exponential(macd, signal)
    return {"macd": macd, "signal": line, "histogram": macd - line}


#: Every kind of indicator, in the order of menus.
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "sma": Kind(
            "Simple moving average",
            "SMA",
            (Parameter("Bars", 20),),
            lambda close, bars: {"sma": _mean(close, bars)},
        ),
        "ema": Kind(
            "Exponential moving average",
            "EMA",
            (Parameter("Bars", 20),),
            lambda close, bars: {"ema": _exponential(close, bars)},
        ),
        "bollinger": Kind(
            "Bollinger bands",
            "Bollinger",
            (Parameter("Bars", 20, low=2), Parameter("Standard deviations", 2, 0.1, 10, 1)),
            _bollinger,
        ),
        "rsi": Kind(
            "Relative strength index",
            "RSI",
            (Parameter("Bars", 14, low=2),),
            _rsi,
            (0.0, 100.0),
            (30.0, 70.0),
        ),
        "macd": Kind(
            "Moving average convergence divergence",
            "MACD",
            (Parameter("Fast", 12), Parameter("Slow", 26), Parameter("Signal", 9)),
            _macd,
            (np.nan, np.nan),
            (0.0,),
        ),
    }
)


@dataclass(frozen=True)
class Indicator:
    """An indicator with its parameters.

    Parameters
    ----------
    name : str
        One of :data:`KINDS`.
    values : tuple of float
        As many as the kind has parameters; none for the defaults.

    Raises
    ------
    ConfigError
        For another name, or parameters that are too many, too few or out of range.
    """

    name: str
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.name not in KINDS:
            raise ConfigError(
                f"There is no indicator {self.name!r}.", f"Choose one of {', '.join(KINDS)}."
            )
        wanted = self.kind.parameters
        if not self.values:
            object.__setattr__(self, "values", tuple(float(item.default) for item in wanted))
        if len(self.values) != len(wanted):
            raise ConfigError(
                f"{self.kind.short} takes {len(wanted)} parameters, not {len(self.values)}.",
                "Choose it anew.",
            )
        for item, value in zip(wanted, self.values, strict=True):
            if not item.low <= value <= item.high or (item.decimals == 0 and value != int(value)):
                raise ConfigError(
                    f"{item.name} of {self.kind.short} is {value:g}.",
                    f"Choose between {item.low:g} and {item.high:g}.",
                )
        if self.name == "macd" and self.values[0] >= self.values[1]:
            raise ConfigError(
                f"The fast average of MACD, {self.values[0]:g} bars, is not faster than the "
                "slow one.",
                "Choose fewer bars.",
            )

    @classmethod
    def parse(cls, text: str) -> Indicator:
        """Return what :attr:`text` says; ConfigError where it says nothing of the kind."""
        name, *numbers = text.split(":")
        try:
            return cls(name, tuple(float(number) for number in numbers))
        except ValueError as error:
            raise ConfigError(
                f"{text!r} is no indicator.",
                "Write a name and its parameters, such as bollinger:20:2.",
            ) from error

    @property
    def kind(self) -> Kind:
        """What it is."""
        return KINDS[self.name]

    @property
    def text(self) -> str:
        """How it is written in settings: ``bollinger:20:2``."""
        return ":".join([self.name, *(f"{value:g}" for value in self.values)])

    @property
    def label(self) -> str:
        """How it is called in a legend: ``Bollinger 20, 2``."""
        return f"{self.kind.short} {', '.join(f'{value:g}' for value in self.values)}"

    def lines(self, close: Floats) -> dict[str, Floats]:
        """Return its lines by name.

        Parameters
        ----------
        close : ndarray of float64, shape [T]
            Finite closes, oldest first.

        Returns
        -------
        dict of str to ndarray of float64, shape [T]
            Element t looks at closes up to t only; NaN where these are too few.
        """
        return self.kind.lines(np.asarray(close, np.float64), *self.values)
