"""`rp-finalize run` over pipes: real children, real signals, a real launch each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.support.commands import PATIENCE, SCRIPT, Commands, ended
from tests.support.fault_proxy import BlackHole, Refuse
from tests.support.reporting import finishes, start_run, status_of
from tests.support.run_scripts import Scripts
from tests.support.slow_cases import slow

if TYPE_CHECKING:
    from pathlib import Path

    from reportportal_client import RPClient

    from rp_finalizer.emulator import Emulator
    from tests.support.fault_proxy import FaultProxy
    from tests.support.reporting import Run

DEFAULT_SIGPIPE = "import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)"


@pytest.fixture
def commands(emulator: Emulator, tmp_path: Path) -> Commands:
    """Run commands in an empty folder, with a connection in the environment."""
    folder = tmp_path / "work"
    folder.mkdir()
    return Commands(
        folder,
        {
            "RP_ENDPOINT": emulator.url,
            "RP_PROJECT": "demo",
            "RP_API_KEY": "demo_key",
            "RP_FINALIZER_TIMEOUT": "5",
            "RP_FINALIZER_RETRY_INITIAL": "0.02",
            "RP_FINALIZER_STABLE_FOR": "0.1",
        },
    )


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    """Write programs beside that folder."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    return Scripts(folder)


def only_launch(emulator: Emulator) -> str:
    """Give the status of the only launch there is."""
    (launch,) = emulator.launches()
    return launch.status.value


class TestEnding:
    def test_forgotten_finish(self, emulator: Emulator, commands: Commands, scripts: Scripts) -> None:
        """A launch that the command has left open is finished, with the status that its tests have."""
        run = commands.run("run", "--", *scripts.reporting())
        assert run.code == 0
        assert only_launch(emulator) == "PASSED"
        assert "finished and confirmed" in run.err
        assert run.out.splitlines() == [f"ReportPortal Launch UUID: {emulator.launches()[0].uuid}"]

    def test_finished_by_itself(self, emulator: Emulator, commands: Commands, scripts: Scripts) -> None:
        """A launch that the command has finished itself stays as it is, and that is told in one line."""
        run = commands.run("run", "--", *scripts.reporting("client.finish_launch(now())"))
        assert run.code == 0
        assert only_launch(emulator) == "PASSED"
        (launch,) = emulator.launches()
        (_, ours) = finishes(emulator)
        assert isinstance(ours.body, dict)
        assert launch.end_ms != int(ours.body["endTime"])
        (line,) = [line for line in run.err.splitlines() if "smoke #1" in line]
        assert line.endswith("was finished already")

    @pytest.mark.parametrize("then", ["sys.exit(3)", "os._exit(3)"])
    def test_exit_code(self, emulator: Emulator, run: Run, commands: Commands, scripts: Scripts, then: str) -> None:
        """The exit code is the command's, wherever it leaves."""
        assert commands.run("run", "--", *scripts.printing(run.uuid, then)).code == 3
        assert only_launch(emulator) == "PASSED"

    def test_exception(self, emulator: Emulator, commands: Commands, scripts: Scripts) -> None:
        """The traceback of a run that breaks is seen, and its launch is finished."""
        run = commands.run("run", "--", *scripts.reporting("raise RuntimeError('in the middle')"))
        assert run.code == 1
        assert "RuntimeError: in the middle" in run.err
        assert only_launch(emulator) == "PASSED"

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
    def test_killed(
        self, emulator: Emulator, run: Run, commands: Commands, scripts: Scripts, number: signal.Signals
    ) -> None:
        """A run whose process is killed leaves an interrupted launch, and 128 and the signal as the exit code."""
        killed = scripts.printing(run.uuid, f"os.kill(os.getpid(), {int(number)})")
        assert commands.run("run", "--", *killed).code == 128 + number
        assert only_launch(emulator) == "INTERRUPTED"

    def test_status_on_crash(self, emulator: Emulator, client: RPClient, commands: Commands, scripts: Scripts) -> None:
        """`status_on_crash` says what a killed run's launch gets, and `--status` what it gets in any case."""
        crash = commands.with_variables(RP_FINALIZER_STATUS_ON_CRASH="stopped")
        for options in ((), ("--status", "skipped")):
            killed = scripts.printing(start_run(client).uuid, "os.kill(os.getpid(), 9)")
            crash.run("run", *options, "--", *killed)
        assert [launch.status.value for launch in emulator.launches()] == ["STOPPED", "SKIPPED"]

    def test_end_is_that_of_the_command(
        self, emulator: Emulator, run: Run, commands: Commands, scripts: Scripts
    ) -> None:
        """The launch ends when the command does, and not when the server has come round to it."""
        emulator.latency = 0.3
        commands.run("run", "--", *scripts.printing(run.uuid))
        (finish,) = finishes(emulator)
        assert isinstance(finish.body, dict)
        (launch,) = emulator.launches()
        assert launch.end_ms == int(finish.body["endTime"])


class TestFinding:
    def test_other_spelling(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """A launch that a JavaScript agent printed is found, in colours and in the middle of a line, too."""
        line = f"\\033[32mINFO\\033[0m Report Portal Launch UUID: \\033[1m{run.uuid}\\033[0m"
        command = commands.run("run", "--", "sh", "-c", f"printf '{line}'; exit 4")
        assert command.code == 4
        assert command.out == line.replace("\\033", "\x1b")
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_on_stderr(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """It may be printed on stderr."""
        commands.run("run", "--", "sh", "-c", f"echo ReportPortal Launch UUID: {run.uuid} >&2")
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_two_launches(self, emulator: Emulator, client: RPClient, commands: Commands) -> None:
        """Of several launches each is finished, in order, and each is reported."""
        uuids = [start_run(client).uuid for _ in range(2)]
        lines = "".join(f"echo ReportPortal Launch UUID: {uuid};" for uuid in uuids)
        command = commands.run("run", "--json", "--", "sh", "-c", lines)
        document = command.document()
        assert [report["launch"]["uuid"] for report in document["reports"]] == uuids
        assert {report["launch"]["source"] for report in document["reports"]} == {"log"}
        assert [status_of(emulator, uuid) for uuid in uuids] == ["PASSED", "PASSED"]

    def test_worst_report_is_kept(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """With several launches the report file holds the worst report, and --strict goes by it."""
        kept = commands.with_variables(RP_FINALIZER_REPORT_FILE="report.json", RP_FINALIZER_TIMEOUT="1")
        unknown = str(uuid4())
        lines = "".join(f"echo ReportPortal Launch UUID: {uuid};" for uuid in (unknown, run.uuid))
        assert kept.run("run", "--strict", "--", "sh", "-c", lines).code == 1
        report = json.loads((kept.folder / "report.json").read_text(encoding="utf-8"))
        assert (report["launch"]["uuid"], report["outcome"]) == (unknown, "failed")
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_no_launch(self, emulator: Emulator, commands: Commands) -> None:
        """A command without a launch is run all the same; its exit code stays, with --strict, too."""
        command = commands.run("run", "--strict", "--json", "--", "true")
        assert command.code == 0
        assert [report["outcome"] for report in command.document()["reports"]] == ["not-started"]
        assert emulator.calls() == []

    def test_launch_file(self, run: Run, commands: Commands) -> None:
        """A launch that stands only in the launch file is found there."""
        with_file = commands.with_variables(RP_FINALIZER_LAUNCH_FILE="launch")
        command = with_file.run("run", "--json", "--", "sh", "-c", f"echo {run.uuid} > launch")
        (report,) = command.document()["reports"]
        assert (report["outcome"], report["launch"]["source"]) == ("finished", "launch-file")

    def test_agent_file(self, run: Run, commands: Commands) -> None:
        """A launch that a JavaScript agent has left in the name of a file is found there."""
        command = commands.run("run", "--json", "--", "touch", f"rplaunch-{run.uuid}.tmp")
        (report,) = command.document()["reports"]
        assert (report["outcome"], report["launch"]["source"]) == ("finished", "agent-file")

    def test_stale_files(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """What an earlier run has left is not this run's launch."""
        (commands.folder / "launch").write_text(run.uuid, encoding="utf-8")
        (commands.folder / f"rplaunch-{run.uuid}.tmp").touch()
        with_file = commands.with_variables(RP_FINALIZER_LAUNCH_FILE="launch")
        command = with_file.run("run", "--json", "--", "true")
        assert [report["outcome"] for report in command.document()["reports"]] == ["not-started"]
        assert finishes(emulator) == []

    @pytest.mark.usefixtures("run")
    def test_name(self, commands: Commands) -> None:
        """A launch that nothing else tells of is found by its name."""
        command = commands.run("run", "--name", "smoke", "--json", "--", "true")
        (report,) = command.document()["reports"]
        assert (report["outcome"], report["launch"]["source"]) == ("finished", "server")

    @pytest.mark.parametrize("printed", [True, False])
    def test_borrowed(self, emulator: Emulator, run: Run, commands: Commands, printed: bool) -> None:  # noqa: FBT001
        """A launch that the run was handed by RP_LAUNCH_UUID stays open: who opened it has not ended."""
        handed = commands.with_variables(RP_LAUNCH_UUID=run.uuid)
        line = f"echo ReportPortal Launch UUID: {run.uuid}" if printed else "true"
        command = handed.run("run", "--json", "--", "sh", "-c", line)
        assert [report["outcome"] for report in command.document()["reports"]] == ["not-owned"]
        assert status_of(emulator, run.uuid) == "IN_PROGRESS"

    def test_environment(self, commands: Commands) -> None:
        """The command is asked to print its launch, unless somebody wants otherwise, and is handed none."""
        show = ("run", "--", "sh", "-c", 'echo "$RP_LAUNCH_UUID_PRINT/$RP_LAUNCH_UUID"')
        assert commands.run(*show).out == "true/\n"
        assert commands.with_variables(RP_LAUNCH_UUID_PRINT="no").run(*show).out == "no/\n"


class TestServer:
    def test_away(self, commands: Commands, fault_proxy: FaultProxy) -> None:
        """With the server away the exit code is the command's, what is owed is told, and --strict makes it a 1."""
        away = commands.with_variables(RP_ENDPOINT=fault_proxy.url, RP_FINALIZER_TIMEOUT="0.5")
        fault_proxy.set(Refuse())
        line = f"echo ReportPortal Launch UUID: {uuid4()}"
        plain = away.run("run", "--", "sh", "-c", f"{line}; exit 3")
        assert plain.code == 3
        assert "unavailable" in plain.err
        assert "rp-finalize drain" in plain.err
        assert away.run("run", "--", "sh", "-c", line).code == 0
        assert away.run("run", "--strict", "--", "sh", "-c", line).code == 1

    def test_no_connection(self, commands: Commands) -> None:
        """Without a key the command runs as it would without us, and what is missing is told before and after."""
        line = f"echo ReportPortal Launch UUID: {uuid4()}; exit 3"
        command = commands.without("RP_API_KEY").run("run", "--", "sh", "-c", line)
        assert command.code == 3
        assert command.err.startswith("rp-finalize: api_key is not set: a launch that")
        assert "RP_API_KEY" in command.err.splitlines()[-1]

    def test_wrong_settings(self, commands: Commands) -> None:
        """Settings that are wrong exit with 2, before anything has run."""
        command = commands.with_variables(RP_FINALIZER_TIMEOUT="soon").run("run", "--", "touch", "started")
        assert command.code == 2
        assert "RP_FINALIZER_TIMEOUT" in command.err
        assert not (commands.folder / "started").exists()


class TestStarting:
    @pytest.mark.parametrize(
        ("name", "code"), [("no-such-command", 127), ("./no-such-file", 127), ("./plain", 126), (".", 126), ("", 127)]
    )
    def test_cannot_start(self, commands: Commands, name: str, code: int) -> None:
        """A command that is not there exits with 127, one that cannot be executed with 126, as in a shell."""
        (commands.folder / "plain").write_text("echo hi", encoding="utf-8")
        command = commands.run("run", "--", name)
        assert (command.code, command.out) == (code, "")
        assert command.err.startswith(f"rp-finalize: {name}: ")

    def test_script_without_interpreter(self, commands: Commands) -> None:
        """A script whose first line names no interpreter is a shell's."""
        script = commands.folder / "script"
        script.write_text("echo $1", encoding="utf-8")
        script.chmod(0o755)
        assert commands.run("run", "./script", "hi").out == "hi\n"

    def test_options_of_the_command(self, commands: Commands) -> None:
        """What follows the command is its own, with dashes and without, another -- included."""
        assert commands.run("run", "--", "echo", "--json", "-v", "--", "--help").out == "--json -v -- --help\n"
        assert commands.run("run", "echo", "-q", "--", "x").out == "-q -- x\n"

    def test_usage(self, commands: Commands) -> None:
        """Without a command, or with an unknown option, the exit code is 2."""
        assert commands.run("run").code == 2
        assert commands.run("run", "--nonsense", "--", "true").code == 2

    def test_other_files(self, commands: Commands) -> None:
        """Files that the caller opened for the command beyond the standard streams reach it."""
        line = f'"{SCRIPT}" run -- sh -c "echo three >&3" 3>three'
        subprocess.run(["/bin/sh", "-c", line], cwd=commands.folder, env=commands._environ(), check=True)
        assert (commands.folder / "three").read_text(encoding="utf-8") == "three\n"


class TestOutput:
    def test_huge(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """Fifty megabytes come through byte for byte, and the launch in the middle of them is found."""
        size = 25 * 1024 * 1024
        text = (
            "import os, sys\n"
            f"noise = bytes(range(256)) * {size // 256}\n"
            f"for part in (noise, b'ReportPortal Launch UUID: {run.uuid}', noise):\n"
            "    sys.stdout.buffer.write(part)\n"
        )
        with subprocess.Popen(
            [SCRIPT, "run", "--", sys.executable, "-c", text],
            cwd=commands.folder,
            env=commands._environ(),
            stdout=subprocess.PIPE,
        ) as process:
            out, _ = process.communicate(timeout=PATIENCE)
        noise = bytes(range(256)) * (size // 256)
        assert process.returncode == 0
        assert out == noise + b"ReportPortal Launch UUID: " + run.uuid.encode() + noise
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_apart_and_at_once(self, commands: Commands) -> None:
        """Both streams stay apart, and come when they are written, not when the command ends."""
        text = "import sys; print('out', flush=True); print('err', file=sys.stderr, flush=True); sys.stdin.read()"
        with commands.started("run", "-q", "--", sys.executable, "-c", text, stdin=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stderr
            assert process.stdout.readline() == "out\n"
            assert process.stderr.readline() == "err\n"
            assert process.poll() is None
            rest = ended(process, "")
        assert (rest.code, rest.out, rest.err) == (0, "", "")

    def test_one_place(self, commands: Commands) -> None:
        """Streams that lead to the same place keep their order."""
        line = "for i in 1 2 3 4 5 6 7 8 9; do echo out$i; echo err$i >&2; done"
        shell = subprocess.run(
            ["/bin/sh", "-c", f"\"{SCRIPT}\" run -q -- sh -c '{line}' 2>&1 | cat"],
            cwd=commands.folder,
            env=commands._environ(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert shell.stdout.split() == [f"{name}{i}" for i in range(1, 10) for name in ("out", "err")]

    def test_stdin(self, commands: Commands) -> None:
        """What is piped in is the command's to read."""
        assert commands.run("run", "-q", "--", "cat", stdin="typed\n").out == "typed\n"

    def test_json(self, run: Run, commands: Commands, scripts: Scripts) -> None:
        """With --json stdout holds one document; what the command prints goes to stderr."""
        command = commands.run("run", "--json", "--", *scripts.printing(run.uuid, "sys.exit(3)"))
        document = command.document()
        assert (document["schema"], document["exit_code"]) == (1, 3)
        assert [report["outcome"] for report in document["reports"]] == ["finished"]
        assert "ReportPortal Launch UUID" in command.err

    def test_reader_that_leaves(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """Whose reader has seen enough ends as in a pipeline, by SIGPIPE, and its launch is finished."""
        endless = f"echo ReportPortal Launch UUID: {run.uuid}; exec yes"
        shell = subprocess.run(
            ["/bin/bash", "-c", f"\"{SCRIPT}\" run -- sh -c '{endless}' | head -1; echo ${{PIPESTATUS[0]}}"],
            cwd=commands.folder,
            env=commands._environ(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert shell.stdout == f"ReportPortal Launch UUID: {run.uuid}\n{128 + signal.SIGPIPE}\n"
        assert status_of(emulator, run.uuid) == "INTERRUPTED"
        assert "Traceback" not in shell.stderr

    def test_full_disk(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """Output that does not fit on the disk is told, and the launch is finished."""
        with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123  a device
            process = subprocess.run(
                [SCRIPT, "run", "--", "sh", "-c", f"echo ReportPortal Launch UUID: {run.uuid}"],
                cwd=commands.folder,
                env=commands._environ(),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        assert "is not complete: No space left on device" in process.stderr
        assert status_of(emulator, run.uuid) == "PASSED"

    @pytest.mark.parametrize("writing", ["sleep 600", "while echo more; do sleep 0.1; done"])
    def test_grandchild(self, emulator: Emulator, run: Run, commands: Commands, writing: str) -> None:
        """What the command leaves in the background, silent or not, is not waited for."""
        line = f"echo ReportPortal Launch UUID: {run.uuid}; ({writing}) & echo $! >pid"
        with commands.started("run", "--", "sh", "-c", line) as process:
            assert process.stdout
            process.stdout.readline()
            try:
                process.wait(timeout=20)
            finally:
                os.kill(int((commands.folder / "pid").read_text(encoding="ascii")), signal.SIGKILL)
        assert process.returncode == 0
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_slow_reader(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """A reader that takes its time gets everything, and the launch does not wait for it."""
        size = 150_000
        text = (
            f"import os\nprint('ReportPortal Launch UUID: {run.uuid}', flush=True)\n"
            f"if os.fork() == 0:\n    print('x' * {size}, flush=True)\n    print('the end')\n"
        )
        with commands.started("run", "-q", "--", sys.executable, "-c", text) as process:
            emulator.wait_until(lambda: (launch := emulator.launch(run.uuid)) and launch.status.final, timeout=20)
            assert process.poll() is None
            out = ended(process).out
        assert out.startswith(f"ReportPortal Launch UUID: {run.uuid}\nxxx")


class TestSignals:
    @pytest.fixture
    def counting(self, run: Run, scripts: Scripts) -> list[str]:
        """Give a command that says which signals it got, and ends after a line on its stdin, with 7."""
        return scripts.python(
            "import os, select, signal, sys\n"
            "struck, strikes = os.pipe()\n"
            "os.set_blocking(strikes, False)\n"
            "signal.set_wakeup_fd(strikes)  # a handler that prints is lost where it strikes just before a read\n"
            "for name in ('INT', 'TERM', 'HUP', 'QUIT', 'USR1', 'USR2'):\n"
            "    signal.signal(getattr(signal, 'SIG' + name), lambda *_: None)\n"
            f"print('ReportPortal Launch UUID: {run.uuid}', flush=True)\n"
            "while 0 not in select.select([0, struck], [], [])[0]:\n"
            "    for number in os.read(struck, 64):\n"
            "        print('got', signal.Signals(number).name, flush=True)\n"
            "sys.exit(7)\n"
        )

    @pytest.mark.parametrize(
        ("name", "to"),
        [
            *((name, "us") for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")),
            *((name, "the group") for name in ("SIGINT", "SIGTERM", "SIGQUIT", "SIGUSR2")),
            *(slow(name, "us") for name in ("SIGQUIT", "SIGUSR2")),
            *(slow(name, "the group") for name in ("SIGHUP", "SIGUSR1")),
        ],
    )
    def test_passed_on_once(
        self,
        emulator: Emulator,
        run: Run,
        commands: Commands,
        counting: list[str],
        name: str,
        to: str,
    ) -> None:
        """A signal reaches the command once, whether it was sent to us or to all of our group; we end when it does."""
        number = signal.Signals[name]
        with group_of(commands, "run", "--", *counting) as process:
            assert process.stdout
            assert process.stdin
            process.stdout.readline()
            for _ in range(2):
                (os.kill if to == "us" else os.killpg)(process.pid, number)
                assert process.stdout.readline() == f"got {name}\n"
            rest = ended(process, "\n")
        assert (rest.code, rest.out) == (7, "")
        ending = name in {"SIGINT", "SIGTERM", "SIGHUP"}
        assert status_of(emulator, run.uuid) == ("INTERRUPTED" if ending else "PASSED")

    def test_ended_by_it(self, emulator: Emulator, run: Run, commands: Commands, scripts: Scripts) -> None:
        """A run that a SIGTERM to us ends has its launch finished as `status_on_signal` says, and exits with 143."""
        stopped = commands.with_variables(RP_FINALIZER_STATUS_ON_SIGNAL="stopped")
        # Nothing is reported meanwhile: of a launch with an open item the server says FAILED whatever it is told.
        with stopped.started("run", "--", *scripts.printing(run.uuid, "signal.pause()")) as process:
            assert process.stdout
            process.stdout.readline()
            process.terminate()
            command = ended(process)
        assert command.code == 143
        assert only_launch(emulator) == "STOPPED"

    def test_grace(self, run: Run, commands: Commands, scripts: Scripts, fault_proxy: FaultProxy) -> None:
        """After a signal the end takes `grace` seconds at most."""
        away = commands.with_variables(
            RP_ENDPOINT=fault_proxy.url, RP_FINALIZER_GRACE="0.5", RP_FINALIZER_TIMEOUT="600"
        )
        with away.started("run", "--", *scripts.printing(run.uuid, "signal.pause()")) as process:
            assert process.stdout
            process.stdout.readline()
            fault_proxy.set(Refuse())
            process.terminate()
            command = ended(process)
        assert command.code == 143
        assert "unavailable" in command.err

    def test_while_finishing(self, commands: Commands, fault_proxy: FaultProxy) -> None:
        """A signal while the launch is finished shortens that, a second one ends it; the exit code stays."""
        silent = commands.with_variables(
            RP_ENDPOINT=fault_proxy.url, RP_FINALIZER_TIMEOUT="600", RP_FINALIZER_GRACE="600"
        )
        fault_proxy.set(BlackHole())
        line = f"echo ReportPortal Launch UUID: {uuid4()}; exit 3"
        with silent.started("run", "--", "sh", "-c", line) as process:
            assert process.stderr
            fault_proxy.wait_for_requests(1, timeout=20)
            process.terminate()
            assert "interrupt again to give up" in process.stderr.readline()
            fault_proxy.wait_for_requests(2, timeout=20)
            process.terminate()
            run = ended(process)
        assert run.code == 3
        assert "interrupted before" in run.err

    def test_ignored(self, commands: Commands, scripts: Scripts) -> None:
        """What was ignored before, as by `nohup`, the command ignores, too."""
        text = "import signal; print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
        line = f"trap '' HUP; exec \"{SCRIPT}\" run -q -- {' '.join(scripts.python(text))}"
        shell = subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=commands.folder,
            env=commands._environ(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        assert shell.stdout == "True\n"

    def test_defaults(self, commands: Commands, scripts: Scripts) -> None:
        """The command begins with the signals as they are for every command, none ignored and none held back."""
        text = "import signal; print(signal.pthread_sigmask(0, ()), signal.getsignal(signal.SIGTERM).name)"
        assert commands.run("run", "-q", "--", *scripts.python(text)).out == "set() SIG_DFL\n"
        assert commands.run("run", "-q", "--", "sh", "-c", "kill -PIPE $$").code == 128 + signal.SIGPIPE


def group_of(commands: Commands, *arguments: str) -> subprocess.Popen[str]:
    """Start the command in a group of its own."""
    return subprocess.Popen(
        [SCRIPT, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=commands.folder,
        env=commands._environ(),
        process_group=0,
    )
