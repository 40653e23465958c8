"""What a session has told of orders, in the order in which it came, until whoever keeps the orders has it on disk.

Nothing is conflated and nothing is lost but with the session itself: a log that overflows ends it, and a reconciliation then says what is.
What the desk itself does (a frame written, a frame taken back) stands in the same log, between what came before and after it.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog
from msgspec.structs import replace

from ibactors.bridge.listener import Calls
from ibactors.bridge.order_evidence import COMMISSION, OPEN_ORDER, ORDER_STATUS, READERS
from ibactors.bridge.texts import shown
from ibactors.orders.evidence import ErrorSeen, Evidence, FromIb, UndecodedSeen
from ibactors.orders.tokens import tokens_in_frame

log = structlog.get_logger(__name__)

MOST = 100_000
MOST_OCTETS = 64 * 1024
"""Of a frame, as all are kept on disk; one of a combination with conditions has some 5,000."""
MOST_UNHEARD = 1_000
"""Entries that are kept while nobody listens: trading is off, or its actor has not begun."""
_LISTED = frozenset({OPEN_ORDER, ORDER_STATUS})


class Entry(NamedTuple):
    """One piece of evidence."""

    evidence: Evidence
    order_id: str | None = None
    """Whose it is, where the desk knows; None for what IB says, and for what is about all orders."""
    frame: bytes = b""


class EvidenceLog:
    """The log of one session."""

    def __init__(self, overflowed: Callable[[str], None]) -> None:
        self._overflowed = overflowed
        self._entries: deque[Entry] = deque()
        self._listener: Callable[[], None] | None = None
        self.epoch = 0
        """Of what is appended from now on; the first is known a moment after the first frames."""
        self.read_only: str | None = None
        """IB's words when the gateway's API is read-only: no order is sent, listed or cancelled there."""
        self.undecoded = False
        """A frame about orders could not be read, in this session: nothing is absent any more."""
        self.undecoded_tokens: set[str] = set()

    def __len__(self) -> int:
        return len(self._entries)

    def begin(self, epoch: int) -> None:
        """The session has its number; what came before it belongs to it as well."""
        if self.epoch == 0:
            self._entries = deque(entry._replace(evidence=_stamped(entry.evidence, epoch)) for entry in self._entries)
        self.epoch = epoch

    def listen(self, listener: Callable[[], None]) -> None:
        """Call *listener* in the step in which something is appended; it must not wait. The next one takes its place."""
        self._listener = listener
        if self._entries:
            listener()

    def peek(self, most: int) -> Sequence[Entry]:
        """The oldest entries. They stay until `done` says that they are on disk."""
        return [self._entries[position] for position in range(min(most, len(self._entries)))]

    def done(self, count: int) -> None:
        """Forget the oldest."""
        for _ in range(count):
            self._entries.popleft()

    def tells_of(self, order_id: str) -> bool:
        """Whether a note of the desk about an order waits to be taken in."""
        return any(entry.order_id == order_id for entry in self._entries)

    def append(self, evidence: Evidence, *, order_id: str | None = None, frame: bytes = b"") -> None:
        """Note something, now."""
        if self._listener is None and len(self._entries) >= MOST_UNHEARD:
            self._entries.popleft()
        elif len(self._entries) >= MOST:
            self._overflowed(f"{MOST} messages about orders wait to be written down.")
            return
        self._entries.append(Entry(_stamped(evidence, self.epoch), order_id, frame))
        if self._listener is not None:
            self._listener()

    def heard(self, fields: list[str], decode: Callable[[list[str]], Calls], *, listed: bool) -> None:
        """A frame about orders has come; *listed* while the answer to a list is on its way. Raises nothing."""
        at, frame = time.time(), "\0".join(fields).encode(errors="backslashreplace")
        try:
            if len(frame) > MOST_OCTETS:
                raise ValueError(f"it has {len(frame)} octets")
            seen = [READERS[method](at, *arguments) for method, arguments in decode(fields) if method in READERS]
            if len(seen) != 1:
                raise ValueError("it says nothing")
        except Exception as error:  # noqa: BLE001  # whatever IB has sent: it must not pass for nothing
            self._not_read(fields, frame, at, error)
            return
        evidence = seen[0]
        if isinstance(evidence, FromIb) and listed and fields[0] in _LISTED:
            evidence = replace(evidence, listed=True)
        self.append(evidence, frame=frame)

    def _not_read(self, fields: list[str], frame: bytes, at: float, error: Exception) -> None:
        log.warning("order_frame_undecodable", message_id=shown(fields[0]), fields=len(fields), error=shown(repr(error)))
        if fields[0] == COMMISSION:
            return  # it names no order, and the next list of executions brings it again
        tokens = tokens_in_frame(frame)
        self.undecoded = True
        self.undecoded_tokens |= tokens
        for token in tokens or {None}:
            self.append(UndecodedSeen(at=at, epoch=0, token=token), frame=frame[:MOST_OCTETS])

    def error(self, order_id: int, client_id: int, code: int, text: str) -> None:
        """Message 4 with a number of the orders' range."""
        self.append(ErrorSeen(at=time.time(), epoch=0, order_id=order_id, client_id=client_id, code=code, text=shown(text)))


def _stamped(evidence: Evidence, epoch: int) -> Evidence:
    """What IB says belongs to the session that it was said in; a note of the desk says so itself."""
    return replace(evidence, epoch=epoch) if isinstance(evidence, FromIb) else evidence
