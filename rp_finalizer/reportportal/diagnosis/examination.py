"""One run through all checks, in the order in which a finish needs what they look at."""

from __future__ import annotations

import platform
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from time import monotonic
from typing import TYPE_CHECKING

from urllib3.exceptions import InsecureRequestWarning

from rp_finalizer.answer import Answer
from rp_finalizer.deadline import Deadline
from rp_finalizer.reportportal.answers import NoReply, Reply, read_refusal
from rp_finalizer.reportportal.diagnosis.agent_settings import judge_agent, read_agent_settings
from rp_finalizer.reportportal.diagnosis.check import Check
from rp_finalizer.reportportal.diagnosis.machine_checks import PACKAGES, judge_launch_ids, judge_software
from rp_finalizer.reportportal.diagnosis.reaching import Way
from rp_finalizer.reportportal.diagnosis.server_checks import (
    judge_clock,
    judge_key,
    judge_project,
    judge_role,
    judge_version,
    read_account,
    read_clocks,
)
from rp_finalizer.reportportal.diagnosis.settings_checks import judge_endpoint, judge_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from rp_finalizer.endpoint import Endpoint
    from rp_finalizer.reportportal.credentials import Credentials
    from rp_finalizer.reportportal.diagnosis.server_checks import Account
    from rp_finalizer.reportportal.diagnosis.settings_checks import Reading
    from rp_finalizer.reportportal.transport import Transport

_ON_THE_WAY = ("proxy", "dns", "port", "tls", "reportportal")
_AT_THE_SERVER = ("version", "clock", "key", "project", "role")
_OK = 200


@dataclass(frozen=True, slots=True)
class Examination:
    """All that is looked at. The key goes to the endpoint's origin alone, and only once a ReportPortal answered."""

    reading: Reading
    transport: Transport
    credentials: Credentials | None
    """None where none are set, or they are wrong."""
    environ: Mapping[str, str]
    folder: Path
    """Where pytest would be started."""
    telling: Callable[[str], None]
    """Is told what is waited for."""

    def checks(self) -> Iterator[Check]:
        """Give each check once it is judged. The network costs `timeout` seconds at most, and one more."""
        for check in self._all():
            yield check.fit_to_show(self.reading.secrets)

    def _all(self) -> Iterator[Check]:
        settings = self.reading.settings
        yield from judge_settings(self.reading)
        yield judge_endpoint(self.reading)
        if settings.endpoint is None:
            for name in (*_ON_THE_WAY, *_AT_THE_SERVER):
                yield Check.not_tried(name, "there is no endpoint to ask")
        else:
            yield from self._server(settings.endpoint, Deadline.after(settings.timeout, monotonic()))
        yield judge_software(platform.python_version(), {name: _installed(name) for name in PACKAGES})
        yield judge_agent(read_agent_settings(self.folder), settings)
        yield judge_launch_ids(self.environ)

    def _server(self, endpoint: Endpoint, deadline: Deadline) -> Iterator[Check]:
        way = Way(endpoint, self.reading.settings, self.environ, deadline, self.telling)
        yield from way.checks()
        if way.probed is None or not way.probed.ok:
            for name in _AT_THE_SERVER:
                yield Check.not_tried(name, "no ReportPortal was reached")
            return
        yield judge_version(way.probed.version)
        asked = time.time()
        info = self._get(endpoint.api("info"), deadline)
        yield judge_clock(read_clocks(info, asked, time.time()))
        yield from self._rights(endpoint, deadline)

    def _rights(self, endpoint: Endpoint, deadline: Deadline) -> Iterator[Check]:
        """Ask whose key it is, and what that user may do."""
        if self.credentials is None:
            yield Check.not_tried("key", "none is set, or it is wrong")
            yield from _without_user("there is no key")
            return
        self.telling("asking whose key it is")
        with self._quiet():
            token = self.credentials.token(deadline)
        account: Account | None = None
        if isinstance(token, Answer):
            refusal = token
        else:
            reply = self._get(endpoint.api("users"), deadline, token)
            account, refusal = read_account(reply), self._read_refusal(reply)
        yield judge_key(account, refusal, self.reading.credentials_origin, endpoint)
        project = self.reading.settings.project
        if account is None or project is None:
            yield from _without_user("no project is set" if account else "the key is not accepted")
            return
        self.telling(f"asking for the project {project}")
        reply = self._get(endpoint.project_api("v1", project, "settings"), deadline, token)
        there = isinstance(reply, Reply) and reply.status == _OK
        check = judge_project(project, account, None if there else self._read_refusal(reply))
        yield check
        yield judge_role(project, account) if check.ok else Check.not_tried("role", "project failed")

    def _get(self, url: str, deadline: Deadline, token: object = None) -> Reply | NoReply:
        settings = self.reading.settings
        seconds = settings.connect_timeout + settings.read_timeout
        bearer = token if isinstance(token, str) else None
        with self._quiet():
            return self.transport.send("GET", url, deadline.at_most(seconds, monotonic()), token=bearer)

    def _read_refusal(self, reply: Reply | NoReply) -> Answer:
        """Say why an answer is no success; an error's page may show the request that it got, token included."""
        assert self.credentials is not None  # noqa: S101  only who has a key asks
        return read_refusal(reply, time.time(), self.credentials.masked)

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Keep urllib3 from warning, at every request, about what the user chose and a check tells."""
        with warnings.catch_warnings():
            if self.reading.settings.verify_ssl is False:
                warnings.simplefilter("ignore", InsecureRequestWarning)
            yield


def _without_user(why: str) -> Iterator[Check]:
    yield Check.not_tried("project", why)
    yield Check.not_tried("role", why)


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
