"""Whole documents by their URL, with redirects that are followed only as far as every hop is allowed."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from swarmstead.gateway.adapters.http.client import HttpClient
from swarmstead.gateway.adapters.http.errors import BadRequest, Broken, HttpFailed, Refused, TooLong
from swarmstead.gateway.adapters.http.fetch import fetch
from swarmstead.gateway.egress import Egress, parse_entries
from tests.fakes import raw_server
from tests.fakes.raw_server import RawServer, Turn, ok
from tests.fakes.resolvers import StubResolver

HERE, THERE, SHUT = "127.0.0.2", "127.0.0.3", "127.0.0.1"
RULES = Egress(parse_entries(f"{HERE}, {THERE}"))


@pytest.fixture
async def server() -> AsyncGenerator[RawServer]:
    async with asyncio.timeout(60), raw_server.serving(HERE) as made:
        yield made


@pytest.fixture
async def client() -> AsyncGenerator[HttpClient]:
    made = HttpClient(RULES, resolver=StubResolver())
    yield made
    await made.aclose()


def to(location: str, status: int = 302) -> Turn:
    return Turn(b"HTTP/1.1 %d Moved\r\nlocation: %b\r\ncontent-length: 0\r\n\r\n" % (status, location.encode()))


def url(server: RawServer, path: str = "/a", host: str = HERE) -> str:
    return f"http://{host}:{server.port}{path}"


async def test_a_document_comes_whole_with_where_it_came_from(server: RawServer, client: HttpClient) -> None:
    server.plan(to("b?c=d"), to("/e"), ok(b"found", b"Content-Type: text/plain\r\n"))
    found = await fetch(client, url(server), headers={"authorization": "s"}, max_redirects=2)
    assert (found.status, found.body, found.url) == (200, b"found", url(server, "/e"))
    assert found.headers["content-type"] == "text/plain"
    assert [request.split(b" ")[1] for request in server.requests] == [b"/a", b"/b?c=d", b"/e"]
    assert all(b"authorization: s" in request for request in server.requests)


async def test_redirects_are_not_followed_unless_asked_for(server: RawServer, client: HttpClient) -> None:
    server.plan(to("/b"))
    assert (await fetch(client, url(server))).status == 302
    server.plan(to("/b"), to("/c"), to("/d"))
    with pytest.raises(Broken, match="redirects more than 2 times"):
        await fetch(client, url(server), max_redirects=2)
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "location",
    [f"http://{SHUT}:PORT/", "//127.0.0.1:PORT/", "http://169.254.169.254/latest", "http://[::ffff:127.0.0.1]:PORT/"],
)
async def test_a_hop_to_what_is_shut_is_refused(server: RawServer, client: HttpClient, location: str) -> None:
    async with raw_server.serving(SHUT, server.port) as victim:
        server.plan(to(location.replace("PORT", str(server.port))))
        with pytest.raises(Refused, match="egress rule: not-public"):
            await fetch(client, url(server), max_redirects=3)
        assert victim.connections == 0


@pytest.mark.parametrize(
    "location", ["ftp://x/", "file:///etc/passwd", "http://2130706433/", "http://a@b/", "http://[", "javascript:1"]
)
async def test_a_hop_to_what_is_no_address_is_refused(server: RawServer, client: HttpClient, location: str) -> None:
    server.plan(to(location))
    with pytest.raises(BadRequest, match="redirects to what is not a valid"):
        await fetch(client, url(server), max_redirects=3)


async def test_nothing_of_ours_goes_to_another_origin(server: RawServer, client: HttpClient) -> None:
    async with raw_server.serving(THERE) as other:
        server.plan(to(url(other, "/b", THERE)))
        headers = {"Authorization": "canary", "Cookie": "canary", "X-Key": "canary", "Accept": "application/json"}
        found = await fetch(client, url(server), headers=headers, max_redirects=1)
        assert found.body == b"hello"
        assert b"canary" not in other.requests[0]
        assert b"Accept: application/json" in other.requests[0]
        server.plan(to(url(other, "/b", THERE), 307))
        with pytest.raises(Refused, match="with a body to another host"):
            await fetch(client, url(server), method="POST", body=b"canary", max_redirects=1)
        assert len(other.requests) == 1


async def test_a_post_becomes_a_get_or_stays_as_the_status_says(server: RawServer, client: HttpClient) -> None:
    for status, line in [(302, b"GET /b"), (303, b"GET /b"), (307, b"POST /b"), (308, b"POST /b")]:
        server.plan(to("/b", status))
        headers = {"content-type": "text/plain"}
        await fetch(client, url(server), method="POST", headers=headers, body=b"x", max_redirects=1)
        last = server.requests[-1]
        assert last.startswith(line)
        assert (last.endswith(b"\r\n\r\nx"), b"content-type" in last) == (status > 303, status > 303)


async def test_a_document_is_bounded_in_size_and_time(server: RawServer, client: HttpClient) -> None:
    server.plan(Turn(b"HTTP/1.1 200 OK\r\n\r\n", flood=b"x" * 10_000))
    with pytest.raises(TooLong, match="more than 100000 bytes"):
        await fetch(client, url(server), max_bytes=100_000)
    server.plan(Turn(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel", "hold"))
    with pytest.raises(HttpFailed, match="no answer in time"):
        await fetch(client, url(server), timeout_s=0.2)


async def test_an_address_that_is_none_is_refused(client: HttpClient) -> None:
    with pytest.raises(BadRequest, match="user name or password"):
        await fetch(client, "https://a:canary@tools.example.org/")
