"""How exactly continuations are joined: every text, cut at every character, gone on with in every manner.

`python -m benchmarks.seams` prints the tables and fails if a bound is broken; `--markdown` prints them for the docs.
No server and no clock: the anchor, the scripted model, the seam and the splicer are pure, called as the engine calls
them. The manners that lead to the same answer are tried at every character, and all of their joints have to be exact.
The others (`testing.manners.UNFAITHFUL`) are tried at every `STRIDE`th: what does not join, or adds nothing to what
looks unfinished, is asked for once more, in the second wording and with all of the text, and then fails.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from random import Random
from typing import Final

from tests.corpus.texts import TEXTS

from unbroken.core.plan.route_forms import starts_over
from unbroken.core.requests.prompts import AGAIN, FIRST
from unbroken.core.requests.resume import anchor_for
from unbroken.core.requests.resume_state import ResumeState
from unbroken.core.seam.anchor import choose_anchor
from unbroken.core.seam.ending import Ending, ending_of
from unbroken.core.seam.instruction import Instruction
from unbroken.core.seam.seam import Form, Seam
from unbroken.core.splicing.splicer import Splicer
from unbroken.core.wire.decoded import Event
from unbroken.testing.manners.manners import FAITHFUL, UNFAITHFUL, Manner, continue_answer
from unbroken.testing.manners.resume_request import read_ask

#: Draws what a manner leaves open (how many words, which lead-in) and where deltas end; `--seed` sets another.
SEED: Final = 20_261_121
#: In the manners that do not lead to the answer every so many characters are tried.
STRIDE: Final = 29
#: In these nothing in what the model writes tells, or not always: half a word taken for a whole one; a list begun anew
#: with another number at the head of the echo, which may as well be a slip, or with the very number that comes next.
WITHOUT_EVIDENCE: Final = frozenset({Manner.HALF_WORD, Manner.RESTART_RENUMBERED})
#: What becomes of the first of them where text is delivered in whole words.
WHOLE_WORDS: Final = f"{Manner.HALF_WORD.value}, `whole_words`"

Counts = Counter[str]
Tally = dict[tuple[str, str], Counts]  # (way of going on, text) -> how many joints ended how


def ways() -> Iterator[tuple[str, Form, Manner]]:
    """Every way of going on by name: the faithful manners, the prefill, and the request that is made afresh."""
    for manner in Manner:
        if manner in FAITHFUL:
            yield manner.value, "continue", manner
    yield "prefill", "prefill", Manner.EXACT
    yield "restart", "restart", Manner.RESTART_ANSWER


def join(answer: str, cut: int, form: Form, manner: Manner, rng: Random) -> tuple[str, bool, int]:
    """Cut `answer` after `cut` characters and go on; return the final text, whether verified, and the requests."""
    held = text = answer[:cut]
    requests = 0
    for whole in (form == "prefill", True):
        requests += 1
        anchor = choose_anchor(held, whole=whole)
        seam = Seam(held, anchor, form=form if anchor.sent else "restart")
        sent, echo = ("", "") if form == "restart" else (anchor.sent, anchor.echo)
        output = continue_answer(answer, sent, echo=echo, manner=manner if sent else Manner.EXACT, rng=rng)
        for piece in deltas(output, rng):
            text += seam.feed(piece)
        text += seam.finish()
        if seam.state == "joined":
            break
    else:
        text += seam.give_up()
    return text, seam.result.verified, requests


def deltas(text: str, rng: Random) -> Iterator[str]:
    """The text in pieces of one to twelve characters."""
    at = 0
    while at < len(text):
        size = rng.randint(1, 12)
        yield text[at : at + size]
        at += size


def measure(texts: Mapping[str, str], seed: int) -> Tally:
    """Join every text at every cut in every way."""
    tally: Tally = {}
    for way, form, manner in ways():
        for name, answer in texts.items():
            counts = tally[way, name] = Counter()
            rng = Random(f"{seed} {way} {name}")
            for cut in range(1, len(answer) + 1):
                text, verified, requests = join(answer, cut, form, manner, rng)
                counts["joints"] += 1
                counts[_verdict(text, answer)] += 1
                counts["unverified"] += not verified
                counts["asked twice"] += requests > 1
    return tally


def _verdict(text: str, answer: str) -> str:
    if text == answer:
        return "exact"
    return "white space" if "".join(text.split()) == "".join(answer.split()) else "wrong"


def go_on(answer: str, cut: int, manner: Manner, rng: Random, *, whole_words: bool = False) -> str:
    """Cut `answer`, and ask a model that does not do as it was asked for the rest; what became of it.

    Returns:
        `"right"`; `"failed"`: with the partial; `"told"`: taken for whole, and marked; `"taken for the end"`: what was
        delivered looks finished, and no more was said; `"wrong"`.
    """
    splicer = Splicer(live={"text", "thinking"}, whole_words=whole_words)
    for event in _message(answer[:cut]):
        splicer.feed(event)
    for again in (False, True):
        held = splicer.partial.trailing_text
        if not answer.startswith(held.rstrip()):
            break  # what it has written before is not the answer's
        form: Form = "restart" if starts_over(ResumeState.of(splicer.partial)) else "continue"
        anchor = anchor_for(held, form, whole=again)
        asked = (AGAIN if again else FIRST).text.replace("{echo}", anchor.quote)
        instruction = Instruction.of(asked, anchor.quote, lambda words, known=held: words in known)  # type: ignore[misc]
        seam = Seam(held, anchor, form=form, instruction=None if form == "restart" else instruction)
        splicer.abort()
        splicer.begin(seam)
        if form == "restart":  # the caller's own request, whose answer is written afresh
            output = answer
        else:
            ask = read_ask(answer, anchor.sent, asked)
            output = continue_answer(answer, anchor.sent, echo=ask.echo, manner=manner, rng=rng, ask=ask)
        for event in [
            *_message(*deltas(output, rng)),
            *_end(call=manner is Manner.STRAIGHT_TO_TOOL, said=bool(output)),
        ]:
            splicer.feed(event)
            if splicer.trouble is not None:
                break
        if splicer.trouble is None:
            break
    told = splicer.trouble == "silent" and splicer.ending is not Ending.UNFINISHED
    if told:
        splicer.join_unverified()
    text = splicer.partial.text.rstrip()
    return _outcome(answer, text, failed=splicer.trouble is not None, told=told, call=manner is Manner.STRAIGHT_TO_TOOL)


def _outcome(answer: str, text: str, *, failed: bool, told: bool, call: bool) -> str:
    """What a text is of an answer."""
    if _verdict(text, answer) != "wrong":
        return "right"
    if not answer.startswith(text.rstrip()):
        return "wrong"
    if failed or told:
        return "failed" if failed else "told"
    return "taken for the end" if ending_of(text, before_call=call) is Ending.FINISHED else "wrong"


def _message(*pieces: str) -> Iterator[Event]:
    """A message that begins with a text block in these pieces."""
    yield {"type": "message_start", "message": {"id": "msg_1", "role": "assistant", "content": [], "usage": {}}}
    if pieces:
        yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for piece in pieces:
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}


def _end(*, call: bool, said: bool) -> Iterator[Event]:
    """How it ends, perhaps with a call of a tool; `said`: whether a text block is open."""
    if said:
        yield {"type": "content_block_stop", "index": 0}
    if call:
        use = {"type": "tool_use", "id": "toolu_1", "name": "tides", "input": {}}
        yield {"type": "content_block_start", "index": 1, "content_block": use}
        yield {"type": "content_block_stop", "index": 1}
    reason = "tool_use" if call else "end_turn"
    yield {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 1}}
    yield {"type": "message_stop"}


def measure_unfaithful(texts: Mapping[str, str], seed: int, stride: int = STRIDE) -> Tally:
    """Cut every text at every so many characters, and go on in every manner that does not lead to it."""
    tally: Tally = {}
    rows = [(manner.value, manner, False) for manner in Manner if manner in UNFAITHFUL]
    for way, manner, whole_words in [*rows, (WHOLE_WORDS, Manner.HALF_WORD, True)]:
        for name, answer in texts.items():
            counts = tally[way, name] = Counter()
            rng = Random(f"{seed} {manner} {name}")
            for cut in range(1 + rng.randrange(stride), len(answer), stride):
                counts["cuts"] += 1
                counts[go_on(answer, cut, manner, rng, whole_words=whole_words)] += 1
    return tally


def broken(tally: Tally) -> list[str]:
    """The bounds that do not hold, one sentence each."""
    found = []
    for (way, name), counts in tally.items():
        share = 100 * counts["exact"] / counts["joints"]
        if counts["exact"] < counts["joints"]:
            found.append(f"{way} on {name}: {share:.2f} % exact.")
    return found


def wrong(tally: Tally) -> list[str]:
    """Where a text came out wrong though it could have been known, one sentence each."""
    return [
        f"{manner} on {name}: {counts['wrong']} texts are wrong."
        for (manner, name), counts in tally.items()
        if counts["wrong"] and manner not in WITHOUT_EVIDENCE
    ]


HEADS: Final = ("joints", "exact", "white space", "wrong", "unverified", "asked twice")
UNFAITHFUL_HEADS: Final = ("cuts", "right", "failed", "told", "taken for the end", "wrong")


def table(tally: Tally, *, markdown: bool) -> str:
    """By way of going on, then by text, as aligned columns or as Markdown."""
    parts = []
    for title, key in (("way of going on", 0), ("text", 1)):
        sums: dict[str, Counts] = {}
        for names, counts in tally.items():
            sums.setdefault(names[key], Counter()).update(counts)
        rows = [(name, *_cells(counts)) for name, counts in sums.items()]
        rows.append(("all", *_cells(sum(sums.values(), Counter()))))
        parts.append(_layout((title, *HEADS), rows, markdown=markdown))
    return "\n\n".join(parts)


def _cells(counts: Counts) -> Iterator[str]:
    yield f"{counts['joints']:,}"
    for head in HEADS[1:]:
        share = 100 * counts[head] / counts["joints"]
        yield f"{share:.2f} %" if head in ("exact", "white space") else f"{counts[head]:,}"


def _layout(heads: tuple[str, ...], rows: list[tuple[str, ...]], *, markdown: bool) -> str:
    if markdown:
        lines = [heads, ("---", *["---:"] * (len(heads) - 1)), *rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return "\n".join(
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in (heads, *rows)
    )


def unfaithful_table(tally: Tally, *, markdown: bool) -> str:
    """By manner; those in which nothing could tell are the last, and not in the sum."""
    sums: dict[str, Counts] = {}
    for (manner, _), counts in tally.items():
        sums.setdefault(manner, Counter()).update(counts)
    apart = [name for name in sums if name in WITHOUT_EVIDENCE]
    told = {name: counts for name, counts in sums.items() if name not in apart}
    told["all"] = sum(told.values(), Counter())
    rows = [(name, *_shares(counts)) for name, counts in [*told.items(), *((name, sums[name]) for name in apart)]]
    return _layout(("manner", *UNFAITHFUL_HEADS), rows, markdown=markdown)


def _shares(counts: Counts) -> Iterator[str]:
    yield f"{counts['cuts']:,}"
    for head in UNFAITHFUL_HEADS[1:-1]:
        yield f"{100 * counts[head] / counts['cuts']:.1f} %"
    yield f"{counts['wrong']:,}"


def main() -> int:
    """Print the table; return 1 if a bound is broken."""
    options = argparse.ArgumentParser(description="How exactly continuations are joined.")
    options.add_argument("--markdown", action="store_true", help="print the tables for the docs")
    options.add_argument("--seed", type=int, default=SEED, help="draw other words, lead-ins and deltas")
    chosen = options.parse_args()
    tally = measure(TEXTS, chosen.seed)
    print(table(tally, markdown=chosen.markdown))
    others = measure_unfaithful(TEXTS, chosen.seed)
    print("\n" + unfaithful_table(others, markdown=chosen.markdown))
    faults = [*broken(tally), *wrong(others)]
    cuts = f"{len(TEXTS)} texts cut at every character, in the last table at every {STRIDE}th"
    print(f"\n{cuts}; seed {chosen.seed}; {' '.join(faults) or 'every bound holds'}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
