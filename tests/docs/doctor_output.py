"""Write what the page on `unbroken doctor` shows: `python tests/docs/doctor_output.py`.

Each output is that of the command, run against a fault server. What differs from run to run (addresses, times) stands
as it was in that run.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from unbroken.testing import FaultServer, Script
from unbroken.testing.script.limits import rate_limited
from unbroken.testing.script.poison import Poison, has_keyword

PAGES: Final = Path(__file__).resolve().parents[2] / "docs" / "pages"
WIDTH: Final = 100


def tool(number: int) -> dict[str, Any]:
    """One of forty tools; the pattern of one of them is what the server of the page fails on."""
    fields: dict[str, Any] = {name: {"type": "string"} for name in ("city", "street", "postcode")}
    if number == 23:
        fields["postcode"]["pattern"] = "^(?<code>[0-9]{5})$"
    schema = {"type": "object", "properties": fields, "required": ["city"]}
    return {"name": f"look_up_{number}", "description": "Looks an address up.", "input_schema": schema}


REQUEST: Final[dict[str, Any]] = {
    "model": "claude-opus-5-5",
    "max_tokens": 1024,
    "system": "Be brief.",
    "tools": [tool(number) for number in range(40)],
    "messages": [
        {"role": ("user", "assistant")[turn % 2], "content": f"What was said in turn {turn}."} for turn in range(21)
    ],
}
BROKEN: Final = Script("Hello!", poison=Poison(has_keyword("pattern")))

#: The name of the file, what the server does, and the arguments of the command.
OUTPUTS: Final[dict[str, tuple[Script, list[str]]]] = {
    "doctor-well.txt": (Script("Hello!"), []),
    "doctor-limited.txt": (Script(then=rate_limited("input-tokens", retry_after=12)), ["request.json"]),
    "doctor-payload.txt": (BROKEN, ["request.json"]),
    "doctor-bisect.txt": (BROKEN, ["request.json", "--bisect", "--output", "smallest.json"]),
}


def output(script: Script, arguments: list[str]) -> str:
    """The command, and what it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANTHROPIC_")}
    environment |= {"ANTHROPIC_API_KEY": "sk-ant-api03-not-a-key-of-anybody-wXyZ", "COLUMNS": str(WIDTH)}
    with FaultServer.in_thread(script) as server, tempfile.TemporaryDirectory() as place:
        Path(place, "request.json").write_text(json.dumps(REQUEST), encoding="utf-8")
        addresses = ["--base-url", server.url, "--status-url", server.url]
        command = [sys.executable, "-m", "unbroken", "doctor", *arguments, *addresses]
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    if done.stderr:
        raise RuntimeError(done.stderr)
    return f"$ {' '.join(['unbroken', 'doctor', *arguments])}\n{done.stdout}"


def lasting(text: str) -> str:
    """Without what differs from run to run: ports, times, the order in which requests arrived, how lines are broken."""
    return " ".join(re.sub(r"\d{4}-[\d:TZ-]+|\b\d+\.\d+ s|:\d{4,5}\b|req_\d+|\d+ s\b", "?", text).split())


def main() -> None:
    """Write them all."""
    for name, (script, arguments) in OUTPUTS.items():
        (PAGES / name).write_text(output(script, arguments), encoding="utf-8")


if __name__ == "__main__":
    main()
