"""One request as the rules look at it: whatever shape its parts are in, nothing of it is consumed or changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

from ..core.models.table import NOT_IN_THE_TABLE, ModelInfo
from .blocks import ADDITION

__all__ = ["PREFILL", "Mark", "Part", "Request", "get", "is_object", "listed"]

#: The types of the SDK's marks for an argument that was not given, by name: the SDK need not be imported for them.
_OMITTED: Final = ("Omit", "NotGiven")

#: What rules about a conversation that the assistant ends are about.
PREFILL: Final = "a prefill"


def get(item: object, name: str) -> Any:
    """A field of a mapping or of an SDK model; None where it is absent or omitted, or `item` is neither."""
    if type(item) is dict or isinstance(item, Mapping):
        value = item.get(name)
    elif hasattr(item, "model_dump"):
        value = getattr(item, name, None)
    else:
        return None
    return None if type(value).__name__ in _OMITTED else value


def is_object(item: object) -> bool:
    """Whether it becomes a JSON object."""
    return isinstance(item, Mapping) or hasattr(item, "model_dump")


def listed(value: object) -> Sequence[Any]:
    """The items of a list; empty for all else, a generator above all, which could be read once only."""
    return value if isinstance(value, list | tuple) else ()


class Part(NamedTuple):
    """One content block.

    Attributes:
        turn: The index of its message.
        place: Its index there; None where the message's content is a string.
        role: The message's.
        kind: Its `type`; empty where it has none.
        block: The block, or the string.
    """

    turn: int
    place: int | None
    role: object
    kind: str
    block: Any

    @property
    def path(self) -> str:
        """Where it stands."""
        return f"messages[{self.turn}].content" + ("" if self.place is None else f"[{self.place}]")

    @property
    def text(self) -> str | None:
        """A text block's text; None where there is none."""
        if self.place is None:
            return str(self.block)
        text = get(self.block, "text")
        return text if isinstance(text, str) else None

    def at(self, *names: str) -> str:
        """The path of a field of the block; a string has none, and is named itself."""
        return self.path if self.place is None else ".".join((self.path, *names))


class Mark(NamedTuple):
    """One `cache_control`: the path of what it stands on, and itself."""

    path: str
    mark: Any

    @property
    def ttl(self) -> Any:
        """Its time to live."""
        return get(self.mark, "ttl") or "5m"


class Request:
    """A request that is looked at.

    Attributes:
        params: The arguments, with those in `extra_body`.
        model: The model's name; empty where it is none.
        info: What the model takes.
        version: The `anthropic-version` that the request is sent with; None where that is not known.
        messages: The role and the content of each message; None where the messages cannot be seen, as those of a
            generator.
        parts: The blocks of all messages whose blocks can be seen.
        is_whole: Whether they all can.
        marks: The cache marks, in the order in which the API reads them: of tools, system prompt and messages.
        has: The names of the arguments that are given, and the types of all blocks; `cache_control` if anything is
            marked, `PREFILL` if the assistant has the last word.
    """

    def __init__(self, params: Mapping[str, Any], model: str, info: ModelInfo, version: str | None) -> None:
        self.params = params
        self.model = model
        self.info = info
        self.version = version
        messages = get(params, "messages")
        self.messages: list[tuple[Any, Any]] | None = None
        if isinstance(messages, list | tuple):
            self.messages = [(get(message, "role"), get(message, "content")) for message in messages]
        self.is_whole: bool = self.messages is not None
        self.parts: list[Part] = []
        self._by_kind: dict[str, list[Part]] = {}
        for turn, (role, content) in enumerate(self.messages or ()):
            self._read(turn, role, content)
        self.marks: list[Mark] = []
        for name in ("tools", "system"):
            if name in params:
                self.marks += self._marks(name)
        for part in self.parts:
            if part.place is not None and (mark := get(part.block, "cache_control")) is not None:
                self.marks.append(Mark(part.path, mark))
        self.has: set[str] = {name for name, value in params.items() if value is not None}
        self.has.update(self._by_kind)
        if self.marks:
            self.has.add("cache_control")
        if self.messages and self.messages[-1][0] == "assistant":
            self.has.add(PREFILL)

    def _read(self, turn: int, role: object, content: object) -> None:
        if isinstance(content, str):
            self._add(Part(turn, None, role, "text", content))
        elif isinstance(content, list | tuple):
            for place, block in enumerate(content):
                kind = get(block, "type")
                self._add(Part(turn, place, role, kind if isinstance(kind, str) else "", block))
        else:
            self.is_whole = False

    def _add(self, part: Part) -> None:
        self.parts.append(part)
        self._by_kind.setdefault(part.kind, []).append(part)

    def _marks(self, name: str) -> Iterator[Mark]:
        for i, item in enumerate(listed(get(self.params, name))):
            mark = get(item, "cache_control")
            if mark is not None:
                yield Mark(f"{name}[{i}]", mark)

    def of(self, *kinds: str) -> list[Part]:
        """The blocks of some types, in order."""
        if len(kinds) == 1:
            return self._by_kind.get(kinds[0], [])
        return sorted(part for kind in kinds for part in self._by_kind.get(kind, ()))

    @cached_property
    def turns(self) -> list[list[Part]]:
        """The blocks by turns: neighbours of one role are one turn, as the API joins them.

        The API may put a `system` message between a turn and its answer: such messages are passed over.
        """
        turns: list[list[Part]] = []
        for part in self.parts:
            if part.role == "system":
                continue
            if turns and turns[-1][0].role == part.role:
                turns[-1].append(part)
            else:
                turns.append([part])
        return turns

    @cached_property
    def texts(self) -> list[str]:
        """The texts that certainly count as input: of the system prompt, of the messages and of tools' results."""
        system = get(self.params, "system")
        texts = [system, *(get(block, "text") for block in listed(system))]
        texts += [part.text for part in self.of("text")]
        for part in self.of("tool_result"):
            content = get(part.block, "content")
            texts += [content, *(get(block, "text") for block in listed(content))]
        return [text for text in texts if isinstance(text, str)]

    @property
    def is_known(self) -> bool:
        """Whether anything is known of the model."""
        return self.info.source != NOT_IN_THE_TABLE

    @cached_property
    def thinking(self) -> str | None:
        """`thinking.type`; None: the request does not say."""
        kind = get(get(self.params, "thinking"), "type")
        return kind if isinstance(kind, str) else None

    @property
    def tools(self) -> Sequence[Any]:
        """The tools that can be seen."""
        return listed(get(self.params, "tools"))

    @property
    def may_have_tools(self) -> bool:
        """Whether any tool is offered, or may be: in a generator, in a message, or by an MCP server."""
        tools = get(self.params, "tools")
        seen = isinstance(tools, list | tuple)
        others = bool(get(self.params, "mcp_servers")) or ADDITION in self.has
        return others or (bool(tools) if seen else tools is not None)

    @cached_property
    def tool_choice(self) -> str | None:
        """`tool_choice.type`; None: the request does not say."""
        kind = get(get(self.params, "tool_choice"), "type")
        return kind if isinstance(kind, str) else None

    def since(self, version: str) -> bool:
        """Whether it is certainly sent with this `anthropic-version`, or a later one."""
        ours = self.version or ""
        return ours[:1].isdigit() and ours >= version

    @cached_property
    def betas(self) -> tuple[str, ...]:
        """The betas that the request names."""
        header = get(get(self.params, "extra_headers"), "anthropic-beta")
        named = header.split(",") if isinstance(header, str) else ()
        betas = (*listed(get(self.params, "betas")), *named)
        return tuple(beta.strip() for beta in betas if isinstance(beta, str))

    def has_beta(self, start: str) -> bool:
        """Whether a beta whose name begins like this is named."""
        return any(beta.startswith(start) for beta in self.betas)
