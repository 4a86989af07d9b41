"""A judgement on one page: a sentence without jargon, three reasons and four numbers.

All of it follows from a verdict and the scores that it came from, so that a run that was stored
reads as it did when it ended.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from forecasting.baselines import BASELINES, NO_INPUTS, NO_NETWORK, model_title
from forecasting.baselines.walks import RandomWalk
from forecasting.events import Verdict
from forecasting.evidence import MIN_ORIGINS
from forecasting.sentences import percent, recognised, tell

Standing = Literal["good", "even", "bad", "open"]
Scores = Mapping[str, Mapping[str, float]]

#: What bars of a frequency are called in a sentence; others are "bars".
_UNITS = {"D": "days", "B": "days", "W": "weeks", "M": "months", "Q": "quarters", "Y": "years"}
_STANDINGS: dict[str, Standing] = {"beats": "good", "ties": "even", "loses": "bad"}
#: How the notes of a verdict on its 80 % band read, and how good that is.
_BANDS: dict[str, tuple[str, Standing]] = {
    "band-right": ("about right", "good"),
    "band-narrow": ("too narrow", "bad"),
    "band-wide": ("too wide", "bad"),
    "band-few": ("too few independent outcomes to tell whether that is right", "open"),
}
_NETWORK: dict[str, Standing] = {
    "adds": "good",
    "harms": "bad",
    "adds-none": "even",
    "adds-little": "even",
    "adds-chance": "even",
    "adds-few": "open",
}

#: Every term of the page, explained in plain words.
TERMS: Mapping[str, str] = {
    "skill": "How much smaller the error is than that of another method, in percent of it. 0 is "
    "as good, below 0 is worse.",
    "error": "The error is the CRPS: how far the whole forecast range lay from what happened, "
    "narrow ranges at the right place being best. Where a forecast is one number it is the "
    "absolute error.",
    "best": "The simple method that did best on the same days: the price stays where it is, a "
    "volatility model, and so on. All forecast from the same days as the network.",
    "walk": "The random walk says: the price stays where it is, and strays as it did before. On "
    "prices it is hard to beat.",
    "held": "How many of 100 outcomes lay inside the range that should hold 80 of 100. Fewer "
    "means too sure of itself, more means too timid.",
    "network": "The same forecast with the network's part left out, beside the forecast with "
    "it: what training was good for.",
    "chance": "Two methods that are equally good differ a little on any days. A difference "
    "counts where such luck would show one as large less than one time in twenty, after "
    "correction for how often settings were tried.",
    "days": "The test part: the last days, on which no network was trained and nothing was chosen.",
    "independent": "Forecasts of overlapping days share their outcomes. This many do not overlap.",
}


@dataclass(frozen=True)
class KeyNumber:
    """One of the four numbers.

    Attributes
    ----------
    name : str
        ``best``, ``walk``, ``held`` or ``network``.
    title : str
        What it is called.
    value : float
        In percent; NaN where it is not known.
    text : str
        The value as people read it.
    standing : str
        ``good``, ``even``, ``bad``, or ``open`` where too little is known.
    explanation : str
        What it means, in plain words.
    """

    name: str
    title: str
    value: float
    text: str
    standing: Standing
    explanation: str


@dataclass(frozen=True)
class Summary:
    """The page.

    Attributes
    ----------
    sentence : str
        What came of it, without a term of the field.
    standing : str
        Of the whole: as of :class:`KeyNumber`.
    reasons : tuple of str
        Three.
    numbers : tuple of KeyNumber
        Four.
    """

    sentence: str
    standing: Standing
    reasons: tuple[str, ...]
    numbers: tuple[KeyNumber, ...]

    def document(self) -> dict[str, object]:
        """Return the page as a JSON document."""
        numbers = {
            item.name: {"title": item.title, "value": item.value, "standing": item.standing}
            for item in self.numbers
        }
        return {
            "sentence": self.sentence,
            "standing": self.standing,
            "reasons": list(self.reasons),
            "numbers": numbers,
        }


def summarise(
    verdict: Verdict, scores: Scores, *, freq: str = "", whose: str = "this network's"
) -> Summary:
    """Say in plain words what a verdict says.

    Parameters
    ----------
    verdict : Verdict
    scores : mapping
        Model to metric to value, the judged model first.
    freq : str
        Frequency of the bars, for the word for them.
    whose : str
        Whose range it is, in words.
    """
    page = _Page(
        verdict, scores, _UNITS.get(freq.lstrip("0123456789"), "bars") if freq else "days", whose
    )
    standing = "open" if verdict.few else _STANDINGS[verdict.outcome]
    return Summary(page.sentence(), standing, page.reasons(), page.numbers())


class _Page:
    """The parts of the page of one verdict."""

    def __init__(self, verdict: Verdict, scores: Scores, unit: str, whose: str) -> None:
        self._verdict, self._scores, self._unit, self._whose = verdict, scores, unit, whose
        self._notes = {recognised(note): note for note in verdict.notes}
        self._model = next(iter(scores), "")
        self._range = "line" if "points-only" in self._notes else "range"
        self._walk_is_best = verdict.reference == RandomWalk.name

    def sentence(self) -> str:
        """Return the sentence."""
        verdict = self._verdict
        if verdict.few or not math.isfinite(verdict.skill):
            return tell(
                "plain-few",
                unit=self._unit,
                whose=self._whose,
                range=self._range,
                least=MIN_ORIGINS,
            )
        words = {"beats": "better than", "ties": "as good as", "loses": "worse than"}
        return tell(
            "plain",
            unit=self._unit,
            whose=self._whose,
            range=self._range,
            standing=words[verdict.outcome],
            walk=self._beside_walk(words),
        )

    def _beside_walk(self, words: Mapping[str, str]) -> str:
        """Return how the model stands against the random walk, as the end of a sentence."""
        if self._walk_is_best:
            return ": that the price stays where it is"
        walk = self._walk()
        if not walk:
            return ""
        order = ("loses", "ties", "beats")
        rises = order.index(walk) > order.index(self._verdict.outcome)
        falls = order.index(walk) < order.index(self._verdict.outcome)
        link = "but" if (rises and self._verdict.outcome == "loses") or falls else "and"
        return f", {link} {words[walk]} a random walk"

    def _walk(self) -> str:
        """Return how the model stands against the random walk: ``beats``, ``ties``, ``loses``;
        "" where nothing is said of it.
        """
        if self._walk_is_best:
            return self._verdict.outcome
        for word in ("beats", "ties with", "loses to"):
            if f"It {word} {_label(RandomWalk.name)}" in self._verdict.sentence:
                return word.split()[0]
        return ""

    def reasons(self) -> tuple[str, ...]:
        """Return three reasons: the error, the range, and the network."""
        return (self._error(), self._held()[2], self._added()[2])

    def _error(self) -> str:
        verdict = self._verdict
        if verdict.few or not math.isfinite(verdict.skill):
            count = f"{verdict.independent:.0f}" if math.isfinite(verdict.independent) else "few"
            return tell("plain-why-few", count=count, least=MIN_ORIGINS)
        name = _label(verdict.reference)
        if verdict.skill == 0:
            return tell("plain-why-same", reference=name)
        p = verdict.p_value
        luck = (
            "more than luck explains"
            if verdict.outcome != "ties"
            else "too little to matter"
            if math.isfinite(p) and p < 0.05
            else "which luck may explain"
        )
        side = "smaller" if verdict.skill > 0 else "larger"
        return tell(
            "plain-why-error", size=percent(verdict.skill), side=side, reference=name, luck=luck
        )

    def _held(self) -> tuple[float, Standing, str]:
        """Return the share that the 80 % band held, how good that is, and the reason."""
        share = self._scores.get(self._model, {}).get("coverage_80", math.nan)
        if not math.isfinite(share):
            return share, "open", tell("plain-why-line")
        for name, (words, standing) in _BANDS.items():
            if any(
                recognised(note) == name and note.startswith("The 80 %")
                for note in self._verdict.notes
            ):
                return share, standing, tell("plain-why-held", share=f"{share:.1f}", words=words)
        return share, "open", tell("plain-why-held", share=f"{share:.1f}", words="80 is right")

    def _added(self) -> tuple[float, Standing, str]:
        """Return what the network adds in percent, how good that is, and the reason."""
        adds = self._verdict.network_adds
        name = next((name for name in _NETWORK if name in self._notes), "")
        if adds is None:
            return math.nan, "open", self._last_resort()
        size = percent(adds.skill) if math.isfinite(adds.skill) else ""
        value = 100 * adds.skill
        if name in ("adds", "harms"):
            side = "smaller" if adds.skill > 0 else "larger"
            return value, _NETWORK[name], tell("plain-why-network", size=size, side=side)
        if name == "adds-few" or not name:
            return value, "open", tell("plain-why-network-open")
        return value, "even", tell("plain-why-network-nothing")

    def _last_resort(self) -> str:
        """Return what is said of direction or copies where nothing is known of the network."""
        kinds = ("direction", "copy", "no-copy")
        found = [note for name, note in self._notes.items() if name.startswith(kinds) and name]
        return found[0] if found else tell("plain-why-tries", tries=self._verdict.tries)

    def numbers(self) -> tuple[KeyNumber, ...]:
        """Return the four numbers."""
        verdict = self._verdict
        walk = verdict.skill if self._walk_is_best else self._walk_skill()
        share, held, _ = self._held()
        added, standing, _ = self._added()
        known = self._walk()
        open_ = verdict.few or not math.isfinite(verdict.skill)
        best: Standing = "open" if open_ else _STANDINGS[verdict.outcome]
        beside: Standing = "open" if open_ or not known else _STANDINGS[known]
        title = f"Skill against the best: {_label(verdict.reference)}"
        how = TERMS["skill"]
        return (
            _number("best", title, 100 * verdict.skill, best, f"{how} {TERMS['best']}"),
            _number(
                "walk",
                "Skill against the random walk",
                100 * walk,
                beside,
                f"{how} {TERMS['walk']}",
            ),
            KeyNumber(
                "held",
                "Held by the 80 % band",
                share,
                f"{share:.1f} %" if math.isfinite(share) else "–",
                held,
                TERMS["held"],
            ),
            _number("network", "What the network adds", added, standing, TERMS["network"]),
        )

    def _walk_skill(self) -> float:
        """Return the skill against the random walk by the scores: of returns where both have it."""
        ours = self._scores.get(self._model, {})
        theirs = self._scores.get(RandomWalk.name, {})
        for metric in ("crps_bp", "crps", "mae"):
            mine, base = ours.get(metric, math.nan), theirs.get(metric, math.nan)
            if math.isfinite(mine) and math.isfinite(base) and base > 0:
                return 1 - mine / base
        return math.nan


def _number(name: str, title: str, value: float, standing: Standing, explanation: str) -> KeyNumber:
    text = "–" if not math.isfinite(value) else f"{value:+.1f} %".replace("-", "−")
    if text in ("+0.0 %", "−0.0 %"):
        text = "0.0 %"
    return KeyNumber(name, title, value, text, standing, explanation)


def _label(name: str) -> str:
    """Return what a baseline is called in a sentence."""
    if name in (NO_NETWORK, NO_INPUTS) or name not in BASELINES:
        return model_title(name)
    return BASELINES[name].label
