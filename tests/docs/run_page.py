"""Run what a page of the documentation shows: `python run_page.py PAGE`, in an empty directory.

Every block runs against a fault server that cuts its first stream, with the environment that the real API wants, so
that a snippet written for the real API runs unchanged.

- A `python` block runs in the namespace of the page, and may `await` at its top.
- A block with a title is a file of that name. `test_*.py` is given to pytest, any other Python file is run.
- A `console` block's commands are run, if they are ours; of the others (`pip`, `make`) the argument is checked.
- A `text` block titled "Output" is what the block before it prints; `...` in it stands for anything.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

from snippets import ROOT, Block, read

from unbroken.testing import ErrorEvent, FaultServer, Script, after_fraction

CUT_ONCE: Final = Script(faults=[ErrorEvent("overloaded_error", at=after_fraction(0.5))])


def run(page: Path) -> list[str]:
    """Run the blocks of `page`; the complaints, one text for each."""
    blocks = list(read(page))
    for block in blocks:
        if block.title and block.language in ("python", "toml"):
            Path(block.title).write_text(block.body, encoding="utf-8")
    complaints: list[str] = []
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with FaultServer.in_thread() as server, asyncio.Runner() as runner:
        os.environ |= {"ANTHROPIC_API_KEY": "test", "ANTHROPIC_BASE_URL": server.url}
        printed = ""
        for block in blocks:
            server.play(CUT_ONCE if block.script is None else _script(block.script))
            try:
                if block.is_output:
                    _compare(block.body, printed)
                    continue
                printed = _run(block, namespace, runner)
            except Exception as error:
                complaints.append(f"{block.page.name}:{block.line}: {type(error).__name__}: {error}")
        for value in namespace.values():
            if inspect.iscoroutinefunction(getattr(type(value), "close", None)):
                runner.run(value.close())
    return complaints


def _script(toml: str) -> Script:
    path = Path("script.toml")
    path.write_text(toml, encoding="utf-8")
    return Script.from_toml(path)


def _run(block: Block, namespace: dict[str, Any], runner: asyncio.Runner) -> str:
    """Run one block; what it printed."""
    match block.language:
        case "python" if block.title and block.title.startswith("test_"):
            return _call(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", block.title)
        case "python" if block.title:
            return _call(sys.executable, block.title)
        case "python":
            return _execute(block, namespace, runner)
        case "console":
            lines = (line.removeprefix("$ ") for line in block.body.splitlines() if line.startswith("$ "))
            return "".join(map(_command, lines))
        case "toml" if not block.title:
            _script(block.body)
    return ""


def _execute(block: Block, namespace: dict[str, Any], runner: asyncio.Runner) -> str:
    # The blank lines give every line the number that it has on the page, for the traceback.
    source = "\n" * (block.line - 1) + block.body
    code = compile(source, str(block.page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        result = eval(code, namespace)
        if inspect.iscoroutine(result):
            runner.run(result)
    return out.getvalue()


def _command(line: str) -> str:
    words = shlex.split(line, comments=True)
    match words:
        case ["unbroken" | "pytest", *_]:
            return _call(*words)
        case ["make", target]:
            _check(re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), f"no target {target}")
        case ["pip", "install", requirement]:
            extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            asked = re.fullmatch(r"\.(?:\[([\w,]+)\])?", requirement)
            _check(asked, f"{requirement} is not this project")
            for extra in (asked[1] or "").split(",") if asked and asked[1] else ():
                _check(extra in extras, f"no extra {extra}")
        case _:
            raise ValueError(f"nothing checks the command {line!r}")
    return ""


def _call(*command: str) -> str:
    """Run a program of ours beside this interpreter; what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "COLUMNS": "120"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    _check(done.returncode == 0, f"{shlex.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _compare(shown: str, printed: str) -> None:
    shown, printed = (re.sub(r"[ \t]+$", "", text.strip(), flags=re.MULTILINE) + "\n" for text in (shown, printed))
    same = doctest.OutputChecker().check_output(shown, printed, doctest.ELLIPSIS)
    _check(same, f"the page shows another output than\n{printed}")


def _check(holds: object, complaint: str) -> None:
    if not holds:
        raise ValueError(complaint)


if __name__ == "__main__":
    found = run(Path(sys.argv[1]).resolve())
    print("\n\n".join(found), file=sys.stderr)
    sys.exit(bool(found))
