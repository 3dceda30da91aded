"""Tables of the permits room."""

import sqlalchemy as sa

from swarmstead.kernel.scope import Scope
from swarmstead.storage.tables import Document, Millis, metadata

approvals = sa.Table(
    "approvals",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("tenant", sa.String(63), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("hash", sa.String(71), nullable=False),
    sa.Column("run", sa.String(32), nullable=False),
    sa.Column("agent_run", sa.String(32), nullable=False),
    sa.Column("agent", sa.String(63), nullable=False),
    sa.Column("step", sa.String(160), nullable=False),
    sa.Column("swarm", sa.String(63), nullable=False),
    sa.Column("environment", sa.String(63), nullable=False),
    sa.Column("server", sa.String(63), nullable=False),
    sa.Column("tool", sa.String(200), nullable=False),
    sa.Column("risk", sa.String(16), nullable=False),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("rule", sa.String(200), nullable=False),
    sa.Column("payload", Document, nullable=False),
    sa.Column("effect", Document, nullable=False),
    sa.Column("asked_at", Millis, nullable=False),
    sa.Column("expires_at", Millis, nullable=False),
    sa.Column("decided_at", Millis),
    sa.Column("decided_by", sa.String(128), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("used_at", Millis),
    sa.UniqueConstraint("tenant", "step", "kind"),
    sa.Index("ix_approvals_status", "tenant", "status", "expires_at"),
    sa.Index("ix_approvals_run", "tenant", "run"),
)


def visible(scope: Scope) -> sa.ColumnElement[bool]:
    """What of `approvals` a scope sees: its tenant's rows, or its environment's where it is limited to one."""
    mine = approvals.c.tenant == scope.tenant
    return mine & (approvals.c.environment == scope.environment) if scope.environment else mine
