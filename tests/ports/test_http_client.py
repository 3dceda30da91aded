"""Our HTTP client with servers that behave: connections kept, shared and given up; what was sent and what was not."""

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator

import pytest
import uvloop

from swarmstead.gateway.adapters.http.client import HttpClient
from swarmstead.gateway.adapters.http.errors import BadRequest, Broken, HttpFailed, NotConnected, TooLong
from swarmstead.gateway.adapters.http.limits import HttpLimits
from swarmstead.gateway.adapters.http.request import RequestHead, request_head
from swarmstead.gateway.adapters.mcp_messages import Ticket
from swarmstead.gateway.egress import LOOPBACK, Egress
from swarmstead.gateway.targets import parse_target
from tests.fakes.raw_server import RawServer, Turn, ok, serving

SOON_S = 0.3


@pytest.fixture
async def server() -> AsyncGenerator[RawServer]:
    async with asyncio.timeout(60), serving() as made:
        yield made


@pytest.fixture
async def client() -> AsyncGenerator[HttpClient]:
    made = HttpClient(Egress(LOOPBACK))
    yield made
    await made.aclose()


def head_to(server: RawServer, path: str = "/mcp", method: str = "POST", **headers: str) -> RequestHead:
    return request_head(parse_target(f"http://127.0.0.1:{server.port}{path}"), method, headers)


def limited(**limits: float) -> HttpClient:
    return HttpClient(Egress(LOOPBACK), HttpLimits(**limits))  # type: ignore[arg-type]


async def test_a_request_goes_out_as_written_and_the_answer_comes_whole(server: RawServer, client: HttpClient) -> None:
    server.plan(ok(b'{"a":1}', b"Content-Type: application/json\r\nX-Two: a\r\nx-two: b\r\n"))
    response = await client.send(head_to(server, "/mcp?x=1", **{"X-Team": " shop "}), b"body")
    assert server.requests == [
        b"POST /mcp?x=1 HTTP/1.1\r\nhost: 127.0.0.1:%d\r\naccept-encoding: identity\r\nX-Team: shop\r\n"
        b"content-length: 4\r\n\r\nbody" % server.port
    ]
    assert (response.status, response.header("content-type")) == (200, "application/json")
    assert (response.header("x-two"), response.header("nothing")) == ("a, b", "")
    assert response.whole() == b'{"a":1}'


async def test_a_length_is_told_where_a_body_is_to_be_expected(server: RawServer, client: HttpClient) -> None:
    for method, body in [("GET", b""), ("DELETE", b""), ("DELETE", b"x"), ("POST", b""), ("PUT", b"x")]:
        await client.send(head_to(server, method=method), body)
    assert [b"content-length" in request for request in server.requests] == [False, False, True, True, True]


async def test_one_connection_serves_one_after_another(server: RawServer, client: HttpClient) -> None:
    server.plan(
        ok(), Turn(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: 1\r\n\r\n")
    )
    bodies = [await (await client.send(head_to(server))).read(100) for _ in range(4)]
    assert bodies == [b"hello", b"abc", b"hello", b"hello"]
    assert server.connections == 1


@pytest.mark.parametrize("head", [b"connection: close\r\n", b"Connection: keep-alive, Close\r\n"])
async def test_a_connection_that_the_server_gives_up_is_not_used_again(
    server: RawServer, client: HttpClient, head: bytes
) -> None:
    server.plan(ok(b"1", head))
    assert [(await client.send(head_to(server))).whole() for _ in range(2)] == [b"1", b"hello"]
    assert server.connections == 2


@pytest.mark.parametrize("limits", [{"keep_alive_s": 0.0}, {"max_age_s": 0.0}])
async def test_a_connection_too_long_idle_or_too_old_is_not_used_again(
    server: RawServer, limits: dict[str, float]
) -> None:
    client = limited(**limits)
    for _ in range(3):
        await client.send(head_to(server))
    assert server.connections == 3
    await client.aclose()


async def test_idle_connections_are_closed_and_hosts_forgotten(server: RawServer) -> None:
    client = limited(keep_alive_s=0.0)
    await client.send(head_to(server))
    client.tidy()
    await server.left.wait()
    while client.hosts:
        await asyncio.sleep(0)
        client.tidy()
    await client.send(head_to(server))
    assert (client.hosts, server.connections) == (1, 2)
    await client.aclose()


async def test_no_more_connections_than_allowed_and_everybody_gets_a_turn(server: RawServer) -> None:
    client = limited(max_per_host=3)
    answers = await asyncio.gather(*(client.send(head_to(server), b"%d" % n) for n in range(30)))
    assert {answer.whole() for answer in answers} == {b"hello"}
    assert server.connections == 3
    assert len(server.requests) == 30
    await client.aclose()


async def test_who_waits_for_a_connection_and_leaves_takes_nobodys_place(server: RawServer) -> None:
    client = limited(max_per_host=1)
    server.plan(Turn(b"", "hold"))
    busy = asyncio.create_task(client.send(head_to(server)))
    await server.arrived.wait()
    tickets = [Ticket() for _ in range(5)]
    waiting = [asyncio.create_task(client.send(head_to(server), b"", ticket)) for ticket in tickets]
    await asyncio.sleep(0)
    for task in waiting[:4]:
        task.cancel()
    server.release.set()
    outcomes = await asyncio.gather(busy, *waiting, return_exceptions=True)
    assert isinstance(outcomes[0], Broken)
    assert [type(one) for one in outcomes[1:5]] == [asyncio.CancelledError] * 4
    assert [ticket.sent for ticket in tickets] == [False] * 4 + [True]
    assert not isinstance(outcomes[5], BaseException)
    assert outcomes[5].whole() == b"hello"
    await client.aclose()


async def test_a_turn_that_comes_just_as_its_waiter_leaves_is_passed_on(server: RawServer) -> None:
    client = limited(max_per_host=1)
    head = head_to(server)
    for _ in range(20):
        tasks = [asyncio.create_task(client.send(head)) for _ in range(4)]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        tasks[1].cancel()  # its turn may have come in this very moment
        await asyncio.gather(*tasks, return_exceptions=True)
    assert (await client.send(head)).whole() == b"hello"
    await client.aclose()


async def test_an_answer_that_waits_for_a_person_takes_no_place(server: RawServer) -> None:
    client = limited(max_per_host=1)
    begun = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n"
    server.plan(Turn(begun, "hold"), Turn(begun, "hold"))
    waiting = await client.send(head_to(server))
    second = asyncio.create_task(client.send(head_to(server)))
    await asyncio.sleep(0)
    waiting.lend()
    waiting.lend()
    third = asyncio.create_task(client.send(head_to(server)))
    (await second).close()  # only one was let in for the one that was lent
    assert (await third).whole() == b"hello"
    waiting.close()
    assert [(await client.send(head_to(server))).whole() for _ in range(3)] == [b"hello"] * 3
    assert server.connections == 3
    await client.aclose()


@pytest.mark.parametrize(("busy", "connections"), [(False, 1), (True, 2)])
async def test_a_lent_connection_serves_on_if_there_is_a_place_for_it(
    server: RawServer, busy: bool, connections: int
) -> None:
    client = limited(max_per_host=1)
    begun = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n"
    server.plan(Turn(begun, "talk", later=b"0\r\n\r\n"))
    waiting = await client.send(head_to(server))
    waiting.lend()
    if busy:
        assert (await client.send(head_to(server))).whole() == b"hello"
    server.release.set()
    assert await waiting.read(10) == b"one"
    assert [(await client.send(head_to(server))).whole() for _ in range(3)] == [b"hello"] * 3
    assert server.connections == connections
    await client.aclose()


# What was sent -------------------------------------------------------------------------------------------------------


async def test_nobody_there_means_that_nothing_was_sent(client: HttpClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    ticket = Ticket()
    with pytest.raises(NotConnected, match=f"no connection to 127.0.0.1:{port}: Connection refused"):
        await client.send(request_head(parse_target(f"http://127.0.0.1:{port}/"), "POST", {}), b"", ticket)
    assert not ticket.sent


@pytest.mark.parametrize("then", ["close", "reset"])
async def test_a_server_that_takes_the_request_and_goes_leaves_it_sent(
    server: RawServer, client: HttpClient, then: str
) -> None:
    server.plan(Turn(b"", "close" if then == "close" else "reset"))
    ticket = Ticket()
    with pytest.raises(Broken, match="it closed the connection"):
        await client.send(head_to(server), b"x", ticket)
    assert ticket.sent
    assert len(server.requests) == 1


def test_a_kept_connection_that_the_server_has_closed_unseen_is_passed_over() -> None:
    """The server closes while our event loop is busy: only the system knows. The request goes out once, elsewhere."""
    requests: list[bytes] = []
    closed = threading.Event()

    def serve(listener: socket.socket) -> None:
        for number in range(2):
            peer, _ = listener.accept()
            with peer:
                requests.append(peer.recv(65_536))
                peer.sendall(ok(b"%d" % number).answer)
            closed.set()

    async def story(port: int) -> None:
        client, ticket = HttpClient(Egress(LOOPBACK)), Ticket()
        head = request_head(parse_target(f"http://127.0.0.1:{port}/"), "POST", {})
        assert (await client.send(head, b"first")).whole() == b"0"
        assert closed.wait(20)  # blocks the loop, so it cannot hear of it
        assert (await client.send(head, b"second", ticket)).whole() == b"1"
        assert ticket.sent
        await client.aclose()

    for factory in (asyncio.new_event_loop, uvloop.new_event_loop):
        requests.clear()
        closed.clear()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=serve, args=(listener,))
            thread.start()
            with asyncio.Runner(loop_factory=factory) as runner:
                runner.run(story(listener.getsockname()[1]))
            thread.join(20)
        assert [request.partition(b"\r\n\r\n")[2] for request in requests] == [b"first", b"second"]


async def test_who_gives_up_closes_the_connection_and_knows_that_it_was_sent(
    server: RawServer, client: HttpClient
) -> None:
    server.plan(Turn(b"", "hold"))
    ticket = Ticket()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON_S):
            await client.send(head_to(server), b"", ticket)
    assert ticket.sent
    server.release.set()
    await server.left.wait()
    assert (await client.send(head_to(server))).whole() == b"hello"


async def test_a_large_request_is_sent_whole_while_its_answer_is_awaited(server: RawServer, client: HttpClient) -> None:
    body = b"x" * 8_000_000
    assert (await client.send(head_to(server), body)).whole() == b"hello"
    assert server.requests[0].endswith(body)
    assert (await client.send(head_to(server), b"next")).whole() == b"hello"


@pytest.mark.parametrize(
    ("method", "headers"),
    [("POST", {"a": "b\r\nc: d"}), ("POST", {"a\n": "b"}), ("POST", {"Host": "x"}), ("GET\r\n", {}), ("CONNECT", {}),
     ("HEAD", {}), ("POST", {"a": "b\x00"})],
)  # fmt: skip
async def test_a_request_that_would_be_two_is_not_written(method: str, headers: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        request_head(parse_target("https://tools.example.org/"), method, headers)


async def test_closing_ends_requests_under_way_and_refuses_later_ones(server: RawServer, client: HttpClient) -> None:
    server.plan(Turn(b"", "hold"))
    busy = asyncio.create_task(client.send(head_to(server)))
    await server.arrived.wait()
    await client.aclose()
    with pytest.raises(Broken):
        await busy
    with pytest.raises(NotConnected, match="shutting down"):
        await client.send(head_to(server))
    assert server.connections == 1


# Long answers --------------------------------------------------------------------------------------------------------


async def test_a_hundred_megabytes_never_lie_in_memory(server: RawServer, client: HttpClient) -> None:
    size = 100 * 1024 * 1024
    server.plan(
        Turn(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size, flood=b"x" * 65_536, times=size // 65_536)
    )
    response = await client.send(head_to(server))
    assert not response.complete
    most, total = 0, 0
    for _ in range(200):  # nobody reads: the sender is to be held back
        await asyncio.sleep(0)
    async for chunk in response.chunks():
        total += len(chunk)
        most = max(most, response.size)
    assert total == size
    assert most < 1_000_000
    assert (await client.send(head_to(server))).whole() == b"hello"
    assert server.connections == 1


async def test_a_stream_without_end_is_left_by_closing(server: RawServer, client: HttpClient) -> None:
    server.plan(Turn(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", flood=b"400\r\n%b\r\n" % (b"x" * 1024)))
    response = await client.send(head_to(server))
    with pytest.raises(TooLong, match="more than 5000000 bytes"):
        await response.read(5_000_000)
    await server.left.wait()
    assert (await client.send(head_to(server))).whole() == b"hello"


async def test_a_stream_is_read_as_it_comes(server: RawServer, client: HttpClient) -> None:
    server.plan(Turn(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n", "hold"))
    response = await client.send(head_to(server))
    chunks = response.chunks()
    assert await anext(chunks) == b"one"
    server.release.set()
    with pytest.raises(HttpFailed, match="its answer broke off"):
        await anext(chunks)


async def test_an_answer_without_length_ends_with_the_connection(server: RawServer, client: HttpClient) -> None:
    server.plan(Turn(b"HTTP/1.1 200 OK\r\n\r\nall there is", "close"), Turn(b"HTTP/1.0 200 OK\r\n\r\nold", "close"))
    assert await (await client.send(head_to(server))).read(100) == b"all there is"
    assert await (await client.send(head_to(server))).read(100) == b"old"
    assert server.connections == 2
