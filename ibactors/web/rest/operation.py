"""The table of operations: each REST route is one `Operation`, from which routing, validation and the OpenAPI document all follow."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic

import msgspec
from quart import Response, request

from ibactors.errors import IbactorsError, InvalidRequest
from ibactors.web.contract.codec import B, Q, encode, encoder, validated
from ibactors.web.contract.problems import Problem, headers_of, problem_of
from ibactors.web.contract.routes import Route
from ibactors.web.system import System

EVENT_STREAM = "text/event-stream"


class Nothing(msgspec.Struct, frozen=True):
    """The query or body of an operation that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Q, B]):
    """One request, validated."""

    system: System
    path: dict[str, str]
    query: Q
    body: B


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

    handler: Callable[[Call[Q, B]], Awaitable[object]]
    at_once: Callable[[Call[Q, B]], object | None] | None = None
    """For what is asked for often: the same answer from memory without waiting, or None if that cannot be."""
    summary: str
    tag: str
    query: type[Q]
    body: type[B]
    named: type = Nothing
    """The parameters in the path."""
    returns: Any = None
    """The type of a 200, or of the data of each of its events; None where it is not JSON."""
    accepted: Any = None
    """The type of a 202, for what may go on after the answer; its header Location says where to look."""
    media_type: str = "application/json"
    also: tuple[str, ...] = ()
    """Further media types of a 200, by the Accept header or `?format=`."""
    problems: tuple[type[IbactorsError], ...] = ()
    description: str = ""

    async def __call__(self, system: System, path: dict[str, str]) -> Response:
        """Validate, handle, encode."""
        call = Call(system=system, path=path, query=self._read_query(), body=await self._read_body())
        return _respond(await self.handler(call))

    def _read_query(self) -> Q:
        if self.query is Nothing:
            return self.query()
        return self.query_of(request.args.items(multi=True))

    def query_of(self, parameters: Iterable[tuple[str, str]]) -> Q:
        """The query, validated. Raises InvalidRequest."""
        given: dict[str, str] = {}
        for name, value in parameters:
            if name in given:
                raise InvalidRequest(f"The parameter {name!r} is given more than once.", field=name)
            given[name] = value
        return validated(self.query, lambda: msgspec.convert(given, self.query, strict=False))

    async def _read_body(self) -> B:
        if self.body is Nothing:
            return self.body()
        if request.mimetype != "application/json":
            raise UnsupportedMediaType(f"The body must be JSON, but its Content-Type is {request.mimetype or 'missing'!r}.")
        data = await request.get_data()
        return validated(self.body, lambda: msgspec.json.decode(data, type=self.body))


class UnsupportedMediaType(IbactorsError):
    """The body is not declared to be JSON."""

    code = "unsupported_media_type"
    hint = "Send the header Content-Type: application/json."


def answer_of(result: object) -> Answer:
    """What a handler returned, as a response other than a problem."""
    return result if isinstance(result, Answer) else Answer(body=encode(result))


def _respond(result: object) -> Response:
    if isinstance(result, Problem):
        return problem_response(result)
    if isinstance(result, Pieces):
        response = Response(result.body, content_type=result.content_type, headers=result.headers)
        response.timeout = None  # it ends when the client leaves or the service stops
        return response
    answer = answer_of(result)
    return Response(answer.body, status=answer.status, content_type=answer.content_type, headers=answer.headers)


def problem_response(problem: Problem) -> Response:
    """The response that carries a problem document, with the request's id."""
    named = msgspec.structs.replace(problem, request_id=request.scope["state"]["request_id"])
    return Response(encoder.encode(named), status=problem.status, headers=headers_of(problem))


def error_response(error: IbactorsError) -> Response:
    """The response for one of our exceptions."""
    return problem_response(problem_of(error))
