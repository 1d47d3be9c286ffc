"""A Chromium, a page in it, and the service that it shows. All of it is collected with `-m browser` only."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer.server.app import build_app
from rp_finalizer.server.serving import ServiceThread
from tests.browser.chromium import arguments, program
from tests.support.page_scene import ADMIN_TOKEN, SceneOutbox, service_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI
    from playwright.sync_api import Browser, Dialog, Page

    from rp_finalizer.server.rates import Rates

SHOTS = Path("build/browser")
"""Where each test leaves what it has seen."""


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave them out of other runs, which need not even have what they import."""
    return None if config.getoption("markexpr") == "browser" else True


@dataclass
class Seen:
    """A page, and what came up in it that should not."""

    page: Page
    outbox: SceneOutbox
    app: FastAPI
    thread: ServiceThread
    troubles: list[str] = field(default_factory=list)
    """What the console said, errors of scripts, dialogs, and requests to elsewhere."""
    asked: list[str] = field(default_factory=list)
    """The addresses of all requests."""

    @property
    def url(self) -> str:
        return self.thread.url

    def watch(self) -> None:
        page = self.page
        page.on("console", lambda message: self.troubles.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", lambda request: self._asked(request.url))

    def _dialog(self, dialog: Dialog) -> None:
        self.troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _asked(self, url: str) -> None:
        self.asked.append(url)
        if not url.startswith(f"{self.url}/"):
            self.troubles.append(f"asked {url}")

    def stop(self) -> None:
        """Stop the service."""
        self.thread.__exit__(None, None, None)

    def start_again(self) -> None:
        """Start it at the same address."""
        self.thread = ServiceThread(self.app, port=self.thread.port).__enter__()

    def open(self, path: str = "/") -> Page:
        self.page.goto(f"{self.url}{path}")
        return self.page


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Run the Chromium that is installed."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  not installed where it is not used

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=arguments())
        yield browser
        browser.close()


@pytest.fixture
def show(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Seen]]:
    """Show an outbox in a page, and save at the end what the page looks like."""
    shown: list[Seen] = []

    def start(
        outbox: SceneOutbox | None = None,
        rates: Rates | None = None,
        *,
        width: int = 1280,
        token: str = ADMIN_TOKEN,
        **context: Any,
    ) -> Seen:
        scene = outbox or SceneOutbox()
        app = build_app(service_of(scene, rates))
        thread = ServiceThread(app).__enter__()
        opened = chromium.new_context(
            viewport={"width": width, "height": 900},
            http_credentials={"username": "anybody", "password": token, "origin": thread.url},
            **context,
        )
        seen = Seen(opened.new_page(), scene, app, thread)
        seen.watch()
        shown.append(seen)
        return seen

    yield start
    SHOTS.mkdir(parents=True, exist_ok=True)
    for number, seen in enumerate(shown):
        name = re.sub(r"[^\w]+", "-", request.node.name).strip("-") + (f"-{number}" if number else "")
        seen.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
        seen.page.context.close()
        seen.stop()
