"""What happens to the network, and what must become of the streams."""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final

import anyio

from benchmarks.networks.bounds import longest
from benchmarks.networks.judge import Expected
from benchmarks.networks.lossy import Lossy
from benchmarks.networks.stage import Stage
from benchmarks.networks.topology import CLIENT, SERVER
from unbroken import Policy

__all__ = ["SCENARIOS", "Scenario", "When"]

#: Short enough that a stall is found while somebody waits for the table.
QUICK: Final = {"idle_timeout": 3.0, "progress_timeout": 6.0}
#: The SDK's own limit for connecting, in seconds.
CONNECT: Final = 5.0
#: Seconds by which a machine with other work may be late.
LATE: Final = 3.0

Fault = Callable[[Stage], Coroutine[Any, Any, None]]


class When(Enum):
    """When it happens."""

    START = auto()
    """Before the first connection."""
    WAITING = auto()
    """When all requests have arrived, and not a byte has come back."""
    MIDDLE = auto()
    """When every stream has its first 800 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One network, and what becomes of it.

    Attributes:
        title: In the table.
        fault: What is done to the network, from then on.
        when: Then.
        setup: What is done before anybody asks.
        expected: What must become of the streams.
        policy: The fields of `Policy` that are not the default.
        each: How long one request may take to bring nothing, in seconds.
        lasts: For how long the fault lasts, in seconds; `math.inf`: it does not end.
    """

    title: str
    fault: Fault
    when: When = When.MIDDLE
    setup: Fault | None = None
    expected: Expected = Expected.WHOLE
    policy: dict[str, Any] = field(default_factory=lambda: dict(QUICK))
    each: float = CONNECT
    lasts: float = 0.0

    @property
    def within(self) -> float:
        """After how many seconds without text a stream must have failed."""
        policy = Policy(**self.policy)
        # What broke in the middle is first noticed, by a silence too.
        unnoticed = 0.0 if self.when is When.START else policy.idle_timeout
        return longest(policy, self.each) + unnoticed + LATE

    @property
    def limit(self) -> float:
        """After how many seconds a stream that is still open hangs: the fault, the bound, and the slowest answer."""
        return self.within + (0.0 if math.isinf(self.lasts) else self.lasts) + 120.0


async def _nothing(_: Stage) -> None:
    """The network is bad from the outset, and stays so."""


def _over(link: Lossy) -> Fault:
    async def setup(stage: Stage) -> None:
        await link.replace(stage.network)

    return setup


def _dropping(rule: str) -> Fault:
    async def setup(stage: Stage) -> None:
        await stage.network.forward(rule)

    return setup


def _forwarding(rule: str, seconds: float) -> Fault:
    async def fault(stage: Stage) -> None:
        await stage.network.forward(rule)
        if not math.isinf(seconds):
            await anyio.sleep(seconds)
            await stage.network.forward()

    return fault


def _client_down(seconds: float) -> Fault:
    async def fault(stage: Stage) -> None:
        await stage.network.client_link(up=False)
        await anyio.sleep(seconds)
        await stage.network.client_link(up=True)

    return fault


async def _server_down(stage: Stage) -> None:
    await stage.network.server_link(up=False)
    await anyio.sleep(20.0)
    await stage.network.server_link(up=True)


async def _nat(stage: Stage) -> None:
    await stage.network.translate()


async def _nat_forgets(stage: Stage) -> None:
    await stage.network.forget()


async def _killed(stage: Stage) -> None:
    await stage.kill_server()
    await anyio.sleep(3.0)
    await stage.start_server()


async def _gone(stage: Stage) -> None:
    await stage.kill_server()
    await stage.network.remove_server()


async def _name_gone(stage: Stage) -> None:
    stage.network.known(None)
    await stage.network.forward(_RESET)
    await anyio.sleep(1.0)
    await stage.network.forward()
    await anyio.sleep(7.0)
    stage.network.known(SERVER)


async def _resolver_silent(stage: Stage) -> None:
    stage.network.known(None)
    stage.network.resolver("10.77.2.53")
    await stage.network.forward("udp dport 53 drop")


async def _small_packets(stage: Stage) -> None:
    await stage.network.do("ip link set eth0 mtu 576", at=stage.network.server)
    await stage.network.do("ip link set to_server mtu 576")


async def _slow(stage: Stage) -> None:
    await stage.network.do("tc qdisc add dev to_client root tbf rate 1mbit burst 8k latency 1s")


#: Who sends is told that the connection is gone; here the client, by the answer to each acknowledgement.
_RESET: Final = f"ip saddr {CLIENT} meta l4proto tcp reject with tcp reset"
_PROHIBITED: Final = "reject with icmpx type admin-prohibited"
#: Connections come about and acknowledgements pass, and nothing that has data in it does.
_LARGE: Final = "meta length > 100 drop"

_BAD: Final = Lossy(delay=(0.1, 0.3), lost=0.05, doubled=0.05, late=0.1, damaged=0.02)
_HALF_GONE: Final = Lossy(lost=0.2)

SCENARIOS: Final[dict[str, Scenario]] = {
    "bad-link": Scenario(
        title="100-300 ms, 5 % lost, 5 % twice, 10 % overtaken, 2 % damaged",
        setup=_over(_BAD),
        fault=_nothing,
        when=When.START,
    ),
    "lossy-link": Scenario(title="20 % lost", setup=_over(_HALF_GONE), fault=_nothing, when=When.START),
    "dropping-router": Scenario(
        title="15 % dropped by the router",
        setup=_dropping("numgen random mod 100 < 15 drop"),
        fault=_nothing,
        when=When.START,
    ),
    "slow-link": Scenario(title="1 Mbit/s for all of them", setup=_slow, fault=_nothing, when=When.START),
    "small-packets": Scenario(
        title="a path for 576 bytes, which says so; 3 s of resets",
        setup=_small_packets,
        fault=_forwarding(_RESET, 3.0),
        lasts=3.0,
    ),
    "black-hole": Scenario(title="everything dropped for 10 s", fault=_forwarding("drop", 10.0), lasts=10.0),
    "black-hole-at-connect": Scenario(
        title="the same before the first connection", fault=_forwarding("drop", 10.0), when=When.START, lasts=10.0
    ),
    "black-hole-before-byte": Scenario(
        title="the same before the first byte", fault=_forwarding("drop", 10.0), when=When.WAITING, lasts=10.0
    ),
    "one-way": Scenario(
        title="only what the server sends dropped for 10 s",
        fault=_forwarding(f"ip daddr {CLIENT} drop", 10.0),
        lasts=10.0,
    ),
    "client-down-5": Scenario(title="client's link down for 5 s", fault=_client_down(5.0), lasts=5.0),
    "client-down-20": Scenario(title="client's link down for 20 s", fault=_client_down(20.0), lasts=20.0),
    "client-down-default": Scenario(
        title="client's link down for 20 s, default policy", fault=_client_down(20.0), policy={}, each=90.0, lasts=20.0
    ),
    "client-down-60-default": Scenario(
        title="client's link down for 60 s, default policy", fault=_client_down(60.0), policy={}, each=90.0, lasts=60.0
    ),
    "client-down-at-connect": Scenario(
        title="client's link down for 20 s from the start, default policy",
        fault=_client_down(20.0),
        when=When.START,
        policy={},
        lasts=20.0,
    ),
    "client-down-60-at-connect": Scenario(
        title="client's link down for 60 s from the start, default policy",
        fault=_client_down(60.0),
        when=When.START,
        policy={},
        expected=Expected.EITHER,
        lasts=60.0,
    ),
    "server-down": Scenario(title="server's link down for 20 s", fault=_server_down, lasts=20.0),
    "nat-forgets": Scenario(title="a NAT loses its table", setup=_nat, fault=_nat_forgets),
    "nat-forgets-before-byte": Scenario(
        title="the same before the first byte", setup=_nat, fault=_nat_forgets, when=When.WAITING
    ),
    "reset": Scenario(title="reset for 3 s", fault=_forwarding(_RESET, 3.0), lasts=3.0),
    "reset-before-byte": Scenario(
        title="the same before the first byte", fault=_forwarding(_RESET, 3.0), when=When.WAITING, lasts=3.0
    ),
    "prohibited": Scenario(title="ICMP prohibited for 6 s", fault=_forwarding(_PROHIBITED, 6.0), lasts=6.0),
    "killed": Scenario(title="server killed with -9, back after 3 s", fault=_killed, lasts=3.0),
    "name-gone": Scenario(title="reset, and the name gone for 8 s", fault=_name_gone, lasts=8.0),
    "gone": Scenario(
        title="the server's namespace deleted for ever", fault=_gone, expected=Expected.FAILURE, lasts=math.inf
    ),
    "large-packets": Scenario(
        title="packets with data vanish for ever (an MTU black hole)",
        fault=_forwarding(_LARGE, math.inf),
        expected=Expected.FAILURE,
        lasts=math.inf,
    ),
    "resolver-silent": Scenario(
        title="the name never resolves, deadline 5 s",
        fault=_resolver_silent,
        when=When.START,
        policy={"deadline": 5.0},
        expected=Expected.FAILURE,
        lasts=math.inf,
    ),
}
