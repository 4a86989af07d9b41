"""Results as JSON documents: the fields that scripts rely on."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from forecasting import metrics
from forecasting.base_rates import outcome_rate
from forecasting.checks import DAY_US, usual_distance
from forecasting.summary import summarise

if TYPE_CHECKING:
    from forecasting.base_rates import RiseRate
    from forecasting.config import BacktestConfig
    from forecasting.events import (
        AuditFinished,
        BacktestFinished,
        LearningRatesTried,
        RunInfo,
        RunResult,
    )
    from forecasting.series import (
        Calibration,
        ExogColumn,
        Forecast,
        Outcomes,
        Panel,
        PriceSeries,
        Profile,
    )

#: Central bands of the forecast document, in percent.
LEVELS = (80, 95)
Document = dict[str, Any]
#: Date of the values of a table without dates.
_UNDATED = np.datetime64(0, "us")
#: Sources that were not loaded: ``{source, message}`` each.
Refused = Sequence[Mapping[str, str]]


def to_json(document: Document | list[Document]) -> str:
    """Return a document as ASCII JSON; what is not finite becomes null, and control characters
    are escaped.
    """
    return json.dumps(_plain(document), indent=2, allow_nan=False).replace("\x7f", "\\u007f")


def inspection(series: PriceSeries, refused: Refused = ()) -> Document:
    """Return what is known of a series and of the quality of its data, and which sources beside
    its own were not loaded.
    """
    stamp = stamps(series)
    return {
        "symbol": series.symbol,
        "bars": len(series),
        "first_ds": stamp(series.ds[0]),
        "last_ds": stamp(series.ds[-1]),
        "first_close": series.y[0],
        "last_close": series.y[-1],
        "last_volume": series["volume"][-1] if "volume" in series else None,
        "columns": list(series.columns),
        "freq": series.freq,
        "timezone": series.tz or None,
        "calendar": series.calendar,
        "currency": series.currency or None,
        "prices": series.provenance.adjusted,
        "source": series.provenance.source,
        "retrieved_at": series.provenance.retrieved_at or None,
        "content_hash": series.provenance.content_hash or None,
        "inputs": [candidate(column, series) for column in series.extras],
        "findings": findings(series),
    } | ({"not_loaded": list(refused)} if refused else {})


def base_rate(rate: RiseRate) -> Document:
    """Return how often a series ended higher by itself."""
    return {
        "rises": rate.rises,
        "windows": rate.windows,
        "horizon": rate.horizon,
        "sentence": rate.sentence,
    }


def candidate(column: ExogColumn, series: PriceSeries) -> Document:
    """Return what is known of a column that may be chosen as input; ``ahead`` counts its values
    after the last bar, of daily and longer bars after its day.
    """
    stamp, known = stamps(series), column.ds[~np.isnan(column.values)]
    whole_days = usual_distance(series) >= DAY_US
    later = known.astype("datetime64[D]") > series.ds[-1] if whole_days else known > series.ds[-1]
    dated = known.size and not (known == _UNDATED).all()
    return {
        "name": column.name,
        "form": column.form,
        "values": int(known.size),
        "missing": column.missing,
        "first_ds": stamp(known[0]) if dated else None,
        "last_ds": stamp(known[-1]) if dated else None,
        "ahead": int(np.count_nonzero(later)),
        "labels": list(column.labels[:50]),
    }


def findings(series: PriceSeries) -> list[Document]:
    """Return what was noticed in the data of a series."""
    return [dataclasses.asdict(item) for item in series.findings]


def findings_of_all(panel: Panel) -> list[Document]:
    """Return what was noticed in the data of all series, each finding with the symbol."""
    return [{"symbol": series.symbol, **item} for series in panel for item in findings(series)]


def left_out(why: Mapping[str, str]) -> list[Document]:
    """Return the series that are not forecast or not judged: ``{symbol, message}`` each."""
    return [{"symbol": symbol, "message": message} for symbol, message in why.items()]


def forecasts(
    made: Sequence[Forecast],
    panel: Sequence[PriceSeries],
    result: RunResult | None,
    refused: Refused = (),
    by_step: bool = False,
) -> list[Document]:
    """Return the forecast of each series of a panel.

    All but ``forecast`` and ``series_scores`` is of the whole panel, and computed once; without
    training it is empty. Where no forecast was made, one document tells of the panel.
    """
    whole: Document = {
        "quantiles": list(_scored_levels(result.outcomes)) if result else [],
        "scores": result.scores if result else {},
        "series_scores": {},
        "calibration": _calibration(result.outcomes) if result else {},
        "verdict": dataclasses.asdict(result.verdict) if result else None,
        "run": _run(result.info) if result else None,
        "findings": [],
        "not_loaded": list(refused),
    } | (_by_step(result.outcomes) if result and by_step else {})
    scores = _series_scores(result.outcomes) if result else {}
    found = []
    for fcst, series in zip(made, panel, strict=True):
        stamp = stamps(series)
        own: Document = {
            "symbol": fcst.symbol,
            "model": fcst.model,
            "cutoff": stamp(fcst.cutoff),
            "forecast": _rows(fcst, stamp),
        }
        found.append(
            own
            | whole
            | {
                "series_scores": scores.get(fcst.symbol, {}),
                "findings": findings(series),
            }
        )
    model = next(iter(result.scores), None) if result else None
    bare: Document = {"symbol": None, "model": model, "cutoff": None, "forecast": []}
    return found or [bare | whole]


def backtest(
    finished: BacktestFinished, plan: BacktestConfig, refused: Refused = (), by_step: bool = False
) -> Document:
    """Return the scores and the verdict of a walk-forward test."""
    model = next(iter(finished.outcomes))
    origins = finished.outcomes[model]
    symbols = sorted({str(symbol) for symbol in origins.symbol})
    document: Document = {
        "model": model,
        "symbols": symbols,
        "origins": len(origins),
        "first_cutoff": _iso(origins.cutoff.min()),
        "last_cutoff": _iso(origins.cutoff.max()),
        "horizon": origins.horizon,
        "step_size": plan.step_size,
        "refit": plan.refit,
        "quantiles": list(_scored_levels(finished.outcomes)),
        "scores": finished.scores,
        "series_scores": _series_scores(finished.outcomes),
        "calibration": _calibration(finished.outcomes),
        "verdict": dataclasses.asdict(finished.verdict),
        "summary": summarise(finished.verdict, finished.scores).document(),
        "base_rate": base_rate(outcome_rate(origins)),
        "run": _run(finished.info),
        "not_loaded": list(refused),
    }
    return document | (_by_step(finished.outcomes) if by_step else {})


def _scored_levels(outcomes: Mapping[str, Outcomes]) -> tuple[float, ...]:
    """Return the levels over which CRPS and pinball loss are averaged; of a backtest, those of
    its export.
    """
    return next(iter(outcomes.values())).scored_levels


def profiles(kept: Mapping[str, Profile]) -> Document:
    """Return what is kept of the outcomes of a run: the coverage of each band, and every metric
    for each bar ahead.
    """
    steps = {
        model: {name: values.tolist() for name, values in item.steps.items()}
        for model, item in kept.items()
    }
    return {
        "calibration": _promised({model: item.calibration for model, item in kept.items()}),
        "by_step": steps,
    }


def audit(finished: AuditFinished) -> Document:
    """Return the checks of an audit and whether all were passed."""
    return {
        "passed": finished.passed,
        "checks": [dataclasses.asdict(check) for check in finished.checks],
    }


def learning_rates(tried: LearningRatesTried) -> Document:
    """Return the suggestion of a search for the learning rate, in numbers and in words, and its
    curve.
    """
    return {
        "suggestion": tried.suggestion,
        "finding": tried.finding,
        "rates": tried.rates.tolist(),
        "losses": tried.losses.tolist(),
    }


def stamps(series: PriceSeries) -> Callable[[np.datetime64], str]:
    """Return how dates of a series are written: ``2024-01-02 14:30:00``, with the offset where
    bars have a time and a known zone.
    """
    intraday = bool((series.ds != series.ds.astype("datetime64[D]")).any())
    zone = ZoneInfo(series.tz) if series.tz and intraday else None
    return lambda ds: _iso(ds, zone)


def _iso(ds: np.datetime64, zone: ZoneInfo | None = None) -> str:
    time: datetime = ds.astype("datetime64[us]").astype(object)
    return time.replace(tzinfo=zone).isoformat(sep=" ")


def _rows(fcst: Forecast, stamp: Callable[[np.datetime64], str]) -> list[Document]:
    limits = {level: fcst.band(level) for level in LEVELS}
    rows = []
    for step, (ds, median) in enumerate(zip(fcst.ds, fcst.median, strict=True)):
        row: Document = {"ds": stamp(ds), "median": median}
        if fcst.mean is not None:
            row["mean"] = fcst.mean[step]
        for level, (low, high) in limits.items():
            row |= {f"lo-{level}": low[step], f"hi-{level}": high[step]}
        rows.append(row)
    return rows


def _series_scores(outcomes: Mapping[str, Outcomes]) -> Document:
    """Return the scores of each model on each series that has an origin in the test part, by
    symbol.
    """
    found: Document = {}
    for model, item in outcomes.items():
        for symbol, mine in item.by_symbol().items():
            found.setdefault(symbol, {})[model] = metrics.score(mine)
    return found


def _calibration(outcomes: Mapping[str, Outcomes]) -> Document:
    """Return, for each model, realised coverage by the stated coverage of each band, in percent."""
    return _promised({name: metrics.calibration(item) for name, item in outcomes.items()})


def _promised(tables: Mapping[str, Calibration]) -> Document:
    return {
        name: {f"{level:g}": share for level, share in zip(t.level, t.realised, strict=True)}
        for name, t in tables.items()
    }


def _by_step(outcomes: Mapping[str, Outcomes]) -> Document:
    """Return every metric of each model for each bar ahead."""
    return {
        "by_step": {
            model: {name: steps.tolist() for name, steps in metrics.by_step(item).items()}
            for model, item in outcomes.items()
        }
    }


def _run(info: RunInfo) -> Document:
    return {
        name: getattr(info, name) for name in ("seconds", "epochs", "device", "seed", "stopped")
    }


def _plain(value: Any) -> Any:
    """Return a value of plain JSON types."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
