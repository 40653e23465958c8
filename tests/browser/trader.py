"""What a trader does on the page, step by step."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import TYPE_CHECKING, Any

from demo import LIMIT_S, Demo
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page


def orders_of(demo: Demo) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{demo.url}/orders?status=all&limit=500", timeout=LIMIT_S) as response:  # noqa: S310 - our own address
        return json.load(response)["orders"]  # type: ignore[no-any-return]


def sent_to_ib(demo: Demo) -> int:
    return len(demo.ask("ledger orders")["orders"])


def preview(page: Page, side: str, quantity: str, limit: str | None = None) -> None:
    ticket = page.locator("#ticket")
    ticket.get_by_label(side).check()
    ticket.get_by_label("Quantity").fill(quantity)
    ticket.get_by_label("Type").select_option("market" if limit is None else "limit")
    if limit is not None:
        ticket.get_by_label("Limit price").fill(limit)
    ticket.get_by_role("button", name="Preview").click()


def place(page: Page, side: str, quantity: str, limit: str | None = None) -> None:
    preview(page, side, quantity, limit)
    page.locator("#ticket .place").click()
    expect(page.locator("#ticket .answer")).to_contain_text("taken by the service")
    page.get_by_role("button", name="Another order").click()


def find_and_chart(page: Page, symbol: str) -> None:
    """As somebody does who types, and chooses from what IB finds."""
    page.keyboard.press("/")
    page.keyboard.type(symbol.lower())
    expect(page.locator("#found [role=option]").first).to_contain_text(symbol)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    row = page.locator(".quote", has_text=symbol)
    expect(row.locator(".badge")).to_have_text(re.compile("live|closed"))
    row.locator(".name").click()
    expect(page.locator("#chart .candles")).to_have_attribute("aria-label", re.compile(f"^{symbol}, a day of minutes, .* Newest"))
    expect(page.locator("#ticket-title")).to_have_text(f"Order {symbol}")


def halt_and_resume(page: Page, demo: Demo) -> None:
    place(page, "Buy", "4", "171")
    page.get_by_role("button", name="Halt trading").click()
    dialog = page.get_by_role("dialog", name="Halt trading?")
    expect(dialog).to_contain_text("Only an admin's key resumes it")
    dialog.get_by_role("button", name="Not now").click()
    expect(page.locator("#halted")).to_be_hidden()
    page.get_by_role("button", name="Halt trading").click()
    dialog.get_by_role("button", name="Halt trading").click()
    expect(page.locator("#halted")).to_contain_text("Trading is halted:")
    expect(page.locator("#orders .working .order")).to_have_count(0)
    before = sent_to_ib(demo)
    preview(page, "Buy", "1", "171")
    expect(page.locator("#ticket")).to_contain_text(re.compile("halted|stopped"))
    assert sent_to_ib(demo) == before
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#halted")).to_be_hidden()
    expect(page.get_by_role("button", name="Halt trading")).to_be_visible()
    if page.locator("#ticket .edit").is_visible():
        page.locator("#ticket .edit").click()


def lose_the_gateway(page: Page, demo: Demo) -> None:
    """What works at IB goes on while nobody can see it, and fills."""
    place(page, "Buy", "3", "172")
    working = page.locator("#orders .working .order")
    expect(working.locator(".status")).to_have_text("working")
    demo.control("refuse 600")
    expect(page.get_by_role("heading", name="Not connected to IB")).to_be_visible()
    expect(page.locator(".quote.stale")).to_have_count(page.locator(".quote").count())
    expect(page.locator("#orders .as-of")).not_to_have_text("")
    demo.control("set NVDA 171.98 172.00 171.99")
    demo.control("refuse 0")
    expect(page.get_by_role("heading", name="Connected to IB", exact=True)).to_be_visible()
    expect(page.locator("#orders .done .order", has_text="Buy 3 NVDA").locator(".filled")).to_contain_text("3 of 3 filled")
    expect(working).to_have_count(0)
    expect(page.locator("#positions tbody tr", has_text="NVDA").locator("td").first).to_have_text("8")


def begin_the_next_day(page: Page, demo: Demo) -> None:
    """An order for the day ends with it; the session's nightly reset is a break like any other."""
    place(page, "Buy", "2", "160")
    expect(page.locator("#orders .working .order")).to_have_count(1)
    demo.control("expire")
    demo.control("midnight")
    demo.control("nightly 2")
    ended = page.locator("#orders .done .order", has_text="Buy 2 NVDA")
    expect(ended.locator(".status")).to_have_text(re.compile("^(expired|cancelled)"))
    expect(page.locator("#timeline .log li[data-tone=bad]", has_text="The gateway lost IB").first).to_be_visible()
    expect(page.get_by_role("heading", name="Connected to IB", exact=True)).to_be_visible()
    page.reload()
    expect(page.locator("#orders .done .order")).to_have_count(5)
    expect(page.locator(".quote:not(.stale)", has_text="NVDA")).to_have_count(1)
    expect(page.locator("#positions tbody tr", has_text="NVDA").locator("td").first).to_have_text("8")
