"""A real issuer on loopback, from discovery to the audit trail: its tokens at REST, at event streams and at `/mcp`."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doors.cli.helpers import stead
from tests.doors.identity.house import House, house
from tests.fakes.issuer import Issuer, running_issuer

AUDIENCE = "https://stead.example/mcp"
CLIENTS: dict[str, dict[str, Any]] = {
    "acme-bot": {"org": "Acme", "groups": ["sre"]},
    "acme-viewer": {"org": "Acme", "groups": ["everybody"]},
    "other-admin": {"org": "Other", "groups": ["owners"]},
    "third": {"org": "Third", "groups": ["owners"]},
    "no-tenant": {"groups": ["owners"]},
}
_PROVIDERS = """
apiVersion: swarmstead.dev/v1alpha1
kind: IdentityProvider
metadata: {{name: corp}}
spec:
  issuer: {issuer}
  audience: {audience}
  tenant_claim: org
  tenants: {{Acme: default, Other: other}}
  roles_claim: groups
  role_map: {{sre: operator, owners: admin, everybody: viewer}}
  scopes: [openid]
"""


def written(room: Path, issuer: Issuer) -> Path:
    """The operator's file of identity providers."""
    file = room / "providers.yaml"
    file.write_text(_PROVIDERS.format(issuer=issuer.url, audience=AUDIENCE))
    return file


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with running_issuer(CLIENTS) as running:
        yield running


@pytest.fixture(scope="module")
def served(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    room = tmp_path_factory.mktemp("oidc")
    with house(room, "--identity-providers", written(room, issuer)) as found:
        found.with_tenant("other")
        yield found


def test_a_token_of_the_issuer_opens_every_door(served: House, issuer: Issuer) -> None:
    token = issuer.token("acme-bot", AUDIENCE)
    found = served.session(token).json()
    assert (found["tenant"], found["auth"], found["actor"]["roles"]) == ("default", "jwt", ["operator"])
    assert found["actor"]["id"] == "oidc:corp:acme-bot"
    assert found["expires_at"]
    with served.client(token) as client:
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        accept = {"accept": "application/json, text/event-stream"}
        assert client.post("/mcp", json=message, headers=accept).status_code == 200
        with client.stream("GET", "/api/v1/events", headers={"accept": "text/event-stream"}) as stream:
            assert stream.status_code == 200
        body = {"swarm": "repo-review", "input": {"repo": str(served.room / "repo")}}
        run = client.post("/api/v1/runs", json=body).json()["id"]
        client.post(f"/api/v1/runs/{run}/commands", json={"kind": "cancel"})
    with served.client(served.server.key) as admin:
        rows = admin.get("/api/v1/audit", params={"actor": "oidc:corp:acme-bot"}).json()["items"]
    assert "run.launch" in {row["action"] for row in rows}
    done = stead(served.room, "whoami", "-o", "json", env={"STEAD_KEY": token, "STEAD_SERVER": served.address})
    assert done.json["auth"] == "jwt"


def test_roles_and_tenant_come_from_the_claims(served: House, issuer: Issuer) -> None:
    with served.client(issuer.token("acme-viewer", AUDIENCE)) as client:
        assert client.get("/api/v1/runs").status_code == 200
        assert client.get("/api/v1/keys").status_code == 403
        assert client.post("/api/v1/tokens", json={}).json()["code"] == "credential_derived"
        assert client.post("/api/v1/session:link").status_code == 403
    other = issuer.token("other-admin", AUDIENCE)
    assert served.session(other).json()["tenant"] == "other"
    with served.client(other) as client:
        assert client.get("/api/v1/keys").json()["items"] == []
        assert client.get("/api/v1/agents").json()["items"] == []
    assert served.session(other, headers={"x-stead-tenant": "default"}).json()["code"] == "tenant_refused"
    for client_id in ("third", "no-tenant"):
        answer = served.session(issuer.token(client_id, AUDIENCE))
        assert (answer.status_code, "names no tenant" in answer.json()["detail"]) == (401, True)


def test_a_token_for_somebody_else_and_one_that_the_issuer_should_not_have_made(served: House, issuer: Issuer) -> None:
    answer = served.session(issuer.token("acme-bot", "https://another.example"))
    assert (answer.status_code, "another audience" in answer.json()["detail"]) == (401, True)
    now = int(time.time())
    good = {"iss": issuer.url, "aud": AUDIENCE, "sub": "x", "org": "Acme", "groups": ["sre"], "exp": now + 60}
    assert served.session(issuer.signed(good)).status_code == 200
    wrongs: list[tuple[dict[str, Any], str]] = [
        ({"exp": now - 120}, "has expired"),
        ({"nbf": now + 600}, "not valid yet"),
        ({"iat": now + 600}, "made in the future"),
        ({"iss": "https://another.example"}, "issuer is not known"),
        ({"sub": ""}, "no subject"),
    ]
    for wrong, why in wrongs:
        answer = served.session(issuer.signed(good | wrong))
        assert (answer.status_code, why in answer.json()["detail"]) == (401, True), answer.text
    assert served.session(issuer.signed(good, typ="logout+jwt")).status_code == 401
    with running_issuer(CLIENTS) as stranger:
        forged = stranger.signed(good)  # the very claims, under the very key id, by another's key
        answer = served.session(forged)
        assert (answer.status_code, "signature does not hold" in answer.json()["detail"]) == (401, True)
        assert served.session(stranger.token("acme-bot", AUDIENCE)).status_code == 401


def test_the_metadata_names_the_issuer(served: House, issuer: Issuer) -> None:
    with served.client() as nobody:
        found = nobody.get("/.well-known/oauth-protected-resource/mcp").json()
        refused = nobody.post("/mcp", json={})
        wrong = nobody.post("/mcp", json={}, headers={"authorization": "Bearer eyJx.eyJx.x"})
    assert found == {
        "resource": f"{served.address}/mcp",
        "authorization_servers": [issuer.url],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["openid"],
        "resource_name": "Swarmstead",
    }
    place = f'resource_metadata="{served.address}/.well-known/oauth-protected-resource/mcp"'
    assert refused.headers["www-authenticate"] == f"Bearer {place}"
    assert wrong.headers["www-authenticate"] == f'Bearer error="invalid_token", {place}'
    assert "eyJx" not in wrong.text


def test_without_its_issuer_the_server_starts_and_keys_work(tmp_path: Path) -> None:
    with running_issuer(CLIENTS, algorithm="ES256") as issuer:
        file, token = written(tmp_path, issuer), issuer.token("acme-bot", AUDIENCE)
    with house(tmp_path, "--identity-providers", file) as found:
        answer = found.session(token)
        assert (answer.status_code, answer.json()["code"]) == (503, "issuer_away")
        assert found.session(found.server.key).status_code == 200
        assert token not in found.server.said


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("spec: {issuer: 'https://a.example', audience: x}", "spec.tenant: needs either a tenant"),
        ("spec: {issuer: 'http://a.example', audience: x, tenant: default}", "spec.issuer: must be https"),
        ("spec: {issuer: 'https://a.example', audience: x, tenant: default, algorithms: [none]}", ":4:"),
        ("spec: {issuer: 'https://a.example', audience: x, tenant: default, algorithms: [HS256]}", "spec.algorithms"),
        ("spec: {issuer: 'https://a.example', audience: x, tenant: default, role_map: {a: root}}", "spec.role_map"),
        ("spec: {issuer: 'https://a.example', audience: x, tenant: d, tenants: {a: b}}", "spec.tenants"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_its_line_at_start(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "providers.yaml"
    head = "apiVersion: swarmstead.dev/v1alpha1\nkind: IdentityProvider\nmetadata: {name: corp}\n"
    file.write_text(head + text + "\n")
    done = stead(tmp_path, "up", "--port", "0", "--data", tmp_path / "data", "--identity-providers", file)
    done.refused(f"{file}:4:", named)


def test_an_issuer_cannot_be_applied_by_a_tenant(served: House) -> None:
    file = served.room / "providers.yaml"
    with served.client(served.server.key) as admin:
        answer = admin.post("/api/v1/apply", content=file.read_text())
    assert (answer.status_code, "unknown kind 'IdentityProvider'" in answer.text) == (422, True)
