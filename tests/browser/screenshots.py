"""Takes the pictures in docs/images from a demo, when its charts have something to show."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path
from typing import Any

from demo import Demo
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
WIDE: dict[str, Any] = {"viewport": {"width": 2560, "height": 1200}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "device_scale_factor": 2}
PATIENCE_MS = 300_000
DRAWN = re.compile(r"\d bars")
"""What a chart that has something to show says of itself."""


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with Demo() as demo, sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        light = opened(browser, demo, "light", **DESKTOP)
        dark = opened(browser, demo, "dark", **DESKTOP)
        wide = opened(browser, demo, "dark", **WIDE)
        phone = opened(browser, demo, "dark", **PHONE)
        for page, name in ((light, "page-light"), (dark, "page-dark"), (phone, "page-phone"), (wide, "page-wide")):
            expect(page.locator("#chart .candles")).to_have_attribute("aria-label", DRAWN)
            shoot(page, name)
        demo.control("refuse 600")
        expect(light.locator("#session-title")).to_have_text("Not connected to IB")
        expect(light.locator("#session-since")).to_contain_text(re.compile(r"for ([3-9]|\d\d) s"))
        shoot(light, "page-stale")
        browser.close()


def opened(browser: Browser, demo: Demo, theme: Any, **options: Any) -> Page:
    page = browser.new_context(color_scheme=theme, **options).new_page()
    page.goto(demo.url)
    expect(page.locator(".quote:not(.stale)")).to_have_count(4)
    return page


def shoot(page: Page, name: str) -> None:
    """Write a picture with 200 colours, which is a third of the size and looks the same."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(200, dither=Image.Dither.NONE)
    picture.save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
