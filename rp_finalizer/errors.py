"""Everything that rp-finalizer raises. Each error names the value, where it came from, and what to do."""

from __future__ import annotations


class FinalizerError(Exception):
    """Something that rp-finalizer was asked to do cannot be done."""


class BadLaunchError(FinalizerError, ValueError):
    """A text does not name a launch."""

    def __init__(self, value: str, reason: str) -> None:
        super().__init__(value, reason)
        self.value = value
        self.reason = reason

    def __str__(self) -> str:
        """Say what was given and what is allowed."""
        return f"{_shown(self.value)} does not name a launch: {self.reason}"


class EndpointError(FinalizerError, ValueError):
    """A text is not the address of a ReportPortal."""

    def __init__(self, value: str, reason: str, mend: str) -> None:
        super().__init__(value, reason, mend)
        self.value = value
        self.reason = reason
        self.mend = mend

    def __str__(self) -> str:
        """Say what was given, why it is refused, and what to write instead."""
        return f"endpoint {self.value!r}: {self.reason}; {self.mend}"


class SettingsError(FinalizerError, ValueError):
    """One or more settings are missing or wrong; all of them are told at once."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        """List the problems, one a line where there are several."""
        return "\n".join(self.problems)


class FinishArgumentError(FinalizerError, ValueError):
    """An argument of a finish is not what the server takes."""

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(name, value, allowed)
        self.name = name
        self.value = value
        self.allowed = allowed

    def __str__(self) -> str:
        """Name the argument, its value, and what is allowed."""
        return f"{self.name}={_shown(self.value)}: {self.allowed}"


class ReportFormatError(FinalizerError, ValueError):
    """A report's JSON form is damaged, or is not one."""

    def __init__(self, path: str, value: object, reason: str) -> None:
        super().__init__(path, value, reason)
        self.path = path
        self.value = value
        self.reason = reason

    def __str__(self) -> str:
        """Name the member, what stands there, and what belongs there."""
        return f"not a report: {self.path or 'the document'} is {_shown(self.value)}: {self.reason}"


class ReentrantCallError(FinalizerError, RuntimeError):
    """The finish of a launch was asked for from inside the finish of the same launch."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        """Name the launch, and the mistake that leads here."""
        return (
            f"launch {self.key} is being finished by this very thread: "
            "a client's finish_launch, close or terminate must not call the finalizer that is calling it"
        )


class StillFlyingError(FinalizerError, TimeoutError):
    """Another thread finishes the same launch, and takes longer than this call may wait."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        """Name the launch."""
        return f"launch {self.key} is still being finished by another thread"


class BlockedLoopError(FinalizerError, RuntimeError):
    """A client whose calls are awaited was to be waited for on the thread of its running loop."""

    def __init__(self, method: str, instead: str) -> None:
        super().__init__(method, instead)
        self.method = method
        self.instead = instead

    def __str__(self) -> str:
        """Name the method that does not block the loop."""
        return f"{self.method} would block the event loop that runs on this thread: use {self.instead}"


class ForkedCallError(FinalizerError, RuntimeError):
    """A forked child asked for the finish of a launch that its parent reports."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        """Name the launch, and who finishes it."""
        return f"launch {self.key} belongs to the process that this one was forked from, and is finished there"


def _shown(value: object) -> str:
    """Show a value of whatever kind, not at any length."""
    try:
        return repr(value)[:80]
    except Exception:  # noqa: BLE001  a foreign repr, or a number of more digits than Python shows
        return f"of type {type(value).__name__}"


class OutboxError(FinalizerError):
    """The outbox cannot be used."""

    def __init__(self, outbox: str, reason: str, mend: str) -> None:
        super().__init__(outbox, reason, mend)
        self.outbox = outbox
        self.reason = reason
        self.mend = mend

    def __str__(self) -> str:
        """Name the outbox, what is wrong with it, and what to do."""
        return f"outbox {self.outbox}: {self.reason}; {self.mend}"


class LeaseLostError(FinalizerError):
    """An entry is somebody else's by now: nothing was changed."""

    def __init__(self, entry_id: str) -> None:
        super().__init__(entry_id)
        self.entry_id = entry_id

    def __str__(self) -> str:
        """Name the entry."""
        return f"entry {self.entry_id} is held by somebody else by now, or by nobody; nothing was changed"


class EntryStateError(FinalizerError):
    """An entry is in a state in which this cannot be done with it."""

    def __init__(self, entry_id: str, state: str, event: str) -> None:
        super().__init__(entry_id, state, event)
        self.entry_id = entry_id
        self.state = state
        self.event = event

    def __str__(self) -> str:
        """Name the entry, its state, and what cannot be done."""
        return f"entry {self.entry_id} is {self.state}: {self.event} is not possible now"


class UnknownEntryError(FinalizerError):
    """The outbox has no such entry."""

    def __init__(self, entry_id: str) -> None:
        super().__init__(entry_id)
        self.entry_id = entry_id

    def __str__(self) -> str:
        """Name what was asked for."""
        return f"the outbox has no entry {_shown(self.entry_id)}: see rp-finalize entries list"
