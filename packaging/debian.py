"""The package for Debian, Ubuntu and their relatives."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

import desktop
import elf

MAINTAINER = "The Candlecast developers <candlecast@localhost>"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_DESCRIPTION = """\
Description: forecast price series with recurrent networks, honestly
 Load prices, choose a recurrent network, watch it learn, and read whether it
 beats doing nothing. Every forecast has dates, an uncertainty band and a verdict
 against the random walk on bars the network has never seen.
 .
 Python and all libraries are inside. For research and teaching; not financial
 advice."""


def package(bundle: Path, work: Path, out: Path, version: str, *, quick: bool) -> Path:
    """Make the package of a bundle and return its path.

    Parameters
    ----------
    bundle, work, out : Path
    version : str
    quick : bool
        Compress little.
    """
    root = work / "deb"
    shutil.rmtree(root, ignore_errors=True)
    desktop.furnish(root, bundle, work / "icons")
    control = root / "DEBIAN"
    control.mkdir()
    (control / "md5sums").write_text(_sums(root), encoding="utf-8")
    architecture = ARCHITECTURES[platform.machine()]
    (control / "control").write_text(_control(root, version, architecture), encoding="utf-8")
    _set_modes(root)
    target = out / f"candlecast_{version}_{architecture}.deb"
    # Unpacked in a fifth of the time that xz takes; every dpkg beside a C library as new knows it.
    level = "-z3" if quick else "-z12"
    words = ["dpkg-deb", "--root-owner-group", "-Zzstd", level, "--build", str(root), str(target)]
    subprocess.run(words, check=True)
    return target


def depends(folder: Path) -> str:
    """Return what a bundle needs from the system, as packages."""
    names = {elf.packages()[name] for name in elf.from_system(folder)}
    return ", ".join([f"libc6 (>= {elf.glibc(folder)})", *sorted(names)])


def _control(root: Path, version: str, architecture: str) -> str:
    files = [path for path in (root / "usr").rglob("*") if not path.is_symlink()]
    kilobytes = sum(-(-path.stat().st_size // 1024) for path in files if path.is_file())
    return "\n".join(
        (
            "Package: candlecast",
            f"Version: {version}",
            f"Architecture: {architecture}",
            f"Maintainer: {MAINTAINER}",
            f"Installed-Size: {kilobytes}",
            f"Depends: {depends(root / 'usr' / 'lib' / 'candlecast')}",
            "Recommends: desktop-file-utils, shared-mime-info, xdg-utils",
            "Section: science",
            "Priority: optional",
            _DESCRIPTION,
            "",
        )
    )


def _sums(root: Path) -> str:
    lines = []
    for path in sorted((root / "usr").rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
            lines.append(f"{digest.hexdigest()}  {path.relative_to(root).as_posix()}\n")
    return "".join(lines)


def _set_modes(root: Path) -> None:
    """Give every file the mode of a package, whatever the builder's umask was."""
    program = root / "usr" / "lib" / "candlecast" / "candlecast"
    for path in root.rglob("*"):
        if not path.is_symlink():
            runs = path.is_dir() or path == program or path.name == "torch_shm_manager"
            os.chmod(path, 0o755 if runs else 0o644)
