"""Which launch is meant: ordered sources, and a trace of why each candidate was taken or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rp_finalizer.answer import Answer, Meaning
from rp_finalizer.errors import BadLaunchError
from rp_finalizer.launch import Launch, LaunchRef
from rp_finalizer.outcome import Source, Verdict
from rp_finalizer.ports import Candidate, LastResort, LaunchSource, SourceRefusedError
from rp_finalizer.report import Considered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rp_finalizer.deadline import Deadline

LookUp = Callable[[LaunchRef], Answer]
"""Asks the server for a launch by either of its names."""

_NOT_HERE = frozenset({Meaning.UNKNOWN_LAUNCH, Meaning.UNKNOWN_PROJECT, Meaning.FORBIDDEN})
"""What the server says of a launch that it does not have in this project (a foreign project's gives 403)."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """The launch that is meant, as far as it could be found."""

    ref: LaunchRef | None = None
    """None when no source names one."""
    launch: Launch | None = None
    """What the server said of it, where it had to be asked."""
    candidate: Candidate | None = None
    """What it was taken from."""
    considered: tuple[Considered, ...] = ()
    warnings: tuple[str, ...] = ()
    """Refusals and conflicts, as sentences."""
    refusal: Answer | None = None
    """The server's answer that keeps the launch from being known, where there is one."""


@dataclass(slots=True)
class _Reading:
    candidate: Candidate
    ref: LaunchRef | None
    verdict: Verdict
    launch: Launch | None = None


class Resolver:
    """Asks the sources in their order, and the last resorts only while nothing names a launch."""

    def __init__(self, sources: Sequence[LaunchSource], last_resorts: Sequence[LastResort] = ()) -> None:
        self._sources = sources
        self._last_resorts = last_resorts

    def first_name(self, deadline: Deadline) -> str | None:
        """Give the first well-formed name of a launch, as it stands there; None when there is none.

        The last resorts are not asked.
        """
        for source in self._sources:
            for candidate in source.candidates(deadline):
                reading, _ = _read(candidate)
                if reading.ref is not None:
                    return str(reading.ref)
        return None

    def resolve(self, look_up: LookUp | None, deadline: Deadline) -> Resolution:
        """Give the first launch that is well-formed and, where it was asked for, known to the server.

        The server is asked only where that decides something: for a number, which the finish does not take, and
        where the sources disagree. What a client of ours says is never doubted. With no `look_up`, order decides.
        """
        resolution = self._resolve(self._sources, look_up, deadline, Resolution())
        for source in self._last_resorts:
            if all(each.verdict is Verdict.REFUSED for each in resolution.considered):
                resolution = self._resolve([source], look_up, deadline, resolution)
            elif source.requested is not None:
                resolution = _not_tried(resolution, source.requested)
        return resolution

    @staticmethod
    def _resolve(
        sources: Sequence[LaunchSource], look_up: LookUp | None, deadline: Deadline, before: Resolution
    ) -> Resolution:
        readings: list[_Reading] = []
        warnings: list[str] = []
        refused: Answer | None = None
        for source in sources:
            try:
                candidates = source.candidates(deadline)
            except SourceRefusedError as error:
                candidates, refused = [], refused or error.answer
            for candidate in candidates:
                reading, problem = _read(candidate)
                readings.append(reading)
                warnings += [problem] if problem else []
        taken, refusal = _choose([each for each in readings if each.ref and not each.candidate.ambiguous], look_up)
        warnings += _judge_rest(taken, readings) if taken else _judge_ambiguous(readings)
        considered = before.considered + tuple(
            Considered(each.candidate.source, each.candidate.value, each.verdict) for each in readings
        )
        told = before.warnings + tuple(warnings)
        if taken is None:
            return Resolution(considered=considered, warnings=told, refusal=refusal or refused)
        return Resolution(taken.ref, taken.launch, taken.candidate, considered, told, refusal)


def _not_tried(resolution: Resolution, asked: Considered) -> Resolution:
    """Tell that a source which somebody asked for was not looked at, because one before it names a launch."""
    earlier = resolution.considered[0]
    warning = f"{asked.source} {asked.value!r} was not looked at: {earlier.source} names launch {earlier.value}"
    return replace(resolution, considered=(*resolution.considered, asked), warnings=(*resolution.warnings, warning))


def _read(candidate: Candidate) -> tuple[_Reading, str | None]:
    if candidate.problem is not None:
        return _Reading(candidate, None, Verdict.REFUSED), f"{candidate.origin}: {candidate.problem}"
    try:
        return _Reading(candidate, LaunchRef.parse(candidate.value), Verdict.NOT_TRIED), None
    except BadLaunchError as error:
        return _Reading(candidate, None, Verdict.REFUSED), f"{candidate.origin}: {error}"


def _choose(readings: list[_Reading], look_up: LookUp | None) -> tuple[_Reading | None, Answer | None]:
    disputed = len({str(reading.ref) for reading in readings}) > 1
    refusal: Answer | None = None
    for reading in readings:
        ref = reading.ref
        assert ref is not None  # noqa: S101  the caller leaves the malformed ones out
        sure = ref.uuid is not None and (not disputed or reading.candidate.source is Source.CLIENT)
        if sure or look_up is None:
            return _take(reading, ref, None), None
        answer = look_up(ref)
        if answer.launch is not None:
            return _take(reading, LaunchRef(answer.launch.uuid, answer.launch.id), answer.launch), None
        refusal = refusal or answer
        if answer.meaning not in _NOT_HERE:
            # The server cannot say: the order does.
            return _take(reading, ref, None), answer
        reading.verdict = Verdict.UNKNOWN
    # Over v2 a launch may be unknown because its start still waits in the queue: the first uuid is worth the try.
    first = next((reading for reading in readings if reading.ref and reading.ref.uuid), None)
    if first is not None:
        first.verdict = Verdict.TAKEN
    return first, refusal


def _take(reading: _Reading, ref: LaunchRef, launch: Launch | None) -> _Reading:
    reading.verdict = Verdict.TAKEN
    reading.ref, reading.launch = ref, launch
    return reading


def _judge_rest(taken: _Reading, readings: list[_Reading]) -> list[str]:
    warnings = []
    for reading in readings:
        if reading is taken or reading.ref is None or taken.ref is None or _same(reading.ref, taken.ref):
            continue
        if reading.verdict is Verdict.UNKNOWN:
            warnings.append(
                f"{reading.candidate.origin} names launch {reading.candidate.value}, which the server does not know in "
                f"this project: {taken.candidate.value} ({taken.candidate.origin}) is taken"
            )
        else:
            reading.verdict = Verdict.CONFLICT
            warnings.append(
                f"{taken.candidate.origin} names launch {taken.candidate.value} and {reading.candidate.origin} names "
                f"{reading.candidate.value}: the first one is taken"
            )
    return warnings


def _judge_ambiguous(readings: list[_Reading]) -> list[str]:
    """Take none of several that fit equally well: to finish the wrong launch is worse than to finish none."""
    ambiguous = [reading for reading in readings if reading.candidate.ambiguous]
    for reading in ambiguous:
        reading.verdict = Verdict.CONFLICT
    if not ambiguous:
        return []
    names = ", ".join(f"{each.candidate.value} ({each.candidate.origin})" for each in ambiguous)
    return [f"several launches fit: {names}; name one of them"]


def _same(one: LaunchRef, other: LaunchRef) -> bool:
    by_uuid = one.uuid is not None and one.uuid == other.uuid
    by_id = one.id is not None and one.id == other.id
    return by_uuid or by_id
