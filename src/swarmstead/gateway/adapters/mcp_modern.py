"""A tool server over MCP's Streamable HTTP in the era without sessions (2026-07-28).

Each request stands alone: it says in `_meta` which version it speaks and what the client behind us can do, and repeats
method and name in its headers.
"""

import base64
import re
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any, cast

from swarmstead import __version__
from swarmstead.gateway.adapters import mcp_messages as mcp
from swarmstead.gateway.adapters.http.errors import HttpFailed
from swarmstead.gateway.adapters.http.request import RequestHead
from swarmstead.gateway.adapters.http_clients import Clients
from swarmstead.gateway.adapters.mcp_http import Endpoint, HttpSession, lost
from swarmstead.gateway.adapters.mcp_messages import Message, RpcRefused, SessionLost, Ticket
from swarmstead.gateway.adapters.sse import EventReader
from swarmstead.gateway.adapters.upstream_limits import UpstreamLimits
from swarmstead.gateway.errors import RelayRefused
from swarmstead.gateway.offers import Conversation
from swarmstead.gateway.relay import Relay

_NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_PLAIN = re.compile(r"(?!=\?base64\?)[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_CLIENT = {"name": "swarmstead", "title": "Swarmstead", "version": __version__}
_MOST_HEADS = 1000
_MOST_ROUNDS = 10
_INPUT_REQUIRED = "input_required"
_SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
_BY_LISTENING = {"resources/subscribe", "resources/unsubscribe"}


class ModernSession(HttpSession):
    """Satisfies `mcp_messages.Session`; a session in name only.

    `bridges`: the clients behind it are of the era before, and are asked for what the server needs while their call
    waits. Clients of this era are told what it needs, and call again.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        clients: Clients,
        limits: UpstreamLimits,
        conversation: Conversation,
        *,
        bridges: bool = False,
    ) -> None:
        super().__init__(endpoint, clients, limits, conversation)
        self._bridges = bridges

    async def start(self) -> None:
        """Find out whether the server speaks this version. Fails: SessionLost, RpcRefused."""
        self._version = mcp.MODERN
        self._heads: dict[tuple[str, str], RequestHead] = {}
        found = await self.request("server/discover", {}, Ticket())
        versions: Any = found.get("supportedVersions")
        if not isinstance(versions, list) or mcp.MODERN not in cast("list[Any]", versions):
            raise SessionLost(f"it does not speak MCP {mcp.MODERN}")
        self._ready = True

    async def request(
        self, method: str, params: Mapping[str, Any], ticket: Ticket, relay: Relay | None = None
    ) -> Message:
        """The result of one request. Fails: SessionLost, RpcRefused."""
        if method in _BY_LISTENING:  # whoever subscribes in this era says so when it listens
            return {}
        asked = {**params, "_meta": self._meta(params, relay)}
        result = await super().request(method, asked, ticket, relay)
        for number in range(_MOST_ROUNDS if self._bridges and relay is not None else 0):
            if result.get("resultType") != _INPUT_REQUIRED or relay is None:
                break
            ticket.sent = number > 0  # a server that asks at once has not begun
            ticket.era = None  # a person takes longer than connections are kept
            result = await super().request(method, asked | await _supplied(result, relay), ticket, relay)
        return result

    async def listen(self, wanted: Mapping[str, Any], relay: Relay, ready: Callable[[], None]) -> None:
        """A stream of its own for each who listens. Fails: SessionLost, RpcRefused."""
        params = {"notifications": dict(wanted), "_meta": self._meta({}, None)}
        message = mcp.call(self._new_id(), "subscriptions/listen", params)
        body = mcp.encode(message, self._limits.max_message_bytes)
        try:
            response = await self._listening.send(self._head_for(message, {}), body)
            try:
                await self._turned_away(response, Ticket())
                async with aclosing(self._events(response, EventReader(), endless=True)) as messages:
                    async for told in messages:
                        if mcp.is_answer(told):
                            mcp.result_of(told)
                            return
                        ready()  # first of all it acknowledges
                        if (notice := mcp.on_its_own(told)) is not None:
                            self.conversation.hear(notice[0])
                            relay.notify(notice[0], _untagged(notice[1]))
            finally:
                response.close()
        except HttpFailed as error:
            raise lost(error) from error

    def _meta(self, params: Mapping[str, Any], relay: Relay | None) -> dict[str, Any]:
        given: Mapping[str, Any] = params.get("_meta") or {}
        meta: dict[str, Any] = {
            **given,
            "io.modelcontextprotocol/protocolVersion": mcp.MODERN,
            "io.modelcontextprotocol/clientInfo": _CLIENT,
            "io.modelcontextprotocol/clientCapabilities": dict(relay.capabilities) if relay else {},
        }
        if relay is not None:
            meta["io.modelcontextprotocol/logLevel"] = "debug"
        return meta

    def _head_for(self, message: Message, more: Mapping[str, str]) -> RequestHead:
        if "method" not in message:  # an answer, which this era has no use for
            return self._head_of("POST")
        method = str(message["method"])
        field = _NAMED_BY.get(method)
        name = str(message.get("params", {}).get(field, "")) if field else ""
        ours = {"mcp-method": method} | ({"mcp-name": _header(name)} if field else {})
        if more:
            return self._head_of("POST", {key: _header(value) for key, value in more.items()} | ours)
        found = self._heads.get((method, name))
        if found is None:
            if len(self._heads) >= _MOST_HEADS:
                self._heads.clear()
            found = self._heads[method, name] = self._head_of("POST", ours)
        return found


async def _supplied(result: Message, relay: Relay) -> Message:
    """What the server asked for, from the client. Fails: RpcRefused when the client does not give it."""
    responses: Message = {}
    try:
        for name, given in mcp.mapping(result.get("inputRequests")).items():
            request = mcp.mapping(given)
            responses[name] = dict(await relay.ask(str(request.get("method")), mcp.mapping(request.get("params"))))
    except RelayRefused as error:
        raise RpcRefused(mcp.MISSING_CAPABILITY, error.message) from error
    state = {"requestState": result["requestState"]} if "requestState" in result else {}
    return {"inputResponses": responses, **state}


def _untagged(params: Message) -> Message:
    """Params without the mark of our own subscription."""
    meta = {name: value for name, value in mcp.mapping(params.get("_meta")).items() if name != _SUBSCRIPTION}
    rest = {name: value for name, value in params.items() if name != "_meta"}
    return {**rest, "_meta": meta} if meta else rest


def _header(text: str) -> str:
    """A name as a header can carry it."""
    if _PLAIN.fullmatch(text):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="
