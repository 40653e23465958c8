"""A TCP proxy on loopback that can hold everything back, in both directions, and give it back later."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import trio


class Proxy:
    """Passes connections on to *target*."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._flows = trio.Event()
        self._flows.set()
        self.port = 0

    def hold(self) -> None:
        """Pass nothing on from now on."""
        self._flows = trio.Event()

    def release(self) -> None:
        """Pass on all that was held."""
        self._flows.set()

    async def serve(self, *, task_status: trio.TaskStatus[None]) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        await trio.serve_listeners(self._connected, listeners, task_status=task_status)  # type: ignore[arg-type]  # its value is not used

    async def _connected(self, client: trio.SocketStream) -> None:
        with suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            async with client, await trio.open_tcp_stream("127.0.0.1", self._target) as server, trio.open_nursery() as nursery:
                nursery.start_soon(self._pass_on, client, server, nursery.cancel_scope)
                nursery.start_soon(self._pass_on, server, client, nursery.cancel_scope)

    async def _pass_on(self, source: trio.SocketStream, sink: trio.SocketStream, scope: trio.CancelScope) -> None:
        with suppress(OSError, trio.BrokenResourceError):
            while data := await source.receive_some():
                await self._flows.wait()
                await sink.send_all(data)
        scope.cancel(reason="one side is gone")


@asynccontextmanager
async def running_proxy(target: int) -> AsyncIterator[Proxy]:
    """A proxy to a port of this machine."""
    proxy = Proxy(target)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(proxy.serve))
        yield proxy
        nursery.cancel_scope.cancel(reason="the test is over")
