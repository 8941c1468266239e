"""One connection to the server, which is made when somebody needs it, and made again when it is lost.

Replies come in the order of requests, and a request that nobody waits for any more keeps its place in that order: its
reply is read, and dropped. So a call that was cancelled cannot leave its reply to the next one. A server that does not
answer in time gets a new connection, and nothing of the old one is read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import anyio
from anyio import aclose_forcefully
from anyio.abc import ByteStream

from ...concurrency.detached import Step, detach
from ..errors import JournalError, JournalUnavailable
from .address import Address
from .failures import is_moved, is_unknown_script, is_worth_a_new_connection, translate
from .scripts import script

if TYPE_CHECKING:
    from coredis.connection import BaseConnection

__all__ = ["Link"]

Prepare = Callable[["BaseConnection"], Awaitable[None]]


class _Attempt:
    """Somebody makes the connection; all who need it wait for that."""

    def __init__(self) -> None:
        self.made = anyio.Event()
        self.connection: BaseConnection | None = None
        self.error: JournalError | None = None
        self.step: Step | None = None


class Link:
    """A connection that is there when it is needed.

    Args:
        address: Of the server.
        name: How the server's list of clients names the connection.
        timeout: Seconds in which the server has to answer.
        prepare: What is done with a new connection before anybody else gets it.
    """

    def __init__(self, address: Address, name: str, timeout: float, prepare: Prepare | None = None) -> None:
        self._address = address
        self._name = name
        self.timeout = timeout
        self._prepare = prepare
        self._attempt: _Attempt | None = None
        self._abandoned: tuple[Any, float] | None = None
        self._steps: set[Step] = set()
        self._closed = False

    async def connection(self) -> BaseConnection:
        """The connection; it is made where there is none.

        Raises:
            JournalUnavailable: The server cannot be reached, or does not answer in time.
            JournalError: It does not let us in, or the link was closed.
        """
        attempt = self._attempt
        if self._abandoned is not None:
            self._judge()
        if attempt is None or (attempt.made.is_set() and (attempt.connection is None or not attempt.connection.usable)):
            if self._closed:
                raise JournalError("the journal is closed")
            attempt = self._attempt = _Attempt()
            self._start(attempt)
        if not attempt.made.is_set():
            await attempt.made.wait()
        if attempt.connection is None:
            error = attempt.error or JournalError("the journal is closed")
            raise type(error)(*error.args) from error.__cause__  # each of those who wait has its own
        return attempt.connection

    async def ask(self, command: bytes, *args: bytes | str | int, timeout: float | None = None) -> Any:
        """Send a command, and wait for its reply. Cancelling it leaves it done or not done.

        Args:
            command: Its name.
            args: Its arguments.
            timeout: Seconds for the reply. None: the link's own.

        Raises:
            JournalUnavailable: As `connection`; the connection was lost; the server cannot do it just now.
            JournalFull: The server has no memory left.
            JournalError: It refuses to.
        """
        for moves_left in (1, 0):
            connection = await self.connection()
            error = reply = await self._exchange(connection, command, args, timeout or self.timeout)
            if not isinstance(error, BaseException):
                return reply
            place = is_moved(error)
            if place is not None and moves_left:
                self._address.move(*place)
                self.drop(connection)
                continue
            if is_worth_a_new_connection(error):
                self.drop(connection)
            failure = translate(error, str(self._address))
            # What the server says may have people's words in it; what the network says has none.
            raise failure from (error if isinstance(failure, JournalUnavailable) else None)
        raise AssertionError("unreachable")

    async def run(self, name: str, *args: bytes | str | int) -> Any:
        """Run a script by its name, as `ask`; it is sent along where the server does not know it.

        Args:
            name: Of the script.
            args: Its key, and its arguments.
        """
        source, digest = script(name)
        try:
            return await self.ask(b"EVALSHA", digest, 1, *args)
        except _UnknownScript:
            return await self.ask(b"EVAL", source, 1, *args)

    def drop(self, connection: BaseConnection) -> None:
        """Close a connection: the next call gets another."""
        self._abandoned = None
        connection.invalidate()

    async def close(self) -> None:
        """Close it for good. Call it under a shield."""
        self._closed = True
        for step in list(self._steps):
            await step.cancel()

    # -- inside

    async def _exchange(
        self, connection: BaseConnection, command: bytes, args: tuple[bytes | str | int, ...], timeout: float
    ) -> Any:
        """The reply, or the error; an unknown script is raised."""
        try:
            request = connection.create_request(command, *args, decode=False, raise_exceptions=False, timeout=timeout)
        except Exception as error:  # the connection was closed before the request had its place
            return error
        try:
            reply = await request
        except BaseException:
            if self._abandoned is None:
                self._abandoned = (request, anyio.current_time() + timeout)
            raise
        if is_unknown_script(reply):
            raise _UnknownScript
        return reply

    def _judge(self) -> None:
        """Drop a connection on which all who wait give up before the time is over in which the server has to answer."""
        assert self._abandoned is not None
        request, until = self._abandoned
        if request.complete:
            self._abandoned = None
        elif anyio.current_time() >= until and self._attempt is not None and self._attempt.connection is not None:
            self.drop(self._attempt.connection)

    def _start(self, attempt: _Attempt) -> None:
        async def live() -> None:
            try:
                await self._live(attempt)
            finally:
                if attempt.step is not None:
                    self._steps.discard(attempt.step)

        attempt.step = detach(live)
        self._steps.add(attempt.step)

    async def _live(self, attempt: _Attempt) -> None:
        """Make the connection, and stay with it until it ends."""
        try:
            await self._connect(attempt)
        except Exception as error:
            attempt.error = translate(error, str(self._address))
            attempt.error.__cause__ = error if isinstance(attempt.error, JournalUnavailable) else None
            self._address.move_back()
        finally:
            attempt.made.set()

    async def _connect(self, attempt: _Attempt, moves_left: int = 1) -> None:
        with anyio.fail_after(self.timeout):
            stream = await self._address.connect()
            await _greet(stream)
        connection = self._address.connection(stream, self._name, self.timeout)
        try:
            async with anyio.create_task_group() as tasks:
                with anyio.fail_after(self.timeout):
                    await tasks.start(connection.run)
                    if self._prepare is not None:
                        await self._prepare(connection)
                attempt.connection = connection
                attempt.made.set()
        except Exception as error:
            cause: Exception = error
            while isinstance(cause, ExceptionGroup):
                cause = cause.exceptions[0]
            place = is_moved(cause)
            if place is None or not moves_left:
                raise cause from cause.__cause__
            self._address.move(*place)
            await self._connect(attempt, moves_left - 1)


async def _greet(stream: ByteStream) -> None:
    """Return when there is somebody who answers: the kernel takes connections also for a server that hangs.

    coredis would find that out, too, and log it as an error of its own, with a traceback.
    """
    try:
        await stream.send(b"PING\r\n")
        answer = b""
        while not answer.endswith(b"\r\n"):
            answer += await stream.receive()
    except BaseException as error:
        await aclose_forcefully(stream)
        if isinstance(error, anyio.EndOfStream | anyio.BrokenResourceError):
            raise ConnectionResetError from error
        raise
    if answer.startswith((b"-ERR", b"-DENIED")):  # it has too many clients, or is not for other hosts
        await aclose_forcefully(stream)
        from coredis.parser import Parser

        raise Parser().parse_error(answer[1:].decode(errors="replace"))


class _UnknownScript(Exception):
    """The server does not know the script that it was to run."""
