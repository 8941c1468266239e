"""A request in a message batch, as it is known and kept: what its answer is, `errors.Deferred` tells."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic

from ..private_files import write_private
from ..sdk.typed_events import Api, FormatT

if TYPE_CHECKING:
    from anthropic.types.messages import MessageBatch

    from ..core.message.partial import Partial
    from ..report import Report
    from .request import Rest

__all__ = ["LONGEST", "BatchHandle"]

#: Seconds: the 24 hours that the API gives a batch, and one in which it may be told of.
LONGEST: Final = 25 * 3600.0


@dataclass(slots=True, kw_only=True, eq=False)
class BatchHandle(Generic[FormatT]):
    """What is known of a batched request; the fields are those of `Deferred`, and told of there."""

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
        return self._rest.partial.copy()

    @property
    def form(self) -> str:
        """In which form the rest was asked for: `"request"` for the request afresh, or as in `AttemptReport.form`."""
        return "continue" if self._rest.form.startswith("continue") else self._rest.form

    def keep_report(self, report: Report) -> None:
        """Take a later report in place of the one that it has."""
        self.report = report

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
        from .calls import batches_of, supported_arguments

        method = getattr(batches_of(self._known(client), self.api), name)
        batch: MessageBatch = await method(self.id, **supported_arguments(method, self._options))
        return batch

    def _known(self, client: Any) -> Any:
        client = self._client if client is None else client
        if client is None:
            raise ValueError("a deferred request that was read from JSON knows no client: give it one")
        return client

    # -- to another process

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON, with `"version": 1`."""
        from .saved import dump

        return dump({each.name.lstrip("_"): getattr(self, each.name) for each in fields(self)})

    def to_json(self) -> str:
        """`to_dict` as JSON text, in ASCII: half of a surrogate pair, which an answer may hold, could not be saved."""
        return json.dumps(self.to_dict())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `to_json` to a file that only its owner can read, from its first byte on; an older one is replaced.

        Raises:
            OSError: It cannot be written.
        """
        write_private(path, self.to_json())
