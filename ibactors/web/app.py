"""The Quart-Trio application: the table of operations, the WebSocket, the docs, and one shape for every error."""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

import structlog
import trio
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, NotFound

from ibactors.errors import IbactorsError
from ibactors.keys import Scope
from ibactors.web.contract.codec import encode
from ibactors.web.contract.problems import make_problem
from ibactors.web.contract.routes import STREAM, WEBSOCKET, Route, RouteTable
from ibactors.web.front import Front
from ibactors.web.page import serve
from ibactors.web.rest import account, debug, docs, health, login, quotes, tickets
from ibactors.web.rest.openapi import build_document
from ibactors.web.rest.operation import Operation, error_response, problem_response
from ibactors.web.stream import sse
from ibactors.web.stream.asyncapi import build_asyncapi
from ibactors.web.system import System

log = structlog.get_logger(__name__)

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    *health.OPERATIONS,
    *login.OPERATIONS,
    *tickets.OPERATIONS,
    *account.OPERATIONS,
    *quotes.OPERATIONS,
    *sse.OPERATIONS,
    *debug.OPERATIONS,
)

ROUTES: tuple[Route, ...] = (
    *OPERATIONS,
    *docs.ROUTES,
    *serve.ROUTES,
    Route(method="GET", path="/openapi.json", scope=Scope.OPEN),
    Route(method="GET", path="/asyncapi.json", scope=Scope.OPEN),
    Route(method=WEBSOCKET, path=STREAM, scope=Scope.STREAM),
)

_OPENAPI = {secured: encode(build_document(OPERATIONS, secured=secured)) for secured in (False, True)}
"""By whether the service asks for keys. Made at import, as it takes longer than a step of the running loop may."""
_ASYNCAPI = encode(build_asyncapi())


def create_app(system: System) -> Front:
    """The application in front of *system*; it starts nothing of its own, and must stand behind a `Gate` with the table `ROUTES`."""
    app = QuartTrio("ibactors", static_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    for operation in OPERATIONS:
        view = _view(operation, system)
        app.add_url_rule(
            operation.pattern,
            operation.handler.__name__,
            serve.page_or(view) if operation.path == "/" else view,
            methods=[operation.method],
        )
    app.add_url_rule("/openapi.json", "openapi", _serve(lambda: _OPENAPI[system.access.secured]), methods=["GET"])
    app.add_url_rule("/asyncapi.json", "asyncapi", _serve(lambda: _ASYNCAPI), methods=["GET"])
    docs.register_docs(app)
    serve.register_ui(app)
    check_routes(app, RouteTable(ROUTES))
    app.register_error_handler(IbactorsError, _on_our_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_bug)
    return Front(app, system, OPERATIONS)


def check_routes(app: QuartTrio, table: RouteTable) -> None:
    """Raises RuntimeError for a route of *app* that has no scope."""
    for rule in app.url_map.iter_rules():
        for method in {WEBSOCKET} if rule.websocket else (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            if (method, rule.rule) not in table:
                raise RuntimeError(f"The route {method} {rule.rule} has no scope: add it to ROUTES in {__name__}.")


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


def _serve(document: Callable[[], bytes]) -> Callable[[], Awaitable[Response]]:
    async def serve() -> Response:
        return Response(document(), content_type="application/json")

    return serve


async def _on_our_error(error: IbactorsError) -> Response:
    return error_response(error)


async def _on_http_error(error: HTTPException) -> Response:
    status = error.code or 500
    code = "not_found" if status == NotFound.code else "bad_request"
    return problem_response(make_problem(code, error.description or error.name, status=status))


async def _on_bug(error: Exception) -> Response:
    log.error("request_failed", method=request.method, path=request.path, exc_info=error)
    return problem_response(make_problem("internal_error", "The service failed on this request; the log has the details."))
