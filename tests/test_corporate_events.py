"""Dividends, splits and earnings reports: fetched, kept, read as inputs, and marked on the chart."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PySide6.QtWidgets import QApplication
from yahoo_server import Market, YahooServer, serving

from app.charts.event_marks import EVENTS, event_marks
from app.charts.price import PriceChart
from app.cli import main
from forecasting import store
from forecasting.config import RunConfig
from forecasting.corporate_events import CorporateEvent, event_column, events_of
from forecasting.errors import DataError
from forecasting.jobs.exog import check_horizon, with_inputs
from forecasting.series import ExogColumn, Panel, PriceSeries
from forecasting.sources import source
from forecasting.sources.resample import resample
from forecasting.store import PriceStore
from forecasting.store.database import MIGRATIONS, store_path

REPORTS = tuple(
    f"{day} at 4 PM EST" for day in ("August 01, 2024", "May 02, 2024", "February 01, 2024")
)


def market(bars: int = 300) -> Market:
    return Market.made(
        bars,
        dividends={"2024-02-09": 0.24, "2024-05-10": 0.25},
        splits={"2024-06-10": (4, 1)},
        earnings=REPORTS,
    )


@pytest.fixture
def yahoo() -> Iterator[YahooServer]:
    with serving(AAPL=market()) as server:
        yield server


def fetched(reference: str = "yahoo:AAPL", refresh: str = "always") -> PriceSeries:
    (series,) = store.load(source(reference), refresh)
    return series


def told(series: PriceSeries) -> list[tuple[str, str, float]]:
    return [(event.kind, str(event.ds)[:10], event.value) for event in events_of(series)]


SEEN = [
    ("earnings", "2024-02-02", 1.0),
    ("dividends", "2024-02-09", 0.24),
    ("earnings", "2024-05-03", 1.0),
    ("dividends", "2024-05-10", 0.25),
    ("splits", "2024-06-10", 4.0),
    ("earnings", "2024-08-02", 1.0),
]


def test_events_come_with_the_prices_and_are_kept(yahoo: YahooServer) -> None:
    series = fetched()
    assert told(series) == SEEN
    pages = [item for item in yahoo.requests if item.startswith("/calendar")]
    assert len(pages) == 1
    kept = fetched(refresh="never")
    assert told(kept) == SEEN
    assert [column.digest() for column in kept.extras] == [
        column.digest() for column in series.extras
    ]
    # A tail brings new events and keeps those before it.
    yahoo.markets["AAPL"].dividends["2024-06-27"] = 0.3
    assert told(fetched())[-2] == ("dividends", "2024-06-27", 0.3)
    assert told(fetched("yahoo:AAPL"))[:4] == SEEN[:4]
    assert "readjusted" not in [item.code for item in fetched().findings]


def test_prices_do_not_depend_on_earnings_dates(yahoo: YahooServer) -> None:
    yahoo.earnings = "html"
    assert "earnings" not in [kind for kind, _, _ in told(fetched())]
    yahoo.earnings = "500"
    with PriceStore() as opened:
        opened.forget("yahoo:AAPL:1d")
    series = fetched()
    assert [item.code for item in series.findings] == ["no_earnings"]
    assert len(series) == 300
    # Not asked again at once, and not told of what is kept.
    pages = len([item for item in yahoo.requests if item.startswith("/calendar")])
    fetched()
    assert len([item for item in yahoo.requests if item.startswith("/calendar")]) == pages
    assert "no_earnings" not in [item.code for item in fetched(refresh="never").findings]


def test_a_store_without_events_opens_and_gets_them(yahoo: YahooServer) -> None:
    before = market()
    before.dividends, before.splits, before.earnings = {}, {}, ()
    yahoo.markets["AAPL"] = before
    fetched()
    with sqlite3.connect(store_path()) as db:  # as the version before wrote it
        db.execute("DROP TABLE price_event")
        db.execute("DROP TABLE run_candles")
        db.execute("ALTER TABLE price_series DROP COLUMN event_kinds")
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) - 2}")
    db.close()
    assert told(fetched(refresh="never")) == []
    yahoo.markets["AAPL"] = market()
    assert told(fetched()) == SEEN


def test_damaged_events_are_fetched_again(yahoo: YahooServer) -> None:
    fetched()
    with sqlite3.connect(store_path()) as db:
        db.execute("UPDATE price_event SET value = 'x' WHERE kind = 'splits'")
    db.close()
    series = fetched(refresh="auto")
    assert "kept_damaged" in [item.code for item in series.findings]
    assert told(series) == SEEN


def test_events_are_inputs_that_look_at_nothing_ahead(yahoo: YahooServer) -> None:
    series = fetched()
    config = RunConfig().changed(hist_exog="dividends,splits", futr_exog="earnings", horizon=20)
    panel = with_inputs(Panel((series,)), config.inputs)
    check_horizon(panel, config.inputs, 20)
    earnings = panel[0].exog[2]
    days = dict(zip(earnings.ds.astype("datetime64[D]").astype(str), earnings.values, strict=True))
    assert days["2024-05-03"] == 1
    assert days["2024-05-02"] == 0  # the report came after the close
    assert days["2024-08-02"] == 1  # announced, after the last bar
    assert np.isnan(days["2024-02-01"])  # nothing is known before the first report
    with pytest.raises(DataError, match=r"splits of AAPL are known ahead from their declaration"):
        with_inputs(panel, RunConfig().changed(futr_exog="splits").inputs)
    with pytest.raises(DataError, match="is known up to 2024-09"):
        check_horizon(panel, config.inputs, 100)
    cut = replace(series, ds=series.ds[:200], values=series.values[:200])
    for kind in ("dividends", "splits"):
        early = event_column(kind, cut.ds, events_of(series))
        late = event_column(kind, series.ds, events_of(series))
        np.testing.assert_array_equal(early.values, late.values[:200])


def test_inspect_lists_events(yahoo: YahooServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "yahoo:AAPL", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    listed = {item["name"]: item for item in found["inputs"]}
    assert set(listed) == {"dividends", "splits", "earnings"}
    assert listed["earnings"]["ahead"] > 0
    assert listed["dividends"]["ahead"] == 0


NAMES = [
    ("Dividends", "Stock Splits", 0.0),
    ("7. dividend amount", "8. split coefficient", 1.0),
    ("divCash", "splitFactor", 1.0),
    ("Ex-Dividend", "Split Ratio", 1.0),
]


@pytest.mark.parametrize(("dividends", "splits", "none"), NAMES)
def test_columns_of_files_are_events(
    tmp_path: Path, dividends: str, splits: str, none: float
) -> None:
    days = pd.bdate_range("2024-01-01", periods=80)
    frame = pd.DataFrame({"Date": days, "Close": 100 + np.sin(np.arange(80))})
    frame[dividends], frame[splits] = 0.0, none
    frame.loc[[10, 60], dividends] = 0.24
    frame.loc[30, splits] = 0.1
    frame.to_csv(tmp_path / "prices.csv", index=False)
    (series,) = source(str(tmp_path / "prices.csv")).load()
    assert [(kind, value) for kind, _, value in told(series)] == [
        ("dividends", 0.24),
        ("splits", 0.1),
        ("dividends", 0.24),
    ]
    assert [mark.text for mark in event_marks(series)][:2] == [
        "Dividend 0.24 on 2024-01-15",
        "Split 1:10 on 2024-02-12",
    ]
    panel = (
        with_inputs(Panel((series,)), RunConfig().changed(hist_exog="dividends").inputs)
        if dividends == "Dividends"
        else None
    )
    assert panel is None or panel[0].exog[0].values.sum() == pytest.approx(0.48)


def test_figures_of_another_kind_are_no_events() -> None:
    ds = np.datetime64("2024-01-01", "us") + np.arange(100) * np.timedelta64(1, "D")
    yearly = ExogColumn("dividends", ds, np.full(100, 0.96))
    eps = ExogColumn("earnings", ds, np.linspace(1, 2, 100))
    ratios = ExogColumn(
        "split", ds, np.where(np.arange(100) == 7, 0.0, np.nan), "category", ("7:2",)
    )
    series = PriceSeries("X", ds, ("close",), np.ones((100, 1)), extras=(yearly, eps, ratios))
    assert told(series) == [("splits", "2024-01-08", 3.5)]


def test_joined_bars_have_the_events_since_the_bar_before(yahoo: YahooServer) -> None:
    weekly = resample(fetched(), "1W")
    found = told(weekly)
    assert ("dividends", "2024-02-09", 0.24) in found
    assert ("splits", "2024-06-14", 4.0) in found
    marks = {mark.letter: mark.text for mark in event_marks(weekly)}
    assert marks["S"] == "Split 4:1 in the week of 2024-06-14"
    two = [CorporateEvent("splits", weekly.ds[3] - np.timedelta64(k, "D"), 2.0) for k in (1, 2)]
    assert event_column("splits", weekly.ds, two).values[3] == 4.0


def test_marks_are_drawn_hidden_and_read(qapp: QApplication, yahoo: YahooServer) -> None:
    chart = PriceChart()
    chart.show_series(fetched())
    chart.refresh()
    assert "".join(mark.letter for mark in chart.marks.groups[EVENTS]) == "EDEDSE"
    assert "dividends: 2" in chart.summary()
    bar = int(
        np.flatnonzero(chart.series.ds.astype("datetime64[D]") == np.datetime64("2024-02-09"))[0]
    )
    assert chart.marks.read(bar) == "Dividend 0.24 USD on 2024-02-09"
    chart.toggle(EVENTS)
    assert chart.marks.groups[EVENTS] == ()
    other = PriceChart()
    other.show_series(chart.series)
    other.follow_look(chart)
    other.refresh()
    assert other.marks.groups[EVENTS] == ()
    for made in (chart, other):
        made.close()
        made.deleteLater()
