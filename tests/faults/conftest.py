"""Fixtures of the fault tests."""

from tests.support.reporting import clean_environment, client, run

__all__ = ["clean_environment", "client", "run"]
