"""What may be configured, with bounds and origins; `Settings.load` is where to begin."""

from rp_finalizer.settings.kinds import DAY, SWITCH, Kind, Setting
from rp_finalizer.settings.settings import DEFAULT, SETTINGS, SLOTS, Connection, OAuth, Settings

__all__ = [
    "DAY",
    "DEFAULT",
    "SETTINGS",
    "SLOTS",
    "SWITCH",
    "Connection",
    "Kind",
    "OAuth",
    "Setting",
    "Settings",
]
