"""The search for settings: blocks before the test part, one look at it, and a p-value that pays for
the search.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.cli import main
from forecasting import CandlecastError, Panel, PriceSeries, RunConfig, api, jobs
from forecasting.errors import ConfigError
from forecasting.events import Event, Notice, Progress
from forecasting.model_registry import MODELS
from forecasting.search import (
    Budget,
    SearchBegan,
    SearchFinished,
    SearchPlan,
    Trial,
    TrialEnded,
    arena,
    blocks_before_test,
    effective_tries,
    make_sampler,
    reality_check,
)
from forecasting.search.blocks import EarlyCheck, run_block
from forecasting.search.space import space_from
from forecasting.search.trials import Trials
from forecasting.store import SearchStore, StoredTrial, TrialRecord
from forecasting.windows import split_panel

CONFIG = RunConfig().changed(
    horizon=1, input_size=6, hidden_size=2, epochs=1, device="cpu", baselines="drift", test_size=40
)
SPACE = {"input_size": [4, 6, 8], "model": ["rnn", "lstm"], "hidden_size": {"low": 1, "high": 3}}


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANDLECAST_HOME", str(tmp_path_factory.mktemp("search")))
        yield


def walk(bars: int = 260, seed: int = 0) -> Panel:
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
    ds = np.datetime64("2022-01-03", "us") + np.arange(bars) * np.timedelta64(1, "D")
    return Panel((PriceSeries("AAA", ds, ("close",), close[:, None]),))


def plan(trials: int = 2, sampler: Any = "random", **more: Any) -> SearchPlan:
    return SearchPlan(Budget(trials=trials), blocks=2, sampler=sampler, **more)


def searched(
    panel: Panel, a_plan: SearchPlan, space: Any = SPACE
) -> tuple[SearchFinished, list[Event]]:
    events = list(jobs.search(panel, CONFIG, a_plan, space_from(space, CONFIG)))
    assert isinstance(events[-1], SearchFinished)
    return events[-1], events


@pytest.fixture(scope="module")
def found() -> SearchFinished:
    return searched(walk(), plan())[0]


def losses(finished: SearchFinished) -> list[tuple[Any, ...]]:
    return [
        (t.number, t.state, *np.round(t.running_loss, 6), t.config.to_json())
        for t in finished.trials.items
    ]


def test_trials_never_see_the_test_part_and_repeat_with_their_seed(found: SearchFinished) -> None:
    panel = walk()
    start = split_panel(panel, CONFIG.task).test_start
    values = panel[0].values.copy()
    values[panel[0].ds >= start] *= np.linspace(1, 3, 40)[:, None]
    other, _ = searched(Panel((replace(panel[0], values=values),)), plan())
    assert losses(other) == losses(found)
    assert other.verdict.skill != found.verdict.skill or other.best.number == 0


def test_the_blocks_lie_before_the_test_part_and_in_time_order() -> None:
    panel = walk()
    blocks = blocks_before_test(panel, CONFIG, 3)
    start = split_panel(panel, CONFIG.task).test_start
    assert blocks.count == 3
    assert blocks.panel[0].ds[-1] < start
    assert (np.diff(blocks.dates) > np.timedelta64(0)).all()
    assert blocks.dates[0] >= blocks.first - np.timedelta64(1, "D")
    assert blocks.longest_lookback < len(blocks.panel[0])


def test_the_defaults_are_judged_first_and_the_verdict_compares_with_them(
    found: SearchFinished,
) -> None:
    assert found.trials.defaults.config == CONFIG
    assert found.trials.defaults.state == "complete"
    assert found.best.loss <= found.trials.defaults.loss
    verdict = found.verdict
    assert verdict.reference == "defaults"
    assert verdict.baselines is not None
    assert verdict.trials == 2
    assert 1 <= verdict.tries <= 2
    assert verdict.p_value >= verdict.p_value_uncorrected
    assert "defaults" in verdict.sentence
    assert {"random-walk", "drift", "defaults"} <= set(found.outcomes)
    assert np.isfinite(found.trials.baselines["random-walk"]).all()


def test_a_stop_keeps_the_best_so_far_and_still_looks_at_the_test_part() -> None:
    seen: list[Event] = []
    job = jobs.search(
        walk(),
        CONFIG,
        plan(50),
        space_from(SPACE, CONFIG),
        lambda: any(isinstance(e, TrialEnded) for e in seen),
    )
    while (event := next(job, None)) is not None:
        seen.append(event)
    finished = seen[-1]
    assert isinstance(finished, SearchFinished)
    assert len(finished.trials.items) == 1
    assert finished.info.stopped == "user"
    assert finished.verdict.p_value == 1.0
    assert "Nothing here is better than the defaults" in finished.verdict.sentence


def test_a_stop_before_the_defaults_are_judged_is_said() -> None:
    with pytest.raises(CandlecastError, match="before the defaults were judged"):
        list(jobs.search(walk(), CONFIG, plan(), space_from(SPACE, CONFIG), lambda: True))


def test_a_small_space_ends_when_all_of_it_was_tried_and_a_trial_that_fails_costs_only_itself() -> (
    None
):
    finished, events = searched(walk(), plan(30), {"input_size": [6, 200]})
    assert [t.state for t in finished.trials.items] == ["complete", "failed"]
    assert finished.trials.items[1].reason
    assert any(isinstance(e, Notice) and "Every combination" in e.message for e in events)


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({}, "mapping"),
        ([1], "mapping"),
        ({"lookbak": [1]}, "'lookbak', which is no setting"),
        ({"horizon": [1, 2]}, "'horizon' cannot be searched"),
        ({"seed": [1, 2]}, "luck"),
        ({"test_size": [1, 2]}, "looked at once"),
        ({"dropout": [0.1, 7]}, "the value 7"),
        ({"dropout": {"low": 0.5, "high": 0.1}}, "from 0.5 to 0.1"),
        ({"dropout": {"low": 0, "high": 0.1, "log": True}}, "logarithmic"),
        ({"dropout": {"low": 0, "high": 0.1, "step": 1}}, "'step'"),
        ({"layers": {"low": 1, "high": 2.5}}, "whole numbers"),
        ({"model": {"low": 1, "high": 2}}, "no number"),
        ({"model": ["lstm", "lsmt"]}, "lsmt"),
        ({"layers": []}, "neither a list"),
        ({"layers": "2"}, "neither a list"),
    ],
)  # fmt: skip
def test_a_space_that_cannot_be_searched_is_refused_with_its_value(space: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        space_from(space, CONFIG)


@pytest.mark.parametrize(
    "values", [{"minutes": 0.0}, {"minutes": -1.0}, {"minutes": float("nan")}, {"trials": -1}]
)
def test_a_budget_that_would_not_end_is_refused(values: Any) -> None:
    with pytest.raises(ConfigError):
        Budget(**values)


def test_optuna_is_named_with_its_command_where_it_is_absent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space = space_from(SPACE, CONFIG)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError) as caught:
        make_sampler("tpe", space, 0)
    assert "pip install" in caught.value.hint


def test_both_samplers_stay_in_the_space_and_repeat_with_their_seed() -> None:
    wide: Any = {
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "dropout": {"low": 0, "high": 0.5},
        **SPACE,
    }
    space = space_from(wide, CONFIG)
    for name in ("random", "tpe"):
        if name == "tpe":
            pytest.importorskip("optuna")
        runs = []
        for _ in range(2):
            sampler: Any = make_sampler(name, space, 3)  # type: ignore[arg-type]
            drawn = []
            for number in range(15):
                suggestion = sampler.ask()
                assert space.holds(suggestion.values)
                CONFIG.changed(**suggestion.values)
                sampler.observe(suggestion, [float(number % 4)], complete=number % 2 == 0)
                drawn.append(dict(suggestion.values))
            runs.append(drawn)
        assert runs[0] == runs[1]


def test_optuna_searches_like_the_random_sampler_does() -> None:
    pytest.importorskip("optuna")
    finished, _ = searched(walk(), plan(1, "tpe"))
    assert "Parzen" in finished.sampler
    assert len(finished.trials.items) == 2


def tried(losses: list[float], ratios: list[float]) -> tuple[Trials, list[bool]]:
    """Bring trials to the end of their first block one after another, and tell which go on."""
    trials, went_on = Trials(blocks_before_test(walk(), CONFIG, 2)), []
    for number, (loss, ratio) in enumerate(zip(losses, ratios, strict=True)):
        trial = Trial(number, {}, CONFIG, np.zeros(1), running_loss=[loss], ratios=[ratio])
        trials.items.append(trial)
        went_on.append(trials.goes_on(trial))
        if not went_on[-1]:
            trial.state = "pruned"
    return trials, went_on


def test_a_trial_goes_on_with_a_low_loss_on_the_block_or_on_the_validation_part() -> None:
    high = [9.0] * 6
    assert tried([*high, 1.0, 9.5], [*high, 9.5, 9.5])[1][-2:] == [True, False]
    assert tried([*high, 9.5, 9.5], [*high, 0.5, 9.5])[1][-2:] == [True, False]
    trials, _ = tried(high, high)
    other = Trial(6, {}, CONFIG, np.zeros(1), running_loss=[9.5], ratios=[9.5], unit="other")
    trials.items.append(other)
    assert trials.goes_on(other), "its validation losses compare with none"


def test_a_sampler_turns_away_from_settings_that_fail() -> None:
    space = space_from({"input_size": [5, 10, 20, 40, 60], "model": ["rnn", "lstm"]}, CONFIG)
    sampler, failed = make_sampler("tpe", space, 0), []
    for _ in range(60):
        suggestion = sampler.ask()
        assert suggestion is not None
        long = suggestion.values["input_size"] >= 20
        sampler.observe(suggestion, [] if long else [1.0], not long, failed=long)
        failed.append(long)
    assert sum(failed[30:]) < 15


def test_of_equal_trials_at_a_block_half_go_on() -> None:
    _, went_on = tried([1.0] * 12, [1.0] * 12)
    assert sum(went_on) == 6


def test_a_training_that_is_behind_at_the_early_check_ends_and_is_judged_all_the_same() -> None:
    config = CONFIG.changed(epochs=10, learning_rate=0.01)
    blocks = blocks_before_test(walk(), config, 2)
    whole = run_block(blocks.work(config), 0, check=EarlyCheck(2, {}))
    assert whole.checked
    assert not whole.given_up
    ahead = {whole.unit: [(0.0, True)] * 4}
    ended = run_block(blocks.work(config), 0, check=EarlyCheck(2, ahead))
    assert (ended.given_up, ended.stopped, ended.checked) == (True, False, whole.checked)
    assert ended.losses.keys() == whole.losses.keys()
    assert not run_block(
        blocks.work(config), 0, check=EarlyCheck(2, {"other": [(0.0, True)] * 4})
    ).given_up
    trials = Trials(blocks)
    for number, result in enumerate((whole, ended)):
        trial = Trial(number, {}, config, np.full(len(blocks.dates), np.nan))
        trials.items.append(trial)
        trials.record(trial, 0, result)
    assert trials.gains.shape[1] == 1, "what was given up is corrected for"
    assert [len(t.ratios) for t in trials.items] == [1, 0]
    assert trials.early_check(4) is None
    check = trials.early_check(10)
    assert check is not None
    assert check.epoch == 2
    assert [*check.earlier.values()] == [[(whole.checked, True), (ended.checked, False)]]


def test_the_estimator_learns_from_what_was_given_up() -> None:
    pytest.importorskip("optuna")
    space = space_from({"input_size": [*range(2, 202, 4)], "model": ["rnn", "lstm"]}, CONFIG)
    sampler = make_sampler("tpe", space, 0)
    asked = []
    for _ in range(40):
        suggestion = sampler.ask()
        assert suggestion is not None
        asked.append(suggestion.values["input_size"])
        sampler.observe(suggestion, [], complete=False, checked=1 + abs(asked[-1] - 102.0))
    assert np.mean(np.abs(np.array(asked[25:]) - 102) <= 20) > 0.5


def test_of_listed_numbers_the_neighbours_of_good_ones_are_tried() -> None:
    pytest.importorskip("optuna")
    space = space_from({"input_size": [*range(2, 202, 4)], "model": ["rnn", "lstm"]}, CONFIG)
    sampler = make_sampler("tpe", space, 0)
    sampler.start_from({"input_size": 6, "model": "rnn"}, 100.0)
    asked = []
    for _ in range(40):
        suggestion = sampler.ask()
        assert suggestion is not None
        asked.append(suggestion.values["input_size"])
        sampler.observe(suggestion, [abs(asked[-1] - 102.0)], complete=True)
    assert set(asked) <= set(range(2, 202, 4))
    assert np.mean(np.abs(np.array(asked[25:]) - 102) <= 20) > 0.5


def test_repeated_trials_are_one_try_and_unrelated_ones_are_as_many_as_they_are() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=(400, 1))
    assert effective_tries(np.repeat(base, 9, axis=1)) == 1.0
    assert effective_tries(np.zeros((400, 9))) == 1.0
    assert effective_tries(np.empty((400, 0))) == 1.0
    free = effective_tries(rng.normal(size=(400, 9)))
    assert free > 8.5
    alike = effective_tries(base + 0.3 * rng.normal(size=(400, 9)))
    assert 1 < alike < free
    few = effective_tries(base[:30] + 0.3 * rng.normal(size=(30, 9)), overlap=4)
    assert few > alike, "what few dates show may be luck"
    holes = rng.normal(size=(400, 9))
    holes[100:, 4:] = np.nan
    assert effective_tries(holes) > 8


def test_the_reality_check_agrees_with_an_independent_one() -> None:
    from arch.bootstrap import SPA

    rng = np.random.default_rng(1)
    gains = rng.normal([0.0, -0.2, -0.5, 0.05, 0.12, -1.0], size=(300, 6))
    ours = reality_check(gains, seed=1)
    loss = np.zeros(300)
    other = SPA(loss, -gains, block_size=7, reps=500, seed=2)
    other.compute()
    assert ours.white == pytest.approx(float(other.pvalues["upper"]), abs=0.06)
    assert ours.hansen == pytest.approx(float(other.pvalues["consistent"]), abs=0.06)
    assert ours.hansen <= ours.white
    assert reality_check(gains + 0.5, seed=1).white < 0.01
    assert reality_check(gains - 0.5, seed=1).hansen > 0.5
    gains[150:, :3] = np.nan
    assert 0 <= reality_check(gains, seed=1).white <= 1
    assert np.isnan(reality_check(gains[:4]).white)


def _file(folder: Path) -> Path:
    series = walk()[0]
    path = folder / "AAA.csv"
    rows = "\n".join(f"{str(d)[:10]},{v:.6f}" for d, v in zip(series.ds, series.y, strict=True))
    path.write_text(f"Date,Close\n{rows}\n")
    return path


def test_the_command_prints_best_trials_and_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space, saved = tmp_path / "space.json", tmp_path / "best.json"
    space.write_text(json.dumps({"input_size": [4, 8]}))
    settings = [
        "--trials",
        "1",
        "--sampler",
        "random",
        "--horizon",
        "1",
        "--hidden-size",
        "2",
        "--epochs",
        "1",
        "--device",
        "cpu",
        "--baselines",
        "drift",
        "--test-size",
        "40",
    ]
    words = [
        "search",
        str(_file(tmp_path)),
        "--space",
        str(space),
        "--save-config",
        str(saved),
        *settings,
    ]
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["best", "trials", "verdict"]
    assert set(document["best"]) == {"config", "validation"}
    assert RunConfig.from_json(json.dumps(document["best"]["config"])) == RunConfig.from_file(saved)
    assert [t["number"] for t in document["trials"]] == [0, 1]
    assert 0 <= document["verdict"]["p_value"] <= 1
    space.write_text('{"horizon": [1, 2]}')
    assert main(words) == 2
    assert "cannot be searched" in capsys.readouterr().err


@pytest.mark.slow
def test_the_search_of_notebooks_gives_settings_trials_and_the_verdict() -> None:
    result = api.search(
        walk(), 1, trials=1, sampler="random", space={"hidden_size": [1, 3]}, config=CONFIG
    )
    assert result.trials["state"].iloc[0] == "complete"
    assert len(result.trials) == 2
    assert str(result) == result.verdict.sentence
    assert isinstance(result.config, RunConfig)


def _cut_short(after: int, sampler: str) -> None:
    """Begin a search of two trials and leave it after some, as a window that is closed does."""
    job = jobs.search(walk(), CONFIG, plan(2, sampler), space_from(SPACE, CONFIG))
    ended = 0
    for event in job:
        ended += isinstance(event, TrialEnded)
        if ended == after:
            break
    job.close()


@pytest.mark.parametrize("sampler", [pytest.param("random", marks=pytest.mark.slow), "tpe"])
def test_a_search_that_was_cut_short_goes_on_with_the_same_trials(sampler: str) -> None:
    if sampler == "tpe":
        pytest.importorskip("optuna")
    whole, _ = searched(walk(), plan(2, sampler))
    _cut_short(2, sampler)
    resumed, events = searched(walk(), plan(2, sampler, resume=True))
    assert losses(resumed) == losses(whole)
    began = next(e for e in events if isinstance(e, SearchBegan))
    assert began.earlier == 2
    assert [e.number for e in events if isinstance(e, TrialEnded)] == [
        t.number for t in whole.trials.items
    ]
    assert resumed.verdict.p_value == pytest.approx(whole.verdict.p_value)
    with SearchStore() as store:
        stored = store.find(resumed.key)
        assert stored.state == "finished"
        assert stored.result["verdict"]["outcome"] == resumed.verdict.outcome
        assert len(store.trials(resumed.key)) == len(whole.trials.items)


def test_a_search_that_an_earlier_version_began_goes_on() -> None:
    pytest.importorskip("optuna")
    _cut_short(2, "tpe")
    new = {"unit", "checked", "ratios"}
    with SearchStore() as store:
        key = store.searches()[0].key
        for trial in store.trials(key):
            text = json.dumps({k: v for k, v in trial.record.model_dump().items() if k not in new})
            record = TrialRecord.model_validate_json(text)
            store.put_trial(key, StoredTrial(record, trial.losses), 1.0)
    resumed, _ = searched(walk(), plan(2, "tpe", resume=True))
    assert resumed.key == key
    assert [len(t.ratios) for t in resumed.trials.items[:2]] == [2, 2]
    assert len(resumed.trials.items) == 3


def test_there_is_nothing_to_resume_of_other_settings() -> None:
    space = space_from({"hidden_size": [1, 2]}, CONFIG)
    with pytest.raises(CandlecastError, match="no search of these prices"):
        list(jobs.search(walk(), CONFIG, plan(1, resume=True), space))


def test_a_damaged_trial_of_the_store_is_left_out_and_told_of() -> None:
    finished, _ = searched(walk(seed=5), plan(1))
    with SearchStore() as store:
        trial = store.trials(finished.key)[1]
        changed = StoredTrial(trial.record, b"nonsense")
        store.put_trial(finished.key, changed, 1.0)
        assert len(store.trials(finished.key)) == 2
        with store._writing() as db:
            db.execute("UPDATE search_trial SET checksum = 1 WHERE number = 1")
        assert [t.record.number for t in store.trials(finished.key)] == [0]
        assert any("damaged" in finding.message for finding in store.findings)
        store.delete([finished.key])
        assert store.trials(finished.key) == ()


def test_a_pause_holds_the_search_until_it_is_lifted() -> None:
    held = [False, True, True, False]
    events = list(
        jobs.search(
            walk(),
            CONFIG,
            plan(1),
            space_from(SPACE, CONFIG),
            should_pause=lambda: bool(held) and held.pop(0),
        )
    )
    paused = [e for e in events if isinstance(e, Progress) and e.message == "Paused"]
    assert len(paused) == 2
    assert isinstance(events[-1], SearchFinished)


def test_the_arena_tries_every_network_with_and_without_each_group_of_inputs() -> None:
    space, candidates = arena(CONFIG, walk())
    networks = {(values["model"], values["bidirectional"]) for values in candidates}
    assert {name for name, _ in networks} == set(MODELS)
    assert ("gru", True) in networks
    assert ("transformer", True) not in networks
    first = candidates[: len(networks)]
    assert all(values["indicators"] is False for values in first), "networks come first"
    for network in networks:
        mine = [v for v in candidates if (v["model"], v["bidirectional"]) == network]
        assert [v["dates"] for v in mine].count(True) == 1
        assert [v["indicators"] for v in mine].count(True) == 1
    assert {d.name for d in space.dimensions} == {"model", "bidirectional", "dates", "indicators"}
    finished, _ = searched(walk(), plan(2, arena=True))
    assert len(finished.trials.items) == 3
    assert finished.trials.baselines.keys() >= {"random-walk", "drift"}


@pytest.mark.slow
def test_a_search_goes_on_after_kill_9(tmp_path: Path) -> None:
    words = [
        *("search", str(_file(tmp_path)), "--trials", "5", "--sampler", "random"),
        *("--horizon", "1", "--hidden-size", "2", "--epochs", "2", "--device", "cpu"),
        *("--baselines", "drift", "--test-size", "40", "--json"),
    ]
    command = [sys.executable, "-m", "app", *words]
    home = {**os.environ, "CANDLECAST_HOME": str(tmp_path / "home")}
    running = subprocess.Popen(command, env=home, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    path = tmp_path / "home" / "candlecast.sqlite"

    def ended() -> int:
        with contextlib.suppress(CandlecastError), SearchStore(path) as store:
            found = store.searches()
            trials = store.trials(found[0].key) if found else ()
            return sum(t.record.ended > 0 for t in trials)
        return 0

    while ended() < 3 and running.poll() is None:
        time.sleep(0.05)
    running.kill()
    running.communicate()
    assert running.returncode == -signal.SIGKILL
    before = ended()
    resumed = subprocess.run([*command, "--resume"], env=home, capture_output=True, check=True)
    document = json.loads(resumed.stdout)
    other = {**home, "CANDLECAST_HOME": str(tmp_path / "other")}
    whole = json.loads(subprocess.run(command, env=other, capture_output=True, check=True).stdout)
    assert before >= 3
    assert [(t["values"], t["state"], t["losses"]) for t in document["trials"]] == [
        (t["values"], t["state"], t["losses"]) for t in whole["trials"]
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_finds_what_one_process_finds(
    found: SearchFinished, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs=50,
    ) as cluster:
        other, _ = searched(walk(), plan(cluster=cluster.scheduler_address))
    assert losses(other) == losses(found)


@pytest.mark.slow
def test_processes_find_what_one_finds(found: SearchFinished) -> None:
    other, _ = searched(walk(), plan(workers=2))
    assert losses(other)[0] == losses(found)[0]
    assert len(other.trials.items) == 3
