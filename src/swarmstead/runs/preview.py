"""Preview: resolve everything a run would use, pin it, judge it, price it. Changes nothing but the store of plans."""

import asyncio
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa

from swarmstead.budgets.contract import Account
from swarmstead.gateway.contract import Caller, Tool
from swarmstead.kernel.errors import BadInput, NotPermitted
from swarmstead.kernel.money import micros_from_usd, usd_text
from swarmstead.kernel.scope import Scope
from swarmstead.models.contract import Message, ModelRequest, ModelSpec
from swarmstead.people.contract import permissions_of
from swarmstead.permits.contract import PolicyVerdict
from swarmstead.resources.contract import Resource
from swarmstead.runs import ports
from swarmstead.runs.allowance import Shortage, left_today, shortage
from swarmstead.runs.contract import Launch, Missing, Overrides, Plan, PlannedAgent, PlannedTool, SwarmSpec
from swarmstead.runs.errors import InputRefused
from swarmstead.runs.plans import with_hash
from swarmstead.runs.steps.context import Hands
from swarmstead.runs.swarms import fits, swarm_warnings, task_text
from swarmstead.runs.tables import agent_runs, runs

if TYPE_CHECKING:
    from swarmstead.agents.contract import AgentSpec

_TYPICAL_INPUT_CHARACTERS = 16_000
_HISTORY = 20
_ENOUGH_HISTORY = 3


class Preview:
    """Makes plans."""

    def __init__(self, hands: Hands, repositories: ports.Repositories, environments: ports.Environments) -> None:
        self._hands = hands
        self._repositories = repositories
        self._environments = environments

    async def plan(self, scope: Scope, wish: Launch) -> Plan:
        """What would run now.

        Fails: ResourceUnknown (the swarm), InputRefused, NotPermitted (a budget beyond the declared one); what else is
        missing stands in `missing`.
        """
        found = await self._hands.db.read(lambda conn: self._resolve(conn, scope, wish))
        swarm: SwarmSpec = found.swarm.spec
        values, root = await asyncio.to_thread(self._inputs, swarm, wish.input)
        agents = await asyncio.gather(*(self._agent(scope, root, found, name, wish) for name in found.agents))
        policy = await self._hands.tools.policy_version(Caller(scope, environment=wish.environment))
        planned = tuple(agent for agent, _, _ in agents)
        low, high, short = self._cost(found, planned, budget := _budget(scope, swarm, wish.overrides))
        missing = (*found.missing, *(one for _, lacking, _ in agents for one in lacking), *short.missing)
        notes = (*swarm_warnings(swarm), *(note for _, _, noted in agents for note in noted), *short.notes)
        return with_hash(
            Plan(
                hash="",
                swarm=wish.swarm,
                swarm_digest=found.swarm.digest,
                pattern=swarm.pattern,
                environment=wish.environment,
                input=values,
                overrides={name: value for name, value in asdict(wish.overrides).items() if value},
                task=task_text(swarm.task, values),
                root=root,
                agents=planned,
                budget_micros=budget,
                wall_clock_s=swarm.limits.wall_clock_s,
                max_agents=swarm.limits.max_agents,
                cost_low_micros=low,
                cost_high_micros=high,
                time_low_s=found.times[0] if found.times else 1,
                time_high_s=found.times[1] if found.times else swarm.limits.wall_clock_s,
                missing=missing,
                created_at=self._hands.clock.now_ms(),
                policy=policy,
                notes=notes,
            )
        )

    def _resolve(self, conn: sa.Connection, scope: Scope, wish: Launch) -> "_Found":
        declared = self._hands.declared
        self._check_environment(conn, scope, wish.environment)
        swarm = declared.get(conn, scope, "Swarm", wish.swarm)
        spec: SwarmSpec = swarm.spec
        found = _Found(swarm, left_today(conn, self._hands, scope))
        for name in dict.fromkeys((spec.coordinator, *spec.members)):
            agent = declared.find(conn, scope, "Agent", name)
            if agent is None:
                found.missing.append(
                    Missing(
                        f"The agent {name!r} is not declared.",
                        f"Declare it: `stead apply -f` with kind: Agent, name: {name}.",
                    )
                )
                continue
            model_name = wish.overrides.models.get(name) or agent.spec.model
            model = declared.find(conn, scope, "Model", model_name)
            if model is None:
                found.missing.append(
                    Missing(
                        f"The model {model_name!r} of {name} is not declared.",
                        f"Add it: `stead model add {model_name} …`.",
                    )
                )
                continue
            found.agents[name] = (agent, model)
            if (lack := self._hands.thinker.missing(model.spec)) is not None:
                found.missing.append(
                    Missing(f"The model {model_name!r} of {name} cannot be asked. {_ended(lack[0])}", lack[1])
                )
        for name in wish.overrides.models:
            if name not in (spec.coordinator, *spec.members):
                known = ", ".join((spec.coordinator, *spec.members))
                way_out = f"Its agents are {known}."
                raise InputRefused(
                    f"This swarm has no agent {name!r}.", field=f"overrides.models.{name}", way_out=way_out
                )
        found.times, found.costs = _history(conn, scope, wish.swarm)
        return found

    def _check_environment(self, conn: sa.Connection, scope: Scope, name: str) -> None:
        known = [one.name for one in self._environments.list_environments(conn, scope)]
        if name not in known:
            raise InputRefused(
                f"There is no environment {name!r}.",
                field="environment",
                way_out=f"Choose one of {', '.join(known)}." if known else "This tenant has none.",
            )

    async def _agent(
        self, scope: Scope, root: str, found: "_Found", name: str, wish: Launch
    ) -> tuple[PlannedAgent, list[Missing], list[str]]:
        agent, model = found.agents[name]
        spec = cast("AgentSpec", agent.spec)
        model_spec: ModelSpec = model.spec
        tools: list[PlannedTool] = []
        missing: list[Missing] = []
        notes: list[str] = []
        caller = Caller(scope, agent=name, swarm=wish.swarm, environment=wish.environment, agent_digest=agent.digest)
        for bound in await self._hands.tools.tools(caller, root):
            tools += [_planned_tool(tool, await self._hands.tools.verdict(caller, tool)) for tool in bound.tools]
            notes += [
                f"{name} goes without {bound.server}/{tool}: it stands behind {flag}." for tool, flag in bound.off
            ]
            if bound.problem:
                missing.append(
                    Missing(
                        f"Tools of {bound.server!r} that {name} is bound to cannot be called. {_ended(bound.problem)}",
                        "Mend or unbind it.",
                    )
                )
        role = "coordinator" if name == found.swarm.spec.coordinator else "member"
        planned = PlannedAgent(
            name=name,
            digest=agent.digest,
            role=role,
            description=spec.description,
            instructions=spec.instructions,
            max_turns=spec.max_turns,
            model=model.name,
            model_digest=model.digest,
            model_kind=model_spec.kind,
            tools=tuple(tools),
        )
        return planned, missing, notes

    def _inputs(self, swarm: SwarmSpec, given: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """Checked inputs, and the repository among them ('' when the swarm takes none)."""
        for name in given:
            if name not in swarm.inputs:
                known = ", ".join(sorted(swarm.inputs)) or "none"
                raise InputRefused(
                    f"This swarm has no input {name!r}.", field=f"input.{name}", way_out=f"Its inputs are {known}."
                )
        values: dict[str, Any] = {}
        root = ""
        for name, wanted in swarm.inputs.items():
            value = given.get(name, wanted.default)
            if value is None:
                if wanted.required:
                    raise InputRefused(
                        f"The input {name!r} is missing.", field=f"input.{name}", way_out=wanted.description
                    )
                continue
            if not fits(wanted, value):
                raise InputRefused(
                    f"The input {name!r} is not a {wanted.type}.",
                    field=f"input.{name}",
                    way_out=wanted.description or f"Give a {wanted.type}.",
                )
            if wanted.type == "repository":
                try:
                    value = root = str(self._repositories.check(value))
                except BadInput as error:
                    raise InputRefused(error.message, field=f"input.{name}", way_out=error.way_out) from error
            values[name] = value
        return values, root

    def _cost(self, found: "_Found", agents: Sequence[PlannedAgent], budget: int) -> tuple[int, int, Shortage]:
        """From how much to how much it may cost, and what the day's budgets lack for that."""
        turns = self._turn_costs(found, agents)
        low, high = _cost(found, agents, turns, budget)
        # Whatever earlier runs cost, with whichever models: a turn is asked only where its upper bound can be held.
        return low, high, shortage(found.days, turns, max(high, min(sum(turns.values()), budget)))

    def _turn_costs(self, found: "_Found", agents: Sequence[PlannedAgent]) -> dict[str, int]:
        """What a typical turn of each agent may cost, in micro-dollars, but for models that cannot be asked."""
        turns: dict[str, int] = {}
        for agent in agents:
            model: ModelSpec = found.agents[agent.name][1].spec
            request = ModelRequest(
                agent.name, (Message("user", "x" * _TYPICAL_INPUT_CHARACTERS),), (), model.max_output_tokens
            )
            if self._hands.thinker.missing(model) is None:
                turns[agent.name] = self._hands.thinker.estimate(model, request)
        return turns


class _Found:
    def __init__(self, swarm: Resource, days: Sequence[tuple[Account, int]]) -> None:
        self.swarm = swarm
        self.days = days
        self.agents: dict[str, tuple[Resource, Resource]] = {}
        self.missing: list[Missing] = []
        self.times: tuple[int, int] | None = None
        self.costs: tuple[int, int] | None = None


def _cost(found: _Found, agents: Sequence[PlannedAgent], turns: Mapping[str, int], budget: int) -> tuple[int, int]:
    """A range in micro-dollars: what earlier runs cost when there are enough; else one turn each to the cap."""
    if found.costs:
        return min(found.costs[0], budget), min(found.costs[1], budget)
    high = sum(turns.get(agent.name, 0) * agent.max_turns for agent in agents)
    return min(sum(turns.values()), budget), min(high, budget)


def _ended(text: str) -> str:
    """What others say, with the full stop that ends it."""
    return f"{text.rstrip('.')}."


def _planned_tool(tool: Tool, verdict: PolicyVerdict) -> PlannedTool:
    return PlannedTool(
        server=tool.server,
        name=tool.name,
        description=tool.description,
        input_schema=tool.input_schema,
        risk=tool.risk,
        idempotent=tool.idempotent,
        schema_hash=tool.schema_hash,
        verdict=verdict.effect,
        rule=verdict.text,
        rules=verdict.rules,
        conditional=verdict.conditional,
    )


def _budget(scope: Scope, swarm: SwarmSpec, overrides: Overrides) -> int:
    """What the run may spend. Who may not change the swarm may lower it only."""
    declared = micros_from_usd(swarm.limits.budget_usd)
    if not overrides.budget_usd:
        return declared
    try:
        wanted = micros_from_usd(overrides.budget_usd)
    except ValueError as error:
        raise InputRefused(
            str(error), field="overrides.budget_usd", way_out='Write dollars as a decimal, e.g. "0.25".'
        ) from error
    if wanted > declared and "resource.apply" not in permissions_of(scope):
        raise NotPermitted(
            f"{scope.actor.name} may give a run of this swarm at most {usd_text(declared)}, its declared budget.",
            field="overrides.budget_usd",
            way_out="Launch it with less, or ask somebody with the role admin to raise spec.limits.budget_usd.",
        )
    return wanted


def _history(conn: sa.Connection, scope: Scope, swarm: str) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """(seconds low, high), (micro-dollars low, high) of the last runs that succeeded, when there are at least three."""
    spent = sa.select(sa.func.sum(agent_runs.c.spent_micros)).where(agent_runs.c.run == runs.c.id).scalar_subquery()
    query = (
        sa.select(runs.c.started_at, runs.c.finished_at, runs.c.deadline_at, runs.c.wall_clock_s, spent.label("spent"))
        .where(runs.c.tenant == scope.tenant, runs.c.swarm == swarm, runs.c.status == "succeeded")
        .order_by(runs.c.id.desc())
        .limit(_HISTORY)
    )
    rows = conn.execute(query).all()
    if len(rows) < _ENOUGH_HISTORY:
        return None, None
    # A rest (waiting for a person, a pause) moves the deadline by as much, so this is the time that was worked.
    times = [max(1, row.wall_clock_s - round((row.deadline_at - row.finished_at) / 1000)) for row in rows]
    costs = [int(row.spent or 0) for row in rows]
    return (min(times), _high(times)), (min(costs), _high(costs))


def _high(values: Sequence[int]) -> int:
    """The 95th percentile, rounded up to a value that was seen."""
    return max(values) if len(values) < _HISTORY else round(statistics.quantiles(values, n=20)[-1])
