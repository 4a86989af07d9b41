"""Series at the edge of what numbers can be, learned from by every network: a finite forecast or
a clear refusal, and good weights kept.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from fabricated import walk

from forecasting import jobs
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError, ConfigError, DataError
from forecasting.events import EpochEnd, ForecastMade, Notice, RunFinished
from forecasting.jobs import predicting
from forecasting.series import Floats, Panel, PriceSeries
from forecasting.training import Fitted, fit, trainer
from forecasting.training.objective import WindowTargets
from forecasting.windows import Windows, split_panel

pytestmark = pytest.mark.filterwarnings(
    "ignore::RuntimeWarning"
)  # NumPy tells of overflows; what comes of them is what is tested

_BARS = 160
_RNG = np.random.default_rng(0)
_RISE = 100 * np.exp(np.cumsum(_RNG.normal(0, 0.01, _BARS)))
_TURN = np.arange(_BARS)

SERIES: dict[str, Floats] = {
    "constant": np.full(_BARS, 7.0),
    "two values": np.where(_TURN % 2, 1.0, 2.0),
    "two values, one rare": np.where(_TURN % 40, 1.0, 2.0),
    "1e30": 1e30 * _RISE,
    "1e300": 1e300 * _RISE,
    "1e-30": 1e-30 * _RISE,
    "denormal": 5e-324 * np.round(_RISE),
    "jump up a thousandfold": np.where(_TURN < 80, _RISE, 1000 * _RISE),
    "jump down a thousandfold": np.where(_TURN < 80, _RISE, _RISE / 1000),
    "jump in the test part": np.where(_TURN < 150, _RISE, 1000 * _RISE),
    "one spike of 1e30": np.where(_TURN == 90, 1e30, _RISE),
    "one spike of 1e308": np.where(_TURN == 90, 1e308, _RISE),
    "one of 1e-300": np.where(_TURN == 90, 1e-300, _RISE),
    "from 1e-300 to 1e300": 10.0 ** np.linspace(-300, 300, _BARS),
    "alternating 1e-150 and 1e150": np.where(_TURN % 2, 1e-150, 1e150),
    "zeros": np.zeros(_BARS),
    "one zero": np.where(_TURN == 90, 0.0, _RISE),
    "negative": -_RISE,
    "around zero": _RISE - _RISE.mean(),
    "a line": 100.0 + _TURN,
    "an exponential": 2.0 ** (_TURN / 4),
    "steps of the last bit": 1.0 + _TURN * np.finfo(float).eps,
}
NETWORKS = ("rnn", "lstm", "gru", "transformer")
TARGETS = ("auto", "log-return", "difference", "level", "seasonal")
STRATEGIES: tuple[dict[str, str], ...] = (
    {"decoding": "recursive"},
    {"shape": "encoder-decoder"},
    {"shape": "many-to-many"},
    {"supervision": "sequence"},
    {"optimiser": "sgd", "clip": "off"},
    {"point": "mean"},
)


def series(values: Floats) -> PriceSeries:
    ds = np.busday_offset("2020-01-01", np.arange(len(values)), roll="forward").astype(
        "datetime64[us]"
    )
    return PriceSeries("EDGE", ds, ("close",), values[:, None])


def config(**values: Any) -> RunConfig:
    usual = {
        "input_size": 8,
        "horizon": 3,
        "hidden_size": 4,
        "epochs": 2,
        "baselines": "random-walk",
        "device": "cpu",
    }
    return RunConfig().changed(**{**usual, **values})


def forecast(values: Floats, settings: RunConfig) -> str:
    """Train on values and check the forecast; return how it ended."""
    try:
        events = list(jobs.train(Panel((series(values),)), settings))
    except CandlecastError as error:
        return "refused" if error.message and error.hint else f"refused without a hint: {error}"
    result = next(event.result for event in events if isinstance(event, RunFinished))
    for item in result.forecasts:
        assert np.isfinite(item.values).all(), "a forecast that is no number"
        assert (np.diff(item.values, axis=1) >= 0).all(), "quantiles that cross"
        assert np.isfinite(item.point).all()
    assert all(math.isfinite(event.val_loss) for event in result.history)
    return "forecast"


def tried(cases: Iterator[tuple[str, dict[str, str]]]) -> Counter[str]:
    """Train on each series with each setting; a fault names both."""
    ends: Counter[str] = Counter()
    for name, settings in cases:
        try:
            end = forecast(SERIES[name], config(**settings))
            assert end in ("forecast", "refused"), end
            ends[end] += 1
        except Exception as error:
            error.add_note(f"{name} with {settings}")
            raise
    return ends


def test_values_that_are_no_numbers_never_become_a_series() -> None:
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(DataError, match="finite"):
            series(np.where(_TURN == 90, bad, _RISE))


def test_some_edges() -> None:
    cases = (
        ("constant", {"model": "gru"}),
        ("1e300", {"model": "lstm", "target": "difference"}),
        ("jump in the test part", {"model": "rnn"}),
    )
    assert tried(iter(cases)).total() == 3


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("model", NETWORKS)
def test_every_network_at_every_edge(model: str) -> None:
    ends = tried(
        (name, {"model": model, "target": target}) for name in SERIES for target in TARGETS
    )
    more = (
        {"model": model, **item}
        for item in STRATEGIES
        if model != "transformer" or "supervision" not in item
    )
    ends += tried((name, item) for item in more for name in SERIES)
    print(
        f"\n{model}: {ends.total()} trainings at the edge: {ends['forecast']} finite "
        f"forecasts, {ends['refused']} refused"
    )


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_panel_of_all_edges_at_once() -> None:
    """One series that cannot be learned from is named, and does not spoil the numbers of the
    others unsaid.
    """
    panel = Panel(
        tuple(PriceSeries(name, series(v).ds, ("close",), v[:, None]) for name, v in SERIES.items())
    )
    for target in TARGETS:
        refused, made = "", []
        try:
            made = [
                e for e in jobs.train(panel, config(target=target)) if isinstance(e, ForecastMade)
            ]
        except CandlecastError as error:
            refused = error.message
        if refused:
            assert any(name in refused for name in SERIES)
        else:
            assert all(np.isfinite(item.values).all() for item in made[-1].forecasts)


def test_a_learning_rate_of_a_million_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"learning_rate = 1000000\.0"):
        config(learning_rate=1e6)


def trained(settings: RunConfig, rate: float) -> tuple[Fitted, list[Any], Panel]:
    """Train with a rate that no settings allow."""
    panel = Panel((walk("AAA", _BARS),))
    events: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer.Trainer, "learning_rate", property(lambda self: rate * self.lr_scale))
        training = fit(panel, split_panel(panel, settings.task), settings, lambda: False)
        while True:
            try:
                events.append(next(training))
            except StopIteration as end:
                return end.value, events, panel


def assert_best_kept(settings: RunConfig, rate: float) -> list[Any]:
    """Check that a training that went astray ends with weights that are as good as the best it
    told of; return its events.
    """
    fitted, events, panel = trained(settings, rate)
    assert all(
        value.isfinite().all() for value in fitted.forecaster.network.state_dict().values()
    ), "weights that are no numbers"
    told = [event.val_loss for event in events if isinstance(event, EpochEnd)]
    assert all(math.isfinite(loss) for loss in told), "a loss that is no number was told of"
    split = split_panel(panel, settings.task)
    windows = Windows(panel, fitted.forecaster.scaling, settings.task, torch.device("cpu"))
    run = trainer.Trainer(
        fitted.forecaster,
        windows,
        split,
        panel,
        lambda: False,
        lambda: False,
        trainer.Autosave(None),
    )
    assert run.val_losses().mean() <= min(told) * 1.05 + 1e-3, "other weights than the best"
    return events


_WILD = [
    {"optimiser": "adamw"},
    {"optimiser": "sgd", "clip": "off"},
    {"optimiser": "rmsprop", "clip": "value"},
    {"optimiser": "sgd", "clip": "off", "model": "rnn", "activation": "relu"},
]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("settings", _WILD)
@pytest.mark.parametrize("rate", [10.0, 1e6, 1e30])
def test_the_best_weights_outlive_a_wild_learning_rate(
    settings: dict[str, str], rate: float
) -> None:
    events = assert_best_kept(config(epochs=4, **settings), rate)
    lost = [event.message for event in events if isinstance(event, Notice)]
    assert rate < 1e6 or lost, "nothing was said of a training that lost its way"


def _poisoned(after: int) -> Callable[..., torch.Tensor]:
    """Return a loss that is NaN from some step on."""
    steps = iter(range(10**9))
    true = WindowTargets.loss

    def loss(self: WindowTargets, *arguments: Any) -> torch.Tensor:
        value = true(self, *arguments)
        return value * math.nan if next(steps) >= after else value

    return loss


@pytest.mark.parametrize("after", [0, 3])
def test_a_loss_that_is_no_number_costs_no_weights(
    after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WindowTargets, "loss", _poisoned(after))
    events = assert_best_kept(config(epochs=3), 5e-4)
    assert any("not finite" in event.message for event in events if isinstance(event, Notice))


def test_without_the_guards_the_checks_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(WindowTargets, "loss", _poisoned(3))
        patch.setattr(trainer.Trainer, "_is_not_finite", lambda self, last: False)
        patch.setattr(
            trainer.Trainer, "_weights", lambda self: self.network.state_dict()
        )  # not a copy: the best is what came last
        patch.setattr(trainer.math, "isfinite", lambda value: True)
        with pytest.raises(AssertionError):
            assert_best_kept(config(epochs=2), 5e-4)
    with monkeypatch.context() as patch:
        patch.setattr(Windows, "_check_finite", lambda self: None)
        patch.setattr(predicting, "math", SimpleNamespace(isfinite=lambda value: True))
        with pytest.raises((AssertionError, ValueError, ArithmeticError)):
            forecast(SERIES["1e300"], config(target="difference"))
