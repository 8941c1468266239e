"""Errors as sentences."""

from __future__ import annotations

import anthropic
import httpx2
import pytest
from commands import KEY

from unbroken.cli.problems import Problem, count, explain, without_keys

REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1/messages")


def test_a_problem_is_its_own_sentence() -> None:
    assert explain(Problem("there is no question")) == "there is no question"


def test_a_group_is_explained_by_its_first_error() -> None:
    assert explain(ExceptionGroup("several", [ExceptionGroup("more", [ValueError("no such file")])])) == (
        "ValueError: no such file"
    )


def test_an_error_without_words_is_named() -> None:
    assert explain(RuntimeError()) == "RuntimeError"


def test_no_key_is_ever_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", " token-of-a-gateway ")
    said = f"Illegal header {KEY}, 'token-of-a-gateway' and token-of-a-gateway"
    assert (
        without_keys(said) == "Illegal header [ANTHROPIC_API_KEY], '[ANTHROPIC_AUTH_TOKEN]' and [ANTHROPIC_AUTH_TOKEN]"
    )


@pytest.mark.parametrize("dummy", ["k", "test", "dummy-key"])
def test_what_is_no_key_is_left_in_every_other_word(dummy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dummy for a gateway is short, and no secret."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", dummy)
    assert without_keys(f"the {dummy} test request is broken") == f"the {dummy} test request is broken"


def test_a_key_is_a_word_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "responsibilities")
    said = "coresponsibilities, responsibilities4 and responsibilities"
    assert without_keys(said) == "coresponsibilities, responsibilities4 and [ANTHROPIC_AUTH_TOKEN]"


def test_an_error_speaks_to_no_terminal() -> None:
    """Its words may be a server's."""
    assert (
        explain(ValueError("a\x1b]52;c;aGk=\x07 \x9b2Jline\nbreak \u202eb"))
        == "ValueError: a ]52;c;aGk= 2Jline break b"
    )


def test_an_error_of_the_sdk_is_diagnosed() -> None:
    response = httpx2.Response(418, request=REQUEST)
    error = anthropic.APIStatusError("short and stout", response=response, body=None)
    assert explain(error).startswith("the API rejects the request as invalid (418). Correct what ")
    assert explain(error).endswith("(asked http://127.0.0.1; request ids: none)")
    assert "stout" not in explain(error)


def test_a_sentence_has_no_line_breaks() -> None:
    assert explain(ValueError("one\n  two")) == "ValueError: one two"


def test_one_request_and_two_requests() -> None:
    assert [count(1, "request"), count(1200, "request")] == ["1 request", "1,200 requests"]
