"""The report file where something is already: pipes, devices, links, modes. A real file system."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rp_finalizer.outcome import Outcome
from rp_finalizer.report import Report
from rp_finalizer.report_file import write_report

REPORT = Report(Outcome.FINISHED)
LINE = f"{REPORT.to_json()}\n"


def test_new_file_in_new_folders(tmp_path: Path) -> None:
    """Folders on the way are made, and nothing but the file is left in them."""
    path = tmp_path / "a" / "b" / "report.json"
    write_report(REPORT, path)
    assert path.read_text(encoding="utf-8") == LINE
    assert list(path.parent.iterdir()) == [path]


def test_pipe_is_written_into(tmp_path: Path) -> None:
    """A named pipe gets the report and stays a pipe."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_report(REPORT, path)
        assert os.read(reader, 1 << 16).decode() == LINE
    finally:
        os.close(reader)
    assert path.is_fifo()


def test_pipe_that_nobody_reads(tmp_path: Path) -> None:
    """A named pipe without a reader is an error at once, and stays a pipe."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(OSError, match="pipe"):
        write_report(REPORT, path)
    assert path.is_fifo()


def test_open_pipe_by_its_number() -> None:
    """A pipe without a name, as /dev/stdout may be one, gets the report."""
    reader, writer = os.pipe()
    try:
        write_report(REPORT, Path(f"/dev/fd/{writer}"))
        assert os.read(reader, 1 << 16).decode() == LINE
    finally:
        os.close(reader)
        os.close(writer)


def test_device_is_written_into(tmp_path: Path) -> None:
    """A link to a device stays one."""
    path = tmp_path / "null"
    path.symlink_to(os.devnull)
    write_report(REPORT, path)
    assert path.is_symlink()
    assert path.is_char_device()


@pytest.mark.parametrize("there", [True, False])
def test_link_is_written_through(tmp_path: Path, *, there: bool) -> None:
    """A link stays one, and what it leads to is the report, also where there was nothing."""
    target = tmp_path / "elsewhere" / "report.json"
    link = tmp_path / "link"
    link.symlink_to("elsewhere/report.json")
    if there:
        target.parent.mkdir()
        target.write_text("earlier", encoding="utf-8")
    write_report(REPORT, link)
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == LINE


def test_links_in_a_circle(tmp_path: Path) -> None:
    """A link that leads to itself is an error, and stays."""
    link = tmp_path / "link"
    link.symlink_to(link)
    with pytest.raises(OSError, match="link"):
        write_report(REPORT, link)
    assert link.is_symlink()


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o440])
def test_mode_is_kept(tmp_path: Path, mode: int) -> None:
    """A file that is there keeps its mode."""
    path = tmp_path / "report.json"
    path.write_text("earlier", encoding="utf-8")
    path.chmod(mode)
    write_report(REPORT, path)
    assert path.read_text(encoding="utf-8") == LINE
    assert path.stat().st_mode & 0o777 == mode
