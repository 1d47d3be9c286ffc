"""Launches are found in what runs print, however it was mangled on its way."""

from __future__ import annotations

import pytest

from rp_finalizer.launch_lines import LONGEST_LINE, find_launches

FIRST = "4e92d837-b2ae-4e8c-9d64-a1f0eaec626f"
SECOND = "00000000-1111-4222-8333-444444444444"


@pytest.mark.parametrize(
    "text",
    [
        f"ReportPortal Launch UUID: {FIRST}",
        f"Report Portal Launch UUID: {FIRST}\n",
        f"2026-01-31T10:00:00.0000000Z ReportPortal Launch UUID: {FIRST}\r\n",
        f"\x1b[32mReport Portal\x1b[0m Launch UUID: \x1b[1;4m{FIRST}\x1b[0m",
        f"\x1b]8;;https://rp.example.com\x07ReportPortal\x1b]8;;\x07 Launch UUID: {FIRST}",
        f"ReportPortal Launch\nUUID: {FIRST}",
        f"ReportPortal Launch UUID: {FIRST[:21]}\r\n{FIRST[21:]}",
        f"ReportPortal Launch UUID: {FIRST.upper()}",
        f'{{"message": "ReportPortal Launch UUID: {FIRST}"}}',
    ],
    ids=["python", "javascript", "prefixed", "coloured", "linked", "wrapped", "cut", "upper", "json"],
)
def test_a_printed_launch_is_found_in_every_spelling(text: str) -> None:
    """Both spellings, colours, links, wrapped lines and prefixes of CI systems are read."""
    assert find_launches([f"before\n{text}\nafter"]) == [FIRST]


@pytest.mark.parametrize(
    "text",
    [
        "",
        FIRST,
        f"Launch UUID: {FIRST}",
        "ReportPortal Launch UUID: None",
        f"ReportPortal Launch UUID: {FIRST}0",
        f"ReportPortal Launch UUID: {FIRST[:-1]}",
        f"ReportPortal Launch UUID: {FIRST.replace('-', '')}",
        f"ReportPortal Launch ID: {FIRST}",
    ],
    ids=["nothing", "bare", "foreign", "none", "longer", "shorter", "plain", "id"],
)
def test_nothing_else_is_taken_for_a_launch(text: str) -> None:
    """What only looks like a printed launch names none."""
    assert find_launches([text]) == []


def test_several_launches_are_told_apart_by_their_last_appearance() -> None:
    """The launch that was printed last stands last, and each stands once."""
    line = "ReportPortal Launch UUID: {}\n"
    text = line.format(FIRST) + line.format(SECOND) + line.format(FIRST)
    assert find_launches([text]) == [SECOND, FIRST]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, LONGEST_LINE - 1, LONGEST_LINE, LONGEST_LINE + 1])
def test_it_does_not_matter_how_the_text_is_cut_into_pieces(size: int) -> None:
    """A log is read piece by piece, and what two pieces share is found as well."""
    line = "\x1b[32mReport Portal\x1b[0m Launch UUID: \x1b[1m{}\x1b[0m\n"
    text = "." * 333 + line.format(FIRST) + "\x1b[0m" * 99 + "x" * 999 + line.format(SECOND) + "." * 700
    assert find_launches(text[start : start + size] for start in range(0, len(text), size)) == [FIRST, SECOND]
