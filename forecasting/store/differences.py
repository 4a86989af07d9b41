"""What two kept runs differ in, in words."""

from __future__ import annotations

from forecasting.config import GROUPS, RunConfig, value_titles
from forecasting.store.runs import StoredRun


def differences(one: StoredRun, other: StoredRun) -> list[tuple[str, str, str]]:
    """Return what two runs differ in, as label and both values in words: prices and settings first,
    then how it went.

    Raises
    ------
    ConfigError
        Settings that this program does not know.
    """
    rows = [("Series", one.symbols, other.symbols)]
    prints = [
        {series.symbol: series.fingerprint for series in run.record.series} for run in (one, other)
    ]
    rows += [
        (f"Prices of {name}", mark, prints[1][name])
        for name, mark in prints[0].items()
        if name in prints[1]
    ]
    settings = [_settings(run.config) for run in (one, other)]
    rows += [(name, words, settings[1][name]) for name, words in settings[0].items()]
    rows.append(("Device used", one.record.device, other.record.device))
    versions = (one.record.versions, other.record.versions)
    names = sorted({*versions[0], *versions[1]})
    rows += [
        (_label(name), versions[0].get(name, "–"), versions[1].get(name, "–")) for name in names
    ]
    return [row for row in rows if row[1] != row[2]]


def _label(name: str) -> str:
    return "Kernel of recurrent layers" if name == "kernel" else f"Version of {name}"


def _settings(config: RunConfig) -> dict[str, str]:
    """Return every setting by its label, in words."""
    found = {}
    for group, cls in GROUPS.items():
        for name, field in cls.model_fields.items():
            value = getattr(getattr(config, group), name)
            found[field.title or name] = value_titles(field).get(str(value), str(value))
    return found
