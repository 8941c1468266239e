"""What a model is asked when it is to go on with its own answer: the wordings, by name and version.

All of them speak as the user: phrased as a system's notice one made a model refuse (claude-api.md, section 10). Each
quotes the last words that arrived, in place of `{echo}`, and asks for them to be repeated first: the *echo* gives the
joint its exact place. A report names the wording of each request (`AttemptReport.prompt`), so a wording that changes
gets another version.

How the first was chosen: `make real-model` asks a small real model in each of them. Of what was written after a cut
inside a word, `begin` joined 9 of 11 times and went on as the uncut answer in 4, `vendor` 10 of 11 and 1, `short` 7 of
11 and 0, `tagged` 6 of 13 and 0, with apologies in a third. In tags `begin` and `short` did no worse (3 and 2 of 8,
where they joined 2 each without), and tags show where words end that have quotation marks and line breaks themselves;
should they come back in the answer, they are taken out. All quote the last word even where it may be half of one:
quoted only up to the last whole word, 2 of 14 joined. They have not been tried on Claude, whose vendor's sentence the
first is; `Policy(continue_prompt=PROMPTS["short"].text)` takes another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["AFTER_RESULTS", "AGAIN", "FIRST", "PROMPTS", "Prompt", "named"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One wording.

    Attributes:
        name: What it is called.
        version: Which edition of it this is.
        text: What is sent, with `{echo}` where the quoted words stand.
    """

    name: str
    version: int
    text: str

    @property
    def label(self) -> str:
        """The name and the version, as reports have them."""
        return f"{self.name}/{self.version}"


_ALL: Final = (
    Prompt(
        "short",
        1,
        "Your message was cut off. The last words that reached me are:\n\n{echo}\n\n"
        "Please repeat these last words first, exactly as they stand, and go straight on from there. "
        "No introduction, no apology.",
    ),
    Prompt(
        "begin",
        1,
        'Your previous response was interrupted and ended with "{echo}". Begin with these words, and continue from '
        "where you left off. Do not start over, and add no apology, no introduction and no comment.",
    ),
    Prompt(
        "begin_tagged",
        1,
        "Your previous response was interrupted and ended with <last_words>{echo}</last_words>. Begin with these "
        "words, and continue from where you left off. Do not start over, and add no apology, no introduction and no "
        "comment.",
    ),
    Prompt(
        "short_tagged",
        1,
        "Your message was cut off. The last words that reached me are:\n\n<last_words>{echo}</last_words>\n\n"
        "Please repeat these last words first, exactly as they stand, and go straight on from there. "
        "No introduction, no apology.",
    ),
    Prompt(
        "vendor",
        1,
        'Your previous response was interrupted and ended with "{echo}". Please repeat these last words and '
        "continue from where you left off.",
    ),
    Prompt(
        "tagged",
        1,
        "My connection dropped while you were answering, and your message reached me only up to these last words:\n\n"
        "<last_words>{echo}</last_words>\n\n"
        "Please repeat these last words exactly as they stand, and then go straight on with what comes next, as one "
        "seamless text. Do not start over, do not add an introduction or a comment, and do not reopen a code block or "
        "a list that is already open. If your answer was already complete, repeat the last words and stop.",
    ),
    Prompt(
        "fenced",
        1,
        "Your message was cut off. The last words that reached me are:\n\n```\n{echo}\n```\n\n"
        "Please repeat these last words first, exactly as they stand and without the fence, and go straight on from "
        "there. No introduction, no apology.",
    ),
)

#: Every wording that is built in, by name.
PROMPTS: Final = {prompt.name: prompt for prompt in _ALL}
#: The one that is asked first.
FIRST: Final = PROMPTS["begin_tagged"]
#: The one that is asked where nothing came of the first.
AGAIN: Final = PROMPTS["short_tagged"]

#: Where nothing was written yet after a block that is neither text nor thinking, mostly a tool's result: there are no
#: words to repeat.
AFTER_RESULTS: Final = Prompt(
    "after_results",
    1,
    "My connection dropped while you were answering, and your message reached me only up to what comes before this "
    "part of its text, such as the results of tools that you had used. Please go straight on from there with what "
    "comes next, as one seamless answer. Do not start over, do not add an introduction or a comment, and do not ask "
    "the tools again for what they have already given.",
)


def named(text: object) -> str:
    """The label of a caller's `continue_prompt`: that of the wording it is, or `"custom"`."""
    return next((prompt.label for prompt in _ALL if prompt.text == text), "custom")
