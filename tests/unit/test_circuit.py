"""When somebody who does not answer is asked again."""

from __future__ import annotations

from rp_finalizer.circuit import Circuit


def circuit(failures: int, at: float = 0.0) -> Circuit:
    made = Circuit(failures_before=3, first=10, longest=35)
    for _ in range(failures):
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


def test_an_answer_ends_it_at_once() -> None:
    """After an answer it takes as many failures as at first."""
    opened = circuit(5)
    opened.succeeded()
    assert opened.allows(0.0)
    opened.failed(0.0)
    opened.failed(0.0)
    assert opened.allows(0.0)
