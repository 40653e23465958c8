"""A demo, a headless Chromium, and pages that must not complain on their console."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from demo import Demo
from playwright.sync_api import Browser, Page, expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    OpenPage = Callable[..., Page]

PATIENCE_MS = 60_000
"""For what must happen, but whose time says nothing of the page: the machine may be busy."""
GATEWAY_AWAY = ("status of 503", "WebSocket connection to")
"""A browser writes these on the console by itself, when the session is lost between two looks at it, or a farm that profits come from."""
DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not start for root, which is who runs CI.
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with Demo() as running:
        yield running


@pytest.fixture
def axe() -> str:
    return Path(os.environ["AXE"]).read_text()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens pages in fresh contexts. At the end none may have logged an error, but for those that the test allows."""
    opened: list[tuple[Any, list[str], tuple[str, ...]]] = []

    def open_one(url: str, *, allowed: tuple[str, ...] = (), **options: Any) -> Page:
        context = browser.new_context(**{"viewport": DESKTOP, **options})
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}") if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        opened.append((context, said, allowed))
        page.goto(url)
        return page

    yield open_one
    for context, said, allowed in opened:
        context.close()
        assert [text for text in said if not any(word in text for word in allowed)] == []


@pytest.fixture
def page(open_page: OpenPage, demo: Demo) -> Page:
    """The live page of the demo, with prices."""
    return with_prices(open_page(f"{demo.url}/"))


@pytest.fixture
def tried_page(open_page: OpenPage, demo: Demo) -> Page:
    """The same, for tests that take the gateway away."""
    return with_prices(open_page(f"{demo.url}/", allowed=GATEWAY_AWAY))


def with_prices(page: Page) -> Page:
    expect(page.locator(".quote:not(.stale)")).to_have_count(4)
    return page
