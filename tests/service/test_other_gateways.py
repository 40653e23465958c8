"""The service needs nothing special of our simulator: it works with frames that real gateways sent, and survives what is no gateway."""

from contextlib import suppress
from typing import Any

import pytest
import trio

from ibactors.actors.account import AccountTerms
from ibactors.service import Terms
from tests.conftest import ErrorLog, running_service
from tests.service.scripted import POSITIONS, REAL, STARTUP, Script, running_script, scripted_gateway


@pytest.mark.parametrize("version", [164, 173, 176, 178])
@pytest.mark.parametrize("chunk", [1, 7, 65536])
async def test_recorded_answers_of_a_real_gateway_are_served(version: int, chunk: int) -> None:
    async with scripted_gateway(REAL, version=version, chunk=chunk) as port, running_service(gateway_port=port) as service:
        assert (await service.get("/accounts"))["accounts"] == ["DU1234567"]
        positions = {position["symbol"]: position for position in (await service.get("/account/positions"))["positions"]}
        assert positions["AAPL"]["position"] == -110.0
        assert positions["AAPL"]["avgCost"] == 201.8829709
        assert positions["ES"]["multiplier"] == "50"
        assert positions["ES"]["marketPrice"] is None
        summary = (await service.get("/account/summary"))["account_summary"]
        assert summary["NetLiquidation"] == {"value": "246447.83", "currency": "USD", "account": "DU1234567"}
        quote = await service.get("/market/quote/TSLA")
        assert quote["con_id"] == 76792991
        assert (quote["bid"], quote["ask"], quote["last"], quote["close"]) == (None, None, 121.82, 112.71)
        assert quote["last_size"] is None
        assert quote["volume"] == 2217937


def without(*requests: str) -> Script:
    return {key: answer for key, answer in REAL.items() if key not in requests}


async def test_gateway_that_sends_no_summary_still_serves_positions() -> None:
    terms = Terms(account=AccountTerms(timeout=0.5))
    async with scripted_gateway(without("62"), version=176) as port, running_service(gateway_port=port, terms=terms) as service:
        assert (await service.get("/account/positions"))["positions"]
        assert (await service.get("/account/summary", 504))["code"] == "gateway_timeout"


async def test_positions_of_which_a_row_cannot_be_read_are_refused_and_the_summary_is_served() -> None:
    odd = "61|3|DU1234567|1|AAPL|STK||0.0|||NASDAQ|USD|AAPL|NMS|many|201.88".split("|")
    script = {**REAL, "61": lambda _: [odd, *POSITIONS]}
    async with scripted_gateway(script, version=178) as port, running_service(gateway_port=port) as service:
        assert (await service.get("/account/positions", 502))["code"] == "gateway_error"
        assert (await service.get("/account/summary"))["account_summary"]


async def test_error_321_ends_a_request_at_once() -> None:
    script = {**REAL, "9": lambda request: [["4", "2", request[2], "321", "Error validating request.-'bQ' : cause - Invalid", ""]]}
    async with scripted_gateway(script, version=178) as port, running_service(gateway_port=port) as service:
        with trio.fail_after(8):
            problem = await service.get("/market/quote/TSLA", 422)
        assert problem["ib_code"] == 321


async def test_empty_list_of_contracts_is_not_found() -> None:
    script = {**REAL, "9": lambda request: [["52", "1", request[2]]]}
    async with scripted_gateway(script, version=178) as port, running_service(gateway_port=port) as service:
        assert (await service.get("/market/quote/TSLA", 404))["code"] == "contract_not_found"


async def test_delayed_ticks_are_recognised_by_their_ids() -> None:
    def delayed(request: list[str]) -> list[list[str]]:
        line = request[2]
        notice = "Requested market data is not subscribed. Displaying delayed market data."
        return [
            ["4", "2", line, "10167", notice, ""],
            ["1", "6", line, "66", "10.00", "3", "0"],
            ["1", "6", line, "67", "10.02", "4", "0"],
            ["1", "6", line, "68", "10.01", "1", "0"],
            ["1", "6", line, "75", "9.50", "0", "0"],
            ["2", "6", line, "74", "1000"],
        ]

    async with scripted_gateway({**REAL, "1": delayed}, version=178) as port, running_service(gateway_port=port) as service:
        quote = await service.get("/market/quote/TSLA")
        assert quote["market_data_type"] == "delayed"
        assert (quote["bid"], quote["ask"], quote["bid_size"], quote["close"], quote["volume"]) == (10.0, 10.02, 3, 9.5, 1000)


@pytest.mark.parametrize("code", [10089, 10090, 10091, 10167, 2119])
async def test_notices_do_not_end_a_line(code: int) -> None:
    def with_notice(request: list[str]) -> list[list[str]]:
        return [["4", "2", request[2], str(code), "A notice.", ""], *REAL["1"](request)]

    async with scripted_gateway({**REAL, "1": with_notice}, version=178) as port, running_service(gateway_port=port) as service:
        assert (await service.get("/market/quote/TSLA"))["last"] == 121.82


async def test_permission_notice_explains_data_that_never_came() -> None:
    script = {**REAL, "1": lambda request: [["4", "2", request[2], "10089", "Requested market data requires additional subscription.", ""]]}
    async with scripted_gateway(script, version=178) as port, running_service(gateway_port=port, quote_timeout=0.5) as service:
        problem = await service.get("/market/quote/TSLA", 403)
        assert (problem["code"], problem["ib_code"]) == ("market_data_not_subscribed", 10089)


async def test_competing_session_is_reported_until_ticks_come_again() -> None:
    def competing(request: list[str]) -> list[list[str]]:
        return [*REAL["1"](request), ["4", "2", request[2], "10197", "No market data during competing live session", ""]]

    async with scripted_gateway({**REAL, "1": competing}, version=178) as port, running_service(gateway_port=port) as service:

        def refused(response: Any) -> bool:
            return bool(response.json().get("code") == "competing_session")

        response = await service.until("/market/quote/TSLA", refused)
        assert response.status_code == 409


@pytest.mark.parametrize(
    ("version", "startup", "reason"),
    [
        (200, STARTUP, "protocol version 200"),
        (100, STARTUP, "too old"),
        (178, STARTUP[:1], "did not start the API"),
        (178, [["9", "1", "1"], ["15", "1", ""]], "did not start the API"),
        (178, [["4", "2", "-1", "326", "Unable to connect as the client id is already in use.", ""]], "326"),
    ],
)
async def test_gateway_that_cannot_be_used_is_named_as_the_reason(version: int, startup: list[list[str]], reason: str) -> None:
    script = {**REAL, "71": lambda _request: startup}
    async with (
        scripted_gateway(script, version=version) as port,
        running_service(gateway_port=port, wait=False, connect_timeout=0.5) as service,
    ):
        await service.until("/health", lambda response: reason in (response.json()["reason"] or ""), within=5)


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 64, b"\x00\x00\x00\x05hello", b""])
async def test_what_is_no_gateway_is_left_and_tried_again(garbage: bytes, error_log: ErrorLog) -> None:
    connections = 0

    async def serve(stream: trio.SocketStream) -> None:
        nonlocal connections
        connections += 1
        if garbage:
            with suppress(trio.BrokenResourceError):
                await stream.send_all(garbage)
                async for _ in stream:
                    pass

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, serve, 0)
        port = listeners[0].socket.getsockname()[1]
        async with running_service(gateway_port=port, wait=False, connect_timeout=0.3) as service:
            with trio.fail_after(8):
                while connections < 3:
                    await service.get("/health")
            assert (await service.get("/health"))["status"] == "degraded"
        nursery.cancel_scope.cancel(reason="the test is over")
    assert not error_log.take()


async def test_a_frame_that_never_ends_is_silence() -> None:
    """Bytes alone are no sign of life: after a length that was misread all that follows is swallowed, and old prices would stay."""
    async with (
        running_script(REAL) as scripted,
        running_service(gateway_port=scripted.port, probe_idle=0.2, probe_timeout=0.4) as service,
        trio.open_nursery() as nursery,
    ):
        await service.get("/market/quote/TSLA")

        async def talk() -> None:
            while True:
                await scripted.push_bytes(b"1\x006\x00")
                await trio.sleep(0.05)

        await scripted.push_bytes((1_000_000).to_bytes(4, "big"))
        nursery.start_soon(talk)
        health = await service.until("/health", lambda response: not response.json()["ib_connected"], within=2)
        assert "silent" in health.json()["reason"]
        nursery.cancel_scope.cancel(reason="the test is over")
