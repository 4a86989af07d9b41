"""Models combined on screen: chosen in a dialog, combined aside, judged and shown."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.background import Failure, Job, Reporting
from app.charts.plot import Columns
from app.dialogs import ask_file
from app.features.combination.dialog import CombinationDialog
from app.features.spec import FeatureContext, FeatureController
from app.model_titles import model_title
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError, ConfigError
from forecasting.events import Event, Progress, RunResult
from forecasting.series import Panel

if TYPE_CHECKING:
    from forecasting.jobs import CombinationFinished
    from forecasting.training import TrainedNetwork

_KEY, _RUNS = "combine", "combine-runs"
#: Most kept runs that are offered: the latest ones.
_MOST_RUNS = 12
#: Baselines that are offered; those that are chosen at first.
_BASELINES = ("har", "garch-t", "ewma", "drift", "random-walk", "historical-simulation")
_USUAL = ("har", "garch-t")
#: Key of the network of the last training.
_TRAINED = "trained"
#: Metrics that are shown.
_METRICS = ("crps_bp", "crps", "mae", "coverage_80", "coverage_95")


class CombinationController(FeatureController):
    """Stands between the dialog of combinations and the session.

    Parameters
    ----------
    context : FeatureContext
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context)
        self._model = context.model
        self._files: list[str] = []
        self._runs: dict[str, str] = {}
        self.result: RunResult | None = None
        self.dialog = CombinationDialog(self._window)
        self.dialog.combine_requested.connect(self.combine)
        self.dialog.stop_requested.connect(self.stop)
        self.dialog.journal_requested.connect(self.enter_journal)
        self.dialog.file_requested.connect(self._ask_file)
        self.dialog.finished.connect(lambda _result: self.stop())
        self._connect("combine", self.open_dialog)

    def open_dialog(self) -> None:
        """Show the models that can be combined now."""
        chosen = list(_USUAL)
        if self._session.finished is not None:
            chosen.append(_TRAINED)
        self._list(chosen)
        self.dialog.show_message("")
        self.dialog.show()
        self.dialog.raise_()
        panel = self._session.panel
        if panel is not None:
            task = self._session.background.call(_stored_runs, panel.symbols, key=_RUNS)
            task.returned.connect(self._offer_runs)

    def add_file(self, path: str) -> None:
        """Offer a saved network or a file of forecasts, and choose it."""
        if path not in self._files:
            self._files.append(path)
        self._list([*self.dialog.chosen(), path])

    def combine(self) -> None:
        """Combine what is chosen, on the series that are checked."""
        try:
            job = self._job(self.dialog.chosen())
        except CandlecastError as error:
            self.dialog.show_message(f"{error.message} {error.hint}".strip())
            return
        self.dialog.show_result("", (), {})
        self.dialog.show_running(True)
        self.dialog.show_message(self.tr("Combining…"))
        task = self._session.background.run(job, _KEY)
        task.yielded.connect(self._show_progress)
        task.returned.connect(self._take)
        task.failed.connect(self._fail)

    def stop(self) -> None:
        """Give up what is being combined."""
        self._session.background.cancel(_KEY)
        self.dialog.show_running(False)
        self.dialog.show_message("")

    def enter_journal(self) -> None:
        """Enter the forecast of the combination, to be compared with what happens."""
        from forecasting.store import Journal

        if self.result is None:
            return
        with Reporting(self.refused.emit):
            with Journal() as journal:
                added = journal.add(self.result.forecasts, self.result.panel, self.result.config)
            text = self.tr("Forecasts entered in the journal: {n}.").format(n=added)
            self.dialog.show_message(text)

    def _offer_runs(self, runs: dict[str, str]) -> None:
        """Offer the forecasts of runs that were kept; what is chosen stays so."""
        self._runs = runs
        self._list(self.dialog.chosen())

    def _list(self, chosen: Sequence[str]) -> None:
        titles: dict[str, str] = {}
        finished = self._session.finished
        if finished is not None:
            name = finished.result.config.model.title
            titles[_TRAINED] = self.tr("{network} of the last training").format(network=name)
        titles |= {path: Path(path).name for path in self._files}
        titles |= {name: model_title(name) for name in _BASELINES}
        titles |= self._runs
        self.dialog.show_models(titles, chosen)

    def _job(self, chosen: Sequence[str]) -> Job:
        config, panel = self._model.config(), self._session.panel
        if panel is None:
            raise ConfigError("No series is checked.", "Check the series that are forecast.")
        finished = self._session.finished
        members: list[str | Path | TrainedNetwork] = []
        for key in chosen:
            if key == _TRAINED and finished is not None:
                members.append(finished.forecaster)  # type: ignore[arg-type]
                config, panel = finished.result.config, finished.result.panel
            else:
                members.append(Path(key) if key in self._files else key)
        return _combining(panel, config, members)

    def _show_progress(self, event: object) -> None:
        if isinstance(event, Progress):
            self.dialog.show_message(event.message)

    def _take(self, made: object) -> None:
        from forecasting.jobs import CombinationFinished
        from forecasting.summary import summarise

        self.dialog.show_running(False)
        if not isinstance(made, CombinationFinished):
            self.dialog.show_message(self.tr("Stopped."))
            return
        self.result = made.result
        self.dialog.show_message("")
        result = made.result
        judged = summarise(
            result.verdict,
            result.scores,
            freq=result.panel[0].freq or "",
            whose=self.tr("the combination's"),
        )
        weights = result.verdict.notes[0]
        self.dialog.show_result(judged.sentence, (weights, *judged.reasons), _sheet(result))

    def _fail(self, failure: Failure) -> None:
        self.dialog.show_running(False)
        self.dialog.show_message(f"{failure.message} {failure.hint}".strip())

    def _ask_file(self) -> None:
        path = ask_file(self.dialog, self._preferences, self.tr("Add a saved network or forecasts"))
        if path:
            self.add_file(path)


def _stored_runs(symbols: tuple[str, ...]) -> dict[str, str]:
    """Return the latest runs of some series by what a combination calls them."""
    from forecasting.store import RunStore

    with RunStore() as store:
        runs = [
            run
            for run in store.runs()
            if {item.symbol for item in run.record.series} >= set(symbols) and run.model
        ]
    return {
        f"run:{run.key}": f"{run.name or run.model}, {run.symbols}, "
        f"{run.horizon} bars, {run.record.made_at[:16].replace('T', ' ')}"
        for run in runs[:_MOST_RUNS]
    }


def _sheet(result: RunResult) -> Columns:
    """Return the scores of all models, metrics as columns."""
    from forecasting.metrics import METRICS

    names = list(result.scores)
    known = [name for name in _METRICS if name in result.scores[names[0]]]
    columns = {
        METRICS[metric].label: np.array([result.scores[name][metric] for name in names])
        for metric in known
    }
    return {"Model": [model_title(name) for name in names], **columns}


def _combining(
    panel: Panel, config: RunConfig, members: Sequence[str | Path | TrainedNetwork]
) -> Job:
    """Return the job that combines models."""

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, CombinationFinished | None]:
        from forecasting import jobs

        for event in jobs.combine(panel, config, members, should_stop):
            if isinstance(event, jobs.CombinationFinished):
                return event
            if isinstance(event, Progress):
                yield event
        return None

    return job
