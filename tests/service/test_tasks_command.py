"""`ibactors tasks` against services that want a key, and against what is no service."""

import pytest
import trio

from ibactors.inside.tasktree import TaskNode
from ibactors.taskview import Unreachable, fetch, tree_lines
from tests.service.keyed import KEYS, keyed_service


async def fetched(url: str, key: str) -> TaskNode:
    return await trio.to_thread.run_sync(fetch, url, key)


async def test_tree_comes_with_a_key_of_the_scope_admin() -> None:
    async with keyed_service() as service:
        tree = await fetched(service.url, KEYS["admin"])
        assert any("actor:market" in line for line in tree_lines(tree, colour=False))


@pytest.mark.parametrize("key", ["", "read", "wrong"])
async def test_without_the_right_key_the_remedy_is_named(key: str) -> None:
    async with keyed_service() as service:
        with pytest.raises(Unreachable, match="IBACTORS_API_KEY"):
            await fetched(service.url, KEYS.get(key, key))


async def test_silence_is_told_from_absence() -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, _say_nothing, 0)
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(Unreachable, match="SIGUSR2"):
            await fetched(f"http://127.0.0.1:{port}", "")
        nursery.cancel_scope.cancel(reason="the test is over")


async def _say_nothing(_stream: trio.SocketStream) -> None:
    await trio.sleep_forever()


async def test_what_is_no_service_is_said_to_be_none() -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, _say_hello, 0)
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(Unreachable, match="is it an ibactors service"):
            await fetched(f"127.0.0.1:{port}", "")
        nursery.cancel_scope.cancel(reason="the test is over")


async def _say_hello(stream: trio.SocketStream) -> None:
    await stream.receive_some()
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
