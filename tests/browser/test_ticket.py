"""A trader's day on the page: chart, preview, order, change, cancel, halt, in a real browser before the demo's simulator."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from conftest import GATEWAY_AWAY, PHONE
from demo import LIMIT_S, Demo
from playwright.sync_api import Page, Route, expect
from trader import begin_the_next_day, find_and_chart, halt_and_resume, lose_the_gateway, orders_of, place, preview, sent_to_ib

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import OpenPage

LOST = ("ERR_FAILED", *GATEWAY_AWAY)
"""A browser writes these on the console when the answer to a request is lost."""
REFUSED = ("status of 4",)
GOING_ON = re.compile("^(live|last bar of .*)$")
"""What the chart says while its newest bar is IB's newest: while the market is closed that is one of before."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with trading(tmp_path_factory.mktemp("journal")) as running:
        running.control("set AAPL 228.30 228.32 228.31")
        yield running


def trading(folder: Path) -> Demo:
    return Demo(IBACTORS_TRADING="paper", IBACTORS_STATE_PATH=str(folder), IBACTORS_JOURNAL_EPHEMERAL="1")


def opened(open_page: OpenPage, demo: Demo, *, allowed: tuple[str, ...] = (), **options: Any) -> Page:
    page = open_page(demo.url, allowed=allowed, **options)
    page.evaluate("import('/ui/selection.js').then(({selection}) => selection.instrument ?? selection.choose({symbol: 'AAPL'}))")
    expect(page.locator("#ticket-title")).to_have_text("Order AAPL")
    expect(page.locator(".ticket-quote")).to_contain_text(re.compile("228.30 × 228.32 (live|closed)"))  # noqa: RUF001 - as the page has it
    return page


def test_chart_has_candles_of_every_range_and_the_bar_that_forms(open_page: OpenPage, demo: Demo) -> None:
    page = opened(open_page, demo, allowed=GATEWAY_AWAY)  # on a busy machine history may be late, and is asked again
    chart = page.locator("#chart")
    for name, words in (("5 y", "five years of weeks, 26"), ("1 y", "a year of days, 2"), ("1 d", "a day of minutes, ")):
        chart.get_by_role("button", name=name, exact=True).click()
        expect(chart.locator(".candles")).to_have_attribute("aria-label", re.compile(f"AAPL, {words}.* Newest: .* C [\\d.]+"))
    assert page.locator("#chart canvas").count() > 0
    expect(chart.locator(".as-of")).to_have_text(GOING_ON)
    assert drawn_colours(page) > 1
    demo.control("farm-down ushmds")
    demo.control("farm-down usfarm")
    expect(chart).to_have_class(re.compile("stale"))
    expect(chart.locator(".note")).to_contain_text("usfarm")
    demo.control("farm-up usfarm")
    demo.control("farm-up ushmds")
    expect(chart.locator(".as-of")).to_have_text(GOING_ON)


def drawn_colours(page: Page) -> int:
    """How many colours the largest canvas of the chart has."""
    return page.evaluate("""() => {
        const area = ({width, height}) => width * height;
        const [canvas] = [...document.querySelectorAll("#chart canvas")].sort((one, other) => area(other) - area(one));
        const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const seen = new Set();
        for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 255) seen.add(`${data[at]} ${data[at + 1]} ${data[at + 2]}`);
        return seen.size;
    }""")  # type: ignore[no-any-return]


def test_day_of_a_trader(open_page: OpenPage, demo: Demo) -> None:
    """Find, chart, preview, place, change, cancel, fill, halt; the gateway goes and comes back; the next day."""
    page = opened(open_page, demo, allowed=(*GATEWAY_AWAY, *REFUSED))
    demo.control("set NVDA 180.00 180.02 180.01")
    before = sent_to_ib(demo)
    find_and_chart(page, "NVDA")
    preview(page, "Buy", "10", "178")
    shown = page.locator("#ticket .preview")
    expect(shown.locator("h3")).to_have_text("Buy 10 NVDA, limit 178, day")
    expect(shown).to_contain_text("180.00 × 180.02, live quote of")  # noqa: RUF001 - as the page has it
    expect(shown).to_contain_text("Limit: order notional1,780 of 10,000")
    expect(shown).to_contain_text("Commission1.00 USD")
    assert orders_of(demo) == []
    page.locator("#ticket .place").click()
    working = page.locator("#orders .working .order")
    expect(working).to_contain_text("Buy 10 NVDA, limit 178, day")
    expect(working.locator(".status")).to_have_text("working")
    working.get_by_role("button", name="Change").click()
    dialog = page.get_by_role("dialog", name="Change: Buy 10 NVDA, limit 178, day")
    dialog.get_by_label("Limit price").fill("179")
    dialog.get_by_role("button", name="Preview").click()
    dialog.get_by_role("button", name="Send the change").click()
    expect(working).to_contain_text("Buy 10 NVDA, limit 179, day")
    working.get_by_role("button", name="Cancel").click()
    over = page.locator("#orders .done .order")
    expect(over.locator(".status")).to_have_text(re.compile("^cancelled"))
    page.get_by_role("button", name="Another order").click()
    place(page, "Buy", "5")
    page.locator("#orders .over > summary").click()
    filled = over.filter(has_text="Buy 5 NVDA, market, day")
    expect(filled.locator(".filled")).to_contain_text("5 of 5 filled at 180.02 USD, commission")
    filled.locator("summary").click()
    expect(filled.locator(".life li")).to_contain_text(["accepted", "fill, 5 at 180.02"])
    expect(page.locator("#positions tbody tr", has_text="NVDA").locator("td").first).to_have_text("5")
    assert sent_to_ib(demo) == len(orders_of(demo)) == before + 2
    halt_and_resume(page, demo)
    lose_the_gateway(page, demo)
    begin_the_next_day(page, demo)


def test_refusals_say_what_and_where(open_page: OpenPage, demo: Demo) -> None:
    page = opened(open_page, demo, allowed=REFUSED)
    before = len(orders_of(demo))
    alert, quantity, limit = (
        page.locator("#ticket-problem"),
        page.locator("#ticket [name=quantity]"),
        page.locator("#ticket [name=limit_price]"),
    )
    preview(page, "Buy", "ten", "225")
    expect(alert).to_have_text("Quantity is not a number. Write it as 100 or 228.37.")
    expect(quantity).to_be_focused()
    preview(page, "Buy", "10", "225.001")
    expect(alert).to_contain_text("0.01")
    expect(limit).to_be_focused()
    expect(limit).to_have_attribute("aria-invalid", "true")
    preview(page, "Buy", "100", "225")
    expect(page.locator("#ticket .verdict")).to_contain_text(
        "The order notional would be 22500; the limit is 10000. The limit is IBACTORS_MAX_ORDER_NOTIONAL."
    )
    expect(page.locator("#ticket .place")).to_be_disabled()
    assert len(orders_of(demo)) == before


def test_two_clicks_or_enters_are_one_order(open_page: OpenPage, demo: Demo) -> None:
    page = opened(open_page, demo)
    before = sent_to_ib(demo)
    preview(page, "Buy", "1", "224")
    place_it = page.locator("#ticket .place")
    place_it.dblclick()
    page.evaluate("for (let n = 0; n < 3; n += 1) document.querySelector('#ticket .place').click()")
    expect(page.locator("#ticket .answer")).to_contain_text("taken by the service")
    page.get_by_role("button", name="Another order").click()
    for key in ("Enter", "Enter", "Enter"):
        page.locator("#ticket [name=limit_price]").press(key, timeout=2000) if page.locator(
            "#ticket form"
        ).is_visible() else page.keyboard.press(key)
    expect(page.locator("#ticket .preview h3")).to_be_focused()
    page.keyboard.press("Enter")
    expect(place_it).to_be_enabled()
    place_it.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator("#ticket .answer")).to_contain_text("taken by the service")
    assert sent_to_ib(demo) == before + 2
    assert len({order["client_order_id"] for order in orders_of(demo)}) == len(orders_of(demo)) == before + 2


def test_lost_answer_is_asked_for_again_with_the_same_id(open_page: OpenPage, demo: Demo) -> None:
    page = opened(open_page, demo, allowed=LOST)
    before = sent_to_ib(demo)
    bodies: list[Any] = []

    def lose(route: Route) -> None:
        bodies.append(route.request.post_data_json)
        if len(bodies) < 3:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/orders", lose)
    preview(page, "Buy", "2", "223")
    page.locator("#ticket .place").click()
    expect(page.locator("#ticket .answer")).to_contain_text("no answer yet, asked again with the same id")
    expect(page.locator("#ticket .answer")).to_contain_text("taken by the service")
    assert bodies[0] == bodies[1] == bodies[2]
    assert sent_to_ib(demo) == before + 1
    assert page.evaluate("localStorage.getItem('ibactors.unanswered')") == "{}"


def test_order_that_is_refused_after_a_lost_try_can_never_come_of_it(open_page: OpenPage, demo: Demo) -> None:
    page = opened(open_page, demo, allowed=(*LOST, *REFUSED))
    before = sent_to_ib(demo)
    bodies: list[Any] = []

    def hold_the_first(route: Route) -> None:
        bodies.append(route.request.post_data_json)
        if len(bodies) == 1:
            demo.control("set AAPL 300.00 300.02 300.01")
            route.abort()
        else:
            route.continue_()

    page.route("**/orders", hold_the_first)
    preview(page, "Sell", "2", "228")
    page.locator("#ticket .place").click()
    expect(page.locator("#ticket .answer")).to_contain_text("Sell 2 AAPL, limit 228, day: refused")
    demo.control("set AAPL 228.30 228.32 228.31")
    with pytest.raises(urllib.error.HTTPError, match="409"):
        post(demo, {**bodies[0], "send_before": None})
    assert sent_to_ib(demo) == before


def post(demo: Demo, order: dict[str, Any]) -> None:
    request = urllib.request.Request(f"{demo.url}/orders", json.dumps(order).encode(), {"Content-Type": "application/json"})  # noqa: S310 - our own address
    urllib.request.urlopen(request, timeout=LIMIT_S).close()  # noqa: S310


def test_order_without_an_answer_outlives_the_page(open_page: OpenPage, demo: Demo) -> None:
    page = opened(open_page, demo, allowed=LOST)
    before = sent_to_ib(demo)
    page.route("**/orders", lambda route: (route.fetch(), route.abort()))
    preview(page, "Buy", "3", "222")
    page.locator("#ticket .place").click()
    expect(page.locator("#ticket .answer")).to_contain_text("no answer yet")
    page.unroute("**/orders")
    page.reload()
    expect(page.locator("#ticket .answer")).to_contain_text("Buy 3 AAPL, limit 222, day: taken by the service")
    assert sent_to_ib(demo) == before + 1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page: OpenPage, demo: Demo, axe: str, theme: str) -> None:
    options: dict[str, Any] = {"viewport": PHONE, "is_mobile": True} if theme == "dark" else {}
    page = opened(open_page, demo, color_scheme=theme, bypass_csp=True, **options)
    if page.locator("#orders .over").is_visible():
        page.locator("#orders .over > summary").click()
    preview(page, "Buy", "1000", "225")
    expect(page.locator("#ticket .verdict")).to_contain_text("refused")
    page.evaluate(axe)
    for dialog in (None, "#halt"):
        if dialog:
            page.locator(dialog).click()
        found = page.evaluate("axe.run().then(({violations}) => violations)")
        told = [(one["id"], one["impact"], [node["html"][:150] for node in one["nodes"]]) for one in found]
        assert [one for one in told if one[1] in ("serious", "critical")] == []
    if theme == "dark":
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
