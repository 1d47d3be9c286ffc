"""Finding launches in what test runs print.

Agents print the uuid on request, in two spellings: "ReportPortal Launch UUID: ..." (Python from 5.3.5 on, Java, Go) and
"Report Portal Launch UUID: ..." (JavaScript, older Python).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST_LINE = 512
"""Characters in which the words and the uuid must stand together, colours and line breaks between them included."""

_LONGEST_ESCAPE = 64

_ESCAPES = re.compile(r"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_LINE = re.compile(
    # A narrow terminal breaks the line anywhere between two words, and within the uuid.
    r"Report\s?Portal\s+Launch\s+UUID:\s*((?:[0-9a-fA-F]\s*){8}-(?:\s*[0-9a-fA-F]){4}\s*-(?:\s*[0-9a-fA-F]){4}\s*-"
    r"(?:\s*[0-9a-fA-F]){4}\s*-(?:\s*[0-9a-fA-F]){12})(?![0-9a-fA-F-])"
)


class LaunchFinder:
    """Finds launches in a text that comes in pieces of any size; a line that two of them share is found, too."""

    def __init__(self) -> None:
        self._found: dict[str, None] = {}
        self._rest = ""

    @property
    def found(self) -> list[str]:
        """The uuids so far, in order of their last appearance, each once."""
        return list(self._found)

    def feed(self, piece: str) -> None:
        """Look through the next piece."""
        text = self._rest + piece
        # What ends close to the end may go on in the next piece: it is looked at again together with that.
        sure = max(0, len(text) - LONGEST_LINE)
        # Nor may an escape sequence be cut in two: neither half would be known as one.
        escape = text.rfind("\x1b", max(0, sure - _LONGEST_ESCAPE), sure)
        sure = sure if escape < 0 else escape
        self._add(_printed_in(text, starting_before=sure))
        self._rest = text[sure:]

    def end(self) -> None:
        """Look through what is left: nothing more comes."""
        self._add(_printed_in(self._rest, starting_before=len(self._rest)))
        self._rest = ""

    def _add(self, uuids: Iterable[str]) -> None:
        for uuid in uuids:
            self._found.pop(uuid, None)
            self._found[uuid] = None


def find_launches(pieces: Iterable[str]) -> list[str]:
    """Give the uuids that are printed in a text, in order of their last appearance, each once."""
    finder = LaunchFinder()
    for piece in pieces:
        finder.feed(piece)
    finder.end()
    return finder.found


def _printed_in(text: str, *, starting_before: int) -> Iterator[str]:
    sure, unsure = text[:starting_before], text[starting_before:]
    plain = _ESCAPES.sub("", sure)
    border = len(plain)
    for match in _LINE.finditer(plain + _ESCAPES.sub("", unsure)):
        if match.start() < border:
            yield str(UUID(re.sub(r"\s", "", match.group(1))))
