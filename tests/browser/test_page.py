"""What a visitor of the live page sees, in a real browser, with real faults behind it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from conftest import GATEWAY_AWAY, PHONE, with_prices
from demo import Demo
from playwright.sync_api import Page, expect
from record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import OpenPage

TRUSTED_MS = 4000
"""For which the page believes a stream that has answered."""
NOTICED_MS = 2000
"""Within which the page has to say that its prices are old."""
UNREACHABLE = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "ERR_INCOMPLETE", *GATEWAY_AWAY)


@pytest.fixture(autouse=True)
def quiet_market(demo: Demo) -> Iterator[None]:
    """Whatever a test broke is mended."""
    yield
    for command in ("refuse 0", "delayed off", "competing off", "resume AAPL", "farm-up usfarm", "1102"):
        demo.control(command)
    demo.wait_until_healthy()


def card(page: Page, symbol: str) -> Any:
    return page.locator(".quote", has=page.locator(".name", has_text=re.compile(f"^{symbol}$")))


def show_cards(page: Page) -> None:
    page.get_by_role("button", name="Cards").click()
    expect(page.locator(".card:not(.stale)")).to_have_count(4)


def add(page: Page, symbol: str) -> None:
    page.get_by_label("Symbol", exact=True).fill(symbol)
    page.get_by_role("button", name="Add").click()


def wait_for_another(page: Page, selector: str) -> None:
    """Wait until an element's text is not what it is now."""
    element = page.locator(selector).first
    expect(element).not_to_have_text(element.inner_text(), use_inner_text=True)


def assert_shown_as_old(element: Any) -> None:
    expect(element).to_have_css("text-decoration-line", "line-through")


def test_quotes_move_and_draw_a_chart(page: Page) -> None:
    show_cards(page)
    expect(page.get_by_role("heading", name="Connected to IB", exact=True)).to_be_visible()
    for _ in range(3):
        wait_for_another(page, ".quote .value")
    drawn = page.locator(".chart-line").first.get_attribute("d") or ""
    assert len(re.findall("[HV]", drawn)) >= 6
    assert re.match(r"AAPL since \d\d:\d\d:\d\d: from [\d.]+ to [\d.]+", page.locator(".chart svg").first.get_attribute("aria-label") or "")
    expect(page.locator(".quote .value").first).to_have_css("text-decoration-line", "none")


def test_a_book_is_shown_beside_its_quote_while_it_is_current(tried_page: Page, demo: Demo) -> None:
    page = tried_page
    show_cards(page)
    book = card(page, "AAPL").locator(".depth")
    book.locator("summary").click()
    expect(book.locator("tbody tr")).to_have_count(5, timeout=20_000)
    expect(card(page, "AAPL")).not_to_have_class(re.compile("stale"))
    demo.control("farm-down usfarm")
    expect(book.locator("table")).to_be_hidden(timeout=NOTICED_MS)
    expect(book.locator(".depth-note")).to_contain_text("usfarm")
    demo.control("farm-up usfarm")
    expect(book.locator("tbody tr")).to_have_count(5, timeout=20_000)
    book.locator("summary").click()
    expect(book.locator("table")).to_be_hidden()


def test_page_says_how_trading_is_switched_on(page: Page) -> None:
    expect(page.locator("#ticket .empty")).to_contain_text("switches it on with IBACTORS_TRADING=paper")
    expect(page.locator("#orders .empty")).to_have_text("Trading is off: there are no orders.")
    expect(page.locator("#halt")).to_be_hidden()


def test_positions_have_the_prices_of_the_stream(page: Page) -> None:
    row = page.locator("#positions tbody tr", has_text="AAPL")
    expect(row.locator("td").nth(1)).to_contain_text("live")
    wait_for_another(page, "#positions tbody td:nth-child(3) span")
    quantity, price, _, value = (float(re.sub("[^0-9.]", "", text.splitlines()[0])) for text in row.locator("td").all_inner_texts()[:4])
    assert quantity * price == pytest.approx(value, abs=0.01)
    future = page.locator("#positions tbody tr", has_text="ES FUT")
    expect(future.locator("td").nth(1)).to_contain_text("live")
    expect(page.locator("#positions tbody tr", has_text="SPY").locator("td").first).to_have_text("\N{MINUS SIGN}30")
    expect(page.locator("#account")).to_contain_text("Net liquidation")


def test_inside_shows_actors_lines_and_notices(page: Page) -> None:
    page.locator("#inside summary").first.click()
    expect(page.locator("#inside .tree")).to_contain_text("symbol (6)")
    expect(page.locator("#inside .actor", has_text="con_id=")).to_have_text(re.compile(r"^con_id=\d+running for [\w ]+$"))
    expect(page.locator("#lines-words")).to_have_text("6 of 100 market-data lines in use")
    expect(page.locator(".notices li", has_text="2104").first).to_contain_text("Market data farm connection is OK")
    expect(page.locator("#login")).to_contain_text("Paper account")


@pytest.mark.parametrize("fault", ["drop", "refuse 600"])
def test_lost_gateway_turns_prices_stale_within_two_seconds_and_they_come_back(tried_page: Page, demo: Demo, fault: str) -> None:
    page = tried_page
    badge = Record(page, ".quote .badge")
    demo.control(fault)
    assert badge.wait_for("stale") < NOTICED_MS
    if fault != "drop":
        expect(page.get_by_role("heading", name="Not connected to IB")).to_be_visible()
        expect(page.locator(".quote.stale")).to_have_count(4)
        assert_shown_as_old(page.locator(".quote .value").first)
        assert_shown_as_old(page.locator("#positions td span").first)
        assert_shown_as_old(page.locator("#account dd").first)
        expect(page.locator("#account .as-of")).to_contain_text("stale")
        expect(page.locator(".quote .note").first).to_contain_text("There is no session with IB. Shown is the price of")
        demo.control("refuse 0")
    expect(page.locator(".quote:not(.stale)")).to_have_count(4)
    expect(page.locator("#account.stale")).to_have_count(0)
    expect(page.get_by_role("heading", name="Connected to IB", exact=True)).to_be_visible()
    wait_for_another(page, ".quote .value")


def test_service_that_hangs_behind_an_open_socket_is_noticed(tried_page: Page, demo: Demo) -> None:
    page = tried_page
    badge, title = Record(page, ".quote .badge"), Record(page, "#session-title")
    demo.stop_answering()
    try:
        assert badge.wait_for("stale") < TRUSTED_MS + NOTICED_MS
        title.wait_for("Checking the connection to ibactors…")
        expect(page.locator(".quote.stale")).to_have_count(4)
        assert_shown_as_old(page.locator(".quote .value").first)
    finally:
        demo.go_on()
    expect(page.locator(".quote:not(.stale)")).to_have_count(4)


def test_machine_that_wakes_from_sleep_does_not_show_old_prices_as_live(tried_page: Page, demo: Demo) -> None:
    """The browser and the service stand still for ten minutes; only the browser wakes."""
    page = tried_page
    page.clock.install()
    demo.stop_answering()
    try:
        page.clock.fast_forward(600_000)
        badge = Record(page, ".quote .badge")
        assert badge.wait_for("stale") < NOTICED_MS
        expect(page.locator(".quote.stale")).to_have_count(4)
    finally:
        demo.go_on()
    expect(page.locator(".quote:not(.stale)")).to_have_count(4)


def test_page_that_is_put_away_is_marked_before_it_comes_back(page: Page) -> None:
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => window.away, configurable: true})")
    page.evaluate("window.away = true; document.dispatchEvent(new Event('visibilitychange'))")
    assert page.locator(".quote.stale").count() == 4  # at once: an animation frame would not come any more
    page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".quote:not(.stale)")).to_have_count(4)


def test_lost_service_is_told_and_found_again(open_page: OpenPage) -> None:
    with Demo() as own:
        page = open_page(f"{own.url}/ui", allowed=UNREACHABLE)
        expect(page.locator(".quote:not(.stale)")).to_have_count(4)
        title = Record(page, "#session-title")
        own.kill()
        assert title.wait_for("Connection to ibactors lost") < NOTICED_MS
        expect(page.locator(".quote.stale")).to_have_count(4)
        expect(page.locator(".quote .note").first).to_contain_text("The connection to ibactors is lost.")
        own.start()
        expect(page.locator(".quote:not(.stale)")).to_have_count(4)
        expect(page.get_by_role("heading", name="Connected to IB", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("symbol", "words"),
    [
        ("badsym", "BADSYM: IB answered with error 200: No security definition has been found for the request. Tried: STK BADSYM"),
        ("NOSUB", "NOSUB: IB answered with error 354: Requested market data is not subscribed."),
        ("!!", "'symbol' does not have the form of such a value. symbol: IB's symbol, such as AAPL"),
    ],
)
def test_symbol_without_data_is_explained_and_leaves_no_card(page: Page, symbol: str, words: str) -> None:
    add(page, symbol)
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.locator(".quote")).to_have_count(4)


def test_symbols_are_added_removed_and_remembered(page: Page) -> None:
    add(page, "nvda")
    expect(card(page, "NVDA").locator(".badge")).to_have_text("live")
    add(page, "NVDA")
    expect(page.get_by_role("alert")).to_have_text("NVDA is shown already.")
    page.get_by_role("button", name="Remove TSLA").click()
    expect(page.get_by_label("Symbol", exact=True)).to_be_focused()
    page.reload()
    expect(page.locator(".quote .name")).to_have_text(["AAPL", "MSFT", "SPY", "NVDA"])
    expect(page.locator("#positions tbody tr", has_text="TSLA").locator("small", has_text="live")).to_be_visible()


def test_exchanges_of_one_stock_have_a_card_each(page: Page) -> None:
    page.get_by_text("Not a US stock?").click()
    page.get_by_label("Exchange").fill("NYSE")
    add(page, "MSFT")
    expect(page.locator(".quote", has_text="NYSE").locator(".badge")).to_have_text("live")
    expect(card(page, "MSFT").locator(".where")).to_have_text(["", "NYSE"])
    for _ in range(5):
        wait_for_another(page, ".quote:nth-child(2) .value")
        assert page.locator(".quote .where").nth(1).inner_text() == ""
    page.get_by_role("button", name="Cards").click()
    expect(card(page, "MSFT").locator(".where")).to_have_text(["SMART · USD", "NYSE · USD"])
    page.get_by_label("Exchange").fill("SMART")
    add(page, "MSFT")
    expect(page.get_by_role("alert")).to_have_text("MSFT is shown already.")


def test_symbol_added_while_there_is_no_session_comes_later(tried_page: Page, demo: Demo) -> None:
    page = tried_page
    demo.control("refuse 600")
    expect(page.get_by_role("heading", name="Not connected to IB")).to_be_visible()
    add(page, "NVDA")
    expect(card(page, "NVDA").locator(".badge")).to_have_text("waiting")
    demo.control("refuse 0")
    expect(card(page, "NVDA").locator(".badge")).to_have_text("live")


def test_one_of_several_contracts_is_chosen(page: Page) -> None:
    page.get_by_text("Not a US stock?").click()
    page.get_by_label("Kind").select_option("Future")
    page.get_by_label("Exchange").fill("CME")
    add(page, "ES")
    expect(page.get_by_role("alert")).to_contain_text("ES is the symbol of several contracts.")
    expect(card(page, "ES")).to_have_count(0)
    second = page.locator(".choices button").nth(1)
    name = second.inner_text().split()[0]
    second.click()
    expect(card(page, name).locator(".badge")).to_have_text("live")


def test_symbol_without_ticks_says_that_it_waits(page: Page) -> None:
    add(page, "QUIET")
    expect(card(page, "QUIET").locator(".badge")).to_have_text("waiting")
    expect(card(page, "QUIET").locator(".value")).to_have_text("\N{EN DASH}")


def test_delayed_halted_and_competing_data_say_so_in_words(page: Page, demo: Demo) -> None:
    badge, note = card(page, "AAPL").locator(".badge"), card(page, "AAPL").locator(".note")
    demo.control("delayed on")
    expect(badge).to_have_text("delayed")
    expect(note).to_contain_text("Delayed by the exchange, usually 15 minutes.")
    expect(page.locator("#positions tbody tr", has_text="AAPL").locator("td").nth(1)).to_contain_text("delayed")
    demo.control("delayed off")
    expect(badge).to_have_text("live")
    demo.control("halt AAPL")
    expect(badge).to_have_text("halted")
    demo.control("resume AAPL")
    demo.control("competing on")
    expect(badge).to_have_text("stale")
    expect(note).to_contain_text("No market data during competing live session.")
    expect(page.get_by_role("heading", name="Connected to IB, but no price is current")).to_be_visible()


def test_position_without_a_price_of_the_stream_says_whose_it_is(open_page: OpenPage, demo: Demo) -> None:
    demo.control("competing on")
    page = open_page(demo.url, allowed=("status of 409",))  # the chart asks for history, which another session has too
    price = page.locator("#positions tbody tr", has_text="AAPL").locator("td").nth(1)
    expect(price).to_contain_text("account's price")
    demo.control("competing off")
    expect(price).to_contain_text("live")


def test_lost_farm_is_named(tried_page: Page, demo: Demo) -> None:
    page = tried_page
    demo.control("farm-down usfarm")
    expect(page.get_by_role("heading", name="Connected to IB, but degraded")).to_be_visible()
    expect(page.locator("#session-detail")).to_contain_text("usfarm")
    expect(page.locator(".quote .note").first).to_contain_text("Market data farm connection is broken:usfarm")
    demo.control("farm-up usfarm")
    expect(page.locator(".quote:not(.stale)")).to_have_count(4)


def test_screen_readers_are_told_of_changes_and_not_of_ticks(tried_page: Page, demo: Demo) -> None:
    page = tried_page
    assert page.locator(".quote [aria-live], .quote [role=status], .quote [role=alert]").count() == 0
    demo.control("refuse 600")
    expect(page.locator("#announcer")).to_have_text("Prices on this page are not current.")
    demo.control("refuse 0")
    expect(page.locator("#announcer")).to_have_text("Prices are live again.")


def test_everything_can_be_reached_by_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to quotes")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#quotes")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Symbol", exact=True)).to_be_focused()
    page.keyboard.type("KO")
    page.keyboard.press("Enter")
    expect(card(page, "KO").locator(".badge")).to_have_text("live")


def test_theme_is_chosen_and_remembered(page: Page) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    button = page.get_by_role("button", name="Theme")
    button.click()
    button.click()
    expect(button).to_have_text("Theme: dark")
    assert page.evaluate(colour) != light
    page.reload()
    expect(button).to_have_text("Theme: dark")


def test_phone_needs_no_scrolling_sideways(open_page: OpenPage, demo: Demo) -> None:
    page = open_page(demo.url, viewport=PHONE, is_mobile=True, has_touch=True)
    expect(page.locator(".quote:not(.stale)")).to_have_count(4)
    expect(page.locator("#positions tbody tr")).to_have_count(6)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert page.evaluate("(() => { const box = document.querySelector('.scroll'); return box.scrollWidth - box.clientWidth; })()") == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("state", ["live", "stale"])
def test_axe_finds_nothing_serious(open_page: OpenPage, demo: Demo, axe: str, theme: str, size: str, state: str) -> None:
    options: dict[str, Any] = {"viewport": PHONE, "is_mobile": True} if size == "phone" else {}
    page = with_prices(open_page(demo.url, allowed=GATEWAY_AWAY, color_scheme=theme, bypass_csp=True, **options))
    page.locator("#inside summary").first.click()
    expect(page.locator("#inside .tree li").first).to_be_visible()
    if state == "stale":
        demo.control("refuse 600")
        add(page, "BADSYM")
        expect(page.locator(".quote.stale").first).to_be_visible()
    page.evaluate(axe)
    found = page.evaluate("axe.run().then(({violations}) => violations)")
    told = [(one["id"], one["impact"], [node["html"][:150] for node in one["nodes"]]) for one in found]
    assert [one for one in told if one[1] in ("serious", "critical")] == []
