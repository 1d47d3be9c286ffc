"""Once-only work with one shared result, with real threads and real forks."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from typing import TYPE_CHECKING

import pytest

from rp_finalizer import single_flight
from rp_finalizer.errors import ForkedCallError, ReentrantCallError
from rp_finalizer.single_flight import SingleFlight

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 20.0
"""Seconds after which a test gives up; none of them comes near."""


class Caller(threading.Thread):
    """A thread that makes one call and keeps what came of it."""

    def __init__(self, call: Callable[[], str]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self._result: str | BaseException = "unfinished"
        self.start()

    def run(self) -> None:
        try:
            self._result = self._call()
        except BaseException as error:  # noqa: BLE001  a signal's exception, too, is a result
            self._result = error

    @property
    def result(self) -> str | BaseException:
        self.join(PATIENCE)
        assert not self.is_alive(), "the call never came back"
        return self._result


class Work:
    """Work that begins when it is called and ends when it is told to."""

    def __init__(self, *results: str | BaseException) -> None:
        self._results = list(results)
        self.calls = 0
        self.begun = threading.Event()
        self.go = threading.Event()

    def __call__(self) -> str:
        self.calls += 1
        self.begun.set()
        assert self.go.wait(PATIENCE)
        result = self._results.pop(0) if len(self._results) > 1 else self._results[0]
        if isinstance(result, BaseException):
            raise result
        return result


def guard() -> SingleFlight[str]:
    """Give a guard that latches results in capitals."""
    return SingleFlight(str.isupper)


def until_waiting(*threads: threading.Thread) -> None:
    """Wait until every one of the threads sleeps in the guard, for another's work to be done."""
    deadline = time.monotonic() + PATIENCE
    while not all(sleeps_in_guard(thread) for thread in threads):
        assert time.monotonic() < deadline
        time.sleep(0.001)


def sleeps_in_guard(thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    caller = frame.f_back if frame and frame.f_code.co_name == "wait" else None
    return caller is not None and caller.f_code.co_filename == single_flight.__file__


def start_with_waiters(flights: SingleFlight[str], work: Work, waiters: int = 3) -> tuple[Caller, list[Caller]]:
    """Start a call that works, and others that wait for it."""
    pilot = Caller(lambda: flights.run("key", work))
    assert work.begun.wait(PATIENCE)
    others = [Caller(lambda: flights.run("key", work)) for _ in range(waiters)]
    until_waiting(*others)
    return pilot, others


@pytest.mark.parametrize("result", ["FINAL", "passing"])
def test_concurrent_callers_share_one_flight(result: str) -> None:
    """Whoever calls while the work is done gets its result, whether it latches or not, and the work is done once."""
    flights, work = guard(), Work(result)
    pilot, others = start_with_waiters(flights, work)
    work.go.set()
    assert [each.result for each in (pilot, *others)] == [result] * 4
    assert work.calls == 1


def test_a_latched_result_is_kept() -> None:
    """After a final result no later call works again, not even one that asks for another try."""
    flights = guard()
    assert flights.run("key", lambda: "FINAL") == "FINAL"
    assert flights.run("key", lambda: pytest.fail("worked again"), again=True) == "FINAL"
    assert flights.kept("key") == "FINAL"


def test_another_try_is_made_only_when_it_is_asked_for() -> None:
    """A result that is not final is given to those who do not ask for more, and replaced for those who do."""
    flights = guard()
    assert flights.run("key", lambda: "first") == "first"
    assert flights.run("key", lambda: pytest.fail("worked again"), again=False) == "first"
    assert flights.run("key", lambda: "second", again=True) == "second"
    assert flights.kept("key") == "second"


def test_without_a_result_every_caller_works() -> None:
    """Where nothing was done yet, a call that asks for no other try does the work."""
    flights = guard()
    assert flights.kept("key") is None
    assert flights.run("key", lambda: "first", again=False) == "first"


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()], ids=["error", "signal"])
def test_a_failing_pilot_hands_over(error: BaseException) -> None:
    """What the work raises goes to its own caller; one of those who wait takes over, and the rest share its result."""
    flights, work = guard(), Work(error, "FINAL")
    pilot, others = start_with_waiters(flights, work)
    work.go.set()
    assert pilot.result is error
    assert [each.result for each in others] == ["FINAL"] * 3
    assert work.calls == 2


def test_an_interrupted_pilot_leaves_nobody_waiting() -> None:
    """After an exception of a signal the key is free, and nothing of the broken work is kept."""
    flights = guard()

    def interrupted() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flights.run("key", interrupted)
    assert flights.kept("key") is None
    assert Caller(lambda: flights.run("key", lambda: "FINAL")).result == "FINAL"


def test_a_caller_struck_while_it_waits_does_not_disturb_the_flight() -> None:
    """A signal's exception in a call that waits leaves the pilot its flight, and the other callers its result."""
    flights, work = guard(), Work("FINAL")
    pilot, others = start_with_waiters(flights, work, waiters=1)

    def strike(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, strike)
    main = threading.main_thread()

    def hit() -> str:
        until_waiting(main)
        signal.pthread_kill(main.ident or 0, signal.SIGUSR1)
        return "struck"

    striker = Caller(hit)
    try:
        with pytest.raises(KeyboardInterrupt):
            flights.run("key", work)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert striker.result == "struck"
    late = Caller(lambda: flights.run("key", work))
    until_waiting(late)
    work.go.set()
    assert [each.result for each in (pilot, *others, late)] == ["FINAL"] * 3
    assert work.calls == 1


def test_a_call_from_inside_its_own_work_raises() -> None:
    """Work that calls for itself is told so instead of waiting for itself, and the flight goes on."""
    flights = guard()

    def work() -> str:
        with pytest.raises(ReentrantCallError, match="key is being finished by this very thread"):
            flights.run("key", lambda: "inner")
        return "FINAL"

    assert Caller(lambda: flights.run("key", work)).result == "FINAL"


def test_work_may_call_for_another_key() -> None:
    """Work of one launch may finish another one."""
    flights = guard()
    assert flights.run("one", lambda: flights.run("two", lambda: "INNER").lower()) == "inner"
    assert flights.kept("two") == "INNER"


def test_different_keys_do_not_block_each_other() -> None:
    """While one key's work hangs, another's is done and given."""
    flights, hanging = guard(), Work("FINAL")
    pilot = Caller(lambda: flights.run("one", hanging))
    assert hanging.begun.wait(PATIENCE)
    assert Caller(lambda: flights.run("two", lambda: "OTHER")).result == "OTHER"
    hanging.go.set()
    assert pilot.result == "FINAL"


def test_many_callers_never_work_at_the_same_time() -> None:
    """However many threads ask again and again, no two of them ever work for one key at once."""
    flights = guard()
    working = threading.Lock()
    clashes: list[str] = []

    def work() -> str:
        if not working.acquire(blocking=False):
            clashes.append("two at once")
        else:
            time.sleep(0)  # lets the others run
            working.release()
        return "passing"

    def ask() -> str:
        for _ in range(50):
            flights.run("key", work)
        return "done"

    assert {caller.result for caller in [Caller(ask) for _ in range(8)]} == {"done"}
    assert clashes == []


def test_a_kept_result_can_be_amended() -> None:
    """What is kept can be replaced, for all later callers; where nothing is kept nothing is made up."""
    flights = guard()
    assert flights.amend("key", lambda kept: f"{kept}, amended") is None
    flights.run("key", lambda: "FINAL")
    assert flights.amend("key", lambda kept: f"{kept}, AMENDED") == "FINAL, AMENDED"
    assert flights.run("key", lambda: pytest.fail("worked again")) == "FINAL, AMENDED"


def in_a_fork(check: Callable[[], None]) -> int:
    """Run a check in a forked child, which is killed when it hangs; give the child's exit status."""
    with warnings.catch_warnings():
        # Newer Pythons warn of forks beside threads: exactly what is tried here.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(5)
            check()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def refuses_everything(flights: SingleFlight[str]) -> None:
    assert flights.foreign
    for key in ("key", "new"):
        with pytest.raises(ForkedCallError, match="forked from"):
            flights.run(key, lambda: "FINAL")
        with pytest.raises(ForkedCallError, match="forked from"):
            flights.run(key, lambda: "FINAL", again=False)
        with pytest.raises(ForkedCallError, match="forked from"):
            flights.kept(key)
        with pytest.raises(ForkedCallError, match="forked from"):
            flights.amend(key, str.upper)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_no_part_in_its_parents_flights() -> None:
    """In a forked child every call raises, whether its launch is finished, unknown, or being finished by a thread."""
    flights, work = guard(), Work("FINAL")
    flights.run("key", lambda: "passing")
    pilot = Caller(lambda: flights.run("key", work))
    assert work.begun.wait(PATIENCE)
    assert in_a_fork(lambda: refuses_everything(flights)) == 0
    work.go.set()
    assert pilot.result == "FINAL"
    assert not flights.foreign


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_raises_although_the_lock_was_held_at_the_fork() -> None:
    """A lock that another thread held at the fork is held for ever in the child, which raises all the same."""
    flights = guard()
    flights.run("key", lambda: "passing")
    inside, leave = threading.Event(), threading.Event()

    def change(kept: str) -> str:
        inside.set()
        assert leave.wait(PATIENCE)
        return kept

    # A change is made under the guard's lock.
    holder = Caller(lambda: flights.amend("key", change) or "")
    assert inside.wait(PATIENCE)
    assert in_a_fork(lambda: refuses_everything(flights)) == 0
    leave.set()
    assert holder.result == "passing"
