"""GitHub Actions is told how the launch ended, and no name breaks out of its place there."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from rp_finalizer.github_actions import LARGEST_SUMMARY, LONGEST_ANNOTATION, escape_property, tell_github
from rp_finalizer.launch import LaunchStatus
from rp_finalizer.outcome import ErrorKind, Outcome
from rp_finalizer.report import Count, Failure, Report, ReportedLaunch
from tests.support.fakes import UUID

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "https://rp.example.com/ui/#demo/launches/all/42"
LAUNCH = ReportedLaunch(UUID, 42, 7, "smoke", LaunchStatus.PASSED, PAGE)
FINISHED = Report(Outcome.FINISHED, LAUNCH, flushed=Count(12, 214), seconds=0.09)
FAILED = Report(
    Outcome.FAILED,
    replace(LAUNCH, status=LaunchStatus.IN_PROGRESS),
    error=Failure(ErrorKind.UNAVAILABLE, "100% refused, by: rp\r\nand its proxy", "look at the server"),
)
EVIL_NAMES = (
    "a|b",
    "<script>alert(1)</script>",
    "`code`` and ```fence",
    "](https://evil.example.com) [x",
    "![x](https://evil.example.com/x.png)",
    "<img src=x onerror=alert(1)>",
    "**bold** _it_ ~~gone~~ $x$",
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "a\\",
    "a\\](https://evil.example.com)",
    "&lt;b&gt; &amp;",
    "https://evil.example.com www.evil.example.com",
    "a\nlaunch_url<<x\nevil\nx\n::error::b\r\n::warning::c",
    "::error title=x::y",
    "%0A::error::x",
    "\ud800 half",
)


class Step:
    """A step of a workflow: what the runner gives it, and what the runner makes of what it leaves."""

    def __init__(self, folder: Path) -> None:
        self.summary, self.output = folder / "summary", folder / "output"
        for path in (self.summary, self.output):
            path.touch()
        self.environ = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(self.output),
        }
        self.lines: list[str] = []

    def tell(self, report: Report, mend: str | None = None) -> list[str]:
        return tell_github(report, self.environ, self.lines.append, mend=mend)

    @property
    def annotation(self) -> tuple[str, dict[str, str], str]:
        """Read the one line as the runner does (`ActionCommand.TryParseV2`)."""
        (line,) = self.lines
        assert "\n" not in line
        assert "\r" not in line
        match = re.fullmatch(r"::([^ :]+)(?: (.*?))?::(.*)", line)
        assert match is not None
        pairs = [pair.split("=", 1) for pair in (match[2] or "").split(",") if "=" in pair]
        return match[1], {name: unescape_property(value) for name, value in pairs}, unescape_data(match[3])

    @property
    def outputs(self) -> dict[str, str]:
        """Read the outputs as the runner does (`FileCommandManager`, `EnvFileKeyValuePairs`)."""
        found, lines = {}, iter(re.split(r"\r?\n", self.output.read_text(encoding="utf-8")))
        for line in lines:
            if not line:
                continue
            equals, heredoc = line.find("="), line.find("<<")
            if equals >= 0 and (heredoc < 0 or equals < heredoc):
                name, _, value = line.partition("=")
                found[name] = value
                continue
            assert heredoc > 0, f"Invalid format {line!r}"
            name, _, delimiter = line.partition("<<")
            members = []
            for member in lines:
                if member == delimiter:
                    break
                members.append(member)
            else:
                raise AssertionError(f"Matching delimiter not found {delimiter!r}")
            found[name] = "\n".join(members)
        return found

    @property
    def page(self) -> Page:
        return Page(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(self.summary.read_text("utf-8")))


class Page(HTMLParser):
    """The step summary as it is shown."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"}]

    def handle_data(self, data: str) -> None:
        self.texts += [data.strip()] if data.strip() else []


def unescape_data(text: str) -> str:
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def unescape_property(text: str) -> str:
    return unescape_data(text.replace("%3A", ":").replace("%2C", ","))


@pytest.fixture
def step(tmp_path: Path) -> Step:
    return Step(tmp_path)


def test_a_finished_launch(step: Step) -> None:
    """A launch that is finished gives a notice, a summary that links its page, and three outputs."""
    assert step.tell(FINISHED) == []
    said = "finished and confirmed in 0.09 s (214 logs flushed)"
    assert step.annotation == ("notice", {"title": "ReportPortal"}, f"smoke #7  PASSED  {PAGE}\n{said}")
    assert step.outputs == {"launch_uuid": UUID, "launch_url": PAGE, "outcome": "finished"}
    assert step.page.links == [PAGE]
    assert step.page.texts == ["ReportPortal", "smoke #7", "PASSED", said]


def test_a_failed_launch(step: Step) -> None:
    """A launch that is not finished gives a warning, with the reason and the command, everywhere."""
    assert step.tell(FAILED) == []
    level, _, message = step.annotation
    assert level == "warning"
    for text in (message, " ".join(step.page.texts)):
        assert "unavailable: 100% refused, by: rp and its proxy" in text
        assert f"rp-finalize finish {UUID}" in text
    assert step.outputs["outcome"] == "failed"


@pytest.mark.parametrize(
    ("report", "level"),
    [
        (FINISHED, "notice"),
        (Report(Outcome.NOT_OWNED, LAUNCH), "notice"),
        (replace(FINISHED, refused=Count(0, 1)), "warning"),
        (replace(FINISHED, abandoned=Count(0, 1)), "warning"),
        (Report(Outcome.ALREADY_FINISHED, replace(LAUNCH, status=LaunchStatus.INTERRUPTED)), "warning"),
        (Report(Outcome.ACCEPTED, LAUNCH), "warning"),
        (Report(Outcome.NOT_STARTED), "warning"),
    ],
)
def test_level(step: Step, report: Report, level: str) -> None:
    """It is a notice only while nothing is lost and nothing is owed."""
    step.tell(report)
    assert step.annotation[0] == level


def test_without_a_launch(step: Step) -> None:
    """A run without a launch leaves outputs that are empty, not absent."""
    assert step.tell(Report(Outcome.NOT_STARTED)) == []
    assert step.outputs == {"launch_uuid": "", "launch_url": "", "outcome": "not-started"}
    assert step.page.texts[1].startswith("nothing was reported")


@pytest.mark.parametrize("name", EVIL_NAMES)
def test_no_name_breaks_out(step: Step, name: str) -> None:
    """Whatever a launch is named, it is text in the summary, one annotation, and no other output."""
    launch = replace(LAUNCH, name=name, uuid=name)
    assert step.tell(replace(FAILED, launch=launch, error=Failure(ErrorKind.REJECTED, name, name))) == []
    page = step.page
    assert set(page.tags) == {"h3", "p", "a", "strong"}
    assert page.links == [PAGE]
    shown = " ".join(re.sub(r"[\x00-\x1f\ud800]+", " ", name).split())
    assert page.texts[1].endswith(" #7")
    assert shown in " ".join(" ".join(page.texts).split())
    assert set(step.outputs) == {"launch_uuid", "launch_url", "outcome"}
    assert " ".join(step.outputs["launch_uuid"].split()) == shown
    assert step.annotation[:2] == ("warning", {"title": "ReportPortal"})
    assert shown in " ".join(step.annotation[2].split())


@pytest.mark.parametrize(
    ("url", "links"),
    [
        ("javascript:alert(1)", []),
        ("data:text/html,x", []),
        ("//evil.example.com", []),
        ("http://[x", []),
        (f"{PAGE}) [x](https://evil.example.com", None),
        (f"{PAGE}> <b>", None),
        (f"{PAGE}?a=1&copy;=2", [f"{PAGE}?a=1&copy;=2"]),
        (None, []),
    ],
)
def test_only_a_page_is_linked(step: Step, url: str | None, links: list[str] | None) -> None:
    """An address that is no web page is no link, and none ends its link."""
    assert step.tell(replace(FINISHED, launch=replace(LAUNCH, url=url))) == []
    page = step.page
    if links is None:
        assert len(page.links) == 1
        assert (page.links[0] or "").startswith(PAGE)
    else:
        assert page.links == links
    assert set(page.tags) <= {"h3", "p", "a", "strong"}


def test_what_others_wrote_stays(step: Step) -> None:
    """Earlier outputs and summaries are kept, even when their last line has no end."""
    step.output.write_text("first=1\nsecond=2", encoding="utf-8")
    step.summary.write_text("earlier", encoding="utf-8")
    assert step.tell(FINISHED) == []
    assert step.outputs == {
        "first": "1",
        "second": "2",
        "launch_uuid": UUID,
        "launch_url": PAGE,
        "outcome": "finished",
    }
    assert step.page.texts[:2] == ["earlier", "ReportPortal"]


def test_twice_the_last_wins(step: Step) -> None:
    """A step that finishes twice has the outputs of the last."""
    step.tell(FAILED)
    step.tell(FINISHED)
    assert step.outputs["outcome"] == "finished"


@pytest.mark.parametrize("value", [None, "", "false", "1"])
def test_elsewhere_nothing_is_told(step: Step, value: str | None) -> None:
    """Outside GitHub Actions nothing is written, whatever other variables say."""
    step.environ = {name: text for name, text in step.environ.items() if name != "GITHUB_ACTIONS"}
    if value is not None:
        step.environ["GITHUB_ACTIONS"] = value
    assert step.tell(FINISHED) == []
    assert step.lines == []
    assert step.summary.read_text(encoding="utf-8") == step.output.read_text(encoding="utf-8") == ""


def test_without_the_files(step: Step) -> None:
    """A runner that has only the log gets the annotation, and no complaint."""
    step.environ = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": ""}
    assert step.tell(FINISHED) == []
    assert step.annotation[0] == "notice"


def test_what_cannot_be_written_is_said(step: Step, tmp_path: Path) -> None:
    """A file that cannot be written is told in a sentence, raises nothing, and keeps nothing else from being told."""
    step.environ |= {"GITHUB_STEP_SUMMARY": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "not" / "there")}
    problems = step.tell(FINISHED)
    assert problems == [
        f"the step summary could not be written: {os.strerror(21)}",
        f"the step's outputs could not be written: {os.strerror(2)}",
    ]
    assert step.annotation[0] == "notice"


def test_a_closed_stream_is_said(step: Step) -> None:
    """An output that is gone is told in a sentence, and the files are written all the same."""

    def broken(line: str) -> None:
        raise BrokenPipeError(32, f"Broken pipe\n{line}")

    assert len(tell_github(FINISHED, step.environ, broken)) == 1
    assert step.outputs["outcome"] == "finished"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full device on this system")  # noqa: PTH110  as named
def test_a_full_disk_is_said(step: Step) -> None:
    """A disk without room is told in a sentence."""
    step.environ["GITHUB_OUTPUT"] = "/dev/full"
    (problem,) = step.tell(FINISHED)
    assert problem.startswith("the step's outputs could not be written: ")


def test_a_summary_that_is_full_stays_as_it_is(step: Step) -> None:
    """A summary that would grow beyond what the runner takes is left alone, since it would be shown not at all then."""
    step.summary.write_bytes(b"x" * (LARGEST_SUMMARY - 50))
    (problem,) = step.tell(FINISHED)
    assert str(LARGEST_SUMMARY) in problem
    assert step.summary.stat().st_size == LARGEST_SUMMARY - 50


def test_overlong_values_are_cut(step: Step) -> None:
    """However long the texts of a report are, what is told stays short."""
    long = Failure(ErrorKind.REJECTED, "m" * 100_000, "h" * 100_000)
    step.tell(Report(Outcome.FAILED, replace(LAUNCH, name="n" * 100_000), error=long))
    assert len(step.annotation[2]) <= LONGEST_ANNOTATION
    assert step.summary.stat().st_size < 20_000


def test_properties_are_escaped() -> None:
    """A property of a workflow command ends neither itself nor the command."""
    assert escape_property("a:b,c%d\r\n") == "a%3Ab%2Cc%25d%0D%0A"
    assert unescape_property(escape_property("a:b,c%d\r\n")) == "a:b,c%d\r\n"


def test_the_mend_given_is_told(step: Step) -> None:
    """The command that a caller knows better is told here, too."""
    step.tell(FAILED, mend="make finish")
    assert step.annotation[2].endswith("make finish")


def test_no_value_can_end_itself(step: Step) -> None:
    """Each output ends at a word that nobody can guess, so that a value that is that word cannot be made."""
    step.tell(FINISHED)
    step.tell(FINISHED)
    ends = re.findall(r"<<(\S+)$", step.output.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(set(ends)) == len(ends) == 6
    assert all(len(end) >= 32 for end in ends)
