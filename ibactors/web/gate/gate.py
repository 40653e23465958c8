"""The gate: the one layer that every request passes before the application, and every response after it.

It knows hosts, origins, keys, scopes and rates; the application behind it, Quart or whatever answers in front of Quart, finds only
requests that may be answered, with their `Caller`, their route and the values of its parameters in the `Handover`. What is not in the table
of routes does not exist, whatever the application would make of it.
"""

import structlog
import trio

from ibactors.config import Settings
from ibactors.keys import Scope as KeyScope
from ibactors.web.contract.asgi import (
    App,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    Handover,
    HTTPScope,
    Memory,
    Recall,
    Scope,
    WebsocketScope,
    handover,
)
from ibactors.web.contract.caller import Caller
from ibactors.web.contract.routes import NOWHERE, WEBSOCKET, Route, RouteTable
from ibactors.web.gate import websocket
from ibactors.web.gate.access import Access
from ibactors.web.gate.audit import AUDITED, Audit
from ibactors.web.gate.bodies import adding_headers, answer_options, read_body, refuse, refuse_upgrade
from ibactors.web.gate.origins import Origins, addressed
from ibactors.web.gate.rates import Rates
from ibactors.web.gate.recall import Recalled
from ibactors.web.gate.refusals import (
    HostNotAllowed,
    KeyInUrl,
    KeyInvalid,
    MethodNotAllowed,
    NotFound,
    OriginNotAllowed,
    Refused,
    TicketInvalid,
    UpgradeRequired,
    check_grant,
    invalid_key,
    no_key,
    wrong_method,
)
from ibactors.web.gate.terms import TERMS, GateTerms
from ibactors.web.gate.visit import Visit, chosen_id, request_ids, straighten

_EXPOSED = b"RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id, Location"


class Gate:
    """An ASGI application in front of another; `visitor` is who a request without a key comes from, by default who *access* says."""

    def __init__(
        self,
        app: App,
        routes: RouteTable,
        access: Access,
        settings: Settings,
        audit: Audit,
        *,
        visitor: Caller | None = None,
        terms: GateTerms = TERMS,
    ) -> None:
        self._app = app
        self._routes = routes
        self._access = access
        self._settings = settings
        self._audit = audit
        self._visitor = visitor
        self._terms = terms
        self._origins = Origins(
            hosts=settings.allowed_hosts, origins=settings.allowed_origins, loopback_only=settings.loopback_only or visitor is not None
        )
        self._rates = Rates(settings)
        self._ids = request_ids()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve one request or one WebSocket."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send)

    def recall(self, scope: HTTPScope) -> Recall | None:
        """What answers a request that was admitted, whenever the same one comes again; see `Memory`."""
        if not isinstance(self._app, Memory):
            return None
        visit, found = self._visit(scope, scope["method"]), handover(scope)
        try:
            self._judge(visit, scope, found)
            route = self._decide(visit, found)
        except Refused:
            return None
        if route is None or route.scope in AUDITED:
            return None
        limit = self._rates.bill(visit, found)
        _hand_over(visit, scope)
        again = self._app.recall(scope)
        return again and Recalled(visit, found, limit, again, access=self._access, audit=self._audit, ids=self._ids)

    async def _serve(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        visit = self._visit(scope, scope["method"])
        try:
            route = self._admit(visit, scope)
        except Refused as refusal:
            await self._refuse(visit, refusal, send)
            return
        if route is None:
            await answer_options(visit, handover(scope).place, send, shared=self._origins.shares_with(visit.origin))
            return
        # The key was valid a moment ago; from here on all ends with it: the wait for the body, the answer, the stream.
        with visit.caller.until_revoked() if visit.caller else trio.CancelScope() as ending:
            try:
                # 6. The body, whole and in time; read for nobody who may not be here, and before the application begins anything.
                receive = await read_body(visit, receive, self._terms.body_timeout, route.most_bytes)
            except Refused as refusal:
                await self._refuse(visit, refusal, send)
                return
            # 7. The application, which finds a caller wherever the route has a scope.
            _hand_over(visit, scope)
            await self._app(scope, receive, self._watch(visit, route, adding_headers(visit, ending, send)))
        if ending.cancelled_caught and not visit.answered:
            await self._refuse(visit, invalid_key("The API key was revoked meanwhile."), send)

    async def _refuse(self, visit: Visit, refusal: Refused, send: ASGISendCallable) -> None:
        self._turn_away(visit, refusal)
        await refuse(visit, refusal, send)

    async def _serve_socket(self, scope: WebsocketScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        visit = self._visit(scope, WEBSOCKET)
        try:
            self._admit(visit, scope)
        except Refused as refusal:
            self._turn_away(visit, refusal)
            await refuse_upgrade(visit, refusal, send)
            return
        socket = websocket.Socket(visit, handover(scope), self._terms, receive, send)
        # Steps 1 to 5 let a WebSocket in without a key, as browsers can send none with it; then its first message must bring one.
        introduction = None
        if visit.caller is None:
            try:
                introduction = await self._introduce(visit, socket)
            except Refused as refusal:
                self._turn_away(visit, refusal)
                await socket.turn_away(refusal)
                return
        if visit.caller is None:
            return  # the client has left instead
        with visit.caller.until_revoked() as ending:
            if introduction is not None:
                self._audit.key_used(visit.caller.name, visit.sender.address)
                self._rates.bill(visit, handover(scope))  # from here on for the key
                await socket.welcome(introduction)
            _hand_over(visit, scope)
            await self._app(scope, socket.receive, socket.send)
        if ending.cancelled_caught:
            await socket.close("the API key was revoked")

    def _visit(self, scope: HTTPScope | WebsocketScope, method: str) -> Visit:
        headers = dict(scope["headers"])
        peer = scope["client"][0] if scope["client"] else ""
        return Visit(
            request_id=chosen_id(headers, self._ids),
            method=method,
            path=scope["path"],
            query=scope["query_string"],
            headers=headers,
            sender=addressed(peer, scope["scheme"], headers, self._settings.trusted_proxies),
        )

    def _admit(self, visit: Visit, scope: HTTPScope | WebsocketScope) -> Route | None:
        """Decide on everything that can be decided by the head of the request; the route, or None for OPTIONS. Raises Refused.

        The order matters: who may not be here learns nothing of what there is, and whoever is refused pays for each request.
        """
        structlog.contextvars.bind_contextvars(request_id=visit.request_id)
        found = handover(scope)
        wrong = None
        try:
            self._judge(visit, scope, found)
        except Refused as refusal:
            wrong = refusal
        if visit.used_key:
            self._audit.key_used(visit.caller_name, visit.sender.address)
        # 4. The rate of the key, or of the address where there is no valid one. It counts also what was refused in 1 to 3.
        self._rates.count(visit, found)
        if wrong is not None:
            raise wrong
        return self._decide(visit, found)

    def _judge(self, visit: Visit, scope: HTTPScope | WebsocketScope, found: Handover) -> None:
        """Find out what is asked for and who asks. Raises Refused."""
        # 1. Host and Origin, before anything is read that a strange page could have made a browser send.
        self._check_origin(visit)
        # 2. The route, of the path as everybody behind will take it.
        straighten(scope)
        visit.path = scope["path"]
        found.place, found.path = self._routes.find(visit.path)
        found.route = found.place.routes.get(visit.method)
        # 3. The caller, where there are data; a link to a page may come from anywhere.
        if found.route is None or found.route.scope is not KeyScope.OPEN:
            self._check_site(visit)
            self._identify(visit)

    def _decide(self, visit: Visit, found: Handover) -> Route | None:
        # 5. Path, then method, then scope: 404, 405, OPTIONS and 426 are decided here and nowhere else.
        if found.place is NOWHERE:
            raise NotFound("There is nothing at this path.")
        if visit.method == "OPTIONS":
            return None
        if found.route is None:
            raise wrong_method(visit.method, visit.path, found.place)
        self._check_scope(visit, found.route)
        return found.route

    def _check_origin(self, visit: Visit) -> None:
        host, origin = visit.sender.host, visit.origin
        if not self._origins.welcomes_host(host):
            raise HostNotAllowed(f"The service is not served as {host[:100]!a}.")
        if not origin:
            return
        if not self._origins.welcomes_origin(origin, host):
            raise OriginNotAllowed(f"Pages of {origin[:100]!a} may not use this service.")
        if self._origins.shares_with(origin):
            visit.extra += [
                (b"access-control-allow-origin", origin.encode("latin-1")),
                (b"access-control-expose-headers", _EXPOSED),
                (b"vary", b"Origin"),
            ]

    def _check_site(self, visit: Visit) -> None:
        if self._origins.hides_origin(visit.headers.get(b"sec-fetch-site", b""), visit.origin):
            raise OriginNotAllowed("Pages of other sites may not use this service without saying who they are.")

    def _identify(self, visit: Visit) -> None:
        """Find the caller by key or ticket; without either, the caller stays unknown. Raises KeyInUrl, KeyInvalid, TicketInvalid."""
        visit.caller = self._visitor or self._access.anonymous
        if not self._access.secured:
            return
        if visit.shows_key_in_url():
            raise KeyInUrl("A key does not belong into a URL.")
        if visit.key:
            visit.caller = self._access.find(visit.key)
            if visit.caller is None:
                raise invalid_key("The API key is not valid.")
        elif visit.method == WEBSOCKET and (ticket := visit.parameter("ticket")):
            visit.caller = self._access.redeem(ticket)
            if visit.caller is None:
                raise TicketInvalid("The ticket is not valid: unknown, used before or too old.")

    def _check_scope(self, visit: Visit, route: Route) -> None:
        if route.scope is KeyScope.OPEN:
            return
        if visit.caller is not None:
            check_grant(visit.caller, route.scope)
        elif visit.method != WEBSOCKET:  # which may bring its key in its first message
            raise no_key()

    def _watch(self, visit: Visit, route: Route, send: ASGISendCallable) -> ASGISendCallable:
        """Write down what is audited when its answer is known."""
        wanted = route.scope
        if wanted not in AUDITED:
            return send

        async def watched(event: ASGISendEvent) -> None:
            if event["type"] == "http.response.start":
                self._audit.acted(wanted, visit.caller_name, visit.sender.address, visit.method, visit.path, event["status"])
            await send(event)

        return watched

    async def _introduce(self, visit: Visit, socket: websocket.Socket) -> websocket.Introduction | None:
        """Let a client that has sent no key with its request send it in its first message; None when it has left. Raises Refused."""
        introduction = await socket.introduction()
        if introduction is None:
            return None
        visit.caller = self._access.find(introduction.api_key)
        if visit.caller is None:
            raise KeyInvalid("The API key is not valid.")
        check_grant(visit.caller, KeyScope.STREAM)
        return introduction

    def _turn_away(self, visit: Visit, refusal: Refused) -> None:
        if not isinstance(refusal, NotFound | MethodNotAllowed | UpgradeRequired):
            self._audit.refused(refusal, visit.caller_name, visit.sender.address, visit.method, visit.path)


def _hand_over(visit: Visit, scope: HTTPScope | WebsocketScope) -> None:
    along = handover(scope)
    along.caller, along.address, along.request_id = visit.caller, visit.sender.address, visit.request_id
