"""What a stream may do to survive: limits, waits and forms, in one frozen dataclass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final, Literal, get_args

__all__ = ["Policy", "ResumeForm"]

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
_ABOVE_ZERO: Final = ("first_content_timeout", "idle_timeout", "progress_timeout", "deadline")
_MAY_BE_NONE: Final = frozenset({"first_content_timeout", "deadline", "max_extra_input_tokens"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a stream is retried, resumed and bounded. The names follow gRPC's retry policy (gRFC A6).

    All times are in seconds, as `int` or `float`.

    Attributes:
        max_attempts: Requests in a row that brought nothing new before the stream fails. Content starts the count
            again, so a long answer may be cut many times. Default 8: with the default backoff about half a minute.
        max_attempts_per_route: Of those, how many go to one route before the next route's turn; after the last
            route the round starts over. Default 3, the low end of the "3-5" that the API's guides advise.
        max_resumes: Requests for the rest of an answer, in one stream, in all. Default 20.
        max_extra_input_tokens: Input tokens that resumes may cost in all, estimated where the API has not said.
            None: no limit but `max_resumes`.
        initial_backoff: Upper end of the first wait before the same route is asked again. The wait is drawn between 0
            and that ("full jitter"), and there is none when the next request goes to another route. Default 0.5,
            the SDK's own.
        max_backoff: The most that this upper end grows to. Default 8, the SDK's own.
        backoff_multiplier: How much it grows by with each failure in a row. Default 2, the SDK's own.
        max_retry_after: The longest `retry-after` that is waited for; above it, the next route or `StreamFailed`.
            Default 60, the SDK's own limit until 1.x.
        first_content_timeout: From sending a request to its first content. None: `progress_timeout`.
        idle_timeout: Without a single byte. Default 90: the API's pings come several times a minute.
        progress_timeout: Of bytes without content; pings do not count. Default 300, Claude Code's own, because
            thinking can be silent for long.
        deadline: For the whole stream, from entering it, the caller's own time included. None: none.
        resume: How to ask for the rest. `"auto"` takes prefill where model and request allow it, else continue.
            `"restart"` asks from nothing and demands that the new text replays the old; `"never"` fails at the cut.
        verify_seam: How often a continuation that matches nothing is asked for again before it is joined unverified.
        live: Block types that are delivered as they grow. Others are held until they are whole.
        allow_replay: Whether a request whose server-side tools may have acted may be sent afresh.
        continue_prompt: The user turn of the *continue* form. A template in which `{echo}` stands for the quoted end of
            the text, or a function from that text to the prompt. None: the built-in English one.

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
    resume: ResumeForm = "auto"
    verify_seam: int = 1
    live: frozenset[str] = frozenset({"text", "thinking"})
    allow_replay: bool = False
    continue_prompt: str | Callable[[str], str] | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name in _AT_LEAST or field.name in _ABOVE_ZERO:
                self._check_number(field.name)
        if self.resume not in get_args(ResumeForm):
            choices = ", ".join(repr(form) for form in get_args(ResumeForm))
            raise ValueError(f"Policy.resume must be one of {choices}, not {self.resume!r}")
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
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"Policy.{name} must be a number, not {value!r}")
        if name in _ABOVE_ZERO and not value > 0:
            raise ValueError(f"Policy.{name} must be above 0 seconds, not {value!r}")
        if name in _AT_LEAST and not value >= _AT_LEAST[name]:
            raise ValueError(f"Policy.{name} must be at least {_AT_LEAST[name]}, not {value!r}")

    def backoff(self, failures: int, jitter: float) -> float:
        """The wait before the same route is asked again, in seconds.

        Args:
            failures: How often it has failed in a row, at least 1.
            jitter: A random number between 0 and 1.
        """
        # The exponent is bounded so that a patient policy does not overflow.
        ceiling = self.initial_backoff * self.backoff_multiplier ** min(failures - 1, 64)
        return jitter * min(self.max_backoff, ceiling)
