"""The way to an issuer's documents: bounded in time and size, without redirects; and a real issuer behind it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress

import pytest

from swarmstead.gateway.adapters.documents import Documents
from swarmstead.gateway.adapters.http.limits import HttpLimits
from swarmstead.people.contract import IdentityProviderSpec
from swarmstead.people.errors import IssuerAway, TokenRefused
from swarmstead.people.issuers import Issuers
from swarmstead.people.keysets import FRESH_MS, KEPT_MS, RETRY_MS
from tests.clocks import MovableClock
from tests.fakes.issuer import Issuer, running_issuer
from tests.fakes.mcp_upstreams import HERE

AUDIENCE = "https://stead.example/mcp"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@asynccontextmanager
async def answering(answer: bytes, *, ends: bool = True) -> AsyncGenerator[tuple[str, list[bytes]]]:
    """A server that answers every request with these bytes; its address, and the requests it got."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writers.append(writer)
        if ends:
            writer.close()

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
        for writer in writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def fetched(url: str, max_bytes: int = 1000, *, within_s: float = 10) -> bytes:
    fetch = Documents(HERE, HttpLimits(total_timeout_s=within_s))
    try:
        return await fetch.get(url, max_bytes=max_bytes)
    finally:
        await fetch.aclose()


async def test_a_document() -> None:
    async with answering(_HEAD + b"Content-Length: 2\r\n\r\n{}") as (address, seen):
        assert await fetched(f"{address}/keys") == b"{}"
    assert b"GET /keys" in seen[0]
    assert b"uthorization" not in seen[0]
    assert b"ookie" not in seen[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"not HTTP at all\r\n\r\n",
        b"",
        _HEAD + b"Content-Length: 2000\r\n\r\n" + b"x" * 2000,
        _HEAD + b"\r\n" + b"x" * 2000,
        _HEAD + b"Content-Length: 2000\r\n\r\n{}",
    ],
    ids=["redirect", "not found", "no content", "noise", "nothing", "large", "large and unsaid", "cut off"],
)
async def test_what_is_no_document(answer: bytes) -> None:
    async with answering(answer) as (address, seen):
        with pytest.raises(IssuerAway, match=address):
            await fetched(address)
        assert seen


async def test_an_answer_that_does_not_end() -> None:
    async with answering(_HEAD + b"Content-Length: 2\r\n\r\n{", ends=False) as (address, _):
        with pytest.raises(IssuerAway, match="no answer in time"):
            await fetched(address, within_s=0.2)


async def test_nobody_there() -> None:
    with pytest.raises(IssuerAway):
        await fetched("http://127.0.0.1:1/")


# A real issuer --------------------------------------------------------------------------------------------------------


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer({"bot": {"roles": ["operator"]}}) as running:
        yield running


@pytest.fixture
def now() -> MovableClock:
    """The issuer's clock is the real one; this begins there."""
    return MovableClock(int(time.time() * 1000))


@asynccontextmanager
async def trusting(issuer: Issuer, now: MovableClock) -> AsyncGenerator[Issuers]:
    specs = {"corp": IdentityProviderSpec(issuer.url, AUDIENCE, tenant="acme")}
    issuers = Issuers(now, Documents(HERE), specs, lambda: None)
    try:
        yield issuers
    finally:
        await issuers.aclose()


async def test_a_real_issuers_key_is_found_and_found_again_after_a_rotation(issuer: Issuer, now: MovableClock) -> None:
    async with trusting(issuer, now) as issuers:
        old = issuer.token("bot", AUDIENCE)
        identity, _ = await issuers.verify(old)
        assert (identity.scope.tenant, identity.scope.actor.id) == ("acme", "oidc:corp:bot")
        kid = issuer.rotate()
        assert [key["kid"] for key in issuer.jwks()] == [kid]
        now.advance(ms=RETRY_MS)
        await issuers.verify(issuer.token("bot", AUDIENCE))
        with pytest.raises(TokenRefused, match="not signed by a key"):
            await issuers.verify(old)


async def test_a_real_issuer_goes_away(issuer: Issuer, now: MovableClock) -> None:
    async with trusting(issuer, now) as issuers:
        hours = {"iss": issuer.url, "aud": AUDIENCE, "sub": "bot", "exp": now.now_ms() // 1000 + 90_000}
        lasting = issuer.signed(hours)
        await issuers.verify(lasting)
        issuer.stop()
        now.advance(ms=FRESH_MS + KEPT_MS)
        await issuers.verify(lasting)
        now.advance(ms=RETRY_MS + 1)
        with pytest.raises(IssuerAway):
            await issuers.verify(lasting)
