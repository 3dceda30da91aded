"""What an MCP client is told: a tool's answer as it came, a plan that waits, a refusal with its way out."""

from collections.abc import Mapping
from typing import Any

from swarmstead import __version__
from swarmstead.doors.mcp.protocol import PLAN_META
from swarmstead.gateway.applying import APPLY
from swarmstead.gateway.contract import CallOutcome, PlanNeeded
from swarmstead.kernel.clock import rfc3339

NOT_CACHED: Mapping[str, Any] = {"ttlMs": 0, "cacheScope": "private"}
"""What a caller sees depends on grants that may change at any time."""
INFO: Mapping[str, Any] = {"name": "swarmstead", "title": "Swarmstead", "version": __version__}
SERVER_META = "io.modelcontextprotocol/serverInfo"
_OF_THE_OTHER_ERA = ("resultType", *NOT_CACHED)
PLANS = (
    "Tools that change something answer with a plan first, and a person decides on it. Once it is approved, call "
    f"{APPLY} with its plan_id, or call again with the same arguments and _meta {PLAN_META}."
)


def whole(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result in the era without sessions: it says of what kind it is, and that it comes from us."""
    meta: Any = result.get("_meta")
    return {"resultType": "complete", **result, "_meta": {**(meta or {}), SERVER_META: INFO}}


def plain(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """A result in the era of sessions, without what a server of the other one has said."""
    return {name: value for name, value in result.items() if name not in _OF_THE_OTHER_ERA}


def read_result(result: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of a resource. How long they keep is the server's to say; they are this caller's alone."""
    return {**NOT_CACHED, **result, "cacheScope": NOT_CACHED["cacheScope"]}


def result_of(answer: CallOutcome) -> dict[str, Any]:
    """The result of `tools/call`, how it ended."""
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


def plan(answer: PlanNeeded, *, applied_by: str) -> dict[str, Any]:
    """The result of `tools/call` that waits for a person. `applied_by` is the tool that applies plans, '' for none."""
    told = {"plan_id": answer.plan_id, "hash": answer.hash, "expires_at": rfc3339(answer.expires_at)}
    by_name = f'call {applied_by} with {{"plan_id": "{answer.plan_id}"}}, or ' if applied_by else ""
    text = (
        f"Nothing has happened yet: plan {answer.plan_id} waits for a person. Once it is approved, {by_name}"
        f"call again with the same arguments and _meta {PLAN_META}."
    )
    # A client refuses a success without what the tool's outputSchema promises, and would never see the plan.
    return {"content": [{"type": "text", "text": text}], "isError": True, "_meta": {"swarmstead.dev/plan": told}}
