"""`rp-finalize serve` and `rp-finalize worker --listen` as whoever runs them sees them."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import requests

from rp_finalizer.cli import main
from rp_finalizer.entries import EntryState
from tests.support.commands import ended
from tests.support.owed import commands, owed
from tests.support.polling import until
from tests.support.reporting import status_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from rp_finalizer.emulator import Emulator
    from tests.support.commands import Commands
    from tests.support.owed import Owed

__all__ = ["commands", "owed"]

READS, CLEARS = "reads-0123456789", "clears-0123456789"
ADDRESS = re.compile(r"http://\S+:\d+")


def address(process: subprocess.Popen[str]) -> str:
    """Give the address that is told on stderr."""
    assert process.stderr is not None
    for line in iter(process.stderr.readline, ""):
        if found := ADDRESS.search(line):
            return found[0]
    raise AssertionError("it told no address")


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def body_of(url: str, **more: Any) -> Any:
    answer = requests.get(url, timeout=20, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_serving(owed: Owed, commands: Commands) -> None:
    """It tells its address, answers with what the outbox holds, as `status` does, and SIGTERM ends it with 143."""
    (uuid,) = owed.add_started()
    with commands.started("serve", "--listen", "127.0.0.1:0", "--json") as service:
        assert service.stdout is not None
        url = json.loads(service.stdout.readline())["url"]
        body = body_of(f"{url}/api/v1/queue/status")
        assert [each["launch_uuid"] for each in body["queue"]] == [uuid]
        assert body == commands.run("status", "--json").document()
        assert body_of(f"{url}/healthz") == {"alive": True}
        assert body_of(f"{url}/readyz")["ready"] is True
        assert requests.get(url, timeout=20).headers["Content-Type"].startswith("text/html")
        assert requests.post(f"{url}/api/v1/queue/clear", timeout=20).status_code == 403
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as idle:
            idle.sendall(b"GET /api/v1/queue/status HTTP/1.1\r\n")
            begun = time.monotonic()
            service.send_signal(signal.SIGTERM)
            stopped = ended(service)
            assert time.monotonic() - begun < 15
    assert (stopped.code, stopped.out) == (143, "")
    assert url in stopped.err
    assert "Traceback" not in stopped.err


def test_tokens(owed: Owed, commands: Commands) -> None:
    """With tokens it may be reached from elsewhere, asks for them, and shows none; Ctrl-C ends it with 130."""
    owed.add_started()
    variables = {"RP_FINALIZER_API_TOKEN": READS, "RP_FINALIZER_ADMIN_TOKEN": CLEARS}
    with commands.with_variables(**variables).started("serve", "--listen", "0.0.0.0:0", "-v") as service:
        url = address(service).replace("0.0.0.0", "127.0.0.1")  # noqa: S104  as it is told
        status = f"{url}/api/v1/queue/status"
        assert requests.get(status, timeout=20).status_code == 401
        assert body_of(status, headers={"Authorization": f"Bearer {READS}"})["queued_count"] == 1
        clear = f"{url}/api/v1/queue/clear"
        assert requests.post(clear, headers={"Authorization": f"Bearer {READS}"}, timeout=20).status_code == 403
        cleared = requests.post(clear, headers={"Authorization": f"Bearer {CLEARS}"}, timeout=20)
        assert cleared.json()["removed_count"] == 1
        service.send_signal(signal.SIGINT)
        stopped = ended(service)
    assert stopped.code == 130
    assert "/api/v1/queue/status" in stopped.err  # -v tells the calls
    assert READS not in stopped.err
    assert CLEARS not in stopped.err


def test_a_worker_that_listens(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """Beside a worker launches are enqueued over HTTP and finished, and the service ends with the worker."""
    (uuid,) = owed.start()
    with commands.started("worker", "--listen", "[::1]:0", "--concurrency", "3") as worker:
        url = address(worker)
        assert url.startswith("http://[::1]:")
        enqueued = requests.post(f"{url}/api/v1/launches/{uuid}/finalize", json={"priority": "high"}, timeout=20)
        assert enqueued.status_code == 202
        emulator.wait_until(lambda: status_of(emulator, uuid) == "PASSED", 20)
        launch = f"{url}/api/v1/launches/{uuid}"
        until(lambda: body_of(launch)["entry"]["state"] == EntryState.DONE)
        assert body_of(launch)["report"]["outcome"] == "finished"
        statistics = body_of(f"{url}/api/v1/queue/statistics")
        assert (statistics["is_running"], statistics["max_concurrent"]) == (True, 3)
        assert statistics["since_start"]["completed"] == 1
        assert body_of(f"{url}/api/v1/queue/status")["is_under_limit"] is True
        assert "rp_finalizer_worker_concurrency 3.0" in requests.get(f"{url}/metrics", timeout=20).text
        worker.send_signal(signal.SIGTERM)
        assert ended(worker).code == 143
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=20)


def test_a_port_that_is_taken(commands: Commands) -> None:
    """A port that somebody else listens on ends either command with 2, before anything is taken."""
    with taken_port() as port:
        for command in ("serve", "worker"):
            refused = commands.run(command, "--listen", f"127.0.0.1:{port}")
            assert (refused.code, refused.out) == (2, "")
            assert f"127.0.0.1:{port}" in refused.err
            assert "another port" in refused.err
            assert "Traceback" not in refused.err


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (("serve", "--listen", "0.0.0.0:0"), {}, "RP_FINALIZER_API_TOKEN"),
        (("worker", "--listen", "[::]:0"), {}, "RP_FINALIZER_API_TOKEN"),
        (("serve", "--listen", "8377"), {}, "HOST:PORT"),
        (("serve", "--listen", "127.0.0.1:99999"), {}, "HOST:PORT"),
        (("serve", "--listen", "nobody.invalid:0"), {}, "nobody.invalid"),
        (("serve",), {"RP_FINALIZER_API_TOKEN": " "}, "RP_FINALIZER_API_TOKEN is blank"),
        (("serve",), {"RP_FINALIZER_API_TOKEN": READS, "RP_FINALIZER_ADMIN_TOKEN": READS}, "equal"),
        (("serve", "--outbox", "off"), {}, "switched off"),
    ],
)
def test_wrong_usage(
    arguments: tuple[str, ...],
    variables: dict[str, str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Wrong usage ends with 2, the mend on stderr, and no token shown."""
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert says in told.err
    assert READS not in told.err


def test_without_its_extra(commands: Commands) -> None:
    """Where the extra is not installed it ends with 2 and the pip line."""
    hidden = commands.folder / "hidden"
    (hidden / "fastapi").mkdir(parents=True)
    missing = "raise ModuleNotFoundError(\"No module named 'fastapi'\", name='fastapi')\n"
    (hidden / "fastapi" / "__init__.py").write_text(missing, encoding="utf-8")
    refused = commands.with_variables(PYTHONPATH=str(hidden)).run("serve")
    assert refused.code == 2
    assert "fastapi is not installed; run: pip install 'rp-finalizer[server]'" in refused.err


def test_a_redis_that_is_away_at_the_start(commands: Commands) -> None:
    """It starts without its Redis, lives, and is not ready."""
    away = commands.with_variables(RP_FINALIZER_OUTBOX="redis://:hidden-0123@127.0.0.1:9/0")
    with away.started("serve", "--listen", "127.0.0.1:0") as service:
        url = address(service)
        assert body_of(f"{url}/healthz") == {"alive": True}
        assert requests.get(f"{url}/readyz", timeout=20).status_code == 503
        answer = requests.post(f"{url}/api/v1/launches/{uuid4()}/finalize", timeout=20)
        assert (answer.status_code, answer.json()["error"]) == (503, "outbox")
        service.send_signal(signal.SIGTERM)
        stopped = ended(service)
    assert stopped.code == 143
    assert "hidden" not in stopped.err + answer.text
