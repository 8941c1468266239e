"""The caller's clients: no retries of their own, one copy for each, and what they tell of their platforms."""

from __future__ import annotations

import gc
import weakref
from functools import partial
from typing import Any, Final

import anthropic
import pytest
from anthropic import AsyncAnthropic

from unbroken import ResilienceMiddleware
from unbroken.sdk.clients import (
    parameters,
    provider_name,
    quiet_resource,
    sends_pings,
    server,
    stream_arguments,
    without_retries,
)


def test_a_client_that_does_not_retry_is_used_as_it_is() -> None:
    client = AsyncAnthropic(api_key="k", max_retries=0)
    assert without_retries(client) is client


def test_a_client_that_retries_is_copied_once_and_shares_its_connections() -> None:
    client = AsyncAnthropic(api_key="k", max_retries=5)
    quiet = without_retries(client)
    assert quiet.max_retries == 0
    assert client.max_retries == 5
    assert quiet._client is client._client
    assert without_retries(client) is quiet


def test_a_key_that_was_changed_is_the_one_that_is_sent() -> None:
    client = AsyncAnthropic(api_key="old")
    without_retries(client)
    client.api_key = "new"
    assert without_retries(client).api_key == "new"


def test_the_copy_does_not_keep_its_client_alive() -> None:
    client = AsyncAnthropic(api_key="k")
    without_retries(client)
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None


class Tenant(AsyncAnthropic):
    """A client whose constructor takes something else than the SDK's, and which keeps it."""

    def __init__(self, tenant: str, **options: Any) -> None:
        super().__init__(**options)
        self.tenant = tenant
        self.itself = self

    @property
    def auth_headers(self) -> dict[str, str]:
        """By what it keeps."""
        return {"X-Tenant": self.tenant}


class Sealed(AsyncAnthropic):
    """A client that cannot be copied."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise ValueError("no copies")


def test_a_subclass_is_copied_with_all_that_it_keeps() -> None:
    """Whatever its constructor takes; its requests are made by the copy, and the copy does not keep it alive."""
    client = Tenant("t1", api_key="k")
    quiet = without_retries(client)
    assert type(quiet) is Tenant
    assert (quiet.max_retries, client.max_retries) == (0, 2)
    assert quiet.auth_headers == {"X-Tenant": "t1"}
    assert quiet.messages._client is quiet
    client.tenant = "t2"
    assert without_retries(client).auth_headers == {"X-Tenant": "t2"}
    gone = weakref.ref(client)
    del client, quiet
    gc.collect()
    assert gone() is None


def test_a_client_that_cannot_be_copied_is_used_as_it_is() -> None:
    """Its own retries are better than none of its answers."""
    client = Sealed(api_key="k")
    assert without_retries(client) is client


def test_our_middleware_is_not_in_the_copy_and_others_are() -> None:
    """An engine in an engine would multiply; what the others are bound to does not keep the client alive."""

    class Other(anthropic.Middleware):
        """Somebody's."""

        async def handle_async(self, request: Any, call_next: Any) -> Any:
            """Passes all on."""
            return await call_next(request)

    other = Other()
    client = AsyncAnthropic(api_key="k", max_retries=0, middleware=[ResilienceMiddleware(), other])
    quiet = without_retries(client)
    assert list(quiet.middleware) == [other]
    assert len(client.middleware) == 2
    assert quiet._middleware_chain is not client._middleware_chain
    gone = weakref.ref(client)
    del client, quiet
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("api", ["messages", "beta"])
def test_requests_go_through_a_client_without_retries(api: Any) -> None:
    """Through its own resource."""
    client = AsyncAnthropic(api_key="k")
    messages = quiet_resource(client, api)
    assert messages._client.max_retries == 0
    assert quiet_resource(client, api) is messages


def test_what_was_wrapped_is_used_as_it_is() -> None:
    """Who wraps it wants to see the requests; what is wrapped is the client that retries."""
    client = AsyncAnthropic(api_key="k")
    client.messages.stream = partial(client.messages.stream)  # type: ignore[method-assign]
    assert quiet_resource(client, "messages") is client.messages
    assert quiet_resource(client, "beta") is not client.beta.messages

    class Proxy:
        """A client to look at."""

        messages = object()

    assert quiet_resource(Proxy(), "messages") is Proxy.messages


def test_a_function_that_takes_anything_does_not_say_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's own is asked then, and if something has replaced that too, what it is known to take."""
    client = AsyncAnthropic(api_key="k")
    said = stream_arguments(client.messages, "messages")
    assert {"model", "messages", "max_tokens", "extra_body"} <= said
    assert "betas" in stream_arguments(client.beta.messages, "beta")

    def wrapped(*args: Any, **kwargs: Any) -> None:
        """As tracers write it."""

    client.messages.stream = wrapped  # type: ignore[method-assign]
    assert stream_arguments(client.messages, "messages") == said
    for kind in (type(client.messages), type(client.beta.messages)):
        monkeypatch.setattr(kind, "stream", wrapped)
    assert said <= stream_arguments(client.messages, "messages")
    assert {"betas", "mcp_servers", "speed"} <= stream_arguments(client.beta.messages, "beta")
    assert parameters(wrapped) is parameters(type) is None


def test_a_stand_in_without_options_is_used_as_it_is() -> None:
    stand_in = object()
    assert without_retries(stand_in) is stand_in


# -- other platforms


async def token() -> str:
    """A token of Azure's, from whoever gives them."""
    return "token"


#: How each is made, and what a copy has to have of it.
PLATFORMS: Final[dict[str, tuple[type[Any], dict[str, Any]]]] = {
    "bedrock": (
        anthropic.AsyncAnthropicBedrock,
        {"aws_region": "eu-west-1", "aws_access_key": "a", "aws_secret_key": "s", "aws_session_token": "t"},
    ),
    "bedrock with a key": (anthropic.AsyncAnthropicBedrock, {"aws_region": "eu-west-1", "api_key": "k"}),
    "bedrock with a profile": (anthropic.AsyncAnthropicBedrock, {"aws_region": "eu-west-1", "aws_profile": "p"}),
    "mantle": (anthropic.AsyncAnthropicBedrockMantle, {"aws_region": "eu-west-1", "api_key": "k"}),
    "vertex": (
        anthropic.AsyncAnthropicVertex,
        {"region": "europe-west1", "project_id": "p", "access_token": "t", "credentials": object()},
    ),
    "foundry": (anthropic.AsyncAnthropicFoundry, {"base_url": "http://foundry/", "api_key": "k"}),
    "aws": (
        anthropic.AsyncAnthropicAWS,
        {"aws_region": "eu-west-1", "aws_access_key": "a", "aws_secret_key": "s", "workspace_id": "w"},
    ),
    "aws with a key": (anthropic.AsyncAnthropicAWS, {"aws_region": "eu-west-1", "api_key": "k", "workspace_id": "w"}),
}


@pytest.mark.parametrize("name", PLATFORMS)
def test_the_copy_of_another_platforms_client_has_all_that_it_was_given(name: str) -> None:
    """Region, credentials and connections; what it signs with is what its original signs with."""
    kind, options = PLATFORMS[name]
    client = kind(**options, max_retries=5)
    quiet = without_retries(client)
    assert type(quiet) is kind
    assert (quiet.max_retries, client.max_retries) == (0, 5)
    assert {option: getattr(quiet, option) for option in options} == {o: getattr(client, o) for o in options}
    assert quiet.base_url == client.base_url
    assert quiet._client is client._client
    assert without_retries(client) is quiet


def test_the_copy_of_a_foundry_client_asks_the_same_function_for_tokens() -> None:
    """What it gives may change; the function is shared."""
    client = anthropic.AsyncAnthropicFoundry(resource="r", azure_ad_token_provider=token)
    quiet = without_retries(client)
    assert quiet._azure_ad_token_provider is token
    assert quiet.base_url == client.base_url


CHANGED: Final = {
    "bedrock": ("aws_access_key", "aws_secret_key", "aws_session_token"),
    "bedrock with a key": ("api_key",),
    "vertex": ("access_token", "credentials"),
    "foundry": ("api_key",),
    "aws": ("aws_access_key", "aws_secret_key", "aws_session_token"),
}


@pytest.mark.parametrize("name", CHANGED)
def test_credentials_that_were_changed_are_those_that_are_used(name: str) -> None:
    """Temporary ones are, every hour."""
    kind, options = PLATFORMS[name]
    client = kind(**options)
    for attribute in CHANGED[name]:
        before = without_retries(client)
        setattr(client, attribute, "changed")
        after = without_retries(client)
        assert after is not before
        assert getattr(after, attribute) == "changed"


@pytest.mark.parametrize("name", PLATFORMS)
def test_only_bedrocks_binary_streams_have_no_pings(name: str) -> None:
    """Its Mantle speaks server-sent events."""
    kind, options = PLATFORMS[name]
    client = kind(**options)
    assert sends_pings(client) is not name.startswith("bedrock")
    assert sends_pings(without_retries(client)) is sends_pings(client)


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("AsyncAnthropic", "anthropic"),
        ("AsyncAnthropicBedrock", "aws.bedrock"),
        ("AsyncAnthropicBedrockMantle", "aws.bedrock"),
        ("AsyncAnthropicVertex", "gcp.vertex_ai"),
        ("AsyncAnthropicFoundry", "anthropic"),
        ("AsyncAnthropicAWS", "anthropic"),
    ],
)
def test_a_provider_is_named_as_the_sdk_names_it(name: str, provider: str) -> None:
    """Also for a subclass of the client's; the SDK (2.x) names it in its own spans."""
    client_type = getattr(anthropic, name)
    subclass = type("Mine", (client_type,), {})
    assert provider_name(object.__new__(client_type)) == provider_name(object.__new__(subclass)) == provider
    assert getattr(client_type, "_gen_ai_provider_name", provider) == provider


def test_the_server_is_that_of_the_base_url() -> None:
    """With the scheme's own port where it names none; a stand-in tells nothing."""
    assert server(AsyncAnthropic(api_key="k", base_url="https://example.com/api")) == ("example.com", 443)
    assert server(AsyncAnthropic(api_key="k", base_url="http://127.0.0.1")) == ("127.0.0.1", 80)
    assert server(AsyncAnthropic(api_key="k", base_url="http://127.0.0.1:81")) == ("127.0.0.1", 81)
    assert server(object()) == (None, None)
