"""The scripts are what the server is sent."""

from __future__ import annotations

import hashlib
from importlib import resources

import pytest

from redis_server import RedisServer
from unbroken.journal.redis.scripts import script

NAMES = sorted(
    path.name.removesuffix(".lua")
    for path in (resources.files("unbroken.journal.redis") / "lua").iterdir()
    if path.name != "base.lua"
)


@pytest.mark.parametrize("name", [*NAMES, "end"])
def test_a_script_is_known_by_its_digest(name: str, shared_server: RedisServer) -> None:
    made = script(name)
    assert made.digest == hashlib.sha1(made.source.encode()).hexdigest()
    assert shared_server.command("SCRIPT", "LOAD", made.source).decode() == made.digest


@pytest.mark.parametrize("name", [*NAMES, "end"])
def test_only_what_needs_room_is_refused_where_there_is_none(name: str) -> None:
    """To read, to let go and to end has to be possible, or nothing would ever become free."""
    first = script(name).source.splitlines()[0]
    assert (first == "#!lua") == (name in ("append", "create", "take"))
    assert first in ("#!lua", "#!lua flags=allow-oom")


def test_an_end_is_an_append_in_all_else() -> None:
    assert script("end").source.split("\n", 1)[1] == script("append").source.split("\n", 1)[1]
