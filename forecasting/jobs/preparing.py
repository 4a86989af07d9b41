"""What every job on a panel does first: leave out what is too short, refuse what cannot be
judged, tell of the rest.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping

from forecasting.checks import (
    check_distances,
    check_sizes,
    drop_short_series,
    ended,
    some_names,
    weekend_note,
)
from forecasting.config import RunConfig
from forecasting.events import Event, LeftOut, Notice
from forecasting.jobs.exog import with_inputs
from forecasting.jobs.input_notes import input_notes
from forecasting.jobs.targets import with_target
from forecasting.series import Panel


def prepared(
    panel: Panel, config: RunConfig
) -> Generator[Event, None, tuple[Panel, dict[str, str]]]:
    """Check a panel and a configuration before any work.

    Parameters
    ----------
    panel : Panel
    config : RunConfig

    Yields
    ------
    LeftOut, Notice

    Returns
    -------
    panel : Panel
        Without the series that are shorter than the lookback.
    left_out : dict of str to str
        Why, by symbol.

    Raises
    ------
    DataError
        Bars of different distances.
    ConfigError
        A validation or test part that is shorter than the horizon.
    """
    check_sizes(config.task)
    loaded = panel
    panel = with_target(panel, config.task.target_column, config.inputs)
    panel = with_inputs(panel, config.inputs, loaded)
    yield from (Notice(note) for note in input_notes(panel, config.inputs))
    panel, short = drop_short_series(panel, config.task.input_size)
    yield from told(short, "Load more of its history, or choose a shorter lookback.")
    check_distances(panel)
    note = weekend_note(panel)
    if note:
        yield Notice(note)
    return panel, short


def told_ended(panel: Panel, hint: str = "") -> Generator[Event, None, dict[str, str]]:
    """Tell which series ended long before the others and are not forecast; return why, by
    symbol.
    """
    gone = ended(panel)
    yield from told(gone, hint)
    return gone


def told(left_out: Mapping[str, str], hint: str) -> Generator[Event]:
    """Yield one event for a few series that are left out, or one for all of many."""
    if not left_out:
        return
    first = next(iter(left_out.values()))
    names = some_names(list(left_out))
    message = (
        first if len(left_out) == 1 else f"{len(left_out):,} series are left out ({names}). {first}"
    )
    yield LeftOut(message, hint, dict(left_out))
