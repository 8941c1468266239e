"""What each code of a diagnosis means: whose problem it is, what it says, and what to do.

The order is that of precedence: where two codes were met equally often, the one that stands first heads the diagnosis.
What waiting will never mend stands before what it may.

The texts have places for what is known of the case: `{status}` is the HTTP status in brackets, with a space before it,
or nothing; `{models}` names those that were asked; `{more}` is a clause of the code's own, or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["ADVICE", "Advice", "Whose"]

#: `"everybody"`: it is not about you. `"service"`: the API's own fault. `"account"`: your key, limits or credit.
#: `"request"`: what you sent. `"network"`: what is between. `"model"`: what the model wrote. `"caller"`: what your
#: program asked for or did.
Whose = Literal["everybody", "service", "account", "request", "network", "model", "caller"]


@dataclass(frozen=True, slots=True)
class Advice:
    """What a code means.

    Attributes:
        whose: Whose problem it is.
        summary: One sentence, with places to be filled in.
        steps: What to do next, the most useful first.
    """

    whose: Whose
    summary: str
    steps: tuple[str, ...]


_WAIT: Final = "Ask again later, with waits that grow; Policy.max_attempts and max_backoff say how long a stream does."
_FALL_BACK: Final = "Name fallback_models, so that another model is asked."
_ASK_OTHERWISE: Final = (
    "Name fallback_models, or another Policy.continue_prompt: another model or wording may do what this one did not."
)
_BATCH: Final = "Send what is not urgent as a batch, with unbroken.defer()."
_STATUS_PAGE: Final = "Look at the API's status page; `unbroken doctor` asks it."
_SUPPORT: Final = "If it goes on, write to support with the request ids below."
_BISECT: Final = "Find the part that causes it with `unbroken doctor --bisect REQUEST.json`."
_NETWORK: Final = "Check the network between this machine and the API: proxy, firewall, gateway."

ADVICE: Final[Mapping[str, Advice]] = {
    # -- what waiting will never mend
    "no_credentials": Advice(
        "account",
        "The client has no valid credentials, or could not fetch them, and sent nothing.",
        ("Give the client a key: set ANTHROPIC_API_KEY, or what your platform reads instead.",),
    ),
    "authentication": Advice(
        "account",
        "The API does not accept this key{status}.",
        (
            "Check that the key is whole, of the right workspace, and neither deleted nor expired.",
            "Check that base_url and the key belong to the same platform.",
        ),
    ),
    "billing": Advice(
        "account",
        "The account cannot pay for the request{status}.",
        ("Buy credit or mend the payment details in the Console.", "Check that the key is of the account you mean."),
    ),
    "spend_limit": Advice(
        "account",
        "A spend limit of the account is reached{status}: every request fails until it is raised or its period ends.",
        ("Raise the spend limit in the Console, or wait for its period to end.", "Do not ask again before that."),
    ),
    "permission": Advice(
        "account",
        "This key may not do what the request asks for{status}.",
        ("Check which models, features and workspaces the key has access to.",),
    ),
    "not_found": Advice(
        "request",
        "The API does not know this model, {models}, or the address is wrong{status}.",
        (
            "Correct the model's name, or ask for access; `unbroken doctor --model NAME` tries it.",
            "Check base_url.",
        ),
    ),
    "too_large": Advice(
        "request",
        "The request is larger than the API takes{status}: 32 MB.",
        ("Send fewer or smaller files, or upload them with the Files API.", "Shorten the conversation."),
    ),
    "context_exceeded": Advice(
        "request",
        "The prompt is longer than the model's context window{status}{more}.",
        ("Shorten or summarise the conversation.", "Ask a model with a larger context window."),
    ),
    "long_context_limit": Advice(
        "account",
        "The account may not send a request of this length{status}, and waiting does not help.",
        ("Shorten the conversation to 200,000 tokens.", "Have long context enabled for the account."),
    ),
    "prefill_unsupported": Advice(
        "request",
        "The model accepts no prefilled assistant turn{status}.",
        ("End the conversation with a user turn.",),
    ),
    "invalid_request": Advice(
        "request",
        "The API rejects the request as invalid{status}{more}.",
        ("Correct what the API's own words name; they are in the exception, and not repeated here.",),
    ),
    "refused": Advice(
        "model",
        "The model refused to go on.",
        ("Read what had arrived before it (StreamFailed.partial).", "Put the request in other words."),
    ),
    # -- what waiting may mend
    "rate_limited": Advice(
        "account",
        "A rate limit of your account is reached{status}{more}.",
        (
            "Send less at a time: fewer requests at once, shorter prompts, a prompt cache (its reads hardly count).",
            "Name fallback_models of another rate-limit bucket, or ask for higher limits.",
            _BATCH,
        ),
    ),
    "acceleration_limit": Advice(
        "account",
        "The account's use grew faster than the API allows{status}.",
        ("Ramp traffic up gradually, and keep it even.", _BATCH),
    ),
    "overloaded": Advice(
        "everybody",
        "The API is overloaded{status}: that is everybody's problem, and not your account's.",
        (_WAIT, _FALL_BACK, _BATCH, _STATUS_PAGE),
    ),
    "likely_payload": Advice(
        "request",
        "Every request died of an internal error{status}: most likely something in the request causes it{more}.",
        (_BISECT, "Leave optional parameters, tools and the output format out by way of trial.", _SUPPORT),
    ),
    "server_error_intermittent": Advice(
        "service",
        "The API has internal errors{status} from time to time: of this stream, others were answered.",
        ("Allow more attempts: Policy.max_attempts.", _FALL_BACK, _SUPPORT),
    ),
    "server_error": Advice(
        "service",
        "The API had an internal error{status}{more}.",
        (_WAIT, _FALL_BACK, _BISECT, _STATUS_PAGE, _SUPPORT),
    ),
    "timed_out": Advice(
        "service",
        "The API did not get the answer done in its own time{status}.",
        ("Stream long answers, as resilient_stream and resilient_message do.", "Ask for less at a time.", _BATCH),
    ),
    "conflict": Advice(
        "request",
        "Another request was changing the same thing{status}.",
        ("Ask again, and not twice at the same time.",),
    ),
    "not_sendable": Advice(
        "caller",
        "The request could not be sent: its address is none of HTTP's, or a header has characters that none may have.",
        (
            "Check that base_url begins with https:// (or http://).",
            "Check the key and the headers of your own for line breaks, at their ends above all.",
        ),
    ),
    "not_sent": Advice(
        "caller",
        "The request could not be made, and nothing was sent{more}.",
        (
            "Read the exception itself: it is the cause of this error, and of the program's side.",
            "Check what is wrapped around the client, its hooks, and the request for text that is no Unicode.",
        ),
    ),
    "client_closed": Advice(
        "caller",
        "The client, or the http_client that it was given, was closed before the request.",
        ("Keep the client open for as long as it is used; make one for the whole program.",),
    ),
    "not_a_stream": Advice(
        "network",
        "The answer was no stream of events{more}.",
        (
            "Check base_url, and what stands between: a login page, a proxy's page, a gateway that does not stream.",
            _NETWORK,
        ),
    ),
    "no_resources": Advice(
        "caller",
        "This process had no file descriptor, local port or memory left for a connection.",
        (
            "Close streams, files and connections that are done with, or raise the limit (ulimit -n).",
            "Use one client for the whole program.",
        ),
    ),
    "connection_tls": Advice(
        "network",
        "No secure connection to the API could be made: TLS failed.",
        ("Check this machine's clock and certificates, and whether a proxy puts its own in the way.",),
    ),
    "connection_dns": Advice(
        "network",
        "The name of the API's host could not be resolved (DNS).",
        ("Check base_url, and this machine's DNS and network.",),
    ),
    "connection_proxy": Advice(
        "network",
        "The proxy did not let the request through.",
        ("Check HTTPS_PROXY and its like, and what the proxy allows.",),
    ),
    "connection_refused": Advice(
        "network",
        "The connection to the API was refused: nobody listens at its address.",
        ("Check base_url, host and port.", _NETWORK),
    ),
    "connection_unreachable": Advice(
        "network",
        "The API's address cannot be reached from this machine.",
        ("Check that this machine is online.", _NETWORK),
    ),
    "connection_timeout": Advice(
        "network",
        "No connection to the API came about in time.",
        (_NETWORK, "Raise the connect timeout of the client (timeout=)."),
    ),
    "connection_pool": Advice(
        "caller",
        "No connection of the client's pool became free in time.",
        ("Close streams that are done with, or raise the limits of the client's http_client.",),
    ),
    "connection_lost": Advice(
        "network",
        "The connection to the API broke.",
        (_NETWORK, "Allow more attempts: Policy.max_attempts."),
    ),
    "connection": Advice(
        "network",
        "The connection to the API failed.",
        (_NETWORK, "Allow more attempts: Policy.max_attempts."),
    ),
    "stalled": Advice(
        "network",
        "The connection stayed open, and for too long nothing came, or no content.",
        (
            "Let models that think in silence think: raise Policy.progress_timeout and first_content_timeout.",
            _FALL_BACK,
            _NETWORK,
        ),
    ),
    "slow": Advice(
        "service",
        "The answer came more slowly than Policy.min_chars_per_second.",
        (_FALL_BACK, "Lower Policy.min_chars_per_second."),
    ),
    "truncated": Advice(
        "network",
        "The response ended, as if it were whole, before the message did.",
        (_NETWORK, "Allow more attempts: Policy.max_attempts.", _SUPPORT),
    ),
    "malformed": Advice(
        "network",
        "What came was no stream of the API's events.",
        ("Check base_url, and what a proxy or gateway makes of responses.", _SUPPORT),
    ),
    "seam_unmatched": Advice(
        "model",
        "The model's continuations did not join what had been delivered.",
        (
            "Use what had arrived (StreamFailed.partial), or ask anew.",
            _ASK_OTHERWISE,
        ),
    ),
    "nothing_added": Advice(
        "model",
        "What had been delivered looks unfinished, and the model added nothing to it.",
        (
            "Use what had arrived (StreamFailed.partial) if it is all, or ask anew.",
            _ASK_OTHERWISE,
        ),
    ),
    "invalid_document": Advice(
        "model",
        "The model's continuations did not make the document that was asked for.",
        ("Ask anew.", "Ask for a smaller document."),
    ),
    # -- what came from this side
    "deadline": Advice(
        "caller",
        "The deadline passed before the message was whole.",
        ("Raise Policy.deadline, or ask for less.", "Race several models with Policy(hedging=...)."),
    ),
    "not_asked": Advice(
        "service",
        "Nothing was asked: other streams had just seen every route fail, and Health keeps them from being asked.",
        ("Ask again later; Health.snapshot() tells when.", _FALL_BACK, "Raise Policy.max_retry_after.", _STATUS_PAGE),
    ),
    "batch_expired": Advice(
        "service",
        "The batch was not answered within the 24 hours that it has.",
        ("Send it again, with unbroken.defer() or as a stream.",),
    ),
    "batch_canceled": Advice(
        "caller",
        "The batch was cancelled before the request was answered.",
        ("Send it again if it is still wanted.",),
    ),
    "batch_timeout": Advice(
        "caller",
        "The batch has not ended within the time that was given; it goes on.",
        ("Ask it for its result again later.",),
    ),
    "batch_failed": Advice(
        "service",
        "The batch has brought no whole message.",
        ("Send it again, with unbroken.defer() or as a stream.", "Fetch results within 29 days."),
    ),
    "closed": Advice(
        "caller",
        "The stream was closed before its message was whole.",
        ("Read it to its end, or use what had arrived (StreamFailed.partial).",),
    ),
}
