"""What users get when they install and import the package."""

from __future__ import annotations

import ast
import functools
import json
import re
import subprocess
import sys
from importlib.metadata import entry_points, metadata, version
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

import unbroken
import unbroken.testing

TESTS: Final = Path(__file__).parent
PACKAGE: Final = TESTS.parent / "src" / "unbroken"
REFERENCE: Final = TESTS.parent / "docs" / "pages" / "reference"

#: Source files without a test file of their own name, and where they are tested: parts that show only in the whole.
TESTED_ELSEWHERE: Final = {
    "api/intercepted.py": "api/test_middleware.py",
    "api/responses.py": "durable/test_middleware.py",
    "batches/handle.py": "engine/test_deferred.py",
    "cli/host_view.py": "cli/test_host.py",
    "cli/input.py": "cli/test_app.py",
    "cli/live_view.py": "cli/test_run_view.py",
    "cli/journal_commands.py": "cli/test_journals.py",
    "cli/runner.py": "cli/test_app.py",
    "diagnosis/remedies.py": "diagnosis/test_advice.py",
    "diagnosis/transport_advice.py": "diagnosis/test_advice.py",
    "health/clients.py": "health/limits/test_limiter.py",
    "health/default.py": "health/test_health.py",
    "health/limits/slot.py": "health/limits/test_gate.py",
    "health/permit.py": "health/test_health.py",
    "pipe/markdown_lines.py": "pipe/test_markdown.py",
    "preflight/schema_limits.py": "preflight/test_schemas.py",
    "testing/claude/block_writer.py": "testing/claude/test_model.py",
    "core/message/block.py": "core/message/test_partial.py",
    "core/message/partial_json.py": "core/message/test_partial.py",
    "core/splicing/block_role.py": "core/splicing/test_joining.py",
    "core/sse.py": "core/wire/test_sse.py",
    "api/attach.py": "durable/test_attached.py",
    "api/call.py": "api/test_stream.py",
    "api/checks.py": "api/test_stream.py",
    "api/durable.py": "durable/test_stream.py",
    "api/record.py": "api/test_host.py",
    "durable/channel.py": "durable/test_cursor.py",
    "durable/claim.py": "durable/test_stream.py",
    "durable/errors.py": "durable/test_stream.py",
    "durable/fold.py": "durable/test_attached.py",
    "durable/history.py": "durable/test_attached.py",
    "durable/log.py": "durable/test_writer.py",
    "durable/outcome.py": "durable/test_stream.py",
    "durable/request.py": "durable/test_stream.py",
    "durable/snapshot.py": "durable/test_attached.py",
    "durable/stop.py": "durable/test_stream.py",
    "durable/tail.py": "durable/test_session.py",
    "durable/watch.py": "durable/test_session.py",
    "engine/begun.py": "durable/test_every_kill.py",
    "engine/exchange.py": "engine/test_sender.py",
    "engine/recording.py": "durable/test_writer.py",
    "core/wire/counters.py": "core/splicing/test_usage.py",
    "engine/admission.py": "engine/test_dispatcher.py",
    "engine/drain.py": "engine/test_attempt.py",
    "engine/whole_body.py": "engine/test_attempt.py",
    "core/failure.py": "core/test_classification.py",
    "core/seam/cuts.py": "core/seam/test_anchor.py",
    "core/seam/evidence.py": "core/seam/test_search.py",
    "core/seam/joint_edge.py": "core/seam/test_seam.py",
    "core/seam/squeezed.py": "core/seam/test_anchor.py",
    "core/plan/choice.py": "core/plan/test_plan.py",
    "core/plan/hedges.py": "core/plan/test_plan.py",
    "core/plan/limits.py": "core/plan/test_plan.py",
    "core/plan/losses.py": "core/plan/test_plan.py",
    "core/plan/unjoined.py": "core/plan/test_plan.py",
    "engine/conclusion.py": "engine/test_driver.py",
    "engine/intake.py": "engine/test_driver.py",
    "sdk/exceptions.py": "test_errors.py",
    "sdk/failures.py": "engine/test_attempt.py",
    "sdk/stand_in.py": "durable/test_middleware.py",
    "cli/demo/play.py": "cli/demo/test_spectators.py",
    "cli/demo/sides.py": "cli/demo/test_demo.py",
    "cli/demo/story.py": "cli/demo/test_demo.py",
    "cli/demo/svg.py": "cli/demo/test_picture.py",
    "cli/demo/trial.py": "cli/demo/test_demo.py",
    "testing/script/batches.py": "testing/services/test_batch_api.py",
    "testing/script/faults/connection.py": "testing/script/test_faults.py",
    "testing/script/faults/fault.py": "testing/script/test_faults.py",
    "testing/script/faults/frames.py": "testing/script/test_faults.py",
    "testing/script/faults/place.py": "testing/server/test_schedule.py",
    "testing/script/faults/waits.py": "testing/script/test_faults.py",
    "testing/server/player.py": "testing/server/test_response_writer.py",
    "testing/names.py": "test_package.py",
    "testing/plugin.py": "testing/server/test_threaded.py",
    "testing/wire/record.py": "testing/server/test_server.py",
    "testing/manners/repetition.py": "testing/manners/test_manners.py",
    "testing/wire/sockets.py": "testing/server/test_server.py",
    "testing/manners/wordings.py": "testing/manners/test_manners.py",
    "testing/wire/http.py": "testing/server/test_server.py",
    "journal/errors.py": "journal/sqlite/test_failures.py",
    "journal/protocol.py": "testing/journal/test_suite.py",
    "journal/sqlite/calls.py": "journal/sqlite/test_writer.py",
    "journal/sqlite/entries.py": "journal/sqlite/test_journal.py",
    "journal/sqlite/opened.py": "journal/sqlite/test_journal.py",
    "journal/sqlite/reader.py": "journal/sqlite/test_journal.py",
    "journal/sqlite/store.py": "journal/sqlite/test_journal.py",
    "testing/journal/appending.py": "testing/journal/test_suite.py",
    "testing/journal/creating.py": "testing/journal/test_suite.py",
    "testing/journal/helpers.py": "testing/journal/test_suite.py",
    "testing/journal/holding.py": "testing/journal/test_suite.py",
    "testing/journal/keeping.py": "testing/journal/test_suite.py",
    "testing/journal/reading.py": "testing/journal/test_suite.py",
    "testing/journal/store.py": "testing/journal/test_suite.py",
    "testing/journal/taking.py": "testing/journal/test_suite.py",
    "api/run.py": "runs/test_run.py",
    "runs/answer.py": "runs/test_run.py",
    "runs/asking.py": "runs/test_run.py",
    "runs/cleaning.py": "runs/test_run.py",
    "runs/errors.py": "runs/test_run.py",
    "cli/dry_run.py": "cli/test_run.py",
    "cli/run_commands.py": "cli/test_run.py",
    "runs/options.py": "runs/test_run.py",
    "runs/work.py": "runs/test_run.py",
    "runs/progress.py": "runs/test_run.py",
    "runs/request.py": "runs/test_source.py",
    "web/errors.py": "web/test_exchange.py",
    "web/reader.py": "web/test_attached.py",
    "web/wire.py": "web/test_golden.py",
}

#: Not there, or not wanted, where only the library is installed.
OPTIONAL: Final = (
    "aiostream",
    "coredis",
    "h11",
    "opentelemetry",
    "pytest",
    "rich",
    "starlette",
    "trio",
    "typer",
    "unbroken.testing",
)


def test_the_public_names_are_those_of_the_reference() -> None:
    """A name that comes or goes is a decision: it has its entry in the documentation, and nothing else has."""
    entries = "".join(page.read_text(encoding="utf-8") for page in REFERENCE.glob("*.md"))
    named = set(re.findall(r"^::: unbroken\.(\w+)$", entries, re.MULTILINE))
    assert set(unbroken.__all__) == {name for name in named if not isinstance(getattr(unbroken, name), ModuleType)}
    assert all(hasattr(unbroken, name) for name in unbroken.__all__)


def test_type_checkers_are_told_the_same_names() -> None:
    """What is imported for them alone is what is imported late, from the same modules, under the same names."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    told = next(each for each in tree.body if isinstance(each, ast.If))
    imports = [each for each in told.body if isinstance(each, ast.ImportFrom)]
    homes = {f"{'.' * each.level}{each.module}": tuple(name.name for name in each.names) for each in imports}
    assert homes == unbroken._HOMES
    assert all(name.asname == name.name for each in imports for name in each.names), "an alias is what exports a name"


def test_all_names_can_be_imported_at_once() -> None:
    """`from unbroken import *` brings them, and those of the fault server."""
    for package in (unbroken, unbroken.testing):
        names: dict[str, object] = {}
        exec(f"from {package.__name__} import *", names)
        assert set(package.__all__) == set(names) - {"__builtins__"}


def test_the_version_is_the_distributions() -> None:
    assert unbroken.__version__ == version("unbroken")


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'unbroken' has no attribute 'resilent_stream'"):
        unbroken.resilent_stream  # noqa: B018


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()


def test_the_library_needs_no_more_than_it_says() -> None:
    """Two dependencies at run time; the rest is in extras."""
    required = metadata("unbroken").get_all("Requires-Dist") or []
    names = [re.split(r"[^\w-]", line)[0] for line in required if "extra ==" not in line]
    assert sorted(names) == ["anthropic", "anyio"]


def test_the_command_and_the_plugin_are_registered() -> None:
    assert [entry.value for entry in entry_points(group="console_scripts", name="unbroken")] == ["unbroken.cli:main"]
    assert [entry.value for entry in entry_points(group="pytest11", name="unbroken")] == ["unbroken.testing.plugin"]


@pytest.mark.parametrize("module", ["unbroken", "unbroken.testing.plugin"])
def test_importing_brings_nothing_optional(module: str) -> None:
    """Neither `import unbroken` nor the plugin that pytest loads in every project brings what only some want."""
    code = f"import {module}, json, sys; print(json.dumps(sorted(sys.modules)))"
    # The SDK imports what it finds of these by itself: only what comes on top is ours.
    alone = _imported("import anthropic, anyio, json, sys; print(json.dumps(sorted(sys.modules)))")
    brought = _imported(code) - alone
    wanted = {"pytest", "unbroken.testing"} if module.endswith("plugin") else set()
    assert {name for name in OPTIONAL if name in brought} == wanted


def test_streams_to_the_browser_need_no_framework() -> None:
    """Starlette is imported with what is for Starlette."""
    code = "import unbroken.web, json, sys; print(json.dumps(sorted(sys.modules)))"
    assert not {"fastapi", "starlette", "uvicorn"} & set(_imported(code))


@functools.cache
def _imported(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_every_source_file_has_its_test_file() -> None:
    """`core/seam/seam.py` is tested by `core/test_seam.py`, but for the exceptions, which are still exceptions."""
    files = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if not path.name.startswith("__"))
    lonely = {path.as_posix() for path in files if not (TESTS / path.with_name(f"test_{path.name}")).exists()}
    assert lonely == set(TESTED_ELSEWHERE)
    assert [test for test in TESTED_ELSEWHERE.values() if not (TESTS / test).exists()] == []
