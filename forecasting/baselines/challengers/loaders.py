"""How each kind of pretrained model is loaded and asked: Fracast, Chronos-Bolt and 2, TimesFM."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.baselines.challengers import FRACAST
from forecasting.baselines.challengers.folder import checked_folder
from forecasting.errors import ModelFileError
from forecasting.series import Floats

#: Longest past that is given to a model.
LONGEST_PAST = 2048


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A model that was trained elsewhere.

    Attributes
    ----------
    levels : tuple of float, length K
        Quantile levels that it forecasts.
    context : int
        Bars that it reads at most.
    horizon : int
        Bars that it forecasts at most.
    weights : int
    ask : callable
        Given pasts [n, L] (NaN before their first bar) and the horizon, returns quantiles
        [n, H, K].
    """

    levels: tuple[float, ...]
    context: int
    horizon: int
    weights: int
    ask: Callable[[Floats, int], Floats]


def load_pretrained(source: str) -> Pretrained:
    """Return a pretrained model, ``fracast`` or ``folder:PATH``; loaded once.

    Raises
    ------
    ModelFileError
        A package that is not installed, or a folder that cannot be loaded; nothing in it is run.
    """
    if source == FRACAST:
        return _fracast()
    folder, config = checked_folder(source.partition(":")[2])
    stamp = max(path.stat().st_mtime_ns for path in folder.iterdir())
    return _from_folder(str(folder), _kind(config, folder.name), stamp)


def _kind(config: Mapping[str, Any], name: str) -> str:
    """Return what a model is, by its settings."""
    architectures = (
        " ".join(map(str, config.get("architectures") or ()))
        if isinstance(config.get("architectures"), list)
        else ""
    )
    if config.get("chronos_config") is not None or "chronos" in architectures.lower():
        return "chronos"
    if (
        str(config.get("model_type", "")).startswith("timesfm")
        or "timesfm" in architectures.lower()
    ):
        return "timesfm"
    raise ModelFileError(
        f"{name} is a model of a kind that is not known: "
        f"{architectures or config.get('model_type') or 'config.json does not say'}.",
        "Chronos-Bolt, Chronos-2 and TimesFM (as transformers stores it) can be loaded.",
    )


@lru_cache(maxsize=4)
def _from_folder(folder: str, kind: str, _stamp: int) -> Pretrained:
    try:
        with _offline():
            return _LOADERS[kind](Path(folder))
    except ImportError as error:
        raise _lacking(_PACKAGES[kind], kind, error) from error
    except ModelFileError:
        raise
    except Exception as error:  # whatever a stranger's weights make their library raise
        raise ModelFileError(
            f"{Path(folder).name} cannot be loaded as {kind}: "
            f"{type(error).__name__}: {str(error)[:300]}",
            "Fetch the model again.",
        ) from error


def _lacking(package: str, extra: str, error: ImportError) -> ModelFileError:
    return ModelFileError(
        f"This challenger needs the package {package}, which cannot be imported: {error}.",
        f"pip install candlecast[{extra}]",
    )


@contextmanager
def _offline() -> Iterator[None]:
    """Keep the Hugging Face libraries from looking for anything on a hub."""
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@lru_cache(maxsize=1)
def _fracast() -> Pretrained:
    try:
        from fracast import FracastModel
    except ImportError as error:
        raise _lacking("fracast", "zeroshot", error) from error
    model = FracastModel.from_pretrained(weights="fp32")
    weights = _count(model.core) + _count(model.head)

    def ask(past: Floats, horizon: int) -> Floats:
        return np.asarray(model.forecast_batch(past, horizon=horizon), np.float64)

    return Pretrained(tuple(model.quantiles), model.context_length, 1000, weights, ask)


def _chronos(folder: Path) -> Pretrained:
    import torch
    from chronos import BaseChronosPipeline

    _quiet()

    pipeline = BaseChronosPipeline.from_pretrained(
        folder, device_map="cpu", dtype="float32", local_files_only=True, use_safetensors=True
    )
    levels = tuple(float(level) for level in pipeline.quantiles)

    def ask(past: Floats, horizon: int) -> Floats:
        rows = [torch.from_numpy(row[np.isfinite(row)]).float() for row in past]
        with torch.inference_mode():
            found, _mean = pipeline.predict_quantiles(
                rows, prediction_length=horizon, quantile_levels=list(levels)
            )
        if isinstance(found, list):  # Chronos-2 gives one tensor a series, [1, H, K]
            found = torch.cat(found)
        return np.asarray(found.float().numpy(), np.float64)

    context = min(int(pipeline.model_context_length), LONGEST_PAST)
    return Pretrained(levels, context, 1000, _count(pipeline.inner_model), ask)


def _timesfm(folder: Path) -> Pretrained:
    import torch
    from transformers import AutoConfig, AutoModelForTimeSeriesPrediction

    _quiet()

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    model = AutoModelForTimeSeriesPrediction.from_pretrained(
        folder, config=config, local_files_only=True, use_safetensors=True, trust_remote_code=False
    ).eval()
    levels = tuple(float(level) for level in config.quantiles)

    def ask(past: Floats, horizon: int) -> Floats:
        rows = [torch.from_numpy(row[np.isfinite(row)]).float() for row in past]
        more = {"freq": [0] * len(rows)} if config.model_type == "timesfm" else {}
        with torch.inference_mode():
            text = model(past_values=rows, **more).full_predictions
        # The mean comes first, then the quantiles.
        return np.asarray(text[:, :horizon, 1 : 1 + len(levels)].float().numpy(), np.float64)

    return Pretrained(
        levels,
        min(int(config.context_length), LONGEST_PAST),
        int(config.horizon_length),
        _count(model),
        ask,
    )


def _quiet() -> None:
    """Keep progress bars and advice of transformers from stderr."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def _count(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


_LOADERS: Mapping[str, Callable[[Path], Pretrained]] = {"chronos": _chronos, "timesfm": _timesfm}
_PACKAGES = {"chronos": "chronos-forecasting", "timesfm": "transformers"}
