"""Signatures hold what was signed, and nothing else passes for one."""

from __future__ import annotations

import base64
import re

import pytest

from unbroken.testing.claude.signatures import (
    after_thinking,
    conversation,
    is_index_of,
    message_id,
    redacted,
    seal,
    sealed_id,
    sign,
    signed_by,
    signed_in,
    stamped_citation,
    stamped_result,
    was_changed,
)


def test_a_signature_names_its_model_and_its_conversation() -> None:
    """Until the text is changed."""
    before = conversation({}, [{"role": "user", "content": "Hi."}])
    signature = sign("claude-opus-5", "Hm.", before)
    assert (signed_by(signature, "Hm."), signed_in(signature)) == ("claude-opus-5", before)
    assert signed_by(signature, "Hm!") is None


@pytest.mark.parametrize(
    "signature", ["", "x", "é", base64.b64encode(b"a:b").decode(), base64.b64encode(b"\xff").decode()]
)
def test_what_is_no_signature(signature: str) -> None:
    """Nobody signed it."""
    assert (signed_by(signature, ""), signed_in(signature)) == (None, "")


def test_redacted_thinking_is_signed() -> None:
    """With no text to change."""
    assert signed_by(redacted("claude-opus-5", "b"), "redacted") == "claude-opus-5"
    assert signed_in(redacted("claude-opus-5", "b")) == "b"


def test_a_conversation_is_the_same_however_it_is_written_down() -> None:
    """With nulls or without, with cache marks or without; a null in a call's input is a value."""
    call = {"type": "tool_use", "id": "t", "name": "look", "input": {"at": None}}
    asked = conversation({}, [{"role": "assistant", "content": [call]}])
    marked = {**call, "caller": None, "cache_control": {"type": "ephemeral"}}
    assert conversation({"system": None}, [{"role": "assistant", "content": [marked]}]) == asked
    assert conversation({}, [{"role": "assistant", "content": [{**call, "input": {}}]}]) != asked


def test_thinking_binds_what_comes_after_it() -> None:
    """Each block in its place."""
    first, second = {"signature": "x"}, {"data": "y"}
    assert after_thinking("b", first) != after_thinking("b", second)
    assert after_thinking(after_thinking("b", first), second) != after_thinking(after_thinking("b", second), first)


def test_an_id_is_bound_to_what_it_names() -> None:
    """To each part by itself; and an id that the server did not make is bound to nothing."""
    made = sealed_id("toolu", "1_2", {"input": {"a": 1, "b": 2}}, ["result"])
    assert made.startswith("toolu_fault_1x2_")
    assert not was_changed(made, {"input": {"b": 2, "a": 1}}, ["result"])
    assert not was_changed(made, {"input": {"a": 1, "b": 2}})
    assert not was_changed(made, None, ["result"])
    assert was_changed(made, {"input": {"a": 1}})
    assert was_changed(made, None, ["another"])
    assert not was_changed("toolu_01abc", {"input": {}}, [])
    assert not was_changed(sealed_id("toolu", "1", "a"), "a", "more")


def test_what_the_server_adds_to_search_results_and_citations() -> None:
    """Codes of its own, where the script gives none."""
    page = {"type": "web_search_result", "url": "u", "title": "t"}
    (stamped,) = stamped_result([page])
    assert stamped == {**page, "encrypted_content": seal("content", "u", "t", None)}
    assert stamped_result([stamped, {"type": "text"}]) == [stamped, {"type": "text"}]
    assert stamped_result({"type": "error"}) == {"type": "error"}
    cited = {"type": "web_search_result_location", "url": "u", "title": "t", "cited_text": "c"}
    here, there = stamped_citation(cited, "here"), stamped_citation(cited, "there")
    assert here == stamped_citation(cited, "here")
    assert here["encrypted_index"] != there["encrypted_index"]
    assert is_index_of(here)
    assert is_index_of(there)
    assert not is_index_of({**here, "cited_text": "d"})
    assert not is_index_of(cited)
    assert stamped_citation({**cited, "encrypted_index": "x"}, "here")["encrypted_index"] == "x"
    assert stamped_citation({"type": "page_location"}, "here") == {"type": "page_location"}


def test_the_id_of_a_message() -> None:
    """Has the form of the API's, and is the same for the same number."""
    assert re.fullmatch(r"msg_bdrk_01[1-9A-HJ-NP-Za-km-z]{22}", message_id("msg_bdrk_", 1))
    assert message_id("msg_", 1) == message_id("msg_", 1) != message_id("msg_", 2)
