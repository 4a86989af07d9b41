"""Odds and portfolios as text, as documents, and as tables of paths."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.cli.outcomes import write_tables
from app.cli.terminal import say, show
from forecasting.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

    from forecasting.base_rates import LevelRate
    from forecasting.paths import LevelOdds, Paths, PathsMade, PortfolioMade
    from forecasting.paths.level_record import LevelRecord
    from forecasting.series import PriceSeries

#: Distances of two levels that are the same level.
_SAME_CHANGE = 1e-9
#: Changes that are nothing once they are rounded.
_HARDLY = 0.5e-4


def show_odds(found: Sequence[LevelOdds], made: PathsMade, as_json: bool) -> None:
    """Print the odds of levels, as text or as one document."""
    series = {item.symbol: item for item in made.panel}
    if as_json:
        from app.cli import documents

        written = [
            odds_document(item, series[item.symbol], made.supposed, _record_of(item, made))
            for item in found
        ]
        show(documents.to_json(written if len(written) > 1 else written[0]))
        return
    if made.supposed:
        show(made.supposed)
    for item in found:
        for line in odds_lines(item, series[item.symbol], _record_of(item, made)):
            show(line)


def _record_of(odds: LevelOdds, made: PathsMade) -> LevelRecord | None:
    """Return how the odds of a level fared in the past, where that was asked for."""
    change = _change_to(odds)
    for record in made.records:
        if record.symbol == odds.symbol and abs(record.change - change) < _SAME_CHANGE:
            return record
    return None


def _change_to(odds: LevelOdds) -> float:
    """Return the distance of a level from the last value, as a share; NaN where that is not
    positive.
    """
    return float(odds.level[-1]) / odds.y0 - 1 if odds.y0 > 0 else math.nan


def odds_document(
    one: LevelOdds,
    series: PriceSeries,
    supposed: str = "",
    record: LevelRecord | None = None,
) -> dict[str, Any]:
    """Return the odds of a level as a document; ``first_touch_median`` counts bars and is null
    where no path touches.
    """
    from app.cli.documents import stamps
    from forecasting.base_rates import level_rate

    stamp = stamps(series)
    median = one.first_touch_median
    return {
        "symbol": one.symbol,
        "model": one.model,
        "cutoff": stamp(one.cutoff),
        "level": float(one.level[-1]),
        "horizon": len(one.ds),
        "p_above": [float(p) for p in one.p_above],
        "p_touch": [float(p) for p in one.p_touch],
        "first_touch_median": median,
        "first_touch_date": None if median is None else stamp(one.ds[median - 1]),
        "last_close": one.y0,
        "ds": [stamp(ds) for ds in one.ds],
        "paths": one.n_paths,
        "touch": "close",
        "base_rate": _rate_document(level_rate(series, _change_to(one), len(one.ds))),
        "verdict": _record_document(record),
    } | ({"supposed": supposed} if supposed else {})


def _rate_document(rate: LevelRate) -> dict[str, Any]:
    return {
        "p_above": rate.above.tolist(),
        "p_touch": rate.touch.tolist(),
        "windows": rate.windows,
        "sentence": rate.sentence,
    }


def _record_document(record: LevelRecord | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return {
        "result": record.result,
        "sentence": record.sentence,
        "cutoffs": record.cutoffs,
        "predicted": record.predicted,
        "realised": record.realised,
        "brier": record.brier,
        "brier_base_rate": record.brier_base,
        "p_value": record.p_value,
    }


def odds_lines(
    one: LevelOdds, series: PriceSeries, record: LevelRecord | None = None
) -> Iterator[str]:
    """Yield what is said of a level in the terminal."""
    from app.cli.tables import price_format
    from forecasting.base_rates import level_rate
    from forecasting.paths.events import chance_in_words

    price = price_format(one.y0)
    day = (
        str(one.ds[-1])[:10]
        if series.freq[-1:] not in ("n", "h")
        else str(one.ds[-1])[:16].replace("T", " ")
    )
    level = price(float(one.level[-1]))
    above, touch = float(one.p_above[-1]), float(one.p_touch[-1])
    yield (
        f"{one.symbol}, {price(one.y0)} on {str(one.cutoff)[:10]}, by {one.model}, "
        f"{one.n_paths:,} paths, {len(one.ds)} bars:"
    )
    yield f"  to close above {level} on {day}: {chance_in_words(above, one.n_paths)}"
    yield f"  to close below {level} on {day}: {chance_in_words(1 - above, one.n_paths)}"
    yield f"  some close to touch {level} by then: {chance_in_words(touch, one.n_paths)}"
    median = one.first_touch_median
    if median is not None and one.likeliest_touch is not None:
        likely = str(one.ds[one.likeliest_touch - 1])[:10]
        bars = "1 bar" if median == 1 else f"{median} bars"
        yield (
            f"  where it touches, half do within {bars}; the likeliest first touch is on {likely}"
        )
    yield f"  {level_rate(series, _change_to(one), len(one.ds)).sentence}"
    if record is not None:
        yield f"  {record.sentence}"


def show_portfolio(made: PortfolioMade, as_json: bool, base_rate: bool = False) -> None:
    """Print a portfolio, as text or as one document; with how often it gained by itself."""
    from app.cli import documents
    from forecasting.base_rates import held_rate

    rate = None
    if base_rate:
        held = made.portfolio
        by_symbol = {series.symbol: series for series in made.panel}
        members = [by_symbol[symbol] for symbol in held.symbols]
        rate = held_rate(members, held.weights.tolist(), len(held.ds))
    if as_json:
        rated = {"base_rate": documents.base_rate(rate)} if rate else {}
        show(documents.to_json(portfolio_document(made) | rated))
        return
    for line in portfolio_lines(made):
        show(line)
    if rate:
        show(rate.sentence)


def portfolio_document(made: PortfolioMade) -> dict[str, Any]:
    """Return a portfolio as a document: ``value`` maps a quantile to its values by step, losses
    are shares of the capital.
    """
    from app.cli.documents import left_out, stamps
    from forecasting.paths.portfolio import RISK_LEVELS, VALUE_QUANTILES

    held, stamp = made.portfolio, stamps(made.panel[0])
    quantiles = held.quantiles()
    drawdown = np.quantile(held.drawdown()[-1], [0.5, 0.95])
    document: dict[str, Any] = {
        "symbols": list(held.symbols),
        "model": held.model,
        "cutoff": stamp(held.cutoff),
        "horizon": len(held.ds),
        "ds": [stamp(ds) for ds in held.ds],
        "weights": dict(zip(held.symbols, map(float, held.weights), strict=True)),
        "value": {
            f"{level:g}": quantiles[:, index].tolist()
            for index, level in enumerate(VALUE_QUANTILES)
        },
        "var": {str(level): held.var(level) for level in RISK_LEVELS},
        "es": {str(level): held.es(level) for level in RISK_LEVELS},
        "contributions": dict(zip(held.symbols, map(float, held.contributions), strict=True)),
        "correlation": held.correlation.tolist(),
        "drawdown": {"0.5": float(drawdown[0]), "0.95": float(drawdown[1])},
        "paths": held.n_paths,
        "left_out": left_out(made.left_out),
    }
    if made.supposed:
        document["supposed"] = made.supposed
    if made.past is not None:
        document["own_past"] = {
            "cutoffs": int(made.past.cutoffs.size),
            "coverage_80": made.past.held.tolist(),
            "sentence": made.past.sentence,
        }
    if made.ranks is not None:
        document["ranks"] = {
            symbol: row.tolist() for symbol, row in zip(held.symbols, made.ranks, strict=True)
        }
    return document | (_judged_document(made, stamp) if made.backtest is not None else {})


def _judged_document(made: PortfolioMade, stamp: Callable[[np.datetime64], str]) -> dict[str, Any]:
    judged = made.backtest
    assert judged is not None
    return {
        "coverage": {str(level): shares.tolist() for level, shares in judged.coverage.items()},
        "hits": {
            str(level): {
                "expected": 1 - level / 100,
                "share": item.share,
                "count": int(item.hits.sum()),
                "outcomes": int(item.hits.size),
                "dates": [stamp(ds) for ds in item.dates[item.hits]],
            }
            for level, item in judged.hits.items()
        },
        "tests": {
            str(level): {
                "kupiec": item.kupiec,
                "christoffersen": item.christoffersen,
                "acerbi_szekely": item.acerbi_szekely,
            }
            for level, item in judged.hits.items()
        },
        "crps": dict(judged.crps),
        "coverage_80": dict(judged.covered),
        "verdict": list(judged.sentences),
    } | ({"joint_scores": dataclasses.asdict(judged.scores)} if judged.scores else {})


def portfolio_lines(made: PortfolioMade) -> Iterator[str]:
    """Yield what is said of a portfolio in the terminal."""
    from forecasting.paths.portfolio import RISK_LEVELS

    held = made.portfolio
    low, median, high = np.quantile(held.value[-1], [0.1, 0.5, 0.9])
    yield (
        f"{len(held.symbols)} series by {held.model}, {held.n_paths:,} joint paths, "
        f"{len(held.ds)} bars to {str(held.ds[-1])[:10]}:"
    )
    if made.supposed:
        yield made.supposed
    low, median, high = (
        f"{share - 1:+.2%}" if abs(share - 1) >= _HARDLY else "0.00%"
        for share in (low, median, high)
    )
    yield f"  change of value: median {median}, 80 % band {low} to {high}"
    for level in RISK_LEVELS:
        yield (
            f"  {level} %: value at risk {held.var(level):.2%}, expected shortfall "
            f"{held.es(level):.2%}"
        )
    fall = np.quantile(held.drawdown()[-1], [0.5, 0.95])
    yield f"  largest fall on the way: median {fall[0]:.2%}, 95 % of the paths within {fall[1]:.2%}"
    for why in made.left_out.values():
        yield f"  {why}"
    order = np.argsort(-held.contributions)[:10]
    shares = ", ".join(f"{held.symbols[n]} {held.contributions[n]:.2%}" for n in order)
    yield (
        "  contributions to the expected shortfall of 95 %: "
        f"{shares}{' ...' if len(held.symbols) > 10 else ''}"
    )
    if made.ranks is not None:
        yield "  chance to land in each group by growth, lowest first:"
        for symbol, row in zip(held.symbols, made.ranks, strict=True):
            yield f"    {symbol}: {' '.join(f'{100 * p:5.1f}' for p in row)} %"
    if made.past is not None:
        yield made.past.sentence
    if made.backtest is not None:
        yield from made.backtest.sentences


def write_report(
    path: Path, made: PathsMade | PortfolioMade, found: Sequence[LevelOdds] = ()
) -> None:
    """Write odds or a portfolio as one page."""
    from app.export.odds_report import write_odds_report, write_portfolio_report
    from forecasting.paths import PathsMade

    if isinstance(made, PathsMade):
        write_odds_report(path, found, made)
    else:
        write_portfolio_report(path, made)
    say(f"Wrote {path}")


def write_paths(path: Path, paths: Paths) -> None:
    """Write one row for each series, sample and bar: ``unique_id, ds, sample, y``; replaced only
    once all is on disk.
    """
    write_tables(path, _path_tables(paths, path.suffix.lower() == ".csv"))
    say(f"Wrote {path}")


def _path_tables(paths: Paths, text: bool) -> Iterator[pa.Table]:
    """Make one table a series; in a ``text`` no name is one that spreadsheets take for a
    formula.
    """
    import pyarrow as pa

    from app.export.tables import cell_text

    if not paths.n_paths:
        raise DataError("There are no paths to write.")
    whole = bool((paths.ds == paths.ds.astype("datetime64[s]")).all())
    for symbol, ds, samples in zip(paths.symbols, paths.ds, paths.samples, strict=True):
        name = cell_text(symbol) if text else symbol
        columns: dict[str, Any] = {
            "unique_id": pa.array(np.full(samples.size, name)),
            "ds": pa.array(
                np.tile(ds, paths.n_paths).astype("datetime64[s]" if whole else "datetime64[us]")
            ),
            "sample": pa.array(np.repeat(np.arange(paths.n_paths), paths.horizon)),
            "y": pa.array(np.ascontiguousarray(samples.T).reshape(-1)),
        }
        yield pa.table(columns)
