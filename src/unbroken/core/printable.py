"""The network's words, fit for a line of a log, of a report or of a terminal.

An error's type, a request id, a model's name, an incident's title: whoever answers may write into them what a terminal
obeys (colours, the clipboard, a link that lies), what turns a line's direction, or a line of a log that nobody wrote.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["escaped", "for_terminal", "printable"]

#: The most characters that are kept. Ours: ids, types and titles are shorter.
_LONGEST: Final = 200
#: What joins letters, and emoji, is of the text; every other character that cannot be seen is none.
_JOINERS: Final = "\u200c\u200d"

#: Controls but for tabs and line breaks, and what overrides or isolates a direction.
_OBEYED: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u202a-\u202e\u2066-\u2069]")


def printable(value: object, longest: int = _LONGEST) -> str:
    """A text in one line, without what a terminal or a log would obey; empty for anything else.

    Args:
        value: The text.
        longest: Characters that are kept of it.
    """
    if not isinstance(value, str):
        return ""
    shown = "".join(each if each.isprintable() or each in _JOINERS else " " for each in value)
    return " ".join(shown.split())[:longest].rstrip()


def for_terminal(text: str) -> str:
    """A text with its lines and tabs, without the characters that a terminal would obey. It may be any piece of one."""
    return _OBEYED.sub("", text)


def escaped(text: str) -> str:
    """JSON, with the characters that a terminal would obey written as the escapes that JSON has for them."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
