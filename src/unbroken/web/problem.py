"""What a browser is told of an answer that did not become whole.

The text of an error may quote a request, an address, or what a gateway has said; none of that is for whoever reads the
answer. So each ending has one sentence of ours, and beside it the name by which the API calls the error.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["CANCELLED", "REWOUND", "Problem", "problem_of"]

#: The shape of the API's own names of errors; what looks otherwise may be anything.
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Problem(NamedTuple):
    """Why an answer ends where it ends.

    Attributes:
        type: Its name: one of the API's, such as `"overloaded_error"`, or one of ours.
        text: What whoever reads the answer is told.
        cancelled: Whether somebody has stopped it.
    """

    type: str
    text: str
    cancelled: bool = False


#: Somebody has stopped the answer.
CANCELLED: Final = Problem("stream_cancelled", "The answer was stopped.", cancelled=True)
#: The journal has lost the end of what was shown.
REWOUND: Final = Problem("stream_rewound", "A part of the answer was lost. Load it again.")


def problem_of(error: object, text: str | None = None) -> Problem:
    """What is told of an answer that failed.

    Args:
        error: What was raised. Its `type`, else the code of its diagnosis, is told where it is a name as the API has
            them.
        text: What is said instead of our sentence. None: our sentence.
    """
    told = (getattr(error, "type", None), getattr(getattr(error, "diagnosis", None), "code", None))
    name = next((each for each in told if isinstance(each, str) and _NAME.fullmatch(each)), "api_error")
    return Problem(name, text if text is not None else f"The answer could not be finished ({name}).")
