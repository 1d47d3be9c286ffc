"""A secret in the spellings in which it may stand in a text, and texts without it."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Final
from urllib.parse import quote, quote_plus

MASK: Final = "****"
"""What is shown instead of a secret."""

_SHORTEST_CORE = 8
"""Characters of base64 that are no accident."""
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def spellings(secret: str) -> set[str]:
    """Give a secret as it may stand in a text: plain, in a form, a URL, JSON, a repr, or base64."""
    return {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        b64encode(secret.encode("utf-8", "surrogatepass")).decode(),
    }


def mask(text: str, *secrets: str | None) -> str:
    """Show every secret in a text as `****`, in each of its `spellings`."""
    for secret in filter(None, secrets):
        for spelling in sorted(spellings(secret), key=len, reverse=True):
            text = text.replace(spelling, MASK)
    return text


def cores(secret: str) -> set[str]:
    """Give what of a secret shows in the base64 of a longer text around it, such as `user:password` of HTTP Basic.

    Three bytes become four characters, so there are three ways in which it can begin; characters that also hold bits
    of what stands before or behind it are left out.
    """
    found = set()
    for plain in {secret, quote(secret, safe="")}:
        data = plain.encode("utf-8", "surrogatepass")
        for before in range(3):
            encoded = b64encode(bytes(before) + data).decode()
            found.add(encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6])
    return {core for core in found if len(core) >= _SHORTEST_CORE}


def mask_base64(text: str, core: str) -> str:
    """Mask each word of base64 that has the core in it, whole: the characters beside it hold bits of the secret."""
    parts, rest = [], 0
    while (found := text.find(core, rest)) >= 0:
        start, end = found, found + len(core)
        while start > rest and text[start - 1] in _BASE64:
            start -= 1
        while end < len(text) and (text[end] in _BASE64 or text[end] == "="):
            end += 1
        parts += [text[rest:start], MASK]
        rest = end
    return "".join([*parts, text[rest:]])
