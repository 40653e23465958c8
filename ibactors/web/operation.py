"""The table of operations: each REST route is one `Operation`, from which routing, validation and the OpenAPI document all follow."""

import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic
from urllib.parse import parse_qsl

import msgspec
import trio
from quart import Response, request

from ibactors.actors.site import Site
from ibactors.errors import IbactorsError, InvalidRequest
from ibactors.validation import validated
from ibactors.web.contract.asgi import Handover, HTTPScope, WebsocketScope, handover
from ibactors.web.contract.caller import Caller
from ibactors.web.contract.codec import B, Q, encode, read_json
from ibactors.web.contract.problems import Problem, headers_of, problem_of
from ibactors.web.contract.routes import Route
from ibactors.web.contract.tables import JSON, Form, Rows, form_of, member
from ibactors.web.gate.refusals import RateLimited
from ibactors.web.system import System

EVENT_STREAM = "text/event-stream"
FORM_PARAMETERS = ("format", "field")
"""Of each operation that has rows, besides its own."""
NEXT_PAGE = "X-Next-Page-Token"
"""The header that has an answer's `next_page_token` where its body is a table."""
_LINES_IN_A_STEP = 100
"""Lines that are made before others have their turn."""


class Nothing(msgspec.Struct, frozen=True):
    """The query or body of an operation that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Q, B]):
    """One request, validated."""

    system: System
    along: Handover
    query: Q
    """Its parameters, of the path and of the query."""
    body: B
    form: Form | None = None
    """In which form the answer is wanted; None for its own."""
    chosen: Site | None = None
    """The gateway that answers all of it; None while none is chosen, as a request may be kept for others like it."""

    @property
    def site(self) -> Site:
        """The gateway that answers it."""
        return self.chosen or self.system.site

    @property
    def caller(self) -> Caller:
        """Who calls; every operation with a scope has somebody."""
        if self.along.caller is None:
            raise AssertionError("an operation that is open to everybody asks who calls")
        return self.along.caller

    def count_symbols(self, number: int) -> None:
        """Count the symbols that the request names, beyond the first: what they cost is not one request. Raises RateLimited."""
        wait = self.along.charge(number - 1)
        if wait:
            raise RateLimited("Too many symbols.", retry_after=math.ceil(wait))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response other than 200 with JSON."""

    body: str | bytes
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """A response whose body is sent as it comes into being."""

    body: AsyncIterator[bytes]
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Route, Generic[Q, B]):
    """One method of one path. `problems` are the errors that it may answer, besides those that any operation may."""

    handle: Callable[[Call[Q, B]], Awaitable[object]] | None = None
    """For what may take waiting."""
    asks: Callable[[Call[Q, B]], Hashable] | None = None
    """What a gateway is asked for, where the next is asked by all of `handle` if one does not give it; None where there is no other."""
    at_once: Callable[[Call[Q, B]], object | None] | None = None
    """The answer from memory, or None where there is none: then `handle` has it. One of the two may be missing. It is a 200 without headers
    of its own: a struct, or its JSON."""
    summary: str
    tag: str
    query: type[Q]
    """The parameters, by name: those that the path has in braces, and those of the query."""
    body: type[B]
    read: Callable[[bytes], B] | None = None
    """How the body is read, where that is not msgspec's way: raises InvalidRequest."""
    returns: Any = None
    """The type of a 200, or of the data of each of its events; None where it is not JSON."""
    or_returns: Any = None
    """The type of another kind of 200."""
    accepted: Any = None
    """The type of a 202, for what may go on after the answer; its header Location says where to look."""
    media_type: str = "application/json"
    also: tuple[str, ...] = ()
    """Further media types of a 200, by the Accept header or `?format=`."""
    rows: Rows | None = None
    """Where a 200 has rows, for what can be had as a table too (`contract/tables.py`)."""
    problems: tuple[type[IbactorsError], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers that it takes, and what they say."""
    refusal: Callable[[IbactorsError], object] | None = None
    """What is answered in place of a problem document, for clients that have a form of their own."""
    description: str = ""

    @property
    def name(self) -> str:
        """The `operationId`."""
        function = self.handle or self.at_once
        if function is None:
            raise TypeError(f"{self.method} {self.path} has neither handle nor at_once.")
        return function.__name__

    @property
    def path_names(self) -> frozenset[str]:
        """The names of the parameters in the path."""
        return frozenset(re.findall(r"{(\w+)}", self.path))

    def call(self, system: System, scope: HTTPScope | WebsocketScope, body: B) -> Call[Q, B]:
        """A request, validated. Raises InvalidRequest."""
        along = handover(scope)
        if self.query is Nothing and self.rows is None:
            return Call(system=system, along=along, query=self.query(), body=body)
        given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        form = None
        if self.rows is not None:
            form = form_of(self.rows, dict(given), _accept(scope))
        return Call(system=system, along=along, query=self.query_of(given, along.path), body=body, form=form)

    def query_of(self, parameters: Iterable[tuple[str, str]], path: Mapping[str, str]) -> Q:
        """The parameters, of query and *path*, validated. Raises InvalidRequest."""
        given = dict(path)
        for name, value in parameters:
            if name in given:
                raise InvalidRequest(f"The parameter {name!r} is given more than once.", field=name)
            given[name] = value
        if self.rows is not None:
            given = {name: value for name, value in given.items() if name not in FORM_PARAMETERS}
        return validated(self.query, lambda: msgspec.convert(given, self.query, strict=False), hidden=path.keys())

    def for_memory(self, system: System, scope: HTTPScope) -> Call[Q, B] | None:
        """The request, validated, where `remembered` may have its answer."""
        if self.at_once is None:
            return None
        try:
            call = self.call(system, scope, self.body())
        except InvalidRequest:
            return None  # whatever is an error has one way, which says it in full
        return call if call.form is None else None

    def remembered(self, call: Call[Q, B]) -> bytes | None:
        """The body of a 200 with JSON, where it takes no waiting and is not an error."""
        try:
            result = None if self.at_once is None else self.at_once(call)
        except InvalidRequest:
            return None
        return result if result is None or isinstance(result, bytes) else encode(result)

    async def respond(self, system: System, scope: HTTPScope | WebsocketScope) -> Response:
        """Validate, handle, encode.

        Raises InvalidRequest, UnsupportedMediaType and what the operation raises, unless it has a form of its own for them.
        """
        try:
            return _respond(await self._result(system, scope))
        except IbactorsError as exc:
            if self.refusal is None:
                raise
            return _respond(self.refusal(exc))

    async def _result(self, system: System, scope: HTTPScope | WebsocketScope) -> object:
        call = self.call(system, scope, await self._read_body())
        result = await self.handled(call) if self.handle is not None else self.at_once(call) if self.at_once is not None else None
        return result if call.form is None else await _in_form(result, call.form)

    async def handled(self, call: Call[Q, B]) -> object:
        """What `handle` answers, all of it by the first gateway that gives it."""
        handle = self.handle
        if handle is None:
            raise AssertionError("an operation that takes waiting says how")
        if self.asks is None:
            return await handle(replace(call, chosen=call.system.site))
        return await call.system.choices.ask(self.asks(call), lambda site: handle(replace(call, chosen=site)))

    async def _read_body(self) -> B:
        if self.body is Nothing:
            return self.body()
        if request.mimetype != "application/json":
            raise UnsupportedMediaType(f"The body must be JSON, but its Content-Type is {request.mimetype or 'missing'!r}.")
        data = await request.get_data()
        if self.read is not None:
            return self.read(data if isinstance(data, bytes) else data.encode())
        return validated(self.body, lambda: read_json(data, self.body))


def reference_data(_call: object) -> Hashable:
    """What an operation asks a gateway for, where every login may have it."""
    return "reference data"


class UnsupportedMediaType(IbactorsError):
    """The body is not declared to be JSON."""

    code = "unsupported_media_type"
    hint = "Send the header Content-Type: application/json."


def answer_of(result: object) -> Answer:
    """What a handler returned, as a response other than a problem; bytes are JSON."""
    if isinstance(result, Answer):
        return result
    return Answer(body=result if isinstance(result, bytes) else encode(result))


async def _in_form(result: object, form: Form) -> object:
    """A 200 as a table.

    All of it is made before any of it is sent, so that half a table is never taken for a whole one; what has many rows comes in pages.
    """
    if isinstance(result, Problem | Pieces) or (isinstance(result, Answer) and (result.status, result.content_type) != (200, JSON)):
        return result
    answer = msgspec.json.decode(result.body) if isinstance(result, Answer) else result
    lines: list[str] = []
    for line in form.lines(answer):
        lines.append(line)
        if not len(lines) % _LINES_IN_A_STEP:
            await trio.lowlevel.checkpoint()
    headers = dict(result.headers) if isinstance(result, Answer) else {}
    if token := member(answer, "next_page_token"):
        headers[NEXT_PAGE] = str(token)
    return Answer(body="".join(lines), content_type=form.content_type, headers=headers)


def _accept(scope: HTTPScope | WebsocketScope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"accept"), "")


def _respond(result: object) -> Response:
    if isinstance(result, Problem):
        return problem_response(result)
    if isinstance(result, Pieces):
        response = Response(result.body, content_type=result.content_type, headers=result.headers)
        response.timeout = None  # it ends when the client leaves or the service stops
        return response
    return response_of(answer_of(result))


def response_of(answer: Answer) -> Response:
    """An answer, for Quart."""
    return Response(answer.body, status=answer.status, content_type=answer.content_type, headers=answer.headers)


def problem_response(problem: Problem) -> Response:
    """The response that carries a problem document, with the request's id."""
    return response_of(problem_answer(problem, handover(request.scope)))


def problem_answer(problem: Problem, along: Handover) -> Answer:
    """The answer that carries a problem document, with the request's id."""
    named = msgspec.structs.replace(problem, request_id=along.request_id)
    headers = headers_of(problem)
    return Answer(body=encode(named), status=problem.status, content_type=headers.pop("Content-Type"), headers=headers)


def error_response(error: IbactorsError) -> Response:
    """The response for one of our exceptions."""
    return problem_response(problem_of(error))
