"""Make the picture of the page that the README shows: `python -m tests.browser.screenshot`."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from rp_finalizer.server.app import build_app
from rp_finalizer.server.serving import ServiceThread
from tests.browser.chromium import arguments, program
from tests.browser.small_png import in_few_colours
from tests.support.page_scene import ADMIN_TOKEN, busy, service_of

PICTURE = Path(__file__).with_name("page.png")


def main() -> None:
    """Draw a fleet at its work."""
    outbox, rates = busy()
    with ServiceThread(build_app(service_of(outbox, rates))) as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=arguments())
        page = browser.new_page(
            viewport={"width": 1400, "height": 800},
            color_scheme="light",
            http_credentials={"username": "anybody", "password": ADMIN_TOKEN},
        )
        rates.note(time.time(), outbox.statistics())
        page.goto(service.url)
        shot = page.screenshot(full_page=True)
        PICTURE.write_bytes(in_few_colours(browser.new_page(), shot))
        browser.close()
    print(f"{PICTURE}: {PICTURE.stat().st_size // 1024} KiB")  # noqa: T201  a program's answer


if __name__ == "__main__":
    main()
