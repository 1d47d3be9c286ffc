"""A test run that forks, in a process of its own: `KIND LEAVING URL`.

Makes a client of a kind under a guard, reports a launch whose last logs the client holds back, and forks. The child
ends everything it has, and leaves by `exit` or `_exit`; behind it the parent reports on, and ends as usual. Says on
stdout, in one line of JSON, how the child ended and what became of the launch.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import json
import os
import sys
import time
import warnings
from typing import Any

from reportportal_client import RPClient
from reportportal_client.aio.client import AsyncRPClient, BatchedRPClient, ThreadedRPClient

from rp_finalizer import LaunchFinalizer, Outcome

KINDS = {"sync": RPClient, "threaded": ThreadedRPClient, "batched": BatchedRPClient, "async": AsyncRPClient}
LOGS = 5
PATIENCE = 30.0
"""Seconds until a child that does not end is killed."""
QUICK = 2.0
"""Seconds that the child's calls may take in all."""
HANGS, WRONG = 3, 4


def now() -> str:
    return str(int(time.time() * 1000))


async def done(value: Any) -> Any:
    """Give what a call gives, of whichever kind of client."""
    return await value if inspect.iscoroutine(value) else value


async def report(client: Any) -> None:
    item = await done(client.start_test_item("a test", now(), "STEP"))
    for line in range(LOGS):
        await done(client.log(now(), f"line {line}", item_id=item))
    await done(client.finish_test_item(item, now(), status="PASSED"))


async def end_in_the_child(client: Any, finalizer: LaunchFinalizer) -> int:
    begun = time.monotonic()
    given = await done(client.finish_launch(now()))
    if hasattr(given, "blocking_result"):
        given = given.blocking_result()
    await done(client.terminate())
    await done(client.close())
    awaited = isinstance(client, AsyncRPClient)
    reports = [await finalizer.afinish() if awaited else finalizer.finish()]
    reports.append(await finalizer.aterminate() if awaited else finalizer.terminate())
    if given is not None or any(each.outcome is not Outcome.NOT_OWNED for each in reports):
        return WRONG
    return HANGS if time.monotonic() - begun > QUICK else 0


def wait_for(pid: int) -> int:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return HANGS


def fork() -> int:
    with warnings.catch_warnings():
        # Newer Pythons warn of forks beside threads: exactly what is tried here.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


async def main(kind: str, leaving: str, url: str) -> None:
    warnings.simplefilter("ignore")
    client: Any = KINDS[kind](url, "demo", api_key="demo_key")
    finalizer = LaunchFinalizer(client, timeout=15.0).guard()
    await done(client.start_launch("forked", now()))
    await report(client)
    if kind == "async":
        # The loop's own threads, which the child has not.
        await asyncio.to_thread(time.monotonic)
    pid = fork()
    if pid == 0:
        code = WRONG
        try:
            code = await end_in_the_child(client, finalizer)
        finally:
            sys.stdout.flush()
            if leaving == "_exit":
                os._exit(code)
        del client, finalizer
        gc.collect()
        sys.exit(code)
    child = wait_for(pid)
    await report(client)
    if kind == "async":
        await client.finish_launch(now())
        await client.close()
    else:
        client.finish_launch(now())
        client.close()
    assert finalizer.report is not None
    sys.stdout.write(json.dumps({"child": child, "report": finalizer.report.to_dict()}) + "\n")


if __name__ == "__main__":
    chosen, how, endpoint = sys.argv[1:]
    if chosen == "async":
        asyncio.run(main(chosen, how, endpoint))
    else:
        coroutine = main(chosen, how, endpoint)
        with contextlib.suppress(StopIteration):
            coroutine.send(None)  # nothing in it waits, and there is no loop
