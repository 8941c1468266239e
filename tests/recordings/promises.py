"""The judge: what was promised to a reader, held against what a stream gave it and against the uncut message."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

import anthropic
import anyio
import httpx2
from playback import Cut, Playback

from corpus import Recording, client_for
from unbroken import Health, Policy, StreamFailed, resilient_stream
from unbroken.sdk.clients import parameters

__all__ = [
    "DOCUMENTED",
    "Outcome",
    "Played",
    "arguments",
    "broken",
    "outcome",
    "plain_blocks",
    "play_cut",
    "playing",
    "told",
]

Outcome: TypeAlias = Literal["whole", "tool_use", "unverified", "documented", "other"]

_THINKING: Final = ("thinking", "redacted_thinking")
#: Why a stream may fail after a cut, by docs/pages/promises.md: its table, "may have acted" and "not known".
DOCUMENTED: Final = (
    "its tools may have acted",
    "what was delivered cannot be gone on from",
    # Honest failures of the joint: nothing that was written vouches for its place, or the answer ends in mid-air.
    "what was written does not join what was delivered",
    "nothing was added to it",
)
#: What a recorded refusal ends as when it is cut: a refusal is never joined.
_REFUSED: Final = "The model refused to go on."
#: Nothing is waited for, and one cut is one failure.
_POLICY: Final = Policy(initial_backoff=0, max_attempts=4)
#: Fields that differ each time the same thing is cited, or that the SDK adds to what it parsed.
_OPAQUE: Final = frozenset({"encrypted_index", "parsed_output"})


@dataclass
class Played:
    """What one stream gave its reader.

    Attributes:
        events: All of them.
        message: The final one; None if there was none.
        error: What it raised in the end.
        seam: `report.seam`.
        playback: What it was played from.
    """

    playback: Playback
    events: list[Any] = field(default_factory=list)
    message: Any = None
    error: Exception | None = None
    seam: str | None = None
    notices: list[str] = field(default_factory=list)


@contextmanager
def _quiet() -> Iterator[None]:
    # Most of the recorded models are deprecated, and the SDK says so.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def arguments(recording: Recording, method: Any) -> dict[str, Any]:
    """The recorded request as that method of the SDK takes it; what it does not know goes by `extra_body`."""
    known = parameters(getattr(method, "__func__", method))
    params = recording.params
    named = {name: value for name, value in params.items() if name in known and name != "output_format"}
    rest = {name: value for name, value in params.items() if name not in named}
    if recording.api == "beta" and recording.betas:
        named["betas"] = recording.betas
    return {**named, **({"extra_body": rest} if rest else {})}


@contextmanager
def playing(recording: Recording, cut: Cut | None = None, **options: Any) -> Iterator[tuple[Playback, Any]]:
    """A client of the recording's platform to which it is played, and what is played to it."""
    playback = Playback(recording, cut)
    http_client = anthropic.DefaultAsyncHttpxClient(transport=httpx2.MockTransport(playback.respond))
    with _quiet():
        yield playback, client_for(recording.platform, http_client, **options)


async def play_cut(recording: Recording, cut: Cut) -> Played:
    """Read a recording that breaks off."""
    with playing(recording, cut) as (playback, client):
        played = Played(playback)
        stream_of = client.beta.messages.stream if recording.api == "beta" else client.messages.stream
        given = arguments(recording, stream_of)
        policy = _POLICY if cut.form == "auto" else Policy(initial_backoff=0, max_attempts=4, resume=cut.form)
        manager = resilient_stream(
            client,
            **given,
            policy=policy,
            api=recording.api,  # type: ignore[arg-type]
            health=Health(),
            on_notice=lambda notice: played.notices.append(notice.code),
        )
        with anyio.fail_after(240):
            try:
                async with manager as stream:
                    try:
                        async for event in stream:
                            played.events.append(event)
                        played.message = await stream.get_final_message()
                    finally:
                        played.seam = stream.report.seam
            except (anthropic.APIError, ValueError) as error:
                played.error = error
        return played


def told(message: Any) -> dict[str, Any]:
    """A message as plain data, whatever the SDK's types know of its blocks."""
    plain: dict[str, Any] = message.model_dump(mode="json", exclude_unset=True, warnings=False)
    return plain


def outcome(played: Played, whole: Mapping[str, Any]) -> Outcome:
    """How it ended, of the ways that are promised; `other` if it is none of them."""
    if isinstance(played.error, StreamFailed):
        if whole.get("stop_reason") == "refusal" and _REFUSED in str(played.error):
            return "documented"
        return "documented" if any(each in str(played.error) for each in DOCUMENTED) else "other"
    if played.error is not None or played.message is None:
        return "other"
    if played.seam == "unverified":
        return "unverified"
    if played.message.stop_reason == "tool_use" != whole.get("stop_reason"):
        return "tool_use"
    content = plain_blocks(told(played.message)["content"])
    calls = [block for block in content if block["type"] == "tool_use"]
    if calls and played.message.stop_reason == "tool_use" and len(content) < len(plain_blocks(whole["content"])):
        return "tool_use"
    return "whole"


def plain_blocks(content: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Blocks as they are compared: without thinking, nulls, and what differs each time."""
    return [_plain(block) for block in content if block["type"] not in _THINKING]


def _plain(item: Any) -> Any:
    if isinstance(item, Mapping):
        return {key: _plain(value) for key, value in item.items() if key not in _OPAQUE and value not in (None, [])}
    return [_plain(each) for each in item] if isinstance(item, list | tuple) else item


def broken(played: Played, whole: Mapping[str, Any]) -> list[str]:
    """The promises that were broken, each by a word and what was seen."""
    found = [f"request: {each}" for each in played.playback.objections]
    found += _one_message(played)
    found += _asked_again(played)
    match outcome(played, whole):
        case "whole":
            found += _same(played, whole)
        case "tool_use":
            found += _finished_calls(played, whole)
        case "documented":
            found += _partial(played, whole)
        case "other":
            found.append(f"outcome: {type(played.error).__name__}: {str(played.error)[:300]}")
    return found


def _asked_again(played: Played) -> Iterator[str]:
    """Where a `stop_reason` has arrived, nothing is asked again."""
    playback = played.playback
    assert playback.cut is not None
    arrived = playback.recording.events[: playback.cut.frames]
    stops = [event.get("message") or event.get("delta") or {} for event in arrived]
    if any(each.get("stop_reason") for each in stops) and len(playback.requests) > 1:
        yield f"asked_again: {len(playback.requests)} requests, though the message had its stop_reason"


def _one_message(played: Played) -> Iterator[str]:
    """Promise 1: one message, whose indices grow and whose blocks do not interleave."""
    types = [event.type for event in played.events]
    if types.count("message_start") > 1:
        yield "one_message: message_start came twice"
    if types.count("message_stop") > 1:
        yield "one_message: message_stop came twice"
    if "message_stop" in types and types[-1] != "message_stop":
        later = [each for each in types[types.index("message_stop") :] if each.startswith("content")]
        if later:
            yield "one_message: content after message_stop"
    last, is_open = -1, False
    for event in played.events:
        if event.type == "content_block_start":
            # Who abandons a call never closes it.
            if event.index != last + 1:
                yield f"one_message: block {event.index} after block {last}"
            last, is_open = event.index, True
        elif event.type in ("content_block_delta", "content_block_stop"):
            if not is_open or event.index != last:
                yield f"one_message: {event.type} of block {event.index} while {last} is open"
            is_open = event.type == "content_block_delta"


def _delivered(played: Played) -> str:
    return "".join(event.text for event in played.events if event.type == "text")


def _text(content: Sequence[Mapping[str, Any]]) -> str:
    return "".join(block["text"] for block in content if block["type"] == "text")


def _same(played: Played, whole: Mapping[str, Any]) -> Iterator[str]:
    """Promises 2 and 3: what the uncut message has, once, in its order."""
    message = told(played.message)
    if message.get("stop_reason") != whole.get("stop_reason"):
        yield f"silent_half: stop_reason {message.get('stop_reason')} for {whole.get('stop_reason')}"
    got, wanted = message["content"], whole["content"]
    text, wanted_text = _text(got), _text(wanted)
    if text != wanted_text:
        at = next((n for n, (a, b) in enumerate(zip(text, wanted_text, strict=False)) if a != b), None)
        at = min(len(text), len(wanted_text)) if at is None else at
        kind = "lost" if len(text) < len(wanted_text) else "twice"
        yield f"{kind}: text {text[at - 15 : at + 25]!r} for {wanted_text[at - 15 : at + 25]!r}"
    if _delivered(played) != text:
        yield "lost: the text of the events is not that of the message"
    a, b = plain_blocks(got), plain_blocks(wanted)
    if a == b or text != wanted_text:
        return
    if len(a) < len(b):
        # Where a continuation goes on in the block that was open, two of the uncut message's texts are one.
        a, b = _joined(a), _joined(b)
        if a == b:
            return
    shapes = [block["type"] for block in a], [block["type"] for block in b]
    if shapes[0] != shapes[1]:
        yield f"blocks: {' '.join(shapes[0])} for {' '.join(shapes[1])}"
        return
    for n, (one, other) in enumerate(zip(a, b, strict=True)):
        if one != other:
            names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
            yield f"{'citations' if names == ['citations'] else 'blocks'}: block {n} ({one['type']}): {names}"


def _joined(blocks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbouring texts as one, with all their citations."""
    joined: list[dict[str, Any]] = []
    for block in blocks:
        if joined and block["type"] == joined[-1]["type"] == "text":
            citations = [*joined[-1].get("citations", ()), *block.get("citations", ())]
            joined[-1] = {"type": "text", "text": joined[-1]["text"] + block["text"], "citations": citations}
        else:
            joined.append(
                {**block, "citations": list(block.get("citations", ()))} if block["type"] == "text" else block
            )
    return joined


def _finished_calls(played: Played, whole: Mapping[str, Any]) -> Iterator[str]:
    """Promise 4, and the turn that whole calls end: nothing but what the uncut message begins with."""
    got = plain_blocks(told(played.message)["content"])
    wanted = plain_blocks(whole["content"])
    for block in got:
        if block["type"] == "tool_use" and block not in wanted:
            yield "half_call: a call that the uncut message does not have"
    if not any(block["type"] == "tool_use" for block in got):
        yield "silent_half: stop_reason tool_use without a call"
    if got[-1]["type"] == "text" and any(block["type"] == "tool_use" for block in got):
        yield "half_text: text behind a call"
    if got != wanted[: len(got)]:
        yield "lost: what the calls end is not what the message begins with"


def _partial(played: Played, whole: Mapping[str, Any]) -> Iterator[str]:
    """A failure has the partial, which is what the uncut message begins with, and all that was delivered."""
    assert isinstance(played.error, StreamFailed)
    partial = played.error.partial
    content = told(partial.to_message())["content"] if partial.content else []
    text = _text(content)
    if not _text(whole["content"]).startswith(text):
        yield "partial: its text is not what the message begins with"
    if not text.startswith(_delivered(played)):
        yield "partial: it lacks what was delivered"
    wanted = [block for block in plain_blocks(whole["content"]) if block["type"] != "text"]
    others = [block for block in plain_blocks(content) if block["type"] != "text"]
    # The SDK's own `messages` reads no `compaction_delta`, so that its block lacks what ours has.
    seen = [
        {name: block[name] for name in block.keys() & one.keys()} if block["type"] == "compaction" else block
        for block, one in zip(others, wanted, strict=False)
    ]
    if len(others) > len(wanted) or seen != wanted[: len(others)]:
        yield "partial: its blocks are not those that the message begins with"
