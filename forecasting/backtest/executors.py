"""Choose where the folds of a backtest run: this process, processes of this machine, any
executor, or a Dask cluster.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext

from forecasting.backtest.work import Fold, Work
from forecasting.backtest.workers import Borrowed, Processes, Workers

#: Gradient steps from which processes of one's own, which take seconds to import torch, are worth
#: their start.
_PAYS_FROM = 8_000


def make_executor(
    work: Work, count: int = 1, cluster: str = "", executor: Executor | None = None
) -> Workers | None:
    """Make the executor that was asked for; its processes begin to import torch while this one
    does.

    Parameters
    ----------
    work : Work
    count : int
        Processes, where 0 and 1 ask for none; of an executor, the folds it is given at once, where
        0 and 1 leave that to it.
    cluster : str
        Address of a Dask scheduler, instead.
    executor : Executor, optional
        Any executor, instead.

    Returns
    -------
    Workers or None
        None: in this process.
    """
    if executor is not None:
        return Borrowed(
            executor, work, count if count > 1 else getattr(executor, "_max_workers", _cores())
        )
    if cluster:
        from forecasting.backtest.cluster import Cluster  # distributed is optional

        return Cluster(cluster, work)
    return Processes(work, count) if count > 1 and work.plan.refit else None


def local_executor(work: Work, folds: Sequence[Fold]) -> AbstractContextManager[Workers | None]:
    """Make an executor of a process a core; none where that takes longer than it saves, or on an
    accelerator.
    """
    from forecasting.training import choose_device
    from forecasting.windows import bars_before

    train = work.config.train
    count = min(_cores(), len(folds))
    if count < 2 or choose_device(train.device).type != "cpu":
        return nullcontext()
    windows = sum(sum(bars_before(work.panel, fold.test_start)) for fold in folds)
    return (
        Processes(work, count)
        if windows * train.epochs / train.batch_size >= _PAYS_FROM
        else nullcontext()
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
