"""Talk about the request instead of the answer: what was really said is told, and what an answer may say is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.seam.asides import aside_at_start, could_open_an_aside
from unbroken.testing.manners.wordings import APOLOGIES, COMPLETE, REFUSALS

RECORDED = Path(__file__).parents[2] / "continuations" / "recorded.jsonl"

SAID = [
    # Apologies and refusals, as they were recorded, and in other words.
    ("I'm sorry, I'm unable to repeat the last words.", "refusal"),
    ("I'm sorry for the confusion, but as a lighthouse keeper, I'm unable to assist", "refusal"),
    ("\n\nI'm sorry for any inconvenience, but as of now, I'm unable to provide a description.", "refusal"),
    ("I’m sorry, but I can’t continue that message.", "refusal"),
    ("I am so sorry, but I cannot go on with this.", "refusal"),
    ("I am truly sorry, but I could not complete the response.", "refusal"),
    ("I apologize, but I'm not able to assist with that request.", "refusal"),
    ("I apologise for the interruption.", "refusal"),
    ("I do apologize for any inconvenience this may have caused.", "refusal"),
    ("Apologies for the interruption!", "refusal"),
    ("My apologies for the misunderstanding.", "refusal"),
    ("Sorry about that confusion.", "refusal"),
    ("Sorry, I can't repeat the text.", "refusal"),
    ("I cannot repeat your last words.", "refusal"),
    ("I can't continue from where the message stopped.", "refusal"),
    ("I won't continue this story for you.", "refusal"),
    ("I'm not able to continue this sentence.", "refusal"),
    ("We're sorry, but we cannot fulfill your request.", "refusal"),
    ("As an AI language model, I have no memory of it.", "refusal"),
    ("As a text-based AI, I only see text.", "refusal"),
    ("**I'm sorry**, but I can't assist with that.", "refusal"),
    # Talk of the request.
    ("I will repeat this text exactly as it stands, and do not add any additional text.", "instruction"),
    ("I'll repeat the last words and go on.", "instruction"),
    ("I am going to repeat this sentence exactly as it stands.", "instruction"),
    ("and I will repeat it exactly as you asked.", "instruction"),
    ("Please repeat these last words exactly as they stand, and then stop.", "instruction"),
    ("Do not reopen a code block or list that is already open.", "instruction"),
    ("Let me continue where I left off.", "instruction"),
    ("Sure, I'll pick up where we stopped.", "instruction"),
    ("Your answer should be complete and not start with a space.", "instruction"),
    ("Your message was cut off.", "instruction"),
    ("My previous response was interrupted.", "instruction"),
    ("I am here to help you", "instruction"),
    ("The last words are these.", "instruction"),
    ("You asked me to repeat these words.", "instruction"),
    # That nothing is missing.
    ("This is a complete response.", "done"),
    ("This is the end of my answer.", "done"),
    ("The answer above was already complete, so there is nothing to add.", "done"),
    ("Your list was complete.", "done"),
    ("My previous answer was already complete.", "done"),
    ("The response is complete.", "done"),
    ("Yes, my answer was complete.", "done"),
    ("There is nothing more to add.", "done"),
    ("I have nothing further to add to my answer.", "done"),
    ("No response requested.", "done"),
    ("No further continuation.", "done"),
    ("I have already given the full answer.", "done"),
]

HONEST = [
    # Dialogue, and stories in the first person.
    "I'm sorry, but I can't sleep, said the keeper, and lit the lamp again.",
    "I'm sorry about your father, she said at last.",
    "“I'm so sorry,” she whispered, and closed the door.",
    "Sorry, old friend, the ship has sailed.",
    "I apologize for my handwriting; the sea was rough.",
    "I cannot forget that night on the rocks.",
    "I can't swim, and the tide was coming in.",
    "I couldn't see the coast for fog.",
    "I won't go back to the mainland.",
    "I will keep the light burning until he comes home.",
    "I'll never understand the sea.",
    "Let me tell you of the winter of 1911.",
    "Please come in, said the keeper.",
    "Don't touch the lens: it is hot.",
    "Sure enough, the boat was gone.",
    "My last winter there was the hardest.",
    "The last words he wrote were for his daughter.",
    "The message in the bottle was wet.",
    "The text of the treaty has nine articles.",
    "This is a complete guide to sourdough, from the starter to the loaf.",
    "This is the final step: let it cool.",
    "This is the end of the story.",
    "This is the complete list.",
    "The list is complete when every row has a name.",
    "The story is finished, and the lamp is out.",
    "Your answer should be a number between 1 and 9.",
    "Your code should be tested before it is shipped.",
    "Let me show you where we were that night.",
    "I will do exactly as you say, said the sailor.",
    "I will leave it exactly as it is.",
    "Please remember these words, my son.",
    "Let me tell you his last words.",
    "The last words were never found.",
    "Don't knock, the door is already open.",
    "Please note that the water was cut off in 1911.",
    "Let me describe how to build a seamless checkout.",
    "I will read the next message aloud, said the captain.",
    "There is nothing left to say, she thought, and went.",
    "There is nothing left to add but the salt.",
    "There is nothing more beautiful than a quiet sea.",
    "As an apprentice he swept the stairs.",
    "You asked for three examples; here is the second.",
    # Letters.
    "I am sorry to say that we have chosen another candidate for the post.",
    "We are sorry that we cannot offer you the flat, which has been let.",
    "I regret that I cannot attend your wedding on the ninth.",
    "Unfortunately, I cannot come on Monday.",
    "My apologies for writing so late; the ferry did not run.",
    "We apologize for the delay in sending your parcel.",
    # About prompts, messages and models.
    'A prompt that says "continue where you left off" is often answered with an apology.',
    "The prompt should end with the words that are to be repeated.",
    "Language models may repeat the last words of a prompt.",
    "The response object has a field `stop_reason`.",
    "Your table should have ten rows.",
]


@pytest.mark.parametrize(("text", "kind"), SAID)
def test_an_aside_is_told_by_its_wording(text: str, kind: str | None) -> None:
    assert aside_at_start(text) == kind


@pytest.mark.parametrize("text", HONEST)
def test_what_an_answer_may_say_is_none(text: str) -> None:
    assert aside_at_start(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "As an aide to the governor he wrote letters.",
        "Your answer should be completely free of commas.",
        "Let me show you where it stopped working.",
        "There is nothing to add, soon it will be light.",
    ],
)
def test_a_word_that_is_not_whole_yet_tells_nothing(text: str) -> None:
    for end in range(len(text) + 1):
        assert aside_at_start(text[:end], ended=False) is None
    assert aside_at_start(text) is None


@pytest.mark.parametrize(("text", "kind"), [each for each in SAID if each[1]])
def test_while_it_comes_it_may_still_be_one(text: str, kind: str) -> None:
    """At every character, until it is known to be one: else its first words would be out."""
    for end in range(len(text)):
        assert could_open_an_aside(text[:end]) or aside_at_start(text[:end], ended=False)


@pytest.mark.parametrize("text", HONEST)
def test_an_honest_sentence_is_let_go_before_it_is_long(text: str) -> None:
    assert not could_open_an_aside(text + " " + "And so it went on, for days and weeks. " * 8)


def test_no_more_than_a_long_sentence_is_waited_for() -> None:
    assert could_open_an_aside("I will " + "and I will " * 20)
    assert not could_open_an_aside("I will " + "and I will " * 30)


def test_white_space_and_marks_at_the_head_may_still_be_anything() -> None:
    assert could_open_an_aside("")
    assert could_open_an_aside(" \n> **")


@pytest.mark.parametrize("text", [*APOLOGIES, *REFUSALS, *COMPLETE])
def test_the_scripted_models_sayings_may_open_one_or_are_none(text: str) -> None:
    """Which of them are known; what is not known joins nothing and is no text all the same."""
    known = aside_at_start(text)
    assert known is None or all(could_open_an_aside(text[:end]) or aside_at_start(text[:end]) for end in range(60))


def test_most_of_what_was_recorded_where_nothing_matched_is_known() -> None:
    rows = [json.loads(line) for line in RECORDED.read_text("utf-8").splitlines()]
    unmatched = [row["continuations"][-1]["text"] for row in rows if row["today"]["seam"] == "unverified"]
    begins = [text for text in unmatched if text.lstrip().lower().startswith(("i'm sorry", "i apolog", "sorry"))]
    known = [text for text in begins if aside_at_start(text)]
    assert len(known) >= 0.9 * len(begins) > 20


@given(st.text(max_size=300))
def test_of_any_text_it_says_something(text: str) -> None:
    assert aside_at_start(text) in ("refusal", "instruction", "done", None)
    assert could_open_an_aside(text) in (True, False)
