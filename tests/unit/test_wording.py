"""What people read of a report: the whole truth, what to do about it, and nothing that harms a terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rp_finalizer.answer import Answer, Meaning
from rp_finalizer.failures import failure_of
from rp_finalizer.launch import LaunchRef, LaunchStatus
from rp_finalizer.outcome import ErrorKind, Outcome, Source, Verdict
from rp_finalizer.report import Considered, Count, Failure, Report, ReportedLaunch
from rp_finalizer.wording import (
    NAMING,
    Headline,
    Line,
    block,
    headline,
    headline_of,
    nothing_named,
    nothing_reported,
    sentence,
)
from tests.support.fakes import UUID

PAGE = "https://rp.example.com/ui/#demo/launches/all/42"
LAUNCH = ReportedLaunch(UUID, 42, 7, "smoke", LaunchStatus.PASSED, PAGE, Source.CLIENT)
OPEN = replace(LAUNCH, status=LaunchStatus.IN_PROGRESS)
FINISHED = Report(Outcome.FINISHED, LAUNCH, flushed=Count(12, 214), seconds=0.094)
FAILURE = Failure(
    ErrorKind.UNAVAILABLE, "connection refused (tried 4 times in 29.8 s)", "look at the server", status=None
)
CONFLICT = (Considered(Source.SERVER, UUID, Verdict.CONFLICT), Considered(Source.SERVER, "other", Verdict.CONFLICT))
GOOD = {Outcome.FINISHED, Outcome.ALREADY_FINISHED}


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


def told(report: Report, mend: str | None = None) -> str:
    return "\n".join(texts(block(report, mend=mend)))


def test_a_finished_launch() -> None:
    """A launch that is finished takes two lines: which one and where, and how it ended."""
    assert block(FINISHED) == [
        Line(f"smoke #7  PASSED  {PAGE}"),
        Line("finished and confirmed in 0.09 s (214 logs flushed)", "good"),
    ]


@pytest.mark.parametrize(
    ("launch", "line"),
    [
        pytest.param(LAUNCH, f"smoke #7  PASSED  {PAGE}", id="all known"),
        pytest.param(replace(LAUNCH, number=None), f"smoke  PASSED  {PAGE}", id="no number"),
        pytest.param(replace(LAUNCH, name=None), f"launch {UUID}  PASSED  {PAGE}", id="no name"),
        pytest.param(replace(LAUNCH, name=" \n"), f"launch {UUID}  PASSED  {PAGE}", id="blank name"),
        pytest.param(ReportedLaunch(uuid=UUID), f"launch {UUID}", id="uuid only"),
        pytest.param(ReportedLaunch(id=42), "launch 42", id="number only"),
        pytest.param(None, "no launch", id="none"),
    ],
)
def test_headline(launch: ReportedLaunch | None, line: str) -> None:
    """A launch is named as far as it is known, and by its uuid where its name is not."""
    assert headline(replace(FINISHED, launch=launch)) == line


def test_the_headlines_parts() -> None:
    """Name, status and page can be had one by one, for who colours them."""
    assert headline_of(LAUNCH) == Headline("smoke #7", "PASSED", PAGE)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (FINISHED, "finished and confirmed in 0.09 s (214 logs flushed)"),
        (replace(FINISHED, flushed=Count(3, 1)), "finished and confirmed in 0.09 s (1 log flushed)"),
        (replace(FINISHED, flushed=Count(3, 0)), "finished and confirmed in 0.09 s"),
        (replace(FINISHED, flushed=Count(None, None)), "finished and confirmed in 0.09 s"),
        (Report(Outcome.ALREADY_FINISHED, LAUNCH), "was finished already; nothing was changed"),
        (Report(Outcome.NOT_OWNED, OPEN), "is somebody else's to finish; left open"),
        (Report(Outcome.ACCEPTED, OPEN), "the server took the finish, but has not shown it yet"),
        (Report(Outcome.DEFERRED, OPEN), "not finished; kept to be tried again"),
        (Report(Outcome.NOT_STARTED), "there is no launch to finish"),
        (Report(Outcome.NOT_STARTED, considered=CONFLICT), "several launches fit; none of them is finished"),
        (Report(Outcome.FAILED, OPEN), "NOT finished"),
        (Report(None, OPEN), "would be finished; nothing was sent"),
        (Report(None, LAUNCH), "is finished already and would stay as it is; nothing was sent"),
        (
            Report(None, OPEN, error=replace(FAILURE, kind=ErrorKind.FORBIDDEN)),
            "would NOT be finished; nothing was sent",
        ),
        (Report(None), "there is no launch to finish; nothing was sent"),
        (Report(None, considered=CONFLICT), "several launches fit; none of them would be finished; nothing was sent"),
        (
            Report(None, error=FAILURE),
            "the server did not say whether there is a launch to finish; nothing was sent",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_sentence(report: Report, said: str) -> None:
    """How it ended is said in one sentence, and none of it is more than is known."""
    assert sentence(report) == said


@pytest.mark.parametrize("kind", ErrorKind)
@pytest.mark.parametrize("outcome", [each for each in Outcome if each not in GOOD])
def test_what_is_not_well_ends_with_what_to_do(outcome: Outcome, kind: ErrorKind) -> None:
    """Whatever went wrong, the block says what, hands on the hint, and ends with a command or the hint that has one."""
    launch = None if outcome is Outcome.NOT_STARTED else OPEN
    lines = texts(block(Report(outcome, launch, error=replace(FAILURE, kind=kind))))
    assert f"{kind}: {FAILURE.message}" in lines
    assert FAILURE.hint in lines
    assert "rp-finalize " in lines[-1]
    assert launch is None or UUID in lines[-1]


@pytest.mark.parametrize(
    ("outcome", "entry", "command"),
    [
        (Outcome.ACCEPTED, None, f"rp-finalize status {UUID}"),
        (Outcome.FAILED, None, f"rp-finalize status {UUID}"),
        (Outcome.DEFERRED, None, f"rp-finalize status {UUID}"),
        (Outcome.ACCEPTED, "e-1", "rp-finalize drain"),
        (Outcome.DEFERRED, "e-1", "rp-finalize drain"),
        (Outcome.FAILED, "e-1", f"rp-finalize entries retry {UUID}"),
        (Outcome.NOT_OWNED, None, f"rp-finalize finish {UUID}"),
    ],
)
def test_without_a_reason_there_is_still_something_to_do(outcome: Outcome, entry: str | None, command: str) -> None:
    """A report that says no more than its outcome names a command, and where the launch is kept when it is."""
    last = texts(block(Report(outcome, OPEN, entry=entry)))[-1]
    assert last.endswith(command)
    assert entry is None or (f"({entry})" in last and "kept" in last)


@pytest.mark.parametrize("entry", [None, "e-1"])
def test_the_mend_given_wins(entry: str | None) -> None:
    """Who calls may name another command, and that one is told."""
    report = Report(Outcome.FAILED, OPEN, error=FAILURE, entry=entry)
    assert texts(block(report, mend="make finish"))[-1].endswith(": make finish")


@pytest.mark.parametrize("meaning", [Meaning.UNAVAILABLE, Meaning.REJECTED])
def test_a_command_is_told_once(meaning: Meaning) -> None:
    """Where the hint names the command already, it is not repeated."""
    failure = failure_of(Answer(meaning, message="no"), LaunchRef(UUID), "demo")
    lines = texts(block(Report(Outcome.FAILED, OPEN, error=failure)))
    assert lines[-1] == failure.hint
    assert "\n".join(lines).count("rp-finalize") == 1


@pytest.mark.parametrize(
    ("outcome", "emphasis"),
    [
        (Outcome.FINISHED, "good"),
        (Outcome.ALREADY_FINISHED, "good"),
        (Outcome.NOT_OWNED, "plain"),
        (Outcome.ACCEPTED, "warning"),
        (Outcome.DEFERRED, "warning"),
        (Outcome.FAILED, "bad"),
    ],
)
def test_emphasis(outcome: Outcome, emphasis: str) -> None:
    """What is drawn red is red, and what may still come right is not."""
    lines = block(Report(outcome, LAUNCH, error=None if outcome in GOOD else FAILURE))
    assert lines[1].emphasis == emphasis
    assert any(line.emphasis == "bad" for line in lines) == (outcome is Outcome.FAILED)


def test_interrupted_by_the_server_is_a_warning() -> None:
    """A launch that the server closed itself counts as finished, but nobody takes it for a good end."""
    lines = block(Report(Outcome.ALREADY_FINISHED, replace(LAUNCH, status=LaunchStatus.INTERRUPTED)))
    assert lines[0].text == f"smoke #7  INTERRUPTED  {PAGE}"
    assert [line.emphasis for line in lines[1:3]] == ["warning", "warning"]
    assert "clean-up" in lines[2].text
    assert "inactivity timeout" in lines[-1].text


@pytest.mark.parametrize(
    ("refused", "abandoned", "warnings"),
    [
        (Count(None, None), Count(0, 0), []),
        (Count(0, 0), Count(None, None), []),
        (Count(3, 12), Count(), ["the server or the network refused 12 logs and 3 requests during the run"]),
        (Count(1, None), Count(), ["the server or the network refused 1 request during the run"]),
        (Count(0, 1), Count(), ["the server or the network refused 1 log during the run"]),
        (Count(), Count(0, 7), ["7 logs could not be delivered"]),
        (
            Count(0, 2),
            Count(1, 7),
            ["the server or the network refused 2 logs during the run", "7 logs and 1 request could not be delivered"],
        ),
    ],
)
@pytest.mark.parametrize("outcome", [Outcome.FINISHED, Outcome.FAILED, Outcome.NOT_STARTED])
def test_what_is_lost_is_counted(outcome: Outcome, refused: Count, abandoned: Count, warnings: list[str]) -> None:
    """What was refused during the run and what could not be delivered is told, however the launch ended."""
    launch = None if outcome is Outcome.NOT_STARTED else LAUNCH
    lines = block(Report(outcome, launch, refused=refused, abandoned=abandoned))
    losses = [line for line in lines if "refused" in line.text or "delivered" in line.text]
    assert losses == [Line(text, "warning") for text in warnings]


@pytest.mark.parametrize(
    ("failure", "because"),
    [
        (None, "the agent could not start a launch"),
        (FAILURE, "the server was away when the run began"),
        (replace(FAILURE, kind=ErrorKind.TIMEOUT), "the server was away when the run began"),
        (
            replace(FAILURE, kind=ErrorKind.UNAUTHORIZED),
            "the server or the settings did not let the agent start a launch",
        ),
    ],
)
def test_nothing_was_reported(failure: Failure | None, because: str) -> None:
    """A run without a launch says so, why as far as that is known, and how to find out."""
    lines = nothing_reported(failure)
    assert lines[0] == Line(f"nothing was reported because {because}", "warning")
    assert lines[-1].text.endswith("rp-finalize doctor")
    assert lines == block(Report(Outcome.NOT_STARTED, error=failure))
    assert failure is None or f"{failure.kind}: {failure.message}" in texts(lines)


def test_several_launches_fit() -> None:
    """Where several launches fit, the reader is told how to name one."""
    report = Report(Outcome.NOT_STARTED, considered=CONFLICT)
    assert texts(block(report))[-2:] == ["several launches fit; none of them is finished", NAMING]
    assert nothing_named(report)


EVIL = "a\x1b[31mb\r\nc\x07\u202ed\u2028e\ud800f"


def test_foreign_texts_are_made_harmless() -> None:
    """Names and messages that steer a terminal or break lines come on one plain line, and not at any length."""
    launch = replace(OPEN, name=EVIL + "x" * 1000)
    report = Report(Outcome.FAILED, launch, error=Failure(ErrorKind.REJECTED, EVIL + "y" * 5000, EVIL), entry=EVIL)
    lines = texts(block(report))
    assert lines[0].startswith("a b c d e f")
    assert all(len(line) < 600 for line in lines)
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    "url", ["https://user:hunter2@rp.example.com/ui", "https://user:hun/ter2@rp/ui", "//a:hunter2@rp", "a:hun#ter2@rp"]
)
def test_no_address_shows_a_password(url: str) -> None:
    """An address with a user's name and password in it loses them, as a page and within a message."""
    launch = replace(OPEN, url=url)
    shown = told(Report(Outcome.FAILED, launch, error=FAILURE))
    assert "ter2" not in shown
    assert "****@rp" in shown
    message = "no answer from https://user:hunter2@rp.example.com/api: refused"
    failure = Failure(ErrorKind.UNAVAILABLE, message, message)
    assert "no answer from https://****@rp.example.com/api: refused" in told(
        Report(Outcome.FAILED, OPEN, error=failure)
    )
    assert "hunter2" not in told(Report(Outcome.FAILED, OPEN, error=failure, entry="http://user:hunter2@rp"))


def test_a_command_is_safe_to_copy() -> None:
    """What stands in place of a uuid cannot make another command of the one that is named."""
    assert told(Report(Outcome.FAILED, ReportedLaunch(uuid="x; reboot"))).endswith("rp-finalize status 'x; reboot'")
