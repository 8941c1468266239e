"""What each code of a diagnosis means: whose problem it is, what it says, and what to do.

The order is that of precedence: where two codes were met equally often, the one that stands first heads the diagnosis.
What waiting will never mend stands before what it may.

The texts have places for what is known of the case: `{status}` is the HTTP status in brackets, with a space before it,
or nothing; `{models}` names those that were asked; `{more}` is a clause of the code's own, or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .remedies import ASK_OTHERWISE, BATCH, BISECT, FALL_BACK, STATUS_PAGE, SUPPORT, WAIT, Advice, Whose
from .transport_advice import TRANSPORT

__all__ = ["ADVICE", "Advice", "Whose"]

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
            BATCH,
        ),
    ),
    "acceleration_limit": Advice(
        "account",
        "The account's use grew faster than the API allows{status}.",
        ("Ramp traffic up gradually, and keep it even.", BATCH),
    ),
    "overloaded": Advice(
        "everybody",
        "The API is overloaded{status}: that is everybody's problem, and not your account's.",
        (WAIT, FALL_BACK, BATCH, STATUS_PAGE),
    ),
    "likely_payload": Advice(
        "request",
        "Every request died of an internal error{status}: most likely something in the request causes it{more}.",
        (BISECT, "Leave optional parameters, tools and the output format out by way of trial.", SUPPORT),
    ),
    "server_error_intermittent": Advice(
        "service",
        "The API has internal errors{status} from time to time: of this stream, others were answered.",
        ("Allow more attempts: Policy.max_attempts.", FALL_BACK, SUPPORT),
    ),
    "server_error": Advice(
        "service",
        "The API had an internal error{status}{more}.",
        (WAIT, FALL_BACK, BISECT, STATUS_PAGE, SUPPORT),
    ),
    "timed_out": Advice(
        "service",
        "The API did not get the answer done in its own time{status}.",
        ("Stream long answers, as resilient_stream and resilient_message do.", "Ask for less at a time.", BATCH),
    ),
    "conflict": Advice(
        "request",
        "Another request was changing the same thing{status}.",
        ("Ask again, and not twice at the same time.",),
    ),
    **TRANSPORT,
    "seam_unmatched": Advice(
        "model",
        "The model's continuations did not join what had been delivered.",
        (
            "Use what had arrived (StreamFailed.partial), or ask anew.",
            ASK_OTHERWISE,
        ),
    ),
    "nothing_added": Advice(
        "model",
        "What had been delivered looks unfinished, and the model added nothing to it.",
        (
            "Use what had arrived (StreamFailed.partial) if it is all, or ask anew.",
            ASK_OTHERWISE,
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
        ("Ask again later; Health.snapshot() tells when.", FALL_BACK, "Raise Policy.max_retry_after.", STATUS_PAGE),
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
    "stopped": Advice(
        "caller",
        "The stream was stopped before its message was whole.",
        ("Use what had arrived (StreamFailed.partial), or ask anew under another id.",),
    ),
    "journal": Advice(
        "caller",
        "The journal cannot be read or written any more.",
        (
            "Look after the journal; the stream can be gone on with under its id when it is back.",
            "Raise Policy.journal_patience if it is away for longer now and then.",
        ),
    ),
    "journal_full": Advice(
        "caller",
        "The journal has no room for more of this stream.",
        ("Make room, or raise the journal's max_bytes, and go on with the stream under its id.",),
    ),
    "poison": Advice(
        "caller",
        "The stream has ended its workers, one after another, without a new character.",
        (
            "Look at why they ended: memory, a time limit, a crash in code that listens to it.",
            "Ask for it once more under its id when that is mended.",
        ),
    ),
    "rewind": Advice(
        "caller",
        "The journal has lost what this reader was shown.",
        ("Read the stream once more from its start.", "Let Redis write an append-only file that is synced more often."),
    ),
    "closed": Advice(
        "caller",
        "The stream was closed before its message was whole.",
        ("Read it to its end, or use what had arrived (StreamFailed.partial).",),
    ),
}
