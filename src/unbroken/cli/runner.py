"""A command from its start to its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio
import typer

from .problems import explain

__all__ = ["run_command"]

T = TypeVar("T")


def run_command(command: Callable[[Any], Awaitable[T]], options: object) -> T:
    """Run a command on asyncio, and turn how it can go wrong into an exit code and one sentence."""
    try:
        return anyio.run(_in_a_task, command, options)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except Exception as error:
        if _reader_has_gone(error):
            # As with `| head`. Python would complain once more when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        else:
            typer.echo(f"unbroken: {explain(error)}", err=True)
    raise typer.Exit(1)


async def _in_a_task(command: Callable[[Any], Awaitable[T]], options: object) -> T:
    """Run a command in a task that only anyio cancels.

    Ctrl-C makes asyncio cancel the main task by itself, and such a cancellation can get lost where it meets scopes of
    anyio on its way out (seen with 4.16, while the bare SDK was reading in a task beside). Here nothing is on its way.
    """
    results: list[T] = []
    errors: list[Exception] = []

    async def work() -> None:
        try:
            results.append(await command(options))
        except Exception as error:
            errors.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work)
    if errors:
        raise errors[0]
    if not results:
        raise KeyboardInterrupt
    return results[0]


def _reader_has_gone(error: Exception) -> bool:
    if isinstance(error, ExceptionGroup):
        return any(map(_reader_has_gone, error.exceptions))
    return isinstance(error, BrokenPipeError)
