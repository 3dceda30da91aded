"""What runs need from outside. Lower rooms give these as modules or objects; `wiring` hands them in."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from swarmstead.budgets.contract import Account, Balance, Charged
from swarmstead.gateway.contract import Caller, CallOutcome, CallRequest, PlanNeeded, Tool
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import SteadError
from swarmstead.kernel.scope import Scope
from swarmstead.models.contract import BeforeRetry, ModelReply, ModelRequest, ModelSpec, Usage
from swarmstead.people.contract import EnvironmentView
from swarmstead.permits.contract import Approval, Ask, PolicyVerdict
from swarmstead.resources.contract import Resource
from swarmstead.storage.database import Tx


class Declared(Protocol):
    """Declared resources. Given by `resources.queries.Registry`."""

    def get(self, conn: sa.Connection, scope: Scope, kind: str, name: str, digest: str = "") -> Resource:
        """The current version, or the one that `digest` names. Fails: ResourceUnknown."""
        ...

    def find(self, conn: sa.Connection, scope: Scope, kind: str, name: str, digest: str = "") -> Resource | None:
        """As `get`, with None for what is not there."""
        ...


class BoundTools(Protocol):
    """The bound tools of one server, or why it cannot be asked."""

    @property
    def server(self) -> str:
        """The server's name."""
        ...

    @property
    def tools(self) -> tuple[Tool, ...]:
        """Its tools that are bound to the caller, classed."""
        ...

    @property
    def problem(self) -> str:
        """Why it could not be asked; '' when it could."""
        ...

    @property
    def off(self) -> tuple[tuple[str, str], ...]:
        """Tools that are bound to the caller and switched off, each with what it stands behind, in words."""
        ...


class Tools(Protocol):
    """The gateway."""

    async def call(self, request: CallRequest) -> CallOutcome | PlanNeeded:
        """Walk the chain; a refusal is an outcome. Fails: storage errors, when nothing could be written."""
        ...

    async def tools(self, caller: Caller, root: str = "") -> Sequence[BoundTools]:
        """What the caller may know of, server by server; a server that cannot be asked says why."""
        ...

    async def verdict(self, caller: Caller, tool: Tool) -> PolicyVerdict:
        """What policies say of a tool before anybody calls it."""
        ...

    async def policy_version(self, caller: Caller) -> str:
        """The digest of the policies that hold for the caller now."""
        ...


class Thinker(Protocol):
    """Models, and what asking them costs. Amounts in micro-dollars."""

    async def request(
        self,
        spec: ModelSpec,
        request: ModelRequest,
        on_delta: Callable[[str], None] | None = None,
        before_retry: BeforeRetry | None = None,
    ) -> ModelReply:
        """Fails: models.errors, and what `before_retry` raises. Cancelling the task cuts the connection."""
        ...

    def estimate(self, spec: ModelSpec, request: ModelRequest) -> int:
        """The most that this request can cost. Fails: PriceUnknown."""
        ...

    def cost(self, spec: ModelSpec, reply: ModelReply) -> int:
        """What a reply did cost, its failed attempts included."""
        ...

    def cost_of_failure(self, spec: ModelSpec, used: Usage) -> int:
        """What attempts did cost that gave no reply."""
        ...

    def missing(self, spec: ModelSpec) -> tuple[str, str] | None:
        """What the model lacks before it can be asked (a key, a price), and the way out; None when it is ready."""
        ...


class Ledger(Protocol):
    """Budgets. Given by `budgets.handlers`."""

    def reserve(
        self, tx: Tx, tenant: str, clock: Clock, lease: str, accounts: Sequence[Account], amount: int, life_ms: int
    ) -> None:
        """Fails: BudgetReached."""
        ...

    def settle(self, tx: Tx, lease: str, actual: int) -> bool:
        """Replace what a lease holds by what was spent (micro-dollars); False when it was settled before."""
        ...

    def passed(self, tx: Tx, tenant: str, accounts: Sequence[Account]) -> SteadError | None:
        """What is to be said where one of these accounts has spent more than its cap."""
        ...

    def charge_expired(self, tx: Tx, clock: Clock) -> list[Charged]:
        """Settle leases that have run out, with all that they held; which they were."""
        ...


class Balances(Protocol):
    """Budgets, read. Given by `budgets.queries`."""

    def balance(self, conn: sa.Connection, scope: Scope, key: str) -> Balance | None:
        """Where an account stands; None when nothing was ever reserved on it."""
        ...


class Inbox(Protocol):
    """Approvals, written. Given by `permits.handlers`."""

    def ask(self, tx: Tx, scope: Scope, clock: Clock, question: Ask) -> Approval:
        """Put a question into the inbox; the same step asks once."""
        ...

    def expire_of_run(self, tx: Tx, tenant: str, clock: Clock, run: str, why: str) -> list[Approval]:
        """Close what a run that has ended still asks."""
        ...


class InboxReads(Protocol):
    """Approvals, read. Given by `permits.queries`."""

    def get(self, conn: sa.Connection, scope: Scope, approval_id: str) -> Approval:
        """One question, decided or not. Fails: ApprovalUnknown."""
        ...


class Environments(Protocol):
    """Where runs may run. Given by `people.queries`."""

    def list_environments(self, conn: sa.Connection, scope: Scope) -> Sequence[EnvironmentView]:
        """The environments of the tenant that the scope may see."""
        ...


class Repositories(Protocol):
    """Which folders of this machine a run may name. Adapter: `adapters/repositories.py`."""

    def check(self, path: str) -> Path:
        """The real path of a git work tree's top folder inside what is allowed. Fails: InputRefused."""
        ...


class Engine(Protocol):
    """Carries agent loops through crashes. Adapter: `adapters/dbos_engine.py`."""

    @property
    def version(self) -> str:
        """The version of the loop's shape that this process can carry on."""
        ...

    async def start(self, agent_run: str) -> None:
        """Start the loop of an agent run, or leave it to a worker. Starting twice starts once.

        Inside a loop the new one is its child.
        """
        ...

    async def carries(self, agent_run: str) -> bool:
        """Whether this process is still the one that carries a loop; another may have taken it over."""
        ...
