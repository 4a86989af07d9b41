"""The registry of networks: what each one is, readable without torch.

Form, command-line flags, validation, cost estimate, diagnostics and reports ask a
:class:`ModelSpec`; no room
compares the name of a network. The module itself is imported only when a network is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from forecasting.plugins import load_plugins

#: Settings of ``ModelConfig`` that every stack of recurrent layers reads.
RECURRENT_SETTINGS = ("layer_norm", "residual")


@dataclass(frozen=True)
class ModelSpec:
    """All that the program knows of one kind of network.

    Attributes
    ----------
    title : str
        Name in labels, tables and exports: ``LSTM``.
    help : str
        One sentence that follows the title: "remembers over many bars."
    module : str
        ``package.module:Class`` of an :class:`forecasting.models.encoder.Encoder`, which is also
        the decoder of an encoder-decoder; imported when it is built.
    seconds_per_bar, seconds_per_weight : float
        CPU seconds of training for each bar that is read, per layer and direction, and for each bar
        and weight; measured with one thread.
    settings : tuple of str
        Fields of ``ModelConfig`` that this network reads and some other network does not.
    recurrent : bool
        Whether it carries a state from bar to bar: it can be trained on long chunks, and reads a
        window twice where it is bidirectional.
    variants : mapping of (str, value) to str
        Titles of a network with one setting at one value:
        ``{("activation", "relu"): "RNN (ReLU)"}``.
    """

    title: str
    help: str
    module: str
    seconds_per_bar: float
    seconds_per_weight: float
    settings: tuple[str, ...] = RECURRENT_SETTINGS
    recurrent: bool = True
    variants: Mapping[tuple[str, Any], str] = field(default_factory=dict)

    @property
    def gated(self) -> bool:
        """Whether gates hold its state, so that an initial memory can be set."""
        return "memory" in self.settings

    def load(self) -> Any:
        """Import the module (and torch) and return the class of the encoder."""
        module, _, name = self.module.partition(":")
        return getattr(import_module(module), name)


#: Every network by the name in ``ModelConfig.model``, in the order in which forms show them.
MODELS: dict[str, ModelSpec] = {
    "rnn": ModelSpec(
        "RNN",
        "forgets soonest.",
        "forecasting.models.rnn:Rnn",
        1.2e-6,
        1.3e-10,
        settings=("activation", "recurrent_gain", *RECURRENT_SETTINGS),
        variants={("activation", "relu"): "RNN (ReLU)"},
    ),
    "lstm": ModelSpec(
        "LSTM",
        "remembers over many bars; small ones are the fastest on a CPU.",
        "forecasting.models.lstm:Lstm",
        1.2e-6,
        1.15e-10,
        settings=("memory", *RECURRENT_SETTINGS),
    ),
    "gru": ModelSpec(
        "GRU",
        "remembers over many bars with fewer weights than an LSTM.",
        "forecasting.models.gru:Gru",
        2.7e-6,
        1.7e-10,
        settings=("memory", *RECURRENT_SETTINGS),
    ),
    "transformer": ModelSpec(
        "Transformer",
        "looks at all bars at once.",
        "forecasting.models.transformer:Transformer",
        2.5e-6,
        1.8e-10,
        settings=("heads", "positions"),
        recurrent=False,
    ),
}


MODELS.update(load_plugins("candlecast.models", ModelSpec, MODELS))


def specific_settings() -> set[str]:
    """Return the names of the settings that at least one network reads and the specs decide on."""
    return {name for spec in MODELS.values() for name in spec.settings}


def titles(*, gated: bool | None = None, recurrent: bool | None = None) -> str:
    """Return the titles of the networks with these properties, joined by "or": ``LSTM or GRU``."""
    found = [
        spec.title
        for spec in MODELS.values()
        if gated in (None, spec.gated) and recurrent in (None, spec.recurrent)
    ]
    return " or ".join(filter(None, (", ".join(found[:-1]), *found[-1:])))
