"""What went wrong, as a value: the tables of the API's error page and of the SDK's exceptions."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import anthropic
import httpx2
import pytest
from botocore.loaders import Loader
from google.auth.exceptions import RefreshError
from hypothesis import example, given
from hypothesis import strategies as st

from unbroken.core.classification import PREFILL_UNSUPPORTED, classify, is_error, not_sent, retry_after_seconds
from unbroken.core.failure import Failure, Kind, Verdict, of_kind

NOW = 1_800_000_000.0
ERROR = anthropic.APIError("it died", httpx2.Request("POST", "/v1/messages"), body=None)


def body_of(type: str, message: str = "", error_code: str | None = None) -> dict[str, Any]:
    """An error body as the API sends it."""
    details = None if error_code is None else {"error_code": error_code}
    return {"type": "error", "error": {"type": type, "message": message, "details": details}, "request_id": "req_1"}


def classified(status: int, body: object = None, **headers: str) -> Failure:
    """The failure of a response; underscores in the names of headers stand for hyphens."""
    by_name = httpx2.Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return classify(ERROR, status=status, body=body, headers=by_name, now=NOW)


BY_STATUS = [
    # status, error.type, what it is, what may be done
    (400, "invalid_request_error", Kind.INVALID_REQUEST, Verdict.REJECTED),
    (401, "authentication_error", Kind.AUTHENTICATION, Verdict.CLIENT),
    (402, "billing_error", Kind.BILLING, Verdict.CLIENT),
    (403, "permission_error", Kind.PERMISSION, Verdict.CLIENT),
    (404, "not_found_error", Kind.NOT_FOUND, Verdict.ELSEWHERE),
    (408, None, Kind.TIMED_OUT, Verdict.RETRY),
    (409, "conflict_error", Kind.CONFLICT, Verdict.RETRY),
    (412, None, Kind.INVALID_REQUEST, Verdict.REJECTED),
    (413, "request_too_large", Kind.INVALID_REQUEST, Verdict.REJECTED),
    (422, None, Kind.INVALID_REQUEST, Verdict.REJECTED),
    (429, "rate_limit_error", Kind.RATE_LIMITED, Verdict.RETRY),
    (431, None, Kind.INVALID_REQUEST, Verdict.REJECTED),
    (499, None, Kind.INVALID_REQUEST, Verdict.REJECTED),
    (500, "api_error", Kind.SERVER_ERROR, Verdict.RETRY),
    (501, None, Kind.SERVER_ERROR, Verdict.RETRY),
    (502, None, Kind.SERVER_ERROR, Verdict.RETRY),
    (503, None, Kind.SERVER_ERROR, Verdict.RETRY),
    (504, "timeout_error", Kind.TIMED_OUT, Verdict.RETRY),
    (520, None, Kind.SERVER_ERROR, Verdict.RETRY),
    (529, "overloaded_error", Kind.OVERLOADED, Verdict.RETRY),
]


@pytest.mark.parametrize(("status", "type", "kind", "verdict"), BY_STATUS)
def test_each_status_of_the_error_page(status: int, type: str | None, kind: Kind, verdict: Verdict) -> None:
    """With its documented body, with none, and with a gateway's page of HTML: a status says the same."""
    told = classified(status, type and body_of(type))
    assert told == Failure(kind, verdict, ERROR, status=status, type=type)
    for body in (None, "<html>Bad gateway</html>", {"error": "overloaded"}, {"error": {"type": 7}}, [], b""):
        assert classified(status, body) == Failure(kind, verdict, ERROR, status=status)


INSIDE_A_STREAM = [
    ("overloaded_error", Kind.OVERLOADED, Verdict.RETRY),
    ("api_error", Kind.SERVER_ERROR, Verdict.RETRY),
    ("rate_limit_error", Kind.RATE_LIMITED, Verdict.RETRY),
    ("timeout_error", Kind.TIMED_OUT, Verdict.RETRY),
    ("conflict_error", Kind.CONFLICT, Verdict.RETRY),
    ("authentication_error", Kind.AUTHENTICATION, Verdict.CLIENT),
    ("billing_error", Kind.BILLING, Verdict.CLIENT),
    ("permission_error", Kind.PERMISSION, Verdict.CLIENT),
    ("not_found_error", Kind.NOT_FOUND, Verdict.ELSEWHERE),
    ("invalid_request_error", Kind.INVALID_REQUEST, Verdict.REJECTED),
    ("request_too_large", Kind.INVALID_REQUEST, Verdict.REJECTED),
    ("an_error_of_next_year", Kind.SERVER_ERROR, Verdict.RETRY),
]


@pytest.mark.parametrize(("type", "kind", "verdict"), INSIDE_A_STREAM)
def test_an_error_event_is_known_by_its_type(type: str, kind: Kind, verdict: Verdict) -> None:
    """Its status is 200, so the type decides, and a 200's headers say nothing about it."""
    failure = classified(200, body_of(type), retry_after="9", x_should_retry="false")
    assert failure == Failure(kind, verdict, ERROR, status=200, type=type)


def test_an_error_event_that_cannot_be_read_is_the_servers_trouble() -> None:
    """Its data may be anything: half a line, or a string."""
    assert classified(200, '{"type": "err').kind is Kind.SERVER_ERROR


@pytest.mark.parametrize("status", [500, 502, 503])
def test_behind_a_gateways_5xx_the_type_knows_better(status: int) -> None:
    """A proxy that says 503 for an overload hands the API's own body on."""
    assert classified(status, body_of("overloaded_error")).kind is Kind.OVERLOADED
    assert classified(status, body_of("rate_limit_error")).kind is Kind.RATE_LIMITED


def test_a_4xx_is_known_by_its_status_whatever_its_body_says() -> None:
    """Some gateways wrap every error as `api_error`."""
    assert classified(401, body_of("api_error")).kind is Kind.AUTHENTICATION
    assert classified(429, body_of("overloaded_error")).kind is Kind.RATE_LIMITED


@pytest.mark.parametrize("code", ["enforced_spend_limit_reached", "contract_spend_limit_reached"])
def test_a_spend_cap_is_no_rate_limit(code: str) -> None:
    """It keeps failing until access resumes, whatever a header says about trying again."""
    failure = classified(429, body_of("rate_limit_error", error_code=code), x_should_retry="true")
    assert (failure.kind, failure.verdict) == (Kind.SPEND_LIMIT, Verdict.CLIENT)


def test_a_cap_on_growth_is_a_rate_limit() -> None:
    """`ramp_limit_exceeded` comes with a `retry-after` and goes away."""
    failure = classified(429, body_of("rate_limit_error", error_code="ramp_limit_exceeded"), retry_after="30")
    assert (failure.kind, failure.verdict, failure.retry_after) == (Kind.RATE_LIMITED, Verdict.RETRY, 30.0)


def test_prefill_unsupported_is_known_by_the_apis_own_words() -> None:
    """That 400 has no code; everything else that a 400 says is about the request."""
    words = "This model does not support assistant message prefill. The conversation must end with a user message."
    assert PREFILL_UNSUPPORTED in words
    assert classified(400, body_of("invalid_request_error", words)).kind is Kind.PREFILL_UNSUPPORTED
    other = "messages: final assistant content cannot end with trailing whitespace"
    assert classified(400, body_of("invalid_request_error", other)).kind is Kind.INVALID_REQUEST


# -- other platforms


#: As botocore's model of `bedrock-runtime` has them: the exception, its status, what it is, what may be done.
OF_BEDROCK = [
    ("AccessDeniedException", 403, Kind.PERMISSION, Verdict.ELSEWHERE),
    ("InternalServerException", 500, Kind.SERVER_ERROR, Verdict.RETRY),
    ("ModelErrorException", 424, Kind.SERVER_ERROR, Verdict.RETRY),
    ("ModelNotReadyException", 429, Kind.OVERLOADED, Verdict.RETRY),
    ("ModelStreamErrorException", 424, Kind.SERVER_ERROR, Verdict.RETRY),
    ("ModelTimeoutException", 408, Kind.TIMED_OUT, Verdict.RETRY),
    ("ResourceNotFoundException", 404, Kind.NOT_FOUND, Verdict.ELSEWHERE),
    ("ServiceQuotaExceededException", 400, Kind.RATE_LIMITED, Verdict.RETRY),
    ("ServiceUnavailableException", 503, Kind.OVERLOADED, Verdict.RETRY),
    ("ThrottlingException", 429, Kind.RATE_LIMITED, Verdict.RETRY),
    ("ValidationException", 400, Kind.INVALID_REQUEST, Verdict.REJECTED),
]


def test_bedrocks_exceptions_are_all_there() -> None:
    """Those of its own model of the call, with their statuses."""
    model = Loader().load_service_model("bedrock-runtime", "service-2")
    errors = model["operations"]["InvokeModelWithResponseStream"]["errors"]
    statuses = {error["shape"]: model["shapes"][error["shape"]]["error"]["httpStatusCode"] for error in errors}
    assert statuses == {name: status for name, status, _, _ in OF_BEDROCK}
    inside = set(model["shapes"]["ResponseStream"]["members"]) - {"chunk"}
    assert inside <= {name[0].lower() + name[1:] for name in statuses}


@pytest.mark.parametrize(("name", "status", "kind", "verdict"), OF_BEDROCK)
def test_an_exception_of_bedrocks_is_known_by_its_name(name: str, status: int, kind: Kind, verdict: Verdict) -> None:
    """In the header of a response, with an address behind it, and in a stream, where it begins with a small letter."""
    body = {"message": "It went wrong."}
    for header in (name, f"{name}:http://internal.amazon.com/coral/com.amazon.bedrock/"):
        told = classified(status, body, x_amzn_errortype=header)
        assert told == Failure(kind, verdict, ERROR, status=status, type=name)
    inside = name[0].lower() + name[1:]
    assert classified(200, body_of(inside)) == Failure(kind, verdict, ERROR, status=200, type=inside)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("ExpiredTokenException", 403),
        ("IncompleteSignature", 400),
        ("InvalidSignatureException", 403),
        ("MissingAuthenticationTokenException", 403),
        ("UnrecognizedClientException", 403),
    ],
)
def test_a_signature_that_amazon_does_not_take_is_the_clients(name: str, status: int) -> None:
    """As a wrong key is."""
    failure = classified(status, {"message": "The security token is invalid."}, x_amzn_errortype=name)
    assert (failure.kind, failure.verdict) == (Kind.AUTHENTICATION, Verdict.CLIENT)


def test_an_exception_that_is_not_in_the_table_is_known_by_its_status() -> None:
    """Amazon has many; inside a stream it is the server's trouble."""
    assert classified(500, {"message": ""}, x_amzn_errortype="InternalFailure").kind is Kind.SERVER_ERROR
    assert classified(404, {}, x_amzn_errortype="FTUFormNotFilled").verdict is Verdict.ELSEWHERE
    assert classified(200, body_of("somethingNewException")).kind is Kind.SERVER_ERROR


def test_prefill_unsupported_is_known_by_its_words_on_bedrock_too() -> None:
    """It hands the API's words on as its own message."""
    words = "This model does not support assistant message prefill. The conversation must end with a user message."
    failure = classified(400, {"message": words}, x_amzn_errortype="ValidationException")
    assert failure.kind is Kind.PREFILL_UNSUPPORTED
    assert classified(200, body_of("validationException", words)).kind is Kind.PREFILL_UNSUPPORTED


def test_a_model_that_bedrock_does_not_know_is_not_found() -> None:
    """By Bedrock's words (recorded), which are a `ValidationException`: another model may be asked. Elsewhere not."""
    words = "The provided model identifier is invalid."
    failure = classified(400, {"message": words}, x_amzn_errortype="ValidationException:http://internal.amazon.com/")
    assert (failure.kind, failure.verdict) == (Kind.NOT_FOUND, Verdict.ELSEWHERE)
    assert classified(400, body_of("invalid_request_error", words)).kind is Kind.INVALID_REQUEST


@pytest.mark.parametrize(
    ("status", "name", "kind"),
    [
        (401, "UNAUTHENTICATED", Kind.AUTHENTICATION),
        (403, "PERMISSION_DENIED", Kind.PERMISSION),
        (404, "NOT_FOUND", Kind.NOT_FOUND),
        (429, "RESOURCE_EXHAUSTED", Kind.RATE_LIMITED),
        (503, "UNAVAILABLE", Kind.SERVER_ERROR),
        (504, "DEADLINE_EXCEEDED", Kind.TIMED_OUT),
    ],
)
def test_googles_own_errors_are_known_by_their_status(status: int, name: str, kind: Kind) -> None:
    """They have no `error.type`, and their details are a list; from a stream they come in a list themselves."""
    body = {"error": {"code": status, "message": "No.", "status": name, "details": [{"reason": "X"}]}}
    assert classified(status, body).kind is classified(status, [body]).kind is kind
    assert classified(status, body).type is None


def test_a_request_that_could_not_be_sent_rules_its_client_out() -> None:
    """Credentials that are not there are not there for the next request either; the error is kept as it is."""
    error = RuntimeError("Could not resolve AWS credentials from session")
    assert not_sent(error) == Failure(Kind.AUTHENTICATION, Verdict.CLIENT, error)


def test_credentials_that_could_not_be_refreshed_just_now_are_worth_another_try() -> None:
    """If Google's library says so."""
    assert not_sent(RefreshError("later", retryable=True)).verdict is Verdict.RETRY
    assert not_sent(RefreshError("never", retryable=False)).verdict is Verdict.CLIENT


class CredentialsError(anthropic.AnthropicError):
    """As the SDK's own are named."""


CredentialsError.__module__ = "anthropic.lib.credentials"


class NoCredentialsError(Exception):
    """As Amazon's library raises it."""


NoCredentialsError.__module__ = "botocore.exceptions"


def from_(error: Exception, cause: Exception) -> Exception:
    """An error that came of another one."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TypeError('"Could not resolve authentication method. Expected one of api_key, ..."'), Kind.AUTHENTICATION),
        (RuntimeError("Could not resolve API token from the environment"), Kind.AUTHENTICATION),
        (ValueError("Unable to handle auth"), Kind.AUTHENTICATION),
        (CredentialsError("The file is not there."), Kind.AUTHENTICATION),
        (NoCredentialsError("Unable to locate."), Kind.AUTHENTICATION),
        (from_(LookupError("none"), NoCredentialsError("Unable to locate.")), Kind.AUTHENTICATION),
        ("\ud83d credential", Kind.NOT_SENT),
        (TypeError("stream() got an unexpected keyword argument 'max_tokens'"), Kind.NOT_SENT),
        (TypeError("Object of type set is not JSON serializable"), Kind.NOT_SENT),
        (KeyError("credential"), Kind.NOT_SENT),
        (RuntimeError("Cannot send a request, as the client has been closed."), Kind.NOT_SENT),
    ],
    ids=repr,
)
def test_only_what_is_about_credentials_is_told_as_that(error: Exception | str, kind: Kind) -> None:
    """All else is a mistake on this side; both rule the client out."""
    if isinstance(error, str):
        with pytest.raises(UnicodeEncodeError) as caught:
            error.encode()
        error = caught.value
    assert not_sent(error) == Failure(kind, Verdict.CLIENT, error)


@pytest.mark.parametrize(
    ("body", "known"),
    [
        (body_of("authentication_error"), True),
        (body_of("throttlingException"), True),
        (body_of("gateway_mood"), False),
        ({"error": "no"}, False),
        ({"type": "message"}, False),
        ([], False),
        (None, False),
    ],
    ids=repr,
)
def test_an_error_is_known_by_its_type(body: object, known: bool) -> None:
    """Whatever the status."""
    assert is_error(body) is known


SHOULD_RETRY = [
    # status, x-should-retry, what may be done
    (529, "true", Verdict.RETRY),
    (529, "false", Verdict.ELSEWHERE),
    (500, "false", Verdict.ELSEWHERE),
    (400, "true", Verdict.RETRY),
    (401, "true", Verdict.RETRY),
    (404, "true", Verdict.RETRY),
    (400, "false", Verdict.REJECTED),
    (401, "false", Verdict.CLIENT),
    (404, "false", Verdict.ELSEWHERE),
    (529, "perhaps", Verdict.RETRY),
]


@pytest.mark.parametrize(("status", "header", "verdict"), SHOULD_RETRY)
def test_x_should_retry_is_obeyed(status: int, header: str, verdict: Verdict) -> None:
    """ "true": the same request may succeed; "false": not here, but perhaps elsewhere. It makes no refusal milder."""
    failure = classified(status, x_should_retry=header)
    assert failure.verdict is verdict
    assert failure.kind is classified(status).kind, "what happened stays what it is"


def in_an_hour(zone: str = "GMT") -> str:
    """A date an hour after `NOW`, in the form of HTTP."""
    return format_datetime(datetime.fromtimestamp(NOW, UTC) + timedelta(hours=1), usegmt=True).replace("GMT", zone)


RETRY_AFTER = [
    # headers, seconds
    ({}, None),
    ({"retry-after": "2"}, 2.0),
    ({"retry-after": " 2 "}, 2.0),
    ({"retry-after": "0.25"}, 0.25),
    ({"retry-after": "0"}, 0.0),
    ({"retry-after": "3600"}, 3600.0),
    ({"retry-after-ms": "1500"}, 1.5),
    ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
    ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
    ({"retry-after": in_an_hour()}, 3600.0),
    ({"retry-after": in_an_hour("+0100")}, 0.0),  # noon in Berlin is eleven in London
    ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ({"retry-after": "Wed, 99 Foo 2015"}, None),
    ({"retry-after": "soon"}, None),
    ({"retry-after": ""}, None),
    ({"retry-after": "-1"}, None),
    ({"retry-after": "nan"}, None),
    ({"retry-after": "inf"}, None),
    ({"retry-after": "1e999"}, None),
    ({"retry-after": "9" * 400}, None),
    ({"retry-after": "1_000"}, None),
    ({"retry-after": "1e3"}, None),
    ({"retry-after": "+3"}, None),
    ({"retry-after-ms": "1_000", "retry-after": "9"}, 9.0),
    ({"retry-after-ms": "-1"}, None),
    ({"retry-after-ms": "nan"}, None),
    ({"retry-after-ms": "nan", "retry-after": "nan"}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), RETRY_AFTER)
def test_retry_after_in_every_form_that_servers_write_it(headers: dict[str, str], seconds: float | None) -> None:
    """Milliseconds before seconds before a date; nonsense is nothing said."""
    assert retry_after_seconds(httpx2.Headers(headers), NOW) == seconds


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone cannot be set here")
def test_a_date_without_a_zone_is_in_greenwich(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP dates are, wherever the program runs; the oldest form does not say so."""
    date = time.strftime("%a %b %d %H:%M:%S %Y", time.gmtime(NOW + 60))
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        seconds = retry_after_seconds({"retry-after": date}, NOW)
    time.tzset()
    assert seconds == 60.0


@given(st.text(max_size=40))
def test_whatever_the_header_says_the_wait_is_a_number_or_nothing(value: str) -> None:
    """A peer's nonsense never raises, and never asks to wait for ever."""
    for name in ("retry-after", "retry-after-ms"):
        seconds = retry_after_seconds({name: value}, NOW)
        assert seconds is None or 0 <= seconds < float("inf")


def test_the_wait_is_part_of_the_failure() -> None:
    """Of any status, not of 429 alone."""
    for status in (429, 503, 529):
        assert classified(status, retry_after="2").retry_after == 2.0


SCALARS = st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.lists(st.integers(), max_size=1)
DETAILS = st.fixed_dictionaries({}, optional={"error_code": SCALARS | st.just({})})
ERRORS = st.fixed_dictionaries({}, optional={"type": SCALARS, "message": SCALARS, "details": SCALARS | DETAILS})
BODIES = SCALARS | st.fixed_dictionaries({}, optional={"type": SCALARS, "error": SCALARS | ERRORS})


@given(st.integers(200, 599), BODIES)
@example(429, {"error": {"type": [], "message": {}, "details": {"error_code": ["enforced_spend_limit_reached"]}}})
@example(429, {"error": {"details": {"error_code": {}}}})
def test_no_body_is_too_strange(status: int, body: object) -> None:
    """Whatever a proxy answers becomes a failure of some kind."""
    failure = classified(status, body)
    assert failure.status == status
    assert failure.type is None or isinstance(failure.type, str)


WITHOUT_A_WORD_FROM_THE_SERVER = [
    (Kind.CONNECTION, Verdict.RETRY),
    (Kind.STALLED, Verdict.RETRY),
    (Kind.TRUNCATED, Verdict.RETRY),
    (Kind.MALFORMED, Verdict.RETRY),
    (Kind.SEAM_UNMATCHED, Verdict.RETRY),
    (Kind.REFUSED, Verdict.ELSEWHERE),
]


@pytest.mark.parametrize(("kind", "verdict"), WITHOUT_A_WORD_FROM_THE_SERVER)
def test_failures_that_the_server_said_nothing_about(kind: Kind, verdict: Verdict) -> None:
    """A broken connection, silence, the end of the file: tried again; a refusal: elsewhere."""
    assert of_kind(kind, ERROR) == Failure(kind, verdict, ERROR)
    assert of_kind(kind, ERROR, status=200, clean_end=True) == Failure(kind, verdict, ERROR, status=200, clean_end=True)


def test_every_kind_has_a_verdict_and_a_name_of_its_own() -> None:
    """The name is the `outcome` of the report."""
    for kind in Kind:
        assert isinstance(of_kind(kind, ERROR).verdict, Verdict)
        assert kind == kind.name.lower()


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"error": {"type": "odd\x1b[2J\nerror\u202e"}}, {}),
        ({}, {"x-amzn-errortype": "odd\x9b[2J error:http://internal.example/"}),
    ],
)
def test_a_type_is_printable(body: object, headers: dict[str, str]) -> None:
    """It goes into the report, the log and spans, and comes from the network."""
    failure = classify(ValueError(), status=500, body=body, headers=headers, now=0)
    assert failure.type == "odd [2J error"


def test_a_type_that_is_none_is_none() -> None:
    """Nothing to be seen, or no text."""
    for type_ in ("\x1b", 5, None):
        assert (
            classify(ValueError(), status=500, body={"error": {"type": type_, "a": 1}}, headers={}, now=0).type is None
        )
