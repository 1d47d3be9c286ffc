"""All that speaks ReportPortal: its REST API, its reading, and the shims over its clients."""
