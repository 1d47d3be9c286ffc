"""The calls that the emulator shares with service-api 5.15.1: what they take, what they answer, how they refuse.

One row a call, one line a field, in the words of the server's own schema. Where the server's source says otherwise than
its schema, the source is followed, and `why` says so. What the source demands and the schema does not mention, as the
lengths of names and the fields that no answer lacks, stands here without a word. `left_out` says what the emulator
neither reads nor shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING, Any

from tests.support.rp_api import START

if TYPE_CHECKING:
    from collections.abc import Mapping

END = START + 1000
BEFORE = START - 1000


class Kind(StrEnum):
    """The type of a value that is no object."""

    TEXT = auto()
    WHOLE = auto()
    NUMBER = auto()
    FLAG = auto()
    DATE = auto()
    """Sent as milliseconds, answered as ISO 8601."""
    MILLIS = auto()
    """A date answered as milliseconds."""
    ANYTHING = auto()


class Thing(Enum):
    """What a row's path, query or body names; made when it is needed."""

    OPEN_UUID = auto()
    OPEN_ID = auto()
    DONE_UUID = auto()
    DONE_ID = auto()
    EMPTY_ID = auto()
    """A finished launch with an attribute, and without items."""
    DEBUG_ID = auto()
    """A launch of mode DEBUG."""
    FOREIGN_DONE_ID = auto()
    """A finished launch of another project."""
    SUITE_UUID = auto()
    """An item in progress of the open launch, with a finished test below it."""
    LEAF_UUID = auto()
    """An item in progress of the open launch, with nothing below it."""
    LEAF_ID = auto()
    TEST_UUID = auto()
    """A failed item of the finished launch, with everything that an item may have."""
    TEST_ID = auto()
    NEW_UUID = auto()
    """A uuid that nothing has."""
    NEW_ID = auto()
    """A number that nothing has."""


@dataclass(frozen=True)
class ListOf:
    of: Type
    longest: int | None = None
    shortest: int = 0


@dataclass(frozen=True)
class MapOf:
    of: Type


@dataclass(frozen=True)
class Field:
    name: str
    type: Type = Kind.TEXT
    required: bool = False
    among: tuple[str, ...] = ()
    shortest: int = 0
    longest: int | None = None
    sample: Any = None
    """What to send; None sends something that fits the type."""
    refusal: tuple[int, int] = (400, 4001)
    """HTTP status and code for a value that is missing or not allowed."""
    always: bool = False
    """Sent even where only what is required is sent: without it this table's calls would find nothing."""
    why: str = ""
    """Where this departs from the schema, the reason."""
    left_out: str = ""
    """Why the emulator does without it."""


@dataclass(frozen=True)
class Shape:
    name: str
    fields: tuple[Field, ...]


Type = Kind | Shape | ListOf | MapOf


@dataclass(frozen=True)
class Change:
    """What to do differently, so that a call is refused. A field that is changed to None is not sent."""

    body: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, Thing] = field(default_factory=dict)
    query: tuple[tuple[str, Any], ...] | None = None
    key: str = "demo_key"
    project: str = "demo"


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    """As the schema writes it; without the prefix `/api`."""
    status: int
    answer: Type
    request: Shape | None = None
    names: Mapping[str, Thing] = field(default_factory=dict)
    """What stands for the variable parts of the path."""
    query: tuple[tuple[str, Any], ...] = ()
    errors: Mapping[int, Change] = field(default_factory=dict)
    """The server's codes for refusals, and what brings each about."""
    accept: str | None = None
    media_type: str = "application/json"
    multipart: bool = False
    """Sent as a batch, in which single entries are refused and the whole is not."""
    project: bool = True
    """Whether somebody may be kept from it: there is a project in its path."""
    why: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path}" + (f" as {self.accept}" if self.accept else "")


ERRORS = {
    4001: (400, "INCORRECT_REQUEST"),
    4003: (403, "ACCESS_DENIED"),
    4040: (404, "PROJECT_NOT_FOUND"),
    4041: (404, "LAUNCH_NOT_FOUND"),
    4043: (404, "TEST_ITEM_NOT_FOUND"),
    4063: (406, "LAUNCH_IS_NOT_FINISHED"),
    40010: (400, "FORBIDDEN_OPERATION"),
    40011: (400, "INCORRECT_FILTER_PARAMETERS"),
    40012: (400, "INCORRECT_SORTING_PARAMETERS"),
    40016: (400, "BAD_REQUEST_ERROR"),
    40019: (400, "AMBIGUOUS_TEST_ITEM_STATUS"),
    40020: (400, "FAILED_TEST_ITEM_ISSUE_TYPE_DEFINITION"),
    40021: (406, "FINISH_TIME_EARLIER_THAN_START_TIME"),
    40022: (406, "FINISH_ITEM_NOT_ALLOWED"),
    40023: (406, "FINISH_LAUNCH_NOT_ALLOWED"),
    40025: (406, "CHILD_START_TIME_EARLIER_THAN_PARENT"),
    40033: (406, "UNSUPPORTED_MERGE_STRATEGY_TYPE"),
    5000: (500, "UNCLASSIFIED_ERROR"),
}
"""HTTP status and the server's name by code. The schema lists 400, 401, 403 and 500 only, and codes as names; the
server sends these as well, and codes as numbers."""

# Shapes that several calls share.

FINAL_STATUSES = ("PASSED", "FAILED", "STOPPED", "SKIPPED", "INTERRUPTED", "CANCELLED", "INFO", "WARN")
ANY_STATUS = ("IN_PROGRESS", *FINAL_STATUSES)
LEVELS = ("CLASS", "GROUPS", "METHOD", "SUITE", "TEST")
ITEM_TYPES = (
    *("SUITE", "STORY", "TEST", "SCENARIO", "STEP"),
    *(f"BEFORE_{level}" for level in LEVELS),
    *(f"AFTER_{level}" for level in LEVELS),
)
MODES = ("DEFAULT", "DEBUG")
ACTIONS = ("DELETE", "UPDATE", "CREATE")
CUT = "longer texts are taken and cut"

ITEM_ATTRIBUTES_RQ = Shape(
    "ItemAttributesRQ",
    (
        Field("key", sample="build"),
        Field("value", required=True, shortest=1, sample="7"),
        Field("system", Kind.FLAG, sample=False),
    ),
)
ITEM_ATTRIBUTE_RESOURCE = Shape(
    "ItemAttributeResource", (Field("key", sample="build"), Field("value", required=True, shortest=1, sample="7"))
)
ATTRIBUTES_RQ = Field("attributes", ListOf(ITEM_ATTRIBUTES_RQ, longest=256))
ATTRIBUTES_RESOURCE = Field("attributes", ListOf(ITEM_ATTRIBUTE_RESOURCE, longest=256))
ATTRIBUTES = Field("attributes", ListOf(ITEM_ATTRIBUTE_RESOURCE))
STATISTICS = Field(
    "statistics",
    Shape(
        "StatisticsResource",
        (Field("executions", MapOf(Kind.WHOLE)), Field("defects", MapOf(MapOf(Kind.WHOLE)))),
    ),
)
ERROR_RS = Shape(
    "ErrorRS",
    (
        Field("errorCode", Kind.WHOLE, why="the schema lists the names of the codes; the server sends the numbers"),
        Field("message"),
        Field("stackTrace", left_out="the server never sets it"),
    ),
)
COMPLETION_RS = Shape("OperationCompletionRS", (Field("message"),))


def page_of(resource: Shape) -> Shape:
    """Give the shape of a list."""
    metadata = (
        *(Field(name, Kind.WHOLE) for name in ("number", "size", "totalElements", "totalPages")),
        Field("hasNext", Kind.FLAG, left_out="the server sets it in pages that are not counted"),
    )
    return Shape(
        f"Page{resource.name}",
        (Field("content", ListOf(resource)), Field("page", Shape("PageMetadata", metadata))),
    )


# Launches.

START_LAUNCH_RQ = Shape(
    "StartLaunchRQ",
    (
        Field("startTime", Kind.DATE, required=True),
        Field("name", required=True, shortest=1, longest=256),
        Field("description", why=CUT),
        ATTRIBUTES_RQ,
        Field("uuid", sample=Thing.NEW_UUID, why="required in the schema; the server makes one up where none is sent"),
        Field("mode", among=MODES),
        Field("rerun", Kind.FLAG, sample=False),
        Field("rerunOf", sample=Thing.DONE_UUID),
    ),
)
FINISH_EXECUTION_RQ = Shape(
    "FinishExecutionRQ",
    (
        ATTRIBUTES_RQ,
        Field("endTime", Kind.DATE, required=True, sample=END),
        Field("status", among=FINAL_STATUSES),
        Field("description"),
    ),
)
UPDATE_LAUNCH_RQ = Shape("UpdateLaunchRQ", (Field("mode", among=MODES), Field("description"), ATTRIBUTES_RESOURCE))
MERGE_LAUNCHES_RQ = Shape(
    "MergeLaunchesRQ",
    (
        Field("name", required=True, shortest=1, longest=256),
        Field("description", why=CUT),
        ATTRIBUTES_RESOURCE,
        Field("startTime", Kind.DATE),
        Field("mode", among=MODES),
        Field("launches", ListOf(Kind.WHOLE, shortest=1), required=True, sample=[Thing.EMPTY_ID]),
        Field("endTime", Kind.DATE, sample=END),
        Field(
            "mergeType",
            required=True,
            sample="BASIC",
            why="the schema allows BASIC and DEEP; another word is refused late, with 40033; DEEP is not emulated",
        ),
        Field("extendSuitesDescription", Kind.FLAG, why="required in the schema; the server reads none as false"),
    ),
)
CHANGE_OF_ATTRIBUTE = Shape(
    "UpdateItemAttributeRQ",
    (
        Field("from", ITEM_ATTRIBUTE_RESOURCE),
        Field("to", ITEM_ATTRIBUTE_RESOURCE),
        Field("action", among=ACTIONS, sample="CREATE"),
    ),
)
BULK_INFO_RQ = Shape(
    "BulkInfoUpdateRQ",
    (
        Field("ids", ListOf(Kind.WHOLE, shortest=1), required=True, sample=[Thing.EMPTY_ID]),
        Field("description", Shape("Description", (Field("comment"), Field("action", among=ACTIONS)))),
        Field("attributes", ListOf(CHANGE_OF_ATTRIBUTE)),
    ),
)


def launch_resource(name: str, date: Kind, why: str = "") -> Shape:
    """Give the shape of a launch, with its dates in one of the two forms."""
    return Shape(
        name,
        (
            Field("owner"),
            Field("description", longest=2048),
            Field("locked", Kind.FLAG, left_out="the server shows it of dashboards and filters"),
            Field("id", Kind.WHOLE, required=True),
            Field("uuid", required=True, shortest=1),
            Field("name", required=True, shortest=1, longest=256, why="3 in the schema, a limit that is gone"),
            Field("number", Kind.WHOLE, required=True),
            Field("startTime", date, required=True, why=why),
            Field("endTime", date, why=why),
            Field("lastModified", date, why=why),
            Field("status", required=True, among=ANY_STATUS),
            STATISTICS,
            ATTRIBUTES,
            Field("mode", among=MODES),
            Field("analysing", ListOf(Kind.TEXT)),
            Field("approximateDuration", Kind.NUMBER),
            Field("hasRetries", Kind.FLAG),
            Field("rerun", Kind.FLAG),
            Field("metadata", MapOf(Kind.ANYTHING), left_out="plugins fill it"),
            Field("retentionPolicy", among=("IMPORTANT", "REGULAR")),
        ),
    )


OLD_DATES = "the schema calls both forms date-time; this one is a number, kept for old clients"
LAUNCH_RESOURCE = launch_resource("LaunchResource", Kind.DATE)
LAUNCH_RESOURCE_OLD = launch_resource("LaunchResourceOld", Kind.MILLIS, OLD_DATES)
LAUNCH_V2 = "application/x.reportportal.launch.v2+json"

STARTED_V1 = Shape("StartLaunchRS", (Field("id", required=True), Field("number", Kind.WHOLE, required=True)))
STARTED_V2 = Shape(
    "StartLaunchRS",
    (Field("id", required=True), Field("number", Kind.WHOLE, left_out="nobody knows it while the start is queued")),
)
FINISHED_V1 = Shape("FinishLaunchRS", (*STARTED_V1.fields, Field("link", required=True)))
FINISHED_V2 = Shape("FinishLaunchRS", (*STARTED_V2.fields, Field("link", required=True)))

# Items and logs.

ISSUE = Shape(
    "Issue",
    (
        Field("issueType", required=True, shortest=1, sample="pb001"),
        Field("comment", longest=65536),
        Field("autoAnalyzed", Kind.FLAG),
        Field("ignoreAnalyzer", Kind.FLAG),
        Field("externalSystemIssues", ListOf(Kind.ANYTHING), left_out="there are no bug trackers"),
    ),
)
PARAMETER = Shape("ParameterResource", (Field("key", required=True), Field("value")))
START_ITEM_RQ = Shape(
    "StartTestItemRQ",
    (
        Field("startTime", Kind.DATE, required=True, sample=START + 1),
        Field("launchUuid", required=True, sample=Thing.OPEN_UUID),
        Field("name", required=True, shortest=1, longest=1024),
        Field("description"),
        ATTRIBUTES_RQ,
        Field("uuid", sample=Thing.NEW_UUID, why="required in the schema; the server makes one up where none is sent"),
        Field("codeRef"),
        Field("parameters", ListOf(PARAMETER)),
        Field("uniqueId", longest=1024),
        Field("testCaseId"),
        Field("type", required=True, among=ITEM_TYPES),
        Field("retry", Kind.FLAG, sample=False),
        Field("hasStats", Kind.FLAG),
        Field("retryOf", left_out="names an earlier attempt; tested with retries"),
    ),
)


def finish_item_rq(*, launch_required: bool) -> Shape:
    """Give the shape of an item's finish, which must name its launch in v2 only."""
    launch = Field(
        "launchUuid",
        required=launch_required,
        sample=Thing.OPEN_UUID,
        refusal=(400, 40016),
        why="required in the schema; v1 does without, v2 refuses with a code of its own",
    )
    issue, rest = Field("issue", ISSUE), ("testCaseId", "retryOf")
    return Shape(
        "FinishTestItemRQ",
        (*FINISH_EXECUTION_RQ.fields, issue, Field("retry", Kind.FLAG), launch, *(Field(name) for name in rest)),
    )


UPDATE_ITEM_RQ = Shape(
    "UpdateTestItemRQ",
    (ATTRIBUTES_RESOURCE, Field("description"), Field("status", sample="FAILED", why="an unknown word is ignored")),
)
PATH_NAMES = Shape(
    "PathNameResource",
    (
        Field("launchPathName", Shape("LaunchPathName", (Field("name"), Field("number", Kind.WHOLE)))),
        Field("itemPaths", ListOf(Shape("ItemPathName", (Field("id", Kind.WHOLE), Field("name"))))),
    ),
)


def item_resource(name: str, date: Kind, *more: Field, why: str = "") -> Shape:
    """Give the shape of an item, with its dates in one of the two forms."""
    numbers = ("id", "parent", "launchId", "testCaseHash")
    texts = ("uuid", "name", "codeRef", "description", "type", "uniqueId", "testCaseId", "path")
    return Shape(
        name,
        (
            *(Field(each, Kind.WHOLE) for each in numbers),
            *(Field(each) for each in texts),
            Field("parameters", ListOf(PARAMETER)),
            ATTRIBUTES,
            Field("startTime", date, why=why),
            Field("endTime", date, why=why),
            Field("status", among=ANY_STATUS),
            STATISTICS,
            Field("pathNames", PATH_NAMES),
            Field("launchStatus", left_out="the server tells it of items read for the analyzer"),
            Field("issue", ISSUE),
            Field("hasChildren", Kind.FLAG),
            Field("hasStats", Kind.FLAG),
            Field("patternTemplates", ListOf(Kind.TEXT)),
            Field("hasNestedSteps", Kind.FLAG, left_out="for the page"),
            Field("analysisOwner", left_out="there is no analyzer"),
            *more,
        ),
    )


TEST_ITEM_RESOURCE = item_resource("TestItemResource", Kind.DATE)
TEST_ITEM_RESOURCE_OLD = item_resource(
    "TestItemResourceOld",
    Kind.MILLIS,
    Field("retries", ListOf(Kind.ANYTHING), left_out="earlier attempts are counted, not shown"),
    why=OLD_DATES,
)
ITEM_V2 = "application/x.reportportal.test.v2+json"
ITEM_CREATED_V1 = Shape(
    "EntryCreatedAsyncRS",
    (Field("id", required=True), Field("uniqueId", required=True, why="not in the schema, which lists the base class")),
)
CREATED = Shape("EntryCreatedAsyncRS", (Field("id", required=True),))

SAVE_LOG_RQ = Shape(
    "SaveLogRQ",
    (
        Field("itemUuid", sample=Thing.LEAF_UUID),
        Field("uuid", sample=Thing.NEW_UUID),
        Field(
            "launchUuid",
            sample=Thing.OPEN_UUID,
            always=True,
            why="required in the schema; an entry without is taken, and finds no launch unless it names an item",
        ),
        Field("time", Kind.DATE, required=True),
        Field("message"),
        Field("level", shortest=3, longest=16, sample="error"),
        Field("file", Shape("File", (Field("name"),)), left_out="only in a batch; tested with files"),
    ),
)
BATCH_RS = Shape(
    "BatchSaveOperatingRS",
    (
        Field(
            "responses",
            ListOf(Shape("BatchElementCreatedRS", (Field("id"), Field("message"), Field("stackTrace")))),
            required=True,
        ),
    ),
)
LOG_RESOURCE = Shape(
    "LogResource",
    (
        Field("id", Kind.WHOLE, required=True),
        Field("uuid", required=True),
        Field("time", Kind.DATE),
        Field("message"),
        Field(
            "binaryContent",
            Shape("BinaryContent", tuple(Field(name, required=True) for name in ("id", "thumbnailId", "contentType"))),
        ),
        Field("thumbnail", left_out="pictures are not made smaller"),
        Field("level"),
        Field("itemId", Kind.WHOLE),
        Field("launchId", Kind.WHOLE),
    ),
)

# Projects and users.

SETTINGS = Shape(
    "ProjectSettingsResource",
    (Field("project", Kind.WHOLE, required=True), Field("subTypes", MapOf(Kind.ANYTHING), required=True)),
)
PROJECT = Shape(
    "ProjectResource",
    (
        Field("projectId", Kind.WHOLE, required=True),
        Field("projectName", required=True),
        Field("entryType", required=True),
        Field(
            "configuration",
            Shape(
                "ProjectConfiguration",
                (
                    Field("attributes", MapOf(Kind.TEXT), required=True),
                    Field("subTypes", MapOf(Kind.ANYTHING)),
                    Field("notificationsConfiguration", Kind.ANYTHING, left_out="nobody is notified"),
                    Field("patterns", Kind.ANYTHING, left_out="there are none"),
                ),
            ),
            required=True,
        ),
        Field("creationDate", Kind.DATE, required=True),
        *(
            Field(name, Kind.ANYTHING, left_out="nothing to do with launches")
            for name in ("users", "integrations", "organization", "allocatedStorage")
        ),
    ),
)
USER = Shape(
    "UserResource",
    (
        Field("id", Kind.WHOLE, required=True),
        Field("userId", required=True),
        Field("email", required=True),
        *(Field(name) for name in ("uuid", "fullName", "accountType", "userRole")),
        Field("active", Kind.FLAG),
        Field(
            "assignedProjects",
            MapOf(
                Shape("AssignedProject", (Field("projectId", Kind.WHOLE), Field("projectRole"), Field("entryType"))),
            ),
        ),
        *(
            Field(name, Kind.ANYTHING, left_out="nothing to do with launches")
            for name in ("externalId", "loaded", "photoId", "photoLoaded", "metadata")
        ),
    ),
)

# Refusals that many calls share.

FORBIDDEN = {4003: Change(key="stranger_key"), 4040: Change(key="admin_key", project="nowhere")}
REPORTING = {**FORBIDDEN, 4003: Change(key="operator_key")}
ASSIGNED = {**FORBIDDEN, 4040: Change(project="nowhere")}
WRONG_QUERY = {
    40011: Change(query=(("filter.eq.colour", "red"),)),
    40012: Change(query=(("page.sort", "colour,ASC"),)),
    40016: Change(query=(("filter.eq.name", " "),)),
}
OF_LAUNCH = {"launchId": Thing.OPEN_UUID}
OF_NUMBER = {"launchId": Thing.OPEN_ID}
OF_DONE = {"launchId": Thing.DONE_ID}
UNKNOWN_NUMBER = {4041: Change(names={"launchId": Thing.NEW_ID})}
LATE_START = "a start before its parent's is found out late, in the queue"


def _entities(number: Thing, **entity: Any) -> Change:
    return Change(body={"entities": {number: entity}})


def _bulk(of: Shape, number: Thing, **entity: Any) -> Shape:
    return Shape(f"BulkRQLong{of.name}", (Field("entities", MapOf(of), required=True, sample={number: entity}),))


def _starts_of_launches() -> tuple[Call, ...]:
    debug = {40010: Change(body={"mode": "DEBUG"}, key="customer_key")}
    nothing = {4041: Change(body={"rerun": True, "rerunOf": Thing.NEW_UUID})}
    twice = {5000: Change(body={"uuid": Thing.OPEN_UUID})}
    path = "/{projectName}/launch"
    errors = {**REPORTING, **debug, **nothing}
    return (
        Call("POST", f"/v1{path}", 201, STARTED_V1, START_LAUNCH_RQ, errors={**errors, **twice}),
        Call("POST", f"/v2{path}", 201, STARTED_V2, START_LAUNCH_RQ, errors=errors),
    )


def _ends_of_launches() -> tuple[Call, ...]:
    early = {40021: Change(body={"endTime": BEFORE})}
    again = {40023: Change(names={"launchId": Thing.DONE_UUID})}
    again_by_number = {40023: Change(names=OF_DONE)}
    path = "/{projectName}/launch"
    return (
        Call(
            "PUT",
            f"/v1{path}/{{launchId}}/finish",
            200,
            FINISHED_V1,
            FINISH_EXECUTION_RQ,
            OF_LAUNCH,
            errors={**REPORTING, **early, **again, 4041: Change(names=OF_NUMBER)},
            why="a number is an unknown launch here",
        ),
        Call(
            "PUT",
            f"/v2{path}/{{launchId}}/finish",
            200,
            FINISHED_V2,
            FINISH_EXECUTION_RQ,
            OF_LAUNCH,
            errors=REPORTING,
            why="everything else is found out late, in the queue",
        ),
        Call(
            "PUT",
            f"/v1{path}/{{launchId}}/stop",
            200,
            COMPLETION_RS,
            FINISH_EXECUTION_RQ,
            OF_NUMBER,
            errors={**REPORTING, **early, **again_by_number, **UNKNOWN_NUMBER, 4001: Change(names=OF_LAUNCH)},
        ),
        Call(
            "PUT",
            f"/v1{path}/stop",
            200,
            ListOf(COMPLETION_RS),
            _bulk(FINISH_EXECUTION_RQ, Thing.OPEN_ID, endTime=END),
            errors={
                **REPORTING,
                4001: _entities(Thing.OPEN_UUID, endTime=END),
                4041: _entities(Thing.NEW_ID, endTime=END),
                40021: _entities(Thing.OPEN_ID, endTime=BEFORE),
                40023: _entities(Thing.DONE_ID, endTime=END),
            },
        ),
    )


def _changes_of_launches() -> tuple[Call, ...]:
    path = "/{projectName}/launch"
    by_number = {**REPORTING, **UNKNOWN_NUMBER, 4001: Change(names=OF_LAUNCH)}
    merging = {
        **REPORTING,
        4063: Change(body={"launches": [Thing.OPEN_ID]}),
        40010: Change(body={"launches": [Thing.FOREIGN_DONE_ID]}),
        40016: Change(body={"launches": [Thing.EMPTY_ID, Thing.NEW_ID]}),
        40021: Change(body={"endTime": BEFORE}),
        40033: Change(body={"mergeType": "WIDE"}),
    }
    merges = [
        Call(
            "POST",
            f"/{version}{path}/merge",
            200,
            resource,
            MERGE_LAUNCHES_RQ,
            errors=merging,
            accept=accept,
            media_type=accept or "application/json",
        )
        for version in ("v1", "v2")
        for accept, resource in ((None, LAUNCH_RESOURCE_OLD), (LAUNCH_V2, LAUNCH_RESOURCE))
    ]
    deleted = Shape(
        "DeleteBulkRS",
        (
            Field("successfullyDeleted", ListOf(Kind.WHOLE), required=True),
            Field("notFound", ListOf(Kind.WHOLE), required=True),
            Field("errors", ListOf(ERROR_RS), required=True),
        ),
    )
    return (
        Call(
            "PUT", f"/v1{path}/{{launchId}}/update", 200, COMPLETION_RS, UPDATE_LAUNCH_RQ, OF_NUMBER, errors=by_number
        ),
        Call(
            "PUT",
            f"/v1{path}/update",
            200,
            ListOf(COMPLETION_RS),
            _bulk(UPDATE_LAUNCH_RQ, Thing.OPEN_ID, description="new"),
            errors={**REPORTING, 4041: _entities(Thing.NEW_ID), 4001: _entities(Thing.OPEN_UUID)},
        ),
        Call("PUT", f"/v1{path}/info", 200, COMPLETION_RS, BULK_INFO_RQ, errors={4003: Change(key="member_key")}),
        *merges,
        Call(
            "DELETE",
            f"/v1{path}/{{launchId}}",
            200,
            COMPLETION_RS,
            names=OF_DONE,
            errors={
                **by_number,
                4063: Change(names=OF_NUMBER),
                40010: Change(names={"launchId": Thing.FOREIGN_DONE_ID}),
            },
        ),
        Call(
            "DELETE",
            f"/v1{path}",
            200,
            deleted,
            query=(("ids", Thing.DONE_ID), ("ids", Thing.OPEN_ID), ("ids", Thing.NEW_ID)),
            errors={**REPORTING, 4001: Change(query=(("ids", Thing.OPEN_UUID),))},
        ),
    )


def _reads_of_launches() -> tuple[Call, ...]:
    path = "/v1/{projectName}/launch"
    one = {**FORBIDDEN, 4041: Change(names={"launchId": Thing.NEW_UUID})}
    done = {"launchId": Thing.DONE_UUID}
    lists = [
        Call(
            "GET",
            f"{path}{which}",
            200,
            page_of(LAUNCH_RESOURCE),
            query=(("filter.eq.id", one_of_it),),
            errors={**FORBIDDEN, **WRONG_QUERY},
        )
        for which, one_of_it in (("", Thing.DONE_ID), ("/mode", Thing.DEBUG_ID), ("/latest", Thing.DONE_ID))
    ]
    return (
        *lists,
        Call(
            "GET",
            f"{path}/status",
            200,
            MapOf(Kind.TEXT),
            query=(("ids", Thing.DONE_ID), ("ids", Thing.OPEN_ID)),
            errors={**FORBIDDEN, 4001: Change(query=())},
        ),
        Call("GET", f"{path}/{{launchId}}", 200, LAUNCH_RESOURCE, names=done, errors=one),
        Call("GET", f"{path}/uuid/{{launchId}}", 200, LAUNCH_RESOURCE_OLD, names=done, errors=one),
        Call(
            "GET",
            f"{path}/uuid/{{launchId}}",
            200,
            LAUNCH_RESOURCE,
            names=done,
            errors=one,
            accept=LAUNCH_V2,
            media_type=LAUNCH_V2,
        ),
    )


def _items() -> tuple[Call, ...]:
    under, item = {"parentItem": Thing.SUITE_UUID}, {"testItemId": Thing.SUITE_UUID}
    unknown_launch = {4041: Change(body={"launchUuid": Thing.NEW_UUID})}
    early = {40025: Change(body={"startTime": BEFORE})}
    root = {**REPORTING, **unknown_launch, **early, 40016: Change(body={"retry": True})}
    child = {**REPORTING, **unknown_launch, **early, 4043: Change(names={"parentItem": Thing.NEW_UUID})}
    leaf = {"testItemId": Thing.LEAF_UUID}
    finish = {
        **REPORTING,
        4043: Change(names={"testItemId": Thing.NEW_UUID}),
        40019: Change(names=leaf, body={"status": None}),
        40020: Change(names=leaf, body={"status": "failed", "issue": {"issueType": "zz999"}}),
        40022: Change(key="member_key"),
    }
    rows = []
    for slash in ("", "/"):
        roots, children = "/{projectName}/item" + slash, "/{projectName}/item/{parentItem}" + slash
        one = "/{projectName}/item/{testItemId}" + slash
        optional, demanded = finish_item_rq(launch_required=False), finish_item_rq(launch_required=True)
        rows += [
            Call("POST", f"/v1{roots}", 201, ITEM_CREATED_V1, START_ITEM_RQ, errors=root),
            Call("POST", f"/v1{children}", 201, ITEM_CREATED_V1, START_ITEM_RQ, under, errors=child),
            Call("POST", f"/v2{roots}", 201, CREATED, START_ITEM_RQ, errors=REPORTING, why=LATE_START),
            Call("POST", f"/v2{children}", 201, CREATED, START_ITEM_RQ, under, errors=REPORTING, why=LATE_START),
            Call("PUT", f"/v1{one}", 200, COMPLETION_RS, optional, item, errors=finish),
            Call("PUT", f"/v2{one}", 200, COMPLETION_RS, demanded, item, errors=REPORTING),
        ]
    return (*rows, *_reads_of_items())


def _reads_of_items() -> tuple[Call, ...]:
    path = "/v1/{projectName}/item"
    named = {"itemId": Thing.TEST_UUID}
    one = {**ASSIGNED, 4043: Change(names={"itemId": Thing.NEW_UUID})}
    listed = (("filter.eq.launchId", Thing.DONE_ID),)
    wrong = {
        40011: Change(query=(*listed, ("filter.eq.colour", "red"))),
        40012: Change(query=(*listed, ("page.sort", "colour,ASC"))),
        40016: Change(query=()),
        4041: Change(query=(("filter.eq.launchId", Thing.NEW_ID),)),
    }
    return (
        Call(
            "PUT",
            f"{path}/{{itemId}}/update",
            200,
            COMPLETION_RS,
            UPDATE_ITEM_RQ,
            {"itemId": Thing.LEAF_ID},
            errors={**REPORTING, 4043: Change(names={"itemId": Thing.NEW_ID}), 4001: Change(names=named)},
        ),
        Call("GET", path, 200, page_of(TEST_ITEM_RESOURCE), query=listed, errors={**ASSIGNED, **wrong}),
        Call("GET", f"{path}/{{itemId}}", 200, TEST_ITEM_RESOURCE, names=named, errors=one),
        Call("GET", f"{path}/uuid/{{itemId}}", 200, TEST_ITEM_RESOURCE_OLD, names=named, errors=one),
        Call(
            "GET",
            f"{path}/uuid/{{itemId}}",
            200,
            TEST_ITEM_RESOURCE,
            names=named,
            errors=one,
            accept=ITEM_V2,
            media_type=ITEM_V2,
        ),
    )


def _logs() -> tuple[Call, ...]:
    nowhere = {4041: Change(body={"launchUuid": Thing.NEW_UUID, "itemUuid": None})}
    rows = [
        Call(
            "GET",
            "/v1/{projectName}/log",
            200,
            page_of(LOG_RESOURCE),
            query=(("filter.eq.launchId", Thing.DONE_ID),),
            errors={
                **ASSIGNED,
                40011: WRONG_QUERY[40011],
                40012: WRONG_QUERY[40012],
                40016: Change(query=(("filter.eq.level", " "),)),
            },
        )
    ]
    for version in ("v1", "v2"):
        path = f"/{version}/{{projectName}}/log"
        errors = {**REPORTING, **(nowhere if version == "v1" else {})}
        batch = "200 in the schema; the server answers 201"
        rows += [
            Call("POST", f"{path}/entry", 201, CREATED, SAVE_LOG_RQ, errors=errors),
            Call("POST", path, 201, CREATED, SAVE_LOG_RQ, errors=errors, why="JSON is taken here, too"),
            Call("POST", path, 201, BATCH_RS, SAVE_LOG_RQ, errors=REPORTING, multipart=True, why=batch),
        ]
    return tuple(rows)


CALLS = (
    *_starts_of_launches(),
    *_ends_of_launches(),
    *_changes_of_launches(),
    *_reads_of_launches(),
    *_items(),
    *_logs(),
    Call("GET", "/v1/{projectName}/settings", 200, SETTINGS, errors=ASSIGNED),
    Call("GET", "/v1/project/{projectName}", 200, PROJECT, errors=FORBIDDEN),
    Call("GET", "/users", 200, USER, project=False),
)

NOT_IN_THE_SCHEMA = (
    "GET /api/users/",
    "GET /api/info",
    "GET /api/health",
    "GET /composite/info",
    "GET /composite/health",
    "POST /uat/sso/oauth/token",
    "GET /uat/sso/me",
)
"""What the emulator has besides: other services, and what the framework gives."""
