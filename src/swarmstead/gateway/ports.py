"""What the gateway needs from outside: sessions with MCP servers, declared resources, and the inbox."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import sqlalchemy as sa

from swarmstead.gateway.contract import CallResult, Kind, ServerRef
from swarmstead.gateway.health import SessionState
from swarmstead.gateway.offers import Conversation, Listing, Vet
from swarmstead.gateway.relay import Relay
from swarmstead.gateway.traffic.bucket import Claim
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

    def find(self, conn: sa.Connection, scope: Scope, kind: str, name: str, digest: str = "") -> Resource | None:
        """The version that `digest` names; None when there is none."""
        ...


class Approvals(Protocol):
    """The inbox. Given by `permits.handlers`."""

    def ask(self, tx: Tx, scope: Scope, clock: Clock, question: Ask) -> Approval:
        """Put a plan into the inbox; the same step asks once."""
        ...

    def plan_of(self, conn: sa.Connection, scope: Scope, approval_id: str) -> Approval | None:
        """A plan as it stands; None when there is none."""
        ...

    def replace(self, tx: Tx, scope: Scope, clock: Clock, approval_id: str, why: str, question: Ask) -> Approval | None:
        """A new question in place of an approved plan; None when it is not approved, or was spent."""
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

    async def hides(self, scope: Scope, what: Kind, environment: str) -> bool:
        """Whether any policy may hide anything of this kind there."""
        ...

    async def hidden(
        self, scope: Scope, what: Kind, environment: str, questions: Iterable[PolicyQuestion]
    ) -> frozenset[tuple[str, str]]:
        """(server, tool) of those that are denied whatever their arguments and the time will be."""
        ...

    async def version(self, scope: Scope, environment: str) -> str:
        """Names the rules in force in an environment."""
        ...


class Upstream(Protocol):
    """Sessions with tool servers, pooled. Adapter: `adapters/upstreams.py` (stdio and Streamable HTTP)."""

    async def list_tools(self, server: ServerRef) -> Listing:
        """All tool definitions as the server gives them, every page, and in which session.

        Fails: gateway.errors.UpstreamFailed.
        """
        ...

    def conversation(self, server: ServerRef) -> Conversation | None:
        """The session that a call would go out in now; None where one would have to be started first."""
        ...

    def watch(self, changed: Callable[[ServerRef], None]) -> None:
        """Have `changed` called when a server says, in whichever session, that its tools have changed."""
        ...

    async def list_all(self, server: ServerRef, method: str) -> list[Mapping[str, Any]]:
        """What one of MCP's other lists holds (`resources/list`, `prompts/list`, …), every page.

        A server that has no such list has an empty one. Fails: UpstreamFailed.
        """
        ...

    async def fetch(
        self, server: ServerRef, method: str, params: Mapping[str, Any], *, timeout_s: float, relay: Relay | None = None
    ) -> Mapping[str, Any]:
        """The result of a request that changes nothing (`resources/read`, `prompts/get`, …), as it came.

        Fails: UpstreamFailed.
        """
        ...

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
        """Call; sent again at most once, and only when it is certain that it did not start.

        `vet` is asked about the session just before the call goes out in it, and what it raises is raised.
        `key` goes upstream in `_meta` as `swarmstead.dev/idempotency-key`, and what the tool's preview told to
        `expect` as `swarmstead.dev/expect`; so does `traceparent`, under its own name. `more` holds further params,
        `headers` what is to be repeated in headers where the way to the server has any; what the server tells and asks
        meanwhile goes to `relay`, and is refused without one.

        Fails: UpstreamFailed when it is certain that the call did not start; UpstreamUnknown when it may have happened
        (sent, then time-out, broken pipe or malformed answer).
        """
        ...

    async def listen(
        self, server: ServerRef, wanted: Mapping[str, Any], relay: Relay, ready: Callable[[], None]
    ) -> None:
        """Pass on to `relay` what the server tells on its own, until cancelled, or it turns out that it never does.

        `wanted` says what of it, as in MCP's `subscriptions/listen`. From `ready` on nothing is missed.
        Fails: UpstreamFailed.
        """
        ...

    def sessions(self, tenant: str) -> Sequence[SessionState]:
        """How the sessions with a tenant's servers stand now."""
        ...

    async def aclose(self) -> None:
        """End sessions and the processes that we started."""
        ...


class Resolver(Protocol):
    """Looks names up. Given by `adapters/http/resolver.py`, the system's own."""

    async def resolve(self, host: str) -> Sequence[str]:
        """The addresses of a name as text, in the order in which to try them. Fails: OSError."""
        ...


class Buckets(Protocol):
    """Token buckets. `traffic.bucket.MemoryBuckets` for one process, `adapters/shared_buckets.py` for several."""

    async def take(self, claims: Sequence[Claim]) -> float:
        """Take one token of each claim's bucket, or none, and tell after how many seconds to ask again; 0.0 when taken.

        Claims are of one tenant. Fails: storage.errors, where the buckets are shared.
        """
        ...

    def empty(self, claims: Sequence[Claim]) -> list[Claim]:
        """Of claims that `take` has just refused: those whose bucket stood in the way, as far as that still shows."""
        ...
