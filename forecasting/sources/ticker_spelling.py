"""Suggest how Yahoo Finance spells a ticker that was written as another vendor writes it.

Nothing is looked up: the rules are those of exchanges' codes, of currency pairs and of class
shares. Yahoo's suffixes: https://help.yahoo.com/kb/SLN2310.html.
"""

from __future__ import annotations

import re

#: Yahoo's suffix of an exchange, by the codes that TradingView, Google, Bloomberg and Reuters use.
_SUFFIX_CODES: dict[str, str] = {
    "": "NASDAQ NYSE NYSEARCA NYSEAMERICAN NYSEMKT ARCA AMEX BATS CBOE OTC OTCMKTS US N O OQ UN "
    "UW UQ UR",
    ".L": "LON LSE LSIN LN XLON",
    ".DE": "ETR XETR XETRA GY GER IBIS",
    ".F": "FRA FWB GF XFRA",
    ".PA": "EPA EURONEXTPARIS FP PAR XPAR",
    ".AS": "AMS NA XAMS EURONEXTAMSTERDAM",
    ".BR": "EBR BB XBRU",
    ".LS": "ELI PL XLIS",
    ".MI": "BIT MIL IM XMIL",
    ".MC": "BME SM XMAD",
    ".SW": "SWX SIX VX VTX XSWX SE",
    ".VI": "VIE AV XWBO",
    ".ST": "STO OMXSTO XSTO",
    ".CO": "CPH OMXCOP DC XCSE",
    ".HE": "HEL OMXHEX FH XHEL",
    ".OL": "OSL OB NO XOSL",
    ".WA": "WSE GPW PW XWAR",
    ".IS": "IST BIST TI XIST",
    ".TA": "TLV TASE IT XTAE",
    ".SR": "TADAWUL AB XSAU",
    ".T": "TYO TSE JP JT XTKS",
    ".HK": "HKG HKEX HK XHKG SEHK",
    ".SS": "SHA SSE SH XSHG CG",
    ".SZ": "SHE SZSE XSHE CS",
    ".TW": "TPE TWSE TT XTAI",
    ".KS": "KRX KS KP XKRX",
    ".KQ": "KOSDAQ KQ XKOS",
    ".NS": "NSE IN XNSE",
    ".BO": "BOM BSE BSE_DLY XBOM",
    ".AX": "ASX AU AT XASX",
    ".NZ": "NZE NZX NZ XNZE",
    ".SI": "SGX SP XSES",
    ".KL": "KLSE MYX MK XKLS",
    ".JK": "IDX IJ XIDX",
    ".BK": "BKK SET TB XBKK",
    ".TO": "TSX CN CT XTSE",
    ".V": "TSXV CVE CV XTSX",
    ".SA": "BVMF BMFBOVESPA BZ XBSP",
    ".MX": "BMV MM XMEX",
    ".JO": "JSE SJ XJSE",
}
_SUFFIXES = {code: suffix for suffix, codes in _SUFFIX_CODES.items() for code in codes.split()}

_INDEX_NAMES: dict[str, str] = {
    "^GSPC": "SPX SP500 S&P500 SANDP500 INX US500 GSPC SPX500 SPX500USD",
    "^NDX": "NDX NDX100 NAS100 US100 NASDAQ100 USTEC",
    "^IXIC": "IXIC COMP COMPX NASDAQCOMPOSITE",
    "^DJI": "DJI DJIA INDU US30 DOW DOWJONES WS30",
    "^RUT": "RUT RTY US2000 RUSSELL2000",
    "^VIX": "VIX",
    "^GDAXI": "DAX GDAXI DAX30 DAX40 GER30 GER40 DE30 DE40",
    "^FTSE": "FTSE FTSE100 UKX UK100",
    "^FCHI": "CAC CAC40 PX1 FRA40 FCHI",
    "^STOXX50E": "SX5E STOXX50 STOXX50E EU50 EUSTX50 EUROSTOXX50",
    "^AEX": "AEX AEX25",
    "^IBEX": "IBEX IBEX35 ES35",
    "^SSMI": "SMI SSMI SWI20",
    "^N225": "N225 NI225 NIKKEI NIKKEI225 NKY JP225",
    "^HSI": "HSI HANGSENG HK50",
    "000001.SS": "SSEC SHCOMP SSECOMPOSITE",
    "^KS11": "KOSPI KS11",
    "^TWII": "TWII TAIEX",
    "^NSEI": "NIFTY NIFTY50 NSEI CNXNIFTY",
    "^BSESN": "SENSEX BSESN",
    "^AXJO": "AXJO XJO ASX200 AUS200",
    "^GSPTSE": "GSPTSE TSXCOMPOSITE SPTSX",
    "^BVSP": "BVSP IBOV IBOVESPA BOVESPA",
    "^TNX": "TNX US10Y USGG10YR",
    "^TYX": "TYX US30Y",
    "DX-Y.NYB": "DXY USDX DX-Y",
    "GC=F": "XAUUSD XAU GOLDSPOT",
    "SI=F": "XAGUSD XAG",
    "CL=F": "WTI USOIL XTIUSD WTICOUSD WTIUSD",
    "BZ=F": "BRENT UKOIL XBRUSD BCOUSD",
    "NG=F": "NATGAS NATGASUSD XNGUSD",
    "BRK-B": "BRKB",
    "BRK-A": "BRKA",
    "BF-B": "BFB",
}
_INDICES = {name: ticker for ticker, names in _INDEX_NAMES.items() for name in names.split()}

_CURRENCY_CODES = (
    "USD EUR GBP JPY CHF AUD CAD NZD CNY CNH HKD SGD SEK NOK DKK PLN CZK HUF RON TRY ZAR MXN BRL"
    " INR KRW TWD THB IDR MYR PHP ILS SAR AED RUB UAH CLP COP PEN ARS EGP VND PKR ISK BGN"
)
_COIN_CODES = (
    "BTC ETH XRP SOL ADA DOGE DOT LTC BCH BNB AVAX LINK MATIC SHIB TRX XLM XMR ATOM ETC "
    "ALGO FIL NEAR AAVE DASH ZEC EOS XTZ USDT USDC BUSD"
)
_CURRENCIES = frozenset(_CURRENCY_CODES.split())
_COINS = frozenset(_COIN_CODES.split())
_STABLE = {"USDT": "USD", "USDC": "USD", "BUSD": "USD", "PERP": "USD"}
#: One letter behind a dot is an exchange of Yahoo's, not a class of shares.
_ONE_LETTER_EXCHANGES = frozenset("LFVT")


def suggest_tickers(text: str) -> tuple[str, ...]:
    """Suggest the tickers under which Yahoo may have what was written, likeliest first.

    Parameters
    ----------
    text : str
        A ticker as typed: ``BRK.B``, ``EURUSD``, ``NASDAQ:AAPL``, ``600519``.

    Returns
    -------
    tuple of str
        Empty where no rule applies; never the text itself.
    """
    written = text.strip().upper()
    plain = (
        written.lstrip("$")
        .removesuffix(" EQUITY")
        .removesuffix(" INDEX")
        .removesuffix(" CURNCY")
        .strip()
    )
    found = (
        _of_exchange(plain)
        or _of_name(plain)
        or _of_pair(plain)
        or _of_number(plain)
        or _of_class(plain)
    )
    if not found and plain != written:
        found = (plain,)
    return tuple(item for item in dict.fromkeys(found) if item and item != written)


def _of_exchange(text: str) -> tuple[str, ...]:
    """Read ``EXCHANGE:TICKER``, ``TICKER.EXCHANGE``, ``TICKER EXCHANGE`` and ``SH600519``."""
    if match := re.fullmatch(r"(SH|SZ)\.?(\d{6})", text):
        return (match[2] + (".SS" if match[1] == "SH" else ".SZ"),)
    before, colon, after = text.partition(":")
    if colon:
        name = after.strip().lstrip(".")
        if before in _SUFFIXES and name not in _INDICES:
            return (_joined(name, _SUFFIXES[before]),)
        return _of_name(name) or _of_pair(name) or _of_class(name) or (name,)
    match = re.fullmatch(r"([A-Z0-9&-]+)[ .]([A-Z_]{1,16})", text)
    if match is None or match[2] not in _SUFFIXES or f".{match[2]}" in _SUFFIX_CODES:
        return _padded(text)
    return (_joined(match[1], _SUFFIXES[match[2]]),)


def _padded(text: str) -> tuple[str, ...]:
    """Read Hong Kong's codes with fewer or more than Yahoo's four digits, and a blank before
    Yahoo's own suffix.
    """
    match = re.fullmatch(r"([A-Z0-9-]+)[ .]([A-Z]{1,2})", text)
    if match is None or f".{match[2]}" not in _SUFFIX_CODES:
        return ()
    if match[2] in ("F", "V", "T") and not match[1].isdigit() and " " in text:
        return ()
    return (_joined(match[1], f".{match[2]}"),)


def _joined(name: str, suffix: str) -> str:
    if suffix == ".HK" and name.isdigit():
        name = f"{int(name):04d}"
    if suffix == "":
        return name.replace(".", "-").replace("/", "-")
    return name + suffix


def _of_name(text: str) -> tuple[str, ...]:
    """Read names of indices, and continuous futures as TradingView writes them (``ES1!``)."""
    name = re.sub(r"[\s_-]", "", text).removeprefix(".")
    if name in _INDICES:
        return (_INDICES[name],)
    match = re.fullmatch(r"([A-Z]{1,3})\d!", text) or re.fullmatch(r"/([A-Z]{2,3})", text)
    return (f"{match[1]}=F",) if match else ()


def _of_pair(text: str) -> tuple[str, ...]:
    """Read pairs of currencies and coins, whatever stands between the two."""
    bare = re.sub(r"\.(FX|FOREX|CC|CURNCY)$|=X$", "", text)
    joined = re.sub(r"[\s/_.:-]", "", bare)
    for length in range(3, min(6, len(joined))):
        first, second = joined[:length], joined[length:]
        second = _STABLE.get(second, second)
        if first in _COINS and (second in _CURRENCIES or second in _COINS):
            return (f"{first}-{second}",)
    if len(joined) == 6 and joined[:3] in _CURRENCIES and joined[3:] in _CURRENCIES:
        return (f"{joined}=X",)
    return (f"{text}-USD",) if text in _COINS else ()


def _of_number(text: str) -> tuple[str, ...]:
    """Read the bare codes of Asian exchanges: six digits in China and Korea, four or five in
    Japan, Taiwan and Hong Kong.
    """
    if not text.isdigit():
        return ()
    if len(text) == 6:
        if re.match(r"60[0135]|688|689|900|51|58", text):
            return (f"{text}.SS",)
        korean = (f"{text}.KS", f"{text}.KQ")
        return (f"{text}.SZ", *korean) if re.match(r"00[0123]|200|30[01]|159", text) else korean
    if len(text) == 4 and text[0] != "0":
        return (f"{text}.T", f"{text}.TW", f"{text}.HK", f"{text}.SR")
    return (f"{int(text):04d}.HK",) if len(text) <= 5 and 0 < int(text) < 10_000 else ()


def _of_class(text: str) -> tuple[str, ...]:
    """Read classes of shares: ``BRK.B``, ``RDS/A``, ``BF B``, ``BRK_B``, preferred ``BAC.PRB``
    and ``BAC^B``, rights and units.
    """
    if match := re.fullmatch(r"([A-Z]{1,5})(?:[./ ]?PR[./ ]?|\^)([A-Z])", text):
        return (f"{match[1]}-P{match[2]}",)
    if match := re.fullmatch(r"([A-Z]{2,5})[./ _]([A-Z]|WS|WT|UN|U)", text):
        if "." in text and match[2] in _ONE_LETTER_EXCHANGES:
            return ()
        return (f"{match[1]}-{match[2]}",)
    return ()
