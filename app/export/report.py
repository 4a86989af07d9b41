"""The report of a run: one HTML file that can be mailed, read in any browser, and followed step
by step.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from app.charts.registry import PLOTS
from app.export.drawing import Palette, plot_svg
from app.export.figure import Figure, day, horizon_words, source_name
from app.export.tables import forecasts, iso
from app.model_titles import model_title
from forecasting import __version__
from forecasting.checks import serious
from forecasting.config import GROUPS, RunConfig
from forecasting.errors import ExportError
from forecasting.events import RunResult, Verdict
from forecasting.metrics import METRICS, leaders
from forecasting.series import Forecast, PriceSeries
from forecasting.summary import Summary, summarise

if TYPE_CHECKING:
    from jinja2 import Template

#: Parts of a page as they are made; None where the window may do something else.
Parts = Generator[str | None, None, None]

#: Series that get a plot of their own, and bytes after which no further one is drawn: a report must
#: fit a mail.
_MOST_SERIES, _MOST_BYTES = 12, 600_000
#: Findings, and series without a forecast, that are named beside the verdict.
_MOST_NOTES = 8
_MOST_ROWS = 60
_CANDLES = (
    "Bodies reach from the median open to the median close, hollow where they rise, wicks to the "
    "medians of high and low; behind them the 80 % bands of high and low."
)


def report(figure: Figure) -> Generator[None, None, Callable[[], bytes]]:
    """Make a page of its own of a finished run: no scripts, nothing loaded from elsewhere, all text
    escaped.

    Plots are SVG whose colours follow the reader's light or dark preference. Pauses after every
    part; returns what makes the file.

    Raises
    ------
    ExportError
        There is no judged run to report on.
    """
    result = figure.result
    if result is None:
        raise ExportError("There is nothing to report on.", "Train a network first.")
    if not isinstance(result, RunResult):
        raise ExportError(
            "A forecast by a saved network was not judged, so there is nothing to report on.",
            "Export .svg or .csv instead.",
        )
    palette = Palette()
    parts: list[str] = []
    for part in _sections(figure, result, palette):
        parts += [part] if part is not None else []
        yield
    return lambda: page(_title(result), parts, palette)


def page(title: str, parts: Sequence[str], palette: Palette) -> bytes:
    """Return a page of parts: no scripts, nothing loaded from elsewhere."""
    from app.theme import asset

    style = asset("report.css").read_text(encoding="utf-8") + palette.css()
    return section("page", title, __version__, style, parts).encode()


def section(name: str, *values: object) -> str:
    """Fill a part of the template with values, all text escaped.

    Parameters
    ----------
    name : str
        A macro of ``report.html.j2``.
    *values : object
        What the macro takes, in its order.
    """
    return str(getattr(_template().module, name)(*values))


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


def _sections(figure: Figure, result: RunResult, palette: Palette) -> Parts:
    """Make the parts of the report: first the verdict, last how to come by the same."""
    yield from _verdict(figure, result, palette)
    yield from _series_plots(figure, result, palette)
    yield score_table(result)
    yield from _run_plots(figure, result, palette)
    yield _forecast_table(result)
    yield _provenance(result)
    yield _settings(result.config)
    yield _reproduce(result)
    yield section("footer", __version__, f"{datetime.now(UTC):%Y-%m-%d %H:%M}")


def _title(result: RunResult) -> str:
    symbols = result.panel.symbols
    model = result.forecasts[0].model if result.forecasts else result.config.model.title
    return (
        f"{', '.join(symbols[:5])}{f' and {len(symbols) - 5} more' if len(symbols) > 5 else ''} "
        f"– {model} forecast"
    )


def _verdict(figure: Figure, result: RunResult, palette: Palette) -> Parts:
    forecast = result.forecasts[0] if result.forecasts else None
    own = next(
        (item for item in result.panel if forecast and item.symbol == forecast.symbol),
        result.panel[0],
    )
    under = (
        "  ·  ".join(horizon_words(own, forecast)[: 3 if len(result.panel) == 1 else 2])
        if forecast
        else ""
    )
    symbol = figure.symbol or result.panel.symbols[0]
    drawing = yield from plot_svg("happened", result, symbol, palette)
    page = summarise(result.verdict, result.scores, freq=own.freq or "")
    caption = f"{symbol}. {PLOTS['happened'].caption}"
    yield section(
        "opening",
        _title(result),
        under,
        result.verdict,
        _data_notes(result),
        page,
        caption,
        drawing,
    )


def verdict_section(verdict: Verdict, page: Summary, caption: str = "", drawing: str = "") -> str:
    """Return the first page of a judgement: badge, sentence, reasons, numbers, what happened, and
    folded the verdict in full.
    """
    return section("verdict_section", verdict, page, caption, drawing)


def _data_notes(result: RunResult) -> list[str]:
    """List errors and warnings of the data, and the series that have no forecast."""
    found = [
        f"{item.severity.capitalize()} in the data of {symbol}: {item.message}"
        for symbol, item in serious(result.panel)
    ]
    lines = [*found[:_MOST_NOTES], *list(result.left_out.values())[:_MOST_NOTES]]
    if len(found) > _MOST_NOTES:
        lines.append(
            f"And {len(found) - _MOST_NOTES:,} more errors and warnings: all are listed below."
        )
    if len(result.left_out) > _MOST_NOTES:
        lines.append(f"Without a forecast in all: {', '.join(result.left_out)}.")
    return lines


def _series_plots(figure: Figure, result: RunResult, palette: Palette) -> Parts:
    """Draw prices and forecast, the chosen series first."""
    first = figure.symbol
    symbols = sorted(result.panel.symbols, key=lambda symbol: symbol != first)
    drawn = 0
    for index, symbol in enumerate(symbols[:_MOST_SERIES]):
        drawing = yield from plot_svg("price", result, symbol, palette, tall=0.5)
        drawn += len(drawing)
        candles = ""
        if result.candles:
            candles = yield from plot_svg("candles", result, symbol, palette, tall=0.5)
        yield plot_section(f"{symbol}: {PLOTS['price'].title.lower()}", "", drawing)
        if candles:
            title = PLOTS["candles"].title
            yield plot_section(f"{symbol}: {title[0].lower()}{title[1:]}", _CANDLES, candles)
        if drawn > _MOST_BYTES and index + 1 < len(symbols):
            break
    left = len(symbols) - min(len(symbols), index + 1)
    if left:
        yield section("muted", f"{left} more series are in the table of forecasts below.")


def _run_plots(figure: Figure, result: RunResult, palette: Palette) -> Parts:
    """Draw the plots that judge the run, and those of the training."""
    symbol = figure.symbol or result.panel.symbols[0]
    size = 0
    for kind, spec in PLOTS.items():
        if not spec.caption or kind == "happened" or size >= _MOST_BYTES:
            continue
        drawing = yield from plot_svg(kind, result, symbol, palette)
        size += len(drawing)
        if drawing:
            yield plot_section(spec.title, spec.caption, drawing)


def plot_section(title: str, says: str, drawing: str) -> str:
    """Return a drawing under its title, with what it shows."""
    return section("plot_section", title, says, drawing)


def score_table(result: RunResult) -> str:
    """Return the scores, the network's beside the baselines', the best of each marked."""
    if not any(result.scores.values()):
        return ""
    few = result.verdict.few
    table = scores_of(result.scores, few=few)
    return section("score_section", few, _levels(result), table)


def scores_of(scores: Mapping[str, Mapping[str, float]], *, few: bool) -> str:
    """Return scores as a table, metrics by models; those that no model has are left out."""
    models = list(scores)
    rows = []
    for name, metric in METRICS.items():
        values = [scores[model].get(name, math.nan) for model in models]
        if not any(map(math.isfinite, values)):
            continue
        best = [] if few else leaders(name, scores, digits=5)
        unit = f" ({metric.unit})" if metric.unit not in ("", "price") else ""
        cells = [
            (number_text(value), model in best) for model, value in zip(models, values, strict=True)
        ]
        rows.append((metric.label + unit, cells))
    return section("scores", [model_title(model) for model in models], rows)


def _levels(result: RunResult) -> str:
    """Return over which quantile levels CRPS is averaged; "" where the outcomes were not kept
    whole.
    """
    levels = next(iter(result.outcomes.values())).scored_levels if len(result.outcomes) > 1 else ()
    return (
        f"CRPS is averaged over {len(levels)} quantile levels, {levels[0]:g} to {levels[-1]:g}."
        if levels
        else ""
    )


def _forecast_table(result: RunResult) -> str:
    """Return the forecasts as a table; of long ones the first bars."""
    if not result.forecasts:
        return ""
    tables = [_bars_ahead(item) for item in result.forecasts[: _MOST_SERIES * 2]]
    rows = len(forecasts(result)["ds"])
    more = f"The CSV export has all {rows:,} rows." if rows > _MOST_ROWS else ""
    return section("forecasts", tables, more)


def _bars_ahead(forecast: Forecast) -> dict[str, object]:
    """Return name, heads and rows of the table of one forecast."""
    columns = (forecast.point, *forecast.band(80), *forecast.band(95))
    dates = iso(forecast.ds)[:_MOST_ROWS]
    return {
        "name": f"{forecast.symbol}: {len(forecast)} bars after {day(forecast.cutoff)}, last value "
        f"{number_text(forecast.y0, 2)}",
        "heads": (forecast.point_name.capitalize(), "80 % from", "to", "95 % from", "to"),
        "rows": [
            (date, [number_text(column[step], 2) for column in columns])
            for step, date in enumerate(dates)
        ],
    }


def _provenance(result: RunResult) -> str:
    """Return where each series comes from, and what is noticeable in it."""
    series = [
        {"symbol": item.symbol, "origin": _origin(item), "findings": item.findings}
        for item in list(result.panel)[: _MOST_SERIES * 2]
    ]
    split = result.split
    shares = {
        "Validation from": day(split.val_start),
        "Test from": day(split.test_start),
        "Windows": ", ".join(f"{name} {count:,}" for name, count in split.windows.items()),
        "Weights of the network": f"{split.parameters:,}",
    }
    return section("data", series, shares)


def _origin(series: PriceSeries) -> dict[str, str]:
    origin = series.provenance
    return {
        "Source": source_name(series),
        "Bars": f"{len(series):,}, {day(series.ds[0])} to {day(series.ds[-1])}",
        "Prices": origin.adjusted,
        "Columns": ", ".join(series.columns),
        "Frequency": series.freq or "irregular",
        "Time zone": series.tz or "unknown",
        "Calendar": series.calendar,
        "Currency": series.currency,
        "Read": origin.retrieved_at,
        "SHA-256": origin.content_hash,
        "Note": origin.note,
    }


def _settings(config: RunConfig) -> str:
    """Return every setting by its label, those that differ from the default in bold."""
    groups = []
    for group, cls in GROUPS.items():
        chosen = getattr(config, group)
        rows = []
        for name, info in cls.model_fields.items():
            value = getattr(chosen, name)
            text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
            rows.append((info.title or name, text, value != info.default))
        groups.append((group.capitalize(), rows))
    return section("settings", groups)


def _reproduce(result: RunResult) -> str:
    """Return command, settings and versions."""
    info = result.info
    how = {
        "epochs": "all epochs done",
        "early": "no better loss any more",
        "user": "stopped by the user",
    }[info.stopped]
    facts = {
        "Run": f"{info.epochs} epochs in {info.seconds:,.1f} s on {info.device}, best at "
        f"{info.best_epoch}, seed {info.seed}: {how}",
        **info.versions,
    }
    return section("reproduce", command(result), result.config.to_json(), facts)


def command(result: RunResult) -> str:
    """Return the command line that makes the same run: sources, and every setting that differs
    from its default.
    """
    sources: list[str] = list(dict.fromkeys(source_name(series) for series in result.panel))
    words = ["candlecast", "forecast", *sources]
    joined = {
        series.freq
        for series in result.panel
        if any(item.code == "resampled" for item in series.findings)
    }
    words += [word for freq in sorted(joined) for word in ("--resample", freq)]
    for group, cls in GROUPS.items():
        for name, info in cls.model_fields.items():
            value = getattr(getattr(result.config, group), name)
            if value == info.default:
                continue
            flag = name.replace("_", "-")
            words += (
                [f"--{'' if value else 'no-'}{flag}"]
                if isinstance(value, bool)
                else [f"--{flag}", str(value)]
            )
    return shlex.join(words)


def number_text(value: float, least: int = 0) -> str:
    """Write a number with about five significant digits and ``least`` decimals, a dash where
    there is none.
    """
    if not math.isfinite(value):
        return "–"
    digits = max(least, 4 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{digits}f}" if digits <= 12 else f"{value:.4e}"
