"""The two sides of the demo: the SDK alone, and `unbroken`, each streaming the same answer under the same faults."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
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

__all__ = [
    "Happening",
    "Side",
    "Tell",
    "Tone",
    "client_of",
    "described",
    "request_of",
    "stream_alone",
    "stream_unbroken",
    "to_its_end",
    "tone_of",
]

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
        processes: The numbers of those in which it was streamed, one after the other; none: it was this one.
    """

    name: str
    truth: str
    tell: Tell
    text: str = ""
    log: list[Happening] = field(default_factory=list)
    ending: str = ""
    whole: bool = False
    report: Report | None = None
    processes: list[int] = field(default_factory=list)
    started: float = 0.0
    _taken_over: list[tuple[int, int]] = field(default_factory=list)

    def begin(self, model: str, process: int | None = None) -> None:
        """The clock starts; `process` is the number of the one that asks, where that is not this one."""
        self.started = anyio.current_time()
        if process is None:
            self.happen(f"asking {model}")
        else:
            self.processes.append(process)
            self.happen(f"asking {model} in process {process}")

    def take(self, piece: str) -> None:
        """More of the text has arrived."""
        self.text += piece

    def go_on(self, process: int) -> None:
        """What comes from now on is of another process, and of the last of the requests in the report."""
        self.processes.append(process)
        self._taken_over.append((len(self.report.attempts) if self.report else 1, len(self.text)))
        self.happen(f"process {process} goes on")

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
        if self._taken_over:
            # A process that was killed has not said how much its request brought.
            return [(1, 0), *self._taken_over]
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
    async with client_of(url) as client:
        side.begin(model)
        try:
            async with client.messages.stream(**request_of(model)) as stream:
                async for piece in stream.text_stream:
                    side.take(piece)
                message = await stream.get_final_message()
        except Exception as error:
            side.end(f"raised {described(error)}")
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
        side.happen(notice.message, tone_of(notice.code))

    async def stream() -> None:
        async with resilient_stream(
            client,
            **request_of(model),
            fallback_models=fallbacks,
            policy=policy,
            on_notice=on_notice,
        ) as stream:
            side.report = stream.report
            async for piece in stream.text_stream:
                side.take(piece)
            await stream.get_final_message()

    async with client_of(url) as client:
        side.begin(model)
        await to_its_end(side, stream)


async def to_its_end(side: Side, stream: Callable[[], Awaitable[None]]) -> None:
    """Have `unbroken` stream an answer, and say how that ended."""
    try:
        await stream()
    except StreamFailed as failed:
        side.report = failed.report
        side.end(f"raised {type(failed).__name__}")
        return
    except Exception as error:
        side.end(f"raised {described(error)}")
        return
    if side.text != side.truth:
        side.end("returned as success, but not exact")
        return
    by = f" by {len(side.processes)} processes" if len(side.processes) > 1 else ""
    attempts = side.report.attempts if side.report else ()
    side.end(f"exact, in {count(len(attempts), 'request')}{by}", whole=True)


def tone_of(code: str) -> Tone:
    """In which tone a notice of this code is told."""
    return _TONES.get(code, "plain")


def client_of(url: str) -> AsyncAnthropic:
    """A client with the SDK's defaults; `url` is where the server is."""
    # A proxy in the environment has no business between us and a server on this machine.
    return AsyncAnthropic(base_url=url, api_key="demo", http_client=DefaultAsyncHttpxClient(trust_env=False))


def request_of(model: str) -> dict[str, Any]:
    """What is asked, as arguments of `messages.stream`."""
    return {"model": model, "max_tokens": 2048, "messages": [{"role": "user", "content": QUESTION}]}


def described(error: Exception) -> str:
    """Its class, with the module where that is not the SDK's, and the API's name for it."""
    name = type(error).__name__
    module = type(error).__module__.partition(".")[0]
    if module not in ("anthropic", "builtins", "json"):
        name = f"{module}.{name}"
    type_ = printable(getattr(error, "type", None))
    return f"{name} ({type_})" if type_ else name
