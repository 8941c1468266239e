"""The caller's clients, as the engine uses them."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from anthropic import AsyncAnthropic

from unbroken.engine.clients import without_retries


def client(**options: Any) -> AsyncAnthropic:
    """A client that is never connected."""
    return AsyncAnthropic(api_key="test", base_url="http://127.0.0.1:9", **options)


def test_the_copy_does_not_retry_and_shares_the_connections() -> None:
    """The caller's own client keeps its retries."""
    own = client(max_retries=5)
    quiet = without_retries(own)
    assert (quiet.max_retries, own.max_retries) == (0, 5)
    assert quiet._client is own._client


def test_the_copy_is_made_once() -> None:
    """A new one would look its platform up in a thread."""
    own = client()
    assert without_retries(own) is without_retries(own)


def test_two_clients_have_two_copies() -> None:
    """Their keys differ."""
    assert without_retries(client()) is not without_retries(client())


def test_a_client_that_does_not_retry_is_used_as_it_is() -> None:
    """There is nothing to turn off."""
    own = client(max_retries=0)
    assert without_retries(own) is own


@pytest.mark.parametrize(
    ("name", "value"), [("api_key", "another"), ("base_url", "http://127.0.0.1:8"), ("timeout", 5)]
)
def test_a_client_that_was_changed_is_copied_again(name: str, value: Any) -> None:
    """Applications renew a key on a live client."""
    own = client()
    before = without_retries(own)
    setattr(own, name, value)
    after = without_retries(own)
    assert after is not before
    assert getattr(after, name) == getattr(own, name)
    assert without_retries(own) is after


def test_what_has_no_options_is_used_as_it_is() -> None:
    """A client of another make."""

    class Client:
        max_retries = 2

    own = Client()
    assert without_retries(own) is own


def test_a_client_that_nobody_holds_is_forgotten() -> None:
    """The copy does not keep it alive."""
    own = client()
    without_retries(own)
    gone = weakref.ref(own)
    del own
    gc.collect()
    assert gone() is None
