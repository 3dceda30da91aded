"""Search as callers meet it: bound tools only, in step with grants and definitions, and the two meta-tools."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from swarmstead.doors.mcp.offers import EVERYTHING
from swarmstead.gateway.contract import Caller, CallResult
from swarmstead.gateway.grants import Grants
from swarmstead.gateway.pins import handlers as pins
from swarmstead.gateway.pins import queries as pin_reads
from swarmstead.gateway.pins.model import Pin
from swarmstead.gateway.search import meta
from swarmstead.gateway.search.memory import MemoryIndex
from swarmstead.gateway.search.ports import ToolIndex
from swarmstead.gateway.search.service import ToolSearch
from swarmstead.gateway.search.weights import shipped
from swarmstead.kernel.scope import Scope
from swarmstead.resources.queries import Registry
from swarmstead.wiring import KINDS
from tests.fakes.upstream import TEXT, tool
from tests.rooms.gateway.desk import ADA, EVE, Desk, agent, outside
from tests.rooms.permits.test_policy_service import policy

MORE = """
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {name: ann-more}
spec: {agent: ann, server: kit, tools: [look]}
"""
LESS = """
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {name: ann}
spec: {agent: ann, server: kit, tools: [read]}
"""
ANN = Caller(agent("ann"), "ann")


class Bench:
    """A search over the desk's gateway, and what it holds back."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.opened: list[str] = []
        self.grants = Grants(desk.db, Registry(KINDS))
        self.search = ToolSearch(desk.gateway, self.grants, desk.clock, shipped(), self._open, desk.gateway.experience)

    async def declare(self, text: str, scope: Scope = ADA) -> None:
        await self.desk.declare(text, scope)
        self.grants.forget(f"resources:{scope.tenant}")

    async def names(self, task: str, caller: Caller = ANN) -> list[str]:
        return [one.document.name for one in await self.search.search(caller, task, 20, self.desk.root)]

    async def meta(self, name: str, caller: Caller = ANN, /, **arguments: Any) -> CallResult:
        return await meta.call(meta.Desk(self.search, caller, EVERYTHING, self.desk.root), name, arguments)

    async def quarantine(self, *, lifted: bool = False) -> None:
        """A person sets `read` aside, or takes that back."""
        how = pins.release if lifted else partial(pins.quarantine, reason="It lies.")
        await self.decided(partial(how, server="kit", tool="read"))

    async def decided(self, how: Callable[..., Pin]) -> None:
        """A person has decided about a tool, and everybody has heard of it."""
        await self.desk.db.write(lambda tx: how(tx, ADA, self.desk.clock))
        for forget in (self.desk.gateway.forget, self.search.forget):
            forget(f"tools:{ADA.tenant}")

    def later(self) -> None:
        """Definitions are old now."""
        self.desk.clock.advance(seconds=61)

    def _open(self, tenant: str) -> ToolIndex:
        self.opened.append(tenant)
        return MemoryIndex(shipped())


@pytest_asyncio.fixture
async def bench(desk: Desk) -> AsyncGenerator[Bench]:
    made = Bench(desk)
    yield made
    await made.search.aclose()


def told(result: CallResult) -> Any:
    assert not result.is_error
    assert json.loads(result.text) == result.structured
    return result.structured


class TestSearch:
    async def test_a_caller_finds_bound_tools_with_a_risk_class_only(self, bench: Bench) -> None:
        found = set(await bench.names("to read, put, append, wipe, note, look"))
        assert found == {"read", "put", "append", "wipe"}  # note has no class, look is not bound
        assert set(await bench.names("to read, put, append, wipe", outside())) == {"read", "append"}
        assert await bench.names("read", Caller(agent("zoe"), "zoe")) == []

    async def test_a_new_binding_is_found_at_once_and_a_lost_one_is_not(self, bench: Bench) -> None:
        assert "look" not in await bench.names("look")
        await bench.declare(MORE)
        assert "look" in await bench.names("look")
        await bench.declare(LESS)
        assert set(await bench.names("read look put append wipe")) == {"read", "look"}

    async def test_a_new_definition_is_found_once_the_old_one_is_old(self, bench: Bench) -> None:
        assert await bench.names("water the plants") == []
        read = tool("read", {"readOnlyHint": True}, name=TEXT)
        bench.desk.upstream.tools = [read | {"description": "Water the plants."}]
        bench.later()
        assert await bench.names("water the plants") == []  # it waits for a person
        waiting = await bench.desk.db.read(lambda conn: pin_reads.get(conn, ADA, "kit", "read"))
        await bench.decided(partial(pins.accept, server="kit", tool="read", schema_hash=waiting.offered_hash))
        assert await bench.names("water the plants") == ["read"]

    async def test_a_server_that_falls_silent_keeps_its_tools(self, bench: Bench) -> None:
        assert "read" in await bench.names("read")
        bench.desk.upstream.down = "It is away."
        bench.later()
        assert "read" in await bench.names("read")

    async def test_a_quarantined_tool_is_gone_and_comes_back(self, bench: Bench) -> None:
        assert "read" in await bench.names("read")
        await bench.quarantine()
        assert "read" not in await bench.names("read")
        await bench.quarantine(lifted=True)
        assert "read" in await bench.names("read")

    async def test_a_tool_that_a_policy_denies_outright_is_neither_found_nor_described(self, bench: Bench) -> None:
        await bench.declare(policy("p", 'forbid (principal, action, resource == Tool::"kit/read");'))
        assert set(await bench.names("to read, put, append, wipe")) == {"put", "append", "wipe"}
        assert told(await bench.meta("describe_tools", names=["kit__read"]))["unknown"] == ["kit__read"]
        everything = policy("p", 'forbid (principal, action, resource) when { resource.risk != "danger" };')
        await bench.declare(everything)
        assert (await bench.meta("search_tools", query="read put append wipe", limit=1)).structured == {
            "tools": [{"name": "kit__wipe", "description": "To wipe.", "risk": "danger"}]
        }

    async def test_each_tenant_has_an_index_of_its_own(self, bench: Bench) -> None:
        assert "read" in await bench.names("read")
        assert await bench.names("read", Caller(agent("ann", "evil"), "ann")) == []
        assert bench.opened == ["acme", "evil"]

    async def test_another_tenants_tools_of_the_same_names_are_theirs(self, bench: Bench) -> None:
        await bench.declare(MORE.replace("tools: [look]", "tools: [read]"), EVE)
        assert await bench.names("read", Caller(agent("ann", "evil"), "ann")) == []  # no such server there

    async def test_many_at_once_refresh_once(self, bench: Bench) -> None:
        found = await asyncio.gather(*(bench.names("read") for _ in range(20)))
        assert all("read" in names for names in found)
        assert bench.opened == ["acme"]

    async def test_what_calls_have_shown_counts(self, bench: Bench) -> None:
        for _ in range(100):
            bench.desk.gateway.experience.note("acme", "kit", "put", good=False, ms=30_000)
            bench.desk.gateway.experience.note("acme", "kit", "append", good=True, ms=5)
        found = await bench.search.search(ANN, "put append", 20, bench.desk.root)
        by_name = {one.document.name: one.document for one in found}
        assert by_name["put"].quality < 0.2
        assert by_name["append"].quality > 0.8
        assert by_name["put"].latency_ms == 32_768


class TestMetaTools:
    def test_their_definitions_are_schemas_that_refuse_what_they_do_not_know(self) -> None:
        assert [one["name"] for one in meta.DEFINITIONS] == ["search_tools", "describe_tools"]
        for one in meta.DEFINITIONS:
            assert one["inputSchema"]["additionalProperties"] is False
            assert one["annotations"]["readOnlyHint"] is True

    async def test_search_gives_names_gists_and_classes(self, bench: Bench) -> None:
        found = told(await bench.meta("search_tools", query="wipe it all", limit=1))
        assert found == {"tools": [{"name": "kit__wipe", "description": "To wipe.", "risk": "danger"}]}

    async def test_describe_gives_definitions_as_a_list_would(self, bench: Bench) -> None:
        found = told(await bench.meta("describe_tools", names=["kit__read", "kit__wipe"]))
        assert [one["name"] for one in found["tools"]] == ["kit__read", "kit__wipe"]
        assert found["tools"][0]["inputSchema"]["required"] == ["name"]
        assert "unknown" not in found

    @pytest.mark.parametrize("name", ["kit__look", "kit__note", "kit__absent", "gone__read", "nonsense", "__", "kit__"])
    async def test_hidden_and_unknown_names_read_the_same(self, bench: Bench, name: str) -> None:
        assert told(await bench.meta("describe_tools", names=[name])) == {"tools": [], "unknown": [name]}

    async def test_a_quarantined_tool_is_not_described(self, bench: Bench) -> None:
        assert told(await bench.meta("describe_tools", names=["kit__read"]))["tools"] != []
        await bench.quarantine()
        assert told(await bench.meta("describe_tools", names=["kit__read"]))["tools"] == []

    async def test_another_tenants_caller_is_told_nothing(self, bench: Bench) -> None:
        eve = Caller(agent("ann", "evil"), "ann")
        assert told(await bench.meta("search_tools", eve, query="read")) == {"tools": []}
        assert told(await bench.meta("describe_tools", eve, names=["kit__read"]))["tools"] == []

    @pytest.mark.parametrize(
        ("name", "arguments", "part"),
        [
            ("search_tools", {}, "`query`"),
            ("search_tools", {"query": ""}, "`query`"),
            ("search_tools", {"query": "   "}, "`query`"),
            ("search_tools", {"query": 7}, "`query`"),
            ("search_tools", {"query": "x" * 2001}, "`query`"),
            ("search_tools", {"query": "x", "limit": 0}, "`limit`"),
            ("search_tools", {"query": "x", "limit": 21}, "`limit`"),
            ("search_tools", {"query": "x", "limit": True}, "`limit`"),
            ("search_tools", {"query": "x", "limit": "5"}, "`limit`"),
            ("search_tools", {"query": "x", "agent": "bob"}, "'agent'"),
            ("describe_tools", {}, "`names`"),
            ("describe_tools", {"names": []}, "`names`"),
            ("describe_tools", {"names": "kit__read"}, "`names`"),
            ("describe_tools", {"names": ["x"] * 21}, "`names`"),
            ("describe_tools", {"names": [7]}, "`names`"),
            ("describe_tools", {"names": ["x" * 301]}, "`names`"),
            ("describe_tools", {"names": ["x"], "all": True}, "'all'"),
        ],
    )
    async def test_wrong_arguments_are_an_answer_that_says_why(
        self, bench: Bench, name: str, arguments: dict[str, Any], part: str
    ) -> None:
        result = await bench.meta(name, **arguments)
        assert result.is_error
        assert part in result.text
        assert bench.opened == []

    def test_a_long_description_is_cut_at_a_sentence_or_a_word(self) -> None:
        sentence = "It does one thing and does it well, so that nobody has to. "
        assert meta.gist(sentence * 5) == sentence.strip()
        assert meta.gist("word " * 100).endswith("word…")
        assert len(meta.gist("word " * 100)) <= 160
        assert meta.gist("  Short\n one. ") == "Short one."
