"""`rp-finalize sweep`: launches that somebody left in progress on the server."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from rp_finalizer import Outcome, Report
from rp_finalizer.emulator import Fault, ProjectRole
from tests.support.commands import ended
from tests.support.owed import commands, owed
from tests.support.reporting import FINISH, finishes, status_of

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.support.commands import Commands
    from tests.support.owed import Owed

__all__ = ["commands", "owed"]


def test_what_is_old_and_open_is_shown_and_nothing_changed(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """Without --yes the launches of two hours and more are shown with their pages, and the exit code is 0."""
    (old,) = owed.start(hours_ago=3)
    (young,) = owed.start()
    swept = commands.run("sweep")
    assert (swept.code, swept.err) == (0, "")
    assert old in swept.out
    assert young not in swept.out
    assert "started 3 h ago by" in swept.out
    assert f"{emulator.url}/ui/#demo/launches/all/1" in swept.out
    assert "1 launch is in progress; nothing was changed: --yes would finish it" in swept.out
    assert finishes(emulator) == []
    assert "would stop it" in commands.run("sweep", "--stop").out
    assert status_of(emulator, old) == "IN_PROGRESS"


def test_yes_finishes_what_is_shown(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """With --yes each is finished, at the time when something happened in it last, and no other."""
    old = owed.start(3, hours_ago=3)
    (young,) = owed.start()
    before = {uuid: emulator.launch(uuid) for uuid in old}
    swept = commands.run("sweep", "--yes")
    assert (swept.code, swept.out.splitlines()[-1]) == (0, "3 finished, 0 not")
    for uuid, launch in before.items():
        after = emulator.launch(uuid)
        assert launch is not None
        assert after is not None
        assert (after.status, after.end_ms) == ("PASSED", launch.last_modified // 1000)
    assert status_of(emulator, young) == "IN_PROGRESS"
    assert commands.run("sweep", "--yes").out == "no launch in progress fits\n"


def test_stop_uses_the_stop_call(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """With --yes --stop they end as STOPPED."""
    (old,) = owed.start(hours_ago=3)
    assert commands.run("sweep", "--yes", "--stop").code == 0
    assert status_of(emulator, old) == "STOPPED"


def test_json_is_one_document(owed: Owed, commands: Commands) -> None:
    """With --json stdout holds launches and reports; dry there are none of these."""
    (old,) = owed.start(hours_ago=3)
    document = commands.run("sweep", "--json").document()
    assert list(document) == ["schema", "launches", "reports"]
    assert (document["launches"][0]["uuid"], document["reports"]) == (old, [])
    document = commands.run("sweep", "--json", "--yes").document()
    (report,) = map(Report.from_dict, document["reports"])
    assert report.outcome is Outcome.FINISHED
    assert report.launch is not None
    assert (report.launch.uuid, report.launch.source) == (old, "server")


def test_the_search_is_narrowed(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """Age, name, attributes and the key's user narrow it, alone and together; debug launches are found, too."""
    emulator.add_user("ann", "ann_key", {"demo": ProjectRole.MEMBER})
    (named,) = owed.start(hours_ago=3, name="nightly", attributes=[{"key": "os", "value": "linux"}, {"value": "late"}])
    (theirs,) = owed.start(hours_ago=3, key="ann_key")
    (debug,) = owed.start(hours_ago=3, mode="DEBUG")

    def found(*arguments: str) -> set[str]:
        return {launch["uuid"] for launch in commands.run("sweep", "--json", *arguments).document()["launches"]}

    assert found() == {named, theirs, debug}
    assert found("--name", "nightly") == {named}
    assert found("--attribute", "os:linux", "--attribute", "late") == {named}
    assert found("--attribute", "os:windows") == set()
    assert found("--mine") == {named, debug}
    assert found("--older-than", "4h") == set()
    assert found("--older-than", "0", "--name", "smoke", "--mine") == {debug}


def test_thousands_are_found(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """Every page of the list is read."""
    uuids = owed.start(130, hours_ago=3)
    launches = commands.run("sweep", "--json", "--timeout", "20").document()["launches"]
    assert sorted(launch["uuid"] for launch in launches) == sorted(uuids)
    assert commands.run("sweep", "--yes", "-q", "--timeout", "20").code == 0
    assert {status_of(emulator, uuid) for uuid in uuids} == {"PASSED"}


def test_what_cannot_be_finished_is_told(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """The worst of its launches is the exit code; the others are finished."""
    good, bad = owed.start(2, hours_ago=3)
    emulator.add_fault(Fault(FINISH, path=bad, status=400, body={"errorCode": 4001, "message": "Incorrect Request."}))
    emulator.add_fault(Fault(path=f"v1/.*{bad}/finish", status=400, body={"errorCode": 4001, "message": "Incorrect"}))
    swept = commands.run("sweep", "--yes")
    assert swept.code == 1
    assert "rejected" in swept.out
    assert swept.out.splitlines()[-1] == "1 finished, 1 not"
    assert (status_of(emulator, good), status_of(emulator, bad)) == ("PASSED", "IN_PROGRESS")


def test_a_server_that_does_not_answer(commands: Commands) -> None:
    """What cannot be listed is no empty list."""
    away = commands.with_variables(RP_ENDPOINT="http://127.0.0.1:1", RP_FINALIZER_TIMEOUT="0.5")
    for arguments in ([], ["--yes"], ["--mine"]):
        swept = away.run("sweep", *arguments)
        assert swept.code == 1
        assert "unavailable" in swept.out
    assert away.run("sweep", "--json").document()["error"]["kind"] in {"unavailable", "timeout"}
    assert commands.with_variables(RP_API_KEY="wrong").run("sweep").code == 4


def test_a_signal_ends_it(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """What runs has one more try, what has not begun is left, and the exit code says so."""
    owed.start(3, hours_ago=3)
    held = emulator.add_fault(Fault(FINISH, hang=True))
    begun = time.monotonic()
    with commands.started("sweep", "--yes", "--concurrency", "1") as process:
        emulator.wait_until(lambda: finishes(emulator), 20)
        process.send_signal(signal.SIGTERM)
        held.remove()
        assert ended(process).code == 143
    assert time.monotonic() - begun < 30
    assert len({call.launch_uuid for call in finishes(emulator)}) == 1


@pytest.mark.parametrize(
    "arguments",
    [["--older-than", "soon"], ["--attribute", ":"], ["--name", " "], ["--concurrency", "0"], ["surplus"]],
)
def test_wrong_usage(commands: Commands, arguments: list[str]) -> None:
    """Wrong usage exits with 2, and so does a connection that is not set."""
    swept = commands.run("sweep", *arguments)
    assert (swept.code, swept.out) == (2, "")
    assert "Traceback" not in swept.err
    assert commands.without("RP_API_KEY").run("sweep").code == 2
