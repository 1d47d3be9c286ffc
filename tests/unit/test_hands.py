"""Threads that work, and that nobody waits for."""

from __future__ import annotations

import subprocess
import sys
import threading

from rp_finalizer.hands import Hands

LONG = 20.0


def test_work_goes_to_the_same_threads_again() -> None:
    """What a thread keeps, a connection for instance, is of use for the next work."""
    hands, names = Hands("hand"), set()
    for _ in range(20):
        done = threading.Event()

        def work(done: threading.Event = done) -> None:
            names.add(threading.current_thread().name)
            done.set()

        hands.give(work)
        assert done.wait(LONG)
    hands.leave()
    assert len(names) <= 2


def test_work_is_begun_at_once_however_many_are_at_work() -> None:
    """One that hangs holds nobody up."""
    hands, all_there = Hands("hand"), threading.Barrier(6)

    def work() -> None:
        all_there.wait(LONG)

    for _ in range(5):
        hands.give(work)
    all_there.wait(LONG)
    hands.leave()


def test_threads_that_are_free_are_gone_in_the_end() -> None:
    """Nothing of theirs is left in a program that goes on."""
    hands, done = Hands("leaving"), threading.Event()
    hands.give(done.set)
    assert done.wait(LONG)
    hands.leave()
    for thread in threading.enumerate():
        if thread.name.startswith("leaving"):
            thread.join(LONG)
            assert not thread.is_alive()


def test_a_program_ends_although_one_hangs() -> None:
    """Nobody waits for it at the interpreter's end."""
    program = """
import threading
from rp_finalizer.hands import Hands
begun = threading.Event()
hands = Hands("hand")
hands.give(lambda: (begun.set(), threading.Event().wait()))
begun.wait()
hands.leave()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=LONG)
