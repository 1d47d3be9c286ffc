"""Versions of entries in Redis, the fence of every write."""

from __future__ import annotations

import os

from rp_finalizer.outbox.redis_versions import new_version


def test_a_forked_process_gives_other_versions() -> None:
    """A child and its parent, which go on from one point, never give one version twice."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, "\n".join([new_version() for _ in range(100)]).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        theirs = told.read().split("\n")
    os.waitpid(child, 0)
    ours = [new_version() for _ in range(100)]
    assert len({*ours, *theirs}) == 200
