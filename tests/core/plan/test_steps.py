"""What may be done next."""

from __future__ import annotations

from unbroken.core.plan.steps import Ask, Fail, Finish


def test_a_step_says_no_more_than_it_must() -> None:
    """What is left out: a request at once that costs nothing, an ordinary end, an error of our own."""
    ask = Ask(route=0, form="request")
    assert (ask.wait, ask.costs_retry, ask.whole) == (0.0, False, False)
    assert not Finish(message_stop=True).as_tool_use
    assert Fail("it is over").error is None
