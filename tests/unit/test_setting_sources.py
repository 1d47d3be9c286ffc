"""Where settings come from: each place read as raw values with their origins."""

from __future__ import annotations

from pathlib import Path

import pytest

from rp_finalizer.setting_sources import MAX_FILE_BYTES, Layer, Slot, from_arguments, from_environment, from_file

SLOTS = (
    Slot("endpoint", "RP_ENDPOINT"),
    Slot("api_key", "RP_API_KEY", secret=True),
    Slot("timeout", "RP_FINALIZER_TIMEOUT"),
    Slot("flush_timeout", "RP_FINALIZER_FLUSH_TIMEOUT"),
)


def values(layer: Layer) -> dict[str, object]:
    return {name: raw.value for name, raw in layer.values.items()}


def origins(layer: Layer) -> dict[str, str]:
    return {name: raw.origin for name, raw in layer.values.items()}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_arguments_are_taken_by_name() -> None:
    """An argument is a value with its origin; None, and an empty key, are none."""
    layer = from_arguments({"timeout": 0, "flush_timeout": None, "api_key": "", "endpoint": ""}, SLOTS)
    assert values(layer) == {"timeout": 0, "endpoint": ""}
    assert origins(layer)["timeout"] == "argument timeout"
    assert layer.problems == ()


def test_an_unknown_argument_is_a_problem_even_when_none() -> None:
    """A misspelled argument is told, with the nearest name, whatever its value."""
    layer = from_arguments({"time_out": None, "xyz": 1}, SLOTS)
    assert layer.problems == (
        "argument time_out is unknown; did you mean timeout?",
        "argument xyz is unknown; known are api_key, endpoint, flush_timeout, timeout",
    )


def test_other_named_places_tell_their_own_origin() -> None:
    """Whoever hands in values from a place of another kind says how it is called."""
    layer = from_arguments({"timeout": "3", "timout": "4"}, SLOTS, "pytest ini option rp_finalizer_{name}")
    assert origins(layer) == {"timeout": "pytest ini option rp_finalizer_timeout"}
    assert layer.problems == ("pytest ini option rp_finalizer_timout is unknown; did you mean timeout?",)


def test_variables_are_taken_and_empty_ones_count_as_not_set() -> None:
    """A variable is a value with its name as origin; an empty one is none; strangers are left alone."""
    environ = {"RP_ENDPOINT": "x", "RP_FINALIZER_TIMEOUT": "", "RP_FINALIZER_WHATEVER": "", "RP_MODE": "y", "PATH": "z"}
    layer = from_environment(environ, SLOTS)
    assert values(layer) == {"endpoint": "x"}
    assert origins(layer) == {"endpoint": "environment variable RP_ENDPOINT"}
    assert layer.problems == ()


@pytest.mark.parametrize("variable", ["RP_FINALIZER_FLUSHTIMEOUT", "RP_FINALIZER_flush_timeout"])
def test_an_unknown_variable_of_ours_is_a_problem(variable: str) -> None:
    """A misspelled variable is told, with the nearest name, and not its value."""
    (problem,) = from_environment({variable: "hunter2"}, SLOTS).problems
    assert problem == f"environment variable {variable} is unknown; did you mean RP_FINALIZER_FLUSH_TIMEOUT?"


def test_the_tokens_of_the_status_api_are_no_misspelled_settings() -> None:
    """Variables that other parts of us read are left to them."""
    layer = from_environment({"RP_FINALIZER_API_TOKEN": "a", "RP_FINALIZER_ADMIN_TOKEN": "b"}, SLOTS)
    assert layer == Layer()


def test_a_key_under_a_former_name_counts_only_without_the_key() -> None:
    """RP_TOKEN and RP_UUID are told, with the name that is read now, by whoever finds that no key is set."""
    layer = from_environment({"RP_TOKEN": "hunter2", "RP_UUID": "hunter2"}, SLOTS)
    assert layer.problems == ()
    assert "RP_TOKEN and RP_UUID" in layer.unless_set["api_key"]
    assert "RP_API_KEY" in layer.unless_set["api_key"]
    assert "hunter2" not in layer.unless_set["api_key"]


def test_the_nearest_pyproject_is_read(tmp_path: Path) -> None:
    """The first pyproject.toml upward is the one, even when one above holds settings and it does not."""
    outer = write(tmp_path / "pyproject.toml", "[tool.rp_finalizer]\ntimeout = 7\n")
    (tmp_path / "a" / "b").mkdir(parents=True)
    layer = from_file(SLOTS, directory=tmp_path / "a" / "b")
    assert values(layer) == {"timeout": 7}
    assert origins(layer) == {"timeout": f"{outer} [tool.rp_finalizer] timeout"}
    assert layer.values["timeout"].directory == tmp_path
    write(tmp_path / "a" / "pyproject.toml", "[project]\nname = 'x'\n")
    assert from_file(SLOTS, directory=tmp_path / "a" / "b") == Layer()


def test_a_folder_called_pyproject_is_passed_by(tmp_path: Path) -> None:
    """Only a file can be the nearest one."""
    write(tmp_path / "pyproject.toml", "tool.rp_finalizer.timeout = 7\n")
    (tmp_path / "a" / "pyproject.toml").mkdir(parents=True)
    assert values(from_file(SLOTS, directory=tmp_path / "a")) == {"timeout": 7}


def test_a_file_asked_for_replaces_the_nearest_one(tmp_path: Path) -> None:
    """With a file named, no other is read: its table, or its bare keys when it has none."""
    write(tmp_path / "pyproject.toml", "[tool.rp_finalizer]\ntimeout = 7\n")
    bare = write(tmp_path / "rp.toml", "flush_timeout = 1\n[credentials]\n'https://rp.example.com#demo' = 'VARIABLE'\n")
    layer = from_file(SLOTS, config=bare, directory=tmp_path)
    assert values(layer) == {"flush_timeout": 1}
    assert origins(layer) == {"flush_timeout": f"{bare} flush_timeout"}
    assert layer.problems == ()
    table = write(tmp_path / "other.toml", "timeout = 'not ours'\n[tool.rp_finalizer]\ntimeout = 2\n")
    assert values(from_file(SLOTS, config=table, directory=tmp_path)) == {"timeout": 2}


@pytest.mark.parametrize("name", ["pyproject.toml", "rp.toml"])
def test_a_file_asked_for_without_our_table_is_told(tmp_path: Path, name: str) -> None:
    """The keys of other tools' tables are not taken for misspelled settings: that the table is missing is told."""
    path = write(tmp_path / name, "[tool.other]\nx = 1\n[project]\nname = 'x'\n")
    (problem,) = from_file(SLOTS, config=path).problems
    assert problem == f"{path} has no table [tool.rp_finalizer]; add it, or leave out --config"


@pytest.mark.parametrize("name", ["rp-finalizer", "rpfinalizer", "RP_Finalizer", "rp-finalize"])
def test_a_misspelled_table_is_told(tmp_path: Path, name: str) -> None:
    """A table that was meant for us and is not read does not pass in silence."""
    path = write(tmp_path / "pyproject.toml", f"[tool.{name}]\ntimeout = 1\n")
    (problem,) = from_file(SLOTS, directory=tmp_path).problems
    assert problem == f"{path} [tool.{name}] is not read; its name is [tool.rp_finalizer]"


def test_something_else_than_a_table_is_told(tmp_path: Path) -> None:
    """A value in the table's place is refused."""
    write(tmp_path / "pyproject.toml", "[tool]\nrp_finalizer = 3\n")
    (problem,) = from_file(SLOTS, directory=tmp_path).problems
    assert "not a table" in problem


@pytest.mark.parametrize(
    "name",
    ["api_key", "api-key", "API_KEY", "rp_api_key", "token", "password", "oauth_client_secret", "uuid", "credentials"],
)
def test_a_key_in_a_file_is_refused_and_not_shown(tmp_path: Path, name: str) -> None:
    """What looks like a key or password in a file is refused with a hint to the environment, its value nowhere."""
    path = write(tmp_path / "pyproject.toml", f"[tool.rp_finalizer]\n{name} = 'hunter2'\n")
    layer = from_file(SLOTS, directory=tmp_path)
    (problem,) = layer.problems
    assert problem.startswith(f"{path} [tool.rp_finalizer] {name} is refused in a file")
    assert "RP_API_KEY" in problem
    assert "hunter2" not in repr(layer)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("flush-timeout", "flush_timeout"),
        ("rp_endpoint", "endpoint"),
        ("rp_finalizer_timeout", "timeout"),
        ("TIMEOUT", "timeout"),
    ],
)
def test_an_unknown_name_in_a_file_offers_the_nearest(tmp_path: Path, name: str, meant: str) -> None:
    """A misspelled name in the file is told, with the nearest one that may stand there."""
    path = write(tmp_path / "pyproject.toml", f"[tool.rp_finalizer]\n{name} = 1\n")
    (problem,) = from_file(SLOTS, directory=tmp_path).problems
    assert problem == f"{path} [tool.rp_finalizer] {name} is unknown; did you mean {meant}?"


def test_a_table_of_credentials_stands_beside_the_settings(tmp_path: Path) -> None:
    """What it says is taken as it is written, and is no setting."""
    write(
        tmp_path / "pyproject.toml",
        "[tool.rp_finalizer]\ntimeout = 1\n[tool.rp_finalizer.credentials]\nx = 'VARIABLE'\n",
    )
    layer = from_file(SLOTS, directory=tmp_path)
    assert values(layer) == {"timeout": 1}
    assert {name: raw.value for name, raw in layer.credentials.items()} == {"x": "VARIABLE"}
    assert layer.problems == ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[tool.rp_finalizer]\ntimeout = = 3\n", "line 2"),
        (b"[tool.rp_finalizer]\ntimeout = 3\nx = '\xff'\n", "not UTF-8 (at line 3)"),
        (b"[tool.rp_finalizer]\nx = " + b"[" * 20000, "is not TOML"),
        (b"[tool.rp_finalizer]\nx = " + b"9" * 5000, "is not TOML"),
        (b"#" * (MAX_FILE_BYTES + 1), "larger than"),
    ],
)
@pytest.mark.parametrize("asked_for", [True, False])
def test_a_damaged_file_is_told_with_its_line(tmp_path: Path, content: bytes, says: str, *, asked_for: bool) -> None:
    """A file that is no TOML is a problem that names the file and, where it is known, the line."""
    path = tmp_path / "pyproject.toml"
    path.write_bytes(content)
    layer = from_file(SLOTS, config=path if asked_for else None, directory=tmp_path)
    (problem,) = layer.problems
    assert problem.startswith(str(path))
    assert says in problem
    assert "; " in problem


def test_a_damaged_file_that_says_nothing_of_us_is_not_ours_to_tell(tmp_path: Path) -> None:
    """The project file of a project without settings of ours is not taken apart."""
    tmp_path.joinpath("pyproject.toml").write_text("[project]\nname = = 3\n", encoding="utf-8")
    assert from_file(SLOTS, directory=tmp_path) == Layer()


@pytest.mark.parametrize("name", ["absent.toml", ".", "a\0b.toml"])
def test_a_file_asked_for_that_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    """A missing file, a folder and an impossible path are told with the mend."""
    (problem,) = from_file(SLOTS, config=tmp_path / name).problems
    assert "cannot be read" in problem
    assert "--config" in problem


def test_no_file_is_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file above, and even without a current directory, there is simply nothing."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert from_file(SLOTS, directory=Path()) == Layer()
