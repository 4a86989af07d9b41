"""The parts of a cell, as they are drawn and explained: gates, state and output, without Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from forecasting.config import ModelConfig
from forecasting.events import CellStates

#: What a part is drawn as, and what numbers it has: ``gate`` a mean opening, ``state`` a size,
#: ``attention`` a map, the others none.
PartKind = Literal["input", "new", "gate", "state", "attention", "output"]


@dataclass(frozen=True)
class CellPart:
    """A part of a cell.

    Attributes
    ----------
    name : str
        Distinct among the parts of a cell.
    kind : str
    title : str
    text : str
        What it does, in plain words.
    column, row : int
        Place in the picture: from left to right, from the top down.
    feeds : tuple of str
        Names of the parts that arrows go to from here.
    gate : str
        Of a gate its name in :attr:`CellStates.gates`.
    """

    name: str
    kind: PartKind
    title: str
    text: str
    column: int
    row: int
    feeds: tuple[str, ...] = ()
    gate: str = ""


def cell_parts(config: ModelConfig) -> tuple[CellPart, ...]:
    """Return the parts of the cell of a network; of a network that is not known, what all have."""
    parts = {"lstm": _lstm, "gru": _gru, "transformer": _transformer}.get(config.model, _plain)
    return parts(config)


def explain(part: CellPart, cells: CellStates | None, untrained: CellStates | None) -> str:
    """Return what a part is, with its figures now and before the first step."""
    if cells is None:
        return f"{part.text} Train a network to see its figures here." if _live(part) else part.text
    if part.gate in cells.gates:
        words = (
            f"Open on average over the window: {cells.mean_opening(part.gate):.2f} at epoch "
            f"{cells.epoch}"
        )
        before = "" if untrained is None else f", {untrained.mean_opening(part.gate):.2f} untrained"
        return f"{part.text} {words}{before}; 0 is shut, 1 is open."
    if part.kind == "state":
        first, last = cells.state.mean(axis=0)[[0, -1]]
        words = f"Its size (root mean square): {last:.3g} at the last bar, {first:.3g} at the first"
        return f"{part.text} {words}, at epoch {cells.epoch}."
    return part.text


def value_of(part: CellPart, cells: CellStates | None) -> str:
    """Return the figure that stands in the box of a part: a mean opening, or the state's size."""
    if cells is None:
        return ""
    if part.gate in cells.gates:
        return f"{cells.mean_opening(part.gate):.2f} open"
    return f"size {cells.state.mean(axis=0)[-1]:.3g}" if part.kind == "state" else ""


def _live(part: CellPart) -> bool:
    return part.kind in ("gate", "state", "attention")


def _input_part(config: ModelConfig, feeds: Sequence[str]) -> CellPart:
    through = (
        f" A filter hands {config.conv_kernel} bars at a time on to the cell."
        if config.conv_kernel
        else ""
    )
    text = (
        "What is read at one bar: its move, its range and more, measured by what was usual "
        f"before.{through}"
    )
    return CellPart("input", "input", "The bar", text, 0, 2, tuple(feeds))


def _output_part(column: int) -> CellPart:
    text = (
        "The head turns the state after the last bar into quantiles: how the next bars are "
        "distributed. It starts at zero, so that an untrained network says what the baseline says."
    )
    return CellPart("output", "output", "Output", text, column, 1)


def _plain(config: ModelConfig) -> tuple[CellPart, ...]:
    squash = "ReLU, which cuts off below 0" if config.activation == "relu" else "tanh, to -1 to 1"
    return (
        _input_part(config, ("new",)),
        CellPart(
            "new",
            "new",
            "New state",
            "Bar and state before are weighed, added, and passed through "
            f"{squash}. The result overwrites the state: there is no gate that could keep it.",
            1,
            1,
            ("state",),
        ),
        CellPart(
            "state",
            "state",
            "State",
            "What is carried to the next bar, through the same weights at each.",
            2,
            1,
            ("output", "new"),
        ),
        _output_part(3),
    )


def _lstm(config: ModelConfig) -> tuple[CellPart, ...]:
    return (
        _input_part(config, ("forget gate", "input gate", "new", "output gate")),
        CellPart(
            "forget gate",
            "gate",
            "Forget gate",
            "At each bar the state is multiplied by its opening: at 1 it is kept as it is, at 0 it "
            "is wiped out.",
            1,
            0,
            ("state",),
            "forget",
        ),
        CellPart(
            "new",
            "new",
            "New value",
            "What could be written at this bar: bar and last output, weighed, added, and passed "
            "through tanh, to -1 to 1.",
            1,
            3,
            ("input gate",),
        ),
        CellPart(
            "input gate",
            "gate",
            "Input gate",
            "How much of the new value is written into the state.",
            1,
            2,
            ("state",),
            "input",
        ),
        CellPart(
            "state",
            "state",
            "State",
            "What is carried to the next bar: what the forget gate has left, and what the input "
            "gate has let in. Nothing else changes it, which is why it can last.",
            2,
            1,
            ("output gate",),
        ),
        CellPart(
            "output gate",
            "gate",
            "Output gate",
            "How much of the state is shown: to the layer above, to the head, and to the gates at "
            "the next bar.",
            3,
            1,
            ("output",),
            "output",
        ),
        _output_part(4),
    )


def _gru(config: ModelConfig) -> tuple[CellPart, ...]:
    return (
        _input_part(config, ("reset", "new", "update")),
        CellPart(
            "reset",
            "gate",
            "Reset gate",
            "How much of the old state is looked at when the new value is made.",
            1,
            3,
            ("new",),
            "reset",
        ),
        CellPart(
            "new",
            "new",
            "New value",
            "What could take the state's place: the bar and what the reset gate shows of the old "
            "state, weighed, added, and passed through tanh.",
            1,
            2,
            ("state",),
        ),
        CellPart(
            "update",
            "gate",
            "Update gate",
            "Mixes old and new: where it is open the old state stays, where it is shut the new "
            "value takes its place. It does the work of an LSTM's forget gate.",
            1,
            0,
            ("state",),
            "update",
        ),
        CellPart(
            "state",
            "state",
            "State",
            "What is carried to the next bar, and what is shown.",
            2,
            1,
            ("output", "reset"),
        ),
        _output_part(3),
    )


def _transformer(config: ModelConfig) -> tuple[CellPart, ...]:
    return (
        _input_part(config, ("position",)),
        CellPart(
            "position",
            "new",
            "Position",
            "Each bar is told how far back it lies: nothing else says which bar came first.",
            1,
            2,
            ("attention",),
        ),
        CellPart(
            "attention",
            "attention",
            "Attention",
            "Every bar looks at every earlier one and takes a share of each; the map shows the "
            f"shares, bright is much. {config.heads} such looks are taken side by side.",
            2,
            1,
            ("state",),
        ),
        CellPart(
            "state",
            "state",
            "Bars as read",
            "What each bar has become after it has looked at the others. Nothing is carried from "
            "bar to bar.",
            3,
            1,
            ("output",),
        ),
        _output_part(4),
    )
