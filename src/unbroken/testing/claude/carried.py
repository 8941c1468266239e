"""What a request carries of an answer that was begun, found without knowing how the request is worded.

Three shapes are understood: the partial answer as the last turn (a prefill, or a paused turn sent back), as an
assistant turn before a user turn that asks to go on, and quoted in a user turn (the shape of the vendor's streaming
page). A turn may carry the answer's thinking or not, and leave out calls that were cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, assert_never

from unbroken.core.message.blocks import THINKING
from unbroken.testing.claude.reply import folded
from unbroken.testing.claude.signatures import plain
from unbroken.testing.manners.resume_request import Ask, read_ask
from unbroken.testing.script.blocks import (
    RawBlock,
    RedactedThinking,
    ServerToolResult,
    ServerToolUse,
    Text,
    Thinking,
    ToolUse,
    Unit,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unbroken.testing.script.script import Answer

__all__ = ["Carried", "carried", "ending_text", "is_pause", "turns_of"]

#: The shortest beginning that counts as quoted; a shorter one stands in a sentence by accident.
_SHORTEST: Final = 6
#: The blocks that are not looked for one by one: text counts as a whole, and thinking may be left out.
_FOUND_BY_TEXT: Final = ("text", *THINKING)
_ASKS_TO_GO_ON: Final = re.compile(
    r"interrupt|continu|cut off|left off|go (?:straight )?on|resume|the rest", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Carried:
    """What is asked for.

    Attributes:
        answer: The answer to write.
        sent: The beginning of its text that the request carries; empty for a fresh answer.
        echo: The tail that the request asks to be repeated; None if it asks for none.
        ask: How it asks; None where no user turn does.
        prefill: Whether the partial answer is the end of the request, which makes any model go on exactly.
        done: Which of the answer's units beside text and thinking the request carries, with their ids there.
    """

    answer: Answer
    sent: str = ""
    echo: str | None = None
    ask: Ask | None = None
    prefill: bool = False
    done: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def begun(self) -> bool:
        """Whether anything of the turn is there already."""
        return bool(self.sent or self.done or self.prefill)


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
        answers: One for each turn of the conversation, and one more after each pause; the last turn stays.
        messages: The request's messages, which were found valid.
        prefill: What the caller's own prefill is, which stands before the answer.
    """
    scripted = _by_turns(answers)
    turns = turns_of(messages)
    spoken = [turn for turn in turns if turn["role"] == "assistant"]
    prompt = _text(turns[-1]) if turns[-1]["role"] != "assistant" else None
    begun = turns[-1] if prompt is None else turns[-2] if len(turns) > 1 else None
    if begun is not None and not _answers_a_tool(turns[-1]):
        found = _begun(scripted[min(len(spoken), len(scripted)) - 1], begun, prompt, prefill)
        if found is not None:
            return found
    fresh = scripted[min(len(spoken) - (prompt is None), len(scripted) - 1)][0]
    begins = _quoted(fresh.text, prompt or "")
    return Carried(fresh, begins, begins or None, read_ask(fresh.text, begins, prompt or "") if begins else None)


def _by_turns(answers: Sequence[Answer]) -> list[list[Answer]]:
    """The answers of each turn: a pause ends a response, but not the turn."""
    turns: list[list[Answer]] = [[]]
    for answer in answers:
        turns[-1].append(answer)
        if answer.stop_reason != "pause_turn":
            turns.append([])
    return [turn for turn in turns if turn]


def _begun(parts: Sequence[Answer], turn: dict[str, Any], prompt: str | None, prefill: str) -> Carried | None:
    """How much of a turn's answers a request carries; None if it is not them begun."""
    told = _text(turn)
    own = prefill if parts[0].prefill is None else parts[0].prefill
    if own and told.startswith(own):
        told = told[len(own) :]
    blocks = [block for block in turn["content"] if block.get("type") not in _FOUND_BY_TEXT]
    before = ""
    for part in parts:
        found = _read(part.units, told)
        if found is None:
            return None
        sent, told = found
        done, blocks = _found(part.units, blocks)
        before += sent
        whole = len(sent.rstrip()) == len(part.text.rstrip()) and len(done) == _countable(part.units)
        if not whole:
            break
    if told.strip() or blocks or not (before or done or part is not parts[0]):
        return None
    ask = None if prompt is None else read_ask(before + part.text[len(sent) :], before, prompt)
    # An answer without a text has no words that could be quoted: only what is said asks for its rest.
    wordless = whole and not before and _ASKS_TO_GO_ON.search(prompt or "")
    quotes = ask is not None and ask.echo and not (whole and ask.ends_early)
    if ask is not None and not (quotes or wordless) and (whole or not (sent or done)):
        return None  # an ordinary conversation: the answer was given, and the user says something new
    return Carried(part, sent, (ask and ask.echo) or None, ask, prompt is None, done)


def _read(units: Sequence[Unit], told: str) -> tuple[str, str] | None:
    """The beginning of an answer's text that a turn's text is, and what follows it there; None if it is none.

    A block of white space alone, which the API itself writes and does not take in a prefill, may be left out; so may
    the white space that ends the text.
    """
    sent = ""
    for text in (unit.text for unit in units if isinstance(unit, Text)):
        kept = told if text.startswith(told) else told.rstrip()
        if told.startswith(text):
            sent, told = sent + text, told[len(text) :]
        elif text.startswith(kept):
            return sent + kept, told[len(kept) :]
        elif text.strip():
            return None
        else:
            sent += text
    return sent, told


def _found(units: Sequence[Unit], blocks: Sequence[dict[str, Any]]) -> tuple[dict[int, str], list[dict[str, Any]]]:
    """Which units are among the blocks, with their ids there, and the blocks that are none of them."""
    done: dict[int, str] = {}
    left = list(blocks)
    for index, unit in enumerate(units):
        found = next((n for n, block in enumerate(left) if _is(unit, block, done)), None)
        if found is not None:
            done[index] = str(left.pop(found).get("id"))
    return done, left


def _is(unit: Unit, block: Mapping[str, Any], done: Mapping[int, str]) -> bool:
    match unit:
        case ToolUse(name=name, input=input, id=id):
            return _calls(block, "tool_use", name, input) and id in (None, block.get("id"))
        case ServerToolUse(tool=tool):
            kind = "server_tool_use" if tool.server is None else "mcp_tool_use"
            return _calls(block, kind, tool.name, tool.input)
        case ServerToolResult(tool=tool, use=use):
            return block["type"] == tool.result_type and use in done and block.get("tool_use_id") == done[use]
        case RawBlock():
            return bool(plain(folded(unit)) == plain(block))
        case Text() | Thinking() | RedactedThinking():
            return False  # found by its text, or left out
        case _:
            assert_never(unit)


def _calls(block: Mapping[str, Any], kind: str, name: str, input: Mapping[str, Any]) -> bool:
    return block["type"] == kind and block.get("name") == name and block.get("input") == input


def _countable(units: Sequence[Unit]) -> int:
    return sum(isinstance(unit, ToolUse | ServerToolUse | ServerToolResult | RawBlock) for unit in units)


def _quoted(text: str, prompt: str) -> str:
    """The beginning of `text` that a user turn quotes when it says that the response was interrupted."""
    if not _ASKS_TO_GO_ON.search(prompt) or text[:_SHORTEST] not in prompt:
        return ""
    length = _SHORTEST
    while length < len(text) and text[: length + 1] in prompt:
        length += 1
    return text[:length]


def _text(turn: dict[str, Any]) -> str:
    return "".join(block["text"] for block in turn["content"] if block.get("type") == "text")


def _answers_a_tool(turn: dict[str, Any]) -> bool:
    return any(block.get("type") == "tool_result" for block in turn["content"])


def is_pause(answers: Sequence[Answer], messages: Sequence[dict[str, Any]]) -> bool:
    """Whether a request ends with a turn that was paused, as it was: its answer is the next one of the turn."""
    if not answers or turns_of(messages)[-1]["role"] != "assistant":
        return False
    found = carried(answers, messages)
    place = next((n for n, answer in enumerate(answers) if answer is found.answer), 0)
    return found.prefill and not found.sent and not found.done and place > 0
