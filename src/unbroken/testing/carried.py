"""What a request carries of an answer that was begun, found without knowing how the request is worded.

Three shapes are understood: the partial answer as the last turn (a prefill), as an assistant turn before a
user turn that asks to go on, and quoted in a user turn (the shape of the vendor's streaming page).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unbroken.testing.script import Answer

__all__ = ["Carried", "carried", "ending_text", "turns_of"]

#: The shortest tail that counts as quoted; a shorter one stands in a sentence by accident.
_SHORTEST_ECHO: Final = 6
_ASKS_TO_GO_ON: Final = re.compile(r"interrupt|continu|cut off|left off|go on|resume|the rest", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Carried:
    """What is asked for.

    Attributes:
        answer: The answer to write.
        sent: The beginning of its text that the request carries; empty for a fresh answer.
        echo: The tail that the request asks to be repeated; None if it asks for none.
        prefill: Whether `sent` is the end of the request, which makes any model go on exactly.
        blocks: The ids of the blocks beside text that the request carries.
    """

    answer: Answer
    sent: str = ""
    echo: str | None = None
    prefill: bool = False
    blocks: frozenset[str] = frozenset()


def turns_of(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages with neighbours of one role joined, as the API joins them, and every content a list."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
        if turns and turns[-1]["role"] == message["role"]:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": message["role"], "content": blocks})
    return turns


def ending_text(messages: Sequence[dict[str, Any]]) -> str | None:
    """The text of the assistant turn that ends the request; None if a user turn does."""
    turns = turns_of(messages)
    return _text(turns[-1]) if turns and turns[-1]["role"] == "assistant" else None


def carried(answers: Sequence[Answer], messages: Sequence[dict[str, Any]], prefill: str = "") -> Carried:
    """Which answer a request asks for, and how much of it it carries.

    Args:
        answers: One for each turn of the conversation; the last one stays.
        messages: The request's messages, which were found valid.
        prefill: What the caller's own prefill is, which stands before the answer.
    """
    turns = turns_of(messages)
    spoken = [turn for turn in turns if turn["role"] == "assistant"]
    asked = _text(turns[-1]) if turns[-1]["role"] != "assistant" else None
    begun = turns[-1] if asked is None else turns[-2] if len(turns) > 1 else None
    if begun is not None and not _answers_a_tool(turns[-1]):
        answer = answers[min(len(spoken), len(answers)) - 1]
        found = _begun(answer, _text(begun), asked, prefill)
        if found is not None:
            sent, echo = found
            return Carried(answer, sent, echo, asked is None, _ids(begun))
    fresh = answers[min(len(spoken) - (asked is None), len(answers) - 1)]
    return Carried(fresh, _quoted(fresh.text, asked or ""), _quoted(fresh.text, asked or "") or None)


def _begun(answer: Answer, told: str, asked: str | None, prefill: str) -> tuple[str, str | None] | None:
    """How much of `answer` a turn carries, and the echo asked for; None if it is not the answer begun."""
    text = answer.text
    own = prefill if answer.prefill is None else answer.prefill
    if own and told.startswith(own):
        told = told[len(own) :]
    sent = told if text.startswith(told) else told.rstrip()
    if not sent or not text.startswith(sent):
        return None
    echo = _echo(sent, asked) if asked is not None else None
    whole = len(sent.rstrip()) == len(text.rstrip())
    if whole and asked is not None and echo is None:
        return None  # an ordinary conversation: the answer was given, and the user says something new
    return sent, echo


def _echo(sent: str, asked: str) -> str | None:
    """The longest tail of `sent` that stands in `asked`, with the white space that ends `sent`."""
    end = sent if sent[-_SHORTEST_ECHO:] in asked else sent.rstrip()
    space = sent[len(end) :]
    if len(end) < _SHORTEST_ECHO:
        # So short a text counts only where it is set off: in quotes, between tags, on a line by itself.
        set_off = re.search(rf"(?:^|[^\w\s,.]|\n){re.escape(end)}(?:$|[^\w\s,.]|\n)", asked)
        return end + space if set_off else None
    best: str | None = None
    for length in range(_SHORTEST_ECHO, len(end) + 1):
        if end[-length:] not in asked:
            break
        best = end[-length:] + space
    return best


def _quoted(text: str, asked: str) -> str:
    """The beginning of `text` that a user turn quotes when it says that the response was interrupted."""
    if not _ASKS_TO_GO_ON.search(asked) or text[:_SHORTEST_ECHO] not in asked:
        return ""
    length = _SHORTEST_ECHO
    while length < len(text) and text[: length + 1] in asked:
        length += 1
    return text[:length]


def _text(turn: dict[str, Any]) -> str:
    return "".join(block["text"] for block in turn["content"] if block.get("type") == "text")


def _ids(turn: dict[str, Any]) -> frozenset[str]:
    return frozenset(
        str(block.get("id") or block.get("tool_use_id"))
        for block in turn["content"]
        if block.get("type") not in ("text", "thinking", "redacted_thinking")
    )


def _answers_a_tool(turn: dict[str, Any]) -> bool:
    return any(block.get("type") == "tool_result" for block in turn["content"])
