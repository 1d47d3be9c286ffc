"""pytest-reportportal as the plugin sees it: the one place that knows its private names.

As seen in 5.5.0 to 5.6.12: of the config `_rp_enabled`, `py_test_service`, `_reporter_config`; of the service `rp`,
`_launch_id`, `project_settings`, `_tree_path`; of `pytest_reportportal.plugin` `LAUNCH_WAIT_TIMEOUT`, of
`pytest_reportportal.service` `create_client`. Where one is gone, what needs it is left undone, and the agent does what
it does without us.
"""

from __future__ import annotations

import copy
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

NAME = "pytest_reportportal"
"""What the agent is registered as."""
CONNECT_TIMEOUT = 5.0

_LIBRARY = "reportportal_client"
_CLIENTS = ("RPClient", "ThreadedRPClient", "BatchedRPClient")
"""What the library makes of them for the agent."""

_CONNECTION = (
    "endpoint",
    "project",
    "api_key",
    "oauth_uri",
    "oauth_username",
    "oauth_password",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_scope",
    "verify_ssl",
)


class Agent:
    """The agent of one pytest session, on a controller or a worker of pytest-xdist or alone."""

    def __init__(self, config: pytest.Config) -> None:
        self._config: Any = config

    @property
    def reports(self) -> bool:
        """Whether it is switched on and configured."""
        return bool(getattr(self._config, "_rp_enabled", False)) and self._service is not None

    @property
    def client(self) -> Any:
        """Its reporting client; None before it started, and when it gave up."""
        return getattr(self._service, "rp", None)

    @property
    def _service(self) -> Any:
        return getattr(self._config, "py_test_service", None)

    @property
    def _settings(self) -> Any:
        return getattr(self._config, "_reporter_config", None)

    @property
    def is_played(self) -> bool:
        """Whether its clients are stand-ins, as in its own tests: then there is no server behind them to look for."""
        stand_in = getattr(sys.modules.get("unittest.mock"), "NonCallableMock", None)
        if stand_in is None:
            return False
        makers = [getattr(sys.modules.get(f"{NAME}.service"), "create_client", None)]
        makers += [getattr(sys.modules.get(_LIBRARY), name, None) for name in _CLIENTS]
        return any(isinstance(maker, stand_in) for maker in makers)

    def connection(self) -> dict[str, Any]:
        """Give its connection under the names of our settings, so that both always agree."""
        told = {name: getattr(self._settings, f"rp_{name}", None) for name in _CONNECTION}
        return {name: value for name, value in told.items() if isinstance(value, str | bool) and value != ""}

    def limit_reads(self, seconds: float) -> None:
        """Give its client a read timeout where the user set none: without one it waits for ever."""
        settings = self._settings
        if settings is not None and getattr(settings, "rp_http_timeout", 0) is None:
            settings.rp_http_timeout = (CONNECT_TIMEOUT, seconds)

    @contextmanager
    def making_clients(self, change: Callable[[Any], None]) -> Iterator[None]:
        """Have every client that it makes changed before it is used."""
        module: Any = sys.modules.get(f"{NAME}.service")
        make = getattr(module, "create_client", None)
        if make is None:
            yield
            return

        def create_client(*arguments: Any, **named: Any) -> Any:
            client = make(*arguments, **named)
            change(client)
            return client

        module.create_client = create_client
        try:
            yield
        finally:
            module.create_client = make

    def give_up(self) -> None:
        """Make it report nothing from here on; the tests run as without it."""
        if self._service is not None:
            self._service.rp = None
        self._config._rp_enabled = False  # noqa: SLF001  as told at the top

    @contextmanager
    def not_waiting_for_launch(self) -> Iterator[None]:
        """Keep it from waiting for a launch that is known to be there or not when `start_launch` returns."""
        module: Any = sys.modules.get(f"{NAME}.plugin")
        usual = getattr(module, "LAUNCH_WAIT_TIMEOUT", None)
        if usual is None:
            yield
            return
        module.LAUNCH_WAIT_TIMEOUT = 0
        try:
            yield
        finally:
            module.LAUNCH_WAIT_TIMEOUT = usual

    @contextmanager
    def without_client(self, launch: str) -> Iterator[None]:
        """Have it send its workers a service without the client, which they replace and which may not be picklable."""
        service = self._service
        if service is None:
            yield
            return
        sent = copy.copy(service)
        sent.rp, sent._launch_id, sent.project_settings = None, launch, {}  # noqa: SLF001  as told at the top
        self._config.py_test_service = sent
        try:
            yield
        finally:
            self._config.py_test_service = service

    def interrupted(self, item: pytest.Item) -> None:
        """Have a test that did not come to its end reported as interrupted: it would say that it passed."""
        path = (getattr(self._service, "_tree_path", None) or {}).get(item)
        if path and path[-1].get("status") in {None, "PASSED"}:
            path[-1]["status"] = "INTERRUPTED"

    def forget_open_items(self) -> int:
        """Make it not wait, for a day, for items that nobody will finish; give how many there are.

        Without it, its end waits until no item is in progress. The server closes them with the launch.
        """
        opened = 0
        for path in (getattr(self._service, "_tree_path", None) or {}).values():
            state = path[-1].get("exec")
            if getattr(state, "name", None) == "IN_PROGRESS":
                opened += 1
                path[-1]["exec"] = type(state)["FINISHED"]
        return opened
