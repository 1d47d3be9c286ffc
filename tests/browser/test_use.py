"""What people do with the page: with a mouse, with keys only, without JavaScript, and what others try with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from rp_finalizer.entries import EntryState, OwedLaunch
from rp_finalizer.outcome import ErrorKind
from rp_finalizer.report import Failure
from tests.support.page_scene import READER_TOKEN, busy

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Seen

pytestmark = pytest.mark.browser

SOON = 8000
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\" onload='alert(3)'"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_retry_and_clear(show: Callable[..., Seen], scripts: bool) -> None:  # noqa: FBT001  a parameter
    """An administrator retries a dead letter, all of them, and clears the queue after a question, by clicking."""
    seen = show(java_script_enabled=scripts)
    letters = [seen.outbox.bury(f"no rights in {number}") for number in range(3)]
    page = seen.open()
    page.get_by_role("button", name=f"Retry launch {letters[1].launch.uuid}").click()
    expect(page.locator("#queue .uuid")).to_have_text(letters[1].launch.uuid)
    page.get_by_role("button", name="Retry all 2").click()
    expect(page.locator("#dead .empty")).to_have_text("There are no dead letters.")
    assert seen.outbox.statistics().by_state == {EntryState.READY: 3}
    page.get_by_role("link", name="Clear the queue…").click()
    page.get_by_role("link", name="Keep them").click()
    assert seen.outbox.statistics().by_state == {EntryState.READY: 3}
    page.get_by_role("link", name="Clear the queue…").click()
    page.get_by_role("button", name="Clear 3 launches").click()
    expect(page.locator("#queue .empty")).to_have_text("Nothing waits.")
    assert seen.outbox.statistics().by_state == {EntryState.DEAD: 3}
    assert seen.troubles == []


def test_all_is_there_without_scripts(show: Callable[..., Seen]) -> None:
    """Without JavaScript the page shows the same and loads itself anew; what only scripts could do is not offered."""
    seen = show(*busy(), java_script_enabled=False)
    page = seen.open()
    expect(page.locator("#sentence")).to_have_text("1 launch was given up.")
    expect(page.locator("#queue tbody tr")).to_have_count(12)
    expect(page.locator("#active tbody tr")).to_have_count(6)
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    assert "loaded anew every 15 s" in page.locator(".as-of").inner_text()
    seen.outbox.owe()
    expect(page.locator("#queue tbody tr")).to_have_count(13, timeout=30_000)
    assert seen.troubles == []


def test_keys_only(show: Callable[..., Seen]) -> None:
    """Everything is reached and done with keys, and where one is can be seen."""
    seen = show()
    seen.outbox.owe(2)
    letter = seen.outbox.bury("no rights")
    page = seen.open()
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the queue"
    page.keyboard.press("Enter")
    tab_to(page, "Clear the queue…")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    tab_to(page, f"Retry launch {letter.launch.uuid}")
    page.keyboard.press("Enter")
    expect(page.locator("#queue .uuid")).to_have_count(3)
    tab_to(page, "Clear the queue…")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Clear the queue of 3 launches?")).to_be_visible()
    tab_to(page, "Clear 3 launches")
    page.keyboard.press("Enter")
    expect(page.locator("#queue .empty")).to_have_text("Nothing waits.")
    assert seen.outbox.statistics().by_state == {EntryState.DEAD: 3}


def test_reader(show: Callable[..., Seen]) -> None:
    """A reader sees no form and no way to clear, and is told how to get them."""
    seen = show(*busy(), token=READER_TOKEN)
    page = seen.open()
    expect(page.locator("#dead tbody tr")).to_have_count(1)
    expect(page.locator("form, a.button")).to_have_count(0)
    expect(page.get_by_role("link", name="sign in")).to_be_visible()
    assert seen.troubles == []


def test_form_of_another_site(show: Callable[..., Seen]) -> None:
    """Another site's page that sends a form with an administrator's browser clears nothing."""
    seen = show()
    seen.outbox.owe(2)
    page = seen.open()
    form = f'<form method="post" action="{seen.url}/page/queue/clear"><button>A cat</button></form>'
    page.route("http://evil.example/", lambda route: route.fulfill(body=form, content_type="text/html"))
    page.goto("http://evil.example/")
    with page.expect_response("**/page/queue/clear") as answer:
        page.get_by_role("button", name="A cat").click()
    assert answer.value.status == 403
    assert seen.outbox.statistics().by_state == {EntryState.READY: 2}


def test_texts_of_others(show: Callable[..., Seen]) -> None:
    """Scripts in names, reasons and errors are shown as text and do nothing, also when they come up in an open page."""
    seen = show()
    page = seen.open()
    outbox, error = seen.outbox, Failure(ErrorKind.REJECTED, EVIL, EVIL)
    entries = [outbox.add(OwedLaunch("javascript:alert(4)", EVIL, f"{EVIL}{number}")) for number in range(2)]
    taken = outbox.take(entries[0].entry_id, EVIL, 60.0)
    outbox.give_up(taken.entry_id, taken.lease_token, error, EVIL)
    outbox.take(entries[1].entry_id, EVIL, 60.0)
    expect(page.locator("#dead")).to_contain_text("<script>alert(1)</script>", timeout=SOON)
    expect(page.locator("#workers")).to_contain_text("<img src=x onerror=alert(2)>")
    page.reload()
    assert page.locator("main script, main img").count() == 0
    assert page.locator("main a[href^='javascript']").count() == 0
    assert seen.troubles == []


def focused(page: Page) -> str:
    """Name what has the focus."""
    name: str = page.evaluate(
        "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim()"
    )
    return name


def tab_to(page: Page, name: str) -> None:
    """Press the tabulator until something has the focus."""
    for _ in range(60):
        if focused(page) == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(name)
