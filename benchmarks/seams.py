"""How exactly continuations are joined: every text, cut at every character, gone on with in every manner.

`python -m benchmarks.seams` prints the table and fails if a bound is broken; `--markdown` prints it for the docs.
No server and no clock: the anchor, the scripted model and the seam are pure functions, called as the engine calls
them. A continuation that matches nothing is asked for once more, with all of the text, and then joined unverified.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from random import Random
from typing import Final

from unbroken.core.anchor import choose_anchor
from unbroken.core.seam import Form, Seam
from unbroken.testing.manners import FAITHFUL, Manner, continue_answer
from unbroken.testing.texts import TEXTS

#: Draws what a manner leaves open (how many words, which lead-in) and where deltas end; `--seed` sets another.
SEED: Final = 20_261_121
#: Per cent of the joints that have to be exact, for every manner and every text.
BOUND: Final = 97.0
#: Ways of going on in which every joint has to be exact.
OBEYING: Final = ("echo", "prefill", "restart")

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


def broken(tally: Tally) -> list[str]:
    """The bounds that do not hold, one sentence each."""
    found = []
    for (way, name), counts in tally.items():
        share = 100 * counts["exact"] / counts["joints"]
        if share < (100 if way in OBEYING else BOUND):
            found.append(f"{way} on {name}: {share:.2f} % exact.")
        if counts["wrong"]:
            found.append(f"{way} on {name}: {counts['wrong']} joints differ in more than white space.")
    return found


HEADS: Final = ("joints", "exact", "white space", "wrong", "unverified", "asked twice")


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


def main() -> int:
    """Print the table; return 1 if a bound is broken."""
    options = argparse.ArgumentParser(description="How exactly continuations are joined.")
    options.add_argument("--markdown", action="store_true", help="print the tables for the docs")
    options.add_argument("--seed", type=int, default=SEED, help="draw other words, lead-ins and deltas")
    chosen = options.parse_args()
    tally = measure(TEXTS, chosen.seed)
    print(table(tally, markdown=chosen.markdown))
    faults = broken(tally)
    print(
        f"\n{len(TEXTS)} texts cut at every character; seed {chosen.seed}; {'; '.join(faults) or 'every bound holds'}"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
