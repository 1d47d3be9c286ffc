"""`make chaos`: a fleet of workers, everything that may befall it, and whether every launch is finished all the same.

Exits with 1 when a promise was broken, and names the launches.
"""

from __future__ import annotations

import argparse
import logging
import random
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.commands import heed_interrupts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as the arguments say."""
    told = _parser().parse_args(arguments)
    heed_interrupts()
    for number in SIGNALS:
        signal.signal(number, _end)
    # What is said there of a Redis that is away is no news here.
    logging.getLogger("rp_finalizer").addHandler(logging.NullHandler())
    from tests.chaos.running import run  # noqa: PLC0415  signals are heeded while that is loaded
    from tests.chaos.schedule import plan  # noqa: PLC0415  as above
    from tests.chaos.size import HarmKind, Size  # noqa: PLC0415  as above
    from tests.chaos.table import show  # noqa: PLC0415  as above

    size = Size()
    size = replace(size.scaled(told.launches or size.launches, told.workers or size.workers), bound=told.bound)
    in_redis = told.outbox == "redis"
    if not in_redis:
        size = size.only(HarmKind.KILL_WORKER, HarmKind.SERVER_AWAY, HarmKind.SERVER_HANGS)
    schedule = plan(random.randrange(10**6) if told.seed is None else told.seed, size)
    sys.stdout.write(f"seed {schedule.seed}: {size.launches} launches, {size.workers} workers\n\n")
    sys.stdout.flush()
    ran = run(schedule, in_redis=in_redis, keep=told.keep)
    show(ran)
    return 1 if ran.verdict.broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="repeats a run's harm [a new one]")
    parser.add_argument("--launches", type=int, help="[5000]")
    parser.add_argument("--workers", type=int, help="[20]")
    parser.add_argument("--outbox", choices=("redis", "sqlite"), default="redis", help="[redis]")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to put what the workers said")
    parser.add_argument("--bound", type=float, default=400.0, help="seconds after which the run has failed [400]")
    return parser


def _end(number: int, _: FrameType | None) -> None:
    """End in order, once: what is being cleared away is cleared away."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
