"""Swagger UI and ReDoc, from files that two installed packages carry: nothing is loaded from elsewhere."""

import importlib.util
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from quart import Quart, Response, send_from_directory

from ibactors.keys import Scope
from ibactors.web.contract.routes import Route

_SWAGGER = "flask_openapi_swagger", "templates/swagger"
_REDOC = "flask_openapi_redoc", "templates/redoc"
_REDOC_SCRIPT = "js/redoc.standalone.js"
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
    head='<link rel="stylesheet" href="/docs/assets/css/swagger-ui.css">',
    body="""<div id="swagger-ui"></div>
<script src="/docs/assets/js/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>""",
)
_SWAGGER_START = (
    'SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, tryItOutEnabled: true, validatorUrl: null});\n'
)

_REDOC_PAGE = _PAGE.format(
    head="",
    body="""<div id="redoc"></div>
<script type="module" src="/redoc/start.js"></script>""",
)
_REDOC_START = """import {init} from "/redoc/assets/js/redoc.standalone.js";
init("/openapi.json", {disableTelemetry: true}, document.getElementById("redoc"));
"""

# Documentation is the same for everybody and holds no data, so that a visitor without a key can read how to get one.
ROUTES = (
    *(
        Route(method="GET", path=f"{page}{path}", rule=f"{page}{rule}", scope=Scope.OPEN)
        for page in ("/docs", "/redoc")
        for path, rule in (("", ""), ("/start.js", "/start.js"), ("/assets/{filename}", "/assets/<path:filename>"))
    ),
    Route(method="GET", path=f"/redoc/assets/{_REDOC_SCRIPT}", scope=Scope.OPEN),
)


def register_docs(app: Quart) -> None:
    """Add /docs and /redoc, their scripts and their assets. The scripts are files, as the content security policy runs no others."""
    for path, page, start, (package, folder) in (
        ("/docs", _SWAGGER_PAGE, _SWAGGER_START, _SWAGGER),
        ("/redoc", _REDOC_PAGE, _REDOC_START, _REDOC),
    ):
        app.add_url_rule(path, f"page:{path}", _serve_text(page, "text/html"), methods=["GET"])
        app.add_url_rule(f"{path}/start.js", f"start:{path}", _serve_text(start, "text/javascript"), methods=["GET"])
        app.add_url_rule(f"{path}/assets/<path:filename>", f"assets:{path}", _serve_assets(_folder(package, folder)), methods=["GET"])
    app.add_url_rule(f"/redoc/assets/{_REDOC_SCRIPT}", "redoc:script", _serve_redoc(), methods=["GET"])


def _serve_redoc() -> Callable[[], Awaitable[Response]]:
    """ReDoc without the logo that it loads from its maker's server; an image that is not there is left out."""
    script = re.sub(rb"https://cdn\.redoc\.ly/[\w./-]+", b"data:,", (_folder(*_REDOC) / _REDOC_SCRIPT).read_bytes())

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
    async def serve(filename: str) -> Response:
        return await send_from_directory(folder, filename, cache_timeout=CACHE_S)

    return serve


def _folder(package: str, folder: str) -> Path:
    """Where an installed package keeps its files; found without importing it, as its imports are not needed here."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"The package {package} is not installed.")
    return Path(spec.submodule_search_locations[0]) / folder
