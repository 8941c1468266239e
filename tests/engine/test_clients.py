"""The caller's clients: no retries of their own, one copy for each, and what they tell of their platforms."""

from __future__ import annotations

import gc
import weakref
from typing import Any, Final

import anthropic
import httpx2
import pytest
from anthropic import AsyncAnthropic

from unbroken.engine.clients import provider_name, request_id, sends_pings, server, without_retries


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


def test_a_request_is_known_by_the_id_that_its_platform_gives() -> None:
    """The API's own goes before Amazon's, where a gateway has both."""
    assert request_id(httpx2.Headers({"Request-Id": "req_1"})) == "req_1"
    assert request_id(httpx2.Headers({"x-amzn-RequestId": "ca47"})) == "ca47"
    assert request_id(httpx2.Headers({"x-amzn-requestid": "ca47", "request-id": "req_1"})) == "req_1"
    assert request_id(httpx2.Headers({"request-id": ""})) is None


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
