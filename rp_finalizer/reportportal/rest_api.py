"""The server's calls about launches, one request each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from rp_finalizer.answer import Meaning
from rp_finalizer.reportportal.answers import Expected, read_answer, read_refusal

if TYPE_CHECKING:
    from rp_finalizer.answer import Answer, LaunchQuery
    from rp_finalizer.deadline import Deadline
    from rp_finalizer.endpoint import Endpoint
    from rp_finalizer.finish import Attribute, Finish
    from rp_finalizer.reportportal.credentials import Credentials
    from rp_finalizer.reportportal.transport import Transport


PAGE_SIZE = 50
"""Launches on one page of a list; as many as fit the size that an answer may have."""


class RestApi:
    """`LaunchApi` over HTTP, for one project of one ReportPortal.

    Paths and bodies are those of service-api 5.15 (`LaunchController`, `FinishExecutionRQ`). A uuid or a project name
    never leaves its segment of the path.
    """

    def __init__(self, transport: Transport, endpoint: Endpoint, project: str, credentials: Credentials) -> None:
        self._transport = transport
        self._endpoint = endpoint
        self._project = project
        self._credentials = credentials

    def launch_by_uuid(self, uuid: str, deadline: Deadline) -> Answer:
        """Read a launch by its uuid."""
        return self._call("GET", "v1", ("launch", "uuid", uuid), Expected.LAUNCH, deadline)

    def launch_by_id(self, launch_id: int, deadline: Deadline) -> Answer:
        """Read a launch by its number."""
        return self._call("GET", "v1", ("launch", str(launch_id)), Expected.LAUNCH, deadline)

    def finish_queued(self, uuid: str, finish: Finish, deadline: Deadline) -> Answer:
        """Put a finish into the launch's queue: the server says OK to any uuid."""
        return self._call("PUT", "v2", ("launch", uuid, "finish"), Expected.ID, deadline, json=_body(finish))

    def finish_now(self, uuid: str, finish: Finish, deadline: Deadline) -> Answer:
        """Finish past the queue."""
        return self._call("PUT", "v1", ("launch", uuid, "finish"), Expected.ID, deadline, json=_body(finish))

    def stop(self, launch_id: int, finish: Finish, deadline: Deadline) -> Answer:
        """Force the launch to an end; the server takes the number only."""
        return self._call(
            "PUT", "v1", ("launch", str(launch_id), "stop"), Expected.MESSAGE, deadline, json=_body(finish)
        )

    def items_in_progress(self, launch_id: int, deadline: Deadline) -> Answer:
        """Count the launch's open items; the server filters by the number only."""
        query = {"filter.eq.launchId": launch_id, "filter.eq.status": "IN_PROGRESS", "page.size": 1}
        return self._call("GET", "v1", ("item",), Expected.PAGE, deadline, params=query)

    def open_launches(self, query: LaunchQuery, deadline: Deadline, *, debug: bool, page: int) -> Answer:
        """List one page of launches in progress. The server keeps debug launches under an address of their own."""
        filters = {
            "filter.eq.status": "IN_PROGRESS",
            "filter.eq.name": query.name,
            "filter.has.compositeAttribute": ",".join(_composite(*pair) for pair in query.attributes) or None,
            "filter.lt.startTime": query.started_before_ms,
            "filter.eq.user": query.owner,
            "page.page": page,
            "page.size": PAGE_SIZE,
            "page.sort": "startTime,DESC",
        }
        segments = ("launch", "mode") if debug else ("launch",)
        return self._call("GET", "v1", segments, Expected.LAUNCHES, deadline, params=filters)

    def whose_key(self, deadline: Deadline) -> str | Answer:
        """Give the login of the key's user, or the answer that says why there is none."""
        # Only who asks for this needs it: no test run does.
        from rp_finalizer.reportportal.diagnosis.server_checks import read_account  # noqa: PLC0415

        token = self._credentials.token(deadline)
        if not isinstance(token, str):
            return token
        reply = self._transport.send("GET", self._endpoint.api("users"), deadline, token=token)
        account = read_account(reply)
        return account.login if account else read_refusal(reply, time.time(), self._credentials.masked)

    def save_logs(self, parts: list[tuple[str, Any]], deadline: Deadline) -> Answer:
        """Put a batch of logs, in the client's own multipart form, into the queue."""
        return self._call("POST", "v2", ("log",), Expected.RESPONSES, deadline, files=parts)

    def close(self) -> None:
        """Let go of idle connections."""
        self._transport.close()

    def _call(
        self,
        method: str,
        version: Literal["v1", "v2"],
        segments: tuple[str, ...],
        expected: Expected,
        deadline: Deadline,
        **content: Any,
    ) -> Answer:
        url = self._endpoint.project_api(version, self._project, *segments)

        def ask(token: str) -> Answer:
            reply = self._transport.send(method, url, deadline, token=token, **content)
            # A gateway's error page may show the request that it got.
            return read_answer(reply, expected, time.time(), self._credentials.masked)

        token = self._credentials.token(deadline)
        answer = ask(token) if isinstance(token, str) else token
        if answer.meaning is Meaning.UNAUTHORIZED and isinstance(token, str) and self._credentials.renew(token):
            token = self._credentials.token(deadline)
            answer = ask(token) if isinstance(token, str) else token
        return answer


def _composite(key: str | None, value: str) -> str:
    """Write an attribute as the server's filter reads it: `key:value`, or the value of a tag alone."""
    return value if key is None else f"{key}:{value}"


def _body(finish: Finish) -> dict[str, Any]:
    body: dict[str, Any] = {"endTime": finish.end_ms}
    if finish.status is not None:
        body["status"] = finish.status
    if finish.description is not None:
        body["description"] = finish.description
    if finish.attributes:
        body["attributes"] = [_attribute(attribute) for attribute in finish.attributes]
    return body


def _attribute(attribute: Attribute) -> dict[str, Any]:
    plain: dict[str, Any] = {"value": attribute.value}
    if attribute.key is not None:
        plain["key"] = attribute.key
    if attribute.system:
        plain["system"] = True
    return plain
