"""What the libraries and programs of a bundle need from the system they run on."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_NEEDED = re.compile(r"\(NEEDED\)\s+Shared library: \[([^]]+)\]")
_GLIBC = re.compile(r"Name: GLIBC_(\d+)\.(\d+)")
_AT_ONCE = 100
#: The C library's parts, and the loader.
_C_LIBRARY = re.compile(r"(lib(c|m|dl|rt|pthread|util|resolv)|ld-linux.*)\.so\.\d")


@cache
def packages() -> dict[str, str]:
    """Return Debian's package for each library that a desktop has, as ``run`` knows them."""
    loader = importlib.machinery.SourceFileLoader("candlecast_run", str(_ROOT / "run"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    found: dict[str, str] = module.DEBIAN_PACKAGES
    return found


def files(folder: Path) -> list[Path]:
    """Return the programs and libraries in a folder; links are not followed."""
    return [path for path in folder.rglob("*") if not path.is_symlink() and _is_elf(path)]


def _is_elf(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"


def _read(flag: str, folder: Path) -> Iterator[str]:
    found = files(folder)
    for start in range(0, len(found), _AT_ONCE):
        words = ["readelf", flag, "--wide", *map(str, found[start : start + _AT_ONCE])]
        yield subprocess.run(words, capture_output=True, text=True, check=True).stdout


def from_system(folder: Path) -> set[str]:
    """Return the libraries that a bundle needs and does not hold, less those of C."""
    inside = {path.name for path in folder.rglob("*")}
    needed = {name for text in _read("--dynamic", folder) for name in _NEEDED.findall(text)}
    return {name for name in needed - inside if not _C_LIBRARY.fullmatch(name)}


def unresolved(folder: Path) -> set[str]:
    """Return the libraries that neither the bundle nor a package that we know of has."""
    return from_system(folder) - packages().keys()


def orphans(folder: Path, candidates: Iterable[Path]) -> list[Path]:
    """Return which libraries nothing in a bundle needs, or only others of them.

    Parameters
    ----------
    folder : Path
    candidates : iterable of Path
        Libraries that were gathered because something needed them, which may have been left out
        since.
    """
    needs = {path: _needs(path) for path in files(folder)}
    left = {path for path in candidates if path in needs}
    found: list[Path] = []
    while True:
        needed = {name for path, names in needs.items() for name in names}
        lonely = [path for path in left if path.name not in needed]
        if not lonely:
            return found
        for path in lonely:
            left.remove(path)
            del needs[path]
        found += lonely


def _needs(path: Path) -> list[str]:
    words = ["readelf", "--dynamic", "--wide", str(path)]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return _NEEDED.findall(text)


def glibc(folder: Path) -> str:
    """Return the oldest version of the C library that a bundle runs with, such as ``2.28``."""
    text = "".join(_read("--version-info", folder))
    found = [(int(one), int(two)) for one, two in _GLIBC.findall(text)]
    major, minor = max(found, default=(2, 0))
    return f"{major}.{minor}"
