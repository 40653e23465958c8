"""One connection to the bus, which lives and dies with an asyncio loop of its own.

It is never taken up again: the client library would keep what is published in a break and send it after it, and those are old prices.
Whatever goes wrong ends it, with the reason.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import nats
import nats.aio.client
import nats.aio.msg
import nats.errors
import trio
import trio_asyncio

from ibactors.errors import GatewayDisconnected

CONNECT_TIMEOUT = 2
"""Seconds."""
MOST_UNSENT = 8 * 1024 * 1024
"""Octets that may wait to be sent; more means that the bus does not take them."""
GOODBYE = 0.3
"""Seconds for closing."""
_NO_RESPONDERS = "503"


class BusLost(GatewayDisconnected):
    """The connection to the bus is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bus:
    """Where the bus is, and who we are there."""

    url: str
    user: str = ""
    password: str = ""
    ca: str = ""


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message."""

    subject: str
    reply: str
    data: bytes
    nobody_listens: bool
    """The bus says so, in place of an answer."""


class Link:
    """A connection that is up, until `over` is set."""

    def __init__(self) -> None:
        self.lost: str | None = None
        """Why it is over."""
        self.over = trio.Event()
        self._client = nats.aio.client.Client()
        self._unsent: list[tuple[str, bytes, str]] = []
        self._octets = 0
        self._filled: asyncio.Event
        self._drained = trio.Event()

    def end(self, reason: str) -> None:
        """It is over; the first reason counts."""
        if self.lost is None:
            self.lost = reason
            self.over.set()
            self._drained.set()

    def publish(self, subject: str, payload: bytes, reply: str = "") -> None:
        """Send a message soon; without effect when the link is over."""
        if self.lost is not None:
            return
        self._octets += len(payload)
        if self._octets > MOST_UNSENT:
            self.end("The bus does not take what is published.")
            return
        self._unsent.append((subject, payload, reply))
        self._filled.set()

    async def drained(self) -> None:
        """Wait until all that is published is on its way, or the link is over; for who has much to publish."""
        if self._unsent and self.lost is None:
            if self._drained.is_set():
                self._drained = trio.Event()
            await self._drained.wait()

    async def subscribe(self, subject: str, handle: Callable[[Arrived], None]) -> None:
        """Have *handle* called with each message, in order. What it raises ends the link."""

        async def arrived(msg: nats.aio.msg.Msg) -> None:
            if self.lost is None:
                status = (msg.headers or {}).get("Status")
                try:
                    handle(Arrived(msg.subject, msg.reply, msg.data, status == _NO_RESPONDERS))
                except Exception as exc:  # noqa: BLE001  # whatever a peer has sent
                    self.end(f"A message of the bus cannot be read: {exc}")

        await trio_asyncio.aio_as_trio(self._client.subscribe)(subject, cb=arrived)

    async def connect(self, bus: Bus, name: str) -> None:
        """Raises BusLost."""
        self._filled = asyncio.Event()
        tls = ssl.create_default_context(cafile=bus.ca or None) if bus.url.startswith("tls://") else None
        try:
            with trio.fail_after(CONNECT_TIMEOUT + 1):
                await self._connect(bus, name, tls)
        except trio.TooSlowError:
            raise BusLost("The bus does not answer. Check IBACTORS_BUS.") from None
        except (nats.errors.Error, OSError, TimeoutError) as exc:
            raise BusLost(f"The bus cannot be reached: {str(exc) or type(exc).__name__}. Check IBACTORS_BUS.") from None

    async def _connect(self, bus: Bus, name: str, tls: ssl.SSLContext | None) -> None:
        await trio_asyncio.aio_as_trio(self._client.connect)(
            bus.url,
            name=name,
            allow_reconnect=False,
            connect_timeout=CONNECT_TIMEOUT,
            closed_cb=self._closed,
            disconnected_cb=self._closed,
            error_cb=self._failed,
            user=bus.user or None,
            password=bus.password or None,
            tls=tls,
        )

    async def send(self) -> None:
        """Send what is published; runs on the asyncio side."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            unsent, self._unsent, self._octets = self._unsent, [], 0
            for subject, payload, reply in unsent:
                await self._client.publish(subject, payload, reply)
            if not self._unsent:
                self._drained.set()

    async def close(self) -> None:
        """Close the socket."""
        self.end("The connection to the bus was closed.")
        if not self._client.is_closed:
            await trio_asyncio.aio_as_trio(self._client.close)()

    async def _closed(self) -> None:
        self.end("The bus has closed the connection.")

    async def _failed(self, error: Exception) -> None:
        self.end(f"The bus: {str(error) or type(error).__name__}")


@asynccontextmanager
async def open_link(bus: Bus, name: str) -> AsyncIterator[Link]:
    """A connection to the bus, as *name*. The block is to end when `Link.over` is set. Raises BusLost when there is none."""
    link = Link()
    async with trio_asyncio.open_loop() as loop:
        try:
            await link.connect(bus, name)
            sending = loop.create_task(link.send())
            sending.add_done_callback(lambda _task: link.end("The connection to the bus has failed."))
            try:
                yield link
            finally:
                sending.cancel()
        finally:
            with trio.move_on_after(GOODBYE, shield=True):
                await link.close()
