"""Marks of what a company did: dividends, splits and earnings reports, as a series carries them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from PySide6.QtCore import QCoreApplication

from app.charts.marks import Mark
from app.number_format import plain_number, price_decimals
from forecasting.corporate_events import CorporateEvent, EventKind, events_of
from forecasting.series import PriceSeries

#: Group of the marks on a chart, and the key under which they are hidden.
EVENTS = "events"
#: Letter and colour of each kind.
_LOOKS: dict[EventKind, tuple[str, int]] = {
    "dividends": ("D", 4),
    "splits": ("S", 1),
    "earnings": ("E", 0),
}
#: Largest number of old shares of a split.
_MOST_SHARES = 1000


def _tr(text: str) -> str:
    return QCoreApplication.translate("EventMarks", text)


def event_marks(series: PriceSeries) -> tuple[Mark, ...]:
    """Return the marks of the events that a series carries, oldest first."""
    return tuple(
        Mark(event.ds, _LOOKS[event.kind][0], event_text(event, series), _LOOKS[event.kind][1])
        for event in events_of(series)
    )


def event_text(event: CorporateEvent, series: PriceSeries) -> str:
    """Return an event in words, as in "Dividend 0.24 USD on 2024-02-09"."""
    if event.kind == "dividends":
        amount = plain_number(event.value, price_decimals(event.value)).rstrip("0")
        whole, _, cents = amount.partition(".")
        text = _tr("Dividend {amount} {currency}").format(
            amount=f"{whole}.{cents:0<2}", currency=series.currency
        )
    elif event.kind == "splits":
        ratio = Fraction(event.value).limit_denominator(_MOST_SHARES)
        text = _tr("Split {new}:{old}").format(new=ratio.numerator, old=ratio.denominator)
    else:
        text = _tr("Earnings: first bar after the report")
    day = str(event.ds.astype("datetime64[D]"))
    spans = {"1W": _tr("in the week of {day}"), "1M": _tr("in {day}")}
    when = spans.get(series.freq, _tr("on {day}"))
    return f"{text.rstrip()} {when.format(day=day[:7] if series.freq == '1M' else day)}"


def events_in_words(marks: Sequence[Mark]) -> str:
    """Return how many marks of each kind there are, and the last one; "" without any."""
    if not marks:
        return ""
    names = {"D": _tr("dividends"), "S": _tr("splits"), "E": _tr("earnings reports")}
    counts = Counter(mark.letter for mark in marks)
    listed = ", ".join(f"{names[letter]}: {count}" for letter, count in counts.items())
    return _tr("Marks of {listed}; the last: {text}.").format(listed=listed, text=marks[-1].text)
