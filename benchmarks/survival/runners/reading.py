"""What all runners share: orders come in as lines of JSON, and what the reader gets goes out as lines of JSON.

It runs in every peer's environment, and so needs nothing but the standard library.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.metadata import version
from typing import IO, Any, Final

__all__ = ["Order", "Reader", "serve"]

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be asked, and with which patience.

    Attributes:
        url: The server's `base_url`.
        primary: The model that is asked first.
        fallback: The model that may be asked instead.
        prompt: What the user says.
        max_tokens: Of the answer.
        thinking: The request's `thinking`; None: it has none.
        tools: The request's tools, in the form of the Messages API; none, if empty.
        silence: Seconds without a byte after which a peer that can be told so gives a response up.
        stall: Seconds without content after which it does, where it can tell content from bytes.
        total: Seconds for one response, where a peer has a limit for that.
    """

    url: str
    primary: str
    fallback: str
    prompt: str
    max_tokens: int
    thinking: Json | None
    tools: Sequence[Json]
    silence: float
    stall: float
    total: float

    @property
    def models(self) -> tuple[str, str]:
        """The primary and the fallback."""
        return self.primary, self.fallback

    @property
    def messages(self) -> list[dict[str, str]]:
        """The conversation, as every API here takes it."""
        return [{"role": "user", "content": self.prompt}]

    @property
    def functions(self) -> list[dict[str, Any]]:
        """`tools` as the OpenAI-like APIs take them."""
        return [
            {
                "type": "function",
                "function": {
                    "name": tool["name"],
                    "description": tool["description"],
                    "parameters": tool["input_schema"],
                },
            }
            for tool in self.tools
        ]


class Reader:
    """Whoever reads the answer: what it is given cannot be taken back.

    Args:
        out: Where the lines go.
    """

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def text(self, piece: str) -> None:
        """A piece of text arrived."""
        if piece:
            self.tell({"text": piece})

    def call(self, name: str, input: object) -> None:
        """A tool call was handed over, to be run."""
        self.tell({"call": {"name": name, "input": input}})

    def tell(self, line: Json) -> None:
        """Write a line."""
        self._out.write(json.dumps(line) + "\n")
        self._out.flush()


def serve(read: Callable[[Order, Reader], Awaitable[None]], *packages: str) -> None:
    """Carry orders out until there are no more.

    Args:
        read: Asks, and gives the reader what arrives. What it raises is what the application would see.
        packages: The distributions whose versions are told first.
    """
    # Some libraries print; their words must not stand between the lines.
    out: Final = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    reader = Reader(out)
    reader.tell({"versions": {package: version(package) for package in packages}})
    asyncio.run(_carry_out(read, reader))


async def _carry_out(read: Callable[[Order, Reader], Awaitable[None]], reader: Reader) -> None:
    names = {field.name for field in fields(Order)}
    while line := await asyncio.to_thread(sys.stdin.readline):
        told = json.loads(line)
        order = Order(**{name: told[name] for name in names})
        try:
            await read(order, reader)
        except Exception as error:  # whatever a peer raises
            reader.tell({"error": f"{type(error).__name__}: {error}"[:300]})
        else:
            reader.tell({"end": True})
