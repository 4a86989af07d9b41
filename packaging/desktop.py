"""The files that let a desktop know the program: its entry, icons, file types and manual page."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ASSETS = ROOT / "assets"
#: Types of our own; their icons are the program's.
TYPES = ("application-x-candlecast", "application-x-candleproject")


def furnish(root: Path, bundle: Path, icons: Path) -> None:
    """Lay a bundle and its desktop files into the root of a file system.

    Parameters
    ----------
    root : Path
        Its ``usr`` is made.
    bundle : Path
    icons : Path
        Folder of ``SIDE.png``.
    """
    usr = root / "usr"
    shutil.copytree(bundle, usr / "lib" / "candlecast", symlinks=True, copy_function=_link)
    (usr / "bin").mkdir(parents=True)
    (usr / "bin" / "candlecast").symlink_to("../lib/candlecast/candlecast")
    share = usr / "share"
    _copy(ASSETS / "candlecast.desktop", share / "applications" / "candlecast.desktop")
    _copy(ASSETS / "candlecast.metainfo.xml", share / "metainfo" / "candlecast.metainfo.xml")
    _copy(HERE / "linux" / "candlecast-mime.xml", share / "mime" / "packages" / "candlecast.xml")
    hicolor = share / "icons" / "hicolor"
    _icon(ASSETS / "candlecast.svg", hicolor / "scalable")
    for picture in icons.glob("*.png"):
        _icon(picture, hicolor / f"{picture.stem}x{picture.stem}")
    manual = share / "man" / "man1" / "candlecast.1.gz"
    _compress(HERE / "linux" / "candlecast.1", manual)
    about = share / "doc" / "candlecast"
    _copy(HERE / "linux" / "copyright", about / "copyright")
    _compress(ROOT / "CHANGELOG.md", about / "changelog.gz")


def _link(source: str, target: str) -> None:
    """Make a second name of a file: a bundle is large, and is only read."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _icon(source: Path, folder: Path) -> None:
    _copy(source, folder / "apps" / f"candlecast{source.suffix}")
    for name in TYPES:
        _copy(source, folder / "mimetypes" / f"{name}{source.suffix}")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _compress(source: Path, target: Path) -> None:
    """Compress a text, with the same bytes each time."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(source.read_bytes(), 9, mtime=0))
