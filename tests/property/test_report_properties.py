"""Any report survives its JSON form; any JSON is a report or is refused."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, settings, strategies as st

from rp_finalizer.errors import ReportFormatError
from rp_finalizer.launch import LaunchStatus
from rp_finalizer.outcome import ErrorKind, Outcome, Source, Step, StepResult, Verdict
from rp_finalizer.report import Considered, Count, Failure, Report, ReportedLaunch, StepRecord

bounded = settings(
    max_examples=100, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)

_T = TypeVar("_T")

WORDS = [
    "schema outcome launch endpoint project flushed abandoned refused steps considered seconds error entry uuid id",
    "number name status url source requests logs step result attempts detail value verdict kind code message hint",
]
NAMES = " ".join(WORDS).split()
VALUES = [str(word) for kind in (Outcome, Source, Step, StepResult, Verdict, ErrorKind, LaunchStatus) for word in kind]

NUMBERS = st.integers(-(2**70), 2**70)
SECONDS = st.integers(0, 10**12).map(lambda microseconds: microseconds / 1e6)
"""Reports are written with whole microseconds."""


def maybe(strategy: st.SearchStrategy[_T]) -> st.SearchStrategy[_T | None]:
    return st.none() | strategy


COUNTS = st.builds(Count, maybe(NUMBERS), maybe(NUMBERS))
LAUNCHES = st.builds(
    ReportedLaunch,
    uuid=maybe(st.text()),
    id=maybe(NUMBERS),
    number=maybe(NUMBERS),
    name=maybe(st.text()),
    status=maybe(st.sampled_from(LaunchStatus)),
    url=maybe(st.text()),
    source=maybe(st.sampled_from(Source)),
)
FAILURES = st.builds(
    Failure,
    st.sampled_from(ErrorKind),
    st.text(),
    st.text(),
    status=maybe(NUMBERS),
    code=maybe(NUMBERS),
)
STEPS = st.tuples(
    *(
        st.builds(StepRecord, st.just(step), st.sampled_from(StepResult), SECONDS, NUMBERS, maybe(st.text()))
        for step in Step
    )
)
REPORTS = st.builds(
    Report,
    outcome=maybe(st.sampled_from(Outcome)),
    launch=maybe(LAUNCHES),
    endpoint=maybe(st.text()),
    project=maybe(st.text()),
    flushed=COUNTS,
    abandoned=COUNTS,
    refused=COUNTS,
    steps=STEPS,
    considered=st.lists(
        st.builds(Considered, st.sampled_from(Source), st.text(), st.sampled_from(Verdict)), max_size=4
    ).map(tuple),
    seconds=SECONDS,
    error=maybe(FAILURES),
    entry=maybe(st.text()),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | NUMBERS
    | st.just(10**400)
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(VALUES),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=4),
    max_leaves=8,
)


@bounded
@given(REPORTS)
def test_every_report_survives_its_json_form(report: Report) -> None:
    """Whatever a report holds, it is read as it was written, and written the same again."""
    text = report.to_json()
    assert "\n" not in text
    assert Report.from_json(text) == report
    assert Report.from_dict(json.loads(text)).to_json() == text


def read(document: object) -> Report | str:
    """Give the report, or the text of the refusal."""
    try:
        return Report.from_json(document) if isinstance(document, str) else Report.from_dict(document)
    except ReportFormatError as error:
        return str(error)


@bounded
@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.booleans())
def test_any_json_is_a_report_or_is_refused(members: dict[str, Any], versioned: bool) -> None:  # noqa: FBT001  drawn
    """No document raises anything but the promised error, whose text can be had; what is read can be written."""
    document = members | {"schema": 1} if versioned else members
    result = read(json.dumps(document))
    assert result
    if isinstance(result, Report):
        assert result.to_json().encode()


@bounded
@given(REPORTS, st.data())
def test_a_damaged_report_is_read_or_refused(report: Report, data: st.DataObject) -> None:
    """A report with any one of its members replaced raises nothing but the promised error."""
    document = report.to_dict()
    place: Any = document
    while True:
        key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            break
        place = place[key]
    assert read(document)


@bounded
@given(st.text() | st.text('{}[]":,0123456789eE.-+ truefalsn'))
def test_any_text_is_a_report_or_is_refused(text: str) -> None:
    """No text raises anything but the promised error."""
    assert read(text)
