"""Encoders of account values, positions and profit."""

from ibactors.sim.market.instruments import Instrument
from ibactors.sim.wire.frames import frame


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


def adviser_data(kind: int, xml: str) -> bytes:
    """Encode receiveFA (16)."""
    return frame(16, 1, kind, xml)


def adviser_data_replaced(request_id: int) -> bytes:
    """Encode replaceFAEnd (103)."""
    return frame(103, request_id, "SUCCESS")


def _held_contract(i: Instrument) -> tuple[str | int, ...]:
    return (i.con_id, i.symbol, i.sec_type, i.last_trade_date, i.strike, i.right, i.multiplier)


def _position_contract(i: Instrument) -> tuple[str | int, ...]:
    # A recorded gateway leaves the exchange of a future empty and names a stock's primary one.
    exchange = i.primary_exchange if i.sec_type == "STK" else ""
    strike = i.strike if i.sec_type == "OPT" else "0.0"
    head = (i.con_id, i.symbol, i.sec_type, i.last_trade_date, strike, i.right, i.multiplier)
    return (*head, exchange, i.currency, i.local_symbol, i.trading_class)
