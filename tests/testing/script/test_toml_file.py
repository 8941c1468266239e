"""Scripts from TOML files, good and broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from unbroken.testing import (
    AFTER_MESSAGE_START,
    Answer,
    BadJson,
    CutFrame,
    Drop,
    EndOfFile,
    ErrorEvent,
    Event,
    Manner,
    Pings,
    RawBlock,
    RedactedThinking,
    Refuse,
    Reset,
    Script,
    ServerTool,
    Silence,
    Slow,
    Status,
    Text,
    Thinking,
    ToolUse,
    after_blocks,
    after_characters,
    after_events,
    after_fraction,
)

WHOLE = """
seed = 7
faults = [
  {do = "status", status = 429, headers = {retry-after = "2"}, details = {error_code = "ramp_limit_exceeded"}},
  {},
  [{do = "slow", seconds = 0.5}, {do = "reset", at = {characters = 120}}],
  {do = "error_event", type = "api_error", at = "message_start", blank_line = false},
  {do = "drop", at = {events = 3}},
  {do = "end_of_file", at = {fraction = 0.25}, framing = "close"},
  {do = "cut_frame", at = {blocks = 1}, keep = 5, end = "reset"},
  {do = "bad_json"},
  {do = "event", type = "new", data = {x = 1}},
  {do = "silence"},
  {do = "silence", seconds = 30},
  {do = "pings", every = 1.5},
  {do = "refuse", seconds = 1},
]

[[answers]]
text = "Hello."
manner = "restart_word"
pieces = [2, 3]
pace = 0.1
prefill = "Well: "
stop_reason = "refusal"

[[answers]]
content = [
  {type = "thinking", thinking = "Hm."},
  "Plain.",
  {type = "text", text = "Cited.", citations = [{type = "char_location"}]},
  {type = "tool_use", name = "look", input = {place = "here"}},
  {type = "redacted_thinking"},
  {type = "server_tool", name = "web_search", input = {query = "x"}, result = [{type = "web_search_result"}]},
  {type = "raw", start = {type = "redacted_thinking", data = "x"}},
]
stop_details = {type = "refusal"}
container = {id = "container_1"}

[then]
do = "status"

[models.claude-haiku-4-5]
answer = "Haiku."
faults = [{do = "drop"}]
"""


def load(tmp_path: Path, text: str) -> Script:
    path = tmp_path / "script.toml"
    path.write_text(text, encoding="utf-8")
    return Script.from_toml(path)


@pytest.mark.parametrize("manner", Manner)
def test_every_manner_has_a_name_in_toml(tmp_path: Path, manner: Manner) -> None:
    """Its value."""
    script = load(tmp_path, f'answers = [{{ text = "x", manner = "{manner.name.lower()}" }}]')
    assert script.turns == (Answer("x", manner=manner),)


def test_everything_can_be_said_in_toml(tmp_path: Path) -> None:
    """And means what the classes mean."""
    script = load(tmp_path, WHOLE)
    assert script.seed == 7
    assert [script.step(n) for n in range(14)] == [
        (Status(429, headers={"retry-after": "2"}, details={"error_code": "ramp_limit_exceeded"}),),
        (),
        (Slow(0.5), Reset(at=after_characters(120))),
        (ErrorEvent("api_error", at=AFTER_MESSAGE_START, blank_line=False),),
        (Drop(at=after_events(3)),),
        (EndOfFile(at=after_fraction(0.25), framing="close"),),
        (CutFrame(at=after_blocks(1), keep=5, end="reset"),),
        (BadJson(),),
        (Event("new", {"x": 1}),),
        (Silence(),),
        (Silence(30),),
        (Pings(every=1.5),),
        (Refuse(1),),
        (Status(529),),
    ]
    assert script.turns == (
        Answer("Hello.", Manner.RESTART_WORD, "refusal", (2, 3), 0.1, "Well: "),
        Answer(
            [
                Thinking("Hm."),
                "Plain.",
                Text("Cited.", [{"type": "char_location"}]),
                ToolUse("look", {"place": "here"}),
                RedactedThinking(),
                ServerTool("web_search", {"query": "x"}, [{"type": "web_search_result"}]),
                RawBlock({"type": "redacted_thinking", "data": "x"}),
            ],
            stop_details={"type": "refusal"},
            container={"id": "container_1"},
        ),
    )
    assert script.models == {"claude-haiku-4-5": Script([Answer("Haiku.")], faults=[(Drop(),)], then=())}


def test_an_empty_file_is_a_script_in_which_nothing_goes_wrong(tmp_path: Path) -> None:
    """With an answer of the server's own."""
    assert load(tmp_path, "").turns == (Answer(),)


BROKEN = {
    "seed = ": "script.toml: not TOML: ",
    "sed = 1": "script.toml: sed: not known here; there are seed, answer, answers, faults, then, models",
    "seed = 'x'": "script.toml: seed: expected a whole number",
    "seed = true": "script.toml: seed: expected a whole number",
    "faults = 3": "script.toml: faults: expected an array",
    "faults = [3]": "script.toml: faults[0]: expected a table",
    "faults = [{}, [3]]": "script.toml: faults[1][0]: expected a table",
    "faults = [{at = 'body'}]": "script.toml: faults[0]: no `do`; there are bad_json, cut_frame, drop,",
    "faults = [{do = 'explode'}]": "script.toml: faults[0]: no fault 'explode'; there are bad_json,",
    "faults = [{do = 'slow'}]": "script.toml: faults[0]: `seconds` is missing",
    "faults = [{do = 'slow', seconds = '1'}]": "script.toml: faults[0].seconds: expected a number of seconds",
    "faults = [{do = 'slow', seconds = -1}]": "script.toml: faults[0].seconds: expected a number of seconds",
    "faults = [{do = 'silence', seconds = 'x'}]": "faults[0].seconds: expected a number of seconds",
    "faults = [{do = 'reset', after = 1}]": "script.toml: faults[0].after: not known here; there are at",
    "faults = [{do = 'reset', at = 'somewhere'}]": "script.toml: faults[0].at: expected one of response, body,",
    "faults = [{do = 'reset', at = {characters = 1.5}}]": "script.toml: faults[0].at: expected one of",
    "faults = [{do = 'reset', at = {characters = true}}]": "script.toml: faults[0].at: expected one of",
    "faults = [{do = 'reset', at = {fraction = 2}}]": "script.toml: faults[0].at: no such place",
    "faults = [{do = 'reset', at = {}}]": "script.toml: faults[0].at: expected one of",
    "faults = [{do = 'status', status = 5.5}]": "script.toml: faults[0].status: expected a whole number",
    "faults = [{do = 'status', type = 5}]": "script.toml: faults[0].type: expected a string",
    "faults = [{do = 'status', headers = {a = 1}}]": "script.toml: faults[0].headers: expected a table of strings",
    "faults = [{do = 'status', details = 1}]": "script.toml: faults[0].details: expected a table",
    "faults = [{do = 'event', type = 1}]": "script.toml: faults[0].type: expected a string",
    "faults = [{do = 'event', type = 'x', data = 1}]": "script.toml: faults[0].data: expected a table",
    "faults = [{do = 'error_event', blank_line = 1}]": "script.toml: faults[0].blank_line: expected true or false",
    "faults = [{do = 'end_of_file', framing = 'x'}]": "script.toml: faults[0].framing: expected chunked or close",
    "faults = [{do = 'cut_frame', end = 'x'}]": "script.toml: faults[0].end: expected eof, drop or reset",
    "faults = [{do = 'bad_json', at = 'response'}]": "script.toml: BadJson cannot come before the headers",
    "then = {do = 'refuse', seconds = 1}": "script.toml: Refuse is a step by itself",
    "answer = 'x'\nanswers = ['y']": "script.toml: answer: give `answer` or `answers`, not both",
    "answer = 3": "script.toml: answers[0]: expected a table",
    "answers = [{}]": "script.toml: answers[0]: give `text`, or `content`",
    "answers = [{text = 3}]": "script.toml: answers[0].text: expected a string",
    "answers = [{text = 'x', manner = 'rude'}]": "script.toml: answers[0].manner: no manner 'rude'; there are exact,",
    "answers = [{text = 'x', pieces = [3, 2]}]": "script.toml: answers[0].pieces: expected two whole numbers",
    "answers = [{text = 'x', pieces = 3}]": "script.toml: answers[0].pieces: expected two whole numbers",
    "answers = [{text = 'x', pace = '1'}]": "script.toml: answers[0].pace: expected a whole number or a number",
    "answers = [{content = [{type = 'image'}]}]": "script.toml: answers[0].content[0].type: expected one of text,",
    "answers = [{content = [{type = 'text'}]}]": "script.toml: answers[0].content[0]: `text` is missing",
    "answers = [{content = [{text = 'x', citations = [1]}]}]": "content[0].citations: expected an array of tables",
    "models = {x = 1}": "script.toml: models.x: expected a table",
    "models = {x = {models = {}}}": "script.toml: models.x.models: not known here",
    "models = {x = {then = {do = 'refuse', seconds = 1}}}": "script.toml: models.x: Refuse is a step by itself",
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_says_where_it_is_broken(tmp_path: Path, text: str) -> None:
    """One sentence, which begins with the file's name and the place."""
    with pytest.raises(ValueError, match=r"^script\.toml: ") as caught:
        load(tmp_path, text)
    assert BROKEN[text] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    """Or no file at all."""
    (tmp_path / "script.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"^script\.toml: not a text file in UTF-8$"):
        Script.from_toml(tmp_path / "script.toml")
    with pytest.raises(FileNotFoundError):
        Script.from_toml(tmp_path / "nothing.toml")
