"""Who gets which answer: what comes first when several things are wrong, and what needs no key."""

from __future__ import annotations

import httpx2
import pytest
from serving import ask

from unbroken.testing import FaultServer, Refuse, Script, Status

HEADERS = {"x-api-key": "right", "anthropic-version": "2026-10-21"}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", HEADERS, 404),
        ("GET", "/v1/messages", HEADERS, 404),
        ("POST", "/v1/models", HEADERS, 404),
        ("GET", "/v1/models", HEADERS, 200),
        ("GET", "/anthropic/v1/models", HEADERS, 200),
        ("GET", "/v1/models", {}, 401),
        ("GET", "/v1/models", {"x-api-key": "wrong"}, 401),
        ("GET", "/v1/nowhere", {}, 401),
        ("GET", "/v1/messages/batches", HEADERS, 200),
        ("GET", "/v1/messages/batches", {}, 401),
        ("GET", "/api/v2/status.json", {}, 200),
        ("POST", "/v1/messages/count_tokens", HEADERS, 200),
        ("POST", "/v1/messages", HEADERS, 529),
    ],
)
async def test_what_is_answered(method: str, path: str, headers: dict[str, str], status: int) -> None:
    """The key comes first, but for the status page; only messages use a step of the script up."""
    async with (
        FaultServer(Script(faults=[Status(529)]), api_keys=["right"]) as server,
        httpx2.AsyncClient(base_url=server.url, trust_env=False) as http,
    ):
        response = await http.request(method, path, headers=headers, json=ask() if method == "POST" else None)
        assert response.status_code == status
        after = await http.post("/v1/messages", headers=HEADERS, json=ask())
        assert after.status_code == (200 if status == 529 else 529)


@pytest.mark.asyncio
async def test_calls_that_only_ask_may_fail() -> None:
    """All in the same way, and for as long as the script is played; messages do not."""
    async with (
        FaultServer(Script(lookups=Status(503))) as server,
        httpx2.AsyncClient(base_url=server.url, trust_env=False, headers=HEADERS) as http,
    ):
        for path in ("/v1/models", "/v1/models/claude-opus-5-5"):
            assert (await http.get(path)).status_code == 503
        assert (await http.post("/v1/messages/count_tokens", json=ask())).status_code == 503
        assert (await http.get("/v1/models/gpt-5")).status_code == 404
        assert (await http.post("/v1/messages", json=ask())).status_code == 200


def test_what_cannot_be_said_of_one_model_alone() -> None:
    """A model's own script names no other calls, and no call is refused before it is known."""
    with pytest.raises(ValueError, match="no lookups"):
        Script(models={"x": Script(lookups=Status(503))})
    with pytest.raises(ValueError, match="Refuse"):
        Script(lookups=Refuse(1))
