"""The public keys of one issuer: found by discovery, kept, and read again when they may have changed.

    fresh     less than ten minutes old: used
    stale     up to an hour older than that: used, while a new set is asked for in the background
    too old   not used; the issuer must answer

A key that nobody knows asks for a new set at once, but not within ten seconds of the last attempt: whoever makes key
ids up makes no traffic with that. One request at a time is under way.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, cast

from swarmstead.kernel.clock import Clock
from swarmstead.people.errors import IssuerAway, TokenRefused
from swarmstead.people.model import is_safe_address
from swarmstead.people.ports import Fetch

log = logging.getLogger(__name__)
FRESH_MS, KEPT_MS, RETRY_MS = 600_000, 3_600_000, 10_000
_MOST_BYTES = 262_144
_MOST_KEYS = 100
_SHORTEST_MODULUS = 342  # characters: 2048 bits
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "Ed25519": "Ed25519"}


class KeySet:
    """One issuer's keys. `changed` is called when one of them is gone: what was verified with it counts no more."""

    def __init__(self, issuer: str, clock: Clock, fetch: Fetch, changed: Callable[[], None]) -> None:
        self._issuer = issuer
        self._clock = clock
        self._fetch = fetch
        self._changed = changed
        self._keys: list[tuple[Mapping[str, Any], Any]] = []
        self._read_at: int | None = None
        self._tried_at: int | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def fresh_until(self) -> int:
        """Until when what was verified with these keys need not be looked at again."""
        return (self._read_at or 0) + FRESH_MS

    async def key(self, kid: object, algorithm: str) -> Any:
        """The key that a token's header asks for. Fails: TokenRefused, IssuerAway."""
        age = self._age()
        if age is None or age > FRESH_MS + KEPT_MS:
            await self._read()
            age = self._age()
            if age is None or age > FRESH_MS + KEPT_MS:
                raise IssuerAway(
                    f"The keys of {self._issuer} cannot be read now.",
                    way_out="Try again in some seconds, or use an API key.",
                )
        elif age > FRESH_MS:
            self._read()
        found = self._pick(kid, algorithm)
        if found is None:
            await self._read()
            found = self._pick(kid, algorithm)
        if found is None:
            raise TokenRefused("it is not signed by a key of its issuer")
        return found

    async def aclose(self) -> None:
        """Stop asking."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def _age(self) -> int | None:
        return None if self._read_at is None else self._clock.now_ms() - self._read_at

    def _pick(self, kid: object, algorithm: str) -> Any:
        """The only key that fits. Without a key id there must be no choice."""
        fits = [key for jwk, key in self._keys if _fits(jwk, algorithm) and (kid is None or jwk.get("kid") == kid)]
        return fits[0] if len(fits) == 1 else None

    def _read(self) -> "asyncio.Future[None]":
        """Ask for the keys, unless that was done a moment ago. What comes of it shows in the keys; it does not fail."""
        now = self._clock.now_ms()
        if self._reading is None or self._reading.done():
            if self._tried_at is not None and abs(now - self._tried_at) < RETRY_MS:
                done = asyncio.get_running_loop().create_future()
                done.set_result(None)
                return done
            self._tried_at = now
            self._reading = asyncio.create_task(self._read_once())
        return asyncio.shield(self._reading)  # who waits may go; the others wait on

    async def _read_once(self) -> None:
        try:
            keys = _usable(_object(await self._fetch.get(await self._discovered(), max_bytes=_MOST_BYTES)))
        except IssuerAway as error:
            log.warning("the keys of an issuer were not read: %s", error.message)
            return
        gone = [jwk for jwk, _ in self._keys if jwk not in [new for new, _ in keys]]
        self._keys, self._read_at = keys, self._clock.now_ms()
        if gone:
            self._changed()

    async def _discovered(self) -> str:
        """Where the key set lies. Fails: IssuerAway."""
        base = self._issuer.rstrip("/")
        found = _object(await self._fetch.get(f"{base}/.well-known/openid-configuration", max_bytes=_MOST_BYTES))
        place = found.get("jwks_uri")
        if found.get("issuer") != self._issuer:
            raise IssuerAway(f"What is discovered at {self._issuer} is of another issuer.")
        if not isinstance(place, str) or not is_safe_address(place):
            raise IssuerAway(f"What is discovered at {self._issuer} names no safe place for its keys.")
        return place


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise IssuerAway("The issuer's answer is not JSON.") from error
    if not isinstance(found, dict):
        raise IssuerAway("The issuer's answer is no JSON object.")
    return cast("dict[str, Any]", found)


def _usable(document: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Any]]:
    """The public keys for signatures. A key of another kind is passed over; a shared secret is never taken."""
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    listed = document.get("keys")
    if not isinstance(listed, list):
        raise IssuerAway("The issuer's key set holds no list of keys.")
    found: list[tuple[Mapping[str, Any], Any]] = []
    for one in cast("list[Any]", listed)[:_MOST_KEYS]:
        jwk = cast("dict[str, Any]", one) if isinstance(one, dict) else {}
        if jwk.get("kty") not in ("RSA", "EC", "OKP") or jwk.get("use", "sig") != "sig" or "d" in jwk:
            continue
        if jwk["kty"] == "RSA" and len(str(jwk.get("n", ""))) < _SHORTEST_MODULUS:
            continue
        try:
            found.append((jwk, import_key(cast("Any", jwk))))
        except (JoseError, ValueError, TypeError, KeyError):
            log.warning("an issuer's key set holds a key that cannot be read")
    return found


def _fits(jwk: Mapping[str, Any], algorithm: str) -> bool:
    """Whether the key is made for this algorithm: by what it says, and by its kind."""
    if jwk.get("alg", algorithm) not in ({"EdDSA", "Ed25519"} if algorithm in ("EdDSA", "Ed25519") else {algorithm}):
        return False
    if algorithm.startswith(("RS", "PS")):
        return jwk["kty"] == "RSA"
    if algorithm == "EdDSA":
        return jwk["kty"] == "OKP" and jwk.get("crv") == "Ed25519"
    return jwk.get("crv") == _CURVES.get(algorithm)
