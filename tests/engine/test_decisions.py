"""One decision is made once: what was delivered is looked at once for each failure, of however many routes is asked."""

from __future__ import annotations

from typing import Final

import anyio
import pytest

from harness import serving
from unbroken import Health, Hedging, Policy
from unbroken.core.message.partial import Block
from unbroken.core.requests.resume_state import ResumeState
from unbroken.core.seam import anchor
from unbroken.engine.driver import Driver
from unbroken.routes import Route
from unbroken.sdk.call_site import NOWHERE
from unbroken.testing import BEFORE_RESPONSE, Answer, Reset, Script, Silence, Text, Thinking, after_characters

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

MODELS: Final = ("claude-opus-5-5", "claude-opus-5", "claude-sonnet-5-5")
TEXT: Final = "".join(f"{number}. Each of these sentences has a number of its own. " for number in range(200))
CUT: Final = 9_000


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many characters of a text block were joined, each time when one was."""
    sizes: list[int] = []
    text = Block.text

    def counted(block: Block) -> str:
        in_pieces = len(block.pieces) > 1 and block.type == "text"
        found = str(text.fget(block))  # type: ignore[attr-defined]  # it is a property
        if in_pieces:
            sizes.append(len(found))
        return found

    monkeypatch.setattr(Block, "text", property(counted))
    return sizes


async def test_for_one_cut_and_three_routes_what_is_held_is_found_out_once(
    joined: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where to cut is chosen once, and the text is joined at most twice."""
    chosen: list[int] = []
    states: list[ResumeState] = []
    choose, of = anchor._anchor, ResumeState.of

    def counted(delivered: anchor.DeliveredText, *, whole: bool) -> anchor.Anchor:
        chosen.append(len(delivered.text))
        return choose(delivered, whole=whole)

    def looked(*args: object, **kwargs: object) -> ResumeState:
        states.append(of(*args, **kwargs))  # type: ignore[arg-type]
        return states[-1]

    monkeypatch.setattr(anchor, "_anchor", counted)
    monkeypatch.setattr(ResumeState, "of", looked)
    answer = Answer([Thinking("Hm. Two hundred sentences."), Text(TEXT)])
    silent = Silence(at=BEFORE_RESPONSE)
    models = {
        MODELS[0]: Script(answer, faults=[Reset(at=after_characters(CUT)), silent]),
        MODELS[1]: Script(answer, faults=[silent]),
        MODELS[2]: Script(answer, faults=[silent]),
    }
    async with serving(Script(answer, models=models)) as (server, client):
        driver = Driver(
            api="messages",
            routes=[Route(model=model, client=client) for model in MODELS],
            request={"model": MODELS[0], "max_tokens": 5_000, "messages": [{"role": "user", "content": "Tell me."}]},
            policy=Policy(hedging=Hedging(1.0)),
            health=Health(clock=anyio.current_time),
            on_notice=None,
            call_site=NOWHERE,
            started=anyio.current_time(),
        )
        async with anyio.create_task_group() as tasks:
            await driver.open()
            tasks.start_soon(driver.run)
            while len(server.requests) < 4:  # the request, and the rest of three routes
                driver.out.drop()
                with anyio.move_on_after(1.0):
                    await driver.out.arrival()
            held = sum(len(piece) for piece in driver.partial.blocks[-1].pieces)
            tasks.cancel_scope.cancel()
        await driver.aclose()
    assert held >= CUT
    assert {request.body["messages"][-1]["role"] for request in server.requests[1:]} == {"user"}
    assert [state.delivered.value for state in states] == ["nothing", "text"]
    assert chosen == [held]
    assert 0 < sum(joined) <= 2 * held
