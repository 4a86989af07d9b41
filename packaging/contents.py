"""What goes into the bundle, and what stays out.

Patterns are those of :mod:`fnmatch` over the path inside the bundle, with ``/`` on every system.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

#: Imported at run time by names that no analysis of the source can see: all modules of these.
WHOLE_PACKAGES = ("app", "forecasting", "candlecast", "exchange_calendars", "tzdata")

#: Whose data files are read; those that are there.
WITH_DATA = (*WHOLE_PACKAGES, "arch", "pandas_ta_classic")

#: Modules that some library names, and that no command of the program ever imports.
UNUSED_MODULES = (
    # interpreters, installers and tests
    "IPython",
    "PyInstaller",
    "_pytest",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pip",
    "pkg_resources",
    "py",
    "pydoc_data",
    "pytest",
    "setuptools",
    "tkinter",
    "turtle",
    "turtledemo",
    "wheel",
    # drawing with other libraries
    "matplotlib",
    "pyqtgraph.examples",
    "pyqtgraph.jupyter",
    "pyqtgraph.opengl",
    # parts of Qt
    "PySide6.QtConcurrent",
    "PySide6.QtDBus",
    "PySide6.QtDesigner",
    "PySide6.QtHelp",
    "PySide6.QtPrintSupport",
    "PySide6.QtQml",
    "PySide6.QtQuick",
    "PySide6.QtQuickControls2",
    "PySide6.QtQuickTest",
    "PySide6.QtQuickWidgets",
    "PySide6.QtSql",
    "PySide6.QtTest",
    "PySide6.QtUiTools",
    # studies of the search that are stored in a database server
    "alembic",
    "mako",
    "sqlalchemy",
    # graphs of torch's compiler, and tools for its developers
    "caffe2",
    "networkx",
    "torch.utils.benchmark",
    "torch.utils.tensorboard",
    # services that pyarrow can talk to, and its tests
    "pyarrow._flight",
    "pyarrow._parquet_encryption",
    "pyarrow._dataset_parquet_encryption",
    "pyarrow._pyarrow_cpp_tests",
    "pyarrow._s3fs",
    "pyarrow._substrait",
    "pyarrow.cffi",
    "pyarrow.flight",
    "pyarrow.parquet.encryption",
    "pyarrow.substrait",
    "pyarrow.tests",
)

#: Submodules of torch that are not gathered by name; what others import of them is there.
UNNAMED_TORCH = (
    "torch._inductor",
    "torch.distributed",
    "torch.onnx",
    "torch.testing",
    "torch.utils.benchmark",
    "torch.utils.bottleneck",
    "torch.utils.tensorboard",
)

#: Files that hooks gather and nothing reads.
UNUSED_FILES = (
    "*.a",
    "*.cmake",
    "*.cpp",
    "*.cu",
    "*.cuh",
    "*.h",
    "*.hpp",
    "*.pxd",
    "*.pxi",
    "*.pyi",
    "*.pyx",
    "*/py.typed",
    "*/tests/*",
    # Qt: only what widgets, SVG, and the platforms of a desktop need
    "PySide6/Qt/translations/*",
    "PySide6/Qt/qml/*",
    "PySide6/Qt/metatypes/*",
    "PySide6/Qt/libexec/*",
    "PySide6/Qt/plugins/egldeviceintegrations/*",
    "PySide6/Qt/plugins/generic/*",
    "PySide6/Qt/plugins/imageformats/libqpdf.*",
    "PySide6/Qt/plugins/networkinformation/*",
    "PySide6/Qt/plugins/platforminputcontexts/*virtualkeyboard*",
    "PySide6/Qt/plugins/platforms/libqeglfs.*",
    "PySide6/Qt/plugins/platforms/libqlinuxfb.*",
    "PySide6/Qt/plugins/platforms/libqminimal*.*",
    "PySide6/Qt/plugins/platforms/libqvkkhrdisplay.*",
    "PySide6/Qt/plugins/platforms/libqvnc.*",
    "PySide6/Qt/plugins/qmltooling/*",
    "PySide6/Qt/plugins/tls/*",
    "PySide6/Qt/plugins/wayland-graphics-integration-server/*",
    "*libQt6EglF[sS]*",
    "*libQt6Pdf.*",
    "*libQt6Qml*",
    "*libQt6Quick*",
    "*libQt6Test.*",
    "*libQt6VirtualKeyboard*",
    # the desktop's own: libraries of GTK come with the desktop that has them
    "PySide6/Qt/plugins/platformthemes/libqgtk3.*",
    "libgtk-3*",
    "libgdk-3*",
    # pyarrow: services, and the second and third copies of what its wheel holds as links
    "*libarrow_flight.*",
    "*libarrow_python_flight.*",
    "*libarrow_python_parquet_encryption.*",
    "*libarrow_s3.*",
    "pyarrow/include/*",
    "pyarrow/src/*",
    "pyarrow/libarrow_python.so",
    "pyarrow/libarrow_python.so.*.*.*",
    # torch: headers, tests and tools
    "torch/bin/[!t]*",
    "torch/bin/test_*",
    "torch/include/*",
    "torch/lib/libaoti_custom_ops.*",
    "torch/lib/libbackend_with_compiler.*",
    "torch/lib/libjitbackend_test.*",
    "torch/lib/libshm/*",
    "torch/lib/libshm_windows/*",
    "torch/lib/libtorchbind_test.*",
    "torch/share/*",
    "torch/test/*",
)

#: What a bundle cannot do without; looked for after each build. ``*`` stands for versions.
REQUIRED_FILES = (
    "app/assets/candlecast.svg",
    "app/assets/report.css",
    "app/assets/style.qss",
    "app/assets/icons/train.svg",
    "app/assets/lessons/1.toml",
    "app/docs/window.md",
    "app/docs/images/odds.png",
    "app/export/report.html.j2",
    "forecasting/native/cells.c",
    "forecasting/native/built/cells-*",
    "candlecast-*.dist-info/METADATA",
    "candlecast-*.dist-info/entry_points.txt",
    "torch-*.dist-info/METADATA",
    "licences/INDEX.txt",
    "licences/QT.md",
    "licences/candlecast-*/LICENSE",
    "torch/bin/torch_shm_manager",
    "PySide6/QtOpenGLWidgets.*",
    "PySide6/Qt/plugins/platforms/libqxcb.*",
    "PySide6/Qt/plugins/platforms/libqoffscreen.*",
    "PySide6/Qt/plugins/platforms/libqwayland*.*",
    "PySide6/Qt/plugins/imageformats/libqsvg.*",
    "*libxcb-cursor.so.0",
    "certifi/cacert.pem",
    "tzdata/zoneinfo/America/New_York",
)

#: Distributions that build the bundle and are no part of it.
BUILD_TOOLS = frozenset(
    {"altgraph", "pip", "pyinstaller", "pyinstaller-hooks-contrib", "setuptools", "wheel"}
)
#: Distributions that a library asks for and no command imports: :data:`UNUSED_MODULES`.
LEFT_OUT = frozenset({"alembic", "mako", "networkx", "sqlalchemy"})

_OURS = ("app/", "forecasting/")
#: Libraries that every desktop brings: those of the C runtime, the X server and the graphics card.
_SYSTEM = re.compile(
    r"lib(c|m|dl|rt|pthread|util|resolv|anl|nsl|crypt"
    r"|GL|GLX|OpenGL|EGL|GLESv2|GLdispatch|drm|gbm|X11|X11-xcb|xcb|wayland-.*"
    r"|fontconfig|freetype|dbus-1|glib-2\.0|gthread-2\.0|gio-2\.0|gobject-2\.0)\.so.*"
)


def is_unused(path: str) -> bool:
    """Whether a file stays out of the bundle.

    Parameters
    ----------
    path : str
        Inside the bundle; separators of any system.
    """
    plain = path.replace("\\", "/")
    if plain.startswith(_OURS):  # the kernel's library is found by a sum over its sources
        return False
    return any(fnmatchcase(plain, pattern) for pattern in UNUSED_FILES)


def modules(folder: Path) -> list[str]:
    """Return the names of all modules of a package, without importing any.

    Parameters
    ----------
    folder : Path
        The package.
    """
    sources = sorted(folder.rglob("*.py"))
    names = [path.relative_to(folder.parent).with_suffix("").parts for path in sources]
    plain = [parts[:-1] if parts[-1] == "__init__" else parts for parts in names]
    return [".".join(parts) for parts in plain if all(part.isidentifier() for part in parts)]


def is_named(module: str) -> bool:
    """Whether a submodule of torch is gathered by its name."""
    parts = module.split(".")
    prefixes = {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
    return not prefixes.intersection((*UNNAMED_TORCH, *UNUSED_MODULES))


def is_systems(library: str) -> bool:
    """Whether a shared library is left to the system that the bundle runs on."""
    return _SYSTEM.fullmatch(library) is not None


def missing(folder: Path, patterns: Iterable[str] = REQUIRED_FILES) -> list[str]:
    """Return which required files a bundle lacks.

    Parameters
    ----------
    folder : Path
        The folder of the libraries, ``_internal``.
    patterns : iterable of str
    """
    return [pattern for pattern in patterns if next(folder.glob(pattern), None) is None]
