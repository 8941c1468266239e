"""Models racing for one answer: how far the request to each of them is, as the server and the report have it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import anyio

from ...policy import Hedging
from ...report import AttemptReport
from ...testing import ErrorEvent, FaultServer, Pings, Request
from ..problems import count
from .sides import Happening, Side, Tell, Tone, stream_unbroken
from .story import Act

__all__ = ["Race", "Runner", "run_race"]

#: How often the server is looked at, in seconds; until one has won there is no report.
_GLANCE: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """One request, as far as it has come. Times are in seconds from the start.

    Attributes:
        model: Which model was asked.
        offset: How much of the answer had been delivered when it was asked, in characters.
        asked: When.
        headers: When its headers came; None where none did.
        content: When its first content came; None where none did.
        ended: When it ended; None while it goes on.
        state: How it is with it, in a few words.
        tone: Whether that is good.
        characters: What it added to the answer.
    """

    model: str
    offset: int = 0
    asked: float
    headers: float | None = None
    content: float | None = None
    ended: float | None = None
    state: str
    tone: Tone
    characters: int = 0

    @property
    def latest(self) -> float:
        """The last moment that is known of it."""
        return max(moment for moment in (self.asked, self.headers, self.content, self.ended) if moment is not None)


class Race:
    """One act, performed as a race.

    Args:
        act: What happens.
        number: From 1.
        of: How many acts there are.
        tell: Called with each happening.
        models: Who races, in rank order.

    Attributes:
        side: What the reader of the stream gets.
        requests: What the server has seen.
        runners: Every request, as far as it had come when it was looked at last.
        elapsed: When that was, in seconds from the start.
    """

    def __init__(self, act: Act, number: int, of: int, tell: Tell, models: Sequence[str]) -> None:
        self.act = act
        self.number = number
        self.of = of
        self.models: tuple[str, ...] = tuple(models)
        self.side: Side = Side("unbroken", act.truth, self._tell_in_order)
        self.requests: Sequence[Request] = ()
        self.runners: list[Runner] = []
        self.elapsed: float = 0.0
        self._tell = tell
        self._headers: dict[str, float] = {}
        self._told: dict[tuple[str, int], tuple[str, Tone]] = {}

    @property
    def whole(self) -> bool:
        """Whether the answer was exact."""
        return self.side.whole

    @property
    def winners(self) -> list[str]:
        """Whose text it is, in order."""
        return [attempt.model for attempt in self._attempts if attempt.characters]

    @property
    def first_content(self) -> float | None:
        """Seconds from the start to the first content of the first winner; None before."""
        # Those that lost are told of without emphasis, even if they had begun to write.
        moments = (runner.content for runner in self.runners if runner.tone != "plain")
        return next((moment for moment in moments if moment is not None), None)

    def look(self) -> None:
        """See how far everybody is, and tell what is new."""
        self.elapsed = self.side.elapsed
        for request in self.requests:
            if request.status is not None:
                self._headers.setdefault(request.id, self.elapsed)
        if self.side.report is None:
            self.runners = [self._as_served(request) for request in self.requests]
        else:
            served = {request.id: request for request in self.requests}
            self.runners = [_as_reported(a, self._attempts, served.get(a.request_id or "")) for a in self._attempts]
        for who, happening in sorted(self._news(), key=lambda told: told[1].at):
            self._tell(who, happening)

    def summary(self) -> str:
        """Times, requests, and what the losers are assumed to have cost, in one sentence without its subject."""
        said = [self.side.summary()]
        if self.first_content is not None:
            said.append(f"first content after {self.first_content:.2f} s")
        if not self.whole:
            said.append(count(len(self.runners), "request"))
        lost = [attempt for attempt in self._attempts if attempt.outcome == "lost"]
        if lost:
            took_in = sum(map(_input_tokens, lost))
            gave_out = sum(attempt.output_tokens or attempt.estimated_output_tokens or 0 for attempt in lost)
            said.append(f"{len(lost)} lost, assumed to have cost {took_in:,} tokens in and {gave_out:,} out")
        return "; ".join(said)

    @property
    def _attempts(self) -> Sequence[AttemptReport]:
        return self.side.report.attempts if self.side.report else ()

    def _tell_in_order(self, who: str, happening: Happening) -> None:
        """Before the stream's own news, that of those who run."""
        self.look()
        self._tell(who, happening)

    def _news(self) -> Iterator[tuple[str, Happening]]:
        for n, runner in enumerate(self.runners):
            # The server has them in another order than the report, but those of one model in the same.
            who = runner.model, sum(other.model == runner.model for other in self.runners[:n])
            if who not in self._told:
                self._told[who] = ("asked", "plain")
                yield runner.model, Happening(runner.asked, "asked", "plain")
            state, tone = self._told[who]
            self._told[who] = (runner.state, runner.tone)
            # What has died stays dead, even if the report has a better word for it than the server.
            if runner.state != state and tone != "cut":
                yield runner.model, Happening(runner.latest, runner.state, runner.tone)

    def _as_served(self, request: Request) -> Runner:
        """What the server knows, before there is a report."""
        state, tone = _served_state(request)
        return Runner(
            model=request.model or "",
            asked=request.arrived_at - self.side.started,
            headers=self._headers.get(request.id),
            ended=None if request.ended_at is None else request.ended_at - self.side.started,
            state=state,
            tone=tone,
        )


async def run_race(race: Race, *, delay: float, fast: bool) -> None:
    """Perform it: every model on one server, asked `delay` seconds after each other."""
    async with FaultServer(race.act.script) as server:
        race.requests = server.requests
        model, *fallbacks = race.models

        async def keep_looking() -> None:
            while True:
                race.look()
                await anyio.sleep(_GLANCE)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keep_looking)
            await stream_unbroken(race.side, server.url, model, fallbacks, fast=fast, hedging=Hedging(delay=delay))
            tasks.cancel_scope.cancel()


def _as_reported(attempt: AttemptReport, attempts: Sequence[AttemptReport], request: Request | None) -> Runner:
    """What the report knows; that there were pings is known to the server alone."""

    def moment(seconds: float | None) -> float | None:
        return None if seconds is None else attempt.started + seconds

    state, tone = _reported_state(attempt)
    if attempt.first_content is None and request is not None and _pings(request):
        state = "200, only pings" if attempt.outcome == "open" else f"{state}: only pings"
    return Runner(
        model=attempt.model,
        offset=sum(each.characters for each in attempts if _ended_before(each, attempt)),
        asked=attempt.started,
        headers=moment(attempt.headers),
        content=moment(attempt.first_content),
        ended=moment(attempt.ended),
        state=state,
        tone=tone,
        characters=attempt.characters,
    )


def _ended_before(one: AttemptReport, other: AttemptReport) -> bool:
    return one.ended is not None and one.started + one.ended <= other.started


def _served_state(request: Request) -> tuple[str, Tone]:
    if request.status is None:
        return "asked", "plain"
    if request.ended_at is not None and not request.abandoned and (request.status != 200 or not request.whole):
        named = next((fault.type for fault in request.faults if isinstance(fault, ErrorEvent)), "died")
        return f"{request.status}, {named.removesuffix('_error')}", "cut"
    return ("200, only pings" if _pings(request) else "200, nothing yet"), "plain"


def _reported_state(attempt: AttemptReport) -> tuple[str, Tone]:
    match attempt.outcome:
        case "open" if attempt.headers is None:
            return "asked", "plain"
        case "open" if attempt.first_content is None:
            return "200, nothing yet", "plain"
        case "open" | "complete":
            return "won", "good"
        case "lost" | "cancelled":
            return attempt.outcome, "plain"
        case kind if attempt.first_content is not None:
            return f"died: {kind}", "cut"
        case kind:
            return f"{attempt.status or 'no response'}, {kind}", "cut"


def _pings(request: Request) -> bool:
    return any(isinstance(fault, Pings) for fault in request.faults)


def _input_tokens(attempt: AttemptReport) -> int:
    if attempt.input_tokens is None:
        return attempt.estimated_input_tokens or 0
    cached = (attempt.cache_creation_input_tokens or 0) + (attempt.cache_read_input_tokens or 0)
    return attempt.input_tokens + cached
