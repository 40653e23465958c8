"""Swagger UI and ReDoc in a browser without any network: they render, and their consoles stay silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Route, expect

if TYPE_CHECKING:
    from conftest import OpenPage
    from demo import Demo


@pytest.mark.parametrize(
    ("path", "words"),
    [("/docs", "/market/quote/{symbol}"), ("/redoc", "/market/quotes"), ("/redoc/stream", "/ws/stream")],
    ids=["Swagger UI", "ReDoc", "ReDoc of the stream"],
)
def test_documentation_renders_without_network(open_page: OpenPage, demo: Demo, path: str, words: str) -> None:
    page = open_page("about:blank")
    elsewhere: list[str] = []

    def refuse(route: Route) -> None:
        elsewhere.append(route.request.url)
        route.abort()

    page.route(lambda url: not url.startswith((demo.url, "data:", "blob:")), refuse)
    page.goto(f"{demo.url}{path}")
    expect(page.get_by_text(words).first).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert elsewhere == []
