"""README's recipe for many machines does on one machine what it says."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from tests.support.commands import PATIENCE, environment
from tests.support.polling import until
from tests.support.redis_server import program

if TYPE_CHECKING:
    from collections.abc import Iterator

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
RECIPE = README.partition("\n**Many machines.**")[2].partition("\n**")[0]
PORTS = ("6390", "8090", "8377")
"""Of Redis, the emulator and the service, as they are printed."""
LAUNCHES = 40


@contextlib.contextmanager
def shell(folder: Path, commands: str) -> Iterator[None]:
    """Run commands as a terminal does, and end all that they started."""
    programs = [str(Path(sys.executable).parent), str(Path(program()).parent), os.environ["PATH"]]
    log = folder / "log"
    with (
        log.open("ab") as output,
        subprocess.Popen(
            ["bash", "-c", commands],  # noqa: S607  whichever bash a user has
            cwd=folder,
            env=environment(PATH=os.pathsep.join(programs)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield
            assert process.poll() in {None, 0}, log.read_text()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def free_ports() -> list[str]:
    with contextlib.ExitStack() as taken:
        return [str(taken.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]) for _ in PORTS]


def test_the_recipe_for_many_machines(tmp_path: Path) -> None:
    """Redis, two workers and the service are started, launches are enqueued, finished, and shown on the page."""
    ports = dict(zip(PORTS, free_ports(), strict=True))
    fleet, orders = re.findall(r"```sh\n(.*?)```", RECIPE, re.DOTALL)
    exports = "".join(line for line in fleet.splitlines(keepends=True) if line.startswith("export "))
    fleet = re.sub(r"^pip install .*\n", "", fleet).replace("serve\n", "serve --listen 127.0.0.1:8377\n")
    fleet, exports = (re.sub("|".join(PORTS), lambda found: ports[found[0]], text) for text in (fleet, exports))
    service, emulator = f"http://127.0.0.1:{ports['8377']}", f"http://127.0.0.1:{ports['8090']}"

    def asked(path: str) -> requests.Response | None:
        try:
            answer = requests.get(f"{service}{path}", headers={"Authorization": "Bearer let-me-in"}, timeout=10)
        except requests.ConnectionError:
            return None
        return answer if answer.ok else None

    def finished() -> bool:
        answer = asked("/api/v1/queue/status")
        return answer is not None and answer.json()["done_count"] == LAUNCHES

    def listens(url: str) -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(url, timeout=10).status_code > 0
        return False

    with shell(tmp_path, fleet):
        until(lambda: asked("/readyz"), "the service is ready")
        until(lambda: listens(emulator), "the emulator listens")
        with shell(tmp_path, f"set -e\n{exports}{orders}"):
            until(finished, "all launches are finished", PATIENCE)
        page = asked("/")
        assert page is not None
        assert f">{LAUNCHES}<" in page.text
