"""Tables of the runs room. `steps` is the journal: a step with an `output` is done and is never done again."""

import sqlalchemy as sa

from swarmstead.kernel.scope import Scope
from swarmstead.storage.tables import Document, Micros, Millis, metadata

DENIED = "status = 'denied'"
UNKNOWN = "status = 'unknown'"

plans = sa.Table(
    "plans",
    metadata,
    sa.Column("tenant", sa.String(63), primary_key=True),
    sa.Column("hash", sa.String(71), primary_key=True),
    sa.Column("content", Document, nullable=False),
    sa.Column("created_at", Millis, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("tenant", sa.String(63), nullable=False),
    sa.Column("swarm", sa.String(63), nullable=False),
    sa.Column("swarm_digest", sa.String(71), nullable=False),
    sa.Column("environment", sa.String(63), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("desired", sa.String(16), nullable=False),
    sa.Column("pending", sa.Integer, nullable=False),
    sa.Column("rested_since", Millis),
    sa.Column("input", Document, nullable=False),
    sa.Column("plan_hash", sa.String(71), nullable=False),
    sa.Column("model_kinds", Document, nullable=False),
    sa.Column("budget_micros", Micros, nullable=False),
    sa.Column("wall_clock_s", sa.Integer, nullable=False),
    sa.Column("launched_by", sa.String(128), nullable=False),
    sa.Column("idempotency_key", sa.String(200)),
    sa.Column("wish_hash", sa.String(71)),
    sa.Column("engine_version", sa.String(40), nullable=False),
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("started_at", Millis),
    sa.Column("finished_at", Millis),
    sa.Column("deadline_at", Millis),
    sa.Column("result", sa.Text),
    sa.Column("error", Document),
    sa.Column("trace_id", sa.String(32), nullable=False),
    sa.UniqueConstraint("tenant", "idempotency_key"),
    sa.Index("ix_runs_tenant_id", "tenant", "id"),
    sa.Index("ix_runs_status", "status", "tenant"),
)

agent_runs = sa.Table(
    "agent_runs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("tenant", sa.String(63), nullable=False),
    sa.Column("run", sa.String(32), sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("parent", sa.String(32)),
    sa.Column("parent_step", sa.String(160), nullable=False),
    sa.Column("agent", sa.String(63), nullable=False),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("model", sa.String(63), nullable=False),
    sa.Column("model_kind", sa.String(16), nullable=False),
    sa.Column("depth", sa.Integer, nullable=False),
    sa.Column("task", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("error", Document),
    sa.Column("turns", sa.Integer, nullable=False),
    sa.Column("spent_micros", Micros, nullable=False),
    sa.Column("input_tokens", sa.BigInteger, nullable=False),
    sa.Column("output_tokens", sa.BigInteger, nullable=False),
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("started_at", Millis),
    sa.Column("finished_at", Millis),
    sa.Index("ix_agent_runs_run", "run", "id"),
)

steps = sa.Table(
    "steps",
    metadata,
    sa.Column("key", sa.String(160), primary_key=True),
    sa.Column("tenant", sa.String(63), nullable=False),
    sa.Column("run", sa.String(32), sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("agent_run", sa.String(32), nullable=False),
    sa.Column("agent", sa.String(63), nullable=False),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("name", sa.String(263), nullable=False),
    sa.Column("risk", sa.String(16), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("input", Document),
    sa.Column("output", Document),
    sa.Column("error", Document),
    sa.Column("approval", sa.String(32)),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("attempted_at", Millis),
    sa.Column("spent_micros", Micros, nullable=False),
    sa.Column("input_tokens", sa.BigInteger, nullable=False),
    sa.Column("output_tokens", sa.BigInteger, nullable=False),
    sa.Column("started_at", Millis, nullable=False),
    sa.Column("waited_from", Millis),
    sa.Column("waited_to", Millis),
    sa.Column("finished_at", Millis),
    sa.Index("ix_steps_run", "run", "started_at", "key"),
    sa.Index("ix_steps_agent_run", "agent_run"),
    # Denials and calls in doubt are few: counting a run's must not cost a look at each of its steps.
    sa.Index("ix_steps_denied", "run", sqlite_where=sa.text(DENIED), postgresql_where=sa.text(DENIED)),
    sa.Index("ix_steps_unknown", "run", sqlite_where=sa.text(UNKNOWN), postgresql_where=sa.text(UNKNOWN)),
)

# Payloads over 64 KB, stored once per content; rows refer to them by hash.
artifacts = sa.Table(
    "artifacts",
    metadata,
    sa.Column("tenant", sa.String(63), primary_key=True),
    sa.Column("hash", sa.String(71), primary_key=True),
    sa.Column("content", Document, nullable=False),
    sa.Column("created_at", Millis, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("tenant", sa.String(63), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", Millis, nullable=False),
    sa.Column("run", sa.String(32), nullable=False),
    sa.Column("step", sa.String(160), nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("trace_id", sa.String(32), nullable=False),
    sa.Column("data", Document, nullable=False),
    sa.Column("schema", sa.Integer, nullable=False),
    sa.Index("ix_events_run", "run", "seq"),
)

event_heads = sa.Table(
    "event_heads",
    metadata,
    sa.Column("tenant", sa.String(63), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
)

# Processes that carry loops, when there are several: who is alive, and until when they are taken to be.
workers = sa.Table(
    "workers",
    metadata,
    sa.Column("executor", sa.String(64), primary_key=True),
    sa.Column("version", sa.String(40), nullable=False),
    sa.Column("started_at", Millis, nullable=False),
    sa.Column("lease_until", Millis, nullable=False),
)


def visible(scope: Scope) -> sa.ColumnElement[bool]:
    """What of `runs` a scope sees: its tenant's rows, or its environment's where it is limited to one."""
    mine = runs.c.tenant == scope.tenant
    return mine & (runs.c.environment == scope.environment) if scope.environment else mine
