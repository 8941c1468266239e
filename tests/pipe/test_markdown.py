"""Blocks of Markdown: none is cut, and each comes soon."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.corpus.texts import TEXTS

from unbroken.pipe.markdown import Blocks


def split(text: str) -> list[str]:
    splitter = Blocks()
    return splitter.push(text) + splitter.finish()


@pytest.mark.parametrize(
    "text",
    [
        "A paragraph\nof two lines.\n¦\nAnother.\n",
        "# Title\n¦Text.\n¦## Next\n¦\nMore\n====\n¦Then.",
        "Text\n¦***\n¦More\n---\n¦- - -\n¦___\n",
        "Code:\n¦```python\nx = 1\n\n# no title\n```\n¦After.",
        "````md\n```\nx\n```\n````\n¦After.",
        "~~~ a`b\n```\n~~\n~~~~\n¦After.",
        "``` a`b\nno fence\n¦\n```\nopen\n\nto the end",
        "- a\n- b\n\n  more of b\n\n- c\n¦\nAfter.\n",
        "- a\n  ```\n  x\n\n  - y\n  ```\n- b\n¦\nAfter",
        "- a\n  ```\n  x\n¦y\n",
        "- a\n  - b\n    ```\n    - x\n  - c\nlazily gone on\n",
        "- ```\n  x\n  ```\n¦y\n",
        "- a\nlazily gone on\n¦\nAfter",
        "- a\n¦* b\n¦1. c\n2. d\n¦3) e\n",
        "-\n\n- a\n-\n  b\n-\n¦\n  no item\n",
        "a | b\n--|--\n1 | 2\n¦3. c\n",
        "-\n- a\n¦# Title\n¦1. b\n¦---\n",
        "1. a\n   - b\n\n     more\n2. c\n¦\n  text\n¦\n    code\n\n    more\n¦text",
        "\t- code\n¦text\n    no code",
        "-\ta\n\n\tmore\n¦\nx",
        "> a\nlazy\n> b\n¦\n> c\n¦- d\n",
        "> ```\n> x\n> ```\n> y\n> # T\n",
        "> ```\n¦text\n",
        "> a\n¦2. b\n",
        "Text\n¦- item\n¦\nText\n* \n2. none\n¦1. one\n",
        "Numbers:\n¦\n| a | b |\n|---|---|\n| 1 | 2 |\n===\n¦\nAfter.\n",
        "a | b\n--|--\n1 | 2\n¦    code\n",
        "a | b\n--|--\n1 | 2\n¦---\n¦a \\| b\n--|--\n===\n",
        "Text\n¦<div>\n# inside\n¦\n</div>\n¦\nText",
        "<!-- a\n\nb -->\n¦<?php\n\n?>\n¦<!X >\n¦<![CDATA[\n\n]]>\n¦<pre>\n\n</pre>\n¦<script></script>\n¦x",
        "<b>\n# inside\n¦\nText\n<b>\n",
        "Text\n¦$$\na\n\n- b $$\n¦\\[\nx\n\n\\]\n¦Text with $$ in it",
        "\n\nText\n¦\n\n",
    ],
)
def test_blocks(text: str) -> None:
    """The broken bars stand where blocks end; blank lines belong to the block behind them."""
    pieces = text.split("¦")
    assert split("".join(pieces)) == pieces


@pytest.mark.parametrize(
    ("so_far", "certain"),
    [
        ("Text\n", []),
        ("Text\n\n", ["Text\n"]),
        ("Text\n#", []),
        ("Text\n# ", ["Text\n"]),
        ("# Title", []),
        ("# Title\n", ["# Title\n"]),
        ("```\nx\n```", []),
        ("```\nx\n```\n", ["```\nx\n```\n"]),
        ("- a\n\n", []),
        ("- a\n\n-", []),
        ("- a\n\n*", []),
        ("- a\n\n**", ["- a\n"]),
        ("- a\n\nT", ["- a\n"]),
        ("- a\n\n ", []),
        ("- a\nT", []),
        ("- a\n#", []),
        ("- a\n# ", ["- a\n"]),
        ("- ```\nT", ["- ```\n"]),
        ("1. a\n\n2", []),
        ("1. a\n\n2n", ["1. a\n"]),
        ("    code\n\nT", ["    code\n"]),
        ("    code\n\n   ", []),
        ("<div>\n# ", []),
    ],
)
def test_a_block_comes_as_soon_as_it_is_over(so_far: str, certain: list[str]) -> None:
    """With the line that ends it; a list or code with the first letter that is behind it."""
    splitter = Blocks()
    assert [piece for character in so_far for piece in splitter.push(character)] == certain


LINES: Final = (
    *(
        "a",
        "Text b",
        "",
        "",
        "",
        "# H",
        "- x",
        "- y",
        "* z",
        "1. one",
        "2. two",
        "10) k",
        "+ p",
        "-",
        "===",
        "---",
        "***",
    ),
    *(
        "  c",
        "   d",
        "    e",
        "\tf",
        "- - -",
        "**bold**",
        "> q",
        "> ```",
        ">",
        "| a | b |",
        "|---|---|",
        "| 1 | 2 |",
        "a | b",
    ),
    *("```", "```py", "````", "~~~", "  ```", "   ```", "    ```", "- ```", "  - n", "- # H", "1. - x"),
    *("<div>", "</div>", "<!-- c", "-->", "<b>", "<pre>", "</pre>"),
)


@given(st.lists(st.sampled_from(LINES), max_size=12).map(lambda lines: "".join(f"{line}\n" for line in lines)))
def test_a_block_is_never_cut(text: str) -> None:
    """Each piece begins where a CommonMark parser sees an outermost block begin."""
    beginnings = _beginnings(text)
    line = 0
    for piece in split(text):
        blank = len(piece) - len(piece.lstrip("\n"))
        if piece.strip():
            assert line + blank in beginnings
        line += piece.count("\n")


@pytest.mark.parametrize("name", TEXTS)
def test_all_blocks_of_an_answer_are_found(name: str) -> None:
    """As many pieces as a CommonMark parser sees outermost blocks."""
    assert sum(bool(piece.strip()) for piece in split(TEXTS[name])) == len(_beginnings(TEXTS[name]))


def _beginnings(text: str) -> set[int]:
    """The lines, from 0, where a CommonMark parser sees an outermost block begin."""
    markdown = pytest.importorskip("markdown_it", reason="markdown-it-py comes with Rich, in the extra `cli`")
    tokens = markdown.MarkdownIt("commonmark").enable("table").parse(text)
    return {token.map[0] for token in tokens if token.level == 0 and token.map and token.nesting >= 0}


def test_a_number_of_ten_digits_is_no_item() -> None:
    """As soon as its tenth shows."""
    splitter = Blocks()
    assert splitter.push("- a\n\n123456789") == []
    assert splitter.push("0") == ["- a\n"]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a | b\n:-: --: |\n1 | 2\n---\n", 1),
        ("a | b\n-:-|:--\n1 | 2\n===\n", 1),
        ("Totals\n---- Q3 ----\nmore\n", 1),
        ("-----+-----\n", 1),
        ("- - * * *\nlazy\n", 2),
        ("- - - 8<\nlazy\n", 1),
        ("- a\n- *     * *\nlazy\n", 2),
    ],
)
def test_rules_and_delimiters(text: str, pieces: int) -> None:
    """A line of dashes may be many things."""
    assert len(split(text)) == pieces
