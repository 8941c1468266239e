"""What this machine must have, and may lack: Linux's namespaces, the tools, the rights."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import Final

__all__ = ["Lacking", "enter", "environment"]

#: The tools, and the Debian packages that they come in. The last two belong to every Debian.
_PACKAGES: Final = {"ip": "iproute2", "nft": "nftables", "unshare": "util-linux", "nsenter": "util-linux"}
#: All that is done in the namespaces, once: what a kernel or a container forbids, it forbids here.
_PROBE: Final = """
ip link add probe0 type veth peer name probe1
nft add table inet probe
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
mount --bind /etc/hosts /etc/hosts
unshare --net true
"""
#: A user namespace gives an ordinary user these rights, where the kernel has one; root needs none.
_WAYS: Final = (("--user", "--map-root-user"), ())


class Lacking(Exception):
    """Nothing can be tried here; the text says why."""


def environment() -> dict[str, str]:
    """The environment for the tools: they stand where an ordinary user's `PATH` does not lead."""
    return os.environ | {"PATH": os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])}


def enter() -> list[str]:
    """The beginning of a command that runs what follows as root of a network of its own.

    Nothing of this machine's network is seen or changed there, and all of it goes away with the command.

    Raises:
        Lacking: The kernel, a tool or a right is missing.
    """
    if sys.platform != "linux":
        raise Lacking(f"network namespaces are Linux's, and this is {sys.platform}")
    _install()
    path = environment()["PATH"]
    if missing := [tool for tool in _PACKAGES if shutil.which(tool, path=path) is None]:
        packages = sorted({_PACKAGES[tool] for tool in missing})
        raise Lacking(f"no {' and no '.join(missing)} (Debian: {', '.join(packages)})")
    why = ""
    for way in _WAYS:
        command = ["unshare", *way, "--net", "--mount"]
        done = subprocess.run(
            [*command, "sh", "-e", "-c", _PROBE], env=environment(), capture_output=True, text=True, check=False
        )
        if not done.returncode:
            return command
        why = why or (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    raise Lacking(f"the kernel, or who runs this, may not make a network ({why})")


def _install() -> None:
    """Install the tools that are missing, where apt is there and may do so. What it could not is found afterwards."""
    path = environment()["PATH"]
    missing = sorted({_PACKAGES[tool] for tool in _PACKAGES if shutil.which(tool, path=path) is None})
    if not missing or os.geteuid() != 0 or shutil.which("apt-get", path=path) is None:
        return
    print(f"installing {', '.join(missing)}", flush=True)
    quiet = environment() | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        subprocess.run(["apt-get", "--quiet", "--quiet", *command], env=quiet, capture_output=True, check=False)
