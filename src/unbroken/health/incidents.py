"""What a status page says, and whom it concerns: the public format of Atlassian Statuspage (`/api/v2/...`).

People write these pages, in a hurry, for people. So nothing is taken for granted: what is missing or of another kind is
left out, and text is fit to be printed.

Whom an incident concerns, on the first-party API:

- only one that is being investigated or was identified, and has an impact; under `monitoring` a fix is in place, and
  maintenance was planned;
- the API, if the page says that it affects the API or a model; of an incident that the page ties to nothing, its name
  is taken, and a name that speaks of other products alone (claude.ai, the console) is about those;
- where its name or what it affects names models, those models alone: "Claude Opus 5.5" one, "Opus" all of that line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Final

from ..core.models.table import MODELS, family
from ..core.printable import printable
from ..core.untyped import mapping

__all__ = ["Incident", "Status", "parse"]

#: What the page says of an incident while something is wrong. Those after that are `monitoring`, `resolved` and
#: `postmortem`; those of maintenance have names of their own.
_ONGOING: Final = frozenset({"investigating", "identified"})
#: The impacts that count, the least first; beside them there are `none` and `maintenance`.
_IMPACTS: Final = ("minor", "major", "critical")

#: Incidents that are read, and components of each. Ours: pages have had three and ten.
_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Incident:
    """What the page declares, and what was understood of it.

    Attributes:
        name: Its title.
        status: `"investigating"`, `"identified"`, `"monitoring"`, ...; empty where the page does not say.
        impact: `"none"`, `"minor"`, `"major"`, `"critical"`; empty where the page does not say.
        components: What it affects, by the page's names; empty where the page ties it to nothing.
        id: The page's own; empty where it has none.
        started_at: When it began, in ISO 8601, as the page has it; None where it does not say.
        updated_at: When the page last said something of it, likewise.
        url: Where people can read on; None where the page does not say.
        api: Whether it is about the API, as far as can be told.
        models: The models that it names: `"opus 5.5"`, or `"opus"` for all of that line. Empty: it names none.
    """

    name: str
    status: str
    impact: str
    components: tuple[str, ...] = ()
    id: str = ""
    started_at: str | None = None
    updated_at: str | None = None
    url: str | None = None
    api: bool = True
    models: tuple[str, ...] = ()

    @property
    def is_ongoing(self) -> bool:
        """Whether something is wrong now: it is being investigated, or was identified, and has an impact."""
        return self.status in _ONGOING and self.impact in _IMPACTS

    def concerns(self, model: str) -> bool:
        """Whether it is about that model, on the first-party API, as far as can be told from its words."""
        if not self.api:
            return False
        return not self.models or any(label in self.models for label in _labels(model))


@dataclass(frozen=True, slots=True)
class Status:
    """What a status page says.

    Attributes:
        indicator: `"none"`, `"minor"`, `"major"` or `"critical"`, for all that the page is about; `"unknown"` where it
            does not say.
        description: The same in words: `"All Systems Operational"`.
        incidents: Those that are not resolved.
    """

    indicator: str
    description: str
    incidents: tuple[Incident, ...] = ()

    def incident(self, model: str) -> Incident | None:
        """The gravest of the ongoing incidents that concern this model on the first-party API; None: there is none."""
        ongoing = (incident for incident in self.incidents if incident.is_ongoing and incident.concerns(model))
        return max(ongoing, key=lambda incident: _IMPACTS.index(incident.impact), default=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return asdict(self)


def parse(status: object, incidents: object = None) -> Status | None:
    """Read what the page answered, as decoded JSON.

    Args:
        status: From `status.json`.
        incidents: From `incidents/unresolved.json`. None: there is no such thing.

    Returns:
        None: this is no answer of a status page.
    """
    said = mapping(status).get("status")
    if not isinstance(said, Mapping):
        return None
    listed = _list(mapping(incidents).get("incidents"))
    return Status(
        printable(said.get("indicator")).lower() or "unknown",
        printable(said.get("description")),
        tuple(_incident(each) for each in listed[:_MOST] if isinstance(each, Mapping)),
    )


def _incident(said: Mapping[str, Any]) -> Incident:
    name = printable(said.get("name"))
    components = [printable(mapping(each).get("name")) for each in _list(said.get("components"))[:_MOST]]
    components = [component for component in components if component]
    models = _models(" | ".join([name, *components]))
    url = printable(said.get("shortlink"))
    return Incident(
        name=name or "an incident without a name",
        status=printable(said.get("status")).lower(),
        impact=printable(said.get("impact")).lower(),
        components=tuple(components),
        id=printable(said.get("id")),
        started_at=printable(said.get("started_at")) or printable(said.get("created_at")) or None,
        updated_at=printable(said.get("updated_at")) or None,
        url=url if url.startswith(("https://", "http://")) else None,
        api=_is_about_the_api(name, components),
        models=models,
    )


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


# -- whom it concerns

#: "Claude API (api.anthropic.com)", as the page has called it, or just "API".
_API: Final = re.compile(r"\bapis?\b", re.IGNORECASE)
#: What the page speaks of beside the API: its other components, as it named them in 2026, and accounts.
_OTHERS: Final = re.compile(
    r"\b(claude\.ai|console|claude code|cowork|government|desktop|mobile|ios|android|apps?"
    r"|log-?ins?|sign-?ins?|billing|credits?|invoices?)\b",
    re.IGNORECASE,
)


def _is_about_the_api(name: str, components: Sequence[str]) -> bool:
    told = [text for text in components or [name] if _API.search(text) or _models(text)]
    return bool(told) or not (components or _OTHERS.search(name))


def _label(model: str) -> tuple[str, str]:
    """A model's line and version: `claude-3-5-sonnet` is `("sonnet", "3.5")`; both are empty for an unknown name."""
    first, *parts = family(model).split("-")
    lines = [part for part in parts if part.isalpha()]
    if first != "claude" or not lines:
        return "", ""
    return lines[0], _version(".".join(part for part in parts if part.isdigit()))


@lru_cache(maxsize=64)
def _labels(model: str) -> tuple[str, ...]:
    """How an incident may name a model: by its line, or by its line and version."""
    line, version = _label(model)
    return (line, f"{line} {version}")


def _version(number: str) -> str:
    return number.removesuffix(".0")


_VERSION: Final = re.compile(r"\d+(?:\.\d+)?")
#: Between two numbers: "opus-5-5".
_HYPHEN: Final = re.compile(r"(?<=\d)-(?=\d)")
_NUMBER: Final = r"\d+(?:\.\d+)?(?![\w.]\w)"
_LINES: Final = "|".join(sorted({_label(info.name)[0] for info in MODELS}))
#: "Claude Opus 5.5", "Opus 4.5, 4.6 and 5", "Claude 3.5 Sonnet", "Haiku".
_MENTION: Final = re.compile(
    rf"(?:\bclaude (?P<before>{_NUMBER}) )?"
    rf"\b(?P<line>{_LINES})s?\b"
    rf"(?: (?P<after>{_NUMBER}(?:(?:, | and |, and |/| / | & | \+ ){_NUMBER})*))?"
)


def _models(text: str) -> tuple[str, ...]:
    """The models that a text names, each once: `"opus 5.5"`, or `"opus"` where it gives no version."""
    text = _HYPHEN.sub(".", text.lower()).replace("-", " ")
    named: dict[str, None] = {}
    for found in _MENTION.finditer(text):
        numbers = _VERSION.findall(found["after"] or found["before"] or "")
        named |= dict.fromkeys(f"{found['line']} {_version(number)}" for number in numbers) or {found["line"]: None}
    return tuple(named)
