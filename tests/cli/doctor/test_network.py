"""The way to the API, and the status page."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import anthropic
import anyio
import httpx2
import pytest

from unbroken.cli.doctor.checks import Check, Limits
from unbroken.cli.doctor.network import address_of, network, resolve, status_page, unresolved
from unbroken.cli.problems import Problem
from unbroken.testing import Status, ThreadedFaultServer
from unbroken.testing.services.service_status import ServiceIncident, ServiceStatus

SOON = Limits(resolve=0.1, check=0.2, hello=0.2)


@pytest.fixture
def nobody() -> Iterator[str]:
    """The address of a socket that is bound, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def look(url: str, limits: Limits | None = None) -> Check:
    return anyio.run(network, httpx2.URL(url), limits or Limits())


def test_any_answer_shows_that_it_is_reached(api: ThreadedFaultServer) -> None:
    """Also a 404; nothing is sent but an empty GET without a key."""
    found = look(api.url)
    assert found.outcome == "ok"
    assert found.summary.startswith(f"{api.url} answers (")
    assert dict(found.data) == {"url": api.url, "proxy": None}
    (request,) = api.requests
    assert (request.method, request.headers.get("authorization"), request.headers.get("x-api-key")) == (
        "GET",
        None,
        None,
    )


def test_nobody_listens(nobody: str) -> None:
    """The connection is refused."""
    found = look(nobody)
    assert (found.outcome, found.code) == ("problem", "connection_refused")
    assert found.summary == f"{nobody}: The connection to the API was refused: nobody listens at its address."


def test_who_listens_and_does_not_answer() -> None:
    """Told apart from a connection that does not come about."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        found = look(f"http://127.0.0.1:{silent.getsockname()[1]}", SOON)
    assert found.code == "stalled"
    assert found.summary.endswith("is reached, and does not answer within 0.2 s.")


def test_no_tls_there(api: ThreadedFaultServer) -> None:
    """https where only http is spoken."""
    found = look(api.url.replace("http:", "https:"))
    assert found.code == "connection_tls"


def test_what_stands_in_the_address_of_a_user_is_not_shown(nobody: str) -> None:
    """Nor in that of a proxy."""
    found = look(nobody.replace("//", "//user:secret@") + "/path?key=secret")
    assert "secret" not in str(found)


def test_the_proxy_is_named(nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is wrong with it; its password is not shown."""
    monkeypatch.setenv("HTTP_PROXY", nobody.replace("//", "//user:secret@"))
    found = look("http://api.example")
    assert (found.outcome, found.data["proxy"]) == ("problem", "127.0.0.1")
    assert "through the proxy 127.0.0.1" in found.summary
    assert "secret" not in str(found)


def test_a_host_that_is_reached_without_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `NO_PROXY` says."""
    monkeypatch.setenv("http_proxy", "proxy.example:3128")
    monkeypatch.setenv("no_proxy", "api.example")
    asked: list[str] = []
    anyio.run(unresolved, httpx2.URL("http://api.example"), SOON, asked.append)
    assert asked == ["api.example"]


@pytest.mark.parametrize("proxy", ["http://user:secret@host:port", "gopher://user:secret@host"])
def test_a_proxy_without_an_address(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With it no client can be made; it is not quoted."""
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(Problem, match="the proxy that the environment names for http has no valid address"):
        address_of("http://api.example")


@pytest.mark.parametrize("url", ["localhost:8000", "http://", "http://a:b", "ftp://api.example"])
def test_what_is_no_address_of_an_api(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment too."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    with pytest.raises(Problem, match="must begin with http"):
        address_of(None)


def test_the_address_is_the_sdks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the command line, of the environment, or its own."""
    for named, environment in (("http://a.example", "http://b.example"), (None, "http://b.example"), (None, None)):
        if environment:
            monkeypatch.setenv("ANTHROPIC_BASE_URL", environment)
        else:
            monkeypatch.delenv("ANTHROPIC_BASE_URL")
        assert address_of(named).host == anthropic.AsyncAnthropic(api_key="k", base_url=named).base_url.host


def test_a_proxy_without_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `curl` takes it; it is its name that has to be known here."""
    monkeypatch.setenv("all_proxy", "proxy.example:3128")
    asked: list[str] = []
    anyio.run(unresolved, httpx2.URL("http://api.example"), SOON, asked.append)
    assert asked == ["proxy.example"]


def fails(host: str) -> None:
    raise socket.gaierror(socket.EAI_NONAME, f"{host} is not known")


def test_a_name_that_nobody_knows() -> None:
    """In one sentence, with what to do."""
    found = anyio.run(unresolved, httpx2.URL("http://api.example"), SOON, fails)
    assert found is not None
    assert (found.name, found.outcome, found.code) == ("network", "problem", "connection_dns")
    assert found.summary == "The name api.example cannot be resolved."


def test_a_resolver_that_does_not_answer_is_not_waited_for() -> None:
    """Its thread goes on, and nobody minds."""
    end = threading.Event()
    found = anyio.run(unresolved, httpx2.URL("http://api.example"), SOON, lambda _: end.wait())
    end.set()
    assert found is not None
    assert found.summary == "The name api.example was not resolved within 0.1 s."


def test_a_name_that_is_known() -> None:
    """The system's own resolver."""
    assert anyio.run(unresolved, httpx2.URL("http://127.0.0.1:1"), Limits(), resolve) is None


# -- the status page


def page(url: str | None, limits: Limits | None = None) -> Check:
    return anyio.run(status_page, url, limits or Limits())


def test_all_is_well(api: ThreadedFaultServer) -> None:
    """In the page's own words."""
    found = page(api.url)
    assert (found.outcome, found.summary) == ("ok", "127.0.0.1 says: All Systems Operational")
    assert found.data["indicator"] == "none"


def test_an_incident(api: ThreadedFaultServer) -> None:
    """Is a warning: it may be about something else. Then one waits."""
    api.status = ServiceStatus(
        incidents=[ServiceIncident("Elevated errors on Opus"), ServiceIncident("Old", "resolved")]
    )
    found = page(api.url)
    assert found.outcome == "warning"
    assert found.details == ("Elevated errors on Opus (investigating, major)",)
    assert found.next_steps == ("Wait until the status page says that the incident is over.",)


@pytest.mark.parametrize("status", [ServiceStatus(fault=Status(500)), ServiceStatus(raw=[1])], ids=["500", "junk"])
def test_a_page_that_says_nothing_is_no_problem(api: ThreadedFaultServer, status: ServiceStatus) -> None:
    """It could not be asked, and that is said."""
    api.status = status
    found = page(api.url)
    assert found.outcome == "skipped"
    assert "status page" in found.summary


def test_a_page_that_is_silent_or_not_known() -> None:
    """Within its time."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert "did not answer within 0.2 s" in page(f"http://127.0.0.1:{silent.getsockname()[1]}", SOON).summary
    found = anyio.run(status_page, None, SOON, fails)
    assert (found.outcome, found.summary) == ("skipped", "The name status.anthropic.com cannot be resolved.")
