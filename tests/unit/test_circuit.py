"""When somebody who does not answer is asked again."""

from __future__ import annotations

from rp_finalizer.circuit import Circuit, Circuits


def circuit(failures: int, at: float = 0.0) -> Circuit:
    made = Circuit(failures_before=3, first=10, longest=35)
    for _ in range(failures):
        made.asked()
        made.failed(at)
    return made


def test_a_failure_or_two_change_nothing() -> None:
    """One slow answer is no hang."""
    assert circuit(2).allows(0.0)


def test_failures_in_a_row_keep_from_asking_for_a_while() -> None:
    """Nobody waits for what does not come; later it is tried again."""
    opened = circuit(3, at=100.0)
    assert not opened.allows(109.9)
    assert opened.allows(110.0)


def test_the_while_grows_up_to_a_limit() -> None:
    """A server that stays away is asked less and less often, but never forgotten."""
    assert (circuit(4).allows(19.9), circuit(4).allows(20.0)) == (False, True)
    assert (circuit(5).allows(34.9), circuit(5).allows(35.0)) == (False, True)
    assert circuit(10_000).allows(35.0)


def test_those_that_were_asked_at_the_same_time_fail_of_the_same_outage() -> None:
    """A short outage that many requests meet keeps from asking as long as one that a few meet."""
    opened = circuit(3)
    for _ in range(8):
        opened.failed(1.0)
    assert opened.allows(10.0)
    opened.asked()
    opened.failed(11.0)
    assert (opened.allows(30.9), opened.allows(31.0)) == (False, True)


def test_an_answer_ends_it_at_once() -> None:
    """After an answer it takes as many failures as at first."""
    opened = circuit(5)
    opened.succeeded()
    assert opened.allows(0.0)
    opened.failed(0.0)
    opened.failed(0.0)
    assert opened.allows(0.0)


def test_one_tries_whether_there_is_an_answer_again_and_the_others_wait_for_it() -> None:
    """A server that still hangs costs one hand, not all of them."""
    opened = circuit(3)
    assert opened.allows(10.0)
    opened.asked()
    assert not opened.allows(10.0)
    assert opened.remaining(10.0) > 0
    opened.failed(11.0)
    assert opened.remaining(11.0) == 20.0
    assert opened.allows(31.0)


def test_who_tried_and_learned_nothing_leaves_it_to_the_next() -> None:
    """Nobody waits for ever for one that never asked."""
    opened = circuit(3)
    opened.asked()
    opened.learned_nothing()
    assert opened.allows(10.0)


def test_while_it_is_closed_any_number_may_ask() -> None:
    """Nobody is held up where everything is well."""
    closed = circuit(0)
    closed.asked()
    assert closed.allows(0.0)


def test_leave_is_given_by_all_or_by_none() -> None:
    """Who is held up by one does not keep others from trying another."""
    circuits = Circuits(lambda: circuit(0))
    for _ in range(3):
        assert circuits.enter(("server", "project"), 0.0) is None
        circuits.tell("server", 0.0, answered=True)
        circuits.tell("project", 0.0, answered=False)
    assert circuits.enter(("server", "project"), 0.0) == ("project", 10.0)
    assert circuits.enter(("server", "other"), 0.0) is None
    assert circuits.enter(("server", "project"), 10.0) is None
    assert circuits.enter(("server", "project"), 10.0) == ("project", 10.0)
    circuits.tell("project", 11.0, answered=None)
    assert circuits.enter(("server", "project"), 11.0) is None
