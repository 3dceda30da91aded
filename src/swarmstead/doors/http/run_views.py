"""Runs and plans as the API shows them. Pure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from starlette.responses import Response

from swarmstead.doors.http import shapes
from swarmstead.doors.http.problems import response_of
from swarmstead.doors.http.shapes import when
from swarmstead.kernel.clock import rfc3339
from swarmstead.runs.contract import Plan, PlannedAgent, PlannedTool, StoredEvent
from swarmstead.runs.queries import RunRow
from swarmstead.runs.told import Show, shown_to_readers
from swarmstead.telemetry.contract import span_id_of

if TYPE_CHECKING:
    from swarmstead.runs.errors import PlanChanged

_REASONS = {
    "queued": "waiting for a worker",
    "running": "",
    "waiting": "waits for a person",
    "paused": "paused by a person",
    "cancelled": "cancelled by a person",
}


def run(found: RunRow, loop_version: str) -> shapes.RunShape:
    """A run for a list."""
    row = found.row
    show = shown_to_readers(row["input"])
    resting = row["rested_since"] if row["deadline_at"] is not None and row["finished_at"] is None else None
    return shapes.RunShape(
        id=row["id"],
        swarm=row["swarm"],
        swarm_digest=row["swarm_digest"],
        environment=row["environment"],
        status=row["status"],
        status_reason=show(_reason(row, loop_version, found.said)),
        held=row["finished_at"] is None and row["desired"] == "paused",
        pending_approvals=row["pending"],
        denied=found.denied,
        unknown=found.unknown,
        model_kinds=list(row["model_kinds"]),
        input=show(row["input"]),
        plan_hash=row["plan_hash"],
        launched_by=row["launched_by"],
        created_at=rfc3339(row["created_at"]),
        started_at=when(row["started_at"]),
        finished_at=when(row["finished_at"]),
        deadline_at=when(row["deadline_at"]) if resting is None else None,
        work_left_ms=None if resting is None else max(0, row["deadline_at"] - resting),
        spent_micros=found.spent_micros,
        budget_micros=row["budget_micros"],
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
        seq=found.seq,
        result=show(row["result"]),
        error=error(row["error"], show),
        trace_id=row["trace_id"],
    )


def _reason(row: Mapping[str, Any], loop_version: str, said: str) -> str:
    if row["finished_at"] is None and row["engine_version"] != loop_version:
        return (
            f"was started by loop version {row['engine_version']}, this server carries {loop_version}: "
            "start a worker of the older version to finish it, or cancel it"
        )
    if row["finished_at"] is None and row["desired"] == "cancelled":
        return "is being cancelled"
    if row["status"] == "running" and row["desired"] == "paused":
        return "pauses at the next safe point"
    if row["status"] == "waiting" and row["desired"] == "paused":
        return f"paused as well{f' ({said})' if said else ''}: a decision is kept until it is resumed"
    if row["error"]:
        return str(row["error"].get("message", ""))
    return _REASONS.get(row["status"], "") + (f": {said}" if said else "")


def error(stored: Mapping[str, Any] | None, show: Show) -> shapes.ErrorShape | None:
    """A stored error. Its code is a word of ours, which programs go by."""
    return None if not stored else shapes.ErrorShape.model_validate(show(dict(stored)) | {"code": stored["code"]})


def agent_run(row: Mapping[str, Any], names: Mapping[str, str], show: Show) -> shapes.AgentRunShape:
    """An agent run; `names` maps agent run ids to agents' names."""
    plain = (
        "id",
        "parent",
        "agent",
        "digest",
        "model",
        "model_kind",
        "depth",
        "status",
        "turns",
    )
    texts = ("task", "why", "outcome")
    sums = ("spent_micros", "input_tokens", "output_tokens")
    return shapes.AgentRunShape(
        **{name: row[name] for name in (*plain, *sums)},
        **{name: show(row[name]) for name in texts},
        delegated_by=names.get(row["parent"] or ""),
        error=error(row["error"], show),
        started_at=when(row["started_at"]),
        finished_at=when(row["finished_at"]),
    )


def step(row: Mapping[str, Any], trace_id: str, show: Show) -> shapes.StepShape:
    """A step for a list."""
    return shapes.StepShape(**_step(row, trace_id, show))


def step_detail(row: Mapping[str, Any], trace_id: str, show: Show) -> shapes.StepDetail:
    """A step with input and output."""
    return shapes.StepDetail(**_step(row, trace_id, show), input=show(row["input"]), output=show(row["output"]))


def _step(row: Mapping[str, Any], trace_id: str, show: Show) -> dict[str, Any]:
    plain = ("key", "agent_run", "agent", "turn", "kind", "name", "status", "attempts", "approval")
    sums = ("spent_micros", "input_tokens", "output_tokens")
    server, mark, tool = row["name"].partition("__") if row["kind"] == "tool" else ("", "", "")
    return {name: row[name] for name in (*plain, *sums)} | {
        "summary": show(row["summary"]),
        "server": server if mark else None,
        "tool": tool if mark else None,
        "risk": row["risk"] or None,
        "error": error(row["error"], show),
        "started_at": rfc3339(row["started_at"]),
        "finished_at": when(row["finished_at"]),
        "waited_from": when(row["waited_from"]),
        "waited_to": when(row["waited_to"]),
        "trace_id": trace_id,
        "span_id": span_id_of(row["key"]),
    }


def event(found: StoredEvent) -> dict[str, Any]:
    """An event, as a plain mapping: it is streamed as well as listed."""
    return {
        "seq": found.seq,
        "at": rfc3339(found.at),
        "tenant": found.tenant,
        "run": found.run or None,
        "step": found.step or None,
        "kind": found.kind,
        "actor": found.actor,
        "trace_id": found.trace_id or None,
        "data": dict(found.data),
        "schema": found.schema,
    }


def plan(found: Plan) -> shapes.PlanShape:
    """A plan, with the approvals that it will ask for."""
    show = shown_to_readers(found.input)
    asks = [
        shapes.ExpectedApproval(agent=agent.name, tool=f"{tool.server}/{tool.name}", rule=tool.rule)
        for agent in found.agents
        for tool in agent.tools
        if tool.verdict == "ask"
    ]
    return shapes.PlanShape(
        hash=found.hash,
        swarm=found.swarm,
        swarm_digest=found.swarm_digest,
        pattern=found.pattern,
        environment=found.environment,
        input=show(dict(found.input)),
        overrides=show(dict(found.overrides)),
        task=show(found.task),
        agents=[_planned(agent) for agent in found.agents],
        policy=found.policy,
        cost=shapes.CostShape(
            low_micros=found.cost_low_micros, high_micros=found.cost_high_micros, cap_micros=found.budget_micros
        ),
        time=shapes.TimeShape(low_s=found.time_low_s, high_s=found.time_high_s, cap_s=found.wall_clock_s),
        expected_approvals=asks,
        missing=[shapes.MissingShape(what=one.what, way_out=one.way_out) for one in found.missing],
        notes=[show(note) for note in found.notes],
        created_at=rfc3339(found.created_at),
    )


def _planned(agent: PlannedAgent) -> shapes.PlannedAgentShape:
    names = ("name", "digest", "role", "description", "model", "model_digest", "model_kind", "max_turns")
    return shapes.PlannedAgentShape(
        **{name: getattr(agent, name) for name in names}, tools=[_planned_tool(tool) for tool in agent.tools]
    )


def _planned_tool(tool: PlannedTool) -> shapes.PlannedToolShape:
    names = ("server", "name", "description", "risk", "idempotent", "schema_hash", "verdict", "rule")
    names += ("rules", "conditional")
    return shapes.PlannedToolShape(**{name: getattr(tool, name) for name in names})


async def plan_changed(_request: Any, error: Exception) -> Response:
    """The refusal of a launch whose plan is not what would run now; it comes with the plan that would."""
    refused = cast("PlanChanged", error)
    if isinstance(refused.plan, Plan):
        refused.extra["plan"] = plan(refused.plan).model_dump(mode="json")
    return response_of(refused)
