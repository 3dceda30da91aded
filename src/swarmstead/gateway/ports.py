"""What the gateway needs from outside: sessions with MCP servers, declared resources, and the inbox."""

from collections.abc import Mapping
from typing import Any, Protocol

import sqlalchemy as sa

from swarmstead.gateway.contract import CallResult, ServerRef
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.scope import Scope
from swarmstead.permits.contract import Approval, Ask, PolicyQuestion, PolicyVerdict
from swarmstead.resources.contract import Resource
from swarmstead.storage.database import Tx


class Declared(Protocol):
    """Reads declared resources. Given by `resources.queries.Registry`."""

    def all(
        self, conn: sa.Connection, scope: Scope, kind: str, *, after: str = "", limit: int = 1000
    ) -> list[Resource]:
        """Current versions of a kind, by name."""
        ...


class Approvals(Protocol):
    """The inbox. Given by `permits.handlers`."""

    def ask(self, tx: Tx, scope: Scope, clock: Clock, question: Ask) -> Approval:
        """Put a plan into the inbox; the same step asks once."""
        ...

    def use(
        self, tx: Tx, scope: Scope, clock: Clock, approval_id: str, payload_hash: str, *, again: bool = False
    ) -> Approval:
        """Spend an approved plan on exactly this payload."""
        ...


class Policies(Protocol):
    """Who may do what. Given by `permits.policies.service.Policies`."""

    async def decide(self, scope: Scope, question: PolicyQuestion) -> PolicyVerdict:
        """The verdict on one call, or on a tool whose arguments are not known yet. Fails: storage.errors only."""
        ...

    async def version(self, scope: Scope, environment: str) -> str:
        """Names the rules in force in an environment."""
        ...


class Upstream(Protocol):
    """Sessions with tool servers, pooled. Adapter: `adapters/upstreams.py` (stdio and Streamable HTTP)."""

    async def list_tools(self, server: ServerRef) -> list[Mapping[str, Any]]:
        """All tool definitions as the server gives them (MCP `Tool` objects), every page.

        Fails: gateway.errors.UpstreamFailed.
        """
        ...

    async def call_tool(
        self, server: ServerRef, tool: str, arguments: Mapping[str, Any], *, key: str, timeout_s: float
    ) -> CallResult:
        """Call; sent again at most once, and only when it is certain that it did not start.

        `key` goes upstream in `_meta` as `swarmstead.dev/idempotency-key`.

        Fails: UpstreamFailed when it is certain that the call did not start; UpstreamUnknown when it may have happened
        (sent, then time-out, broken pipe or malformed answer).
        """
        ...

    async def aclose(self) -> None:
        """End sessions and the processes that we started."""
        ...
