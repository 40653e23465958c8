"""Positions: what they gained today, their sums by currency, and the way from there to the chart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from demo import Demo

GAIN = re.compile(r"^[+\N{MINUS SIGN}]?[\d,]+\.\d\d$")


def test_sums_are_those_of_the_rows(page: Page) -> None:
    """All in one step of the page, as prices come all the time."""
    today = page.locator("#positions tbody .today")
    for n in range(today.count()):
        expect(today.nth(n)).to_have_text(GAIN)
    expect(page.locator("#positions tfoot th")).to_have_text("All in USD")
    read = """() => [5, 6, 7].map((column) => [...document.querySelectorAll(`#positions :is(tbody, tfoot) tr > :nth-child(${column})`)]
        .map((cell) => Number((cell.querySelector("span") ?? cell).textContent.replace("\\u2212", "-").replace(/[^0-9.-]/g, ""))))"""
    for *parts, whole in page.evaluate(read):
        assert len(parts) == 6
        assert abs(sum(parts) - whole) < 0.05


def test_position_leads_to_its_chart_and_ticket(page: Page) -> None:
    page.locator("#positions tbody tr", has_text="TSLA").get_by_role("button").click()
    expect(page.locator("#positions tr.chosen")).to_contain_text("TSLA")
    expect(page.locator("#chart h2")).to_have_text("Chart TSLA")
    page.locator("#positions tbody tr", has_text="ES FUT").get_by_role("button").click()
    expect(page.locator("#chart h2")).to_contain_text("ES")
    expect(page.locator("#positions tr.chosen")).to_have_count(1)


def test_parts_of_a_sum_that_are_not_known_make_it_unknown(page: Page) -> None:
    held = page.request.get(f"{page.url}account/positions").json()
    held["positions"][0] |= {"currency": "EUR", "marketPrice": None, "conId": 1, "secType": "BOND"}
    page.route("**/account/positions", lambda route: route.fulfill(json=held))
    page.reload()
    sums = page.locator("#positions tfoot tr")
    expect(sums.filter(has_text="All in EUR").locator("td").nth(3)).to_have_text("\N{EN DASH}")
    expect(sums.filter(has_text="All in USD").locator("td").nth(3)).to_contain_text("USD")


def test_gains_of_today_go_with_the_session(tried_page: Page, demo: Demo) -> None:
    today = tried_page.locator("#positions tbody .today").first
    expect(today).to_have_text(GAIN)
    demo.control("refuse 30")
    expect(today).to_have_text("\N{EN DASH}")
    expect(tried_page.locator("#positions tfoot .today")).to_have_text("\N{EN DASH}")
    demo.control("refuse 0")
    expect(today).to_have_text(GAIN)
