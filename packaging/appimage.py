"""The AppImage: one file that runs on most desktops of Linux without being installed."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import desktop

_START = """\
#!/bin/sh
# The folder that this file lies in, wherever the image is mounted.
here=$(dirname "$(readlink -f "$0")")
exec "$here/usr/lib/candlecast/candlecast" "$@"
"""


def runtime(work: Path) -> Path | None:
    """Return the start program of AppImages (github.com/AppImage/type2-runtime, MIT), or None.

    It is no package of Debian's or PyPI's. Where it was fetched or built it is named with
    ``--runtime``, or lies in the folder of work as ``runtime-x86_64``.
    """
    path = work / f"runtime-{platform.machine()}"
    return path if path.is_file() else None


def lacking(start: Path | None) -> str:
    """Return what has to be had before an AppImage can be made, or an empty text.

    Parameters
    ----------
    start : Path or None
        The runtime.
    """
    if shutil.which("mksquashfs") is None:
        return "mksquashfs is missing (apt-get install squashfs-tools)"
    if start is None:
        return "its runtime is missing (build it with packaging/linux/build_runtime.sh)"
    if not start.exists():
        return f"there is no runtime {start} (build it with packaging/linux/build_runtime.sh)"
    return ""


def image(bundle: Path, work: Path, out: Path, version: str, start: Path, *, quick: bool) -> Path:
    """Make the AppImage of a bundle and return its path.

    Parameters
    ----------
    bundle, work, out : Path
    version : str
    start : Path
        The runtime.
    quick : bool
        Compress little.
    """
    root = work / "AppDir"
    shutil.rmtree(root, ignore_errors=True)
    desktop.furnish(root, bundle, work / "icons")
    (root / "AppRun").write_text(_START, encoding="utf-8")
    (root / "AppRun").chmod(0o755)
    share = root / "usr" / "share"
    shutil.copyfile(share / "applications" / "candlecast.desktop", root / "candlecast.desktop")
    shutil.copyfile(share / "icons/hicolor/256x256/apps/candlecast.png", root / "candlecast.png")
    (root / ".DirIcon").symlink_to("candlecast.png")
    target = out / f"Candlecast-{version}-{platform.machine()}.AppImage"
    body = work / "appimage.squashfs"
    body.unlink(missing_ok=True)
    level = "3" if quick else "16"
    subprocess.run(
        [
            *("mksquashfs", str(root), str(body), "-root-owned", "-noappend", "-no-progress"),
            *("-comp", "zstd", "-Xcompression-level", level, "-b", "1M"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    with target.open("wb") as stream:
        for part in (start, body):
            with part.open("rb") as source:
                shutil.copyfileobj(source, stream)
    body.unlink()
    os.chmod(target, 0o755)
    return target
