"""Compile the kernel with the C compiler at hand: ``python forecasting/native/build.py``.

``./run`` and ``./test`` load this file by itself, and wheels are built with it, so it imports the
standard library only. The library's name tells its sources: what was built of others is not loaded.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
#: Where a checkout's library is built; wheels bring theirs in the same folder.
BUILT = SOURCES / "built"
#: Names of the compilers that are tried, after that of the environment variable ``CC``; MSVC lacks
#: the vectors that the sources are written in.
COMPILERS = ("cc", "gcc", "clang")
_FLAGS = (
    "-std=gnu11",
    "-O2",
    "-fPIC",
    "-fvisibility=hidden",
    "-ffp-contract=fast",
    "-Wno-psabi",
    "-Wno-unknown-warning-option",
)
_PATIENCE_S = 300
_SUFFIXES = {"win32": ".dll", "darwin": ".dylib"}


@cache
def library_path() -> Path:
    """Return where the library of these sources is, or would be."""
    digest = hashlib.sha256()
    for source in sorted(SOURCES.glob("*.[ch]")):
        digest.update(source.read_bytes())
    kind = f"{sys.platform}-{platform.machine().lower()}"
    suffix = _SUFFIXES.get(sys.platform, ".so")
    return BUILT / f"cells-{kind}-{digest.hexdigest()[:12]}{suffix}"


def reason_path() -> Path:
    """Return the file that says why the library could not be built."""
    return library_path().with_suffix(".txt")


def compiler() -> str | None:
    """Return the C compiler of this machine; None where there is none."""
    if sys.platform == "darwin" and not _has_tools():
        return None  # macOS answers a call of cc by offering to install one
    names = [os.environ["CC"]] if os.environ.get("CC") else []
    return next((path for name in (*names, *COMPILERS) if (path := shutil.which(name))), None)


def _has_tools() -> bool:
    found = subprocess.run(["/usr/bin/xcode-select", "-p"], capture_output=True, check=False)
    return found.returncode == 0


def is_due() -> bool:
    """Return whether the library is to be built: there is none, it has not failed, its folder can
    be written, and a compiler is there.
    """
    if library_path().exists() or reason_path().exists() or not os.access(SOURCES, os.W_OK):
        return False
    return compiler() is not None


def build() -> str:
    """Compile the library; return why that failed, "" where it is there."""
    if library_path().exists():
        return ""
    found = compiler()
    if found is None:
        return "there is no C compiler"
    try:
        BUILT.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILT) as folder:
            reason = _compiled(found, Path(folder))
            if not reason:
                os.replace(Path(folder) / library_path().name, library_path())
            else:
                reason_path().write_text(reason, encoding="utf-8")
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if not reason:
        _remove_old()
    return reason


def _compiled(compiler: str, folder: Path) -> str:
    """Compile and link into a folder; return the compiler's first words where it fails."""
    variants = {"plain": ["-DISA=plain"], "doubles": ["-DISA=plain", "-DDOUBLES=1"]}
    if platform.machine().lower() in ("x86_64", "amd64"):
        variants["avx2"] = ["-DISA=avx2", "-mavx2", "-mfma"]
    objects = [str(folder / f"{name}.o") for name in variants]
    commands = [
        [*_FLAGS, *more, "-c", str(SOURCES / "cells.c"), "-o", out]
        for more, out in zip(variants.values(), objects, strict=True)
    ]
    dispatch = str(folder / "dispatch.o")
    commands.append([*_FLAGS, "-c", str(SOURCES / "dispatch.c"), "-o", dispatch])
    target = str(folder / library_path().name)
    commands.append(["-shared", *objects, dispatch, "-o", target, "-lm"])
    for words in commands:
        done = subprocess.run(
            [compiler, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_S,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode != 0:
            return (done.stderr.strip() or f"{compiler} ended with {done.returncode}")[:500]
    return ""


def _remove_old() -> None:
    """Remove libraries of earlier sources."""
    for path in BUILT.glob("cells-*"):
        if path.is_file() and path != library_path():
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    reason_path().unlink(missing_ok=True)
    failure = build()
    print(failure or library_path())
    sys.exit(bool(failure))
