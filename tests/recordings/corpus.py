"""The recorded streams and requests: where they are, and how one is read.

They are data of others and no part of this project: `../shared/recordings` beside the checkout, or wherever
`UNBROKEN_RECORDINGS` says.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import anthropic
import pytest
from tests.corpus.grammar import request_for

from unbroken.core.models.table import lookup
from unbroken.testing import Answer, ServerTool, ToolUse
from unbroken.testing.claude.offers import SERVER_TOOLS

__all__ = [
    "ABSENT",
    "RECORDINGS",
    "RecordedRequest",
    "Recording",
    "client_for",
    "every_recording",
    "every_request",
    "needs_recordings",
]

RECORDINGS: Final = Path(os.environ.get("UNBROKEN_RECORDINGS") or Path(__file__).parents[3] / "shared" / "recordings")
ABSENT: Final = "the recorded streams are not beside this checkout: set UNBROKEN_RECORDINGS to where they are"
needs_recordings: Final = pytest.mark.skipif(not RECORDINGS.is_dir(), reason=ABSENT)

_FRAME: Final = re.compile(rb"\r?\n\r?\n")
_MODEL: Final = re.compile(r"/models?/([^/:]+(?::\d+)?)[/:]")
#: What a client makes by itself, or the harness does not send again.
_OWN: Final = frozenset({"stream", "anthropic_version", "betas"})
#: The call of a result, where it is not named like it.
_CALLED_BY: Final = {"tool_search_tool_result": "tool_search_tool_regex"}
#: How a body that is not in the recording is told of: Bedrock's, by its digest.
_DIGEST: Final = "sha256"


@dataclass(frozen=True)
class Recording:
    """One recorded stream.

    Attributes:
        told: The recording as its file has it.
    """

    told: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Its name, such as `rec-001`."""
        return str(self.told["id"])

    @property
    def platform(self) -> str:
        """`anthropic`, `bedrock`, `vertex`, `azure`, `gateway` or `openrouter`."""
        return str(self.told["platform"])

    @property
    def is_recorded(self) -> bool:
        """Whether the bytes are the API's own, and not rebuilt, written by hand or quoted."""
        return bool(self.told["provenance"] == "recorded")

    @cached_property
    def body(self) -> bytes:
        """The bytes of the response."""
        if "body_base64" in self.told:
            return b64decode(self.told["body_base64"])
        return str(self.told["body"]).encode()

    @cached_property
    def headers(self) -> dict[str, str]:
        """The headers of the response, but for those that say how it was transferred."""
        left_out = ("content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive")
        headers = {name: value for name, value in self.told["headers"].items() if name.lower() not in left_out}
        kind = "application/vnd.amazon.eventstream" if self.platform == "bedrock" else "text/event-stream"
        return {"content-type": kind, **headers}

    @cached_property
    def frames(self) -> list[bytes]:
        """The body, frame by frame; whatever follows the last whole frame is a frame too."""
        return list(_messages(self.body) if self.platform == "bedrock" else _frames(self.body))

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """The event of each frame; empty where it has none that is JSON."""
        return [_event(frame, binary=self.platform == "bedrock") for frame in self.frames]

    @property
    def types(self) -> list[str]:
        """The type of each event."""
        return [str(event.get("type")) for event in self.events]

    @cached_property
    def params(self) -> dict[str, Any]:
        """The request as arguments of the SDK: as it was recorded or, where it was not, one of that shape."""
        told = self.told["request"].get("body") or {}
        body = {} if _DIGEST in told else {name: value for name, value in told.items() if name not in _OWN}
        if "messages" not in body:
            most = lookup(self.told["model"]).max_output or 4_096
            body = {"max_tokens": most, **self._offer(), "messages": self._before()}
        url = unquote(self.told["request"].get("url") or "")
        named = _MODEL.search(url)
        body["model"] = body.get("model") or (named[1] if named else self.told["model"])
        return body

    @cached_property
    def betas(self) -> list[str]:
        """The betas that the request named."""
        headers = {name.lower(): value for name, value in self.told["request"].get("headers", {}).items()}
        named = [
            *headers.get("anthropic-beta", "").split(","),
            *(self.told["request"].get("body") or {}).get("betas", ()),
        ]
        return [beta.strip() for beta in named if beta.strip() and "*" not in beta]

    @property
    def api(self) -> str:
        """Whether it was asked for over `messages` or `beta`."""
        return "beta" if self.betas or "beta=true" in (self.told["request"].get("url") or "") else "messages"

    def _before(self) -> list[dict[str, Any]]:
        """A conversation that such an answer could follow: its first results may be of calls in the turn before."""
        asked: list[dict[str, Any]] = [{"role": "user", "content": "Tell me."}]
        blocks = [e["content_block"] for e in self.events if e.get("type") == "content_block_start"]
        called = {block["id"] for block in blocks if block["type"].endswith("_use")}
        waiting = [b for b in blocks if b["type"].endswith("_tool_result") and b["tool_use_id"] not in called]
        if not waiting:
            return asked
        calls = [
            {
                "type": "server_tool_use",
                "id": block["tool_use_id"],
                "name": _CALLED_BY.get(block["type"], block["type"].removesuffix("_tool_result")),
                "input": {},
            }
            for block in waiting
        ]
        beside = {"type": "tool_use", "id": "toolu_01", "name": "look", "input": {}}
        if waiting[0]["type"] == "code_execution_tool_result":
            beside["caller"] = {"type": "code_execution_20250825", "tool_id": waiting[0]["tool_use_id"]}
        result = {"type": "tool_result", "tool_use_id": "toolu_01", "content": "Seven."}
        return [*asked, {"role": "assistant", "content": [*calls, beside]}, {"role": "user", "content": [result]}]

    def _offer(self) -> dict[str, Any]:
        """The tools that the recorded answer calls."""
        calls = [e["content_block"] for e in self.events if e.get("type") == "content_block_start"]
        calls += [block for message in self._before() if message["role"] == "assistant" for block in message["content"]]
        own = [ToolUse(block["name"]) for block in calls if block.get("type") == "tool_use"]
        servers = [
            ServerTool(block["name"])
            for block in calls
            if block.get("type") == "server_tool_use" and block["name"] in SERVER_TOOLS and block["name"] != "advisor"
        ]
        return {key: value for key, value in request_for(Answer([*servers, *own])).items() if key == "tools"}


@dataclass(frozen=True)
class RecordedRequest:
    """One recorded request, and what became of it.

    Attributes:
        told: The request as its file has it.
    """

    told: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Its name, such as `req-001`."""
        return str(self.told["id"])

    @property
    def status(self) -> int:
        """That it was answered with."""
        return int(self.told["status"])

    @property
    def platform(self) -> str:
        """As a recording's."""
        return str(self.told["platform"])

    @cached_property
    def headers(self) -> dict[str, str]:
        """Its headers, by lower-case name."""
        return {name.lower(): value for name, value in self.told["request"]["headers"].items()}

    @cached_property
    def headers_of_answer(self) -> dict[str, str]:
        """Those that it was answered with, by lower-case name."""
        return {name.lower(): value for name, value in self.told["headers"].items()}

    @cached_property
    def body(self) -> dict[str, Any]:
        """Its body, with the model that some platforms have in the path and the betas that stand in a header."""
        body = dict(self.told["request"]["body"])
        body.setdefault("model", self.told["model"])
        if self.betas:
            body["betas"] = self.betas
        return body

    @property
    def betas(self) -> list[str]:
        """The betas of the header."""
        return [beta.strip() for beta in self.headers.get("anthropic-beta", "").split(",") if beta.strip()]

    @property
    def version(self) -> str | None:
        """The `anthropic-version`; None where the platform has none."""
        return self.headers.get("anthropic-version")

    @property
    def words(self) -> str:
        """What the error says; empty where there is none."""
        answer = self.told["answer"]
        if not answer or self.status == 200:
            return ""
        try:
            told = json.loads(answer)
        except ValueError:
            return str(answer)
        return str((told.get("error") or told).get("message", ""))


@cache
def every_recording() -> tuple[Recording, ...]:
    """All recorded streams that are there."""
    return tuple(Recording(json.loads(path.read_bytes())) for path in sorted(RECORDINGS.glob("open/*.json")))


@cache
def every_request() -> tuple[RecordedRequest, ...]:
    """All recorded requests that are there."""
    return tuple(RecordedRequest(json.loads(path.read_bytes())) for path in sorted(RECORDINGS.glob("requests/*.json")))


def client_for(platform: str, http_client: Any, **options: Any) -> Any:
    """The SDK's client of a platform."""
    match platform:
        case "bedrock":
            return anthropic.AsyncAnthropicBedrock(
                aws_region="us-east-1", api_key="test", http_client=http_client, max_retries=0, **options
            )
        case "vertex":
            return anthropic.AsyncAnthropicVertex(
                region="global", project_id="p", access_token="test", http_client=http_client, max_retries=0, **options
            )
        case "azure":
            return anthropic.AsyncAnthropicFoundry(
                base_url="http://foundry/anthropic", api_key="test", http_client=http_client, max_retries=0, **options
            )
        case _:
            return anthropic.AsyncAnthropic(api_key="test", http_client=http_client, max_retries=0, **options)


def _frames(body: bytes) -> Iterator[bytes]:
    at = 0
    for end in _FRAME.finditer(body):
        if body[at : end.start()].strip():
            yield body[at : end.end()]
            at = end.end()
    if body[at:].strip():
        yield body[at:]


def _messages(body: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(body):
        length = int.from_bytes(body[at : at + 4], "big")
        yield body[at : at + length]
        at += length


def _event(frame: bytes, *, binary: bool) -> dict[str, Any]:
    if binary:
        head = int.from_bytes(frame[4:8], "big")
        payload = frame[12 + head : -4]
    else:
        payload = b"\n".join(line[5:].strip() for line in frame.splitlines() if line.startswith(b"data:"))
    try:
        told = json.loads(payload)
        told = json.loads(b64decode(told["bytes"])) if binary else told
    except (ValueError, KeyError):
        return {}
    return told if isinstance(told, dict) else {}
