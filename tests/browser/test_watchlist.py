"""The watchlist as a table: dense, sorted, filled by pasting and searching, moved through by keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from conftest import OpenPage
    from demo import Demo

NAMES = "#watchlist .name"


def symbol_field(page: Page) -> None:
    page.keyboard.press("/")
    expect(page.get_by_label("Symbol", exact=True)).to_be_focused()


def test_kind_of_account_stands_in_the_head(page: Page) -> None:
    expect(page.locator("#account-kind")).to_have_text("SIMULATED")
    expect(page.locator("#account-kind")).to_have_attribute("data-kind", "simulated")


@pytest.mark.parametrize(("account", "kind"), [("DU1234567", "paper"), ("U1234567", "live")])
def test_kind_of_a_real_account_is_told_by_its_name(page: Page, account: str, kind: str) -> None:
    health = page.request.get(f"{page.url}health").json()
    del health["simulated"]
    page.route("**/health", lambda route: route.fulfill(json=health))
    page.route("**/accounts", lambda route: route.fulfill(json={"accounts": [account], "timestamp": health["timestamp"]}))
    page.reload()
    expect(page.locator("#account-kind")).to_have_text(kind.upper())
    expect(page.locator("#account-kind")).to_have_attribute("data-kind", kind)


def test_thirty_instruments_fit_on_a_laptop(open_page: OpenPage, demo: Demo) -> None:
    page = open_page(demo.url, viewport={"width": 1440, "height": 900})
    listed = [{"symbol": symbol} for symbol in ("AAPL", "MSFT", *(f"QUIET{number}" for number in range(28)))]
    page.evaluate("listed => localStorage.setItem('ibactors.quotes', listed)", json.dumps(listed))
    page.reload()
    expect(page.locator("#watchlist tbody tr:not(.stale)")).to_have_count(2)
    last = page.locator("#watchlist tbody tr").nth(29).bounding_box()
    assert last is not None
    assert last["y"] + last["height"] <= 900
    assert page.evaluate("document.documentElement.scrollWidth") == 1440


def test_pasted_list_is_read_as_people_write_it(page: Page) -> None:
    symbol_field(page)
    page.get_by_label("Symbol", exact=True).fill("nvda, EUR.USD; ESZ6, BADSYM, AAPL")
    page.keyboard.press("Enter")
    expect(page.locator(NAMES)).to_have_text(["AAPL", "MSFT", "TSLA", "SPY", "NVDA", "EUR.USD", "ESZ6"])
    expect(page.locator(".quote:not(.stale)")).to_have_count(7)
    expect(page.locator(".quote", has_text="EUR.USD").locator(".where")).to_have_text("CASH")
    expect(page.get_by_role("alert")).to_contain_text("BADSYM: IB answered with error 200")
    expect(page.get_by_role("alert")).to_contain_text("AAPL is shown already.")


def test_search_tells_candidates_apart_and_keys_choose_one(page: Page) -> None:
    symbol_field(page)
    page.keyboard.type("ambig")
    found = page.locator("#found [role=option]")
    expect(found).to_have_count(2)
    expect(found).to_contain_text(["NYSE · USD", "NASDAQ · USD"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(found.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.locator(".quote", has_text="AMBIG").locator(".badge")).to_have_text("live")
    expect(found).to_have_count(0)


def test_arrows_move_the_selection_and_delete_removes(page: Page) -> None:
    page.locator(NAMES).first.click()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".quote[aria-current]").locator(".name")).to_have_text("MSFT")
    page.keyboard.press("Delete")
    expect(page.locator(NAMES)).to_have_text(["AAPL", "TSLA", "SPY"])
    expect(page.locator(NAMES).nth(1)).to_be_focused()
    expect(page.locator(".quote[aria-current]").locator(".name")).to_have_text("TSLA")
    page.reload()
    expect(page.locator(NAMES)).to_have_text(["AAPL", "TSLA", "SPY"])


def test_columns_sort_both_ways_and_back(page: Page) -> None:
    by_price = page.get_by_role("button", name="Last", exact=True)
    heading = page.get_by_role("columnheader", name="Last")
    for order, names in (("descending", ["SPY", "MSFT", "TSLA", "AAPL"]), ("ascending", ["AAPL", "TSLA", "MSFT", "SPY"])):
        by_price.click()
        expect(heading).to_have_attribute("aria-sort", order)
        expect(page.locator(NAMES)).to_have_text(names)
    by_price.click()
    expect(heading).to_have_attribute("aria-sort", "none")
    expect(page.locator(NAMES)).to_have_text(["AAPL", "MSFT", "TSLA", "SPY"])
