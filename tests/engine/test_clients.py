"""The caller's clients: no retries of their own, and one copy for each."""

from __future__ import annotations

import gc
import weakref

from anthropic import AsyncAnthropic

from unbroken.engine.clients import without_retries


def test_a_client_that_does_not_retry_is_used_as_it_is() -> None:
    client = AsyncAnthropic(api_key="k", max_retries=0)
    assert without_retries(client) is client


def test_a_client_that_retries_is_copied_once_and_shares_its_connections() -> None:
    client = AsyncAnthropic(api_key="k", max_retries=5)
    quiet = without_retries(client)
    assert quiet.max_retries == 0
    assert client.max_retries == 5
    assert quiet._client is client._client
    assert without_retries(client) is quiet


def test_a_key_that_was_changed_is_the_one_that_is_sent() -> None:
    client = AsyncAnthropic(api_key="old")
    without_retries(client)
    client.api_key = "new"
    assert without_retries(client).api_key == "new"


def test_the_copy_does_not_keep_its_client_alive() -> None:
    client = AsyncAnthropic(api_key="k")
    without_retries(client)
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None


def test_a_stand_in_without_options_is_used_as_it_is() -> None:
    stand_in = object()
    assert without_retries(stand_in) is stand_in
