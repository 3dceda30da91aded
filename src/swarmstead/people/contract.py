"""Roles, permissions and what the room shows of keys and sessions.

The whole authorisation table of the product is `ROLES`; handlers call `require` before they touch anything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Len

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
]

_VIEW: tuple[Permission, ...] = ("read",)
_OPERATE: tuple[Permission, ...] = ("run.launch", "run.command", "tool.call")
_APPROVE: tuple[Permission, ...] = ("approval.decide", "audit.read")
_ADMINISTER: tuple[Permission, ...] = ("resource.apply", "audit.checkpoint", "key.manage")
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
# What concerns the whole tenant, and so is out of reach for whoever is limited to one environment of it.
TENANT_WIDE: frozenset[Permission] = frozenset(("resource.apply", "audit.read", "audit.checkpoint", "key.manage"))

_OF_KEYS: frozenset[Permission] = frozenset(("key.manage",))


def credentials_topic(tenant: str) -> str:
    """The signal that a credential of the tenant has ended, or one that was refused is good now."""
    return f"credentials:{tenant}"


def permissions_of(scope: Scope) -> frozenset[Permission]:
    """Everything the actor's roles allow, taken together, less what the credential's limits take away."""
    return _permissions(scope.actor.roles, bool(scope.environment), scope.derived)


@lru_cache(maxsize=1024)
def _permissions(roles: frozenset[str], narrowed: bool, derived: bool) -> frozenset[Permission]:  # noqa: FBT001 - a key
    found: frozenset[Permission] = frozenset(permission for role in roles for permission in ROLES.get(role, ()))
    if derived:
        found -= _OF_KEYS
    return found - TENANT_WIDE if narrowed else found


def roles_within(roles: Iterable[str]) -> frozenset[str]:
    """The roles that allow nothing beyond these: an admin's key may make a viewer's token."""
    may = _permissions(frozenset(roles), narrowed=False, derived=False)
    return frozenset(role for role in ROLE_NAMES if ROLES[role] <= may)


def require(scope: Scope, permission: Permission) -> None:
    """Fails: NotPermitted, naming the roles that would do, unless the actor has `permission`."""
    if permission in permissions_of(scope):
        return
    if permission in _permissions(scope.actor.roles, narrowed=False, derived=False):
        limits = f"limited to the environment {scope.environment}" if scope.environment else "short-lived"
        raise NotPermitted(
            f"{scope.actor.name} may not do this with this credential: it is {limits}.",
            way_out="Use the key itself, without X-Stead-Environment.",
            extra={"permission": permission, "roles": [role for role in ROLE_NAMES if permission in ROLES[role]]},
        )
    able = [role for role in ROLE_NAMES if permission in ROLES[role]]
    raise NotPermitted(
        f"{scope.actor.name} may not do this: it needs the permission {permission}.",
        way_out=f"Ask somebody with the role {' or '.join(able)}, or have the role added to your key.",
        extra={"permission": permission, "roles": able},
    )


def require_environment(scope: Scope, environment: str) -> None:
    """Fails: NotPermitted, when the scope is limited to another environment than this one."""
    if scope.environment and scope.environment != environment:
        raise NotPermitted(
            f"{scope.actor.name} may act in the environment {scope.environment} only, not in {environment or 'none'}.",
            way_out="Use a credential that is not limited to one environment, or name the one that it is limited to.",
            code="environment_refused",
            extra={"environment": scope.environment},
        )


@dataclass(frozen=True, slots=True)
class KeyView:
    """An API key without its secret. `prefix` is what its owner recognises it by.

    `certificate` is the identity of the client certificate that stands in for the secret; '' for a key with a secret.
    """

    id: str
    name: str
    prefix: str
    roles: tuple[str, ...]
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: `secret` is shown once and is not stored; '' for one that is a certificate."""

    view: KeyView
    secret: str


@dataclass(frozen=True, slots=True)
class NewToken:
    """A short-lived token just minted: `secret` is shown once and is not stored."""

    id: str
    secret: str
    roles: tuple[str, ...]
    environment: str
    expires_at: int


Means = Literal["key", "token", "session", "jwt", "certificate"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a request is from, and how that is known. `expires_at` is when the credential ends; None when it does not."""

    scope: Scope
    means: Means
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """The client certificate of a TLS connection, verified by TLS itself.

    `identities` are what a key may be registered under, the most exact first: fingerprint, URIs, DNS names, subject.
    """

    fingerprint: str
    identities: tuple[str, ...]
    not_after: int


@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """An environment of a tenant. Production is framed in the UI and bounded by policy."""

    name: str
    production: bool


Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]


@dataclass(frozen=True, slots=True)
class IdentityProviderSpec:
    """Spec of `kind: IdentityProvider`: an OpenID issuer whose JWTs are let in, for which tenants and in which roles.

    Read from the operator's own file and never applied through the API: a tenant cannot make an issuer known.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "use_attribute_docstrings": True}

    issuer: Annotated[str, Len(1, 500)]
    """The issuer's URL, exactly as tokens name it (`iss`).

    `https`, or `http` on a loopback address. Its keys are found by discovery (`/.well-known/openid-configuration`).
    """
    audience: Annotated[str, Len(1, 500)]
    """What tokens for this server name as `aud`. Tokens for anybody else are refused."""
    tenant: Annotated[str, Len(0, 63)] = ""
    """The tenant of every token of this issuer. Give this, or `tenant_claim` with `tenants`."""
    tenant_claim: Annotated[str, Len(0, 200)] = ""
    """The claim that says which tenant a token is for; its values are looked up in `tenants`."""
    tenants: Annotated[Mapping[str, str], Len(0, 10_000)] = field(default_factory=dict[str, str])
    """Value of `tenant_claim` -> tenant. A token with any other value is refused."""
    subject_claim: Annotated[str, Len(1, 200)] = "sub"
    """The claim that tells one caller from another for ever."""
    name_claim: Annotated[str, Len(1, 200)] = "name"
    """The claim with the name that people know the caller by; without it, the subject is shown."""
    roles_claim: Annotated[str, Len(1, 200)] = "roles"
    """The claim with the caller's roles or groups: a list, or a text with spaces. `realm_access.roles` looks inside."""
    role_map: Annotated[Mapping[str, Role], Len(0, 1000)] = field(default_factory=dict[str, Role])
    """Value in `roles_claim` -> role; other values count for nothing. Without it, names of roles are taken as such."""
    roles: Annotated[tuple[Role, ...], Len(0, 4)] = ()
    """Roles that every token of this issuer has, whatever it says."""
    environment: Annotated[str, Len(0, 63)] = ""
    """The only environment that tokens of this issuer may act in; empty for all."""
    algorithms: Annotated[tuple[Algorithm, ...], Len(1, 11)] = ("RS256", "ES256", "EdDSA", "Ed25519")
    """Signature algorithms that are taken. All need a public key; there is no `none` and no shared secret."""
    scopes: Annotated[tuple[str, ...], Len(0, 50)] = ()
    """Scopes that clients should ask the issuer for; told to them in the resource metadata (RFC 9728)."""
    required_claims: Annotated[Mapping[str, str], Len(0, 50)] = field(default_factory=dict[str, str])
    """Claims that a token must have, with their values; a list must contain the value."""
