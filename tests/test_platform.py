"""What we rely on in trio, trio-asyncio, ib_async, Quart-Trio and Hypercorn; a failure here says which upgrade needs a look."""

import asyncio

import msgspec
import pytest
import trio
import trio_asyncio
from ib_async.client import Client
from ib_async.decoder import Decoder
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


async def test_loops_can_be_opened_one_after_another() -> None:
    for _ in range(3):
        async with trio_asyncio.open_loop():
            await trio_asyncio.aio_as_trio(asyncio.sleep)(0)


async def test_cancel_reason_is_told() -> None:
    with trio.CancelScope() as scope:
        scope.cancel(reason="because")
        with pytest.raises(trio.Cancelled, match="because"):
            await trio.lowlevel.checkpoint()


def test_ib_async_client_has_what_is_overridden() -> None:
    for name in ("sendMsg", "_onSocketHasData", "_onSocketDisconnected", "startApi", "connectAsync", "cancelMktData"):
        assert callable(getattr(Client, name))
    assert (Client.MinClientVersion, Client.MaxClientVersion) == (157, 178)
    handlers = Decoder(object(), 0).handlers  # type: ignore[arg-type]
    assert {1, 2, 4, 7, 10, 18, 45, 46, 52, 58, 61, 62, 63, 64} <= handlers.keys()


def test_ib_async_decoder_takes_an_empty_size_for_zero() -> None:
    """The reason for our own handler of message 1; when this fails, the override may go."""
    calls: list[tuple[float, ...]] = []

    class Wrapper:
        def priceSizeTick(self, *arguments: float) -> None:  # noqa: N802
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
        assert nursery._cancel_status is task._cancel_status  # noqa: SLF001  # what a child's scopes begin after
    with trio.CancelScope(shield=True) as outer, trio.CancelScope() as inner:
        await trio.lowlevel.checkpoint()
        status = task._cancel_status  # noqa: SLF001
        assert status._scope is inner  # noqa: SLF001
        assert status._parent is not None  # noqa: SLF001
        assert status._parent._scope is outer  # noqa: SLF001
