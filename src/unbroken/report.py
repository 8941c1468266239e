"""How a stream went: every attempt, every notice, what was spent. Plain data, and no content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias

from .core.models.costs import AttemptCost, Cost
from .core.wire.counters import INPUT_TOKENS, TOKENS

if TYPE_CHECKING:
    from .core.models.prices import Price

__all__ = [
    "AttemptCost",
    "AttemptReport",
    "Cost",
    "Notice",
    "Report",
    "Usage",
    "WaitedFor",
    "attempt_of",
    "first_content",
    "first_delivered",
    "input_told",
]

VERSION: Final = 1

#: What is waited for before a request: the backoff after a failure, a retry of the budget, a circuit breaker, the end
#: of a cool-down that a 429 asked for, or a place among the requests that are out (`Health(limits=...)`).
WaitedFor: TypeAlias = Literal["backoff", "budget", "breaker", "cool_down", "limit"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the caller may want to know while the stream goes on.

    Attributes:
        code: What it is, stable: `"retry"`, `"cut"`, `"resume"`, `"failover"`, `"hedge"`, `"won"`, `"circuit_open"`,
            `"cool_down"`, `"incident"`, `"budget_wait"`, `"limit_wait"`, `"limit_reduced"`, `"route_skipped"`,
            `"prefill_unsupported"`, `"request_adapted"`, `"seam_retry"`, `"seam_unverified"`, `"block_abandoned"`,
            `"message_stop_supplied"`, `"tool_use_finished"`, `"failed"`, `"deferred"`,
            `"defer_failed"`, `"preflight"`.
        message: One sentence for people; its wording may change.
        attempt: The number of the attempt that it is about, from 1: the one that was made last, or that won; 0 before
            the first.
        model: That attempt's model; empty before the first.
        request_id: That attempt's request id; None where no response came.
        at: Seconds since the stream was entered.
    """

    code: str
    message: str
    attempt: int
    model: str
    request_id: str | None
    at: float


@dataclass(slots=True)
class AttemptReport:
    """One request.

    Attributes:
        number: From 1.
        route: Its route's rank: 0 is the primary, 1 the first fallback.
        model: The model that was asked.
        form: `"request"` for the caller's own request, or the resume form: `"prefill"`, `"continue"`, `"restart"`.
        started: Seconds from entering the stream to sending it.
        waited: Seconds of that spent waiting for this attempt.
        waited_for: What they were waited for, in seconds each: `"backoff"`, `"budget"` (a retry of `Health`'s budget),
            `"breaker"` (a circuit breaker was open), `"cool_down"` (a 429 had asked for it) and `"limit"` (a place
            among the requests that `Health(limits=...)` lets out).
        request_id: The `request-id` of its response; None where none came.
        status: Its HTTP status; None where no response came.
        hedge: Whether it was sent while others were still being waited for.
        outcome: `"complete"`, `"cancelled"`, `"lost"` (another route was faster), a failure's kind (`"overloaded"`,
            `"truncated"`, ...), `"orphaned"` (the process that had sent it was gone, and another went on), or `"open"`.
        error_type: The API's `error.type`; None where it gave none.
        headers: Seconds from sending it to its headers; None where none came.
        first_content: Seconds from sending it to its first content; None where none came.
        ended: Seconds from sending it to its end; None while it is open.
        input_tokens: As the API said; None where it did not. Cache reads and writes are not in it.
        estimated_input_tokens: For the loser of a race of which the API said nothing: the winner's, caches included.
        cache_creation_input_tokens: As the API said.
        cache_creation_1h_input_tokens: Those of them that were written for an hour.
        cache_read_input_tokens: As the API said.
        output_tokens: As the API said at the end; None for an attempt that was cut before.
        estimated_output_tokens: Where it did not say: estimated from the characters that arrived, on the low side
            (`ModelInfo.chars_per_token`); thinking that was not shown is not in it.
        speed: As the API said: `"standard"` or `"fast"`; None where it did not.
        received: Characters that arrived of it: text, thinking, the input of tools, and the texts in deltas of types
            that this version does not know.
        delivered: Those of them that were delivered.
        characters: Characters of text that it added to the message.
        discarded: Characters of text that it repeated and that were cut at the seam.
        seam: How its text was joined (`"prefill"`, `"exact"`, `"echo"`, `"overlap"`, `"replay"`, ..., `"unverified"`);
            None where there was nothing to join.
        prompt: By which wording the rest was asked for, name and version (`"short/1"`), or `"custom"`; None for a
            request that asks for no rest, or says nothing to do so.
        batch: Whether it was a request in a message batch, at half the price. Its outcome may also be `"errored"`,
            `"expired"` or `"canceled"`.
    """

    number: int
    route: int
    model: str
    form: str
    started: float
    waited: float = 0.0
    waited_for: dict[WaitedFor, float] = field(default_factory=dict)
    hedge: bool = False
    request_id: str | None = None
    status: int | None = None
    outcome: str = "open"
    error_type: str | None = None
    headers: float | None = None
    first_content: float | None = None
    ended: float | None = None
    input_tokens: int | None = None
    estimated_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation_1h_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    estimated_output_tokens: int | None = None
    speed: str | None = None
    received: int = 0
    delivered: int = 0
    characters: int = 0
    discarded: int = 0
    seam: str | None = None
    batch: bool = False
    prompt: str | None = None

    def cost(self, prices: Mapping[str, Price] | None = None) -> AttemptCost | None:
        """What it cost, as `Report.cost` has it; None where its model has no price. One that spent nothing has 0."""
        from .core.models.prices import BATCH_SHARE, PRICES, Spent, price_of

        written, for_an_hour = self.cache_creation_input_tokens or 0, self.cache_creation_1h_input_tokens or 0
        estimated = Spent(input=self.estimated_input_tokens or 0, output=self.estimated_output_tokens or 0)
        spent = Spent(
            input=(self.input_tokens or 0) + estimated.input,
            cache_write=max(0, written - for_an_hour),
            cache_write_1h=for_an_hour,
            cache_read=self.cache_read_input_tokens or 0,
            output=(self.output_tokens or 0) + estimated.output,
        )
        if not (spent.prompt or spent.output):
            return AttemptCost(self.number, 0.0, 0.0, 0.0)
        price = price_of(self.model, PRICES if prices is None else prices, speed=self.speed)
        tier = None if price is None else price.at(spent.prompt)
        if tier is None:
            return None
        share = BATCH_SHARE if self.batch else 1.0
        guessed = tier.prompt(estimated) + tier.answer(estimated)
        return AttemptCost(self.number, share * tier.prompt(spent), share * tier.answer(spent), share * guessed)

    @property
    def kept(self) -> float:
        """The share of its output that was delivered, from 0 to 1, by characters."""
        received = self.received or self.characters + self.discarded
        if not received:
            return float(self.outcome == "complete")
        return min(1.0, (self.delivered or self.characters) / received)


@dataclass(frozen=True, slots=True)
class Usage:
    """What all attempts spent together, in tokens. What the API said and what was estimated are kept apart.

    Whether the API bills an attempt that died is not documented; these figures assume that it bills the input and
    the output already streamed.
    """

    input_tokens: int
    cache_creation_input_tokens: int
    cache_read_input_tokens: int
    output_tokens: int
    estimated_input_tokens: int
    estimated_output_tokens: int


@dataclass(slots=True)
class Report:
    """How a stream went.

    Attributes:
        attempts: Every request, in the order in which they were sent.
        notices: Everything that was told on the way.
        outcome: `"open"`, `"complete"`, `"failed"`, or `"closed"` (left by the caller before its end).
        duration: Seconds from entering the stream to its end; None while it is open.
    """

    attempts: list[AttemptReport] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    outcome: Literal["open", "complete", "failed", "closed"] = "open"
    duration: float | None = None

    @property
    def resumes(self) -> int:
        """How many requests asked for the rest of an answer."""
        return sum(attempt.form != "request" for attempt in self.attempts)

    @property
    def request_ids(self) -> list[str]:
        """Every request id, to paste to support."""
        return [attempt.request_id for attempt in self.attempts if attempt.request_id]

    @property
    def seam(self) -> str | None:
        """`"unverified"` if any joint could not be verified, else how the last one was made; None without one."""
        seams = [attempt.seam for attempt in self.attempts if attempt.seam]
        return "unverified" if "unverified" in seams else (seams[-1] if seams else None)

    @property
    def usage(self) -> Usage:
        """What all attempts spent together."""

        def total(name: str) -> int:
            return sum(getattr(attempt, name) or 0 for attempt in self.attempts)

        return Usage(**{name: total(name) for name in (*TOKENS, "estimated_input_tokens", "estimated_output_tokens")})

    def cost(self, prices: Mapping[str, Price] | None = None) -> Cost:
        """What all attempts cost: list prices, without the fees of server-side tools and for data residency.

        It assumes what `usage` assumes, that an attempt that died is billed for what it was sent and what it wrote.

        Args:
            prices: By the model's name. None: `PRICES`, of `PRICES_DATE` (`unbroken/core/models/prices.py`). Your own
                may begin with `{**PRICES, ...}`.
        """
        costs = [attempt.cost(prices) for attempt in self.attempts]
        return Cost.of(costs, [attempt.kept for attempt in self.attempts])

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON, with `"version": 1`."""
        return {"version": VERSION, **asdict(self), "usage": asdict(self.usage)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """What `to_dict` gave, of an older or newer release too. Raises `ValueError` for another version."""
        version = data.get("version")
        if version != VERSION:
            raise ValueError(f"this is a report of version {version!r}; only {VERSION} can be read")
        return cls(
            attempts=[attempt_of(attempt) for attempt in data["attempts"]],
            notices=[Notice(**notice) for notice in data["notices"]],
            outcome=data["outcome"],
            duration=data["duration"],
        )

    def to_json(self) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` gave. Raises `ValueError` for anything else."""
        try:
            data = json.loads(text)
        except RecursionError:
            data = None
        if not isinstance(data, dict):
            raise ValueError("this is no report of version 1: it is no JSON object")
        return cls.from_dict(data)


_FIELDS: Final = frozenset(each.name for each in fields(AttemptReport))


def attempt_of(data: Mapping[str, Any]) -> AttemptReport:
    """An attempt from its fields, without those that a later release of the same version has added."""
    return AttemptReport(**{name: value for name, value in data.items() if name in _FIELDS})


def first_delivered(report: Report) -> AttemptReport | None:
    """The attempt that opened the message, by `Report.cost`'s rule; of a stream that delivered nothing, the first."""
    return next((attempt for attempt in report.attempts if attempt.kept), next(iter(report.attempts), None))


def first_content(report: Report) -> float | None:
    """Seconds from entering the stream to the first content that was delivered; None without any."""
    opened = first_delivered(report)
    return None if opened is None or opened.first_content is None else opened.started + opened.first_content


def input_told(spent: AttemptReport | Usage) -> int:
    """All of the input that the API has told of, in tokens, caches included."""
    return sum(getattr(spent, name) or 0 for name in INPUT_TOKENS)
