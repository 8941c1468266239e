"""The judge of real networks, on loopback: who is judged how, what is read, what is said where nothing can be tried."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import anyio
import pytest

from unbroken.testing import Answer, FaultServer, Reset, Script, Status, after_characters

pytestmark = pytest.mark.slow

WRITTEN: Final = "The keeper counts the ships, and writes each of them down."


def stream(**changes: Any) -> Any:
    """A stream of `unbroken`'s that is whole, with `changes`."""
    from benchmarks.networks.judge import Stream

    return Stream(**{"peer": "unbroken", "text": WRITTEN, "attempts": {"complete": 1}} | changes)


FAILED: Final = {"text": WRITTEN[:20], "error": "StreamFailed", "partial": WRITTEN[:20], "silent": 9.0}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "WHOLE"),
        (FAILED, "FAILED"),
        (FAILED | {"text": "", "partial": ""}, "FAILED"),
        (FAILED | {"partial": None}, "FAILED"),
        ({"text": WRITTEN[:-1]}, "HALF"),
        ({"text": ""}, "HALF"),
        ({"text": WRITTEN + " So."}, "OTHER"),
        ({"text": WRITTEN[:20] + WRITTEN[10:]}, "OTHER"),
        (FAILED | {"text": "The sailor", "partial": "The sailor"}, "OTHER"),
        (FAILED | {"partial": WRITTEN[:19]}, "PARTIAL"),
        (FAILED | {"error": "OSError", "documented": False}, "UNDOCUMENTED"),
        (FAILED | {"silent": 10.5}, "LATE"),
        ({"text": WRITTEN[:20], "ended": False}, "HUNG"),
    ],
)
def test_each_way_to_end_has_its_verdict(changes: dict[str, Any], name: str) -> None:
    """Ten seconds are allowed; two of the verdicts are what the promises allow."""
    from benchmarks.networks.judge import GOOD, Verdict, verdict

    found = verdict(stream(**changes), WRITTEN, within=10.0)
    assert found is Verdict[name]
    assert (found in GOOD) is (name in ("WHOLE", "FAILED"))


@pytest.mark.parametrize(
    ("expected", "streams", "left", "broken"),
    [
        ("WHOLE", [{}, {}], 0, []),
        ("WHOLE", [{}, FAILED], 0, ["1 failed where all can be whole"]),
        ("FAILURE", [FAILED, FAILED], 0, []),
        ("FAILURE", [FAILED, {}], 0, ["1 whole: the fault did not strike"]),
        ("EITHER", [FAILED, {}], 0, []),
        ("EITHER", [{"ended": False}], 0, ["1 hung"]),
        ("EITHER", [], 0, ["no stream"]),
        ("WHOLE", [{}], 2, ["2 tasks or sockets left"]),
        ("WHOLE", [{"attempts": {"complete": 1, "open": 1}}], 0, ["1 attempts still open"]),
    ],
)
def test_a_scenario_says_what_must_become_of_its_streams(
    expected: str, streams: list[dict[str, Any]], left: int, broken: list[str]
) -> None:
    """The SDK's own streams, here one that hangs, are counted and break nothing. As JSON it is the same."""
    from benchmarks.networks.judge import Expected, Outcome

    read = [*(stream(**changes) for changes in streams), stream(peer="sdk", ended=False)]
    outcome = Outcome.of(Expected[expected], 10.0, read, WRITTEN, left)
    assert outcome.broken == broken
    assert sum(outcome.sdk.values()) == 1
    assert Outcome.from_dict(json.loads(json.dumps(outcome.to_dict()))) == outcome


def test_the_table_has_a_cell_for_each_head() -> None:
    """Also where a scenario was not tried; the longest silence is that of those who failed."""
    from benchmarks.networks.__main__ import HEADS, rows
    from benchmarks.networks.judge import Expected, Outcome

    lost = {"attempts": {"stalled": 3, "complete": 1}}
    read = [stream(**lost), stream(**FAILED | lost), stream(peer="sdk")]
    outcome = Outcome.of(Expected.EITHER, 10.0, read, WRITTEN, 0)
    tried, untried = rows({"gone": outcome, "slow-link": "not tried: no tc"})
    assert tried[1:] == ("1/2", "1/2", "9 of 10 s", "6 stalled", "1/1")
    assert untried[1] == "not tried"
    assert len(tried) == len(untried) == len(HEADS)


def test_every_scenario_is_bounded() -> None:
    """In what a stream may be silent, in what it may take, and in what it is called."""
    from benchmarks.networks.scenarios import SCENARIOS

    assert len({scenario.title for scenario in SCENARIOS.values()}) >= len(SCENARIOS) - 3  # "the same before ..."
    for scenario in SCENARIOS.values():
        assert 0 < scenario.within < scenario.limit < 1200


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="open connections are counted in Linux's /proc")
@pytest.mark.parametrize("peer", ["unbroken", "sdk"])
async def test_the_readers_say_what_they_read(peer: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of streams that are cut: ours are whole, the SDK's have what had come and the error; nothing is left."""
    from benchmarks.networks.answer import TEXT
    from benchmarks.networks.judge import Verdict, verdict
    from benchmarks.networks.reader import Order, Readers, connections

    before = connections()
    script = Script(Answer(TEXT), faults=[Reset(at=after_characters(1000))] * 4)
    async with FaultServer(script) as server:
        streams = await Readers(Order(server.url, 2, {"initial_backoff": 0}, limit=60)).read()
        await server.all_closed()
    found = [each for each in streams if each.peer == peer]
    assert len(found) == 2
    if peer == "unbroken":
        assert [verdict(each, TEXT, 10) for each in found] == [Verdict.WHOLE] * 2
        assert [each.attempts["complete"] for each in found] == [1, 1]
    else:
        assert [(each.text, bool(each.error)) for each in found] == [(TEXT[:1000], True)] * 2
    assert capsys.readouterr().out == '{"middle": 1}\n'
    assert connections() == before


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_a_failure_has_its_partial_and_its_attempts() -> None:
    """As the error says them, also where nothing was delivered and no stream came to be."""
    from benchmarks.networks.reader import Order, Readers

    async with FaultServer(Script(then=Status(401))) as server:
        ours, theirs = await Readers(Order(server.url, 1, {}, limit=60)).read()
        await server.all_closed()
    assert (ours.text, ours.ended, ours.documented) == ("", True, True)
    assert (theirs.text, theirs.error) == ("", "AuthenticationError")


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
@pytest.mark.parametrize(
    ("link", "check"),
    [
        ({"lost": 1.0}, lambda sent, came: came == []),
        ({"doubled": 1.0}, lambda sent, came: came == [sent, sent]),
        ({}, lambda sent, came: came == [sent]),
        ({"damaged": 1.0}, lambda sent, came: len(came) == 1 and flipped(sent, came[0]) == 1),
    ],
)
async def test_a_bad_link_does_what_it_says(link: Any, check: Callable[[bytes, list[bytes]], bool]) -> None:
    """With certainty where the part is 1, and never where it is 0."""
    from benchmarks.networks.lossy import Lossy

    here, far_here = os.pipe2(os.O_NONBLOCK)
    far_there, there = os.pipe2(os.O_NONBLOCK)
    sent = bytes(range(100))
    came = []
    try:
        os.write(far_here, sent)
        Lossy(**link).carry(here, there)
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        while True:
            try:
                came.append(os.read(far_there, len(sent)))
            except BlockingIOError:
                break
    finally:
        for end in (here, far_here, far_there, there):
            os.close(end)
    assert check(sent, came)


def flipped(one: bytes, other: bytes) -> int:
    """How many bits differ."""
    return sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True))


class Machine:
    """A machine that has what it is told to have, and keeps what is run."""

    def __init__(self, *tools: str, said: str = "", apt_brings: tuple[str, ...] = ()) -> None:
        self.tools = {*tools}
        self.said = said
        self.apt_brings = apt_brings
        self.ran: list[list[str]] = []

    def which(self, tool: str, **_: Any) -> str | None:
        return f"/usr/sbin/{tool}" if tool in self.tools else None

    def run(self, command: list[str], **_: Any) -> Any:
        self.ran.append(command)
        if command[0] == "apt-get" and "install" in command:
            self.tools.update(self.apt_brings)
        return SimpleNamespace(returncode=1 if self.said else 0, stderr=self.said, stdout="")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Machine]:
    """Make `benchmarks.networks.machine` see another machine."""

    def make(*tools: str, root: bool = False, platform: str = "linux", **options: Any) -> Machine:
        from benchmarks.networks import machine as module

        made = Machine(*tools, **options)
        monkeypatch.setattr(module, "shutil", SimpleNamespace(which=made.which))
        monkeypatch.setattr(module, "subprocess", SimpleNamespace(run=made.run))
        monkeypatch.setattr(module, "sys", SimpleNamespace(platform=platform))
        monkeypatch.setattr("os.geteuid", lambda: 0 if root else 1000)
        return made

    return make


ALL: Final = ("ip", "nft", "unshare", "nsenter")


def test_another_system_cannot_be_tried(machine: Callable[..., Machine]) -> None:
    """Nothing is run there."""
    from benchmarks.networks.machine import Lacking, enter

    made = machine(*ALL, platform="darwin")
    with pytest.raises(Lacking, match="and this is darwin"):
        enter()
    assert not made.ran


def test_a_missing_tool_is_named_with_its_package(machine: Callable[..., Machine]) -> None:
    """An ordinary user installs nothing, even where there is apt."""
    from benchmarks.networks.machine import Lacking, enter

    made = machine("ip", "unshare", "nsenter", "apt-get")
    with pytest.raises(Lacking, match=r"no nft \(Debian: nftables\)"):
        enter()
    assert not made.ran


def test_root_has_apt_install_what_is_missing(machine: Callable[..., Machine]) -> None:
    """And no more; then it can be tried."""
    from benchmarks.networks.machine import enter

    made = machine("unshare", "nsenter", "apt-get", root=True, apt_brings=("ip", "nft"))
    assert enter()[0] == "unshare"
    assert made.ran[1][-2:] == ["iproute2", "nftables"]


def test_a_right_that_is_missing_is_quoted(machine: Callable[..., Machine]) -> None:
    """What the first way said, when no way leads there."""
    from benchmarks.networks.machine import Lacking, enter

    made = machine(*ALL, said="unshare: unshare failed: Operation not permitted\n")
    with pytest.raises(Lacking, match=r"\(unshare: unshare failed: Operation not permitted\)"):
        enter()
    assert ["--user" in command for command in made.ran] == [True, False]


def test_where_nothing_can_be_tried_a_sentence_says_so(
    machine: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is one sentence, and no failure."""
    from benchmarks.networks import __main__ as command

    machine("ip")
    monkeypatch.setattr("sys.argv", ["networks"])
    assert command.main() == 0
    assert capsys.readouterr().out == (
        "No network is broken here: no nft and no unshare and no nsenter (Debian: nftables, util-linux).\n"
    )
