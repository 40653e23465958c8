"""A loopback relay that cuts the byte stream in the two ways a network may: into single bytes, or glued together.

One frame passes whole: the server's first. ibapi's `connect` reads it with a single receive and forgets what
it has of an incomplete one (client.py, `connect`; all editions), so no server can split that frame for it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time

_GLUE_S = 0.03
_MODES = ("split", "glue")


class Relay:
    """Listens on a free port and passes every connection on to `target`, both ways in the given mode."""

    def __init__(self, target: int, mode: str) -> None:
        assert mode in _MODES
        self._target = target
        self._pump = _split if mode == "split" else _glue
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening and cut every connection."""
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._open += [client, server]
                for source, sink in ((client, server), (server, client)):
                    # Without this the kernel would glue the single bytes together again.
                    sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=self._pass_on, args=(source, sink, source is server), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, from_server: bool) -> None:
        with contextlib.suppress(OSError):
            if from_server:
                sink.sendall(source.recv(65536))
            while data := source.recv(65536):
                self._pump(source, sink, data)
            sink.shutdown(socket.SHUT_WR)


def _split(_: socket.socket, sink: socket.socket, data: bytes) -> None:
    for position in range(len(data)):
        sink.send(data[position : position + 1])


def _glue(source: socket.socket, sink: socket.socket, data: bytes) -> None:
    time.sleep(_GLUE_S)
    with contextlib.suppress(BlockingIOError):
        while more := source.recv(65536, socket.MSG_DONTWAIT):
            data += more
    sink.sendall(data)
