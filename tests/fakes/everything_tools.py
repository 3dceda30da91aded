"""The tools of the everything server that ask nothing of their client, and what all of its tools are made of."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

Result = dict[str, Any]
Context = ServerRequestContext[Any, Any]
Handler = Callable[[Context, types.CallToolRequestParams], Awaitable[Result]]

LOG_LEVEL = "io.modelcontextprotocol/logLevel"
MODERN = "2026-07-28"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SILENCE = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool's definition, and what it does."""

    description: str
    schema: Mapping[str, Any]
    handler: Handler


NOTHING: Mapping[str, Any] = {"type": "object", "properties": {}}
_RICH: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def words(said: str) -> Result:
    """A text block."""
    return {"type": "text", "text": said}


def text(said: str, **more: Any) -> Result:
    """The result of a tool that answers with text."""
    return {"content": [words(said)], **more}


def arguments(*names: str, **more: Any) -> Mapping[str, Any]:
    """The schema of an object with these strings, all required; `more` says more of some."""
    properties: Result = {name: {"type": "string"} for name in names}
    return {"type": "object", "properties": {**properties, **more}, "required": list(names)}


def embedded(uri: str, mime: str, said: str) -> Result:
    """A resource as a content block."""
    return {"type": "resource", "resource": {"uri": uri, "mimeType": mime, "text": said}}


IMAGE: Result = {"type": "image", "data": PIXEL, "mimeType": "image/png"}
_CONTENT: Mapping[str, list[Result]] = {
    "test_simple_text": [words("This is a simple text response for testing.")],
    "test_image_content": [IMAGE],
    "test_audio_content": [{"type": "audio", "data": SILENCE, "mimeType": "audio/wav"}],
    "test_embedded_resource": [
        embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")
    ],
    "test_multiple_content_types": [
        words("Multiple content types test:"),
        IMAGE,
        embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ],
}


def _always(content: list[Result]) -> Handler:
    async def answer(_ctx: Context, _params: types.CallToolRequestParams) -> Result:
        return {"content": content}

    return answer


async def _fail(_ctx: Context, _params: types.CallToolRequestParams) -> Result:
    return text("This tool intentionally returns an error for testing", isError=True)


async def _log(ctx: Context, _params: types.CallToolRequestParams) -> Result:
    wanted = ctx.protocol_version != MODERN or LOG_LEVEL in (ctx.meta or {})
    for line in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        if wanted:
            body = types.LoggingMessageNotificationParams(level="info", data=line)
            notice = types.LoggingMessageNotification(params=body)
            await ctx.session.send_notification(notice, related_request_id=ctx.request_id)
    return text("Logged.")


async def _progress(ctx: Context, _params: types.CallToolRequestParams) -> Result:
    for done in (0, 50, 100):
        await ctx.session.report_progress(done, 100)
    return text("Done.")


async def _needs_sampling(ctx: Context, _params: types.CallToolRequestParams) -> Result:
    can = ctx.session.client_capabilities
    if can is None or can.sampling is None:
        data: Result = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, "This tool needs a client with a model", data)
    return text("This client has a model.")


async def _hang_up(ctx: Context, _params: types.CallToolRequestParams) -> Result:
    if ctx.close_sse_stream is not None:
        await ctx.close_sse_stream()
    return text("Here is the answer all the same.")


async def _region(ctx: Context, params: types.CallToolRequestParams) -> Result:
    header = ctx.request.headers.get("mcp-param-region", "") if ctx.request is not None else ""
    return text(f"{(params.arguments or {})['region']} {header}")


_HEADER = {"region": {"type": "string", "x-mcp-header": "Region"}}
TOOLS: Mapping[str, Tool] = {
    **{name: Tool(f"Always answers the same: {name}.", NOTHING, _always(said)) for name, said in _CONTENT.items()},
    "test_error_handling": Tool("Fails every time.", NOTHING, _fail),
    "test_tool_with_logging": Tool("Logs three lines.", NOTHING, _log),
    "test_logging_tool": Tool("Logs three lines.", NOTHING, _log),
    "test_tool_with_progress": Tool("Reports progress three times.", NOTHING, _progress),
    "test_missing_capability": Tool("Needs a client with a model.", NOTHING, _needs_sampling),
    "test_reconnection": Tool("Hangs up before it answers.", NOTHING, _hang_up),
    "test_x_mcp_header": Tool("Has an argument that is a header too.", arguments("region", **_HEADER), _region),
    "json_schema_2020_12_tool": Tool("Has a rich schema.", _RICH, _always([])),
}
