"""What streams share, on a clock that the test moves: what is asked of it, and what requests tell it.

The arithmetic has its own tests: `core/test_budget.py`, `test_breaker.py`, `test_latency.py` and `test_vitals.py`.
"""

from __future__ import annotations

import gc
import json
import math
import random
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from anthropic import Anthropic, AsyncAnthropic, AsyncAnthropicFoundry, AsyncAnthropicVertex, NotFoundError
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from harness import serving
from unbroken import Health, Incident, ModelInfo, Status
from unbroken.core.classification import PREFILL_UNSUPPORTED
from unbroken.core.failure import Failure, Kind, of_kind
from unbroken.core.plan.readiness import Readiness
from unbroken.health.default import default_health
from unbroken.health.health import DEFAULT_HEDGE_DELAY
from unbroken.health.permit import SERVER_IS_ILL, Permit

MODEL = "claude-opus-5-5"


class Clock:
    """Monotonic seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Client:
    """Anything that can be referred to weakly, as SDK clients can."""


class Slotted:
    """A client that cannot be referred to weakly."""

    __slots__ = ()


class Unhashable:
    """A client that cannot be a key."""

    __hash__ = None  # type: ignore[assignment]


CLIENT = Client()


def failure(kind: Kind = Kind.OVERLOADED, retry_after: float | None = None) -> Failure:
    """What a request died of."""
    base = of_kind(kind, RuntimeError(kind))
    return Failure(kind, base.verdict, base.error, retry_after=retry_after)


def entered(health: Health, client: object = CLIENT, model: str = MODEL) -> Permit:
    """A permit that is there to be had."""
    permit = health.enter(client, model)
    assert permit is not None
    return permit


def fail(health: Health, times: int, client: object = CLIENT, model: str = MODEL, *, cut: bool = False) -> None:
    """Let that many requests be overloaded."""
    for _ in range(times):
        entered(health, client, model).failed(failure(), cut=cut)


def only_route(health: Health) -> dict[str, Any]:
    """The one route that it knows of."""
    (route,) = health.snapshot()["routes"]
    assert isinstance(route, dict)
    return route


# -- the retry budget


def test_a_new_budget_is_full() -> None:
    """Twenty retries."""
    health = Health(clock=Clock())
    assert health.snapshot() == {"retries_left": 20.0, "routes": []}
    assert [health.take_retry() for _ in range(20)] == [0.0] * 20
    assert health.take_retry() == 2.0


def test_with_time_retries_come_back() -> None:
    """One in two seconds by default; until the next, the wait is said and nothing is taken."""
    health = Health(max_retries=1, clock=(clock := Clock()))
    assert health.take_retry() == 0.0
    clock.now += 0.5
    assert [health.take_retry(), health.take_retry()] == [1.5, 1.5]
    clock.now += 1.5
    assert health.take_retry() == 0.0


def test_an_answered_retry_comes_back() -> None:
    """With its first content; a hedge does not, and neither does a retry that brings nothing."""
    health = Health(max_retries=2, retry_ratio=0, retries_per_second=0, clock=Clock())
    assert [health.take_retry(), health.take_retry()] == [0.0, 0.0]
    entered(health).content(1.0)
    assert health.take_retry() == math.inf
    retry = health.enter(CLIENT, MODEL, retry=True)
    assert retry is not None
    retry.content(1.0)
    retry.content(2.0)
    retry.succeeded()
    assert [health.take_retry(), health.take_retry()] == [0.0, math.inf]
    fruitless = health.enter(CLIENT, MODEL, retry=True)
    assert fruitless is not None
    fruitless.cancelled()
    assert health.take_retry() == math.inf


def test_every_success_earns_a_fraction_of_a_retry() -> None:
    """Ten for one, by default; no other end earns any."""
    health = Health(max_retries=1, retries_per_second=0, clock=Clock())
    assert health.take_retry() == 0.0
    entered(health).lost(1.0)
    entered(health).cancelled()
    fail(health, 1)
    health = Health(max_retries=1, retries_per_second=0, clock=Clock())
    assert health.take_retry() == 0.0
    for _ in range(9):
        entered(health).succeeded()
        assert health.take_retry() == math.inf
    entered(health).succeeded()
    assert health.take_retry() == 0.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"retry_ratio": -0.1}, "retry_ratio and retries_per_second must not be negative"),
        ({"retries_per_second": -1}, "retry_ratio and retries_per_second must not be negative"),
        ({"retry_ratio": math.nan}, "retry_ratio and retries_per_second must not be negative"),
        ({"max_retries": 0.5}, "max_retries and min_requests must be at least 1"),
        ({"min_requests": 0}, "max_retries and min_requests must be at least 1"),
        ({"max_retries": math.nan}, "max_retries and min_requests must be at least 1"),
        ({"retries_per_missing": -1}, "retries_per_missing must not be negative, consecutive_failures at least 1"),
        ({"consecutive_failures": 0}, "retries_per_missing must not be negative, consecutive_failures at least 1"),
        ({"failure_ratio": 0}, "failure_ratio must be above 0, and at most 1"),
        ({"failure_ratio": 1.1}, "failure_ratio must be above 0, and at most 1"),
        ({"failure_ratio": math.nan}, "failure_ratio must be above 0, and at most 1"),
        ({"window": 0}, "window and recovery_time must be above 0 seconds"),
        ({"recovery_time": 0}, "window and recovery_time must be above 0 seconds"),
        ({"window": math.nan}, "window and recovery_time must be above 0 seconds"),
    ],
)
def test_numbers_that_make_no_sense(settings: dict[str, Any], message: str) -> None:
    """Each says which."""
    with pytest.raises(ValueError, match=f"^Health: {message}$"):
        Health(**settings)


# -- the circuit breaker


def test_a_route_that_fails_is_left_alone_and_probed() -> None:
    """Twenty overloads of it; five seconds later one request may see, and its content lets the others in."""
    health = Health(consecutive_failures=20, clock=(clock := Clock()))
    fail(health, 20)
    assert health.enter(CLIENT, MODEL) is None
    assert health.readiness(CLIENT, MODEL) == Readiness(open_for=5.0)
    clock.now += 5
    assert health.readiness(CLIENT, MODEL) == Readiness()
    probe = entered(health)
    assert health.enter(CLIENT, MODEL) is None
    assert only_route(health)["state"] == "half_open"
    probe.content(0.7)
    assert only_route(health)["state"] == "closed"
    entered(health).succeeded()
    probe.succeeded()
    assert only_route(health)["requests"] == 2


def test_a_probe_that_is_whole_at_once_closes_it() -> None:
    """An answer may have no content at all."""
    health = Health(clock=(clock := Clock()))
    fail(health, 20)
    clock.now += 5
    entered(health).succeeded()
    assert only_route(health)["state"] == "closed"


def test_a_probe_that_fails_is_not_followed_for_another_recovery_time() -> None:
    """The server is still ill."""
    health = Health(recovery_time=8, consecutive_failures=20, clock=(clock := Clock()))
    fail(health, 20)
    clock.now += 8
    fail(health, 1)
    assert health.readiness(CLIENT, MODEL) == Readiness(open_for=8.0)


@pytest.mark.parametrize(
    "end",
    [
        lambda probe: probe.lost(1.0),
        lambda probe: probe.cancelled(),
        lambda probe: probe.failed(failure(Kind.INVALID_REQUEST), cut=False),
    ],
    ids=["lost", "cancelled", "a 400"],
)
def test_a_probe_that_ends_without_a_verdict_makes_way_for_the_next(end: Callable[[Permit], None]) -> None:
    """At once."""
    health = Health(clock=(clock := Clock()))
    fail(health, 20)
    clock.now += 5
    end(entered(health))
    assert health.readiness(CLIENT, MODEL) == Readiness()
    assert entered(health) is not None
    assert health.enter(CLIENT, MODEL) is None


def test_a_probe_that_nobody_speaks_of_bars_the_road_for_one_recovery_time() -> None:
    """Its task may have been killed."""
    health = Health(consecutive_failures=20, clock=(clock := Clock()))
    fail(health, 20)
    clock.now += 5
    entered(health)
    assert health.readiness(CLIENT, MODEL) == Readiness(open_for=5.0)
    clock.now += 5
    entered(health)


@pytest.mark.parametrize("kind", Kind)
def test_only_a_server_that_is_ill_counts_as_a_failure(kind: Kind) -> None:
    """The rest is about the request, the key or the account; after content it is half of one."""
    health = Health(clock=Clock())
    entered(health).failed(failure(kind, retry_after=0.0), cut=False)
    entered(health).failed(failure(kind), cut=True)
    never_sent = kind in (Kind.NO_RESOURCES, Kind.NOT_SENT)
    assert only_route(health)["requests"] == (0 if never_sent else 2)
    assert only_route(health)["failures"] == (1.5 if kind in SERVER_IS_ILL else 0)


def test_the_kinds_that_count() -> None:
    """Who adds a kind decides about it here."""
    assert {kind.value for kind in SERVER_IS_ILL} == {
        "overloaded",
        "server_error",
        "timed_out",
        "connection",
        "stalled",
        "slow",
        "truncated",
        "malformed",
    }


def test_the_numbers_are_the_callers() -> None:
    """Half of four requests within a second, say."""
    health = Health(
        failure_ratio=1.0, min_requests=4, window=1, recovery_time=2, consecutive_failures=7, clock=(clock := Clock())
    )
    fail(health, 3)
    clock.now += 1.1
    fail(health, 3)
    assert only_route(health)["state"] == "closed"
    fail(health, 1)
    assert health.readiness(CLIENT, MODEL) == Readiness(open_for=2.0)


# -- routes and clients


def test_a_route_is_a_model_on_a_client() -> None:
    """Another model, or the same one with another key, may be well."""
    health = Health(clock=Clock())
    fail(health, 20)
    assert health.enter(CLIENT, MODEL) is None
    assert health.enter(CLIENT, "claude-sonnet-5-5") is not None
    assert health.enter(Client(), MODEL) is not None


def test_to_ask_how_a_route_is_changes_nothing() -> None:
    """Nor does it make the route known."""
    health = Health(clock=Clock())
    assert health.readiness(CLIENT, MODEL) == Readiness()
    assert health.hedge_delay(CLIENT, MODEL) == DEFAULT_HEDGE_DELAY
    assert health.snapshot()["routes"] == []


def test_a_client_that_is_gone_is_forgotten() -> None:
    """A server that makes one for each of its users does not fill its memory; numbers are not given again."""
    health = Health(clock=Clock())
    for _ in range(3):
        entered(health, Client()).succeeded()
    gc.collect()
    assert health.snapshot()["routes"] == []
    entered(health)
    assert only_route(health)["client"] == 3


@pytest.mark.parametrize("kind", [Slotted, Unhashable])
def test_clients_that_cannot_be_weak_keys_share_what_is_known(kind: type) -> None:
    """All of one type, which is better than nothing, and than a crash."""
    health = Health(clock=Clock())
    one, other = kind(), kind()
    fail(health, 20, one)
    assert health.enter(other, MODEL) is None
    assert health.enter(CLIENT, MODEL) is not None


# -- the cool-down of a 429


def test_a_429_cools_its_bucket_down_for_its_client() -> None:
    """Other models of the bucket wait too; other keys have other buckets, and the breaker is not concerned."""
    health = Health(clock=(clock := Clock()))
    entered(health, model="claude-opus-4-6").failed(failure(Kind.RATE_LIMITED, retry_after=30.0), cut=False)
    clock.now += 10
    assert health.readiness(CLIENT, "claude-opus-4-8") == Readiness(cool_for=20.0)
    assert health.readiness(CLIENT, "claude-opus-5") == Readiness()
    assert health.readiness(Client(), "claude-opus-4-6") == Readiness()
    assert only_route(health)["cool_for"] == 20.0
    assert only_route(health)["failures"] == 0
    assert health.enter(CLIENT, "claude-opus-4-6") is not None
    clock.now += 20
    assert health.readiness(CLIENT, "claude-opus-4-8") == Readiness()


@pytest.mark.parametrize("kind", [Kind.RATE_LIMITED, Kind.OVERLOADED])
def test_only_a_429_that_says_how_long_starts_a_cool_down(kind: Kind) -> None:
    """An overload is nobody's quota; and of a 429 that names no time, none is made up."""
    health = Health(clock=Clock())
    retry_after = 30.0 if kind is Kind.OVERLOADED else None
    entered(health).failed(failure(kind, retry_after), cut=False)
    assert health.readiness(CLIENT, MODEL) == Readiness()


# -- the time to first content


def test_the_hedge_delay_is_the_95th_percentile_of_the_route() -> None:
    """Of that route alone, and once twenty of its requests have brought content."""
    health = Health(clock=Clock())
    for tenths in range(1, 20):
        entered(health).content(tenths / 10)
    assert health.hedge_delay(CLIENT, MODEL) == DEFAULT_HEDGE_DELAY == 2.0
    entered(health).content(2.4)
    assert health.hedge_delay(CLIENT, MODEL) == 1.9
    assert health.hedge_delay(CLIENT, "claude-haiku-4-5") == DEFAULT_HEDGE_DELAY
    assert health.hedge_delay(Client(), MODEL) == DEFAULT_HEDGE_DELAY


def test_those_that_lost_late_hold_the_hedge_delay_up() -> None:
    """The survivors alone would say 1 s."""
    health = Health(clock=Clock())
    for _ in range(90):
        entered(health).content(1.0)
    for _ in range(10):
        entered(health).lost(3.0)
    assert health.hedge_delay(CLIENT, MODEL) == 3.0


def test_those_of_which_nothing_is_known_do_not_touch_it() -> None:
    """What was cancelled says nothing, what failed has its own account, and what had content was noted by then."""
    health = Health(clock=Clock())
    for _ in range(20):
        permit = entered(health)
        permit.content(1.0)
        permit.content(9.0)
        permit.lost(9.0)
    entered(health).cancelled()
    fail(health, 1)
    assert only_route(health)["first_content"] == {"count": 20, "p50": 1.0, "p95": 1.0}


# -- permits


ENDS: dict[str, Callable[[Permit], None]] = {
    "succeeded": lambda permit: permit.succeeded(),
    "failed": lambda permit: permit.failed(failure(), cut=False),
    "rate limited": lambda permit: permit.failed(failure(Kind.RATE_LIMITED, 9.0), cut=False),
    "lost": lambda permit: permit.lost(1.0),
    "cancelled": lambda permit: permit.cancelled(),
}


@pytest.mark.parametrize("first", ENDS.values(), ids=ENDS)
def test_the_first_end_counts(first: Callable[[Permit], None]) -> None:
    """Later ones do nothing, nor does content that comes after the end."""
    health = Health(max_retries=2, clock=Clock())
    health.take_retry()
    permit = entered(health)
    first(permit)
    before = health.snapshot()
    for again in ENDS.values():
        again(permit)
    permit.content(1.0)
    assert health.snapshot() == before


# -- models


def test_what_a_400_said_of_a_model_is_remembered() -> None:
    """For all streams that share this health."""
    health = Health()
    assert health.models.get("claude-haiku-4-5").prefill
    health.models.correct("claude-haiku-4-5", f"This model {PREFILL_UNSUPPORTED}.")
    assert not health.models.get("claude-haiku-4-5").prefill
    assert health.models.get("claude-sonnet-4-5").prefill
    assert Health().models.get("claude-haiku-4-5").prefill


def test_the_caller_says_what_a_model_accepts() -> None:
    """Its rate limit too: a 429 of one is one of all that share it."""
    mine = ModelInfo(name="mine", bucket="ours")
    health = Health(models={"mine": mine, "yours": ModelInfo(name="yours", bucket="ours")}, clock=Clock())
    assert health.models.get("mine") == mine
    permit = health.enter(CLIENT, "mine")
    assert permit is not None
    permit.failed(failure(Kind.RATE_LIMITED, retry_after=9.0), cut=False)
    assert health.readiness(CLIENT, "yours") == Readiness(cool_for=9.0)
    assert health.readiness(CLIENT, MODEL) == Readiness()


@pytest.mark.anyio
async def test_the_models_api_can_be_asked() -> None:
    """What it says of each model is taken in, over what the caller knew."""
    wrong = ModelInfo(name="claude-opus-5", max_output=9_000, effort=frozenset({"low"}))
    health = Health(models={"claude-opus-5": wrong, "claude-haiku-4-5": ModelInfo(name="claude-haiku-4-5")})
    async with serving("") as (_, client):
        await health.learn(client, "claude-haiku-4-5", "claude-opus-5")
    haiku, opus = (health.models.get(name) for name in ("claude-haiku-4-5", "claude-opus-5"))
    assert (haiku.max_output, haiku.context, haiku.source) == (64_000, 200_000, "the Models API")
    assert haiku.thinking == {"enabled", "disabled"}
    assert haiku.effort == frozenset()
    assert opus.max_output == 128_000
    assert opus.effort == {"low", "medium", "high", "xhigh", "max"}


@pytest.mark.anyio
async def test_an_error_of_the_models_api_is_the_sdks() -> None:
    """What was learnt before it stays."""
    health = Health(models={"claude-haiku-4-5": ModelInfo(name="claude-haiku-4-5", max_output=9_000)})
    async with serving("") as (_, client):
        with pytest.raises(NotFoundError, match="model: m"):
            await health.learn(client, "claude-haiku-4-5", "m")
    assert health.models.get("claude-haiku-4-5").max_output == 64_000


@pytest.mark.anyio
@pytest.mark.parametrize("client", [AsyncAnthropicVertex, AsyncAnthropicFoundry, Anthropic, Client])
async def test_a_client_without_an_async_models_api_is_told_so(client: type) -> None:
    """Those of the clouds have none, and a sync one cannot be awaited."""
    options: dict[type, dict[str, Any]] = {
        AsyncAnthropicVertex: {"region": "europe-west1", "project_id": "p", "access_token": "t"},
        AsyncAnthropicFoundry: {"api_key": "test", "resource": "r"},
        Anthropic: {"api_key": "test"},
        Client: {},
    }
    made = client(**options[client])
    with pytest.raises(TypeError, match=f"{client.__name__} has no async Models API"):
        await Health().learn(made, "claude-haiku-4-5")


# -- the snapshot


def test_the_snapshot_is_plain_data() -> None:
    """To JSON and back; clients are numbered in the order in which they came, models are sorted."""
    health = Health(min_requests=2, clock=(clock := Clock()))
    first, second = Client(), Client()
    entered(health, second, "b").content(0.5)
    entered(health, first, "b").failed(failure(), cut=True)
    entered(health, first, "a").failed(failure(Kind.RATE_LIMITED, 4.0), cut=False)
    fail(health, 2, second, "a")
    clock.now += 1
    nothing = {"requests": 0, "failures": 0, "first_content": None, "cool_for": 0.0}
    first_content = {"count": 1, "p50": 0.5, "p95": 0.5}
    snapshot = health.snapshot()
    assert snapshot == {
        "retries_left": 20.0,
        "routes": [
            {**nothing, "model": "a", "client": 0, "state": "open", "requests": 2, "failures": 2.0},
            {**nothing, "model": "b", "client": 0, "state": "closed", "first_content": first_content},
            {**nothing, "model": "a", "client": 1, "state": "closed", "requests": 1, "cool_for": 3.0},
            {**nothing, "model": "b", "client": 1, "state": "closed", "requests": 1, "failures": 0.5},
        ],
    }
    assert json.loads(json.dumps(snapshot, allow_nan=False)) == snapshot


# -- threads


def in_threads(count: int, work: Callable[[random.Random], object]) -> None:
    """Do the work in so many threads at once."""
    threads = [threading.Thread(target=work, args=[random.Random(seed)]) for seed in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_threads_share_a_budget_to_the_last_retry() -> None:
    """As many are taken as there were and were earned, whoever takes them."""
    health = Health(max_retries=1_000, retries_per_second=0, retry_ratio=0.5, clock=Clock())
    assert [health.take_retry() for _ in range(1_000)] == [0.0] * 1_000
    in_threads(8, lambda _: [entered(health).succeeded() for _ in range(100)])
    taken: list[int] = []
    in_threads(8, lambda _: taken.append(sum(health.take_retry() == 0.0 for _ in range(100))))
    assert sum(taken) == 400


def test_threads_lose_no_count() -> None:
    """Eight of them on two routes: each end is counted once."""
    health = Health(min_requests=10**9, max_retries=1e9, clock=Clock())
    other = Client()

    def work(dice: random.Random) -> None:
        for turn in range(400):
            permit = entered(health, dice.choice([CLIENT, other]))
            permit.content(dice.random())
            if turn % 4 == 0:
                permit.failed(failure(), cut=turn % 8 == 0)
            elif turn % 4 == 1:
                permit.lost(1.0)
            else:
                permit.succeeded()
            health.readiness(CLIENT, MODEL)
            health.hedge_delay(other, MODEL)
            health.snapshot()

    in_threads(8, work)
    routes = health.snapshot()["routes"]
    assert sum(route["requests"] for route in routes) == 8 * 300
    assert sum(route["failures"] for route in routes) == 8 * (50 * 0.5 + 50)
    assert [route["first_content"]["count"] for route in routes] == [200, 200]


def test_one_thread_of_many_gets_the_probe() -> None:
    """The others are told to wait."""
    health = Health(clock=(clock := Clock()))
    fail(health, 20)
    clock.now += 5
    permits: list[Permit | None] = []
    in_threads(8, lambda _: permits.extend(health.enter(CLIENT, MODEL) for _ in range(50)))
    assert (len(permits), sum(permit is not None for permit in permits)) == (400, 1)


# -- any life


class Life(RuleBasedStateMachine):
    """Requests to four routes are sent, and end in any order and any way, over any time."""

    sent = Bundle("sent")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.clients = [Client(), Client()]
        self.health = Health(min_requests=2, max_retries=3, consecutive_failures=4, clock=self.clock)

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(client=st.integers(0, 1), model=st.sampled_from(["claude-opus-4-5", "claude-opus-4-6"]))
    def wait_as_told(self, client: int, model: str) -> None:
        ready = self.health.readiness(self.clients[client], model)
        self.clock.now += max(ready.open_for, ready.cool_for)
        after = self.health.readiness(self.clients[client], model)
        assert after.starting or (after.open_for, after.cool_for) == (0.0, 0.0)

    @rule(target=sent, client=st.integers(0, 1), model=st.sampled_from(["claude-opus-4-5", "claude-opus-4-6"]))
    def send(self, client: int, model: str) -> Any:
        ready = self.health.readiness(self.clients[client], model)
        permit = self.health.enter(self.clients[client], model)
        assert (permit is None) == (ready.open_for > 0 or ready.failing or ready.starting)
        return multiple() if permit is None else permit

    @rule(target=sent, client=st.integers(0, 1), model=st.sampled_from(["claude-opus-4-5", "claude-opus-4-6"]))
    def insist(self, client: int, model: str) -> Any:
        ready = self.health.readiness(self.clients[client], model)
        permit = self.health.enter(self.clients[client], model, insist=True)
        assert (permit is None) == (ready.open_for > 0 or ready.starting)
        return multiple() if permit is None else permit

    @rule(permit=sent, seconds=st.floats(0, 60))
    def bring_content(self, permit: Permit, seconds: float) -> None:
        permit.content(seconds)

    @rule(
        permit=consumes(sent), kind=st.sampled_from(Kind), cut=st.booleans(), retry_after=st.floats(0, 60) | st.none()
    )
    def die(self, permit: Permit, kind: Kind, cut: bool, retry_after: float | None) -> None:
        permit.failed(failure(kind, retry_after), cut=cut)

    @rule(permit=sent, end=st.sampled_from(sorted(ENDS)))
    def end(self, permit: Permit, end: str) -> None:
        ENDS[end](permit)

    @rule()
    def retry(self) -> None:
        self.health.take_retry()

    @invariant()
    def its_numbers_are_possible(self) -> None:
        snapshot = self.health.snapshot()
        assert 0 <= snapshot["retries_left"] <= 3
        assert len(snapshot["routes"]) <= 4
        for route in snapshot["routes"]:
            assert 0 <= route["failures"] <= route["requests"]
            assert route["cool_for"] >= 0
        json.dumps(snapshot, allow_nan=False)


TestLife = Life.TestCase


# -- one for each client


def test_one_health_for_each_client_while_it_lives() -> None:
    """Another client's is another; a client that is gone leaves none behind."""
    one, other = Client(), Client()
    assert default_health(one) is default_health(one)
    assert default_health(one) is not default_health(other)
    entered(default_health(other), other).succeeded()
    left_behind = weakref.ref(default_health(other))
    del other
    gc.collect()
    assert left_behind() is None


def test_a_client_that_cannot_be_a_weak_key_gets_a_new_health_each_time() -> None:
    """Rather than one that it shares with strangers."""
    one = Slotted()
    assert default_health(one) is not default_health(one)


# -- the status page


class Page:
    """A status page that was asked already."""

    def __init__(self, *incidents: Incident) -> None:
        self.latest: Status | None = Status("major", "Partial System Outage", incidents)

    def keep_fresh(self) -> None:
        """What streams call, and `Health` does not."""
        raise AssertionError


def told_by(*incidents: Incident) -> tuple[Health, Page]:
    """A `Health` that has been told of these."""
    page = Page(*incidents)
    return Health(status=page, clock=Clock()), page  # type: ignore[arg-type]  # it quacks


OPUS_IS_ILL = Incident("Elevated errors on Claude Opus 5.5", "investigating", "major", models=("opus 5.5",))
ALL_ARE_ILL = Incident("Elevated errors on many models", "identified", "minor")


def test_an_incident_concerns_the_routes_that_it_is_about() -> None:
    """Of several, the gravest is told."""
    health, _ = told_by(ALL_ARE_ILL, OPUS_IS_ILL)
    assert health.incident(CLIENT, MODEL) is OPUS_IS_ILL
    assert health.incident(CLIENT, "claude-haiku-4-5") is ALL_ARE_ILL
    health, _ = told_by(OPUS_IS_ILL)
    assert health.readiness(CLIENT, MODEL) == Readiness(incident=True)
    assert health.readiness(CLIENT, "claude-haiku-4-5") == Readiness()


def test_an_incident_changes_nothing_else_of_how_ready_a_route_is() -> None:
    """Its breaker and its cool-down are told beside it."""
    health, _ = told_by(OPUS_IS_ILL)
    entered(health).failed(failure(Kind.RATE_LIMITED, retry_after=7.0), cut=False)
    assert health.readiness(CLIENT, MODEL) == Readiness(cool_for=7.0, incident=True)


def test_an_incident_does_not_concern_the_clients_of_other_platforms() -> None:
    """The page speaks of the first-party API."""
    health, _ = told_by(ALL_ARE_ILL)
    assert health.incident(AsyncAnthropic(api_key="test"), MODEL) is ALL_ARE_ILL
    vertex = AsyncAnthropicVertex(region="europe-west1", project_id="p", access_token="t")
    assert health.incident(vertex, MODEL) is None
    assert health.readiness(vertex, MODEL) == Readiness()


def test_what_is_not_known_concerns_nobody() -> None:
    """The page has not answered yet, or not for long; or there is none."""
    health, page = told_by(ALL_ARE_ILL)
    page.latest = None
    assert health.incident(CLIENT, MODEL) is None
    assert Health(clock=Clock()).incident(CLIENT, MODEL) is None


def test_the_snapshot_has_what_the_page_says() -> None:
    """As plain data; None while nothing is known, and without a page nothing at all."""
    health, page = told_by(OPUS_IS_ILL)
    assert page.latest is not None
    assert json.loads(json.dumps(health.snapshot()))["status"]["incidents"][0]["models"] == ["opus 5.5"]
    assert health.snapshot()["status"] == page.latest.to_dict()
    page.latest = None
    assert health.snapshot()["status"] is None
    assert "status" not in Health(clock=Clock()).snapshot()


@pytest.mark.parametrize("wrong", ["https://status.anthropic.com", Status("none", ""), True])
def test_a_status_that_is_no_page_is_said_at_once(wrong: Any) -> None:
    """With the type that it has."""
    with pytest.raises(TypeError, match=f"status must be a StatusPage, not {type(wrong).__name__}"):
        Health(status=wrong)


@pytest.mark.parametrize("kind", [Kind.NO_RESOURCES, Kind.NOT_SENT])
def test_what_never_reached_the_server_costs_no_retry(kind: Kind) -> None:
    """It was no load, and says nothing of the server: a probe may go at once."""
    health = Health(clock=Clock())
    before = health.snapshot()["retries_left"]
    assert health.take_retry() == 0.0
    permit = health.enter(CLIENT, MODEL, retry=True)
    assert permit is not None
    permit.failed(failure(kind), cut=False)
    assert health.snapshot()["retries_left"] == before
