"""`rp-finalize entries` and `rp-finalize status`, as people and pipelines call them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from rp_finalizer.entries import EntryState, Priority
from rp_finalizer.holders import this_process
from tests.support.commands import ended
from tests.support.owed import commands, owed

if TYPE_CHECKING:
    from tests.support.commands import Commands
    from tests.support.owed import Owed

__all__ = ["commands", "owed"]


class TestList:
    def test_each_entry_is_on_a_line_with_how_it_stands(self, owed: Owed, commands: Commands) -> None:
        """What waits, what is held and what was given up is told, each with its reason, the oldest first."""
        put_off, held, dead, ready = owed.start(4)
        owed.put_off(put_off)
        owed.outbox.open(owed.launch(held), this_process("run"), 60.0)
        owed.bury(dead, "the server\x1b[31m refuses\nfor good")
        owed.add(ready)
        listed = commands.run("entries", "list")
        lines = listed.out.splitlines()
        assert listed.code == 0
        assert [line.split()[:2] for line in lines] == [
            [put_off, "ready"],
            [held, "open"],
            [dead, "dead"],
            [ready, "ready"],
        ]
        assert "tried once; unavailable: 503 with text/html" in lines[0]
        assert "its run goes on: run" in lines[1]
        assert lines[2].endswith("the server  refuses for good"), "nothing in it steers a terminal"
        assert lines[3].endswith("due now")

    def test_json_holds_every_member(self, owed: Owed, commands: Commands) -> None:
        """With --json an entry has the promised members."""
        (uuid,) = owed.start()
        entry = owed.bury(uuid)
        document = commands.run("entries", "list", "--json").document()
        assert list(document) == ["schema", "entries"]
        (listed,) = document["entries"]
        promised = (
            "entry_id idempotency_key launch launch_uuid priority state attempts visible_at lease_owner lease_token"
        )
        promised += " lease_until generation last_error created_at updated_at report reason"
        assert set(promised.split()) <= set(listed)
        assert (listed["entry_id"], listed["launch_uuid"], listed["state"]) == (entry.entry_id, uuid, "dead")
        assert listed["reason"] == "the server refuses for good"
        assert listed["last_error"]["kind"] == "unavailable"

    def test_one_state_only(self, owed: Owed, commands: Commands) -> None:
        """--state shows those in it, in pages of its own accord; none is no error."""
        owed.add(*(str(uuid4()) for _ in range(3)))
        assert len(commands.run("entries", "list", "--state", "ready").out.splitlines()) == 3
        assert len(commands.run("entries", "list", "--limit", "2").out.splitlines()) == 2
        dead = commands.run("entries", "list", "--state", "DEAD")
        assert (dead.code, dead.out) == (0, f"sqlite:///{owed.path} holds no dead entries\n")
        assert commands.run("entries", "list", "--state", "lost").code == 2

    def test_an_outbox_that_was_never_used_is_empty_and_stays_unmade(self, owed: Owed, commands: Commands) -> None:
        """Looking makes no file."""
        for arguments in (
            ["entries", "list"],
            ["status"],
            ["entries", "retry", "--all"],
            ["entries", "discard", "--all"],
        ):
            assert commands.run(*arguments).code == 0
            assert commands.run(*arguments, "--json").code == 0
        assert not owed.path.exists()


class TestShow:
    def test_all_that_is_kept_of_an_entry(self, owed: Owed, commands: Commands) -> None:
        """An entry is found by its id and by any spelling of its launch, with its history."""
        (uuid,) = owed.start()
        entry = owed.put_off(uuid)
        for name in (entry.entry_id, uuid, uuid.replace("-", "").upper()):
            shown = commands.run("entries", "show", name)
            assert shown.code == 0
            for text in (uuid, entry.entry_id, entry.launch.endpoint, "claimed  worker", "put off  503"):
                assert text in shown.out
        assert commands.run("entries", "show", uuid, uuid, "--json").document()["entries"][0]["launch_uuid"] == uuid

    @pytest.mark.parametrize("name", ["nothing", str(UUID(int=1)), ""])
    def test_what_is_not_there(self, commands: Commands, name: str) -> None:
        """A name that the outbox does not know is an error that says where to look."""
        shown = commands.run("entries", "show", name)
        assert (shown.code, shown.out) == (2, "")
        assert "entr" in shown.err
        assert commands.run("entries", "show", name, "--json").document()["error"]["kind"] == "settings"


class TestAdd:
    def test_what_is_added_is_finished_by_the_next_drain(self, owed: Owed, commands: Commands) -> None:
        """Launches are added by their uuids, and are owed from then on, as urgent as is said."""
        uuids = owed.start(2)
        added = commands.run("entries", "add", *uuids, "--priority", "high", "--json").document()["entries"]
        assert [each["launch_uuid"] for each in added] == uuids
        assert {owed.entry(uuid).priority for uuid in uuids} == {Priority.HIGH}
        assert commands.run("drain").code == 0

    def test_uuids_from_standard_input(self, owed: Owed, commands: Commands) -> None:
        """- reads uuids, each once, whatever stands between them."""
        one, other = owed.start(2)
        added = commands.run("entries", "add", "-", stdin=f"{one}\n\n  {other.upper()} {one}\n")
        assert added.code == 0
        assert (owed.state(one), owed.state(other)) == (EntryState.READY, EntryState.READY)
        assert owed.outbox.statistics().owed == 2

    def test_what_is_there_stays_as_it_is(self, owed: Owed, commands: Commands) -> None:
        """Adding a launch twice changes nothing, and shows the entry that there is."""
        (uuid,) = owed.start()
        before = owed.put_off(uuid)
        (entry,) = commands.run("entries", "add", uuid, "--json").document()["entries"]
        assert entry["entry_id"] == before.entry_id
        assert owed.entry(uuid) == before

    @pytest.mark.parametrize(
        ("names", "stdin", "says"),
        [
            (["42"], "", "its launch's uuid"),
            (["smoke"], "", "'smoke' does not name a launch"),
            (["-"], "not a uuid", "does not name a launch"),
            (["-"], "", "read these from standard input"),
            ([], "", "name launches by their uuids"),
        ],
    )
    def test_one_bad_name_and_nothing_is_added(
        self, owed: Owed, commands: Commands, names: list[str], stdin: str, says: str
    ) -> None:
        """All names are read before the first is added."""
        good = str(uuid4())
        added = commands.run("entries", "add", *([good] if names and stdin != "" else []), *names, stdin=stdin)
        assert (added.code, added.out) == (2, "")
        assert says in added.err
        assert not owed.path.exists()

    def test_where_they_belong_must_be_known(self, commands: Commands) -> None:
        """Without endpoint and project an entry would be nobody's; a key is not needed."""
        assert commands.without("RP_API_KEY").run("entries", "add", str(uuid4())).code == 0
        refused = commands.without("RP_PROJECT").run("entries", "add", str(uuid4()))
        assert refused.code == 2
        assert "--project" in refused.err

    def test_a_full_outbox_refuses(self, commands: Commands) -> None:
        """What does not fit is refused, and told as the outbox's trouble."""
        small = commands.with_variables(RP_FINALIZER_OUTBOX_SIZE="1")
        assert small.run("entries", "add", str(uuid4())).code == 0
        refused = small.run("entries", "add", str(uuid4()), "--json")
        assert refused.code == 2
        assert refused.document()["error"]["kind"] == "outbox"
        assert "rp-finalize drain" in refused.document()["error"]["hint"]


class TestRetryAndDiscard:
    def test_a_dead_letter_is_made_ready_again(self, owed: Owed, commands: Commands) -> None:
        """By its launch, by its id, or with all others; the next drain finishes it."""
        uuids = owed.start(4)
        entries = [owed.bury(uuid) for uuid in uuids]
        assert commands.run("entries", "retry", uuids[0], entries[1].entry_id).code == 0
        assert [owed.state(uuid) for uuid in uuids] == [
            EntryState.READY,
            EntryState.READY,
            EntryState.DEAD,
            EntryState.DEAD,
        ]
        assert len(commands.run("entries", "retry", "--all", "--json").document()["entries"]) == 2
        assert commands.run("drain").code == 0

    def test_a_discarded_entry_is_a_dead_letter_with_a_reason(self, owed: Owed, commands: Commands) -> None:
        """What is not wanted any more is given up, whoever holds it, and can be retried."""
        ready, held = owed.start(2)
        owed.add(ready)
        owed.outbox.open(owed.launch(held), this_process("run"), 60.0)
        assert commands.run("entries", "discard", ready, held).code == 0
        assert {owed.entry(uuid).reason for uuid in (ready, held)} == {"discarded by hand"}
        assert commands.run("drain").code == 0

    def test_all_that_is_ready_is_cleared(self, owed: Owed, commands: Commands) -> None:
        """--all gives up what waits, and leaves what runs hold."""
        ready, held = owed.start(2)
        owed.add(ready)
        owed.outbox.open(owed.launch(held), this_process("run"), 60.0)
        assert commands.run("entries", "discard", "--all").code == 0
        assert (owed.entry(ready).reason, owed.state(held)) == ("cleared", EntryState.OPEN)

    @pytest.mark.parametrize("action", ["retry", "discard"])
    def test_what_does_not_go_is_told_and_keeps_nothing_else(self, owed: Owed, commands: Commands, action: str) -> None:
        """An entry in another state is told with exit code 1, and the others are changed."""
        dead, ready = owed.start(2)
        owed.bury(dead)
        owed.add(ready)
        changed = commands.run("entries", action, dead, ready)
        assert changed.code == 1
        assert "is not possible now" in changed.err
        assert (owed.state(dead), owed.state(ready)) == (
            (EntryState.READY, EntryState.READY) if action == "retry" else (EntryState.DEAD, EntryState.DEAD)
        )

    @pytest.mark.parametrize("action", ["retry", "discard"])
    @pytest.mark.parametrize("names", [[], ["--all", "x"], ["nothing"]])
    def test_wrong_usage(self, commands: Commands, action: str, names: list[str]) -> None:
        """No name, a name beside --all, and a name that is not there exit with 2."""
        assert commands.run("entries", action, *names).code == 2


class TestStatus:
    def test_what_the_outbox_holds(self, owed: Owed, commands: Commands) -> None:
        """Counts, who holds what, when the next is due, and what is stuck and why."""
        put_off, held, dead, orphan = owed.start(4)
        owed.put_off(put_off)
        owed.outbox.open(owed.launch(held), this_process("run"), 60.0)
        owed.bury(dead)
        owed.outbox.open(owed.launch(orphan), this_process("run").rpartition(":")[0] + ":1", 60.0)
        shown = commands.run("status")
        assert (shown.code, shown.err) == (0, "")
        lines = [" ".join(line.split()) for line in shown.out.splitlines()]
        assert lines[0] == f"sqlite:///{owed.path}"
        assert lines[1].startswith("2 open")
        assert lines[2].startswith("1 ready")
        assert lines[3].startswith("1 dead")
        assert "the next is due in 15 min" in shown.out
        assert "1 stuck:" in shown.out
        assert f"{orphan}  its process is dead: run" in shown.out

    def test_json_is_the_body_of_the_queues_status(self, owed: Owed, commands: Commands) -> None:
        """The same in the promised members, with what waits in its order and what is worked on."""
        later, now, worked, dead = owed.start(4)
        owed.put_off(later)
        owed.add(now, priority=Priority.LOW)
        (entry,) = owed.add(worked)
        owed.outbox.take(entry.entry_id, "worker@here", 60.0)
        owed.bury(dead)
        document = commands.run("status", "--json").document()
        numbers = {name: document[name] for name in ("active_count", "queued_count", "dead_count", "open_count")}
        assert numbers == {"active_count": 1, "queued_count": 2, "dead_count": 1, "open_count": 0}
        assert {"max_concurrent", "is_under_limit"} <= set(document)
        assert [(each["queue_position"], each["launch_uuid"]) for each in document["queue"]] == [(1, now), (2, later)]
        assert set(document["queue"][0]) == {
            "entry_id",
            "launch_uuid",
            "priority",
            "queue_position",
            "queued_at",
            "attempts",
        }
        (active,) = document["active"]
        assert (active["launch_uuid"], active["worker"], active["attempts"]) == (worked, "worker@here", 1)
        assert time.time() - 60 < active["started_at"] <= time.time()

    def test_a_launch_is_shown_with_its_entry(self, owed: Owed, commands: Commands) -> None:
        """By uuid and by number, beside what the server says; one without an entry has none."""
        kept, free = owed.start(2)
        owed.put_off(kept)
        shown = commands.run("status", kept)
        assert shown.code == 0
        assert "outbox   ready: due in 15 min, tried once; unavailable: 503" in shown.out
        document = commands.run("status", "1", "--json").document()
        assert list(document) == ["schema", "launch", "entry"]
        assert document["entry"]["launch_uuid"] == kept
        assert commands.run("status", free, "--json").document()["entry"] is None

    def test_a_launch_that_the_server_does_not_show_has_its_entry(self, owed: Owed, commands: Commands) -> None:
        """With the server away, the outbox still says what is owed."""
        (uuid,) = owed.start()
        owed.put_off(uuid)
        away = commands.with_variables(RP_ENDPOINT="http://127.0.0.1:1", RP_FINALIZER_TIMEOUT="0.5")
        assert away.run("status", uuid).code == 1
        owed.outbox.add(owed.launch(uuid), delay=900)
        assert commands.run("status", uuid, "--project", "none").code in {1, 4}

    def test_wrong_usage(self, commands: Commands) -> None:
        """A name that is none, and an outbox that is off, exit with 2."""
        assert commands.run("status", "smoke").code == 2
        assert commands.run("status", "--outbox", "off").code == 2


def test_pipes_that_are_closed_early(owed: Owed, commands: Commands) -> None:
    """Nobody reads: the exit code stays what it is."""
    owed.add(*(str(uuid4()) for _ in range(300)))
    for arguments in (["entries", "list"], ["entries", "list", "--json"], ["status"]):
        with commands.started(*arguments) as process:
            assert process.stdout is not None
            process.stdout.close()
            assert process.wait(60) == 0


def test_many_entries_are_listed_whole(owed: Owed, commands: Commands) -> None:
    """More than fit one page are all there."""
    owed.add(*(str(uuid4()) for _ in range(1100)))
    with commands.started("entries", "list") as process:
        assert len(ended(process).out.splitlines()) == 1100
