"""What a person reads in a terminal of eighty columns: whole dates, whole headings, figures that
stand in line.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from fabricated import forecast

from app.cli import main
from app.cli.journal import show
from app.cli.tables import _figure, brief_headings, show_forecasts, show_judgement, show_series
from forecasting.config import RunConfig
from forecasting.events import Verdict
from forecasting.series import Panel, PriceSeries
from forecasting.store import Journal


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def _series(first: str, step: str, symbol: str = "A", tz: str = "") -> PriceSeries:
    ds = np.datetime64(first, "us") + np.arange(30) * np.timedelta64(1, step)
    return PriceSeries(symbol, ds, ("close",), np.linspace(10, 40, 30)[:, None], tz=tz)


def test_days_have_no_time_and_times_no_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    show_series(_series("2024-01-01", "D"))
    assert "2024-01-01, close" in capsys.readouterr().out
    show_series(_series("2024-01-01T14:30", "h", tz="America/New_York"))
    assert "2024-01-01 14:30-05:00, close" in capsys.readouterr().out
    show_series(_series("2024-01-01T14:30:20", "s"))
    assert "2024-01-01 14:30:20, close" in capsys.readouterr().out


def test_figures_of_a_column_stand_in_line() -> None:
    assert [_figure(value) for value in (92.9, 47.4, 3.4, 0.5, 201, 16_587.28, float("nan"))] == [
        *("92.90", "47.40", "3.400", "0.5000", "201.0", "16,587", "-")
    ]


@pytest.mark.parametrize("price", [1.0725e-5, 1.0725e-9, 3.4e-6, 0.61, 92.9, 655_000, 1.5e9])
def test_no_figure_is_cut_whatever_the_size_of_prices(
    price: float, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = dict.fromkeys(brief_headings(), 78.9) | dict.fromkeys(
        ("mae", "rmse"), price * 0.0081234
    )
    verdict = Verdict("ties", "It ties.", 0.0, 0.9, "random-walk", ())
    show_judgement({"LSTM": scores, "seasonal-median": scores}, verdict)
    series = PriceSeries(
        "A",
        np.datetime64("2024-01-01", "us") + np.arange(30) * np.timedelta64(1, "D"),
        ("close",),
        np.full((30, 1), price),
    )
    show_forecasts([forecast(series, "LSTM", horizon=2)], [series])
    out = capsys.readouterr().out
    assert "…" not in out
    row = next(line for line in out.splitlines() if line.startswith(" Seasonal median"))
    digits = [re.sub(r"e-?\d+$|[.,]|^0[.0]*", "", word) for word in row.split()[2:]]
    assert all(len(figure) >= 3 for figure in digits), row
    tables = [line for line in out.splitlines() if not line.startswith("On days")]
    assert max(map(len, tables)) <= 80 or not 1e-8 < price < 1e8, out


def test_a_terminal_too_narrow_foldsbrief_headings_and_cuts_no_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    scores = dict.fromkeys(brief_headings(), 8.41234e-7)
    show_judgement({"LSTM": scores}, Verdict("ties", "It ties.", 0.0, 0.9, "random-walk", ()))
    assert capsys.readouterr().out.count("8.41e-7") == len(brief_headings())


def test_the_journal_fits_eighty_columns(
    own_folders: object, capsys: pytest.CaptureFixture[str]
) -> None:
    series = _series("2023-01-02T14:30", "h", "a_very_long_name_of_a_price_file_from_somewhere")
    with Journal() as journal:
        journal.add([forecast(series, "TRANSFORMER", horizon=20)], Panel((series,)), RunConfig())
        show(journal)
    out = capsys.readouterr().out
    assert all(
        word in out for word in ("Made", "in 80 %", "in 95 %", "TRANSFORMER", "2023-01-03 19:30")
    ), out
    assert max(map(len, out.splitlines()[:6])) <= 80


def test_a_group_without_a_command_prints_its_help_and_no_empty_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["runs"]) == 2
    out, err = capsys.readouterr()
    assert "reproduce" in out
    assert "Error" not in err
