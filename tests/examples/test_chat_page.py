"""The page in a real browser: the whole answer, each word once, whatever breaks between the model and the eye.

It needs `playwright` and Chromium (`CHROMIUM` names another one than that on the path), and is skipped without them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from website import Website, until, website

from unbroken.testing import (
    Answer,
    EndOfFile,
    ErrorEvent,
    Pings,
    Reset,
    Script,
    Silence,
    Status,
    after_characters,
)

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="the browser tests need Chromium (apt-get install chromium)"),
]
expect = sync_api.expect
#: Processes are replaced meanwhile, on a machine that may be busy; in milliseconds.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)

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


def no_further_than(characters: int) -> Pings:
    """A request whose answer comes so far, and then waits for something to happen."""
    return Pings(every=1, at=after_characters(characters))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    """Two workers for all tests of this file."""
    with website(tmp_path_factory.mktemp("chat")) as site:
        yield site


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
    profile.set_default_timeout(PATIENCE)
    profile.add_init_script(WITNESS)
    profile.on("weberror", lambda error: errors.append(str(error.error)))
    profile.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield profile
    profile.close()
    assert [text for text in errors if not text.startswith("Failed to load resource: ")] == []


def opened(profile: Any, site: Website, script: Script) -> Any:
    """A page of a new chat, on an API that plays this script."""
    site.play(script)
    page = profile.new_page()
    page.goto(site.url)
    return page


def ask(page: Any, text: str = "What did the keeper do?") -> None:
    """Type a question and send it, with the keyboard alone."""
    page.get_by_label("Your question").fill(text)
    page.keyboard.press("Enter")


def answered(page: Any, text: str = TEXT) -> None:
    """Wait for the end of the last answer: it is exact, in one piece, and was on the way there all the time."""
    expect(page.locator(".answer").last).to_have_attribute("aria-busy", "false")
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
def test_the_answer_is_whole_after_the_model_broke_off(fault: Any, profile: Any, site: Website) -> None:
    """The page says that it waits while the rest is asked for, and then nothing of it shows."""
    page = opened(profile, site, Script(SLOW, faults=[fault, Silence(4, at=after_characters(0))]))
    ask(page)
    expect(page.get_by_role("status")).to_have_text("waiting for the model…")
    answered(page)
    expect(page.get_by_role("status")).to_have_text("")
    assert len(site.api.requests) == 2


def test_a_worker_that_is_killed_by_the_button(profile: Any, site: Website) -> None:
    """kill -9 in mid-answer, and again while the other one goes on: the bubble ends exact, in every tab."""
    page = opened(profile, site, Script(SLOW, faults=[no_further_than(120), no_further_than(200)]))
    ask(page)
    some_of_it(page, 60)
    second = profile.new_page()
    second.goto(page.url)
    some_of_it(second, 60)
    killed = site.program.writers()
    page.bring_to_front()
    page.get_by_role("button", name="kill -9 the writer").click()
    some_of_it(page, 160)
    assert not killed & set(site.program.workers())
    expect(page.get_by_role("list", name="Workers").get_by_role("listitem")).to_have_count(2)
    second.bring_to_front()
    second.get_by_role("button", name="kill -9 the writer").click()
    late = profile.new_page()
    late.goto(page.url)
    for tab in (late, second, page):
        tab.bring_to_front()
        answered(tab)
        expect(tab.locator(".answer")).to_have_count(1)
        expect(tab.locator(".remark")).to_have_count(0)
    assert len(site.api.requests) == 3


def test_a_rolling_restart_by_the_button(profile: Any, site: Website) -> None:
    """Both workers leave in mid-answer, as in a deploy; the page sees a pause."""
    page = opened(profile, site, Script(SLOW, faults=[no_further_than(120)]))
    before = site.program.ready()
    ask(page)
    some_of_it(page, 60)
    page.get_by_role("button", name="Rolling restart").click()
    answered(page)
    site.program.until_replaced(before)
    assert 2 <= len(site.api.requests) <= 3


def test_the_answer_goes_on_when_everything_was_killed(profile: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """All processes at once, and started anew: the page waits meanwhile, and goes on in the same bubble."""
    with website(tmp_path_factory.mktemp("chat")) as site:
        page = opened(profile, site, Script(SLOW, faults=[no_further_than(120)]))
        ask(page)
        some_of_it(page, 60)
        site.start_anew()
        answered(page)
        expect(page.locator(".answer")).to_have_count(1)
        assert len(site.api.requests) == 2


def test_the_answer_is_whole_after_the_line_was_cut(profile: Any, site: Website) -> None:
    """The connection between page and server breaks, twice, for a while; the answer went on meanwhile."""
    page = opened(profile, site, Script(SLOW))
    ask(page)
    for length in (30, 150):
        some_of_it(page, length)
        site.cut()
        expect(page.get_by_role("status")).to_have_text("connection lost, reconnecting…")
        site.mend()
    answered(page)
    expect(page.get_by_role("status")).to_have_text("")
    assert len(site.api.requests) == 1


def test_everything_breaks_at_once(profile: Any, site: Website) -> None:
    """The model is overloaded and the writer is killed while nobody can hear it: the answer is whole afterwards."""
    faults = [ErrorEvent("overloaded_error", at=after_characters(90)), no_further_than(100)]
    page = opened(profile, site, Script(SLOW, faults=faults))
    ask(page)
    some_of_it(page)
    site.cut()
    expect(page.get_by_role("status")).to_have_text("connection lost, reconnecting…")
    until(lambda: len(site.api.requests) == 2, "the model is asked for the rest")
    site.program.kill()
    site.mend()
    answered(page)
    assert len(site.api.requests) == 3


def test_a_question_sent_without_a_line_arrives_once(profile: Any, site: Website) -> None:
    """The page tries until it has an answer, and the model is asked once."""
    page = opened(profile, site, Script(TEXT))
    site.cut()
    ask(page)
    expect(page.get_by_role("status")).to_have_text("no connection, trying again…")
    site.mend()
    answered(page)
    assert len(site.api.requests) == 1


def test_a_tab_that_was_closed_shows_the_answer_again(profile: Any, site: Website) -> None:
    """Closed in the middle of the answer and opened again by its address: all of it is there, and goes on."""
    page = opened(profile, site, Script(SLOW, faults=[no_further_than(120)]))
    ask(page)
    some_of_it(page)
    address = page.url
    page.close()
    again = profile.new_page()
    again.goto(address)
    some_of_it(again, 120)
    assert again.get_by_role("button", name="Stop").is_visible()
    site.program.kill()
    answered(again)
    assert again.locator(".question").all_text_contents() == ["What did the keeper do?"]


def test_a_page_that_is_loaded_again_shows_the_answer_again(profile: Any, site: Website) -> None:
    """Reloading is closing and opening."""
    page = opened(profile, site, Script(SLOW))
    ask(page)
    some_of_it(page)
    page.reload()
    answered(page)
    assert len(site.api.requests) == 1


@pytest.mark.parametrize("how", ["button", "Escape"])
def test_stop(how: str, profile: Any, site: Website) -> None:
    """What had come stays, the model is let go, and the conversation goes on."""
    page = opened(profile, site, Script([SLOW, "They were the keepers."], faults=[no_further_than(120)]))
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


def test_two_tabs_show_one_chat(profile: Any, site: Website) -> None:
    """What is asked in one is shown in the other, and either can stop it."""
    page = opened(profile, site, Script(SLOW, faults=[(), no_further_than(120)]))
    ask(page)
    some_of_it(page)
    second = profile.new_page()
    second.goto(page.url)
    for tab in (page, second):
        answered(tab)
    ask(page, "And then?")
    expect(second.locator(".question").last).to_have_text("And then?")
    second.wait_for_function("() => document.querySelectorAll('.answer')[1]?.textContent.length >= 40")
    second.keyboard.press("Escape")
    for tab in (page, second):
        expect(tab.locator(".remark")).to_have_text("Stopped.")
    kept = page.locator(".answer").all_text_contents()
    assert kept == second.locator(".answer").all_text_contents()
    assert kept[0] == TEXT
    assert TEXT.startswith(kept[1])
    assert len(site.api.requests) == 2


def test_a_hidden_tab_takes_no_connection(profile: Any, site: Website) -> None:
    """Browsers have six for a server: more tabs than that would keep each other waiting."""
    page = opened(profile, site, Script(SLOW, faults=[no_further_than(200)]))
    ask(page)
    some_of_it(page)
    page.evaluate(HIDE, True)
    had = page.locator(".answer").text_content()
    late = profile.new_page()
    late.goto(page.url)
    some_of_it(late, 200)
    assert page.locator(".answer").text_content() == had
    late.close()
    page.evaluate(HIDE, False)
    some_of_it(page, 200)
    site.program.kill()
    answered(page)


def test_a_tab_that_is_opened_behind_another_waits_until_it_is_seen(profile: Any, site: Website) -> None:
    """It takes no connection either, and then shows the chat."""
    page = opened(profile, site, Script(TEXT))
    ask(page)
    answered(page)
    behind = profile.new_page()
    asked: list[str] = []
    behind.on("request", lambda request: asked.append(request.url))
    behind.add_init_script(f"({HIDE})(true)")
    behind.goto(page.url)
    expect(behind.get_by_role("list", name="Workers").get_by_role("listitem")).to_have_count(2)
    assert not any("/answers/" in url for url in asked)
    behind.evaluate(HIDE, False)
    answered(behind)


def test_an_answer_that_is_kept_no_longer(profile: Any, site: Website) -> None:
    """Its time in the journal is over: the page says so, and the conversation goes on without it."""
    page = opened(profile, site, Script(TEXT))
    ask(page)
    answered(page)
    site.forget(f"{page.url.rpartition('/')[2]}/0")
    page.reload()
    expect(page.locator(".remark")).to_have_text("There is no answer, or it is kept no longer.")
    ask(page, "And then?")
    expect(page.locator(".answer")).to_have_count(2)
    answered(page)
    assert [message["content"] for message in site.api.requests[-1].body["messages"]] == ["And then?"]


def test_an_answer_that_fails_says_why_and_can_be_tried_again(profile: Any, site: Website) -> None:
    """In words, with what had come kept above them; then it goes on in the same bubble."""
    page = opened(profile, site, Script(TEXT, faults=[Reset(at=after_characters(90)), Status(401)]))
    ask(page)
    expect(page.locator(".remark")).to_contain_text("could not be finished (authentication_error)")
    assert page.locator(".answer").text_content() == TEXT[:90]
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    page.get_by_role("button", name="Try again").click()
    # Until the server has heard of it, it looks ended.
    until(lambda: page.locator(".answer").last.text_content() != TEXT[:90], "it goes on")
    answered(page)
    expect(page.locator(".answer")).to_have_count(1)
    expect(page.locator(".remark")).to_have_count(0)
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    assert len(site.api.requests) == 3


def test_who_cannot_see_or_click_is_served_too(profile: Any, site: Website) -> None:
    """What assistive technology is told: names, roles and states; and the keyboard reaches all of it."""
    page = opened(profile, site, Script(SLOW, faults=[no_further_than(120)]))
    expect(page.get_by_label("Your question")).to_be_focused()
    ask(page, "<b>What</b> did the keeper do?")
    expect(page.get_by_role("log", name="Conversation")).to_be_visible()
    expect(page.locator(".answer")).to_have_attribute("aria-busy", "true")
    reached = set()
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert {"New chat", "log", "box", "stop", "kill", "restart"} <= reached
    some_of_it(page)
    site.program.kill()
    answered(page)
    assert page.locator(".question").text_content() == "<b>What</b> did the keeper do?"
    assert page.locator("b").count() == 0
