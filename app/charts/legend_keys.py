"""The keyboard in a legend: from entry to entry, hide and show, show one alone."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt

from app.charts.legend import LegendArtist

_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}


class LegendKeys:
    """Keys of a legend: L enters and leaves it, arrows go on, Space hides and shows, Shift+Space
    shows one alone.

    Parameters
    ----------
    legend : LegendArtist
    toggle, solo : callable
        Take the key of an entry.
    say : callable
        Takes what is to be said of the entry at the keyboard; "" when the legend is left.
    """

    def __init__(
        self,
        legend: LegendArtist,
        toggle: Callable[[str], None],
        solo: Callable[[str], None],
        say: Callable[[str], None],
    ) -> None:
        self._legend, self._toggle, self._solo, self._say = legend, toggle, solo, say

    def key(self, key: int, shift: bool) -> bool:
        """Take a key; False where it means nothing to the legend."""
        step = _STEPS.get(Qt.Key(key), 0)
        if key == Qt.Key.Key_L:
            self._choose(0 if self._legend.chosen is None else None)
            return True
        if self._legend.chosen is None or not (step or key == Qt.Key.Key_Space):
            return False
        keys = [entry.key for entry in self._legend.entries if entry.key]
        index = keys.index(self._legend.chosen) if self._legend.chosen in keys else 0
        if not step and keys:
            change = self._solo if shift else self._toggle
            change(keys[index])
        self._choose(index + step)
        return True

    def leave(self) -> None:
        """Leave the legend without a word."""
        self._legend.chosen = None

    def _choose(self, index: int | None) -> None:
        """Put the keyboard on an entry of the legend, or away from it, and say which."""
        entries = [entry for entry in self._legend.entries if entry.key]
        if index is None or not entries:
            self._legend.chosen = None
            self._say("")
            return
        entry = entries[index % len(entries)]
        self._legend.chosen = entry.key
        hidden = entry.key in self._legend.hidden
        state = "hidden; Space shows it" if hidden else "shown; Space hides it"
        self._say(f"Legend: {entry.label} is {state}. Arrow keys go on, L leaves.")
