"""Lists of somebody's own orders, trades and cash flows: their prices are no series, and are
refused in words.
"""

from __future__ import annotations

from collections.abc import Sequence

from forecasting.errors import SourceError
from forecasting.sources.files.columns import Column
from forecasting.sources.files.vocabulary import plain, words_of

#: First words of what was done, in the languages of brokers.
_ACTIONS = words_of(
    """buy sell bought sold buys sells deposit withdrawal withdraw dividend interest transfer kauf verkauf einzahlung auszahlung
    achat vente compra venda venta acquisto vendita kupno sprzedaz koop verkoop osto myynti kop salg salj kjop long short
    market limit stop open close btc eth ach div cdiv sto bto stc btc kaufen verkaufen покупка продажа 買入 賣出 买入 卖出"""
)
_SIDES = words_of(
    "buy sell bought sold kauf verkauf achat vente compra venda venta acquisto vendita kupno "
    "sprzedaz koop verkoop osto myynti kop salj"
)

#: Names of columns that stand in such lists, each group with how much it says; prices of a market
#: have none of them.
_SIGNS: tuple[tuple[int, frozenset[str]], ...] = (
    (1, frozenset({
        "action", "transaction type", "transaction", "trans code", "order type", "ordertype",
        "buy sell", "side", "b s",
        "activity", "activity type", "type", "trade type", "direction", "typ", "buchung", "vorgang",
        "operation", "tipo",
        "operacion", "operazione", "transaktionstyp", "rodzaj", "type of transaction", "entry type",
        "signal name",
    })),
    (2, frozenset({
        "fee", "fees", "commission", "commissions", "comm", "fees comm", "trading fee",
        "transaction fee", "brokerage",
        "gebuhr", "gebuhren", "provision", "kosten", "transaktionskosten", "transactiekosten",
        "frais", "commissione",
        "commissioni", "comision", "taxa", "corretagem", "prowizja", "courtage", "fee currency",
        "fee coin", "swap",
        "charge amount", "stamp duty", "steuer", "ib commission", "ibcommission",
    })),
    (2, frozenset({
        "order id", "orderid", "order no", "order number", "order", "transaction id", "txid",
        "ordertxid", "ticket",
        "trade no", "execution id", "exec id", "reference", "ref", "auftragsnummer", "position id",
        "positionid", "deal",
        "deal id",
    })),
    (2, frozenset({
        "no of shares", "price share", "price per share", "quantity transacted", "executed",
        "executed qty", "filled qty",
        "filled", "shares bought", "trade price", "tradeprice", "spot price at transaction",
        "avg price",
        "average price paid", "cost basis", "t price", "executed price", "price per unit",
    })),
    (2, frozenset({
        "result", "profit", "profit loss", "p l", "pnl", "p l day", "realized p l", "realised p l",
        "realized pnl",
        "realized profit", "gross p l", "net p l", "gewinn", "ergebnis", "return pct", "returnpct",
        "pl", "profit pct",
        "realized profit loss",
    })),
    (1, frozenset({
        "total", "subtotal", "amount", "net amount", "proceeds", "net proceeds", "cost", "balance",
        "betrag", "montant",
        "importe", "importo", "kwota", "totaal", "currency total", "gross amount", "valor",
        "wartosc transakcji",
        "total inclusive of fees", "margin",
    })),
    (1, frozenset({
        "exchange rate", "wechselkurs", "wisselkoers", "account", "account id", "portfolio",
        "broker", "depot",
        "settlement date", "settle date", "process date", "notes", "note", "comment", "kommentar",
        "value date",
        "withholding tax", "isin",
    })),
    (3, frozenset({
        "entry price", "entryprice", "exit price", "exitprice", "stop loss", "take profit", "s l",
        "t p", "entry time",
        "entrytime",
    })),
)  # fmt: skip

#: From how many points on a table is such a list.
_ENOUGH = 4


def refuse_statement(columns: Sequence[Column]) -> None:
    """Refuse a list of own orders or trades.

    Raises
    ------
    SourceError
        Names and content of several columns say that the rows are what somebody did, not what a
        market did.
    """
    names = {plain(column.name) for column in columns}
    if (
        len(
            {column.label.role for column in columns if column.label.rank < 100}
            & {"open", "high", "low"}
        )
        >= 2
    ):
        return
    named = [
        (weight, next(iter(sorted(words & names)))) for weight, words in _SIGNS if words & names
    ]
    acting = next((column for column in columns if _tells_actions(column)), None)
    points = sum(weight for weight, _ in named) + 2 * (acting is not None)
    if points < _ENOUGH or (
        acting is None and len(named) < 3 and max(weight for weight, _ in named) < 3
    ):
        return
    signs = [acting.name] if acting else []
    by_plain = {plain(column.name): column.name for column in columns}
    signs += [name for _, word in named if (name := by_plain[word]) not in signs]
    raise SourceError(
        f"This is a list of orders or trades ({', '.join(signs[:4])}), not the prices of a "
        "market: each row is what somebody did.",
        "Load the prices of the symbol itself. If one column is a series all the same, name "
        "it: columns close=NAME.",
    )


def _tells_actions(column: Column) -> bool:
    """Tell whether a column says buy or sell, or what else was done."""
    if column.typed or column.numeric > 0.1 or len(column.filled) < 0.5 * len(column.cells):
        return False
    words = [set(plain(str(cell)).split()) for cell in column.filled.to_pylist()[:200]]
    acting = sum(bool(some & _ACTIONS) for some in words)
    sided = any(some & _SIDES for some in words)
    return bool(words) and sided and acting >= 0.8 * len(words)
