"""What an input/output shape looks like: cells, states and arrows to draw, and a sentence to
explain them, without torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from forecasting.config import ModelConfig, RunConfig, ShapeName, Strategy

CellKind = Literal["input", "convolution", "state", "output", "gap"]
ArrowKind = Literal["reads", "carries", "carries back", "says", "fed back"]

#: Columns that are drawn in full; of more the middle is left out.
_SHOWN = 4

#: One sentence for each shape.
SENTENCES: dict[ShapeName, str] = {
    "many-to-one": "Reads many bars and answers once, after the last of them.",
    "one-to-one": "Reads one bar and answers once, about the next: no memory at all, the simplest "
    "thing to compare with.",
    "one-to-many": "Reads one bar only, and answers about many bars ahead.",
    "many-to-many": "Answers at every bar it reads, each time from the bars up to there; the last "
    "answer is the forecast.",
    "encoder-decoder": "One network reads all bars into a state; a second one starts from it and "
    "tells the bars ahead one by one.",
}

#: One sentence for each decoding strategy.
STRATEGIES: dict[Strategy, str] = {
    "direct": "All steps ahead are said at once.",
    "recursive": "One step is said at a time; its median and width are fed back as if they had "
    "been seen, and the widths add up.",
    "seq2seq": "Each step starts from the decoder's own last one; the widths of the steps add up.",
}


@dataclass(frozen=True)
class Cell:
    """One cell of the picture.

    Attributes
    ----------
    kind : str
        ``input`` (lowest row), ``convolution`` (above it, where there is one), ``state``,
        ``output`` (top), or ``gap``: columns that are left out here.
    column : int
        Place from left to right, 0 first; a column is a moment in time.
    label : str
        Such as ``t``, ``t-59`` or ``t+1…t+20``; of a state the network's name and layers, of a
        convolution its bars; of a gap ``…``.
    decoder : bool
        Whether it belongs to the second network, or to what follows the last bar that was seen.
    """

    kind: CellKind
    column: int
    label: str
    decoder: bool = False


@dataclass(frozen=True)
class Arrow:
    """An arrow from one cell to another, both given by their place in :attr:`Diagram.cells`."""

    start: int
    end: int
    kind: ArrowKind


@dataclass(frozen=True)
class Diagram:
    """A shape as a picture that anything can draw.

    Attributes
    ----------
    cells : tuple of Cell
    arrows : tuple of Arrow
    columns : int
        Moments in time from left to right.
    inputs, states, outputs : int
        How many there are in truth, those left out included.
    layers : int
        Layers that stand for each state.
    members : int
        Networks of this kind that are trained side by side.
    convolution : bool
        Whether a convolution stands between inputs and states.
    feedback : bool
        Whether what was said is read again.
    sentence : str
        One sentence on the shape and one on the decoding, and one each on a convolution, several
        layers and several members.
    """

    cells: tuple[Cell, ...]
    arrows: tuple[Arrow, ...]
    columns: int
    inputs: int
    states: int
    outputs: int
    layers: int
    convolution: bool
    feedback: bool
    sentence: str
    members: int = 1


def describe(config: RunConfig) -> Diagram:
    """Return the picture of a run's shape and decoding.

    Parameters
    ----------
    config : RunConfig

    Returns
    -------
    Diagram
    """
    lookback, horizon, strategy = config.task.input_size, config.task.horizon, config.model.strategy
    synchronous, stepwise = (
        config.model.shape == "many-to-many",
        strategy != "direct" and horizon > 1,
    )
    drawn = _Drawing(config)
    seen = _shown([f"t-{lag}" if lag else "t" for lag in range(lookback - 1, -1, -1)])
    answer = "t+1" if stepwise or horizon == 1 else f"t+1…t+{horizon}"
    for index, label in enumerate(seen):
        last = index == len(seen) - 1
        drawn.column(
            label,
            reads=True,
            says=_said(label, answer, last) if last or synchronous else "",
            decoder=False,
        )
    # A decoder of its own says all steps; a network that feeds itself has said the first one at the
    # last bar.
    own = strategy == "seq2seq" and stepwise
    if own:
        drawn.mute()
    for label in (
        _shown([f"t+{step}" for step in range(1 if own else 2, horizon + 1)]) if stepwise else []
    ):
        drawn.column(label, reads=False, says=label, decoder=True)
    if config.model.bidirectional:
        drawn.both_ways()
    steps = horizon - (0 if own else 1) if stepwise else 0
    return Diagram(
        cells=tuple(drawn.cells),
        arrows=tuple(drawn.arrows),
        columns=drawn.columns,
        inputs=lookback,
        states=lookback + steps,
        outputs=(lookback if synchronous else 0 if own else 1) + steps,
        layers=config.model.layers,
        convolution=config.model.conv_kernel > 0,
        feedback=stepwise,
        members=config.model.members,
        sentence=" ".join(
            (SENTENCES[config.model.shape], STRATEGIES[strategy], *_more(config.model))
        ),
    )


def _more(model: ModelConfig) -> Iterator[str]:
    """Yield a sentence on each thing that a network has beside its shape."""
    if model.conv_kernel:
        yield (
            f"A convolution reads {model.conv_kernel} bars at a time and hands "
            f"{model.conv_channels} channels on."
        )
    if model.layers > 1:
        yield f"{model.layers} layers stand on top of each other."
    if model.embedding:
        yield f"{model.embedding} learned numbers of its series are read with each bar."
    if model.members > 1:
        yield f"{model.members} such networks are trained; the forecast is their median."


def _shown(labels: list[str]) -> list[str]:
    """Return labels, those in the middle replaced by one gap where there are many."""
    return labels if len(labels) <= _SHOWN else [labels[0], "…", *labels[-1:]]


def _said(label: str, answer: str, last: bool) -> str:
    return answer if last else f"after {label}" if label != "…" else label


class _Drawing:
    """Cells and arrows, put down column by column."""

    def __init__(self, config: RunConfig) -> None:
        model = config.model
        self.network = f"{model.title} ×{model.layers}" if model.layers > 1 else model.title
        self.filter = f"conv {model.conv_kernel}" if model.conv_kernel else ""
        self.embedding = model.embedding > 0
        self.decoder_filters = model.strategy == "recursive"
        self.columns = 0
        self.cells: list[Cell] = []
        self.arrows: list[Arrow] = []
        self.state = self.said = -1

    def column(self, label: str, reads: bool, says: str, decoder: bool) -> None:
        """Add a moment: its state, what it reads or is fed, and what it says ("" for nothing)."""
        before, text = self.state, self.said
        self.state = self._cell(
            "gap" if label == "…" else "state", "…" if label == "…" else self.network, decoder
        )
        if before >= 0:
            self._arrow(before, self.state, "carries")
        if label == "…":
            if not reads and text >= 0:
                self._arrow(text, self.state, "fed back")
                self.said = self.state
        else:
            entry = self._entry(decoder) if reads or self.decoder_filters else self.state
            if reads:
                source = f"{label} + series" if self.embedding else label
                self._arrow(self._cell("input", source, decoder), entry, "reads")
            elif text >= 0:
                self._arrow(text, entry, "fed back")
            if says:
                self.said = self._cell("output", says, decoder)
                self._arrow(self.state, self.said, "says")
        self.columns += 1

    def _entry(self, decoder: bool) -> int:
        """Return the cell that a bar enters: the convolution below the state, where there is
        one, or the state itself.
        """
        if not self.filter:
            return self.state
        state, entry = self.state, self._cell("convolution", self.filter, decoder)
        self._arrow(entry, state, "reads")
        return entry

    def mute(self) -> None:
        """Take the outputs away that were put down so far: an encoder says nothing."""
        kept = [cell for cell in self.cells if cell.kind != "output"]
        indices = {
            old: kept.index(cell) for old, cell in enumerate(self.cells) if cell.kind != "output"
        }
        self.arrows = [
            Arrow(indices[a.start], indices[a.end], a.kind)
            for a in self.arrows
            if a.start in indices and a.end in indices
        ]
        self.cells, self.state, self.said = kept, indices[self.state], -1

    def both_ways(self) -> None:
        """Add the arrows of a network that also reads backwards, among the bars that were seen."""
        seen = {index for index, cell in enumerate(self.cells) if not cell.decoder}
        there = [a for a in self.arrows if a.kind == "carries" and {a.start, a.end} <= seen]
        self.arrows += [Arrow(a.end, a.start, "carries back") for a in there]

    def _cell(self, kind: CellKind, label: str, decoder: bool) -> int:
        self.cells.append(Cell(kind, self.columns, label, decoder))
        return len(self.cells) - 1

    def _arrow(self, start: int, end: int, kind: ArrowKind) -> None:
        self.arrows.append(Arrow(start, end, kind))
