"""Advice on what happens to a request or an answer on the way: a part of the table in `advice.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .remedies import FALL_BACK, NETWORK, SUPPORT, Advice

__all__ = ["TRANSPORT"]

TRANSPORT: Final[Mapping[str, Advice]] = {
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
            NETWORK,
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
        ("Check base_url, host and port.", NETWORK),
    ),
    "connection_unreachable": Advice(
        "network",
        "The API's address cannot be reached from this machine.",
        ("Check that this machine is online.", NETWORK),
    ),
    "connection_timeout": Advice(
        "network",
        "No connection to the API came about in time.",
        (NETWORK, "Raise the connect timeout of the client (timeout=)."),
    ),
    "connection_pool": Advice(
        "caller",
        "No connection of the client's pool became free in time.",
        ("Close streams that are done with, or raise the limits of the client's http_client.",),
    ),
    "connection_lost": Advice(
        "network",
        "The connection to the API broke.",
        (NETWORK, "Allow more attempts: Policy.max_attempts."),
    ),
    "connection": Advice(
        "network",
        "The connection to the API failed.",
        (NETWORK, "Allow more attempts: Policy.max_attempts."),
    ),
    "stalled": Advice(
        "network",
        "The connection stayed open, and for too long nothing came, or no content.",
        (
            "Let models that think in silence think: raise Policy.progress_timeout and first_content_timeout.",
            FALL_BACK,
            NETWORK,
        ),
    ),
    "slow": Advice(
        "service",
        "The answer came more slowly than Policy.min_chars_per_second.",
        (FALL_BACK, "Lower Policy.min_chars_per_second."),
    ),
    "truncated": Advice(
        "network",
        "The response ended, as if it were whole, before the message did.",
        (NETWORK, "Allow more attempts: Policy.max_attempts.", SUPPORT),
    ),
    "malformed": Advice(
        "network",
        "What came was no stream of the API's events.",
        ("Check base_url, and what a proxy or gateway makes of responses.", SUPPORT),
    ),
}
