"""What a user can settle about a file of forecasts where it does not speak for itself."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from forecasting.config import Settings
from forecasting.sources.options import ReadOptions

Scale = Literal["auto", "prices"]


def _option(
    default: Any, label: str, text: str, words: dict[str, str] | None = None, **limits: Any
) -> Any:
    extra: dict[str, Any] = {"unit": "", "words": dict(words or {})}
    return Field(default, title=label, description=text, json_schema_extra=extra, **limits)


class ForecastOptions(Settings):
    """How a file of forecasts is to be read; every field left at its default is found in the
    file.
    """

    columns: dict[str, str | int] = _option(
        {},
        "Columns",
        "Role to header or index (0 is the first column): ds, cutoff, start, y, y0, unique_id, "
        "model, step, sample, "
        "quantile, value, unused (several by |); NAME for the point forecast of a model, "
        "NAME:q0.1, NAME:lo-80, "
        "NAME:hi-80, NAME:mean for the rest of it.",
    )
    cutoff: str = _option("", "Cutoff", "Date of the last bar that all forecasts of the file saw.")
    horizon: int = _option(
        0, "Horizon", "Bars ahead of each forecast, in rows that follow each other; 1: each row "
        "is of the next bar.",
        ge=0, le=1000,
    )  # fmt: skip
    step: int = _option(
        0,
        "Step",
        "Bars between one cutoff and the next, with a horizon; as many as it if left out.",
        ge=0,
        le=1000,
    )
    band_level: float = _option(
        0.0,
        "Level of bands",
        "Percent that bands hold whose columns do not say it (lower, upper).",
        ge=0,
        lt=100,
    )
    scale: Scale = _option(
        "auto",
        "Values",
        "What forecasts are of: auto refuses those that are no prices of the series; prices "
        "takes them as they are.",
    )
    name: str = _option("", "Model", "Name of the model where the file has none.")
    date_format: str = _option(
        "", "Date format", "dmy, mdy, ymd, epoch-s, epoch-ms, or a pattern such as %d.%m.%Y."
    )
    decimal: str = _option("", "Decimal mark", "'.' or ','.")
    delimiter: str = _option(
        "", "Delimiter", "What stands between cells: a sign, or tab, space, comma, semicolon, pipe."
    )
    header: str = _option(
        "", "Header", "Lines that name the columns, counted from 1: 3, or 1-2 for two of them."
    )
    sheet: str = _option(
        "",
        "Sheet",
        "Sheet of a workbook, table of a database or document, or member of an archive.",
    )
    encoding: str = _option("", "Encoding", "Text encoding, such as utf-8 or cp1252.")

    def reading(self) -> ReadOptions:
        """Return the part that holds for any file."""
        names = ("date_format", "decimal", "delimiter", "header", "sheet", "encoding")
        return ReadOptions(**{name: getattr(self, name) for name in names})


#: Nothing settled.
AS_FOUND = ForecastOptions()
