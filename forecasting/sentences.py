"""Every sentence that a verdict can say, with the condition under which it is said.

``python -m forecasting.sentences`` writes the list as ``docs/verdicts.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Sentence:
    """A sentence of a verdict.

    Attributes
    ----------
    group : str
        Heading in the list.
    text : str
        Template with fields in braces.
    when : str
        Condition under which it is said.
    example : mapping of str to str
        A value for each field.
    """

    group: str
    text: str
    when: str
    example: Mapping[str, str]

    @cached_property
    def _parts(self) -> list[str]:
        return re.split(r"\{\w+\}", self.text)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Match every sentence made of the template."""
        return re.compile("(.*)".join(map(re.escape, self._parts)))

    def made(self, text: str) -> bool:
        """Tell whether a sentence was made of the template; its pattern is compiled only where all
        words of the template stand in the sentence.
        """
        return all(part in text for part in self._parts) and bool(self.pattern.fullmatch(text))


_JUDGED = {
    "model": "GRU",
    "reference": "HAR volatility",
    "rank": ", the best of 4 baselines,",
    "bars": "5 bars",
    "size": "1.2 %",
    "origins": "250 origins",
    "chance": " (p = 0.012)",
    "loss": "CRPS",
}
_WALK = {
    "reference": "the random walk",
    "loss": "CRPS",
    "size": "3.1 %",
    "chance": " (p < 0.001)",
}
_INPUTS = "What the inputs add"
_COMBINATION = "How a combination is weighted"
_GAINED = {"size": "0.02 %", "side": "lower", "chance": ", p = 0.60"}
_ADDED = {"start": "the volatility model", "size": "0.02 %", "chance": ", p = 0.60"}
_HELD = {"level": "80", "share": "79.6", "low": "75.1", "high": "83.5"}
_CALLED = {
    "point": "median",
    "share": "53.1",
    "low": "50.2",
    "high": "56.0",
    "constant": "up",
    "rate": "51.2",
}
_FEW = (
    "Fewer than 20 independent origins: dates divided by the number of dates that one outcome "
    "spans."
)

_VERDICT, _WALKED, _NETWORK = "The verdict", "Beside the random walk", "What the network adds"
_DOUBTS, _BANDS, _DIRECTION = (
    "What weakens the verdict",
    "Do the bands hold what they say",
    "Direction",
)
_SEARCH = "After a search for settings"
#: When a gain is not believed, because it comes from values that stood still.
_STILL = (
    "but nothing moved after more than a tenth of the forecasts, and on the others alone the same "
    "comparison shows no gain: where a price stands still, the narrower band is ahead by itself."
)
_SEARCHED = {
    "trials": "50 trials",
    "loss": "CRPS",
    "size": "1.2 %",
    "side": "lower",
    "origins": "250 origins",
    "chance": " (p = 0.012, corrected for 17 independent tries)",
}
_RULES = "What it would have earned"
_PLAIN = "On the first page"
_PLAINLY = {"unit": "days", "whose": "this network's", "range": "range"}
_EARNED = {
    "rule": "Sign of the median",
    "earned": "+12.3 %",
    "above": "431",
    "count": "1,000",
    "chance": "p = 0.812",
}
_COPY, _JOURNAL = "Does the line repeat the last value", "In the journal"

#: Every sentence by name, in the order of the list.
SENTENCES: dict[str, Sentence] = {
    "beats": Sentence(
        _VERDICT,
        "{model} beats {reference}{rank} over {bars}: {loss} {size} lower on {origins}{chance}.",
        "At least 20 independent origins, p below 0.05 after correction for the configurations "
        "tried, CRPS at least 0.3 % lower.",
        _JUDGED,
    ),
    "loses": Sentence(
        _VERDICT,
        "{model} loses to {reference}{rank} over {bars}: {loss} {size} higher on "
        "{origins}{chance}.",
        "At least 20 independent origins, p below 0.05 after correction for the number of "
        "baselines, CRPS at least 0.3 % higher.",
        _JUDGED,
    ),
    "ties-small": Sentence(
        _VERDICT,
        "{model} ties with {reference}{rank} over {bars}: {loss} {size} {side} on "
        "{origins}{chance}, too little to matter.",
        "At least 20 independent origins and p below 0.05, but CRPS differs by less than 0.3 %.",
        {**_JUDGED, "size": "0.15 %", "side": "lower"},
    ),
    "ties-chance": Sentence(
        _VERDICT,
        "{model} ties with {reference}{rank} over {bars}: {loss} {size} {side} on "
        "{origins}{chance}, which chance may explain.",
        "At least 20 independent origins, p 0.05 or more.",
        {**_JUDGED, "side": "lower", "chance": " (p = 0.32)"},
    ),
    "same": Sentence(
        _VERDICT,
        "{model} ties with {reference}{rank} over {bars}: the same {loss} on {origins}.",
        "The CRPS of both is the same number.",
        _JUDGED,
    ),
    "still": Sentence(
        _VERDICT,
        "{model} ties with {reference}{rank} over {bars}: {loss} {size} lower on "
        "{origins}{chance}, but after {still} % of the forecasts nothing moved, and where "
        "something did no gain is shown.",
        f"As for *beats*, {_STILL}",
        {**_JUDGED, "size": "89 %", "chance": " (p < 0.001)", "still": "62"},
    ),
    "flawless": Sentence(
        _VERDICT,
        "{model} loses to {reference}{rank} over {bars}: that baseline made no error on "
        "{origins}, and {model} did.",
        "At least 20 independent origins; the CRPS of the baseline is 0, as where a price "
        "stands still, and that of the model is not.",
        {**_JUDGED, "reference": "the random walk"},
    ),
    "few": Sentence(
        _VERDICT,
        "Too few independent origins to say whether {model} beats {reference} over {bars}.",
        f"{_FEW} The outcome is *ties*; no p-value is given.",
        {**_JUDGED, "bars": "30 bars"},
    ),
    "unknown": Sentence(
        _VERDICT,
        "{model} cannot be judged yet: none of its outcomes over {bars} is known.",
        "No outcome of the test part is known.",
        _JUDGED,
    ),
    "no-number": Sentence(
        _VERDICT,
        "{model} cannot be compared with {reference}: a forecast is not a number.",
        "The CRPS of one of the two is not finite.",
        _JUDGED,
    ),
    "walk-beats": Sentence(
        _WALKED,
        "It beats {reference}: {loss} {size} lower{chance}.",
        "The best baseline is another one, and the network beats the random walk by the same rule.",
        _WALK,
    ),
    "walk-loses": Sentence(
        _WALKED,
        "It loses to {reference}: {loss} {size} higher{chance}.",
        "The best baseline is another one, and the network loses to the random walk by the "
        "same rule.",
        _WALK,
    ),
    "walk-small": Sentence(
        _WALKED,
        "It ties with {reference}: {loss} {size} {side}{chance}, too little to matter.",
        "The best baseline is another one, and the difference from the random walk is certain "
        "but below 0.3 %.",
        {**_WALK, "size": "0.21 %", "side": "lower"},
    ),
    "walk-chance": Sentence(
        _WALKED,
        "It ties with {reference}: {loss} {size} {side}{chance}, which chance may explain.",
        "The best baseline is another one, and p against the random walk is 0.05 or more.",
        {**_WALK, "side": "lower", "chance": " (p = 0.21)"},
    ),
    "walk-still": Sentence(
        _WALKED,
        "It ties with {reference}: {loss} {size} lower{chance}, but no gain is shown where "
        "something moved.",
        f"The best baseline is another one, the network would beat the random walk, {_STILL}",
        {**_WALK, "size": "98 %"},
    ),
    "walk-flawless": Sentence(
        _WALKED,
        "It loses to {reference}, which made no error.",
        "The best baseline is another one without error, and so is the random walk.",
        _WALK,
    ),
    "walk-same": Sentence(
        _WALKED,
        "It ties with {reference}: the same {loss}.",
        "The best baseline is another one, and the CRPS equals that of the random walk.",
        _WALK,
    ),
    "weights-learned": Sentence(
        _COMBINATION,
        "The weights were learned on the validation part: {shares}.",
        "The learned weights gained on equal ones by more than two standard errors; the further, "
        "the more they count.",
        {"shares": "GRU 20 %, HAR volatility 80 %"},
    ),
    "weights-equal": Sentence(
        _COMBINATION,
        "On the validation part no weights were surely better than equal ones: {shares}.",
        "The gain of learned weights is not larger than two standard errors, or too few dates "
        "are there.",
        {"shares": "GRU 50 %, HAR volatility 50 %"},
    ),
    "not-learned": Sentence(
        _NETWORK,
        "On the validation part the network did no better than the model that it starts from, "
        "so it does not count in the forecast.",
        "The gain on the validation part is not larger than its standard error.",
        {},
    ),
    "learned": Sentence(
        _NETWORK,
        "On the validation part the network did better than the model that it starts from; its "
        "changes count {trust}.",
        "The gain on the validation part is larger than its standard error; the share is 1 - 1/t².",
        {"trust": "72 %"},
    ),
    "smoothed": Sentence(
        _NETWORK,
        "The network starts from exponential smoothing, which forecast the validation part "
        "better than the usual start.",
        "Series of weeks, months, quarters, years or with a season, without open, high and "
        "low; target and season are left to the program.",
        {},
    ),
    "adds-none": Sentence(
        _NETWORK,
        "The network adds nothing: its forecast is that of {start}.",
        "The forecast without the network is the same, number for number.",
        _ADDED,
    ),
    "adds-little": Sentence(
        _NETWORK,
        "The network adds nothing beyond {start} (CRPS {size} {side}{chance}).",
        "At least 20 independent origins, and CRPS differs from that of the forecast without "
        "the network by less than 0.3 %.",
        {**_ADDED, "side": "higher"},
    ),
    "adds-chance": Sentence(
        _NETWORK,
        "What the network adds to {start} cannot be told from chance (CRPS {size} {side}{chance}).",
        "At least 20 independent origins, CRPS differs by 0.3 % or more, p 0.05 or more.",
        {**_ADDED, "size": "0.80 %", "side": "lower", "chance": ", p = 0.14"},
    ),
    "adds": Sentence(
        _NETWORK,
        "The network improves on {start} (CRPS {size} lower{chance}).",
        "At least 20 independent origins, CRPS at least 0.3 % lower than without the network, "
        "p below 0.05 after correction for tries.",
        {**_ADDED, "size": "1.4 %", "chance": ", p = 0.003"},
    ),
    "harms": Sentence(
        _NETWORK,
        "The network makes the forecast worse than {start} alone (CRPS {size} higher{chance}).",
        "At least 20 independent origins, CRPS at least 0.3 % higher than without the network, "
        "p below 0.05.",
        {**_ADDED, "size": "1.4 %", "chance": ", p = 0.003"},
    ),
    "adds-still": Sentence(
        _NETWORK,
        "Whether the network improves on {start} cannot be told (CRPS {size} lower{chance}): no "
        "gain is shown where something moved.",
        f"As for *improves*, {_STILL}",
        {**_ADDED, "size": "12 %", "chance": ", p = 0.003"},
    ),
    "adds-few": Sentence(
        _NETWORK,
        "Too few independent origins to say whether the network adds anything to {start}.",
        _FEW,
        _ADDED,
    ),
    "inputs-none": Sentence(
        _INPUTS,
        "The inputs add nothing: on the validation part they gained nothing, and the forecast "
        "is made without them.",
        "Inputs are chosen, and the forecast without them is the same, number for number.",
        {},
    ),
    "inputs-little": Sentence(
        _INPUTS,
        "The inputs add next to nothing (CRPS {size} {side} than without them{chance}).",
        "At least 20 independent origins, and CRPS differs from that of the forecast without "
        "inputs by less than 0.3 %.",
        _GAINED,
    ),
    "inputs-chance": Sentence(
        _INPUTS,
        "What the inputs add cannot be told from chance (CRPS {size} {side} than without "
        "them{chance}).",
        "At least 20 independent origins, CRPS differs by 0.3 % or more, p 0.05 or more.",
        {**_GAINED, "size": "0.80 %", "chance": ", p = 0.14"},
    ),
    "inputs-add": Sentence(
        _INPUTS,
        "The inputs improve the forecast (CRPS {size} lower than without them{chance}).",
        "At least 20 independent origins, CRPS at least 0.3 % lower than without inputs, p "
        "below 0.05 after correction for tries.",
        {"size": "4.1 %", "chance": ", p < 0.001"},
    ),
    "inputs-harm": Sentence(
        _INPUTS,
        "The inputs make the forecast worse (CRPS {size} higher than without them{chance}).",
        "At least 20 independent origins, CRPS at least 0.3 % higher than without inputs, p "
        "below 0.05.",
        {"size": "1.4 %", "chance": ", p = 0.003"},
    ),
    "inputs-still": Sentence(
        _INPUTS,
        "Whether the inputs improve the forecast cannot be told (CRPS {size} lower than without "
        "them{chance}): no gain is shown where something moved.",
        f"As for *improve*, {_STILL}",
        {"size": "12 %", "chance": ", p = 0.003"},
    ),
    "inputs-few": Sentence(
        _INPUTS, "Too few independent origins to say whether the inputs add anything.", _FEW, {}
    ),
    "worth": Sentence(
        _DOUBTS,
        "{origins} of {bars} {are} worth about {worth} independent {ones}; {needed} are needed.",
        _FEW,
        {
            "origins": "46 origins",
            "bars": "30 bars",
            "are": "each are",
            "worth": "2",
            "ones": "ones",
            "needed": "20",
        },
    ),
    "tries": Sentence(
        _DOUBTS,
        "{tries} configurations were tried on this test part.",
        "More than one configuration was judged on this test part, and there is no p-value of "
        "a gain to correct.",
        {"tries": "4"},
    ),
    "tries-corrected": Sentence(
        _DOUBTS,
        "{tries} configurations were tried on this test part: p was {before} and is {after} "
        "after correction for that.",
        "More than one configuration was judged on this test part, the network is ahead, and "
        "there are at least 20 independent origins.",
        {"tries": "4", "before": "0.012", "after": "0.047"},
    ),
    "searched": Sentence(
        _DOUBTS,
        "These settings are the best of {trials} that were tried, which count as {tries} "
        "independent tries.",
        "A search chose the settings before the test part was looked at, and there is no p-value "
        "of a gain to correct.",
        {"trials": "50", "tries": "18"},
    ),
    "searched-corrected": Sentence(
        _DOUBTS,
        "These settings are the best of {trials} that were tried, which count as {tries} "
        "independent tries: p was {before} and is {after} after correction for that.",
        "A search chose the settings before the test part was looked at, the network is ahead, "
        "and there are at least 20 independent origins.",
        {"trials": "50", "tries": "18", "before": "0.002", "after": "0.035"},
    ),
    "leak": Sentence(
        _DOUBTS,
        "A skill of {size} one bar ahead is rare: check for a leak before believing it.",
        "One bar ahead, CRPS is more than 5 % below the best baseline's, with p below 0.05 on "
        "at least 20 independent origins, "
        "and that baseline is not broken.",
        {"size": "7.4 %"},
    ),
    "leak-direction": Sentence(
        _DOUBTS,
        "Calling the direction of the next bar right {share} % of the time (interval from {low} %) "
        "is rare: check for a leak before believing it.",
        "One bar ahead, on at least 20 independent origins, the interval lies more than 15 points "
        "above the share of the best baseline and of the direction that was right more often; the "
        "skill alone is not too good.",
        {"share": "82.0", "low": "78.9"},
    ),
    "zero-shot": Sentence(
        _DOUBTS,
        "{names}: trained elsewhere, perhaps on these very years. On prices such models are "
        "usually worse than no change. What is forecast before it happens is the clean test: the "
        "journal.",
        "A pretrained model of others is among what was compared.",
        {"names": "Fracast"},
    ),
    "broken": Sentence(
        _DOUBTS,
        "The baseline is broken: the 95 % band of {reference} held {outer} % of outcomes and "
        "its 80 % band {inner} %. "
        "Its spread is far too wide here, so that a lower CRPS shows nothing. Look at the "
        "findings about the data.",
        "At least 20 independent origins; the 80 % band of the best baseline held 95 % or "
        "more, and its 95 % band 99 % or more; "
        "most outcomes differ from the last value before the forecast.",
        {"reference": "the random walk", "outer": "100.0", "inner": "99.6"},
    ),
    "band-right": Sentence(
        _BANDS,
        "The {level} % band held {share} % of outcomes (interval {low} to {high} %): about right.",
        "The 95 % interval holds the stated level, or the share is within a point of it; and "
        "it reaches no farther from it than 10 "
        "points, or the stated share of misses (5 points at 95 %).",
        _HELD,
    ),
    "band-narrow": Sentence(
        _BANDS,
        "The {level} % band held {share} % of outcomes (interval {low} to {high} %): too narrow.",
        "At least 5 independent origins, the interval lies below the stated level, and the "
        "share is more than a point off.",
        {**_HELD, "share": "71.0", "low": "65.2", "high": "76.3"},
    ),
    "band-wide": Sentence(
        _BANDS,
        "The {level} % band held {share} % of outcomes (interval {low} to {high} %): too wide.",
        "At least 5 independent origins, the interval lies above the stated level, and the "
        "share is more than a point off.",
        {**_HELD, "share": "89.0", "low": "84.7", "high": "92.4"},
    ),
    "band-few": Sentence(
        _BANDS,
        "The {level} % band held {share} %; too few independent origins to say whether {level} "
        "% is right.",
        "Fewer than 5 independent origins, or an interval that neither excludes the stated "
        "level nor is narrow enough to confirm it.",
        {"level": "95", "share": "52.5"},
    ),
    "band-flat": Sentence(
        _BANDS,
        "The {level} % band has no width on most bars, because the series hardly moves; it "
        "held {share} % of outcomes.",
        "On more than half of the bars both limits of the band are the same value.",
        {"level": "80", "share": "100.0"},
    ),
    "band-still": Sentence(
        _BANDS,
        "The {level} % band held {share} % of outcomes, but {still} % of them did not move at "
        "all: that says little about its width.",
        "More than half of the outcomes equal the last value before the forecast, and the band "
        "is not too narrow.",
        {"level": "80", "share": "100.0", "still": "98.5"},
    ),
    "points-only": Sentence(
        _BANDS,
        "{model} forecasts points without bands: it is judged by its absolute errors, and says "
        "nothing of its uncertainty.",
        "A forecast of others that has neither quantiles nor sample paths; the baselines are "
        "judged by their medians.",
        {"model": "LSTM"},
    ),
    "direction-better": Sentence(
        _DIRECTION,
        "Its {point} called the direction right {share} % of the time (interval {low} to "
        "{high} %): "
        "better than always calling {constant}, which was right {rate} %.",
        "At least 20 independent origins, and the interval lies above the share of the "
        "direction that was right more often.",
        {**_CALLED, "share": "58.0", "low": "53.3", "high": "62.6"},
    ),
    "direction-open": Sentence(
        _DIRECTION,
        "Its {point} called the direction right {share} % of the time (interval {low} to "
        "{high} %): "
        "not clearly better than always calling {constant}, which was right {rate} %.",
        "At least 20 independent origins, and the share is higher than that of the constant "
        "call, which lies in the interval.",
        _CALLED,
    ),
    "direction-no-better": Sentence(
        _DIRECTION,
        "Its {point} called the direction right {share} % of the time (interval {low} to "
        "{high} %): "
        "no better than always calling {constant}, which was right {rate} %.",
        "At least 20 independent origins, and the share is that of the direction that was "
        "right more often, or below it.",
        {**_CALLED, "share": "51.0", "low": "47.1", "high": "54.9"},
    ),
    "direction-worse": Sentence(
        _DIRECTION,
        "Its {point} called the direction right {share} % of the time (interval {low} to "
        "{high} %): worse than a coin.",
        "At least 20 independent origins, and the interval lies below 50 %.",
        {**_CALLED, "share": "44.0", "low": "39.1", "high": "49.0"},
    ),
    "direction-few": Sentence(
        _DIRECTION,
        "Its {point} called the direction right {share} % of the time; "
        "too few independent origins to say whether that is more than chance.",
        _FEW,
        {"point": "median", "share": "100.0"},
    ),
    "copy": Sentence(
        _COPY,
        "The {point} repeats the last value: its changes go with the change already known "
        "(correlation {known}), not with the one to come "
        "({coming}). For prices that is honest, but the line itself tells no direction.",
        "The strongest correlation is with the last change and above 0.5; that with the change "
        "to come is within chance of zero.",
        {"point": "median", "known": "1.00", "coming": "-0.04"},
    ),
    "copy-worse": Sentence(
        _COPY,
        "The {point} repeats the last value: its changes go with the change already known "
        "(correlation {known}), not with the one to come "
        "({coming}). It copies, and does so worse than no change would.",
        "As above, and the CRPS is more than 2 % higher than the random walk's, with p below 0.05.",
        {"point": "median", "known": "0.74", "coming": "0.00"},
    ),
    "no-copy": Sentence(
        _COPY,
        "The {point} is no copy of the last value: correlation with the change to come "
        "{coming}, with the last one {known}.",
        "The correlation with the last change is clearly below 0.5, or that with the change to "
        "come clearly above zero: "
        "by two standard errors.",
        {"point": "median", "known": "0.10", "coming": "0.35"},
    ),
    "copy-open": Sentence(
        _COPY,
        "Whether the {point} copies the last value cannot be told: "
        "correlation with the change to come {coming}, with the last one {known}.",
        "Neither of the above.",
        {"point": "median", "known": "0.45", "coming": "0.12"},
    ),
    "journal-right": Sentence(
        _JOURNAL,
        "{level} % band: held {share} % of {bars} forecast before they happened (interval "
        "{low} to {high} %): about right.",
        "As for the bands of a test part; independent are forecasts whose bars do not overlap "
        "in time.",
        {**_HELD, "bars": "400 bars of 380 days"},
    ),
    "journal-narrow": Sentence(
        _JOURNAL,
        "{level} % band: held {share} % of {bars} forecast before they happened (interval "
        "{low} to {high} %): too narrow.",
        "As for the bands of a test part.",
        {**_HELD, "share": "71.0", "low": "66.3", "high": "75.4", "bars": "400 bars of 380 days"},
    ),
    "journal-wide": Sentence(
        _JOURNAL,
        "{level} % band: held {share} % of {bars} forecast before they happened (interval "
        "{low} to {high} %): too wide.",
        "As for the bands of a test part.",
        {**_HELD, "share": "89.0", "low": "85.5", "high": "91.9", "bars": "400 bars of 380 days"},
    ),
    "journal-few": Sentence(
        _JOURNAL,
        "{level} % band: held {share} % of {bars} forecast before they happened; too few "
        "independent forecasts to say whether {level} % "
        "is right.",
        "As for the bands of a test part.",
        {"level": "80", "share": "100.0", "bars": "5 bars of 5 days"},
    ),
    "journal-none": Sentence(
        _JOURNAL,
        "{level} % band: no bar that was still to come when it was forecast is known yet.",
        "Nothing is known yet.",
        {"level": "80"},
    ),
    "search-beats": Sentence(
        _SEARCH,
        "The settings found by {trials} are better than the defaults: {loss} {size} lower on "
        "{origins} of the test part{chance}.",
        "At least 20 independent origins, p below 0.05 after correction for the search, CRPS at "
        "least 0.3 % lower.",
        _SEARCHED,
    ),
    "search-chance": Sentence(
        _SEARCH,
        "Nothing here is shown to be better than the defaults: the best of {trials} has a {loss} "
        "{size} {side} on {origins} of the test part{chance}, which chance may explain.",
        "At least 20 independent origins, p 0.05 or more after correction for the search.",
        {**_SEARCHED, "chance": " (p = 0.32, corrected for 17 independent tries)"},
    ),
    "search-still": Sentence(
        _SEARCH,
        "Nothing here is shown to be better than the defaults: the best of {trials} has a {loss} "
        "{size} {side} on {origins} of the test part{chance}, but no gain is shown where something "
        "moved.",
        f"As for *better*, {_STILL}",
        {**_SEARCHED, "size": "12 %"},
    ),
    "search-small": Sentence(
        _SEARCH,
        "Nothing here is better than the defaults: the best of {trials} has a {loss} {size} "
        "{side} on {origins} of the test part{chance}, too little to matter.",
        "At least 20 independent origins and p below 0.05, but CRPS differs by less than 0.3 %.",
        {**_SEARCHED, "size": "0.15 %"},
    ),
    "search-loses": Sentence(
        _SEARCH,
        "Nothing here is better than the defaults: the best of {trials} on validation has a "
        "{loss} {size} higher on {origins} of the test part{chance}.",
        "At least 20 independent origins, p below 0.05, CRPS at least 0.3 % higher.",
        {**_SEARCHED, "chance": " (p = 0.012)"},
    ),
    "search-few": Sentence(
        _SEARCH,
        "Whether the settings found by {trials} are better than the defaults cannot be told: "
        "{origins} of the test part are too few independent ones ({loss} {size} {side}).",
        _FEW,
        _SEARCHED,
    ),
    "search-defaults": Sentence(
        _SEARCH,
        "Nothing here is better than the defaults: none of {trials} had a lower validation loss.",
        "No complete trial has a lower CRPS on the validation blocks.",
        _SEARCHED,
    ),
    "search-same": Sentence(
        _SEARCH,
        "Nothing here is better than the defaults: the best of {trials} has the same {loss} on "
        "{origins} of the test part.",
        "The CRPS of both is the same number.",
        _SEARCHED,
    ),
    "rules-more": Sentence(
        _RULES,
        "{rule} earned more than chance: {earned} after costs, and only {above} of {count} random "
        "rules that traded as much earned as much ({chance}).",
        "At least 20 dates of decisions, and p below 0.05 after correction for three rules and the "
        "configurations tried.",
        {**_EARNED, "above": "2", "chance": "p = 0.009"},
    ),
    "rules-chance": Sentence(
        _RULES,
        "{rule} earned no more than chance: {earned} after costs; {above} of {count} random rules "
        "that traded as much earned as much or more ({chance}).",
        "At least 20 dates of decisions, and p 0.05 or more after that correction.",
        _EARNED,
    ),
    "rules-still": Sentence(
        _RULES,
        "{rule} never changed its position ({earned} after costs), so nothing tells it from "
        "holding.",
        "All positions are the same.",
        _EARNED,
    ),
    "rules-few": Sentence(
        _RULES,
        "{rule} decided too seldom to tell it from chance: {earned} after costs.",
        "Fewer than 20 dates of decisions.",
        _EARNED,
    ),
    "rules-some": Sentence(
        _RULES,
        "More than chance on these past forecasts: {names}. Others who try as many things find as "
        "much now and then.",
        "At least one rule earned more than chance.",
        {"names": "Size by width"},
    ),
    "rules-none": Sentence(
        _RULES,
        "None of the three fixed rules earned more than chance.",
        "At least one rule could be compared with random ones, and none earned more.",
        {},
    ),
    "rules-open": Sentence(
        _RULES,
        "Whether the rules earned more than chance cannot be told.",
        "Each rule decided too seldom, or never changed its position.",
        {},
    ),
    "plain": Sentence(
        _PLAIN,
        "On {unit} it never saw, {whose} {range} was {standing} the best simple method{walk}.",
        "At least 20 independent origins: better where the verdict is *beats*, as good where it is "
        "*ties*, worse where it is *loses*; likewise for the random walk.",
        {**_PLAINLY, "standing": "as good as", "walk": ", and better than a random walk"},
    ),
    "plain-few": Sentence(
        _PLAIN,
        "There are too few {unit} to say whether {whose} {range} is any better than simple "
        "methods: {least} forecasts that do not overlap are needed.",
        "Fewer than 20 independent origins, or an error that is no number.",
        {**_PLAINLY, "least": "20"},
    ),
    "plain-why-error": Sentence(
        _PLAIN,
        "Its error was {size} {side} than that of {reference}, the best simple method: {luck}.",
        "More than luck explains: p below 0.05 and at least 0.3 %. Too little to matter: less than "
        "that. Which luck may explain: p 0.05 or more.",
        {
            "size": "0.20 %",
            "side": "larger",
            "reference": "HAR volatility",
            "luck": "which luck may explain",
        },
    ),
    "plain-why-same": Sentence(
        _PLAIN,
        "Its error was the same as that of {reference}, the best simple method.",
        "The CRPS of both is the same number.",
        {"reference": "the random walk"},
    ),
    "plain-why-few": Sentence(
        _PLAIN,
        "About {count} of its forecasts do not overlap; {least} are needed to tell skill from "
        "luck.",
        "Fewer than 20 independent origins.",
        {"count": "7", "least": "20"},
    ),
    "plain-why-held": Sentence(
        _PLAIN,
        "The range that should hold 80 of 100 outcomes held {share}: {words}.",
        "As for the 80 % band of a verdict.",
        {"share": "79.6", "words": "about right"},
    ),
    "plain-why-line": Sentence(
        _PLAIN,
        "It gives no range that should hold 80 of 100 outcomes.",
        "There is no 80 % band.",
        {},
    ),
    "plain-why-network": Sentence(
        _PLAIN,
        "With the network the error is {size} {side} than without it.",
        "The network adds something, or harms, by the rule of the verdict.",
        {"size": "1.2 %", "side": "smaller"},
    ),
    "plain-why-network-nothing": Sentence(
        _PLAIN,
        "Without the network the forecast is as good: what it started from did the work.",
        "The network adds nothing that is certain and matters.",
        {},
    ),
    "plain-why-network-open": Sentence(
        _PLAIN,
        "What the network itself adds cannot be told from so few forecasts.",
        "Fewer than 20 independent origins.",
        {},
    ),
    "plain-why-tries": Sentence(
        _PLAIN,
        "It was judged on the days after all that it learned from; settings tried on them: "
        "{tries}.",
        "Nothing is known of the forecast without the network.",
        {"tries": "1"},
    ),
}


def tell(name: str, **fields: object) -> str:
    """Return a sentence with its fields filled in."""
    return SENTENCES[name].text.format(**fields)


def recognised(text: str) -> str:
    """Return the name of the template that a sentence was made of; "" where there is none."""
    return next((name for name, sentence in SENTENCES.items() if sentence.made(text)), "")


def percent(share: float) -> str:
    """Write the size of a relative difference: one decimal from 1 % on, two below."""
    size = 100 * abs(share)
    return f"{size:.1f} %" if size >= 1 else f"{size:.2f} %"


def document() -> str:
    """Return ``docs/verdicts.md``."""
    lines = [
        "# What a verdict can say",
        "",
        "Made by `python -m forecasting.sentences > docs/verdicts.md`; a test keeps it "
        "current. How the numbers come about",
        "stands in [honesty.md](honesty.md). *Independent origins* are cutoff dates whose "
        "outcomes do not overlap: 250 days",
        "with a horizon of 20 have 12 of them. Intervals are 95 % intervals by Clopper & "
        "Pearson on that number, or on what the",
        "variance between dates says it is worth.",
    ]
    group = ""
    for sentence in SENTENCES.values():
        if sentence.group != group:
            group = sentence.group
            lines += [
                "",
                f"## {group}",
                "",
                "| sentence, with example values | said when |",
                "| --- | --- |",
            ]
        lines.append(f"| {sentence.text.format(**sentence.example)} | {sentence.when} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(document(), end="")
