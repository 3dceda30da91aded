"""A tool server with one of everything that MCP has, in both eras, made with the official SDK.

The official conformance suite finds here the tools, resources and prompts that it asks servers under test for: their
names and what they answer are the suite's, from the descriptions of its scenarios. `serving` puts it behind a real HTTP
server on a free port of this machine.
"""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import mcp_types as types
import uvicorn
from mcp.server.caching import CACHEABLE_METHODS, CacheableMethod, CacheHint
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.streamable_http import EventCallback, EventId, EventMessage, EventStore, StreamId
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourceUpdated,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fakes import everything_asks, everything_tools
from tests.fakes.everything_asks import question
from tests.fakes.everything_tools import (
    IMAGE,
    MODERN,
    NOTHING,
    PIXEL,
    Context,
    Result,
    Tool,
    arguments,
    embedded,
    text,
    words,
)

P = TypeVar("P", bound=BaseModel)
RESOURCES: Mapping[str, Result] = {
    "test://static-text": {"mimeType": "text/plain", "text": "This is the content of the static text resource."},
    "test://static-binary": {"mimeType": "image/png", "blob": PIXEL},
    "test://watched-resource": {"mimeType": "text/plain", "text": "This resource is being watched."},
}
_TEMPLATE, _BEFORE, _AFTER = "test://template/{id}/data", "test://template/", "/data"

PROMPTS: Mapping[str, tuple[str, ...]] = {
    "test_simple_prompt": (),
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
    "test_prompt_with_image": (),
    "test_input_required_result_prompt": (),
}
"""Prompts and their arguments."""


class _Dual(Server[Any]):
    """Tells clients of sessions too that its lists may change."""

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        changing = NotificationOptions(prompts_changed=True, resources_changed=True, tools_changed=True)
        return super().create_initialization_options(changing, experimental_capabilities, extensions)


class Everything:
    """The server. `calls` says which tools were called, in order."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.bus = InMemorySubscriptionBus()
        self._watched: dict[str, list[Context]] = {}
        self.tools = self._tools()
        hint = CacheHint(60_000, "public")
        hints = cast("Mapping[CacheableMethod, CacheHint]", dict.fromkeys(CACHEABLE_METHODS, hint))
        self.server = _Dual("everything", version="1.0.0", get_tool_input_schema=self._schema, cache_hints=hints)
        self.server.middleware.append(
            RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience="everything")
        )
        self.listening = ListenHandler(self.bus)
        self.server.add_request_handler("subscriptions/listen", types.SubscriptionsListenRequestParams, self.listening)
        page = types.PaginatedRequestParams
        self._answer("tools/list", page, self._list_tools)
        self._answer("tools/call", types.CallToolRequestParams, self._call)
        self._answer("resources/list", page, self._list_resources)
        self._answer("resources/templates/list", page, self._list_templates)
        self._answer("resources/read", types.ReadResourceRequestParams, self._read)
        self._answer("resources/subscribe", types.SubscribeRequestParams, self._subscribe)
        self._answer("resources/unsubscribe", types.UnsubscribeRequestParams, self._unsubscribe)
        self._answer("prompts/list", page, self._list_prompts)
        self._answer("prompts/get", types.GetPromptRequestParams, self._prompt)
        self._answer("completion/complete", types.CompleteRequestParams, self._complete)
        self._answer("logging/setLevel", types.SetLevelRequestParams, self._set_level)

    def _answer(self, method: str, params: type[P], handler: Callable[[Context, P], Awaitable[Result]]) -> None:
        async def whole(ctx: Context, given: P) -> Result:
            kind = {"resultType": "complete"} if ctx.protocol_version == MODERN else {}
            return {**kind, **await handler(ctx, given)}

        self.server.add_request_handler(method, params, whole)

    # Tools ----------------------------------------------------------------------------------------------------------

    def _tools(self) -> dict[str, Tool]:
        return {
            **everything_tools.TOOLS,
            **everything_asks.TOOLS,
            "test_trigger_tool_change": Tool("Says that its tools changed.", NOTHING, self._tools_changed),
            "test_trigger_prompt_change": Tool("Says that its prompts changed.", NOTHING, self._prompts_changed),
            "test_trigger_resource_update": Tool("Says that a resource changed.", arguments("uri"), self._touched),
        }

    async def _list_tools(self, ctx: Context, params: types.PaginatedRequestParams) -> Result:
        listed = [
            {"name": name, "description": tool.description, "inputSchema": dict(tool.schema)}
            for name, tool in self.tools.items()
        ]
        return {"tools": listed}

    async def _call(self, ctx: Context, params: types.CallToolRequestParams) -> Result:
        tool = self.tools.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        self.calls.append(params.name)
        return await tool.handler(ctx, params)

    def _schema(self, name: str) -> Mapping[str, Any] | None:
        tool = self.tools.get(name)
        return tool.schema if tool else None

    async def _tools_changed(self, ctx: Context, params: types.CallToolRequestParams) -> Result:
        await self.bus.publish(ToolsListChanged())
        await ctx.session.send_tool_list_changed()
        return text("The tools have changed.")

    async def _prompts_changed(self, ctx: Context, params: types.CallToolRequestParams) -> Result:
        await self.bus.publish(PromptsListChanged())
        await ctx.session.send_prompt_list_changed()
        return text("The prompts have changed.")

    async def _touched(self, ctx: Context, params: types.CallToolRequestParams) -> Result:
        uri = str((params.arguments or {})["uri"])
        await self.bus.publish(ResourceUpdated(uri=uri))
        for watcher in self._watched.get(uri, ()):
            await watcher.session.send_resource_updated(uri)
        return text(f"{uri} has changed.")

    # Resources ------------------------------------------------------------------------------------------------------

    async def _list_resources(self, ctx: Context, params: types.PaginatedRequestParams) -> Result:
        listed = [{"uri": uri, "name": uri, "mimeType": found["mimeType"]} for uri, found in RESOURCES.items()]
        return {"resources": listed}

    async def _list_templates(self, ctx: Context, params: types.PaginatedRequestParams) -> Result:
        return {"resourceTemplates": [{"uriTemplate": _TEMPLATE, "name": "data", "mimeType": "application/json"}]}

    async def _read(self, ctx: Context, params: types.ReadResourceRequestParams) -> Result:
        uri = str(params.uri)
        found = RESOURCES.get(uri)
        if found is None and uri.startswith(_BEFORE) and uri.endswith(_AFTER):
            id_ = uri.removeprefix(_BEFORE).removesuffix(_AFTER)
            said = json.dumps({"id": id_, "templateTest": True, "data": f"Data for ID: {id_}"})
            found = {"mimeType": "application/json", "text": said}
        if found is None:
            raise MCPError(types.INVALID_PARAMS, f"There is no resource {uri}", {"uri": uri})
        return {"contents": [{"uri": uri, **found}]}

    async def _subscribe(self, ctx: Context, params: types.SubscribeRequestParams) -> Result:
        self._watched.setdefault(str(params.uri), []).append(ctx)
        return {}

    async def _unsubscribe(self, ctx: Context, params: types.UnsubscribeRequestParams) -> Result:
        self._watched.pop(str(params.uri), None)
        return {}

    # Prompts --------------------------------------------------------------------------------------------------------

    async def _list_prompts(self, ctx: Context, params: types.PaginatedRequestParams) -> Result:
        listed = [
            {
                "name": name,
                "description": f"The prompt {name}.",
                "arguments": [{"name": one, "required": True} for one in arguments],
            }
            for name, arguments in PROMPTS.items()
        ]
        return {"prompts": listed}

    async def _prompt(self, ctx: Context, params: types.GetPromptRequestParams) -> Result:
        given: Mapping[str, Any] = params.arguments or {}
        match params.name:
            case "test_simple_prompt":
                content: list[Result] = [words("This is a simple prompt for testing.")]
            case "test_prompt_with_arguments":
                content = [words(f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'")]
            case "test_prompt_with_embedded_resource":
                resource = embedded(str(given["resourceUri"]), "text/plain", "Embedded resource content for testing.")
                content = [resource, words("Please process the embedded resource above.")]
            case "test_prompt_with_image":
                content = [IMAGE, words("Please analyze the image above.")]
            case "test_input_required_result_prompt":
                answer = (params.input_responses or {}).get("user_context")
                if not isinstance(answer, types.ElicitResult):
                    asked = question("What context should the prompt use?", context="string")
                    return {"resultType": "input_required", "inputRequests": {"user_context": asked}}
                content = [words(f"Use this context: {json.dumps(answer.content)}")]
            case _:
                raise MCPError(types.INVALID_PARAMS, f"Unknown prompt: {params.name}")
        return {"messages": [{"role": "user", "content": one} for one in content]}

    async def _complete(self, ctx: Context, params: types.CompleteRequestParams) -> Result:
        offered = ("paris", "park", "party", "test1", "test2")
        values = [one for one in offered if one.startswith(params.argument.value)]
        return {"completion": {"values": values, "total": len(values), "hasMore": False}}

    async def _set_level(self, ctx: Context, params: types.SetLevelRequestParams) -> Result:
        return {}


class _Events(EventStore):
    """Remembers what went out on streams, so that a client whose connection broke can hear the rest."""

    def __init__(self) -> None:
        self._events: list[tuple[StreamId, types.JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: StreamId, message: types.JSONRPCMessage | None) -> EventId:
        self._events.append((stream_id, message))
        return str(len(self._events))

    async def replay_events_after(self, last_event_id: EventId, send_callback: EventCallback) -> StreamId | None:
        last = int(last_event_id)
        stream = self._events[last - 1][0]
        for number, (of, message) in enumerate(self._events[last:], last + 1):
            if of == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


def _without_sessions(app: ASGIApp) -> ASGIApp:
    async def only_modern(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (b"mcp-protocol-version", MODERN.encode()) not in scope["headers"]:
            await PlainTextResponse("What is a session?", 400)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return only_modern


@asynccontextmanager
async def serving(everything: Everything | None = None, *, sessions: bool = True) -> AsyncGenerator[str]:
    """The address of a running server; without `sessions` it does not know of the era that has them."""
    made = everything or Everything()
    whole = made.server.streamable_http_app(event_store=_Events(), retry_interval=100)
    app = whole if sessions else _without_sessions(whole)
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:  # named, or asyncio leaves Nagle's algorithm on
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # from here on a connection waits instead of being refused
        config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1, ws="none")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        finally:
            made.listening.close()
            server.should_exit = True
            await task
