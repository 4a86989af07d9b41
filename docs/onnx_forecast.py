"""Forecast prices with a network that Candlecast saved as ONNX; needs numpy and onnxruntime only.

    python onnx_forecast.py model.onnx prices.csv

The CSV file has the date (ISO, oldest first) in its first column, and columns named close and,
where known, open, high, low and volume. Prints the quantiles of every bar ahead, the same as
``candlecast forecast prices.csv --model-file model.candlecast``.
"""

import csv
import json
import math
import os
import sys
from pathlib import Path
from statistics import NormalDist

import numpy as np

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # else onnxruntime reports each session to Microsoft
import onnxruntime


def problem(about, dates, bars):
    """Say why these bars cannot be forecast here; nothing where they can."""
    if reasons := about.get("outside", ["an earlier version saved it"]):
        return f"Only Candlecast can forecast with this network: {', '.join(reasons)}."
    y = bars.get("close", np.empty(0))
    if len(y) < about["input_size"] or not np.isfinite(y).all() or (np.diff(dates) <= 0).any():
        return f"{about['input_size']} bars or more with a column close are needed, oldest first."
    days = np.median(np.diff(dates)) / np.timedelta64(1, "D") if len(y) > 1 else 0
    if days and about["days_apart"] and not 0.6 < days / about["days_apart"] < 1.6:
        return f"The bars are {days:g} days apart; the network learned {about['days_apart']:g}."
    if about["target"] == "log-return" and y.min() <= 0:
        return "The network learned log returns, which need closes above 0."
    path = np.log(y) if y.min() > 0 else y
    jump = np.diff(path, prepend=path[0])
    size = np.abs(jump)
    for t in np.flatnonzero(jump) if len(y) > 31 else ():
        away = (path[t : t + 6] - path[t - 1]) / jump[t]
        others = np.delete(size[1 : max(t, 31)], slice(t - 1, t + 5))[-250:]
        least = max(22 * np.median(others), 3 * np.sort(others)[-3])
        if size[t] >= least and away.min() < 0.4 and abs(away[away < 0.4][0]) <= 0.15:
            return f"The close of {dates[t]} looks mistyped: mend it, or leave its row out."
    return ""


def before(x):
    """Return the value of the bar before, [T]."""
    return np.append(x[:1], x[:-1])


def mean(x, bars):
    """Return the mean of the last values at each bar, [T]."""
    total = np.append(np.zeros(bars), np.cumsum(x))
    few = np.minimum(np.arange(1, len(x) + 1), bars)
    return np.maximum((total[bars:] - total[:-bars]) / few, np.minimum.accumulate(x))


def bar_variance(bars, move, logs):
    """Return the variance of each bar, and the least that it can be, [T] each."""
    y, squared = bars["close"], move**2
    if not logs:
        floor = np.maximum(1e-7 * np.cumsum(y**2) / np.arange(1, len(y) + 1), 1e-12)
        return np.maximum(squared, floor), floor
    if {"open", "high", "low"} <= bars.keys():  # Garman and Klass, where it is credible
        first, high, low = bars["open"], bars["high"], bars["low"]
        ranged = np.log(first / np.append(first[0], y[:-1])) ** 2 + np.log(high / low) ** 2 / 2
        ranged -= (2 * math.log(2) - 1) * np.log(y / first) ** 2
        usable = np.isfinite(ranged) & (high >= low)
        known = np.maximum(np.where(usable, ranged, squared) / 1e-7, 1)
        most = np.maximum(400e-7 * np.exp(mean(np.log(known) + 1, 250) - 1), 9 * squared)
        squared = np.where(usable & (ranged <= most), ranged, squared)
    return np.maximum(squared, 1e-7), np.full(len(y), 1e-7)


def volatility(fit, move, variance, floor):
    """Return the usual size of the next h-bar moves, [T, H]: a regression of the log variance."""
    squared, age = np.maximum(move**2, floor), np.arange(len(move))
    squared[0] = variance[0]
    means = [mean(variance, bars) for bars in (1, 5, 22, 250)]
    for decay in (0.97, 0.9):
        total = np.convolve(squared, decay ** age[:3000])[: len(age)]
        means.append(total / np.cumsum(decay**age))
    x = np.log(np.stack(means + means[1:2] * fit["pooled"], axis=1))
    shift = np.zeros((len(x), 1))
    if fit["limits"]:  # of what the regression was fitted to
        least, most = np.array(fit["limits"])
        below = least[:6].max() - x[:, :6].max(axis=1, keepdims=True)
        shift = np.where(below > 0, -below, np.maximum(x[:, 2:3] - most[2], 0))
        x[:, :6] -= shift
        x = np.maximum(x, least)
    weights = np.array(fit["coefficients"])
    scale = np.exp((x @ weights[:-1] + weights[-1] + shift) / 2)
    few = np.minimum(age + 1, 250)
    size = mean(np.minimum(np.abs(move) / before(scale[:, 0]), 6) + 1e-3, 250)
    size = (few * size + 60 * math.sqrt(2 / math.pi)) / (few + 60)
    return scale * size[:, None] ** fit["feedback"]


def features(bars, move, variance, scale, logs):
    """Return what the network can read of each bar, by name, [T] each."""
    known, total = before(scale), np.cumsum(move)
    made = {
        "move": move / known,
        "range": np.log(variance) / 2 - np.log(known),
        "level": np.log(scale) - np.log(mean(variance, 250)) / 2,
        "trend": (total - np.append(np.zeros(22), total)[: len(total)]) / (scale * math.sqrt(22)),
        "market": move / known,
        "spread": np.abs(move / known),
    }
    if logs and {"open", "high", "low"} <= bars.keys():
        made["gap"] = np.log(bars["open"] / np.append(bars["open"][0], bars["close"][:-1])) / known
    if "volume" in bars:
        traded = np.log(np.where(bars["volume"] > 0, bars["volume"], 1))
        made["volume"] = traded - before(mean(traded + 1, 22) - 1)
        made["volume"][0] = 0
    return made


def inputs(about, bars, symbol):
    """Return windows [N, L, C], scales [N, H], and what moves are measured from, [N, 1, 1]."""
    y, logs = bars["close"], about["target"] == "log-return"
    start = np.log(y) if logs else y
    move = np.diff(start, prepend=start[0])
    variance, floor = bar_variance(bars, move, logs)
    scale = volatility(about["volatility"], move, variance, floor)
    made = features(bars, move, variance, scale[:, 0], logs)
    if about["target"] == "level":  # the move is that from the mean of the last bars
        past = [y[max(0, t + 1 - about["level_bars"]) : t + 1] for t in range(len(y))]
        start, spread = np.array([[part.mean(), part.std()] for part in past]).T
        size = np.sqrt(np.cumsum(y**2) / np.arange(1, len(y) + 1))
        spread = np.maximum(spread, 1e-3 * size + 1e-12)
        made["distance"] = (y - start) / spread
        scale = np.repeat(spread[:, None], about["horizon"], axis=1)
    names = [name for name in about["features"] if name != "series"]
    table = np.stack([made.get(name, np.zeros(len(y))) for name in names], axis=1)
    table = np.clip(np.nan_to_num(table, nan=0, posinf=8, neginf=-8), -8, 8)
    table = (table - about["mean"]) / about["sd"]
    if about["series"]:
        number = [*about["series"], symbol].index(symbol)
        table = np.append(table, np.full((len(y), 1), number), axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(table, about["input_size"], axis=0)
    first = about["input_size"] - 1
    return windows.transpose(0, 2, 1), scale[first:], start[first:, None, None]


def between(x, xs, ys):
    """Interpolate, and go on straight beyond the outermost points."""
    k = np.clip(np.searchsorted(xs, x, side="right"), 1, len(xs) - 1)
    return ys[k - 1] + (x - xs[k - 1]) / np.maximum(xs[k] - xs[k - 1], 1e-12) * (ys[k] - ys[k - 1])


def calibrated(values, y, levels, rates):
    """Return the last of N forecasts [N, H, Q], widened by the misses of those before it.

    Adaptive conformal inference: every outcome moves all bands together, which fades, and each band
    by its own misses for good. ``y`` [N] are the closes of the bars that the forecasts begin at.
    """
    normal, ahead = NormalDist(), np.arange(1, values.shape[1] + 1)[:, None]
    x = np.array([normal.inv_cdf(level) for level in levels])
    share = np.array([0.5, 0.2, 0.1, 0.05, 0.01])  # of misses of each band
    knots = np.array([normal.inv_cdf(1 - part / 2) for part in share])
    pull = 2 * knots * [normal.pdf(knot) for knot in knots]
    logs = (values > 0).all(axis=(1, 2)) & (y > 0)
    curves = np.array(values)
    curves[logs] = np.log(values[logs])
    state, width = np.zeros((len(ahead), 6)), np.zeros((*values.shape[:2], 6))
    seen, noise = np.zeros((len(ahead), 1)), np.append(1 / 12, share * (1 - share))
    squares = np.tile(20 * noise, (len(ahead), 1))
    for t in range(len(values)):
        h = np.arange(min(t, len(ahead)))  # steps whose outcome this bar is, for forecasts from n
        n, far = t - 1 - h, np.zeros((len(h), 1))
        for k in h:
            curve, known = curves[n[k], k], math.log(max(y[t], 1e-12)) if logs[n[k]] else y[t]
            far[k] = 0 if curve[0] == known == curve[-1] else abs(between(known, curve, x))
        fast, slow = width[n, h, :1], width[n, h, 1:]
        beyond = [[math.erf(z / math.sqrt(2)) - 0.5] for z in (far / np.exp(fast))[:, 0]]
        error = np.append(
            np.reshape(beyond, (-1, 1)), (far > knots * np.exp(fast + slow)) - share, 1
        )
        squares[h] += error**2
        rate = np.maximum(rates["slow"], 2 / (50 + seen))
        state[h, 0] *= 1 - rates["fade"]
        state[h, :1] += rates["fast"] / ahead[h] * error[:, :1]
        state[h, 1:] += rate[h] / np.sqrt(ahead[h]) * error[:, 1:]
        state = np.clip(state, -math.log(20), math.log(20))
        seen[h] += 1
        rate = np.maximum(rates["slow"], 2 / (50 + seen))
        wander = rates["fast"] ** 2 / ahead / (1 - (1 - rates["fade"]) ** 2)
        luck = np.append(wander, rate * np.sqrt(ahead) / (2 * pull), 1) * squares / (20 + seen)
        width[t] = state * np.maximum(0, 1 - luck / np.maximum(state**2, 1e-12))
    wider, found = width[-1, :, :1] + width[-1, :, 1:], curves[-1]
    for h in range(len(ahead)):
        near = min((h + 1) // 3, len(ahead) - h - 1)
        reach = knots * np.exp(wider[h - near : h + near + 1].mean(axis=0))
        reach = np.maximum.accumulate(reach)
        reached = np.interp(np.abs(x), [0, *knots, 9], [0, *reach, reach[-1] * 9 / knots[-1]])
        found[h] = between(np.sign(x) * reached, x, curves[-1, h])
    return np.maximum.accumulate(np.exp(found) if logs[-1] else found, axis=1)


def read(prices):
    """Return the dates [T] of a CSV file and its columns by name, [T] each."""
    with open(prices, newline="", encoding="utf-8-sig") as file:
        head, *rows = csv.reader(file)
    names = [name.strip().lower() for name in head]
    columns = {
        name: np.array([float(row[names.index(name)] or "nan") for row in rows])
        for name in ("open", "high", "low", "close", "volume")
        if name in names
    }
    return np.array([row[0] for row in rows], "datetime64[us]"), columns


def forecast(model, prices):
    """Return the levels and the quantiles [H, Q] of the bars after the last one of a CSV file."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map["candlecast"])
    dates, bars = read(prices)
    if refusal := problem(about, dates, bars):
        sys.exit(refusal)
    window, scale, start = inputs(about, bars, Path(prices).stem)
    dates, closes = (item[about["input_size"] - 1 :] for item in (dates, bars["close"]))
    past = slice(min((dates < np.datetime64(about["val_start"])).sum(), len(dates) - 1), None)
    given = {"window": window[past].astype("f4"), "scale": scale[past].astype("f4")}
    many = 256 if isinstance(session.get_inputs()[0].shape[0], str) else 1
    parts = [
        session.run(None, {name: item[n : n + many] for name, item in given.items()})[0]
        for n in range(0, len(given["scale"]), many)
    ]
    values = start[past] + np.concatenate(parts).astype(float)
    if about["target"] == "log-return":
        values = np.exp(values)
    else:  # what was never negative is not forecast to be
        lowest = np.minimum.accumulate(bars["close"])[-len(values) :, None, None]
        values = np.where(lowest >= 0, np.maximum(values, 0), values)
    if about["calibration"] is None:
        return about["levels"], values[-1]
    return about["levels"], calibrated(values, closes[past], about["levels"], about["calibration"])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    levels, quantiles = forecast(*sys.argv[1:])
    print("step", *levels, sep=",")
    for step, row in enumerate(quantiles, 1):
        print(step, *(f"{value:.10g}" for value in row), sep=",")
