"""Check a model for data leaks: change later bars and see whether earlier forecasts move; train on
noise and see whether it seems to pay.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from forecasting.audit_inputs import leaks, stamped, wild
from forecasting.backtest import fit_baselines, outcomes_of
from forecasting.baselines import model_title
from forecasting.config import QUANTILES, RunConfig
from forecasting.events import Check, Event, Predictor, Progress
from forecasting.generators import run_to_end
from forecasting.series import ExogColumn, Origins, Panel, PriceSeries
from forecasting.training import Fitted, StopAsked, fit
from forecasting.verdict import judge
from forecasting.windows import Scaling, Windows, bars_before, split_panel

#: Epochs of an audit's trainings: a leak shows in the first.
_EPOCHS = 3
#: Largest skill on simulated random walks that is still noise, beside a verdict that calls it a
#: tie.
_NOISE = 0.02
#: Relative change below which a number is the same: processors round sums of 32 bits in different
#: orders.
_ROUNDING = 1e-6


def audit(
    panel: Panel, config: RunConfig, baselines: tuple[str, ...], should_stop: StopAsked
) -> Generator[Event, None, list[Check]]:
    """Check a panel and a configuration for look-ahead.

    Parameters
    ----------
    panel : Panel
    config : RunConfig
        Trained for a few epochs at most.
    baselines : tuple of str
        Names in ``BASELINES`` that are checked too.
    should_stop : callable
        Polled between checks.

    Yields
    ------
    Progress

    Returns
    -------
    list of Check
        One for inputs, for each of the user's inputs and its dates, for the forecast of a freshly
        trained network, for each baseline, and for the skill on simulated random walks.
    """
    quick = config.changed(epochs=min(config.train.epochs, _EPOCHS), patience=_EPOCHS)
    date = split_panel(panel, quick.task).test_start - np.timedelta64(1, "us")
    steps: list[tuple[str, Callable[[], tuple[bool, str]]]] = [
        ("Inputs at past bars", lambda: _inputs(panel, quick, date)),
        ("Forecast of a fresh network", lambda: _network(panel, quick, date)),
        *_of_inputs(panel, quick, date),
        *(
            (f"Forecast of {model_title(name)}", partial(_baseline, panel, quick, date, name))
            for name in baselines
        ),
        ("Skill on simulated random walks", lambda: _noise(panel, quick)),
    ]
    checks: list[Check] = []
    for number, (name, step) in enumerate(steps):
        if should_stop():
            break
        yield Progress(number, len(steps), f"Audit: {name.lower()}")
        checks.append(Check(name, *step()))
    return checks


def _of_inputs(
    panel: Panel, config: RunConfig, date: np.datetime64
) -> Iterator[tuple[str, Callable[[], tuple[bool, str]]]]:
    """Yield the checks of the user's inputs: that none is read before it was known, and that
    none is stamped too early.
    """
    for index, spec in enumerate(config.inputs.exog):
        yield f"Input {spec.name}", partial(leaks, panel, config, date, index)
        if spec.kind == "hist":
            yield f"Dates of input {spec.name}", partial(stamped, panel, spec, index)


def with_other_future(panel: Panel, date: np.datetime64) -> Panel:
    """Return the panel with every bar after a date replaced by a wild but well-formed other one."""
    draw = np.random.default_rng(0)
    return Panel(
        tuple(_other_future(s, int(np.searchsorted(s.ds, date, "right")), draw) for s in panel)
    )


def _other_future(series: PriceSeries, known: int, draw: np.random.Generator) -> PriceSeries:
    values = np.array(series.values)
    ahead = len(series) - known
    if known and ahead:
        size = np.exp(np.cumsum(draw.normal(0.0, 0.2, ahead)))[:, None]
        lift = 0.0 if (series.y > 0).all() else series.y[:known].std()
        values[known:] = np.nan_to_num(values[known - 1]) * size + lift
    exog = tuple(
        _other_values(column, series.ds[known - 1], draw) if known else column
        for column in series.exog
    )
    return replace(series, values=values, exog=exog)


def _other_values(column: ExogColumn, date: np.datetime64, draw: np.random.Generator) -> ExogColumn:
    """Return an input with other values after a date; one that is known ahead stays as it is."""
    return (
        column
        if column.known is None
        else replace(column, values=wild(column, column.known > date, draw))
    )


def _told(
    before: npt.NDArray[np.generic], after: npt.NDArray[np.generic], what: str, least: float = 0.0
) -> tuple[bool, str]:
    """Compare numbers up to rounding: relative, or below ``least`` where a number may be about
    0.
    """
    changed = float(np.mean(~np.isclose(before, after, rtol=_ROUNDING, atol=least, equal_nan=True)))
    if not changed:
        return True, f"{what} did not change when every later bar was replaced."
    return (
        False,
        f"{what} changed ({changed:.0%} of its numbers) when only later bars were replaced: "
        "the future leaks into the past.",
    )


def _inputs(panel: Panel, config: RunConfig, date: np.datetime64) -> tuple[bool, str]:
    """Compare all inputs and volatilities up to the date, with scaling fitted on either version
    of the panel.
    """
    found = []
    for version in (panel, with_other_future(panel, date)):
        known = bars_before(version, date + np.timedelta64(1, "us"))
        scaling = Scaling.fit(version, known, config.task, config.inputs)
        windows = Windows(version, scaling, config.task, torch.device("cpu"))
        rows = np.concatenate(
            [start + np.arange(n) for start, n in zip(windows.starts, known, strict=False)]
        )
        origins = Origins(
            np.repeat(np.arange(len(panel)), known), np.concatenate([np.arange(n) for n in known])
        )
        found.append(
            np.concatenate(
                [windows.table.numpy()[rows], windows.scale(windows.rows(origins)).numpy()], axis=1
            )
        )
    return _told(found[0], found[1], f"{found[0].size:,} inputs and volatilities", _ROUNDING)


def _last_known(panel: Panel, date: np.datetime64, needed: int) -> Origins:
    known = bars_before(panel, date + np.timedelta64(1, "us"))
    usable = [(index, n - 1) for index, n in enumerate(known) if n >= needed]
    return Origins(np.array([p for p, _ in usable]), np.array([b for _, b in usable]))


def _network(panel: Panel, config: RunConfig, date: np.datetime64) -> tuple[bool, str]:
    origins = _last_known(panel, date, config.task.input_size)
    found = []
    for version in (panel, with_other_future(panel, date)):
        split = split_panel(version, config.task, test_start=date + np.timedelta64(1, "us"))
        fitted = _finish(fit(version, split, config, lambda: False))
        found.append(fitted.predict(version, origins, QUANTILES))
    return _told(
        found[0],
        found[1],
        f"The forecast of {len(origins):,} series by weights trained up to "
        f"{date.astype('datetime64[D]')}",
    )


def _baseline(panel: Panel, config: RunConfig, date: np.datetime64, name: str) -> tuple[bool, str]:
    origins = _last_known(panel, date, config.task.input_size)
    found = []
    for version in (panel, with_other_future(panel, date)):
        known = bars_before(version, date + np.timedelta64(1, "us"))
        [predictor] = fit_baselines(version, known, config.task.horizon, [name])
        found.append(predictor.predict(version, origins, QUANTILES))
    return _told(found[0], found[1], f"The forecast of {len(origins):,} series")


def _noise(panel: Panel, config: RunConfig) -> tuple[bool, str]:
    """Train on random walks of the panel's length and volatility, where nobody can have skill."""
    bars = min(max(len(s) for s in panel), 3000)
    config = config.changed(hist_exog="", futr_exog="", stat_exog="", exog_sources="")
    walks = Panel(tuple(simulated_walk(bars, seed) for seed in range(max(3, min(len(panel), 10)))))
    split = split_panel(walks, config.task)
    network = _finish(fit(walks, split, config, lambda: False))
    [walk] = fit_baselines(
        walks, bars_before(walks, split.test_start), config.task.horizon, ["random-walk"]
    )
    outcomes = {
        p.name: outcomes_of(p, walks, split.test, config.task.horizon, QUANTILES)
        for p in (network, walk)
    }
    verdict = judge(outcomes, network.name)
    passed = verdict.outcome == "ties" or abs(verdict.skill) < _NOISE
    return (
        passed,
        f"Skill {verdict.skill:+.2%} on {len(walks)} simulated random walks of {bars:,} bars, "
        "where none can be had.",
    )


def simulated_walk(bars: int, seed: int, sd: float = 0.01) -> PriceSeries:
    """Return a geometric random walk of constant volatility with open, high and low, as weekday
    bars.
    """
    draw = np.random.default_rng(seed)
    within = np.cumsum(draw.normal(0.0, sd / np.sqrt(32), (bars, 32)), axis=1)
    start = np.concatenate([[0.0], np.cumsum(within[:-1, -1])])
    prices = 100 * np.exp(start[:, None] + within)
    opened = 100 * np.exp(start)
    table = [
        opened,
        np.maximum(prices.max(1), opened),
        np.minimum(prices.min(1), opened),
        prices[:, -1],
    ]
    ds = np.busday_offset("2000-01-03", np.arange(bars), roll="forward").astype("datetime64[us]")
    return PriceSeries(
        f"WALK-{seed}", ds, ("open", "high", "low", "close"), np.stack(table, axis=1)
    )


def _finish(training: Generator[Event, None, Fitted]) -> Predictor:
    return run_to_end(training).forecaster
