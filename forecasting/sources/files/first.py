"""Yahoo-like CSV files, until the full reader is here."""

from __future__ import annotations

import gzip
import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from forecasting.errors import SourceError
from forecasting.series import Finding, PriceSeries, Provenance
from forecasting.sources.options import ReadOptions

ROLES = {
    "open": "open", "high": "high", "low": "low", "close": "close", "adj close": "adj_close", "volume": "volume",
    "y": "close", "price": "close", "value": "close", "dcoilwtico": "close",
}  # fmt: skip


def read(path: str | Path, options: ReadOptions | None = None) -> tuple[PriceSeries, ...]:
    """Read a comma-separated file with a header."""
    import pandas as pd

    options = options or ReadOptions()
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    data = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    try:
        frame = pd.read_csv(io.BytesIO(data), index_col=False)
    except ValueError as error:
        raise SourceError(f"{path} is not a table: {error}.", "") from error
    names = [str(name).strip().lower() for name in frame.columns]
    dates = next((i for i, name in enumerate(names) if name in ("date", "ds", "datetime", "timestamp")), None)
    if dates is None:
        raise SourceError(f"{path} has no date column: {', '.join(names)}.", "")
    form = {"mdy": "%m/%d/%Y"}.get(options.date_format, options.date_format or "ISO8601")
    try:
        ds = pd.to_datetime(frame.iloc[:, dates], format=form).to_numpy().astype("datetime64[us]")
    except ValueError as error:
        raise SourceError(f"{path}: dates cannot be read: {error}.", "") from error
    columns = {ROLES[n]: pd.to_numeric(frame.iloc[:, i], errors="coerce").to_numpy(float) for i, n in enumerate(names) if n in ROLES}
    if "close" not in columns:
        raise SourceError(f"{path} has no close column: {', '.join(names)}.", "")
    values = np.column_stack(list(columns.values()))
    keep = np.isfinite(columns["close"])
    findings = (
        () if keep.all() else (Finding("missing_close", f"{(~keep).sum()} rows have no close.", int((~keep).sum()), action="dropped"),)
    )
    ds, values = ds[keep], values[keep]
    ds, first = np.unique(ds, return_index=True)
    provenance = Provenance(str(path), "unknown", datetime.now(UTC).isoformat(timespec="seconds"), hashlib.sha256(raw).hexdigest())
    symbol = options.symbol or path.name.split(".")[0]
    return (PriceSeries(symbol, ds, tuple(columns), values[first], provenance=provenance, findings=findings),)
