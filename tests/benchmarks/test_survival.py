"""The survival benchmark: its cases are what they say, its runners are heard, and its page is what it wrote."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import anyio
import pytest

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from benchmarks.survival.running import Run

PAGES = Path(__file__).parent.parent.parent / "docs" / "pages"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[IO[bytes]]:
    """What the processes write on their standard error."""
    with (tmp_path / "log").open("wb") as opened:
        yield opened


def _try(log: IO[bytes], name: str, *cases: str, pair: str = "modern", patience: float = 30.0) -> Run:
    """Take a peer whose packages are those of the tests through some cases."""
    from benchmarks.survival.cases import CASES, PAIRS
    from benchmarks.survival.peers import PEERS
    from benchmarks.survival.running import run_peer

    async def run() -> Run:
        [peer] = [peer for peer in PEERS if peer.name == name]
        [models] = [each for each in PAIRS if each.name == pair]
        chosen = [(models, case) for case in CASES if case.name in cases]
        return await run_peer(peer, sys.executable, chosen, log, patience=patience)

    return anyio.run(run)


def _verdicts(run: Run) -> dict[str, tuple[str, int]]:
    return {cell.case: (str(cell.verdict), len(cell.requests)) for cell in run.cells}


def test_the_sdk_breaks_as_it_is_known_to(log: IO[bytes]) -> None:
    """An error is raised, a clean end is taken for the end, and half a call is handed over as one."""
    run = _try(log, "sdk", "none", "529", "error", "end", "call end")
    assert _verdicts(run) == {
        "none": ("whole", 1),
        "529": ("whole", 2),
        "error": ("error", 1),
        "end": ("cut", 1),
        "call end": ("wrong", 1),
    }
    assert "anthropic" in run.versions


@pytest.mark.parametrize("pair", ["modern", "prefill"])
def test_unbroken_is_whole(log: IO[bytes], pair: str) -> None:
    """With both pairs of models, whatever is cut: text, a frame, a character, thinking, a call."""
    cases = ("none", "reset", "end", "character", "frame", "thinking", "call", "call end")
    run = _try(log, "unbroken", *cases, pair=pair)
    assert _verdicts(run) == {case: ("whole", 1 if case == "none" else 2) for case in cases}


def test_whoever_hangs_is_given_up_and_started_anew(log: IO[bytes]) -> None:
    """No end within the patience is a verdict, and the next case finds a new runner."""
    for patience in (2, 10, 50):
        run = _try(log, "sdk", "pings", "crawl", patience=patience)
        assert [str(cell.verdict) for cell in run.cells] == ["hung", "hung"]
        if all(cell.characters for cell in run.cells):
            break  # else the machine is so busy that nothing has come by then
    assert [cell.seconds for cell in run.cells] == [None, None]
    assert [cell.characters > 0 for cell in run.cells] == [True, True]


def test_a_process_that_ends_is_noticed(log: IO[bytes]) -> None:
    """Nobody waits for lines that cannot come, and ending it once more does no harm."""
    from benchmarks.survival.workers import working

    async def hear() -> None:
        async with working(sys.executable, "benchmarks.survival.judge", log) as worker:
            with pytest.raises(anyio.IncompleteRead):
                await worker.hear()

    anyio.run(hear)


@pytest.mark.parametrize(
    ("name", "begun", "missing"),
    [("thinking", "thinking_delta", "signature_delta"), ("call", "input_json_delta", "message_delta")],
)
def test_the_cuts_fall_where_they_say(name: str, begun: str, missing: str) -> None:
    """The thinking, or the call, has begun and is not whole."""
    body = anyio.run(_body, name).decode()
    assert begun in body
    assert missing not in body
    stops = body.count('"type":"content_block_stop"') or body.count('"type": "content_block_stop"')
    assert stops == (1 if name == "call" else 0)  # that of the text before the call


def test_the_character_is_cut_in_two() -> None:
    """Its first byte is there, and no more; it is in the second half of the text."""
    from benchmarks.survival.cases import TEXT

    assert anyio.run(_body, "character").endswith("ã".encode()[:1])
    assert TEXT.index("ã") > len(TEXT) // 2


async def _body(name: str) -> bytes:
    """What the server sends in a case before the connection breaks."""
    import httpx2
    from benchmarks.survival.cases import CASES, PAIRS

    from unbroken.testing import FaultServer, Manner

    [case] = [case for case in CASES if case.name == name]
    order = case.order(PAIRS[0], "")
    request = {"model": order["primary"], "max_tokens": order["max_tokens"], "stream": True, "tools": order["tools"]}
    request |= {"messages": [{"role": "user", "content": order["prompt"]}]}
    request |= {"thinking": order["thinking"]} if order["thinking"] else {}
    headers = {"x-api-key": "test", "anthropic-version": "2023-06-01"}
    got = b""
    async with FaultServer(case.script(PAIRS[0], Manner.EXACT)) as server, httpx2.AsyncClient() as client:
        async with client.stream("POST", f"{server.url}/v1/messages", json=request, headers=headers) as response:
            assert response.status_code == 200
            with pytest.raises(httpx2.TransportError):
                async for chunk in response.aiter_raw():
                    got += chunk
    return got


def test_every_runner_is_there() -> None:
    """Each peer names a runner, and what it needs by exact versions."""
    from benchmarks.survival.peers import PEERS

    folder = Path(sys.modules["benchmarks.survival.peers"].__file__ or "").parent / "runners"
    assert [peer.name for peer in PEERS if not (folder / f"{peer.runner}.py").exists()] == []
    loose = [part for peer in PEERS for part in peer.requires if "==" not in part and not part.startswith("-e ")]
    assert loose == []


def _runs(verdict: str = "whole", names: Sequence[str] = ("sdk", "unbroken")) -> list[Run]:
    from benchmarks.survival.cases import CASES, PAIRS
    from benchmarks.survival.judge import Verdict
    from benchmarks.survival.running import Cell, Run

    return [
        Run(
            name,
            {"anthropic": "2.12.0"},
            [Cell(pair.name, case.name, Verdict(verdict), 3, (), [{}], 0.1, None) for pair in PAIRS for case in CASES],
        )
        for name in names
    ]


def test_what_is_amiss_is_said() -> None:
    """A peer that fails where nothing goes wrong, and `unbroken` wherever it fails."""
    from benchmarks.survival.cases import CASES, PAIRS
    from benchmarks.survival.pages import unsound

    assert unsound(_runs()) == []
    assert len(unsound(_runs("cut", ["sdk"]))) == len(PAIRS)
    assert len(unsound(_runs("cut", ["unbroken"]))) == len(PAIRS) * len(CASES)


def test_the_table_is_what_the_command_writes() -> None:
    """The page's tables have a row for each case and a column for each peer, and `unbroken` is whole in all."""
    from benchmarks.survival.cases import CASES, PAIRS
    from benchmarks.survival.pages import OBEDIENT, WILFUL
    from benchmarks.survival.peers import PEERS

    text = (PAGES / "benchmarks-survival-table.md").read_text("utf-8")
    again = "run: python -m benchmarks.survival --write"
    assert f"| what goes wrong | {' | '.join(peer.title for peer in PEERS)} |" in text, again
    assert all(text.count(f"\n| {case.says} | ") == len(PAIRS) for case in CASES), again
    for cases in (OBEDIENT, WILFUL):
        assert text.count(f" | {len(cases)} of {len(cases)} |\n") == len(PAIRS), again
    assert all(f"| {peer.options} |" in text for peer in PEERS), again
