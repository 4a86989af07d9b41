"""Option chains: many contracts at one moment are no series, and are refused in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from forecasting.errors import SourceError
from forecasting.sources.files.columns import Column
from forecasting.sources.files.vocabulary import plain

#: Names of columns of such tables beside the strike, each group with what it says.
_SIGNS: tuple[frozenset[str], ...] = (
    frozenset({
        "expiry", "expiration", "expiration date", "expiry date", "exp date", "expire date",
        "expiredate", "expirydate", "expirationdate", "exp", "maturity", "verfall", "dte",
    }),
    frozenset({
        "option type", "optiontype", "call put", "put call", "callput", "putcall", "cp",
        "cp flag", "right", "type", "contract type", "contracttype", "option right", "c p",
    }),
    frozenset({
        "iv", "implied volatility", "impliedvolatility", "impl vol", "mark iv", "delta", "gamma",
        "theta", "vega", "rho",
    }),
    frozenset({
        "contract name", "contract symbol", "contractsymbol", "option symbol", "optionsymbol",
        "contract", "contract id", "option", "optionroot",
    }),
    frozenset({"open interest", "openinterest", "open int", "openint", "oi"}),
    frozenset({"bid", "ask"}),
)  # fmt: skip
#: Call or put before the name of a quote: ``[C_BID]``.
_SIDE = re.compile(r"(?:c|p|call|put|calls|puts) ")
_LEAST_SIGNS = 2


def refuse_option_chain(columns: Sequence[Column]) -> None:
    """Refuse a table of options with several strikes.

    Raises
    ------
    SourceError
        Names of columns say that each row is one of many contracts.
    """
    strike = next((column for column in columns if _is_strike(column.name)), None)
    if strike is None or len(set(map(str, strike.filled.to_pylist()))) < 2:
        return
    names = {_SIDE.sub("", plain(column.name), count=1): column.name for column in columns}
    signs = [names[next(iter(sorted(found)))] for group in _SIGNS if (found := group & set(names))]
    if len(signs) < _LEAST_SIGNS:
        return
    raise SourceError(
        f"This is an option chain ({', '.join([strike.name, *signs[:3]])}): each row is one of "
        "many contracts, not a bar of one price.",
        "Load the prices of what the options are on, or keep the rows of one contract: one "
        "strike, expiry and type, one row a day. If one column is a series all the same, name "
        "it: columns close=NAME.",
    )


def _is_strike(name: str) -> bool:
    words = plain(name).split()
    return "strike" in words or words in (["strikeprice"], ["exercise", "price"], ["basispreis"])
