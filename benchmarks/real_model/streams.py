"""One stream: an answer that is cut once, gone on with by `resilient_stream`, and judged."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from anthropic import AsyncAnthropic

from benchmarks.real_model.judge import Case, faults, is_as_uncut, talks
from benchmarks.real_model.prompts import Prompt
from benchmarks.real_model.wire import NAME, Cut, ModelServer, Served
from unbroken import Policy, StreamFailed, resilient_stream
from unbroken.core.seam.half_word import half_word

__all__ = ["ANSWER_TOKENS", "FORMS", "OUTCOMES", "Form", "Stream", "Uncut", "ask", "cut_and_resume"]

Form = Literal["continue", "whole words", "prefill"]
#: One route, and a wait between two requests that nobody has to sit out. The second is the first with
#: `Policy(whole_words=True)`.
_POLICIES: Final[dict[Form, Policy]] = {
    "continue": Policy(resume="continue", initial_backoff=0, max_backoff=0, preflight="off"),
    "whole words": Policy(resume="continue", initial_backoff=0, max_backoff=0, preflight="off", whole_words=True),
    "prefill": Policy(resume="prefill", initial_backoff=0, max_backoff=0, preflight="off"),
}
FORMS: Final = tuple(_POLICIES)

#: `max_tokens` of every answer.
ANSWER_TOKENS: Final = 110

#: What becomes of a stream, and what the word stands for.
OUTCOMES: Final = {
    "as uncut": "verified, and the answer that would have come without the cut",
    "right": "verified, another answer, and no rule is broken",
    "failed": "`StreamFailed`, with all that was delivered",
    "told": "joined unverified, which the report says, and no rule is broken",
    "wrong, told": "joined unverified, which the report says, and a rule is broken",
    "wrong": "verified, and a rule is broken",
}


@dataclass(frozen=True, slots=True)
class Uncut:
    """What the model answers if nothing cuts it, and whether that is all that it has to say."""

    prompt: Prompt
    text: str
    ended: bool


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream and what became of it.

    Attributes:
        prompt: What was asked.
        uncut: The answer without a cut, and whether it had ended.
        held: What was delivered before the cut.
        form: How the policy asks for the rest, and delivers.
        how: How it was cut.
        final: What the reader has in the end.
        seams: How each continuation was joined, as the report has it; None: it was not.
        wordings: In which wording each was asked for, as the report has it.
        continuations: The raw answers to the requests for the rest, in order.
        error: What the stream raised, or "".
        outcome: One of `OUTCOMES`.
        faults: The rules that are broken.
        manner: How the model answered the first request for the rest.
    """

    prompt: Prompt
    uncut: Uncut
    held: str
    form: Form
    how: str
    final: str
    seams: list[str | None]
    wordings: list[str | None]
    continuations: list[dict[str, Any]]
    error: str
    outcome: str
    faults: list[str]
    manner: str

    def record(self) -> dict[str, Any]:
        """As plain data, for a line of JSON."""
        return {
            **asdict(self),
            "kind": self.prompt.kind,
            "prompt": self.prompt.text,
            "uncut": self.uncut.text,
            "uncut_had_ended": self.uncut.ended,
        }


async def ask(client: AsyncAnthropic, prompt: Prompt) -> Uncut:
    """The answer without a cut."""
    message = await client.messages.create(**_request(prompt), stream=True)
    text, stop_reason = "", None
    async for event in message:
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            text += event.delta.text
        elif event.type == "message_delta":
            stop_reason = event.delta.stop_reason
    return Uncut(prompt, text, stop_reason != "max_tokens")


async def cut_and_resume(server: ModelServer, client: AsyncAnthropic, uncut: Uncut, cut: Cut, form: Form) -> Stream:
    """The same answer, cut; what the reader gets, and whether that is right."""
    first = len(server.served)
    server.next_cut = cut
    final, error = "", ""
    policy = _POLICIES[form]
    held = uncut.text[: cut.characters]
    if policy.whole_words:
        held = held[: len(held) - half_word(held)]
    stream = resilient_stream(client, **_request(uncut.prompt), policy=policy)
    try:
        async with stream as events:
            report = events.report
            async for piece in events.text_stream:
                final += piece
    except StreamFailed as failed:
        error, report = type(failed).__name__, failed.report
    served = server.served[first + 1 :]
    case = Case(
        prompt=uncut.prompt.text,
        held=held,
        uncut=uncut.text,
        ended=uncut.ended,
        instruction="\n".join(_asked(each) for each in served),
        final=final,
    )
    seams = [attempt.seam for attempt in report.attempts[1:]]
    told = report.seam == "unverified"
    broken = [name for name in faults(case) if not error or name == "not held"]
    return Stream(
        prompt=uncut.prompt,
        uncut=uncut,
        held=case.held,
        form=form,
        how=cut.how,
        final=final,
        seams=seams,
        wordings=[attempt.prompt for attempt in report.attempts[1:]],
        continuations=[_continuation(each, uncut.prompt) for each in served],
        error=error,
        outcome=_outcome(case, broken, failed=bool(error), told=told, ended=_ended(served)),
        faults=broken,
        manner=_manner(case, served, seams),
    )


def _request(prompt: Prompt) -> dict[str, Any]:
    return {
        "model": NAME,
        "max_tokens": ANSWER_TOKENS,
        "messages": [{"role": "user", "content": prompt.text}],
    }


def _asked(served: Served) -> str:
    """The instruction of a request for the rest; "" if it has none."""
    last = served.turns[-1]
    return last.text if last.role == "user" and len(served.turns) > 1 else ""


def _continuation(served: Served, prompt: Prompt) -> dict[str, Any]:
    turns = served.turns
    form = "prefill" if turns[-1].role == "assistant" else "restart" if turns[-1].text == prompt.text else "continue"
    return {
        "text": served.text,
        "stop_reason": served.stop_reason,
        "form": form,
        "max_tokens": served.body["max_tokens"],
        "instruction": _asked(served),
    }


def _ended(served: list[Served]) -> bool:
    """Whether the last answer says all that the model had to say."""
    return bool(served) and served[-1].stop_reason == "end_turn"


def _outcome(case: Case, broken: list[str], *, failed: bool, told: bool, ended: bool) -> str:
    if failed:
        return "wrong" if broken else "failed"
    if told:
        return "wrong, told" if broken else "told"
    if is_as_uncut(case, ended=ended):
        return "as uncut"
    return "wrong" if broken else "right"


def _manner(case: Case, served: list[Served], seams: list[str | None]) -> str:
    """How the model answered the first request for the rest: as it was joined, or what it said instead."""
    if not served:
        return "not asked"
    joined = next(iter(seams), None)
    if joined not in (None, "unmatched", "unverified", "open"):
        return joined
    text = served[0].text
    if not text.strip():
        return "empty"
    if talks(case, text):
        return "talks"
    start = "".join(case.held.split())[:20]
    return "starts over" if "".join(text.split()).startswith(start) else "other words"
