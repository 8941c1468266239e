"""The status page, in Statuspage's format: what it says, and how it fails to."""

from __future__ import annotations

import json
from typing import Any

import anyio
import httpx2
import pytest

from unbroken.testing import (
    BEFORE_RESPONSE,
    BadJson,
    Drop,
    FaultServer,
    Refuse,
    ServiceIncident,
    ServiceStatus,
    Silence,
    Status,
    ThreadedFaultServer,
)

PATHS = ("status", "summary", "components", "incidents", "incidents/unresolved")
OPEN = ServiceIncident("Elevated errors on Claude Opus 5.5", "identified", "minor", ["Found it.", "We look into it."])
OVER = ServiceIncident("Slow console", "resolved", "critical", components=["Claude Console"])


def page_of(server: FaultServer | ThreadedFaultServer, **options: Any) -> httpx2.AsyncClient:
    """A client without any key."""
    return httpx2.AsyncClient(base_url=f"{server.url}/api/v2", trust_env=False, **options)


@pytest.mark.asyncio
async def test_nothing_is_wrong() -> None:
    """As long as nothing else is said; every document has the page, and its own part."""
    async with FaultServer() as server, page_of(server) as http:
        documents = {path: (await http.get(f"/{path}.json")).json() for path in PATHS}
        assert (await http.get("/other.json")).status_code == 404
    assert documents["status"]["status"] == {"indicator": "none", "description": "All Systems Operational"}
    for path, document in documents.items():
        assert set(document["page"]) == {"id", "name", "url", "time_zone", "updated_at"}
        assert ("status" in document) == (path in ("status", "summary"))
        assert ("components" in document) == (path in ("components", "summary"))
        assert ("incidents" in document) == (path in ("incidents", "incidents/unresolved", "summary"))
    assert {each["status"] for each in documents["components"]["components"]} == {"operational"}
    assert documents["summary"]["incidents"] == documents["summary"]["scheduled_maintenances"] == []


@pytest.mark.asyncio
async def test_an_incident() -> None:
    """It is told while it lasts, with its updates and components; those that are over are told with all."""
    async with FaultServer() as server, page_of(server) as http:
        server.status = ServiceStatus(incidents=[OPEN, OVER])
        assert server.status.unresolved == [OPEN]
        summary = (await http.get("/summary.json")).json()
        everything = (await http.get("/incidents.json")).json()["incidents"]
        unresolved = (await http.get("/incidents/unresolved.json")).json()["incidents"]
        server.status = ServiceStatus("critical", "We are down.")
        worse = (await http.get("/status.json")).json()["status"]
    assert summary["status"] == {"indicator": "minor", "description": "Minor Service Outage"}
    assert summary["incidents"] == unresolved == everything[:1]
    assert [each["name"] for each in everything] == [OPEN.name, OVER.name]
    assert [each["resolved_at"] is None for each in everything] == [True, False]
    incident = unresolved[0]
    assert (incident["status"], incident["impact"], incident["shortlink"].startswith("http")) == (
        "identified",
        "minor",
        True,
    )
    assert [(update["status"], update["body"]) for update in incident["incident_updates"]] == [
        ("identified", "Found it."),
        ("investigating", "We look into it."),
    ]
    assert [(each["name"], each["status"]) for each in incident["components"]] == [
        ("Claude API", "degraded_performance")
    ]
    affected = {each["name"] for each in summary["components"] if each["status"] != "operational"}
    assert affected == {"Claude API"}
    assert worse == {"indicator": "critical", "description": "We are down."}


def test_the_worst_incident_decides() -> None:
    """Unless the page says something else."""
    minor, major = (ServiceIncident("x", impact=impact) for impact in ("minor", "major"))
    assert ServiceStatus(incidents=[minor, major, OVER]).worst == "major"
    assert ServiceStatus("none", incidents=[major]).worst == "none"


@pytest.mark.anyio
async def test_a_page_that_fails() -> None:
    """Slow, never, an error, HTML where JSON should be, no response, and JSON of another shape."""
    async with FaultServer() as server, page_of(server, timeout=10) as http:

        async def get(status: ServiceStatus) -> httpx2.Response:
            server.status = status
            return await http.get("/status.json")

        began = anyio.current_time()
        assert (await get(ServiceStatus(fault=Silence(3, at=BEFORE_RESPONSE)))).status_code == 200
        assert anyio.current_time() - began == pytest.approx(3)
        with pytest.raises(httpx2.ReadTimeout):
            await get(ServiceStatus(fault=Silence(at=BEFORE_RESPONSE)))
        with pytest.raises(httpx2.ReadTimeout):
            await get(ServiceStatus(fault=Silence()))
        failed = await get(ServiceStatus(fault=Status(500)))
        assert (failed.status_code, "type" in failed.json()) == (500, False)
        with pytest.raises(json.JSONDecodeError):
            (await get(ServiceStatus(fault=BadJson()))).json()
        with pytest.raises(httpx2.RemoteProtocolError):
            await get(ServiceStatus(fault=Drop()))
        assert (await get(ServiceStatus(raw=["no", "page"]))).json() == ["no", "page"]
        assert (await get(ServiceStatus())).json()["status"]["indicator"] == "none"


def test_a_page_in_a_thread(fault_server: ThreadedFaultServer) -> None:
    """It may be told of an incident while it runs."""
    fault_server.status = ServiceStatus(incidents=[OPEN])
    assert fault_server.status.worst == "minor"
    with httpx2.Client(trust_env=False) as http:
        assert http.get(f"{fault_server.url}/api/v2/status.json").json()["status"]["indicator"] == "minor"
    assert fault_server.batches == []


@pytest.mark.parametrize("fault", [Refuse(1), [Status(500), Refuse(1)], BadJson(at=BEFORE_RESPONSE)])
def test_a_fault_that_the_page_cannot_play_is_refused(fault: Any) -> None:
    """When it is written, and not passed over when the page is asked."""
    with pytest.raises(ValueError, match=r"Refuse belongs|cannot come before"):
        ServiceStatus(fault=fault)
