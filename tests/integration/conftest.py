"""Fixtures of the integration tests."""

from tests.support.reporting import clean_environment, client, run

__all__ = ["clean_environment", "client", "run"]
