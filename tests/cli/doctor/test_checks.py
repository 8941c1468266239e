"""The key, the models, and the request as steps."""

from __future__ import annotations

from typing import Any

import anthropic
import anyio
import httpx2
import pytest

from unbroken.cli.doctor.checks import Check, Limits, hello, key, masked, no_key, preflight, sent
from unbroken.cli.doctor.trial import Trial
from unbroken.testing import Script, Status, ThreadedFaultServer

KEY = "sk-ant-api03-abcdefghijklmnop-WXYZ"
SOON = Limits(resolve=0.1, check=0.2, hello=0.2)


def test_a_key_is_masked() -> None:
    """Its kind and its last four characters, where that leaves enough unsaid."""
    assert masked(KEY) == "sk-ant-...WXYZ"
    assert masked("another-kind-of-token-of-a-gateway") == "...eway"
    assert masked("sk-ant-short") == "(not shown)"


def try_key(answer: Any, **options: Any) -> Check:
    """With an API that answers `GET /v1/models` so."""

    async def main() -> Check:
        transport = httpx2.MockTransport(answer)
        async with httpx2.AsyncClient(transport=transport) as http:
            client = anthropic.AsyncAnthropic(**({"api_key": KEY} | options), http_client=http, max_retries=0)
            return await key(client, SOON)

    return anyio.run(main)


def says(status: int) -> Any:
    return lambda request: httpx2.Response(status, json={"data": []}, headers={"request-id": "req_1"})


@pytest.mark.parametrize(
    ("status", "outcome", "summary"),
    [
        (200, "ok", " is accepted"),
        (401, "problem", ": The API does not accept this key (401)."),
        (403, "warning", " is known, and may not list the models (403)"),
        (404, "warning", ": whether it is accepted is not told (404 to GET /v1/models)"),
        (500, "warning", ": whether it is accepted is not told (500 to GET /v1/models)"),
    ],
)
def test_what_the_api_says_of_the_key(status: int, outcome: str, summary: str) -> None:
    """401 and 403 are told apart; a gateway may have no list of models."""
    found = try_key(says(status))
    assert (found.outcome, found.summary) == (outcome, f"ANTHROPIC_API_KEY sk-ant-...WXYZ{summary}")
    assert found.to_dict()["source"] == "ANTHROPIC_API_KEY"


def test_where_nothing_answers_the_key_is_not_judged() -> None:
    """Neither when it breaks nor when it is silent."""

    def breaks(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    async def silent(request: httpx2.Request) -> httpx2.Response:
        await anyio.sleep_forever()
        raise AssertionError

    assert try_key(breaks).summary == "ANTHROPIC_API_KEY sk-ant-...WXYZ: could not be tried"
    assert try_key(silent).summary == "ANTHROPIC_API_KEY sk-ant-...WXYZ: no answer within 0.2 s"
    assert try_key(breaks).outcome == try_key(silent).outcome == "skipped"


def test_it_is_said_which_key_the_sdk_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API key of the environment, its token, or a profile's."""
    token = {"api_key": None, "auth_token": KEY}
    assert try_key(says(200), **token).summary == "ANTHROPIC_AUTH_TOKEN sk-ant-...WXYZ is accepted"
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "another")
    found = try_key(says(200))
    assert found.details == ("ANTHROPIC_AUTH_TOKEN is set too, and not used.",)


@pytest.mark.skipif(anthropic.__version__.startswith("1."), reason="SDK 1 takes no credentials but keys and tokens")
def test_credentials_of_a_profile_are_not_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK fetches them by itself."""
    monkeypatch.delenv("ANTHROPIC_API_KEY")

    async def provider() -> Any:
        return anthropic.AccessToken(token=KEY, expires_at=None)

    found = try_key(says(200), api_key=None, credentials=provider)
    assert found.summary == "the SDK's own credentials profile is accepted"
    assert found.to_dict()["source"] == "profile"


def test_no_key_is_a_problem_with_a_next_step() -> None:
    """In the words of whoever looked for it."""
    found = no_key("there is no API key")
    assert (found.outcome, found.code, found.summary) == ("problem", "no_credentials", "there is no API key")
    assert found.next_steps


# -- a model


def greet(api: ThreadedFaultServer) -> Check:
    async def main() -> Check:
        async with anthropic.AsyncAnthropic(base_url=api.url, api_key=KEY, max_retries=0) as client:
            return await hello(client, "claude-opus-5-5", Limits())

    return anyio.run(main)


def test_a_model_says_hello(api: ThreadedFaultServer) -> None:
    """With the time that it took until content came."""
    found = greet(api)
    assert found.outcome == "ok"
    assert found.summary.startswith("claude-opus-5-5 answers: content after 0.")
    assert found.request_ids == ("req_00000001",)


def test_a_model_that_does_not_is_a_problem(api: ThreadedFaultServer) -> None:
    """By its diagnosis; asked once."""
    api.play(Script(then=Status(529)))
    found = greet(api)
    assert (found.outcome, found.code, found.request_ids) == ("problem", "overloaded", ("req_00000001",))
    assert len(api.requests) == 1


# -- the request


def test_what_preflight_finds() -> None:
    """Errors are problems, warnings warnings; each with its path and its fix."""
    request: dict[str, Any] = {
        "model": "claude-opus-5-5",
        "max_tokens": 10,
        "messages": [{"role": "user", "content": "x"}],
    }
    assert preflight(request).outcome == "ok"
    found = preflight({**request, "tool_choice": {"type": "auto"}, "max_tokens": 10**9})
    assert (found.outcome, found.code) == ("problem", "invalid_request")
    assert len(found.details) == len(found.next_steps) == len(found.data["findings"]) >= 2
    assert found.summary == f"{len(found.details)} errors"


def test_an_answer_may_be_whole_or_not_and_may_have_no_content() -> None:
    """All of these are answers."""
    whole = Trial("m", None, 0.25, 1.0, "req_1")
    assert sent(whole, {}, show_content=False).summary == "m answers: content after 0.25 s, whole after 1.00 s"
    cut = Trial("m", None, 0.25, 120.0, None, whole=False)
    assert (
        sent(cut, {}, show_content=False).summary == "m answers: content after 0.25 s, not read to its end after 120 s"
    )
    empty = Trial("m", None, None, 1.0, "req_1")
    assert sent(empty, {}, show_content=False).summary == "m answers: without content, whole after 1.00 s"


def test_the_apis_own_words_are_content() -> None:
    """They may quote the request."""
    response = httpx2.Response(400, request=httpx2.Request("POST", "http://127.0.0.1"))
    error = anthropic.BadRequestError("no", response=response, body={"error": {"message": "a secret"}})
    asked = Trial("m", error, None, 1.0, "req_1")
    assert "a secret" not in str(sent(asked, {}, show_content=False))
    assert sent(asked, {}, show_content=True).details == ("a secret",)
