"""What taking signals over does to a process beside what it is for: nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Protocol

import pytest

from tests.support.commands import PATIENCE, environment, heed_interrupts

_PRELUDE = """
import multiprocessing, os, signal, sys, threading, time
from rp_finalizer import LaunchFinalizer, Settings, finalizing

class Client:
    launch_uuid = "7d6f1f0e-8c1b-4f5e-9f0a-2b1c3d4e5f60"

    def finish_launch(self, **arguments):
        say("finished", arguments.get("status"))

    def terminate(self):
        say("closed")

def say(*words):
    print(*words, flush=True)

def block(**settings):
    return finalizing(Client(), settings=Settings(), **settings)

def strike(number, after=0.0):
    threading.Timer(after, os.kill, (os.getpid(), number)).start()

def wait(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.01)
"""


class Run(Protocol):
    def __call__(self, program: str, before: str = "") -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def run() -> Run:
    """Run a program to its end, with something before all its imports."""

    def run(program: str, before: str = "") -> subprocess.CompletedProcess[str]:
        heed_interrupts()
        return subprocess.run(
            [sys.executable, "-c", before + _PRELUDE + program],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=environment(PYTHONWARNINGS="ignore"),
            check=False,
        )

    return run


def test_a_signal_of_somebody_elses_comes_once(run: Run) -> None:
    """A handler that the run has set for a signal is called once for each, as often as it was sent."""
    ended = run("""
calls = []
with block():
    signal.signal(signal.SIGUSR1, lambda *_: calls.append(1))
    signal.signal(signal.SIGTERM, lambda *_: calls.append(1))
    os.kill(os.getpid(), signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGTERM)
    wait(0.4)
say(len(calls))
""")
    assert ended.stdout.splitlines()[-1] == "2"
    assert ended.returncode == 0


def test_a_signal_comes_once_however_late_it_is_heard(run: Run) -> None:
    """An interrupt that meets the main thread in slow C code is raised there once, and no more."""
    ended = run("""
import hashlib
raised = []
with block():
    strike(signal.SIGINT, 0.05)
    try:
        hashlib.pbkdf2_hmac("sha256", b"", b"", 1_500_000)
        wait(0.2)
    except KeyboardInterrupt:
        raised.append(1)
    try:
        wait(0.5)
    except KeyboardInterrupt:
        raised.append(1)
say(len(raised))
""")
    assert ended.stdout.splitlines()[-1] == "1"


def test_a_signal_of_a_forked_child_is_its_own(run: Run) -> None:
    """A child that is terminated takes nobody with it."""
    ended = run("""
with block():
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    child.terminate()
    child.join()
    wait(0.3)
say(child.exitcode)
""")
    assert ended.stdout.splitlines()[-1] == str(-signal.SIGTERM)
    assert ended.returncode == 0


def test_a_signal_in_the_moment_of_a_fork_is_nobody_elses(run: Run) -> None:
    """A child that is terminated as soon as it is there ends of that, and its parent goes on, however often."""
    ended = run("""
codes = []
with block():
    for _ in range(60):
        child = os.fork()
        if child == 0:
            time.sleep(60)
        os.kill(child, signal.SIGTERM)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    wait(0.3)
say(*set(codes))
""")
    assert ended.stdout.splitlines() == ["finished None", "closed", str(-signal.SIGTERM)]


def test_a_signal_in_the_moment_of_a_fork_is_not_lost(run: Run) -> None:
    """A parent that is interrupted while it forks is interrupted behind that."""
    ended = run(
        """
raised = 0
with block():
    for _ in range(3):
        try:
            if os.fork() == 0:
                os._exit(0)
            wait(5)
        except KeyboardInterrupt:
            raised += 1
say(raised)
""",
        before="""
import os, signal
os.register_at_fork(after_in_parent=lambda: signal.raise_signal(signal.SIGINT))
""",
    )
    assert ended.stdout.splitlines()[-1] == "3"
    assert "Exception ignored" not in ended.stderr


def test_a_forked_child_ends_its_own_launch(run: Run) -> None:
    """In a fork a launch of its own is seen to as anywhere: the signal unwinds, and ends the child at last."""
    ended = run("""
def suite():
    with block():
        strike(signal.SIGTERM)
        wait(60)

with block():
    child = multiprocessing.get_context("fork").Process(target=suite)
    child.start()
    child.join()
    say("child", child.exitcode)
""")
    assert ended.stdout.splitlines() == [
        "finished interrupted",
        "closed",
        f"child {-signal.SIGTERM}",
        "finished None",
        "closed",
    ]


def test_unwinding_has_the_whole_grace(run: Run) -> None:
    """A signal that was raised gives what it unwinds all of the grace, even where the launch cannot wait so long."""
    ended = run("""
with block(grace=2.0):
    try:
        strike(signal.SIGTERM)
        wait(60)
    finally:
        wait(1.4)
        say("torn down")
""")
    assert ended.stdout.splitlines() == ["finished interrupted", "closed", "torn down"]
    assert ended.returncode == -signal.SIGTERM


def test_what_does_not_unwind_within_grace_is_ended(run: Run) -> None:
    """Where unwinding takes longer than the grace, the signal's default action comes all the same."""
    ended = run("""
with block(grace=1.0):
    try:
        strike(signal.SIGTERM)
        wait(60)
    finally:
        time.sleep(60)
""")
    assert ended.stdout.splitlines() == ["finished interrupted", "closed"]
    assert ended.returncode == -signal.SIGTERM


def test_an_interrupt_that_is_caught_ends_nothing(run: Run) -> None:
    """Who catches Ctrl-C and carries on has a launch for as long as the block lasts."""
    ended = run("""
with block(grace=0.4) as finalizer:
    try:
        strike(signal.SIGINT)
        wait(60)
    except KeyboardInterrupt:
        wait(0.8)
    say(finalizer.report)
""")
    assert ended.stdout.splitlines() == ["None", "finished None", "closed"]
    assert ended.returncode == 0


def test_a_launch_lives_as_long_as_threads_that_report(run: Run) -> None:
    """A main thread that comes to its end before others that the process waits for leaves them their launch."""
    ended = run("""
def suite():
    wait(0.3)
    say("reported")

LaunchFinalizer(Client(), settings=Settings()).guard()
threading.Thread(target=suite).start()
""")
    assert ended.stdout.splitlines() == ["reported", "finished None", "closed"]


def test_threads_do_not_outlive_a_signal(run: Run) -> None:
    """While the process waits for its threads a signal ends it, as it would without us; the launch first."""
    ended = run("""
LaunchFinalizer(Client(), settings=Settings()).guard()
threading.Thread(target=wait, args=(60,)).start()
strike(signal.SIGTERM, 0.3)
""")
    assert ended.stdout.splitlines() == ["finished interrupted", "closed"]
    assert ended.returncode == -signal.SIGTERM


def test_signals_are_given_back_by_a_thread_that_ends_the_last_launch(run: Run) -> None:
    """After a launch that was ended by another thread a signal does at once what it does without us."""
    ended = run("""
client = Client()
finalizer = LaunchFinalizer(client, settings=Settings()).guard()
thread = threading.Thread(target=client.terminate)
thread.start()
thread.join()
try:
    os.kill(os.getpid(), signal.SIGTERM)
    wait(60)
except KeyboardInterrupt:
    say("raised")
""")
    assert ended.stdout.splitlines() == ["finished None", "closed"]
    assert ended.returncode == -signal.SIGTERM


def test_a_system_without_what_posix_has(run: Run) -> None:
    """Where signals and processes can do less, as on Windows, a block and a guard do what is left to do."""
    ended = run(
        """
with block():
    try:
        strike(signal.SIGINT)
        wait(60)
    except KeyboardInterrupt:
        say("interrupted")
LaunchFinalizer(Client(), settings=Settings()).guard()
import conftest_plugin.plugin, conftest_plugin.reporting, rp_finalizer.cli.run, rp_finalizer.cli.demo
""",
        before=_WITHOUT_POSIX,
    )
    assert ended.stderr.count("Traceback") == 0, ended.stderr
    assert ended.stdout.splitlines() == ["interrupted", "finished interrupted", "closed", "finished None", "closed"]
    assert ended.returncode == 0


_WITHOUT_POSIX = """
import asyncio, multiprocessing, os, signal, subprocess, threading
for module, names in (
    (signal, "SIGHUP SIGUSR1 SIGUSR2 SIGCHLD pthread_kill pthread_sigmask valid_signals"),
    (os, "fork register_at_fork set_blocking killpg getpgrp waitpid"),
):
    for name in names.split():
        delattr(module, name)
"""
