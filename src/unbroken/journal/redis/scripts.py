"""The scripts that the server runs: what is in `lua/`, each with what all begin with."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

__all__ = ["VERSION", "Script", "script"]

#: Of the keys, and of what is in them: `{prefix}:schema` has it.
VERSION: Final = b"1"

_SHEBANG: Final = "#!lua"
#: Runs also where `maxmemory` is reached: what it writes is little, and lets the server have room again.
_ALWAYS: Final = "#!lua flags=allow-oom"


class Script(NamedTuple):
    """A script, and the name by which the server knows it."""

    source: str
    digest: str


@cache
def script(name: str) -> Script:
    """A script by its name; `end` is `append` which always finds room."""
    lua = resources.files(__package__) / "lua"
    body = (lua / f"{'append' if name == 'end' else name}.lua").read_text(encoding="utf-8")
    first, _, rest = body.partition("\n")
    if not first.startswith(_SHEBANG):
        first, rest = (_ALWAYS if name == "end" else _SHEBANG), body
    source = "\n".join([first, (lua / "base.lua").read_text(encoding="utf-8"), rest])
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())
