"""The error tree: what existing handlers catch, and what the error brings along."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final

import anthropic
import httpx2
import pytest

from unbroken import (
    BatchCanceled,
    BatchErrored,
    BatchExpired,
    BatchFailed,
    BatchTimeout,
    Deferred,
    Route,
    StreamFailed,
    StreamStalled,
    StreamTimeout,
    StreamTruncated,
    errors,
)
from unbroken.batches.request import Rest
from unbroken.core.message.partial import Partial
from unbroken.report import AttemptReport, Notice, Report
from unbroken.sdk import exceptions

REQUEST = httpx2.Request("POST", "http://test/v1/messages")


def status_error(status: int, type: str, request_id: str) -> anthropic.APIStatusError:
    """An error as the SDK raises it."""
    response = httpx2.Response(status, headers={"request-id": request_id}, request=REQUEST)
    body = {"type": "error", "error": {"type": type, "message": "No."}}
    return anthropic.APIStatusError("No.", response=response, body=body)


def failed(*errors: Exception, kind: type[StreamFailed] = StreamFailed) -> StreamFailed:
    """What is raised after these errors."""
    return kind("It failed.", request=REQUEST, partial=Partial(), report=Report(), errors=errors)


TREE = [
    (StreamFailed, (anthropic.APIError, anthropic.AnthropicError)),
    (StreamTimeout, (StreamFailed, TimeoutError, anthropic.APIError)),
    (BatchFailed, (StreamFailed, anthropic.APIError)),
    (BatchErrored, (BatchFailed,)),
    (BatchExpired, (BatchFailed,)),
    (BatchCanceled, (BatchFailed,)),
    (BatchTimeout, (BatchFailed, TimeoutError)),
    (StreamTruncated, (anthropic.APIConnectionError, anthropic.APIError)),
    (StreamStalled, (anthropic.APIConnectionError, anthropic.APIError)),
]


@pytest.mark.parametrize(("error", "caught_as"), TREE)
def test_handlers_of_the_sdks_errors_catch_ours(error: type[Exception], caught_as: tuple[type[Exception], ...]) -> None:
    """A deadline is a `TimeoutError` too."""
    assert all(issubclass(error, base) for base in caught_as)


def test_every_error_of_the_tree_is_a_name_of_the_errors_module() -> None:
    """`from unbroken.errors import StreamTruncated` is the same as from `unbroken`."""
    for error, _ in TREE:
        assert getattr(errors, error.__name__) is error
        assert error.__name__ in errors.__all__


def test_an_attempts_end_is_no_end_of_the_stream() -> None:
    """`except StreamFailed` does not catch what one attempt died of, nor the other way round."""
    assert not issubclass(StreamTruncated, StreamFailed)
    assert not issubclass(StreamFailed, anthropic.APIConnectionError)


def test_the_last_error_of_the_sdk_lends_its_facts() -> None:
    """Status, type, body and request id; every error, in order, is the cause."""
    errors = [
        status_error(429, "rate_limit_error", "req_1"),
        status_error(529, "overloaded_error", "req_2"),
        ValueError("not the SDK's"),
    ]
    error = failed(*errors)
    assert error.last is errors[1]
    assert (error.status_code, error.type, error.request_id) == (529, "overloaded_error", "req_2")
    assert error.body == {"type": "error", "error": {"type": "overloaded_error", "message": "No."}}
    assert isinstance(error.__cause__, ExceptionGroup)
    assert list(error.__cause__.exceptions) == errors
    assert str(error) == error.message == "It failed."
    assert error.request is REQUEST


def test_an_error_event_keeps_its_200() -> None:
    """The SDK's own convention: `.type` says what it was."""
    error = failed(status_error(200, "overloaded_error", "req_1"))
    assert (error.status_code, error.type) == (200, "overloaded_error")


def test_without_a_response_there_is_neither_status_nor_id() -> None:
    """A connection that was never made has no request id."""
    error = failed(anthropic.APIConnectionError(request=REQUEST))
    assert (error.status_code, error.type, error.request_id, error.body) == (None, None, None, None)


def test_a_truncated_or_stalled_response_is_known_by_its_id() -> None:
    """Where it had one."""
    for kind in (StreamTruncated, StreamStalled):
        error = kind("It ended.", request=REQUEST, request_id="req_1")
        assert (error.message, error.request_id) == ("It ended.", "req_1")
        assert kind("It ended.", request=REQUEST).request_id is None
        assert failed(error).request_id == "req_1"


def test_a_deadline_may_pass_in_the_first_attempt() -> None:
    """Then nothing has failed, and there is no cause."""
    error = failed(kind=StreamTimeout)
    assert (error.last, error.status_code, error.type, error.request_id) == (None, None, None, None)
    assert error.__cause__ is None
    with pytest.raises(TimeoutError):
        raise error


def test_the_partial_and_the_report_come_along() -> None:
    """They are what the caller saves."""
    error = failed()
    assert error.partial.to_dict() == Partial().to_dict()
    assert error.report == Report()


# -- copied, and sent to another process


def pickled(protocol: int) -> Callable[[Any], Any]:
    """What comes out of a pickle of that protocol."""
    return lambda error: pickle.loads(pickle.dumps(error, protocol))


ELSEWHERE: Final[dict[str, Callable[[Any], Any]]] = {
    **{f"pickle {protocol}": pickled(protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "twice": lambda error: pickled(0)(copy.copy(error)),
}
STREAMS: Final = [kind for kind, _ in TREE if issubclass(kind, StreamFailed)]

LAST: Final = status_error(429, "rate_limit_error", "req_2")
KEY: Final = "sk-ant-secret"


def told(kind: type[StreamFailed]) -> StreamFailed:
    """An error of which everything is known, after an attempt that brought something and one that did not."""
    partial = Partial()
    for event in (
        {"type": "message_start", "message": {"id": "msg_1", "model": "claude-opus-5-5", "usage": {"input_tokens": 3}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Half of"}},
    ):
        partial.apply(event)
    notice = Notice("cut", "the stream was cut: truncated", 1, "claude-opus-5-5", "req_1", 1.0)
    attempts = [
        AttemptReport(1, 0, "claude-opus-5-5", "request", 0.0, request_id="req_1", outcome="truncated", delivered=7),
        AttemptReport(2, 0, "claude-opus-5-5", "continue", 1.0, request_id="req_2", outcome="rate_limited", status=429),
    ]
    request = httpx2.Request(
        "POST", "http://user:secret@test/v1/messages", headers={"x-api-key": KEY}, content=b"secret"
    )
    error = kind(
        "It failed.",
        request=request,
        partial=partial,
        report=Report(attempts, [notice], outcome="failed", duration=2.0),
        errors=[StreamTruncated("It ended.", request=request, request_id="req_1"), LAST],
        original={"model": "claude-opus-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "secret"}]},
        routes=[Route(client=SimpleNamespace(api_key=KEY), model="claude-opus-5-5")],
        others_answered=True,
    )
    now = datetime(2026, 11, 29, tzinfo=UTC)
    error.deferred = Deferred(
        id="msgbatch_1",
        custom_id="rest",
        model="claude-opus-5-5",
        api="messages",
        created_at=now,
        expires_at=now,
        report=error.report,
        _rest=Rest(),
        _options={"extra_headers": {"x-api-key": KEY}, "betas": ["b-1"]},
        _client=SimpleNamespace(api_key=KEY),
    )
    if isinstance(error, BatchFailed):
        error.answer = {"type": "message", "content": []}
    return error


def documented(kind: type[Exception]) -> set[str]:
    """The attributes that the documentation of a class, and of those it is made of, names."""
    sections = [
        (each.__doc__ or "").partition("Attributes:")[2] for each in kind.__mro__ if each.__name__ in errors.__all__
    ]
    return {name for section in sections for name in re.findall(r"^ {8}(\w+): ", section, re.MULTILINE)}


@pytest.mark.parametrize("way", ELSEWHERE)
@pytest.mark.parametrize("kind", STREAMS)
def test_it_goes_to_another_process(kind: type[StreamFailed], way: str) -> None:
    """A worker hands the partial back to who asked: all that is documented goes along, but for `last`."""
    error = told(kind)
    error.add_note("It was the third today.")
    again = ELSEWHERE[way](error)
    assert type(again) is kind
    assert (str(again), again.message, repr(again)) == ("It failed.", "It failed.", repr(error))
    names = documented(kind)
    assert names >= {"partial", "report", "last", "status_code", "type", "request_id", "diagnosis", "deferred"}
    same = names - {"last", "partial", "deferred"}
    assert {name: getattr(again, name) for name in same} == {name: getattr(error, name) for name in same}
    assert (again.status_code, again.type, again.request_id) == (429, "rate_limit_error", "req_2")
    assert again.partial.to_dict() == error.partial.to_dict()
    assert again.partial.text == "Half of"
    assert again.deferred.to_dict() == error.deferred.to_dict()  # type: ignore[union-attr]
    assert again.__notes__ == ["It was the third today."]
    if way != "copy":
        assert again.deferred._client is None


@pytest.mark.parametrize("way", ELSEWHERE)
@pytest.mark.parametrize("kind", STREAMS)
def test_only_what_is_listed_goes_to_another_process(kind: type[StreamFailed], way: str) -> None:
    """Not the request, not the SDK's errors, and nothing that the SDK or others add to an error."""
    error = told(kind)
    error.__dict__["response"] = KEY
    again = ELSEWHERE[way](error)
    assert (again.last, again.body, again.__cause__, again.__context__) == (None, None, None, None)
    assert (again.request.method, again.request.url.path, again.request.content) == ("POST", "/v1/messages", b"")
    assert not hasattr(again, "response")
    assert set(vars(again)) <= set(vars(error)) | {"_diagnosis"}
    pickles = [pickle.dumps(each, protocol) for each in (error, again) for protocol in range(6)]
    assert not [data for data in pickles if b"secret" in data]


@pytest.mark.parametrize("way", ELSEWHERE)
@pytest.mark.parametrize("kind", [StreamTruncated, StreamStalled])
def test_what_an_attempt_died_of_goes_to_another_process(kind: type[StreamTruncated | StreamStalled], way: str) -> None:
    """In a group of errors, say; with its id, and without its request."""
    request = httpx2.Request("POST", "http://test", headers={"x-api-key": KEY}, content=b"secret")
    group = ELSEWHERE[way](ExceptionGroup("two", [kind("It ended.", request=request, request_id="req_1"), failed()]))
    again, _ = group.exceptions
    if way == "copy":  # which is that of the group alone
        again = copy.copy(again)
    assert type(again) is kind
    assert (str(again), again.message, again.request_id, again.body) == ("It ended.", "It ended.", "req_1", None)
    assert b"secret" not in pickle.dumps(again)
    assert again.request.method == "POST"


@pytest.mark.parametrize("way", ELSEWHERE)
@pytest.mark.parametrize(
    "last", [[], [anthropic.APIConnectionError(request=REQUEST)], [status_error(529, "overloaded_error", "req_2")]]
)
def test_what_is_not_known_is_none_there_too(last: list[Exception], way: str) -> None:
    """A deadline that passed in the first attempt, a connection that was never made."""
    error = failed(*last, kind=StreamTimeout)
    again = ELSEWHERE[way](error)
    assert (again.status_code, again.type, again.request_id) == (error.status_code, error.type, error.request_id)
    assert (again.deferred, again.last, again.report) == (None, None, Report())
    assert again.diagnosis == error.diagnosis
    with pytest.raises(TimeoutError):
        raise again


def test_all_of_ours_are_tested_here() -> None:
    """A new one says what of it is kept."""
    ours = [getattr(module, name) for module in (errors, exceptions) for name in module.__all__]
    raised = {each for each in ours if isinstance(each, type) and issubclass(each, Exception)}
    assert {kind for kind, _ in TREE} == raised


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_without_its_request_nothing_is_deferred() -> None:
    """It came from another process, or nobody knows where from."""
    for error in (failed(), pickle.loads(pickle.dumps(failed())), copy.copy(failed())):
        assert error.deferred is None
        with pytest.raises(ValueError, match="does not know its request"):
            await error.defer()
