"""A `Health` that the processes of a fleet have together."""

from __future__ import annotations

import ssl
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ...core.plan.readiness import Readiness
from ...journal.redis.address import Address
from ...journal.redis.prefix import check_prefix
from ..health import Health
from ..vitals import ClientVitals
from .board import Board
from .budget import LeasedBudget
from .exchange import Exchange
from .fingerprint import fingerprint
from .vitals import FleetVitals

__all__ = ["SharedHealth"]


class SharedHealth(Health):
    """A `Health` whose breakers, cool-downs and retry budget are those of all processes with the same Redis and prefix.

    No request waits for Redis. Decisions are made here, by what is known here; in the background, twice a second while
    streams are asked for, one script tells the server what is new, and brings back what other processes have said.
    Breakers that open or close and cool-downs are told at once. A breaker opens by what the whole fleet has counted,
    or by what this process has; once it is half open, one process of the fleet may send a probe. Retries are taken
    from a slice of a tenth of the fleet's budget, which is filled up in the background.

    Once `consecutive_failures` in a row have failed in one process, nothing is thought to succeed in any of them, and
    no request goes but the fleet's one probe. A breaker that has opened by the share of failures lets those through, in
    every process, who have nobody else to ask. The slow start after a breaker or a cool-down is each process's own:
    after it, so many requests are let through at first as there are processes, then twice as many; and so is the normal
    rate, with what is missing of it in an outage.

    With Redis away, each process goes on with what it knows, as a `Health` does; time then brings it its share of
    `retries_per_second`. That is logged once (logger `unbroken`, level WARNING), and so is the end of it (INFO).

    Routes are the same when the client's type, address and key are, and the model; the server gets hashes of those,
    and numbers. The clocks of the processes need not agree: times go as durations. All processes should be given the
    same arguments. Times to first content, `models`, `status` and `limits` are each process's own.

    Args:
        redis: Where the server is: `redis://[[user]:password@]host[:port][/database]`, `rediss://` for TLS, or
            `unix://…/path`. Redis 7.0 or later, or Valkey. No error, log or `repr` shows the password.
        prefix: What the names of all keys begin with, in braces: 1 to 100 of `[A-Za-z0-9._:/-]`.
        timeout: Seconds in which the server has to answer, else it counts as away. Default: 2.
        ssl_context: For `rediss://`. None: the system's certificates, and the host's name has to be theirs.
        health: What `Health` takes.

    Raises:
        ValueError: The URL cannot be read, or another argument is out of range.
        TypeError: An argument has the wrong type.
        ImportError: The extra `redis` is not installed.
    """

    def __init__(
        self,
        redis: str,
        *,
        prefix: str = "unbroken",
        timeout: float = 2.0,
        ssl_context: ssl.SSLContext | None = None,
        **health: Any,
    ) -> None:
        if find_spec("coredis") is None:
            raise ImportError("SharedHealth needs the extra `redis`: pip install 'unbroken[redis]'")
        if not timeout > 0:
            raise ValueError("SharedHealth: timeout must be above 0 seconds")
        check_prefix(prefix)
        self._address = Address(redis, ssl_context)
        super().__init__(**health)
        import_module("coredis")  # now: it takes a second, and a stream would notice
        assert isinstance(self._budget, LeasedBudget)
        self._leased = self._budget
        self._board = Board(self._leased, self._settings, self._traffic)
        self._exchange = Exchange(self._address, f"{{{prefix}}}:fleet", timeout, self._lock, self._board, self._clock)

    def __repr__(self) -> str:
        return f"SharedHealth({str(self._address)!r})"

    async def aclose(self) -> None:
        """End the exchange with the fleet, and close its connection; a stream that is asked for later begins it anew.

        Nobody has to: it ends with its event loop, and a minute after the last stream was asked for.
        """
        await self._exchange.stop()

    def readiness(self, client: object, model: str, *, mode: str = "") -> Readiness:
        """As in `Health`. An event loop that runs begins the exchange, if it does not run yet."""
        self._exchange.keep_going()
        if self._board.has_news:  # of a client that is new here, the fleet may know more than nothing
            with self._lock:
                self._vitals(client)
        return super().readiness(client, model, mode=mode)

    def snapshot(self) -> dict[str, Any]:
        """As in `Health`, and what is known of the fleet.

        Each of `routes` has `fleet`: the `requests` and `failures` of all processes within the window, as last heard;
        what else it says is what this process goes by, which is the fleet's where that was heard. `retries_left` is
        this process's slice. And there is `fleet`:

        - `reached`: whether the last exchange has reached it;
        - `age`: seconds since it was last heard; None: it never was;
        - `processes`: how many there were then, this one among them;
        - `retries_left`: what the fleet's budget had then, beside the slices.
        """
        snapshot = super().snapshot()
        with self._lock:
            heard_at = self._board.heard_at
            snapshot["fleet"] = {
                "reached": heard_at is not None and not self._exchange.is_away,
                "age": None if heard_at is None else max(0.0, self._clock() - heard_at),
                "processes": self._board.processes,
                "retries_left": self._leased.fleet_left,
            }
        return snapshot

    def _new_budget(self, *terms: Any) -> LeasedBudget:
        return LeasedBudget(*terms)

    def _new_vitals(self, client: object) -> ClientVitals:
        return FleetVitals(self._seen, self._settings, self.models, self._board, fingerprint(client))
