"""Sources named on the command line become a panel; what could not be loaded is told and
remembered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from app.cli.flags import given, pairs, run_config, suit_config
from app.cli.journal import reconcile
from app.cli.progress import finish
from app.cli.terminal import say
from forecasting.config import InputConfig, RunConfig
from forecasting.exog import quoted
from forecasting.sources.options import ReadOptions, TickerOptions

if TYPE_CHECKING:
    from app.cli.arguments import SourceArguments
    from forecasting.events import Event
    from forecasting.series import Panel


@dataclass(frozen=True)
class Loaded:
    """What was loaded.

    Attributes
    ----------
    panel : Panel
    refused : tuple of mapping
        Sources that were not loaded and series that are too short: ``{source, message}`` each.
    left_out : dict of str to str
        Why a series is too short, by symbol.
    """

    panel: Panel
    refused: tuple[Mapping[str, str], ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


def load(
    sources: Sequence[str],
    settings: Mapping[str, Any],
    refresh: bool | None,
    lookback: int = 0,
    inputs: InputConfig | None = None,
) -> Loaded:
    """Load the panel that the command line names, and tell the journal what its prices say.

    Parameters
    ----------
    sources : sequence of str
    settings : mapping
        Flags; those of :class:`ReadOptions` and :class:`TickerOptions` are looked at.
    refresh : bool or None
        Bring tickers up to date, or work offline; by their age where it is None.
    lookback : int
        Series of a panel with fewer bars are left out and told of: there is nothing to forecast
        them from.
    inputs : InputConfig, optional
        Columns that it names are kept as inputs.

    Raises
    ------
    CandlecastError
        As of ``jobs.load``.
    """
    from forecasting import jobs
    from forecasting.events import NotLoaded, SeriesLoaded

    options = read_options(settings, inputs)
    ticker = TickerOptions(**given(settings, TickerOptions))
    mode: Literal["auto", "always", "never"] = (
        "auto" if refresh is None else "always" if refresh else "never"
    )
    refused: list[Mapping[str, str]] = []

    def noting(job: Iterator[Event]) -> Iterator[Event]:
        for event in job:
            if isinstance(event, NotLoaded):
                refused.append({"source": sources[event.place], "message": event.message})
            yield event

    indices = [
        str(Path(name).resolve()) if Path(name).is_file() else name for name in sources
    ]  # journal and runs find them from anywhere
    job = noting(jobs.load(indices, options, refresh=mode, ticker=ticker))
    panel = finish(job, SeriesLoaded).panel
    reconcile(panel)
    return short_series_dropped(Loaded(panel, tuple(refused), {}), lookback)


def prepared(
    source: SourceArguments, settings: Mapping[str, Any], experiment: RunConfig | None = None
) -> tuple[RunConfig, Loaded]:
    """Load what a command is about; return the settings that suit the series, and those series
    that are long enough for them.

    Parameters
    ----------
    source : SourceArguments
    settings : mapping
        Flags.
    experiment : RunConfig, optional
        The settings of the flags, where they were read already.

    Raises
    ------
    CandlecastError
        Settings that contradict each other, sources that cannot be read, or findings in the data
        that were not accepted.
    """
    if experiment is None:
        experiment = run_config(source.config, settings)
    loaded = load(source.sources, settings, source.refresh, inputs=experiment.inputs)
    experiment = suit_config(experiment, loaded.panel, source.config, settings)
    loaded = short_series_dropped(loaded, experiment.task.input_size)
    accept(loaded.panel, source.accept_findings)
    return experiment, loaded


def short_series_dropped(loaded: Loaded, lookback: int) -> Loaded:
    """Return what was loaded without the series that have fewer bars than the lookback, and say
    which.
    """
    from forecasting.checks import drop_short_series

    panel, left_out = drop_short_series(loaded.panel, lookback)
    for message in left_out.values():
        say(f"Note: {message}")
    refused = [{"source": symbol, "message": message} for symbol, message in left_out.items()]
    return Loaded(panel, (*loaded.refused, *refused), {**loaded.left_out, **left_out})


def accept(panel: Panel, accepted: bool) -> None:
    """Refuse data with findings of severity *error*, unless they are accepted.

    Raises
    ------
    DataError
        Names the first.
    """
    from forecasting.checks import check_findings

    if not accepted:
        check_findings(
            panel,
            "Look at the data with candlecast inspect. --accept-findings goes on with it as it is.",
        )


def read_options(settings: Mapping[str, Any], inputs: InputConfig | None = None) -> ReadOptions:
    """Return how files are to be read, from the flags; columns that are named as inputs are no
    prices.
    """
    options = given(settings, ReadOptions)
    if "columns" in options:
        options["columns"] = pairs(options["columns"])
    specs = inputs.exog if inputs is not None else ()
    if specs and "exog" not in options:
        names = [name for spec in specs for name in (spec.name, spec.released) if name]
        options["exog"] = ",".join(map(quoted, names))
    return ReadOptions(**options)
