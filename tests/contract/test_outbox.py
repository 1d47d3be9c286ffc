"""One behaviour over every backend of the outbox."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from rp_finalizer.entries import AGEING, Entry, EntryState, OwedLaunch, Priority
from rp_finalizer.errors import EntryStateError, LeaseLostError, OutboxError, UnknownEntryError
from rp_finalizer.finish import Attribute
from rp_finalizer.outbox.memory import MemoryOutbox
from rp_finalizer.outbox.redis import RedisOutbox
from rp_finalizer.outbox.sqlite import SqliteOutbox
from rp_finalizer.outbox_port import CLEARED
from rp_finalizer.outcome import ErrorKind, Outcome
from rp_finalizer.report import Failure, Report, ReportedLaunch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rp_finalizer.outbox_port import Outbox

NOW = 1_800_000_000.0
LEASE = 60.0
REFUSED = Failure(ErrorKind.UNAVAILABLE, "503 with text/html", "when ReportPortal answers again", status=503)
FINISHED = Report(Outcome.FINISHED, launch=ReportedLaunch(uuid="x", number=7), seconds=0.1)


class Time:
    """The time of day, moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


def launch(number: int = 1, **more: Any) -> OwedLaunch:
    return OwedLaunch("https://rp.example.com", "demo", str(UUID(int=number)), **more)


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture(params=["memory", "sqlite", "redis"])
def opening(request: pytest.FixtureRequest, clock: Time, tmp_path: Path) -> Iterator[Callable[..., Outbox]]:
    """Open an outbox of each kind; where it outlives its process, a second opening finds what the first left."""
    opened: list[Outbox] = []

    def open_(**arguments: Any) -> Outbox:
        if request.param == "memory":
            opened.append(MemoryOutbox(clock=clock, **arguments))
        elif request.param == "redis":
            server = request.getfixturevalue("redis_server")
            opened.append(RedisOutbox(server.url, clock=clock, **arguments))
        else:
            opened.append(SqliteOutbox(tmp_path / "outbox.db", clock=clock, **arguments))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


@pytest.fixture
def outbox(opening: Callable[..., Outbox]) -> Outbox:
    return opening()


def claim_one(outbox: Outbox, owner: str = "worker") -> Entry:
    (entry,) = outbox.claim(owner, 1, LEASE)
    return entry


def the_entry(outbox: Outbox, entry: Entry) -> Entry:
    (found,) = outbox.find(entry.entry_id)
    return found


def test_a_new_outbox_is_empty_and_says_so(outbox: Outbox) -> None:
    """Nothing fails before anything was added."""
    held = outbox.statistics()
    assert (held.owed, held.due, sum(held.counters.values())) == (0, 0, 0)
    assert outbox.claim("worker", 5, LEASE) == []
    assert outbox.entries() == outbox.find(str(uuid4())) == []
    assert outbox.next_due() is None
    assert outbox.prune(0.0) == 0


def test_what_is_added_comes_back_whole(outbox: Outbox) -> None:
    """Everything that a finish needs is kept, and the entry is the same by its id and by its launch."""
    wanted = launch(
        end_ms=1_800_000_000_123,
        status="interrupted",
        description="a <b>'\"; DROP TABLE entries; \u2028 \U0001f600",
        attributes=(Attribute("os", "linux"), Attribute(None, "nightly", system=True)),
    )
    added = outbox.add(wanted, priority=Priority.HIGH)
    assert added.launch == wanted
    assert outbox.find(added.entry_id) == outbox.find(wanted.uuid) == [added]
    claimed = claim_one(outbox)
    assert claimed.launch == wanted
    assert (claimed.state, claimed.attempts, claimed.lease_owner) == (EntryState.LEASED, 1, "worker")


def test_the_same_launch_twice_is_one_entry(outbox: Outbox) -> None:
    """Whoever adds it again gets the entry that is there, as it stands."""
    first = outbox.add(launch())
    claimed = claim_one(outbox)
    assert outbox.add(launch(), priority=Priority.CRITICAL) == claimed
    assert claimed.entry_id == first.entry_id
    assert outbox.statistics().counters["added"] == 1


def test_launches_of_other_servers_and_projects_are_others(outbox: Outbox) -> None:
    """A uuid alone names no entry."""
    for endpoint, project in (("https://a.example.com", "demo"), ("https://a.example.com", "other")):
        outbox.add(OwedLaunch(endpoint, project, str(UUID(int=1))))
    outbox.add(OwedLaunch("https://b.example.com", "demo", str(UUID(int=1))))
    assert len(outbox.find(str(UUID(int=1)))) == 3


def test_a_claimed_entry_is_nobody_elses_until_its_lease_is_over(outbox: Outbox, clock: Time) -> None:
    """One holder at a time; when a holder is silent for too long, another takes over."""
    outbox.add(launch())
    first = claim_one(outbox, "first")
    clock.pass_(LEASE - 1)
    assert outbox.claim("second", 1, LEASE) == []
    clock.pass_(1)
    second = claim_one(outbox, "second")
    assert (second.entry_id, second.attempts, second.lease_owner) == (first.entry_id, 2, "second")
    assert second.lease_token > first.lease_token
    assert outbox.statistics().counters["recovered"] == 1


def test_who_lost_the_lease_changes_nothing(outbox: Outbox, clock: Time) -> None:
    """A stale worker's late answer is refused, whatever it says."""
    outbox.add(launch())
    stale = claim_one(outbox, "first")
    clock.pass_(LEASE)
    held = claim_one(outbox, "second")
    late: list[Callable[[], None]] = [
        lambda: outbox.complete(stale.entry_id, stale.lease_token, FINISHED),
        lambda: outbox.put_off(stale.entry_id, stale.lease_token, REFUSED, 1.0),
        lambda: outbox.give_up(stale.entry_id, stale.lease_token, REFUSED, "no"),
        lambda: outbox.renew(stale.entry_id, stale.lease_token, LEASE),
    ]
    for call in late:
        with pytest.raises(LeaseLostError):
            call()
    assert the_entry(outbox, held) == held


def test_a_renewed_lease_lasts_longer(outbox: Outbox, clock: Time) -> None:
    """A heartbeat keeps an entry from being taken over."""
    outbox.add(launch())
    held = claim_one(outbox)
    clock.pass_(LEASE - 1)
    outbox.renew(held.entry_id, held.lease_token, LEASE)
    clock.pass_(LEASE - 1)
    assert outbox.claim("another", 1, LEASE) == []
    outbox.complete(held.entry_id, held.lease_token, FINISHED)


def test_a_finished_entry_stays_with_its_report(outbox: Outbox) -> None:
    """A later duplicate gets the report; nobody is given the entry again; nothing comes after the end."""
    outbox.add(launch())
    held = claim_one(outbox)
    outbox.complete(held.entry_id, held.lease_token, FINISHED)
    again = outbox.add(launch())
    assert (again.state, again.report) == (EntryState.DONE, FINISHED)
    assert outbox.claim("worker", 1, LEASE) == []
    with pytest.raises(LeaseLostError):
        outbox.put_off(held.entry_id, held.lease_token, None, 0.0)
    assert outbox.statistics().counters["completed"] == 1


def test_what_failed_is_tried_again_later_and_is_the_same_entry(outbox: Outbox, clock: Time) -> None:
    """The wait is kept, the attempts are counted, the reason is told."""
    outbox.add(launch())
    held = claim_one(outbox)
    outbox.put_off(held.entry_id, held.lease_token, REFUSED, 30.0)
    assert outbox.claim("worker", 1, LEASE) == []
    assert outbox.next_due() == pytest.approx(30.0)
    clock.pass_(30)
    again = claim_one(outbox)
    assert (again.entry_id, again.attempts, again.last_error) == (held.entry_id, 2, REFUSED)
    counters = outbox.statistics().counters
    assert (counters["failed"], counters["retried"]) == (1, 1)


def test_an_attempt_that_the_server_said_nothing_to_is_none(outbox: Outbox) -> None:
    """An outage of hours makes no dead letters."""
    outbox.add(launch())
    for _ in range(5):
        held = claim_one(outbox)
        assert held.attempts == 1
        outbox.put_off(held.entry_id, held.lease_token, REFUSED, 0.0, spent=False)


def test_a_dead_letter_keeps_its_reason_and_history_and_can_be_revived(outbox: Outbox) -> None:
    """It is nobody's to work on until somebody wants it back; then it has all its attempts again."""
    outbox.add(launch())
    held = claim_one(outbox)
    outbox.give_up(held.entry_id, held.lease_token, REFUSED, "refused for good")
    dead = the_entry(outbox, held)
    assert (dead.state, dead.reason, dead.last_error) == (EntryState.DEAD, "refused for good", REFUSED)
    assert [event.what for event in dead.history] == ["claimed", "given up"]
    assert outbox.claim("worker", 1, LEASE) == []
    assert outbox.statistics().counters["dead"] == 1
    revived = outbox.retry(dead.entry_id)
    assert (revived.attempts, revived.reason) == (0, None)
    assert claim_one(outbox).history[:2] == dead.history


def test_only_the_dead_are_revived_and_only_the_owed_discarded(outbox: Outbox) -> None:
    """What makes no sense is refused, and says why; what is not there, too."""
    entry = outbox.add(launch())
    with pytest.raises(EntryStateError, match="is ready"):
        outbox.retry(entry.entry_id)
    outbox.discard(entry.entry_id, "not needed")
    with pytest.raises(EntryStateError, match="is dead"):
        outbox.discard(entry.entry_id, "not needed")
    with pytest.raises(UnknownEntryError, match="nonsense"):
        outbox.retry("nonsense")


def test_what_is_discarded_becomes_a_dead_letter_even_while_it_is_worked_on(outbox: Outbox) -> None:
    """Nothing is lost by it, and who worked on it finds the lease gone."""
    outbox.add(launch())
    held = claim_one(outbox)
    assert outbox.discard(held.entry_id, "cleared").reason == "cleared"
    with pytest.raises(LeaseLostError):
        outbox.complete(held.entry_id, held.lease_token, FINISHED)


def test_a_run_holds_its_launch_while_it_lives(outbox: Outbox, clock: Time) -> None:
    """Nobody finishes a launch whose run renews its lease; when it is silent, anybody may, and no attempt was spent."""
    opened = outbox.open(launch(), "run", LEASE)
    assert (opened.state, opened.attempts) == (EntryState.OPEN, 0)
    clock.pass_(LEASE / 2)
    outbox.renew(opened.entry_id, opened.lease_token, LEASE)
    clock.pass_(LEASE - 1)
    assert outbox.claim("worker", 1, LEASE) == []
    clock.pass_(1)
    assert claim_one(outbox).attempts == 1


def test_a_runs_last_sign_of_life_outlives_it(outbox: Outbox, clock: Time) -> None:
    """Whoever takes over a run that died learns when it was alive last, however often the launch is tried."""
    run = outbox.open(launch(), "run", LEASE)
    clock.pass_(20.0)
    outbox.renew(run.entry_id, run.lease_token, LEASE)
    clock.pass_(86400.0)
    claimed = claim_one(outbox)
    outbox.put_off(claimed.entry_id, claimed.lease_token, REFUSED, 5.0)
    clock.pass_(5.0)
    assert claim_one(outbox).alive_at == claimed.alive_at == NOW + 20.0
    assert outbox.add(launch(2)).alive_at is None


def test_one_entry_is_taken_before_its_time(outbox: Outbox, clock: Time) -> None:
    """Who wants a launch finished now need not wait until it is due, and takes it from nobody who holds it."""
    put_off = outbox.add(launch(), delay=900.0)
    taken = outbox.take(put_off.entry_id, "drain", LEASE)
    assert (taken.state, taken.lease_owner, taken.attempts) == (EntryState.LEASED, "drain", 1)
    run = outbox.open(launch(2), "run", LEASE)
    for held in (taken, run):
        with pytest.raises(EntryStateError):
            outbox.take(held.entry_id, "another", LEASE)
    assert outbox.statistics().counters["recovered"] == 0
    clock.pass_(LEASE)
    assert outbox.take(run.entry_id, "another", LEASE).lease_token > run.lease_token
    assert outbox.statistics().counters["recovered"] == 1
    outbox.complete(taken.entry_id, outbox.take(taken.entry_id, "another", LEASE).lease_token, FINISHED)
    with pytest.raises(EntryStateError):
        outbox.take(taken.entry_id, "another", LEASE)
    with pytest.raises(UnknownEntryError):
        outbox.take("nothing", "another", LEASE)


def test_several_are_taken_at_one_go_except_what_others_have(outbox: Outbox) -> None:
    """Who takes many gets those that are to be had, in the order asked for; of the others nothing changes."""
    waiting, put_off = outbox.add(launch(1)), outbox.add(launch(2), delay=900.0)
    dead, alive = outbox.open(launch(3), "dead run", LEASE), outbox.open(launch(4), "run", LEASE)
    settled = outbox.take(outbox.add(launch(5)).entry_id, "worker", LEASE)
    outbox.complete(settled.entry_id, settled.lease_token, FINISHED)
    others = [(alive.entry_id, None), (alive.entry_id, "dead run"), (settled.entry_id, None), ("nothing", None)]
    before = outbox.find(alive.entry_id) + outbox.find(settled.entry_id)
    wanted = [(put_off.entry_id, None), *others, (dead.entry_id, "dead run"), (waiting.entry_id, None)]
    taken = outbox.take_all([*wanted, (waiting.entry_id, None)], "drain", LEASE)
    assert [each.entry_id for each in taken] == [put_off.entry_id, dead.entry_id, waiting.entry_id]
    assert {(each.state, each.lease_owner) for each in taken} == {(EntryState.LEASED, "drain")}
    assert [outbox.find(each.entry_id) for each in taken] == [[each] for each in taken]
    assert outbox.find(alive.entry_id) + outbox.find(settled.entry_id) == before
    assert outbox.statistics().counters["recovered"] == 1
    assert outbox.take_all([], "drain", LEASE) == outbox.take_all(others, "drain", LEASE) == []


def test_what_a_dead_holder_held_is_taken_at_once(outbox: Outbox) -> None:
    """Who knows that a run is dead need not wait for its lease, and takes nothing from anybody else."""
    run = outbox.open(launch(), "run 1", LEASE)
    with pytest.raises(EntryStateError):
        outbox.take(run.entry_id, "drain", LEASE, instead_of="run 2")
    taken = outbox.take(run.entry_id, "drain", LEASE, instead_of="run 1")
    assert (taken.state, taken.lease_owner) == (EntryState.LEASED, "drain")
    with pytest.raises(LeaseLostError):
        outbox.renew(run.entry_id, run.lease_token, LEASE)


def test_a_run_completes_its_own_entry(outbox: Outbox) -> None:
    """The healthy end leaves nothing owed."""
    opened = outbox.open(launch(), "run", LEASE)
    outbox.complete(opened.entry_id, opened.lease_token, FINISHED)
    assert outbox.statistics().owed == 0


def test_a_rerun_opens_its_entry_anew(outbox: Outbox) -> None:
    """It is owed again, in the next generation, and how it was finished before stands in its history."""
    first = outbox.open(launch(), "run", LEASE)
    outbox.complete(first.entry_id, first.lease_token, FINISHED)
    again = outbox.open(launch(), "rerun", LEASE)
    assert (again.entry_id, again.generation, again.state) == (first.entry_id, 2, EntryState.OPEN)
    assert again.report is None
    assert [event.what for event in again.history] == ["opened", "finished", "reopened"]
    with pytest.raises(LeaseLostError):
        outbox.complete(first.entry_id, first.lease_token, FINISHED)


def test_the_most_urgent_come_first(outbox: Outbox) -> None:
    """Priorities are strict among entries that came due at nearly the same time."""
    for number, priority in enumerate(reversed(Priority)):
        outbox.add(launch(number), priority=priority)
    assert [each.priority for each in outbox.claim("worker", 10, LEASE)] == list(Priority)


def test_the_less_urgent_are_not_starved(outbox: Outbox, clock: Time) -> None:
    """Who has waited long enough comes before what is new and more urgent."""
    outbox.add(launch(1), priority=Priority.LOW)
    clock.pass_(3 * AGEING + 1)
    outbox.add(launch(2), priority=Priority.CRITICAL)
    assert [each.priority for each in outbox.claim("worker", 2, LEASE)] == [Priority.LOW, Priority.CRITICAL]


def test_no_more_is_claimed_than_wanted(outbox: Outbox) -> None:
    """A worker takes what it has slots for."""
    for number in range(5):
        outbox.add(launch(number))
    assert len(outbox.claim("first", 2, LEASE)) == 2
    assert len(outbox.claim("second", 10, LEASE)) == 3


def test_a_delay_is_kept(outbox: Outbox, clock: Time) -> None:
    """What is to be done later is not done now."""
    outbox.add(launch(), delay=10.0)
    assert outbox.claim("worker", 1, LEASE) == []
    clock.pass_(10)
    claim_one(outbox)


def test_a_full_outbox_refuses_and_loses_nothing(opening: Callable[..., Outbox]) -> None:
    """Beyond its size it takes no further launch, says so, and keeps those it has; one that is done makes room."""
    outbox = opening(size=2)
    outbox.add(launch(1))
    outbox.open(launch(2), "run", LEASE)
    with pytest.raises(OutboxError, match="full"):
        outbox.add(launch(3))
    with pytest.raises(OutboxError, match="full"):
        outbox.open(launch(3), "run", LEASE)
    assert outbox.add(launch(1)).launch == launch(1)
    held = claim_one(outbox)
    outbox.complete(held.entry_id, held.lease_token, FINISHED)
    outbox.add(launch(3))
    assert outbox.statistics().owed == 2


def test_finished_entries_are_forgotten_after_a_while_and_no_others(outbox: Outbox, clock: Time) -> None:
    """Owed entries and dead letters stay for ever."""
    for number in range(3):
        outbox.add(launch(number))
    done, dead, _ = outbox.claim("worker", 3, 10 * LEASE)
    outbox.complete(done.entry_id, done.lease_token, FINISHED)
    outbox.give_up(dead.entry_id, dead.lease_token, None, "no")
    clock.pass_(100)
    assert outbox.prune(101) == 0
    assert outbox.prune(99) == 1
    assert Counter(each.state for each in outbox.entries()) == {EntryState.DEAD: 1, EntryState.LEASED: 1}


def test_entries_are_listed_in_pages(outbox: Outbox) -> None:
    """Every entry stands on one page, however many there are."""
    for number in range(7):
        outbox.add(launch(number))
    claim_one(outbox)
    pages, after = [], ""
    while page := outbox.entries(limit=3, after=after):
        pages.append(page)
        after = page[-1].entry_id
    assert [len(page) for page in pages] == [3, 3, 1]
    assert len({each.entry_id for page in pages for each in page}) == 7
    assert len(outbox.entries(EntryState.LEASED)) == 1


def test_few_of_many_are_listed_too(opening: Callable[..., Outbox]) -> None:
    """A state's entries are listed in the same order, however many there are of it and of others."""
    outbox = opening()
    for number in range(20):
        outbox.add(launch(number))
    held = {each.entry_id for each in outbox.claim("worker", 3, LEASE)}
    assert [each.entry_id for each in outbox.entries(EntryState.LEASED)] == sorted(held)
    first, *_ = outbox.entries(EntryState.READY, limit=1)
    assert first.entry_id not in {each.entry_id for each in outbox.entries(EntryState.READY, after=first.entry_id)}


def test_what_is_known_only_at_the_end_is_kept_with_the_entry(outbox: Outbox) -> None:
    """A run that puts its launch off, or gives it up, says what it is to be finished with: nobody else knows."""
    ended = launch(end_ms=1_800_000_000_500, status="failed", attributes=(Attribute("os", "linux"),))
    run = outbox.open(launch(), "run", LEASE)
    outbox.put_off(run.entry_id, run.lease_token, REFUSED, 0.0, spent=False, launch=ended)
    claimed = claim_one(outbox)
    assert claimed.launch == ended
    outbox.give_up(claimed.entry_id, claimed.lease_token, REFUSED, "no", launch=launch(end_ms=7))
    assert the_entry(outbox, claimed).launch == launch(end_ms=7)
    assert outbox.add(launch()).entry_id == run.entry_id


def test_an_entry_stays_that_of_its_launch(outbox: Outbox) -> None:
    """What it is to be finished with may change, which launch that is may not."""
    run = outbox.open(launch(1), "run", LEASE)
    with pytest.raises(ValueError, match="not of"):
        outbox.put_off(run.entry_id, run.lease_token, None, 0.0, launch=launch(2))
    assert the_entry(outbox, run) == run


def test_runs_that_let_the_lease_run_out_are_overdue(outbox: Outbox, clock: Time) -> None:
    """Only runs, only those whose lease has run out, those first that have been silent for longest."""
    outbox.add(launch(9))
    outbox.claim("worker", 1, LEASE)
    late = outbox.open(launch(1), "late", 2 * LEASE)
    latest = outbox.open(launch(2), "latest", LEASE)
    outbox.open(launch(3), "alive", 3 * LEASE)
    assert outbox.overdue() == []
    clock.pass_(2 * LEASE)
    assert outbox.overdue() == [latest, late]
    assert outbox.overdue(limit=1) == [latest]
    outbox.renew(latest.entry_id, latest.lease_token, LEASE)
    assert outbox.overdue() == [late]


def test_the_queue_tells_whose_turn_it_is(outbox: Outbox, clock: Time) -> None:
    """What is due, in the order in which it is claimed afterwards, and nothing that waits for its time."""
    for number, priority in enumerate([*Priority, *Priority]):
        outbox.add(launch(number), priority=priority, delay=float(number % 3))
    outbox.add(launch(50), delay=30.0)
    clock.pass_(3.0)
    queued = outbox.queue()
    assert len(queued) == 8
    assert outbox.queue(limit=2) == queued[:2]
    assert [each.entry_id for each in outbox.claim("worker", 10, LEASE)] == [each.entry_id for each in queued]
    assert outbox.queue() == []


def test_what_is_delayed_is_told_by_when_it_comes_due(outbox: Outbox, clock: Time) -> None:
    """Only what is ready, only what is not due yet, and whatever its priority."""
    for number, priority, delay in ((1, Priority.CRITICAL, 30.0), (2, Priority.LOW, 10.0), (3, Priority.NORMAL, 20.0)):
        outbox.add(launch(number), priority=priority, delay=delay)
    outbox.add(launch(4))
    outbox.open(launch(5), "run", LEASE)
    outbox.take(outbox.add(launch(6), delay=900.0).entry_id, "worker", LEASE)
    assert [UUID(each.launch.uuid).int for each in outbox.delayed()] == [2, 3, 1]
    assert [UUID(each.launch.uuid).int for each in outbox.delayed(limit=2)] == [2, 3]
    clock.pass_(20.0)
    assert [UUID(each.launch.uuid).int for each in outbox.delayed()] == [1]


def test_every_entry_that_waits_has_a_place(outbox: Outbox, clock: Time) -> None:
    """The claim goes by it; the delayed come behind all that is due; who waits for nothing has no place."""
    run = outbox.open(launch(1), "run", 2.0)
    for number, priority in enumerate([*reversed(Priority), *Priority], start=10):
        outbox.add(launch(number), priority=priority, delay=float(number % 3))
    held = outbox.take(outbox.add(launch(2)).entry_id, "worker", LEASE)
    over = outbox.discard(outbox.add(launch(3)).entry_id, "no")
    for number in (50, 51):
        outbox.add(launch(number), delay=100.0 - number)
    assert outbox.position(run.entry_id) is None
    clock.pass_(2.0)
    waiting = [*outbox.queue(), *outbox.delayed()]
    assert [UUID(each.launch.uuid).int for each in waiting[-2:]] == [51, 50]
    assert [outbox.position(each.entry_id) for each in waiting] == list(range(1, 12))
    assert outbox.position(held.entry_id) is outbox.position(over.entry_id) is None
    assert [each.entry_id for each in outbox.claim("worker", 9, LEASE)] == [each.entry_id for each in waiting[:9]]
    assert [outbox.position(each.entry_id) for each in waiting] == [None] * 9 + [1, 2]
    with pytest.raises(UnknownEntryError):
        outbox.position("nothing")


def test_who_works_on_what_is_told(outbox: Outbox, clock: Time) -> None:
    """Held by workers, with since when; neither a run's own entry nor one whose worker has been silent too long."""
    outbox.open(launch(1), "run", LEASE)
    for number in (2, 3):
        outbox.add(launch(number))
    clock.pass_(1.0)
    silent = outbox.claim("silent", 1, LEASE / 2)
    (busy,) = outbox.claim("busy", 1, LEASE)
    assert outbox.active() == [*silent, busy]
    assert busy.held_since == NOW + 1.0
    clock.pass_(LEASE / 2)
    outbox.renew(busy.entry_id, busy.lease_token, LEASE)
    (active,) = outbox.active()
    assert (active.lease_owner, active.held_since) == ("busy", NOW + 1.0)


def test_the_overview_says_what_the_lists_say(opening: Callable[..., Outbox], clock: Time) -> None:
    """What waits in the order of the claim, who works since when, and the counts; as many of each as are wanted."""
    outbox = opening()
    assert (outbox.overview().by_state, [*outbox.overview().queue], [*outbox.overview().active]) == ({}, [], [])
    outbox.open(launch(1, attributes=(Attribute("a", 'b"\ud800]'),)), "late", 1.0)
    outbox.open(launch(2), "run", LEASE)
    for number, priority in enumerate(Priority, start=3):
        outbox.add(launch(number), priority=priority, delay=float(number))
        clock.pass_(1.0)
    for number, delay in ((10, 90.0), (11, 80.0)):
        outbox.add(launch(number), delay=delay)
    claimed = outbox.claim("silent", 2, 2.0)
    outbox.put_off(claimed[0].entry_id, claimed[0].lease_token, REFUSED, 70.0)
    clock.pass_(3.0)
    for worker in ('busy "\u00e9', "busier"):
        outbox.claim(worker, 1, LEASE)
    clock.pass_(1.0)
    (over,) = outbox.claim("worker", 1, LEASE)
    outbox.complete(over.entry_id, over.lease_token, FINISHED)
    outbox.discard(outbox.add(launch(20)).entry_id, "no")
    for _ in range(2):
        seen, waiting, active = outbox.overview(), [*outbox.queue(), *outbox.delayed()], outbox.active()
        assert seen.by_state == outbox.statistics().by_state
        assert [*seen.queue] == [(e.entry_id, e.launch.uuid, e.priority, e.created_at, e.attempts) for e in waiting]
        assert [*seen.active] == [(e.entry_id, e.launch.uuid, e.lease_owner, e.held_since, e.attempts) for e in active]
        few = outbox.overview(2)
        assert (few.by_state, [*few.queue]) == (seen.by_state, [*seen.queue][:2])
        assert [*few.active] == [*seen.active][:2]
        assert len(waiting) > 2
        # Now the clock goes back: what was written in the future is due.
        clock.pass_(-5.0)


def test_what_is_cleared_becomes_dead_letters_that_can_be_revived(outbox: Outbox) -> None:
    """What is ready, due or not; never what a run or a worker holds, nor what is over."""
    held = outbox.open(launch(1), "run", LEASE)
    outbox.add(launch(2))
    outbox.add(launch(3), delay=900.0)
    assert outbox.clear() == 2
    assert outbox.clear() == 0
    dead = outbox.entries(EntryState.DEAD)
    assert {each.reason for each in dead} == {CLEARED}
    assert the_entry(outbox, held) == held
    assert outbox.statistics().counters["dead"] == 2
    assert outbox.retry(dead[0].entry_id).state is EntryState.READY


def test_durations_and_errors_are_counted(outbox: Outbox) -> None:
    """What finalizations took, and what they failed of, whoever made them."""
    for number in range(4):
        outbox.add(launch(number))
    assert outbox.statistics().percentiles is None
    assert outbox.statistics().success_rate is None
    slow, quick, refused, dead = outbox.claim("worker", 4, LEASE)
    outbox.complete(slow.entry_id, slow.lease_token, replace(FINISHED, seconds=20.0))
    outbox.complete(quick.entry_id, quick.lease_token, replace(FINISHED, seconds=0.1))
    outbox.put_off(refused.entry_id, refused.lease_token, REFUSED, 1.0)
    outbox.give_up(dead.entry_id, dead.lease_token, replace(REFUSED, kind=ErrorKind.REJECTED), "no")
    held = outbox.statistics()
    assert held.percentiles == pytest.approx((0.1, 20.0, 20.0), rel=0.03)
    assert held.errors == {"unavailable": 1, "rejected": 1}
    assert held.success_rate == 0.5


def test_tries_that_the_server_said_nothing_to_are_counted_until_it_answers(outbox: Outbox, clock: Time) -> None:
    """They cost no attempt, and still make the waits grow; what is handed back at once was not tried."""
    outbox.add(launch())
    for misses in range(3):
        held = claim_one(outbox)
        assert (held.attempts, held.misses) == (1, misses)
        outbox.put_off(held.entry_id, held.lease_token, REFUSED, 1.0, spent=False)
        clock.pass_(1.0)
    held = claim_one(outbox)
    outbox.put_off(held.entry_id, held.lease_token, None, 0.0, spent=False)
    held = claim_one(outbox)
    assert held.misses == 3
    outbox.put_off(held.entry_id, held.lease_token, REFUSED, 0.0, spent=True)
    assert claim_one(outbox).misses == 0


def test_a_clock_that_goes_back_makes_nobody_wait_for_ever(outbox: Outbox, clock: Time) -> None:
    """What was put off, or held, until a time that is far away now is due at once."""
    clock.pass_(1_000_000)
    outbox.add(launch(1))
    outbox.add(launch(2))
    first, _ = outbox.claim("worker", 2, LEASE)
    outbox.put_off(first.entry_id, first.lease_token, REFUSED, 900.0)
    clock.pass_(-1_000_000)
    assert outbox.next_due() == 0.0
    assert outbox.statistics().due == len(outbox.queue()) == 2
    assert len(outbox.claim("worker", 2, LEASE)) == 2


def test_a_clock_that_jumps_ahead_costs_a_lease_and_no_entry(outbox: Outbox, clock: Time) -> None:
    """Somebody else takes over too early; who held it finds out, and the launch is still finished once."""
    outbox.add(launch())
    early = claim_one(outbox, "first")
    clock.pass_(1_000_000)
    held = claim_one(outbox, "second")
    outbox.complete(held.entry_id, held.lease_token, FINISHED)
    with pytest.raises(LeaseLostError):
        outbox.complete(early.entry_id, early.lease_token, FINISHED)


def test_threads_that_claim_at_once_share_no_entry(outbox: Outbox) -> None:
    """Each entry goes to one of them."""
    for number in range(40):
        outbox.add(launch(number))
    claimed: list[str] = []

    def work(owner: str) -> None:
        while entries := outbox.claim(owner, 3, LEASE):
            claimed.extend(each.entry_id for each in entries)

    threads = [threading.Thread(target=work, args=(f"worker {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 40
