"""Listening sockets: one per port, however many addresses the host's name has."""

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
