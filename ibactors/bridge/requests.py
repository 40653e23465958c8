"""Requests to the gateway that are answered by rows and an end, or by an error.

What one kind of request sends, collects and makes of IB's errors is a `RequestSpec`: data, made by whoever asks. `Requests` has those in
flight of one session. A request ends exactly once: by its last message, by an error, by a message that cannot be read, by the loss of the
session, or when nobody waits for it any more. Rows never vanish: whoever gets an answer gets all of it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import structlog
import trio

from ibactors.bridge import codes
from ibactors.bridge.answers import Answer, Key
from ibactors.bridge.codes import Verdict
from ibactors.bridge.listener import Calls
from ibactors.bridge.texts import shown
from ibactors.bridge.wire import GatewayClient
from ibactors.errors import GatewayRefused, IbactorsError

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSpec(Generic[T]):
    """One request: how it is sent, what its rows are, what ends it besides its last message."""

    to: str
    """What the gateway is asked to do, to complete "The gateway did not …": `describe AAPL`."""
    kind: str
    """Kinds of request take turns on the way to the gateway."""
    send: Callable[[GatewayClient, int], None]
    """Send it under the given id."""
    rows: Mapping[str, Callable[..., T]] = field(default_factory=dict)
    """What becomes a row, by the method of EWrapper that ib_async's decoder calls for it, and how, from the method's arguments."""
    raw: Callable[[list[str]], T] | None = None
    """What becomes a row in place of that, from a message's fields as they came: for answers so long that nothing may be made of them in
    the step that has read them."""
    cancel: Callable[[GatewayClient, int], None] | None = None
    """Take it back at the gateway; None where IB knows no way."""
    caller: str = ""
    """For whom: callers take turns within a kind. Empty for what the service asks of itself."""
    name: str | None = None
    """For a request whose answers carry no id (`answers.py`). One of a name is in flight at a time; whoever asks meanwhile shares it."""
    single: bool = False
    """Whether its first row is all of it, though the gateway would go on; then it is cancelled."""
    goes_on: bool = False
    """Whether the gateway goes on after the last message of the answer; then it is cancelled."""
    most_rows: int = 100_000
    """With more the request fails; nothing may fill the memory, whatever a peer sends."""
    too_many: type[IbactorsError] = GatewayRefused
    """As what it fails then."""
    timeout: float | None = None
    """Seconds that the answer may take; None for what the settings say."""
    judge: Callable[[int, str], IbactorsError | Verdict] = codes.judge
    """What an error of IB's, by code and text, means to it: its failure, its end, or nothing."""


def only(spec: RequestSpec[T], rows: tuple[T, ...]) -> T:
    """The one row of an answer. Raises GatewayRefused where it has none, or several: it is an answer to another question."""
    if len(rows) != 1:
        raise GatewayRefused(f"The gateway was asked to {spec.to} and gave an answer that cannot be read.")
    return rows[0]


class Request:
    """One request in flight and its waiting callers."""

    def __init__(self, spec: RequestSpec[Any], request_id: int, *, owed: int) -> None:
        self.spec = spec
        self.id = request_id
        self.key: Key = spec.name or request_id
        self.owed_before = owed
        self.waiting = 0
        self.rows: list[Any] = []
        self.error: IbactorsError | None = None
        self.ended = trio.Event()
        self.is_over_there = False
        """Whether the gateway is done with it; if not, it is cancelled when nobody waits any more."""


class Requests:
    """Those of one session that are in flight, by id or name."""

    def __init__(self) -> None:
        self._open: dict[Key, Request] = {}
        self._owed: Counter[Key] = Counter()
        """How many answers the gateway owes to requests of a name that were given up; they come before any other, and are nobody's."""
        self._given_up: set[Key] = set()

    @contextmanager
    def opened(self, client: GatewayClient, spec: RequestSpec[Any]) -> Iterator[Request]:
        """Send it, or share the one of its name; on leaving the block it is given up, if it has not ended and nobody else waits for it."""
        request = self._open.get(spec.name) if spec.name else None
        if request is None:
            request = self._send(client, spec)
        request.waiting += 1
        try:
            yield request
        finally:
            request.waiting -= 1
            if not request.waiting:
                self._give_up(client, request)

    def _send(self, client: GatewayClient, spec: RequestSpec[Any]) -> Request:
        request_id = client.getReqId()
        request = Request(spec, request_id, owed=self._owed[spec.name] if spec.name else 0)
        with client.sending(spec.kind, caller=spec.caller, key=request_id):
            spec.send(client, request_id)
        self._open[request.key] = request
        return request

    def _give_up(self, client: GatewayClient, request: Request) -> None:
        self._forget(request)
        if request.is_over_there or not client.isReady() or client.outbox.withdraw(request.id):
            return
        if request.spec.cancel is not None:
            with client.sending(request.spec.kind, urgent=True):
                request.spec.cancel(client, request.id)
        elif request.spec.name and self._owed[request.key] == request.owed_before:
            self._given_up.add(request.key)
            # Its answer may still come, and would pass for that of the next one. But if one came for an earlier request while this one
            # waited its whole time in vain, then the gateway has lost one of the two, and the next one is not to wait in vain as well.
            self._owed[request.key] += 1

    def is_open(self, name: Key) -> bool:
        """Whether one of the name is in flight."""
        return name in self._open

    def was_given_up(self, name: Key) -> bool:
        """Whether one of the name was given up, ever: the answer to it may be taken for a later one's."""
        return name in self._given_up

    def heard(self, answer: Answer, fields: list[str], decode: Callable[[list[str]], Calls]) -> None:
        """A message that answers a request has come. Raises ValueError or IndexError when it does not tell which."""
        for key in answer.keys(fields):
            if self._owed[key]:
                self._owed[key] -= answer.is_last(fields)
                return
            if request := self._open.get(key):
                self._take(request, answer, fields, decode)
                return

    def _take(self, request: Request, answer: Answer, fields: list[str], decode: Callable[[list[str]], Calls]) -> None:
        convert, is_last = request.spec.rows, answer.is_last(fields)
        try:
            if request.spec.raw is not None:
                request.rows.append(request.spec.raw(fields))
            else:
                request.rows += [convert[method](*arguments) for method, arguments in decode(fields) if method in convert]
        except Exception as exc:  # noqa: BLE001  # whatever the gateway has sent: without it the answer would pass for the whole one
            log.warning("answer_unreadable", message_id=fields[0], fields=len(fields), error=shown(repr(exc)))
            error = GatewayRefused(f"The gateway was asked to {request.spec.to} and gave an answer that cannot be read.")
            self._end(request, error, over_there=is_last)
        else:
            if len(request.rows) > request.spec.most_rows:
                text = f"The gateway was asked to {request.spec.to}, and more than {request.spec.most_rows} came."
                self._end(request, request.spec.too_many(text), over_there=is_last)
            elif is_last or (request.spec.single and request.rows):
                self._end(request, over_there=is_last and not request.spec.goes_on)

    def failed(self, request_id: int, code: int, text: str, trouble: str | None) -> bool:
        """IB sent an error; tells whether it belongs to a request. While there is *trouble* it is not believed."""
        request = self._open.get(request_id)
        if request is None:
            return False
        verdict = request.spec.judge(code, text)
        if verdict is Verdict.END:
            self._end(request, over_there=True)
        elif verdict is not Verdict.NOTICE:
            self._end(request, codes.doubted(verdict, trouble) if trouble else verdict, over_there=True)
        return True

    def end_all(self, error: IbactorsError) -> None:
        """None of them will be answered as it should."""
        for request in tuple(self._open.values()):
            self._end(request, error)

    def _end(self, request: Request, error: IbactorsError | None = None, *, over_there: bool = False) -> None:
        """The only place where one ends; from here on nobody joins it and no message finds it."""
        self._forget(request)
        request.error = error
        request.is_over_there = over_there
        request.ended.set()

    def _forget(self, request: Request) -> None:
        if self._open.get(request.key) is request:
            del self._open[request.key]
