"""The page while it is open: what changes is seen, and what somebody is doing there stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.page_scene import busy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.conftest import Seen

pytestmark = pytest.mark.browser

SOON = 8000
"""Milliseconds in which a page has asked again, on a busy machine."""
HIDE = """([hidden]) => {
  Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true })
  document.dispatchEvent(new Event("visibilitychange"))
}"""


def ask_again(seen: Seen) -> None:
    """Wait until a page has asked once more, and has taken in the answer."""
    with seen.page.expect_response(f"{seen.url}/", timeout=SOON) as answer:
        pass
    answer.value.finished()
    seen.page.evaluate("new Promise((done) => setTimeout(done, 50))")


def test_added_entry_is_seen(show: Callable[..., Seen]) -> None:
    """An entry that is added comes up by itself, and one that is finished goes, without the page being loaded anew."""
    seen = show()
    page = seen.open()
    page.evaluate("window.stays = true")
    expect(page.locator("#sentence")).to_have_text("All is well: nothing is owed.")
    (entry,) = seen.outbox.owe(project="payments")
    expect(page.locator("#queue .uuid")).to_have_text(entry.launch.uuid, timeout=SOON)
    expect(page.locator("#counts")).to_have_text("1 waits, 0 at work.")
    assert page.title() == "1 waits, 0 at work · rp-finalizer"
    seen.outbox.work(0.2)
    expect(page.locator("#queue .empty")).to_have_text("Nothing waits.", timeout=SOON)
    assert page.evaluate("window.stays")
    assert seen.troubles == []


def test_what_somebody_does_there_stays(show: Callable[..., Seen]) -> None:
    """Focus, open details, a selected text and the place scrolled to stay while rows come and go around them."""
    outbox, rates = busy()
    outbox.owe(20)
    letters = [outbox.bury(f"no rights in project {number}") for number in range(3)]
    first, second = outbox.queue()[:2]
    seen = show(outbox, rates)
    page = seen.open()
    page.locator("#rates summary").click()
    page.locator("#queue summary").click()
    page.evaluate(
        """([button, text]) => {
          document.querySelector(`[data-key="d-${button}"] button`).focus()
          const chosen = document.querySelector(`[data-key="q-${text}"] .uuid`)
          getSelection().selectAllChildren(chosen)
          scrollTo(0, 120)
          document.querySelector("#queue .scroll").scrollTop = 40
        }""",
        [letters[1].entry_id, second.entry_id],
    )
    seen.outbox.discard(first.entry_id, "by hand")
    seen.outbox.retry(letters[0].entry_id)
    seen.outbox.owe(2)
    expect(page.locator(f'[data-key="q-{letters[0].entry_id}"]')).to_have_count(1, timeout=SOON)
    ask_again(seen)
    assert page.locator(f'[data-key="q-{first.entry_id}"]').count() == 0
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == (
        f"Retry launch {letters[1].launch.uuid}"
    )
    assert page.evaluate("getSelection().toString()") == second.launch.uuid
    assert page.locator("#rates details").get_attribute("open") is not None
    assert page.locator("#queue details").get_attribute("open") is not None
    assert page.evaluate("scrollY") == 120
    assert page.evaluate("document.querySelector('#queue .scroll').scrollTop") == 40
    assert seen.troubles == []


def test_quiet_while_hidden(show: Callable[..., Seen]) -> None:
    """A page that nobody sees asks for nothing; when it is seen again it is up to date at once."""
    seen = show()
    page = seen.open()
    ask_again(seen)
    page.evaluate(HIDE, [True])
    before = len(seen.asked)
    (entry,) = seen.outbox.owe()
    page.wait_for_timeout(4500)
    assert len(seen.asked) == before
    page.evaluate(HIDE, [False])
    expect(page.locator("#queue .uuid")).to_have_text(entry.launch.uuid)


def test_pause(show: Callable[..., Seen]) -> None:
    """Who wants to read in peace stops the page, and lets it go on."""
    seen = show()
    page = seen.open()
    ask_again(seen)
    page.get_by_role("button", name="Pause").click()
    before = len(seen.asked)
    seen.outbox.owe()
    page.wait_for_timeout(4500)
    assert len(seen.asked) == before
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#queue .uuid")).to_have_count(1)


def test_service_that_stops(show: Callable[..., Seen]) -> None:
    """When the service does not answer the page says so, since when, and goes on by itself once it does."""
    seen = show()
    page = seen.open()
    expect(page.locator("#sentence")).to_have_text("All is well: nothing is owed.")
    seen.stop()
    expect(page.locator("#sentence")).to_contain_text("The service has not answered since", timeout=SOON)
    expect(page.locator("#state")).to_have_class("state bad")
    seen.start_again()
    expect(page.locator("#sentence")).to_have_text("All is well: nothing is owed.", timeout=SOON)
    expect(page.locator("#state")).to_have_class("state good")


def test_outbox_that_goes_away(show: Callable[..., Seen]) -> None:
    """An open page tells that the outbox is away, and is whole again when it is back."""
    seen = show()
    seen.outbox.owe(3)
    page = seen.open()
    seen.outbox.away = True
    expect(page.locator("#sentence")).to_contain_text("The outbox cannot be reached", timeout=SOON)
    expect(page.locator("#queue")).to_have_count(0)
    seen.outbox.away = False
    expect(page.locator("#queue .uuid")).to_have_count(3, timeout=SOON)
    assert seen.troubles == []
