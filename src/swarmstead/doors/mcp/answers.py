"""What an MCP client is told: a tool's answer as it came, a plan that waits, a refusal with its way out."""

from typing import Any

from swarmstead.doors.mcp.protocol import PLAN_META
from swarmstead.gateway.contract import CallOutcome, PlanNeeded, Tool
from swarmstead.kernel.clock import rfc3339

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
        meta = {"swarmstead.dev/refusal": {"code": answer.code, "verdict": answer.verdict}}
        return {"content": [{"type": "text", "text": text}], "isError": True, "_meta": meta}
    told: dict[str, Any] = {"content": list(result.content), "isError": result.is_error}
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
    """A tool as `tools/list` shows it, under the name it has at this address."""
    shown: dict[str, Any] = {
        "name": name,
        "description": tool.description,
        "inputSchema": tool.input_schema,
        "annotations": {"readOnlyHint": tool.risk == "read", "idempotentHint": tool.idempotent},
    }
    return shown | ({"outputSchema": tool.output_schema} if tool.output_schema else {})
