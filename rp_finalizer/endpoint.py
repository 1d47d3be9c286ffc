"""What a ReportPortal's address is, in all its spellings, and the URLs below it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field, replace
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Literal, NoReturn, Self
from urllib.parse import quote, unquote

from rp_finalizer.errors import EndpointError, FinalizerError, SettingsError

MAX_ENDPOINT_LENGTH = 2048
MAX_SEGMENT_LENGTH = 256
"""More than any uuid or number has; the server keeps project names in a column of this width."""

_EXAMPLE = "write it like https://rp.example.com"
_DEFAULT_PORTS = {"https": 443, "http": 80}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_BEFORE_AT = re.compile(r"\A([A-Za-z][A-Za-z0-9+.-]*:/+)?.*(?:[@\uff20\ufe6b]|%40)", re.DOTALL)
_LABEL = re.compile(r"[a-z0-9_][a-z0-9_-]{0,62}")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
"""Nothing in it is quoted, or reads as anything else anywhere."""
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENDS_OF_PAGES = (["api"], ["api", "v1"], ["api", "v2"], ["ui"])
_DEVIATING = "\u00df\u1e9e\u03c2"
"""Letters that the two IDNA standards encode as different hosts."""


class PathSegmentError(FinalizerError, ValueError):
    """A text cannot stand in a URL as one segment of its path."""

    def __init__(self, value: str, reason: str) -> None:
        super().__init__(value, reason)
        self.value = value
        self.reason = reason

    def __str__(self) -> str:
        """Name the text and what is wrong with it."""
        return f"{self.value[:80]!r} cannot be part of a request's path: {self.reason}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a ReportPortal is: one origin, and the path that all of its own URLs begin with.

    Two spellings of one address are equal. `parse` is the way to make one; the constructor checks nothing.
    """

    scheme: str
    """`https` or `http`."""
    host: str
    """In lower case, a name in its ASCII form (`xn--...`), an IPv6 address with its brackets."""
    port: int | None = None
    """None for the scheme's own."""
    prefix: str = ""
    """Percent-encoded; empty, or with a slash in front and none at the end."""
    scheme_assumed: bool = field(default=False, compare=False)
    """Whether the text named no scheme, so that the other one may have been meant."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address as people write it: with `/api`, `/api/v1`, `/ui/#...`, a path prefix, no scheme.

        Without a scheme it means https, and http for a loopback host. Raises `EndpointError`, which shows the text
        without user info and query, says why it is refused, and what to write instead.
        """
        _check_characters(text)
        address = text.partition("#")[0]  # what follows is the page's own business and is never sent
        if "?" in address:
            _refuse(text, "it has a query", "leave out the question mark and all after it")
        match = _SCHEME.match(address)
        authority, _, path = address[match.end() if match else 0 :].partition("/")
        if "@" in authority:
            _refuse(text, "it holds user info", "leave out all up to the @; the key belongs in RP_API_KEY")
        scheme = match[1].lower() if match else None
        if scheme not in {None, "http", "https"}:
            _refuse(text, f"the scheme {scheme} is not spoken here", "write https:// or http://")
        if scheme is None and re.match(r"https?:", authority, re.IGNORECASE):
            _refuse(text, "the scheme lacks its two slashes", _EXAMPLE)
        host, port = _split_port(text, authority)
        host = _normalise_host(text, host)
        actual = scheme or ("http" if _is_loopback(host) else "https")
        port = None if port == _DEFAULT_PORTS[actual] else port
        return cls(actual, host, port, _read_prefix(text, path), scheme_assumed=scheme is None)

    @property
    def origin(self) -> str:
        """Give scheme, host and port: all that a key may ever be sent to."""
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    def __str__(self) -> str:
        """Give the one normal spelling, without a slash at the end."""
        return self.origin + self.prefix

    def other_scheme(self) -> Self:
        """Give the same place over http instead of https, or the reverse; a default port becomes the other default."""
        scheme = "http" if self.scheme == "https" else "https"
        port = None if self.port == _DEFAULT_PORTS[scheme] else self.port
        return replace(self, scheme=scheme, port=port, scheme_assumed=False)

    def api(self, path: str) -> str:
        """Give the URL of a call, `path` being what follows `/api/`; each of its segments is quoted.

        Raises `PathSegmentError` for a segment that could lead elsewhere. A query is the request's own parameter.
        """
        return f"{self}/api/{'/'.join(_quote_segment(segment) for segment in path.strip('/').split('/'))}"

    def project_api(self, version: Literal["v1", "v2"], project: str, *segments: str | int) -> str:
        """Give the URL of a project's call; the project and each segment become one segment of the path, quoted.

        Raises `SettingsError` for a project and `PathSegmentError` for a segment that quoting cannot make safe.
        """
        parts = [quote(validate_project(project), safe=""), *(_quote_segment(str(segment)) for segment in segments)]
        return f"{self}/api/{version}/{'/'.join(parts)}"

    def launch_page(self, project: str, launch_id: int, mode: str = "DEFAULT") -> str:
        """Give the address of a launch in the web interface, by its number; DEBUG launches live on a page of their own.

        The project is in lower case, as the server keeps it. Raises `SettingsError` for a bad project.
        """
        page = "userdebug" if mode.upper() == "DEBUG" else "launches"
        return f"{self}/ui/#{quote(validate_project(project).lower(), safe='')}/{page}/all/{launch_id}"


def validate_project(text: str) -> str:
    """Give the project's name back when it can stand in a URL; raise `SettingsError`, which names it, when not.

    Which names exist is for the server to say: this is about what could lead a request, and its key, elsewhere.
    """
    reason = _unsafe_segment(text)
    if text != text.strip():
        reason = "it begins or ends with a blank or a line break"
    if reason:
        raise SettingsError(
            f"project {text[:80]!r}: {reason}; write the name as it stands in the address of the project's pages"
        )
    return text


def _unsafe_segment(text: str) -> str | None:
    """Say why a text, even quoted, might be read as more or less than one segment; None when it is safe.

    Proxies decode `%2F` and `%2E%2E` before they look at the path, and some decode twice, so these are looked for
    below any number of quotings.
    """
    if not 1 <= len(text) <= MAX_SEGMENT_LENGTH:
        return f"it is longer than {MAX_SEGMENT_LENGTH} characters" if text else "it is empty"
    if _PLAIN_SEGMENT.fullmatch(text):
        return None
    plain = text
    while (decoded := unquote(plain)) != plain:
        plain = decoded
    # Java servers cut a segment at its semicolon before they look for dots.
    if plain.partition(";")[0] in {".", ".."}:
        return "it means a directory"
    if "/" in plain or "\\" in plain:
        return "it holds a slash"
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in plain):
        return "it holds a control character"
    return None


def _quote_segment(text: str) -> str:
    if reason := _unsafe_segment(text):
        raise PathSegmentError(text, reason)
    return quote(text, safe="")


def _refuse(text: str, reason: str, mend: str) -> NoReturn:
    """Raise the error, with all that may be a password hidden: what stands before an @, and a query.

    A reason quotes no part of the text: with a stray slash or # in a password, any part may be a piece of it.
    """
    shown = _BEFORE_AT.sub(lambda match: f"{match[1] or ''}****@", text)
    shown = re.sub(r"\?.*", "?****", shown, count=1, flags=re.DOTALL)
    raise EndpointError(shown[:200], reason, mend)


def _check_characters(text: str) -> None:
    if not text:
        _refuse(text, "it is empty", _EXAMPLE)
    if len(text) > MAX_ENDPOINT_LENGTH:
        _refuse(text, f"it is longer than {MAX_ENDPOINT_LENGTH} characters", _EXAMPLE)
    for character in text:
        # Z: all that is blank, C: control characters, invisible ones, halves of surrogate pairs.
        if character.isspace() or unicodedata.category(character)[0] in "CZ":
            _refuse(text, f"it holds a blank or control character ({character!a})", "take it out")
    if "\\" in text:
        _refuse(text, "it holds a backslash", "write slashes as /")


def _split_port(text: str, authority: str) -> tuple[str, int | None]:
    """Divide `host:port`, the port being None where there is neither number nor colon."""
    bracketed, bracket, rest = authority.rpartition("]")
    if not bracket and authority.count(":") > 1:
        _refuse(text, "there are several colons in the host", "put an IPv6 address in brackets: http://[::1]:8080")
    name, colon, port = rest.partition(":")
    if bracket and name:
        _refuse(text, "something stands behind the brackets", "write an IPv6 address like http://[::1]:8080")
    if colon and not (re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535):  # noqa: PLR2004  16 bits
        _refuse(text, "the port is bad", "a port is a number from 1 to 65535")
    return bracketed + bracket + name, int(port) if colon else None


def _normalise_host(text: str, host: str) -> str:
    if host.startswith("["):
        try:
            address = IPv6Address(host[1:-1])
        except AddressValueError:
            _refuse(text, "the host is no IPv6 address", "write it like http://[::1]:8080")
        if address.scope_id is not None:
            _refuse(text, "an IPv6 zone cannot be sent", "leave out the % and all after it, or use a name")
        return f"[{address.compressed}]"
    if any(letter in host for letter in _DEVIATING):
        _refuse(text, "the host holds a letter with two encodings", "write the host in its ASCII form, xn--...")
    try:
        name = host.lower().encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        name = ""
    if not host or host == ".":
        _refuse(text, "the host is empty", _EXAMPLE)
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):  # noqa: PLR2004  RFC 1035
        _refuse(text, "the host is not a possible name", _EXAMPLE)
    if _NUMERIC.fullmatch(labels[-1]):
        # Resolvers read 127.1, 0x7f.1 and 2130706433 as addresses; we would not see which.
        try:
            return str(IPv4Address(name))
        except AddressValueError:
            _refuse(text, "the host is no IPv4 address", "write it as four numbers from 0 to 255")
    return name


def _is_loopback(host: str) -> bool:
    if host.startswith("["):
        address = IPv6Address(host[1:-1])
        return (address.ipv4_mapped or address).is_loopback
    if _NUMERIC.fullmatch(host.rpartition(".")[2]):
        return IPv4Address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _read_prefix(text: str, path: str) -> str:
    """Keep what stands before the pages that people copy addresses from, each segment in its normal spelling."""
    segments = [segment for segment in path.split("/") if segment]
    for segment in segments:
        if _BAD_ESCAPE.search(segment) or "\ufffd" in unquote(segment):
            _refuse(text, "the path holds a % that quotes no character", "write %25 for a percent sign")
        if reason := _unsafe_segment(segment):
            _refuse(text, f"a part of the path cannot be sent: {reason}", "leave it out")
    # Again and again, so that reading the result changes nothing.
    while end := next((e for e in _ENDS_OF_PAGES if [s.lower() for s in segments[-len(e) :]] == e), None):
        del segments[-len(end) :]
    return "".join(f"/{quote(unquote(segment), safe='')}" for segment in segments)
