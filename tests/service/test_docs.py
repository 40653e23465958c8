"""The OpenAPI document and the two documentation pages."""

import re
from typing import Any

import pytest

from ibactors.web.app import OPERATIONS
from tests.conftest import Service


def references(node: Any) -> set[str]:
    match node:
        case {"$ref": str(reference)}:
            return {reference}
        case dict():
            return set().union(*map(references, node.values()))
        case list():
            return set().union(*map(references, node))
        case _:
            return set()


async def test_document_describes_every_route_and_its_references_resolve(service: Service) -> None:
    document = await service.get("/openapi.json")
    assert document["openapi"].startswith("3.")
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(operation.method, operation.path) for operation in OPERATIONS}
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]


async def test_document_names_the_problems_of_a_quote(service: Service) -> None:
    document = await service.get("/openapi.json")
    responses = document["paths"]["/market/quote/{symbol}"]["get"]["responses"]
    assert {"200", "403", "404", "409", "422", "429", "502", "503", "504"} <= responses.keys()
    assert set(responses["404"]["content"]) == {"application/problem+json"}


async def test_document_has_no_example_of_a_password(service: Service) -> None:
    credentials = (await service.get("/openapi.json"))["components"]["schemas"]["LoginRequest"]
    assert "example" not in str(credentials["properties"]["password"])


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/redoc/stream"])
async def test_pages_load_nothing_from_elsewhere(service: Service, path: str) -> None:
    page = await service.http.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    links = re.findall(r'(?:src=|href=|from )"([^"]+)"', page.text)
    assets = [link for link in links if not link.startswith("data:")]
    assert assets
    for link in assets:
        assert link.startswith("/")
        asset = await service.http.get(link)
        assert asset.status_code == 200
        assert len(asset.content) > (50 if link.endswith("/start.js") else 10_000)


async def test_assets_cannot_be_left(service: Service) -> None:
    for path in ("/docs/assets/../__init__.py", "/docs/assets/..%2f..%2f__init__.py", "/docs/assets/%2e%2e/%2e%2e/__init__.py"):
        assert (await service.http.get(path)).status_code == 404


async def test_assets_that_no_file_can_be_are_not_there(service: Service) -> None:
    for name in ("a" * 300, "a/" * 3000, "%00", "%ff", "a%0a", "license", ".", "/swagger-ui.css"):
        for page in ("docs", "redoc"):
            assert (await service.http.get(f"/{page}/assets/{name}")).status_code == 404


async def test_redoc_has_no_address_of_its_makers_servers_to_load_from(service: Service) -> None:
    script = await service.http.get("/redoc/assets/redoc.standalone.js")
    assert "cdn.redoc.ly" not in script.text
    for page, document in (("/redoc", "/openapi.json"), ("/redoc/stream", "/asyncapi.json")):
        start = (await service.http.get(f"{page}/start.js")).text
        assert f'init("{document}", {{disableTelemetry: true}}' in start
