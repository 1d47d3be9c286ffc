"""The pytest plugin of rp-finalizer; it is on wherever pytest-reportportal reports."""
