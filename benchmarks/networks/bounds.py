"""How long a stream may take to say that the API is gone: what the page on timeouts promises, worked out."""

from __future__ import annotations

from unbroken import Policy

__all__ = ["longest"]


def longest(policy: Policy, each: float) -> float:
    """Seconds from a cut until `StreamFailed` at most, with one route, no `retry-after`, and nothing more that comes.

    Where nothing had come at all, there is one backoff less.

    Args:
        policy: The stream's.
        each: How long one request may take to bring nothing, in seconds.
    """
    backoffs = sum(policy.backoff(failures, 1.0) for failures in range(1, policy.max_attempts + 1))
    # The waits for breakers and for the retry budget have one bound together.
    gone = policy.max_attempts * each + backoffs + policy.max_retry_after
    return gone if policy.deadline is None else min(gone, policy.deadline)
