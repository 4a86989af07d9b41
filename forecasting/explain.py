"""Why a forecast is what it is: integrated gradients of median and width, by input and bar."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from forecasting.attribution import Explanation
from forecasting.features import AHEAD, feature_names
from forecasting.models import Network
from forecasting.series import Dates, Floats, Origins, Panel
from forecasting.training import TrainedNetwork
from forecasting.windows import CovariateBatch, Windows, check_lookback

#: Points of the quadrature on a stretch of the way, stretches to begin with, how often one is
#: halved, and the most that are looked at together.
_POINTS, _STRETCHES, _DEEPEST, _MOST_OPEN = 8, 4, 24, 64
#: Largest difference between the sum of a stretch and the change over it.
_CLOSE = 5e-6
#: Share of the inputs that the deletion test removes, and how often at random.
_REMOVED, _DRAWS = 0.1, 20


def explain(
    forecaster: TrainedNetwork, panel: Panel, origins: Origins, step: int = 0
) -> Iterator[Explanation]:
    """Explain forecasts.

    Parameters
    ----------
    forecaster : TrainedNetwork
    panel : Panel
        With the inputs that the network reads.
    origins : Origins
        Only bars up to each cutoff are looked at.
    step : int
        Bars ahead; 0 is the horizon.

    Yields
    ------
    Explanation
        One an origin. Where neither the network nor the inputs count all is zero.

    Raises
    ------
    DataError
        A cutoff with fewer bars behind it than the lookback.
    """
    task = forecaster.config.task
    check_lookback(panel, origins, task.input_size)
    precise = _in_double(forecaster)
    windows = Windows(panel, forecaster.scaling, task, precise.device)
    rows = windows.rows(origins)
    step = min(step or task.horizon, task.horizon)
    for index, row in enumerate(rows):
        series = panel[int(origins.series[index])]
        bar = int(origins.bar[index])
        ds = series.ds[bar + 1 - task.input_size : bar + 1]
        yield _Explained(precise, windows, row[None], step).explanation(series.symbol, ds)


def explain_training(
    forecaster: TrainedNetwork, windows: Windows, panel: Panel, index: int
) -> Explanation:
    """Explain the forecast from the last bar of one series by a network that is in training, which
    is not changed.

    Parameters
    ----------
    forecaster : TrainedNetwork
    windows : Windows
        Of the training.
    panel : Panel
    index : int
        Of the series in the panel.
    """
    series, task = panel[index], forecaster.config.task
    last = Origins(np.array([index]), np.array([len(series) - 1]))
    row = windows.rows(last)[:1]
    explained = _Explained(_in_double(forecaster), windows, row, task.horizon)
    return explained.explanation(series.symbol, series.ds[-task.input_size :])


def _in_double(forecaster: TrainedNetwork) -> TrainedNetwork:
    """Return a copy that computes with 64 bits on the CPU: networks that remember are steep."""
    covariates = forecaster.covariates
    return replace(
        forecaster,
        network=copy.deepcopy(forecaster.network).cpu().double().eval(),
        covariates=copy.deepcopy(covariates).cpu().double().eval() if covariates else None,
        device=torch.device("cpu"),
    )


class _Explained:
    """One forecast as a function of all that it reads, between a usual window and its own."""

    def __init__(
        self, forecaster: TrainedNetwork, windows: Windows, row: Tensor, step: int
    ) -> None:
        self.forecaster, self.windows, self.row, self.step = forecaster, windows, row, step
        self.features = len(forecaster.scaling.mean)
        self.window = windows.window(row).cpu().double()
        calendar = windows.known_ahead(row)
        self.calendar = None if calendar is None else calendar.cpu().double()
        self.inputs: CovariateBatch | None = None
        if forecaster.covariates is not None:
            hist, futr, stat = windows.covariates(row)
            self.inputs = CovariateBatch(hist.cpu().double(), futr.cpu().double(), stat.cpu())

    def parts(self) -> list[Tensor]:
        """Return what is interpolated: features of the window, the calendar ahead, the inputs."""
        parts = [self.window[..., : self.features]]
        parts += [self.calendar] if self.calendar is not None else []
        parts += [self.inputs.hist, self.inputs.futr] if self.inputs is not None else []
        return parts

    def said(self, parts: Sequence[Tensor]) -> Tensor:
        """Return shift and log width of the step for parts [B, ...], [B, 2]."""
        left = list(parts)
        count = len(left[0])
        rest = self.window[..., self.features :].expand(count, -1, -1)
        window = torch.cat([left.pop(0), rest], dim=-1)
        network, counts = self.forecaster.network, self.forecaster.trust
        calendar = left.pop(0) if self.calendar is not None else None
        shape = counts * network.add_calendar(network.median(window), calendar)
        covariates = self.forecaster.covariates
        if self.inputs is not None and covariates is not None:
            hist, futr = left
            moved = covariates(hist, futr, self.inputs.stat.expand(count, -1))
            shape = shape + self.forecaster.covariate_shrinkage * moved
        at = shape[:, self.step - 1]
        return torch.stack([at[:, 0], (at[:, 1] + at[:, 2]) / 2], dim=1)

    def attributed(self) -> tuple[list[Floats], list[Floats]]:
        """Return the attributions of median and width to each part.

        The way from a usual window is cut where it is steep: a stretch whose Gauss-Legendre sum
        differs from the change over it is halved.
        """
        totals = [[np.zeros(tuple(part.shape[1:])) for part in self.parts()] for _ in range(2)]
        cuts = np.linspace(0.0, 1.0, _STRETCHES + 1)
        open_ = list(itertools.pairwise(cuts.tolist()))
        for depth in range(_DEEPEST + 1):
            sums, gaps = self._stretches(np.array(open_))
            halved = []
            for place, (low, high) in enumerate(open_):
                if gaps[place] < _CLOSE or depth == _DEEPEST:
                    for total, of_output in zip(totals, sums, strict=True):
                        for own, part in zip(total, of_output, strict=True):
                            own += part[place]
                else:
                    middle = (low + high) / 2
                    halved += [(low, middle), (middle, high)]
            open_ = halved[:_MOST_OPEN]
            if not open_:
                break
        return totals[0], totals[1]

    def _stretches(self, ends: Floats) -> tuple[list[list[Floats]], Floats]:
        """Return the attributions of stretches [S, 2] of the way, and how far each is off, [S]."""
        parts, count = self.parts(), len(ends)
        nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
        width = ends[:, 1:] - ends[:, :1]
        along = (ends[:, :1] + width * (nodes + 1) / 2).ravel()
        mass = (width * weights / 2).ravel()

        def at(places: Floats, part: Tensor) -> Tensor:
            scale = torch.as_tensor(places, dtype=torch.float64, device=part.device)
            return scale.view(-1, *[1] * (part.dim() - 1)) * part

        scaled = [at(along, part).requires_grad_(True) for part in parts]
        said = self.said(scaled)
        with torch.no_grad():
            limits = self.said([at(ends.ravel(), part) for part in parts]).double().cpu().numpy()
        change = np.diff(limits.reshape(count, 2, 2), axis=1)[:, 0]
        found: list[list[Floats]] = []
        gaps = np.zeros(count)
        for place in range(2):
            slopes = torch.autograd.grad(
                said[:, place].sum(), scaled, retain_graph=not place, allow_unused=True
            )
            own = [
                np.zeros((count, *part.shape[1:]))
                if slope is None
                else _summed(slope, part, mass, count)
                for slope, part in zip(slopes, parts, strict=True)
            ]
            found.append(own)
            total = np.sum([one.reshape(count, -1).sum(axis=1) for one in own], axis=0)
            gaps = np.maximum(gaps, np.abs(total - change[:, place]))
        return found, gaps

    def explanation(self, symbol: str, ds: Dates) -> Explanation:
        """Return the attributions with as many points as their sum needs."""
        with torch.no_grad():
            own = self.said(self.parts())[0].numpy()
            start = self.said([torch.zeros_like(part) for part in self.parts()])[0].numpy()
        found = self.attributed()
        deletion = self.deleted(found[0])
        return self._explanation(symbol, ds, found, own, start, deletion)

    @torch.no_grad()
    def deleted(self, found: Sequence[Floats]) -> float:
        """Return how many times more the median moves without the top tenth than without another.

        That top tenth is of what is read at the bars of the lookback and of the bars ahead alike.
        """
        parts = self.parts()
        sizes = [part[0].numel() for part in parts]
        flat = np.concatenate([np.abs(item).ravel() for item in found])
        count = max(1, round(_REMOVED * flat.size))
        masks = np.ones((1 + _DRAWS, flat.size))
        masks[0, np.argsort(-flat, kind="stable")[:count]] = 0.0
        draw = np.random.default_rng(0)
        for number in range(1, 1 + _DRAWS):
            masks[number, draw.choice(flat.size, count, replace=False)] = 0.0
        pieces = np.split(masks, np.cumsum(sizes)[:-1], axis=1)
        masked = [
            part * torch.as_tensor(piece, device=part.device).view(len(masks), *part.shape[1:])
            for part, piece in zip(parts, pieces, strict=True)
        ]
        moved = (self.said(masked) - self.said(parts))[:, 0].abs().double().cpu().numpy()
        usual = float(moved[1:].mean())
        return float(moved[0]) / usual if usual > 0 else float("nan")

    def _explanation(
        self,
        symbol: str,
        ds: Dates,
        found: Sequence[Sequence[Floats]],
        own: Floats,
        start: Floats,
        deletion: float,
    ) -> Explanation:
        scaling = self.forecaster.scaling
        names = list(feature_names(scaling.inputs))
        names += ["level"] * (self.features - len(names))
        hist, ahead = [item[0] for item in found], [np.zeros((self.step, 0))] * 2
        ahead_names: list[str] = []
        rest = [list(item[1:]) for item in found]
        if self.calendar is not None:
            ahead_names += list(AHEAD)
            ahead = [_own_and_mean(item.pop(0), self.step) for item in rest]
        if self.inputs is not None and scaling.covariates is not None:
            names += scaling.covariates.hist_names
            ahead_names += [f"{name} (ahead)" for name in scaling.covariates.futr_names]
            pairs = list(zip(hist, rest, strict=True))
            hist = [np.concatenate([item, more[0]], axis=1) for item, more in pairs]
            known = [more[1][: self.step] for more in rest]
            ahead = [np.concatenate(pair, axis=1) for pair in zip(ahead, known, strict=True)]
        scale = float(self.windows.scale(self.row)[0, self.step - 1])
        return Explanation(
            symbol,
            self.forecaster.name,
            ds[-1],
            self.step,
            scale,
            ds,
            tuple(names),
            hist[0],
            hist[1],
            tuple(ahead_names),
            ahead[0],
            ahead[1],
            float(start[0]),
            float(start[1]),
            float(own[0] - start[0]),
            float(own[1] - start[1]),
            deletion,
            self.attention(),
        )

    @torch.no_grad()
    def attention(self) -> Floats | None:
        """Return the weights of attention in this window, [layers, queries, L], a mean over the
        members; None for a network without attention.
        """
        found = []
        for member in self.forecaster.network.members:
            assert isinstance(member, Network)
            inside = member.body.inspect(member.front(self.window))
            if inside is None or not inside.attention.numel():
                return None
            found.append(inside.attention.cpu().numpy())
        return np.asarray(np.mean(found, axis=0), np.float64)


def _summed(slope: Tensor, part: Tensor, mass: Floats, count: int) -> Floats:
    """Return slopes at the nodes times their mass and the part, by stretch, [S, ...]."""
    weighted = slope.detach().double().cpu().numpy().reshape(count, -1, *part.shape[1:])
    masses = mass.reshape(count, -1, *[1] * (part.dim() - 1))
    own = part[0].double().cpu().numpy()
    return np.asarray((weighted * masses).sum(axis=1) * own, np.float64)


def _own_and_mean(attributed: Floats, step: int) -> Floats:
    """Return what the calendar of each bar ahead moved, [step, F], of its own and its mean."""
    own, mean = np.split(attributed, 2, axis=1)
    return np.asarray((own + mean)[:step], np.float64)
