"""The smallest part of a request that still fails: delta debugging, for requests that cost money.

Zeller's ddmin tries halves, then quarters, and its last round leaves every piece out once: with a thousand pieces that
is a thousand requests. Here the pieces are a chain, of which each candidate is a beginning (`pieces.py` has parents
before children, so a beginning is a request). A binary search finds the shortest beginning that fails; its last piece
is needed. If that piece fails alone it is the cause; if not it is kept, and the next search is among those before it.
So `k` pieces that fail only together, among `n`, are found with about `k * (log2(n) + 1)` requests, however deep in
the tree they are; and where more pieces never mend a request, none of those found can be left out. (Known for
unsatisfiable cores as QuickXplain and progression.) A request that fails by its length has no such pieces: that is
looked into once two neighbouring turns were found and do not suffice, with the same request full of filler.

Nothing is sent here. `shrink` is a generator: it yields candidates, is sent what came of each, and returns what it
found.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, assert_never

from .pieces import Pieces, filled, spelled

__all__ = ["Candidate", "Outcome", "Shrunk", "Verdict", "shrink"]

Outcome = Literal["fails", "passes", "refused", "stop"]
"""What came of a candidate: the failure that is looked for; an answer; a rejection, which says nothing; the end."""

Verdict = Literal["found", "length", "always", "intermittent", "unfinished"]

#: Which eighths of what is left a cut is tried at; the others when the API takes no request that is cut there.
_EIGHTHS: Final = (4, 6, 2, 7, 5, 3, 1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A request to try.

    Attributes:
        request: What to send.
        number: Which request it is, from 1.
        kept: How many pieces of the original it has.
        pieces: How many pieces the original has.
    """

    request: dict[str, Any]
    number: int
    kept: int
    pieces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """What was found.

    Attributes:
        verdict: `"found"`: the `causes` fail together, and with the rest left out; `"length"`: it fails from the turn
            in `causes` on, whatever is written there; `"always"`: it fails with everything left out, so the payload
            is not the cause; `"intermittent"`: the request does not fail any more; `"unfinished"`: the requests were
            spent, or the caller ended it, before that was known.
        causes: Paths into the original request, in its order. `"unfinished"`: what is known to be part of the cause.
        suspects: `"unfinished"`: the first and the last path between which more of the cause is; None where nothing
            is known of that.
        request: The smallest request that was seen to fail; None where none was.
        requests: How many candidates were tried.
        kept: How many pieces of the original `request` has.
        pieces: How many pieces the original has.
        needed: Whether it was tried that none of several `causes` can be left out.
        rest: Whether the original works without the `causes`. False: it fails without them too, so there are more;
            None: that is not known.
    """

    verdict: Verdict
    causes: tuple[str, ...]
    suspects: tuple[str, str] | None
    request: dict[str, Any] | None
    requests: int
    kept: int
    pieces: int
    needed: bool
    rest: bool | None

    @property
    def summary(self) -> str:
        """One sentence for people, with paths and without any content."""
        *others, last = self.causes or ("",)
        causes = f"{', '.join(others)} and {last}" if others else last
        match self.verdict:
            case "found":
                return self._found(causes)
            case "length":
                return f"the cause is the length of the conversation: it fails from {causes} on, whatever is written"
            case "always":
                return "the payload is not the cause: it fails with everything left out that can be"
            case "intermittent":
                return "the failure is intermittent: the same request does not fail this way now"
            case "unfinished":
                return self._unfinished(causes)
            case _:
                assert_never(self.verdict)

    @property
    def crowd(self) -> str | None:
        """`"tools"`, say, where it seems to be their number or size rather than one of them; None: it does not."""
        arguments = {cause.partition("[")[0] for cause in self.causes}
        is_one = self.verdict == "unfinished" and len(self.causes) > 2 and len(arguments) == 1
        return arguments.pop() if is_one else None

    def _found(self, causes: str) -> str:
        if len(self.causes) > 1:
            alone = f"the causes, together, are {causes}: with everything else left out it still fails"
            alone += "" if self.needed else " (it was not tried whether all of them are needed)"
        else:
            alone = f"the cause is {causes}: with everything else left out it still fails"
        if self.rest is None:
            return alone
        return f"{alone}, and the rest works" if self.rest else f"{alone}, and so does the rest: there is another cause"

    def _unfinished(self, causes: str) -> str:
        known = f"{causes} belong{'s' * (len(self.causes) == 1)} to it; " if causes else ""
        if self.crowd is not None:
            known += "it seems to be their number or size rather than one of them; "
        if self.suspects is None:
            return f"the cause is not found yet: {known}nothing could be left out"
        first, last = self.suspects
        between = first if first == last else f"between {first} and {last}"
        return f"the cause is not found yet: {known}{'more of it' if causes else 'it'} is {between}"


def shrink(
    request: Mapping[str, Any],
    *,
    max_requests: int = 40,
    repeat: int = 1,
    accepts: Callable[[Mapping[str, Any]], bool] = lambda _: True,
) -> Generator[Candidate, Outcome, Shrunk]:
    """Shrink a request that fails.

    Args:
        request: The arguments of `messages.stream`, or a body. The first candidate is this request.
        max_requests: How many candidates there are at most, the first included.
        repeat: How often in a row a candidate has to pass until it counts as passing, for failures that come and go.
        accepts: Whether the API would take a request; one that it would not take is never a candidate.

    Yields:
        A candidate. Send what came of it: `"fails"` for the failure that is looked for, `"passes"` for an answer,
        `"refused"` for anything else that the API says of this request alone, `"stop"` to end it here.

    Raises:
        ValueError: `max_requests` or `repeat` is below 1.
    """
    if max_requests < 1 or repeat < 1:
        raise ValueError("max_requests and repeat must be at least 1")
    return (yield from _Search(Pieces(request), max_requests, repeat, accepts).run())


class _Ended(Exception):
    """No candidate may be tried any more."""


class _Search:
    def __init__(
        self, pieces: Pieces, max_requests: int, repeat: int, accepts: Callable[[Mapping[str, Any]], bool]
    ) -> None:
        self._pieces = pieces
        self._max_requests = max_requests
        self._repeat = repeat
        self._accepts = accepts
        self._requests = 0
        self._known: dict[frozenset[int], Outcome] = {}
        self._smallest: frozenset[int] | None = None
        self._found: list[int] = []
        self._low, self._high = 0, len(pieces)  # what is needed next is among the pieces between these
        self._needed = True
        self._rest: bool | None = None

    def run(self) -> Generator[Candidate, Outcome, Shrunk]:
        try:
            verdict = yield from self._run()
        except _Ended:
            verdict = "unfinished"
        return self._shrunk(verdict)

    def _run(self) -> Generator[Candidate, Outcome, Verdict]:
        if (yield from self._ask(range(len(self._pieces)))) != "fails":
            return "intermittent"
        if (yield from self._ask(())) == "fails":
            return "always"
        looked = False
        while (yield from self._ask(self._found)) != "fails":
            if not looked and self._neighbours():
                looked = True
                beginning = self._pieces.closed([*self._found, *range(self._high)])
                if (yield from self._send(filled(self._pieces.request(beginning)), len(beginning))) == "fails":
                    return "length"
            yield from self._next()
        with suppress(_Ended):
            yield from self._check()
        return "found"

    def _next(self) -> Generator[Candidate, Outcome, None]:
        """Find the last piece that is needed of those below `_high`, with what was found before."""
        refused: set[int] = set()
        # Neighbours first, after one was found: a request that fails by its length has one turn after the other.
        cut = max(1, self._high - 2) if self._found else self._high // 2
        while self._low < cut < self._high:
            match (yield from self._ask([*self._found, *range(cut)])):
                case "fails":
                    self._high = cut
                case "passes":
                    self._low = cut
                case _:
                    refused.add(cut)
            width = self._high - self._low
            cuts = (self._low + width * eighths // 8 for eighths in _EIGHTHS)
            cut = next((cut for cut in cuts if self._low < cut and cut not in refused), self._low)
        self._found += range(self._low, self._high)
        self._low, self._high = 0, self._low

    def _neighbours(self) -> bool:
        """Whether what was found last are two turns side by side; the assistant's may not count, without its answer."""
        if len(self._found) < 2:
            return False
        last, before = self._found[-2:]
        return last - before <= 2 and self._pieces.paths[before][0] == "messages" == self._pieces.paths[last][0]

    def _check(self) -> Generator[Candidate, Outcome, None]:
        """Leave out what is not needed of several pieces, and then all of them."""
        self._needed = len(self._found) == 1
        # The last first, or what others need would stand for them.
        for piece in [] if self._needed else sorted(self._found, reverse=True):
            others = [other for other in self._found if other != piece]
            implied = self._pieces.closed(others) == self._pieces.closed(self._found)
            if implied or (yield from self._ask(others)) == "fails":
                self._found = others
        self._needed = True
        # An answer to the rest may be long: `max_tokens` stays low.
        causes = {*self._found, *(n for n, path in enumerate(self._pieces.paths) if path == ("max_tokens",))}
        rest = [piece for piece in range(len(self._pieces)) if not causes & self._pieces.closed([piece])]
        outcome = yield from self._ask(rest)
        self._rest = None if outcome == "refused" else outcome == "passes"

    def _ask(self, wanted: Iterable[int]) -> Generator[Candidate, Outcome, Outcome]:
        """What comes of these pieces and what they need; asked only once."""
        kept = self._pieces.closed(wanted)
        if kept not in self._known:
            request = self._pieces.request(kept)
            # The two ends of the search are sent whatever is thought of them: one of them does fail.
            at_an_end = len(kept) in (0, len(self._pieces))
            accepted = at_an_end or self._accepts(request)
            self._known[kept] = (yield from self._send(request, len(kept))) if accepted else "refused"
            if self._known[kept] == "fails" and (self._smallest is None or len(kept) < len(self._smallest)):
                self._smallest = kept
        return self._known[kept]

    def _send(self, request: dict[str, Any], kept: int) -> Generator[Candidate, Outcome, Outcome]:
        outcome: Outcome = "passes"
        for _ in range(self._repeat):
            if self._requests == self._max_requests:
                raise _Ended
            self._requests += 1
            outcome = yield Candidate(request, self._requests, kept, len(self._pieces))
            if outcome == "stop":
                raise _Ended
            if outcome != "passes":
                break
        return outcome

    def _shrunk(self, verdict: Verdict) -> Shrunk:
        paths = self._pieces.paths
        causes = self._found[:1] if verdict == "length" else sorted(self._found)
        suspects = None
        if verdict == "unfinished" and self._smallest is not None and self._low < self._high:
            suspects = spelled(paths[self._low]), spelled(paths[self._high - 1])
        return Shrunk(
            verdict=verdict,
            causes=tuple(spelled(paths[piece]) for piece in causes),
            suspects=suspects,
            request=None if self._smallest is None else self._pieces.request(self._smallest),
            requests=self._requests,
            kept=len(self._smallest or ()),
            pieces=len(self._pieces),
            needed=self._needed,
            rest=self._rest,
        )
