"""Every setting of the engine is a flag of the command line, made from the one declaration in
``config``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, TypeVar, get_type_hints

import typer
from pydantic.fields import FieldInfo

from app.cli.terminal import say
from forecasting.config import (
    GROUPS,
    BacktestConfig,
    RunConfig,
    Settings,
    TaskConfig,
    choices,
    registry_of,
)
from forecasting.errors import ConfigError
from forecasting.exog import join_sources, parse_sources
from forecasting.series import Panel

ResultT = TypeVar("ResultT")

#: Headings of the groups of settings in ``--help``.
HEADINGS = {
    "TaskConfig": "Task",
    "InputConfig": "Inputs",
    "ModelConfig": "Network",
    "TrainConfig": "Training",
    "BacktestConfig": "Walk-forward",
    "TickerOptions": "Tickers",
    "ForecastOptions": "Reading the forecasts",
    "RuleOptions": "Trading rules of --rules",
    "ExportOptions": "Pictures of --export",
}
#: What a setting is called in the window, where people may look for that in the flags.
_ALSO = {"input_size": ["--lookback"]}
#: Settings that are lists, with the flag that adds one to them; it may be given several times.
_LISTS = {
    "hist_exog": "--input",
    "futr_exog": "--ahead",
    "stat_exog": "--static",
    "exog_sources": "--inputs",
}
#: Settings of few values whose flag takes names of columns, too, and the setting that these are of.
_OPEN = {"target": "target_column"}
_MOST_QUANTILES = 999


def flagged(*groups: type[Settings]) -> Callable[[Callable[..., ResultT]], Callable[..., ResultT]]:
    """Give a command one flag for each field of some settings; they arrive in its ``**settings``,
    None where not given.

    A parameter of the command that is a dataclass stands for its fields: each is an argument or
    option by its own annotation, and they arrive as one object.

    Parameters
    ----------
    *groups : type of Settings
        Classes whose fields become flags: ``hidden_size`` becomes ``--hidden-size``; title,
        description, unit, limits and default are shown by ``--help``.
    """

    def wrap(command: Callable[..., ResultT]) -> Callable[..., ResultT]:
        own = inspect.signature(command, eval_str=True)
        kept = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
        classes: dict[str, Any] = {p.name: p.annotation for p in kept if is_dataclass(p.annotation)}
        made = [_flag(name, info, cls) for cls in groups for name, info in cls.model_fields.items()]

        @functools.wraps(command)
        def call(**values: Any) -> ResultT:
            for name, cls in classes.items():
                values[name] = cls(**{item.name: values.pop(item.name) for item in fields(cls)})
            return command(**values)

        parameters = [part for p in kept for part in _expanded(p)]
        call.__signature__ = own.replace(parameters=[*parameters, *made])  # type: ignore[attr-defined]
        return call

    return wrap


def _expanded(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    """Yield a parameter of a command, or those that the fields of a dataclass are."""
    cls, kind = parameter.annotation, inspect.Parameter.KEYWORD_ONLY
    if not is_dataclass(cls):
        yield parameter.replace(kind=kind)
        return
    hints = get_type_hints(cls, include_extras=True)
    for item in fields(cls):
        default = inspect.Parameter.empty if item.default is MISSING else item.default
        yield inspect.Parameter(item.name, kind, default=default, annotation=hints[item.name])


def _flag(name: str, info: FieldInfo, cls: type[Settings]) -> inspect.Parameter:
    """Return the parameter for one field; its default is None, so that a flag given is told from
    one left out.
    """
    limits = {
        key: getattr(limit, key)
        for limit in info.metadata
        for key in ("ge", "le")
        if hasattr(limit, key)
    }
    dashed = name.replace("_", "-")
    names = () if name in _OPEN else choices(info)
    plain = info.annotation in (int, float, bool, str) or bool(names)
    kind: Any = Literal[names] if names else info.annotation if plain else str
    if name in _LISTS:
        return _list_flag(name, info, dashed)
    option = typer.Option(
        f"--{dashed}/--no-{dashed}" if kind is bool else f"--{dashed}",
        *_ALSO.get(name, []),
        help=" ".join(filter(None, (info.description, _helps(info), _default(info)))),
        show_default=False,
        min=limits.get("ge"),
        max=limits.get("le"),
        metavar={int: "N", float: "X", str: "TEXT"}.get(kind) if plain else "NAME=VALUE,...",
        rich_help_panel=HEADINGS.get(cls.__name__, "Reading files"),
    )
    annotation = Annotated[Optional[kind], option]  # noqa: UP045 - a type that is only known now
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )


def _helps(info: FieldInfo) -> str:
    """Return what is to be known of each value, where a registry says so."""
    return " ".join(f"{spec.title} {spec.help}" for spec in registry_of(info).values())


def _list_flag(name: str, info: FieldInfo, dashed: str) -> inspect.Parameter:
    """Return the parameter for a list of inputs: each use of the flag adds to it."""
    option = typer.Option(
        _LISTS[name],
        f"--{dashed}",
        help=f"{info.description} Repeatable.",
        show_default=False,
        metavar="SOURCE" if name == "exog_sources" else "NAME",
        rich_help_panel="Inputs",
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[list[str] | None, option],
    )


def _default(info: FieldInfo) -> str:
    """Say the default in words, where there is one worth saying."""
    if isinstance(info.default, bool):
        return f"Default: {'on' if info.default else 'off'}."
    return "" if info.default in ("", {}) else f"Default: {info.default}."


def given(settings: Mapping[str, Any], *groups: type[Settings]) -> dict[str, Any]:
    """Return the settings that were given on the command line and that one of the groups has."""
    found = {
        name: value
        for name, value in settings.items()
        if value is not None and any(name in cls.model_fields for cls in groups)
    }
    for name, other in _OPEN.items():
        if name in found and found[name] not in choices(TaskConfig.model_fields[name]):
            found[other] = found.pop(name)
    return {
        name: _joined(name, value) if isinstance(value, list) else value
        for name, value in found.items()
        if value != []
    }


def _joined(name: str, values: list[str]) -> str:
    """Return the setting that several uses of a flag make; a file is named by its whole path, so
    that it is found from anywhere.
    """
    return joined_sources(values) if name == "exog_sources" else ",".join(values)


def joined_sources(values: Sequence[str]) -> str:
    """Return the setting ``exog_sources`` that several uses of ``--inputs`` make."""
    found = [
        reference
        for value in values
        for reference in ([value] if Path(value).is_file() else parse_sources(value))
    ]
    return join_sources(
        str(Path(item).resolve()) if Path(item).is_file() else item for item in found
    )


def input_files(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the files, tickers and samples that ``--inputs`` names."""
    return parse_sources(joined_sources(settings.get("exog_sources") or []))


def run_config(path: Path | None, settings: Mapping[str, Any]) -> RunConfig:
    """Return the experiment that a file and the flags describe; flags override the file.

    Raises
    ------
    ConfigError
        A file that cannot be read, or a value outside its limits.
    """
    config = RunConfig.from_file(path) if path else RunConfig()
    flags = given(settings, *GROUPS.values())
    config = config.changed(**flags)
    for note in _without_effect(config, flags):
        say(f"Note: {note}")
    return config


def suit_config(
    config: RunConfig, panel: Panel, path: Path | None, settings: Mapping[str, Any]
) -> RunConfig:
    """Return the experiment with the defaults that suit the loaded series, and say which; a
    file's settings and flags stay.
    """
    from forecasting.jobs import suited

    if path is not None:
        return config
    config, text = suited(panel, config, given(settings, *GROUPS.values()))
    if text:
        say(f"Note: {text}")
    return config


def _without_effect(config: RunConfig, flags: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each flag that was given and changes nothing, because of the value of
    another setting.
    """
    values = {name: value for group in GROUPS for name, value in getattr(config, group)}
    for group in GROUPS.values():
        for name in flags.keys() & group.model_fields.keys():
            if idle := group.no_effect(name, values):
                other, value = idle
                yield (
                    f"--{name.replace('_', '-')} has no effect with --{other.replace('_', '-')} "
                    f"{value}."
                )


def backtest_plan(settings: Mapping[str, Any]) -> BacktestConfig:
    """Return how the walk-forward test moves, from the flags."""
    return BacktestConfig(**given(settings, BacktestConfig))


def pairs(text: str) -> dict[str, str | int]:
    """Read ``date=Datum,close=4`` as roles of columns: to a header's name, or to an index where it
    is a number.

    Raises
    ------
    ConfigError
        A part without a name on both sides of the equals sign.
    """
    found: dict[str, str | int] = {}
    for part in text.split(","):
        role, _, column = (word.strip() for word in part.partition("="))
        if not role or not column:
            raise ConfigError(
                f"--columns: '{part.strip()}' is not of the form ROLE=COLUMN.",
                "For example: --columns date=Datum,close=4",
            )
        found[role] = int(column) if column.isdecimal() and len(column) < 10 else column
    return found


def quantile_levels(text: str) -> tuple[float, ...]:
    """Read quantile levels, as a list ``0.1,0.5,0.9`` or as a range with its step
    ``0.01:0.99:0.01``.

    Returns
    -------
    tuple of float
        Increasing, each above 0 and below 1.

    Raises
    ------
    ConfigError
        Anything else, or more than 999 levels.
    """
    form = "Write them as 0.1,0.5,0.9 or as first:last:step, such as 0.01:0.99:0.01."
    try:
        levels = _range(text) if ":" in text else [Decimal(word) for word in text.split(",")]
    except (InvalidOperation, ValueError) as error:
        raise ConfigError(f"--quantiles {text} cannot be read.", form) from error
    bad = next((level for level in levels if not (level.is_finite() and 0 < level < 1)), None)
    if bad is not None:
        raise ConfigError(f"--quantiles: {bad} is not between 0 and 1.", form)
    if not 0 < len(set(levels)) <= _MOST_QUANTILES:
        raise ConfigError(
            f"--quantiles {text} names {len(set(levels)):,} levels; 1 to {_MOST_QUANTILES} are "
            "possible.",
            form,
        )
    return tuple(float(level) for level in sorted(set(levels)))


def _range(text: str) -> list[Decimal]:
    """Return first, first + step, ... up to last; in decimals, so that 0.01 steps stay what they
    say.
    """
    first, last, step = (Decimal(word) for word in text.split(":"))
    if not step > 0 or not (0 < first < 1 and first <= last < 1):
        raise ValueError(text)
    count = int((last - first) / step) + 1
    return [first + index * step for index in range(min(count, _MOST_QUANTILES + 1))]
