"""The samples: real prices that come with the arch package, read without importing it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from forecasting.errors import SourceError
from forecasting.source_registry import SOURCES
from forecasting.sources import SAMPLES, source
from forecasting.sources import samples as module


@pytest.mark.parametrize(
    ("name", "bars", "first", "last", "close", "calendar"),
    [
        ("sp500", 5031, "1999-01-04", "2018-12-31", 2506.850098, "XNYS"),
        ("nasdaq", 5031, "1999-01-04", "2018-12-31", 6635.279785, "XNYS"),
        ("wti", 8321, "1986-01-02", "2019-01-03", 46.92, "weekdays"),
    ],
)
def test_sample(name: str, bars: int, first: str, last: str, close: float, calendar: str) -> None:
    (series,) = source(f"sample:{name}").load()
    assert (series.symbol, len(series), series.y[-1]) == (name, bars, close)
    assert [str(ds)[:10] for ds in series.ds[[0, -1]]] == [first, last]
    assert (series.freq, series.calendar, series.currency, series.tz) == ("1D", calendar, "USD", "")
    assert series.provenance.source == f"sample:{name}"
    assert "arch" in series.provenance.note
    assert len(series.provenance.content_hash) == 64
    assert series.has_range == (name != "wti")


def test_the_memory_test_is_what_it_says_and_the_same_each_time() -> None:
    (series,) = source("sample:memory").load()
    (again,) = source("sample:memory").load()
    np.testing.assert_array_equal(series.values, again.values)
    up = np.sign(np.diff(np.log(series.y)))
    assert 0.94 < (up[80:] == up[:-80]).mean() < 0.96
    nearer = [abs((up[lag:] == up[:-lag]).mean() - 0.5) for lag in range(1, 80)]
    assert max(nearer) < 0.2
    assert np.median(nearer) < 0.06
    assert "synthetic" in series.provenance.note
    assert (len(series), series.currency, series.calendar, series.freq) == (
        6000,
        "",
        "weekdays",
        "1D",
    )


@pytest.mark.parametrize(("name", "lag"), [("echo", 4), ("echo-20", 20)])
def test_an_echo_repeats_the_direction_of_its_lag(name: str, lag: int) -> None:
    (series,) = source(f"sample:{name}").load()
    up = np.sign(np.diff(np.log(series.y)))
    assert (up[lag:] == up[:-lag]).mean() > 0.93
    assert series.symbol == name
    assert "synthetic" in series.provenance.note


@pytest.mark.parametrize("name", ["echo-3", "echo-0", "echo-4000"])
def test_an_echo_of_an_impossible_lag_is_refused(name: str) -> None:
    with pytest.raises(SourceError, match="echo of the bar"):
        source(f"sample:{name}").load()


def test_the_exploding_sample_leans_against_the_sum_of_its_past() -> None:
    (series,) = source("sample:exploding").load()
    signs = np.sign(np.diff(np.log(series.y)))
    sums = np.convolve(signs, np.ones(40), "valid")[:-1]
    assert np.corrcoef(sums, signs[40:])[0, 1] < -0.15


def test_the_seasonal_sample_has_a_pattern_of_weekdays() -> None:
    (series,) = source("sample:seasonal").load()
    moves = np.diff(np.log(series.y))
    weekday = series.ds[1:].astype("datetime64[D]").astype(int) % 7
    means = [moves[weekday == day].mean() for day in np.unique(weekday)]
    assert len(means) == 5
    assert max(means) - min(means) > 0.05


@pytest.mark.slow
def test_every_sample_loads_again_from_its_own_reference() -> None:
    for name in SAMPLES:
        (series,) = source(f"sample:{name}").load()
        (again,) = source(series.provenance.source).load()
        np.testing.assert_array_equal(series.values, again.values)
        assert not [finding for finding in series.findings if finding.severity == "error"]


def test_names_in_any_case_and_unknown_ones() -> None:
    assert source("Sample: SP500 ").load()[0].symbol == "sp500"
    with pytest.raises(SourceError, match="sp500, nasdaq, wti, memory, echo, exploding, seasonal"):
        source("sample:dax").load()


def test_arch_without_its_data_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with pytest.raises(SourceError, match="pip install arch"):
        source("sample:sp500").load()


def test_loading_a_sample_imports_neither_arch_nor_torch() -> None:
    code = (
        "import sys; from forecasting.sources import source\n"
        "light = {'pandas', 'pyarrow', 'arch', 'torch', 'scipy', 'yfinance', "
        "'exchange_calendars'} & set(sys.modules)\n"
        "source('sample:sp500').load()\n"
        "assert not light, light\n"
        "heavy = {'arch', 'torch', 'scipy', 'yfinance', 'exchange_calendars'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_the_registry() -> None:
    assert set(SOURCES) == {"file", "yahoo", "sample"}
