"""Runs that die without a chance to finish their launch, and the process that does it for them."""

from __future__ import annotations

import os
import random
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest

from rp_finalizer import Outcome, Report
from rp_finalizer.emulator import Fault
from rp_finalizer.entries import EntryState
from rp_finalizer.outbox.sqlite import SqliteOutbox
from tests.support.fault_modes import Refuse
from tests.support.guarded_runs import (
    KEY,
    OUTBOX,
    REPORT,
    children_of,
    command_of,
    descriptors_of,
    environment_of,
    eventually,
    guarded,
    memory_of,
    state_of,
)
from tests.support.reporting import FINISH, finishes, status_of

if TYPE_CHECKING:
    from pathlib import Path

    from rp_finalizer.emulator import Emulator
    from rp_finalizer.entries import Entry
    from tests.support.fault_proxy import FaultProxy
    from tests.support.guarded_runs import GuardedRun

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

DYING = (
    pytest.param("os._exit(3)", id="os._exit"),
    pytest.param("ctypes.string_at(0)", id="segmentation fault"),
    # At once: the guardian has only just been started.
    pytest.param("os.killpg(0, signal.SIGKILL)", id="killed with its group"),
    pytest.param("os.abort()", id="abort", marks=pytest.mark.slow),
    pytest.param("os.execv('/bin/true', ['true'])", id="another program", marks=pytest.mark.slow),
)
PATIENT = {"RP_READ_TIMEOUT": "600"}
MEMORY = 15.0
"""MiB that a waiting guardian may hold, and a half more on other systems."""
BUSY = "while True:\n    report()"


def expect_interrupted(emulator: Emulator) -> None:
    """Wait until the one launch is finished, and that shows that its run was interrupted.

    Where an item was cut short, too, the server marks that one, and computes the launch's status from the items.
    """
    emulator.wait_until(lambda: [call for call in finishes(emulator) if call.applied], timeout=30.0)
    [launch] = emulator.launches()
    items = {item.status.value for item in emulator.items(launch.uuid)}
    assert launch.status.value == ("FAILED" if "INTERRUPTED" in items else "INTERRUPTED")
    assert items <= {"PASSED", "INTERRUPTED"}
    assert sum(call.applied for call in finishes(emulator)) == 1


def expect_gone(pid: int) -> None:
    eventually(lambda: state_of(pid) is None)


def report_of(run: GuardedRun) -> Report:
    path = run.folder / REPORT
    eventually(path.exists)
    return Report.from_json(path.read_text())


def entry_of(run: GuardedRun) -> Entry:
    [entry] = SqliteOutbox(run.folder / OUTBOX).entries()
    return entry


def is_renewed(run: GuardedRun, since: float) -> bool:
    return entry_of(run).updated_at > since


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, 24))])
def test_killed_at_any_moment(emulator: Emulator, tmp_path: Path, seed: int) -> None:
    """A run that is killed, whatever it is about, leaves a launch that is finished, an entry that is, and a report."""
    moment = random.Random(seed).randrange(3, 40)
    with guarded(tmp_path, emulator.url, BUSY) as run:
        emulator.wait_until(lambda: len(emulator.calls()) >= moment)
        run.kill()
        expect_interrupted(emulator)
        assert report_of(run).outcome is Outcome.FINISHED
        assert eventually(lambda: entry_of(run).state is EntryState.DONE)


@pytest.mark.parametrize("how", DYING)
def test_dead_by_itself(emulator: Emulator, tmp_path: Path, how: str) -> None:
    """A run that leaves past all hooks, or crashes, leaves a launch that is finished."""
    with guarded(tmp_path, emulator.url, how) as run:
        run.ended()
        expect_interrupted(emulator)


def test_a_run_that_ends_well(emulator: Emulator, tmp_path: Path) -> None:
    """A run that finishes its launch does that alone: its guardian leaves without a word, and nothing is left of it."""
    with guarded(tmp_path, emulator.url) as run:
        run.wait_for()
        guardian = run.guardian()
        assert run.go() == 0
        expect_gone(guardian)
    [launch] = emulator.launches()
    assert status_of(emulator, launch.uuid) == "PASSED"
    assert len(finishes(emulator)) == 1


def test_nobodys_child(emulator: Emulator, tmp_path: Path) -> None:
    """Whoever waits for all children of a run, or counts or kills them, does not meet the guardian, dead or alive."""
    with guarded(tmp_path, emulator.url) as run:
        run.wait_for()
        guardian = run.guardian()
        eventually(lambda: not children_of(run.pid))
        assert guardian not in children_of(run.pid)
        assert state_of(guardian) == "S"
        assert run.go() == 0


def test_guardian_killed(emulator: Emulator, tmp_path: Path) -> None:
    """A run whose guardian is killed ends as ever, also where writing into a closed pipe would end its process."""
    ending = "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\nready()"
    with guarded(tmp_path, emulator.url, ending) as run:
        run.wait_for()
        guardian = run.guardian()
        os.kill(guardian, signal.SIGKILL)
        expect_gone(guardian)
        assert run.go() == 0
    [launch] = emulator.launches()
    assert status_of(emulator, launch.uuid) == "PASSED"


def test_stopped_run(emulator: Emulator, tmp_path: Path) -> None:
    """A run that is stopped is not dead: its guardian renews its lease, and it goes on and finishes its own launch."""
    with guarded(tmp_path, emulator.url, lease=1) as run:
        run.wait_for()
        run.send(signal.SIGSTOP)
        eventually(lambda: state_of(run.pid) == "T")
        for _ in range(3):
            renewed = entry_of(run).updated_at
            eventually(partial(is_renewed, run, renewed))
        assert finishes(emulator) == []
        run.send(signal.SIGCONT)
        assert run.go() == 0
    [launch] = emulator.launches()
    assert status_of(emulator, launch.uuid) == "PASSED"
    assert report_of(run).outcome is Outcome.FINISHED


FORK_IN_C = """
child = libc.fork()
if child == 0:
    libc.sleep(600)
    libc._exit(0)
say(f"child {child}")
ready()
"""


def test_pipe_in_other_hands(emulator: Emulator, tmp_path: Path) -> None:
    """A killed run's launch is finished although a process that it left behind holds all that it had open."""
    with guarded(tmp_path, emulator.url, FORK_IN_C) as run:
        child = int(run.wait_for("child"))
        try:
            run.wait_for()
            assert set(descriptors_of(run.pid).values()) == set(descriptors_of(child).values())
            run.kill()
            expect_interrupted(emulator)
        finally:
            os.kill(child, signal.SIGKILL)


FORK_IN_PYTHON = """
child = os.fork()
if child == 0:
    finalizer.terminate()
    sys.exit()
os.waitpid(child, 0)
ready()
"""


def test_forked_child_sends_nobody_away(emulator: Emulator, tmp_path: Path) -> None:
    """A forked child that ends, with all hooks and an explicit end, leaves the run its guardian."""
    with guarded(tmp_path, emulator.url, FORK_IN_PYTHON) as run:
        run.wait_for()
        run.kill()
        expect_interrupted(emulator)


def test_signals_are_the_runs(emulator: Emulator, tmp_path: Path) -> None:
    """What strikes a run's group does not strike its guardian, and what asks that one to end is not obeyed too soon."""
    ignoring = "signal.signal(signal.SIGINT, signal.SIG_IGN)\nready()"
    with guarded(tmp_path, emulator.url, ignoring) as run:
        run.wait_for()
        guardian = run.guardian()
        os.killpg(run.pid, signal.SIGINT)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(guardian, number)
        run.kill()
        expect_interrupted(emulator)


@pytest.mark.parametrize("asked", ["before", "after"])
def test_asked_to_hurry(emulator: Emulator, tmp_path: Path, asked: str) -> None:
    """A guardian that is asked to end, as its run is, has the grace to finish, and leaves the launch in the outbox."""
    emulator.add_fault(Fault(FINISH, hang=True))
    with guarded(tmp_path, emulator.url, environ=PATIENT, timeout=600, grace=1) as run:
        run.wait_for()
        guardian = run.guardian()
        if asked == "before":
            os.kill(guardian, signal.SIGTERM)
        run.kill()
        if asked == "after":
            emulator.wait_until(lambda: finishes(emulator), timeout=30.0)
            os.kill(guardian, signal.SIGTERM)
        expect_gone(guardian)
        assert entry_of(run).state is EntryState.READY


MORE_LAUNCHES = """
from rp_finalizer.entries import OwedLaunch
from rp_finalizer.guardian import Guardian

guardian = Guardian.start(finalizer.settings)
for name in ("second", "third"):
    other = RPClient(os.environ["RP_ENDPOINT"], "demo", api_key=os.environ["RP_API_KEY"])
    guardian.watch(OwedLaunch(os.environ["RP_ENDPOINT"], "demo", other.start_launch(name, now())))
ready()
"""


def test_several_launches(emulator: Emulator, tmp_path: Path) -> None:
    """Every launch that a killed run has left open is finished, by one guardian or by several."""
    with guarded(tmp_path, emulator.url, MORE_LAUNCHES) as run:
        run.wait_for()
        run.kill()
        emulator.wait_until(lambda: [each.status.value for each in emulator.launches()] == ["INTERRUPTED"] * 3, 30.0)


def test_without_an_outbox(emulator: Emulator, tmp_path: Path) -> None:
    """A killed run that keeps no outbox has its launch finished, too."""
    with guarded(tmp_path, emulator.url, outbox="off") as run:
        run.wait_for()
        run.kill()
        expect_interrupted(emulator)
        assert report_of(run).entry is None


OUTBOX_AS_AN_OBJECT = """
from pathlib import Path
from rp_finalizer.outbox.sqlite import SqliteOutbox

other = RPClient(os.environ["RP_ENDPOINT"], "demo", api_key=os.environ["RP_API_KEY"])
with finalizing(other, outbox=SqliteOutbox(Path("other.db").absolute())):
    other.start_launch("second", now())
    ready()
"""


def test_outbox_of_the_runs_own(emulator: Emulator, tmp_path: Path) -> None:
    """Where a run was handed its outbox as an object, the guardian settles the entry in that one."""
    with guarded(tmp_path, emulator.url, OUTBOX_AS_AN_OBJECT) as run:
        run.wait_for()
        run.kill()
        outbox = SqliteOutbox(run.folder / "other.db")
        eventually(lambda: [each.state for each in outbox.entries()] == [EntryState.DONE])
        outbox.close()
        eventually(lambda: entry_of(run).state is EntryState.DONE)
    assert [launch.status.value for launch in emulator.launches()] == ["INTERRUPTED"] * 2


def test_a_run_that_lives_renews_by_itself(emulator: Emulator, tmp_path: Path) -> None:
    """Beside a run that renews its leases a guardian starts no process to do that."""
    helpers: list[int] = []

    def renewed_for_long(run: GuardedRun, guardian: int, since: float) -> bool:
        helpers.extend(children_of(guardian))
        return is_renewed(run, since + lease)

    lease = 3.0
    with guarded(tmp_path, emulator.url, lease=lease) as run:
        run.wait_for()
        eventually(partial(renewed_for_long, run, run.guardian(), entry_of(run).updated_at))
        assert helpers == []
        assert run.go() == 0


def test_status_of_a_crash(emulator: Emulator, tmp_path: Path) -> None:
    """Without a status for crashes the server computes it, from what had arrived."""
    with guarded(tmp_path, emulator.url, status_on_crash="none") as run:
        run.wait_for()
        run.kill()
        emulator.wait_until(lambda: [each.status.value for each in emulator.launches()] == ["PASSED"], 30.0)


def test_server_away(fault_proxy: FaultProxy, tmp_path: Path) -> None:
    """A launch whose run died while the server was away is left in the outbox, for nobody, with what went wrong."""
    with guarded(tmp_path, f"http://127.0.0.1:{fault_proxy.port}", timeout=1) as run:
        run.wait_for()
        fault_proxy.set(Refuse())
        run.kill()
        report = report_of(run)
        entry = entry_of(run)
    assert report.outcome is Outcome.DEFERRED
    assert (entry.state, entry.lease_owner, entry.launch.status) == (EntryState.READY, None, "interrupted")
    assert entry.last_error is not None


def test_secrets(emulator: Emulator, tmp_path: Path) -> None:
    """No secret stands where other processes of the user may read it, although the run's own environment holds it."""
    with guarded(tmp_path, emulator.url, HTTPS_PROXY="") as run:
        run.wait_for()
        assert f"RP_API_KEY={KEY}" in environment_of(run.pid)
        guardian = run.guardian()
        assert not [text for text in (*command_of(guardian), *environment_of(guardian)) if KEY in text]
        run.kill()
        expect_interrupted(emulator)
        expect_gone(guardian)
        kept = [path.read_bytes() for path in run.folder.iterdir() if path.is_file()]
        assert not [content for content in kept if KEY.encode() in content]


INHERITABLE = """
import os
file = os.open("held", os.O_RDWR | os.O_CREAT)
os.set_inheritable(file, True)
"""


def test_holds_nothing(emulator: Emulator, tmp_path: Path) -> None:
    """A guardian holds its pipe and the run's process, and no file, terminal or pipe of the run's."""
    with guarded(tmp_path, emulator.url, first=INHERITABLE) as run:
        run.wait_for()
        pipe, *others = (name for _, name in sorted(descriptors_of(run.guardian()).items()))
        assert pipe.startswith("pipe:")
        assert others[:2] == [os.devnull, os.devnull]
        assert others[2:] in ([], ["anon_inode:[pidfd]"])
        assert run.go() == 0


def test_nobody_waits_for_a_guardian(emulator: Emulator, tmp_path: Path) -> None:
    """Whoever reads a run's output is at its end when the run is, though its guardian is busy for long."""
    emulator.add_fault(Fault(FINISH, hang=True))
    with guarded(tmp_path, emulator.url, environ=PATIENT, timeout=600) as run:
        run.wait_for()
        guardian = run.guardian()
        run.kill()
        assert run.output() == ""
        emulator.wait_until(lambda: finishes(emulator), timeout=30.0)
        assert state_of(guardian) is not None
        emulator.clear_faults()
        expect_interrupted(emulator)


def test_memory(emulator: Emulator, tmp_path: Path) -> None:
    """A guardian that waits takes so little memory that nobody asks what it is."""
    with guarded(tmp_path, emulator.url) as run:
        run.wait_for()
        assert memory_of(run.guardian()) < 1.5 * MEMORY
        assert run.go() == 0
