"""The runs of the store on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_runs import result

from app.cli import main
from forecasting.store import RunStore
from forecasting.store.runs import recorded


@pytest.fixture
def keys() -> list[str]:
    with RunStore() as store:
        found = [store.add(*recorded(result(horizon=horizon))).key for horizon in (4, 5)]
        store.note(found[0], "[b]x[/b]")
    return found


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["runs", *words]) == 0
    return capsys.readouterr().out


def test_runs_are_listed_shown_compared_and_deleted(
    keys: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    listed = told(capsys, "list")
    assert all(key in listed for key in keys)
    assert "[b]x[/b]" in listed
    assert [run["key"] for run in json.loads(told(capsys, "list", "--json"))] == keys[::-1]
    assert [run["key"] for run in json.loads(told(capsys, "list", "]X[", "gru", "--json"))] == keys[
        :1
    ]
    shown = json.loads(told(capsys, "show", keys[0][:6], "--json"))
    assert (shown["config"]["task"]["horizon"], shown["series"][0]["symbol"], shown["notes"]) == (
        4,
        "AAA",
        "[b]x[/b]",
    )
    assert "ties with the random walk" in told(capsys, "show", keys[0])
    assert json.loads(told(capsys, "diff", *keys, "--json")) == [
        {"what": "Horizon", keys[0]: "4", keys[1]: "5"}
    ]
    told(capsys, "delete", *keys)
    assert "No runs" in told(capsys, "list")


def test_a_home_that_is_no_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("CANDLECAST_HOME", str(tmp_path / "file"))
    assert main(["runs", "list"]) == 2
    assert "cannot be used" in capsys.readouterr().err
    monkeypatch.setenv("CANDLECAST_HOME", str(tmp_path / "none"))
    assert main(["runs", "list"]) == 0


def test_what_is_not_there_is_told(keys: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "show", "zz"]) == 2
    assert "There is no run" in capsys.readouterr().err
    assert main(["runs", "delete", keys[0], "zz"]) == 2
    assert len(json.loads(told(capsys, "list", "--json"))) == 2, "all or none"


@pytest.mark.slow
def test_a_run_is_made_again_with_the_same_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = [
        "forecast",
        "sample:sp500",
        "--model",
        "rnn",
        "--hidden-size",
        "4",
        "--epochs",
        "1",
        "--horizon",
        "3",
        "--test-size",
        "100",
    ]
    assert main(trained) == 0
    assert main([*trained, "--no-keep-run", "--seed", "1"]) == 0
    capsys.readouterr()
    (key,) = [run["key"] for run in json.loads(told(capsys, "list", "--json"))]
    again = json.loads(told(capsys, "reproduce", key[:3], "--json"))
    assert again["prices_unchanged"]
    assert again["skill_now"] == pytest.approx(again["skill_then"])


@pytest.mark.slow
def test_runs_with_inputs_and_of_a_pair_are_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--horizon", "2", "--hidden-size", "4", "--epochs", "1", "--input-size", "20"]
    macro = tmp_path / "macro.csv"
    days = np.busday_offset("1998-12-01", np.arange(5500), roll="forward")
    values = np.random.default_rng(0).normal(size=days.size).cumsum()
    macro.write_text("date,vix\n" + "\n".join(map("{},{:.4f}".format, days, values)))
    inputs = ["--inputs", str(macro), "--input", "vix:change:delay=1", "--input", "volume:zscore"]
    assert main(["forecast", "sample:sp500", *small, *inputs]) == 0
    pair = ["forecast", "sample:sp500", "sample:nasdaq", *small, "--target", "ratio:nasdaq"]
    assert main(pair) == 0
    capsys.readouterr()
    for run in json.loads(told(capsys, "list", "--json")):
        again = json.loads(told(capsys, "reproduce", run["key"], "--json"))
        assert again["prices_unchanged"]
        assert again["same"]
    macro.write_text(macro.read_text().replace(",-", ","))
    assert main(["runs", "reproduce", run["key"]]) == 0
    assert "The input vix of sp500 has changed" in capsys.readouterr().err
