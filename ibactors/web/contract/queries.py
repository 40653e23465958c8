"""How callers name instruments, symbols and accounts: one grammar for REST and streams."""

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from ibactors.errors import InvalidRequest
from ibactors.model.instruments import Instrument, Leg, SecType
from ibactors.model.quote_fields import FIELD_LIST, FIELDS
from ibactors.model.symbols import MAX_CON_ID, SYMBOL, named
from ibactors.model.times import whole
from ibactors.validation import validated

MAX_SYMBOLS = 100


_SPACED = f" *{SYMBOL} *"
_LEG = "[0-9]{1,9}:[1-9][0-9]{0,4}:([Bb][Uu][Yy]|[Ss][Ee][Ll][Ll])(:[A-Za-z0-9.]{1,20})?"


SymbolText = Annotated[
    str,
    msgspec.Meta(
        pattern=whole(SYMBOL),
        description=(
            "IB's symbol, such as AAPL, or as people write it: EUR.USD, BRK.B, ESZ6, AAPL261218C00230000, an ISIN, a contract id; "
            "1 to 40 letters, digits, blanks and .:_&$^=+'/-, a letter or digit first."
        ),
    ),
]


# Empty is what IB writes for none, in positions for example.
Code = Annotated[str, msgspec.Meta(pattern=whole("[A-Za-z0-9.]{0,20}"), description="IB's name of an exchange, such as SMART or NYSE.")]
ContractId = Annotated[int, msgspec.Meta(ge=0, le=MAX_CON_ID, description="IB's contract id, a whole number; it alone says what is meant.")]


class InstrumentQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What besides the symbol tells one contract from another; a US stock needs none of it."""

    exchange: (
        Annotated[
            Code,
            msgspec.Meta(
                description="IB's name: letters, digits and dots. SMART if not given (CASH: IDEALPRO, CRYPTO: PAXOS; futures and indexes: "
                "where IB lists them)."
            ),
        ]
        | None
    ) = None
    currency: Annotated[str, msgspec.Meta(pattern=whole("([A-Za-z]{3})?"), description="Three letters, such as USD.")] = "USD"
    sec_type: (
        Annotated[
            SecType,
            msgspec.Meta(
                description=f"IB's security type: {', '.join(SecType)}. STK if not given, or what the symbol as it is written says."
            ),
        ]
        | None
    ) = None
    primary_exchange: Annotated[Code, msgspec.Meta(description="Tells stocks of one symbol apart: letters, digits and dots.")] | None = None
    expiry: (
        Annotated[
            str, msgspec.Meta(pattern=whole("([0-9]{6}([0-9]{2})?)?"), description="Last trade date or contract month: yyyymmdd or yyyymm.")
        ]
        | None
    ) = None
    strike: Annotated[float, msgspec.Meta(ge=0, le=1e9, description="Strike price of an option, 0 to 1e9.")] = 0.0
    right: Annotated[str, msgspec.Meta(pattern=whole("[CPcp]?"), description="C or P.")] | None = None
    multiplier: (
        Annotated[str, msgspec.Meta(pattern=whole("([0-9]{1,9}([.][0-9]{1,9})?)?"), description="As IB writes it, such as 100.")] | None
    ) = None
    trading_class: Annotated[Code, msgspec.Meta(description="Tells options of one underlying apart, such as SPX and SPXW.")] | None = None
    local_symbol: Annotated[str, msgspec.Meta(pattern=whole(f"({SYMBOL})?"), description="The exchange's symbol, such as ESZ6.")] | None = (
        None
    )
    con_id: ContractId = 0


class CombinableQuery(InstrumentQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same of what is to be had of combinations, too."""

    legs: (
        Annotated[
            str,
            msgspec.Meta(
                pattern=whole(f"{_LEG}(,{_LEG}){{1,7}}"),
                description="The parts of a combination: con_id:ratio:side or con_id:ratio:side:exchange, separated by commas; 2 to 8.",
                examples=["265598:1:buy,272093:1:sell"],
            ),
        ]
        | None
    ) = None


FieldNames = Annotated[
    str,
    msgspec.Meta(
        pattern=FIELD_LIST,
        description=f"What quotes are to have besides, in `fields`, separated by commas: {', '.join(FIELDS)}. Null where IB tells nothing.",
        examples=["shortable,mark_price"],
    ),
]


def fields_of(names: str | None) -> frozenset[str]:
    """The fields that a caller names."""
    return frozenset(names.split(",")) if names else frozenset()


class QuotesQuery(CombinableQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several instruments at once, by symbols, contract ids or both."""

    # Not `whole`: this is only shown, `$` is the end in JSON Schema, and generators of examples choke on it with a lookahead.
    symbols: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=4000,
            description="Symbols, separated by commas; 100 at most. Each may be of another kind: AAPL,EUR.USD,ESZ6.",
            examples=["AAPL,MSFT"],
            extra_json_schema={"pattern": f"^{_SPACED}(,{_SPACED}){{0,{MAX_SYMBOLS - 1}}}$"},
        ),
    ] = ""
    con_ids: Annotated[
        str,
        msgspec.Meta(
            pattern=whole(r"[0-9]{1,10}(,[0-9]{1,10}){0,99}"),
            description="IB's contract ids, separated by commas; with the symbols 100 at most.",
            examples=["265598,12087792"],
        ),
    ] = ""
    fields: FieldNames | None = None


# The pattern is only shown: `instrument_of` checks it, for all who name a symbol.
SymbolInPath = Annotated[
    str,
    msgspec.Meta(
        description="The symbol, or a contract id. A symbol with a slash cannot stand in a path; write EUR.USD, or take `/market/quotes`.",
        examples=["AAPL"],
        extra_json_schema={"pattern": whole(_SPACED.replace("/", ""))},
    ),
]


class _Symbol(msgspec.Struct, frozen=True):
    symbol: SymbolText


class _ContractIds(msgspec.Struct, frozen=True):
    con_ids: list[ContractId]


def instrument_of(symbol: str, query: InstrumentQuery) -> Instrument:
    """The instrument that a request names; raises InvalidRequest for a malformed symbol.

    With a contract id nothing else counts but an exchange: it says what is meant, and IB takes no contradictions.
    """
    checked = validated(_Symbol, lambda: msgspec.convert({"symbol": symbol.strip(" ")}, _Symbol)).symbol
    if query.con_id:
        return Instrument.of_id(query.con_id, (query.exchange or "").upper())
    return named(
        checked,
        exchange=query.exchange or "",
        currency=query.currency,
        sec_type=query.sec_type,
        primary_exchange=query.primary_exchange or "",
        expiry=query.expiry or "",
        strike=query.strike,
        right=query.right or "",
        multiplier=query.multiplier or "",
        trading_class=query.trading_class or "",
        local_symbol=query.local_symbol or "",
        legs=_legs_of(query),
    )


def _legs_of(query: InstrumentQuery) -> tuple[Leg, ...]:
    if not isinstance(query, CombinableQuery):
        if query.sec_type is SecType.BAG:
            raise InvalidRequest(
                "This is not to be had of a combination (BAG).", field="sec_type", remedy="Ask for its legs, each by con_id."
            )
        return ()
    legs = query.legs
    if legs is None:
        if query.sec_type is SecType.BAG:
            remedy = "legs: con_id:ratio:side, separated by commas, such as 265598:1:buy,272093:1:sell."
            raise InvalidRequest("A combination (BAG) needs its legs.", field="legs", remedy=remedy)
        return ()
    if query.sec_type not in {None, SecType.BAG}:
        raise InvalidRequest("Only a combination (BAG) has legs.", field="legs", remedy="Leave legs or sec_type out.")
    parts = [leg.upper().split(":") for leg in legs.split(",")]
    sides: dict[str, Literal["BUY", "SELL"]] = {"BUY": "BUY", "SELL": "SELL"}
    return tuple(
        Leg(con_id=int(con_id), ratio=int(ratio), side=sides[side], exchange=(*exchange, "SMART")[0])
        for con_id, ratio, side, *exchange in parts
    )


def named_instruments(symbols: Iterable[str], con_ids: Iterable[int], query: InstrumentQuery) -> dict[str, Instrument]:
    """Instruments by how their client names them: symbols, with what else is said of them, and contract ids, of which nothing else is.

    A contract id without a symbol names one as well. Raises InvalidRequest.
    """
    named = {symbol.strip(" ").upper(): instrument_of(symbol, query) for symbol in symbols}
    named |= {str(con_id): Instrument.of_id(con_id) for con_id in con_ids}
    if not named and query.con_id:
        named[str(query.con_id)] = instrument_of(str(query.con_id), query)
    if len(named) > MAX_SYMBOLS:
        raise InvalidRequest(f"{len(named)} symbols are more than {MAX_SYMBOLS}.", field="symbols")
    return named


def instruments_of(query: QuotesQuery) -> dict[str, Instrument]:
    """The instruments of a list of symbols and contract ids; raises InvalidRequest."""
    symbols = query.symbols.split(",") if query.symbols else []
    if len(symbols) > MAX_SYMBOLS:
        raise InvalidRequest(f"{len(symbols)} symbols are more than {MAX_SYMBOLS}.", field="symbols")
    given = query.con_ids.split(",") if query.con_ids else []
    con_ids = validated(_ContractIds, lambda: msgspec.convert({"con_ids": given}, _ContractIds, strict=False)).con_ids
    named = named_instruments(symbols, con_ids, query)
    if not named:
        remedy = "symbols=AAPL,EUR.USD or con_ids=265598, separated by commas."
        raise InvalidRequest("Neither symbols nor con_ids are given.", field="symbols", remedy=remedy)
    return named


AccountName = Annotated[
    str,
    msgspec.Meta(
        pattern=whole("[A-Za-z0-9]{1,20}"),
        description="One of the accounts that GET /accounts lists, up to 20 letters and digits; needed where there are several.",
    ),
]


ModelName = Annotated[str, msgspec.Meta(pattern=whole(r"[A-Za-z0-9 _.-]{1,60}"), description="A model of an adviser's, by its name.")]
GatewayName = Annotated[str, msgspec.Meta(min_length=1, max_length=16, description="One of several gateways, by name.")]
