"""`unbroken doctor`: what a request, its key, its models and the way to them suffer from."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anthropic
import anyio
import httpx2
from rich.console import Console

from ...private_files import write_private
from ...sdk.clients import without_retries
from ..chat import client_for
from ..problems import Problem, count
from .bisection import Bisect, Bisected, can_bisect, estimate
from .checks import Check, Limits, Outcome, preflight, sent
from .network import Resolve, address_of, resolve
from .request_file import parse
from .surroundings import look_around
from .trial import Trial, ask
from .verdict import Verdict, conclude
from .view import Shower

__all__ = ["DEFAULT_MODEL", "Options", "examine"]

#: The model that is asked where neither the request nor the command line names a model: the cheapest of the table.
DEFAULT_MODEL: Final = "claude-haiku-5-5"

VERSION: Final = 1

#: Failures of a plain request after which the given one is not sent: it would fare no better.
_HOPELESS: Final = frozenset(
    {
        *("authentication", "billing", "no_credentials", "not_found", "permission", "spend_limit"),
        *("acceleration_limit", "not_sendable", "overloaded", "rate_limited", "stalled"),
    }
)

#: Why the given one is not sent then, by the step that failed.
_NOT_SENT: Final = {
    "network": "the API is not reached",
    "key": "the key is not accepted",
    "hello": "a plain request to its model is not answered either",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line said.

    Attributes:
        name: What the request is called; None: there is none.
        data: The request, as it was read.
        models: Models to say hello to, beside that of the request.
        base_url: Another address of the API; None: the SDK's.
        status_url: Another status page; None: `StatusPage`'s own.
        bisect: Whether to look for the part that fails.
        max_requests: The most requests of that search.
        max_cost: What it may cost, in USD; None: no bound but the number of requests.
        repeat: How often in a row a candidate has to pass.
        timeout: Seconds for the given request, and for each of the search.
        as_json: Whether standard output gets one JSON object.
        show_content: Whether content may be shown: the API's own words, and in JSON the smallest request.
        report: Where the JSON is written as well; None: nowhere.
        output: Where the smallest request that fails is written; None: nowhere.
        limits: Seconds for the other steps.
        resolve: How names are resolved.
    """

    name: str | None = None
    data: bytes = b""
    models: tuple[str, ...] = ()
    base_url: str | None = None
    status_url: str | None = None
    bisect: bool = False
    max_requests: int = 40
    max_cost: float | None = None
    repeat: int = 1
    timeout: float = 120.0
    as_json: bool = False
    show_content: bool = False
    report: Path | None = None
    output: Path | None = None
    limits: Limits = field(default_factory=Limits)
    resolve: Resolve = resolve


async def examine(options: Options) -> bool:
    """Look at everything, and say what it is.

    Returns:
        Whether all is well.

    Raises:
        Problem: The address of the API or of a proxy is none, or a file cannot be written.
    """
    doctor = _Doctor(options)
    with _without_logs():
        try:
            await doctor.run()
        except anyio.get_cancelled_exc_class():
            doctor.close(interrupted=True)
            raise
    return doctor.close()


@contextmanager
def _without_logs() -> Iterator[None]:
    """With ANTHROPIC_LOG=debug they would write requests and headers to standard error."""
    loggers = [logging.getLogger(name) for name in ("anthropic", "httpx2", "httpcore2")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class _Doctor:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._shower = Shower(Console(stderr=options.as_json, highlight=False))
        self._checks: list[Check] = []
        self._params: dict[str, Any] | None = None
        self._trial: Trial | None = None
        self._bisect: Bisect | None = None

    async def run(self) -> None:
        """Every step."""
        url = address_of(self._options.base_url)
        if self._options.name is not None:
            self._read()
        try:
            client = client_for(self._options.base_url)
        except Problem as why:
            with self._shower.busy("asking"):
                await self._look_around(url, str(why))
            if self._params is not None:
                self._not_sent("there is no key that it could be sent with")
            return
        async with client:
            # A copy that shares its connections.
            quiet = without_retries(client)
            with self._shower.busy("asking"):
                await self._look_around(url, quiet)
            if self._params is not None:
                with self._shower.busy("sending the request"):
                    await self._send(quiet, self._params)
                if self._options.bisect and self._trial is not None:
                    await self._search(quiet, self._params, self._trial.error)

    # -- the request as a text

    def _read(self) -> None:
        reading = parse(self._options.data)
        name = "standard input" if self._options.name == "-" else str(self._options.name)
        details = (*reading.problems, *reading.warnings)
        if reading.params is None:
            self._tell(Check(name="JSON", outcome="problem", summary=name, details=details, code="invalid_json"))
            return
        outcome: Outcome = "warning" if reading.warnings else "ok"
        summary = f"{name}: {reading.size:,} bytes, valid"
        self._tell(Check(name="JSON", outcome=outcome, summary=summary, details=details))
        self._params = reading.params
        self._tell(preflight(reading.params))

    # -- what is around it

    async def _look_around(self, url: httpx2.URL, client: anthropic.AsyncAnthropic | str) -> None:
        options = self._options
        named = (self._params or {}).get("model")
        models = dict.fromkeys([*([named] if isinstance(named, str) else []), *options.models])
        if options.name is None and not models:
            models = {DEFAULT_MODEL: None}
        await look_around(
            url if isinstance(client, str) else client.base_url,
            client,
            list(models),
            status_url=options.status_url,
            limits=options.limits,
            resolve=options.resolve,
            tell=self._tell,
        )

    # -- the request itself

    async def _send(self, client: anthropic.AsyncAnthropic, params: dict[str, Any]) -> None:
        if (why := self._why_not(params)) is not None:
            self._not_sent(why)
            return
        trial = await ask(client, params, limit=self._options.timeout)
        for _ in range(self._options.repeat - 1 if self._options.bisect else 0):
            if trial.error is None:
                trial = await ask(client, params, limit=self._options.timeout)
        self._trial = trial
        self._tell(sent(trial, params, show_content=self._options.show_content))

    def _not_sent(self, why: str) -> None:
        self._tell(Check(name="request", outcome="skipped", summary=f"not sent: {why}"))

    def _why_not(self, params: dict[str, Any]) -> str | None:
        """Why it need not be sent."""
        missing = [name for name in ("model", "max_tokens", "messages") if name not in params]
        if missing:
            return f"it has no {missing[0]}"
        answered = any(check.name == "hello" and check.outcome == "ok" for check in self._checks)
        around = [] if answered else ["network", "key"]
        failed = [check for check in self._checks if check.outcome == "problem" and check.name in around]
        failed += [check for check in self._checks if check.name == "hello" and _is_hopeless(check, params)]
        return _NOT_SENT[failed[0].name] if failed else None

    async def _search(self, client: anthropic.AsyncAnthropic, params: dict[str, Any], error: Exception | None) -> None:
        options = self._options
        why = self._why_no_search(params, error)
        if error is None or why:
            self._tell(Check(name="bisect", outcome="skipped", summary=why or ""))
            return
        self._shower.estimate(estimate(params, options.max_requests, options.max_cost))
        self._bisect = Bisect(
            client,
            params,
            error,
            max_requests=options.max_requests,
            max_cost=options.max_cost,
            repeat=options.repeat,
            limit=options.timeout,
            tell=self._shower.trial,
        )
        with self._shower.busy("bisecting"):
            await self._bisect.run()

    def _why_no_search(self, params: dict[str, Any], error: Exception | None) -> str | None:
        if error is None:
            return f"the request works now (sent {count(self._options.repeat, 'time')})"
        hellos = [check for check in self._checks if check.name == "hello" and _is_of(check, params)]
        if any(check.outcome == "problem" for check in hellos):
            return "a plain request fails too"
        return None if can_bisect(error) else "no part of the request causes this"

    # -- the end

    def close(self, *, interrupted: bool = False) -> bool:
        """Say what it comes to, and write what is to be written; whether all is well."""
        options = self._options
        found = None if self._bisect is None else self._bisect.result()
        if found is not None:
            self._shower.bisected(found)
        verdict = conclude(self._checks, self._trial, found, name=options.name, interrupted=interrupted)
        self._shower.verdict(verdict)
        told = self._to_dict(verdict, found)
        if options.as_json:
            print(json.dumps(told, indent=2))
        if options.output is not None and found is not None and found.shrunk.request is not None:
            self._write(options.output, found.shrunk.request)
            self._shower.note(f"The smallest request that fails is in {options.output}.")
        if options.report is not None:
            self._write(options.report, told)
        return verdict.healthy

    def _to_dict(self, verdict: Verdict, found: Bisected | None) -> dict[str, Any]:
        return {
            "version": VERSION,
            **verdict.to_dict(),
            "checks": [check.to_dict() for check in self._checks],
            "bisect": found and found.to_dict(show_content=self._options.show_content),
        }

    def _write(self, path: Path, value: dict[str, Any]) -> None:
        try:
            write_private(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
        except OSError as error:
            raise Problem(f"{path} cannot be written: {error.strerror}") from None

    def _tell(self, check: Check) -> None:
        self._checks.append(check)
        self._shower.check(check)


def _is_of(hello: Check, params: dict[str, Any]) -> bool:
    """Whether it was the request's model that was to say hello."""
    return bool(hello.data.get("model") == params["model"])


def _is_hopeless(hello: Check, params: dict[str, Any]) -> bool:
    return _is_of(hello, params) and (hello.code in _HOPELESS or str(hello.code).startswith("connection"))
