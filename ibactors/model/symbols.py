"""Symbols as people write them: what a name may mean to IB, most likely meaning first.

`EUR.USD` and `BTCUSD` are pairs, `BRK.B` is a class of shares, `ESZ6` a future, `AAPL  261218C00230000` an option, `US0378331005` an ISIN.
Pure: nothing is asked here. Who looks for a contract tries one reading after the other, until IB knows one.
"""

import re
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from ibactors.model.instruments import Instrument, Leg, SecType

SYMBOL = r"[A-Za-z0-9][A-Za-z0-9 .:_&$^=+'/-]{0,39}"
"""How a symbol may be written. No control characters: a NUL inside a field would shift all that follow it in IB's protocol."""
MAX_CON_ID = 2**31 - 1

CURRENCIES = frozenset(
    "AED AUD BGN BRL CAD CHF CLP CNH CNY COP CZK DKK EUR GBP HKD HUF IDR ILS INR ISK JPY KRW KWD MXN MYR NOK NZD PHP PLN QAR RON RUB SAR "
    "SEK SGD THB TRY TWD USD ZAR".split()
)
COINS = frozenset("AAVE ADA ATOM AVAX BCH BTC DOGE DOT ETC ETH HBAR LINK LTC MATIC PEPE POL SHIB SOL SUI UNI XLM XRP ZEC".split())
METALS = frozenset("XAG XAU XPD XPT".split())
MONTHS = "FGHJKMNQUVXZ"
"""The letters of futures' months, January first."""
DEFAULT_EXCHANGES = {
    SecType.CASH: "IDEALPRO",
    SecType.CRYPTO: "PAXOS",
    **dict.fromkeys((SecType.FUT, SecType.FOP, SecType.IND, SecType.CONTFUT), ""),
}
"""Where that is not SMART. Empty: IB names the one exchange at which the instrument is listed."""

_PAIR = re.compile(r"([A-Z]{3,5})[./]([A-Z]{3})|([A-Z]{3,5})([A-Z]{3})")
_CLASS = re.compile(r"([A-Z]{1,5})[./]([A-Z]{1,2})")
_FUTURE = re.compile(rf"([A-Z0-9]{{1,5}})([{MONTHS}])(\d{{1,2}})")
_OPTION = re.compile(r"([A-Z0-9]{1,6}) *(\d{6})([CP])(\d{8})")
_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}\d")
_CUSIP = re.compile(r"[A-Z0-9]{8}\d")
_FIGI = re.compile(r"BBG[A-Z0-9]{8}\d")
_INDEX = re.compile(r"[A-Z0-9]{1,12}")
_CENTURY, _DECADE = 100, 10

Reading = Callable[[Instrument, int], Iterator[Instrument]]


def readings(asked: Instrument, year: int) -> tuple[Instrument, ...]:
    """What *asked* may mean, in the order in which to try; *year* is the present one. One with a contract id or legs means itself.

    Where the kind is named, nothing of another kind is among them.
    """
    if asked.con_id or asked.legs or asked.sec_type is None:
        return (asked,)
    is_open = asked.sec_type is SecType.STK and not asked.exact
    sure = [reading for rule in (_pairs, _options, _numbers, _described) for reading in rule(asked, year)]
    before, after = list(_classes(asked, year)), [*_cusips(asked, year), *_futures(asked, year), *_indexes(asked, year)]
    if is_open:
        found = sure or [*before, asked, *after]
    else:
        others = [reading for reading in (*sure, *before, *after) if reading.sec_type is asked.sec_type]
        # To IB a bond's symbol may be its CUSIP or ISIN.
        found = [asked, *others] if asked.sec_type is SecType.BOND else [*others, asked]
    return tuple(dict.fromkeys(found))


def named(
    symbol: str,
    *,
    exchange: str = "",
    currency: str = "",
    sec_type: SecType | None = None,
    primary_exchange: str = "",
    expiry: str = "",
    strike: float = 0.0,
    right: str = "",
    multiplier: str = "",
    trading_class: str = "",
    local_symbol: str = "",
    legs: tuple[Leg, ...] = (),
) -> Instrument:
    """What a caller names: the one grammar of requests, streams and orders.

    A symbol of digits alone is a contract id, unless something else is said of it; there are symbols of digits, but not of US stocks. With
    a zero before it it is none: CUSIPs are written so.
    """
    text, where, quoted = symbol.strip(" ").upper(), exchange.upper(), currency.upper() or "USD"
    said = sec_type or where or primary_exchange or quoted != "USD"
    if text.isdigit() and text[0] != "0" and not said and int(text) <= MAX_CON_ID:
        return Instrument.of_id(int(text))
    kind = sec_type or (SecType.BAG if legs else SecType.STK)
    return Instrument(
        symbol=text,
        exchange=where or default_exchange(kind),
        currency=quoted,
        sec_type=kind,
        primary_exchange=primary_exchange.upper(),
        expiry=expiry,
        strike=strike,
        right=right.upper(),
        multiplier=multiplier,
        trading_class=trading_class.upper(),
        local_symbol=local_symbol.upper(),
        legs=legs,
        exact=sec_type is SecType.STK,
    )


def default_exchange(kind: SecType | None) -> str:
    """Where an instrument of a kind is looked for, unless somebody says where."""
    return DEFAULT_EXCHANGES.get(kind, "SMART") if kind is not None else ""


def _as(asked: Instrument, kind: SecType, **members: object) -> Instrument:
    """*asked* as one of another kind; the exchange is that of the kind, where none was named."""
    exchange = asked.exchange if asked.exchange not in {"SMART", ""} else default_exchange(kind)
    return replace(asked, **({"sec_type": kind, "exchange": exchange, "exact": False} | members))


def _pairs(asked: Instrument, _year: int) -> Iterator[Instrument]:
    """EUR.USD, EUR/USD, EURUSD; BTC.USD; XAUUSD, which is a symbol of its own."""
    if found := _PAIR.fullmatch(asked.symbol):
        base, quoted = (found[1] or found[3]), (found[2] or found[4])
        if quoted not in CURRENCIES:
            return
        if base in CURRENCIES and base != quoted:
            yield _as(asked, SecType.CASH, symbol=base, currency=quoted)
        elif base in COINS:
            yield _as(asked, SecType.CRYPTO, symbol=base, currency=quoted)
            yield _as(asked, SecType.CRYPTO, symbol=base, currency=quoted, exchange="")
        elif base in METALS:
            yield _as(asked, SecType.CMDTY, symbol=base + quoted, currency=quoted)


def _options(asked: Instrument, _year: int) -> Iterator[Instrument]:
    """The symbols of the Options Clearing Corporation: root, date, right, thousandths of the strike."""
    if found := _OPTION.fullmatch(asked.symbol):
        root, date, right, strike = found.groups()
        terms = {"expiry": f"20{date}", "strike": int(strike) / 1000, "right": right}
        # The root is the trading class, which is also the symbol, unless it is one such as SPXW.
        yield _as(asked, SecType.OPT, symbol=root, trading_class=root, **terms)
        yield _as(asked, SecType.OPT, symbol="", local_symbol=f"{root:<6}{date}{right}{strike}")


def _numbers(asked: Instrument, _year: int) -> Iterator[Instrument]:
    text = asked.symbol
    if _ISIN.fullmatch(text) and is_isin(text):
        yield from _numbered(asked, "ISIN", "USD" if text.startswith("US") else "")
    elif _FIGI.fullmatch(text) and is_figi(text):
        yield from _numbered(asked, "FIGI", "")


def _cusips(asked: Instrument, _year: int) -> Iterator[Instrument]:
    if _CUSIP.fullmatch(asked.symbol) and is_cusip(asked.symbol):
        yield from _numbered(asked, "CUSIP", "USD")
        yield _as(asked, SecType.BOND)


def _numbered(asked: Instrument, kind: str, currency: str) -> Iterator[Instrument]:
    given = asked.currency if asked.currency != "USD" else currency
    for sec_type in (SecType.STK, SecType.BOND, *([asked.sec_type] if asked.sec_type else [])):
        yield _as(asked, sec_type, symbol="", currency=given, sec_id_type=kind, sec_id=asked.symbol)


def _described(asked: Instrument, _year: int) -> Iterator[Instrument]:
    """What has a right is an option, what has a date only a future, though nobody says so."""
    if asked.sec_type is SecType.STK and not asked.exact:
        if asked.right or asked.strike:
            yield _as(asked, SecType.OPT)
        elif asked.expiry:
            yield _as(asked, SecType.FUT)


def _classes(asked: Instrument, _year: int) -> Iterator[Instrument]:
    """BRK.B and BRK/B; to IB it is `BRK B`."""
    if asked.sec_type in {SecType.STK, SecType.CFD} and (found := _CLASS.fullmatch(asked.symbol)):
        yield replace(asked, symbol=f"{found[1]} {found[2]}")


def _futures(asked: Instrument, year: int) -> Iterator[Instrument]:
    """ESZ6 and ESZ26: by IB's local symbol, else by symbol and month."""
    if found := _FUTURE.fullmatch(asked.symbol):
        root, letter, digits = found.groups()
        currency = "" if asked.currency == "USD" else asked.currency
        yield _as(asked, SecType.FUT, symbol="", currency=currency, local_symbol=f"{root}{letter}{digits[-1]}")
        month = f"{_year_of(digits, year)}{MONTHS.index(letter) + 1:02}"
        yield _as(asked, SecType.FUT, symbol=root, currency=currency, expiry=month)


def _year_of(digits: str, year: int) -> int:
    """The year of a future, from last year on: nobody means one that expired long ago."""
    cycle = _DECADE if len(digits) == 1 else _CENTURY
    return year - 1 + (int(digits) - (year - 1)) % cycle


def _indexes(asked: Instrument, _year: int) -> Iterator[Instrument]:
    """VIX: an index needs no kind, if no stock has its symbol."""
    if asked.sec_type is SecType.STK and _INDEX.fullmatch(asked.symbol):
        yield _as(asked, SecType.IND, currency="" if asked.currency == "USD" else asked.currency)


def is_isin(text: str) -> bool:
    """Whether the check digit of an ISIN is right (ISO 6166)."""
    return _luhn("".join(str(int(character, 36)) for character in text)) == 0


def is_cusip(text: str) -> bool:
    """Whether the check digit of a CUSIP is right."""
    values = [int(character, 36) * (1 + place % 2) for place, character in enumerate(text[:-1])]
    return (-sum(value // 10 + value % 10 for value in values)) % 10 == int(text[-1])


def is_figi(text: str) -> bool:
    """Whether the check digit of a FIGI is right: that of a CUSIP, over eleven characters."""
    return is_cusip(text)


def _luhn(digits: str) -> int:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value // 10 + value % 10 for value in doubled) % 10
