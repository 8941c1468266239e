"""Whether a text ends inside a fenced code block.

The text is a stranger's: quantifiers are possessive, so that the pattern goes once over it.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Final

__all__ = ["ends_in_a_fence"]

# A fenced block: the line that opens it, lines that do not close it, and the line that does, where there is one.
_IN_LISTS: Final = r"\n[^\S\n]*+(?:(?:[-*+>]|\d++[.)])[^\S\n]++)*+"
_CLOSING: Final = _IN_LISTS + r"(?P=mark)(?P=one)*+[^\S\n]*+(?=\n)"
_FENCED: Final = re.compile(
    rf"{_IN_LISTS}(?P<mark>(?P<one>[`~])(?P=one){{2,}}+)[^\n]*+(?:(?!{_CLOSING})\n[^\n]*+)*+(?P<closing>{_CLOSING})?"
)

#: More are no answer's but an attack's, and would take the pattern too long.
_MOST_FENCES: Final = 20_000


def ends_in_a_fence(text: str) -> bool:
    """Whether the text ends inside a fenced code block, or in a fence line, of which a model may think so.

    A few passes over the text, all of them inside `str` and `re`.
    """
    marks = text.count("```") + text.count("~~~")
    if not marks or marks > _MOST_FENCES:
        return False
    text = "\n" + text
    while "\n\n" in text:  # a million of blank lines cost less here than in the pattern
        text = text.replace("\n\n", "\n")
    last = deque(_FENCED.finditer(text), maxlen=1)
    return bool(last) and not last[0]["closing"]
