"""A call whose stream is in a journal, made by `resilient_stream`, by a host, or down a middleware chain."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from ..durable.claim import MAX_RECOVERIES, Claim
from ..durable.request import StreamRequest, check_id, owner_hash
from ..durable.session import session_of
from ..durable.stream import DurableStream
from ..engine.begun import Begun
from ..engine.driver import Driver
from ..engine.recording import Recording
from ..engine.stream import ResilientStreamManager
from ..journal import Journal
from .call import Settled, StreamCall

if TYPE_CHECKING:
    from ..durable.session import Session
    from .intercepted import Intercepted

__all__ = ["check_functions", "check_journal", "check_stream_id", "claim_of", "durable_engine", "durable_manager"]


_METHODS: Final = [name for name in vars(Journal) if not name.startswith("_")]


def durable_manager(
    call: StreamCall,
    journal: object,
    stream_id: str | None,
    owner: str | None,
    *,
    max_recoveries: int = MAX_RECOVERIES,
) -> ResilientStreamManager[Any]:
    """What is entered for the stream of a call that is in a journal; it ends as poison after so many lost writers."""
    checked, name = check_journal(journal), check_stream_id(stream_id)
    hashed = owner_hash(owner)

    async def make_stream() -> DurableStream:
        session = session_of(checked)
        claim = claim_of(session, call, await call.settle(), name, hashed)
        return DurableStream(session, name, claim=replace(claim, max_recoveries=max_recoveries))

    return ResilientStreamManager(make_stream, call.api, call.request.get("output_format"))


def check_journal(journal: object) -> Journal:
    """A journal. Raises `TypeError` for what is none."""
    # Not by `isinstance`: from Python 3.12 on, that does not see what a wrapper hands on by `__getattr__`.
    if isinstance(journal, type) or not all(callable(getattr(journal, name, None)) for name in _METHODS):
        kind = journal.__name__ if isinstance(journal, type) else type(journal).__name__
        raise TypeError(f"journal must be a Journal, such as SQLiteJournal, not {kind}")
    return cast("Journal", journal)


def check_stream_id(stream_id: object) -> str:
    """The id of a stream. Raises `TypeError` or `ValueError` for what is none."""
    if stream_id is None:
        raise TypeError("a stream in a journal needs an id: give stream_id beside journal")
    return check_id(stream_id)


def claim_of(session: Session, call: StreamCall, settled: Settled, stream_id: str, owner: bytes) -> Claim:
    """By what right the stream of a call is written."""
    request = StreamRequest.of(stream_id, call.api, settled.request, settled.routes, call.policy, owner)

    async def make_driver(begun: Begun | None, recording: Recording) -> Driver:
        return call.driver(settled, begun, recording)

    return Claim(session=session, request=request, make_driver=make_driver, patience=call.policy.journal_patience)


def durable_engine(journal: object, asked: Intercepted, stream_id: object, owner: str | None) -> DurableStream:
    """What stands for the engine of a request that a middleware has, and whose stream is in a journal."""
    session, name = session_of(check_journal(journal)), check_stream_id(stream_id)
    request = StreamRequest.of(name, asked.api, asked.arguments, asked.routes, asked.policy, owner_hash(owner))

    async def make_driver(begun: Begun | None, recording: Recording) -> Driver:
        return asked.driver(begun, recording)

    patience = asked.policy.journal_patience
    claim = Claim(session=session, request=request, make_driver=make_driver, patience=patience)
    return DurableStream(session, name, claim=claim)


def check_functions(journal: object, stream_id: object, owner: object) -> None:
    """Raise `TypeError` for what a middleware cannot take for a journal, and for the functions of its requests."""
    if journal is None:
        raise TypeError("stream_id and owner are for a journal: give journal beside them")
    check_journal(journal)
    if stream_id is None:
        raise TypeError("a journal needs ids: give stream_id, a function of the request, beside journal")
    for function, name in ((stream_id, "stream_id"), (owner, "owner")):
        if function is not None and not callable(function):
            raise TypeError(f"{name} must be a function of the request, not {type(function).__name__}")
