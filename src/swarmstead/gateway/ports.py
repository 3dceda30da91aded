"""What the gateway needs from outside: sessions with MCP servers."""

from collections.abc import Mapping
from typing import Any, Protocol

from swarmstead.gateway.contract import CallResult, ServerRef


class Upstream(Protocol):
    """Sessions with tool servers, pooled. Adapter: `adapters/upstreams.py` (stdio and Streamable HTTP)."""

    async def list_tools(self, server: ServerRef) -> list[Mapping[str, Any]]:
        """All tool definitions as the server gives them (MCP `Tool` objects), every page.

        Fails: gateway.errors.UpstreamFailed.
        """
        ...

    async def call_tool(self, server: ServerRef, tool: str, arguments: Mapping[str, Any], *, key: str, timeout_s: float) -> CallResult:
        """Call once; never retried here. `key` goes upstream in `_meta` as `swarmstead.dev/idempotency-key`.

        Fails: UpstreamFailed when it is certain that the call did not start; UpstreamUnknown when it may have happened
        (sent, then time-out, broken pipe or malformed answer).
        """
        ...

    async def aclose(self) -> None:
        """End sessions and the processes that we started."""
        ...
