"""What real models answered when they were asked to go on, joined again: nothing wrong, and failures that say why."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from builders import block_stop, ending, message_start, open_text

from harness import CONTINUE, read
from unbroken import Policy, StreamFailed
from unbroken.core.requests.prompts import PROMPTS
from unbroken.core.requests.resume import anchor_for
from unbroken.core.seam.asides import aside_at_start
from unbroken.core.seam.ending import Ending, ending_of
from unbroken.core.seam.instruction import Instruction
from unbroken.core.seam.seam import Seam
from unbroken.core.splicing.splicer import Splicer
from unbroken.core.wire.decoded import Event

ROWS: Final = [json.loads(line) for line in (Path(__file__).parent / "recorded.jsonl").read_text("utf-8").splitlines()]
#: The wording in which these models were asked.
PROMPT: Final = PROMPTS["tagged"].text
TAGS: Final = ("<last_words>", "</last_words>")

#: Streams that were verified when they were recorded, and fail now: by what was wrong with them.
SILENT: Final = frozenset({70, 137, 139, 140, 142, 147, 150, 151, 153, 155, 157, 158, 161, 163})
"""The echo and no more, or the rest of a word, on half an answer."""
TALK: Final = frozenset({16, 17, 20, 28, 46, 72, 80, 94, 97, 98, 105, 113, 128, 132, 136})
"""An apology, or the instruction recited, behind a good joint and before any text of the answer that was complete."""
NO_EVIDENCE: Final = frozenset({106, 107})
"""A text that repeats itself, of which what came may be the echo or what comes next."""


@dataclass(frozen=True)
class Played:
    """What came of one stream."""

    whole: bool
    text: str
    reason: str
    verified: bool


def continuation(row: dict[str, Any], text: str, number: int, size: int) -> Iterator[Event]:
    """One of its answers, in deltas of so many characters."""
    yield message_start(f"msg_{number}")
    yield from open_text(*(text[at : at + size] for at in range(0, len(text), size)))
    yield block_stop()
    yield from ending(row["continuations"][number]["stop_reason"] or "end_turn")


def play(row: dict[str, Any], size: int) -> Played:
    """Ask and join as the engine does: what does not join or adds nothing is asked for again, with all of the text."""
    splicer = Splicer(live={"text", "thinking"})
    for event in [message_start(), *open_text(row["held"])]:
        splicer.feed(event)
    reason = ""
    for number, answer in enumerate(row["continuations"]):
        held = splicer.partial.trailing_text
        form = answer["form"]
        anchor = anchor_for(held, form, whole=number > 0)
        asked = Instruction.of(
            PROMPT.replace("{echo}", anchor.quote), anchor.quote, lambda words, text=held: words in text + row["prompt"]
        )
        seam = Seam(held, anchor, form=form, instruction=None if form == "restart" else asked)
        splicer.abort()
        splicer.begin(seam)
        for event in continuation(row, answer["text"], number, size):
            splicer.feed(event)
        if splicer.trouble is None:
            return Played(True, splicer.partial.text, "", seam.result.verified)
        said = seam.aside is not None or seam.recited
        reason = "silent" if splicer.trouble == "silent" else "talk" if said else "unmatched"
    if splicer.trouble == "silent" and splicer.ending is not Ending.UNFINISHED:
        splicer.join_unverified()
        return Played(True, splicer.partial.text, "silent", False)
    return Played(False, splicer.partial.text, reason, False)


@pytest.fixture(scope="module")
def played() -> list[Played]:
    """Every stream, in deltas of seven characters."""
    return [play(row, 7) for row in ROWS]


@pytest.mark.parametrize("size", [1, 100_000])
def test_it_does_not_matter_how_they_were_cut_into_deltas(played: list[Played], size: int) -> None:
    for number, row in enumerate(ROWS):
        assert play(row, size) == played[number], number


def test_what_was_delivered_before_the_cut_stays(played: list[Played]) -> None:
    assert all(one.text.startswith(row["held"]) for row, one in zip(ROWS, played, strict=True))


def test_what_matched_nothing_is_an_honest_failure(played: list[Played]) -> None:
    """It was joined as it was, and each of them was wrong."""
    unverified = [one for row, one in zip(ROWS, played, strict=True) if row["today"]["seam"] == "unverified"]
    assert len(unverified) == 81
    assert not any(one.whole for one in unverified)
    assert all(one.reason for one in unverified)


def test_of_the_verified_ones_none_is_lost_but_with_a_reason(played: list[Played]) -> None:
    failed = {
        number: one.reason
        for number, (row, one) in enumerate(zip(ROWS, played, strict=True))
        if row["today"]["seam"] != "unverified" and not one.whole
    }
    assert failed == {
        **dict.fromkeys(SILENT, "silent"),
        **dict.fromkeys(TALK, "talk"),
        **dict.fromkeys(NO_EVIDENCE, "unmatched"),
    }
    assert Counter(one.whole for one in played) == {True: 63, False: 112}


def test_who_fails_keeps_what_was_delivered_and_what_was_rightly_added(played: list[Played]) -> None:
    for number, (row, one) in enumerate(zip(ROWS, played, strict=True)):
        if not one.whole:
            added = one.text[len(row["held"]) :]
            assert added == {136: " is complete. Please", 161: "es"}.get(number, "")


def test_nothing_that_was_joined_is_wrong(played: list[Played]) -> None:
    """By rule: it is what was verified then, less the tags and what follows where a recital begins."""
    told = "".join(PROMPT.split()).casefold()
    for number, (row, one) in enumerate(zip(ROWS, played, strict=True)):
        if not one.whole:
            continue
        assert one.verified, number
        then, added = row["today"]["joined"], one.text[len(row["held"]) :]
        for tag in TAGS:
            then = then.replace(tag, "")
            assert tag not in one.text, number
        assert then.startswith(one.text), number
        left_out = "".join(then[len(one.text) :].split()).casefold()
        assert not left_out or left_out[:32] in told or number == 174, number
        squeezed = "".join(added.split()).casefold()
        assert not any(squeezed[at : at + 32] in told for at in range(len(squeezed) - 31)), number
        assert aside_at_start(added) is None or not added.strip(), number
        assert added.strip() or ending_of(row["held"]) is Ending.FINISHED, number


def test_an_echo_that_could_be_the_next_line_is_asked_for_again(played: list[Played]) -> None:
    """Of a text that repeats itself; the second answer began anew, and so had one line fewer."""
    assert len(ROWS[174]["continuations"]) == 2
    assert played[174].text == ROWS[174]["continuations"][1]["text"]


# -- through the wire


@asynccontextmanager
async def replaying(row: dict[str, Any]) -> AsyncIterator[Any]:
    """An SDK client of a server that cuts the answer where it was cut, and then answers as was recorded."""
    import anthropic

    bodies: list[list[Event]] = [[message_start(), *open_text(row["held"])]]
    for number, answer in enumerate(row["continuations"]):
        bodies.append(list(continuation(row, answer["text"], number, 9)))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
            events = bodies.pop(0)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            for event in events:
                writer.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
            await writer.drain()
        finally:
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, anthropic.AsyncAnthropic(base_url=f"http://127.0.0.1:{port}", api_key="test") as client:
        yield client


@pytest.mark.sample(5)
@pytest.mark.asyncio
@pytest.mark.parametrize("number", [*range(0, 175, 7), 136, 152, 161, 163, 174])
async def test_the_engine_makes_of_them_what_the_splicer_does(number: int) -> None:
    row = ROWS[number]
    expected = play(row, 9)
    messages = [{"role": "user", "content": row["prompt"]}]
    policy = Policy(initial_backoff=0, continue_prompt=PROMPT, verify_seam=len(row["continuations"]) - 1)
    async with replaying(row) as client:
        if expected.whole:
            reading = await read(client, model=CONTINUE, messages=messages, policy=policy)
            assert reading.text == expected.text
            assert (reading.report.seam != "unverified") == expected.verified
            assert reading.report.attempts[-1].prompt == PROMPTS["tagged"].label
            return
        with pytest.raises(StreamFailed) as caught:
            await read(client, model=CONTINUE, messages=messages, policy=policy)
        assert caught.value.partial.text == expected.text
        code = "nothing_added" if expected.reason == "silent" else "seam_unmatched"
        assert caught.value.report.attempts[-1].outcome == code
