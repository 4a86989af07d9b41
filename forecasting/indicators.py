"""Indicators of the price chart, computed by pandas-ta-classic: each value looks at bars up to its
own only.

The library is imported when the first indicator is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from forecasting.errors import ConfigError
from forecasting.series import Floats, PriceSeries

#: Most bars that an indicator may look back.
_LONGEST = 5000


@dataclass(frozen=True)
class Parameter:
    """One number that an indicator takes; whole where ``decimals`` is 0."""

    name: str
    default: float
    low: float = 1
    high: float = _LONGEST
    decimals: int = 0


#: Columns of a series and the parameters to lines by name, each [T], NaN until enough bars are
#: known.
Compute = Callable[..., dict[str, Floats]]


def _no_rule(*_values: float) -> str:
    return ""


@dataclass(frozen=True)
class IndicatorSpec:
    """All that the program knows of one kind of indicator.

    Attributes
    ----------
    title, short : str
        Its name in menus and in a legend.
    compute : callable
        The series and the parameters to lines by name, each [T], NaN until enough bars are known.
        Lines named in ``fill`` are filled between, ``histogram`` is drawn as columns, ``signal``
        is dashed.
    parameters : tuple of Parameter
    columns : tuple of str
        Columns of the series that it reads; it is not drawn where one is missing.
    scale : tuple of float or None
        Limits of an indicator with a scale of its own, which has a pane below the prices; (nan,
        nan) where they follow the values. None lies over the prices.
    guides : tuple of float
        Levels that are marked on its own scale.
    fill : tuple of str
        Two lines between which it is filled; empty for none.
    rule : callable
        The parameters to what is wrong with them together; "" where nothing is.
    """

    title: str
    short: str
    compute: Compute
    parameters: tuple[Parameter, ...] = ()
    columns: tuple[str, ...] = ("close",)
    scale: tuple[float, float] | None = None
    guides: tuple[float, ...] = ()
    fill: tuple[str, ...] = ("lower", "upper")
    rule: Callable[..., str] = _no_rule


def _library(
    function: str, columns: tuple[str, ...], arguments: tuple[str, ...], lines: Mapping[str, int]
) -> Compute:
    """Return what calls a function of pandas-ta-classic.

    Parameters
    ----------
    function : str
    columns : tuple of str
        Columns of the series that it takes, by the same names.
    arguments : tuple of str
        The argument of each parameter; several that take the same one are parted by a space.
    lines : mapping of str to int
        Line to the index of the column of its result.
    """

    def compute(series: PriceSeries, *values: float) -> dict[str, Floats]:
        import pandas as pd
        import pandas_ta_classic as ta

        given: dict[str, Any] = {column: pd.Series(series[column]) for column in columns}
        for names, value in zip(arguments, values, strict=True):
            given.update(dict.fromkeys(names.split(), int(value) if value == int(value) else value))
        found = getattr(ta, function)(**given)
        if found is None:  # fewer bars than it needs
            return {line: np.full(len(series), np.nan) for line in lines}
        table = np.asarray(found, np.float64).reshape(len(series), -1)
        return {line: table[:, column].copy() for line, column in lines.items()}

    return compute


def _rsi(series: PriceSeries, bars: float) -> dict[str, Floats]:
    """Return the RSI; 50 where no price has moved, which the library leaves open."""
    line = _library("rsi", ("close",), ("length",), {"rsi": 0})(series, bars)["rsi"]
    line[int(bars) :] = np.nan_to_num(line[int(bars) :], nan=50.0)
    return {"rsi": line}


def _vwap(series: PriceSeries) -> dict[str, Floats]:
    """Return the volume-weighted average price since the day began; of daily bars since the
    month, of longer ones since the year began.
    """
    import pandas as pd
    import pandas_ta_classic as ta

    index = pd.DatetimeIndex(series.ds)
    distance = (
        np.median(np.diff(series.ds[:100]).astype(np.int64)) / 86_400e6 if len(series) > 1 else 1.0
    )
    anchor = "D" if distance < 0.9 else "M" if distance < 5 else "Y"
    columns = {column: pd.Series(series[column], index) for column in _BARS}
    return {"vwap": np.asarray(ta.vwap(**columns, anchor=anchor), np.float64)}


def _ichimoku(
    series: PriceSeries, conversion: float, base: float, leading: float
) -> dict[str, Floats]:
    """Return the Ichimoku lines: the middle of the range of so many bars, and the two leading spans
    as they were known ``base`` bars ago.

    The lagging span is left out: it is the close of a later bar.
    """
    import pandas as pd

    high, low = pd.Series(series["high"]), pd.Series(series["low"])

    def middle(bars: float) -> pd.Series[float]:
        return (high.rolling(int(bars)).max() + low.rolling(int(bars)).min()) / 2

    lines = {"conversion": middle(conversion), "base": middle(base)}
    lines["span A"] = ((lines["conversion"] + lines["base"]) / 2).shift(int(base))
    lines["span B"] = middle(leading).shift(int(base))
    return {name: np.asarray(line, np.float64) for name, line in lines.items()}


def _ichimoku_rule(conversion: float, base: float, leading: float) -> str:
    rising = conversion < base < leading
    return "" if rising else "The bars of Ichimoku do not rise from conversion over base to span B."


def _macd_rule(fast: float, slow: float, _signal: float) -> str:
    return (
        ""
        if fast < slow
        else f"The fast average of MACD, {fast:g} bars, is not faster than the slow one."
    )


_RANGE = ("high", "low", "close")
_BARS = (*_RANGE, "volume")
_CHANNEL = {"upper": 2, "middle": 1, "lower": 0}
_OPEN_SCALE = (np.nan, np.nan)


def _length(bars: float, low: float = 1) -> Parameter:
    return Parameter("Bars", bars, low)


#: Every indicator, in the order of menus: those over the prices, then those with a pane of their
#: own.
INDICATORS: Mapping[str, IndicatorSpec] = MappingProxyType(
    {
        "sma": IndicatorSpec(
            "Simple moving average",
            "SMA",
            _library("sma", ("close",), ("length",), {"sma": 0}),
            (_length(20),),
        ),
        "ema": IndicatorSpec(
            "Exponential moving average",
            "EMA",
            _library("ema", ("close",), ("length",), {"ema": 0}),
            (_length(20),),
        ),
        "vwap": IndicatorSpec("Volume-weighted average price", "VWAP", _vwap, columns=_BARS),
        "bollinger": IndicatorSpec(
            "Bollinger bands",
            "Bollinger",
            _library("bbands", ("close",), ("length", "std"), _CHANNEL),
            (_length(20, 2), Parameter("Standard deviations", 2, 0.1, 10, 1)),
        ),
        "keltner": IndicatorSpec(
            "Keltner channel",
            "Keltner",
            _library("kc", _RANGE, ("length", "scalar"), _CHANNEL),
            (_length(20, 2), Parameter("True ranges", 2, 0.1, 10, 1)),
            _RANGE,
        ),
        "donchian": IndicatorSpec(
            "Donchian channel",
            "Donchian",
            _library("donchian", ("high", "low"), ("lower_length upper_length",), _CHANNEL),
            (_length(20),),
            ("high", "low"),
        ),
        "ichimoku": IndicatorSpec(
            "Ichimoku cloud",
            "Ichimoku",
            _ichimoku,
            (Parameter("Conversion", 9), Parameter("Base", 26), Parameter("Span B", 52)),
            ("high", "low"),
            fill=("span A", "span B"),
            rule=_ichimoku_rule,
        ),
        "rsi": IndicatorSpec(
            "Relative strength index",
            "RSI",
            _rsi,
            (_length(14, 2),),
            scale=(0.0, 100.0),
            guides=(30.0, 70.0),
        ),
        "macd": IndicatorSpec(
            "Moving average convergence divergence",
            "MACD",
            _library(
                "macd",
                ("close",),
                ("fast", "slow", "signal"),
                {"macd": 0, "signal": 2, "histogram": 1},
            ),
            (Parameter("Fast", 12), Parameter("Slow", 26), Parameter("Signal", 9)),
            scale=_OPEN_SCALE,
            guides=(0.0,),
            rule=_macd_rule,
        ),
        "stochastic": IndicatorSpec(
            "Stochastic oscillator",
            "Stochastic",
            _library("stoch", _RANGE, ("k", "d", "smooth_k"), {"k": 0, "signal": 1}),
            (_length(14), Parameter("Signal", 3), Parameter("Smoothing", 3)),
            _RANGE,
            (0.0, 100.0),
            (20.0, 80.0),
        ),
        "adx": IndicatorSpec(
            "Average directional index",
            "ADX",
            _library("adx", _RANGE, ("length",), {"adx": 0, "+di": 1, "-di": 2}),
            (_length(14),),
            _RANGE,
            (0.0, 100.0),
            (25.0,),
        ),
        "atr": IndicatorSpec(
            "Average true range",
            "ATR",
            _library("atr", _RANGE, ("length",), {"atr": 0}),
            (_length(14),),
            _RANGE,
            _OPEN_SCALE,
        ),
        "obv": IndicatorSpec(
            "On-balance volume",
            "OBV",
            _library("obv", ("close", "volume"), (), {"obv": 0}),
            columns=("close", "volume"),
            scale=_OPEN_SCALE,
        ),
    }
)


@dataclass(frozen=True)
class Indicator:
    """An indicator with its parameters.

    Parameters
    ----------
    name : str
        One of :data:`INDICATORS`.
    values : tuple of float
        As many as the spec has parameters; none for the defaults.

    Raises
    ------
    ConfigError
        For another name, or parameters that are too many, too few or out of range.
    """

    name: str
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.name not in INDICATORS:
            raise ConfigError(
                f"There is no indicator {self.name!r}.", f"Choose one of {', '.join(INDICATORS)}."
            )
        wanted = self.spec.parameters
        if not self.values:
            object.__setattr__(self, "values", tuple(float(item.default) for item in wanted))
        if len(self.values) != len(wanted):
            raise ConfigError(
                f"{self.spec.short} takes {len(wanted)} parameters, not {len(self.values)}.",
                "Choose it anew.",
            )
        for item, value in zip(wanted, self.values, strict=True):
            if not item.low <= value <= item.high or (item.decimals == 0 and value != int(value)):
                raise ConfigError(
                    f"{item.name} of {self.spec.short} is {value:g}.",
                    f"Choose between {item.low:g} and {item.high:g}.",
                )
        if fault := self.spec.rule(*self.values):
            raise ConfigError(fault, "Choose fewer bars.")

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
    def spec(self) -> IndicatorSpec:
        """Its entry in the registry."""
        return INDICATORS[self.name]

    @property
    def text(self) -> str:
        """How it is written in settings: ``bollinger:20:2``."""
        return ":".join([self.name, *(f"{value:g}" for value in self.values)])

    @property
    def label(self) -> str:
        """How it is called in a legend: ``Bollinger 20, 2``."""
        return f"{self.spec.short} {', '.join(f'{value:g}' for value in self.values)}".rstrip()

    def missing(self, series: PriceSeries) -> tuple[str, ...]:
        """Return the columns that it reads and the series lacks."""
        return tuple(column for column in self.spec.columns if column not in series)

    def lines(self, series: PriceSeries) -> dict[str, Floats]:
        """Return its lines by name; none where the series lacks a column.

        Returns
        -------
        dict of str to ndarray of float64, shape [T]
            Element t looks at bars up to t only; NaN where these are too few.
        """
        return {} if self.missing(series) else self.spec.compute(series, *self.values)
