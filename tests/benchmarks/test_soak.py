"""The soak breaks streams in every way, sees what is lost, repeated, hung or leaked, and runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, Self

import pytest

from unbroken import Policy, Report, resilient_stream

pytestmark = pytest.mark.slow

PAGES = Path(__file__).parent.parent.parent / "docs" / "pages"
PATIENCE = Policy(idle_timeout=3, progress_timeout=4, initial_backoff=0.01)


def test_a_character_is_cut_in_two() -> None:
    """The bytes that are kept are no whole UTF-8; where a text has no such character a frame is cut anywhere."""
    from benchmarks.soak.mishaps import MAKERS

    from unbroken.testing.wire.http import frame

    make = MAKERS["cut inside a character"]
    reply = message("é")
    delta = next(event for event in reply.events() if event["type"] == "content_block_delta")
    fault: Any = make(Random(1), reply)[0]
    with pytest.raises(UnicodeDecodeError):
        frame(delta)[: fault.keep].decode()
    assert make(Random(1), message("plain"))[0] is not None


def kinds() -> list[str]:
    """The kinds by name, without importing the benchmarks while tests are collected."""
    return [
        "529", "500", "429, retry-after 1 s", "connections refused", "closed without an answer",
        "reset before the answer", "no answer", "empty body", "silence before content", "error event first",
        "error event", "reset", "closed inside a chunk", "clean end of file", "cut inside a frame",
        "cut inside a character", "malformed JSON", "pings and no more", "silence", "end without a stop reason",
        "reset before message_stop",
    ]  # fmt: skip


def test_every_kind_is_tried_below() -> None:
    """A kind that is added is read here too."""
    from benchmarks.soak.mishaps import KINDS

    assert tuple(kinds()) == KINDS


@pytest.mark.parametrize("kind", kinds())
def test_a_stream_survives_a_mishap_of_this_kind(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server really breaks the stream, and what is read in the end is what the model wrote."""
    from benchmarks.server import Server
    from benchmarks.soak import mishaps, model
    from benchmarks.soak.clients import client_of
    from benchmarks.soak.stories import soaked

    waiting = [kind]

    def draw(rng: Random, reply: Any, _share: float) -> Any:
        return mishaps.Mishap(kind, *mishaps.MAKERS[waiting.pop()](rng, reply)) if waiting else None

    monkeypatch.setattr(model, "draw", draw)
    monkeypatch.setattr(model, "PINGS_EVERY", 0.05)

    async def read() -> tuple[str, Report]:
        story = soaked(5, 40, 7)
        async with Server(model.Model(7, 0.001)) as server, client_of(server.url, "httpx") as client:
            async with resilient_stream(
                client,
                model=story.model,
                max_tokens=1024,
                messages=[{"role": "user", "content": story.question}],
                policy=PATIENCE,
            ) as stream:
                text = "".join([text async for text in stream.text_stream])
            assert server.answer.mishaps == {kind: 1}  # type: ignore[attr-defined]
            assert not server.answer.rejected  # type: ignore[attr-defined]
            assert server.failures == []
        assert text == story.text
        return text, stream.report

    report = asyncio.run(read())[1]
    assert report.attempts[0].outcome != "complete" or kind == "reset before message_stop"
    assert (len(report.attempts) > 1) == (kind != "reset before message_stop")


@pytest.mark.parametrize(
    ("got", "lost", "extra"),
    [
        ("The quick brown fox.", 0, 0),
        ("The quick", 11, 0),
        ("The brown fox.", 6, 0),
        ("The quick quick brown fox.", 0, 6),
        ("", 20, 0),
        ("The quick brown cat.", 3, 3),
    ],
)
def test_what_is_missing_and_what_is_twice(got: str, lost: int, extra: int) -> None:
    """The judge counts both, character by character."""
    from benchmarks.soak.judge import difference

    assert difference("The quick brown fox.", got) == (lost, extra)


def test_a_tally_tells_the_broken_from_the_whole() -> None:
    """A stream that failed, one that lacks a word, one that has a word twice: each is counted, and described."""
    from benchmarks.soak.judge import Tally
    from benchmarks.soak.stories import soaked

    story = replace(soaked(1, 10, 7), text="one two three")
    tallies = [Tally(), Tally()]
    tallies[0].judge(story, "one two three", Report(), None)
    tallies[0].judge(story, "one three", Report(), None)
    tallies[1].judge(story, "one two two three", Report(), None)
    tallies[1].judge(story, "one two three", Report(), RuntimeError("it failed"))
    both = Tally.of(tallies)
    assert (both.streams, both.whole, both.lost, both.duplicated) == (4, 1, 2, 1)
    assert both.errors == {"RuntimeError": 1}
    assert len(both.examples) == 3


class Silent:
    """A stream that brings its texts, and then nothing for ever."""

    report = Report()

    def __init__(self, *texts: str) -> None:
        self.texts = texts

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    @property
    async def text_stream(self) -> AsyncIterator[str]:
        for text in self.texts:
            yield text
        await asyncio.Event().wait()


@pytest.mark.parametrize("late", [0.0, 9.0])
def test_a_stream_that_hangs_is_given_up(late: float) -> None:
    """After so many seconds without text it is counted, and the next begins; not while the process itself is slow."""
    from benchmarks.soak.plan import SILENT_FOR, Plan
    from benchmarks.soak.reader import Open, Reader

    async def run() -> Reader:
        class Listener(Reader):
            def _stream(self, *_: Any) -> Any:
                return Silent("Once ")

        reader = Listener(Plan(streams=1, readers=1), 0, [])
        opened = Open(None)
        opened.task = asyncio.create_task(reader._read(None, 10, opened))  # type: ignore[arg-type]
        reader.open.add(opened)
        await asyncio.sleep(0)
        for n in range(int(SILENT_FOR) + 1):
            assert not opened.hangs
            reader._look(float(n), late)
        assert opened.hangs == (late == 0)
        if late:
            opened.task.cancel()
        await asyncio.gather(opened.task, return_exceptions=True)
        assert opened.task.cancelled() == bool(late)
        return reader

    tally = asyncio.run(run()).tally
    assert tally.hung == (late == 0)
    assert tally.streams == tally.lost == 0
    assert len(tally.examples) == tally.hung


def test_what_is_left_is_seen() -> None:
    """A task, a file and an object that were not there before are leaks; what has gone is none."""
    from benchmarks.soak.leaks import Held

    before = Held(2, 1, 9, Counter({"Attempt": 1, "Driver": 4}))
    assert before.beyond(before) == {}
    after = Held(3, 1, 10, Counter({"Attempt": 3}))
    assert after.beyond(before) == {"tasks": 1, "sockets and files": 1, "Attempt": 2}


def test_a_short_soak() -> None:
    """Sixty streams for a few seconds, over real processes: nothing is lost, duplicated, hung or leaked."""
    from benchmarks.soak.plan import Plan
    from benchmarks.soak.run import soak

    looks: list[Any] = []
    plan = Plan(streams=60, seconds=6.0, shortest=1.0, longest=2.0)
    found = soak(plan, looks.append)
    tally = found.tally
    assert 0 < found.opened <= 60  # as many as the machine had time for
    assert tally.streams >= found.opened
    assert tally.whole == tally.streams, tally.examples
    assert (tally.lost, tally.duplicated, tally.hung) == (0, 0, 0)
    assert found.leaked == {}
    assert found.mishaps.total() > 0
    assert tally.requests > tally.streams
    assert not [each.rejected for each in found.servers if each.rejected]
    assert found.to_dict()["found"]["streams that ended"] == f"{tally.streams:,}"
    assert len(looks) > 2


def test_the_table_is_what_the_command_writes() -> None:
    """The docs' table has the heads of the command."""
    from benchmarks.soak.findings import HEADS

    text = (PAGES / "benchmarks-soak-table.md").read_text("utf-8")
    assert f"| {' | '.join(HEADS)} |" in text, "run the benchmark with --write"


def message(text: str) -> Any:
    """A reply of one text."""
    from unbroken.testing.claude.carried import Carried
    from unbroken.testing.claude.model import reply
    from unbroken.testing.script.script import Answer

    body = {"model": "claude-haiku-4-5", "max_tokens": 99, "messages": [{"role": "user", "content": "?"}]}
    return reply(body, Carried(Answer(text, pieces=(50, 50))), Random(1), id="msg_1")
