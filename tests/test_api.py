"""The engine for notebooks: frames in, frames out, the numbers of the command line, and refusals
that say the next step.
"""

from __future__ import annotations

import inspect
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import forecasting
from app.cli import main
from forecasting import (
    CandlecastError,
    CandlecastWarning,
    Forecaster,
    Panel,
    PriceSeries,
    ReadOptions,
    load_prices,
)
from forecasting.config import setting_names

DOCS = Path(__file__).resolve().parents[1] / "docs"
PRICES = Path(__file__).parent / "golden" / "first" / "prices.csv"
#: Named, so that no test has to compare its dates with those of all exchanges.
XNYS = ReadOptions(trading_calendar="XNYS")
SETTINGS: dict[str, Any] = {
    "input_size": 12, "hidden_size": 4, "epochs": 2, "val_size": 60, "test_size": 60, "seed": 7, "device": "cpu", "baselines": "drift",
}  # fmt: skip


@pytest.fixture(scope="module")
def prices() -> pd.DataFrame:
    return pd.read_csv(PRICES).rename(columns=str.capitalize)


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANDLECAST_HOME", str(tmp_path_factory.mktemp("api")))
        yield


@pytest.fixture(scope="module")
def fitted(prices: pd.DataFrame) -> Forecaster:
    return Forecaster("lstm", h=3, options=XNYS, **SETTINGS).fit(prices)


def close(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)


# Frames in


def long(prices: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {"unique_id": "prices", "ds": pd.to_datetime(prices.Date), "y": prices.Close}
    )


FRAMES = {
    "ohlcv": lambda f: f,
    "dates as index": lambda f: f.assign(Date=pd.to_datetime(f.Date)).set_index("Date"),
    "long": long,
    "long with an index of both": lambda f: long(f).set_index(["unique_id", "ds"]),
    "without a name": lambda f: long(f)[["ds", "y"]],
    "a series": lambda f: long(f).set_index("ds").y,
    "periods": lambda f: long(f).assign(ds=lambda g: g.ds.dt.to_period("D")),
    "reversed": lambda f: f.iloc[::-1],
    "row numbers that are not in order": lambda f: f.sample(frac=1, random_state=1),
    "arrow": lambda f: __import__("pyarrow").Table.from_pandas(f),
    "texts": lambda f: f.astype(str),
    "numbers among texts": lambda f: f.astype(object).assign(
        Close=[str(x) if n % 3 else x for n, x in enumerate(f.Close)]
    ),
    "categories": lambda f: long(f).assign(unique_id=lambda g: g.unique_id.astype("category")),
    "numpy float32": lambda f: long(f).assign(y=lambda g: g.y.astype("float32")),
}


@pytest.mark.parametrize("form", FRAMES)
def test_frames_of_every_form_are_read_like_the_file(form: str, prices: pd.DataFrame) -> None:
    (series,) = Panel.from_frame(FRAMES[form](prices), XNYS)
    assert (len(series), series.freq, str(series.ds[-1])[:10]) == (400, "1D", "2018-12-31")
    assert series.y == pytest.approx(prices.Close.to_numpy(), rel=1e-6)


@pytest.mark.parametrize("form", ["long", "wide", "columns of two levels"])
def test_frames_of_several_series_make_a_panel(form: str, prices: pd.DataFrame) -> None:
    item = long(prices)
    wide = pd.DataFrame(
        {"A": item.y.to_numpy(), "B": 2 * item.y.to_numpy()}, index=pd.DatetimeIndex(item.ds)
    )
    frames = {
        "long": pd.concat([item.assign(unique_id="A"), item.assign(unique_id="B", y=2 * item.y)]),
        "wide": wide,
        "columns of two levels": pd.concat({"Close": wide, "Volume": wide.round()}, axis=1),
    }
    panel = Panel.from_frame(frames[form], XNYS)
    assert panel.symbols == ("A", "B")
    assert panel[1].y == pytest.approx(2 * prices.Close.to_numpy())
    assert PriceSeries.from_frame(frames["long"], "B", XNYS).symbol == "B"
    with pytest.raises(CandlecastError, match="holds 2 series: A, B"):
        PriceSeries.from_frame(frames[form], options=XNYS)


def test_a_series_comes_back_from_its_frame(prices: pd.DataFrame) -> None:
    series = PriceSeries.from_frame(prices, "spx", XNYS)
    for frame in (series.to_frame(), series.to_frame(long=False)):
        again = PriceSeries.from_frame(frame, "spx", XNYS)
        assert (again.symbol, again.columns, again.freq) == ("spx", series.columns, "1D")
        assert np.array_equal(again.values, series.values)
    assert list(series.to_frame())[:3] == ["unique_id", "ds", "y"]
    assert Panel((series,)).to_frame().shape[0] == 400


def test_missing_values_and_zones_are_treated_and_told_as_in_files(prices: pd.DataFrame) -> None:
    gappy = long(prices)
    gappy.loc[5, "y"] = np.nan
    series = PriceSeries.from_frame(gappy, options=XNYS)
    assert len(series) == 399
    assert any(finding.code == "missing_close" for finding in series.findings)
    hours = pd.DataFrame(
        {"y": prices.Close.to_numpy()},
        index=pd.date_range("2024-01-01", periods=400, freq="h", tz="Europe/Berlin"),
    )
    assert (PriceSeries.from_frame(hours).tz, PriceSeries.from_frame(hours).freq) == (
        "Europe/Berlin",
        "1h",
    )


REFUSED = {
    "no dates": (lambda f: f[["Close"]], "1 columns"),
    "no rows": (lambda f: f.head(0), "0 rows"),
    "no prices": (lambda f: f[["Date"]].assign(name="x"), "to be the close"),
    "no frame": (lambda f: 3, "not int"),
    "none": (lambda f: None, "not NoneType"),
    "twice": (lambda f: pd.concat([f, f[["Close"]]], axis=1), "two columns called Close"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_prices_is_refused_in_words(what: str, prices: pd.DataFrame) -> None:
    make, words = REFUSED[what]
    with pytest.raises(CandlecastError, match=words) as told:
        Forecaster().fit(make(prices))
    assert told.value.hint


# Frames out


def test_a_forecast_has_the_columns_that_people_know(fitted: Forecaster) -> None:
    frame = fitted.predict()
    assert list(frame) == [
        "unique_id",
        "ds",
        "LSTM-median",
        "LSTM-lo-80",
        "LSTM-hi-80",
        "LSTM-lo-95",
        "LSTM-hi-95",
    ]
    assert list(frame.ds.astype(str)) == ["2019-01-02", "2019-01-03", "2019-01-04"]
    columns = ["LSTM-lo-95", "LSTM-lo-80", "LSTM-median", "LSTM-hi-80", "LSTM-hi-95"]
    assert (np.diff(frame[columns].to_numpy()) > 0).all()


def test_other_levels_leave_those_beside_them_as_they_are(
    fitted: Forecaster, prices: pd.DataFrame
) -> None:
    usual, more = fitted.predict(), fitted.predict(level=[60, 80, 95, 99])
    close(usual, more[list(usual)])
    order = [
        f"LSTM-{side}"
        for side in (
            "lo-99",
            "lo-95",
            "lo-80",
            "lo-60",
            "median",
            "hi-60",
            "hi-80",
            "hi-95",
            "hi-99",
        )
    ]
    assert (np.diff(more[order].to_numpy()) >= 0).all()
    close(usual[["unique_id", "ds", "LSTM-median"]], fitted.predict(level=[]))
    close(fitted.predict(prices), usual)


def test_intervals_are_calibrated_unless_they_are_not_to_be(fitted: Forecaster) -> None:
    ours, raw = fitted.predict(), fitted.predict(calibrated=False)
    close(ours[["ds", "LSTM-median"]], raw[["ds", "LSTM-median"]])
    assert not np.allclose(ours["LSTM-hi-95"], raw["LSTM-hi-95"], rtol=1e-6)


def test_a_model_file_gives_the_same_forecasts(
    fitted: Forecaster, prices: pd.DataFrame, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "m.candlecast")
    loaded = Forecaster.load(tmp_path / "m.candlecast", device="cpu", options=XNYS)
    pd.testing.assert_frame_equal(
        loaded.predict(prices, level=95), fitted.predict(level=95), rtol=1e-5
    )
    assert loaded.config == fitted.config
    other = pd.concat([prices.assign(Symbol="A"), prices.assign(Symbol="B")])
    assert set(loaded.predict(other).unique_id) == {"A", "B"}
    for work in (loaded.predict, loaded.cross_validation, loaded.evaluate, lambda: loaded.history):
        with pytest.raises(CandlecastError) as told:
            work()
        assert told.value.hint


def test_the_mean_is_a_column_where_it_is_the_point_forecast(prices: pd.DataFrame) -> None:
    trained = Forecaster("rnn", h=2, point="mean", options=XNYS, **{**SETTINGS, "epochs": 1}).fit(
        prices
    )
    assert list(trained.predict(level=80)) == [
        "unique_id",
        "ds",
        "RNN-mean",
        "RNN-median",
        "RNN-lo-80",
        "RNN-hi-80",
    ]


def test_cross_validation_has_a_row_for_each_cutoff_and_step(
    fitted: Forecaster, prices: pd.DataFrame
) -> None:
    before = fitted.predict()
    frame = fitted.cross_validation(n_windows=3, step_size=5, level=90)
    assert list(frame)[:7] == [
        "unique_id",
        "ds",
        "cutoff",
        "y",
        "LSTM-median",
        "LSTM-lo-90",
        "LSTM-hi-90",
    ]
    assert "random-walk-median" in frame
    assert "drift-hi-90" in frame
    assert frame.shape[0] == 3 * 3
    assert frame.cutoff.nunique() == 3
    assert (frame.ds > frame.cutoff).all()
    truth = prices.set_index(pd.to_datetime(prices.Date)).Close
    assert frame.y.to_numpy() == pytest.approx(truth[frame.ds].to_numpy())
    assert frame.ds.max() == pd.Timestamp("2018-12-31")
    judged = fitted.evaluate()
    assert list(judged.scores.index)[:2] == ["LSTM", "random-walk"]
    assert judged.scores.loc["random-walk", "mae"] == pytest.approx(
        (frame.y - frame["random-walk-median"]).abs().mean()
    )
    close(fitted.predict(), before)


def test_an_evaluation_says_the_verdict_and_shows_the_scores(prices: pd.DataFrame) -> None:
    trained = Forecaster("gru", h=3, options=XNYS, **SETTINGS).fit(prices.assign(Symbol="spx"))
    judged = trained.evaluate()
    assert judged.verdict.sentence in str(judged)
    assert judged.verdict.sentence.replace("'", "&#x27;") in judged._repr_html_()
    assert set(judged.series_scores.index.get_level_values("unique_id")) == {"spx"}
    assert list(judged.coverage) == ["50", "80", "90", "95"]
    assert list(trained.history.index) == [0, 1, 2]
    assert "1 series" in repr(trained)


# Settings and refusals

WRONG = {
    "unknown setting": (lambda f, p: Forecaster(hiden_size=3), "no setting 'hiden_size'"),
    "unknown model": (lambda f, p: Forecaster("arima"), "arima"),
    "horizon": (lambda f, p: Forecaster(h=0), "horizon = 0"),
    "twice": (lambda f, p: Forecaster(h=2, horizon=3), "same setting"),
    "not trained": (lambda f, p: Forecaster().predict(p), "not trained"),
    "not saved": (lambda f, p: Forecaster().save("x"), "not trained"),
    "fraction": (lambda f, p: f.predict(level=0.8), "in percent"),
    "text": (lambda f, p: f.predict(level="80"), "'80'"),
    "too wide": (lambda f, p: f.predict(level=[100]), "100"),
    "nan": (lambda f, p: f.predict(level=[float("nan")]), "nan"),
    "windows": (lambda f, p: f.cross_validation(n_windows=0), "n_windows = 0"),
    "many windows": (lambda f, p: f.cross_validation(n_windows=5000), "400 bars"),
    "step": (lambda f, p: f.cross_validation(step_size=0), "step_size = 0"),
    "refit": (lambda f, p: f.cross_validation(refit=-1), "refit = -1"),
    "short": (lambda f, p: f.fit(p.head(20)), "20 bars"),
    "too short to forecast": (lambda f, p: f.predict(p.head(5)), "5 bars"),
    "workers": (lambda f, p: f.cross_validation(workers=-1), "workers = -1"),
    "config": (lambda f, p: Forecaster(config={"horizon": 3}), "no RunConfig"),
    "options": (lambda f, p: Forecaster(options=3), "options = 3"),
    "option": (lambda f, p: Forecaster(options={"calender": "XNYS"}), "calender"),
    "no file": (lambda f, p: f.fit("nothing.csv"), "nothing.csv"),
    "no reference": (lambda f, p: load_prices(), "No prices"),
    "progress": (lambda f, p: f.fit(p, progress=3), "progress = 3"),
}


@pytest.mark.filterwarnings("ignore::forecasting.CandlecastWarning")
@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_done_is_refused_and_changes_nothing(
    what: str, fitted: Forecaster, prices: pd.DataFrame
) -> None:
    work, words = WRONG[what]
    before = fitted.predict()
    with pytest.raises(CandlecastError, match=re.escape(words)) as told:
        work(fitted, prices)
    assert told.value.hint
    close(fitted.predict(), before)


def test_data_with_errors_is_refused_until_it_is_accepted(prices: pd.DataFrame) -> None:
    wrong = prices.copy()
    wrong.loc[50:300, "High"] = wrong.loc[50:300, "Low"] - 1
    series = PriceSeries.from_frame(wrong, options=XNYS)
    assert any(finding.severity == "error" for finding in series.findings)
    with pytest.raises(CandlecastError, match="error") as told:
        Forecaster().fit(series)
    assert "accept_findings" in told.value.hint


def test_progress_goes_to_a_function_or_to_a_bar(
    prices: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    steps: list[tuple[int, int, str]] = []
    Forecaster("rnn", h=2, options=XNYS, **SETTINGS).fit(
        prices, progress=lambda *step: steps.append(step), verbose=True
    )
    assert any(done == total > 0 for done, total, _ in steps)
    assert "Epoch 2/2" in capsys.readouterr().err

    class Bar:
        made: list[Bar] = []  # noqa: RUF012 - all of them, for the test

        def __init__(self, total: int | None, desc: str) -> None:
            self.total, self.n, self.open = total, 0, True
            Bar.made.append(self)

        def set_description(self, text: str) -> None:
            self.text = text

        def update(self, by: int) -> None:
            self.n += by

        def close(self) -> None:
            self.open = False

    Forecaster("rnn", h=2, options=XNYS, **SETTINGS).fit(prices, progress=Bar)
    assert any(bar.n == bar.total for bar in Bar.made)
    assert not any(bar.open for bar in Bar.made)


def test_an_interrupted_training_leaves_what_was_trained_before(
    fitted: Forecaster, prices: pd.DataFrame
) -> None:
    before, settings = fitted.predict(), fitted.config

    def interrupt(done: int, total: int, message: str) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted.fit(prices, progress=interrupt)
    close(fitted.predict(), before)
    assert fitted.config == settings


def test_series_that_are_left_out_are_a_warning(prices: pd.DataFrame) -> None:
    short = long(prices).tail(5).assign(unique_id="late")
    with pytest.warns(CandlecastWarning, match="late"):
        trained = Forecaster("rnn", h=2, options=XNYS, **{**SETTINGS, "epochs": 1}).fit(
            pd.concat([long(prices), short])
        )
    assert set(trained.predict().unique_id) == {"prices"}


def test_what_was_dropped_from_the_data_is_a_warning(prices: pd.DataFrame) -> None:
    frame = long(prices).assign(temperature=np.arange(400.0) ** 2)
    frame.loc[7, "y"] = np.nan
    quick = Forecaster(
        "rnn", h=2, options={"trading_calendar": "XNYS"}, **{**SETTINGS, "epochs": 1}
    )
    with pytest.warns(CandlecastWarning) as told:
        quick.fit(frame)
    messages = [str(item.message) for item in told]
    assert any("no close: 1" in message for message in messages)
    assert any("temperature" in message for message in messages)
    assert all(item.filename == __file__ for item in told), "warnings point at the caller"


@pytest.mark.slow
def test_a_second_training_does_not_inherit_what_suited_the_first(prices: pd.DataFrame) -> None:
    months = pd.DataFrame(
        {"ds": pd.date_range("1990-01-01", periods=300, freq="MS"), "y": prices.Close[:300]}
    )
    chosen = {name: SETTINGS[name] for name in ("hidden_size", "baselines", "device", "seed")}
    chosen["options"] = XNYS
    trained = Forecaster("rnn", h=2, epochs=1, **chosen).fit(months)
    assert trained.config.task.input_size == 15
    assert Forecaster("rnn", h=2, epochs=1, **chosen).config.task.input_size == 60
    trained.cross_validation(prices.assign(Symbol="x"), n_windows=1)
    assert trained.evaluate().scores.shape[0] >= 2
    assert trained._suited(Panel.from_frame(prices, XNYS)).task.input_size == 60


def test_public_names_are_few_and_all_there() -> None:
    names = [name for name in forecasting.__all__ if name != "__version__"]
    assert len(names) <= 12
    assert all(getattr(forecasting, name).__doc__ for name in names)


# The command line


@pytest.mark.slow
@pytest.mark.parametrize("what", ["forecast", "backtest"])
def test_the_numbers_are_those_of_the_command_line(
    what: str, prices: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
    walk = (
        ["--step-size", "5", "--refit", "4", "--workers", "1"]
        if what == "backtest"
        else ["--no-journal"]
    )
    assert (
        main([what, str(PRICES), "--horizon", "3", *words, *walk, "--no-keep-run", "--json"]) == 0
    )
    printed = json.loads(capsys.readouterr().out)
    ours = Forecaster("lstm", h=3, **SETTINGS)
    if what == "forecast":
        frame = ours.fit(prices).predict(level=[80, 95])
        assert [str(ds) for ds in frame.ds] == [row["ds"] for row in printed["forecast"]]
        for column in ("median", "lo-80", "hi-80", "lo-95", "hi-95"):
            assert frame[f"LSTM-{column}"].tolist() == pytest.approx(
                [row[column] for row in printed["forecast"]], rel=1e-9
            )
        assert ours.predict(PRICES)["LSTM-lo-80"].tolist() == pytest.approx(
            frame["LSTM-lo-80"].tolist(), rel=1e-9
        )
    else:
        ours.cross_validation(str(PRICES), step_size=5, refit=4)
    judged = ours.evaluate()
    assert judged.verdict.sentence == printed["verdict"]["sentence"]
    for model, scores in printed["scores"].items():
        for metric, value in scores.items():
            assert value is None or judged.scores.loc[model, metric] == pytest.approx(
                value, rel=1e-9
            ), (model, metric)


# The example


@pytest.mark.slow
def test_the_example_notebook_runs_and_shows_what_it_shows(tmp_path: Path) -> None:
    kept = json.loads((DOCS / "notebook.ipynb").read_text(encoding="utf-8"))
    copy = tmp_path / "notebook.ipynb"
    shutil.copy(DOCS / "notebook.ipynb", copy)
    done = subprocess.run(
        [sys.executable, str(DOCS / "run_notebook.py"), str(copy)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    again = json.loads(copy.read_text(encoding="utf-8"))
    for before, now in zip(kept["cells"], again["cells"], strict=True):
        assert before["source"] == now["source"]
        if before["cell_type"] == "code":
            kinds = [
                [output["output_type"] for output in cell["outputs"]] for cell in (before, now)
            ]
            assert kinds[0] == kinds[1], "write the notebook anew: see docs/run_notebook.py"
    assert not any("stderr" in str(cell.get("outputs")) for cell in kept["cells"]), (
        "a warning is shown"
    )


def test_the_documents_name_what_is_there() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    for name in forecasting.__all__:
        assert name == "__version__" or f"`{name}" in text, name
    for name in (name for name in vars(Forecaster) if not name.startswith("_")):
        assert name in text, name
    for name in re.findall(r"\b([a-z_]+)=", text):
        known = {*setting_names(), *ReadOptions.model_fields}
        known |= {
            item
            for method in vars(Forecaster).values()
            if inspect.isfunction(method)
            for item in inspect.signature(method).parameters
        }
        assert name in known, name
