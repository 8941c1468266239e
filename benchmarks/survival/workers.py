"""Processes that are spoken to in lines of JSON: the fault server, and the runner of a peer."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import IO, Any, Final

import anyio
from anyio.abc import ByteSendStream, Process
from anyio.streams.buffered import BufferedByteReceiveStream

from benchmarks.survival.cases import TOTAL
from benchmarks.survival.peers import ROOT

__all__ = ["Worker", "working"]

#: Bytes in one line, at most.
_LONGEST: Final = 1 << 20
#: LiteLLM is told some things when it is imported: to take the list of models that it brings instead of asking the
#: network for one, and for how long it may read one stream.
_SETTINGS: Final = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MAX_STREAMING_DURATION_SECONDS": str(TOTAL)}


class Worker:
    """A process that takes and gives lines of JSON.

    Args:
        process: With pipes for its standard input and output.
    """

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in: ByteSendStream = process.stdin
        self._out = BufferedByteReceiveStream(process.stdout)

    async def tell(self, line: Mapping[str, Any]) -> None:
        """Send a line."""
        await self._in.send(json.dumps(line).encode() + b"\n")

    async def hear(self) -> Any:
        """The next line.

        Raises:
            anyio.IncompleteRead: The process has ended.
        """
        return json.loads(await self._out.receive_until(b"\n", _LONGEST))

    async def ask(self, line: Mapping[str, Any]) -> Any:
        """Send a line, and wait for the next one."""
        await self.tell(line)
        return await self.hear()


@asynccontextmanager
async def working(python: Path | str, module: str, log: IO[bytes]) -> AsyncIterator[Worker]:
    """Run a module, and end its process with the block.

    Args:
        python: Whose.
        module: Its name; it is found from the project's folder.
        log: Takes what the process writes on its standard error.
    """
    command = [str(python), "-m", module]
    environment = {**os.environ, **_SETTINGS}
    process = await anyio.open_process(command, stdin=PIPE, stdout=PIPE, stderr=log, cwd=ROOT, env=environment)
    async with process:
        try:
            yield Worker(process)
        finally:
            with suppress(ProcessLookupError):  # it may have ended by itself
                process.kill()
