"""`rp-finalize` with streams that are closed, full, cut off or narrow: real processes, pipes and terminals."""

from __future__ import annotations

import os
import pty
import subprocess
import termios
from typing import TYPE_CHECKING

import pytest

from rp_finalizer.emulator import Fault
from tests.support.commands import PATIENCE, SCRIPT, Commands
from tests.support.fault_proxy import Refuse
from tests.support.reporting import FINISH, READ, start_run, status_of
from tests.support.slow_cases import slow

if TYPE_CHECKING:
    from pathlib import Path

    from reportportal_client import RPClient

    from rp_finalizer.emulator import Emulator
    from tests.support.fault_proxy import FaultProxy
    from tests.support.reporting import Run

UNKNOWN = "00000000-0000-4000-8000-000000000000"
STREAMS = ("2>&-", ">&-", "<&-", "<&- >&- 2>&-", "2>/dev/full", "> >(true)")


@pytest.fixture
def commands(emulator: Emulator, tmp_path: Path) -> Commands:
    """Run commands in an empty folder, with a connection in the environment."""
    return Commands(
        tmp_path,
        {
            "RP_ENDPOINT": emulator.url,
            "RP_PROJECT": "demo",
            "RP_API_KEY": "demo_key",
            "RP_FINALIZER_TIMEOUT": "5",
            "RP_FINALIZER_RETRY_INITIAL": "0.02",
            "RP_FINALIZER_STABLE_FOR": "0.1",
        },
    )


def in_shell(commands: Commands, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `rp` is the command."""
    return subprocess.run(
        ["/bin/bash", "-c", f'rp() {{ "{SCRIPT}" "$@"; }}; {line}'],
        cwd=commands.folder,
        env=commands._environ(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


class TestStreams:
    @pytest.mark.parametrize(
        ("streams", "options"),
        [
            *((streams, "") for streams in STREAMS),
            *((streams, "--json") for streams in (">&-", "<&- >&- 2>&-")),
            *((streams, "-vv") for streams in ("2>&-", "<&- >&- 2>&-", "2>/dev/full")),
            *(slow(streams, "--json") for streams in ("2>&-", "<&-", "2>/dev/full", "> >(true)")),
            *(slow(streams, "-vv") for streams in (">&-", "<&-", "> >(true)")),
        ],
    )
    def test_finish_is_what_counts(
        self, emulator: Emulator, run: Run, commands: Commands, streams: str, options: str
    ) -> None:
        """A launch that is finished exits 0, whichever stream is closed, full or read by nobody."""
        shell = in_shell(commands, f"rp finish {run.uuid} {options} {streams}")
        assert shell.returncode == 0
        assert "Traceback" not in shell.stdout + shell.stderr
        assert status_of(emulator, run.uuid) == "PASSED"

    @pytest.mark.parametrize("command", ["status", "finish", "finish --json", "finish -vv"])
    def test_reader_that_leaves(self, run: Run, commands: Commands, command: str) -> None:
        """A reader that has seen enough is no failure, and nothing is told of it."""
        shell = in_shell(commands, f"rp {command} {run.uuid} 2>told | true; echo ${{PIPESTATUS[0]}}")
        told = (commands.folder / "told").read_text(encoding="utf-8")
        assert shell.stdout == "0\n"
        assert "Broken" not in told
        assert "Traceback" not in told

    def test_full_disk_is_told(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """A report that does not fit on the disk is told on stderr; the exit code stays the outcome's."""
        shell = in_shell(commands, f"rp finish {run.uuid} --json >/dev/full")
        assert (shell.returncode, shell.stderr) == (
            0,
            "rp-finalize: stdout is not complete: No space left on device\n",
        )
        assert status_of(emulator, run.uuid) == "PASSED"

    @pytest.mark.parametrize(("arguments", "code"), [(f"finish {UNKNOWN}", 1), ("finish", 5), ("finish smoke", 2)])
    @pytest.mark.parametrize("streams", [">/dev/full 2>&1", ">&- 2>&-"])
    def test_other_codes_stay(self, commands: Commands, arguments: str, code: int, streams: str) -> None:
        """What failed exits with its own code although nobody can be told."""
        soon = commands.with_variables(RP_FINALIZER_TIMEOUT="1")
        assert in_shell(soon, f"rp {arguments} {streams}").returncode == code


class TestTerminal:
    def test_progress_stays_on_its_line(self, emulator: Emulator, run: Run, commands: Commands) -> None:
        """What is waited for is cut to less than the width of the terminal, so that it can be cleared."""
        emulator.add_fault(Fault(READ, status=503, times=2))
        emulator.add_fault(Fault(FINISH, status=503, times=2))
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 30))
        slow = commands.with_variables(RP_FINALIZER_RETRY_INITIAL="0.2")
        with subprocess.Popen(
            [SCRIPT, "finish", run.uuid], cwd=slow.folder, env=slow._environ(), stdout=subprocess.DEVNULL, stderr=theirs
        ) as process:
            os.close(theirs)
            told = everything(ours)
        lines = [line for line in told.split("\r\x1b[K") if line]
        assert process.returncode == 0
        assert lines
        assert max(len(line) for line in lines) == 29


def everything(terminal: int) -> str:
    """Read a terminal until nobody writes to it any more."""
    parts = []
    try:
        while part := os.read(terminal, 4096):
            parts.append(part)
    except OSError:
        pass  # Linux says so when the last writer is gone
    finally:
        os.close(terminal)
    return b"".join(parts).decode()


class TestWords:
    def test_help_alone(self, commands: Commands) -> None:
        """Without any argument the help is shown as it is, on stderr, with exit code 2."""
        command = commands.run()
        assert (command.code, command.out) == (2, "")
        assert command.err == commands.run("--help").out

    def test_quiet_tells_of_the_report_file(self, run: Run, commands: Commands) -> None:
        """A report file that cannot be written is told with -q, too, and is not the outcome's failure."""
        (commands.folder / "folder").mkdir()
        quiet = commands.with_variables(RP_FINALIZER_REPORT_FILE="folder")
        command = quiet.run("finish", run.uuid, "-q")
        assert (command.code, command.out) == (0, "")
        assert len(command.err.splitlines()) == 1
        assert "report_file" in command.err

    @pytest.mark.parametrize("options", [(), ("--dry-run",), ("--name", "nightly")])
    def test_nothing_named(self, commands: Commands, options: tuple[str, ...]) -> None:
        """Where nothing names a launch, all that could is told."""
        command = commands.run("finish", *options)
        assert command.code == (0 if options == ("--dry-run",) else 5)
        assert "there is no launch to finish" in command.out
        for name in ("LAUNCH", "--name", "--from-log", "RP_LAUNCH_UUID", "RP_LAUNCH_ID", "LAUNCH_UUID"):
            assert name in command.out

    @pytest.mark.parametrize("options", [(), ("--dry-run",)])
    def test_several_fit(self, client: RPClient, commands: Commands, options: tuple[str, ...]) -> None:
        """Of several launches with one name none is finished, and that is what is told."""
        runs = [start_run(client, "nightly") for _ in range(2)]
        command = commands.run("finish", "--name", "nightly", *options)
        assert "several launches fit; none of them" in command.out
        assert "there is no launch" not in command.out
        assert all(run.uuid in command.out for run in runs)

    def test_dry_run_of_an_open_launch(self, run: Run, commands: Commands) -> None:
        """A launch in progress would be finished."""
        assert "would be finished; nothing was sent" in commands.run("finish", run.uuid, "--dry-run").out

    def test_dry_run_of_a_finished_launch(self, run: Run, commands: Commands) -> None:
        """A final launch would stay as it is."""
        commands.run("finish", run.uuid)
        command = commands.run("finish", run.uuid, "--dry-run")
        assert "is finished already and would stay as it is; nothing was sent" in command.out

    @pytest.mark.parametrize("launch", [UNKNOWN, "4711"])
    def test_dry_run_of_an_unknown_launch(self, commands: Commands, launch: str) -> None:
        """Of a launch that the server does not know nobody says that it would be finished."""
        command = commands.run("finish", launch, "--dry-run")
        assert "unknown-launch" in command.out
        assert "would be finished" not in command.out

    def test_dry_run_without_a_server(self, run: Run, commands: Commands, fault_proxy: FaultProxy) -> None:
        """A server that is away leaves it open."""
        fault_proxy.set(Refuse())
        away = commands.with_variables(RP_ENDPOINT=fault_proxy.url, RP_FINALIZER_TIMEOUT="0.5")
        command = away.run("finish", run.uuid, "--dry-run")
        assert "the server did not say" in command.out
        assert "would be finished" not in command.out

    @pytest.mark.parametrize("option", ["--name", "--from-log"])
    def test_empty_option(self, emulator: Emulator, commands: Commands, option: str) -> None:
        """A name or a file that is empty, as of a variable that is not set, is told before anything is sent."""
        command = commands.run("finish", option, "")
        assert (command.code, command.out) == (2, "")
        assert option in command.err
        assert emulator.calls() == []
