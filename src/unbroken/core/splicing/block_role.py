"""What becomes of a block of an attempt: its role.

| role | which blocks                           | what becomes of their events                      |
|------|----------------------------------------|---------------------------------------------------|
| drop | thinking that is not the message's own | they are left out                                 |
| seam | text, until the joint is found         | the seam takes the text; the rest waits for it    |
| hold | those that are not live                | they wait for the block's stop                    |
| text | text                                   | they go on once something of it can be seen       |
| pass | all others                             | they go on                                        |
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..message.blocks import THINKING
from ..wire.decoded import Event

if TYPE_CHECKING:
    from ..seam.seam import Seam

__all__ = ["Flow", "Incoming", "Role", "role_of"]

Role = Literal["pass", "text", "seam", "hold", "drop"]


def role_of(type_: str, *, live: Collection[str], drops_thinking: bool, seeks_joint: bool) -> Role:
    """The role of a block that begins.

    Args:
        type_: The block's.
        live: The block types that are delivered as they grow.
        drops_thinking: Whether the attempt's thinking is left out.
        seeks_joint: Whether the attempt's text has not found its place yet.
    """
    if type_ in THINKING and drops_thinking:
        return "drop"
    if seeks_joint:
        return "seam"
    if type_ not in live:
        return "hold"
    return "text" if type_ == "text" else "pass"


@dataclass(slots=True)
class Incoming:
    """A block of the attempt.

    Attributes:
        role: What becomes of it.
        index: Its index in the message; -1 while it has none.
        seam: Through which its text comes; None where it comes as it is.
        partial: What waits of it.
    """

    role: Role
    index: int = -1
    seam: Seam | None = None
    partial: list[Event] = field(default_factory=list)


class Flow(NamedTuple):
    """Deltas that go on as they are, until anything else comes.

    Attributes:
        came_as: The index of their block in the attempt.
        goes_as: Its index in the message.
        kind: Of the deltas (`Delta.kind`).
    """

    came_as: int
    goes_as: int
    kind: str
