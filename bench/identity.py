"""What it costs to know whose request this is.

    python -m bench.identity [CALLS]

Prints one line of JSON: microseconds of CPU per request (the best and the median of 15 rounds) for a credential that
was seen a moment ago, as a door asks with the headers of a usual MCP call; and for one that has to be looked up.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from swarmstead.kernel.clock import SystemClock
from swarmstead.people import handlers
from swarmstead.people.contract import IdentityProviderSpec
from swarmstead.people.credentials import Credentials
from swarmstead.people.issuers import Issuers
from swarmstead.people.tokens import mint_token
from swarmstead.settings import load
from swarmstead.storage.signals import Signals
from swarmstead.wiring import open_database

_ROUNDS = 15
_ISSUER, _AUDIENCE = "https://issuer.example", "https://stead.example/mcp"
_HEADERS = [
    (b"host", b"127.0.0.1:8700"),
    (b"accept", b"application/json, text/event-stream"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"connection", b"keep-alive"),
    (b"user-agent", b"python-httpx/0.28"),
    (b"content-type", b"application/json"),
    (b"content-length", b"180"),
    (b"mcp-protocol-version", b"2025-11-25"),
]
_KEYS = {"RS256": RSAKey.generate_key(2048, {"kid": "rsa"}), "ES256": ECKey.generate_key("P-256", {"kid": "ec"})}


class Paper:
    """The issuer's documents, at hand."""

    async def get(self, url: str, *, max_bytes: int) -> bytes:
        """Discovery or the key set."""
        del max_bytes
        if url.endswith("openid-configuration"):
            return json.dumps({"issuer": _ISSUER, "jwks_uri": f"{_ISSUER}/keys"}).encode()
        return json.dumps({"keys": [key.as_dict(private=False) for key in _KEYS.values()]}).encode()

    async def aclose(self) -> None:
        """Nothing is open."""


def _jwt(algorithm: str) -> str:
    now = int(time.time())
    claims = {"iss": _ISSUER, "aud": _AUDIENCE, "sub": "bench", "roles": ["operator"], "iat": now, "exp": now + 3600}
    key = _KEYS[algorithm]
    return jws.serialize_compact({"alg": algorithm, "kid": key.kid}, json.dumps(claims), key, algorithms=[algorithm])


async def _timed(calls: int, ask: Callable[[], Awaitable[object]]) -> dict[str, float]:
    rounds: list[float] = []
    for _ in range(_ROUNDS):
        begin = time.process_time()
        for _ in range(calls):
            await ask()
        rounds.append((time.process_time() - begin) / calls * 1e6)
    return {"best_us": round(min(rounds), 2), "median_us": round(statistics.median(rounds), 2)}


async def _measure(folder: Path, calls: int) -> dict[str, dict[str, float]]:
    clock, signals = SystemClock(), Signals()
    db = open_database(load({}, data=folder), clock, signals)
    credentials = Credentials(db, clock)
    spec = IdentityProviderSpec(_ISSUER, _AUDIENCE, tenant="default")
    credentials.issuers = issuers = Issuers(clock, Paper(), {"bench": spec}, credentials.forget)
    key = await db.write(lambda tx: handlers.bootstrap(tx, clock))
    assert key is not None
    scope = await credentials.scope_of([(b"authorization", b"Bearer " + key.secret.encode())])
    token = await db.write(lambda tx: mint_token(tx, scope, clock))
    found: dict[str, dict[str, float]] = {}
    for name, secret in (("key", key.secret), ("token", token.secret), ("jwt", _jwt("RS256"))):
        headers = [*_HEADERS, (b"authorization", f"Bearer {secret}".encode())]

        async def hot(headers: list[tuple[bytes, bytes]] = headers) -> object:
            return await credentials.scope_of(headers, address="127.0.0.1")

        async def cold(headers: list[tuple[bytes, bytes]] = headers) -> object:
            credentials.forget()
            return await credentials.scope_of(headers, address="127.0.0.1")

        found[f"{name}, seen"] = await _timed(calls, hot)
        found[f"{name}, looked up"] = await _timed(max(1, calls // 50), cold)
    narrow = [*_HEADERS, (b"authorization", f"Bearer {key.secret}".encode()), (b"x-stead-environment", b"dev")]
    found["key, seen, with X-Stead-Environment"] = await _timed(calls, lambda: credentials.scope_of(narrow))
    for algorithm in _KEYS:
        text = _jwt(algorithm)
        found[f"{algorithm} verified"] = await _timed(max(1, calls // 50), lambda text=text: issuers.verify(text))
    await issuers.aclose()
    db.close()
    return found


def main() -> None:
    """Measure, and print what was found."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(_measure(Path(folder), calls))))


if __name__ == "__main__":
    main()
