"""The test run of the demo: it reports with the ordinary client and never comes to its end."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from reportportal_client import RPClient

LOGS = 5
"""Log lines a test; a batch is sent when 20 are together, so that some wait when the process dies."""


def _now() -> str:
    return str(int(time.time() * 1000))


def main(launch_file: str) -> None:
    """Report two tests and a half, naming each on stdout, then wait for the end."""
    client = RPClient(os.environ["RP_ENDPOINT"], os.environ["RP_PROJECT"], os.environ["RP_API_KEY"])
    launch = client.start_launch("checkout tests", _now())
    Path(launch_file).write_text(f"{launch}\n", encoding="utf-8")
    for test in ("test_login", "test_search", "test_checkout"):
        item = client.start_test_item(test, _now(), "STEP")
        for line in range(LOGS):
            client.log(_now(), f"{test}: line {line + 1}", item_id=item)
        sys.stdout.write(f"{test}\n")
        sys.stdout.flush()
        if test == "test_checkout":
            signal.pause()
        client.finish_test_item(item, _now(), status="PASSED")


if __name__ == "__main__":
    main(sys.argv[1])
