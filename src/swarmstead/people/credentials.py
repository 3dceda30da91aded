"""Whose request is this? The one answer for every door: REST, event streams, MCP.

What a request presents is, in this order: `Authorization: Bearer` (a key, a short-lived token or an issuer's JWT), a
browser's session cookie where the door takes one, or the client certificate of its TLS connection. `X-Stead-Tenant`
and `X-Stead-Environment` may narrow what the credential gives, and never widen it.

Invariants: the tenant comes from the credential; a credential that was revoked in this process is refused by the next
request, and elsewhere as soon as Postgres says so, at the latest after five seconds; what is kept in memory are hashes.

Cost: 2-3 us for a credential that was seen within five seconds (`python -m bench.identity`), one read for another.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from hashlib import sha256
from typing import Any, TypeVar

import sqlalchemy as sa

from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import NotPermitted, NotSignedIn
from swarmstead.kernel.scope import Scope
from swarmstead.people import queries
from swarmstead.people.cache import Entry, Guesses, Verified
from swarmstead.people.contract import Identity, PeerCertificate, credentials_topic, require_environment
from swarmstead.people.errors import IssuerAway, TenantRefused, TokenRefused, TooManyGuesses
from swarmstead.people.issuers import Issuers, looks_like_jwt
from swarmstead.people.tokens import TOKEN_MARK, unknown_environment
from swarmstead.storage.database import Database
from swarmstead.storage.signals import EVERYTHING
from swarmstead.telemetry.contract import credential_refused

T = TypeVar("T")
COOKIE = "stead_session"
TENANT_HEADER, ENVIRONMENT_HEADER = "X-Stead-Tenant", "X-Stead-Environment"
KEPT_MS, REFUSED_MS = 5_000, 2_000
_AUTHORIZATION, _COOKIE, _TENANT, _ENVIRONMENT = (
    b"authorization",
    b"cookie",
    TENANT_HEADER.lower().encode(),
    ENVIRONMENT_HEADER.lower().encode(),
)
_WANTED = frozenset((_AUTHORIZATION, _COOKIE, _TENANT, _ENVIRONMENT))
_TOPIC = credentials_topic("")
_SIGN_IN = "Send `Authorization: Bearer KEY`, or sign in through the link that the server printed at start."
_NOT_LET_IN = (NotSignedIn, NotPermitted, TooManyGuesses, IssuerAway)  # and not a database that is away
Headers = Iterable[tuple[bytes, bytes]]
Look = Callable[[], Awaitable[tuple[Identity, int]]]


class _Counted:
    """Counts who was not let in. One for all: it keeps nothing, so a request that is let in pays next to nothing."""

    __slots__ = ()

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, _NOT_LET_IN):
            credential_refused(error.code)


_counted = _Counted()


class Credentials:
    """Finds the scope of a request, and remembers it for a moment. Made once, at wiring."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._verified = Verified()
        self._guesses = Guesses()
        self.issuers: Issuers | None = None
        """The declared identity providers; set at wiring, after `forget` is there for them to call."""

    def heard(self, topic: str) -> None:
        """A signal watcher: a credential of a tenant has ended, or wakes may have been missed."""
        if topic == EVERYTHING:
            self.forget()
        elif topic.startswith(_TOPIC):
            self._verified.forget(topic.removeprefix(_TOPIC))

    def forget(self) -> None:
        """Verify every credential anew from here on."""
        self._verified.forget()

    async def scope_of(
        self, headers: Headers, *, peer: PeerCertificate | None = None, address: str = "", cookies: bool = False
    ) -> Scope:
        """Whose request this is. `headers` as ASGI gives them: lower-case names. `cookies`: the door is for browsers.

        Fails: NotSignedIn, CredentialRefused, TokenRefused, IssuerAway, TooManyGuesses; NotPermitted and BadInput for
        a header that does not narrow.
        """
        with _counted:
            found = _picked(headers)
            entry, authorization = None, found.get(_AUTHORIZATION)
            if authorization is not None:
                entry = self._verified.get(sha256(authorization).digest())
            if entry is None or entry.until <= self._clock.now_ms() or not entry.epoch.alive:
                entry = await self._entry(found, peer, address, cookies=cookies)
            if _TENANT in found or _ENVIRONMENT in found:
                return await self._narrowed(entry.scope, found)
            return entry.scope

    async def identify(
        self, headers: Headers, *, peer: PeerCertificate | None = None, address: str = "", cookies: bool = False
    ) -> Identity:
        """As `scope_of`, with the means and the end of the credential."""
        with _counted:
            found = _picked(headers)
            entry = await self._entry(found, peer, address, cookies=cookies)
            scope = await self._narrowed(entry.scope, found)
        return Identity(scope, entry.identity.means, entry.identity.expires_at)

    async def counted(self, address: str, look: Coroutine[Any, Any, T]) -> T:
        """Look a secret up that came in a body, and count a wrong one against its address.

        Fails: TooManyGuesses; whatever `look` does.
        """
        with _counted:
            try:
                return await self._guesses.look(address, self._clock.now_ms(), lambda: look)
            finally:
                look.close()  # does nothing where it was awaited

    async def _entry(
        self, found: Mapping[bytes, bytes], peer: PeerCertificate | None, address: str, *, cookies: bool
    ) -> Entry:
        """What is kept of the credential, or what a look at it finds."""
        now = self._clock.now_ms()
        digest, look = self._presented(found, peer, cookies=cookies)
        kept = self._verified.get(digest)
        if kept is not None and kept.until > now and kept.epoch.alive:
            return kept
        if (refused := self._verified.refusal(digest, now)) is not None:
            raise refused
        told = self._verified.told

        async def looked() -> tuple[Identity, int]:
            try:
                return await look()
            except NotSignedIn as error:
                if told == self._verified.told:
                    self._verified.refuse(digest, error, now + REFUSED_MS)
                raise

        if kept is not None:  # it was good a moment ago: no guess, and it waits for nobody who guesses
            identity, until = await looked()
        else:
            identity, until = await self._guesses.look(address, now, looked)
        # What ended while we looked may be this very credential: then it is good for this request and not kept.
        return self._verified.put(digest, identity, until if told == self._verified.told else now)

    def _presented(
        self, found: Mapping[bytes, bytes], peer: PeerCertificate | None, *, cookies: bool
    ) -> tuple[bytes, Look]:
        """The name under which the credential is kept, and how to find out about it. Fails: NotSignedIn."""
        header = found.get(_AUTHORIZATION)
        if header is not None:
            return sha256(header).digest(), lambda: self._of_bearer(_bearer(header))
        session = _session(found.get(_COOKIE, b"")) if cookies else ""
        if session:
            return sha256(b"session:" + session.encode()).digest(), lambda: self._of_session(session)
        if peer is not None:
            if peer.not_after <= self._clock.now_ms():  # a connection may outlive the certificate it began with
                raise NotSignedIn("The client certificate has expired.", way_out="Connect with a new one.")
            return sha256(b"certificate:" + peer.fingerprint.encode()).digest(), lambda: self._of_certificate(peer)
        raise NotSignedIn("This needs a key, a session or a client certificate.", way_out=_SIGN_IN)

    async def _of_bearer(self, secret: str) -> tuple[Identity, int]:
        if self.issuers is not None and looks_like_jwt(secret):
            return await self._of_jwt(self.issuers, secret)
        if secret.startswith(TOKEN_MARK):
            return await self._read(lambda conn: queries.identity_of_token(conn, self._clock, secret))
        return await self._read(lambda conn: queries.identity_of_key(conn, self._clock, secret))

    async def _of_session(self, secret: str) -> tuple[Identity, int]:
        return await self._read(lambda conn: queries.identity_of_session(conn, self._clock, secret))

    async def _of_certificate(self, peer: PeerCertificate) -> tuple[Identity, int]:
        return await self._read(lambda conn: queries.identity_of_certificate(conn, self._clock, peer))

    async def _of_jwt(self, issuers: Issuers, token: str) -> tuple[Identity, int]:
        identity, until = await issuers.verify(token)
        scope = identity.scope
        known = await self._db.read(lambda conn: queries.environments_of(conn, scope.tenant))
        if known is None or (scope.environment and scope.environment not in known):
            raise TokenRefused("its issuer is declared for a tenant or an environment that does not exist")
        return identity, until

    async def _read(self, look: Callable[[sa.Connection], Identity]) -> tuple[Identity, int]:
        identity = await self._db.read(look)
        until = self._clock.now_ms() + KEPT_MS
        return identity, until if identity.expires_at is None else min(until, identity.expires_at)

    async def _narrowed(self, scope: Scope, found: Mapping[bytes, bytes]) -> Scope:
        """The scope as the request limits it. Fails: TenantRefused, BadInput, NotPermitted."""
        tenant, environment = found.get(_TENANT), found.get(_ENVIRONMENT)
        if tenant is not None and tenant.decode("latin-1") != scope.tenant:
            raise TenantRefused(
                f"{TENANT_HEADER} names another tenant than the credential's.",
                way_out=f"Leave {TENANT_HEADER} out, or send a credential of that tenant.",
            )
        if environment is None:
            return scope
        name = environment.decode("latin-1")
        known = await self._environments(scope.tenant)
        if name not in known:
            raise unknown_environment(name, sorted(known), ENVIRONMENT_HEADER)
        require_environment(scope, name)
        return Scope(scope.tenant, scope.actor, name, scope.derived)

    async def _environments(self, tenant: str) -> frozenset[str]:
        now, epoch = self._clock.now_ms(), self._verified.epoch(tenant)
        if epoch.until <= now:
            found = await self._db.read(lambda conn: queries.environments_of(conn, tenant))
            epoch.environments, epoch.until = found or frozenset(), now + KEPT_MS
        return epoch.environments


def _picked(headers: Headers) -> dict[bytes, bytes]:
    """The headers that matter here. Fails: NotSignedIn for two credentials: somebody in between may read the other."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _WANTED:
            if name in found and name != _COOKIE:
                raise NotSignedIn(f"The header {name.decode()} is there twice.", way_out="Send it once.")
            found[name] = value if name not in found else found[name] + b";" + value
    return found


def _bearer(header: bytes) -> str:
    kind, _, secret = header.decode("latin-1").partition(" ")
    if kind.lower() != "bearer" or not secret.strip():
        raise NotSignedIn("The Authorization header is not `Bearer KEY`.", way_out=_SIGN_IN)
    return secret.strip()


def _session(cookie: bytes) -> str:
    for part in cookie.decode("latin-1").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value.strip('"')
    return ""
