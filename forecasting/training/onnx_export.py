"""A trained network as an ONNX file, for programs that run without Python's torch.

The graph holds the networks, their median, and the quantiles' table. What is computed of the bars
before (features, scale) and after (prices, the calibration that learns from misses) are two graphs
of their own in the file's metadata; docs/onnx_forecast.py runs the three.
"""

from __future__ import annotations

import base64
import io
import json
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from forecasting import __version__
from forecasting.config import RunConfig
from forecasting.conformal import CALIBRATIONS, SUPPORT
from forecasting.errors import ConfigError, ExportError
from forecasting.features import AHEAD, feature_names
from forecasting.files.atomic import atomic_write
from forecasting.models import Ensemble
from forecasting.models.heads import apply_shape
from forecasting.series import Floats
from forecasting.training.onnx_steps import Calibration, Preparation
from forecasting.training.trained_on import TrainedOn
from forecasting.volatility import BEYOND
from forecasting.windows import Scaling

#: Suffix of a file that is written so.
SUFFIX = ".onnx"
#: Version of ONNX' operators: what runtimes of the last years know.
_OPSET = 17
#: Largest difference between the file and the network, in units of the scale.
_NEAR = 1e-4
#: Of the forecast that file and network are compared by.
_SEED = 0
_DAY_US = 86_400_000_000


class Exportable(Protocol):
    """What is read of a trained network; attributes as of
    :class:`forecasting.training.TrainedNetwork`.
    """

    @property
    def config(self) -> RunConfig: ...  # noqa: D102
    @property
    def scaling(self) -> Scaling: ...  # noqa: D102
    @property
    def network(self) -> Ensemble: ...  # noqa: D102
    @property
    def device(self) -> torch.device: ...  # noqa: D102
    @property
    def val_start(self) -> np.datetime64: ...  # noqa: D102
    @property
    def trust(self) -> float: ...  # noqa: D102
    @property
    def trained_on(self) -> TrainedOn | None: ...  # noqa: D102
    def table(self, levels: Floats) -> Tensor: ...  # noqa: D102


def check_exportable(config: RunConfig) -> None:
    """Refuse what cannot be written so, before a training rather than after it.

    Raises
    ------
    ConfigError
        Settings whose network reads inputs of the user's own, or packages that are not installed.
    """
    if config.inputs.exog:
        raise ConfigError(
            "A network that reads inputs of your own cannot be saved as ONNX.",
            "Save it as a .candlecast file, or leave --exog out.",
        )
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"Saving as ONNX needs {error.name}, which is not installed.",
            "pip install 'candlecast[onnx]'",
        ) from error


class _Graph(nn.Module):
    """What the file computes: from a window and a scale, the quantiles of the moves."""

    baseline: Tensor
    median: Tensor

    def __init__(self, network: Ensemble, trust: float, baseline: Tensor, median: Tensor) -> None:
        super().__init__()
        self.network, self.trust = network, trust
        self.register_buffer("baseline", baseline)
        self.register_buffer("median", median)

    def forward(self, window: Tensor, scale: Tensor, ahead: Tensor | None = None) -> Tensor:
        """Map windows [B, L, C], scales [B, H] and the calendar ahead [B, H, F] to quantiles
        [B, H, Q].
        """
        members = self.network(window).sort(dim=0).values
        low, high = (len(members) - 1) // 2, len(members) // 2
        shape = self.trust * self.network.add_calendar((members[low] + members[high]) / 2, ahead)
        return apply_shape(shape, self.baseline, self.median) * scale.unsqueeze(-1)


def graph_of(network: Exportable) -> nn.Module:
    """Return the module that an ONNX file holds: it maps windows [B, L, C] and scales [B, H], and
    the calendar ahead [B, H, F] where it is read, to quantiles of the moves [B, H, Q] at
    :data:`forecasting.conformal.SUPPORT`.
    """
    baseline = network.table(np.asarray(SUPPORT, np.float64))
    median = network.table(np.array([0.5]))[:, 0]
    return _Graph(network.network, network.trust, baseline, median).eval()


def write_onnx(path: Path, network: Exportable) -> None:
    """Write a network as an ONNX file, once the file was seen to forecast what the network does.

    Raises
    ------
    ConfigError
        Packages are missing.
    ExportError
        The file would forecast something else than the network, or cannot be written.
    """
    config = network.config
    check_exportable(config)
    import onnx

    device = network.device
    # Steps that are fed back are told apart by their place among the windows, a constant in ONNX.
    single = config.model.strategy != "direct"
    graph, about = graph_of(network), onnx_metadata(network)
    widths = (len(about["features"]), 2 * len(AHEAD) if network.scaling.inputs.dates else 0)
    example = _example(1 if single else 2, config, widths, device)
    names = ["window", "scale", "ahead"][: len(example)]
    free = {} if single else {name: {0: "batch"} for name in [*names, "quantiles"]}
    model = onnx.load_model_from_string(_exported(graph, example, names, ["quantiles"], free))
    parts = {} if about["outside"] else {"before": _before(about), "after": _after(about)}
    packed = {n: base64.b64encode(zlib.compress(x)).decode() for n, x in parts.items()}
    onnx.helper.set_model_props(model, {"candlecast": json.dumps(about), **packed})
    _compare(model, graph, _example(1 if single else 5, config, widths, device), names)
    atomic_write(path, model.SerializeToString())


def _exported(
    graph: nn.Module,
    example: tuple[Tensor, ...],
    names: Sequence[str],
    outputs: Sequence[str],
    free: Mapping[str, Mapping[int, str]],
) -> bytes:
    """Return a module as an ONNX model; ``free`` are the axes of any length, by input or output.

    Raises
    ------
    ExportError
        Operators that ONNX does not have.
    """
    written = io.BytesIO()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of the tracer, about shapes that are fixed here
            torch.onnx.export(
                graph,
                example,
                written,  # type: ignore[arg-type]  # a path or a file, where a tracer writes
                dynamo=False,
                input_names=names,
                output_names=outputs,
                dynamic_axes=free,
                opset_version=_OPSET,
            )
    except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
        raise ExportError(
            f"This network cannot be written as ONNX: {str(error).splitlines()[0]}",
            "Save it as a .candlecast file.",
        ) from error
    return written.getvalue()


def _before(about: Mapping[str, Any]) -> bytes:
    """Return the graph that makes windows and scales of bars."""
    prices = 100 + torch.sin(torch.arange(about["input_size"] + 8, dtype=torch.float64))
    counts = (torch.zeros(1, dtype=torch.int64),) * 2
    bars = ("close", "open", "high", "low", "volume")
    made = ("window", "scale", "start", "closes", "least")
    free = {name: {0: "bars"} for name in bars} | {name: {0: "forecasts"} for name in made}
    example = (*(prices,) * len(bars), *counts)
    return _exported(Preparation(about), example, (*bars, "since", "series"), made, free)


def _after(about: Mapping[str, Any]) -> bytes:
    """Return the graph that makes prices of the moves, with calibrated bands."""
    closes = 100 + torch.sin(torch.arange(5, dtype=torch.float64))
    moves = torch.zeros(5, about["horizon"], len(about["levels"]))
    names = ("moves", "start", "closes", "least")
    free = {name: {0: "forecasts"} for name in names}
    example = (moves + torch.arange(moves.shape[2]), closes, closes, closes)
    return _exported(Calibration(about), example, names, ("quantiles",), free)


def onnx_metadata(network: Exportable) -> dict[str, Any]:
    """Return what a program needs beside the graph to forecast as the network does, as plain JSON
    values; docs/onnx.md says what each stands for.
    """
    config, scaling, har = network.config, network.scaling, network.scaling.har
    limits = None if har.fitted is None else har.fitted + np.array([[-BEYOND], [BEYOND]])
    calibration = CALIBRATIONS.get(config.task.calibration)
    learned = network.trained_on
    return {
        "settings": config.model_dump(mode="json"),
        "levels": list(SUPPORT),
        "input_size": config.task.input_size,
        "horizon": config.task.horizon,
        "features": [
            *feature_names(scaling.inputs),
            *(["distance"] if scaling.target == "level" else []),
            *(["series"] if scaling.symbols else []),
        ],
        "mean": scaling.mean.tolist(),
        "sd": scaling.sd.tolist(),
        "series": list(scaling.symbols),
        "target": scaling.target,
        "season": scaling.season,
        "base": scaling.base,
        "level_bars": scaling.lookback,
        "volatility": {
            "coefficients": har.coefficients.tolist(),
            "limits": None if limits is None else limits.tolist(),
            "pooled": har.pooled,
            "feedback": har.feedback,
        },
        "calibration": None if calibration is None else calibration.model_dump(),
        "val_start": str(network.val_start),
        "days_apart": learned.frequency.distance / _DAY_US if learned is not None else 0,
        "outside": _outside(network),
        "trust": network.trust,
        "candlecast": __version__,
    }


def _outside(network: Exportable) -> list[str]:
    """Return what a forecast needs that only this program computes; none where the numpy of
    docs/onnx_forecast.py is enough.
    """
    task, scaling = network.config.task, network.scaling
    needs = {
        "it forecasts another column than the close": task.target_column != "close",
        "it reads the calendar": scaling.inputs.dates,
        "it reads indicators": scaling.inputs.indicators,
        "it starts from past seasons": scaling.target == "seasonal",
        "a season is taken off": scaling.season != "none",
        "it starts from exponential smoothing": scaling.base == "smoothed",
        "its calibration is that of a window": task.calibration == "split",
    }
    return [text for text, needed in needs.items() if needed]


def _example(
    count: int, config: RunConfig, widths: tuple[int, int], device: torch.device
) -> tuple[Tensor, ...]:
    """Return inputs that look like those of ``count`` forecasts."""
    random = torch.Generator().manual_seed(_SEED)
    task = config.task
    window = torch.randn(count, task.input_size, widths[0], generator=random)
    if config.model.embedding:
        window[..., -1] = 0.0
    scale = torch.rand(count, task.horizon, generator=random) + 0.5
    made: tuple[Tensor, ...] = (window, scale)
    if widths[1]:
        made = (*made, torch.randn(count, task.horizon, widths[1], generator=random))
    return tuple(item.to(device) for item in made)


def _compare(model: Any, graph: nn.Module, example: tuple[Tensor, ...], names: list[str]) -> None:
    """Run the file beside the network; raises ExportError where they differ.

    In the evaluator that comes with onnx: onnxruntime tells its maker of each session.
    """
    from onnx.reference import ReferenceEvaluator

    given = {item.name for item in model.graph.input}
    fed = {n: x.cpu().numpy() for n, x in zip(names, example, strict=True) if n in given}
    try:
        got = np.asarray(ReferenceEvaluator(model).run(None, fed)[0])
    except (NotImplementedError, RuntimeError):  # layers in both directions, other activations
        return
    with torch.no_grad():
        wanted = graph(*example).cpu().numpy()
    apart = float(np.abs(got - wanted).max())
    if not apart <= _NEAR:
        raise ExportError(
            f"The ONNX file would forecast something else than the network: {apart:.1g} scales "
            "apart.",
            "Save it as a .candlecast file.",
        )
