"""Any answer, cut anywhere, any number of times, by any fault: the same text, and requests that do not grow."""

from __future__ import annotations

from typing import Any, Final

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.corpus.texts import TEXTS

from harness import CONTINUE, PREFILL, Reading, assert_unbroken, read, serving
from unbroken import Policy
from unbroken.core.seam.ending import Ending, ending_of
from unbroken.testing import (
    AFTER_CONTENT,
    AFTER_LAST_TEXT,
    AFTER_MESSAGE_DELTA,
    AFTER_MESSAGE_START,
    AFTER_MESSAGE_STOP,
    BEFORE_MESSAGE_START,
    Answer,
    BadJson,
    CutFrame,
    Drop,
    EndOfFile,
    ErrorEvent,
    FaultServer,
    Reset,
    Script,
    Status,
    Thinking,
    after_characters,
    after_events,
    after_fraction,
)

#: They end as answers do: where white space has come last, more is to come, and half a text that nothing is added to is
#: an honest failure. These are about whole ones.
ANSWERS: Final = sorted(text.rstrip() for text in TEXTS.values())
EVERYWHERE: Final = settings(max_examples=40)

places = st.one_of(
    st.sampled_from(
        [
            BEFORE_MESSAGE_START,
            AFTER_MESSAGE_START,
            AFTER_LAST_TEXT,
            AFTER_CONTENT,
            AFTER_MESSAGE_DELTA,
            AFTER_MESSAGE_STOP,
        ]
    ),
    st.integers(0, 400).map(after_characters),
    st.integers(0, 40).map(after_events),
    st.floats(0, 1).map(after_fraction),
)
faults = st.one_of(
    st.sampled_from([500, 503, 529]).map(Status),
    st.builds(ErrorEvent, st.sampled_from(["overloaded_error", "api_error"]), at=places, blank_line=st.booleans()),
    st.builds(Reset, places),
    st.builds(Drop, places),
    st.builds(EndOfFile, places, framing=st.sampled_from(["chunked", "close"])),
    st.builds(CutFrame, places, keep=st.integers(1, 30), end=st.sampled_from(["eof", "drop", "reset"])),
    st.builds(BadJson, places),
)


def can_be_finished(steps: list[Any]) -> bool:
    """Not malformed twice: what is so in the same way at the same place is not asked for a third time."""
    return sum(isinstance(step, BadJson) for step in steps) < 2


#: Fewer than `max_attempts`, so that the stream can always be finished.
steps = st.lists(faults, max_size=6).filter(can_be_finished)
models = st.sampled_from([PREFILL, CONTINUE])
#: Texts in many scripts, and any text that has something to see in it.
texts = st.one_of(
    st.sampled_from(ANSWERS),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200)
    .map(lambda text: f"{text.strip()}.")
    .filter(lambda text: ending_of(text) is Ending.FINISHED),
)


async def read_through(script: Script, **changes: Any) -> tuple[Reading, FaultServer]:
    """Read the answer of this script to its end."""
    async with serving(script) as (server, client):
        return await read(client, **changes), server


def count_of_stops(reading: Reading) -> int:
    """A clean end after `stop_reason` leaves `message_stop` out (DESIGN, section 3)."""
    return 0 if reading.report.attempts[-1].outcome == "truncated" else 1


@EVERYWHERE
@given(text=st.sampled_from(ANSWERS), steps=steps, model=models, seed=st.integers(0, 9))
def test_any_answer_cut_anywhere_any_number_of_times_is_the_same_text(
    text: str, steps: list[Any], model: str, seed: int
) -> None:
    """Kinds of faults may change from attempt to attempt, and each may strike anywhere."""
    reading, _ = anyio.run(lambda: read_through(Script(text, faults=steps, seed=seed), model=model))
    assert_unbroken(reading, text, stops=count_of_stops(reading))


@pytest.mark.slow
@EVERYWHERE
@given(cuts=st.lists(st.integers(0, 300), max_size=6), thinks=st.booleans(), seed=st.integers(0, 9))
@example(cuts=[0, 0, 1], thinks=True, seed=0)
def test_thinking_and_two_text_blocks_survive_any_number_of_cuts(cuts: list[int], thinks: bool, seed: int) -> None:
    """Every block arrives once, in its order."""
    blocks = [*([Thinking("First, a thought.")] if thinks else []), TEXTS["prose"], TEXTS["list"]]
    script = Script(Answer(blocks), faults=[Reset(after_characters(cut)) for cut in cuts], seed=seed)
    reading, _ = anyio.run(lambda: read_through(script))
    assert reading.text == TEXTS["prose"] + TEXTS["list"]
    assert_unbroken(reading, reading.text)


@pytest.mark.slow
@EVERYWHERE
@given(text=texts, cuts=st.lists(st.integers(1, 60), max_size=4), model=models, seed=st.integers(0, 9))
def test_any_text_at_all_survives_where_the_model_obeys(text: str, cuts: list[int], model: str, seed: int) -> None:
    """Whatever characters it is made of: by a prefill, and by the echo."""
    script = Script(text, faults=[Drop(after_characters(cut)) for cut in cuts], seed=seed)
    reading, _ = anyio.run(lambda: read_through(script, model=model))
    assert_unbroken(reading, text)


@pytest.mark.slow
@EVERYWHERE
@given(
    text=st.sampled_from(ANSWERS),
    first=st.lists(faults, min_size=1, max_size=3).filter(can_be_finished),
    second=st.lists(faults, max_size=3).filter(can_be_finished),
    order=st.permutations([PREFILL, CONTINUE, "claude-sonnet-5-5"]),
)
def test_a_change_of_models_does_not_show_in_the_text(
    text: str, first: list[Any], second: list[Any], order: list[str]
) -> None:
    """Each route gets one request before the next one's turn, whatever form its model needs."""
    own = {order[0]: Script(text, faults=first), order[1]: Script(text, faults=second)}
    policy = Policy(initial_backoff=0, max_attempts_per_route=1)
    script = Script(text, models=own)
    reading, _ = anyio.run(lambda: read_through(script, model=order[0], fallback_models=order[1:], policy=policy))
    assert_unbroken(reading, text, stops=count_of_stops(reading))
    assert reading.message.model in order


@pytest.mark.slow
@EVERYWHERE
@given(
    cuts=st.lists(st.integers(60, 120), min_size=3, max_size=3),
    model=models,
    name=st.sampled_from(["prose", "code", "yaml", "chinese"]),
)
def test_every_resume_is_built_from_the_original_request(cuts: list[int], model: str, name: str) -> None:
    """Three cuts send three resumes of one length in turns: none carries the attempt before it."""
    script = Script(TEXTS[name], faults=[Reset(after_characters(cut)) for cut in cuts])
    reading, server = anyio.run(
        lambda: read_through(script, model=model, system="Be brief.", metadata={"user_id": "u"})
    )
    assert_unbroken(reading, TEXTS[name])
    original, *resumes = [request.body for request in server.requests]
    turns = 2 if model == PREFILL else 3
    for resume, form in zip(resumes, reading.forms[1:], strict=True):
        assert resume["messages"][:1] == original["messages"]
        assert len(resume["messages"]) == (1 if form == "restart" else turns)
        assert {name for name in resume if resume[name] != original.get(name)} <= {"messages", "max_tokens"}
        assert resume.keys() == original.keys()
        assert 64 <= resume["max_tokens"] <= original["max_tokens"]
