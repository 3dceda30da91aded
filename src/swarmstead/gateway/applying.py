"""`apply_plan`: how a client applies an approved plan that can say nothing but which tool it calls with what.

Most desktop hosts let their model choose a tool and its arguments and nothing else, so they cannot name a plan in
`_meta`. The stored plan holds the exact call; naming it is enough. What comes of that is an ordinary call with a plan,
and walks the whole chain like one. Approvals are given by people, elsewhere, and never through this.
"""

from collections.abc import Mapping
from typing import Any

from swarmstead.gateway.contract import Caller, CallRequest
from swarmstead.permits.contract import Approval

APPLY = "apply_plan"
_LONGEST = 64

DEFINITION: Mapping[str, Any] = {
    "name": APPLY,
    "description": (
        "Carry out a call that was answered with a plan, exactly as it was planned, once a person has approved it. "
        "Nobody is asked and nothing is approved by calling this: while nobody has decided it says so, and can be "
        "called again after the person has."
    ),
    "inputSchema": {
        "type": "object",
        "additionalProperties": False,
        "required": ["plan_id"],
        "properties": {
            "plan_id": {
                "type": "string",
                "minLength": 1,
                "maxLength": _LONGEST,
                "description": "As the answer of the planned call gave it.",
            }
        },
    },
    "annotations": {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True},
}


def fault_of(arguments: Mapping[str, Any]) -> str:
    """What is wrong with the arguments of `apply_plan`, '' when nothing is."""
    plan_id = arguments.get("plan_id")
    if not isinstance(plan_id, str) or not 0 < len(plan_id) <= _LONGEST:
        return "`plan_id` is the id of a plan, as the answer of the planned call gave it."
    if extra := arguments.keys() - {"plan_id"}:
        return f"There is no argument {min(extra)!r}: a plan is applied as it was approved, or not at all."
    return ""


def planned_call(plan: Approval, caller: Caller, root: str) -> CallRequest | None:
    """The very call that a plan was made for, to be walked through the chain; None when it is not this caller's plan.

    Nothing in it is taken for true: the chain works the plan's hash out of this call again, and spends the plan only
    where it is the one that was approved.
    """
    payload, actor = plan.payload, caller.scope.actor.id
    is_own = (
        plan.kind == "plan"
        and plan.tenant == caller.scope.tenant
        and plan.environment == caller.environment
        and plan.asked_by == payload.get("actor") == actor
        and not (plan.run or plan.agent or caller.run or caller.agent)
    )
    if not is_own:
        return None
    return CallRequest(
        caller,
        str(payload["server"]),
        str(payload["tool"]),
        payload["arguments"],
        str(payload["step"]),
        root=root,
        plan_id=plan.id,
        by_plan=True,
        more=payload.get("more") or {},
    )
