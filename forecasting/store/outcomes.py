"""The outcomes of a run's test part in little room: the figures of every model, and of the
network what is drawn of each forecast.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from forecasting.config import Settings
from forecasting.errors import DataError
from forecasting.files.archive import inflated
from forecasting.metrics import METRICS
from forecasting.series import Calibration, Floats, Outcomes, Profile

#: Most numbers of the network's forecasts; of more only the figures are kept.
MOST_KEPT = 4 * 2**20
#: Quantiles that are drawn of a forecast: others are in the figures only.
DRAWN: tuple[float, ...] = (0.025, 0.1, 0.5, 0.9, 0.975)

_MAGIC = b"CCO1"
_HEAD = struct.Struct("<4sII")
#: Most bytes of the description, most numbers of the figures, most letters of a name.
_MOST_HEADER, _MOST_FIGURES, _LINE = 4 * 2**20, 8 * 2**20, 400
#: A difference from the value at the cutoff is kept to this relative precision at least.
_PRECISION = 1e-6

#: The first and the last date there is, in microseconds since 1970.
_FIRST, _LAST = (
    int(np.datetime64(day, "us").astype(np.int64)) for day in ("0001-01-01", "9999-12-31")
)

_Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class StoredOutcomes:
    """What the store has of the outcomes of a run.

    Attributes
    ----------
    outcomes : mapping of str to Outcomes
        The network's, with the quantiles of :data:`DRAWN`; empty where they were not kept.
    profiles : mapping of str to Profile
        Of every model, the network first.
    lacking : str
        Why something is not there, in one sentence; "" where all is.
    """

    outcomes: Mapping[str, Outcomes] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    lacking: str = ""


#: Of a run of which nothing was kept.
NONE_KEPT = StoredOutcomes(
    lacking="The run was kept by an earlier version, which kept the scores only. Reproduce it to "
    "see all of it."
)


class _Model(Settings):
    """What the figures of one model are."""

    name: str = Field(max_length=_LINE)
    metrics: tuple[str, ...] = Field(max_length=100)
    levels: int = Field(ge=0, le=1000)
    quantiles: int = Field(ge=0, le=2000)
    intervals: bool = False

    def shapes(self, steps: int) -> list[tuple[int, ...]]:
        """Return the shapes of its arrays."""
        levels, quantiles = (self.levels,), (self.quantiles,)
        limits = [levels, levels] if self.intervals else []
        return [
            (len(self.metrics), steps),
            levels,
            levels,
            (self.levels, steps),
            quantiles,
            quantiles,
            *limits,
            (steps, 4),
        ]


class _Forecasts(Settings):
    """What the numbers of the network's forecasts are."""

    origins: int = Field(ge=1, le=MOST_KEPT)
    symbols: tuple[str, ...] = Field(min_length=1, max_length=5000)
    quantiles: tuple[float, ...] = Field(min_length=1, max_length=len(DRAWN))
    scales: bool
    mean: bool
    exact: bool

    def wide(self, steps: int) -> list[tuple[int, ...]]:
        """Return the shapes of what is kept in full: symbols, cutoffs, dates, values there, what
        happened, scales.
        """
        n = self.origins
        return [(n,), (n,), (n, steps), (n,), (n, steps), *([(n,), (n,)] if self.scales else [])]

    def narrow(self, steps: int) -> list[tuple[int, ...]]:
        """Return the shapes of what is kept as differences from the value at the cutoff:
        quantiles and mean.
        """
        n = self.origins
        return [(n, steps, len(self.quantiles)), *([(n, steps)] if self.mean else [])]


class _Header(Settings):
    """What the numbers are."""

    version: Literal[1] = 1
    steps: int = Field(ge=1, le=1000)
    models: tuple[_Model, ...] = Field(min_length=1, max_length=100)
    forecasts: _Forecasts | None = None
    lacking: Literal["", "many", "unfit"] = ""
    origins: int = Field(0, ge=0)


def pack_outcomes(outcomes: Mapping[str, Outcomes], profiles: Mapping[str, Profile]) -> bytes:
    """Return what is kept of outcomes, as compressed numbers; nothing of none.

    Parameters
    ----------
    outcomes : mapping of str to Outcomes
        By model, the network first; all of one horizon.
    profiles : mapping of str to Profile
        Of the same models.
    """
    if not outcomes or not len(next(iter(outcomes.values()))):
        return b""
    network = next(iter(outcomes.values()))
    models = [_model(name, item) for name, item in profiles.items()]
    wide: list[_Array] = [array for item in profiles.values() for array in _figures(item)]
    narrow: list[_Array] = []
    text, lacking = _described(network)
    if text is not None:
        ground, narrow = _numbers(network, text)
        wide += ground
    header = _Header(
        steps=network.horizon,
        models=tuple(models),
        forecasts=text,
        lacking=lacking,
        origins=len(network),
    )
    words = header.model_dump_json().encode()
    first = zlib.compress(_planes(wide, 8))
    return (
        _HEAD.pack(_MAGIC, len(words), len(first))
        + words
        + first
        + zlib.compress(_planes(narrow, 8 if text and text.exact else 4))
    )


def unpack_outcomes(data: bytes) -> StoredOutcomes:
    """Return what was packed; no more is unpacked than its header tells of, and that is bounded.

    Raises
    ------
    DataError
        Data that are damaged or were never packed by :func:`pack_outcomes`.
    """
    try:
        return _unpacked(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise _damaged(f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from error
    except (zlib.error, struct.error, ValueError, OverflowError) as error:
        raise _damaged(str(error)) from error


def _unpacked(data: bytes) -> StoredOutcomes:
    magic, words, first = _HEAD.unpack_from(data)
    if magic != _MAGIC or words > _MOST_HEADER:
        raise ValueError("they do not begin as outcomes do")
    start = _HEAD.size
    header = _Header.model_validate_json(data[start : start + words])
    steps, text = header.steps, header.forecasts
    figures = [shape for model in header.models for shape in model.shapes(steps)]
    ground = text.wide(steps) if text else []
    drawn = text.narrow(steps) if text else []
    if _count(figures) > _MOST_FIGURES or _count(ground) + _count(drawn) > 4 * MOST_KEPT:
        raise ValueError("there are more of them than any run has")
    body = start + words
    wide = _arrays(data[body : body + first], [*figures, *ground], 8)
    narrow = _arrays(data[body + first :], drawn, 8 if text and text.exact else 4)
    numbers = iter(wide[: len(figures)])
    profiles = {model.name: _profile(model, numbers) for model in header.models}
    network = header.models[0].name
    outcomes = {network: _outcomes(network, text, wide[len(figures) :], narrow)} if text else {}
    return StoredOutcomes(outcomes, profiles, _why(header))


def _described(network: Outcomes) -> tuple[_Forecasts | None, Literal["", "many", "unfit"]]:
    """Return what of a network's forecasts is kept; nothing where they are too many, or hold
    what cannot be drawn.
    """
    drawn = tuple(q for q in network.quantiles if any(abs(q - item) < 1e-9 for item in DRAWN))
    values = np.stack([network.quantile(q) for q in drawn], axis=2) if drawn else np.empty(0)
    if network.y.size * (len(drawn) + 2) > MOST_KEPT:
        return None, "many"
    sound = all(np.isfinite(item).all() for item in (values, network.mean, network.y0))
    scales = network.scale.size == network.rms_scale.size == len(network)
    if (
        not drawn
        or not sound
        or any(np.isinf(item).any() for item in (network.y, network.scale, network.rms_scale))
    ):
        return None, "unfit"
    y0 = network.y0[:, None]
    exact = not (
        _survives(values, y0[:, :, None]) and (not network.mean.size or _survives(network.mean, y0))
    )
    symbols = tuple(map(str, np.unique(network.symbol)))
    return _Forecasts(
        origins=len(network), symbols=symbols, quantiles=drawn, scales=scales,
            mean=bool(network.mean.size), exact=exact
    ), ""  # fmt: skip


def _survives(values: Floats, y0: Floats) -> bool:
    """Tell whether single precision of the differences is enough: for the values, and for which
    of them are positive.
    """
    away = values - y0
    with np.errstate(over="ignore"):
        back = y0 + away.astype(np.float32)
    close = np.abs(back - values) <= _PRECISION * np.abs(away)
    return bool(close.all() and ((back > 0) == (values > 0)).all())


def _numbers(network: Outcomes, told: _Forecasts) -> tuple[list[_Array], list[_Array]]:
    """Return what is kept in full, and what as differences."""
    _, index = np.unique(network.symbol, return_inverse=True)
    stamps = [
        item.astype("datetime64[us]").astype(np.int64) for item in (network.cutoff, network.ds)
    ]
    wide: list[_Array] = [index.reshape(-1).astype(np.int64), *stamps, network.y0, network.y]
    wide += [network.scale, network.rms_scale] if told.scales else []
    values = (
        np.stack([network.quantile(q) for q in told.quantiles], axis=2) - network.y0[:, None, None]
    )
    narrow: list[_Array] = [values, *([network.mean - network.y0[:, None]] if told.mean else [])]
    return wide, [item.astype("<f8" if told.exact else "<f4") for item in narrow]


def _outcomes(model: str, told: _Forecasts, wide: list[_Array], narrow: list[_Array]) -> Outcomes:
    """Return the network's outcomes of their numbers."""
    index, cutoff, ds = (item.view(np.int64) for item in wide[:3])
    y0, y, *scales = wide[3:]
    if index.min() < 0 or index.max() >= len(told.symbols):
        raise ValueError("a series that is not there")
    if not all(is_date(item) for item in (cutoff, ds)):
        raise ValueError("a date that is none")
    quantiles = told.quantiles
    if (
        list(quantiles) != sorted(set(quantiles))
        or 0.5 not in quantiles
        or quantiles[0] <= 0
        or quantiles[-1] >= 1
    ):
        raise ValueError("quantiles that are none")
    with np.errstate(over="ignore", invalid="ignore"):
        values, *mean = (
            y0.reshape(-1, *[1] * (item.ndim - 1)) + item.astype(np.float64) for item in narrow
        )
    if not all(np.isfinite(item).all() for item in (y0, values, *mean)) or any(
        np.isinf(item).any() for item in (y, *scales)
    ):
        raise ValueError("numbers that are not finite")
    stamps = (cutoff.view("datetime64[us]"), ds.view("datetime64[us]"))
    scale, rms_scale = scales or (np.empty(0), np.empty(0))
    points = mean[0] if mean else np.empty(0)
    return Outcomes(
        model,
        np.array(told.symbols)[index],
        *stamps,
        y0,
        y,
        quantiles,
        values,
        scale,
        rms_scale,
        points,
    )


def is_date(stamps: npt.NDArray[np.int64]) -> bool:
    """Tell whether microseconds since 1970 all lie in the years 1 to 9999, which is as far as
    dates are written.
    """
    return bool(((stamps >= _FIRST) & (stamps <= _LAST)).all())


def _model(name: str, profile: Profile) -> _Model:
    """Return what the figures of a model are."""
    found = profile.calibration
    return _Model(
        name=name,
        metrics=tuple(profile.steps),
        levels=found.level.size,
        quantiles=found.quantile.size,
        intervals=found.low.size == found.level.size,
    )


def _figures(profile: Profile) -> list[_Array]:
    found = profile.calibration
    steps = np.array(list(profile.steps.values()), np.float64)
    limits = [found.low, found.high] if found.low.size == found.level.size else []
    return [
        steps,
        found.level,
        found.realised,
        found.by_step,
        found.quantile,
        found.below,
        *limits,
        profile.residuals,
    ]


def _profile(model: _Model, numbers: Iterator[_Array]) -> Profile:
    """Return the figures of a model of the next of the numbers."""
    found = [next(numbers) for _ in model.shapes(1)]
    if any(np.isinf(item).any() for item in found):
        raise ValueError("numbers that are not finite")
    steps, *calibration, residuals = found
    unknown = dict.fromkeys(METRICS, np.full(residuals.shape[0], np.nan))
    return Profile(
        {**unknown, **dict(zip(model.metrics, steps, strict=True))},
        Calibration(*calibration),
        residuals,
    )


def _why(header: _Header) -> str:
    """Return why the forecasts are lacking."""
    texts = {
        "many": f"The {header.origins:,} test forecasts were too many to be kept, but for their "
        "figures. Reproduce the run to see them.",
        "unfit": "Not all of the test forecasts are finite: only their figures were kept.",
    }
    return texts.get(header.lacking, "")


def _planes(arrays: list[_Array], size: int) -> bytes:
    """Return numbers with their first bytes together, then their second ones, and so on: so they
    are packed best.
    """
    raw = b"".join(
        np.ascontiguousarray(item, item.dtype.newbyteorder("<")).tobytes() for item in arrays
    )
    return np.frombuffer(raw, np.uint8).reshape(-1, size).T.tobytes()


def _arrays(data: bytes, shapes: list[tuple[int, ...]], size: int) -> list[_Array]:
    """Return numbers of so many bytes each in their shapes; ValueError where there are not
    exactly so many.
    """
    count = _count(shapes)
    raw = inflated(data, count * size)
    flat = np.frombuffer(raw, np.uint8).reshape(size, -1).T.copy().view(f"<f{size}").reshape(-1)
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes], dtype=np.int64)
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends), shapes, strict=False)]


def _count(shapes: list[tuple[int, ...]]) -> int:
    return sum(int(np.prod(shape)) for shape in shapes)


def _damaged(why: str) -> DataError:
    return DataError(
        f"The outcomes of the run are damaged: {why}.", "Delete the run, or reproduce it."
    )
