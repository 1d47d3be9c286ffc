"""The tests of the demo. The last of them waits, where it is told to, so that the run can be ended in its middle."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

STAY = "SHOP_CHECKOUT_SECONDS"
"""The variable that says how many seconds the last test takes."""
PAYING = "paying"
"""The file that it makes when it begins to."""

logger = logging.getLogger("shop")


def test_login() -> None:
    """Log in."""
    logger.info("logged in as jane")


def test_search() -> None:
    """Search for something that is there."""
    logger.info("searching for tea")
    logger.info("3 results")


def test_checkout() -> None:
    """Pay."""
    logger.info("paying with the card ending in 4242")
    if STAY in os.environ:
        Path(PAYING).touch()
        time.sleep(float(os.environ[STAY]))
