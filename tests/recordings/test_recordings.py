"""Recorded streams, whole and cut, by resilient_stream and by everything beside it: what was promised holds.

`make recordings` plays all of them, cut at every event and inside of it. Every other run plays each whole, and a few
cuts of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import anthropic
import pytest
from known import DIFFERENT
from playback import Cut
from promises import arguments, broken, outcome, play_cut, playing, told

from corpus import Recording, needs_recordings
from unbroken import Health, Policy, ResilienceMiddleware, resilient_message, resilient_stream

pytestmark = [
    needs_recordings,
    # Most of the recorded models are deprecated, and the SDK's types know not all of the blocks.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning"),
]

#: The API's own answer is the whole of it: what fails here is not asked for again.
_ONCE: Final = Policy(initial_backoff=0, max_attempts=1)


@dataclass
class Reading:
    """What a reader saw."""

    events: list[Any] = field(default_factory=list)
    message: Any = None
    error: type[Exception] | None = None


def resource(recording: Recording, client: Any) -> Any:
    """The API that it was asked for over."""
    return client.beta.messages if recording.api == "beta" else client.messages


async def read_by(recording: Recording, open_stream: Callable[[Any], Any], **options: Any) -> Reading:
    """Read it event by event."""
    reading = Reading()
    with playing(recording, **options) as (_, client):
        try:
            async with open_stream(client) as stream:
                async for event in stream:
                    reading.events.append(event)
                reading.message = await stream.get_final_message()
        except (anthropic.APIError, ValueError) as error:
            reading.error = type(error)
    return reading


def by_the_sdk(recording: Recording) -> Callable[[Any], Any]:
    """The SDK's own stream."""

    def opened(client: Any) -> Any:
        stream = resource(recording, client).stream
        return stream(**arguments(recording, stream))

    return opened


def by_us(recording: Recording) -> Callable[[Any], Any]:
    """The same, by `resilient_stream`."""

    def opened(client: Any) -> Any:
        given = arguments(recording, resource(recording, client).stream)
        return resilient_stream(client, **given, policy=_ONCE, health=Health(), api=recording.api)

    return opened


async def uncut(recording: Recording) -> dict[str, Any]:
    """The message as the SDK reads it, or as we do where the SDK reads half a call, or nothing."""
    open_stream = by_us if recording.id in DIFFERENT else by_the_sdk
    reading = await read_by(recording, open_stream(recording))
    assert reading.message is not None, reading.error
    return told(reading.message)


@pytest.mark.sample(20)
@pytest.mark.asyncio
async def test_a_whole_stream_is_read_as_the_sdk_reads_it(recording: Recording) -> None:
    """The events, the message, `text_stream`, and the same through the middleware."""
    if recording.id == "rec-230" and anthropic.__version__.startswith("1."):
        pytest.skip("SDK 1 fails on an event before message_start")
    sdk = await read_by(recording, by_the_sdk(recording))
    ours = await read_by(recording, by_us(recording))
    middleware = ResilienceMiddleware(policy=_ONCE)
    through = await read_by(recording, by_the_sdk(recording), middleware=[middleware])
    texts = []
    with playing(recording) as (_, client):
        with suppress(anthropic.APIError, ValueError):
            async with by_us(recording)(client) as stream:
                texts = [text async for text in stream.text_stream]
    if recording.id in DIFFERENT:
        return
    if sdk.error is not None:
        assert ours.error is not None
        assert issubclass(sdk.error, anthropic.APIError) == issubclass(ours.error, anthropic.APIError)
        return
    assert ours.events == sdk.events
    assert ours.message == sdk.message
    assert through.error is None
    assert told(through.message) == told(sdk.message)
    assert "".join(texts) == "".join(event.text for event in sdk.events if event.type == "text")


@pytest.mark.sample(20)
@pytest.mark.asyncio
async def test_a_whole_message_is_the_one_that_create_gives(recording: Recording) -> None:
    """`resilient_message` streams inside, and gives what `create` gives of the same message."""
    try:
        whole = await uncut(recording)
    except AssertionError:
        pytest.skip("this stream ends in an error")
    with playing(recording) as (playback, client):
        playback.whole = whole
        create = resource(recording, client).create
        given = arguments(recording, create)
        plain = await create(**given, timeout=600)
        playback.requests.clear()
        message = await resilient_message(client, **given, policy=_ONCE, health=Health(), api=recording.api)
    assert told(message) == told(plain)


@pytest.mark.sample(20)
@pytest.mark.asyncio
async def test_a_cut_stream_keeps_its_promises(recording: Recording, cuts: list[Cut], tally: dict[str, int]) -> None:
    """One message, nothing lost or twice, no half call, no silent half, and no request that the API would not take."""
    whole = await uncut(recording)
    seen: list[str] = []
    counts: Counter[str] = Counter()
    for cut in cuts:
        played = await play_cut(recording, cut)
        found = broken(played, whole)
        ended = outcome(played, whole)
        names = {each.partition(":")[0] for each in found}
        counts["tried"] += 1
        if found:
            for name in names:
                counts[f"broken: {name}"] += 1
            seen.append(f"{cut}: {'; '.join(found)}")
        else:
            counts[f"ended: {ended}"] += 1
    tally.update(counts)
    assert not seen, f"{len(seen)} of {len(cuts)} cuts\n" + "\n".join(seen)
