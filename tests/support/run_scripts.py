"""What `rp-finalize run` is given to run: small programs that report with the real client, or only print."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_REPORTING = """
import os, signal, sys, time
from reportportal_client import RPClient

def now():
    return str(int(time.time() * 1000))

def start(name="smoke"):
    client = RPClient(
        os.environ["RP_ENDPOINT"], os.environ["RP_PROJECT"], api_key=os.environ["RP_API_KEY"],
        launch_uuid_print=os.environ.get("RP_LAUNCH_UUID_PRINT") == "true",
    )
    client.start_launch(name, now())
    item = client.start_test_item("a test", now(), "STEP")
    client.finish_test_item(item, now(), status="PASSED")
    return client

client = start()
"""


@dataclass(frozen=True, slots=True)
class Scripts:
    """Writes programs into a folder, and gives the command lines that run them."""

    folder: Path

    def python(self, text: str) -> list[str]:
        """Give a command line for a Python program."""
        path = self.folder / f"script-{len(list(self.folder.iterdir()))}.py"
        path.write_text(text, encoding="utf-8")
        return [sys.executable, "-u", str(path)]

    def printing(self, uuid: str, then: str = "") -> list[str]:
        """Give one that prints a launch that somebody else has started, and then does something."""
        return self.python(
            f"import os, signal, sys, time\nprint('ReportPortal Launch UUID: {uuid}', flush=True)\n{then}\n"
        )

    def reporting(self, then: str = "") -> list[str]:
        """Give one that starts a launch, reports a test that passes, and then does something."""
        return self.python(f"{_REPORTING}\n{then}\n")
