"""Asking a person, deciding, and using what was decided: each in the caller's transaction."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from swarmstead.audit.contract import Entry, record
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.hashing import digest
from swarmstead.kernel.ids import new_id
from swarmstead.kernel.scope import Scope, system_scope
from swarmstead.people.contract import require
from swarmstead.permits.contract import Approval, Ask, Decision, topic_of
from swarmstead.permits.errors import AlreadyDecided, ApprovalUnknown, HashChanged, PlanNotApproved
from swarmstead.permits.tables import approvals, visible
from swarmstead.storage.database import Tx
from swarmstead.storage.signals import wake
from swarmstead.storage.sql import fields, insert_or_ignore

_MAX_REASON = 2_000


def ask(tx: Tx, scope: Scope, clock: Clock, question: Ask) -> Approval:
    """Put a question into the inbox. A step that asks again (after a crash) gets the question it asked before."""
    same = (
        (approvals.c.tenant == scope.tenant) & (approvals.c.step == question.step) & (approvals.c.kind == question.kind)
    )
    existing = sa.select(approvals).where(same)
    if (found := tx.conn.execute(existing).first()) is not None:
        return _approval(found)
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
        "asked_at": now,
        "expires_at": now + question.expires_in_ms,
        "decided_at": None,
        "decided_by": "",
        "reason": "",
        "used_at": None,
    }
    if not insert_or_ignore(tx.conn, approvals, values):  # another worker came to this step at the same time
        return _approval(tx.conn.execute(existing).one())
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
    row = tx.conn.execute(_mine(scope, approval_id).with_for_update()).first()
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
        raise AlreadyDecided(f"This approval is {state} already.", way_out="Look at the run; it may ask again.")
    status = "approved" if decision == "approve" else "denied"
    return _close(tx, scope, row, status, now, scope.actor.id, reason.strip())


def use(tx: Tx, scope: Scope, clock: Clock, approval_id: str, payload_hash: str, *, again: bool = False) -> Approval:
    """Spend an approved plan on the payload that it was given for; the second use is refused.

    `again` is for a call that was in flight at a crash and is sent once more under the same key: the payload names the
    step, so it can be no other call.

    Fails: ApprovalUnknown, PlanNotApproved.
    """
    used = tx.conn.execute(
        approvals.update()
        .where(
            approvals.c.tenant == scope.tenant,
            approvals.c.id == approval_id,
            approvals.c.status == "approved",
            approvals.c.hash == payload_hash,
            sa.true() if again else approvals.c.used_at.is_(None),
        )
        .values(used_at=clock.now_ms())
        .returning(*approvals.c)
    ).first()
    if used is not None:
        return _approval(used)
    row = tx.conn.execute(_mine(scope, approval_id)).first()
    if row is None:
        raise ApprovalUnknown(f"There is no approval {approval_id}.")
    why = {"pending": "nobody has decided yet", "denied": f"it was denied: {row.reason}", "expired": "it has expired"}
    fault = why.get(row.status) or (
        "it was used before" if row.used_at else "it is for other arguments or another tool"
    )
    raise PlanNotApproved(
        f"This plan cannot be applied: {fault}.", way_out="Plan the call again; a person decides about the new plan."
    )


def expire(tx: Tx, clock: Clock, limit: int = 200) -> list[Approval]:
    """Close what has waited too long, in all tenants. Called by the sweeper."""
    due = (approvals.c.status == "pending") & (approvals.c.expires_at <= clock.now_ms())
    rows = tx.conn.execute(sa.select(approvals).where(due).limit(limit).with_for_update(skip_locked=True)).all()
    return [_expire(tx, row, clock, "nobody decided in time") for row in rows]


def expire_of_run(tx: Tx, tenant: str, clock: Clock, run: str, why: str) -> list[Approval]:
    """Close what a run that has ended still asks."""
    open_ = (approvals.c.tenant == tenant) & (approvals.c.run == run) & (approvals.c.status == "pending")
    rows = tx.conn.execute(sa.select(approvals).where(open_).with_for_update()).all()
    return [_expire(tx, row, clock, why) for row in rows]


def _expire(tx: Tx, row: sa.Row[Any], clock: Clock, why: str) -> Approval:
    return _close(tx, system_scope(row.tenant), row, "expired", clock.now_ms(), "", why)


def _close(tx: Tx, scope: Scope, row: sa.Row[Any], status: str, now: int, by: str, reason: str) -> Approval:
    answer: dict[str, Any] = {"status": status, "decided_at": now, "decided_by": by, "reason": reason}
    tx.conn.execute(approvals.update().where(approvals.c.id == row.id).values(answer))
    wake(tx, topic_of(row.id))
    approval = Approval(**(fields(row) | answer))
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


def _mine(scope: Scope, approval_id: str) -> sa.Select[Any]:
    return sa.select(approvals).where(visible(scope), approvals.c.id == approval_id)


def _approval(row: sa.Row[Any]) -> Approval:
    return Approval(**fields(row))
