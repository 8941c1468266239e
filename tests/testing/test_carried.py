"""What a request carries of an answer, in each of the shapes in which it can be carried."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken.testing.blocks import ToolUse
from unbroken.testing.carried import carried, ending_text, turns_of
from unbroken.testing.script import Answer

TEXT = "The lighthouse was lit for the first time in March."
USER = {"role": "user", "content": "Tell me about the lighthouse."}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def test_a_first_request_is_fresh() -> None:
    """Even one that says a word of the answer."""
    asked = carried([Answer(TEXT)], [user("Continue the story of The lighthouse.")])
    assert (asked.sent, asked.echo, asked.prefill) == ("The lighthouse", "The lighthouse", False)
    asked = carried([Answer(TEXT)], [USER])
    assert (asked.sent, asked.echo, asked.prefill) == ("", None, False)


@pytest.mark.parametrize("cut", range(1, len(TEXT) + 1))
def test_a_prefill(cut: int) -> None:
    """A trailing assistant turn, which has no white space at its end."""
    sent = TEXT[:cut].rstrip()
    asked = carried([Answer(TEXT)], [USER, assistant(sent)])
    assert (asked.sent, asked.echo, asked.prefill) == (sent, None, True)


@pytest.mark.parametrize("cut", range(1, len(TEXT) + 1))
def test_an_assistant_turn_and_a_request_to_go_on(cut: int) -> None:
    """The echo is found whatever the wording is."""
    sent = TEXT[:cut]
    messages = [USER, assistant(sent), user(f"We were cut off after <tail>{sent[-12:]}</tail>; please go on.")]
    asked = carried([Answer(TEXT)], messages)
    assert (asked.sent, asked.echo, asked.prefill) == (sent, sent[-12:], False)


def test_an_echo_without_the_white_space_at_the_cut() -> None:
    """An obedient model writes that space too, for it belongs to the text."""
    asked = carried([Answer(TEXT)], [USER, assistant(TEXT[:15]), user('Repeat "The lighthouse" and go on.')])
    assert (asked.sent, asked.echo) == ("The lighthouse ", "The lighthouse ")


@pytest.mark.parametrize("wording", ["Please go on.", "Go on from The, will you?", "Then?"])
def test_no_echo_is_asked_for(wording: str) -> None:
    """A short text counts only where it is set off."""
    asked = carried([Answer(TEXT)], [USER, assistant("The"), user(wording)])
    assert (asked.sent, asked.echo) == ("The", None)


def test_the_shape_of_the_vendors_page() -> None:
    """A user turn quotes the partial answer; two user turns in a row are one."""
    quoted = f"Your previous response was interrupted and ended with [{TEXT[:30]}]. Continue from where you left off."
    asked = carried([Answer(TEXT)], [USER, user(quoted)])
    assert (asked.sent, asked.prefill) == (TEXT[:30], False)


def test_the_callers_own_prefill() -> None:
    """It stands before the answer, is told or known, and is not part of it."""
    messages = [USER, assistant("Once upon a time: " + TEXT[:20])]
    assert carried([Answer(TEXT)], messages).sent == ""
    assert carried([Answer(TEXT)], messages, "Once upon a time:").sent == ""
    assert carried([Answer(TEXT)], messages, "Once upon a time: ").sent == TEXT[:20]
    assert carried([Answer(TEXT, prefill="Once upon a time: ")], messages).sent == TEXT[:20]


def test_a_prefill_that_begins_the_answer() -> None:
    """The model goes on from it, as it does from its own partial answer."""
    assert carried([Answer(TEXT)], [USER, assistant("The")]).sent == "The"


def test_turns_of_a_conversation() -> None:
    """Each turn has its own answer, the last one stays, and a whole answer is not asked to go on."""
    answers = [Answer("First answer."), Answer("Second answer.")]
    messages = [USER, assistant("First answer."), user("And then?")]
    assert carried(answers, messages).answer is answers[1]
    messages += [assistant("Second"), user('Go on after "Second".')]
    assert (carried(answers, messages).answer, carried(answers, messages).sent) == (answers[1], "Second")
    messages[-2:] = [assistant("Second answer."), user("And then?")]
    assert (carried(answers, messages).answer, carried(answers, messages).sent) == (answers[1], "")


def test_a_tools_result_asks_for_the_next_answer() -> None:
    """The text before the call is not a partial answer."""
    call = {"type": "tool_use", "id": "a", "name": "look", "input": {}}
    answers = [Answer(["Let me look.", ToolUse("look", id="a")]), Answer("It is lit.")]
    messages = [
        USER,
        {"role": "assistant", "content": [{"type": "text", "text": "Let me look."}, call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "lit"}]},
    ]
    assert carried(answers, messages).answer is answers[1]


def test_turns_and_their_end() -> None:
    """Neighbours of one role are joined; the ending text is an assistant's."""
    joined = turns_of([USER, user("x"), assistant("y")])
    assert [len(turn["content"]) for turn in joined] == [2, 1]
    assert ending_text([USER]) is None
    assert ending_text([USER, assistant("y")]) == "y"
