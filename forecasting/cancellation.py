"""Stopping long work that has no job around it: what loops over series asks now and then whether
it is still wanted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: Seconds that work may go on after a stop was asked for: small panels are judged in full within
#: them.
GRACE_S = 4.0


class CancelledWorkError(Exception):
    """The work was given up because a stop was asked for."""


def _wanted() -> None:
    return None


_check: ContextVar[Callable[[], None]] = ContextVar("check", default=_wanted)


@contextmanager
def cancellable(should_stop: Callable[[], bool], grace_s: float = GRACE_S) -> Iterator[None]:
    """Let :func:`check_cancelled` end the work of the block once a stop was asked for ``grace_s``
    seconds ago.

    Raises
    ------
    CancelledWorkError
        From within the block.
    """
    asked_at: float | None = None

    def check() -> None:
        nonlocal asked_at
        if not should_stop():
            return
        now = time.monotonic()
        asked_at = now if asked_at is None else asked_at
        if now - asked_at >= grace_s:
            raise CancelledWorkError

    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def check_cancelled() -> None:
    """Give up where the work is no longer wanted; cheap enough for every series of a panel.

    Raises
    ------
    CancelledWorkError
        Only within :func:`cancellable`.
    """
    _check.get()()
