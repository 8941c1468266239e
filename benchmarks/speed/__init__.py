"""What `unbroken` costs beside the SDK it wraps: CPU, time, memory, and the gap that a failure leaves.

`python -m benchmarks.speed` measures; the docs' page `benchmarks-speed.md` says how, and how to read it.
"""
