"""Too little memory, told before a library fails or waits for more of it without end."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from forecasting.errors import CandlecastError

#: Address space in bytes that the engine needs with two cores, and for each core more.
_LEAST, _A_CORE = 2_500_000_000, 100_000_000
#: Commands that need the engine.
_COMMANDS = ("forecast", "backtest", "audit", "lr-find", "doctor", "reproduce")
#: What loading a library says where there is no room for it.
_SIGNS = ("failed to map segment", "cannot allocate")

HINT = (
    "Close other programs, raise the limit of memory (ulimit -v), or use fewer series, a "
    "shorter history or a smaller batch."
)


class TooLittleMemoryError(CandlecastError):
    """The limits of this process leave the engine too little memory."""


def check_memory(words: Sequence[str]) -> None:
    """Refuse a command that needs the engine where the process may use too little address space.

    OpenBLAS and torch end the process there, or wait for memory without end.

    Raises
    ------
    TooLittleMemoryError
        Names the limit and what is needed.
    """
    if sys.platform == "win32" or not any(word in _COMMANDS for word in words[:2]):
        return
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    needed = _LEAST + _A_CORE * max(0, (os.cpu_count() or 1) - 2)
    if limit != resource.RLIM_INFINITY and limit < needed:
        raise TooLittleMemoryError(
            f"There is not enough memory: this process may use {limit / 1e6:,.0f} MB of "
            "address space, and the engine needs about "
            f"{needed / 1e6:,.0f} MB.",
            "Raise the limit: ulimit -v unlimited.",
        )


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether a failure means that memory has run out."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, ImportError | OSError | RuntimeError) and any(
        sign in text for sign in _SIGNS
    )
