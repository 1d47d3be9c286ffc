"""Who may do what."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest

from rp_finalizer.errors import SettingsError
from rp_finalizer.server.access import ADMIN_TOKEN, API_TOKEN, Access, Asked, Refusal, Role
from rp_finalizer.server.origins import is_loopback, is_same, names_this_machine

TOKENS = Access("reads", "clears")
NONE = Access()
HERE = "127.0.0.1:8377"


def basic(password: str, user: str = "anybody") -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def decided(access: Access, asked: Asked) -> Role | int:
    """Give the role, or the status of the refusal."""
    found = access.decide(asked)
    return found.status if isinstance(found, Refusal) else found


@pytest.mark.parametrize(
    ("authorization", "by_page", "expected"),
    [
        ("Bearer reads", False, Role.READER),
        ("bearer clears", False, Role.ADMIN),
        ("Bearer  reads ", False, Role.READER),
        ("Bearer reads", True, Role.READER),
        (basic("reads"), True, Role.READER),
        (basic("clears", ""), True, Role.ADMIN),
        (basic("reads"), False, 401),
        (basic("other"), True, 401),
        (None, False, 401),
        ("", False, 401),
        ("Bearer", False, 401),
        ("Bearer ", False, 401),
        ("Bearer read", False, 401),
        ("Bearer readsclears", False, 401),
        ("Bearer réads", False, 401),
        ("Bearer \udcff", False, 401),
        ("Digest reads", True, 401),
        ("reads", False, 401),
        ("Basic !!", True, 401),
        ("Basic " + b64encode(b"\xff\xfe").decode(), True, 401),
    ],
)
def test_tokens(authorization: str | None, by_page: bool, expected: Role | int) -> None:  # noqa: FBT001  a table
    """The right token gives its role, Basic only where people look; anything else is refused with 401."""
    assert decided(TOKENS, Asked(authorization=authorization, host=HERE, by_page=by_page)) == expected


def test_one_token_alone() -> None:
    """A token that is not set lets nobody in."""
    assert decided(Access(token="reads"), Asked(authorization="Bearer ")) == 401
    assert decided(Access(admin_token="clears"), Asked(authorization="Bearer reads")) == 401
    assert decided(Access(admin_token="clears"), Asked(authorization="Bearer clears")) == Role.ADMIN


def test_how_to_say_who_one_is() -> None:
    """A refusal for want of a token names Bearer, and for the page Basic first, which browsers ask people for."""
    api, page = TOKENS.decide(Asked()), TOKENS.decide(Asked(by_page=True))
    assert isinstance(api, Refusal)
    assert isinstance(page, Refusal)
    assert [each.split()[0] for each in api.challenges] == ["Bearer"]
    assert [each.split()[0] for each in page.challenges] == ["Basic", "Bearer"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Asked(host=HERE), Role.READER),
        (Asked(host="localhost:8377"), Role.READER),
        (Asked(host="[::1]:8377"), Role.READER),
        (Asked(host="LOCALHOST"), Role.READER),
        (Asked(host=None), 403),
        (Asked(host=""), 403),
        (Asked(host="evil.example.com:8377"), 403),
        (Asked(host="127.0.0.1.evil.example.com"), 403),
        (Asked(host="evil@127.0.0.1"), 403),
        (Asked("POST", host=HERE), Role.READER),
        (Asked("POST", host=HERE, origin="http://127.0.0.1:8377"), Role.READER),
        (Asked("POST", host=HERE, origin="http://127.0.0.1:9999"), 403),
        (Asked("POST", host=HERE, origin="https://evil.example.com"), 403),
        (Asked("POST", host=HERE, origin="null"), 403),
        (Asked("POST", host=HERE, site="cross-site"), 403),
        (Asked("POST", host=HERE, origin="http://127.0.0.1:8377", site="same-site"), 403),
        (Asked("POST", host=HERE, by_page=True), 403),
        (Asked("GET", host=HERE, origin="https://evil.example.com"), Role.READER),
    ],
)
def test_without_tokens(asked: Asked, expected: Role | int) -> None:
    """Without tokens programs of this machine read and enqueue; a page of the web gets in by no name and no form."""
    assert decided(NONE, asked) == expected


@pytest.mark.parametrize(
    ("origin", "site", "host", "same"),
    [
        ("http://q.example.com", None, "q.example.com", True),
        ("https://q.example.com", "same-origin", "q.example.com:443", True),
        ("http://q.example.com:80", None, "q.example.com", True),
        ("https://Q.example.com", None, "q.Example.com", True),
        ("http://q.example.com:8377", "none", "q.example.com:8377", True),
        ("http://q.example.com:8377", None, "q.example.com", False),
        ("https://p.example.com", None, "q.example.com", False),
        ("https://q.example.com", "cross-site", "q.example.com", False),
        ("file://q.example.com", None, "q.example.com", False),
        ("http://[", None, "[", False),
        ("null", None, "null", False),
        (None, "same-origin", "q.example.com", False),
        ("http://", None, "", False),
    ],
)
def test_origins(origin: str | None, site: str | None, host: str, same: bool) -> None:  # noqa: FBT001  a table
    """A form's POST by Basic is done only when a page of the service itself has sent it; one by Bearer always."""
    assert is_same(origin, site, host) is same
    form = Asked("POST", basic("clears"), host, origin, site, by_page=True)
    assert decided(TOKENS, form) == (Role.ADMIN if same else 403)
    assert decided(TOKENS, replace(form, authorization="Bearer clears")) == Role.ADMIN


def test_who_may_do_what() -> None:
    """What is the administrator's is refused to others with the variable that would allow it."""
    assert TOKENS.demand(Role.ADMIN, Role.ADMIN) is None
    assert TOKENS.demand(Role.READER, Role.READER) is None
    for access in (TOKENS, NONE, Access(token="reads")):
        refused = access.demand(Role.READER, Role.ADMIN)
        assert refused is not None
        assert refused.status == 403
        assert ADMIN_TOKEN in refused.message


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({API_TOKEN: ""}, "blank"),
        ({ADMIN_TOKEN: "  "}, "blank"),
        ({API_TOKEN: "one two"}, "blank"),
        ({API_TOKEN: "tökén"}, "ASCII"),
        ({ADMIN_TOKEN: "line\n"}, "blank"),
        ({API_TOKEN: "same-token", ADMIN_TOKEN: "same-token"}, "equal"),
    ],
)
def test_tokens_that_are_refused(variables: dict[str, str], problem: str) -> None:
    """Blank and equal tokens are errors that name the variable, and show no token."""
    with pytest.raises(SettingsError, match=problem) as caught:
        Access.from_environment(variables)
    assert any(name in str(caught.value) for name in variables)
    assert not any(text.strip() and text in str(caught.value) for text in variables.values())


def test_tokens_are_not_shown() -> None:
    """No repr shows a token."""
    access = Access.from_environment({API_TOKEN: "reads-0123", ADMIN_TOKEN: "clears-0123", "OTHER": "x"})
    assert access.needed
    assert not Access.from_environment({}).needed
    assert "0123" not in repr(access)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "localhost."])
def test_this_machine(host: str) -> None:
    """Loopback addresses and localhost are this machine; others are not."""
    assert is_loopback(host)
    assert not is_loopback(f"{host}.example.com")
    assert not names_this_machine("192.0.2.1:8377")
