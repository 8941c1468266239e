"""The smallest part of a request that still fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any

import pytest
from asking import requests, well_formed
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from unbroken.diagnosis.bisect.pieces import Pieces, spelled
from unbroken.diagnosis.bisect.shrink import Candidate, Outcome, Shrunk, _Search, shrink

Request = Mapping[str, Any]
Says = Callable[[Request], "Outcome | bool"]

BUDGET = 40


def run(request: Request, says: Says, **options: Any) -> tuple[Shrunk, list[Candidate]]:
    """Shrink with an API that says, of each candidate, what comes of it; True: it fails."""
    return drive(shrink(request, **options), says)


def drive(steps: Generator[Candidate, Outcome, Shrunk], says: Says) -> tuple[Shrunk, list[Candidate]]:
    asked: list[Candidate] = []
    try:
        candidate = next(steps)
        while True:
            asked.append(candidate)
            said = says(candidate.request)
            candidate = steps.send(said if isinstance(said, str) else "fails" if said else "passes")
    except StopIteration as end:
        shrunk: Shrunk = end.value
    assert [candidate.number for candidate in asked] == list(range(1, shrunk.requests + 1))
    return shrunk, asked


class Poisoned(Pieces):
    """A request of which some pieces fail, when all of them are there."""

    def __init__(self, request: Request, data: st.DataObject, *, most: int) -> None:
        super().__init__(request)
        assume(len(self))
        self.poison: set[int] = data.draw(st.sets(st.sampled_from(range(len(self))), min_size=1, max_size=most))
        self._asked: tuple[dict[str, Any], frozenset[int]] = ({}, frozenset())

    def request(self, kept: frozenset[int]) -> dict[str, Any]:
        built = super().request(kept)
        self._asked = (built, kept)
        return built

    def fails(self, request: Request) -> bool:
        """Filler is another request, and not poisoned."""
        built, kept = self._asked
        return request is built and self.poison <= kept

    def shrunk(self, max_requests: int = BUDGET) -> tuple[Shrunk, list[Candidate]]:
        return drive(_Search(self, max_requests, 1, lambda _: True).run(), self.fails)

    def numbers(self, spelt: Iterable[str]) -> set[int]:
        known = [spelled(path) for path in self.paths]
        return {known.index(path) for path in spelt}


def has(*words: str) -> Says:
    """Fails where all of these stand in the request, wherever it is."""
    return lambda request: all(word in json.dumps(request) for word in words)


def tool(number: int) -> dict[str, Any]:
    items = {"type": "string", "pattern": f"^p{number}$"}
    properties = {name: {"type": "array", "items": {**items, "description": f"{name}{number}."}} for name in "abc"}
    schema = {"type": "object", "properties": properties, "required": ["a"], "additionalProperties": False}
    return {"name": f"tool{number}", "description": f"Tool {number}.", "input_schema": schema}


def conversation(turns: int) -> list[dict[str, Any]]:
    roles = ("user", "assistant")
    return [{"role": roles[number % 2], "content": f"turn {number}." + " and on" * number} for number in range(turns)]


LARGE: dict[str, Any] = {
    "model": "claude-opus-4-8",
    "max_tokens": 4096,
    "service_tier": "auto",
    "metadata": {"user_id": "u"},
    "stop_sequences": ["one", "two"],
    "thinking": {"type": "adaptive"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": tool(99)["input_schema"]}},
    "tools": [tool(number) for number in range(40)],
    "tool_choice": {"type": "auto"},
    "system": [{"type": "text", "text": "Be brief."}],
    "messages": conversation(41),
}


@pytest.mark.parametrize(
    ("word", "cause"),
    [
        ("b17.", "tools[17].input_schema.properties.b.items.description"),
        ('"turn 12.', "messages[12]"),
        ('"turn 0.', "messages[0]"),
        ("service_tier", "service_tier"),
        ("effort", "output_config.effort"),
        ("c99.", "output_config.format.schema.properties.c.items.description"),
        ("two", "stop_sequences[1]"),
        ("4096", "max_tokens"),
        ("tool_choice", "tool_choice"),
    ],
)
def test_one_poisoned_part_of_many_is_found(word: str, cause: str) -> None:
    """A keyword deep in one of 40 tools, one turn of 41, one argument: well within the budget."""
    shrunk, asked = run(LARGE, has(word))
    assert shrunk.verdict == "found"
    assert shrunk.causes == (cause,)
    assert len(asked) <= 15
    assert shrunk.request is not None
    assert has(word)(shrunk.request)
    assert shrunk.kept <= 5
    assert shrunk.summary == f"the cause is {cause}: with everything else left out it still fails, and the rest works"


def test_the_first_candidate_is_the_request_and_the_second_the_least() -> None:
    """It has to fail now, and to be worth looking into."""
    _, asked = run(LARGE, has("b17."))
    assert asked[0].request == LARGE
    assert (asked[0].kept, asked[1].kept) == (asked[0].pieces, 0)
    assert asked[1].request == {
        "model": "claude-opus-4-8",
        "max_tokens": 64,
        "messages": [{"role": "user", "content": "Say hello."}],
    }


@settings(max_examples=60)
@given(request=requests(), data=st.data())
def test_an_arbitrary_poisoned_piece_is_found(request: dict[str, Any], data: st.DataObject) -> None:
    """Whatever the request, whichever the piece: within the budget, and no candidate that the API would not take."""
    assume(well_formed(request) is None)
    pieces = Poisoned(request, data, most=1)
    shrunk, asked = pieces.shrunk()
    assert (shrunk.verdict, len(shrunk.causes), shrunk.rest) == ("found", 1, True)
    assert len(asked) <= len(pieces).bit_length() + 4 <= BUDGET
    assert all(well_formed(candidate.request) is None for candidate in asked)
    # Pieces that cannot be without each other, a call and its result, cannot be told apart.
    assert pieces.closed(pieces.numbers(shrunk.causes)) == pieces.closed(pieces.poison)
    assert shrunk.request == pieces.request(pieces.closed(pieces.poison))


@settings(max_examples=60)
@given(request=requests(), data=st.data())
def test_what_is_found_is_minimal(request: dict[str, Any], data: st.DataObject) -> None:
    """Where more pieces never mend a request, none of the causes can be left out."""
    pieces = Poisoned(request, data, most=4)
    shrunk, _ = pieces.shrunk(max_requests=1_000)
    assert (shrunk.verdict, shrunk.needed, shrunk.rest) == ("found", True, True)
    assert shrunk.request == pieces.request(pieces.closed(pieces.poison))
    causes = pieces.numbers(shrunk.causes)
    assert all(not pieces.poison <= pieces.closed(causes - {cause}) for cause in causes)


@settings(max_examples=60)
@given(
    request=requests(),
    budget=st.integers(1, 30),
    repeat=st.integers(1, 3),
    said=st.lists(st.sampled_from(["fails", "passes", "refused", "stop"])),
)
def test_whatever_the_api_says_it_ends_within_its_budget(
    request: dict[str, Any], budget: int, repeat: int, said: list[Outcome]
) -> None:
    """And what it returns did fail."""
    saying = iter(said)
    failed: list[Request] = []

    def says(request: Request) -> Outcome:
        outcome = next(saying, "fails")
        if outcome == "fails":
            failed.append(request)
        return outcome

    shrunk, asked = run(request, says, max_requests=budget, repeat=repeat)
    assert len(asked) <= budget
    assert (shrunk.request in failed) if failed else shrunk.request is None
    assert shrunk.summary


@pytest.mark.parametrize(
    "words",
    [("b17.", "c31."), ("service_tier", "turn 12."), ("effort", "two"), ("turn 12.", "turn 13."), ("a3.", "b3.")],
)
def test_two_parts_that_fail_only_together_are_found(words: tuple[str, str]) -> None:
    """Within the budget, and neither is said to be the cause alone."""
    shrunk, asked = run(LARGE, has(*words))
    assert (shrunk.verdict, len(shrunk.causes), shrunk.needed) == ("found", 2, True)
    assert len(asked) <= 30
    one, other = shrunk.causes
    assert shrunk.summary == (
        f"the causes, together, are {one} and {other}: with everything else left out it still fails, and the rest works"
    )


def test_three_parts_are_found_too() -> None:
    """It takes another dozen requests for each."""
    shrunk, asked = run(LARGE, has("service_tier", "b17.", "turn 12."))
    assert len(asked) <= BUDGET
    description = "tools[17].input_schema.properties.b.items.description"
    assert shrunk.summary.startswith(f"the causes, together, are service_tier, {description} and messages[12]: ")


def test_a_second_cause_is_told_of() -> None:
    """Each fails by itself: one is found, and that it is not all."""
    shrunk, _ = run(LARGE, lambda request: has("b17.")(request) or has("turn 12.")(request))
    assert shrunk.causes == ("tools[17].input_schema.properties.b.items.description",)
    assert shrunk.rest is False
    assert shrunk.summary.endswith("still fails, and so does the rest: there is another cause")


@pytest.mark.parametrize(
    "says",
    [lambda request: len(request["messages"]) >= 30, lambda request: len(json.dumps(request["messages"])) > 2_000],
    ids=["turns", "characters"],
)
def test_a_conversation_that_is_too_long_has_no_poisoned_turn(says: Says) -> None:
    """It is found out at the second turn, with filler, and the turn is named from which on it fails."""
    shrunk, asked = run(LARGE, says)
    assert shrunk.verdict == "length"
    assert len(asked) <= 20
    (turn,) = shrunk.causes
    assert shrunk.summary == (
        f"the cause is the length of the conversation: it fails from {turn} on, whatever is written"
    )
    assert shrunk.request is not None
    assert "lorem" not in json.dumps(shrunk.request)


def test_three_turns_that_fail_together_are_no_matter_of_length() -> None:
    """Filler in their place works."""
    shrunk, _ = run(LARGE, has("turn 20.", "turn 21.", "turn 22."))
    assert shrunk.causes == ("messages[20]", "messages[21]", "messages[22]")


def test_too_many_tools_are_told_as_far_as_that_goes() -> None:
    """No tool is the cause; the budget ends before each is known to belong to it."""
    shrunk, asked = run(LARGE, lambda request: len(request.get("tools", ())) > 30)
    assert (shrunk.verdict, len(asked)) == ("unfinished", BUDGET)
    assert shrunk.causes == ("tools[28]", "tools[29]", "tools[30]")
    assert "it seems to be their number or size rather than one of them" in shrunk.summary
    assert shrunk.request is not None
    assert len(shrunk.request["tools"]) == 31


def test_a_request_that_works_now_is_intermittent() -> None:
    """With `repeat` it is asked that often before that is said."""
    shrunk, asked = run(LARGE, lambda _: False, repeat=3)
    assert (shrunk.verdict, shrunk.request, len(asked)) == ("intermittent", None, 3)
    assert shrunk.summary == "the failure is intermittent: the same request does not fail this way now"


def test_a_candidate_that_passes_by_luck_is_asked_again() -> None:
    """Every other failure does not show; with two tries each, the cause is found all the same."""
    tries: dict[str, int] = {}

    def says(request: Request) -> bool:
        key = json.dumps(request)
        tries[key] = tries.get(key, 0) + 1
        return has("b17.")(request) and tries[key] % 2 == 0

    shrunk, asked = run(LARGE, says, repeat=2)
    assert shrunk.causes == ("tools[17].input_schema.properties.b.items.description",)
    assert len(asked) <= 2 * 15


def test_a_failure_with_everything_left_out_is_not_the_payloads() -> None:
    """Two requests tell."""
    shrunk, asked = run(LARGE, lambda _: True)
    assert (shrunk.verdict, shrunk.kept, len(asked)) == ("always", 0, 2)
    assert shrunk.summary == "the payload is not the cause: it fails with everything left out that can be"


def test_what_preflight_rejects_is_never_sent() -> None:
    """Another place is cut at instead; what cannot be cut apart is looked into piece by piece at the end."""
    sent: list[Request] = []

    def accepts(request: Request) -> bool:
        return len(request.get("tools", ())) in (0, 40)

    def says(request: Request) -> bool:
        sent.append(request)
        return has("b17.")(request)

    shrunk, asked = run(LARGE, says, accepts=accepts)
    assert all(map(accepts, sent))
    assert (shrunk.verdict, len(asked)) == ("found", len(sent))
    assert "tools[17].input_schema.properties.b.items.description" in shrunk.causes


def test_what_the_api_rejects_says_nothing_and_costs_a_request() -> None:
    """A 400 that comes anyway is not the failure that is looked for."""
    refused: list[Request] = []

    def says(request: Request) -> Outcome:
        if len(request.get("tools", ())) % 3 == 2:
            refused.append(request)
            return "refused"
        return "fails" if has("turn 12.")(request) else "passes"

    shrunk, asked = run(LARGE, says)
    assert shrunk.causes == ("messages[12]",)
    assert refused
    assert len(asked) <= 15 + len(refused)


def test_parts_that_the_api_takes_only_together_are_found_together() -> None:
    """No cut between them brings an answer, and neither can be left out."""

    def says(request: Request) -> Outcome:
        one, other = has("turn 12.")(request), has("turn 16.")(request)
        return "refused" if one != other else "fails" if one else "passes"

    shrunk, asked = run(LARGE, says)
    assert shrunk.causes == ("messages[12]", "messages[16]")
    assert len(asked) <= BUDGET


def test_when_the_rest_is_rejected_it_is_not_said_to_work() -> None:
    """Nor to fail."""
    whole = json.dumps(LARGE)

    def says(request: Request) -> Outcome:
        if "turn 12." not in json.dumps(request) and len(request["messages"]) > 35:
            return "refused"
        return "fails" if "turn 12." in json.dumps(request) else "passes"

    shrunk, _ = run(json.loads(whole), says)
    assert shrunk.rest is None
    assert shrunk.summary == "the cause is messages[12]: with everything else left out it still fails"


@pytest.mark.parametrize("budget", range(1, 28))
def test_where_the_budget_ends_the_smallest_so_far_is_returned(budget: int) -> None:
    """And between which parts the cause is."""
    fails = has("b17.", "turn 12.")
    shrunk, asked = run(LARGE, fails, max_requests=budget)
    assert len(asked) == min(budget, 26)
    assert shrunk.request is not None
    assert fails(shrunk.request)
    if shrunk.verdict == "unfinished":
        assert shrunk.suspects is not None
        assert shrunk.summary.startswith("the cause is not found yet: ")
        assert shrunk.summary.endswith(f" is between {shrunk.suspects[0]} and {shrunk.suspects[1]}") or budget > 10
    else:
        assert shrunk.needed is (budget >= 25)
        assert shrunk.rest is (True if budget >= 26 else None)


def test_it_can_be_ended_at_any_time() -> None:
    """By whoever pays."""
    shrunk, asked = run(LARGE, lambda _: "stop")
    assert (shrunk.verdict, shrunk.request, len(asked)) == ("unfinished", None, 1)
    assert shrunk.summary == "the cause is not found yet: nothing could be left out"


def test_a_budget_of_nothing_is_refused() -> None:
    """Every number is at least 1."""
    for options in ({"max_requests": 0}, {"repeat": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            next(shrink(LARGE, **options))
