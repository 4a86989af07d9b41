"""Too little memory, told before a library fails or waits for more of it without end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from forecasting.errors import CandlecastError

#: Address space in bytes that the engine needs with two cores beside what is taken at the start of
#: a program, and for each core more.
_ENGINE, _A_CORE = 2_450_000_000, 100_000_000
#: Bytes worked on from which it pays to give back what that needed.
_WORTH_TRIMMING = 64 * 2**20
#: What loading a library and allocating memory say where there is no room.
_SIGNS = (
    "failed to map segment",
    "cannot allocate",
    "can't allocate memory",
    "not enough memory",
    "out of memory",
)

HINT = (
    "Close other programs, raise the limit of memory (ulimit -v), or use fewer series, a "
    "shorter history or a smaller batch."
)


class TooLittleMemoryError(CandlecastError):
    """The limits of this process leave the engine too little memory."""


def check_memory() -> None:
    """Refuse work that needs the engine where the process may use too little address space; nothing
    is asked once it is loaded.

    OpenBLAS and torch end the process there, or wait for memory without end.

    Raises
    ------
    TooLittleMemoryError
        Names the limit and what is needed.
    """
    if sys.platform == "win32" or "torch" in sys.modules:
        return
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    needed = _taken() + _ENGINE + _A_CORE * max(0, (os.cpu_count() or 1) - 2)
    if limit != resource.RLIM_INFINITY and limit < needed:
        raise TooLittleMemoryError(
            f"There is not enough memory: this process may use {limit / 1e6:,.0f} MB of "
            "address space, and the engine needs about "
            f"{needed / 1e6:,.0f} MB.",
            "Raise the limit: ulimit -v unlimited.",
        )


def check_room(needed: float, what: str, hint: str) -> None:
    """Refuse work that needs more memory than is free.

    Parameters
    ----------
    needed : float
        Bytes.
    what : str
        What needs them: the beginning of a sentence.
    hint : str
        What to do instead.

    Raises
    ------
    TooLittleMemoryError
        Names what is needed and what is free.
    """
    free = available_bytes()
    if needed > free:
        raise TooLittleMemoryError(
            f"{what} about {needed / 1e6:,.0f} MB of memory, and {free / 1e6:,.0f} MB are free.",
            hint,
        )


def _taken() -> int:
    """Return the address space of this process in bytes, 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether a failure means that memory has run out."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, ImportError | OSError | RuntimeError) and any(
        sign in text for sign in _SIGNS
    )


def available_bytes() -> int:
    """Return the memory that this process can still take without others being swapped out, in
    bytes: what the system has free, or less where a limit of the process or its group is nearer.
    """
    import psutil

    found = [int(psutil.virtual_memory().available), *_left_in_group()]
    if sys.platform != "win32":
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            found.append(limit - _taken())
    return max(0, min(found))


def _left_in_group() -> list[int]:
    """Return what the process's control group (that of a container) may still take, in bytes;
    nothing where it has no limit.
    """
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        taken = int((group / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return []
    return [limit - taken]


def trim_after(done: int) -> None:
    """Give memory back to the system where work on so many bytes has left much that is free."""
    if done > _WORTH_TRIMMING:
        trim_heap()


def trim_heap() -> None:
    """Give memory that was freed back to the system, where libraries keep it; a few milliseconds,
    for a worker's thread.
    """
    # Another thread may be importing it at this moment.
    if pool := getattr(sys.modules.get("pyarrow"), "default_memory_pool", None):
        pool().release_unused()
    if trim := c_function("malloc_trim"):
        trim(0)


def c_function(name: str) -> Callable[..., int] | None:
    """Return a function of the C library; None where the system or its library has none."""
    if sys.platform != "linux":
        return None
    import ctypes

    found: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return found


def resident_bytes() -> int:
    """Return the memory that this process takes up now, in bytes."""
    import psutil

    return int(psutil.Process().memory_info().rss)
