"""What cannot be finished now is kept, and known to whoever comes later."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from rp_finalizer import LaunchFinalizer, Outcome, Step, finalizing
from rp_finalizer.emulator import Fault
from rp_finalizer.entries import EntryState
from rp_finalizer.outbox.sqlite import SqliteOutbox
from rp_finalizer.outcome import ErrorKind, StepResult
from tests.support.reporting import FINISH, FINISH_NOW, QUICK, READ, now_ms, start_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reportportal_client import RPClient

    from rp_finalizer.emulator import Emulator
    from rp_finalizer.entries import Entry

AWAY = Fault((FINISH, FINISH_NOW, READ), status=503)
SHORT: dict[str, Any] = {**QUICK, "timeout": 0.5}


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[SqliteOutbox]:
    """Give the outbox as another process sees it."""
    outbox = SqliteOutbox(tmp_path / "outbox.db")
    yield outbox
    outbox.close()


def settings(outbox: SqliteOutbox, emulator: Emulator | None = None, **others: Any) -> dict[str, Any]:
    connection = {"endpoint": emulator.url, "project": "demo", "api_key": "demo_key"} if emulator else {}
    return {**QUICK, "outbox": outbox.name, **connection, **others}


def only(outbox: SqliteOutbox) -> Entry:
    [entry] = outbox.entries()
    return entry


def test_a_run_is_in_the_outbox_from_its_launchs_start_to_its_end(client: RPClient, outbox: SqliteOutbox) -> None:
    """The intent to finish is on disk before the first test, and put away, with the report, at the end."""
    with finalizing(client, **settings(outbox)) as finalizer:
        uuid = client.start_launch("smoke", now_ms())
        entry = only(outbox)
        assert (entry.state, entry.launch.uuid) == (EntryState.OPEN, uuid)
    report = finalizer.report
    assert report is not None
    assert (report.outcome, report.entry) == (Outcome.FINISHED, entry.entry_id)
    done = only(outbox)
    assert done.state is EntryState.DONE
    assert done.report is not None
    assert done.report.outcome is Outcome.FINISHED


def test_a_launch_that_began_before_the_block_is_kept_too(client: RPClient, outbox: SqliteOutbox) -> None:
    """It is written down when the block begins."""
    uuid = client.start_launch("smoke", now_ms())
    with finalizing(client, **settings(outbox)):
        assert only(outbox).launch.uuid == uuid


def test_what_the_server_does_not_take_is_deferred(emulator: Emulator, client: RPClient, outbox: SqliteOutbox) -> None:
    """With the server away the launch is left in the outbox with its end, the reason and the command that mends it."""
    run = start_run(client)
    emulator.add_fault(AWAY)
    finalizer = LaunchFinalizer(client, **settings(outbox, timeout=0.5))
    report = finalizer.finish(status="failed", end_time=2_000_000_000_000, description="nightly", attributes=["a:b"])
    assert report.outcome is Outcome.DEFERRED
    assert report.step(Step.DEFER).result is StepResult.OK
    assert report.error is not None
    assert report.error.kind is ErrorKind.UNAVAILABLE
    assert f"rp-finalize drain --outbox {outbox.name}" in report.error.hint
    entry = only(outbox)
    assert entry.entry_id == report.entry
    assert entry.state is EntryState.READY
    assert (entry.launch.uuid, entry.launch.end_ms) == (run.uuid, 2_000_000_000_000)
    assert (entry.launch.status, entry.launch.description) == ("failed", "nightly")
    assert [(each.key, each.value) for each in entry.launch.attributes] == [("a", "b")]
    assert entry.last_error is not None
    assert entry.last_error.status == 503


def test_a_deferred_launch_is_finished_by_a_later_call(
    emulator: Emulator, client: RPClient, outbox: SqliteOutbox
) -> None:
    """A second finish tries anew, and puts the entry away."""
    start_run(client)
    fault = emulator.add_fault(AWAY)
    finalizer = LaunchFinalizer(client, **settings(outbox, timeout=0.5))
    deferred = finalizer.finish()
    fault.remove()
    report = finalizer.finish()
    assert (report.outcome, report.entry) == (Outcome.FINISHED, deferred.entry)
    assert only(outbox).state is EntryState.DONE


def test_what_is_taken_and_not_shown_is_kept_to_be_confirmed(
    emulator: Emulator, client: RPClient, outbox: SqliteOutbox
) -> None:
    """`accepted` has an entry, too."""
    start_run(client)
    emulator.queue.pause()
    report = LaunchFinalizer(client, **settings(outbox, timeout=0.5, stable_for=5)).finish()
    assert report.outcome is Outcome.ACCEPTED
    assert only(outbox).entry_id == report.entry
    assert only(outbox).state is EntryState.READY


def test_a_refusal_for_good_is_a_dead_letter(emulator: Emulator, client: RPClient, outbox: SqliteOutbox) -> None:
    """What no waiting mends is visible as a dead letter, with the reason."""
    run = start_run(client)
    report = LaunchFinalizer(launch=run.uuid, **settings(outbox, emulator, api_key="wrong")).finish()
    assert report.outcome is Outcome.FAILED
    entry = only(outbox)
    assert (entry.entry_id, entry.state) == (report.entry, EntryState.DEAD)
    assert "refuses" in str(entry.reason)


def test_a_typing_error_is_kept_by_nobody(emulator: Emulator, outbox: SqliteOutbox) -> None:
    """A launch that only an argument names, and the server does not know, makes no entry, nor an outbox."""
    report = LaunchFinalizer(launch=str(uuid4()), **settings(outbox, emulator)).finish()
    assert (report.outcome, report.entry) == (Outcome.FAILED, None)
    assert not outbox.used


def test_without_an_outbox_nothing_is_deferred(emulator: Emulator, client: RPClient, outbox: SqliteOutbox) -> None:
    """Switched off, an unfinished launch is `failed`, and nothing is written."""
    start_run(client)
    emulator.add_fault(AWAY)
    report = LaunchFinalizer(client, **SHORT).finish()
    assert (report.outcome, report.entry) == (Outcome.FAILED, None)
    assert report.step(Step.DEFER).result is StepResult.SKIPPED
    assert not outbox.used


def test_an_outbox_that_cannot_be_used_keeps_no_launch_from_being_finished(
    client: RPClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once, and the launch is finished."""
    (tmp_path / "file").touch()
    with (
        caplog.at_level(logging.WARNING),
        finalizing(client, **{**QUICK, "outbox": tmp_path / "file" / "o.db"}) as finalizer,
    ):
        client.start_launch("smoke", now_ms())
    assert finalizer.report is not None
    assert finalizer.report.outcome is Outcome.FINISHED
    assert "is not kept for the case that this process dies" in caplog.text


def test_an_outbox_that_cannot_keep_what_is_left_is_told(emulator: Emulator, client: RPClient, tmp_path: Path) -> None:
    """Not finished and not kept either: `failed`, with both reasons."""
    (tmp_path / "file").touch()
    start_run(client)
    emulator.add_fault(AWAY)
    report = LaunchFinalizer(client, **{**SHORT, "outbox": tmp_path / "file" / "o.db"}).finish()
    assert (report.outcome, report.entry) == (Outcome.FAILED, None)
    assert report.step(Step.DEFER).result is StepResult.FAILED
    assert report.error is not None
    assert "nor can it be kept for later" in report.error.message


def test_a_kept_report_is_given_to_whoever_asks_again(
    emulator: Emulator, client: RPClient, outbox: SqliteOutbox
) -> None:
    """The same launch again, in another process: how it was finished, while the server still agrees."""
    with finalizing(client, **settings(outbox)) as finalizer:
        uuid = client.start_launch("smoke", now_ms())
    again = LaunchFinalizer(launch=uuid, **settings(outbox, emulator)).finish()
    assert finalizer.report is not None
    assert (again.outcome, again.entry) == (Outcome.FINISHED, finalizer.report.entry)
    assert only(outbox).generation == 1


def test_a_rerun_opens_the_entry_anew(client: RPClient, outbox: SqliteOutbox) -> None:
    """A launch that is taken up again is owed again, and its first end stands in the history."""
    with finalizing(client, **settings(outbox)):
        uuid = client.start_launch("smoke", now_ms())
    with finalizing(client, **settings(outbox)):
        client.start_launch("smoke", now_ms(), rerun=True, rerun_of=uuid)
        assert (only(outbox).state, only(outbox).generation) == (EntryState.OPEN, 2)
    assert (only(outbox).state, only(outbox).generation) == (EntryState.DONE, 2)


def test_what_was_finished_long_ago_is_forgotten(client: RPClient, outbox: SqliteOutbox) -> None:
    """A run that ends well clears away what nobody asks for any more."""
    with finalizing(client, **settings(outbox)):
        client.start_launch("first", now_ms())
    with finalizing(client, **settings(outbox, keep_done=0)):
        uuid = client.start_launch("second", now_ms())
    assert {each.launch.uuid for each in outbox.entries()} <= {uuid}


def test_a_launch_that_its_client_has_forgotten_is_left_to_others(client: RPClient, outbox: SqliteOutbox) -> None:
    """A client that starts a second launch before the end of its first one leaves that in the outbox, due at once."""
    with finalizing(client, **settings(outbox)):
        first = client.start_launch("first", now_ms())
        client.start_launch("second", now_ms())
    states = {each.launch.uuid: each.state for each in outbox.entries()}
    assert states.pop(str(first)) is EntryState.READY
    assert list(states.values()) == [EntryState.DONE]
    assert outbox.next_due() == 0.0


def test_a_borrowed_launch_is_its_owners_to_keep(emulator: Emulator, client: RPClient, outbox: SqliteOutbox) -> None:
    """A client that was given its launch writes nothing down."""
    run = start_run(client)
    with finalizing(client.clone(), **settings(outbox)):
        pass
    assert emulator.launch(run.uuid) is not None
    assert not outbox.used


def test_a_living_run_holds_on_to_its_entry(client: RPClient, outbox: SqliteOutbox) -> None:
    """Its lease is renewed as long as it runs, so that nobody takes it for dead."""
    with finalizing(client, **settings(outbox, lease=1.0)):
        client.start_launch("smoke", now_ms())
        first = only(outbox).lease_until
        end = time.monotonic() + 10
        while only(outbox).lease_until == first and time.monotonic() < end:
            time.sleep(0.05)
        assert (only(outbox).lease_until or 0) > (first or 0)
        assert only(outbox).state is EntryState.OPEN


def test_a_run_that_was_taken_for_dead_still_ends_well(client: RPClient, outbox: SqliteOutbox) -> None:
    """Somebody else took the entry over; the run finishes its launch, and the entry is put away."""
    with finalizing(client, **settings(outbox)) as finalizer:
        client.start_launch("smoke", now_ms())
        entry = only(outbox)
        outbox.open(entry.launch, "somebody@else:::1:", 60)
    assert finalizer.report is not None
    assert finalizer.report.outcome is Outcome.FINISHED
    assert only(outbox).state is EntryState.DONE
