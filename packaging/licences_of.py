"""Write the index of a bundle's licences, with the packages that system libraries came from.

python licences_of.py BUNDLE WORK_FOLDER_OF_PYINSTALLER
"""

from __future__ import annotations

import ast
import shutil
import sys
from pathlib import Path

import licences


def system_libraries(work: Path) -> dict[str, Path]:
    """Return where each library came from that no wheel and no Python has brought.

    Parameters
    ----------
    work : Path
        PyInstaller's folder of work; ``COLLECT-00.toc`` lists what went where.
    """
    (listing,) = work.glob("COLLECT-00.toc")
    entries = ast.literal_eval(listing.read_text(encoding="utf-8"))[0]
    return {
        name: Path(source)
        for name, source, kind in entries
        if kind == "BINARY" and source.startswith(("/lib/", "/usr/lib", "/lib64/"))
    }


def main() -> None:
    """Write ``licences/INDEX.txt`` and copy the licences of the system's packages."""
    bundle, work = Path(sys.argv[1]), Path(sys.argv[2])
    folder = next(bundle.glob("**/licences"))
    packages: dict[str, str] = {}
    for library, source in system_libraries(work).items():
        if next(bundle.rglob(library), None) is None:
            continue
        name = licences.package_of(source) if shutil.which("dpkg-query") else ""
        packages[library] = name or "unknown"
        text = Path("/usr/share/doc") / name / "copyright"
        if name and text.is_file():
            shutil.copyfile(text, folder / f"{name}.copyright")
    (folder / "INDEX.txt").write_text(licences.index(packages), encoding="utf-8")


if __name__ == "__main__":
    main()
