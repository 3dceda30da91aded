"""Audit entries, how a room records one, and what verification answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from swarmstead.kernel.scope import Scope
from swarmstead.storage.database import Tx

Phase = Literal["note", "intent", "attempt", "effect"]
FLUSHER = "audit"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done, tried or decided.

    `phase` is `note` for what has no side effect; a side effect leaves `intent` (before it is allowed to start),
    `attempt` (just before it is sent) and `effect` (what came back). `data` holds hashes and short summaries, never
    payloads or secrets.
    """

    scope: Scope
    action: str
    target: str
    phase: Phase = "note"
    run: str = ""
    step: str = ""
    trace_id: str = ""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])


def record(tx: Tx, entry: Entry) -> None:
    """Append `entry` to its tenant's chain in this very transaction: no change without its row."""
    tx.stage(FLUSHER, entry)


@dataclass(frozen=True, slots=True)
class Row:
    """One stored link of the chain. `seq` starts at 1 and has no gaps within a tenant."""

    tenant: str
    seq: int
    at: int
    actor: str
    actor_kind: str
    action: str
    target: str
    phase: str
    run: str
    step: str
    trace_id: str
    data: Mapping[str, Any]
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Unread(Row):
    """Stands for a row that something else than this product has written to: not all of its fields can be read.

    Those are empty here, and `data` names them under `unreadable`. It never gives its hash, so an export of it fails
    its verification at this row.
    """


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed statement "row `seq` of this tenant had this hash". Keep it elsewhere: it shows a truncated chain."""

    tenant: str
    seq: int
    hash: str
    at: int
    key_id: str
    signature: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Where the chain is broken, and how."""

    seq: int
    problem: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer of a verification: how many rows were checked, up to which head, and what is wrong."""

    ok: bool
    checked: int
    head_seq: int
    head_hash: str
    problems: tuple[Problem, ...]
