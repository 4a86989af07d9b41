"""The command line as its users meet it: documents, tables, files, refusals, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from app.cli import _with_refit, main
from app.cli.documents import stamps, to_json
from app.cli.flags import pairs, quantile_levels, run_config
from app.cli.loading import load
from app.cli.outcomes import write_outcomes
from app.cli.progress import Stopper, UnfinishedError, finish
from app.cli.tables import price_format
from forecasting import jobs
from forecasting.config import QUANTILES, RunConfig
from forecasting.errors import ConfigError, ExportError
from forecasting.events import AuditFinished, Check, Event, Notice, Progress
from forecasting.series import Outcomes, PriceSeries

ROOT = Path(__file__).resolve().parents[1]
FORMATS = ROOT.parent / "shared" / "data" / "formats"
QUICK = (
    "--epochs",
    "2",
    "--lookback",
    "12",
    "--horizon",
    "3",
    "--hidden-size",
    "4",
    "--device",
    "cpu",
)
FORECAST_FIELDS = [
    "symbol", "model", "cutoff", "forecast", "quantiles", "scores", "series_scores", "calibration",
    "verdict", "run", "findings",
    "not_loaded", "left_out",
]  # fmt: skip
BANDS = {"ds", "median", "lo-80", "hi-80", "lo-95", "hi-95"}


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _prices(tmp_path_factory.mktemp("prices") / "AAA.csv", seed=1)


def _prices(path: Path, seed: int) -> Path:
    """Write a random walk with open, high, low, close and volume, 420 weekdays long."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 420)))
    spread = 1 + rng.uniform(0.001, 0.01, 420)
    frame = pd.DataFrame(
        {
            "Date": pd.bdate_range("2022-01-03", periods=420),
            "Open": close / spread**0.5,
            "High": close * spread,
        }
    )
    frame = frame.assign(Low=close / spread, Close=close, Volume=rng.integers(1000, 9000, 420))
    frame.to_csv(path, index=False, date_format="%Y-%m-%d")
    return path


def _document(capsys: pytest.CaptureFixture[str], *words: str | Path) -> Any:
    """Run a command and return the one JSON document on its stdout."""
    status = main([str(word) for word in words])
    out, err = capsys.readouterr()
    assert status == 0, err
    return json.loads(out)


def _refusal(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """Run a command that must be refused, and return what it says."""
    status = main([str(word) for word in words])
    out, err = capsys.readouterr()
    assert status == 2
    assert out == ""
    assert err.startswith("Error: ")
    assert "Traceback" not in err
    assert 2 <= len(err.strip().splitlines()) <= 3
    return err


def test_forecast_document_has_the_promised_fields(
    csv: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    found = _document(
        capsys,
        "forecast",
        csv,
        *QUICK,
        "--model",
        "gru",
        "--seed",
        "3",
        "--save",
        tmp_path / "model",
        "--json",
    )
    assert list(found) == FORECAST_FIELDS
    assert (found["symbol"], found["model"], found["cutoff"]) == (
        "AAA",
        "GRU",
        "2023-08-11 00:00:00",
    )
    assert [set(row) for row in found["forecast"]] == [BANDS] * 3
    assert [row["ds"][:10] for row in found["forecast"]] == [
        "2023-08-14",
        "2023-08-15",
        "2023-08-16",
    ]
    for row in found["forecast"]:
        assert 0 < row["lo-95"] < row["lo-80"] < row["median"] < row["hi-80"] < row["hi-95"]
    assert list(found["scores"])[:3] == ["GRU", "random-walk", "drift"]
    assert all(
        {"mae", "rmse", "mase", "crps", "coverage_80"} <= set(scores)
        for scores in found["scores"].values()
    )
    assert found["verdict"]["outcome"] in ("beats", "ties", "loses")
    assert set(found["run"]) == {"seconds", "epochs", "device", "seed", "stopped"}
    assert (found["run"]["epochs"], found["run"]["seed"], found["run"]["stopped"]) == (
        2,
        3,
        "epochs",
    )

    assert found["series_scores"] == found["scores"], "a panel of one"
    words = ("--export", tmp_path / "f.csv", "--export", tmp_path / "f.svg")
    again = _document(capsys, "forecast", csv, "--model-file", tmp_path / "model", *words, "--json")
    assert again["forecast"] == found["forecast"]
    assert pd.read_csv(tmp_path / "f.csv")["GRU-median"].tolist() == [
        row["median"] for row in again["forecast"]
    ]
    assert "it was not judged on these prices" in (tmp_path / "f.svg").read_text()
    assert (again["scores"], again["run"], again["verdict"]) == ({}, None, None)

    other = _document(capsys, "forecast", csv, *QUICK, "--epochs", "1", "--json")
    assert (found["verdict"]["tries"], other["verdict"]["tries"]) == (1, 2)
    assert any(
        note.startswith("2 configurations were tried on this test part")
        for note in other["verdict"]["notes"]
    )


@pytest.mark.slow
def test_a_panel_gives_a_list_and_a_picture_of_each(
    csv: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other = _prices(csv.with_name("BBB.csv"), seed=2)
    words = ("--export", tmp_path / "f.svg", "--export", tmp_path / "f.csv")
    missing = csv.with_name("missing.csv")
    found = _document(
        capsys, "forecast", csv, missing, other, *QUICK, "--epochs", "1", *words, "--json"
    )
    assert [item["source"] for item in found[1]["not_loaded"]] == [str(missing)]
    assert (
        found[0]["scores"]
        == found[1]["scores"]
        != found[0]["series_scores"]
        != found[1]["series_scores"]
    )
    both = [item["series_scores"]["LSTM"]["mae"] for item in found]
    assert np.mean(both) == pytest.approx(found[0]["scores"]["LSTM"]["mae"]), (
        "as many origins of each"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f-BBB.svg", "f.csv", "f.svg"]
    assert list(pd.read_csv(tmp_path / "f.csv")["unique_id"].unique()) == ["AAA", "BBB"]
    for name, symbol in (("f.svg", "AAA"), ("f-BBB.svg", "BBB")):
        assert symbol in (tmp_path / name).read_text()
    assert [item["symbol"] for item in found] == ["AAA", "BBB"]
    assert [item["symbol"] for item in _document(capsys, "inspect", csv, other, "--json")] == [
        "AAA",
        "BBB",
    ]


def test_tables_name_every_model_and_the_verdict(
    csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["forecast", str(csv), *QUICK, "--by-step"]) == 0
    out, err = capsys.readouterr()
    assert all(name in out for name in ("LSTM by bar ahead", "90 % band"))
    assert "2023-08-14" in out
    assert all(
        name in out
        for name in (
            "LSTM",
            "Random walk",
            "Drift",
            "HAR volatility",
            "No network",
            " over 3 bars",
            "CRPS over the levels 0.025, ",
        )
    )
    assert err == ""  # nothing but the result where nobody looks on


def test_flags_override_the_file(
    csv: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    saved = tmp_path / "run.json"
    saved.write_text(
        RunConfig()
        .changed(model="rnn", horizon=2, epochs=1, input_size=12, hidden_size=4, seed=7)
        .to_json()
    )
    found = _document(
        capsys,
        "forecast",
        csv,
        "--config",
        saved,
        "--horizon",
        "4",
        "--baselines",
        "ets,theta",
        "--json",
    )
    assert (found["model"], len(found["forecast"]), found["run"]["seed"]) == ("RNN", 4, 7)
    assert list(found["scores"]) == ["RNN", "random-walk", "ets", "theta", "no-network"]
    assert set(found["verdict"]["network_adds"]) == {"skill", "p_value"}


def test_every_setting_is_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", "--help"]) == 0
    text = capsys.readouterr().out
    for flag in (
        "--input-size",
        "--hidden-size",
        "--bidirectional",
        "--learning-rate",
        "--step-size",
        "--refit",
        "--columns",
        "--period",
        "--workers",
    ):
        assert flag in text
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("candlecast ")


def test_backtest_writes_long_rows(
    csv: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    files = tmp_path / "o.parquet", tmp_path / "o.csv"
    words = (
        "--test-size",
        "40",
        "--step-size",
        "4",
        "--quantiles",
        "0.1:0.9:0.1",
        "--export",
        files[0],
        "--export",
        files[1],
    )
    found = _document(capsys, "backtest", csv, *QUICK, *words, "--by-step", "--json")
    steps, scores = found["by_step"]["LSTM"], found["scores"]["LSTM"]
    assert [len(steps[name]) for name in scores] == [3] * len(scores)
    assert np.mean(steps["mae"]) == pytest.approx(scores["mae"])
    assert found["calibration"]["LSTM"]["80"] == scores["coverage_80"]
    assert list(found["calibration"]["drift"]) == ["20", "40", "50", "60", "80", "90", "95"]
    assert (found["model"], found["horizon"], found["step_size"], found["symbols"]) == (
        "LSTM",
        3,
        4,
        ["AAA"],
    )
    table = pd.read_parquet(files[0])
    levels = [f"q0.{n}" for n in range(1, 10)]
    assert list(table.columns) == ["model", "unique_id", "cutoff", "ds", "y0", "y", *levels]
    assert len(table) == len(found["scores"]) * found["origins"] * 3
    assert (np.diff(table[levels], axis=1) >= 0).all()
    for model, rows in table.groupby("model"):
        assert abs(rows["y"] - rows["q0.5"]).mean() == pytest.approx(found["scores"][model]["mae"])
        losses = [
            np.maximum(q * (rows["y"] - rows[f"q{q:g}"]), (q - 1) * (rows["y"] - rows[f"q{q:g}"]))
            for q in found["quantiles"]
        ]
        assert 2 * np.mean(losses) == pytest.approx(found["scores"][model]["crps"]), (
            "the file gives the CRPS that is printed"
        )
    assert found["quantiles"] == pytest.approx([n / 10 for n in range(1, 10)])
    truth = pd.read_csv(csv, parse_dates=["Date"]).set_index("Date")["Close"]
    assert np.allclose(table["y"], truth.loc[table["ds"]])
    assert np.allclose(table["y0"], truth.loc[table["cutoff"]])
    text = pd.read_csv(files[1], parse_dates=["cutoff", "ds"])
    pd.testing.assert_frame_equal(text, table, check_dtype=False)
    assert sorted(tmp_path.iterdir()) == sorted(files)


def test_audit_tells_passed_from_failed(
    csv: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = Check("inputs", True, "unchanged"), Check("noise", False, "skill 9 %")
    for checks, status in (((good,), 0), ((good, bad), 1)):
        finished = AuditFinished(checks)
        monkeypatch.setattr(jobs, "audit", lambda *_args, finished=finished: iter([finished]))
        assert main(["audit", str(csv)]) == status
        assert capsys.readouterr().out.splitlines()[0] == "ok     inputs: unchanged"
        assert main(["audit", str(csv), "--json"]) == status
        assert json.loads(capsys.readouterr().out)["passed"] == (status == 0)


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "o.csv"
    target.write_text("old")
    ds = np.array([["2020-01-02T00:00:00", "2020-01-03T00:00:00"]], "datetime64[us]")
    item = Outcomes(
        "M", np.array(["A"]), ds[:, 0], ds, np.ones(1), np.ones((1, 2)), (0.5,), np.ones((1, 2, 1))
    )

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(ExportError, match="No space left"):
            write_outcomes(target, {"M": item}, (0.5,))
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
    write_outcomes(target, {"M": item}, (0.5,))
    assert (
        target.read_text().splitlines()[1]
        == '"M","A",2020-01-02 00:00:00,2020-01-02 00:00:00,1,1,1'
    )
    with pytest.raises(ExportError, match=r"'\.xyz'"):
        write_outcomes(tmp_path / "o.xyz", {"M": item}, (0.5,))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["forecast", "missing.csv"], "missing.csv"),
        (["forecast", "sample:none"], "sample"),
        (["forecast"], "SOURCE"),
        (["forecast", "sample:sp500", "--epochs", "0"], "--epochs"),
        (["forecast", "sample:sp500", "--model", "cnn"], "--model"),
        (["forecast", "sample:sp500", "--horizon", "-3"], "'-3' is not possible for '--horizon'"),
        (["forecast", "sample:sp500", "--device", "foo"], "Choose auto, cpu"),
        (["forecast", "sample:sp500", "--learning-rate", "0"], "learning_rate"),
        (["forecast", "sample:sp500", "--config", "missing.json"], "missing.json"),
        (["forecast", "sample:sp500", "--save", "/nowhere/at/all/m"], "/nowhere/at/all"),
        (["forecast", "sample:sp500", "--save", "/"], "cannot be written"),
        (["forecast", "sample:sp500", "--model-file", "m", "--epochs", "3"], "--epochs"),
        (["forecast", "sample:sp500", "--model-file", "missing"], "missing"),
        (
            ["forecast", "sample:sp500", "--model-file", "missing", "--export", "report.html"],
            "not judged",
        ),
        (["forecast", "sample:sp500", "--baselines", "auto, arima"], "'arima'"),
        (["forecast", "sample:sp500", "--input-size", "5000"], "sp500"),
        (["backtest", "sample:sp500", "--quantiles", "0:1:0.1"], "--quantiles"),
        (["backtest", "sample:sp500", "--export", "o.xlsx"], ".xlsx"),
        (["forecast", "sample:sp500", "--export", "o.xyz"], ".png"),
        (["inspect", "sample:sp500", "--columns", "date"], "--columns"),
        (["inspect", "https://example.org/a.csv"], "address"),
        (["nonsense"], "nonsense"),
        (["forecast", "--nonsense"], "--nonsense"),
    ],
)
def test_refusals_are_one_message_with_a_hint(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in _refusal(capsys, *words)


def test_prices_are_found_again_from_another_folder(
    csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(csv.parent)
    assert load([csv.name], {}, None).panel[0].provenance.source == str(csv.resolve())


def test_a_series_shorter_than_the_lookback_is_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-03-01"))
    rows = [f"{day},OLD,{100 + index % 7}" for index, day in enumerate(days)] + [
        f"{day},NEW,{50 + day.astype(int) % 3}" for day in days[-9:]
    ]
    file = tmp_path / "two.csv"
    file.write_text("date,symbol,close\n" + "\n".join(rows) + "\n")
    loaded = load([str(file)], {}, None, 10)
    assert loaded.panel.symbols == ("OLD",)
    assert [refused["source"] for refused in loaded.refused] == ["NEW"]
    assert "NEW has 9 bars" in capsys.readouterr().err
    assert len(load([str(file)], {}, None).panel) == 2


def test_a_fault_of_ours_is_short_unless_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: Any, **_more: Any) -> Iterator[Event]:
        raise ZeroDivisionError("by nought")
        yield

    monkeypatch.setattr(jobs, "load", broken)
    assert main(["inspect", "sample:sp500"]) == 1
    short = capsys.readouterr().err
    assert "ZeroDivisionError: by nought" in short
    assert "Traceback" not in short
    assert main(["inspect", "sample:sp500", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_keeps_the_best_and_writes_what_was_asked(
    csv: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(jobs, "train", _interrupted(jobs.train))
    words = ("--epochs", "1000", "--patience", "1000", "--save", str(tmp_path / "model"), "--json")
    before = signal.getsignal(signal.SIGINT)
    status = main(["forecast", str(csv), *QUICK, *words])
    out, err = capsys.readouterr()
    assert status == 130
    assert json.loads(out)["run"]["stopped"] == "user"
    assert json.loads(out)["run"]["epochs"] < 1000
    assert (tmp_path / "model").stat().st_size > 0
    assert "Stopping" in err
    assert signal.getsignal(signal.SIGINT) is before


def _interrupted(train: Any) -> Any:
    """Return the job with a Ctrl-C in its second epoch."""

    def job(*args: Any, **more: Any) -> Iterator[Event]:
        for event in train(*args, **more):
            yield event
            if getattr(event, "epoch", 0) == 1 and not args[-1]():
                signal.raise_signal(signal.SIGINT)

    return job


def test_a_second_ctrl_c_aborts() -> None:
    with Stopper().listening() as stopper:
        signal.raise_signal(signal.SIGINT)
        assert stopper()
        assert stopper.exit_status == 130
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_sigterm_stops_as_ctrl_c_does() -> None:
    with Stopper().listening() as stopper:
        assert not stopper()
        signal.raise_signal(signal.SIGTERM)
    assert stopper.exit_status == 143


def test_progress_is_shown_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def job() -> Iterator[Event]:
        yield Progress(1, 4, "Epoch 1 of 4", 75.0)
        print("a library chatters")
        yield Notice("The network is slow.", "Wait.")

    assert finish(job(), Notice).hint == "Wait."
    out, err = capsys.readouterr()
    assert out == ""
    assert "Epoch" not in err
    assert "Note: The network is slow. Wait." in err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    finish(job(), Notice)
    out, err = capsys.readouterr()
    assert out == ""
    assert "1:15 left" in err


def test_a_job_stopped_before_its_result_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnfinishedError):
        finish(iter([Progress(0, 1, "x")]), Notice)
    monkeypatch.setattr(jobs, "backtest", lambda *_args, **_more: iter([]))
    assert main(["backtest", "sample:sp500"]) == 130
    assert "Nothing was written" in capsys.readouterr().err


def test_readings_of_small_languages() -> None:
    assert quantile_levels("0.01:0.99:0.01") == tuple(round(n / 100, 2) for n in range(1, 100))
    assert quantile_levels("0.9,0.1, 0.5") == (0.1, 0.5, 0.9)
    for bad in (
        "",
        "a",
        "0.1:0.9",
        "0.1:0.9:0",
        "1",
        "0.5,nan",
        "0.001:0.999:0.0001",
        "0.9:0.1:0.1",
        "0.1:inf:0.1",
    ):
        with pytest.raises(ConfigError):
            quantile_levels(bad)
    assert pairs("date=Datum, close=4") == {"date": "Datum", "close": 4}
    assert _with_refit(["a", "--refit", "--json"]) == ["a", "--refit", "1", "--json"]
    assert _with_refit(["--refit", "50", "--refit"]) == ["--refit", "50", "--refit", "1"]
    assert (price_format(2785.7)(1234.5), price_format(0.0123)(0.0123), price_format(0.0)(0.0)) == (
        "1,234.50",
        "0.012300",
        "0.0000",
    )
    assert price_format(3e300)(3.21e300) == "3.2100e300"


def test_json_holds_no_nan() -> None:
    assert json.loads(
        to_json({"a": [float("nan"), np.float64("inf"), np.int64(3), np.float32(0.5), None, True]})
    ) == {"a": [None, None, 3, 0.5, None, True]}


def test_times_carry_the_zone_where_bars_have_one() -> None:
    days = np.array(["2024-07-01", "2024-07-02"], "datetime64[us]")
    item = np.ones((2, 1))
    assert (
        stamps(PriceSeries("D", days, ("close",), item, tz="America/New_York"))(days[0])
        == "2024-07-01 00:00:00"
    )
    hours = days + np.timedelta64(9, "h")
    assert (
        stamps(PriceSeries("H", hours, ("close",), item, tz="America/New_York"))(hours[0])
        == "2024-07-01 09:00:00-04:00"
    )
    assert stamps(PriceSeries("U", hours, ("close",), item))(hours[0]) == "2024-07-01 09:00:00"


def _expected() -> dict[str, dict[str, Any]]:
    path = FORMATS / "expected.json"
    return json.loads(path.read_text()) if path.is_file() else {}


@pytest.mark.skipif(
    not FORMATS.is_dir(),
    reason="shared/data/formats is not here: vendors' files are not part of the project",
)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if number % 4 else ())
        for number, name in enumerate(sorted(_expected()))
    ],
)
def test_inspect_says_of_real_files_what_they_hold(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = _expected()[name]
    found = _document(capsys, "inspect", FORMATS / wanted["file"], "--json")
    assert set(found) == {
        *("symbol", "bars", "first_ds", "last_ds", "first_close", "last_close", "last_volume"),
        *(
            "columns",
            "freq",
            "timezone",
            "calendar",
            "currency",
            "prices",
            "source",
            "retrieved_at",
            "content_hash",
            "inputs",
            "findings",
        ),
    }
    for field in ("bars", "first_ds", "last_ds", "first_close", "last_close", "last_volume"):
        if field in wanted:
            assert found[field] == (
                wanted[field] if isinstance(wanted[field], str) else pytest.approx(wanted[field])
            ), field


@pytest.mark.slow
def test_ctrl_c_from_outside(csv: Path, tmp_path: Path) -> None:
    """A real SIGINT to a real process: the model is written and the exit status tells."""
    script = (
        "import sys; from forecasting import jobs; from app.cli import main; real = jobs.train\n"
        "def train(*args, **more):\n"
        "    for event in real(*args, **more):\n"
        "        yield event\n"
        "        if getattr(event, 'epoch', 0) == 1: print('training', file=sys.stderr, "
        "flush=True)\n"
        "jobs.train = train\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    words = [
        str(csv),
        *QUICK,
        "--epochs",
        "100000",
        "--patience",
        "100000",
        "--json",
        "--save",
        str(tmp_path / "m"),
    ]
    command = [sys.executable, "-c", script, "forecast", *words]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stderr is not None
        for line in program.stderr:
            if line.startswith("training"):
                break
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=120)
    assert program.returncode == 130, err
    assert json.loads(out)["run"]["stopped"] == "user"
    assert (tmp_path / "m").exists()


def test_default_quantiles_hold_the_bands() -> None:
    assert {0.025, 0.1, 0.5, 0.9, 0.975} <= set(QUANTILES)


def test_a_flag_without_effect_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    run_config(None, {"memory": 80, "model": "rnn", "layers": 2})
    assert capsys.readouterr().err == "Note: --memory has no effect with --model rnn.\n"
    run_config(None, {"memory": 80, "model": "lstm", "heads": None})
    assert capsys.readouterr().err == ""
