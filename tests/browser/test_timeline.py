"""The last day as a strip, and what was wrong in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

if TYPE_CHECKING:
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
