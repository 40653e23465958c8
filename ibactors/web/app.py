"""The Quart-Trio application: the table of operations, the WebSocket, the docs, and one shape for every error."""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

import structlog
import trio
from quart import Response, has_request_context, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import WebsocketMismatch

from ibactors.errors import IbactorsError
from ibactors.system import System
from ibactors.web import account, debug, docs, health, login, market, ui
from ibactors.web.front import STREAM, put_in_front
from ibactors.web.openapi import build_document
from ibactors.web.operations import Operation, encode, error_response, problem_response
from ibactors.web.problems import make_problem

log = structlog.get_logger(__name__)

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    *health.OPERATIONS,
    *login.OPERATIONS,
    *account.OPERATIONS,
    *market.OPERATIONS,
    *debug.OPERATIONS,
)

MAX_BODY = 64 * 1024

_HTTP_CODES = {
    404: ("not_found", "GET /docs lists what there is."),
    405: ("method_not_allowed", "See the Allow header."),
    413: ("request_too_large", f"A body may have {MAX_BODY} bytes."),
}


def create_app(system: System) -> QuartTrio:
    """The application in front of *system*; it starts nothing of its own."""
    app = QuartTrio("ibactors", static_folder=None)
    app.url_map.strict_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    for operation in OPERATIONS:
        view = _view(operation, system)
        app.add_url_rule(
            operation.rule or operation.path.replace("{", "<").replace("}", ">"),
            operation.handler.__name__,
            ui.page_or(view) if operation.path == "/" else view,
            methods=[operation.method],
        )
    document = encode(build_document(OPERATIONS))
    app.add_url_rule("/openapi.json", "openapi", _serve_document(document), methods=["GET"])
    docs.register_docs(app)
    ui.register_ui(app)
    app.add_websocket(STREAM, "stream", _served_in_front)
    app.register_error_handler(IbactorsError, _on_our_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_bug)
    app.asgi_app = put_in_front(app.asgi_app, system)  # type: ignore[assignment,method-assign]  # Quart's way to add ASGI middleware
    return app


async def _served_in_front() -> None:
    """Never called; the route makes Quart tell clients that come without an upgrade what is there."""
    raise AssertionError(f"{STREAM} is served in front of Quart")


def _view(operation: Operation[Any, Any], system: System) -> Callable[..., Awaitable[Response]]:
    name = f"{operation.method} {operation.path}"

    async def view(**path: str) -> Response:
        trio.lowlevel.current_task().name = name
        begun = perf_counter()
        status = 500
        try:
            response = await operation(system, path)
            status = response.status_code
        except IbactorsError as exc:
            response = error_response(exc)
            status = response.status_code
        except HTTPException as exc:
            status = exc.code or status
            raise
        finally:
            system.meters.answered(operation.method, operation.path, status, perf_counter() - begun)
        return response

    return view


def _serve_document(document: bytes) -> Callable[[], Awaitable[Response]]:
    async def serve() -> Response:
        return Response(document, content_type="application/json")

    return serve


async def _on_our_error(error: IbactorsError) -> Response:
    return error_response(error)


async def _on_http_error(error: HTTPException) -> Response:
    if isinstance(error, WebsocketMismatch) and has_request_context():
        problem = make_problem("upgrade_required", f"{request.path} is a WebSocket.", hint="Connect with a WebSocket client.")
        response = problem_response(problem)
        response.headers["Upgrade"] = "websocket"
        return response
    status = error.code or 500
    code, hint = _HTTP_CODES.get(status, ("bad_request", None))
    response = problem_response(make_problem(code, error.description or error.name, hint=hint, status=status))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


async def _on_bug(error: Exception) -> Response:
    log.error("request_failed", method=request.method, path=request.path, exc_info=error)
    return problem_response(make_problem("internal_error", "The service failed on this request; the log has the details."))
