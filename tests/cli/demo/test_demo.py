"""The demo, from the command line to its last line."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import psutil
import pytest
from commands import Run, Start

RESET = "faults = [{do = 'reset', at = {characters = 5}}]\n"


def test_it_runs_without_a_terminal_and_is_exact(start: Start) -> None:
    """Four acts, and the SDK survives none of them."""
    process = start("demo", "--fast")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    lines = out.splitlines()
    ours = [line for line in lines if line.startswith("unbroken: ")]
    alone = [line for line in lines if line.startswith("SDK: ")]
    assert [line.partition(" of ")[0] for line in ours] == ["unbroken: 1,072"] * 4
    assert [line.rpartition(", exact, in ")[2] for line in ours] == [
        *("2 requests", "2 requests", "4 requests", "2 requests by 2 processes"),
    ]
    assert alone[0].endswith("raised APIStatusError (overloaded_error)")
    assert alone[1].endswith("returned as success, stop_reason None")
    assert "raised httpx2.Re" in alone[2]
    assert alone[3].endswith("gone with its process")
    assert lines[-1] == "Whole answers: SDK 0 of 4, unbroken 4 of 4, exact to the character."


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_whatever_ends_the_demo_ends_its_processes(how: str, start: Start) -> None:
    """Also what it hears nothing of."""
    process = start("demo")
    assert process.stdout is not None
    while "asking" not in process.stdout.readline():
        pass
    others = psutil.Process(process.pid).children()
    assert len(others) == 2
    process.send_signal(getattr(signal, how))
    _, err = process.communicate(timeout=120)
    assert err == ""
    assert psutil.wait_procs(others, timeout=120)[1] == []


def test_a_script_of_ones_own(run: Run, tmp_path: Path) -> None:
    """It is a single act, with the answer of the script."""
    script = tmp_path / "mine.toml"
    script.write_text(f"answer = 'The lamp is lit, and stays lit.'\n{RESET}")
    ran = run("demo", "--fast", "--script", str(script))
    assert ran.code == 0
    assert "act 1 of 1: mine.toml" in ran.out
    assert "unbroken: 31 of 31 characters, exact, in 2 requests" in ran.out


def test_a_script_that_no_stream_survives_is_exit_code_1(run: Run, tmp_path: Path) -> None:
    """The exit code speaks of exactness."""
    script = tmp_path / "dead.toml"
    script.write_text("then = {do = 'status', status = 529}\n")
    ran = run("demo", "--fast", "--script", str(script))
    assert ran.code == 1
    assert "unbroken: 0 of 1,072 characters, raised StreamFailed" in ran.out


@pytest.mark.slow
def test_the_sdk_is_not_waited_for_longer_than_a_person_would(run: Run, tmp_path: Path) -> None:
    """It would wait for ten minutes."""
    script = tmp_path / "silent.toml"
    script.write_text("answer = 'The lamp is lit.'\nfaults = [{do = 'silence'}]\n")
    ran = run("demo", "--fast", "--script", str(script))
    assert ran.code == 0
    assert "still waiting 2 s after unbroken was done" in ran.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("faults = [{do = 'explode'}]", "the script is broken: broken.toml: faults[0]: no fault 'explode'"),
        ("faults = ", "the script is broken: broken.toml: not TOML"),
        (f"a = {'[' * 5_000}", "the script is broken: broken.toml: nested too deeply"),
        (f"a = {'{b = ' * 5_000}", "the script is broken: broken.toml: nested too deeply"),
        (f"seed = {'9' * 5_000}", "the script is broken: broken.toml: "),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_broken_script_is_one_sentence(run: Run, tmp_path: Path, text: str | None, said: str) -> None:
    """With the place in the file."""
    script = tmp_path / "broken.toml"
    if text is not None:
        script.write_text(text)
    assert said in run("demo", "--script", str(script)).sentence


@pytest.mark.slow
def test_the_picture_is_an_svg_that_fetches_nothing(run: Run, tmp_path: Path) -> None:
    """No fonts and no images from elsewhere."""
    picture = tmp_path / "demo.svg"
    assert run("demo", "--fast", "--save", str(picture)).code == 0
    svg = picture.read_text(encoding="utf-8")
    text = "".join(ET.fromstring(svg).itertext()).replace("\N{NO-BREAK SPACE}", " ")
    assert "the SDK alone" in text
    assert "✓ exact, in 4 requests" in text
    assert "✓ exact, in 2 requests by 2 processes" in text
    assert "url(http" not in svg
    assert "://" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_a_picture_that_cannot_be_written_is_said_before_the_play_begins(run: Run, tmp_path: Path) -> None:
    """Nobody watches for nothing."""
    ran = run("demo", "--save", str(tmp_path / "nowhere" / "demo.svg"))
    assert ran.sentence.startswith("the picture cannot be written: there is no directory ")
    assert ran.out == ""


def test_a_picture_that_cannot_be_written_after_all(run: Run, tmp_path: Path) -> None:
    """What the system said is in the sentence."""
    script = tmp_path / "mine.toml"
    script.write_text(f"answer = 'The lamp is lit.'\n{RESET}")
    ran = run("demo", "--fast", "--script", str(script), "--save", str(tmp_path))
    assert ran.sentence == f"the picture cannot be written to {tmp_path}: Is a directory"


@pytest.mark.slow
def test_a_model_that_does_not_exist_is_told_on_both_sides(run: Run) -> None:
    """The server knows what the API knows; and where there is no answer, nobody is killed in the middle of it."""
    ran = run("demo", "--fast", "--model", "claude-nobody", "--fallback", "claude-nobody-else")
    assert ran.code == 1
    assert ran.out.count("SDK: 0 of 1,072 characters, raised NotFoundError (not_found_error)") == 4
    assert ran.out.count("unbroken: 0 of 1,072 characters, raised ") == 4
    assert ran.out.count("kill -9") == 1  # the title


def test_a_race_is_run_in_two_acts(run: Run) -> None:
    """Lines for everybody, the requests, and what the losers are assumed to have cost."""
    ran = run("demo", "--race", "--fast")
    assert (ran.code, ran.err) == (0, "")
    assert "act 1 of 2: one overloaded, one that only pings, one well" in ran.out
    ours = [line for line in ran.out.splitlines() if line.startswith("unbroken: ")]
    assert [line.split("; ")[0] for line in ours] == [
        "unbroken: 1,072 of 1,072 characters, exact, in 3 requests",
        "unbroken: 1,072 of 1,072 characters, exact, in 6 requests",
    ]
    assert all("lost, assumed to have cost" in line for line in ours)
    assert ran.out.endswith("Whole answers: 2 of 2, exact to the character.\n")


def test_the_models_of_a_race_can_be_named_and_spaced(run: Run) -> None:
    """With a delay nobody is asked as long as another one is in time."""
    ran = run("demo", "--race", "--fast", "--delay", "30", "--fallback", "claude-sonnet-5-5")
    assert ran.code == 0
    assert "claude-haiku-4-5" not in ran.out
    assert "lost" not in ran.out


def test_a_race_under_a_script_of_ones_own(run: Run, tmp_path: Path) -> None:
    """The script says what each model does."""
    script = tmp_path / "mine.toml"
    script.write_text(
        "answer = 'The lamp is lit, and stays lit.'\n"
        "[models.claude-opus-5-5]\nthen = {do = 'status', status = 529}\n"
        "[models.claude-sonnet-5-5]\nthen = {do = 'pings', every = 0.05, at = 'message_start'}\n"
    )
    picture = tmp_path / "race.svg"
    ran = run("demo", "--race", "--fast", "--script", str(script), "--save", str(picture))
    assert ran.code == 0
    assert "unbroken: 31 of 31 characters, exact, in 3 requests" in ran.out
    svg = "".join(ET.parse(picture).getroot().itertext()).replace("\N{NO-BREAK SPACE}", " ")
    assert "models race for one answer" in svg
    assert "claude-sonnet-5-5: lost" in svg


def test_a_race_that_nobody_wins_is_exit_code_1(run: Run, tmp_path: Path) -> None:
    """And the summary says how it ended."""
    script = tmp_path / "dead.toml"
    script.write_text("then = {do = 'status', status = 529}\n")
    ran = run("demo", "--race", "--fast", "--script", str(script))
    assert ran.code == 1
    assert "unbroken: 0 of 1,072 characters, raised StreamFailed; 8 requests" in ran.out


def test_one_model_is_no_race(run: Run) -> None:
    """Nor is the same one twice."""
    ran = run("demo", "--race", "--model", "claude-opus-5-5", "--fallback", "claude-opus-5-5")
    assert ran.sentence == "a race needs two models at least: name one more with --fallback"


def test_a_delay_without_a_race_is_a_wrong_command_line(run: Run) -> None:
    """It would do nothing."""
    ran = run("demo", "--delay", "1")
    assert ran.code == 2
    assert "--race" in ran.err


def test_what_is_no_file_of_a_script_is_one_sentence(run: Run, tmp_path: Path) -> None:
    """A directory, a device without an end, bytes that are no text."""
    assert "cannot be read: Is a directory" in run("demo", "--script", str(tmp_path)).sentence
    assert run("demo", "--script", "/dev/zero").sentence.endswith(
        "zero: more than 16,000,000 bytes, which is no script"
    )
    (tmp_path / "latin.toml").write_bytes(b"answer = '\xe9'")
    assert run("demo", "--script", str(tmp_path / "latin.toml")).sentence.endswith(
        "latin.toml: not a text file in UTF-8"
    )


def test_an_answer_of_ones_own_speaks_to_no_terminal(run: Run, tmp_path: Path) -> None:
    """Nor does a name in it; the saved picture has no character that XML does not know."""
    script = tmp_path / "mine.toml"
    answer = r"The lamp \u001b]52;c;aGk=\u0007 is lit."
    script.write_text(f'answer = "{answer}"\nthen = {{do = "error_event", type = "o\\u001b[2Jd"}}\n')
    picture = tmp_path / "picture.svg"
    ran = run("demo", "--fast", "--script", str(script), "--save", str(picture))
    for shown in (ran.out, ran.err, picture.read_text(encoding="utf-8")):
        assert not {"\x1b", "\x07"} & set(shown)
