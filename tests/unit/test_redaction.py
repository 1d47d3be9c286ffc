"""No log record shows a secret, whoever logs, whoever listens, and however the secret got in."""

from __future__ import annotations

import io
import json
import logging
import pickle
import threading
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings, strategies as st

from rp_finalizer.masking import mask
from rp_finalizer.redaction import Redaction, redacting

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "demo_key_5f3a9c71e2b84d06"
PASSWORD = 'hunter"2 \\ pass/word+é'
SECRETS = (KEY, PASSWORD)


class Listener(logging.Handler):
    """A handler as pytest's and others' are: keeps the records, and formats them when asked."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def text(self) -> str:
        return "\n".join(self.format(record) for record in self.records)

    @property
    def everything(self) -> str:
        """Give all that a handler could find in its records."""
        return "\n".join(repr(vars(record)) for record in self.records)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Listen to all loggers, at every level."""
    root, listener = logging.getLogger(), Listener()
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    yield listener
    root.removeHandler(listener)
    root.setLevel(level)


@pytest.fixture(autouse=True)
def factory_stays() -> Iterator[None]:
    """Whatever a test does, the process keeps the record factory that it had."""
    before = logging.getLogRecordFactory()
    yield
    assert logging.getLogRecordFactory() is before


@pytest.fixture
def hidden() -> Iterator[Redaction]:
    with redacting(SECRETS) as redaction:
        yield redaction


def assert_hidden(listener: Listener, *shown: str) -> None:
    text = listener.text
    for secret in SECRETS:
        for told in (secret, repr(secret)[1:-1]):
            assert told not in text
            assert told not in listener.everything
    assert "****" in text
    for each in shown:
        assert each in text


class Header:
    """An object of somebody else's that shows a secret only when it is shown itself."""

    def __str__(self) -> str:
        return f"Authorization: Bearer {KEY}"

    def __repr__(self) -> str:
        return f"<Header {PASSWORD!r}>"


class Broken:
    def __str__(self) -> str:
        raise OSError(KEY)

    __repr__ = __str__


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "in the message": (f"the key is {KEY}",),
    "as an argument": ("endpoint=%s, project=%s, api_key=%s", "http://rp", "demo", KEY),
    "as a repr": ("the password is %r", PASSWORD),
    "in a dict": ("%(user)s has %(key)s", {"user": "demo", "key": KEY}),
    "not shown of a dict": ("%(user)s **** ", {"user": "demo", "key": KEY}),
    "a dict as text": ("%s", {"api_key": KEY, "nested": {"password": PASSWORD}}),
    "in a list": ("%s and %r", [KEY], (PASSWORD,)),
    "an object's text": ("sent %s", Header()),
    "an object's repr": ("sent %r", Header()),
    "an object as message": (Header(),),
    "bytes": ("%s", f"key={KEY}".encode()),
    "a piece of it": ("%.12s ****", KEY),
    "half in the message": (f"{KEY[:10]}%s", KEY[10:]),
    "url": ("GET /?key=%s", quote(PASSWORD, safe="")),
    "form": ("password=%s", quote_plus(PASSWORD)),
    "json": ("%s", json.dumps({"password": PASSWORD})),
    "base64": ("%s", b64encode(KEY.encode()).decode()),
    "an exception": ("refused: %s", ValueError(f"bad key {KEY}")),
}


@pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)
@pytest.mark.usefixtures("hidden")
def test_no_record_shows_a_secret(listener: Listener, arguments: tuple[Any, ...]) -> None:
    """However a secret gets into a record, neither its text nor any part of the record shows it."""
    logging.getLogger("somebody.else").debug(*arguments)
    text = listener.text
    assert "****" in text
    for secret in SECRETS:
        for spelling in (secret, repr(secret)[1:-1], quote(secret, safe=""), json.dumps(secret)[1:-1]):
            assert spelling not in text
            assert spelling not in listener.everything
        assert b64encode(secret.encode()).decode() not in text
    assert KEY[:12] not in text


@pytest.mark.usefixtures("hidden")
@pytest.mark.parametrize("logger", ["pytest_reportportal.service", "reportportal_client.client", "urllib3"])
def test_loggers_of_others_are_redacted(listener: Listener, logger: str) -> None:
    """The line with which an agent tells its key in clear tells all but the key, to a logger's own handler, too."""
    own, named = Listener(), logging.getLogger(logger)
    named.addHandler(own)
    try:
        named.debug(
            "ReportPortal - Init service: endpoint=%s, project=%s, api_key=%s", "http://rp.example.com", "demo", KEY
        )
    finally:
        named.removeHandler(own)
    for each in (listener, own):
        assert_hidden(each, "endpoint=http://rp.example.com, project=demo, api_key=****")
    assert own.records[0].args == ("http://rp.example.com", "demo", "****")


@pytest.mark.usefixtures("hidden")
def test_pytest_captures_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """What pytest keeps of a test's log to show with a failure holds no secret."""
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("app").warning("key %s", KEY)
    assert caplog.messages == ["key ****"]
    assert KEY not in caplog.text


@pytest.mark.usefixtures("hidden")
@pytest.mark.parametrize("user", ["", "u", "us", "use", "demo-user"])
@pytest.mark.parametrize("secret", [KEY, PASSWORD])
def test_basic_auth_shows_no_secret(listener: Listener, user: str, secret: str) -> None:
    """The base64 of user and password is hidden whole, whatever user's name shifts it."""
    encoded = b64encode(f"{user}:{secret}".encode()).decode()
    logging.getLogger("http").debug("Authorization: Basic %s (sent)", encoded)
    assert listener.text == "DEBUG http Authorization: Basic **** (sent)"


@pytest.mark.usefixtures("hidden")
def test_an_exceptions_traceback_shows_no_secret(listener: Listener) -> None:
    """`logger.exception` shows the traceback with its causes and notes, and no secret, in any handler's format."""

    class Anew(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return super().format(record) + (self.formatException(record.exc_info) if record.exc_info else "")

    listener.setFormatter(Anew())
    problem = RuntimeError("no connection")
    problem.add_note(f"password {PASSWORD}")
    try:
        raise problem from ValueError(f"bad key {KEY}")
    except RuntimeError:
        logging.getLogger("app").exception("failed")
    assert_hidden(listener, "failed", "RuntimeError: no connection", "ValueError: bad key ****", "test_redaction.py")


@pytest.mark.usefixtures("hidden")
def test_a_harmless_exception_stays(listener: Listener) -> None:
    """A record whose exception shows no secret keeps it, for handlers that want more of it than its text."""
    problem = ValueError("nothing secret")
    logging.getLogger("app").error("failed", exc_info=problem)
    assert listener.records[0].exc_info is not None
    assert listener.records[0].exc_info[1] is problem
    assert "ValueError: nothing secret" in listener.text


@pytest.mark.usefixtures("hidden")
def test_a_stack_shows_no_secret(listener: Listener) -> None:
    """The stack that a record shows on request holds no secret that stands in a line of the source."""
    logging.getLogger("app").info("here", stack_info="demo_key_5f3a9c71e2b84d06" in KEY)
    assert listener.records[0].stack_info is not None
    assert_hidden(listener, "test_redaction.py")


@pytest.mark.usefixtures("hidden")
def test_a_wrong_call_is_told_without_the_secret(capsys: pytest.CaptureFixture[str]) -> None:
    """What logging itself prints of a call with too many arguments shows no secret."""
    handler = logging.StreamHandler(io.StringIO())
    logger = logging.Logger("wrong")  # noqa: LOG001  one that nobody else listens to
    logger.addHandler(handler)
    logger.warning("two: %s %s", *[KEY])
    logger.warning("one: %d", Header())
    told = capsys.readouterr().err
    assert "Logging error" in told
    assert "****" in told
    assert KEY not in told
    assert repr(PASSWORD)[1:-1] not in told


@pytest.mark.usefixtures("hidden")
def test_what_cannot_be_shown_breaks_nothing(listener: Listener) -> None:
    """An argument that cannot be shown fails where it would without us, and not in the program that logs it."""
    logger = logging.Logger("broken")  # noqa: LOG001  as above
    logger.addHandler(listener)
    logger.info("%s", Broken())
    assert len(listener.records) == 1


@pytest.mark.usefixtures("hidden")
def test_other_records_are_left_alone(listener: Listener) -> None:
    """A record without a secret keeps its message, and each of its arguments as the very object that it was."""
    first, second = {"a": 1}, Listener()
    logging.getLogger("app").info("%s and %s", first, second)
    record = listener.records[0]
    assert record.msg == "%s and %s"
    assert isinstance(record.args, tuple)
    assert record.args[0] is first
    assert record.args[1] is second


@pytest.mark.parametrize("secrets", [("a", "ab", "abc"), (None, ""), ()])
def test_a_very_short_secret_spoils_no_record(listener: Listener, secrets: tuple[str | None, ...]) -> None:
    """A secret of fewer than four characters is in too many words to be hidden."""
    with redacting(secrets):
        logging.getLogger("app").info("abc %s", "cab and a b")
    assert listener.text == "INFO app abc cab and a b"


def test_a_secret_within_another(listener: Listener) -> None:
    """Of two secrets, one the beginning of the other, no piece is left."""
    with redacting([KEY[:12], KEY]):
        logging.getLogger("app").info("%s %s", KEY, KEY[:12])
    assert listener.text == "INFO app **** ****"


def test_a_masked_record_travels(listener: Listener, hidden: Redaction) -> None:
    """A redacted record can be sent to another process, as queues of records do."""
    assert hidden.holds(KEY)
    logging.getLogger("app").info("%s %r", Header(), Header())
    copy = pickle.loads(pickle.dumps(listener.records[0]))  # noqa: S301  our own
    assert copy.getMessage() == listener.records[0].getMessage() == "Authorization: Bearer **** <Header '****'>"


def test_redaction_is_a_filter_too(listener: Listener) -> None:
    """As a handler's filter it also sees what `extra` brought."""
    listener.addFilter(Redaction(SECRETS))
    logging.getLogger("app").info("%s", KEY, extra={"header": KEY, "sizes": [1], "of": Header()})
    assert_hidden(listener)
    assert vars(listener.records[0])["sizes"] == [1]


def test_outside_the_block_nothing_is_hidden(listener: Listener) -> None:
    """After the block records are made as before."""
    with redacting(SECRETS):
        pass
    logging.getLogger("app").info("%s", KEY)
    assert listener.text == f"INFO app {KEY}"


def test_nested_and_twice(listener: Listener) -> None:
    """Each install holds until its own uninstall, in whatever order they come; one too many does nothing."""
    redaction, other = Redaction([KEY]), Redaction([PASSWORD])
    redaction.install()
    redaction.install()
    other.install()
    redaction.uninstall()
    redaction.uninstall()
    redaction.uninstall()
    logging.getLogger("app").info("%s %s", KEY, PASSWORD)
    other.uninstall()
    logging.getLogger("app").info("%s", PASSWORD)
    assert [record.getMessage() for record in listener.records] == [f"{KEY} ****", PASSWORD]


def test_a_factory_put_over_ours_stays(listener: Listener) -> None:
    """A factory that others install inside the block outlives it, and is told nothing to hide any more."""
    before = logging.getLogRecordFactory()
    redaction = Redaction(SECRETS)
    redaction.install()
    ours = logging.getLogRecordFactory()

    def marking(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = ours(*args, **kwargs)
        record.marked = True
        return record

    logging.setLogRecordFactory(marking)
    try:
        logging.getLogger("app").info("%s", KEY)
        redaction.uninstall()
        assert logging.getLogRecordFactory() is marking
        logging.getLogger("app").info("%s", KEY)
    finally:
        logging.setLogRecordFactory(before)
    assert [(r.getMessage(), vars(r)["marked"]) for r in listener.records] == [("****", True), (KEY, True)]


def test_from_any_thread(listener: Listener) -> None:
    """Finalizations that begin and end in several threads hide their secrets, and leave the factory as it was."""
    keys = [f"thread_key_{number:04}" for number in range(8)]

    def log(key: str) -> None:
        for _ in range(20):
            with redacting([key]):
                logging.getLogger("app").info("%s", key)

    threads = [threading.Thread(target=log, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {record.getMessage() for record in listener.records} == {"****"}
    assert len(listener.records) == 160


def test_its_own_repr_shows_nothing() -> None:
    """A redaction that is shown shows none of what it hides."""
    assert not any(secret in repr(Redaction(SECRETS)) for secret in SECRETS)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x24F), min_size=4, max_size=20),
    st.text(max_size=8),
    st.text(max_size=8),
)
def test_any_secret_is_hidden_in_any_text(secret: str, before: str, behind: str) -> None:
    """No text holds a secret once it was redacted, but for one made of asterisks."""
    redaction = Redaction([secret])
    for spelling in (secret, quote(secret), quote_plus(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]):
        told = redaction.text(f"{before}{spelling}{behind}")
        assert secret not in told.replace("****", "") or secret in before + behind
        assert mask(f"{before}{spelling}{behind}", secret).count("****")
