"""`rp-finalize run` in a terminal, under a real shell, with keys that are typed."""

from __future__ import annotations

import os
import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import SCRIPT, environment
from tests.support.reporting import status_of
from tests.support.run_scripts import Scripts
from tests.support.terminals import EDITING_SHELL, PATIENCE, SHELL, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rp_finalizer.emulator import Emulator
    from tests.support.reporting import Run

TELL = """
import os, sys
kinds = [os.isatty(each) for each in range(3)]
size = tuple(os.get_terminal_size(kinds[1:].index(True) + 1)) if any(kinds[1:]) else None
foreground = kinds[0] and os.tcgetpgrp(0) == os.getpgrp()
with open(sys.argv[1], "w") as told:
    print(*kinds, size, foreground, file=told)
"""
TALK = """
import os, signal, sys
# A signal that comes just before a read is seen to after it only: with these beats, a moment later.
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
def resized(number, frame):
    print("size", *os.get_terminal_size(), flush=True)
def stopped(number, frame):
    print("to be", "stopped", flush=True)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
def continued(number, frame):
    signal.signal(signal.SIGTSTP, stopped)
    print("goes", "on", flush=True)
signal.signal(signal.SIGWINCH, resized)
signal.signal(signal.SIGTSTP, stopped)
signal.signal(signal.SIGCONT, continued)
print("ReportPortal Launch UUID: {uuid}")
print("is", "ready", flush=True)
for line in sys.stdin:
    print("heard", line.strip().upper(), flush=True)
print("at the", "end", flush=True)
# At its end the interpreter takes the handler away, and a further beat would kill it.
signal.setitimer(signal.ITIMER_REAL, 0)
sys.exit(5)
"""


@pytest.fixture
def variables(emulator: Emulator) -> dict[str, str]:
    """Give an environment with a connection in it, in which `rp` is the command."""
    return environment(
        RP_ENDPOINT=emulator.url, RP_PROJECT="demo", RP_API_KEY="demo_key", RP_FINALIZER_TIMEOUT="5", rp=str(SCRIPT)
    )


@pytest.fixture
def shell(tmp_path: Path, variables: dict[str, str]) -> Iterator[Terminal]:
    """Give a terminal with a shell that waits for a command."""
    with Terminal(tmp_path, variables) as terminal:
        terminal.expect("% ")
        yield terminal


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    """Write programs into the folder."""
    return Scripts(tmp_path)


@pytest.fixture
def tell(scripts: Scripts) -> str:
    """Give a command that tells what its streams are."""
    return shlex.join(scripts.python(TELL))


@pytest.fixture
def talk(run: Run, scripts: Scripts) -> str:
    """Give one that prints a launch, answers what is typed, and ends with 5."""
    return shlex.join(scripts.python(TALK.replace("{uuid}", run.uuid)))


class TestStreams:
    @pytest.mark.parametrize(
        ("redirection", "told"),
        [
            ("", "True True True (80, 24) True"),
            ("| cat", "True False True (80, 24) True"),
            ("2>&1 | cat", "True False False None True"),
            ("2>/dev/null", "True True False (80, 24) True"),
            ("</dev/null", "False True True (80, 24) False"),
            ("</dev/null | cat", "False False True (80, 24) False"),
            ("</dev/null >/dev/null", "False False True (80, 24) False"),
        ],
    )
    def test_what_they_are(self, shell: Terminal, tell: str, tmp_path: Path, redirection: str, told: str) -> None:
        """What is a terminal is one for the command, of the same size, and in its foreground; what is none is none."""
        for us in ("", "$rp run -q --"):
            shell.type(f"{us} {tell} told {redirection}; echo do''ne\n")
            shell.expect("done\r\n")
            assert (tmp_path / "told").read_text(encoding="utf-8") == f"{told}\n"

    def test_lines_end_once(self, shell: Terminal, scripts: Scripts) -> None:
        """What the command prints is shown as it would be without us, line ends included."""
        line = shlex.join(scripts.python("import sys; print('o'+'ne'); print('t'+'wo', file=sys.stderr)"))
        for redirection in ("", "</dev/null"):
            shell.type(f"$rp run -q -- {line} {redirection}; echo $((40+2))\n")
            assert shell.expect("42\r\n").endswith("\r\none\r\ntwo\r\n")
            shell.expect("% ")

    def test_typed(self, emulator: Emulator, run: Run, shell: Terminal, talk: str) -> None:
        """What is typed is shown once and read by the command; Ctrl-D ends its input; the terminal is as it was."""
        before = shell.attributes()
        shell.type(f"$rp run -- {talk}; echo code $?\n")
        shell.expect("is ready\r\n")
        shell.type("hello\n")
        assert shell.expect("heard HELLO\r\n") == "hello\r\n"
        shell.type("\x04")
        shell.expect("at the end")
        shell.expect("finished and confirmed")
        shell.expect("code 5\r\n")
        shell.expect("% ")
        assert status_of(emulator, run.uuid) == "PASSED"
        assert shell.attributes()[:4] == before[:4]

    @pytest.mark.parametrize("redirection", ["", "</dev/null"])
    def test_much(self, shell: Terminal, scripts: Scripts, redirection: str) -> None:
        """Nothing of a long output is lost or reordered, to its last byte."""
        line = shlex.join(scripts.python("for each in range(50_000): print(each)\nprint('that is', 'all')"))
        shell.type(f"$rp run -q -- {line} {redirection}\n")
        shown = shell.expect("that is all\r\n").partition("\r\n")[2]
        assert shown == "".join(f"{each}\r\n" for each in range(50_000))

    @pytest.mark.parametrize("redirection", ["", "| cat", "</dev/null"])
    def test_size(self, shell: Terminal, scripts: Scripts, redirection: str) -> None:
        """A change of the window's size reaches the command."""
        waiting = scripts.python(
            "import os, signal\n"
            "signal.signal(signal.SIGWINCH, lambda *_: None)\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})\n"
            "print('is', 'ready', flush=True)\n"
            "while os.get_terminal_size(2).columns != 99: signal.sigwait({signal.SIGWINCH})\n"
            "print('new', 'size', flush=True)\n"
        )
        shell.type(f"$rp run -q -- {shlex.join(waiting)} {redirection}\n")
        shell.expect("is ready")
        shell.resize(33, 99)
        shell.expect("new size")

    def test_left_behind(self, run: Run, shell: Terminal) -> None:
        """What the command leaves in the background, with the terminal open, is not waited for, and goes on."""
        inner = f"echo ReportPortal Launch UUID: {run.uuid}; (sleep 0.5; touch went-on; sleep 600) & echo $! >pid"
        shell.type(f"$rp run -- sh -c {shlex.quote(inner)}; echo code $?\n")
        shell.expect("finished and confirmed")
        shell.expect("code 0\r\n")
        shell.type("until test -e went-on; do sleep 0.05; done; kill $(cat pid) && echo a''live\n")
        shell.expect("alive\r\n")


class TestKeys:
    def test_interrupt(self, emulator: Emulator, run: Run, shell: Terminal, talk: str) -> None:
        """Ctrl-C ends the command, not the shell; its launch is interrupted, and the exit code 130."""
        shell.type(f"$rp run -- {talk}; echo code $?\n")
        shell.expect("is ready")
        shell.type("\x03")
        shell.expect("KeyboardInterrupt")
        shell.expect("finished and confirmed")
        shell.expect("code 130\r\n")
        assert status_of(emulator, run.uuid) == "INTERRUPTED"

    @pytest.mark.parametrize("redirection", ["", "</dev/null", "| cat"])
    def test_interrupt_once(self, shell: Terminal, scripts: Scripts, redirection: str) -> None:
        """Ctrl-C strikes the command once."""
        counting = scripts.python(
            "import signal\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
            "print('is', 'ready', flush=True)\n"
            "signal.sigwait({signal.SIGINT})\n"
            "print('again' if signal.sigtimedwait({signal.SIGINT}, 1.5) else 'o'+'nce', flush=True)\n"
        )
        reader = redirection.replace("cat", "(trap '' INT; cat)")
        shell.type(f"$rp run -q -- {shlex.join(counting)} {reader}\n")
        shell.expect("is ready")
        shell.type("\x03")
        assert "again" not in shell.expect("once")

    @pytest.mark.parametrize("redirection", ["", "2>/dev/null"])
    def test_stop_and_continue(
        self, emulator: Emulator, run: Run, shell: Terminal, talk: str, redirection: str
    ) -> None:
        """Ctrl-Z stops the command and us, the shell has its terminal as it was, and `fg` continues both."""
        shell.type(f"$rp run -- {talk} {redirection}\n")
        for word in ("one", "two"):
            shell.expect("is ready" if word == "one" else "goes on")
            shell.type(f"{word}\n")
            shell.expect(f"heard {word.upper()}")
            shell.type("\x1a")
            shell.expect("to be stopped")
            shell.expect("Stopped")
            shell.expect("% ")
            shell.type("jobs; stty -a | tr ' ' '\\n' | grep -x e'cho'\n")
            shell.expect("Stopped")
            shell.expect("\r\necho\r\n")
            shell.expect("% ")
            shell.type("fg\n")
        shell.expect("goes on")
        shell.type("three\n")
        assert shell.expect("heard THREE").count("three") == 1
        shell.type("\x04")
        shell.expect("at the end")
        shell.expect("% ")
        assert status_of(emulator, run.uuid) == "PASSED"

    @pytest.mark.parametrize("kind", [SHELL, EDITING_SHELL], ids=["plain", "editing"])
    def test_background(
        self,
        emulator: Emulator,
        run: Run,
        tmp_path: Path,
        variables: dict[str, str],
        talk: str,
        kind: tuple[str, ...],
    ) -> None:
        """Started in the background it leaves the terminal alone, and takes it when it is brought forward."""
        with Terminal(tmp_path, variables, *kind) as shell:
            shell.expect("% ")
            before = shell.attributes()
            shell.type(f"$rp run -- {talk} &\n")
            shell.expect("is ready")
            shell.type("echo in fr''ont\n")
            shell.expect("in front\r\n")
            shell.type("fg\n")
            shell.expect("fg\r\n")
            shell.type("hello\n")
            shell.expect("heard HELLO")
            shell.type("\x04")
            shell.expect("at the end")
            shell.expect("finished and confirmed")
            shell.expect("% ")
            assert shell.attributes()[:4] == before[:4]
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_background_after_a_stop(self, emulator: Emulator, run: Run, shell: Terminal, scripts: Scripts) -> None:
        """Stopped and continued by `bg` it runs to its end while the shell is used."""
        waiting = scripts.python(
            f"import os, time\nprint('ReportPortal Launch UUID: {run.uuid}')\nprint('is', 'ready', flush=True)\n"
            "while not os.path.exists('go'): time.sleep(0.05)\nprint('has', 'gone', flush=True)\n"
        )
        shell.type(f"$rp run -- {shlex.join(waiting)}\n")
        shell.expect("is ready")
        shell.type("\x1a")
        shell.expect("Stopped")
        shell.expect("% ")
        shell.type("bg\n")
        shell.expect("% ")
        assert shell.echoes
        shell.type("touch go\n")
        shell.expect("has gone")
        shell.expect("finished and confirmed")
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_without_a_shell(
        self, emulator: Emulator, run: Run, tmp_path: Path, variables: dict[str, str], talk: str
    ) -> None:
        """Where nobody could continue it, as in a container, Ctrl-Z stops nothing for good."""
        command = (str(SCRIPT), "run", "--", *shlex.split(talk))
        with Terminal(tmp_path, variables, *command) as terminal:
            terminal.expect("is ready")
            terminal.type("\x1a")
            terminal.expect("goes on")
            terminal.type("hello\n")
            terminal.expect("heard HELLO")
            terminal.type("\x04")
            terminal.expect("finished and confirmed")
            terminal.wait_until_closed()
            assert terminal.process.wait(PATIENCE) == 5
        assert status_of(emulator, run.uuid) == "PASSED"


class TestEnds:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
    def test_signal(
        self, emulator: Emulator, run: Run, tmp_path: Path, variables: dict[str, str], talk: str, number: signal.Signals
    ) -> None:
        """A signal to us is passed on, the launch is finished, and the terminal is as it was."""
        command = (str(SCRIPT), "run", "--", *shlex.split(talk))
        with Terminal(tmp_path, variables, *command) as terminal:
            terminal.expect("is ready")
            terminal.process.send_signal(number)
            terminal.expect("finished and confirmed")
            assert terminal.echoes
            terminal.wait_until_closed()
            assert terminal.process.wait(PATIENCE) == 128 + number
        assert status_of(emulator, run.uuid) == "INTERRUPTED"

    @pytest.mark.parametrize("redirection", ["", "</dev/null"])
    def test_window_is_closed(
        self, emulator: Emulator, run: Run, shell: Terminal, scripts: Scripts, redirection: str
    ) -> None:
        """When the window is closed the command is hung up, as without us, and its launch is finished."""
        waiting = scripts.python(
            f"import signal\nprint('ReportPortal Launch UUID: {run.uuid}')\nprint('is', 'ready', flush=True)\n"
            "signal.pause()\n"
        )
        shell.type(f"$rp run -- {shlex.join(waiting)} {redirection}\n")
        shell.expect("is ready")
        shell.hang_up()
        emulator.wait_until(lambda: (launch := emulator.launch(run.uuid)) and launch.status.final, timeout=PATIENCE)
        assert status_of(emulator, run.uuid) == "INTERRUPTED"

    def test_killed(self, shell: Terminal, scripts: Scripts) -> None:
        """When we are killed ourselves, the command is hung up, and does not stay behind."""
        waiting = scripts.python(
            "import os, signal\nopen('pid', 'w').write(str(os.getpid()))\nprint('is', 'ready', flush=True)\n"
            "signal.pause()\n"
        )
        shell.type(f"$rp run -- {shlex.join(waiting)}\n")
        shell.expect("is ready")
        (ours,) = _children_of(shell.process.pid)
        os.kill(ours, signal.SIGKILL)
        shell.expect("Killed")
        shell.type("stty sane\n")
        shell.type("while kill -0 $(cat pid) 2>/dev/null; do sleep 0.05; done; echo it is go''ne\n")
        shell.expect("it is gone\r\n")

    def test_not_found(self, shell: Terminal) -> None:
        """A command that is not there is told as the shell does, and the terminal is untouched."""
        shell.type("$rp run -- no-such-command; echo code $?\n")
        shell.expect("rp-finalize: no-such-command: command not found")
        shell.expect("code 127\r\n")
        assert shell.echoes


def _children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
