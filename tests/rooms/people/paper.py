"""An issuer on paper: its documents are handed out by a `Fetch`, and its keys sign whatever a test wants signed."""

import json
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from swarmstead.people.errors import IssuerAway
from tests.clocks import START_MS

AUDIENCE = "https://stead.example/mcp"
ISSUER = "https://issuer.example"
_ALL = ["RS256", "RS384", "PS256", "ES256", "ES384", "Ed25519", "HS256"]
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
OTHER_RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
WEAK_RSA = {"kty": "RSA", "kid": "weak", "e": "AQAB", "n": "s" * 171}  # 1024 bits
EC = ECKey.generate_key("P-256", {"kid": "ec"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})


def claims(**more: Any) -> dict[str, Any]:
    """Claims of a good token; `name=None` leaves one out."""
    now = START_MS // 1000
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 600, "roles": ["operator"]}
    return {name: value for name, value in (good | more).items() if value is not None}


def token(said: Mapping[str, Any], key: Any = RSA, alg: str = "RS256", **header: Any) -> str:
    """A signed token; its header names the key's id unless the test says otherwise."""
    head = {"alg": alg, "typ": "at+jwt", "kid": key.kid} | header
    head = {name: value for name, value in head.items() if value is not None}
    registry = jws.JWSRegistry(algorithms=_ALL, strict_check_header=False)
    return jws.serialize_compact(head, json.dumps(said), key, registry=registry)


class Paper:
    """A `people.ports.Fetch` over documents by URL. `asked` is what was fetched; `away` makes it fail."""

    def __init__(self, *keys: Any) -> None:
        self.asked: list[str] = []
        self.away = False
        self.documents: dict[str, bytes] = {}
        self.discovery(issuer=ISSUER, jwks_uri=f"{ISSUER}/keys")
        self.keys(*(keys or (RSA,)))

    def discovery(self, **fields: Any) -> None:
        """Set the discovery document."""
        self.documents[f"{ISSUER}/.well-known/openid-configuration"] = json.dumps(fields).encode()

    def keys(self, *keys: Any) -> None:
        """Set the key set: keys, or dictionaries as they are."""
        listed: list[Any] = [key if isinstance(key, dict) else key.as_dict(private=False) for key in keys]
        self.documents[f"{ISSUER}/keys"] = json.dumps({"keys": listed}).encode()

    async def get(self, url: str, *, max_bytes: int) -> bytes:
        self.asked.append(url)
        if self.away or url not in self.documents:
            raise IssuerAway(f"{url} did not answer.")
        assert len(self.documents[url]) <= max_bytes
        return self.documents[url]

    async def aclose(self) -> None:
        """Nothing is open."""
