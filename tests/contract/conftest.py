"""Fixtures of the contract tests."""

from tests.support.reporting import clean_environment

__all__ = ["clean_environment"]
