"""Client certificates: one way to write an identity, and the key that it stands for."""

import pytest

from swarmstead.kernel.errors import BadInput, NotPermitted
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.people import handlers, queries
from swarmstead.people.certificates import normalised, peer_certificate
from swarmstead.people.contract import Identity
from swarmstead.people.errors import CertificateTaken, CredentialRefused
from swarmstead.people.tables import tenants
from swarmstead.storage.database import Database
from tests.clocks import START_MS, MovableClock
from tests.rooms.people.certs import WORKLOAD, Made, authority, dns, issued, uri

CA = authority()
PAYMENTS = issued(CA, uri(WORKLOAD), dns("payments.example.org"))
ADA = Scope("default", Actor("key:k_ada", "user", "Ada", frozenset({"admin"})))
EVE = Scope("other", Actor("key:k_eve", "user", "Eve", frozenset({"admin"})))
DIGITS = "ab" * 32


@pytest.fixture(autouse=True)
def _tenants(database: Database, clock: MovableClock) -> None:
    database.write_sync(lambda tx: handlers.bootstrap(tx, clock))
    database.write_sync(lambda tx: tx.conn.execute(tenants.insert().values(name="other", created_at=1)))


class Desk:
    """Registers certificates and shows them, for one test."""

    def __init__(self, database: Database, clock: MovableClock) -> None:
        self.database = database
        self.clock = clock

    def register(self, identity: str, scope: Scope = ADA, role: str = "operator", life_s: int | None = None) -> str:
        made = self.database.write_sync(
            lambda tx: handlers.create_key(tx, scope, self.clock, identity[:20], [role], life_s, identity)
        )
        assert made.secret == ""
        return made.view.id

    def revoke(self, key: str, scope: Scope = ADA) -> None:
        self.database.write_sync(lambda tx: handlers.revoke_key(tx, scope, self.clock, key))

    def show(self, made: Made) -> Identity:
        peer = peer_certificate(made.der)
        return self.database.read_sync(lambda conn: queries.identity_of_certificate(conn, self.clock, peer))

    def refused(self, made: Made) -> bool:
        with pytest.raises(CredentialRefused, match="client certificate"):
            self.show(made)
        return True


@pytest.fixture
def desk(database: Database, clock: MovableClock) -> Desk:
    return Desk(database, clock)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (f"sha256:{DIGITS}", f"sha256:{DIGITS}"),
        (f"sha256:{':'.join(['AB'] * 32)}", f"sha256:{DIGITS}"),
        ("san:SPIFFE://Example.ORG/Payments", "san:spiffe://example.org/Payments"),
        (" san:spiffe://example.org/payments ", "san:spiffe://example.org/payments"),
        ("san:API.Example.org.", "san:api.example.org"),
        ("subject:CN=payments, O=Example", "subject:CN=payments,O=Example"),
    ],
)
def test_an_identity_is_written_in_one_way(text: str, same: str) -> None:
    assert normalised(text) == same
    assert normalised(same) == same


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spiffe://example.org/x",
        "sha256:abc",
        "sha1:" + "ab" * 20,
        "san:",
        "san:*.example.org",
        "san:not a host",
        "san:spiffe://",
        "san:spiffe://user@example.org/x",
        "san:spiffe://example.org/x?y",
        "san:spiffe://exam\nple.org/x",
        "san:" + "a." * 1200,
        "subject:",
        "subject:payments",
        "email:ada@example.org",
    ],
)
def test_what_is_no_identity_is_refused_with_a_way_out(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        normalised(text)
    assert "san:spiffe://" in caught.value.way_out


def test_a_certificate_says_its_names_the_most_exact_first() -> None:
    peer = peer_certificate(PAYMENTS.der)
    names = ("san:spiffe://example.org/payments", "san:payments.example.org", "subject:CN=payments")
    assert peer.identities == (f"sha256:{PAYMENTS.fingerprint}", *names)
    odd = issued(CA, uri("spiffe://example.org/a?b"), dns("*.example.org"), subject="")
    assert peer_certificate(odd.der).identities == (f"sha256:{odd.fingerprint}",)
    with pytest.raises(ValueError):
        peer_certificate(b"no certificate")


@pytest.mark.parametrize(
    "identity",
    [f"san:{WORKLOAD}", "san:payments.example.org", "subject:CN=payments", f"sha256:{PAYMENTS.fingerprint.upper()}"],
    ids=["uri", "host", "subject", "fingerprint"],  # the fingerprint is another one in every process
)
def test_a_registered_certificate_is_its_key(desk: Desk, identity: str) -> None:
    key = desk.register(identity)
    found = desk.show(PAYMENTS)
    assert (found.scope.tenant, found.scope.actor.id, found.scope.actor.roles) == (
        "default",
        f"key:{key}",
        {"operator"},
    )
    assert found.means == "certificate"
    listed = desk.database.read_sync(lambda conn: queries.list_keys(conn, ADA))
    assert normalised(identity) in {one.certificate for one in listed}


def test_one_that_nobody_registered_is_refused(desk: Desk) -> None:
    assert desk.refused(PAYMENTS)
    desk.register("san:spiffe://example.org/payments/other")
    assert desk.refused(PAYMENTS)


def test_revoked_and_expired(desk: Desk, clock: MovableClock) -> None:
    key = desk.register(f"san:{WORKLOAD}")
    desk.revoke(key)
    assert desk.refused(PAYMENTS)
    desk.register(f"san:{WORKLOAD}", life_s=60)  # the same tenant may register it again
    ends = desk.show(PAYMENTS).expires_at
    assert ends == START_MS + 60_000
    clock.advance(seconds=60)
    assert desk.refused(PAYMENTS)


def test_the_most_exact_registration_decides_even_when_it_is_revoked(desk: Desk) -> None:
    desk.register(f"san:{WORKLOAD}", role="viewer")
    this_one = desk.register(f"sha256:{PAYMENTS.fingerprint}", role="operator")
    assert desk.show(PAYMENTS).scope.actor.roles == {"operator"}
    desk.revoke(this_one)
    assert desk.refused(PAYMENTS)
    assert desk.show(issued(CA, uri(WORKLOAD))).scope.actor.roles == {"viewer"}


def test_an_identity_belongs_to_one_key_whichever_tenant_asks(desk: Desk) -> None:
    key = desk.register(f"san:{WORKLOAD}")
    for scope in (ADA, EVE):
        with pytest.raises(CertificateTaken) as caught:
            desk.register("san:SPIFFE://EXAMPLE.org/payments", scope)
        assert key not in str(caught.value.problem())
        assert "default" not in str(caught.value.problem())
    assert desk.show(PAYMENTS).scope.tenant == "default"
    desk.revoke(key)
    with pytest.raises(CertificateTaken):  # what was one tenant's is not another's for the taking
        desk.register(f"san:{WORKLOAD}", EVE)
    names = [one.name for one in desk.database.read_sync(lambda conn: queries.list_keys(conn, EVE))]
    assert names == []


def test_its_identity_is_no_password(desk: Desk, clock: MovableClock) -> None:
    desk.register(f"san:{WORKLOAD}")
    for guess in (f"san:{WORKLOAD}", "", PAYMENTS.fingerprint):
        with pytest.raises(CredentialRefused):
            desk.database.read_sync(lambda conn, guess=guess: queries.scope_of_key(conn, clock, guess))


def test_registering_takes_the_right_to_manage_keys(desk: Desk) -> None:
    operator = Scope("default", Actor("key:k", "user", "Olga", frozenset({"operator"})))
    with pytest.raises(NotPermitted):
        desk.register(f"san:{WORKLOAD}", operator)
