"""A new model is one row: wherever in the table it stands, everything that knows of models agrees about it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

SOURCE: Final = Path(__file__).parent.parent.parent / "src"
#: Of a line that there is not yet.
MODEL: Final = "claude-ballad-6"
ROW: Final = f'    _newest("{MODEL}", _ADAPTIVE, context=2_000_000, max_output=200_000, price=(3.0, 15.0, 0.15)),\n'
#: What the row is put before.
PLACES: Final = {
    "top": '    _newest("claude-fable-5-2"',
    "middle": '    _small("claude-opus-4-5"',
    "end": ")\n\n_BY_NAME",
}

ASK: Final[dict[str, Any]] = {"max_tokens": 100, "messages": [{"role": "user", "content": "Sing."}]}
TOOL: Final = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}
REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "plain": ASK,
    "temperature": {**ASK, "temperature": 0.5},
    "top_k": {**ASK, "top_k": 5},
    "forced": {**ASK, "tools": [TOOL], "tool_choice": {"type": "any"}},
    "prefill": {**ASK, "messages": [*ASK["messages"], {"role": "assistant", "content": "La"}]},
    "budget": {**ASK, "max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 2048}},
    "no thinking": {**ASK, "thinking": {"type": "disabled"}},
    "adaptive": {**ASK, "thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
    "fast": {**ASK, "speed": "fast"},
    "long": {**ASK, "max_tokens": 200_001},
}

SCRIPT: Final = """
import asyncio, json, sys
import anthropic
from unbroken.core.models.table import MODELS, lookup
from unbroken.core.models.prices import PRICES
from unbroken.health.incidents import parse
from unbroken.preflight import check
from unbroken.testing import FaultServer

MODEL, VERSION = sys.argv[1], "2023-06-01"
requests = json.loads(sys.argv[2])

def preflight(request):
    return [each.code for each in check({"model": MODEL, **request}, version=VERSION) if each.severity == "error"]

async def accepts(client, request):
    body = {"model": MODEL, "stream": True, **request}
    try:
        options = {"headers": {"anthropic-version": VERSION}}
        await client.post("/v1/messages", body=body, cast_to=object, options=options)
    except anthropic.BadRequestError as error:
        return str(error)
    return None

async def main():
    async with FaultServer() as server:
        async with anthropic.AsyncAnthropic(base_url=server.url, api_key="test", max_retries=0) as client:
            said = await client.models.retrieve(MODEL)
            objections = {name: await accepts(client, request) for name, request in requests.items()}
    name = "Elevated errors on Claude Ballad 6"
    incident = {"name": name, "status": "identified", "impact": "major"}
    status = parse({"status": {"indicator": "major"}}, {"incidents": [incident]})
    price = PRICES[MODEL]
    print(json.dumps({
        "known": MODEL in {info.name for info in MODELS} and lookup(f"us.anthropic.{MODEL}-v1:0").name == MODEL,
        "preflight": {name: preflight(request) for name, request in requests.items()},
        "server": objections,
        "catalogue": [said.max_tokens, said.display_name, said.to_dict()["line"]],
        "price": [price.input, price.output, price.cache_read],
        "incident": list(status.incidents[0].models),
        "concerns": [info.name for info in MODELS if status.incident(info.name)],
    }))

asyncio.run(main())
"""


def with_a_row(folder: Path, place: str) -> dict[str, Any]:
    """What a package says whose table has one more row."""
    shutil.copytree(SOURCE, folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    table = folder / "src" / "unbroken" / "core" / "models" / "table.py"
    text = table.read_text(encoding="utf-8")
    assert text.count(PLACES[place]) == 1
    table.write_text(text.replace(PLACES[place], ROW + PLACES[place]), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, MODEL, json.dumps(REQUESTS)],
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    said: dict[str, Any] = json.loads(run.stdout)
    return said


@pytest.mark.sample(3)
@pytest.mark.parametrize("place", PLACES)
def test_a_new_model_is_one_row(tmp_path: Path, place: str) -> None:
    """Preflight objects to what the server rejects, and to nothing else; the price, the Models API, the status page."""
    said = with_a_row(tmp_path, place)
    assert said["known"]
    assert {name for name, codes in said["preflight"].items() if codes} == {
        name for name, words in said["server"].items() if words
    }
    assert said["preflight"] == {
        "plain": [],
        "temperature": ["sampling_unsupported"],
        "top_k": ["sampling_unsupported"],
        "forced": ["tool_choice_unsupported"],
        "prefill": ["prefill_unsupported"],
        "budget": ["thinking_unsupported"],
        "no thinking": ["thinking_unsupported"],
        "adaptive": [],
        "fast": ["speed_unsupported"],
        "long": ["max_tokens_too_large"],
    }
    assert said["catalogue"] == [200_000, "Claude Ballad 6", "ballad"]
    assert said["price"] == [3.0, 15.0, 0.15]
    assert (said["incident"], said["concerns"]) == (["ballad 6"], [MODEL])
