"""How much is asked at a time: what the API says is left, what the caller allows, and what overloads have shown.

All but `limiter.py` is pure: it has the time as an argument, in monotonic seconds, and knows neither locks nor tasks.
"""
