"""What the name of a column says: a date, an actual value, or a quantile of some model's
forecast.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from forecasting.sources.files.vocabulary import plain, role_ranks, words_of

Kind = Literal[
    "ds",
    "target_ds",
    "cutoff",
    "start",
    "issued",
    "unique_id",
    "model",
    "step",
    "sample",
    "level",
    "y",
    "price",
    "y0",
    "point",
    "mean",
    "quantile",
    "lower",
    "upper",
    "path",
    "value",
    "changes",
    "veto",
    "unknown",
]


@dataclass(frozen=True)
class ColumnName:
    """What a name says.

    Attributes
    ----------
    kind : str
        ``quantile``, ``lower``, ``upper``, ``path``, ``point`` and ``mean`` belong to a model; the
        others to the table.
    model : str
        Name of the model, "" where the column names none.
    level : float
        Quantile level, 0 to 1, or central band of ``lower`` and ``upper``, in percent; 0 where it
        is not stated.
    """

    kind: Kind
    model: str = ""
    level: float = 0.0


_TABLE: dict[Kind, str] = {
    "ds": """ds|date|datetime|timestamp|timestamps|time|dates|day|date time|index|unnamed 0
        |trade date|trading date|bar time|datum|period|x""",
    "target_ds": """target date|target end date|target datetime|target time|valid time
        |valid date|forecast timestamp
        |date target|target ds|prediction timestamp|target timestamp|forecasted date
        |forecasted timestamp|timestamp utc|horizon date|predicted date|for date""",
    "cutoff": """cutoff|cut off|cutoff date|origin|origin date|forecast origin|as of|as of date
        |asof|train end|train end date
        |last train date|reference date|forecast point|anchor|anchor date|t0|origin timestamp
        |cutoff time|last date
        |window end|fold end""",
    "issued": """forecast date|prediction date|issue date|issued|issue time|made at|made on
        |created at|run date|base date
        |reference time|init time|forecast made|date made|generated at|predicted at|predicted on""",
    "start": """start|start date|forecast start|first forecast date|prediction start|start time
        |forecast start date|backtestwindow start time|backtest window start|backtest start
        |window start|fold start|test start|test start date""",
    "unique_id": """unique id|item id|symbol|ticker|series|series id|series name|asset|asset id
        |instrument|stock|id|code
        |ts id|time series id|name|location|entity|pair|security|tic""",
    "model": """model|model name|model desc|model description|model id|method|estimator
        |forecaster|algorithm|model type|network|learner|approach""",
    "step": """step|h|horizon|lead|lead time|fh|steps ahead|step ahead|forecast distance
        |horizon step|forecast step|k|lead step
        |horizon index|forecast horizon|days ahead|bars ahead|step index""",
    "sample": """sample|sample id|sample idx|sample index|path|path id|trajectory|draw
        |simulation|sim|scenario|member|realization
        |realisation|ensemble member|iteration|replicate|rep|mc|sample number""",
    "level": "quantile|quantile level|quantiles|q|tau|alpha|output type id|percentile|prob level",
    "y": """y|ist|actual|actuals|actual value|y true|ytrue|y actual|y test|ytest|truth|ground truth
        |gt|observed|observation|obs|real
        |real value|target|true|true value|realized|realised|outcome|oos y|label value|test
        |actual price|real price|y real|target value""",
    "y0": """y0|last value|last close|previous close|prev close|last price|previous value
        |current price|prev y|base price
        |cutoff value|last known value|spot|last observed""",
    "value": "value|values|predicted value|forecast value|sample value|output value|quantile value",
}
_WORDS: dict[str, Kind] = {
    key: kind
    for kind, text in _TABLE.items()
    for word in text.split("|")
    for key in (plain(word), plain(word).replace(" ", ""))
}
_POINT = words_of(
    """yhat forecast forecasts forecasted fcst prediction predictions predicted pred preds
    predict yhat1 hat ypred predicts
    vorhersage prognose prevision pronostico predicao prediccion"""
)
#: Words beside those of a point forecast that name neither model nor anything else.
_FILLER = words_of(
    "y close closing price prices value values target point the of stock adj adjusted final "
    "output outputs by from model test t"
)
_ACTUAL = words_of(
    "actual actuals real true truth observed realized realised ytrue ytest gt groundtruth "
    "tatsachlich tatsaechlich tatsachlicher istwert reel reelle observe observado effettivo reale"
)
#: Models that people forecast prices with; none of these words names anything in a file of prices.
_MODELS = words_of(
    """lstm bilstm gru bigru rnn transformer tft nbeats nhits patchtst deepar informer autoformer
    itransformer tsmixer arima sarima sarimax autoarima autoets prophet neuralprophet xgboost
    lightgbm lgbm catboost naive seasonalnaive kronos chronos timesfm timegpt moirai tirex
    fracast"""
)
_LIMITS = words_of("ci pi interval bound limit limite borne grenze intervalle intervalo intervallo")
_MEAN = words_of("mean average avg expected")
_CHANGES = words_of(
    "return returns ret rets change changes logreturn logret pct percent growth move"
)
_VETO = words_of(
    """error errors err residual residuals resid diff difference signal class label prob
    probability std se sd sigma var
    variance scaled norm normalized normalised mae mse rmse mape smape loss confidence score
    abs squared direction dir
    correct hit position pnl profit equity volume vol amount turnover weight rank fold split
    seed epoch window train set
    anomaly anomalies outlier strategy cumulative accuracy sign trend up down r2 bias"""
)
#: Longest name that is looked at: patterns take much longer for longer ones.
LONGEST_NAME = 200
_NUMBER = r"\d*[.,]?\d+"
_SIDES = {
    "lo": "lower",
    "low": "lower",
    "lower": "lower",
    "lb": "lower",
    "hi": "upper",
    "high": "upper",
    "upper": "upper",
    "ub": "upper",
    "untergrenze": "lower",
    "untere": "lower",
    "unterer": "lower",
    "obergrenze": "upper",
    "obere": "upper",
    "oberer": "upper",
    "inferior": "lower",
    "superior": "upper",
    "inferieur": "lower",
    "inferieure": "lower",
    "superieur": "upper",
    "superieure": "upper",
    "inferiore": "lower",
    "superiore": "upper",
    "inf": "lower",
    "sup": "upper",
}
#: Sides of bands whose level follows at once: ``L80``, ``U95``.
_LETTERS = {"l": "lower", "u": "upper"}
_SIDE = rf"(?P<side>{'|'.join(sorted(_SIDES, key=len, reverse=True))})"
_BANDS = (
    re.compile(
        rf"(?i)^(?P<model>.*?)(?<![a-z]){_SIDE}(?:[\s_.:-]*(?:bound|limit|ci|pi|interval|grenze|schranke))?[\s_.:-]*(?P<level>{_NUMBER})\s*%?$"
    ),
    re.compile(
        rf"(?i)^(?P<model>.*?)(?<![\d.])(?P<level>{_NUMBER})\s*%?[\s_.:-]*(?:ci|pi|percentile)?[\s_.:-]*{_SIDE}(?:[\s_.:-]*bound)?$"
    ),
    re.compile(rf"(?i)^{_SIDE}[\s_.:-]*(?P<level>{_NUMBER})\s*%?[\s_.:-]*(?:ci|pi)(?P<model>)$"),
    re.compile(r"^(?P<model>|.*?[\s_.:-])(?P<side>[LUlu])_?(?P<level>[5-9]\d(?:\.\d+)?)$"),
)
#: Bands whose level the name does not state.
_OPEN_BAND = re.compile(
    rf"(?i)^(?P<model>.*?)[\s_.:-]*(?:(?:ci|pi|conf(?:idence)?|prediction|int|interval|band|bound)[\s_.:-]*)*(?<![a-z]){_SIDE}"
    r"(?:[\s_.:-]*(?:ci|pi|bound|limit|band|y|interval|conf(?:idence)?|prediction|grenze|schranke))*$"
)
_QUANTILES = (
    re.compile(
        rf"(?i)^(?P<model>.*?)(?<![a-z])(?:quantile|percentile|perc|pctl?|ql|q|p)[\s_.:=-]*(?P<level>{_NUMBER})\s*%?(?:th)?$"
    ),
    re.compile(
        rf"(?i)^(?P<model>.*?)(?<![\d.])(?P<level>{_NUMBER})\s*(?:th)?[\s_]*(?:quantile|percentile)$"
    ),
    re.compile(r"(?i)^(?P<model>|.*?[\s_.:-])(?P<level>\d{1,2}(?:\.\d+)?)th$"),
    re.compile(r"^(?P<model>.*?)[\s_:-]*(?<![\d.])(?P<level>0?\.\d+)$"),
    re.compile(r"^(?P<model>.*?)[\s_:-]*(?<![\d.])(?P<level>\d{1,2}(?:\.\d+)?)\s*%$"),
)
_PATH = re.compile(
    r"(?i)^(?P<model>.*?)(?<![a-z])(?:sample|path|sim|simulation|scenario|draw|trajectory|s)[\s_.:-]*(?P<number>\d{1,5})$"
)
#: ``Forecast(Values)``: what a spreadsheet forecast.
_OF_WHAT = re.compile(r"(?<=\w)\s?\([^()\d]*\)$")
#: ``limit (95%)``.
_IN_BRACKETS = re.compile(r"\s*\((?P<level>\d[\d.,]*\s?%?)\)$")
_MEDIAN = re.compile(r"(?i)^(?P<model>.*?)[\s_.:-]*(?<![a-z])median$")


def read_name(text: str) -> ColumnName:
    """Say what the name of a column means.

    Parameters
    ----------
    text : str
        As it stands in the header; levels of a MultiIndex are joined by blanks.
    """
    if len(text) > LONGEST_NAME:
        return ColumnName("unknown")
    text = _unaccented(_joined(text.strip()))
    text = _IN_BRACKETS.sub(r" \g<level>", _OF_WHAT.sub("", text) or text)
    name = plain(text)
    if name in _WORDS:
        return ColumnName(_WORDS[name])
    found = _band(text) or _quantile(text) or _path(text)
    if found is not None:
        return found
    tokens = name.split()
    words = set(tokens)
    open_band = _OPEN_BAND.match(text)
    if open_band and not role_ranks().get(name):
        model = _without(open_band["model"], _POINT | _FILLER | _MEAN)
        return ColumnName(_side(open_band["side"]), model)
    if words & _VETO:
        return ColumnName("veto")
    if words & _CHANGES:
        return ColumnName("changes", _model(text))
    if words & _POINT:
        return ColumnName("point", _model(text))
    if words & _ACTUAL:
        return ColumnName("y")
    if words & _MEAN:
        return ColumnName("mean", _without(text, _MEAN | _FILLER))
    return ColumnName(
        "price"
        if any(role == "close" for role, _ in role_ranks().get(name, ()))
        else _kind_of_price(name)
    )


def is_actual_name(text: str) -> bool:
    """Tell whether the name of a column says in words that it is what really happened."""
    return bool(set(plain(text).split()) & _ACTUAL)


def is_model_name(text: str) -> bool:
    """Tell whether the name of a column is that of a well-known model."""
    return bool(set(plain(text).split()) & _MODELS)


def _unaccented(text: str) -> str:
    """Return a name without accents and umlauts, so that its words are found."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


def _kind_of_price(name: str) -> Kind:
    """Return ``veto`` for open, high, low and volume, ``ds`` and ``unique_id`` for further names
    of theirs, else ``unknown``.
    """
    roles = {role for role, _ in role_ranks().get(name, ())}
    if roles & {"open", "high", "low", "volume", "bid", "ask", "adj_close"}:
        return "veto"
    return "ds" if "date" in roles else "unique_id" if "symbol" in roles else "unknown"


def _joined(text: str) -> str:
    """Return a name without the signs of a Python tuple: ``('y', 0.1)`` is ``y 0.1``."""
    if text.startswith("(") and text.endswith(")"):
        return " ".join(part.strip(" '\"") for part in text[1:-1].split(",")).strip()
    return text


def _band(text: str) -> ColumnName | None:
    for pattern in _BANDS:
        found = pattern.match(text)
        if found:
            level = _float(found["level"])
            level = 100 * level if 0 < level < 1 else level
            if 0 < level < 100:
                return ColumnName(
                    _side(found["side"]), _band_model(found["model"]), round(level, 9)
                )
    return None


def _quantile(text: str) -> ColumnName | None:
    median = _MEDIAN.match(text)
    if median:
        return ColumnName("quantile", _model(median["model"]), 0.5)
    for pattern in _QUANTILES:
        found = pattern.match(text)
        if found:
            level = _float(found["level"])
            level = level if 0 < level < 1 else level / 100
            if 0 < level < 1:
                return ColumnName("quantile", _model(found["model"]), round(level, 9))
    return None


def _path(text: str) -> ColumnName | None:
    found = _PATH.match(text)
    return ColumnName("path", _model(found["model"]), float(found["number"])) if found else None


def _band_model(text: str) -> str:
    return _without(text, _POINT | _FILLER | _MEAN | _LIMITS)


def _side(word: str) -> Kind:
    return "lower" if (_SIDES | _LETTERS)[word.lower()] == "lower" else "upper"


def _float(text: str) -> float:
    return float(text.replace(",", "."))


def _model(text: str) -> str:
    """Return the name of the model in a column's name."""
    return _without(text, _POINT | _FILLER | _CHANGES)


def _without(text: str, dropped: frozenset[str]) -> str:
    """Return a name without some of its words, its own signs between the rest; ``y_pred_LSTM-2``
    is ``LSTM-2``.
    """
    parts = re.split(r"([\s_.:-]+)", text.strip())
    kept: list[str] = []
    for index in range(0, len(parts), 2):
        word = parts[index]
        if plain(word) and not set(plain(word).split()) <= dropped:
            kept += [parts[index - 1] if index and kept else "", word]
    return "".join(kept).strip(" _.:-")
