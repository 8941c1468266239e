"""The status page of a fault server, in Statuspage's format: what it says, and how it fails to.

After the vendor's public pages (`/api/v2/summary.json` and its parts). It needs no key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal, TypeAlias

from unbroken.testing.script.faults import Status, Step
from unbroken.testing.script.script import of_response
from unbroken.testing.wire.documents import Document, JsonDialect, Response

__all__ = ["Indicator", "ServiceIncident", "ServiceStatus", "status_page"]

#: How bad it is, on the whole page or in one incident.
Indicator: TypeAlias = Literal["none", "minor", "major", "critical", "maintenance"]

_DESCRIPTIONS: Final[Mapping[Indicator, str]] = {
    "none": "All Systems Operational",
    "minor": "Minor Service Outage",
    "major": "Partial System Outage",
    "critical": "Major Service Outage",
    "maintenance": "Service Under Maintenance",
}
_COMPONENT_STATUS: Final[Mapping[Indicator, str]] = {
    "none": "operational",
    "minor": "degraded_performance",
    "major": "partial_outage",
    "critical": "major_outage",
    "maintenance": "under_maintenance",
}
_OVER: Final = ("resolved", "postmortem", "completed")
_PAGE_ID: Final = "faultserver0"


@dataclass(frozen=True, slots=True)
class ServiceIncident:
    """An incident.

    Attributes:
        name: Its title.
        status: `investigating`, `identified`, `monitoring`, `resolved` or `postmortem`.
        impact: How bad it is.
        updates: What was written about it, the newest first.
        components: The names of the components that it affects.
    """

    name: str
    status: str = "investigating"
    impact: Indicator = "major"
    updates: Sequence[str] = ("We are currently investigating this issue.",)
    components: Sequence[str] = ("Claude API",)


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """What the status page says, to whoever asks, until it is told something else.

    Attributes:
        indicator: How bad it is; None: as bad as the worst incident that is not over.
        description: The sentence beside it; None: a fitting one.
        incidents: The newest first; those that are over are listed too.
        components: The names of all components.
        fault: What goes wrong with every request for it: `Status(500)`, `Silence(at=BEFORE_RESPONSE)`, which never
            answers, `Silence(3, at=BEFORE_RESPONSE)`, `BadJson()`, which is a page of HTML, `Drop()`.
        raw: JSON that is answered instead, on every path; None: none.

    Raises:
        ValueError: If `fault` is a `Refuse`, or needs the headers and stands before them.
    """

    indicator: Indicator | None = None
    description: str | None = None
    incidents: Sequence[ServiceIncident] = ()
    components: Sequence[str] = ("claude.ai", "Claude Console", "Claude API", "Claude Code")
    fault: Step = None
    raw: Any = None

    def __post_init__(self) -> None:
        of_response(self.fault)  # which objects to what could not be played

    @property
    def unresolved(self) -> list[ServiceIncident]:
        """The incidents that are not over."""
        return [incident for incident in self.incidents if incident.status not in _OVER]

    @property
    def worst(self) -> Indicator:
        """`indicator`, or what follows from the incidents."""
        if self.indicator is not None:
            return self.indicator
        ranked: tuple[Indicator, ...] = ("none", "maintenance", "minor", "major", "critical")
        impacts: list[Indicator] = ["none", *(incident.impact for incident in self.unresolved)]
        return max(impacts, key=ranked.index)


class _Page(JsonDialect):
    """A page that knows nothing of the API: other headers, other errors, and HTML where JSON should be."""

    def headers(self, request_id: str) -> dict[str, str]:
        del request_id
        return {}

    def error(self, fault: Status, request_id: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        del request_id
        return fault.status, dict(fault.headers), {"error": fault.message or "Something went wrong"}

    def malformed(self, event: Mapping[str, Any]) -> bytes:
        del event
        return b"<!DOCTYPE html>\n<title>One moment</title>\n"


_DIALECT: Final = _Page("application/json; charset=utf-8")


def status_page(path: str, status: ServiceStatus, *, url: str, date: str) -> Response | None:
    """What a request for the status page is answered with; None if the path is not of one.

    Args:
        path: Without the query.
        status: What the page says.
        url: The server's.
        date: When all that it speaks of began, as an RFC 3339 date.
    """
    if not path.startswith("/api/v2/"):
        return None
    parts = _parts(status, url, date)
    found: Sequence[str] | None = _DOCUMENTS.get(path)
    if found is None:
        return Response(Status(404), _DIALECT)
    page = {"id": _PAGE_ID, "name": "Claude", "url": url, "time_zone": "Etc/UTC", "updated_at": date}
    body = {"page": page, **{_NAMES.get(part, part): parts[part] for part in found}}
    content = Document([body if status.raw is None else status.raw])
    return Response(content, _DIALECT, of_response(status.fault))


_DOCUMENTS: Final[Mapping[str, Sequence[str]]] = {
    "/api/v2/status.json": ("status",),
    "/api/v2/summary.json": ("components", "unresolved", "scheduled_maintenances", "status"),
    "/api/v2/components.json": ("components",),
    "/api/v2/incidents.json": ("incidents",),
    "/api/v2/incidents/unresolved.json": ("unresolved",),
}
_NAMES: Final = {"unresolved": "incidents"}


def _parts(status: ServiceStatus, url: str, date: str) -> dict[str, Any]:
    affected: dict[str, Indicator] = {
        name: incident.impact for incident in status.unresolved for name in incident.components
    }
    components = {
        name: {
            "id": _id("component", name),
            "name": name,
            "status": _COMPONENT_STATUS[affected.get(name, "none")],
            "created_at": date,
            "updated_at": date,
            "position": n + 1,
            "description": None,
            "showcase": True,
            "start_date": None,
            "group_id": None,
            "page_id": _PAGE_ID,
            "group": False,
            "only_show_if_degraded": False,
        }
        for n, name in enumerate(status.components)
    }

    def told(incident: ServiceIncident) -> dict[str, Any]:
        number = _id("incident", incident.name)
        over = incident.status in _OVER
        return {
            "id": number,
            "name": incident.name,
            "status": incident.status,
            "created_at": date,
            "updated_at": date,
            "monitoring_at": date if over or incident.status == "monitoring" else None,
            "resolved_at": date if over else None,
            "impact": incident.impact,
            "shortlink": f"{url}/incidents/{number}",
            "started_at": date,
            "page_id": _PAGE_ID,
            "incident_updates": [
                {
                    "id": _id(number, body),
                    "status": incident.status if n == 0 else "investigating",
                    "body": body,
                    "incident_id": number,
                    "created_at": date,
                    "updated_at": date,
                    "display_at": date,
                    "affected_components": None,
                    "deliver_notifications": True,
                }
                for n, body in enumerate(incident.updates)
            ],
            "components": [components[name] for name in incident.components if name in components],
        }

    return {
        "status": {
            "indicator": status.worst,
            "description": status.description or _DESCRIPTIONS[status.worst],
        },
        "components": list(components.values()),
        "incidents": [told(incident) for incident in status.incidents],
        "unresolved": [told(incident) for incident in status.unresolved],
        "scheduled_maintenances": [],
    }


def _id(*parts: str) -> str:
    return sha256("/".join(parts).encode()).hexdigest()[:12]
