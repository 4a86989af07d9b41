"""Compile the sources in a bundle, so that none is compiled when it is imported.

    python compiled.py BUNDLE

Where a library needs its own source, PyInstaller lays ``module.py`` beside ``module.pyc``. Python
takes the first and looks for its compiled form in ``__pycache__``, which cannot be written where a
package is installed.
"""

from __future__ import annotations

import py_compile
import sys
from pathlib import Path


def compile_sources(folder: Path) -> None:
    """Move each compiled form to where Python looks for it; it is not compared with its source."""
    sys.pycache_prefix = None  # PYTHONPYCACHEPREFIX of who builds would lay them elsewhere
    for path in folder.rglob("*.py"):
        py_compile.compile(
            str(path),
            dfile=path.relative_to(folder).as_posix(),
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        path.with_suffix(".pyc").unlink(missing_ok=True)


if __name__ == "__main__":
    compile_sources(Path(sys.argv[1]) / "_internal")
