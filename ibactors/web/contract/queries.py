"""How callers name instruments, symbols and accounts: one grammar for REST and streams."""

from typing import Annotated

import msgspec

from ibactors.errors import InvalidRequest
from ibactors.model.instruments import Instrument, SecType
from ibactors.model.times import whole
from ibactors.web.contract.codec import validated

MAX_SYMBOLS = 100


_SYMBOL = r"[A-Za-z0-9][A-Za-z0-9 .:_&$^=+'/-]{0,39}"


_SPACED = f" *{_SYMBOL} *"


# No control characters: a NUL inside a field would shift all that follow it in IB's protocol.
SymbolText = Annotated[
    str,
    msgspec.Meta(
        pattern=whole(_SYMBOL),
        description="IB's symbol, such as AAPL: 1 to 40 letters, digits, blanks and .:_&$^=+'/-, a letter or digit first.",
    ),
]


Code = Annotated[str, msgspec.Meta(pattern=whole("[A-Za-z0-9.]{1,20}"), description="IB's name of an exchange, such as SMART or NYSE.")]


class InstrumentQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What besides the symbol tells one contract from another; a US stock needs none of it."""

    exchange: (
        Annotated[
            Code,
            msgspec.Meta(description="SMART if not given (CASH: IDEALPRO, CRYPTO: PAXOS; future or index with con_id: as IB names it)."),
        ]
        | None
    ) = None
    currency: Annotated[str, msgspec.Meta(pattern=whole("[A-Za-z]{3}"), description="Three letters.")] = "USD"
    sec_type: Annotated[SecType, msgspec.Meta(description="IB's security type.")] = SecType.STK
    primary_exchange: Annotated[Code, msgspec.Meta(description="Tells stocks of one symbol apart.")] | None = None
    expiry: (
        Annotated[
            str, msgspec.Meta(pattern=whole("[0-9]{6}([0-9]{2})?"), description="Last trade date or contract month: yyyymmdd or yyyymm.")
        ]
        | None
    ) = None
    strike: Annotated[float, msgspec.Meta(ge=0, le=1e9, description="Strike price of an option, 0 to 1e9.")] = 0.0
    right: Annotated[str, msgspec.Meta(pattern=whole("[CPcp]"), description="C or P.")] | None = None
    con_id: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1, description="IB's contract id; names exactly one contract.")] = 0


class QuotesQuery(InstrumentQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several symbols at once."""

    # Not `whole`: this is only shown, `$` is the end in JSON Schema, and generators of examples choke on it with a lookahead.
    symbols: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=4000,
            description="Symbols, separated by commas; 100 at most.",
            examples=["AAPL,MSFT"],
            extra_json_schema={"pattern": f"^{_SPACED}(,{_SPACED}){{0,{MAX_SYMBOLS - 1}}}$"},
        ),
    ]


# The pattern is only shown: `instrument_of` checks it, for all who name a symbol.
SymbolInPath = Annotated[
    str,
    msgspec.Meta(
        description="IB's symbol. One with a slash cannot stand in a path; take `/market/quotes`.",
        examples=["AAPL"],
        extra_json_schema={"pattern": whole(_SPACED.replace("/", ""))},
    ),
]


class _Symbol(msgspec.Struct, frozen=True):
    symbol: SymbolText


_DEFAULT_EXCHANGE = {SecType.CASH: "IDEALPRO", SecType.CRYPTO: "PAXOS"}


_LISTED = frozenset({SecType.FUT, SecType.FOP, SecType.IND, SecType.CONTFUT})
"""Traded at one exchange, to which SMART does not route."""


def instrument_of(symbol: str, query: InstrumentQuery) -> Instrument:
    """The instrument that a request names; raises InvalidRequest for a malformed symbol."""
    checked = validated(_Symbol, lambda: msgspec.convert({"symbol": symbol.strip(" ")}, _Symbol))
    return Instrument(
        symbol=checked.symbol.upper(),
        exchange=_exchange(query).upper(),
        currency=query.currency.upper(),
        sec_type=query.sec_type,
        primary_exchange=(query.primary_exchange or "").upper(),
        expiry=query.expiry or "",
        strike=query.strike,
        right=(query.right or "").upper(),
        con_id=query.con_id,
    )


def instruments_of(query: QuotesQuery) -> list[Instrument]:
    """The instruments of a list of symbols; raises InvalidRequest."""
    symbols = query.symbols.split(",")
    if len(symbols) > MAX_SYMBOLS:
        raise InvalidRequest(f"{len(symbols)} symbols are more than {MAX_SYMBOLS}.", field="symbols")
    return list(dict.fromkeys(instrument_of(symbol, query) for symbol in symbols))


def _exchange(query: InstrumentQuery) -> str:
    """Empty lets the gateway say it, which knows the exchange of a contract id; a position in a future, for one, comes without."""
    if query.exchange:
        return query.exchange
    if query.con_id and query.sec_type in _LISTED:
        return ""
    return _DEFAULT_EXCHANGE.get(query.sec_type, "SMART")


AccountName = Annotated[
    str, msgspec.Meta(pattern=whole("[A-Za-z0-9]{1,20}"), description="One of several accounts; the first one if not given.")
]
