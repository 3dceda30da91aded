"""How connections are made: looked up once, every address checked, one of those connected to. Nothing leaves here."""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from swarmstead.gateway.adapters.http.client import HttpClient
from swarmstead.gateway.adapters.http.errors import Broken, NotConnected, Refused
from swarmstead.gateway.adapters.http.limits import HttpLimits
from swarmstead.gateway.adapters.http.request import RequestHead, request_head
from swarmstead.gateway.adapters.http.resolver import SystemResolver
from swarmstead.gateway.adapters.mcp_messages import Ticket
from swarmstead.gateway.adapters.upstreams import Upstreams
from swarmstead.gateway.contract import ServerRef, ToolServerSpec
from swarmstead.gateway.egress import Egress, parse_entries
from swarmstead.gateway.errors import UpstreamFailed
from swarmstead.gateway.targets import parse_target
from tests.fakes import raw_server
from tests.fakes.mcp_upstreams import unvetted
from tests.fakes.raw_server import RawServer, ok
from tests.fakes.resolvers import StubResolver
from tests.fakes.tls import Authority

GOOD, VICTIM, METADATA = "127.0.0.2", "127.0.0.1", "169.254.169.254"
RULES = Egress(parse_entries(f"{GOOD}, 127.0.0.3"))
NAME = "tools.test"


@pytest.fixture
def names() -> StubResolver:
    return StubResolver()


@pytest.fixture
async def client(names: StubResolver) -> AsyncGenerator[HttpClient]:
    made = HttpClient(RULES, resolver=names)
    async with asyncio.timeout(60):
        yield made
        await made.aclose()


@pytest.fixture
async def server() -> AsyncGenerator[RawServer]:
    async with raw_server.serving(GOOD) as made:
        yield made


@pytest.fixture
async def victim(server: RawServer) -> AsyncGenerator[RawServer]:
    """A server on the same port of an address that may not be reached."""
    async with raw_server.serving(VICTIM, server.port) as made:
        yield made


def head_to(server: RawServer, name: str = NAME, scheme: str = "http") -> RequestHead:
    return request_head(parse_target(f"{scheme}://{name}:{server.port}/"), "POST", {})


async def test_the_name_goes_into_the_request_and_the_checked_address_gets_it(
    client: HttpClient, names: StubResolver, server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.say(NAME, [GOOD])

    def again(*_: object, **__: object) -> None:
        raise AssertionError("a name was looked up behind the check")

    monkeypatch.setattr(socket, "getaddrinfo", again)
    assert (await client.send(head_to(server))).whole() == b"hello"
    assert b"host: tools.test:%d\r\n" % server.port in server.requests[0]
    assert names.asked == [NAME]


async def test_a_name_that_changes_its_mind_gains_nothing(
    client: HttpClient, names: StubResolver, server: RawServer, victim: RawServer
) -> None:
    names.say(NAME, [GOOD], [VICTIM], [METADATA], [GOOD])
    server.plan(ok(b"1", b"connection: close\r\n"))
    assert (await client.send(head_to(server))).whole() == b"1"
    for _ in range(2):
        ticket = Ticket()
        with pytest.raises(Refused, match="egress rule: not-public"):
            await client.send(head_to(server), b"", ticket)
        assert not ticket.sent
    assert (await client.send(head_to(server))).whole() == b"hello"
    assert (server.connections, victim.connections) == (2, 0)
    assert len(names.asked) == 4


@pytest.mark.parametrize("bad", [VICTIM, METADATA, "10.0.0.1", "::1", "::ffff:127.0.0.1", "fe80::1%1", "0.0.0.0"])
@pytest.mark.parametrize("first", [True, False])
async def test_one_bad_address_among_good_ones_shuts_the_name(
    client: HttpClient, names: StubResolver, server: RawServer, victim: RawServer, bad: str, first: bool
) -> None:
    names.say(NAME, [bad, GOOD] if first else [GOOD, bad])
    with pytest.raises(Refused):
        await client.send(head_to(server))
    assert (server.connections, victim.connections) == (0, 0)


async def test_the_caller_learns_the_rule_and_the_log_the_address(
    client: HttpClient, names: StubResolver, server: RawServer, caplog: pytest.LogCaptureFixture
) -> None:
    names.say(NAME, ["10.11.12.13"])
    with caplog.at_level(logging.WARNING), pytest.raises(Refused, match="a private address") as refused:
        await client.send(head_to(server))
    assert "10.11" not in str(refused.value)
    assert "10.11.12.13" in caplog.text


async def test_addresses_are_tried_in_order_until_one_takes_the_connection(
    client: HttpClient, names: StubResolver, server: RawServer
) -> None:
    names.say(NAME, ["127.0.0.3", GOOD])
    assert (await client.send(head_to(server))).whole() == b"hello"
    names.say("down.test", ["127.0.0.3"])
    with pytest.raises(NotConnected, match=r"no connection to down\.test:\d+: Connection refused") as failed:
        await client.send(head_to(server, "down.test"))
    assert "127.0.0.3" not in str(failed.value)


async def test_kept_connections_to_addresses_that_a_name_has_no_longer_are_not_used(
    client: HttpClient, names: StubResolver, server: RawServer
) -> None:
    async with raw_server.serving("127.0.0.3", server.port) as other:
        names.say(NAME, [GOOD], ["127.0.0.3"])
        head = head_to(server)
        await client.send(head)
        await asyncio.gather(client.send(head), client.send(head))  # one of them needs a further connection
        for _ in range(3):
            await asyncio.gather(client.send(head), client.send(head))
        assert (len(server.requests), len(other.requests)) == (2, 7)


async def test_a_name_that_is_not_there_or_takes_too_long_is_no_connection(names: StubResolver) -> None:
    client = HttpClient(RULES, resolver=names)
    with pytest.raises(NotConnected, match=r"no connection to nobody\.test: its name could not be looked up"):
        await client.send(request_head(parse_target("https://nobody.test/"), "POST", {}))

    class Slow(StubResolver):
        async def resolve(self, host: str) -> list[str]:
            await asyncio.Event().wait()
            return []

    slow = HttpClient(RULES, HttpLimits(connect_timeout_s=0.05), resolver=Slow())
    with pytest.raises(NotConnected, match="no connection in time"):
        await slow.send(request_head(parse_target("https://slow.test/"), "POST", {}))


async def test_the_environments_proxies_are_not_used(
    client: HttpClient, names: StubResolver, server: RawServer, victim: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{VICTIM}:{victim.port}")
    names.say(NAME, [GOOD])
    server.plan(ok(b"1", b"set-cookie: a=b\r\n"))
    for _ in range(2):
        await client.send(head_to(server))
    assert victim.connections == 0
    assert not any(b"cookie" in request.lower() for request in server.requests)


# The gateway's own words ---------------------------------------------------------------------------------------------


async def test_a_tool_server_behind_the_rules_fails_with_a_code_and_a_way_out(names: StubResolver) -> None:
    upstreams = Upstreams(egress=Egress(), resolver=names)
    names.say("inner.test", ["10.11.12.13"])
    server = ServerRef("inner", ToolServerSpec("http", url="https://inner.test/mcp"))
    for _ in range(3):  # the last is refused by the pause after failures, for the same reason
        with pytest.raises(UpstreamFailed, match="egress rule: not-public") as failed:
            await upstreams.call_tool(server, "look", {}, vet=unvetted, key="k", timeout_s=5)
        assert failed.value.code == "egress_denied"
        assert "STEAD_EGRESS_ALLOW" in failed.value.way_out
        assert "10.11" not in failed.value.message
    await upstreams.aclose()


# TLS -----------------------------------------------------------------------------------------------------------------


async def test_over_tls_the_name_is_sent_and_verified_while_the_checked_address_is_used(
    names: StubResolver, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    client = HttpClient(RULES, resolver=names, trust=authority.trust)
    names.say(NAME, [GOOD])
    names.say("other.test", [GOOD])
    async with asyncio.timeout(30), raw_server.serving(GOOD, tls=authority.server(NAME)) as server:
        for _ in range(3):
            assert (await client.send(head_to(server, scheme="https"), b"x" * 100_000)).whole() == b"hello"
        assert server.server_names == [NAME]
        assert server.connections == 1
        ticket = Ticket()
        with pytest.raises(NotConnected, match="its certificate is not accepted"):
            await client.send(head_to(server, "other.test", "https"), b"", ticket)
        with pytest.raises(NotConnected, match="its certificate is not accepted"):
            await client.send(head_to(server, GOOD, "https"), b"", ticket)
        assert not ticket.sent
        server.plan(raw_server.Turn(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello", "close"))
        with pytest.raises(Broken):
            await client.send(head_to(server, scheme="https"))
        await client.aclose()


async def test_who_is_not_trusted_or_speaks_no_tls_gets_no_request(
    names: StubResolver, server: RawServer, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    client = HttpClient(RULES, resolver=names, trust=ssl.create_default_context())
    names.say(NAME, [GOOD])
    async with asyncio.timeout(30), raw_server.serving(GOOD, tls=authority.server(NAME)) as strange:
        with pytest.raises(NotConnected, match="its certificate is not accepted"):
            await client.send(head_to(strange, scheme="https"))
        server.plan(raw_server.Turn(b"HTTP/1.1 400 Bad Request\r\n\r\n", "close"))
        with pytest.raises(NotConnected):
            await HttpClient(RULES, HttpLimits(connect_timeout_s=0.5), resolver=names).send(
                head_to(server, scheme="https")
            )
    assert server.requests == []


# The system's resolver -----------------------------------------------------------------------------------------------


async def test_look_ups_are_shared_and_kept_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    now = 0.0

    async def getaddrinfo(host: str, _port: object, **_: object) -> list[object]:
        asked.append(host)
        await asyncio.sleep(0)
        if host == "none.test":
            raise socket.gaierror("no")
        return [(0, 0, 0, "", ("127.0.0.2", 0)), (0, 0, 0, "", ("127.0.0.2", 0)), (0, 0, 0, "", ("::1", 0, 0, 0))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo, raising=False)
    resolver = SystemResolver(keep_s=5, most=2, clock=lambda: now)
    found = await asyncio.gather(*(resolver.resolve("a.test") for _ in range(5)))
    assert found == [("127.0.0.2", "::1")] * 5
    now = 4.9
    await resolver.resolve("a.test")
    assert asked == ["a.test"]
    now = 5.1
    await resolver.resolve("a.test")
    for _ in range(2):
        with pytest.raises(OSError, match="no"):
            await resolver.resolve("none.test")
    assert asked == ["a.test", "a.test", "none.test", "none.test"]
    asked.clear()
    for name in ("b.test", "c.test", "d.test", "c.test", "d.test", "b.test"):
        await resolver.resolve(name)
    assert asked == ["b.test", "c.test", "d.test", "b.test"]


async def test_a_look_up_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo, raising=False)
    with pytest.raises(TimeoutError):
        await SystemResolver(timeout_s=0.05).resolve("slow.test")
