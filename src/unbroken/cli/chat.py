"""`unbroken chat`: one question to the real API; the answer on stdout, how it went on stderr."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, replace
from typing import Any, Final

import anthropic
from rich.console import Console

from ..api.stream import resilient_stream
from ..core.printable import escaped, for_terminal, printable
from ..engine.stream import ResilientStream
from ..errors import StreamFailed
from ..policy import Policy
from ..report import Notice, Report
from .problems import Problem, count

__all__ = ["Question", "ask", "client_for"]

#: Each would repeat the whole answer so far in every line.
_SNAPSHOTS: Final = {"snapshot", "parsed_snapshot"}

_ENDINGS: Final = {
    "max_tokens": "the answer is longer than --max-tokens",
    "refusal": "the model refused to go on",
    "model_context_window_exceeded": "the context window is full",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the command line said.

    Attributes:
        prompt: What to ask.
        model: The model to ask.
        fallbacks: Where to go when it does not answer.
        base_url: Another address of the API; None: the SDK's.
        max_tokens: The most tokens of the whole answer.
        system: The system prompt; None: none.
        deadline: Seconds for the whole answer; None: no limit.
        attempts: Requests in a row that may bring nothing; None: the policy's default.
        as_json: Whether stdout gets events as JSON lines instead of text.
        quiet: Whether stderr gets nothing but an error.
    """

    prompt: str
    model: str
    fallbacks: tuple[str, ...] = ()
    base_url: str | None = None
    max_tokens: int = 4096
    system: str | None = None
    deadline: float | None = None
    attempts: int | None = None
    as_json: bool = False
    quiet: bool = False


async def ask(question: Question) -> None:
    """Ask, and write the answer as it comes.

    Raises:
        Problem: There is no key or no question, or an option is out of range.
        anthropic.APIError: The answer could not be had whole.
    """
    if not question.prompt.strip():
        raise Problem("there is no question: give one, or - to read it from standard input")
    policy = _policy(question)
    output = _Output(question)
    async with client_for(question.base_url) as client:
        manager = resilient_stream(
            client,
            model=question.model,
            max_tokens=question.max_tokens,
            messages=[{"role": "user", "content": question.prompt}],
            system=anthropic.omit if question.system is None else question.system,
            fallback_models=question.fallbacks,
            policy=policy,
            on_notice=output.notice,
        )
        try:
            async with manager as stream:
                try:
                    await _write(stream, output, as_json=question.as_json)
                    stop_reason = (await stream.get_final_message()).stop_reason
                finally:
                    output.finish(stream.report)
        except StreamFailed as failed:
            if not output.finished:
                output.finish(failed.report)
            raise
    output.close(stream.report, stop_reason)


async def _write(stream: ResilientStream[Any], output: _Output, *, as_json: bool) -> None:
    if not as_json:
        async for text in stream.text_stream:
            output.text(text)
        return
    async for event in stream:
        output.line(event.model_dump_json(exclude=_SNAPSHOTS, warnings=False))


def client_for(base_url: str | None) -> anthropic.AsyncAnthropic:
    """A client with the key in the environment, at another address if one is given. Raises `Problem` without a key."""
    key = os.environ.get("ANTHROPIC_API_KEY", "").strip()
    if not key.isascii() or not key.isprintable():
        raise Problem("ANTHROPIC_API_KEY is not a key: it has characters that no key has")
    if base_url is not None and not base_url.startswith(("http://", "https://")):
        raise Problem(f"{base_url} is no address of an API: it must begin with http:// or https://")
    try:
        client = anthropic.AsyncAnthropic(api_key=key or None, base_url=base_url)
    except (anthropic.AnthropicError, ValueError) as error:
        raise Problem(f"the SDK cannot be set up: {error}") from None
    # Later versions of the SDK find other credentials by themselves.
    if not (client.api_key or client.auth_token or getattr(client, "credentials", None)):
        raise Problem("there is no API key: put one into the environment variable ANTHROPIC_API_KEY")
    return client


def _policy(question: Question) -> Policy:
    try:
        policy = Policy(deadline=question.deadline)
        return policy if question.attempts is None else replace(policy, max_attempts=question.attempts)
    except ValueError as error:
        raise Problem(str(error)) from None


class _Output:
    """Where the answer goes, and where the notices go, so that neither spoils the other."""

    def __init__(self, question: Question) -> None:
        self._as_json = question.as_json
        self._stderr = Console(stderr=True, quiet=question.quiet, highlight=False, soft_wrap=True)
        # A file or a pipe gets the answer as it is; a terminal would obey what is in it.
        self._is_terminal = sys.stdout.isatty()
        #: Whether both are the same terminal, where a notice must not begin in the middle of a line.
        self._shared = self._is_terminal and self._stderr.is_terminal
        self._line_open = False
        self.finished = False

    def text(self, text: str) -> None:
        """A piece of the answer."""
        self._write(for_terminal(text) if self._is_terminal else text)

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
        self._line_open = not text.endswith("\n") if text else self._line_open

    def line(self, line: str) -> None:
        """A JSON line."""
        self._write((escaped(line) if self._is_terminal else line) + "\n")

    def notice(self, notice: Notice) -> None:
        """Something that happened on the way; the end is told of by the command itself."""
        if notice.code != "failed":
            self._tell(f"{notice.at:.1f} s: {printable(notice.message, 1_000)}")

    def finish(self, report: Report) -> None:
        """The answer is over, whole or not."""
        self.finished = True
        if self._as_json:
            self.line(json.dumps({"type": "report", **report.to_dict()}))
        elif self._line_open:
            self._write("\n")

    def close(self, report: Report, stop_reason: str | None) -> None:
        """All went well: the closing line."""
        usage = report.usage
        about = f" + ~{usage.estimated_output_tokens:,}" if usage.estimated_output_tokens else ""
        parts = [
            count(len(report.attempts), "request"),
            count(report.resumes, "resume"),
            f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,}{about} out",
            f"{report.duration or 0:.1f} s",
        ]
        if report.seam == "unverified":
            parts.append("a joint could not be verified")
        if stop_reason in _ENDINGS:
            parts.append(_ENDINGS[stop_reason])
        self._tell(", ".join(parts))

    def _tell(self, message: str) -> None:
        if self._shared and self._line_open and not self._stderr.quiet:
            self._write("\n")
        self._stderr.print(f"unbroken: {message}", style="dim", markup=False)
