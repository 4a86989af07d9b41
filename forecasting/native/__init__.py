"""LSTM, GRU and plain RNN in C for the CPU: whole windows, forwards and backwards.

Never required: where the library is absent, torch computes the same. ``CANDLECAST_KERNEL`` chooses:
``auto`` (the kernel where it can be had), ``off``, or ``on`` (an error where it cannot be had).
:mod:`forecasting.models.native_pass` calls it.
"""

from __future__ import annotations

from forecasting.native.library import (
    CELL_STATES,
    KINDS,
    VARIABLE,
    HeadPass,
    Kernel,
    Pass,
    PinballPass,
    Precision,
    choice,
    load,
)

__all__ = [
    "CELL_STATES",
    "KINDS",
    "VARIABLE",
    "HeadPass",
    "Kernel",
    "Pass",
    "PinballPass",
    "Precision",
    "choice",
    "load",
]
