"""What a request quotes of an answer, however it is worded."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest
from tests.corpus.texts import TEXTS

from unbroken.core.requests.prompts import FIRST
from unbroken.core.seam.anchor import choose_anchor
from unbroken.testing.manners.resume_request import Ask, read_ask

TEXT = "The lighthouse was lit for the first time in March."

#: Wordings, with the marks that they put around the quotation; None: none.
WORDINGS: Final[dict[str, tuple[str, tuple[str, str] | None]]] = {
    "the project's": (FIRST.text, ("<last_words>", "</last_words>")),
    "another tag": ("Cut off after\n<tail kind='text'>\n{echo}\n</tail>\nGo on.", ("<tail kind='text'>", "</tail>")),
    "straight quotes": (
        'Your previous response was interrupted and ended with "{echo}". Continue from where you left off.',
        ('"', '"'),
    ),
    "curly quotes": ("Your message was cut off after “{echo}”. Repeat this first.", ("“", "”")),
    "an ellipsis": ('Your message was cut off. It ends with "...{echo}". Repeat this first.', ('"', '"')),
    "guillemets": ("Your message was cut off after « {echo} ». Repeat this first.", ("«", "»")),
    "brackets": ("Your previous response ended with [{echo}]. Continue.", ("[", "]")),
    "a fence": ("Your message was cut off after:\n\n````text\n{echo}\n````\n\nGo on.", ("````text\n", "\n````")),
    "backticks": ("Your message was cut off after ``{echo}``, I think.", ("`", "`")),
    "a line": ("Your message was cut off. These are its last words:\n\n{echo}\n\nRepeat them.", None),
    "a quoted line": ("Your message was cut off. These are its last words:\n\n> {echo}\n\nRepeat them.", None),
    "the end": ("Repeat the last words of your message and go on:\n{echo}", None),
    "examples": (
        "Cut. <end>the sky is bl</end> goes on as: the sky is blue. <end>1, 2, </end> as: 1, 2, 3. <end>{echo}</end>",
        ("<end>", "</end>"),
    ),
}


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.sample
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("wording", WORDINGS)
def test_the_quotation_is_found_in_any_wording(wording: str, name: str) -> None:
    """Its words, those that the request does not carry included, and the marks around it."""
    text, rng = TEXTS[name], Random(f"{wording} {name}")
    asks, marks = WORDINGS[wording]
    for cut in sorted(rng.sample(range(1, len(text) + 1), 12)):
        for whole in (False, True):
            anchor = choose_anchor(text[:cut], whole=whole)
            if not anchor.sent:
                continue
            ask = read_ask(text, anchor.sent, asks.replace("{echo}", anchor.quote))
            assert anchor.sent.endswith(ask.echo)
            start = len(anchor.sent) - len(ask.echo)
            quoted = text[start : start + ask.quoted]
            if marks is None:
                # Nothing tells where the quotation begins if the words before it are the answer's as well.
                assert squeezed(quoted).endswith(squeezed(anchor.quote)), cut
            else:
                # A mark that the answer has at that place too cannot be told from the turn's own.
                assert squeezed(quoted).strip(".`") == squeezed(anchor.quote).strip(".`"), cut
            assert (ask.opening, ask.closing) == (marks or ('"', '"')), cut
            assert not ask.ends_early


def test_what_is_said_around_the_quotation() -> None:
    """Without its marks."""
    ask = read_ask(TEXT, TEXT[:14], f"It broke off after <tail>{TEXT[:17]}</tail>. Go on.")
    assert ask == Ask(TEXT[:14], 17, "<tail>", "</tail>", "It broke off after", ". Go on.")
    assert read_ask(TEXT, TEXT[:14], "Please continue.") == Ask(before="Please continue.")


def test_white_space_does_not_matter() -> None:
    """Neither in the quotation nor at the end of what is carried; inside the marks it is part of the quotation."""
    text = "One two.\n\nThree  four five."
    ask = read_ask(text, "One two.\n\nThree  ", 'It ended in "two. Three four", I think.')
    assert (ask.echo, ask.quoted) == ("two.\n\nThree  ", len("two.\n\nThree  four"))
    ask = read_ask(text, "One two.\n\nThree\n", "<tail> two.\n\nThree  </tail>")
    assert (ask.echo, ask.quoted) == (" two.\n\nThree", len(" two.\n\nThree  "))


@pytest.mark.parametrize(
    ("asked", "echo", "quoted"),
    [
        ("The", "", 0),
        ("Go on from it was lit, please.", "was lit", 7),
        ("Go on from lit, please.", "", 0),
        ('Go on from "lit", please.', "lit", 3),
        ("Go on from *lit*, please.", "lit", 3),
        ("Go on from:\nlit\n", "lit", 3),
        ('Go on after " for", please.', "", 4),
        ('Go on from "lit for".', "lit", 7),
    ],
)
def test_a_short_quotation_counts_only_where_it_is_set_off(asked: str, echo: str, quoted: int) -> None:
    """In a sentence it stands by accident."""
    ask = read_ask(TEXT, TEXT[:22], asked)
    assert (ask.echo, ask.quoted) == (echo, quoted)


@pytest.mark.parametrize(
    "asked",
    [
        'Begin at the start of your last sentence, which is "It shone for miles…", and go on.',
        "Begin at these words: <start>It shone for miles</start>",
        "Begin at\n\n```\nIt shone for miles\n```",
        "Begin at this line:\nIt shone for miles\nand go on.",
    ],
)
def test_a_quotation_that_ends_before_what_is_carried_does(asked: str) -> None:
    """An obedient model begins with it, and writes all that follows once more."""
    text = "It was lit. It shone for miles around, and nobody slept."
    ask = read_ask(text, text[:38], asked)
    assert (ask.echo, ask.quoted, ask.ends_early) == ("It shone for miles around,", 18, True)
    assert not read_ask(text, text[:38], "Begin where it shone, and go on.").quoted


def test_a_mark_that_the_answer_has_too_is_not_quoted() -> None:
    """Where it stands before the quoted words, and after them."""
    text = 'She said "Look there" and went.'
    ask = read_ask(text, text[:14], 'It ended in "Look". Go on.')
    assert (ask.echo, ask.quoted, ask.before) == ("Look", 4, "It ended in")
    ask = read_ask(text, text[:20], 'It ended in "Look there". Go on.')
    assert (ask.echo, ask.quoted, ask.after) == ("Look there", 10, ". Go on.")
    text = "<p>\n<b>Look</b>"
    ask = read_ask(text, text[:11], "<end>Look</end>")
    assert (ask.echo, ask.quoted) == ("Look", 4)
    text = "```\nfor x in y\n```\ndone"
    ask = read_ask(text, text[:14], "It ended in\n```\nfor x in y\n```\nGo on.")
    assert (ask.echo, ask.quoted, ask.opening) == ("for x in y", 10, "```\n")
