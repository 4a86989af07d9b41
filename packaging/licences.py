"""Metadata and licences of everything in the bundle."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

import contents

#: Names of files that state a licence.
_LICENCE = re.compile(r"(.*/)?(licen[cs]e|copying|notice|authors|copyright)[^/]*", re.IGNORECASE)
_FOLDER = re.compile(r".*\.dist-info/licenses/.+")
_METADATA = ("METADATA", "entry_points.txt", "top_level.txt", "WHEEL")
_HERE = Path(__file__).resolve().parent

Entry = tuple[str, str]


def included() -> list[Distribution]:
    """Return the distributions of this environment that are in the bundle, by name."""
    found = {_plain(item.metadata["Name"]): item for item in distributions()}
    out = contents.BUILD_TOOLS | contents.LEFT_OUT
    return [item for name, item in sorted(found.items()) if name not in out]


def _plain(name: str) -> str:
    """Return a name as package indexes spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def metadata() -> list[Entry]:
    """Return source and folder of the metadata files that programs ask for: versions and entry
    points.
    """
    return [
        (str(item.locate_file(file)), file.parent.as_posix())
        for item in included()
        for file in item.files or ()
        if file.parent.suffix == ".dist-info" and file.name in _METADATA
    ]


def texts() -> list[Entry]:
    """Return source and folder of every licence file, of the note on Qt, and of the index."""
    found = []
    for item in included():
        folder = f"licences/{item.metadata['Name']}-{item.version}"
        found += [(path, folder) for path in _licence_files(item)]
    found += [(str(path), "licences/Python") for path in _licence_of_python()]
    found += [(str(path), "licences") for path in sorted((_HERE / "licences").glob("*"))]
    return found


def _licence_files(item: Distribution) -> Iterator[str]:
    for file in item.files or ():
        plain = file.as_posix()
        if plain.endswith((".py", ".pyc", ".pyi", ".so", ".h")):
            continue
        if _FOLDER.fullmatch(plain) or _LICENCE.fullmatch(plain):
            yield str(item.locate_file(file))


def _licence_of_python() -> list[Path]:
    standard = Path(sysconfig.get_path("stdlib"))
    candidates = (standard / "LICENSE.txt", standard.parent / "LICENSE.txt")
    return [path for path in candidates if path.is_file()][:1]


def index(system: dict[str, str]) -> str:
    """Return the text that lists what is in the bundle, its version and its licence.

    Parameters
    ----------
    system : dict of str to str
        Package of the build machine by the library that comes from it.
    """
    lines = ["What is in this bundle, and its licence. The texts are in the folders beside.", ""]
    for item in included():
        about = item.metadata
        stated = about.get("License-Expression") or _classifiers(item) or about.get("License") or ""
        short = stated.splitlines()[0] if stated else "see its folder"
        lines.append(f"{about['Name']} {item.version}: {short}")
    lines += ["", "Libraries of the system that it was built on:", ""]
    lines += [f"{library}: {package}" for library, package in sorted(system.items())]
    return "\n".join(lines) + "\n"


def _classifiers(item: Distribution) -> str:
    found = item.metadata.get_all("Classifier") or []
    names = [name.split(" :: ")[-1] for name in found if name.startswith("License ::")]
    return ", ".join(names)


def package_of(library: Path) -> str:
    """Return which package of a Debian system owns a library; "" where none does."""
    for path in (library, library.resolve(), Path(str(library.resolve()).removeprefix("/usr"))):
        done = subprocess.run(
            ["dpkg-query", "--search", str(path)], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return done.stdout.split(":")[0]
    return ""
