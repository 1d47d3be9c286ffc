"""Which launch is meant: the order of the sources, and a trace of why each candidate was taken or not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rp_finalizer.answer import Answer, Meaning
from rp_finalizer.deadline import Deadline
from rp_finalizer.launch import LaunchRef
from rp_finalizer.outcome import Source, Verdict
from rp_finalizer.report import Considered
from rp_finalizer.resolver import Resolution, Resolver
from tests.support.fakes import LAUNCH, LAUNCH_ID, OTHER_UUID, UNKNOWN, UUID, FakeSource, refused, seen, unavailable

if TYPE_CHECKING:
    from rp_finalizer.ports import LastResort, LaunchSource

DEADLINE = Deadline(1000.0)
NUMBER = str(LAUNCH_ID)
FOREIGN = refused(Meaning.FORBIDDEN, 403, 4003)
DENIED = refused(Meaning.UNAUTHORIZED, 401)
AWAY = unavailable(503)
OTHER = seen(replace(LAUNCH, uuid=OTHER_UUID, id=43))


def argument(*values: str) -> FakeSource:
    return FakeSource(Source.ARGUMENT, values)


def client(*values: str) -> FakeSource:
    return FakeSource(Source.CLIENT, values)


def environment(*values: str) -> FakeSource:
    return FakeSource(Source.ENVIRONMENT, values)


def server(*values: str, ambiguous: bool = False) -> FakeSource:
    return FakeSource(Source.SERVER, values, ambiguous=ambiguous)


class Server:
    """Looks launches up, and remembers what it was asked."""

    def __init__(self, answers: dict[str, Answer] | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[str] = []

    def __call__(self, ref: LaunchRef) -> Answer:
        self.asked.append(str(ref))
        return self.answers.get(str(ref), UNKNOWN)


def resolve(*sources: LaunchSource, knows: Server | None = None, last: tuple[LastResort, ...] = ()) -> Resolution:
    return Resolver(sources, last).resolve(knows or Server(), DEADLINE)


def verdicts(resolution: Resolution) -> list[tuple[Source, Verdict]]:
    return [(each.source, each.verdict) for each in resolution.considered]


def test_a_uuid_that_nobody_disputes_is_taken_without_asking() -> None:
    """One uuid, from any source, costs no round trip."""
    for source in (argument(UUID), client(UUID), environment(UUID)):
        knows = Server()
        resolution = resolve(source, knows=knows)
        assert (resolution.ref, resolution.launch) == (LaunchRef(UUID), None)
        assert verdicts(resolution) == [(source.source, Verdict.TAKEN)]
        assert knows.asked == []


def test_no_source_names_nothing() -> None:
    """Where no source knows a launch there is none, and nothing is told of it."""
    assert resolve(argument(), client(), environment()) == Resolution()


def test_a_number_is_looked_up() -> None:
    """A finish takes uuids only: a number is asked for, and both names are known then."""
    knows = Server({NUMBER: seen()})
    resolution = resolve(argument(NUMBER), knows=knows)
    assert (resolution.ref, resolution.launch) == (LaunchRef(UUID, LAUNCH_ID), LAUNCH)
    assert knows.asked == [NUMBER]


def test_the_same_launch_twice_is_no_conflict() -> None:
    """Sources that agree, in whatever spelling, cost no round trip and give no warning."""
    resolution = resolve(client(UUID), environment(UUID.upper(), UUID.replace("-", "")))
    assert verdicts(resolution) == [
        (Source.CLIENT, Verdict.TAKEN),
        (Source.ENVIRONMENT, Verdict.NOT_TRIED),
        (Source.ENVIRONMENT, Verdict.NOT_TRIED),
    ]
    assert resolution.warnings == ()


def test_a_uuid_and_the_number_of_the_same_launch_are_no_conflict() -> None:
    """What the server tells of a launch shows that a uuid and a number mean the same."""
    resolution = resolve(argument(UUID), environment(NUMBER), knows=Server({UUID: seen()}))
    assert verdicts(resolution) == [(Source.ARGUMENT, Verdict.TAKEN), (Source.ENVIRONMENT, Verdict.NOT_TRIED)]
    assert resolution.warnings == ()


def test_in_a_conflict_the_order_wins_and_both_are_named() -> None:
    """Of two launches that both exist the first source's is taken, and a warning names both and their places."""
    knows = Server({UUID: seen(), OTHER_UUID: OTHER})
    resolution = resolve(argument(UUID), environment(OTHER_UUID), knows=knows)
    assert resolution.ref == LaunchRef(UUID, LAUNCH_ID)
    assert verdicts(resolution) == [(Source.ARGUMENT, Verdict.TAKEN), (Source.ENVIRONMENT, Verdict.CONFLICT)]
    assert knows.asked == [UUID]
    (warning,) = resolution.warnings
    for word in (UUID, OTHER_UUID, "the argument", "the environment"):
        assert word in warning


def test_what_a_client_of_ours_says_is_not_doubted() -> None:
    """Our own client knows which launch it started, even one that the server does not know yet."""
    knows = Server({OTHER_UUID: OTHER})
    resolution = resolve(client(UUID), environment(OTHER_UUID), knows=knows)
    assert resolution.ref == LaunchRef(UUID)
    assert knows.asked == []
    assert verdicts(resolution)[1] == (Source.ENVIRONMENT, Verdict.CONFLICT)


@pytest.mark.parametrize("answer", [UNKNOWN, FOREIGN, refused(Meaning.UNKNOWN_PROJECT, 404, 4040)])
def test_a_launch_that_the_server_does_not_have_is_passed_over_and_told(answer: Answer) -> None:
    """Where the first source names what is not there, the next one's is taken, and a warning names both."""
    knows = Server({UUID: answer, OTHER_UUID: OTHER})
    resolution = resolve(argument(UUID), environment(OTHER_UUID), knows=knows)
    assert resolution.ref == LaunchRef(OTHER_UUID, 43)
    assert verdicts(resolution) == [(Source.ARGUMENT, Verdict.UNKNOWN), (Source.ENVIRONMENT, Verdict.TAKEN)]
    (warning,) = resolution.warnings
    assert UUID in warning
    assert OTHER_UUID in warning


@pytest.mark.parametrize("answer", [DENIED, AWAY])
def test_where_the_server_cannot_say_the_order_does(answer: Answer) -> None:
    """A server that is away, or a key that is wrong, decides nothing between two sources."""
    knows = Server({UUID: answer, OTHER_UUID: OTHER})
    resolution = resolve(argument(UUID), environment(OTHER_UUID), knows=knows)
    assert (resolution.ref, resolution.refusal) == (LaunchRef(UUID), answer)
    assert knows.asked == [UUID]


def test_without_a_server_the_order_decides() -> None:
    """Where nobody can be asked, the first well-formed name is taken, be it a number."""
    resolution = Resolver([argument("smoke", NUMBER), environment(UUID)]).resolve(None, DEADLINE)
    assert resolution.ref == LaunchRef(id=LAUNCH_ID)
    assert [verdict for _, verdict in verdicts(resolution)] == [Verdict.REFUSED, Verdict.TAKEN, Verdict.CONFLICT]


def test_what_names_no_launch_is_refused_and_told() -> None:
    """A malformed name is passed over, with its place and its text in a warning."""
    resolution = resolve(argument("smoke"), environment(UUID))
    assert resolution.ref == LaunchRef(UUID)
    assert verdicts(resolution) == [(Source.ARGUMENT, Verdict.REFUSED), (Source.ENVIRONMENT, Verdict.TAKEN)]
    assert "the argument: 'smoke' does not name a launch" in resolution.warnings[0]


def test_only_malformed_names_give_no_launch() -> None:
    """Where every name is malformed there is no launch, and every one is told."""
    resolution = resolve(argument("smoke"), environment("0", "../x"))
    assert (resolution.ref, resolution.refusal) == (None, None)
    assert len(resolution.warnings) == 3


def test_an_unknown_number_gives_no_launch_but_the_servers_answer() -> None:
    """A number that the server does not know cannot be finished; its answer tells why."""
    resolution = resolve(argument(NUMBER))
    assert (resolution.ref, resolution.refusal) == (None, UNKNOWN)
    assert verdicts(resolution) == [(Source.ARGUMENT, Verdict.UNKNOWN)]


def test_of_several_refusals_the_first_is_told() -> None:
    """Where no number is known, what the server says of the first one counts: it was meant most."""
    resolution = resolve(argument(NUMBER), environment("43"), knows=Server({NUMBER: FOREIGN}))
    assert (resolution.ref, resolution.refusal) == (None, FOREIGN)


def test_where_all_are_unknown_the_first_uuid_is_worth_the_try() -> None:
    """Over v2 a launch may not be there yet: the first uuid is tried all the same, before any number."""
    resolution = resolve(argument(NUMBER), environment(UUID, OTHER_UUID))
    assert (resolution.ref, resolution.refusal) == (LaunchRef(UUID), UNKNOWN)
    assert [verdict for _, verdict in verdicts(resolution)] == [Verdict.UNKNOWN, Verdict.TAKEN, Verdict.UNKNOWN]


def test_a_number_of_a_server_that_is_away_is_kept_with_the_answer() -> None:
    """A number that could not be looked up is the launch that is meant, and the answer tells why no more is known."""
    resolution = resolve(argument(NUMBER), knows=Server({NUMBER: AWAY}))
    assert (resolution.ref, resolution.refusal) == (LaunchRef(id=LAUNCH_ID), AWAY)


def test_a_source_that_cannot_be_read_is_told() -> None:
    """What kept a source from being read stands in the trace as refused."""
    resolution = resolve(FakeSource(Source.LAUNCH_FILE, ("",), problem="permission denied"), environment(UUID))
    assert resolution.ref == LaunchRef(UUID)
    assert resolution.warnings == ("the launch-file: permission denied",)


def test_the_last_resorts_are_asked_only_while_nothing_is_named() -> None:
    """The server is searched only where no other source names a launch, malformed names not counting."""
    last = server(OTHER_UUID)
    assert resolve(argument(UUID), last=(last,)).ref == LaunchRef(UUID)
    assert resolve(argument(NUMBER), last=(last,)).ref is None
    assert last.asked == 0
    resolution = resolve(argument("smoke"), last=(server(), last))
    assert resolution.ref == LaunchRef(OTHER_UUID)
    assert verdicts(resolution) == [(Source.ARGUMENT, Verdict.REFUSED), (Source.SERVER, Verdict.TAKEN)]
    assert "'smoke'" in resolution.warnings[0]


def test_a_last_resort_that_somebody_asked_for_is_told_when_it_is_not_looked_at() -> None:
    """A log that is named on the command line, and overruled by a variable, stands in the trace and in a warning."""
    last = FakeSource(Source.LOG, (OTHER_UUID,), requested=Considered(Source.LOG, "run.log", Verdict.NOT_TRIED))
    resolution = resolve(argument(UUID), last=(last,))
    assert verdicts(resolution) == [(Source.ARGUMENT, Verdict.TAKEN), (Source.LOG, Verdict.NOT_TRIED)]
    (warning,) = resolution.warnings
    assert "run.log" in warning
    assert UUID in warning


def test_of_several_that_fit_none_is_taken() -> None:
    """To finish the wrong launch is worse than to finish none: all that fit are named instead."""
    resolution = resolve(last=(server(UUID, OTHER_UUID, ambiguous=True),))
    assert (resolution.ref, resolution.refusal) == (None, None)
    assert verdicts(resolution) == [(Source.SERVER, Verdict.CONFLICT)] * 2
    (warning,) = resolution.warnings
    assert UUID in warning
    assert OTHER_UUID in warning


def test_a_search_that_the_server_refuses_gives_its_answer() -> None:
    """Where the server does not let itself be searched, its answer tells why no launch is known."""
    resolution = resolve(last=(FakeSource(Source.SERVER, (), refusal=DENIED),))
    assert (resolution.ref, resolution.refusal) == (None, DENIED)


def test_the_first_name_is_the_first_well_formed_one() -> None:
    """A flight is named by the first source that names a launch; malformed names and last resorts do not count."""
    last = server(OTHER_UUID)
    assert Resolver([argument("smoke"), environment(UUID.upper())], [last]).first_name(DEADLINE) == UUID
    assert Resolver([argument("smoke")], [last]).first_name(DEADLINE) is None
    assert last.asked == 0
