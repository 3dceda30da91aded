"""Rows of the audit trail as questions to policies.

A row holds who called which tool, where and when, what class the tool was in and what was said then; never arguments.
A call that a person was asked about counts once, when it was asked about.
"""

from collections.abc import Iterable

from swarmstead.audit.contract import Row
from swarmstead.permits.contract import PastCall, PolicyQuestion

CALL, ASKED = "tool.call", "approval.ask"


def past_calls(rows: Iterable[Row], most: int) -> tuple[list[PastCall], int]:
    """At most `most` calls, and how many rows could not be read as one: they are from before verdicts were recorded."""
    calls: list[PastCall] = []
    unread = 0
    for row in rows:
        if len(calls) + unread >= most:
            break
        check = row.data.get("policy.check")
        if check is None:
            unread += row.action == CALL and row.data.get("verdict") != "denied"  # else refused before policies
        elif row.action == ASKED or check.get("effect") != "ask":
            calls.append(PastCall(row.seq, row.at, _question(row)))
    return calls, unread


def _question(row: Row) -> PolicyQuestion:
    data = row.data
    server, _, tool = str(data["tool"] if row.action == ASKED else row.target).partition("/")
    agent = str(data.get("agent", ""))
    return PolicyQuestion(
        kind="agent" if agent else "user",
        principal=agent or row.actor,
        name=agent or str(data.get("name", "")),
        roles=frozenset(data.get("roles", ())),
        digest="",
        swarm=str(data.get("swarm", "")),
        environment=str(data.get("environment", "")),
        server=server,
        tool=tool,
        risk=str(data.get("risk", "")),
        idempotent=bool(data.get("idempotent")),
        schema_hash="",
        at_ms=row.at,
    )
