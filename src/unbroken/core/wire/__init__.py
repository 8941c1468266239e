"""Bytes <-> events."""
