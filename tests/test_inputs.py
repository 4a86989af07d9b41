"""The user's own columns as inputs: found, honestly dated, learned from, carried along, and
checked.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from app.cli import documents, main
from forecasting import Forecaster, jobs
from forecasting.ablation import WithoutInputs, groups
from forecasting.attribution import Ablated, Explained
from forecasting.audit_inputs import leaks, timing
from forecasting.config import QUANTILES, InputConfig, RunConfig
from forecasting.covariates import Covariates, Numeric, at_bars
from forecasting.errors import ConfigError, DataError, SourceError
from forecasting.events import ForecastMade, RunFinished
from forecasting.exog import ExogSpec, format_exog, join_sources, parse_exog, parse_sources
from forecasting.jobs.exog import candidates, check_horizon, with_inputs
from forecasting.jobs.input_notes import input_notes
from forecasting.series import ExogColumn, Origins, Panel, PriceSeries
from forecasting.sources.files.reader import read, read_inputs
from forecasting.sources.options import ReadOptions
from forecasting.training import TrainedNetwork


def table(bars: int = 320, ahead: int = 10, seed: int = 0) -> pd.DataFrame:
    """Return prices whose next move is carried by ``plan``, with columns of every form beside
    them.
    """
    draw = np.random.default_rng(seed)
    n = bars + ahead
    plan = draw.normal(size=n)
    move = 0.003 * draw.normal(size=n) + 0.01 * plan
    frame = pd.DataFrame(
        {
            "date": pd.bdate_range("2020-01-01", periods=n),
            "close": 100 * np.exp(np.cumsum(move)),
            "plan": plan,
        }
    )
    frame["noise"] = draw.normal(size=n)
    frame["early"] = np.append(move[1:], 0.0)
    frame["holiday"] = np.where(draw.random(n) < 0.1, "yes", "no")
    frame["regime"] = draw.choice(["bull", "bear"], n)
    frame["sector"] = "Tech"
    frame["gappy"] = np.where(draw.random(n) < 0.6, np.nan, draw.normal(size=n))
    frame["published"] = (frame["date"] + pd.Timedelta("20D")).dt.strftime("%Y-%m-%d")
    frame.loc[bars:, "close"] = np.nan
    return frame


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the table as a file."""
    path = tmp_path_factory.mktemp("inputs") / "made.csv"
    table().to_csv(path, index=False)
    return path


ALL = "noise,early:delay=3d,gappy:delay=2,regime,noise2:released=published:zscore=20".replace(
    "noise2", "holiday"
)


def settings(**inputs: str) -> InputConfig:
    return InputConfig(**inputs)


def test_grammar_reads_what_it_writes() -> None:
    text = (
        'vix,cpi:delay=30d,gdp:released="the, day":log_change,"a:b":zscore=20,rate:delay=2:change'
    )
    specs = parse_exog(text, "hist")
    assert [spec.name for spec in specs] == ["vix", "cpi", "gdp", "a:b", "rate"]
    assert specs[1].delay == 30
    assert specs[1].unit == "days"
    assert specs[4].unit == "bars"
    assert parse_exog(format_exog(specs), "hist") == specs
    assert parse_sources(join_sources(["a,b.csv", 'c"d.csv', "yahoo:^VIX"])) == (
        "a,b.csv",
        'c"d.csv',
        "yahoo:^VIX",
    )


@pytest.mark.parametrize(
    "text", ["vix,vix", "vix:delay=soon", "vix:lead=2", ":delay=2", "vix:zscore=1"]
)
def test_grammar_refuses_with_words(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_exog(text, "hist")
    with pytest.raises(ConfigError):
        RunConfig().changed(hist_exog=text)


def test_a_file_keeps_its_columns_by_form(prices: Path) -> None:
    (series,) = read(prices)
    forms = {column.name: column.form for column in series.extras}
    codes = {finding.code for finding in series.findings}
    assert "future_rows" in codes
    assert "missing_close" not in codes, "nothing is wrong with rows of the future"
    assert forms["plan"] == "number"
    assert forms["holiday"] == "flag"
    assert forms["regime"] == "category"
    assert forms["published"] == "date"
    plan = next(column for column in series.extras if column.name == "plan")
    assert len(plan) == 330
    assert len(series) == 320
    assert series.fingerprint == replace(series, extras=()).fingerprint


def test_values_count_from_the_bar_on_at_which_they_were_known() -> None:
    ds = np.arange("2024-01-01", "2024-01-11", dtype="datetime64[D]").astype("datetime64[us]")
    series = PriceSeries("A", ds, ("close",), np.arange(1.0, 11.0)[:, None])
    values = np.array([1.0, np.nan, 3.0, 4, 5, 6, 7, 8, 9, 10])
    column = ExogColumn("x", ds, values, known=ds)
    plain, age = at_bars(series, column, ExogSpec("x"))
    assert plain[:4].tolist() == [1.0, 1.0, 3.0, 4.0]
    assert np.expm1(age[:3]).round(6).tolist() == [0.0, 1.0, 0.0]
    late, _ = at_bars(series, column, ExogSpec("x", delay=2))
    assert np.isnan(late[:2]).all()
    assert late[4] == 3.0
    days, _ = at_bars(
        series,
        replace(column, known=ds + np.timedelta64(3, "D")),
        ExogSpec("x", delay=3, unit="days"),
    )
    assert days[9] == 7.0
    change, _ = at_bars(series, column, ExogSpec("x", transform="change"))
    assert change[2] == 2.0


def test_inputs_are_found_in_files_and_other_series(prices: Path, tmp_path: Path) -> None:
    (series,) = read(prices)
    macro = tmp_path / "macro.csv"
    months = pd.date_range("2019-12-01", periods=24, freq="MS")
    pd.DataFrame({"when": months, "cpi": np.arange(24.0), "note": ["x"] * 24}).to_csv(
        macro, index=False
    )
    other = replace(series, symbol="VIX", extras=())
    inputs = settings(hist_exog="cpi:delay=30d,vix,noise", exog_sources=join_sources([str(macro)]))
    panel = with_inputs(Panel((series, replace(other, symbol="VIX"))), settings(hist_exog="vix"))
    assert panel[0].exog[0].values[0] == series.y[0]
    item = with_inputs(
        Panel((series,)),
        settings(hist_exog="cpi:delay=30d,noise", exog_sources=inputs.exog_sources),
    )
    cpi, _ = at_bars(item[0], item[0].exog[0], parse_exog("cpi:delay=30d", "hist")[0])
    assert cpi[0] == 0.0  # of the value of 1 January nothing is known on that day
    assert {"cpi", "noise", "plan"} <= set(candidates(Panel((series,)), inputs))
    with pytest.raises(DataError, match="no input nothing"):
        with_inputs(Panel((series,)), settings(hist_exog="nothing"))


def test_what_is_known_ahead_has_to_reach_the_horizon(prices: Path) -> None:
    (series,) = read(prices)
    inputs = settings(futr_exog="plan")
    panel = with_inputs(Panel((series,)), inputs)
    check_horizon(panel, inputs, 10)
    with pytest.raises(DataError, match=r"known up to 2021-04-06.*2021-04-07"):
        check_horizon(panel, inputs, 11)


def test_no_kind_of_input_is_read_before_it_was_known(prices: Path) -> None:
    (series,) = read(prices)
    config = RunConfig().changed(
        hist_exog=ALL, futr_exog="plan", stat_exog="sector", input_size=10, horizon=5
    )
    panel = with_inputs(Panel((series,)), config.inputs)
    for index in range(len(config.inputs.exog)):
        for bar in (120, 250):
            passed, told = leaks(panel, config, series.ds[bar], index)
            assert passed, told


def test_the_leak_check_sees_a_look_ahead(prices: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (series,) = read(prices)
    config = RunConfig().changed(hist_exog="noise", input_size=10, horizon=5)
    panel = with_inputs(Panel((series,)), config.inputs)

    def early(*asked: object) -> tuple[np.ndarray, np.ndarray]:
        values, age = at_bars(*asked)  # type: ignore[arg-type]
        return np.append(values[1:], values[-1:]), age

    monkeypatch.setattr("forecasting.covariates.at_bars", early)
    assert not leaks(panel, config, series.ds[200], 0)[0]


def test_a_column_stamped_too_early_is_told_from_honest_ones(prices: Path) -> None:
    (series,) = read(prices)
    inputs = settings(hist_exog="early,noise,gappy")
    panel = with_inputs(Panel((series,)), inputs)
    found = [timing(panel, spec, index).too_early for index, spec in enumerate(inputs.exog)]
    assert found == [True, False, False]


def trained(path: Path, **changes: object) -> RunFinished:
    config = RunConfig().changed(
        epochs=2,
        input_size=10,
        horizon=2,
        test_size=60,
        hidden_size=4,
        batch_size=256,  # inputs take 200 steps instead of 640
        learning_rate=3e-3,
        seed=1,
        baselines="drift",
        **changes,
    )
    events = list(jobs.train(Panel(read(path)), config))
    return next(event for event in events if isinstance(event, RunFinished))


@pytest.fixture(scope="module")
def known_ahead(prices: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFinished:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        return trained(prices, futr_exog="plan")


@pytest.mark.slow
def test_what_is_known_ahead_is_learned_and_the_verdict_says_so(known_ahead: RunFinished) -> None:
    verdict = known_ahead.result.verdict
    assert verdict.inputs_add is not None
    assert verdict.inputs_add.skill > 0.5
    assert any("inputs improve" in note for note in verdict.notes)
    assert "no-inputs" in known_ahead.result.outcomes
    assert verdict.reference != "no-inputs"


@pytest.mark.slow
def test_a_saved_model_carries_its_inputs_and_refuses_prices_without(
    known_ahead: RunFinished, prices: Path, tmp_path: Path
) -> None:
    path = tmp_path / "model.candlecast"
    known_ahead.forecaster.save(path)
    loaded = TrainedNetwork.load(path, "cpu")
    panel = known_ahead.result.panel
    origins = Origins.last(panel)
    before, after = (
        item.predict(panel, origins, QUANTILES) for item in (known_ahead.forecaster, loaded)
    )
    assert np.allclose(before, after, rtol=1e-6)
    made = [
        event
        for event in jobs.predict(Panel(read(prices)), path, "cpu")
        if isinstance(event, ForecastMade)
    ]
    assert len(made[0].forecasts) == 1
    bare = table().drop(columns="plan").dropna(subset="close")
    bare.to_csv(tmp_path / "bare.csv", index=False)
    with pytest.raises(DataError, match="no input plan"):
        list(jobs.predict(Panel(read(tmp_path / "bare.csv")), path, "cpu"))


@pytest.mark.slow
def test_a_useless_input_costs_nothing(prices: Path) -> None:
    result = trained(prices, hist_exog="noise").result
    scores = result.scores
    model = next(iter(result.outcomes))
    assert scores[model]["crps"] <= 1.003 * scores["no-inputs"]["crps"]


def test_inspect_lists_candidates(prices: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(prices), "--json"]) == 0
    found = {item["name"]: item for item in json.loads(capsys.readouterr().out)["inputs"]}
    assert found["plan"]["ahead"] == 10
    assert found["gappy"]["missing"] > 0.4


def test_flags_add_up_and_mistakes_are_named(
    prices: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["forecast", str(prices), "--epochs", "1", "--no-journal", "--no-keep-run"]
    assert main([*words, "--input", "noise", "--input", "nowhere", "--horizon", "3"]) == 2
    assert "no input nowhere" in capsys.readouterr().err
    assert main([*words, "--ahead", "plan", "--horizon", "20"]) == 2
    assert "2021-04-06" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("target", "value"),
    [("high", 12.0), ("range", 3.0), ("volume", 500.0), ("ratio:B", 0.5), ("spread:b", -11.0)],
)
def test_what_is_forecast_is_a_setting(target: str, value: float) -> None:
    ds = np.arange("2024-01-01", "2024-01-21", dtype="datetime64[D]").astype("datetime64[us]")
    bars = np.tile([10.0, 12.0, 9.0, 11.0, 500.0], (20, 1))
    a = PriceSeries("A", ds, ("open", "high", "low", "close", "volume"), bars)
    b = PriceSeries("B", ds, ("close",), np.full((20, 1), 22.0))
    panel = jobs.with_target(Panel((a, b) if ":" in target else (a,)), target, settings())
    assert panel.symbols == ("A",)
    assert panel[0].y.tolist() == [value] * 20
    assert {"high", "close"} <= {column.name for column in panel[0].extras}


def test_a_target_that_is_not_there_is_named() -> None:
    ds = np.arange("2024-01-01", "2024-01-21", dtype="datetime64[D]").astype("datetime64[us]")
    series = PriceSeries("A", ds, ("close",), np.full((20, 1), 22.0))
    for target in ("range", "volume", "ratio:C"):
        with pytest.raises(DataError):
            jobs.with_target(Panel((series,)), target, settings())


def test_attributions_add_up_and_name_the_input_that_matters(known_ahead: RunFinished) -> None:
    (found,) = next(
        event.explanations
        for event in jobs.explain(known_ahead.result.panel, known_ahead.forecaster)
        if isinstance(event, Explained)
    )
    assert found.residual < 1e-4
    assert next(iter(found.by_input())) == "plan (ahead)"
    assert found.median.shape == (10, len(found.names))
    assert found.deletion > 1


def test_an_ablation_names_the_group_that_matters(known_ahead: RunFinished) -> None:
    network = known_ahead.forecaster
    assert isinstance(network, TrainedNetwork)
    *_, found = jobs.ablate(known_ahead.result.panel, network)
    assert isinstance(found, Ablated)
    (gain,) = found.gains
    assert (gain.name, gain.inputs) == ("plan", ("plan",))
    assert gain.skill > 0.5
    assert gain.p_value < 0.01
    assert found.counted > 0


def test_an_ablation_measures_kinds_and_single_inputs_and_hides_what_it_says() -> None:
    specs = (*parse_exog("a,b", "hist"), *parse_exog("c", "futr"))
    assert [name for name, _ in groups(specs)] == ["All inputs", "Past inputs", "a", "b", "c"]
    fitted = Covariates(
        (*specs, *parse_exog("kind", "stat")),
        (Numeric(0, 1),) * 4,
        ((), (), (), ("x", "y")),
    )

    class Total(torch.nn.Module):
        def forward(self, hist: Tensor, futr: Tensor, stat: Tensor) -> Tensor:
            return torch.stack([hist.sum(), futr.sum(), stat.sum()])

    ones = (torch.ones(1, 4, 5), torch.ones(1, 2, 1), torch.ones(1, 1, dtype=torch.long))
    blind = WithoutInputs(Total(), fitted, ("b", "kind"))
    assert blind(*ones).tolist() == [12, 2, 2], "values and age of b are zero; 2 is any other kind"
    assert WithoutInputs(Total(), fitted, ("c",))(*ones).tolist() == [16, 0, 1]
    assert ones[0].sum() == 20, "what was given is not changed"


def test_the_command_prints_the_ablation_and_names_what_is_forecast(
    prices: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--horizon", "2", "--input-size", "10", "--epochs", "1", "--hidden-size", "4"]
    words = ["forecast", str(prices), *small, "--input", "noise", "--target", "early"]
    assert main([*words, "--ablation", "--json", "--no-keep-run"]) == 0
    (group,) = json.loads(capsys.readouterr().out)["ablation"]
    assert group["inputs"] == ["noise"]
    assert main([*words, "--ablation", "--no-keep-run"]) == 0
    out = capsys.readouterr().out
    assert ", early " in out
    assert "CRPS saved" in out or "none of them counts" in out


def test_a_table_of_symbols_without_dates_is_read_as_static(tmp_path: Path) -> None:
    path = tmp_path / "sectors.csv"
    path.write_text("Symbol;Sector;Employees\nAAA;Tech;12,5\nBBB;Energy;7,5\n")
    found = read_inputs(path)
    assert not found.dated
    sector, staff = found.columns["BBB"]
    assert (sector.form, sector.labels[int(sector.values[0])]) == ("category", "Energy")
    assert staff.values.tolist() == [7.5]
    path.write_text("symbol,sector\nAAA,Tech\nAAA,Energy\n")
    with pytest.raises(SourceError, match="several rows of AAA"):
        read_inputs(path)


def test_inspect_lists_the_columns_of_a_second_file(
    prices: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "macro.csv"
    path.write_text("date,vix\n2020-01-02,12.5\n2020-02-03,14.5\n")
    assert main(["inspect", str(prices), "--inputs", str(path), "--json"]) == 0
    names = [item["name"] for item in json.loads(capsys.readouterr().out)["inputs"]]
    assert {"plan", "vix"} <= set(names)
    assert main(["inspect", str(prices), "--inputs", str(path)]) == 0
    assert "vix: number, 2 values" in capsys.readouterr().out


def test_frames_name_their_inputs_as_lists() -> None:
    config = Forecaster(hist_exog_list=["vix", "cpi:delay=30d"], futr_exog_list="plan").config
    assert [spec.name for spec in config.inputs.exog] == ["vix", "cpi", "plan"]


def test_a_training_that_is_explained_is_the_same_training(prices: Path) -> None:
    panel = Panel(read(prices))
    config = (
        RunConfig()
        .changed(epochs=2, patience=2, hidden_size=4, input_size=10, horizon=2, baselines="drift")
        .changed(hist_exog="noise", batch_size=256)
    )
    plain = list(jobs.train(panel, config, counted=False))
    symbol = panel.symbols[0]
    explained = list(jobs.train(panel, config, counted=False, explained=lambda: symbol))
    seen = [event for event in explained if isinstance(event, Explained)]
    assert seen
    assert not any(event.final for event in seen)
    (first,) = seen[0].explanations
    assert first.cutoff == panel[0].ds[-1]
    assert first.residual < 1e-4
    ends = [next(e for e in events if isinstance(e, RunFinished)) for events in (plain, explained)]
    losses = [[epoch.val_loss for epoch in end.result.history] for end in ends]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
    (after,) = next(
        event.explanations
        for event in jobs.explain(ends[0].result.panel, ends[0].forecaster, symbols=(symbol,))
        if isinstance(event, Explained)
    )
    assert "noise" in after.names, "an input of the past alone is explained, too"


def notes_on(panel: Panel, text: str, *files: Path) -> str:
    """Return what is remarked on a past input of files beside a panel."""
    sources = join_sources(map(str, files))
    inputs = InputConfig(hist_exog=text, exog_sources=sources)
    return " ".join(input_notes(with_inputs(panel, inputs), inputs))


def test_inputs_that_end_or_never_change_are_remarked(prices: Path, tmp_path: Path) -> None:
    (series,) = read(prices)
    panel, other = Panel((series,)), tmp_path / "other.csv"
    days = pd.bdate_range("2020-01-01", periods=100)
    frame = pd.DataFrame({"date": days, "short": np.arange(100.0) ** 2, "flat": 5.0})
    frame.to_csv(other, index=False)
    assert notes_on(panel, "noise") == ""
    assert "short ends on 2020-05-19: for later bars its last value" in notes_on(
        panel, "short", other
    )
    assert "flat never changes" in notes_on(panel, "flat", other)
    frame["date"] = pd.bdate_range("2040-01-02", periods=100)
    frame.to_csv(other, index=False)
    with pytest.raises(DataError, match=r"no value by the last bar.*begins on 2040-01-02"):
        notes_on(panel, "short", other)


def test_an_input_of_other_symbols_alone_names_them(prices: Path, tmp_path: Path) -> None:
    (series,) = read(prices)
    other = tmp_path / "sectors.csv"
    other.write_text("symbol,branch\nAAA,Tech\nBBB,Food\n")
    inputs = InputConfig(stat_exog="branch", exog_sources=join_sources([str(other)]))
    with pytest.raises(DataError, match="there for AAA, BBB, but not for"):
        with_inputs(Panel((series,)), inputs)
    with pytest.raises(ConfigError) as caught:
        parse_exog("a:b", "hist")
    assert "in quotes" in caught.value.hint


def test_values_of_the_last_day_are_not_ahead(prices: Path) -> None:
    (series,) = read(prices)
    stamps = series.ds[-3:] + np.timedelta64(16, "h")
    column = ExogColumn("x", np.append(stamps, series.ds[-1] + np.timedelta64(1, "D")), np.ones(4))
    assert documents.candidate(column, series)["ahead"] == 1


def hourly(path: Path, zone: str, name: str, cells: np.ndarray, start: str = "2025-01-06") -> Path:
    """Write 40 hours with an offset from UTC."""
    hours = pd.date_range(start, periods=40, freq="h").strftime("%Y-%m-%dT%H:%M:%S")
    pd.DataFrame({"time": hours + zone, name: cells}).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(("zone", "shift"), [("-05:00", 5), ("+09:00", -9), ("Z", 0), ("", 0)])
def test_times_of_another_zone_are_read_at_their_moment(
    zone: str, shift: int, tmp_path: Path
) -> None:
    (series,) = read(hourly(tmp_path / "p.csv", "Z", "close", np.linspace(100, 110, 40)))
    other = hourly(tmp_path / "other.csv", zone, "x", np.arange(40.0))
    inputs = InputConfig(hist_exog="x", exog_sources=join_sources([str(other)]))
    column = with_inputs(Panel((series,)), inputs)[0].exog[0]
    expected = series.ds + np.timedelta64(shift, "h")
    assert (column.ds == expected).all()
    assert column.known is not None
    assert (column.known == expected).all()


def test_days_of_release_and_days_of_another_zone_end_before_they_count(tmp_path: Path) -> None:
    (series,) = read(hourly(tmp_path / "p.csv", "Z", "close", np.linspace(100, 110, 40)))
    days = ["2025-01-04", "2025-01-05", "2025-01-06"]
    frame = pd.DataFrame({"date": days, "x": [1.0, 2.0, 3.0], "out": days})
    frame.to_csv(tmp_path / "days.csv", index=False)
    sources = join_sources([str(tmp_path / "days.csv")])
    inputs = InputConfig(hist_exog="x:released=out", exog_sources=sources)
    column = with_inputs(Panel((series,)), inputs)[0].exog[0]
    assert column.known is not None
    assert str(column.known[0])[:10] == "2025-01-05"
    bars = {"ds": column.ds, "values": series.values[:3], "freq": "1D"}
    new_york = replace(series, symbol="NY", tz="America/New_York", **bars)
    panel = with_inputs(Panel((series,)), InputConfig(hist_exog="NY"), Panel((series, new_york)))
    known = panel[0].exog[0].known
    assert known is not None
    assert str(known[0])[:13] == "2025-01-05T05", "its midnight, in UTC"


def test_texts_without_a_change_and_the_dates_of_the_rows_are_refused(prices: Path) -> None:
    (series,) = read(prices)
    for text, form in (("regime:log_change", "log change"), ("regime:zscore", "z-score")):
        with pytest.raises(DataError, match=f"holds texts, which have no {form}"):
            with_inputs(Panel((series,)), InputConfig(hist_exog=text))
    with pytest.raises(DataError, match=r"published of .* holds dates"):
        with_inputs(Panel((series,)), InputConfig(hist_exog="published"))
    with pytest.raises(SourceError, match="date holds the dates of the rows"):
        read(prices, ReadOptions(exog="date"))
