"""Thousands of streams for minutes, and all that can go wrong: nothing may be lost, repeated, hung or leaked."""
