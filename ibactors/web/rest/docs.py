"""Swagger UI and ReDoc, from the files in `vendored/`: nothing is loaded from elsewhere."""

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path

from quart import Response, send_from_directory
from werkzeug.exceptions import NotFound

from ibactors.keys import Scope
from ibactors.web.contract.routes import Route

_VENDORED = Path(__file__).with_name("vendored")
_SWAGGER, _REDOC = _VENDORED / "swagger", _VENDORED / "redoc"
_REDOC_SCRIPT = "redoc.standalone.js"
CACHE_S = 86400

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ibactors</title>
<link rel="icon" href="data:,">
{head}
</head>
<body style="margin: 0">
{body}
</body>
</html>
"""

_SWAGGER_PAGE = _PAGE.format(
    head='<link rel="stylesheet" href="/docs/assets/swagger-ui.css">',
    body="""<div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>""",
)
_SWAGGER_START = (
    'SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, tryItOutEnabled: true, validatorUrl: null});\n'
)

_REDOCS = {"/redoc": "/openapi.json", "/redoc/stream": "/asyncapi.json"}
"""Which document each page shows."""


def _redoc_page(path: str) -> str:
    return _PAGE.format(head="", body=f"""<div id="redoc"></div>\n<script type="module" src="{path}/start.js"></script>""")


def _redoc_start(document: str) -> str:
    return f"""import {{init}} from "/redoc/assets/{_REDOC_SCRIPT}";
init("{document}", {{disableTelemetry: true}}, document.getElementById("redoc"));
"""


# Documentation is the same for everybody and holds no data, so that a visitor without a key can read how to get one.
ROUTES = (
    *(Route(method="GET", path=f"{page}{path}", scope=Scope.OPEN) for page in ("/docs", *_REDOCS) for path in ("", "/start.js")),
    Route(method="GET", path="/docs/assets/{filename}", tail=True, scope=Scope.OPEN),
    Route(method="GET", path=f"/redoc/assets/{_REDOC_SCRIPT}", scope=Scope.OPEN),
    Route(method="GET", path="/redoc/assets/{filename}", tail=True, scope=Scope.OPEN),
)


@cache  # half a megabyte is searched for what is replaced in it
def views() -> Mapping[str, Callable[..., Awaitable[Response]]]:
    """/docs and ReDoc, their scripts and assets, by path. Scripts are files, as the content security policy runs no others."""
    found: dict[str, Callable[..., Awaitable[Response]]] = {
        "/docs/assets/{filename}": _serve_assets(_SWAGGER),
        f"/redoc/assets/{_REDOC_SCRIPT}": _serve_redoc(),
        "/redoc/assets/{filename}": _serve_assets(_REDOC),
    }
    redocs = ((path, _redoc_page(path), _redoc_start(document)) for path, document in _REDOCS.items())
    for path, page, start in (("/docs", _SWAGGER_PAGE, _SWAGGER_START), *redocs):
        found[path] = _serve_text(page, "text/html")
        found[f"{path}/start.js"] = _serve_text(start, "text/javascript")
    return found


def _serve_redoc() -> Callable[[], Awaitable[Response]]:
    """ReDoc without the logo that it loads from its maker's server; an image that is not there is left out."""
    script = re.sub(rb"https://cdn\.redoc\.ly/[\w./-]+", b"data:,", (_REDOC / _REDOC_SCRIPT).read_bytes())

    async def serve() -> Response:
        response = Response(script, content_type="text/javascript; charset=utf-8")
        response.cache_control.max_age = CACHE_S
        return response

    return serve


def _serve_text(text: str, kind: str) -> Callable[[], Awaitable[Response]]:
    async def serve() -> Response:
        return Response(text, content_type=f"{kind}; charset=utf-8")

    return serve


def _serve_assets(folder: Path) -> Callable[[str], Awaitable[Response]]:
    # What is not in this list is not looked for: of a name that is too long an operating system says so by an error.
    names = frozenset(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

    async def serve(filename: str) -> Response:
        if filename not in names:
            raise NotFound
        return await send_from_directory(folder, filename, cache_timeout=CACHE_S)

    return serve
