"""Roles, permissions and what the room shows of keys and sessions.

The whole authorisation table of the product is `ROLES`; handlers call `require` before they touch anything.
"""

from dataclasses import dataclass
from typing import Literal

from swarmstead.kernel.errors import NotPermitted
from swarmstead.kernel.scope import Scope

Role = Literal["viewer", "operator", "approver", "admin"]
Permission = Literal[
    "read",
    "run.launch",
    "run.command",
    "approval.decide",
    "resource.apply",
    "tool.call",
    "audit.read",
    "audit.checkpoint",
    "key.manage",
    "server.drain",
]

_VIEW: tuple[Permission, ...] = ("read",)
_OPERATE: tuple[Permission, ...] = ("run.launch", "run.command", "tool.call")
_APPROVE: tuple[Permission, ...] = ("approval.decide", "audit.read")
_ADMINISTER: tuple[Permission, ...] = ("resource.apply", "audit.checkpoint", "key.manage", "server.drain")
_ALL: frozenset[Permission] = frozenset((*_VIEW, *_OPERATE, *_APPROVE, *_ADMINISTER))
ROLES: dict[str, frozenset[Permission]] = {
    "viewer": frozenset(_VIEW),
    "operator": frozenset((*_VIEW, *_OPERATE)),
    "approver": frozenset((*_VIEW, *_APPROVE)),
    "admin": _ALL,
    # The product itself, never a key or a person; see kernel.scope.system_scope.
    "system": _ALL,
}
ROLE_NAMES: tuple[Role, ...] = ("viewer", "operator", "approver", "admin")


def permissions_of(scope: Scope) -> frozenset[Permission]:
    """Everything the actor's roles allow, taken together."""
    return frozenset(permission for role in scope.actor.roles for permission in ROLES.get(role, ()))


def require(scope: Scope, permission: Permission) -> None:
    """Fails: NotPermitted, naming the roles that would do, unless the actor has `permission`."""
    if permission in permissions_of(scope):
        return
    able = [role for role in ROLE_NAMES if permission in ROLES[role]]
    raise NotPermitted(
        f"{scope.actor.name} may not do this: it needs the permission {permission}.",
        way_out=f"Ask somebody with the role {' or '.join(able)}, or have the role added to your key.",
        extra={"permission": permission, "roles": able},
    )


@dataclass(frozen=True, slots=True)
class KeyView:
    """An API key without its secret. `prefix` is what its owner recognises it by."""

    id: str
    name: str
    prefix: str
    roles: tuple[str, ...]
    created_at: int
    expires_at: int | None
    revoked_at: int | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: `secret` is shown once and is not stored."""

    view: KeyView
    secret: str


@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """An environment of a tenant. Production is framed in the UI and bounded by policy."""

    name: str
    production: bool
