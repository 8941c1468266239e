"""The real model's server, its cuts and its judge; a scripted engine stands for the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic

pytestmark = pytest.mark.slow

ANSWER = "The keeper counts the ships, and writes each of them down. In the evening he lights the lamp once more."
PROMPT = "Tell the story of a lighthouse keeper."


class Obedient:
    """Writes `ANSWER`, goes on with a prefill, and otherwise repeats what the request quotes and goes on."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def complete(
        self, prompt: str, max_tokens: int, on_text: Callable[[str], bool], *, stop: Sequence[str] = ()
    ) -> Any:
        from benchmarks.real_model.engine import Completion

        self.prompts.append(prompt)
        turns = prompt.split("<|im_start|>")
        text = ANSWER
        if turns[-1].startswith("assistant\n") and turns[-1] != "assistant\n":
            text = ANSWER.removeprefix(turns[-1].removeprefix("assistant\n"))
        elif len(turns) > 3:
            sent = turns[2].removeprefix("assistant\n").removesuffix("<|im_end|>\n")
            text = sent[-40:] + ANSWER[len(sent) :]
        written = ""
        for at in range(0, len(text), 5):
            written += text[at : at + 5]
            if not on_text(text[at : at + 5]):
                break
        return Completion(written, "end_turn", 10, len(written) // 4)


def _client(url: str) -> AsyncAnthropic:
    return AsyncAnthropic(base_url=url, api_key="test", max_retries=0)


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
@pytest.mark.parametrize("how", ["reset", "error"])
@pytest.mark.parametrize("form", ["continue", "whole words", "prefill"])
async def test_an_answer_is_cut_where_it_is_said_and_gone_on_with(how: Any, form: Any) -> None:
    """What is delivered before the cut is of that length; the rest comes in the form that was asked for."""
    from benchmarks.real_model.__main__ import broken_rules, by
    from benchmarks.real_model.judge import RULES
    from benchmarks.real_model.prompts import Prompt
    from benchmarks.real_model.streams import FORMS, OUTCOMES, ask, cut_and_resume
    from benchmarks.real_model.wire import Cut, ModelServer

    engine = Obedient()
    async with ModelServer(engine) as server, _client(server.url) as client:  # type: ignore[arg-type]
        uncut = await ask(client, Prompt("prose", PROMPT))
        assert (uncut.text, uncut.ended) == (ANSWER, True)
        stream = await cut_and_resume(server, client, uncut, Cut(61, how), form)
    assert server.served[1].text == ANSWER[:61]
    assert stream.held == (ANSWER[:59] if form == "whole words" else ANSWER[:61])
    assert server.served[1].stop_reason is None
    assert stream.final == ANSWER
    assert (stream.outcome, stream.faults) == ("as uncut", [])
    assert [each["form"] for each in stream.continuations] == ["prefill" if form == "prefill" else "continue"]
    assert stream.continuations[0]["stop_reason"] == "end_turn"
    assert len(engine.prompts) == 2  # what was cut had been written before
    assert by(lambda each: each.form, [stream]) == [[form, "1", "1", *["0"] * (len(OUTCOMES) - 1)]]
    assert {row[0]: row[2:] for row in broken_rules([stream])} == {rule: ["0"] * len(FORMS) for rule in RULES}


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
@pytest.mark.parametrize("missing", ["max_tokens", "messages", "stream"])
async def test_what_the_api_refuses_is_refused(missing: str) -> None:
    """It is no answer of the model's, and is not counted as one."""
    from benchmarks.real_model.wire import NAME, ModelServer

    request: dict[str, Any] = {
        "model": NAME,
        "max_tokens": 10,
        "messages": [{"role": "user", "content": PROMPT}],
        "stream": True,
    }
    del request[missing]
    async with ModelServer(Obedient()) as server, _client(server.url) as client:  # type: ignore[arg-type]
        with pytest.raises(anthropic.BadRequestError):
            await client.post("/v1/messages", body=request, cast_to=object)
        assert not server.served


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_the_models_template_has_every_turn() -> None:
    """The system prompt, both roles, and blocks of text as one text."""
    from benchmarks.real_model.wire import NAME, ModelServer

    engine = Obedient()
    blocks: Any = [{"type": "text", "text": "Go "}, {"type": "text", "text": "on."}]
    async with ModelServer(engine) as server, _client(server.url) as client:  # type: ignore[arg-type]
        async with client.messages.stream(
            model=NAME, max_tokens=10, system="Be brief.", messages=[{"role": "user", "content": blocks}]
        ) as stream:
            message = await stream.get_final_message()
    assert engine.prompts == [
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nGo on.<|im_end|>\n<|im_start|>assistant\n"
    ]
    assert (message.stop_reason, message.usage.output_tokens) == ("end_turn", len(ANSWER) // 4)


def test_cuts_are_inside_words_behind_them_and_where_they_fall() -> None:
    """Four of them, rising; a text that is too short has none."""
    from benchmarks.real_model.cuts import cuts, is_inside_a_word

    places = cuts(ANSWER)
    assert places == sorted(places)
    assert len(places) == 4
    assert is_inside_a_word(ANSWER, places[0])
    assert is_inside_a_word(ANSWER, places[2])
    assert ANSWER[places[1] - 1].isalnum()
    assert not ANSWER[places[1]].isalnum()
    assert cuts("Canberra.") == []


HELD = "The keeper counts the ships, and writes each of them down. In the eve"
INSTRUCTION = "Your message was cut off. Please repeat its last words and go straight on: In the eve"


@pytest.mark.parametrize(
    ("added", "rules"),
    [
        ("ning he lights the lamp once more.", []),
        ("ning he sleeps.", []),
        ("", ["nothing added"]),
        (" he sleeps.", ["halved word"]),
        (".", ["halved word"]),
        ("</last_words>ning he sleeps.", ["instruction", "halved word"]),
        ("ning. Please repeat its last words and go.", ["instruction", "talk"]),
        ("ning. I'm sorry, I am unable to repeat that.", ["talk"]),
        ("ningThe keeper counts the ships, and writes each of them down.", ["repeated"]),
        ("ning. writes each of them down. In the evening", []),
    ],
)
def test_what_stands_behind_the_joint_is_judged_by_rule(added: str, rules: list[str]) -> None:
    """Each rule is broken by what it is about, and by nothing else."""
    from benchmarks.real_model.judge import Case, faults

    case = Case(PROMPT, HELD, ANSWER, True, INSTRUCTION, HELD + added)
    assert faults(case) == rules


def test_a_text_that_does_not_begin_with_what_was_held_is_wrong() -> None:
    """Whatever else it is."""
    from benchmarks.real_model.judge import Case, faults

    assert "not held" in faults(Case(PROMPT, HELD, ANSWER, True, INSTRUCTION, "Once upon a time"))


@pytest.mark.parametrize(
    ("final", "uncut_ended", "ended", "same"),
    [
        (ANSWER, True, True, True),
        (ANSWER[:-5], True, False, True),
        (ANSWER[:-5], True, True, False),
        (ANSWER + " So", False, True, True),
        (ANSWER + " So", True, True, False),
        (ANSWER[:-5] + "!", True, False, False),
    ],
)
def test_only_max_tokens_makes_a_shorter_text_the_same(final: str, uncut_ended: bool, ended: bool, same: bool) -> None:
    """Either of the two texts may have been ended by it."""
    from benchmarks.real_model.judge import Case, is_as_uncut

    assert is_as_uncut(Case(PROMPT, HELD, ANSWER, uncut_ended, "", final), ended=ended) is same


def test_the_quotation_may_end_before_half_a_word() -> None:
    """A word that could be half of one is left out, unless it is all that there is."""
    from benchmarks.real_model.wordings import half_word, whole_words

    assert (whole_words("In the eve"), half_word("In the eve")) == ("In the", "eve")
    assert (whole_words("In the,"), half_word("In the,")) == ("In the,", "")
    assert (whole_words("eve"), half_word("eve")) == ("eve", "")


def test_forty_prompts_of_many_kinds() -> None:
    """No prompt twice, and each wording has a name of its own and a place for the quotation."""
    from benchmarks.real_model.prompts import PROMPTS, QUICK
    from benchmarks.real_model.wordings import CANDIDATES

    assert len({prompt.text for prompt in PROMPTS}) == 40
    assert len({prompt.kind for prompt in QUICK}) == len(QUICK)
    assert len({each.name for each in CANDIDATES}) == len(CANDIDATES)
    assert all("{echo}" in each.text for each in CANDIDATES)


def test_without_the_wheels_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sentence says so, and it is no failure."""
    from benchmarks.real_model import environment

    ran: list[list[str]] = []

    def run(command: list[str], **_: Any) -> Any:
        ran.append(command)
        return SimpleNamespace(returncode=1, stderr="looking\nERROR: No matching distribution found\n")

    monkeypatch.setattr(environment, "install", lambda peer: Path("python"))
    monkeypatch.setattr(environment.subprocess, "run", run)
    assert environment.main() == 0
    assert "No matching distribution found" in capsys.readouterr().out
    [command] = ran
    assert command[-5:] == ["--no-deps", "--only-binary", ":all:", *environment.WHEELS]


def test_the_benchmark_runs_in_the_models_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the caller's arguments; another module of it is named first."""
    from benchmarks.real_model import environment

    ran: list[list[str]] = []

    def run(command: list[str], **_: Any) -> Any:
        ran.append([str(part) for part in command])
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(environment, "install", lambda peer: Path("python"))
    monkeypatch.setattr(environment.subprocess, "run", run)
    assert environment.main("--quick") == 0
    assert environment.main("benchmarks.real_model.wordings", "--quick") == 0
    assert ran[1::2] == [
        ["python", "-m", "benchmarks.real_model", "--quick"],
        ["python", "-m", "benchmarks.real_model.wordings", "--quick"],
    ]
