"""How a chaos run is judged: every broken promise is seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer.entries import Entry, EntryState, Event, OwedLaunch
from tests.chaos.evidence import Call, Evidence, Killed, Owed, Seen, Trouble
from tests.chaos.judging import GRACE, judge
from tests.chaos.size import Doom

if TYPE_CHECKING:
    from collections.abc import Mapping

END = 1_800_000_000_000
NOW = 1_800_000_000.0
PLAIN, SAID, GONE = "plain", "with a status", "deleted"
OWNER = "worker@host:boot:4026:{pid}:17"


def entry(uuid: str, state: EntryState, **fields: Any) -> Entry:
    launch = OwedLaunch("https://rp.example.com", "demo", uuid, END)
    history = fields.pop("history", (Event(NOW, "claimed", OWNER.format(pid=1)), Event(NOW + 2, "finished")))
    return Entry(uuid, launch, NOW, NOW + 2, state=state, history=history, **fields)


def kept() -> Evidence:
    """Give a run in which all went well."""
    owed = [
        Owed(PLAIN, END, END + 10, "PASSED", due=NOW),
        Owed(SAID, END, END, "STOPPED", due=NOW + 1),
        Owed(GONE, END, END, "PASSED", doom=Doom.DELETED),
    ]
    entries = [
        entry(PLAIN, EntryState.DONE, attempts=2),
        entry(SAID, EntryState.DONE, attempts=1),
        entry(GONE, EntryState.DEAD, attempts=10, reason="not finished after 10 attempts"),
    ]
    return Evidence(
        owed={each.uuid: each for each in owed},
        launches={PLAIN: Seen("PASSED", END + 5), SAID: Seen("STOPPED", END)},
        entries={each.launch.uuid: each for each in entries},
        calls=[
            Call(PLAIN, 1.0, applied=False),
            Call(PLAIN, 2.0, applied=True),
            Call(PLAIN, 3.0, applied=True),
            Call(SAID, 4.0, applied=True),
            Call(GONE, 5.0, applied=True),
        ],
        counters={"added": 3, "completed": 2, "dead": 1},
        lease=3.0,
    )


def with_entry(changed: Entry) -> Evidence:
    """Give the same run with another entry, and the outbox's counters as they are then."""
    evidence = kept()
    entries = {**evidence.entries, changed.launch.uuid: changed}
    states = Counter(each.state for each in entries.values())
    counters = {"added": 3, "completed": states[EntryState.DONE], "dead": states[EntryState.DEAD]}
    return replace(evidence, entries=entries, counters=counters)


def with_launch(uuid: str, seen: Seen | None) -> Evidence:
    evidence = kept()
    launches: Mapping[str, Seen] = {name: each for name, each in evidence.launches.items() if name != uuid}
    return replace(evidence, launches={**launches, uuid: seen} if seen else launches)


def without_entry(uuid: str) -> Evidence:
    evidence = kept()
    entries = {name: each for name, each in evidence.entries.items() if name != uuid}
    return replace(evidence, entries=entries, counters={"added": 3, "completed": 1, "dead": 1})


def test_a_run_in_which_all_went_well_breaks_nothing() -> None:
    """What the server took beyond the first is counted, and harms nobody."""
    verdict = judge(kept())
    assert verdict.broken == ()
    figures = verdict.figures
    assert (figures.finished, figures.sent, figures.first, figures.beyond) == (2, 5, 2, 1)
    assert (figures.spoilt, figures.in_vain, figures.most_attempts) == (1, 1, 2)
    assert figures.dead == {Doom.DELETED: 1}
    assert figures.longest == 2.0


@pytest.mark.parametrize(
    ("evidence", "says"),
    [
        (with_launch(PLAIN, Seen("IN_PROGRESS", None)), f"{PLAIN}: not finished on the server"),
        (with_launch(PLAIN, None), f"{PLAIN}: the server does not know it"),
        (with_launch(PLAIN, Seen("PASSED", END + 11)), f"{PLAIN}: its end is"),
        (with_launch(PLAIN, Seen("PASSED", END - 1)), f"{PLAIN}: its end is"),
        (with_launch(SAID, Seen("PASSED", END)), f"{SAID}: its status is PASSED"),
        (with_entry(entry(PLAIN, EntryState.READY)), f"{PLAIN}: still ready"),
        (with_entry(entry(PLAIN, EntryState.LEASED)), f"{PLAIN}: still leased"),
        (with_entry(entry(PLAIN, EntryState.DEAD, reason="no")), f"{PLAIN}: a dead letter that must not be"),
        (with_entry(entry(GONE, EntryState.DONE)), f"{GONE}: {Doom.DELETED}: it must be a dead letter"),
        (with_entry(entry(GONE, EntryState.DEAD, reason="cleared")), f"{GONE}: {Doom.DELETED}: a dead letter for"),
        (with_entry(entry("a fourth", EntryState.DONE)), "a fourth: an entry that nobody made"),
        (without_entry(PLAIN), f"{PLAIN}: its entry is lost"),
        (without_entry(GONE), f"{GONE}: its entry is lost"),
        (replace(kept(), counters={"added": 4, "completed": 2, "dead": 1}), "counts 4 as added"),
        (replace(kept(), counters={"added": 3, "completed": 3, "dead": 1}), "counts 3 as completed"),
        (replace(kept(), mishaps=("worker 3 ended by itself",)), "worker 3 ended by itself"),
    ],
)
def test_every_broken_promise_is_told(evidence: Evidence, says: str) -> None:
    """With the launch, and with what would be right."""
    assert any(says in line for line in judge(evidence).broken)


def taken_over(after: float, **more: Any) -> Evidence:
    """Give a run in which a worker was killed, and another took its entry so many seconds later."""
    history = (
        Event(NOW, "claimed", OWNER.format(pid=1)),
        Event(NOW + 1 + after, f"taken over from {OWNER.format(pid=1)}", OWNER.format(pid=2)),
        Event(NOW + 9, "finished"),
    )
    evidence = with_entry(entry(PLAIN, EntryState.DONE, history=history))
    return replace(evidence, killed=[Killed(1, NOW + 1)], **more)


def test_how_long_a_killed_workers_entries_wait_is_measured() -> None:
    """From the kill on, and not where Redis was away meanwhile; a lease and a second are promised."""
    in_time = judge(taken_over(3.5))
    assert (in_time.figures.gaps, in_time.figures.taken_over, in_time.broken) == ((3.5,), 1, ())
    late = 3.0 + GRACE + 0.1
    assert any("was at work again" in line for line in judge(taken_over(late)).broken)
    assert judge(taken_over(late), timed=False).broken == ()
    away = judge(taken_over(late, troubles=[Trouble(NOW + 3, NOW + 4)]))
    assert (away.figures.gaps, away.broken) == ((), ())
