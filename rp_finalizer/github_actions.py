"""The end of a run, told to GitHub Actions: an annotation, the step summary, and the step's outputs.

The formats are GitHub's workflow commands and environment files (docs.github.com, "Workflow commands for GitHub
Actions"); how they are escaped is read off its runner (`ActionCommand.cs`, `FileCommandManager.cs`). Whatever a launch
is named, it stays a value in them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote, urlsplit

from rp_finalizer.plain_text import flatten, shorten
from rp_finalizer.wording import address_of, block, headline, headline_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rp_finalizer.report import Report
    from rp_finalizer.wording import Line

TITLE: Final = "ReportPortal"
LONGEST_ANNOTATION = 4000
"""Characters; the page cuts what is longer."""
LARGEST_SUMMARY = 1024 * 1024
"""Bytes of a step's summary in all; of a larger one the runner shows nothing."""

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
"""All that may mean something in Markdown; any of it may be escaped (CommonMark 2.4)."""
_T = TypeVar("_T")
_KEPT_IN_ADDRESSES = "%/:?#@!$&'*+,;=~-._"


def tell_github(
    report: Report, environ: Mapping[str, str], write_line: Callable[[str], object], *, mend: str | None = None
) -> list[str]:
    """Tell the runner of GitHub Actions how the launch ended; elsewhere, do nothing.

    `write_line` must print a line of the step's own output, as the only thing on its line. `mend` is as for `block`.
    Gives, in sentences, what could not be told; raises nothing for it.
    """
    if environ.get("GITHUB_ACTIONS") != "true":
        return []
    lines = block(report, mend=mend)
    problems = [
        _try("the annotation", write_line, annotation(lines)),
        _append("the step summary", environ.get("GITHUB_STEP_SUMMARY"), summary(report, lines), LARGEST_SUMMARY),
        _append("the step's outputs", environ.get("GITHUB_OUTPUT"), outputs(report)),
    ]
    return [problem for problem in problems if problem]


def annotation(lines: list[Line]) -> str:
    """Give the workflow command that shows the lines beside the run: as a warning where one of them is one."""
    well = all(line.emphasis in {"good", "plain"} for line in lines)
    text = shorten("\n".join(line.text for line in lines), LONGEST_ANNOTATION)
    return f"::{'notice' if well else 'warning'} title={escape_property(TITLE)}::{escape_data(text)}"


def escape_data(text: str) -> str:
    """Escape what a workflow command says."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """Escape a property of a workflow command."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def summary(report: Report, lines: list[Line]) -> str:
    """Give the lines as Markdown in which no name can be anything but text, the launch being a link to its page."""
    paragraphs = [f"### {TITLE}"]
    texts = [line.text for line in lines]
    if report.launch is not None and texts[0] == headline(report):
        named = headline_of(report.launch)
        address = _link_target(address_of(report.launch))
        name = f"[{_escape_markdown(named.name)}]({address})" if address else _escape_markdown(named.name)
        paragraphs.append(f"{name} **{_escape_markdown(named.status)}**" if named.status else name)
        del texts[0]
    return "".join(f"{paragraph}\n\n" for paragraph in [*paragraphs, *map(_escape_markdown, texts)])


def outputs(report: Report) -> str:
    """Give the step's outputs `launch_uuid`, `launch_url` and `outcome`, empty where there is none."""
    launch = report.launch
    values = {
        "launch_uuid": launch.uuid if launch else None,
        "launch_url": address_of(launch) if launch else None,
        "outcome": report.outcome,
    }
    return "".join(line for name, value in values.items() for line in _assignment(name, flatten(value or "")))


def _assignment(name: str, value: str) -> Iterator[str]:
    # Nobody can guess the delimiter, so no value can end itself and begin another output.
    delimiter = f"end_{token_hex(16)}"
    yield f"{name}<<{delimiter}\n"
    yield f"{value}\n"
    yield f"{delimiter}\n"


def _escape_markdown(text: str) -> str:
    return _PUNCTUATION.sub(r"\\\1", text)


def _link_target(address: str | None) -> str | None:
    if address is None:
        return None
    try:
        scheme = urlsplit(address).scheme
    except ValueError:  # brackets that are no IPv6 address
        return None
    if scheme not in {"http", "https"}:
        return None
    return quote(address, safe=_KEPT_IN_ADDRESSES).replace("&", "&amp;")


def _append(what: str, path: str | None, text: str, largest: int | None = None) -> str | None:
    if not path:
        return None
    return _try(what, lambda content: _append_bytes(Path(path), content, largest), text.encode())


def _append_bytes(path: Path, content: bytes, largest: int | None) -> None:
    with path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                # What others left unfinished would otherwise swallow our first line.
                content = b"\n" + content
        if largest is not None and size + len(content) > largest:
            raise ValueError(f"it would pass the {largest} bytes that the runner takes")
        file.write(content)


def _try(what: str, act: Callable[[_T], object], content: _T) -> str | None:
    try:
        act(content)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        return f"{what} could not be written: {flatten(reason or str(error)) or type(error).__name__}"
    return None
