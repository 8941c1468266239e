"""One scenario, inside namespaces of its own: `python -m benchmarks.networks.inside NAME STREAMS`.

Prints an `Outcome` as JSON, or `{"unable": "..."}` where this kernel cannot do what the scenario needs.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

import anyio

from benchmarks.networks.answer import TEXT
from benchmarks.networks.judge import Outcome, Stream
from benchmarks.networks.reader import Order
from benchmarks.networks.scenarios import SCENARIOS, Scenario, When
from benchmarks.networks.stage import Stage, lines
from benchmarks.networks.topology import NAME, Network, Unable

__all__ = ["run"]


async def run(scenario: Scenario, streams: int) -> Outcome:
    """Build the network, let the readers read, break it, and judge.

    Args:
        scenario: What happens.
        streams: How many of `unbroken`'s streams, and as many of the SDK's.

    Raises:
        Unable: This kernel cannot do it.
    """
    requests = 2 * streams
    async with Network() as network:
        stage = Stage(network, late=requests if scenario.when is When.WAITING else 0)
        await stage.start_server()
        try:
            if scenario.setup is not None:
                await scenario.setup(stage)
            said = await _read(stage, scenario, streams, requests)
        finally:
            with anyio.CancelScope(shield=True):
                await stage.close()
    read = [Stream(**stream) for stream in said["streams"]]
    return Outcome.of(scenario.expected, scenario.within, read, TEXT, said["left"])


async def _read(stage: Stage, scenario: Scenario, streams: int, requests: int) -> dict[str, Any]:
    """What the readers say in the end."""
    order = Order(f"http://{NAME}", streams, scenario.policy, scenario.limit)
    command = [sys.executable, "-m", "benchmarks.networks.reader", json.dumps(asdict(order))]
    network = stage.network
    async with (
        await anyio.open_process([*network.at(network.client), *command], stderr=None) as reader,
        anyio.create_task_group() as tasks,
    ):
        assert reader.stdin is not None
        async for said in lines(reader):
            if "ready" in said:
                if scenario.when is When.START:
                    tasks.start_soon(scenario.fault, stage)
                    await anyio.sleep(0.2)  # it has begun: each fault's first step is one command
                await reader.stdin.send(b"go\n")
                if scenario.when is When.WAITING:
                    await stage.requests(requests)
                    tasks.start_soon(scenario.fault, stage)
            elif "middle" in said and scenario.when is When.MIDDLE:
                tasks.start_soon(scenario.fault, stage)
            elif "streams" in said:
                tasks.cancel_scope.cancel()
                return said
    raise RuntimeError("the readers died")


def main() -> None:
    """Print what became of it."""
    name, streams = sys.argv[1:]
    try:
        print(json.dumps(anyio.run(run, SCENARIOS[name], int(streams)).to_dict()))
    except Unable as error:
        print(json.dumps({"unable": str(error)}))


if __name__ == "__main__":
    main()
