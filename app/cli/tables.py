"""Results as tables for people who read them in a terminal."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

from app.cli.console import console, titled_table
from app.cli.documents import LEVELS, stamps
from app.model_titles import model_title

if TYPE_CHECKING:
    import numpy as np
    from rich.console import Console

    from forecasting.events import LearningRatesTried, Verdict
    from forecasting.imported_forecasts.results import ForecastsJudged
    from forecasting.series import Forecast, Panel, PriceSeries, Profile

_MOST_ROWS = 40
_MOST_FINDINGS = 6
_MOST_LEVELS = 9
#: Powers of ten of the prices that are written with decimals and without an exponent.
_LEAST_SIZE = -5
_MOST_SIZE = 7
#: Digits that a number holds.
_MOST_DIGITS = 15


def show_series(series: PriceSeries) -> None:
    """Print what a series holds, and its findings."""
    out, stamp = console(), _written(series)
    form = price_format(float(series.y[-1]))
    facts = Table(title=escape(series.symbol), title_justify="left", show_header=False, box=None)
    rows = {
        "Bars": f"{len(series):,}",
        "From": f"{stamp(series.ds[0])}, close {form(series.y[0])}",
        "To": f"{stamp(series.ds[-1])}, close {form(series.y[-1])}",
        "Columns": ", ".join(series.columns),
        "Frequency": series.freq or "irregular",
        "Time zone": series.tz or "unknown",
        "Calendar": series.calendar,
        "Prices": series.provenance.adjusted,
        "Source": series.provenance.source,
    }
    for name, value in rows.items():
        facts.add_row(name, escape(value))
    out.print(facts)
    for finding in series.findings:
        out.print(f"  {finding.severity}: {finding.message} ({finding.action})", markup=False)
    if not series.findings:
        out.print("  No findings.")


def show_learning_rates(tried: LearningRatesTried) -> None:
    """Print the rates tried, some of them, with the loss beside the baseline's, and the
    suggestion.
    """
    out = console()
    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in ("learning rate", "loss / baseline's"):
        table.add_column(heading, justify="right")
    step = max(1, len(tried.rates) // 20)
    for rate, loss in zip(tried.rates[::step], tried.losses[::step], strict=True):
        table.add_row(f"{rate:.1e}", f"{loss:.4f}")
    out.print(table)
    text = (
        tried.finding
        if tried.suggestion is None
        else f"Suggested: --learning-rate {tried.suggestion:.1e}"
    )
    out.print(text, markup=False, highlight=False)


def show_findings(panel: Panel) -> None:
    """Print errors and warnings of the data; of a large panel the first ones, and how many more
    there are.
    """
    from forecasting.checks import serious

    out, found = console(), serious(panel)
    for symbol, finding in found[:_MOST_FINDINGS]:
        words = f"{finding.severity.capitalize()} in the data of {symbol}: {finding.message}"
        out.print(words, markup=False, highlight=False, soft_wrap=True)
    if len(found) > _MOST_FINDINGS:
        more = (
            f"And {len(found) - _MOST_FINDINGS:,} more errors and warnings: candlecast inspect "
            "lists them."
        )
        out.print(more, markup=False, highlight=False, soft_wrap=True)


def show_left_out(why: Mapping[str, str]) -> None:
    """Print which series have no forecast or no judgement, and why; of many the first ones and
    the names of all.
    """
    out = console()
    for message in list(why.values())[:_MOST_FINDINGS]:
        out.print(message, markup=False, highlight=False, soft_wrap=True)
    if len(why) > _MOST_FINDINGS:
        out.print(
            f"Left out in all: {', '.join(why)}.", markup=False, highlight=False, soft_wrap=True
        )


def show_forecasts(
    forecasts: Sequence[Forecast], panel: Sequence[PriceSeries], target: str = "close"
) -> None:
    """Print the next sessions of each series; ``target`` says what of it is forecast."""
    out = console()
    for fcst, series in zip(forecasts, panel, strict=True):
        stamp, form = _written(series), price_format(fcst.y0)
        title = f"{fcst.symbol}: {fcst.model} from {stamp(fcst.cutoff)}, {target} {form(fcst.y0)}"
        table = _table(
            title,
            "Session",
            [fcst.point_name.capitalize(), *(f"{level} % band" for level in LEVELS)],
        )
        bands = [fcst.band(level) for level in LEVELS]
        for step in range(min(len(fcst), _MOST_ROWS)):
            limits = (f"{form(low[step])} - {form(high[step])}" for low, high in bands)
            table.add_row(stamp(fcst.ds[step]), form(fcst.point[step]), *limits)
        _print_table(out, table)
        if len(fcst) > _MOST_ROWS:
            out.print(
                f"  and {len(fcst) - _MOST_ROWS:,} more: --json or --export FILE.csv has all "
                "of them"
            )


def show_judgement(
    scores: Mapping[str, Mapping[str, float]],
    verdict: Verdict,
    by_step: Mapping[str, Profile] | None = None,
    levels: Sequence[float] = (),
) -> None:
    """Print the scores of the network beside the baselines, and the verdict in words.

    Parameters
    ----------
    scores : mapping
        Model to metric to value, the network first.
    verdict : Verdict
    by_step : mapping of str to Profile, optional
        Figures by model, of which those of the network are printed for each bar ahead.
    levels : sequence of float
        Quantile levels over which CRPS is averaged, to be named; none where they are not known.
    """
    from forecasting.summary import summarise

    out = console()
    table = _table("Test part", "Model", list(brief_headings().values()))
    for model, values in scores.items():
        table.add_row(
            escape(model_title(model)), *(_figure(values[name]) for name in brief_headings())
        )
    _print_table(out, table)
    if levels:
        out.print(f"CRPS over {_levels(levels)}.", markup=False, highlight=False, soft_wrap=True)
    if by_step:
        _show_steps(out, by_step)
    plain = summarise(verdict, scores).sentence
    for sentence in (plain, verdict.sentence, *verdict.notes):
        out.print(sentence, markup=False, highlight=False, soft_wrap=True)


def show_judged_forecasts(judged: ForecastsJudged, by_step: bool) -> None:
    """Print the judgement on each model of a file of forecasts, and how the file was read."""
    from forecasting.metrics import profile

    out = console()
    headings = brief_headings()
    for name, item in judged.models.items():
        table = _table(
            f"{name}: {len(item.own)} {'origin' if len(item.own) == 1 else 'origins'}, "
            f"up to {item.own.horizon} ahead",
            "Model",
            list(headings.values()),
        )
        for model, values in item.scores.items():
            table.add_row(
                escape(model_title(model)),
                *(_figure(values[metric]) for metric in headings),
            )
        _print_table(out, table)
        if not item.points:
            out.print(
                f"CRPS over {_levels(item.own.scored_levels)}.",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
        if by_step:
            _show_steps(out, {model: profile(outcome) for model, outcome in item.outcomes.items()})
        for sentence in (item.verdict.sentence, *item.verdict.notes):
            out.print(sentence, markup=False, highlight=False, soft_wrap=True)
    out.print("How the file was read, and what is odd:", markup=False, highlight=False)
    for finding in judged.findings:
        out.print(
            f"  {finding.severity}: {finding.message}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def brief_headings() -> dict[str, str]:
    """Return the metrics that a terminal has room for, with their headings."""
    from forecasting.metrics import METRICS

    return {name: metric.brief for name, metric in METRICS.items() if metric.brief}


def _show_steps(out: Console, profiles: Mapping[str, Profile]) -> None:
    """Print the network's scores for each bar ahead, and the coverage that each model's bands
    stated and had.
    """
    model = next(iter(profiles))
    scores, horizon = profiles[model].steps, len(profiles[model].residuals)
    table = _table(f"{model} by bar ahead", "Bar", list(brief_headings().values()))
    for step in range(min(horizon, _MOST_ROWS)):
        table.add_row(str(step + 1), *(_figure(scores[name][step]) for name in brief_headings()))
    _print_table(out, table)
    if horizon > _MOST_ROWS:
        out.print(f"  and {horizon - _MOST_ROWS:,} more: --json has all of them")
    coverage = {name: item.calibration for name, item in profiles.items()}
    table = _table(
        "Outcomes inside the bands, in percent",
        "Model",
        [f"{level:g} % band" for level in coverage[model].level],
    )
    for name, found in coverage.items():
        table.add_row(escape(model_title(name)), *(_figure(share) for share in found.realised))
    _print_table(out, table)


def _levels(levels: Sequence[float]) -> str:
    """Name quantile levels: all of up to nine, otherwise their number, the first and the last."""
    if len(levels) == 1:
        return f"the level {levels[0]:g}"
    if len(levels) <= _MOST_LEVELS:
        return f"the levels {', '.join(f'{level:g}' for level in levels)}"
    return f"{len(levels)} levels from {levels[0]:g} to {levels[-1]:g}"


def _written(series: PriceSeries) -> Callable[[np.datetime64], str]:
    """Return how people read dates of a series: days, or times without seconds where there are
    none.
    """
    stamp = stamps(series)
    if (series.ds == series.ds.astype("datetime64[D]")).all():
        return lambda ds: stamp(ds)[:10]
    return lambda ds: re.sub(r"(?<=\d\d:\d\d):00(?!\d)", "", stamp(ds))


def _figure(value: float) -> str:
    """Write a number with four significant digits, and with the zeros at its end, so that a column
    stands in line.

    Numbers below .01 and from ten million on have three digits, the very small and large ones an
    exponent: 8.42e-7.
    """
    if not math.isfinite(value):
        return "-"
    if abs(value) >= 10**_MOST_SIZE:
        return _with_exponent(value, 3)
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if 0 < abs(value) < 1e-3:
        return _with_exponent(value, 3)
    return f"{value:#.3g}" if 0 < abs(value) < 1e-2 else f"{value:#.4g}"


def _with_exponent(value: float, digits: int) -> str:
    """Write a number as mantissa and exponent without a leading zero: 8.42e-7."""
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def _table(title: str, first: str, numbers: Sequence[str]) -> Table:
    table = titled_table(title)
    table.add_column(first, no_wrap=True)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def _print_table(out: Console, table: Table) -> None:
    """Print a table of :func:`_table`; where the terminal is too narrow, headings fold and lines
    are longer, but no figure is cut.
    """
    for column in table.columns:
        column.min_width = max((len(str(cell)) for cell in column.cells), default=1)
    out.print(table, crop=False)


def price_format(typical: float) -> Callable[[float], str]:
    """Return how prices of about this size are written: with five significant digits, and at least
    cents.

    Prices from ten million on have no cents; prices below .00001, and those with more digits than
    a number holds, have an exponent, so that a band fits a line.
    """
    size = math.floor(math.log10(abs(typical))) if typical and math.isfinite(typical) else 0
    if not _LEAST_SIZE <= size < _MOST_DIGITS:
        return lambda value: _with_exponent(value, 5)
    decimals = 0 if size >= _MOST_SIZE else max(4 - size, 2)
    return lambda value: f"{value:,.{decimals}f}"
