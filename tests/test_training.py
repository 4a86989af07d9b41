"""Training under control: optimisers, schedules, clipping, the guard, memory, advice, pause,
resume, and kill -9.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

import forecasting.training.checkpoint as state
import forecasting.training.trainer as loop
from app.cli import main
from forecasting import jobs
from forecasting.config import RunConfig, TrainConfig
from forecasting.errors import ConfigError, ModelFileError
from forecasting.events import (
    Diagnosis,
    EpochEnd,
    Event,
    ForecastMade,
    GradientByLag,
    LearningRatesTried,
    Notice,
    Progress,
    RunFinished,
    TrainingKept,
)
from forecasting.series import Panel, PriceSeries
from forecasting.training import (
    OPTIMISERS,
    SCHEDULES,
    SGD,
    AdamW,
    Fitted,
    RMSprop,
    TrainingState,
    devices,
    fit,
    self_test,
)
from forecasting.training.checkpoint import history_facts
from forecasting.training.diagnostics import on_clipping, on_losses, on_memory
from forecasting.training.gradients import GradientProbe, clip_gradients
from forecasting.training.lr_finder import suggested
from forecasting.training.step_norms import Rows
from forecasting.windows import split_panel

ROOT = Path(__file__).resolve().parents[1]


def walk(bars: int = 320, seed: int = 0) -> PriceSeries:
    draw = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(draw.normal(0, 0.01, bars)))
    ds = np.busday_offset("2015-01-05", np.arange(bars), roll="forward").astype("datetime64[us]")
    return PriceSeries("WALK", ds, ("close",), close[:, None])


def quick(**values: Any) -> RunConfig:
    usual = {
        "input_size": 12,
        "horizon": 2,
        "hidden_size": 4,
        "epochs": 4,
        "batch_size": 32,
        "learning_rate": 0.01,
        "device": "cpu",
    }
    return RunConfig().changed(**{**usual, **values})


def fitted(
    config: RunConfig, panel: Panel | None = None, should_stop: Any = lambda: False, **more: Any
) -> tuple[list[Event], Fitted]:
    panel = panel or Panel((walk(),))
    events: list[Event] = []
    training = fit(panel, split_panel(panel, config.task), config, should_stop, **more)
    while True:
        try:
            events.append(next(training))
        except StopIteration as end:
            return events, end.value


def numbers(result: Fitted) -> list[list[float]]:
    return [
        [e.train_loss, e.val_loss, e.learning_rate, e.grad_norm, e.grad_norm_after, e.clipped]
        for e in result.history[1:]
    ]


def weights(result: Fitted) -> list[torch.Tensor]:
    return list(result.forecaster.network.state_dict().values())


def assert_same(one: Fitted, other: Fitted) -> None:
    assert numbers(one) == numbers(other)
    assert all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))
    assert one.forecaster.trust == other.forecaster.trust


def epoch(
    number: int, val: float = 1.0, train: float = 1.0, best: int = 0, **more: float
) -> EpochEnd:
    facts = {"learning_rate": 0.1, "grad_norm": 1.0, "clipped": 0.0, "seconds": 0.0, **more}
    return EpochEnd(number, 10, train, val, best, 0.0, **facts)  # type: ignore[arg-type]


def test_a_training_that_nobody_watches_is_the_same_and_says_less() -> None:
    panel = Panel((walk(),))
    told, watched = fitted(quick(dropout=0.3), panel)
    silent, alone = fitted(quick(dropout=0.3), panel, observe=None)
    assert_same(watched, alone)
    extra = {GradientByLag, ForecastMade, Diagnosis}
    assert any(type(event) in extra for event in told)
    assert not any(type(event) in extra for event in silent)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda p: SGD(p, 0.0, 0.9), lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9)),
        (lambda p: SGD(p, 0.0, 0.0), lambda p: torch.optim.SGD(p, lr=0.01)),
        (lambda p: RMSprop(p, 0.0), lambda p: torch.optim.RMSprop(p, lr=0.01)),
    ],
    ids=["momentum", "plain", "rmsprop"],
)
def test_optimisers_take_the_steps_of_torchs_own(ours: Any, theirs: Any) -> None:
    torch.manual_seed(0)
    start = torch.randn(5, 3)
    mine, reference = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    optimiser, other = ours([mine]), theirs([reference])
    for step in range(20):
        for parameter in (mine, reference):
            ((parameter - step) ** 2).sum().backward()
        optimiser.step(0.01)
        other.step()
        other.zero_grad()
    torch.testing.assert_close(mine, reference)


def test_registries_hold_what_the_settings_offer() -> None:
    assert set(OPTIMISERS) == set(get_args(TrainConfig.model_fields["optimiser"].annotation))
    assert set(SCHEDULES) == set(get_args(TrainConfig.model_fields["schedule"].annotation))


def test_schedules_have_their_shapes() -> None:
    config = TrainConfig(epochs=10, patience=4)
    history = [epoch(k) for k in range(10)]
    shapes = {
        name: [schedule(history[: k + 1], config) for k in range(10)]
        for name, schedule in SCHEDULES.items()
    }
    assert shapes["constant"] == [1.0] * 10
    assert shapes["cosine"][0] == 1.0
    assert (np.diff(shapes["cosine"]) < 0).all()
    peak = int(np.argmax(shapes["one-cycle"]))
    assert 1 <= peak <= 4
    assert (np.diff(shapes["one-cycle"][: peak + 1]) > 0).all()
    assert (np.diff(shapes["one-cycle"][peak:]) < 0).all()
    assert shapes["plateau"] == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625, 0.0625]
    better = [epoch(k, val=1 - k / 100) for k in range(10)]
    assert SCHEDULES["plateau"](better, config) == 1.0


def test_clipping_by_norm_keeps_the_direction_and_by_value_each_element() -> None:
    for clip, after in (("norm", [0.6, -0.8]), ("value", [1.0, -1.0]), ("off", [3.0, -4.0])):
        gradient = torch.tensor([3.0, -4.0])
        before, norm, clipped, _parts = clip_gradients(
            [gradient], TrainConfig(clip=clip, clip_norm=1.0), 1
        )
        torch.testing.assert_close(gradient, torch.tensor(after), atol=1e-5, rtol=1e-5)
        assert before == 5
        assert norm == pytest.approx(math.hypot(*after), abs=1e-5)
        assert clipped == (clip != "off")


@pytest.mark.parametrize(
    "values",
    [
        {"optimiser": "adamw", "schedule": "one-cycle", "supervision": "sequence", "chunk": 16},
        {"optimiser": "sgd", "schedule": "plateau", "learning_rate": 0.3},
        {"optimiser": "rmsprop", "schedule": "cosine", "shape": "encoder-decoder"},
    ],
    ids=["adamw, sequences", "sgd", "rmsprop, encoder-decoder"],
)
def test_every_optimiser_learns_and_resumes_as_if_nothing_had_happened(
    values: dict[str, Any], tmp_path: Path
) -> None:
    config = quick(dropout=0.3, patience=2, **values)
    panel, file = Panel((walk(),)), tmp_path / "kept.training"
    _, whole = fitted(config, panel)
    assert all(math.isfinite(value) for row in numbers(whole) for value in row)
    asked = iter(range(10**6))
    started = fit(
        panel,
        split_panel(panel, config.task),
        config,
        lambda: False,
        should_pause=lambda: next(asked) == 11,
        autosave=file,
    )
    for event in started:
        if isinstance(event, Progress) and event.message == "Paused":
            next(started, None)  # what was learned so far is written before the pause begins
            break
    started.close()
    kept = TrainingState.load(file)
    assert kept.facts["place"] > 0, "cut short in the middle of an epoch"
    assert 0 < len(kept.history) <= len(whole.history)
    torch.manual_seed(123)
    _, resumed = fitted(config, panel, resume=kept)
    assert_same(resumed, whole)


def test_training_longer_goes_on_from_the_last_epoch(tmp_path: Path) -> None:
    panel, file = Panel((walk(),)), tmp_path / "kept.training"
    short, long = (quick(epochs=epochs, schedule="constant", patience=50) for epochs in (3, 6))
    fitted(short, panel, keep=file)
    _, longer = fitted(long, panel, resume=TrainingState.load(file))
    _, whole = fitted(long, panel)
    assert_same(longer, whole)


def test_a_training_that_is_made_longer_has_all_its_patience_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = itertools.chain([1.0, 0.5], itertools.repeat(0.9))
    monkeypatch.setattr(
        loop.Trainer, "val_losses", lambda run, **_: torch.full((len(run.val_rows),), next(losses))
    )
    panel, file, cut = Panel((walk(),)), tmp_path / "kept.training", tmp_path / "cut.training"
    _, first = fitted(quick(epochs=10, patience=3), panel, keep=file)
    assert (first.stopped, first.history[-1].epoch) == ("early", 4), (
        "3 epochs after its best, the first"
    )
    again, longer = quick(epochs=10, patience=3), quick(epochs=14, patience=3)
    assert fitted(again, panel, resume=TrainingState.load(file))[1].history[-1].epoch == 4, (
        "without more epochs it has ended"
    )
    _, second = fitted(longer, panel, resume=TrainingState.load(file), keep=cut)
    assert (second.stopped, second.history[-1].epoch) == ("early", 7)
    _, third = fitted(longer, panel, resume=TrainingState.load(cut))
    assert third.history[-1].epoch == 7, (
        "what was counted anew stays so where it is taken up once more"
    )


def test_the_untrained_network_is_not_asked_and_the_best_weights_are_validated_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest, asked = loop.Trainer.val_losses, list[bool]()

    def noted(run: Any, *, trained: bool = True) -> torch.Tensor:
        asked.append(trained)
        if not trained:
            torch.testing.assert_close(honest(run, trained=False), honest(run), rtol=0, atol=0)
        return honest(run, trained=trained)

    monkeypatch.setattr(loop.Trainer, "val_losses", noted)
    fitted(quick(epochs=2), Panel((walk(),)))
    assert asked == [False, True, True]


def test_an_epoch_that_was_stopped_within_is_none_and_goes_on_where_it_was(tmp_path: Path) -> None:
    panel, file, asked = Panel((walk(),)), tmp_path / "kept.training", 0
    config = quick(epochs=2, schedule="constant", learning_rate=0.2, patience=50)

    def stop_after_two_steps() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    events, cut = fitted(config, panel, stop_after_two_steps, keep=file)
    assert (len(cut.history), cut.stopped) == (1, "user")
    assert sum(isinstance(event, ForecastMade) for event in events) == 1
    _, longer = fitted(config, panel, resume=TrainingState.load(file))
    _, whole = fitted(config, panel)
    assert_same(longer, whole)
    assert all(item.complete for item in whole.history)


def test_a_training_that_cannot_be_kept_is_not_lost(tmp_path: Path) -> None:
    events, result = fitted(quick(epochs=1), keep=tmp_path / "missing" / "kept.training")
    assert len(result.history) == 2
    assert any(isinstance(event, Notice) and "cannot be kept" in event.message for event in events)


def test_a_state_of_other_prices_settings_or_another_kind_is_refused(tmp_path: Path) -> None:
    panel, config, file = Panel((walk(),)), quick(), tmp_path / "kept.training"
    training = fit(panel, split_panel(panel, config.task), config, lambda: False)
    next(event for event in training if isinstance(event, EpochEnd))
    training.gi_yieldfrom.gi_yieldfrom.gi_frame.f_locals["trainer"].state().save(file)
    training.close()
    kept = TrainingState.load(file)
    with pytest.raises(
        ConfigError, match=r"other prices: WALK has 320 bars .* here and 320 bars .* there"
    ):
        kept.check(Panel((walk(seed=1),)), config)
    with pytest.raises(ConfigError, match=r"hidden_size = 4 there and 5 here"):
        kept.check(panel, config.changed(hidden_size=5))
    kept.check(panel, config.changed(epochs=99, patience=3))
    more = dataclasses.replace(
        kept, facts={**kept.facts, "history": history_facts([epoch(k) for k in range(4)])}
    )
    with pytest.raises(ConfigError, match=r"epochs = 2: the saved training has 3 already"):
        more.check(panel, config.changed(epochs=2))
    damaged = dataclasses.replace(
        kept, arrays={k: v for k, v in kept.arrays.items() if not k.startswith("optimiser")}
    )
    with pytest.raises(ModelFileError, match="does not fit together"):
        fitted(config, panel, resume=damaged)
    fitted(config, panel)[1].forecaster.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="is not a saved training"):
        TrainingState.load(tmp_path / "model")


def test_pause_waits_and_changes_nothing() -> None:
    _, whole = fitted(quick())
    until = [0.0]

    def paused() -> bool:
        until[0] = until[0] or time.perf_counter() + 0.3
        return time.perf_counter() < until[0]

    started = time.perf_counter()
    events, waited = fitted(quick(), should_pause=paused)
    assert time.perf_counter() - started >= 0.3
    assert any(isinstance(e, Progress) and e.message == "Paused" for e in events)
    assert_same(waited, whole)
    assert fitted(quick(), should_stop=lambda: True, should_pause=lambda: True)[1].stopped == "user"


def test_an_exploding_network_is_rolled_back_explained_and_goes_on() -> None:
    config = quick(
        model="rnn",
        activation="relu",
        layers=3,
        hidden_size=32,
        optimiser="sgd",
        learning_rate=10.0,
        clip="off",
        epochs=6,
    )
    events, result = fitted(config.changed(input_size=100))
    notices = [e for e in events if isinstance(e, Notice)]
    assert notices
    assert "went back to its best weights" in notices[0].message
    assert "clip" in notices[0].hint
    assert all(math.isfinite(e.val_loss) for e in result.history)
    rates = [e.learning_rate for e in result.history[1:]]
    assert rates[-1] < 10.0 / 4
    assert all(torch.isfinite(w).all() for w in weights(result))


def test_a_single_bad_step_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    honest, calls = loop.clip_gradients, iter(range(10**6))

    def poisoned(gradients: list[torch.Tensor], *rest: Any) -> Any:
        if next(calls) == 12:
            gradients[0].fill_(math.nan)
        return honest(gradients, *rest)

    monkeypatch.setattr(loop, "clip_gradients", poisoned)
    events, result = fitted(quick(schedule="constant"))
    [notice] = [e for e in events if isinstance(e, Notice)]
    assert "not finite any more in epoch 2" in notice.message
    assert [e.epoch for e in result.history] == [0, 1, 2, 3, 4]
    assert [e.learning_rate for e in result.history[1:]] == [0.01, 0.0025, 0.0025, 0.0025]


def test_hopeless_training_ends_and_keeps_the_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        loop, "clip_gradients", lambda gradients, *rest: [torch.tensor(math.nan)] * 4
    )
    events, result = fitted(quick())
    notices = [e.message for e in events if isinstance(e, Notice)]
    assert len(notices) == 11
    assert "and ended" in notices[-1]
    assert result.stopped == "early"
    assert len(result.history) == 1


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, ["16 windows", "8 windows"]),
        ({"supervision": "sequence", "chunk": 8, "batch_size": 256}, ["13 chunks", "6 chunks"]),
    ],
)
def test_too_little_memory_halves_the_batch_and_says_so(
    values: dict[str, Any], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = loop.Pinball.__call__

    def cramped(self: Any, shape: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if len(target) > 10:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return honest(self, shape, target)

    monkeypatch.setattr(loop.Pinball, "__call__", cramped)
    events, result = fitted(quick(epochs=1, **values))
    notices = [e.message for e in events if isinstance(e, Notice)]
    assert [
        f"batches now have {words}" in notice for words, notice in zip(told, notices, strict=True)
    ] == [True, True]
    assert math.isfinite(result.history[1].train_loss), "training goes on"
    monkeypatch.undo()
    assert result.history[0].val_loss == fitted(quick(epochs=1))[1].history[0].val_loss, (
        "validation in parts gives the same number"
    )


@pytest.mark.parametrize(
    "model",
    ["lstm", *(pytest.param(name, marks=pytest.mark.slow) for name in ("rnn", "transformer"))],
)
def test_looking_at_the_memory_changes_nothing_of_the_training(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = quick(model=model, layers=2, dropout=0.4)
    _, whole = fitted(config)
    monkeypatch.setattr(loop, "_REPORT_S", 0.0)
    monkeypatch.setattr("forecasting.training.gradients._EVERY_S", 0.0)
    monkeypatch.setattr("forecasting.training.gradients._SHARE", 1e9)
    events, watched = fitted(config)
    assert_same(watched, whole)
    seen = [e for e in events if isinstance(e, GradientByLag)]
    assert len(seen) > 10
    assert seen[-1].norms.shape == (2, len(seen[-1].lags))
    assert seen[-1].lags[[0, -1]].tolist() == [0, 11]
    assert np.isfinite(seen[-1].norms).all()


def test_the_memory_of_a_plain_rnn_vanishes_and_that_of_an_lstm_with_open_gates_does_not() -> None:
    found = {}
    for model, memory in (("rnn", 0), ("lstm", 60)):
        config = quick(model=model, memory=memory, input_size=60, epochs=2)
        events, _ = fitted(config)
        seen = [e for e in events if isinstance(e, GradientByLag)][-1]
        found[model] = seen.reach
        said = [e for e in events if isinstance(e, Diagnosis) and e.topic == "vanishing"]
        assert bool(said) is (model == "rnn")
        if said:
            assert "this RNN learns nothing from bars more than" in said[0].message
            assert "LSTM or GRU" in said[0].hint
            # The last word has the figures that the memory chart shows, and names their epoch.
            assert f"Epoch {seen.epoch}: " in said[-1].message
            assert f"more than {seen.reach} back" in said[-1].message
            assert f"{seen.farthest:.2g} of the strongest" in said[-1].message
    assert found["rnn"] < 30 < found["lstm"]


def test_the_doctor_says_what_is_plain_to_see() -> None:
    config, lags = quick(input_size=100), np.array([0, 1, 10, 99])
    fine, gone, huge = (
        GradientByLag(1, lags, np.array([row]))
        for row in ([1, 0.9, 0.5, 0.1], [1, 0.1, 1e-6, 1e-12], [1, 10, 1e3, 1e9])
    )
    assert list(on_memory(fine, config)) == []
    [vanishing] = on_memory(gone, config)
    assert "99 bars back is 1e-12" in vanishing.message
    assert "more than 1 back, of a lookback of 100" in vanishing.message
    assert "lookback of 5." in vanishing.hint
    assert [a.topic for a in on_memory(huge, config)] == ["exploding"]
    [near] = on_memory(
        GradientByLag(1, np.array([0, 14, 29]), np.array([[1.0, 0.1, 1e-6]])), quick(input_size=30)
    )
    assert "or a lookback" not in near.hint, "the lookback that there is is no advice"
    [dead] = on_memory(GradientByLag(1, lags, np.array([[1.0, 0.0, 0.0, 0.0]])), config)
    assert (
        "99 bars back is zero: this LSTM learns nothing from bars before the last" in dead.message
    )
    clipped = [epoch(k, clipped=0.9, grad_norm=5.0) for k in range(4)]
    assert "90% of the steps" in next(on_clipping(clipped, config)).message
    assert [a.topic for a in on_losses([epoch(0), epoch(1, 1.1)], "early")] == ["nothing-learned"]
    assert [
        a.topic
        for a in on_losses([epoch(0), epoch(1, 0.8, 0.9, 1), epoch(2, 0.9, 0.7, 1)], "early")
    ] == ["by-heart"]
    assert [a.topic for a in on_losses([epoch(0), epoch(1, 0.8, 0.9, 1)], "epochs")] == ["longer"]


def test_a_probe_is_paced_by_its_cost() -> None:
    probe = GradientProbe.__new__(GradientProbe)
    probe.due = time.perf_counter() + 100
    assert probe.look_if_due(1) is None


def test_the_rate_suggested_lies_where_the_loss_falls_fastest() -> None:
    rates = np.geomspace(1e-6, 10, 120)
    losses = 1 - 0.3 / (1 + (1e-3 / rates) ** 2) + rates
    assert 3e-4 < suggested(rates, losses) < 3e-3
    assert suggested(rates, 1 + rates) is None


def test_no_rate_is_proposed_off_a_flat_curve() -> None:
    rates, rng = np.geomspace(1e-6, 10, 120), np.random.default_rng(1)
    flat = (
        1
        + 0.002 * np.convolve(rng.normal(size=129), np.full(10, 0.1), "valid")
        + np.maximum(rates - 0.3, 0)
    )
    assert suggested(rates, flat) is None
    tried = LearningRatesTried(rates, flat, None, 5e-4)
    assert tried.finding.startswith("No learning rate stands out")
    assert tried.finding.endswith("Keep the present rate, 0.0005.")
    edge = 1 - 0.02 / (1 + (0.1 / rates) ** 2) + np.maximum(rates - 0.3, 0)
    found = suggested(rates, edge)
    assert found is not None
    assert found <= 0.1 * rates[np.argmin(edge)]


def test_searching_for_a_learning_rate_tells_its_curve() -> None:
    tried = list(jobs.find_learning_rate(Panel((walk(),)), quick()))[-1]
    assert isinstance(tried, LearningRatesTried)
    assert tried.losses[0] == pytest.approx(1.0, abs=1e-3)
    assert (np.diff(tried.rates) > 0).all()
    assert tried.rates[0] <= tried.suggestion * 10.01
    stopped = list(jobs.find_learning_rate(Panel((walk(),)), quick(), lambda: True))[-1]
    assert isinstance(stopped, LearningRatesTried)
    assert len(stopped.rates) == 1


def test_a_device_that_fails_its_test_is_left_aside_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert self_test(torch.device("cpu")) == ""
    assert self_test(torch.device("meta")) != ""
    monkeypatch.setattr(
        "forecasting.training.hardware.devices", lambda: {"meta": "Broken GPU, 8 GiB", "cpu": "CPU"}
    )
    events, result = fitted(quick(device="auto", epochs=1))
    [notice] = [e for e in events if isinstance(e, Notice)]
    assert notice.message.startswith("Broken GPU, 8 GiB cannot be used (")
    assert str(result.forecaster.device) == "cpu"
    assert "cpu" in devices()


def test_autosave_is_removed_at_the_end_on_cancel_but_not_by_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(state, "_SOON_S", 0.0)
    monkeypatch.setattr(state, "_SHARE", 1e9)
    panel, config, file = Panel((walk(),)), quick(), tmp_path / "new" / "kept.training"
    there = []
    for event in jobs.train(panel, config, autosave=file):
        there.append(file.exists())
        finished = event
    assert isinstance(finished, RunFinished)
    assert any(there)
    assert not file.exists()
    cancelled = jobs.train(panel, config, autosave=file)
    while not file.exists():
        next(cancelled)
    cancelled.close()
    assert not file.exists()

    def fault() -> bool:
        if file.exists():
            raise RuntimeError("a fault")
        return False

    with pytest.raises(RuntimeError, match="a fault"):
        list(jobs.train(panel, config, fault, autosave=file))
    assert TrainingState.load(file).sources == ("memory",)
    uninterrupted = list(jobs.train(panel, config))[-1]
    resumed = list(jobs.train(panel, config, resume=file, autosave=file))[-1]
    assert isinstance(uninterrupted, RunFinished)
    assert isinstance(resumed, RunFinished)
    np.testing.assert_allclose(
        resumed.result.forecasts[0].values, uninterrupted.result.forecasts[0].values, rtol=1e-6
    )
    assert not file.exists()


def test_a_place_that_cannot_be_written_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(state, "_SOON_S", 0.0)
    (tmp_path / "file").write_text("in the way")
    events, result = fitted(quick(), autosave=tmp_path / "file" / "kept.training")
    assert ["cannot be kept" in e.message for e in events if isinstance(e, Notice)] == [True]
    assert len(result.history) == 5


@pytest.mark.slow
def test_kill_9_in_mid_training_then_resume(tmp_path: Path, own_folders: Path, capsys: Any) -> None:
    series = walk()
    rows = "\n".join(
        f"{d.astype('datetime64[D]')},{v!r}"
        for d, v in zip(series.ds, series.y.tolist(), strict=True)
    )
    (tmp_path / "walk.csv").write_text(f"date,close\n{rows}\n")
    words = [
        "forecast",
        str(tmp_path / "walk.csv"),
        "--input-size",
        "12",
        "--horizon",
        "2",
        "--hidden-size",
        "4",
        "--epochs",
        "40",
    ]
    words += [
        "--batch-size",
        "32",
        "--learning-rate",
        "0.01",
        "--patience",
        "100",
        "--schedule",
        "constant",
        "--device",
        "cpu",
        "--json",
    ]
    slow = (
        "import sys, time, forecasting.training.checkpoint as s, forecasting.training.trainer "
        "as l; s._SOON_S = 0; s._SHARE = 1e9; s._EVERY_S = 0;"
    )
    slow += "step = l.Trainer.step; l.Trainer.step = lambda *a: (time.sleep(0.03), step(*a)); l._REPORT_S = 0;"
    slow += "from app.cli import main; sys.exit(main(sys.argv[1:]))"
    program = subprocess.Popen(
        [sys.executable, "-c", slow, *words],
        cwd=ROOT,
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
    )
    folder = own_folders / "unfinished"
    try:
        give_up = time.monotonic() + 120
        while not _epochs(folder) >= 2:
            assert program.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < give_up
            time.sleep(0.05)
    finally:
        program.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        program.wait()
    [kept] = jobs.unfinished()
    assert isinstance(kept, TrainingKept)
    assert [symbol.lower() for symbol in kept.symbols] == ["walk"]
    assert kept.sources == (str(tmp_path / "walk.csv"),)
    assert main([*words, "--resume"]) == 0
    resumed = capsys.readouterr().out
    assert list(jobs.unfinished()) == []
    assert main([*words, "--resume"]) == 2
    assert (
        "No training of these prices with these settings was cut short" in capsys.readouterr().err
    )
    assert main(words) == 0
    whole = capsys.readouterr().out
    assert [line for line in resumed.splitlines() if "seconds" not in line] == [
        line for line in whole.splitlines() if "seconds" not in line
    ]


def _epochs(folder: Path) -> int:
    states = (TrainingState.load(path) for path in folder.glob("*.training"))
    return max((epoch.epoch for state in states for epoch in state.history), default=0)


@pytest.mark.slow
def test_training_longer_on_the_command_line(tmp_path: Path, capsys: Any) -> None:
    series = walk()
    rows = "\n".join(
        f"{d.astype('datetime64[D]')},{v!r}"
        for d, v in zip(series.ds, series.y.tolist(), strict=True)
    )
    (tmp_path / "walk.csv").write_text(f"date,close\n{rows}\n")
    kept = str(tmp_path / "kept")
    words = [
        "forecast",
        str(tmp_path / "walk.csv"),
        "--input-size",
        "12",
        "--horizon",
        "2",
        "--schedule",
        "constant",
        "--device",
        "cpu",
        "--json",
    ]
    told = []
    for more in (
        ["--epochs", "1", "--save-training", kept],
        ["--epochs", "3", "--train-on", kept],
        ["--epochs", "3"],
    ):
        assert main([*words, *more]) == 0
        told.append(
            [line for line in capsys.readouterr().out.splitlines() if "seconds" not in line]
        )
    assert told[0] != told[1] == told[2]
    assert main([*words, "--train-on", kept, "--resume"]) == 2
    assert main([*words, "--train-on", str(tmp_path / "nothing")]) == 2


@pytest.mark.slow
def test_lr_find_on_the_command_line(tmp_path: Path, capsys: Any) -> None:
    series = walk()
    rows = "\n".join(
        f"{d.astype('datetime64[D]')},{v!r}"
        for d, v in zip(series.ds, series.y.tolist(), strict=True)
    )
    (tmp_path / "walk.csv").write_text(f"date,close\n{rows}\n")
    words = [
        "lr-find",
        str(tmp_path / "walk.csv"),
        "--input-size",
        "12",
        "--horizon",
        "2",
        "--device",
        "cpu",
    ]
    assert main(words) == 0
    assert "Suggested: --learning-rate" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    assert '"suggestion"' in capsys.readouterr().out


@pytest.mark.gpu
def test_a_gpu_learns_what_the_cpu_learns_with_the_fused_step() -> None:
    panel = Panel((walk(),))
    losses = []
    for device in ("cpu", "cuda"):
        config = quick(device=device, dropout=0.0)
        events, result = fitted(config, panel)
        assert str(result.forecaster.device).startswith(device)
        assert not [event for event in events if isinstance(event, Notice)]
        losses.append([epoch.val_loss for epoch in result.history])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    network = torch.nn.Linear(3, 2).to("cuda")
    assert AdamW(network.parameters(), 0.0).kernel is not None


def test_rows_of_steps_are_kept_in_one_tensor_however_many_there_are() -> None:
    rows = Rows(torch.arange(10.0).view(2, 5))
    for number in range(3000):
        rows.append(torch.full((5,), float(number)))
    assert len(rows) == 3002
    assert rows.table[1].tolist() == [5, 6, 7, 8, 9]
    assert rows.latest(2)[:, 0].tolist() == [2998, 2999]
    assert len(Rows().latest(1)) == 0
