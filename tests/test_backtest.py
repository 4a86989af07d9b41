"""The walk-forward test: the same numbers wherever folds are run, whoever is killed, and however
often it is cut short.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from forecasting import jobs
from forecasting.backtest import (
    Fold,
    FoldRun,
    Work,
    Workers,
    executors,
    folds_of,
    joined,
    make_executor,
    run_fold,
    walk_forward,
)
from forecasting.baselines import default_baselines
from forecasting.config import QUANTILES, BacktestConfig, RunConfig
from forecasting.errors import CandlecastError, ConfigError, DataError
from forecasting.events import BacktestFinished, Event, FoldEnd, Notice, Progress
from forecasting.series import ExogColumn, Outcomes, Panel, PriceSeries
from forecasting.verdict import compare

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ("open", "high", "low", "close", "volume")
PLAN = BacktestConfig(step_size=4, refit=3)


def simulated(bars: int = 420, seed: int = 0, symbol: str = "SIM") -> PriceSeries:
    """Daily bars from 2015 on whose moves go on in part, so that a network has something to
    learn and its numbers are its own.
    """
    draw = np.random.default_rng(seed)
    moves = draw.normal(0, 0.01, bars)
    for bar in range(1, bars):
        moves[bar] += 0.8 * moves[bar - 1]
    close = 50 * np.exp(np.cumsum(moves))
    spread = np.exp(np.abs(draw.normal(0, 0.005, bars)))
    ds = np.busday_offset("2015-01-05", np.arange(bars), roll="forward").astype("datetime64[us]")
    return PriceSeries(
        symbol,
        ds,
        COLUMNS,
        np.stack([close, close * spread, close / spread, close, np.full(bars, 1e6)], axis=1),
    )


def quick(**values: Any) -> RunConfig:
    """Settings small enough for a test, with dropout, so that random numbers matter."""
    return RunConfig().changed(
        **{
            "input_size": 12,
            "horizon": 3,
            "hidden_size": 4,
            "epochs": 2,
            "device": "cpu",
            "test_size": 40,
            **values,
        }
    )


@pytest.fixture(scope="module")
def panel() -> Panel:
    return Panel((simulated(), simulated(300, seed=1, symbol="B")))


@pytest.fixture(scope="module")
def here(panel: Panel) -> BacktestFinished:
    """The test run in this process: what all others are compared with."""
    found = run(panel)[-1]
    assert not same(found, run(panel, quick(seed=1))[-1]), (
        "the network has no say, so that nothing is shown by equal numbers"
    )
    return found


def run(
    panel: Panel, config: RunConfig | None = None, plan: BacktestConfig = PLAN, **options: Any
) -> list[Any]:
    return list(jobs.backtest(panel, config or quick(), plan, **options))


def same(one: BacktestFinished, other: BacktestFinished) -> bool:
    """Whether every number of every model is the same, bit by bit and in the same order."""
    fields = [
        field.name
        for field in dataclasses.fields(Outcomes)
        if field.name not in ("model", "quantiles")
    ]
    assert list(one.outcomes) == list(other.outcomes)
    pairs = [(one.outcomes[name], other.outcomes[name]) for name in one.outcomes]
    return all(
        np.array_equal(getattr(a, field), getattr(b, field)) for a, b in pairs for field in fields
    )


def offspring() -> list[psutil.Process]:
    """Processes that this one started, without the tracker that multiprocessing keeps to the
    end.
    """
    return [child for child in psutil.Process().children(recursive=True) if not _is_tracker(child)]


def _is_tracker(process: psutil.Process) -> bool:
    try:
        return (
            any("resource_tracker" in word for word in process.cmdline())
            or process.status() == psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return True


def work_of(panel: Panel, config: RunConfig | None = None, plan: BacktestConfig = PLAN) -> Work:
    return Work(panel, config or quick(), plan, QUANTILES, default_baselines(panel))


def finish(running: Iterator[Event]) -> Any:
    """Run a generator to its end and return its value."""
    while True:
        try:
            next(running)
        except StopIteration as end:
            return end.value


# Folds


def test_folds_part_the_origins_and_know_nothing_of_their_own_future(panel: Panel) -> None:
    folds = folds_of(work_of(panel))
    assert [fold.number for fold in folds] == [1, 2, 3, 4]
    dates = [
        panel[int(s)].ds[b]
        for fold in folds
        for s, b in zip(fold.origins.series, fold.origins.bar, strict=True)
    ]
    assert len(
        set(zip(np.concatenate([f.origins.series for f in folds]), dates, strict=True))
    ) == len(dates)
    for fold in folds:
        first = min(
            panel[int(s)].ds[b] for s, b in zip(fold.origins.series, fold.origins.bar, strict=True)
        )
        assert first < fold.test_start
        assert all(s.ds[np.searchsorted(s.ds, fold.test_start) - 1] <= first for s in panel)


def test_folds_and_time_are_told_before_a_test(panel: Panel) -> None:
    folds = folds_of(work_of(panel))
    [planned] = jobs.plan_backtest(panel, quick(), PLAN)
    assert planned.folds == len(folds)
    assert planned.origins == sum(len(fold.origins) for fold in folds)
    assert planned.seconds > 0
    [once] = jobs.plan_backtest(panel, quick(), PLAN.model_copy(update={"refit": 500}))
    assert once.folds == 1
    assert f"{planned.origins} origins in 1 fold" in once.sentence
    assert (
        "Refit every 500 origins is more than there are: the network is trained once."
        in once.sentence
    )
    [never] = jobs.plan_backtest(panel, quick(), PLAN.model_copy(update={"refit": 0}))
    assert "Refit" not in never.sentence
    first = next(
        event
        for event in jobs.backtest(panel, quick(), PLAN)
        if not isinstance(event, Progress | Notice)
    )
    assert first == planned


def test_a_rolling_window_forgets_what_lies_before_it(panel: Panel) -> None:
    plan = BacktestConfig(step_size=4, refit=3, window=120)
    work = work_of(panel, plan=plan)
    last = folds_of(work)[-1]
    begin = np.unique(np.concatenate([s.ds for s in panel]))
    begin = begin[np.searchsorted(begin, last.test_start) - 120]
    changed = Panel(tuple(_other_past(s, begin) for s in panel))
    assert not np.array_equal(panel[0].y, changed[0].y)
    runs = [
        finish(run_fold(w, last, lambda: False))
        for w in (work, dataclasses.replace(work, panel=changed))
    ]
    for name, outcomes in runs[0].outcomes.items():
        assert np.array_equal(outcomes.values, runs[1].outcomes[name].values), (
            f"{name} remembers bars before the window"
        )
    expanding = finish(run_fold(work_of(panel), folds_of(work_of(panel))[-1], lambda: False))
    assert np.array_equal(expanding.outcomes["LSTM"].y[-5:], runs[0].outcomes["LSTM"].y[-5:])
    assert not np.array_equal(expanding.outcomes["LSTM"].values, runs[0].outcomes["LSTM"].values)


def _other_past(series: PriceSeries, begin: np.datetime64) -> PriceSeries:
    values = np.array(series.values)
    values[series.ds < begin] *= 3
    return dataclasses.replace(series, values=values)


def test_a_series_that_ended_before_the_window_is_left_out() -> None:
    gone = simulated(300, seed=1, symbol="GONE")
    late = dataclasses.replace(
        simulated(seed=2, symbol="LATE"), ds=simulated().ds + np.timedelta64(400, "D")
    )
    panel = Panel((gone, late))
    *_, last = run(panel, quick(test_size=30), BacktestConfig(step_size=10, window=120))
    assert set(last.outcomes["LSTM"].symbol) == {"LATE"}


def test_a_window_too_short_is_refused_in_words(panel: Panel) -> None:
    with pytest.raises(DataError, match="lookback 12 and horizon 3"):
        run(panel, plan=BacktestConfig(step_size=10, window=15))
    with pytest.raises(ConfigError, match="2 test bars are fewer than the horizon of 3"):
        run(panel, quick(test_size=2))


# Elsewhere


@pytest.mark.slow
def test_any_executor_gives_the_same_numbers(panel: Panel) -> None:
    """Even one whose workers share a process and its random numbers."""
    config = quick(epochs=2)
    with ThreadPoolExecutor(3) as threads:
        events = run(panel, config, executor=threads, workers=3)
        assert threads.submit(int, "7").result() == 7, "it is not ours to shut down"
    assert same(run(panel, config)[-1], events[-1])
    assert sorted(event.fold for event in events if isinstance(event, FoldEnd)) == [1, 2, 3, 4]


@pytest.mark.slow
def test_processes_give_the_same_numbers_and_leave_none_behind(
    panel: Panel, here: BacktestFinished
) -> None:
    events = run(panel, workers=2)
    assert same(here, events[-1])
    assert offspring() == []
    shown = [event for event in events if isinstance(event, Progress) and event.total]
    assert [event.done for event in shown] == sorted(event.done for event in shown)
    assert shown[-1].done > 0
    assert shown[-1].eta_s is not None


class Unlucky(Workers):
    """Runs folds in this process; those named lose their worker as often as said."""

    def __init__(
        self, work: Work, losses: dict[int, int], error: type[Exception] = BrokenProcessPool
    ) -> None:
        self.work, self.losses, self.error, self.begun = work, losses, error, []

    @property
    def count(self) -> int:
        return 2

    def submit(self, fold: Fold) -> Future[FoldRun]:
        self.begun.append(fold.number)
        future: Future[FoldRun] = Future()
        if self.losses.get(fold.number, 0):
            self.losses[fold.number] -= 1
            future.set_exception(self.error("gone"))
        else:
            future.set_result(finish(run_fold(self.work, fold, lambda: False)))
        return future

    def result(self, fold: Fold, future: Future[FoldRun]) -> FoldRun:
        return future.result()

    def close(self) -> None:
        pass


@pytest.mark.slow
def test_a_fold_that_lost_its_worker_is_run_again_and_told(
    panel: Panel, here: BacktestFinished
) -> None:
    work = work_of(panel)
    crew = Unlucky(work, {2: 1, 3: 2})
    events: list[Event] = []
    walking = walk_forward(work, lambda: False, crew)
    while True:
        try:
            events.append(next(walking))
        except StopIteration as end:
            runs = end.value
            break
    assert [r.number for r in runs] == [1, 2, 3, 4]
    assert np.array_equal(
        np.concatenate([r.outcomes["LSTM"].values for r in runs]), here.outcomes["LSTM"].values
    )
    assert crew.begun[0] == 4, "the longest begins first"
    assert sum(isinstance(event, Notice) and "run again" in event.message for event in events) >= 2


@pytest.mark.slow
def test_a_fold_that_loses_every_worker_ends_the_test(panel: Panel) -> None:
    work = work_of(panel)
    crew = Unlucky(work, {3: 99})
    with pytest.raises(CandlecastError, match="fold 3 lost its worker 3 times") as error:
        finish(walk_forward(work, lambda: False, crew))
    assert "--workers" in error.value.hint


def test_an_error_of_the_work_is_raised_at_once(panel: Panel) -> None:
    work = work_of(panel)
    crew = Unlucky(work, {4: 1}, ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        finish(walk_forward(work, lambda: False, crew))


def test_processes_are_taken_only_where_they_pay(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chosen(plan: BacktestConfig = PLAN, **values: Any) -> int:
        work = work_of(panel, quick(**values), plan)
        with executors.local_executor(work, folds_of(work)) as crew:
            return crew.count if crew else 1

    monkeypatch.setattr(executors, "_cores", lambda: 3)
    assert chosen() == 1, "a few seconds of work"
    assert chosen(epochs=3000) == 3
    assert chosen(BacktestConfig(), epochs=3000) == 1, "one fold"
    monkeypatch.setattr(executors, "_cores", lambda: 64)
    assert chosen(epochs=3000) == 4, "not more than folds"
    monkeypatch.setattr(executors, "_cores", lambda: 1)
    assert chosen(epochs=3000) == 1
    for work, count in (
        (work_of(panel), 0),
        (work_of(panel), 1),
        (work_of(panel, plan=BacktestConfig()), 2),
    ):
        assert make_executor(work, count) is None
    assert offspring() == []
    notices = [
        event.message
        for event in run(panel, plan=BacktestConfig(step_size=12), workers=2)
        if isinstance(event, Notice)
    ]
    assert ["one fold" in message for message in notices].count(True) == 1


# Cut short


def stopping_after(folds: int) -> tuple[Callable[[], bool], list[Event]]:
    seen: list[Event] = []
    return lambda: sum(isinstance(event, FoldEnd) for event in seen) >= folds, seen


def stopped(panel: Panel, folds: int, **options: Any) -> list[Event]:
    should_stop, seen = stopping_after(folds)
    for event in jobs.backtest(panel, quick(), PLAN, should_stop=should_stop, **options):
        seen.append(event)
    return seen


@pytest.mark.slow
def test_a_stop_keeps_the_finished_folds(panel: Panel, here: BacktestFinished) -> None:
    *_, last = stopped(panel, 2)
    assert isinstance(last, BacktestFinished)
    assert last.info.stopped == "user"
    kept = len(last.outcomes["LSTM"])
    assert 0 < kept < len(here.outcomes["LSTM"])
    assert np.array_equal(last.outcomes["LSTM"].values, here.outcomes["LSTM"].values[:kept])


def test_a_stop_in_the_first_fold_judges_the_weights_so_far(panel: Panel) -> None:
    *_, last = stopped(panel, 0)
    assert isinstance(last, BacktestFinished)
    assert last.info.stopped == "user"


def test_a_stop_elsewhere_gives_up_the_folds_at_hand(panel: Panel) -> None:
    work = work_of(panel)
    crew = Unlucky(work, {})
    crew.submit = lambda fold: Future()  # type: ignore[method-assign]
    assert finish(walk_forward(work, lambda: True, crew)) == []


def test_the_forecast_without_its_network_is_judged_beside_it(
    panel: Panel, here: BacktestFinished
) -> None:
    with_network, without = here.outcomes["LSTM"], here.outcomes["no-network"]
    adds = here.verdict.network_adds
    assert adds is not None
    assert adds.skill == pytest.approx(compare(with_network, without).skill)
    assert (with_network.cutoff == without.cutoff).all()
    assert here.verdict.reference != "no-network"
    assert any("network" in note for note in here.verdict.notes)


def test_folds_of_a_version_without_that_baseline_still_count(here: BacktestFinished) -> None:
    new = dict(here.outcomes)
    old = {name: item for name, item in new.items() if name != "no-network"}
    assert list(joined([new, old])) == list(joined([old, new])) == list(old)


@pytest.mark.slow
def test_a_test_cut_short_goes_on_where_it_was(
    panel: Panel, here: BacktestFinished, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    stopped(panel, 2, resume=folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "backtest.json",
        "fold-00001.npz",
        "fold-00002.npz",
    ]
    (folder / "fold-00002.npz").write_bytes(
        (folder / "fold-00002.npz").read_bytes()[:-300]
    )  # a disk that lied
    before = (folder / "fold-00001.npz").stat().st_mtime_ns
    events = run(panel, resume=folder)
    assert same(here, events[-1])
    assert sorted(event.fold for event in events if isinstance(event, FoldEnd)) == [1, 2, 3, 4]
    assert any(
        isinstance(event, Notice) and event.message.startswith("1 of 4 folds") for event in events
    )
    assert (folder / "fold-00001.npz").stat().st_mtime_ns == before
    assert same(here, run(panel, resume=folder)[-1]), "all of it from the folder"


def test_folds_of_another_test_are_refused_in_words(panel: Panel, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    stopped(panel, 1, resume=folder)
    with pytest.raises(ConfigError, match="horizon = 4 here and 3 there") as error:
        run(panel, quick(horizon=4), resume=folder)
    assert "new folder" in error.value.hint
    with pytest.raises(ConfigError, match="refit = 2 here and 3 there"):
        run(panel, plan=BacktestConfig(step_size=4, refit=2), resume=folder)
    values = np.array(panel[1].values)
    values[5, 3] *= 1.0001
    with pytest.raises(ConfigError, match="other prices: B has 300 bars"):
        run(Panel((panel[0], dataclasses.replace(panel[1], values=values))), resume=folder)
    with pytest.raises(ConfigError, match="other prices: B has None"):
        run(Panel((panel[0],)), resume=folder)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds no folds"):
        run(panel, resume=tmp_path / "foreign")
    (folder / "backtest.json").write_text("{")
    with pytest.raises(ConfigError, match="cannot be read"):
        run(panel, resume=folder)
    (folder / "backtest.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(ConfigError, match="another version"):
        run(panel, resume=folder)


# Processes that die, for real

LONG = {"epochs": 4000, "patience": 4000}


@pytest.mark.slow
def test_a_killed_process_costs_nothing_but_time(panel: Panel) -> None:
    config = quick(epochs=60, patience=60)
    here = run(panel, config)[-1]
    killer = threading.Thread(target=_kill_one)
    killer.start()
    events = run(panel, config, workers=2)
    killer.join()
    assert same(here, events[-1])
    assert any(isinstance(event, Notice) and "run again" in event.message for event in events)
    assert offspring() == []


def _kill_one() -> None:
    """Kill the first process of a pool that has been working for a moment."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        busy = [child for child in offspring() if child.cpu_times().user > 3]
        if busy:
            busy[0].send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
            return
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.5, 8.0])
def test_cancelling_ends_every_process_at_once(panel: Panel, after_s: float) -> None:
    running = jobs.backtest(panel, quick(**LONG), PLAN, workers=2)
    deadline = None
    for event in running:
        if isinstance(event, Progress) and event.total and deadline is None:
            deadline = time.monotonic() + after_s
        if deadline is not None and time.monotonic() > deadline:
            break
    assert len(offspring()) == 2
    started = time.monotonic()
    running.close()  # type: ignore[attr-defined]
    assert offspring() == []
    assert time.monotonic() - started < 2


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_processes_do_not_outlive_the_program(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from test_backtest import LONG, PLAN, Panel, jobs, quick, simulated\n"
        "if __name__ == '__main__':\n"
        "    for event in jobs.backtest(Panel((simulated(),)), quick(**LONG), PLAN, workers=2):\n"
        "        print(type(event).__name__, getattr(event, 'done', 0), flush=True)\n"
    )
    path = tmp_path / "program.py"
    path.write_text(script)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment
    ) as program:
        assert program.stdout is not None
        for line in program.stdout:
            if line.startswith("Progress") and int(line.split()[1]) > 0:
                break
        left = psutil.Process(program.pid).children(recursive=True)
        assert len(left) >= 2
        program.kill()
    _, alive = psutil.wait_procs(left, timeout=20)
    assert alive == []


# A Dask cluster, for real


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs=50,
    ) as made:
        yield made


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_gives_the_same_numbers_though_a_worker_is_killed(
    panel: Panel, cluster: Any
) -> None:
    config = quick(epochs=40, patience=40)
    here = run(panel, config)[-1]
    events: list[Event] = []
    killed = False
    for event in jobs.backtest(panel, config, PLAN, cluster=cluster.scheduler_address):
        events.append(event)
        if isinstance(event, FoldEnd) and not killed:
            killed = True
            os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
    assert same(here, events[-1])
    notices = [event.message for event in events if isinstance(event, Notice)]
    assert any("lost the worker" in message for message in notices), notices


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_workers_and_a_cluster_give_the_same_numbers_with_inputs(cluster: Any) -> None:
    series = simulated()
    draw = np.random.default_rng(5)
    ahead = np.busday_offset(series.ds[-1].astype("datetime64[D]"), np.arange(1, 6))
    ds = np.concatenate([series.ds, ahead.astype("datetime64[us]")])
    kinds = ("calm", "wild")
    extras = (
        ExogColumn("vix", series.ds, draw.normal(size=len(series))),
        ExogColumn("regime", series.ds, draw.integers(0, 2, len(series)) * 1.0, "category", kinds),
        ExogColumn("plan", ds, draw.normal(size=len(ds))),
    )
    config = quick(hist_exog="vix:delay=2,regime", futr_exog="plan", baselines="drift")
    made = Panel((dataclasses.replace(series, extras=extras),))
    here = run(made, config)[-1]
    assert "no-inputs" in here.outcomes
    assert same(here, run(made, config, workers=2)[-1])
    assert same(here, run(made, config, cluster=cluster.scheduler_address)[-1])


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_is_left_idle_by_a_cancelled_test(panel: Panel, cluster: Any) -> None:
    running = jobs.backtest(panel, quick(**LONG), PLAN, cluster=cluster.scheduler_address)
    for event in running:
        if isinstance(event, Progress) and "2 at work" in event.message:
            break
    time.sleep(2)
    running.close()  # type: ignore[attr-defined]
    from distributed import Client

    with Client(cluster.scheduler_address, set_as_default=False) as client:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and any(client.processing().values()):
            time.sleep(0.1)
        assert not any(client.processing().values())


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_that_is_not_there_is_told_in_words(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from forecasting.backtest import cluster

    monkeypatch.setattr(cluster, "_CONNECT_S", 1)
    with pytest.raises(ConfigError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        run(panel, cluster="tcp://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match="not installed") as error:
        run(panel, cluster="tcp://127.0.0.1:9")
    assert "candlecast[cluster]" in error.value.hint


@pytest.mark.parametrize("address", ["foo", "nonsense://x:1", "tcp://host"])
def test_what_is_no_address_of_a_cluster_is_refused_before_anything_is_asked(
    panel: Panel, address: str
) -> None:
    with pytest.raises(ConfigError, match=f"'{address}' is no address"):
        run(panel, cluster=address)
