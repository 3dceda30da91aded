"""A fresh look at what an open plan would change: for the person who decides, who may do so hours after it was asked.

What an approval binds to stays what it was. That the world has moved since is only told here; the call itself looks
once more before it happens, and asks anew where it finds something else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from swarmstead.gateway.catalogue import Catalogue
from swarmstead.gateway.chain import Call
from swarmstead.gateway.contract import Caller, CallRequest
from swarmstead.gateway.errors import UpstreamFailed
from swarmstead.gateway.grants import Grants
from swarmstead.gateway.links.permit import DryRun
from swarmstead.gateway.offers import Listed
from swarmstead.kernel.scope import Scope
from swarmstead.permits.contract import Approval

_NO_PREVIEW = "Its tool has no preview."


@dataclass(frozen=True, slots=True)
class Look:
    """`same` as when it was asked, `changed` since, or `unknown`: `why` says what keeps us from knowing.

    `barred`: the call cannot be done as things stand, whatever is decided; `why` says what is in its way.

    `effect` is what would happen now, empty where that is not known.
    """

    state: Literal["same", "changed", "unknown", "barred"]
    effect: Mapping[str, Any] = field(default_factory=dict[str, Any])
    why: str = ""


class Looking:
    """Takes fresh looks. Each is a call of the tool's preview, with its row in the trail, and takes its turn."""

    def __init__(self, grants: Grants, catalogue: Catalogue, dry_run: DryRun) -> None:
        self._grants = grants
        self._catalogue = catalogue
        self._dry_run = dry_run

    async def at(self, scope: Scope, plan: Approval) -> Look:
        """What `plan` would do now. Fails: RateExceeded, Overloaded, TrailFull, storage.errors."""
        if plan.kind != "plan":
            return Look("unknown", why="It asks whether to repeat a call.")
        request = CallRequest(
            caller=Caller(scope, agent=plan.agent, run=plan.run, swarm=plan.swarm, environment=plan.environment),
            server=plan.server,
            tool=plan.tool,
            arguments=plan.payload["arguments"],
            key=f"{plan.step}/look",
            root=str(plan.payload["root"]),
        )
        grants = await self._grants.of(scope)
        server = grants.server(plan.server, request.root, request.caller)
        if server is None:
            return Look("barred", why="Its tool server is not declared any more.")
        if not grants.binds(plan.agent, plan.environment, plan.server, plan.tool):
            return Look("barred", why=f"The tool is not bound to {plan.agent or 'outside clients'} any more.")
        try:
            listed = (await self._catalogue.tools(server)).get(plan.tool)
        except UpstreamFailed as error:
            return Look("unknown", why=error.message)
        if listed is None or listed.tool.state != "accepted":
            return Look("barred", why=_set_aside(listed))
        return await self._effect(Call(request).found(server, listed), plan.payload.get("precondition") or {})

    async def _effect(self, call: Call, bound: Mapping[str, Any]) -> Look:
        if not bound:
            return Look("unknown", why=_NO_PREVIEW)
        effect, found = await self._dry_run.of(call)
        if not found:
            return Look("unknown", why=str(effect.get("why") or "Its tool has no preview any more."))
        return Look("same" if found == bound else "changed", effect)


def _set_aside(listed: Listed | None) -> str:
    if listed is None:
        return "Its tool server does not have this tool any more."
    return f"The tool is {listed.tool.state}: {listed.tool.problem}"
