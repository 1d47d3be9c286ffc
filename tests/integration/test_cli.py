"""`rp-finalize` as people and pipelines call it: real processes, their output and their exit codes."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import requests

from rp_finalizer import Report
from rp_finalizer.emulator import Fault
from tests.support.commands import Commands, ended
from tests.support.fault_proxy import BlackHole, Refuse
from tests.support.reporting import FINISH, READ, finishes, start_run, status_of

if TYPE_CHECKING:
    from pathlib import Path

    from reportportal_client import RPClient

    from rp_finalizer.emulator import Emulator
    from tests.support.commands import Ended
    from tests.support.fault_proxy import FaultProxy
    from tests.support.reporting import Run

KEY = "demo_key"
SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])


@pytest.fixture
def commands(emulator: Emulator, tmp_path: Path) -> Commands:
    """Run commands in an empty folder, with a connection in the environment."""
    return Commands(
        tmp_path,
        {
            "RP_ENDPOINT": emulator.url,
            "RP_PROJECT": "demo",
            "RP_API_KEY": KEY,
            "RP_FINALIZER_TIMEOUT": "5",
            "RP_FINALIZER_RETRY_INITIAL": "0.02",
            "RP_FINALIZER_STABLE_FOR": "0.1",
        },
    )


def report_of(command: Ended) -> Report:
    return Report.from_dict(command.document())


class TestFinish:
    def test_finishes_and_says_so(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """A finished launch is named with its status and its page, and the exit code is 0."""
        command = commands.run("finish", run.uuid)
        launch = emulator.launch(run.uuid)
        assert launch is not None
        assert (command.code, command.err) == (0, "")
        assert f"smoke #1  PASSED  {emulator.url}/ui/#demo/launches/all/{launch.id}" in command.out
        assert "finished and confirmed in" in command.out
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_json_is_one_document(self, run: Run, commands: Commands) -> None:
        """With --json stdout holds the report and nothing else, whatever is told beside it."""
        command = commands.run("finish", run.uuid, "--json", "-vv")
        report = report_of(command)
        assert command.code == 0
        assert (command.document()["outcome"], report.launch and report.launch.uuid) == ("finished", run.uuid)

    def test_by_number(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """A launch is finished by its number, too."""
        assert commands.run("finish", str(emulator.launches()[0].id)).code == 0
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_what_is_said_of_the_end_is_sent(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """Status, description and attributes of the command line stand in the launch."""
        options = ("--status", "STOPPED", "--description", "nightly", "--attribute", "build:7", "--attribute", "late")
        assert commands.run("finish", run.uuid, *options).code == 0
        launch = emulator.launch(run.uuid)
        assert launch is not None
        assert (launch.status, launch.description) == ("STOPPED", "nightly")
        assert [(each.key, each.value) for each in launch.attributes] == [("build", "7"), (None, "late")]

    def test_twice(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """A launch that is finished already is told as such, and that is fine: exit code 0."""
        commands.run("finish", run.uuid)
        ended_once = emulator.launch(run.uuid)
        command = commands.run("finish", run.uuid, "--json")
        assert (command.code, command.document()["outcome"]) == (0, "already-finished")
        assert emulator.launch(run.uuid) == ended_once

    def test_dry_run_sends_nothing(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """A dry run names the launch and why that one, reads at most, and exits 0."""
        before = len(emulator.calls())
        command = commands.with_variables(RP_LAUNCH_UUID=run.uuid).run("finish", "--dry-run", "--json")
        document = command.document()
        assert (command.code, document["outcome"], document["launch"]["uuid"]) == (0, None, run.uuid)
        assert document["considered"] == [{"source": "environment", "value": run.uuid, "verdict": "taken"}]
        assert {call.method for call in emulator.calls()[before:]} <= {"GET"}
        assert status_of(emulator, run.uuid) == "IN_PROGRESS"

    def test_launch_from_the_environment(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """Without an argument the launch is the environment's."""
        assert commands.with_variables(RP_LAUNCH_ID=run.uuid).run("finish").code == 0
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_launch_from_the_launch_file(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """Without an argument and a variable the launch is the launch file's."""
        (commands.folder / "launch").write_text(f"{run.uuid}\n", encoding="utf-8")
        assert commands.with_variables(RP_FINALIZER_LAUNCH_FILE="launch").run("finish").code == 0
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_conflict_is_told(self, emulator: Emulator, client: RPClient, commands: Commands) -> None:
        """Where argument and environment disagree, the argument wins, and a warning names both."""
        meant, other = start_run(client, "meant"), start_run(client, "other")
        command = commands.with_variables(RP_LAUNCH_UUID=other.uuid).run("finish", meant.uuid)
        assert command.code == 0
        assert meant.uuid in command.err
        assert other.uuid in command.err
        assert (status_of(emulator, meant.uuid), status_of(emulator, other.uuid)) == ("PASSED", "IN_PROGRESS")

    def test_endpoint_as_it_was_copied(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """An address copied from the browser leads to the server."""
        command = commands.run("finish", run.uuid, "--endpoint", f"{emulator.url}/ui/#demo/launches/all")
        assert (command.code, command.err) == (0, "")
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_key_of_another_variable(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """The key may stand in a variable of any name, which wins over the usual one."""
        command = commands.with_variables(MY_KEY="demo_key", RP_API_KEY="wrong_key")
        assert command.run("finish", run.uuid, "--api-key-env", "MY_KEY").code == 0
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_config_file(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """Connection and settings may stand in a file, except the key."""
        path = commands.folder / "rp.toml"
        path.write_text(f'endpoint = "{emulator.url}"\nproject = "demo"\n', encoding="utf-8")
        bare = commands.without("RP_ENDPOINT", "RP_PROJECT")
        assert bare.run("finish", run.uuid, "--config", "rp.toml").code == 0
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_report_file_is_written(self, run: Run, commands: Commands) -> None:
        """The report file holds what --json prints."""
        command = commands.with_variables(RP_FINALIZER_REPORT_FILE="report.json").run("finish", run.uuid, "--json")
        assert (commands.folder / "report.json").read_text(encoding="utf-8") == command.out

    def test_quiet_says_nothing_of_success(self, run: Run, commands: Commands) -> None:
        """With -q a success is silent."""
        command = commands.run("finish", run.uuid, "-q")
        assert (command.code, command.out, command.err) == (0, "", "")

    def test_as_a_module(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """`python -m rp_finalizer` is the same command."""
        answer = subprocess.run(
            [sys.executable, "-m", "rp_finalizer", "finish", run.uuid],
            env=commands._environ(),
            cwd=commands.folder,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert answer.returncode == 0
        assert status_of(emulator, run.uuid) == "PASSED"


class TestExitCodes:
    def test_3_deferred(self, run: Run, commands: Commands, fault_proxy: FaultProxy) -> None:
        """A server that is away exits 3, and the command that finishes the launch later is told."""
        fault_proxy.set(Refuse())
        command = commands.run("finish", run.uuid, "--endpoint", fault_proxy.url, "--timeout", "0.5")
        assert command.code == 3
        assert "not finished; kept to be tried again" in command.out
        assert f"127.0.0.1:{fault_proxy.port}" in command.out
        assert "rp-finalize drain" in command.out

    def test_1_failed(self, run: Run, commands: Commands, fault_proxy: FaultProxy) -> None:
        """Where nothing is to be kept, a server that is away exits 1."""
        fault_proxy.set(Refuse())
        command = commands.run("finish", run.uuid, "--no-defer", "--endpoint", fault_proxy.url, "--timeout", "0.5")
        assert command.code == 1
        assert "NOT finished" in command.out
        assert f"127.0.0.1:{fault_proxy.port}" in command.out
        assert f"rp-finalize finish {run.uuid}" in command.out

    def test_1_unknown_launch(self, commands: Commands) -> None:
        """A launch that does not exist exits 1."""
        command = commands.run("finish", "4711", "--json")
        error = command.document()["error"]
        assert (command.code, error["kind"], error["code"]) == (1, "unknown-launch", 4041)

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (("finish", "--no-such-option"), "--no-such-option"),
            (("finish", "smoke"), "'smoke' does not name a launch"),
            (("finish", "1", "--timeout", "soon"), "timeout 'soon'"),
            (("finish", "1", "--attribute", "build:"), "attributes"),
            (("finish", "1", "--api-key-env", "NO_SUCH_VARIABLE"), "NO_SUCH_VARIABLE"),
            (("no-such-command",), "no-such-command"),
        ],
    )
    def test_2_usage_and_settings(
        self, emulator: Emulator, commands: Commands, arguments: tuple[str, ...], told: str
    ) -> None:
        """What is wrong with the call or the settings exits 2, is told in JSON and in words, and nothing is sent."""
        command = commands.run(*arguments, "--json")
        document = command.document()
        assert command.code == 2
        assert set(document) == {"schema", "error"}
        assert document["error"]["kind"] == "settings"
        assert told in document["error"]["message"]
        assert told in command.err
        assert "Traceback" not in command.err
        assert emulator.calls() == []

    def test_2_connection_is_told_together(self, commands: Commands) -> None:
        """A missing endpoint, project and key are told in one go, each with what sets it."""
        command = commands.without("RP_ENDPOINT", "RP_PROJECT", "RP_API_KEY").run("finish", "1")
        assert (command.code, command.out) == (2, "")
        for name in ("--endpoint", "RP_ENDPOINT", "--project", "RP_PROJECT", "RP_API_KEY"):
            assert name in command.err

    def test_3_accepted(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """A finish that was taken and not shown in time exits 3, and how to look is told."""
        run.start_item()
        emulator.queue.pause()
        command = commands.run("finish", run.uuid, "--timeout", "0.5")
        assert command.code == 3
        assert f"rp-finalize status {run.uuid}" in command.out

    @pytest.mark.parametrize(("key", "kind"), [("wrong_key", "unauthorized"), ("member_key", "forbidden")])
    def test_4_key_or_permission(self, emulator: Emulator, run: Run, commands: Commands, key: str, kind: str) -> None:
        """A key that is unknown, or whose user may not, exits 4."""
        command = commands.with_variables(RP_API_KEY=key).run("finish", run.uuid, "--json")
        assert (command.code, command.document()["error"]["kind"]) == (4, kind)
        assert status_of(emulator, run.uuid) == "IN_PROGRESS"

    def test_5_no_launch(self, emulator: Emulator, commands: Commands) -> None:
        """Where nothing names a launch the exit code is 5."""
        command = commands.run("finish", "--json")
        assert (command.code, command.document()["outcome"]) == (5, "not-started")
        assert emulator.calls() == []


class TestStatus:
    def test_shows_a_launch(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """A launch is shown with its status, its counts and what is open, and is left as it is."""
        run.report_item()
        run.start_item()
        command = commands.run("status", run.uuid, "--json")
        document = command.document()
        launch = emulator.launch(run.uuid)
        assert launch is not None
        assert (command.code, document["schema"], document["entry"]) == (0, 1, None)
        shown = document["launch"]
        assert (shown["uuid"], shown["id"], shown["status"]) == (run.uuid, launch.id, "IN_PROGRESS")
        assert (shown["open_items"], shown["owner"]) == (1, "default")
        assert finishes(emulator) == []

    def test_words(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """The same for people, by number."""
        command = commands.run("status", str(emulator.launches()[0].id))
        assert (command.code, command.err) == (0, "")
        assert "smoke #1  IN_PROGRESS" in command.out
        assert run.uuid in command.out

    @pytest.mark.parametrize(("key", "launch", "code"), [(KEY, "4711", 1), ("wrong_key", "1", 4)])
    def test_exit_codes(self, commands: Commands, key: str, launch: str, code: int) -> None:
        """A launch that cannot be shown exits 1, or 4 where it is the key's fault, with the reason in JSON."""
        command = commands.with_variables(RP_API_KEY=key).run("status", launch, "--json")
        assert command.code == code
        assert command.document()["launch"] is None
        assert command.document()["error"]["hint"]


class TestSecrets:
    @pytest.mark.parametrize("endpoint", ["up", "away"])
    def test_key_is_never_shown(
        self, emulator: Emulator, run: Run, commands: Commands, fault_proxy: FaultProxy, endpoint: str
    ) -> None:
        """The key stands in nothing that is printed, logged or written, however much is asked for."""
        key = "a_key_that_nobody_may_see"
        emulator.add_user("owner", key, administrator=True)
        if endpoint == "away":
            fault_proxy.set(Refuse())
        asking = commands.with_variables(RP_API_KEY=key, RP_FINALIZER_REPORT_FILE="report.json")
        command = asking.run("finish", run.uuid, "-vv", "--json", "--timeout", "1", "--endpoint", fault_proxy.url)
        assert command.code == (0 if endpoint == "up" else 3)
        assert "DEBUG" in command.err
        assert key not in command.out + command.err
        assert key not in (commands.folder / "report.json").read_text(encoding="utf-8")

    @pytest.mark.parametrize("arguments", [("--endpoint", "http://me:a_secret@127.0.0.1"), ("--timeout", "soon")])
    def test_errors_show_no_secret(self, commands: Commands, arguments: tuple[str, ...]) -> None:
        """What is told of a wrong setting holds no key and no password."""
        command = commands.with_variables(RP_API_KEY="a_secret key").run("finish", "1", "-vv", *arguments)
        assert command.code == 2
        assert "a_secret" not in command.out + command.err


class TestSignals:
    """The server refuses for as long as a test wants: the command waits, and the signal strikes it there."""

    @SIGNALS
    def test_launch_is_seen_to_once_more(
        self, emulator: Emulator, run: Run, commands: Commands, number: signal.Signals
    ) -> None:
        """A signal during a wait ends it with one more try, which finishes the launch when the server is back."""
        fault = emulator.add_fault(Fault(FINISH, status=503))
        waiting = commands.with_variables(
            RP_FINALIZER_TIMEOUT="60", RP_FINALIZER_RETRY_INITIAL="50", RP_FINALIZER_RETRY_MAX="50"
        )
        with waiting.started("finish", run.uuid, "--json") as process:
            emulator.wait_until(lambda: any(call.status == 503 for call in emulator.calls(FINISH)))
            fault.remove()
            process.send_signal(number)
            command = ended(process)
        assert command.code == 128 + number
        assert report_of(command).outcome == "finished"
        assert "interrupted" in command.err
        assert "Traceback" not in command.err
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_grace_is_a_limit(self, emulator: Emulator, run: Run, commands: Commands, fault_proxy: FaultProxy) -> None:
        """Against a server that swallows everything a signal ends the command within grace, and the report says so."""
        fault_proxy.set(BlackHole())
        waiting = commands.with_variables(RP_FINALIZER_TIMEOUT="60", RP_FINALIZER_GRACE="0.5")
        with waiting.started("finish", run.uuid, "--json", "--endpoint", fault_proxy.url) as process:
            fault_proxy.wait_for_requests(1)
            process.send_signal(signal.SIGTERM)
            command = ended(process)
        assert command.code == 128 + signal.SIGTERM
        report = report_of(command)
        assert (report.outcome, report.error and report.error.kind) == ("deferred", "timeout")
        assert report.seconds < 1.5
        assert status_of(emulator, run.uuid) == "IN_PROGRESS"

    def test_second_signal_ends_at_once(self, run: Run, commands: Commands, fault_proxy: FaultProxy) -> None:
        """Who signals twice is not kept: no try goes on, and the exit code is the signal's."""
        fault_proxy.set(BlackHole())
        waiting = commands.with_variables(RP_FINALIZER_TIMEOUT="50", RP_FINALIZER_GRACE="50")
        with waiting.started("finish", run.uuid, "--endpoint", fault_proxy.url) as process:
            fault_proxy.wait_for_requests(1)
            process.send_signal(signal.SIGINT)
            fault_proxy.wait_for_requests(2)
            process.send_signal(signal.SIGINT)
            command = ended(process)
        assert command.code == 128 + signal.SIGINT
        assert "Traceback" not in command.err

    def test_status_ends_at_once(self, run: Run, commands: Commands, fault_proxy: FaultProxy) -> None:
        """A command that only looks has nothing to see to."""
        fault_proxy.set(BlackHole())
        waiting = commands.with_variables(RP_FINALIZER_TIMEOUT="50")
        with waiting.started("status", run.uuid, "--endpoint", fault_proxy.url) as process:
            fault_proxy.wait_for_requests(1)
            process.send_signal(signal.SIGTERM)
            command = ended(process)
        assert command.code == 128 + signal.SIGTERM
        assert "Traceback" not in command.err

    def test_finish_that_was_sent_before_the_signal_is_ours(
        self, emulator: Emulator, run: Run, commands: Commands
    ) -> None:
        """A finish that the server did while the signal struck is read back as our own."""
        silent = emulator.add_fault(Fault(READ, hang=True))
        with commands.with_variables(RP_FINALIZER_TIMEOUT="50").started("finish", run.uuid, "--json") as process:
            emulator.wait_until(lambda: emulator.calls(READ))
            silent.remove()
            process.send_signal(signal.SIGINT)
            command = ended(process)
        assert command.code == 128 + signal.SIGINT
        assert report_of(command).outcome == "finished"


class TestEmulator:
    @SIGNALS
    def test_serves_until_a_signal(self, commands: Commands, number: signal.Signals) -> None:
        """The emulator prints its address, serves there, and ends on a signal without a traceback."""
        with commands.started("emulator", "--port", "0") as process:
            assert process.stdout is not None
            told = "".join(iter(process.stdout.readline, "Ctrl-C ends it.\n"))
            url = told.partition(" on ")[2].partition(",")[0]
            answer = requests.get(f"{url}/api/info", timeout=10)
            assert answer.json()["build"]["version"]
            process.send_signal(number)
            command = ended(process)
        assert command.code == 0
        assert f"RP_ENDPOINT={url} RP_PROJECT=demo RP_API_KEY={KEY}" in told
        assert (command.out, command.err) == ("", "")

    def test_serves_this_machine_only(self, commands: Commands) -> None:
        """A host that others could reach is refused with exit code 2."""
        command = commands.run("emulator", "--host", "0.0.0.0", "--port", "0")  # noqa: S104  it is refused
        assert (command.code, command.out) == (2, "")
        assert "loopback" in command.err
        assert "Traceback" not in command.err

    def test_port_that_is_taken(self, emulator: Emulator, commands: Commands) -> None:
        """A port that is taken is told, with exit code 2."""
        command = commands.run("emulator", "--port", str(emulator.port))
        assert command.code == 2
        assert str(emulator.port) in command.err
        assert "Traceback" not in command.err


class TestHelp:
    @pytest.mark.parametrize("arguments", [("--help",), ("finish", "-h"), ("--version",)])
    def test_help_needs_nothing(self, commands: Commands, arguments: tuple[str, ...]) -> None:
        """Help and version come without any settings, even wrong ones."""
        command = commands.with_variables(RP_FINALIZER_TIMEOUT="soon").run(*arguments)
        assert (command.code, command.err) == (0, "")
        assert "rp-finalize" in command.out
