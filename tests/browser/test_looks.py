"""How the page looks, in every state, on a wall and on a phone, light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.support.page_scene import READER_TOKEN, away, busy, empty, stalled

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.conftest import Seen

pytestmark = pytest.mark.browser

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
STATES = {"busy": busy, "stalled": stalled, "empty": empty, "away": away}
HOLDS = """() => {
  const wide = document.documentElement.scrollWidth > innerWidth
  const cut = [...document.querySelectorAll("main *")].filter((each) => {
    const box = each.getBoundingClientRect()
    return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1)
  })
  return { wide, cut: cut.map((each) => each.outerHTML.slice(0, 120)) }
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 800, 360])
@pytest.mark.parametrize("state", STATES)
def test_every_look(show: Callable[..., Seen], state: str, width: int, scheme: str) -> None:
    """Nothing is cut off or scrolls sideways, all is readable (axe), nothing is loaded from elsewhere or fails."""
    seen = show(*STATES[state](), width=width, color_scheme=scheme)
    page = seen.open()
    assert page.evaluate(HOLDS) == {"wide": False, "cut": []}
    results = Axe().run(page, options=RULES)
    assert results.violations_count == 0, results.generate_report()
    assert seen.troubles == []


def test_reader_on_a_phone(show: Callable[..., Seen]) -> None:
    """A reader's page and the question before clearing are as readable."""
    seen = show(*busy(), width=360, token=READER_TOKEN)
    page = seen.open()
    assert page.evaluate(HOLDS) == {"wide": False, "cut": []}
    assert Axe().run(page, options=RULES).violations_count == 0
    assert page.locator("form, a.button").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_question_before_clearing(show: Callable[..., Seen], scheme: str) -> None:
    """The question before clearing is readable on a phone."""
    seen = show(width=360, color_scheme=scheme)
    seen.outbox.owe(12)
    page = seen.open("/page/queue/clear")
    assert page.evaluate(HOLDS) == {"wide": False, "cut": []}
    results = Axe().run(page, options=RULES)
    assert results.violations_count == 0, results.generate_report()
    assert seen.troubles == []


def test_large_text(show: Callable[..., Seen]) -> None:
    """With text twice as large the page still does not scroll sideways."""
    page = show(*busy(), width=1440).open()
    page.evaluate("document.documentElement.style.fontSize = '30px'")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
