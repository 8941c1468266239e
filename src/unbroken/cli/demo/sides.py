"""The two sides of the demo: the SDK alone, and `unbroken`, each streaming the same answer under the same faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

import anyio
from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

from ...api.stream import resilient_stream
from ...core.printable import printable
from ...errors import StreamFailed
from ...policy import Hedging, Policy
from ...report import Notice, Report
from ..problems import count
from .story import QUESTION

__all__ = ["Happening", "Side", "Tell", "Tone", "stream_alone", "stream_unbroken"]

Tone = Literal["plain", "cut", "good", "bad"]

_TONES: Final[dict[str, Tone]] = {"cut": "cut", "failed": "bad", "seam_unverified": "bad"}

#: The watchdogs are short, so that a script with a silence is not watched for minutes.
_POLICY: Final = Policy(idle_timeout=3, progress_timeout=5)
_POLICY_IN_A_HURRY: Final = Policy(idle_timeout=1, progress_timeout=2, initial_backoff=0.01)


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that a spectator should see; `at` is in seconds from the start."""

    at: float
    what: str
    tone: Tone


#: Called with whom it happened to, and what.
Tell: TypeAlias = Callable[[str, Happening], None]


@dataclass(slots=True, eq=False)
class Side:
    """What one side has to show so far.

    Attributes:
        name: `"SDK"` or `"unbroken"`.
        truth: The answer that the model wants to write.
        tell: Called with each happening.
        text: What has arrived.
        log: What happened, in order.
        ending: How it ended, in one clause; empty while it goes on.
        whole: Whether it ended well, with every character in its place.
        report: Unbroken's own; None on the SDK's side, and before there is one.
    """

    name: str
    truth: str
    tell: Tell
    text: str = ""
    log: list[Happening] = field(default_factory=list)
    ending: str = ""
    whole: bool = False
    report: Report | None = None
    started: float = 0.0

    def begin(self, model: str) -> None:
        """The clock starts."""
        self.started = anyio.current_time()
        self.happen(f"asking {model}")

    def happen(self, what: str, tone: Tone = "plain") -> None:
        """Note that something happened, now."""
        happening = Happening(anyio.current_time() - self.started, what, tone)
        self.log.append(happening)
        self.tell(self.name, happening)

    def end(self, ending: str, *, whole: bool = False) -> None:
        """It is over."""
        self.ending, self.whole = ending, whole
        self.happen(ending if whole else f"{ending}, {self.missing}", "good" if whole else "bad")

    @property
    def missing(self) -> str:
        """What the reader did not get, in words."""
        lacking = len(self.truth) - len(self.text)
        return f"{lacking:,} characters never came" if lacking > 0 else "and the text is not exact"

    @property
    def joints(self) -> list[tuple[int, int]]:
        """Where in the text each attempt that brought some begins: its number, and the offset."""
        begins: list[tuple[int, int]] = []
        offset = 0
        for attempt in self.report.attempts if self.report else ():
            if attempt.characters:
                begins.append((attempt.number, offset))
            offset += attempt.characters
        return begins

    def summary(self) -> str:
        """How it went, in one sentence without its subject."""
        return f"{len(self.text):,} of {len(self.truth):,} characters, {self.ending}"


async def stream_alone(side: Side, url: str, model: str) -> None:
    """Stream with the bare SDK and its defaults."""
    async with _client(url) as client:
        side.begin(model)
        try:
            async with client.messages.stream(**_request(model)) as stream:
                async for piece in stream.text_stream:
                    side.text += piece
                message = await stream.get_final_message()
        except Exception as error:
            side.end(f"raised {_described(error)}")
            return
    if side.text == side.truth:
        side.end("exact", whole=True)
    else:
        side.end(f"returned as success, stop_reason {message.stop_reason}")


async def stream_unbroken(
    side: Side, url: str, model: str, fallbacks: Sequence[str], *, fast: bool, hedging: Hedging | None = None
) -> None:
    """Stream with `resilient_stream` and, but for the watchdogs and `hedging`, its defaults."""
    policy = replace(_POLICY_IN_A_HURRY if fast else _POLICY, hedging=hedging)

    def on_notice(notice: Notice) -> None:
        side.happen(notice.message, _TONES.get(notice.code, "plain"))

    async with _client(url) as client:
        side.begin(model)
        try:
            async with resilient_stream(
                client,
                **_request(model),
                fallback_models=fallbacks,
                policy=policy,
                on_notice=on_notice,
            ) as stream:
                side.report = stream.report
                async for piece in stream.text_stream:
                    side.text += piece
                await stream.get_final_message()
        except StreamFailed as failed:
            side.report = failed.report
            side.end(f"raised {type(failed).__name__}")
            return
        except Exception as error:
            side.end(f"raised {_described(error)}")
            return
    if side.text == side.truth:
        side.end(f"exact, in {count(len(side.report.attempts), 'request')}", whole=True)
    else:
        side.end("returned as success, but not exact")


def _client(url: str) -> AsyncAnthropic:
    # A proxy in the environment has no business between us and a server on this machine.
    return AsyncAnthropic(base_url=url, api_key="demo", http_client=DefaultAsyncHttpxClient(trust_env=False))


def _request(model: str) -> dict[str, Any]:
    return {"model": model, "max_tokens": 2048, "messages": [{"role": "user", "content": QUESTION}]}


def _described(error: Exception) -> str:
    """Its class, with the module where that is not the SDK's, and the API's name for it."""
    name = type(error).__name__
    module = type(error).__module__.partition(".")[0]
    if module not in ("anthropic", "builtins", "json"):
        name = f"{module}.{name}"
    type_ = printable(getattr(error, "type", None))
    return f"{name} ({type_})" if type_ else name
