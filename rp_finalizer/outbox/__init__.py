"""The durable queue of launches still to be finished: one port, several backends."""
