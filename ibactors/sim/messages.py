"""Encoders of the answers that are not market data ticks: one function a message, fields in wire order.

Layouts are those of server versions 157 to 178; a parameter `version` marks the messages that differ
between them. The literal after the message id is the version field a real gateway sends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibactors.sim.wire import frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibactors.sim.instruments import Instrument

ERROR_WITH_JSON = 166
CONTRACT_WITH_SIZES = 164
CONTRACT_WITH_SUGGESTED_SIZE = 163
SAMPLES_WITH_DESCRIPTION = 176


def error(version: int, request_id: int, code: int, text: str) -> bytes:
    """Encode errMsg (4); the advanced reject JSON is empty, it must be JSON or nothing."""
    if version >= ERROR_WITH_JSON:
        return frame(4, 2, request_id, code, text, "")
    return frame(4, 2, request_id, code, text)


def next_valid_id(order_id: int) -> bytes:
    """Encode nextValidId (9)."""
    return frame(9, 1, order_id)


def managed_accounts(accounts: Sequence[str]) -> bytes:
    """Encode managedAccts (15)."""
    return frame(15, 1, ",".join(accounts))


def current_time(epoch_s: int) -> bytes:
    """Encode currentTime (49)."""
    return frame(49, 1, epoch_s)


def user_info(request_id: int) -> bytes:
    """Encode userInfo (107) without a white branding id."""
    return frame(107, request_id, "")


def account_value(key: str, value: str, currency: str, account: str) -> bytes:
    """Encode acctValue (6)."""
    return frame(6, 2, key, value, currency, account)


def portfolio_value(
    instrument: Instrument,
    *,
    position: str,
    price: str,
    value: str,
    cost: str,
    unrealized: str,
    realized: str,
    account: str,
) -> bytes:
    """Encode portfolioValue (7); it carries the primary exchange where a position (61) has the exchange."""
    return frame(
        7,
        8,
        *_held_contract(instrument),
        instrument.primary_exchange,
        instrument.currency,
        instrument.local_symbol,
        instrument.trading_class,
        position,
        price,
        value,
        cost,
        unrealized,
        realized,
        account,
    )


def account_time(clock: str) -> bytes:
    """Encode acctUpdateTime (8), `HH:MM`."""
    return frame(8, 1, clock)


def account_download_end(account: str) -> bytes:
    """Encode acctDownloadEnd (54)."""
    return frame(54, 1, account)


def position(instrument: Instrument, *, account: str, size: str, cost: str) -> bytes:
    """Encode position (61)."""
    return frame(61, 3, account, *_position_contract(instrument), size, cost)


def position_end() -> bytes:
    """Encode positionEnd (62)."""
    return frame(62, 1)


def position_multi(request_id: int, instrument: Instrument, *, account: str, size: str, cost: str, model: str) -> bytes:
    """Encode positionMulti (71)."""
    contract = _position_contract(instrument)
    return frame(71, 3, request_id, account, *contract, size, cost, model)


def position_multi_end(request_id: int) -> bytes:
    """Encode positionMultiEnd (72)."""
    return frame(72, 1, request_id)


def account_summary(request_id: int, account: str, tag: str, value: str, currency: str) -> bytes:
    """Encode accountSummary (63)."""
    return frame(63, 1, request_id, account, tag, value, currency)


def account_summary_end(request_id: int) -> bytes:
    """Encode accountSummaryEnd (64)."""
    return frame(64, 1, request_id)


def account_update_multi(request_id: int, account: str, model: str, key: str, value: str, currency: str) -> bytes:
    """Encode accountUpdateMulti (73)."""
    return frame(73, 1, request_id, account, model, key, value, currency)


def account_update_multi_end(request_id: int) -> bytes:
    """Encode accountUpdateMultiEnd (74)."""
    return frame(74, 1, request_id)


def pnl(request_id: int, daily: str, unrealized: str, realized: str) -> bytes:
    """Encode pnl (94)."""
    return frame(94, request_id, daily, unrealized, realized)


def pnl_single(request_id: int, size: str, daily: str, unrealized: str, realized: str, value: str) -> bytes:
    """Encode pnlSingle (95)."""
    return frame(95, request_id, size, daily, unrealized, realized, value)


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
    fields += [1, "ISIN", i.isin] if i.isin else [0]
    fields += [i.agg_group, i.under_symbol, i.under_sec_type, i.market_rules]
    fields += [i.last_trade_date, i.stock_type]
    if not old:
        fields += [i.min_size, i.min_size, i.suggested_size]
    elif version >= CONTRACT_WITH_SUGGESTED_SIZE:
        fields.append(i.suggested_size)
    return frame(*fields)


def contract_data_end(request_id: int) -> bytes:
    """Encode contractDataEnd (52)."""
    return frame(52, 1, request_id)


def symbol_samples(version: int, request_id: int, instruments: Sequence[Instrument]) -> bytes:
    """Encode symbolSamples (79)."""
    fields: list[str | int] = [79, request_id, len(instruments)]
    for i in instruments:
        derivatives = ("OPT",) if i.has_options else ()
        fields += [i.con_id, i.symbol, i.sec_type, i.primary_exchange, i.currency]
        fields += [len(derivatives), *derivatives]
        if version >= SAMPLES_WITH_DESCRIPTION:
            fields += [i.long_name, ""]
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


def open_order_end() -> bytes:
    """Encode openOrderEnd (53)."""
    return frame(53, 1)


def executions_end(request_id: int) -> bytes:
    """Encode execDetailsEnd (55)."""
    return frame(55, 1, request_id)


def completed_orders_end() -> bytes:
    """Encode completedOrdersEnd (102), the one end marker without a version field."""
    return frame(102)


def snapshot_end(request_id: int) -> bytes:
    """Encode tickSnapshotEnd (57)."""
    return frame(57, 1, request_id)


def news_bulletin(number: int, text: str) -> bytes:
    """Encode newsBulletin (14) of the regular kind."""
    return frame(14, 1, number, 1, text, "SMART")


def market_data_type(request_id: int, kind: int) -> bytes:
    """Encode marketDataType (58): 1 live, 2 frozen, 3 delayed, 4 delayed frozen."""
    return frame(58, 1, request_id, kind)


def no_quote(request_id: int, tick_type: int) -> bytes:
    """Encode tickPrice (1) of a bid or ask that there is none of."""
    return frame(1, 6, request_id, tick_type, "-1.00", 0, 0)


def tick_parameters(request_id: int, min_tick: str, exchange_map: str) -> bytes:
    """Encode tickReqParams (81); 3 means that every kind of snapshot is permitted."""
    return frame(81, request_id, min_tick, exchange_map, 3)


def _held_contract(i: Instrument) -> tuple[str | int, ...]:
    return (i.con_id, i.symbol, i.sec_type, i.last_trade_date, i.strike, i.right, i.multiplier)


def _position_contract(i: Instrument) -> tuple[str | int, ...]:
    # A recorded gateway leaves the exchange of a future empty and names a stock's primary one.
    exchange = i.primary_exchange if i.sec_type == "STK" else ""
    strike = i.strike if i.sec_type == "OPT" else "0.0"
    head = (i.con_id, i.symbol, i.sec_type, i.last_trade_date, strike, i.right, i.multiplier)
    return (*head, exchange, i.currency, i.local_symbol, i.trading_class)
