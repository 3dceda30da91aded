"""Rows and contracts as the API shows them. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from swarmstead.audit.contract import Row
from swarmstead.doors.http import shapes
from swarmstead.doors.http.shapes import when
from swarmstead.gateway.reach import hidden
from swarmstead.kernel.clock import rfc3339
from swarmstead.kernel.scope import Scope
from swarmstead.people.contract import KeyView, permissions_of
from swarmstead.permits.contract import Approval, Asker, UseOutcome
from swarmstead.resources.contract import Resource
from swarmstead.resources.queries import manifest

_OF_CALL = ("arguments", "more", "precondition")


def approval(found: Approval, asker: Asker | None, reader: Scope, came: UseOutcome | None) -> shapes.ApprovalShape:
    """A question. No asker: an outside client asks, not a run.

    Who may decide is shown the payload exactly as it was hashed; others without credentials, and without what the run
    was told in secret.
    """
    exact = "approval.decide" in permissions_of(reader)
    asker = asker or Asker()
    told = {name: getattr(found, name) for name in ("sentence", "reason")}
    told |= {"payload": dict(found.payload), "effect": dict(found.effect)}
    shown = told if exact else told | _without_secrets(told, asker.show)
    return shapes.ApprovalShape(
        id=found.id,
        status=found.status,
        kind=found.kind,
        hash=found.hash,
        run=found.run,
        swarm=found.swarm,
        environment=found.environment,
        agent=found.agent,
        agent_run=found.agent_run,
        step=found.step,
        server=found.server,
        tool=found.tool,
        risk=found.risk,
        rule=found.rule,
        asked_by=found.asked_by,
        asked_by_name=found.asked_by_name,
        asked_at=rfc3339(found.asked_at),
        expires_at=rfc3339(found.expires_at),
        decided_at=when(found.decided_at),
        decided_by=found.decided_by or None,
        outcome=came,
        model_kind=asker.model_kind,
        run_spent_micros=asker.spent_micros,
        run_budget_micros=asker.budget_micros,
        concealed=shown != told,
        **shown,
    )


def _without_secrets(told: Mapping[str, Any], show: Callable[[Any], Any]) -> dict[str, Any]:
    """The same without what is secret. What the payload says beside the call (ids, digests) is never taken apart."""
    payload, effect = told["payload"], told["effect"]
    return {
        "sentence": show(told["sentence"]),
        "reason": show(told["reason"]),
        "payload": payload | {name: show(payload[name]) for name in _OF_CALL if name in payload},
        "effect": show(effect) | {name: effect[name] for name in ("kind",) if name in effect},
    }


def shown(found: Resource) -> Resource:
    """A resource without the values that no view shows."""
    if found.kind != "ToolServer":
        return found
    spec = replace(found.spec, **{part: hidden({part: getattr(found.spec, part)})[part] for part in ("headers", "env")})
    return replace(found, spec=spec, content=hidden(found.content))


def resource(found: Resource) -> shapes.ResourceShape:
    """One version of a resource."""
    found = shown(found)
    return shapes.ResourceShape(
        kind=found.kind,
        name=found.name,
        digest=found.digest,
        version=found.version,
        created_at=rfc3339(found.created_at),
        created_by=found.created_by,
        labels=dict(found.labels),
        owner=found.owner,
        spec=dict(found.content),
        manifest=manifest(found),
    )


def audit_row(found: Row) -> shapes.AuditRowShape:
    """One row of the trail."""
    names = shapes.AuditRowShape.model_fields.keys() - {"at", "data"}
    return shapes.AuditRowShape(
        at=rfc3339(found.at), data=dict(found.data), **{name: getattr(found, name) for name in names}
    )


def key(found: KeyView) -> dict[str, Any]:
    """A key, as fields of KeyShape."""
    return {
        "id": found.id,
        "name": found.name,
        "prefix": found.prefix,
        "roles": list(found.roles),
        "created_at": rfc3339(found.created_at),
        "expires_at": when(found.expires_at),
        "revoked_at": when(found.revoked_at),
        "certificate": found.certificate,
    }
