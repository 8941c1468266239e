"""What stands before a continuation: recognised when it does, and nothing of the answer taken for it."""

from __future__ import annotations

import pytest
from counting import steps
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.seam.leadin import (
    HEAD_ENDS,
    LONGEST_HEAD,
    Head,
    LeadInReader,
    could_be_lead_in,
    find_any_head,
    find_head,
    is_one_lead_in,
)
from unbroken.testing.manners.manners import LEAD_INS


@pytest.mark.parametrize(
    "lead_in",
    [
        *LEAD_INS,
        "Sure! Here's the remainder of the answer:\n\n",
        "…continuing from where it was cut off:\n",
        "继续：\n",
        "Hier geht es weiter:\n\n",
        "**Continuing…** the rest:\n",
    ],
)
def test_a_lead_in_is_found_whether_or_not_it_must_speak_for_itself(lead_in: str) -> None:
    for sure in (False, True):
        head = find_head(lead_in + "The tide turned.", fenced=False, sure=sure)
        assert lead_in[: head.length].strip() == lead_in.strip()
        assert head.closer == ""


@pytest.mark.parametrize("line", ["Here you go:\n", "Okay:\n", "Of course:\n\n", "(continued)\n", "Continuing.\n"])
def test_a_line_that_merely_opens_an_answer_counts_only_when_the_key_follows(line: str) -> None:
    assert find_head(line + "The tide", fenced=False, sure=False).length >= len(line.rstrip())
    assert find_head(line + "The tide", fenced=False, sure=True).length == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The tide turned.",
        "The remaining steps:\n",
        " continuing:\n",
        "Note: it rains.\n",
        " ... and so on",
        "x" * 79 + " the rest of it:\n",
        "\n\nThe rest",
    ],
)
def test_the_answer_itself_is_no_head(text: str) -> None:
    assert find_head(text, fenced=False, sure=True) == Head(0, "")


def test_a_rule_below_a_lead_in_is_a_part_of_it_only_when_the_key_follows() -> None:
    output = "Picking up where I left off:\n\n---\n\nThe tide"
    assert find_head(output, fenced=False, sure=False).length == output.index("The")
    assert find_head(output, fenced=False, sure=True).length == output.index("---")


def test_a_fence_line_is_a_head_only_inside_a_fence() -> None:
    output = "Continuing:\n\n```python\nx = 1"
    assert find_head(output, fenced=True, sure=True).length == output.index("x")
    assert find_head(output, fenced=False, sure=True).length == output.index("```")


@pytest.mark.parametrize(
    ("output", "head"),
    [
        ('"the tide', Head(1, '"')),
        ("“… the tide", Head(2, "”")),
        ("Continuing:\n`the tide", Head(13, "`")),
        ("<last_words>the tide", Head(12, "</last_words>")),
        ("**the tide", Head(2, "**")),
        ("‘the tide", Head(1, "’")),
    ],
)
def test_the_quotation_that_an_echo_is_put_in_is_a_head_with_its_closer(output: str, head: Head) -> None:
    assert find_head(output, fenced=False, sure=False) == head


@pytest.mark.parametrize(
    ("output", "closer"),
    [
        ("Claro, continúo desde donde me quedé:", ""),
        ("当然，以下是剩余的内容：\n", ""),
        ("**Ecco il seguito:**\n\n", ""),
        ("Tämä jatkuu...", ""),
        ("Fortsättning följer här…\n\n---\n\n", ""),
        ("Bien: voici:\n", ""),
        ('Jo, her er det: "', '"'),
        ("Oto reszta:\n\n**", "**"),
        ("Voici la fin : «", "»"),
        ("Devamı şöyle: <q>…", "</q>"),
    ],
)
def test_a_head_of_any_wording_is_a_line_that_ends_in_a_colon_or_an_ellipsis(output: str, closer: str) -> None:
    assert find_any_head(output, fenced=False) == find_any_head(output, fenced=True) == Head(len(output), closer)


@pytest.mark.parametrize(
    "output", ["", "The tide", "Jo.\n", "x" * 80 + ":", "One\ntwo:", '{"id":', "a <b>:", "Jo:\n```\n", "Wait.."]
)
def test_what_is_no_line_of_words_with_a_colon_at_its_end_is_no_head(output: str) -> None:
    assert find_any_head(output, fenced=False) is None


def test_a_head_of_any_wording_may_open_the_fence_again() -> None:
    assert find_any_head("Jo:\n```python\n", fenced=True) == Head(14, "")


@pytest.mark.parametrize("output", ['Sure! true}\n{"id"', "(continuing…) |---|\n", "Okay, x = 1\n"])
def test_a_line_that_has_more_than_words_is_no_lead_in(output: str) -> None:
    assert find_head(output, fenced=False, sure=False).length == 0


def test_every_head_ends_in_one_of_the_characters_at_which_it_is_looked_for() -> None:
    for lead_in in LEAD_INS:
        assert lead_in.rstrip()[-1] in HEAD_ENDS
        assert len(lead_in) < LONGEST_HEAD


@pytest.mark.parametrize("key", ["Here", "sure,", "Continuingfrom", "Ofcourse!Pick", "...", "…", "**", "here'sthere"])
def test_a_key_that_could_stand_in_a_lead_in_is_known(key: str) -> None:
    assert could_be_lead_in(key)


@pytest.mark.parametrize("key", ["tide", "Herethetide", "|---|", "潮汐", "🚀", "continuinglighthousekeepers"])
def test_a_key_with_a_word_of_its_own_is_none(key: str) -> None:
    assert not could_be_lead_in(key)


@given(st.lists(st.sampled_from(["sure", "here", "is", "i", "a", "ti", "de", "con", "tinu", ",", "…", "ß", "|", ""])))
def test_a_text_read_from_its_end_could_be_a_lead_in_however_it_is_cut_into_pieces(pieces: list[str]) -> None:
    reader = LeadInReader()
    for count, piece in enumerate(reversed(pieces), 1):
        reader.prepend(piece)
        assert reader.could_be_lead_in is could_be_lead_in("".join(pieces[-count:]))


def test_a_long_text_is_read_in_so_many_steps_a_letter() -> None:
    for size in (1_000, 10_000):
        for text in ("a" * size, "ishere" * (size // 6), "resumeresumingi" * (size // 15), "x" * size):
            assert steps(lambda text=text: could_be_lead_in(text))[0] <= 60 * size


@pytest.mark.parametrize(
    ("head", "whole"),
    [
        ("Sure,hereistherest:", True),
        ("...", True),
        ("…**continuing:**...", True),
        ("(continuing…):", False),
        ("(continuing…)us:", False),
        ("Jo:", False),
    ],
)
def test_a_lead_in_with_the_beginning_of_the_answer_after_it_is_told_from_one(head: str, whole: bool) -> None:
    assert is_one_lead_in(head) is whole
