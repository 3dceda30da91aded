"""What the claims of a verified token come to: pure rules, after the signature was checked."""

import math
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from swarmstead.kernel.hashing import sha256_hex
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.people.contract import ROLE_NAMES, Identity, IdentityProviderSpec
from swarmstead.people.errors import TokenRefused

LEEWAY_MS = 60_000
TYPES = frozenset(("", "jwt", "at+jwt", "application/at+jwt", "application/jwt"))
_MOST_CHARACTERS = 128  # of an actor's id: as wide as the audit trail's column
_LONGEST_NAME = 120
_MOST_VALUES = 1000
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
Claims = Mapping[str, Any]


def is_safe_address(url: str) -> bool:
    """Whether keys may be read from there: nobody on the way can change them."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or port == 0 or parts.query or parts.fragment or parts.username is not None or not url.isprintable():
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)


def identity_of(claims: Claims, name: str, spec: IdentityProviderSpec, now: int) -> Identity:
    """Who the token is for, and until when. Fails: TokenRefused."""
    expires = _check_times(claims, now)
    if claims.get("iss") != spec.issuer or not is_for(claims, spec.audience):
        raise TokenRefused("it is not of this issuer, or not for this server")
    for claim, wanted in spec.required_claims.items():
        if wanted not in _values(_claim(claims, claim)):
            raise TokenRefused(f"its claim {claim} is not what this server asks for")
    subject = _claim(claims, spec.subject_claim)
    if not isinstance(subject, str) or not subject or len(subject) > _MOST_VALUES or not subject.isprintable():
        raise TokenRefused(f"its claim {spec.subject_claim} names no subject")
    shown = _claim(claims, spec.name_claim)
    plain = isinstance(shown, str) and 0 < len(shown) <= _LONGEST_NAME and shown.isprintable()
    actor = Actor(_actor_id(name, subject), "user", shown if plain else subject[:_LONGEST_NAME], _roles(claims, spec))
    return Identity(Scope(_tenant(claims, spec), actor, spec.environment), "jwt", expires)


def is_for(claims: Claims, audience: str) -> bool:
    """Whether the token names this audience."""
    found = claims.get("aud")
    return found == audience or (isinstance(found, list) and audience in found)


def _check_times(claims: Claims, now: int) -> int:
    """When it ends, in milliseconds. Everybody's clock may be a minute off."""
    expires, begins, made = (_millis(claims, name) for name in ("exp", "nbf", "iat"))
    if expires is None:
        raise TokenRefused("it does not say when it expires")
    if expires + LEEWAY_MS <= now:
        raise TokenRefused("it has expired")
    if begins is not None and begins - LEEWAY_MS > now:
        raise TokenRefused("it is not valid yet")
    if made is not None and made - LEEWAY_MS > now:
        raise TokenRefused("it was made in the future")
    return expires


def _millis(claims: Claims, name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TokenRefused(f"its claim {name} is no time")
    return int(value * 1000)


def _tenant(claims: Claims, spec: IdentityProviderSpec) -> str:
    """The tenant that the operator has written down for it; a claim picks among these and makes none."""
    if spec.tenant:
        return spec.tenant
    value = _claim(claims, spec.tenant_claim)
    found = spec.tenants.get(value) if isinstance(value, str) else None
    if found is None:
        raise TokenRefused(f"its claim {spec.tenant_claim} names no tenant that its issuer may speak for")
    return found


def _roles(claims: Claims, spec: IdentityProviderSpec) -> frozenset[str]:
    named = _values(_claim(claims, spec.roles_claim))
    if spec.role_map:
        found = {role for value, role in spec.role_map.items() if value in named}
    else:
        found = {role for role in ROLE_NAMES if role in named}
    return frozenset(found) | frozenset(spec.roles)


def _actor_id(provider: str, subject: str) -> str:
    """`oidc:PROVIDER:SUBJECT`, or the subject's hash where it is too long, or could be taken for one."""
    plain = f"oidc:{provider}:{subject}"
    if len(plain) <= _MOST_CHARACTERS and not subject.startswith("sha256-"):
        return plain
    return f"oidc:{provider}:sha256-{sha256_hex(subject.encode())[:48]}"


def _claim(claims: Claims, path: str) -> Any:
    """The claim of that very name, or what lies at that path: `realm_access.roles`."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = cast("Mapping[str, Any]", found).get(part)
    return found


def _values(value: Any) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset((value, *value.split(" ")[:_MOST_VALUES]))
    if isinstance(value, list):
        return frozenset(one for one in cast("list[Any]", value)[:_MOST_VALUES] if isinstance(one, str))
    return frozenset()
