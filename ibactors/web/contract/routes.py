"""What there is: every method of every path, with the scope that it asks for, and the one router that finds it.

The gate finds the route of a request once and hands it over (`contract/asgi.py`); what stands behind takes it from there. The gate lets
nothing through that is not in the table, and `create_app` refuses to start with a route that is not: a route without a declared scope
cannot come into being.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ibactors.keys import Scope

STREAM = "/ws/stream"
WEBSOCKET = "(websocket)"
"""Stands where a method stands, for paths that take WebSockets; no request can have it for a method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    """With parameters in braces, as in OpenAPI: each is one segment, of which the type in `Operation.query` says what it must be."""
    scope: Scope
    """What a key must be good for."""
    tail: bool = False
    """Whether the last parameter takes the rest of the path, slashes included."""

    most_bytes: int = 64 * 1024
    """Of a request's body."""

    @property
    def rule(self) -> str:
        """The path as Werkzeug writes it."""
        head, brace, name = self.path.rpartition("{")
        rule = f"{head}{'{path:' if self.tail else brace}{name}"
        return rule.replace("{", "<").replace("}", ">")


@dataclass(slots=True, eq=False)
class Place:
    """One path, with the route of each method."""

    routes: dict[str, Route] = field(default_factory=dict)

    @property
    def allowed(self) -> str:
        """For the Allow header."""
        return ", ".join(sorted({*self.routes, "OPTIONS"} - {WEBSOCKET}))


NOWHERE = Place()
"""Of a path at which there is nothing."""


@dataclass(slots=True, eq=False)
class _Node:
    """What may follow one segment of a path."""

    literals: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    place: Place = field(default_factory=Place)
    """Of the path that ends here; without routes when none does."""
    names: tuple[str, ...] = ()
    """Of the parameters on the way here."""
    tail: bool = False
    """Whether what follows belongs to the last parameter."""


class RouteTable:
    """Finds the place of a path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        self._known: set[tuple[str, str]] = set()
        for route in routes:
            self._known.add((route.method, route.rule))
            node = self._node(route)
            node.tail = route.tail
            node.place.routes[route.method] = route
            if route.method == "GET":
                node.place.routes["HEAD"] = route

    def __contains__(self, route: tuple[str, str]) -> bool:
        """Whether there is a route of this method and rule."""
        return route in self._known

    def find(self, path: str) -> tuple[Place, dict[str, str]]:
        """The place of a request's path, with or without a slash at its end, or NOWHERE; and the values of its parameters by name."""
        segments = path[1:].split("/")
        if not segments[-1]:
            segments.pop()
        values: list[str] = []
        node = _walk(self._root, segments, 0, values)
        if node is None:
            return NOWHERE, {}
        return node.place, dict(zip(node.names, reversed(values), strict=True))

    def _node(self, route: Route) -> _Node:
        """Where *route* ends. Raises ValueError where another route calls a parameter in the same place by another name."""
        node = self._root
        names: list[str] = []
        for segment in filter(None, route.path[1:].split("/")):
            if not segment.startswith("{"):
                node = node.literals.setdefault(segment, _Node(names=tuple(names)))
                continue
            names.append(segment[1:-1])
            node.parameter = node.parameter or _Node(names=tuple(names))
            node = node.parameter
            if node.names != tuple(names):
                raise ValueError(f"{route.path} calls {'/'.join(node.names)} by other names.")
        return node


def _walk(node: _Node, segments: Sequence[str], at: int, values: list[str]) -> _Node | None:
    """The node that a path leads to. A literal goes before a parameter, as `/contracts/search` is no `/contracts/{con_id}`.

    *values* are those of the parameters, the last one first. The depth is that of the table, whatever the path.
    """
    if at == len(segments):
        return node if node.place.routes else None
    segment = segments[at]
    literal = node.literals.get(segment)
    found = _walk(literal, segments, at + 1, values) if literal is not None else None
    if found is not None or node.parameter is None or not segment:  # an empty segment is nobody's value
        return found
    if node.parameter.tail:
        values.append("/".join(segments[at:]))
        return node.parameter
    found = _walk(node.parameter, segments, at + 1, values)
    if found is not None:
        values.append(segment)
    return found
