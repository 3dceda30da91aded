"""`stead token`, `stead whoami`, and keys that are certificates."""

from pathlib import Path

import pytest

from tests.doors.cli.conftest import Call
from tests.doors.cli.helpers import Server


def test_a_token_is_made_and_used_like_a_key(call: Call, server: Server, tmp_path: Path) -> None:
    made = call("token", "create", "--role", "viewer", "--environment", "dev", "--ttl", "15m", "-o", "json").json
    assert (made["roles"], made["environment"]) == (["viewer"], "dev")
    (tmp_path / "token").write_text(made["token"])
    short = ("--key-file", tmp_path / "token")
    found = call("whoami", "-o", "json", *short).json
    assert (found["auth"], found["environment"], found["permissions"]) == ("token", "dev", ["read"])
    shown = call("whoami", *short).out
    assert "by           token" in shown
    assert "dev" in shown
    assert call("run", "list", *short).code == 0
    call("key", "create", "more", "--role", "viewer", *short).refused("not")
    call("token", "create", *short).refused("makes no other credential", "the key itself")
    call("key", "link", *short).refused("makes no other credential")
    assert server.key not in shown


def test_a_token_without_limits_has_what_its_key_has(call: Call) -> None:
    done = call("token", "create", "--roles", "admin")
    assert "shown this once" in done.err
    assert "in 59 m" in done.out or "in 1 h" in done.out
    assert "all" in done.out
    assert call("token", "create").code == 0


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--ttl", "13h"], "--ttl '13h' is too long"),
        (["--ttl", "soon"], "is not an age"),
        (["--environment", "moon"], "no environment 'moon'"),
        (["--role", "root"], "'root' is not one of"),
    ],
)
def test_a_token_that_cannot_be(call: Call, options: list[str], part: str) -> None:
    call("token", "create", *options).refused(part)


def test_whoami_for_a_key(call: Call, server: Server) -> None:
    done = call("whoami")
    assert server.address in done.out
    assert "first admin" in done.out
    assert "never" in done.out
    assert call("whoami", "-o", "json").json["auth"] == "key"


def test_a_key_that_is_a_certificate(call: Call) -> None:
    identity = "san:spiffe://example.org/cli-test"
    made = call("key", "create", "w", "--role", "operator", "--certificate", identity, "-o", "json").json
    assert (made["key"], made["certificate"]) == ("", identity)
    listed = call("key", "list", "-o", "json").json["items"]
    assert identity in {one["certificate"] for one in listed}
    again = ("key", "create", "v", "--role", "viewer", "--certificate", "san:SPIFFE://EXAMPLE.ORG/cli-test")
    call(*again).refused("stands for san:spiffe://example.org/cli-test already", "Revoke")
    assert call("key", "revoke", made["id"]).code == 0
    assert call(*again).code == 0
    call("key", "create", "x", "--role", "viewer", "--certificate", "payments").refused("no identity", "san:spiffe://")


def test_the_schema_of_identity_providers(call: Call) -> None:
    found = call("schema", "IdentityProvider").out
    assert "audience" in found
    assert call("schema", "identity-provider", "-o", "json").json["title"] == "IdentityProvider"
    call("get", "identityprovider").refused("There is no kind")
