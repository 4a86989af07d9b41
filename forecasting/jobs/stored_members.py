"""Forecasts that a combination takes as they are: of a run that was kept, or of a file of another
program.
"""

from __future__ import annotations

from pathlib import Path

from forecasting.baselines.stored import StoredForecasts
from forecasting.errors import CandlecastError, ConfigError
from forecasting.series import Panel
from forecasting.store import RunStore

#: What a member begins with that is a kept run.
RUN = "run:"
#: Suffixes of files that hold forecasts rather than a network.
_TABLES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".xlsx", ".parquet", ".feather")


def is_stored(member: str | Path) -> bool:
    """Tell whether a member of a combination is a kept run or a file of forecasts."""
    text = str(member)
    return text.startswith(RUN) or (Path(text).suffix.lower() in _TABLES and Path(text).is_file())


def stored_forecasts(panel: Panel, member: str | Path) -> list[StoredForecasts]:
    """Return what a member has forecast: one model of a kept run, every model of a file.

    Raises
    ------
    CandlecastError
        No such run, a run without forecasts, a file that cannot be read as it is, or points alone.
    """
    text = str(member)
    found = _of_run(text.removeprefix(RUN)) if text.startswith(RUN) else _of_file(panel, Path(text))
    for item in found:
        if len(item.outcomes.quantiles) < 2:
            raise ConfigError(
                f"{item.name} of {text} forecasts points without bands: they have no quantiles to "
                "be combined.",
                "Leave it out, or give its forecasts bands.",
            )
    return found


def _of_run(key: str) -> list[StoredForecasts]:
    with RunStore() as store:
        run, curves = store.find(key)
        stored = store.outcomes(run.key)
    if not stored.outcomes:
        raise ConfigError(f"The run {run.key} has no forecasts to combine. {stored.lacking}")
    name, outcomes = next(iter(stored.outcomes.items()))
    return [StoredForecasts(f"{name} of {run.key}", outcomes, tuple(curves.forecasts))]


def _of_file(panel: Panel, path: Path) -> list[StoredForecasts]:
    from forecasting.imported_forecasts import ForecastOptions, read_forecasts
    from forecasting.imported_forecasts.alignment import align
    from forecasting.imported_forecasts.judgement import without_baselines
    from forecasting.imported_forecasts.reader import renamed
    from forecasting.imported_forecasts.timeline import timeline_of

    try:
        imported = renamed(
            without_baselines(read_forecasts(path, ForecastOptions())), panel.symbols
        )
        _, aligned, _ = align(imported, timeline_of(imported, panel))
    except CandlecastError as error:
        raise ConfigError(
            f"{path.name} cannot be combined as it is. {error.message}",
            f"{error.hint} Settle that with candlecast judge, write the rows with --export "
            "rows.csv, and combine those.".strip(),
        ) from error
    return [StoredForecasts(name, item.outcomes, item.awaited) for name, item in aligned.items()]
