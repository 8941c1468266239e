"""`Deferred`: a request in a message batch, to be asked for its answer here or in another process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, cast

import anyio
from anthropic import Omit, omit
from typing_extensions import TypeVar

from ..core.deferral import Rest
from ..core.partial import Partial
from ..errors import BatchFailed, BatchTimeout
from ..report import Report
from .batches import Answered, answer, batches_of, taken
from .private_files import write_private
from .saved import objection
from .settling import Asked, failed, settled
from .typed import Api, FormatT

if TYPE_CHECKING:
    from anthropic.types import ParsedMessage
    from anthropic.types.messages import MessageBatch

__all__ = ["Deferred"]

OtherT = TypeVar("OtherT", default=None)

VERSION: Final = 1

#: Seconds: the 24 hours that the API gives a batch, and one in which it may be told of.
LONGEST: Final = 25 * 3600.0

#: What goes with every call, in another process too; headers may hold a key.
_KEPT: Final = ("betas", "user_profile_id", "workspace_id")


@dataclass(slots=True, kw_only=True, eq=False)
class Deferred(Generic[FormatT]):
    """A request in a message batch: ask it for its `result`, here or, after `to_json`, in another process.

    What goes to JSON holds content: of a stream that died, all that was delivered, which the answer is joined to, and
    the end of it that the model is to repeat; and the schema of the format that was asked for. The request itself is
    not in it, and no key. Its `repr` shows none of that.

    Attributes:
        id: The batch's.
        custom_id: What the request is called in the batch and in its results.
        model: The model that was asked.
        api: `"messages"` or `"beta"`: which of the client's resources created it.
        created_at: When the batch was created.
        expires_at: When what is not answered expires: 24 hours later.
        report: The attempts of the stream that died, if one did, and the batch's request as the last one. `seam` is
            `"unverified"` if the answer could not be seen to join.
    """

    id: str
    custom_id: str
    model: str
    api: Api
    created_at: datetime
    expires_at: datetime
    report: Report = field(repr=False)
    _rest: Rest = field(repr=False)
    _options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _client: Any = field(default=None, repr=False)
    _output_format: type[FormatT] | None = field(default=None, repr=False)

    @property
    def partial(self) -> Partial:
        """The message as far as it was delivered when the rest was asked for: a copy."""
        return self._rest.held.copy()

    @property
    def form(self) -> str:
        """In which form the rest was asked for: `"request"` for the request afresh, or as in `AttemptReport.form`."""
        return "continue" if self._rest.form.startswith("continue") else self._rest.form

    # -- what the API says

    async def result(
        self,
        client: Any = None,
        *,
        timeout: float | None = None,
        on_status: Callable[[MessageBatch], object] | None = None,
    ) -> ParsedMessage[FormatT]:
        """Wait for the answer, and return the whole message: what was delivered, and the rest joined to it.

        The batch is looked at after a second, then less and less often, at last once a minute. Outages and rate limits
        meanwhile are waited over. It may be asked for again, and then gives the same.

        Args:
            client: An async client of the SDK. None: the one that created the batch, in the same process.
            timeout: Seconds that it may take. None: 25 hours, in which every batch ends.
            on_status: Called with each state that the batch is seen in. None: nobody looks.

        Returns:
            One message, with the id and the model of the `message_start` that was delivered, if one was. Its usage is
            the message's; what was spent is in `report`.

        Raises:
            BatchErrored: The API could not answer the request.
            BatchExpired: It was not answered in time.
            BatchCanceled: The batch was cancelled first.
            BatchTimeout: The batch has not ended within `timeout`; it goes on.
            BatchFailed: The results are gone or cannot be read, or the answer does not join what was delivered.
            anthropic.APIStatusError: The API will not tell: a wrong key, a batch that it does not know.
            anthropic.APIConnectionError: The client cannot ask: it was closed, or its address is none.
            TypeError: The client has no message batches.
            ValueError: No client is known, or the text is none of the `output_format` (the SDK's own error).
        """
        client = self._known(client)
        asked = Asked(self.id, self.api, self.created_at, self._rest, self.report, self._output_format)
        limit = LONGEST if timeout is None else timeout
        answered: Answered | None = None
        with anyio.move_on_after(limit):
            answered = await answer(client, self.api, self.id, self.custom_id, self._options, on_status)
        try:
            if answered is None:
                raise failed(asked, f"it has not ended within {limit:g} s, and can be asked again", BatchTimeout)
            message, self.report = settled(asked, answered)
        except BatchFailed as error:
            error.deferred = self
            if answered is not None:
                self.report = error.report
            raise
        return cast("ParsedMessage[FormatT]", message)

    async def status(self, client: Any = None) -> MessageBatch:
        """The batch as it is now, as the SDK has it: `processing_status`, `request_counts`.

        Args:
            client: As for `result`.

        Raises:
            anthropic.APIError: The API does not tell.
            TypeError: The client has no message batches.
            ValueError: No client is known.
        """
        return await self._call("retrieve", client)

    async def cancel(self, client: Any = None) -> MessageBatch:
        """Cancel the batch; a request that is being answered may still be. Arguments and errors as for `status`."""
        return await self._call("cancel", client)

    async def _call(self, name: str, client: Any) -> MessageBatch:
        method = getattr(batches_of(self._known(client), self.api), name)
        batch: MessageBatch = await method(self.id, **taken(method, self._options))
        return batch

    def _known(self, client: Any) -> Any:
        client = self._client if client is None else client
        if client is None:
            raise ValueError("a deferred request that was read from JSON knows no client: give it one")
        return client

    # -- to another process

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON, with `"version": 1`."""
        return {
            "version": VERSION,
            "id": self.id,
            "custom_id": self.custom_id,
            "model": self.model,
            "api": self.api,
            "created_at": self.created_at.isoformat(),
            "expires_at": self.expires_at.isoformat(),
            "options": {name: self._options[name] for name in _KEPT if name in self._options},
            "rest": self._rest.to_dict(),
            "report": self.report.to_dict(),
        }

    @classmethod
    def from_dict(
        cls, data: Mapping[str, Any], *, output_format: type[OtherT] | Omit | None = omit
    ) -> Deferred[OtherT]:
        """What `to_dict` gave.

        Args:
            data: Plain data.
            output_format: The type that was given to `defer` or to the stream, to parse the text into. JSON cannot
                hold it.

        Raises:
            ValueError: It is of another version, or no deferred request.
        """
        version = data.get("version")
        if version != VERSION:
            raise ValueError(f"this is a deferred request of version {version!r}; only {VERSION} can be read")
        if why := objection(data):
            raise ValueError(f"this is no deferred request of version 1: {why}")
        return Deferred(
            id=data["id"],
            custom_id=data["custom_id"],
            model=data["model"],
            api=data["api"],
            created_at=datetime.fromisoformat(data["created_at"]),
            expires_at=datetime.fromisoformat(data["expires_at"]),
            report=Report.from_dict(data["report"]),
            _rest=Rest.from_dict(data["rest"]),
            _options={name: data["options"][name] for name in _KEPT if name in data["options"]},
            _output_format=None if isinstance(output_format, Omit) else output_format,
        )

    def to_json(self) -> str:
        """`to_dict` as JSON text, in ASCII: half of a surrogate pair, which an answer may hold, could not be saved."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str, *, output_format: type[OtherT] | Omit | None = omit) -> Deferred[OtherT]:
        """What `to_json` gave; as `from_dict`. Raises `ValueError` for anything else."""
        try:
            data = json.loads(text)
        except RecursionError:
            data = None
        if not isinstance(data, dict):
            raise ValueError("this is no deferred request of version 1: it is no JSON object")
        return cls.from_dict(data, output_format=output_format)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `to_json` to a file that only its owner can read, from its first byte on; an older one is replaced.

        Raises:
            OSError: It cannot be written.
        """
        write_private(path, self.to_json())

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, output_format: type[OtherT] | Omit | None = omit
    ) -> Deferred[OtherT]:
        """What `save` wrote; as `from_json`. Raises `OSError` where the file cannot be read."""
        return cls.from_json(Path(path).read_text(encoding="utf-8"), output_format=output_format)

    def __reduce__(self) -> tuple[object, ...]:
        # A client cannot go to another process, nor should its key.
        return Deferred.from_dict, (self.to_dict(),)
