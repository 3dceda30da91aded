"""Client certificates over real TLS: the right CA, the wrong one, an expired one, one that nobody registered."""

import datetime as dt
import ipaddress
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from swarmstead.doors.worker.tls import context_of
from swarmstead.kernel.errors import BadInput
from swarmstead.settings import load
from tests.doors.cli.helpers import stead
from tests.doors.identity.house import House, house
from tests.rooms.people.certs import WORKLOAD, authority, dns, issued, uri

CA = authority()
_LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
PAYMENTS = issued(CA, uri(WORKLOAD))


def files(room: Path) -> dict[str, Path]:
    """The server's certificate and the CA, as settings name them."""
    server = issued(CA, _LOOPBACK, dns("localhost"), subject="server").written(room / "server.pem")
    return {"tls_cert": server, "tls_key": server, "client_ca": CA.written(room / "ca.pem")}


def options(room: Path) -> list[str | Path]:
    """The same as options of `stead up`."""
    return [part for name, path in files(room).items() for part in (f"--{name.replace('_', '-')}", path)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    room = tmp_path_factory.mktemp("mtls")
    with house(room, *options(room), trust=room / "ca.pem") as found:
        yield found


def register(served: House, identity: str, role: str = "operator") -> httpx.Response:
    with served.client(served.server.key) as admin:
        body = {"name": "payments", "roles": [role], "certificate": identity}
        return admin.post("/api/v1/keys", json=body)


def test_a_registered_certificate_opens_every_door_until_it_is_revoked(served: House) -> None:
    assert served.address.startswith("https://")
    with served.client(made=PAYMENTS) as workload, served.client(served.server.key) as admin:
        answer = workload.get("/api/v1/session")
        assert (answer.status_code, answer.json()["code"]) == (401, "credential_refused")
        made = register(served, f"san:{WORKLOAD}").json()
        assert (made["key"], made["certificate"]) == ("", f"san:{WORKLOAD}")
        found = workload.get("/api/v1/session").json()
        assert (found["auth"], found["actor"]["id"]) == ("certificate", f"key:{made['id']}")
        assert found["expires_at"]
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        accept = {"accept": "application/json, text/event-stream"}
        assert workload.post("/mcp", json=message, headers=accept).status_code == 200
        token = workload.post("/api/v1/tokens", json={"roles": ["viewer"]}).json()["token"]
        assert served.session(token).json()["actor"]["id"] == f"key:{made['id']}"
        assert register(served, f"san:{WORKLOAD}").json()["code"] == "certificate_taken"
        assert admin.post(f"/api/v1/keys/{made['id']}:revoke").status_code == 204
        assert workload.get("/api/v1/session").status_code == 401  # on the very connection
        assert served.session(token).status_code == 401


def test_the_command_line_shows_a_certificate_too(served: House) -> None:
    made = issued(CA, uri("spiffe://example.org/cli"))
    file = made.written(served.room / "cli.pem")
    env = {"STEAD_SERVER": served.address, "SSL_CERT_FILE": str(served.room / "ca.pem")}
    create = ("key", "create", "cli", "--role", "viewer", "--certificate", "san:spiffe://example.org/cli")
    done = stead(served.room, *create, env=env | {"STEAD_KEY": served.server.key})
    assert "san:spiffe://example.org/cli" in done.out, done
    assert "Connect with such a certificate" in done.err
    listed = stead(served.room, "key", "list", env=env | {"STEAD_KEY": served.server.key})
    assert "san:spiffe://" in listed.out
    away = served.room / "away"  # a home where nothing is saved
    away.mkdir()
    done = stead(away, "whoami", "-o", "json", env=env | {"STEAD_CLIENT_CERTIFICATE": str(file)})
    assert (done.json["auth"], done.json["actor"]["name"]) == ("certificate", "cli")
    done = stead(away, "whoami", env=env | {"STEAD_CLIENT_CERTIFICATE": str(away / "nowhere.pem")})
    done.refused("nowhere.pem is not usable", "private key")


def test_a_browser_with_a_certificate_changes_nothing_from_a_foreign_page(served: House) -> None:
    made = issued(CA, uri("spiffe://example.org/person"))
    register(served, f"sha256:{made.fingerprint}", "admin")
    with served.client(made=made) as browser:
        body = {"name": "forged", "roles": ["admin"]}
        foreign = browser.post("/api/v1/keys", json=body, headers={"origin": "https://evil.example"})
        assert foreign.json()["code"] == "origin_refused"
        blind = browser.post("/api/v1/keys", json=body, headers={"sec-fetch-site": "cross-site"})
        assert blind.json()["code"] == "csrf_refused"
        assert browser.post("/api/v1/keys", json=body).status_code == 201  # a program


def test_others_are_turned_away_by_tls(served: House) -> None:
    now = dt.datetime.now(dt.UTC)
    expired = issued(CA, uri(WORKLOAD), begins=now - dt.timedelta(days=9), ends=now - dt.timedelta(days=1))
    stranger = issued(authority("Another CA"), uri(WORKLOAD))
    impostor = issued(authority(), uri(WORKLOAD))  # by a CA that only calls itself the same
    for made in (expired, stranger, impostor):
        with served.client(made=made) as workload, pytest.raises(httpx.TransportError):
            workload.get("/api/v1/session")


def test_a_header_is_no_certificate(served: House) -> None:
    headers = {"x-forwarded-client-cert": f"URI={WORKLOAD}", "x-ssl-client-cert": "x", "x-client-verify": "SUCCESS"}
    assert served.session(headers=headers).status_code == 401


def test_required_means_every_connection(tmp_path: Path) -> None:
    with house(tmp_path, *options(tmp_path), "--client-cert", "required", trust=tmp_path / "ca.pem") as found:
        with found.client(found.server.key) as nobody, pytest.raises(httpx.TransportError):
            nobody.get("/healthz")
        assert found.session(found.server.key, PAYMENTS).json()["auth"] == "key"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"tls_cert": "nowhere.pem"}, "STEAD_TLS_CERT"),
        ({"tls_key": "nowhere.pem"}, "STEAD_TLS_KEY"),
        ({"tls_key": "other.pem"}, "STEAD_TLS_CERT"),
        ({"tls_cert": "text.pem"}, "STEAD_TLS_CERT"),
        ({"client_ca": "nowhere.pem"}, "STEAD_CLIENT_CA"),
        ({"client_ca": "text.pem"}, "STEAD_CLIENT_CA"),
    ],
)
def test_files_that_are_not_usable_are_named_at_start(tmp_path: Path, wrong: dict[str, str], named: str) -> None:
    issued(CA, dns("other")).written(tmp_path / "other.pem")
    (tmp_path / "text.pem").write_text("no certificate")
    paths = files(tmp_path) | {name: tmp_path / file for name, file in wrong.items()}
    with pytest.raises(BadInput, match="is not usable") as caught:
        context_of(load({}, **paths))
    assert caught.value.field == named


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"tls_cert": "x"}, "STEAD_TLS_CERT"),
        ({"tls_key": "x"}, "STEAD_TLS_CERT"),
        ({"client_ca": "x"}, "STEAD_CLIENT_CA"),
        ({"client_cert": "required"}, "STEAD_CLIENT_CERT"),
        ({"client_cert": "perhaps"}, "STEAD_CLIENT_CERT"),
    ],
)
def test_settings_that_do_not_go_together(given: dict[str, str], named: str) -> None:
    with pytest.raises(BadInput) as caught:
        load({f"STEAD_{name.upper()}": value for name, value in given.items()})
    assert caught.value.field == named


def test_without_a_certificate_there_is_no_tls() -> None:
    assert context_of(load({})) is None
