"""Every fault there is, played over the wire, with the SDK as the judge of what arrives."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final, get_args

import anthropic
import anyio
import httpx2
import pytest
from serving import ask, serving

import unbroken.testing
from unbroken.testing import (
    BEFORE_RESPONSE,
    BadJson,
    CutFrame,
    Drop,
    EndOfFile,
    ErrorEvent,
    Event,
    Fault,
    Pings,
    Refuse,
    Reset,
    Script,
    Silence,
    Slow,
    Status,
    after_characters,
)
from unbroken.testing.script.faults import kinds
from unbroken.testing.script.faults.fault import ResponseFault

TEXT = "One two three four five six seven eight nine ten, and so on to the end."
AT = after_characters(20)


@dataclass(frozen=True, slots=True)
class Arrived:
    """What the SDK makes of one response.

    Attributes:
        text: The text of its events.
        types: The types of the events, without pings.
        error: What was raised.
        seconds: How long it took, of virtual time.
    """

    text: str
    types: tuple[str, ...]
    error: Exception | None
    seconds: float


def raises(kind: type[Exception]) -> Callable[[Arrived, Arrived], bool]:
    """The text is cut at the place, and that is raised."""
    return lambda arrived, _: type(arrived.error) is kind and arrived.text == TEXT[:20]


def late(arrived: Arrived, healthy: Arrived) -> bool:
    """All arrives, and takes a minute longer, or more."""
    ends = arrived.text == TEXT and arrived.types[-1] == "message_stop" and arrived.error is None
    return ends and arrived.seconds >= healthy.seconds + 60


#: A fault of each kind, and what the SDK makes of it, beside what it makes of the same response without one.
PLAYED: dict[str, tuple[Fault, Callable[[Arrived, Arrived], bool]]] = {
    "Status": (Status(529), lambda arrived, _: type(arrived.error) is anthropic.OverloadedError),
    "ErrorEvent": (ErrorEvent(at=AT), raises(anthropic.APIStatusError)),
    "Reset": (Reset(at=AT), raises(httpx2.ReadError)),
    "Drop": (Drop(at=AT), raises(httpx2.RemoteProtocolError)),
    "EndOfFile": (
        EndOfFile(at=AT),
        lambda arrived, _: (arrived.text, arrived.error, arrived.types[-1]) == (TEXT[:20], None, "content_block_delta"),
    ),
    "CutFrame": (CutFrame(at=AT, end="reset"), raises(httpx2.ReadError)),
    "BadJson": (BadJson(at=AT), raises(json.JSONDecodeError)),
    "Event": (Event("brand_new", at=AT), lambda arrived, _: arrived.types.count("brand_new") == 1),
    "Silence": (Silence(60, at=AT), late),
    "Pings": (Pings(60, every=15, at=AT), late),
    "Slow": (Slow(60), late),
    "Refuse": (Refuse(60), lambda arrived, _: type(arrived.error) is anthropic.APIConnectionError),
}


async def play(*faults: Fault) -> Arrived:
    """Ask for the answer over the wire, and read it with the SDK."""
    text, types, caught = "", [], None
    async with serving(Script(TEXT, faults=list(faults)), timeout=1_000) as (_, sdk):
        began = anyio.current_time()
        try:
            async with await sdk.messages.create(**ask(stream=True)) as stream:
                async for event in stream:
                    types.append(event.type)
                    if event.type == "content_block_delta" and event.delta.type == "text_delta":
                        text += event.delta.text
        except Exception as error:
            caught = error
        return Arrived(text, tuple(types), caught, anyio.current_time() - began)


def test_every_kind_of_fault_is_tried() -> None:
    """A class that is exported and not in the table, or the other way round, fails here."""
    assert {kind.__name__ for kind in kinds()} == set(PLAYED)
    assert all(type(fault).__name__ == name for name, (fault, _) in PLAYED.items())


def test_every_kind_of_fault_is_public() -> None:
    """Each class of a fault in the folder is exported, and has a place in the union."""
    defined = {kind for kind in ResponseFault.__subclasses__() if kind.__module__.startswith("unbroken.")}
    # A dataclass with slots is made twice; the first one has no instances, and the same name.
    assert {kind.__name__ for kind in defined} == {kind.__name__ for kind in kinds() if kind is not Refuse}
    assert set(get_args(Fault)) == {ResponseFault, Refuse}
    assert all(getattr(unbroken.testing, kind.__name__) is kind for kind in kinds())


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_no_kind_of_fault_is_open(kind: type[Fault]) -> None:
    """A class that is not final may be abstract without a type checker's word."""
    assert getattr(kind, "__final__", False)
    assert not inspect.isabstract(kind)


@pytest.mark.anyio
@pytest.mark.parametrize("name", PLAYED)
async def test_a_fault_is_played(name: str) -> None:
    """What arrives is the fault's work, and not what arrives without one."""
    fault, expected = PLAYED[name]
    healthy = await play()
    assert (healthy.text, healthy.error) == (TEXT, None)
    assert not expected(healthy, healthy)
    assert expected(await play(fault), healthy)


def test_a_fault_without_a_way_to_play_it_cannot_be_made() -> None:
    """Neither here nor, because its class is final, in the eyes of a type checker."""

    @final
    @dataclass(frozen=True, slots=True)
    class Forgotten(ResponseFault):  # type: ignore[misc]
        pass

    with pytest.raises(TypeError, match="play"):
        Forgotten()  # type: ignore[abstract]


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind is not Refuse and not kind.before_headers])
def test_a_fault_that_needs_the_headers_does_not_stand_before_them(kind: Callable[..., Fault]) -> None:
    """What cannot be played there is refused when the script is written, and not passed over."""
    told: dict[str, Any] = {"type": "brand_new"} if kind is Event else {}
    with pytest.raises(ValueError, match="cannot come before the headers"):
        Script(faults=[kind(at=BEFORE_RESPONSE, **told)])


@pytest.mark.anyio
async def test_what_follows_an_event_that_is_written_otherwise_is_as_ever() -> None:
    """One event is malformed, and the stream goes on to its end after it."""
    async with serving(Script(TEXT, faults=[BadJson(at=AT)])) as (server, sdk):
        async with sdk.messages.with_streaming_response.create(**ask(stream=True)) as response:
            data = [line[6:] async for line in response.iter_lines() if line.startswith("data: ")]
    assert server.requests[0].whole
    broken = []
    for line in data:
        try:
            json.loads(line)
        except ValueError:
            broken.append(line)
    assert len(broken) == 1
    assert json.loads(data[-1])["type"] == "message_stop"
