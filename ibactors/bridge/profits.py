"""Profit and loss as IB computes it, of an account or of one position: a subscription that sends all its figures with each change.

Unlike the summary and the portfolio, IB serves it for any account of the login at the same time.
"""

from typing import ClassVar, Protocol

from ibactors.bridge.contracts import float_or_none
from ibactors.bridge.subscriptions import FedSubscription, SubscriptionListener
from ibactors.bridge.wire import GatewayClient
from ibactors.model.accounts import Profit, ProfitKey
from ibactors.model.instruments import Instrument
from ibactors.model.times import rfc3339

_OF_ACCOUNT = ("daily", "unrealized", "realized")
"""The figures of message 94, in order; gateways before version 135 leave out the last, before 127 the last two."""
_OF_POSITION = ("position", *_OF_ACCOUNT, "value")
"""Those of message 95."""


class ProfitListener(SubscriptionListener, Protocol):
    """Who hears of a profit line; each method returns at once."""

    def told(self, profit: Profit) -> None:
        """IB has sent the figures, for the first time or because one of them has changed."""


class ProfitLine(FedSubscription[ProfitListener]):
    """One subscription (messages 92 and 94, or 94 and 95 for a position)."""

    kind: ClassVar[str] = "profits"
    what: ClassVar[str] = "profit and loss"
    is_market_data: ClassVar[bool] = False

    def __init__(self, key: ProfitKey, instrument: Instrument | None, listener: ProfitListener) -> None:
        super().__init__(instrument, listener)
        self._key = key
        self._figures: dict[str, float | None] | None = None

    def request(self, client: GatewayClient, request_id: int) -> None:
        if self._key.con_id:
            client.reqPnLSingle(request_id, self._key.account, self._key.model, self._key.con_id)
        else:
            client.reqPnL(request_id, self._key.account, self._key.model)

    def cancel(self, client: GatewayClient, request_id: int) -> None:
        if self._key.con_id:
            client.cancelPnLSingle(request_id)
        else:
            client.cancelPnL(request_id)

    def take(self, fields: list[str]) -> None:
        names = _OF_POSITION if self._key.con_id else _OF_ACCOUNT
        self._figures = {name: _figure(text) for name, text in zip(names, fields[2:], strict=False)}

    def forget(self) -> None:
        self._figures = None

    def packet_done(self, arrived: float) -> None:
        self._served = True
        if self._figures is not None:
            figures, self._figures = self._figures, None
            self.listener.told(Profit(timestamp=rfc3339(arrived), **figures))


def _figure(text: str) -> float | None:
    """None where there is none yet, such as the realized profit before the first trade: an empty text, or DBL_MAX."""
    return float_or_none(float(text)) if text else None
