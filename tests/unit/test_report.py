"""The record of a finalization, and its JSON form both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rp_finalizer.errors import ReportFormatError
from rp_finalizer.launch import LaunchStatus
from rp_finalizer.outcome import ErrorKind, Outcome, Source, Step, StepResult, Verdict
from rp_finalizer.report import Considered, Count, Failure, Report, ReportedLaunch, StepRecord
from tests.support.fakes import UUID

FULL = Report(
    outcome=Outcome.ACCEPTED,
    launch=ReportedLaunch(
        uuid=UUID,
        id=42,
        number=7,
        name="smoke ✓",
        status=LaunchStatus.IN_PROGRESS,
        url="https://rp.example.com/ui/#demo/launches/all/42",
        source=Source.CLIENT,
    ),
    endpoint="https://rp.example.com",
    project="demo",
    flushed=Count(12, 214),
    abandoned=Count(0, 3),
    refused=Count(1, None),
    considered=(Considered(Source.CLIENT, UUID, Verdict.TAKEN), Considered(Source.ENVIRONMENT, "x", Verdict.REFUSED)),
    seconds=0.0940000004,
    error=Failure(ErrorKind.TIMEOUT, "not shown in time", "look again", status=503, code=5000),
    entry="entry-1",
).with_step(StepRecord(Step.FLUSH, StepResult.OK, 0.012, 1, "delivered"))
"""A report that has everything."""

FULL_JSON: dict[str, Any] = {
    "schema": 1,
    "outcome": "accepted",
    "launch": {
        "uuid": UUID,
        "id": 42,
        "number": 7,
        "name": "smoke ✓",
        "status": "IN_PROGRESS",
        "url": "https://rp.example.com/ui/#demo/launches/all/42",
        "source": "client",
    },
    "endpoint": "https://rp.example.com",
    "project": "demo",
    "flushed": {"requests": 12, "logs": 214},
    "abandoned": {"requests": 0, "logs": 3},
    "refused": {"requests": 1, "logs": None},
    "steps": [
        {"step": "resolve", "result": "skipped", "seconds": 0.0, "attempts": 0, "detail": None},
        {"step": "flush", "result": "ok", "seconds": 0.012, "attempts": 1, "detail": "delivered"},
        {"step": "finish", "result": "skipped", "seconds": 0.0, "attempts": 0, "detail": None},
        {"step": "confirm", "result": "skipped", "seconds": 0.0, "attempts": 0, "detail": None},
        {"step": "fallback", "result": "skipped", "seconds": 0.0, "attempts": 0, "detail": None},
        {"step": "defer", "result": "skipped", "seconds": 0.0, "attempts": 0, "detail": None},
        {"step": "terminate", "result": "skipped", "seconds": 0.0, "attempts": 0, "detail": None},
    ],
    "considered": [
        {"source": "client", "value": UUID, "verdict": "taken"},
        {"source": "environment", "value": "x", "verdict": "refused"},
    ],
    "seconds": 0.094,
    "error": {
        "kind": "timeout",
        "status": 503,
        "code": 5000,
        "message": "not shown in time",
        "hint": "look again",
    },
    "entry": "entry-1",
}
"""The form that other programs were promised: names, values and order."""


def changed(path: str, value: object) -> dict[str, Any]:
    """Give the full JSON form with one member changed; the path is the one that errors name."""
    document: dict[str, Any] = json.loads(json.dumps(FULL_JSON))
    *way, last = path.replace("[", ".").replace("]", "").split(".")
    place: Any = document
    for name in way:
        place = place[int(name)] if name.isdigit() else place[name]
    place[int(last) if last.isdigit() else last] = value
    return document


def test_the_json_form_is_the_one_that_was_promised() -> None:
    """Names, values and order of all members are those of schema 1, on one line, seconds in whole microseconds."""
    assert FULL.to_json() == json.dumps(FULL_JSON, ensure_ascii=False)
    assert FULL.to_dict() == FULL_JSON


@pytest.mark.parametrize(
    "report", [Report.from_dict(FULL_JSON), Report(None), Report(Outcome.FINISHED)], ids=["full", "preview", "bare"]
)
def test_a_report_is_read_as_it_was_written(report: Report) -> None:
    """What a report says of itself reads as the same report."""
    assert Report.from_json(report.to_json()) == report
    assert Report.from_dict(report.to_dict()) == report


def test_a_bare_report_still_has_all_members() -> None:
    """A reader finds every member, null where there is nothing to say, and all seven steps."""
    document = Report(None).to_dict()
    assert list(document) == list(FULL_JSON)
    assert document["launch"] is document["error"] is document["outcome"] is None
    assert [step["step"] for step in document["steps"]] == [step.value for step in Step]


def test_unknown_members_are_passed_over() -> None:
    """A later version may add members anywhere without this one minding."""
    document = changed("launch.owner", "someone")
    document["steps"][0]["cpu"] = 5
    document["error"]["trace"] = ["deep", {"er": None}]
    document["flushed"]["bytes"] = 1e6
    assert Report.from_dict(document | {"new": {"a": [1]}}) == Report.from_dict(FULL_JSON)


def test_steps_are_put_in_their_order() -> None:
    """Whatever order steps were written in, and whichever are missing, all seven come once, in the sequence's order."""
    document = changed("steps", [FULL_JSON["steps"][3], FULL_JSON["steps"][1]])
    assert Report.from_dict(document) == Report.from_dict(FULL_JSON)


def test_missing_counts_are_unknown() -> None:
    """What a report does not say was not counted; it was not nothing."""
    document = Report.from_dict({"schema": 1, "outcome": "finished", "flushed": {"logs": 3}})
    assert document.flushed == Count(None, 3)
    assert document.abandoned == document.refused == Count(None, None)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema", 2),
        ("schema", "1"),
        ("schema", True),
        ("schema", None),
        ("outcome", "done"),
        ("outcome", 5),
        ("outcome", []),
        ("launch", []),
        ("launch", "x"),
        ("launch.uuid", 5),
        ("launch.id", "42"),
        ("launch.id", 42.0),
        ("launch.id", True),
        ("launch.status", "passed"),
        ("launch.source", "guess"),
        ("endpoint", 5),
        ("project", {}),
        ("flushed", 12),
        ("flushed.requests", "many"),
        ("flushed.logs", 1.5),
        ("abandoned.logs", False),
        ("refused", []),
        ("steps", {}),
        ("steps", ""),
        ("steps", 0),
        ("steps", "all"),
        ("steps[2]", None),
        ("steps[2].step", "dance"),
        ("steps[2].step", None),
        ("steps[2].result", "maybe"),
        ("steps[2].seconds", "long"),
        ("steps[2].attempts", 1.5),
        ("steps[2].detail", 5),
        ("considered", False),
        ("considered[1]", []),
        ("considered[1].source", None),
        ("considered[1].value", 42),
        ("considered[1].verdict", "guilty"),
        ("seconds", "long"),
        ("seconds", True),
        ("seconds", 10**400),
        ("seconds", float("nan")),
        ("seconds", float("inf")),
        ("error", "broken"),
        ("error.kind", "odd"),
        ("error.kind", None),
        ("error.message", None),
        ("error.hint", 5),
        ("error.status", "503"),
        ("error.code", 1.5),
        ("entry", 5),
    ],
)
def test_a_wrong_member_is_named(path: str, value: object) -> None:
    """What does not fit is refused, with the path of the member and what stands there."""
    with pytest.raises(ReportFormatError) as caught:
        Report.from_dict(changed(path, value))
    assert caught.value.path == path
    assert path in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", "5", '"report"', "[" * 100_000, '{"schema": 1', "NaN", "\ud800"]
)
def test_what_is_no_report_is_refused(text: str) -> None:
    """A damaged or foreign document is refused as what it is."""
    with pytest.raises(ReportFormatError, match="not a report"):
        Report.from_json(text)


def test_a_text_that_is_no_unicode_can_still_be_written() -> None:
    """Half a character, which the environment and a server's JSON may hold, is escaped, so that a file can hold it."""
    report = Report(Outcome.FINISHED, launch=ReportedLaunch(name="smo\udcffke"))
    assert "smo\\udcffke" in report.to_json()
    assert Report.from_json(report.to_json().encode().decode()) == report


@pytest.mark.parametrize(
    ("report", "latches"),
    [
        (Report(Outcome.FINISHED), True),
        (Report(Outcome.ALREADY_FINISHED), True),
        (Report(Outcome.NOT_OWNED), True),
        (Report(Outcome.ACCEPTED), False),
        (Report(Outcome.DEFERRED), False),
        (Report(Outcome.NOT_STARTED), False),
        (Report(None), False),
        (Report(Outcome.FAILED), False),
        *(
            (Report(Outcome.FAILED, error=Failure(kind, "", "")), kind.permanent)
            for kind in ErrorKind
        ),
    ],
)  # fmt: skip
def test_only_what_stays_latches(report: Report, latches: bool) -> None:  # noqa: FBT001  a row
    """A final launch, another's launch and a lasting refusal are kept; everything else may be tried again."""
    assert report.latches is latches


def test_lasting_refusals_are_those_that_nobody_can_wait_out() -> None:
    """Time mends what is unavailable, late or not yet known; it mends no refusal."""
    assert {kind for kind in ErrorKind if not kind.permanent} == {
        ErrorKind.UNAVAILABLE,
        ErrorKind.UNKNOWN_LAUNCH,
        ErrorKind.TIMEOUT,
        ErrorKind.OUTBOX,
    }


@pytest.mark.parametrize("outcome", Outcome)
def test_what_is_owed_is_not_good(outcome: Outcome) -> None:
    """Strict runs fail for a launch that is neither finished, nor another's, nor never started."""
    owed = {Outcome.ACCEPTED, Outcome.DEFERRED, Outcome.FAILED}
    assert outcome.good is (outcome not in owed)


def test_a_step_is_replaced_in_its_place() -> None:
    """A step that runs later takes its own place in the record, and no other changes."""
    record = StepRecord(Step.TERMINATE, StepResult.FAILED, 0.5, 1, "hung")
    report = FULL.with_step(record)
    assert report.step(Step.TERMINATE) == record
    assert [each.step for each in report.steps] == list(Step)
    assert report.steps[:-1] == FULL.steps[:-1]
