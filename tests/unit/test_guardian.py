"""What a run tells its guardian, and that its handle is in nobody's way."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import subprocess
import sys
import termios
from array import array
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer import Settings
from rp_finalizer.entries import OwedLaunch
from rp_finalizer.guardian import Guardian
from rp_finalizer.guardian_messages import FORGET, GOODBYE, HELLO, RENEWED, VERSION, WATCH, Orders, encode
from rp_finalizer.guardian_process import Run, read_settings
from rp_finalizer.guardian_starting import introduction
from tests.support.guarded_runs import (
    children_of,
    descriptors_of,
    eventually,
    guardians_of,
    lone_guardians_of,
    state_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAUNCH = OwedLaunch("https://rp.example.com", "demo", "96c6a3f4-5e1a-4f0e-9a4c-8f7b2d1e0a55")
HELLO_LINE = encode(HELLO, version=VERSION, pid=1)


def watch_line(uuid: str = "a") -> bytes:
    return encode(WATCH, uuid=uuid, lease=None)


def settings(**arguments: Any) -> Settings:
    return Settings.load(environ={}, endpoint=LAUNCH.endpoint, project="demo", api_key="a_secret", **arguments)


@pytest.fixture
def guardian() -> Iterator[Guardian]:
    started = Guardian.start(settings())
    assert started is not None
    yield started
    for pid in lone_guardians_of(os.getpid()):
        # A test that fails may leave it stopped.
        os.kill(pid, signal.SIGCONT)
    started.goodbye()
    eventually(lambda: not guardians_of(os.getpid()))


class TestOrders:
    def test_in_pieces(self) -> None:
        """However the pipe cuts what was told, it comes to the same."""
        told = HELLO_LINE + watch_line("a") + watch_line("b") + encode(FORGET, uuid="a")
        orders = Orders()
        for number in range(len(told)):
            orders.hear(told[number : number + 1])
        assert list(orders.launches) == ["b"]
        assert not orders.goodbye

    def test_half_a_line_is_none(self) -> None:
        """What a run had no time to say to its end counts for nothing."""
        orders = Orders()
        orders.hear(HELLO_LINE + watch_line()[:-1])
        assert orders.launches == {}

    def test_goodbye(self) -> None:
        """A goodbye is heard, whatever stands before it."""
        orders = Orders()
        orders.hear(HELLO_LINE + watch_line() + encode(GOODBYE))
        assert orders.goodbye

    def test_what_is_forgotten_twice(self) -> None:
        """A launch that is not watched can be forgotten: the run may end one that began before its guardian."""
        orders = Orders()
        orders.hear(HELLO_LINE + encode(FORGET, uuid="a"))
        assert orders.launches == {}

    def test_signs_of_life(self) -> None:
        """Each launch that begins, and each renewal of the run's own, puts off the guardian's."""
        orders = Orders()
        orders.hear(HELLO_LINE + watch_line())
        before = orders.renewals
        orders.hear(encode(RENEWED))
        assert orders.renewals > before > 0

    @pytest.mark.parametrize(
        "line",
        [
            encode(HELLO, version=VERSION + 1, pid=1),
            encode(HELLO, pid=1),
            watch_line(),
            HELLO_LINE + HELLO_LINE,
            HELLO_LINE + encode("relay", event={}),
            HELLO_LINE + encode(WATCH),
            HELLO_LINE + b"[1]\n",
            HELLO_LINE + b"null\n",
            HELLO_LINE + b"{\n",
            HELLO_LINE + b"\xff\n",
            HELLO_LINE + b"[" * 100_000 + b"\n",
        ],
    )
    def test_what_cannot_be_read(self, line: bytes) -> None:
        """What another version says, or nobody, is an error of one kind."""
        with pytest.raises(ValueError):  # noqa: PT011  no text of it is promised
            Orders().hear(line)


class TestIntroduction:
    def test_settings_arrive(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The guardian acts by the run's settings, secrets included, wherever the two stand by then."""
        monkeypatch.chdir(tmp_path)
        (tmp_path / "ca.pem").touch()
        given = settings(
            report_file="report.json", outbox="outbox.db", verify_ssl="ca.pem", status_on_crash="none", timeout=3
        )
        told = introduction(given)
        monkeypatch.chdir("/")
        monkeypatch.setattr(sys, "path", [*sys.path])
        arrived = read_settings(told)
        assert arrived == given.replace(
            report_file=tmp_path / "report.json", verify_ssl=str(tmp_path / "ca.pem"), signals=True, guardian=False
        )
        assert arrived.origin("timeout") == "argument timeout"

    def test_memory_is_no_place(self) -> None:
        """An outbox in the run's memory is none for its guardian: what it left there would be lost without a word."""
        assert introduction(settings(outbox="memory:"))["settings"]["outbox"][0] == "off"

    def test_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The guardian is told of proxies and certificates, and not of the launches and keys in the environment."""
        monkeypatch.setenv("https_proxy", "http://user:secret@proxy")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/ca.pem")
        monkeypatch.setenv("RP_LAUNCH_UUID", LAUNCH.uuid)
        told = introduction(settings())["environ"]
        assert told["https_proxy"] == "http://user:secret@proxy"
        assert told["REQUESTS_CA_BUNDLE"] == "/ca.pem"
        assert not [name for name in told if name.startswith("RP_")]


class TestHandle:
    def test_goodbye(self) -> None:
        """A guardian that is sent away goes, and may be sent away again; no child is left behind, dead or alive."""
        before = children_of(os.getpid())
        guardian = Guardian.start(settings())
        assert guardian is not None
        guardian.watch(LAUNCH)
        assert guardian.alive
        guardian.goodbye()
        guardian.goodbye()
        eventually(lambda: not guardians_of(os.getpid()))
        eventually(lambda: children_of(os.getpid()) == before)

    def test_another_version(self, guardian: Guardian) -> None:
        """A guardian that is told what it cannot read leaves at once, and the run goes on without it."""
        guardian._tell("relay", event={})
        eventually(lambda: not guardian.alive)
        guardian.watch(LAUNCH)
        guardian.forget(LAUNCH.uuid)

    def test_in_a_forked_child(self, guardian: Guardian) -> None:
        """A forked child's copy of the handle tells nobody anything."""
        [pid] = eventually(lambda: lone_guardians_of(os.getpid()))
        os.kill(pid, signal.SIGSTOP)
        eventually(lambda: state_of(pid) == "T")
        before = unread(guardian)
        child = os.fork()
        if child == 0:
            try:
                guardian.watch(LAUNCH)
                guardian.goodbye()
            finally:
                os._exit(guardian.alive)
        assert os.waitpid(child, 0)[1] == 0
        assert unread(guardian) == before
        os.kill(pid, signal.SIGCONT)
        assert guardian.alive

    def test_descriptor_of_somebody_else(self, guardian: Guardian, tmp_path: Path) -> None:
        """Where the pipe was closed by others, nothing is written into the file that has its number by now."""
        number = guardian._pipe
        os.close(number)
        with (tmp_path / "file").open("w") as file:
            os.dup2(file.fileno(), number)
            guardian.watch(LAUNCH)
            guardian.goodbye()
            assert not guardian.alive
            os.close(number)
        assert (tmp_path / "file").read_text() == ""
        # Nobody can tell it anything any more: it would wait for this process's end.
        [pid] = eventually(lambda: lone_guardians_of(os.getpid()))
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not guardians_of(os.getpid()))

    def test_one_that_does_not_listen(self, guardian: Guardian) -> None:
        """A guardian that is stopped keeps nobody waiting, whatever it is told, and hears of it when it goes on."""
        [pid] = eventually(lambda: lone_guardians_of(os.getpid()))
        os.kill(pid, signal.SIGSTOP)
        for _ in range(2000):
            guardian.watch(LAUNCH)
        assert guardian.alive
        os.kill(pid, signal.SIGCONT)
        eventually(partial(hears_all, guardian))
        assert guardian.alive


@pytest.mark.parametrize(
    ("program", "level"), [("", "INFO"), ("/usr/sbin/uwsgi", "INFO"), ("/nowhere/python3", "WARNING")]
)
def test_nothing_to_start(
    program: str, level: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where no process can be started the run goes on without one, and is told why, once."""
    monkeypatch.setattr(sys, "executable", program)
    before = set(descriptors_of(os.getpid()))
    with caplog.at_level(logging.INFO):
        assert Guardian.start(settings()) is None
    assert [record.levelname for record in caplog.records] == [level]
    assert set(descriptors_of(os.getpid())) == before


def test_bundled_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program with Python inside is not started a second time in place of Python."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert Guardian.start(settings()) is None


def unread(guardian: Guardian) -> int:
    """Count what is in the pipe."""
    number = array("i", [0])
    fcntl.ioctl(guardian._pipe, termios.FIONREAD, number)
    return number[0]


def hears_all(guardian: Guardian) -> bool:
    """Tell whether nothing is left unsaid, when the next is said."""
    guardian.renewed()
    return not guardian._unsent


HOLDER = """
import sys
from rp_finalizer.holders import this_process
print(this_process("run"), flush=True)
sys.stdin.read()
"""


def test_without_descriptors_of_processes() -> None:
    """Where the system gives no such thing for processes, a look at the run, or the pipe's end, tells of its death."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        orders, run = Orders(), Run(process.pid, None)
        assert not run.gone(orders, silent=False)
        holder = process.stdout.readline().strip()
        orders.hear(encode(HELLO, version=VERSION, pid=process.pid, holder=holder))
        assert not run.gone(orders, silent=False)
        assert run.gone(orders, silent=True)
        process.kill()
        process.wait()
        assert run.gone(orders, silent=False)


def test_dead_before_anybody_looked() -> None:
    """A run whose guardian was a stranger's child before it could look is dead."""
    orders = Orders()
    orders.hear(HELLO_LINE)
    assert Run(os.getpid(), None).gone(orders, silent=False)
