"""A search on screen: begun, paused, gone on with, followed trial by trial, and used."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication

from app.background import Failure, Reporting
from app.charts.search import TrialPoint
from app.features.search.panel import SearchPanel
from app.features.search.table import titles_of
from app.features.spec import FeatureContext, FeatureController
from app.model_titles import model_title
from forecasting import jobs
from forecasting.config import RunConfig
from forecasting.errors import ConfigError
from forecasting.events import Event, Progress, RunFinished
from forecasting.series import Panel
from forecasting.store import SearchStore, StoredSearch, store_path

if TYPE_CHECKING:
    from forecasting.search import SearchFinished, SearchPlan, SearchSpace, TrialEnded

_UNFINISHED = "unfinished-search"


@dataclass(frozen=True)
class TrialOpened(Event):
    """A trial was trained again and stored as a run.

    Attributes
    ----------
    key : str
        Key of the run.
    """

    key: str


@dataclass(frozen=True)
class Unfinished:
    """A search of the store that was cut short, and how many trials it has judged."""

    search: StoredSearch
    trials: int


class SearchController(FeatureController):
    """Stands between the search panel and the session.

    Parameters
    ----------
    context : FeatureContext

    Attributes
    ----------
    trials : list of TrialEnded
        Of the search that runs or was shown last, as they ended.
    result : SearchFinished or None
        What it came to.
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context)
        self._panel: SearchPanel = context.panels["search"]
        panel = self._panel
        self._pausing = threading.Event()
        self._config = RunConfig()
        self._blocks, self._unit = 0, ""
        self._unfinished: Unfinished | None = None
        self._looked_for: tuple[str, ...] | None = None
        self._changed = self._under_way = False
        self.trials: list[TrialEnded] = []
        self.baselines: dict[str, float] = {}
        self.result: SearchFinished | None = None
        panel.search_requested.connect(lambda: self.search(arena=False))
        panel.arena_requested.connect(lambda: self.search(arena=True))
        panel.resume_requested.connect(self.resume)
        panel.stop_requested.connect(self._session.stop)
        panel.pause_requested.connect(self._pause)
        panel.use_requested.connect(self.use)
        panel.open_requested.connect(self.open_trial)
        context.actions["search"].triggered.connect(lambda: self.search(arena=False))
        context.actions["try_all"].triggered.connect(lambda: self.search(arena=True))
        self._session.event_received.connect(self._show_event)
        self._session.state_changed.connect(self._show_state)
        self._session.list_changed.connect(self._show_state)
        self._session.frame_due.connect(self._draw)
        context.presets.docks["search"].visibilityChanged.connect(lambda _on: self._look())
        self._show_state()
        self._look()

    @property
    def live(self) -> bool:
        """Whether a search is under way."""
        return self._session.task == "tuning" and self._session.running

    def search(self, *, arena: bool) -> None:
        """Search around the settings of the Model panel, or try every network."""
        from forecasting.search.trials import Budget, SearchPlan

        with Reporting(self.refused.emit):
            config, budget = self._context.model.config(), self._panel.budget()
            names = () if arena else self._panel.scope().names()
            if not (arena or names):
                raise ConfigError("Nothing is to be searched.", "Tick what the search may change.")
            plan = SearchPlan(
                Budget(budget.minutes, budget.trials),
                budget.blocks,
                workers=budget.workers,
                arena=arena,
                only=names,
            )
            self._begin(config, plan, None)

    def resume(self) -> None:
        """Go on with the search that was cut short."""
        if self._unfinished is None:
            return
        from forecasting.search import described_search

        with Reporting(self.refused.emit):
            config, space, plan = described_search(self._unfinished.search)
            self._begin(config, plan, space)

    def use(self, number: int) -> None:
        """Put the settings of a trial into the Model panel."""
        trial = self._trial(number)
        if trial is None:
            return
        with Reporting(self.refused.emit):
            self._context.model.show_config(trial.config)
            self._context.presets.bring("model")
            name = self.tr("trial {n}").format(n=number) if number else self.tr("the defaults")
            self.notified.emit(
                self.tr("The settings of {name} are in the Model panel.").format(name=name),
                self.tr("Train makes a run of them. Ctrl+Z there brings the earlier ones back."),
            )

    def open_trial(self, number: int) -> None:
        """Train a trial again, judged on the validation blocks, and show it as a run."""
        trial = self._trial(number)
        if trial is None:
            return
        with Reporting(self.refused.emit):
            config, blocks = self._config, self._blocks
            self._session.begin(
                "tuning", lambda panel: lambda stop: _opened(panel, config, trial, blocks, stop)
            )

    def _trial(self, number: int) -> TrialEnded | None:
        return next((trial for trial in self.trials if trial.number == number), None)

    def _begin(self, config: RunConfig, plan: SearchPlan, space: SearchSpace | None) -> None:
        self._pausing.clear()
        self._context.presets.open("search")
        pausing = self._pausing.is_set
        self._session.begin(
            "tuning",
            lambda panel: lambda stop: jobs.search(panel, config, plan, space, stop, pausing),
        )
        self._under_way = True
        self._config, self._blocks = config, plan.blocks
        self.trials, self.baselines, self.result = [], {}, None
        self._panel.show_verdict(())
        self._panel.show_progress(Progress(0, 0, self.tr("Preparing the engine")))
        self._show_trials()

    def _pause(self, paused: bool) -> None:
        if paused:
            self._pausing.set()
        else:
            self._pausing.clear()

    def _show_event(self, event: object) -> None:
        if self._session.task != "tuning":
            return
        from forecasting.search import BaselinesJudged, SearchFinished, TrialEnded

        match event:
            case Progress():
                self._panel.show_progress(event)
            case TrialEnded():
                self.trials.append(event)
                self._changed = True
                self._session.request_repaint()
            case BaselinesJudged():
                self.baselines = {model_title(n): loss for n, loss in event.losses.items()}
                self._unit = event.unit
                self._changed = True
            case SearchFinished():
                self.result = event
                self._show_result(event)
                QApplication.alert(self._context.window)
            case TrialOpened():
                self.run_stored.emit(event.key)

    def _show_result(self, found: SearchFinished) -> None:
        verdict = found.verdict
        sentences = [self._done_text(found), verdict.sentence]
        if verdict.baselines is not None:
            sentences.append(verdict.baselines.sentence)
        self._panel.show_verdict(sentences)
        self._show_trials()
        self._panel.table.choose(found.best.number)
        self._context.presets.bring("search")

    def _done_text(self, found: SearchFinished) -> str:
        number = found.best.number
        if not number:
            return self.tr("{n} trials: the defaults are best.").format(n=found.verdict.trials)
        return self.tr("{n} trials: trial {number} is best.").format(
            n=found.verdict.trials, number=number
        )

    def _show_trials(self) -> None:
        """Bring all trials into the table and the plots."""
        self._changed = False
        points = [_point(trial, self.trials[0]) for trial in self.trials]
        self._panel.show_trials(self.trials, points, self.baselines, self._unit or "bp")
        if not self.trials:
            self._panel.show_importance({}, "")
            return
        from forecasting.search.importance import LEAST, importance

        known = [point for point in points if point.values and point.first_loss == point.first_loss]
        shares = importance([p.values for p in known], [p.first_loss for p in known])
        note = self.tr("{n} trials are needed before this can be said; there are {there}.")
        self._panel.show_importance(
            shares, "" if shares else note.format(n=LEAST, there=len(known))
        )

    def _draw(self) -> None:
        if self._changed and self._panel.isVisible():
            self._show_trials()
        if self._panel.isVisible():
            self._panel.refresh()

    def _show_state(self) -> None:
        session = self._session
        running = session.task == "tuning" and session.state not in ("idle", "loading")
        ready = session.panel is not None and not session.busy
        self._panel.show_running(running=running, stopping=session.state == "stopping", ready=ready)
        if session.state == "idle":
            self._rest()

    def _rest(self) -> None:
        """Show what there is after a search, or before the first one."""
        ended, self._under_way = self._under_way, False
        self._pausing.clear()
        if self._changed:
            self._show_trials()
        if not self.trials:
            self._panel.show_idle()
        elif ended and self.result is None:
            self._panel.show_headline(self.tr("Cut short: what was tried is stored"))
        self._look(again=ended)

    def _look(self, *, again: bool = False) -> None:
        """Look in the store for a search of the checked series that was cut short."""
        panel = self._session.panel
        symbols = panel.symbols if panel is not None else ()
        if not self._panel.isVisible() or self._session.busy:
            return
        if symbols == self._looked_for and not again:
            return
        self._looked_for = symbols
        task = self._session.background.call(_unfinished_search, symbols, key=_UNFINISHED)
        task.returned.connect(self._offer)
        task.failed.connect(self._not_read)

    def _offer(self, found: object) -> None:
        self._unfinished = found if isinstance(found, Unfinished) else None
        self._panel.offer_resume(self._unfinished.trials if self._unfinished else 0)

    def _not_read(self, failure: Failure) -> None:
        self.warned.emit(failure.message, failure.hint)


def _point(trial: TrialEnded, defaults: TrialEnded) -> TrialPoint:
    """Return a trial as plots need it: blocks that it was not run count as for the defaults."""
    values = titles_of(trial.values)
    first, loss = trial.losses[0] if trial.losses else math.nan, trial.loss
    if trial.losses and defaults.losses:
        loss += defaults.loss - defaults.losses[len(trial.losses) - 1]
    return TrialPoint(trial.number, loss, trial.state == "complete", trial.at / 60, values, first)


def _unfinished_search(symbols: tuple[str, ...]) -> Unfinished | None:
    """Return the latest search of these series, if it was cut short."""
    if not symbols or not store_path().is_file():
        return None
    with SearchStore() as store:
        found = next((s for s in store.searches() if _is_of(s, symbols)), None)
        if found is None or found.state != "running":
            return None
        ended = sum(t.record.ended > 0 for t in store.trials(found.key))
    return Unfinished(found, ended) if ended else None


def _is_of(search: StoredSearch, symbols: tuple[str, ...]) -> bool:
    """Tell whether a search was on these series; those that were too short it does not name."""
    names = search.description.get("symbols")
    return isinstance(names, list) and bool(names) and set(map(str, names)) <= set(symbols)


def _opened(
    panel: Panel,
    config: RunConfig,
    trial: TrialEnded,
    blocks: int,
    should_stop: Callable[[], bool],
) -> Generator[Event, None, None]:
    """Train a trial again and store it as a run."""
    from forecasting.store import RunStore
    from forecasting.store.runs import recorded

    for event in jobs.train_trial(panel, config, trial.config, blocks, should_stop):
        if isinstance(event, RunFinished):
            record, curves, outcomes = recorded(event.result)
            # These are not all bars of the series, so that their hash is no other's.
            series = [item.model_copy(update={"fingerprint": ""}) for item in record.series]
            record = record.model_copy(update={"series": tuple(series)})
            text = f"Trial {trial.number} of a search: judged on validation blocks"
            with RunStore() as store:
                run = store.add(record, curves, outcomes, text)
            yield TrialOpened(run.key)
        elif isinstance(event, Progress):
            yield replace(event, message=f"Trial {trial.number} again")
