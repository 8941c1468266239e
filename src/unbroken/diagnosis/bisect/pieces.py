"""A Messages request as pieces that can be left out, each such that the rest is still well-formed.

A piece is an optional argument, a tool, a keyword of a schema (however deep), a block of the system prompt, a turn or a
block of one. The pieces stand in the order of a prompt: arguments, tools, system, turns. A piece may need others, which
are there whenever it is: the tool that holds it, the result of a call, the tool that was called, what a `$ref` refers
to. What is no piece (a tool's name, an object's `type`) goes with the piece that it is in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from ...core.message.blocks import CALLS, SERVER_USES, THINKING, used_by
from .keywords import Path, keywords

__all__ = ["PLACEHOLDER", "Path", "Pieces", "filled", "spelled"]

#: What stands where a user's turn has to and none is left: what the guides verify a key with.
PLACEHOLDER: Final = "Say hello."
#: What `max_tokens` is lowered to, above a thinking budget, in tokens: enough to see an answer begin.
LOW_TOKENS: Final = 64

#: Without these the others may mean something else, or nothing: betas, and what the SDK sends beside the body.
_CARRIED: Final = ("betas", "extra_headers", "extra_query")
_ALWAYS: Final = frozenset({"model", "messages", "max_tokens", "stream", "tools", "tool_choice", "system", *_CARRIED})
#: Arguments whose parts can be left out one by one; another is left out as a whole.
_DIVISIBLE: Final = frozenset({"metadata", "output_config", "stop_sequences"})
#: What a tool of the vendor's own may have or not (SDK 2.12.0, `types/*_tool_*_param.py`); the rest it must have.
_SERVER_TOOL: Final = frozenset(
    [
        *("allowed_callers", "allowed_domains", "blocked_domains", "cache_control", "citations", "defer_loading"),
        *("display_number", "max_content_tokens", "max_uses", "strict", "user_location"),
    ]
)
#: The same of content blocks, by their type; `cache_control` is optional in all.
_BLOCK: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset({"citations"}),
    "image": frozenset({"transformations"}),
    "document": frozenset({"citations", "context", "title"}),
    "search_result": frozenset({"citations"}),
    "tool_result": frozenset({"is_error"}),
}

_GONE: Final = object()
_FILLER: Final = "lorem ipsum dolor sit amet consectetur adipiscing elit "


def spelled(path: Path) -> str:
    """A path as people read it: `tools[7].input_schema.properties.a`."""
    text = ""
    for step in path:
        if isinstance(step, str) and step.replace("$", "_").isidentifier():
            text += f".{step}" if text else step
        else:
            text += f"[{step!r}]"
    return text


def filled(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request with filler for the texts of its turns, each as long as it was; thinking is signed, and left out."""
    turns = [_filled_part(turn) for turn in request["messages"]]
    return {**request, "messages": [turn for turn in turns if not isinstance(turn, dict) or turn.get("content")]}


def _filled_part(part: Any) -> Any:
    """A turn or a block; what is neither stays as it is, for it may be what the API rejects."""
    if not isinstance(part, dict):
        return part
    return {name: _filled(value) if name in ("content", "text") else value for name, value in part.items()}


def _filled(content: Any) -> Any:
    if isinstance(content, str):
        return (_FILLER * (len(content) // len(_FILLER) + 1))[: len(content)].rstrip()
    if not isinstance(content, list):
        return content
    return [
        _filled_part(block) for block in content if not isinstance(block, dict) or block.get("type") not in THINKING
    ]


class Pieces:
    """The pieces of one request, numbered in the order of the prompt.

    Args:
        request: The arguments of `messages.stream`, or a body; it is not changed.

    Attributes:
        paths: Where each piece stands in the request.
    """

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._original = request
        self.paths: list[Path] = []
        self._needs: list[Collection[int]] = []
        self._blanks: set[Path] = set()  # of which an empty object is left where it is left out
        self._stays: set[Path] = {()}  # which are there when all in them is left out
        self._tools: dict[str, int] = {}
        self._carried: frozenset[int] = frozenset()
        self._carried = frozenset([self._add((name,)) for name in _CARRIED if name in request])
        for name, value in request.items():
            if name not in _ALWAYS:
                self._argument(name, value)
        self._prompt = len(self.paths)  # where the prompt begins
        self._read_tools()
        for path, block in _parts("system", request.get("system")):
            self._block(path, block)
        self._read_turns(request.get("messages"))
        if _number(request.get("max_tokens")) > LOW_TOKENS:
            self._add(("max_tokens",))

    def __len__(self) -> int:
        return len(self.paths)

    def closed(self, wanted: Iterable[int]) -> frozenset[int]:
        """These pieces and all that they need."""
        kept: set[int] = set()
        todo = list(wanted)
        while todo:
            piece = todo.pop()
            if piece not in kept:
                kept.add(piece)
                todo.extend(self._needs[piece])
        return frozenset(kept)

    def request(self, kept: frozenset[int]) -> dict[str, Any]:
        """The request with these pieces alone.

        A `PLACEHOLDER` stands for a user's turn that has to be there; `max_tokens` is low where it is not kept.

        Args:
            kept: As `closed` gives them.
        """
        dropped = {path for piece, path in enumerate(self.paths) if piece not in kept}
        built: dict[str, Any] = self._built(self._original, (), dropped, self._stays | set(self.paths))
        if isinstance(self._original.get("messages"), list):
            built["messages"] = self._turns(built.get("messages", []), dropped)
        if ("max_tokens",) in dropped:
            thinking = built.get("thinking")
            budget = _number(thinking.get("budget_tokens")) if isinstance(thinking, dict) else 0
            built["max_tokens"] = min(self._original["max_tokens"], budget + LOW_TOKENS)
        return built

    def _built(self, value: Any, path: Path, dropped: Collection[Path], stays: Collection[Path]) -> Any:
        if path in dropped:
            return {} if path in self._blanks else _GONE
        if not value or not isinstance(value, dict | list):
            return value
        parts = [(key, self._built(part, (*path, key), dropped, stays)) for key, part in _items(value)]
        left = [(key, part) for key, part in parts if part is not _GONE]
        if not left and path not in stays:
            return _GONE
        return dict(left) if isinstance(value, dict) else [part for _, part in left]

    def _turns(self, left: list[Any], dropped: Collection[Path]) -> list[Any]:
        """The turns that are left; the user's are first and last, but that the assistant's is last if it was before."""
        turns = [turn for turn in left if not isinstance(turn, dict) or "content" in turn]
        placeholder = {"role": "user", "content": PLACEHOLDER}
        if _role(turns[:1]) != "user":
            turns.insert(0, placeholder)
        last = ("messages", len(self._original["messages"]) - 1)
        as_it_was = any(path[:2] == last and path not in dropped for path in self.paths)
        if _role(turns[-1:]) == "assistant" and not as_it_was:
            turns.append(placeholder)
        return turns

    def _add(self, path: Path, within: int | None = None, *needs: int) -> int:
        self.paths.append(path)
        self._needs.append({*needs, *(self._carried if within is None else (within,))})
        return len(self.paths) - 1

    def _join(self, one: int, other: int) -> None:
        """Neither is accepted without the other."""
        self._needs[one] = {*self._needs[one], other}
        self._needs[other] = {*self._needs[other], one}

    def _argument(self, name: str, value: Any) -> None:
        if name == "output_format":
            self._format((name,), value)
        elif name in _DIVISIBLE and value and isinstance(value, dict | list):
            for key, part in _items(value):
                if (name, key) == ("output_config", "format"):
                    self._format((name, key), part)
                else:
                    self._add((name, key))
        else:
            self._add((name,))

    def _format(self, path: Path, value: Any) -> None:
        piece = self._add(path)
        if isinstance(value, dict):
            self._schema((*path, "schema"), value.get("schema"), piece, strict=True)

    def _schema(self, root: Path, schema: Any, within: int, *, strict: bool) -> None:
        if not isinstance(schema, dict):
            return
        self._stays.add(root)
        numbers: dict[Path, int] = {}
        for keyword in keywords(schema, strict=strict):
            holder = within if keyword.within is None else numbers[keyword.within]
            needed = within if keyword.needs is None else numbers.get(keyword.needs, within)
            numbers[keyword.path] = self._add((*root, *keyword.path), holder, needed)

    def _read_tools(self) -> None:
        servers = [piece for piece, path in enumerate(self.paths) if path == ("mcp_servers",)]
        for path, tool in _parts("tools", self._original.get("tools")):
            piece = self._tool(path, tool)
            for server in servers if isinstance(tool, dict) and tool.get("type") == "mcp_toolset" else ():
                self._join(piece, server)
        if "tool_choice" in self._original:
            choice = self._original["tool_choice"]
            named = self._tools.get(str(choice.get("name"))) if isinstance(choice, dict) else None
            any_ = list(self._tools.values())[:1]
            self._add(("tool_choice",), None, *(any_ if named is None else [named]))

    def _tool(self, path: Path, tool: Any) -> int:
        piece = self._add(path)
        if isinstance(tool, dict):
            self._tools.setdefault(str(tool.get("name", tool.get("mcp_server_name"))), piece)
            own = tool.get("type") in (None, "custom")
            for key, value in tool.items():
                if key == "input_schema":
                    self._schema((*path, key), value, piece, strict=tool.get("strict") is True)
                elif key not in ("name", "type") if own else key in _SERVER_TOOL:
                    self._add((*path, key), piece)
        return piece

    def _read_turns(self, messages: Any) -> None:
        calls: dict[str, int] = {}
        for i, turn in enumerate(messages if isinstance(messages, list) else ()):
            content = turn.get("content") if isinstance(turn, dict) else None
            if not content or not isinstance(content, list):
                self._add(("messages", i))
                continue
            for j, block in enumerate(content):
                piece = self._block(("messages", i, "content", j), block)
                if isinstance(block, dict):
                    self._pair(piece, block, calls)

    def _pair(self, piece: int, block: Mapping[str, Any], calls: dict[str, int]) -> None:
        """What a block of a turn needs of what stands before it."""
        type_ = block.get("type")
        if type_ in THINKING:
            # Its signature is bound to the prompt that it was written after.
            self._needs[piece] = range(self._prompt, piece) if piece > self._prompt else self._carried
        elif type_ in CALLS or type_ in SERVER_USES:
            calls[str(block.get("id"))] = piece
            tool = self._tools.get(str(block.get("server_name", block.get("name"))))
            self._needs[piece] = {*self._needs[piece], *([] if tool is None else [tool])}
        elif (type_ == "tool_result" or used_by(block)) and str(block.get("tool_use_id")) in calls:
            self._join(piece, calls[str(block.get("tool_use_id"))])

    def _block(self, path: Path, block: Any, within: int | None = None) -> int:
        piece = self._add(path, within)
        type_ = block.get("type") if isinstance(block, dict) else None
        for key, value in block.items() if isinstance(block, dict) else ():
            here = (*path, key)
            if key == "cache_control" or key in _BLOCK.get(str(type_), ()):
                self._add(here, piece)
            elif key == "input" and value:
                # As a whole: the names in it are the conversation's own.
                self._blanks.add(here)
                self._add(here, piece)
            elif key == "content" and type_ == "tool_result":
                for inner, part in _parts(key, value):
                    self._block((*path, *inner), part, piece)
        return piece


def _parts(name: str, value: Any) -> Iterator[tuple[Path, Any]]:
    """Each item of a list with its path; anything else, if it is there, as one."""
    if value is not None and (not value or not isinstance(value, list)):
        yield (name,), value
    else:
        yield from (((name, index), part) for index, part in enumerate(value or ()))


def _items(value: dict[str, Any] | list[Any]) -> Iterable[tuple[str | int, Any]]:
    return value.items() if isinstance(value, dict) else enumerate(value)


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _role(turns: list[Any]) -> Any:
    return turns[0].get("role") if turns and isinstance(turns[0], dict) else None
