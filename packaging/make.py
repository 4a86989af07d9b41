#!/usr/bin/env python3
"""Build what people without Python can install: a folder, a package for Debian and Ubuntu, an
AppImage.

    python3.11 packaging/make.py [folder] [deb] [appimage] [--out FOLDER] [--quick]

Everything is made in ``build/packaging`` (or ``--work``): an environment with the locked packages
and the CPU build of torch, the wheel of this checkout in it, and from that the bundle. It is built
on the oldest system that is to be served: the bundle needs the C library that was there, or a newer
one. docs/packaging.md says what comes out.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import appimage
import contents
import debian
import elf

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LOCK = ROOT / "requirements.lock"
TORCH_LOCK = ROOT / "requirements-torch.lock"
TOOLS = HERE / "requirements.txt"
#: Libraries whose tables of symbols are worth taking out. Others were changed by the tools that
#: made their wheels, which ``strip`` does not always survive.
STRIPPED = ("torch/lib/*.so*", "pyarrow/*.so*")
KINDS = ("folder", "deb", "appimage")


def call(*words: str | Path, **options: object) -> None:
    """Run a command; the build ends where it fails.

    Raises
    ------
    SystemExit
    """
    done = subprocess.run([str(word) for word in words], check=False, **options)  # type: ignore[call-overload]
    if done.returncode != 0:
        sys.exit(f"packaging: failed with status {done.returncode}: {' '.join(map(str, words))}")


def say(text: str) -> None:
    """Tell what is being done."""
    print(f"packaging: {text}", flush=True)


def environment(work: Path) -> Path:
    """Make the environment that the bundle is taken from, and return its Python."""
    folder = work / "environment"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "ready"
    locks = b"".join(path.read_bytes() for path in (LOCK, TORCH_LOCK, TOOLS))
    state = f"{hashlib.sha256(locks).hexdigest()} {sys.version_info.major}.{sys.version_info.minor}"
    if not (stamp.is_file() and stamp.read_text(encoding="utf-8") == state):
        say(f"an environment in {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        call(sys.executable, "-m", "venv", folder)
        version = TORCH_LOCK.read_text(encoding="utf-8").split("\ntorch==")[1].split()[0]
        exact = version if sys.platform == "darwin" else f"{version}+cpu"
        _pip(python, "--require-hashes", "-r", LOCK)
        _pip(python, f"torch=={exact}")
        _pip(python, "-r", TOOLS)
        stamp.write_text(state, encoding="utf-8")
    wheels = work / "wheel"
    shutil.rmtree(wheels, ignore_errors=True)
    call(
        *(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, ROOT),
        env={**os.environ, "CANDLECAST_NATIVE_WHEEL": "1"},
    )
    (wheel,) = wheels.glob("*.whl")
    _pip(python, "--no-deps", "--force-reinstall", wheel)
    return python


def _pip(python: Path, *words: str | Path) -> None:
    quiet = ("--quiet", "--no-input", "--disable-pip-version-check")
    call(python, "-m", "pip", "install", *quiet, *words)


def bundle(python: Path, work: Path) -> Path:
    """Make the one-folder bundle and return its folder."""
    say("the bundle")
    icons = work / "icons"
    screenless = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    call(python, HERE / "icons.py", ROOT / "assets" / "candlecast.svg", icons, env=screenless)
    call(
        *(python, "-P", "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"),
        *("--distpath", work / "dist", "--workpath", work / "pyinstaller"),
        HERE / "candlecast.spec",
        env={**screenless, "PYTHONPATH": str(HERE)},
        cwd=work,
    )
    folder = work / "dist" / "candlecast"
    call(python, HERE / "compiled.py", folder)
    if sys.platform == "linux":
        lighten(folder)
    call(python, HERE / "licences_of.py", folder, work / "pyinstaller" / "candlecast")
    if lacking := contents.missing(folder / "_internal"):
        sys.exit(f"packaging: the bundle lacks {', '.join(lacking)}")
    say(f"  {size(folder) / 1e6:,.0f} MB in {folder}")
    return folder


def lighten(folder: Path) -> None:
    """Take tables of symbols and lonely libraries out of a bundle, and see that no library misses
    another.

    Raises
    ------
    SystemExit
        Something needs a library that is neither there nor in a package that we know of.
    """
    inside = folder / "_internal"
    for path in (path for pattern in STRIPPED for path in inside.glob(pattern)):
        if not path.is_symlink():
            call("strip", "--strip-unneeded", path)
    # What PyInstaller takes from the system lies directly in the folder of the libraries.
    for path in elf.orphans(folder, inside.glob("lib*.so*")):
        if not path.name.startswith("libpython"):  # loaded by the bootloader, by its name
            path.unlink()
    if absent := elf.unresolved(folder):
        sys.exit(f"packaging: no file and no package for {', '.join(sorted(absent))}")


def size(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def version(work: Path) -> str:
    """Return the version of the wheel that was built."""
    (wheel,) = (work / "wheel").glob("*.whl")
    return wheel.name.split("-")[1]


def main() -> None:
    """Build what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "packaging")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--quick", action="store_true", help="compress little: for tests")
    parser.add_argument("--runtime", type=Path, help="runtime of AppImage (appimage.py)")
    parser.add_argument("--bundle", type=Path, help="take this folder instead of building one")
    given = parser.parse_args()
    if unknown := set(given.kinds) - set(KINDS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    work, out = given.work.resolve(), given.out.resolve()
    work.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    kinds = set(given.kinds or KINDS)
    runtime = given.runtime or appimage.runtime(work)
    if "appimage" in kinds and (lacks := appimage.lacking(runtime)):
        if given.kinds:
            parser.error(f"no AppImage can be made: {lacks}")
        say(f"no AppImage: {lacks}")
        kinds.remove("appimage")
    folder = given.bundle.resolve() if given.bundle else bundle(environment(work), work)
    made = []
    if "deb" in kinds:
        made.append(debian.package(folder, work, out, version(work), quick=given.quick))
    if "appimage" in kinds and runtime is not None:
        made.append(appimage.image(folder, work, out, version(work), runtime, quick=given.quick))
    for path in made:
        say(f"{path.stat().st_size / 1e6:,.0f} MB: {path}")


if __name__ == "__main__":
    main()
