"""Run what pages of the documentation show: `python run_pages.py DIRECTORY PAGE...`.

For each page, stdout has its complaints, and the modules that it needs and that are not installed, as JSON.

Every block runs against a fault server that cuts its first stream, with the environment that the real API wants, so
that a snippet written for the real API runs unchanged. Each page has a directory of its own, below `DIRECTORY`.

- A `python` block runs in the namespace of the page, and may `await` at its top.
- A block with a title is a file of that name. A Python file is run, those called `test_*.py` by pytest, all together.
- A `console` block's commands are run, if they are ours; of the others (`pip`, `make`) the argument is checked. What
  would run for ever (`unbroken host`, `uvicorn`) is told to leave as soon as it has begun.
- A `tsx` block is for a test of its own, which has what it needs (`test_use_chat_page.py`).
- A `text` block titled "Output" is what the block before it prints; `...` in it stands for anything.
- A page that has a `REDIS_URL` finds a server of its own in the environment.
- Of a page that needs what is not installed, the Python is only compiled.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import gc
import inspect
import io
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, Final

import pytest
from snippets import ROOT, Block, missing, read

from unbroken.testing import ErrorEvent, FaultServer, Script, after_fraction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unbroken.testing import ThreadedFaultServer

CUT_ONCE: Final = Script(faults=[ErrorEvent("overloaded_error", at=after_fraction(0.5))])


def run(page: Path, server: ThreadedFaultServer) -> list[str]:
    """Run the blocks of `page` in the working directory; the complaints, one text for each."""
    blocks = list(read(page))
    if missing(page):
        return _compiled(blocks)
    for block in blocks:
        if block.title and block.language in ("python", "toml"):
            Path(block.title).write_text(block.body, encoding="utf-8")
    complaints: list[str] = []
    namespace: dict[str, Any] = {"__name__": "__main__"}
    printed = ""
    with asyncio.Runner() as runner:
        for block in blocks:
            server.play(CUT_ONCE if block.script is None else _script(block.script))
            try:
                if block.is_output:
                    _compare(block.body, printed)
                else:
                    printed = _run(block, namespace, runner)
            except Exception as error:
                complaints.append(f"{page.name}:{block.line}: {type(error).__name__}: {error}")
        for value in namespace.values():
            if inspect.iscoroutinefunction(getattr(type(value), "close", None)):
                runner.run(value.close())
    return complaints + _tests(blocks)


def _compiled(blocks: list[Block]) -> list[str]:
    """The complaints of the compiler."""
    complaints: list[str] = []
    for block in blocks:
        if block.language == "python":
            try:
                _compile(block)
            except SyntaxError as error:
                complaints.append(f"{block.page.name}:{error.lineno}: {error.msg}")
    return complaints


def _run(block: Block, namespace: dict[str, Any], runner: asyncio.Runner) -> str:
    """Run one block; what it printed."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        match block.language:
            case "python" if block.title is None:
                _execute(block, namespace, runner)
            case "python" if block.title is not None and not block.title.startswith("test_"):
                runpy.run_path(block.title, run_name="__main__")
            case "toml":
                _script(block.body)
            case "console":
                for line in block.body.splitlines():
                    if line.startswith("$ "):
                        print(_command(line.removeprefix("$ ")), end="")
    return out.getvalue()


def _execute(block: Block, namespace: dict[str, Any], runner: asyncio.Runner) -> None:
    result = eval(_compile(block), namespace)
    if inspect.iscoroutine(result):
        runner.run(result)


def _compile(block: Block) -> CodeType:
    # The blank lines give every line the number that it has on the page, for the traceback.
    source = "\n" * (block.line - 1) + block.body
    code: CodeType = compile(source, str(block.page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return code


def _tests(blocks: list[Block]) -> list[str]:
    """Run the pytest files of a page; what pytest says, if they fail."""
    files = [block.title for block in blocks if block.title and block.title.startswith("test_")]
    gc.collect()  # a client that a page has left open would else be closed in the midst of a test, by its event loop
    with contextlib.redirect_stdout(io.StringIO()) as out:
        failed = files and pytest.main(["-q", "-p", "no:cacheprovider", *files])
    return [out.getvalue()] if failed else []


def _script(toml: str) -> Script:
    path = Path("script.toml")
    path.write_text(toml, encoding="utf-8")
    return Script.from_toml(path)


def _command(line: str) -> str:
    words = shlex.split(line, comments=True)
    match words:
        case ["unbroken", "host", *_]:
            return _host(*words)
        case ["uvicorn", *_]:
            _host(*words, "--port", "0", ready="Application startup complete")
        case ["unbroken", *_]:
            return _call(*words)
        case ["python", "-m", "unbroken", *arguments]:
            return _call(sys.executable, "-m", "unbroken", *arguments)
        case ["make", target]:
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            _check(re.search(rf"^{target}:", makefile, re.MULTILINE), f"no target {target}")
        case ["pip", "install", requirement]:
            asked = re.fullmatch(r"(?:\.|unbroken)(?:\[(\w+)\])?", requirement)
            _check(asked, f"{requirement} is not this project")
            project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
            extra = asked[1] if asked else None
            _check(extra is None or extra in project["optional-dependencies"], f"no extra {extra}")
        case _:
            raise ValueError(f"nothing checks the command {line!r}")
    return ""


def _call(*command: str) -> str:
    """Run a program that is installed beside this interpreter; what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "COLUMNS": "120"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    _check(done.returncode == 0, f"{shlex.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _host(*command: str, ready: str = "\n") -> str:
    """Run a program until a line of it has `ready`, and tell it to leave; what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        command, env=os.environ | {"PATH": path}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        printed = line = process.stdout.readline()
        while line and ready not in line:
            printed += (line := process.stdout.readline())
        process.terminate()
        printed += process.stdout.read()
        _check(process.wait(240) == 0, f"{shlex.join(command)} ended with {process.returncode}:\n{printed}")
    finally:
        process.kill()
    return printed


def _compare(shown: str, printed: str) -> None:
    shown, printed = (re.sub(r"[ \t]+$", "", text.strip(), flags=re.MULTILINE) + "\n" for text in (shown, printed))
    same = doctest.OutputChecker().check_output(shown, printed, doctest.ELLIPSIS)
    _check(same, f"the page shows another output than\n{printed}")


def _check(holds: object, complaint: str) -> None:
    if not holds:
        raise ValueError(complaint)


@contextlib.contextmanager
def _redis(page: Path, place: Path) -> Iterator[None]:
    """A server for a page that wants one, and nothing for others."""
    if "REDIS_URL" not in page.read_text(encoding="utf-8") or missing(page):
        yield
        return
    sys.path.append(str(ROOT / "tests"))
    from redis_server import RedisServer

    server = RedisServer(place).start()
    os.environ["REDIS_URL"] = server.url
    try:
        yield
    finally:
        server.kill()


def main(directory: str, *pages: str) -> None:
    """Run the pages, and print what came of each."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    with FaultServer.in_thread() as server:
        os.environ |= {"ANTHROPIC_API_KEY": "test", "ANTHROPIC_BASE_URL": server.url}
        for number, page in enumerate(pages):
            place = Path(directory, str(number))
            place.mkdir()
            sys.path.insert(0, str(place))  # for what a page imports of its own files
            with contextlib.chdir(place), _redis(Path(page), place):
                found[page] = run(Path(page), server), missing(Path(page))
            sys.path.remove(str(place))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
