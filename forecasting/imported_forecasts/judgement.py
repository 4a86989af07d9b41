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
from forecasting.baselines import BASELINES, PARTS, chosen_baselines, model_title
from forecasting.baselines.challengers import introduce, is_challenger
from forecasting.baselines.challengers.zero_shot import ZeroShotPredictor
from forecasting.baselines.walks import RandomWalk
from forecasting.errors import CandlecastError, DataError
from forecasting.events import Event, Notice, Predictor, Progress
from forecasting.imported_forecasts.alignment import Aligned, Ground, align, masked
from forecasting.imported_forecasts.reader import ImportedForecasts, renamed
from forecasting.imported_forecasts.results import ForecastsJudged, ModelJudgement
from forecasting.imported_forecasts.timeline import timeline_of
from forecasting.memory import resident_bytes
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
#: Sentences of a verdict on forecasts that are too good.
_LEAKS = ("leak", "leak-direction")
_AT_ONCE = 5_000_000
#: Origins that a model of others is asked about between two looks at a stop.
_CHALLENGER_ORIGINS = 64


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
    imported = without_baselines(imported)
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


def without_baselines(imported: ImportedForecasts) -> ImportedForecasts:
    """Leave baselines of ours out that a file holds beside other models, as our own exports do:
    they are made anew.
    """
    ours = {*BASELINES, *PARTS}
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
    yield from map(Notice, introduce(names, ground.horizon))
    for index, name in enumerate(names):
        yield Progress(index, len(names), f"Forecasting with {model_title(name)}")
        try:
            made = yield from _forecast(name, ground, levels, should_stop, findings)
        except DataError as error:
            if name == RandomWalk.name:
                raise
            message = f"{model_title(name)} is left out: {error.message}"
            findings.append(Finding("no_baseline", message, 1, "info", "left out"))
            continue
        if made is None:
            message = f"Stopped: not judged are {', '.join(names[index:])}."
            findings.append(Finding("stopped", message, len(names) - index, "warning", "left out"))
            break
        rivals[made.model] = made
    return rivals


def _forecast(
    name: str,
    ground: Ground,
    levels: tuple[float, ...],
    should_stop: Callable[[], bool],
    findings: list[Finding],
) -> Generator[Event, None, Outcomes | None]:
    """Forecast from all origins with one baseline; None where it was stopped before the end.

    The random walk is never stopped. What a model of others costs is told as a finding.
    """
    challenger = is_challenger(name)
    started, memory = time.perf_counter(), resident_bytes()
    (rival,) = fit_baselines(ground.panel, ground.insample, ground.horizon, [name])
    chunk = max(1, _AT_ONCE // (ground.horizon * len(levels)))
    chunk = min(chunk, _CHALLENGER_ORIGINS) if challenger else chunk
    count = len(ground.origins)
    pieces: list[Floats] = []
    for first in range(0, count, chunk):
        if should_stop() and name != RandomWalk.name:
            return None
        if challenger:
            title = model_title(name)
            yield Progress(first, count, f"Forecasting with {title}: {first} of {count} origins")
        some = ground.origins.take(slice(first, first + chunk))
        pieces.append(rival.predict(ground.panel, some, levels))
    if challenger:
        spent = time.perf_counter() - started, resident_bytes() - memory
        findings.append(_cost(name, rival, count, *spent))
    return Outcomes(
        rival.name,
        ground.symbol,
        ground.cutoff,
        ground.ds,
        ground.y0,
        ground.y,
        levels,
        np.concatenate(pieces),
        ground.scale,
        ground.rms_scale,
    )


def _cost(name: str, rival: Predictor, origins: int, seconds: float, memory: int) -> Finding:
    """Return what a model of others has cost."""
    weights = f"{rival.model.weights:,} weights, " if isinstance(rival, ZeroShotPredictor) else ""
    message = (
        f"{model_title(name)}: {weights}{seconds:.1f} s for {origins:,} forecasts, "
        f"about {max(memory, 0) >> 20} MB of memory."
    )
    return Finding("challenger", message, origins, "info", "compared")


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
    leak = next((note for note in verdict.notes if recognised(note) in _LEAKS), "")
    if leak:
        message = (
            f"{name} is too good to be true: {leak[0].lower()}{leak[1:]} Does a row hold "
            "something that was known only afterwards?"
        )
        findings.append(Finding("too_good", message, 1, "error", "kept"))
    copy = copycat(judged.own)
    if copy is not None and copy.late:
        what = "the last known value, one step late."
        if copy.late > 1:
            what = f"a known value, {copy.late} steps late. Are its dates right?"
        message = f"{name} is a copy: it repeats {what}"
        findings.append(Finding("copy", message, 1, "warning", "kept"))
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
