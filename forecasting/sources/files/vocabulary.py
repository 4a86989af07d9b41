"""The words that price files are written with: column names, months and time zones in the
languages of vendors.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


#: Names of columns by role, likeliest first. Compared after :func:`plain`, so case, accents and
#: signs do not matter.
ROLE_WORDS: dict[str, str] = {
    "date": """time open|open time|kline open time|date time|datetime|date|ds|timestamp|time stamp|dates|day|trade date|trading date
        |quote date|price date|observation date|gmt time|local time|time utc|utc time|utc|date gmt|date utc|dtyyyymmdd
        |snapped at|snapshot date|as of date|asofdate|report date|effective date|start time|start date|bar time|begin|begins
        |period start|month|year month|yearmonth|week|period|unix|unix time|unix timestamp|unixtime|epoch|t|ts|time|index|datum
        |datum zeit|tag|zeitpunkt|data|data sesji|dzien|fecha|dia|data pregao|jour|seance|giorno|tarih|дата|день|время|日期|日時
        |日付|日付け|交易日期|交易日|时间|날짜|일자|ngay|tanggal|dato|pvm|paivamaara|paivays|ημερομηνια|תאריך|التاريخ|วันที่
        |תאריך מסחר|datums|kuupaev|datas|nap|дата торгов|tradedate|caldt|基準日|年月日|期間|月|quarter|qtr|year quarter|yearqtr
        |year|years|jahr|annee|ano|anno|rok|ar|vuosi|год|年|年度|period end|period ending|reference date|time period|fecha hora
        |date decimal|decimal date|stichtag|valeurdatum|mois|monat|mes|mese""",
    "time": "time|zeit|uhrzeit|hora|heure|ora|godzina|czas|время|时间|時刻|saat|tijd|tid|hour|time of "
    "day|bar start time",
    "symbol": """symbol|ticker|tic|unique id|name|stock|stock symbol|instrument|security|sec code|secid|ts code|stock code|code|isin|wkn
        |asset|asset id|company|company name|pair|coin|contract|stockname|stock name|scrip|sc code|permno|series id|item id
        |cusip|figi|ric|тикер|代码|股票代码|证券代码|종목코드|コード|simbolo|symbole|sembol|kod|nazwa|figi code|conid|codneg""",
    "open": """open|opening|opening price|open price|px open|o|first|1 open|day open|open last|start|otwarcie|kurs otwarcia|erster
        |eroffnung|eroffn|eroffnungskurs|eroeffnung|anfang|apertura|abertura|ouverture|ouv|aper|открытие|откр|цена открытия|开盘
        |开盘价|開盤|開盤價|始値|시가|acilis|oppning|oppningskurs|apning|abning|avaus|openingskoers|opening koers|otevreni|nyito
        |pembukaan|mo|mo cua|ανοιγμα|פתיחה|مفتوح|الفتح|เปิด|ราคาเปิด|preabe|deschidere""",
    "high": """high|highest|high price|px high|max|maximum|h|day high|hi|hoch|hochst|hochstkurs|tageshoch|najwyzszy|najwyzsza
        |kurs maksymalny|maximo|maxima|max price|plus haut|haut|massimo|alto|alta|макс|максимум|max kurs|最高|最高价|最高價|高
        |高値|고가|yuksek|en yuksek|hogsta|hojeste|hoyeste|hoog|hoogste|ylin|korkein|nejvyssi|legmagasabb|tertinggi|cao|cao nhat
        |υψηλο|גבוה|أعلى|مرتفع|ราคาสูงสุด|สูงสุด|premax|maxim|hog""",
    "low": """low|lowest|low price|px low|min|minimum|l|day low|lo|tief|tiefst|tiefstkurs|tagestief|najnizszy|najnizsza|kurs minimalny
        |minimo|minima|min price|plus bas|bas|basso|baixa|мин|минимум|min kurs|最低|最低价|最低價|低|安値|저가|dusuk|en dusuk
        |lagsta|laveste|laag|laagste|alin|matalin|nejnizsi|legalacsonyabb|terendah|thap|thap nhat|χαμηλο|נמוך|أدنى|منخفض|ต่ำสุด|ราคาต่ำสุด
        |premin|minim|lag""",
    "close": """close|close last|closing|closing price|close price|market close|c|last|last price|last trade|last sale|px last
        |price close|settle|settlement|settlement price|settle price|price|y|value|nav|rate|fixing|mid|mid price|index value
        |level|exchange rate|spot price|spot|quote|kurs|schluss|prices|schlusskurs|schlusskurs eur|zuletzt|letzter|zamkniecie
        |kurs zamkniecia|ostatnio|cena|wartosc|cierre|ultimo|ultima|precio|precio cierre|fechamento|preco|cloture|dernier|cours
        |chiusura|ult|prezzo|закрытие|закр|цена|цена закрытия|послед|последняя|курс|收盘|收盘价|收盤|收盤價|終値|現在値|종가
        |현재가|kapanis|simdi|son|senaste|slutkurs|stangning|siste|seneste|lukukurssi|viimeisin|slot|slotkoers|laatste|koers
        |slutt|zaver|posledni|utolso|zaro|terakhir|penutupan|lan cuoi|dong cua|τελευταια|κλεισιμο|אחרון|שער|آخر|الإغلاق|ล่าสุด
        |ราคา|ราคาปิด|ปิด|preult|inchidere|ultim|zarooar|legalcloseprice|target|usd|bpi""",
    "adj_close": """adj close|adjusted close|adjclose|close adj|close adjusted|adjusted closing price|adjusted closing|adj closing
        |adj closing price|adjusted price|adj price|adjusted|close split adjusted|5 adjusted close|bereinigt
        |schlusskurs bereinigt|cierre ajustado|fechamento ajustado|cloture ajustee|chiusura rettificata|slutkurs justerad
        |prccd adj|zamkniecie skorygowane|后复权收盘价""",
    "volume": """volumes|total volumes
        |stuecke|stucke|stuck|volume|vol|v|trade volume|share volume|shares traded|total volume|base volume|volume base|tickvol
        |tick volume|tickvolume|ticks volume|5 volume|6 volume|px volume|wolumen|wol|wolumen obrotu|volumen|umsatz stuck|umsatz
        |gehandelte stucke|volume btc|volume shares|number of shares|no of shares|shares|total traded quantity
        |total trade quantity|ttl trd qnty|traded quantity|quantity|qty|contracts|titres|quantite|quantidade|cantidad|quantita
        |titoli|quatot|成交量|交易量|成交量股|成交股數|成交數量|成交股数|成交張數
        |出来高|거래량|объем|обьем|объем торгов|hacim|hac|volym|omsattning antal|omsatning
        |mangde|antal|maara|vaihto kpl|aantal|mnozstvi|objem|forgalom|kl|khoi luong|ογκος|נפח|حجم|حجم التداول|ปริมาณ|volum""",
    "bid": "bid|bid price|best bid|geld|kupno|demand|bidprice",
    "ask": "ask|ask price|best ask|offer|brief|sprzedaz|askprice",
}

#: A name with one of these words is not the price or volume that its other words promise.
VETO_WORDS = words_of(
    """int interest prev previous pre change chg pct percent ex 52w 52 week avg average weighted wap vwap sma ema wma rsi macd
    mean std median trades trade count number turnover amount taker quote dividend dividends split splits factor ratio adj
    adjusted time yield return returns range diff difference signal cap market limit ma upper lower band atr spread asset
    delta gap rank year lag log pred predicted forecast target ret rolling volatility var days ago bar buy sell currency gain loss"""
)

#: A column of such a name is worked out from prices; beside a close it is no series of its own.
#: Digits at its end do not matter.
DERIVED_WORDS = words_of(
    """sma ema wma ma dma rsi macd atr signal hist histogram bollinger bb bbu bbl bbm upper lower band vwap obv adx cci roc stoch
    lag lead shift return returns ret logret pct change chg diff volatility vol var std mean rolling momentum gain loss zscore
    drawdown pred predicted prediction forecast target label rank feature"""
)

#: Names of a close that fit a column of anything: beside columns of other names they are one among
#: several values.
WEAK_CLOSES = words_of("value rate level quote target usd bpi y c nav mid fixing spot")

#: Names of the parts of a date that stands in several columns.
DATE_PARTS: dict[str, frozenset[str]] = {
    "year": words_of("year yr yyyy jahr annee ano anno rok ar vuosi год 年"),
    "quarter": words_of("quarter qtr q quartal trimestre"),
    "month": words_of("month mo mon mm monat mois mes mese kuukausi месяц 月"),
    "week": words_of("week wk isoweek weekofyear kw woche semaine semana"),
    "day": words_of("day dd dom dayofmonth mday tag jour dia giorno день 日"),
    "dayofyear": words_of("dayofyear doy yday julianday"),
    "hour": words_of("hour hr hh stunde heure hora ora час 時"),
    "minute": words_of("minute minutes"),
}

#: A column of whole numbers or of text with one of these words in its name says whose value a row
#: holds.
KEY_WORDS = words_of(
    """id nr nbr store shop item product sku family category region state country city county province department dept
    warehouse outlet customer brand branch channel segment location zone station meter sensor site location area entity
    group series subject indicator measure geo cbsa fips code key market commodity ticker symbol"""
)

#: Names of the value of a table that has keys, likeliest first.
VALUE_WORDS = (
    "sales", "weekly sales", "unit sales", "units sold", "demand", "units", "revenue",
    "consumption", "load", "quantity", "amount",
    "num sold", "qty sold", "orders", "count", "total", "obs value", "observation value",
)  # fmt: skip

#: Units that may stand beside a role in a name.
UNIT_WORDS = words_of(
    """usd eur gbp jpy chf cad aud nzd sek nok dkk pln czk huf rub inr rs cny hkd krw brl mxn zar try twd sgd usdt usdc busd
    price prices px shares lots lot contracts stk st in of the us usdollars dollars cents kr zl r day daily session units
    base local"""
)

_MONTH_NAMES = (
    """jan januar januari january janvier janv janeiro enero ene gennaio gen stycznia styczen sty leden ledna tammikuu tammi
    ocak oca января янв январь jaan ianuarie ian sijecnja sij""",
    """feb februar februari february fevrier fevr fev fevereiro febrero febbraio lutego luty lut unor unora helmikuu helmi
    subat sub февраля фев февраль februarie""",
    """mar marz mrz march maart mrt mars marco marzo marca marzec brezen brezna maaliskuu maalis mart марта мар март maerz
    martie""",
    """apr april avril avr abril abr aprile kwietnia kwiecien kwi duben dubna huhtikuu huhti nisan nis апреля апр апрель
    aprilie""",
    """may mai mei maj mayo maio maggio mag maja kveten kvetna toukokuu touko mayis мая май""",
    """jun juni june juin junho junio giugno giu czerwca czerwiec cze cerven cervna kesakuu kesa haziran haz июня июн июнь
    iunie iun""",
    """jul juli july juillet juil julho julio luglio lug lipca lipiec lip cervenec cervence heinakuu heina temmuz tem июля июл
    июль iulie iul""",
    """aug august augustus aout agosto ago sierpnia sierpien sie srpen srpna elokuu elo agustos agu августа авг август augusti""",
    """sep sept september septembre setembro set septiembre settembre wrzesnia wrzesien wrz zari syyskuu syys eylul eyl
    сентября сен сент сентябрь septembrie setiembre""",
    """oct oktober october octobre outubro out octubre ottobre ott pazdziernika pazdziernik paz rijen rijna lokakuu loka ekim
    eki okt октября окт октябрь octombrie oktobar""",
    """nov november novembre novembro noviembre listopada listopad lis marraskuu marras kasim kas ноября ноя ноябрь noiembrie
    noi""",
    """dec dez december dezember decembre dezembro diciembre dic dicembre grudnia grudzien gru prosinec prosince joulukuu joulu
    aralik ara des desember декабря дек декабрь decembrie""",
)

#: Minutes east of UTC of the zone abbreviations that price files use.
ZONES: dict[str, int] = {
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "BST": 60, "WEST": 60, "CET": 60, "MEZ": 60, "CEST": 120,
    "MESZ": 120, "EET": 120, "EEST": 180,
    "MSK": 180, "IST": 330, "HKT": 480, "SGT": 480, "JST": 540, "KST": 540, "AEST": 600,
    "AEDT": 660, "EST": -300, "EDT": -240, "CST": -360,
    "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420, "BRT": -180,
}  # fmt: skip


#: Letters of a name that are looked at.
_LONGEST_NAME = 1000


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """Return a name in lower case without accents, signs and bullets: ``Adj Close**`` ->
    ``adj close``. Of a name beyond all reason only the first letters count.
    """
    name = name[:_LONGEST_NAME]
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    name = (
        name.replace("ł", "l")
        .replace("Ł", "l")
        .replace("ø", "o")
        .replace("Ø", "o")
        .replace("ß", "ss")
        .replace("ı", "i")
    )
    name = re.sub(r"^\s*\d\s*[.):]\s*(?=\D)", "", name)
    folded = "".join(
        sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign)
    )
    return " ".join(re.sub(r"[\W_]+", " ", folded.lower()).split())


@cache
def role_ranks() -> dict[str, tuple[tuple[str, int], ...]]:
    """Return for each plain name its roles, each with its rank (0 is the likeliest)."""
    ranks: dict[str, list[tuple[str, int]]] = {}
    for role, words in ROLE_WORDS.items():
        for rank, word in enumerate(words.split("|")):
            for key in {plain(word), plain(word).replace(" ", "")}:
                ranks.setdefault(key, []).append((role, rank))
    return {name: tuple(roles) for name, roles in ranks.items()}


@cache
def months() -> dict[str, int]:
    """Return the number of each month by its plain name or abbreviation."""
    return {
        name: number for number, names in enumerate(_MONTH_NAMES, start=1) for name in names.split()
    }


@cache
def english_names() -> frozenset[str]:
    """Return plain column names that say nothing about the language of a file, or that it is
    English.
    """
    return words_of(
        """date time datetime open high low close volume adj adjclose vol price last symbol ticker name change ds y value timestamp
    unix max min index day trade utc gmt local quote observation snapped snapshot dtyyyymmdd caldt tradedate px closing
    opening highest lowest settle settlement rate nav mid spot fixing target bpi usd asofdate legalcloseprice dates month
    week period epoch ts begin begins start timestamps"""
    )


def pattern_for(cells: Any, pattern: str) -> str:
    r"""Return a pattern without the letters of other scripts where all cells are ASCII: RE2 needs
    several milliseconds to compile ``\p{L}``, each time.

    Parameters
    ----------
    cells : pyarrow.Array
        Text that is to be matched, length T.
    pattern : str
        In RE2's syntax, with ``\p{L}`` or ``[\p{L}\p{M}]``.
    """
    import pyarrow.compute as pc

    if not pc.all(pc.string_is_ascii(cells), min_count=0).as_py():
        return pattern
    return pattern.replace(r"[\p{L}\p{M}]", "[A-Za-z]").replace(r"\p{L}", "[A-Za-z]")
