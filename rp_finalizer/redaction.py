"""Secrets kept out of texts and of log records, whoever logs and whoever listens.

A filter on a logger does not see what its children log, and one on a handler not what other handlers get. What all
records pass is the record factory (`logging.setLogRecordFactory`): there `install` puts itself before the one in use.
What a caller's `extra` holds is put into a record only behind the factory; a handler that shows such fields wants the
redaction as its filter, too.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from rp_finalizer.masking import MASK, cores, mask_base64, spellings

SHORTEST_SECRET = 4
"""Characters; a shorter one stands in so many harmless words that hiding it in log records would spoil them."""

_HARMLESS = (int, float, type(None))
"""Types of arguments that hold no secret by themselves; what they are formatted to is looked at all the same."""
_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({})))

Factory = Callable[..., logging.LogRecord]


class Redaction:
    """Shows secrets as `****` in texts and in log records.

    Also fit as a filter of a handler (`handler.addFilter(redaction)`), where it sees what `extra` brought, too. None
    and secrets of fewer than four characters are passed over.
    """

    def __init__(self, secrets: Iterable[str | None]) -> None:
        kept = {secret for secret in secrets if secret and len(secret) >= SHORTEST_SECRET}
        known = {spelling for secret in kept for spelling in spellings(secret)}
        # The longest first: one secret may be a part of another.
        self._spellings = sorted(known, key=len, reverse=True)
        self._cores = sorted({core for secret in kept for core in cores(secret)}, key=len, reverse=True)
        # What is looked for in every record: a text that holds a spelling holds the shorter ones within it, too.
        told = {*self._spellings, *self._cores}
        self._marks = tuple(mark for mark in told if not any(other != mark and other in mark for other in told))
        self._layers: list[_Layer] = []

    def __repr__(self) -> str:
        """Tell how much there is to hide, and nothing of it."""
        return f"<Redaction of {len(self._marks)} spellings>"

    def holds(self, text: str) -> bool:
        """Tell whether a text holds a secret."""
        for mark in self._marks:  # noqa: SIM110  run for every record: twice as fast as any(), and as a regular expression
            if mark in text:
                return True
        return False

    def text(self, text: str) -> str:
        """Give a text with each secret as `****`."""
        if not self.holds(text):
            return text
        for core in self._cores:
            text = mask_base64(text, core)
        for spelling in self._spellings:
            text = text.replace(spelling, MASK)
        return text

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the secrets out of a record, its `extra` included, and let it pass."""
        self.redact(record)
        for name in vars(record).keys() - _OWN_FIELDS:
            setattr(record, name, self._masked(getattr(record, name)))
        return True

    def redact(self, record: logging.LogRecord) -> None:
        """Take the secrets out of a record's message, arguments, exception and stack."""
        if not self._marks:
            return
        self._redact_message(record)
        if isinstance(record.exc_info, tuple) and record.exc_info[1] is not None:
            told = _traceback(record.exc_info[1])
            if self.holds(told):
                # Without the exception itself: formatters of others would format it anew.
                record.exc_info, record.exc_text = None, self.text(told)
        if record.exc_text:
            record.exc_text = self.text(record.exc_text)
        if record.stack_info:
            record.stack_info = self.text(record.stack_info)

    def install(self) -> None:
        """Redact every record that is made from now on, by whatever logger. Each call wants an `uninstall`."""
        with _lock:
            layer = _Layer(self.redact, logging.getLogRecordFactory())
            logging.setLogRecordFactory(layer)
            self._layers.append(layer)

    def uninstall(self) -> None:
        """Take one `install` back; without one, do nothing.

        A factory that somebody put over ours meanwhile stays; ours below it then only hands on.
        """
        with _lock:
            if not self._layers:
                return
            self._layers.pop().redact = None
            factory = logging.getLogRecordFactory()
            while isinstance(factory, _Layer) and factory.redact is None:
                factory = factory.below
            logging.setLogRecordFactory(factory)

    def _redact_message(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001  a wrong call, which logging itself tells, showing message and arguments
            self._redact_parts(record)
            return
        if self.holds(message) or (record.args and self._more_holds(record.args, message)):
            self._redact_parts(record)
            if self._still_holds(record):
                record.msg, record.args = self.text(message), ()

    def _more_holds(self, args: object, message: str) -> bool:
        """Tell whether an argument holds what the message shows not at all, or a piece of only."""
        values = args if isinstance(args, tuple) else args.values() if isinstance(args, Mapping) else ()
        for value in values:  # noqa: SIM110  as above
            if isinstance(value, str) and value not in message and self.holds(value):
                return True
        return False

    def _redact_parts(self, record: logging.LogRecord) -> None:
        record.msg = self._masked(record.msg)
        if isinstance(record.args, Mapping):
            record.args = {name: self._masked(value) for name, value in record.args.items()}
        elif isinstance(record.args, tuple):
            record.args = tuple(self._masked(value) for value in record.args)

    def _still_holds(self, record: logging.LogRecord) -> bool:
        try:
            return self.holds(record.getMessage())
        except Exception:  # noqa: BLE001  the format wants what a masked argument cannot do
            return True

    def _masked(self, value: Any) -> Any:
        """Give a value that shows no secret: itself where it shows none anyway."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, _HARMLESS):
            return value
        try:
            told, shown = str(value), repr(value)
        except Exception:  # noqa: BLE001  a foreign object that cannot be shown shows no secret
            return value
        return _Shown(self.text(told), self.text(shown)) if self.holds(told) or self.holds(shown) else value


@contextmanager
def redacting(secrets: Iterable[str | None]) -> Iterator[Redaction]:
    """Show the secrets as `****` in every log record made inside the block, in whatever thread."""
    redaction = Redaction(secrets)
    redaction.install()
    try:
        yield redaction
    finally:
        redaction.uninstall()


class _Layer:
    """A record factory over another one."""

    def __init__(self, redact: Callable[[logging.LogRecord], None], below: Factory) -> None:
        self.redact: Callable[[logging.LogRecord], None] | None = redact
        """None once it is uninstalled."""
        self.below = below

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self.below(*args, **kwargs)
        redact = self.redact
        if redact is not None:
            redact(record)
        return record


class _Shown(str):
    """What is left of an argument that showed a secret: its two texts, masked."""

    __slots__ = ("_repr",)
    _repr: str

    def __new__(cls, told: str, shown: str) -> Self:
        made = super().__new__(cls, told)
        made._repr = shown
        return made

    def __repr__(self) -> str:
        return self._repr

    def __reduce__(self) -> tuple[type[_Shown], tuple[str, str]]:
        return type(self), (str(self), self._repr)


_lock = threading.Lock()
"""Held while the one factory of the process is exchanged."""


def _traceback(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error)).rstrip("\n")
    except Exception as problem:  # noqa: BLE001  whoever logs must not fail for what cannot be shown, to us or to others
        return f"{type(error).__name__}, which cannot be shown: {type(problem).__name__}"
