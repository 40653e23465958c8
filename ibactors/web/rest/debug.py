"""For whoever is woken at night: which actor is in what state and why, which task waits where, what holds up the event loop.

All of it is read off the running service without asking any actor, so that it answers when they do not. Frames and messages' names are
shown, never locals; account numbers are masked. Each page comes as text for people, as
JSON for programs or as HTML for browsers, by `?format=` or Accept.
"""

from typing import Annotated, Literal

import msgspec
from quart import request

from ibactors.errors import IbactorsError
from ibactors.inside import tasktree
from ibactors.inside.logs import masked
from ibactors.inside.watch import waiting_for
from ibactors.keys import Scope
from ibactors.web.contract.accepting import preferred
from ibactors.web.contract.codec import encode
from ibactors.web.contract.problems import Problem, make_problem
from ibactors.web.operation import Answer, Call, Nothing, Operation
from ibactors.web.rest.debug_pages import actors_page, tasks_page, text_page
from ibactors.web.rest.debug_reports import (
    ActorDetail,
    ActorsReport,
    LoopReport,
    actor_text,
    actors_text,
    detail,
    heading,
    loop_report,
    loop_text,
    reports,
)
from ibactors.web.rest.metrics import exposition

_MOST_NAMES = 50
_LONGEST_NAME = 200


class FormatQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In which form."""

    format: Annotated[
        Literal["text", "json", "html"] | None,
        msgspec.Meta(description="text, json or html; by the Accept header when not given."),
    ] = None


class ActorQuery(FormatQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which actor, and in which form."""

    name: Annotated[str, msgspec.Meta(min_length=1, description="As `/debug/actors` lists it.", examples=["market"])]


_TYPES = {"text": "text/plain", "html": "text/html", "json": "application/json"}


def _form(given: str | None, *offered: str) -> str:
    """The form that a request wants; the first of the offered where it does not care."""
    accepted = preferred(request.headers.get("Accept", ""), [_TYPES[form] for form in offered])
    return given or next(form for form in offered if _TYPES[form] == accepted)


def _answer(form: str, body: str) -> Answer:
    charset = "" if form == "json" else "; charset=utf-8"
    return Answer(body=masked(body), content_type=f"{_TYPES[form]}{charset}")


def _report(form: str, title: str, text: str, value: object) -> Answer:
    return _answer(form, {"json": _json(value), "text": text, "html": text_page(title, text)}[form])


def _json(value: object) -> str:
    return encode(value).decode()


async def get_actors(call: Call[FormatQuery, Nothing]) -> Answer:
    report = reports(call.system)
    form = _form(call.query.format, "json", "text", "html")
    if form == "html":
        return _answer(form, actors_page(report))
    return _answer(form, actors_text(report) if form == "text" else _json(report))


async def get_actor(call: Call[ActorQuery, Nothing]) -> Answer | Problem:
    refs = {ref.name: ref for ref in call.system.supervisor}
    name = call.query.name
    if name not in refs:
        return _no_such_actor(name, sorted(refs))
    report = detail(refs[name])
    form = _form(call.query.format, "json", "text", "html")
    return _report(form, f"Actor {name}", actor_text(report), report)


def _no_such_actor(name: str, names: list[str]) -> Problem:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    hint = f"There are: {'; '.join(names[:_MOST_NAMES])}{more}. A symbol's actor ends when nobody wants it any more."
    return make_problem("actor_not_found", f"There is no actor {name[:_LONGEST_NAME]!r}.", hint=hint)


async def get_tasks(call: Call[FormatQuery, Nothing]) -> Answer:
    tree = tasktree.snapshot(waiting_for=waiting_for)
    form = _form(call.query.format, "text", "html", "json")
    if form == "json":
        return _answer(form, _json(tree))
    first_line = heading(loop_report(call.system))
    return _answer(form, tasks_page(tree, first_line) if form == "html" else f"# {first_line}\n{tasktree.render(tree)}")


async def get_loop(call: Call[FormatQuery, Nothing]) -> Answer:
    report = loop_report(call.system)
    form = _form(call.query.format, "json", "text", "html")
    return _report(form, "Event loop", loop_text(report), report)


async def get_metrics(call: Call[Nothing, Nothing]) -> Answer:
    body, content_type = exposition(call.system, request.headers.get("Accept", ""))
    return Answer(body=body, content_type=content_type)


class NoSuchActor(IbactorsError):
    """No actor of this name runs."""

    code = "actor_not_found"


OPERATIONS = (
    Operation(
        method="GET",
        path="/debug/actors",
        handle=get_actors,
        summary="All actors: state, restarts, mailboxes, last errors",
        tag="Debug",
        scope=Scope.ADMIN,
        query=FormatQuery,
        body=Nothing,
        returns=ActorsReport,
        also=("text/plain", "text/html"),
    ),
    Operation(
        method="GET",
        path="/debug/actors/{name}",
        tail=True,
        handle=get_actor,
        summary="One actor: last crash with its traceback, handling times by kind of message",
        tag="Debug",
        scope=Scope.ADMIN,
        query=ActorQuery,
        body=Nothing,
        returns=ActorDetail,
        also=("text/plain", "text/html"),
        problems=(NoSuchActor,),
    ),
    Operation(
        method="GET",
        path="/debug/tasks",
        handle=get_tasks,
        summary="The tree of trio tasks: where each waits, for how long, within which cancel scopes",
        tag="Debug",
        scope=Scope.ADMIN,
        query=FormatQuery,
        body=Nothing,
        media_type="text/plain",
        also=("application/json", "text/html"),
        description="Text, JSON or HTML, by the Accept header or `?format=`.",
    ),
    Operation(
        method="GET",
        path="/debug/loop",
        handle=get_loop,
        summary="The event loop: lag, and the steps that held it up, with their stacks",
        tag="Debug",
        scope=Scope.ADMIN,
        query=FormatQuery,
        body=Nothing,
        returns=LoopReport,
        also=("text/plain", "text/html"),
    ),
    Operation(
        method="GET",
        path="/metrics",
        handle=get_metrics,
        also=("application/openmetrics-text",),
        summary="Metrics for Prometheus",
        tag="Debug",
        scope=Scope.ADMIN,
        query=Nothing,
        body=Nothing,
        media_type="text/plain",
    ),
)
