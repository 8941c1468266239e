"""Streams to the browser: `StreamResponse` (extra `web`)."""
