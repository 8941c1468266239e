"""How a text looks at its end: a table of cases, and what holds of every text."""

from __future__ import annotations

import pytest
from benchmarks.families import FAMILIES
from counting import steps
from hypothesis import given
from hypothesis import strategies as st
from tests.corpus.texts import TEXTS

from unbroken.core.seam.ending import Ending, ending_of

FINISHED, UNCLEAR, UNFINISHED = Ending.FINISHED, Ending.UNCLEAR, Ending.UNFINISHED

CASES = [
    # Prose.
    ("", UNFINISHED),
    (" \n", UNFINISHED),
    ("The lamp was dark.", FINISHED),
    ("The lamp was dark. She climbed", UNFINISHED),
    ("The lamp was dark, and she", UNFINISHED),
    ("The lamp was dark, and wr", UNFINISHED),
    ("The lamp was dark,", UNFINISHED),
    ("The lamp was dark;", UNFINISHED),
    ("The lamp was dark; the", UNFINISHED),
    ("These are the steps:", UNFINISHED),
    ("Then the light –", UNFINISHED),
    ("The lamp was dark. ", UNFINISHED),
    ("The lamp was dark.\n\n", UNFINISHED),
    ("Is that so?", FINISHED),
    ("Never again!", FINISHED),
    ("And so it went on...", FINISHED),
    ("And so it went on…", FINISHED),
    ("It costs $", UNFINISHED),
    ("In the year 192", UNFINISHED),
    ("Bread, water and salt & ", UNFINISHED),
    ("A smile is enough 🙂", FINISHED),
    ("Stars ★", FINISHED),
    ("It is well known (see below).", FINISHED),
    ("It is well known (see below)", FINISHED),
    ("It is well known (see", UNFINISHED),
    ("It is well known (see below.", UNFINISHED),
    # Labels and titles: a whole answer of a few words has no mark.
    ("Paris", UNCLEAR),
    ("42", UNCLEAR),
    ("The Great Gatsby", UNCLEAR),
    ("Yes", UNCLEAR),
    ("The author of that great book", UNFINISHED),
    # Dialogue, quotations, emphasis.
    ("“I will come.”", FINISHED),
    ("“I will come", UNFINISHED),
    ('"I will come," she said.', FINISHED),
    ("« Je viens. »", FINISHED),
    ("« Je viens.", UNFINISHED),
    ("„Ich komme.“", UNFINISHED),  # the closing mark of German opens in English
    ("He said: 「行きます。」", FINISHED),
    ("He said: 「行きます。", UNFINISHED),
    ("That is **very important**", FINISHED),
    ("That is **very important", UNFINISHED),
    ("That is __very important", UNFINISHED),
    ("Call `run()`", FINISHED),
    ("Call `run(", UNFINISHED),
    ("**", UNFINISHED),
    # Headings.
    ("## The keeper", UNFINISHED),
    ("Some text.\n\n## ", UNFINISHED),
    ("Some text.\n\n##", UNFINISHED),
    ("Some text.\n\n---", UNFINISHED),
    # Lists with marks and without, and bare marks.
    ("1. Water\n2. Food\n3. Shelter", UNCLEAR),
    ("1. Water\n2. Food\n3.", UNFINISHED),
    ("1. Water\n2. Food\n3. ", UNFINISHED),
    ("- Water\n- Food\n-", UNFINISHED),
    ("* Water\n* Food", UNCLEAR),
    ("- Water is wet.\n- Food is good.\n- Shelter is", UNFINISHED),
    ("- Water is wet.\n- Food is good.\n- Shelter is warm.", FINISHED),
    ("- Water", UNCLEAR),
    ("a) one\nb) two\nc)", UNFINISHED),
    ("2. **", UNFINISHED),
    ("2. **Prepare", UNFINISHED),
    ("> A quotation.", FINISHED),
    ("> A quotation.\n>", UNFINISHED),
    ("- Item one,\n- Item two,", UNFINISHED),
    # Fences.
    ("```python\nprint(1)\n```", FINISHED),
    ("```python\nprint(1)\n", UNFINISHED),
    ("```python\nprint(1)", UNFINISHED),
    ("```python\nprint(1)\n``", UNFINISHED),
    ("```", UNFINISHED),
    ("Here:\n\n```\nx = 1\n```\n\nThat is all.", FINISHED),
    ("~~~\ncode\n~~~", FINISHED),
    ("- A list\n  ```\n  x = 1\n  ```", FINISHED),
    ("```python\nprint('```", UNFINISHED),
    # Formulas and prices.
    ("Hence $x = y$", FINISHED),
    ("Hence $x = y$.", FINISHED),
    ("Hence $", UNFINISHED),
    ("Hence\n\n$$\nx = y\n$$", FINISHED),
    ("Hence\n\n$$", UNFINISHED),
    ("It costs $5 or $", UNFINISHED),
    # Tables.
    ("| a | b |\n|---|---|\n| 1 | 2 |", FINISHED),
    ("| a | b |\n|---|---|\n| 1 | 2", UNFINISHED),
    ("| a | b |\n|---|---|\n", UNFINISHED),
    # JSON.
    ('{"a": 1}', FINISHED),
    ("[1, 2]", FINISHED),
    ('{"a": 1}\n', FINISHED),
    ('{"a": {"b": 1}', UNFINISHED),
    ('{"a": 1, "b', UNFINISHED),
    ("[1, 2", UNFINISHED),
    ("[1] This is the first note.", FINISHED),
    ("[Note] all of it is said", UNFINISHED),
    ("[" * 20_000 + "]" * 20_000, FINISHED),  # too deep to be read; it closes
    # Code without a fence.
    ("def f(x):\n    return x", UNCLEAR),
    ("x = 1;", UNFINISHED),
    ("int main() {\n  return 0;\n}", FINISHED),
    ("int main() {\n  return 0;\n", UNFINISHED),
    ("import os", UNCLEAR),
    ("<p>Text</p>", FINISHED),
    ("<p>Text</p", UNCLEAR),
    # Other scripts.
    ("海は広い。", FINISHED),
    ("海は広い", UNCLEAR),
    ("海は広くて、とても深い", UNFINISHED),
    ("海は広い、", UNFINISHED),
    ("我们今天去看海。", FINISHED),
    ("我们今天去看海，", UNFINISHED),
    ("红楼梦", UNCLEAR),
    ("我们今天去看海，因为", UNFINISHED),
    ("（参见", UNFINISHED),
    ("كان المصباح مظلماً.", FINISHED),
    ("هل كان المصباح مظلماً؟", FINISHED),
    ("كان المصباح مظلماً،", UNFINISHED),
    ("كان المصباح مظلماً و", UNFINISHED),
    ("המנורה הייתה חשוכה.", FINISHED),
    ("המנורה הייתה חשוכה והיא", UNFINISHED),
    ("दीपक बुझ गया।", FINISHED),
    ("दीपक बुझ गया और", UNFINISHED),
    ("วันนี้เราไปทะเล", UNCLEAR),
    ("ມື້ນີ້ພວກເຮົາໄປທະເລ", UNCLEAR),
    ("Φως; Όχι.", FINISHED),
    # Links, addresses, verse, letters.
    ("See https://example.com/a.", FINISHED),
    ("See <https://example.com/a>", FINISHED),
    ("See [the page](https://example.com/a)", FINISHED),
    ("See [the page](https://exam", UNFINISHED),
    ("https://example.com/a", UNCLEAR),
    ("Roses are red\nViolets are blue\nSugar is sweet", UNCLEAR),
    ("12 Harbour Lane\nPort Ellen\nIslay", UNCLEAR),
    ("Dear all,\n\nI cannot come.\n\nKind regards,\nInes", UNFINISHED),
    ("Dear all,\n\nI cannot come.\n\nInes", UNCLEAR),
    ("Ann 12\nBob 13\nCleo 14", UNCLEAR),
]


@pytest.mark.parametrize(("text", "looks"), CASES)
def test_a_text_looks_at_its_end(text: str, looks: Ending) -> None:
    assert ending_of(text) is looks


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("Let me look that up:", FINISHED),
        ("让我查一下：", FINISHED),
        ("One moment...", FINISHED),
        ("One moment…", FINISHED),
        ("I will look that up.", FINISHED),
        ("I will look that up. ", FINISHED),
        ("I will look that up:\n\n", FINISHED),
        ("I will look", UNFINISHED),
        ("I will look that up, and", UNFINISHED),
        ("One moment", UNFINISHED),
        ("```python\nprint(1):", UNFINISHED),
        ("", UNFINISHED),
    ],
)
def test_before_a_call_a_text_that_announces_it_is_finished(text: str, looks: Ending) -> None:
    assert ending_of(text, before_call=True) is looks


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_seldom_finished_in_its_middle_and_never_unfinished_at_its_end(name: str) -> None:
    text = TEXTS[name].rstrip()
    assert ending_of(text) is not UNFINISHED
    inside = [ending_of(text[:cut]) for cut in range(1, len(text))]
    assert inside.count(FINISHED) < 0.25 * len(inside)  # a pictograph may end a text


@given(st.text(max_size=80) | st.text(st.sampled_from('a1. \n-*`|>#"“”()[]{}:，。'), max_size=40))
def test_white_space_at_the_end_is_never_an_end_but_behind_a_document(text: str) -> None:
    assert ending_of(text + " ") is UNFINISHED or text.rstrip()[:1] in ("{", "[")
    assert ending_of(text) in Ending


@pytest.mark.sample
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [1_000, 1_000_000])
def test_a_look_costs_a_number_of_steps_that_does_not_grow(family: str, size: int) -> None:
    text = FAMILIES[family](size)
    for before in ("", "{"):
        lines, _, _ = steps(lambda text=before + text: ending_of(text))
        assert lines <= 3_000
