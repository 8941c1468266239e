"""Recorded requests: what the API took is not accused, and what it rejected is, for the reason that it gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest
from playback import answer_of

from corpus import RecordedRequest, Recording, every_request, needs_recordings
from unbroken.preflight import check
from unbroken.testing import RawBlock
from unbroken.testing.claude.reply import folded
from unbroken.testing.rules.incoming import Incoming
from unbroken.testing.rules.validation import _RULES, KNOWN_MODELS, validate

pytestmark = needs_recordings

#: Fields that are no part of the Claude API: a gateway's own.
_GATEWAYS: Final = frozenset({"gateway", "openrouter"})
#: What the fault server knows again by its own key, which no recorded block has.
_SEALED: Final = "Invalid `"
#: Rejected for what is not in the request as it was kept, or is no matter of the request's form.
_NOT_SEEN: Final[Mapping[str, str]] = {
    "req-125": "Bedrock does not know the model",
    "req-541": "the text of 3 million tokens was left out of the recording",
}
#: Whose ids were replaced one by one.
_REPLACED: Final = frozenset({"rec-025"})
#: Why each was rejected, as preflight says it.
_REASONS: Final[Mapping[str, str]] = {
    "temperature: range": "sampling_range",
    "too many parameters with union types": "schema_unions",
    "too complex for compilation": "schema_too_complex",
    "Too many strict tools": "schema_strict_tools",
    "Input does not match the expected shape": "tool_invalid",
    "input_schema.type: Field required": "tool_schema_type",
    "Circular reference": "schema_recursive",
    "does not support assistant message prefill": "prefill_unsupported",
    "output_format.schema: Field required": "output_format_invalid",
    "property 'minimum' is not supported": "schema_constraint",
}


def errors(body: Mapping[str, Any], version: str | None) -> list[str]:
    """The errors that preflight finds."""
    return [str(found) for found in check(body, version=version) if found.severity == "error"]


def requests(*, accepted: bool) -> list[Any]:
    """The recorded requests that were answered with 200, or with a 400."""
    wanted = [each for each in every_request() if each.status == (200 if accepted else 400)]
    return [pytest.param(each, id=each.id) for each in wanted]


@pytest.mark.sample(20)
@pytest.mark.parametrize("request_", requests(accepted=True))
def test_preflight_accuses_no_request_that_was_taken(request_: RecordedRequest) -> None:
    """An accusation of what the API answered with 200 is false."""
    assert errors(request_.body, request_.version) == []


@pytest.mark.sample(20)
@pytest.mark.parametrize("request_", requests(accepted=True))
def test_the_fault_server_rejects_no_request_that_was_taken(request_: RecordedRequest) -> None:
    """But for what it seals with a key of its own, and for betas whose names were left out of the recording."""
    if request_.platform in _GATEWAYS:
        pytest.skip("a gateway has fields of its own")
    betas = request_.betas if all("*" not in beta for beta in request_.betas) else [*request_.betas, "mcp-client-"]
    body = {name: value for name, value in request_.body.items() if not name.startswith(("betas", "anthropic_"))}
    if "mcp_servers" in body and not betas:
        pytest.skip("the beta was not recorded")
    asked = Incoming(body, request_.version or "2023-06-01", betas)
    objections = [message for rule in _RULES for message in rule(asked)]
    assert [message for message in objections if _SEALED not in message] == []


@pytest.mark.parametrize("request_", requests(accepted=False))
def test_preflight_names_the_reason_of_a_rejection(request_: RecordedRequest) -> None:
    """The one that the API gave."""
    if request_.id in _NOT_SEEN:
        pytest.skip(_NOT_SEEN[request_.id])
    reason = next(code for words, code in _REASONS.items() if words in request_.words)
    assert reason in [found.code for found in check(request_.body, version=request_.version)]


@pytest.mark.parametrize("request_", requests(accepted=False))
def test_the_fault_server_rejects_what_was_rejected(request_: RecordedRequest) -> None:
    """With a 400 too."""
    if request_.id in _NOT_SEEN:
        pytest.skip(_NOT_SEEN[request_.id])
    models = KNOWN_MODELS | {request_.body["model"]}
    body = {name: value for name, value in request_.body.items() if name != "betas"}
    error = validate(body, request_.version, models=models, betas=[*request_.betas, "structured-outputs-"])
    assert error is not None
    assert error.status == 400


@pytest.mark.sample(20)
def test_what_the_model_wrote_is_taken_back(recording: Recording) -> None:
    """Each recorded answer as the turn before the next: neither preflight nor the fault server objects."""
    if recording.id in _REPLACED:
        pytest.skip("the id of its result was replaced by another than that of its call")
    answer = answer_of(recording, signs=False)
    content = [folded(block) if isinstance(block, RawBlock) else _text(block) for block in answer.blocks]
    content = [block for block in content if block.get("text") != ""]
    if not content or content[-1]["type"] in ("thinking", "redacted_thinking"):
        pytest.skip("there is nothing to be given back")
    calls = [block["id"] for block in content if block["type"] == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": each, "content": "Seven."} for each in calls]
    paused = answer.stop_reason == "pause_turn"
    said = [] if paused else [{"role": "user", "content": results or [{"type": "text", "text": "Go on, please."}]}]
    before = {"model": recording.params["model"], "max_tokens": 1024, **recording.params}
    body = {**before, "messages": [*before["messages"], {"role": "assistant", "content": content}, *said]}
    version = "2023-06-01"
    assert [each for each in errors(body, version) if each not in errors(before, version)] == []
    betas = [*recording.betas, "compact-"]
    known = [m for rule in _RULES for m in rule(Incoming(before, version, betas, answers=(answer,)))]
    objections = [m for rule in _RULES for m in rule(Incoming(body, version, betas, answers=(answer,)))]
    assert [m for m in objections if m not in known and _SEALED not in m] == []


def _text(block: Any) -> dict[str, Any]:
    return {"type": "text", "text": block.text, **({"citations": list(block.citations)} if block.citations else {})}
