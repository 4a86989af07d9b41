"""Which further columns a network reads, and how: the grammar of the settings ``hist_exog``,
``futr_exog`` and ``stat_exog``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from forecasting.errors import ConfigError

#: ``hist``: known at the close of its bar, or some time later. ``futr``: known ahead. ``stat``: one
#: value a series.
Kind = Literal["hist", "futr", "stat"]
Transform = Literal["level", "change", "log_change", "zscore"]
DelayUnit = Literal["bars", "days", "hours"]

TRANSFORMS: tuple[Transform, ...] = ("level", "change", "log_change", "zscore")
#: Observations over which a z-score is taken where no number is given, and limits of that number
#: and of a delay.
USUAL_WINDOW = 60
_LEAST_WINDOW = 5
_MOST = 100_000
_UNITS: dict[str, DelayUnit] = {"": "bars", "b": "bars", "d": "days", "h": "hours"}
_SUFFIXES: dict[DelayUnit, str] = {"bars": "", "days": "d", "hours": "h"}
_DELAY = re.compile(r"(\d{1,6})\s*(b|d|h|)")
_FORM = (
    "Write it as NAME, NAME:delay=30d, NAME:delay=2 (bars), NAME:released=COLUMN, "
    "NAME:log_change or NAME:zscore=60; a name with a sign such as : or , in quotes, as in "
    "'\"a:b\"'."
)


@dataclass(frozen=True)
class ExogSpec:
    """One input: a column, when its values are known, and what is made of them.

    Attributes
    ----------
    name : str
        Of the column, or of another series.
    kind : str
        ``hist``, ``futr`` or ``stat``.
    delay : int
        After so many bars, days or hours a value was known.
    unit : str
        Of the delay: ``bars``, ``days`` or ``hours``.
    released : str
        Column that holds the date on which each value was published, or "".
    transform : str
        ``level``, ``change`` and ``log_change`` from one observation to the next, or ``zscore``
        over the last ``window`` ones.
    window : int
        Observations of a z-score.
    """

    name: str
    kind: Kind = "hist"
    delay: int = 0
    unit: DelayUnit = "bars"
    released: str = ""
    transform: Transform = "level"
    window: int = USUAL_WINDOW

    def __str__(self) -> str:
        """Return the text that :func:`parse_exog` reads."""
        parts = [quoted(self.name)]
        if self.delay:
            parts.append(f"delay={self.delay}{_SUFFIXES[self.unit]}")
        if self.released:
            parts.append(f"released={quoted(self.released)}")
        if self.transform == "zscore":
            parts.append(f"zscore={self.window}")
        elif self.transform != "level":
            parts.append(self.transform)
        return ":".join(parts)


def quoted(name: str) -> str:
    """Return a name in double quotes where it holds a sign of the grammar."""
    plain = name and name == name.strip() and not re.search(r'[,:="]', name)
    return name if plain else '"' + name.replace('"', '""') + '"'


def split_list(text: str, mark: str = ",") -> list[str]:
    """Split at a mark outside of double quotes; blanks around parts are dropped, quotes are left
    as they are.
    """
    parts, start, inside = [], 0, False
    for index, sign in enumerate(text):
        inside = inside != (sign == '"')
        if sign == mark and not inside:
            parts.append(text[start:index])
            start = index + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def unquoted(text: str) -> str:
    """Return a name without the quotes of :func:`quoted`."""
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1].replace('""', '"')
    return text


def parse_exog(text: str, kind: Kind) -> tuple[ExogSpec, ...]:
    """Read a setting: inputs with commas between them.

    Raises
    ------
    ConfigError
        An option that there is not, a number out of its limits, or an input that is named twice.
    """
    found = tuple(_spec(part, kind) for part in split_list(text))
    names = [spec.name for spec in found]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise ConfigError(f"The input {double} is named twice.", "Name each input once.")
    return found


def format_exog(specs: Iterable[ExogSpec]) -> str:
    """Return the setting that :func:`parse_exog` reads as these inputs."""
    return ",".join(map(str, specs))


def join_sources(references: Iterable[str]) -> str:
    """Return the setting ``exog_sources`` that names these files, tickers or samples."""
    return ",".join(
        '"' + item.replace('"', '""') + '"' if "," in item or '"' in item else item
        for item in references
    )


def parse_sources(text: str) -> tuple[str, ...]:
    """Return the references that the setting ``exog_sources`` names."""
    return tuple(unquoted(part) for part in split_list(text))


def _spec(text: str, kind: Kind) -> ExogSpec:
    if text.startswith(":"):
        raise ConfigError(f"An input has no name: {text!r}.", _FORM)
    name, *options = split_list(text, ":")
    spec = ExogSpec(unquoted(name), kind)
    if not spec.name:
        raise ConfigError(f"An input has no name: {text!r}.", _FORM)
    for option in options:
        spec = _with_option(spec, option)
    if spec.kind == "futr" and (spec.delay or spec.released):
        raise ConfigError(
            f"The input {spec.name} is known ahead and has a delay.",
            "Leave the delay out, or make it a past input.",
        )
    if spec.kind == "stat" and options:
        raise ConfigError(
            f"The input {spec.name} is static, one value a series: {options[0]} has no meaning.",
            "Leave it out.",
        )
    if spec.delay and spec.released:
        raise ConfigError(
            f"The input {spec.name} has a delay and a column of release dates.",
            "Leave one of the two out.",
        )
    return spec


def _with_option(spec: ExogSpec, option: str) -> ExogSpec:
    word, _, value = (part.strip() for part in option.partition("="))
    if word == "delay":
        return _with_delay(spec, value)
    if word == "released" and value:
        return replace(spec, released=unquoted(value))
    if word == "transform":
        word, _, value = value.partition("=")
    if word == "zscore":
        return replace(
            spec, transform="zscore", window=_window(spec, value) if value else USUAL_WINDOW
        )
    if word in TRANSFORMS and not value:
        return replace(spec, transform=word)
    raise ConfigError(
        f"The input {spec.name} has the option {option!r}, which there is not.", _FORM
    )


def _with_delay(spec: ExogSpec, value: str) -> ExogSpec:
    found = _DELAY.fullmatch(value)
    if found is None or int(found[1]) > _MOST:
        raise ConfigError(
            f"The input {spec.name} has the delay {value!r}.",
            "Give bars as delay=2, days as delay=30d, hours as delay=12h.",
        )
    return replace(spec, delay=int(found[1]), unit=_UNITS[found[2]])


def _window(spec: ExogSpec, value: str) -> int:
    if not value.isdecimal() or not _LEAST_WINDOW <= int(value) <= _MOST:
        raise ConfigError(
            f"The input {spec.name} has a z-score over {value!r}.",
            f"Give {_LEAST_WINDOW} to {_MOST:,} observations: zscore=60.",
        )
    return replace(spec, window=int(value)).window


def all_specs(hist: str, futr: str, stat: str) -> Iterator[ExogSpec]:
    """Yield the inputs that the three settings name, those of the past first.

    Raises
    ------
    ConfigError
        As of :func:`parse_exog`, or an input that is both past and known ahead.
    """
    seen: set[str] = set()
    texts: tuple[tuple[str, Kind], ...] = ((hist, "hist"), (futr, "futr"), (stat, "stat"))
    for text, kind in texts:
        for spec in parse_exog(text, kind):
            if spec.name in seen:
                raise ConfigError(
                    f"The input {spec.name} is named as two kinds.",
                    "An input is past, known ahead or static.",
                )
            seen.add(spec.name)
            yield spec
