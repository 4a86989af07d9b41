"""What comes before and after the network of an ONNX file, as graphs of their own: the windows and
scales of bars, and the calibrated quantiles of prices.

The same numbers as :mod:`forecasting.features`, :mod:`forecasting.volatility` and
:mod:`forecasting.conformal` compute, of one series, in operators that runtimes know.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

#: Doublings of the longest stretch that a running extreme or a fading sum looks back over.
_EXTREME, _FADING = 20, 12
_NORMAL = NormalDist()


def shifted(x: Tensor, bars: int, before: float, numbers: Tensor | None = None) -> Tensor:
    """Return the values ``bars`` earlier, [T]; ``before`` where there were none. ``numbers`` are
    those of the bars, where they are at hand.
    """
    index = (bar_numbers(x) if numbers is None else numbers) - bars
    return torch.where(index >= 0, x[index.clamp(min=0)], torch.full_like(x, before))


def running_least(x: Tensor) -> Tensor:
    """Return the least value up to each bar, [T]."""
    numbers = bar_numbers(x)
    for step in range(_EXTREME):
        x = torch.minimum(x, x[(numbers - 2**step).clamp(min=0)])
    return x


def previous(x: Tensor) -> Tensor:
    """Return the value of the bar before, [T]; the first one twice."""
    return x[(bar_numbers(x) - 1).clamp(min=0)]


def bar_numbers(x: Tensor) -> Tensor:
    """Return the number of each bar, from 0 on, [T]."""
    return torch.cumsum(torch.ones_like(x, dtype=torch.int64), 0) - 1


def count_of(x: Tensor) -> Tensor:
    """Return how many bars there are up to each, [T]."""
    return torch.cumsum(torch.ones_like(x), 0)


def means(x: Tensor, lengths: Sequence[int]) -> list[Tensor]:
    """Return the means of the last values at each bar, over several numbers of bars, [T] each."""
    total, numbers, least = torch.cumsum(x, 0), bar_numbers(x), running_least(x)
    return [
        torch.maximum(
            (total - shifted(total, bars, 0.0, numbers)) / (numbers + 1).clamp(max=bars), least
        )
        for bars in lengths
    ]


def mean(x: Tensor, bars: int) -> Tensor:
    """Return the mean of the last values at each bar, [T]."""
    return means(x, (bars,))[0]


def fading_mean(x: Tensor, decay: float) -> Tensor:
    """Return the mean of all values up to each bar, weighted by ``decay`` to their age, [T]."""
    total, numbers = x, bar_numbers(x)
    for step in range(_FADING):
        total = total + decay ** (2**step) * shifted(total, 2**step, 0.0, numbers)
    return total * (1 - decay) / (1 - torch.pow(torch.full_like(x, decay), count_of(x)))


class Preparation(nn.Module):
    """From bars, the windows and scales of the last forecasts, and what they start from.

    Parameters
    ----------
    about : mapping
        Metadata of the file.
    """

    def __init__(self, about: Mapping[str, Any]) -> None:
        super().__init__()
        self.about = about
        self.logs = about["target"] == "log-return"
        self.names = [name for name in about["features"] if name != "series"]

    def forward(
        self,
        close: Tensor,
        opened: Tensor,
        high: Tensor,
        low: Tensor,
        volume: Tensor,
        since: Tensor,
        series: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Map bars [T], NaN where unknown, the first forecast [1] and the number of the series [1]
        to windows [N, L, C], scales [N, H], and starts, closes and least closes so far [N].
        """
        start = torch.log(close) if self.logs else close
        move = start - previous(start)
        variance, floor = self._variance(close, opened, high, low, move)
        scale = self._volatility(move, variance, floor)
        made = self._features(close, opened, volume, move, variance, scale[:, 0])
        if self.about["target"] == "level":
            start, spread = self._level(close)
            made["distance"] = (close - start) / spread
            scale = spread[:, None].expand(-1, self.about["horizon"])
        table = torch.stack([made.get(name, torch.zeros_like(close)) for name in self.names], 1)
        table = torch.where(torch.isnan(table), torch.zeros_like(table), table).clamp(-8.0, 8.0)
        table = (table - _constant(self.about["mean"])) / _constant(self.about["sd"])
        if self.about["series"]:
            number = series.to(table.dtype) + torch.zeros_like(close)
            table = torch.cat([table, number[:, None]], 1)
        length = self.about["input_size"]
        origins = bar_numbers(close)[length - 1 :]
        origins = origins[origins - (length - 1) >= since]
        windows = table[origins[:, None] + torch.arange(1 - length, 1)]
        least = running_least(close)
        windows, scale = windows.float(), scale[origins].float()
        return windows, scale, start[origins], close[origins], least[origins]

    def _variance(
        self, close: Tensor, opened: Tensor, high: Tensor, low: Tensor, move: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the variance of each bar, and the least that it can be, [T] each: that of Garman
        and Klass where it is credible.
        """
        squared = move**2
        if not self.logs:
            floor = 1e-7 * torch.cumsum(close**2, 0) / count_of(close)
            floor = floor.clamp(min=1e-12)
            return torch.maximum(squared, floor), floor
        ranged = (
            torch.log(opened / torch.where(bar_numbers(close) > 0, previous(close), opened)) ** 2
        )
        ranged = ranged + torch.log(high / low) ** 2 / 2
        ranged = ranged - (2 * math.log(2) - 1) * torch.log(close / opened) ** 2
        usable = ((ranged - ranged) == 0) & (high >= low)
        known = (torch.where(usable, ranged, squared) / 1e-7).clamp(min=1.0)
        most = 400e-7 * torch.exp(mean(torch.log(known) + 1, 250) - 1)
        usable = usable & (ranged <= torch.maximum(most, 9 * squared))
        return torch.where(usable, ranged, squared).clamp(min=1e-7), torch.full_like(close, 1e-7)

    def _volatility(self, move: Tensor, variance: Tensor, floor: Tensor) -> Tensor:
        """Return the usual size of the next h-bar moves, [T, H]."""
        fit = self.about["volatility"]
        known = bar_numbers(move) > 0
        squared = torch.where(known, torch.maximum(move**2, floor), variance)
        parts = means(variance, (1, 5, 22, 250))
        parts += [fading_mean(squared, decay) for decay in (0.97, 0.9)]
        x = torch.log(torch.stack(parts + parts[1:2] * fit["pooled"], 1))
        shift = torch.zeros_like(x[:, :1])
        if fit["limits"]:
            least, most = (_constant(limit) for limit in fit["limits"])
            below = float(least[:6].max()) - x[:, :6].amax(1, keepdim=True)
            above = (x[:, 2:3] - float(most[2])).clamp(min=0.0)
            shift = torch.where(below > 0, -below, above)
            x = torch.maximum(torch.cat([x[:, :6] - shift, x[:, 6:]], 1), least)
        weights = _constant(fit["coefficients"])
        scale = torch.exp((x @ weights[:-1] + weights[-1] + shift) / 2)
        few = count_of(move).clamp(max=250)
        share = (move.abs() / previous(scale[:, 0])).clamp(max=6.0) + 1e-3
        size = (few * mean(share, 250) + 60 * math.sqrt(2 / math.pi)) / (few + 60)
        return scale * size[:, None] ** _constant(fit["feedback"])

    def _features(
        self,
        close: Tensor,
        opened: Tensor,
        volume: Tensor,
        move: Tensor,
        variance: Tensor,
        scale: Tensor,
    ) -> dict[str, Tensor]:
        """Return what the network can read of each bar, by name, [T] each."""
        usual, total = previous(scale), torch.cumsum(move, 0)
        traded = torch.log(torch.where(volume > 0, volume, torch.ones_like(volume)))
        traded = traded - previous(mean(traded + 1, 22) - 1)
        made = {
            "move": move / usual,
            "range": torch.log(variance) / 2 - torch.log(usual),
            "level": torch.log(scale) - torch.log(mean(variance, 250)) / 2,
            "trend": (total - shifted(total, 22, 0.0)) / (scale * math.sqrt(22)),
            "market": move / usual,
            "spread": (move / usual).abs(),
            "volume": torch.where(bar_numbers(traded) > 0, traded, torch.zeros_like(traded)),
        }
        if self.logs:
            made["gap"] = (
                torch.log(opened / torch.where(bar_numbers(close) > 0, previous(close), opened))
                / usual
            )
        return made

    def _level(self, close: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and deviation of the last closes at each bar, [T] each."""
        bars = self.about["level_bars"]
        past = torch.stack([shifted(close, bar, 0.0) for bar in range(bars)], 1)
        known = torch.stack([shifted(torch.ones_like(close), bar, 0.0) for bar in range(bars)], 1)
        count = known.sum(1)
        middle = (past * known).sum(1) / count
        spread = torch.sqrt((known * (past - middle[:, None]) ** 2).sum(1) / count)
        size = torch.sqrt(torch.cumsum(close**2, 0) / count_of(close))
        return middle, torch.maximum(spread, 1e-3 * size + 1e-12)


def _constant(values: Any) -> Tensor:
    return torch.as_tensor(np.asarray(values, np.float64))


#: Shares of the bands whose misses are counted.
_SHARES = np.array([0.5, 0.2, 0.1, 0.05, 0.01])
_KNOTS = np.array([_NORMAL.inv_cdf(1 - share / 2) for share in _SHARES])


class Calibration(nn.Module):
    """From the moves of all forecasts since the validation began, the prices of the last one,
    its bands widened by the misses of those before it.

    Parameters
    ----------
    about : mapping
        Metadata of the file.
    """

    def __init__(self, about: Mapping[str, Any]) -> None:
        super().__init__()
        self.about = about
        self.logs = about["target"] == "log-return"

    def forward(self, moves: Tensor, start: Tensor, close: Tensor, least: Tensor) -> Tensor:
        """Map moves [N, H, Q], and starts, closes and least closes [N], to quantiles [H, Q]."""
        values = start[:, None, None] + moves.to(torch.float64)
        if self.logs:
            values = torch.exp(values)
        else:  # what was never negative is not forecast to be
            values = torch.where(least[:, None, None] >= 0, values.clamp(min=0.0), values)
        if self.about["calibration"] is None:
            return values[-1]
        logs = (values.amin((1, 2)) > 0) & (close > 0)
        curves = torch.where(logs[:, None, None], torch.log(values.clamp(min=1e-300)), values)
        far, due = self._far(curves, close, logs)
        rates = [self.about["calibration"][name] for name in ("slow", "fast", "fade")]
        pull = 2 * _KNOTS * [_NORMAL.pdf(knot) for knot in _KNOTS]
        knots, share = _constant(_KNOTS), _constant(_SHARES)
        widths = _compiled_widths() if torch.onnx.is_in_onnx_export() else _widths
        wider = widths(far, due, knots, share, _constant(pull), rates)
        return self._widened(curves[-1], logs[-1:], wider)

    def _far(self, curves: Tensor, close: Tensor, logs: Tensor) -> tuple[Tensor, Tensor]:
        """Return how far each outcome lies from the median, in deviations, and whether a forecast
        was due then, [N, H] each: the bar t is step h of the forecast of the bar t - 1 - h.
        """
        x = _normal_quantiles(self.about["levels"])
        bars = bar_numbers(close)
        steps = torch.arange(self.about["horizon"])
        origins = bars[:, None] - 1 - steps
        due = origins >= 0
        origins = origins.clamp(min=0)
        curve = curves[origins, steps]
        logarithm = torch.log(close.clamp(min=1e-12))[:, None]
        seen = torch.where(logs[origins], logarithm, close[:, None])
        index = (curve <= seen[..., None]).sum(-1).clamp(1, len(x) - 1)[..., None]
        low, high = curve.gather(-1, index - 1), curve.gather(-1, index)
        slope = (x[index] - x[index - 1]) / (high - low).clamp(min=1e-12)
        far = (x[index - 1] + (seen[..., None] - low) * slope).abs()[..., 0]
        still = (curve[..., 0] == seen) & (curve[..., -1] == seen)
        return torch.where(still, torch.zeros_like(far), far), due.to(torch.float64)

    def _widened(self, curve: Tensor, logs: Tensor, wider: Tensor) -> Tensor:
        """Return the quantiles [H, Q] of a curve, widened by [H, 5] at the knots."""
        steps, x = self.about["horizon"], _normal_quantiles(self.about["levels"])
        near = np.zeros((steps, steps))
        for step in range(steps):
            reach = min((step + 1) // 3, steps - step - 1)
            near[step, step - reach : step + reach + 1] = 1 / (2 * reach + 1)
        knots = torch.as_tensor(_KNOTS) * torch.exp(torch.as_tensor(near) @ wider)
        knots = _rising(knots)
        at_ends, at_slopes = (_constant(part) for part in _cubic(np.abs(x.numpy())))
        ends = torch.cat([torch.zeros_like(knots[:, :1]), knots], 1)
        reached = ends @ at_ends + _slopes(ends) @ at_slopes
        at = torch.sign(x) * reached
        index = (x <= at[..., None]).sum(-1).clamp(1, len(x) - 1)
        low, high = curve.gather(1, index - 1), curve.gather(1, index)
        slope = (high - low) / (x[index] - x[index - 1])
        found = low + (at - x[index - 1]) * slope
        return _rising(torch.where(logs[:, None], torch.exp(found), found))


def _widths(
    far: Tensor, due: Tensor, knots: Tensor, share: Tensor, pull: Tensor, rates: list[float]
) -> Tensor:
    """Return the widths [H, 5] of the bands, in logs, by adaptive conformal inference.

    Every outcome moves all bands of its step together, which fades, and each band by its own
    misses for good. A loop of the graph: compiled, not traced.

    Parameters
    ----------
    far, due : Tensor, shape [N, H]
        How far each outcome lies from the median, in deviations, and whether there is any.
    knots, share, pull : Tensor, shape [5]
        Of the bands: half widths, shares of misses, and how strongly a miss pulls.
    rates : list of float
        Slow, fast and fade.
    """
    slow, fast, fade = rates[0], rates[1], rates[2]
    steps = torch.cumsum(torch.ones_like(far[0]), 0)
    ahead = steps[:, None]
    index = steps.to(torch.int64) - 1
    noise = torch.cat([torch.full_like(share[:1], 1.0 / 12.0), share * (1 - share)])
    state = torch.zeros_like(ahead) * noise
    past = ahead[:, :, None] * torch.zeros_like(state)[None]
    squares = 20 * noise + state
    seen = torch.zeros_like(ahead)
    width = state
    for t in range(far.shape[0]):
        here, there = far[t][:, None], due[t][:, None]
        before = past[index, index]
        together, own = before[:, :1], before[:, 1:]
        part = here / torch.exp(together) / math.sqrt(2.0)
        beyond = torch.erf(part.to(torch.float32)).to(torch.float64) - 0.5
        missed = (here > knots * torch.exp(together + own)).to(torch.float64) - share
        error = torch.cat([beyond, missed], 1)
        squares = squares + there * error * error
        rate = torch.clamp(2 / (50 + seen), min=slow)
        first = state[:, :1] * (1 - fade) + fast / ahead * error[:, :1]
        rest = state[:, 1:] + rate / torch.sqrt(ahead) * error[:, 1:]
        moved = torch.cat([first, rest], 1)
        state = torch.clamp(torch.where(there > 0, moved, state), -math.log(20.0), math.log(20.0))
        seen = seen + there
        rate = torch.clamp(2 / (50 + seen), min=slow)
        wander = fast * fast / ahead / (1 - (1 - fade) * (1 - fade))
        luck = torch.cat([wander, rate * torch.sqrt(ahead) / (2 * pull)], 1) * squares / (20 + seen)
        width = state * torch.clamp(1 - luck / torch.clamp(state * state, min=1e-12), min=0.0)
        past = torch.cat([width[None], past[:-1]])
    return width[:, :1] + width[:, 1:]


@cache
def _compiled_widths() -> Any:
    """Return :func:`_widths` as a graph with a loop in it."""
    return torch.jit.script(_widths)


def _normal_quantiles(levels: Sequence[float]) -> Tensor:
    return _constant([_NORMAL.inv_cdf(level) for level in levels])


def _rising(x: Tensor) -> Tensor:
    """Return the largest value up to each column, [H, Q]."""
    parts = [x[:, 0]]
    for column in range(1, x.shape[1]):
        parts.append(torch.maximum(parts[-1], x[:, column]))
    return torch.stack(parts, 1)


def _slopes(ends: Tensor) -> Tensor:
    """Return the slopes [H, K + 1] at the knots of the monotone cubic curve through values at them,
    as :func:`forecasting.conformal._stretched` has it.
    """
    width = np.diff([0, *_KNOTS])
    secants = (ends[:, 1:] - ends[:, :-1]) / _constant(width)
    before, after = secants[:, :-1], secants[:, 1:]
    share = _constant((2 * width[1:] + width[:-1]) / (3 * (width[1:] + width[:-1])))
    inner = before * after / (share * after + (1 - share) * before).clamp(min=1e-300)
    last = torch.minimum(ends[:, -1:] / _KNOTS[-1], 3 * secants[:, -1:])
    return torch.cat([secants[:, :1], inner, last], 1)


def _cubic(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the shares [K + 1, Q] of the values and of the slopes at the knots in the curve at
    ``x`` [Q]; beyond the last knot it goes on in proportion.
    """
    edges = np.concatenate([[0.0], _KNOTS])
    values, slopes = np.zeros((edges.size, x.size)), np.zeros((edges.size, x.size))
    for index, distance in enumerate(x):
        k = int(np.searchsorted(_KNOTS, distance))
        if k == _KNOTS.size:
            values[-1, index] = distance / _KNOTS[-1]
            continue
        width = edges[k + 1] - edges[k]
        t = (distance - edges[k]) / width
        values[k, index] = (1 + 2 * t) * (1 - t) ** 2
        values[k + 1, index] = t**2 * (3 - 2 * t)
        slopes[k, index] = width * t * (1 - t) ** 2
        slopes[k + 1, index] = -width * t**2 * (1 - t)
    return values, slopes
