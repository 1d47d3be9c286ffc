"""Whether the process that holds an entry still lives."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rp_finalizer.holders import alive, this_process

if TYPE_CHECKING:
    from collections.abc import Iterator

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="other systems tell less of their processes")
PROGRAM = """
import sys
from rp_finalizer.holders import this_process
print(this_process("run"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def process() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Give another process, and what it calls itself."""
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


def renamed(holder: str, **parts: str) -> str:
    """Give the holder's name with other parts."""
    role, _, rest = holder.partition("@")
    named = dict(zip(("host", "boot", "namespace", "pid", "begun"), rest.split(":"), strict=True))
    return f"{role}@{':'.join({**named, **parts}.values())}"


def test_this_process_lives_and_says_what_it_does() -> None:
    """Whoever asks about itself is told that it is there."""
    holder = this_process("worker")
    assert holder.startswith(f"worker@{platform.node()}:")
    assert str(os.getpid()) in holder.split(":")
    assert alive(holder) is True


def test_a_process_lives_until_it_is_killed(process: tuple[subprocess.Popen[str], str]) -> None:
    """Another process is told by its name alone, and so is its end."""
    other, holder = process
    assert holder != this_process("run")
    assert alive(holder) is True
    other.kill()
    other.wait()
    assert alive(holder) is False


@LINUX
def test_a_process_that_nobody_has_asked_about_is_dead_all_the_same(process: tuple[subprocess.Popen[str], str]) -> None:
    """Its parent may be busy, or killed with it: what has ended does nothing any more."""
    other, holder = process
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert alive(holder) is False


def test_a_stopped_process_is_alive(process: tuple[subprocess.Popen[str], str]) -> None:
    """It goes on when it is let: its launch is its own."""
    other, holder = process
    other.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, other.pid, os.WSTOPPED | os.WNOWAIT)
    assert alive(holder) is True


@LINUX
def test_a_pid_that_was_used_again_is_another_process() -> None:
    """The number is the same, and it began at another time."""
    assert alive(renamed(this_process("run"), begun="1")) is False


@LINUX
def test_what_ran_before_the_machine_was_started_anew_is_dead() -> None:
    """However its pid and its beginning agree with those of a process now."""
    assert alive(renamed(this_process("run"), boot="00000000-0000-0000-0000-000000000000")) is False


def test_of_other_hosts_and_containers_nothing_is_known() -> None:
    """A pid means nothing there: neither that it lives, nor that it is dead."""
    assert alive(renamed(this_process("run"), host="another")) is None
    if sys.platform == "linux":
        assert alive(renamed(this_process("run"), namespace="1")) is None


@pytest.mark.parametrize(
    "holder",
    [
        "",
        "run",
        "run@host",
        "worker 7",
        "a@b:c:d:e:f",
        "a@b:c:d:1",
        "::::",
        "a@:::-1:",
        f"a@:::{'9' * 5000}:",
        "\0@\0:::1:",
    ],
)
def test_of_names_of_another_form_nothing_is_known(holder: str) -> None:
    """A worker's own name, or one of another version: no error, and no guess."""
    assert alive(holder) is None


@LINUX
def test_a_pid_that_no_system_has_is_dead() -> None:
    """It is looked for and not found."""
    assert alive(renamed(this_process("run"), pid="999999999")) is False


def test_a_forked_child_is_not_its_parent() -> None:
    """It has a name of its own from its beginning."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, this_process("run").encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        name = pipe.read()
    os.waitpid(child, 0)
    assert name != this_process("run")
    assert alive(name) is False
