"""The wordings: each by its name and version, and each with a place for the words that are quoted."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from unbroken import Policy
from unbroken.core.requests.prompts import AFTER_RESULTS, AGAIN, FIRST, PROMPTS, Prompt, named
from unbroken.core.seam.instruction import Instruction


def test_each_is_found_by_its_name() -> None:
    assert all(name == prompt.name for name, prompt in PROMPTS.items())
    assert len({prompt.text for prompt in PROMPTS.values()}) == len(PROMPTS)


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_each_quotes_once_and_can_be_chosen(prompt: Prompt) -> None:
    assert prompt.text.count("{echo}") == 1
    assert "repeat" in prompt.text or "Begin with these words" in prompt.text
    assert prompt.version >= 1
    assert Policy(continue_prompt=prompt.text).continue_prompt == prompt.text


@pytest.mark.parametrize("prompt", [*PROMPTS.values(), AFTER_RESULTS], ids=lambda prompt: prompt.name)
def test_each_can_be_kept_out_of_the_text(prompt: Prompt) -> None:
    """By tags or sentences of its own."""
    asked = prompt.text.replace("{echo}", "the last words")
    instruction = Instruction.of(asked, "the last words", lambda words: False)
    assert instruction.screen() is not None
    assert instruction.sentences


def test_the_second_question_is_another_than_the_first() -> None:
    assert FIRST is PROMPTS[FIRST.name]
    assert AGAIN is PROMPTS[AGAIN.name]
    assert FIRST != AGAIN


def test_where_there_are_no_words_none_are_quoted() -> None:
    assert "{echo}" not in AFTER_RESULTS.text
    assert AFTER_RESULTS.label == f"{AFTER_RESULTS.name}/{AFTER_RESULTS.version}"


def test_a_callers_own_wording_is_custom_and_a_built_in_one_keeps_its_label() -> None:
    assert [named(prompt.text) for prompt in PROMPTS.values()] == [prompt.label for prompt in PROMPTS.values()]
    assert named("Go on after {echo}") == named(lambda quote: quote) == named(None) == "custom"


def test_none_is_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        FIRST.text = ""  # type: ignore[misc]
