"""Encoders of the answers about instruments: details, search, market rules, option parameters."""

from collections.abc import Sequence

from ibactors.sim.market.instruments import Instrument
from ibactors.sim.wire.frames import frame

CONTRACT_WITH_SIZES = 164
CONTRACT_WITH_SUGGESTED_SIZE = 163
SAMPLES_WITH_DESCRIPTION = 176


def contract_data(version: int, request_id: int, instrument: Instrument, *, exchange: str, hours: tuple[str, str]) -> bytes:
    """Encode contractData (10); below 164 it has a version field and mdSizeMultiplier and no sizes."""
    i = instrument
    old = version < CONTRACT_WITH_SIZES
    fields: list[str | int] = [10, 8, request_id] if old else [10, request_id]
    fields += [i.symbol, i.sec_type, i.expiry_text, i.strike, i.right, exchange, i.currency]
    fields += [i.local_symbol, i.market_name, i.trading_class, i.con_id, i.min_tick]
    if old:
        fields.append(100)
    fields += [i.multiplier, i.order_types, ",".join(i.exchanges), 1, i.under_con_id, i.long_name]
    fields += [i.primary_exchange, i.contract_month, i.industry, i.category, i.subcategory]
    fields += [i.time_zone, *hours, "", ""]
    fields += _numbers(i, "ISIN")
    fields += [i.agg_group, i.under_symbol, i.under_sec_type, i.market_rules]
    fields += [i.last_trade_date, i.stock_type]
    if not old:
        fields += [i.min_size, i.min_size, i.suggested_size]
    elif version >= CONTRACT_WITH_SUGGESTED_SIZE:
        fields.append(i.suggested_size)
    return frame(*fields)


def bond_contract_data(version: int, request_id: int, instrument: Instrument, *, exchange: str, hours: tuple[str, str]) -> bytes:
    """Encode bondContractData (18), which has no hours before server version 188; no symbol either, as recorded."""
    del hours
    i = instrument
    old = version < CONTRACT_WITH_SIZES
    fields: list[str | int] = [18, 6, request_id] if old else [18, request_id]
    fields += [i.symbol, i.sec_type, i.local_symbol, i.coupon, i.maturity, "", "", "", "", 0, 0, 0, i.long_name]
    fields += [exchange, i.currency, i.market_name, i.trading_class, i.con_id, i.min_tick]
    if old:
        fields.append(100)
    fields += [i.order_types, ",".join(i.exchanges), "", "", 0, "", "", "", ""]
    fields += _numbers(i, "ISIN", "CUSIP")
    fields += [i.agg_group, i.market_rules]
    if not old:
        fields += [i.min_size, "1", "1"]
    return frame(*fields)


def contract_data_end(request_id: int) -> bytes:
    """Encode contractDataEnd (52)."""
    return frame(52, 1, request_id)


def symbol_samples(version: int, request_id: int, rows: Sequence[tuple[Instrument, Sequence[str]]]) -> bytes:
    """Encode symbolSamples (79): instruments and the types of their derivatives; the issuer of bonds has no id and no symbol."""
    fields: list[str | int] = [79, request_id, len(rows)]
    for i, derivatives in rows:
        if i.issuer:
            fields += [-1, "", i.sec_type, "", "", 0]
        else:
            fields += [i.con_id, i.symbol, i.sec_type, i.primary_exchange, i.currency, len(derivatives), *derivatives]
        if version >= SAMPLES_WITH_DESCRIPTION:
            fields += [i.trading_class if i.issuer else i.long_name, i.issuer]
    return frame(*fields)


def market_rule(rule: int, increments: Sequence[tuple[str, str]]) -> bytes:
    """Encode marketRule (93): low edges and the price increment from there on."""
    return frame(93, rule, len(increments), *(x for pair in increments for x in pair))


def option_parameters(
    request_id: int,
    exchange: str,
    under_con_id: int,
    trading_class: str,
    multiplier: str,
    expirations: Sequence[str],
    strikes: Sequence[str],
) -> bytes:
    """Encode secDefOptParam (75)."""
    head = (75, request_id, exchange, under_con_id, trading_class, multiplier)
    return frame(*head, len(expirations), *expirations, len(strikes), *strikes)


def option_parameters_end(request_id: int) -> bytes:
    """Encode secDefOptParamEnd (76)."""
    return frame(76, request_id)


def _numbers(i: Instrument, *kinds: str) -> list[str | int]:
    known = [(kind, i.numbers[kind]) for kind in kinds if kind in i.numbers]
    return [len(known), *(x for pair in known for x in pair)]
