"""What a view of Starlette or FastAPI returns. Nothing else here imports Starlette."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..errors import StreamFailed
from .app import StreamApp, WireName
from .reader import EntryStream

__all__ = ["StreamResponse"]


class StreamResponse(Response):
    """A stream of a journal, to a browser, or to whatever else reads HTTP.

    ```python
    return StreamResponse(attach(journal, "c7/3", owner=user.id), wire="ui-message")
    ```

    A reader that leaves changes nothing for the answer; it comes back, to any worker, and goes on where it was: an
    `EventSource` by itself, by the header `Last-Event-ID`; another reader with that header or with `?after=`; the AI
    SDK with `?startIndex=`. What the caller has said to `attach` goes before header and address. The status is 200; or
    204 where there is nothing to read, or nothing left: no such stream, or one that has ended, for a reader that has
    all of it.

    A body never ends cleanly before its answer does. Where the answer is not whole, and no frame can say so, the
    connection is broken off: the server was told to go, the journal is away, the stream was closed or deleted. The same
    is done with a client that takes nothing for `send_timeout` seconds.

    Args:
        stream: What `attach` returned, unread. It is closed with the response.
        wire: `"anthropic"`: server-sent events as the Messages API sends them, which its SDKs read as their own; an
            answer that was stopped, or that failed, ends with an `error` event of the type `stream_cancelled`, or of
            the API's. `"text"`: the text alone; there, such an answer is broken off. `"ui-message"`: the UI message
            stream of the Vercel AI SDK, for `useChat`.
        headers: Beside our own, or instead of them.
        background: What is run when the response has ended, or its client has left.
        ping: After how many seconds of silence a comment is sent. Default: 15, as the HTML standard suggests.
        send_timeout: How many seconds the client may take nothing of what is sent. None: any time.
        retry: After how many seconds an `EventSource` comes back when the connection was lost.
        error_text: What the reader is told of an answer that failed. None: a sentence of ours with the name of the
            error, and nothing of what the error says.

    Raises:
        ValueError: There is no such wire, or a number of seconds is not positive.
    """

    def __init__(
        self,
        stream: EntryStream,
        wire: WireName = "anthropic",
        *,
        headers: Mapping[str, str] | None = None,
        background: BackgroundTask | None = None,
        ping: float = 15.0,
        send_timeout: float | None = 30.0,
        retry: float = 1.0,
        error_text: Callable[[StreamFailed], str] | None = None,
    ) -> None:
        self._app = StreamApp(
            stream,
            wire,
            ping=ping,
            send_timeout=send_timeout,
            retry=retry,
            error_text=error_text,
        )
        self.status_code = 200
        self.background = background
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        await self._app.respond(scope, receive, send, self.raw_headers)
        if self.background is not None:
            await self.background()
