"""What a request carries of an answer, in each of the shapes in which it can be carried."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken.core.requests.prompts import AFTER_RESULTS
from unbroken.testing.claude.carried import carried, ending_text, is_pause, turns_of
from unbroken.testing.manners.resume_request import Ask
from unbroken.testing.script.blocks import RawBlock, ServerTool, Text, Thinking, ToolUse
from unbroken.testing.script.script import Answer

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


@pytest.mark.parametrize(
    "wording",
    [
        '"{}", and go on.',
        "“{}”, and go on.",
        "the text in the fence:\n\n```\n{}\n```\n\nGo on.",
        "this line:\n{}\nand go on.",
        "<tail>{}</tail>",
    ],
)
def test_an_echo_with_what_is_not_carried(wording: str) -> None:
    """The words that are quoted are known, and where they go beyond what is carried."""
    asks = user("Repeat " + wording.format("lighthouse was li"))
    asked = carried([Answer(TEXT)], [USER, assistant(TEXT[:18]), asks])
    assert (asked.sent, asked.echo) == ("The lighthouse was", "lighthouse was")
    assert asked.ask is not None
    assert asked.ask.quoted == len("lighthouse was li")


def test_an_echo_of_words_before_the_end() -> None:
    """An obedient model begins there; of an answer that was given, they are only spoken of."""
    asks = user('Begin at "lighthouse was", please.')
    asked = carried([Answer(TEXT)], [USER, assistant(TEXT[:26]), asks])
    assert (asked.sent, asked.echo) == (TEXT[:26], "lighthouse was lit for")
    asked = carried([Answer(TEXT), Answer("That.")], [USER, assistant(TEXT), user('What is "the first time"?')])
    assert (asked.answer.text, asked.sent) == ("That.", "")


@pytest.mark.parametrize(("asked", "begun"), [(AFTER_RESULTS.text, True), ("Thank you. And in April?", False)])
def test_an_answer_without_a_word_is_asked_for_the_rest_by_what_is_said(asked: str, begun: bool) -> None:
    """There is nothing that could be quoted; it is not written again where it was whole."""
    summary = {"type": "compaction", "content": "Lit in March.", "encrypted_content": "opaque"}
    found = carried([Answer([RawBlock(summary)])], [USER, {"role": "assistant", "content": [summary]}, user(asked)])
    assert found.begun is begun
    assert bool(found.done) is begun


def test_how_it_is_asked() -> None:
    """In the words of the last user turn; a prefill does not ask."""
    assert carried([Answer(TEXT)], [USER, assistant(TEXT[:9])]).ask is None
    asked = carried([Answer(TEXT)], [USER, assistant(TEXT[:9]), user("Go on, please.")])
    assert asked.ask == Ask(before="Go on, please.")
    quoted = f"Your previous response was interrupted and ended with [{TEXT[:30]}]. Continue from where you left off."
    asked = carried([Answer(TEXT)], [USER, user(quoted)])
    assert asked.ask is not None
    assert (asked.ask.echo, asked.ask.opening, asked.ask.closing) == (TEXT[:30], "[", "]")
    assert carried([Answer(TEXT)], [USER]).ask is None


def test_an_echo_that_reaches_back_behind_a_pause() -> None:
    """The words are those of the turn, of whichever response they were."""
    answers = [Answer("One. Two. ", stop_reason="pause_turn"), Answer("Three, four.")]
    asked = carried(answers, [USER, assistant("One. Two. Three,"), user('It ended in "Two. Three, fo".')])
    assert (asked.answer, asked.sent, asked.echo) == (answers[1], "Three,", "Two. Three,")
    assert asked.ask is not None
    assert asked.ask.quoted == len("Two. Three, fo")


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


SEARCH = ServerTool("web_search", {"query": "x"}, [], with_next=True)
FETCH = ServerTool("web_fetch", {"url": "y"}, {"type": "web_fetch_result"})
COUNT = ServerTool("count", {}, [], server="tally")
MIXED = Answer([Thinking("Hm."), "One. ", SEARCH, FETCH, "Two. ", COUNT, RawBlock({"type": "hologram"}), "Three."])
CALLS: list[dict[str, Any]] = [
    {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}},
    {"type": "server_tool_use", "id": "s2", "name": "web_fetch", "input": {"url": "y"}},
    {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
    {"type": "web_fetch_tool_result", "tool_use_id": "s2", "content": {"type": "web_fetch_result"}},
]
MORE: list[dict[str, Any]] = [
    {"type": "text", "text": "Two. "},
    {"type": "mcp_tool_use", "id": "m1", "name": "count", "server_name": "tally", "input": {}},
    {"type": "mcp_tool_result", "tool_use_id": "m1", "is_error": False, "content": []},
    {"type": "hologram", "extra": None},
]
ONE = {"type": "text", "text": "One. "}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "x"}


@pytest.mark.parametrize(
    ("content", "sent", "done"),
    [
        ([ONE], "One. ", {}),
        ([THOUGHT, ONE], "One. ", {}),
        ([ONE, CALLS[0], CALLS[2]], "One. ", {2: "s1", 4: "None"}),
        ([ONE, *CALLS], "One. ", {2: "s1", 3: "s2", 4: "None", 5: "None"}),
        ([ONE, *CALLS, *MORE[:1]], "One. Two. ", {2: "s1", 3: "s2", 4: "None", 5: "None"}),
        ([ONE, *CALLS, *MORE], "One. Two. ", dict.fromkeys((4, 5, 8, 9), "None") | {2: "s1", 3: "s2", 7: "m1"}),
    ],
)
def test_the_blocks_that_are_carried(content: list[dict[str, Any]], sent: str, done: dict[int, str]) -> None:
    """Each is found, with its id; thinking may be there or not."""
    for asks, prefill in (([], True), ([user("Go on.")], False)):
        asked = carried([MIXED], [USER, {"role": "assistant", "content": content}, *asks])
        assert (asked.sent, asked.done, asked.prefill, asked.begun) == (sent, done, prefill, True)


def test_only_blocks_are_carried() -> None:
    """A search alone is the beginning of an answer too."""
    asked = carried([Answer([SEARCH, "Found."])], [USER, {"role": "assistant", "content": [CALLS[0], CALLS[2]]}])
    assert (asked.sent, asked.begun, len(asked.done)) == ("", True, 2)


def test_a_call_that_is_carried() -> None:
    """By its name, its input and, if the script gives one, its id."""
    call = {"type": "tool_use", "id": "t", "name": "look", "input": {"at": 1}}
    messages = [USER, {"role": "assistant", "content": [ONE, call]}]
    assert carried([Answer(["One. ", ToolUse("look", {"at": 1}), "Two."])], messages).done == {1: "t"}
    assert carried([Answer(["One. ", ToolUse("look", {"at": 1}, "t"), "Two."])], messages).done == {1: "t"}
    assert not carried([Answer(["One. ", ToolUse("look", {"at": 1}, "u"), "Two."])], messages).begun


@pytest.mark.parametrize(
    "content",
    [
        [ONE, {**CALLS[0], "input": {}}],
        [ONE, {**CALLS[0], "name": "web_fetch"}],
        [ONE, CALLS[2]],
        [ONE, {"type": "hologram", "sides": 3}],
        [THOUGHT],
    ],
)
def test_blocks_of_another_answer(content: list[dict[str, Any]]) -> None:
    """Are not this one begun."""
    assert not carried([MIXED], [USER, {"role": "assistant", "content": content}]).begun


def test_a_paused_turn() -> None:
    """Its next answer is the next one; the two are one turn, of which the next turn's answer knows nothing."""
    runs = ServerTool("web_search", {"query": "x"})
    first, second = Answer(["One. ", runs], stop_reason="pause_turn"), Answer("Two.")
    answers = [first, second, Answer("Three.")]
    paused = {"role": "assistant", "content": [ONE, CALLS[0]]}
    asked = carried(answers, [USER, paused])
    assert (asked.answer, asked.sent, asked.done, asked.prefill) == (second, "", {}, True)
    assert is_pause(answers, [USER, paused])
    cut = {"role": "assistant", "content": [ONE, CALLS[0], {"type": "text", "text": "Tw"}]}
    asked = carried(answers, [USER, cut, user("Go on.")])
    assert (asked.answer, asked.sent, asked.prefill) == (second, "Tw", False)
    assert not is_pause(answers, [USER, cut])
    assert carried(answers, [USER, assistant("One"), user("Go on.")]).answer is first
    whole = [USER, paused, assistant("Two."), user("And then?")]
    assert carried(answers, whole).answer is answers[2]
    assert not is_pause(answers, whole)
    assert not is_pause([], [USER, paused])
    assert carried(answers, [USER, paused, user("Never mind.")]).answer is answers[2]


def test_a_block_of_white_space_may_be_left_out() -> None:
    """The API writes such blocks between others; who gives the text back need not."""
    answer = Answer([Text("It was lit. "), Text("\n\n"), Text("Nobody knows why.")])
    told = [{"type": "text", "text": "It was lit. "}, {"type": "text", "text": "Nobody knows"}]
    asked = carried([answer], [USER, {"role": "assistant", "content": told}])
    assert asked.sent == "It was lit. \n\nNobody knows"
    other = [{"type": "text", "text": "It was lit. "}, {"type": "text", "text": "Somebody"}]
    assert not carried([answer], [USER, {"role": "assistant", "content": other}]).sent
