"""What the streams of a client know together: a retry budget, circuit breakers, cool-downs, and how soon routes answer.

The arithmetic is in `budget.py`, `vitals.py` and what that imports; here are the clock, lock and clients.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from ..concurrency.clock import monotonic
from ..core.models.corrections import Models
from ..core.models.table import ModelInfo
from ..core.plan.readiness import Readiness
from ..routes import is_first_party
from .breaker import BreakerSettings
from .budget import RetryBudget
from .clients import key_of
from .limits.limiter import Limiter
from .limits.settings import Limits
from .permit import Permit, Shared
from .traffic import Traffic
from .vitals import ClientVitals

if TYPE_CHECKING:
    from .incidents import Incident
    from .status_page import StatusPage

__all__ = ["DEFAULT_HEDGE_DELAY", "Health"]

#: The hedge delay of a route of which too little is known, in seconds. Ours: well above the usual time to first
#: content of a short prompt, and a reader has not left by then. `Hedging(delay=...)` is for callers who know better.
DEFAULT_HEDGE_DELAY: Final = 2.0

#: How many times to first content make a 95th percentile: with fewer than twenty, it would be the slowest of them.
_MIN_SAMPLES: Final = 20


class Health:
    """Shared by streams; safe to share between threads and event loops.

    It keeps a retry budget, so that a storm of overloads does not become a storm of retries: a request that brings
    content earns a fraction of a retry, and some come with time. A hedge, or a retry of a request that brought
    nothing, costs one, and a retry that is answered gets it back (as in gRPC, where only failures cost); a resume
    after content is free. In a partial outage each answer that is missing brings some more, as long as anything is
    answered. With the budget empty, a stream waits for the next one.

    It keeps a circuit breaker for each route, that is each model on each client: when too many of its requests fail,
    others are asked instead, and it is probed with one request at a time until one brings content. Who has nobody else
    to ask asks it all the same, until nothing has succeeded of so many requests in a row that nothing will. An answer
    that is cut after content counts half. And it keeps, for each client, the cool-down that a 429 with `retry-after`
    asked for: models that share a rate-limit bucket share it. When such a wait is over, one request is let through,
    then twice as many, and so on (slow start); after a breaker's, no more a second than 1.6 times the normal rate.

    Args:
        retry_ratio: Retries earned by each request that brings content. Default 0.1, that of gRPC's `retryThrottling`
            (the example of gRFC A6), whose rule that only failures cost is followed too; Finagle's `RetryBudget`, in
            which every retry costs, has 0.2.
        retries_per_second: Retries that come with time. Default 0.5: Finagle has 10, for requests that take
            milliseconds, not seconds. In a total outage it is all that comes (`benchmarks/partial.py`: 0.1 times the
            normal load with one process, 0.5 times with eight).
        max_retries: The most that can be saved up, and what a new budget starts with. Default 20; the example of gRFC
            A6 has 10.
        failure_ratio: The share of failures that opens a breaker. Default 0.5, Hystrix's
            `circuitBreaker.errorThresholdPercentage`.
        min_requests: The fewest requests in the window that a breaker judges by. Default 20, Hystrix's
            `circuitBreaker.requestVolumeThreshold`.
        window: Seconds that a breaker remembers. Default 30: Hystrix has 10
            (`metrics.rollingStats.timeInMilliseconds`), too few for answers that take so long themselves.
        recovery_time: Seconds that an open breaker waits before it is half open, and that it then waits between two
            probes of which the first has said nothing. Default 5, Hystrix's `circuitBreaker.sleepWindowInMilliseconds`.
        retries_per_missing: Retries that come with each answer that a partial outage withholds: the rate of requests
            before it, which is remembered, less the rate of answers now. They come only while fewer than
            `consecutive_failures` have failed in a row. Default 3.4: ours. With 90 % of all requests refused, streams
            get more answers with it than the SDK's `max_retries=5` does, and fewer with 2.5 (`benchmarks/partial.py`).
            0: what succeeds, and time, are all that pays.
        consecutive_failures: So many failures in a row, without a success, and nothing is thought to succeed any more:
            the breaker lets nobody through but probes. Default 100: ours. When 90 % are refused at random, a hundred in
            a row are refused once in 38,000 times; Envoy's `consecutive_5xx` and Finagle's failure accrual have 5, and
            other hosts to go to.
        models: What the models accept, where the library's own table does not know it or has it wrong, by name; a name
            without date and region holds for all forms of it. To change one thing of a row, `dataclasses.replace`
            what `health.models.get(name)` gives.
        status: The status page of the first-party API. During an incident that it declares on a route, those who are
            to be asked beside that route are asked at once (with `Policy.hedging`; hedges are paid from the budget as
            ever), and waits before that route is asked again are four times as long. None, the default: no page is
            asked. Routes on the clients of other platforms are not concerned.
        limits: How much is asked at a time. None, the default: as much as there is to ask. With them, requests wait for
            each other in order, and are paced by what the API says is left of the account's rate limits.
        clock: Monotonic seconds, the same in all threads. None: `time.monotonic`, or the clock of a test that runs on
            trio's `MockClock`.

    Attributes:
        models: What each model accepts, as far as is known by now: with what `learn` was told, and with what a 400
            has said to any of the streams.
        status: As given.
        limiter: What keeps the limits; None without `limits`.

    Raises:
        ValueError: A number is out of range.
        TypeError: `status` is no `StatusPage`, or `limits` are no `Limits`.
    """

    def __init__(
        self,
        *,
        retry_ratio: float = 0.1,
        retries_per_second: float = 0.5,
        max_retries: float = 20.0,
        failure_ratio: float = 0.5,
        min_requests: int = 20,
        window: float = 30.0,
        recovery_time: float = 5.0,
        retries_per_missing: float = 3.4,
        consecutive_failures: int = 100,
        models: Mapping[str, ModelInfo] | None = None,
        status: StatusPage | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if not (retry_ratio >= 0 and retries_per_second >= 0):
            raise ValueError("Health: retry_ratio and retries_per_second must not be negative")
        if not (max_retries >= 1 and min_requests >= 1):
            raise ValueError("Health: max_retries and min_requests must be at least 1")
        if not (retries_per_missing >= 0 and consecutive_failures >= 1):
            raise ValueError("Health: retries_per_missing must not be negative, consecutive_failures at least 1")
        if not 0 < failure_ratio <= 1:
            raise ValueError("Health: failure_ratio must be above 0, and at most 1")
        if not (window > 0 and recovery_time > 0):
            raise ValueError("Health: window and recovery_time must be above 0 seconds")
        if status is not None and not hasattr(status, "keep_fresh"):
            raise TypeError(f"Health: status must be a StatusPage, not {type(status).__name__}")
        if limits is not None and not isinstance(limits, Limits):
            raise TypeError(f"Health: limits must be Limits, not {type(limits).__name__}")
        self.status: StatusPage | None = status
        self._lock = Lock()
        self._clock = clock or monotonic
        now = self._clock()
        self._traffic = Traffic(now, consecutive_failures)
        earned = (retry_ratio, retries_per_second, max_retries)
        self._budget = self._new_budget(*earned, now, self._traffic, retries_per_missing)
        self._shared = Shared(self._lock, self._clock, self._budget, self._traffic)
        self._settings = BreakerSettings(failure_ratio, min_requests, window, recovery_time, consecutive_failures)
        self._clients: WeakKeyDictionary[object, ClientVitals] = WeakKeyDictionary()
        self._seen = 0
        # With a lock of its own: it is asked while the other is held.
        self.models: Models = Models(models, Lock())
        self.limiter: Limiter | None = None if limits is None else Limiter(limits, self.models, self._clock)

    def take_retry(self) -> float:
        """Take one retry from the budget: 0.0 when it was there, else the seconds until one may be (taking none)."""
        with self._lock:
            return self._budget.take(self._clock())

    def readiness(self, client: object, model: str, *, mode: str = "") -> Readiness:
        """Whether a route may be asked now. Takes nothing: only `enter` does. `mode` as for `enter`."""
        with self._lock:
            vitals = self._clients.get(key_of(client))
            ready = Readiness() if vitals is None else vitals.readiness(model, self._clock(), mode)
        if self.status is None or self.incident(client, model) is None:
            return ready
        return replace(ready, incident=True)

    def incident(self, client: object, model: str) -> Incident | None:
        """The gravest incident that the status page declares on a route, as far as is known. None: none, or no page."""
        latest = None if self.status is None else self.status.latest
        if latest is None or not is_first_party(client):
            return None
        return latest.incident(model)

    def enter(
        self,
        client: object,
        model: str,
        *,
        retry: bool = False,
        mode: str = "",
        begins: bool = False,
        insist: bool = False,
    ) -> Permit | None:
        """Ask for the permission to send one request; the permit is told how that went.

        Args:
            client: The client that sends it.
            model: The model that is asked.
            mode: What has limits and capacity of its own beside the model, such as the fast mode; empty: nothing.
            retry: Whether it was paid for with `take_retry` because another request had failed; once it is answered,
                its retry comes back.
            begins: Whether it is a stream's first, which is what the normal rate is made of.
            insist: Whether there is nobody else to ask: then an open breaker bars the way only where nothing succeeds.

        None: the breaker is open, or half open with a probe that was sent less than `recovery_time` ago; or there is no
        room yet, after a wait that many have shared. A probe that is never heard of again keeps others waiting no
        longer than that.
        """
        with self._lock:
            vitals = self._vitals(client)
            route = vitals.route(model, mode)
            now = self._clock()
            thaw = vitals.thaw(model, now, mode)
            slow_starts = [each for each in (route.recovery, thaw) if each is not None and not each.is_over]
            if not all(slow_start.has_room(now) for slow_start in slow_starts):
                return None
            given = route.breaker.enter(now, insist=insist)
            if given is None:
                return None
            for slow_start in slow_starts:
                slow_start.enter(now)
            if begins:
                self._traffic.asked(now)
            return Permit(self._shared, vitals, route, given, model, mode, retry=retry, slow_starts=slow_starts)

    def hedge_delay(self, client: object, model: str, *, mode: str = "") -> float:
        """The 95th percentile of this route's time to first content, in seconds, of its last 200 requests.

        `DEFAULT_HEDGE_DELAY` until 20 have brought content.
        """
        with self._lock:
            vitals = self._clients.get(key_of(client))
            latency = None if vitals is None else vitals.latency(model, mode)
            if latency is None or latency.observed < _MIN_SAMPLES:
                return DEFAULT_HEDGE_DELAY
            return latency.quantile(0.95)

    async def learn(self, client: Any, *models: str) -> None:
        """Ask the Models API what these models accept, and correct what is known of them by it.

        That is one request for each; `max_tokens`, the context window, the kinds of thinking and the levels of effort
        are taken in, as far as the answer has them. Nobody does it for you: streams go by the table.

        Args:
            client: An async client of the first-party API.
            models: As the streams will name them.

        Raises:
            TypeError: The client has no Models API, as those of Bedrock, Vertex and Foundry have none, or is not async.
            anthropic.APIError: The SDK's own errors, unchanged; what was learnt before stays.
        """
        retrieve = getattr(getattr(client, "models", None), "retrieve", None)
        if not inspect.iscoroutinefunction(retrieve):
            raise TypeError(f"{type(client).__name__} has no async Models API to ask (client.models.retrieve)")
        for model in models:
            answer = await retrieve(model)
            self.models.describe(model, answer.to_dict())

    def snapshot(self) -> dict[str, Any]:
        """Plain data, for a status page or a log.

        - `retries_left`: what is in the budget;
        - `routes`: by client and model, one for each that was asked and whose client is still there:
            - `model`, with the `mode` where it was asked in one that has limits of its own (`"speed=fast"`), and
              `client`: the order in which the clients were first seen, from 0;
            - `state` of the breaker: `"closed"`, `"open"` or `"half_open"`;
            - `requests` that ended within the window while the breaker was closed, and the `failures` among them: a
              cut answer is half a one. Requests that lost a race or were cancelled are not counted, nor are those
              that were sent before the breaker last opened and ended after that;
            - `first_content`: of the last 200 times to first content, in seconds, the `count`, `p50` and `p95`;
              None when there is none yet;
            - `cool_for`: seconds until the cool-down of its rate-limit bucket is over; 0.0 when there is none;
        - `limits`, if there are any: one for each rate-limit bucket of each client in which something was asked:
            - `client` as above, and `bucket`, with the `mode`: the models that share a limit;
            - `limit`: how many requests may be out at a time; None: any number;
            - `in_flight`: how many are, and how many more are `waiting`; `waiting_for`: what the first of them waits
              for, `"concurrency"`, `"requests"`, `"input-tokens"` or `"output-tokens"`; None where nobody waits;
            - `wait`: seconds until it is its turn; None: when another has ended;
            - `left`: what the API has said of the account's `requests`, `input-tokens` and `output-tokens`: the
              `limit` for a minute, and how many are `left`, with what was used and has come since;
        - `status`, if there is a `StatusPage`: what it said last, as `Status.to_dict` has it; None: nothing is known.
        """
        said = None if self.status is None else self.status.latest
        status = {} if self.status is None else {"status": None if said is None else said.to_dict()}
        with self._lock:
            now = self._clock()
            clients = sorted(self._clients.items(), key=lambda item: item[1].number)
            routes = [route for _, vitals in clients for route in vitals.describe(now)]
            limits = {} if self.limiter is None else {"limits": self._limits(self.limiter, clients)}
            return {"retries_left": self._budget.left(now), "routes": routes, **limits, **status}

    def _limits(self, limiter: Limiter, clients: list[tuple[object, ClientVitals]]) -> list[dict[str, Any]]:
        return [{"client": vitals.number, **each} for client, vitals in clients for each in limiter.describe(client)]

    def _vitals(self, client: object) -> ClientVitals:
        key = key_of(client)
        vitals = self._clients.get(key)
        if vitals is None:
            vitals = self._clients[key] = self._new_vitals(client)
            self._seen += 1
        return vitals

    # -- what a fleet has of its own

    def _new_budget(self, *terms: Any) -> RetryBudget:
        return RetryBudget(*terms)

    def _new_vitals(self, client: object) -> ClientVitals:  # noqa: ARG002
        return ClientVitals(self._seen, self._settings, self.models)
