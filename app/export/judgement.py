"""What leaves the program of a judgement on forecasts of others: a report, pictures of its
plots, and the outcomes as rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from app.charts.registry import PLOTS, build
from app.export import Look, write
from app.export.drawing import Palette, plot_svg
from app.export.report import number_text, page, plot_section, scores_of, verdict_section
from app.export.tables import write_table
from forecasting import __version__
from forecasting.config import RunConfig
from forecasting.errors import ExportError
from forecasting.events import RunInfo, RunResult, SplitMade
from forecasting.files.atomic import atomic_write
from forecasting.generators import run_to_end
from forecasting.imported_forecasts.results import ForecastsJudged, ModelJudgement
from forecasting.metrics import METRICS, by_step
from forecasting.series import Outcomes
from forecasting.summary import summarise

#: Plots that a judgement has, with what each shows.
KINDS: Mapping[str, str] = {
    "past": "Forecasts end to end, over what then happened.",
    "steps": "How far off the forecast is, by bars ahead. Lower is better.",
    "step_coverage": "How often the 80 % band held, by bars ahead.",
    "calibration": "How often each band held beside how often it said it would.",
    "residuals": "What the forecast missed one bar ahead, over time.",
}
#: Metrics by bar ahead that the report lists, and most bars.
_STEPS = ("crps_bp", "crps", "mae", "mase", "coverage_80", "directional_accuracy")
_MOST_STEPS = 60
_MOST_BYTES = 600_000


def as_result(judged: ForecastsJudged, model: str) -> RunResult:
    """Return the judgement on one model in the form that plots of a run are made of."""
    item = judged.models[model]
    first = item.own.cutoff.min()
    return RunResult(
        RunConfig(),
        judged.panel,
        SplitMade(first, first, {}, 0, ""),
        (),
        (),
        (),
        item.outcomes,
        item.scores,
        item.verdict,
        RunInfo(judged.seconds, 0, 0, "", 0, "epochs"),
    )


def write_report(path: str | Path, judged: ForecastsJudged) -> None:
    """Write the judgement as one HTML page without scripts; ExportError where it cannot be
    written or drawn.
    """
    palette = Palette()
    parts = list(_sections(judged, palette))
    atomic_write(Path(path), page(_title(judged), parts, palette))


def _title(judged: ForecastsJudged) -> str:
    names = list(judged.models)
    return (
        f"{', '.join(names[:4])}{f' and {len(names) - 4} more' if len(names) > 4 else ''} – judged"
    )


def _sections(judged: ForecastsJudged, palette: Palette) -> Iterator[str]:
    yield (
        f"<header><h1>{escape(_title(judged))}</h1><p "
        f"class='muted'>{escape(_about(judged))}</p></header>"
    )
    size = 0
    for name, item in judged.models.items():
        first = summarise(item.verdict, item.scores, whose=f"{name}'s")
        yield f"<h2>{escape(name)}</h2>{verdict_section(item.verdict, first)}"
        yield (
            f"<section><h3>Scores</h3><p class='muted'>{_ground(item)}</p>"
            f"{scores_of(item.scores, few=item.verdict.few)}</section>"
        )
        yield _step_table(name, item)
        for kind, says in KINDS.items():
            drawing = _drawn(kind, judged, name, palette) if size < _MOST_BYTES else ""
            size += len(drawing)
            if drawing:
                yield plot_section(_plot_title(kind, item), says, drawing)
    lines = "".join(
        f"<li>{escape(item.severity)}: {escape(item.message)} ({escape(item.action)})</li>"
        for item in judged.findings
    )
    yield (
        f"<section><h2>How the forecasts were read, and what is odd</h2><ul>{lines}</ul></section>"
    )
    yield (
        f"<footer>Made by Candlecast {escape(__version__)} on "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC. "
        "For research and teaching. Not financial advice.</footer>"
    )


def _about(judged: ForecastsJudged) -> str:
    symbols = judged.panel.symbols
    return (
        f"{Path(judged.imported.path).name}  ·  "
        f"{', '.join(symbols[:5])}{f' and {len(symbols) - 5} more' if len(symbols) > 5 else ''}"
    )


def _ground(item: ModelJudgement) -> str:
    levels = item.own.scored_levels
    text = (
        "points alone"
        if item.points
        else f"{len(levels)} quantile levels, {levels[0]:g} to {levels[-1]:g}"
    )
    return (
        f"{len(item.own)} origins, up to {item.own.horizon} bars ahead; {text}. The baselines "
        "forecast from the same bars."
    )


def _step_table(name: str, item: ModelJudgement) -> str:
    steps = by_step(item.own)
    shown = [metric for metric in _STEPS if metric in steps and np.isfinite(steps[metric]).any()]
    shown = [
        metric
        for metric in shown
        if not item.points or metric in ("mae", "mase", "directional_accuracy")
    ]
    heads = "".join(
        f"<th scope='col' class='n'>{escape(METRICS[metric].label)}</th>" for metric in shown
    )
    rows = "".join(
        f"<tr><th scope='row'>{step + 1}</th>"
        + "".join(
            f"<td class='n'>{number_text(float(steps[metric][step]))}</td>" for metric in shown
        )
        + "</tr>"
        for step in range(min(item.own.horizon, _MOST_STEPS))
    )
    table = f"<table><tr><th scope='col'>Bar</th>{heads}</tr>{rows}</table>"
    return f"<section><h3>{escape(name)} by bar ahead</h3><div class='wide'>{table}</div></section>"


def _plot_title(kind: str, item: ModelJudgement) -> str:
    return "Absolute error by step ahead" if kind == "steps" and item.points else PLOTS[kind].title


def _drawn(kind: str, judged: ForecastsJudged, model: str, palette: Palette) -> str:
    """Return a plot as SVG; "" where the judgement has nothing of the kind."""
    if judged.models[model].points and kind in ("calibration", "step_coverage"):
        return ""
    symbol = str(judged.models[model].own.symbol[0])
    return run_to_end(plot_svg(kind, as_result(judged, model), symbol, palette))


def write_pictures(
    path: Path, judged: ForecastsJudged, kinds: Sequence[str], look: Look
) -> Iterator[Path]:
    """Write plots of each model, and yield the files: ``f.png``, then ``f-MODEL-kind.png`` for the
    others.

    Raises
    ------
    ExportError
        Nothing of a kind to draw, or a file that cannot be written.
    """
    from app.export.page import need_application

    need_application()
    first = True
    for model, item in judged.models.items():
        for kind in kinds:
            plot = build(kind, as_result(judged, model), str(item.own.symbol[0]))
            if plot is None:
                raise ExportError(
                    f"{model} has no plot '{kind}'.", f"Possible are {', '.join(KINDS)}."
                )
            target = path if first else path.with_stem(f"{path.stem}-{_file_name(model)}-{kind}")
            write(
                target,
                None,
                chart=plot,
                title=f"{model}: {_plot_title(kind, item).lower()}",
                look=look,
            )
            first = False
            yield target


def _file_name(model: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "-._" else "_" for sign in model)[:60]


def outcome_rows(judged: ForecastsJudged) -> tuple[dict[str, Outcomes], tuple[float, ...]]:
    """Return the outcomes of all models and, of the first, the baselines, with the levels that
    all of them have.
    """
    outcomes = {name: item.own for name, item in judged.models.items()}
    rivals = next(iter(judged.models.values())).outcomes
    outcomes |= {name: item for name, item in rivals.items() if name not in outcomes}
    common = [
        level
        for level in next(iter(outcomes.values())).quantiles
        if all(_has(item, level) for item in outcomes.values())
    ]
    return outcomes, tuple(common)


def _has(outcomes: Outcomes, level: float) -> bool:
    return any(abs(level - q) < 1e-9 for q in outcomes.quantiles)


def write_rows(path: str | Path, judged: ForecastsJudged) -> None:
    """Write every forecast beside what happened, one a row, to ``.csv`` or ``.parquet``.

    Columns are ``model, unique_id, cutoff, ds, y0, y`` and one a quantile that all models have.

    Raises
    ------
    ExportError
        Another suffix, or a file that cannot be written.
    """
    outcomes, levels = outcome_rows(judged)
    parts = [_row_columns(name, item, levels) for name, item in outcomes.items()]
    write_table(path, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def _row_columns(name: str, one: Outcomes, levels: Sequence[float]) -> dict[str, Any]:
    ahead = one.horizon
    columns: dict[str, Any] = {
        "model": np.full(one.y.size, name).astype(object),
        "unique_id": np.repeat(one.symbol, ahead).astype(object),
        "cutoff": np.repeat(one.cutoff, ahead),
        "ds": one.ds.reshape(-1),
        "y0": np.repeat(one.y0, ahead),
        "y": one.y.reshape(-1),
    }
    return columns | {f"q{level:g}": one.quantile(level).reshape(-1) for level in levels}
