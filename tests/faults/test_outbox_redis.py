"""An outbox in Redis whose server, connections, keys or fellow workers come to harm: nothing is lost or done twice."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from rp_finalizer import LaunchFinalizer, Settings
from rp_finalizer.emulator import Emulator, Fault
from rp_finalizer.entries import EntryState, OwedLaunch, Priority
from rp_finalizer.errors import EntryStateError, LeaseLostError, OutboxError, UnknownEntryError
from rp_finalizer.outbox.redis import RedisOutbox
from rp_finalizer.outbox.redis_scripts import script
from rp_finalizer.outbox.sqlite import SqliteOutbox
from rp_finalizer.outbox_wiring import path_of
from rp_finalizer.outcome import Outcome
from rp_finalizer.report import Report
from tests.support.commands import SCRIPT, environment
from tests.support.polling import until
from tests.support.redis_relay import RedisRelay
from tests.support.redis_server import RedisServer
from tests.support.reporting import FINISH, status_of
from tests.support.rp_api import START, RpApi
from tests.support.tls_front import CA, TlsFront

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LEASE = 60.0
DONE = Report(Outcome.FINISHED)
LONG = 30.0
"""Seconds in which what is waited for must have happened."""
STREAM = "{rp-finalizer}:stream:2"


@pytest.fixture
def opening() -> Iterator[Callable[..., RedisOutbox]]:
    with contextlib.ExitStack() as opened:

        def open_(url: str, **arguments: Any) -> RedisOutbox:
            return opened.enter_context(contextlib.closing(RedisOutbox(url, **arguments)))

        yield open_


@pytest.fixture
def outbox(redis_server: RedisServer, opening: Callable[..., RedisOutbox]) -> RedisOutbox:
    return opening(redis_server.url)


@pytest.fixture(params=["refused", "silent"])
def away(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the address of a server that is away, or takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1] if request.param == "silent" else 1
        yield f"redis://user:a-secret@127.0.0.1:{port}/0"


def launch(number: int = 1) -> OwedLaunch:
    return OwedLaunch("https://rp.example.com", "demo", str(UUID(int=number)))


def consumers(server: RedisServer) -> set[str]:
    return {each[1] for each in server.do("XINFO", "CONSUMERS", STREAM, "workers")}


def test_a_server_that_is_killed_and_comes_back_has_lost_nothing(
    tmp_path: Path, opening: Callable[..., RedisOutbox]
) -> None:
    """Who works keeps what is done, and settles it when Redis is back, without anybody's help."""
    with RedisServer(tmp_path, durable=True) as server:
        outbox = opening(server.url)
        for number in range(3):
            outbox.add(launch(number))
        done, again = outbox.claim("worker", 2, LEASE)
        server.kill()
        settling = threading.Thread(target=outbox.complete, args=(done.entry_id, done.lease_token, DONE))
        settling.start()
        server.start()
        settling.join(LONG)
        outbox.renew(again.entry_id, again.lease_token, LEASE)
        states = {UUID(each.launch.uuid).int: each.state for each in outbox.entries()}
        assert states == {0: EntryState.DONE, 1: EntryState.LEASED, 2: EntryState.READY}
        assert [UUID(each.launch.uuid).int for each in outbox.claim("another", 3, LEASE)] == [2]


def test_a_worker_that_has_lost_many_connections_makes_others(redis_server: RedisServer, outbox: RedisOutbox) -> None:
    """However often Redis is lost in its life, and however many threads ask at once."""
    outbox.add(launch())
    for _ in range(8):
        asking = [threading.Thread(target=outbox.statistics) for _ in range(16)]
        redis_server.stop()
        for each in asking:
            each.start()
        redis_server.go_on()
        for each in asking:
            each.join(LONG)
        redis_server.do("CLIENT", "KILL", "TYPE", "normal")
    begun = time.monotonic()
    assert outbox.statistics().owed == 1
    assert time.monotonic() - begun < LONG / 3


def test_a_flushed_server_is_an_empty_outbox(redis_server: RedisServer, outbox: RedisOutbox) -> None:
    """What was in it is gone, and said to be; what comes is kept as in a new one."""
    outbox.add(launch())
    (held,) = outbox.claim("worker", 1, LEASE)
    redis_server.do("FLUSHALL")
    redis_server.do("SCRIPT", "FLUSH")
    with pytest.raises(UnknownEntryError):
        outbox.complete(held.entry_id, held.lease_token, DONE)
    added = outbox.add(launch())
    (held,) = outbox.claim("worker", 1, LEASE)
    assert held.entry_id == added.entry_id
    outbox.complete(held.entry_id, held.lease_token, DONE)
    assert outbox.statistics().owed == 0


@pytest.mark.parametrize("step", ["add", "claim", "change"])
def test_a_call_whose_answer_is_lost_is_done_once(
    redis_server: RedisServer, opening: Callable[..., RedisOutbox], step: str
) -> None:
    """The connection is cut when the server has done it: it is not done again, and whoever called has its result."""
    called = script(step).digest
    with RedisRelay(redis_server.port) as relay:
        outbox = opening(relay.url)
        for number in range(1, 4):
            outbox.add(launch(number))
        relay.lose_answer(called)
        added = outbox.add(launch(4))
        claimed = outbox.claim("worker", 2, LEASE)
        outbox.renew(claimed[0].entry_id, claimed[0].lease_token, LEASE)
        for entry in claimed:
            outbox.complete(entry.entry_id, entry.lease_token, DONE)
            relay.lose_answer(called)
        assert relay.lost == {"add": 1, "claim": 1, "change": 2}[step]
        assert [UUID(each.launch.uuid).int for each in claimed] == [1, 2]
        assert {each.attempts for each in claimed} == {1}
        held = outbox.statistics()
    assert (held.counters["added"], held.counters["completed"], held.counters["recovered"]) == (4, 2, 0)
    assert held.by_state == {EntryState.DONE: 2, EntryState.READY: 2}
    assert outbox.name.endswith(f":{relay.port}/0")
    assert added.launch == launch(4)


def test_who_was_taken_over_elsewhere_changes_nothing(
    redis_server: RedisServer, opening: Callable[..., RedisOutbox]
) -> None:
    """A worker that slept past its lease knows of nothing: what it tells then is refused, and what is there stays."""
    stale, heir = opening(redis_server.url), opening(redis_server.url)
    for number in range(4):
        stale.add(launch(number))
    slept = stale.claim("stale", 4, 0.2)
    until(lambda: heir.statistics().due == 4)
    held = heir.claim("heir", 4, LEASE)
    one, two, three, four = slept
    late: list[Callable[[], object]] = [
        lambda: stale.complete(one.entry_id, one.lease_token, DONE),
        lambda: stale.put_off(two.entry_id, two.lease_token, None, 0.0),
        lambda: stale.give_up(three.entry_id, three.lease_token, None, "no"),
        lambda: stale.renew(four.entry_id, four.lease_token, LEASE),
    ]
    for call in late:
        with pytest.raises(LeaseLostError):
            call()
    assert {each.entry_id: each for each in heir.active()} == {each.entry_id: each for each in held}
    assert stale.statistics().counters["completed"] == stale.statistics().counters["dead"] == 0


def test_a_lost_group_costs_nobody_what_he_holds(redis_server: RedisServer, outbox: RedisOutbox) -> None:
    """Somebody destroyed the consumer group: it is made anew, leases are kept, and what waited is delivered."""
    for number in range(3):
        outbox.add(launch(number))
    first, second = outbox.claim("worker", 2, LEASE)
    redis_server.do("XGROUP", "DESTROY", STREAM, "workers")
    assert [UUID(each.launch.uuid).int for each in outbox.claim("another", 5, LEASE)] == [2]
    outbox.renew(first.entry_id, first.lease_token, LEASE)
    for entry in (first, second):
        outbox.complete(entry.entry_id, entry.lease_token, DONE)
    assert outbox.statistics().by_state == {EntryState.DONE: 2, EntryState.LEASED: 1}
    assert redis_server.do("XLEN", STREAM) == 1


def test_what_expired_is_taken_over_although_its_group_is_lost(redis_server: RedisServer, outbox: RedisOutbox) -> None:
    """Nothing tells any more who was delivered what, nor does anything new come: the entry does."""
    outbox.add(launch())
    outbox.claim("gone", 1, 0.1)
    redis_server.do("XGROUP", "DESTROY", STREAM, "workers")
    until(lambda: outbox.statistics().due)
    (taken,) = outbox.claim("heir", 1, LEASE)
    assert taken.attempts == 2
    assert outbox.claim("another", 1, LEASE) == []
    outbox.complete(taken.entry_id, taken.lease_token, DONE)
    assert redis_server.do("XLEN", STREAM) == 0


def test_entries_outlive_their_messages(redis_server: RedisServer, outbox: RedisOutbox) -> None:
    """Somebody removed a stream: what waited in it is delivered all the same, and what was held is settled."""
    for number in range(3):
        outbox.add(launch(number))
    (held,) = outbox.claim("worker", 1, LEASE)
    redis_server.do("DEL", STREAM)
    assert [UUID(each.launch.uuid).int for each in outbox.claim("worker", 3, LEASE)] == [1, 2]
    outbox.renew(held.entry_id, held.lease_token, LEASE)
    for entry in outbox.active():
        outbox.complete(entry.entry_id, entry.lease_token, DONE)
    assert outbox.statistics().by_state == {EntryState.DONE: 3}


def test_a_wrong_password_is_told_at_once_and_never_shown(
    tmp_path: Path, opening: Callable[..., RedisOutbox], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the right one nor the wrong one shows in names, errors or logs."""
    with RedisServer(tmp_path, password="the-right-secret") as server, caplog.at_level(logging.DEBUG):
        for user in ("", "somebody"):
            outbox = opening(f"redis://{user}:a-wrong%2Fsecret@127.0.0.1:{server.port}/0")
            begun = time.monotonic()
            with pytest.raises(OutboxError) as refused:
                outbox.add(launch())
            assert time.monotonic() - begun < 5
            shown = f"{outbox.name} {outbox!r} {refused.value!r} {refused.value} {refused.value.__context__!r}"
            assert f":{server.port}/0" in outbox.name
            assert "secret" not in shown
        right = opening(server.url)
        right.add(launch())
        assert "secret" not in f"{right.name} {right!r}"
    assert "secret" not in caplog.text


def test_tls_is_spoken_where_the_address_says_so(
    redis_server: RedisServer, opening: Callable[..., RedisOutbox]
) -> None:
    """The certificate must be of who the address says; what else stands in the address is never shown."""
    with TlsFront(redis_server.port) as front:
        outbox = opening(f"rediss://localhost:{front.port}/0?ssl_ca_certs={CA}")
        outbox.add(launch())
        (entry,) = outbox.claim("worker", 1, LEASE)
        outbox.complete(entry.entry_id, entry.lease_token, DONE)
        assert outbox.name == f"rediss://localhost:{front.port}/0"
        outbox.close()
        begun = time.monotonic()
        with pytest.raises(OutboxError, match="certificate") as refused:
            opening(f"rediss://:a-secret@localhost:{front.port}/0").add(launch(2))
        assert time.monotonic() - begun < 5
    assert "ssl_ca_certs" in refused.value.mend
    assert "secret" not in f"{refused.value!r} {refused.value}"


def test_a_user_needs_no_more_rights_than_are_told(
    redis_server: RedisServer, opening: Callable[..., RedisOutbox]
) -> None:
    """Without them the error says which; with these all steps can be done, on our own keys only."""
    redis_server.do("ACL", "SETUSER", "worker", "reset", "on", ">word", "+ping", "+select", "+client")
    outbox = opening(f"redis://worker:word@127.0.0.1:{redis_server.port}/0")
    with pytest.raises(OutboxError) as refused:
        outbox.add(launch())
    rights = refused.value.mend.partition(": ")[2].split()
    assert "~{rp-finalizer}*" in rights
    redis_server.do("ACL", "SETUSER", "worker", *rights)
    try:
        outbox.add(launch())
        (entry,) = outbox.claim("worker", 1, LEASE)
        outbox.renew(entry.entry_id, entry.lease_token, LEASE)
        outbox.complete(entry.entry_id, entry.lease_token, DONE)
        assert outbox.prune(-1.0) == 1
        outbox.close()
        assert outbox.statistics().counters["completed"] == 1
    finally:
        redis_server.do("ACL", "DELUSER", "worker")


def test_keys_of_another_version_are_left_alone(redis_server: RedisServer, outbox: RedisOutbox) -> None:
    """A newer rp-finalizer wrote them: this one says so, and changes nothing."""
    outbox.add(launch())
    redis_server.do("HSET", "{rp-finalizer}:about", "version", "2")
    with pytest.raises(OutboxError, match="version 2"):
        outbox.claim("worker", 1, LEASE)
    redis_server.do("HSET", "{rp-finalizer}:about", "version", "1")
    assert outbox.statistics().by_state == {EntryState.READY: 1}


def test_the_time_is_the_servers(outbox: RedisOutbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose clock is wrong neither takes entries too early nor holds them for too long."""
    begun = time.time()
    monkeypatch.setattr(time, "time", lambda: 1.0)
    held = outbox.open(launch(), "run", LEASE)
    outbox.renew(held.entry_id, held.lease_token, 2 * LEASE)
    (held,) = outbox.find(held.entry_id)
    assert 0 <= held.created_at - begun < LONG
    assert 2 * LEASE <= (held.lease_until or 0) - begun < 2 * LEASE + LONG
    assert outbox.claim("worker", 1, LEASE) == []
    with pytest.raises(EntryStateError):
        outbox.take(held.entry_id, "worker", LEASE)


def test_what_a_gone_consumer_had_is_taken_over_and_the_consumer_removed_only_then(
    redis_server: RedisServer, outbox: RedisOutbox
) -> None:
    """Nothing stays in the list of somebody who is gone, and no consumer is removed with what it has."""
    for number in range(2):
        outbox.add(launch(number))
    outbox.claim("gone", 1, 0.3)
    stale, *_ = outbox.claim("gone", 1, 0.3)
    until(lambda: outbox.statistics().due == 2)
    (first,) = outbox.claim("heir", 1, LEASE)
    assert consumers(redis_server) == {"gone", "heir"}
    (second,) = outbox.claim("heir", 1, LEASE)
    assert consumers(redis_server) == {"heir"}
    assert (first.attempts, second.attempts) == (2, 2)
    with pytest.raises(LeaseLostError):
        outbox.complete(stale.entry_id, stale.lease_token, DONE)
    outbox.complete(first.entry_id, first.lease_token, DONE)
    outbox.close()
    assert consumers(redis_server) == {"heir"}
    outbox.complete(second.entry_id, second.lease_token, DONE)
    outbox.claim("heir", 1, LEASE)
    outbox.close()
    assert redis_server.do("XLEN", STREAM) == 0


def test_all_that_expired_is_taken_over_first_however_much_it_is(
    redis_server: RedisServer, outbox: RedisOutbox
) -> None:
    """The list of deliveries is followed to its end, and what is new comes behind it, however urgent."""
    number = 250
    for each in range(number):
        outbox.add(launch(each))
    assert len(outbox.claim("gone", number, 0.5)) == number
    urgent = outbox.add(launch(number), priority=Priority.CRITICAL)
    until(lambda: outbox.statistics().due == number + 1)
    taken = outbox.claim("heir", number + 1, LEASE)
    assert [UUID(each.launch.uuid).int for each in taken] == list(range(number + 1))
    assert taken[-1].entry_id == urgent.entry_id
    assert consumers(redis_server) == {"heir"}


def test_a_worker_outlives_its_redis(emulator: Emulator, tmp_path: Path, opening: Callable[..., RedisOutbox]) -> None:
    """Redis is killed while a launch is being finished: the worker settles it when Redis is back, and goes on."""
    with contextlib.closing(RpApi(emulator.url)) as api, RedisServer(tmp_path, durable=True) as server:
        outbox = opening(server.url)
        for _ in range(2):
            outbox.add(OwedLaunch(emulator.url, "demo", api.start(), end_ms=START + 60_000))
        hanging = emulator.add_fault(Fault(FINISH, hang=True, times=1))
        variables = {"RP_ENDPOINT": emulator.url, "RP_PROJECT": "demo", "RP_API_KEY": "demo_key"}
        command = [str(SCRIPT), "worker", "--concurrency", "1", "--outbox", server.url, "--quiet"]
        with subprocess.Popen(command, env=environment(**variables)) as worker:
            try:
                until(lambda: hanging.hits)
                server.kill()
                hanging.release()
                until(lambda: any(status_of(emulator, each.uuid) == "PASSED" for each in emulator.launches()))
                server.start()
                until(lambda: outbox.statistics().counters["completed"] == 2)
            finally:
                worker.terminate()
                assert worker.wait(LONG) == 128 + signal.SIGTERM
        assert {status_of(emulator, each.uuid) for each in emulator.launches()} == {"PASSED"}
        assert {each.attempts for each in outbox.entries()} == {1}


CLAIMING = """
import os, sys
from rp_finalizer.outbox.redis import RedisOutbox
from rp_finalizer.outbox.redis_scripts import script
outbox = RedisOutbox(sys.argv[1])
assert len(outbox.claim("killed", 3, float(sys.argv[2]))) == 3
print(flush=True)
sys.stdin.readline()
"""


def test_what_a_killed_worker_held_is_at_work_again_within_its_lease_and_a_second(
    redis_server: RedisServer, outbox: RedisOutbox
) -> None:
    """Whoever asks then has it, with one attempt more."""
    for number in range(3):
        outbox.add(launch(number))
    command = [sys.executable, "-c", CLAIMING, redis_server.url, "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    killed = time.monotonic()
    taken: list[Any] = []
    while len(taken) < 3:
        due = outbox.next_due()
        assert due is not None
        taken += outbox.claim("worker", 3, LEASE) if due == 0.0 else []
        assert time.monotonic() - killed < 2.0
    assert {each.attempts for each in taken} == {2}


WORKING = """
import sys
from rp_finalizer.outbox.redis import RedisOutbox
from rp_finalizer.outbox.redis_scripts import script
from rp_finalizer.outcome import Outcome
from rp_finalizer.report import Report
outbox = RedisOutbox(sys.argv[1])
while claimed := outbox.claim(sys.argv[2], 3, 60.0):
    for entry in claimed:
        outbox.complete(entry.entry_id, entry.lease_token, Report(Outcome.FINISHED))
        print(entry.launch.uuid)
outbox.close()
"""


def test_several_workers_share_no_entry(redis_server: RedisServer, outbox: RedisOutbox) -> None:
    """Each is completed by one of them, and none of them leaves a trace of itself."""
    number = 200
    for each in range(number):
        outbox.add(launch(each))
    with contextlib.ExitStack() as stack:
        workers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", WORKING, redis_server.url, f"worker {each}"],
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for each in range(4)
        ]
        done = [line for worker in workers for line in worker.communicate(timeout=LONG)[0].split()]
    assert sorted(done) == [str(UUID(int=each)) for each in range(number)]
    held = outbox.statistics()
    assert (held.owed, held.counters["completed"], held.counters["recovered"]) == (0, number, 0)
    assert redis_server.do("KEYS", "*:waiting") == redis_server.do("KEYS", "*:due") == []


def test_a_run_whose_redis_is_away_is_kept_on_its_own_disk(away: str) -> None:
    """It costs a second at most, and is said, without the password."""
    settings = Settings.load(
        endpoint="http://127.0.0.1:1", project="demo", api_key="k", outbox=away, timeout=1.0, signals=False
    )
    begun = time.monotonic()
    finalizer = LaunchFinalizer(launch=str(UUID(int=1)), settings=settings)
    assert time.monotonic() - begun < 1.5
    report = finalizer.finish()
    assert report.outcome is Outcome.DEFERRED
    assert "sqlite:////" in finalizer.note
    shown = f"{finalizer.note} {report} {report.to_dict()} {settings} {finalizer.settings}"
    assert "secret" not in shown
    with contextlib.closing(SqliteOutbox(path_of(finalizer.settings))) as local:
        assert local.statistics().owed == 1
