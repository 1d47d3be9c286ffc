"""What a finish carries, in all the forms in which callers may say it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from rp_finalizer.errors import FinishArgumentError
from rp_finalizer.finish import FINISH_STATUSES, Attribute, Finish

bounded = settings(max_examples=100, deadline=None, derandomize=True, database=None)

NOW = 1_700_000_000.1239
MS = 1_706_702_400_123
"""2024-01-31T12:00:00.123Z."""
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("end_time", "ms"),
    [
        pytest.param(None, 1_700_000_000_123, id="now"),
        pytest.param(MS, MS, id="milliseconds"),
        pytest.param(float(MS) + 0.9, MS, id="fractional milliseconds"),
        pytest.param(str(MS), MS, id="digits"),
        pytest.param(f" {MS}\n", MS, id="digits with blanks around"),
        pytest.param("2024-01-31T12:00:00.123Z", MS, id="ISO, Z"),
        pytest.param("2024-01-31T13:00:00.123999+01:00", MS, id="ISO, offset and microseconds"),
        pytest.param("2024-01-31T12:00:00.123", MS, id="ISO without a zone is UTC"),
        pytest.param("2024-01-31 12:00:00", MS - 123, id="ISO with a blank"),
        pytest.param(datetime(2024, 1, 31, 12, 0, 0, 123_999, UTC), MS, id="datetime, UTC"),
        pytest.param(datetime(2024, 1, 31, 13, 0, 0, 123_000, timezone(HOUR)), MS, id="datetime, offset"),
    ],
)
def test_an_end_time_is_read_in_every_form(end_time: Any, ms: int) -> None:
    """Datetimes, milliseconds as numbers and digits, and ISO texts give whole milliseconds, cut and not rounded."""
    assert Finish.of(NOW, end_time=end_time).end_ms == ms


def test_a_datetime_without_a_zone_is_local_time() -> None:
    """A naive datetime means what this machine's clock on the wall shows."""
    naive = datetime(2024, 1, 31, 12, 0, 0, 500_000)  # noqa: DTZ001  the point
    assert Finish.of(NOW, end_time=naive).end_ms == int(naive.timestamp() * 1000)


@bounded
@given(st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001  bounds are naive
def test_no_millisecond_is_lost_on_the_way(date: datetime) -> None:
    """A date's milliseconds are exact, however far it lies from the epoch."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    exact = (date - epoch) // timedelta(milliseconds=1)
    assert Finish.of(NOW, end_time=date).end_ms == exact
    assert Finish.of(NOW, end_time=date.isoformat()).end_ms == exact


@pytest.mark.parametrize(
    "end_time",
    [
        pytest.param(0, id="zero"),
        pytest.param(-5, id="negative"),
        pytest.param(True, id="bool"),
        pytest.param(float("nan"), id="nan"),
        pytest.param(float("inf"), id="inf"),
        pytest.param(10**400, id="a number beyond all dates"),
        pytest.param("9" * 5000, id="digits beyond all dates"),
        pytest.param("", id="empty"),
        pytest.param("yesterday", id="words"),
        pytest.param("1706702400.5", id="fraction as text"),
        pytest.param("1969-12-31T23:59:59Z", id="before the epoch"),
        pytest.param(datetime.min, id="first datetime"),  # noqa: DTZ901  local time may reach before year 1
        pytest.param(b"1706702400000", id="bytes"),
        pytest.param([MS], id="list"),
    ],
)
def test_what_is_no_end_time_is_refused(end_time: Any) -> None:
    """Anything else is refused before anything is sent, with the name, the value and what is allowed."""
    with pytest.raises(FinishArgumentError, match=r"^end_time=.*: it is a datetime, milliseconds") as caught:
        Finish.of(NOW, end_time=end_time)
    assert caught.value.name == "end_time"


@bounded
@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes() | st.binary())
def test_any_end_time_gives_milliseconds_or_is_refused(end_time: Any) -> None:
    """No value raises anything but the error that was promised."""
    try:
        finish = Finish.of(NOW, end_time=end_time)
    except FinishArgumentError:
        return
    assert 0 < finish.end_ms < 253_402_300_800_000


@pytest.mark.parametrize("status", [*FINISH_STATUSES, "PASSED", " Failed "])
def test_every_final_status_may_be_sent(status: str) -> None:
    """All statuses of the server but one are taken, in any case."""
    assert Finish.of(NOW, status=status).status == status.strip().lower()


@pytest.mark.parametrize("status", ["in_progress", "IN_PROGRESS", "", "green", 5, True])
def test_no_other_status_may_be_sent(status: Any) -> None:
    """A status that the server refuses is refused here, with all that are allowed."""
    with pytest.raises(FinishArgumentError, match="interrupted, cancelled"):
        Finish.of(NOW, status=status)


def test_a_status_is_sent_only_when_it_is_given() -> None:
    """By default the server computes the status from the items."""
    assert Finish.of(NOW).status is None
    assert "in_progress" not in FINISH_STATUSES


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        pytest.param(None, (), id="none"),
        pytest.param({}, (), id="empty"),
        pytest.param({"build": 7}, (Attribute("build", "7"),), id="mapping"),
        pytest.param(
            {"build": 7, "system": True},
            (Attribute("build", "7", system=True),),
            id="mapping, hidden as the client does",
        ),
        pytest.param([{"key": "build", "value": "7"}], (Attribute("build", "7"),), id="list of mappings"),
        pytest.param([{"value": "tag"}], (Attribute(None, "tag"),), id="tag"),
        pytest.param([{"key": None, "value": "tag"}], (Attribute(None, "tag"),), id="tag with a null key"),
        pytest.param(
            [{"key": "k", "value": "v", "system": True}], (Attribute("k", "v", system=True),), id="hidden one"
        ),
        pytest.param(["build:7", "tag"], (Attribute("build", "7"), Attribute(None, "tag")), id="texts"),
        pytest.param([Attribute("k", "v")], (Attribute("k", "v"),), id="attributes"),
        pytest.param((each for each in ["a:b"]), (Attribute("a", "b"),), id="iterator"),
    ],
)
def test_attributes_are_read_in_every_form(attributes: Any, expected: tuple[Attribute, ...]) -> None:
    """Mappings, sequences of mappings and texts like KEY:VALUE give the attributes that the client would send."""
    assert Finish.of(NOW, attributes=attributes).attributes == expected


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param("build:7", id="a text alone"),
        pytest.param(5, id="number"),
        pytest.param([5], id="list of numbers"),
        pytest.param([{"key": "build"}], id="no value"),
        pytest.param([{"key": "build", "value": " "}], id="blank value"),
        pytest.param([{"key": "build", "value": None}], id="null value"),
        pytest.param({"build": None}, id="null value in a mapping"),
        pytest.param({"build": ""}, id="empty value in a mapping"),
        pytest.param(["build:"], id="text without a value"),
        pytest.param([""], id="empty text"),
    ],
)
def test_what_is_no_attribute_is_refused(attributes: Any) -> None:
    """An attribute without a value, or what is none at all, is refused by name."""
    with pytest.raises(FinishArgumentError, match=r"^attributes="):
        Finish.of(NOW, attributes=attributes)


@pytest.mark.parametrize(
    ("text", "attribute"),
    [
        ("build:7", Attribute("build", "7")),
        ("tag", Attribute(None, "tag")),
        (":tag", Attribute(None, "tag")),
        (" os : linux ", Attribute("os", "linux")),
        ("time:12:30", Attribute("time", "12:30")),
    ],
)
def test_an_attribute_is_a_key_and_a_value_or_a_tag(text: str, attribute: Attribute) -> None:
    """The first colon parts key and value; without a key it is a tag."""
    assert Attribute.parse(text) == attribute


def test_another_end_time_changes_nothing_else() -> None:
    """A finish that is sent again with a later end still says all that it said."""
    finish = Finish.of(NOW, status="failed", description="why", attributes={"a": "b"})
    later = finish.ending_at(MS)
    assert later == Finish(MS, "failed", "why", (Attribute("a", "b"),))
