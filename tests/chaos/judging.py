"""Whether the promises were kept in a chaos run: from what is known after it, without doing anything."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rp_finalizer.entries import EntryState
from tests.chaos.size import Doom

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rp_finalizer.entries import Entry
    from tests.chaos.evidence import Evidence, Killed, Owed

TAKEN_OVER = "taken over from "
GRACE = 1.0
"""Seconds behind the end of a lease within which an entry is at work again."""

REASONS: Mapping[Doom, str] = {
    Doom.DELETED: "not finished after",
    Doom.REFUSED: "the server refuses for good: 400",
    Doom.NO_PROJECT: "the server refuses for good: 404",
}
"""What the reason of a dead letter begins with."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted and measured. Times are seconds."""

    finished: int
    sent: int
    """Calls that asked for a launch's end."""
    in_vain: int
    """Of these, for launches that cannot be finished."""
    first: int
    """Of the others, the first that the server took for each launch."""
    beyond: int
    """Those that it took beyond the first, which must have changed nothing."""
    spoilt: int
    """Those that met a fault before they were done."""
    taken_over: int
    dead: Mapping[str, int]
    """By reason."""
    most_attempts: int
    """That a launch took which was finished."""
    longest: float
    """From due to finished."""
    gaps: tuple[float, ...]
    """From a worker's kill to when one of its entries was at work again; while Redis was there."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it."""

    broken: tuple[str, ...]
    """Every promise that was broken, with the launch."""
    figures: Figures


def judge(evidence: Evidence, *, timed: bool = True) -> Verdict:
    """Hold what is known against what was promised; with `timed` also how soon it was to be."""
    broken = list(evidence.mishaps)
    for owed in evidence.owed.values():
        broken += (f"{owed.uuid}: {fault}" for fault in _faults_of(owed, evidence))
    broken += _miscounted(evidence)
    figures = _figures(evidence)
    within = evidence.lease + GRACE
    if timed and figures.gaps and figures.gaps[-1] > within:
        late = f"{figures.gaps[-1]:.1f} s after its worker's kill"
        broken.append(f"an entry was at work again {late}, and {within:g} s are right")
    return Verdict(tuple(broken), figures)


def _faults_of(owed: Owed, evidence: Evidence) -> Iterator[str]:
    entry = evidence.entries.get(owed.uuid)
    if entry is None:
        yield "its entry is lost"
        return
    if owed.doom is not None:
        yield from _wrongly_alive(owed.doom, entry)
        return
    if entry.state is EntryState.DEAD:
        yield f"a dead letter that must not be: {entry.reason}"
    elif entry.state is not EntryState.DONE:
        yield f"still {entry.state} after {entry.attempts} attempts: {_last_words(entry)}"
    seen = evidence.launches.get(owed.uuid)
    if seen is None:
        yield "the server does not know it"
    elif seen.status == "IN_PROGRESS":
        yield "not finished on the server"
    else:
        if seen.status != owed.status:
            yield f"its status is {seen.status}, and {owed.status} is right"
        if seen.end_ms is None or not owed.earliest_ms <= seen.end_ms <= owed.latest_ms:
            yield f"its end is {seen.end_ms}, and {owed.earliest_ms} to {owed.latest_ms} is right"


def _wrongly_alive(doom: Doom, entry: Entry) -> Iterator[str]:
    if entry.state is not EntryState.DEAD:
        yield f"{doom}: it must be a dead letter, and is {entry.state}; {_last_words(entry)}"
    elif not (entry.reason or "").startswith(REASONS[doom]):
        yield f"{doom}: a dead letter for another reason: {entry.reason}"


def _last_words(entry: Entry) -> str:
    events = ", ".join(f"{each.what} {each.detail}".strip() for each in entry.history[-4:])
    return f"{entry.last_error.message if entry.last_error else 'no error'} ({events})"


def _miscounted(evidence: Evidence) -> Iterator[str]:
    states = Counter(entry.state for entry in evidence.entries.values())
    for uuid in evidence.entries.keys() - evidence.owed.keys():
        yield f"{uuid}: an entry that nobody made"
    right = {
        "added": len(evidence.owed),
        "completed": states[EntryState.DONE],
        "dead": states[EntryState.DEAD],
    }
    for name, number in right.items():
        if evidence.counters.get(name) != number:
            yield f"the outbox counts {evidence.counters.get(name)} as {name}, and {number} are"


def _figures(evidence: Evidence) -> Figures:
    entries = evidence.entries.values()
    done = [entry for entry in entries if entry.state is EntryState.DONE]
    doomed = {owed.uuid for owed in evidence.owed.values() if owed.doom is not None}
    meant = [call for call in evidence.calls if call.uuid not in doomed]
    applied = Counter(call.uuid for call in meant if call.applied)
    dues = {owed.uuid: owed.due for owed in evidence.owed.values()}
    waits = [_finished_at(entry) - dues[entry.launch.uuid] for entry in done if entry.launch.uuid in dues]
    return Figures(
        finished=len(done),
        sent=len(evidence.calls),
        in_vain=len(evidence.calls) - len(meant),
        first=len(applied),
        beyond=sum(applied.values()) - len(applied),
        spoilt=len(meant) - sum(applied.values()),
        taken_over=sum(event.what.startswith(TAKEN_OVER) for entry in entries for event in entry.history),
        most_attempts=max((entry.attempts for entry in done), default=0),
        dead=Counter(_kind_of(entry.reason or "") for entry in entries if entry.state is EntryState.DEAD),
        longest=max(waits, default=0.0),
        gaps=tuple(sorted(gap for killed in evidence.killed for gap in _gaps(killed, evidence))),
    )


def _gaps(killed: Killed, evidence: Evidence) -> Iterator[float]:
    """Give how long the entries that a killed worker held had to wait, those that Redis kept waiting left out."""
    for entry in evidence.entries.values():
        for event in entry.history:
            if event.what.startswith(TAKEN_OVER) and _pid(event.what) == killed.pid and event.at >= killed.at:
                if not _troubled(killed.at, event.at, evidence):
                    yield event.at - killed.at
                break


def _troubled(begun: float, ended: float, evidence: Evidence) -> bool:
    return any(each.begun <= ended and begun <= each.ended for each in evidence.troubles)


def _pid(holder: str) -> int | None:
    """Read the process id in a holder's name."""
    parts = holder.rpartition("@")[2].split(":")
    return int(parts[3]) if len(parts) == len(("host", "boot", "namespace", "pid", "begun")) else None


def _finished_at(entry: Entry) -> float:
    return next((event.at for event in reversed(entry.history) if event.what == "finished"), entry.updated_at)


def _kind_of(reason: str) -> str:
    return next((doom.value for doom, start in REASONS.items() if reason.startswith(start)), reason)
