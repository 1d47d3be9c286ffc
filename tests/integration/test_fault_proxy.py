"""The proxy does to connections what its modes say, and nothing else."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.fault_proxy import AnswerLost, BlackHole, Delay, Drip, FaultProxy, Refuse, Reset, Truncate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rp_finalizer.emulator import Emulator

LAUNCH = {"name": "through the proxy", "startTime": "1700000000000"}


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers["Authorization"] = "Bearer demo_key"
        yield session


def start(session: requests.Session, proxy: FaultProxy, timeout: float = 5.0) -> requests.Response:
    return session.post(f"{proxy.url}/api/v1/demo/launch", json=LAUNCH, timeout=timeout)


def info(session: requests.Session, proxy: FaultProxy, timeout: float = 5.0) -> requests.Response:
    return session.get(f"{proxy.url}/api/info", timeout=timeout)


def test_passes_by_default(fault_proxy: FaultProxy, session: requests.Session) -> None:
    """Without a mode every request passes, over one kept-alive connection, and is counted with its first line."""
    assert start(session, fault_proxy).status_code == 201
    assert info(session, fault_proxy).status_code == 200
    assert (fault_proxy.connections, fault_proxy.requests) == (1, 2)
    assert fault_proxy.request_lines == ["POST /api/v1/demo/launch HTTP/1.1", "GET /api/info HTTP/1.1"]


def test_counts_chunked_requests(fault_proxy: FaultProxy, session: requests.Session, emulator: Emulator) -> None:
    """A chunked body is no request of its own, and what follows it on the connection is one."""
    body = b'{"name": "chunked", "startTime": "1700000000000"}'
    url = f"{fault_proxy.url}/api/v1/demo/launch"
    pieces = (body[number : number + 7] for number in range(0, len(body), 7))
    headers = {"Content-Type": "application/json"}
    assert session.post(url, data=pieces, headers=headers, timeout=5).status_code == 201
    info(session, fault_proxy)
    assert (fault_proxy.connections, fault_proxy.requests) == (1, 2)
    assert emulator.launches()[0].name == "chunked"


def test_refuses_and_opens_again(fault_proxy: FaultProxy, session: requests.Session) -> None:
    """A closed port refuses connections and resets those that were; the same port opens again."""
    info(session, fault_proxy)
    fault_proxy.set(Refuse())
    with pytest.raises(requests.ConnectionError, match="refused"):
        info(session, fault_proxy)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", fault_proxy.port), timeout=5)
    fault_proxy.clear()
    assert info(session, fault_proxy).status_code == 200


def test_resets_on_accepting(fault_proxy: FaultProxy, session: requests.Session) -> None:
    """A reset at once ends the connection before any request is seen, as often as it is told to."""
    fault_proxy.set(Reset(times=1))
    with pytest.raises(requests.ConnectionError):
        info(session, fault_proxy)
    assert info(session, fault_proxy).status_code == 200
    assert (fault_proxy.hits, fault_proxy.connections, fault_proxy.requests) == (1, 2, 1)


def test_resets_within_the_request(fault_proxy: FaultProxy, session: requests.Session, emulator: Emulator) -> None:
    """A reset after some bytes of the request leaves upstream with half a request, which does nothing."""
    fault_proxy.set(Reset(after=100, matching="^POST"))
    with pytest.raises(requests.ConnectionError):
        start(session, fault_proxy)
    assert info(session, fault_proxy).status_code == 200
    assert emulator.launches() == []


def test_swallows_what_matches(fault_proxy: FaultProxy, session: requests.Session, emulator: Emulator) -> None:
    """A black hole takes the matching request and answers nothing; upstream never sees it, others pass."""
    fault_proxy.set(BlackHole(matching="POST .*/launch"))
    with pytest.raises(requests.ReadTimeout):
        start(session, fault_proxy, timeout=0.2)
    assert info(session, fault_proxy).status_code == 200
    assert emulator.calls("start-launch-v1") == []


@pytest.mark.parametrize("reset", [False, True])
def test_loses_the_answer(
    fault_proxy: FaultProxy, session: requests.Session, emulator: Emulator, *, reset: bool
) -> None:
    """A lost answer belongs to a request that upstream has done; the next one passes."""
    fault_proxy.set(AnswerLost(matching="^POST", times=1, reset=reset))
    with pytest.raises(requests.ConnectionError):
        start(session, fault_proxy)
    assert [launch.name for launch in emulator.launches()] == [LAUNCH["name"]]
    assert start(session, fault_proxy).json()["number"] == 2


def test_truncates_the_answer(fault_proxy: FaultProxy, session: requests.Session) -> None:
    """A truncated answer ends within its body."""
    whole = info(session, fault_proxy)
    head = len(raw_answer(fault_proxy).partition(b"\r\n\r\n")[0]) + 4
    fault_proxy.set(Truncate(after=head + 10))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        info(session, fault_proxy)
    assert raw_answer(fault_proxy).partition(b"\r\n\r\n")[2] == whole.content[:10]


def raw_answer(proxy: FaultProxy) -> bytes:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
        connection.sendall(b"GET /api/info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b""
        while data := connection.recv(4096):
            answer += data
    return answer


def test_drips_the_answer(fault_proxy: FaultProxy, session: requests.Session) -> None:
    """A dripping answer keeps a read timeout from ever firing, and arrives whole in the end."""
    fault_proxy.set(Drip(interval=0.0005))
    begun = time.monotonic()
    assert info(session, fault_proxy, timeout=0.5).json()["build"]["version"]
    assert time.monotonic() - begun > 0.1


def test_drips_the_body_only(fault_proxy: FaultProxy) -> None:
    """With the head sent at once the status is known while the body drips."""
    head = raw_answer(fault_proxy).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    fault_proxy.set(Drip(interval=30, after=len(head)))
    with socket.create_connection(("127.0.0.1", fault_proxy.port), timeout=5) as connection:
        connection.sendall(b"GET /api/info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        while len(received) < len(head):
            received += connection.recv(4096)
        assert len(received) == len(head)
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_delays_the_request(fault_proxy: FaultProxy, session: requests.Session, emulator: Emulator) -> None:
    """A delayed request reaches upstream late, and its answer comes."""
    fault_proxy.set(Delay(seconds=0.3, times=1))
    begun = time.monotonic()
    assert start(session, fault_proxy).status_code == 201
    assert time.monotonic() - begun >= 0.3
    assert emulator.calls("start-launch-v1")[0].at - begun >= 0.3


def test_several_modes(fault_proxy: FaultProxy, session: requests.Session) -> None:
    """Of several modes the first that matches and is not used up meets a request."""
    fault_proxy.set(AnswerLost(times=1), BlackHole(matching="^GET"))
    with pytest.raises(requests.ConnectionError):
        info(session, fault_proxy)
    with pytest.raises(requests.ReadTimeout):
        info(session, fault_proxy, timeout=0.1)
    assert start(session, fault_proxy).status_code == 201


def test_passes_other_protocols() -> None:
    """Bytes that are no HTTP pass unchanged, and every read counts as a request."""
    with socket.create_server(("127.0.0.1", 0)) as server, FaultProxy(server.getsockname()[1]) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as client:
            upstream, _ = server.accept()
            with upstream:
                client.sendall(b"*1\r\n$4\r\nPING\r\n")
                assert upstream.recv(100) == b"*1\r\n$4\r\nPING\r\n"
                upstream.sendall(b"+PONG\r\n")
                assert client.recv(100) == b"+PONG\r\n"
        assert proxy.request_lines == ["*1"]


def test_closes_promptly(emulator: Emulator) -> None:
    """Closing waits for nobody: not for a client that hangs, nor for an answer that drips."""
    with FaultProxy(emulator.port) as proxy:
        proxy.set(BlackHole(matching="^GET /api/info"), Drip(interval=60))
        with (
            socket.create_connection(("127.0.0.1", proxy.port)) as hangs,
            socket.create_connection(("127.0.0.1", proxy.port)) as drips,
        ):
            hangs.sendall(b"GET /api/info HTTP/1.1\r\nHost: x\r\n\r\n")
            drips.sendall(b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n")
            proxy.wait_for_requests(2)
            begun = time.monotonic()
            proxy.close()
            assert time.monotonic() - begun < 5


def test_upstream_away(session: requests.Session) -> None:
    """With nobody upstream the client's connection is reset, not left to hang."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with FaultProxy(port) as proxy, pytest.raises(requests.ConnectionError):
        info(session, proxy)
