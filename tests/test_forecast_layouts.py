"""Further layouts of forecasts: each is read as what it holds, or asked about; never as anything
else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecasting import jobs
from forecasting.errors import SourceError
from forecasting.imported_forecasts import ForecastOptions
from forecasting.imported_forecasts.results import ForecastsJudged
from forecasting.series import Panel, PriceSeries

BARS, H, CUTOFF = 260, 5, 215
DS = np.busday_offset("2021-01-04", np.arange(BARS))
Y = 100 * np.exp(np.cumsum(np.random.default_rng(4).normal(0, 0.01, BARS)))
PANEL = Panel((PriceSeries("X", DS.astype("datetime64[us]"), ("close",), Y[:, None]),))
DAYS = [str(day) for day in DS]
Q = (0.025, 0.05, 0.1, 0.5, 0.9, 0.95, 0.975)
Row = dict[str, Any]


def value(cutoff: int, step: int, q: float = 0.5) -> float:
    """What is forecast, whatever the layout."""
    spread = 0.01 * np.sqrt(step) * NormalDist().inv_cdf(q)
    return float(Y[cutoff] * np.exp(0.0001 * step + spread))


def _ahead(row: Callable[[int], Row]) -> pd.DataFrame:
    """One forecast, a row for each step."""
    return pd.DataFrame([row(step) for step in range(1, H + 1)])


def _daily(row: Callable[[int], Row]) -> pd.DataFrame:
    """One-step forecasts, a row for each cutoff."""
    return pd.DataFrame([row(cutoff) for cutoff in range(200, 250)])


def _interval(step: int, level: float) -> tuple[float, float]:
    tail = (1 - level / 100) / 2
    return value(CUTOFF, step, tail), value(CUTOFF, step, 1 - tail)


def _sheet() -> pd.DataFrame:
    """A forecast sheet of a spreadsheet: past values, then the forecast, one row in common."""
    low, high = "Lower Confidence Bound(Values)", "Upper Confidence Bound(Values)"
    past = [
        {"Timeline": DAYS[n], "Values": Y[n], "Forecast(Values)": None, low: None, high: None}
        for n in range(CUTOFF - 30, CUTOFF)
    ]
    last = Y[CUTOFF]
    seam = {"Timeline": DAYS[CUTOFF], "Values": last, "Forecast(Values)": last}
    ahead = _ahead(
        lambda h: {
            "Timeline": DAYS[CUTOFF + h],
            "Forecast(Values)": value(CUTOFF, h),
            low: value(CUTOFF, h, 0.025),
            high: value(CUTOFF, h, 0.975),
        }
    )
    return pd.concat([pd.DataFrame([*past, {**seam, low: last, high: last}]), ahead])


def _workflow() -> pd.DataFrame:
    """R's modeltime: actual and forecast values in one column, each model in rows of its own."""
    names = [".model_id", ".model_desc", ".key", ".index", ".value", ".conf_lo", ".conf_hi"]
    known = range(150, CUTOFF + 1)
    past = [(None, "ACTUAL", "actual", DAYS[n], Y[n], None, None) for n in known]
    ahead = [
        (1, "ARIMA", "prediction", DAYS[CUTOFF + h], value(CUTOFF, h), *_interval(h, 95))
        for h in range(1, H + 1)
    ]
    return pd.DataFrame([*past, *ahead], columns=names)


def _of_steps(name: str, levels: tuple[float, ...] = (0.1, 0.5, 0.9)) -> pd.DataFrame:
    """A row for each cutoff, a column for each step and level."""
    keys = [(h, q) for h in (1, 2, 3) for q in levels]
    return _daily(
        lambda c: {
            "date": DAYS[c],
            **{name.format(h=h, q=q, p=round(100 * q)): value(c, h, q) for h, q in keys},
        }
    )


def _folds(cells: Callable[[int, int, int], Row]) -> pd.DataFrame:
    """Forecasts of H bars, one after the other."""
    every = enumerate(range(200, 250, H))
    return pd.DataFrame([cells(n, c, c + h) for n, c in every for h in range(1, H + 1)])


TABLES: dict[str, Callable[[], pd.DataFrame]] = {
    "modeltime": _workflow,
    "steps, then quantiles": lambda: _of_steps("t+{h}_p{p}"),
    "quantiles, then steps": lambda: _of_steps("q{q}_h{h}"),
    "days ahead": lambda: _of_steps("Prognose {h} Tage", (0.5,)),
    "amazon": lambda: _folds(
        lambda n, c, t: {
            "item_id": "X",
            "timestamp": DAYS[t],
            "target_value": Y[t],
            "backtestwindow_start_time": DAYS[c + 1],
            "backtestwindow_end_time": DAYS[c + H],
            **{f"p{round(100 * q)}": value(c, t - c, q) for q in (0.1, 0.5, 0.9)},
        }
    ),
    "letters for sides": lambda: _daily(
        lambda c: {
            "date": DAYS[c + 1],
            "actual": Y[c + 1],
            "fc": value(c, 1),
            "L80": value(c, 1, 0.1),
            "U80": value(c, 1, 0.9),
        }
    ),
    "ordinals": lambda: _daily(
        lambda c: {
            "date": DAYS[c + 1],
            "actual": Y[c + 1],
            **{f"{round(100 * q)}th": value(c, 1, q) for q in (0.05, 0.5, 0.95)},
        }
    ),
    "german in two words": lambda: _daily(
        lambda c: {
            "Datum": DAYS[c + 1],
            "Ist": Y[c + 1],
            "Prognose": value(c, 1),
            "Untere Grenze (95 %)": value(c, 1, 0.025),
            "Obere Grenze (95 %)": value(c, 1, 0.975),
        }
    ),
    "fable with intervals in a cell": lambda: _ahead(
        lambda h: {
            ".model": "ets",
            "Date": DAYS[CUTOFF + h],
            "Close": "N(100, 1.2)",
            ".mean": value(CUTOFF, h),
            "80%": "[{:.6f}, {:.6f}]80".format(*_interval(h, 80)),
            "95%": "[{:.6f}, {:.6f}]95".format(*_interval(h, 95)),
        }
    ),
    "tuples": lambda: _ahead(
        lambda h: {
            "date": DAYS[CUTOFF + h],
            "forecast": value(CUTOFF, h),
            "interval_95": "({:.6f}, {:.6f})".format(*_interval(h, 95)),
        }
    ),
    "orbit": lambda: _ahead(
        lambda h: {
            "date": DAYS[CUTOFF + h],
            "prediction_5": value(CUTOFF, h, 0.05),
            "prediction": value(CUTOFF, h),
            "prediction_95": value(CUTOFF, h, 0.95),
        }
    ),
    "big query": lambda: _ahead(
        lambda h: {
            "forecast_timestamp": DAYS[CUTOFF + h],
            "forecast_value": value(CUTOFF, h),
            "standard_error": 1.0,
            "confidence_level": 0.9,
            "prediction_interval_lower_bound": value(CUTOFF, h, 0.05),
            "prediction_interval_upper_bound": value(CUTOFF, h, 0.95),
        }
    ),
    "r forecast": lambda: _ahead(
        lambda h: {
            "Date": DAYS[CUTOFF + h],
            "Point.Forecast": value(CUTOFF, h),
            "Lo.80": value(CUTOFF, h, 0.1),
            "Hi.80": value(CUTOFF, h, 0.9),
        }
    ),
    "m competition": lambda: pd.DataFrame(
        [{"id": "X", **{f"F{h}": value(CUTOFF, h) for h in range(1, H + 1)}}]
    ),
    "autogluon": lambda: _ahead(
        lambda h: {
            "item_id": "X",
            "timestamp": DAYS[CUTOFF + h],
            "mean": value(CUTOFF, h),
            **{str(q): value(CUTOFF, h, q) for q in (0.1, 0.5, 0.9)},
        }
    ),
    "german": lambda: _daily(
        lambda c: {
            "Datum": DAYS[c + 1],
            "Tatsächlich": Y[c + 1],
            "Prognose": value(c, 1),
            "Untergrenze 90%": value(c, 1, 0.05),
            "Obergrenze 90%": value(c, 1, 0.95),
        }
    ),
    "french": lambda: _daily(
        lambda c: {
            "Date": DAYS[c + 1],
            "Réel": Y[c + 1],
            "Prévision": value(c, 1),
            "Borne inférieure 80%": value(c, 1, 0.1),
            "Borne supérieure 80%": value(c, 1, 0.9),
        }
    ),
    "spanish": lambda: _daily(
        lambda c: {
            "Fecha": DAYS[c + 1],
            "Real": Y[c + 1],
            "Pronóstico": value(c, 1),
            "Límite inferior (95%)": value(c, 1, 0.025),
            "Límite superior (95%)": value(c, 1, 0.975),
        }
    ),
    "data robot": lambda: pd.DataFrame(
        [
            {
                "Timestamp": DAYS[c + h],
                "Forecast Point": DAYS[c],
                "Forecast Distance": h,
                "Prediction": value(c, h),
                "PREDICTION_80_PERCENTILE_LOW": value(c, h, 0.1),
                "PREDICTION_80_PERCENTILE_HIGH": value(c, h, 0.9),
            }
            for c in range(200, 250, 5)
            for h in range(1, H + 1)
        ]
    ),
    "spreadsheet": _sheet,
}
#: What the user has to settle, and whether the file gives bands.
SETTLED: dict[str, dict[str, Any]] = {
    name: {"band_level": 95.0} for name in ("spreadsheet", "modeltime")
}
#: Layouts that say of themselves from when they are.
DATED = {"german", "french", "spanish", "data robot", "spreadsheet", "modeltime", "amazon"}
DATED |= {"steps, then quantiles", "quantiles, then steps", "days ahead", "letters for sides"}
DATED |= {"ordinals", "german in two words"}
#: Layouts without bands.
POINTS = {"m competition", "days ahead"}


def judged(path: Path, **options: Any) -> ForecastsJudged:
    *_, made = jobs.judge_forecasts(
        path, PANEL, ForecastOptions(**options), baselines="random-walk"
    )
    assert isinstance(made, ForecastsJudged)
    return made


def assert_exact(made: ForecastsJudged) -> int:
    """Compare every value with what was forecast; return how many levels were compared."""
    (model,) = made.models.values()
    own, bars = model.own, {day: n for n, day in enumerate(DAYS)}
    seen: set[float] = set()
    for n in range(len(own)):
        cutoff = bars[str(own.cutoff[n])[:10]]
        for step in range(own.horizon):
            ahead = bars[str(own.ds[n, step])[:10]] - cutoff
            for level, found in zip(own.quantiles, own.values[n, step], strict=True):
                assert found == pytest.approx(value(cutoff, ahead, level), rel=1e-6), level
                seen.add(level)
    return len(seen)


@pytest.mark.parametrize("name", TABLES)
def test_a_layout_is_read_as_what_it_holds(tmp_path: Path, name: str) -> None:
    path = tmp_path / "forecasts.csv"
    TABLES[name]().to_csv(path, index=False)
    options = dict(SETTLED.get(name, {}))
    if name not in DATED:
        with pytest.raises(SourceError, match="cutoff"):
            judged(path, **options)
        options["cutoff"] = DAYS[CUTOFF]
    levels = assert_exact(judged(path, **options))
    assert levels == (1 if name in POINTS else 5 if name.startswith("fable") else 3)


def test_quantiles_by_level_in_lines_of_json(tmp_path: Path) -> None:
    path = tmp_path / "chronos.jsonl"
    levels = (0.1, 0.5, 0.9)
    lines = [
        {
            "unique_id": "X",
            "cutoff": DAYS[c],
            "quantile_levels": levels,
            "forecast": [[value(c, h, q) for q in levels] for h in range(1, H + 1)],
        }
        for c in range(200, 250, 5)
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    assert assert_exact(judged(path)) == 3


def _prophet() -> pd.DataFrame:
    parts = {f"{part}{side}": 0.1 for part in ("trend", "weekly") for side in ("", "_lower")}
    parts |= {f"{part}_upper": 0.2 for part in ("trend", "weekly")}
    return pd.DataFrame(
        [
            {
                "ds": DAYS[CUTOFF + h],
                **parts,
                "yhat": value(CUTOFF, max(h, 1)),
                "yhat_lower": value(CUTOFF, max(h, 1), 0.1),
                "yhat_upper": value(CUTOFF, max(h, 1), 0.9),
            }
            for h in range(-40, H + 1)
        ]
    )


def test_quantiles_of_steps_made_before_their_date_are_one_model(tmp_path: Path) -> None:
    """NeuralProphet writes the forecast of each date that was made 1, 2, ... bars before it."""
    path = tmp_path / "neural.csv"
    parts = {0.1: " 10.0%", 0.5: "", 0.9: " 90.0%"}
    frame = _daily(
        lambda c: {
            "ds": DAYS[c],
            "y": Y[c],
            **{f"yhat{h}{parts[q]}": value(c - h, h, q) for h in (1, 2, 3) for q in parts},
        }
    )
    frame.to_csv(path, index=False)
    (model,) = judged(path).models.values()
    assert model.own.quantiles == tuple(parts)
    (n,) = np.flatnonzero(model.own.cutoff == np.datetime64(DAYS[220]))
    expected = [[value(220, h, q) for q in parts] for h in (1, 2, 3)]
    assert model.own.values[n] == pytest.approx(np.array(expected))


def test_intervals_of_two_coverages_under_names_of_three_lines(tmp_path: Path) -> None:
    path = tmp_path / "sktime.csv"
    sides = {
        (0.8, "lower"): 0.1,
        (0.8, "upper"): 0.9,
        (0.95, "lower"): 0.025,
        (0.95, "upper"): 0.975,
    }
    steps = range(1, H + 1)
    columns = {("Close", *key): [value(CUTOFF, h, q) for h in steps] for key, q in sides.items()}
    pd.DataFrame(columns, index=[DAYS[CUTOFF + h] for h in steps]).to_csv(path)
    (model,) = judged(path, cutoff=DAYS[CUTOFF]).models.values()
    assert model.own.quantiles == (0.025, 0.1, 0.5, 0.9, 0.975)
    assert model.own.values[0, 2, [0, 4]] == pytest.approx(_interval(3, 95))


def test_folds_may_be_forecasts_of_many_bars_or_of_one_each(tmp_path: Path) -> None:
    path = tmp_path / "folds.csv"
    _folds(lambda n, c, t: {"": DAYS[t], "fold": n, "pred": value(c, t - c)}).to_csv(
        path, index=False
    )
    with pytest.raises(SourceError, match="fold numbers groups of 5 rows"):
        judged(path)
    made = judged(path, horizon=H)
    assert_exact(made)
    assert [len(model.own) for model in made.models.values()] == [10]
    assert judged(path, columns={"unused": "fold"}).models


def test_lists_of_forecasts_under_another_name(tmp_path: Path) -> None:
    path = tmp_path / "forecasts.json"
    steps = range(1, H + 1)
    lists = {str(q): [value(CUTOFF, h, q) for h in steps] for q in (0.1, 0.5, 0.9)}
    item = {"item_id": "X", "start": DAYS[CUTOFF + 1], "quantiles": lists}
    path.write_text(json.dumps({"freq": "B", "forecasts": [item]}))
    assert assert_exact(judged(path)) == 3


def test_fitted_values_of_prophet_are_no_forecasts(tmp_path: Path) -> None:
    path = tmp_path / "prophet.csv"
    _prophet().to_csv(path, index=False)
    with pytest.raises(SourceError, match="fitted values"):
        judged(path)
    made = judged(path, cutoff=DAYS[CUTOFF])
    assert list(made.models) == ["prophet"], "its components are no models"
    assert assert_exact(made) == 3


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["VaR 5%"], "there is nothing else"),
        (["Prediction_5", "Prediction_95"], "several|look like|may be"),
    ],
)
def test_what_may_be_two_things_is_asked_about(
    tmp_path: Path, columns: list[str], words: str
) -> None:
    path = tmp_path / "forecasts.csv"
    frame = _ahead(lambda h: {"date": DAYS[CUTOFF + h], **dict.fromkeys(columns, value(CUTOFF, h))})
    frame.to_csv(path, index=False)
    with pytest.raises(SourceError, match=words):
        judged(path)


def test_numbers_of_runs_are_no_percentiles(tmp_path: Path) -> None:
    """Values that do not lie around the middle are forecasts of their own."""
    path = tmp_path / "forecasts.csv"
    frame = _daily(
        lambda c: {
            "date": DAYS[c + 1],
            "cutoff": DAYS[c],
            "run": value(c, 1),
            "run 40": value(c, 1) * 1.01,
            "run 60": value(c, 1) * 0.99,
        }
    )
    frame.to_csv(path, index=False)
    assert set(judged(path).models) == {"run", "run 40", "run 60"}
