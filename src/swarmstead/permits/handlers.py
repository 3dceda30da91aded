"""Asking a person, deciding, and using what was decided: each in the caller's transaction."""

from collections.abc import Mapping
from dataclasses import replace as replace_fields
from typing import Any

import sqlalchemy as sa

from swarmstead.audit.contract import Entry, record
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.hashing import digest
from swarmstead.kernel.ids import new_id
from swarmstead.kernel.scope import Scope, system_scope
from swarmstead.people.contract import require
from swarmstead.permits.contract import Approval, ApprovalStatus, Ask, Decision, topic_of
from swarmstead.permits.errors import AlreadyDecided, ApprovalUnknown, HashChanged, PlanNotApproved
from swarmstead.permits.tables import approvals
from swarmstead.storage.database import Tx
from swarmstead.storage.prepared import Prepared
from swarmstead.storage.signals import wake
from swarmstead.storage.sql import fields, insert_or_ignore
from swarmstead.telemetry.contract import redact_text

_MAX_REASON = 2_000
_MAX_NAME = 200
_UNDECIDED = "nobody decided in time"
_UNUSED = "it was approved and not used in time"
_WAIT = "Wait until a person has decided, then call again with the same plan."
_ANEW = "Plan the call again; a person decides about the new plan."
_SPENT = "Look first how that call ended: it may have happened, answered or not. The audit trail has its last row."
_OF_TENANT = approvals.c.tenant == sa.bindparam("tenant_")
_ENVIRONMENT: sa.BindParameter[str] = sa.bindparam("environment_", type_=sa.String)
# What `tables.visible` says, with the scope as values.
_MINE = (
    _OF_TENANT
    & sa.or_(_ENVIRONMENT == "", approvals.c.environment == _ENVIRONMENT)
    & (approvals.c.id == sa.bindparam("id_"))
)
_ASKED = Prepared(
    sa.select(approvals).where(
        _OF_TENANT, approvals.c.step == sa.bindparam("step_"), approvals.c.kind == sa.bindparam("kind_")
    )
)
_READ = Prepared(sa.select(approvals).where(_MINE))
_LOCK = Prepared(sa.select(approvals).where(_MINE).with_for_update())
_LOCK_OPEN = Prepared(
    sa.select(approvals)
    .where(_OF_TENANT, approvals.c.run == sa.bindparam("run_"), approvals.c.status == "pending")
    .with_for_update()
)
_CLOSE = Prepared(
    approvals.update().where(approvals.c.id == sa.bindparam("id_")), ["status", "decided_at", "decided_by", "reason"]
)
_USABLE = (
    _OF_TENANT
    & (approvals.c.id == sa.bindparam("id_"))
    & (approvals.c.status == "approved")
    & (approvals.c.hash == sa.bindparam("hash_"))
)
_UNSPENT = approvals.c.used_at.is_(None) & (approvals.c.expires_at > sa.bindparam("now_"))
_USE = Prepared(approvals.update().where(_USABLE, _UNSPENT).returning(*approvals.c), ["used_at"])
_USE_AGAIN = Prepared(approvals.update().where(_USABLE).returning(*approvals.c), ["used_at"])


def ask(tx: Tx, scope: Scope, clock: Clock, question: Ask) -> Approval:
    """Put a question into the inbox. A step that asks again (after a crash) gets the question it asked before."""
    same = {"tenant_": scope.tenant, "step_": question.step, "kind_": question.kind}
    if (found := _first(_ASKED, tx.conn, same)) is not None:
        return found
    now = clock.now_ms()
    stored = (name for name in Ask.__slots__ if name not in {"expires_in_ms", "check"})
    values: dict[str, Any] = {name: getattr(question, name) for name in stored}
    values |= {
        "id": new_id("ap", now),
        "tenant": scope.tenant,
        "status": "pending",
        "payload": dict(question.payload),
        "effect": dict(question.effect),
        "hash": digest(question.payload),
        "asked_by": scope.actor.id,
        "asked_by_name": scope.actor.name[:_MAX_NAME],
        "asked_at": now,
        "expires_at": now + question.expires_in_ms,
        "decided_at": None,
        "decided_by": "",
        "reason": "",
        "used_at": None,
    }
    if not insert_or_ignore(tx.conn, approvals, values):  # another worker came to this step at the same time
        return Approval(**_ASKED.records(tx.conn, same)[0])
    approval = Approval(**values)
    _record(tx, scope, approval, "approval.ask", question.check)
    return approval


def decide(
    tx: Tx, scope: Scope, clock: Clock, approval_id: str, decision: Decision, reason: str, hash_: str
) -> Approval:
    """A person's answer. `hash_` is the hash of the payload they saw.

    Invariants: only a person (or key) with the role decides; an agent's scope never has it.
    Fails: NotPermitted, ApprovalUnknown, HashChanged, AlreadyDecided, BadInput (a denial without a reason).
    """
    require(scope, "approval.decide")
    row = _first(_LOCK, tx.conn, _mine(scope, approval_id))
    if row is None:
        raise ApprovalUnknown(f"There is no approval {approval_id}.", way_out="Open the inbox: `stead inbox list`.")
    if row.hash != hash_:
        raise HashChanged(
            "This decision is for another payload than the one that waits.",
            way_out="Read the approval again and decide on what it says now.",
            extra={"hash": row.hash},
        )
    if len(reason) > _MAX_REASON or (decision == "deny" and not reason.strip()):
        raise BadInput(
            "A denial needs a reason."
            if not reason.strip()
            else f"The reason is longer than {_MAX_REASON} characters.",
            field="reason",
            way_out="Say in a sentence why; the agent is told.",
        )
    now = clock.now_ms()
    if row.status != "pending" or row.expires_at <= now:
        state = row.status if row.status != "pending" else "expired"
        why = f": {row.reason}" if row.status == "expired" and row.reason else ""
        raise AlreadyDecided(f"This approval is {state} already{why}.", way_out="Look at the run; it may ask again.")
    status: ApprovalStatus = "approved" if decision == "approve" else "denied"
    return _close(tx, scope, row, status, now, scope.actor.id, redact_text(reason.strip()))


def plan_of(conn: sa.Connection, scope: Scope, approval_id: str) -> Approval | None:
    """A plan as it stands; None when there is none."""
    return _first(_READ, conn, _mine(scope, approval_id))


def replace(tx: Tx, scope: Scope, clock: Clock, approval_id: str, why: str, question: Ask) -> Approval | None:
    """A new question in place of an approved plan, which is void from now on, for the reason `why`.

    Replacing twice asks once. None when the plan is not approved or was spent: `use` says what is wrong with it.
    """
    row = _first(_LOCK, tx.conn, _mine(scope, approval_id))
    if row is None or row.used_at is not None:
        return None
    if row.status == "approved":
        _expire(tx, row, clock, why)
    elif row.status != "expired" or row.reason != why:
        return None
    return ask(tx, scope, clock, question)


def use(tx: Tx, scope: Scope, clock: Clock, approval_id: str, payload_hash: str, *, again: bool = False) -> Approval:
    """Spend an approved plan on the payload that it was given for; the second use is refused.

    `again` is for a call that was in flight at a crash and is sent once more under the same key: the payload names the
    step, so it can be no other call.

    Fails: ApprovalUnknown, PlanNotApproved.
    """
    now = clock.now_ms()
    which = {"tenant_": scope.tenant, "id_": approval_id, "hash_": payload_hash, "used_at": now}
    used = _first(_USE_AGAIN, tx.conn, which) if again else _first(_USE, tx.conn, which | {"now_": now})
    if used is not None:
        return used
    row = _first(_READ, tx.conn, _mine(scope, approval_id))
    if row is None:
        raise ApprovalUnknown(f"There is no approval {approval_id}.")
    why = {"pending": "nobody has decided yet", "denied": f"it was denied: {row.reason}", "expired": "it has expired"}
    fault = why.get(row.status) or _fault_of_approved(row, payload_hash)
    raise PlanNotApproved(f"This plan cannot be applied: {fault}.", way_out=_way_out(row, payload_hash))


def _way_out(row: Approval, payload_hash: str) -> str:
    if row.status == "pending":
        return _WAIT
    return _SPENT if row.used_at and row.hash == payload_hash else _ANEW


def _fault_of_approved(row: Approval, payload_hash: str) -> str:
    if row.hash != payload_hash:
        return "it is for other arguments or another tool"
    return "it was used before" if row.used_at else "it has expired"


def tenants_due(conn: sa.Connection, clock: Clock) -> list[str]:
    """Where `expire` has something to do."""
    found = sa.select(approvals.c.tenant).where(_due(clock)).distinct().order_by(approvals.c.tenant)
    return list(conn.execute(found).scalars())


def expire(tx: Tx, clock: Clock, tenant: str, limit: int = 200) -> list[Approval]:
    """Close what has waited too long for a decision, or approved for its use; by the sweeper."""
    due = sa.select(approvals).where(approvals.c.tenant == tenant, _due(clock))
    rows = tx.conn.execute(due.limit(limit).with_for_update(skip_locked=True)).all()
    found = [Approval(**fields(row)) for row in rows]
    return [_expire(tx, one, clock, _UNDECIDED if one.status == "pending" else _UNUSED) for one in found]


def _due(clock: Clock) -> sa.ColumnElement[bool]:
    unused = (approvals.c.status == "approved") & (approvals.c.kind == "plan") & approvals.c.used_at.is_(None)
    return ((approvals.c.status == "pending") | unused) & (approvals.c.expires_at <= clock.now_ms())


def expire_of_run(tx: Tx, tenant: str, clock: Clock, run: str, why: str) -> list[Approval]:
    """Close what a run that has ended still asks."""
    found = _LOCK_OPEN.records(tx.conn, {"tenant_": tenant, "run_": run})
    return [_expire(tx, Approval(**one), clock, why) for one in found]


def _expire(tx: Tx, open_: Approval, clock: Clock, why: str) -> Approval:
    return _close(tx, system_scope(open_.tenant), open_, "expired", clock.now_ms(), open_.decided_by, why)


def _close(tx: Tx, scope: Scope, open_: Approval, status: ApprovalStatus, now: int, by: str, reason: str) -> Approval:
    answer: dict[str, Any] = {"status": status, "decided_at": now, "decided_by": by, "reason": reason}
    _CLOSE.run(tx.conn, {"id_": open_.id, **answer})
    wake(tx, topic_of(open_.id))
    approval = replace_fields(open_, **answer)
    _record(
        tx,
        scope,
        approval,
        f"approval.{'approve' if status == 'approved' else 'deny' if status == 'denied' else 'expire'}",
    )
    return approval


def _record(tx: Tx, scope: Scope, approval: Approval, action: str, more: Mapping[str, Any] | None = None) -> None:
    data = {"hash": approval.hash, "tool": f"{approval.server}/{approval.tool}", "risk": approval.risk, **(more or {})}
    if more and approval.agent:
        data["agent"] = approval.agent
    if approval.reason:
        data["reason"] = approval.reason
    record(tx, Entry(scope, action, f"approval/{approval.id}", run=approval.run, step=approval.step, data=data))


def _mine(scope: Scope, approval_id: str) -> dict[str, Any]:
    return {"tenant_": scope.tenant, "environment_": scope.environment, "id_": approval_id}


def _first(statement: Prepared, conn: sa.Connection, values: Mapping[str, Any]) -> Approval | None:
    found = statement.records(conn, values)
    return Approval(**found[0]) if found else None
