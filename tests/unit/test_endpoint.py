"""What an endpoint is, in all its spellings, and the URLs below it."""

from __future__ import annotations

import pickle

import pytest

from rp_finalizer.endpoint import Endpoint, PathSegmentError, validate_project
from rp_finalizer.errors import EndpointError, SettingsError

BASE = "https://rp.example.com"


@pytest.mark.parametrize("prefix", ["", "/reportportal", "/tools/reportportal"])
@pytest.mark.parametrize(
    "ending",
    [
        "",
        "/",
        "/api",
        "/api/",
        "/api/v1",
        "/api/v2/",
        "/ui",
        "/ui/",
        "/ui/#project/launches/all",
        "/ui/#project/launches/all?page.page=1&filter.cnt.name=a@b",
        "/ui#project",
    ],
)
def test_every_page_people_copy_from_means_the_same_address(prefix: str, ending: str) -> None:
    """Whatever page of a ReportPortal an address was copied from, it means the ReportPortal; its prefix is kept."""
    assert str(Endpoint.parse(BASE + prefix + ending)) == BASE + prefix


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("HTTPS://RP.Example.COM", BASE),
        ("https://rp.example.com:443", BASE),
        ("https://rp.example.com:0443/api", BASE),
        ("https://rp.example.com.", BASE),
        ("http://rp.example.com:80", "http://rp.example.com"),
        ("http://rp.example.com:443", "http://rp.example.com:443"),
        ("https://rp.example.com:8443/", "https://rp.example.com:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://XN--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://report_portal:8080", "https://report_portal:8080"),
        ("https://192.168.0.1", "https://192.168.0.1"),
        ("https://[2001:DB8::0:1]:8443/x", "https://[2001:db8::1]:8443/x"),
        ("https://rp.example.com//a///b//", BASE + "/a/b"),
        ("https://rp.example.com/a%7Eb/%C3%BC/ü", BASE + "/a~b/%C3%BC/%C3%BC"),
        ("https://rp.example.com/UI/#demo", BASE),
        ("https://rp.example.com/ui/api", BASE),
    ],
)
def test_one_address_has_one_normal_spelling(text: str, meant: str) -> None:
    """Case, default ports, a dot at the end, IDNA and doubled slashes make no difference."""
    assert str(Endpoint.parse(text)) == meant
    assert Endpoint.parse(text) == Endpoint.parse(meant)
    assert hash(Endpoint.parse(text)) == hash(Endpoint.parse(meant))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("rp.example.com", BASE),
        ("rp.example.com/reportportal/ui/#demo", BASE + "/reportportal"),
        ("rp.example.com:443", BASE),
        ("rp.example.com:80", BASE + ":80"),
        ("localhost:8080", "http://localhost:8080"),
        ("rp.localhost", "http://rp.localhost"),
        ("127.9.9.9:80/api", "http://127.9.9.9"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]"),
        ("localhost.example.com", "https://localhost.example.com"),
    ],
)
def test_without_a_scheme_it_is_https_and_http_for_loopback(text: str, meant: str) -> None:
    """A missing scheme is assumed, that it was assumed is remembered, and no part of what makes two equal."""
    endpoint = Endpoint.parse(text)
    assert endpoint.scheme_assumed
    assert endpoint.origin + endpoint.prefix == str(endpoint)
    assert Endpoint.parse(str(endpoint)) == endpoint
    assert not Endpoint.parse(str(endpoint)).scheme_assumed
    assert endpoint == Endpoint.parse(meant)


REFUSED = [
    ("", "empty"),
    ("https://", "host is empty"),
    ("https:///path", "host is empty"),
    ("/ui", "host is empty"),
    ("//rp.example.com", "host is empty"),
    (":8080", "host is empty"),
    (".", "host is empty"),
    ("ftp://rp.example.com", "scheme ftp"),
    ("file:///etc/passwd", "scheme file"),
    ("https:rp.example.com", "two slashes"),
    ("http:/rp.example.com", "two slashes"),
    ("https://user:hunter2@rp.example.com", "user info"),
    ("user@rp.example.com", "user info"),
    ("https://rp.example.com\n", "blank or control"),
    (" https://rp.example.com", "blank or control"),
    ("https://rp.example.com/a b", "blank or control"),
    ("https://rp.example.com/\x00", "blank or control"),
    ("https://rp.example\u200b.com", "blank or control"),
    ("https://rp.example.com/\u2028", "blank or control"),
    ("https://rp.example.com/\udc80", "blank or control"),
    ("https://rp.example.com?x=1", "query"),
    ("https://rp.example.com/ui/?x=1#demo", "query"),
    ("https://rp.example.com/?", "query"),
    ("https://rp.example.com:", "port"),
    ("https://rp.example.com:0", "port"),
    ("https://rp.example.com:65536", "port"),
    ("https://rp.example.com:-1", "port"),
    ("https://rp.example.com:80x", "port"),
    ("https://rp.example.com:٨٠", "port"),
    ("https://rp.example.com\\@evil.example", "backslash"),
    ("https://::1", "colons"),
    ("https://[::1", "colons"),
    ("https://[::1]x", "brackets"),
    ("https://[rp.example.com]", "IPv6"),
    ("https://[fe80::1%25eth0]", "zone"),
    ("https://rp..example.com", "possible name"),
    ("https://rp.example.com..", "possible name"),
    ("https://-rp.example.com", "possible name"),
    ("https://rp%2eexample.com", "possible name"),
    ("https://rp*.example.com", "possible name"),
    ("https://" + "a" * 64 + ".example", "possible name"),
    ("https://" + ".".join(["a" * 50] * 6), "possible name"),
    ("https://faß.example", "two encodings"),
    ("https://127.1", "IPv4"),
    ("https://2130706433", "IPv4"),
    ("https://0x7f.0.0.1", "IPv4"),
    ("https://127.0.0.0x1", "IPv4"),
    ("https://256.1.1.1", "IPv4"),
    ("https://rp.example.com/../x", "directory"),
    ("https://rp.example.com/./x", "directory"),
    ("https://rp.example.com/%2E%2e/x", "directory"),
    ("https://rp.example.com/..;/x", "directory"),
    ("https://rp.example.com/%252e%252e/x", "directory"),
    ("https://rp.example.com/a%2Fb", "slash"),
    ("https://rp.example.com/a%5cb", "slash"),
    ("https://rp.example.com/a%0ab", "control character"),
    ("https://rp.example.com/100%", "quotes no character"),
    ("https://rp.example.com/%ff", "quotes no character"),
    ("https://rp.example.com" + "/a" * 1100, "longer than 2048"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_is_no_address_is_refused_with_its_reason_and_the_mend(text: str, reason: str) -> None:
    """Each text that is no address is refused, saying why, and what to write instead."""
    with pytest.raises(EndpointError) as caught:
        Endpoint.parse(text)
    assert reason in caught.value.reason
    assert caught.value.mend
    assert caught.value.mend in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "text",
    [
        "https://user:hunter2@rp.example.com",
        "https://hunter2@rp.example.com",
        "user:hunter2@rp.example.com",
        "https://user:hunter2@@rp.example.com",
        "https://user:pa@hunter2@rp.example.com",
        "https://user:pa/hunter2@rp.example.com",
        "https://user:hunter2/ss@rp.example.com",
        "https://user:hunter2#ss@rp.example.com",
        "https://user:hunter2?ss@rp.example.com",
        "https://user:hunter2\\ss@rp.example.com",
        "https://user:hunter2 ss@rp.example.com",
        "https://user:hunter2:ss/@rp.example.com",
        "https://user:hunter2\uff20rp.example.com",
        "https://user:hunter2%40rp.example.com",
        "ftp://user:hunter2@rp.example.com",
        "https:user:hunter2@rp.example.com",
        "https://rp.example.com/?api_key=hunter2",
        "https://rp.example.com/%zz?api_key=hunter2",
    ],
)
def test_no_error_shows_a_password(text: str) -> None:
    """However damaged an address with user info or a query is, its error shows **** in the place of it."""
    with pytest.raises(EndpointError) as caught:
        Endpoint.parse(text)
    for shown in (str(caught.value), repr(caught.value), repr(caught.value.args)):
        assert "hunter2" not in shown
    assert "****" in caught.value.value


def test_the_other_scheme_is_the_same_place() -> None:
    """The other scheme keeps host, a port that is no default, and prefix; a default port becomes the other default."""
    assert str(Endpoint.parse("rp.example.com/x").other_scheme()) == "http://rp.example.com/x"
    assert str(Endpoint.parse("http://rp.example.com:8080").other_scheme()) == "https://rp.example.com:8080"
    assert str(Endpoint.parse("rp.example.com:80").other_scheme()) == "http://rp.example.com"
    assert not Endpoint.parse("rp.example.com").other_scheme().scheme_assumed


def test_calls_lie_below_the_prefix() -> None:
    """Calls go to /api below the prefix, pages to /ui, with the project in lower case and debug launches apart."""
    endpoint = Endpoint.parse("https://rp.example.com/reportportal")
    assert endpoint.api("/info") == endpoint.api("info") == f"{endpoint}/api/info"
    assert endpoint.api("v1/demo/launch/uuid/x?y") == f"{endpoint}/api/v1/demo/launch/uuid/x%3Fy"
    assert (
        endpoint.project_api("v2", "Demo", "launch", "a b", "finish") == f"{endpoint}/api/v2/Demo/launch/a%20b/finish"
    )
    assert endpoint.project_api("v1", "demo", "launch", 42, "stop") == f"{endpoint}/api/v1/demo/launch/42/stop"
    assert endpoint.launch_page("DEMO", 42) == f"{endpoint}/ui/#demo/launches/all/42"
    assert endpoint.launch_page("demo", 42, "DEBUG") == f"{endpoint}/ui/#demo/userdebug/all/42"


UNPRINTABLE = ["a\0", "%00", "a\nb", "a\x85b", "\udc80"]


@pytest.mark.parametrize(
    "text",
    # As they are, quoted, quoted twice, and as Java servers cut them.
    ["", ".", "..", "%2e", "%2E%2e", "%252e.", "..;x", ".;", "a/b", "a\\b", "%2f", "a%255cb", *UNPRINTABLE, "x" * 257],
)
def test_what_quoting_cannot_make_safe_is_refused(text: str) -> None:
    """A project or segment that a proxy or server might read as a way out of its place is refused, and named."""
    endpoint = Endpoint.parse(BASE)
    with pytest.raises(PathSegmentError) as segment:
        endpoint.project_api("v1", "demo", "launch", text)
    assert repr(text[:80]) in str(segment.value)
    with pytest.raises(SettingsError) as project:
        endpoint.project_api("v1", text, "launch")
    assert f"project {text[:80]!r}" in str(project.value)
    with pytest.raises(SettingsError):
        endpoint.launch_page(text, 1)


@pytest.mark.parametrize("text", ["demo", "superadmin_personal", "a.b-c", "...", "100%", "naïve", "a?b#c", "a b"])
def test_a_project_that_can_be_quoted_is_left_to_the_server_to_judge(text: str) -> None:
    """Which names exist is the server's business: all that is safe comes back as it is."""
    assert validate_project(text) == text


@pytest.mark.parametrize("text", ["demo\n", " demo", "demo "])
def test_a_project_with_a_blank_around_it_is_refused(text: str) -> None:
    """A line break or blank around the name is an accident of copying, and is told as such."""
    with pytest.raises(SettingsError, match="blank or a line break"):
        validate_project(text)


def test_endpoints_and_their_errors_cross_processes() -> None:
    """Workers of xdist can send an endpoint and its errors to the controller."""
    endpoint = Endpoint.parse("rp.example.com/x")
    assert pickle.loads(pickle.dumps(endpoint)) == endpoint  # noqa: S301  our own bytes
    for error in (PathSegmentError("a/b", "it holds a slash"), EndpointError("x", "y", "z")):
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301  our own bytes
