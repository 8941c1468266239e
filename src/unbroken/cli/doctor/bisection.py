"""`unbroken doctor --bisect`: sends the requests of `diagnosis/bisect`, within a number of them and a cost."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import anthropic
import anyio

from ...core.classification import retry_after_seconds, words
from ...core.failure import Failure, Kind
from ...core.models.prices import PRICES, Price, Spent, price_of
from ...core.requests.tokens import estimate_tokens
from ...diagnosis.bisect.pieces import Pieces
from ...diagnosis.bisect.shrink import Candidate, Outcome, Shrunk, shrink
from ...diagnosis.evidence import failure_of, headers_of
from .trial import Trial, ask

__all__ = ["Bisect", "Bisected", "BisectionStep", "Estimate", "can_bisect", "estimate"]

#: Failures that a part of the request can cause.
_OF_A_PART: Final = (Kind.SERVER_ERROR, Kind.INVALID_REQUEST)
#: Failures that say nothing of a candidate, and that pass: it is asked again.
_PASSING: Final = (Kind.OVERLOADED, Kind.RATE_LIMITED, Kind.CONNECTION, Kind.STALLED, Kind.TRUNCATED, Kind.TIMED_OUT)
#: How often in a row a candidate is asked again for those, and the seconds before the first time; then twice as many.
_TRIES: Final = 4
_WAIT: Final = 2.0
#: The longest that is waited when the API says how long, in seconds.
_LONGEST_WAIT: Final = 60.0
#: Requests that a single cause takes beside the search: the request, the least, the cause alone, the rest.
_BESIDE: Final = 4

#: An image's tokens, at most; base64 is no text (vision page: about 1,600 for the largest that is not scaled down).
_IMAGE: Final = 1_600
#: What differs between two rejections of one kind.
_PLACES_AND_NAMES: Final = re.compile(r"^[\w.\[\]]+: |['\"`].*?['\"`]|\d+")
_BASE64: Final = re.compile(r'"data": ?"[A-Za-z0-9+/=]{200,}"')


def can_bisect(error: Exception) -> bool:
    """Whether a part of the request may be the cause of this."""
    return failure_of(error, time.time()).kind in _OF_A_PART


# -- what it costs


@dataclass(frozen=True, slots=True)
class Estimate:
    """What it may take.

    Attributes:
        pieces: How many parts the request has.
        usual: How many requests a single cause takes.
        most: How many there are at most.
        usual_cost: In USD, about, if each were billed; None where the model's price is not known.
        most_cost: The same for `most`.
    """

    pieces: int
    usual: int
    most: int
    usual_cost: float | None
    most_cost: float | None


def estimate(params: Mapping[str, Any], max_requests: int, max_cost: float | None) -> Estimate:
    """What a search would take. No tokenizer is at hand: the tokens are a guess from the characters."""
    pieces = Pieces(params)
    usual = min(max_requests, _BESIDE + math.ceil(math.log2(len(pieces) + 1)))
    short = pieces.request(pieces.closed(n for n, path in enumerate(pieces.paths) if path != ("max_tokens",)))
    whole, low = _cost(params), _cost(short)
    if whole is None or low is None:
        return Estimate(len(pieces), usual, max_requests, None, None)
    # The candidates of a search are half the request, on average.
    usual_cost, most_cost = whole + low * (usual - 1) / 2, whole + low * (max_requests - 1)
    if max_cost is not None:
        usual_cost, most_cost = min(usual_cost, max_cost), min(most_cost, max_cost)
    return Estimate(len(pieces), usual, max_requests, usual_cost, most_cost)


def _cost(request: Mapping[str, Any]) -> float | None:
    """What a request costs at most, in USD, about: as if all of `max_tokens` were written."""
    price: Price | None = price_of(str(request.get("model")), PRICES, speed=request.get("speed"))
    text, images = _BASE64.subn("", json.dumps(request, ensure_ascii=False))
    tokens = estimate_tokens(text) + images * _IMAGE
    price = price and price.at(tokens)
    output = request.get("max_tokens")
    if price is None or not isinstance(output, int):
        return None
    return price.prompt(Spent(input=tokens)) + price.answer(Spent(output=output))


# -- the search


@dataclass(frozen=True, slots=True)
class BisectionStep:
    """One request of the search, as it is shown."""

    candidate: Candidate
    outcome: Outcome
    trial: Trial


@dataclass(frozen=True, slots=True)
class Bisected:
    """What came of the search.

    Attributes:
        shrunk: What was found.
        sent: How many requests were sent, with those that were sent again.
        cost: What they cost at most, in USD, about; None where the price is not known.
        stopped: Why it was ended before its end; None: it was not.
        request_ids: Of those that failed.
    """

    shrunk: Shrunk
    sent: int
    cost: float | None
    stopped: str | None
    request_ids: tuple[str, ...]

    def to_dict(self, *, show_content: bool) -> dict[str, Any]:
        """Plain data; the smallest request only where content may be shown."""
        found = self.shrunk
        told: dict[str, Any] = {
            "verdict": found.verdict,
            "summary": found.summary,
            "causes": list(found.causes),
            "suspects": found.suspects and list(found.suspects),
            "needed": found.needed,
            "rest": found.rest,
            "kept": found.kept,
            "pieces": found.pieces,
            "requests": self.sent,
            "cost": self.cost,
            "stopped": self.stopped,
            "request_ids": list(self.request_ids),
        }
        return told | ({"request": found.request} if show_content else {})


class Bisect:
    """A search, as far as it has come.

    Args:
        client: With `max_retries=0`.
        params: The request.
        error: What it died of, for which `can_bisect` holds.
        max_requests: How many may be sent.
        max_cost: What they may cost, in USD. None: no bound but that.
        repeat: How often in a row a candidate has to pass.
        limit: Seconds that a request may take.
        tell: Is told of each.
    """

    def __init__(
        self,
        client: anthropic.AsyncAnthropic,
        params: Mapping[str, Any],
        error: Exception,
        *,
        max_requests: int,
        max_cost: float | None,
        repeat: int,
        limit: float,
        tell: Callable[[BisectionStep], None],
    ) -> None:
        self._client = client
        self._max_requests = max_requests
        self._max_cost = max_cost
        self._limit = limit
        self._tell = tell
        self._sought = _signature(error)
        accepts = _accepts(params) if self._sought[0] is Kind.SERVER_ERROR else (lambda _: True)
        self._steps = shrink(params, max_requests=max_requests, repeat=repeat, accepts=accepts)
        self._candidate: Candidate | None = next(self._steps)
        self._sent = 0
        self._cost: float | None = 0.0
        self._stopped: str | None = None
        self._request_ids: list[str] = []
        self._shrunk: Shrunk | None = None

    async def run(self) -> None:
        """Search until the end. Cancelled, it has what was found so far."""
        while self._candidate is not None:
            self._send(await self._outcome(self._candidate))

    def result(self) -> Bisected:
        """What was found, also in the middle of the search, which is over then."""
        if self._shrunk is None:
            self._stopped = self._stopped or "it was interrupted"
            self._send("stop")
        assert self._shrunk is not None
        return Bisected(self._shrunk, self._sent, self._cost, self._stopped, tuple(self._request_ids))

    def _send(self, outcome: Outcome) -> None:
        try:
            self._candidate = self._steps.send(outcome)
        except StopIteration as end:
            self._candidate, self._shrunk = None, end.value

    async def _outcome(self, candidate: Candidate) -> Outcome:
        wait = 0.0
        for attempt in range(_TRIES):
            await anyio.sleep(wait)
            if not self._affords(candidate.request):
                return "stop"
            self._sent += 1
            trial = await ask(self._client, candidate.request, limit=self._limit)
            outcome = self._judge(trial)
            if outcome == "fails" and trial.request_id:
                self._request_ids.append(trial.request_id)
            if outcome is not None:
                self._tell(BisectionStep(candidate, outcome, trial))
                return outcome
            told = None if trial.error is None else retry_after_seconds(headers_of(trial.error), time.time())
            wait = min(_LONGEST_WAIT, _WAIT * 2**attempt if told is None else told)
        self._stopped = "the API did not answer any more, or only that it is busy"
        return "stop"

    def _affords(self, request: Mapping[str, Any]) -> bool:
        if self._sent == self._max_requests:
            self._stopped = "the requests are spent"
            return False
        cost = _cost(request)
        after = None if cost is None or self._cost is None else self._cost + cost
        if self._max_cost is not None and (after is None or after > self._max_cost):
            self._stopped = "the price of the model is not known" if after is None else "the cost is spent"
            return False
        self._cost = after
        return True

    def _judge(self, trial: Trial) -> Outcome | None:
        """What comes of a request; None: it is to be asked again."""
        if trial.error is None:
            return "passes"
        if _signature(trial.error) == self._sought:
            return "fails"
        kind = _failure(trial.error).kind
        if kind in _PASSING:
            return None
        if kind in (Kind.INVALID_REQUEST, Kind.PREFILL_UNSUPPORTED, Kind.SERVER_ERROR):
            return "refused"
        self._stopped = f"the API answers otherwise now ({kind})"
        return "stop"


def _failure(error: Exception) -> Failure:
    return failure_of(error, time.time())


def _signature(error: Exception) -> tuple[Kind, str]:
    """By what a failure is known again: a rejection by its words, in which places and names may differ."""
    kind = _failure(error).kind
    if kind is not Kind.INVALID_REQUEST:
        return kind, ""
    return kind, _PLACES_AND_NAMES.sub("", words(error))


def _accepts(params: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bool]:
    """Whether preflight finds no error in a request that it does not find in the whole one."""
    from ...preflight import check

    def errors(request: Mapping[str, Any]) -> set[str]:
        return {finding.code for finding in check(request) if finding.severity == "error"}

    known = errors(params)
    return lambda request: errors(request) <= known
