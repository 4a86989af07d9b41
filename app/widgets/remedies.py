"""What the buttons say that take a next step which an error or a piece of advice offers."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from forecasting.config import GROUPS
from forecasting.errors import Remedy
from forecasting.sources.options import TickerOptions


def _tr(text: str) -> str:
    return QCoreApplication.translate("Remedies", text)


def remedy_label(remedy: Remedy) -> str:
    """Return the text of a button."""
    values = dict(remedy.values)
    if remedy.kind == "retry":
        return _tr("Retry")
    if remedy.kind == "stored":
        words = TickerOptions.model_fields["interval"].json_schema_extra
        names = words.get("words", {}) if isinstance(words, dict) else {}
        interval = str(values["interval"])
        named = str(names.get(interval, interval)) if isinstance(names, dict) else interval
        return _tr("Use offline prices ({interval})").format(interval=named.lower())
    if remedy.kind == "longer":
        return _tr("Train {n} more epochs").format(n=values["epochs"])
    if remedy.bars:
        return _tr("Fit windows to {n} bars").format(n=f"{remedy.bars:,}")
    return _tr("Set {changes}").format(
        changes=", ".join(f"{setting_title(name)} {value}" for name, value in values.items())
    )


def setting_title(name: str) -> str:
    """Return the label of a setting of a run, as the form has it, in lower case."""
    field = next(cls.model_fields[name] for cls in GROUPS.values() if name in cls.model_fields)
    return (field.title or name).lower()
