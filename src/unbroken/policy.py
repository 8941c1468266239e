"""What a stream may do to survive: limits, waits and forms, in one frozen dataclass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, Self, get_args

__all__ = ["Hedging", "Policy", "ResumeForm"]

ResumeForm = Literal["auto", "prefill", "continue", "restart", "never"]

_AT_LEAST: Final = {
    "max_attempts": 1,
    "max_attempts_per_route": 1,
    "max_resumes": 0,
    "max_extra_input_tokens": 0,
    "initial_backoff": 0,
    "max_backoff": 0,
    "backoff_multiplier": 1,
    "max_retry_after": 0,
    "verify_seam": 0,
}
#: What has to be above 0, and in which unit the message says so.
_ABOVE_ZERO: Final = {
    "first_content_timeout": "seconds",
    "idle_timeout": "seconds",
    "progress_timeout": "seconds",
    "deadline": "seconds",
    "min_chars_per_second": "characters per second",
    "min_chars_window": "seconds",
    "journal_patience": "seconds",
}
_MAY_BE_NONE: Final = frozenset({"first_content_timeout", "deadline", "max_extra_input_tokens", "min_chars_per_second"})


@dataclass(frozen=True, slots=True)
class Hedging:
    """How routes are raced: one starts after another, and the first that brings content wins.

    Attributes:
        delay: Seconds that the routes before it have to show content before the next one starts; it starts at once
            when they fail. 0 asks all of them together. `"adaptive"` waits the primary's own 95th percentile of the
            time to first content, from `Health`: then about one request in twenty is hedged.
        preference_grace: Seconds that a better-ranked route, already asked, has to overtake the first that brought
            content. Default 0: the first wins.
        max_concurrent: The most requests of one stream that are out at a time. None, the default: no limit but the
            number of routes.

    Raises:
        ValueError: A field is out of range.
        TypeError: A field is of the wrong type.
    """

    delay: float | Literal["adaptive"]
    preference_grace: float = 0.0
    max_concurrent: int | None = None

    def __post_init__(self) -> None:
        delay, most = self.delay, self.max_concurrent
        if isinstance(delay, str):
            if delay != "adaptive":
                raise ValueError(f"Hedging.delay must be a number of seconds or 'adaptive', not {delay!r}")
        else:
            _at_least("Hedging.delay", delay, 0)
        _at_least("Hedging.preference_grace", self.preference_grace, 0)
        if most is not None:
            if not isinstance(most, int):
                raise TypeError(f"Hedging.max_concurrent must be a whole number or None, not {most!r}")
            _at_least("Hedging.max_concurrent", most, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a stream is retried, resumed and bounded. The names follow gRPC's retry policy (gRFC A6).

    All times are in seconds, as `int` or `float`.

    Attributes:
        max_attempts: Requests in a row that brought nothing new before the stream fails. Content starts the count
            again, so a long answer may be cut many times. Default 8: the backoffs before them are 39.5 s at most. A 429
            whose `retry-after` is obeyed is not counted, unless there is but 1.
        max_attempts_per_route: Of those, how many go to one route before the next route's turn; after the last
            route the round starts over. Default 3, the low end of the "3-5" that the API's guides advise. With
            `hedging` a round has one request for each route, whatever this says. Of a 429 whose `retry-after` is
            obeyed none is counted, but a turn ends when those add up to more than `max_retry_after`.
        max_resumes: How often the rest of an answer is asked for, in one stream, in all; a race counts once. Default
            20.
        max_extra_input_tokens: Input tokens that resumes may cost in all, estimated where the API has not said.
            None: no limit but `max_resumes`.
        initial_backoff: Upper end of the first wait before the same route is asked again. The wait is drawn between 0
            and that ("full jitter"), and there is none when the next request goes to another route. Default 0.5,
            the SDK's own.
        max_backoff: The most that this upper end grows to. Default 8, the SDK's own.
        backoff_multiplier: How much it grows by with each failure in a row. Default 2, the SDK's own.
        max_retry_after: The longest `retry-after` that is waited for; above it, the next route or `StreamFailed`. Also
            the most that the waits for circuit breakers and for the retry budget take together, until content comes
            again. Default 60, the SDK's own limit until 1.x.
        first_content_timeout: From sending a request to its first content. None: `progress_timeout`.
        idle_timeout: Without a single byte. Default 90: the API's pings come several times a minute.
        progress_timeout: Of bytes that bring nothing: pings, empty deltas, a thousand characters of white space, half
            a line. The time in which they are looked at counts, the caller's own does not. Default 300, Claude Code's
            own, because thinking can be silent for long.
        deadline: For the whole stream, from entering it, the caller's own time included. None: none.
        hedging: How the routes are raced. None: they are asked one after the other, each when the one before failed.
        min_chars_per_second: The slowest that a stream may be; a slower one is given up and resumed, on the next route
            if there is one. Characters of text, of thinking and of tool input count. None, the default: any pace will
            do, within the timeouts.
        min_chars_window: Over how many seconds that pace is measured: one window after the other, from the first
            content on, of waiting for the network; the caller's own time does not count. Default 10: ours, long beside
            the pauses of a healthy stream.
        resume: How to ask for the rest. `"auto"` takes prefill where model and request allow it, else continue.
            `"restart"` asks from nothing and demands that the new text replays the old; `"never"` fails at the cut.
        verify_seam: How often a continuation that matches nothing of what was delivered, or adds nothing to it, is
            asked for again on its route, in another wording. Default 1.
        on_unmatched: What follows when still nothing matched. `"fail"`, the default: the next route is asked, and when
            there is none `StreamFailed` is raised, with the partial. `"join"`: what came is joined as it is, and the
            report says `seam="unverified"`; an apology, a refusal and a replay are not joined all the same. Chosen
            because no such joint of two small models was right (docs, promises).
        live: Block types that are delivered as they grow. Others are held until they are whole.
        whole_words: Whether text is delivered in whole words: one at the end of what has arrived waits until something
            stands behind it. Then no failure cuts inside a word, half of which a model may take for a whole one (two
            small models did so at 15 of 27 and at 0 of 11 such cuts; docs, promises). False, the default: text
            is delivered as it comes. True costs a wait for the next delta, and CPU for each. What has more than 40
            characters is no word, and scripts without spaces have none.
        allow_replay: Whether a request whose server-side tools may have acted may be sent afresh.
        continue_prompt: The user turn of the *continue* form. A template in which `{echo}` stands for the quoted end of
            the text, or a function from that text to the prompt. None: the built-in English one.
        preflight: What is done with a request that the API will not take, or may stumble over, by what one sees before
            it is sent (`unbroken.preflight`). `"warn"`, the default: each finding is told as a `Notice`, once content
            has come or something has gone wrong, so that nobody waits for it. `"error"`: `PreflightFailed` is raised
            at the call if the API would answer with an error, and the rest is told. `"off"`: nothing is looked at. The
            default was chosen because it costs some 25 microseconds of CPU for a request of one turn, and accuses
            none of the requests in this library's documentation and end-to-end tests that are answered.
        journal_patience: How long the stream's journal may be away before the stream fails, with all that the journal
            is known to have. Default 5: ours, as long as a Redis takes to fail over, as a rule.
        on_exhausted: What is done before `StreamFailed` is raised. `"raise"`, the default: nothing. `"defer"`: the rest
            is asked for in a message batch, which `StreamFailed.deferred` then is (`StreamFailed.defer`). Not where a
            `deadline` has passed, and not for errors that come as the SDK raised them.

    Raises:
        ValueError: A field is out of range.
        TypeError: A field is of the wrong type.
    """

    max_attempts: int = 8
    max_attempts_per_route: int = 3
    max_resumes: int = 20
    max_extra_input_tokens: int | None = None
    initial_backoff: float = 0.5
    max_backoff: float = 8.0
    backoff_multiplier: float = 2.0
    max_retry_after: float = 60.0
    first_content_timeout: float | None = None
    idle_timeout: float = 90.0
    progress_timeout: float = 300.0
    deadline: float | None = None
    hedging: Hedging | None = None
    min_chars_per_second: float | None = None
    min_chars_window: float = 10.0
    resume: ResumeForm = "auto"
    verify_seam: int = 1
    on_unmatched: Literal["fail", "join"] = "fail"
    live: frozenset[str] = frozenset({"text", "thinking"})
    whole_words: bool = False
    allow_replay: bool = False
    continue_prompt: str | Callable[[str], str] | None = None
    preflight: Literal["warn", "error", "off"] = "warn"
    on_exhausted: Literal["raise", "defer"] = "raise"
    journal_patience: float = 5.0

    @classmethod
    def patient(cls, **changes: Any) -> Self:
        """For runs in which nobody waits for a single answer: it outlives outages of minutes, and rate limits of hours.

        `max_attempts=1000` and `max_retry_after=3600`, all else as ever; of 2,000 prompts the defaults lost 98 in two
        minutes of 529s, and these numbers none. The load in an outage is bounded by `Health`, whatever a policy says.

        Args:
            changes: Fields of the policy, which go before these.

        Raises:
            ValueError: A field is out of range.
            TypeError: A field is of the wrong type, or there is none of that name.
        """
        return cls(**{"max_attempts": 1_000, "max_retry_after": 3_600.0, **changes})

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name in _AT_LEAST or field.name in _ABOVE_ZERO:
                self._check_number(field.name)
        if self.hedging is not None and not isinstance(self.hedging, Hedging):
            raise TypeError(f"Policy.hedging must be a Hedging or None, not {self.hedging!r}")
        if self.resume not in get_args(ResumeForm):
            choices = ", ".join(repr(form) for form in get_args(ResumeForm))
            raise ValueError(f"Policy.resume must be one of {choices}, not {self.resume!r}")
        if self.preflight not in ("warn", "error", "off"):
            raise ValueError(f"Policy.preflight must be 'warn', 'error' or 'off', not {self.preflight!r}")
        if self.on_exhausted not in ("raise", "defer"):
            raise ValueError(f"Policy.on_exhausted must be 'raise' or 'defer', not {self.on_exhausted!r}")
        if self.on_unmatched not in ("fail", "join"):
            raise ValueError(f"Policy.on_unmatched must be 'fail' or 'join', not {self.on_unmatched!r}")
        if isinstance(self.live, str):
            raise TypeError(f"Policy.live must be a set of block types, not the string {self.live!r}")
        object.__setattr__(self, "live", frozenset(self.live))
        prompt = self.continue_prompt
        if prompt is not None and not callable(prompt) and "{echo}" not in prompt:
            raise ValueError("Policy.continue_prompt must contain {echo}, where the end of the text is quoted")

    def _check_number(self, name: str) -> None:
        value = getattr(self, name)
        if value is None and name in _MAY_BE_NONE:
            return
        if name in _AT_LEAST:
            _at_least(f"Policy.{name}", value, _AT_LEAST[name])
        elif not _number(f"Policy.{name}", value) > 0:
            raise ValueError(f"Policy.{name} must be above 0 {_ABOVE_ZERO[name]}, not {value!r}")

    def backoff(self, failures: int, jitter: float) -> float:
        """The wait before the same route is asked again, in seconds.

        Args:
            failures: How often it has failed in a row, at least 1.
            jitter: A random number between 0 and 1.
        """
        # The exponent is bounded so that a patient policy does not overflow.
        ceiling = self.initial_backoff * self.backoff_multiplier ** min(failures - 1, 64)
        return jitter * min(self.max_backoff, ceiling)


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, not {value!r}")
    return value


def _at_least(name: str, value: object, least: float) -> None:
    if not _number(name, value) >= least:  # so that nan is refused as well
        raise ValueError(f"{name} must be at least {least}, not {value!r}")
