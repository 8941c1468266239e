"""The same account has the same name everywhere, and its key is not to be read from it."""

from __future__ import annotations

from typing import Any

from anthropic import AsyncAnthropic

from unbroken.health.fleet.fingerprint import fingerprint, name_of


def of(**options: Any) -> str:
    return fingerprint(AsyncAnthropic(**{"api_key": "sk-ant-canary", "base_url": "http://api.test", **options}))


def test_clients_with_one_key_are_one() -> None:
    assert of() == of(max_retries=7)
    assert len({of(), of(api_key="other"), of(base_url="http://other.test")}) == 3
    assert "canary" not in of()


def test_a_stand_in_has_one_too() -> None:
    assert fingerprint(object()) == fingerprint(object())


def test_parts_are_not_run_together() -> None:
    assert name_of("ab", "c") != name_of("a", "bc")
