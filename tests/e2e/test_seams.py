"""Seams through the wire: texts x cuts x manners, in both forms. The pure table is `benchmarks/seams.py`."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import Any, Final

import pytest
from tests.corpus.texts import TEXTS as ALL

from harness import CONTINUE, PREFILL, assert_unbroken, read, serving
from unbroken import Policy
from unbroken.core.seam.half_word import half_word
from unbroken.testing import Answer, Drop, Script, Status, Thinking, after_characters
from unbroken.testing.manners.manners import FAITHFUL, Manner

pytestmark = pytest.mark.asyncio

#: As answers end: of 123 that were recorded none ended in white space.
TEXTS: Final = {name: text.rstrip() for name, text in ALL.items()}

#: Cuts of one text, beside the two that every text has: before its first and after its last word.
_CUTS: Final = 6


def cuts(name: str) -> list[int]:
    """Where this text is cut, in characters: anywhere, and the same places in every run."""
    text = TEXTS[name]
    return sorted({2, len(text) - 1, *Random(name).sample(range(1, len(text)), _CUTS)})


async def cut_and_read(client: Any, server: Any, model: str, answer: Answer, cut: int) -> Any:
    """One stream that is dropped after `cut` characters."""
    await server.play(Script(answer, faults=[Drop(at=after_characters(cut))], seed=cut))
    return await read(client, model=model)


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", TEXTS)
async def test_a_prefilled_continuation_joins_exactly(name: str) -> None:
    """The model goes on at the next character, white space included."""
    answer = Answer(TEXTS[name])
    async with serving(answer) as (server, client):
        for cut in cuts(name):
            reading = await cut_and_read(client, server, PREFILL, answer, cut)
            assert_unbroken(reading, answer)
            assert reading.forms == ["request", "prefill"]


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", TEXTS)
async def test_whole_words_are_not_cut(name: str) -> None:
    """A model that takes half a word for a whole one gets none: with it, and without, the words are the answer's."""
    answer = Answer(TEXTS[name], manner=Manner.HALF_WORD)
    async with serving(answer) as (server, client):
        for cut in cuts(name):
            await server.play(Script(answer, faults=[Drop(at=after_characters(cut))], seed=cut))
            reading = await read(client, model=CONTINUE, policy=Policy(initial_backoff=0, whole_words=True))
            assert_unbroken(reading, answer)
            pieces = [event.delta.text for event in reading.events if event.type == "content_block_delta"]
            assert not any(half_word("".join(pieces[:at])) for at in range(1, len(pieces)))


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", TEXTS)
async def test_a_model_that_obeys_the_echo_joins_exactly(name: str) -> None:
    """The echo gives the joint its place; it is cut away, and the joint is known to be right."""
    answer = Answer(TEXTS[name])
    async with serving(answer) as (server, client):
        for cut in cuts(name):
            reading = await cut_and_read(client, server, CONTINUE, answer, cut)
            assert_unbroken(reading, answer)
            assert reading.report.seam != "unverified"
            assert len(reading.forms) == 2


@pytest.mark.sample(6)
@pytest.mark.parametrize("name", TEXTS)
async def test_a_model_that_goes_on_in_its_own_manner_is_joined(name: str) -> None:
    """Every faithful manner: whatever it repeats, loses or says first, the text is exact, white space aside."""
    async with serving(TEXTS[name]) as (server, client):
        for manner, cut in product(sorted(FAITHFUL), cuts(name)[1::3]):
            answer = Answer(TEXTS[name], manner=manner)
            reading = await cut_and_read(client, server, CONTINUE, answer, cut)
            assert_unbroken(reading, reading.text)
            assert "".join(reading.text.split()) == "".join(answer.text.split()), (manner, cut)


@pytest.mark.sample
@pytest.mark.parametrize("name", ["prose", "code", "emoji", "blanks"])
@pytest.mark.parametrize("model", [PREFILL, CONTINUE])
@pytest.mark.parametrize("pieces", [(1, 1), (40, 80), (10_000, 10_000)], ids=["by_one", "by_line", "at_once"])
async def test_the_size_of_the_pieces_does_not_matter(name: str, model: str, pieces: tuple[int, int]) -> None:
    """A continuation that comes by the character is joined like one that comes at once."""
    answer = Answer(TEXTS[name], pieces=pieces)
    async with serving(answer) as (server, client):
        for cut in cuts(name)[::3]:
            assert_unbroken(await cut_and_read(client, server, model, answer, cut), answer)


@pytest.mark.parametrize("name", ["prose", "json", "chinese"])
async def test_thinking_before_the_text_does_not_disturb_the_seam(name: str) -> None:
    """It is sent back whole, the model thinks anew, and only the first thinking is delivered."""
    answer = Answer([Thinking("Let me see."), TEXTS[name]])
    async with serving(answer) as (server, client):
        for cut in cuts(name):
            reading = await cut_and_read(client, server, CONTINUE, answer, cut)
            assert_unbroken(reading, answer)
            assert [block.type for block in reading.message.content] == ["thinking", "text"]


async def test_several_cuts_close_together_join_exactly() -> None:
    """Each resume brings a few characters more."""
    answer = Answer(TEXTS["prose"])
    async with serving(answer) as (server, client):
        for model in (PREFILL, CONTINUE):
            faults = [Drop(at=after_characters(90)), *[Drop(at=after_characters(60 + n)) for n in range(8)]]
            await server.play(Script(answer, faults=faults))
            reading = await read(client, model=model)
            assert_unbroken(reading, answer)
            assert len(reading.forms) == 10


@pytest.mark.parametrize("asked_again", [0, 1, 2])
async def test_a_seam_that_matches_nothing_is_joined_and_marked_where_the_policy_says_so(asked_again: int) -> None:
    """Asked for again `verify_seam` times; then nothing is lost, and the report says that the joint is a guess."""
    held, strange = TEXTS["prose"][:200], "Quite another thing, in other words altogether, and no end in sight. " * 4
    dying = Script(Answer(TEXTS["prose"]), faults=[Drop(at=after_characters(200))], then=Status(529))
    script = Script(models={CONTINUE: dying, "claude-sonnet-5-5": Script(Answer(strange))})
    async with serving(script) as (_, client):
        policy = Policy(initial_backoff=0, max_attempts_per_route=1, verify_seam=asked_again, on_unmatched="join")
        reading = await read(client, model=CONTINUE, fallback_models=["claude-sonnet-5-5"], policy=policy)
        assert_unbroken(reading, reading.text)
        assert reading.text.startswith(held)
        assert reading.text.endswith(strange)
        assert reading.report.seam == reading.report.attempts[-1].seam == "unverified"
        assert reading.outcomes[1:] == ["seam_unmatched"] * asked_again + ["complete"]
        assert reading.codes.count("seam_retry") == asked_again
        assert "seam_unverified" in reading.codes
