"""Folds on the machines of a Dask cluster, for tests that would take one machine all night."""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from forecasting import __version__
from forecasting.backtest.work import Fold, FoldRun, Work
from forecasting.backtest.workers import Workers, finished
from forecasting.errors import CandlecastError, ConfigError
from forecasting.events import Notice
from forecasting.series import Panel

_Value = TypeVar("_Value")
_CONNECT_S = 15
_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://\S+:\d+")
_LOOK_S = 1.0


class Cluster(Workers):
    """The workers of a Dask scheduler, as many as there are at any moment.

    The scheduler holds the work and the folds at hand, and gives those of a worker that died to
    another one.

    Parameters
    ----------
    address : str
        Of the scheduler: ``tcp://host:8786``. What goes there is not encrypted unless the address
        says ``tls://``.
    work : Work
        Sent to the cluster once.

    Raises
    ------
    ConfigError
        Dask is not installed, nobody answers at the address, or a worker lacks this version of the
        program.
    """

    def __init__(self, address: str, work: Work) -> None:
        self._address = address
        self._client = connected(address)
        try:
            check_versions(self._client)
            self._id = secrets.token_hex(8)
            self._work = self._asked(lambda: sent(self._client, work))
            self._executor = self._client.get_executor(pure=False)
            self._open: set[Future[FoldRun]] = set()
            self._workers = self._looked()
        except BaseException:
            self._client.close()
            raise

    @property
    def count(self) -> int:
        """Return the number of workers when it was last looked."""
        return len(self._workers)

    def submit(self, fold: Fold) -> Future[FoldRun]:
        """Hand a fold to the scheduler."""
        future: Future[FoldRun] = self._asked(
            lambda: self._executor.submit(_run, self._work, fold, self._id)
        )
        self._open.add(future)
        return future

    def result(self, fold: Fold, future: Future[FoldRun]) -> FoldRun:
        """Return what came back from the cluster."""
        from distributed import KilledWorker

        self._open.discard(future)
        try:
            return self._asked(future.result)
        except KilledWorker as error:
            text = (
                f"Fold {fold.number} was given up by the cluster: {error.allowed_failures + 1} "
                "workers ended while they ran it."
            )
            raise CandlecastError(
                text, "Look into the logs of the workers; they may need more memory."
            ) from error

    def news(self) -> Sequence[Notice]:
        """Tell of workers that went or came."""
        if time.monotonic() - self._seen < _LOOK_S:
            return ()
        before, self._workers = self._workers, self._looked()
        gone, new = sorted(before - self._workers), sorted(self._workers - before)
        texts = []
        if gone:
            left = (
                f"{len(self._workers)} are left"
                if self._workers
                else "none is left, and the test waits for one"
            )
            texts.append(
                Notice(
                    f"The cluster lost the worker {', '.join(gone)}: {left}. Its fold is run again."
                )
            )
        if new:
            texts.append(Notice(f"The cluster has a new worker: {', '.join(new)}."))
        return texts

    def close(self) -> None:
        """Have unfinished folds end early, and leave the cluster."""
        with contextlib.suppress(OSError, CancelledError):
            if self._open:
                self._client.run(give_up, self._id, on_error="ignore")
                for future in self._open:
                    future.cancel()
        with contextlib.suppress(OSError):
            self._client.close()

    def _looked(self) -> frozenset[str]:
        self._seen = time.monotonic()
        return frozenset(self._asked(self._client.nthreads))

    def _asked(self, question: Callable[[], _Value]) -> _Value:
        try:
            return question()
        except (OSError, CancelledError) as error:
            raise CandlecastError(
                f"The connection to the cluster {self._address} was lost.",
                "With --resume, finished folds are kept.",
            ) from error


def connected(address: str) -> Any:
    """Return a client of a scheduler.

    Raises
    ------
    ConfigError
        No address of one, Dask is not installed, or nobody answers.
    """
    if not _ADDRESS.fullmatch(address):
        raise ConfigError(
            f"'{address}' is no address of a Dask scheduler.", "Give it as tcp://host:8786."
        )
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfigError(
            "--cluster needs the package 'distributed', which is not installed.",
            "In a checkout: ./run --with cluster backtest ...; otherwise: pip install "
            "'candlecast[cluster]'.",
        ) from error
    try:
        return Client(address, timeout=_CONNECT_S, set_as_default=False, name="candlecast")  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        hint = (
            "Start one with 'dask scheduler', workers with 'dask worker', and give its address "
            "as tcp://host:8786."
        )
        raise ConfigError(f"No Dask scheduler answers at {address}.", hint) from error


def check_versions(client: Any) -> None:
    """Refuse a cluster that would compute something else, or nothing."""
    for address, version in client.run(_version, on_error="return").items():
        if isinstance(version, BaseException):
            raise ConfigError(
                f"The worker {address} of the cluster cannot run Candlecast: {version}.",
                f"Install candlecast {__version__} where it runs.",
            )
        if version != __version__:
            raise ConfigError(
                f"The worker {address} of the cluster has Candlecast {version}; this is "
                f"{__version__}.",
                "Install the same version everywhere.",
            )


def sent(client: Any, work: Work | Panel) -> Any:
    """Give the work to the scheduler, which sends it to each worker that needs it, and again
    where one lost it.
    """
    import dask.config

    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
        return client.submit(_same, work, pure=False)


#: Tests that were given up while folds of theirs run in this process.
given_up: set[str] = set()


def _version() -> str:
    return __version__


def _same(work: Work | Panel) -> Work | Panel:
    return work


def give_up(test: str) -> None:
    """Let what runs of a test in this process end early."""
    given_up.add(test)


def _run(work: Work, fold: Fold, test: str) -> FoldRun:
    return finished(work, fold, lambda: test in given_up)
