"""Ticks one by one: a subscription to trades, quotes or midpoints, each of which is told by itself (messages 97 to 99)."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from ibactors.bridge import codes
from ibactors.bridge.codes import Verdict
from ibactors.bridge.contracts import price_of, to_ib
from ibactors.bridge.quote_line import described, number_or_none
from ibactors.bridge.subscriptions import FedSubscription, SubscriptionListener
from ibactors.bridge.texts import LONGEST_NAME, shown
from ibactors.bridge.wire import GatewayClient
from ibactors.errors import GatewayRefused, IbactorsError, MarketDataNotSubscribed, TicksLimit
from ibactors.model.instruments import ContractInfo, Instrument
from ibactors.model.ticks import LiveKind
from ibactors.model.times import rfc3339

RawTick = Mapping[str, Any]
"""The members of a `LiveTick` that IB knows."""
_LIMIT, _FAILED = 10190, 10189
_LAST_SECOND = 253402300799


class TickListener(SubscriptionListener, Protocol):
    """Who hears of ticks; each method returns at once."""

    def ticked(self, ticks: Sequence[RawTick]) -> None:
        """One packet has brought them, in this order."""


class TickLine(FedSubscription[TickListener]):
    """One subscription to the ticks of a kind."""

    kind: ClassVar[str] = "ticks"
    what: ClassVar[str] = "a tick"

    def __init__(
        self,
        instrument: Instrument,
        contract: ContractInfo,
        of: LiveKind,
        listener: TickListener,
        *,
        proven: bool = False,
        caller: str = "",
    ) -> None:
        self._instrument = described(instrument, contract, instrument.exchange or contract.exchange)
        super().__init__(self._instrument, listener, proven=proven, caller=caller)
        self._of = of
        self._ticks: list[RawTick] = []

    def request(self, client: GatewayClient, request_id: int) -> None:
        client.reqTickByTickData(request_id, to_ib(self._instrument), self._of.ib_name, 0, False)  # noqa: FBT003

    def cancel(self, client: GatewayClient, request_id: int) -> None:
        client.cancelTickByTickData(request_id)

    def judge(self, code: int, text: str) -> IbactorsError | Verdict:
        failed = MarketDataNotSubscribed if "permission" in text.lower() else GatewayRefused
        return codes.judge(code, text, {_LIMIT: TicksLimit, _FAILED: failed})

    def take(self, fields: list[str]) -> None:
        self._ticks.append(_read(fields))

    def forget(self) -> None:
        """Ticks that have come are true, whatever comes after them; nothing is forgotten."""

    def interrupt(self, error: IbactorsError) -> None:
        self._flush()  # they came before the break
        super().interrupt(error)

    def packet_done(self, arrived: float) -> None:
        self._served = True
        self._flush(arrived)

    def _flush(self, arrived: float | None = None) -> None:
        ticks, self._ticks = self._ticks, []
        if ticks:
            timestamp = rfc3339(time.time() if arrived is None else arrived)
            self.listener.ticked([{**tick, "timestamp": timestamp} for tick in ticks])


def _read(fields: Sequence[str]) -> dict[str, Any]:
    kind, second = int(fields[2]), int(fields[3])
    if not 0 < second <= _LAST_SECOND:
        raise ValueError(f"{second} is no time")
    t = rfc3339(second)
    if kind in {1, 2}:
        mask = int(fields[6])
        return {
            "t": t,
            "price": price_of(fields[4]),
            "size": number_or_none(float(fields[5])),
            "exchange": shown(fields[7], LONGEST_NAME),
            "conditions": shown(fields[8], LONGEST_NAME).strip(),
            "past_limit": bool(mask & 1),
            "unreported": bool(mask & 2),
        }
    if kind == 3:  # noqa: PLR2004
        mask = int(fields[8])
        return {
            "t": t,
            "bid": price_of(fields[4]),
            "ask": price_of(fields[5]),
            "bid_size": number_or_none(float(fields[6])),
            "ask_size": number_or_none(float(fields[7])),
            "bid_past_low": bool(mask & 1),
            "ask_past_high": bool(mask & 2),
        }
    if kind == 4:  # noqa: PLR2004
        return {"t": t, "price": price_of(fields[4])}
    raise ValueError(f"{kind} is no kind of tick")
