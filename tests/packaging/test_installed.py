"""The wheel, installed: what it brings, what it imports, and that it works."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from conftest import Environment

#: What `python -m venv` brings, and Python 3.11 imports at its start.
TOOLS = {"pip", "setuptools"}
#: Every distribution of an environment, with its requirements.
INSTALLED = """
import json
from importlib.metadata import distributions
print(json.dumps({each.name: each.requires or [] for each in distributions()}))
"""
#: The distributions that importing something has touched.
TOUCHED = """
import json, sys
from importlib.metadata import packages_distributions
{code}
owners = packages_distributions()
print(json.dumps(sorted({{name for module in sys.modules for name in owners.get(module.partition(".")[0], [])}})))
"""
EVERY_NAME = "import unbroken\nfor name in unbroken.__all__: getattr(unbroken, name)"
#: One stream that is cut and gone on with; the fault server needs no more than the library.
ONE_STREAM = """
import asyncio
import anthropic
from unbroken import resilient_stream
from unbroken.testing import ErrorEvent, FaultServer, Script, after_characters

TEXT = "The keeper climbed the stairs twice a night, and wrote down what the wind was doing."

async def main():
    script = Script(TEXT, faults=[ErrorEvent("overloaded_error", at=after_characters(40))])
    async with (
        FaultServer(script) as server,
        anthropic.AsyncAnthropic(base_url=server.url, api_key="test") as client,
        resilient_stream(
            client, model="claude-opus-5-5", max_tokens=1024, messages=[{"role": "user", "content": "Hello"}]
        ) as stream,
    ):
        assert await stream.get_final_text() == TEXT
    print(len(stream.report.attempts), "requests")

asyncio.run(main())
"""


def _installed(environment: Environment) -> dict[str, list[str]]:
    found = json.loads(environment.prints(INSTALLED))
    return {canonicalize_name(name): required for name, required in found.items() if name not in TOOLS}


def _needed_by(roots: set[str], installed: dict[str, list[str]]) -> set[str]:
    """The roots and all that they require, by what each distribution says; extras that are asked for count."""
    needed: set[str] = set()
    left = [(name, "") for name in roots]
    while left:
        name, extra = left.pop()
        needed.add(name)
        for requirement in map(Requirement, installed[name]):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                wanted = canonicalize_name(requirement.name)
                left += [(wanted, each) for each in ("", *requirement.extras) if wanted not in needed]
    return needed


def test_only_the_sdk_and_anyio_are_brought(alone: Environment, project: dict[str, Any]) -> None:
    """`pip install unbroken` brings its two dependencies, what those require, and nothing that an extra is for."""
    installed = _installed(alone)
    direct = {Requirement(line).name for line in installed["unbroken"] if "extra ==" not in line}
    assert direct == {"anthropic", "anyio"}
    needed = _needed_by({"anthropic", "anyio"}, installed)
    assert set(installed) == needed | {"unbroken"}
    for extra in ("cli", "pipe", "schema"):
        wanted = {canonicalize_name(Requirement(line).name) for line in project["optional-dependencies"][extra]}
        assert not (wanted - needed) & set(installed)


def test_importing_touches_nothing_optional(complete: Environment) -> None:
    """With every extra installed, `import unbroken` and all its names touch what the SDK and anyio require, no more."""
    needed = _needed_by({"anthropic", "anyio"}, _installed(complete)) | {"unbroken"}
    for code in ("import unbroken", EVERY_NAME, "import unbroken.testing"):
        touched = {canonicalize_name(name) for name in json.loads(complete.prints(TOUCHED.format(code=code)))}
        assert touched - TOOLS <= needed, code


def test_every_public_name_is_there_without_the_extras(alone: Environment) -> None:
    """Nothing public but the command line and `unbroken.pipe` needs an extra."""
    alone.prints(EVERY_NAME)


def test_a_stream_survives(alone: Environment) -> None:
    """The library and its fault server work with nothing else installed."""
    assert alone.prints(ONE_STREAM) == "2 requests\n"


def test_what_needs_an_extra_names_it(alone: Environment) -> None:
    """Without its extra, the command line ends with a sentence, and `unbroken.pipe` with an `ImportError`."""
    done = alone.run("-m", "unbroken", "--version")
    assert done.returncode == 1
    assert "pip install 'unbroken[cli]'" in done.stderr
    assert "Traceback" not in done.stderr
    done = alone.run("-c", "import unbroken.pipe")
    assert re.search(r"ImportError: .*unbroken\[pipe\]", done.stderr)


def test_the_module_and_the_command_are_one(complete: Environment, project: dict[str, Any]) -> None:
    """`python -m unbroken` and `unbroken` say the version that is installed."""
    module = complete.run("-m", "unbroken", "--version")
    command = complete.call(str(complete.python.with_name("unbroken")), "--version")
    assert module.stdout == command.stdout, module.stderr + command.stderr
    assert project["version"] in module.stdout


def test_the_demo_runs(complete: Environment) -> None:
    """`unbroken demo` ends with 0, which it does when its answer was exact to the character."""
    done = complete.call(str(complete.python.with_name("unbroken")), "demo", "--fast", "--plain")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_operators_can_be_imported(complete: Environment) -> None:
    """With the extra `pipe`, `unbroken.pipe` is there."""
    complete.prints("import unbroken.pipe")
