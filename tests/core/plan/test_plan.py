"""The law: a test for each cell of the table in `plan.py`, and one for each limit and wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anthropic
import httpx2
import pytest
from builders import (
    block_start,
    block_stop,
    ending,
    message_delta,
    message_start,
    open_text,
    open_tool,
    partial,
    text_block,
    thinking_block,
    tool_block,
)
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.failure import Failure, Kind, Verdict, of_kind
from unbroken.core.message.partial import Partial
from unbroken.core.models.corrections import Models
from unbroken.core.plan.plan import Plan
from unbroken.core.plan.readiness import Readiness
from unbroken.core.plan.steps import Ask, Fail, Finish, JoinAsItIs, Step
from unbroken.core.requests.resume_state import ResumeState
from unbroken.core.requests.routed import Requests
from unbroken.core.seam.ending import Ending
from unbroken.policy import Hedging, Policy
from unbroken.routes import Route

HERE, THERE = object(), object()  # two clients
FRESH = ResumeState()  # nothing was delivered
ERROR = anthropic.APIError("it died", httpx2.Request("POST", "/v1/messages"), body=None)


def refusal(message: str) -> anthropic.APIError:
    """A 400 in the API's own words."""
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    return anthropic.APIError(f"Error code: 400 - {body}", httpx2.Request("POST", "/v1/messages"), body=body)


NO_PREFILL = refusal(
    "This model does not support assistant message prefill. The conversation must end with a user message."
)

#: One kind for each verdict, of the plainest sort.
RETRY, ELSEWHERE, CLIENT, REJECTED = Kind.OVERLOADED, Kind.NOT_FOUND, Kind.AUTHENTICATION, Kind.INVALID_REQUEST

SENTENCE = "The quick brown fox jumps over the lazy dog, and nobody has ever asked the dog."
#: What a resume of it costs in input, in tokens: the opening request's, and its own.
COST = 10 + len(SENTENCE) // 5
NOTHING = Partial()
TEXT = partial(message_start(), *open_text(SENTENCE))
THOUGHT = partial(message_start(), *thinking_block("Hm."))
STUCK = partial(message_start(), block_start(0, "hologram"), block_stop(0))
PAIR = [*tool_block("{}", type="server_tool_use"), block_start(1, "web_search_tool_result"), block_stop(1)]
RESULTS = partial(message_start(), *PAIR)
THOUGHT_AND_TEXT = partial(message_start(), *thinking_block("Hm."), *open_text(SENTENCE, index=1))


def died(kind: Kind = RETRY, *, retry_after: float | None = None, verdict: Verdict | None = None) -> Failure:
    """A failure of that kind; `verdict` stands for an `x-should-retry` that changed it."""
    error = NO_PREFILL if kind is Kind.PREFILL_UNSUPPORTED else ERROR
    plain = of_kind(kind, error, status=500)
    return Failure(kind, verdict or plain.verdict, error, status=500, retry_after=retry_after)


class Story:
    """A plan and its stream, told attempt by attempt.

    Routes are given as `"model"` or `("model", client)`. The dice always show `jitter`; the clock is moved by hand.
    """

    def __init__(
        self,
        *routes: str | tuple[str, object],
        jitter: float = 1.0,
        request: dict[str, Any] | None = None,
        **policy: Any,
    ) -> None:
        named = [(route, HERE) if isinstance(route, str) else route for route in routes or ("claude-opus-5-5",)]
        self.routes = [Route(model=model, client=client) for model, client in named]
        original = {"max_tokens": 1_000, "messages": [{"role": "user", "content": "Hi"}], **(request or {})}
        self.requests = Requests(original, self.routes, Models())
        self.plan = Plan(Policy(**policy), self.routes, self.requests)
        self.jitter = jitter
        self.now = 1_000.0
        self.acted = self.unknown = False

    def state(self, held: Partial) -> ResumeState:
        """What was delivered, with what any attempt has begun."""
        return ResumeState.of(held, acted=self.acted, unknown=self.unknown)

    def lose(
        self,
        failure: Failure | Kind = RETRY,
        held: Partial = NOTHING,
        *,
        brought: bool = False,
        acted: bool = False,
        unknown: bool = False,
    ) -> Step:
        """The attempt at hand dies. `brought` is told to the plan first, as the engine does it."""
        failure = died(failure) if isinstance(failure, Kind) else failure
        if brought:
            self.plan.content(thinking=bool(held.whole("thinking")))
        self.acted, self.unknown = self.acted or acted, self.unknown or unknown
        return self.plan.after(failure, self.state(held), brought=brought, now=self.now, jitter=self.jitter)

    def unmatched(self, held: Partial, *, joinable: bool = True) -> Step | JoinAsItIs:
        """What came matches nothing of what is held."""
        return self.plan.unjoined.after_unmatched(self.state(held), joinable=joinable, now=self.now)

    def silent(self, held: Partial, ending: Ending = Ending.UNFINISHED) -> Step | JoinAsItIs:
        """What came adds nothing to what is held."""
        return self.plan.unjoined.after_silence(self.state(held), ending=ending, now=self.now)

    def ask(self, *args: Any, **kwargs: Any) -> Ask:
        """The same, where it has to end in another request."""
        step = self.lose(*args, **kwargs)
        assert isinstance(step, Ask), step
        assert step == self.plan.asking
        return step

    def fail(self, *args: Any, **kwargs: Any) -> Fail:
        """The same, where it has to end the stream."""
        step = self.lose(*args, **kwargs)
        assert isinstance(step, Fail), step
        return step


# -- the table: COMPLETE, CALLS, STUCK, whatever went wrong

EVERYTHING = [RETRY, ELSEWHERE, CLIENT, REJECTED]


@pytest.mark.parametrize("kind", EVERYTHING)
def test_a_message_that_is_complete_is_finished_as_it_stands(kind: Kind) -> None:
    """Nothing is asked again; `message_stop` is supplied if the failure took it."""
    ended = partial(message_start(), *text_block("Hi"), message_delta())
    stopped = partial(message_start(), *text_block("Hi"), *ending())
    assert Story().lose(kind, ended, brought=True) == Finish(message_stop=True)
    assert Story().lose(kind, stopped, brought=True) == Finish(message_stop=False)


def test_a_clean_end_after_the_stop_reason_is_given_no_message_stop() -> None:
    """The SDK adds none either."""
    ended = partial(message_start(), *text_block("Hi"), message_delta())
    clean = of_kind(Kind.TRUNCATED, ERROR, status=200, clean_end=True)
    assert Story().lose(clean, ended, brought=True) == Finish(message_stop=False)


@pytest.mark.parametrize("kind", EVERYTHING)
def test_whole_calls_end_the_turn_as_tool_use(kind: Kind) -> None:
    """The caller runs the tools; to go on would be to call them twice."""
    held = partial(message_start(), *tool_block("{}"), *open_tool("{", index=1))
    assert Story().lose(kind, held, brought=True) == Finish(message_stop=True, as_tool_use=True)


@pytest.mark.parametrize("kind", EVERYTHING)
def test_what_cannot_be_gone_on_from_fails(kind: Kind) -> None:
    """With the partial in hand, never with the SDK's error: something was delivered."""
    assert Story("claude-opus-5-5", "claude-opus-5").fail(kind, STUCK, brought=True) == Fail(
        "what was delivered cannot be gone on from"
    )


@pytest.mark.parametrize("kind", EVERYTHING)
@pytest.mark.parametrize("held", [NOTHING, TEXT], ids=["nothing", "text"])
def test_an_attempt_that_had_begun_what_nobody_knows_fails(kind: Kind, held: Partial) -> None:
    """Though it was held back: what it would have been, and what asking again would do, nobody can say."""
    story = Story("claude-opus-5-5", "claude-opus-5")
    assert story.fail(kind, held, unknown=True) == Fail("what was delivered cannot be gone on from")


def test_what_is_whole_is_finished_whatever_it_holds() -> None:
    """Nothing has to be asked."""
    held = partial(message_start(), block_start(0, "hologram"), block_stop(0), message_delta())
    assert Story().lose(RETRY, held, brought=True, unknown=True) == Finish(message_stop=True)


# -- RESULTS: a server-side tool's pair with no text behind it


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-opus-5-5"])
def test_after_results_the_answer_is_gone_on_with(model: str) -> None:
    """Never begun anew: the tools would be used again; and with no text there is no prefill."""
    assert Story(model).ask(RETRY, RESULTS, brought=True).form == "continue"
    little = partial(message_start(), *PAIR, *open_text("So", index=2))
    assert Story("claude-opus-5-5").ask(RETRY, little, brought=True).form == "continue"


def test_after_results_every_limit_of_a_resume_holds() -> None:
    """It is one: it is counted, it costs input, and the policy may forbid it."""
    Story(resume="never").fail(RETRY, RESULTS, brought=True)
    Story(resume="restart").fail(RETRY, RESULTS, brought=True)
    Story(max_resumes=0).fail(RETRY, RESULTS, brought=True)
    Story(max_extra_input_tokens=9).fail(RETRY, RESULTS, brought=True)
    assert Story(max_extra_input_tokens=10).ask(RETRY, RESULTS, brought=True).form == "continue"


def test_tools_that_have_acted_are_gone_on_from_after_their_results() -> None:
    """A resume does not use them again; only a request from the beginning would."""
    assert Story().ask(RETRY, RESULTS, brought=True, acted=True).form == "continue"
    Story().fail(RETRY, NOTHING, acted=True)


def test_tools_that_may_have_acted_are_not_made_to_act_again() -> None:
    """Unless the policy says that they may."""
    assert "allow_replay" in Story().fail(RETRY, acted=True).why
    assert Story(allow_replay=True).ask(RETRY, acted=True).form == "request"
    assert Story().ask(RETRY, TEXT, brought=True, acted=True).form == "continue", "the text before it is gone on from"


# -- the table: NOTHING

NOTHING_AT_ALL = [NOTHING, THOUGHT, partial(message_start(), *text_block("\n"))]


@pytest.mark.parametrize("held", NOTHING_AT_ALL)
def test_with_nothing_in_hand_the_request_is_made_again(held: Partial) -> None:
    """Afresh; told to "continue", a model would continue nothing."""
    assert Story().ask(RETRY, held) == Ask(route=0, form="request", wait=0.5, costs_retry=True)


def test_a_model_that_will_never_answer_is_left_for_the_next() -> None:
    """At once, and for good: after the last route the round starts over without it."""
    story = Story("claude-opus-5-5", "claude-opus-5", max_attempts_per_route=1)
    assert story.ask(ELSEWHERE) == Ask(route=1, form="request", costs_retry=True)
    assert story.plan.ranking.left_out == [0]
    assert story.ask(RETRY).route == 1


@pytest.mark.parametrize("kind", [Kind.NOT_FOUND, Kind.AUTHENTICATION, Kind.BILLING, Kind.PERMISSION, Kind.SPEND_LIMIT])
def test_without_another_route_it_is_the_sdks_own_error(kind: Kind) -> None:
    """404, 401, 402, 403 and spend caps reach the caller unchanged, after one request."""
    assert Story().fail(kind).error is ERROR
    story = Story("claude-opus-5-5", ("claude-opus-5", THERE))
    story.ask(kind)
    assert story.fail(kind).error is ERROR, "of the last route"


def test_a_key_that_is_wrong_rules_out_every_route_of_its_client() -> None:
    """Another client has another key."""
    story = Story("claude-opus-5-5", "claude-opus-5", ("claude-opus-5-5", THERE), "claude-sonnet-5")
    assert story.ask(CLIENT) == Ask(route=2, form="request", costs_retry=True)
    assert story.plan.ranking.left_out == [0, 1, 3]


def test_what_the_api_rejects_is_raised_at_once() -> None:
    """A fallback would only be sent the same request."""
    assert Story("claude-opus-5-5", ("claude-opus-5", THERE)).fail(REJECTED).error is ERROR


def test_what_a_fallback_rejects_leaves_that_fallback_out() -> None:
    """The primary did not mind the request; it is asked again."""
    story = Story("claude-opus-5-5", "claude-opus-5", max_attempts_per_route=1)
    story.ask(RETRY)
    assert story.ask(REJECTED) == Ask(route=0, form="request", costs_retry=True)
    assert story.plan.ranking.left_out == [1]


def test_a_rejection_after_a_thought_was_delivered_is_no_error_of_the_sdks() -> None:
    """The caller has seen part of a message, and gets it back with the error."""
    assert Story().fail(REJECTED, THOUGHT, brought=True).error is None
    assert Story("claude-opus-5-5", "claude-opus-5").ask(REJECTED, THOUGHT, brought=True).route == 1
    assert Story().fail(CLIENT, THOUGHT, brought=True).error is None


def test_a_route_whose_model_cannot_take_the_request_is_never_asked() -> None:
    """`adapt` said so before the stream began."""
    routes = [Route(model="claude-haiku-4-5", client=HERE), Route(model="claude-opus-5-5", client=HERE)]
    request = {"max_tokens": 9, "messages": [], "tool_choice": {"type": "any"}}
    requests = Requests(request, routes, Models())
    plan = Plan(Policy(max_attempts_per_route=1), routes, requests)
    assert requests.unfit(0) is None
    assert requests.unfit(1) == "does not take a forced tool_choice"
    assert plan.ranking.left_out == [1]
    for _ in range(3):
        step = plan.after(died(), FRESH, brought=False, now=0.0, jitter=0.0)
        assert step == Ask(route=0, form="request", costs_retry=True)


@pytest.mark.parametrize("kind", [Kind.OVERLOADED, Kind.RATE_LIMITED, Kind.SERVER_ERROR])
def test_asked_not_to_retry_the_next_route_is_taken(kind: Kind) -> None:
    """`x-should-retry: false`; without another route the stream fails, as for any overload."""
    failure = died(kind, verdict=Verdict.ELSEWHERE)
    assert Story("claude-opus-5-5", "claude-opus-5").ask(failure) == Ask(route=1, form="request", costs_retry=True)
    assert Story().fail(failure) == Fail("no route is left that could answer")


# -- the table: TEXT


def test_with_text_in_hand_the_rest_is_asked_for() -> None:
    """After content the counts begin anew, and a resume costs no retry."""
    assert Story().ask(RETRY, TEXT, brought=True) == Ask(route=0, form="continue", wait=0.5)
    assert Story("claude-haiku-4-5").ask(RETRY, TEXT, brought=True) == Ask(route=0, form="prefill", wait=0.5)


def test_a_resume_that_brought_nothing_costs_a_retry() -> None:
    """Only what goes on is free."""
    story = Story()
    assert not story.ask(RETRY, TEXT, brought=True).costs_retry
    assert story.ask(RETRY, TEXT).costs_retry
    assert not story.ask(RETRY, TEXT, brought=True).costs_retry


@pytest.mark.parametrize("kind", [Kind.NOT_FOUND, Kind.REFUSED])
def test_a_model_that_will_not_go_on_is_left_for_the_next(kind: Kind) -> None:
    """A refusal is never joined, and not asked for twice."""
    story = Story("claude-haiku-4-5", "claude-opus-5-5")
    assert story.ask(kind, TEXT, brought=True) == Ask(route=1, form="continue")
    assert story.fail(kind, TEXT) == Fail("no route is left that could answer"), (
        "with text in hand no error of the SDK's"
    )


def test_another_client_can_go_on_when_this_ones_key_is_refused() -> None:
    """401, 402, 403 and spend caps after content."""
    story = Story("claude-haiku-4-5", "claude-opus-5-5", ("claude-opus-5-5", THERE))
    assert story.ask(CLIENT, TEXT, brought=True) == Ask(route=2, form="continue")
    assert story.fail(CLIENT, TEXT).error is None


def test_a_resume_that_is_rejected_steps_down() -> None:
    """Another form, then the next route, each at once; then `StreamFailed`."""
    story = Story("claude-haiku-4-5", "claude-opus-5-5")
    assert story.ask(RETRY, TEXT, brought=True).form == "prefill"
    assert story.ask(REJECTED, TEXT) == Ask(route=0, form="continue", costs_retry=True)
    assert story.ask(REJECTED, TEXT) == Ask(route=1, form="continue", costs_retry=True)
    assert story.fail(REJECTED, TEXT) == Fail("no route is left that could answer")


def test_thinking_that_is_rejected_is_left_out() -> None:
    """The step between the forms of a model that thinks."""
    story = Story()
    assert story.ask(RETRY, THOUGHT_AND_TEXT, brought=True).form == "continue"
    assert story.ask(REJECTED, THOUGHT_AND_TEXT).form == "continue_without_thinking"
    assert story.fail(REJECTED, THOUGHT_AND_TEXT).error is None


def test_another_model_is_not_sent_this_ones_thinking() -> None:
    """Nor is the same model on another client; the same on the same is."""
    story = Story(
        "claude-opus-5-5", "claude-opus-5", ("claude-opus-5-5", THERE), "claude-opus-5-5", max_attempts_per_route=1
    )
    steps = [
        story.ask(RETRY, THOUGHT_AND_TEXT, brought=True),
        story.ask(RETRY, THOUGHT_AND_TEXT),
        story.ask(RETRY, THOUGHT_AND_TEXT),
    ]
    assert [(step.route, step.form) for step in steps] == [
        (1, "continue_without_thinking"),
        (2, "continue_without_thinking"),
        (3, "continue"),
    ]


def test_thinking_of_unknown_origin_is_not_sent() -> None:
    """When nobody said who thought it."""
    story = Story()
    step = story.plan.after(died(), ResumeState.of(THOUGHT_AND_TEXT), brought=True, now=0.0, jitter=0.0)
    assert step == Ask(route=0, form="continue_without_thinking")


def test_prefill_that_is_refused_as_unsupported_turns_the_model_to_continue() -> None:
    """At once, and it is no attempt lost."""
    story = Story("claude-haiku-4-5", max_attempts=1)
    assert story.ask(RETRY, TEXT, brought=True).form == "prefill"
    assert story.ask(Kind.PREFILL_UNSUPPORTED, TEXT) == Ask(route=0, form="continue")
    assert story.ask(RETRY, TEXT, brought=True).form == "continue"


def test_prefill_refused_to_a_policy_that_allows_nothing_else_is_not_asked_again() -> None:
    """The next route, or the end."""
    assert Story("claude-haiku-4-5", resume="prefill").ask(RETRY, TEXT, brought=True).form == "prefill"
    story = Story("claude-haiku-4-5", "claude-sonnet-4-5", resume="prefill")
    story.ask(RETRY, TEXT, brought=True)
    assert story.ask(Kind.PREFILL_UNSUPPORTED, TEXT) == Ask(route=1, form="prefill", costs_retry=True)
    assert story.fail(Kind.PREFILL_UNSUPPORTED, TEXT) == Fail("no route is left that could answer")


NO_ADAPTIVE = refusal("adaptive thinking is not supported on this model")
NO_FORCE = refusal('tool_choice: type "tool" and "any" are not supported for this model.')
TOO_LONG = refusal("prompt is too long: 203052 tokens > 200000 maximum")


def refused(error: anthropic.APIError) -> Failure:
    """A 400 in these words."""
    return Failure(REJECTED, Verdict.REJECTED, error, status=400)


def test_a_fallbacks_request_that_its_model_does_not_take_is_made_again_as_it_takes_it() -> None:
    """At once, once, and it is no attempt lost; a second 400 of that kind is one like any other."""
    story = Story("claude-opus-5-5", "my-model", request={"thinking": {"type": "adaptive"}}, max_attempts_per_route=1)
    assert story.ask(RETRY) == Ask(route=1, form="request", costs_retry=True)
    assert story.ask(refused(NO_ADAPTIVE)) == Ask(route=1, form="request")
    assert story.ask(refused(NO_ADAPTIVE)).route == 0
    assert story.plan.ranking.left_out == [1]


def test_a_400_that_leads_to_the_same_request_is_no_reason_to_make_it_again() -> None:
    """More is known of the model now, but nothing that would change what it is asked."""
    story = Story("claude-opus-5-5", "my-model", max_attempts_per_route=1)
    story.ask(RETRY)
    assert story.ask(refused(TOO_LONG)).route == 0
    assert story.plan.ranking.left_out == [1]


def test_a_400_may_rule_a_route_out_for_what_its_model_cannot_do() -> None:
    """The reason is there to be told."""
    story = Story("claude-opus-5", "my-model", request={"tool_choice": {"type": "any"}}, max_attempts_per_route=1)
    story.ask(RETRY)
    assert story.ask(refused(NO_FORCE)).route == 0
    assert story.plan.ranking.left_out == [1]
    assert story.requests.unfit(1) == "does not take a forced tool_choice"


def test_the_primarys_own_request_is_never_changed() -> None:
    """Its 400 is the caller's to know, whatever it says."""
    story = Story("my-model", "claude-opus-5", request={"thinking": {"type": "adaptive"}})
    assert story.fail(refused(NO_ADAPTIVE)).error is NO_ADAPTIVE


def test_a_resume_of_the_primary_that_its_model_does_not_take_is_made_again_as_it_takes_it() -> None:
    """It was taken before, perhaps by another machine; what has arrived is worth the change."""
    story = Story("my-model", request={"thinking": {"type": "adaptive"}}, max_attempts=1, max_resumes=2)
    assert story.ask(RETRY, TEXT, brought=True) == Ask(route=0, form="continue", wait=0.5)
    assert story.ask(refused(NO_ADAPTIVE), TEXT) == Ask(route=0, form="continue")
    assert story.fail(refused(NO_ADAPTIVE), TEXT).error is None


def test_a_hedge_that_its_model_does_not_take_is_made_again_while_the_others_are_waited_for() -> None:
    """What is read on is still the request that was made first."""
    request = {"thinking": {"type": "adaptive"}}
    story = Story("claude-opus-5-5", "my-model", request=request, hedging=Hedging(0.5))
    hedge = Ask(route=1, form="request")
    again = story.plan.hedges.failed(hedge, refused(NO_ADAPTIVE), FRESH, now=story.now)
    assert again == Ask(route=1, form="request")
    assert story.plan.asking == Ask(route=0, form="request")


def test_a_corrected_resume_counts_once() -> None:
    """In requests and in tokens."""
    story = Story("my-model", request={"thinking": {"type": "adaptive"}}, max_resumes=1)
    story.ask(RETRY, TEXT, brought=True)
    assert story.ask(refused(NO_ADAPTIVE), TEXT).form == "continue"
    assert story.fail(RETRY, TEXT).why == "the rest was asked for 1 times"


def test_the_callers_own_prefill_refused_is_the_callers_to_know() -> None:
    """Before content that 400 is about the request as the caller made it."""
    assert Story("claude-haiku-4-5").fail(Kind.PREFILL_UNSUPPORTED).error is NO_PREFILL


RESUMES = [
    # the policy's word, the form
    ("auto", "prefill"),
    ("prefill", "prefill"),
    ("continue", "continue"),
    ("restart", "restart"),
]


@pytest.mark.parametrize(("resume", "form"), RESUMES)
def test_the_policys_form(resume: str, form: str) -> None:
    """Where the model allows it."""
    assert Story("claude-haiku-4-5", resume=resume).ask(RETRY, TEXT, brought=True).form == form


def test_never_fails_at_the_cut() -> None:
    """But not before there is anything to cut."""
    story = Story(resume="never")
    assert story.ask(RETRY).form == "request"
    assert story.fail(RETRY, TEXT, brought=True) == Fail("Policy.resume is 'never'")


@pytest.mark.parametrize("text", ["Hi", "a", "ha ha", "Sure"])
def test_too_little_to_join_by_is_asked_for_from_the_start(text: str) -> None:
    """The new text replays the few characters that were delivered."""
    assert Story().ask(RETRY, partial(message_start(), *open_text(text)), brought=True).form == "restart"


# -- limits


def test_max_attempts_are_requests_in_a_row_that_brought_nothing() -> None:
    """Eight, and the ninth is not made."""
    story = Story()
    for _ in range(7):
        story.ask(RETRY)
    assert story.fail(RETRY) == Fail("8 requests in a row brought nothing")


def test_content_starts_the_count_again() -> None:
    """A long answer may be cut many times."""
    story = Story(max_attempts=3, max_resumes=100)
    for _ in range(10):
        assert story.ask(RETRY, TEXT, brought=True).wait == 0.5
        assert story.ask(RETRY, TEXT).wait == 1.0
        assert story.ask(RETRY, TEXT).wait == 2.0


def test_one_attempt_is_no_retry() -> None:
    """`max_attempts=1` still resumes after content: that attempt brought something."""
    assert Story(max_attempts=1).fail(RETRY).error is None
    assert Story(max_attempts=1).ask(RETRY, TEXT, brought=True).form == "continue"


def test_each_route_has_its_turn_and_the_round_starts_over() -> None:
    """Three for each, in rank order, until `max_attempts` are spent."""
    story = Story("claude-opus-5-5", "claude-opus-5", max_attempts=9)
    asked = [story.ask(RETRY) for _ in range(8)]
    assert [0, *(step.route for step in asked)] == [0, 0, 0, 1, 1, 1, 0, 0, 0]
    assert [step.wait for step in asked] == [0.5, 1.0, 0.0, 0.5, 1.0, 0.0, 4.0, 8.0], "it waits on the same route only"
    story.fail(RETRY)


def test_content_starts_the_turn_again() -> None:
    """The route that brought something is the one to ask."""
    story = Story("claude-opus-5-5", "claude-opus-5", max_attempts_per_route=2)
    story.ask(RETRY)
    assert story.ask(RETRY).route == 1
    assert story.ask(RETRY, TEXT, brought=True).route == 1
    assert story.ask(RETRY, TEXT).route == 0
    assert story.ask(RETRY, TEXT).route == 0
    assert story.ask(RETRY, TEXT).route == 1


def test_max_resumes_bounds_a_stream_that_is_cut_for_ever() -> None:
    """Each brought a little; there is an end all the same."""
    story = Story(max_resumes=3)
    for _ in range(3):
        story.ask(RETRY, TEXT, brought=True)
    assert story.fail(RETRY, TEXT, brought=True) == Fail("the rest was asked for 3 times")
    assert Story(max_resumes=0).fail(RETRY, TEXT, brought=True).error is None


def test_what_others_have_asked_for_counts() -> None:
    """Who goes on with their stream has what is left of the limits, and knows whose thinking it has."""
    story = Story("claude-opus-5-5", "claude-sonnet-5-5", max_resumes=3, max_extra_input_tokens=2 * COST)
    story.plan.go_on(resumes=2, extra_input=0, thinker=1)
    story.ask(RETRY, TEXT, brought=True)
    assert story.fail(RETRY, TEXT, brought=True) == Fail("the rest was asked for 3 times")
    story = Story(max_extra_input_tokens=2 * COST)
    story.plan.go_on(resumes=0, extra_input=2 * COST, thinker=None)
    assert "max_extra_input_tokens" in story.fail(RETRY, TEXT, brought=True).why


def test_max_extra_input_tokens_counts_what_resumes_send_again() -> None:
    """The input of the request, from cache or not, and the text: 2,000 and 80 characters are 2,016 tokens."""
    usage = {"input_tokens": 500, "cache_creation_input_tokens": 600, "cache_read_input_tokens": 900}
    held = partial(message_start(**usage), *open_text("a cut text " * 8))
    story = Story(max_extra_input_tokens=4_034)
    story.ask(RETRY, held, brought=True)
    story.ask(RETRY, held, brought=True)
    assert "max_extra_input_tokens" in story.fail(RETRY, held, brought=True).why
    assert isinstance(Story(max_extra_input_tokens=2_016).lose(RETRY, held, brought=True), Fail)
    assert isinstance(Story(max_extra_input_tokens=2_017).lose(RETRY, held, brought=True), Ask)


# -- waits


def test_the_wait_grows_up_to_its_ceiling() -> None:
    """Between 0 and 0.5, 1, 2, 4, 8 and 8 seconds."""
    story = Story()
    assert [story.ask(RETRY).wait for _ in range(7)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


@given(st.floats(0, 1), st.integers(1, 7))
def test_jitter_is_full(jitter: float, failures: int) -> None:
    """The dice decide about all of it, from nothing on."""
    story = Story(jitter=jitter)
    for _ in range(failures - 1):
        story.ask(RETRY)
    assert story.ask(RETRY).wait == jitter * min(8.0, 0.5 * 2 ** (failures - 1))


def test_retry_after_is_obeyed() -> None:
    """To the second, on its route, however the dice fall; above the backoff, never below."""
    assert Story(jitter=0).ask(died(Kind.RATE_LIMITED, retry_after=2.0)).wait == 2.0
    assert Story(jitter=1).ask(died(Kind.RATE_LIMITED, retry_after=0.1)).wait == 0.5
    assert Story().ask(died(Kind.RATE_LIMITED, retry_after=60.0)).wait == 60.0
    assert Story(jitter=0).ask(died(Kind.OVERLOADED, retry_after=2.0), TEXT, brought=True).wait == 2.0


def test_an_honoured_429_is_no_attempt_and_costs_no_retry() -> None:
    """However often it comes; what dies of something else is counted as if there had been none."""
    story, limited = Story(), died(Kind.RATE_LIMITED, retry_after=20.0)
    for _ in range(100):
        assert story.ask(limited) == Ask(route=0, form="request", wait=20.0)
        story.now += 20.0
    assert [story.ask(RETRY).wait for _ in range(7)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    story.fail(RETRY)


@pytest.mark.parametrize(
    "failure",
    [
        died(Kind.RATE_LIMITED),
        died(Kind.RATE_LIMITED, retry_after=0.0),
        died(Kind.OVERLOADED, retry_after=20.0),
        died(Kind.SERVER_ERROR, retry_after=20.0),
    ],
)
def test_what_is_no_honoured_429_is_an_attempt_and_costs_a_retry(failure: Failure) -> None:
    """One that names no time, or none to wait; and an illness, whatever it names."""
    story = Story()
    assert all(story.ask(failure).costs_retry for _ in range(7))
    assert story.fail(failure) == Fail("8 requests in a row brought nothing")


def test_a_429_between_failures_is_no_backoff_of_theirs() -> None:
    """It neither grows the wait nor begins it anew."""
    story, limited = Story(), died(Kind.RATE_LIMITED, retry_after=5.0)
    waits = []
    for failure in (RETRY, limited, RETRY, limited, RETRY):
        step = story.ask(failure)
        waits.append((step.wait, step.costs_retry))
        story.now += step.wait
    assert waits == [(0.5, True), (5.0, False), (1.0, True), (5.0, False), (2.0, True)]


def test_a_server_that_says_nothing_but_429_is_left_some_day() -> None:
    """After an hour of waits; each counts for a second at least, so that a thousandth of one is no endless loop."""
    story, limited = Story(), died(Kind.RATE_LIMITED, retry_after=0.001)
    assert not any(story.ask(limited).costs_retry for _ in range(3_600))
    assert story.fail(limited).why == "rate limits have held it up for more than 3600 s, and nothing has come"
    story, limited = Story(), died(Kind.RATE_LIMITED, retry_after=60.0)
    for _ in range(60):
        story.ask(limited)
    story.plan.content()
    for _ in range(60):
        story.ask(limited)
    assert story.fail(limited).error is None


def test_a_route_whose_rate_limits_take_longer_than_one_may_ends_its_turn() -> None:
    """Another may have room. That request costs a retry: it is made at once."""
    story, limited = Story("claude-opus-5-5", "claude-opus-5"), died(Kind.RATE_LIMITED, retry_after=25.0)
    asked = []
    for _ in range(6):
        asked.append(story.ask(limited))
        story.now += asked[-1].wait
    assert [(step.route, step.wait, step.costs_retry) for step in asked] == [
        (0, 25.0, False),
        (0, 25.0, False),
        (1, 0.0, True),
        (1, 25.0, False),
        (1, 25.0, False),
        (0, 0.0, True),
    ]


def test_with_one_attempt_a_429_is_one() -> None:
    """Of all: nothing is asked again. Of a turn: the next route's comes at once."""
    limited = died(Kind.RATE_LIMITED, retry_after=5.0)
    assert Story(max_attempts=1).fail(limited) == Fail("1 requests in a row brought nothing")
    story = Story("claude-opus-5-5", "claude-opus-5", max_attempts_per_route=1)
    assert story.ask(limited) == Ask(route=1, form="request", costs_retry=True)


def test_a_retry_after_that_is_too_long_is_not_waited_for() -> None:
    """The stream fails, and says why."""
    failure = died(Kind.RATE_LIMITED, retry_after=3_600.0)
    assert Story().fail(failure) == Fail("the server asks to wait 3600 s, longer than Policy.max_retry_after")
    assert Story(max_retry_after=3_600).ask(failure).wait == 3_600.0


def test_with_another_route_it_is_the_next_ones_turn_at_once() -> None:
    """And the route that asked for an hour stays passed over for that hour."""
    story = Story("claude-opus-5-5", "claude-opus-5", max_attempts=20)
    assert story.ask(died(Kind.RATE_LIMITED, retry_after=3_600.0)) == Ask(route=1, form="request", costs_retry=True)
    assert [story.ask(RETRY).route for _ in range(6)] == [1] * 6
    story.now += 3_600.0
    assert [story.ask(RETRY).route for _ in range(4)] == [1, 1, 0, 0]


def test_a_route_is_not_asked_before_its_time_when_the_round_comes_back_to_it() -> None:
    """The rest of its `retry-after` is waited for, and no more."""
    story = Story("claude-opus-5-5", "claude-opus-5", max_attempts_per_route=1)
    assert story.ask(died(Kind.RATE_LIMITED, retry_after=30.0)) == Ask(route=1, form="request", costs_retry=True)
    story.now += 10.0
    assert story.ask(RETRY) == Ask(route=0, form="request", wait=20.0, costs_retry=True)
    story.now += 40.0
    assert story.ask(RETRY).wait == 0.0


def test_nothing_is_left_when_every_route_asks_for_too_much() -> None:
    """One is overloaded for an hour, the other does not exist."""
    story = Story("claude-opus-5-5", "claude-opus-5")
    story.ask(died(Kind.RATE_LIMITED, retry_after=3_600.0))
    assert story.fail(died(Kind.SERVER_ERROR, retry_after=7_200.0)).why.startswith("the server asks to wait 7200 s")


def test_a_step_down_is_not_waited_for() -> None:
    """Another form of the request is not a retry of it; only a `retry-after` holds it back."""
    story = Story("claude-haiku-4-5")
    story.ask(RETRY, TEXT, brought=True)
    assert story.ask(REJECTED, TEXT).wait == 0.0
    story = Story("claude-haiku-4-5", jitter=0)
    story.ask(died(RETRY, retry_after=5.0), TEXT, brought=True)
    assert story.ask(REJECTED, TEXT).wait == 5.0, "the clock of this story stands still"


# -- a continuation that matches nothing


def test_a_continuation_that_matches_nothing_is_asked_for_again_with_all_of_the_text() -> None:
    """Once by default, and then there is no other route to ask."""
    story = Story()
    story.ask(RETRY, TEXT, brought=True)
    assert story.unmatched(TEXT) == Ask(route=0, form="continue", whole=True)
    assert story.unmatched(TEXT) == Fail("what was written does not join what was delivered")


def test_a_continuation_that_matches_nothing_is_joined_as_it_is_where_the_policy_says_so() -> None:
    """But not what can be no text: an apology, a replay."""
    story = Story(on_unmatched="join")
    story.ask(RETRY, TEXT, brought=True)
    assert story.unmatched(TEXT) == Ask(route=0, form="continue", whole=True)
    assert isinstance(story.unmatched(TEXT, joinable=False), Fail)
    assert story.unmatched(TEXT) == JoinAsItIs()


def test_what_does_not_join_is_asked_of_each_route_in_turn() -> None:
    """Each is asked, and asked again; content starts all of it anew."""
    story = Story("claude-opus-5-5", "claude-sonnet-5-5")
    story.ask(RETRY, TEXT, brought=True)
    for _ in range(2):
        asked = [story.unmatched(TEXT) for _ in range(3)]
        assert asked == [
            Ask(route=0, form="continue", whole=True),
            Ask(route=1, form="continue"),
            Ask(route=1, form="continue", whole=True),
        ]
        assert isinstance(story.unmatched(TEXT), Fail)
        story.plan.content()
        assert story.ask(RETRY, TEXT, brought=True).route == 1
        story.plan.won(Ask(0, "continue"))


def test_what_does_not_join_is_not_asked_for_more_often_than_max_attempts() -> None:
    """Such a request has brought nothing."""
    story = Story("claude-opus-5-5", "claude-sonnet-5-5", max_attempts=2)
    story.ask(RETRY, TEXT, brought=True)
    assert isinstance(story.unmatched(TEXT), Ask)
    assert isinstance(story.unmatched(TEXT), Fail)


def test_a_silence_is_asked_about_again_and_then_it_goes_by_the_text() -> None:
    """Half an answer is none; what may be whole is taken for whole."""
    for looks, policy in (
        (Ending.UNCLEAR, "fail"),
        (Ending.FINISHED, "fail"),
        (Ending.UNFINISHED, "join"),
        (Ending.UNCLEAR, "join"),
    ):
        story = Story(on_unmatched=policy)
        story.ask(RETRY, TEXT, brought=True)
        assert story.silent(TEXT, looks) == Ask(route=0, form="continue", whole=True)
        assert story.silent(TEXT, looks) == JoinAsItIs()
    story = Story("claude-opus-5-5", "claude-sonnet-5-5")
    story.ask(RETRY, TEXT, brought=True)
    assert story.silent(TEXT) == Ask(route=0, form="continue", whole=True)
    assert story.silent(TEXT) == Ask(route=1, form="continue")
    assert story.silent(TEXT) == Ask(route=1, form="continue", whole=True)
    assert story.silent(TEXT) == Fail("what was delivered looks unfinished, and nothing was added to it")


def test_a_silence_about_which_no_more_may_be_asked_goes_by_the_text_at_once() -> None:
    """As any resume, asking again has its limits."""
    for looks, step in ((Ending.UNCLEAR, JoinAsItIs), (Ending.UNFINISHED, Fail)):
        story = Story(max_resumes=1)
        story.ask(RETRY, TEXT, brought=True)
        assert isinstance(story.silent(TEXT, looks), step)


@pytest.mark.parametrize("times", [0, 1, 3])
def test_verify_seam_says_how_often(times: int) -> None:
    """0: never; content starts the count again."""
    story = Story(verify_seam=times)
    for _ in range(2):
        story.ask(RETRY, TEXT, brought=True)
        assert [isinstance(story.unmatched(TEXT), Ask) for _ in range(times + 1)] == [True] * times + [False]


def test_asking_again_is_a_resume_like_any_other() -> None:
    """When no more may be asked, the stream fails, or what is there is joined."""
    for limit in ({"max_resumes": 1}, {"max_extra_input_tokens": COST}):
        story = Story(**limit)
        story.ask(RETRY, TEXT, brought=True)
        assert isinstance(story.unmatched(TEXT), Fail)
        story = Story(on_unmatched="join", **limit)
        story.ask(RETRY, TEXT, brought=True)
        assert story.unmatched(TEXT) == JoinAsItIs()


def test_a_text_too_short_to_join_by_that_was_not_replayed_is_asked_for_with_an_echo() -> None:
    """The new answer began otherwise: now the old one's words are quoted."""
    held = partial(message_start(), *open_text("Hi"))
    story = Story()
    assert story.ask(RETRY, held, brought=True).form == "restart"
    assert story.unmatched(held) == Ask(route=0, form="continue", whole=True)
    assert story.unmatched(held) == Ask(route=0, form="continue", whole=True)
    assert isinstance(story.unmatched(held), Fail)


def test_a_document_that_goes_another_way_is_not_glued() -> None:
    """Half of one JSON and half of another is no JSON."""
    document = {"output_config": {"format": {"type": "json_schema"}}}
    for changes in ({"resume": "restart"}, {"request": document, "resume": "restart"}):
        story = Story(**changes)
        assert story.ask(RETRY, TEXT, brought=True).form == "restart"
        assert story.unmatched(TEXT) == Fail("the new answer does not replay what was delivered")


def test_a_restart_that_is_not_replayed_is_bounded_by_max_attempts() -> None:
    """It is a request that brought nothing."""
    held = partial(message_start(), *open_text("Hi"))
    story = Story(max_attempts=1)
    story.ask(RETRY, held, brought=True)
    assert isinstance(story.unmatched(held), Fail)


def test_a_restart_that_may_not_be_asked_for_again_is_not_glued_either() -> None:
    """Whatever limit stands in the way."""
    held = partial(message_start(), *open_text("Hi"))
    for limit in ({"max_resumes": 1}, {"max_extra_input_tokens": 10}):
        story = Story(**limit)
        assert story.ask(RETRY, held, brought=True).form == "restart"
        assert isinstance(story.unmatched(held), Fail)


# -- any story at all

KINDS = st.sampled_from([*Kind])


@given(
    st.lists(st.tuples(KINDS, st.sampled_from([None, 0.0, 5.0, 61.0]), st.booleans()), min_size=1, max_size=40),
    st.sampled_from(
        [
            ("claude-haiku-4-5",),
            ("claude-haiku-4-5", "claude-opus-5-5"),
            ("claude-opus-5-5", ("claude-haiku-4-5", THERE)),
        ]
    ),
    st.floats(0, 1),
)
def test_no_story_goes_on_for_ever(
    events: list[tuple[Kind, float | None, bool]], routes: tuple[Any, ...], jitter: float
) -> None:
    """Whatever fails in whatever order: no route that was left out is asked, no wait is too long, and it ends."""
    story, held = Story(*routes, jitter=jitter), NOTHING
    fruitless = 0
    for kind, retry_after, brought in events:
        held = TEXT if brought else held
        honoured = kind is Kind.RATE_LIMITED and retry_after == 5.0
        fruitless = 0 if brought else fruitless + (not honoured)
        step = story.lose(died(kind, retry_after=retry_after), held, brought=brought)
        if not isinstance(step, Ask):
            assert isinstance(step, Fail)
            return
        assert step.route not in story.plan.ranking.left_out
        assert 0 <= step.wait <= 68.0
        assert (step.form == "request") is (held is NOTHING)
        assert fruitless <= 8 + 1, "a prefill refused as unsupported is none of them"
        story.now += step.wait


# -- where a stream begins, and what the breakers say

CLOSED = Readiness()
OPEN = Readiness(open_for=5.0)
COOLING = Readiness(cool_for=20.0)
TWO = ("claude-opus-5-5", "claude-opus-5")


def test_the_first_request_is_the_primarys() -> None:
    """It costs no retry; whatever is shared by other streams, nothing is known against it."""
    story = Story(*TWO)
    assert story.plan.first(FRESH, now=0.0) == Ask(route=0, form="request")
    assert story.plan.first(FRESH, now=0.0, ready=[CLOSED, OPEN]) == Ask(route=0, form="request")


def test_a_primary_that_is_left_alone_is_not_the_first() -> None:
    """The next route is, at once; with every breaker open its first probe is waited for."""
    story = Story(*TWO)
    assert story.plan.first(FRESH, now=0.0, ready=[OPEN, CLOSED]) == Ask(route=1, form="request")
    assert story.plan.asking.route == 1
    assert Story(*TWO).plan.first(FRESH, now=0.0, ready=[OPEN, OPEN]) == Ask(route=0, form="request", wait=5.0)
    assert Story(*TWO).plan.first(FRESH, now=0.0, ready=[COOLING, OPEN]) == Ask(route=0, form="request", wait=20.0)


def test_a_stream_that_nobody_may_begin_fails() -> None:
    """It waits `max_retry_after` at most, and is told so before anything is asked."""
    for ready in ([OPEN, OPEN], [COOLING, OPEN]):
        step = Story(*TWO, max_retry_after=4.9).plan.first(FRESH, now=0.0, ready=ready)
        assert step == Fail("no route may be asked within Policy.max_retry_after")


def test_a_request_whose_breaker_opens_meanwhile_goes_elsewhere() -> None:
    """It costs what it did, and is made in the form that the other model takes."""
    story = Story("claude-haiku-4-5", "claude-opus-5-5")
    assert story.ask(RETRY) == Ask(route=0, form="request", wait=0.5, costs_retry=True)
    rerouted = story.plan.rerouted(FRESH, now=story.now, ready=[OPEN, CLOSED])
    assert rerouted == Ask(route=1, form="request", costs_retry=True) == story.plan.asking
    story = Story("claude-haiku-4-5", "claude-opus-5-5")
    assert story.ask(RETRY, TEXT, brought=True).form == "prefill"
    assert story.plan.rerouted(story.state(TEXT), now=story.now, ready=[OPEN, CLOSED]) == Ask(route=1, form="continue")


def test_a_request_with_nowhere_else_to_go_waits_for_the_probe() -> None:
    """Its own route's, if that is due first; each wait is what is left by then."""
    story = Story(*TWO)
    story.ask(RETRY)
    assert story.plan.rerouted(FRESH, now=story.now, ready=[OPEN, OPEN]) == Ask(
        route=0, form="request", wait=5.0, costs_retry=True
    )
    later = [Readiness(open_for=4.5), Readiness(open_for=4.0)]
    assert story.plan.rerouted(FRESH, now=story.now, ready=later) == Ask(
        route=1, form="request", wait=4.0, costs_retry=True
    )


def test_a_request_that_no_route_may_take_in_time_is_not_made() -> None:
    """Its route's breaker has opened, and no probe is due within `max_retry_after`."""
    story = Story(*TWO, max_retry_after=3.9)
    story.ask(RETRY)
    late = [Readiness(open_for=4.5), Readiness(open_for=4.0)]
    assert story.plan.rerouted(FRESH, now=story.now, ready=late) == Fail(
        "no route may be asked within Policy.max_retry_after"
    )


def test_a_resume_that_is_rerouted_is_still_the_same_resume() -> None:
    """It was counted and is not made where it was to be; the last that is allowed may go elsewhere."""
    story = Story(*TWO, max_resumes=1)
    story.ask(RETRY, TEXT, brought=True)
    assert story.plan.rerouted(story.state(TEXT), now=story.now, ready=[OPEN, CLOSED]) == Ask(route=1, form="continue")


def test_after_a_failure_the_breakers_are_asked_too() -> None:
    """The turn of a route whose breaker is open is over, and another one's is not begun."""
    story = Story("claude-opus-5-5", "claude-opus-5", "claude-sonnet-5-5")
    step = story.plan.after(died(), FRESH, brought=False, now=story.now, jitter=1.0, ready=[CLOSED, CLOSED, CLOSED])
    assert step == Ask(route=0, form="request", wait=0.5, costs_retry=True)
    step = story.plan.after(died(), FRESH, brought=False, now=story.now, jitter=1.0, ready=[OPEN, OPEN, CLOSED])
    assert step == Ask(route=2, form="request", costs_retry=True)


def test_what_can_only_be_a_prefill_is_not_asked_for_in_another_form() -> None:
    """Where the caller wants nothing else, an answer that is not the rest ends the stream."""
    story = Story("claude-haiku-4-5", resume="prefill")
    assert story.ask(RETRY, TEXT, brought=True).form == "prefill"
    assert story.unmatched(TEXT) == Fail("what was written does not join what was delivered")


@pytest.mark.parametrize("resume", ["auto", "never"])
def test_a_stream_begins_with_what_is_missing(resume: str) -> None:
    """By the same table as after a failure; what it asks for is its first resume."""
    story = Story(resume=resume, max_resumes=1)
    first = story.plan.first(story.state(TEXT), now=0.0)
    if resume == "never":
        assert first == Fail("Policy.resume is 'never'")
        return
    assert first == Ask(route=0, form="continue") == story.plan.asking
    assert isinstance(story.lose(RETRY, TEXT), Fail)
    whole = partial(message_start(), *text_block("Hi"), message_delta())
    assert story.plan.first(story.state(whole), now=0.0) == Finish(message_stop=True)
    assert story.plan.first(story.state(STUCK), now=0.0) == Fail("what was delivered cannot be gone on from")


# -- several at a time


class Race(Story):
    """A story whose stream asks several routes at a time."""

    def __init__(self, *routes: str | tuple[str, object], **changes: Any) -> None:
        super().__init__(*(routes or THREE), **{"hedging": Hedging(1.0), **changes})

    def beside(self, held: Partial = NOTHING, *, ready: Sequence[Readiness] = ()) -> list[Ask]:
        """What may be asked beside the request at hand."""
        return self.plan.hedges.beside(self.state(held), now=self.now, ready=ready)

    def may(self, hedge: Ask, held: Partial = NOTHING, *, ready: Sequence[Readiness] = ()) -> bool:
        """Whether a hedge may still be made; if so, it is."""
        may = self.plan.hedges.may_start(hedge, self.state(held), now=self.now, ready=ready)
        if may:
            self.plan.hedges.started(hedge, self.state(held))
        return may

    def hedge_dies(self, hedge: Ask, kind: Kind = RETRY, held: Partial = NOTHING) -> Ask | Fail | None:
        """One of several has died."""
        return self.plan.hedges.failed(hedge, died(kind), self.state(held), now=self.now)

    def round_over(self, held: Partial = NOTHING, kind: Kind = RETRY) -> Ask | Fail:
        """The last of the round has died, and was counted."""
        return self.plan.after_round(
            died(kind), self.state(held), brought=False, now=self.now, jitter=self.jitter, ready=()
        )


THREE = ("claude-opus-5-5", "claude-opus-5", "claude-haiku-4-5")
FIRST = Ask(route=0, form="request")
SECOND = Ask(route=1, form="request", costs_retry=True)
THIRD = Ask(route=2, form="request", costs_retry=True)


def test_in_a_race_every_route_has_one_request_and_hedges_cost_a_retry() -> None:
    """In rank order, beside the one at hand."""
    assert Race().beside() == [SECOND, THIRD]
    assert Race().plan.hedges.allowed


@pytest.mark.parametrize(
    ("routes", "changes"),
    [
        (THREE, {"hedging": None}),
        (("claude-opus-5-5",), {}),
        (THREE, {"request": {"mcp_servers": [{"type": "url", "url": "https://example.com", "name": "m"}]}}),
        (THREE, {"request": {"tools": [{"type": "code_execution_20260120", "name": "code_execution"}]}}),
    ],
    ids=["no hedging", "one route", "MCP", "code execution"],
)
def test_what_is_not_hedged(routes: tuple[str, ...], changes: dict[str, Any]) -> None:
    """Nothing is asked beside it; it fails over as it did."""
    story = Race(*routes, **changes)
    assert not story.plan.hedges.allowed
    assert story.beside() == []


def test_tools_that_only_look_are_hedged() -> None:
    """To look twice does no harm."""
    assert Race(request={"tools": [{"type": "web_search_20260209", "name": "web_search"}]}).beside() == [SECOND, THIRD]


def test_a_rest_is_raced_for_in_the_form_that_each_model_takes() -> None:
    """The route whose text it is goes first, and its own resume is free."""
    story = Race()
    story.plan.won(SECOND)
    assert story.ask(RETRY, TEXT, brought=True) == Ask(route=1, form="continue", wait=0.5)
    assert story.beside(TEXT) == [
        Ask(route=0, form="continue", costs_retry=True),
        Ask(route=2, form="prefill", costs_retry=True),
    ]


def test_a_continuation_that_matched_nothing_is_asked_for_again_alone() -> None:
    """It is a question to one model: whether it can go on at all."""
    story = Race()
    story.ask(RETRY, TEXT, brought=True)
    again = story.unmatched(TEXT)
    assert isinstance(again, Ask)
    assert again.whole
    assert story.beside(TEXT) == []


def test_routes_that_are_not_ready_are_not_raced() -> None:
    """Nor those that are left out."""
    assert Race().beside(ready=[CLOSED, OPEN, CLOSED]) == [THIRD]
    assert Race().beside(ready=[CLOSED, COOLING, OPEN]) == []
    story = Race()
    story.hedge_dies(SECOND, ELSEWHERE)
    assert story.beside() == [THIRD]


def test_no_more_are_asked_than_max_attempts_leaves() -> None:
    """The one at hand is one of them."""
    assert Race(max_attempts=2).beside() == [SECOND]
    assert Race(max_attempts=1).beside() == []
    story = Race(max_attempts=4)
    for step in (FIRST, SECOND, THIRD):
        assert story.hedge_dies(step) is None
    assert story.round_over() == Ask(route=0, form="request", wait=0.5, costs_retry=True)
    assert story.beside() == []


def test_a_race_for_the_rest_is_one_resume() -> None:
    """However many are asked in it: the last that is allowed is raced for like those before it."""
    for resumes in (1, 2):
        story = Race(max_resumes=resumes)
        for _ in range(resumes):
            story.ask(RETRY, TEXT, brought=True)
            assert [story.may(hedge, TEXT) for hedge in story.beside(TEXT)] == [True, True]
        assert isinstance(story.lose(RETRY, TEXT, brought=True), Fail)


def test_no_rest_is_raced_for_that_costs_too_much() -> None:
    """Each request in a race costs its input."""
    story = Race(max_extra_input_tokens=COST)
    story.ask(RETRY, TEXT, brought=True)
    assert story.beside(TEXT) == []


def test_a_hedge_is_looked_at_again_when_its_turn_has_come() -> None:
    """Its breaker may have opened, its route been left out, and other hedges have used the tokens up."""
    story = Race()
    assert story.may(SECOND)
    assert not story.may(SECOND, ready=[CLOSED, OPEN, CLOSED])
    story.hedge_dies(SECOND, ELSEWHERE)
    assert not story.may(SECOND)
    story = Race(max_extra_input_tokens=2 * COST)
    story.ask(RETRY, TEXT, brought=True)
    second, third = story.beside(TEXT)
    assert [story.may(second, TEXT), story.may(third, TEXT)] == [True, False], "for two, and the third is too many"


def test_one_of_several_that_dies_is_counted_and_no_more() -> None:
    """The others may live; the round is over when all have died."""
    story = Race(max_attempts=6)
    assert [story.hedge_dies(step) for step in (FIRST, SECOND, THIRD)] == [None, None, None]
    assert story.round_over() == Ask(route=0, form="request", wait=0.5, costs_retry=True)
    assert [story.hedge_dies(step) for step in (FIRST, SECOND, THIRD)] == [None, None, None]
    assert story.round_over() == Fail("6 requests in a row brought nothing")


def test_what_the_api_rejects_ends_a_race_if_it_is_the_primarys() -> None:
    """A request that is wrong is wrong everywhere; a fallback that minds it is left out."""
    story = Race()
    assert story.hedge_dies(SECOND, REJECTED) is None
    assert story.plan.ranking.left_out == [1]
    assert story.hedge_dies(FIRST, REJECTED) == Fail("the API rejected the request", ERROR)


def test_a_key_that_is_wrong_leaves_the_other_client_in_the_race() -> None:
    """And ends it with the SDK's error when there is none."""
    story = Race("claude-opus-5-5", ("claude-opus-5", THERE))
    assert story.hedge_dies(FIRST, CLIENT) is None
    assert story.round_over(kind=CLIENT) == Ask(route=1, form="request", wait=0.5, costs_retry=True)
    story = Race()
    assert story.hedge_dies(FIRST, CLIENT) is None
    assert story.round_over(kind=CLIENT) == Fail("no route is left that could answer", ERROR)


def test_one_of_several_steps_down_at_once() -> None:
    """A form that is rejected is followed by the next one, on the same route; nothing is waited for."""
    story = Race("claude-opus-5-5", "claude-haiku-4-5")
    story.ask(RETRY, TEXT, brought=True)
    (hedge,) = story.beside(TEXT)
    assert hedge == Ask(route=1, form="prefill", costs_retry=True)
    assert story.may(hedge, TEXT)
    again = story.hedge_dies(hedge, REJECTED, TEXT)
    assert again == Ask(route=1, form="continue", costs_retry=True)
    assert story.hedge_dies(again, REJECTED, TEXT) is None, "it has no other form"


def test_a_step_down_is_a_request_like_any_other() -> None:
    """The limits hold for it; what they forbid is not asked."""
    for limit in ({"max_extra_input_tokens": 2 * COST}, {"max_attempts": 1}):
        story = Race("claude-opus-5-5", "claude-haiku-4-5", **limit)
        story.ask(RETRY, TEXT, brought=True)
        hedge = Ask(route=1, form="prefill", costs_retry=True)
        assert story.may(hedge, TEXT)
        assert story.hedge_dies(hedge, REJECTED, TEXT) is None


@pytest.mark.parametrize("at_hand", [True, False])
def test_a_prefill_that_is_unsupported_is_no_attempt_lost_in_a_race_either(at_hand: bool) -> None:
    """Whether it was the request at hand or one beside it; and it is free."""
    routes = ("claude-haiku-4-5", "claude-opus-5-5") if at_hand else ("claude-opus-5-5", "claude-haiku-4-5")
    story = Race(*routes, max_attempts=1, max_resumes=2)
    first = story.ask(RETRY, TEXT, brought=True)
    lost = first if at_hand else Ask(route=1, form="prefill", costs_retry=True)
    assert lost.form == "prefill"
    assert at_hand or story.may(lost, TEXT)
    assert story.hedge_dies(lost, Kind.PREFILL_UNSUPPORTED, TEXT) == Ask(route=lost.route, form="continue")
    assert story.plan.asking == (Ask(route=0, form="continue") if at_hand else first)


def test_the_winner_is_the_request_at_hand() -> None:
    """Its route begins the next round once it has brought something."""
    story = Race()
    story.plan.won(THIRD)
    assert story.plan.asking == THIRD
    assert story.ask(RETRY, TEXT, brought=True) == Ask(route=2, form="prefill", wait=0.5)


def test_a_round_whose_last_request_was_rejected_is_waited_for_all_the_same() -> None:
    """The others of it died of something else."""
    story = Race("claude-opus-5-5", "claude-opus-5", ("claude-opus-5", THERE))
    story.hedge_dies(SECOND, REJECTED)
    assert story.round_over(kind=REJECTED).wait == 0.5  # type: ignore[union-attr]  # it is an Ask


def test_the_waits_between_rounds_grow() -> None:
    """By rounds, and not by the requests in them."""
    story = Race(max_attempts=100)
    waits = []
    for _ in range(4):
        for step in (FIRST, SECOND, THIRD):
            story.hedge_dies(step)
        step = story.round_over()
        assert isinstance(step, Ask)
        waits.append(step.wait)
    assert waits == [0.5, 1.0, 2.0, 4.0]


@given(
    st.lists(st.tuples(KINDS, st.integers(0, 2), st.booleans()), min_size=1, max_size=40),
    st.integers(1, 8),
    st.integers(0, 4),
)
def test_no_race_goes_on_for_ever(events: list[tuple[Kind, int, bool]], attempts: int, resumes: int) -> None:
    """Whatever fails in whatever order: no more is asked than the limits say, and nothing of a route left out."""
    story = Race(max_attempts=attempts, max_resumes=resumes)
    held, asked, resumed = NOTHING, 1, 0
    at_hand: Step = FIRST
    for kind, winner, brings in events:
        assert isinstance(at_hand, Ask)
        race = [at_hand, *story.beside(held)]
        assert len({step.route for step in race}) == len(race), "one request for each route"
        for step in race[: winner if brings else None]:
            if step is not at_hand:
                if not story.may(step, held):
                    continue
                assert step.route not in story.plan.ranking.left_out
                asked += 1
            again: Ask | Fail | None = step
            while isinstance(again, Ask):
                again = story.hedge_dies(again, RETRY if brings else kind, held)
                if isinstance(again, Ask) and kind is not Kind.PREFILL_UNSUPPORTED:
                    asked += 1
            if isinstance(again, Fail):
                return
        if brings:
            story.plan.won(race[min(winner, len(race) - 1)])
            held, asked = TEXT, 0
        at_hand = story.lose(RETRY, held, brought=True) if brings else story.round_over(held, kind)
        if isinstance(at_hand, Fail):
            return
        assert isinstance(at_hand, Ask)
        asked, resumed = asked + 1, resumed + (at_hand.form != "request")
        assert asked <= attempts + 1, "text starts the count again, and what it was cut from is asked for in any case"
        assert resumed <= resumes


# -- when all is spent: what a batch may be asked for


def at_leisure(story: Story, held: Partial, *among: int) -> list[Ask]:
    """What may be asked, where something may."""
    asks = story.plan.at_leisure(story.state(held), among or range(len(story.routes)))
    assert isinstance(asks, list), asks
    return asks


def not_at_leisure(story: Story, held: Partial) -> str:
    """Why nothing may be asked."""
    step = story.plan.at_leisure(story.state(held), range(len(story.routes)))
    assert isinstance(step, Fail)
    return step.why


def test_a_batch_is_asked_as_a_resume_would_be() -> None:
    """Each route in its own form, in rank order, and only those whose clients have batches."""
    story = Story("claude-opus-5-5", "claude-haiku-4-5", "claude-sonnet-5-5")
    assert at_leisure(story, TEXT) == [Ask(0, "continue"), Ask(1, "prefill"), Ask(2, "continue")]
    assert at_leisure(story, TEXT, 1) == [Ask(1, "prefill")]
    assert at_leisure(story, NOTHING, 2) == [Ask(2, "request")]


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (partial(message_start(), *text_block("Hi."), *ending()), "whole"),
        (partial(message_start(), *tool_block("{}")), "tool calls"),
        (STUCK, "cannot be gone on from"),
    ],
)
def test_there_may_be_no_rest_to_ask_a_batch_for(held: Partial, why: str) -> None:
    assert why in not_at_leisure(Story(), held)


def test_what_nobody_knows_cannot_be_gone_on_from_in_a_batch_either() -> None:
    """Even where nothing of it was delivered."""
    story = Story()
    story.fail(RETRY, TEXT, unknown=True)
    assert "cannot be gone on from" in not_at_leisure(story, TEXT)


def test_tools_are_not_made_to_act_again_in_a_batch() -> None:
    """What was delivered may still be gone on from."""
    story = Story()
    story.fail(RETRY, NOTHING, acted=True)
    assert "allow_replay" in not_at_leisure(story, NOTHING)
    assert at_leisure(story, TEXT) == [Ask(0, "continue")]
    story = Story()
    story.acted = True
    assert "allow_replay" in not_at_leisure(story, NOTHING)
    story = Story(allow_replay=True)
    story.lose(RETRY, NOTHING, acted=True)
    assert at_leisure(story, NOTHING) == [Ask(0, "request")]


def test_a_policy_that_forbids_resumes_forbids_them_in_batches() -> None:
    """But not the request afresh; and what resumes may cost holds, while how often they are made does not."""
    assert "'never'" in not_at_leisure(Story(resume="never"), TEXT)
    assert at_leisure(Story(resume="never"), NOTHING) == [Ask(0, "request")]
    assert "max_extra_input_tokens" in not_at_leisure(Story(max_extra_input_tokens=9), TEXT)
    assert at_leisure(Story(max_resumes=0), TEXT) == [Ask(0, "continue")]


def test_a_route_that_was_ruled_out_is_not_asked_in_a_batch() -> None:
    """But one whose server only asked not to be asked again at once is."""
    story = Story()
    story.fail(ELSEWHERE, TEXT, brought=True)
    assert "no route" in not_at_leisure(story, TEXT)
    story = Story()
    story.fail(died(RETRY, verdict=Verdict.ELSEWHERE), TEXT, brought=True)
    assert at_leisure(story, TEXT) == [Ask(0, "continue")]
