"""The library as Python sees it: found, loaded and called through ctypes, which lets other threads
run meanwhile.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from forecasting.errors import ConfigError
from forecasting.native import build

#: The environment variable that chooses the kernel, and what it may say.
VARIABLE = "CANDLECAST_KERNEL"
CHOICES = ("auto", "off", "on")
#: Units that the kernel computes; the place of a name is its number there.
KINDS = ("lstm", "gru", "tanh", "relu")
#: Whether a unit has a cell state beside the hidden one, by its number.
CELL_STATES = (True, False, False, False)
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


class HeadPass(ctypes.Structure):
    """One pass of the head; the fields are those of ``outputs.h``."""

    _fields_ = (
        *(
            (name, ctypes.c_void_p)
            for name in ("state", "weight", "bias", "basis", "gain", "farthest")
        ),
        *((name, ctypes.c_void_p) for name in ("out", "d_out", "d_state", "d_weight", "d_bias")),
        *((name, ctypes.c_int64) for name in ("N", "K", "D", "steps")),
    )


class PinballPass(ctypes.Structure):
    """One pinball loss; the fields are those of ``outputs.h``."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("out", "target", "baseline", "median", "levels")),
        *((name, ctypes.c_void_p) for name in ("losses", "slopes")),
        *((name, ctypes.c_int64) for name in ("N", "T", "steps", "Q", "count")),
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
    activations : callable
        Compute sigmoid and tanh of numbers.
    head_forward, head_backward, pinball : callable
        Compute the head and the loss.
    clip : callable
        Hold the norm of gradients below a limit.
    tile_width : int
        Windows of a tile.
    """

    processor: str
    forward: Callable[..., int]
    backward: Callable[..., int]
    tile_size: Callable[..., int]
    activations: Callable[..., None]
    head_forward: Callable[..., None]
    head_backward: Callable[..., None]
    pinball: Callable[..., None]
    clip: Callable[..., None]
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
        return _why_not_built()
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        return f"it cannot be loaded: {error}"
    library.processor.restype = ctypes.c_char_p
    chosen = processor or library.processor().decode()
    return _bound(library, precision, chosen if precision == "f32" else "plain")


def _why_not_built() -> str:
    """Return why there is no library, with the next step where there is one."""
    reason = build.reason_path()
    if reason.exists():
        return f"it could not be compiled: {reason.read_text(encoding='utf-8')[:200]}"
    if not os.access(build.SOURCES, os.W_OK) or not any(build.SOURCES.glob("*.c")):
        return "this installation came without it"
    command = f"python {build.SOURCES / 'build.py'}"
    if build.compiler() is None:
        return f"it was not built, as there is no C compiler; install one, then run: {command}"
    return f"it has not been built yet; build it with: {command}"


def _bound(library: ctypes.CDLL, precision: Precision, processor: str) -> Kernel:
    arguments: dict[str, tuple[Any, ...]] = {
        "forward": (ctypes.POINTER(Pass),),
        "backward": (ctypes.POINTER(Pass),),
        "tile_size": (ctypes.POINTER(Pass),),
        "tile_width": (),
        "activations": (ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p),
        "head_forward": (ctypes.POINTER(HeadPass),),
        "head_backward": (ctypes.POINTER(HeadPass),),
        "pinball": (ctypes.POINTER(PinballPass),),
        "clip": (
            *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64),
            *(ctypes.c_double, ctypes.c_double, ctypes.c_void_p),
        ),
    }
    results: dict[str, Any] = {"forward": ctypes.c_int, "backward": ctypes.c_int}
    results |= dict.fromkeys(("tile_size", "tile_width"), ctypes.c_int64)
    found: dict[str, Any] = {}
    for name, kinds in arguments.items():
        function = getattr(library, f"{name}_{precision}_{processor}")
        function.argtypes, function.restype = kinds, results.get(name)
        found[name] = function
    return Kernel(processor, **{**found, "tile_width": found["tile_width"]()})
