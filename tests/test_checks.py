"""What is refused, left out or told before any work begins, from the command line and from the
jobs.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from app.cli import main
from forecasting import jobs
from forecasting.bundle import read_bundle, write_bundle
from forecasting.checks import Frequency, check_distances, check_sizes, common_distance, ended
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError, ConfigError, DataError
from forecasting.events import EpochEnd, Event, ForecastMade, LeftOut, Notice, RunFinished
from forecasting.series import Finding, Panel, PriceSeries

QUICK = RunConfig().changed(epochs=1, input_size=8, horizon=3, hidden_size=2, device="cpu")
FLAGS = (
    "--epochs",
    "1",
    "--lookback",
    "8",
    "--horizon",
    "3",
    "--hidden-size",
    "2",
    "--device",
    "cpu",
)
FLAGS = (*FLAGS, "--no-journal", "--no-keep-run")


def walk(
    symbol: str, dates: Any, freq: str, size: float = 0.01, seed: int = 0, **more: Any
) -> PriceSeries:
    draw = np.random.default_rng(seed + len(symbol))
    ds = np.asarray(dates, "datetime64[us]")
    close = 100 * np.exp(np.cumsum(draw.normal(0, size, ds.size)))
    return PriceSeries(symbol, ds, ("close",), close[:, None], freq, **more)


def daily(symbol: str = "DAY", bars: int = 160, **more: Any) -> PriceSeries:
    return walk(symbol, pd.bdate_range("2023-01-02", periods=bars), "1D", **more)


def weekly(symbol: str = "WEEK", bars: int = 160, **more: Any) -> PriceSeries:
    return walk(symbol, pd.date_range("2020-01-03", periods=bars, freq="W-FRI"), "1W", **more)


def monthly(symbol: str = "MONTH", bars: int = 160, **more: Any) -> PriceSeries:
    return walk(symbol, pd.date_range("2005-01-31", periods=bars, freq="ME"), "1M", **more)


def write(folder: Path, *panel: PriceSeries) -> Path:
    path = folder / "panel.csv"
    parts = [
        pd.DataFrame({"symbol": item.symbol, "date": item.ds, "close": item.y}) for item in panel
    ]
    pd.concat(parts).to_csv(path, index=False, date_format="%Y-%m-%d")
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of daily log returns."""
    path = tmp_path_factory.mktemp("network") / "daily.model"
    finished = list(jobs.train(Panel((daily(),)), QUICK))[-1]
    assert isinstance(finished, RunFinished)
    finished.forecaster.save(path)
    return path


def predicted(path: Path, *panel: PriceSeries) -> list[Event]:
    return list(jobs.predict(Panel(panel), path, "cpu"))


def forecasts(events: Sequence[Event]) -> list[str]:
    made = events[-1]
    assert isinstance(made, ForecastMade)
    return [item.symbol for item in made.forecasts]


# Distances of bars


def test_bars_of_different_distances_are_refused_before_training() -> None:
    for other, common in ((weekly(), "1W"), (monthly(), "1M")):
        with pytest.raises(DataError, match="daily: DAY; ") as refused:
            next(
                iter(
                    [
                        event
                        for event in jobs.train(Panel((daily(), other)), QUICK)
                        if isinstance(event, EpochEnd)
                    ]
                )
            )
        assert f"--resample {common}" in refused.value.hint
    with pytest.raises(DataError, match="weekly: WEEK; monthly: MONTH") as refused:
        check_distances(Panel((weekly(), monthly())))
    assert "--resample" not in refused.value.hint, "weeks do not fill months"


def test_irregular_bars_of_the_same_usual_distance_go_with_regular_ones() -> None:
    some = walk(
        "SOME",
        pd.bdate_range("2023-01-02", periods=160)[np.random.default_rng(0).random(160) > 0.4],
        "",
    )
    check_distances(Panel((daily(), some)))
    with pytest.raises(DataError, match="irregular"):
        check_distances(Panel((weekly(), some)))
    check_distances(Panel((weekly(), walk("ONE", ["2023-01-02"], ""))))


def test_bars_can_be_joined_to_a_common_distance_only_where_they_fill_it() -> None:
    hour, day = 3_600_000_000, 86_400_000_000
    assert common_distance([Frequency("1h", hour), Frequency("1D", day)]) == "1D"
    assert common_distance([Frequency("1D", day), Frequency("3M", 90 * day)]) == ""
    assert common_distance([Frequency("1D", day), Frequency("", 3 * day)]) == ""


def test_the_command_line_joins_bars_by_choice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, daily(bars=900), weekly())
    assert main(["forecast", str(path), *FLAGS]) == 2
    assert "--resample 1W" in capsys.readouterr().err
    assert main(["lr-find", str(path), *FLAGS[:-2], "--resample", "1W"]) == 0


# Series that are too short or ended


def test_a_short_series_is_left_out_and_named_everywhere(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, daily("LONG"), daily("TINY", 5))
    for command in (
        ["forecast", str(path), *FLAGS],
        ["forecast", str(path), "--model-file", str(network), "--no-journal"],
        [
            "backtest",
            str(path),
            *FLAGS[:-2],
            "--no-keep-run",
            "--step-size",
            "8",
            "--baselines",
            "drift",
        ],
    ):
        assert main(command) == 0
        assert "TINY has 5 bars; the lookback needs 8. It is left out." in capsys.readouterr().out


def test_a_series_that_ended_is_told_and_not_forecast(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    panel = Panel((daily("GONE", 100), daily("HERE")))
    events = list(jobs.train(panel, QUICK))
    finished = events[-1]
    assert isinstance(finished, RunFinished)
    assert [item.symbol for item in finished.result.forecasts] == ["HERE"]
    assert all(
        forecasts([event]) == ["HERE"] for event in events if isinstance(event, ForecastMade)
    )
    assert "GONE" in finished.result.left_out
    assert finished.result.panel.symbols == ("GONE", "HERE"), "it is learned from"
    assert forecasts(predicted(network, *panel)) == ["HERE"]
    assert any(
        isinstance(event, LeftOut) and "GONE" in event.why for event in predicted(network, *panel)
    )
    assert (
        main(
            [
                "forecast",
                str(write(tmp_path, *panel)),
                "--model-file",
                str(network),
                "--no-journal",
                "--json",
            ]
        )
        == 0
    )
    document = json.loads(capsys.readouterr().out)
    assert document["symbol"] == "HERE"
    assert [item["symbol"] for item in document["left_out"]] == ["GONE"]


def test_a_backtest_names_the_series_that_ended_before_its_test_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, daily("GONE", 100), daily("HERE"))
    flags = ["--no-keep-run", "--step-size", "8", "--baselines", "drift", "--json"]
    assert main(["backtest", str(path), *FLAGS[:-2], *flags]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document["series_scores"]) == ["HERE"]
    (told,) = document["left_out"]
    assert told["symbol"] == "GONE"
    assert "learned from, but not judged" in told["message"]


def test_holidays_and_late_publications_are_no_end() -> None:
    assert not ended(Panel((daily("A"), daily("B", 152))))
    assert ended(Panel((daily("A"), daily("B", 140))))
    assert not ended(Panel((monthly("A"), monthly("B", 157))))
    assert ended(Panel((monthly("A"), monthly("B", 150))))


# Sizes


@pytest.mark.parametrize("name", ["test", "val"])
@pytest.mark.parametrize("command", ["forecast", "backtest", "lr-find", "audit"])
def test_a_part_shorter_than_the_horizon_is_refused_at_once(
    name: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, daily())
    assert main([command, str(path), "--horizon", "5", f"--{name}-size", "4"]) == 2
    assert "bars are fewer than the horizon of 5" in capsys.readouterr().err
    with pytest.raises(ConfigError):
        check_sizes(RunConfig().changed(**{f"{name}_size": 4, "horizon": 5}).task)


def test_a_test_part_that_no_series_reaches_is_refused_before_training() -> None:
    ends = [daily("A", 100), *(daily(f"B{n}", 3) for n in range(1))]
    late = walk("LATE", pd.bdate_range("2023-05-25", periods=9), "1D")
    with pytest.raises(CandlecastError, match="test part"):
        [
            event
            for event in jobs.train(Panel((ends[0], late)), QUICK.changed(test_size=7, horizon=7))
            if isinstance(event, EpochEnd)
        ]


# Findings


def crossed(symbol: str = "BAD") -> PriceSeries:
    error = Finding("high_below_low", "Bars with a high below the low (90).", 90, "error")
    warning = Finding("stale", "A run of 12 bars that repeat the same close.", 12, "warning")
    return replace(daily(symbol), findings=(warning, error))


def wrong_ranges(folder: Path) -> Path:
    """Write bars whose highs and lows are exchanged, two of three."""
    series = daily()
    high, low = series.y * 0.99, series.y * 1.01
    keep = np.arange(len(series)) % 3 == 0
    frame = pd.DataFrame(
        {
            "Date": series.ds,
            "Open": series.y,
            "High": np.where(keep, low, high),
            "Low": np.where(keep, high, low),
        }
    )
    path = folder / "bad.csv"
    frame.assign(Close=series.y).to_csv(path, index=False, date_format="%Y-%m-%d")
    return path


@pytest.mark.parametrize("command", ["forecast", "backtest", "lr-find", "audit"])
def test_data_with_errors_ends_a_command_unless_they_are_accepted(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = wrong_ranges(tmp_path)
    assert main([command, str(path), *FLAGS[:10]]) == 2
    err = capsys.readouterr().err
    assert "has an error" in err
    assert "--accept-findings" in err
    if command == "forecast":
        assert main([command, str(path), *FLAGS, "--accept-findings"]) == 0
        out = capsys.readouterr().out
        assert out.index("Error in the data") < out.index("Median")


def test_json_carries_the_findings(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = wrong_ranges(tmp_path)
    words = ["forecast", str(path), "--model-file", str(network), "--no-journal", "--json"]
    assert main(words) == 2
    capsys.readouterr()
    assert main([*words, "--accept-findings"]) == 0
    assert "high_below_low" in [
        item["code"] for item in json.loads(capsys.readouterr().out)["findings"]
    ]


# Saved networks


def test_a_saved_network_refuses_bars_of_another_distance(network: Path) -> None:
    for other in (weekly(), monthly()):
        with pytest.raises(DataError, match="learned daily bars") as refused:
            predicted(network, other)
        assert "--resample" not in refused.value.hint
    hours = walk("HOURS", pd.date_range("2024-01-01", periods=300, freq="h"), "1h")
    with pytest.raises(DataError, match="hourly") as refused:
        predicted(network, hours)
    assert "--resample 1D" in refused.value.hint


def test_a_saved_network_of_log_returns_names_the_value_that_has_none(network: Path) -> None:
    oil = daily("OIL")
    values = np.array(oil.values)
    values[50], values[60] = -37.63, 0.0
    with pytest.raises(
        DataError, match=r"OIL has a close of -37.63 on 2023-03-13; .* So are 1 more"
    ) as refused:
        predicted(network, replace(oil, values=values))
    assert "--target difference" in refused.value.hint


def test_a_saved_network_tells_what_is_other_than_it_learned(network: Path) -> None:
    week = walk("COIN", pd.date_range("2023-01-02", periods=160), "1D", calendar="24/7")
    notes = [
        event.message
        for event in predicted(network, week, daily("WILD", size=0.2))
        if isinstance(event, Notice)
    ]
    assert any("five days a week; COIN has bars on seven" in note for note in notes)
    assert any("WILD moves by" in note for note in notes)
    assert not [event for event in predicted(network, daily("LIKE")) if isinstance(event, Notice)]


def test_a_file_of_an_earlier_version_opens_and_says_what_is_unknown(
    network: Path, tmp_path: Path
) -> None:
    manifest, arrays = read_bundle(network)
    del manifest["trained_on"], manifest["candlecast"], manifest["schema"]
    write_bundle(tmp_path / "old.model", manifest, arrays)
    events = predicted(tmp_path / "old.model", daily())
    assert forecasts(events) == ["DAY"]
    assert any(isinstance(event, Notice) and "unknown" in event.message for event in events)


@pytest.mark.parametrize(("setting", "value"), [("attention", 4), ("model", "mamba")])
def test_a_newer_setting_is_named(
    network: Path, tmp_path: Path, setting: str, value: object
) -> None:
    manifest, arrays = read_bundle(network)
    manifest["config"]["model"][setting] = value
    write_bundle(tmp_path / "new.model", manifest, arrays)
    with pytest.raises(CandlecastError, match=f"the setting model.{setting} = {value!r}"):
        predicted(tmp_path / "new.model", daily())


def test_a_network_knows_what_it_was_trained_on(network: Path) -> None:
    with zipfile.ZipFile(network) as archive:
        kept = json.loads(archive.read("manifest.json"))["trained_on"]
    assert kept["freq"] == "1D"
    assert kept["columns"] == ["close"]
    assert kept["move"][0] == pytest.approx(0.008, rel=0.3)


# Where results are to be written


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("x" * 260 + ".csv", "bytes"),
        ("panel.csv", "is read: writing it would destroy"),
        ("inputs.csv", "is read: writing it would destroy"),
        ("x.txt", "no format"),
        ("none/x.csv", "does not exist"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_training(
    name: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, daily())
    inputs = tmp_path / "inputs.csv"
    inputs.write_text(path.read_text())
    words = ["--inputs", str(inputs), "--export", str(tmp_path / name)]
    assert main(["forecast", str(path), *FLAGS, *words]) == 2
    assert inputs.read_text() == path.read_text()
    assert said in capsys.readouterr().err
    assert "date" in path.read_text(), "the prices are still there"


def test_names_that_become_too_long_with_a_symbol_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, daily("A"), daily("B" * 60))
    target = tmp_path / ("x" * 200 + ".svg")
    assert main(["forecast", str(path), *FLAGS, "--export", str(target)]) == 2
    assert "bytes" in capsys.readouterr().err
    words = ["--export", str(tmp_path / "a.csv"), "--export", str(tmp_path / "a.csv")]
    assert main(["forecast", str(path), *FLAGS, *words]) == 2
    assert "named twice" in capsys.readouterr().err
    assert main(["inspect", str(tmp_path / ("x" * 300 + ".csv"))]) == 2
    assert "Choose a shorter name." in capsys.readouterr().err


def test_a_plot_that_a_saved_network_does_not_have_is_refused(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, daily())
    words = ["--model-file", str(network), "--export", str(tmp_path / "x.svg"), "--plot", "loss"]
    assert main(["forecast", str(path), *words]) == 2
    assert "no such plot" in capsys.readouterr().err
