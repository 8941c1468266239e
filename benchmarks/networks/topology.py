"""The network: a client, a router and a server, each in a namespace of its own, and what can be done to it.

It is built inside the namespaces that `machine.enter` makes; the router is there from the outset, and the others hang
on processes that end with ours. The fault server listens on loopback alone, so the server's namespace leads its port
there: the kernel only writes other addresses into the packets, and the connection is one from end to end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from subprocess import DEVNULL, PIPE, CalledProcessError
from typing import Final, Self

import anyio
from anyio.abc import Process

from benchmarks.networks.machine import environment

__all__ = ["NAME", "PORT", "Network", "Unable"]

#: The client asks this name, at this port; `/etc/hosts` says where it is.
NAME: Final = "api.test"
PORT: Final = 80

CLIENT: Final = "10.77.1.2"
SERVER: Final = "10.77.2.2"
_GATEWAY_OF_CLIENT: Final = "10.77.1.1"
_GATEWAY_OF_SERVER: Final = "10.77.2.1"

_ROUTER_RULES: Final = """
table inet fault {
  chain forward { type filter hook forward priority 0; }
}
"""
_DOOR: Final = """
table ip door
delete table ip door
table ip door {{
  chain in {{ type nat hook prerouting priority dstnat; tcp dport {outside} dnat to 127.0.0.1:{inside}; }}
}}
"""
#: A NAT: what it has no entry for, and what does not open a connection, it drops, as such boxes do.
_NAT: Final = """
table ip nat {
  chain out { type nat hook postrouting priority srcnat; oifname "to_server" masquerade; }
  chain unknown {
    type filter hook forward priority -1;
    ct state new tcp flags & (fin|syn|rst|ack) != syn drop
    ct state invalid drop
  }
}
"""


class Unable(Exception):
    """This kernel cannot do what a scenario needs; the text says what."""


class Network:
    """Build it with `async with`.

    Attributes:
        client: The id of a process in the client's namespace.
        server: The same of the server's.
    """

    def __init__(self) -> None:
        self.client = 0
        self.server = 0
        self._holders: dict[int, Process] = {}
        self._stack = AsyncExitStack()
        self._folder = Path()

    async def __aenter__(self) -> Self:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        self._folder = Path(folder)
        self.client, self.server = await self._hold(), await self._hold()
        await self.do("echo 1 > /proc/sys/net/ipv4/ip_forward")
        await self.do("ip link set lo up")
        await self.do("ip link set lo up", at=self.client)
        await self.do("ip link set lo up", at=self.server)
        await self.connect("to_client", self.client, _GATEWAY_OF_CLIENT, CLIENT)
        await self.connect("to_server", self.server, _GATEWAY_OF_SERVER, SERVER)
        await self.do("echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet", at=self.server)
        await self.rules(_ROUTER_RULES)
        await self._names()
        return self

    async def __aexit__(self, *_: object) -> None:
        for holder in self._holders.values():
            holder.kill()
            await holder.wait()
            await holder.aclose()
        await self._stack.aclose()

    def finally_do(self, step: Callable[..., object], *arguments: object) -> None:
        """Call this when the network goes."""
        self._stack.callback(step, *arguments)

    async def _hold(self) -> int:
        """A namespace that lasts as long as a process; the process's id."""
        # It reads from us, so it ends when we do, in whichever way.
        holder = await anyio.open_process(["unshare", "--net", "sh", "-c", "echo; exec cat"], env=environment())
        assert holder.stdout is not None
        await holder.stdout.receive()  # it is in its namespace
        self._holders[holder.pid] = holder
        return holder.pid

    async def connect(self, link: str, namespace: int, gateway: str, address: str) -> None:
        """Join a namespace to the router."""
        await self.do(f"ip link add {link} type veth peer name eth0 netns {namespace}")
        await self.address(link, namespace, gateway, address)

    async def address(self, link: str, namespace: int, gateway: str, address: str) -> None:
        """Give both ends of a link their addresses, and take it up."""
        await self.do(f"ip address add {gateway}/24 dev {link} && ip link set {link} up")
        await self.do(f"ip address add {address}/24 dev eth0 && ip link set eth0 up", at=namespace)
        await self.do(f"ip route add default via {gateway}", at=namespace)

    async def _names(self) -> None:
        """Files of our own for the names, in our own mount namespace."""
        for name in ("hosts", "resolv.conf"):
            (self._folder / name).touch(mode=0o644)
            await self.do(f"mount --bind {self._folder / name} $(realpath /etc/{name})")
        self.known(SERVER)
        self.resolver(_GATEWAY_OF_CLIENT)  # nobody listens there, and it says so

    def known(self, address: str | None) -> None:
        """Where the name leads; None: nobody knows it."""
        line = f"{address} {NAME}\n" if address else ""
        (self._folder / "hosts").write_text(f"127.0.0.1 localhost\n{line}", "utf-8")

    def resolver(self, address: str) -> None:
        """Who is asked for names that the file does not have."""
        (self._folder / "resolv.conf").write_text(f"nameserver {address}\n", "utf-8")

    async def do(self, command: str, *, at: int | None = None, text: str = "") -> None:
        """Run a command in the router's namespace, or in that of a process.

        Raises:
            Unable: It failed.
        """
        words = [*self.at(at), "sh", "-e", "-c", command]
        try:
            await anyio.run_process(words, input=text.encode(), stdout=DEVNULL, stderr=PIPE, env=environment())
        except CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip().splitlines()
            raise Unable(f"`{command}`: {said[0] if said else error.returncode}") from error

    def at(self, process: int | None) -> list[str]:
        """The beginning of a command that runs what follows in a process's namespace; None: in the router's."""
        return [] if process is None else ["nsenter", f"--net=/proc/{process}/ns/net"]

    async def rules(self, text: str, *, at: int | None = None) -> None:
        """Give nftables these rules."""
        await self.do("nft -f -", at=at, text=text)

    async def forward(self, rule: str = "") -> None:
        """What the router does with what it should forward; empty: it forwards it."""
        await self.rules(f"flush chain inet fault forward\n{f'add rule inet fault forward {rule}' if rule else ''}\n")

    async def door(self, inside: int) -> None:
        """Lead the server's port to this one on its loopback."""
        await self.rules(_DOOR.format(outside=PORT, inside=inside), at=self.server)

    async def client_link(self, *, up: bool) -> None:
        """The client's own link. The kernel forgets the default route with it."""
        await self.do(f"ip link set eth0 {'up' if up else 'down'}", at=self.client)
        if up:
            await self.do(f"ip route add default via {_GATEWAY_OF_CLIENT}", at=self.client)

    async def server_link(self, *, up: bool) -> None:
        """The router's link to the server."""
        await self.do(f"ip link set to_server {'up' if up else 'down'}")

    async def translate(self) -> None:
        """Let the router be a NAT."""
        await self.rules(_NAT)

    async def forget(self) -> None:
        """Let the NAT lose its table: that is what the kernel does with it when the link's address may have changed."""
        await self.server_link(up=False)
        await self.server_link(up=True)

    async def remove_server(self) -> None:
        """The server's whole namespace goes, and its links with it."""
        holder = self._holders.pop(self.server)
        holder.kill()
        await holder.wait()
        await holder.aclose()
