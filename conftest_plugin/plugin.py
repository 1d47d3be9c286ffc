"""The hooks. In a session that the agent does not report they do nothing, and import nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from conftest_plugin.options import add_options, read_settings

if TYPE_CHECKING:
    from collections.abc import Generator

    from conftest_plugin.reporting import Reporting

AGENT = ("pytest_reportportal", "pytest_reportportal.plugin")
"""By its entry point, or loaded by `-p` or `pytest_plugins`."""
OUTAGE = "rp_finalizer_outage"
"""What a worker is told by when nothing is reported."""
_REPORTING: pytest.StashKey[Reporting] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer our settings."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Act where the agent is installed; in a worker that has nothing to report to, before the agent looks for it."""
    if not any(config.pluginmanager.hasplugin(name) for name in AGENT):
        return
    if getattr(config, "workerinput", {}).get(OUTAGE):
        config.option.rp_enabled = False
        return
    config.pluginmanager.register(_BeforeAgent(), "rp-finalizer-before-agent")


class _BeforeAgent:
    """What comes before the agent's own start of a session."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Look whether there is a server to report to, and make the agent's client patient but not for ever."""
        config = session.config
        if not getattr(config, "_rp_enabled", False):
            return
        settings = read_settings(config)
        if not settings.enabled:
            return
        from conftest_plugin.reporting import Reporting  # noqa: PLC0415  for sessions that report only

        reporting = config.stash[_REPORTING] = Reporting(config, settings)
        reporting.prepare()
        config.pluginmanager.register(_DuringTests(reporting), "rp-finalizer-during-tests")


class _DuringTests:
    """What is done around every test of a session that is reported."""

    def __init__(self, reporting: Reporting) -> None:
        self._reporting = reporting

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Tell the truth about a test that Ctrl-C, a signal or `pytest.exit` ended, before the agent reports it."""
        try:
            return (yield)
        except BaseException:
            self._reporting.interrupted(item)
            raise


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Take over the client that the agent has made; before pytest-xdist, last of all, starts its workers."""
    if reporting := session.config.stash.get(_REPORTING, None):
        reporting.begin()


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_configure_node(node: Any) -> Generator[None, Any, Any]:
    """Send workers what can be sent: the launch, or that there is none."""
    if reporting := node.config.stash.get(_REPORTING, None):
        with reporting.configuring(node):
            return (yield)
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take what a worker has to tell at its end, or that it crashed."""
    if reporting := node.config.stash.get(_REPORTING, None):
        reporting.worker_ended(node, error)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, Any, Any]:
    """Finish the launch around the agent's own end, whatever that does, and before the summary is printed."""
    reporting = session.config.stash.get(_REPORTING, None)
    if reporting is None:
        return (yield)
    with reporting.ending(session):
        return (yield)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(config: pytest.Config) -> None:
    """Tell what became of the launch."""
    if reporting := config.stash.get(_REPORTING, None):
        reporting.tell()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End what came to no end, tell what no summary told, and leave everything as it was."""
    if reporting := config.stash.get(_REPORTING, None):
        del config.stash[_REPORTING]
        try:
            reporting.end()
            reporting.tell()
        finally:
            reporting.close()
