"""Rows of one series become its bars: what is no bar is set aside, bars are put in order, and all
of it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from forecasting.calendars import infer_calendar, infer_freq
from forecasting.errors import SourceError, presentable
from forecasting.series import COLUMNS, Dates, ExogColumn, Finding, Floats, PriceSeries, Provenance
from forecasting.sources.adjust import adjusted_prices
from forecasting.sources.files.autumn import unfolded
from forecasting.sources.files.ends import without_zero_ends
from forecasting.sources.files.ticks import join_ticks
from forecasting.sources.options import ReadOptions
from forecasting.sources.quality import Bars, examine, lone_gaps, missing_codes, shown

if TYPE_CHECKING:
    from forecasting.sources.files.extras import Extras

Mask = npt.NDArray[np.bool_]

#: Bars from which the distance of bars and the calendar are told: the newest, since the future
#: continues them.
_RECENT = 50_000

_PIECE = 8192
_LONGEST_SYMBOL = 100


#: Endings of names of files, those of packed ones first.
_SUFFIXES = (
    ".gz", ".bz2", ".xz", ".zip", ".csv", ".tsv", ".txt", ".xlsx", ".xls", ".xlsm", ".parquet",
    ".pq", ".dat", ".data", ".json",
    ".jsonl", ".ndjson", ".feather", ".arrow", ".arrows", ".sqlite", ".sqlite3", ".db",
)  # fmt: skip


def name_after(path: Path) -> str:
    """Return the name of a series that has none but its file's."""
    name = path.name
    for suffix in _SUFFIXES:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            name = name[: -len(suffix)]
    return name


@dataclass(frozen=True)
class Rows:
    """The rows of one series: dates and columns by role, in file order; ``bad`` marks closes that
    are text.

    ``take`` has the places of these rows in the file.
    """

    symbol: str
    ds: Dates
    values: dict[str, Floats]
    bad_close: Mask
    bad_other: int
    take: Any


@dataclass(frozen=True)
class SharedReading:
    """What all series of a file share: dates of all rows, their zone, findings and settings.

    ``dates`` holds those of the series before, which are shared by all that have the same.
    """

    ds: Dates
    tz: str
    findings: tuple[Finding, ...]
    options: ReadOptions
    provenance: Provenance
    currency: str
    block: Floats | None
    extras: Extras | None = None
    dates: list[Dates] = field(default_factory=list)


def series_of(rows: Rows, shared: SharedReading) -> PriceSeries | None:
    """Set aside rows without a close, put bars in order, drop duplicates, and report."""
    options = shared.options
    values, made, found, zeros = _closed(rows, options.adjusted)
    findings = [*shared.findings, *found, *zeros]
    keep = np.isfinite(values["close"])
    if not keep.any():
        return None
    if not keep.all():
        ahead = shared.extras is not None and bool(shared.extras.names)
        findings.extend(_without_close(rows, keep, zeros, ahead))
    if rows.bad_other:
        message = f"{rows.bad_other} cells beside the close are no numbers and count as missing."
        findings.append(Finding("unreadable_cells", message, rows.bad_other, "warning", "emptied"))
    ds, columns = rows.ds, {name: values[name] for name in COLUMNS if name in values}
    if not keep.all():
        ds, columns = ds[keep], {name: column[keep] for name, column in columns.items()}
    some = {name: _finite(column) for name, column in columns.items()}
    columns = {name: column for name, column in some.items() if column is not None}
    ds, columns, joined = join_ticks(ds, columns)
    findings.extend(joined)
    ds, tz, folded = unfolded(ds, shared.tz, options.timezone)
    findings.extend(folded)
    ds, columns, order = _in_order(ds, columns)
    findings.extend(order)
    ds, columns, gaps = _priced(ds, columns)
    findings.extend(gaps)
    if not options.repair:
        _refuse_repairs(rows.symbol, findings)
    ds = _shared(ds, shared.dates)
    recent = ds[-_RECENT:]
    freq = infer_freq(recent)
    findings.extend(
        examine(Bars(ds, columns, freq, tz))
    )  # before the table is made: its scratch memory is used again for that
    return PriceSeries(
        symbol=presentable(rows.symbol, _LONGEST_SYMBOL).replace("\n", " "),
        ds=ds,
        columns=tuple(columns),
        values=_table(columns, rows, shared.block),
        freq=freq,
        tz=tz,
        currency=shared.currency,
        calendar=infer_calendar(rows.symbol, recent, freq, tz),
        provenance=replace(shared.provenance, adjusted=_adjusted(tuple(columns), made)),
        findings=tuple(findings),
        extras=_further_columns(rows, shared, keep, folded),
    )


def _closed(
    rows: Rows, adjusted: bool
) -> tuple[dict[str, Floats], str, list[Finding], list[Finding]]:
    """Return the columns with the close that is read, how that was made, and findings: on it, and
    on zeros at the ends.
    """
    values, made = close_of(rows.values)
    if adjusted and made != "adjusted":
        values, made = adjusted_prices(values), "adjusted"
    found = []
    if made == "mid":
        message = "Prices are the middle of bid and ask."
        found = [Finding("mid_price", message, rows.ds.size, "info", "computed")]
    values["close"], zeros = without_zero_ends(rows.ds, values["close"])
    return values, made, found, zeros


def _shared(ds: Dates, before: list[Dates]) -> Dates:
    """Return the dates of the series before where these are the same, otherwise keep these."""
    if not before or not np.array_equal(ds, before[0]):
        before[:] = [np.array(ds)]
    return before[0]


def _refuse_repairs(symbol: str, findings: Sequence[Finding]) -> None:
    """Raise a SourceError where rows have been dropped or put in order."""
    for finding in findings:
        if finding.action in ("dropped", "sorted") and finding.code in _REPAIRS:
            raise SourceError(
                f"{symbol}: {finding.message}",
                "Repairs are switched off; switch them on, or correct the file.",
            )


def _further_columns(
    rows: Rows, shared: SharedReading, keep: Mask, folded: Sequence[Finding]
) -> Sequence[ExogColumn]:
    """Return the further columns of a series, rows without a close included: what is known ahead
    stands there.
    """
    if shared.extras is None or not shared.extras.names:
        return ()
    indices = np.arange(shared.ds.size)[rows.take]
    ds = rows.ds
    if folded:  # moments in UTC are known of the rows that are bars
        indices, ds = (
            indices[keep],
            unfolded(rows.ds[keep], shared.tz, shared.options.timezone)[0],
        )
    return shared.extras.of_rows(ds, indices)


def _finite(column: Floats) -> Floats | None:
    """Return a column without infinities, or None where it holds no number at all."""
    if np.isfinite(column.sum()):
        return column
    finite = np.isfinite(column)
    return np.where(finite, column, np.nan) if finite.any() else None


def _table(columns: dict[str, Floats], rows: Rows, block: Floats | None) -> Floats:
    """Return columns side by side, shape [T, C]; those that stand in ``block`` as they were read
    are not copied.
    """
    untouched = all(column is rows.values.get(name) for name, column in columns.items())
    together = untouched and isinstance(rows.take, slice)
    if block is not None and len(columns) == len(block) and together:
        return block[:, rows.take].T
    size = len(columns["close"])
    table = np.empty((size, len(columns)))
    for start in range(0, size, _PIECE):
        for index, column in enumerate(columns.values()):
            table[start : start + _PIECE, index] = column[start : start + _PIECE]
    return table


def close_of(values: dict[str, Floats]) -> tuple[dict[str, Floats], str]:
    """Make the middle of bid and ask where there is no close; return the columns by role, and
    what was done or "".
    """
    if "close" in values or not (
        {"bid", "ask"} <= set(values) or {"bid_close", "ask_close"} <= set(values)
    ):
        if "close" not in values and "adj_close" in values:
            values = {
                ("close" if role == "adj_close" else role): column
                for role, column in values.items()
            }
            return values, "adjusted"
        return values, ""
    middles = {
        role: (values[f"bid_{role}"] + values[f"ask_{role}"]) / 2
        for role in ("open", "high", "low", "close")
        if f"bid_{role}" in values and f"ask_{role}" in values
    }
    if "close" not in middles:
        middles = {"close": (values["bid"] + values["ask"]) / 2}
    return {
        **{
            role: column
            for role, column in values.items()
            if role in ("open", "high", "low", "volume")
        },
        **middles,
    }, "mid"


#: Findings about repairs: things done to the bars that a user can forbid.
_REPAIRS = ("unsorted", "duplicates", "missing_close", "unreadable_close")


def _without_close(rows: Rows, keep: Mask, zeros: Sequence[Finding], ahead: bool) -> list[Finding]:
    """Tell of the dated rows that have no close: events, text, or nothing; of zeros at the ends
    is told already. ``ahead`` says that rows after the last close may hold inputs known ahead.
    """
    lost = np.flatnonzero(~keep)
    text = lost[rows.bad_close[lost]]
    empty = lost[~rows.bad_close[lost]]
    findings = []
    if text.size:
        message = (
            "Rows with text where the close should be (dividends, splits, notes), which "
            f"are no bars: {text.size}."
        )
        severe = text.size > 0.05 * keep.size
        findings.append(
            Finding(
                "not_bars",
                message,
                text.size,
                "warning" if severe else "info",
                "dropped",
                shown(rows.ds[text]),
            )
        )
    future = empty[rows.ds[empty] > rows.ds[keep].max()] if ahead and not zeros else empty[:0]
    if future.size:
        message = (
            f"Rows after the last close: {future.size}; inputs known ahead are read from them."
        )
        days = shown(rows.ds[future])
        findings.append(Finding("future_rows", message, future.size, "info", "kept", days))
        empty = np.setdiff1d(empty, future)
    if empty.size > sum(item.count for item in zeros):
        message = f"Rows with a date but no close: {empty.size}."
        findings.append(
            Finding(
                "missing_close", message, empty.size, "warning", "dropped", shown(rows.ds[empty])
            )
        )
    return findings


def _in_order(
    ds: Dates, columns: dict[str, Floats]
) -> tuple[Dates, dict[str, Floats], list[Finding]]:
    """Return bars oldest first, each date once; of several rows of one date one is kept."""
    findings: list[Finding] = []
    if bool((ds[1:] > ds[:-1]).all()):
        return ds, columns, findings
    steps = np.diff(ds.view(np.int64))
    backwards = bool(steps.max() <= 0)
    order: Any = slice(None)
    if backwards:
        findings.append(
            Finding(
                "newest_first", "The file begins with the newest bar.", ds.size, "info", "reversed"
            )
        )
        order = slice(None, None, -1)
    elif steps.min() < 0:
        mostly_up = np.count_nonzero(steps < 0) <= steps.size / 2
        back = np.flatnonzero(steps < 0 if mostly_up else steps > 0)
        backwards = not mostly_up
        findings.append(
            Finding(
                "unsorted",
                f"Bars are out of order at {back.size} places.",
                back.size,
                "warning",
                "sorted",
                shown(ds[back + 1]),
            )
        )
        order = np.argsort(ds, kind="stable")
    ds = ds[order]
    columns = {name: np.ascontiguousarray(column[order]) for name, column in columns.items()}
    double = np.flatnonzero(np.diff(ds) == np.timedelta64(0, "us"))
    if double.size:
        findings.append(_duplicates(ds, columns, double, backwards))
        keep = np.ones(ds.size, bool)
        keep[double] = False
        ds, columns = ds[keep], {name: column[keep] for name, column in columns.items()}
    return ds, columns, findings


def _priced(
    ds: Dates, columns: dict[str, Floats]
) -> tuple[Dates, dict[str, Floats], list[Finding]]:
    """Leave out the bars, in order of time, whose close of zero or below is how a vendor writes
    a missing price.
    """
    coded = missing_codes(columns["close"])
    if coded.any():
        return _without_codes(ds, columns, coded)
    lone = lone_gaps(columns["close"])
    if not lone.any():
        return ds, columns, []
    count = int(np.count_nonzero(lone))
    example = columns["close"][np.argmax(lone)]
    message = (
        "Closes of zero, or with the sign flipped, among positive prices, taken as "
        f"missing: {count}, such as {example:g}."
    )
    finding = Finding("missing_close", message, count, "warning", "dropped", shown(ds[lone]))
    return ds[~lone], {name: column[~lone] for name, column in columns.items()}, [finding]


def _without_codes(
    ds: Dates, columns: dict[str, Floats], coded: npt.NDArray[np.bool_]
) -> tuple[Dates, dict[str, Floats], list[Finding]]:
    """Leave out the bars whose close is a number that stands for a missing value."""
    count, code = int(np.count_nonzero(coded)), float(columns["close"][np.argmax(coded)])
    message = f"Closes of {code:.12g}, which no others are near, taken as missing: {count}."
    finding = Finding("missing_close", message, count, "warning", "dropped", shown(ds[coded]))
    return ds[~coded], {name: column[~coded] for name, column in columns.items()}, [finding]


def _duplicates(
    ds: Dates, columns: dict[str, Floats], double: npt.NDArray[np.int64], reversed_: bool
) -> Finding:
    pairs = [(column[double], column[double + 1]) for column in columns.values()]
    same = np.all(
        [(item == other) | (np.isnan(item) & np.isnan(other)) for item, other in pairs], axis=0
    )
    unlike = int(np.count_nonzero(~same))
    index = "first" if reversed_ else "last"
    text = (
        f"{unlike} of them with other values; the row that stands {index} in the file is kept"
        if unlike
        else "all with the same values"
    )
    message = f"Bars that repeat a date: {double.size}, {text}."
    stacked = unlike > 0.2 * ds.size
    if stacked:
        message += (
            " The file may hold several series one below the other, without a column that "
            "tells them apart."
        )
    severity: Literal["info", "warning", "error"] = (
        "error" if stacked else "warning" if unlike else "info"
    )
    return Finding("duplicates", message, int(double.size), severity, "dropped", shown(ds[double]))


def _adjusted(columns: tuple[str, ...], made: str) -> Literal["adjusted", "raw", "unknown"]:
    """Tell whether closes are adjusted, as far as the columns do."""
    if made == "adjusted":
        return "adjusted"
    return "raw" if "adj_close" in columns else "unknown"
