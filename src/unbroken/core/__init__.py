"""The core: it computes and does not act.

Nothing in this folder awaits, reads a clock, draws a random number or writes a log: time and randomness come in as
arguments, and what a peer does wrong comes out as a value (`tests/core/test_purity.py` holds it to that).
"""
