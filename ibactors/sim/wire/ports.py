"""Listening sockets: one per port, however many addresses the host's name has."""

import socket

import trio


async def open_listener(host: str, port: int) -> trio.SocketListener:
    """Listen on a port, 0 for any free one; OSError when it is taken or the host is unknown."""
    first, *others = await trio.open_tcp_listeners(port, host=host)
    # A name such as localhost may mean several addresses; with a free port each would get its own.
    for other in others:
        other.socket.close()
    return first


def port_of(listener: trio.SocketListener) -> int:
    """The port a listener really has."""
    port: int = listener.socket.getsockname()[1]
    return port


class ReopeningPort(trio.abc.Listener[trio.SocketStream]):
    """A listener that can be opened again on its port after `aclose`: nobody else gets it meanwhile, and who connects is refused.

    A port of the ephemeral range that were free for a while could become that of a client, even of one that dials itself.
    """

    def __init__(self, listener: trio.SocketListener) -> None:
        self._listener = listener
        self._held: socket.socket | None = None

    async def accept(self) -> trio.SocketStream:
        """The next client."""
        return await self._listener.accept()

    async def aclose(self) -> None:
        """Refuse; from one step to the next, so that no time is left for others. OSError when somebody has the port all the same."""
        family, address = self._listener.socket.family, self._listener.socket.getsockname()
        self._listener.socket.close()
        self._held = socket.socket(family, socket.SOCK_STREAM)
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(address)
        await trio.lowlevel.checkpoint()

    def reopen(self) -> None:
        """Listen again, unless it listens."""
        if self._held is not None:
            self._held.listen(socket.SOMAXCONN)
            self._listener, self._held = trio.SocketListener(trio.socket.from_stdlib_socket(self._held)), None

    def give_up(self) -> None:
        """Close it for good."""
        if self._held is not None:
            self._held.close()
