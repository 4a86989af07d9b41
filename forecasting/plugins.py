"""Entry points of other packages: networks, sources, baselines and exporters that the registries
take in.

A package names them in its metadata, in the groups of :data:`GROUPS`. What it names is imported
when a registry is, in every process of the program; one that fails costs a message, not the start.
``--safe-mode`` (or ``CANDLECAST_SAFE_MODE=1``) loads none.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

#: Groups of entry points.
GROUPS = (
    "candlecast.models",
    "candlecast.sources",
    "candlecast.baselines",
    "candlecast.exporters",
)
#: Environment variable that keeps all plugins from being loaded.
SAFE_MODE = "CANDLECAST_SAFE_MODE"
_NAME = re.compile(r"\.?[a-z][a-z0-9-]{0,40}")
_problems: list[str] = []


def problems() -> tuple[str, ...]:
    """Return why plugins were not loaded, one sentence each."""
    return tuple(dict.fromkeys(_problems))


def load_plugins(group: str, kind: type, taken: Collection[str]) -> dict[str, Any]:
    """Return what the entry points of a group name.

    Parameters
    ----------
    group : str
        One of :data:`GROUPS`.
    kind : type
        What each has to be.
    taken : collection of str
        Names that the program has itself, which no plugin may take.

    Returns
    -------
    dict of str to object
        By the name of the entry point. One that cannot be loaded is left out, and
        :func:`problems` says why.
    """
    found: dict[str, Any] = {}
    points = _points() if _any() else ()
    for point in (point for point in points if point.group == group):
        about = f"The plugin '{point.name}' ({point.value})"
        if not _NAME.fullmatch(point.name) or point.name in taken or point.name in found:
            _problems.append(f"{about} is not loaded: its name is taken, or no plain word.")
            continue
        try:
            made = point.load()
        except (Exception, SystemExit) as error:
            _problems.append(f"{about} cannot be imported: {type(error).__name__}: {error}.")
            continue
        if isinstance(made, kind):
            found[point.name] = made
        else:
            what = type(made).__name__
            _problems.append(f"{about} is not loaded: it is a {what}, no {kind.__name__}.")
    return found


def _any() -> bool:
    return os.environ.get(SAFE_MODE, "") in ("", "0")


@cache
def _points() -> Iterable[EntryPoint]:
    if not _may_be_named():
        return ()
    from importlib.metadata import entry_points

    return [point for group in GROUPS for point in entry_points(group=group)]


def _may_be_named() -> bool:
    """Whether an installed package may name an entry point of ours.

    Reads the ``entry_points.txt`` of the packages on the path: importlib.metadata, which the first
    paint would wait for, is imported where one mentions a group. What only a finder or an archive
    can tell counts as a mention.
    """
    unusual = [finder for finder in sys.meta_path if not _is_usual(finder)]
    if any(hasattr(finder, "find_distributions") for finder in unusual):
        return True
    folders = [Path(item) for item in dict.fromkeys(sys.path)]
    return any(folder.is_file() or _mentions(folder) for folder in folders)


def _is_usual(finder: object) -> bool:
    """Whether a finder looks into the folders of ``sys.path`` and nowhere else."""
    return getattr(finder, "__name__", "") == "PathFinder"


def _mentions(folder: Path) -> bool:
    """Whether the metadata of a package in a folder mentions a group of ours."""
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    for name in names:
        if name.endswith(".egg"):
            return True
        if not name.endswith((".dist-info", ".egg-info")):
            continue
        try:
            text = (folder / name / "entry_points.txt").read_bytes()
        except OSError:
            continue
        if b"[candlecast." in text:
            return True
    return False
