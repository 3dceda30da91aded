"""Tool servers that mean harm: a failure that says why, in bounded memory, and the next call works."""

import asyncio
import tracemalloc
from collections.abc import AsyncGenerator

import pytest

from swarmstead.gateway.adapters.upstream_limits import UpstreamLimits
from swarmstead.gateway.adapters.upstreams import Upstreams
from swarmstead.gateway.errors import UpstreamUnknown
from tests.fakes import mcp_hostile
from tests.fakes.mcp_hostile import Hostile
from tests.fakes.mcp_upstreams import HERE, SOON_S, http, unvetted
from tests.fakes.relays import FakeRelay

CALL_S = 20.0
LIMITS = UpstreamLimits(max_message_bytes=4 * 1024 * 1024)
MOST_BYTES = 40_000_000
"""An answer may have 4 MiB here; it is held as bytes, as text and as values for a moment."""


@pytest.fixture
async def hostile() -> AsyncGenerator[Hostile]:
    async with asyncio.timeout(120), mcp_hostile.serving() as server:
        yield server


@pytest.fixture
async def upstreams() -> AsyncGenerator[Upstreams]:
    made = Upstreams(LIMITS, egress=HERE)
    yield made
    await made.aclose()


async def call(upstreams: Upstreams, hostile: Hostile, tool: str, timeout_s: float = CALL_S) -> str:
    """What the answer says."""
    relay = FakeRelay({"roots/list": {"roots": []}})
    found = await upstreams.call_tool(
        http(hostile.url), tool, {}, vet=unvetted, key="k", timeout_s=timeout_s, relay=relay
    )
    return (found.structured or {})["words"]


@pytest.mark.parametrize("tool", ["silent", "half_a_head", "half_a_body"])
async def test_a_server_that_never_ends_its_answer_costs_its_own_time(
    upstreams: Upstreams, hostile: Hostile, tool: str
) -> None:
    with pytest.raises(UpstreamUnknown, match=r"longer than 0\.5 s"):
        await call(upstreams, hostile, tool, SOON_S)
    assert await call(upstreams, hostile, "echo") == "fine"


@pytest.mark.parametrize(
    ("tool", "why"),
    [
        ("too_short", "broke off"),
        ("huge", "more than 4194304 bytes"),
        ("one_line", "more than 4194304 bytes"),
        ("comments", "more than 4194304 bytes"),
        ("questions", "more than 10000 things"),
        ("progress", "more than 4194304 bytes"),
        ("brackets", "too many values"),
        ("deep", "not JSON-RPC"),
        ("wrong_id", "without the result"),
    ],
)
async def test_what_is_no_answer_is_a_failure_that_says_so(
    upstreams: Upstreams, hostile: Hostile, tool: str, why: str
) -> None:
    assert await call(upstreams, hostile, "echo") == "fine"
    tracemalloc.start()
    try:
        with pytest.raises(UpstreamUnknown, match=why):
            await call(upstreams, hostile, tool)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_BYTES
    assert await call(upstreams, hostile, "echo") == "fine"
    assert hostile.asides < 1000, "we answered as often as it asked"


async def test_a_long_line_in_crumbs_is_read_once(upstreams: Upstreams, hostile: Hostile) -> None:
    """It used to be copied with each of its twenty thousand pieces: half a minute in which nobody else was served."""
    assert await call(upstreams, hostile, "crumbs") == "x" * 2_000_000


async def test_a_second_answer_answers_nobody(upstreams: Upstreams, hostile: Hostile) -> None:
    try:  # in one piece they are seen to be two
        assert await call(upstreams, hostile, "twice") == "first"
    except UpstreamUnknown as error:
        assert "more than one answer" in error.message  # noqa: PT017 - either may be
    assert [await call(upstreams, hostile, "echo") for _ in range(3)] == ["fine"] * 3


async def test_a_stream_that_is_always_to_be_continued_ends_with_the_call(
    upstreams: Upstreams, hostile: Hostile
) -> None:
    with pytest.raises(UpstreamUnknown, match=r"longer than 0\.5 s|no usable answer"):
        await call(upstreams, hostile, "again_and_again", SOON_S)
    assert await call(upstreams, hostile, "echo") == "fine"
