"""The status page as a signal: what it says, and a copy of that for streams, which never wait for it."""

from __future__ import annotations

import json
import logging
import math
import zlib
from collections.abc import Callable
from contextlib import aclosing
from http.cookiejar import CookieJar, DefaultCookiePolicy
from threading import Lock
from typing import Any, Final

import anyio
import httpx2

from ..concurrency.clock import monotonic
from ..concurrency.detached import Step, detach
from ..core.printable import printable
from ..logs import log
from .incidents import Incident, Status, parse

__all__ = ["Incident", "Status", "StatusPage", "StatusPageError"]

#: How many times `max_age` an answer is believed when no newer one can be had. Ours: long enough for a page that drops
#: a few requests, and soon enough that one which has gone silent keeps nobody hedging.
_BELIEVED: Final = 5
#: Bytes of an answer at most, as it comes and unpacked. Ours: the real page's have a few thousand.
_MOST: Final = 1_000_000
#: How many times an answer may send us on, on the same host. Ours: from http to https, and to a path.
_HOPS: Final = 3
#: The encodings that are asked for; none that could be unpacked only as a whole.
_PACKED: Final = frozenset({"gzip", "x-gzip", "deflate"})


class StatusPageError(Exception):
    """The status page did not say how things are: it was not reached, or its answer is none of a status page."""


class StatusPage:
    """A page in the public format of Atlassian Statuspage, and what it said last.

    Give it to `Health(status=...)`. A stream that begins when the copy is older than `max_age` starts one request in
    the background, for all streams, and goes on with what is known. That request fails in silence (it is told to the
    logger `unbroken`, at level DEBUG), changes nothing then, and the next is made after `max_age` at the earliest.
    Nothing is sent to the page but the request for it: no key, no content, no cookie. It is asked on its own host
    alone, and no more than 1 MB of an answer is read.

    It can be shared between threads and event loops. Proxies and certificates are taken from the environment, as the
    SDK does.

    Args:
        url: Where the page is: what comes before `/api/v2`, which may stand there too.
        max_age: Seconds after which the copy is asked for again. Default 60, ours: pages are written by people, minutes
            after the fact, and one request a minute is no load. An answer older than five times that is not believed.
        timeout: Seconds that one look may take in all. Default 5, which is httpx2's for each of its phases.
        clock: Monotonic seconds, the same in all threads. None: as in `Health`.

    Attributes:
        url: Where the page is.
        max_age: As given.
        timeout: As given.

    Raises:
        ValueError: The address is none, or a time is not above 0.
    """

    def __init__(
        self,
        url: str = "https://status.anthropic.com",
        *,
        max_age: float = 60.0,
        timeout: float = 5.0,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if not (max_age > 0 and timeout > 0):
            raise ValueError("StatusPage: max_age and timeout must be above 0 seconds")
        self.url: str = _base(url)
        self.max_age: float = max_age
        self.timeout: float = timeout
        self._clock = clock or monotonic
        # Made now, because it takes tens of milliseconds, and a stream would wait for it.
        self._tls = httpx2.create_ssl_context()
        self._lock = Lock()
        self._known: tuple[Status, float] | None = None
        self._due = -math.inf  # and not now: a test may make one before its clock runs
        self._refresh: Step | None = None  # or asyncio, which keeps weak references, may lose its task

    @property
    def latest(self) -> Status | None:
        """What it said last. None: it has not been asked yet, or has not answered for five times `max_age`."""
        known = self._known
        if known is None or self._clock() - known[1] > _BELIEVED * self.max_age:
            return None
        return known[0]

    async def fetch(self) -> Status:
        """Ask it now, and wait for the answer, which is then `latest`.

        Raises:
            StatusPageError: It has not answered within `timeout`, could not be reached, or said something else.
        """
        try:
            with anyio.fail_after(self.timeout):
                status = await self._ask()
        except TimeoutError:
            raise StatusPageError(f"The status page {self._host} did not answer within {self.timeout:g} s.") from None
        except httpx2.HTTPError as error:
            raise StatusPageError(
                f"The status page {self._host} could not be reached ({type(error).__name__})."
            ) from error
        now = self._clock()
        self._known, self._due = (status, now), now + self.max_age
        return status

    def keep_fresh(self) -> None:
        """Ask it in the background if that is due; an event loop must be running. Does not wait, does not raise."""
        now = self._clock()
        with self._lock:
            is_due = now >= self._due
            if is_due:
                self._due = now + max(self.max_age, self.timeout)
        if is_due:
            self._refresh = detach(self._fetch_quietly)

    async def _fetch_quietly(self) -> None:
        try:
            await self.fetch()
        except StatusPageError as error:
            log(logging.DEBUG, "%s", error)
        except Exception:
            log(logging.DEBUG, "the status page could not be asked", exc_info=True)

    async def _ask(self) -> Status:
        async with httpx2.AsyncClient(
            verify=self._tls,
            timeout=None,  # `fail_after` bounds it all
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # takes none
            headers={"accept": "application/json", "accept-encoding": "gzip, deflate", "user-agent": "unbroken"},
        ) as client:
            said = await self._get(client, "status.json")
            status = parse(said, await self._get(client, "incidents/unresolved.json", or_none=True))
        if status is None:
            raise StatusPageError(f"The status page {self._host} answered with something that is no status.")
        return status

    async def _get(self, client: httpx2.AsyncClient, name: str, *, or_none: bool = False) -> Any:
        """What is there, as decoded JSON; `or_none`: it may not be there."""
        request = client.build_request("GET", f"{self.url}/api/v2/{name}")
        for _ in range(1 + _HOPS):
            response = await client.send(request, stream=True)
            async with aclosing(response):
                if response.next_request is None:
                    return await self._content(response, or_none=or_none)
                request = response.next_request
            if request.url.host != self._host:
                raise StatusPageError(
                    f"The status page {self._host} sends elsewhere, to {printable(request.url.host)}."
                )
        raise StatusPageError(f"The status page {self._host} sends from one place to the next.")

    async def _content(self, response: httpx2.Response, *, or_none: bool) -> Any:
        if or_none and response.status_code == 404:
            return None
        if not response.is_success:
            raise StatusPageError(f"The status page {self._host} answered with HTTP status {response.status_code}.")
        data = bytearray()
        try:
            async for chunk in response.aiter_raw():  # unpacked by the client, a chunk could be a gigabyte
                data += chunk
                if len(data) > _MOST:
                    await response.aclose()  # ends the iterators below, which would be left to the garbage collector
        except Exception:
            if len(data) <= _MOST:
                raise
        if len(data) > _MOST:
            raise StatusPageError(f"The status page {self._host} answered with more than {_MOST:,} bytes.")
        try:
            unpacked = _unpacked(bytes(data), response.headers.get("content-encoding", ""))
            if len(unpacked) > _MOST:
                raise StatusPageError(f"The status page {self._host} answered with more than {_MOST:,} bytes.")
            return json.loads(unpacked)
        except (ValueError, RecursionError):
            raise StatusPageError(f"The status page {self._host} answered with something that is no JSON.") from None

    @property
    def _host(self) -> str:
        """What an error may tell of the address: not its user, nor its query."""
        return httpx2.URL(self.url).host


def _unpacked(data: bytes, encoding: str) -> bytes:
    """The content, but for what goes beyond one byte too many. Raises `ValueError` where it cannot be unpacked."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return data
    if encoding not in _PACKED:
        raise ValueError(encoding)
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data, _MOST + 1)
    except zlib.error as error:
        raise ValueError(encoding) from error


def _base(url: str) -> str:
    """The address without `/api/v2/...`. Raises `ValueError` for what is none."""
    try:
        parsed = httpx2.URL(url)
    except (TypeError, httpx2.InvalidURL):
        parsed = httpx2.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError("StatusPage: url must be the http or https address of a status page")
    return str(parsed.copy_with(path=parsed.path.partition("/api/v2")[0], query=None, fragment=None)).rstrip("/")
