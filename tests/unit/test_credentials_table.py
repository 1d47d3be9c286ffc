"""Which key is for which endpoint and project, as a file of settings says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer.errors import SettingsError
from rp_finalizer.setting_sources import Raw
from rp_finalizer.settings import Settings
from rp_finalizer.settings.credentials_table import read_credentials

if TYPE_CHECKING:
    from pathlib import Path

KEY = "ci_hunter2-with-a-dash"


def read(*tables: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    return read_credentials({name: Raw(value, "pyproject.toml") for name, value in table.items()} for table in tables)


@pytest.mark.parametrize(
    "written",
    [
        "https://rp.example.com#demo",
        "rp.example.com#demo",
        " https://RP.example.com:443/#demo",
        "https://rp.example.com/ui/#demo",
        "https://rp.example.com/api/v1#demo",
    ],
)
def test_every_spelling_of_an_endpoint_is_the_same(written: str) -> None:
    """A row is found whichever way its endpoint is written."""
    assert read({written: "THEIR_KEY"}) == ({"https://rp.example.com#demo": "THEIR_KEY"}, [])


@pytest.mark.parametrize(
    ("written", "variable", "says"),
    [
        ("https://rp.example.com", "THEIR_KEY", "the # and the project"),
        ("ftp://rp.example.com#demo", "THEIR_KEY", "scheme ftp"),
        ("https://rp.example.com#", "THEIR_KEY", "project ''"),
        ("https://rp.example.com#a/b", "THEIR_KEY", "project 'a/b'"),
        ("https://rp.example.com#demo", KEY, "a key itself is never put into a file"),
        ("https://rp.example.com#demo", 5, "name of a variable"),
        ("https://rp.example.com#demo", "", "name of a variable"),
        ("https://ann:hunter2@rp.example.com#demo", "THEIR_KEY", "user info"),
    ],
)
def test_a_bad_row_is_told_with_what_belongs_there(written: str, variable: object, says: str) -> None:
    """What is wrong with a row is told, with its file, an example, and no secret."""
    variables, problems = read({written: variable})
    assert variables == {}
    (problem,) = problems
    assert says in problem
    assert "pyproject.toml" in problem
    assert "NAME_OF_A_VARIABLE" in problem
    assert "hunter2" not in problem


def test_two_rows_for_one_place_contradict_each_other() -> None:
    """Two spellings of one endpoint with two variables are a mistake; with the same variable they are not."""
    one, other = "https://rp.example.com#demo", "rp.example.com#demo"
    assert read({one: "A", other: "A"}) == ({one: "A"}, [])
    ((problem,),) = (read({one: "A", other: "B"})[1],)
    assert "twice" in problem


def test_the_table_is_part_of_the_settings(tmp_path: Path) -> None:
    """It is read with the file, checked with everything else, and stays in copies of the settings."""
    file = tmp_path / "pyproject.toml"
    table = "[tool.rp_finalizer]\ntimeout = 9\n[tool.rp_finalizer.credentials]\n"
    file.write_text(table + "'http://127.0.0.1:8080#demo' = 'THEIR_KEY'\n", encoding="utf-8")
    settings = Settings.load(environ={}, directory=tmp_path)
    assert settings.replace(timeout=5).credentials == {"http://127.0.0.1:8080#demo": "THEIR_KEY"}
    file.write_text(table + "'http://127.0.0.1:8080' = 'THEIR_KEY'\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="the project behind it"):
        Settings.load(environ={}, directory=tmp_path)
