"""Next steps where the checked series cannot be trained as they are: errors in their data, or bars of different distances."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from PySide6.QtCore import QObject

from app.panels.findings import remedy_text
from app.session import Session
from app.watchlist import Watchlist
from app.window.presets import LayoutPresets
from app.window.watching import Watching
from forecasting.checks import Frequency, MixedDistancesError, UnacceptedFindingsError
from forecasting.errors import CandlecastError
from forecasting.series import Finding, PriceSeries

#: What a button says, and what it does.
Step = tuple[str, Callable[[], None]]


class Reviewing(QObject):
    """Offers what can be done about series that were refused.

    Parameters
    ----------
    session : Session
    presets : LayoutPresets
        Bring the data panel to the front.
    watching : Watching
        Loads series with joined bars.
    """

    def __init__(self, session: Session, presets: LayoutPresets, watching: Watching) -> None:
        super().__init__(presets)
        self._session = session
        self._presets = presets
        self._watching = watching

    def steps(self, error: CandlecastError) -> tuple[Step, ...]:
        """Return two steps at most that help against an error; none where there is nothing to choose."""
        if isinstance(error, UnacceptedFindingsError):
            return (
                (self.tr("Go on anyway"), self._session.begin_anyway),
                (self.tr("Look at the data"), lambda: self.look_at(error.symbol)),
            )
        if isinstance(error, MixedDistancesError):
            return self._separations(error)
        return ()

    def corrections(self, suggestions: Sequence[str]) -> tuple[Step, ...]:
        """Return two steps at most that load what may be meant instead of what could not be loaded."""
        return tuple((self.tr("Load {name}").format(name=_bare(one)), lambda one=one: self._load_instead(one)) for one in suggestions[:2])

    def settlements(self, series: Iterable[PriceSeries]) -> tuple[str, tuple[Step, ...]]:
        """Return what was read in one of two likely ways, in a sentence, and the step that reads it in the other; "" for nothing."""
        for one in series:
            for finding in one.findings:
                if finding.remedy:
                    told = f"{one.symbol}: {finding.message}"
                    return told, ((remedy_text(finding), lambda one=one, finding=finding: self._settle(one, finding)),)
        return "", ()

    def _load_instead(self, reference: str) -> None:
        """Load a reference in the place of the one that was refused, with the same options."""
        refused = self._session.misnamed
        if refused is None:
            self._watching.load((reference,))
            return
        meant = refused.model_copy(update={"reference": reference})
        listed = bool(self._session.watchlist.places(refused))
        self._watching.load((meant,), "also" if listed else "only", instead=refused if listed else None)

    def _settle(self, series: PriceSeries, finding: Finding) -> None:
        """Read a series once more, in the other way."""
        rows = self._session.watchlist.rows
        place = next((place for place, row in enumerate(rows) if row.series is series), None)
        if place is not None:
            self._watching.shape(place, *finding.remedy)

    def look_at(self, symbol: str) -> None:
        """Select a series, and bring what is known of its data to the front."""
        rows = self._session.watchlist.rows
        place = next((n for n, row in enumerate(rows) if row.symbol == symbol and row.checked), None)
        if place is not None:
            self._watching.select(place)
        self._presets.open("data")

    def keep_only(self, symbols: list[str]) -> None:
        """Leave only some of the checked series checked."""
        rows = self._session.watchlist.rows
        self._session.check([n for n, row in enumerate(rows) if row.checked and row.symbol not in symbols], False)

    def join(self, freq: str) -> None:
        """Load the checked series again, with their bars joined to a distance."""
        rows = self._session.watchlist.rows
        finer = Watchlist(tuple(row for row in rows if row.checked and row.series is not None and row.series.freq != freq))
        wanted = [one.model_copy(update={"read": one.read.model_copy(update={"resample": freq})}) for one in finer.requests]
        self._watching.load(wanted, "as_before")

    def _separations(self, error: MixedDistancesError) -> tuple[Step, ...]:
        frequency, symbols = max(error.groups, key=lambda group: len(group[1]))
        only = (self.tr("Train only the {words} bars").format(words=frequency.words), lambda: self.keep_only(symbols))
        if not error.common:
            return (only,)
        words = Frequency(error.common, 1).words
        return (only, (self.tr("Join to {words} bars").format(words=words), lambda: self.join(error.common)))


def _bare(reference: str) -> str:
    """Return a ticker without its prefix."""
    return reference.removeprefix("yahoo:")
