"""Forecasts of others judged as our own: the same baselines, scores and verdict, from the same
origins.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from forecasting import metrics
from forecasting.backtest.outcomes import fit_baselines
from forecasting.baselines import BASELINES, NO_NETWORK, chosen_baselines
from forecasting.baselines.walks import RandomWalk
from forecasting.errors import CandlecastError, DataError
from forecasting.events import Event, Predictor, Progress
from forecasting.imported_forecasts.alignment import Aligned, Ground, align, masked
from forecasting.imported_forecasts.reader import ImportedForecasts, renamed
from forecasting.imported_forecasts.results import ForecastsJudged, ModelJudgement
from forecasting.imported_forecasts.timeline import timeline_of
from forecasting.sentences import recognised
from forecasting.series import Finding, Floats, Outcomes, Panel
from forecasting.verdict import copycat, judge

#: Scores that a point forecast has.
POINT_SCORES = (
    "mae",
    "rmse",
    "mase",
    "rmsse",
    "smape",
    "theil_u",
    "directional_accuracy",
    "directional_low",
    "directional_high",
)
_AT_ONCE = 5_000_000


def judge_imported(
    imported: ImportedForecasts,
    prices: Panel | None,
    baselines: str,
    should_stop: Callable[[], bool],
) -> Generator[Event, None, ForecastsJudged]:
    """Judge the forecasts of a file.

    Parameters
    ----------
    imported : ImportedForecasts
    prices : Panel or None
        None takes the actual values of the file itself.
    baselines : str
        As of :func:`forecasting.baselines.chosen_baselines`.
    should_stop : callable
        Once true, baselines that are not done are left out.

    Raises
    ------
    CandlecastError
        Forecasts that cannot be placed or compared.
    """
    started = time.perf_counter()
    imported = _without_baselines(imported)
    if prices is not None:
        imported = renamed(imported, prices.symbols)
    line = timeline_of(imported, prices)
    ground, aligned, found = align(imported, line)
    findings = [*imported.findings, *line.findings, *found]
    rivals = yield from _baselines(ground, aligned, baselines, should_stop, findings)
    models = {}
    for index, (name, item) in enumerate(aligned.items()):
        yield Progress(index, len(aligned), f"Judging {name}")
        models[name] = _judged(item, rivals, tries=len(aligned))
        findings += _noticed(name, models[name])
    return ForecastsJudged(
        imported, ground.panel, models, tuple(findings), time.perf_counter() - started
    )


def _without_baselines(imported: ImportedForecasts) -> ImportedForecasts:
    """Leave baselines of ours out that a file holds beside other models, as our own exports do:
    they are made anew.
    """
    ours = {*BASELINES, NO_NETWORK}
    models = tuple(model for model in imported.rows.models if model.model not in ours)
    left = [model.model for model in imported.rows.models if model.model in ours]
    if not left or not models:
        return imported
    message = f"Baselines in the file, which are made anew: {', '.join(left)}."
    finding = Finding("own_baselines", message, len(left), "info", "made anew")
    return replace(
        imported, rows=replace(imported.rows, models=models), findings=(*imported.findings, finding)
    )


def _baselines(
    ground: Ground,
    aligned: Mapping[str, Aligned],
    wanted: str,
    should_stop: Callable[[], bool],
    findings: list[Finding],
) -> Generator[Event, None, dict[str, Outcomes]]:
    """Forecast from all origins with the baselines, fitted on the bars up to the first origin of
    each series.
    """
    levels = tuple(
        sorted({level for item in aligned.values() for level in item.outcomes.quantiles})
    )
    names = chosen_baselines(ground.panel, wanted)
    rivals: dict[str, Outcomes] = {}
    for index, name in enumerate(names):
        if index and should_stop():
            message = f"Stopped: not judged are {', '.join(names[index:])}."
            findings.append(Finding("stopped", message, len(names) - index, "warning", "left out"))
            break
        yield Progress(index, len(names), f"Forecasting with {name}")
        try:
            (rival,) = fit_baselines(ground.panel, ground.insample, ground.horizon, [name])
            rivals[rival.name] = _outcomes(rival, ground, levels)
        except DataError as error:
            if name == RandomWalk.name:
                raise
            findings.append(
                Finding(
                    "no_baseline", f"{name} is left out: {error.message}", 1, "info", "left out"
                )
            )
    return rivals


def _outcomes(rival: Predictor, ground: Ground, levels: tuple[float, ...]) -> Outcomes:
    """Return what a baseline forecasts from all origins."""
    chunk = max(1, _AT_ONCE // (ground.horizon * len(levels)))
    pieces = [
        ground.origins.take(slice(n, n + chunk)) for n in range(0, len(ground.origins), chunk)
    ]
    values: Floats = np.concatenate(
        [rival.predict(ground.panel, piece, levels) for piece in pieces]
    )
    return Outcomes(
        rival.name,
        ground.symbol,
        ground.cutoff,
        ground.ds,
        ground.y0,
        ground.y,
        levels,
        values,
        ground.scale,
        ground.rms_scale,
    )


def _judged(item: Aligned, rivals: Mapping[str, Outcomes], tries: int) -> ModelJudgement:
    ours = item.outcomes
    outcomes = {
        ours.model: ours,
        **{
            name: masked(rival, ours, item.index)
            for name, rival in rivals.items()
            if name != ours.model
        },
    }
    if ours.model in rivals:
        raise CandlecastError(
            f"A model is called {ours.model}, as a baseline is.",
            "Give it another name: --columns NAME=COLUMN.",
        )
    verdict = judge(outcomes, ours.model, tries=tries)
    scores = {name: scores_of(outcome, points=item.points) for name, outcome in outcomes.items()}
    return ModelJudgement(outcomes, scores, verdict, item.points, item.awaited)


def scores_of(outcomes: Outcomes, *, points: bool) -> dict[str, float]:
    """Return every metric; NaN for those of a distribution where only points are judged."""
    scores = metrics.score(outcomes)
    return {
        name: value if not points or name in POINT_SCORES else math.nan
        for name, value in scores.items()
    }


def _noticed(name: str, judged: ModelJudgement) -> Sequence[Finding]:
    """Return what is odd about the forecasts of a model: too good, a copy, points alone, or
    still to come.
    """
    findings = []
    verdict = judged.verdict
    leak = next((note for note in verdict.notes if recognised(note) == "leak"), "")
    if leak:
        message = (
            f"{name} is too good to be true: {leak[0].lower()}{leak[1:]} Does a row hold "
            "something that was known only afterwards?"
        )
        findings.append(Finding("too_good", message, 1, "error", "kept"))
    copy = copycat(judged.own)
    if copy is not None and copy.is_copy:
        findings.append(
            Finding(
                "copy",
                f"{name} is a copy: it repeats the last known value, one step late.",
                1,
                "warning",
                "kept",
            )
        )
    if judged.points:
        message = (
            f"{name} has no bands: it is judged on points only, by absolute errors; "
            "calibration and CRPS cannot be told."
        )
        findings.append(Finding("points_only", message, 1, "info", "kept"))
    if judged.awaited:
        count = len(judged.awaited)
        message = (
            f"{name}: {count} forecast{'s' * (count > 1)} of bars that are still to come; "
            "--journal awaits what happens."
        )
        findings.append(Finding("awaited", message, count, "info", "awaited"))
    return findings
