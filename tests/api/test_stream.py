"""`resilient_stream`: its arguments, and what is wrong with them at the call."""

from __future__ import annotations

import inspect
import re
import warnings
from functools import partial
from typing import Any, Final

import anthropic
import httpx2
import pytest
from anthropic import AsyncAnthropic
from anthropic.resources.messages.messages import DEPRECATED_MODELS

from harness import CONTINUE, PREFILL, ask, assert_unbroken, client_of, read, serving
from unbroken import Health, Notice, Policy, ResilienceMiddleware, Route, resilient_stream
from unbroken.health.default import default_health
from unbroken.testing import FaultServer, Reset, Script, Status

TEXT: Final = "What is wrong with a call is said at the call, and not in the middle of the night."


@pytest.fixture
def client() -> AsyncAnthropic:
    """A client that is never connected."""
    return AsyncAnthropic(api_key="test", base_url="http://127.0.0.1:9")


def test_a_good_call_sends_nothing_and_returns_a_context_manager(client: AsyncAnthropic) -> None:
    """Only entering it asks."""
    manager = resilient_stream(client, **ask())
    assert hasattr(manager, "__aenter__")
    assert hasattr(manager, "__aexit__")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": 5}, "model must be a string"),
        ({"max_tokens": "100"}, "max_tokens must be an int"),
        ({"max_tokens": True}, "max_tokens must be an int"),
        ({"max_tokens": 1.5}, "max_tokens must be an int"),
        ({"messages": "Tell me."}, "messages must be a list"),
        ({"messages": 5}, "messages must be a list"),
        ({"mesages": []}, "unexpected argument 'mesages'"),
        ({"policy": {"deadline": 5}}, "policy must be a Policy"),
        ({"health": 5}, "health must be a Health"),
        ({"fallback_models": "claude-haiku-4-5"}, "fallback_models must be a list"),
        ({"fallback_models": {"model": "claude-haiku-4-5"}}, "fallback_models must be a list"),
        ({"fallback_models": [5]}, "a fallback must be"),
        ({"fallback_models": [{"model": "claude-haiku-4-5", "thinkng": None}]}, "thinkng"),
        ({"output_format": {"type": "object"}}, "output_format"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_an_argument_of_the_wrong_kind_is_a_type_error(
    client: AsyncAnthropic, changes: dict[str, Any], message: str
) -> None:
    """In one sentence that names the argument."""
    with pytest.raises(TypeError, match=message):
        resilient_stream(client, **ask(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": ""}, "model must not be empty"),
        ({"max_tokens": 0}, "max_tokens must be at least 1"),
        ({"max_tokens": -3}, "max_tokens must be at least 1"),
        ({"api": "completions"}, "api must be"),
        ({"fallback_models": [{"thinking": None}]}, "must name its model"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_value_out_of_range_is_a_value_error(client: AsyncAnthropic, changes: dict[str, Any], message: str) -> None:
    """In one sentence that names the argument."""
    with pytest.raises(ValueError, match=message):
        resilient_stream(client, **ask(**changes))


@pytest.mark.parametrize("name", ["model", "max_tokens", "messages"])
def test_what_the_sdk_requires_is_required(client: AsyncAnthropic, name: str) -> None:
    """Python says so."""
    arguments = {key: value for key, value in ask().items() if key != name}
    with pytest.raises(TypeError, match=name):
        resilient_stream(client, **arguments)


@pytest.mark.parametrize("api", ["messages", "beta"])
def test_a_sync_client_is_a_type_error(api: Any) -> None:
    """As the primary's client, and as a route's."""
    with anthropic.Anthropic(api_key="test") as sync:
        with pytest.raises(TypeError, match="async client such as AsyncAnthropic, not Anthropic"):
            resilient_stream(sync, **ask(api=api))
        fallback = Route(client=sync, model=PREFILL)
        with pytest.raises(TypeError, match="async client"):
            resilient_stream(AsyncAnthropic(api_key="test"), **ask(api=api, fallback_models=[fallback]))


PLATFORMS: Final[dict[str, dict[str, Any]]] = {
    "Bedrock": {"aws_region": "eu-west-1", "api_key": "k"},
    "BedrockMantle": {"aws_region": "eu-west-1", "api_key": "k"},
    "Vertex": {"region": "global", "project_id": "p", "access_token": "t"},
    "Foundry": {"resource": "r", "api_key": "k"},
    "AWS": {"aws_region": "eu-west-1", "workspace_id": "w", "api_key": "k"},
}


@pytest.mark.parametrize("api", ["messages", "beta"])
@pytest.mark.parametrize("name", PLATFORMS)
def test_every_platforms_client_is_taken(client: AsyncAnthropic, name: str, api: Any) -> None:
    """As the primary's client, and as a route's; the sync one of each is a `TypeError`."""
    platform = getattr(anthropic, f"AsyncAnthropic{name}")(**PLATFORMS[name])
    resilient_stream(platform, **ask(api=api, fallback_models=[Route(client=client, model=PREFILL)]))
    resilient_stream(client, **ask(api=api, fallback_models=[Route(client=platform, model=PREFILL)]))
    with getattr(anthropic, f"Anthropic{name}")(**PLATFORMS[name]) as sync, pytest.raises(TypeError, match="async"):
        resilient_stream(sync, **ask(api=api))


@pytest.mark.parametrize("stranger", [None, "client", object()], ids=["none", "text", "object"])
def test_what_is_no_client_is_a_type_error(stranger: Any) -> None:
    """It has no `messages.stream`."""
    with pytest.raises(TypeError, match="no Anthropic client"):
        resilient_stream(stranger, **ask())


def test_every_argument_of_the_sdks_stream_is_taken(client: AsyncAnthropic) -> None:
    """Under its own name: those of the installed SDK, whatever they are."""
    names = set(inspect.signature(client.messages.stream).parameters) - {"model", "max_tokens", "messages"}
    resilient_stream(client, **ask(**dict.fromkeys(names, anthropic.omit)))
    beta = set(inspect.signature(client.beta.messages.stream).parameters) - {"model", "max_tokens", "messages"}
    resilient_stream(client, **ask(api="beta", **dict.fromkeys(beta, anthropic.omit)))


def test_an_argument_of_the_beta_api_alone_is_not_taken_without_it(client: AsyncAnthropic) -> None:
    """`betas=` belongs to `api="beta"`."""
    resilient_stream(client, **ask(api="beta", betas=["some-beta"]))
    with pytest.raises(TypeError, match="betas"):
        resilient_stream(client, **ask(betas=["some-beta"]))


def test_none_and_omit_are_told_apart(client: AsyncAnthropic) -> None:
    """`output_format=None` is no format, as in the SDK."""
    for value in (None, anthropic.omit):
        resilient_stream(client, **ask(output_format=value))


@pytest.mark.anyio
async def test_arguments_reach_the_api_unchanged() -> None:
    """Every one that was given, and none that was not."""
    given: dict[str, Any] = {
        "system": "Be brief.",
        "metadata": {"user_id": "u"},
        "stop_sequences": ["###"],
        "tools": [{"name": "look", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "auto"},
        "thinking": {"type": "adaptive"},
    }
    async with serving(TEXT) as (server, client):
        assert_unbroken(await read(client, **given), TEXT)
        body = server.requests[0].body
        assert {name: body[name] for name in given} == given
        assert body.keys() == {*given, "model", "max_tokens", "messages", "stream"}


@pytest.mark.anyio
async def test_streams_of_one_client_share_its_health_unless_they_are_given_another() -> None:
    """What happens to a client's requests is told to its own; another `Health` is apart from it."""
    health = Health()
    async with serving(Script(TEXT, faults=[Status(529), None, Status(529)])) as (_, client):
        for requests in (2, 4):
            await read(client, health=health)
            (route,) = health.snapshot()["routes"]
            assert (route["requests"], route["failures"]) == (requests, requests / 2)
        await read(client)
        assert health.snapshot()["routes"] == [route]
        (own,) = default_health(client).snapshot()["routes"]
        assert own["requests"] == 1


@pytest.mark.anyio
async def test_the_warning_for_a_deprecated_model_names_the_callers_line_and_comes_once() -> None:
    """However often the stream is cut."""
    model = min(DEPRECATED_MODELS)
    server = FaultServer(Script(TEXT, faults=[Reset(), Reset()]), models=[model])
    async with server, client_of(server) as client:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            async with resilient_stream(client, **ask(model=model)) as stream:
                await stream.until_done()
    deprecations = [warning for warning in caught if issubclass(warning.category, DeprecationWarning)]
    assert [warning.filename for warning in deprecations] == [__file__]


@pytest.mark.anyio
async def test_the_same_arguments_can_be_used_for_many_streams() -> None:
    """Nothing is used up or changed."""
    arguments = ask(model=CONTINUE, fallback_models=[PREFILL], policy=Policy(initial_backoff=0))
    async with serving(Script(TEXT, faults=[Reset(), None, Reset()])) as (_, client):
        for _ in range(3):
            async with resilient_stream(client, **arguments) as stream:
                assert await stream.get_final_text() == TEXT


@pytest.mark.parametrize("timeout", [(5, 60, 5, 5), (5, None), 20, 2.5, None, httpx2.Timeout(5)])
@pytest.mark.anyio
async def test_a_timeout_is_taken_as_the_sdk_takes_it(timeout: Any) -> None:
    """In a fallback too."""
    async with serving(Script(TEXT, faults=[Status(529)])) as (_, client):
        policy = Policy(initial_backoff=0, max_attempts_per_route=1)
        fallbacks = [{"model": PREFILL, "timeout": timeout}]
        assert (await read(client, policy=policy, timeout=timeout, fallback_models=fallbacks)).text == TEXT


Timeout = type("Timeout", (), {"__module__": "httpx"})

WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"timeout": "5"}, TypeError, "timeout must be a number of seconds"),
    ({"timeout": True}, TypeError, "timeout must be a number of seconds"),
    ({"timeout": (5,)}, TypeError, "timeout must be a number of seconds"),
    ({"timeout": (5, "60")}, TypeError, "timeout must be a number of seconds"),
    ({"timeout": float("nan")}, ValueError, "timeout must not be negative"),
    ({"timeout": -1}, ValueError, "timeout must not be negative"),
    ({"timeout": Timeout()}, TypeError, "`httpx.Timeout` is from the `httpx` package, but this SDK uses `httpx2`"),
    ({"fallback_models": [{"model": PREFILL, "timeout": "5"}]}, TypeError, "timeout must be a number of seconds"),
    ({"extra_headers": ["x"]}, TypeError, "extra_headers must be a mapping, not list"),
    ({"extra_query": "x"}, TypeError, "extra_query must be a mapping, not str"),
    ({"messages": {"role": "user"}}, TypeError, "messages must be a list of messages, not dict"),
    ({"on_notice": 7}, TypeError, "on_notice must be a function, not int"),
]


@pytest.mark.parametrize(("changes", "error", "words"), WRONG)
def test_arguments_are_checked_at_the_call(changes: dict[str, Any], error: type[Exception], words: str) -> None:
    """In words, and not deep inside of a request."""
    with pytest.raises(error, match=re.escape(words)):
        resilient_stream(AsyncAnthropic(api_key="test"), **ask(**changes))


async def tell(notice: Notice) -> None:
    """What nobody would await."""


class Listener:
    """The same, as an object."""

    async def __call__(self, notice: Notice) -> None:
        """Nobody awaits it."""


@pytest.mark.parametrize("on_notice", [tell, partial(tell), Listener(), Listener().__call__])
def test_a_coroutine_function_is_no_listener(on_notice: Any) -> None:
    """Refused at the call, through both doors."""
    with pytest.raises(TypeError, match="not a coroutine function"):
        resilient_stream(AsyncAnthropic(api_key="test"), **ask(on_notice=on_notice))
    with pytest.raises(TypeError, match="not a coroutine function"):
        ResilienceMiddleware(on_notice=on_notice)
