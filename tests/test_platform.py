"""What we rely on in trio, trio-asyncio, ib_async, Quart-Trio and Hypercorn; a failure here says which upgrade needs a look."""

import asyncio
import inspect
import socket
import sys
import traceback
from typing import Any, cast

import msgspec
import pytest
import trio
import trio_asyncio
from ib_async.client import Client
from ib_async.connection import Connection
from ib_async.contract import Contract
from ib_async.decoder import Decoder
from quart.ctx import RequestContext
from quart.routing import QuartRule
from quart_trio import QuartTrio


async def test_closing_a_receive_channel_drops_what_is_buffered() -> None:
    send, receive = trio.open_memory_channel[int](1)
    send.send_nowait(1)
    receive.close()
    assert send.statistics().current_buffer_used == 0


async def test_memory_channel_reports_its_peak() -> None:
    send, receive = trio.open_memory_channel[int](3)
    with send, receive:
        send.send_nowait(1)
        send.send_nowait(2)
        receive.receive_nowait()
        assert send.statistics().peak_buffer_used == 2


async def test_each_loop_is_a_new_one_and_closed_with_its_block() -> None:
    loops = []
    for _ in range(3):
        async with trio_asyncio.open_loop() as loop:
            await trio_asyncio.aio_as_trio(asyncio.sleep)(0)
            loops.append(loop)
    assert len({id(loop) for loop in loops}) == 3
    assert all(loop.is_closed() for loop in loops)


async def test_asyncio_transport_gives_a_socket_that_trio_can_read_while_asyncio_writes() -> None:
    """What the bridge does after the handshake: a paused transport writes, a duplicate of its socket is read by trio."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.settimeout(1)
        async with trio_asyncio.open_loop() as loop:
            connect = trio_asyncio.aio_as_trio(loop.create_connection)
            transport, _ = await connect(asyncio.Protocol, sock=ours)
            transport.pause_reading()
            with transport.get_extra_info("socket").dup() as duplicate:
                theirs.sendall(b"tick")
                await trio.lowlevel.wait_readable(duplicate)
                assert duplicate.recv(100) == b"tick"
                transport.write(b"ask")
                assert await trio.to_thread.run_sync(theirs.recv, 100) == b"ask"
            assert not transport.is_closing()
            transport.abort()
            assert transport.is_closing()


async def test_cancelled_asyncio_side_shows_as_asyncios_own_exception() -> None:
    async def gives_up() -> None:
        raise asyncio.CancelledError

    async with trio_asyncio.open_loop():
        with pytest.raises(asyncio.CancelledError):
            await trio_asyncio.aio_as_trio(gives_up)()


async def test_cancel_reason_is_told() -> None:
    with trio.CancelScope() as scope:
        scope.cancel(reason="because")
        with pytest.raises(trio.Cancelled, match="because"):
            await trio.lowlevel.checkpoint()


def make_client() -> Client:
    return Client(cast("Any", object()))


OVERRIDDEN = {
    Client: {
        "send": ["self", "fields", "makeEmpty"],
        "sendMsg": ["self", "msg"],
        "_onSocketHasData": ["self", "data"],
        "_onSocketDisconnected": ["self", "msg"],
    },
    Connection: {"data_received": ["self", "data"], "connection_lost": ["self", "exc"], "sendMsg": ["self", "msg"]},
    Decoder: {"interpret": ["self", "fields"]},
    RequestContext: {"match_request": ["self"]},
    QuartTrio: {"request_context": ["self", "request"]},
    QuartRule: {"compile": ["self"]},
}
"""What we override, or call where a subclass of ours overrides what it calls: the parameters by name."""


@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner, names in OVERRIDDEN.items() for name in names])
def test_what_is_overridden_is_there_with_the_same_parameters(owner: type, name: str) -> None:
    assert list(inspect.signature(getattr(owner, name)).parameters) == OVERRIDDEN[owner][name]


def test_ib_async_client_has_the_state_that_the_bridge_sets() -> None:
    client = make_client()
    assert (client._data, client._serverVersion, client._apiReady, client._hasReqId, client._accounts) == (b"", 0, False, False, [])
    assert (client.isConnected(), client.isReady(), client.connState) == (False, False, Client.DISCONNECTED)
    client.connState, client._apiReady, client._serverVersion, client._accounts = Client.CONNECTED, True, 178, ["DU1"]
    client.updateReqId(7)
    assert (client.isConnected(), client.isReady(), client.serverVersion(), client.getAccounts()) == (True, True, 178, ["DU1"])
    assert [client.getReqId(), client.getReqId()] == [7, 8]
    client.reset()
    assert (client.isConnected(), client.isReady(), client.serverVersion()) == (False, False, 0)


def test_ib_async_client_knows_these_versions_and_messages() -> None:
    assert (Client.MinClientVersion, Client.MaxClientVersion) == (157, 178)
    handlers = Decoder(cast("Any", object()), 0).handlers
    assert {1, 2, 4, 7, 10, 18, 45, 46, 52, 58, 61, 62, 63, 64} <= handlers.keys()
    for name in ("connectAsync", "disconnect", "startApi", "cancelMktData", "reqMktData", "reqContractDetails", "reqPositions"):
        assert callable(getattr(Client, name))


def test_ib_async_sends_each_request_whole_through_send_msg() -> None:
    """The outbox queues, withdraws and orders requests by the words that they begin with."""

    class Listening(Client):
        def __init__(self) -> None:
            super().__init__(cast("Any", object()))
            self.sent: list[str] = []
            self.connState, self._apiReady, self._serverVersion = Client.CONNECTED, True, 178

        def sendMsg(self, msg: str) -> None:
            self.sent.append(msg)

    client = Listening()
    client.reqMktData(5, Contract(conId=1), "", snapshot=False, regulatorySnapshot=False, mktDataOptions=[])
    client.cancelMktData(5)
    client.cancelOrder(6)
    client.reqGlobalCancel()
    assert [message.split("\0")[0] for message in client.sent] == ["1", "2", "4", "58"]
    assert client.sent[0].startswith("1\x0011\x005\0")
    assert all(message.endswith("\0") for message in client.sent)


def test_ib_async_connection_tells_of_data_and_of_its_end_by_events() -> None:
    connection, told = Connection(), list[object]()
    connection.hasData += told.append
    connection.disconnected += told.append
    connection.data_received(b"x")
    connection.connection_lost(None)
    connection.connection_lost(OSError("broken"))
    assert told == [b"x", "", "broken"]
    assert connection.transport is None


def test_ib_async_decoder_takes_an_empty_size_for_zero() -> None:
    """The reason for our own handler of message 1; when this fails, the override may go."""
    calls: list[tuple[float, ...]] = []

    class Wrapper:
        def priceSizeTick(self, *arguments: float) -> None:
            calls.append(arguments)

    Decoder(Wrapper(), 178).interpret(["1", "6", "7", "4", "4594.45", "", "0"])  # type: ignore[arg-type]
    assert calls == [(7, 4, 4594.45, 0.0)]


def test_msgspec_writes_nan_as_null_and_decimals_as_numbers() -> None:
    assert msgspec.json.encode(float("nan")) == b"null"


async def test_quart_trio_serves_in_the_test_client() -> None:
    app = QuartTrio(__name__)

    @app.get("/")
    async def root() -> str:
        return "ok"

    assert await (await app.test_client().get("/")).get_data() == b"ok"


async def test_trio_shows_the_scopes_of_a_task_where_the_task_tree_reads_them() -> None:
    task = trio.lowlevel.current_task()
    async with trio.open_nursery() as nursery:
        assert nursery._cancel_status is task._cancel_status  # what a child's scopes begin after
    with trio.CancelScope(shield=True) as outer, trio.CancelScope() as inner:
        await trio.lowlevel.checkpoint()
        status = task._cancel_status
        assert status._scope is inner
        assert status._parent is not None
        assert status._parent._scope is outer


async def test_trio_runs_a_step_below_a_function_that_the_watch_knows() -> None:
    names = [frame.f_code.co_name for frame, _ in traceback.walk_stack(sys._getframe())]
    assert "unrolled_run" in names


async def test_trio_tells_an_instrument_of_each_step_before_it_begins() -> None:
    steps: list[trio.lowlevel.Task] = []

    class Watch(trio.abc.Instrument):
        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            steps.append(task)

    watch = Watch()
    trio.lowlevel.add_instrument(watch)
    await trio.lowlevel.checkpoint()
    trio.lowlevel.remove_instrument(watch)
    assert trio.lowlevel.current_task() in steps


async def test_quart_takes_the_route_that_a_context_of_ours_chose() -> None:
    class Context(RequestContext):
        def match_request(self) -> None:
            self.request.url_rule = next(
                rule for rule in self.app.url_map.iter_rules() if isinstance(rule, QuartRule) and rule.endpoint == "chosen"
            )
            self.request.view_args = {"name": "it"}

    class Rule(QuartRule):
        def compile(self) -> None:
            self._parts = []

    class App(QuartTrio):
        def request_context(self, request: Any) -> RequestContext:
            return Context(self, request)

    app = App(__name__, static_folder=None)
    app.url_rule_class = Rule

    async def chosen(name: str) -> str:
        return name

    app.add_url_rule("/elsewhere/<name>", "chosen", chosen)
    assert await (await app.test_client().get("/nowhere")).get_data() == b"it"
