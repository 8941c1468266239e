"""The SDK's warnings are about the caller's line, and nothing of the process's is changed for it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest

from unbroken.sdk.call_site import NOWHERE, CallSite


def warns(**said: Any) -> dict[str, Any]:
    """Warns as the SDK does."""
    warnings.warn("the model is deprecated", DeprecationWarning, stacklevel=3)
    return said


def wrapped(**said: Any) -> dict[str, Any]:
    """What a tracer puts around it."""
    return warns(**said)


@pytest.mark.parametrize("function", [warns, wrapped])
def test_a_warning_is_about_the_line(function: Callable[..., Any]) -> None:
    """Its file, its number; and what the function gives comes back."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert CallSite("answer.py", 7, "answer", {}).call(function, {"a": 1}) == {"a": 1}
    assert [(each.filename, each.lineno) for each in caught] == [("answer.py", 7)]


def test_the_filters_of_the_callers_module_hold() -> None:
    """They ask for the module's name, and a line is told of once."""
    registry: dict[Any, Any] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.filterwarnings("default", module="answer")
        CallSite("question.py", 7, "question", {}).call(warns, {})
        for line in (7, 7, 8):
            CallSite("answer.py", line, "answer", registry).call(warns, {})
    assert [each.lineno for each in caught] == [7, 8]


def test_a_frame_is_a_call_site() -> None:
    """Where it is at."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        CallSite.of(sys._getframe()).call(warns, {})
    assert [each.filename for each in caught] == [__file__]


def test_nobody_is_warned_nowhere() -> None:
    """Whatever the filters say; a Python that would warn all the same fails here."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert NOWHERE.call(warns, {"a": 1}) == {"a": 1}
    assert caught == []


def test_what_is_raised_comes_out() -> None:
    """As it is."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'model'"):
        NOWHERE.call(lambda: None, {"model": "m"})


def test_threads_leave_the_process_as_it_was() -> None:
    """They meet within the call, which is where filters that are exchanged would be mixed up."""
    shows: Any = warnings
    before = list(warnings.filters), warnings.showwarning, shows._showwarnmsg_impl
    together = Barrier(8)

    def work() -> None:
        for _ in range(15):
            NOWHERE.call(lambda: together.wait(10), {})

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (list(warnings.filters), warnings.showwarning, shows._showwarnmsg_impl) == before
