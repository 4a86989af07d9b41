"""The bars above the chart: messages and offers, of which one is seen at a time."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFrame


class MessageBar(QFrame):
    """A bar that wants to be seen or not; :class:`MessageBarStack` decides which of several is.

    Attributes
    ----------
    wanted_changed : Signal
        The bar wants to be seen, or no longer.
    """

    wanted_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._wanted = False

    @property
    def wanted(self) -> bool:
        """Whether the bar has something to say, be it seen now or after another one."""
        return self._wanted

    @property
    def urgent(self) -> bool:
        """Whether the bar goes before others that have been there longer."""
        return False

    def set_active(self, wanted: bool) -> None:
        """Ask to be seen, or no longer."""
        self._wanted = wanted
        self.setVisible(wanted)
        self.wanted_changed.emit()


class MessageBarStack(QObject):
    """Shows one of several bars: an urgent one, or else the first that wants to be seen.

    Parameters
    ----------
    bars : sequence of MessageBar
        In the order in which they take turns; the last one is also seen while the others are held
        back.

    Attributes
    ----------
    shown : MessageBar or None
        The bar that is seen.
    arranged : Signal
        A bar may have been shown or hidden.
    """

    arranged = Signal()

    def __init__(self, bars: Sequence[MessageBar]) -> None:
        super().__init__(bars[0])
        self._bars, self._held = tuple(bars), False
        self.shown: MessageBar | None = None
        for bar in bars:
            bar.wanted_changed.connect(self._arrange)

    def hold(self, held: bool) -> None:
        """Hold all bars but the last one back, as long as something else asks for attention."""
        self._held = held
        self._arrange()

    def _arrange(self) -> None:
        may = [
            bar
            for bar in self._bars
            if bar.wanted and not (self._held and bar is not self._bars[-1])
        ]
        first = next((bar for bar in may if bar.urgent), may[0] if may else None)
        for bar in self._bars:
            bar.setVisible(bar is first)
        self.shown = first
        self.arranged.emit()
