"""Odds of levels and portfolios as one HTML page: tables, verdicts, plots; no scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.export.drawing import Palette, drawn_svg
from app.export.report import page, plot_section, section
from app.model_titles import model_title
from app.number_format import number, price_decimals
from forecasting import __version__
from forecasting.files.atomic import atomic_write
from forecasting.generators import run_to_end
from forecasting.paths.events import chance_in_words, level_table
from forecasting.paths.portfolio import RISK_LEVELS, VALUE_QUANTILES

if TYPE_CHECKING:
    from app.charts.plot import Plot
    from forecasting.paths import LevelOdds, PathsMade, PortfolioMade

#: Most series and bars that a table lists.
_MOST_ROWS = 60


def write_odds_report(path: Path, found: Sequence[LevelOdds], made: PathsMade) -> None:
    """Write the odds of levels; ExportError where it cannot be written or drawn."""
    palette = Palette()
    names = ", ".join(dict.fromkeys(odds.symbol for odds in found))
    title = f"Odds of {names}"
    atomic_write(path, page(title, list(_odds_parts(title, found, made, palette)), palette))


def write_portfolio_report(path: Path, made: PortfolioMade) -> None:
    """Write what a portfolio may be worth; ExportError where it cannot be written or drawn."""
    palette = Palette()
    held = made.portfolio
    title = f"Portfolio of {len(held.symbols)} series to {str(held.ds[-1])[:10]}"
    atomic_write(path, page(title, list(_portfolio_parts(title, made, palette)), palette))


def _odds_parts(
    title: str, found: Sequence[LevelOdds], made: PathsMade, palette: Palette
) -> Iterator[str]:
    from forecasting.base_rates import level_rate

    paths, series = made.paths, {item.symbol: item for item in made.panel}
    under = f"{model_title(paths.model)}, {paths.n_paths:,} paths, {paths.horizon} bars"
    yield section("heading", title, " · ".join(filter(None, (under, made.supposed))))
    records = {(item.symbol, round(item.change, 9)): item for item in made.records}
    for odds in found:
        level = float(odds.level[-1])
        says = [f"Last close {_price(odds.y0)} on {str(odds.cutoff)[:10]}."]
        change = level / odds.y0 - 1 if odds.y0 > 0 else float("nan")
        says.append(level_rate(series[odds.symbol], change, len(odds.ds)).sentence)
        record = records.get((odds.symbol, round(change, 9)))
        says += [record.sentence] if record is not None else []
        rows = [
            (
                str(odds.ds[step])[:10],
                *(
                    chance_in_words(float(p[step]), odds.n_paths)
                    for p in (odds.p_above, odds.p_touch)
                ),
            )
            for step in range(min(len(odds.ds), _MOST_ROWS))
        ]
        heading = f"{odds.symbol}: {_price(level)}"
        yield section("sheet_section", heading, says, ("By", "closes above", "touched"), rows)
    for index, symbol in enumerate(paths.symbols[:_MOST_ROWS]):
        if len(paths.symbols) == 1 or any(odds.symbol == symbol for odds in found):
            yield _level_section(made, index)
    yield _end()


def _level_section(made: PathsMade, index: int) -> str:
    """Return the table of round levels and of changes of 5 and 10 %."""
    paths = made.paths
    rows = [
        (
            _price(float(odds.level[-1])),
            chance_in_words(float(odds.p_above[-1]), odds.n_paths),
            chance_in_words(float(odds.p_touch[-1]), odds.n_paths),
        )
        for odds in level_table(paths, index)
    ]
    heads = ("Level", "closes above", "touched")
    title = f"{paths.symbols[index]} to {str(paths.ds[index, -1])[:10]}"
    return section("sheet_section", title, (), heads, rows)


def _portfolio_parts(title: str, made: PortfolioMade, palette: Palette) -> Iterator[str]:
    from app.charts.portfolio import (
        CorrelationMap,
        DrawdownChart,
        PortfolioBacktestChart,
        ValueHistogram,
    )
    from app.export.page import need_application

    need_application()
    held = made.portfolio
    under = f"{model_title(held.model)}, {held.n_paths:,} joint paths"
    yield section("heading", title, " · ".join(filter(None, (under, made.supposed))))
    var = {level: held.var(level) for level in RISK_LEVELS}
    says = [
        f"{level} %: value at risk {var[level]:.2%}, expected shortfall {held.es(level):.2%}."
        for level in RISK_LEVELS
    ]
    says += [*([made.past.sentence] if made.past else []), *made.left_out.values()]
    heads = ("By", *(f"{100 * level:g} %" for level in VALUE_QUANTILES))
    quantiles = held.quantiles()
    rows = [
        (str(ds)[:10], *(f"{value - 1:+.2%}" for value in quantiles[step]))
        for step, ds in enumerate(held.ds[:_MOST_ROWS])
    ]
    yield section("sheet_section", "Change of value", says, heads, rows)
    histogram, fall, matrix = ValueHistogram(), DrawdownChart(), CorrelationMap()
    histogram.show_value(held.value[-1] - 1, var, held.es(RISK_LEVELS[0]))
    yield _plot("Distribution of value", histogram, palette)
    fall.show_drawdown(held.drawdown())
    yield _plot("Largest fall on the way", fall, palette)
    order = np.argsort(-held.contributions)[:_MOST_ROWS]
    parts = [
        (held.symbols[n], f"{held.weights[n]:.2%}", f"{held.contributions[n]:+.2%}") for n in order
    ]
    heads = ("Series", "weight", "to the expected shortfall of 95 %")
    yield section("sheet_section", "Contributions", (), heads, parts)
    if len(held.symbols) > 1:
        matrix.show_correlation(held.symbols, held.correlation)
        yield _plot("Correlation of the growth to the last step", matrix, palette, tall=0.6)
    if made.backtest is not None:
        judged = made.backtest
        yield section("sheet_section", "Judged from past cutoffs", judged.sentences, (), ())
        chart = PortfolioBacktestChart()
        chart.show_backtest(judged.cutoffs, judged.outcome[:, -1], judged.low, judged.high)
        yield _plot("80 % band and what came", chart, palette)
    yield _end()


def _price(value: float) -> str:
    return number(value, price_decimals(value))


def _plot(title: str, plot: Plot, palette: Palette, tall: float = 0.36) -> str:
    return plot_section(title, "", run_to_end(drawn_svg(plot, title, palette, tall=tall)))


def _end() -> str:
    return section("made_by", __version__, f"{datetime.now(UTC):%Y-%m-%d %H:%M}")
