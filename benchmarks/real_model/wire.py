"""A server on loopback that speaks the Messages API, with a real model behind it, and that cuts answers on command.

Requests are read, judged and refused as by the fault server. Only texts are taken: no tools, no thinking, no forms.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self

import anyio
import anyio.from_thread
import anyio.to_thread

from benchmarks.real_model.engine import Completion, Engine
from benchmarks.real_model.weights import Turn, render
from unbroken.testing import ErrorEvent, Status
from unbroken.testing.claude.reply import Reply
from unbroken.testing.claude.usage import Usage
from unbroken.testing.rules.incoming import blocks_of
from unbroken.testing.rules.validation import KNOWN_MODELS, validate
from unbroken.testing.script.blocks import RawBlock
from unbroken.testing.wire.calls import Call, route
from unbroken.testing.wire.dialects import FIRST_PARTY
from unbroken.testing.wire.http import LAST_CHUNK, HttpRequest, chunk, frame, head, read_request
from unbroken.testing.wire.sockets import Listener, Stream, accept

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["NAME", "Cut", "ModelServer", "Served"]

#: What the model is called on the wire: one that takes a prefill, and does not think unless it is asked to.
NAME: Final = "claude-haiku-4-5"
#: The events of a stream before its first text: the message's start and the block's.
_BEFORE_TEXT: Final = 2
_BLOCK: Final = {"type": "content_block_delta", "index": 0}


@dataclass(frozen=True, slots=True)
class Cut:
    """How an answer is cut.

    Attributes:
        characters: After how many.
        how: By a reset of the connection, or by an error event, after which the body ends as it should.
    """

    characters: int
    how: Literal["reset", "error"]


@dataclass(slots=True)
class Served:
    """A request, and what it was answered with.

    Attributes:
        body: The request's.
        text: What was sent.
        stop_reason: As in the API; None: it was cut before.
    """

    body: dict[str, Any]
    text: str = ""
    stop_reason: str | None = None

    @property
    def turns(self) -> list[Turn]:
        """The conversation, as the model's chat template takes it."""
        system = self.body.get("system")
        first = [Turn("system", _text_of(system))] if system else []
        return [*first, *(Turn(each["role"], _text_of(each["content"])) for each in self.body["messages"])]


class ModelServer:
    """The server. It runs inside the caller's event loop, and the model in a thread.

    What was answered once is not reckoned again: the engine gives every request for the same the same answer.

    Args:
        engine: The model.

    Attributes:
        served: Every request that was accepted, in the order of arrival.
        next_cut: What the next answer is cut by; None: nothing.
    """

    def __init__(self, engine: Engine) -> None:
        self.served: list[Served] = []
        self.next_cut: Cut | None = None
        self._engine = engine
        self._known: dict[Asked, tuple[list[str], Completion]] = {}
        self._listener: Listener | None = None
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        """What the client's `base_url` must be. It is there while the server runs."""
        assert self._listener is not None
        return f"http://127.0.0.1:{self._listener.port}"

    async def __aenter__(self) -> Self:
        self._listener = Listener()
        self._stack.callback(self._listener.close)
        await self._stack.enter_async_context(self._accepting(self._listener))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @asynccontextmanager
    async def _accepting(self, listener: Listener) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:

            async def take() -> None:
                with listener.listen() as sock:
                    while True:
                        tasks.start_soon(self._serve, await accept(sock))

            tasks.start_soon(take)
            yield
            tasks.cancel_scope.cancel()

    async def _serve(self, stream: Stream) -> None:
        """Answer the requests of one connection, one after another."""
        reset, buffered = False, b""
        try:
            while not reset and (http := await read_request(stream.receive, buffered)) is not None:
                reset, buffered = await self._answer(stream, http), http.rest
        except OSError:
            pass  # the client has gone
        finally:
            stream.reset() if reset else stream.close()

    async def _answer(self, stream: Stream, http: HttpRequest) -> bool:
        """Answer one request; return whether the connection is to be reset."""
        request_id = f"req_{len(self.served) + 1:08d}"
        call = route(http.target.partition("?")[0], http.headers, _object(http.body))
        refusal = Status(404) if call is None or call.counting else _judge(call)
        if call is None or refusal is not None:
            await self._refuse(stream, refusal or Status(404), request_id)
            return False
        served = Served(call.body)
        self.served.append(served)
        cut, self.next_cut = self.next_cut, None
        headers = {"content-type": FIRST_PARTY.content_type, "transfer-encoding": "chunked"}
        await stream.send(head(200, {**FIRST_PARTY.headers(request_id), **headers}))
        return await self._stream(stream, served, cut, request_id)

    async def _refuse(self, stream: Stream, status: Status, request_id: str) -> None:
        code, headers, body = FIRST_PARTY.error(status, request_id)
        data = json.dumps(body).encode()
        headers = {**headers, "content-type": "application/json", "content-length": str(len(data))}
        await stream.send(head(code, {**FIRST_PARTY.headers(request_id), **headers}) + data)

    async def _stream(self, stream: Stream, served: Served, cut: Cut | None, request_id: str) -> bool:
        """Send the answer as it is written; return whether the connection is to be reset."""
        asked = Asked.of(served)

        async def send(event: Mapping[str, Any]) -> None:
            await stream.send(chunk(frame(event)))

        async def take(piece: str) -> bool:
            """Send a piece; return whether there may be more."""
            left = len(piece) if cut is None else cut.characters - len(served.text)
            if piece[:left]:
                await send({**_BLOCK, "delta": {"type": "text_delta", "text": piece[:left]}})
            served.text += piece[:left]
            return left >= len(piece) and (cut is None or len(served.text) < cut.characters)

        events = list(_reply(served, request_id).events())
        for event in events[:_BEFORE_TEXT]:
            await send(event)
        completion = await self._write(asked, take)
        if completion is None:
            assert cut is not None
            if cut.how == "reset":
                return True
            error = FIRST_PARTY.error_frame(ErrorEvent("overloaded_error"), request_id, Random(0))
            await stream.send(chunk(error) + LAST_CHUNK)
            return False
        served.stop_reason = completion.stop_reason
        for event in list(_reply(served, request_id, completion).events())[_BEFORE_TEXT:]:
            await send(event)
        await stream.send(LAST_CHUNK)
        return False

    async def _write(self, asked: Asked, take: Callable[[str], Coroutine[Any, Any, bool]]) -> Completion | None:
        """Write the answer, piece by piece; None: it was not taken whole."""
        known = self._known.get(asked)
        if known is not None:
            pieces, completion = known
            for piece in pieces:
                if not await take(piece):
                    return None
            return completion
        written: list[str] = []
        whole = True

        def on_text(piece: str) -> bool:
            nonlocal whole
            written.append(piece)
            whole = anyio.from_thread.run(take, piece)
            return whole

        completion = await anyio.to_thread.run_sync(
            lambda: self._engine.complete(asked.prompt, asked.max_tokens, on_text, stop=asked.stop)
        )
        if not whole:
            return None
        self._known[asked] = written, completion
        return completion


class Asked(NamedTuple):
    """What an answer depends on, the engine being the same."""

    prompt: str
    max_tokens: int
    stop: tuple[str, ...]

    @classmethod
    def of(cls, served: Served) -> Asked:
        """Of a request that was found valid."""
        return cls(render(served.turns), served.body["max_tokens"], tuple(served.body.get("stop_sequences") or ()))


def _reply(served: Served, request_id: str, completion: Completion | None = None) -> Reply:
    """The message, with its one block still without text."""
    return Reply(
        id=request_id.replace("req_", "msg_"),
        model=served.body["model"],
        blocks=(RawBlock({"type": "text", "text": ""}),),
        stop_reason="end_turn" if completion is None else completion.stop_reason,
        stop_sequence=None,
        usage=Usage(0, 0) if completion is None else Usage(completion.input_tokens, completion.output_tokens),
    )


def _judge(call: Call) -> Status | None:
    """The error with which the request is answered; None: it is accepted."""
    error = validate(call.body or None, call.version, models=KNOWN_MODELS, betas=call.betas)
    if error is not None:
        return Status(error.status, error.type, error.message)
    return None if call.body.get("stream") else Status(400, message="stream: only streams are served here")


def _text_of(content: str | Sequence[Mapping[str, Any]]) -> str:
    return "".join(block["text"] for block in blocks_of({"content": content}))


def _object(body: bytes) -> dict[str, Any]:
    try:
        decoded = json.loads(body)
    except ValueError:
        return {}
    return decoded if isinstance(decoded, dict) else {}
