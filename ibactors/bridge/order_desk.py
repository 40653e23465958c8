"""The order desk of one session: frames that wait to be sent, and whether each may be, in the very step in which it would leave.

A frame is not queued text but an object that asks once more: is this the session, the socket, the actor, the mode for which it was made;
is IB reachable; is trading not halted; is it not too late; does nothing wait in the socket's own buffer. A no takes it back for ever, and
the log says so. A frame is given to the socket at most once, and nobody makes a second one of it.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

from ibactors.bridge.answers import COMPLETED_ORDERS, OPEN_ORDERS
from ibactors.bridge.evidence_log import EvidenceLog
from ibactors.bridge.incoming import Inbox
from ibactors.bridge.pacing import MOST_OPENINGS
from ibactors.bridge.wire import GatewayClient
from ibactors.model.hours import zone_of
from ibactors.orders.evidence import Sent, SessionLost, Withdrawn, Written
from ibactors.orders.permits import Fence

_SOCKETS = itertools.count(1)


@dataclass(eq=False, slots=True, kw_only=True)
class OrderFrame:
    """What is to be written of one order, or at once of all members of a bracket, on its way to the socket."""

    order_ids: tuple[str, ...]
    fence: Fence
    messages: tuple[str, ...]
    """One for each; none where the socket is gone already."""
    why_not: Callable[[Fence], str | None]
    """Why it must not leave, now. Asked in the step of the write."""
    desk: "OrderDesk"

    def leave(self) -> tuple[str, ...]:
        """The messages, if they may be sent now; none when they were taken back instead. Either is noted in the same step."""
        return self.desk.leaving(self)


class OrderDesk:
    """What the keeper of the orders needs of one session; its methods return at once."""

    def __init__(self, client: GatewayClient, inbox: Inbox, client_id: int) -> None:
        self.client = client
        self._inbox = inbox
        self.client_id = client_id
        self.socket = next(_SOCKETS)
        self._over = False

    @property
    def log(self) -> EvidenceLog:
        """What the session tells of orders."""
        return self._inbox.orders

    @property
    def alive(self) -> bool:
        """Whether the socket stands."""
        return not self._over and self.client.isReady() and not self._inbox.lost.is_set()

    @property
    def closed(self) -> bool:
        """Whether its last word is in the log. A socket may be gone a moment before."""
        return self._over

    @property
    def connected(self) -> bool:
        """False from 1100 or 2110 on, while a probe is unanswered, and when the socket is gone."""
        state = self._inbox.connectivity
        return self.alive and state.lost is None and state.silent is None

    @property
    def buffer_empty(self) -> bool:
        """Whether a frame would leave in this step: what waits in the transport leaves at a time that nobody chose."""
        transport = self.client.conn.transport
        return transport is not None and not transport.is_closing() and transport.get_write_buffer_size() == 0

    @property
    def next_valid_id(self) -> int:
        """IB's next order id (message 9)."""
        return self.client.next_order_id

    @property
    def heard(self) -> float:
        """When the gateway was last heard, or a time before that (Unix seconds)."""
        return self._inbox.vigil.arrival

    @property
    def gateway_zone(self) -> str:
        """The IANA name of the gateway's zone; empty where it is not known, and then nothing is proved by a day's lists."""
        try:
            return zone_of(self.client.gateway_zone).key
        except ValueError:
            return ""

    @property
    def owes_an_end(self) -> bool:
        """Whether a list was given up in this session: its end may come yet, and pass for another's."""
        return self._inbox.requests.was_given_up(OPEN_ORDERS) or self._inbox.requests.was_given_up(COMPLETED_ORDERS)

    def put(self, frame: OrderFrame) -> None:
        """Queue a frame; it leaves once or is taken back, and the log says which."""
        ends = frame.fence.kind is Sent.CANCEL
        if not self.alive:
            self._take_back(frame, "session_changed")
        elif not ends and self.is_crowded(len(frame.messages)):
            self._take_back(frame, "queue_full")
        else:
            self.client.outbox.put_order(frame, ends=ends)

    def is_crowded(self, coming: int) -> bool:
        """Whether the last of *coming* messages of orders and changes would wait too long."""
        return self.client.outbox.openings + coming > MOST_OPENINGS

    @property
    def cancels(self) -> int:
        """Cancels that wait."""
        return self.client.outbox.endings

    def is_free_of(self, order_id: str) -> bool:
        """Whether nothing of one order waits here, nor is told and not yet taken in."""
        waits = any(isinstance(frame, OrderFrame) and order_id in frame.order_ids for frame in self.client.outbox.orders)
        return not waits and not self.log.tells_of(order_id)

    def withdraw(self, order_id: str, reason: str) -> bool:
        """Take back what waits to open or change one order, with the other members of its bracket; False when nothing did."""
        return self._withdraw(reason, lambda frame: order_id in frame.order_ids and frame.fence.kind is not Sent.CANCEL)

    def withdraw_openings(self, reason: str) -> bool:
        """Take back every waiting place and change; cancels go on."""
        return self._withdraw(reason, lambda frame: frame.fence.kind is not Sent.CANCEL)

    def withdraw_all(self, reason: str) -> bool:
        """Take back every waiting frame."""
        return self._withdraw(reason, lambda _frame: True)

    def _withdraw(self, reason: str, fits: Callable[[OrderFrame], bool]) -> bool:
        taken = self.client.outbox.take_orders(lambda waiting: isinstance(waiting, OrderFrame) and fits(waiting))
        for frame in taken:
            if isinstance(frame, OrderFrame):
                self._take_back(frame, reason)
        return bool(taken)

    def leaving(self, frame: OrderFrame) -> tuple[str, ...]:
        """See `OrderFrame.leave`."""
        why = frame.why_not(frame.fence) if frame.messages else "session_changed"
        if why is not None:
            self._take_back(frame, why)
            return ()
        for order_id in frame.order_ids:
            self.log.append(Written(at=time.time(), kind=frame.fence.kind, epoch=frame.fence.epoch), order_id=order_id)
        return frame.messages

    def _take_back(self, frame: OrderFrame, reason: str) -> None:
        for order_id in frame.order_ids:
            self.log.append(Withdrawn(at=time.time(), kind=frame.fence.kind, reason=reason), order_id=order_id)

    def lost(self, reason: str) -> None:
        """The session is over, or its data was lost (1101): what waits is taken back, and no answer comes any more."""
        self.withdraw_all("session_changed")
        self.log.append(SessionLost(at=time.time(), reason=reason))

    def close(self, reason: str) -> None:
        """The socket is gone."""
        self._over = True
        self.lost(reason)
