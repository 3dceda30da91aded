"""The one answer to "whose request is this": precedence, narrowing, and what is remembered of a credential."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import event

from swarmstead.kernel.errors import BadInput, NotPermitted, NotSignedIn
from swarmstead.kernel.scope import Scope
from swarmstead.people import handlers, queries
from swarmstead.people.cache import Verified
from swarmstead.people.certificates import peer_certificate
from swarmstead.people.contract import Identity, IdentityProviderSpec, NewKey
from swarmstead.people.credentials import KEPT_MS, REFUSED_MS, Credentials
from swarmstead.people.errors import CredentialRefused, TenantRefused, TokenRefused, TooManyGuesses
from swarmstead.people.issuers import Issuers
from swarmstead.people.tables import api_keys, tenants
from swarmstead.people.tokens import mint_token
from swarmstead.storage.database import Database
from swarmstead.storage.listener import listen
from swarmstead.storage.signals import EVERYTHING, Signals
from tests.clocks import START_MS, MovableClock
from tests.conftest import OpenDatabase
from tests.rooms.people.certs import WORKLOAD, authority, issued, uri
from tests.rooms.people.paper import AUDIENCE, EC, ISSUER, RSA, Paper, claims, token


def inside(thing: object, name: str) -> Any:
    """What an object keeps to itself."""
    return vars(thing)[name]


class Door:
    """Asks for scopes as a door does, and counts how often the database is read for it."""

    def __init__(self, database: Database, clock: MovableClock, signals: Signals) -> None:
        self.database = database
        self.clock = clock
        self.credentials = Credentials(database, clock)
        signals.watch(self.credentials.heard)
        self.reads = 0
        event.listen(database.reader, "begin", self._count)
        made = database.write_sync(lambda tx: handlers.bootstrap(tx, clock))
        assert made is not None
        self.first = made
        self.admin = database.read_sync(lambda conn: queries.scope_of_key(conn, clock, made.secret))
        self.reads = 0

    def _count(self, _conn: object) -> None:
        self.reads += 1

    async def ask(self, bearer: str = "", **more: Any) -> Scope:
        headers = [(b"host", b"x"), *([(b"authorization", f"Bearer {bearer}".encode())] if bearer else [])]
        headers += more.pop("headers", [])
        return await self.credentials.scope_of(headers, **more)

    async def refused(self, bearer: str = "", **more: Any) -> NotSignedIn:
        with pytest.raises(NotSignedIn) as caught:
            await self.ask(bearer, **more)
        return caught.value

    async def key(self, *roles: str) -> NewKey:
        return await self.database.write(
            lambda tx: handlers.create_key(tx, self.admin, self.clock, "test", roles or ("viewer",))
        )

    async def revoke(self, key: NewKey) -> None:
        await self.database.write(lambda tx: handlers.revoke_key(tx, self.admin, self.clock, key.view.id))


@pytest.fixture
def door(database: Database, clock: MovableClock, signals: Signals) -> Door:
    return Door(database, clock, signals)


# What a request presents ----------------------------------------------------------------------------------------------


async def test_a_key_a_token_a_session_and_a_certificate(door: Door) -> None:
    key = await door.key("operator")
    me = (await door.ask(key.secret)).actor.id
    mine = await door.ask(key.secret)
    short = await door.database.write(lambda tx: mint_token(tx, mine, door.clock))
    session = await door.database.write(lambda tx: handlers.sign_in(tx, door.clock, key.view.id))
    assert (await door.ask(short.secret)).derived
    assert (await door.ask(short.secret)).actor.id == me
    cookie = [(b"cookie", f"other=1; stead_session={session}".encode())]
    assert (await door.ask(headers=cookie, cookies=True)).actor.id == me
    peer = peer_certificate(issued(authority(), uri(WORKLOAD)).der)
    await door.refused(peer=peer)
    await door.database.write(
        lambda tx: handlers.create_key(tx, door.admin, door.clock, "w", ["viewer"], None, f"san:{WORKLOAD}")
    )
    assert (await door.ask(peer=peer)).actor.roles == {"viewer"}  # at once, though it was refused a moment ago
    assert (await door.ask(key.secret, peer=peer)).actor.id == me  # what is said wins over what the connection is
    found = await door.credentials.identify([(b"authorization", f"bearer {short.secret}".encode())])
    assert (found.means, found.expires_at) == ("token", START_MS + 3_600_000)


async def test_nothing_and_what_is_no_credential(door: Door) -> None:
    assert "key, a session or a client certificate" in (await door.refused()).message
    cookie = [(b"cookie", b"stead_session=x")]
    assert "key, a session" in (await door.refused(headers=cookie)).message  # a door that takes no cookies
    for header in (b"Basic YTpi", b"Bearer", b"Bearer  ", b"stead_x", b"\xff\xfe"):
        assert "not `Bearer KEY`" in (await door.refused(headers=[(b"authorization", header)])).message
    twice = [(b"authorization", b"Bearer other")]
    assert "is there twice" in (await door.refused(door.first.secret, headers=twice)).message


async def test_a_certificate_that_ends_during_the_connection(door: Door) -> None:
    peer = peer_certificate(issued(authority(), uri(WORKLOAD)).der)
    await door.database.write(
        lambda tx: handlers.create_key(tx, door.admin, door.clock, "w", ["viewer"], None, f"san:{WORKLOAD}")
    )
    assert await door.ask(peer=peer)
    door.clock.advance(ms=peer.not_after - door.clock.now_ms())
    assert "has expired" in (await door.refused(peer=peer)).message


# Narrowing ------------------------------------------------------------------------------------------------------------


def limited(**headers: str) -> list[tuple[bytes, bytes]]:
    return [(f"x-stead-{name}".encode(), value.encode()) for name, value in headers.items()]


async def test_headers_narrow_and_never_widen(door: Door) -> None:
    secret = door.first.secret
    assert (await door.ask(secret, headers=limited(tenant="default"))).environment == ""
    found = await door.ask(secret, headers=limited(tenant="default", environment="dev"))
    assert (found.tenant, found.environment) == ("default", "dev")
    for tenant in ("other", "", "DEFAULT"):
        with pytest.raises(TenantRefused, match="another tenant"):
            await door.ask(secret, headers=limited(tenant=tenant))
    with pytest.raises(BadInput, match="no environment 'moon'") as caught:
        await door.ask(secret, headers=limited(environment="moon"))
    assert (caught.value.status, caught.value.field) == (422, "X-Stead-Environment")
    short = await door.database.write(lambda tx: mint_token(tx, door.admin, door.clock, (), "dev"))
    assert (await door.ask(short.secret)).environment == "dev"
    assert (await door.ask(short.secret, headers=limited(environment="dev"))).derived
    with pytest.raises(NotPermitted, match="dev only"):
        await door.ask(short.secret, headers=limited(environment="prod"))
    assert (await door.ask(secret)).environment == ""  # nothing of it stays


# What is remembered ---------------------------------------------------------------------------------------------------


async def test_a_hot_credential_reads_the_database_once_in_five_seconds(door: Door) -> None:
    for _ in range(100):
        await door.ask(door.first.secret)
    assert door.reads == 1
    door.clock.advance(ms=KEPT_MS)
    await door.ask(door.first.secret)
    assert door.reads == 2


async def test_no_credential_is_remembered_beyond_its_end(door: Door) -> None:
    short = await door.database.write(lambda tx: mint_token(tx, door.admin, door.clock, life_s=1))
    await door.ask(short.secret)
    door.clock.advance(seconds=1)
    assert isinstance(await door.refused(short.secret), CredentialRefused)


async def test_a_revoked_key_and_its_token_are_refused_by_the_next_request(door: Door) -> None:
    key, other = await door.key(), await door.key()
    mine = await door.ask(key.secret)
    short = await door.database.write(lambda tx: mint_token(tx, mine, door.clock))
    assert await door.ask(short.secret)
    assert await door.ask(other.secret)
    await door.revoke(key)
    await door.refused(key.secret)
    await door.refused(short.secret)
    assert await door.ask(other.secret)


async def test_a_session_that_was_left_is_refused_by_the_next_request(door: Door) -> None:
    session = await door.database.write(lambda tx: handlers.sign_in(tx, door.clock, door.first.view.id))
    cookie = [(b"cookie", f"stead_session={session}".encode())]
    assert await door.ask(headers=cookie, cookies=True)
    await door.database.write(lambda tx: handlers.sign_out(tx, session))
    await door.refused(headers=cookie, cookies=True)


async def test_a_revocation_while_the_credential_is_looked_up_wins(door: Door) -> None:
    """The read began before the revocation: it answers this request, and is not kept for the next."""
    key = await door.key()
    read = door.database.read

    async def overtaken(look: Any) -> Any:
        found = await read(look)
        await door.revoke(key)
        return found

    door.database.read = overtaken  # type: ignore[method-assign]
    assert await door.ask(key.secret)
    door.database.read = read  # type: ignore[method-assign]
    await door.refused(key.secret)


async def test_missed_wakes_forget_everything(door: Door) -> None:
    await door.ask(door.first.secret)
    door.credentials.heard("events:default")
    await door.ask(door.first.secret)
    assert door.reads == 1
    door.credentials.heard(EVERYTHING)
    await door.ask(door.first.secret)
    assert door.reads == 2


async def test_a_wrong_credential_is_looked_up_once_in_two_seconds(door: Door) -> None:
    errors = [await door.refused("stead_wrong") for _ in range(5)]
    assert door.reads == 1
    assert len({id(error) for error in errors}) == 5  # none of them holds on to another's request
    assert len({str(error.problem()) for error in errors}) == 1
    door.clock.advance(ms=REFUSED_MS)
    await door.refused("stead_wrong")
    assert door.reads == 2


async def test_guessing_is_slowed_down_per_address(door: Door) -> None:
    await door.ask(door.first.secret, address="10.0.0.1")
    for number in range(30):
        await door.refused(f"stead_guess-{number}", address="10.0.0.1")
    with pytest.raises(TooManyGuesses) as caught:
        await door.ask("stead_one-more", address="10.0.0.1")
    assert (caught.value.status, caught.value.extra["retry_after_s"]) == (429, 1)
    door.clock.advance(ms=KEPT_MS - 1)
    door.clock.advance(ms=1 - KEPT_MS)
    assert await door.ask(door.first.secret, address="10.0.0.1")  # who is known stays known
    assert isinstance(await door.refused("stead_guess", address="10.0.0.2"), CredentialRefused)
    door.clock.advance(seconds=1)
    assert isinstance(await door.refused("stead_later", address="10.0.0.1"), CredentialRefused)


async def test_a_good_credential_is_let_in_whoever_guesses_at_the_same_address(door: Door) -> None:
    """An address may be a proxy's and stand for everybody: one who guesses must not lock the others out."""
    for number in range(30):
        await door.refused(f"stead_guess-{number}", address="10.0.0.1")
    with pytest.raises(TooManyGuesses):
        await door.ask("stead_one-more", address="10.0.0.1")
    assert await door.ask(door.first.secret, address="10.0.0.1")


async def test_one_that_was_good_a_moment_ago_is_no_guess(door: Door) -> None:
    """Whoever guesses at its address must not make it wait, nor end its streams."""
    assert await door.ask(door.first.secret, address="10.0.0.1")
    door.clock.advance(ms=KEPT_MS + 1)
    for number in range(30):
        await door.refused(f"stead_guess-{number}", address="10.0.0.1")
    guesses = [asyncio.create_task(door.ask(f"stead_more-{number}", address="10.0.0.1")) for number in range(31)]
    await asyncio.sleep(0)
    assert await door.ask(door.first.secret, address="10.0.0.1")
    assert not any(one.done() for one in guesses)
    for one in guesses:
        one.cancel()
    await asyncio.gather(*guesses, return_exceptions=True)


def test_one_that_was_taken_back_may_be_a_guess_again() -> None:
    verified = Verified()
    verified.put(b"k", _identity("t"), 10)
    verified.refuse(b"k", NotSignedIn("no"), 10)
    assert verified.get(b"k") is None


def test_what_is_remembered_is_bounded_and_an_epoch_that_leaves_is_over() -> None:
    verified = Verified(most=3)
    entries = [verified.put(bytes([number]), _identity(f"tenant-{number}"), 10) for number in range(10)]
    for number in range(10):
        verified.refuse(bytes([100 + number]), NotSignedIn("no"), 10)
    assert {len(inside(verified, name)) for name in ("_entries", "_epochs", "_refused")} == {3}
    assert [entry.epoch.alive for entry in entries] == [False] * 7 + [True] * 3


def _identity(tenant: str) -> Identity:
    from swarmstead.kernel.scope import Actor

    return Identity(Scope(tenant, Actor("key:k", "user", "x")), "key", None)


async def test_no_credential_lies_in_memory(door: Door) -> None:
    await door.ask(door.first.secret)
    await door.refused("stead_wrong-secret")
    verified = inside(door.credentials, "_verified")
    refused: list[Any] = [one[1] for one in inside(verified, "_refused").values()]
    kept = f"{list(inside(verified, '_entries'))} {[vars(one) for one in refused]}"
    assert door.first.secret not in kept
    assert "wrong-secret" not in kept
    assert [one.__traceback__ for one in refused] == [None]


async def test_another_process_hears_of_a_revocation(
    postgres_url: str, open_database_at: OpenDatabase, clock: MovableClock, signals: Signals
) -> None:
    here = Door(open_database_at(postgres_url), clock, signals)
    key = await here.key()
    elsewhere = Credentials(here.database, clock)
    theirs = Signals()
    heard = asyncio.Event()
    theirs.watch(elsewhere.heard)
    theirs.watch(lambda _topic: heard.set())
    listening = asyncio.create_task(listen(postgres_url, theirs))
    try:
        async with asyncio.timeout(30):
            await heard.wait()  # it listens
            headers = [(b"authorization", f"Bearer {key.secret}".encode())]
            assert await elsewhere.scope_of(headers)
            heard.clear()
            await here.revoke(key)
            await heard.wait()
            with pytest.raises(CredentialRefused):
                await elsewhere.scope_of(headers)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


# JWTs -----------------------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def federated(door: Door) -> AsyncIterator[tuple[Door, Paper]]:
    """A door that takes JWTs of an issuer on paper."""
    fetch = Paper()
    specs: Mapping[str, IdentityProviderSpec] = {
        "idp": IdentityProviderSpec(ISSUER, AUDIENCE, tenant="default"),
        "gone": IdentityProviderSpec(ISSUER, "for-gone", tenant="gone"),
        "ci": IdentityProviderSpec(ISSUER, "for-ci", tenant="default", environment="dev", roles=("operator",)),
        "odd": IdentityProviderSpec(ISSUER, "for-odd", tenant="default", environment="moon"),
    }
    door.credentials.issuers = Issuers(door.clock, fetch, specs, door.credentials.forget)
    yield door, fetch
    await door.credentials.issuers.aclose()


async def test_a_jwt_is_verified_once_until_it_ends(federated: tuple[Door, Paper]) -> None:
    door, fetch = federated
    text = token(claims())
    for _ in range(10):
        assert (await door.ask(text)).tenant == "default"
    assert (door.reads, len(fetch.asked)) == (1, 2)
    door.clock.advance(seconds=599)
    await door.ask(text)
    assert door.reads == 1
    door.clock.advance(seconds=61)
    assert isinstance(await door.refused(text), NotSignedIn)


async def test_a_key_that_the_issuer_took_back_ends_what_it_signed(federated: tuple[Door, Paper]) -> None:
    door, fetch = federated
    text = token(claims())
    await door.ask(text)
    fetch.keys(EC)
    door.clock.advance(seconds=60)
    assert await door.ask(token(claims(), EC, "ES256"))  # this is how we hear of it
    assert isinstance(await door.refused(text), NotSignedIn)


async def test_a_jwt_for_a_tenant_or_environment_that_is_not_there(federated: tuple[Door, Paper]) -> None:
    door, _ = federated
    for audience in ("for-gone", "for-odd"):
        assert isinstance(await door.refused(token(claims(aud=audience))), TokenRefused)
    found = await door.ask(token(claims(aud="for-ci", roles=None)))
    assert (found.environment, found.actor.roles) == ("dev", {"operator"})
    with pytest.raises(NotPermitted, match="dev only"):
        await door.ask(token(claims(aud="for-ci")), headers=limited(environment="prod"))


async def test_without_issuers_a_jwt_is_an_unknown_key(door: Door) -> None:
    assert isinstance(await door.refused(token(claims(), RSA)), CredentialRefused)


async def test_the_tenant_of_a_key_is_its_own(door: Door) -> None:
    await door.database.write(lambda tx: tx.conn.execute(tenants.insert().values(name="other", created_at=1)))
    move = api_keys.update().values(tenant="other")
    await door.database.write(lambda tx: tx.conn.execute(move))
    assert (await door.ask(door.first.secret)).tenant == "other"
