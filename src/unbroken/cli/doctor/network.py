"""The way to the API, as `unbroken doctor` tries it: the name, the proxy, the connection; and its status page."""

from __future__ import annotations

import os
import socket
import threading
import urllib.request
from collections.abc import Callable
from typing import Any, Final

import anyio
import httpx2

from ...api.diagnose import diagnose
from ...health.status_page import StatusPage, StatusPageError
from ..problems import Problem
from .checks import Check, Limits, problem

__all__ = ["Resolve", "address_of", "network", "resolve", "status_page", "unresolved"]

Resolve = Callable[[str], object]

#: The default of the SDK's clients (2.12.0, `_client.py`).
_OF_THE_SDK: Final = "https://api.anthropic.com"


def resolve(host: str) -> None:
    """Ask the system for a name; blocks. Raises `OSError` or `UnicodeError` for one that it does not know."""
    socket.getaddrinfo(host, None)


def address_of(base_url: str | None) -> httpx2.URL:
    """Where the SDK finds the API.

    Args:
        base_url: Another address. None: that of the environment, or the SDK's own.

    Raises:
        Problem: It is no address, or that of the proxy on the way there is none.
    """
    named = base_url or os.environ.get("ANTHROPIC_BASE_URL") or _OF_THE_SDK
    try:
        url = httpx2.URL(named.strip())
    except httpx2.InvalidURL:
        url = httpx2.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise Problem("the address of the API must begin with http:// or https://: see --base-url, ANTHROPIC_BASE_URL")
    proxy_to(url)
    return url


async def unresolved(url: httpx2.URL, limits: Limits, resolve: Resolve = resolve) -> Check | None:
    """Whether the name of the address, or of the proxy on the way there, is unknown; None: it is known."""
    proxy = proxy_to(url)
    why = await _why_unknown((proxy or url).host, limits.resolve, resolve)
    if why is None:
        return None
    return Check(
        name="network",
        outcome="problem",
        summary=f"{why}{_through(proxy)}.",
        code="connection_dns",
        next_steps=("Check the address (--base-url, ANTHROPIC_BASE_URL), and this machine's DNS.",),
        data=_address(url, proxy),
    )


async def network(url: httpx2.URL, limits: Limits) -> Check:
    """Whether anything answers there. Nothing but an empty GET is sent."""
    proxy = proxy_to(url)
    data = _address(url, proxy)
    started = anyio.current_time()
    # So that it shows which of the two it is: the connection, or the answer.
    patience = httpx2.Timeout(None, connect=limits.check / 2)
    error: Exception | None = None
    with anyio.move_on_after(limits.check) as scope:
        try:
            async with httpx2.AsyncClient(timeout=patience) as http:
                await http.get(url)
        except httpx2.TransportError as caught:
            error = caught
    if scope.cancelled_caught:
        return Check(
            name="network",
            outcome="problem",
            summary=f"{data['url']} is reached{_through(proxy)}, and does not answer within {limits.check:g} s.",
            code="stalled",
            next_steps=("Check the network between this machine and the API: proxy, firewall, gateway.",),
            data=data,
        )
    if error is not None:
        return problem("network", diagnose(error), about=f"{data['url']}{_through(proxy)}: ", data=data)
    took = anyio.current_time() - started
    return Check(
        name="network", outcome="ok", summary=f"{data['url']} answers{_through(proxy)} ({took:.2f} s)", data=data
    )


def _address(url: httpx2.URL, proxy: httpx2.URL | None) -> dict[str, Any]:
    """Where it is, without what may stand in it of a user."""
    return {"url": f"{url.scheme}://{url.host}" + (f":{url.port}" if url.port else ""), "proxy": proxy and proxy.host}


def _through(proxy: httpx2.URL | None) -> str:
    return f" through the proxy {proxy.host}" if proxy else ""


async def _why_unknown(host: str, limit: float, resolve: Resolve) -> str | None:
    """Why a name is not resolved, in a few words; None: it is.

    In a thread of its own, that nobody waits for: a resolver whose servers are dead keeps its thread for half a
    minute, and a program that ends waits for those of an event loop.
    """
    came: list[OSError | UnicodeError | None] = []

    def work() -> None:
        try:
            resolve(host)
            came.append(None)
        except (OSError, UnicodeError) as error:
            came.append(error)

    threading.Thread(target=work, daemon=True).start()
    with anyio.move_on_after(limit):
        while not came:  # noqa: ASYNC110  # a thread that is not anyio's cannot set its events
            await anyio.sleep(0.01)
    if not came:
        return f"The name {host} was not resolved within {limit:g} s"
    return None if came[0] is None else f"The name {host} cannot be resolved"


def proxy_to(url: httpx2.URL) -> httpx2.URL | None:
    """The proxy that the environment names for this address, as httpx2 reads it. Only its host may be shown.

    Raises:
        Problem: Its address is none, with which no client can be made.
    """
    proxies = urllib.request.getproxies()
    address = proxies.get(url.scheme) or proxies.get("all")
    if not address or urllib.request.proxy_bypass(url.host):
        return None
    try:
        return httpx2.Proxy(address if "://" in address else f"http://{address}").url
    except (ValueError, httpx2.InvalidURL):
        raise Problem(f"the proxy that the environment names for {url.scheme} has no valid address") from None


async def status_page(url: str | None, limits: Limits, resolve: Resolve = resolve) -> Check:
    """What the page says; that it cannot be asked is no problem of the API's."""
    page = StatusPage(timeout=limits.check) if url is None else StatusPage(url, timeout=limits.check)
    at = httpx2.URL(page.url)
    try:
        if why := await _why_unknown((proxy_to(at) or at).host, limits.resolve, resolve):
            return Check(name="status page", outcome="skipped", summary=f"{why}.")
        status = await page.fetch()
    except StatusPageError as error:
        return Check(name="status page", outcome="skipped", summary=str(error))
    ongoing = [incident for incident in status.incidents if incident.is_ongoing]
    well = status.indicator == "none" and not ongoing
    return Check(
        name="status page",
        outcome="ok" if well else "warning",
        summary=f"{at.host} says: {status.description or status.indicator}",
        details=tuple(f"{incident.name} ({incident.status}, {incident.impact})" for incident in ongoing),
        next_steps=() if well else ("Wait until the status page says that the incident is over.",),
        data=status.to_dict(),
    )
