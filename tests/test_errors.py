"""The error tree: what existing handlers catch, and what the error brings along."""

from __future__ import annotations

import pickle

import anthropic
import httpx2
import pytest

from unbroken import (
    BatchCanceled,
    BatchErrored,
    BatchExpired,
    BatchFailed,
    BatchTimeout,
    StreamFailed,
    StreamStalled,
    StreamTimeout,
    StreamTruncated,
)
from unbroken.core.partial import Partial
from unbroken.report import Report

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


@pytest.mark.parametrize("kind", [StreamFailed, StreamTimeout])
@pytest.mark.parametrize(
    "last", [[], [anthropic.APIConnectionError(request=REQUEST)], [status_error(529, "overloaded_error", "req_2")]]
)
def test_it_goes_to_another_process(kind: type[StreamFailed], last: list[Exception]) -> None:
    """A worker hands the partial back to who asked; the facts come along, the cause does not."""
    error = failed(*last, kind=kind)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == "It failed."
    assert (again.status_code, again.type, again.request_id) == (error.status_code, error.type, error.request_id)
    assert again.partial.to_dict() == error.partial.to_dict()
    assert again.report == error.report


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_without_its_request_nothing_is_deferred() -> None:
    """It came from another process, or nobody knows where from."""
    for error in (failed(), pickle.loads(pickle.dumps(failed()))):
        assert error.deferred is None
        with pytest.raises(ValueError, match="does not know its request"):
            await error.defer()
