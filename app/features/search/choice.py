"""How a search is to go about, as the form of the panel has it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from forecasting.config import Settings

#: Settings of the engine behind each choice of what is searched.
SEARCHED: dict[str, tuple[str, ...]] = {
    "lookback": ("input_size",),
    "network": ("model",),
    "size": ("hidden_size", "layers"),
    "dropout": ("dropout",),
    "learning_rate": ("learning_rate",),
    "inputs": ("indicators", "dates", "volume", "market"),
    "target": ("target",),
}


def _choice(default: Any, title: str, text: str, unit: str = "", **limits: Any) -> Any:
    words = limits.pop("words", {})
    extra = {"unit": unit, "advanced": False, "words": words}
    return Field(default, title=title, description=text, json_schema_extra=extra, **limits)


class SearchBudget(Settings):
    """When a search ends, and on what trials are judged."""

    minutes: float = _choice(
        10.0, "Time", "Ends after so many minutes; 0 for any.", "min", ge=0, le=100_000
    )
    trials: int = _choice(
        0,
        "Trials",
        "Ends after so many trials; 0 for as many as the time allows.",
        ge=0,
        le=100_000,
        words={"0": "Any number"},
    )
    blocks: int = _choice(
        3,
        "Blocks",
        "Parts of the last bars before the test part: a trial is trained anew before each, and "
        "goes on only while it is among the better half.",
        ge=1,
        le=50,
    )
    workers: int = _choice(
        1,
        "Processes",
        "Trials at once. With one process the same seed gives the same trials.",
        ge=1,
        le=256,
    )


class SearchScope(Settings):
    """What a search changes."""

    lookback: bool = _choice(True, "Lookback", "From a quarter of the one chosen to four times it.")
    network: bool = _choice(True, "Network", "RNN, LSTM, GRU, Transformer.")
    size: bool = _choice(True, "Size and layers", "4 to 64 units, one or two layers.")
    dropout: bool = _choice(True, "Dropout", "From none to .6.")
    learning_rate: bool = _choice(True, "Learning rate", "From .0002 to .01.")
    inputs: bool = _choice(True, "Inputs", "Indicators, calendar, volume, market: on or off.")
    target: bool = _choice(True, "Target", "Log return, difference, or automatic.")

    def names(self) -> tuple[str, ...]:
        """Return the settings of the engine that are searched."""
        chosen = (names for key, names in SEARCHED.items() if getattr(self, key))
        return tuple(name for names in chosen for name in names)
