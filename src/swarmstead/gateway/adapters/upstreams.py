"""Sessions with tool servers, pooled: the gateway's `Upstream`.

One session per server, settings and folder, started by the first call that needs it and used by all that follow. A
session that fails is started anew by the next call; after repeated failures the next start has to wait a while, and
calls fail at once meanwhile. A start goes on when the call that caused it gives up, so a slow program comes up at all.

Every failure is one of two things. UpstreamFailed: it is certain that the call did not start. UpstreamUnknown: it may
have happened. A call is sent again only when the first is certain and its session turned out to be over: its program
had ended, or the server had forgotten it or no longer took its credentials, which are then looked up afresh. Once;
where its connections were closed between the look at its tools and the call, after another look.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from swarmstead.gateway.adapters import mcp_messages as mcp
from swarmstead.gateway.adapters.mcp_messages import RpcRefused, Session, SessionLost, Ticket
from swarmstead.gateway.adapters.mcp_stdio import StdioSession
from swarmstead.gateway.adapters.patience import PatientRelay
from swarmstead.gateway.adapters.upstream_failures import failure, start_failure
from swarmstead.gateway.adapters.upstream_limits import UpstreamLimits
from swarmstead.gateway.adapters.upstream_line import Line, hear
from swarmstead.gateway.adapters.upstream_lists import all_pages
from swarmstead.gateway.adapters.upstream_programs import program_of, resolved
from swarmstead.gateway.adapters.upstream_room import giving_way
from swarmstead.gateway.contract import CallResult, ServerRef
from swarmstead.gateway.egress import Egress
from swarmstead.gateway.errors import NoSession, UpstreamFailed, UpstreamRefused, UpstreamUnknown
from swarmstead.gateway.health import SessionState
from swarmstead.gateway.offers import Conversation, Listing, Vet
from swarmstead.gateway.ports import Resolver
from swarmstead.gateway.relay import Relay
from swarmstead.kernel.errors import SteadError
from swarmstead.kernel.tasks import seen
from swarmstead.telemetry.contract import TRACEPARENT

if TYPE_CHECKING:
    from swarmstead.gateway.adapters.http_clients import Clients  # imported with the first HTTP server, not before

log = logging.getLogger(__name__)
T = TypeVar("T")
Ask = Callable[[Session, Ticket], Awaitable[T]]

_NO_HEADERS: Mapping[str, str] = {}
_TRIES = 3


class Upstreams:
    """Satisfies `gateway.ports.Upstream`. Belongs to one event loop; `clock` counts seconds and never goes back.

    `egress` says where HTTP may go (without it: public hosts over https); `resolver` looks names up.
    """

    def __init__(
        self,
        limits: UpstreamLimits | None = None,
        *,
        egress: Egress | None = None,
        resolver: Resolver | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits or UpstreamLimits()
        self._egress = egress or Egress()
        self._resolver = resolver
        self._clock = clock
        self._lines: dict[object, Line] = {}
        self._clients: Clients | None = None
        self._reaper: asyncio.Task[None] | None = None
        self._closed = False
        self._changed: Callable[[ServerRef], None] = lambda _: None

    def watch(self, changed: Callable[[ServerRef], None]) -> None:
        """Have `changed` called when a server says that its tools have changed."""
        self._changed = changed

    def conversation(self, server: ServerRef) -> Conversation | None:
        """The session that a call would go out in now."""
        line = self._lines.get(server.key)
        session = None if line is None else line.session
        return session.conversation if session is not None and session.usable else None

    async def list_tools(self, server: ServerRef) -> Listing:
        """All tool definitions as the server gives them, every page. Fails: UpstreamFailed."""

        async def ask(session: Session, ticket: Ticket) -> Listing:
            of, doubts = session.conversation, session.conversation.doubts
            ticket.era = 0 if session.nameless else None
            found = await self._list("tools/list", session, ticket)
            return Listing(of, doubts + of.moved(ticket.era), found, ticket.era)

        return await self._harmless(server, self._list_s, ask, proves=False)

    async def list_all(self, server: ServerRef, method: str) -> list[Mapping[str, Any]]:
        """All items of another list, every page; none where the server has no such list. Fails: UpstreamFailed."""

        async def ask(session: Session, ticket: Ticket) -> list[Mapping[str, Any]]:
            try:
                return await self._list(method, session, ticket)
            except RpcRefused as error:
                if error.code == mcp.METHOD_NOT_FOUND:
                    return []
                raise

        return await self._harmless(server, self._list_s, ask)

    async def fetch(
        self, server: ServerRef, method: str, params: Mapping[str, Any], *, timeout_s: float, relay: Relay | None = None
    ) -> Mapping[str, Any]:
        """What changes nothing: its result as it came. Fails: UpstreamFailed."""
        way = None if relay is None else PatientRelay(relay)
        return await self._harmless(server, timeout_s, lambda s, ticket: s.request(method, params, ticket, way), way)

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
        """Call once, within `timeout_s` seconds, a start included. Fails: UpstreamFailed, UpstreamUnknown."""
        meta: dict[str, Any] = {mcp.IDEMPOTENCY_KEY: key} | ({"progressToken": key} if relay else {})
        if expect is not None:
            meta[mcp.EXPECT] = dict(expect)
        if traceparent:
            meta[TRACEPARENT] = traceparent
        params = {**(more or {}), "name": tool, "arguments": dict(arguments), "_meta": meta}
        way = None if relay is None else PatientRelay(relay)

        async def ask(session: Session, ticket: Ticket) -> CallResult:
            talk = session.conversation
            look, era = vet(talk), talk.era
            if look is not None:
                if (found := await look).conversation is not talk:
                    raise SessionLost("its session ended while its tools were looked at")
                era = found.era if talk.kept else None
            ticket.era, ticket.headers = era, headers or _NO_HEADERS
            result = mcp.call_result(await session.request("tools/call", params, ticket, way))
            talk.kept = talk.kept or era is not None
            return result

        return await self._use(server, timeout_s, ask, way)

    async def listen(
        self, server: ServerRef, wanted: Mapping[str, Any], relay: Relay, ready: Callable[[], None]
    ) -> None:
        """Pass on what the server tells on its own, until cancelled, or it turns out that it never does.

        A program is not started for it: what does not run has nothing to tell. Fails: UpstreamFailed.
        """
        line = self._line(server)
        line.listeners.append(relay)
        try:
            if server.spec.transport == "stdio":
                ready()
                await asyncio.Event().wait()
            await self._listen(server, line, wanted, relay, ready)
        finally:
            line.listeners.remove(relay)

    async def _listen(
        self,
        server: ServerRef,
        line: Line,
        wanted: Mapping[str, Any],
        relay: Relay,
        ready: Callable[[], None],
    ) -> None:
        pause = self._limits.backoff_base_s
        while True:
            began = self._clock()
            try:
                await hear(line, await self._session(line, server), wanted, relay, ready)
            except NoSession as error:
                log.debug("not listening to %s for now: %s", server.name, error)
            except RpcRefused as error:
                words = f"it refused: {mcp.clean(str(error), line.secrets)} (code {error.code})"
                raise failure(server, Ticket(), words) from error
            except SessionLost as error:
                log.debug("listening to %s: %s", server.name, error)
            else:
                if self._clock() - began < self._limits.backoff_base_s:
                    return  # it has ended the stream at once, or does not offer any
            if self._clock() - began > self._limits.backoff_max_s:
                pause = self._limits.backoff_base_s
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._limits.backoff_max_s)

    def sessions(self, tenant: str) -> list[SessionState]:
        """How the sessions with a tenant's servers stand now."""
        now = self._clock()
        return [line.state(now) for line in self._lines.values() if line.server.tenant == tenant]

    async def reap_idle(self) -> int:
        """End the sessions that nobody has used for `idle_s`; how many there were. Runs by itself now and then."""
        long_ago = self._clock() - self._limits.idle_s
        return await self._drop([key for key, line in self._lines.items() if line.idle and line.last_used <= long_ago])

    async def aclose(self) -> None:
        """End all sessions and the programs that we started. Calls under way fail; later ones too."""
        self._closed = True
        tasks = [line.starting for line in self._lines.values() if line.starting is not None]
        if self._reaper is not None:
            tasks.append(self._reaper)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._drop(list(self._lines))
        if self._clients is not None:
            await self._clients.aclose()

    @property
    def _list_s(self) -> float:
        return self._limits.start_timeout_s + self._limits.list_timeout_s

    async def _harmless(
        self, server: ServerRef, timeout_s: float, ask: Ask[T], way: PatientRelay | None = None, *, proves: bool = True
    ) -> T:
        """As `_use`, for what can be asked again. Fails: UpstreamFailed."""
        try:
            return await self._use(server, timeout_s, ask, way, proves=proves)
        except UpstreamUnknown as error:
            raise UpstreamFailed(error.message, way_out="Try again.", fault=error.fault) from error

    async def _use(
        self, server: ServerRef, timeout_s: float, ask: Ask[T], way: PatientRelay | None = None, *, proves: bool = True
    ) -> T:
        """Put one question to a server, and say what a failure means. The time that its client is asked in is free.

        `proves`: an answer shows that it works. A list does not: one that dies of each call is listed anew each time.
        """
        ticket, line = Ticket(), self._line(server)
        line.calls += 1
        try:
            async with asyncio.timeout(timeout_s) as limit:
                if way is not None:
                    way.beside(limit)
                answer = await self._ask(server, line, ticket, ask)
        except TimeoutError as error:
            trouble = line.session.trouble() if line.session else ""
            line.went(self._clock(), why := f"it took longer than {timeout_s:g} s. {trouble}")
            raise failure(server, ticket, why) from error
        except SessionLost as error:
            line.went(self._clock(), str(error))
            if line.session is not None and not error.spoke:
                line.session.conversation.doubt()  # over HTTP it may be another server that is there again
            raise failure(server, ticket, str(error), error.code) from error
        except RpcRefused as error:
            if error.code in mcp.NOT_STARTED:
                ticket.sent = False
            line.failures = 0
            line.went(self._clock())
            words = f"it refused: {mcp.clean(str(error), line.secrets)} (code {error.code})"
            fault = mcp.fault_of(error, line.secrets)
            raise failure(server, ticket, words, fault=fault, not_started=UpstreamRefused) from error
        else:
            line.failures = 0 if proves else line.failures
            line.went(self._clock())
            return answer
        finally:
            if way is not None:
                way.beside(None)
            line.calls -= 1
            line.last_used = self._clock()

    async def _ask(self, server: ServerRef, line: Line, ticket: Ticket, ask: Ask[T]) -> T:
        """Again where the session was over, or it may be another server; not without end."""
        for tried in range(_TRIES):
            session = await self._session(line, server)
            try:
                return await ask(session, ticket)
            except SessionLost as error:
                if ticket.sent or not (error.elsewhere or (not tried and not session.usable)):
                    raise
                talk = session.conversation
                talk.doubt()
                talk.kept, ticket.era = talk.kept and not tried, None
        raise SessionLost("its connections do not last as long as a look at its tools")

    def _list(self, method: str, session: Session, ticket: Ticket) -> Awaitable[list[Mapping[str, Any]]]:
        return all_pages(method, session, ticket, self._limits)

    def _line(self, server: ServerRef) -> Line:
        if self._reaper is None and not self._closed:
            self._reaper = asyncio.create_task(self._reap_now_and_then())
        key = server.key
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = Line(server)
        return line

    async def _session(self, line: Line, server: ServerRef) -> Session:
        """The line's session, started if need be. Fails: SessionLost."""
        while line.session is None or not line.session.usable:
            if self._closed:
                raise SessionLost("we are shutting down")
            if line.starting is None:
                wait = line.closed_until - self._clock()
                if wait > 0:
                    raise SessionLost(
                        f"it failed {line.failures} times in a row and gets a pause of {wait:.1f} s: {line.why}",
                        code=line.code,
                    )
                if await self._made_room(line):
                    continue
                line.starting = asyncio.create_task(self._start(line, server))
                line.starting.add_done_callback(seen)
            starting = line.starting
            await asyncio.wait([starting])  # unlike `await starting`, this leaves it running when we are cancelled
            if starting.cancelled():
                raise SessionLost("we are shutting down")
            starting.result()
        return line.session

    async def _start(self, line: Line, server: ServerRef) -> None:
        try:
            if line.session is not None:
                await line.session.aclose()
            async with asyncio.timeout(self._limits.start_timeout_s):
                await self._agree(line, await self._make(line, server))
        except Exception as error:  # noqa: BLE001 - what was not foreseen is logged there, and told of this server
            lost = start_failure(line, error, self._limits)
            self._failed(line, str(lost), lost.code)
            raise lost from (None if lost is error else error)
        finally:
            line.starting = None

    async def _agree(self, line: Line, ways: Sequence[Session]) -> None:
        """Shake hands in the first way that the server takes. Fails: SessionLost, RpcRefused."""
        for number, way in enumerate(ways, 1):
            line.session = way
            try:
                return await way.start()
            except (RpcRefused, SessionLost) as error:
                if number == len(ways) or (isinstance(error, SessionLost) and not error.spoke):
                    raise
        return None

    def _failed(self, line: Line, why: str, code: str = "") -> None:
        line.failed(self._clock(), self._limits, why, code)

    async def _make(self, line: Line, server: ServerRef) -> Sequence[Session]:
        """Sessions to try, the best first: over HTTP in the caller's own era of the protocol, then in the other."""
        spec = server.spec
        try:
            given, line.secrets = await asyncio.to_thread(
                resolved, spec.env if spec.transport == "stdio" else spec.headers
            )
        except SteadError as error:
            raise SessionLost(f"a secret that it needs is missing. {error.message} {error.way_out}") from error
        if spec.transport == "stdio":
            program, lost = program_of(server, given, line.secrets), partial(self._failed, line)
            return [StdioSession(program, self._limits, lost, line.tell, self._new(server))]
        from swarmstead.gateway.adapters import mcp_http
        from swarmstead.gateway.adapters.http_clients import make_clients
        from swarmstead.gateway.adapters.mcp_modern import ModernSession

        if self._clients is None:
            self._clients = make_clients(self._limits, self._egress, self._resolver)
        endpoint = mcp_http.Endpoint(spec.url, given, line.secrets)
        legacy = mcp_http.HttpSession(endpoint, self._clients, self._limits, self._new(server))
        modern = ModernSession(endpoint, self._clients, self._limits, self._new(server), bridges=not server.modern)
        return [modern, legacy] if server.modern else [legacy, modern]

    def _new(self, server: ServerRef) -> Conversation:
        return Conversation(changed=lambda: self._changed(server))

    async def _made_room(self, wanting: Line) -> bool:
        """Whether a session had to be ended to stay under the limits. Fails: NoSession when none may be."""
        line = giving_way(wanting, self._lines.values(), self._limits)
        if line is None:
            return False
        if line.listeners:  # they are let in again when there is room
            await line.end()
        else:
            await self._drop([key for key, one in self._lines.items() if one is line])
        return True

    async def _drop(self, keys: Iterable[object]) -> int:
        lines = [self._lines.pop(key) for key in keys]
        ended = [line.end() for line in lines if line.session is not None]
        await asyncio.gather(*ended)
        return len(ended)

    async def _reap_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(max(1.0, self._limits.idle_s / 4))
            await self.reap_idle()
