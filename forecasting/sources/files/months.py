"""Tables with a row a year and a column a month: turned into one row a month."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from forecasting.series import Finding
from forecasting.sources.files.grid import Grid
from forecasting.sources.files.labels import date_part
from forecasting.sources.files.numbers import read_numbers
from forecasting.sources.files.vocabulary import months, plain

_MONTHS = 12


def by_month(grid: Grid) -> Grid:
    """Return a table of years by months as one of two columns, a date and a value; any other table
    as it is.

    Columns beside the year and the twelve months, such as yearly means, are left out.
    """
    if len(grid.header) != 1 or grid.rows == 0:
        return grid
    known = months()
    numbers = [known.get(plain(name), 0) for name in grid.names]
    year = next(
        (index for index, name in enumerate(grid.names) if date_part((name,)) == "year"), None
    )
    if year is None or sorted(number for number in numbers if number) != list(
        range(1, _MONTHS + 1)
    ):
        return grid
    import pyarrow as pa

    years = read_numbers(grid.columns[year]).values
    if not np.all(years[np.isfinite(years)] % 1 == 0):
        return grid
    columns = [
        grid.columns[numbers.index(month)].cast(pa.string()).to_pylist()
        for month in range(1, _MONTHS + 1)
    ]
    rows = [row for row in range(grid.rows) if np.isfinite(years[row])]
    dates = [
        f"{int(years[row]):04d}-{month:02d}-01" for row in rows for month in range(1, _MONTHS + 1)
    ]
    cells = [columns[month][row] for row in rows for month in range(_MONTHS)]
    note = Finding(
        "months_in_columns",
        f"Each row is a year; its twelve months are read as {len(cells)} rows.",
        len(rows),
        "info",
        "turned",
    )
    header = (("date", "value"),)
    return replace(
        grid,
        columns=(pa.array(dates), pa.array(cells, pa.string())),
        header=header,
        findings=(*grid.findings, note),
        block=None,
    )
