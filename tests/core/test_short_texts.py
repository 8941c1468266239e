"""The joint where hardly anything was delivered: a few characters stand by accident in whatever a model writes."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from unbroken.core.requests.forms import Form
from unbroken.core.requests.resume import anchor_for, joint
from unbroken.core.seam.seam import Seam
from unbroken.core.seam.squeezed import squeeze

#: What short texts are made of: marks, which come in pairs; beginnings of words; and what lead-ins are made of.
_HELD = ("*", "**", "_", "__", "`", "```\n", "# ", "> ", "1. ", "- ", "“", '"', "A", "a", "It", "The", "é", "\n", " ")
_MORE = (*_HELD, "nswer", ":", "…", "...", "Note:", "Sure!", "Here is the rest:\n", "</b>", "<b>", "(", "»")

helds = st.lists(st.sampled_from(_HELD), min_size=1, max_size=8).map(lambda parts: "".join(parts)[:8])
mores = st.lists(st.sampled_from(_MORE), max_size=7).map("".join)
#: In which form it was asked, and whether for the second time.
asked = st.sampled_from([("continue", False), ("continue", True), ("restart", False)])


def joined(held: str, output: str, form: Form, whole: bool, size: int = 100) -> tuple[str, Seam]:
    """What is delivered behind the held text, and the seam."""
    seam = Seam(held, anchor_for(held, form, whole=whole), form=joint(form))
    pieces = [output[at : at + size] for at in range(0, len(output), size)]
    return "".join([seam.feed(piece) for piece in pieces]) + seam.finish(), seam


def closes_nothing(held: str, rest: str) -> bool:
    """Whether the rest begins with a quotation mark where none is open: a model that quotes has written it."""
    return rest.startswith('"') and '"' not in held


@given(helds, mores, asked, st.integers(1, 9))
def test_who_begins_with_all_of_it_is_joined_exactly(held: str, rest: str, how: tuple[Form, bool], size: int) -> None:
    """That is the echo that was asked for, or the answer written again."""
    assume(held.strip() and not closes_nothing(held, rest))
    text, seam = joined(held, held + rest, *how, size)
    assert text == rest
    assert seam.result.verified


@given(helds, mores, st.booleans(), st.integers(1, 9))
def test_who_goes_straight_on_loses_nothing_as_a_verified_joint(held: str, rest: str, whole: bool, size: int) -> None:
    """Without the echo nothing shows the place; what begins with the very text, though, is its echo."""
    assume(held.strip())
    anchor = anchor_for(held, "continue", whole=whole)
    output = (held + rest)[len(anchor.sent) :]
    assume(anchor.key or not squeeze(output).startswith(squeeze(held)))
    text, seam = joined(held, output, "continue", whole, size)
    assert not seam.result.verified or squeeze(text) == squeeze(rest)


@given(helds, mores, asked, st.integers(1, 9))
def test_of_what_begins_otherwise_nothing_is_cut_but_what_is_held(
    held: str, output: str, how: tuple[Form, bool], size: int
) -> None:
    """A verified joint has dropped an end of the held text, and all of it where the answer was written afresh.

    A lead-in may stand only before words that the request has left to be written: they are evidence of their own.
    """
    assume(held.strip() and (how[0] == "restart" or not anchor_for(held, how[0], whole=how[1]).key))
    text, seam = joined(held, output, *how, size)
    if seam.result.verified and output.strip():
        dropped = squeeze(output).removesuffix(squeeze(text))
        if how[0] != "restart":
            # A mark that closes what nobody has opened may go with it.
            dropped = dropped if squeeze(held).endswith(dropped) else dropped.removesuffix('"')
        assert squeeze(held).endswith(dropped)
        assert how[0] != "restart" or dropped == squeeze(held)


@pytest.mark.sample
@pytest.mark.parametrize("form", ["continue", "restart"])
@pytest.mark.parametrize("held", ["A", "**A", "__A", "*A", "_A", "`A", "# A", "> A", "1. A", "- **A", '"A', "- A"])
@pytest.mark.parametrize("head", ["nswer:", "nswer…\n", "Here is the rest:\n", "Sure!\n", "...", '"', "**"])
def test_a_beginning_that_comes_again_behind_other_words_is_no_joint(form: Form, held: str, head: str) -> None:
    """Its words would be lost: they are no lead-in, and what follows them is no echo."""
    output = f"{head}{held} is it, and it is long enough to be told by now, is it not."
    text, seam = joined(held, output, form, form == "continue")
    assert (text, seam.state) == ("", "unmatched")


def test_behind_a_lead_in_a_few_words_more_are_an_echo() -> None:
    held = "The lamp was dark"
    text, seam = joined(held, f"Here is the rest:\n{held}, and she went on.", "continue", True)
    assert (text, seam.result.kind) == (", and she went on.", "echo")
