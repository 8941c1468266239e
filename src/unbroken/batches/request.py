"""A request as a batch takes it, and a batched answer joined to what was delivered before it was asked for.

An answer from a batch comes as a whole. It is taken apart into the events by which a stream would have brought it, and
goes through the splicer and the seam like any other continuation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Self, cast

from ..core.message.partial import Block, Partial
from ..core.requests.forms import Form
from ..core.requests.resume import joint
from ..core.seam.anchor import Anchor
from ..core.seam.ending import Ending
from ..core.seam.instruction import Instruction
from ..core.seam.seam import Seam
from ..core.splicing.splicer import Splicer
from ..core.wire.counters import TOKENS
from ..core.wire.decoded import Event

if TYPE_CHECKING:
    from ..core.splicing.splicer import Trouble

__all__ = ["Joined", "Rest", "as_batched", "events_of", "is_whole", "result_in", "unhurried", "unsupported"]

#: Arguments of `messages.stream` that go with the request that creates a batch, or ask for it, and not into it.
OPTIONS: Final = ("betas", "extra_headers", "extra_query", "timeout", "user_profile_id", "workspace_id")

#: What a batch does not take and the answer does not depend on.
_FOR_SPEED: Final = ("speed", "fallback_credit_token")

#: It is delivered as a whole: this says no more than that text is joined and thinking passes.
_LIVE: Final = frozenset({"text", "thinking"})


def unsupported(request: Mapping[str, Any]) -> str | None:
    """Why a batch would not take this request, one clause; None where nothing is known against it.

    Fast mode is not available in batches (https://platform.claude.com/docs/en/build-with-claude/fast-mode). The API
    answers a request that bills a user's profile with an `errored` result (SDK `types/beta/message_create_params.py`,
    `billing_policy`). A thread expires 5 minutes after its last request, as a fallback's credit token does
    (claude-api.md, section 5), and a batch may take hours: that it cannot use them is inferred.
    """
    request = {**request, **cast("Mapping[str, Any]", request.get("extra_body") or {})}
    if request.get("speed") == "fast":
        return "a batch has no fast mode: leave speed out"
    if request.get("thread") is not None:
        return "a thread expires long before a batch may end: leave thread out, and send the whole conversation"
    if request.get("fallback_credit_token") is not None:
        return "fallback_credit_token expires long before a batch may end: leave it out"
    billing = request.get("billing_policy")
    if isinstance(billing, Mapping) and billing.get("bill_to") == "user_profile":
        return "a batch cannot be billed to a user's profile: leave billing_policy out"
    return None


def unhurried(request: Mapping[str, Any]) -> dict[str, Any]:
    """A request that was meant for a stream, without what is in it for its speed alone."""
    return {name: value for name, value in request.items() if name not in _FOR_SPEED}


def as_batched(request: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of `messages.stream` as `params` of a batch's request, and those of the call that creates it.

    Args:
        request: The arguments; without `output_format`, whose schema is in `output_config` by now.
    """
    options = {name: request[name] for name in OPTIONS if name in request}
    params = {name: _plain(value) for name, value in request.items() if name not in {*options, "extra_body"}}
    return {**params, **cast("Mapping[str, Any]", request.get("extra_body") or {})}, options


def _plain(value: Any) -> Any:
    """Without objects of the SDK's: blocks of an earlier answer, tools that are functions."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if not callable(getattr(value, "to_dict", None)):
        return value
    kept_back = getattr(value, "__api_exclude__", None) or ()  # SDK 1.0 has what it has parsed among the rest
    return {name: item for name, item in value.to_dict().items() if name not in kept_back}


def result_in(lines: bytes, custom_id: str) -> dict[str, Any] | None:
    """The result of one request in a results file (JSON Lines); None: it is not there, or the file was cut before."""
    for line in lines.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue  # where it was cut
        if isinstance(entry, dict) and entry.get("custom_id") == custom_id and isinstance(entry.get("result"), dict):
            return cast("dict[str, Any]", entry["result"])
    return None


def is_whole(message: object) -> bool:
    """Whether this is a message that has ended, as far as it has to be read for joining it."""
    match message:
        case {"content": [*blocks], "usage": {**usage}, "stop_reason": str()}:
            counts = (usage.get(name) for name in TOKENS)  # what the report adds up
            return all(map(_is_readable, blocks)) and all(isinstance(each, int | None) for each in counts)
        case _:
            return False


def _is_readable(block: object) -> bool:
    match block:
        case {"type": "text", "text": str()} | {"type": "thinking", "thinking": str()}:
            return True
        case {"type": str(type_)}:
            return type_ not in ("text", "thinking")
        case _:
            return False


def events_of(message: Mapping[str, Any]) -> list[Event]:
    """The events by which a stream would have brought this message."""
    whole = Partial(
        message={**message, "content": [], "stop_reason": None, "stop_sequence": None},
        blocks=[_whole_block(block) for block in message.get("content") or ()],
        ending={
            "delta": {
                "stop_reason": message.get("stop_reason"),
                "stop_sequence": message.get("stop_sequence"),
                **{name: message[name] for name in ("stop_details", "container") if message.get(name) is not None},
            },
            "usage": message.get("usage") or {},
        },
        stopped=True,
    )
    return list(whole.events())


def _whole_block(block: Mapping[str, Any]) -> Block:
    match block:
        case {"type": "text", "text": str(text)}:
            citations = list(block.get("citations") or ())
            start = {**block, "text": "", **({"citations": []} if citations else {})}
            return Block(start, [text], citations=citations, closed=True)
        case {"type": "thinking", "thinking": str(thought)}:
            start = {**block, "thinking": "", "signature": ""}
            return Block(start, [thought], signature=block.get("signature"), closed=True)
        case {"input": {**given}} if given:
            return Block({**block, "input": {}}, [json.dumps(given, ensure_ascii=False)], closed=True)
        case _:
            return Block(dict(block), closed=True)


@dataclass(frozen=True, slots=True)
class Joined:
    """What came of an answer.

    Attributes:
        partial: The message, whole unless there is trouble.
        delivered: What the answer added to it, as events.
        seam: How its text was joined; None where there was nothing to join.
        abandoned: Types of blocks that were given up unfinished, in order.
        trouble: Why it could not be joined; None where it was.
    """

    partial: Partial
    delivered: list[Event]
    seam: Seam | None
    abandoned: list[str]
    trouble: Trouble | None


@dataclass(frozen=True, slots=True)
class Rest:
    """What was asked for, as far as joining it needs to know. It holds content: all that was delivered.

    Attributes:
        partial: What was delivered when the rest was asked for; empty for a request afresh.
        form: In which form it was asked for.
        anchor: How much of the text was sent back, and what was expected; None where no text was delivered.
        instruction: What the request for it asked, which is to stay out of the text; None where it asked nothing.
        own: Whether the answer's thinking may stand in the message (`Splicer.begin`).
        stop_sequences: Of the request.
        demanded: The `output_config.format` that the whole text has to satisfy; None for any text.
        on_unmatched: The policy's.
    """

    partial: Partial = field(default_factory=Partial)
    form: Form = "request"
    anchor: Anchor | None = None
    instruction: Instruction | None = None
    own: bool = True
    stop_sequences: tuple[str, ...] = ()
    demanded: Mapping[str, Any] | None = None
    on_unmatched: Literal["fail", "join"] = "fail"

    def join(self, message: Mapping[str, Any], is_document: Callable[[str], bool] | None = None) -> Joined:
        """Join a batched message to what was delivered before, which is left as it is.

        What matches nothing is joined as it is only where `on_unmatched` says so, and the seam tells; and never an
        answer that was begun anew, half a document, an apology, a refusal, or a text which is there already. One that
        adds nothing is the end where what was delivered may be whole.

        Args:
            message: As the API has it.
            is_document: Whether a text is the document that was demanded. None: any text will do.
        """
        splicer = Splicer(live=_LIVE, stop_sequences=self.stop_sequences, partial=self.partial.copy())
        seam = self._seam()
        if seam is not None and message.get("stop_reason") == "refusal":
            return Joined(splicer.partial, [], None, [], "refused")
        may_guess = self.on_unmatched == "join" and self.form != "restart" and is_document is None
        resumed = self.form.startswith("continue")
        delivered = splicer.begin(seam, own=self.own, is_document=is_document if resumed else None)
        for event in events_of(message):
            delivered += splicer.feed(event)
            unmatched = splicer.trouble == "unmatched" and may_guess and splicer.may_join_as_it_is
            calls = may_guess and event.get("type") == "content_block_start"  # without a word before it
            silent = splicer.trouble == "silent" and (calls or splicer.ending is not Ending.UNFINISHED)
            if unmatched or silent:
                delivered += splicer.join_unverified()
            if splicer.trouble is not None:
                break
        return Joined(splicer.partial, delivered, seam, splicer.abandoned, splicer.trouble)

    def _seam(self) -> Seam | None:
        text = self.partial.trailing_text
        if self.anchor is None or self.form == "request" or not text.strip():
            return None
        return Seam(text, self.anchor, form=joint(self.form), instruction=self.instruction)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "partial": self.partial.to_dict(),
            "form": self.form,
            "anchor": None if self.anchor is None else asdict(self.anchor),
            "instruction": None if self.instruction is None else asdict(self.instruction),
            "own": self.own,
            "stop_sequences": list(self.stop_sequences),
            "format": None if self.demanded is None else dict(self.demanded),
            "on_unmatched": self.on_unmatched,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """What `to_dict` gave. Raises `ValueError` where its parts do not belong together."""
        anchor, asked = data["anchor"], data.get("instruction")
        rest = cls(
            partial=Partial.from_dict(data["partial"]),
            form=data["form"],
            anchor=anchor and Anchor(anchor["sent"], anchor["echo"], anchor["key"]),  # a later release may add to it
            instruction=asked and Instruction(tuple(asked["tags"]), tuple(asked["sentences"])),  # 0.1.0 did not say
            own=data["own"],
            stop_sequences=tuple(data["stop_sequences"]),
            demanded=data["format"],
            on_unmatched=data.get("on_unmatched", "fail"),  # 0.1.0 did not say
        )
        text = rest.partial.trailing_text.rstrip()
        sent_back = "" if rest.anchor is None else (rest.anchor.sent + rest.anchor.key).rstrip()
        if rest.form != "request" and sent_back != text:
            raise ValueError(
                "this is no deferred request of version 1: the text that was sent back is not the partial's"
            )
        return rest
