"""When the status service is of use."""

from __future__ import annotations

import pytest

from rp_finalizer.entries import Entry, EntryState, OwedLaunch
from rp_finalizer.outbox_port import Statistics
from rp_finalizer.server.readiness import LOOK_EVERY, STALE_AFTER, STALLED_AFTER, Sample, Seen, Watch, sample_of

SECONDS = int(STALLED_AFTER / LOOK_EVERY) + 1
LEASE = 60.0


def idle(start: float, number: int, *, due: int = 3, done: int = 7) -> list[Sample]:
    """Give samples in which entries are due and nobody works."""
    return [Sample(start + each * LOOK_EVERY, due=due, done=done) for each in range(number)]


def verdict(samples: list[Sample], *, later: float = 0.0, lease: float = LEASE) -> str | None:
    """Give the error after these samples, None where all is well."""
    seen = Seen()
    for sample in samples:
        seen = seen.then(sample)
    readiness = seen.judge((samples[-1].at if samples else 0.0) + later, lease)
    assert readiness.ready is (readiness.error is None)
    assert readiness.message
    return readiness.error


@pytest.mark.parametrize(
    ("samples", "error"),
    [
        ([], "outbox"),
        ([Sample(0.0)], None),
        ([Sample(0.0, reached=False)], "outbox"),
        ([Sample(0.0, reached=False), Sample(1.0)], None),
        ([Sample(0.0), Sample(1.0, reached=False)], "outbox"),
        (idle(0.0, SECONDS), "stalled"),
        (idle(0.0, SECONDS - 1), None),
        (idle(0.0, SECONDS, due=0), None),
        # Others are added all the time: nobody works all the same.
        ([Sample(each, due=each + 1) for each in range(SECONDS)], "stalled"),
        # Somebody holds an entry, at the end or once in between.
        ([*idle(0.0, SECONDS), Sample(SECONDS, due=3, done=7, at_work=True)], None),
        ([*idle(0.0, SECONDS), Sample(SECONDS, due=3, done=7, at_work=True), *idle(SECONDS + 1.0, 5)], None),
        # A try came to its end between two looks: a ReportPortal that is away keeps nobody from working.
        ([*idle(0.0, SECONDS), *idle(SECONDS, 5, done=8)], None),
        ([*idle(0.0, SECONDS), *idle(SECONDS, 5, due=2)], None),
        ([*idle(0.0, SECONDS), *idle(SECONDS, SECONDS, done=8)], "stalled"),
        # While the outbox was away nobody could work; then there is some time for it.
        ([*idle(0.0, SECONDS), Sample(SECONDS, reached=False), *idle(SECONDS + 1.0, 5)], None),
        ([*idle(0.0, SECONDS), Sample(SECONDS, due=3, done=7, first=("another", 5.0))], None),
        # The outbox was emptied and filled anew: its counters are less than they were.
        ([*idle(0.0, SECONDS), *idle(SECONDS, 5, due=4, done=0)], None),
        # Nothing was due for a moment.
        ([*idle(0.0, SECONDS), Sample(SECONDS, due=0, done=7), *idle(SECONDS + 1.0, 5)], None),
    ],
)
def test_readiness(samples: list[Sample], error: str | None) -> None:
    """It is ready unless the outbox is away, or entries have been due for long and nobody works."""
    assert verdict(samples) == error


def test_short_leases_are_known_sooner() -> None:
    """Where two leases are less than a minute, they are what nobody may need."""
    assert verdict(idle(0.0, 12), lease=5.0) == "stalled"
    assert verdict(idle(0.0, 10), lease=5.0) is None


def test_nobody_looks() -> None:
    """A look of long ago says nothing."""
    assert verdict([Sample(0.0)], later=STALE_AFTER + 1) == "outbox"


def test_what_is_seen_of_an_outbox() -> None:
    """A sample counts what only workers move, and not what is added, cleared or pruned."""
    counters = {"added": 100, "dead": 50, "completed": 1, "failed": 2, "retried": 3, "recovered": 4}
    statistics = Statistics({EntryState.READY: 9}, due=5, counters=counters)
    entry = Entry("id", OwedLaunch("https://rp.example.com", "demo", "uuid"), created_at=1.0, updated_at=2.0)
    assert sample_of(3.0, statistics, [], []) == Sample(3.0, due=5, done=10)
    seen = Sample(3.0, due=5, at_work=True, done=10, first=("id", 2.0))
    assert sample_of(3.0, statistics, [entry], [entry]) == seen


def test_the_watch_remembers() -> None:
    """The watch tells what the samples say that it was given."""
    watch = Watch()
    assert watch.readiness(0.0, LEASE).error == "outbox"
    for sample in idle(0.0, SECONDS):
        assert not watch.note(sample)
    assert watch.readiness(float(SECONDS), LEASE).error == "stalled"


def test_what_is_told_once() -> None:
    """The watch tells when the outbox went away, and when it came back; not that it is still there, or still away."""
    watch = Watch()
    reached = [True, True, False, False, True, True]
    assert [watch.note(Sample(each, reached=there)) for each, there in enumerate(reached)] == [
        False,
        False,
        True,
        False,
        True,
        False,
    ]
    assert Watch().note(Sample(0.0, reached=False))
