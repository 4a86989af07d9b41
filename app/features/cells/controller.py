"""Shows what goes on inside the network that trains, and the shapes that it can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.features.spec import FeatureContext, WindowController
from app.theme import Theme
from forecasting.config import SHAPES, ModelConfig, RunConfig, ShapeName, value_titles
from forecasting.errors import ConfigError
from forecasting.events import CellStates
from forecasting.shapes import Diagram, describe

if TYPE_CHECKING:
    from app.features.cells.window import CellWindow, ShapesWindow


class CellsController(WindowController["CellWindow"]):
    """Inside the cell, and the five shapes.

    Parameters
    ----------
    context : FeatureContext

    Attributes
    ----------
    strip : ShapesWindow or None
        The window of the shapes, once it was opened.
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context, "cells")
        self.strip: ShapesWindow | None = None
        self._drawn: CellStates | None = None
        self._part = ""
        self._connect("shapes", self.show_shapes)
        context.model.picture.cell_clicked.connect(self._open_part)
        context.model.picture.clicked.connect(self.show)
        context.model.shapes_requested.connect(self.show_shapes)
        context.model.config_changed.connect(self._follow_form)
        self._session.frame_due.connect(self._follow)

    def _build(self) -> CellWindow:
        from app.features.cells.window import CellWindow

        shown = CellWindow(self._window)
        shown.part_chosen.connect(self.show_part)
        return shown

    def show_part(self, name: str) -> None:
        """Explain one part of the cell, with its figures; all parts for "" and a part that there
        is not.
        """
        self._part = name
        if self.shown is not None:
            self._refresh(self.shown)

    def _open_part(self, kind: str) -> None:
        """Let the window open on the part that a box of the network's picture stands for."""
        self._part = {"convolution": "input"}.get(kind, kind)

    def show_shapes(self) -> None:
        """Open the strip of the five shapes."""
        if self.strip is None:
            from app.features.cells.window import ShapesWindow

            titles = value_titles(ModelConfig.model_fields["shape"])
            self.strip = ShapesWindow({name: titles[name] for name in SHAPES}, self._window)
            self.strip.set_theme(self._theme)
            self.strip.chosen.connect(self._context.model.choose_shape)
        self._follow_form()
        self._bring(self.strip)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        super().set_theme(theme)
        if self.strip is not None:
            self.strip.set_theme(theme)

    def _follow(self) -> None:
        shown = self.shown
        if shown and shown.isVisible() and self._session.seen.cells is not self._drawn:
            self._refresh(shown)

    def _refresh(self, shown: CellWindow) -> None:
        from app.charts.cell_parts import cell_parts, explain, value_of
        from app.lessons.pictures import inside, inside_part

        seen = self._session.seen
        self._drawn = cells = seen.cells
        config = self._context.model.last_config if cells is None else seen.config
        parts = cell_parts(config.model)
        part = next((item for item in parts if item.name == self._part), None)
        if cells is None:
            picture = inside([], config)
            text = self.tr("Train a network: its gates and its state are shown here, bar by bar.")
        else:
            picture = inside([seen], config) if part is None else inside_part(seen, part)
            text = self.tr("{name}, epoch {epoch}. {summary}").format(
                name=seen.name, epoch=cells.epoch, summary=picture.summary if part is None else ""
            )
        explanation = self.tr("Click a part, or go through them with the arrow keys.")
        if part is not None:
            explanation = f"{part.title}: {explain(part, cells, seen.untrained)}"
        values = {item.name: value_of(item, cells) for item in parts}
        shown.show_picture(picture, text.strip())
        shown.show_parts(parts, values, part.name if part else "", explanation)

    def _follow_form(self) -> None:
        if self.strip is not None:
            config = self._context.model.last_config
            self.strip.show_shapes(self._diagrams(), config.model.shape)

    def _diagrams(self) -> dict[ShapeName, Diagram]:
        """Return each shape with the settings of the form, or usual ones where they do not fit."""
        config = self._context.model.last_config
        found: dict[ShapeName, Diagram] = {}
        for name in SHAPES:
            try:
                found[name] = describe(config.changed(shape=name))
            except ConfigError:
                found[name] = describe(RunConfig().changed(shape=name, **_drawn_settings(config)))
        return found


def _drawn_settings(config: RunConfig) -> dict[str, Any]:
    """Return the settings of a network that its picture shows, whatever its shape."""
    names = ("model", "layers", "members", "embedding", "conv_kernel", "conv_channels")
    return {name: getattr(config.model, name) for name in names}
