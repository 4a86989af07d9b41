"""The library as Python sees it: found, loaded and called through ctypes, which lets other threads
run meanwhile.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from forecasting.errors import ConfigError
from forecasting.native import build

#: The environment variable that chooses the kernel, and what it may say.
VARIABLE = "CANDLECAST_KERNEL"
CHOICES = ("auto", "off", "on")
#: Units that the kernel computes; the place of a name is its number there.
KINDS = ("lstm", "gru", "tanh", "relu")
Precision = Literal["f32", "f64"]

_STRIDES = {"bars_by_window", "bars_by_bar", "d_by_window", "d_by_bar"}
_POINTERS_AND_STRIDES = (
    *("bars", "bars_by_window", "bars_by_bar", "hidden", "cell", "W", "U", "b", "c"),
    *("record", "outputs", "last_hidden", "last_cell"),
    *("d_outputs", "d_by_window", "d_by_bar", "d_last_hidden", "d_last_cell"),
    *("d_bars", "d_hidden", "d_cell", "d_W", "d_U", "d_b", "d_c"),
)
_NUMBERS = ("kind", "B", "L", "C", "H", "first_tile", "end_tile")


class Pass(ctypes.Structure):
    """One pass over a batch; the fields are those of ``layout.h``."""

    _fields_ = (
        *(
            (name, ctypes.c_ssize_t if name in _STRIDES else ctypes.c_void_p)
            for name in _POINTERS_AND_STRIDES
        ),
        *((name, ctypes.c_int64) for name in _NUMBERS),
    )


@dataclass(frozen=True)
class Kernel:
    """The functions of the library for one precision.

    Attributes
    ----------
    processor : str
        ``avx2`` or ``plain``: the kind of code that this processor runs.
    forward, backward : callable
        Run tiles of a pass; return 0, or 1 where there is no memory.
    tile_size : callable
        Return the numbers that a tile's record takes.
    tile_width : int
        Windows of a tile.
    """

    processor: str
    forward: Callable[..., int]
    backward: Callable[..., int]
    tile_size: Callable[..., int]
    activations: Callable[..., None]
    tile_width: int


def choice() -> str:
    """Return what the environment chooses: ``auto``, ``off`` or ``on``.

    Raises
    ------
    ConfigError
        Another word.
    """
    word = os.environ.get(VARIABLE, "").strip().lower() or "auto"
    if word not in CHOICES:
        raise ConfigError(
            f"{VARIABLE} = {word!r:.40}: the native kernel is auto, off or on.",
            f"Set {VARIABLE} to one of these, or leave it out.",
        )
    return word


@cache
def load(precision: Precision = "f32", processor: str = "") -> Kernel | str:
    """Load the library; return why it cannot be had where that is so.

    ``processor`` names the kind of code; "" lets the processor decide.
    """
    path = build.library_path()
    if not path.exists():
        reason = build.reason_path()
        if reason.exists():
            return f"it could not be compiled: {reason.read_text(encoding='utf-8')[:200]}"
        return "it was not built, as no C compiler was found at set-up"
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        return f"it cannot be loaded: {error}"
    library.processor.restype = ctypes.c_char_p
    chosen = processor or library.processor().decode()
    return _bound(library, precision, chosen if precision == "f32" else "plain")


def _bound(library: ctypes.CDLL, precision: Precision, processor: str) -> Kernel:
    found = {
        name: getattr(library, f"{name}_{precision}_{processor}")
        for name in ("forward", "backward", "tile_size", "tile_width", "activations")
    }
    for name in ("forward", "backward", "tile_size"):
        found[name].argtypes = (ctypes.POINTER(Pass),)
    for name in ("tile_size", "tile_width"):
        found[name].restype = ctypes.c_int64
    found["activations"].argtypes = (
        ctypes.c_void_p,
        ctypes.c_int64,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    found["activations"].restype = None
    return Kernel(processor, **{**found, "tile_width": found["tile_width"]()})
