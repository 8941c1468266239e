"""Gates as streams share them: one for each bucket of each client, from any thread."""

from __future__ import annotations

import gc
import math
from threading import Thread

import pytest

from unbroken.core.models.corrections import Models
from unbroken.health.limits.limiter import Limiter, Place
from unbroken.health.limits.settings import Limits
from unbroken.health.limits.slot import Demand
from unbroken.report import AttemptReport

OPUS, SONNET = "claude-opus-5-5", "claude-sonnet-5-5"
DEMAND = Demand(10, 100)


class Client:
    """One client."""


def limiter(**limits: object) -> Limiter:
    """With a clock that stands still."""
    return Limiter(Limits(**limits), Models(None), lambda: 100.0)  # type: ignore[arg-type]


def headers(*, fast: bool = False, remaining: int) -> list[tuple[bytes, bytes]]:
    """What a response says of the requests."""
    prefix = "anthropic-fast-requests" if fast else "anthropic-ratelimit-requests"
    return [(f"{prefix}-limit".encode(), b"50"), (f"{prefix}-remaining".encode(), str(remaining).encode())]


def test_models_of_one_bucket_have_one_gate_and_clients_have_their_own() -> None:
    """Limits belong to a key, and to what the API counts together."""
    shared, client = limiter(concurrency=1), Client()
    opus = shared.gate(client, OPUS)
    assert shared.gate(client, OPUS) is opus
    assert shared.gate(client, SONNET) is not opus
    assert shared.gate(client, OPUS, mode="speed=fast") is not opus
    assert shared.gate(Client(), OPUS) is not opus
    assert shared.gate(client, "claude-opus-4-6") is shared.gate(client, "claude-opus-4-5")


def test_with_its_client_a_gate_goes() -> None:
    """Nothing is kept of what nobody can ask any more."""
    shared, client = limiter(), Client()
    shared.gate(client, OPUS)
    assert len(shared.describe(client)) == 1
    del client
    gc.collect()
    assert len(shared._clients) == 0


def test_names_that_come_from_users_fill_no_memory() -> None:
    """As many are kept as there may be models."""
    shared, client = limiter(), Client()
    for number in range(300):
        shared.gate(client, f"model-{number}")
    assert len(shared.describe(client)) == 256


def test_a_place_is_waited_for_and_given_back() -> None:
    """Who waits is woken; asked once more it has the place."""
    gate = limiter(concurrency=1).gate(Client(), OPUS)
    place = gate.enter(DEMAND)
    assert place is not None
    assert gate.enter(DEMAND) is None
    woken: list[bool] = []
    ticket = gate.join(DEMAND, gate.now())
    assert gate.poll(ticket, lambda: woken.append(True)) == math.inf
    assert gate.reason(DEMAND) == "concurrency"
    place.ended()
    assert woken == [True]
    following = gate.poll(ticket, lambda: None)
    assert isinstance(following, Place)
    following.unused()
    assert gate.describe()["in_flight"] == 0


def test_who_leaves_is_not_waited_for() -> None:
    """The next one has its place."""
    gate = limiter(concurrency=1).gate(Client(), OPUS)
    place = gate.enter(DEMAND)
    assert place is not None
    first, second = gate.join(DEMAND, 1.0), gate.join(DEMAND, 2.0)
    gate.leave(first)
    place.ended()
    assert isinstance(gate.poll(second, lambda: None), Place)


@pytest.mark.parametrize("fast", [False, True])
def test_fast_mode_has_headers_of_its_own(fast: bool) -> None:
    """And those of the others say nothing of it."""
    gate = limiter().gate(Client(), OPUS, mode="speed=fast" if fast else "")
    place = gate.enter(DEMAND)
    assert place is not None
    place.told(headers(fast=not fast, remaining=1))
    assert gate.describe()["left"] == {}
    place.told(headers(fast=fast, remaining=40))
    assert gate.describe()["left"] == {"requests": {"limit": 50, "left": 40}}


def test_what_a_request_has_used_is_in_the_report_and_a_cut_with_the_place() -> None:
    """The next one is estimated by it."""
    gate = limiter(concurrency="adaptive", output_tokens_per_minute=600).gate(Client(), OPUS)
    place, other = gate.enter(DEMAND), gate.enter(Demand(10, 1))
    assert place is not None
    assert other is None  # a page of output was taken to come, which is more than a tenth of the minute's
    place.sends(AttemptReport(1, 0, OPUS, "request", 0.0, output_tokens=1))
    place.answered()
    place.ended()
    assert place.cut is None
    place = gate.enter(Demand(10, 60_000))
    assert place is not None
    place.ended(refused=True)
    assert place.cut == (10, 5)
    place.ended()
    assert place.cut == (10, 5)


def test_many_threads_never_have_more_places_than_there_are() -> None:
    """Eight threads, three places, each of which is given to one at a time; at the end all are free."""
    gate = limiter(concurrency=3).gate(Client(), OPUS)
    out: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(200):
            place = gate.enter(DEMAND)
            if place is None:
                continue
            out.append(1)
            most.append(len(out))
            out.pop()
            place.ended()

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) <= 3
    shown = gate.describe()
    assert (shown["in_flight"], shown["waiting"]) == (0, 0)
    assert all(gate.enter(DEMAND) for _ in range(3))
