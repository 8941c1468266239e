"""Who listens to the log cannot kill who logs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from unbroken.logs import log, quietly


def broken(*_: Any, **__: Any) -> Any:
    """A listener that raises."""
    raise LookupError("no request in this context")


@contextmanager
def a_filter() -> Iterator[None]:
    logging.getLogger("unbroken").addFilter(broken)
    yield
    logging.getLogger("unbroken").removeFilter(broken)


@contextmanager
def a_handler() -> Iterator[None]:
    handler = logging.Handler()
    handler.emit = broken  # type: ignore[method-assign]
    logging.getLogger("unbroken").addHandler(handler)
    yield
    logging.getLogger("unbroken").removeHandler(handler)


@contextmanager
def a_record_factory() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(broken)
    yield
    logging.setLogRecordFactory(before)


LISTENERS: list[Callable[[], Any]] = [a_filter, a_handler, a_record_factory]


@pytest.mark.parametrize("listening", LISTENERS)
def test_what_a_listener_raises_is_dropped(listening: Callable[[], Any], caplog: pytest.LogCaptureFixture) -> None:
    """And when it is gone, what is logged arrives again."""
    with caplog.at_level(logging.INFO, "unbroken"):
        with listening():
            log(logging.INFO, "one")
        log(logging.INFO, "%s", "two")
    assert [record.getMessage() for record in caplog.records] == ["two"]
    assert caplog.records[0].filename == "test_logs.py"


def test_what_raises_gives_none(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged at level DEBUG, with its traceback; what does not raise gives what it gives."""
    with caplog.at_level("DEBUG", "unbroken"):
        assert quietly(lambda: 1 / 0)() is None
    assert caplog.records[0].exc_info is not None
    assert quietly(lambda: 5)() == 5
