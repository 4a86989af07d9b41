"""The nouns of the engine: series, panels, origins, forecasts and what came of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from forecasting.errors import DataError

if TYPE_CHECKING:
    from pandas import DataFrame

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Dates = npt.NDArray[np.datetime64]

#: Column names a series may have, in the order in which they are kept and shown.
#: ``close`` is always there: it is the value that is forecast, also for series that are not prices.
COLUMNS: tuple[str, ...] = ("open", "high", "low", "close", "adj_close", "volume")


#: What stands for a whole distribution where one number is wanted.
Point = Literal["median", "mean"]

ScalarT = TypeVar("ScalarT", bound=np.generic)


def _frozen(array: npt.NDArray[ScalarT]) -> npt.NDArray[ScalarT]:
    """Return a read-only view."""
    view = array.view()
    view.flags.writeable = False
    return view


#: Differences below this share of a value are rounding, not a miss of a band or another forecast.
ROUNDING = 1e-9


def within(low: Floats, y: Floats, high: Floats) -> npt.NDArray[np.bool_]:
    """Tell which values lie inside a band, limits included, up to :data:`ROUNDING`; False where one
    of the three is NaN.

    Parameters
    ----------
    low, y, high : ndarray of float64
        Shapes that broadcast.
    """
    slack = ROUNDING * np.abs(y)
    return np.asarray((low - slack <= y) & (y <= high + slack))


def _frames() -> Any:
    """Return the reader of data frames: it makes series, so that this module cannot import it."""
    return import_module("forecasting.sources.frames")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was noticed in the data, and what was done about it.

    Attributes
    ----------
    code : str
        Short stable name such as ``duplicates``, ``gaps``, ``high_below_low``.
    message : str
        One sentence for a person, with the count and an example.
    count : int
        Bars concerned.
    severity : str
        ``info``, ``warning`` or ``error``.
    action : str
        What was done: ``kept``, ``dropped``, ``sorted``, ``filled``, ``read as`` ...
    dates : tuple of str
        ISO dates of the first few bars concerned.
    remedy : tuple of str
        Where another reading is as likely: the name of the reading option that settles it, and its
        value.
    """

    code: str
    message: str
    count: int = 1
    severity: Literal["info", "warning", "error"] = "info"
    action: str = "kept"
    dates: tuple[str, ...] = ()
    remedy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a series comes from: travels with it into exports and saved runs.

    Attributes
    ----------
    source : str
        The reference that loads it again: a path, ``yahoo:AAPL``, ``sample:sp500``.
    adjusted : str
        ``adjusted``, ``raw`` or ``unknown``: whether closes were corrected for splits and
        dividends.
    retrieved_at : str
        ISO time (UTC) of the reading.
    content_hash : str
        SHA-256 (hex) of the file's bytes, or of the downloaded values.
    note : str
        Anything a reader of an export should know, such as a licence.
    """

    source: str
    adjusted: Literal["adjusted", "raw", "unknown"] = "unknown"
    retrieved_at: str = ""
    content_hash: str = ""
    note: str = ""


#: What the values of an input stand for: numbers, yes and no (1 and 0), one of several texts, or
#: moments (microseconds since 1970).
ExogForm = Literal["number", "flag", "category", "date"]


@dataclass(frozen=True, eq=False)
class ExogColumn:
    """Observations of one input beside the bars, by the date that each is about; arrays are
    read-only.

    Attributes
    ----------
    name : str
    ds : ndarray of datetime64[us], shape [N]
        Non-decreasing, in the wall-clock of the series.
    values : ndarray of float64, shape [N]
        NaN where nothing is known; of a category its place in ``labels``.
    form : str
    labels : tuple of str
        Texts of a category.
    known : ndarray of datetime64[us], shape [N], optional
        When each value was known; None where that was on its date.
    source : str
        The reference that it was read from, "" where that is the one of the bars.
    """

    name: str
    ds: Dates
    values: Floats
    form: ExogForm = "number"
    labels: tuple[str, ...] = ()
    known: Dates | None = None
    source: str = ""

    def __post_init__(self) -> None:
        """Check shapes and the order of time, and make the arrays read-only."""
        ds, values = (
            np.ascontiguousarray(self.ds, dtype="datetime64[us]"),
            np.asarray(self.values, np.float64),
        )
        if (
            ds.shape != values.shape
            or ds.ndim != 1
            or (self.known is not None and self.known.shape != ds.shape)
        ):
            raise DataError(f"The input {self.name} has {values.size} values for {ds.size} dates.")
        if np.isnat(ds).any() or (np.diff(ds) < np.timedelta64(0, "us")).any():
            raise DataError(f"The dates of the input {self.name} must be known and in order.")
        object.__setattr__(self, "ds", _frozen(ds))
        object.__setattr__(self, "values", _frozen(values))
        if self.known is not None:
            object.__setattr__(
                self, "known", _frozen(np.ascontiguousarray(self.known, dtype="datetime64[us]"))
            )

    def __len__(self) -> int:
        """Return the number of observations N."""
        return int(self.ds.size)

    @property
    def missing(self) -> float:
        """Share of the observations without a value, 0 to 1."""
        return float(np.mean(np.isnan(self.values))) if len(self) else 1.0

    def digest(self) -> str:
        """Return a hash of all that the column holds."""
        digest = hashlib.sha256(repr((self.name, self.form, self.labels)).encode())
        for array in (self.ds, self.values, self.known):
            digest.update(
                b""
                if array is None
                else array.astype("<i8" if array.dtype.kind == "M" else "<f8").tobytes()
            )
        return digest.hexdigest()[:16]


class DeferredColumns(Sequence[ExogColumn]):
    """Further columns of a source that are read when one is first asked for.

    Parameters
    ----------
    names : tuple of str
        Names of all columns of the source that have to be looked at; some may hold nothing.
    read : function
        Return the columns; called once.
    """

    def __init__(self, names: tuple[str, ...], read: Callable[[], tuple[ExogColumn, ...]]) -> None:
        self.names = names
        self._read: Callable[[], tuple[ExogColumn, ...]] | None = read
        self._columns: tuple[ExogColumn, ...] = ()
        self._lock = Lock()

    @property
    def columns(self) -> tuple[ExogColumn, ...]:
        """The columns, read."""
        with self._lock:
            if self._read is not None:
                self._columns, self._read = self._read(), None
        return self._columns

    def __len__(self) -> int:
        """Return the number of columns that hold something."""
        return len(self.columns)

    def __getitem__(self, index: Any) -> Any:
        """Return a column by its place, or some of them."""
        return self.columns[index]

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle the columns as a tuple."""
        return tuple, (self.columns,)


@dataclass(frozen=True, eq=False)
class PriceSeries:
    """One series of bars, oldest first; arrays are read-only.

    Attributes
    ----------
    symbol : str
        Name shown to people and written as ``unique_id``.
    ds : ndarray of datetime64[us], shape [T]
        Wall-clock time of each bar in ``tz`` (of an unknown zone where ``tz`` is ""), strictly
        increasing.
    columns : tuple of str
        Names of the columns, a subset of :data:`COLUMNS`; contains ``close``.
    values : ndarray of float64, shape [T, C]
        NaN where a value is missing; ``close`` is always finite.
    freq : str
        Distance of bars: ``1min`` ... ``1h``, ``1D``, ``1W``, ``1M`` (months), or "" when
        irregular.
    tz : str
        IANA zone, ``UTC``, or "" where unknown.
    currency : str
        ISO code, or "".
    calendar : str
        exchange_calendars code (``XNYS``), ``24/7`` or ``weekdays``.
    provenance : Provenance
    findings : tuple of Finding
        The quality report.
    extras : sequence of ExogColumn
        Further columns of the source: what may be chosen as input.
    exog : tuple of ExogColumn
        Inputs that a run reads, in the order of its settings; part of the fingerprint.
    """

    symbol: str
    ds: Dates
    columns: tuple[str, ...]
    values: Floats
    freq: str = "1D"
    tz: str = ""
    currency: str = ""
    calendar: str = "weekdays"
    provenance: Provenance = Provenance("memory")
    findings: tuple[Finding, ...] = ()
    extras: Sequence[ExogColumn] = ()
    exog: tuple[ExogColumn, ...] = ()

    def __post_init__(self) -> None:
        """Check the shapes and the order of time, and make the arrays read-only."""
        ds = np.ascontiguousarray(self.ds, dtype="datetime64[us]")
        values = np.asarray(
            self.values, dtype=np.float64
        )  # in any order of memory: large files come column by column
        if values.shape != (ds.size, len(self.columns)):
            raise DataError(
                f"{self.symbol}: values have shape {values.shape}, needed "
                f"{(ds.size, len(self.columns))}."
            )
        if "close" not in self.columns:
            raise DataError(
                f"{self.symbol} has the columns {', '.join(self.columns)}; a close is needed."
            )
        if ds.size == 0:
            raise DataError(
                f"{self.symbol} has no bars.", "Choose another file or a longer period."
            )
        if np.isnat(ds).any() or not (np.diff(ds) > np.timedelta64(0, "us")).all():
            raise DataError(f"{self.symbol}: dates must be known and strictly increasing.")
        if not np.isfinite(values[:, self.columns.index("close")]).all():
            raise DataError(
                f"{self.symbol}: closes must be finite.", "Drop or fill the missing bars first."
            )
        object.__setattr__(self, "ds", _frozen(ds))
        object.__setattr__(self, "values", _frozen(values))

    def __len__(self) -> int:
        """Return the number of bars T."""
        return int(self.ds.size)

    def __getitem__(self, column: str) -> Floats:
        """Return one column, shape [T]; KeyError for a column that the series lacks."""
        if column not in self.columns:
            raise KeyError(column)
        return self.values[:, self.columns.index(column)]

    def __contains__(self, column: object) -> bool:
        """Tell whether the series has a column."""
        return column in self.columns

    @property
    def y(self) -> Floats:
        """The value to forecast: the close, shape [T]."""
        return self["close"]

    @property
    def has_range(self) -> bool:
        """Whether open, high and low are there beside the close."""
        return {"open", "high", "low"} <= set(self.columns)

    @property
    def extra_names(self) -> tuple[str, ...]:
        """Names of what may stand in :attr:`extras`, without reading it."""
        if isinstance(self.extras, DeferredColumns):
            return self.extras.names
        return tuple(column.name for column in self.extras)

    @property
    def fingerprint(self) -> str:
        """What the bars are recognised by: how many there are, the last date, and a hash of all
        that they hold.
        """
        digest = hashlib.sha256(repr((self.columns, self.freq, self.tz, self.calendar)).encode())
        digest.update(self.ds.astype("<M8[us]").tobytes())
        digest.update(self.values.astype("<f8").tobytes())
        for column in self.exog:
            digest.update(column.digest().encode())
        return f"{len(self)} bars to {self.ds[-1]}, {digest.hexdigest()[:16]}"

    @classmethod
    def from_frame(cls, frame: Any, symbol: str = "", options: Any = None) -> PriceSeries:
        """Read a data frame that holds one series, by the rules by which files are read.

        Parameters
        ----------
        frame : pandas.DataFrame or any table that exports Arrow data
            Columns ``ds, y`` (and ``unique_id``) or OHLCV; dates are a column or the index.
        symbol : str
            Series of a frame of several; name of one that the frame does not name.
        options : forecasting.ReadOptions, optional
            Date format, calendar, time zone and so on, where they are not to be inferred.

        Raises
        ------
        CandlecastError
            No dates or no prices, or several series.
        """
        found: PriceSeries = _frames().one_series(frame, symbol, options)
        return found

    def to_frame(self, *, long: bool = True) -> DataFrame:
        """Return the bars as a data frame.

        Parameters
        ----------
        long : bool
            Columns ``unique_id, ds, y`` and the other columns of the series. Otherwise its own
            columns (``close``), with the dates as index.

        Returns
        -------
        DataFrame, T rows
            Dates are without a zone, as in :attr:`ds`.
        """
        import pandas as pd

        if not long:
            return pd.DataFrame(
                dict(zip(self.columns, self.values.T, strict=True)),
                index=pd.DatetimeIndex(self.ds, name="ds"),
            )
        others = {name: self[name] for name in self.columns if name != "close"}
        return pd.DataFrame({"unique_id": self.symbol, "ds": self.ds, "y": self.y, **others})

    def has_bars_of(self, other: PriceSeries | None) -> bool:
        """Tell whether the bars are those of another object: of the same series with more or less
        known of it, such as inputs or the sessions of its exchange.
        """
        return (
            other is not None
            and self.symbol == other.symbol
            and bool(np.may_share_memory(self.values, other.values))
        )

    def head(self, bars: int) -> PriceSeries:
        """Return the first ``bars`` bars: what was known when the last of them closed."""
        return replace(self, ds=self.ds[:bars], values=self.values[:bars])


@dataclass(frozen=True, eq=False)
class Panel:
    """Several series that one global network learns together; one series is a panel of one."""

    series: tuple[PriceSeries, ...]

    def __post_init__(self) -> None:
        """Refuse an empty panel and two series of one name."""
        if not self.series:
            raise DataError("There is no series to work on.", "Load a file, a ticker or a sample.")
        symbols = self.symbols
        if len(set(symbols)) < len(symbols):
            double = next(s for s in symbols if symbols.count(s) > 1)
            raise DataError(f"Two series are called {double}.", "Load each symbol once.")

    def __len__(self) -> int:
        """Return the number of series S."""
        return len(self.series)

    def __iter__(self) -> Iterator[PriceSeries]:
        """Iterate over the series."""
        return iter(self.series)

    def __getitem__(self, index: int) -> PriceSeries:
        """Return one series by its place."""
        return self.series[index]

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Names of the series."""
        return tuple(s.symbol for s in self.series)

    @cached_property
    def calendar(self) -> tuple[Dates, tuple[Ints, ...]]:
        """All dates on which a series has a bar, in order, and for each series the places of its
        bars among them, [T]; series with the same dates share one array.
        """
        calendars: dict[tuple[int, bytes], Dates] = {}
        keys = []
        for series in self.series:
            keys.append((len(series), hashlib.sha256(series.ds.tobytes()).digest()))
            calendars.setdefault(keys[-1], series.ds)
        dates = np.unique(np.concatenate([*calendars.values()]))
        indices = {key: np.searchsorted(dates, ds) for key, ds in calendars.items()}
        return dates, tuple(indices[key] for key in keys)

    @classmethod
    def from_frame(cls, frame: Any, options: Any = None) -> Panel:
        """Read all series of a data frame: long (``unique_id, ds, y``), OHLCV, or one column a
        series.

        Parameters
        ----------
        frame, options
            As of :meth:`PriceSeries.from_frame`.

        Raises
        ------
        CandlecastError
            No dates or no prices.
        """
        return cls(_frames().read_frame(frame, options))

    def to_frame(self) -> DataFrame:
        """Return the bars of all series, one below the other; as :meth:`PriceSeries.to_frame`."""
        import pandas as pd

        return pd.concat([series.to_frame() for series in self.series], ignore_index=True)


@dataclass(frozen=True, eq=False)
class Origins:
    """Points from which forecasts are made: for each, a series and the last bar that may be seen.

    Attributes
    ----------
    series : ndarray of int64, shape [N]
        Place of the series in its panel.
    bar : ndarray of int64, shape [N]
        Index of the cutoff bar in that series; bars after it are the future.
    """

    series: Ints
    bar: Ints

    def __post_init__(self) -> None:
        """Make both arrays read-only int64 of one length."""
        series, bar = np.asarray(self.series, np.int64), np.asarray(self.bar, np.int64)
        if series.shape != bar.shape or series.ndim != 1:
            raise ValueError(
                f"series {series.shape} and bar {bar.shape} must be 1-D and of one length"
            )
        object.__setattr__(self, "series", _frozen(series))
        object.__setattr__(self, "bar", _frozen(bar))

    def __len__(self) -> int:
        """Return the number of origins N."""
        return int(self.bar.size)

    def take(self, index: npt.NDArray[np.generic] | slice) -> Origins:
        """Return some of the origins, by index, mask or slice."""
        return Origins(self.series[index], self.bar[index])

    def by_series(self) -> Iterator[tuple[int, Ints, Ints]]:
        """Group origins: for each series that has some, its index, their places [n], and their
        bars [n].
        """
        order = np.argsort(self.series, kind="stable")
        indices, starts = np.unique(self.series[order], return_index=True)
        for index, position in zip(indices, np.split(order, starts[1:]), strict=bool(len(self))):
            yield int(index), position, self.bar[position]

    def cutoffs(self, panel: Panel) -> Dates:
        """Return the date of the last bar that each origin may see, shape [N]."""
        dates = np.empty(len(self), "datetime64[us]")
        for index, rows, bars in self.by_series():
            dates[rows] = panel[index].ds[bars]
        return dates

    @classmethod
    def last(cls, panel: Panel) -> Origins:
        """Return one origin a series: its last bar, from which the real future is forecast."""
        return cls(np.arange(len(panel)), np.array([len(s) - 1 for s in panel]))


@dataclass(frozen=True, eq=False)
class Forecast:
    """The forecast of one series from one cutoff, in price units.

    Attributes
    ----------
    symbol, model : str
    cutoff : datetime64[us]
        Date of the last bar that the model saw.
    y0 : float
        Value at the cutoff.
    ds : ndarray of datetime64[us], shape [H]
        Dates of the forecast bars: real sessions of the series' calendar.
    quantiles : tuple of float, length Q
        Increasing, with 0.5 among them.
    values : ndarray of float64, shape [H, Q]
        Non-decreasing along Q.
    mean : ndarray of float64, shape [H], optional
        The mean, where it is the point forecast instead of the median.
    """

    symbol: str
    model: str
    cutoff: np.datetime64
    y0: float
    ds: Dates
    quantiles: tuple[float, ...]
    values: Floats
    mean: Floats | None = None

    def __post_init__(self) -> None:
        """Check the shape and make the arrays read-only."""
        values = np.asarray(self.values, np.float64)
        if values.shape != (len(self.ds), len(self.quantiles)):
            raise ValueError(
                f"values have shape {values.shape}, needed {(len(self.ds), len(self.quantiles))}"
            )
        object.__setattr__(self, "ds", _frozen(np.asarray(self.ds, "datetime64[us]")))
        object.__setattr__(self, "values", _frozen(values))

    def __len__(self) -> int:
        """Return the horizon H."""
        return int(self.ds.size)

    def quantile(self, q: float) -> Floats:
        """Return one quantile, shape [H]; KeyError where the forecast lacks it."""
        for index, have in enumerate(self.quantiles):
            if abs(have - q) < 1e-9:
                return self.values[:, index]
        raise KeyError(q)

    @property
    def median(self) -> Floats:
        """The median, shape [H]."""
        return self.quantile(0.5)

    @property
    def point(self) -> Floats:
        """The one line that is drawn and exported, shape [H]: the mean where it is there,
        otherwise the median.
        """
        return self.median if self.mean is None else self.mean

    @property
    def point_name(self) -> Point:
        """Which of the two :attr:`point` is."""
        return "median" if self.mean is None else "mean"

    def band(self, level: float) -> tuple[Floats, Floats]:
        """Return lower and upper limit of the central band, ``level`` in percent (80, 95), each
        [H].
        """
        tail = (1 - level / 100) / 2
        return self.quantile(tail), self.quantile(1 - tail)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Forecasts of one model from many origins beside what happened; the ground of every score.

    Attributes
    ----------
    model : str
    symbol : ndarray of str, shape [N]
    cutoff : ndarray of datetime64[us], shape [N]
    ds : ndarray of datetime64[us], shape [N, H]
    y0 : ndarray of float64, shape [N]
        Value at the cutoff.
    y : ndarray of float64, shape [N, H]
        What happened.
    quantiles : tuple of float, length Q
    values : ndarray of float64, shape [N, H, Q]
    scale : ndarray of float64, shape [N]
        In-sample mean absolute one-bar change of the series up to the first origin: the unit of
        MASE.
    rms_scale : ndarray of float64, shape [N]
        In-sample root mean squared one-bar change up to the first origin: the unit of RMSSE.
    mean : ndarray of float64, shape [N, H]
        Mean of the forecast, where it is the point forecast instead of the median; empty otherwise.
    scored : tuple of float
        Levels over which CRPS and pinball loss are averaged; empty for all of ``quantiles``.
    """

    model: str
    symbol: npt.NDArray[np.str_]
    cutoff: Dates
    ds: Dates
    y0: Floats
    y: Floats
    quantiles: tuple[float, ...]
    values: Floats
    scale: Floats = field(default_factory=lambda: np.empty(0))
    rms_scale: Floats = field(default_factory=lambda: np.empty(0))
    mean: Floats = field(default_factory=lambda: np.empty(0))
    scored: tuple[float, ...] = ()

    def __len__(self) -> int:
        """Return the number of origins N."""
        return int(self.cutoff.size)

    @property
    def horizon(self) -> int:
        """Return the number of bars ahead, H."""
        return int(self.y.shape[1])

    @property
    def scored_levels(self) -> tuple[float, ...]:
        """Return the levels over which CRPS and pinball loss are averaged."""
        return self.scored or self.quantiles

    def quantile(self, q: float) -> Floats:
        """Return one quantile, shape [N, H]; KeyError where it is lacking."""
        for index, have in enumerate(self.quantiles):
            if abs(have - q) < 1e-9:
                return self.values[:, :, index]
        raise KeyError(q)

    @property
    def point_name(self) -> Point:
        """What point metrics judge: the mean where it is there, otherwise the median."""
        return "mean" if self.mean.size else "median"

    def of(self, symbol: str) -> Outcomes:
        """Return the outcomes of one series; empty where there are none."""
        return self.take(self.symbol == symbol)

    def by_symbol(self) -> dict[str, Outcomes]:
        """Return the outcomes of each series by its symbol, as :meth:`of` does, in one pass over
        all of them.
        """
        order = np.argsort(self.symbol, kind="stable")
        symbols, starts = np.unique(self.symbol[order], return_index=True)
        indices = np.split(order, starts[1:])
        return (
            {str(symbol): self.take(index) for symbol, index in zip(symbols, indices, strict=True)}
            if order.size
            else {}
        )

    def take(self, index: npt.NDArray[np.bool_] | Ints) -> Outcomes:
        """Return some origins, by mask or index."""
        arrays = {
            name: getattr(self, name)
            for name in (
                "symbol",
                "cutoff",
                "ds",
                "y0",
                "y",
                "values",
                "scale",
                "rms_scale",
                "mean",
            )
        }
        return replace(
            self, **{name: array[index] if array.size else array for name, array in arrays.items()}
        )

    def forecasts(self, symbols: Sequence[str] | None = None) -> Iterator[Forecast]:
        """Iterate over the outcomes as forecasts, of some symbols only if wanted."""
        for n in range(len(self)):
            if symbols is None or self.symbol[n] in symbols:
                yield Forecast(
                    str(self.symbol[n]),
                    self.model,
                    self.cutoff[n],
                    float(self.y0[n]),
                    self.ds[n],
                    self.quantiles,
                    self.values[n],
                    self.mean[n] if self.mean.size else None,
                )


@dataclass(frozen=True, eq=False)
class Calibration:
    """What a forecast promised beside what happened, all in percent.

    Attributes
    ----------
    level : ndarray, shape [K]
        Stated coverage of each central band.
    realised : ndarray, shape [K]
        Share of outcomes inside it; NaN where nothing is known.
    by_step : ndarray, shape [K, H]
        The same for each step ahead.
    quantile, below : ndarray, shape [Q]
        Each quantile level, and the share of outcomes below the forecast quantile (or on it).
    low, high : ndarray, shape [K] or empty
        The 95 % interval of ``realised`` on independent origins; NaN where these are too few, empty
        where it was not kept.
    """

    level: Floats
    realised: Floats
    by_step: Floats
    quantile: Floats
    below: Floats
    low: Floats = field(default_factory=lambda: np.empty(0))
    high: Floats = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, eq=False)
class Profile:
    """The figures of one model's outcomes beside its scores: what is left to show where the
    outcomes themselves were not kept.

    Attributes
    ----------
    steps : mapping of str to ndarray, shape [H]
        Metric to its value for each step ahead.
    calibration : Calibration
    residuals : ndarray, shape [H, 4]
        For each step mean, standard deviation, share above the median in percent, and memory of
        what happened less the median.
    """

    steps: Mapping[str, Floats]
    calibration: Calibration
    residuals: Floats
