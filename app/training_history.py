"""What is seen of a training beside its result, in bounded memory: gradients by lag, advice, and
the forecast at every epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from forecasting.config import RunConfig
from forecasting.events import (
    CellStates,
    Diagnosis,
    EpochEnd,
    Event,
    ForecastMade,
    GradientByLag,
    Notice,
    RunFinished,
    RunResult,
    StepNorms,
)
from forecasting.series import Floats, Forecast

#: Topic of what a training gave notice of itself, such as a way back to its best weights.
NOTED = "noted"
#: Epochs whose forecasts are kept at most, and bytes that they may take: of longer trainings every
#: second one, then every fourth, ...
_MOST, _BYTES = 500, 64 * 2**20
#: Steps whose norms are kept at most: of longer trainings the larger of two neighbours.
_MOST_STEPS = 100_000


class Replay:
    """The forecast at every epoch, in single precision; what becomes too much is thinned, the
    latest stays.
    """

    def __init__(self) -> None:
        self.final: tuple[Forecast, ...] = ()
        self._first: tuple[Forecast, ...] = ()
        self._stored: dict[int, npt.NDArray[np.float32]] = {}
        self._every = 1

    def begun(self) -> Replay:
        """Return the beginning of a longer training: the same epochs, without an end."""
        longer = Replay()
        longer._first, longer._stored, longer._every = self._first, dict(self._stored), self._every
        return longer

    @property
    def epochs(self) -> tuple[int, ...]:
        """The epochs that can be shown, increasing."""
        return tuple(self._stored)

    def __len__(self) -> int:
        """Return how many moments there are: the epochs, and the final forecast once it is
        there.
        """
        return len(self._stored) + bool(self.final)

    def add(self, made: ForecastMade) -> None:
        """Keep the forecasts of an epoch."""
        if made.final:
            self.final = made.forecasts
        if made.final or not made.forecasts:
            return
        self._first = self._first or made.forecasts
        self._stored.pop(made.epoch, None)
        latest = next(reversed(self._stored), None)
        if latest is not None and latest % self._every:
            del self._stored[latest]
        self._stored[made.epoch] = np.stack([item.values for item in made.forecasts]).astype(
            np.float32
        )
        most = max(2, min(_MOST, _BYTES // self._stored[made.epoch].nbytes))
        while len(self._stored) > most:
            self._every *= 2
            self._stored = {
                epoch: values
                for epoch, values in self._stored.items()
                if epoch % self._every == 0 or epoch == made.epoch
            }

    def forecast(self, place: int, symbol: str) -> Forecast | None:
        """Return the forecast of a series at a moment; None where there is none."""
        if place >= len(self._stored):
            return next((item for item in self.final if item.symbol == symbol), None)
        number = next(
            (number for number, item in enumerate(self._first) if item.symbol == symbol), None
        )
        if number is None:
            return None
        like, epoch = self._first[number], self.epochs[place]
        values = np.maximum.accumulate(self._stored[epoch][number].astype(np.float64), axis=1)
        return replace(like, model=f"{like.model}, epoch {epoch}", values=values)


@dataclass
class TrainingHistory:
    """What is seen of one training.

    Attributes
    ----------
    config : RunConfig
    number : int
        Which training of the session it is, counted from 1.
    memory : GradientByLag or None
        The last look at the gradients.
    advice : list of Advice
        What the doctor said, oldest first, with what the training itself gave notice of under the
        topic :data:`NOTED`.
    replay : Replay
    result : RunResult or None
        What it ended with.
    title : str
        What it is called in a lesson; "" for a training of the user.
    epochs : list of EpochEnd
    steps : list of StepNorms
        Norms of all steps, epoch by epoch.
    cells, untrained : CellStates or None
        The last look into the cells, and the one before the first step.
    """

    config: RunConfig
    number: int = 0
    memory: GradientByLag | None = None
    advice: list[Diagnosis] = field(default_factory=list)
    replay: Replay = field(default_factory=Replay)
    result: RunResult | None = None
    title: str = ""
    epochs: list[EpochEnd] = field(default_factory=list)
    steps: list[StepNorms] = field(default_factory=list)
    cells: CellStates | None = None
    untrained: CellStates | None = None

    def take(self, event: Event) -> None:
        """Take in an event of the training; others are left alone."""
        match event:
            case EpochEnd():
                self.epochs.append(event)
            case StepNorms():
                self._take_steps(event)
            case GradientByLag():
                self.memory = event
            case CellStates():
                self.untrained = self.untrained or (event if event.epoch == 0 else None)
                self.cells = event
            case ForecastMade():
                self.replay.add(event)
            case Diagnosis():
                self.hear(event)
            case Notice():
                self.advice.append(Diagnosis(NOTED, event.message, event.hint))
            case RunFinished():
                self.result = event.result
            case _:
                pass

    def shrink(self) -> None:
        """Keep what is compared once another training has ended: of the outcomes those of the
        network alone, and no forecasts of its epochs.
        """
        self.replay = Replay()
        if self.result is not None:
            name = next(iter(self.result.outcomes), None)
            own = {} if name is None else {name: self.result.outcomes[name]}
            self.result = replace(self.result, outcomes=own)

    def _take_steps(self, norms: StepNorms) -> None:
        self.steps.append(norms)
        if sum(len(item.before) for item in self.steps) > _MOST_STEPS:
            self.steps = [thinned(item) for item in self.steps]

    def hear(self, advice: Diagnosis) -> None:
        """Take in what the doctor says; it replaces what was said of the same topic before."""
        self.advice = [item for item in self.advice if item.topic != advice.topic] + [advice]

    @property
    def name(self) -> str:
        """What the training is called beside others: its number, its network, and what matters
        for its memory.
        """
        if self.title:
            return self.title
        model = self.config.model
        variants = (
            title
            for (setting, value), title in model.spec.variants.items()
            if getattr(model, setting) == value
        )
        texts = [next(variants, model.title)]
        if model.memory and model.spec.gated:
            texts.append(f"memory {model.memory}")
        return f"#{self.number} {', '.join(texts)}"


def thinned(norms: StepNorms) -> StepNorms:
    """Return half as many steps: of two neighbours the larger norms."""
    return replace(
        norms,
        before=_larger(norms.before),
        after=_larger(norms.after),
        by_layer=_larger(norms.by_layer),
    )


def _larger(values: Floats) -> Floats:
    starts = np.arange(0, len(values), 2)
    found: Floats = np.fmax.reduceat(values, starts, axis=0) if len(values) else values
    return found
