"""`StreamHost`: the streams of a backend, which belong to no request; `recover`, for those whose backend is gone."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import anyio

from ..concurrency.detached import Step, detach
from ..durable.claim import LEASE, MAX_RECOVERIES, Claim
from ..durable.request import owner_hash, policy_of
from ..durable.session import session_of
from ..durable.workers import Workers
from ..durable.writer import Writer
from ..health.health import Health
from ..journal import Journal
from ..policy import Policy
from ..report import Notice
from ..routes import Fallback
from ..sdk.clients import resource, stream_arguments
from .call import StreamCall
from .checks import check_seconds, check_whole
from .durable import check_journal, check_stream_id, claim_of
from .record import Prepare, StreamRecord

if TYPE_CHECKING:
    from ..sdk.typed_events import Api

__all__ = ["StreamHost", "recover"]

#: What `prepare` may set beside the arguments of `messages.stream`.
_OWN: Final = ("client", "fallback_models", "policy", "health", "on_notice")


class StreamHost:
    """Writes streams that belong to no request, and goes on with those whose process has died.

    One is entered for each process, for as long as it serves; who asks and who reads may be in any process that reaches
    the journal.

    ```python
    async with StreamHost(journal, client) as host:
        await host.start("c7/3", model="claude-opus-5-5", max_tokens=1024, messages=[...])
        async for text in attach(journal, "c7/3").text_stream:
            ...
    ```

    Args:
        journal: Where the streams are; it is entered, and left, by the caller.
        client: `AsyncAnthropic`, or another async client of the SDK.
        fallback_models: As for `resilient_stream`, for all streams.
        policy: Likewise. A stream that another process has begun keeps the limits that it was begun with.
        health: What the streams share. None: one for each client.
        on_notice: As for `resilient_stream`.
        recover: Whether streams that nobody writes are gone on with. True, the default: a deploy or a crash of another
            process costs their readers a pause.
        max_recoveries: How many writers in a row may be lost with a stream that has got no further; then it ends as
            failed, with the diagnosis `"poison"`, so that what kills its workers does not kill all. Default 3.
        max_streams: How many streams are written here at a time; what is started beyond that waits in the journal, in
            order, for any host. None, the default: no bound.
        lease: After how many seconds without a sign of life a stream is taken from its writer, where nothing says so
            sooner: a machine that vanished, a process that hangs. Default 20.
        grace: How many seconds leaving waits for what is written. Default 0: the rest goes on in another process.
        prepare: Called with the `StreamRecord` of each stream that is to be gone on with; see `Prepare`. A plain or an
            async function. None: it is asked for as it stands in the journal, by this host's client and routes.

    Raises:
        TypeError: A value has another type.
        ValueError: A number is out of range.
    """

    def __init__(
        self,
        journal: Journal,
        client: Any,
        *,
        fallback_models: Iterable[Fallback] = (),
        policy: Policy | None = None,
        health: Health | None = None,
        on_notice: Callable[[Notice], object] | None = None,
        recover: bool = True,
        max_recoveries: int = MAX_RECOVERIES,
        max_streams: int | None = None,
        lease: float = LEASE,
        grace: float = 0.0,
        prepare: Prepare | None = None,
    ) -> None:
        self._journal = check_journal(journal)
        self._client = client
        self._fallbacks = fallback_models if isinstance(fallback_models, str | Mapping) else tuple(fallback_models)
        self._policy = policy
        self._health = health
        self._on_notice = on_notice
        self._recover = recover
        self._max_recoveries = check_whole("max_recoveries", max_recoveries, 0)
        self._max_streams = None if max_streams is None else check_whole("max_streams", max_streams, 1)
        self._lease = check_seconds("lease", lease, above=0.0)
        self._grace = check_seconds("grace", grace)
        self._prepare = prepare
        self._workers: Workers | None = None
        self._stack = ExitStack()
        self._sweeping: Step | None = None
        # What is wrong with these is told here, and not at the first stream.
        self._call({"model": "claude", "max_tokens": 1, "messages": []}, "messages", {"policy": _quiet(policy)})

    async def __aenter__(self) -> Self:
        """Begin to look for streams that nobody writes. Raises `RuntimeError` where it was entered before."""
        if self._workers is not None:
            raise RuntimeError("a StreamHost can be entered once")
        patience = (self._policy or Policy()).journal_patience
        session = session_of(self._journal)
        self._workers = Workers(
            session,
            self._claim_for,
            most=self._max_streams,
            patience=patience,
            recovers=self._recover,
            note=self._note,
        )
        if self._recover:
            self._stack.enter_context(session.orphans(self._workers.watcher))
            self._sweeping = detach(self._workers.sweep)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Take no more, wait `grace` seconds, and leave what is unfinished to others: they need wait for no lease."""
        self._stack.close()
        workers, sweeping, self._sweeping = self._entered, self._sweeping, None
        await workers.leave(self._grace)
        if sweeping is not None:
            with anyio.CancelScope(shield=True):
                await sweeping.cancel()

    async def start(
        self,
        stream_id: str,
        *,
        owner: str | None = None,
        api: Literal["messages", "beta"] = "messages",
        **arguments: Any,
    ) -> bool:
        """Begin a stream, if there is none of that id: any process may say so, any number of times.

        It returns when the journal has the request; who wants to see what comes of it reads it (`attach`), here or
        elsewhere. One that has failed is asked for once more.

        Args:
            stream_id: Of the caller's choice: at most 200 of `[A-Za-z0-9._:/-]`.
            owner: Whose it is, for `attach`, `cancel` and `purge`; stored hashed. None: nobody's.
            api: `"beta"` for `client.beta.messages`.
            **arguments: Of `messages.stream`: `model`, `max_tokens`, `messages`, and everything else.

        Returns:
            Whether it was begun by this call.

        Raises:
            StreamConflict: There is a stream of that id, of another request or of another owner.
            JournalError: The journal cannot be reached, or has no room.
            TypeError: An argument is unknown, missing, or has the wrong type; or the request is no plain data.
            ValueError: An argument is out of range.
            PreflightFailed: The policy's `preflight` is `"error"`, and the API would not take the request.
            OSError: A file that the request names cannot be read.
            RuntimeError: The host is not entered.
        """
        workers = self._entered
        name, hashed = check_stream_id(stream_id), owner_hash(owner)
        for needed in ("model", "max_tokens", "messages"):
            if needed not in arguments:
                raise TypeError(f"start() needs the argument {needed!r}, as messages.stream does")
        call = self._call(arguments, api, {})
        return await workers.begin(
            self._claim(claim_of(session_of(self._journal), call, await call.settle(), name, hashed))
        )

    async def recover_all(self) -> int:
        """Go on with every stream that nobody writes, to its end; how many there were. Raises `JournalError`."""
        workers, session = self._entered, session_of(self._journal)
        while orphans := await session.patiently(self._journal.orphans, (self._policy or Policy()).journal_patience):
            before = workers.rescued
            workers.rescue(orphans)
            await workers.drain()
            if workers.rescued == before:
                break
        return workers.rescued

    @property
    def streams(self) -> int:
        """How many streams are written here now."""
        return 0 if self._workers is None else len(self._workers)

    @property
    def _entered(self) -> Workers:
        if self._workers is None:
            raise RuntimeError("a StreamHost has to be entered first: async with StreamHost(...) as host")
        return self._workers

    def _note(self, writer: Writer) -> None:
        """A stream is written here from now on, or is done with here: for whoever shows it."""

    def _call(self, arguments: Mapping[str, Any], api: Api, prepared: Mapping[str, Any]) -> StreamCall:
        own = {
            "client": self._client,
            "fallback_models": self._fallbacks,
            "policy": self._policy,
            "health": self._health,
            "on_notice": self._on_notice,
            **{name: prepared[name] for name in _OWN if name in prepared},
        }
        client = own.pop("client")
        asked = {**arguments, **{name: value for name, value in prepared.items() if name not in _OWN}}
        return StreamCall.of(client, asked, api=api, caller="StreamHost", **own)

    def _claim(self, claim: Claim) -> Claim:
        return replace(claim, lease=self._lease, max_recoveries=self._max_recoveries)

    async def _claim_for(self, stream_id: str, body: dict[str, Any]) -> Claim:
        """The claim on a stream that another process has begun."""
        api: Api = "beta" if body.get("api") == "beta" else "messages"
        record = StreamRecord(stream_id, api, body["arguments"])
        prepared = None if self._prepare is None else self._prepare(record)
        if inspect.isawaitable(prepared):
            prepared = await prepared
        prepared = dict(prepared or {})
        prepared.setdefault("policy", policy_of(body.get("policy") or {}, self._policy or Policy()))
        client = prepared.get("client", self._client)
        known = stream_arguments(resource(client, api), api)
        arguments = dict(body["arguments"])
        # What the SDK's methods have no argument for goes as it came: in `extra_body`.
        if unknown := {name: arguments.pop(name) for name in set(arguments) - known}:
            arguments["extra_body"] = {**unknown, **(arguments.get("extra_body") or {})}
        call = self._call(arguments, api, prepared)
        return self._claim(claim_of(session_of(self._journal), call, await call.settle(), stream_id, b""))


async def recover(
    journal: Journal,
    client: Any,
    *,
    fallback_models: Iterable[Fallback] = (),
    policy: Policy | None = None,
    health: Health | None = None,
    max_recoveries: int = MAX_RECOVERIES,
    max_streams: int | None = None,
    prepare: Prepare | None = None,
) -> int:
    """Go on with every stream of a journal that nobody writes, to its end: for a cron job, where no `StreamHost` runs.

    Args:
        journal: Where they are.
        client: And all other arguments: as for `StreamHost`.
        fallback_models: Likewise.
        policy: Likewise.
        health: Likewise.
        max_recoveries: Likewise.
        max_streams: Likewise: how many are written at a time.
        prepare: Likewise.

    Returns:
        How many streams were gone on with.

    Raises:
        JournalError: The journal cannot be reached.
        TypeError: A value has another type.
        ValueError: A number is out of range.
    """
    host = StreamHost(
        journal,
        client,
        fallback_models=fallback_models,
        policy=policy,
        health=health,
        recover=False,
        max_recoveries=max_recoveries,
        max_streams=max_streams,
        prepare=prepare,
    )
    async with host:
        return await host.recover_all()


def _quiet(policy: Policy | None) -> Policy | None:
    """The policy for a request that is only made to look at its other arguments."""
    return replace(policy, preflight="off") if isinstance(policy, Policy) else policy
