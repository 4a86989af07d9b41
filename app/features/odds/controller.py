"""Odds on screen: paths of the shown series are drawn aside, and lines read the odds off them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QTimer

from app.background import Failure, Job
from app.charts.level_lines import LevelLine
from app.charts.plot import Columns
from app.features.odds.lines import MOST_LINES, OddsLine, OddsLines
from app.features.odds.panel import OddsPanel
from app.features.odds.words import (
    corridor_sentence,
    level_label,
    level_sentence,
    odds_table,
    price_odds,
)
from app.features.spec import FeatureContext, FeatureController
from app.model_titles import model_title
from app.undo_history import Change
from forecasting.config import RunConfig
from forecasting.events import Event, ForecastMade, RunFinished
from forecasting.series import Floats, Forecast, Panel, PriceSeries

if TYPE_CHECKING:
    from forecasting.paths import LevelOdds, Paths

_ASIDE, _TOPIC = "odds", "odds"
#: What answers where no network has forecast, over how many bars; paths that are drawn.
_BASELINE, _HORIZON, _PATHS = "har", 20, 5000
#: Sample paths that are shown; milliseconds that a change of the forecast rests.
_SHOWN_PATHS, _REST_MS = 20, 150
#: How far from the last price a new line is, as a share of the 80 % band.
_OFFSET = 0.5


@dataclass(frozen=True, eq=False)
class OddsDrawn:
    """Paths of one series; ``forecast`` is what they were drawn from, None for a baseline."""

    series: PriceSeries
    forecast: Forecast | None
    paths: Paths


class OddsController(FeatureController):
    """Stands between the lines on the chart, the odds panel and the session.

    Paths are drawn while the panel is in sight or the series has lines: from the forecast that the
    chart shows, otherwise from the HAR baseline.

    Parameters
    ----------
    context : FeatureContext

    Attributes
    ----------
    kept : OddsLines
        What a project holds.
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context)
        session, chart, panel = self._session, context.chart, context.panels["odds"]
        self._chart, self._presets = chart, context.presets
        self._panel: OddsPanel = panel
        self._dock = context.presets.docks["odds"]
        self.kept = OddsLines()
        self._dragged: OddsLines | None = None
        self._drawn: OddsDrawn | None = None
        self._asked: tuple[PriceSeries, Forecast | None] | None = None
        self._pending: Callable[[], None] | None = None
        self._soon = QTimer(self, singleShot=True, interval=_REST_MS)
        self._soon.timeout.connect(self._draw_paths)
        chart.line_dragged.connect(self._line_dragged)
        chart.date_dragged.connect(self._date_dragged)
        chart.odds_of = self._read
        panel.add_requested.connect(self.add_line)
        panel.remove_requested.connect(self.remove_line)
        panel.renamed.connect(self._rename)
        panel.until_changed.connect(lambda steps: self._date_dragged(steps, True))
        panel.drawn_changed.connect(self._show_paths)
        self._connect("add_line", self.add_line)
        session.event_received.connect(self._show_event)
        session.selected_changed.connect(self._soon.start)
        session.list_changed.connect(self._soon.start)
        session.state_changed.connect(lambda _state: self._soon.start())
        self._dock.visibilityChanged.connect(lambda _seen: self._soon.start())

    # Lines

    def add_line(self) -> None:
        """Add a line, half the 80 % band above the last price; the second one below it."""
        series, drawn = self._session.series, self._mine()
        if series is None:
            return
        self._presets.open("odds")
        if drawn is None:
            self._pending = self.add_line
            self._draw_paths()
            return
        lines = self.kept.of(series.symbol)
        low, high = np.quantile(drawn.paths.samples[0, -1], [0.1, 0.9])
        last = float(series.y[-1])
        price = last + _OFFSET * ((high - last) if len(lines) % 2 == 0 else (low - last))
        self._add(self.tr("Line {n}").format(n=len(lines) + 1), float(price), float(price))

    def add_along(self, name: str, price_at: Callable[[int], float]) -> None:
        """Add a line that runs along another one of the chart.

        Parameters
        ----------
        name : str
        price_at : callable
            Returns the price of that line at a bar, also of the future.
        """
        series, drawn = self._session.series, self._mine()
        if series is None:
            return
        self._presets.open("odds")
        if drawn is None:
            self._pending = lambda: self.add_along(name, price_at)
            self._draw_paths()
            return
        cutoff = int(np.searchsorted(series.ds, drawn.paths.cutoff[0]))
        self._add(name, price_at(cutoff), price_at(cutoff + drawn.paths.horizon))

    def _add(self, name: str, start: float, end: float) -> None:
        """Add a line to the shown series, unless it has as many as there may be."""
        series = self._session.series
        assert series is not None
        lines = self.kept.of(series.symbol)
        if len(lines) < MOST_LINES:
            line = OddsLine(symbol=series.symbol, name=name[:100], start=start, end=end)
            self._take(self.kept.with_lines(series.symbol, (*lines, line)))
            self._panel.choose_line(len(lines))

    def remove_line(self, number: int) -> None:
        """Take a line of the shown series away."""
        series = self._session.series
        lines = self.kept.of(series.symbol) if series is not None else ()
        if series is not None and 0 <= number < len(lines):
            rest = (*lines[:number], *lines[number + 1 :])
            self._take(self.kept.with_lines(series.symbol, rest))

    def take(self, lines: OddsLines) -> None:
        """Take the lines of a project; there is nothing to put back then."""
        self.kept = lines
        self._history.forget(_TOPIC)
        self._soon.start()
        self._show()

    def refresh(self) -> None:
        """Draw lines and paths again, soon."""
        self._soon.start()

    def _take(self, lines: OddsLines) -> None:
        """Change the lines so that it can be undone."""
        if lines != self.kept:
            before, self.kept = self.kept, lines
            self._record(before)
            self._show()

    def _record(self, before: OddsLines) -> None:
        """Let the change of the lines be undone."""
        lines = self.kept
        self.changed.emit()
        self._history.record(
            Change(_TOPIC, lambda: self._restore(before), lambda: self._restore(lines))
        )

    def _restore(self, lines: OddsLines) -> None:
        """Show the lines that were there before, or again."""
        self.kept = lines
        self.changed.emit()
        self._show()

    def _rename(self, number: int, name: str) -> None:
        series = self._session.series
        lines = self.kept.of(series.symbol) if series is not None else ()
        if series is None or not 0 <= number < len(lines) or lines[number].name == name:
            return
        renamed = lines[number].model_copy(update={"name": name})
        self._take(
            self.kept.with_lines(series.symbol, (*lines[:number], renamed, *lines[number + 1 :]))
        )

    def _line_dragged(self, number: int, start: float, end: float, done: bool) -> None:
        series = self._session.series
        lines = self.kept.of(series.symbol) if series is not None else ()
        if series is None or number >= len(lines):
            return
        if self._dragged is None:
            self._dragged = self.kept
            self._panel.choose_line(number)
        if series.y.min() > 0:  # as its paths do, the line stays at or above zero
            start, end = max(start, 0.0), max(end, 0.0)
        moved = lines[number].model_copy(update={"start": start, "end": end})
        self.kept = self.kept.with_lines(
            series.symbol, (*lines[:number], moved, *lines[number + 1 :])
        )
        self._let_go(done)

    def _date_dragged(self, steps: int, done: bool) -> None:
        if self._dragged is None:
            self._dragged = self.kept
        drawn = self._mine()
        last = drawn is not None and steps >= drawn.paths.horizon
        self.kept = self.kept.model_copy(update={"until": 0 if last else steps})
        self._let_go(done)

    def _let_go(self, done: bool) -> None:
        """Show the odds of where a drag is; keep what was before it once it ends."""
        if done and self._dragged is not None:
            before, self._dragged = self._dragged, None
            if before != self.kept:
                self._record(before)
        self._show(table=done)

    # Paths

    def _forecast(self) -> Forecast | None:
        """Return the final forecast of the shown series, None where there is none."""
        series, made = self._session.series, self._session.forecast
        if series is None or made is None or not made.final:
            return None
        return next((item for item in made.forecasts if item.symbol == series.symbol), None)

    def _mine(self) -> OddsDrawn | None:
        """Return the paths that belong to what is shown now."""
        drawn = self._drawn
        if drawn is None or not drawn.series.has_bars_of(self._session.series):
            return None
        return drawn if drawn.forecast is self._forecast() else None

    def _draw_paths(self) -> None:
        """Draw paths of what is shown, where somebody looks and they are not there yet."""
        series = self._session.series
        if series is None:
            self._drawn = self._asked = None
            self._panel.show_nothing()
            self._show_nothing()
            return
        looked_at = (
            not self._panel.visibleRegion().isEmpty()
            or self._pending is not None
            or bool(self.kept.of(series.symbol))
        )
        want = (series, self._forecast())
        if self._mine() is not None:
            self._show()
            return
        self._show_nothing()
        if not looked_at or self._session.running:
            return
        asked = self._asked
        if asked is None or asked[0] is not want[0] or asked[1] is not want[1]:
            self._asked = want
            self._panel.show_source(self.tr("Drawing paths…"))
            task = self._session.background.run(_drawing(*want), _ASIDE)
            task.returned.connect(self._take_drawn)
            task.failed.connect(self._fail)

    def _show_event(self, event: object) -> None:
        if isinstance(event, ForecastMade | RunFinished):
            self._soon.start()

    def _take_drawn(self, drawn: object) -> None:
        assert isinstance(drawn, OddsDrawn)
        self._asked, self._drawn = None, drawn
        if self._mine() is None:
            self._soon.start()
            return
        self._show()
        pending, self._pending = self._pending, None
        if pending is not None:
            pending()

    def _fail(self, failure: Failure) -> None:
        self._pending = None
        self._panel.show_source(
            self.tr("There are no odds: {why} {hint}").format(
                why=failure.message, hint=failure.hint
            )
        )

    # Showing

    def _show_nothing(self) -> None:
        self._chart.show_levels((), None, np.empty(0, "datetime64[us]"), 0)
        self._chart.show_paths(None)

    def _until(self, paths: Paths) -> int:
        return min(self.kept.until or paths.horizon, paths.horizon)

    def _show(self, table: bool = True) -> None:
        """Show lines and odds; the table only where nothing is being dragged."""
        drawn = self._mine()
        if drawn is None:
            return
        paths, lines = drawn.paths, self.kept.of(drawn.series.symbol)
        until = self._until(paths)
        within = paths.until(until)
        found = [_odds(within, line, paths.horizon) for line in lines]
        texts = [level_sentence(odds, line.name) for odds, line in zip(found, lines, strict=True)]
        shown = [
            LevelLine(line.start, line.end, level_label(odds, line.name))
            for line, odds in zip(lines, found, strict=True)
        ]
        self._chart.show_levels(shown, paths.cutoff[0], paths.ds[0], until)
        self._session.request_repaint()
        if len(lines) > 1:
            curves = sorted((odds.level for odds in found), key=lambda line: float(line[0]))
            texts.append(corridor_sentence(within, curves[0], curves[-1]))
        model = model_title(paths.model)
        self._panel.show_source(
            self.tr("{model}, {n:,} paths of {symbol} from {day}. Touch: some close does.").format(
                model=model,
                n=paths.n_paths,
                symbol=drawn.series.symbol,
                day=str(paths.cutoff[0])[:10],
            )
        )
        self._panel.show_until(until, paths.horizon)
        if table:
            self._panel.show_lines([line.name for line in lines])
            self._panel.show_odds(texts, self._table(within, found, [line.name for line in lines]))
            self._show_paths()
        else:
            self._panel.show_told(texts)

    def _table(self, paths: Paths, found: list[LevelOdds], names: list[str]) -> Columns:
        from forecasting.paths.events import level_table

        rows = level_table(paths, 0)
        return odds_table([*found, *rows], [*names, *[""] * len(rows)])

    def _show_paths(self) -> None:
        drawn = self._mine()
        if drawn is None:
            self._chart.show_paths(None)
            return
        from forecasting.paths.events import extremes

        samples, y0 = drawn.paths.samples[0], float(drawn.paths.y0[0])
        shown: Floats | None = None
        limits: Floats | None = None
        if self._panel.paths_box.isChecked():
            shown = _from_cutoff(samples[:, :: max(1, samples.shape[1] // _SHOWN_PATHS)].T, y0)
            shown = shown[:_SHOWN_PATHS]
        if self._panel.extremes_box.isChecked():
            low, high = extremes(samples, y0)
            bands = [np.quantile(low, q, axis=1) for q in (0.1, 0.5)]
            bands += [np.quantile(high, q, axis=1) for q in (0.5, 0.9)]
            limits = _from_cutoff(np.stack(bands), y0)
        self._chart.show_paths(shown, limits)

    def _read(self, bar: int, price: float) -> str:
        """Return the odds of a price at a bar of the future, "" elsewhere."""
        drawn = self._mine()
        if drawn is None:
            return ""
        step = bar - int(np.searchsorted(drawn.series.ds, drawn.paths.cutoff[0]))
        return price_odds(drawn.paths, step, price) if 1 <= step <= drawn.paths.horizon else ""


def _odds(paths: Paths, line: OddsLine, steps: int) -> LevelOdds:
    """Return the odds of a line that runs over so many steps, up to the last step of the paths."""
    from forecasting.paths import level_odds

    share = np.arange(1, paths.horizon + 1) / steps
    return level_odds(paths, 0, line.start + share * (line.end - line.start))


def _from_cutoff(curves: Floats, y0: float) -> Floats:
    """Return curves [n, H] with the value at the cutoff before them, [n, 1 + H]."""
    return np.concatenate([np.full((len(curves), 1), y0), curves], axis=1)


def _drawing(series: PriceSeries, forecast: Forecast | None) -> Job:
    """Return the job that draws paths of a series."""

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, OddsDrawn | None]:
        from forecasting import jobs
        from forecasting.paths import PathsMade

        forecasts = () if forecast is None else (forecast,)
        plan = jobs.PathsPlan(baseline=_BASELINE, forecasts=forecasts, n_paths=_PATHS)
        config = RunConfig().changed(horizon=_HORIZON)
        for event in jobs.simulate(Panel((series,)), config, plan, should_stop):
            if isinstance(event, PathsMade):
                return OddsDrawn(series, forecast, event.paths)
        yield from ()
        return None

    return job
