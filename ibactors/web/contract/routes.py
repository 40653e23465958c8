"""What there is: every method of every path, with the scope that it asks for.

The gate lets nothing through that is not in this table, and `create_app` refuses to start with a route that is not: a route without a
declared scope cannot come into being.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ibactors.keys import Scope

WEBSOCKET = "(websocket)"
"""Stands where a method stands, for paths that take WebSockets; no request can have it for a method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    """With parameters in braces, as in OpenAPI."""
    scope: Scope
    """What a key must be good for."""
    rule: str = ""
    """As Werkzeug writes it, where a parameter may hold slashes: `<path:name>`."""

    @property
    def pattern(self) -> str:
        """The path as Werkzeug writes it."""
        return self.rule or self.path.replace("{", "<").replace("}", ">")


@dataclass(slots=True)
class Place:
    """One path, with the scope of each method."""

    pattern: str
    methods: dict[str, Scope] = field(default_factory=dict)

    @property
    def allowed(self) -> str:
        """For the Allow header."""
        return ", ".join(sorted({*self.methods, "OPTIONS"} - {WEBSOCKET}))


class RouteTable:
    """Finds the place of a path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._places: dict[str, Place] = {}
        for route in routes:
            place = self._places.setdefault(route.pattern, Place(route.pattern))
            place.methods[route.method] = route.scope
            if route.method == "GET":
                place.methods["HEAD"] = route.scope
        self._patterns = [(re.compile(_expression(pattern)), place) for pattern, place in self._places.items() if "<" in pattern]

    def __contains__(self, route: tuple[str, str]) -> bool:
        method, pattern = route
        return pattern in self._places and method in self._places[pattern].methods

    def find(self, path: str) -> Place | None:
        """The place of a request's path, with or without a slash at its end."""
        trimmed = path[:-1] if len(path) > 1 and path.endswith("/") else path
        place = self._places.get(trimmed)
        if place is not None and "<" not in trimmed:
            return place
        return next((place for pattern, place in self._patterns if pattern.fullmatch(trimmed)), None)


def _expression(pattern: str) -> str:
    parts = re.split(r"(<[\w:]+>)", pattern)
    return "".join(".+" if part.startswith("<path:") else "[^/]+" if part.startswith("<") else re.escape(part) for part in parts)


STREAM = "/ws/stream"
