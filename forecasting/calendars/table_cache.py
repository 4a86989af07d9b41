"""Tables of exchange_calendars kept on disk: with them neither it nor pandas, whose import takes
half a CPU second and 80 MB, is needed.
"""

from __future__ import annotations

import contextlib
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy.typing as npt

from forecasting.errors import CandlecastError
from forecasting.files.archive import read_archive, write_archive
from forecasting.files.atomic import atomic_open, cache_folder

Tables = Mapping[str, npt.NDArray[Any]]

#: Form of the tables; raise it where their computation changes.
_FORM = 3
#: Bytes that the tables of a file may have.
_MOST_BYTES = 1 << 26


def cached(
    name: str,
    compute: Callable[[], Tables],
    check: Callable[[Tables], object],
    keep: Callable[[], bool] = lambda: True,
) -> Tables:
    """Return tables from the cache; where they are not there, or damaged, compute and keep them.

    Parameters
    ----------
    name : str
        One name for one result; a name that is no plain word is computed and not kept.
    compute : callable
        Returns arrays without objects by name.
    check : callable
        Reads what is needed from the tables; ValueError or KeyError where they are others.
    keep : callable
        Tells, after the computation, whether its result holds for other processes, too.

    Returns
    -------
    mapping of str to ndarray
    """
    path = cache_file(name)
    found = _read(path, check) if path else None
    if found is None:
        found = compute()
        if path and keep():
            with contextlib.suppress(OSError, CandlecastError):
                path.parent.mkdir(parents=True, exist_ok=True)
                with atomic_open(path) as part, part.open("wb") as file:
                    write_archive(file, {}, found, compress=True)
    return found


def _read(path: Path, check: Callable[[Tables], object]) -> Tables | None:
    """Return the tables of a file; None where it is not there or does not pass the check."""
    try:
        with path.open("rb") as file:
            _, found = read_archive(file, _MOST_BYTES)
        check(found)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None
    return found


def cache_file(name: str) -> Path | None:
    """Return where the tables of a name are kept; None where they are not."""
    versions = _versions()
    if versions is None or re.fullmatch(r"[\w-]{1,80}", name, re.ASCII) is None:
        return None
    return cache_folder() / f"{name}-{_FORM}-{versions}.npz"


@lru_cache(maxsize=1)
def _versions() -> str | None:
    """Return the versions of exchange_calendars and of pandas, which computes the holidays: for
    them the tables hold.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{version('exchange_calendars')}-{version('pandas')}"
    except PackageNotFoundError:
        return None
