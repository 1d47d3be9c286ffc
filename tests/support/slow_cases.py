"""Cases of a test that `make test` leaves to `make test-endings`."""

from __future__ import annotations

from typing import Any

import pytest


def slow(*values: Any, id: str | None = None) -> Any:  # noqa: A002  as `pytest.param` calls it
    """Give one case: a rare combination of what other cases, which are not slow, show each for itself."""
    return pytest.param(*values, marks=pytest.mark.slow, id=id)
