"""The policies of all tenants: kept parsed until they change, and never replaced by what cannot be read."""

import asyncio
import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from swarmstead.kernel.clock import Clock
from swarmstead.kernel.scope import Scope
from swarmstead.permits.contract import (
    ExceptionView,
    PastCall,
    PolicyQuestion,
    PolicySpec,
    PolicyVerdict,
    PolicyView,
    Replay,
    RuleView,
    What,
)
from swarmstead.permits.policies.hits import Hit, Hits
from swarmstead.permits.policies.reading import Unreadable, check
from swarmstead.permits.policies.replay import replayed
from swarmstead.permits.policies.tenant import House, Loaded, Ruling, TenantPolicies, built_in, ends_at
from swarmstead.permits.ports import Declared, Environments
from swarmstead.resources.contract import Document, Resource
from swarmstead.storage.database import Database
from swarmstead.storage.signals import EVERYTHING

log = logging.getLogger(__name__)
_MANY = 100_000
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class _Read:
    """A tenant as it was read: what decides (None: nothing can), and every declared policy with its problem."""

    deciding: TenantPolicies | None
    declared: tuple[tuple[Resource, str], ...]


class Policies:
    """Decides about calls. Invariants: a committed change is seen by every call that starts after its wake.

    A set with a policy that cannot be read never comes into force: the last good one stays, and the problem is shown.
    Where there is none to stay, as after a start, everything is denied until the policy is mended.
    """

    def __init__(self, db: Database, declared: Declared, environments: Environments, clock: Clock) -> None:
        self._db = db
        self._declared = declared
        self._environments = environments
        self._clock = clock
        self._fresh: dict[str, _Read] = {}
        self._good: dict[str, TenantPolicies] = {}
        self._hits = Hits()
        self._generation = 0
        self._lock = threading.Lock()

    def forget(self, topic: str) -> None:
        """A signal watcher: `resources:TENANT` drops what is kept for that tenant."""
        with self._lock:
            if topic == EVERYTHING:
                self._generation += 1
                self._fresh.clear()
            elif topic.startswith("resources:"):
                self._generation += 1
                self._fresh.pop(topic.removeprefix("resources:"), None)

    async def decide(self, scope: Scope, question: PolicyQuestion) -> PolicyVerdict:
        """May this be done? Fails: storage.errors only."""
        read = self._fresh.get(scope.tenant) or await self._load(scope)
        if read.deciding is None:
            return _nothing_decides(read)
        now = self._clock.now_ms()
        verdict = read.deciding.decide(question, now)
        if question.at_ms is not None:  # a call, and not a look at what one would meet
            monitored = () if verdict.monitored is None else verdict.monitored.rules
            self._hits.note(scope.tenant, {*verdict.rules, *monitored}, now)
        return verdict

    async def hides(self, scope: Scope, what: What, environment: str) -> bool:
        """Whether any policy may hide tools (or resources, or prompts) from anybody there."""
        deciding = (self._fresh.get(scope.tenant) or await self._load(scope)).deciding
        return deciding is None or deciding.may_hide(what, environment)

    async def hidden(
        self, scope: Scope, what: What, environment: str, questions: Iterable[PolicyQuestion]
    ) -> frozenset[tuple[str, str]]:
        """(server, tool) of those that are denied whatever their arguments and the time will be.

        The questions are all of this kind and environment; they are not looked at where no policy may hide anything.
        Cost: as `TenantPolicies.hides` for each; others get their turn in between. Fails: storage.errors only.
        """
        deciding = (self._fresh.get(scope.tenant) or await self._load(scope)).deciding
        found: set[tuple[str, str]] = set()
        if deciding is not None and not deciding.may_hide(what, environment):
            return frozenset()
        for number, question in enumerate(questions, 1):
            if deciding is None or deciding.hides(question, self._clock.now_ms()):
                found.add((question.server, question.tool))
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return frozenset(found)

    async def version(self, scope: Scope, environment: str) -> str:
        """Names the rules in force in an environment; part of a plan's hash."""
        read = self._fresh.get(scope.tenant) or await self._load(scope)
        return read.deciding.version(environment) if read.deciding else "broken"

    async def views(self, scope: Scope) -> list[PolicyView]:
        """The built-in rules, then every declared policy, with its problem where it is not in force."""
        read = self._fresh.get(scope.tenant) or await self._load(scope)
        shipped = PolicyView("builtin", "enforce", (), self._rules(scope, built_in()), built_in=True)
        return [shipped, *(self._view(scope, resource, problem) for resource, problem in read.declared)]

    async def replay(
        self, scope: Scope, documents: Sequence[Document], calls: Sequence[PastCall], unread: int
    ) -> Replay:
        """What these policies would have done to past calls, beside all others that are in force now."""
        house, now, _ = await self._db.read(lambda conn: self._read_all(conn, scope))

        def tried() -> Replay:
            ours = [Loaded(one.metadata.name, one.digest, one.spec, check(one.spec.cedar)) for one in documents]
            return replayed(scope.tenant, house, now, ours, calls, unread)

        return await asyncio.to_thread(tried)

    async def _load(self, scope: Scope) -> _Read:
        generation = self._generation

        def load(conn: sa.Connection) -> _Read:
            house, readable, declared = self._read_all(conn, scope)
            if any(problem and resource.spec.mode == "enforce" for resource, problem in declared):
                last = self._good.get(scope.tenant)
                return _Read(TenantPolicies(scope.tenant, house, last.policies) if last else None, declared)
            return _Read(TenantPolicies(scope.tenant, house, readable), declared)

        found = await self._db.read(load)
        with self._lock:
            if generation == self._generation:  # nothing changed while we read
                self._fresh[scope.tenant] = found
                if found.deciding is not None:
                    self._good[scope.tenant] = found.deciding
        return found

    def _read_all(
        self, conn: sa.Connection, scope: Scope
    ) -> tuple[House, list[Loaded], tuple[tuple[Resource, str], ...]]:
        readable: list[Loaded] = []
        declared: list[tuple[Resource, str]] = []
        for resource in self._declared.all(conn, scope, "Policy", limit=_MANY):
            spec: PolicySpec = resource.spec
            try:
                readable.append(Loaded(resource.name, resource.digest, spec, check(spec.cedar)))
                declared.append((resource, ""))
            except Unreadable as error:
                fault = error.faults[0]
                problem = f"spec.cedar, line {fault.line}: {fault.problem}. {fault.way_out}"
                log.error("the policy %s of %s cannot be read: %s", resource.name, scope.tenant, problem)  # noqa: TRY400 - the place is what matters
                declared.append((resource, problem))
        return self._house(conn, scope), readable, tuple(declared)

    def _house(self, conn: sa.Connection, scope: Scope) -> House:
        agents = self._declared.all(conn, scope, "Agent", limit=_MANY)
        servers = self._declared.all(conn, scope, "ToolServer", limit=_MANY)
        return House(
            {one.name: one.production for one in self._environments.list_environments(conn, scope)},
            {one.name: one.digest for one in agents},
            _labels(agents),
            _labels(servers),
        )

    def _rules(self, scope: Scope, rulings: Iterable[Ruling]) -> tuple[RuleView, ...]:
        return tuple(_rule_view(one, self._hits.of(scope.tenant, one.id)) for one in rulings)

    def _view(self, scope: Scope, resource: Resource, problem: str) -> PolicyView:
        spec: PolicySpec = resource.spec
        rules = () if problem else Loaded(resource.name, resource.digest, spec, check(spec.cedar)).rulings()
        now = self._clock.now_ms()
        exceptions = tuple(
            ExceptionView(one.principal, one.tool, one.until, one.reason, ends_at(one) <= now)
            for one in spec.exceptions
        )
        return PolicyView(
            resource.name,
            spec.mode,
            spec.environments,
            self._rules(scope, rules),
            exceptions,
            spec.description,
            resource.digest,
            problem,
            share=spec.share,
        )


def _nothing_decides(read: _Read) -> PolicyVerdict:
    name, problem = next((resource.name, problem) for resource, problem in read.declared if problem)
    return PolicyVerdict("deny", (f"{name}/broken",), f"the policy {name} cannot be read: {problem}"[:500], "broken")


def _labels(resources: Iterable[Resource]) -> dict[str, dict[str, str]]:
    return {one.name: dict(one.labels) for one in resources if one.labels}


def _rule_view(ruling: Ruling, hit: Hit) -> RuleView:
    rule = ruling.rule
    return RuleView(ruling.id, rule.effect, rule.line, rule.reason, rule.reads.words, hit.times, hit.last_ms)
