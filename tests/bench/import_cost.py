"""What a process pays for importing us."""

from __future__ import annotations

import json

from tests.bench.fresh_process import output_of, python, time_in_turn
from tests.bench.tables import Table, difference, milliseconds

RUNS = 15
NOTHING = "pass"
STATEMENTS = {
    "pass": NOTHING,
    "import rp_finalizer": "import rp_finalizer",
    "rp_finalizer.LaunchFinalizer": "import rp_finalizer; rp_finalizer.LaunchFinalizer",
    "import requests, tenacity": "import requests, tenacity",
}
COUNTING = """
import sys, json
before = set(sys.modules)
{statement}
new = set(sys.modules) - before
foreign = [name for name in new if name.partition(".")[0] not in sys.stdlib_module_names | {{"rp_finalizer"}}]
own = [name for name in new if name.partition(".")[0] == "rp_finalizer"]
print(json.dumps([len(new), len(own), len(foreign)]))
"""


def run() -> None:
    """Measure, and print a table."""
    commands = {name: python(statement) for name, statement in STATEMENTS.items()}
    seconds = time_in_turn(commands, RUNS)
    table = Table(
        "Importing, in a fresh process; milliseconds: median (least-most)",
        ("python -c", "runs", "whole process", "more than pass", "modules", "ours", "third party"),
    )
    for name, statement in STATEMENTS.items():
        more = "" if statement == NOTHING else f"{1000 * difference(seconds[name], seconds['pass']):.1f}"
        modules = [str(count) for count in json.loads(output_of(python(COUNTING.format(statement=statement))))]
        table.add(name, str(RUNS), milliseconds(seconds[name]), more, *modules)
    table.notes += [
        "Modules are those that the statement adds; third party is what is neither ours nor the standard library's.",
        "requests and tenacity are what LaunchFinalizer imports of others; requests comes with the client, too.",
    ]
    table.show()
