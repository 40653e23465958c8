"""The sending side of one client of /ws/stream: one place a symbol, and what is new there written as soon as the socket takes it.

A reader that is slow gets the newest quote and skips the rest, never delays anybody and never grows memory: a newer value takes the place
of an unsent one. All that is new for a client leaves in one write, as frames that were made once for all clients. The `Fanout` has all
clients write in turn, as long as sockets take what they are given; a client whose socket is full, or that wants its quotes at intervals, is
served by a task of its own until there is nothing left to wait for.
"""

import math
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import accumulate
from typing import Any, Never, NoReturn

import trio

from ibactors.actors.symbol import Failed
from ibactors.kernel.topic import Topic
from ibactors.model.encoded import Encoded, text_frame
from ibactors.web.contract.asgi import Wire
from ibactors.web.contract.messages import Message
from ibactors.web.fanout import Fanout, News, Subject
from ibactors.web.meters import Meters
from ibactors.web.newest import Newest
from ibactors.web.stream.slot import Backlog, Entry, Slot, is_due, note_sent, said, voids

CHUNK = 32 * 1024
"""Octets, about, that are written at once; a batch is no longer than that, so that little of it is old when a slow reader gets it."""
PING = b"\x89\x00"
PING_INTERVAL = 20.0
"""Seconds between two pings; below the idle timeouts of proxies, 30 to 60 s."""
DEAD_AFTER = 100.0
"""Seconds without a word from a client, so without an answer to five pings, after which it is taken for gone."""


_Message = Encoded[object]
_Item = _Message | Failed | Backlog | None


class Sender:
    """What is on its way to one client."""

    def __init__(self, meters: Meters, wire: Wire, fanout: Fanout, *, batch: bool) -> None:
        self.wanted: dict[Subject, Hashable] = {}
        """What the fan-out has news of for this client, with its `Slot`."""
        self._meters = meters
        self._wire = wire
        self._fanout = fanout
        self._batch = batch
        self._outbox: Newest[Hashable, _Item] = Newest(on_skip=meters.skipped, on_filled=self._filled)
        self._held: dict[Slot, _Message] = {}
        self._answers = 0
        self._unsent_answers = 0
        self._answered = trio.Event()
        self._awaited = False
        """Whether somebody, fan-out or own task, is going to look at the outbox anyway. While it is false, whatever fills the outbox must
        call: a value that nobody looks for is sent with the next one, or never."""
        self._called = trio.Event()
        """Set to have the own task look."""
        self._looks_at = math.inf
        """When the own task looks without being called."""
        self._error: Exception | None = None
        self.nursery: trio.Nursery | None = None
        """Its client's, where what feeds it runs."""
        self.put = self._outbox.put
        """Take a value of a key, usually a `Slot`, in place of an unsent older one."""

    def follow(self, topic: Topic[Any], slot: Hashable) -> AbstractContextManager[object]:
        """Send each new value of *topic* inside the block."""
        # What is wanted at intervals may have to be held back, and changes depend on what this client has: both go through the outbox, and
        # not straight out with the news.
        # The fan-out has one slot for a subject and client; a second name of an instrument goes through the outbox as well.
        if isinstance(slot, Slot) and (slot.interval or slot.change is not None or topic in self.wanted):
            return topic.listening(partial(self.put, slot))
        return self._fanout.listening(topic, self, slot)

    def answer(self, message: Message) -> None:
        """Take a message that no other replaces."""
        self.put(self._answer_key(), Encoded(message))

    async def answered(self) -> None:
        """Wait until no answer is unsent; for a reader that must not run ahead."""
        if self._unsent_answers:
            self._answered = trio.Event()
            await self._answered.wait()

    def forget(self, slot: Slot) -> None:
        """Send nothing more of it."""
        slot.active = False  # what `run` has drained, but not sent yet, may come back into the outbox
        self._outbox.discard(slot)
        self._held.pop(slot, None)

    @contextmanager
    def feeding(self, feed: Callable[[], Awaitable[Never]]) -> Iterator[None]:
        """Have *feed* run inside the block."""
        if self.nursery is None:
            raise AssertionError("a client that subscribes has begun")
        scope = trio.CancelScope()
        self.nursery.start_soon(_within, scope, feed, name="web/feed")
        try:
            yield
        finally:
            scope.cancel(reason="the client has unsubscribed")

    async def ping(self) -> bool:
        """Ping the client, to be called every PING_INTERVAL; tells whether it has answered those before."""
        with trio.move_on_after(PING_INTERVAL / 2):
            await self._wire.send_frames(PING)
        return trio.current_time() < self._wire.heard_at + DEAD_AFTER

    async def run(self) -> NoReturn:
        """Send what `flush` cannot: what a full socket does not take, and what is due later. Raises what `fail` was given."""
        while True:
            self._looks_at = min([slot.next_due for slot in self._held], default=math.inf)
            with trio.move_on_at(self._looks_at):
                await self._called.wait()
            # Anew before looking: what is put from here on sets this one, and is found by the next turn if not by this.
            self._called = trio.Event()
            if self._error is not None:
                raise self._error
            self._awaited = True
            self._release_due()
            while not self._write():
                await self._wire.unblocked()
            # In the step in which the outbox was found empty; a checkpoint in between, and a value put there would wake nobody.
            self._awaited = False

    def flush(self, news: News) -> None:
        """Write what is new, as far as that takes no waiting; for the fan-out."""
        self._awaited = True
        fresh = self._wanted_of(news)
        # What waits is older than the news and must not come after it: then all of it goes through the outbox, where the newer one of a
        # slot replaces the other.
        if self._outbox or self._wire.blocked:
            for key, message in fresh.items():
                self.put(key, message)
        elif fresh:
            self._take(list(fresh), list(fresh.values()))
        if self._write():
            self._awaited = False
        else:
            self._called.set()  # `_awaited` stays true: from here on the own task looks

    def fail(self, error: Exception) -> None:
        """End the client's stream: its `flush` has failed."""
        self._error = error
        self._called.set()

    def _filled(self) -> None:
        if not self._awaited:
            self._awaited = True
            self._fanout.call(self)

    def _wanted_of(self, news: News) -> dict[Hashable, _Message]:
        """Looks through the shorter of the two."""
        wanted = self.wanted
        if len(wanted) < len(news):
            return {key: news[subject] for subject, key in wanted.items() if subject in news}
        return {wanted[subject]: message for subject, message in news.items() if subject in wanted}

    def _write(self) -> bool:
        """Write what the socket takes; tells whether there is nothing left to write."""
        while self._outbox and not self._wire.blocked:
            due = self._due(self._outbox.drain())
            self._take([key for key, _ in due], [message for _, message in due], noting=True)
        return not self._wire.blocked

    def _due(self, items: Mapping[Hashable, _Item]) -> list[tuple[Hashable, _Message]]:
        """What of it is to be sent now; some is held back until later, some has become void."""
        due: list[tuple[Hashable, _Message]] = []
        for key, item in items.items():
            if isinstance(item, Encoded):
                if not isinstance(key, Slot | Entry) or (key.active and (isinstance(key, Entry) or self._is_due(key, item))):
                    due.append((key, item))
            elif isinstance(item, Backlog):
                due += item.take(CHUNK)
                if item:
                    self.put(item, item)  # after what is put back of these, in the next round
            elif isinstance(item, Failed) and isinstance(key, Slot) and key.active:
                due += [(self._answer_key(), Encoded(message)) for message in key.on_failed(item)]
        return due

    def _is_due(self, slot: Slot, message: _Message) -> bool:
        """Whether a message that is wanted at intervals may go out; if not, it is held until it may."""
        if not slot.interval:
            return True
        self._held.pop(slot, None)
        if is_due(slot, message):
            return True
        self._held[slot] = message
        # The own task sleeps until what it knew to be due first; it must hear of what is due before.
        if slot.next_due < self._looks_at:
            self._called.set()
        return False

    def _take(self, keys: list[Hashable], messages: list[_Message], *, noting: bool = False) -> None:
        """Write as many as the socket takes, a chunk at a time; the others wait on, where newer ones replace them.

        *noting*: there may be answers among them, or values that are wanted at intervals or as changes.
        """
        told = [said(key, message) for key, message in zip(keys, messages, strict=True)] if noting else messages
        frames = [_frame(key, message) for key, message in zip(keys, told, strict=True)]
        ends = list(accumulate(map(len, frames)))
        done = 0
        while done < len(messages) and not self._wire.blocked:
            until = bisect_left(ends, (ends[done - 1] if done else 0) + CHUNK, done) + 1
            if self._batch:
                items = zip(keys[done:until], told[done:until], strict=True)
                array = b"[%b]" % b",".join([message.json_with(_members(key)) for key, message in items])
                self._wire.take_frames([text_frame(array)])
                taken = len(messages[done:until])
            else:
                taken = self._wire.take_frames(frames[done:until])  # one that is taken in part counts, as the wire completes it
            sent = messages[done : done + taken]
            delayed = noting and self._note(keys[done : done + taken], sent)
            self._meters.streamed(sent, delayed=delayed)
            done += taken
        # Before what has come since, as it is older, and not over a newer value of its slot.
        if done < len(messages):
            self._outbox.put_back(dict(zip(keys[done:], messages[done:], strict=True)))

    def _release_due(self) -> None:
        present = trio.current_time()
        due = [slot for slot in self._held if slot.next_due <= present]
        self._outbox.put_back({slot: self._held.pop(slot) for slot in due})

    def _note(self, keys: Sequence[Hashable], messages: Sequence[_Message]) -> bool:
        """They are sent; tells whether some were held back because they are wanted at intervals."""
        present = trio.current_time()
        delayed = False
        for key, message in zip(keys, messages, strict=True):
            if isinstance(key, Slot):
                note_sent(key, message)
                delayed |= key.interval > 0
                key.next_due = present + key.interval if not voids(message) else key.next_due
            elif isinstance(key, int):
                self._unsent_answers -= 1
        if not self._unsent_answers:
            self._answered.set()
        return delayed

    def _answer_key(self) -> int:
        self._answers += 1
        self._unsent_answers += 1
        return self._answers


async def _within(scope: trio.CancelScope, feed: Callable[[], Awaitable[Never]]) -> None:
    with scope:
        await feed()


def _members(key: Hashable) -> bytes:
    return key.members if isinstance(key, Slot | Entry) else b""


def _frame(key: Hashable, message: _Message) -> bytes:
    """The frame that all clients share, or one with the client's own members."""
    members = _members(key)
    return text_frame(message.json_with(members)) if members else message.frame
