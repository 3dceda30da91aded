"""What came of approvals, as far as is known: by their use, by steps of runs, by the trail of outside clients."""

from collections.abc import Mapping, Sequence
from typing import Any

from swarmstead.audit import queries as audit
from swarmstead.gatehouse import Gatehouse
from swarmstead.gateway import underway
from swarmstead.kernel.scope import Scope
from swarmstead.permits.contract import Approval, UseOutcome

_OF_STEP: dict[str, UseOutcome] = {"succeeded": "done", "failed": "failed", "denied": "failed", "running": "under_way"}
_OF_VERDICT: dict[str, UseOutcome] = {"ok": "done", "unknown": "unknown", "": "used"}


def uses(app: Gatehouse, conn: Any, scope: Scope, found: Sequence[Approval]) -> Mapping[str, UseOutcome]:
    """By id, of those that are approved."""
    approved = [one for one in found if one.status == "approved"]
    spent = [one for one in approved if one.used_at is not None or one.kind == "outcome"]
    steps = app.statuses_of_steps(conn, scope, [_step(one) for one in spent if one.run])
    outside = [_step(one) for one in spent if not one.run]
    under_way, ends = underway.among(conn, scope, outside), audit.ends_of_calls(conn, scope, outside)
    told: dict[str, UseOutcome] = {one.id: "not_used" for one in approved}
    for one in spent:
        step = _step(one)
        if one.run:  # whatever else a step is after it was sent (asked about, cut off with its run): nobody knows
            told[one.id] = _OF_STEP.get(steps.get(step, ""), "unknown")
        else:
            told[one.id] = "under_way" if step in under_way else _OF_VERDICT.get(ends.get(step, ""), "failed")
    return told


def _step(one: Approval) -> str:
    """The step of its call; a question that is asked again about the same step has another of its own."""
    return str(one.payload.get("step", one.step))
