"""What `rp-finalize doctor` finds out: every step from the settings to a finished launch, judged one by one.

The judging is pure, over values that were gathered before; `examination` gathers.
"""

from rp_finalizer.reportportal.diagnosis.check import Check
from rp_finalizer.reportportal.diagnosis.examination import Examination
from rp_finalizer.reportportal.diagnosis.settings_checks import Reading, read_settings

__all__ = ["Check", "Examination", "Reading", "read_settings"]
