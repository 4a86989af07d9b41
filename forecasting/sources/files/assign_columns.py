"""Which column is what: by its name where that tells, by its content where it does not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from forecasting.errors import SourceError
from forecasting.exog import split_list, unquoted
from forecasting.series import Finding
from forecasting.sources.files.columns import (
    ROLES,
    UNUSED,
    VALUE_ROLES,
    Column,
    ColumnReading,
    Roles,
    described,
    free,
    has_role,
    unused_columns,
)
from forecasting.sources.files.dates import read_times
from forecasting.sources.files.eras import CALENDAR_NAMES, era_of_names
from forecasting.sources.files.grid import Grid
from forecasting.sources.files.keys import assign_symbol
from forecasting.sources.files.labels import PRICE_ROLES, is_derived
from forecasting.sources.files.ohlc import assign_by_content, is_bid_and_ask, says_nothing
from forecasting.sources.files.option_chains import refuse_option_chain
from forecasting.sources.files.serials import strangeness
from forecasting.sources.files.statements import refuse_statement
from forecasting.sources.files.vocabulary import (
    DATE_PARTS,
    VALUE_WORDS,
    WEAK_CLOSES,
    english_names,
    plain,
)
from forecasting.sources.options import ReadOptions

__all__ = ["ROLES", "SHARED", "UNUSED", "ColumnReading", "Roles", "assign_dates", "assign_roles"]

#: Roles that several columns may have together.
SHARED = ("symbol", UNUSED)
#: Columns of a wide table whose usual sizes differ more than this are things of different kinds.
_UNLIKE_SIZES = 20
#: Most letters of a symbol.
_MOST_TICKER_LETTERS = 10


def assign_roles(sample: Grid, options: ReadOptions) -> Roles:
    """Find the role of each column.

    Parameters
    ----------
    sample : Grid
        Header and some hundred data rows in file order.
    options : ReadOptions
        ``columns`` settles roles beforehand.

    Returns
    -------
    Roles
        With a date and a close, a bid and an ask, or one column a symbol.

    Raises
    ------
    SourceError
        No column holds dates, none holds prices, the rows are somebody's own trades, or ``columns``
        names one that is not there.
    """
    era = era_of_names(sample.names)
    columns = described(sample, options.date_format, era)
    _force(columns, options.columns)
    _set_aside(columns, options.exog)
    header = bool(sample.header)
    if not set(options.columns) & set(VALUE_ROLES):
        refuse_statement(columns)
        refuse_option_chain(columns)
    findings: list[Finding] = []
    _assign_dates(columns)
    assign_symbol(columns, header, findings)
    layout: Literal["single", "long", "wide"] = _assign_prices(columns, header, findings)
    _tell_unused(columns, findings)
    if layout == "single" and has_role(columns, "symbol"):
        layout = "long"
    readings = tuple(
        ColumnReading(c.index, c.name, "" if c.role == UNUSED else c.role, c.symbol)
        for c in columns
    )
    return Roles(readings, layout, _is_foreign(columns), tuple(findings), era)


def assign_dates(sample: Grid, options: ReadOptions) -> Roles:
    """Find the columns of dates and of symbols of a table that holds inputs, not prices; every
    other column is left without a role.

    Raises
    ------
    SourceError
        Neither dates nor symbols are there.
    """
    era = era_of_names(sample.names)
    columns = described(sample, options.date_format, era)
    findings: list[Finding] = []
    named = next(
        (
            c
            for c in columns
            if c.label.rank_as("symbol") is not None and c.numeric < 0.5 and len(c.filled)
        ),
        None,
    )
    try:
        _assign_dates(columns)
    except SourceError:
        if named is None:
            raise
    if named is not None and not named.role:
        named.role = "symbol"
    readings = tuple(ColumnReading(c.index, c.name, c.role) for c in columns)
    return Roles(
        readings,
        "long" if named is not None else "single",
        _is_foreign(columns),
        tuple(findings),
        era,
    )


def _is_foreign(columns: Sequence[Column]) -> bool:
    """Tell whether the names of the columns that were told by name are not English."""
    telling = [
        plain(c.name)
        for c in columns
        if c.role in ("date", "open", "high", "low", "close") and c.label.role == c.role
    ]
    return any(not set(name.split()) & english_names() for name in telling if len(name) > 1)


def _tell_unused(columns: Sequence[Column], findings: list[Finding]) -> None:
    unused = [
        c.name
        for c in free(columns)
        if c.filled.null_count != len(c.cells) and not c.counter and len(c.filled)
    ]
    if unused:
        findings.append(unused_columns(unused))


# What the user settles


def _force(columns: Sequence[Column], wanted: Mapping[str, str | int]) -> None:
    """Give the roles that the user settled.

    Raises
    ------
    SourceError
        No such role, or no such column.
    """
    for role, index in wanted.items():
        if role not in (*ROLES, *VALUE_ROLES, UNUSED):
            raise SourceError(
                f"There is no role '{role}'.", f"Roles are: {', '.join((*ROLES, UNUSED))}."
            )
        whole = _named(columns, index)
        parts = (
            [index]
            if whole or role not in SHARED
            else [part.strip() for part in str(index).split("|") if part.strip()]
        )
        for part in parts:
            found = whole or _named(columns, part)
            if found is None:
                raise SourceError(
                    f"There is no column {part!r} for {role}.",
                    f"Columns are: {', '.join(c.name for c in columns[:40])}.",
                )
            found.role = role


def _set_aside(columns: Sequence[Column], exog: str) -> None:
    """Keep columns that are wanted as inputs from being taken for prices, or for series of their
    own.

    Raises
    ------
    SourceError
        An input that holds the dates of the rows.
    """
    dated = _named_date(columns) if exog else None
    for name in map(unquoted, split_list(exog)):
        found = next(
            (
                c
                for c in free(columns)
                if name in (c.name, *c.texts) or plain(c.name) == plain(name)
            ),
            None,
        )
        if found is not None and found is dated:
            raise SourceError(
                f"{found.name} holds the dates of the rows, and can be no input.",
                "Leave it out of the inputs.",
            )
        if found is not None and found.label.role not in VALUE_ROLES:
            found.role = UNUSED


def _named(columns: Sequence[Column], index: str | int) -> Column | None:
    """Return the column that a user names: by its index, its name, or a part of its header."""
    if isinstance(index, int):
        return next((c for c in columns if c.index == index), None)
    exact = next((c for c in columns if c.name == index), None)
    alike = exact or next(
        (c for c in columns if plain(c.name) == plain(index) or index in c.texts), None
    )
    return alike or next((c for c in columns if index.isdigit() and c.index == int(index)), None)


# Dates


def _assign_dates(columns: Sequence[Column]) -> None:
    """Find the date column with a time column beside it, or the columns that hold the parts of a
    date.

    Raises
    ------
    SourceError
        There are no dates, or dates of a calendar that is not known for sure.
    """
    if not has_role(columns, "date"):
        if _assign_forced_parts(columns):
            return
        chosen = _named_date(columns)
        if (chosen is None or chosen.dates.form == "year") and _assign_parts(columns):
            return
        chosen = chosen or next((c for c in free(columns)[:16] if _looks_dated(c)), None)
        if chosen is None:
            raise _no_dates(columns)
        chosen.role = "date"
    if not has_role(columns, "time"):
        _assign_time(columns)


def _named_date(columns: Sequence[Column]) -> Column | None:
    """Return the column whose name says best that it holds dates, and that does."""
    named = sorted(
        (rank, c.index) for c in free(columns) if (rank := c.label.rank_as("date")) is not None
    )
    return next(
        (
            columns[i]
            for _, i in named
            if len(columns[i].filled) and columns[i].dates.readable >= 0.6
        ),
        None,
    )


def _no_dates(columns: Sequence[Column]) -> SourceError:
    """Return why no column holds dates."""
    foreign = next(
        (c for c in free(columns)[:16] if len(c.filled) and c.dates.calendar == "islamic"), None
    )
    if foreign is not None:
        example = foreign.filled[0].as_py()
        return SourceError(
            f"The dates in {foreign.name}, such as {example}, are of {CALENDAR_NAMES['islamic']}.",
            "If they are Persian, set the date format to persian. Otherwise write them in the "
            "usual calendar.",
        )
    like = f" like {columns[0].form}" if columns[0].form else ""
    names = ", ".join(c.name for c in columns[:12])
    return SourceError(
        f"No column holds dates{like}. Columns are: {names}.",
        "Name the date column, or give its format. A date in several columns: columns "
        "year=NAME,month=NAME,day=NAME.",
    )


def _assign_forced_parts(columns: Sequence[Column]) -> bool:
    """Tell whether the user named the parts of a date."""
    forced = {c.role for c in columns} & set(DATE_PARTS)
    if forced and "year" not in forced:
        raise SourceError(
            f"The date has a {sorted(forced)[0]} but no year.",
            "Name its column: columns year=NAME.",
        )
    return bool(forced)


def _assign_parts(columns: Sequence[Column]) -> bool:
    """Give roles to the columns of year, month, day and so on, where there are a year and a part
    below it.
    """
    found: dict[str, Column] = {}
    for column in free(columns):
        if column.part and column.part not in found:
            found[column.part] = column
    below = next((part for part in ("month", "quarter", "week", "dayofyear") if part in found), "")
    if "year" not in found or not below:
        return False
    for part in (
        "year",
        below,
        *(("day",) if below == "month" else ()),
        *(("hour", "minute") if "day" in found or below == "dayofyear" else ()),
    ):
        if part not in found:
            break
        found[part].role = part
    return True


def _assign_time(columns: Sequence[Column]) -> None:
    """Find the column of times beside a column of whole days."""
    date = next(c for c in columns if c.role == "date")
    known = date.dates.ds[~np.isnat(date.dates.ds)]
    if not bool(np.all(known.astype("datetime64[D]") == known)):
        return
    for column in free(columns):
        named = column.label.rank_as("time") is not None
        beside = column.index == date.index + 1 and column.label.role in ("", "date")
        if not (named or beside) or not len(column.filled):
            continue
        if named and column.part == "hour":
            column.role = "hour"
            return
        clock = read_times(column.filled)
        spread = (
            column.typed
            or any(":" in cell for cell in column.filled.to_pylist()[:5])
            or _is_clock_of_digits(column, date)
        )
        if (
            np.mean(~np.isnat(clock)) >= (0.8 if named else 0.95)
            and (named or spread)
            and not (column.typed and not named)
        ):
            column.role = "time"
            return


def _is_clock_of_digits(column: Column, date: Column) -> bool:
    """Tell whether cells beside dates that come again are times of day such as 093000, all of
    six or all of four digits.
    """
    if date.distinct > 0.5 * len(date.filled):
        return False
    cells = column.filled.to_pylist()
    lengths = {len(cell) for cell in cells}
    return (
        len(lengths) == 1
        and lengths <= {4, 6}
        and all(cell.isdecimal() for cell in cells)
        and cells[0] != cells[-1]
    )


def _looks_dated(column: Column) -> bool:
    """Tell whether a column holds dates, going by its content alone."""
    if len(column.filled) == 0 or column.dates.readable < 0.8:
        return False
    if not column.typed and column.numeric <= 0.9:
        return True
    ds = column.dates.ds[~np.isnat(column.dates.ds)]
    steps = np.diff(ds.astype(np.int64))
    if steps.size and max(np.mean(steps >= 0), np.mean(steps <= 0)) <= 0.95:
        return False
    form = column.dates.form
    if form == "excel":
        return strangeness(ds) < 2 and bool(np.all(column.values % 1 == 0))
    if form == "year":
        return (
            column.index == 0 and ds.size > 4 and bool(np.all(np.abs(np.diff(column.known)) == 1))
        )
    return form.startswith(("epoch", "yyyymmdd")) or form == "time stamps"


# Prices


def _assign_prices(
    columns: Sequence[Column], header: bool, findings: list[Finding]
) -> Literal["single", "wide"]:
    """Find prices and volume, or the columns of a wide panel."""
    named = [c for c in free(columns) if c.label.role in VALUE_ROLES]
    labelled = [c for c in named if c.numeric >= 0.5 and not c.counter]
    plain_close = _has_plain_close(columns, labelled)
    dollars = any(c.name == "USD" for c in labelled)
    if header and (has_role(columns, "close") or (plain_close and not dollars)):
        _by_names(columns, labelled)
        return "single"
    usable = [c for c in _without_times(columns) if c.numeric >= 0.5 and not c.counter]
    nameless = [
        c
        for c in usable
        if len(c.filled) and (not c.label.role or _misnamed(c)) and not _is_key_or_part(c)
    ]
    backwards = _newest_first(columns)
    if header and not has_role(columns, "close"):
        if not plain_close and _is_wide_ohlc(labelled):
            return _wide_ohlc(labelled)
        values = [c for c in nameless if not _has_close(labelled) or not is_derived(c.name)]
        labelled, values = _without_currencies(labelled, values)
        wide = not plain_close and not has_role(columns, "symbol") and _is_wide(labelled, values)
        if wide and not (
            len(values) <= 8 and assign_by_content(values, findings, header, backwards)
        ):
            return _wide_values([c for c in usable if c in values or c in labelled], findings)
    _by_names(columns, labelled)
    if not _complete(columns) and nameless:
        assign_by_content([c for c in nameless if not c.role], findings, header, backwards)
    if not _complete(columns):
        _last_resort(columns, nameless, header, findings)
    return "single"


def _newest_first(columns: Sequence[Column]) -> bool:
    """Tell whether most rows are older than the one above."""
    date = next((c for c in columns if c.role == "date"), None)
    if date is None:
        return False
    ds = date.dates.ds
    return bool(np.mean(np.diff(ds) < np.timedelta64(0)) > 0.5) if ds.size > 1 else False


def _without_times(columns: Sequence[Column]) -> list[Column]:
    """Return the columns without a role that are not further time stamps of the rows."""
    date = next((c for c in columns if c.role == "date"), None)
    return [
        c
        for c in free(columns)
        if c.label.role in VALUE_ROLES or date is None or not c.stamps_of(date)
    ]


def _without_currencies(
    labelled: list[Column], values: list[Column]
) -> tuple[list[Column], list[Column]]:
    """Return labelled columns and others, with the dollar among the others where it stands
    beside further currencies.
    """
    dollars = [c for c in labelled if c.name == "USD"]
    if not any(re.fullmatch("[A-Z]{3}", c.name) for c in values):
        return labelled, values
    return [c for c in labelled if c not in dollars], sorted(
        [*values, *dollars], key=lambda c: c.index
    )


def _misnamed(column: Column) -> bool:
    """Tell whether a column has the name of a date or a symbol, but holds plain numbers."""
    return column.label.role in ("date", "time", "symbol") and column.dates.form in (
        "",
        "year",
        "excel",
        "yymmdd",
    )


def _is_key_or_part(column: Column) -> bool:
    """Tell whether whole numbers name what a row is about, or are part of its date: such a
    column is no price.
    """
    return bool(column.part) or (
        column.whole and column.key_named and column.distinct <= max(1, 0.5 * len(column.filled))
    )


def _has_plain_close(columns: Sequence[Column], labelled: Sequence[Column]) -> bool:
    """Tell whether a column is called close and nothing else; names that fit anything count only
    beside open, high or low.
    """
    exact = [c for c in labelled if c.label.rank < 100 and not c.label.symbol]
    roles = {c.label.role for c in exact}
    prophet = any(plain(c.name) == "ds" for c in columns)
    strong = any(
        c.label.role in ("close", "adj_close")
        and plain(c.name) not in WEAK_CLOSES - ({"y"} if prophet else set())
        for c in exact
    )
    return strong or ("close" in roles and bool(roles & {"open", "high", "low"}))


def _has_close(labelled: Sequence[Column]) -> bool:
    return any(c.label.role in ("close", "adj_close") for c in labelled)


def _is_wide(labelled: Sequence[Column], values: Sequence[Column]) -> bool:
    """Tell whether most columns are values under names of their own."""
    return len(values) >= max(2, 1.5 * len(labelled))


def _complete(columns: Sequence[Column]) -> bool:
    roles = {c.role for c in columns}
    return bool(
        roles & {"close", "adj_close"}
        or {"bid", "ask"} <= roles
        or {"bid_close", "ask_close"} <= roles
    )


def _is_wide_ohlc(labelled: Sequence[Column]) -> bool:
    """Tell whether the same roles come several times, each time with another symbol beside them."""
    closes = {c.label.symbol for c in labelled if c.label.role in ("close", "adj_close")}
    return len(closes - {""}) >= 2


def _wide_ohlc(labelled: Sequence[Column]) -> Literal["wide"]:
    taken: set[tuple[str, str]] = set()
    for column in labelled:
        key = (column.label.role, column.label.symbol)
        if column.label.symbol and key not in taken:
            column.role, column.symbol = key
            taken.add(key)
    return "wide"


def _wide_values(columns: Sequence[Column], findings: list[Finding]) -> Literal["wide"]:
    """Make each column a series of its own, and say so where they are things of different kinds."""
    seen: dict[str, int] = {}
    for column in columns:
        seen[column.name] = seen.get(column.name, 0) + 1
        column.role = "close"
        column.symbol = (
            column.name if seen[column.name] == 1 else f"{column.name} ({seen[column.name]})"
        )
    if _are_unlike(columns):
        names = ", ".join(c.name for c in columns[:6]) + (", ..." if len(columns) > 6 else "")
        message = (
            "The columns are things of different kinds, and each is read as a series of "
            f"its own: {names}. To take one: --symbol NAME."
        )
        findings.append(
            Finding("different_things", message, len(columns), "warning", "read as a panel")
        )
    return "wide"


def _are_unlike(columns: Sequence[Column]) -> bool:
    """Tell whether columns have names that are no symbols, and differ much in size."""
    if all(c.name.upper() == c.name and 2 <= len(c.name) <= _MOST_TICKER_LETTERS for c in columns):
        return False
    sizes = [
        float(np.median(np.abs(c.known[c.known != 0]))) for c in columns if np.any(c.known != 0)
    ]
    return bool(sizes) and max(sizes) > _UNLIKE_SIZES * min(sizes)


def _by_names(columns: Sequence[Column], labelled: Sequence[Column]) -> None:
    """Give each role to the column whose name says it best; of several volumes, to the first
    that is not all zero.
    """
    close = _best_close(columns, labelled)
    fitting = [c for c in labelled if close is None or _goes_with(c, close, labelled)]
    for role in VALUE_ROLES:
        if has_role(columns, role):
            continue
        ranked = sorted(
            (c.label.rank, c.index) for c in fitting if c.label.role == role and not c.role
        )
        if role == "volume" and len(ranked) > 1:
            lively = [(rank, i) for rank, i in ranked if np.nansum(np.abs(columns[i].values)) > 0]
            ranked = lively or ranked
        if ranked:
            columns[ranked[0][1]].role = role
    symbols = {c.label.symbol for c in columns if c.role in PRICE_ROLES and c.label.symbol}
    if len(symbols) == 1:
        for column in columns:
            if column.role in PRICE_ROLES and column.texts[1:]:
                column.symbol = next(iter(symbols))


def _best_close(columns: Sequence[Column], labelled: Sequence[Column]) -> Column | None:
    """Return the column that is the close: the one settled, else the one whose name says it
    best.
    """
    settled = next((c for c in columns if c.role == "close"), None)
    closes = [c for c in labelled if c.label.role in ("close", "adj_close")]
    return settled or min(
        closes, key=lambda c: (c.label.role != "close", c.label.rank, c.index), default=None
    )


def _goes_with(column: Column, close: Column, labelled: Sequence[Column]) -> bool:
    """Tell whether a column may belong to the bars of a close: no symbol beside its role, or the
    same one, or a volume's own unit.
    """
    symbol = column.label.symbol
    if not symbol or symbol == close.label.symbol:
        return True
    others = {
        c.label.symbol
        for c in labelled
        if c.label.role in ("open", "high", "low", "close", "adj_close")
    }
    return column.label.role == "volume" and symbol not in others


def _last_resort(
    columns: Sequence[Column], nameless: Sequence[Column], header: bool, findings: list[Finding]
) -> None:
    """Take the one column of numbers that is there, a bid and an ask, or a price and a volume;
    refuse a choice among more.

    Raises
    ------
    SourceError
        Several columns could be the close.
    """
    left = [c for c in nameless if not c.role]
    value = left[0] if len(left) == 1 else _named_value(left)
    if value is not None:
        value.role = "close"
        return
    unnamed = not header or all(says_nothing(c.name) or _misnamed(c) for c in left)
    if len(left) in (2, 3) and unnamed and _assign_pair(left[0], left[1], findings):
        return
    names = ", ".join(c.name for c in columns[:12])
    raise SourceError(
        f"No column can be told to be the close. Columns are: {names}.",
        "Say which: columns close=NAME, or close=3 for the fourth column.",
    )


def _named_value(left: Sequence[Column]) -> Column | None:
    """Return the column that is called what the value of a table with keys is usually called."""
    return next((c for word in VALUE_WORDS for c in left if plain(c.name) == word), None)


def _assign_pair(first: Column, second: Column, findings: list[Finding]) -> bool:
    """Read two nameless columns as bid and ask, or as close and volume, where their numbers fit
    that.
    """
    if is_bid_and_ask(first.values, second.values):
        first.role, second.role = "bid", "ask"
        message = (
            "Two nameless prices, the second never below the first, are read as bid "
            f"({first.name}) and ask ({second.name})."
        )
        findings.append(Finding("columns_by_content", message, 2, "warning", "read as bid and ask"))
        return True
    if second.whole:
        first.role, second.role = "close", "volume"
        message = f"Nameless columns are read as close ({first.name}) and volume ({second.name})."
        findings.append(
            Finding("columns_by_content", message, 2, "warning", "read as close and volume")
        )
        return True
    return False
