"""What an MCP client is told: a tool's answer as it came, a plan that waits, a refusal with its way out."""

from collections.abc import Mapping
from typing import Any

from swarmstead.doors.mcp.protocol import PLAN_META
from swarmstead.gateway.contract import CallOutcome, PlanNeeded, Tool
from swarmstead.kernel.clock import rfc3339

NOT_CACHED: Mapping[str, Any] = {"ttlMs": 0, "cacheScope": "private"}
"""What a caller sees depends on grants that may change at any time."""
PLANS = (
    "Tools that change something answer with a plan first; a person approves it, then call again with the same "
    f"arguments and _meta {PLAN_META}."
)


def result_of(answer: CallOutcome | PlanNeeded) -> dict[str, Any]:
    """The result of `tools/call`."""
    if isinstance(answer, PlanNeeded):
        return _plan(answer)
    result = answer.result
    if result is None:
        text = f"{answer.reason} {answer.way_out}".strip()
        refusal: dict[str, Any] = {"code": answer.code, "verdict": answer.verdict}
        if answer.retry_after_s:
            refusal["retry_after_s"] = answer.retry_after_s
        meta = {"swarmstead.dev/refusal": refusal}
        return {"content": [{"type": "text", "text": text}], "isError": True, "_meta": meta}
    told: dict[str, Any] = {"content": result.content, "isError": result.is_error, **result.more}
    if result.structured is not None:
        told["structuredContent"] = result.structured
    return told


def _plan(answer: PlanNeeded) -> dict[str, Any]:
    told = {"plan_id": answer.plan_id, "hash": answer.hash, "expires_at": rfc3339(answer.expires_at)}
    text = (
        f"Nothing has happened yet: plan {answer.plan_id} waits for a person. "
        f"Call again with _meta {PLAN_META} once it is approved."
    )
    return {"content": [{"type": "text", "text": text}], "_meta": {"swarmstead.dev/plan": told}}


def tool_of(name: str, tool: Tool) -> dict[str, Any]:
    """A tool as its server defines it, under the name it has at this address, with what an operator says it may do."""
    hints = {"readOnlyHint": tool.risk == "read", "idempotentHint": tool.idempotent}
    claimed: Mapping[str, Any] = tool.definition.get("annotations") or {}
    annotations = {**claimed, **hints}
    return {"inputSchema": tool.input_schema, **tool.definition, "name": name, "annotations": annotations}
