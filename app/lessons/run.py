"""Run the trainings of a lesson, and compute every figure that its texts name."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from app.lessons.lesson import Lesson, LessonTraining, Step
from app.training_history import NOTED, TrainingHistory
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError
from forecasting.events import Event, Progress, RunResult
from forecasting.series import Panel

#: Bars at both ends of a window that do not count as the gap between what is to be remembered and
#: where it is needed.
_EDGE = 1


@dataclass(frozen=True)
class LessonRun:
    """A lesson whose trainings have run.

    Attributes
    ----------
    lesson : Lesson
    trainings : mapping of str to TrainingHistory
        By the keys of the lesson's trainings.
    """

    lesson: Lesson
    trainings: Mapping[str, TrainingHistory] = field(default_factory=dict)

    def shown(self, step: Step) -> tuple[TrainingHistory, ...]:
        """Return the trainings that the picture of a step shows."""
        return tuple(self.trainings[key] for key in step.trainings or self.trainings)

    @property
    def figures(self) -> dict[str, dict[str, Any]]:
        """Every figure by training and name."""
        return {key: figures_of(item) for key, item in self.trainings.items()}

    def fill(self, text: str) -> str:
        """Return a text with its figures."""
        named = {
            key: {name: _word(value) for name, value in found.items()}
            for key, found in self.figures.items()
        }
        return text.format(**named)


@dataclass(frozen=True)
class LessonFinished(Event):
    """All trainings of a lesson are done."""

    run: LessonRun


@dataclass(frozen=True)
class LessonTrainingStarted(Event):
    """A training of a lesson begins: its place among all, and its title."""

    number: int
    count: int
    title: str


def run_lesson(
    lesson: Lesson, should_stop: Callable[[], bool] = lambda: False
) -> Generator[Event, None, LessonRun]:
    """Run the trainings of a lesson one after the other.

    Parameters
    ----------
    lesson : Lesson
    should_stop : callable
        Once true no further figures are made: a lesson is whole or not there.

    Yields
    ------
    LessonTrainingStarted, Progress, and the events of the trainings; LessonFinished last.

    Raises
    ------
    CandlecastError
        It was stopped.
    """
    found: dict[str, TrainingHistory] = {}
    count = len(lesson.trainings)
    for number, training in enumerate(lesson.trainings, start=1):
        yield LessonTrainingStarted(number, count, training.title)
        watched = TrainingHistory(training.config, number, title=training.title)
        for event in _training(training, watched.config, should_stop):
            watched.take(event)
            if isinstance(event, Progress):
                event = replace(event, message=f"{training.title}: {event.message}")
            yield event
        if should_stop() or watched.result is None:
            raise CandlecastError("The lesson was stopped.", "Start it again to see its figures.")
        found[training.key] = watched
    run = LessonRun(lesson, found)
    yield LessonFinished(run)
    return run


def _training(
    training: LessonTraining, config: RunConfig, should_stop: Callable[[], bool]
) -> Generator[Event, None, None]:
    from forecasting import jobs
    from forecasting.sources import source

    panel = Panel(source(training.source).load())
    yield from jobs.train(panel, config, should_stop, counted=False)


def figures_of(training: TrainingHistory) -> dict[str, Any]:
    """Return the figures of a training by name; NaN for what it has not."""
    assert training.result is not None
    result = training.result
    last = training.epochs[-1]
    verdict = result.verdict
    found: dict[str, Any] = {
        "title": training.name,
        "epochs": last.epoch,
        "baseline_loss": training.epochs[0].val_loss,
        "best_loss": last.best_loss,
        "last_loss": last.val_loss,
        "best_epoch": last.best_epoch,
        "weights": result.split.parameters,
        "windows": result.split.windows["train"],
        "lookback": training.config.task.input_size,
        "horizon": training.config.task.horizon,
        "seconds": result.info.seconds,
        "outcome": verdict.outcome,
        "verdict": verdict.sentence,
        "reference": verdict.reference,
        "skill": 100 * verdict.skill,
        "p_value": verdict.p_value,
        "gain": 100 * (1 - last.best_loss / training.epochs[0].val_loss),
        "advice": next((item.message for item in ranked(training)), "nothing"),
        "topics": [item.topic for item in ranked(training)],
    }
    return found | _norms(training) | _inside(training) | _outcomes(result)


def ranked(training: TrainingHistory) -> list[Any]:
    """Return what the doctor says of a training, causes first."""
    advice = [item for item in training.advice if item.topic != NOTED]
    return sorted(advice, key=lambda item: item.rank)


def _norms(training: TrainingHistory) -> dict[str, Any]:
    before = np.concatenate([item.before for item in training.steps] or [np.empty(0)])
    after = np.concatenate([item.after for item in training.steps] or [np.empty(0)])
    finite = before[np.isfinite(before)]
    limit = training.steps[-1].limit if training.steps else math.nan
    return {
        "steps": len(before),
        "largest_norm": float(finite.max()) if len(finite) else math.nan,
        "usual_norm": float(np.median(finite)) if len(finite) else math.nan,
        "largest_after": float(after[np.isfinite(after)].max()) if len(finite) else math.nan,
        "not_finite": int((~np.isfinite(before)).sum()),
        "limit": limit,
        "clipped": 100 * float((before > limit).mean()) if math.isfinite(limit) else 0.0,
    }


def _inside(training: TrainingHistory) -> dict[str, Any]:
    memory, cells, first = training.memory, training.cells, training.untrained
    found: dict[str, Any] = {
        "reach": memory.reach if memory else 0,
        "farthest": memory.farthest if memory else 0.0,
        "memory_epoch": memory.epoch if memory else 0,
        "saturated": 100 * cells.saturated if cells else math.nan,
    }
    for gate in cells.gates if cells else ():
        assert cells is not None
        found[f"{gate}_gate"] = _gap_opening(cells, gate)
        found[f"{gate}_untrained"] = _gap_opening(first, gate) if first else math.nan
    return found


def _gap_opening(cells: Any, gate: str) -> float:
    """Return the mean opening of a gate over the bars between the first and the last."""
    openings = cells.openings[:, cells.gates.index(gate), _EDGE:-_EDGE]
    return float(openings.mean()) if openings.size else math.nan


def _outcomes(result: RunResult) -> dict[str, Any]:
    from forecasting.metrics import calibration
    from forecasting.next_bar import next_bar

    outcomes = next(iter(result.outcomes.values()))
    known = calibration(outcomes)
    coverage = dict(zip(np.round(known.level, 4).tolist(), known.realised, strict=True))
    step = next_bar(outcomes, result.panel.symbols[0])
    return {
        **{f"coverage_{level}": float(coverage.get(level, math.nan)) for level in (50, 80, 95)},
        "origins": len(outcomes),
        "moves_guessed": 100 * step.moves_guessed if step else math.nan,
        "up_days": 100 * step.moves_up if step else math.nan,
        "best_shift": step.best_shift if step else 0,
        "best_lag": step.best_lag if step and step.best_lag is not None else math.nan,
        "correlation": _correlation(step, 0),
        "correlation_yesterday": _correlation(step, 1),
    }


def _correlation(step: Any, lag: int) -> float:
    if step is None or step.copy is None:
        return math.nan
    return float(step.copy.correlations[list(step.lags).index(lag)])


def _word(value: Any) -> str:
    """Write a figure for people."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return "–" if math.isnan(value) else "infinite"
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
