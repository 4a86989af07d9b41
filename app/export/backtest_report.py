"""The report of a backtest: one HTML page in the order of the judgement page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from app.charts.registry import PLOTS
from app.export.drawing import Palette, plot_svg
from app.export.figure import day
from app.export.report import page, plot_section, scores_of, section, verdict_section
from app.number_format import plain_number
from forecasting import __version__
from forecasting.events import BacktestFinished, RunResult, SplitMade
from forecasting.files.atomic import atomic_write
from forecasting.generators import run_to_end
from forecasting.series import Panel
from forecasting.summary import summarise
from forecasting.trading_rules import Earnings, RulesJudged
from forecasting.trading_rules.results import NOT_ADVICE

#: Plots after the first one, and bytes after which no further one is drawn.
_KINDS = ("past", "steps", "step_coverage", "calibration", "residuals")
_MOST_BYTES = 600_000


def write_backtest_report(
    path: str | Path,
    finished: BacktestFinished,
    panel: Panel,
    rules: RulesJudged | None = None,
) -> None:
    """Write the judgement on a backtest as one page without scripts.

    Parameters
    ----------
    path : str or Path
    finished : BacktestFinished
    panel : Panel
        What was tested.
    rules : RulesJudged, optional
        What fixed rules would have earned; without them nothing is said of that.

    Raises
    ------
    ExportError
        It cannot be written or drawn.
    """
    palette = Palette()
    parts = list(_sections(finished, panel, rules, palette))
    atomic_write(Path(path), page(_title(finished), parts, palette))


def _title(finished: BacktestFinished) -> str:
    outcomes = next(iter(finished.outcomes.values()))
    symbols = list(dict.fromkeys(str(symbol) for symbol in outcomes.symbol))
    more = f" and {len(symbols) - 5} more" if len(symbols) > 5 else ""
    return f"{', '.join(symbols[:5])}{more} – {outcomes.model} backtest"


def _sections(
    finished: BacktestFinished, panel: Panel, rules: RulesJudged | None, palette: Palette
) -> Iterator[str]:
    outcomes = next(iter(finished.outcomes.values()))
    result, symbol = _as_result(finished, panel), str(outcomes.symbol[0])
    under = (
        f"{len(outcomes):,} forecasts of {outcomes.horizon} bars each, "
        f"{day(outcomes.cutoff.min())} to {day(outcomes.cutoff.max())}"
    )
    yield section("heading", _title(finished), under)
    freq = next((series.freq for series in panel if series.symbol == symbol), "")
    first = summarise(finished.verdict, finished.scores, freq=freq)
    drawing = run_to_end(plot_svg("happened", result, symbol, palette))
    yield verdict_section(
        finished.verdict, first, f"{symbol}. {PLOTS['happened'].caption}", drawing
    )
    if rules is not None:
        rows = [(rule.title, _cells(rule.earnings)) for rule in rules.rules]
        rows.append(("Buy and hold", _cells(rules.holding)))
        yield section("rules_section", rules, rows, NOT_ADVICE)
    few = finished.verdict.few
    yield section("score_section", few, "", scores_of(finished.scores, few=few))
    size = 0
    for kind in _KINDS:
        plot = plot_svg(kind, result, symbol, palette)
        drawing = run_to_end(plot) if size < _MOST_BYTES else ""
        size += len(drawing)
        if drawing:
            yield plot_section(PLOTS[kind].title, PLOTS[kind].caption, drawing)
    yield section("footer", __version__, f"{datetime.now(UTC):%Y-%m-%d %H:%M}")


def _as_result(finished: BacktestFinished, panel: Panel) -> RunResult:
    """Return the backtest in the form that plots of a run are made of."""
    start = next(iter(finished.outcomes.values())).cutoff.min()
    return RunResult(
        finished.config,
        panel,
        SplitMade(start, start, {}, 0, ""),
        (),
        (),
        (),
        finished.outcomes,
        finished.scores,
        finished.verdict,
        finished.info,
    )


def _cells(found: Earnings) -> Sequence[str]:
    """Return the figures of an account as text."""
    return (
        _text(found.total_return, 1),
        _text(found.annual_return, 1),
        _text(found.sharpe, 2),
        f"{_text(found.sharpe_low, 2)} to {_text(found.sharpe_high, 2)}",
        _text(found.max_drawdown, 1),
        _text(found.turnover, 1),
        f"{found.trades:,}",
    )


def _text(value: float, decimals: int) -> str:
    return plain_number(value, decimals) if math.isfinite(value) else "–"
