"""Policies of a tenant without a database, and questions to them."""

from dataclasses import replace
from typing import Any

from swarmstead.kernel.hashing import digest
from swarmstead.permits.contract import PolicyException, PolicyMode, PolicyQuestion, PolicySpec, PolicyVerdict
from swarmstead.permits.policies.reading import check
from swarmstead.permits.policies.tenant import House, Loaded, TenantPolicies

SUNDAY_NOON = 1_795_348_800_000  # 2026-11-22T12:00:00Z
HOUSE = House(
    production={"dev": False, "prod": True},
    agent_digests={"ann": "sha256:a1"},
    agent_labels={"ann": {"team": "payments"}},
    server_labels={"kit": {"tier": "gold"}},
)
ANN = PolicyQuestion(
    kind="agent",
    principal="ann",
    name="ann",
    roles=frozenset(),
    digest="sha256:a1",
    swarm="team",
    environment="dev",
    server="kit",
    tool="put",
    risk="write",
    idempotent=False,
    schema_hash="sha256:s",
    arguments={},
    at_ms=SUNDAY_NOON,
)
ADA = replace(ANN, kind="user", principal="key:k_1", name="Ada", roles=frozenset({"operator"}), digest="", swarm="")


def loaded(name: str, cedar: str, mode: PolicyMode = "enforce", *exceptions: PolicyException, **more: Any) -> Loaded:
    """A policy as the service would load it."""
    spec = PolicySpec(cedar, mode, exceptions=exceptions, **more)
    return Loaded(name, digest([cedar, mode, repr(more), repr(exceptions)]), spec, check(cedar))


def policies(*some: Loaded | str, house: House = HOUSE, tenant: str = "acme") -> TenantPolicies:
    """A tenant's policies; texts are named p0, p1 and so on."""
    named = [loaded(f"p{n}", one) if isinstance(one, str) else one for n, one in enumerate(some)]
    return TenantPolicies(tenant, house, named)


def verdict(cedar: str, question: PolicyQuestion = ANN, /, **changes: Any) -> PolicyVerdict:
    """What one enforced policy makes of a question."""
    return policies(cedar).decide(replace(question, **changes), SUNDAY_NOON)


def effect(cedar: str, question: PolicyQuestion = ANN, /, **changes: Any) -> str:
    """As `verdict`, the effect only."""
    return verdict(cedar, question, **changes).effect
