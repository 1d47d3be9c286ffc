"""How an outbox keeps entries in a file, and how it finds them there."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from rp_finalizer.entries import EntryState, OwedLaunch
from rp_finalizer.errors import OutboxError
from rp_finalizer.launch import LaunchStatus
from rp_finalizer.outbox.json_forms import report_text
from rp_finalizer.outbox.sqlite import SqliteOutbox
from rp_finalizer.outcome import ErrorKind, Outcome, Source, Step, StepResult, Verdict
from rp_finalizer.report import Considered, Count, Failure, Report, ReportedLaunch, StepRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FULL = Report(
    Outcome.FAILED,
    launch=ReportedLaunch("u", 42, 7, "smoke \udc80", LaunchStatus.PASSED, "https://rp.example.com", Source.OUTBOX),
    endpoint="https://rp.example.com",
    project="demo",
    flushed=Count(1, None),
    steps=tuple(StepRecord(step, StepResult.OK, 0.25, 2, "detail") for step in Step),
    considered=(Considered(Source.OUTBOX, "u", Verdict.TAKEN),),
    seconds=1.5,
    error=Failure(ErrorKind.REJECTED, "no", "look", status=400, code=4001),
    entry="e",
)


@pytest.mark.parametrize("report", [FULL, Report(Outcome.FINISHED), Report(None)])
def test_a_report_is_kept_in_its_promised_form(report: Report) -> None:
    """Whatever it holds, another version reads it."""
    assert json.loads(report_text(report)) == report.to_dict()
    assert Report.from_json(report_text(report)) == report


def test_no_call_steps_through_the_table(tmp_path: Path) -> None:
    """However many entries there are: whatever is looked for stands in an index, or in the order of the pages."""
    queries: set[str] = set()
    with contextlib.closing(SqliteOutbox(tmp_path / "outbox.db")) as outbox:
        outbox.statistics()
        connection = outbox._database._connection
        assert connection is not None
        connection.set_trace_callback(queries.add)
        for call in _calls(outbox):
            call()
    plans: dict[str, str] = {}
    with contextlib.closing(sqlite3.connect(tmp_path / "outbox.db")) as db:
        for query in queries:
            if re.match("SELECT|UPDATE|DELETE|INSERT", query):
                plans[query] = "\n".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {query}"))
    assert len(plans) > 20
    # The few counters are read all together.
    read_all = {
        query for query, plan in plans.items() if re.search(r"SCAN (?!\(|counters|CONSTANT)\w*(entries|reports)", plan)
    }
    assert read_all == set()


def _calls(outbox: SqliteOutbox) -> list[Callable[[], object]]:
    launches = [OwedLaunch("https://rp.example.com", "demo", str(UUID(int=number))) for number in range(5)]

    def settle() -> None:
        first, second, third = outbox.claim("worker", 3, 60.0)
        outbox.renew(first.entry_id, first.lease_token, 60.0)
        outbox.complete(first.entry_id, first.lease_token, FULL)
        outbox.put_off(second.entry_id, second.lease_token, FULL.error, 0.0)
        outbox.give_up(third.entry_id, third.lease_token, FULL.error, "no")
        outbox.retry(third.entry_id)
        outbox.discard(third.entry_id, "no")
        outbox.take(second.entry_id, "worker", 60.0)

    return [
        lambda: [outbox.add(each) for each in launches],
        settle,
        lambda: outbox.open(launches[0], "run", 0.0),
        lambda: outbox.find(launches[0].uuid),
        lambda: [outbox.entries(), *(outbox.entries(state) for state in EntryState)],
        lambda: [
            outbox.overdue(),
            outbox.queue(),
            outbox.active(),
            outbox.overview(),
            outbox.next_due(),
            outbox.statistics(),
        ],
        lambda: [outbox.clear(), outbox.prune(0.0)],
    ]


def test_a_full_outbox_is_known_without_counting(tmp_path: Path) -> None:
    """What is counted is right also after entries were taken away with a tool of somebody's own."""
    with contextlib.closing(SqliteOutbox(tmp_path / "outbox.db", size=2)) as outbox:
        launches = [OwedLaunch("https://rp.example.com", "demo", str(UUID(int=number))) for number in range(3)]
        outbox.add(launches[0])
        outbox.add(launches[1])
        with pytest.raises(OutboxError, match="full"):
            outbox.add(launches[2])
        with sqlite3.connect(tmp_path / "outbox.db") as db:
            db.execute("DELETE FROM entries WHERE key LIKE ?", (f"{launches[0].uuid}%",))
        db.close()
        outbox.add(launches[2])
        assert outbox.statistics().owed == 2
