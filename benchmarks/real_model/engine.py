"""llama.cpp, of the wheel `xllamacpp`: a prompt in, pieces of text out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["Completion", "Engine"]

#: In tokens. The longest request of the benchmark has about six hundred.
_CONTEXT: Final = 2_048
#: What ends a turn, should the model write it as plain text.
_END: Final = ("<|im_end|>", "<|im_start|>")


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model wrote.

    Attributes:
        text: All of it.
        stop_reason: As in the Messages API.
        input_tokens: Of the prompt.
        output_tokens: Of the text.
    """

    text: str
    stop_reason: str
    input_tokens: int
    output_tokens: int


class Engine:
    """One model in memory, which answers one prompt at a time.

    Args:
        weights: A GGUF file.
        threads: How many of the machine's cores it takes at most. They wait for each other at every step, and do so
            busily: where other programs want the cores as well, two of them are ten times slower than one.
        temperature: 0, the default: always the likeliest token.
        seed: Draws the tokens where the temperature is above 0; every answer begins with it anew.
    """

    def __init__(self, weights: Path, *, threads: int = 1, temperature: float = 0.0, seed: int = 1) -> None:
        # It logs to the process's stderr, past Python's, at every request.
        import xllamacpp  # type: ignore[import-not-found]

        params = xllamacpp.CommonParams()
        params.model.path = str(weights)
        params.n_ctx = _CONTEXT
        params.n_parallel = 1
        params.warmup = False
        params.verbosity = -1
        params.cache_ram_mib = 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        self._server: Any = xllamacpp.Server(params)
        self._asks: dict[str, Any] = {"temperature": temperature, "seed": seed}
        self._lock = threading.Lock()

    def complete(
        self,
        prompt: str,
        max_tokens: int,
        on_text: Callable[[str], bool] | None = None,
        *,
        stop: Sequence[str] = (),
        reuse: bool = False,
    ) -> Completion:
        """Write on from the prompt's end.

        Args:
            prompt: As `weights.render` makes it.
            max_tokens: The most that is written.
            on_text: Takes each piece, and says whether to go on.
            stop: Further sequences that end the text, and are not in it.
            reuse: Whether what the prompt before this one began with as well is not read again. It saves half of the
                time where prompts have long beginnings in common; the arithmetic, not being done in the same portions,
                may come out otherwise in the last bit, and with it the text.

        Raises:
            RuntimeError: The engine answers with an error, such as that the prompt is too long.
        """
        pieces: list[str] = []
        last: dict[str, Any] = {}
        raised: list[BaseException] = []

        def take(chunk: dict[str, Any]) -> bool:
            """Return whether to stop."""
            if "choices" not in chunk:
                last.update(error=chunk)
                return True
            choice = chunk["choices"][0]
            last.update(chunk, finish_reason=choice["finish_reason"])
            if not choice["text"]:
                return False
            pieces.append(choice["text"])
            try:
                return on_text is not None and not on_text(choice["text"])
            except BaseException as error:  # it may not pass through the engine
                raised.append(error)
                return True

        asks = {**self._asks, "prompt": prompt, "max_tokens": max_tokens, "stream": True, "cache_prompt": reuse}
        asks["stop"] = [*_END, *stop]
        with self._lock:
            self._server.handle_completions(asks, take)
        if raised:
            raise raised[0]
        if "error" in last:
            raise RuntimeError(f"the model's engine answered {last['error']}")
        usage = last.get("usage") or {"prompt_tokens": 0, "completion_tokens": len(pieces)}
        return Completion(
            text="".join(pieces),
            stop_reason="max_tokens" if last.get("finish_reason") == "length" else "end_turn",
            input_tokens=usage["prompt_tokens"],
            output_tokens=usage["completion_tokens"],
        )
