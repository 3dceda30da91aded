"""A session with a tool server over MCP's Streamable HTTP.

Each message is a POST; the answer is JSON or a stream of server-sent events. The session is the `Mcp-Session-Id` that
the server hands out at the handshake. When it has forgotten it, it says 404; when it no longer takes our credentials,
401 or 403. Both mean that it has not run the call, and that this session is of no more use.

Whether a request may have been received is known from our own client (`adapters/http`): until the operating system has
taken its first byte, it has not. Afterwards only an answer that turns the request away before it is acted upon (a
status of `NOT_ACTED_ON`, or a JSON-RPC error of that kind) makes it certain.

Redirects are not followed, cookies not kept, proxies of the environment not used: a request goes where the spec says.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus as Status
from typing import Any

from swarmstead.gateway.adapters import mcp_messages as mcp
from swarmstead.gateway.adapters.http.answers import NOT_ACTED_ON, error_body, read_out
from swarmstead.gateway.adapters.http.errors import BadRequest, Elsewhere, HttpFailed, Refused
from swarmstead.gateway.adapters.http.request import RequestHead, request_head
from swarmstead.gateway.adapters.http.response import Response
from swarmstead.gateway.adapters.http_clients import Clients
from swarmstead.gateway.adapters.mcp_messages import Message, RpcRefused, SessionLost, Ticket
from swarmstead.gateway.adapters.patience import LendingRelay
from swarmstead.gateway.adapters.sse import EventReader
from swarmstead.gateway.adapters.upstream_failures import phrase_of
from swarmstead.gateway.adapters.upstream_limits import UpstreamLimits
from swarmstead.gateway.contract import SUBSCRIPTIONS
from swarmstead.gateway.errors import EGRESS_DENIED
from swarmstead.gateway.offers import Conversation
from swarmstead.gateway.relay import Relay
from swarmstead.gateway.targets import BadTarget, parse_target
from swarmstead.kernel.plain import crowded
from swarmstead.kernel.tasks import seen

_SESSION = "mcp-session-id"
_VERSION = "mcp-protocol-version"
_OURS = frozenset({_SESSION, _VERSION, "accept", "content-type"})
_ASIDE_S = 2.0
_PERSON_S = 360.0  # more than doors give a person, so that the server hears that nobody answered
_BURST, _PAUSE_S = 100, 0.1
_VISIBLE = re.compile(rb"[\x21-\x7e]{1,1000}")
_SOONEST_MS, _LATEST_MS = 100, 10_000


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to reach a server: its address, headers for every request, and values that must not appear in any text."""

    url: str
    headers: Mapping[str, str]
    secrets: Sequence[str] = ()


class HttpSession:
    """One MCP session over HTTP. Satisfies `mcp_messages.Session`."""

    def __init__(
        self, endpoint: Endpoint, clients: Clients, limits: UpstreamLimits, conversation: Conversation
    ) -> None:
        self.conversation = conversation
        self._endpoint = endpoint
        self._client = clients.calls
        self._listening = clients.listening
        self._listeners: list[Relay] = []
        self._hearing: asyncio.Task[None] | None = None
        self._heard = asyncio.Event()
        self._limits = limits
        self._session_id = ""
        self._had_id = False
        self._version = ""
        self._head: RequestHead | None = None
        self._next_id = 0
        self._ready = False
        self._aside: set[asyncio.Task[None]] = set()

    @property
    def nameless(self) -> bool:
        """Whether the server gave it no id, which one that is started anew would not know."""
        return not self._had_id

    @property
    def usable(self) -> bool:
        """Whether the handshake is done, and neither session nor credentials were turned away since."""
        return self._ready

    @property
    def version(self) -> str:
        """The version of MCP that was agreed; '' before."""
        return self._version

    async def start(self) -> None:
        """Shake hands. Fails: SessionLost, RpcRefused."""
        message = mcp.call(self._new_id(), "initialize", mcp.handshake())
        self._version = mcp.agreed_version(await self._exchange(message, Ticket()))
        await self._tell(mcp.notification("notifications/initialized"))
        self._ready = True

    async def request(
        self, method: str, params: Mapping[str, Any], ticket: Ticket, relay: Relay | None = None
    ) -> Message:
        """The result of one request. Fails: SessionLost, RpcRefused."""
        request_id = self._new_id()
        try:
            return await self._exchange(mcp.call(request_id, method, params), ticket, relay)
        except asyncio.CancelledError:
            if ticket.sent:
                self._do_aside(lambda: self._tell(mcp.cancelled(request_id)))
            raise

    async def listen(self, wanted: Mapping[str, Any], relay: Relay, ready: Callable[[], None]) -> None:
        """One stream of the session serves all who listen. Fails: SessionLost, RpcRefused."""
        self._listeners.append(relay)
        try:
            for uri in wanted.get(SUBSCRIPTIONS) or ():
                with suppress(RpcRefused):  # it has no such resource, or never tells
                    await self.request("resources/subscribe", {"uri": uri}, Ticket())
            if self._hearing is None:
                self._heard.clear()
                self._hearing = asyncio.create_task(self._hear())
                self._hearing.add_done_callback(seen)
            hearing = self._hearing
            opened = asyncio.create_task(self._heard.wait())
            await asyncio.wait([opened, hearing], return_when=asyncio.FIRST_COMPLETED)
            opened.cancel()
            ready()
            await asyncio.wait([hearing])  # unlike `await hearing`, this leaves it to the others when we are cancelled
            if not hearing.cancelled():
                hearing.result()
        finally:
            self._listeners.remove(relay)
            if not self._listeners and self._hearing is not None:
                self._hearing.cancel()

    async def _hear(self) -> None:
        try:
            response = await self._listening.send(self._head_of("GET"))
            try:
                if response.status != Status.OK or "text/event-stream" not in response.header("content-type"):
                    return  # it tells nothing on its own
                self._heard.set()
                async with aclosing(self._events(response, EventReader(), endless=True)) as messages:
                    async for message in messages:
                        self._take_unasked(message)
            finally:
                response.close()
        except HttpFailed as error:
            raise lost(error) from error
        finally:
            self._hearing = None

    def _take_unasked(self, message: Message) -> None:
        notice = mcp.on_its_own(message)
        if notice is not None:
            self.conversation.hear(notice[0])
            for relay in tuple(self._listeners):
                relay.notify(*notice)
        elif (reply := mcp.reply_to(message)) is not None:
            self._do_aside(partial(self._tell, reply))

    async def aclose(self) -> None:
        """Tell the server that the session is over. The connections belong to the pool."""
        self._ready = False
        if self._hearing is not None:
            self._hearing.cancel()
        for task in self._aside:
            task.cancel()
        await asyncio.gather(*self._aside, return_exceptions=True)
        if self._session_id:
            await _briefly(self._delete, _ASIDE_S)

    def trouble(self) -> str:
        """Nothing: what a server has to say comes with its answers."""
        return ""

    async def _delete(self) -> None:
        (await self._client.send(self._head_of("DELETE"))).close()

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id

    async def _exchange(self, message: Message, ticket: Ticket, relay: Relay | None = None) -> Message:
        body = mcp.encode(message, self._limits.max_message_bytes)
        try:
            response = await self._client.send(self._head_for(message, ticket.headers), body, ticket)
            try:
                await self._turned_away(response, ticket)
                if message["method"] == "initialize":
                    self._session_id, self._head = response.header(_SESSION), None
                    self._had_id = self._session_id != ""
                result = mcp.result_of(await self._answer(response, message["id"], relay))
            except BaseException:
                response.close()
                raise
        except HttpFailed as error:
            raise lost(error) from error
        if not response.complete and not self._do_aside(lambda: read_out(response)):
            response.close()
        return result

    async def _answer(self, response: Response, request_id: int, relay: Relay | None) -> Message:
        """The response to our request. Fails: SessionLost, HttpFailed."""
        kind = response.header("content-type").partition(";")[0].strip().lower()
        if kind == "application/json":
            message = self._decoded(await response.read(self._limits.max_message_bytes))
            if self._is_answer(message, request_id, relay):
                return message
        elif kind == "text/event-stream":
            return await self._in_stream(response, request_id, relay)
        else:
            raise SessionLost(f"it answered with {self._words(kind)!r}, which is not MCP")
        raise SessionLost("it ended its answer without the result")

    async def _in_stream(self, response: Response, request_id: int, relay: Relay | None) -> Message:
        """The response in a stream, which is taken up again where it ends early and the server has given it ids."""
        reader, current = EventReader(), response
        way = None if relay is None else LendingRelay(relay, response)
        try:
            while True:
                try:
                    async with aclosing(self._events(current, reader)) as messages:
                        async for message in messages:
                            if self._is_answer(message, request_id, way):
                                return message
                except HttpFailed:
                    if not reader.last_id:
                        raise
                if current is not response:
                    current.close()
                current = await self._rest(reader, way)
        finally:
            if current is not response:
                current.close()

    async def _rest(self, reader: EventReader, way: LendingRelay | None) -> Response:
        """The rest of a stream, a moment later. Fails: SessionLost, RpcRefused."""
        last_id = reader.last_id
        if not _VISIBLE.fullmatch(last_id):
            raise SessionLost("it ended its answer without the result")
        if way is not None:
            way.hang_up()
        await asyncio.sleep(min(max(reader.retry_ms, _SOONEST_MS), _LATEST_MS) / 1000)
        try:
            response = await self._client.send(self._head_of("GET", {"last-event-id": last_id.decode()}))
        except HttpFailed as error:
            raise SessionLost(f"it ended its answer without the result, and {error} when asked for the rest") from error
        try:
            await self._turned_away(response, Ticket())
        except BaseException:
            response.close()
            raise
        if way is not None:
            way.goes_on_in(response)
        return response

    def _is_answer(self, message: Message, request_id: int, relay: Relay | None) -> bool:
        """Whether this is the response to our request; what the server tells and asks meanwhile is passed on."""
        if mcp.is_answer(message) and message.get("id") == request_id:
            return True
        if mcp.on_its_own(message) is not None:
            self._take_unasked(message)
        elif relay is not None and (notice := mcp.told(message)) is not None:
            relay.notify(*notice)
        elif relay is not None and mcp.asks(message):
            self._do_aside(partial(self._pass_on, message, relay), _PERSON_S)
        elif (reply := mcp.reply_to(message)) is not None:
            self._do_aside(partial(self._tell, reply))
        return False

    async def _pass_on(self, message: Message, relay: Relay) -> None:
        await self._tell(await mcp.answered(message, relay))

    def _head_for(self, message: Message, more: Mapping[str, str]) -> RequestHead:
        """The head of the request that carries a message: here the same for all."""
        del message, more
        if self._head is None:
            self._head = self._head_of("POST")
        return self._head

    def _head_of(self, method: str, more: Mapping[str, str] | None = None) -> RequestHead:
        """What every request of this session begins with. Fails: BadRequest."""
        try:
            target = parse_target(self._endpoint.url)
        except BadTarget as error:
            raise BadRequest(f"its address is not a valid http or https address: {error.problem}") from error
        # No spec can take the place of what the protocol needs.
        headers = {name: value for name, value in self._endpoint.headers.items() if name.lower() not in _OURS}
        headers |= {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        headers |= {name: value for name, value in ((_SESSION, self._session_id), (_VERSION, self._version)) if value}
        return request_head(target, method, {**headers, **(more or {})})

    async def _turned_away(self, response: Response, ticket: Ticket) -> None:
        """Return when the answer is worth reading. Fails: SessionLost, RpcRefused."""
        status = response.status
        if status == Status.OK:
            return
        if status in NOT_ACTED_ON:
            ticket.sent = False
        forgotten = status == Status.NOT_FOUND and self._had_id
        if status in {Status.UNAUTHORIZED, Status.FORBIDDEN} or forgotten:
            self._ready = False
            self._session_id, self._head = "", None  # not ours to end
        if response.header("location"):
            raise SessionLost(f"it answered with a redirect (HTTP {status}), which is not followed")
        answer = mcp.decode(await error_body(response), self._endpoint.secrets)
        if answer is not None and isinstance(answer.get("error"), dict) and not forgotten:
            mcp.result_of(answer)
        raise SessionLost(f"it answered HTTP {status} {phrase_of(status)}".rstrip(), spoke=True)

    async def _events(
        self, response: Response, reader: EventReader, *, endless: bool = False
    ) -> AsyncGenerator[Message]:
        """JSON-RPC messages in a stream of server-sent events. Fails: SessionLost, HttpFailed.

        An answer is bounded as a whole; of what is endless, each event, and how fast they are taken.
        """
        size, cap, told = 0, self._limits.max_message_bytes, 0
        async for chunk in response.chunks():
            size += len(chunk)
            if size > cap:
                raise SessionLost(f"its answer has more than {cap} bytes")
            for data in reader.feed(chunk):
                size = 0 if endless else size
                if data.strip():  # an event that only carries an id has no message
                    told += 1
                    if endless and told % _BURST == 0:
                        await asyncio.sleep(_PAUSE_S)
                    elif not endless and told > self._limits.max_told:
                        raise SessionLost(f"it told more than {self._limits.max_told} things and did not answer")
                    yield self._decoded(data)

    async def _tell(self, message: Message) -> None:
        """Send a message that has no answer."""
        body = mcp.encode(message, self._limits.max_message_bytes)
        try:
            response = await self._client.send(self._head_for(message, {}), body)
        except HttpFailed as error:
            raise lost(error) from error
        response.close()
        if (status := response.status) not in {Status.OK, Status.ACCEPTED, Status.NO_CONTENT}:
            raise SessionLost(f"it answered HTTP {status} to a notification")

    def _do_aside(self, work: Callable[[], Awaitable[None]], within_s: float = _ASIDE_S) -> bool:
        """Courtesies: tried once, briefly, and nobody waits for them. False where there are too many under way."""
        if len(self._aside) >= self._limits.max_aside:
            return False
        task = asyncio.create_task(_briefly(work, within_s))
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)
        return True

    def _decoded(self, data: bytes) -> Message:
        if crowded(data):
            raise SessionLost("its answer holds too many values")
        message = mcp.decode(data, self._endpoint.secrets)
        if message is None:
            raise SessionLost("it answered with something that is not JSON-RPC")
        return message

    def _words(self, text: str) -> str:
        return mcp.clean(text, self._endpoint.secrets)


async def _briefly(work: Callable[[], Awaitable[None]], within_s: float) -> None:
    with suppress(SessionLost, HttpFailed, OSError, ValueError):  # OSError: TimeoutError too
        async with asyncio.timeout(within_s):
            await work()


def lost(error: HttpFailed) -> SessionLost:
    """A failure of the wire as a session's."""
    code = EGRESS_DENIED if isinstance(error, Refused) else ""
    return SessionLost(str(error), code=code, elsewhere=isinstance(error, Elsewhere))
