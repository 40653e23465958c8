"""The Quart-Trio application: the table of operations, the WebSocket, the docs, and one shape for every error."""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import structlog
import trio
from quart import Request, Response, request
from quart.ctx import RequestContext
from quart.routing import QuartRule
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, NotFound

from ibactors.errors import IbactorsError
from ibactors.keys import Scope
from ibactors.web.carrying import Carrier, Reader
from ibactors.web.contract.asgi import handover
from ibactors.web.contract.codec import encode
from ibactors.web.contract.problems import make_problem
from ibactors.web.contract.routes import STREAM, WEBSOCKET, Route, RouteTable
from ibactors.web.front import Front
from ibactors.web.operation import Operation, error_response, problem_response
from ibactors.web.page import serve
from ibactors.web.rest import (
    account,
    advisers,
    contracts,
    debug,
    depth,
    docs,
    executions,
    executions_import,
    gateways,
    health,
    history,
    history_jobs,
    login,
    mcp,
    news,
    options,
    order_cancels,
    order_changes,
    order_events,
    order_groups,
    order_operator,
    order_preview,
    order_reads,
    orders,
    portfolio,
    quotes,
    scanner,
    tickets,
    trading,
    udf,
    watchlist,
)
from ibactors.web.rest.openapi import build_document
from ibactors.web.stream import order_stream, sse
from ibactors.web.stream.asyncapi import build_asyncapi
from ibactors.web.system import System

View = Callable[..., Awaitable[Response]]

log = structlog.get_logger(__name__)

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    *health.OPERATIONS,
    *gateways.OPERATIONS,
    *login.OPERATIONS,
    *tickets.OPERATIONS,
    *account.OPERATIONS,
    *portfolio.OPERATIONS,
    *advisers.OPERATIONS,
    *quotes.OPERATIONS,
    *depth.OPERATIONS,
    *watchlist.OPERATIONS,
    *udf.OPERATIONS,
    *contracts.OPERATIONS,
    *options.OPERATIONS,
    *history.OPERATIONS,
    *history_jobs.OPERATIONS,
    *news.OPERATIONS,
    *scanner.OPERATIONS,
    *sse.OPERATIONS,
    *order_stream.OPERATIONS,
    *trading.OPERATIONS,
    *order_groups.OPERATIONS,
    *order_changes.OPERATIONS,
    *order_cancels.OPERATIONS,
    *order_events.OPERATIONS,
    *executions.OPERATIONS,
    *executions_import.OPERATIONS,
    *orders.OPERATIONS,
    *order_reads.OPERATIONS,
    *order_preview.OPERATIONS,
    *order_operator.OPERATIONS,
    *debug.OPERATIONS,
)

_DOCUMENTS = tuple(Route(method="GET", path=path, scope=Scope.OPEN) for path in ("/openapi.json", "/asyncapi.json"))

ROUTES: tuple[Route, ...] = (
    *OPERATIONS,
    *docs.ROUTES,
    *mcp.ROUTES,
    *serve.ROUTES,
    *_DOCUMENTS,
    Route(method=WEBSOCKET, path=STREAM, scope=Scope.STREAM),
)

HERE: tuple[Route, ...] = (
    *health.OPERATIONS,
    *tickets.OPERATIONS,
    *quotes.OPERATIONS,
    *sse.OPERATIONS,
    *order_stream.OPERATIONS,
    *debug.OPERATIONS,
    *docs.ROUTES,
    *serve.ROUTES,
    *_DOCUMENTS,
)
"""What an edge answers itself."""


@cache
def _openapi(*, secured: bool) -> bytes:
    """The document, by whether the service asks for keys."""
    return encode(build_document(OPERATIONS, secured=secured))


@cache
def _asyncapi() -> bytes:
    return encode(build_asyncapi())


class _Rule(QuartRule):
    """Quart's name for a route."""

    def compile(self) -> None:
        """Werkzeug's programs that match paths and build them took half of the start, and nobody runs them."""
        self._parts = []


class _Quart(QuartTrio):
    """Quart with every route of the table, of which it looks for none: the gate has found it and handed it over."""

    def __init__(self, views: dict[tuple[str, str], View]) -> None:
        super().__init__("ibactors", static_folder=None)
        self.url_rule_class = _Rule
        for route in ROUTES:
            if route.method != WEBSOCKET:
                self.add_url_rule(route.rule, f"{route.method} {route.path}", views[route.method, route.path], methods=[route.method])
        self._rules = {rule.endpoint: rule for rule in self.url_map.iter_rules() if isinstance(rule, QuartRule)}

    def request_context(self, request: Request) -> RequestContext:
        """Where Quart looks for the route of a request."""
        return _Context(self, request)

    def rule_of(self, route: Route) -> QuartRule:
        """Quart's name for *route*."""
        return self._rules[f"{route.method} {route.path}"]


class _Context(RequestContext):
    """A request with its route."""

    def match_request(self) -> None:
        """Take the route that was handed over."""
        found = handover(self.request.scope)
        if found.route is None or not isinstance(self.app, _Quart):
            raise AssertionError("the gate hands over a route with each request")
        self.request.url_rule = self.app.rule_of(found.route)
        self.request.view_args = dict(found.path)


def create_app(system: System) -> Front:
    """The application in front of *system*; it starts nothing of its own, and must stand behind a `Gate` with the table `ROUTES`."""
    views: dict[tuple[str, str], View] = {(operation.method, operation.path): _view(operation, system) for operation in OPERATIONS}
    views["POST", mcp.PATH] = mcp.view(system)
    views["GET", "/"] = serve.page_or(views["GET", "/"])
    documents = {"/openapi.json": _serve(lambda: _openapi(secured=system.access.secured)), "/asyncapi.json": _serve(_asyncapi)}
    views |= {("GET", path): view for path, view in {**documents, **docs.views(), **serve.views()}.items()}
    app = _Quart(views)
    check_routes(app, RouteTable(ROUTES))
    app.register_error_handler(IbactorsError, _on_our_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_bug)
    reader = system.site.connection
    return Front(app, system, Carrier(reader, HERE, orders=system.settings.bus_orders) if isinstance(reader, Reader) else None)


def check_routes(app: QuartTrio, table: RouteTable) -> None:
    """Raises RuntimeError for a route of *app* that has no scope."""
    for rule in app.url_map.iter_rules():
        for method in {WEBSOCKET} if rule.websocket else (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            if (method, rule.rule) not in table:
                raise RuntimeError(f"The route {method} {rule.rule} has no scope: add it to ROUTES in {__name__}.")


def _view(operation: Operation[Any, Any], system: System) -> View:
    name = f"{operation.method} {operation.path}"

    async def view(**_path: str) -> Response:
        trio.lowlevel.current_task().name = name
        return await operation.respond(system, request.scope)

    return view


def _serve(document: Callable[[], bytes]) -> View:
    async def serve() -> Response:
        # It takes longer to make than a step of the loop may, and most services are never asked for it.
        return Response(await trio.to_thread.run_sync(document), content_type="application/json")

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
