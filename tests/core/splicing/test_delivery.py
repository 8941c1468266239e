"""What is in the reader's hands, and what waits for content before it is."""

from __future__ import annotations

from builders import block_start, message_delta, message_start, message_stop, partial, text_block, text_delta

from unbroken.core.message.partial import Partial
from unbroken.core.splicing.delivery import Delivery


def test_what_is_delivered_is_folded_and_given_out_once() -> None:
    """The very same events."""
    held = partial(message_start())
    delivery = Delivery(held)
    start, more = block_start(0, "text"), text_delta("Hi")
    delivery.push(start)
    delivery.push(more)
    assert held.text == "Hi"
    out = delivery.take()
    assert [id(event) for event in out] == [id(start), id(more)]
    assert delivery.take() == []


def test_the_beginning_of_a_message_waits_for_content() -> None:
    """So that an attempt that dies before it leaves no trace."""
    held = Partial()
    delivery = Delivery(held)
    assert not delivery.waits
    delivery.begin(message_start())
    assert delivery.waits
    assert (delivery.take(), held) == ([], Partial())
    delivery.push(block_start(0, "text"))
    assert not delivery.waits
    assert delivery.take() == [message_start(), block_start(0, "text")]
    assert held == partial(message_start(), block_start(0, "text"))


def test_a_message_that_may_be_whole_as_it_starts_does_not_wait() -> None:
    """No event has to follow it."""
    held = Partial()
    delivery = Delivery(held)
    start = message_start()
    start["message"] |= {"content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"}
    delivery.begin(start)
    assert delivery.take() == [start]
    assert held == partial(start)


def test_what_waits_comes_first_and_in_its_order() -> None:
    held = Partial()
    delivery = Delivery(held)
    delivery.begin(message_start())
    delivery.wait(text_block(" "))
    delivery.keep_place({"type": "of_next_year"})
    assert delivery.take() == []
    delivery.push(message_delta())
    assert delivery.take() == [message_start(), *text_block(" "), {"type": "of_next_year"}, message_delta()]
    assert held == partial(message_start(), *text_block(" "), {"type": "of_next_year"}, message_delta())


def test_in_the_message_nothing_of_an_unknown_type_waits() -> None:
    delivery = Delivery(partial(message_start()))
    delivery.keep_place({"type": "of_next_year"})
    assert delivery.take() == [{"type": "of_next_year"}]


def test_a_block_that_waits_has_its_index_already() -> None:
    """The next one gets another."""
    delivery = Delivery(partial(message_start(), *text_block("Hi")))
    assert delivery.next_index == 1
    delivery.wait(text_block(" ", index=1))
    assert delivery.next_index == 2
    delivery.push(message_stop())
    assert delivery.next_index == 2
