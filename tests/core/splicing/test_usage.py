"""The usage of a message that several requests have written."""

from __future__ import annotations

from typing import Any

import pytest
from builders import message_delta, message_start, open_text, partial

from unbroken.core.message.partial import Partial
from unbroken.core.seam.anchor import choose_anchor
from unbroken.core.seam.seam import Seam
from unbroken.core.splicing.usage import MessageUsage

SENTENCE = "The quick brown fox jumps over the lazy dog, and nobody has ever asked the dog."


def test_the_first_attempts_own_goes_on_as_it_is() -> None:
    """The very same event."""
    end = message_delta(input_tokens=10, output_tokens=3)
    assert MessageUsage(Partial(), None).push(end) is end


def test_a_later_one_adds_its_output_and_says_nothing_of_input() -> None:
    """What was delivered before is estimated, at five characters a token; other counts are left."""
    usage = MessageUsage(partial(message_start(), *open_text("x" * 500)), None)
    end = message_delta(
        input_tokens=9, cache_read_input_tokens=9, cache_creation_input_tokens=9, output_tokens=7, service_tier=1
    )
    kept = {**end, "usage": {"output_tokens": 107, "service_tier": 1}}
    assert usage.push(end) == kept
    assert end["usage"]["input_tokens"] == 9, "the event is left as it is"


def test_it_is_what_was_delivered_before_the_attempt_that_counts() -> None:
    held = partial(message_start(), *open_text("x" * 500))
    usage = MessageUsage(held, None)
    held.apply(open_text("y" * 500)[1])
    assert usage.push(message_delta(output_tokens=7))["usage"]["output_tokens"] == 107


def test_what_the_seam_cuts_is_not_counted_twice() -> None:
    """At four characters a token; the seam is asked when the counts come."""
    seam = Seam(SENTENCE, choose_anchor(SENTENCE), form="restart")
    usage = MessageUsage(partial(message_start(), *open_text(SENTENCE)), seam)
    seam.feed(SENTENCE + " More.")
    counted = usage.push(message_delta(output_tokens=30))["usage"]["output_tokens"]
    assert counted == len(SENTENCE) // 5 + 30 - len(SENTENCE) // 4


@pytest.mark.parametrize("usage", [None, {}, {"output_tokens": None}, {"output_tokens": 0}])
def test_usage_that_is_missing_is_one_token_at_least(usage: Any) -> None:
    """The SDK's types want a number."""
    end = {**message_delta(), "usage": usage}
    assert MessageUsage(partial(message_start()), None).push(end)["usage"] == {"output_tokens": 1}
