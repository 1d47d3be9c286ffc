"""What the doctor makes of what it finds: no network, no clock, no environment."""

from __future__ import annotations

import json
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer.answer import Answer, Meaning
from rp_finalizer.endpoint import Endpoint
from rp_finalizer.reportportal.answers import NoReply, Reply
from rp_finalizer.reportportal.diagnosis.agent_settings import AgentSettings, judge_agent, read_agent_settings
from rp_finalizer.reportportal.diagnosis.check import Check
from rp_finalizer.reportportal.diagnosis.machine_checks import judge_launch_ids, judge_software
from rp_finalizer.reportportal.diagnosis.proxies import address_of, proxy_for
from rp_finalizer.reportportal.diagnosis.server_checks import (
    Account,
    Clocks,
    judge_clock,
    judge_key,
    judge_project,
    judge_role,
    judge_version,
    read_account,
    read_clocks,
)
from rp_finalizer.reportportal.diagnosis.settings_checks import (
    judge_endpoint,
    judge_settings,
    read_settings,
    split_problem,
)
from rp_finalizer.reportportal.diagnosis.way_checks import (
    Certificate,
    Proxy,
    judge_name,
    judge_port,
    judge_proxy,
    judge_service,
    judge_tls,
    judge_tls_unused,
    with_other_scheme,
)
from rp_finalizer.reportportal.probe_reading import ProbeKind, ProbeResult
from rp_finalizer.setting_sources import from_arguments, from_environment
from rp_finalizer.settings import SLOTS, Settings

if TYPE_CHECKING:
    from pathlib import Path

ENDPOINT = Endpoint.parse("https://rp.example.com")
WHOLE = {"RP_ENDPOINT": "https://rp.example.com", "RP_PROJECT": "demo", "RP_API_KEY": "marked_key"}
USER = Account("jane", "Jane Doe", roles={"demo": "MEMBER", "other": "OPERATOR"})
DAY = 86400.0


def read(environ: dict[str, str], **arguments: object) -> list[Check]:
    layers = (from_arguments(arguments, SLOTS), from_environment(environ, SLOTS))
    return list(judge_settings(read_settings(layers)))


def settings(**arguments: Any) -> Settings:
    return Settings.load(environ={}, directory="/", **arguments)


class TestSettings:
    def test_all_is_told_at_once(self) -> None:
        """Every problem is a failed check of its own, with what to do, and what is missing is told beside it."""
        checks = read({"RP_ENDPOINT": "https://user:hush@rp.example.com", "RP_FINALIZER_TIMEOTU": "3"}, timeout="soon")
        failed = [check for check in checks if check.ok is False]
        assert {check.name for check in failed} == {"settings"}
        assert [check.detail.partition(" ")[0] for check in failed] == [
            "project",
            "api_key",
            "environment",
            "endpoint",
            "timeout",
        ]
        assert all(check.mend for check in failed)
        assert "did you mean RP_FINALIZER_TIMEOUT?" in str(failed[2].mend)
        assert "environment variable RP_ENDPOINT" in failed[3].detail
        assert "argument timeout" in failed[4].detail
        assert "hush" not in repr(checks)

    def test_a_wrong_setting_does_not_hide_the_right_ones(self) -> None:
        """What is right is worked with, whatever else is wrong; what is wrong falls back to its default."""
        reading = read_settings([from_environment({**WHOLE, "RP_FINALIZER_TIMEOUT": "soon", "RP_TYPO": ""}, SLOTS)])
        assert (reading.settings.endpoint, reading.settings.project) == (ENDPOINT, "demo")
        assert (reading.credentials, reading.settings.timeout) == ("marked_key", 30)
        assert len(reading.wrong) == 1

    def test_a_key_is_there_without_the_rest(self) -> None:
        """A key can be tried although no project is set."""
        reading = read_settings([from_environment({k: v for k, v in WHOLE.items() if k != "RP_PROJECT"}, SLOTS)])
        assert reading.credentials == "marked_key"
        assert reading.settings.project is None

    def test_a_wrong_setting_is_not_told_as_missing(self) -> None:
        """What somebody set, and set wrong, is told once; so is a key under its former name."""
        checks = read({"RP_ENDPOINT": "ftp://rp.example.com", "RP_PROJECT": "a/b", "RP_TOKEN": "hush"})
        told = [check.detail for check in checks if check.ok is False]
        assert len(told) == 3
        assert not [detail for detail in told if "is not set" in detail]
        assert "hush" not in repr(checks)

    def test_each_origin_is_told_and_no_secret(self) -> None:
        """Where each setting came from is told, the key as asterisks."""
        checks = read(WHOLE, timeout=7)
        assert [check.ok for check in checks] == [True, True]
        assert "project = 'demo'  (environment variable RP_PROJECT)" in checks[1].detail
        assert "timeout = 7  (argument timeout)" in checks[1].detail
        assert "api_key = ****  (environment variable RP_API_KEY)" in checks[1].detail

    def test_a_password_grant_is_told_by_its_user(self) -> None:
        """Where a password gets the token, it is said whose, and where the password was set."""
        oauth = {"URI": "https://rp.example.com/uat", "USERNAME": "jane", "PASSWORD": "hush", "CLIENT_ID": "ui"}
        reading = read_settings([from_environment({f"RP_OAUTH_{name}": text for name, text in oauth.items()}, SLOTS)])
        assert "jane" in reading.credentials_origin
        assert "RP_OAUTH_PASSWORD" in reading.credentials_origin
        assert not [sentence for sentence in reading.missing if sentence.startswith("api_key")]

    @pytest.mark.parametrize(
        ("sentence", "what", "mend"),
        [
            ("timeout 'a; b: c' (from X): allowed is 1", "timeout 'a; b: c' (from X)", "allowed is 1"),
            ("f is not TOML: no = (at line 1); mend that line", "f is not TOML: no = (at line 1)", "mend that line"),
            ("project '': it is empty; write it (from X)", "project '': it is empty (from X)", "write it"),
            ("something is wrong", "something is wrong", "correct it where it is set"),
        ],
    )
    def test_a_problem_and_its_mend_are_told_apart(self, sentence: str, what: str, mend: str) -> None:
        """Of a sentence that holds both, the check has what is wrong as detail and what to do as mend."""
        assert split_problem(sentence) == (what, mend)

    @pytest.mark.parametrize(
        ("written", "says"),
        [
            ("https://rp.example.com", "https://rp.example.com"),
            ("https://rp.example.com/ui/#demo", "https://rp.example.com; read from 'https://rp.example.com/ui/#demo'"),
            ("rp.example.com", "https://rp.example.com; https was assumed, for 'rp.example.com' names no scheme"),
            ("localhost:8080", "http://localhost:8080; http was assumed, for 'localhost:8080' names no scheme"),
        ],
    )
    def test_the_endpoints_spelling_is_explained(self, written: str, says: str) -> None:
        """What was written and what it means are both told, and whether the scheme is a guess."""
        reading = read_settings([from_environment({"RP_ENDPOINT": written}, SLOTS)])
        assert judge_endpoint(reading) == Check("endpoint", ok=True, detail=says)


class TestWay:
    def test_a_proxy_is_told_without_its_password(self) -> None:
        """A proxy in the way is named with its variable, and a dead one fails with both ways out."""
        proxy = Proxy("HTTPS_PROXY", "http://user:hush@proxy.example.com:3128")
        assert judge_proxy(proxy, ENDPOINT, None).ok
        check = judge_proxy(proxy, ENDPOINT, ConnectionRefusedError())
        assert check.ok is False
        assert "http://****@proxy.example.com:3128, from HTTPS_PROXY: nothing listens there" in check.detail
        assert check.mend == "correct HTTPS_PROXY, or name rp.example.com in NO_PROXY"
        assert "hush" not in repr(check)

    @pytest.mark.parametrize(
        ("environ", "proxy"),
        [
            ({}, None),
            ({"HTTP_PROXY": "http://p:1"}, None),
            ({"HTTPS_PROXY": "http://p:1"}, Proxy("HTTPS_PROXY", "http://p:1")),
            ({"HTTPS_PROXY": "http://p:1", "https_proxy": "http://q:1"}, Proxy("https_proxy", "http://q:1")),
            ({"ALL_PROXY": "socks5://p"}, Proxy("ALL_PROXY", "socks5://p")),
            (
                {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".example.com"},
                Proxy("HTTPS_PROXY", "http://p:1", exempt=True),
            ),
        ],
    )
    def test_the_proxy_is_the_one_that_a_request_would_take(
        self, environ: dict[str, str], proxy: Proxy | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The variable for the endpoint's scheme counts, lower case first, and NO_PROXY is heeded."""
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        assert proxy_for(ENDPOINT, environ) == proxy

    @pytest.mark.parametrize(
        ("address", "expected"),
        [("http://u:p@h:3128", ("h", 3128)), ("h:3128", ("h", 3128)), ("socks5://h", ("h", 1080)), ("h", ("h", 80))],
    )
    def test_a_proxys_address_is_read_as_people_write_it(self, address: str, expected: tuple[str, int]) -> None:
        """Scheme and port may be left out."""
        assert address_of(Proxy("X", address)) == expected

    @pytest.mark.parametrize("address", ["http://", "http://h:port"])
    def test_a_proxy_without_an_address_is_one_that_fails(self, address: str) -> None:
        """What is no address is told as that, with the variable to correct."""
        proxy = Proxy("HTTP_PROXY", address)
        with pytest.raises(ValueError, match=r".") as raised:
            address_of(proxy)
        assert judge_proxy(proxy, ENDPOINT, raised.value).ok is False

    @pytest.mark.parametrize(
        ("found", "ok", "says"),
        [
            (("10.0.0.1", "10.0.0.2"), True, "10.0.0.1, 10.0.0.2"),
            (tuple(f"10.0.0.{n}" for n in range(9)), True, "and 5 more"),
            (socket.gaierror(-2, "unknown"), False, "nobody knows the host rp.example.com"),
            (TimeoutError(), False, "does not answer about rp.example.com in time"),
        ],
    )
    def test_a_name_is_known_or_not(self, found: tuple[str, ...] | Exception, ok: bool, says: str) -> None:  # noqa: FBT001  a parameter
        """Addresses are told; an unknown name and a silent name service are different things."""
        check = judge_name(ENDPOINT, found)
        assert check.ok is ok
        assert says in check.detail
        assert bool(check.mend) is not ok

    @pytest.mark.parametrize(
        ("found", "says", "mend"),
        [
            (ConnectionRefusedError(), "nothing listens at https://rp.example.com", "whether it runs"),
            (TimeoutError(), "port 443 takes no connection in time", "firewall"),
            (OSError(113, "No route to host"), "No route to host", "network"),
        ],
    )
    def test_a_port_that_takes_nothing_says_how(self, found: Exception, says: str, mend: str) -> None:
        """Refused, silent and unreachable are told apart, each with its mend."""
        check = judge_port(ENDPOINT, found)
        assert check.ok is False
        assert says in check.detail
        assert mend in str(check.mend)

    def test_a_certificates_end_is_told(self) -> None:
        """A trusted certificate is told with its last day, and one that is near its end with the days left."""
        far = judge_tls(ENDPOINT, "ca.pem", Certificate(100 * DAY, "TLSv1.3"), 0)
        near = judge_tls(ENDPOINT, "ca.pem", Certificate(100 * DAY, "TLSv1.3"), 95 * DAY)
        assert (far.ok, near.ok) == (True, True)
        assert "1970-04-11" in far.detail
        assert "renewed" not in far.detail
        assert "in 5 days: have it renewed" in near.detail

    def test_a_certificate_that_is_not_checked_is_no_trusted_one(self) -> None:
        """With the check turned off that is said, and no date."""
        check = judge_tls(ENDPOINT, False, Certificate(None, "TLSv1.2"), 0)  # noqa: FBT003  as requests has it
        assert check.ok
        assert "not checked" in check.detail
        assert "trusted" not in check.detail

    @pytest.mark.parametrize(
        ("code", "message", "mend"),
        [(18, "self-signed", "CA that signed it"), (10, "expired", "renewed"), (62, "mismatch", "host name")],
    )
    def test_a_refused_certificate_says_why(self, code: int, message: str, mend: str) -> None:
        """Each reason for distrust has its own mend, and it is said what it was checked with."""
        error = ssl.SSLCertVerificationError()
        error.verify_code, error.verify_message = code, message
        check = judge_tls(ENDPOINT, "/etc/ca.pem", error, 0)
        assert check.ok is False
        assert message in check.detail
        assert "/etc/ca.pem" in check.detail
        assert mend in str(check.mend)

    def test_a_missing_ca_file_names_the_variables(self) -> None:
        """A CA file that the environment names and that is not there is told with its path."""
        check = judge_tls(ENDPOINT, "/nowhere.pem", FileNotFoundError(), 0)
        assert check.ok is False
        assert "/nowhere.pem" in check.detail
        assert "REQUESTS_CA_BUNDLE" in str(check.mend)

    def test_plain_http_is_told_as_readable(self) -> None:
        """Without TLS nothing fails, but what it means is said, on this machine and elsewhere."""
        assert "can read the key" in judge_tls_unused(Endpoint.parse("http://rp.example.com")).detail
        assert "does not leave this machine" in judge_tls_unused(Endpoint.parse("http://localhost")).detail

    def test_a_failure_is_told_once(self) -> None:
        """What an earlier check has told is not told again as a failed service."""
        probe = ProbeResult(ProbeKind.DEAD_PORT, "nothing listens", "check the port")
        assert judge_service(probe, failed=None).ok is False
        assert judge_service(probe, failed="port") == Check("reportportal", None, "port failed")
        assert judge_service(None, failed="dns") == Check("reportportal", None, "dns failed")

    def test_the_other_scheme_mends_what_failed(self) -> None:
        """Where a ReportPortal answers over the other scheme, the failed check says to write that one."""
        probe = ProbeResult(ProbeKind.DEAD_PORT, "", "write http://rp.example.com", None, "http://rp.example.com")
        failed, fine = Check("port", ok=False, detail="", mend="look"), Check("dns", ok=True, detail="")
        assert with_other_scheme(failed, probe).mend == "write http://rp.example.com"
        assert with_other_scheme(fine, probe) == fine
        assert with_other_scheme(failed, None) == failed


class TestServer:
    @pytest.mark.parametrize(
        ("version", "notes"),
        [("5.15.1", 0), ("5.15.0", 1), ("5.12.2", 2), ("5.13.0-SNAPSHOT", 1), ("6.0.0", 1), ("develop", 0)],
    )
    def test_a_version_is_told_with_what_differs(self, version: str, notes: int) -> None:
        """An older or newer server is no failure; what differs is said behind the version."""
        check = judge_version(version)
        assert check.ok
        assert check.detail.count("; ") == notes
        assert judge_version(None).ok is None

    def test_an_account_is_read_as_the_server_gives_it(self) -> None:
        """User, name, rank and the role in each project are read; what is no user is none."""
        user = {
            "userId": "jane",
            "fullName": "Jane Doe",
            "userRole": "USER",
            "assignedProjects": {"Demo": {"projectRole": "MEMBER"}, "odd": None},
        }
        account = read_account(Reply(200, json.dumps(user).encode()))
        assert account == Account("jane", "Jane Doe", administrator=False, roles={"demo": "MEMBER"})
        assert str(account) == "jane (Jane Doe)"
        for body in (b"[]", b"{}", b"<html>", b'{"userId": 7}'):
            assert read_account(Reply(200, body)) is None
        assert read_account(Reply(401, json.dumps(user).encode())) is None
        assert read_account(NoReply("gone", sent=True)) is None

    @pytest.mark.parametrize(
        ("answer", "mend"),
        [
            (Answer(Meaning.UNAUTHORIZED, status=401, message="401: Invalid access token"), "make a new API key"),
            (Answer(Meaning.UNAUTHORIZED, status=400, message="400", hint="check RP_OAUTH"), "check RP_OAUTH"),
            (Answer(Meaning.UNAVAILABLE, status=500, message="500: Unclassified"), "locked or deleted"),
            (Answer(Meaning.UNAVAILABLE, message="no answer", timed_out=True), "try again"),
        ],
    )
    def test_a_refused_key_says_what_to_do(self, answer: Answer, mend: str) -> None:
        """A wrong key, a wrong password, a locked user and a silent server have different mends; the origin is told."""
        check = judge_key(None, answer, "environment variable RP_API_KEY", ENDPOINT)
        assert check.ok is False
        assert "environment variable RP_API_KEY" in check.detail
        assert mend in str(check.mend)

    @pytest.mark.parametrize(
        ("answer", "says", "mend"),
        [
            (Answer(Meaning.UNKNOWN_PROJECT), "there is no project nope", "the user is in: demo, other"),
            (Answer(Meaning.FORBIDDEN), "jane is not in the project nope", "have jane assigned to it"),
            (Answer(Meaning.UNAVAILABLE, message="503"), "503", "try again"),
        ],
    )
    def test_a_project_that_is_not_given_says_why(self, answer: Answer, says: str, mend: str) -> None:
        """Unknown, not the user's, and not shown are told apart, with the projects that the user is in."""
        check = judge_project("nope", USER, answer)
        assert check.ok is False
        assert says in check.detail
        assert mend in str(check.mend)

    def test_a_project_is_told_with_the_membership(self) -> None:
        """The project's name counts in any case, as on the server; an administrator needs no membership."""
        assert "jane is in it as MEMBER" in judge_project("Demo", USER, None).detail
        assert judge_project("demo", Account("root", administrator=True), None).ok

    @pytest.mark.parametrize(
        ("role", "ok", "says"),
        [
            ("OPERATOR", False, "finish none"),
            ("CUSTOMER", True, "those of others need PROJECT_MANAGER"),
            ("MEMBER", True, "those of others need PROJECT_MANAGER"),
            ("PROJECT_MANAGER", True, "everybody's launches in the project"),
            ("EDITOR", None, "EDITOR is not known here"),
        ],
    )
    def test_a_role_says_whose_launches_it_may_finish(self, role: str, ok: bool | None, says: str) -> None:  # noqa: FBT001  a parameter
        """An operator may finish none, a member their own, a manager all; of an unknown role nothing is claimed."""
        check = judge_role("demo", Account("jane", roles={"demo": role}))
        assert check.ok is ok
        assert says in check.detail
        assert bool(check.mend) is (ok is False)

    def test_an_administrator_may_finish_all(self) -> None:
        """An administrator's role in the project does not matter."""
        assert judge_role("demo", Account("root", administrator=True, roles={"demo": "OPERATOR"})).ok

    @pytest.mark.parametrize(
        ("ahead", "ok", "says"),
        [
            (0.0, True, "the same"),
            (-1.9, True, "the same"),
            (30.0, True, "30 s behind"),
            (-59.0, True, "59 s ahead of"),
            (61.0, False, "61 s behind the server: the server refuses an end before"),
            (3600.0, False, "60 min behind"),
            (-86400.0, False, "24.0 h ahead of the server: launches end in the server's future"),
        ],
    )
    def test_clocks_may_differ_by_a_minute(self, ahead: float, ok: bool, says: str) -> None:  # noqa: FBT001  a parameter
        """Up to a minute is told, more fails, with what it does to a finish."""
        check = judge_clock(Clocks(server=1000.0 + ahead - 0.5, asked=999.0, answered=1001.0))
        assert check.ok is ok
        assert says in check.detail

    def test_a_clock_is_read_from_the_answers_date(self) -> None:
        """The date of an answer is the server's clock; without one nothing is claimed."""
        reply = Reply(200, b"", {"date": "Thu, 01 Jan 1970 00:16:40 GMT"})
        assert read_clocks(reply, 1, 2) == Clocks(1000.0, 1, 2)
        for none in (Reply(200), Reply(200, b"", {"date": "soon"}), NoReply("gone", sent=True)):
            assert read_clocks(none, 1, 2) is None
        assert judge_clock(None).ok is None


class TestMachine:
    def test_what_is_not_installed_is_said(self) -> None:
        """Each package is told with its version, or as not installed."""
        check = judge_software("3.12.1", {"rp-finalizer": "0.1.0", "pytest-reportportal": None})
        assert check.detail == "rp-finalizer 0.1.0, pytest-reportportal not installed, Python 3.12.1"

    def test_a_launch_left_in_the_environment_is_told(self) -> None:
        """Such a launch is no failure, but keeps an agent from having its own; a text that names none fails."""
        left = judge_launch_ids({"RP_LAUNCH_UUID": "4e92d837-b2ae-4e8c-9d64-a1f0eaec626f"})
        assert left.ok
        assert "neither starts nor finishes one of its own" in left.detail
        assert "its own" not in judge_launch_ids({"LAUNCH_UUID": "7"}).detail
        wrong = judge_launch_ids({"RP_LAUNCH_ID": "soon"})
        assert wrong.ok is False
        assert "RP_LAUNCH_ID" in str(wrong.mend)
        assert judge_launch_ids({"RP_LAUNCH_UUID": " "}).detail == "the environment names no launch"


class TestAgent:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("pytest.ini", "[pytest]\nrp_project = demo\nrp_api_key = hush\n"),
            ("tox.ini", "[tox]\n[pytest]\nrp_project = demo\nrp_api_key = hush\n"),
            ("setup.cfg", "[tool:pytest]\nrp_project = demo\nrp_api_key = hush\n"),
            ("pyproject.toml", '[tool.pytest.ini_options]\nrp_project = "demo"\nrp_api_key = "hush"\n'),
            ("pyproject.toml", '[tool.pytest]\nrp_project = "demo"\nrp_api_key = "hush"\n'),
            ("pytest.toml", '[pytest]\nrp_project = "demo"\nrp_api_key = "hush"\n'),
        ],
    )
    def test_every_file_that_pytest_reads_is_read(self, tmp_path: Path, name: str, content: str) -> None:
        """The agent's options are found wherever pytest finds them; of a key only the name is kept."""
        (tmp_path / name).write_text(content, encoding="utf-8")
        agent = read_agent_settings(tmp_path)
        assert agent == AgentSettings(name, {"rp_project": "demo"}, ("rp_api_key",))
        assert "hush" not in repr((agent, judge_agent(agent, settings())))

    def test_the_first_file_counts(self, tmp_path: Path) -> None:
        """As for pytest, a pytest.ini hides all the others, even when it says nothing."""
        (tmp_path / "tox.ini").write_text("[pytest]\nrp_project = b\n", encoding="utf-8")
        (tmp_path / "pyproject.toml").write_text("[tool.other]\n", encoding="utf-8")
        assert read_agent_settings(tmp_path).file == "tox.ini"
        (tmp_path / "pytest.ini").write_text("", encoding="utf-8")
        assert read_agent_settings(tmp_path) == AgentSettings("pytest.ini")

    def test_a_damaged_file_is_told(self, tmp_path: Path) -> None:
        """A file that pytest could not read either is a failed check."""
        (tmp_path / "pytest.ini").write_text("rp_project = demo\n", encoding="utf-8")
        check = judge_agent(read_agent_settings(tmp_path), settings())
        assert check.ok is False
        assert "pytest.ini cannot be read" in check.detail

    def test_another_spelling_is_no_contradiction(self) -> None:
        """The same address and project in other words agree."""
        agent = AgentSettings("pytest.ini", {"rp_endpoint": "https://RP.example.com/ui/#demo", "rp_project": "DEMO"})
        assert judge_agent(agent, settings(endpoint="rp.example.com", project="demo")).ok

    def test_a_contradiction_fails(self) -> None:
        """Another address or project than ours fails, without what may be a password in it."""
        agent = AgentSettings("tox.ini", {"rp_endpoint": "https://jane:hush@old.example.com", "rp_project": "old"})
        check = judge_agent(agent, settings(endpoint="https://rp.example.com", project="demo"))
        assert check.ok is False
        assert "rp_endpoint is another one than https://rp.example.com (argument endpoint)" in check.detail
        assert "rp_project is another one than demo (argument project)" in check.detail
        assert "tox.ini" in str(check.mend)
        assert "hush" not in repr(check)


class TestCheck:
    def test_no_secret_and_no_control_character_is_shown(self) -> None:
        """Whatever the server or a file says: secrets become asterisks, and nothing steers the terminal."""
        check = Check("key", ok=False, detail="\x1b[31mmarked_key\u202e\nof \ud800", mend="not marked_key")
        shown = check.fit_to_show(["marked_key", "not", ""])
        assert shown.detail == " [31m**** \nof  "
        assert shown.mend == "not ****"

    def test_a_flood_is_cut(self) -> None:
        """A line has an end, wherever it comes from."""
        assert len(Check("key", ok=True, detail="x" * 10_000).fit_to_show([]).detail) == 500

    def test_its_json_form_has_four_members(self) -> None:
        """Programs find name, ok, detail and mend, the mend null where there is nothing to mend."""
        assert Check("dns", None, "no").to_dict() == {"name": "dns", "ok": None, "detail": "no", "mend": None}
