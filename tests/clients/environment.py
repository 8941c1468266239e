"""The environment of the real clients: `python -m tests.clients.environment [pytest's arguments]` from the project.

It is made once, apart from that of the project, which stays small; the tests of the clients, and their pages of the
documentation, are then run in it. The versions are the newest that install together on the day they were chosen:
langchain-core 1.7.3 and later ask for a certifi that was not to be had yet, and langchain-anthropic 1.7.9 and langchain
1.4.8 ask for those.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from typing import Final

from benchmarks.survival.environments import complaints, install
from benchmarks.survival.peers import ROOT, Peer

__all__ = ["CLIENTS", "PAGES", "main"]

_FRAMEWORKS: Final = (
    "anthropic==2.12.0",
    "braintrust==0.48.1",
    "instructor==1.17.0",
    "langchain==1.4.7",
    "langchain-anthropic==1.7.7",
    "langchain-core==1.7.2",
    "langgraph==1.2.22",
    "langsmith==0.15.1",
    "openinference-instrumentation-anthropic==3.1.0",
    "opentelemetry-instrumentation-anthropic==0.62.4",
    "pydantic-ai-slim[anthropic]==2.68.0",
    "sentry-sdk==2.75.0",
)
#: Of the project's own tools, those that its tests import, or pytest reads its settings with.
_TOOLS: Final = frozenset({"hypothesis", "pytest", "pytest-asyncio", "pytest-timeout", "trio"})
#: The pages whose snippets need a framework.
PAGES: Final = ("instructor", "langchain", "pydantic-ai", "tool-runner")


def _tools() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return [line for line in project["optional-dependencies"]["dev"] if re.split(r"[^\w-]", line)[0] in _TOOLS]


CLIENTS: Final = Peer(
    name="clients",
    title="Real clients",
    runner="",
    environment=str(ROOT / ".venv-clients"),  # absolute, and so not inside the folder of the peers
    requires=(f"-e {ROOT}", *_FRAMEWORKS, *_tools()),
    options="",
)


def main(*arguments: str) -> int:
    """Make the environment, and run pytest in it; its exit code.

    Args:
        arguments: pytest's; none: the tests of the clients and of their pages.
    """
    python = install(CLIENTS)
    for complaint in complaints(CLIENTS):
        print(complaint)
    pages = ["tests/clients", "tests/docs/test_snippets.py", "-k", " or ".join(("clients", *PAGES))]
    return subprocess.run([python, "-m", "pytest", "-q", *(arguments or pages)], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
