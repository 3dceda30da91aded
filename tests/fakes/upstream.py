"""Tool servers inside the test's own process: a `gateway.ports.Upstream` that a test can look into, hold and break.

For tests of what stands before the upstream. The real ones are put to the test in `tests/ports/test_upstreams*.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from swarmstead.gateway.contract import CallResult, ServerRef
from swarmstead.gateway.errors import UpstreamFailed, UpstreamRefused, UpstreamUnknown
from swarmstead.gateway.health import SessionState
from swarmstead.gateway.offers import TOOLS_CHANGED, Conversation, Listing, Vet
from swarmstead.gateway.relay import Relay

WRITE = {"readOnlyHint": False, "destructiveHint": False}


def tool(name: str, annotations: Mapping[str, Any] | None = None, /, **properties: Any) -> dict[str, Any]:
    """An MCP tool definition; each property is required."""
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": sorted(properties),
    }
    found = {"name": name, "description": f"To {name}.", "inputSchema": schema}
    return found if annotations is None else found | {"annotations": dict(annotations)}


TEXT = {"type": "string"}
TOOLS: tuple[dict[str, Any], ...] = (
    tool("read", {"readOnlyHint": True}, name=TEXT),
    tool("look", {"readOnlyHint": True}, line=TEXT),
    tool("put", WRITE | {"idempotentHint": True}, name=TEXT),
    tool("append", WRITE, line=TEXT),
    tool("wipe", {"readOnlyHint": False, "destructiveHint": True}),
    tool("note", None, line=TEXT),
)


@dataclass(frozen=True)
class Called:
    """A call as it came."""

    server: ServerRef
    tool: str
    arguments: Mapping[str, Any]
    key: str
    timeout_s: float
    expect: Mapping[str, Any] | None = None
    traceparent: str = ""


@dataclass
class Hold:
    """A call that waits in the upstream until `release`; `cut` is set when its caller does not wait for it any more."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    cut: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        """Let it go on."""
        self.released.set()


class FakeUpstream:
    """Answers every tool; `lines` is what `append` has done."""

    def __init__(self) -> None:
        self.tools: list[dict[str, Any]] = list(TOOLS)
        self.down = ""
        self.calls: list[Called] = []
        self.lines: list[str] = []
        self.lists: dict[str, list[Mapping[str, Any]]] = {}
        self.fetched: dict[str, Mapping[str, Any]] = {}
        self.fetches: list[tuple[ServerRef, str, Mapping[str, Any]]] = []
        self.relay: Relay | None = None
        self.listeners: list[tuple[ServerRef, Mapping[str, Any], Relay]] = []
        self.answers: dict[str, CallResult] = {}
        self.losing: dict[str, int] = {}
        self.refusing: set[str] = set()
        self.flaky: dict[str, int] = {}
        self.rejecting: set[str] = set()
        self.during: Callable[[Called], Awaitable[None]] | None = None
        self.looks = 0
        self._conversations: dict[tuple[object, ...], Conversation] = {}
        self._changed: Callable[[ServerRef], None] = lambda _: None
        self._holds: dict[str, Hold] = {}
        self._held: list[Hold] = []

    def hold(self, name: str) -> Hold:
        """Hold the next call of a tool, before it has any effect."""
        self._holds[name] = Hold()
        return self._holds[name]

    def release_all(self) -> None:
        """Let everything go on that is held."""
        for hold in self._held:
            hold.release()

    def called(self, name: str) -> int:
        """How often a tool was called."""
        return sum(call.tool == name for call in self.calls)

    def watch(self, changed: Callable[[ServerRef], None]) -> None:
        """Call it when a test says that tools have changed."""
        self._changed = changed

    def tell_changed(self) -> None:
        """Every session hears that tools have changed, and so do those who listen."""
        for conversation in self._conversations.values():
            conversation.hear(TOOLS_CHANGED)
        for _, _, relay in self.listeners:
            relay.notify(TOOLS_CHANGED, {})

    def restart(self) -> None:
        """All sessions end."""
        self._conversations.clear()

    def conversation(self, server: ServerRef) -> Conversation | None:
        """The session, if a list or a call has begun one."""
        return self._conversations.get(server.key)

    def _begun(self, server: ServerRef) -> Conversation:
        made = Conversation(changed=lambda: self._changed(server))
        return self._conversations.setdefault(server.key, made)

    async def list_tools(self, server: ServerRef) -> Listing:
        """The definitions, the same for every server."""
        if self.down:
            raise UpstreamFailed(self.down)
        self.looks += 1
        conversation = self._begun(server)
        return Listing(conversation, conversation.doubts, list(self.tools))

    async def list_all(self, server: ServerRef, method: str) -> list[Mapping[str, Any]]:
        """The items of `lists`, the same for every server."""
        if self.down:
            raise UpstreamFailed(self.down)
        return list(self.lists.get(method, []))

    async def fetch(
        self, server: ServerRef, method: str, params: Mapping[str, Any], *, timeout_s: float, relay: Relay | None = None
    ) -> Mapping[str, Any]:
        """What `fetched` has for the method."""
        self.fetches.append((server, method, params))
        if self.down:
            raise UpstreamFailed(self.down)
        return self.fetched.get(method, {})

    async def listen(
        self, server: ServerRef, wanted: Mapping[str, Any], relay: Relay, ready: Callable[[], None]
    ) -> None:
        """Tell nothing but what a test has it tell through `listeners`."""
        self.listeners.append((server, wanted, relay))
        try:
            ready()
            await asyncio.Event().wait()
        finally:
            self.listeners.remove((server, wanted, relay))

    async def call_tool(
        self,
        server: ServerRef,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        vet: Vet,
        key: str,
        timeout_s: float,
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        relay: Relay | None = None,
        expect: Mapping[str, Any] | None = None,
        traceparent: str = "",
    ) -> CallResult:
        """Act, and answer. `refusing` tools do neither, and `flaky` ones do so at first.

        `losing` ones act so often without an answer. `rejecting` ones are those that the server says it does not take.
        """
        if (look := vet(self._begun(server))) is not None:
            await look
        self.relay = relay
        call = Called(server, tool, arguments, key, timeout_s, expect, traceparent)
        self.calls.append(call)
        if self.during is not None:
            await self.during(call)
        if (hold := self._holds.pop(tool, None)) is not None:
            await self._wait(hold)
        if tool in self.rejecting:
            raise UpstreamRefused(f"The tool server {server.name!r} did not take the call.", way_out="Mend it.")
        if tool in self.refusing or self.flaky.get(tool, 0) > 0:
            self.flaky[tool] = self.flaky.get(tool, 0) - 1
            raise UpstreamFailed(f"The tool server {server.name!r} did not take the call.", way_out="Try again.")
        if tool == "append":
            self.lines.append(arguments["line"])
        if self.losing.get(tool, 0) > 0:
            self.losing[tool] -= 1
            raise UpstreamUnknown("The call was sent, and no usable answer came.", way_out="Check.")
        return self.answers.get(tool) or text(f"{tool} {' '.join(map(str, arguments.values()))}".strip())

    async def _wait(self, hold: Hold) -> None:
        hold.reached.set()
        self._held.append(hold)
        try:
            await hold.released.wait()
        except asyncio.CancelledError:
            hold.cut.set()
            raise

    def sessions(self, tenant: str) -> list[SessionState]:
        """None: nothing here is a session."""
        return []

    async def aclose(self) -> None:
        """Nothing to close."""


def text(words: str, *, structured: Mapping[str, Any] | None = None, is_error: bool = False) -> CallResult:
    """A tool's answer."""
    return CallResult(({"type": "text", "text": words},), structured, is_error)
