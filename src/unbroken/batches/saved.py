"""A handle as JSON, and back: its file may have been cut or edited, or be something else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, NotRequired

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from ..core.requests.forms import Form
from ..core.seam.instruction import SHORTEST
from ..report import AttemptReport, Notice, Report
from ..sdk.typed_events import Api
from .request import Rest

__all__ = ["VERSION", "dump", "load", "objection", "parse"]

VERSION: Final = 1

#: Fields that are the same in JSON, and those that are dates.
_PLAIN: Final = ("id", "custom_id", "model", "api")
_DATES: Final = ("created_at", "expires_at")
#: What goes with every call, in another process too; headers may hold a key.
_KEPT: Final = ("betas", "user_profile_id", "workspace_id")

_Name = Annotated[str, Field(min_length=1)]
_Date = Annotated[AwareDatetime, Field(strict=True)]


class _Block(TypedDict):
    start: dict[str, Any]
    text: str
    signature: str | None
    citations: list[Any]
    deltas: list[dict[str, Any]]
    closed: bool
    abandoned: bool


class _Ending(TypedDict, total=False):
    delta: dict[str, Any] | None
    usage: dict[str, Any] | None


class _Partial(TypedDict):
    version: int
    message: dict[str, Any] | None
    blocks: list[_Block]
    ending: _Ending
    stopped: bool
    sequence: int


class _Anchor(TypedDict):
    sent: str
    echo: str
    key: str


class _Instruction(TypedDict):
    # What is shorter, or no tag, would be found in the answer's own text and taken out of it.
    tags: list[Annotated[str, Field(pattern="^</?[A-Za-z][^<>]*>")]]
    sentences: list[Annotated[str, Field(min_length=SHORTEST)]]


class _Rest(TypedDict):
    partial: _Partial
    form: Form
    anchor: _Anchor | None
    own: bool
    stop_sequences: list[str]
    format: dict[str, Any] | None
    instruction: NotRequired[_Instruction | None]
    on_unmatched: NotRequired[Literal["fail", "join"]]


class _Options(TypedDict, total=False):
    betas: list[str] | None
    user_profile_id: str | None
    workspace_id: str | None


class _Report(TypedDict):
    attempts: Annotated[list[AttemptReport], Field(min_length=1)]  # the last one is the batch's
    notices: list[Notice]
    outcome: Literal["open", "complete", "failed", "closed"]
    duration: float | None


class _Handle(TypedDict):
    id: _Name
    custom_id: _Name
    model: _Name
    api: Api
    created_at: _Date
    expires_at: _Date
    options: _Options
    rest: _Rest
    report: _Report


_HANDLE: Final[TypeAdapter[_Handle]] = TypeAdapter(_Handle)


def objection(data: Mapping[str, Any]) -> str | None:
    """What keeps this from being a handle, where it is and what is wrong, without what stands there; None: nothing."""
    try:
        # Half of a surrogate pair is no fault of the handle's, and pydantic would take it for one.
        _HANDLE.validate_json(json.dumps(data, ensure_ascii=False).encode(errors="replace"))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (TypeError, ValueError, RecursionError):
        return "it is no JSON"
    return None


def dump(handle: Mapping[str, Any]) -> dict[str, Any]:
    """A handle as plain data, ready for JSON; it is given by its fields, and holds neither a client nor a key."""
    return {
        "version": VERSION,
        **{name: handle[name] for name in _PLAIN},
        **{name: handle[name].isoformat() for name in _DATES},
        "options": {name: handle["options"][name] for name in _KEPT if name in handle["options"]},
        "rest": handle["rest"].to_dict(),
        "report": handle["report"].to_dict(),
    }


def load(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the handle that `dump` gave. Raises `ValueError` where this is none, or of another version."""
    if data.get("version") != VERSION:
        raise ValueError(f"this is a deferred request of version {data.get('version')!r}; only {VERSION} can be read")
    if why := objection(data):
        raise ValueError(f"this is no deferred request of version {VERSION}: {why}")
    return {
        **{name: data[name] for name in _PLAIN},
        **{name: datetime.fromisoformat(data[name]) for name in _DATES},
        "report": Report.from_dict(data["report"]),
        "_rest": Rest.from_dict(data["rest"]),
        "_options": {name: data["options"][name] for name in _KEPT if name in data["options"]},
    }


def parse(text: str) -> dict[str, Any]:
    """The JSON object that a text is. Raises `ValueError` where it is none."""
    try:
        data = json.loads(text)
    except RecursionError:
        data = None
    if not isinstance(data, dict):
        raise ValueError("this is no deferred request of version 1: it is no JSON object")
    return data
