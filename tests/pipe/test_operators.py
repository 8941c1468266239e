"""The operators, on streams of the fault server and among aiostream's own."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable
from typing import Final, TypeVar

import aiostream
import anyio
import pytest
from aiostream.core import Stream

from harness import ask, serving, tasks, until
from unbroken import Policy, StreamFailed, pipe, resilient_stream
from unbroken.pipe.markdown import Blocks
from unbroken.pipe.speech import Sentences
from unbroken.pipe.splitter import Lines, Splitter, Words
from unbroken.testing import ErrorEvent, Reset, Script, Silence, Status, after_characters

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio", "uvloop")]  # real sockets, real time

T = TypeVar("T")

TEXT: Final = """\
# Tides

Dr. Ito says: the tide turns twice a day. It is 3.5 m high.

- one
- two

```
x = 1

y = 2
```

That is all."""

CUT: Final = Script(
    TEXT, faults=[ErrorEvent("overloaded_error", at=after_characters(40)), Reset(at=after_characters(70))]
)

OPERATORS: Final = {
    "words": pipe.words(),
    "sentences": pipe.sentences(),
    "lines": pipe.lines(),
    "blocks": pipe.blocks(),
    "smooth": pipe.smooth(1e6, max_lag=0.01),
}
SPLITTERS: Final[dict[str, type[Splitter]]] = {
    "words": Words,
    "sentences": Sentences,
    "lines": Lines,
    "blocks": Blocks,
}


def ours() -> set[tuple[int, str | None]]:
    """Every task but those of the server, which is in the same event loop."""
    return {task for task in tasks() if "FaultServer" not in str(task[1])}


async def all_of(stream: Stream[T]) -> list[T]:
    async with stream.stream() as items:
        return [item async for item in items]


@pytest.mark.parametrize("name", OPERATORS)
async def test_the_pieces_of_a_stream_that_was_cut_are_its_text(name: str) -> None:
    """Whatever the pieces are, joined they are the answer, and the source is closed with them."""
    async with serving(CUT) as (_, client):
        before = ours()
        async with resilient_stream(client, **ask()) as stream:
            got = await all_of(stream.text_stream | OPERATORS[name])
            assert "".join(got) == TEXT
            if splitter := name in SPLITTERS and SPLITTERS[name]():
                assert got == splitter.push(TEXT) + splitter.finish()
            assert (await stream.get_final_text()) == TEXT
        assert ours() == before


async def test_operators_are_piped_into_each_other_and_into_aiostreams_own() -> None:
    """In every spelling: `operator()`, `operator.pipe()`, called, and between operators of aiostream."""
    async with serving(CUT) as (_, client):
        async with resilient_stream(client, **ask()) as stream:
            numbered = (
                stream.text_stream
                | pipe.lines.pipe()
                | aiostream.pipe.map(lambda line: line.replace("Tides", "Ebb and flow"))
                | pipe.sentences()
                | aiostream.pipe.map(str.strip)
                | aiostream.pipe.take(2)
                | aiostream.pipe.enumerate()
            )
            assert await all_of(numbered) == [(0, "# Ebb and flow"), (1, "Dr. Ito says: the tide turns twice a day.")]
    assert await all_of(pipe.words()(aiostream.stream.iterate(["a ", "b"]))) == ["a", " b"]


async def test_tee_gives_the_stream_to_several_readers() -> None:
    """One cuts it into sentences while the other shows it at an even pace."""
    async with serving(CUT) as (server, client):
        async with resilient_stream(client, **ask()) as stream:
            left, right = stream.text_stream | pipe.tee(2, buffer=3)
            sentences, shown = await asyncio.gather(
                all_of(left | pipe.sentences()),
                all_of(right | pipe.smooth(1e6)),
            )
        assert "".join(sentences) == "".join(shown) == TEXT
        assert len(server.requests) == 3


@pytest.mark.parametrize("name", OPERATORS)
async def test_a_stream_that_fails_says_so_behind_what_it_brought(name: str) -> None:
    """All that arrived is given out, whole piece or not, and then `StreamFailed` comes."""
    script = Script(TEXT, faults=[Reset(at=after_characters(50))], then=Status(529))
    got: list[str] = []
    async with serving(script) as (_, client):
        with pytest.raises(StreamFailed) as caught:
            async with resilient_stream(client, **ask(policy=Policy(initial_backoff=0, max_attempts=2))) as stream:
                async with (stream.text_stream | OPERATORS[name]).stream() as pieces:
                    async for piece in pieces:
                        got.append(piece)  # noqa: PERF401  # what came before the error is wanted
    assert "".join(got) == caught.value.partial.text
    assert TEXT.startswith("".join(got))
    assert len("".join(got)) >= 50


@pytest.mark.parametrize("name", [*OPERATORS, "tee"])
@pytest.mark.parametrize("anyio_scope", [True, False])
async def test_who_is_cancelled_closes_the_source_at_once(name: str, anyio_scope: bool) -> None:
    """By a scope or by asyncio itself: no task is left, and no connection, though the stream is entered still."""
    script = Script(TEXT, then=Silence(at=after_characters(20)))
    operator = pipe.tee(1) if name == "tee" else OPERATORS[name]
    async with serving(script) as (server, client):
        before = ours()
        async with resilient_stream(client, **ask()) as stream:
            piped = stream.text_stream | operator
            source = piped[0] if isinstance(piped, tuple) else piped

            async def consume() -> None:
                async with source.stream() as pieces:
                    async for _ in pieces:
                        pass

            if anyio_scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(consume)
                    await until(lambda: "Tides" in stream.partial.text)
                    group.cancel_scope.cancel()
            else:
                task = asyncio.create_task(consume())
                await until(lambda: "Tides" in stream.partial.text)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert ours() == before
            await until(lambda: not server.open_connections)


@pytest.mark.parametrize("name", OPERATORS)
async def test_who_leaves_early_closes_the_source(name: str) -> None:
    """Leaving the context of the pieces is enough; the message is then not whole."""
    async with serving(Script(TEXT, then=Silence(at=after_characters(60)))) as (server, client):
        async with resilient_stream(client, **ask()) as stream:
            async with (stream.text_stream | OPERATORS[name]).stream() as pieces:
                await anext(pieces)
            await until(lambda: not server.open_connections)
            with pytest.raises(StreamFailed):
                await stream.until_done()


async def test_the_sdks_own_stream_can_be_piped_as_well() -> None:
    """Any asynchronous iterable of texts is a source."""
    async with serving(TEXT) as (_, client):
        request = {name: value for name, value in ask().items() if name != "policy"}
        async with client.messages.stream(**request) as stream:
            assert "".join(await all_of(stream.text_stream | pipe.blocks())) == TEXT


@pytest.mark.parametrize(
    "make",
    [
        lambda: pipe.smooth(0),
        lambda: pipe.smooth(1, max_lag=-1),
        lambda: pipe.tee(0),
        lambda: pipe.tee(2, buffer=0),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], object]) -> None:
    """At the call, before there is a stream."""
    with pytest.raises(ValueError, match="needs a"):
        make()


def test_without_aiostream_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has installed the library alone learns what to install."""
    for module in [module for module in sys.modules if module.startswith("unbroken.pipe")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "aiostream", None)
    with pytest.raises(ImportError, match=r"pip install 'unbroken\[pipe\]'") as caught:
        importlib.import_module("unbroken.pipe")
    assert caught.value.name == "aiostream"
