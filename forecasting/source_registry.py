"""The registry of price sources: what each one is, readable before anything heavy is imported.

Window, command line, projects and run history ask a :class:`SourceSpec`; no room compares the
prefix of a reference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from forecasting.plugins import load_plugins


@dataclass(frozen=True)
class SourceSpec:
    """All that the program knows of one kind of source.

    Attributes
    ----------
    example : str
        How a reference to it is written, for help and errors: ``yahoo:TICKER``.
    opener : str
        ``package.module:function`` of (text after the prefix, ReadOptions, TickerOptions) that
        returns a
        :class:`forecasting.sources.Source`; imported when a reference is opened.
    options : {"read", "ticker", ""}
        Field of :class:`forecasting.sources.Request` that a user can change, which chooses the
        dialog; "" for none.
    name_of : callable
        Text after the prefix to the name of a row whose series is not loaded.
    is_path : bool
        Whether a reference is the path of a file: projects store it relative to themselves.
    remote : bool
        Whether it is fetched, so that the time of fetching is shown.
    shows_reference : bool
        Whether the data panel shows the reference beside the note of the series.
    names_exchange : bool
        Whether its series come with the calendar of their exchange, so that their dates need not
        be asked for it.
    catalog : str
        ``package.module:mapping`` of names to objects with a ``title``, offered in menus; "" for
        none.
    """

    example: str
    opener: str
    options: Literal["read", "ticker", ""] = ""
    name_of: Callable[[str], str] = str
    is_path: bool = False
    remote: bool = False
    shows_reference: bool = True
    names_exchange: bool = False
    catalog: str = ""

    def load_opener(self) -> Callable[..., Any]:
        """Import and return what opens a reference."""
        opener: Callable[..., Any] = _load(self.opener)
        return opener


def _stem(path: str) -> str:
    return Path(path).stem


#: Every source by its prefix, the text before the colon of a reference; without a known one it is a
#: file.
SOURCES: dict[str, SourceSpec] = {
    "file": SourceSpec(
        "a file", "forecasting.sources.files:from_request", "read", name_of=_stem, is_path=True
    ),
    "yahoo": SourceSpec(
        "yahoo:TICKER",
        "forecasting.sources.yahoo:from_request",
        "ticker",
        name_of=str.upper,
        remote=True,
    ),
    "sample": SourceSpec(
        "sample:NAME",
        "forecasting.sources.samples:from_request",
        shows_reference=False,
        names_exchange=True,
        catalog="forecasting.sources.samples:SAMPLES",
    ),
}
SOURCES.update(load_plugins("candlecast.sources", SourceSpec, SOURCES))
_FILE = SOURCES["file"]


def split_reference(reference: str) -> tuple[SourceSpec, str]:
    """Return the source that a reference names and the text after its prefix; of a path all of
    it.
    """
    prefix, colon, rest = reference.strip().partition(":")
    spec = SOURCES.get(prefix.lower()) if colon else None
    return (_FILE, reference.strip()) if spec is None else (spec, rest.strip())


def source_spec(reference: str) -> SourceSpec:
    """Return the source that a reference names."""
    return split_reference(reference)[0]


def is_prefixed(word: str) -> bool:
    """Return whether a word begins with the prefix of a source."""
    prefix, colon, _ = word.partition(":")
    return bool(colon) and prefix in SOURCES


def examples() -> str:
    """Return how references are written: ``a file, yahoo:TICKER or sample:NAME``."""
    *first, last = (spec.example for spec in SOURCES.values())
    return f"{', '.join(first)} or {last}"


def catalog() -> dict[str, str]:
    """Return the titles of all series that sources offer by name, by reference."""
    return {
        f"{prefix}:{name}": str(item.title)
        for prefix, spec in SOURCES.items()
        if spec.catalog
        for name, item in _load(spec.catalog).items()
    }


def _load(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
