"""What `SharedHealth` takes, and what it is without a loop; `test_processes.py` has fleets."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken import SharedHealth

URL = "redis://user:secret@127.0.0.1:1/0"


@pytest.mark.parametrize(
    ("url", "options", "error"),
    [
        ("http://x", {}, ValueError),
        (URL, {"prefix": "{a}"}, ValueError),
        (URL, {"timeout": 0}, ValueError),
        (URL, {"max_retries": 0}, ValueError),
        (URL, {"unknown": 1}, TypeError),
    ],
)
def test_what_is_out_of_range(url: str, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        SharedHealth(url, **options)


def test_it_does_not_show_the_password() -> None:
    assert repr(SharedHealth(URL)) == "SharedHealth('redis://127.0.0.1:1/0')"


def test_where_no_event_loop_runs_it_is_a_health() -> None:
    health = SharedHealth(URL)
    assert not health.readiness(object(), "claude-opus-5-5").open_for
    assert not health.take_retry()
    assert health.snapshot()["fleet"]["age"] is None
