"""Blocks of trials on the workers of a Dask scheduler."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import replace

from forecasting.backtest.cluster import check_versions, connected, give_up, given_up, sent
from forecasting.backtest.work import Work
from forecasting.backtest.workers import training_lock
from forecasting.errors import CandlecastError
from forecasting.search.blocks import BlockResult, Crew, EarlyCheck, run_block
from forecasting.series import Panel


class ClusterCrew(Crew):
    """The workers that a Dask scheduler has, as many as there are at any moment.

    Parameters
    ----------
    address : str
        Of the scheduler: ``tcp://host:8786``.
    panel : Panel
        Sent to the cluster once.

    Raises
    ------
    ConfigError
        Dask is not installed, nobody answers, or a worker lacks this version of the program.
    """

    def __init__(self, address: str, panel: Panel) -> None:
        self._address = address
        self._client = connected(address)
        try:
            check_versions(self._client)
            self._id = secrets.token_hex(8)
            self._panel = sent(self._client, panel)
            self._nothing = Panel(panel.series[:1])
            self._executor = self._client.get_executor(pure=False)
            self._open: set[Future[BlockResult]] = set()
        except BaseException:
            self._client.close()
            raise

    @property
    def count(self) -> int:  # type: ignore[override]
        """Return the number of workers, at least 1: without any the search waits for one."""
        try:
            return max(1, len(self._client.nthreads()))
        except (OSError, CancelledError) as error:
            raise self._lost() from error

    def submit(
        self,
        work: Work,
        number: int,
        should_stop: Callable[[], bool],
        check: EarlyCheck | None = None,
    ) -> Future[BlockResult]:
        """Hand a block to the scheduler."""
        light = replace(work, panel=self._nothing)
        try:
            future: Future[BlockResult] = self._executor.submit(
                _run, self._panel, light, number, self._id, check
            )
        except (OSError, CancelledError) as error:
            raise self._lost() from error
        self._open.add(future)
        future.add_done_callback(self._open.discard)
        return future

    def close(self) -> None:
        """Have unfinished blocks end early, and leave the cluster."""
        with contextlib.suppress(OSError, CancelledError):
            if self._open:
                self._client.run(give_up, self._id, on_error="ignore")
                for future in list(self._open):
                    future.cancel()
        with contextlib.suppress(OSError):
            self._client.close()

    def _lost(self) -> CandlecastError:
        return CandlecastError(
            f"The connection to the cluster {self._address} was lost.",
            "With --resume, finished trials are kept.",
        )


def _run(
    panel: Panel, work: Work, number: int, search: str, check: EarlyCheck | None
) -> BlockResult:
    with training_lock:
        return run_block(replace(work, panel=panel), number, lambda: search in given_up, check)
