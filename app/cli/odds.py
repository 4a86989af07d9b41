"""Odds of levels and of portfolios in a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from app.cli.arguments import BaseRate, SourceArguments
from app.cli.flags import flagged, input_files
from app.cli.odds_output import show_odds, show_portfolio, write_report
from app.cli.path_origin import PathOrigin, PathOutput, followed, loaded_for, path_plan
from app.cli.progress import Stopper
from forecasting.checks import living
from forecasting.config import GROUPS
from forecasting.errors import ConfigError
from forecasting.sources.options import ReadOptions, TickerOptions

if TYPE_CHECKING:
    from forecasting.paths import LevelOdds, PathsMade
    from forecasting.series import Panel

#: Most bars that a date may lie ahead.
_MOST_BARS = 1000


@flagged(*GROUPS.values(), ReadOptions, TickerOptions)
def odds(
    source: SourceArguments,
    origin: PathOrigin,
    output: PathOutput,
    level: Annotated[
        list[str],
        typer.Option(
            metavar="PRICE",
            help="A price, or a change from the last one such as +5% or -5%. Repeatable.",
        ),
    ],
    by: Annotated[
        str,
        typer.Option(
            metavar="DATE", help="Last day that counts, as 2026-12-12; instead of --horizon."
        ),
    ] = "",
    backtest: Annotated[
        bool,
        typer.Option(
            "--backtest",
            help="Judge such odds from past cutoffs too, beside the plain share of the past.",
        ),
    ] = False,
    **settings: Any,
) -> int:
    """Say how likely a series closes above or below a level, and how likely some close touches
    it, by each of the next bars.
    """
    from forecasting import jobs
    from forecasting.paths import PathsMade

    origin.check(source.config, settings)
    _check_by(by, settings)
    levels = [_read_level(text) for text in level]
    output.check([*source.sources, *input_files(settings)])
    experiment, loaded = loaded_for(origin, source, settings)
    _check_levels(level, levels, loaded.panel)
    if by:
        experiment = experiment.changed(
            horizon=_bars_until(loaded.panel, by, experiment.task.horizon, origin)
        )
    with Stopper().listening() as stopper:
        plan = path_plan(origin, loaded.panel, experiment)
        judged = partial(_levels_at, levels) if backtest else None
        job = jobs.simulate(loaded.panel, experiment, plan, stopper, judged=judged)
        made, finished = followed(stopper, job, PathsMade)
        made = _within(made, experiment.task.horizon if by or settings.get("horizon") else 0)
        found = [
            _odds_of(made, series, item)
            for series in range(len(made.paths.symbols))
            for item in levels
        ]
        output.deliver(
            made.paths,
            lambda path: write_report(path, made, found),
            finished,
            settings,
            lambda: show_odds(found, made, output.as_json),
        )
    return stopper.exit_status


@dataclass(frozen=True, kw_only=True)
class _PortfolioOrigin(PathOrigin):
    """Of several series together, whose paths cost more."""

    paths: Annotated[int, typer.Option(metavar="N", help="Paths to draw.")] = 1000


@dataclass(frozen=True, kw_only=True)
class PortfolioArguments:
    """What is held, and what is said of it."""

    weights: Annotated[
        str,
        typer.Option(
            metavar="W,W,...",
            help="Shares in the order of the series, or SYMBOL=SHARE parts; default: equal ones.",
        ),
    ] = ""
    holdings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Holdings as CSV: symbol and value, or symbol and quantity; instead of --weights.",
        ),
    ] = None
    ranks: Annotated[
        int,
        typer.Option(
            metavar="R",
            min=0,
            help="Also the chance of each series to land in each of R groups by growth: 5 for "
            "quintiles.",
        ),
    ] = 0
    backtest: Annotated[
        bool,
        typer.Option("--backtest", help="Judge such forecasts from the last 15 % of the dates."),
    ] = False
    base_rate: BaseRate = False

    def held(self, panel: Panel) -> str | Mapping[str, float]:
        """Return the weights as they were typed, or the shares that a file of holdings says."""
        return self.weights if self.holdings is None else _read_holdings(self.holdings, panel)


@flagged(*GROUPS.values(), ReadOptions, TickerOptions)
def portfolio(
    source: SourceArguments,
    origin: _PortfolioOrigin,
    output: PathOutput,
    chosen: PortfolioArguments,
    **settings: Any,
) -> int:
    """Say what several series held together may be worth: distribution, value at risk, expected
    shortfall, contributions.
    """
    from forecasting import jobs
    from forecasting.paths import PortfolioMade

    origin.check(source.config, settings)
    if chosen.weights and chosen.holdings:
        raise ConfigError(
            "--weights does not go with --holdings: both say what is held.", "Leave one out."
        )
    output.check([*source.sources, *input_files(settings)])
    experiment, loaded = loaded_for(origin, source, settings)
    held = chosen.held(loaded.panel)
    with Stopper().listening() as stopper:
        plan = path_plan(origin, loaded.panel, experiment)
        job = jobs.portfolio(
            loaded.panel,
            experiment,
            plan,
            held,
            stopper,
            ranks=chosen.ranks,
            backtest=chosen.backtest,
        )
        made, finished = followed(stopper, job, PortfolioMade)
        output.deliver(
            made.paths,
            lambda path: write_report(path, made),
            finished,
            settings,
            lambda: show_portfolio(made, output.as_json, chosen.base_rate),
        )
    return stopper.exit_status


def _check_by(by: str, settings: Mapping[str, Any]) -> None:
    if by and settings.get("horizon"):
        raise ConfigError(
            "--by does not go with --horizon: each says how far to look.",
            "Leave one of the two out.",
        )
    if by:
        _read_date(by)


def _read_date(text: str) -> np.datetime64:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?)?", text):
        raise ConfigError(f"--by {text} is no date.", "Write it as 2026-12-12.")
    try:
        found = np.datetime64(text.replace(" ", "T"))
    except ValueError as error:
        raise ConfigError(f"--by {text} is no date.", "Write it as 2026-12-12.") from error
    return found if len(text) > 10 else found + np.timedelta64(1, "D") - np.timedelta64(1, "s")


def _bars_until(panel: Panel, text: str, horizon: int, origin: PathOrigin) -> int:
    """Return how many bars of the first series come until a date.

    Raises
    ------
    ConfigError
        A date that is over, too far away, or beyond the horizon of a model that is not trained now.
    """
    from forecasting.calendars import future_sessions

    series, date = living(panel)[0], _read_date(text)
    ahead = future_sessions(series, _MOST_BARS)
    bars = int(np.searchsorted(ahead, date, side="right"))
    last = str(series.ds[-1])[:10]
    if bars == 0:
        raise ConfigError(
            f"No bar of {series.symbol} comes after {last} and by {text}.", "Choose a later date."
        )
    if bars == _MOST_BARS:
        raise ConfigError(
            f"{text} is {_MOST_BARS:,} bars of {series.symbol} away or more.",
            "Choose an earlier date.",
        )
    if (origin.model_file or origin.run) and bars > horizon:
        raise ConfigError(
            f"{text} is {bars} bars away; this model forecasts {horizon}.",
            "Choose an earlier date, or forecast anew.",
        )
    return bars


def _within(made: PathsMade, horizon: int) -> PathsMade:
    """Return the paths up to a horizon that was asked for; 0 for all of them."""
    from dataclasses import replace

    if horizon > made.paths.horizon:
        raise ConfigError(
            f"{horizon} bars are asked for; this model forecasts {made.paths.horizon} bars.",
            "Lower --horizon.",
        )
    return replace(made, paths=made.paths.until(horizon)) if horizon else made


def _read_level(text: str) -> Callable[[float], float]:
    """Return what makes a level of the last price: a price as it is, or a change in percent."""
    number = text.strip().replace("_", "")
    try:
        value = float(number.removesuffix("%"))
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise ConfigError(
            f"--level {text} is no price.", "For example 105, or +5% of the last price."
        )
    if number.endswith("%"):
        return lambda last: last * (1 + value / 100)
    return lambda last: value


def _check_levels(
    texts: Sequence[str], levels: Sequence[Callable[[float], float]], panel: Panel
) -> None:
    """Refuse a level below zero for a series that never was, and a change in percent of a value
    that is not above zero.

    Raises
    ------
    ConfigError
        It names the level and the first such series.
    """
    for series in living(panel):
        last = float(series.y[-1])
        for text, level in zip(texts, levels, strict=True):
            if text.strip().endswith("%") and last <= 0:
                raise ConfigError(
                    f"--level {text}: {series.symbol} is {last:g} at its last bar, of which no "
                    "share is taken.",
                    f"Give a value, for example --level {last - abs(last) / 10:g}.",
                )
            if level(last) <= 0 < float(series.y.min()):
                raise ConfigError(
                    f"--level {text} is {level(last):g}, and {series.symbol} has never been at or "
                    "below zero: its paths cannot fall that far.",
                    f"Give a level above zero; the last value is {last:g}.",
                )


def _read_holdings(path: Path, panel: Panel) -> dict[str, float]:
    """Read holdings and return the share of each series in their value.

    Raises
    ------
    DataError
        A file without the columns, or with a symbol that is not loaded.
    """
    from forecasting.paths.holdings import read_holdings

    return read_holdings(path, panel)


def _levels_at(levels: Sequence[Callable[[float], float]], y0: float) -> list[float]:
    """Return the levels as prices, where the last value is ``y0``."""
    return [level(y0) for level in levels]


def _odds_of(made: PathsMade, series: int, level: Callable[[float], float]) -> LevelOdds:
    from forecasting.paths import level_odds

    return level_odds(made.paths, series, level(float(made.paths.y0[series])))
