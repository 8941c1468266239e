"""Survival: the same faults for `unbroken` and for what people use today, and what reached the reader."""
