"""Doing harm as it is planned: to workers, to Redis and the connections to it, to the server."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from tests.chaos.evidence import Trouble
from tests.chaos.server_faults import AWAY, HANGS
from tests.chaos.size import HarmKind
from tests.support.fault_modes import AnswerLost, BlackHole, Refuse, Reset, Truncate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.chaos.fleet import Fleet
    from tests.chaos.progress import Progress
    from tests.chaos.schedule import Harm
    from tests.chaos.server import Server
    from tests.support.fault_modes import Mode
    from tests.support.fault_proxy import FaultProxy
    from tests.support.redis_server import RedisServer

LOOK = 0.05
TRIED_EVERY = 2.0
"""Seconds after Redis is back until all workers have tried it again."""
ANSWER_WAITED_FOR = 5.0
"""Seconds until a worker notices that an answer does not come."""
_SILENT = frozenset({HarmKind.FREEZE_REDIS, HarmKind.STALL})


@dataclass
class Shared:
    """The Redis that all share, and the proxy that is the only way to it."""

    redis: RedisServer
    proxy: FaultProxy


@dataclass
class Harming:
    """Does one harm after the other. For one thread."""

    fleet: Fleet
    server: Server
    shared: Shared | None
    progress: Progress
    done: Counter[HarmKind] = field(default_factory=Counter)
    troubles: list[Trouble] = field(default_factory=list)
    restarts: int = 0
    spoilt: int = 0
    """Calls of Redis that were lost, cut or left without an answer."""
    _ends: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _number: int = 0
    _redis_until: float = 0.0
    """Until when Redis comes to harm: not to two at once."""
    _felt_until: float = 0.0
    """Until when that is felt."""
    _quiet_until: float = 0.0
    """Until when it is to come to none."""

    def run(self, harms: Sequence[Harm]) -> None:
        """Do all harm when its moment comes, and end it. Raises `Stopped`."""
        waiting = list(harms)
        while waiting or self._ends:
            self._end_what_is_over(time.monotonic())
            if waiting and self.progress.reached(waiting[0].at) and self._may_begin(waiting[0]):
                self._begin(waiting.pop(0))
                continue
            self.progress.wait(LOOK)

    def end_all(self) -> None:
        """End at once what was begun: where a run is broken off, what is left is still to be looked at."""
        self._end_what_is_over(float("inf"))

    def _may_begin(self, harm: Harm) -> bool:
        now = time.monotonic()
        if harm.kind.to_redis:
            return now >= max(self._redis_until, self._quiet_until)
        return not harm.quiet or now >= self._felt_until

    def _begin(self, harm: Harm) -> None:
        self.done[harm.kind] += 1
        match harm.kind:
            case HarmKind.KILL_WORKER:
                if harm.quiet:
                    self._quiet_until = time.monotonic() + self.fleet.command.size.lease + TRIED_EVERY
                self._later(harm.seconds, partial(self.fleet.start, self.fleet.kill(harm.slot)))
            case HarmKind.PAUSE_WORKER:
                self._later(harm.seconds, partial(self.fleet.go_on, self.fleet.pause(harm.slot)))
            case HarmKind.SERVER_AWAY | HarmKind.SERVER_HANGS:
                fault = AWAY if harm.kind is HarmKind.SERVER_AWAY else HANGS
                self._later(harm.seconds, partial(self.server.end, self.server.begin(fault)))
            case _ if self.shared is not None:
                felt = TRIED_EVERY + (ANSWER_WAITED_FOR if harm.kind in _SILENT else 0.0)
                self._redis_until = time.monotonic() + harm.seconds
                self._felt_until = self._redis_until + felt
                begun = time.time()
                end = self._harm_redis(harm, self.shared)
                self._later(harm.seconds, partial(self._end_of_trouble, begun, end, felt))

    def _harm_redis(self, harm: Harm, shared: Shared) -> Callable[[], None]:
        """Begin it; give what ends it."""
        match harm.kind:
            case HarmKind.KILL_REDIS:
                shared.redis.kill()
                return self._restart
            case HarmKind.FREEZE_REDIS:
                shared.redis.stop()
                return shared.redis.go_on
            case HarmKind.CUT:
                shared.proxy.cut()
                # Those that come next are cut in the midst of a call.
                return self._spoil(Reset(after=100, times=harm.calls, matching=r"^\*"))
            case HarmKind.REFUSE:
                return self._spoil(Refuse())
            case HarmKind.STALL:
                return self._spoil(BlackHole())
            case _:
                half = harm.calls // 2
                return self._spoil(AnswerLost(reset=True, times=half), Truncate(after=10, times=half))

    def _spoil(self, *modes: Mode) -> Callable[[], None]:
        assert self.shared is not None
        self.shared.proxy.set(*modes)
        return self._clear

    def _clear(self) -> None:
        assert self.shared is not None
        self.spoilt += self.shared.proxy.hits
        self.shared.proxy.clear()

    def _restart(self) -> None:
        assert self.shared is not None
        self.shared.redis.start()
        self.restarts += 1

    def _end_of_trouble(self, begun: float, end: Callable[[], None], felt: float) -> None:
        end()
        self.troubles.append(Trouble(begun, time.time() + felt))

    def _later(self, seconds: float, end: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._ends, (time.monotonic() + seconds, self._number, end))

    def _end_what_is_over(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            heapq.heappop(self._ends)[2]()
