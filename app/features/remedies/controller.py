"""Next steps as buttons: where series cannot be loaded or trained as they are, and where more
can be made of a training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.features.model.panel import ModelPanel
from app.features.watchlist.controller import WatchlistController
from app.layout_presets import LayoutPresets
from app.session import Session
from app.watchlist import Watchlist
from app.widgets.quality_list import remedy_text
from app.widgets.remedies import remedy_label, setting_title
from forecasting.checks import Frequency, MixedDistancesError, UnacceptedFindingsError
from forecasting.config import GROUPS
from forecasting.errors import RETRY, CandlecastError, Remedy
from forecasting.series import Finding, PriceSeries
from forecasting.source_registry import split_reference

#: What a button says, and what it does.
Step = tuple[str, Callable[[], None]]


class RemedyController(QObject):
    """Offers what can be done about what was refused.

    Parameters
    ----------
    session : Session
    presets : LayoutPresets
        Bring the data panel to the front.
    watchlist_controller : WatchlistController
        Loads series with joined bars.
    model : ModelPanel
        Its settings are changed.

    Attributes
    ----------
    notified : Signal
        Message, hint and next steps of something worth knowing.
    train_requested : Signal
        The user wants to train with what has just been changed.
    """

    notified = Signal(str, str, object)
    train_requested = Signal()

    def __init__(
        self,
        session: Session,
        presets: LayoutPresets,
        watchlist_controller: WatchlistController,
        model: ModelPanel,
    ) -> None:
        super().__init__(presets)
        self._session = session
        self._presets = presets
        self._watchlist_controller = watchlist_controller
        self._model = model

    def steps(self, error: CandlecastError) -> tuple[Step, ...]:
        """Return two steps at most that help against an error; none where there is nothing to
        choose.
        """
        if isinstance(error, UnacceptedFindingsError):
            return (
                (self.tr("Go on anyway"), self._session.begin_anyway),
                (self.tr("Look at the data"), lambda: self.look_at(error.symbol)),
            )
        if isinstance(error, MixedDistancesError):
            return self._separations(error)
        return ()

    def remedies(
        self, remedies: Sequence[Remedy], again: Callable[[], object] | None = None
    ) -> tuple[Step, ...]:
        """Return the steps that take remedies.

        Parameters
        ----------
        remedies : sequence of Remedy
        again : callable, optional
            Does once more what has failed; left out, that is what was loaded or begun last.
        """
        return tuple(
            (remedy_label(item), partial(self.take, item, again))
            for item in remedies
            if self._can_take(item)
        )

    def take(self, remedy: Remedy, again: Callable[[], object] | None = None) -> None:
        """Take a remedy; see :meth:`remedies`.

        Raises
        ------
        CandlecastError
            It is refused.
        """
        values = dict(remedy.values)
        if remedy.kind == "settings":
            self._change(values)
        elif remedy.kind == "longer":
            self._session.train_on(int(values["epochs"]))
        elif remedy.kind == "stored":
            self._session.load_refused(values["interval"])
        elif again is not None:
            again()
        elif self._session.refused_requests:
            self._session.load_refused()
        else:
            self._session.begin_again()

    def advised(self) -> tuple[str, str, tuple[Step, ...]]:
        """Return message, hint and step of the advice to train for longer, where the last
        training has left it; else nothing.
        """
        found = (
            item
            for item in self._session.seen.advice
            if any(remedy.kind == "longer" for remedy in item.remedies)
        )
        advice = next(found, None)
        if advice is None or not self._session.can_train_on:
            return "", "", ()
        return advice.message, advice.hint, self.remedies(advice.remedies)

    def _can_take(self, remedy: Remedy) -> bool:
        if remedy.kind == "longer":
            return self._session.can_train_on
        return remedy.kind != "stored" or bool(self._session.refused_requests)

    def _change(self, values: Mapping[str, Any]) -> None:
        """Change settings in the form, and tell which, with the ways on and back."""
        before = self._model.config()
        after = before.changed(**values)
        self._model.show_config(after)
        old, new = (
            dict(pair for group in GROUPS for pair in getattr(config, group))
            for config in (before, after)
        )
        changes = [
            f"{setting_title(name)} {old[name]} → {new[name]}"
            for name in new
            if new[name] != old[name]
        ]
        words = self.tr("Settings changed: {changes}.").format(changes=", ".join(changes))
        steps: tuple[Step, ...] = (
            (self.tr("Train"), self.train_requested.emit),
            (self.tr("Undo"), self._model.history.undo),
        )
        self.notified.emit(words, self.tr("Ctrl+Z brings the values before back."), steps)

    def corrections(self, suggestions: Sequence[str]) -> tuple[Step, ...]:
        """Return two steps at most that load what may be meant instead of what could not be
        loaded.
        """
        return tuple(
            (
                self.tr("Load {name}").format(name=_bare(item)),
                lambda item=item: self._load_instead(item),
            )
            for item in suggestions[:2]
        )

    def settlements(self, series: Iterable[PriceSeries]) -> tuple[str, tuple[Step, ...]]:
        """Return what was read in one of two likely ways, in a sentence, and the step that reads
        it in the other; "" for nothing.
        """
        for item in series:
            for finding in item.findings:
                if finding.remedy:
                    text = f"{item.symbol}: {finding.message}"
                    return text, (
                        (
                            remedy_text(finding),
                            lambda item=item, finding=finding: self._settle(item, finding),
                        ),
                    )
        return "", ()

    def outdated(self, series: Iterable[PriceSeries]) -> tuple[str, tuple[Step, ...]]:
        """Return which prices are those of an earlier time because newer ones could not be
        fetched, and the step that tries again.
        """
        for item in series:
            text = next(
                (finding.message for finding in item.findings if finding.code == "outdated"), ""
            )
            if text:
                return f"{item.symbol}: {text}", (
                    (remedy_label(RETRY), self._watchlist_controller.reload),
                )
        return "", ()

    def _load_instead(self, reference: str) -> None:
        """Load a reference in the place of the one that was refused, with the same options."""
        refused = self._session.misnamed
        if refused is None:
            self._watchlist_controller.load((reference,))
            return
        meant = refused.model_copy(update={"reference": reference})
        listed = bool(self._session.watchlist.places(refused))
        self._watchlist_controller.load(
            (meant,), "also" if listed else "only", instead=refused if listed else None
        )

    def _settle(self, series: PriceSeries, finding: Finding) -> None:
        """Read a series once more, in the other way."""
        rows = self._session.watchlist.rows
        index = next((n for n, row in enumerate(rows) if series.has_bars_of(row.series)), None)
        if index is not None:
            self._watchlist_controller.shape(index, *finding.remedy)

    def look_at(self, symbol: str) -> None:
        """Select a series, and bring what is known of its data to the front."""
        rows = self._session.watchlist.rows
        index = next(
            (n for n, row in enumerate(rows) if row.symbol == symbol and row.checked), None
        )
        if index is not None:
            self._watchlist_controller.select(index)
        self._presets.open("data")

    def keep_only(self, symbols: list[str]) -> None:
        """Leave only some of the checked series checked."""
        rows = self._session.watchlist.rows
        self._session.check(
            [n for n, row in enumerate(rows) if row.checked and row.symbol not in symbols], False
        )

    def join(self, freq: str) -> None:
        """Load the checked series again, with their bars joined to a distance."""
        rows = self._session.watchlist.rows
        finer = Watchlist(
            tuple(
                row
                for row in rows
                if row.checked and row.series is not None and row.series.freq != freq
            )
        )
        wanted = [
            item.model_copy(update={"read": item.read.model_copy(update={"resample": freq})})
            for item in finer.requests
        ]
        self._watchlist_controller.load(wanted, "as_before")

    def _separations(self, error: MixedDistancesError) -> tuple[Step, ...]:
        frequency, symbols = max(error.groups, key=lambda group: len(group[1]))
        only = (
            self.tr("Train only the {words} bars").format(words=frequency.words),
            lambda: self.keep_only(symbols),
        )
        if not error.common:
            return (only,)
        words = Frequency(error.common, 1).words
        return (
            only,
            (self.tr("Join to {words} bars").format(words=words), lambda: self.join(error.common)),
        )


def _bare(reference: str) -> str:
    """Return a reference without its prefix."""
    return split_reference(reference)[1]
