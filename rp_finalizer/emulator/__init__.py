"""A ReportPortal-compatible server on loopback, for tests, demos and trials: faithful, fast, and faulty on request.

Needs the extra `server`; without it importing this package raises ImportError.

    with Emulator() as emulator:
        client = RPClient(emulator.url, "demo", api_key="demo_key")

There is a project `demo`, and the keys `demo_key` (its manager, `default`), `member_key`, `customer_key`,
`operator_key` and `admin_key`. Over HTTP the same is under `/control`.
"""

from rp_finalizer.emulator.faults import ActiveFault, Fault
from rp_finalizer.emulator.foreground import serve
from rp_finalizer.emulator.handle import Emulator
from rp_finalizer.emulator.journal import CallKind, ReceivedCall
from rp_finalizer.emulator.records import Attribute, ProjectRole, StoredItem, StoredLaunch, StoredLog, User
from rp_finalizer.emulator.reporting_queue import ParkedMessage, ReportingQueue

__all__ = [
    "ActiveFault",
    "Attribute",
    "CallKind",
    "Emulator",
    "Fault",
    "ParkedMessage",
    "ProjectRole",
    "ReceivedCall",
    "ReportingQueue",
    "StoredItem",
    "StoredLaunch",
    "StoredLog",
    "User",
    "serve",
]
