"""Forecasts in tables with dates for columns, and under names of several lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from price_files import xlsx

from forecasting import jobs
from forecasting.errors import CandlecastError
from forecasting.imported_forecasts import ForecastOptions
from forecasting.imported_forecasts.recognition import holds_forecasts
from forecasting.imported_forecasts.results import ForecastsJudged
from forecasting.series import Panel, PriceSeries

BARS = 260
DS = np.busday_offset("2022-01-03", np.arange(BARS), roll="forward").astype("datetime64[us]")
Y = 100 * np.exp(np.cumsum(np.random.default_rng(7).normal(0, 0.01, BARS)))
PRICES = Panel((PriceSeries("AAA", DS, ("close",), Y[:, None]),))
#: Bars that were forecast one bar ahead, and the last bar of one forecast of five.
TARGETS = np.arange(200, 240)
LAST = 230
LEVELS = (0.1, 0.5, 0.9)


def days(bars: np.ndarray, form: str = "%Y-%m-%d") -> list[str]:
    return [item.strftime(form) for item in pd.DatetimeIndex(DS[bars])]


def judged(path: Path, **options: Any) -> ForecastsJudged:
    options.setdefault("columns", {})
    *_, found = jobs.judge_forecasts(
        path, PRICES, ForecastOptions(**options), baselines="random-walk"
    )
    assert isinstance(found, ForecastsJudged)
    return found


def written(folder: Path, names: list[str], *rows: list[Any]) -> Path:
    path = folder / "wide.csv"
    pd.DataFrame(rows, columns=names).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%b %d, %Y", "%d.%m.%Y", "%Y%m%d"])
def test_rows_named_by_models_are_read(tmp_path: Path, form: str) -> None:
    actual, before = Y[TARGETS], Y[TARGETS - 1]
    names = ["", *days(TARGETS, form)]
    path = written(tmp_path, names, ["Actual", *actual], ["LSTM", *before], ["GRU", *before * 1.01])
    found = judged(path)
    assert list(found.models) == ["LSTM", "GRU"]
    own = found.models["LSTM"].own
    assert own.cutoff.tolist() == DS[TARGETS - 1].tolist()
    assert own.values[:, 0, 0] == pytest.approx(before)
    error = np.abs(before - actual).mean()
    assert found.models["LSTM"].scores["LSTM"]["mae"] == pytest.approx(error, abs=1e-9)
    assert "dates_in_columns" in {item.code for item in found.findings}


@pytest.mark.parametrize(
    ("names", "labels"),
    [("quantile", (0.1, 0.5, 0.9)), ("Metric", ("Lower 80%", "Forecast", "Upper 80%"))],
)
def test_rows_named_by_quantiles_are_one_forecast(
    tmp_path: Path, names: str, labels: tuple[Any, ...]
) -> None:
    steps = np.arange(1, 6)
    rows = [
        [label, *Y[LAST] * (1 + side * 0.01 * np.sqrt(steps))]
        for label, side in zip(labels, (-1.28, 0, 1.28), strict=True)
    ]
    path = written(tmp_path, [names, *days(LAST + steps)], *rows)
    with pytest.raises(CandlecastError, match="look like"):
        judged(path)
    (model,) = judged(path, cutoff=days(np.array([LAST]))[0]).models.values()
    assert model.own.quantiles == (0.1, 0.5, 0.9)
    assert model.own.values[0, 3] == pytest.approx(
        Y[LAST] * (1 + 0.02 * np.array([-1.28, 0, 1.28]))
    )


def _triangle() -> pd.DataFrame:
    origins = np.arange(200, 230)
    cells = {
        day: dict.fromkeys(days(origin + np.arange(1, 4)), Y[origin])
        for day, origin in zip(days(origins), origins, strict=True)
    }
    return pd.DataFrame(cells)


@pytest.mark.parametrize("turned", [False, True])
def test_dates_by_dates_are_cutoffs_and_targets(tmp_path: Path, turned: bool) -> None:
    path = tmp_path / "triangle.csv"
    (_triangle().T if turned else _triangle()).to_csv(path)
    (model,) = judged(path).models.values()
    assert (len(model.own), model.own.horizon) == (30, 3)
    assert model.own.values[4, :, 0] == pytest.approx(np.full(3, Y[204]))


def test_tables_of_dates_that_can_be_read_in_two_ways_are_asked_about(tmp_path: Path) -> None:
    both = _triangle()
    both.loc[days(np.array([200]))[0]] = Y[200]
    both.loc[days(np.array([220]))[0]] = Y[200]
    both.to_csv(tmp_path / "both.csv")
    with pytest.raises(CandlecastError, match="either may be those of the forecasts"):
        judged(tmp_path / "both.csv")
    names = ["Series", *days(TARGETS, "%d-%b")]
    path = written(tmp_path, names, ["Actual", *Y[TARGETS]], ["Predicted", *Y[TARGETS - 1]])
    with pytest.raises(CandlecastError, match="days without a year"):
        judged(path)
    first = int(np.searchsorted(DS, np.datetime64("2022-08-01")))
    early = days(first + np.arange(5), "%d/%m/%Y")
    path = written(tmp_path, ["Metric", *early], ["Forecast", *Y[LAST : LAST + 5]])
    with pytest.raises(CandlecastError, match="dmy and mdy"):
        judged(path)


def test_series_and_models_beside_dates_are_repeated(tmp_path: Path) -> None:
    names = ["symbol", "type", *days(TARGETS)]
    path = written(
        tmp_path,
        names,
        ["AAA", "actual", *Y[TARGETS]],
        ["AAA", "forecast", *Y[TARGETS - 1]],
    )
    (model,) = judged(path).models.values()
    assert model.own.values[:, 0, 0] == pytest.approx(Y[TARGETS - 1])
    path = written(
        tmp_path, ["symbol", *days(LAST + np.arange(1, 6))], ["AAA", *Y[LAST] + [0.0] * 5]
    )
    (model,) = judged(path, cutoff=days(np.array([LAST]))[0]).models.values()
    assert set(model.own.symbol) == {"AAA"}
    assert model.own.horizon == 5


def test_names_in_several_lines_are_joined(tmp_path: Path) -> None:
    before, actual = Y[TARGETS - 1], Y[TARGETS]
    columns = [days(TARGETS), actual, before * 0.98, before, before * 1.02]
    book = tmp_path / "book.xlsx"
    head: list[list[Any]] = [
        ["Daily forecasts", None, None, None, None],
        ["Date", "Actual", "TFT", None, None],
        [None, None, "Lower 80%", "Median", "Upper 80%"],
    ]
    body = [list(row) for row in zip(*columns, strict=True)]
    book.write_bytes(xlsx({"S": [*head, *body]}))
    found = judged(book)
    assert found.models["TFT"].own.quantiles == (0.1, 0.5, 0.9)
    assert holds_forecasts(book)
    index = pd.Index(days(TARGETS))
    table = pd.DataFrame(
        {("Close", 0.9, "lower"): before * 0.98, ("Close", 0.9, "upper"): before * 1.02}, index
    )
    table.to_csv(tmp_path / "sktime.csv")
    (model,) = judged(tmp_path / "sktime.csv", horizon=1).models.values()
    assert model.own.quantiles == (0.05, 0.5, 0.95)


def test_forecasts_without_a_named_date_are_told_from_prices(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    table = {"Point Forecast": Y[TARGETS], "Lo 80": Y[TARGETS] - 1, "Hi 80": Y[TARGETS] + 1}
    pd.DataFrame(table, index=pd.Index(days(TARGETS))).to_csv(path)
    assert holds_forecasts(path)
    for rows in (
        [["Actual", *Y[TARGETS]], ["LSTM", *Y[TARGETS]]],
        [[0.1, *Y[TARGETS]], [0.9, *Y[TARGETS]]],
    ):
        assert holds_forecasts(written(tmp_path, ["", *days(TARGETS)], *rows))
    assert not holds_forecasts(written(tmp_path, ["", *days(TARGETS)], ["AAA", *Y[TARGETS]]))
    _triangle().T.to_csv(path)
    assert holds_forecasts(path)
    path.write_text("symbol,.model,date,.mean\nAAA,ets,2024-01-01,3\n")
    assert holds_forecasts(path)
    path.write_text('{"item_id": "A", "start": "2024-01-02", "samples": [[1, 2], [2, 3]]}\n')
    assert holds_forecasts(path)
    path.write_text("id,F1,F2,F3,F4,F5\nA,1,2,3,4,5\n")
    assert holds_forecasts(path)


@pytest.mark.parametrize(
    ("actual", "forecast"),
    [("Close", "Predicted_Next_Close"), ("Actual", "Tomorrow_Pred"), ("Close", "pred_t+1")],
)
@pytest.mark.parametrize("own", [False, True])
def test_a_forecast_of_the_next_bar_is_not_read_as_one_of_its_row(
    tmp_path: Path, actual: str, forecast: str, own: bool
) -> None:
    path = tmp_path / "next.csv"
    table = {"Date": days(TARGETS), actual: Y[TARGETS], forecast: Y[TARGETS] * 1.01}
    pd.DataFrame({**table, "target_t+1": Y[TARGETS + 1]}).to_csv(path, index=False)
    prices = None if own else PRICES
    *_, found = jobs.judge_forecasts(path, prices, ForecastOptions(), baselines="random-walk")
    (model,) = found.models.values()
    (index,) = np.flatnonzero(model.own.cutoff == DS[TARGETS[-2]])
    assert model.own.values[index, 0, 0] == pytest.approx(Y[TARGETS[-2]] * 1.01)
    assert model.own.y[index, 0] == pytest.approx(Y[TARGETS[-1]])
    assert model.verdict.outcome != "beats"
    assert "next_bar" in {item.code for item in found.findings}


def test_limits_that_stand_there_twice_are_read_once(tmp_path: Path) -> None:
    low, high = Y[TARGETS - 1] * 0.98, Y[TARGETS - 1] * 1.02
    table = {
        "forecast_timestamp": days(TARGETS),
        "forecast_value": Y[TARGETS - 1],
        "standard_error": np.ones(TARGETS.size),
        "confidence_level": np.full(TARGETS.size, 0.9),
        "prediction_interval_lower_bound": low,
        "prediction_interval_upper_bound": high,
        "confidence_interval_lower_bound": low,
        "confidence_interval_upper_bound": high,
    }
    path = tmp_path / "bigquery.csv"
    pd.DataFrame(table).to_csv(path, index=False)
    (model,) = judged(path, horizon=1).models.values()
    assert model.own.quantiles == (0.05, 0.5, 0.95)
    table["confidence_interval_lower_bound"] = low * 0.9
    pd.DataFrame(table).to_csv(path, index=False)
    with pytest.raises(CandlecastError, match="Several columns may be"):
        judged(path, horizon=1)


@pytest.mark.parametrize("wrapped", ["{}", "np.float64({})"])
def test_cells_that_hold_a_number_for_each_step_are_read(tmp_path: Path, wrapped: str) -> None:
    def cell(values: Any) -> str:
        return f"[{', '.join(wrapped.format(value) for value in values)}]"

    steps = np.arange(1, 4)
    origins = TARGETS[::3]
    table = {
        "Date": days(origins),
        "Close_prediction": [cell(Y[origin] + 0.5 * steps) for origin in origins],
        "Close": [cell(Y[origin + steps]) for origin in origins],
    }
    path = tmp_path / "lists.csv"
    pd.DataFrame(table).to_csv(path, index=False)
    (model,) = judged(path).models.values()
    assert (len(model.own), model.own.horizon) == (origins.size, 3)
    assert model.own.cutoff.tolist() == DS[origins].tolist()
    assert model.own.values[2, :, 0] == pytest.approx(Y[origins[2]] + 0.5 * steps)
    quantiles = {
        level: [cell([Y[origin] + 9 * level] * 3) for origin in origins] for level in LEVELS
    }
    pd.DataFrame({"cutoff": days(origins), **quantiles}).to_csv(path, index=False)
    (model,) = judged(path).models.values()
    assert model.own.quantiles == LEVELS
    table["Close"][1] = cell(Y[:4])
    pd.DataFrame(table).to_csv(path, index=False)
    with pytest.raises(CandlecastError, match="lists of 3 and 4 numbers"):
        judged(path)
