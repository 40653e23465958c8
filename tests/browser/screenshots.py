"""Takes the pictures in docs/images from a demo: after a minute, so that its charts have something to show."""

from __future__ import annotations

import io
import shutil
import time
from pathlib import Path
from typing import Any

from demo import Demo
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 1010}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "device_scale_factor": 2}
PATIENCE_S = 75


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with Demo() as demo, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        light = opened(browser, demo, "light", **DESKTOP)
        dark = opened(browser, demo, "dark", **DESKTOP)
        phone = opened(browser, demo, "dark", **PHONE)
        time.sleep(PATIENCE_S)
        shoot(light, "page-light")
        shoot(dark, "page-dark")
        shoot(phone, "page-phone")
        demo.control("refuse 30")
        light.wait_for_selector("#session[data-tone=bad]")
        expect(light.locator("#session-detail")).to_contain_text("Nothing listens", timeout=30_000)
        time.sleep(2)
        shoot(light, "page-stale")
        browser.close()


def opened(browser: Browser, demo: Demo, theme: Any, **options: Any) -> Page:
    page = browser.new_context(color_scheme=theme, **options).new_page()
    page.goto(demo.url)
    page.wait_for_selector(".card:not(.stale)")
    return page


def shoot(page: Page, name: str) -> None:
    """Write a picture with 200 colours, which is a third of the size and looks the same."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(200, dither=Image.Dither.NONE)
    picture.save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
