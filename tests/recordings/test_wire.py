"""The fault server speaks the wire that was recorded: field by field, header by header, and in its pings and pieces.

What was recorded is compared with what the server sends for the same requests and answers. Nothing that it sends may be
unknown to the recordings, and what nearly all of the newest ones have it sends too. Both sides are read from the bytes.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from itertools import pairwise
from random import Random
from statistics import median
from typing import Any, Final

import httpx2
import pytest
from playback import DIALECTS, answer_of

from corpus import RecordedRequest, Recording, every_recording, every_request, needs_recordings
from unbroken.testing import Answer, FaultServer, RawBlock, Script, ServerTool, Status, ToolUse
from unbroken.testing.claude.carried import Carried
from unbroken.testing.claude.model import reply
from unbroken.testing.claude.reply import folded
from unbroken.testing.script.blocks import Block
from unbroken.testing.wire.dialects import FIRST_PARTY

pytestmark = needs_recordings

PLATFORMS: Final = ("anthropic", "azure", "bedrock", "vertex")
#: How many of those that have a date are the newest ones of a kind, and which part of them is nearly all.
_NEWEST: Final = 6
_NEARLY: Final = 0.9
_ROOM: Final = 10**6
#: Those of HTTP itself, of the way, and of a cache.
_OF_HTTP: Final = frozenset(
    {"connection", "content-encoding", "content-length", "date", "keep-alive", "transfer-encoding", "vary"}
)
#: Recorded in the half that is kept back: whose key is wrong has no request id.
_KEPT_BACK: Final = {("401", "body", "request_id"): {"null"}}

#: By place and key, of which JSON types the values are.
Fields = dict[tuple[str, str], set[str]]


def is_real(recording: Recording) -> bool:
    """Whether the API, or the vendor, wrote its fields."""
    return recording.told["provenance"] not in ("hand-made", "assembled")


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """When it was recorded; None where the recording does not say."""
    try:
        date = parsedate_to_datetime({name.lower(): value for name, value in headers.items()}["date"])
    except (KeyError, ValueError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def json_type(value: Any) -> str:
    """The JSON type of a value."""
    names = {type(None): "null", bool: "boolean", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "number")


def places(event: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of an event, each with the name of its place."""
    kind = str(event.get("type"))
    yield kind, event
    match kind:
        case "message_start":
            yield "message", event["message"]
            yield "message.usage", event["message"]["usage"]
            yield "message.usage.cache_creation", event["message"]["usage"].get("cache_creation") or {}
        case "content_block_start":
            yield f"block {event['content_block']['type']}", event["content_block"]
        case "content_block_delta":
            yield f"delta {event['delta']['type']}", event["delta"]
        case "message_delta":
            yield "end", event["delta"]
            yield "end.usage", event["usage"]
            for each in event["usage"].get("iterations") or ():
                yield f"iteration {each['type']}", each
        case "message_stop":
            yield "metrics", event.get("amazon-bedrock-invocationMetrics") or {}


def objects(events: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """All objects of a stream, by their places."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in events:
        for place, told in places(event):
            found[place].append(told)
    return found


def fields(streams: Sequence[Sequence[Mapping[str, Any]]]) -> Fields:
    """The fields of some streams, with the types of their values."""
    found: Fields = defaultdict(set)
    for events in streams:
        for place, each in objects(events).items():
            for told in each:
                for key, value in told.items():
                    found[place, key].add(json_type(value))
    return found


def of_platform(platform: str) -> list[Recording]:
    """What was recorded of a platform, the newest first; what has no date comes last."""
    found = [each for each in every_recording() if each.platform == platform and is_real(each)]
    oldest = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda each: date_of(each.told["headers"]) or oldest, reverse=True)


def in_the_servers_words(recording: Recording) -> Answer:
    """The recorded answer with every block that the server knows how to write."""
    answer = answer_of(recording)
    raw = [block for block in answer.blocks if isinstance(block, RawBlock)]
    results = {block.start["tool_use_id"]: block.start for block in raw if "tool_use_id" in block.start}
    calls = {block.start.get("id") for block in raw}
    blocks: list[Block | str] = []
    for block in answer.blocks:
        kind = block.start["type"] if isinstance(block, RawBlock) else ""
        if not isinstance(block, RawBlock) or not kind.endswith(("tool_use", "tool_result")):
            blocks.append(block)
            continue
        whole = folded(block)
        if kind == "tool_use" and whole.get("caller", {}).get("type", "direct") == "direct":
            blocks.append(ToolUse(whole["name"], whole["input"]))
        elif kind in ("server_tool_use", "mcp_tool_use") and whole["id"] in results:
            result = results[whole["id"]]["content"]
            blocks.append(ServerTool(whole["name"], whole["input"], result, server=whole.get("server_name")))
        elif (
            "tool_use_id" not in whole or whole["tool_use_id"] not in calls
        ):  # a result that comes first, or a call that is still in flight
            blocks.append(block)
    return Answer(blocks, stop_reason=answer.stop_reason, stop_details=answer.stop_details, container=answer.container)


def sent_for(recording: Recording) -> Recording:
    """What the server sends for a recorded request whose answer it knows."""
    return _sent()[recording.id]


@cache
def _sent() -> dict[str, Recording]:
    return {each.id: _sending(each) for platform in PLATFORMS for each in of_platform(platform)}


def _sending(recording: Recording) -> Recording:
    dialect = DIALECTS.get(recording.platform, FIRST_PARTY)
    rng = Random(recording.id)
    body = {**recording.params, "max_tokens": _ROOM}
    body.pop("stop_sequences", None)  # the recorded answer ends before it
    message = reply(
        body,
        Carried(in_the_servers_words(recording)),
        rng,
        id=dialect.shape.message_id(recording.id),
        betas=recording.betas,
    )
    frames = b"".join(dialect.frame(event, rng) for event in dialect.events(message.events(), rng))
    return Recording({**recording.told, "id": f"{recording.id}, sent", "body_base64": b64encode(frames).decode()})


def is_whole(recording: Recording) -> bool:
    """Whether it is a stream of blocks, and not a message that is whole as it starts."""
    start = next((event for event in recording.events if event.get("type") == "message_start"), None)
    return start is not None and not start["message"]["content"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_field_is_sent_that_was_never_recorded(platform: str) -> None:
    """Nor one of another type."""
    recorded = [each for each in of_platform(platform) if is_whole(each)]
    known = fields([each.events for each in recorded])
    sent = fields([sent_for(each).events for each in recorded])
    assert {field: types for field, types in sent.items() if not types <= known.get(field, set())} == {}


def newest_fields(recorded: Sequence[Recording]) -> dict[str, tuple[list[Recording], set[str]]]:
    """By place, the newest recordings that have it, and the keys that nearly all of them have there."""
    found: dict[str, list[tuple[Recording, set[str]]]] = defaultdict(list)
    for recording in recorded:
        if date_of(recording.told["headers"]) is None:
            continue
        for place, each in objects(recording.events).items():
            if len(found[place]) < _NEWEST:
                found[place].append((recording, set(each[0]).intersection(*each)))
    counted = {place: Counter(key for _, keys in each for key in keys) for place, each in found.items()}
    return {
        place: (
            [recording for recording, _ in each],
            {key for key, count in counted[place].items() if count >= _NEARLY * len(each)},
        )
        for place, each in found.items()
    }


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_the_newest_recordings_have_is_sent(platform: str) -> None:
    """For the same requests and answers."""
    missing = [
        (recording.id, place, keys - each.keys())
        for place, (newest, keys) in newest_fields([r for r in of_platform(platform) if is_whole(r)]).items()
        for recording in newest
        for each in objects(sent_for(recording).events)[place]
        if not keys <= each.keys() and place != "ping"
    ]
    assert missing == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_place_of_the_recordings_is_spoken(platform: str) -> None:
    """Whatever kind of block, delta or event a recorded stream has, the stream that is sent for it has too."""
    for recording in recorded_bytes(platform):
        sent = objects(sent_for(recording).events)
        left_out = set(objects(recording.events)) - set(sent) - {"ping", "None"}
        # An empty delta is nothing that a script names, and a beta's header may be left out of the recording.
        assert not {place for place in left_out if not place.startswith(("delta ", "iteration "))}, recording.id


def names_of(headers: Mapping[str, str]) -> set[str]:
    """The names of headers that are not HTTP's own."""
    return {name.lower() for name in headers} - _OF_HTTP


PATHS: Final = {
    "anthropic": "/v1/messages",
    "azure": "/anthropic/v1/messages",
    "bedrock": "/model/anthropic.claude-haiku-4-5-20251001-v1:0/invoke-with-response-stream",
    "vertex": "/v1/projects/p/locations/global/publishers/anthropic/models/claude-haiku-4-5:streamRawPredict",
}


async def answer_to(platform: str, script: Script) -> httpx2.Response:
    """What the server answers a plain request with."""
    body: dict[str, Any] = {"max_tokens": 99, "messages": [{"role": "user", "content": "Tell me."}], "stream": True}
    if platform in ("anthropic", "azure"):
        body["model"] = "claude-haiku-4-5"
    else:
        versions = {"bedrock": "bedrock-2023-05-31", "vertex": "vertex-2023-10-16"}
        body["anthropic_version"] = versions[platform]
        body.pop("stream")
    keys = {"x-api-key": "test", **({"api-key": "test"} if platform == "azure" else {})}
    async with FaultServer(script) as server, httpx2.AsyncClient(base_url=server.url) as client:
        return await client.post(PATHS[platform], json=body, headers={**keys, "anthropic-version": "2023-06-01"})


@pytest.mark.asyncio
@pytest.mark.parametrize("platform", PLATFORMS)
async def test_the_headers_of_a_stream(platform: str) -> None:
    """Are among the recorded ones, and all of those that the newest recordings have."""
    recorded = [each for each in of_platform(platform) if each.is_recorded and each.told["status"] == 200]
    headers = [names_of(each.told["headers"]) for each in recorded]
    dated = [names_of(each.told["headers"]) for each in recorded if date_of(each.told["headers"])][:_NEWEST]
    response = await answer_to(platform, Script("A word."))
    assert response.status_code == 200
    sent = names_of(response.headers)
    assert sent - set[str]().union(*headers) == set()
    assert nearly_all(dated) - sent == set()


def nearly_all(found: Sequence[set[str]]) -> set[str]:
    """What nearly all of the sets have."""
    counts = Counter(each for names in found for each in names)
    return {each for each, count in counts.items() if count >= _NEARLY * len(found)}


@pytest.mark.asyncio
async def test_a_success_may_say_when_to_retry() -> None:
    """Some five hundred recorded ones did; the script says so."""
    assert any("retry-after" in names_of(each.told["headers"]) for each in of_platform("anthropic"))
    assert "retry-after" not in (await answer_to("anthropic", Script("A word."))).headers
    response = await answer_to("anthropic", Script(Answer("A word.", headers={"retry-after": "30"})))
    assert (response.status_code, response.headers["retry-after"]) == (200, "30")


def errors() -> list[Any]:
    """The platforms and statuses of which an error was recorded."""
    found = {(each.platform, each.status) for each in every_request() if each.status != 200}
    return [pytest.param(*each, id=f"{each[0]}-{each[1]}") for each in sorted(found) if each[0] in PLATFORMS]


def error_fields(body: Any) -> Fields:
    """The fields of an error's body, with the types of their values."""
    told = [("body", body), ("body.error", body.get("error") or {})]
    return {(place, key): {json_type(value)} for place, each in told for key, value in each.items()}


@pytest.mark.asyncio
@pytest.mark.parametrize(("platform", "status"), errors())
async def test_an_error(platform: str, status: int) -> None:
    """Its headers and the fields of its body."""
    every = [each for each in every_request() if each.status != 200 and each.platform == platform]
    alike = sorted((each for each in every if each.status == status), key=by_date, reverse=True)
    response = await answer_to(platform, Script(then=Status(status)))
    assert response.status_code == status
    sent = names_of(response.headers)
    assert sent - set[str]().union(*(names_of(each.told["headers"]) for each in every)) == set()
    dated = [each for each in alike if date_of(each.told["headers"])][:_NEWEST] or alike
    assert nearly_all([names_of(each.told["headers"]) for each in dated]) - sent == set()
    if len(alike) >= _NEWEST:
        # What all other errors have, and none of these, is not sent with these.
        others = sorted((each for each in every if each.status != status), key=by_date, reverse=True)[:_NEWEST]
        everywhere = nearly_all([names_of(each.told["headers"]) for each in others])
        assert sent & everywhere <= set[str]().union(*(names_of(each.told["headers"]) for each in alike))

    recorded: Fields = defaultdict(set)
    for each in alike:
        for field, types in error_fields(json.loads(each.told["answer"])).items():
            recorded[field] |= types
    told = error_fields(response.json())
    kept_back = {key[1:]: types for key, types in _KEPT_BACK.items() if key[0] == str(status)}
    wrong = {
        field: types for field, types in told.items() if not types <= recorded[field] | kept_back.get(field, set())
    }
    assert wrong == {}
    newest = [set(error_fields(json.loads(each.told["answer"]))) for each in dated]
    assert {field for field in recorded if all(field in each for each in newest)} <= told.keys()
    should = {each.headers_of_answer.get("x-should-retry") for each in alike} - {None}
    assert response.headers.get("x-should-retry") in (should or {None})


def by_date(request: RecordedRequest) -> datetime:
    """When it was recorded."""
    return date_of(request.told["headers"]) or datetime.min.replace(tzinfo=UTC)


def recorded_bytes(platform: str) -> list[Recording]:
    """The streams of a platform whose bytes are as they came."""
    return [each for each in of_platform(platform) if each.is_recorded and is_whole(each)]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_padding(platform: str) -> None:
    """Of events but pings: as wide as in the recordings, and as often none."""
    recorded = Counter(width for each in recorded_bytes(platform) for width in widths(each))
    sent = Counter(width for each in recorded_bytes(platform) for width in widths(sent_for(each)))
    assert recorded.total() > 100
    assert set(sent) - set(recorded) == set()
    assert sent[0] / sent.total() == pytest.approx(recorded[0] / recorded.total(), abs=0.1)


def widths(recording: Recording) -> Iterator[int]:
    """How much each event of a stream is padded: spaces, or Bedrock's filler in tens of characters."""
    for frame, event in zip(recording.frames, recording.events, strict=True):
        if recording.platform == "bedrock":
            payload = json.loads(frame[12 + int.from_bytes(frame[4:8], "big") : -4])
            if "p" in payload:
                yield 1 + len(payload["p"]) // 10
        elif event.get("type") not in ("ping", None):
            line = frame.rstrip()[:-1]
            yield len(line) - len(line.rstrip(b" "))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_pings(platform: str) -> None:
    """As often none, one and several as in the recordings; and after the same events."""
    recorded = [each for each in recorded_bytes(platform) if "ping" not in each.types[-1:]]
    again = [sent_for(each) for each in recorded]
    assert by_count(again) == pytest.approx(by_count(recorded), abs=0.25)
    known = Counter(place for each in recorded for place in before_pings(each))
    sent = Counter(place for each in again for place in before_pings(each))
    assert set(sent) <= set(known)
    assert [place for place, _ in sent.most_common(1)] == [place for place, _ in known.most_common(1)]


def by_count(streams: Sequence[Recording]) -> list[float]:
    """Which part of the streams has no ping, one, and several."""
    counts = Counter(min(2, each.types.count("ping")) for each in streams)
    return [counts[n] / len(streams) for n in range(3)]


def before_pings(recording: Recording) -> Iterator[str]:
    """The types of the events after which pings come."""
    return (before for before, kind in pairwise(recording.types) if kind == "ping" != before)


def test_the_pieces_of_a_text() -> None:
    """Are as long as the API's: their median, and how long the longest are."""
    recorded = sorted(pieces(recorded_bytes("anthropic")))
    sent = sorted(pieces([sent_for(each) for each in recorded_bytes("anthropic")]))
    assert median(sent) == pytest.approx(median(recorded), abs=2)
    for part in (0.25, 0.75, 0.95):
        assert sent[int(part * len(sent))] == pytest.approx(recorded[int(part * len(recorded))], rel=0.5)
    assert sent[-1] <= 216


def pieces(streams: Sequence[Recording]) -> list[int]:
    """The lengths of all text deltas."""
    deltas = [event["delta"] for each in streams for event in each.events if event.get("type") == "content_block_delta"]
    return [len(delta["text"]) for delta in deltas if delta["type"] == "text_delta"]


def test_citations_come_before_their_text() -> None:
    """In every block that has any, here as there; and what is cited again has another index."""
    for stream in (each for recording in recorded_bytes("anthropic") for each in (recording, sent_for(recording))):
        kinds: dict[int, list[str]] = defaultdict(list)
        indices = []
        for event in stream.events:
            if event.get("type") == "content_block_delta":
                kinds[event["index"]].append(event["delta"]["type"])
                indices.append(event["delta"].get("citation", {}).get("encrypted_index"))
        for each in kinds.values():
            if "citations_delta" in each:
                assert "citations_delta" not in each[each.index("text_delta") :], stream.id
        given = [index for index in indices if index is not None]
        assert len(given) == len(set(given)), stream.id


@pytest.mark.parametrize("platform", PLATFORMS)
def test_ids_and_beginnings(platform: str) -> None:
    """The id of a message begins as the recorded ones do, and is as long; the tokens at the start are few."""
    for recording in recorded_bytes(platform)[:_NEWEST]:
        sent, recorded = (each.events[0]["message"] for each in (sent_for(recording), recording))
        if "REDACTED" not in recorded["id"]:
            assert len(sent["id"]) == len(recorded["id"])
            assert sent["id"].rpartition("_")[0] == recorded["id"].rpartition("_")[0]
        assert 1 <= sent["usage"]["output_tokens"] <= 216 // 4
