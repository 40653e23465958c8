"""The audit of trading: one line for each action on an order, with its id, its terms and whoever had it done.

Lines go to the logger `ibactors.audit`, in the same pipe as all others, where account numbers are masked.
"""

import structlog

from ibactors.orders.order import Order

audit = structlog.get_logger("ibactors.audit")

_TERMS = ("side", "quantity", "cash_quantity", "type", "limit_price", "stop_price", "trail_amount", "trail_percent", "limit_offset")


def acted(action: str, by: str, order: Order, **more: object) -> None:
    """Something was done with an order."""
    terms = {name: str(value) for name in _TERMS if (value := getattr(order.terms, name)) is not None}
    audit.info(
        action,
        by=by,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        account=order.account,
        symbol=order.terms.symbol,
        con_id=order.terms.con_id,
        time_in_force=str(order.terms.time_in_force),
        ib_order_id=order.ib_order_id,
        **terms,
        **more,
    )


def governed(action: str, by: str, **more: object) -> None:
    """Something was done about trading as a whole."""
    audit.warning(action, by=by, **more)
