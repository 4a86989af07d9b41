"""The hour that comes twice when summer time ends: two moments of one wall-clock time, not a
duplicate.
"""

from __future__ import annotations

import numpy as np

from forecasting.series import Dates, Finding

#: Zones of which one is taken where a file names none, by the hour and the Sunday on which their
#: summer time ends.
_ZONES = (
    "America/New_York", "Europe/London", "Europe/Berlin", "Europe/Athens", "Australia/Sydney",
    "Pacific/Auckland", "Asia/Jerusalem",
    "America/Santiago",
)  # fmt: skip


def unfolded(ds: Dates, tz: str, wanted: str = "") -> tuple[Dates, str, tuple[Finding, ...]]:
    """Return times in UTC where hours come twice just as summer time ends in a zone; otherwise as
    they are.

    Parameters
    ----------
    ds : ndarray of datetime64[us], shape [T]
        Wall-clock times in the order of the file, oldest or newest first.
    tz : str
        Zone that the file names, or "".
    wanted : str
        Zone that the user names, or "".

    Returns
    -------
    tuple
        Times, their zone, and a finding where they were changed.
    """
    if tz == "UTC" or ds.size < 3 or bool((ds[1:] > ds[:-1]).all()):
        return ds, tz, ()
    if not (ds != ds.astype("datetime64[D]")).any():
        return ds, tz, ()
    backwards = bool(ds[0] > ds[-1])
    ordered = ds[::-1] if backwards else ds
    steps = np.diff(ordered).astype("timedelta64[us]").astype(np.int64)
    back = np.flatnonzero(steps <= 0)
    if not back.size or back.size > 0.01 * ds.size + 3 or (steps < -3_600_000_000).any():
        return ds, tz, ()
    for zone in (tz,) if tz else (wanted,) if wanted else _ZONES:
        utc = _in_utc(ordered, zone)
        if utc is not None:
            hour = str(ordered[back[0] + 1].astype("datetime64[m]")).replace("T", " ")
            assumed = "" if tz or wanted else ", which is assumed"
            message = (
                f"Times come twice at {hour}, when summer time ends in {zone}{assumed}; "
                "they are no duplicates and shown in UTC."
            )
            finding = Finding(
                "time_zone",
                message,
                int(back.size),
                "info" if tz or wanted else "warning",
                "read as UTC",
                (hour,),
            )
            return utc[::-1] if backwards else utc, "UTC", (finding,)
    return ds, tz, ()


def _in_utc(ds: Dates, zone: str) -> Dates | None:
    """Return times in UTC if all that repeat do so because summer time ends in a zone; None
    otherwise.
    """
    import pandas as pd

    try:
        moments = (
            pd.DatetimeIndex(ds)
            .tz_localize(zone, ambiguous="infer")
            .tz_convert("UTC")
            .tz_localize(None)
        )
    except (ValueError, KeyError, OSError):
        return None
    utc: Dates = moments.to_numpy().astype("datetime64[us]")
    return utc if (utc[1:] > utc[:-1]).all() else None
