"""Cases of a test that `make test` leaves to `make test-endings`."""

from __future__ import annotations

from typing import Any

import pytest


def slow(*values: Any) -> Any:
    """Give one case: a rare combination of what other cases, which are not slow, show each for itself."""
    return pytest.param(*values, marks=pytest.mark.slow)
