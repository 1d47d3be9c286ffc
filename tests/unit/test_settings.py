"""What may be configured: first place wins, every value checked, every problem told at once."""

from __future__ import annotations

import pickle
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from rp_finalizer.endpoint import Endpoint
from rp_finalizer.errors import SettingsError
from rp_finalizer.setting_sources import Layer, Raw
from rp_finalizer.settings import SETTINGS, OAuth, Settings

KEY = "ci_hunter2"


def load(environ: dict[str, str] | None = None, *, directory: Path = Path("/"), **arguments: Any) -> Settings:
    return Settings.load(environ=environ or {}, directory=directory, **arguments)


def one(name: str, value: Any) -> dict[str, Any]:
    return {name: value}


def problems(environ: dict[str, str] | None = None, **arguments: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(environ, **arguments)
    return caught.value.problems


def test_the_defaults_are_those_that_are_promised() -> None:
    """With nothing set anywhere, every setting has its documented default, and says so."""
    expected = {
        **dict.fromkeys(["endpoint", "project", "api_key", "status_on_error", "launch_file", "report_file"]),
        **dict.fromkeys(["delay_before_terminate", "delay_after_terminate", "settle"], 0.0),
        "verify_ssl": True,
        "connect_timeout": 5.0,
        "read_timeout": 10.0,
        "timeout": 30.0,
        "flush_timeout": 20.0,
        "confirm_timeout": 10.0,
        "stable_for": 5.0,
        "grace": 8.0,
        "retry_attempts": 0,
        "retry_initial": 0.25,
        "retry_max": 5.0,
        "finish_borrowed": False,
        "strict": False,
        "guardian": False,
        "outbox": None,
        "priority": "normal",
        "lease": 60.0,
        "entry_timeout": 300.0,
        "entry_attempts": 10,
        "entry_retry_max": 900.0,
        "entry_max_age": 7 * 86400.0,
        "outbox_size": 100_000,
        "keep_done": 7 * 86400.0,
        "work_off": 5,
    }
    settings = load()
    assert {name: getattr(settings, name) for name in expected} == expected
    assert {settings.origin(name) for name in expected} == {"default"}
    assert settings == Settings()
    assert set(expected) <= {setting.name for setting in SETTINGS}


def test_every_setting_tells_all_that_help_and_documents_need() -> None:
    """Each field is in the table with a variable of its own, its bounds and its meaning; its default is allowed."""
    assert [s.name for s in SETTINGS] == [f.name for f in fields(Settings) if f.name not in {"credentials", "origins"}]
    assert len({setting.variable for setting in SETTINGS}) == len(SETTINGS)
    for setting in SETTINGS:
        assert setting.meaning
        assert setting.kind.allowed
        assert setting.default is None or setting.kind.read(Raw(setting.default, "")) == setting.default
    ours = {setting.name: setting.variable for setting in SETTINGS}
    assert ours["flush_timeout"] == "RP_FINALIZER_FLUSH_TIMEOUT"
    assert ours["endpoint"] == "RP_ENDPOINT"


def test_argument_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    """The first place that sets a value wins, and the value says which place that was."""
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool.rp_finalizer]\ntimeout = 11\ngrace = 12\nsettle = 13\n", encoding="utf-8")
    environ = {"RP_FINALIZER_TIMEOUT": "21", "RP_FINALIZER_GRACE": "22"}
    settings = load(environ, directory=tmp_path, timeout=31)
    assert (settings.timeout, settings.grace, settings.settle, settings.stable_for) == (31, 22, 13, 5)
    assert settings.origin("timeout") == "argument timeout"
    assert settings.origin("grace") == "environment variable RP_FINALIZER_GRACE"
    assert settings.origin("settle") == f"{file} [tool.rp_finalizer] settle"
    assert settings.origin("stable_for") == "default"
    with pytest.raises(KeyError):
        settings.origin("stable_fro")


def test_the_process_is_looked_at_when_nothing_is_handed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without mappings of the caller, the environment and the current directory are those of the process."""
    (tmp_path / "pyproject.toml").write_text("[tool.rp_finalizer]\nsettle = 3\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RP_FINALIZER_GRACE", "4")
    settings = Settings.load()
    assert (settings.settle, settings.grace) == (3, 4)


def test_a_file_can_be_named(tmp_path: Path) -> None:
    """A named file is read instead of the nearest one; an empty name is not taken for none."""
    file = tmp_path / "rp.toml"
    file.write_text("endpoint = 'rp.example.com'\nproject = 'demo'\nverify_ssl = false\n", encoding="utf-8")
    settings = load(config=str(file))
    assert (str(settings.endpoint), settings.project, settings.verify_ssl) == ("https://rp.example.com", "demo", False)
    assert "cannot be read" in problems(config="")[0]


def test_the_connection_has_the_names_that_the_agents_use(tmp_path: Path) -> None:
    """The agents' own variables are read, a CA file being named by its path."""
    ca = tmp_path / "ca.pem"
    ca.touch()
    settings = load(
        {
            "RP_ENDPOINT": "https://rp.example.com/api/v1",
            "RP_PROJECT": "demo",
            "RP_API_KEY": KEY,
            "RP_VERIFY_SSL": str(ca),
            "RP_CONNECT_TIMEOUT": "1.5",
            "RP_READ_TIMEOUT": "2",
        }
    )
    connection = settings.require_connection()
    assert connection.endpoint == Endpoint.parse("https://rp.example.com")
    assert (connection.project, connection.credentials, connection.verify_ssl) == ("demo", KEY, str(ca))
    assert (connection.connect_timeout, connection.read_timeout) == (1.5, 2.0)


def test_all_that_is_missing_is_told_at_once() -> None:
    """Without endpoint, project and key one error names the three, each with what sets it."""
    with pytest.raises(SettingsError) as caught:
        load(api_key="").require_connection()
    endpoint, project, key = caught.value.problems
    assert all(text in endpoint for text in ("endpoint is not set", "--endpoint", "RP_ENDPOINT", "[tool.rp_finalizer]"))
    assert all(text in project for text in ("project is not set", "--project", "RP_PROJECT", "[tool.rp_finalizer]"))
    assert all(text in key for text in ("api_key is not set", "RP_API_KEY", "--api-key-env"))
    with pytest.raises(SettingsError) as caught:
        load(endpoint="x", project="y").require_connection()
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        ("timeout", 3, 3.0),
        ("timeout", " 2.5 ", 2.5),
        ("timeout", "1e2", 100.0),
        ("timeout", 86400, 86400.0),
        ("flush_timeout", 0, 0.0),
        ("retry_attempts", "7", 7),
        ("strict", "YES", True),
        ("strict", "off", False),
        ("strict", 1, True),
        ("strict", "0", False),
        ("verify_ssl", "False", False),
        ("verify_ssl", "on", True),
        ("status_on_error", "FAILED", "failed"),
        ("status_on_error", "none", None),
        ("launch_file", "a/launch", Path("a/launch")),
        ("launch_file", "none", None),
        ("report_file", Path("r.json"), Path("r.json")),
        ("endpoint", Endpoint.parse("http://x"), Endpoint.parse("http://x")),
    ],
)
def test_values_are_read_in_every_form_they_come_in(name: str, given: Any, meant: object) -> None:
    """Texts of the environment and values of a program or file mean the same."""
    value = getattr(load(**one(name, given)), name)
    assert value == meant
    assert type(value) is type(meant)


BAD: dict[str, list[Any]] = {
    "timeout": [
        0,
        -1,
        86401,
        "nan",
        "inf",
        float("nan"),
        float("inf"),
        "30s",
        "",
        True,
        "1_0",
        "٣",
        "1e999",
        10**5000,
        [3],
    ],
    "flush_timeout": [-0.1, {"seconds": 3}],
    "confirm_timeout": [-1],
    "grace": [0],
    "settle": [-1],
    "connect_timeout": [0],
    "read_timeout": ["soon"],
    "retry_attempts": [-1, 1.5, "1.0", True, 10**7],
    "retry_initial": [0],
    "retry_max": [0],
    "strict": ["maybe", 2, 1.0],
    "finish_borrowed": [""],
    "status_on_error": ["in_progress", "broken", 3],
    "launch_file": ["", "a\0b", 3],
    "report_file": [" "],
    "verify_ssl": ["/no/such/ca.pem", "none", 3, "x" * 5000],
    "endpoint": ["ftp://x", 3, ""],
    "project": ["..", 3, ""],
    "api_key": ["two words", "line\n", "ключ", 3, {"a": "hunter2"}],
}


@pytest.mark.parametrize(
    ("name", "given"),
    [pytest.param(name, value, id=f"{name}-{at}") for name, values in BAD.items() for at, value in enumerate(values)],
)
def test_a_bad_value_is_told_with_its_setting_its_origin_and_what_is_allowed(name: str, given: Any) -> None:
    """A value of a wrong kind or out of range is refused in one sentence that names all that is needed to mend it."""
    (problem,) = problems(**one(name, given))
    assert problem.startswith(f"{name} ")
    assert f"(from argument {name})" in problem
    assert "allowed is" in problem or "; " in problem
    assert len(problem) < 600


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Problems of all places and all values come in one error, one a line."""
    (tmp_path / "pyproject.toml").write_text("[tool.rp_finalizer]\ntimout = 1\nsettle = -1\n", encoding="utf-8")
    environ = {"RP_FINALIZER_GRACE": "long", "RP_FINALIZER_GRACE_": "3", "RP_TOKEN": "hunter2"}
    told = problems(environ, directory=tmp_path, foo=1, timeout=0)
    for start in (
        "argument foo",
        "environment variable RP_FINALIZER_GRACE_",
        "timeout 0",
        "settle -1",
        "grace 'long'",
        "RP_TOKEN",
    ):
        assert len([problem for problem in told if problem.startswith(start)]) == 1
    assert any("did you mean timeout?" in problem for problem in told)
    assert len(told) == 7
    assert str(SettingsError(*told)) == "\n".join(told)


@pytest.mark.parametrize("name", ["launch_file", "status_on_signal", "status_on_error"])
def test_what_was_unset_stays_so_in_a_copy(name: str) -> None:
    """A setting that somebody set to `none` has no value in a copy with other values, either."""
    copy = load({f"RP_FINALIZER_{name.upper()}": "none"}).replace(timeout=7).replace(grace=3)
    assert getattr(copy, name) is None


@pytest.mark.parametrize(
    ("low", "high"), [("flush_timeout", "timeout"), ("confirm_timeout", "timeout"), ("retry_initial", "retry_max")]
)
def test_two_values_that_were_both_set_must_agree(tmp_path: Path, low: str, high: str) -> None:
    """A contradiction between two set values is told with both origins, wherever the two stand."""
    (tmp_path / "pyproject.toml").write_text(f"[tool.rp_finalizer]\n{high} = 3\n", encoding="utf-8")
    (problem,) = problems(directory=tmp_path, **one(low, 4))
    assert problem.startswith(f"{low} 4 (from argument {low}) exceeds {high} 3 (from {tmp_path}")
    assert load(directory=tmp_path, **one(low, 3)).origin(low) == f"argument {low}"


def test_a_default_gives_way_in_silence() -> None:
    """A default that would contradict a set value is capped, and still says that it is a default."""
    settings = load(timeout=4)
    assert (settings.flush_timeout, settings.confirm_timeout) == (4, 4)
    assert settings.origin("flush_timeout") == "default"
    assert load(retry_max=0.1).retry_initial == 0.1
    assert load(retry_initial=9).retry_max == 9


def test_the_time_a_person_waits_does_not_grow_by_itself() -> None:
    """A long flush does not raise the default of `timeout`: it is capped by what is left of that."""
    settings = load(flush_timeout=60)
    assert (settings.flush_timeout, settings.timeout) == (60, 30)


@pytest.mark.parametrize("name", ["RP_TOKEN", "RP_UUID"])
def test_a_former_name_of_the_key_is_refused_unless_the_key_is_set(name: str) -> None:
    """A key under a name that is no longer read is an error with a hint, and none once the key is set anywhere."""
    (problem,) = problems({name: "hunter2"})
    assert problem.startswith(name)
    assert "RP_API_KEY" in problem
    assert "hunter2" not in problem
    assert load({name: "hunter2", "RP_API_KEY": KEY}).api_key == KEY
    assert load({name: "hunter2"}, api_key=KEY).api_key == KEY


def test_an_empty_key_is_no_key() -> None:
    """An empty key counts as missing, so that the next place is asked."""
    assert load({"RP_API_KEY": KEY}, api_key="").api_key == KEY
    assert load({"RP_API_KEY": ""}).api_key is None
    assert Settings.parse([Layer({"api_key": Raw("", "somewhere")})]).api_key is None


def test_no_secret_is_shown() -> None:
    """A key is **** wherever settings are shown, also when it is wrong, and so is a password in the endpoint."""
    settings = load({"RP_API_KEY": KEY}, endpoint="rp.example.com", project="demo")
    assert "hunter2" not in f"{settings}{settings!r}{settings.require_connection()!r}"
    assert "api_key=****" in repr(settings)
    told = problems({"RP_API_KEY": "hunter2 hunter2", "RP_ENDPOINT": "https://user:hunter2@rp.example.com"})
    assert len(told) == 2
    assert "hunter2" not in "".join(told)
    assert "from environment variable RP_API_KEY" in told[1]


def test_a_relative_path_in_a_file_is_relative_to_that_file(tmp_path: Path) -> None:
    """Paths of a file mean the same from every folder below it; others are the current folder's."""
    (tmp_path / "ca.pem").touch()
    (tmp_path / "below").mkdir()
    (tmp_path / "pyproject.toml").write_text(
        "[tool.rp_finalizer]\nverify_ssl = 'ca.pem'\nreport_file = 'out/report.json'\n", encoding="utf-8"
    )
    settings = load({"RP_FINALIZER_LAUNCH_FILE": "launch"}, directory=tmp_path / "below")
    assert settings.verify_ssl == str(tmp_path / "ca.pem")
    assert settings.report_file == tmp_path / "out" / "report.json"
    assert settings.launch_file == Path("launch")


def test_a_home_directory_is_meant_by_its_sign(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A path may begin with ~; one whose home nobody knows is refused."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load(report_file="~/r.json").report_file == tmp_path / "r.json"
    assert "home directory" in problems(report_file="~nobody-of-that-name/r.json")[0]


def test_replacing_checks_again_and_keeps_the_rest() -> None:
    """A copy with other values keeps the others and their origins; defaults are capped anew."""
    settings = load({"RP_FINALIZER_GRACE": "3", "RP_API_KEY": KEY}, timeout=6)
    changed = settings.replace(timeout=12, strict=True)
    assert (changed.timeout, changed.flush_timeout, changed.grace, changed.strict) == (12, 12, 3, True)
    assert changed.api_key == KEY
    assert changed.origin("timeout") == "argument timeout"
    assert changed.origin("grace") == "environment variable RP_FINALIZER_GRACE"
    assert settings.timeout == 6
    with pytest.raises(SettingsError, match="exceeds timeout 6"):
        settings.replace(flush_timeout=7)
    with pytest.raises(SettingsError, match="did you mean strict"):
        settings.replace(strikt=True)


def test_settings_are_values() -> None:
    """Settings are compared by what they hold, cannot be changed, and cross processes with their origins."""
    settings = load({"RP_FINALIZER_GRACE": "3"}, endpoint="rp.example.com")
    assert settings == load(endpoint="https://rp.example.com/api", grace=3)
    assert settings != load(endpoint="https://rp.example.com", grace=4)
    with pytest.raises(AttributeError):
        settings.grace = 4  # type: ignore[misc]
    copy = pickle.loads(pickle.dumps(settings))  # noqa: S301  our own bytes
    assert copy == settings
    assert copy.origin("grace") == settings.origin("grace")


def test_a_password_grant_stands_in_for_a_key_when_it_is_complete() -> None:
    """The agents' OAuth variables win over a key, and count only when all that a token needs is set."""
    grant = {
        "RP_OAUTH_URI": "https://sso.example.com/token",
        "RP_OAUTH_USERNAME": "ann",
        "RP_OAUTH_PASSWORD": "pass word",
        "RP_OAUTH_CLIENT_ID": "ui",
    }
    place = {"RP_ENDPOINT": "https://rp.example.com", "RP_PROJECT": "demo"}
    credentials = load(place | grant | {"RP_API_KEY": KEY}).require_connection().credentials
    assert credentials == OAuth("https://sso.example.com/token", "ann", "pass word", "ui", None, None)
    assert "pass word" not in repr(credentials)
    for name in grant:
        with pytest.raises(SettingsError, match="all four"):
            load(place | {key: value for key, value in grant.items() if key != name}).require_connection()


@pytest.mark.parametrize(
    "uri", ["ftp://sso.example.com", "https://ann:pw@sso.example.com", "sso.example.com", "https://"]
)
def test_the_address_of_tokens_is_an_address(uri: str) -> None:
    """A password goes only to an address that is one."""
    with pytest.raises(SettingsError, match="RP_OAUTH_URI") as caught:
        load({"RP_OAUTH_URI": uri})
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sqlite:////var/lib/rp/outbox.db", "sqlite:////var/lib/rp/outbox.db"),
        ("/var/lib/rp/outbox.db", "sqlite:////var/lib/rp/outbox.db"),
        ("sqlite:///ci/outbox.db", "sqlite:///{here}/ci/outbox.db"),
        ("outbox.db", "sqlite:///{here}/outbox.db"),
        ("memory:", "memory:"),
        ("Off", "off"),
        ("none", "off"),
        ("redis://host", "redis://host"),
        (
            "REDISS://user:p%2Fw@[::1]:6380/3?ssl_ca_certs=ca.pem",
            "rediss://user:p%2Fw@[::1]:6380/3?ssl_ca_certs=ca.pem",
        ),
    ],
)
def test_an_outbox_is_named_by_a_path_or_a_url(
    written: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three slashes and a relative path, four and an absolute one, or a path alone; read again it stays the same."""
    monkeypatch.chdir(tmp_path)
    settings = load({"RP_FINALIZER_OUTBOX": written})
    assert settings.outbox == meant.format(here=tmp_path)
    monkeypatch.chdir("/")
    assert settings.replace(timeout=7).outbox == settings.outbox


@pytest.mark.parametrize("written", ["", "  ", "mysql://host/db", "sqlite://outbox.db", "sqlite:///", "a\0b"])
def test_what_names_no_outbox_is_refused(written: str) -> None:
    """The error names the value, where it came from, and what is allowed."""
    [problem] = problems(outbox=written)
    assert problem.startswith(f"outbox {written!r}")
    assert "argument outbox" in problem
    assert "allowed is a file's path" in problem


@pytest.mark.parametrize(
    "written",
    [
        "redis://",
        "redis://u:hunter2@host:port/0",
        "redis://u:hunter2@host:6379/name",
        "redis://u:hun/ter2@host:6379/0",
        "redis://u:hunter2@host/0#1",
        "redis://host/0?password=hunter2",
        "redis://host/0?db=hunter2",
        "redis://u:hunter2 @host/0",
    ],
)
def test_an_address_of_redis_is_one_and_shows_no_password(written: str) -> None:
    """Whatever is wrong with it, the error says what is allowed, and not what may be a secret."""
    [problem] = problems(outbox=written)
    assert "redis://host:6379/0" in problem
    assert "ter2" not in problem.replace("db=hunter2", "")


@pytest.mark.parametrize(("written", "meant"), [("90", 90), ("90s", 90), ("1.5h", 5400), ("7D", 604800), (12, 12)])
def test_long_durations_have_units(written: Any, meant: float) -> None:
    """Seconds, minutes, hours and days, as people write them."""
    assert load(keep_done=written).keep_done == meant


@pytest.mark.parametrize("written", ["", "d", "7w", "-1d", "1e99d", "nan", True, "366d"])
def test_what_is_no_duration_is_refused(written: Any) -> None:
    """The error shows how a duration is written."""
    assert "15m, 2h or 7d" in problems(keep_done=written)[0]
