"""Torch without its headers, tests and compiler; PyInstaller's own hook gathers all of it."""

from pathlib import Path

from contents import is_named, modules
from PyInstaller.utils.hooks import PY_DYLIB_PATTERNS, collect_dynamic_libs, get_package_paths

_FOLDER = Path(get_package_paths("torch")[1])
# Some of its modules read their own source when they are imported.
module_collection_mode = "pyz+py"
warn_on_missing_hiddenimports = False
hiddenimports = [name for name in modules(_FOLDER) if is_named(name)]
binaries = collect_dynamic_libs("torch", search_patterns=[*PY_DYLIB_PATTERNS, "*.so.*"])
# The program that it looks for beside its libraries.
binaries += [(str(path), "torch/bin") for path in _FOLDER.glob("bin/torch_shm_manager")]
# Links to them in the folder above confuse torch about where its libraries are.
bindepend_symlink_suppression = ["**/torch/lib/*.so*"]
