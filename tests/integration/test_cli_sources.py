"""`rp-finalize finish` finds its launch, as real processes with real pipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.reporting import finishes, status_of

if TYPE_CHECKING:
    from pathlib import Path

    from rp_finalizer.emulator import Emulator
    from tests.support.reporting import Run

LINE = "ReportPortal Launch UUID: {}\n"


def start(emulator: Emulator, folder: Path, *arguments: str, timeout: str = "0.5") -> subprocess.Popen[str]:
    """Start the command with a pipe for its input."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("RP_", "LAUNCH_UUID"))}
    connection = {"RP_ENDPOINT": emulator.url, "RP_PROJECT": "demo", "RP_API_KEY": "demo_key"}
    return subprocess.Popen(
        [sys.executable, "-m", "rp_finalizer", "finish", "--json", *arguments],
        env=plain | connection | {"RP_FINALIZER_TIMEOUT": timeout},
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_run_that_lasts_longer_than_the_timeout_is_finished_through_a_pipe(
    emulator: Emulator, run: Run, tmp_path: Path
) -> None:
    """Waiting for the run to end is no part of the budget, which begins when its output ends."""
    with start(emulator, tmp_path, "--from-log", "-") as process:
        assert process.stdin is not None
        process.stdin.write(LINE.format(run.uuid))
        process.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=3.0)
        assert not finishes(emulator)
        out, _ = process.communicate("the last line\n", timeout=30)
    assert process.returncode == 0
    assert json.loads(out)["launch"]["source"] == "log"
    assert status_of(emulator, run.uuid) == "PASSED"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_a_signal_while_the_output_is_read_finishes_what_was_found(
    emulator: Emulator, run: Run, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Whoever interrupts the pipe has the launch that was printed until then finished, and no process left behind."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with start(emulator, tmp_path, "--from-log", str(pipe)) as process, pipe.open("w", encoding="utf-8") as writing:
        # Longer than what is kept back until more comes.
        writing.write(LINE.format(run.uuid) + "." * 4096)
        writing.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=2.0)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert "interrupted" in err
    assert json.loads(out)["outcome"] == "finished"
    assert status_of(emulator, run.uuid) == "PASSED"


def test_a_closed_input_is_told(emulator: Emulator, tmp_path: Path) -> None:
    """`<&-` is no launch and no traceback."""
    command = f"exec {sys.executable} -m rp_finalizer finish --from-log - <&-"
    process = subprocess.run(
        ["/bin/sh", "-c", command],
        env=os.environ | {"RP_ENDPOINT": emulator.url, "RP_PROJECT": "demo", "RP_API_KEY": "demo_key"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert process.returncode == 5
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "kind"),
    [(("--name", "smoke"), "PASSED", "finish-launch-v2"), (("--name", "smoke", "--stop"), "STOPPED", "stop-launch")],
    ids=["name", "stop"],
)
def test_a_launch_is_found_by_its_name_and_ended_as_asked(
    emulator: Emulator, run: Run, tmp_path: Path, arguments: tuple[str, ...], status: str, kind: str
) -> None:
    """`--name` finds the launch on the server, and `--stop` ends it by the stop call."""
    with start(emulator, tmp_path, *arguments, timeout="5") as process:
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert json.loads(out)["considered"] == [{"source": "server", "value": run.uuid, "verdict": "taken"}]
    assert status_of(emulator, run.uuid) == status
    assert [call.kind.value for call in finishes(emulator)] == [kind]


def test_a_text_that_is_none_is_refused(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """Bytes that are no UTF-8 in an attribute exit with 2: the server would take them, and drop the finish."""
    plain = os.environ | {"RP_ENDPOINT": emulator.url, "RP_PROJECT": "demo", "RP_API_KEY": "demo_key"}
    command = [
        os.fsencode(sys.executable),
        b"-m",
        b"rp_finalizer",
        b"finish",
        run.uuid.encode(),
        b"--attribute",
        b"a:\xff",
    ]
    process = subprocess.run(command, env=plain, cwd=tmp_path, capture_output=True, timeout=30, check=False)
    assert process.returncode == 2
    assert not finishes(emulator)
