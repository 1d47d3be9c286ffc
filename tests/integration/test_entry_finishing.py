"""Finishing launches that other processes have left in the outbox."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from rp_finalizer import ErrorKind, Outcome, Settings
from rp_finalizer.deadline import Deadline
from rp_finalizer.emulator import Fault
from rp_finalizer.entries import Entry, OwedLaunch
from rp_finalizer.entry_finishing import CLOSE_OPEN_AFTER, TRIES, EntryFinisher
from rp_finalizer.finish import Attribute
from rp_finalizer.outcome import Source
from tests.support.reporting import FINISH, QUICK, finishes, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rp_finalizer.emulator import Emulator
    from rp_finalizer.report import Report
    from tests.support.fault_proxy import FaultProxy
    from tests.support.reporting import Run


def entry_of(
    emulator: Emulator, uuid: str, *, alive_at: float | None = None, project: str = "demo", **more: Any
) -> Entry:
    launch = OwedLaunch(emulator.url, project, uuid, **more)
    return Entry(str(uuid4()), launch, created_at=time.time(), updated_at=time.time(), alive_at=alive_at)


def now_ms() -> int:
    return int(time.time() * 1000)


@pytest.fixture
def settings(emulator: Emulator, tmp_path: Path) -> Settings:
    """Give settings that name the emulator, and the key for it."""
    place: dict[str, Any] = {"endpoint": emulator.url, "project": "demo", "api_key": "demo_key"}
    return Settings.load(environ={}, directory=tmp_path, **QUICK, **place)


@pytest.fixture
def finisher(settings: Settings) -> Iterator[EntryFinisher]:
    finisher = EntryFinisher(settings, environ={})
    yield finisher
    finisher.close()


def within(seconds: float = 5.0) -> Deadline:
    return Deadline.after(seconds, time.monotonic())


def kind_of(report: Report) -> ErrorKind | None:
    return report.error.kind if report.error else None


def test_an_entry_is_finished_with_what_it_says(emulator: Emulator, run: Run, finisher: EntryFinisher) -> None:
    """End time, status, description and attributes are those that the run has left."""
    end = now_ms() + 5
    more: dict[str, Any] = {
        "status": "stopped",
        "description": "by a worker",
        "attributes": (Attribute("os", "linux"),),
    }
    entry = entry_of(emulator, run.uuid, end_ms=end, **more)
    report = finisher(entry, within())
    assert (report.outcome, report.entry) == (Outcome.FINISHED, entry.entry_id)
    assert report.launch is not None
    assert (report.launch.source, report.launch.number) == (Source.OUTBOX, 1)
    launch = emulator.launch(run.uuid)
    assert launch is not None
    assert (launch.status, launch.end_ms) == ("STOPPED", end)
    assert "by a worker" in str(launch.description)
    assert ("os", "linux") in {(each.key, each.value) for each in launch.attributes}


def test_a_run_that_died_is_finished_at_its_last_sign_of_life(
    emulator: Emulator, run: Run, finisher: EntryFinisher
) -> None:
    """A run that could not say when it ended was alive when it was seen last, and is told as interrupted."""
    alive_at = time.time() + 5
    report = finisher(entry_of(emulator, run.uuid, alive_at=alive_at), within())
    assert report.outcome is Outcome.FINISHED
    launch = emulator.launch(run.uuid)
    assert launch is not None
    assert (launch.status, launch.end_ms) == ("INTERRUPTED", int(alive_at * 1000))


def test_a_status_that_the_run_left_is_kept_when_it_died(emulator: Emulator, run: Run, finisher: EntryFinisher) -> None:
    """What the entry names wins over the status for crashes."""
    finisher(entry_of(emulator, run.uuid, alive_at=time.time() + 5, status="failed"), within())
    assert status_of(emulator, run.uuid) == "FAILED"


def test_a_run_that_ended_well_has_the_status_that_its_items_give(
    emulator: Emulator, run: Run, finisher: EntryFinisher
) -> None:
    """Only a run that died is told as interrupted, not one whose finish came late."""
    run.report_item()
    finisher(entry_of(emulator, run.uuid, end_ms=now_ms() + 5), within())
    assert status_of(emulator, run.uuid) == "PASSED"


def test_a_second_try_knows_the_end_of_the_first_as_ours(emulator: Emulator, run: Run, settings: Settings) -> None:
    """Where the first try's finish is worked off late, the second finds the launch finished, by us."""
    entry = entry_of(emulator, run.uuid, end_ms=1)
    emulator.queue.pause()
    finisher = EntryFinisher(settings.replace(stable_for=5.0), environ={})
    assert finisher(entry, within(0.5)).outcome is Outcome.ACCEPTED
    emulator.queue.resume()
    emulator.wait_until(lambda: status_of(emulator, run.uuid) != "IN_PROGRESS")
    assert finisher(entry, within()).outcome is Outcome.FINISHED
    finisher.close()


def test_a_key_goes_only_where_it_belongs(emulator: Emulator, run: Run, settings: Settings) -> None:
    """Without a key for its project nothing is sent about a launch, and it is told what to set."""
    emulator.add_project("other")
    finisher = EntryFinisher(settings, environ={})
    before = len(emulator.calls())
    for entry in (
        entry_of(emulator, run.uuid, project="other"),
        Entry("e", OwedLaunch("https://rp.example.com", "demo", run.uuid), 0.0, 0.0),
    ):
        report = finisher(entry, within())
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.SETTINGS)
        assert report.error is not None
        assert f"{entry.launch.endpoint}#{entry.launch.project}" in report.error.hint
        assert not finisher.knows_key(entry.launch)
    assert len(emulator.calls()) == before


@pytest.mark.parametrize(
    ("variables", "outcome"),
    [
        ({"THEIR_KEY": "demo_key"}, Outcome.FINISHED),
        ({"THEIR_KEY": ""}, Outcome.FAILED),
        ({"THEIR_KEY": "two words"}, Outcome.FAILED),
        ({}, Outcome.FAILED),
    ],
)
def test_the_table_of_credentials_names_the_key(
    emulator: Emulator, run: Run, tmp_path: Path, variables: dict[str, str], outcome: Outcome
) -> None:
    """The key for another endpoint and project is in the variable that the table names, and nowhere else."""
    file = tmp_path / "rp.toml"
    file.write_text(f"project = 'mine'\n[credentials]\n'{emulator.url}/ui/#demo' = 'THEIR_KEY'\n", encoding="utf-8")
    settings = Settings.load(environ={"RP_API_KEY": "mine"}, config=file, endpoint=emulator.url, **QUICK)
    finisher = EntryFinisher(settings, environ=variables)
    before = len(emulator.calls())
    report = finisher(entry_of(emulator, run.uuid, end_ms=now_ms() + 5), within())
    assert report.outcome is outcome
    assert kind_of(report) is (None if outcome is Outcome.FINISHED else ErrorKind.SETTINGS)
    assert outcome is Outcome.FINISHED or len(emulator.calls()) == before
    assert "two words" not in str(report)
    finisher.close()


def test_a_server_that_is_away_is_left_soon(emulator: Emulator, run: Run, finisher: EntryFinisher) -> None:
    """The outbox itself tries again: a worker does not stand before a closed door while others wait."""
    emulator.add_fault(Fault(status=503, body="<html>", content_type="text/html"))
    begun = time.monotonic()
    report = finisher(entry_of(emulator, run.uuid, end_ms=now_ms()), within(60))
    assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNAVAILABLE)
    assert time.monotonic() - begun < 5
    assert len([call for call in finishes(emulator) if call.kind == FINISH]) == TRIES


@pytest.mark.slow
def test_a_queue_that_swallows_a_finish_is_passed_although_items_are_open(
    emulator: Emulator, run: Run, finisher: EntryFinisher
) -> None:
    """A dead run's launch whose finish was lost is closed over v1, items and all, after a minute of standing still."""
    run.start_item()
    emulator.queue.drop(FINISH)
    report = finisher(entry_of(emulator, run.uuid, end_ms=now_ms() + 5), within(100))
    assert report.outcome is Outcome.FINISHED
    assert CLOSE_OPEN_AFTER <= report.seconds < CLOSE_OPEN_AFTER + 10
    assert status_of(emulator, run.uuid) != "IN_PROGRESS"
    assert {item.status for item in emulator.items(run.uuid)} == {"INTERRUPTED"}


def test_entries_share_connections(fault_proxy: FaultProxy, run: Run, settings: Settings) -> None:
    """One entry after another goes over the same connection: a thousand of them need no thousand handshakes."""
    finisher = EntryFinisher(settings.replace(endpoint=fault_proxy.url), environ={})
    for number in range(5):
        launch = OwedLaunch(fault_proxy.url, "demo", run.uuid, end_ms=now_ms() + 5)
        finisher(Entry(str(number), launch, 0.0, 0.0), within())
    assert fault_proxy.connections == 1
    finisher.close()
