"""What is let through: never more than may be, in order, and nobody is forgotten."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from unbroken.core.wire.rate_limits import Quota
from unbroken.health.limits.gate import Gate
from unbroken.health.limits.line import Ticket
from unbroken.health.limits.settings import Limits
from unbroken.health.limits.slot import Demand, Slot
from unbroken.report import AttemptReport

SMALL = Demand(10, 10)


@dataclass(slots=True)
class Waiter:
    """One that stands in the line."""

    ticket: Ticket
    woken: list[bool] = field(default_factory=list)


def waiting(gate: Gate, *, since: float = 0.0, now: float = 0.0, demand: Demand = SMALL) -> Waiter:
    """One more in the line."""
    woken: list[bool] = []
    ticket = Ticket(demand, since, lambda: woken.append(True))
    gate.join(ticket, now)
    return Waiter(ticket, woken)


def asked(limits: Limits) -> Gate:
    """A gate behind which a first response has told nothing."""
    gate = Gate(limits)
    slot = entered(gate)
    gate.told(slot, {}, 0.0)
    gate.unused(slot, 0.0)
    return gate


def entered(gate: Gate, now: float = 0.0, demand: Demand = SMALL) -> Slot:
    """A slot that is there."""
    slot = gate.enter(demand, now)
    assert slot is not None
    return slot


def reported(**fields: int) -> AttemptReport:
    """What a request has used."""
    return AttemptReport(number=1, route=0, model="m", form="request", started=0.0, **fields)


# -- concurrency


def test_as_many_as_may_be_out_and_then_the_first_in_the_line() -> None:
    """When one ends, the oldest has its slot and is woken."""
    gate = Gate(Limits(concurrency=2))
    first, _ = entered(gate), entered(gate)
    assert gate.enter(SMALL, 0.0) is None
    one, other = waiting(gate), waiting(gate)
    assert gate.poll(one.ticket, 0.0) == gate.poll(other.ticket, 0.0) == math.inf
    assert gate.due(SMALL, 0.0)[1] == "concurrency"
    gate.ended(first, 1.0)
    assert one.ticket.slot is not None
    assert one.woken
    assert other.ticket.slot is None
    assert gate.in_flight == 2
    assert gate.poll(one.ticket, 1.0) == 0.0


def test_nobody_overtakes_who_waits() -> None:
    """A slot that is free belongs to the line."""
    gate = Gate(Limits(requests_per_minute=1))
    entered(gate)
    waiter = waiting(gate)
    assert gate.enter(SMALL, 100.0) is None
    assert gate.poll(waiter.ticket, 100.0) == 0.0


def test_an_end_counts_once() -> None:
    """However often it is told."""
    gate = Gate(Limits(concurrency=2))
    slot = entered(gate)
    gate.answered(slot, 0.0)
    gate.answered(slot, 0.0)
    assert gate.ended(slot, 0.0) is None
    assert gate.ended(slot, 0.0, refused=True) is None
    gate.unused(slot, 0.0)
    assert gate.in_flight == 0


def test_who_leaves_leaves_no_hole() -> None:
    """Neither in the line nor with a slot that had come meanwhile; who is the first then is told."""
    gate = Gate(Limits(concurrency=1))
    slot = entered(gate)
    one, two, three = waiting(gate), waiting(gate), waiting(gate)
    gate.ended(slot, 1.0)
    assert one.ticket.slot is not None
    gate.leave(one.ticket, 1.0)  # cancelled before it could send anything
    assert two.ticket.slot is not None
    gate.ended(two.ticket.slot, 2.0)
    assert three.ticket.slot is not None
    four, five = waiting(gate), waiting(gate)
    five.woken.clear()
    gate.leave(four.ticket, 3.0)
    assert five.woken
    gate.leave(five.ticket, 3.0)
    gate.ended(three.ticket.slot, 4.0)
    assert (gate.in_flight, len(gate.line)) == (0, 0)
    assert gate.enter(SMALL, 4.0) is not None


def test_a_refusal_cuts_the_adaptive_limit_and_says_from_what_to_what() -> None:
    """Once an episode."""
    gate = Gate(Limits(concurrency="adaptive"))
    slots = [entered(gate) for _ in range(10)]
    assert gate.ended(slots[0], 0.0, refused=True) == (10, 5)
    assert gate.ended(slots[1], 0.0, refused=True) is None
    assert gate.describe(0.0)["limit"] == gate.limit == 5


def test_it_grows_only_when_it_is_used_up() -> None:
    """Ten of ten out, and not one of ten."""
    gate = asked(Limits(concurrency="adaptive"))
    gate.answered(entered(gate), 0.0)
    assert gate.limit == 10
    slots = [entered(gate) for _ in range(9)]
    gate.answered(slots[0], 0.0)
    assert gate.limit == 11


# -- the caller's numbers


def test_requests_a_minute() -> None:
    """One a second, and six at once."""
    gate = Gate(Limits(requests_per_minute=60))
    assert [gate.enter(SMALL, 0.0) is not None for _ in range(7)] == [True] * 6 + [False]
    waiter = waiting(gate)
    assert gate.poll(waiter.ticket, 0.5) == pytest.approx(0.5)
    assert gate.due(SMALL, 0.5) == (pytest.approx(0.5), "requests")
    assert gate.poll(waiter.ticket, 1.0) == 0.0


def test_tokens_a_minute_are_estimated_and_then_corrected() -> None:
    """A request of 1,000 tokens by its characters had 2,000, and so the next one is expected to have."""
    gate = Gate(Limits(input_tokens_per_minute=60_000))
    slot = entered(gate, demand=Demand(1_000, 100))
    slot.report = reported(input_tokens=1_500, cache_creation_input_tokens=500, cache_read_input_tokens=9_000)
    assert gate.due(Demand(6_000, 1), 0.0)[0] == pytest.approx(1.0)
    gate.ended(slot, 0.0)
    assert gate.due(Demand(2_500, 1), 0.0)[0] == pytest.approx(1.0)
    assert gate.due(Demand(2_500, 1), 0.0)[1] == "input-tokens"


def test_output_tokens_are_those_of_the_last_answers() -> None:
    """And not `max_tokens`."""
    gate = Gate(Limits(output_tokens_per_minute=60_000))
    slot = entered(gate, demand=Demand(10, 64_000))
    slot.report = reported(output_tokens=3_000)
    gate.ended(slot, 0.0)
    assert gate.due(Demand(10, 64_000), 0.0)[0] == 0.0
    entered(gate, demand=Demand(10, 64_000))
    assert gate.due(Demand(10, 64_000), 0.0) == (pytest.approx(3.0), "output-tokens")


def test_what_is_refused_has_used_no_tokens() -> None:
    """The API counts none."""
    gate = Gate(Limits(input_tokens_per_minute=60_000, output_tokens_per_minute=60_000))
    slot = entered(gate, demand=Demand(6_000, 6_000))
    assert gate.due(Demand(6_000, 6_000), 0.0)[0] > 5
    gate.ended(slot, 0.0, refused=True)
    assert gate.due(Demand(6_000, 6_000), 0.0)[0] == 0.0


def test_what_is_not_sent_has_used_nothing() -> None:
    """Its circuit breaker had opened meanwhile."""
    gate = Gate(Limits(requests_per_minute=1, input_tokens_per_minute=10))
    gate.told(entered(gate), {"requests": Quota(100, 1, None)}, 0.0)
    slot = entered(gate, 60.0)
    left = gate.describe(60.0)["left"]["requests"]["left"]
    gate.unused(slot, 60.0)
    assert gate.describe(60.0)["left"]["requests"]["left"] == left + 1
    assert gate.enter(SMALL, 60.0) is not None


# -- the API's own word


def test_before_the_first_response_ten_are_out() -> None:
    """Nobody knows yet what is left. A response that says nothing of it lets all go on."""
    gate = Gate(Limits())
    slots = [entered(gate) for _ in range(10)]
    waiters = [waiting(gate) for _ in range(10)]
    gate.told(slots[0], {}, 0.0)
    assert all(waiter.ticket.slot for waiter in waiters)


def test_requests_are_paced_by_what_is_left_before_one_is_refused() -> None:
    """Five are left, of which three are for others, and one comes each second."""
    gate = Gate(Limits())
    gate.told(entered(gate), {"requests": Quota(60, 5, 55.0)}, 0.0)
    entered(gate), entered(gate)
    assert gate.enter(SMALL, 0.0) is None
    assert gate.due(SMALL, 0.0) == (pytest.approx(1.0), "requests")
    assert gate.enter(SMALL, 1.0) is not None


def test_what_was_sent_since_is_counted_until_its_own_response_tells() -> None:
    """Ten are on their way when the first response says that twelve are left."""
    gate = Gate(Limits())
    slots = [entered(gate) for _ in range(10)]
    gate.told(slots[0], {"requests": Quota(60, 11, 49.0)}, 0.0)
    assert gate.describe(0.0)["left"] == {"requests": {"limit": 60, "left": 2}}
    for remaining, slot in zip(range(10, 1, -1), slots[1:], strict=True):
        gate.told(slot, {"requests": Quota(60, remaining, 49.0)}, 0.0)
    assert gate.describe(0.0)["left"]["requests"]["left"] == 2


def test_what_died_without_a_response_is_no_longer_on_its_way() -> None:
    """And what it was expected to write is not written."""
    gate = Gate(Limits())
    dead, alive = entered(gate), entered(gate)
    gate.ended(dead, 0.0)
    gate.told(alive, {"requests": Quota(60, 10, 50.0), "output-tokens": Quota(1_000, 100, 54.0)}, 0.0)
    left = gate.describe(0.0)["left"]
    assert left["requests"]["left"] == 10
    assert left["output-tokens"]["left"] == 90  # `alive` is expected to write ten


def test_the_line_goes_on_when_more_is_left_than_was_thought() -> None:
    """Another response says so."""
    gate = Gate(Limits())
    first, second = entered(gate), entered(gate)
    gate.told(first, {"requests": Quota(60, 1, 59.0)}, 0.0)
    waiter = waiting(gate)
    assert waiter.ticket.slot is None
    gate.told(second, {"requests": Quota(60, 30, None)}, 0.0)
    assert waiter.ticket.slot is not None


def test_what_is_shown() -> None:
    """Of one where nothing was told and nobody waits, and of one where somebody does."""
    assert Gate(Limits()).describe(0.0) == {
        "limit": 10,
        "in_flight": 0,
        "waiting": 0,
        "waiting_for": None,
        "wait": 0.0,
        "left": {},
    }
    gate = Gate(Limits(concurrency=1))
    entered(gate)
    waiting(gate)
    shown = gate.describe(0.0)
    assert (shown["waiting"], shown["waiting_for"], shown["wait"]) == (1, "concurrency", None)


# -- whatever happens


class Traffic(RuleBasedStateMachine):
    """Requests come, go, wait and leave in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.gate = Gate(Limits(concurrency=3, requests_per_minute=120, input_tokens_per_minute=6_000))
        self.out: list[Slot] = []
        self.line: list[Waiter] = []
        self.sent: list[float] = []

    def _admitted(self) -> None:
        for waiter in [each for each in self.line if each.ticket.slot is not None]:
            assert waiter is self.line[0], "somebody overtook"
            assert waiter.woken
            assert waiter.ticket.slot is not None
            self._send(waiter.ticket.slot)
            self.line.remove(waiter)

    def _send(self, slot: Slot) -> None:
        self.out.append(slot)
        self.sent.append(self.now)

    @rule(tokens=st.integers(1, 10_000))
    def ask(self, tokens: int) -> None:
        """One that stands in the line if it has to."""
        slot = self.gate.enter(Demand(tokens, 10), self.now)
        if slot is not None:
            assert not self.line
            self._send(slot)
            return
        self.line.append(waiting(self.gate, since=self.now, now=self.now, demand=Demand(tokens, 10)))
        self._admitted()

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 5), how=st.sampled_from(["ended", "refused", "unused"]))
    def end(self, which: int, how: str) -> None:
        """One is over."""
        slot = self.out.pop(which % len(self.out))
        if how == "unused":
            self.sent.remove(slot.sent)
            self.gate.unused(slot, self.now)
        else:
            self.gate.ended(slot, self.now, refused=how == "refused")
        self._admitted()

    @precondition(lambda self: self.line)
    @rule(which=st.integers(0, 5))
    def leave(self, which: int) -> None:
        """One in the line has enough of it."""
        self.gate.leave(self.line.pop(which % len(self.line)).ticket, self.now)
        self._admitted()

    @rule(seconds=st.floats(0.01, 30))
    def wait(self, seconds: float) -> None:
        """Time passes, and the first in the line looks."""
        self.now += seconds
        if self.line:
            self.gate.poll(self.line[0].ticket, self.now)
        self._admitted()

    @rule(remaining=st.integers(0, 60))
    def told(self, remaining: int) -> None:
        """A response comes."""
        if self.out:
            self.gate.told(self.out[0], {"requests": Quota(60, remaining, 60.0 - remaining)}, self.now)
            self._admitted()

    @invariant()
    def never_above_the_limit(self) -> None:
        """Nor do the books differ from what is out."""
        assert self.gate.in_flight == len(self.out) <= 3
        assert len(self.gate.line) == len(self.line)
        assert sum(at > self.now - 60 for at in self.sent) <= 120 + 12

    def teardown(self) -> None:
        """All that wait have their turn in the end, the largest too."""
        for _ in range(2_000):
            if not self.line:
                break
            while self.out:
                self.gate.ended(self.out.pop(), self.now)
                self._admitted()
            if self.line:
                self.now += min(60.0, self.gate.poll(self.line[0].ticket, self.now))
                self.gate.poll(self.line[0].ticket, self.now)
                self._admitted()
        assert not self.line


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(st.integers(1, 5), st.lists(st.integers(0, 3), min_size=5, max_size=40))
def test_streams_are_served_in_the_order_in_which_they_came(concurrency: int, streams: list[int]) -> None:
    """A stream that asks for much does not push others back: each has its turn by when it asked."""
    gate = Gate(Limits(concurrency=concurrency))
    out = [entered(gate) for _ in range(concurrency)]
    waiters = [(stream, waiting(gate, since=float(at))) for at, stream in enumerate(streams)]
    served: list[int] = []
    while len(served) < len(streams):
        gate.ended(out.pop(0), 0.0)
        stream, waiter = waiters[len(served)]
        assert waiter.ticket.slot is not None
        served.append(stream)
        out.append(waiter.ticket.slot)
    assert served == streams


@settings(deadline=None, max_examples=25)
@given(st.integers(1_000, 200_000), st.integers(1, 50))
def test_a_large_request_is_not_starved_by_small_ones(large: int, small: int) -> None:
    """Small ones keep coming; it is sent once what it needs has come together, and no later."""
    gate = Gate(Limits(input_tokens_per_minute=60_000))
    now = 0.0
    while (slot := gate.enter(Demand(small, 10), now)) is not None:
        gate.ended(slot, now)
    big = waiting(gate, since=now, now=now, demand=Demand(large, 10))
    later = [waiting(gate, since=now + 0.001 * n, now=now, demand=Demand(small, 10)) for n in range(20)]
    while big.ticket.slot is None:
        assert all(each.ticket.slot is None for each in later)
        now += min(0.5, gate.poll(big.ticket, now)) or 0.5
        assert now <= min(large, 6_000) / 1_000 + 1
