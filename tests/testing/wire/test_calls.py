"""Where each platform's client sends its calls, and how it identifies itself."""

from __future__ import annotations

import pytest

from unbroken.testing.wire.calls import key_of, route
from unbroken.testing.wire.dialects import BEDROCK, FIRST_PARTY, VERTEX, Dialect

VERTEX_PATH = "/projects/p/locations/global/publishers/anthropic/models"
NEW = "2026-10-21"


@pytest.mark.parametrize(
    ("path", "dialect", "added"),
    [
        ("/v1/messages", FIRST_PARTY, {}),
        ("/anthropic/v1/messages", FIRST_PARTY, {}),
        ("/model/claude-x/invoke", BEDROCK, {"model": "claude-x", "stream": False}),
        ("/model/us.x-v1%3A0/invoke-with-response-stream", BEDROCK, {"model": "us.x-v1:0", "stream": True}),
        (f"{VERTEX_PATH}/claude-x@20251001:rawPredict", VERTEX, {"model": "claude-x@20251001", "stream": False}),
        (f"/v1{VERTEX_PATH}/claude-x:streamRawPredict", VERTEX, {"model": "claude-x", "stream": True}),
    ],
)
def test_a_call_is_found_in_its_path(path: str, dialect: Dialect, added: dict[str, object]) -> None:
    """What other platforms have in the path, the body gets back; what they have in the body, it loses."""
    betas = {"anthropic_beta": ["a-1", "b-2"]} if dialect is BEDROCK else {}
    own = {} if dialect is FIRST_PARTY else {"anthropic_version": NEW, **betas}
    headers = {"anthropic-version": NEW} if dialect is FIRST_PARTY else {}
    named = {} if dialect is BEDROCK else {"anthropic-beta": "a-1, b-2"}
    call = route(path, {**headers, **named}, {"max_tokens": 1, **own})
    assert call is not None
    assert (call.dialect, call.body, call.version) == (dialect, {"max_tokens": 1, **added}, NEW)
    assert call.betas == ("a-1", "b-2")
    assert not call.counting


def test_tokens_are_counted_too() -> None:
    """On Vertex AI by a model of that name; Bedrock's client has no such call."""
    for path in ("/v1/messages/count_tokens", f"{VERTEX_PATH}/count-tokens:rawPredict"):
        call = route(path, {}, {"model": "claude-x"})
        assert call is not None
        assert (call.counting, call.body) == (True, {"model": "claude-x"})


def test_nothing_is_put_into_a_body_that_is_none() -> None:
    """It is rejected for what it is."""
    for path in ("/model/claude-x/invoke", f"{VERTEX_PATH}/claude-x:rawPredict"):
        call = route(path, {}, {})
        assert call is not None
        assert (call.body, call.version) == ({}, None)


@pytest.mark.parametrize("path", ["/", "/v1/models", "/v1/messages/batches", "/model/x/converse", "/v1/messagesx"])
def test_other_paths(path: str) -> None:
    """Lead nowhere."""
    assert route(path, {}, {}) is None


@pytest.mark.parametrize("old", ["bedrock-2023-05-31", "vertex-2023-10-16"])
def test_old_names_of_versions(old: str) -> None:
    """Stand for the Claude API's first."""
    call = route("/model/claude-x/invoke", {}, {"anthropic_version": old})
    assert call is not None
    assert call.version == "2023-06-01"


def test_keys() -> None:
    """In any of the ways in which a client identifies itself."""
    signed = "AWS4-HMAC-SHA256 Credential=AKIA1/20261122/us-east-1/bedrock/aws4_request, Signature=0"
    assert key_of({"x-api-key": "k", "api-key": "k"}) == "k"
    assert key_of({"authorization": "Bearer t"}) == "t"
    assert key_of({"authorization": signed}) == "AKIA1"
    assert key_of({}) == ""
