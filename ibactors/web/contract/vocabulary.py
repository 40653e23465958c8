"""What members mean that mean the same nearly everywhere: `schemas.py` says it of each that its own type does not describe.

Where one of these means something else, the type says so itself. A word with several meanings, such as `code`, is not here.
"""

from collections.abc import Mapping
from types import MappingProxyType

KIND_OF_MESSAGE = "What kind of message this is."
MEANINGS: Mapping[str, str] = MappingProxyType({
    # instruments
    "symbol": "IB's symbol; of a derivative usually that of its underlying.",
    "con_id": "IB's contract id, which alone says what contract is meant.",
    "sec_type": "IB's kind of instrument, such as STK, OPT, FUT or CASH.",
    "exchange": "IB's name of the exchange, such as SMART or NYSE.",
    "primary_exchange": "IB's name of the exchange that lists it.",
    "currency": "Three letters, such as USD.",
    "expiry": "Last trade date or contract month, yyyymmdd or yyyymm.",
    "strike": "Strike price of an option.",
    "right": "C for a call, P for a put.",
    "multiplier": "What prices are multiplied by for the worth of one contract, as IB writes it.",
    "trading_class": "Tells derivatives of one underlying apart, such as SPX and SPXW.",
    "local_symbol": "The exchange's symbol, such as ESZ6.",
    "under_con_id": "IB's contract id of the underlying.",
    "legs": "The parts of a combination (BAG).",
    "ratio": "How many of it are in one combination.",
    # market data
    "bid": "The best price that is bid.",
    "ask": "The best price that is asked.",
    "bid_size": "How much is bid at the best price: shares, contracts or units.",
    "ask_size": "How much is asked at the best price: shares, contracts or units.",
    "symbols": "Symbols, as they are asked for.",
    "con_ids": "IB's contract ids, in place of symbols or besides them.",
    "market_data_type": "`live`, `frozen`, `delayed` or `delayed_frozen`; delayed data are 10 to 20 minutes old.",
    "rth": "Whether only regular trading hours count.",
    "bar": "How long a bar is, from `1s` to `1mo`.",
    "what": "What the data are made of: trades, midpoints, bids, …",
    "channel": "The channel of the stream.",
    "above_price": "Only what costs more, in its currency.",
    "below_price": "Only what costs less, in its currency.",
    "above_volume": "Only what was traded more, by IB's count of the day.",
    # options, as IB's model computes them
    "implied_volatility": "Annual, by IB's model; 0.3 is 30 percent.",
    "delta": "By how much the option's price changes when that of the underlying rises by 1.",
    "gamma": "By how much delta changes when the price of the underlying rises by 1.",
    "theta": "By how much the option's price changes per day.",
    "vega": "By how much the option's price changes when volatility rises by one percentage point.",
    "model_price": "What the option is worth by IB's model.",
    "underlying_price": "What the model takes for the price of the underlying.",
    # accounts
    "account": "The number of the account at IB.",
    "daily": "Profit and loss of the day, by IB's count.",
    "unrealized": "Profit and loss of what is still held.",
    "realized": "Profit and loss of what was closed, by IB's count.",
    "model": "A model of an adviser's, by its name.",
    # orders
    "order_id": "The service's id of the order.",
    "client_order_id": "The client's id of the order, made before the first attempt to place it.",
    "change_id": "The client's id of a change, repeated with each attempt to make it.",
    "side": "`buy` or `sell`.",
    "quantity": "In shares, contracts or units.",
    "cash_quantity": "An amount of the currency in place of a quantity, for CASH and CRYPTO: IB computes the quantity.",
    "limit_price": "The worst price to trade at; of a type without a limit a cap.",
    "stop_price": "The price that triggers the order; of a trailing stop where it begins.",
    "trail_amount": "How far a trailing stop stays behind the market, as a difference of prices.",
    "trail_percent": "How far a trailing stop stays behind the market, in percent of the price.",
    "limit_offset": "A difference of prices: by type between limit and stop, or from the price that the order follows.",
    "trigger_method": "IB's number of how a trigger is watched, 0 to 4, 7 or 8; 0 is IB's own choice.",
    "time_in_force": "How long it stays: `day`, `gtc`, `ioc`, `fok`, `opg`, or `gtd` until `good_till`.",
    "good_till": "When the order ends, for the time in force `gtd`.",
    "good_after": "From when on it works.",
    "algo": "One of IB's strategies that works the order.",
    "strategy": "IB's name of the strategy, such as Adaptive.",
    "params": "The strategy's parameters, by IB's names.",
    "conditions": "What must be so before the order is sent on, or cancelled: each is joined to the next by `join`.",
    "conditions_cancel_order": "Whether the conditions cancel the order, in place of sending it on.",
    "conditions_ignore_rth": "Whether the conditions count outside regular trading hours, too.",
    "oca": "The one-cancels-all group that it is in.",
    "extra": "Further fields of IB's Order, by IB's names.",
    "open_close": "What the leg does to a position: `open`, `close`, or `same` as the combination.",
    # answers
    "ib_code": "IB's number of the error or notice.",
    "hint": "What to do about it.",
    "next_page_token": "To be sent as `page_token` for the next page; null on the last one.",
    "epoch": "Counts sessions with the gateway.",
})  # fmt: skip
