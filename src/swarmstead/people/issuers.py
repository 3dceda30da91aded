"""JWTs of external issuers: which issuer, which key, does the signature hold, and what do the claims come to.

Invariants: an issuer is known because the operator has declared it, and speaks for the tenants written there only;
the algorithm is one of the provider's list and fits the kind of the issuer's key, so that neither `none` nor a public
key taken for a shared secret gets anywhere; keys come from the issuer's own key set, whatever the header points to.

Cost: 0.1 ms for a verification with a key that is known; joserfc takes 150 ms to import, with the first token.
"""

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from typing import Any, cast

from swarmstead.kernel.clock import Clock
from swarmstead.people import model
from swarmstead.people.contract import Identity, IdentityProviderSpec
from swarmstead.people.errors import TokenRefused
from swarmstead.people.keysets import KeySet
from swarmstead.people.ports import Fetch

_LONGEST = 16_384
_MOST_HEADER = 4_096
_PARTS = 3
Providers = Mapping[str, IdentityProviderSpec]


class Issuers:
    """All declared identity providers, by name."""

    def __init__(self, clock: Clock, fetch: Fetch, providers: Providers, changed: Callable[[], None]) -> None:
        self._clock = clock
        self._fetch = fetch
        self._changed = changed
        self._providers = dict(providers)
        self._keys = {spec.issuer: KeySet(spec.issuer, clock, fetch, changed) for spec in providers.values()}

    @property
    def urls(self) -> list[str]:
        """The issuers' URLs, sorted: what resource metadata tells of."""
        return sorted(self._keys)

    @property
    def scopes(self) -> list[str]:
        """Scopes that clients should ask for, of all issuers."""
        return sorted({scope for spec in self._providers.values() for scope in spec.scopes})

    def replace(self, providers: Providers) -> None:
        """Go on with other providers. Keys of issuers that stay are kept; what was verified before counts no more."""
        wanted = {spec.issuer for spec in providers.values()}
        new = {url: KeySet(url, self._clock, self._fetch, self._changed) for url in wanted}
        self._keys = {url: self._keys.get(url, made) for url, made in new.items()}
        self._providers = dict(providers)
        self._changed()

    async def verify(self, token: str) -> tuple[Identity, int]:
        """Whose token this is, and until when that need not be verified again. Fails: TokenRefused, IssuerAway."""
        header, claims = _read(token)
        name, spec = self._provider_of(claims)
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in spec.algorithms:
            raise TokenRefused("its signature algorithm is not taken here")
        kind = header.get("typ", "")
        if not isinstance(kind, str) or kind.lower() not in model.TYPES:
            raise TokenRefused("it is not an access token")
        if "crit" in header:
            raise TokenRefused("it asks for an extension that is not known here")
        kid = header.get("kid")
        if kid is not None and not isinstance(kid, str):
            raise TokenRefused("its key id is no text")
        keys = self._keys[spec.issuer]
        _check_signature(token, await keys.key(kid, algorithm), algorithm)
        identity = model.identity_of(claims, name, spec, self._clock.now_ms())
        return identity, min(identity.expires_at or 0, keys.fresh_until)

    async def aclose(self) -> None:
        """Stop asking issuers."""
        for keys in self._keys.values():
            await keys.aclose()
        await self._fetch.aclose()

    def _provider_of(self, claims: Mapping[str, Any]) -> tuple[str, IdentityProviderSpec]:
        """The one provider that this token can be for. Its claims are not verified yet, and nothing is done on them."""
        issuer = claims.get("iss")
        of_issuer = [(name, spec) for name, spec in self._providers.items() if spec.issuer == issuer]
        if not of_issuer:
            raise TokenRefused("its issuer is not known here")
        found = [(name, spec) for name, spec in of_issuer if model.is_for(claims, spec.audience)]
        if len(found) != 1:
            raise TokenRefused("it is for another audience" if not found else "it is for more than one audience here")
        return found[0]


def looks_like_jwt(credential: str) -> bool:
    """Whether this has a JWT's form; our own credentials have no dots."""
    return credential.startswith("eyJ") and credential.count(".") == _PARTS - 1


def _read(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    parts = token.split(".")
    if len(token) > _LONGEST or len(parts) != _PARTS or len(parts[0]) > _MOST_HEADER:
        raise TokenRefused("it is not a JWT, or far too long")
    return _decoded(parts[0]), _decoded(parts[1])


def _decoded(part: str) -> Mapping[str, Any]:
    try:
        found: Any = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise TokenRefused("it is not a JWT") from error
    if not isinstance(found, dict):
        raise TokenRefused("it is not a JWT")
    return cast("dict[str, Any]", found)


def _check_signature(token: str, key: Any, algorithm: str) -> None:
    from joserfc import jws
    from joserfc.errors import JoseError, UnsupportedAlgorithmError

    class Only(jws.JWSRegistry):
        """One algorithm, the one that was checked; `EdDSA` (as issuers still call it) without joserfc's warning."""

        max_header_length = _MOST_HEADER

        def get_alg(self, name: str) -> Any:
            if name != algorithm:
                raise UnsupportedAlgorithmError(name)
            return self.algorithms[name]

    try:
        jws.deserialize_compact(token, key, registry=Only(strict_check_header=False))
    except (JoseError, ValueError, TypeError) as error:
        raise TokenRefused("its signature does not hold") from error
