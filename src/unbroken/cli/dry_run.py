"""`unbroken run --dry-run`: what a file of requests would come to, before a cent is spent. Nothing is sent."""

from __future__ import annotations

import anthropic

from ..api.checks import accepted_arguments, check_arguments
from ..core.printable import printable
from ..runs.errors import BrokenRequest
from ..runs.request import arguments_of
from ..runs.result_file import results_in
from ..runs.source import Source, digest
from ..runs.survey import Survey
from .problems import Problem, count
from .run import Running
from .run_view import RunView, duration

__all__ = ["dry_run"]


async def dry_run(running: Running) -> int:
    """Print counts, costs, time and what preflight finds.

    Returns:
        The exit code: 1 where a request is broken, or the API would not take it, else 0.

    Raises:
        Problem: A file cannot be read.
    """
    view, survey, broken, before = RunView(str(running.requests), plain=True), Survey(), 0, 0
    accepted = accepted_arguments(anthropic.AsyncAnthropic(api_key="none"), "messages", "run")
    try:
        done = {digest(each.custom_id): each.kind for each in results_in(running.output)}
        source = Source(running.requests)
    except OSError as error:
        raise Problem(f"{error.filename} cannot be read: {error.strerror}") from None
    while True:
        try:
            request = await source.next()
            if request is None:
                break
            kind = done.get(digest(request.custom_id))
            if kind is not None and (kind == "succeeded" or not running.retry_failed):
                before += 1
                continue
            arguments = arguments_of(request, accepted, running.model)
            _check(request.number, arguments, accepted)
            survey.add(request.number, arguments)
        except BrokenRequest as error:
            broken += 1
            view.broken(error)
    await source.aclose()
    _print(running, survey, broken, before)
    return int(broken > 0 or any(each.severity == "error" for each in survey.found.values()))


def _check(number: int, arguments: dict[str, object], accepted: frozenset[str]) -> None:
    try:
        check_arguments(arguments, accepted | {"extra_body"}, "run")
    except (TypeError, ValueError) as error:
        raise BrokenRequest(number, str(error)) from None


def _print(running: Running, survey: Survey, broken: int, before: int) -> None:
    models = ", ".join(f"{printable(name)} {number:,}" for name, number in survey.models.most_common())
    print(f"{count(survey.requests, 'request')} to ask{f': {models}' if models else ''}")
    if before:
        print(f"{count(before, 'result')} in {running.output}: not asked again")
    if broken:
        print(f"{broken:,} broken: left out")
    print(f"input:   about {survey.input_tokens:,} tokens, ${survey.input_cost:,.2f}; images and files not counted")
    print(f"answers: at most {survey.max_tokens:,} tokens, ${survey.most:,.2f}")
    total = survey.input_cost + survey.most
    print(f"in all:  at most ${total:,.2f}; ${total / 2:,.2f} with --defer")
    if survey.unpriced:
        print(f"         without {count(survey.unpriced, 'request')} to models without a price")
    seconds = survey.seconds(running.concurrency, requests_per_minute=running.rpm, tokens_per_minute=running.tpm)
    print(f"time:    at most about {duration(seconds)}, {running.concurrency} at a time, by a guess at their pace")
    for each in survey.found.values():
        more = f" and {each.count - 1:,} more" if each.count > 1 else ""
        print(f"{each.severity}: {running.requests}:{each.first}{more}: {printable(each.message, 2_000)}")
