"""The joint: exact for every model that repeats what is held, and never a silent guess for one that does not."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.corpus.texts import TEXTS

from unbroken.core.seam.anchor import Anchor, choose_anchor
from unbroken.core.seam.seam import Form, Kind, Seam, SeamResult
from unbroken.testing.manners.manners import FAITHFUL, LEAD_INS, Manner, continue_answer

HELD = "The lamp was dark. She thought of the ships that no longer came"
REST = ", and then she went on climbing."
ANCHOR = choose_anchor(HELD)
WHOLE = choose_anchor(HELD, whole=True)

# Small alphabets make the nastiest texts: everything repeats, and everything could be a lead-in or a fence.
texts = (
    st.text(st.sampled_from("ab \n"), max_size=40) | st.text(st.sampled_from('a .…:`\n"“>'), max_size=30) | st.text()
)


def closes_nothing(held: str, rest: str) -> bool:
    """Whether the rest begins with a quotation mark where none is open: no text does, and a model that quotes does."""
    return rest.startswith('"') and '"' not in held


def outcome(seam: Seam, *pieces: str) -> tuple[str, SeamResult]:
    """What the reader gets, and how it was joined."""
    text = "".join([seam.feed(piece) for piece in pieces]) + seam.finish()
    return text, seam.result


def ask(held: str, anchor: Anchor, form: Form = "continue") -> Seam:
    """The seam for a request built from the anchor."""
    return Seam(held, anchor, form=form if anchor.sent else "restart")


def resume(answer: str, held: str, manner: Manner, rng: Random) -> tuple[str, SeamResult]:
    """Go on with `answer` after `held`, asking as the engine does; the final text and how it was joined."""
    for whole in (False, True):
        anchor = choose_anchor(held, whole=whole)
        seam = ask(held, anchor)
        mine = manner if anchor.sent else Manner.EXACT
        text, result = outcome(seam, continue_answer(answer, anchor.sent, echo=anchor.echo, manner=mine, rng=rng))
        if seam.state == "joined":
            return held + text, result
    return held + seam.give_up(), seam.result


class TestModelsThatRepeatWhatIsHeld:
    @pytest.mark.sample
    @pytest.mark.parametrize("manner", sorted(FAITHFUL))
    @pytest.mark.parametrize("name", TEXTS)
    def test_every_text_is_joined_exactly_in_every_manner(self, name: str, manner: Manner) -> None:
        answer, rng = TEXTS[name], Random(f"{name} {manner}")
        for cut in range(1 + rng.randrange(17), len(answer) + 1, 17):
            text, result = resume(answer, answer[:cut], manner, rng)
            assert text == answer
            assert result.verified

    @pytest.mark.parametrize("name", TEXTS)
    def test_a_prefill_is_joined_exactly_at_every_character(self, name: str) -> None:
        answer = TEXTS[name]
        for cut in range(1, len(answer) + 1):
            held = answer[:cut]
            sent = choose_anchor(held, whole=True).sent
            text, result = outcome(ask(held, choose_anchor(held, whole=True), "prefill"), answer[len(sent) :])
            assert held + text == answer
            assert result.verified

    @given(texts, texts)
    def test_an_echo_is_joined_exactly_in_any_text(self, held: str, rest: str) -> None:
        assume(not closes_nothing(held, rest))
        anchor = choose_anchor(held)
        text, result = outcome(ask(held, anchor), (held + rest)[len(anchor.sent) - len(anchor.echo) :])
        assert text == rest
        assert result.verified

    @given(texts, texts, st.integers(0))
    def test_a_replay_from_any_character_is_joined_exactly_in_any_text(self, held: str, rest: str, back: int) -> None:
        assume(not closes_nothing(held, rest))
        anchor = choose_anchor(held)
        text, result = outcome(ask(held, anchor), (held + rest)[back % (len(anchor.sent) + 1) :])
        assert text == rest
        assert result.verified

    @given(texts, texts)
    def test_a_prefill_is_joined_exactly_in_any_text(self, held: str, rest: str) -> None:
        sent = held.rstrip()
        seam = Seam(held, Anchor(sent, sent, ""), form="prefill")
        assert outcome(seam, (held + rest)[len(sent) :])[0] == rest

    @given(texts, texts)
    def test_a_restart_is_joined_exactly_in_any_text(self, held: str, rest: str) -> None:
        text, result = outcome(Seam(held, choose_anchor(held), form="restart"), held + rest)
        assert text == rest
        assert result.verified

    @given(st.text(st.sampled_from("ab \n"), max_size=60) | st.sampled_from([*TEXTS.values()]), st.data())
    def test_an_answer_cut_any_number_of_times_is_whole_in_the_end(self, answer: str, data: st.DataObject) -> None:
        held = ""
        for _ in range(4):
            anchor = choose_anchor(held)
            seam = ask(held, anchor)
            output = answer[len(anchor.sent) - len(anchor.echo) :]
            held += seam.feed(output[: data.draw(st.integers(0, len(output)))])
        text, _ = outcome(ask(held, choose_anchor(held)), answer[len(choose_anchor(held).sent) :])
        assert held + text == answer

    def test_a_text_that_repeats_more_than_a_key_may_hold_is_joined_by_its_echo(self) -> None:
        held, rest = "ha " * 3_000, "ha ha ha!"
        anchor = choose_anchor(held)
        assert outcome(ask(held, anchor), anchor.echo + " " + rest) == (rest, SeamResult("echo", True, 41))


class TestDeltas:
    @given(texts, st.text(st.sampled_from("ab \n:`"), max_size=30), st.data())
    def test_it_does_not_matter_where_deltas_end(self, held: str, output: str, data: st.DataObject) -> None:
        anchor = choose_anchor(held, whole=data.draw(st.booleans()))
        output = data.draw(st.sampled_from(["", "Continuing:\n", '"', *LEAD_INS])) + anchor.echo + anchor.key + output
        cuts = sorted(data.draw(st.lists(st.integers(0, len(output)))))
        pieces = [output[start:end] for start, end in zip([0, *cuts], [*cuts, len(output)], strict=True)]
        seams = [ask(held, anchor) for _ in range(3)]
        whole, single, drawn = (
            (*outcome(seam, *fed), seam.state, seam.give_up(), seam.result)
            for seam, fed in zip(seams, ([output], output, pieces), strict=True)
        )
        assert whole == single == drawn

    def test_nothing_is_delivered_before_the_joint_and_everything_after_it_at_once(self) -> None:
        seam = ask(HELD, ANCHOR)
        delivered = [seam.feed(character) for character in ANCHOR.key + REST]
        assert delivered == [""] * len(ANCHOR.key) + list(REST)


class TestKinds:
    @pytest.mark.parametrize(
        ("output", "kind", "discarded"),
        [
            (ANCHOR.key, "exact", len(ANCHOR.key)),
            (ANCHOR.quote, "echo", len(ANCHOR.quote)),
            (" longer" + ANCHOR.key, "overlap", 7 + len(ANCHOR.key)),
            (HELD, "replay", len(HELD)),
            ("Sure, here is the rest:\n\n" + ANCHOR.key, "exact", 25 + len(ANCHOR.key)),
            ("Here you go:\n" + ANCHOR.quote, "echo", 13 + len(ANCHOR.quote)),
            (f'"{ANCHOR.quote}"', "echo", 2 + len(ANCHOR.quote)),
            (f"<last_words>{ANCHOR.quote}</last_words>", "echo", 25 + len(ANCHOR.quote)),
            (f"“{ANCHOR.quote}", "echo", 1 + len(ANCHOR.quote)),
            (f"**{ANCHOR.quote}**", "echo", 4 + len(ANCHOR.quote)),
            (f"'{ANCHOR.quote}'", "echo", 2 + len(ANCHOR.quote)),
            (f"« {ANCHOR.quote} »", "echo", 4 + len(ANCHOR.quote)),
            # An echo that was not copied faithfully, but whose last words were.
            (ANCHOR.quote.replace("thought", "thinks"), "echo", len(ANCHOR.quote) - 1),
        ],
    )
    def test_a_match_is_cut_and_named(self, output: str, kind: Kind, discarded: int) -> None:
        assert outcome(ask(HELD, ANCHOR), output + REST) == (REST, SeamResult(kind, True, discarded))
        assert outcome(ask(HELD, ANCHOR), *output, *REST) == (REST, SeamResult(kind, True, discarded))

    def test_an_echo_put_in_quotation_marks_is_told_from_a_tail_that_begins_with_one(self) -> None:
        held = '"Then she said "' + HELD
        anchor = choose_anchor(held)
        assert anchor.quote in HELD
        text, result = outcome(ask(held, anchor), f'"{anchor.quote}"{REST}')
        assert (text, result.kind) == (REST, "echo")

    def test_a_quotation_that_is_never_closed_loses_nothing(self) -> None:
        assert outcome(ask(HELD, ANCHOR), f"<q>{ANCHOR.quote}", "</") == (
            "</",
            SeamResult("echo", True, 3 + len(ANCHOR.quote)),
        )

    @pytest.mark.parametrize("size", [1, 1_000])
    @pytest.mark.parametrize(
        ("held", "behind", "text"),
        [
            (HELD, '" again.', " again."),
            (HELD, '", and on', ", and on"),
            (HELD, '"bers of the harbour', "bers of the harbour"),
            (HELD, '"', ""),
            (HELD, '" ', " "),
            (HELD, '"("', '"("'),
            (HELD + ' back. "Never', '" she said', '" she said'),
            (HELD + ". It measured 5", '" across', '" across'),
            (HELD + ". Write print(f", '"hello")', '"hello")'),
            (HELD + ". Write x =", '"hello"', '"hello"'),
            ('{"note": "' + HELD + r" \"behind\\", '" the door"}', '" the door"}'),
            ('{"note": "' + HELD + r" \"behind", '" the door"}', '" the door"}'),
        ],
    )
    def test_a_mark_that_closes_what_nobody_opened_is_cut(self, held: str, behind: str, text: str, size: int) -> None:
        """Behind the echo; where the text can have it itself, it is the text's."""
        output = choose_anchor(held).quote + behind
        pieces = [output[at : at + size] for at in range(0, len(output), size)]
        assert outcome(ask(held, choose_anchor(held)), *pieces)[0] == text

    def test_a_fence_that_is_opened_again_is_cut(self) -> None:
        held = "Try this:\n\n```python\ndef climb(steps):\n    return steps"
        anchor = choose_anchor(held)
        text, result = outcome(ask(held, anchor), "```python\n    return steps + 1\n```\n")
        assert text == " + 1\n```\n"
        assert result.kind == "exact"

    @pytest.mark.parametrize("size", [24, 32])
    def test_without_a_key_a_long_part_of_the_echo_that_stands_there_once_is_enough(self, size: int) -> None:
        tail = HELD.replace(" ", "")[-size:]
        assert outcome(ask(HELD, WHOLE), tail + REST) == (REST, SeamResult("overlap", True, size))

    @pytest.mark.parametrize("size", [12, 16, 23])
    def test_without_a_key_a_short_part_of_the_echo_is_no_evidence(self, size: int) -> None:
        tail = HELD.replace(" ", "")[-size:]
        assert outcome(ask(HELD, WHOLE), tail + REST)[1].kind == "unmatched"

    def test_without_a_key_a_short_word_that_happens_to_be_the_last_is_not_taken_for_an_echo(self) -> None:
        seam = ask(HELD, WHOLE)
        assert outcome(seam, "came the answer")[1].kind == "unmatched"
        assert seam.give_up() == "came the answer"


#: Lead-ins that no table knows, in ten languages and some ways of setting them off.
STRANGE = (
    "Claro, continúo desde donde me quedé:\n\n",
    "当然，以下是剩余的内容：\n",
    "Certo, ecco il resto: ",
    "بالطبع، إليك التكملة:\n",
    "Oczywiście, kontynuuję:\n",
    "Devamı şöyle:\n",
    "**Vervolg van mijn antwoord:**\n\n",
    "Tiếp tục phần còn lại:\n\n---\n\n",
    "Fortsättning följer här…\n",
    "それでは、残りはこちらです...",
)
#: Equal rows in which the joint and what follows it look alike.
ROWS = {
    "jsonl": '{"id": 1, "ok": true}\n' * 2 + '{"id": 2, "ok": true, "x": [1, 1]}\n' + '{"id": 1, "ok": true}\n' * 2,
    "csv": "a,b,c\n" + "1,0,0\n" * 9 + "2,0,0\n" + "1,0,0\n" * 5 + ",,,\n,,,\nend,0,0",
    "calls": "Try:\n" + "    print(merge([(1, 3), (2, 6), (8, 10)]))\n" * 3,
    "titles": "Chorus:\nLa la la la la, and so on it went, la la la la la.\n" * 3,
}


class TestLeadInsOfAnyWording:
    @pytest.mark.sample
    @pytest.mark.parametrize("lead_in", STRANGE)
    @pytest.mark.parametrize("name", [*TEXTS, *ROWS])
    def test_an_echo_after_one_is_joined_exactly_at_the_first_request(self, name: str, lead_in: str) -> None:
        answer = {**TEXTS, **ROWS}[name]
        for cut in range(1 + len(lead_in) % 7, len(answer) + 1, 7):
            anchor = choose_anchor(answer[:cut])
            if anchor.sent:  # else nothing is asked to be repeated
                output = lead_in + answer[len(anchor.sent) - len(anchor.echo) :]
                text, result = outcome(ask(answer[:cut], anchor), output)
                assert answer[:cut] + text == answer
                assert result.verified

    @pytest.mark.sample
    @pytest.mark.parametrize("lead_in", [*STRANGE, "Sure! ", "Okay, ", "(continuing…) ", "Right. ", "Sure!\n"])
    @pytest.mark.parametrize("name", ROWS)
    @pytest.mark.parametrize("back", [0, 6, 12])
    def test_equal_rows_after_one_are_never_taken_for_the_echo(self, name: str, lead_in: str, back: int) -> None:
        answer = ROWS[name]
        for cut in range(20 + len(lead_in) % 3, len(answer) + 1, 3):
            held = answer[:cut]
            for whole in (False, True):
                anchor = choose_anchor(held, whole=whole)
                if anchor.sent:
                    text, result = outcome(ask(held, anchor), lead_in + answer[max(len(anchor.sent) - back, 0) :])
                    assert not result.verified or held + text == answer

    def test_without_a_key_the_echo_after_one_is_cut_but_not_called_verified(self) -> None:
        seam = ask(HELD, WHOLE)
        assert outcome(seam, STRANGE[0] + WHOLE.echo + REST * 4)[1].kind == "unmatched"
        assert seam.give_up() == REST * 4
        assert not seam.result.verified

    def test_without_a_key_a_title_that_comes_again_is_kept(self) -> None:
        lines = "La la la la la, and so on it went, la la la la la.\n"
        held = f"Chorus:\nLa la la!\n\nVerse one\n{lines}"
        seam = ask(held, choose_anchor(held, whole=True))
        output = f"Chorus:\n{lines}And then the curtain fell, at long last."
        assert outcome(seam, output * 2)[1].kind == "unmatched"
        assert seam.give_up() == output * 2

    def test_a_lead_in_that_holds_the_key_costs_one_request_and_no_character(self) -> None:
        held = "Ella volvió al faro y subió despacio hasta la lámpara, donde"
        output = "Claro, sigo donde lo dejé:\n" + choose_anchor(held).quote + " leyó la carta, y donde se durmió."
        assert choose_anchor(held).key == " donde"
        assert outcome(ask(held, choose_anchor(held)), output * 2)[1].kind == "unmatched"

    @pytest.mark.parametrize("held", ["**", "*", "__", "`", "- **", "## ", "> "])
    @pytest.mark.parametrize("word", ["Results:", "Note:", "Here is the rest:"])
    def test_a_mark_that_is_closed_again_is_no_replay(self, held: str, word: str) -> None:
        """What was delivered is a mark alone, and the model goes on: its first words are no lead-in (recorded)."""
        mark = held.rsplit(maxsplit=1)[-1]
        text, result = outcome(ask(held, choose_anchor(held)), f"{word}{mark}\n\nThe sum is 5.")
        assert (text, result.kind) == ("", "unmatched")
        text, result = outcome(ask(held, choose_anchor(held)), f"{held}{word}{mark}\n\nThe sum is 5.")
        assert text == f"{word}{mark}\n\nThe sum is 5."
        assert result.verified


class TestNoMatch:
    def test_an_answer_in_other_words_is_unmatched_after_a_line_or_so(self) -> None:
        seam = ask(HELD, ANCHOR)
        other = "The lamp stayed dark, and she remembered vessels which had stopped coming. She kept climbing, slowly."
        assert seam.feed(other + other) == ""
        assert seam.state == "unmatched"
        assert seam.result.discarded <= 120
        assert seam.feed(" And on.") == seam.finish() == ""
        assert seam.give_up() == other + other + " And on."
        assert not seam.result.verified

    def test_a_key_after_words_that_were_never_held_is_no_match(self) -> None:
        text, result = outcome(
            ask(HELD, ANCHOR), "Then again, the morning" + ANCHOR.key + " and went, and so did others."
        )
        assert (text, result.kind) == ("", "unmatched")

    @pytest.mark.parametrize(
        "output", ["", " \n", ANCHOR.echo, ANCHOR.echo + ANCHOR.key[:3], "Sure, here is the rest:"]
    )
    def test_a_text_that_ends_before_the_key_is_unmatched(self, output: str) -> None:
        assert outcome(ask(HELD, ANCHOR), output) == ("", SeamResult("unmatched", False, len(output)))

    def test_no_text_at_all_after_a_request_that_carried_everything_says_that_there_is_no_more(self) -> None:
        assert outcome(ask(HELD, WHOLE), " \n") == ("", SeamResult("empty", True, 2))
        assert outcome(ask(HELD, WHOLE), WHOLE.echo) == ("", SeamResult("echo", True, len(WHOLE.echo)))

    @pytest.mark.parametrize("lead_in", LEAD_INS)
    def test_giving_up_cuts_a_lead_in(self, lead_in: str) -> None:
        seam = ask(HELD, WHOLE)
        assert outcome(seam, lead_in + "and then nothing.")[0] == ""
        assert seam.give_up().lstrip() == "and then nothing."

    def test_giving_up_cuts_an_echo_after_which_another_word_came(self) -> None:
        seam = ask(HELD, ANCHOR)
        assert seam.feed(ANCHOR.echo + " arrived" + "; she kept on climbing" * 5) == ""
        assert seam.state == "unmatched"
        assert seam.give_up() == " arrived" + "; she kept on climbing" * 5

    def test_what_follows_passes_through_once_it_was_given_up(self) -> None:
        seam = ask(HELD + " ", WHOLE)
        assert seam.feed("Quite ") == ""
        assert seam.give_up() == "Quite "
        assert seam.feed("another ") == "another "
        assert seam.give_up() == seam.finish() == ""
        assert seam.result == SeamResult("unverified", False, 0)

    def test_an_undecided_seam_says_so(self) -> None:
        seam = ask(HELD, ANCHOR)
        assert not seam.is_joined
        seam.feed(ANCHOR.echo)
        assert seam.result == SeamResult("open", False, len(ANCHOR.echo))

    @given(texts, texts, st.booleans())
    def test_whatever_a_model_writes_nothing_of_it_is_lost_unless_it_is_known(
        self, held: str, output: str, whole: bool
    ) -> None:
        seam = ask(held, choose_anchor(held, whole=whole))
        text, result = outcome(seam, output)
        text += seam.give_up()
        assert output.endswith(text.lstrip())
        assert seam.state == "joined"
        assert result.kind == "unmatched" or result == seam.result


class TestWhiteSpace:
    @pytest.mark.parametrize(
        ("had", "came", "kept"),
        [
            ("", " ", " "),
            (" ", " ", ""),
            (" ", "", ""),  # lost
            (" ", "  ", " "),
            ("\n\n", "\n", ""),  # doubled, or lost in part
            ("\n", "\n\n", "\n"),
            ("\n", " ", ""),
            ("\n\n", " ", ""),
            (" ", "\n\n", "\n\n"),  # a break is never lost
            (" ", "\n    ", "\n    "),
            ("  ", "\n", "\n"),
            (" \n", "\n    ", "    "),
            ("\n  ", " \n    ", "  "),
            ("\n    ", " \n  ", ""),
            ("\r", "\r\n", "\n"),
            ("\u3000", " ", ""),
        ],
    )
    @pytest.mark.parametrize("form", ["prefill", "continue"])
    def test_it_is_set_right_at_the_joint(self, had: str, came: str, kept: str, form: Form) -> None:
        seam = Seam(HELD + had, ANCHOR, form=form)
        output = came + "Then" if form == "prefill" else ANCHOR.key + came + "Then"
        text, result = outcome(seam, *output)
        assert text == kept + "Then"
        assert result.discarded == len(output) - len(text)

    def test_at_the_end_of_the_text_it_is_settled_as_well(self) -> None:
        assert outcome(Seam(HELD + " ", WHOLE, form="prefill"), "\n") == ("\n", SeamResult("prefill", True, 0))
        assert outcome(Seam(HELD + "\n\n", WHOLE, form="prefill"), "\n")[0] == ""

    def test_text_of_white_space_alone_is_followed_by_whatever_comes(self) -> None:
        assert outcome(ask(" \n", choose_anchor(" \n")), " \nHello") == ("Hello", SeamResult("replay", True, 2))
