"""The last day as a strip, and what was wrong in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from conftest import PHONE
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from conftest import OpenPage
    from demo import Demo


def test_an_outage_stands_in_the_strip_and_in_the_log(tried_page: Page, demo: Demo) -> None:
    expect(tried_page.locator("#timeline .strip")).to_have_attribute("aria-label", re.compile("connected for"))
    demo.control("1100")
    lost = tried_page.locator("#timeline .log li[data-tone=bad]", has_text="The gateway lost IB")
    expect(lost.first).to_contain_text("1100")
    expect(lost.first).to_contain_text("Now, for")
    expect(tried_page.locator("#timeline .strip [data-tone=bad]").last).to_have_attribute("title", re.compile("lost IB"))
    demo.control("1102")
    expect(tried_page.locator("#timeline .strip [data-tone=good]").last).to_be_visible()
    expect(lost.first).not_to_contain_text("Now, for")
    shown = tried_page.locator("#timeline .log li")
    expect(tried_page.locator("#timeline .log li[data-tone=good]")).to_have_count(0)
    tried_page.get_by_label("also when all was well").check()
    expect(shown.first).to_contain_text("Connected")


def test_strip_covers_a_day_whose_beginning_is_not_known(page: Page) -> None:
    """The service has just begun: the strip's left side says nothing, the last part ends at now."""
    strip = page.locator("#timeline .strip")
    expect(strip.locator("span").last).to_be_visible()
    whole = strip.bounding_box()
    last = strip.locator("span").last.bounding_box()
    assert whole is not None
    assert last is not None
    assert abs(last["x"] + last["width"] - whole["x"] - whole["width"]) <= 2.5
    assert last["width"] < whole["width"] / 10


def test_several_gateways_are_told_apart(page: Page) -> None:
    expect(page.locator("#gateways")).to_be_hidden()
    health, listed = (page.request.get(f"{page.url}{path}").json() for path in ("health", "gateways"))
    second = listed["gateways"][0] | {"name": "second", "phase": "lost", "reason": "1100", "accounts": ["DU7654321"], "lines": 3}
    both = {"gateways": [*listed["gateways"], second]}
    page.route("**/health", lambda route: route.fulfill(json=health | both))
    page.route("**/gateways", lambda route: route.fulfill(json=both))
    page.reload()
    told = page.locator("#gateways .log li")
    expect(told).to_contain_text(["Connected. DU1234567. ", "The gateway lost IB. 1100. DU7654321. 3 of 100 lines."])
    expect(told.nth(1)).to_have_attribute("data-tone", "bad")


def test_debug_pages_are_readable_on_a_phone(open_page: OpenPage, demo: Demo, axe: str) -> None:
    page = open_page(demo.url, viewport=PHONE, bypass_csp=True)
    page.locator("#inside summary").first.click()
    page.locator("#inside .more").get_by_role("link", name="actors").click()
    for name in ("Actors", "Tasks", "Event loop"):
        page.get_by_role("navigation", name="Debug").get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        page.wait_for_load_state("load")  # the heading may be there before the style sheets
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        page.evaluate(axe)
        found = page.evaluate("axe.run().then(({violations}) => violations)")
        assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []
