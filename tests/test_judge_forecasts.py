"""Forecasts of others: read in the layouts of their libraries, judged by the same rules as our
own, never read wrongly in silence.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest
from price_files import xlsx

from app.cli import main
from app.cli.outcomes import write_outcomes
from forecasting import jobs
from forecasting.errors import CandlecastError, SourceError
from forecasting.imported_forecasts import ForecastOptions, read_forecasts
from forecasting.imported_forecasts.names import read_name
from forecasting.imported_forecasts.results import ForecastsJudged, ModelJudgement
from forecasting.imported_forecasts.rows import RowKeys, from_paths
from forecasting.series import Outcomes, Panel, PriceSeries
from forecasting.store import Journal

BARS, FIRST = 320, 120
DS = np.busday_offset("2018-01-01", np.arange(BARS), roll="forward").astype("datetime64[us]")
Y = 100 * np.exp(np.cumsum(np.random.default_rng(7).normal(0, 0.01, BARS)))
PRICES = Panel((PriceSeries("AAA", DS, ("close",), Y[:, None]),))
LEVELS = (0.1, 0.5, 0.9)
Z = np.array([NormalDist().inv_cdf(q) for q in LEVELS])
#: A forecast that is far too wide and biased: every layout has to show that it loses by the same
#: amount.
BIAS, SPREAD = 0.004, 0.03
#: Columns of the origins from which it was made, one bar ahead.
CUTOFFS = np.arange(FIRST, BARS - 1)


def days(bars: np.ndarray) -> list[str]:
    return [str(item)[:10] for item in DS[bars]]


def quantiles(spread: float = SPREAD, bias: float = BIAS) -> np.ndarray:
    """Return the quantiles of the forecast by origin, [N, 3]."""
    return Y[CUTOFFS][:, None] * np.exp(bias + spread * Z)


def frame(**more: Any) -> pd.DataFrame:
    low, middle, high = quantiles().T
    return pd.DataFrame(
        {
            "ds": days(CUTOFFS + 1),
            "cutoff": days(CUTOFFS),
            "y": Y[CUTOFFS + 1],
            "low": low,
            "mid": middle,
            "high": high,
            **more,
        }
    )


def judged(
    path: Path, prices: Panel | None = PRICES, baselines: str = "random-walk", **options: Any
) -> ForecastsJudged:
    events = list(
        jobs.judge_forecasts(path, prices, ForecastOptions(**options), baselines=baselines)
    )
    assert isinstance(events[-1], ForecastsJudged)
    return events[-1]


def only(found: ForecastsJudged) -> ModelJudgement:
    (item,) = found.models.values()
    return item


def codes(found: ForecastsJudged) -> set[str]:
    return {finding.code for finding in found.findings}


def pinball_of(values: np.ndarray, levels: np.ndarray, actual: np.ndarray) -> float:
    """Return twice the mean pinball loss of log returns, computed by its definition."""
    error = np.log(actual)[:, None] - np.log(values)
    return float(2 * np.maximum(levels * error, (levels - 1) * error).mean())


def random_walk(levels: tuple[float, ...]) -> np.ndarray:
    """Return the quantiles of the random walk by origin: normal changes of the size of the last
    250.
    """
    moves = np.diff(np.log(Y))
    spread = np.array([moves[max(0, t - 250) : t].std(ddof=1) for t in CUTOFFS])
    return Y[CUTOFFS][:, None] * np.exp(
        spread[:, None] * np.array([NormalDist().inv_cdf(q) for q in levels])
    )


def expected_skill(points: bool = False) -> float:
    levels = (0.5,) if points else LEVELS
    ours = quantiles()[:, [1]] if points else quantiles()
    actual = Y[CUTOFFS + 1]
    return 1 - pinball_of(ours, np.array(levels), actual) / pinball_of(
        random_walk(levels), np.array(levels), actual
    )


# Ten layouts


def nixtla(path: Path) -> None:
    table = frame().rename(columns={"mid": "LSTM", "low": "LSTM-lo-80", "high": "LSTM-hi-80"})
    table.insert(0, "unique_id", "AAA")
    table.to_csv(path)


def darts(path: Path) -> None:
    low, middle, high = quantiles().T
    pd.DataFrame(
        {"time": days(CUTOFFS + 1), "x_q0.10": low, "x_q0.50": middle, "x_q0.90": high}
    ).to_csv(path, index=False)


def gluonts(path: Path) -> None:
    low, middle, high = quantiles().T
    table = {
        "item_id": "AAA",
        "timestamp": DS[CUTOFFS + 1],
        "mean": middle,
        "0.1": low,
        "0.5": middle,
        "0.9": high,
    }
    pd.DataFrame(table).to_parquet(path)


def sktime(path: Path) -> None:
    columns = pd.MultiIndex.from_tuples([("Price", 0.1), ("Price", 0.5), ("Price", 0.9)])
    pd.DataFrame(quantiles(), index=days(CUTOFFS + 1), columns=columns).to_csv(path)


def records(path: Path) -> None:
    low, middle, high = quantiles().T
    rows = zip(days(CUTOFFS), days(CUTOFFS + 1), low, middle, high, Y[CUTOFFS + 1], strict=True)
    names = ("forecast_date", "target_date", "p10", "p50", "p90", "actual")
    path.write_text(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))


def quantile_rows(path: Path) -> None:
    table = frame().melt(["ds", "cutoff", "y"], ["low", "mid", "high"], "which", "predicted")
    table["quantile_level"] = table.pop("which").map({"low": 0.1, "mid": 0.5, "high": 0.9})
    table.assign(model="M").rename(columns={"y": "observed"}).sample(frac=1, random_state=0).to_csv(
        path, index=False
    )


def prophet(path: Path) -> None:
    table = frame(trend=1.0, trend_lower=0.5, trend_upper=2.0)
    table.rename(columns={"mid": "yhat", "low": "yhat_lower", "high": "yhat_upper"}).to_csv(
        path, index=False
    )


def german(path: Path) -> None:
    table = frame().rename(
        columns={
            "ds": "Datum",
            "low": "LSTM P10",
            "mid": "LSTM P50",
            "high": "LSTM P90",
            "y": "Actual",
        }
    )
    table.to_csv(path, index=False, sep=";", decimal=",")


def own_outcomes(path: Path) -> None:
    n = CUTOFFS.size
    made = Outcomes(
        "GRU", np.full(n, "AAA"), DS[CUTOFFS], DS[CUTOFFS + 1][:, None], Y[CUTOFFS], Y[CUTOFFS + 1][:, None], LEVELS, quantiles()[:, None]
    )  # fmt: skip
    write_outcomes(path, {"GRU": made}, LEVELS)


def workbook(path: Path) -> None:
    low, middle, high = quantiles().T
    head = ["Date", "Actual Close", "Predicted Close", "Lower 80%", "Upper 80%"]
    body = zip(
        DS[CUTOFFS + 1].astype("datetime64[ms]").tolist(),
        Y[CUTOFFS + 1],
        middle,
        low,
        high,
        strict=True,
    )
    path.write_bytes(
        xlsx(
            {
                "Notes": [["made by hand"]],
                "Forecasts": [head, *([day, *map(float, rest)] for day, *rest in body)],
            }
        )
    )


LAYOUTS: Mapping[str, Callable[[Path], None]] = {
    "nixtla.csv": nixtla, "darts.csv": darts, "gluonts.parquet": gluonts, "sktime.csv": sktime, "records.json": records,
    "rows.csv": quantile_rows, "prophet.csv": prophet, "german.csv": german, "own.parquet": own_outcomes, "book.xlsx": workbook,
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_ten_layouts_get_the_verdict_that_the_numbers_give(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    LAYOUTS[name](path)
    found = judged(path)
    item = only(found)
    assert len(item.own) == CUTOFFS.size
    assert item.own.scored_levels == LEVELS
    np.testing.assert_array_equal(item.own.cutoff, DS[CUTOFFS])
    np.testing.assert_allclose(item.own.values[:, 0], quantiles(), rtol=1e-9)
    assert item.verdict.outcome == "loses"
    assert item.verdict.skill == pytest.approx(expected_skill(), abs=1e-9)
    inside = (quantiles()[:, 0] <= Y[CUTOFFS + 1]) & (Y[CUTOFFS + 1] <= quantiles()[:, 2])
    assert item.scores[item.own.model]["coverage_80"] == pytest.approx(100 * inside.mean())
    told = "cutoff" in {column.role for column in found.imported.columns.columns}
    assert told or "one_step" in codes(found)


def test_points_are_judged_by_their_absolute_errors_and_told_so(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    pd.DataFrame(
        {"Date": days(CUTOFFS + 1), "Actual": Y[CUTOFFS + 1], "Predicted": quantiles()[:, 1]}
    ).to_csv(path, index=False)
    found = judged(path)
    item = only(found)
    assert item.points
    assert {"points_only", "one_step"} <= codes(found)
    assert item.verdict.skill == pytest.approx(expected_skill(points=True), abs=1e-9)
    assert "absolute error" in item.verdict.sentence
    assert "CRPS" not in item.verdict.sentence
    scores = item.scores["table"]
    assert math.isnan(scores["crps"])
    assert math.isnan(scores["coverage_80"])
    assert scores["mae"] == pytest.approx(np.abs(quantiles()[:, 1] - Y[CUTOFFS + 1]).mean())
    scale = np.abs(np.diff(Y[: FIRST + 1])).mean()
    assert scores["mase"] == pytest.approx(scores["mae"] / scale)


def test_sample_paths_get_the_crps_of_their_ensemble() -> None:
    rng = np.random.default_rng(3)
    samples, y = rng.normal(100, 2, (40, 37)), rng.normal(100, 2, 40)
    none = np.full(40, np.datetime64("NaT", "us"))
    rows = from_paths(
        "m", RowKeys(np.full(40, ""), none, none, none, np.ones(40, np.int64)), samples
    )
    scored = np.array(rows.scored)
    values = rows.values[:, [rows.levels.index(level) for level in rows.scored]]
    error = y[:, None] - values
    ours = 2 * np.maximum(scored * error, (scored - 1) * error).mean(axis=1)
    pairs = np.abs(samples[:, :, None] - samples[:, None, :]).mean(axis=(1, 2))
    np.testing.assert_allclose(
        ours, np.abs(samples - y[:, None]).mean(axis=1) - pairs / 2, atol=1e-9
    )


def test_sample_paths_in_rows_of_several_steps(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rows = [
        (
            days(np.array([t]))[0],
            days(np.array([t + h]))[0],
            k,
            Y[t] * math.exp(0.01 * math.sqrt(h) * z),
        )
        for t in range(FIRST, BARS - 5, 3)
        for h in (1, 2, 3)
        for k, z in enumerate(rng.normal(size=20))
    ]
    path = tmp_path / "paths.csv"
    pd.DataFrame(rows, columns=["cutoff", "ds", "sample", "value"]).to_csv(path, index=False)
    item = only(judged(path))
    assert item.own.horizon == 3
    assert len(item.own.scored_levels) == 20
    assert item.verdict.outcome == "ties"


def cross_validation(
    step: int, horizon: int, forecast: Callable[[int, int], float], model: str = "M"
) -> pd.DataFrame:
    rows = [
        ("AAA", days(np.array([t + h]))[0], days(np.array([t]))[0], Y[t + h], forecast(t, h))
        for t in range(FIRST, BARS - horizon, step)
        for h in range(1, horizon + 1)
    ]
    return pd.DataFrame(rows, columns=["unique_id", "ds", "cutoff", "y", model])


def test_a_copy_is_called_a_copy_and_a_leak_too_good(tmp_path: Path) -> None:
    signs = np.sign(Y[CUTOFFS + 1] - Y[CUTOFFS])
    sizes = np.abs(np.random.default_rng(3).normal(0, 0.012, CUTOFFS.size))
    table = pd.DataFrame(
        {
            "ds": days(CUTOFFS + 1),
            "y": Y[CUTOFFS + 1],
            "Copy": Y[CUTOFFS],
            "Leak": Y[CUTOFFS + 1] * 1.0005,
            "Turns": Y[CUTOFFS] * np.exp(signs * sizes),
            "Older": Y[CUTOFFS - 1],
        }
    )
    path = tmp_path / "f.csv"
    table.to_csv(path, index=False)
    found = judged(path)
    told = {(finding.code, finding.message.split()[0]) for finding in found.findings}
    assert ("copy", "Copy") in told
    assert any(
        "Older" in item.message and "2 steps late" in item.message for item in found.findings
    )
    assert ("too_good", "Leak") in told
    assert ("too_good", "Turns") in told, "it knows where the price goes, though not how far"
    assert ("copy", "Leak") not in told
    assert ("too_good", "Copy") not in told
    assert found.models["Copy"].verdict.outcome == "ties"
    assert found.models["Leak"].verdict.outcome == "beats"
    assert found.models["Turns"].verdict.outcome != "beats"
    assert found.models["Leak"].verdict.tries == 4


def test_an_honest_calibrated_forecast_passes(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    n = 2500
    ds = np.busday_offset("2005-01-03", np.arange(n), roll="forward").astype("datetime64[us]")
    y = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    spread = y[:-1, None] * np.exp(0.01 * Z)
    table = pd.DataFrame(
        {
            "ds": [str(d)[:10] for d in ds[1:]],
            "y": y[1:],
            "q0.1": spread[:, 0],
            "q0.5": spread[:, 1],
            "q0.9": spread[:, 2],
        }
    )
    path = tmp_path / "honest.csv"
    table.to_csv(path, index=False)
    found = judged(path, None)
    item = only(found)
    assert {"own_prices", "one_step"} <= codes(found)
    assert "too_good" not in codes(found)
    assert item.verdict.outcome == "ties"
    assert any("80 % band" in note and "about right" in note for note in item.verdict.notes)


def test_steps_ahead_stand_where_they_belong(tmp_path: Path) -> None:
    table = cross_validation(5, 5, lambda t, h: Y[t] * (1 + h / 1000))
    path = tmp_path / "cv.csv"
    table.sample(frac=1, random_state=1).to_csv(path, index=False)
    item = only(judged(path)).own
    np.testing.assert_allclose(
        item.values[:, :, 0] / item.y0[:, None],
        np.broadcast_to(1 + np.arange(1, 6) / 1000, item.y.shape),
    )
    table.drop(columns="cutoff").to_csv(path, index=False)
    with pytest.raises(SourceError, match="forecasts of 5 bars each"):
        judged(path, horizon=0)
    np.testing.assert_allclose(only(judged(path, horizon=5)).own.values, item.values)
    table["h"] = np.tile(np.arange(1, 6), len(table) // 5)
    table.drop(columns="cutoff").to_csv(path, index=False)
    np.testing.assert_allclose(only(judged(path)).own.values, item.values)


def kronos_document(first: int, count: int) -> dict[str, Any]:
    bars = [
        {
            "timestamp": str(DS[t]),
            **dict.fromkeys(("open", "high", "low", "close"), float(Y[first - 1])),
            "volume": 1.0,
            "amount": 2.0,
        }
        for t in range(first, first + count)
    ]
    actual = [bar | {"close": float(Y[first + index])} for index, bar in enumerate(bars)]
    about = {
        "file_path": "x.csv",
        "prediction_type": "Kronos",
        "prediction_params": {"lookback": 400, "pred_len": count},
    }
    return {
        "timestamp": "2025-08-26T16:33:26",
        **about,
        "prediction_results": bars,
        "actual_data": actual,
        "analysis": {},
    }


def test_stored_predictions_of_kronos_are_one_forecast(tmp_path: Path) -> None:
    path = tmp_path / "prediction.json"
    path.write_text(json.dumps(kronos_document(250, 20)))
    item = only(judged(path))
    assert (len(item.own), item.own.horizon) == (1, 20)
    assert item.own.cutoff[0] == DS[249]
    assert item.verdict.few
    with pytest.raises(CandlecastError, match="judge FORECASTS PRICES"):
        judged(path, None)
    table = tmp_path / "prediction.csv"
    pd.DataFrame(kronos_document(250, 30)["prediction_results"]).to_csv(table, index=False)
    with pytest.raises(SourceError, match="--cutoff DATE"):
        judged(table)
    assert only(judged(table, cutoff=str(DS[249])[:10])).own.horizon == 30


def test_lists_of_quantiles_need_a_start_or_a_cutoff(tmp_path: Path) -> None:
    path = tmp_path / "deepar.json"
    lists = {
        f"{q:g}": (Y[200] * np.exp(z * 0.01 * np.sqrt(np.arange(1, 6)))).tolist()
        for q, z in zip(LEVELS, Z, strict=True)
    }
    path.write_text(json.dumps({"predictions": [{"quantiles": lists, "mean": lists["0.5"]}]}))
    with pytest.raises(SourceError, match="--cutoff"):
        judged(path)
    item = only(judged(path, cutoff=str(DS[200])[:10])).own
    assert (item.horizon, item.cutoff[0]) == (5, DS[200])
    path.write_text(json.dumps([{"item_id": "AAA", "start": str(DS[201]), "quantiles": lists}]))
    np.testing.assert_allclose(only(judged(path)).own.values, item.values)


def test_open_forecasts_are_awaited_in_the_journal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    today = np.datetime64("today", "D")
    ds = np.busday_offset(today, np.arange(-200, 1), roll="backward")
    y = 50 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, ds.size)))
    prices, path = tmp_path / "prices.csv", tmp_path / "next.csv"
    pd.DataFrame({"Date": ds.astype(str), "Close": y}).to_csv(prices, index=False)
    coming = np.busday_offset(today, np.arange(3, 8), roll="forward").astype(str)
    pd.DataFrame(
        {
            "unique_id": "prices",
            "ds": coming,
            "LSTM": y[-1],
            "LSTM-lo-80": y[-1] * 0.98,
            "LSTM-hi-80": y[-1] * 1.02,
        }
    ).to_csv(path, index=False)
    assert (
        main(["judge", str(path), str(prices), "--journal", "--json", "--baselines", "random-walk"])
        == 0
    )
    document = json.loads(capsys.readouterr().out)
    assert "cannot be judged yet" in document["models"]["LSTM"]["verdict"]["sentence"]
    assert {"awaited", "one_forecast"} <= {finding["code"] for finding in document["findings"]}
    assert main(["journal", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["entries"]
    assert (entry["model"], entry["state"], len(entry["forecast"])) == ("LSTM", "open", 5)
    with Journal() as journal:
        assert [item.config for item in journal.entries()] == [""], "it is no training of ours"


def test_the_command_prints_what_scripts_rely_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, prices = tmp_path / "f.csv", tmp_path / "AAA.csv"
    nixtla(path)
    pd.DataFrame({"Date": days(np.arange(BARS)), "Close": Y}).to_csv(prices, index=False)
    targets = [tmp_path / "o.csv", tmp_path / "r.html", tmp_path / "p.svg"]
    words = [
        "--export",
        str(targets[0]),
        "--report",
        str(targets[1]),
        "--export",
        str(targets[2]),
        "--plot",
        "calibration",
    ]
    assert main(["judge", str(path), str(prices), "--json", *words]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["models", "baselines", "findings"]
    assert list(document["models"]["LSTM"]) == ["origins", "scores", "verdict", "calibration"]
    assert document["models"]["LSTM"]["calibration"].keys() == {"80"}
    assert {"random-walk", "drift"} <= document["baselines"].keys()
    assert all(
        {"code", "message", "severity"} <= finding.keys() for finding in document["findings"]
    )
    page = targets[1].read_text()
    assert document["models"]["LSTM"]["verdict"]["sentence"].split(":")[0] in page
    assert "<script" not in page
    assert "<svg" in page
    again = judged(targets[0], baselines="random-walk")
    assert again.models["LSTM"].verdict.skill == pytest.approx(expected_skill(), abs=1e-6)
    assert targets[2].read_bytes().startswith(b"<?xml")
    assert main(["judge", str(path), str(prices)]) == 0
    assert "LSTM loses to" in capsys.readouterr().out


def test_columns_for_steps_ahead_and_names_in_rows(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    cutoffs = CUTOFFS[:-3]
    told = {f"pred_{h}": Y[cutoffs] * (1 + h / 1000) for h in (1, 2, 3)}
    told |= {f"actual_{h}": Y[cutoffs + h] for h in (1, 2, 3)}
    path.write_text(csv(Date=days(cutoffs), **told))
    found = judged(path)
    one = only(found).own
    assert "steps_in_columns" in codes(found)
    np.testing.assert_array_equal(one.cutoff, DS[cutoffs])
    np.testing.assert_allclose(
        one.values[:, :, 0] / one.y0[:, None], np.broadcast_to([1.001, 1.002, 1.003], one.y.shape)
    )
    dates = CUTOFFS[3:]
    to_date = {f"yhat{h}": Y[dates - h] * (1 + h / 1000) for h in (1, 2, 3)}
    path.write_text(csv(ds=days(dates), y=Y[dates], **to_date))
    one = only(judged(path)).own
    assert one.horizon == 3
    np.testing.assert_allclose(
        one.values[5:-5, :, 0] / one.y0[5:-5, None],
        np.broadcast_to([1.001, 1.002, 1.003], one.y[5:-5].shape),
    )
    table = pd.DataFrame(
        {"Date": days(CUTOFFS + 1), "Actual": Y[CUTOFFS + 1], "LSTM": quantiles()[:, 1]}
    )
    table.melt("Date").sample(frac=1, random_state=0).to_csv(path, index=False)
    found = judged(path)
    assert "names_in_rows" in codes(found)
    assert found.models["LSTM"].verdict.skill == pytest.approx(expected_skill(True), abs=1e-9)
    path = tmp_path / "several.jsonl"
    documents = [kronos_document(first, 5) for first in range(130, 300, 5)]
    path.write_text("\n".join(json.dumps(document) for document in documents))
    assert len(only(judged(path)).own) == len(documents)


# What is asked about, or refused


def csv(**columns: Any) -> str:
    return pd.DataFrame(columns).to_csv(index=False)


AMBIGUOUS: Mapping[str, tuple[str, str]] = {
    "two truths": (csv(ds=days(CUTOFFS), actual=Y[CUTOFFS], observed=Y[CUTOFFS] * 2, pred=Y[CUTOFFS]), "--columns y=actual"),
    "two dates": (csv(date=days(CUTOFFS), timestamp=days(CUTOFFS + 1), y=Y[CUTOFFS], pred=Y[CUTOFFS]), "--columns ds=date"),
    "bands without a level": (csv(ds=days(CUTOFFS), y=Y[CUTOFFS], pred=Y[CUTOFFS], lower=Y[CUTOFFS], upper=Y[CUTOFFS]), "--band-level"),
    "quartiles": (csv(ds=days(CUTOFFS), y=Y[CUTOFFS], q1=Y[CUTOFFS], q2=Y[CUTOFFS], q3=Y[CUTOFFS]), "--columns forecast:q0.25=q1"),
    "bare levels": (csv(**{"ds": days(CUTOFFS), "y": Y[CUTOFFS], "10": Y[CUTOFFS], "90": Y[CUTOFFS]}), "--columns forecast:q0.1=10"),
    "changes": (csv(ds=days(CUTOFFS), y=Y[CUTOFFS], predicted_return=0.01), "changes"),
    "scaled": (csv(ds=days(CUTOFFS + 1), pred=Y[CUTOFFS] / 300), "--scale prices"),
    "other prices": (csv(ds=days(CUTOFFS + 1), y=Y[CUTOFFS + 1] / 2, pred=Y[CUTOFFS] / 2), "prices that the forecasts were made from"),
    "dates of cutoffs": (csv(Date=days(CUTOFFS), actual=Y[CUTOFFS + 1], pred=Y[CUTOFFS]), "--columns cutoff=NAME"),
    "day or month": (csv(ds=["01/02/2018", "02/03/2018", "03/04/2018"], y=Y[:3], pred=Y[:3]), "--date-format"),
    "cutoffs too late": (csv(cutoff=days(CUTOFFS + 1), ds=days(CUTOFFS), pred=Y[CUTOFFS], y=Y[CUTOFFS + 1]), ""),
    "dates twice": (csv(ds=days(np.repeat(CUTOFFS, 2)), y=np.repeat(Y[CUTOFFS], 2), pred=np.repeat(Y[CUTOFFS], 2)), "--horizon"),
    "no forecast": (csv(ds=days(CUTOFFS), y=Y[CUTOFFS], error=0.1), "--columns MODEL=NAME"),
    "two models one column": (csv(ds=days(CUTOFFS), cutoff=days(CUTOFFS - 1), yhat=Y[CUTOFFS], forecast=Y[CUTOFFS]), "unused"),
    "levels beyond": (csv(ds=days(CUTOFFS), cutoff=days(CUTOFFS - 1), quantile=[0.0, *[0.5] * (CUTOFFS.size - 1)], value=Y[CUTOFFS]), "between 0"),
    "one long forecast": (csv(Date=days(CUTOFFS), Actual=Y[CUTOFFS], Predicted=Y[FIRST - 1] * 1.2), "--cutoff"),
}  # fmt: skip


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_can_be_read_in_two_ways_is_asked_about(tmp_path: Path, name: str) -> None:
    text, hint = AMBIGUOUS[name]
    path = tmp_path / "f.csv"
    path.write_text(text)
    if (
        name == "cutoffs too late"
    ):  # in the order of time they are the other way round, and that is said
        assert "dates" in codes(judged(path))
        return
    with pytest.raises(CandlecastError) as told:
        judged(path)
    assert hint in str(told.value)


def test_dates_of_cutoffs_and_changes_are_settled_as_the_error_says(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(csv(Date=days(CUTOFFS), actual=Y[CUTOFFS + 1], pred=quantiles()[:, 1]))
    one = only(judged(path, columns={"cutoff": "Date"}, horizon=1))
    assert one.verdict.skill == pytest.approx(expected_skill(points=True), abs=1e-9)
    moves = np.diff(np.log(Y))
    path.write_text(csv(Date=days(CUTOFFS), actual=moves[CUTOFFS - 1], predicted=0.0001))
    with pytest.raises(SourceError, match="look like changes"):
        judged(path, None)


def test_the_user_settles_what_a_column_is(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    low, middle, high = quantiles().T
    path.write_text(
        csv(a=days(CUTOFFS), b=days(CUTOFFS + 1), c=low, d=middle, e=high, f=Y[CUTOFFS + 1])
    )
    columns = {"cutoff": "a", "ds": "b", "GRU:lo-80": "c", "GRU": 3, "GRU:q0.9": "e", "y": "f"}
    item = only(judged(path, columns=columns))
    assert item.own.model == "GRU"
    assert item.verdict.skill == pytest.approx(expected_skill(), abs=1e-9)
    with pytest.raises(SourceError, match="no column 'z'"):
        read_forecasts(path, ForecastOptions(columns={"y": "z"}))


def test_several_series_in_columns_and_in_rows(tmp_path: Path) -> None:
    other = PriceSeries("BBB", DS, ("close",), 2 * Y[:, None])
    panel = Panel((*PRICES, other))
    path = tmp_path / "f.csv"
    low, middle, high = quantiles().T
    columns = {
        f"{s}_q{q:.2f}": k * v
        for s, k in (("AAA", 1), ("bbb", 2))
        for q, v in zip(LEVELS, (low, middle, high), strict=True)
    }
    path.write_text(csv(time=days(CUTOFFS + 1), **columns))
    found = judged(path, panel)
    assert only(found).verdict.skill == pytest.approx(expected_skill(), abs=1e-9)
    assert "series_columns" in codes(found)
    rows = pd.concat([frame(symbol="AAA"), frame(symbol="CCC")]).rename(columns={"mid": "yhat"})
    rows[["ds", "cutoff", "symbol", "yhat"]].to_csv(path, index=False)
    found = judged(path, panel)
    assert "no_prices" in codes(found)
    assert set(only(found).own.symbol) == {"AAA"}
    rows[rows["symbol"] == "CCC"][["ds", "cutoff", "symbol", "yhat"]].to_csv(path, index=False)
    assert "other_name" in codes(judged(path))


def test_no_forecast_looks_beyond_its_cutoff(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    darts(path)
    before = only(judged(path, baselines="auto"))
    cut = 200
    later = np.concatenate([Y[:cut], Y[cut:] * 1.5])
    after = only(
        judged(
            path,
            Panel((PriceSeries("AAA", DS, ("close",), later[:, None]),)),
            baselines="auto",
            scale="prices",
        )
    )
    early = before.own.cutoff < DS[cut]
    for name in before.outcomes:
        np.testing.assert_allclose(
            before.outcomes[name].values[early], after.outcomes[name].values[early]
        )


HOSTILE: Mapping[str, bytes] = {
    "empty": b"",
    "blank": b"\n\n\n",
    "pickle": pickle.dumps({"ds": [1]}),
    "pdf": b"%PDF-1.7 ds,y,pred",
    "png": b"\x89PNG\r\n\x1a\n" + b"0" * 50,
    "html": b"<html><table><tr><td>ds</td></tr></table></html>",
    "nul": b"ds,y,pred\n" + b"\0" * 500,
    "half parquet": b"PAR1" + b"\0" * 40 + b"PAR1",
    "half workbook": b"PK\x03\x04" + b"\0" * 60,
    "bomb": gzip.compress(b"2020-01-01,1,1\n" * 4_000_000),
    "deep json": b"[" * 100_000,
    "deep objects": b'{"prediction_results":' * 5000,
    "json words": b'{"error": "limit reached"}',
    "json numbers": b"[1, 2, 3]",
    "predictions of nothing": b'{"predictions": []}',
    "quantiles of words": b'{"predictions": [{"quantiles": {"0.5": ["a", "b"]}}]}',
    "quantiles of other lengths": b'{"predictions": [{"quantiles": {"0.1": [1], "0.5": [1, 2]}}]}',
    "levels of words": b'{"predictions": [{"quantiles": {"high": [1.0, 2.0]}}]}',
    "predicted words": b'{"prediction_results": ["a", "b"], "actual_data": 3}',
    "predicted lists": b'{"prediction_results": [{"timestamp": [1], "close": {"a": 1}}], "actual_data": []}',
    "own without rows": b'{"symbol": "A", "cutoff": "2020-01-01", "forecast": []}',
    "own of lists": b'{"symbol": ["A"], "cutoff": {"a": 1}, "forecast": [{"ds": [1], "median": [2]}]}',
    "words": b"ds,y,pred\nmonday,a,b\ntuesday,c,d\n",
    "infinite": b"ds,y,pred\n" + b"".join(b"2020-01-%02d,inf,inf\n" % day for day in range(1, 29)),
    "huge": b"ds,y,pred\n" + b"".join(b"2020-01-%02d,1e400,1e400\n" % day for day in range(1, 29)),
    "one row": b"ds,y,pred\n2020-01-01,1,1\n",
    "one date": b"ds,y,pred\n" + b"2020-01-01,1,1\n" * 50,
    "far years": b"ds,y,pred\n0001-01-01,1,1\n9999-12-31,2,2\n9999-12-30,2,2\n",
    "long line": b"ds,y,pred\n" + b"1" * 2_000_000,
    "many columns": ("ds," + ",".join(f"m{k}" for k in range(20_000)) + "\n" + "2020-01-01," + ",".join(["1"] * 20_000) + "\n").encode(),
    "formulas": b"ds,y,pred\n=cmd|' /C calc'!A0,=1+1,=HYPERLINK()\n" * 3,
    "many models": b"model,ds,cutoff,y,pred\n" + b"".join(b"m%d,2020-01-02,2020-01-01,1,1\n" % k for k in range(300)),
    "negative steps": b"ds,y,step,pred\n" + b"".join(b"2020-01-%02d,1,-5,1\n" % day for day in range(1, 29)),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_in_words(tmp_path: Path, name: str) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(CandlecastError) as told:
        judged(path, None)
    assert told.value.message


def test_an_archive_of_two_files_and_one_that_lies_are_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../a.csv", "ds,y,pred\n")
        archive.writestr("b.csv", "ds,y,pred\n")
    path = tmp_path / "f.zip"
    path.write_bytes(packed.getvalue())
    with pytest.raises(SourceError, match="holds 2 files"):
        read_forecasts(path)
    for bad in ("https://example.org/f.csv", str(tmp_path), str(tmp_path / "none.csv")):
        with pytest.raises(SourceError):
            read_forecasts(bad)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("TimeGPT-lo-90", ("lower", "TimeGPT", 90.0)),
        ("TimeGPT-q-10", ("quantile", "TimeGPT", 0.1)),
        ("('y', 0.9, 'lower')", ("lower", "", 90.0)),
        ("Predicted Stock Price", ("point", "", 0.0)),
        ("y_pred_LSTM-2", ("point", "LSTM-2", 0.0)),
        ("mean_ci_upper", ("upper", "", 0.0)),
        ("NHITS-median", ("quantile", "NHITS", 0.5)),
        ("open", ("veto", "", 0.0)),
        ("Chronos-Bolt", ("unknown", "", 0.0)),
        ("forecast" + "_" * 20_000 + "h1", ("unknown", "", 0.0)),
    ],
)
def test_names_of_columns_say_what_they_are(name: str, told: tuple[str, str, float]) -> None:
    found = read_name(name)
    assert (found.kind, found.model, found.level) == told
