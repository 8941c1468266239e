"""The simplest client that resumes: what it holds of an answer, what it asks for, and how it joins the two.

It knows nothing of the library. With it the fault server's own side of a resume is tested: that it accepts what such a
client sends back, and goes on with what is left.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["Held", "joined", "request_to_go_on"]

#: The shortest text that is worth quoting.
TAIL = 12


class Held:
    """What has arrived of a message.

    Attributes:
        blocks: The whole blocks, without the calls of server tools that have no result.
        text: The text block that is open; None if none is.
        citations: Those of the block that is open.
        stop_reason: As in the API; None: it was not seen.
    """

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.text: str | None = None
        self.citations: list[Any] = []
        self.stop_reason: str | None = None
        whole: list[dict[str, Any]] = []
        for event in events:
            match event["type"]:
                case "content_block_start":
                    block, pieces = dict(event["content_block"]), ""
                case "content_block_delta":
                    pieces += fold(block, event["delta"])
                case "content_block_stop":
                    if pieces:
                        block["input"] = json.loads(pieces)
                    whole.append(block)
                    block = {}
                case "message_delta":
                    self.stop_reason = event["delta"]["stop_reason"]
        if len(whole) < sum(event["type"] == "content_block_start" for event in events) and block["type"] == "text":
            self.text, self.citations = block["text"], list(block.get("citations") or [])
        paired = {each["tool_use_id"] for each in whole if "tool_use_id" in each}
        self.blocks = [
            each for each in whole if each["type"] not in ("server_tool_use", "mcp_tool_use") or each["id"] in paired
        ]

    @property
    def content(self) -> list[dict[str, Any]]:
        """What a request may carry of it; empty if that is nothing."""
        blocks = list(self.blocks)
        if self.text is not None and self.text.strip():
            blocks.append({"type": "text", "text": self.text})
        while blocks and blocks[-1]["type"] in ("thinking", "redacted_thinking"):
            blocks.pop()
        return blocks if any(not each["type"].endswith("thinking") for each in blocks) else []

    @property
    def calls(self) -> bool:
        """Whether a call of the caller's tools is whole, which ends the turn."""
        return any(each["type"] == "tool_use" for each in self.blocks)


def fold(block: dict[str, Any], delta: dict[str, Any]) -> str:
    """Add a delta to a block; the piece of JSON that it is, if it is one."""
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta["citation"]]
        case "input_json_delta":
            return str(delta["partial_json"])
    return ""


def request_to_go_on(request: dict[str, Any], held: Held, *, prefill: bool) -> dict[str, Any]:
    """The request that asks for the rest; the same one again if there is nothing to go on from."""
    content = [dict(block) for block in held.content]
    if not content:
        return request
    if prefill:
        if content[-1]["type"] == "text":
            content[-1]["text"] = content[-1]["text"].rstrip()
        return {**request, "messages": [*request["messages"], {"role": "assistant", "content": content}]}
    said = "".join(block["text"] for block in content if block["type"] == "text")
    asks = f"The connection was lost after <tail>{said[-TAIL:]}</tail>. Please go on from there."
    turns = [{"role": "assistant", "content": content}, {"role": "user", "content": asks}]
    return {**request, "messages": [*request["messages"], *turns]}


def joined(held: Held, rest: Held, *, prefill: bool) -> list[dict[str, Any]]:
    """One message's content from what was held and what came then; the second request's thinking is left out."""
    blocks = held.content
    if not blocks:
        return rest.blocks
    new = [dict(block) for block in rest.blocks if not block["type"].endswith("thinking")]
    said = "".join(block["text"] for block in blocks if block["type"] == "text")
    if new and new[0]["type"] == "text":
        text = new[0]["text"]
        if prefill:
            # What was cut from the end of the request is written again.
            space = said[len(said.rstrip()) :] if blocks[-1]["type"] == "text" else ""
            new[0]["text"] = text.removeprefix(space) if space else text
        elif said[-TAIL:].strip() and text.startswith(said[-TAIL:]):
            new[0]["text"] = text[len(said[-TAIL:]) :]
        if blocks[-1]["type"] == "text":
            cited = blocks_citations(held)
            # Who goes on with a text may cite again what it cited, with another index.
            again = [each for each in new[0].get("citations") or [] if readable(each) not in map(readable, cited)]
            last = {**blocks.pop(), "citations": [*cited, *again]}
            new[0] = {**last, "text": last["text"] + new[0]["text"]}
        elif not new[0]["text"]:
            new = new[1:]
    return [*blocks, *new]


def blocks_citations(held: Held) -> list[Any]:
    """The citations of the block that is open or, if what is carried ends with a whole block, of that one."""
    whole = held.text is None or not held.text.strip()
    last = held.blocks[-1].get("citations") if whole and held.blocks else held.citations
    return list(last or [])


def readable(citation: dict[str, Any]) -> dict[str, Any]:
    """A citation without its index."""
    return {name: value for name, value in citation.items() if name != "encrypted_index"}
