"""Files that users have: one of each kind, written by earlier versions of the program
(``golden/make.py``), opens and says what it said.

Figures are compared to six digits where they are read, and to three where they are computed anew:
processors round differently.
"""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from window_bench import idle, texts, window

from app.cli import main
from app.features.project.project_file import read_project
from app.preferences import Preferences
from forecasting.backtest import SavedFolds, Work, saved_folds
from forecasting.config import BacktestConfig, RunConfig
from forecasting.errors import ConfigError
from forecasting.series import Panel
from forecasting.sources import source
from forecasting.sources.options import ReadOptions
from forecasting.store import Journal, RunStore, load
from forecasting.training import TrainedNetwork, TrainingState

GOLDEN = Path(__file__).parent / "golden"
FOLDERS = sorted(path.parent for path in GOLDEN.glob("*/about.json"))
READ, COMPUTED = 1e-6, 1e-3
#: Spares the quick tests the comparison with all exchanges, which finds this one.
EXCHANGE = ("--trading-calendar", "XNYS")
#: What differs from machine to machine, or from day to day.
VOLATILE = (
    "seconds",
    "retrieved_at",
    "source",
    "made_at",
    "versions",
    "p_value",
    "tries",
    "device",
)


@pytest.fixture(params=FOLDERS, ids=lambda path: path.name)
def golden(request: pytest.FixtureRequest, own_folders: Path) -> Path:
    """Give the user of this test the files of another one."""
    shutil.copytree(request.param, own_folders, dirs_exist_ok=True)
    return own_folders


def differences(was: Any, now: Any, rounding: float, where: str = "") -> list[str]:
    """Compare two JSON documents: what was there has to be there still, of the same type,
    numbers to a rounding; more may be there.
    """
    name = where.rpartition(".")[2]
    if name in VOLATILE:
        return []
    if isinstance(was, dict) and isinstance(now, dict):
        missing = [f"{where}.{key} is missing" for key in was.keys() - now.keys()]
        return missing + [
            told
            for key in was.keys() & now.keys()
            for told in differences(was[key], now[key], rounding, f"{where}.{key}")
        ]
    if isinstance(was, list) and isinstance(now, list):
        if len(was) != len(now):
            return (
                []
                if was and isinstance(was[0], str)
                else [f"{where} has {len(now)} items, not {len(was)}"]
            )
        return [
            told
            for index, pair in enumerate(zip(was, now, strict=True))
            for told in differences(*pair, rounding, f"{where}[{index}]")
        ]
    if isinstance(was, bool | None) or isinstance(now, bool | None):
        return [] if was is now else [f"{where} is {now}, not {was}"]
    if isinstance(was, int | float) and isinstance(now, int | float):
        return (
            []
            if math.isclose(was, now, rel_tol=rounding, abs_tol=rounding)
            else [f"{where} is {now}, not {was}"]
        )
    sentence = isinstance(was, str) and " " in was and not was[0].isdigit()
    if isinstance(was, str) and isinstance(now, str) and (sentence or math.isinf(rounding)):
        return []  # sentences may be written better
    return [] if was == now else [f"{where} is {now!r}, not {was!r}"]


def document(name: str, folder: Path) -> Any:
    return json.loads((folder / f"{name}.json").read_text())


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def run_of(folder: Path) -> list[str]:
    words: list[str] = document("about", folder)["run"]
    return words


def test_the_comparison_sees_what_is_gone_and_what_has_changed() -> None:
    was = {"a": 1.0, "b": [{"c": "x"}], "d": None, "seconds": 3}
    assert differences(was, {**was, "a": 1.0 + 1e-9, "more": 1, "seconds": 9}, READ) == []
    assert len(differences(was, {"a": 1.1, "b": [{}], "d": 0}, READ)) == 4


def test_settings_of_the_window_are_still_those(golden: Path) -> None:
    kept = Preferences(golden / "preferences.json")
    assert (kept.style, kept.scale, kept.span, kept.theme) == ("line", "log", "3M", "dark")
    assert kept.indicators == ("sma(20)", "rsi(14)")
    assert (kept.offline, kept.toured, kept.hidden) == (True, True, {"volume"})
    assert RunConfig.from_json(kept.run).changed().model.model == "gru"
    assert kept.recent
    assert not kept.bytes("geometry").isEmpty()
    kept.theme = "light"
    assert kept.save()
    (golden / "window.ini").write_text("[General]\ntheme=system\n")  # it was read once
    again = Preferences(golden / "preferences.json")
    names = ("style", "scale", "span", "indicators", "offline", "toured", "hidden", "run")
    assert [getattr(again, name) for name in names] == [getattr(kept, name) for name in names]
    assert (again.theme, again.bytes("state")) == ("light", kept.bytes("state"))
    json.loads((golden / "preferences.json").read_bytes())


def test_the_store_holds_its_runs_outcomes_and_prices(golden: Path) -> None:
    with RunStore() as store:
        runs = store.runs()
        assert sorted(run.model for run in runs) == ["GRU", "LSTM", "LSTM"]
        for run in runs:
            _, curves = store.find(run.key)
            assert bool(curves.forecasts) == (run.record.kind == "training")
            outcomes = store.outcomes(run.key)
            assert all(np.isfinite(item.values).all() for item in outcomes.outcomes.values())
            assert (len(outcomes.outcomes), len(outcomes.profiles) > 3, outcomes.lacking) == (
                1,
                True,
                "",
            )
        assert not store.findings
    with Journal() as journal:
        assert [len(entry.forecast) for entry in journal.entries()] == [3, 3]
        assert not journal.findings
    (held,) = load(source("yahoo:GOLD"), refresh="never")
    assert (len(held), held.calendar, held.currency) == (60, "XNYS", "USD")


@pytest.mark.parametrize("name", ["inspect", "journal", "runs"])
def test_what_is_stored_is_printed_as_it_was(
    name: str, golden: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {
        "inspect": ("inspect", str(golden / "prices.csv"), *EXCHANGE),
        "journal": ("journal",),
        "runs": ("runs", "list"),
    }[name]
    was, now = document(name, golden), printed(capsys, *words)
    if name == "runs":
        keys = {run["key"] for run in was}
        now = [run for run in now if run["key"] in keys]
    if name == "inspect":  # that its exchange was found is no finding where it is named
        was["findings"] = [item for item in was["findings"] if "XNYS" not in str(item)]
    if name == "journal":  # the window made a forecast after this was printed
        now["entries"] = [entry for entry in now["entries"] if entry["model"] == "LSTM"]
    assert differences(was, now, READ) == []


def test_a_saved_model_forecasts_as_it_did(
    golden: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = printed(
        capsys,
        "forecast",
        str(golden / "prices.csv"),
        "--model-file",
        str(golden / "model.candlecast"),
        "--no-journal",
        *EXCHANGE,
    )
    was = document("forecast", golden)
    names = ("symbol", "model", "cutoff", "forecast")
    assert differences({name: was[name] for name in names}, made, COMPUTED) == []
    assert TrainedNetwork.load(golden / "model.candlecast").config.task.input_size == 12


def test_a_training_that_was_left_and_folds_that_were_finished_are_read(golden: Path) -> None:
    state = TrainingState.load(golden / "left.training")
    assert state.config.train.epochs == 3
    folds = [saved_folds.read_fold(path) for path in sorted((golden / "folds").glob("fold-*.npz"))]
    was = document("backtest", golden)
    assert [fold is not None for fold in folds] == [True, True]
    assert sum(len(fold.outcomes["LSTM"]) for fold in folds if fold) == was["origins"]
    assert sum(fold.epochs for fold in folds if fold) == was["run"]["epochs"]


def test_a_project_is_read_with_its_run(golden: Path) -> None:
    kept = read_project(golden / "mine.candleproject")
    assert [row.symbol for row in kept.rows] == ["prices"]
    assert (kept.view.style, kept.view.scale, kept.view.span) == ("line", "log", "3M")
    assert kept.run_config.model.model == "gru"
    assert kept.shown is not None
    run, curves = kept.shown.unpack()
    assert (run.model, len(curves.forecasts[0]), len(curves.history)) == ("GRU", 3, 3)


@pytest.mark.slow
def test_a_window_opens_with_all_that_was_there(golden: Path, qapp: object) -> None:
    with window(golden, str(golden / "mine.candleproject")) as bench:
        idle(bench)
        assert [row.symbol for row in bench.session.watchlist.rows] == ["prices"]
        assert bench.session.result is not None
        bench.results.judged.unfold_button.setChecked(True)
        assert "GRU" in texts(bench.results)
        assert bench.model.config().model.hidden_size == 4
        bench.session.unsaved = False


@pytest.mark.slow
def test_the_run_prints_what_it_printed_and_gives_its_figures(
    golden: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prices, about = str(golden / "prices.csv"), document("about", golden)
    assert differences(document("inspect", golden), printed(capsys, "inspect", prices), READ) == []
    made = {
        "forecast": printed(capsys, "forecast", prices, *about["run"], "--no-journal"),
        "backtest": printed(capsys, "backtest", prices, *about["run"], *about["walk"]),
    }
    for name, now in made.items():
        assert differences(document(name, golden), now, math.inf) == [], (
            "the fields of the document are a contract"
        )
    assert differences(document("figures", GOLDEN), made, COMPUTED) == []


@pytest.mark.slow
def test_finished_folds_and_a_left_training_are_gone_on_with(
    golden: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prices, folds = str(golden / "prices.csv"), golden / "folds"
    stamps = [path.stat().st_mtime_ns for path in sorted(folds.glob("*.npz"))]
    words = (*run_of(golden), *document("about", golden)["walk"], "--resume", str(folds))
    assert (
        differences(document("backtest", golden), printed(capsys, "backtest", prices, *words), READ)
        == []
    )
    assert [path.stat().st_mtime_ns for path in sorted(folds.glob("*.npz"))] == stamps
    longer = [
        "5" if word == "3" and before == "--epochs" else word
        for before, word in zip(["", *run_of(golden)], run_of(golden), strict=False)
    ]
    made = printed(
        capsys,
        "forecast",
        prices,
        *longer,
        "--train-on",
        str(golden / "left.training"),
        "--no-journal",
    )
    assert made["run"]["epochs"] == 5


def test_a_setting_that_came_later_does_not_make_finished_folds_those_of_another_test(
    golden: Path,
) -> None:
    described = golden / "folds" / "backtest.json"
    before = json.loads(described.read_text())
    del before["model"]["layer_norm"]
    described.write_text(json.dumps(before))
    panel = Panel(source(str(golden / "prices.csv"), ReadOptions(trading_calendar="XNYS")).load())
    config = RunConfig.model_validate(
        {group: before[group] for group in ("task", "inputs", "model", "train")}
    )
    work = Work(
        panel,
        config,
        BacktestConfig(**before["plan"]),
        tuple(before["quantiles"]["levels"]),
        tuple(before["baselines"]["names"]),
    )
    assert SavedFolds(golden / "folds", work)[1] is not None
    with pytest.raises(ConfigError, match="layer"):
        SavedFolds(golden / "folds", replace(work, config=config.changed(layer_norm=True)))
