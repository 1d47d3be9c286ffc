"""The status service: what an outbox holds and what is done with it, over HTTP, for programs and for people."""
