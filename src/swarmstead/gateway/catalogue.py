"""Tool definitions as the servers give them: classed, held against their pins, with their contracts compiled once."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from swarmstead.gateway.contract import ServerRef, Tool, ToolServerSpec
from swarmstead.gateway.model import tool_from
from swarmstead.gateway.pins.handlers import Seen, topic
from swarmstead.gateway.pins.keeper import Pins
from swarmstead.gateway.pins.model import Status, problem_of
from swarmstead.gateway.ports import Upstream
from swarmstead.gateway.schemas.compiled import Contract, contract_of
from swarmstead.gateway.schemas.limits import ContractLimits
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.hashing import canonical_json
from swarmstead.storage.signals import EVERYTHING

_LIFE_MS = 60_000
_MAX_TOOLS = 2_000
_MOST_SERVERS = 512
_LONGEST_NAME = 200
_UNCLASSED = "Nobody has said what it may do, so its calls are denied: name it in spec.risk as read, write or danger."
_BROKEN = "sha256:"  # no definition has this hash
Tools = Mapping[str, "Listed"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A tool with its contract. `tool.state` says whether it may be called."""

    tool: Tool
    contract: Contract


class Catalogue:
    """Definitions per server and folder, asked for again after a minute, and at once when a person decides about one.

    Cost: a hit is a dictionary look-up; a miss is one `tools/list` (and, for stdio, the start of a process), one read
    of the pins, and the compiling of what has changed, off the event loop. At most `_MOST_SERVERS` lists are kept.
    """

    def __init__(self, upstream: Upstream, clock: Clock, pins: Pins, limits: ContractLimits) -> None:
        self._upstream = upstream
        self._clock = clock
        self._pins = pins
        self._limits = limits
        self._kept: OrderedDict[tuple[str, ...], tuple[int, Tools]] = OrderedDict()
        self._loading: dict[tuple[str, ...], asyncio.Task[Tools]] = {}
        self._lock = threading.Lock()

    async def tools(self, server: ServerRef) -> Tools:
        """All tools of a server by name, those that may not be called too. Fails: UpstreamFailed, storage.errors."""
        key = server.definition
        kept = self._kept.get(key)
        if kept is not None and kept[0] > self._clock.now_ms():
            return kept[1]
        loading = self._loading.get(key)
        if loading is None:
            loading = self._loading[key] = asyncio.create_task(self._load(server, kept[1] if kept else {}))
            loading.add_done_callback(lambda task: self._loaded(key, task))
        return await asyncio.shield(loading)  # who is cut off does not take it from those who wait as well

    def forget(self, heard: str) -> None:
        """A signal watcher: `tools:TENANT` makes that tenant's lists be asked for, and held against the pins, again."""
        if heard == EVERYTHING:
            self._drop(lambda _: True)
        elif heard.startswith("tools:"):
            self._drop(lambda key: topic(key[0]) == heard)

    def outdated(self, server: ServerRef) -> None:
        """Its tools have changed, it says: ask for them again."""
        self._drop(lambda key: key == server.definition)

    def _drop(self, wanted: Callable[[tuple[str, ...]], bool]) -> None:
        """Whoever asks from now on is given what is read from now on, not what is on its way already."""
        with self._lock:
            for key in filter(wanted, list(self._kept)):
                del self._kept[key]
            for key in filter(wanted, list(self._loading)):
                self._loading.pop(key, None)

    def _loaded(self, key: tuple[str, ...], task: asyncio.Task[Tools]) -> None:
        if self._loading.get(key) is task:
            del self._loading[key]
        if not task.cancelled():
            task.exception()  # taken note of: those who wait are told by their own await

    async def _load(self, server: ServerRef, before: Tools) -> Tools:
        definitions = (await self._upstream.list_tools(server))[:_MAX_TOOLS]
        made = await asyncio.to_thread(_made, server, definitions, before, self._limits)
        seen = {name: Seen(one.tool.schema_hash, one.tool.definition) for name, one in made.items() if _pinnable(one)}
        pinned: Mapping[str, Status] = await self._pins.check(server, seen) if seen else {}
        found = {name: _judged(one, pinned.get(name)) for name, one in made.items()}
        with self._lock:
            if self._loading.get(server.definition) is asyncio.current_task():  # else something was decided meanwhile
                self._kept[server.definition] = (self._clock.now_ms() + _LIFE_MS, found)
                self._kept.move_to_end(server.definition)
                while len(self._kept) > _MOST_SERVERS:
                    self._kept.popitem(last=False)
        return found


def _made(server: ServerRef, definitions: Sequence[Mapping[str, Any]], before: Tools, limits: ContractLimits) -> Tools:
    made: dict[str, Listed] = {}
    for definition in definitions:
        tool, problem = _tool(server.name, server.spec, definition, limits)
        known = before.get(tool.name)
        if known is not None and known.tool.schema_hash == tool.schema_hash and known.tool.risk == tool.risk:
            made[tool.name] = Listed(tool, known.contract)
        else:
            made[tool.name] = Listed(tool, contract_of(tool, limits, problem))
    return made


def _tool(server: str, spec: ToolServerSpec, definition: Mapping[str, Any], limits: ContractLimits) -> tuple[Tool, str]:
    """The tool, and why it cannot be used at all; '' if it can."""
    name = str(definition.get("name", ""))
    shown = "".join(sign if sign.isprintable() else "\ufffd" for sign in name)[:_LONGEST_NAME]
    broken = Tool(server, shown, "", {}, None, "unknown", idempotent=False, schema_hash=_BROKEN)
    if name != shown or not name:
        return broken, f"Its name is empty, longer than {_LONGEST_NAME} characters, or has signs that cannot be shown."
    if not isinstance(definition.get("inputSchema") or {}, Mapping):
        return broken, "The schema of its arguments is no JSON object."
    try:
        size = len(canonical_json(dict(definition)))
        tool = tool_from(server, spec, definition)
    except (ValueError, RecursionError, TypeError):
        return broken, "Its definition holds what JSON cannot carry, or is nested too deep."
    if size > limits.definition_bytes:
        return broken, f"Its definition has {size:,} bytes; at most {limits.definition_bytes:,} are read."
    return tool, ""


def _pinnable(listed: Listed) -> bool:
    return listed.tool.schema_hash != _BROKEN


def _judged(listed: Listed, status: Status | None) -> Listed:
    """With its state: a pin that does not fit comes first, for it is what a person has to look at."""
    tool, contract = listed.tool, listed.contract
    warnings = (_UNCLASSED, *contract.warnings) if tool.risk == "unknown" else contract.warnings
    waits = problem_of(status, tool.schema_hash) if _pinnable(listed) else ""
    if waits:
        return Listed(replace(tool, state="quarantined", problem=waits, warnings=warnings), contract)
    if contract.problem:
        return Listed(replace(tool, state="unusable", problem=contract.problem), contract)
    return Listed(replace(tool, warnings=warnings), contract) if warnings else listed
