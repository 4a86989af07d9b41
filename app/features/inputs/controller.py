"""Inputs on screen: the list that the model form opens, and why a forecast is what it is."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from app.background import Failure, Reporting
from app.dialogs import ask_file
from app.features.inputs.dialog import InputsDialog
from app.features.inputs.explanation import ExplanationDialog
from app.features.inputs.strip import WhyStripController
from app.features.spec import FeatureContext, FeatureController
from app.theme import Theme
from app.widgets.input_table import InputChoice, listed
from forecasting import jobs
from forecasting.attribution import Ablated, Explained
from forecasting.errors import CandlecastError, ConfigError
from forecasting.events import Event
from forecasting.exog import ExogSpec, join_sources
from forecasting.series import Panel

if TYPE_CHECKING:
    from forecasting.training import TrainedNetwork

_CANDIDATES, _WHY = "inputs-candidates", "explain"
_FILES = "Tables (*.csv *.tsv *.txt *.xlsx *.parquet *.json *.gz *.zip)"


class InputsController(FeatureController):
    """Stands between the model form, the list of inputs, and the explanation of forecasts.

    Parameters
    ----------
    context : FeatureContext
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context)
        self._model = context.model
        self._sources: tuple[str, ...] = ()
        self.dialog = InputsDialog(self._window)
        self.explanation = ExplanationDialog(self._window)
        self.dialog.file_requested.connect(self._ask_file)
        self.dialog.accepted.connect(lambda: self._apply(self.dialog.choice()))
        self._model.inputs_requested.connect(self.choose)
        self._connect("inputs", self.choose)
        self._connect("explain", self.explain)
        self.strip = WhyStripController(
            self._session, context.chart, context.actions["why_strip"], self._preferences
        )
        self.strip.failed.connect(self._fail)

    def choose(self) -> None:
        """Open the list of columns of what is checked, with what the settings read already."""
        specs = self.specs()
        if specs is None:
            return
        panel = self._session.panel
        if panel is None:
            self.refused.emit(
                ConfigError("There are no prices whose columns could be inputs.", "Load some.")
            )
            return
        self.dialog.show_fault(None)
        self.dialog.show_columns((), specs)
        self._look_up(panel, keep=True)
        self.dialog.open()

    def explain(self) -> None:
        """Explain the forecast of the training that has finished last."""
        finished = self._session.finished
        if finished is None:
            self.refused.emit(
                ConfigError(
                    "There is no trained network whose forecast could be explained.",
                    "Train one; an earlier run shows its figures only.",
                )
            )
            return
        network: TrainedNetwork = finished.forecaster  # type: ignore[assignment]
        panel = finished.result.panel
        task = self._session.background.run(lambda _stop: _explained(panel, network), _WHY)
        task.yielded.connect(self._show)
        task.failed.connect(self._fail)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.dialog.set_theme(theme)
        self.explanation.set_theme(theme)

    def add_source(self, path: str) -> None:
        """Join the columns of a file."""
        panel = self._session.panel
        if panel is None:
            return
        self._sources = tuple(dict.fromkeys((*self._sources, str(Path(path).resolve()))))
        self._look_up(panel, keep=True)

    def _look_up(self, panel: Panel, *, keep: bool) -> None:
        from forecasting.jobs.exog import candidates

        inputs = self._model.config().inputs
        inputs = inputs.model_copy(update={"exog_sources": join_sources(self._sources)})
        task = self._session.background.call(candidates, panel, inputs, key=_CANDIDATES)
        task.returned.connect(self._list)
        task.failed.connect(self._fault)

    def _list(self, found: object) -> None:
        assert isinstance(found, dict)
        self.dialog.show_columns(listed(found), (), keep=True)

    def _fault(self, failure: Failure) -> None:
        self._sources = self._sources[:-1]
        self.dialog.show_fault(CandlecastError(failure.message, failure.hint))

    def _fail(self, failure: Failure) -> None:
        self.refused.emit(CandlecastError(failure.message, failure.hint))

    def _ask_file(self) -> None:
        title = self.tr("Add a file of columns")
        path = ask_file(self.dialog, self._preferences, title, _FILES)
        if path:
            self.add_source(path)

    def specs(self) -> tuple[ExogSpec, ...] | None:
        """Return the inputs that the settings read, None where the settings make no sense."""
        with Reporting(self.refused.emit):
            inputs = self._model.config().inputs
            self._sources = inputs.exog_references
            return tuple(inputs.exog)
        return None

    def take(self, choice: InputChoice) -> None:
        """Let the settings name the inputs of a choice, beside the files of inputs they name."""
        specs = self.specs()
        if specs is not None:
            self._apply(choice)

    def _apply(self, choice: InputChoice) -> None:
        with Reporting(self.refused.emit):
            config = self._model.config().changed(
                hist_exog=choice.hist_exog,
                futr_exog=choice.futr_exog,
                stat_exog=choice.stat_exog,
                exog_sources=join_sources(self._sources),
            )
            self._model.show_config(config)

    def _show(self, event: object) -> None:
        if isinstance(event, Ablated):
            self.explanation.show_gains(event)
        if isinstance(event, Explained):
            self.explanation.show_gains(None)
            self.explanation.show_explanations(event.explanations)
            self.explanation.show()
            self.explanation.raise_()


def _explained(panel: Panel, network: TrainedNetwork) -> Generator[Event, None, None]:
    """Explain the forecast of a network, and measure what its inputs add."""
    yield from jobs.explain(panel, network)
    if network.covariates is not None:
        yield from jobs.ablate(panel, network)
