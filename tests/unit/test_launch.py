"""How a launch is named, and what its readings tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from rp_finalizer.errors import BadLaunchError
from rp_finalizer.launch import MAX_LAUNCH_ID, LaunchRef, LaunchStatus
from tests.support.fakes import LAUNCH, UUID

bounded = settings(max_examples=100, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        pytest.param(UUID, LaunchRef(uuid=UUID), id="uuid"),
        pytest.param(f" {UUID}\n", LaunchRef(uuid=UUID), id="blanks around"),
        pytest.param(UUID.upper(), LaunchRef(uuid=UUID), id="upper case"),
        pytest.param(UUID.replace("-", ""), LaunchRef(uuid=UUID), id="without dashes"),
        pytest.param("42", LaunchRef(id=42), id="number"),
        pytest.param("0042", LaunchRef(id=42), id="leading zeros"),
        pytest.param("0" * 30 + "42", LaunchRef(id=42), id="many leading zeros"),
        pytest.param(str(MAX_LAUNCH_ID), LaunchRef(id=MAX_LAUNCH_ID), id="largest number"),
    ],
)
def test_a_launch_is_read_in_every_spelling(text: str, ref: LaunchRef) -> None:
    """A uuid, in any case and with or without dashes, and a positive number name a launch."""
    assert LaunchRef.parse(text) == ref


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("smoke", id="name"),
        pytest.param("0", id="zero"),
        pytest.param("-1", id="negative"),
        pytest.param("4.2", id="fraction"),
        pytest.param("٤٢", id="other digits"),
        pytest.param(str(MAX_LAUNCH_ID + 1), id="beyond 63 bits"),
        pytest.param("01234567890123456789999", id="beyond 63 bits behind a zero"),
        pytest.param("1" * 5000, id="more digits than Python converts"),
        pytest.param("0" + "1" * 19 + "0" * 5000, id="more digits than Python converts, behind a zero"),
        pytest.param(UUID[:-1], id="short uuid"),
        pytest.param(f"{{{UUID}}}", id="uuid in braces"),
        pytest.param(f"urn:uuid:{UUID}", id="urn"),
        pytest.param(UUID.replace("-", "", 1), id="uuid with some dashes"),
        pytest.param(f"{UUID}/../other", id="path"),
    ],
)
def test_what_names_no_launch_is_refused_with_its_text(text: str) -> None:
    """Anything else is refused by an error that holds the text and the reason."""
    with pytest.raises(BadLaunchError) as caught:
        LaunchRef.parse(text)
    assert caught.value.value == text
    assert "launch" in caught.value.reason


def test_a_launch_needs_one_of_its_names() -> None:
    """A reference to nothing cannot be made."""
    with pytest.raises(BadLaunchError, match="uuid or a number"):
        LaunchRef()


@bounded
@given(st.uuids().map(str) | st.integers(1, MAX_LAUNCH_ID).map(str))
def test_a_name_is_shown_as_it_is_read(text: str) -> None:
    """What a reference shows of itself names the same launch again."""
    assert str(LaunchRef.parse(text)) == text
    assert LaunchRef.parse(str(LaunchRef.parse(text))) == LaunchRef.parse(text)


@bounded
@given(st.text(max_size=50) | st.text("0123456789", max_size=50) | st.text("0123456789abcdefABCDEF-", max_size=40))
def test_any_text_names_a_launch_or_is_refused(text: str) -> None:
    """No text raises anything but the error that was promised."""
    try:
        ref = LaunchRef.parse(text)
    except BadLaunchError:
        return
    assert (ref.uuid is None) != (ref.id is None)
    assert ref.id is None or 1 <= ref.id <= MAX_LAUNCH_ID


def test_only_in_progress_is_not_final() -> None:
    """Every status but one means that the launch is over."""
    assert [status for status in LaunchStatus if not status.final] == [LaunchStatus.IN_PROGRESS]


def test_both_names_are_shown_as_the_uuid() -> None:
    """Where both names are known, the uuid is shown."""
    assert str(LaunchRef(UUID, 42)) == UUID


@pytest.mark.parametrize(
    ("changes", "unchanged"),
    [
        pytest.param({}, True, id="same"),
        pytest.param({"end_ms": 5, "owner": "other", "name": "renamed"}, True, id="what tells of no work"),
        pytest.param({"status": LaunchStatus.PASSED}, False, id="status"),
        pytest.param({"last_modified_ms": 5}, False, id="last modified"),
        pytest.param({"statistics": {"executions.total": 4}}, False, id="statistics"),
    ],
)
def test_a_launch_changes_when_the_server_works_on_it(changes: dict[str, Any], unchanged: bool) -> None:  # noqa: FBT001  a row
    """Status, last modification and statistics tell that something was worked into a launch."""
    assert replace(LAUNCH, **changes).unchanged_since(LAUNCH) is unchanged
