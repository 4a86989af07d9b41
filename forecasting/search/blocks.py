"""What a trial is judged on: rolling blocks of dates before the test part, run in this process or
in others.
"""

from __future__ import annotations

import math
import multiprocessing
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forecasting.backtest.work import Fold, FoldRun, Work
from forecasting.baselines import PARTS
from forecasting.cancellation import CancelledWorkError
from forecasting.config import QUANTILES, BacktestConfig, RunConfig
from forecasting.errors import CandlecastError, DataError
from forecasting.events import EpochEnd, Event
from forecasting.files.closing import Closing
from forecasting.generators import run_to_end
from forecasting.series import Dates, Floats, Outcomes, Panel

#: Share of the bars before the test part that trials are judged on.
_SHARE = 0.2
#: Fewest origin dates of a block.
_LEAST_DATES = 5
#: Of the trials that came to the early check, the best 1 / so many go on.
_REDUCTION = 2
#: Trials before any is given up.
_UNPRUNED = 4
StopAsked = Callable[[], bool]
#: A loss that a trial had at some point, and whether it went on from there.
Reached = tuple[float, bool]


@dataclass(frozen=True, eq=False)
class Blocks:
    """Rolling blocks at the end of the bars before the test part: a trial is trained on what lies
    before each of them, and forecasts from its origins.

    Attributes
    ----------
    panel : Panel
        Bars before the test part, and no other.
    size : int
        Dates that the blocks take together.
    plan : BacktestConfig
        Cuts these dates into blocks.
    count : int
        Blocks.
    dates : ndarray of datetime64, shape [N]
        Origin dates of all blocks, in time order.
    first : datetime64
        First date that is forecast.
    overlap : int
        Later origin dates that an outcome overlaps with.
    """

    panel: Panel
    size: int
    plan: BacktestConfig
    count: int
    dates: Dates
    first: np.datetime64
    overlap: int

    def work(self, config: RunConfig, baselines: tuple[str, ...] = ()) -> Work:
        """Return the walk-forward test of a configuration over the blocks."""
        judged = config.changed(test_size=self.size)
        return Work(self.panel, judged, self.plan, QUANTILES, baselines, parts=False)

    @property
    def longest_lookback(self) -> int:
        """Return how many bars every series has before the first block, less what is needed to
        learn from them.
        """
        bars = min(int(np.searchsorted(series.ds, self.first)) for series in self.panel)
        return bars // 3


@dataclass(frozen=True, eq=False)
class OriginLosses:
    """Loss of a model from each origin of a block.

    Attributes
    ----------
    symbol : ndarray of str, shape [N]
    cutoff : ndarray of datetime64, shape [N]
    relative : ndarray, shape [N]
        CRPS of the log return in basis points; NaN where a value is not positive.
    scaled : ndarray, shape [N]
        CRPS in units of the MASE scale.
    """

    symbol: Any
    cutoff: Dates
    relative: Floats
    scaled: Floats

    @classmethod
    def of(cls, outcomes: Outcomes) -> OriginLosses:
        """Score outcomes; origins without a known outcome are left out."""
        from forecasting.metrics import crps, crps_bp

        known = outcomes.take(np.flatnonzero(np.isfinite(outcomes.y).any(axis=1)))
        unit = np.where(known.scale > 0, known.scale, np.nan)
        return cls(known.symbol, known.cutoff, crps_bp(known, 1), crps(known, 1) / unit)


@dataclass(frozen=True)
class EarlyCheck:
    """Which trials are worth the rest of their first training.

    Attributes
    ----------
    epoch : int
        After which a trial is compared with earlier ones.
    earlier : mapping of str to sequence of Reached
        What these had reached there, by the unit of their validation losses.
    """

    epoch: int
    earlier: Mapping[str, Sequence[Reached]]

    def passes(self, unit: str, ratio: float) -> bool:
        """Tell whether a training goes on."""
        return among_best(ratio, self.earlier.get(unit, ()), _REDUCTION)


def among_best(loss: float, earlier: Sequence[Reached], reduction: int) -> bool:
    """Tell whether a loss is among the best ``1 / reduction`` of those that came so far, itself
    included; of equal ones, such as networks that add nothing to their start, as many go on as
    there is room for. The first few always go on.
    """
    count = len(earlier) + 1
    if count < _UNPRUNED:
        return True
    ahead = sum(other < loss or (other == loss and went_on) for other, went_on in earlier)
    return ahead < math.ceil(count / reduction)


@dataclass(frozen=True, eq=False)
class BlockResult:
    """What one block of a trial leaves.

    Attributes
    ----------
    losses : dict of str to OriginLosses
        By model, the network first.
    stopped : bool
        Whether it was cut short by a stop.
    unit : str
        Validation loss of the network before its training, as text: losses of trials with the same
        one compare.
    ratio : float
        Least validation loss of the training, as a share of that; 1 where the network adds nothing.
    checked : float
        The same after the epoch of the early check; 0 where there was none.
    given_up : bool
        Whether the training ended there.
    """

    losses: dict[str, OriginLosses]
    stopped: bool
    unit: str = ""
    ratio: float = 1.0
    checked: float = 0.0
    given_up: bool = False


def blocks_before_test(panel: Panel, config: RunConfig, count: int) -> Blocks:
    """Lay blocks at the end of the bars before the test part.

    Parameters
    ----------
    panel : Panel
    config : RunConfig
        Says where the test part begins.
    count : int
        Blocks.

    Raises
    ------
    DataError
        Too few bars before the test part.
    """
    from forecasting.backtest.folds import folds_of
    from forecasting.evidence import overlap
    from forecasting.windows import bars_before, split_panel

    whole = split_panel(panel, config.task)
    bars = bars_before(panel, whole.test_start)
    before = Panel(
        tuple(
            series.head(n)
            for series, n in zip(panel, bars, strict=True)
            if n >= config.task.input_size + config.task.horizon
        )
    )
    usable = np.unique(np.concatenate([series.ds for series in before]))
    horizon = config.task.horizon
    size = max(round(_SHARE * len(usable)), horizon - 1 + _LEAST_DATES * count)
    blocks = Blocks(before, size, BacktestConfig(), 1, usable[:0], whole.test_start, horizon - 1)
    try:
        [fold] = folds_of(blocks.work(config))
    except DataError as error:
        raise DataError(
            f"There are too few bars before the test part to search on: {error.message}",
            "Load more history, or choose a shorter horizon or a smaller --test-size.",
        ) from error
    dates = np.unique(fold.origins.cutoffs(before))
    plan = BacktestConfig(refit=math.ceil(len(dates) / count))
    ends = np.stack(
        [
            before[int(s)].ds[b + horizon]
            for s, b in zip(fold.origins.series, fold.origins.bar, strict=True)
        ]
    )
    return replace(
        blocks,
        plan=plan,
        count=math.ceil(len(dates) / plan.refit),
        dates=dates,
        first=fold.test_start,
        overlap=overlap(fold.origins.cutoffs(before), ends),
    )


def run_block(
    work: Work,
    number: int,
    should_stop: StopAsked = lambda: False,
    check: EarlyCheck | None = None,
) -> BlockResult:
    """Train and judge one block, from 0, of a trial; errors as of the training.

    A training that the check ends is judged with its weights so far.
    """
    from forecasting.backtest.folds import folds_of, run_fold

    fold: Fold = folds_of(work)[number]
    seen = _Validation(check)
    training = run_fold(work, fold, should_stop, lambda: seen.given_up)
    run: FoldRun = run_to_end(training, seen.see)
    losses = {
        name: OriginLosses.of(item) for name, item in run.outcomes.items() if name not in PARTS
    }
    stopped = run.stopped == "user" and not seen.given_up
    return BlockResult(losses, stopped, seen.unit, seen.ratio, seen.checked, seen.given_up)


class _Validation:
    """The validation loss of a training, as its events tell it.

    Parameters
    ----------
    check : EarlyCheck or None
    """

    def __init__(self, check: EarlyCheck | None) -> None:
        self._check = check
        self._start = math.nan
        self.unit, self.ratio, self.checked, self.given_up = "", 1.0, 0.0, False

    def see(self, event: Event) -> None:
        """Take in an event; decide at the epoch of the check."""
        if not isinstance(event, EpochEnd):
            return
        if event.epoch == 0:
            self._start, self.unit = event.val_loss, f"{event.val_loss:.6g}"
        self.ratio = event.best_loss / self._start if self._start > 0 else 1.0
        check = self._check
        if check is not None and event.epoch == check.epoch < event.epochs:
            self.checked = self.ratio
            self.given_up = not check.passes(self.unit, self.ratio)


class Crew(Closing):
    """Runs blocks of trials. Closed as a context manager."""

    #: Blocks that are run at once.
    count = 1

    @abstractmethod
    def submit(
        self, work: Work, number: int, should_stop: StopAsked, check: EarlyCheck | None = None
    ) -> Future[BlockResult]:
        """Begin work on a block."""


class Inline(Crew):
    """Runs each block in this process, before :meth:`submit` returns."""

    def submit(
        self, work: Work, number: int, should_stop: StopAsked, check: EarlyCheck | None = None
    ) -> Future[BlockResult]:
        """Run a block; a stop ends it early."""
        future: Future[BlockResult] = Future()
        try:
            future.set_result(run_block(work, number, should_stop, check))
        except CancelledWorkError:
            future.set_result(BlockResult({}, stopped=True))
        except CandlecastError as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Leave nothing, as nothing is running."""


class Pool(Crew):
    """Processes of this machine, with one thread each; the panel is sent to each of them once.

    Parameters
    ----------
    panel : Panel
    count : int
        Processes.
    """

    def __init__(self, panel: Panel, count: int) -> None:
        from forecasting.backtest.workers import without_interrupts

        self.count = count
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(count, context, _enter, (panel,))
        self._nothing = Panel(panel.series[:1])
        with without_interrupts():
            for _ in range(count):
                self._pool.submit(_make_ready)

    def submit(
        self, work: Work, number: int, should_stop: StopAsked, check: EarlyCheck | None = None
    ) -> Future[BlockResult]:
        """Give a block to a process.

        Raises
        ------
        CandlecastError
            A process was killed.
        """
        try:
            return self._pool.submit(_run, replace(work, panel=self._nothing), number, check)
        except BrokenProcessPool as error:
            raise CandlecastError(
                "A process of the search ended unexpectedly.", "Search with --workers 1."
            ) from error

    def close(self) -> None:
        """End all processes at once, whatever they do."""
        for process in [*(self._pool._processes or {}).values()]:
            process.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)


_panel: Panel | None = None


def _enter(panel: Panel) -> None:
    """Begin life as a process of the pool."""
    from forecasting.backtest.workers import follow_parent

    global _panel
    _panel = panel
    follow_parent()


def _make_ready() -> None:
    """Import what a block needs."""
    import forecasting.backtest.folds  # noqa: F401


def _run(work: Work, number: int, check: EarlyCheck | None) -> BlockResult:
    assert _panel is not None
    return run_block(replace(work, panel=_panel), number, check=check)
