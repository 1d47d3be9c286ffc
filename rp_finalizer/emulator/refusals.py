"""The errors ReportPortal answers with: HTTP status, its own code, and the text (commons, `ErrorType`)."""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus
from typing import Any


class ErrorType(Enum):
    """An error by the server's name for it: code, HTTP status, message with `{}` where a detail goes."""

    INCORRECT_REQUEST = (4001, HTTPStatus.BAD_REQUEST, "Incorrect Request. {}")
    ACCESS_DENIED = (4003, HTTPStatus.FORBIDDEN, "You do not have enough permissions. {}")
    PROJECT_NOT_FOUND = (4040, HTTPStatus.NOT_FOUND, "Project '{}' not found. Did you use correct project name?")
    LAUNCH_NOT_FOUND = (4041, HTTPStatus.NOT_FOUND, "Launch '{}' not found. Did you use correct Launch ID?")
    TEST_ITEM_NOT_FOUND = (4043, HTTPStatus.NOT_FOUND, "Test Item '{}' not found. Did you use correct Test Item ID?")
    LOG_NOT_FOUND = (4044, HTTPStatus.NOT_FOUND, "Log '{}' not found. Did you use correct Log ID?")
    UNSUPPORTED_MERGE = (40033, HTTPStatus.NOT_ACCEPTABLE, "Merge Strategy type {} is unsupported")
    LAUNCH_IS_NOT_FINISHED = (
        4063,
        HTTPStatus.NOT_ACCEPTABLE,
        "Unable to perform operation for non-finished launch. {}",
    )
    FORBIDDEN_OPERATION = (40010, HTTPStatus.BAD_REQUEST, "Forbidden operation. {}")
    INCORRECT_FILTER = (40011, HTTPStatus.BAD_REQUEST, "Incorrect filtering parameters. {}")
    INCORRECT_SORTING = (40012, HTTPStatus.BAD_REQUEST, "Sorting parameter {} is not defined")
    BAD_REQUEST = (
        40016,
        HTTPStatus.BAD_REQUEST,
        "Error in handled Request. Please, check specified parameters: '{}'",
    )
    AMBIGUOUS_ITEM_STATUS = (40019, HTTPStatus.BAD_REQUEST, "Test item status is ambiguous. {}")
    AMBIGUOUS_ISSUE_TYPE = (40020, HTTPStatus.BAD_REQUEST, "Test item issue type is ambiguous. {}")
    FINISH_BEFORE_START = (
        40021,
        HTTPStatus.NOT_ACCEPTABLE,
        "Finish time '{}' is earlier than start time '{}' for resource with ID '{}'",
    )
    FINISH_ITEM_NOT_ALLOWED = (40022, HTTPStatus.NOT_ACCEPTABLE, "Finish test item is not allowed. {}")
    FINISH_LAUNCH_NOT_ALLOWED = (40023, HTTPStatus.NOT_ACCEPTABLE, "Finish launch is not allowed. {}")
    CHILD_BEFORE_PARENT = (
        40025,
        HTTPStatus.NOT_ACCEPTABLE,
        "Start time of child ['{}'] item should be same or later than start time ['{}'] of the parent item/launch '{}'",
    )
    UNCLASSIFIED = (5000, HTTPStatus.INTERNAL_SERVER_ERROR, "Unclassified error [{}]")

    @property
    def code(self) -> int:
        """Give ReportPortal's own number for it."""
        return self.value[0]

    @property
    def http_status(self) -> int:
        """Give the status of the HTTP answer."""
        return int(self.value[1])


RETRIED_BY_THE_QUEUE = frozenset({4041, 4042, 4043})
"""What may only be a matter of order: the parent is not there yet. All other errors park a message at once."""


class Refusal(Exception):  # noqa: N818  an answer, not a fault of the emulator
    """The server says no, in its own words."""

    def __init__(self, error: ErrorType, *details: object) -> None:
        super().__init__(error, *details)
        self.error = error
        texts = [str(detail) for detail in details] or [""]
        message = error.value[2].format(*texts)
        self.message = message.replace("{", "").replace("}", "")

    def __str__(self) -> str:
        """Give the text of the answer."""
        return self.message

    def to_body(self) -> dict[str, Any]:
        """Give the JSON body of the answer."""
        return {"errorCode": self.error.code, "message": self.message}
