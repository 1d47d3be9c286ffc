"""The requests of the reporting API: read from JSON, and checked as the server checks them (400, code 4001)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rp_finalizer.emulator.fields import FieldReader, ValueProblem
from rp_finalizer.emulator.java_long import parse_long
from rp_finalizer.emulator.refusals import ErrorType, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rp_finalizer.emulator.records import Attribute
    from rp_finalizer.launch import LaunchStatus

MAX_LAUNCH_NAME = 256
MAX_ITEM_NAME = 1024
MAX_DESCRIPTION = 2048
MAX_ISSUE_COMMENT = 65536
ITEM_TYPES = frozenset(
    {
        "SUITE",
        "STORY",
        "TEST",
        "SCENARIO",
        "STEP",
        "BEFORE_CLASS",
        "BEFORE_GROUPS",
        "BEFORE_METHOD",
        "BEFORE_SUITE",
        "BEFORE_TEST",
        "AFTER_CLASS",
        "AFTER_GROUPS",
        "AFTER_METHOD",
        "AFTER_SUITE",
        "AFTER_TEST",
    }
)


@dataclass(frozen=True, slots=True)
class StartLaunch:
    """The body of a start of a launch."""

    name: str
    start: int
    description: str | None
    attributes: tuple[Attribute, ...] | None
    uuid: str | None
    mode: str | None
    rerun: bool
    rerun_of: str | None

    @classmethod
    def parse(cls, body: object) -> StartLaunch:
        """Read it, or refuse it and name every field that is wrong."""
        fields = FieldReader(body)
        description = fields.text("description")
        request = cls(
            name=(fields.required_text("name", longest=MAX_LAUNCH_NAME)).strip(),
            start=fields.required_time("startTime", "start_time"),
            description=description and description[:MAX_DESCRIPTION],
            attributes=fields.attributes(),
            uuid=fields.text("uuid") or None,
            mode=fields.choice("mode", frozenset({"DEFAULT", "DEBUG"})),
            rerun=fields.flag("rerun"),
            rerun_of=fields.text("rerunOf") or None,
        )
        fields.refuse_problems()
        return request


@dataclass(frozen=True, slots=True)
class FinishExecution:
    """The body of a finish or a stop of a launch."""

    end: int
    status: LaunchStatus | None
    description: str | None
    attributes: tuple[Attribute, ...] | None

    @classmethod
    def parse(cls, body: object) -> FinishExecution:
        """Read it, or refuse it and name every field that is wrong."""
        fields = FieldReader(body)
        request = cls(
            end=fields.required_time("endTime", "end_time"),
            status=fields.status(),
            description=fields.text("description"),
            attributes=fields.attributes(),
        )
        fields.refuse_problems()
        return request


@dataclass(frozen=True, slots=True)
class StartItem:
    """The body of a start of an item."""

    name: str
    type: str
    start: int
    launch_uuid: str
    uuid: str | None
    description: str | None
    attributes: tuple[Attribute, ...] | None
    parameters: tuple[tuple[str | None, str | None], ...]
    code_ref: str | None
    unique_id: str | None
    test_case_id: str | None
    has_stats: bool
    retry: bool
    retry_of: str | None

    @classmethod
    def parse(cls, body: object) -> StartItem:
        """Read it, or refuse it and name every field that is wrong."""
        fields = FieldReader(body)
        kind = fields.choice("type", ITEM_TYPES, required=True)
        request = cls(
            name=fields.required_text("name", longest=MAX_ITEM_NAME).strip(),
            type=kind or "",
            start=fields.required_time("startTime", "start_time"),
            launch_uuid=fields.required_text("launchUuid", "launch_id", may_be_blank=True),
            uuid=fields.text("uuid") or None,
            description=fields.text("description"),
            attributes=fields.attributes(),
            parameters=fields.parameters(),
            code_ref=fields.text("codeRef"),
            unique_id=fields.text("uniqueId", longest=1024),
            test_case_id=fields.text("testCaseId"),
            has_stats=fields.flag("hasStats", default=True),
            retry=fields.flag("retry"),
            retry_of=fields.text("retryOf") or None,
        )
        fields.refuse_problems()
        return request


@dataclass(frozen=True, slots=True)
class FinishItem:
    """The body of a finish of an item."""

    end: int
    status: LaunchStatus | None
    description: str | None
    attributes: tuple[Attribute, ...] | None
    launch_uuid: str | None
    issue: Mapping[str, Any] | None
    retry: bool
    retry_of: str | None
    test_case_id: str | None

    @classmethod
    def parse(cls, body: object) -> FinishItem:
        """Read it, or refuse it and name every field that is wrong."""
        fields = FieldReader(body)
        request = cls(
            end=fields.required_time("endTime", "end_time"),
            status=fields.status(),
            description=fields.text("description"),
            attributes=fields.attributes(),
            launch_uuid=fields.text("launchUuid") or None,
            issue=_issue(fields),
            retry=fields.flag("retry"),
            retry_of=fields.text("retryOf") or None,
            test_case_id=fields.text("testCaseId"),
        )
        fields.refuse_problems()
        return request


@dataclass(frozen=True, slots=True)
class SaveLog:
    """One log entry, alone or in a batch."""

    time: int
    launch_uuid: str | None
    item_uuid: str | None
    uuid: str | None
    level: str
    message: str
    file_name: str | None

    @classmethod
    def parse(cls, body: object) -> SaveLog:
        """Read it, or refuse it and name every field that is wrong."""
        fields = FieldReader(body)
        file = fields.mapping("file") or {}
        request = cls(
            time=fields.required_time("time"),
            launch_uuid=fields.text("launchUuid") or None,
            item_uuid=fields.text("itemUuid", "item_id") or None,
            uuid=fields.text("uuid") or None,
            level=(fields.level() or "UNKNOWN").upper(),
            message=fields.text("message") or "NULL",
            file_name=file.get("name"),
        )
        fields.refuse_problems()
        return request


def _issue(fields: FieldReader) -> Mapping[str, Any] | None:
    """Check an item's issue, and give it as it was sent."""
    issue = fields.item("issue")
    if issue is not None:
        issue.required_text("issueType", "issue_type")
        issue.text("comment", longest=MAX_ISSUE_COMMENT)
        for name in ("autoAnalyzed", "ignoreAnalyzer"):
            issue.flag(name)
    return fields.mapping("issue")


def parse_entities(body: object) -> dict[int, Any]:
    """Read the body of a bulk call: `entities`, by the launches' numbers."""
    entities = body.get("entities") if isinstance(body, dict) else None
    if not isinstance(entities, dict) or not entities:
        raise Refusal(ErrorType.INCORRECT_REQUEST, ValueProblem.null("entities"))
    numbered: dict[int, Any] = {}
    for name, entity in entities.items():
        number = parse_long(name)
        if number is None:
            raise Refusal(ErrorType.INCORRECT_REQUEST, f"[Cannot deserialize Map key of type Long from '{name}'] ")
        numbered[number] = entity
    return numbered
