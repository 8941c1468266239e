"""What is understood of a status page: of what it says, of what it says badly, and of whom it speaks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.models.table import MODELS
from unbroken.health.incidents import Incident, Status, parse

OPUS = "claude-opus-5-5"
API = "Claude API (api.anthropic.com)"

#: As an answer of the page is, with what nobody reads left out.
WELL = {"status": {"indicator": "none", "description": "All Systems Operational"}}
INCIDENT = {
    "id": "p31zjtct2jer",
    "name": "Elevated errors on Claude Opus 5.5",
    "status": "investigating",
    "impact": "major",
    "created_at": "2026-11-20T10:01:00Z",
    "started_at": "2026-11-20T10:00:00Z",
    "updated_at": "2026-11-20T10:05:00Z",
    "resolved_at": None,
    "shortlink": "https://stspg.io/p31zjtct2jer",
    "incident_updates": [{"status": "investigating", "body": "We are investigating."}],
    "components": [{"id": "k8w3r06qmzrp", "name": API, "status": "partial_outage"}],
}

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from([*INCIDENT, "incidents", "indicator", "description"]) | st.text(), inner)
    ),
    max_leaves=20,
)


def said(*incidents: Any) -> Status:
    """What is understood of a page that lists these."""
    status = parse(WELL, {"incidents": list(incidents)})
    assert status is not None
    return status


def one(**changes: Any) -> Incident:
    """What is understood of one incident, with `changes`."""
    return said({**INCIDENT, **changes}).incidents[0]


def named(name: str, *components: str) -> Incident:
    """An incident by that name, which affects these."""
    return one(name=name, components=[{"name": component} for component in components])


# -- what it says


def test_all_that_it_says_is_kept() -> None:
    """And what was understood of it beside that."""
    assert said(INCIDENT) == Status(
        "none",
        "All Systems Operational",
        (
            Incident(
                name="Elevated errors on Claude Opus 5.5",
                status="investigating",
                impact="major",
                components=(API,),
                id="p31zjtct2jer",
                started_at="2026-11-20T10:00:00Z",
                updated_at="2026-11-20T10:05:00Z",
                url="https://stspg.io/p31zjtct2jer",
                api=True,
                models=("opus 5.5",),
            ),
        ),
    )


def test_it_is_plain_data() -> None:
    """To JSON, with everything in it."""
    data = json.loads(json.dumps(said(INCIDENT).to_dict()))
    assert data["indicator"] == "none"
    assert data["incidents"][0]["name"] == INCIDENT["name"]
    assert data["incidents"][0]["components"] == [API]


def test_a_page_without_incidents_is_understood() -> None:
    """It may have no such list at all."""
    assert parse(WELL) == said() == Status("none", "All Systems Operational")


@pytest.mark.parametrize("junk", [None, 1, "<html>", [], {}, {"status": "up"}, {"status": None}, {"status": []}])
def test_what_is_no_status_is_none(junk: object) -> None:
    """Whatever comes in its place."""
    assert parse(junk, {"incidents": [INCIDENT]}) is None


def test_what_is_missing_is_left_out() -> None:
    """One that says nothing of itself is listed, and counts for nothing."""
    status = parse({"status": {}}, {"incidents": [{}, "junk", None, []]})
    assert status is not None
    assert status == Status("unknown", "", (Incident("an incident without a name", "", ""),))
    assert status.incident(OPUS) is None
    assert one(started_at=None).started_at == INCIDENT["created_at"]
    assert one(started_at=3, created_at=None).started_at is None
    assert one(shortlink="javascript:alert(1)").url is None


def test_an_indicator_that_nobody_knows_is_passed_on() -> None:
    """A page may find new words."""
    status = parse({"status": {"indicator": "Catastrophic", "description": "Oh no"}})
    assert status is not None
    assert status.indicator == "catastrophic"


def test_its_text_is_fit_to_be_printed() -> None:
    """One line, with nothing that a terminal obeys, and not too long."""
    assert one(name="\x1b[31mRed\x1b[0m\r\nand\u202e on\tand on").name == "[31mRed [0m and on and on"
    assert len(one(name="on and on " * 100).name) < 201


@given(JUNK, JUNK)
def test_junk_is_never_an_error(status: object, incidents: object) -> None:
    """Whatever a page answers, a status or None is made of it, and it can be asked of every model."""
    for answer in (status, {"status": status}, {"status": {"indicator": status}}):
        for listed in (incidents, {"incidents": incidents}, {"incidents": [incidents]}):
            understood = parse(answer, listed)
            if understood is not None:
                assert understood.incident(OPUS) in (None, *understood.incidents)
                understood.to_dict()


# -- which incidents count


@pytest.mark.parametrize(
    ("status", "counts"),
    [("investigating", True), ("Identified", True)]
    + [(over, False) for over in ("monitoring", "resolved", "postmortem", "scheduled", "in_progress", "", "junk")],
)
def test_only_what_is_wrong_now_counts(status: str, counts: bool) -> None:
    """Not what has been mended and is watched, and no maintenance."""
    assert one(status=status).is_ongoing is counts
    assert (said({**INCIDENT, "status": status}).incident(OPUS) is not None) is counts


@pytest.mark.parametrize(
    ("impact", "counts"),
    [("minor", True), ("major", True), ("critical", True), ("none", False), ("maintenance", False), ("", False)],
)
def test_only_what_has_an_impact_counts(impact: str, counts: bool) -> None:
    """And is no maintenance."""
    assert one(impact=impact).is_ongoing is counts


def test_the_gravest_comes_first() -> None:
    """Of two that are as grave, the one that the page lists first."""
    incidents = [{**INCIDENT, "name": f"{impact} on the API", "impact": impact} for impact in ("minor", "critical")]
    gravest = said(*incidents, {**incidents[1], "name": "Another on the API"}).incident(OPUS)
    assert gravest is not None
    assert gravest.name == "critical on the API"


# -- whom they concern


@pytest.mark.parametrize(
    ("name", "models"),
    [
        ("Elevated errors on Claude Opus 5.5", ("opus 5.5",)),
        ("Elevated errors on claude-opus-5-5", ("opus 5.5",)),
        ("Opus 4.5, 4.6 and 5 are slow", ("opus 4.5", "opus 4.6", "opus 5")),
        ("Opus 4.5/4.6", ("opus 4.5", "opus 4.6")),
        ("Sonnet 4.5 and Haiku 4.5", ("sonnet 4.5", "haiku 4.5")),
        ("Claude 3.5 Sonnet", ("sonnet 3.5",)),
        ("Claude Opus 4.0.", ("opus 4",)),
        ("Sonnet models, Sonnet 5", ("sonnet", "sonnet 5")),
        ("Opus 4.x", ("opus",)),
        ("Elevated errors on many models", ()),
        ("Opuscula 5.5", ()),
    ],
)
def test_the_models_that_a_name_names(name: str, models: tuple[str, ...]) -> None:
    """A line, with its versions if it has any."""
    assert named(name).models == models
    assert named("Elevated errors", "Claude API", name).models == models


@pytest.mark.parametrize(
    ("name", "model", "concerns"),
    [
        ("Elevated errors on Claude Opus 5.5", "claude-opus-5-5", True),
        ("Elevated errors on Claude Opus 5.5", "claude-opus-5-5-20261001", True),
        ("Elevated errors on Claude Opus 5.5", "claude-opus-5", False),
        ("Elevated errors on Claude Opus 5.5", "claude-sonnet-5-5", False),
        ("Elevated errors on Claude Opus 5.5", "my-own-model", False),
        ("Elevated errors on Opus", "claude-opus-5", True),
        ("Elevated errors on Opus 4", "claude-opus-4-0", True),
        ("Claude 3.5 Sonnet is slow", "claude-3-5-sonnet-20241022", True),
        ("Elevated errors on Mythos", "claude-mythos-preview", True),
        ("Elevated errors on Mythos 5", "claude-mythos-preview", False),
        ("Elevated errors", "claude-opus-5-5", True),
        ("Elevated errors", "my-own-model", True),
        ("Elevated errors", "claude-5", True),
    ],
)
def test_an_incident_that_names_models_concerns_those(name: str, model: str, concerns: bool) -> None:
    """And one that names none concerns all."""
    assert named(name, API).concerns(model) is concerns
    assert (said({**INCIDENT, "name": name}).incident(model) is not None) is concerns


@pytest.mark.parametrize("model", [info.name for info in MODELS if any(c.isdigit() for c in info.name)])
def test_each_model_is_concerned_by_its_own_name(model: str) -> None:
    """As the page would write it: the words, then the number."""
    _, *parts = model.split("-")
    words = [part.title() for part in parts if part.isalpha()]
    number = ".".join(part for part in parts if part.isdigit())
    assert named(f"Elevated errors on Claude {' '.join(words)} {number}", API).concerns(model)
    assert named(f"Elevated errors on Claude {number} {' '.join(words)}", API).concerns(model)


@pytest.mark.parametrize(
    ("name", "components", "api"),
    [
        ("Elevated errors", [API], True),
        ("Elevated errors", ["claude.ai", "API"], True),
        ("Elevated errors", ["claude.ai", "Claude Code"], False),
        ("Elevated errors on the API", ["Claude Console"], False),
        ("Elevated errors", ["Claude Opus 5.5"], True),
        ("Elevated errors on many models", [], True),
        ("claude.ai is slow", [], False),
        ("Problems with the console", [], False),
        ("Delayed credits on the Claude Platform", [], False),
        ("Sign-in fails", [], False),
        ("claude.ai and api.anthropic.com are slow", [], True),
        ("Elevated errors on Opus 5.5 in claude.ai and elsewhere", [], True),
    ],
)
def test_whether_it_is_about_the_api(name: str, components: list[str], api: bool) -> None:
    """What it affects decides; where the page ties it to nothing, its name does."""
    incident = named(name, *components)
    assert incident.api is api
    assert incident.concerns(OPUS) is api


def test_of_a_page_without_an_end_the_newest_are_read() -> None:
    """A megabyte of incidents would take the event loop seconds."""
    listed = [{"name": str(n), "components": [{"name": "API"}] * 1_000} for n in range(1_000)]
    status = parse({"status": {"indicator": "major"}}, {"incidents": listed})
    assert status is not None
    assert [incident.name for incident in status.incidents] == [str(n) for n in range(50)]
    assert {len(incident.components) for incident in status.incidents} == {50}
