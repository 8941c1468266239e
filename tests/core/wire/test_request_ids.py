"""The id by which a platform knows a request."""

from __future__ import annotations

import httpx2

from unbroken.core.wire.request_ids import request_id


def test_a_request_is_known_by_the_id_that_its_platform_gives() -> None:
    """The API's own goes before Amazon's, where a gateway has both."""
    assert request_id(httpx2.Headers({"Request-Id": "req_1"})) == "req_1"
    assert request_id(httpx2.Headers({"x-amzn-RequestId": "ca47"})) == "ca47"
    assert request_id(httpx2.Headers({"x-amzn-requestid": "ca47", "request-id": "req_1"})) == "req_1"
    assert request_id(httpx2.Headers({"request-id": ""})) is None
    assert request_id(httpx2.Headers({"apim-request-id": "f1"})) == "f1"


def test_an_error_says_the_id_itself_where_no_header_does() -> None:
    """A gateway may have taken the header away."""
    headers, nothing = httpx2.Headers({"request-id": "req_1"}), httpx2.Headers()
    assert request_id(headers, {"request_id": "req_2"}) == "req_1"
    assert request_id(nothing, {"request_id": "req_2"}) == "req_2"
    for body in ({"request_id": None}, {"request_id": 7}, {}, "text", None):
        assert request_id(nothing, body) is None
