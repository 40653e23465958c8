"""The live page: the static files of `ui/` and the library that draws charts at /ui, and the page itself at / for browsers.

The files are read once and held in memory, each with an ETag of its content, so that a browser asks every time and is answered 304 until
the package changes. They need no key: what they show comes from the public API, which asks for one.
"""

import hashlib
import importlib.resources
import mimetypes
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from quart import Response, request
from werkzeug.exceptions import NotFound

from ibactors.keys import Scope
from ibactors.web.contract.accepting import preferred
from ibactors.web.contract.routes import Route

INDEX = "index.html"
CHARTS = "lightweight-charts.standalone.production.mjs"

ROUTES = tuple(Route(method="GET", path=path, scope=Scope.OPEN) for path in ("/ui", "/ui/{filename}"))

HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """One file of the page."""

    content: bytes
    content_type: str
    etag: str

    async def response(self) -> Response:
        """The file, or 304 for a browser that has it."""
        response = Response(self.content, content_type=self.content_type, headers=HEADERS)
        response.set_etag(self.etag)
        await response.make_conditional(request)
        return response


def views() -> dict[str, Callable[..., Awaitable[Response]]]:
    """/ui and its files, by path."""
    return {"/ui": _FILES[INDEX].response, "/ui/{filename}": _asset}


async def _asset(filename: str) -> Response:
    if filename not in _FILES:
        raise NotFound
    return await _FILES[filename].response()


def page_or(view: Callable[[], Awaitable[Response]]) -> Callable[[], Awaitable[Response]]:
    """A view that answers with the page where HTML is wanted, as browsers do, and else with what *view* has."""

    async def choose() -> Response:
        # The first of equals wins, so that `*/*`, which curl sends, means JSON.
        wanted = preferred(request.headers.get("Accept", ""), ["application/json", "text/html"])
        response = await (_FILES[INDEX].response() if wanted == "text/html" else view())
        response.vary.add("Accept")
        return response

    return choose


def _read_files() -> dict[str, _File]:
    package = importlib.resources.files(__package__)
    entries = (*(package / "ui").iterdir(), package / "vendored" / "lightweight-charts" / CHARTS)
    return {entry.name: _read(entry.name, entry.read_bytes()) for entry in entries if entry.is_file()}


def _read(name: str, content: bytes) -> _File:
    kind = {"js": "text/javascript", "mjs": "text/javascript"}.get(name.rsplit(".", 1)[-1]) or mimetypes.guess_type(name)[0]
    charset = "; charset=utf-8" if kind and kind.startswith("text/") else ""
    return _File(content=content, content_type=f"{kind}{charset}", etag=hashlib.sha256(content).hexdigest()[:16])


_FILES = _read_files()
