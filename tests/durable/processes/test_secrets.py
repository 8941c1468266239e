"""What says who asks is in no journal and in no log; who goes on is given it by its application."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any, Final

import pytest
from tests.durable.processes.fleet import API_KEY
from tests.durable.processes.judging import asked_for
from tests.durable.processes.scene import scene
from tests.durable.processes.texts import HALF, LONG, TEXT

pytestmark = pytest.mark.slow

ID = "c7/3"
OWNER: Final = "canary-owner-in-the-clear"
TOKENS: Final = [f"canary-token-{n}" for n in range(4)]
HEADERS: Final = {"x-canary": "canary-header"}
QUERY: Final = {"canary": "canary-query"}
CREDIT: Final = "canary-credit"
CANARIES: Final = [
    API_KEY,
    OWNER,
    *TOKENS,
    *HEADERS.values(),
    *QUERY.values(),
    CREDIT,
    *(f"fallback-{t}" for t in TOKENS),
]


def server(token: str) -> dict[str, Any]:
    return {"type": "url", "name": "tally", "url": "https://example.com/mcp", "authorization_token": token}


def with_secrets() -> dict[str, Any]:
    """A request with a secret in every place that has one."""
    return {
        "api": "beta",
        "betas": ["mcp-client-2025-11-20"],
        "mcp_servers": [server(TOKENS[0])],
        "tools": [{"type": "mcp_toolset", "mcp_server_name": "tally"}],
        "extra_headers": HEADERS,
        "extra_query": QUERY,
    }


#: Of the beta API, and of the other.
FALLBACK: Final = {
    "model": "claude-sonnet-5-5",
    "extra_headers": {"x-canary": "fallback-canary-token-0"},
    "extra_body": {"mcp_servers": [server("fallback-canary-token-2")]},
    "extra_query": {"canary": "fallback-canary-token-3"},
}
BETA_FALLBACK: Final = {**FALLBACK, "mcp_servers": [server("fallback-canary-token-1")]}


def assert_clean(path: Path) -> None:
    """None of them is in any file; all files are for their owner alone."""
    files = [file for file in path.rglob("*") if file.is_file()]
    assert {file.name for file in files} >= {"streams.db", "streams.db-wal"}
    for file in files:
        data = file.read_bytes()
        for canary in CANARIES:
            assert canary.encode() not in data, f"{canary} is in {file.name}"
        if not file.name.endswith(".log"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert stat.S_IMODE((path / "streams.db-workers").stat().st_mode) == 0o700


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
async def test_no_secret_is_written_and_who_goes_on_is_given_them(tmp_path: Path) -> None:
    async with scene(tmp_path, HALF) as place:
        asking = {**place.asking(ID), **with_secrets()}
        writer = place.worker(kill={"call": "append", "n": 20, "when": "after"}, log=str(tmp_path / "0.log"))
        await place.write(writer, ID, **asking, owner=OWNER, fallback_models=[FALLBACK])
        await writer.death()
        assert_clean(tmp_path)
        other = place.worker(log=str(tmp_path / "1.log"))
        given = {name: asking[name] for name in ("mcp_servers", "extra_headers", "extra_query")}
        hosted = await other.host(prepared=given, fallback_models=[FALLBACK])
        await place.read(ID)
        await place.judge(ID)
        assert_clean(tmp_path)
        first, second = asked_for(place.server, ID)
        for sent in (first, second):
            assert sent.headers["x-canary"] == HEADERS["x-canary"]
            assert "canary=canary-query" in sent.query
            assert sent.body["mcp_servers"] == [server(TOKENS[0])]
        [record] = [line["record"] for line in hosted.lines if "record" in line]
        assert not any(canary in json.dumps(record) for canary in CANARIES)
        assert record["mcp_servers"] == [{n: v for n, v in server("").items() if n != "authorization_token"}]


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize(
    "secret",
    [
        {"extra_body": {"mcp_servers": [server(TOKENS[1])]}},
        {"extra_body": {"fallback_credit_token": CREDIT, "extra_headers": HEADERS}},
        {"fallback_credit_token": CREDIT},
        {"extra_body": {"fallbacks": [{"model": "claude-sonnet-5-5", "fallback_credit_token": CREDIT}]}},
    ],
    ids=lambda secret: (
        "/".join([*secret, *next(iter(secret.values()))][:2]) if isinstance(secret, dict) else str(secret)
    ),
)
async def test_nor_where_the_api_rejects_what_it_is_in(secret: dict[str, Any], tmp_path: Path) -> None:
    """What it says of the request is not written down either."""
    async with scene(tmp_path, LONG) as place:
        writer = place.worker(log=str(tmp_path / "0.log"))
        asking = {**place.asking(ID), "api": "beta", **secret}
        told = await place.write(writer, ID, **asking, owner=OWNER, fallback_models=[BETA_FALLBACK])
        await told.end()
        assert told.failed is None or told.failed["type"] != "TypeError", told.failed
        assert told.text == TEXT or told.failed is not None
        assert_clean(tmp_path)
