"""What a script refuses to be, and what it says of a request."""

from __future__ import annotations

import pytest

from unbroken.testing import BEFORE_RESPONSE, Answer, BadJson, Drop, Pings, Refuse, Reset, Script, Slow, Text, Thinking


def test_steps() -> None:
    """In order, then what lasts."""
    script = Script(faults=[None, Reset(), [Slow(1), Drop()]], then=Drop())
    assert [script.step(n) for n in range(5)] == [(), (Reset(),), (Slow(1), Drop()), (Drop(),), (Drop(),)]


def test_the_script_of_a_model() -> None:
    """Found by name or by family; what it does not say is the outer script's."""
    script = Script("Outer.", models={"claude-haiku-4-5": Script(then=Drop()), "x": Script("Own.", seed=2)}, seed=1)
    name, own = script.for_model("claude-haiku-4-5-20251001")
    assert (name, own.turns, own.seed, own.then) == ("claude-haiku-4-5", (Answer("Outer."),), 1, Drop())
    name, own = script.for_model("x")
    assert (name, own.turns, own.seed) == ("x", (Answer("Own."),), 2)
    assert script.for_model("claude-opus-5") == ("", script)


def test_an_answer_as_blocks_and_as_text() -> None:
    """A string is a text block."""
    answer = Answer([Thinking("Hm."), "One ", Text("two.")])
    assert answer.blocks == (Thinking("Hm."), Text("One "), Text("two."))
    assert answer.text == "One two."
    assert Script("x").turns == (Answer("x"),)
    assert Script(["x", Answer("y")]).turns == (Answer("x"), Answer("y"))


@pytest.mark.parametrize(
    "broken",
    [
        {"then": Refuse(1)},
        {"faults": [[Refuse(1), Drop()]]},
        {"models": {"x": Script(faults=[Refuse(1)])}},
        {"models": {"x": Script(models={"y": Script()})}},
        {"faults": [BadJson(at=BEFORE_RESPONSE)]},
        {"then": Pings(at=BEFORE_RESPONSE)},
    ],
)
def test_a_script_that_cannot_be_played(broken: dict[str, object]) -> None:
    """It is refused when it is written."""
    with pytest.raises(ValueError, match=r"\w"):
        Script(**broken)  # type: ignore[arg-type]
