"""The server itself: what it records, its port, its connections, its life."""

from __future__ import annotations

import socket
from typing import Any

import anthropic
import anyio
import anyio.lowlevel
import httpx2
import pytest
from serving import ask, frames_of, serving

from unbroken.testing import Answer, Drop, FaultServer, Refuse, Reset, Script, Silence, Slow, Status, after_characters

TEXT = "One two three four five six seven eight nine ten."


@pytest.mark.asyncio
async def test_every_request_is_recorded() -> None:
    """With what was asked, what was sent, and what became of it."""
    cut = Drop(at=after_characters(8))
    async with serving(Script(TEXT, faults=[None, cut])) as (server, sdk):
        await sdk.messages.create(**ask(), extra_headers={"x-mine": "1"})
        with pytest.raises(httpx2.RemoteProtocolError):
            async with sdk.beta.messages.stream(
                **ask(model="claude-haiku-4-5"), extra_query={"beta": "true"}
            ) as stream:
                await stream.get_final_message()
    first, second = server.requests
    assert (first.number, first.id, first.status, first.whole, first.faults) == (0, "req_00000001", 200, True, [])
    assert (second.id, second.whole, second.faults, second.sent_text) == ("req_00000002", False, [cut], TEXT[:8])
    assert (first.method, first.path, first.query) == ("POST", "/v1/messages", "")
    assert (second.path, second.query) == ("/v1/messages", "beta=true")
    assert (first.model, second.model) == ("claude-opus-5-5", "claude-haiku-4-5")
    assert first.headers["x-mine"] == "1"
    assert first.body["messages"] == ask()["messages"]
    assert first.connection.requests == [first, second]
    assert first.ended_at is not None
    assert first.arrived_at <= first.ended_at <= second.arrived_at
    assert first.connection.closed_by == "server"


@pytest.mark.asyncio
async def test_a_client_that_hangs_up_is_seen() -> None:
    """At once, in the middle of a silence; and one that hangs up afterwards has abandoned nothing."""
    async with serving(Script(TEXT, faults=[Silence(at=after_characters(3))])) as (server, sdk):
        async with sdk.messages.stream(**ask()) as stream:
            async for _ in stream.text_stream:
                break
        await server.all_closed()
        await sdk.messages.create(**ask())
        assert len(server.open_connections) == 1
    assert [request.abandoned for request in server.requests] == [True, False]
    assert [connection.closed_by for connection in server.connections] == ["client", "client"]
    assert server.open_connections == []


@pytest.mark.asyncio
async def test_a_connection_is_kept_for_the_next_request() -> None:
    """Also after a clean end and after an error; not after a cut."""
    async with serving(Script(TEXT, faults=[None, Status(529), Reset(), None])) as (server, sdk):
        for _ in range(4):
            try:
                async with sdk.messages.stream(**ask()) as stream:
                    await stream.get_final_message()
            except (anthropic.APIStatusError, httpx2.ReadError):
                pass
    assert [len(connection.requests) for connection in server.connections] == [3, 1]


@pytest.mark.anyio
async def test_a_refused_connection() -> None:
    """The port is closed for exactly that long, from the response before it, and is the same port after it."""
    script = Script(TEXT, faults=[Refuse(10), None, Refuse(30), Drop(at=after_characters(5))])
    async with serving(script, timeout=100) as (server, sdk):
        url = server.url
        refused = [await is_refused(sdk)]
        await anyio.sleep(10.5)
        refused.append(await is_refused(sdk))
        assert server.requests[0].whole
        refused.append(await is_refused(sdk))
        await anyio.sleep(29)
        refused.append(await is_refused(sdk))
        await anyio.sleep(1)
        refused.append(await is_refused(sdk))
        assert server.url == url
    assert refused == [True, False, True, True, False]
    assert len(server.requests) == 2
    assert server.requests[1].faults


async def is_refused(sdk: anthropic.AsyncAnthropic) -> bool:
    try:
        await sdk.messages.create(**ask())
    except anthropic.APIConnectionError as error:
        return isinstance(error.__cause__, httpx2.ConnectError)
    except httpx2.TransportError:
        return False
    return False


@pytest.mark.asyncio
async def test_listening_can_be_stopped_by_hand() -> None:
    """And taken up again; either twice does no harm. Connections that are open stay open."""
    async with serving(TEXT) as (server, sdk):
        await server.stop_listening()
        await server.stop_listening()
        assert await is_refused(sdk)
        await server.listen()
        await server.listen()
        assert not await is_refused(sdk)
        await server.stop_listening()
        assert not await is_refused(sdk)
        assert len(server.connections) == 1


@pytest.mark.asyncio
async def test_another_script_can_be_played() -> None:
    """From its first step, whatever the one before it had left; what was recorded stays."""
    async with serving(Script("First.", faults=[None, Status(529)])) as (server, sdk):
        texts = [(await sdk.messages.create(**ask())).content[0].text]
        await server.play(Script("Second.", faults=[None]))
        texts.append((await sdk.messages.create(**ask())).content[0].text)
        await server.play(Answer("Third."))
        texts.append((await sdk.messages.create(**ask())).content[0].text)
        await server.play("Fourth.")
        texts.append((await sdk.messages.create(**ask())).content[0].text)
    assert texts == ["First.", "Second.", "Third.", "Fourth."]
    assert len(server.requests) == 4


@pytest.mark.asyncio
async def test_a_step_that_refuses_is_passed_over_by_a_request_that_was_under_way() -> None:
    """Two requests at once: the second one is in before the door is shut, and takes the step after it."""
    script = Script(TEXT, faults=[Slow(0.005), Refuse(0.001), Status(418)])
    codes: list[int] = []

    async def one(sdk: anthropic.AsyncAnthropic) -> None:
        try:
            async with sdk.messages.stream(**ask()) as stream:
                await stream.get_final_message()
                codes.append(200)
        except anthropic.APIStatusError as error:
            codes.append(error.status_code)

    async with serving(script) as (server, sdk):
        await sdk.messages.count_tokens(**ask(max_tokens=None))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one, sdk)
            while not server.requests[1:]:
                await anyio.lowlevel.checkpoint()
            await server.listen()
            tasks.start_soon(one, sdk)
    assert sorted(codes) == [200, 418]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "sent",
    [b"", b"nonsense\r\n\r\n", b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n{"],
)
async def test_what_is_no_request_is_hung_up_on(sent: bytes) -> None:
    """Nothing is recorded but the connection."""
    async with FaultServer() as server:
        port = int(server.url.rpartition(":")[2])
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            if sent:
                await stream.send(sent)
            await stream.send_eof()
            with pytest.raises(anyio.EndOfStream):
                await stream.receive()
        await server.all_closed()
    assert server.requests == []
    assert len(server.connections) == 1


@pytest.mark.asyncio
async def test_two_requests_in_one_segment_are_answered_in_order() -> None:
    """And a body that is no JSON object is a 400."""
    fields = b"host: x\r\nx-api-key: k\r\nanthropic-version: 2026-10-21\r\ncontent-length: 2\r\n\r\n"
    head = b"POST /v1/messages HTTP/1.1\r\n" + fields
    async with FaultServer() as server:
        port = int(server.url.rpartition(":")[2])
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(head + b"{]" + head + b"[]")
            got = b""
            while got.count(b"invalid_request_error") < 2:
                got += await stream.receive()
    assert got.index(b"req_00000001") < got.index(b"req_00000002")
    assert [request.status for request in server.requests] == [400, 400]
    assert server.requests[0].model is None


@pytest.mark.asyncio
async def test_a_request_without_a_key_and_one_that_is_too_large() -> None:
    """401 and 413."""
    async with FaultServer() as server, httpx2.AsyncClient() as http:
        url = f"{server.url}/v1/messages"
        assert (await http.post(url, json=ask())).status_code == 401
        large = await http.post(url, content=b" " * (32 * 1024 * 1024 + 1), headers={"x-api-key": "k"})
    assert large.status_code == 413
    assert large.json()["error"]["type"] == "request_too_large"


@pytest.mark.asyncio
async def test_an_exception_of_the_tests_own_comes_out_as_it_is() -> None:
    """In no exception group, with a stream under way, and the port is free afterwards."""
    server = FaultServer(Script(TEXT, faults=[Silence()]))

    async def fail() -> None:
        async with server, anthropic.AsyncAnthropic(base_url=server.url, api_key="k") as sdk:
            ports.append(int(server.url.rpartition(":")[2]))
            async with sdk.messages.stream(**ask()) as stream:
                await anext(stream.text_stream)
                raise ZeroDivisionError

    ports: list[int] = []
    with pytest.raises(ZeroDivisionError):
        await fail()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.url
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ports[0]))
    assert server.open_connections == []


@pytest.mark.anyio
async def test_a_server_can_be_cancelled_from_outside() -> None:
    """Its own waits do not hold the caller up."""
    with anyio.move_on_after(5) as scope:
        async with serving(Script(TEXT, faults=[Slow(1_000)])) as (_, sdk):
            await sdk.messages.create(**ask())
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert anyio.current_time() == pytest.approx(5)


@pytest.mark.anyio
async def test_a_pace_is_kept() -> None:
    """An answer's own, when no fault makes it slower."""
    script = Script(Answer("abcd", pieces=(4, 4), pace=2))
    async with serving(script) as (server, sdk):
        frames = await frames_of(sdk)
    request = server.requests[0]
    assert request.sent_text == "abcd"
    assert request.ended_at is not None
    assert request.ended_at - request.arrived_at == 2 * len(frames)


@pytest.mark.asyncio
async def test_more_than_the_kernels_buffers_hold() -> None:
    """A reader who dawdles gets it all, while other requests are served."""
    long = "word " * 200_000
    async with serving(Script(Answer(long, pieces=(20_000, 20_000)))) as (server, sdk):
        request: Any = ask(max_tokens=128_000)
        async with sdk.messages.stream(**{**request, "model": "claude-opus-5"}) as stream:
            pieces = [await anext(stream.text_stream)]
            await sdk.messages.count_tokens(**ask(max_tokens=None))
            pieces += [piece async for piece in stream.text_stream]
    assert "".join(pieces) == long[: 128_000 * 4]
    assert server.requests[0].whole
