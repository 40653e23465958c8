"""The page in front of a service that asks for API keys."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from demo import Demo
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import OpenPage

READER, ADMIN = "ibk_reader-of-the-browser-tests-0123456789abc", "ibk_admin-of-the-browser-tests-0123456789abcd"
REFUSED = ("status of 401", "status of 403", "status of 409", "status of 503")
"""A browser writes these on the console by itself; 503 while the service doubts its gateway, as on a busy machine."""


def line(name: str, scopes: str, key: str) -> str:
    return f"{name}:{scopes}:{hashlib.sha256(key.encode()).hexdigest()}"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    keys = [line("reader", "read+stream", READER), line("admin", "read+stream+login+admin", ADMIN)]
    with Demo(IBACTORS_API_KEYS=",".join(keys), IBACTORS_STATE_PATH=str(tmp_path_factory.mktemp("state"))) as running:
        yield running


def give(page: Page, key: str) -> None:
    """As everybody does: paste, Enter."""
    page.get_by_role("textbox", name="API key").fill(key)
    page.get_by_role("textbox", name="API key").press("Enter")


def test_key_is_asked_for_and_opens_everything(open_page: OpenPage, demo: Demo) -> None:
    page = open_page(demo.url, allowed=REFUSED)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    expect(page.get_by_role("dialog", name="This service asks for a key")).to_be_visible()
    expect(page.get_by_role("heading", name="An API key is needed", include_hidden=True)).to_have_count(1)
    give(page, ADMIN)
    expect(page.locator(".quote:not(.stale)")).to_have_count(4)
    expect(page.locator("#account")).to_contain_text("Net liquidation")
    expect(page.locator("#inside .tree")).to_contain_text("symbol (6)")
    assert [url for url in asked if ADMIN in url] == []
    page.reload()
    expect(page.locator(".quote:not(.stale)")).to_have_count(4)
    assert page.evaluate("Object.values(localStorage).join()").find(ADMIN) == -1


def test_wrong_key_is_told_and_may_be_replaced_by_one_that_opens_most(open_page: OpenPage, demo: Demo) -> None:
    page = open_page(demo.url, allowed=REFUSED)
    give(page, "ibk_wrong")
    expect(page.locator("#key-reason")).to_have_text("It does not accept the key that was given.")
    give(page, READER)
    expect(page.locator(".quote:not(.stale)")).to_have_count(4)
    # A key without the right to look inside opens the rest.
    expect(page.locator("#inside")).to_contain_text("Your key does not open this panel")
    expect(page.locator("#account")).to_contain_text("Net liquidation")


def test_who_wants_to_give_no_key_is_not_asked_again(open_page: OpenPage, demo: Demo) -> None:
    page = open_page(demo.url, allowed=REFUSED)
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_role("heading", name="An API key is needed")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Key", exact=True).click()
    page.get_by_role("textbox", name="API key").fill(READER)
    page.get_by_role("button", name="Use key").click()
    expect(page.locator(".quote:not(.stale)")).to_have_count(4)


def test_watchlist_goes_with_the_key(open_page: OpenPage, demo: Demo) -> None:
    first, second, other = (open_page(demo.url, allowed=REFUSED) for _ in range(3))
    give(first, READER)
    expect(first.locator(".quote:not(.stale)")).to_have_count(4)
    with first.expect_response(lambda answer: answer.request.method == "PUT" and answer.url.endswith("/watchlist")):
        first.get_by_label("Symbol", exact=True).fill("EUR.USD")
        first.get_by_role("button", name="Add").click()
    give(second, READER)
    expect(second.locator("#watchlist .name")).to_have_text(["AAPL", "MSFT", "TSLA", "SPY", "EUR.USD"])
    expect(second.locator(".quote:not(.stale)")).to_have_count(5)
    give(other, ADMIN)
    expect(other.locator("#watchlist .name")).to_have_text(["AAPL", "MSFT", "TSLA", "SPY"])
    first.route("**/watchlist", lambda route: route.fulfill(status=409, json={"code": "watchlist_not_kept", "detail": "The disk is full."}))
    first.get_by_role("button", name="Remove SPY").click()
    expect(first.locator("#kept")).to_have_text("This list is kept by this browser alone. The disk is full.")
