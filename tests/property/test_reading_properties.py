"""What comes from outside is read without surprises: answers, printed lines, settings."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from rp_finalizer.answer import Meaning
from rp_finalizer.errors import SettingsError
from rp_finalizer.launch_lines import find_launches
from rp_finalizer.reportportal.answers import Expected, Reply, read_answer, read_date
from rp_finalizer.settings import SETTINGS, Settings

BOUNDED = settings(max_examples=120, deadline=None, derandomize=True)

plain_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
likely_names = st.sampled_from(
    ["id", "uuid", "status", "startTime", "endTime", "statistics", "errorCode", "message", "page", "content",
     "totalElements", "responses", "error", "error_description", "number"]
)  # fmt: skip
likely_json = st.dictionaries(
    likely_names, plain_json | st.dictionaries(likely_names, plain_json, max_size=4), max_size=8
)
bodies = (
    st.binary(max_size=200)
    | plain_json.map(lambda value: json.dumps(value).encode())
    | likely_json.map(lambda value: json.dumps(value).encode())
)
header_text = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=60)
replies = st.builds(
    Reply,
    status=st.integers(100, 599),
    body=bodies,
    headers=st.dictionaries(st.sampled_from(["retry-after", "location", "content-type"]), header_text),
)


@BOUNDED
@given(reply=replies, expected=st.sampled_from(list(Expected)))
def test_every_answer_has_a_meaning(reply: Reply, expected: Expected) -> None:
    """Whatever a server sends is read without an exception, and only JSON of the promised form counts as done."""
    answer = read_answer(reply, expected, now=1.7e9)
    assert answer.status == reply.status
    assert len(answer.message) < 400
    assert not re.search(r"[\x00-\x1f\x7f]", answer.message)
    assert answer.retry_after is None or answer.retry_after >= 0
    if answer.meaning is Meaning.OK:
        assert reply.status in {200, 201}
        assert isinstance(json.loads(reply.body), dict)
    else:
        assert answer.launch is None
        assert answer.message


@BOUNDED
@given(ms=st.integers(0, 253_402_300_799_999))
def test_both_forms_of_a_date_say_the_same(ms: int) -> None:
    """A date is the same millisecond as a number and as ISO text, with and without further digits."""
    seconds, rest = divmod(ms, 1000)
    date = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, milliseconds=rest)
    assert read_date(ms) == ms
    assert read_date(date.isoformat(timespec="milliseconds")) == ms
    assert read_date(date.replace(microsecond=date.microsecond + 999).isoformat().replace("+00:00", "Z")) == ms


uuids = st.uuids().map(str)
noise = st.text(st.characters(exclude_characters="0123456789abcdefABCDEF-"), max_size=80)


@BOUNDED
@given(
    data=st.data(), uuid=uuids, before=noise, after=noise, spelling=st.sampled_from(["ReportPortal", "Report Portal"])
)
def test_a_printed_launch_is_found_in_any_noise_however_it_is_cut(
    data: st.DataObject, uuid: str, before: str, after: str, spelling: str
) -> None:
    """A printed launch is found between any other output, in pieces of any sizes."""
    text = f"{before}\n{spelling} Launch UUID: {uuid}\n{after}"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert uuid in find_launches(pieces)
    assert find_launches(pieces) == find_launches([text])


@BOUNDED
@given(text=st.text(max_size=300))
def test_no_text_names_a_launch_that_does_not_stand_in_it(text: str) -> None:
    """What is found was printed."""
    for uuid in find_launches([text]):
        assert uuid.replace("-", "") in re.sub(r"[\s-]", "", text.lower())


odd_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.lists(st.integers())


@BOUNDED
@given(
    environ=st.dictionaries(st.sampled_from([spec.variable for spec in SETTINGS]), st.text(max_size=30), max_size=6),
    arguments=st.dictionaries(st.sampled_from([spec.name for spec in SETTINGS]), odd_values, max_size=6),
)
def test_settings_are_right_or_refused(environ: dict[str, str], arguments: dict[str, Any]) -> None:
    """Any values are either refused with a sentence each, or make settings that read themselves again."""
    loaded, problems = _load(environ, arguments)
    assert all(problem.strip() for problem in problems)
    assert (loaded is None) == bool(problems)
    assert loaded is None or loaded.replace() == loaded


def _load(environ: dict[str, str], arguments: dict[str, Any]) -> tuple[Settings | None, tuple[str, ...]]:
    try:
        return Settings.load(environ=environ, directory="/", **arguments), ()
    except SettingsError as error:
        return None, error.problems


@pytest.mark.parametrize("value", [True, 1.5, [], {}, "soon", "2026-01-31T10:00:00"])
def test_what_is_no_date_is_refused(value: object) -> None:
    """A date that is none, or that does not say when, is an error and no guess."""
    with pytest.raises(ValueError, match=r"date|isoformat"):
        read_date(value)
