"""What `import rp_finalizer` gives, and what it costs."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import rp_finalizer

PACKAGE = Path(rp_finalizer.__file__).parent
PROMISED = {"LaunchFinalizer", "finalizing", "Outcome", "Report", "Settings", "FinalizationFailed", "Pending"}


def loaded_by(statement: str) -> set[str]:
    """Give the names of the top-level modules that are loaded in a fresh interpreter after a statement."""
    program = (
        f"import sys, json; before = set(sys.modules); {statement}; print(json.dumps([*set(sys.modules) - before]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    modules: list[str] = json.loads(done.stdout)
    return {name.partition(".")[0] for name in modules}


def third_party(modules: set[str]) -> set[str]:
    return {name for name in modules if name not in sys.stdlib_module_names and name != "rp_finalizer"}


def test_the_public_names_are_sorted_and_complete() -> None:
    """`__all__` is in order, names nothing twice, and holds all that was promised."""
    names = rp_finalizer.__all__
    assert names == sorted(set(names))
    assert set(names) >= PROMISED


@pytest.mark.parametrize("name", rp_finalizer.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    """Every name gives its object, which knows itself by that name, and has a docstring."""
    value = getattr(rp_finalizer, name)
    assert value.__name__ == name
    assert value.__doc__
    assert getattr(importlib.import_module(value.__module__), name) is value


def test_every_error_is_public() -> None:
    """Whoever calls us can catch by its own name whatever we raise."""
    errors = importlib.import_module("rp_finalizer.errors")
    raised = {
        name for name, value in vars(errors).items() if isinstance(value, type) and value.__module__ == errors.__name__
    }
    assert raised <= set(rp_finalizer.__all__)


def test_what_is_not_public_is_refused_by_name() -> None:
    """A misspelled name raises what Python raises for any module."""
    with pytest.raises(AttributeError, match="has no attribute 'LaunchFinaliser'"):
        _ = rp_finalizer.LaunchFinaliser


def test_the_surface_lists_what_it_has() -> None:
    """Tools that ask for the names find all of them, before anything is imported."""
    assert dir(rp_finalizer) == sorted([*rp_finalizer.__all__, "__version__"])


def test_type_checkers_see_the_names_that_are_imported_late() -> None:
    """What is written for type checkers is the same list as what is imported when it is used."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    checked = {
        (node.module, alias.name)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("rp_finalizer")
        for alias in node.names
    }
    late = {(f"rp_finalizer.{module}", name) for module, names in rp_finalizer._HOMES.items() for name in names}
    assert checked == late
    assert {name for _, name in late} == set(rp_finalizer.__all__)


def test_the_version_is_that_of_the_package() -> None:
    """`__version__` is what is installed."""
    assert rp_finalizer.__version__ == version("rp-finalizer")


def test_importing_us_loads_nothing_foreign() -> None:
    """A process that only has us installed pays for no third-party module, and for none of our own but one."""
    assert third_party(loaded_by("import rp_finalizer")) == set()
    submodules = "[m for m in sys.modules if m.startswith('rp_finalizer.')]"
    assert loaded_by(f"import rp_finalizer; assert not {submodules}, {submodules}") <= {
        "rp_finalizer",
        *sys.stdlib_module_names,
    }


@pytest.mark.parametrize(
    "name", ["Settings", "Report", "Outcome", "LaunchRef", "Endpoint", "FinalizerError", "Pending"]
)
def test_a_value_of_the_core_loads_nothing_foreign(name: str) -> None:
    """Settings, reports and errors can be used without the HTTP library and the client."""
    assert third_party(loaded_by(f"from rp_finalizer import {name}")) == set()


def test_the_sequence_loads_nothing_foreign() -> None:
    """The use cases know the standard library and the core only."""
    modules = "finalizer, resolver, delivery, confirming, failures, single_flight"
    assert third_party(loaded_by(f"from rp_finalizer import {modules}")) == set()


def test_a_finalizer_loads_neither_the_client_nor_the_terminal() -> None:
    """Finishing by id needs the HTTP library, and no part of reportportal-client, click or rich."""
    foreign = third_party(loaded_by("from rp_finalizer import LaunchFinalizer"))
    assert "requests" in foreign
    assert not foreign & {"reportportal_client", "aiohttp", "click", "rich", "fastapi", "redis", "pytest"}


def test_we_are_typed() -> None:
    """Type checkers of our users read our annotations."""
    assert (PACKAGE / "py.typed").is_file()
