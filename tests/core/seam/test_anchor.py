"""Where the held text is cut: the key marks one place, and no character is broken."""

from __future__ import annotations

import unicodedata

import pytest
from benchmarks.families import FAMILIES
from counting import steps
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.corpus.texts import TEXTS

from unbroken.core.seam.anchor import Anchor, choose_anchor
from unbroken.core.seam.squeezed import squeeze, unique_tail

texts = st.text(st.sampled_from('ab \n.…"”:`'), max_size=60) | st.text(max_size=80)


def test_the_key_begins_before_the_last_word_with_the_white_space_in_front_of_it() -> None:
    assert choose_anchor("The lighthouse stood on the headland") == Anchor(
        "The lighthouse stood on the", "The lighthouse stood on the", " headland"
    )


def test_a_short_last_word_is_taken_with_the_one_before() -> None:
    assert choose_anchor("The lighthouse stood on a hi").key == " on a hi"


def test_a_key_that_stands_elsewhere_grows_until_it_does_not() -> None:
    assert choose_anchor("red sky at night, red sky").key == " night, red sky"


def test_a_key_of_lead_in_words_grows_until_it_has_one_of_its_own() -> None:
    assert choose_anchor("The tide turned. Here is").key == " turned. Here is"


@pytest.mark.parametrize("held", ["Light", "T", "ha ha ha ha", " \n", "", "Here is the rest"])
def test_a_text_of_which_nothing_can_be_left_out_is_asked_for_afresh(held: str) -> None:
    assert choose_anchor(held) == Anchor("", "", held)


def test_a_text_that_repeats_more_than_a_key_may_hold_is_sent_whole() -> None:
    held = "ha " * 3_000
    assert choose_anchor(held) == Anchor(held.rstrip(), "a " + "ha " * 12 + "ha", "")


def test_equal_rows_are_in_the_key_all_but_the_part_of_the_first_that_tells_how_many_there_are() -> None:
    held = "| a | b |\n|---|---|\n| first | row |\n" + "| - | - |\n" * 5
    assert choose_anchor(held).sent == "| a | b |\n|---|---|\n| first | row |\n| - |"


def test_a_whole_anchor_leaves_out_nothing_but_white_space_at_the_end() -> None:
    assert choose_anchor("one two \n", whole=True) == Anchor("one two", "one two", "")
    assert choose_anchor(" \n", whole=True) == Anchor("", "", " \n")


def test_the_echo_is_about_forty_characters_from_the_start_of_a_word() -> None:
    echo = choose_anchor(TEXTS["prose"], whole=True).echo
    assert 20 <= len(echo) <= 40
    assert TEXTS["prose"].endswith(" " + echo)


def test_the_echo_of_a_text_without_spaces_is_cut_between_characters() -> None:
    assert len(choose_anchor("x" * 90, whole=True).echo) == 40
    family = "👨‍👩‍👧‍👦"
    assert choose_anchor(family * 20, whole=True).echo == family * 6


@pytest.mark.parametrize("held", ["a" * 700 + "b", "no " * 500 + "yes", "here is the rest of it " * 400 + "and then"])
def test_a_key_that_no_head_could_hold_may_be_of_lead_in_words_alone(held: str) -> None:
    anchor = choose_anchor(held)
    assert 160 < len(squeeze(anchor.key)) <= 200
    assert anchor.sent


def test_white_space_before_the_key_is_passed_over_however_long_it_is() -> None:
    assert choose_anchor("one two" + " " * 100 + "tree").key == " " * 100 + "tree"
    assert choose_anchor("one two" + " " * 5_000 + "tree").sent == ""


def test_flags_are_not_cut_in_a_row_longer_than_all_there_are() -> None:
    held = "x" + "🇯🇵🇳🇱" * 100 + "🇫🇷🇯🇵"
    assert choose_anchor(held).sent == "x" + "🇯🇵🇳🇱" * 100
    assert choose_anchor("🇯🇵" * 5_000, whole=True).echo == "🇯🇵" * 20


def test_an_echo_that_stands_twice_grows_from_word_to_word_until_it_does_not() -> None:
    verse = "the tide is low, and the gulls go round and round"
    assert choose_anchor(f"Row, for {verse}. Sing, for {verse}", whole=True).echo == f"Sing, for {verse}"
    assert choose_anchor(f"Row, for {verse}. Row, for {verse}", whole=True).echo == f"round. Row, for {verse}"
    assert len(choose_anchor(f"{verse * 4}! {verse * 4}", whole=True).echo) <= 40
    assert choose_anchor(f"Row, for {verse}. Sing, for {verse}").echo == "low, and the gulls go round and round."


PERIODS = [
    "| - | - |\n",
    "|-|-|-|-|-|-|\n",
    "Name: ________ Date: ________\n",
    '{"id":1,"ok":true},',
    "ha ",
    "ha",
    "1,0,0\n",
    "la la la, ",
    "==\n",
    "我们今天去看海。",
    "-" * 30 + "+" + "-" * 30 + "\n",
    "word " * 20 + "end\n",
]


@pytest.mark.sample
@pytest.mark.parametrize("unit", PERIODS)
@pytest.mark.parametrize("count", [2, 3, 4, 5, 9, 900])
@pytest.mark.parametrize("before", ["", "A title of its own:\n\n"])
def test_who_goes_on_with_the_period_does_not_begin_with_the_echo(unit: str, count: int, before: str) -> None:
    for more in range(len(unit)):
        echo = choose_anchor(before + unit * count + unit[:more], whole=True).echo
        assert len(echo) <= 160
        if len(set(squeeze(unit))) > 1:
            assert not squeeze(unit[more:] + unit * 80).startswith(squeeze(echo))


@given(st.text("ab \n", max_size=50), st.text("ab \n", min_size=2, max_size=12), st.integers(2, 300))
def test_no_period_begins_with_the_echo(before: str, unit: str, count: int) -> None:
    assume(len(set(squeeze(unit))) > 1)
    echo = choose_anchor(before + unit * count, whole=True).echo
    assert not squeeze(unit * 80).startswith(squeeze(echo))


def test_where_every_echo_is_what_comes_next_it_is_the_shortest_as_always() -> None:
    assert choose_anchor("= " * 5_000, whole=True).echo == "= " * 19 + "="


def test_the_quote_spells_a_short_key_out_and_leaves_a_long_one_to_the_model() -> None:
    assert Anchor("one two", "two", " three ").quote == "two three"
    assert Anchor("one two", "two", " three" * 40).quote == "two"


@pytest.mark.parametrize(
    ("held", "key"),
    [
        ("a" * 100 + '"key":"value","other":1', 'other":1'),  # minified: beside a mark
        ("0123456789abcdef" * 5 + "fedcba98", "fedcba98"[-4:]),  # no mark in reach: anywhere
        ("我们今天去看海", "天去看海"),
        ("วันนี้เราไปทะเล", "ทะเล"),
    ],
)
def test_text_without_spaces_is_cut_where_its_script_allows(held: str, key: str) -> None:
    assert choose_anchor(held).key == key


@pytest.mark.parametrize(
    "unit",
    ["👩‍💻", "👍🏽", "🇯🇵", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "❤️‍🔥", "が", "กำ", "क्ष", "각", "e\u0301"],
)
def test_what_the_reader_takes_for_one_character_is_never_cut(unit: str) -> None:
    unit = unicodedata.normalize("NFD", unit) if unit in "が각" else unit
    for count in range(1, 60):
        held = "".join(f"{unit}{chr(0x4E00 + n)}" * 2 for n in range(count)) + unit * 7
        sent = choose_anchor(held).sent
        whole = sent.replace(unit, "")
        assert all("\u4e00" <= character < "\u4f00" for character in whole)
        assert (
            not choose_anchor(held, whole=True).echo.replace(unit, "").strip("".join(map(chr, range(0x4E00, 0x4F00))))
        )


@pytest.mark.parametrize("name", TEXTS)
def test_in_every_text_the_key_marks_one_place(name: str) -> None:
    for cut in range(1, len(TEXTS[name]) + 1):
        check_contract(TEXTS[name][:cut])


@given(texts)
def test_in_any_text_the_key_marks_one_place(held: str) -> None:
    check_contract(held)


def check_contract(held: str) -> None:
    anchor, whole = choose_anchor(held), choose_anchor(held, whole=True)
    assert anchor.sent + anchor.key == held
    assert whole.sent in (held.rstrip(), "")
    assert whole.key == ("" if whole.sent else held)
    for each in (anchor, whole):
        assert held.startswith(each.sent)
        assert len(each.echo) <= (80 if each.key else 160)  # forty, and as many to leave a character whole
        assert each.quote.startswith(each.echo[:1])
        assert each.quote in (each.echo, (each.echo + each.key).rstrip())
        assert not each.echo[:1].isspace()
        assert each.sent == each.sent.rstrip()
        assert each.sent.endswith(each.echo)
        assert bool(each.echo) == bool(each.sent)
    if anchor.sent:
        assert held.startswith(anchor.sent)
        squeezed, key = squeeze(held), squeeze(anchor.key)
        assert len(key) >= 4
        assert squeezed.find(key) == len(squeezed) - len(key)


@pytest.mark.sample
@pytest.mark.parametrize("size", [1_000, 32_000, 1_000_000])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("whole", [False, True])
def test_the_steps_do_not_grow_with_the_text_whatever_it_is(family: str, size: int, whole: bool) -> None:
    held = FAMILIES[family](size)
    lines, calls, anchor = steps(lambda: choose_anchor(held, whole=whole))
    assert lines <= 20_000
    assert "rfind" not in calls  # the naive search: quadratic on a text that repeats itself
    assert held.startswith(anchor.sent)
    assert (anchor.sent + anchor.key).rstrip() == held.rstrip()


@given(st.text("ab", max_size=40), st.integers(1, 50))
def test_the_unique_tail_is_the_shortest_that_stands_once(text: str, longest: int) -> None:
    lengths = [size for size in range(1, len(text) + 1) if text.find(text[-size:]) == len(text) - size]
    assert unique_tail(text, longest) == min([*lengths[:1], longest + 1] if text else [0])


def test_squeezing_takes_out_every_white_space_and_straightens_quotes() -> None:
    assert squeeze(" “a\u00a0b”\u3000‘c’\n\t") == "\"ab\"'c'"
