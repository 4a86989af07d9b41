"""Forecast prices with a network that Candlecast saved as ONNX; needs numpy and onnxruntime only.

    python onnx_forecast.py model.onnx prices.csv

The CSV file has the date (ISO, oldest first) in its first column, and columns named close and,
where known, open, high, low and volume. Prints the quantiles of every bar ahead, the same as
``candlecast forecast prices.csv --model-file model.candlecast``.
"""

import base64
import csv
import json
import os
import sys
import zlib
from pathlib import Path

import numpy as np

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # else onnxruntime reports each session to Microsoft
import onnxruntime


def load(model):
    """Return a graph that can be run, of a file or of bytes."""
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def run(graph, **values):
    """Return what a graph makes of those values that it takes."""
    return graph.run(None, {item.name: values[item.name] for item in graph.get_inputs()})


def problem(about, dates, y):
    """Say why these closes cannot be forecast here; nothing where they can."""
    if reasons := about["outside"]:
        return f"Only Candlecast can forecast with this network: {', '.join(reasons)}."
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


def read(prices):
    """Return the dates [T] of a CSV file and its columns by name, [T] each, NaN where unknown."""
    with open(prices, newline="", encoding="utf-8-sig") as file:
        head, *rows = csv.reader(file)
    index_of = {name.strip().lower(): index for index, name in enumerate(head)}
    names = ("close", "open", "high", "low", "volume")
    columns = {
        name: np.array([float((name in index_of and row[index_of[name]]) or "nan") for row in rows])
        for name in names
    }
    return np.array([row[0] for row in rows], "datetime64[us]"), columns


def forecast(model, prices):
    """Return the levels and the quantiles [H, Q] of the bars after the last one of a CSV file."""
    network, symbol = load(model), Path(prices).stem
    stored = network.get_modelmeta().custom_metadata_map
    about = {"outside": ["an earlier version saved it"], **json.loads(stored["candlecast"])}
    dates, bars = read(prices)
    if refusal := problem(about, dates, bars["close"]):
        sys.exit(refusal)
    before, after = (
        load(zlib.decompress(base64.b64decode(stored[part]))) for part in ("before", "after")
    )
    number, dates = [*about["series"], symbol].index(symbol), dates[about["input_size"] - 1 :]
    first = min((dates < np.datetime64(about["val_start"])).sum(), len(dates) - 1)
    counts = {"since": np.array([first]), "series": np.array([number])}
    window, scale, start, closes, least = run(before, **bars, **counts)
    many = 256 if isinstance(network.get_inputs()[0].shape[0], str) else 1
    parts = [slice(n, n + many) for n in range(0, len(scale), many)]
    moves = [run(network, window=window[part], scale=scale[part])[0] for part in parts]
    given = {"moves": np.concatenate(moves), "start": start, "closes": closes, "least": least}
    return about["levels"], run(after, **given)[0]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    levels, quantiles = forecast(*sys.argv[1:])
    print("step", *levels, sep=",")
    for step, row in enumerate(quantiles, 1):
        print(step, *(f"{value:.10g}" for value in row), sep=",")
