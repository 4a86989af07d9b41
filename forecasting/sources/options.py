"""What a user can settle about a price file that the reader would otherwise work out by itself."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from forecasting.config import Settings


def _option(default: Any, label: str, text: str) -> Any:
    return Field(default, title=label, description=text, json_schema_extra={"unit": ""})


class ReadOptions(Settings):
    """How a file is to be read, where the reader's own judgement is not wanted.

    Every field left at its default is worked out from the file itself.
    """

    date_format: str = _option(
        "", "Date format", "dmy, mdy, ymd, ydm, epoch-s, epoch-ms, epoch-us, epoch-ns, excel, or a pattern such as %d.%m.%Y."
    )
    decimal: str = _option("", "Decimal mark", "'.' or ','.")
    columns: dict[str, str | int] = _option(
        {},
        "Columns",
        "Role to header or index (0 is the first column): date, time, symbol, open, high, low, close, adj_close, volume, bid, ask.",
    )
    symbol: str = _option("", "Symbol", "The series of a panel to take, or the name to give to a single series.")
    sheet: str = _option("", "Sheet", "Sheet of a workbook, or member of an archive.")
    encoding: str = _option("", "Encoding", "Text encoding, such as utf-8 or cp1252.")
    repair: bool = _option(True, "Repair", "Sort bars, drop duplicates and rows without a close; when off these are errors.")


#: Nothing settled: the file speaks for itself.
AS_FOUND = ReadOptions()
