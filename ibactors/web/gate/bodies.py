"""What the gate reads and writes itself: bodies of requests, whole and in time, and the responses of what it turns away."""

import msgspec
import trio

from ibactors.web.contract.asgi import ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, ASGISendEvent
from ibactors.web.contract.codec import encode
from ibactors.web.contract.problems import headers_of, problem_of
from ibactors.web.contract.routes import Place
from ibactors.web.gate.refusals import Refused, RequestTimeout, RequestTooLarge
from ibactors.web.gate.visit import Headers, Visit

_PREFLIGHT = (
    (b"access-control-allow-headers", b"Authorization, X-API-Key, Content-Type, X-Request-Id"),
    (b"access-control-max-age", b"600"),
)


async def read_body(visit: Visit, receive: ASGIReceiveCallable, at_most: float, most_bytes: int) -> ASGIReceiveCallable:
    """Read the body, if there is one, within *at_most* seconds; the result brings it whole. Raises RequestTooLarge, RequestTimeout."""
    length = visit.headers.get(b"content-length", b"0")
    if length == b"0" and b"transfer-encoding" not in visit.headers:
        return receive
    if length.isdigit() and int(length) > most_bytes:
        raise _too_large(most_bytes)
    body = bytearray()
    with trio.move_on_after(at_most) as waiting:
        more = True
        while more:
            event = await receive()
            if event["type"] != "http.request":
                return _replaying(event, receive)
            body += event["body"]
            more = event["more_body"]
            if len(body) > most_bytes:
                raise _too_large(most_bytes)
    if waiting.cancelled_caught:
        raise RequestTimeout(f"The body did not come within {at_most:g} s.")
    return _replaying({"type": "http.request", "body": bytes(body), "more_body": False}, receive)


def _too_large(most_bytes: int) -> RequestTooLarge:
    return RequestTooLarge(f"A body may have {most_bytes} bytes.")


def _replaying(first: ASGIReceiveEvent, receive: ASGIReceiveCallable) -> ASGIReceiveCallable:
    """*first*, and then what *receive* brings."""
    events = [first]

    async def replaying() -> ASGIReceiveEvent:
        return events.pop() if events else await receive()

    return replaying


async def answer_options(visit: Visit, place: Place, send: ASGISendCallable, *, shared: bool) -> None:
    """What may be done at *place*; needs no key, as a browser that asks for a page's sake, which may be *shared* with, sends none."""
    headers = [(b"allow", place.allowed.encode())]
    if shared:
        headers += [(b"access-control-allow-methods", place.allowed.encode()), *_PREFLIGHT]
    await send({"type": "http.response.start", "status": 204, "headers": visit.response_headers(headers), "trailers": False})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def refuse(visit: Visit, refusal: Refused, send: ASGISendCallable) -> None:
    """Answer an HTTP request with the problem document of *refusal*."""
    status, headers, body = _response(visit, refusal)
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def refuse_upgrade(visit: Visit, refusal: Refused, send: ASGISendCallable) -> None:
    """Answer the request for a WebSocket with the problem document of *refusal*, instead of accepting."""
    status, headers, body = _response(visit, refusal)
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body, "more_body": False})


def _response(visit: Visit, refusal: Refused) -> tuple[int, Headers, bytes]:
    problem = msgspec.structs.replace(problem_of(refusal), request_id=visit.request_id)
    body = encode(problem)
    named = {**headers_of(problem), **refusal.headers, "Content-Length": str(len(body))}
    given = [(name.lower().encode(), value.encode("latin-1")) for name, value in named.items()]
    return problem.status, visit.response_headers(given), body


def adding_headers(visit: Visit, ending: trio.CancelScope, send: ASGISendCallable) -> ASGISendCallable:
    """Send what the application sends, with the gate's headers on the response, and nothing more once *ending* is cancelled."""

    async def sending(event: ASGISendEvent) -> None:
        if ending.cancel_called:
            await trio.lowlevel.checkpoint()  # the end of a key overtakes an answer that is made already
        if event["type"] == "http.response.start":
            visit.answered = True
            event["headers"] = visit.response_headers(list(event["headers"]))
        await send(event)

    return sending
