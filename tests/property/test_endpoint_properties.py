"""Whatever is written as an endpoint, a project or a segment, a request stays where it belongs."""

from __future__ import annotations

from urllib.parse import unquote

import requests
from hypothesis import example, given, settings, strategies as st
from urllib3.util import parse_url

from rp_finalizer.endpoint import Endpoint, PathSegmentError
from rp_finalizer.errors import EndpointError, SettingsError

bounded = settings(max_examples=300, deadline=None, derandomize=True, database=None)

ANY = st.text(st.characters(), max_size=40)
# Divided by blanks; the blanks of the other list cannot be.
VISIBLE = (
    r"http:// https:// ftp: // / \ .. . %2e %2F %5c %25 % %zz %00 ? # @ : ; [ ] ::1 443 0 127.0.0.1 rp.example.com"
)
NAMES = "evil.example api v1 ui a é ß xn-- ~ + \u3002 \uff0f \uff0e \uff20 bücher.example:443"
PIECES = st.sampled_from([*VISIBLE.split(), *NAMES.split(), "\n", "\r\n", "\t", " ", "\0", "\x7f", "\u2028", "\udc80"])
NASTY = st.lists(PIECES, max_size=10).map("".join)
PATHS = st.lists(
    st.sampled_from(["/", "a", "api", "v1", "ui", "%41", "%7e", "é", "+", ";", "#", "@", "..."]), max_size=8
)
LIKELY = st.tuples(
    st.sampled_from(["", "http://", "HTTPS://"]),
    st.sampled_from(["rp.example.com", "RP.", "127.0.0.1", "[2001:DB8::0:1]", "bücher.example", "a_b", "localhost"]),
    st.sampled_from(["", ":80", ":443", ":08080"]),
    PATHS.map(lambda pieces: "/" + "".join(pieces)),
).map("".join)
TEXTS = st.one_of(LIKELY, LIKELY, NASTY.map("https://rp.example.com/{}".format), ANY.map("https://{}".format), NASTY)
ENDPOINTS = st.sampled_from(
    ["https://rp.example.com", "http://[::1]:8080/reportportal", "https://bücher.example:8443/a/b%20c"]
).map(Endpoint.parse)


def parse(text: str) -> Endpoint | None:
    try:
        return Endpoint.parse(text)
    except EndpointError:
        return None


def check_place(url: str, endpoint: Endpoint, segments: int) -> list[str]:
    """Look at a URL as requests and urllib3 send it; give what stands behind /api."""
    sent = requests.Request("GET", url).prepare().url
    assert sent == url, "a URL that is changed on its way may end elsewhere"
    place = parse_url(sent)
    assert (place.scheme, place.host, place.port) == (endpoint.scheme, endpoint.host, endpoint.port)
    assert (place.auth, place.query, place.fragment) == (None, None, None)
    below = f"{endpoint.prefix}/api/"
    assert place.path is not None
    assert place.path.startswith(below)
    # As a proxy sees it that decodes first and looks for slashes and dots then.
    parts = unquote(unquote(place.path.removeprefix(below))).replace("\\", "/").split("/")
    assert len(parts) == segments
    assert not {"", ".", ".."} & {part.partition(";")[0] for part in parts if not part.startswith(";")}
    return place.path.removeprefix(below).split("/")


@bounded
@given(TEXTS)
@example("https://rp.example.com/api/ui/api/v1")
@example("RP.EXAMPLE.COM.:443")
def test_reading_the_normal_spelling_changes_nothing(text: str) -> None:
    """The normal spelling of an address is read as the same address, with the same spelling."""
    endpoint = parse(text)
    if endpoint is None:
        return
    again = Endpoint.parse(str(endpoint))
    assert again == endpoint
    assert str(again) == str(endpoint)
    assert str(endpoint).isascii()


@bounded
@given(TEXTS)
@example("https://rp.example.com\\@evil.example")
@example("https://rp.example.com/a/..%2f..")
@example("https://rp.example.com#@evil.example")
def test_a_request_stays_on_the_origin_and_below_the_prefix(text: str) -> None:
    """Whatever text is accepted as an address, its requests go to the origin and prefix that were shown."""
    endpoint = parse(text)
    if endpoint is None:
        return
    check_place(endpoint.api("info"), endpoint, 1)
    check_place(endpoint.project_api("v1", "demo", "launch"), endpoint, 3)


@bounded
@given(ENDPOINTS, st.one_of(ANY, NASTY), st.one_of(ANY, NASTY))
@example(Endpoint.parse("https://rp.example.com"), "..", "launch")
@example(Endpoint.parse("https://rp.example.com"), "demo", "..%2F..")
@example(Endpoint.parse("https://rp.example.com"), "?x", "#y")
def test_no_project_and_no_segment_leads_a_request_elsewhere(endpoint: Endpoint, project: str, segment: str) -> None:
    """A project and a segment are refused, or are one segment each, and arrive as they were."""
    try:
        url = endpoint.project_api("v2", project, "launch", segment)
    except (SettingsError, PathSegmentError):
        return
    parts = check_place(url, endpoint, 4)
    assert [unquote(part) for part in parts] == ["v2", project, "launch", segment]


@bounded
@given(st.one_of(ANY, NASTY), st.one_of(ANY, NASTY))
def test_no_error_shows_what_stands_before_an_at_sign(before: str, after: str) -> None:
    """A text with user info is refused, and no part of it stands in the error."""
    text = f"https://user:{before}hunter2{after}@rp.example.com"
    try:
        Endpoint.parse(text)
    except EndpointError as error:
        assert "hunter2" not in str(error)  # noqa: PT017  hypothesis gives texts that are read, too
    else:
        # With a number sign in it, the rest is a page's own business: not sent, and no part of the address.
        assert "hunter2" not in str(Endpoint.parse(text))
