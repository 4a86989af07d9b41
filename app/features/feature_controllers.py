"""The controllers of the features that stand by themselves, each imported and made when it is first
needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Qt

from app.features.spec import FeatureContext, FeatureController, FeatureSpec
from app.widgets.late import Late


class FeatureControllers(QObject):
    """The controllers of the features by name, each made when it is asked for, when its panel is
    seen, or when one of its commands is given.

    Parameters
    ----------
    context : FeatureContext
    specs : sequence of FeatureSpec
    frames : mapping of str to QWidget
        What stands in each dock: the panel of a feature is a :class:`Late`.
    wire : callable
        Connects a controller that was made with the window.

    Attributes
    ----------
    context : FeatureContext
        With the controllers in it.
    made : dict of str to FeatureController
        Those that are there.
    """

    def __init__(
        self,
        context: FeatureContext,
        specs: Sequence[FeatureSpec],
        frames: Mapping[str, Any],
        wire: Callable[[FeatureController], object],
    ) -> None:
        super().__init__(context.window)
        self.context = replace(context, features=self)
        self._wire = wire
        self._specs = {spec.name: spec for spec in specs}
        self._making: set[str] = set()
        self.made: dict[str, Any] = {}
        for spec in specs:
            for name in spec.commands:
                context.actions[name].triggered.connect(
                    partial(self._begin, spec.name, name),
                    Qt.ConnectionType.SingleShotConnection,
                )
            frame = frames.get(spec.name)
            if isinstance(frame, Late):
                frame.once_built(partial(self._make, spec.name))

    def __getitem__(self, name: str) -> Any:
        """Return a controller, which is made if it is not there yet."""
        self._make(name)
        return self.made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def make_early(self) -> None:
        """Make those that the window has from the start."""
        for name, spec in self._specs.items():
            if spec.early:
                self._make(name)

    def make_next(self) -> bool:
        """Make one controller that is not there yet; False where all are."""
        name = next((name for name in self._specs if name not in self.made), None)
        if name is not None:
            self._make(name)
        return name is not None

    def _begin(self, name: str, command: str, _checked: bool = False) -> None:
        """Give a command to a controller that was not there to hear it."""
        if name not in self.made:
            self._make(name)
            self.context.actions[command].trigger()

    def _make(self, name: str, _panel: object = None) -> None:
        if name in self.made or name in self._making:
            return
        self._making.add(name)
        try:
            self.made[name] = self._specs[name].make_controller(self.context)
        finally:
            self._making.discard(name)
        self._wire(self.made[name])
