"""How each kind of server is talked to: its health, a quote, and a stream of quotes where it has one."""

import json
import re
from collections.abc import Generator, Mapping
from typing import Protocol

from load import Conversation, HttpClient, StreamClient
from loop import Loop

_PATIENCE_S = 10.0
_JSON = {"Content-Type": "application/json"}


class Dialect(Protocol):
    """Conversations with one server; it remembers what a client would remember."""

    health_path: str
    healthy: bytes
    """What the answer contains once the gateway is connected."""
    stream_path: str
    """Empty if it pushes nothing."""
    remark: str
    """What a reader of the figures has to know; empty if nothing."""

    def __init__(self, port: int) -> None: ...

    def health(self) -> Conversation:
        """Ask whether it is connected."""

    def warm(self, symbol: str) -> Conversation:
        """Do once what makes quotes of a symbol cheap."""

    def quote(self, symbol: str) -> Conversation:
        """Ask for a symbol's newest values."""

    def subscribe(self, loop: Loop, stream: StreamClient, symbols: list[str]) -> None:
        """Have a stream send these symbols."""


class _Http:
    health_path = "/health"
    healthy = b""
    stream_path = ""
    remark = ""

    def __init__(self, port: int) -> None:
        self._port = port

    def health(self) -> Conversation:
        yield self._request("GET", self.health_path)

    def quote(self, symbol: str) -> Conversation:
        raise NotImplementedError

    def warm(self, symbol: str) -> Conversation:
        yield from self.quote(symbol)

    def _request(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> bytes:
        content = b"" if body is None else json.dumps(body).encode()
        extra = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        if body is not None:
            extra += f"Content-Length: {len(content)}\r\n"
        return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nAccept: */*\r\n{extra}\r\n".encode() + content


class Rest(_Http):
    """ibactors, and what its users would write: a quote is one GET, a stream takes names of symbols."""

    healthy = b'"ib_connected":true'
    stream_path = "/ws/stream"

    def quote(self, symbol: str) -> Conversation:
        yield self._request("GET", f"/market/quote/{symbol}")

    def subscribe(self, _loop: Loop, stream: StreamClient, symbols: list[str]) -> None:
        stream.send_text(json.dumps({"action": "subscribe", "symbols": symbols}))


class QxBridge(_Http):
    """qx-ibbridge: each quote is a snapshot of a contract by its number; a WebSocket's session is named in REST calls that subscribe."""

    healthy = b'"connected":true'
    stream_path = "/ws"
    remark = (
        "qx-ibbridge: a quote is a new snapshot each time, which the simulator answers at once; a cold one also asks for the contract's "
        "number. It reads from the gateway only while a request of its own waits for it."
    )

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._contracts: dict[str, dict[str, object]] = {}

    def quote(self, symbol: str) -> Conversation:
        contract = yield from self._contract(symbol)
        yield self._market_data("benchmark", contract, snapshot=True)

    def subscribe(self, loop: Loop, stream: StreamClient, symbols: list[str]) -> None:
        loop.run(_PATIENCE_S, lambda: bool(stream.first))
        session = re.search(rb'"sessionId": ?"([^"]+)"', stream.first)
        if session is None:
            raise ConnectionError(f"no session in {stream.first!r}")

        def all_of_them() -> Conversation:
            for symbol in symbols:
                contract = yield from self._contract(symbol)
                yield self._market_data(session[1].decode(), contract, snapshot=False)

        client = HttpClient(loop, self._port, all_of_them, again=False)
        if not loop.run(_PATIENCE_S, lambda: bool(client.took)):
            raise TimeoutError("the server did not take a subscription")
        client.close()

    def _contract(self, symbol: str) -> Generator[bytes, bytes, dict[str, object]]:
        if symbol not in self._contracts:
            contract: dict[str, object] = {"secType": "STK", "symbol": symbol, "exchange": "SMART", "currency": "USD"}
            answer = yield self._request("POST", "/qualify-contracts", {"contracts": [contract]}, _JSON)
            number = re.search(rb'"conId": ?(\d+)', answer)
            if number is None:
                raise ConnectionError(f"no contract's number in {answer[-200:]!r}")
            self._contracts[symbol] = contract | {"conId": int(number[1])}
        return self._contracts[symbol]

    def _market_data(self, session: str, contract: dict[str, object], *, snapshot: bool) -> bytes:
        return self._request("POST", "/req-mkt-data", {"contract": contract, "snapshot": snapshot}, _JSON | {"X-Session-Id": session})


class GatewayMcp(_Http):
    """ib-gateway-mcp: a quote is an MCP tool call over HTTP, answered from memory once the symbol is subscribed; nothing is pushed."""

    health_path = "/readyz"
    healthy = b'"ready":true'
    remark = (
        "ib-gateway-mcp: a quote is the MCP tool `get_quotes` over HTTP, warm after `subscribe_quotes`; it has no stream, MCP clients poll."
    )

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._headers = _JSON | {"Accept": "application/json, text/event-stream"}
        self._open = False

    def warm(self, symbol: str) -> Conversation:
        yield from self._call("subscribe_quotes", {"contract": {"symbol": symbol, "sec_type": "STK"}})

    def quote(self, symbol: str) -> Conversation:
        yield from self._call("get_quotes", {"contracts": [{"symbol": symbol, "sec_type": "STK"}]})

    def subscribe(self, _loop: Loop, _stream: StreamClient, _symbols: list[str]) -> None:
        raise NotImplementedError

    def _call(self, tool: str, arguments: dict[str, object]) -> Conversation:
        if not self._open:
            yield from self._introduce()
        answer = yield self._rpc(id=1, method="tools/call", params={"name": tool, "arguments": arguments})
        if b'"isError":false' not in answer:
            raise ConnectionError(f"the tool {tool} answered {answer[-300:]!r}")

    def _introduce(self) -> Conversation:
        version = "2025-06-18"
        about = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "benchmark", "version": "1"}}
        answer = yield self._rpc(id=0, method="initialize", params=about)
        session = re.search(rb"mcp-session-id: *(\S+)", answer, re.IGNORECASE)
        if session is None:
            raise ConnectionError(f"no session in {answer[:300]!r}")
        self._headers |= {"Mcp-Session-Id": session[1].decode(), "Mcp-Protocol-Version": version}
        yield self._rpc(method="notifications/initialized")
        self._open = True

    def _rpc(self, **message: object) -> bytes:
        return self._request("POST", "/mcp", {"jsonrpc": "2.0", **message}, self._headers)
