"""Bars while they come into being: five-second bars when they are over, and bars of other sizes that IB keeps up to date.

A bar that is kept up to date is sent again as it grows; that it is over shows when the next one begins. What of the past comes with the
answer is not used: the library of histories has it, and fills what is missing.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from ib_async.contract import Contract

from ibactors.bridge import history
from ibactors.bridge.codes import Verdict
from ibactors.bridge.history import Read, bar_fields, read_bars, what_to_show
from ibactors.bridge.subscriptions import FedSubscription, SubscriptionListener
from ibactors.bridge.wire import GatewayClient
from ibactors.errors import Doubtful, IbactorsError
from ibactors.model.bars import What
from ibactors.model.instruments import ContractInfo, Instrument

REAL_TIME = 5
"""Seconds of the only size that comes as real-time bars."""
_DAY, _WEEK = 86_400, 7 * 86_400
_ANSWER, _UPDATE, _REAL_TIME_BAR = "17", "90", "50"
_ENDED = frozenset({10182, 10225})
"""IB does not keep it up to date any more, until it is asked again."""


@dataclass(frozen=True, slots=True)
class ArrivedBar:
    """A bar, and the Unix time of its arrival."""

    read: Read
    arrived: float
    updated: bool
    """Whether it came as an update, or with the answer, after which the next may be of a later bar already."""


class BarListener(SubscriptionListener, Protocol):
    """Who hears of live bars; each method returns at once."""

    def told(self, value: ArrivedBar) -> None:
        """A bar as it is now."""


class BarLine(FedSubscription[BarListener]):
    """One subscription (messages 20, 17, 90 and 25; of five seconds 50 and 51)."""

    kind: ClassVar[str] = "bars"
    what: ClassVar[str] = "a bar"

    def __init__(
        self,
        contract: ContractInfo,
        listener: BarListener,
        *,
        seconds: int,
        text: str,
        of: What,
        rth: bool,
        origin: Instrument | None,
        proven: bool = False,
        caller: str = "",
    ) -> None:
        super().__init__(origin, listener, proven=proven, caller=caller)
        self._contract = Contract(
            conId=contract.con_id,
            symbol=contract.symbol,
            secType=contract.sec_type,
            exchange=contract.exchange,
            currency=contract.currency,
        )
        self._seconds = seconds
        self._text = text
        """IB's name of the size."""
        self._of = what_to_show(contract, of)
        self._rth = rth
        self._new: dict[int, tuple[Read, bool]] = {}

    def request(self, client: GatewayClient, request_id: int) -> None:
        of, rth = self._of, int(self._rth)
        if self._seconds == REAL_TIME:
            client.reqRealTimeBars(request_id, self._contract, REAL_TIME, of, self._rth, [])
        else:
            client.reqHistoricalData(request_id, self._contract, "", self._duration, self._text, of, rth, 2, True, "")  # noqa: FBT003

    @property
    def _duration(self) -> str:
        """As little as brings the present bar, or the last one before it."""
        if self._seconds >= _WEEK:
            return "3 M"
        return "2 D" if self._seconds >= _DAY else f"{max(2 * self._seconds, 60)} S"

    def cancel(self, client: GatewayClient, request_id: int) -> None:
        if self._seconds == REAL_TIME:
            client.cancelRealTimeBars(request_id)
        else:
            client.cancelHistoricalData(request_id)

    def judge(self, code: int, text: str) -> IbactorsError | Verdict:
        if code in _ENDED:
            return Doubtful(f"IB answered {code}: {text.strip()}", ib_code=code)
        return history.judge(code, text)

    def take(self, fields: list[str]) -> None:
        if fields[0] == _ANSWER:
            rows = bar_fields(fields)
            self._note(read_bars(rows[-8:]), updated=False)
        elif fields[0] == _UPDATE:
            # Another order than that of the answer: close before high and low, the average before the volume.
            at, opened, closed, high, low, average, volume = fields[3:10]
            self._note(read_bars([at, opened, high, low, closed, volume, average, fields[2]]))
        else:
            self._note(read_bars(fields[3:11]))

    def _note(self, bars: list[Read], *, updated: bool = True) -> None:
        self._new |= {bar[0]: (bar, updated) for bar in bars}

    def forget(self) -> None:
        self._new.clear()

    def packet_done(self, arrived: float) -> None:
        self._served = True
        new, self._new = self._new, {}
        for at in sorted(new):
            read, updated = new[at]
            self.listener.told(ArrivedBar(read, arrived, updated))
