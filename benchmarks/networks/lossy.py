"""A link that delays, loses, repeats, reorders and damages packets, for kernels that have no netem.

Two TUN devices, one on each side; what the kernel sends into one comes out of the other, as this file decides. The
kernel sums its packets up before it hands them out, so a flipped bit is found by the other end's TCP, as on a wire.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final

from benchmarks.networks.topology import CLIENT, Network, Unable

__all__ = ["Lossy"]

_TUNSETIFF: Final = 0x400454CA
_TUN_WITHOUT_HEADER: Final = 0x0001 | 0x1000
_GATEWAY: Final = "10.77.1.1"
_LARGEST: Final = 2048


@dataclass(frozen=True, slots=True)
class Lossy:
    """What such a link does to a packet. Parts are from 0 to 1.

    Attributes:
        delay: The shortest and the longest time on the way, in seconds.
        lost: Part that never arrives.
        doubled: Part that arrives twice.
        late: Part that is as long again on the way, so that others overtake it.
        damaged: Part in which one bit is another.
    """

    delay: tuple[float, float] = (0.0, 0.0)
    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    damaged: float = 0.0
    rng: Random = field(default_factory=lambda: Random(20261129), compare=False)

    async def replace(self, network: Network) -> None:
        """Put it in the place of the client's link, for as long as there is the network.

        Raises:
            Unable: There is no TUN.
        """
        await network.do("ip link del to_client")
        try:
            ours, theirs = _open("to_client"), _open("eth0")
        except OSError as error:
            raise Unable(f"/dev/net/tun: {error.strerror}") from error
        await network.do(f"ip link set eth0 netns {network.client}")
        await network.address("to_client", network.client, _GATEWAY, CLIENT)
        loop = asyncio.get_running_loop()
        for here, there in ((ours, theirs), (theirs, ours)):
            loop.add_reader(here, self.carry, here, there)
            network.finally_do(loop.remove_reader, here)

    def carry(self, here: int, there: int) -> None:
        """Take what has come at one end, and write it, now or later, or never, at the other."""
        loop, rng = asyncio.get_running_loop(), self.rng
        while True:
            try:
                packet = os.read(here, _LARGEST)
            except BlockingIOError:
                return
            if rng.random() < self.lost:
                continue
            if rng.random() < self.damaged:
                at = rng.randrange(len(packet))
                packet = packet[:at] + bytes([packet[at] ^ 1 << rng.randrange(8)]) + packet[at + 1 :]
            for _ in range(1 + (rng.random() < self.doubled)):
                delay = rng.uniform(*self.delay) * (1 + (rng.random() < self.late))
                loop.call_later(delay, _write, there, packet)


def _write(there: int, packet: bytes) -> None:
    with suppress(OSError):  # a full queue, or a header that is none any more: lost, like many before it
        os.write(there, packet)


def _open(name: str) -> int:
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH", name.encode(), _TUN_WITHOUT_HEADER))
    except OSError:
        os.close(tun)
        raise
    return tun
