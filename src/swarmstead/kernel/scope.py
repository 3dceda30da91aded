"""Who asks, and in whose house. Every query and every command takes a Scope."""

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["user", "agent", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts: a person or key, an agent inside a run, or the product itself."""

    id: str
    kind: ActorKind
    name: str
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Scope:
    """A tenant and an actor in it.

    `environment` is the one that the credential or the request is limited to; '' for all of the tenant's. `derived`
    says that the credential was minted from another and ends with it: it makes no credentials itself.

    Invariants: `tenant` comes from the credential, never from the request; a query that takes a Scope returns
    rows of that tenant only.
    """

    tenant: str
    actor: Actor
    environment: str = ""
    derived: bool = False


def system_scope(tenant: str, name: str = "swarmstead") -> Scope:
    """The product acting on its own account inside one tenant (recovery, expiry, bootstrap)."""
    return Scope(tenant, Actor(id=f"system:{name}", kind="system", name=name, roles=frozenset({"system"})))
