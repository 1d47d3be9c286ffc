"""The settings themselves: one line each, checked on reading, each value remembering where it came from."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rp_finalizer.errors import EndpointError, SettingsError
from rp_finalizer.finish import FINISH_STATUSES
from rp_finalizer.setting_sources import (
    CREDENTIALS,
    PREFIX,
    TABLE,
    Layer,
    Raw,
    Slot,
    from_arguments,
    from_environment,
    from_file,
)
from rp_finalizer.settings import kinds
from rp_finalizer.settings.credentials_table import read_credentials
from rp_finalizer.settings.kinds import DAY, Setting, choice, duration, one_of, seconds, setting, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rp_finalizer.endpoint import Endpoint

DEFAULT = "default"
"""The origin of a value that nobody set."""

_AT_MOST = (("flush_timeout", "timeout"), ("confirm_timeout", "timeout"), ("retry_initial", "retry_max"))
"""Which setting may not exceed which other."""
_MENDS = {
    "endpoint": f'give --endpoint, set RP_ENDPOINT, or write endpoint = "https://..." into {TABLE} of pyproject.toml',
    "project": f'give --project, set RP_PROJECT, or write project = "..." into {TABLE} of pyproject.toml',
    "api_key": "set RP_API_KEY, or name another variable with --api-key-env; never in a file or on a command line; "
    "or set RP_OAUTH_URI, RP_OAUTH_USERNAME, RP_OAUTH_PASSWORD and RP_OAUTH_CLIENT_ID, all four",
}


@dataclass(frozen=True, slots=True)
class OAuth:
    """What a token is asked for with (password grant)."""

    uri: str
    username: str
    password: str = field(repr=False)
    client_id: str
    client_secret: str | None = field(repr=False)
    scope: str | None


@dataclass(frozen=True, slots=True)
class Connection:
    """What a request needs: complete, where `Settings` may have gaps."""

    endpoint: Endpoint
    project: str
    credentials: str | OAuth = field(repr=False)
    """An API key, or what gets a token."""
    verify_ssl: bool | str = True
    connect_timeout: float = 5.0
    read_timeout: float = 10.0


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """All settings, checked. `load` and `parse` make them; the constructor itself checks nothing.

    Durations are in seconds. Two are equal when their values are, wherever these came from.
    """

    endpoint: Endpoint | None = setting(None, kinds.ENDPOINT, "address of the ReportPortal", variable="RP_ENDPOINT")  # noqa: RUF009
    project: str | None = setting(None, kinds.PROJECT, "project on the ReportPortal", variable="RP_PROJECT")
    api_key: str | None = setting(None, kinds.KEY, "API key", variable="RP_API_KEY", secret=True)
    oauth_uri: str | None = setting(None, kinds.TOKEN_ADDRESS, "address that gives tokens", variable="RP_OAUTH_URI")
    oauth_username: str | None = setting(None, kinds.WORD, "user to get a token for", variable="RP_OAUTH_USERNAME")
    oauth_password: str | None = setting(
        None, kinds.WORD, "that user's password", variable="RP_OAUTH_PASSWORD", secret=True
    )
    oauth_client_id: str | None = setting(None, kinds.WORD, "client to get it by", variable="RP_OAUTH_CLIENT_ID")
    oauth_client_secret: str | None = setting(
        None, kinds.WORD, "that client's secret", variable="RP_OAUTH_CLIENT_SECRET", secret=True
    )
    oauth_scope: str | None = setting(None, kinds.WORD, "scope to ask for", variable="RP_OAUTH_SCOPE")
    verify_ssl: bool | str = setting(
        default=True,
        kind=kinds.VERIFY_SSL,
        meaning="check the server's certificate, with a CA file where one is named",
        variable="RP_VERIFY_SSL",
    )
    connect_timeout: float = setting(5.0, seconds(above=0), "wait for a connection", variable="RP_CONNECT_TIMEOUT")
    read_timeout: float = setting(10.0, seconds(above=0), "wait for the next bytes", variable="RP_READ_TIMEOUT")

    enabled: bool = setting(default=True, kind=kinds.SWITCH, meaning="act in pytest while its agent reports")
    timeout: float = setting(30.0, seconds(above=0), "for the whole finalization")
    flush_timeout: float = setting(20.0, seconds(), "at most, for delivering what the client holds back")
    confirm_timeout: float = setting(10.0, seconds(), "at most, for reading the launch back")
    stable_for: float = setting(5.0, seconds(), "a launch must stand still before v1 takes it from a silent v2")
    client_timeout: float = setting(10.0, seconds(above=0), "read timeout for pytest's agent where it has none")
    grace: float = setting(8.0, seconds(above=0), "for the whole finalization after a signal")
    delay_before_terminate: float = setting(0.0, seconds(), "a fixed wait before the client is closed")
    delay_after_terminate: float = setting(0.0, seconds(), "a fixed wait after the client is closed")
    settle: float = setting(0.0, seconds(), "to wait before the finish, for servers that store attachments slowly")
    retry_attempts: int = setting(0, whole(least=0, most=1_000_000), "tries of a call; 0: until the deadline")
    retry_initial: float = setting(0.25, seconds(above=0), "first wait between two tries")
    retry_max: float = setting(5.0, seconds(above=0), "longest wait between two tries")
    status_on_error: str | None = setting(None, choice(*FINISH_STATUSES), "status sent when an exception ends the run")
    status_on_signal: str | None = setting(
        "interrupted", choice(*FINISH_STATUSES), "status sent when a signal ends the run"
    )
    status_on_crash: str | None = setting(
        "interrupted", choice(*FINISH_STATUSES), "status sent when the process of the run dies"
    )
    finish_borrowed: bool = setting(default=False, kind=kinds.SWITCH, meaning="finish a launch of somebody else's")
    guard_client: bool = setting(default=True, kind=kinds.SWITCH, meaning="take over the finish of pytest's agent")
    signals: bool = setting(default=True, kind=kinds.SWITCH, meaning="act on signals and at the exit")
    guardian: bool = setting(
        default=False, kind=kinds.SWITCH, meaning="start a process that finishes the launch when the run's own dies"
    )
    outbox: str | None = setting(None, kinds.OUTBOX, "where launches that are still to be finished are kept")
    launch_file: Path | None = setting(None, kinds.PATH, "file the launch uuid is written to, and read from")  # noqa: RUF009
    report_file: Path | None = setting(None, kinds.PATH, "file the JSON report is written to")  # noqa: RUF009
    priority: str = setting("normal", one_of("critical", "high", "normal", "low"), "of this run's entry in the outbox")
    lease: float = setting(60.0, seconds(least=1), "an entry is held so long without a sign of life")
    entry_timeout: float = setting(300.0, seconds(above=0), "for one finalization by a worker")
    entry_attempts: int = setting(10, whole(least=1, most=1000), "tries of an entry; then it is a dead letter")
    entry_retry_max: float = setting(900.0, seconds(least=1), "longest wait between two tries of an entry")
    entry_max_age: float = setting(7 * DAY, duration(most=365 * DAY), "an entry is tried; then it is a dead letter")
    outbox_size: int = setting(100_000, whole(least=1, most=10_000_000), "entries still owed, at most")
    keep_done: float = setting(7 * DAY, duration(most=365 * DAY), "finished entries are kept")
    work_off: int = setting(5, whole(least=0, most=1000), "old entries that a later run works off; 0: none")
    strict: bool = setting(default=False, kind=kinds.SWITCH, meaning="a launch left unfinished makes the run fail")

    credentials: Mapping[str, str] = field(default_factory=dict, hash=False)
    """By `ENDPOINT#PROJECT` in normal form: the name of the variable that holds the key for these."""
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Where each setting that somebody set was set, by name."""

    @classmethod
    def load(
        cls,
        *,
        environ: Mapping[str, str] | None = None,
        directory: str | Path | None = None,
        config: str | Path | None = None,
        over: Iterable[Layer] = (),
        **arguments: Any,
    ) -> Self:
        """Read the settings of this process: argument, else environment, else file, else default.

        The one place that looks at the process: unless they are given, `environ` is `os.environ`, and `directory`,
        from where `pyproject.toml` is looked for upward, the current one. `config` names the file instead. Layers that
        are `over` all this win, the first of them most, and are checked together with it. None as an argument counts
        as not given; the text `none` unsets what has no value by default. Raises one `SettingsError`
        that tells all that is wrong.
        """
        layers = (
            *over,
            from_arguments(arguments, SLOTS),
            from_environment(os.environ if environ is None else environ, SLOTS),
            from_file(SLOTS, config=None if config is None else Path(config), directory=Path(directory or "")),
        )
        return cls.parse(layers)

    @classmethod
    def parse(cls, layers: Iterable[Layer]) -> Self:
        """Check what the layers hold, the first that sets a value winning. Looks only whether a CA file exists.

        Raises one `SettingsError` that tells all that is wrong, and no secret.
        """
        layers = tuple(layers)
        problems = [problem for layer in layers for problem in layer.problems]
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for spec in SETTINGS:
            raw = next((layer.values[spec.name] for layer in layers if spec.name in layer.values), None)
            if raw is None:
                problems += [layer.unless_set[spec.name] for layer in layers if spec.name in layer.unless_set]
                continue
            try:
                # None was read before, as `none`: no place holds it otherwise.
                values[spec.name] = None if raw.value is None else spec.kind.read(raw)
                origins[spec.name] = raw.origin
            except ValueError as error:
                problems.append(_describe(spec, raw, error))
        problems += _relate(values, origins)
        credentials, refused = read_credentials(layer.credentials for layer in layers)
        problems += refused
        if problems:
            raise SettingsError(*problems)
        return cls(**values, credentials=credentials, origins=origins)

    def replace(self, **arguments: Any) -> Self:
        """Give a copy with other values, checked and read like the arguments of `load`."""
        return self.under(from_arguments(arguments, SLOTS))

    def under(self, *layers: Layer) -> Self:
        """Give a copy in which what these layers set wins, the first of them most. Raises `SettingsError`."""
        kept = {name: Raw(getattr(self, name), origin) for name, origin in self.origins.items()}
        credentials = {name: Raw(variable, CREDENTIALS) for name, variable in self.credentials.items()}
        return self.parse((*layers, Layer(kept, credentials=credentials)))

    def origin(self, name: str) -> str:
        """Say where a setting's value came from, `default` where nobody set it. Raises `KeyError` for another name."""
        if all(spec.name != name for spec in SETTINGS):
            raise KeyError(name)
        return self.origins.get(name, DEFAULT)

    def require_connection(self) -> Connection:
        """Give what a request needs. Raises one `SettingsError` that names all that is missing, and what sets it."""
        credentials = self._oauth() or self.api_key
        if self.endpoint is None or self.project is None or credentials is None:
            held = {"endpoint": self.endpoint, "project": self.project, "api_key": credentials}
            raise SettingsError(*(f"{name} is not set: {_MENDS[name]}" for name in held if held[name] is None))
        return Connection(
            self.endpoint, self.project, credentials, self.verify_ssl, self.connect_timeout, self.read_timeout
        )

    def _oauth(self) -> OAuth | None:
        """Give the password grant when all it needs is set; like the client, it wins over a key then."""
        uri, user, password, client = self.oauth_uri, self.oauth_username, self.oauth_password, self.oauth_client_id
        if uri is None or user is None or password is None or client is None:
            return None
        return OAuth(uri, user, password, client, self.oauth_client_secret, self.oauth_scope)

    def __repr__(self) -> str:
        """Show what differs from the defaults, a secret as `****`."""
        held = ((spec, getattr(self, spec.name)) for spec in SETTINGS)
        return f"Settings({', '.join(f'{s.name}={s.show(value)}' for s, value in held if value != s.default)})"


def _declared(cls: type[Settings]) -> Iterable[Setting]:
    for declared in fields(cls):
        if declared.metadata:
            extra = dict(declared.metadata)
            extra["variable"] = extra["variable"] or f"{PREFIX}{declared.name.upper()}"
            yield Setting(name=declared.name, default=declared.default, **extra)


SETTINGS = tuple(_declared(Settings))
"""Every setting, in the order in which people should meet them."""
SLOTS = tuple(Slot(spec.name, spec.variable, secret=spec.secret) for spec in SETTINGS)
"""The same, as the sources need them."""


def _describe(spec: Setting, raw: Raw, error: ValueError) -> str:
    if isinstance(error, EndpointError):
        return f"endpoint {error.value!r} (from {raw.origin}): {error.reason}; {error.mend}"
    if isinstance(error, SettingsError):
        return f"{error} (from {raw.origin})"
    reason = f"{error}; " if str(error) else ""
    return f"{spec.name} {spec.show(raw.value)} (from {raw.origin}): {reason}allowed is {spec.kind.allowed}"


def _relate(values: dict[str, Any], origins: Mapping[str, str]) -> list[str]:
    """Tell which two values contradict each other; where one is a default, it gives way instead.

    But `timeout` does not grow: it is what a person was promised to wait at most, and the deadline caps the rest.
    """
    problems = []
    defaults = {spec.name: spec.default for spec in SETTINGS}
    for low, high in _AT_MOST:
        least, most = values.get(low, defaults[low]), values.get(high, defaults[high])
        if least <= most:
            continue
        if low not in origins:
            values[low] = most
        elif high in origins:
            problems.append(
                f"{low} {least:g} (from {origins[low]}) exceeds {high} {most:g} (from {origins[high]}): "
                f"allowed is at most {high}"
            )
        elif high != "timeout":
            values[high] = least
    return problems
