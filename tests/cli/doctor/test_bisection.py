"""The search, with an API that is a function."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anthropic
import anyio
import httpx2
import pytest

from unbroken.cli.doctor.bisection import Bisect, Bisected, BisectionStep, can_bisect, estimate
from unbroken.cli.doctor.trial import plain

MODEL = "claude-opus-5-5"
REQUEST: dict[str, Any] = {
    **plain(MODEL),
    "max_tokens": 1_000,
    "stop_sequences": [f"stop {number}" for number in range(40)],
    "service_tier": "auto",
}
Says = Callable[[dict[str, Any]], httpx2.Response]
WELL = "event: message_stop\ndata: {}\n\n".replace("{}", json.dumps({"type": "message_stop"}))


def well() -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": "text/event-stream", "request-id": "req_ok"}, text=WELL)


def error(status: int, message: str = "no", **headers: str) -> httpx2.Response:
    types = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error", 500: "api_error"}
    body = {"type": "error", "error": {"type": types.get(status, "overloaded_error"), "message": message}}
    return httpx2.Response(status, json=body, headers={"request-id": f"req_{status}", **headers})


def raised(response: httpx2.Response) -> Exception:
    """As the SDK raises it."""
    response.request = httpx2.Request("POST", "http://127.0.0.1")
    client = anthropic.AsyncAnthropic(api_key="k")
    return client._make_status_error("no", body=response.json(), response=response)


INTERNAL = raised(error(500))


def search(says: Says, *, died_of: Exception = INTERNAL, params: dict[str, Any] = REQUEST, **options: Any) -> Bisected:
    """What was found; every request was told of, but for those that were sent again."""
    told: list[BisectionStep] = []

    async def main() -> Bisected:
        transport = httpx2.MockTransport(lambda request: says(json.loads(request.content)))
        async with httpx2.AsyncClient(transport=transport) as http:
            client = anthropic.AsyncAnthropic(api_key="k", http_client=http, max_retries=0)
            settings = {"max_requests": 40, "max_cost": None, "repeat": 1, "limit": 60.0, **options}
            bisect = Bisect(client, params, died_of, tell=told.append, **settings)
            await bisect.run()
            return bisect.result()

    found = anyio.run(main)
    assert [trial.candidate.number for trial in told] == list(range(1, len(told) + 1))
    return found


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What would have been waited, in seconds."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        if seconds:
            waited.append(seconds)

    monkeypatch.setattr("unbroken.cli.doctor.bisection.anyio.sleep", sleep)
    return waited


def fails(request: dict[str, Any]) -> bool:
    return "stop 31" in request.get("stop_sequences", ())


def test_the_cause_is_found() -> None:
    """With what it took."""
    found = search(lambda request: error(500) if fails(request) else well())
    assert (found.shrunk.causes, found.stopped) == (("stop_sequences[31]",), None)
    assert found.sent == found.shrunk.requests <= 12
    assert found.cost is not None
    assert 0 < found.cost < 0.05
    assert set(found.request_ids) == {"req_500"}
    told = found.to_dict(show_content=False)
    assert (told["verdict"], told["causes"], told["requests"]) == ("found", ["stop_sequences[31]"], found.sent)
    assert "request" not in told
    assert found.to_dict(show_content=True)["request"] == found.shrunk.request
    json.dumps(told)


def test_what_says_nothing_of_a_candidate_is_asked_again(waits: list[float]) -> None:
    """An overload, a rate limit that says how long: within the number of requests."""
    trouble = [error(529), error(429, **{"retry-after": "7"}), error(529)]

    def says(request: dict[str, Any]) -> httpx2.Response:
        if len(request.get("stop_sequences", ())) == 40 and trouble:
            return trouble.pop(0)
        return error(500) if fails(request) else well()

    found = search(says)
    assert found.shrunk.causes == ("stop_sequences[31]",)
    assert found.sent == found.shrunk.requests + 3
    assert waits == [2.0, 7.0, 8.0]


def test_an_api_that_stays_busy_ends_it(waits: list[float]) -> None:
    """With what was found so far."""
    found = search(lambda request: error(500) if len(request.get("stop_sequences", ())) == 40 else error(529))
    assert found.stopped == "the API did not answer any more, or only that it is busy"
    assert (found.sent, found.shrunk.verdict, found.shrunk.kept) == (5, "unfinished", 43)
    assert waits == [2.0, 4.0, 8.0]


def test_requests_that_are_sent_again_count() -> None:
    """What was allowed is never passed."""
    found = search(lambda request: error(500) if "service_tier" in request else error(529), max_requests=3)
    assert (found.sent, found.stopped) == (3, "the requests are spent")


def test_another_failure_ends_it() -> None:
    """A key that is not accepted any more: what follows would say nothing."""
    found = search(lambda request: error(500) if "service_tier" in request else error(401))
    assert found.stopped == "the API answers otherwise now (authentication)"


def test_a_rejection_is_not_the_failure() -> None:
    """Another place is cut at."""

    def says(request: dict[str, Any]) -> httpx2.Response:
        if len(request.get("stop_sequences", ())) == 20:
            return error(400)
        return error(500) if fails(request) else well()

    assert search(says).shrunk.causes == ("stop_sequences[31]",)


def test_what_preflight_rejects_is_not_sent() -> None:
    """A call without its tool, say, unless the request itself is like that."""
    tools = [{"name": f"tool{n}", "input_schema": {"type": "object"}} for n in range(4)]
    sent: list[dict[str, Any]] = []

    def says(request: dict[str, Any]) -> httpx2.Response:
        sent.append(request)
        return error(500) if "tool_choice" in request else well()

    found = search(says, params={**REQUEST, "tools": tools, "tool_choice": {"type": "auto"}})
    assert found.shrunk.causes == ("tool_choice",)
    assert all("tools" in request for request in sent if "tool_choice" in request)


def test_a_rejection_is_known_again_by_its_words() -> None:
    """Where it is in the request, and what it quotes, may differ."""

    def says(request: dict[str, Any]) -> httpx2.Response:
        if fails(request):
            place = request["stop_sequences"].index("stop 31")
            return error(400, f"stop_sequences.{place}: 'stop {place}' is not allowed, of {len(request)}")
        return error(400, "another") if "service_tier" not in request and "stop_sequences" in request else well()

    found = search(says, died_of=raised(error(400, "stop_sequences.31: 'x' is not allowed, of 5")))
    assert "stop_sequences[31]" in found.shrunk.causes


def test_the_cost_is_bounded() -> None:
    """As if every request were billed, and wrote all that it may."""
    calls: list[Any] = []

    def says(request: dict[str, Any]) -> httpx2.Response:
        calls.append(request)
        return error(500) if fails(request) else well()

    found = search(says, max_cost=0.024)
    assert found.stopped == "the cost is spent"
    assert found.cost is not None
    assert found.cost <= 0.024
    assert len(calls) == found.sent >= 1
    unknown = {**REQUEST, "model": "a-model-of-tomorrow"}
    found = search(says, params=unknown, max_cost=1.0)
    assert (found.sent, found.cost, found.stopped) == (
        0,
        None,
        "the price of the model is not known",
    ) or found.sent == 0
    assert search(says, params=unknown).cost is None


def test_it_can_be_ended_in_the_middle() -> None:
    """By Ctrl-C: what was found so far is there."""

    async def main() -> Bisected:
        client = anthropic.AsyncAnthropic(api_key="k", base_url="http://127.0.0.1:1", max_retries=0)
        settings: dict[str, Any] = {"max_requests": 40, "max_cost": None, "repeat": 1, "limit": 60.0}
        return Bisect(client, REQUEST, INTERNAL, tell=lambda _: None, **settings).result()

    found = anyio.run(main)
    assert (found.stopped, found.sent, found.shrunk.request) == ("it was interrupted", 0, None)


def test_what_a_part_of_a_request_can_cause() -> None:
    """An internal error, and a rejection; not what is the account's or everybody's."""
    assert [can_bisect(raised(error(status))) for status in (500, 400, 401, 429, 529)] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_the_estimate() -> None:
    """The whole request once, the others with a low `max_tokens`; an image is no text."""
    found = estimate(REQUEST, 40, None)
    assert (found.pieces, found.usual, found.most) == (43, 10, 40)
    assert found.usual_cost is not None
    assert found.most_cost is not None
    assert 0.02 < found.usual_cost < found.most_cost < 0.1
    assert estimate(REQUEST, 40, 0.01).most_cost == 0.01
    assert estimate({**REQUEST, "model": "a-model-of-tomorrow"}, 40, None).usual_cost is None
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo=" * 100_000}
    turn = {"role": "user", "content": [{"type": "image", "source": source}]}
    pictured = estimate({**REQUEST, "messages": [turn]}, 40, None)
    assert pictured.usual_cost is not None
    assert found.usual_cost < pictured.usual_cost < found.usual_cost + 0.1
