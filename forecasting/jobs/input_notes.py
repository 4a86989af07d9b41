"""What is remarkable about the inputs that a run reads: dates that may be too early, values that
end or never change.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from forecasting.checks import some_names, usual_distance
from forecasting.config import InputConfig
from forecasting.errors import DataError
from forecasting.series import ExogColumn, Panel, PriceSeries

_DAY = np.timedelta64(1, "D")
#: Share of the bars behind the last value of an input from which on that is remarked, and how many
#: times the usual distance of two values the first of them come later.
_ENDED, _LATE = 0.05, 5


def input_notes(panel: Panel, inputs: InputConfig) -> Iterator[str]:
    """Yield what is remarkable about the inputs of a panel, a sentence each.

    Raises
    ------
    DataError
        A past input of which no series has a value by its last bar.
    """
    yield from _coarse_inputs(panel, inputs)
    for index, spec in enumerate(inputs.exog):
        if spec.kind != "hist":
            continue
        columns = [series.exog[index] for series in panel]
        there = [_by_then(*pair) for pair in zip(columns, panel, strict=True)]
        if not any(part.any() for part in there):
            raise _too_late(columns[0], panel[0], spec.name)
        values = [column.values[part] for column, part in zip(columns, there, strict=True)]
        if all(np.unique(item).size < 2 for item in values):
            yield f"{spec.name} never changes: there is nothing to learn from it."
            continue
        ends = _end(columns[0], there[0], panel[0])
        if ends:
            yield (
                f"{spec.name} ends on {ends}: for later bars its last value is read, with its age."
            )


def _by_then(column: ExogColumn, series: PriceSeries) -> npt.NDArray[np.bool_]:
    """Return which values are known by the end of the day of the last bar, shape [N]."""
    known = column.ds if column.known is None else column.known
    last = series.ds[-1].astype("datetime64[D]") + _DAY
    there: npt.NDArray[np.bool_] = np.isfinite(column.values) & (known < last)
    return there


def _too_late(column: ExogColumn, series: PriceSeries, name: str) -> DataError:
    finite = column.ds[np.isfinite(column.values)]
    begins = f"it begins on {str(finite[0])[:10]}" if finite.size else "it is empty"
    return DataError(
        f"The input {name} of {series.symbol} has no value by the last bar, on "
        f"{str(series.ds[-1])[:10]}: {begins}.",
        "Check the dates of its file, or choose another input.",
    )


def _end(column: ExogColumn, there: npt.NDArray[np.bool_], series: PriceSeries) -> str:
    """Return the date on which an input ends well before the bars do, "" where it does not."""
    found = column.ds[there]
    if not found.size:
        return ""
    usual = int(np.median(np.diff(found).astype(np.int64))) if found.size > 1 else 0
    grace = _LATE * max(usual, usual_distance(series))
    late = series.ds > found[-1] + np.timedelta64(grace, "us")
    return str(found[-1])[:10] if np.mean(late) > _ENDED else ""


def _coarse_inputs(panel: Panel, inputs: InputConfig) -> Iterator[str]:
    """Yield a sentence on inputs that come much more rarely than the bars and have no delay:
    such figures are usually published later.
    """
    names = []
    for index, spec in enumerate(inputs.exog):
        column = panel[0].exog[index]
        known = column.ds[np.isfinite(column.values)]
        changes = (
            known[1:][np.diff(column.values[np.isfinite(column.values)]) != 0]
            if known.size > 1
            else known
        )
        if (
            spec.kind != "hist"
            or spec.delay
            or spec.released
            or column.form != "number"
            or not column.source
            or known.size < 3
            or (column.known is not None and bool((column.known > column.ds).all()))
        ):
            continue
        if changes.size and np.median(np.diff(known).astype(np.int64)) > 5 * max(
            usual_distance(panel[0]), 1
        ):
            names.append(spec.name)
    if names:
        yield (
            f"{some_names(names)} comes more rarely than the bars and is taken as known on its "
            "date. Where it was published later, "
            f"say so: --input {names[0]}:delay=30d, or :released=COLUMN."
        )
