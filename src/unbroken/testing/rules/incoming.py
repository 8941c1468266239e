"""One request as the rules look at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from unbroken.core.models.table import ModelInfo, lookup
from unbroken.testing.claude.carried import is_pause
from unbroken.testing.claude.reply import folded
from unbroken.testing.claude.signatures import plain
from unbroken.testing.script.blocks import RawBlock, ServerTool, Text

if TYPE_CHECKING:
    from unbroken.testing.script.script import Answer

__all__ = ["Block", "Incoming", "Message", "blocks_of"]

Block: TypeAlias = Mapping[str, Any]
Message: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request that is judged.

    Attributes:
        body: The decoded JSON.
        version: The `anthropic-version`.
        betas: The `anthropic-beta` names.
        counting: Whether the tokens are only to be counted.
        answers: What the model writes in this conversation.
        others: What other models write in it. What one of them all wrote is taken back as it was.
    """

    body: Mapping[str, Any]
    version: str
    betas: Sequence[str] = ()
    counting: bool = False
    answers: Sequence[Answer] = ()
    others: Sequence[Answer] = ()

    @property
    def info(self) -> ModelInfo:
        """What the model takes."""
        return lookup(self.body["model"])

    @property
    def messages(self) -> Sequence[Message]:
        """The messages, which `shape` has found well formed."""
        messages: Sequence[Message] = self.body["messages"]
        return messages

    @property
    def thinking(self) -> str | None:
        """`thinking.type`; None: the request does not say."""
        kind: str | None = (self.body.get("thinking") or {}).get("type")
        return kind

    def has_beta(self, start: str) -> bool:
        """Whether the request names a beta whose name begins like this."""
        return any(beta.startswith(start) for beta in self.betas)

    def parts(self) -> Iterator[tuple[str, Message, Block]]:
        """Every block of every message, with its path and its message."""
        for i, message in enumerate(self.messages):
            for j, block in enumerate(blocks_of(message)):
                yield f"messages.{i}.content.{j}", message, block

    def is_scripted(self, block: Block) -> bool:
        """Whether the script has the model write this very block, whatever it is."""
        told = plain(block)
        return any(plain(folded(raw)) == told for raw in self._blocks() if isinstance(raw, RawBlock))

    def scripted_results(self) -> Iterator[Any]:
        """The results of server tools that the script gives."""
        return (block.result for block in self._blocks() if isinstance(block, ServerTool))

    def citations_of(self, text: str) -> list[Any] | None:
        """The citations that the script has for an answer in which `text` stands; None if it stands in none."""
        texts = [answer for answer in (*self.answers, *self.others) if text.strip() and text.strip() in answer.text]
        if not texts:
            return None
        blocks = [block for answer in texts for block in answer.blocks if isinstance(block, Text)]
        return [plain(each) for block in blocks for each in block.citations]

    @property
    def is_paused(self) -> bool:
        """Whether it ends with a turn that the model paused, sent back as it was."""
        return is_pause(self.answers, list(map(dict, self.messages)))

    def _blocks(self) -> Iterator[object]:
        return (block for answer in (*self.answers, *self.others) for block in answer.blocks)


def blocks_of(message: Message) -> Sequence[Block]:
    """The content of a message as blocks."""
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
