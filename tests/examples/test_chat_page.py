"""The page in a real browser: the whole answer, each word once, whatever breaks between the model and the eye.

It needs `playwright` and Chromium (`CHROMIUM` names another one than that on the path), and is skipped without them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from website import website

from unbroken.testing import Answer, EndOfFile, ErrorEvent, Reset, Script, Silence, Status, after_characters

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="the browser tests need Chromium (apt-get install chromium)"),
]
expect = sync_api.expect

#: It asks nobody for anything, and needs no rights that a container lacks.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

TEXT = (
    "The keeper of the lighthouse climbed the stairs twice a night.\n\n<b>She</b> & he wrote down what the wind was "
    "doing, and the hour, and each ship that passed. 灯台 😀 Nothing was left out, and nothing was written twice: "
    "a log that says a thing two times is a log that nobody believes. At dawn there were three lines in a shaky hand.\n"
)
#: Slow enough that something can happen to the page while it comes: about two seconds.
SLOW = Answer(TEXT, pieces=(4, 4), pace=0.02)

#: Writes down, from the first moment on, all that the page says and every state of its last answer.
WITNESS = """
  window.told = [];
  window.states = [];
  addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
    const words = document.getElementById("status").textContent;
    if (words && told.at(-1) !== words) told.push(words);
    states.push([...document.querySelectorAll(".answer")].at(-1)?.textContent ?? "");
  }).observe(document.body, {subtree: true, childList: true, characterData: true}));
"""
#: Tells the page that it is hidden, or seen.
HIDE = """
  hidden => {
    Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
  }
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser for all tests of this file, which are not async: its event loop is that of their thread."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def profile(chromium: Any) -> Iterator[Any]:
    """A fresh profile; nothing that a page says to the console but that a connection broke is right."""
    errors: list[str] = []
    profile = chromium.new_context()
    profile.set_default_timeout(20_000)
    profile.add_init_script(WITNESS)
    profile.on("weberror", lambda error: errors.append(str(error.error)))
    profile.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield profile
    profile.close()
    assert [text for text in errors if not text.startswith("Failed to load resource: ")] == []


def ask(page: Any, text: str = "What did the keeper do?") -> None:
    """Type a question and send it, with the keyboard alone."""
    page.get_by_label("Your question").fill(text)
    page.keyboard.press("Enter")


def answered(page: Any, text: str = TEXT) -> None:
    """Wait for the end of the last answer; in no state that it ever had was a word doubled or out of place."""
    expect(page.locator(".answer").last).to_have_attribute("aria-busy", "false", timeout=20_000)
    assert page.locator(".answer").last.text_content() == text
    assert all(text.startswith(state) for state in page.evaluate("states"))


def some_of_it(page: Any, length: int = 40) -> None:
    """Wait until so many characters of the answer are there."""
    page.wait_for_function(f"() => (document.querySelector('.answer')?.textContent.length ?? 0) >= {length}")


@pytest.mark.parametrize(
    "fault",
    [ErrorEvent("overloaded_error", at=after_characters(90)), Reset(at=after_characters(90)), EndOfFile()],
    ids=["overloaded", "reset", "end_of_file"],
)
def test_the_answer_is_whole_after_the_model_broke_off(fault: Any, profile: Any) -> None:
    """The page says "reconnecting…" while the rest is asked for, and then nothing of it shows."""
    script = Script(SLOW, faults=[fault, Silence(0.5, at=after_characters(0))])
    with website(script) as site:
        page = profile.new_page()
        page.goto(site.url)
        ask(page)
        answered(page)
        assert "reconnecting…" in page.evaluate("told")
        expect(page.get_by_role("status")).to_have_text("")
        assert len(site.api.requests) == 2


def test_the_answer_is_whole_after_the_line_was_cut(profile: Any) -> None:
    """The connection between page and server breaks, twice, for a while; the answer went on meanwhile."""
    with website(SLOW) as site:
        page = profile.new_page()
        page.goto(site.url)
        ask(page)
        for length in (30, 150):
            some_of_it(page, length)
            site.cut()
            expect(page.get_by_role("status")).to_have_text("connection lost, reconnecting…")
            site.mend()
        answered(page)
        expect(page.get_by_role("status")).to_have_text("")
        assert len(site.api.requests) == 1


def test_both_break_at_once(profile: Any) -> None:
    """The model is overloaded while nobody can hear it: the answer is whole when the line is back."""
    script = Script(SLOW, faults=[ErrorEvent("overloaded_error", at=after_characters(90))])
    with website(script) as site:
        page = profile.new_page()
        page.goto(site.url)
        ask(page)
        some_of_it(page)
        site.cut()
        expect(page.get_by_role("status")).to_have_text("connection lost, reconnecting…")
        site.mend()
        answered(page)
        assert len(site.api.requests) == 2


def test_a_question_sent_without_a_line_arrives_once(profile: Any) -> None:
    """The page tries until it has an answer, and the model is asked once."""
    with website(TEXT) as site:
        page = profile.new_page()
        page.goto(site.url)
        site.cut()
        ask(page)
        expect(page.get_by_role("status")).to_have_text("no connection, trying again…")
        site.mend()
        answered(page)
        assert len(site.api.requests) == 1


def test_a_tab_that_was_closed_shows_the_answer_again(profile: Any) -> None:
    """Closed in the middle of the answer and opened again by its address: all of it is there, and goes on."""
    with website(SLOW) as site:
        page = profile.new_page()
        page.goto(site.url)
        ask(page)
        some_of_it(page)
        address = page.url
        page.close()
        again = profile.new_page()
        again.goto(address)
        some_of_it(again)
        assert again.get_by_role("button", name="Stop").is_visible()
        answered(again)
        assert again.locator(".question").all_text_contents() == ["What did the keeper do?"]
        assert len(site.api.requests) == 1


def test_a_page_that_is_loaded_again_shows_the_answer_again(profile: Any) -> None:
    """Reloading is closing and opening."""
    with website(SLOW) as site:
        page = profile.new_page()
        page.goto(site.url)
        ask(page)
        some_of_it(page)
        page.reload()
        answered(page)


@pytest.mark.parametrize("how", ["button", "Escape"])
def test_stop(how: str, profile: Any) -> None:
    """What had come stays, the model is let go, and the conversation goes on."""
    with website(Script([SLOW, "They were the keepers."])) as site:
        page = profile.new_page()
        page.goto(site.url)
        ask(page)
        some_of_it(page)
        if how == "button":
            page.get_by_role("button", name="Stop").click()
        else:
            page.keyboard.press("Escape")
        expect(page.locator(".remark")).to_have_text("Stopped.")
        kept = page.locator(".answer").text_content()
        assert TEXT.startswith(kept)
        assert len(kept) >= 40
        assert kept != TEXT
        expect(page.get_by_role("button", name="Send")).to_be_visible()
        expect(page.get_by_label("Your question")).to_be_focused()
        page.evaluate("states.length = 0")
        ask(page, "Who were they?")
        expect(page.locator(".answer")).to_have_count(2)
        expect(page.locator(".answer").last).to_have_attribute("aria-busy", "false")
        assert site.api.requests[0].abandoned
        assert site.api.requests[1].body["messages"][1] == {"role": "assistant", "content": kept}


def test_two_tabs_show_one_chat(profile: Any) -> None:
    """What is asked in one is shown in the other, and either can stop it."""
    with website(SLOW) as site:
        first, second = profile.new_page(), profile.new_page()
        first.goto(site.url)
        ask(first)
        some_of_it(first)
        second.goto(first.url)
        answered(first)
        answered(second)
        assert len(site.api.requests) == 1
        ask(second, "And then?")
        expect(first.locator(".question").last).to_have_text("And then?")
        first.keyboard.press("Escape")
        for page in (first, second):
            expect(page.locator(".remark")).to_have_text("Stopped.")
        kept = first.locator(".answer").all_text_contents()
        assert kept == second.locator(".answer").all_text_contents()


def test_a_hidden_tab_takes_no_connection(profile: Any) -> None:
    """Browsers have six for a server: more tabs than that would keep each other waiting."""
    with website(SLOW) as site:
        page = profile.new_page()
        page.goto(site.url)
        ask(page)
        some_of_it(page)
        page.evaluate(HIDE, True)
        had = page.locator(".answer").text_content()
        opened = site.line.opened
        page.wait_for_timeout(500)
        assert page.locator(".answer").text_content() == had
        page.evaluate(HIDE, False)
        answered(page)
        assert site.line.opened <= opened + 1


def test_a_tab_that_is_opened_behind_another_waits_until_it_is_seen(profile: Any) -> None:
    """It takes no connection either, and then shows the chat."""
    with website(TEXT) as site:
        page = profile.new_page()
        page.goto(site.url)
        ask(page)
        answered(page)
        behind = profile.new_page()
        asked: list[str] = []
        behind.on("request", lambda request: asked.append(request.url))
        behind.add_init_script(f"({HIDE})(true)")
        behind.goto(page.url)
        behind.wait_for_load_state("networkidle")
        assert not any("/events" in url for url in asked)
        behind.evaluate(HIDE, False)
        answered(behind)


def test_a_server_that_forgot_the_chat(profile: Any) -> None:
    """Started anew, it no longer has the chat: the page says so and keeps what it has."""
    with website(SLOW) as site, website(TEXT) as other:
        page = profile.new_page()
        page.goto(site.url)
        ask(page)
        some_of_it(page)
        site.line.target = other.port
        site.cut()
        site.mend()
        expect(page.locator(".remark")).to_contain_text("no longer has this chat")
        assert TEXT.startswith(page.locator(".answer").text_content())
        assert page.get_by_role("button", name="Send").is_disabled()
        page.get_by_role("link", name="New chat").click()
        ask(page)
        answered(page)


def test_an_answer_that_fails_says_why(profile: Any) -> None:
    """In words, with what had come kept above them; and the next question can be asked."""
    script = Script(TEXT, faults=[Reset(at=after_characters(90))], then=Status(401))
    with website(script) as site:
        page = profile.new_page()
        page.goto(site.url)
        ask(page)
        expect(page.locator(".remark")).to_have_text("This server has no valid API key.")
        assert page.locator(".answer").text_content() == TEXT[:90]
        expect(page.get_by_role("button", name="Send")).to_be_enabled()


def test_who_cannot_see_or_click_is_served_too(profile: Any) -> None:
    """What assistive technology is told: names, roles and states; and the keyboard reaches all of it."""
    with website(SLOW) as site:
        page = profile.new_page()
        page.goto(site.url)
        expect(page.get_by_label("Your question")).to_be_focused()
        ask(page, "<b>What</b> did the keeper do?")
        expect(page.get_by_role("log", name="Conversation")).to_be_visible()
        expect(page.locator(".answer")).to_have_attribute("aria-busy", "true")
        reached = set()
        for _ in range(6):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
        assert {"New chat", "log", "box", "stop"} <= reached
        answered(page)
        assert page.locator(".question").text_content() == "<b>What</b> did the keeper do?"
        assert page.locator("b").count() == 0
