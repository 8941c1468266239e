"""The Models API says what the server does, and the SDK reads it."""

from __future__ import annotations

import anthropic
import pytest
from serving import ask, serving

from unbroken.core.models.corrections import described
from unbroken.core.models.table import MODELS
from unbroken.testing import FaultServer
from unbroken.testing.script.faults import Status
from unbroken.testing.services.catalogue import describe_model, exists, list_models

NAMES = frozenset(info.name for info in MODELS)


@pytest.mark.parametrize("info", MODELS, ids=lambda info: info.name)
def test_it_says_of_each_model_what_the_table_does(info: object) -> None:
    """So that `Health.learn` learns nothing new from a server that knows no better."""
    answer = describe_model(info.name, NAMES)  # type: ignore[attr-defined]
    assert isinstance(answer, dict)
    assert described(info, answer) is None  # type: ignore[arg-type]


@pytest.mark.asyncio
@pytest.mark.parametrize("door", ["", "beta"])
async def test_one_model(door: str) -> None:
    """By its own name, or by one with a date; 404 for one that is not there."""
    async with serving("") as (server, sdk):
        api = sdk.beta.models if door else sdk.models
        opus = await api.retrieve("claude-opus-5-5")
        assert (opus.max_tokens, opus.max_input_tokens) == (128_000, 1_000_000)
        told = opus.to_dict()
        assert (told["display_name"], told["line"], told["lifecycle"]) == ("Claude Opus 5.5", "opus", "active")
        thinking = told["capabilities"]["thinking"]["types"]  # type: ignore[index]
        assert thinking["adaptive"]["supported"]
        assert not thinking["disabled"]["supported"]
        haiku = await api.retrieve("claude-haiku-4-5-20251001")
        assert (haiku.id, haiku.display_name, haiku.max_tokens) == (
            "claude-haiku-4-5-20251001",
            "Claude Haiku 4.5",
            64_000,
        )
        with pytest.raises(anthropic.NotFoundError, match="model: gpt-5"):
            await api.retrieve("gpt-5")
    assert server.requests[0].path == "/v1/models/claude-opus-5-5"


@pytest.mark.asyncio
async def test_all_models_in_pages() -> None:
    """Every one that answers, and no other."""
    async with serving("") as (server, sdk):
        listed = [model.id async for model in sdk.models.list(limit=5)]
        assert sorted(listed) == sorted(NAMES)
        assert len(server.requests) == -(-len(NAMES) // 5)


@pytest.mark.asyncio
@pytest.mark.skipif(anthropic.__version__.startswith("1."), reason="SDK 1 does not ask for a part of them")
async def test_models_by_their_lifecycle() -> None:
    """All are active here."""
    async with serving("") as (_, sdk):
        assert [model.id async for model in sdk.models.list(lifecycle=["retired"])] == []
        every = [model async for model in sdk.models.list(lifecycle=["active", "retired"], limit=1000)]
        assert len(every) == len(NAMES)


@pytest.mark.asyncio
async def test_models_of_ones_own() -> None:
    """Nothing is known of them, and nothing is claimed."""
    async with (
        FaultServer("Hi.", models=["mine"]) as server,
        anthropic.AsyncAnthropic(base_url=server.url, api_key="k", max_retries=0) as sdk,
    ):
        mine = await sdk.models.retrieve("mine")
        assert (mine.display_name, mine.max_tokens, mine.max_input_tokens) == ("Mine", None, None)
        assert [model.id async for model in sdk.models.list()] == ["mine"]
        assert (await sdk.messages.create(**ask(model="mine"))).model == "mine"
        with pytest.raises(anthropic.NotFoundError):
            await sdk.models.retrieve("claude-opus-5-5")


def test_a_page_that_is_none() -> None:
    """It is the same error as that of any list."""
    assert isinstance(list_models(NAMES, {"limit": ["none"]}), Status)
    assert exists("claude-opus-5-5", NAMES)
    assert not exists("claude-opus-9", NAMES)
