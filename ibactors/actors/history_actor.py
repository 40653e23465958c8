"""The history actor: answers questions about the past, each in a task of its own, from one library and at one pace.

A caller's question ends with the caller. A break of the session only delays what is asked; a crash of the actor forgets what it knows and
its downloads, and callers get `ActorDown`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, assert_never

import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.history import Begin, Drop, Forget, HistoryMessage, HistoryRef, Look
from ibactors.actors.history_answers import bar_page, head_of, histogram_of, schedule_of
from ibactors.actors.history_jobs import KEPT, Download, check_room, run_download
from ibactors.actors.history_library import Library
from ibactors.actors.history_loads import Loads, Patience
from ibactors.actors.history_questions import (
    BarsQuestion,
    HeadQuestion,
    HistogramQuestion,
    Question,
    ScheduleQuestion,
    TicksQuestion,
)
from ibactors.actors.history_ticks import tick_page
from ibactors.actors.history_turns import Turns
from ibactors.errors import IbactorsError, JobNotFound, MailboxFull
from ibactors.history.cache import Cache
from ibactors.kernel.actor import Actor
from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.ref import Reply

MOST_OPEN = 2048
"""Questions that may wait for their answers; more are refused with 503."""


class HistoryActor(Actor[HistoryMessage, frozenset[str]]):
    """One incarnation."""

    mailbox_size = 1024

    def __init__(self, ref: HistoryRef, connection: ConnectionRef, *, cache_octets: int) -> None:
        super().__init__(ref)
        self._me = ref
        self._connection = connection
        self._turns = Turns(ref.pacing)
        self._cache = Cache(cache_octets)
        self._library: Library
        self._open = 0

    async def run(self, mailbox: Mailbox[HistoryMessage, frozenset[str]]) -> None:
        self._me.downloads.clear()
        self._library = Library(Loads(self._connection, self._turns, self.nursery), self._cache, self._me.stride, self._me.now)
        self.nursery.start_soon(self._turns.run, name=f"actor:{self.ref.name}/turns")
        await self.serve(mailbox)

    async def handle(self, msg: HistoryMessage) -> None:
        match msg:
            case Look():
                self._look(msg)
            case Begin():
                self._begin(msg)
            case Drop():
                self._drop(msg)
            case Forget():
                self._me.downloads.pop(msg.id, None)
            case _:
                assert_never(msg)

    def handle_newest(self, msg: frozenset[str]) -> None:
        """End the downloads of callers that are not among these."""
        for download in [download for download in self._me.downloads.values() if download.caller not in msg]:
            self._end(download, "its caller's key was revoked")

    def _look(self, msg: Look) -> None:
        if self._open >= MOST_OPEN:
            msg.reply.fail(MailboxFull(self.ref.name, self._open))
            return
        msg.reply.defer()
        self._open += 1
        self.nursery.start_soon(self._answer, msg, name=f"actor:{self.ref.name}/question")

    async def _answer(self, msg: Look) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_when_over, msg.reply, nursery.cancel_scope)
                try:
                    msg.reply.send(await self._answer_to(msg.question, Patience(msg.caller, msg.patience)))
                except IbactorsError as exc:
                    msg.reply.fail(exc)
        finally:
            self._open -= 1

    async def _answer_to(self, question: Question, patience: Patience) -> Any:
        match question:
            case BarsQuestion():
                return await bar_page(self._library, question, patience)
            case TicksQuestion():
                return await tick_page(self._library, question, patience)
            case HeadQuestion():
                return await head_of(self._library, question, patience)
            case ScheduleQuestion():
                return await schedule_of(self._library, question, patience)
            case HistogramQuestion():
                return await histogram_of(self._library, question, patience)
            case _:
                assert_never(question)

    def _begin(self, msg: Begin) -> None:
        if msg.reply.settled:
            return  # the caller has left, or lost its key: nobody would ever hear of it
        try:
            check_room(self._me.downloads, msg.question, msg.caller)
        except IbactorsError as exc:
            msg.reply.fail(exc)
            return
        # The place is taken in the step that has found it free.
        download = Download(caller=msg.caller, question=msg.question)
        self._me.downloads[download.id] = download
        self.nursery.start_soon(self._run_download, download, name=f"actor:{self.ref.name}/{download.id}")
        msg.reply.send(download)

    async def _run_download(self, download: Download) -> None:
        await run_download(self._library, self._turns, download)
        self.after(KEPT, Forget(id=download.id))

    def _drop(self, msg: Drop) -> None:
        download = self._me.downloads.get(msg.id)
        if download is None or download.caller != msg.caller:
            msg.reply.fail(JobNotFound(f"There is no download {msg.id!r}."))
            return
        self._end(download, "its caller has deleted it")
        msg.reply.send(None)

    def _end(self, download: Download, reason: str) -> None:
        del self._me.downloads[download.id]
        download.scope.cancel(reason=reason)


async def _cancel_when_over(reply: Reply[Any], scope: trio.CancelScope) -> None:
    await reply.over()
    scope.cancel(reason="answered, or nobody waits for the answer")


def history_builder(ref: HistoryRef, connection: ConnectionRef, *, cache_octets: int) -> Callable[[], HistoryActor]:
    """Makes incarnations of the history actor."""
    return partial(HistoryActor, ref, connection, cache_octets=cache_octets)
