"""`rp-finalize drain` as people and pipelines call it."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from rp_finalizer import Outcome, Report
from rp_finalizer.emulator import Fault
from rp_finalizer.entries import EntryState, OwedLaunch, Priority
from rp_finalizer.holders import this_process
from tests.support.commands import SCRIPT, ended, environment
from tests.support.fault_proxy import Refuse
from tests.support.owed import commands, owed
from tests.support.reporting import FINISH, finishes, status_of
from tests.support.terminals import Terminal

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.support.commands import Commands
    from tests.support.fault_proxy import FaultProxy
    from tests.support.owed import Owed

__all__ = ["commands", "owed"]


def test_what_is_owed_is_finished(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """Every launch of the outbox is finished on the server, with what its entry says, and nothing is owed any more."""
    uuids = owed.add_started(3)
    drained = commands.run("drain")
    assert (drained.code, drained.out, drained.err) == (0, "3 finished, 0 left\n", "")
    assert {status_of(emulator, uuid) for uuid in uuids} == {"PASSED"}
    for uuid in uuids:
        entry, launch = owed.entry(uuid), emulator.launch(uuid)
        assert launch is not None
        assert (entry.state, launch.end_ms) == (EntryState.DONE, entry.launch.end_ms)
        assert entry.report is not None
        assert entry.report.outcome is Outcome.FINISHED


def test_json_is_one_document(owed: Owed, commands: Commands) -> None:
    """With --json stdout holds the promised members, a report for each launch."""
    (uuid,) = owed.add_started()
    drained = commands.run("drain", "--json", "-v")
    document = drained.document()
    assert list(document) == ["schema", "reports", "finished", "left", "dead"]
    assert [document[name] for name in ("schema", "finished", "left", "dead")] == [1, 1, 0, 0]
    (report,) = map(Report.from_dict, document["reports"])
    assert report.launch is not None
    assert (report.outcome, report.launch.uuid, report.entry) == (
        Outcome.FINISHED,
        uuid,
        owed.entry(uuid).entry_id,
    )


@pytest.mark.parametrize("used", [True, False], ids=["empty", "never used"])
def test_an_outbox_without_entries(owed: Owed, commands: Commands, *, used: bool) -> None:
    """Nothing to do is no error, and makes no file."""
    if used:
        owed.outbox.prune(0.0)
    drained = commands.run("drain")
    assert (drained.code, drained.out, drained.err) == (0, f"nothing is owed: sqlite:///{owed.path}\n", "")
    assert commands.run("drain", "--json").document() == {
        "schema": 1,
        "reports": [],
        "finished": 0,
        "left": 0,
        "dead": 0,
    }
    assert owed.path.exists() is used


def test_what_waits_for_its_next_try_is_tried_now(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """Who drains wants it done now, and not in a quarter of an hour."""
    (uuid,) = owed.start()
    owed.put_off(uuid)
    assert commands.run("drain").code == 0
    assert status_of(emulator, uuid) == "PASSED"


def test_what_a_living_run_holds_is_left_to_it(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """A run that goes on finishes its own launch: it is owed still, and told."""
    (uuid,) = owed.start()
    run = owed.outbox.open(owed.launch(uuid, end_ms=None), this_process("run"), 60.0)
    drained = commands.run("drain")
    assert drained.code == 3
    assert "its run goes on" in drained.out
    assert drained.out.endswith("0 finished, 1 left\n")
    assert finishes(emulator) == []
    owed.outbox.renew(run.entry_id, run.lease_token, 60.0)


@pytest.mark.parametrize("holder", ["dead", "unknown"])
def test_what_a_dead_run_held_is_finished_as_interrupted(
    emulator: Emulator, owed: Owed, commands: Commands, holder: str
) -> None:
    """A launch is taken over from a dead process at once, and from any other when its lease is over."""
    (uuid,) = owed.start(hours_ago=1)
    owner = this_process("run").rpartition(":")[0] + ":1" if holder == "dead" else "run@elsewhere"
    entry = owed.outbox.open(owed.launch(uuid, end_ms=None), owner, 60.0 if holder == "dead" else 0.0)
    assert commands.run("drain").code == 0
    launch = emulator.launch(uuid)
    assert launch is not None
    assert (launch.status, launch.end_ms) == ("INTERRUPTED", int((entry.alive_at or 0) * 1000))


def test_a_server_that_is_away_leaves_all_and_kills_nothing(
    emulator: Emulator, fault_proxy: FaultProxy, owed: Owed, commands: Commands
) -> None:
    """An outage is told with its reason, costs no attempt and little time, and the next drain finishes what is left."""
    uuids = owed.start(12)
    for uuid in uuids:
        owed.outbox.add(OwedLaunch(fault_proxy.url, "demo", uuid, end_ms=int(time.time() * 1000) + 60_000))
    away = commands.with_variables(RP_ENDPOINT=fault_proxy.url)
    fault_proxy.set(Refuse())
    begun = time.monotonic()
    drained = away.run("drain", "--concurrency", "4")
    assert time.monotonic() - begun < 20
    assert drained.code == 3
    assert "unavailable" in drained.out
    assert drained.out.endswith("0 finished, 12 left\n")
    assert {owed.entry(uuid).attempts for uuid in uuids} == {0}
    document = away.run("drain", "--json").document()
    assert {report["outcome"] for report in document["reports"]} == {"deferred"}
    assert "rp-finalize drain" in document["reports"][0]["error"]["hint"]
    fault_proxy.clear()
    assert away.run("drain").code == 0
    assert {status_of(emulator, uuid) for uuid in uuids} == {"PASSED"}


def test_a_refusal_for_good_makes_a_dead_letter(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """What the server refuses for good is given up, with its reason, and that is told before what is left."""
    refused, left = owed.add_started(2)
    rejection = {"errorCode": 4001, "message": "Incorrect Request."}
    emulator.add_fault(Fault(path=refused, status=400, body=rejection))
    emulator.add_fault(Fault(path=left, status=503, body="<html>", content_type="text/html"))
    drained = commands.run("drain")
    assert drained.code == 1
    assert "rejected: 400" in drained.out
    assert "0 finished, 1 left, 1 given up (rp-finalize entries list --state dead)" in drained.out
    assert (owed.state(refused), owed.state(left)) == (EntryState.DEAD, EntryState.READY)
    assert commands.run("drain").code == 3, "the dead letter is not a new one any more"


def test_an_entry_without_a_key_is_left_as_it_is(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """The key that is set goes to its own project only; the row that is missing is named, and with it all is well."""
    emulator.add_project("other")
    (uuid,) = owed.start()
    owed.outbox.add(owed.launch(uuid))
    elsewhere = commands.with_variables(RP_PROJECT="other")
    before = len(emulator.calls())
    drained = elsewhere.run("drain")
    assert drained.code == 3
    row = f'"{emulator.url}#demo" = "NAME_OF_A_VARIABLE"'
    assert row in drained.out
    assert (owed.state(uuid), owed.entry(uuid).attempts) == (EntryState.READY, 0)
    assert len(emulator.calls()) == before
    table = f"[tool.rp_finalizer.credentials]\n{row.replace('NAME_OF_A_VARIABLE', 'DEMO_KEY')}\n"
    (commands.folder / "pyproject.toml").write_text(table, encoding="utf-8")
    assert elsewhere.with_variables(DEMO_KEY="demo_key", RP_API_KEY="wrong").run("drain").code == 0
    assert status_of(emulator, uuid) == "PASSED"


def test_no_more_than_the_limit_and_the_most_urgent_first(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """--limit takes the most urgent; the others are left, and told."""
    low, high = owed.start(2)
    owed.add(low, priority=Priority.LOW)
    owed.add(high, priority=Priority.CRITICAL)
    drained = commands.run("drain", "--limit", "1")
    assert (drained.code, drained.out.splitlines()[-1]) == (3, "1 finished, 1 left")
    assert (status_of(emulator, high), status_of(emulator, low)) == ("PASSED", "IN_PROGRESS")


def test_only_what_is_older(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """--older-than leaves what was added since."""
    owed.add_started()
    assert commands.run("drain", "--older-than", "1h").code == 3
    assert finishes(emulator) == []
    assert commands.run("drain", "--older-than", "0s").code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--limit", "0"], "--limit"),
        (["--concurrency", "x"], "--concurrency"),
        (["--older-than", "soon"], "900, 15m, 2h or 7d"),
        (["--outbox", "off"], "switched off"),
        (["--outbox", "ftp://x"], "no outbox of the kind ftp"),
        (["surplus"], "surplus"),
    ],
)
def test_wrong_usage(commands: Commands, arguments: list[str], says: str) -> None:
    """Wrong usage and wrong settings exit with 2, say what is wrong, and give a document where one is wanted."""
    drained = commands.run("drain", *arguments)
    assert (drained.code, drained.out) == (2, "")
    assert says in drained.err
    assert "Traceback" not in drained.err
    document = commands.run("drain", "--json", *arguments).document()
    assert (document["schema"], document["error"]["kind"]) == (1, "settings")


def test_a_place_where_no_outbox_can_be(commands: Commands) -> None:
    """An outbox that cannot be opened is told with the kind of error that it is."""
    (commands.folder / "file").touch()
    drained = commands.run("entries", "add", str(uuid4()), "--json", "--outbox", str(commands.folder / "file" / "x.db"))
    assert drained.code == 2
    assert drained.document()["error"]["kind"] == "outbox"
    assert "Traceback" not in drained.err


def test_a_damaged_outbox_is_set_aside_and_told(owed: Owed, commands: Commands) -> None:
    """A file that is no outbox is kept under another name, and said so; it is no reason to fail for ever."""
    owed.path.write_bytes(b"this is no database, and never was one" * 100)
    drained = commands.run("drain")
    assert drained.code == 0
    assert "was damaged; it is kept as" in drained.err
    assert len(list(owed.path.parent.glob("outbox.db.damaged-*"))) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_lets_what_runs_come_to_its_end(
    emulator: Emulator, owed: Owed, commands: Commands, number: signal.Signals
) -> None:
    """What runs is finished, what has not begun is handed back with no attempt spent, and the signal is told."""
    uuids = owed.add_started(4)
    held = emulator.add_fault(Fault(FINISH, hang=True))
    with commands.started("drain", "--concurrency", "1") as process:
        emulator.wait_until(lambda: finishes(emulator))
        process.send_signal(number)
        assert process.stderr is not None
        assert "what runs is finished" in process.stderr.readline()
        held.remove()
        drained = ended(process)
    assert drained.code == 128 + number
    assert drained.out.endswith("1 finished, 3 left\n")
    states = sorted(owed.state(uuid) for uuid in uuids)
    assert states == [EntryState.DONE, EntryState.READY, EntryState.READY, EntryState.READY]
    assert {owed.entry(uuid).attempts for uuid in uuids if owed.state(uuid) is EntryState.READY} == {0}


def test_further_signals_hurry_and_end_it(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """A third signal ends the command at once; the lease runs out by itself, and nothing is lost."""
    (uuid,) = owed.add_started()
    emulator.add_fault(Fault(FINISH, hang=True))
    with commands.started("drain") as process:
        assert process.stderr is not None
        emulator.wait_until(lambda: finishes(emulator))
        for told in ("what runs is finished", "one more try", "run out by themselves"):
            process.send_signal(signal.SIGTERM)
            # A signal that cuts the printing of a line short has it printed once more.
            assert any(told in line for line in iter(process.stderr.readline, ""))
        assert ended(process).code == 143
    assert owed.state(uuid) is EntryState.LEASED


def test_two_drains_at_once_share_the_work(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """Two commands on one outbox finish each launch once."""
    uuids = owed.add_started(20)
    with commands.started("drain") as one, commands.started("drain") as other:
        assert {ended(one).code, ended(other).code} <= {0, 3}
    assert commands.run("drain").code == 0
    finished = [call.launch_uuid for call in finishes(emulator)]
    assert sorted(str(uuid) for uuid in finished) == sorted(uuids)


def test_quiet_tells_nothing_but_errors(owed: Owed, commands: Commands) -> None:
    """-q prints nothing where all is well."""
    owed.add_started()
    drained = commands.run("drain", "-q")
    assert (drained.code, drained.out, drained.err) == (0, "", "")


def test_nobody_reads_what_is_printed(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """A pipe that is closed early changes nothing of what is done, nor the exit code."""
    (uuid,) = owed.add_started()
    with commands.started("drain", "-v") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) == 0
    assert status_of(emulator, uuid) == "PASSED"


def test_a_bar_is_drawn_on_a_terminal_only(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """On a terminal a bar shows how far it is."""
    owed.add_started(3)
    held = emulator.add_fault(Fault(FINISH, hang=True))
    drain = ("env", "TERM=xterm", str(SCRIPT), "drain")
    with Terminal(commands.folder, environment(**commands.variables), *drain) as terminal:
        terminal.expect("0/3")
        held.remove()
        terminal.expect("3 finished, 0 left")
