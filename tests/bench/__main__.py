"""What finishing costs, as tables. `make bench` runs it; nothing here passes or fails."""

from __future__ import annotations

import os
import platform
import signal
import sys
from importlib.metadata import version
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

INTERRUPTED = 130
PACKAGES = ("reportportal-client", "pytest-reportportal", "pytest", "requests", "click")


def main() -> int:
    """Run all benchmarks, one after the other."""
    with TemporaryDirectory() as state:
        _isolate(state)
        return _run()


def _run() -> int:
    signal.signal(signal.SIGTERM, _end)
    from tests.bench import (  # noqa: PLC0415  see `_isolate`
        command_start,
        draining,
        finish_latency,
        guardian_cost,
        hanging_server,
        import_cost,
        outbox_load,
        outbox_rate,
        outbox_redis,
        pytest_session,
        service,
    )

    begun = perf_counter()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    _say(f"Python {platform.python_version()} on {platform.system()}, {os.cpu_count()} cores; {packages}\n\n\n")
    benchmarks = (
        finish_latency,
        hanging_server,
        import_cost,
        command_start,
        pytest_session,
        outbox_rate,
        outbox_redis,
        outbox_load,
        service,
        draining,
        guardian_cost,
    )
    for benchmark in benchmarks:
        benchmark.run()
    _say(f"measured in {perf_counter() - begun:.0f} s\n")
    return 0


def _isolate(state: str) -> None:
    """Keep the surroundings out: settings, proxies, the user's outbox, and the client's own reports to its makers.

    Before the client is imported, and inherited by every process that is started.
    """
    for name in [name for name in os.environ if name.startswith("RP_") or name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ["XDG_STATE_HOME"] = state
    os.environ.pop("LAUNCH_UUID", None)
    os.environ["AGENT_NO_ANALYTICS"] = "1"


def _end(number: int, frame: FrameType | None) -> None:
    """Leave through every `with` block, so that what was started ends."""
    del frame
    raise SystemExit(128 + number)


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
