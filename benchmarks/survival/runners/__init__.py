"""One script for each peer, run by the python of the peer's own environment: how an application would use it."""
