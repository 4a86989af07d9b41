"""The trained network and all it needs to forecast: predict, calibrate, save, load."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from forecasting import __version__
from forecasting.baselines import NO_INPUTS, NO_NETWORK
from forecasting.bundle import read_bundle, settings_in, write_bundle
from forecasting.cancellation import cancellable, check_cancelled
from forecasting.checks import check_distances
from forecasting.config import QUANTILES, RunConfig, TaskConfig
from forecasting.conformal import CALIBRATIONS, Calibrated
from forecasting.errors import CandlecastError, ModelFileError
from forecasting.events import Predictor
from forecasting.features import AHEAD
from forecasting.memory import trim_after
from forecasting.models import Ensemble
from forecasting.models.covariates import CovariateNetwork
from forecasting.models.heads import apply_shape
from forecasting.series import Dates, Floats, Forecast, Origins, Panel
from forecasting.training.hardware import choose_device, fits
from forecasting.training.onnx_export import SUFFIX, write_onnx
from forecasting.training.trained_on import TrainedOn, Unit, check_positive
from forecasting.windows import Scaling, Windows, bars_before, check_lookback

#: What the version of a program looks like.
_VERSION = re.compile(r"\d+(\.\w+)*")
#: Windows that are evaluated at a time where memory allows, and numbers that one layer makes of
#: them: more is no faster.
_MOST, _NUMBERS = 4096, 1 << 21


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A trained network and all it needs to forecast: settings, scaling, weights.

    Attributes
    ----------
    config : RunConfig
    scaling : Scaling
        Fitted on the training part.
    network : Ensemble
        In evaluation mode.
    device : torch.device
    trust : float
        Between 0 and 1: how far what the network says counts beside the baseline, by how surely it
        was better on the validation part.
    val_start : datetime64[us]
        First date that the weights were not trained on: calibration learns from the misses since
        then.
    trained_on : TrainedOn, optional
        Frequency, columns and usual moves of the bars learned from; None for files of versions that
        did not keep them.
    covariates : CovariateNetwork, optional
        What reads the user's inputs; None where there are none.
    covariate_shrinkage : float
        Between 0 and 1: how far these count, by how surely they gained on the validation part.
    """

    config: RunConfig
    scaling: Scaling
    network: Ensemble
    device: torch.device
    val_start: np.datetime64
    trust: float = 1.0
    trained_on: TrainedOn | None = None
    covariates: CovariateNetwork | None = None
    covariate_shrinkage: float = 0.0

    @property
    def name(self) -> str:
        """Name in tables and exports: the kind of network in capitals."""
        return self.config.model.title

    def predict(
        self, panel: Panel, origins: Origins, quantiles: tuple[float, ...] = QUANTILES
    ) -> Floats:
        """Forecast from each origin.

        Parameters
        ----------
        panel : Panel
            May hold other series than those of the training.
        origins : Origins, N of them
            Only bars up to each cutoff are looked at.
        quantiles : tuple of float, length Q
            Any levels between 0 and 1, increasing.

        Returns
        -------
        ndarray of float64, shape [N, H, Q]
            Quantiles of the value (price units), non-decreasing along Q.

        Raises
        ------
        DataError
            A cutoff with fewer bars behind it than the lookback.
        """
        check_lookback(panel, origins, self.config.task.input_size)
        return self.predict_windows(
            Windows(panel, self.scaling, self.config.task, self.device), panel, origins, quantiles
        )

    def with_training_facts(self, panel: Panel) -> TrainedNetwork:
        """Return the forecaster with the facts of its training bars that a model file stores."""
        return replace(self, trained_on=TrainedOn.of(panel, self._unit))

    def checked(self, panel: Panel) -> tuple[str, ...]:
        """Compare a panel with the training bars, and return a sentence for each difference.

        Raises
        ------
        DataError
            Bars of another distance, of several distances, or values of zero and below where log
            returns were learned.
        """
        if self.scaling.target == "log-return":
            check_positive(panel)
        if self.trained_on is None:
            check_distances(panel)
            return (
                "This file does not say on which bars the network was trained: whether these "
                "suit it is unknown.",
            )
        self.trained_on.check(panel)
        return tuple(self.trained_on.notes(panel, self.scaling.inputs, self._unit))

    @property
    def _unit(self) -> Unit:
        return "log-return" if self.scaling.target == "log-return" else "difference"

    def windows(self, panel: Panel, origins: Origins | None = None) -> PanelWindows:
        """Return what the predictors of one panel share: its windows, not computed yet.

        ``origins`` are those from which forecasts will be asked for: bars that neither they nor
        what bands learn from need are not held then.
        """
        first = None
        if origins is not None:
            learned = np.array(bars_before(panel, self.val_start))
            np.minimum.at(learned, origins.series, origins.bar)
            first = tuple(learned.tolist())
        return PanelWindows(panel, self.scaling, self.config.task, self.device, first)

    def calibrated(self, panel: Panel | PanelWindows, stride: int = 1) -> Predictor:
        """Return a predictor whose bands learn from this one's misses in the panel, as the settings
        say, or from those of every ``stride``-th date only.

        For each origin it reads bars up to its cutoff only.
        """
        return self._calibrated(self, panel, self.name, stride)

    def without_network(self, panel: Panel | PanelWindows, stride: int = 1) -> Predictor:
        """Return the same predictor with the network left at zero: scale, shape and a
        calibration of its own.
        """
        bare = replace(self, trust=0.0, covariate_shrinkage=0.0)
        return self._calibrated(bare, panel, NO_NETWORK, stride)

    def without_inputs(self, panel: Panel | PanelWindows, stride: int = 1) -> Predictor:
        """Return the same predictor as it forecasts without the user's inputs, with a
        calibration of its own.
        """
        bare = replace(self, covariate_shrinkage=0.0)
        return self._calibrated(bare, panel, NO_INPUTS, stride)

    def _calibrated(
        self, forecaster: TrainedNetwork, panel: Panel | PanelWindows, name: str, stride: int
    ) -> Predictor:
        task = self.config.task
        shared = panel if isinstance(panel, PanelWindows) else self.windows(panel)
        bound = _Bound(forecaster, shared, name)
        if task.calibration == "none":
            return bound
        start = bars_before(shared.panel, self.val_start)
        return Calibrated(
            bound, CALIBRATIONS[task.calibration], start, task.horizon, task.input_size, stride
        )

    def predict_windows(
        self, windows: Windows, panel: Panel, origins: Origins, quantiles: tuple[float, ...]
    ) -> Floats:
        """Forecast as :meth:`predict`, from windows of the panel that were made with this
        scaling.
        """
        levels = np.asarray(quantiles, np.float64)
        scaled = self._scaled(
            windows, windows.rows(origins), self.table(levels), self.table(np.array([0.5]))[:, 0]
        )
        return windows.values(origins, scaled)

    @torch.no_grad()
    def _scaled(self, windows: Windows, rows: Tensor, baseline: Tensor, median: Tensor) -> Floats:
        """Return quantiles of the h-bar moves in units of the path, [N, H, Q]."""
        training = self.network.training
        self.network.eval()

        def scaled(some: Tensor) -> Tensor:
            shape = self._shape(windows, some)
            return (apply_shape(shape, baseline, median) * windows.scale(some).unsqueeze(-1)).cpu()

        values = (
            in_parts(scaled, rows, at_once(self.config, windows.inputs)).numpy().astype(np.float64)
        )
        self.network.train(training)
        return values

    def _shape(self, windows: Windows, some: Tensor) -> Tensor:
        """Return the shrunk outputs of network and inputs for some rows, [B, H, 3]."""
        shape = self.shape_without_inputs(windows, some)
        if self.covariates is None or not self.covariate_shrinkage:
            return shape
        moved: Tensor = self.covariates(*windows.covariates(some))
        return shape + self.covariate_shrinkage * moved

    def shape_without_inputs(self, windows: Windows, some: Tensor) -> Tensor:
        """Return the shrunk outputs of the network for some rows, [B, H, 3]; it is not evaluated
        where its factor is 0.
        """
        if self.trust == 0:
            return torch.zeros(len(some), self.config.task.horizon, 3, device=self.device)
        return self.trust * self.network.add_calendar(
            self.network.median(windows.window(some)), windows.known_ahead(some)
        )

    def table(self, levels: Floats) -> Tensor:
        """Return the baseline's quantiles, [H, Q], as a tensor on the device."""
        return torch.as_tensor(self.scaling.baseline(levels).astype(np.float32)).to(self.device)

    def save(self, path: str | Path) -> None:
        """Write a model file that holds no code: settings as JSON, numbers as safetensors; or an
        ONNX file, where the suffix says so, which :meth:`load` does not read.

        Raises
        ------
        CandlecastError
            The file cannot be written.
        """
        if Path(path).suffix.lower() == SUFFIX:
            write_onnx(Path(path), self)
            return
        weights = {
            f"network.{k}": v.detach().cpu().numpy() for k, v in self.network.state_dict().items()
        }
        manifest = {
            "kind": "candlecast-forecaster",
            "config": self.config.model_dump(mode="json"),
            "target": self.scaling.target,
            "scale": self.scaling.kind,
            "val_start": str(self.val_start),
            "trust": self.trust,
            "torch": torch.__version__,
            "candlecast": __version__,
        }
        if self.trained_on is not None:
            manifest["trained_on"] = self.trained_on.to_json()
        if self.covariates is not None:
            manifest["covariate_shrinkage"] = self.covariate_shrinkage
            weights |= {
                f"covariates.{k}": v.detach().cpu().numpy()
                for k, v in self.covariates.state_dict().items()
            }
        write_bundle(Path(path), manifest, {**weights, **self.scaling.arrays()})

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> TrainedNetwork:
        """Read a model file; nothing in it is executed.

        Raises
        ------
        ModelFileError
            The file is damaged, foreign, or its parts contradict each other; says which.
        """
        manifest, arrays = read_bundle(Path(path))
        if manifest.get("kind") != "candlecast-forecaster":
            raise ModelFileError(
                f"{path} is not a Candlecast model.", "Choose a file written by 'Save model'."
            )
        config = settings_in(path, manifest)
        try:
            scaling = Scaling.from_arrays(arrays, manifest["target"], manifest["scale"])
            val_start, trust = np.datetime64(manifest["val_start"], "us"), float(manifest["trust"])
            network = _network_in(config, scaling, arrays)
            covariates, counts = _covariates_in(config, scaling, manifest, arrays)
            trained_on = (
                TrainedOn.from_json(manifest["trained_on"]) if "trained_on" in manifest else None
            )
            if not _VERSION.fullmatch(manifest.get("candlecast", __version__)):
                raise ValueError("the version that saved it is not a version")
            if not 0 <= trust <= 1 or np.isnat(val_start):
                raise ValueError(
                    f"trust is {trust:g} and the validation part begins at {val_start}"
                )
        except (
            KeyError,
            ValueError,
            TypeError,
            AttributeError,
            RuntimeError,
            OverflowError,
            CandlecastError,
        ) as error:
            raise ModelFileError(
                f"{path} does not fit together: {str(error).splitlines()[0]}",
                "Save the model again, or train a new one.",
            ) from error
        if scaling.quantiles.shape[0] != config.task.horizon:
            raise ModelFileError(
                f"{path} holds numbers for another horizon than its settings say.",
                "Train a new model.",
            )
        where = choose_device(device)
        if covariates is not None:
            covariates = covariates.to(where).eval()
        return cls(
            config,
            scaling,
            network.to(where).eval(),
            where,
            val_start,
            trust,
            trained_on,
            covariates,
            counts,
        )


@dataclass(frozen=True, eq=False)
class PanelWindows:
    """The windows of one panel for forecasters with the same scaling: computed once, when first
    asked for.

    ``first`` has the bar of each series from which forecasts are made; None for all bars.
    """

    panel: Panel
    scaling: Scaling
    task: TaskConfig
    device: torch.device
    first: tuple[int, ...] | None = None

    @cached_property
    def windows(self) -> Windows:
        """Features and scales; a stop waits for them, as nothing can be forecast without."""
        with cancellable(lambda: False):
            made = Windows(self.panel, self.scaling, self.task, self.device, self.first)
        trim_after(made.table.nbytes)
        return made


@dataclass(frozen=True, eq=False)
class _Bound:
    """A forecaster that forecasts one panel time and again."""

    forecaster: TrainedNetwork
    shared: PanelWindows
    name: str

    def predict(self, panel: Panel, origins: Origins, quantiles: tuple[float, ...]) -> Floats:
        if panel is not self.shared.panel:
            return self.forecaster.predict(panel, origins, quantiles)
        check_lookback(panel, origins, self.forecaster.config.task.input_size)
        if not self.shared.windows.holds(origins):
            return self.forecaster.predict(panel, origins, quantiles)
        return self.forecaster.predict_windows(self.shared.windows, panel, origins, quantiles)


def build(config: RunConfig, scaling: Scaling) -> Ensemble:
    """Build the untrained network of a run: it forecasts exactly the baseline."""
    ahead = 2 * len(AHEAD) if scaling.inputs.dates else 0
    return Ensemble(
        config.model,
        len(scaling.mean),
        config.task.horizon,
        config.task.input_size,
        len(scaling.symbols),
        ahead,
    )


def at_once(config: RunConfig, inputs: int) -> int:
    """Return the largest number of windows to evaluate at a time, by inputs a bar."""
    return max(
        64, min(_MOST, _NUMBERS // (config.task.input_size * max(inputs, config.model.hidden_size)))
    )


def build_covariates(config: RunConfig, scaling: Scaling) -> CovariateNetwork:
    """Build the untrained network of exogenous inputs: its correction is zero."""
    fitted = scaling.covariates
    assert fitted is not None
    return CovariateNetwork(
        len(fitted.hist_names), len(fitted.futr_names), fitted.stat_sizes, config.task.horizon
    )


def _network_in(config: RunConfig, scaling: Scaling, arrays: Mapping[str, Any]) -> Ensemble:
    """Return the network of a model file; ValueError where its weights have other shapes."""
    weights = {
        k.removeprefix("network."): torch.as_tensor(v)
        for k, v in arrays.items()
        if k.startswith("network.")
    }
    _check_shapes(lambda: build(config, scaling), weights)
    network = build(config, scaling)
    network.load_state_dict(weights)
    return network


def _covariates_in(
    config: RunConfig, scaling: Scaling, manifest: Mapping[str, Any], arrays: Mapping[str, Any]
) -> tuple[CovariateNetwork | None, float]:
    """Return the network of inputs and its shrinkage factor from a file; ValueError or KeyError
    where parts are missing.
    """
    if scaling.covariates is None:
        if config.inputs.exog:
            raise ValueError("the settings name inputs that the file knows nothing of")
        return None, 0.0
    weights = {
        k.removeprefix("covariates."): torch.as_tensor(v)
        for k, v in arrays.items()
        if k.startswith("covariates.")
    }
    counts = float(manifest["covariate_shrinkage"])
    if not 0 <= counts <= 1:
        raise ValueError(f"the inputs count {counts:g} times")
    _check_shapes(lambda: build_covariates(config, scaling), weights)
    network = build_covariates(config, scaling)
    network.load_state_dict(weights)
    return network, counts


def _check_shapes(make: Callable[[], nn.Module], weights: Mapping[str, Tensor]) -> None:
    """Compare weights with the shapes of the network before memory is allocated; ValueError where
    they differ.
    """
    with torch.device("meta"):
        wanted = make().state_dict()
    for name in {**wanted, **weights}:
        have, need = (
            list(item[name].shape) if name in item else "missing" for item in (weights, wanted)
        )
        if have != need:
            raise ValueError(f"the weight {name[:200]} is {have}; the settings ask for {need}")


def in_parts(evaluate: Callable[[Tensor], Tensor], rows: Tensor, size: int = _MOST) -> Tensor:
    """Evaluate rows in parts and concatenate the results; parts are halved when a device is out of
    memory.

    Raises
    ------
    torch.OutOfMemoryError
        Not even one row fits.
    """
    if not len(rows):
        return evaluate(rows)
    done, found = 0, rows.new_empty(0)

    def write(some: Tensor) -> None:
        nonlocal found
        part = evaluate(some)
        if not done:
            # One block for all: parts behind each other would leave holes between what they need.
            found = part.new_empty((len(rows), *part.shape[1:]))
        found[done : done + len(part)] = part

    while done < len(rows):
        check_cancelled()
        some = rows[done : done + size]
        if fits(lambda some=some: write(some)):  # type: ignore[misc]
            done += size
        elif size == 1:
            raise torch.OutOfMemoryError("out of memory: not even one window fits")
        else:
            size = min(size, len(rows)) // 2 or 1
    return found


def forecasts_from(
    values: Floats,
    name: str,
    panel: Panel,
    dates: Sequence[Dates],
    quantiles: tuple[float, ...],
    means: Floats | None = None,
) -> tuple[Forecast, ...]:
    """Wrap values [S, H, Q] from the last bar of each series as forecasts, with the dates [H] of
    future sessions and means [S, H].
    """
    points: Sequence[Floats | None] = [None] * len(panel) if means is None else list(means)
    return tuple(
        Forecast(s.symbol, name, s.ds[-1], float(s.y[-1]), ds, quantiles, v, mean)
        for s, ds, v, mean in zip(panel, dates, values, points, strict=True)
    )
