"""The short way: a request that has come before on its connection is answered from memory, in the step that reads it.

A client that keeps its connection sends the same few heads again and again. What the application recalls of one (`Memory`) is found by the
digest of its octets, so that nothing is parsed, routed or judged anew, and head and body leave in one write. Whatever has no answer here
takes the long way unread: h11, the gate, Quart.

- Digests are keyed with a secret of the process: the octets, with the client's key among them, are not kept.
- Each connection remembers its own heads, out of one stock for all (`Places`): no client can make another's be forgotten.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

from ibactors.web.contract.asgi import App, Memory, Recall
from ibactors.web.edge.heads import Ends, http_date, is_get, read_head
from ibactors.web.edge.scopes import http_scope

MOST_HEADS, FEWEST_HEADS = 256, 4
"""Heads that one connection remembers: while there are places, and when there are none."""
_SECRET = secrets.token_bytes(32)


class Places:
    """The stock of places for heads; what a connection takes of it is given back with the connection."""

    def __init__(self, free: int = 8192) -> None:
        self.free = free


class ShortWay:
    """Of one connection."""

    def __init__(self, app: Memory, ends: Ends, places: Places) -> None:
        self._app = app
        self._ends = ends
        self._places = places
        self._known: dict[bytes, Recall | None] = {}
        """By the digest of a head, the oldest first; None for what takes the long way."""

    def answer(self, head: bytes) -> bytes | None:
        """The response to the request of which *head* is all; None where the long way has it, with nothing counted yet."""
        if not is_get(head):
            return None
        digest = blake2b(head, digest_size=16, key=_SECRET).digest()
        recall = self._known.get(digest, _never)
        try:
            if recall is _never or recall is _once:
                recall = self._learn(digest, head)
            answer = None if recall is None else recall()
        except Exception:  # noqa: BLE001  # whatever it is, the long way meets it again and says it in full
            answer = None
        if answer is None:
            if self._known.get(digest) is not None:
                self._known[digest] = _once  # what it was remembered for may be over
            return None
        lines, body = answer
        return b"HTTP/1.1 200 \r\n%bdate: %b\r\n\r\n%b" % (lines, http_date(), body)

    def _learn(self, digest: bytes, head: bytes) -> Recall | None:
        """What answers *head*; kept when it comes again, as some clients send no head twice."""
        request = read_head(head)
        recall = None if request is None else self._app.recall(http_scope(request, self._ends))
        known, places = self._known, self._places
        if digest in known:
            known[digest] = recall
            return recall
        if len(known) < FEWEST_HEADS or (len(known) < MOST_HEADS and places.free > 0):
            places.free -= 1
        else:
            del known[next(iter(known))]
        known[digest] = recall and _once
        return recall

    @classmethod
    @contextmanager
    def of(cls, app: App, ends: Ends, places: Places) -> Iterator["ShortWay | None"]:
        """For a connection, as long as it lasts; None where *app* has no memory."""
        short_way = cls(app, ends, places) if isinstance(app, Memory) else None
        try:
            yield short_way
        finally:
            if short_way is not None:
                short_way.close()

    def close(self) -> None:
        """Forget all, and give back the places."""
        self._places.free += len(self._known)
        self._known.clear()


def _never() -> None:
    """Stands for a head that has not come yet."""


def _once() -> None:
    """Stands for one that has, and is to be looked at anew."""
